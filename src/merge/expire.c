/* expire.c - the age of rows by their time field: a byte a row, and a sieve that leaves out the old ones. */
#include "src/merge/expire.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "format/sieve.h"

#define MILLIS_FROM 1000000000000 /* BIGINT times from here on are milliseconds */

struct expiry {
    int32_t place;   /* of the time field in the batches */
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

/* A row whose time is NULL has no age: it stays. */
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

/* What a sieve asks. It keeps batches of old rows alone in memory of its own: a file whose rows have all expired is
 * why there is a compaction at all, and would not fit in the arena of one answer. */
static int64_t select_young(void *self, const struct pfs_batch *batch, struct pfs_arena *arena, int32_t *kept,
                            struct pfs_err *err)
{
    const struct expiry *e = self;
    uint8_t *stays = pfs_arena_alloc(arena, (size_t)batch->rows);
    int64_t n = 0;

    assert(e->place < batch->columns);
    if (stays == NULL)
        return pfs_arena_full(arena, err);
    keep(&batch->column[e->place], batch->rows, e->limit_s, stays);
    for (int64_t i = 0; i < batch->rows; i++) { /* without a branch: every row is written, the next one over it */
        kept[n] = (int32_t)i;
        n += stays[i];
    }
    return n;
}

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
    static const struct pfs_sieve_ops ops = {select_young, pfs_free};
    struct expiry *e = NULL;
    int32_t column, place = 0;
    int64_t limit_s = 0;
    int rc = read_options(schema, now_ms, &column, &limit_s, err);

    assert(in != NULL);
    if (rc == 0 && column < 0) {
        *out = in;
        return 0;
    }
    while (place < count && columns[place] != column)
        place++;
    if (rc == 0 && place == count)
        rc = pfs_fail(err, EINVAL, "the time field of record-level expire is not read");
    if (rc == 0) {
        e = pfs_alloc(sizeof(*e));
        rc = e == NULL ? pfs_fail(err, ENOMEM, "no memory for a reader") : 0;
    }
    if (rc < 0) {
        pfs_reader_close(in);
        return rc;
    }
    *e = (struct expiry){place, limit_s};
    return pfs_sieve_open(in, &ops, e, -1, out, err);
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

    assert(pfs_column_present(time, 0));
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
