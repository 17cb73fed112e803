/* lookup.c - sorted keys joined with the merged rows of each split that may hold them.
 *
 *   keys asked for --share.c--> distinct ones, sorted --of each split--> stretch of them --join--> places
 *
 * Rows that are found are copied out of their batch at once (the next source), so that no batch outlives the next one;
 * at the end one gather puts them in the order of the question, with nulls (the last source) where there is none.
 */
#include "src/lookup/lookup.h"

#include <assert.h>

#include "base/limits.h"
#include "base/mem.h"
#include "src/lookup/internal.h"
#include "src/scan/among.h"
#include "src/scan/fallback.h"

#define SOURCES_MIN 16

struct place {           /* of a row that was found */
    int32_t source, row; /* source -1 = not found */
};

/* What is found of one batch of keys. */
struct finding {
    struct pfs_lookup *lookup;
    const struct pfs_lookup_keys *keys;
    struct place *place; /* of each distinct key */
    struct pfs_batch **source;
    int32_t sources, room;
};

/* ---- opening ---- */

static int32_t place_of(const int32_t *list, int32_t count, int32_t column)
{
    int32_t i = 0;

    while (i < count && list[i] != column)
        i++;
    return i;
}

/* The wanted columns, then what else is needed of the key. */
static int choose_columns(struct pfs_lookup *l, const struct pfs_lookup_want *want, struct pfs_err *err)
{
    const struct pfs_schema *schema = want->state->schema;
    int32_t columns = want->columns < 0 ? schema->columns : want->columns;

    l->columns = l->read = columns;
    l->column = pfs_arena_array(&l->arena, (size_t)columns + (size_t)schema->trimmed_keys, sizeof(*l->column));
    l->key = pfs_arena_array(&l->arena, (size_t)schema->trimmed_keys, sizeof(*l->key));
    if (l->column == NULL || l->key == NULL)
        return pfs_arena_full(&l->arena, err);
    for (int32_t i = 0; i < columns; i++)
        l->column[i] = want->columns < 0 ? i : want->column[i];
    for (int32_t i = 0; i < schema->trimmed_keys; i++) {
        l->key[i] = place_of(l->column, l->read, schema->trimmed_key[i]);
        assert(l->key[i] <= l->read);
        if (l->key[i] == l->read)
            l->column[l->read++] = schema->trimmed_key[i];
    }
    return 0;
}

/* Makes over the files of a split. */
static void fill(struct pfs_lookup *l, int32_t split)
{
    const struct pfs_data_read read = {.store = l->state->store,
                                       .table = l->state->store_table,
                                       .schema = l->state->schema,
                                       .schemas = l->state->schemas};

    for (int32_t i = 0; i < l->plan->split[split].files; i++)
        pfs_locals_fill(l->locals, &read, l->plan->split[split].file[i].entry);
    l->filled[split] = true;
}

static int open_parts(struct pfs_lookup *l, const struct pfs_lookup_want *want, struct pfs_scan_want *scan,
                      struct pfs_err *err)
{
    if (want->state->schema->primary_keys == 0)
        return pfs_fail(err, EINVAL, "the table has no primary key to look up");
    PFS_TRY(choose_columns(l, want, err));
    scan->columns = l->read;
    scan->column = l->column;
    PFS_TRY(pfs_scan_open(scan, &l->scan, err));
    l->plan = pfs_scan_plan(l->scan);
    PFS_TRY(pfs_lookup_learn(l, err));
    l->locals = want->locals;
    if (want->locals == NULL || want->cache == PFS_LOOKUP_PARTIAL)
        return 0;
    l->filled = pfs_arena_array(&l->arena, (size_t)l->plan->splits, sizeof(*l->filled));
    if (l->filled == NULL)
        return pfs_arena_full(&l->arena, err);
    for (int32_t i = 0; i < l->plan->splits && want->cache == PFS_LOOKUP_FULL; i++)
        fill(l, i);
    return 0;
}

static int open_one(const struct pfs_lookup_want *want, struct pfs_scan_want *scan, struct pfs_lookup **out,
                    struct pfs_err *err)
{
    struct pfs_lookup *l = pfs_zalloc(sizeof(*l));
    int rc;

    if (l == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a lookup");
    pfs_arena_init(&l->arena, PFS_ARENA_LIMIT);
    pfs_arena_init(&l->found, PFS_ARENA_LIMIT);
    pfs_arena_init(&l->batch, PFS_BATCH_BYTES_MAX);
    l->state = pfs_state_ref(want->state);
    rc = open_parts(l, want, scan, err);
    if (rc < 0) {
        pfs_lookup_close(l);
        return rc;
    }
    *out = l;
    return 0;
}

/* Partitions that the first of both has are its own to answer for. */
static int open_fallback(struct pfs_lookup *l, const struct pfs_lookup_want *want, struct pfs_scan_want *scan,
                         struct pfs_err *err)
{
    struct pfs_lookup_want other = *want;

    PFS_TRY(pfs_fallback_check(want->state->schema, want->state->fallback->schema, err));
    PFS_TRY(pfs_plan_existing(scan, &l->arena, &scan->except, &scan->excepts, err));
    other.state = scan->state = want->state->fallback_first ? want->state : want->state->fallback;
    return open_one(&other, scan, &l->fallback, err);
}

int pfs_lookup_open(const struct pfs_lookup_want *want, struct pfs_lookup **out, struct pfs_err *err)
{
    struct pfs_scan_want scan = {.state = want->state,
                                 .partitions = want->partitions,
                                 .partition = want->partition,
                                 .condition = want->condition,
                                 .keyed = true,
                                 .files = pfs_locals_files(want->locals),
                                 .own = true,
                                 .budget = want->budget,
                                 .cancel = want->cancel,
                                 .pool = want->pool};
    struct pfs_lookup_want first = *want;
    struct pfs_lookup *l;
    int rc;

    if (want->state->fallback_first)
        first.state = scan.state = want->state->fallback;
    PFS_TRY(open_one(&first, &scan, &l, err));
    rc = want->state->fallback == NULL ? 0 : open_fallback(l, want, &scan, err);
    if (rc < 0) {
        pfs_lookup_close(l);
        return rc;
    }
    *out = l;
    return 0;
}

void pfs_lookup_close(struct pfs_lookup *lookup)
{
    if (lookup == NULL)
        return;
    assert(lookup->fallback == NULL || lookup->fallback->fallback == NULL);
    pfs_lookup_close(lookup->fallback);
    pfs_scan_close(lookup->scan);
    pfs_state_unref(lookup->state);
    pfs_arena_done(&lookup->batch);
    pfs_arena_done(&lookup->found);
    pfs_arena_done(&lookup->arena);
    pfs_free(lookup);
}

/* ---- the join ---- */

static int add_source(struct finding *f, struct pfs_batch **out, struct pfs_err *err)
{
    struct pfs_arena *arena = &f->lookup->found;

    if (f->sources == f->room) {
        int32_t room = f->room == 0 ? SOURCES_MIN : 2 * f->room;
        struct pfs_batch **more = pfs_arena_array(arena, (size_t)room, sizeof(struct pfs_batch *));

        if (more == NULL)
            return pfs_arena_full(arena, err);
        for (int32_t i = 0; i < f->sources; i++)
            more[i] = f->source[i];
        f->source = more;
        f->room = room;
    }
    assert(f->sources < f->room);
    *out = pfs_arena_zalloc(arena, sizeof(**out));
    if (*out == NULL)
        return pfs_arena_full(arena, err);
    f->source[f->sources++] = *out;
    return 0;
}

/* Notes the rows that are looked for, which will be the next source; how many. Rows mostly ascend; where they do not,
 * the keys are gone through from the first again. */
static int64_t join(struct finding *f, struct pfs_lookup_group group, const struct pfs_keys *rows, int64_t count,
                    struct pfs_range *range)
{
    int64_t at = group.from, n = 0;

    assert(group.from < group.to && group.to <= f->keys->count);
    for (int64_t i = 0; i < count; i++) {
        if (i > 0 && pfs_keys_compare(rows, i, rows, i - 1) < 0)
            at = group.from;
        at = pfs_keys_reach(&f->keys->key, at, group.to, rows, i);
        if (at == group.to || pfs_keys_compare(&f->keys->key, at, rows, i) != 0)
            continue;
        f->place[at] = (struct place){f->sources, (int32_t)n};
        range[n++] = (struct pfs_range){0, (int32_t)i, 1};
    }
    return n;
}

/* Keeps the rows of a batch that are looked for: the batch itself, and what it was made of, go. */
static int keep(struct finding *f, struct pfs_lookup_group group, const struct pfs_batch *batch, struct pfs_err *err)
{
    struct pfs_lookup *l = f->lookup;
    struct pfs_range *range = pfs_arena_array(&l->batch, (size_t)batch->rows, sizeof(*range));
    struct pfs_batch *source;
    struct pfs_keys keys;
    int64_t rows;

    if (range == NULL)
        return pfs_arena_full(&l->batch, err);
    PFS_TRY(pfs_keys_of(batch, l->key, l->state->schema->trimmed_keys, &l->batch, &keys, err));
    rows = join(f, group, &keys, batch->rows, range);
    if (rows == 0)
        return 0;
    PFS_TRY(add_source(f, &source, err));
    *source =
        (struct pfs_batch){rows, l->columns, pfs_arena_array(&l->found, (size_t)l->columns, sizeof(*source->column))};
    if (source->column == NULL)
        return pfs_arena_full(&l->found, err);
    for (int32_t i = 0; i < l->columns; i++)
        PFS_TRY(pfs_column_gather(&batch, i, range, rows, rows, &l->found, &source->column[i], err));
    return 0;
}

/* The stretch of the sorted keys is handed to the scan as single-key ranges: views of them, from group.from on. */
static int read_split(struct finding *f, int32_t split, struct pfs_lookup_group group, struct pfs_err *err)
{
    struct pfs_lookup *l = f->lookup;
    struct pfs_keys some = f->keys->key;
    struct pfs_among among = {.count = group.to - group.from};
    struct pfs_reader *reader;
    int64_t rows;

    some.prefix += group.from;
    if (!some.exact)
        some.offset += group.from;
    among.low = among.high = some;
    if (l->filled != NULL && !l->filled[split])
        fill(l, split);
    PFS_TRY(pfs_scan_split_among(l->scan, split, &among, &reader, err));
    for (;;) {
        struct pfs_batch batch;

        pfs_arena_reset(&l->batch);
        rows = pfs_reader_next(reader, &l->batch, &batch, err);
        if (rows <= 0)
            break;
        rows = keep(f, group, &batch, err);
        if (rows < 0)
            break;
    }
    pfs_reader_close(reader);
    return (int)rows;
}

/* ---- the answer ---- */

/* The last source: one row of nulls, for all keys that have no row. */
static int add_nothing(struct finding *f, struct pfs_err *err)
{
    struct pfs_lookup *l = f->lookup;
    struct pfs_batch *source;

    PFS_TRY(add_source(f, &source, err));
    source->rows = 1;
    source->columns = l->columns;
    source->column = pfs_arena_array(&l->found, (size_t)l->columns, sizeof(*source->column));
    if (source->column == NULL)
        return pfs_arena_full(&l->found, err);
    for (int32_t i = 0; i < l->columns; i++)
        PFS_TRY(pfs_column_nulls(&l->state->schema->field[l->column[i]].type, 1, &l->found, &source->column[i], err));
    return 0;
}

static int answer(struct finding *f, struct pfs_arena *arena, struct pfs_batch *out, bool *found, struct pfs_err *err)
{
    struct pfs_lookup *l = f->lookup;
    int64_t rows = f->keys->rows;
    struct pfs_range *range = pfs_arena_array(&l->found, (size_t)rows, sizeof(*range));
    struct pfs_column *column = pfs_arena_array(arena, (size_t)l->columns, sizeof(*column));

    PFS_TRY(add_nothing(f, err));
    if (range == NULL || column == NULL)
        return pfs_arena_full(arena, err);
    for (int64_t i = 0; i < rows; i++) {
        int32_t key = f->keys->distinct[i];

        assert(key < f->keys->count);
        found[i] = key >= 0 && f->place[key].source >= 0;
        range[i] = found[i] ? (struct pfs_range){f->place[key].source, f->place[key].row, 1}
                            : (struct pfs_range){f->sources - 1, 0, 1};
    }
    for (int32_t i = 0; i < l->columns; i++)
        PFS_TRY(pfs_column_gather((const struct pfs_batch *const *)f->source, i, range, rows, rows, arena, &column[i],
                                  err));
    *out = (struct pfs_batch){rows, l->columns, column};
    return 0;
}

static int find(struct pfs_lookup *l, const struct pfs_column *key, int64_t rows, struct pfs_arena *arena,
                struct pfs_batch *out, bool *found, struct pfs_err *err)
{
    struct pfs_lookup_keys keys;
    struct finding f = {.lookup = l, .keys = &keys};

    PFS_TRY(pfs_lookup_share(l, key, rows, &keys, err));
    f.place = pfs_arena_array(&l->found, (size_t)keys.count, sizeof(*f.place));
    if (f.place == NULL)
        return pfs_arena_full(&l->found, err);
    for (int64_t i = 0; i < keys.count; i++)
        f.place[i].source = -1;
    for (int32_t i = 0; i < l->plan->splits; i++) {
        struct pfs_lookup_group group[2];

        pfs_lookup_of_split(l, &keys, i, group);
        for (int k = 0; k < 2; k++)
            if (group[k].from < group[k].to)
                PFS_TRY(read_split(&f, i, group[k], err));
    }
    return answer(&f, arena, out, found, err);
}

/* Of the keys that were not found those that the fallback branch has. */
/* The first answer decides where both have a row: partitions of the one are none of the other's, so they do not. */
static int find_rest(struct pfs_lookup *l, const struct pfs_column *key, int64_t rows, struct pfs_arena *arena,
                     struct pfs_batch *out, bool *found, struct pfs_err *err)
{
    struct pfs_column *column = pfs_arena_array(arena, (size_t)out->columns, sizeof(*column));
    bool *more = pfs_arena_array(arena, (size_t)rows, sizeof(*more));
    struct pfs_range *range = pfs_arena_array(arena, (size_t)rows, sizeof(*range));
    struct pfs_batch other;
    const struct pfs_batch *source[] = {out, &other};

    if (column == NULL || more == NULL || range == NULL)
        return pfs_arena_full(arena, err);
    PFS_TRY(pfs_lookup_rows(l->fallback, key, rows, arena, &other, more, err));
    for (int64_t i = 0; i < rows; i++) {
        range[i] = (struct pfs_range){!found[i] && more[i], (int32_t)i, 1};
        found[i] |= more[i];
    }
    for (int32_t i = 0; i < out->columns; i++)
        PFS_TRY(pfs_column_gather(source, i, range, rows, rows, arena, &column[i], err));
    out->column = column;
    return 0;
}

int pfs_lookup_rows(struct pfs_lookup *lookup, const struct pfs_column *key, int64_t rows, struct pfs_arena *arena,
                    struct pfs_batch *out, bool *found, struct pfs_err *err)
{
    int rc;

    assert(rows >= 0 && rows <= INT32_MAX);
    rc = find(lookup, key, rows, arena, out, found, err);
    pfs_arena_reset(&lookup->found);
    if (rc == 0 && lookup->fallback != NULL)
        rc = find_rest(lookup, key, rows, arena, out, found, err);
    return rc;
}
