/* diff.c - two states joined by key.
 *
 * Both sides are planned; what has the same files (and deletion vectors) on both sides is taken out of both plans,
 * whole sections in tables with a primary key. What is left is read in key order and joined bucket by bucket. Values
 * are compared over all columns, whichever are wanted: what changed does not depend on who looks.
 */
#include "src/scan/diff.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "format/text/text.h"
#include "src/scan/kinds.h"
#include "src/scan/plan.h"
#include "src/scan/same.h"
#include "src/scan/where.h"

struct vector { /* the deletion vector of a data file: its place tells it apart */
    const char *file, *index;
    int32_t off, len;
};

struct side {
    struct pfs_state *state;
    struct pfs_scan *scan;
    const struct pfs_plan *plan;
    struct vector *vector; /* by file */
    size_t vectors;
    int32_t split; /* the next one */
    struct pfs_reader *reader;
    struct pfs_arena arena; /* of the batch */
    struct pfs_batch batch;
    struct pfs_keys keys;
    int64_t at; /* next row of the batch */
    bool ended; /* no more batches in this split */
};

struct diff {
    struct pfs_rows rows;     /* first */
    struct pfs_reader reader; /* what rows.reader points to */
    struct pfs_arena arena;
    struct side from, to;
    const struct pfs_schema *schema;
    int32_t columns;
    int32_t *column; /* wanted */
    const struct pfs_cancel *cancel;
    bool joining;             /* a pair of splits is open */
    struct pfs_arena scratch; /* pairs of one step: most steps of a long join find nothing to give */
};

/* ---- what is the same on both sides ---- */

static int compare_vectors(const void *left, const void *right)
{
    return strcmp(((const struct vector *)left)->file, ((const struct vector *)right)->file);
}

static int list_vectors(struct diff *d, struct side *s, struct pfs_err *err)
{
    int64_t indexes = s->state->schema->deletion_vectors ? s->state->indexes : 0;
    size_t count = 0;

    for (int64_t i = 0; i < indexes; i++)
        count += s->state->index[i].vectors > 0 ? (size_t)s->state->index[i].vectors : 0;
    s->vector = pfs_arena_array(&d->arena, count, sizeof(*s->vector));
    if (s->vector == NULL)
        return pfs_arena_full(&d->arena, err);
    for (int64_t i = 0; i < indexes; i++) {
        const struct pfs_index_entry *e = &s->state->index[i];

        for (int64_t k = 0; k < e->vectors; k++)
            s->vector[s->vectors++] = (struct vector){e->vector[k].file, e->name, e->vector[k].off, e->vector[k].len};
    }
    qsort(s->vector, s->vectors, sizeof(*s->vector), compare_vectors);
    return 0;
}

static bool same_vector(const struct diff *d, const char *file)
{
    const struct vector key = {.file = file};
    const struct vector *a = bsearch(&key, d->from.vector, d->from.vectors, sizeof(key), compare_vectors);
    const struct vector *b = bsearch(&key, d->to.vector, d->to.vectors, sizeof(key), compare_vectors);

    if (a == NULL || b == NULL)
        return a == b;
    return strcmp(a->index, b->index) == 0 && a->off == b->off && a->len == b->len;
}

static bool has_file(const struct pfs_plan_file *file, int32_t files, const struct pfs_manifest_entry *wanted)
{
    for (int32_t i = 0; i < files; i++)
        if (pfs_manifest_same_file(file[i].entry, wanted))
            return true;
    return false;
}

/* Files do not change, so the same files with the same vectors are the same rows: without a look into them. */
static bool same_section(const struct diff *d, const struct pfs_section *a, const struct pfs_section *b)
{
    if (a->files != b->files || pfs_keys_compare(&a->file->min, 0, &b->file->min, 0) != 0)
        return false;
    for (int32_t i = 0; i < a->files; i++)
        if (!has_file(b->file, b->files, a->file[i].entry) || !same_vector(d, a->file[i].entry->file.name))
            return false;
    return true;
}

/* Sections ascend by key on both sides, so that those with the same smallest key meet. */
static void leave_out_sections(const struct diff *d, struct pfs_split *a, struct pfs_split *b)
{
    int32_t i = 0, k = 0, left_a = 0, left_b = 0;

    while (i < a->sections && k < b->sections) {
        int order = pfs_keys_compare(&a->section[i].file->min, 0, &b->section[k].file->min, 0);

        if (order == 0 && same_section(d, &a->section[i], &b->section[k])) {
            i++;
            k++;
            continue;
        }
        if (order <= 0)
            a->section[left_a++] = a->section[i++];
        if (order >= 0)
            b->section[left_b++] = b->section[k++];
    }
    while (i < a->sections)
        a->section[left_a++] = a->section[i++];
    while (k < b->sections)
        b->section[left_b++] = b->section[k++];
    assert(left_a <= a->sections && left_b <= b->sections);
    a->sections = left_a;
    b->sections = left_b;
}

static int compare_names(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* Append tables: of the end only the files that the start has not. Many files: names are sorted. */
static int leave_out_files(struct diff *d, const struct pfs_split *a, struct pfs_split *b, struct pfs_err *err)
{
    const char **name = pfs_arena_array(&d->arena, (size_t)a->files, sizeof(*name));
    int32_t left = 0;

    if (name == NULL)
        return pfs_arena_full(&d->arena, err);
    for (int32_t i = 0; i < a->files; i++)
        name[i] = a->file[i].entry->file.name;
    qsort(name, (size_t)a->files, sizeof(*name), compare_names);
    for (int32_t i = 0; i < b->files; i++)
        if (bsearch(&b->file[i].entry->file.name, name, (size_t)a->files, sizeof(*name), compare_names) == NULL)
            b->file[left++] = b->file[i];
    b->files = left;
    return 0;
}

static bool rescaled(const struct pfs_split *a, const struct pfs_split *b)
{
    return a->file->entry->total_buckets != b->file->entry->total_buckets;
}

/* Keys stay in their bucket as long as the number of buckets stays. */
static int leave_out_same(struct diff *d, struct pfs_err *err)
{
    struct pfs_plan *a = pfs_scan_plan(d->from.scan), *b = pfs_scan_plan(d->to.scan);
    int32_t i = 0, k = 0;

    while (i < a->splits && k < b->splits) {
        int order = pfs_split_compare(&a->split[i], &b->split[k], d->schema->partition_keys);

        if (pfs_slice_eq(a->split[i].partition, b->split[k].partition) && d->schema->primary_keys > 0 &&
            rescaled(&a->split[i], &b->split[k]))
            return pfs_fail(err, EOPNOTSUPP, "the number of buckets changed between the two snapshots");
        if (order == 0 && d->schema->primary_keys > 0)
            leave_out_sections(d, &a->split[i], &b->split[k]);
        else if (order == 0)
            PFS_TRY(leave_out_files(d, &a->split[i], &b->split[k], err));
        i += order <= 0;
        k += order >= 0;
    }
    return 0;
}

/* ---- joining two splits ---- */

static const struct pfs_split *next_split(const struct side *s)
{
    return s->split < s->plan->splits ? &s->plan->split[s->split] : NULL;
}

static int open_side(struct side *s, bool there, struct pfs_err *err)
{
    assert(s->reader == NULL);
    s->ended = !there;
    s->at = s->batch.rows = 0;
    return there ? pfs_scan_split(s->scan, s->split++, &s->reader, err) : 0;
}

static void close_side(struct side *s)
{
    pfs_reader_close(s->reader);
    s->reader = NULL;
}

/* Opens the next pair of splits; false: there is none. */
static int open_pair(struct diff *d, struct pfs_err *err)
{
    const struct pfs_split *a = next_split(&d->from), *b = next_split(&d->to);
    int order;

    if (a == NULL && b == NULL)
        return 0;
    order = a == NULL ? 1 : b == NULL ? -1 : pfs_split_compare(a, b, d->schema->partition_keys);
    d->joining = true;
    PFS_TRY(open_side(&d->from, order <= 0, err));
    PFS_TRY(open_side(&d->to, order >= 0, err));
    return 1;
}

/* Sees to it that the side has a row, or has ended. */
static int fill(struct diff *d, struct side *s, struct pfs_err *err)
{
    int64_t rows;

    if (s->ended || s->at < s->batch.rows)
        return 0;
    assert(s->reader != NULL);
    pfs_arena_reset(&s->arena); /* all rows of the batch were joined: nobody holds one */
    rows = pfs_reader_next(s->reader, &s->arena, &s->batch, err);
    if (rows < 0)
        return (int)rows;
    s->at = 0;
    s->ended = rows == 0;
    if (rows == 0) {
        s->batch.rows = 0;
        return 0;
    }
    return pfs_keys_of(&s->batch, d->schema->trimmed_key, d->schema->trimmed_keys, &s->arena, &s->keys, err);
}

static bool has_row(const struct side *s)
{
    return s->at < s->batch.rows;
}

/* Joins the rows at hand until a side needs its next batch: one pair a key, -1 = absent on that side. */
static int64_t join(struct side *a, struct side *b, struct pfs_pair *pair)
{
    int64_t n = 0;

    while ((has_row(a) || a->ended) && (has_row(b) || b->ended) && (has_row(a) || has_row(b))) {
        int order = !has_row(a) ? 1 : !has_row(b) ? -1 : pfs_keys_compare(&a->keys, a->at, &b->keys, b->at);

        pair[n++] = (struct pfs_pair){order <= 0 ? (int32_t)a->at : -1, order >= 0 ? (int32_t)b->at : -1};
        a->at += order <= 0;
        b->at += order >= 0;
    }
    return n;
}

static const int8_t *kinds_of(const struct diff *d, const struct side *s)
{
    assert(s->batch.rows == 0 || s->batch.columns == d->schema->columns + 1); /* all columns and the kind */
    return s->batch.rows > 0 ? s->batch.column[d->schema->columns].values : NULL;
}

static bool is_delete(int8_t kind)
{
    return kind == PFS_DELETE || kind == PFS_UPDATE_BEFORE;
}

/* Leaves out the pairs whose two rows are the same in every column, and deletes that only the start has. */
static int drop_same(struct diff *d, struct pfs_pair *pair, int64_t *count, struct pfs_err *err)
{
    struct pfs_pair *both = pfs_arena_array(&d->scratch, (size_t)*count, sizeof(*both));
    bool *same = pfs_arena_array(&d->scratch, (size_t)*count, sizeof(*same));
    const int8_t *kind_a = kinds_of(d, &d->from), *kind_b = kinds_of(d, &d->to);
    int64_t n = 0, left = 0, at = 0;

    if (both == NULL || same == NULL)
        return pfs_arena_full(&d->scratch, err);
    for (int64_t i = 0; i < *count; i++)
        if (pair[i].a >= 0 && pair[i].b >= 0) {
            same[n] = is_delete(kind_a[pair[i].a]) == is_delete(kind_b[pair[i].b]);
            both[n++] = pair[i];
        }
    for (int32_t c = 0; n > 0 && c < d->schema->columns; c++)
        pfs_column_same(&d->from.batch.column[c], &d->to.batch.column[c], both, n, same);
    for (int64_t i = 0; i < *count; i++)
        if (pair[i].a < 0 || (pair[i].b < 0 ? !is_delete(kind_a[pair[i].a]) : !same[at++]))
            pair[left++] = pair[i];
    assert(at == n); /* every pair of two was asked for once */
    *count = left;
    return 0;
}

/* The end row of each pair, or the start row as -D. */
static int give(const struct diff *d, const struct pfs_pair *pair, int64_t count, struct pfs_arena *arena,
                struct pfs_batch *out, struct pfs_err *err)
{
    const struct pfs_batch *source[] = {&d->from.batch, &d->to.batch};
    const int8_t *stored = kinds_of(d, &d->to);
    struct pfs_range *range = pfs_arena_array(arena, (size_t)count, sizeof(*range));
    int8_t *kind = pfs_arena_array(arena, (size_t)count, sizeof(*kind));
    struct pfs_column *column = pfs_arena_array(arena, (size_t)d->columns + 1, sizeof(*column));

    assert(count > 0);
    if (range == NULL || kind == NULL || column == NULL)
        return pfs_arena_full(arena, err);
    for (int64_t i = 0; i < count; i++) {
        bool gone = pair[i].b < 0;

        range[i] = (struct pfs_range){gone ? 0 : 1, gone ? pair[i].a : pair[i].b, 1};
        kind[i] = gone ? PFS_DELETE : stored[pair[i].b];
    }
    PFS_TRY(pfs_kinds_print(kind, count, arena, &column[0], err));
    for (int32_t i = 0; i < d->columns; i++)
        PFS_TRY(pfs_column_gather(source, d->column[i], range, count, count, arena, &column[1 + i], err));
    *out = (struct pfs_batch){count, d->columns + 1, column};
    return 0;
}

/* One step of the join: changed rows to *out, 0 = none in this step. */
static int64_t step(struct diff *d, struct pfs_arena *arena, struct pfs_batch *out, struct pfs_err *err)
{
    struct pfs_pair *pair;
    int64_t count;

    PFS_TRY(fill(d, &d->from, err));
    PFS_TRY(fill(d, &d->to, err));
    if (!has_row(&d->from) && !has_row(&d->to)) {
        close_side(&d->from);
        close_side(&d->to);
        d->joining = false;
        return 0;
    }
    pfs_arena_reset(&d->scratch);
    pair = pfs_arena_array(&d->scratch, (size_t)(d->from.batch.rows + d->to.batch.rows), sizeof(*pair));
    if (pair == NULL)
        return pfs_arena_full(&d->scratch, err);
    count = join(&d->from, &d->to, pair);
    assert(count > 0); /* some side has a row, and the other one a row or its end */
    PFS_TRY(drop_same(d, pair, &count, err));
    if (count > 0)
        PFS_TRY(give(d, pair, count, arena, out, err));
    return count;
}

/* ---- append tables ---- */

static int64_t next_added(struct diff *d, struct pfs_arena *arena, struct pfs_batch *out, struct pfs_err *err)
{
    struct pfs_column *column;
    struct pfs_batch in;
    int64_t rows = 0;

    while (rows == 0) {
        if (d->to.reader == NULL) {
            if (next_split(&d->to) == NULL)
                return 0;
            PFS_TRY(pfs_scan_split(d->to.scan, d->to.split++, &d->to.reader, err));
        }
        rows = pfs_reader_next(d->to.reader, arena, &in, err);
        if (rows < 0)
            return rows;
        if (rows == 0)
            close_side(&d->to);
    }
    assert(in.columns == d->schema->columns + 1);
    column = pfs_arena_array(arena, (size_t)d->columns + 1, sizeof(*column));
    if (column == NULL)
        return pfs_arena_full(arena, err);
    PFS_TRY(pfs_kinds_print(in.column[d->schema->columns].values, rows, arena, &column[0], err));
    for (int32_t i = 0; i < d->columns; i++)
        column[1 + i] = in.column[d->column[i]];
    *out = (struct pfs_batch){rows, d->columns + 1, column};
    return rows;
}

/* ---- the reader ---- */

static int64_t diff_next(struct pfs_reader *self, struct pfs_arena *arena, struct pfs_batch *out, struct pfs_err *err)
{
    struct diff *d = (struct diff *)((char *)self - offsetof(struct diff, reader));

    if (d->schema->primary_keys == 0)
        return next_added(d, arena, out, err);
    for (;;) {
        int64_t rows;

        if (pfs_cancelled(d->cancel))
            return -ECANCELED;
        if (!d->joining) {
            int rc = open_pair(d, err);

            if (rc <= 0)
                return rc;
        }
        rows = step(d, arena, out, err);
        if (rows != 0)
            return rows;
    }
}

static void side_done(struct side *s)
{
    close_side(s);
    pfs_scan_close(s->scan);
    pfs_state_unref(s->state);
    pfs_arena_done(&s->arena);
}

static void diff_close(struct pfs_rows *rows)
{
    struct diff *d = (struct diff *)rows;

    side_done(&d->from);
    side_done(&d->to);
    pfs_arena_done(&d->scratch);
    pfs_arena_done(&d->arena);
    pfs_free(d);
}

static void reader_close(struct pfs_reader *self)
{
    diff_close(&((struct diff *)((char *)self - offsetof(struct diff, reader)))->rows);
}

static const struct pfs_reader_ops diff_ops = {diff_next, reader_close};

static int name_columns(struct diff *d, const struct pfs_diff_want *want, struct pfs_err *err)
{
    int32_t columns = want->columns < 0 ? d->schema->columns : want->columns;
    struct pfs_field *field = pfs_arena_array(&d->arena, (size_t)columns + 1, sizeof(*field));

    d->column = pfs_arena_array(&d->arena, (size_t)columns, sizeof(*d->column));
    if (field == NULL || d->column == NULL)
        return pfs_arena_full(&d->arena, err);
    d->columns = columns;
    field[0] = pfs_kind_field;
    for (int32_t i = 0; i < columns; i++) {
        d->column[i] = want->columns < 0 ? i : want->column[i];
        assert(d->column[i] >= 0 && d->column[i] < d->schema->columns);
        field[1 + i] = d->schema->field[d->column[i]];
    }
    d->rows.field = field;
    d->rows.columns = columns + 1;
    return 0;
}

static int open_scan(struct diff *d, struct side *s, const struct pfs_diff_want *want, struct pfs_err *err)
{
    const struct pfs_scan_want scan = {.state = s->state,
                                       .by_key = true,
                                       .columns = -1,
                                       .partitions = want->partitions,
                                       .partition = want->partition,
                                       .kinds = true,
                                       .deletes = true,
                                       .budget = pfs_budget_share(want->budget, 2),
                                       .cancel = want->cancel,
                                       .pool = want->pool};

    PFS_TRY(list_vectors(d, s, err));
    PFS_TRY(pfs_scan_open(&scan, &s->scan, err));
    s->plan = pfs_scan_plan(s->scan);
    return 0;
}

/* Both sides are read by the schema of `to`, so that their rows have the same columns, and their keys compare. */
static int fill_diff(struct diff *d, const struct pfs_diff_want *want, struct pfs_err *err)
{
    d->to.state = pfs_state_ref(want->to);
    PFS_TRY(pfs_state_with(want->from, want->to->schema, &d->from.state, err));
    PFS_TRY(name_columns(d, want, err));
    PFS_TRY(open_scan(d, &d->from, want, err));
    PFS_TRY(open_scan(d, &d->to, want, err));
    return leave_out_same(d, err);
}

static int open_diff(const struct pfs_diff_want *want, struct pfs_rows **out, struct pfs_err *err)
{
    struct diff *d = pfs_zalloc(sizeof(*d));
    int rc;

    if (d == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a diff");
    pfs_arena_init(&d->arena, PFS_MANIFEST_BYTES_MAX);
    pfs_arena_init(&d->from.arena, PFS_BATCH_BYTES_MAX);
    pfs_arena_init(&d->to.arena, PFS_BATCH_BYTES_MAX);
    pfs_arena_init(&d->scratch, PFS_BATCH_BYTES_MAX);
    d->reader.ops = &diff_ops;
    d->rows.reader = &d->reader;
    d->rows.close = diff_close;
    d->schema = want->to->schema;
    d->cancel = want->cancel;
    rc = fill_diff(d, want, err);
    if (rc < 0) {
        diff_close(&d->rows);
        return rc;
    }
    *out = &d->rows;
    return 0;
}

int pfs_diff_rows(const struct pfs_diff_want *want, struct pfs_rows **out, struct pfs_err *err)
{
    struct pfs_diff_want wider = *want;
    struct pfs_arena arena;
    struct pfs_where where;
    struct pfs_rows *rows;
    int rc;

    if (want->condition == NULL)
        return open_diff(want, out, err);
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = pfs_where_plan(want->condition, want->to->schema, want->column, want->columns, 1, &arena, &where, err);
    if (rc == 0) {
        wider.columns = where.columns;
        wider.column = where.column;
        rc = open_diff(&wider, &rows, err);
    }
    if (rc == 0)
        rc = pfs_where_rows(rows, want->condition, &where, want->to->schema, out, err);
    pfs_arena_done(&arena);
    return rc;
}
