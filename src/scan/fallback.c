/* fallback.c - the rows of two branches, one after the other.
 *
 * The branch that goes first is read whole; of the other one those partitions that the first has no file in. Each is a
 * scan of its own by its own schema; the names that the answer goes by are the table's.
 */
#include "src/scan/fallback.h"

#include <assert.h>

#include "base/mem.h"
#include "src/scan/plan.h"

struct both {
    struct pfs_rows rows;     /* first */
    struct pfs_reader reader; /* what rows.reader points to */
    struct pfs_arena arena;   /* the partitions that exist */
    struct pfs_rows *part[2]; /* of the branch that goes before the other; of the other one */
    int at;
};

static struct both *both_of(struct pfs_reader *self)
{
    return (struct both *)((char *)self - offsetof(struct both, reader));
}

static int64_t both_next(struct pfs_reader *self, struct pfs_arena *arena, struct pfs_batch *out, struct pfs_err *err)
{
    struct both *b = both_of(self);

    for (; b->at < 2; b->at++) {
        int64_t rows = pfs_reader_next(b->part[b->at]->reader, arena, out, err);

        if (rows != 0)
            return rows;
    }
    return 0;
}

static void both_close(struct pfs_rows *rows)
{
    struct both *b = (struct both *)rows;

    pfs_rows_close(b->part[0]);
    pfs_rows_close(b->part[1]);
    pfs_arena_done(&b->arena);
    pfs_free(b);
}

static void reader_close(struct pfs_reader *self)
{
    both_close(&both_of(self)->rows);
}

static const struct pfs_reader_ops both_ops = {both_next, reader_close};

/* Names are not compared, nor is what may be null. */
int pfs_fallback_check(const struct pfs_schema *a, const struct pfs_schema *b, struct pfs_err *err)
{
    bool same = a->columns == b->columns && a->partition_keys == b->partition_keys;

    for (int32_t i = 0; same && i < a->columns; i++)
        same = pfs_type_equal(&a->field[i].type, &b->field[i].type, false);
    for (int32_t i = 0; same && i < a->partition_keys; i++)
        same = a->partition_key[i] == b->partition_key[i];
    return same ? 0 : pfs_fail(err, EINVAL, "the table and its fallback branch do not have the same row type");
}

static int fill(struct both *b, const struct pfs_scan_want *want, struct pfs_err *err)
{
    bool first = want->state->fallback_first;
    struct pfs_scan_want own = *want;

    assert(want->state->fallback->fallback == NULL); /* a branch falls back once */
    PFS_TRY(pfs_fallback_check(want->state->schema, want->state->fallback->schema, err));
    own.own = true;
    own.state = first ? want->state->fallback : want->state;
    PFS_TRY(pfs_scan_rows(&own, &b->part[0], err));
    PFS_TRY(pfs_plan_existing(&own, &b->arena, &own.except, &own.excepts, err));
    own.state = first ? want->state : want->state->fallback;
    PFS_TRY(pfs_scan_rows(&own, &b->part[1], err));
    assert(b->part[0]->columns == b->part[1]->columns);
    b->rows.columns = b->part[first]->columns; /* the table's own, whose names they go by */
    b->rows.field = b->part[first]->field;
    return 0;
}

int pfs_fallback_rows(const struct pfs_scan_want *want, struct pfs_rows **out, struct pfs_err *err)
{
    struct both *b = pfs_zalloc(sizeof(*b));
    int rc;

    assert(want->state->fallback != NULL);
    assert(!want->own);

    if (b == NULL)
        return pfs_fail(err, ENOMEM, "no memory for rows");
    pfs_arena_init(&b->arena, PFS_ARENA_LIMIT);
    b->reader.ops = &both_ops;
    b->rows.reader = &b->reader;
    b->rows.close = both_close;
    rc = fill(b, want, err);
    if (rc < 0) {
        both_close(&b->rows);
        return rc;
    }
    *out = &b->rows;
    return 0;
}
