/* load.h - Parquet files for tests: those of tests/data/parquet. */
#pragma once

#include "format/parquet/parquet.h"
#include "tests/unit/load.h"

static inline struct pfs_slice load_bytes(const char *name)
{
    return load_from("tests/data/parquet", name);
}

/* 0 or the first error. */
static inline int load_rows(struct pfs_file *file, const struct pfs_file_read *read, struct pfs_buf *out,
                            struct pfs_err *err)
{
    static const struct load_codec parquet = {pfs_parquet_open, pfs_parquet_rows};
    int64_t rows = load_all(&parquet, file, read, out, err);

    return rows < 0 ? (int)rows : 0;
}

/* All rows, against these lines. */
static inline void load_expect(const char *what, struct pfs_file *file, const struct pfs_file_read *read,
                               struct pfs_slice want)
{
    struct pfs_err err = {0};
    struct pfs_buf out = {0};
    size_t same = 0, at;

    if (load_rows(file, read, &out, &err) < 0)
        fail_msg("%s: %s", what, err.text);
    while (same < out.len && same < want.len && out.at[same] == want.at[same])
        same++;
    if (same == out.len && same == want.len) {
        pfs_buf_done(&out);
        return;
    }
    for (at = same; at > 0 && want.at[at - 1] != '\n'; at--)
        continue;
    fail_msg("%s, %d rows a batch, %zu bytes of %zu:\n  got  %.*s\n  want %.*s", what, read->batch_rows, out.len,
             want.len, (int)(out.len - at < 300 ? out.len - at : 300), (const char *)out.at + at,
             (int)(want.len - at < 300 ? want.len - at : 300), (const char *)want.at + at);
}
