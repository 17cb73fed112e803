/* changes.c - the finders of what changed: differences of two states, logged changes.
 *
 * A difference needs two whole states and nothing between them; logged changes need each snapshot between two bounds.
 * Both are of what the bounds meant when the name was looked up: `latest` is a number from then on. */
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "base/number.h"
#include "fs/render/render.h"

#define SMALL_ROWS 20000 /* such a view is rendered among the urgent tasks */

struct changes { /* what such a view is made of */
    struct pfs_table *table;
    struct pfs_state *from, *to; /* logged changes: `to` is what is known of the table, its schema */
    enum pfs_changes_mode mode;
    int64_t first, last; /* logged changes: of these snapshots */
    bool snapshot;       /* with their ids */
    bool own;            /* of the state's own snapshot */
    struct pfs_arena arena;
    struct pfs_pool *pool;
    struct pfs_budget budget;
    int32_t columns;
    int32_t *column;
    int32_t partitions;
    struct pfs_partition_value *partition;
    const struct pfs_condition *condition;
};

/* Both states of a difference, and the oldest snapshot whose changes are wanted. */
static void hold(void *context, bool held)
{
    const struct changes *c = context;

    if (c->from != NULL)
        pfs_state_hold(c->from, 0, held);
    pfs_state_hold(c->to, c->first, held);
}

static void release(void *context)
{
    struct changes *c = context;

    pfs_state_unref(c->from);
    pfs_state_unref(c->to);
    pfs_table_unref(c->table);
    pfs_arena_done(&c->arena);
    pfs_free(c);
}

/* For both kinds of finders: what a view keeps as long as it lives. */
static int open_changes(const struct pfs_looking *looking, struct changes **out, struct pfs_err *err)
{
    struct changes *c = pfs_zalloc(sizeof(*c));

    if (c == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a view");
    pfs_arena_init(&c->arena, PFS_ARENA_LIMIT);
    c->table = pfs_table_ref(looking->table);
    c->pool = looking->pool;
    c->budget = looking->budget;
    *out = c;
    return 0;
}

/* The columns and partitions that the place is refined to. */
static int refine(struct changes *c, const struct pfs_place *place, struct pfs_err *err)
{
    const struct pfs_schema *schema = c->to->schema;

    assert(schema != NULL);
    assert(c->column == NULL);
    PFS_TRY(pfs_place_columns(place, schema, &c->arena, &c->column, &c->columns, err));
    PFS_TRY(pfs_place_partitions(place, schema, &c->arena, &c->partition, err));
    c->partitions = place->specs;
    return pfs_place_condition(place, schema, &c->arena, &c->condition, err);
}

/* ---- diff/A..B ---- */

/* The state that a bound of a range names, read with the newest schema: a snapshot's id (0: before the first), else a
 * tag; `latest`. */
static int bound_state(struct pfs_table *table, const char *name, struct pfs_state **out, struct pfs_err *err)
{
    struct pfs_table_parts parts = pfs_table_parts(table);
    struct pfs_when when = {.kind = PFS_WHEN_TAG, .tag = name};
    const struct pfs_schema *schema;
    struct pfs_state *state;
    int rc = -ENOENT;

    PFS_TRY(pfs_table_schema(table, &schema, err));
    if (strcmp(name, "0") == 0)
        return pfs_state_load(parts.manifests, parts.store, parts.root, parts.schemas, schema, NULL, out, err);
    if (strcmp(name, "latest") == 0)
        return pfs_table_state(table, (struct pfs_when){.kind = PFS_WHEN_LATEST}, out, err);
    if (strncmp(name, "tag:", 4) == 0)
        when.tag = name + 4;
    else if (pfs_i64_parse(pfs_str(name), &when.number) == 0)
        rc = pfs_table_state(table, (struct pfs_when){.kind = PFS_WHEN_SNAPSHOT, .number = when.number}, &state, err);
    if (rc == -ENOENT)
        rc = pfs_table_state(table, when, &state, err);
    if (rc < 0)
        return rc;
    rc = pfs_state_with(state, schema, out, err);
    pfs_state_unref(state);
    return rc;
}

static int open_diff(void *context, const struct pfs_cancel *cancel, struct pfs_rows **out, struct pfs_err *err)
{
    const struct changes *c = context;
    const struct pfs_diff_want want = {.from = c->from,
                                       .to = c->to,
                                       .columns = c->columns,
                                       .column = c->column,
                                       .partitions = c->partitions,
                                       .partition = c->partition,
                                       .condition = c->condition,
                                       .budget = c->budget,
                                       .cancel = cancel,
                                       .pool = c->pool};

    return pfs_diff_rows(&want, out, err);
}

/* Before merging: what has to be read. */
static int64_t rows_of(const struct pfs_state *state)
{
    int64_t rows = 0;

    for (int64_t i = 0; i < state->files; i++)
        rows += state->file[i]->file.rows;
    return rows;
}

/* Read with the newest schema on both sides: columns of two schemas have nothing to compare. */
static int find_diff(struct changes *c, const struct pfs_looking *looking, struct pfs_shown *out, struct pfs_err *err)
{
    const struct pfs_place *place = looking->place;
    const char *from = looking->reading != NULL ? looking->reading->from : place->from;
    const char *to = looking->reading != NULL ? looking->reading->to : place->to;

    PFS_TRY(bound_state(c->table, from, &c->from, err));
    PFS_TRY(bound_state(c->table, to, &c->to, err));
    assert(c->from != NULL);
    assert(c->to != NULL);
    if (c->from->exists && (!c->to->exists || c->from->snapshot.id > c->to->snapshot.id))
        return pfs_fail(err, EINVAL, "%s is newer than %s", from, to);
    PFS_TRY(refine(c, place, err));
    out->mtime_ms = c->to->exists ? c->to->snapshot.time_ms : 0;
    out->identity = pfs_arena_printf(looking->arena, "%s|%s|%lld-%lld", c->from->identity, c->to->identity,
                                     (long long)c->to->schema->id, (long long)c->to->schema->time_ms);
    return out->identity == NULL ? pfs_arena_full(looking->arena, err) : 0;
}

int pfs_find_diff(const struct pfs_looking *looking, struct pfs_shown *out, struct pfs_err *err)
{
    struct pfs_print print = {.open = open_diff,
                              .release = release,
                              .hold = hold,
                              .pool = looking->pool,
                              .format = looking->place->format,
                              .parquet = looking->place->parquet};
    struct changes *c;
    int rc;

    PFS_TRY(open_changes(looking, &c, err));
    rc = find_diff(c, looking, out, err);
    if (rc < 0) {
        release(c);
        return rc;
    }
    print.context = c;
    print.small = rows_of(c->from) + rows_of(c->to) <= SMALL_ROWS;
    return pfs_print_source(&print, &out->source, err);
}

/* ---- changes, incremental/A..B, consumer/<name> ---- */

static int open_logged(void *context, const struct pfs_cancel *cancel, struct pfs_rows **out, struct pfs_err *err)
{
    const struct changes *c = context;
    struct pfs_table_parts parts = pfs_table_parts(c->table);
    const struct pfs_changes_want want = {.state = c->to,
                                          .meta = parts.meta,
                                          .manifests = parts.manifests,
                                          .mode = c->mode,
                                          .from = c->first,
                                          .to = c->last,
                                          .own = c->own,
                                          .snapshot = c->snapshot,
                                          .columns = c->columns,
                                          .column = c->column,
                                          .partitions = c->partitions,
                                          .partition = c->partition,
                                          .condition = c->condition,
                                          .budget = c->budget,
                                          .cancel = cancel,
                                          .pool = c->pool};

    return pfs_changes_rows(&want, out, err);
}

/* What the one snapshot changed that the place is frozen at. */
static int find_frozen(struct changes *c, const struct pfs_place *place, struct pfs_err *err)
{
    PFS_TRY(pfs_table_state(c->table, pfs_place_when(place), &c->to, err));
    c->mode = PFS_CHANGES_STREAM;
    c->own = true;
    c->first = c->last = c->to->snapshot.id;
    return 0;
}

/* The snapshot's id that a bound of a range names: an id from the one before the first on, else a tag; `latest`. */
static int bound_id(struct changes *c, const char *name, int64_t first, int64_t last, int64_t *out, struct pfs_err *err)
{
    struct pfs_table_parts parts = pfs_table_parts(c->table);
    struct pfs_snapshot tag;

    if (strcmp(name, "latest") == 0) {
        *out = last;
        return 0;
    }
    if (strncmp(name, "tag:", 4) == 0)
        name += 4;
    else if (pfs_i64_parse(pfs_str(name), out) == 0 && *out >= first - 1 && *out <= last)
        return 0;
    PFS_TRY(pfs_tag_load(parts.store, parts.meta, name, &c->arena, &tag, NULL, err));
    *out = tag.id;
    return 0;
}

/* Changes after A up to B, as Paimon's incremental-between has it. */
static int find_range(struct changes *c, const struct pfs_looking *looking, struct pfs_err *err)
{
    struct pfs_table_parts parts = pfs_table_parts(c->table);
    const char *from_name = looking->reading != NULL ? looking->reading->from : looking->place->from;
    const char *to_name = looking->reading != NULL ? looking->reading->to : looking->place->to;
    int64_t first, last, from;

    PFS_TRY(pfs_table_state(c->table, (struct pfs_when){.kind = PFS_WHEN_LATEST}, &c->to, err));
    PFS_TRY(pfs_changes_range(parts.store, parts.meta, &first, &last, err));
    PFS_TRY(bound_id(c, from_name, first, last, &from, err));
    PFS_TRY(bound_id(c, to_name, first, last, &c->last, err));
    if (from > c->last)
        return pfs_fail(err, EINVAL, "%s is newer than %s", from_name, to_name);
    if (from < first - 1)
        return -ENOENT; /* a tag that is older than what is kept */
    c->mode = looking->reading != NULL ? looking->reading->mode : PFS_CHANGES_AUTO;
    c->first = from + 1;
    return 0;
}

/* From a consumer's position, or the oldest change that is kept, to the newest. */
static int find_unread(struct changes *c, const struct pfs_place *place, struct pfs_shown *out, struct pfs_err *err)
{
    struct pfs_table_parts parts = pfs_table_parts(c->table);
    int64_t first = 1, last = 0;
    int rc;

    PFS_TRY(pfs_table_consumer(c->table, place->name, &out->seen, err));
    PFS_TRY(pfs_table_state(c->table, (struct pfs_when){.kind = PFS_WHEN_LATEST}, &c->to, err));
    rc = pfs_changes_range(parts.store, parts.meta, &first, &last, err);
    if (rc < 0 && rc != -ENOENT)
        return rc;
    c->mode = PFS_CHANGES_STREAM;
    c->snapshot = true;
    c->first = out->seen > first ? out->seen : first;
    c->last = last;
    assert(c->first >= first);
    out->after = c->first > last + 1 ? c->first : last + 1; /* one that stands in the future waits there */
    return 0;
}

static int find_logged(struct changes *c, const struct pfs_looking *looking, struct pfs_shown *out, struct pfs_err *err)
{
    struct pfs_table_parts parts = pfs_table_parts(c->table);
    const struct pfs_snapshot *end;
    struct pfs_snapshot loaded;

    if (looking->place->kind == PFS_NODE_CONSUMER)
        PFS_TRY(find_unread(c, looking->place, out, err));
    else if (looking->place->kind == PFS_NODE_CHANGES)
        PFS_TRY(find_frozen(c, looking->place, err));
    else
        PFS_TRY(find_range(c, looking, err));
    assert(c->to != NULL);
    end = &c->to->snapshot;
    if (c->last > 0 && end->id != c->last) {
        PFS_TRY(pfs_changes_snapshot(parts.store, parts.meta, c->last, &c->arena, &loaded, err));
        end = &loaded;
    }
    PFS_TRY(refine(c, looking->place, err));
    out->mtime_ms = c->last > 0 ? end->time_ms : 0;
    out->identity = pfs_arena_printf(looking->arena, "%lld|%lld-%s|%lld-%lld", (long long)c->first, (long long)c->last,
                                     c->last > 0 ? end->delta_list : "", (long long)c->to->schema->id,
                                     (long long)c->to->schema->time_ms);
    return out->identity == NULL ? pfs_arena_full(looking->arena, err) : 0;
}

int pfs_find_changes(const struct pfs_looking *looking, struct pfs_shown *out, struct pfs_err *err)
{
    struct pfs_print print = {.open = open_logged,
                              .release = release,
                              .hold = hold,
                              .pool = looking->pool,
                              .format = looking->place->format,
                              .parquet = looking->place->parquet,
                              .lasting = !looking->place->parquet};
    struct changes *c;
    int rc;

    PFS_TRY(open_changes(looking, &c, err));
    rc = find_logged(c, looking, out, err);
    if (rc < 0) {
        release(c);
        return rc;
    }
    print.context = c;
    print.small = c->last - c->first < 2;
    return pfs_print_source(&print, &out->source, err);
}
