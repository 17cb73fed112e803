/* told.h - rows written by single commits, and what a stream is told of a snapshot. The includer defines TABLES, as
 * rows.h says. */
#pragma once

#include "tests/unit/write/rows.h"

static void write_rows(int32_t from, int32_t step, int32_t count, int64_t n, int8_t kind)
{
    struct pfs_write *w = open_write(0);

    add(w, from, step, count, n, kind);
    commit(w);
    pfs_write_close(w);
}

struct told {
    int64_t rows, inserts, befores, afters, deletes, sum; /* of n, those before and deleted counted off */
};

static inline struct told read_told_by(int64_t id, enum pfs_changes_mode mode)
{
    struct pfs_table_parts parts = pfs_table_parts(table);
    struct pfs_changes_want want = {.state = newest(), .from = id, .to = id, .columns = -1, .mode = mode};
    struct pfs_arena arena = {0};
    struct pfs_batch batch;
    struct pfs_rows *rows;
    struct told told = {0};
    int64_t more;

    want.meta = parts.meta;
    want.manifests = parts.manifests;
    assert_int_equal(pfs_changes_rows(&want, &rows, NULL), 0);
    while ((more = pfs_reader_next(rows->reader, &arena, &batch, NULL)) > 0)
        for (int64_t i = 0; i < more; i++) {
            const char *kind = (const char *)batch.column[0].values + batch.column[0].offsets[i];
            int64_t n = ((const int64_t *)batch.column[3].values)[i];
            bool gone = kind[0] == '-';

            told.rows++;
            told.inserts += memcmp(kind, "+I", 2) == 0;
            told.befores += memcmp(kind, "-U", 2) == 0;
            told.afters += memcmp(kind, "+U", 2) == 0;
            told.deletes += memcmp(kind, "-D", 2) == 0;
            told.sum += gone ? -n : n;
        }
    assert_int_equal(more, 0);
    pfs_rows_close(rows);
    pfs_arena_done(&arena);
    pfs_state_unref(want.state);
    return told;
}

/* What a stream sees of a snapshot. */
static inline struct told read_told(int64_t id)
{
    return read_told_by(id, PFS_CHANGES_STREAM);
}
