/* journals.h - journals in a memory store, and what a later one finds in them. */
#pragma once

#include <stdio.h>

#include "base/mem.h"
#include "src/journal/journal.h"
#include "tests/unit/cm.h"

static inline struct pfs_journal *open_journal(struct pfs_store *store, uint64_t segment_bytes, uint64_t limit_bytes)
{
    struct pfs_journal_config config = {
        .store = store, .user = "me", .segment_bytes = segment_bytes, .limit_bytes = limit_bytes};
    struct pfs_journal *journal;

    assert_int_equal(pfs_journal_open(&config, &journal, NULL), 0);
    return journal;
}

static inline struct pfs_store *open_memory(void)
{
    struct pfs_store *store;

    assert_int_equal(pfs_store_open_memory(&store, NULL), 0);
    return store;
}

static inline int add(struct pfs_journal *journal, uint64_t transaction, enum pfs_journal_kind kind, const char *text)
{
    return pfs_journal_add(journal, transaction, kind, pfs_str(text), NULL, NULL);
}

static inline int count_name(void *context, struct pfs_slice name, bool directory)
{
    int *count = context;

    (void)name;
    (void)directory;
    (*count)++;
    return 0;
}

static inline int count_files(struct pfs_store *store)
{
    int count = 0, rc = pfs_store_list(store, ".paimonfs", count_name, &count, NULL);

    assert_true(rc == 0 || rc == -ENOENT);
    return count;
}

/* The bodies of all ROWS of transactions that are sealed and not retired, of every journal that can be taken, each
 * followed by a comma; and the journals are given up again, or removed. */
static inline int32_t take_rows(struct pfs_store *store, char *out, size_t size, bool finished)
{
    struct pfs_journal *journal = open_journal(store, 0, 0);
    struct pfs_foreign **foreign;
    struct pfs_arena arena;
    int32_t count;
    size_t len = 0;

    out[0] = '\0';
    pfs_arena_init(&arena, 0);
    assert_int_equal(pfs_journal_take(journal, &foreign, &count, NULL), 0);
    for (int32_t i = 0; i < count; i++) {
        int64_t records;
        const struct pfs_journal_record *r = pfs_foreign_records(foreign[i], &records);

        assert_string_equal(pfs_foreign_user(foreign[i]), "me");
        for (int64_t k = 0; k < records; k++) {
            bool sealed = false, retired = false;
            struct pfs_slice body;

            assert_int_equal(pfs_foreign_read(foreign[i], r[k].place, &arena, &body, NULL), 0);
            for (int64_t m = k + 1; m < records; m++) {
                sealed |= r[m].transaction == r[k].transaction && r[m].kind == PFS_JOURNAL_SEAL;
                retired |= r[m].transaction == r[k].transaction && r[m].kind == PFS_JOURNAL_RETIRED;
            }
            if (r[k].kind == PFS_JOURNAL_ROWS && sealed && !retired)
                len += (size_t)snprintf(out + len, size - len, "%.*s,", PFS_P(body));
        }
        pfs_foreign_close(foreign[i], finished);
    }
    pfs_free(foreign);
    pfs_arena_done(&arena);
    pfs_journal_close(journal);
    return count;
}
