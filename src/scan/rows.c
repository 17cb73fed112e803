/* rows.c - a scan read from its first split to its last. */
#include <assert.h>

#include "base/limits.h"
#include "base/mem.h"
#include "src/scan/fallback.h"

struct scan_rows {
    struct pfs_rows rows;     /* first */
    struct pfs_reader reader; /* what rows.reader points to */
    struct pfs_arena arena;
    struct pfs_scan *scan;
    struct pfs_reader *open; /* of the split being read */
    int32_t split;           /* the next one */
    int32_t section;         /* where that begins */
};

static int64_t rows_next(struct pfs_reader *self, struct pfs_arena *arena, struct pfs_batch *out, struct pfs_err *err)
{
    struct scan_rows *r = (struct scan_rows *)((char *)self - offsetof(struct scan_rows, reader));

    for (;;) {
        int64_t rows;

        if (r->open == NULL) {
            assert(r->split <= pfs_scan_splits(r->scan));
            if (r->split == pfs_scan_splits(r->scan))
                return 0;
            PFS_TRY(pfs_scan_split_at(r->scan, r->split++, r->section, &r->open, err));
            r->section = 0;
        }
        rows = pfs_reader_next(r->open, arena, out, err);
        if (rows != 0)
            return rows;
        pfs_reader_close(r->open);
        r->open = NULL;
    }
}

/* A piece is a section of a split: its number in the low half, the split's in the high one. A section is planned, and
 * its rows come, the same way each time the state is read, so that a place is worth remembering. */
static struct pfs_rows_place rows_tell(const struct pfs_rows *rows)
{
    const struct scan_rows *r = (const struct scan_rows *)rows;
    struct pfs_rows_place place = {.piece = (int64_t)r->split << 32 | r->section};
    int32_t section;

    if (r->open != NULL) {
        pfs_scan_split_tell(r->open, &section, &place.row);
        place.piece = (int64_t)(r->split - 1) << 32 | section;
    }
    return place;
}

static int rows_seek(struct pfs_rows *rows, int64_t piece, struct pfs_err *err)
{
    struct scan_rows *r = (struct scan_rows *)rows;

    assert(r->open == NULL); /* before the first batch only (rows.h) */
    if (piece < 0 || piece >> 32 >= pfs_scan_splits(r->scan))
        return pfs_fail(err, EINVAL, "the rows have no such piece");
    r->split = (int32_t)(piece >> 32);
    r->section = (int32_t)(piece & INT32_MAX);
    return 0;
}

static void rows_close(struct pfs_rows *rows)
{
    struct scan_rows *r = (struct scan_rows *)rows;

    pfs_reader_close(r->open);
    pfs_scan_close(r->scan);
    pfs_arena_done(&r->arena);
    pfs_free(r);
}

static void reader_close(struct pfs_reader *self)
{
    rows_close(&((struct scan_rows *)((char *)self - offsetof(struct scan_rows, reader)))->rows);
}

static const struct pfs_reader_ops rows_ops = {rows_next, reader_close};

static int name_columns(struct scan_rows *r, const struct pfs_scan_want *want, struct pfs_err *err)
{
    const struct pfs_schema *schema = want->state->schema;
    int32_t columns = want->columns < 0 ? schema->columns : want->columns;
    struct pfs_field *field = pfs_arena_array(&r->arena, (size_t)columns + 4, sizeof(*field));

    if (field == NULL)
        return pfs_arena_full(&r->arena, err);
    for (int32_t i = 0; i < columns; i++) {
        assert(want->columns < 0 || (want->column[i] >= 0 && want->column[i] < schema->columns));
        field[i] = schema->field[want->columns < 0 ? i : want->column[i]];
    }
    if (want->row_ids)
        field[columns++] = (struct pfs_field){.id = -1, .name = "_ROW_ID", .type = {.kind = PFS_BIGINT}};
    if (want->sequences || want->row_ids)
        field[columns++] = (struct pfs_field){.id = -1, .name = "_SEQUENCE_NUMBER", .type = {.kind = PFS_BIGINT}};
    if (want->kinds)
        field[columns++] = (struct pfs_field){.id = -1, .name = "_kind", .type = {.kind = PFS_TINYINT}};
    r->rows.field = field;
    r->rows.columns = columns;
    return 0;
}

int pfs_scan_rows(const struct pfs_scan_want *want, struct pfs_rows **out, struct pfs_err *err)
{
    struct pfs_scan_want own = *want;
    struct scan_rows *r;
    int rc;

    if (!want->own && want->state->fallback != NULL)
        return pfs_fallback_rows(want, out, err);
    own.own = true;
    r = pfs_zalloc(sizeof(*r));
    if (r == NULL)
        return pfs_fail(err, ENOMEM, "no memory for rows");
    pfs_arena_init(&r->arena, PFS_ARENA_LIMIT);
    r->reader.ops = &rows_ops;
    r->rows.reader = &r->reader;
    r->rows.close = rows_close;
    r->rows.tell = rows_tell;
    r->rows.seek = rows_seek;
    rc = name_columns(r, want, err);
    if (rc == 0)
        rc = pfs_scan_open(&own, &r->scan, err);
    if (rc < 0) {
        rows_close(&r->rows);
        return rc;
    }
    *out = &r->rows;
    return 0;
}
