/* crash_test.c - a process killed at any call of the store: its successor finds what it acknowledged, once. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "src/journal/journal.h"
#include "tests/unit/cm.h"

#define WRITES 9

/* Writes, and says on `told` after each what is promised: 'a' + n is there, 'A' + n is retired. Every third is. */
static void write_and_die(const char *root, int64_t die_at, int told)
{
    struct pfs_fault fault = {.die_at = die_at};
    struct pfs_store *posix, *store;
    struct pfs_journal_config config = {.user = "me", .segment_bytes = 300};
    struct pfs_journal *journal;

    if (pfs_store_open_posix(root, &posix, NULL) < 0 || pfs_store_open_fault(posix, &fault, &store, NULL) < 0)
        _exit(3);
    config.store = store;
    if (pfs_journal_open(&config, &journal, NULL) < 0)
        _exit(3);
    for (int i = 0; i < WRITES; i++) {
        uint64_t t = pfs_journal_transaction(journal);
        char text = (char)('a' + i), retired = (char)('A' + i);
        char body[60];

        memset(body, text, sizeof(body));
        if (pfs_journal_add(journal, t, PFS_JOURNAL_ROWS, pfs_slice_of(body, sizeof(body)), NULL, NULL) < 0 ||
            pfs_journal_add(journal, t, PFS_JOURNAL_SEAL, pfs_slice_of(body, 0), NULL, NULL) < 0 ||
            pfs_journal_sync(journal, t, NULL) < 0 || write(told, &text, 1) != 1)
            _exit(3);
        if (i % 3 != 0)
            continue;
        if (pfs_journal_add(journal, t, PFS_JOURNAL_RETIRED, pfs_slice_of(body, 0), NULL, NULL) < 0 ||
            pfs_journal_sync(journal, t, NULL) < 0 || write(told, &retired, 1) != 1)
            _exit(3);
    }
    pfs_journal_close(journal);
    pfs_store_close(store);
    _exit(0);
}

/* What a successor finds: 'a' + n counts as found when its rows and its seal are there and its end is not. */
static void take_over(const char *root, int found[WRITES])
{
    struct pfs_journal_config config = {.user = "next"};
    struct pfs_foreign **foreign;
    struct pfs_journal *journal;
    struct pfs_arena arena;
    int32_t count;

    pfs_arena_init(&arena, 0);
    assert_int_equal(pfs_store_open_posix(root, &config.store, NULL), 0);
    assert_int_equal(pfs_journal_open(&config, &journal, NULL), 0);
    assert_int_equal(pfs_journal_take(journal, &foreign, &count, NULL), 0);
    assert_true(count <= 1);
    for (int32_t i = 0; i < count; i++) {
        int64_t records;
        const struct pfs_journal_record *r = pfs_foreign_records(foreign[i], &records);

        for (int64_t k = 0; k < records; k++) {
            struct pfs_slice body;

            assert_in_range(r[k].transaction, 1, WRITES);
            assert_int_equal(pfs_foreign_read(foreign[i], r[k].place, &arena, &body, NULL), 0);
            if (r[k].kind == PFS_JOURNAL_ROWS)
                assert_int_equal(body.at[0], 'a' + (int)r[k].transaction - 1);
            if (r[k].kind == PFS_JOURNAL_SEAL)
                found[r[k].transaction - 1]++;
            if (r[k].kind == PFS_JOURNAL_RETIRED)
                found[r[k].transaction - 1] = 0;
        }
        pfs_foreign_close(foreign[i], true);
    }
    pfs_free(foreign);
    assert_int_equal(pfs_journal_take(journal, &foreign, &count, NULL), 0);
    assert_int_equal(count, 0);
    pfs_journal_close(journal);
    assert_int_equal(pfs_store_remove_all(config.store, ".paimonfs", NULL), 0);
    pfs_store_close(config.store);
    pfs_arena_done(&arena);
}

/* False when the process came to its end. */
static bool killed_at(const char *root, int64_t die_at)
{
    char told[4 * WRITES], *end = told;
    int found[WRITES] = {0}, ends[2], status;
    ssize_t got;
    pid_t child;

    assert_int_equal(pipe(ends), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ends[0]);
        write_and_die(root, die_at, ends[1]);
    }
    close(ends[1]);
    while ((got = read(ends[0], end, (size_t)(told + sizeof(told) - end))) > 0)
        end += got;
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    take_over(root, found);
    for (int i = 0; i < WRITES; i++) {
        bool there = memchr(told, 'a' + i, (size_t)(end - told)) != NULL;
        bool retired = memchr(told, 'A' + i, (size_t)(end - told)) != NULL;

        if (found[i] > 1 || (there && i % 3 != 0 && found[i] != 1) || (retired && found[i] != 0))
            fail_msg("killed at call %lld: write %d is found %d times", (long long)die_at, i, found[i]);
    }
    assert_true(!WIFEXITED(status) || WEXITSTATUS(status) == 0);
    return !WIFEXITED(status);
}

static void what_was_acknowledged_is_found_once(void **state)
{
    char root[] = "/tmp/paimonfs-journal-XXXXXX";
    int64_t at = 1;

    (void)state;
    assert_non_null(mkdtemp(root));
    while (killed_at(root, at))
        at++;
    assert_true(at > 40);
    assert_int_equal(rmdir(root), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_acknowledged_is_found_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
