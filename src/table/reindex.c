/* reindex.c - file indexes of the files that a table has, as its options ask for them now: data files stay, their
 * entries go and come again with another index.
 *
 * Rows are not touched: DELETE and ADD of one name in one snapshot, which differ in their index alone. A file whose
 * index is what it should be stays out of it, so that a second call has nothing to do. */
#include <assert.h>

#include "base/mem.h"
#include "base/uuid.h"
#include "src/file/file.h"
#include "src/table/internal.h"

#define ATTEMPTS 4 /* somebody else may compact the same files */

struct reindexing {
    struct pfs_table_parts parts;
    struct pfs_state *state;
    struct pfs_data_read read;
    int64_t files;
    struct reindexed {
        const struct pfs_manifest_entry *old;
        struct pfs_manifest_entry made;
        struct pfs_arena arena; /* of `made` */
        int rc;                 /* 1 = it was made */
        struct pfs_err err;
    } * file;
    struct pfs_manifest_entry *entry; /* DELETEs, then ADDs */
    int64_t entries;
};

/* ---- which files ---- */

/* 1, 0, or an error. */
static int is_wanted(const struct reindexing *r, const struct pfs_manifest_entry *entry,
                     const struct pfs_jobs_spec *spec, int32_t specs, struct pfs_err *err)
{
    struct pfs_column *value;
    struct pfs_arena arena;
    bool wanted = false;
    int rc;

    if (entry->bucket == PFS_POSTPONE_BUCKET)
        return 0;
    if (specs == 0)
        return 1;
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = pfs_scan_partition_values(r->state, entry->partition, &arena, &value, err);
    for (int32_t i = 0; rc == 0 && i < specs && !wanted; i++)
        wanted = pfs_scan_partition_matches(r->state->schema, value, spec[i].value, spec[i].count);
    pfs_arena_done(&arena);
    return rc < 0 ? rc : wanted;
}

static int choose(struct reindexing *r, const struct pfs_jobs_spec *spec, int32_t specs, struct pfs_err *err)
{
    r->file = pfs_alloc_array((size_t)r->state->files, sizeof(*r->file));
    if (r->file == NULL)
        return pfs_fail(err, ENOMEM, "no memory for the indexes of %lld files", (long long)r->state->files);
    for (int64_t i = 0; i < r->state->files; i++) {
        int wanted = is_wanted(r, r->state->file[i], spec, specs, err);

        if (wanted < 0)
            return wanted;
        if (wanted == 0)
            continue;
        r->file[r->files] = (struct reindexed){.old = r->state->file[i]};
        pfs_arena_init(&r->file[r->files++].arena, PFS_ARENA_LIMIT);
    }
    return 0;
}

/* ---- making them ---- */

static void make_one(void *context, int index)
{
    const struct reindexing *r = context;
    struct reindexed *f = &r->file[index];

    assert(index >= 0);
    assert(index < r->files);
    f->rc = pfs_data_index(&r->read, f->old, &f->arena, &f->made, &f->err);
}

static int make(struct reindexing *r, struct pfs_err *err)
{
    int64_t made = 0;

    if (r->files > INT32_MAX)
        return pfs_fail(err, EINVAL, "%lld files are too many at once: name partitions", (long long)r->files);
    pfs_pool_run(r->parts.pool, (int)r->files, make_one, r);
    for (int64_t i = 0; i < r->files; i++) {
        if (r->file[i].rc < 0) {
            if (err != NULL)
                *err = r->file[i].err;
            return pfs_state_failure(r->state, r->file[i].rc, err);
        }
        made += r->file[i].rc;
    }
    assert(made <= r->files);
    r->entry = pfs_alloc_array((size_t)made * 2, sizeof(*r->entry));
    if (r->entry == NULL)
        return pfs_fail(err, ENOMEM, "no memory for %lld entries", (long long)made * 2);
    for (int64_t i = 0; i < r->files; i++)
        if (r->file[i].rc > 0) {
            r->entry[r->entries] = *r->file[i].old;
            r->entry[r->entries++].deleted = true;
        }
    for (int64_t i = 0; i < r->files; i++)
        if (r->file[i].rc > 0)
            r->entry[r->entries++] = r->file[i].made;
    assert(r->entries == made * 2);
    return 0;
}

/* ---- publishing ---- */

/* That the files are still there is checked when it is published. */
static int prepare(void *context, struct pfs_state *state, struct pfs_change *out, struct pfs_err *err)
{
    const struct reindexing *r = context;

    (void)state;
    (void)err;
    *out = (struct pfs_change){.kind = PFS_COMMIT_COMPACT, .entries = r->entries, .entry = r->entry};
    return 0;
}

static void done(struct reindexing *r, bool keep)
{
    for (int64_t i = 0; i < r->files; i++) {
        if (!keep && r->file[i].rc > 0)
            pfs_data_unindex(&r->read, r->file[i].old, &r->file[i].made);
        pfs_arena_done(&r->file[i].arena);
    }
    pfs_free(r->file);
    pfs_free(r->entry);
    pfs_state_unref(r->state);
}

/* -EBUSY: somebody else took files meanwhile. */
static int attempt(struct pfs_table *table, const struct pfs_jobs_spec *spec, int32_t specs, int64_t *files,
                   struct pfs_err *err)
{
    char user[PFS_UUID_TEXT];
    struct reindexing r = {.parts = pfs_table_parts(table)};
    struct pfs_publish publish = {.user = user, .identifier = PFS_BATCH_IDENTIFIER, .context = &r, .prepare = prepare};
    bool unclear = false;
    int64_t id = 0;
    int rc;

    pfs_uuid_make(user);
    PFS_TRY(pfs_table_state(table, (struct pfs_when){.kind = PFS_WHEN_LATEST}, &r.state, err));
    r.read = (struct pfs_data_read){.store = r.parts.store,
                                    .table = r.parts.root,
                                    .schema = r.state->schema,
                                    .schemas = r.parts.schemas,
                                    .external = r.parts.external};
    rc = pfs_schema_supported(r.state->schema, true, err);
    if (rc == 0)
        rc = choose(&r, spec, specs, err);
    if (rc == 0)
        rc = make(&r, err);
    if (rc == 0 && r.entries > 0)
        rc = pfs_table_publish(table, &publish, &id, &unclear, err);
    *files = id != 0 ? r.entries / 2 : 0;
    done(&r, id != 0 || unclear);
    return unclear && rc == -EBUSY ? -EIO : rc;
}

int pfs_table_rewrite_indexes(struct pfs_table *table, const struct pfs_jobs_spec *spec, int32_t specs, int64_t *files,
                              struct pfs_err *err)
{
    int rc = -EBUSY;

    *files = 0; /* an attempt may fail before it says how many */
    PFS_TRY(pfs_table_check_writable(table, err));
    for (int i = 0; i < ATTEMPTS && (rc == -EBUSY || rc == -ESTALE); i++)
        rc = attempt(table, spec, specs, files, err);
    if (rc == 0 && err != NULL)
        pfs_err_clear(err); /* of attempts that failed */
    if (*files > 0)
        (void)pfs_table_maintain(table, PFS_BATCH_IDENTIFIER, NULL); /* the snapshot stands in any case */
    return rc;
}
