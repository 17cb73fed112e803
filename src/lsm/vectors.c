/* vectors.c - the deletion vectors of a bucket after a compaction of it.
 *
 *   vectors of files that stay, as they were
 * - vectors of files that went with the job
 * + the rows that were marked in upper files, with what those files had before
 *
 * They are one index file that replaces the bucket's; when nothing of it is others than before, there is no new one,
 * and a file that only changes its level keeps its vector, which names it and not the level. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "src/file/deletions.h"
#include "src/lsm/internal.h"

/* The next index file of a bucket behind the one at *at (-1: the first); NULL: there is none. Append tables have any
 * number, others one. */
static const struct pfs_index_entry *next_entry(const struct pfs_state *state, struct pfs_slice partition,
                                                int32_t bucket, int64_t *at)
{
    assert(*at < state->indexes);
    for (*at = *at < 0 ? pfs_state_index_at(state, partition, bucket) : *at + 1; *at < state->indexes; ++*at) {
        const struct pfs_index_entry *e = state->placed[*at];

        if (e->bucket != bucket || !pfs_slice_eq(e->partition, partition))
            return NULL;
        if (strcmp(e->type, PFS_VECTORS) == 0)
            return e;
    }
    return NULL;
}

int64_t pfs_file_marks(const struct pfs_state *state, const struct pfs_manifest_entry *entry)
{
    const struct pfs_index_entry *index;
    int64_t at = -1;

    while ((index = next_entry(state, entry->partition, entry->bucket, &at)) != NULL)
        for (int64_t k = 0; k < index->vectors; k++)
            if (strcmp(index->vector[k].file, entry->file.name) == 0)
                return index->vector[k].cardinality > 0 ? index->vector[k].cardinality : 1;
    return 0;
}

/* ---- what a job leaves ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool has_name(const char *const *name, int64_t names, const char *wanted)
{
    return names > 0 && bsearch(&wanted, name, (size_t)names, sizeof(*name), by_name) != NULL;
}

/* Names of the bucket's files that are live in the state and stay where they are, or only move; sorted. */
static int list_stays(const struct pfs_state *state, const struct pfs_compact_job *job,
                      const struct pfs_compacted *done, struct pfs_arena *arena, const char ***out, int64_t *count,
                      struct pfs_err *err)
{
    const char **gone = pfs_arena_array(arena, (size_t)done->deletes, sizeof(*gone));
    const char **stay = pfs_arena_array(arena, (size_t)(state->files + done->adds), sizeof(*stay));
    int64_t stays = 0;

    if (gone == NULL || stay == NULL)
        return pfs_arena_full(arena, err);
    for (int64_t i = 0; i < done->deletes; i++)
        gone[i] = done->deleted[i].file.name;
    qsort(gone, (size_t)done->deletes, sizeof(*gone), by_name);
    for (int64_t i = 0; i < state->files; i++) {
        const struct pfs_manifest_entry *e = state->file[i];

        if (e->bucket == job->bucket && pfs_slice_eq(e->partition, job->partition) &&
            !has_name(gone, done->deletes, e->file.name))
            stay[stays++] = e->file.name;
    }
    for (int64_t i = 0; i < done->adds; i++)
        stay[stays++] = done->added[i].file.name;
    assert(stays <= state->files + done->adds);
    qsort(stay, (size_t)stays, sizeof(*stay), by_name);
    *out = stay;
    *count = stays;
    return 0;
}

struct vectors {
    struct pfs_deletion_vector *vector;
    int64_t count, room;
    bool changed;
};

/* The marks of a file, with what there was. */
static int add_marked(const struct pfs_compactor *c, const struct pfs_compact_job *job, struct pfs_bitmap *const *mark,
                      struct vectors *v, struct pfs_err *err)
{
    for (int32_t i = 0; i < job->uppers; i++) {
        const struct pfs_bitmap *old = NULL;

        if (mark[i] == NULL)
            continue;
        if (c->deletions != NULL)
            PFS_TRY(pfs_deletions_of(c->deletions, job->upper[i].entry, &old, err));
        if (old != NULL)
            PFS_TRY(pfs_bitmap_or(mark[i], old, err));
        assert(v->count < v->room);
        v->vector[v->count++] = (struct pfs_deletion_vector){job->upper[i].entry->file.name, mark[i]};
        v->changed = true;
    }
    return 0;
}

static bool is_marked(const struct vectors *v, int64_t marked, const char *file)
{
    for (int64_t i = 0; i < marked; i++)
        if (strcmp(v->vector[i].file, file) == 0)
            return true;
    return false;
}

/* Vectors of files that stay and that nothing was marked in. */
static int add_kept(const struct pfs_compactor *c, const struct pfs_compact_job *job,
                    const struct pfs_index_entry *entry, const char *const *stay, int64_t stays, int64_t marked,
                    struct vectors *v, struct pfs_err *err)
{
    assert(c->vectors != NULL); /* the state of the compactor has the entry */
    for (int64_t i = 0; i < entry->vectors; i++) {
        struct pfs_manifest_entry file = {
            .partition = job->partition, .bucket = job->bucket, .file = {.name = entry->vector[i].file}};
        const struct pfs_bitmap *rows;

        if (is_marked(v, marked, file.file.name))
            continue;
        if (!has_name(stay, stays, file.file.name)) {
            v->changed = true;
            continue;
        }
        PFS_TRY(pfs_deletions_of(c->vectors, &file, &rows, err));
        assert(v->count < v->room);
        if (rows != NULL && pfs_bitmap_count(rows) > 0)
            v->vector[v->count++] = (struct pfs_deletion_vector){file.file.name, rows};
    }
    return 0;
}

int pfs_vectors_make(const struct pfs_compactor *c, const struct pfs_compact_job *job, struct pfs_bitmap *const *mark,
                     struct pfs_arena *arena, struct pfs_compacted *out, struct pfs_err *err)
{
    const struct pfs_state *state = c->config.state;
    struct pfs_index_entry made = {.partition = job->partition, .bucket = job->bucket, .type = PFS_VECTORS};
    const struct pfs_index_entry *entry;
    size_t most = (size_t)job->uppers;
    int64_t at = -1;
    struct vectors v = {0};
    const char **stay;
    int64_t stays, marked;

    while ((entry = next_entry(state, job->partition, job->bucket, &at)) != NULL)
        most += (size_t)(entry->vectors > 0 ? entry->vectors : 0);
    v.room = (int64_t)most;
    v.vector = pfs_arena_array(arena, most, sizeof(*v.vector));
    if (v.vector == NULL)
        return pfs_arena_full(arena, err);
    PFS_TRY(add_marked(c, job, mark, &v, err));
    marked = v.count;
    assert(marked <= job->uppers);
    if (most > (size_t)job->uppers)
        PFS_TRY(list_stays(state, job, out, arena, &stay, &stays, err));
    at = -1;
    while ((entry = next_entry(state, job->partition, job->bucket, &at)) != NULL)
        PFS_TRY(add_kept(c, job, entry, stay, stays, marked, &v, err));
    if (!v.changed)
        return 0;
    if (v.count > 0)
        PFS_TRY(
            pfs_deletions_write(state->store, state->store_table, state->schema, v.vector, v.count, arena, &made, err));
    out->index = made;
    out->vectors = true;
    return 0;
}

/* ---- does it still fit? ---- */

static int check_uppers(const struct pfs_compact_job *job, const struct pfs_state *now, struct pfs_arena *arena,
                        struct pfs_err *err)
{
    const char **live = pfs_arena_array(arena, (size_t)now->files, sizeof(*live));
    int64_t lives = 0;

    if (live == NULL)
        return pfs_arena_full(arena, err);
    for (int64_t i = 0; i < now->files; i++)
        if (now->file[i]->bucket == job->bucket && now->file[i]->file.level > 0 &&
            pfs_slice_eq(now->file[i]->partition, job->partition))
            live[lives++] = now->file[i]->file.name;
    qsort(live, (size_t)lives, sizeof(*live), by_name);
    for (int32_t i = 0; i < job->uppers; i++)
        if (!has_name(live, lives, job->upper[i].entry->file.name))
            return pfs_fail(err, EBUSY, "file %s, where keys were looked up, was removed by another commit meanwhile",
                            job->upper[i].entry->file.name);
    return 0;
}

/* Has the bucket the same index files? */
static bool has_same_entries(const struct pfs_state *old, const struct pfs_state *now,
                             const struct pfs_compact_job *job)
{
    const struct pfs_index_entry *a, *b;
    int64_t old_at = -1, now_at = -1;

    do {
        a = next_entry(old, job->partition, job->bucket, &old_at);
        b = next_entry(now, job->partition, job->bucket, &now_at);
        if ((a == NULL) != (b == NULL) || (a != NULL && strcmp(a->name, b->name) != 0))
            return false;
    } while (a != NULL);
    return true;
}

int pfs_compact_check(const struct pfs_compactor *compactor, const struct pfs_compact_job *job,
                      const struct pfs_state *now, struct pfs_err *err)
{
    const struct pfs_state *state = compactor->config.state;
    struct pfs_arena arena;
    int rc;

    if (strcmp(state->identity, now->identity) == 0)
        return 0;
    if (!has_same_entries(state, now, job))
        return pfs_fail(err, EBUSY, "the deletion vectors of bucket %d were changed by another commit meanwhile",
                        job->bucket);
    if (job->uppers == 0)
        return 0;
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = check_uppers(job, now, &arena, err);
    pfs_arena_done(&arena);
    return rc;
}
