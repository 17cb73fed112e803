/* journal_fuzz.c - a segment of a dead process's journal: records that can all be read again, or a sentence; and then
 * nothing is left of it. The input is read as it is, and once more as records whose hashes match. */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "src/journal/segment.h"

#define UUID "00000000-0000-4000-8000-000000000000"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_file(struct pfs_store *store, const char *path, struct pfs_slice bytes)
{
    struct pfs_file *file;

    if (pfs_store_create(store, path, &file, NULL) < 0 || pfs_file_append(file, bytes.at, bytes.len, NULL) < 0)
        abort();
    pfs_file_close(file);
}

/* Takes what is there, reads all of it, and finishes it: then nothing is to be had any more. */
static void take(struct pfs_store *store)
{
    struct pfs_journal_config config = {.store = store, .user = "fuzz"};
    struct pfs_journal *journal;
    struct pfs_foreign **foreign;
    struct pfs_arena arena;
    struct pfs_err err = {0};
    int32_t count;
    int rc;

    pfs_arena_init(&arena, 0);
    if (pfs_journal_open(&config, &journal, NULL) < 0)
        abort();
    rc = pfs_journal_take(journal, &foreign, &count, &err);
    if (rc < 0 && (err.text[0] == '\0' || err.code != -rc))
        abort();
    for (int32_t i = 0; rc == 0 && i < count; i++) {
        int64_t records;
        const struct pfs_journal_record *record = pfs_foreign_records(foreign[i], &records);

        for (int64_t k = 0; k < records; k++) {
            struct pfs_slice body;

            if (pfs_foreign_read(foreign[i], record[k].place, &arena, &body, NULL) < 0 ||
                body.len != record[k].place.len)
                abort();
            pfs_arena_reset(&arena);
        }
        pfs_foreign_close(foreign[i], true);
    }
    if (rc == 0) {
        pfs_free(foreign);
        if (pfs_journal_take(journal, &foreign, &count, NULL) < 0 || count != 0)
            abort();
    }
    pfs_journal_close(journal);
    pfs_arena_done(&arena);
}

/* The input as records: where it names a length that fits, the hash is made to match; then the rest as it is. */
static void put_records(struct pfs_buf *out, uint64_t seed, const uint8_t *data, size_t size)
{
    size_t at = 0;

    while (size - at >= PFS_RECORD_HEAD) {
        size_t len = pfs_le32(data + at) & 0xffff;
        uint8_t head[PFS_RECORD_HEAD];

        if (len > size - at - PFS_RECORD_HEAD)
            break;
        pfs_record_put_head(head, seed, pfs_le32(data + at + 4), pfs_le64(data + at + 8),
                            pfs_slice_of(data + at + PFS_RECORD_HEAD, len));
        pfs_buf_put(out, head, sizeof(head));
        pfs_buf_put(out, data + at + PFS_RECORD_HEAD, len);
        at += PFS_RECORD_HEAD + len;
    }
    pfs_buf_put(out, data + at, size - at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pfs_segment_header header = {.uuid = UUID, .user = "someone"};
    struct pfs_buf bytes = {0};
    struct pfs_store *store;

    if (pfs_store_open_memory(&store, NULL) < 0)
        abort();
    put_file(store, PFS_JOURNAL_DIRECTORY "/journal-" UUID "-0", pfs_slice_of(data, size));
    take(store);
    (void)pfs_store_remove_all(store, PFS_JOURNAL_DIRECTORY, NULL);
    for (header.number = 0; header.number < 2; header.number++) {
        size_t begin = header.number == 0 ? 0 : size / 2, end = header.number == 0 ? size / 2 : size;
        char path[128];

        pfs_buf_clear(&bytes);
        if (pfs_segment_put_header(&header, &bytes, NULL) < 0)
            abort();
        put_records(&bytes, header.seed, data + begin, end - begin);
        (void)snprintf(path, sizeof(path), PFS_JOURNAL_DIRECTORY "/journal-" UUID "-%d", header.number);
        put_file(store, path, pfs_buf_slice(&bytes));
    }
    take(store);
    pfs_store_close(store);
    pfs_buf_done(&bytes);
    return 0;
}
