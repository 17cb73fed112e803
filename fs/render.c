/* render.c - the finders by kind, and that of merged rows. */
#include "fs/render.h"

#include "base/mem.h"

#define SMALL_ROWS 20000  /* such a view is rendered among the urgent tasks */
#define SLOW_ROWS 2000000 /* more than can be rendered while somebody waits for open(2) */

int pfs_render_find(const struct pfs_looking *looking, struct pfs_shown *out, struct pfs_err *err)
{
    static pfs_finder_fn *const finder[] = {
        [PFS_NODE_VIEW] = pfs_find_rows,       [PFS_NODE_KEY] = pfs_find_key,
        [PFS_NODE_DIFF] = pfs_find_diff,       [PFS_NODE_INCREMENTAL] = pfs_find_changes,
        [PFS_NODE_CHANGES] = pfs_find_changes, [PFS_NODE_CONSUMER] = pfs_find_changes,
        [PFS_NODE_SYSTEM] = pfs_find_system,
    };
    size_t kind = looking->place->kind;

    if (kind >= sizeof(finder) / sizeof(finder[0]) || finder[kind] == NULL)
        return -ENOENT;
    return finder[kind](looking, out, err);
}

struct source {
    struct pfs_state *state;
    struct pfs_arena arena;
    struct pfs_pool *pool;
    struct pfs_budget budget;
    int32_t columns;
    int32_t *column;
    int32_t partitions;
    struct pfs_partition_value *partition;
    const struct pfs_condition *condition;
};

static int open_rows(void *context, const struct pfs_cancel *cancel, struct pfs_rows **out, struct pfs_err *err)
{
    const struct source *s = context;
    struct pfs_scan_want want = {.state = s->state,
                                 .columns = s->columns,
                                 .column = s->column,
                                 .partitions = s->partitions,
                                 .partition = s->partition,
                                 .condition = s->condition,
                                 .cancel = cancel,
                                 .budget = s->budget,
                                 .pool = s->pool};

    return pfs_scan_rows(&want, out, err);
}

static void release(void *context)
{
    struct source *s = context;

    pfs_state_unref(s->state);
    pfs_arena_done(&s->arena);
    pfs_free(s);
}

static int fill(struct source *s, const struct pfs_looking *looking, struct pfs_err *err)
{
    const struct pfs_schema *schema = s->state->schema;

    PFS_TRY(pfs_place_columns(looking->place, schema, &s->arena, &s->column, &s->columns, err));
    PFS_TRY(pfs_place_partitions(looking->place, schema, &s->arena, &s->partition, err));
    s->partitions = looking->place->specs;
    return pfs_place_condition(looking->place, schema, &s->arena, &s->condition, err);
}

int pfs_find_rows(const struct pfs_looking *looking, struct pfs_shown *out, struct pfs_err *err)
{
    struct pfs_print print = {.open = open_rows,
                              .release = release,
                              .pool = looking->pool,
                              .format = looking->place->format,
                              .parquet = looking->place->parquet,
                              .lasting = !looking->place->parquet}; /* pages end where batches do */
    struct source *s = pfs_zalloc(sizeof(*s));
    int64_t rows = 0;
    int rc;

    if (s == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a view");
    pfs_arena_init(&s->arena, PFS_ARENA_LIMIT);
    s->pool = looking->pool;
    s->budget = looking->budget;
    rc = pfs_table_state(looking->table, looking->place->when, &s->state, err);
    if (rc == 0)
        rc = fill(s, looking, err);
    if (rc < 0) {
        release(s);
        return rc;
    }
    for (int64_t i = 0; i < s->state->files; i++)
        rows += s->state->file[i]->file.rows;
    print.context = s;
    print.small = rows <= SMALL_ROWS;
    print.slow = rows > SLOW_ROWS;
    out->identity = pfs_arena_printf(looking->arena, "%s|%lld-%lld", s->state->identity,
                                     (long long)s->state->schema->id, (long long)s->state->schema->time_ms);
    out->mtime_ms = s->state->exists ? s->state->snapshot.time_ms : 0;
    if (out->identity == NULL) {
        release(s);
        return pfs_arena_full(looking->arena, err);
    }
    return pfs_print_source(&print, &out->source, err);
}
