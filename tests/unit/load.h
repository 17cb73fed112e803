/* load.h - data files for tests of the codecs: the bytes of a file as an open one, and rows out as JSON text. */
#pragma once

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/store.h"
#include "format/reader.h"
#include "format/text/text.h"
#include "tests/unit/cm.h"

/* The bytes of <directory>/<name>, at most 1 MiB; the caller frees them. */
static inline struct pfs_slice load_from(const char *directory, const char *name)
{
    char path[256];
    uint8_t *at;
    size_t len;
    FILE *in;

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    in = fopen(path, "rb");
    if (in == NULL)
        fail_msg("%s is not there", path);
    at = malloc((size_t)1 << 20);
    assert_non_null(at);
    len = fread(at, 1, (size_t)1 << 20, in);
    fclose(in);
    return pfs_slice_of(at, len);
}

/* These bytes as a file open for reading; its pread number `fail_at` (from 1) fails. */
struct load_file {
    struct pfs_file base;
    struct pfs_slice bytes;
    atomic_int calls;
    atomic_size_t read_bytes;
    int fail_at;
};

static inline int load_pread(struct pfs_file *base, uint64_t off, void *to, size_t len, struct pfs_err *err)
{
    struct load_file *file = (struct load_file *)base;

    if (atomic_fetch_add(&file->calls, 1) + 1 == file->fail_at)
        return pfs_fail(err, EIO, "a bad sector");
    if (off > file->bytes.len || len > file->bytes.len - off)
        return pfs_fail(err, EIO, "a read past the end");
    atomic_fetch_add(&file->read_bytes, len);
    if (len > 0)
        memcpy(to, file->bytes.at + off, len);
    return 0;
}

static inline struct pfs_file *load_open(struct pfs_slice bytes, struct load_file *file)
{
    static const struct pfs_store_ops ops = {.pread = load_pread};

    *file = (struct load_file){.base = {.ops = &ops, .size = bytes.len}, .bytes = bytes};
    return &file->base;
}

#define LOAD_FIELDS_MAX 64

/* Fields from pairs of name and type, up to a NULL. */
static inline int32_t load_fields(const char *const (*pairs)[2], struct pfs_arena *arena, struct pfs_field *out)
{
    int32_t n = 0;

    for (; pairs[n][0] != NULL; n++) {
        out[n] = (struct pfs_field){.id = n, .name = pairs[n][0]};
        assert_int_equal(pfs_type_parse(pfs_str(pairs[n][1]), NULL, arena, &out[n].type, NULL), 0);
    }
    return n;
}

/* The door of a codec. */
struct load_codec {
    int (*open)(struct pfs_file *file, const struct pfs_file_read *read, struct pfs_reader **out, struct pfs_err *err);
    int64_t (*rows)(const struct pfs_reader *reader);
};

/* All wanted rows as JSON lines: their number or the first error. Checks on the way what a reader promises of its
 * batches. */
static inline int64_t load_all(const struct load_codec *codec, struct pfs_file *file, const struct pfs_file_read *read,
                               struct pfs_buf *out, struct pfs_err *err)
{
    struct pfs_reader *reader = NULL;
    struct pfs_arena arena;
    struct pfs_batch batch;
    int64_t rows = 0, got;
    int rc = codec->open(file, read, &reader, err);

    if (rc < 0)
        return rc;
    pfs_arena_init(&arena, 0);
    while ((got = pfs_reader_next(reader, &arena, &batch, err)) > 0) {
        assert_int_equal(batch.rows, got);
        assert_int_equal(batch.columns, read->columns);
        assert_true(got <= (read->batch_rows > 0 ? read->batch_rows : PFS_BATCH_ROWS));
        rc = pfs_text_print(PFS_TEXT_JSON, read->fields, &batch, out, err);
        if (rc < 0)
            break;
        rows += got;
        pfs_arena_reset(&arena);
    }
    if (got == 0) {
        if (read->range == NULL)
            assert_int_equal(rows, codec->rows(reader));
        assert_int_equal(pfs_reader_next(reader, &arena, &batch, err), 0);
    }
    pfs_reader_close(reader);
    pfs_arena_done(&arena);
    return got < 0 ? got : rc < 0 ? rc : rows;
}
