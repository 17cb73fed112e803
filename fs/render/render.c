/* render.c - the finders by kind, and that of merged rows.
 *
 * A finder reads what tells how a view is made, a state above all, and keeps it: the rows are opened anew for each pass
 * over the text, and are the same each time since the state is. */
#include "fs/render/render.h"

#include <assert.h>
#include <string.h>

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
    const int32_t *column;
    int32_t partitions;
    struct pfs_partition_value *partition;
    const struct pfs_condition *condition;
    const int32_t *key; /* where the key stands in the rows; NULL = it is not read with them */
};

/* The same rows each time, but for who may stop it. */
static struct pfs_scan_want want_of(const struct source *s, const struct pfs_cancel *cancel)
{
    return (struct pfs_scan_want){.state = s->state,
                                  .columns = s->columns,
                                  .column = s->column,
                                  .partitions = s->partitions,
                                  .partition = s->partition,
                                  .condition = s->condition,
                                  .keyed = s->key != NULL,
                                  .own = s->key != NULL, /* there is no fallback then */
                                  .cancel = cancel,
                                  .budget = s->budget,
                                  .pool = s->pool};
}

static int open_rows(void *context, const struct pfs_cancel *cancel, struct pfs_rows **out, struct pfs_err *err)
{
    const struct pfs_scan_want want = want_of(context, cancel);

    return pfs_scan_rows(&want, out, err);
}

static int open_blocks(void *context, const struct pfs_cancel *cancel, struct pfs_blocks **out, struct pfs_err *err)
{
    const struct pfs_scan_want want = want_of(context, cancel);

    return pfs_blocks_open(&want, out, err);
}

static int open_patch(void *context, const struct pfs_cancel *cancel, const struct pfs_blocks *old,
                      const struct pfs_patch_text *text, struct pfs_blocks *blocks, struct pfs_patch **out,
                      struct pfs_err *err)
{
    const struct source *s = context;
    const struct pfs_scan_want want = want_of(s, cancel);

    return pfs_patch_open(&want, s->key, old, text, blocks, out, err);
}

/* While somebody counts on it the snapshot's files are kept from being expired. */
static void hold(void *context, bool held)
{
    const struct source *s = context;

    pfs_state_hold(s->state, 0, held);
}

static void release(void *context)
{
    struct source *s = context;

    pfs_state_unref(s->state);
    pfs_arena_done(&s->arena);
    pfs_free(s);
}

/* Everything is resolved before a row is read: a mistake in the path is told by the lookup. */
static int fill(struct source *s, const struct pfs_looking *looking, struct pfs_err *err)
{
    const struct pfs_schema *schema = s->state->schema;
    int32_t *column;

    PFS_TRY(pfs_place_columns(looking->place, schema, &s->arena, &column, &s->columns, err));
    s->column = column;
    PFS_TRY(pfs_place_partitions(looking->place, schema, &s->arena, &s->partition, err));
    s->partitions = looking->place->specs;
    return pfs_place_condition(looking->place, schema, &s->arena, &s->condition, err);
}

/* Text in the order of a key is made from the one before it, when there is one: of the same path, in the same format.
 */
static int index_by_key(struct source *s, const struct pfs_place *place, struct pfs_print *print, struct pfs_err *err)
{
    static const struct pfs_print_by_key by_key = {open_blocks, open_patch};
    const char *slash = strrchr(place->path, '/');
    struct pfs_field *field = pfs_arena_array(&s->arena, (size_t)s->columns, sizeof(*field));
    struct pfs_scan_want want = {.state = s->state, .columns = s->columns, .column = s->column};

    assert(slash != NULL); /* a view stands in snapshot/ */
    print->series = pfs_arena_printf(&s->arena, "%.*s|%d", (int)(slash - place->path), place->path, (int)place->format);
    if (field == NULL || print->series == NULL)
        return pfs_arena_full(&s->arena, err);
    for (int32_t i = 0; i < s->columns; i++)
        field[i] = s->state->schema->field[s->column[i]];
    assert(s->key == NULL);
    print->field = field;
    print->columns = s->columns;
    PFS_TRY(pfs_blocks_widen(&want, &s->arena, &s->key, err));
    assert(want.columns >= print->columns); /* what is printed comes first, then the key where it is not among it */
    s->columns = want.columns;
    s->column = want.column;
    print->key = s->key;
    print->by_key = &by_key;
    return 0;
}

/* Rows of a state. */
static int find_state(const struct pfs_looking *looking, struct pfs_shown *out, struct pfs_err *err)
{
    struct pfs_print print = {.open = open_rows,
                              .release = release,
                              .hold = hold,
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
    if (rc == 0 && !print.parquet && pfs_blocks_fit(s->state))
        rc = index_by_key(s, looking->place, &print, err);
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

/* What a read gives that names no version may be changes: with `_kind`, as those that a path asks for, since a row that
 * was deleted would look like one that is there. */
int pfs_find_rows(const struct pfs_looking *looking, struct pfs_shown *out, struct pfs_err *err)
{
    struct pfs_looking with = *looking;
    struct pfs_reading reading;

    if (looking->place->when.kind != PFS_WHEN_READ)
        return find_state(looking, out, err);
    PFS_TRY(pfs_table_reading(looking->table, looking->arena, &reading, err));
    with.reading = &reading;
    switch (reading.kind) {
    case PFS_READING_CHANGES:
        return pfs_find_changes(&with, out, err);
    case PFS_READING_DIFF:
        return pfs_find_diff(&with, out, err);
    case PFS_READING_STATE:
        break;
    }
    return find_state(looking, out, err);
}
