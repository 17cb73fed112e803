/* rows.h - what the fuzz targets of data files share: a reader read to its end, or to where nothing new is found, and
 * every byte looked at that its columns say they have.
 */
#pragma once

#include <stdlib.h>

#include "format/reader.h"

typedef int rows_open_fn(struct pfs_file *file, const struct pfs_file_read *read, struct pfs_reader **out,
                         struct pfs_err *err);

static volatile uint64_t rows_sink; /* so that the bytes are looked at */

static void rows_touch(const void *at, size_t len)
{
    for (size_t i = 0; i < len; i++)
        rows_sink += ((const uint8_t *)at)[i];
}

/* Offsets that descend are a fault of the reader, whatever the file says. */
static void rows_touch_column(const struct pfs_column *c, int64_t rows)
{
    enum pfs_kind kind = c->type->kind;
    int64_t below = rows;

    if (c->valid != NULL)
        rows_touch(c->valid, (size_t)(rows + 7) / 8);
    if (c->offsets != NULL) {
        for (int64_t i = 0; i < rows; i++)
            if (c->offsets[i] < 0 || c->offsets[i + 1] < c->offsets[i])
                abort();
        below = c->offsets[rows];
    }
    if (pfs_kind_is_bytes(kind))
        rows_touch(c->values, (size_t)below);
    else if (!pfs_kind_is_nested(kind))
        rows_touch(c->values, (size_t)rows * (size_t)pfs_type_width(c->type));
    for (int32_t i = 0; pfs_kind_is_nested(kind) && i < (kind == PFS_MULTISET ? 2 : c->type->children); i++)
        rows_touch_column(&c->children[i], below);
}

/* False: refused, or damaged, with a sentence. A few bytes may hold millions of rows, all of them null. */
static bool rows_read(rows_open_fn *open, struct pfs_file *file, const struct pfs_file_read *read, int batches_max)
{
    struct pfs_arena arena;
    struct pfs_reader *reader = NULL;
    struct pfs_batch batch;
    struct pfs_err err = {0};
    int64_t rows = open(file, read, &reader, &err);

    pfs_arena_init(&arena, (size_t)256 << 20);
    for (int i = 0; rows == 0 && i < batches_max; i++) {
        rows = pfs_reader_next(reader, &arena, &batch, &err);
        if (rows <= 0)
            break;
        if (rows != batch.rows || batch.columns != read->columns)
            abort();
        for (int32_t k = 0; k < batch.columns; k++)
            rows_touch_column(&batch.column[k], rows);
        pfs_arena_reset(&arena);
        rows = 0;
    }
    if (rows < 0 && (err.text[0] == '\0' || err.code != -rows))
        abort();
    pfs_reader_close(reader);
    pfs_arena_done(&arena);
    return rows >= 0;
}

/* Bounds of the one column that was asked for. */
__attribute__((unused)) static void rows_touch_groups(const struct pfs_file_group *group, int32_t groups)
{
    for (int32_t i = 0; i < groups; i++) {
        if (group[i].min[0] != NULL)
            rows_touch_column(group[i].min[0], 1);
        if (group[i].max[0] != NULL)
            rows_touch_column(group[i].max[0], 1);
        if (group[i].nulls[0] > group[i].rows.to - group[i].rows.from)
            abort();
    }
}
