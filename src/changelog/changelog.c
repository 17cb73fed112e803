/* changelog.c - the changes of a range of snapshots as rows, and which ranges there are.
 *
 * One snapshot is one step (step.c): the files that it added for the stream, read one after the other as they are, and
 * before them what an overwrite removed, read merged. A step is loaded when its turn comes and lets its manifests go
 * with the next one, so that a long range holds no more than a short one.
 *
 *   step:   not loaded -> removals (gone, scan) -> added files (open, one at a time) -> next id, not loaded
 */
#include "src/changelog/changelog.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "format/text/text.h"
#include "src/changelog/step.h"
#include "src/file/file.h"
#include "src/scan/kinds.h"
#include "src/scan/where.h"

struct changes {
    struct pfs_rows rows;     /* first */
    struct pfs_reader reader; /* what rows.reader points to */
    struct pfs_arena arena;
    struct pfs_changes_want want; /* state referenced, lists ours */
    int64_t id;                   /* of the snapshot being read */
    bool loaded;                  /* its step is */
    struct pfs_step step;
    int64_t file;            /* next of step.added */
    bool removals;           /* step.removed is not read yet */
    struct pfs_state *gone;  /* the removed files as a state */
    struct pfs_rows *scan;   /* of it */
    struct pfs_reader *open; /* of the file being read */
};

static const struct pfs_field snapshot_field = {.id = -1, .name = "_snapshot", .type = {.kind = PFS_BIGINT}};

/* ---- rows of a step ---- */

/* The kinds, in front the snapshot's id, then the wanted columns. */
static int64_t give(const struct changes *c, const struct pfs_batch *in, const int8_t *kind, struct pfs_arena *arena,
                    struct pfs_batch *out, struct pfs_err *err)
{
    int32_t columns = c->want.columns, front = c->want.snapshot ? 2 : 1;
    struct pfs_column *column = pfs_arena_array(arena, (size_t)(front + columns), sizeof(*column));

    assert(kind != NULL);
    assert(in->columns >= columns); /* the wanted ones come first, whoever read them */
    if (column == NULL)
        return pfs_arena_full(arena, err);
    PFS_TRY(pfs_kinds_print(kind, in->rows, arena, &column[front - 1], err));
    if (c->want.snapshot) {
        int64_t *id = pfs_arena_alloc(arena, (size_t)in->rows * sizeof(*id));

        if (id == NULL)
            return pfs_arena_full(arena, err);
        for (int64_t i = 0; i < in->rows; i++)
            id[i] = c->id;
        column[0] = (struct pfs_column){.type = &snapshot_field.type, .values = id};
    }
    if (columns > 0)
        memcpy(column + front, in->column, (size_t)columns * sizeof(*column));
    *out = (struct pfs_batch){in->rows, front + columns, column};
    return in->rows;
}

static int8_t *constant_kinds(int64_t rows, enum pfs_row_kind kind, struct pfs_arena *arena)
{
    int8_t *kinds = pfs_arena_alloc(arena, (size_t)rows);

    if (kinds != NULL)
        memset(kinds, (int)kind, (size_t)rows);
    return kinds;
}

/* A change is read as it was written: neither merged with others nor without the rows that were deleted since. */
static int open_file(struct changes *c, struct pfs_err *err)
{
    const struct pfs_state *state = c->want.state;
    const struct pfs_data_read read = {.store = state->store,
                                       .table = state->store_table,
                                       .schema = state->schema,
                                       .schemas = state->schemas,
                                       .columns = c->want.columns,
                                       .column = c->want.column,
                                       .key_value = state->schema->primary_keys > 0,
                                       .external = state->external,
                                       .ahead_bytes = c->want.budget.bytes / 4,
                                       .cancel = c->want.cancel,
                                       .pool = c->want.pool};

    assert(c->open == NULL);
    assert(c->file < c->step.adds);
    return pfs_data_open(&read, c->step.added[c->file++].entry, &c->open, err);
}

static int64_t next_added(struct changes *c, struct pfs_arena *arena, struct pfs_batch *out, struct pfs_err *err)
{
    for (;;) {
        struct pfs_batch batch;
        const int8_t *kind;
        int64_t rows;

        if (c->open == NULL) {
            if (c->file == c->step.adds)
                return 0;
            PFS_TRY(open_file(c, err));
        }
        rows = pfs_reader_next(c->open, arena, &batch, err);
        if (rows < 0)
            return rows;
        if (rows > 0) {
            kind = c->want.state->schema->primary_keys > 0 ? batch.column[batch.columns - 1].values
                                                           : constant_kinds(rows, PFS_INSERT, arena);
            return kind == NULL ? pfs_arena_full(arena, err) : give(c, &batch, kind, arena, out, err);
        }
        pfs_reader_close(c->open);
        c->open = NULL;
    }
}

/* ---- what an overwrite removed ---- */

/* The deletion vectors that the removed files had are those of the snapshot before: the overwrite took them out of its
 * own index manifest together with the files. */
static int load_index(struct changes *c, struct pfs_state *gone, struct pfs_err *err)
{
    struct pfs_snapshot before;
    struct pfs_index_entry *index = NULL;
    int rc = pfs_changes_snapshot(gone->store, c->want.meta, c->id - 1, &c->step.arena, &before, err);

    gone->index = NULL;
    gone->indexes = 0;
    gone->placed = NULL; /* whoever scans looks at all of them */
    if (rc < 0)
        return rc == -ENOENT ? -ESTALE : rc;
    if (before.index_manifest != NULL)
        PFS_TRY(pfs_index_manifest_load(gone->store, gone->store_table, before.index_manifest, &c->step.arena, &index,
                                        &gone->indexes, err));
    gone->index = index;
    return 0;
}

/* The removed files read as one state: merged, with the deletion vectors that they had. They are the table's own: what
 * its fallback branch holds of other partitions was not removed. */
static int open_removed(struct changes *c, struct pfs_err *err)
{
    struct pfs_scan_want scan = {.levels = PFS_LEVELS_ALL,
                                 .own = true,
                                 .columns = c->want.columns,
                                 .column = c->want.column,
                                 .budget = c->want.budget,
                                 .cancel = c->want.cancel,
                                 .pool = c->want.pool};

    assert(c->gone == NULL);
    assert(c->step.removes > 0);
    PFS_TRY(pfs_state_with(c->want.state, c->want.state->schema, &c->gone, err));
    c->gone->file = c->step.removed;
    c->gone->files = c->step.removes;
    PFS_TRY(load_index(c, c->gone, err));
    scan.state = c->gone;
    return pfs_scan_rows(&scan, &c->scan, err);
}

static void close_removed(struct changes *c)
{
    pfs_rows_close(c->scan);
    c->scan = NULL;
    pfs_state_unref(c->gone);
    c->gone = NULL;
}

static int64_t next_removed(struct changes *c, struct pfs_arena *arena, struct pfs_batch *out, struct pfs_err *err)
{
    struct pfs_batch batch;
    int8_t *kind;
    int64_t rows;

    if (c->scan == NULL)
        PFS_TRY(open_removed(c, err));
    rows = pfs_reader_next(c->scan->reader, arena, &batch, err);
    if (rows > 0) {
        kind = constant_kinds(rows, PFS_DELETE, arena);
        return kind == NULL ? pfs_arena_full(arena, err) : give(c, &batch, kind, arena, out, err);
    }
    close_removed(c);
    c->removals = false;
    return rows;
}

/* ---- the reader ---- */

/* Is the snapshot that is read still there, as itself or as a long-lived changelog? A tag of it does not keep what it
 * changed. When that cannot be told, it is. */
static bool is_there(const struct changes *c)
{
    const struct pfs_snapshot *s = &c->step.snapshot;
    const struct pfs_state *state = c->want.state;
    struct pfs_snapshot now;
    struct pfs_arena arena;
    bool there;
    int rc;

    if (s->commit_user == NULL) /* it was not read */
        return true;
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = pfs_changes_snapshot(state->store, c->want.meta, c->id, &arena, &now, NULL);
    there = rc < 0 ? rc != -ENOENT
                   : now.time_ms == s->time_ms && now.commit_identifier == s->commit_identifier &&
                         strcmp(now.commit_user, s->commit_user) == 0;
    pfs_arena_done(&arena);
    return there;
}

/* A snapshot that expires or is rolled back takes its files with it: that is no damage. */
static int64_t refuse(const struct changes *c, int64_t rc, struct pfs_err *err)
{
    if (rc == -ESTALE || rc == -ECANCELED)
        return rc;
    if (rc == -EIO && !is_there(c))
        return pfs_fail(err, ESTALE, "snapshot %lld expired or was rolled back, and its changes with it",
                        (long long)c->id);
    return pfs_wrap(err, "snapshot %lld", (long long)c->id);
}

static int64_t changes_next(struct pfs_reader *self, struct pfs_arena *arena, struct pfs_batch *out,
                            struct pfs_err *err)
{
    struct changes *c = (struct changes *)((char *)self - offsetof(struct changes, reader));

    while (c->id <= c->want.to) {
        int64_t rows = 0;

        if (pfs_cancelled(c->want.cancel))
            return -ECANCELED;
        if (!c->loaded) {
            assert(c->open == NULL && c->scan == NULL); /* they point into the step before */
            rows = pfs_step_load(&c->step, &c->want, c->id, err);
            if (rows < 0)
                return refuse(c, rows, err);
            c->loaded = true;
            c->file = 0;
            c->removals = c->step.removes > 0;
        }
        if (c->removals)
            rows = next_removed(c, arena, out, err);
        if (rows == 0)
            rows = next_added(c, arena, out, err);
        if (rows < 0)
            return refuse(c, rows, err);
        if (rows != 0)
            return rows;
        c->loaded = false;
        c->id++;
    }
    return 0;
}

static void changes_close(struct pfs_rows *rows)
{
    struct changes *c = (struct changes *)rows;

    pfs_reader_close(c->open);
    close_removed(c);
    pfs_step_done(&c->step);
    pfs_state_unref(c->want.state);
    pfs_arena_done(&c->arena);
    pfs_free(c);
}

static void reader_close(struct pfs_reader *self)
{
    changes_close(&((struct changes *)((char *)self - offsetof(struct changes, reader)))->rows);
}

static const struct pfs_reader_ops changes_ops = {changes_next, reader_close};

/* A stream is of the table's own branch, whatever branch batch reads fall back to. */
static int check_supported(struct changes *c, struct pfs_err *err)
{
    struct pfs_schema schema = *c->want.state->schema;

    if (c->want.mode == PFS_CHANGES_STREAM)
        PFS_TRY(pfs_schema_own_options(&schema, &c->arena, &schema.options, err));
    return pfs_schema_supported(&schema, false, err);
}

/* Lists of the caller's may go once the rows are open: they are copied. */
static int fill(struct changes *c, struct pfs_err *err)
{
    const struct pfs_schema *schema = c->want.state->schema;
    int32_t columns = c->want.columns < 0 ? schema->columns : c->want.columns, front = c->want.snapshot ? 2 : 1;
    struct pfs_field *field = pfs_arena_array(&c->arena, (size_t)(front + columns), sizeof(*field));
    struct pfs_partition_value *partition = pfs_arena_array(&c->arena, (size_t)c->want.partitions, sizeof(*partition));
    int32_t *column = pfs_arena_array(&c->arena, (size_t)columns, sizeof(*column));

    if (field == NULL || partition == NULL || column == NULL)
        return pfs_arena_full(&c->arena, err);
    field[0] = snapshot_field;
    field[front - 1] = pfs_kind_field;
    for (int32_t i = 0; i < columns; i++) {
        column[i] = c->want.columns < 0 ? i : c->want.column[i];
        assert(column[i] >= 0 && column[i] < schema->columns);
        field[front + i] = schema->field[column[i]];
    }
    for (int32_t i = 0; i < c->want.partitions; i++)
        partition[i] = c->want.partition[i];
    c->want.columns = columns;
    c->want.column = column;
    c->want.partition = partition;
    c->rows.field = field;
    c->rows.columns = front + columns;
    return check_supported(c, err);
}

static int open_changes(const struct pfs_changes_want *want, struct pfs_rows **out, struct pfs_err *err)
{
    struct changes *c = pfs_zalloc(sizeof(*c));
    int rc;

    if (c == NULL)
        return pfs_fail(err, ENOMEM, "no memory for changes");
    pfs_arena_init(&c->arena, PFS_ARENA_LIMIT);
    pfs_step_init(&c->step);
    c->reader.ops = &changes_ops;
    c->rows.reader = &c->reader;
    c->rows.close = changes_close;
    c->want = *want;
    c->want.state = pfs_state_ref(want->state);
    c->id = want->from;
    rc = fill(c, err);
    if (rc < 0) {
        changes_close(&c->rows);
        return rc;
    }
    *out = &c->rows;
    return 0;
}

int pfs_changes_rows(const struct pfs_changes_want *want, struct pfs_rows **out, struct pfs_err *err)
{
    const struct pfs_schema *schema = want->state->schema;
    struct pfs_changes_want wider = *want;
    struct pfs_arena arena;
    struct pfs_where where;
    struct pfs_rows *rows;
    int rc;

    assert(!want->own || want->from == want->to); /* a tag holds one snapshot */
    if (want->condition == NULL)
        return open_changes(want, out, err);
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = pfs_where_plan(want->condition, schema, want->column, want->columns, want->snapshot ? 2 : 1, &arena, &where,
                        err);
    if (rc == 0) {
        wider.columns = where.columns;
        wider.column = where.column;
        rc = open_changes(&wider, &rows, err);
    }
    if (rc == 0)
        rc = pfs_where_rows(rows, want->condition, &where, schema, out, err);
    pfs_arena_done(&arena);
    return rc;
}

/* ---- which there are ---- */

static bool has_snapshot(struct pfs_store *store, const char *meta, int64_t id)
{
    char path[4096];
    struct pfs_stat st;

    return snprintf(path, sizeof(path), "%s/snapshot/snapshot-%lld", meta, (long long)id) < (int)sizeof(path) &&
           pfs_store_stat(store, path, &st, NULL) == 0;
}

/* Long-lived changelogs in front of the snapshots, as far as they reach without a gap. */
static int reach_back(struct pfs_store *store, const char *meta, bool snapshots, int64_t *first, int64_t *last,
                      struct pfs_err *err)
{
    struct pfs_arena arena;
    int64_t *ids, count;
    int rc;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = pfs_changelog_list(store, meta, &arena, &ids, &count, err);
    if (rc == 0 && !snapshots && count == 0)
        rc = -ENOENT;
    if (rc == 0 && !snapshots) {
        *last = ids[count - 1];
        *first = *last + 1;
    }
    /* Ids ascend. Those that are snapshots still are passed: a changelog may be written before its snapshot goes. */
    for (int64_t i = rc == 0 ? count - 1 : -1; i >= 0 && ids[i] >= *first - 1; i--)
        if (ids[i] == *first - 1)
            (*first)--;
    pfs_arena_done(&arena);
    return rc;
}

int pfs_changes_range(struct pfs_store *store, const char *meta, int64_t *first, int64_t *last, struct pfs_err *err)
{
    int64_t from = 0, to = 0;
    int rc = pfs_snapshot_latest_id(store, meta, &to, err);
    bool snapshots = rc == 0;

    if (rc < 0 && rc != -ENOENT)
        return rc;
    if (snapshots) {
        rc = pfs_snapshot_earliest_id(store, meta, &from, err);
        if (rc == -ENOENT) /* the last one vanished between the two */
            return rc;
        PFS_TRY(rc);
        while (from > 1 && has_snapshot(store, meta, from - 1)) /* a hint may name a later one */
            from--;
    }
    PFS_TRY(reach_back(store, meta, snapshots, &from, &to, err));
    *first = from;
    *last = to;
    return 0;
}

int pfs_changes_snapshot(struct pfs_store *store, const char *meta, int64_t id, struct pfs_arena *arena,
                         struct pfs_snapshot *out, struct pfs_err *err)
{
    int rc = pfs_snapshot_load(store, meta, id, arena, out, NULL, err);

    return rc == -ENOENT ? pfs_changelog_load(store, meta, id, arena, out, err) : rc;
}
