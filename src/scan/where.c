/* where.c - a condition put on rows that do not know of it: what it looks at is read behind what is wanted, and left
 * out of what goes on.
 *
 *   read:    front | wanted columns | columns of the condition alone
 *   given:   front | wanted columns
 */
#include "src/scan/where.h"

#include <assert.h>

#include "base/mem.h"

int pfs_where_plan(const struct pfs_condition *condition, const struct pfs_schema *schema, const int32_t *wanted,
                   int32_t count, int32_t front, struct pfs_arena *arena, struct pfs_where *out, struct pfs_err *err)
{
    bool *uses = pfs_arena_array(arena, (size_t)schema->columns, sizeof(*uses));

    assert(condition != NULL);
    assert(count <= schema->columns); /* wanted columns are distinct: the list has a place for each */
    assert(front >= 0);
    *out = (struct pfs_where){.keep = front + (count < 0 ? schema->columns : count)};
    out->column = pfs_arena_array(arena, (size_t)schema->columns, sizeof(*out->column));
    out->place = pfs_arena_array(arena, (size_t)schema->columns, sizeof(*out->place));
    if (uses == NULL || out->column == NULL || out->place == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < schema->columns; i++)
        out->place[i] = -1;
    for (int32_t i = 0; i < out->keep - front; i++) {
        out->column[i] = count < 0 ? i : wanted[i];
        assert(out->column[i] >= 0 && out->column[i] < schema->columns);
        out->place[out->column[i]] = front + i;
    }
    out->columns = out->keep - front;
    pfs_condition_columns(condition, uses);
    for (int32_t i = 0; i < schema->columns; i++)
        if (uses[i] && out->place[i] < 0) {
            out->place[i] = front + out->columns;
            out->column[out->columns++] = i;
        }
    assert(out->columns <= schema->columns);
    return 0;
}

struct matching {
    struct pfs_rows rows; /* first */
    struct pfs_rows *in;
    struct pfs_reader pass; /* rows are closed by who holds them, a reader by who reads: what the filter reads and
                               closes, without closing `in` */
};

static int64_t pass_next(struct pfs_reader *self, struct pfs_arena *arena, struct pfs_batch *out, struct pfs_err *err)
{
    struct matching *m = (struct matching *)((char *)self - offsetof(struct matching, pass));

    return pfs_reader_next(m->in->reader, arena, out, err);
}

static void pass_close(struct pfs_reader *self)
{
    (void)self;
}

static const struct pfs_reader_ops pass_ops = {pass_next, pass_close};

static void matching_close(struct pfs_rows *rows)
{
    struct matching *m = (struct matching *)rows;

    pfs_reader_close(m->rows.reader);
    pfs_rows_close(m->in);
    pfs_free(m);
}

int pfs_where_rows(struct pfs_rows *in, const struct pfs_condition *condition, const struct pfs_where *where,
                   const struct pfs_schema *schema, struct pfs_rows **out, struct pfs_err *err)
{
    struct matching *m = pfs_zalloc(sizeof(*m));
    int rc;

    assert(in->columns >= where->keep);
    if (m == NULL) {
        pfs_rows_close(in);
        return pfs_fail(err, ENOMEM, "no memory for rows");
    }
    m->in = in;
    m->pass.ops = &pass_ops;
    m->rows.columns = where->keep;
    m->rows.field = in->field;
    m->rows.close = matching_close;
    rc = pfs_condition_filter(&m->pass, condition, where->place, schema->columns, where->keep, &m->rows.reader, err);
    if (rc < 0) {
        m->rows.reader = NULL;
        matching_close(&m->rows);
        return rc;
    }
    *out = &m->rows;
    return 0;
}
