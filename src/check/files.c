/* files.c - data files against their manifest entries: length, rows, and with `deep` every value, keys, sequence
 * numbers and deletes.
 *
 * Batches take turns with two arenas: the last key of a batch is compared with the first of the next one, and has to
 * live as long. A disorder is told of once a file; what a file comes to as a whole is compared at its end. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "format/text/text.h"
#include "src/check/internal.h"
#include "src/file/file.h"
#include "src/scan/plan.h"

struct reading { /* what a file's batches are compared with, and what they came to */
    struct pfs_checker *c;
    const struct pfs_checked_file *file;
    const char *path;
    const struct pfs_schema *schema; /* the file's own */
    bool keyed, sorted;
    int32_t sequence, kind; /* columns of a batch */
    int64_t rows, deletes;
    struct pfs_arena arena[2];
    struct pfs_keys last; /* in the other arena */
    int64_t last_row;     /* -1 = none */
    bool told_order, told_sequence;
};

/* ---- where it is ---- */

static int place(const struct pfs_checker *c, const struct pfs_manifest_entry *entry, struct pfs_arena *arena,
                 struct pfs_store **store, const char **path, struct pfs_err *err)
{
    const struct pfs_data_place of = {c->want->store, c->want->table, c->want->schema, c->want->external};

    return pfs_data_find(&of, entry, NULL, arena, store, path, err);
}

/* Indexes of its own, which lie beside it. */
static int look_beside(struct pfs_checker *c, struct pfs_store *store, const char *path,
                       const struct pfs_data_file *file, struct pfs_arena *arena, struct pfs_err *err)
{
    const char *slash = strrchr(path, '/');

    for (int64_t i = 0; slash != NULL && i < file->extra_files; i++) {
        const char *extra = pfs_arena_printf(arena, "%.*s/%s", (int)(slash - path), path, file->extra_file[i]);
        int rc = extra == NULL ? pfs_arena_full(arena, err) : pfs_checker_look(c, store, extra, PFS_NO_NUMBER, err);

        if (rc < 0)
            return rc;
    }
    return 0;
}

/* ---- rows ---- */

static void compare_order(struct reading *r, const struct pfs_keys *keys, int64_t rows)
{
    bool rises = r->last_row < 0 || pfs_keys_compare(&r->last, r->last_row, keys, 0) < 0;

    assert(rows > 0);
    for (int64_t i = 1; rises && i < rows; i++)
        rises = pfs_keys_compare(keys, i - 1, keys, i) < 0;
    if (!rises && !r->told_order)
        pfs_checker_tell(r->c, PFS_FINDING_ORDER, r->path, "its keys do not ascend, or one is there twice");
    r->told_order |= !rises;
}

/* A bound of the entry is the key itself. */
static int compare_bound(struct reading *r, struct pfs_slice bound, const struct pfs_keys *keys, int64_t row,
                         const char *which, struct pfs_arena *arena, struct pfs_err *err)
{
    struct pfs_keys told;

    PFS_TRY(pfs_plan_bound(r->schema, bound, arena, &told, err));
    if (pfs_keys_compare(&told, 0, keys, row) != 0)
        pfs_checker_tell(r->c, PFS_FINDING_RANGE, r->path, "its %s key is not the one that its manifest names", which);
    return 0;
}

static void compare_sequences(struct reading *r, const struct pfs_batch *batch)
{
    const struct pfs_data_file *file = &r->file->entry.file;
    const int64_t *number = batch->column[r->sequence].values;
    const int8_t *kind = batch->column[r->kind].values;
    bool inside = true;

    assert(batch->columns > r->sequence);
    assert(r->kind == r->sequence + 1);
    for (int64_t i = 0; i < batch->rows; i++)
        inside &= number[i] >= file->min_sequence && number[i] <= file->max_sequence;
    for (int64_t i = 0; i < batch->rows; i++)
        r->deletes += kind[i] == PFS_DELETE || kind[i] == PFS_UPDATE_BEFORE;
    if (!inside && !r->told_sequence)
        pfs_checker_tell(r->c, PFS_FINDING_RANGE, r->path, "a sequence number lies outside of %lld to %lld",
                         (long long)file->min_sequence, (long long)file->max_sequence);
    r->told_sequence |= !inside;
}

static int compare_keys(struct reading *r, const struct pfs_batch *batch, struct pfs_arena *arena, struct pfs_err *err)
{
    struct pfs_keys keys;

    compare_sequences(r, batch);
    if (!r->sorted)
        return 0;
    PFS_TRY(pfs_keys_of(batch, r->schema->trimmed_key, r->schema->trimmed_keys, arena, &keys, err));
    if (r->last_row < 0)
        PFS_TRY(compare_bound(r, r->file->entry.file.min_key, &keys, 0, "smallest", arena, err));
    assert(r->file->entry.bucket >= 0);
    compare_order(r, &keys, batch->rows);
    r->last = keys;
    r->last_row = batch->rows - 1;
    return 0;
}

static int read_rows(struct reading *r, struct pfs_reader *in, struct pfs_err *err)
{
    for (int turn = 0;; turn = 1 - turn) {
        struct pfs_arena *arena = &r->arena[turn];
        struct pfs_batch batch;
        int64_t rows;

        pfs_arena_reset(arena);
        if (pfs_cancelled(r->c->want->cancel))
            return -ECANCELED;
        rows = pfs_reader_next(in, arena, &batch, err);
        if (rows <= 0)
            return (int)rows;
        r->rows += rows;
        if (r->keyed)
            PFS_TRY(compare_keys(r, &batch, arena, err));
    }
}

static int compare_whole(struct reading *r, struct pfs_err *err)
{
    const struct pfs_data_file *file = &r->file->entry.file;

    if (r->rows != file->rows)
        pfs_checker_tell(r->c, PFS_FINDING_COUNT, r->path, "it has %lld rows where its manifest says %lld",
                         (long long)r->rows, (long long)file->rows);
    if (r->keyed && !r->file->changelog && file->delete_rows != PFS_NO_NUMBER && r->deletes != file->delete_rows)
        pfs_checker_tell(r->c, PFS_FINDING_COUNT, r->path, "it has %lld deletes where its manifest says %lld",
                         (long long)r->deletes, (long long)file->delete_rows);
    assert(r->last_row < 0 || r->sorted);
    assert(r->deletes <= r->rows);
    if (r->last_row >= 0)
        PFS_TRY(compare_bound(r, file->max_key, &r->last, r->last_row, "greatest", &r->arena[0], err));
    return 0;
}

/* Without `deep` no column is read: formats tell of their rows in the footer, or between their blocks. */
static int read_file(struct reading *r, struct pfs_arena *arena, struct pfs_err *err)
{
    const struct pfs_check *want = r->c->want;
    struct pfs_data_read read = {.store = want->store,
                                 .table = want->table,
                                 .schemas = want->schemas,
                                 .external = want->external,
                                 .cancel = want->cancel,
                                 .pool = want->pool};
    struct pfs_reader *in;
    int32_t *column;
    int rc;

    PFS_TRY(pfs_schemas_get(want->schemas, r->file->entry.file.schema_id, &r->schema, err));
    column = pfs_arena_array(arena, (size_t)r->schema->columns, sizeof(*column));
    if (column == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < r->schema->columns; i++)
        column[i] = i;
    r->keyed = want->deep && r->schema->primary_keys > 0;
    r->sorted = r->keyed && !r->file->changelog && r->file->entry.bucket >= 0;
    r->sequence = r->schema->columns;
    r->kind = r->schema->columns + 1;
    read.schema = r->schema;
    read.columns = want->deep ? r->schema->columns : 0;
    read.column = column;
    read.key_value = r->keyed;
    PFS_TRY(pfs_data_open(&read, &r->file->entry, &in, err));
    rc = read_rows(r, in, err);
    pfs_reader_close(in);
    return rc == 0 ? compare_whole(r, err) : rc;
}

static int check_rows(struct pfs_checker *c, const struct pfs_checked_file *file, const char *path,
                      struct pfs_arena *arena, struct pfs_err *err)
{
    struct reading r = {.c = c, .file = file, .path = path, .last_row = -1};
    int rc;

    pfs_arena_init(&r.arena[0], PFS_BATCH_BYTES_MAX);
    pfs_arena_init(&r.arena[1], PFS_BATCH_BYTES_MAX);
    rc = read_file(&r, arena, err);
    pfs_arena_done(&r.arena[0]);
    pfs_arena_done(&r.arena[1]);
    return pfs_checker_failed(c, path, rc, err);
}

/* One that is missing or not as long is not read: all else that could be said of it would follow from that. */
static int check_file(struct pfs_checker *c, const struct pfs_checked_file *file, struct pfs_arena *arena,
                      struct pfs_err *err)
{
    struct pfs_store *store;
    const char *path;
    int rc = place(c, &file->entry, arena, &store, &path, err);

    if (rc < 0)
        return pfs_checker_failed(c, file->entry.file.name, rc, err);
    rc = pfs_checker_look(c, store, path, file->entry.file.size, err);
    if (rc < 0)
        return rc;
    PFS_TRY(look_beside(c, store, path, &file->entry.file, arena, err));
    return rc == 0 ? 0 : check_rows(c, file, path, arena, err);
}

int pfs_check_files(struct pfs_checker *c, struct pfs_err *err)
{
    struct pfs_arena arena;
    int rc = 0;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    for (int64_t i = 0; rc == 0 && i < c->files; i++) {
        int64_t size = c->file[i].entry.file.size;

        if (c->want->progress != NULL)
            c->want->progress(c->want->context, c->sum->bytes, c->bytes);
        if (pfs_cancelled(c->want->cancel))
            rc = -ECANCELED;
        pfs_arena_reset(&arena);
        c->by = c->file[i].by;
        if (rc == 0)
            rc = check_file(c, &c->file[i], &arena, err);
        c->sum->files++;
        c->sum->bytes += size > 0 ? size : 0;
    }
    c->by = NULL;
    assert(rc < 0 || c->sum->bytes == c->bytes);
    pfs_arena_done(&arena);
    return rc;
}
