/* scan.c - a plan made into readers.
 *
 * A split is a row of sections; a section is one sorted run (read as it is) or several (merged). Runs are the level-0
 * files and, a level, the files of that level one after the other, whose key ranges do not overlap. What a merge has to
 * read beyond the wanted columns (keys, sequence fields, groups) the engine says; a section of one run is read with the
 * wanted columns alone.
 */
#include "src/scan/scan.h"

#include <assert.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "format/text/text.h"
#include "src/scan/chain.h"
#include "src/scan/plan.h"
#include "src/scan/section.h"

struct pfs_scan {
    struct pfs_state *state;
    struct pfs_arena arena;
    struct pfs_plan plan;
    int32_t columns;
    int32_t *column; /* the wanted ones, then those that only the condition looks at */
    int32_t wanted;  /* how many of them */
    bool kinds, sequences, row_ids;
    bool deletes;                    /* are given */
    bool joined;                     /* data evolution */
    bool plain;                      /* no key is in two files: nothing is merged */
    const struct pfs_pruner *pruner; /* NULL: there is no condition */
    int32_t *seen;                   /* of each schema column: where it stands in the batches that a split gives */
    struct pfs_deletions *deletions; /* NULL: the snapshot has none */
    struct pfs_budget budget;
    const struct pfs_cancel *cancel;
    struct pfs_pool *pool;
    struct pfs_engine *engine; /* NULL: no section needs a merge */
    int32_t merge_columns;     /* read by merges: the engine's */
    int32_t *merge_column;
    int32_t *merge_key; /* places of the trimmed key in them */
    int32_t *place;     /* of each wanted column in them */
    const struct pfs_among_files *files;
    int32_t *key; /* keyed: places of the trimmed key in what is read without a merge */
};

struct split_reader {
    struct pfs_reader reader; /* first */
    struct pfs_scan *scan;
    const struct pfs_split *split;
    const struct pfs_among *among; /* NULL = rows of every key */
    struct pfs_arena arena;        /* lists of runs */
    struct pfs_arena spare;        /* batches that come after one that lost all its rows */
    int32_t at;                    /* next section */
    int64_t given;                 /* rows of it */
    struct pfs_reader section;     /* what the condition looks at: the wanted columns of `raw`, without its deletes */
    struct pfs_reader *raw;        /* of the open section */
    struct pfs_reader *open;       /* the rows of it for which the condition holds */
    bool merged;                   /* the open section gives key-value batches of the merge columns */
    bool key_value;                /* not merged, but may hold deletes: key-value batches of the wanted columns */
};

#define MEMORY_DEFAULT ((size_t)64 << 20)

static const struct pfs_type kind_type = {.kind = PFS_TINYINT};

/* ---- opening a scan ---- */

static bool needs_merge(const struct pfs_plan *plan)
{
    for (int32_t i = 0; i < plan->splits; i++)
        for (int32_t k = 0; k < plan->split[i].sections; k++)
            if (plan->split[i].section[k].files > 1)
                return true;
    return false;
}

/* Sequence numbers, row ids, kinds. */
static int32_t added_columns(const struct pfs_scan *scan)
{
    return scan->sequences + 2 * scan->row_ids + scan->kinds;
}

/* What is read besides the wanted columns. */
static void add_column(struct pfs_scan *scan, int32_t column)
{
    assert(column >= 0 && column < scan->state->schema->columns);
    if (scan->seen[column] >= 0)
        return;
    scan->seen[column] = scan->columns + added_columns(scan);
    scan->column[scan->columns++] = column;
}

/* Batches of a split have the wanted columns, the added ones, and then what is read for the condition or for its key
 * alone. */
static int choose_columns(struct pfs_scan *scan, const struct pfs_scan_want *want, struct pfs_err *err)
{
    const struct pfs_schema *schema = want->state->schema;
    size_t most = (size_t)schema->columns + (size_t)(want->columns < 0 ? 0 : want->columns);

    scan->columns = scan->wanted = want->columns < 0 ? schema->columns : want->columns;
    scan->column = pfs_arena_array(&scan->arena, most, sizeof(*scan->column));
    scan->seen = pfs_arena_array(&scan->arena, (size_t)schema->columns, sizeof(*scan->seen));
    if (scan->column == NULL || scan->seen == NULL)
        return pfs_arena_full(&scan->arena, err);
    for (int32_t i = 0; i < schema->columns; i++)
        scan->seen[i] = -1;
    for (int32_t i = 0; i < scan->wanted; i++) {
        scan->column[i] = want->columns < 0 ? i : want->column[i];
        assert(scan->column[i] >= 0 && scan->column[i] < schema->columns);
        scan->seen[scan->column[i]] = i;
    }
    for (int32_t i = 0; scan->pruner != NULL && i < schema->columns; i++)
        if (scan->pruner->uses[i])
            add_column(scan, i);
    for (int32_t i = 0; want->keyed && i < schema->trimmed_keys; i++)
        add_column(scan, schema->trimmed_key[i]);
    return 0;
}

/* `count` when it is not among them: nobody asks then, as the asserts below each use say. */
static int32_t place_of(const int32_t *list, int32_t count, int32_t column)
{
    int32_t i = 0;

    while (i < count && list[i] != column)
        i++;
    return i;
}

static int find_key(struct pfs_scan *scan, struct pfs_err *err)
{
    const struct pfs_schema *schema = scan->state->schema;

    scan->key = pfs_arena_array(&scan->arena, (size_t)schema->trimmed_keys, sizeof(*scan->key));
    if (scan->key == NULL)
        return pfs_arena_full(&scan->arena, err);
    for (int32_t i = 0; i < schema->trimmed_keys; i++) {
        scan->key[i] = place_of(scan->column, scan->columns, schema->trimmed_key[i]);
        assert(scan->key[i] < scan->columns);
    }
    return 0;
}

static int open_engine(struct pfs_scan *scan, struct pfs_err *err)
{
    const struct pfs_schema *schema = scan->state->schema;
    size_t all = (size_t)schema->columns;
    bool *needs = pfs_arena_array(&scan->arena, all, sizeof(*needs));

    scan->merge_column = pfs_arena_array(&scan->arena, all, sizeof(*scan->merge_column));
    scan->merge_key = pfs_arena_array(&scan->arena, (size_t)schema->trimmed_keys, sizeof(*scan->merge_key));
    scan->place = pfs_arena_array(&scan->arena, (size_t)scan->columns, sizeof(*scan->place));
    if (needs == NULL || scan->merge_column == NULL || scan->merge_key == NULL || scan->place == NULL)
        return pfs_arena_full(&scan->arena, err);
    PFS_TRY(pfs_engine_needs(schema, scan->column, scan->columns, needs, err));
    for (int32_t i = 0; i < schema->columns; i++)
        if (needs[i])
            scan->merge_column[scan->merge_columns++] = i;
    for (int32_t i = 0; i < schema->trimmed_keys; i++) {
        scan->merge_key[i] = place_of(scan->merge_column, scan->merge_columns, schema->trimmed_key[i]);
        assert(scan->merge_key[i] < scan->merge_columns);
    }
    for (int32_t i = 0; i < scan->columns; i++) {
        scan->place[i] = place_of(scan->merge_column, scan->merge_columns, scan->column[i]);
        assert(scan->place[i] < scan->merge_columns); /* the engine needs all that is wanted */
    }
    return pfs_engine_open(schema, scan->merge_column, scan->merge_columns, &scan->engine, err);
}

/* A fallback branch is somebody else's to read. */
static int check_schema(struct pfs_scan *scan, const struct pfs_schema *schema, bool own, struct pfs_err *err)
{
    struct pfs_schema without = *schema;

    if (own)
        PFS_TRY(pfs_schema_own_options(schema, &scan->arena, &without.options, err));
    return pfs_schema_supported(&without, false, err);
}

/* Some options hold for reads of any time, whichever schema set them: the newest is asked too. */
static int check_supported(struct pfs_scan *scan, bool own, struct pfs_err *err)
{
    const struct pfs_schema *newest;

    PFS_TRY(check_schema(scan, scan->state->schema, own, err));
    if (pfs_schemas_latest(scan->state->schemas, &newest, NULL) == 0)
        PFS_TRY(check_schema(scan, newest, own, err));
    return 0;
}

/* Index entries of other types (hash indexes of dynamic buckets) are no reason to look. */
static int open_deletions(struct pfs_scan *scan, struct pfs_err *err)
{
    const struct pfs_state *state = scan->state;

    for (int64_t i = 0; state->schema->deletion_vectors && i < state->indexes; i++)
        if (strcmp(state->index[i].type, "DELETION_VECTORS") == 0)
            return pfs_deletions_open(state->store, state->external, state->store_table, state->schema, state->index,
                                      state->indexes, &scan->deletions, err);
    return 0;
}

int pfs_scan_open(const struct pfs_scan_want *want, struct pfs_scan **out, struct pfs_err *err)
{
    struct pfs_scan *scan = pfs_zalloc(sizeof(*scan));
    int rc;

    assert(want->state != NULL);
    assert(!want->keyed || want->state->schema->primary_keys > 0);
    assert(!want->sequences || want->state->schema->primary_keys > 0);
    if (scan == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a scan");
    pfs_arena_init(&scan->arena, PFS_MANIFEST_BYTES_MAX);
    scan->state = pfs_state_ref(want->state);
    scan->kinds = want->kinds;
    scan->sequences = want->sequences;
    scan->row_ids = want->row_ids;
    scan->deletes = want->kinds && want->deletes;
    scan->cancel = want->cancel;
    scan->pool = want->pool;
    scan->files = want->files;
    scan->budget = want->budget;
    if (scan->budget.bytes == 0)
        scan->budget.bytes = MEMORY_DEFAULT;
    scan->plain = pfs_plan_has_single_keys(want) && !want->by_key;
    rc = check_supported(scan, want->own || want->state->fallback == NULL, err);
    if (rc == 0)
        rc = pfs_options_bool(&want->state->schema->options, "data-evolution.enabled", false, &scan->joined, err);
    if (rc == 0 && scan->row_ids && want->state->schema->primary_keys > 0)
        rc = pfs_fail(err, EINVAL, "rows of a table with a primary key have no row ids");
    if (rc == 0)
        rc = open_deletions(scan, err);
    if (rc == 0)
        rc = pfs_pruner_make(want, &scan->arena, &scan->pruner, err);
    if (rc == 0)
        rc = choose_columns(scan, want, err);
    if (rc == 0 && want->keyed)
        rc = find_key(scan, err);
    if (rc == 0)
        rc = pfs_plan_make(want, scan->pruner, &scan->arena, &scan->plan, err);
    if (rc == 0 && !scan->plain && needs_merge(&scan->plan))
        rc = open_engine(scan, err);
    if (rc < 0) {
        pfs_scan_close(scan);
        return rc;
    }
    *out = scan;
    return 0;
}

void pfs_scan_close(struct pfs_scan *scan)
{
    if (scan == NULL)
        return;
    pfs_engine_close(scan->engine);
    pfs_deletions_close(scan->deletions);
    pfs_state_unref(scan->state);
    pfs_arena_done(&scan->arena);
    pfs_free(scan);
}

struct pfs_plan *pfs_scan_plan(struct pfs_scan *scan)
{
    return &scan->plan;
}

int32_t pfs_scan_splits(const struct pfs_scan *scan)
{
    return scan->plan.splits;
}

int64_t pfs_scan_split_rows(const struct pfs_scan *scan, int32_t split)
{
    assert(split >= 0 && split < scan->plan.splits);
    return scan->plan.split[split].rows;
}

/* ---- reading a split ---- */

/* An index leaves out rows, so it is asked only where a row that is left out hides no other one, and where nobody
 * counts rows (data evolution, row ids). */
static struct pfs_chain chain_of(const struct split_reader *r, bool merged, bool key_value)
{
    const struct pfs_scan *scan = r->scan;

    return (struct pfs_chain){{.store = scan->state->store,
                               .table = scan->state->store_table,
                               .schema = scan->state->schema,
                               .schemas = scan->state->schemas,
                               .columns = merged ? scan->merge_columns : scan->columns,
                               .column = merged ? scan->merge_column : scan->column,
                               .key_value = key_value,
                               .row_ids = scan->row_ids,
                               .external = scan->state->external,
                               .cancel = scan->cancel,
                               .pool = scan->pool},
                              scan->deletions,
                              scan->joined,
                              merged || scan->joined || scan->row_ids ? NULL : scan->pruner,
                              r->among,
                              merged ? scan->merge_key : scan->key,
                              scan->files};
}

static int open_merge(struct split_reader *r, const struct pfs_section *section, struct pfs_err *err)
{
    const struct pfs_scan *scan = r->scan;
    struct pfs_section_read read = {
        .chain = chain_of(r, true, true), .engine = scan->engine, .key = scan->merge_key, .budget = scan->budget};

    assert(section->files > 1);
    assert(scan->engine != NULL); /* some section was seen to need one when the scan was opened */
    if (r->among != NULL)
        read.budget.spill = NULL; /* the runs are short */
    r->merged = true;
    r->key_value = true;
    return pfs_section_open(&read, section, &r->arena, &r->raw, err);
}

static int open_plain(struct split_reader *r, const struct pfs_plan_file *file, int32_t files, bool key_value,
                      struct pfs_err *err)
{
    struct pfs_chain chain = chain_of(r, false, key_value);
    const struct pfs_plan_file **list = pfs_arena_array(&r->arena, (size_t)files, sizeof(*list));

    chain.read.ahead_bytes = r->scan->budget.bytes / PFS_AHEAD_SHARE;
    if (list == NULL)
        return pfs_arena_full(&r->arena, err);
    for (int32_t i = 0; i < files; i++)
        list[i] = &file[i];
    r->merged = false;
    r->key_value = key_value;
    return pfs_chain_open(&chain, list, files, &r->raw, err);
}

/* Old writers did not count deletes: a number that is not known (it is below zero) may be any. */
static bool has_deletes(const struct pfs_section *section)
{
    for (int32_t i = 0; i < section->files; i++)
        if (section->file[i].entry->file.delete_rows != 0)
            return true;
    return false;
}

/* Has the section to be read? */
static bool is_among(const struct split_reader *r, const struct pfs_section *section)
{
    bool meets = r->among == NULL;

    for (int32_t i = 0; i < section->files && !meets; i++)
        meets = pfs_among_meets(r->among, &section->file[i].min, &section->file[i].max);
    return meets;
}

static int open_raw(struct split_reader *r, struct pfs_err *err)
{
    const struct pfs_split *split = r->split;
    const struct pfs_section *section = &split->section[r->at];

    assert(r->raw == NULL);
    pfs_arena_reset(&r->arena);
    if (split->section == NULL)
        return open_plain(r, split->file, split->files, false, err);
    if (section->files > 1 && !r->scan->plain)
        return open_merge(r, section, err);
    return open_plain(r, section->file, section->files, r->scan->kinds || r->scan->sequences || has_deletes(section),
                      err);
}

/* Picks the wanted columns (and the kinds) out of what the section gave. */
static int64_t project(struct split_reader *r, const struct pfs_batch *in, struct pfs_arena *arena,
                       struct pfs_batch *out, struct pfs_err *err)
{
    const struct pfs_scan *scan = r->scan;
    int32_t added = added_columns(scan), columns = scan->columns + added, last = scan->wanted + added - 1;
    struct pfs_column *column = pfs_arena_array(arena, (size_t)columns, sizeof(*column));

    assert(in->columns == (r->merged ? scan->merge_columns : scan->columns) + 2 * (r->key_value + scan->row_ids));
    assert(!scan->sequences || r->key_value); /* append tables have row ids instead */
    if (column == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < scan->columns; i++)
        column[i < scan->wanted ? i : i + added] = in->column[r->merged ? scan->place[i] : i];
    if (scan->sequences)
        column[scan->wanted] = in->column[in->columns - 2];
    for (int32_t i = 0; scan->row_ids && i < 2; i++)
        column[scan->wanted + i] = in->column[in->columns - 2 + i];
    if (scan->kinds && r->key_value)
        column[last] = in->column[in->columns - 1];
    else if (scan->kinds) {
        int8_t *kinds = pfs_arena_zalloc(arena, (size_t)in->rows); /* PFS_INSERT */

        if (kinds == NULL)
            return pfs_arena_full(arena, err);
        column[last] = (struct pfs_column){.type = &kind_type, .values = kinds};
    }
    *out = (struct pfs_batch){in->rows, columns, column};
    return in->rows;
}

static struct split_reader *split_of(struct pfs_reader *self)
{
    return (struct split_reader *)((char *)self - offsetof(struct split_reader, section));
}

/* One batch of the section without its deletes, of which nothing may be left: batch->rows is 0 then. Answers as a
 * reader does. */
static int64_t next_left(struct split_reader *r, struct pfs_arena *where, struct pfs_batch *batch, struct pfs_err *err)
{
    int64_t rows = pfs_reader_next(r->raw, where, batch, err);

    if (rows > 0 && r->key_value && !r->scan->deletes)
        PFS_TRY(pfs_engine_drop_deletes(batch, where, batch, err));
    return rows;
}

/* A long stretch of deletes, which may be all that a table has of a time, does not fill the caller's arena. */
static int64_t section_next(struct pfs_reader *self, struct pfs_arena *arena, struct pfs_batch *out,
                            struct pfs_err *err)
{
    struct split_reader *r = split_of(self);
    struct pfs_arena *where = arena;
    struct pfs_batch batch;
    int64_t rows;

    while ((rows = next_left(r, where, &batch, err)) > 0 && batch.rows == 0) {
        pfs_arena_reset(&r->spare);
        where = &r->spare;
    }
    if (rows > 0) {
        int rc = where == arena ? 0 : pfs_batch_copy(&batch, 0, (int32_t)batch.rows, arena, &batch, err);

        rows = rc < 0 ? rc : project(r, &batch, arena, out, err);
    }
    pfs_arena_reset(&r->spare);
    return rows;
}

static void section_close(struct pfs_reader *self)
{
    struct split_reader *r = split_of(self);

    pfs_reader_close(r->raw);
    r->raw = NULL;
}

static const struct pfs_reader_ops section_ops = {section_next, section_close};

/* Rows of the next section, those for which the condition holds: places among them count what is given alone. */
static int open_section(struct split_reader *r, struct pfs_err *err)
{
    const struct pfs_scan *scan = r->scan;

    PFS_TRY(open_raw(r, err));
    r->section.ops = &section_ops;
    r->open = &r->section;
    if (scan->pruner == NULL)
        return 0;
    r->open = NULL;
    return pfs_condition_filter(&r->section, scan->pruner->condition, scan->seen, scan->state->schema->columns,
                                scan->wanted + added_columns(scan), &r->open, err);
}

static int64_t next_rows(struct split_reader *r, struct pfs_arena *arena, struct pfs_batch *out, struct pfs_err *err)
{
    int32_t sections = r->split->section != NULL ? r->split->sections : 1;

    while (r->at < sections) {
        int64_t rows = 0;

        if (pfs_cancelled(r->scan->cancel))
            return -ECANCELED;
        if (r->open == NULL && (r->split->section == NULL || is_among(r, &r->split->section[r->at])))
            PFS_TRY(open_section(r, err));
        if (r->open != NULL)
            rows = pfs_reader_next(r->open, arena, out, err);
        if (rows > 0)
            r->given += rows;
        if (rows != 0)
            return rows;
        pfs_reader_close(r->open);
        r->open = NULL;
        r->at++;
        r->given = 0;
    }
    return 0;
}

static int64_t split_next(struct pfs_reader *self, struct pfs_arena *arena, struct pfs_batch *out, struct pfs_err *err)
{
    struct split_reader *r = (struct split_reader *)self;
    int64_t rows = next_rows(r, arena, out, err);

    return rows < 0 ? pfs_state_failure(r->scan->state, (int)rows, err) : rows;
}

static void split_close(struct pfs_reader *self)
{
    struct split_reader *r = (struct split_reader *)self;

    pfs_reader_close(r->open);
    pfs_arena_done(&r->spare);
    pfs_arena_done(&r->arena);
    pfs_free(r);
}

static const struct pfs_reader_ops split_ops = {split_next, split_close};

static int open_split(struct pfs_scan *scan, int32_t split, int32_t section, const struct pfs_among *among,
                      struct pfs_reader **out, struct pfs_err *err)
{
    struct split_reader *r = pfs_zalloc(sizeof(*r));

    assert(split >= 0 && split < scan->plan.splits);
    assert(section >= 0);
    assert(among == NULL || scan->key != NULL); /* the scan was opened `keyed` */
    if (r == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a reader");
    r->reader.ops = &split_ops;
    r->scan = scan;
    r->split = &scan->plan.split[split];
    r->among = among;
    r->at = section;
    pfs_arena_init(&r->arena, PFS_BATCH_BYTES_MAX);
    pfs_arena_init(&r->spare, PFS_BATCH_BYTES_MAX);
    *out = &r->reader;
    return 0;
}

int pfs_scan_split(struct pfs_scan *scan, int32_t split, struct pfs_reader **out, struct pfs_err *err)
{
    return open_split(scan, split, 0, NULL, out, err);
}

int pfs_scan_split_among(struct pfs_scan *scan, int32_t split, const struct pfs_among *among, struct pfs_reader **out,
                         struct pfs_err *err)
{
    return open_split(scan, split, 0, among, out, err);
}

void pfs_scan_split_tell(const struct pfs_reader *reader, int32_t *section, int64_t *given)
{
    const struct split_reader *r = (const struct split_reader *)reader;

    *section = r->at;
    *given = r->given;
}

int pfs_scan_split_at(struct pfs_scan *scan, int32_t split, int32_t section, struct pfs_reader **out,
                      struct pfs_err *err)
{
    return open_split(scan, split, section, NULL, out, err);
}
