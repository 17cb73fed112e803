/* tags.c - a tag goes, and what it alone needed (spec commit 9).
 *
 *   its snapshot is there, or is read, or another tag has it    the tag's file goes, and nothing else
 *   else                                                        files that neither neighbour needs go too
 *
 * Neighbours are enough: a file that is live before and after is live in between. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "src/meta/donefile.h"
#include "src/retain/removal.h"
#include "src/retain/tagged.h"

/* ---- one ---- */

static bool snapshot_is_there(const struct pfs_retain *at, int64_t id)
{
    struct pfs_stat st;
    char path[4096];

    return snprintf(path, sizeof(path), "%s/snapshot/snapshot-%lld", at->meta, (long long)id) >= (int)sizeof(path) ||
           pfs_store_stat(at->store, path, &st, NULL) != -ENOENT;
}

static int64_t place_of(const struct pfs_tagged *tagged, int64_t id)
{
    int64_t place = pfs_tagged_before(tagged, id) + 1;

    return place < tagged->count && tagged->snapshot[place].id == id ? place : -1;
}

/* The nearest that stay: the tag before it, and the tag or the snapshot after it. */
static int neighbours(const struct pfs_retain *at, const struct pfs_tagged *tagged, int64_t place,
                      struct pfs_arena *arena, struct pfs_snapshot out[2], int32_t *count, struct pfs_err *err)
{
    struct pfs_snapshot *right;
    int64_t earliest;
    bool has_right;
    int rc;

    assert(place >= 0);
    assert(place < tagged->count);
    *count = 0;
    if (place > 0)
        out[(*count)++] = tagged->snapshot[place - 1];
    right = &out[*count];
    rc = pfs_snapshot_earliest_id(at->store, at->meta, &earliest, err);
    if (rc == 0)
        rc = pfs_snapshot_load(at->store, at->meta, earliest, arena, right, NULL, err);
    if (rc < 0 && rc != -ENOENT)
        return rc;
    has_right = rc == 0;
    if (place + 1 < tagged->count && (!has_right || tagged->snapshot[place + 1].id <= right->id)) {
        *right = tagged->snapshot[place + 1];
        has_right = true;
    }
    *count += has_right;
    assert(*count <= 2);
    return 0;
}

static int gather(struct pfs_removal *r, const struct pfs_snapshot *gone, const struct pfs_snapshot *stay,
                  int32_t stays, struct pfs_err *err)
{
    struct pfs_nameset live;
    int rc = 0;

    assert(stays >= 0);
    PFS_TRY(pfs_removal_share(r, err));
    pfs_nameset_init(&live, &r->arena);
    for (int32_t i = 0; rc == 0 && i < stays; i++)
        rc = pfs_removal_live(r->at, &stay[i], &live, err);
    if (!pfs_removal_unread(rc, err)) {
        PFS_TRY(rc);
        PFS_TRY(pfs_removal_living(r, gone, &live, err));
    }
    rc = 0;
    for (int32_t i = 0; rc == 0 && i < stays; i++)
        rc = pfs_removal_keep(r, &stay[i], err);
    if (pfs_removal_unread(rc, err))
        return 0;
    PFS_TRY(rc);
    PFS_TRY(pfs_removal_list(r, gone->base_list, err));
    PFS_TRY(pfs_removal_list(r, gone->delta_list, err));
    return pfs_removal_indexes(r, gone, err);
}

/* All that goes is known before the tag does; the tag goes before any of it, or a tag would name what is not there. */
static int drop_with_files(const struct pfs_retain *at, const char *name, const struct pfs_tagged *tagged,
                           int64_t place, struct pfs_err *err)
{
    struct pfs_snapshot stay[2];
    struct pfs_retention how;
    struct pfs_removal r;
    int32_t stays;
    int rc;

    pfs_removal_init(&r, at);
    rc = pfs_retention_read(at->schema, &how, err);
    if (rc == 0)
        rc = neighbours(at, tagged, place, &r.arena, stay, &stays, err);
    if (rc == 0)
        rc = gather(&r, &tagged->snapshot[place], stay, stays, err);
    if (rc == 0)
        rc = pfs_tag_remove(at->store, at->meta, name, err);
    if (rc == 0)
        pfs_removal_run(&r, how.clean_directories);
    pfs_removal_done(&r);
    return rc;
}

static bool is_read(const struct pfs_retain *at, int64_t id)
{
    return at->first_held != NULL && at->first_held(at->context, id, id + 1) == id;
}

static int drop(const struct pfs_retain *at, const char *name, struct pfs_arena *arena, struct pfs_err *err)
{
    struct pfs_snapshot tag;
    struct pfs_tagged tagged;
    int64_t place;

    PFS_TRY(pfs_tag_load(at->store, at->meta, name, arena, &tag, NULL, err));
    if (snapshot_is_there(at, tag.id) || is_read(at, tag.id))
        return pfs_tag_remove(at->store, at->meta, name, err);
    PFS_TRY(pfs_tagged_load(at, arena, &tagged, err));
    place = place_of(&tagged, tag.id);
    if (place < 0 || tagged.names[place] > 1)
        return pfs_tag_remove(at->store, at->meta, name, err);
    return drop_with_files(at, name, &tagged, place, err);
}

int pfs_tag_drop(const struct pfs_retain *at, const char *name, struct pfs_err *err)
{
    struct pfs_arena arena;
    int rc;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = drop(at, name, &arena, err);
    pfs_arena_done(&arena);
    if (rc == 0)
        pfs_done_unmark_tag(at->store, at->meta, name);
    return rc;
}

/* ---- making ---- */

int pfs_tag_make(const struct pfs_retain *at, const char *name, const struct pfs_snapshot *snapshot,
                 int64_t retained_ms, bool replace, struct pfs_err *err)
{
    int64_t now_ms = pfs_clock_now_ms(at->clock);
    struct pfs_tag_life life = {pfs_clock_local_ms(now_ms), retained_ms};
    bool marks;

    PFS_TRY(pfs_options_bool(&at->schema->options, "tag.create-success-file", false, &marks, err));
    PFS_TRY(pfs_tag_create(at->store, at->meta, name, snapshot, retained_ms < 0 ? NULL : &life, replace, err));
    return marks && !replace ? pfs_done_mark_tag(at->store, at->meta, name, now_ms, err) : 0;
}

/* ---- by their time ---- */

static int64_t modified_ms(const struct pfs_retain *at, const char *name, struct pfs_arena *arena)
{
    const char *path = pfs_arena_printf(arena, "%s/tag/tag-%s", at->meta, name);
    struct pfs_stat st;

    return path == NULL || pfs_store_stat(at->store, path, &st, NULL) < 0 ? INT64_MAX
                                                                          : pfs_clock_local_ms(st.mtime_ns / 1000000);
}

static bool has_end(const struct pfs_tag_life *life)
{
    return life->created_ms != PFS_NO_NUMBER && life->retained_ms != PFS_NO_NUMBER;
}

static bool is_over(const struct pfs_retain *at, const char *name, const struct pfs_tag_life *life, int64_t before_ms,
                    struct pfs_arena *arena)
{
    int64_t now_ms = pfs_clock_local_ms(pfs_clock_now_ms(at->clock)), created_ms = life->created_ms;

    if (has_end(life) && now_ms > life->created_ms + life->retained_ms)
        return true;
    if (before_ms == PFS_NO_NUMBER)
        return false;
    if (!has_end(life))
        created_ms = modified_ms(at, name, arena);
    return before_ms > created_ms;
}

int pfs_tags_expire(const struct pfs_retain *at, int64_t before_ms, struct pfs_arena *arena, const char ***dropped,
                    int64_t *count, struct pfs_err *err)
{
    const char **names;
    int64_t tags;

    *count = 0;
    PFS_TRY(pfs_tag_list(at->store, at->meta, arena, &names, &tags, err));
    *dropped = names; /* those that stay are written over */
    for (int64_t i = 0; i < tags; i++) {
        struct pfs_tag_life life;
        int rc = pfs_tag_life_load(at->store, at->meta, names[i], &life, err);

        if (rc == 0 && is_over(at, names[i], &life, before_ms, arena)) {
            rc = pfs_tag_drop(at, names[i], err);
            assert(*count <= i);
            if (rc == 0)
                names[(*count)++] = names[i];
        }
        if (rc < 0 && rc != -ENOENT)
            return rc;
    }
    return 0;
}

int pfs_tags_next_end(const struct pfs_retain *at, int64_t *out, struct pfs_err *err)
{
    struct pfs_arena arena;
    const char **names;
    int64_t count = 0;
    int rc;

    *out = INT64_MAX;
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = pfs_tag_list(at->store, at->meta, &arena, &names, &count, err);
    for (int64_t i = 0; rc == 0 && i < count; i++) {
        struct pfs_tag_life life;

        rc = pfs_tag_life_load(at->store, at->meta, names[i], &life, err);
        if (rc == 0 && has_end(&life) && life.created_ms + life.retained_ms < *out)
            *out = life.created_ms + life.retained_ms;
        if (rc == -ENOENT)
            rc = 0;
    }
    pfs_arena_done(&arena);
    return rc;
}
