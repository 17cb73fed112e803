#include "src/merge/expire.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"

#define MILLIS_FROM 1000000000000 /* BIGINT times from here on are milliseconds */

struct expire_reader {
    struct pfs_reader reader; /* first */
    struct pfs_reader *in;
    int32_t place;   /* of the time field */
    int64_t limit_s; /* rows of an earlier second go */
};

/* ---- one batch: a byte a row, does it stay? ---- */

#define KEEP(name, type, seconds)                                                             \
    static void name(const struct pfs_column *c, int64_t rows, int64_t limit_s, uint8_t *out) \
    {                                                                                         \
        const type *in = c->values;                                                           \
                                                                                              \
        for (int64_t i = 0; i < rows; i++)                                                    \
            out[i] = (seconds) >= limit_s;                                                    \
    }

static int64_t floor_millis(int64_t micros)
{
    return micros / 1000 - (micros % 1000 < 0);
}

/* Java divides towards zero. */
KEEP(keep_int, int32_t, (int64_t)in[i])
KEEP(keep_bigint, int64_t, in[i] >= MILLIS_FROM ? in[i] / 1000 : in[i])
KEEP(keep_millis, int64_t, in[i] / 1000)
KEEP(keep_micros, int64_t, floor_millis(in[i]) / 1000)
KEEP(keep_time96, struct pfs_time96, in[i].millis / 1000)

static void keep(const struct pfs_column *c, int64_t rows, int64_t limit_s, uint8_t *out)
{
    if (c->type->kind == PFS_INT)
        keep_int(c, rows, limit_s, out);
    else if (c->type->kind == PFS_BIGINT)
        keep_bigint(c, rows, limit_s, out);
    else if (c->type->precision <= 3)
        keep_millis(c, rows, limit_s, out);
    else if (c->type->precision <= 6)
        keep_micros(c, rows, limit_s, out);
    else
        keep_time96(c, rows, limit_s, out);
    for (int64_t i = 0; i < rows && c->valid != NULL; i++)
        out[i] |= !pfs_column_present(c, i);
}

/* The rows that stay as ranges; how many rows these are. */
static int64_t ranges_of(const uint8_t *stays, int64_t rows, struct pfs_range *range, int64_t *ranges)
{
    int64_t kept = 0;

    *ranges = 0;
    for (int64_t i = 0; i < rows; i++) {
        if (!stays[i])
            continue;
        kept++;
        if (*ranges > 0 && range[*ranges - 1].from + range[*ranges - 1].len == i)
            range[*ranges - 1].len++;
        else
            range[(*ranges)++] = (struct pfs_range){0, (int32_t)i, 1};
    }
    return kept;
}

static int64_t filter(const struct expire_reader *r, const struct pfs_batch *in, struct pfs_arena *arena,
                      struct pfs_batch *out, struct pfs_err *err)
{
    uint8_t *stays = pfs_arena_alloc(arena, (size_t)in->rows);
    struct pfs_range *range = pfs_arena_alloc(arena, (size_t)in->rows * sizeof(*range));
    struct pfs_column *column = pfs_arena_array(arena, (size_t)in->columns, sizeof(*column));
    int64_t ranges, kept;

    if (stays == NULL || range == NULL || column == NULL)
        return pfs_arena_full(arena, err);
    keep(&in->column[r->place], in->rows, r->limit_s, stays);
    kept = ranges_of(stays, in->rows, range, &ranges);
    *out = *in;
    if (kept == 0 || kept == in->rows)
        return kept;
    for (int32_t i = 0; i < in->columns; i++)
        PFS_TRY(pfs_column_gather(&in, i, range, ranges, kept, arena, &column[i], err));
    *out = (struct pfs_batch){kept, in->columns, column};
    return kept;
}

static int64_t expire_next(struct pfs_reader *self, struct pfs_arena *arena, struct pfs_batch *out, struct pfs_err *err)
{
    struct expire_reader *r = (struct expire_reader *)self;
    int64_t rows = 0;

    while (rows == 0) {
        struct pfs_batch batch;

        rows = pfs_reader_next(r->in, arena, &batch, err);
        if (rows <= 0)
            return rows;
        rows = filter(r, &batch, arena, out, err);
    }
    return rows;
}

static void expire_close(struct pfs_reader *self)
{
    struct expire_reader *r = (struct expire_reader *)self;

    pfs_reader_close(r->in);
    pfs_free(r);
}

static const struct pfs_reader_ops expire_ops = {expire_next, expire_close};

/* ---- options ---- */

/* *column: of the schema; -1 = nothing expires. */
static int read_options(const struct pfs_schema *schema, int64_t now_ms, int32_t *column, int64_t *limit_s,
                        struct pfs_err *err)
{
    const char *name = pfs_options_get(&schema->options, "record-level.time-field");
    enum pfs_kind kind;
    int64_t expire_ms;

    *column = -1;
    if (pfs_options_get(&schema->options, "record-level.expire-time") == NULL)
        return 0;
    PFS_TRY(pfs_options_millis(&schema->options, "record-level.expire-time", 0, &expire_ms, err));
    *column = name == NULL ? -1 : pfs_schema_find(schema, pfs_str(name));
    if (*column < 0)
        return pfs_fail(err, EINVAL, "You should set time field for record-level expire.");
    kind = schema->field[*column].type.kind;
    if (kind != PFS_INT && kind != PFS_BIGINT && kind != PFS_TIMESTAMP && kind != PFS_TIMESTAMP_LTZ)
        return pfs_fail(err, EINVAL,
                        "The record level time field type should be one of INT, BIGINT, or TIMESTAMP, but field %s is "
                        "none of them.",
                        name);
    *limit_s = now_ms / 1000 - expire_ms / 1000;
    return 0;
}

int pfs_expire_open(const struct pfs_schema *schema, const int32_t *columns, int32_t count, int64_t now_ms,
                    struct pfs_reader *in, struct pfs_reader **out, struct pfs_err *err)
{
    struct expire_reader *r = NULL;
    int32_t column, place = 0;
    int64_t limit_s = 0;
    int rc = read_options(schema, now_ms, &column, &limit_s, err);

    if (rc == 0 && column < 0) {
        *out = in;
        return 0;
    }
    while (place < count && columns[place] != column)
        place++;
    if (rc == 0 && place == count)
        rc = pfs_fail(err, EINVAL, "the time field of record-level expire is not read");
    if (rc == 0) {
        r = pfs_zalloc(sizeof(*r));
        rc = r == NULL ? pfs_fail(err, ENOMEM, "no memory for a reader") : 0;
    }
    if (rc < 0) {
        pfs_reader_close(in);
        return rc;
    }
    *r = (struct expire_reader){.reader = {&expire_ops}, .in = in, .place = place, .limit_s = limit_s};
    *out = &r->reader;
    return 0;
}

int pfs_expire_column(const struct pfs_schema *schema, int32_t *out, struct pfs_err *err)
{
    int64_t limit_s;

    return read_options(schema, 0, out, &limit_s, err);
}

int pfs_expire_is_due(const struct pfs_schema *schema, int64_t seconds, int64_t now_ms, bool *out, struct pfs_err *err)
{
    int32_t column;
    int64_t limit_s = 0;

    PFS_TRY(read_options(schema, now_ms, &column, &limit_s, err));
    *out = column >= 0 && seconds < limit_s;
    return 0;
}

int64_t pfs_expire_seconds(const struct pfs_column *time)
{
    int64_t wide;
    int32_t narrow;

    if (time->type->kind == PFS_INT) {
        memcpy(&narrow, time->values, sizeof(narrow));
        return narrow;
    }
    if (time->type->kind != PFS_BIGINT && time->type->precision > 6)
        return ((const struct pfs_time96 *)time->values)->millis / 1000;
    memcpy(&wide, time->values, sizeof(wide));
    if (time->type->kind == PFS_BIGINT)
        return wide >= MILLIS_FROM ? wide / 1000 : wide;
    return (time->type->precision <= 3 ? wide : floor_millis(wide)) / 1000;
}
