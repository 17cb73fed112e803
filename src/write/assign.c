#include "src/write/assign.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/uuid.h"
#include "src/meta/hashindex.h"

#define BUCKETS_MAX 32767
#define FREE (-1)

struct bucket {
    int32_t *hash; /* every hash of it, old ones first */
    int64_t count, room;
    bool changed;
};

struct slot {
    int32_t hash;
    int32_t bucket; /* FREE = empty */
};

struct pfs_assigner {
    struct pfs_state *state;
    struct pfs_slice partition;
    int64_t target_rows, buckets_max;
    struct bucket *bucket; /* by id */
    int32_t buckets;
    struct slot *slot; /* open addressing, a power of two */
    size_t slots, used;
};

/* ---- the map ---- */

static size_t place(const struct pfs_assigner *a, int32_t hash)
{
    return (uint32_t)hash * 0x9E3779B1u & (a->slots - 1);
}

static struct slot *find(const struct pfs_assigner *a, int32_t hash)
{
    size_t at = place(a, hash);

    while (a->slot[at].bucket != FREE && a->slot[at].hash != hash)
        at = (at + 1) & (a->slots - 1);
    return &a->slot[at];
}

static int grow(struct pfs_assigner *a, struct pfs_err *err)
{
    struct slot *old = a->slot;
    size_t count = a->slots;

    a->slots = count == 0 ? 1024 : count * 2;
    a->slot = pfs_alloc_array(a->slots, sizeof(*a->slot));
    if (a->slot == NULL) {
        a->slot = old;
        a->slots = count;
        return pfs_fail(err, ENOMEM, "no memory for a hash index of %zu keys", count);
    }
    for (size_t i = 0; i < a->slots; i++)
        a->slot[i].bucket = FREE;
    for (size_t i = 0; i < count; i++)
        if (old[i].bucket != FREE)
            *find(a, old[i].hash) = old[i];
    pfs_free(old);
    return 0;
}

static int need_bucket(struct pfs_assigner *a, int32_t id, struct pfs_err *err)
{
    struct bucket *more;

    if (id < a->buckets)
        return 0;
    more = pfs_realloc(a->bucket, (size_t)(id + 1) * sizeof(*more));
    if (more == NULL)
        return pfs_fail(err, ENOMEM, "no memory for %d buckets", id + 1);
    memset(more + a->buckets, 0, (size_t)(id + 1 - a->buckets) * sizeof(*more));
    a->bucket = more;
    a->buckets = id + 1;
    return 0;
}

static int add(struct pfs_assigner *a, int32_t hash, int32_t id, struct pfs_err *err)
{
    struct bucket *b;

    if ((a->used + 1) * 2 > a->slots)
        PFS_TRY(grow(a, err));
    PFS_TRY(need_bucket(a, id, err));
    b = &a->bucket[id];
    if (b->count == b->room) {
        int64_t room = b->room == 0 ? 1024 : b->room * 2;
        int32_t *more = pfs_realloc(b->hash, (size_t)room * sizeof(*more));

        if (more == NULL)
            return pfs_fail(err, ENOMEM, "no memory for a hash index of %lld keys", (long long)room);
        b->hash = more;
        b->room = room;
    }
    b->hash[b->count++] = hash;
    *find(a, hash) = (struct slot){hash, id};
    a->used++;
    return 0;
}

/* ---- loading ---- */

static int load_file(struct pfs_assigner *a, const struct pfs_index_entry *e, struct pfs_err *err)
{
    struct pfs_arena arena;
    const char *path;
    int32_t *hash = NULL;
    int64_t count = 0;
    int rc = 0;

    if (e->bucket < 0 || e->bucket >= BUCKETS_MAX)
        return pfs_fail(err, EIO, "hash index %s is of bucket %d", e->name, e->bucket);
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    path = pfs_arena_printf(&arena, "%s/index/%s", a->state->store_table, e->name);
    if (path == NULL)
        rc = pfs_arena_full(&arena, err);
    else
        rc = pfs_hash_index_load(a->state->store, path, e->size, &arena, &hash, &count, err);
    for (int64_t i = 0; rc == 0 && i < count; i++)
        if (a->slots == 0 || find(a, hash[i])->bucket == FREE)
            rc = add(a, hash[i], e->bucket, err);
    pfs_arena_done(&arena);
    return rc;
}

int pfs_assigner_open(struct pfs_state *state, struct pfs_slice partition, bool anew, struct pfs_assigner **out,
                      struct pfs_err *err)
{
    const struct pfs_options *o = &state->schema->options;
    struct pfs_assigner *a = pfs_zalloc(sizeof(*a));
    int rc;

    if (a == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a hash index");
    a->state = pfs_state_ref(state);
    a->partition = partition;
    rc = pfs_options_int(o, "dynamic-bucket.target-row-num", 2000000, &a->target_rows, err);
    if (rc == 0)
        rc = pfs_options_int(o, "dynamic-bucket.max-buckets", -1, &a->buckets_max, err);
    if (a->buckets_max < 0 || a->buckets_max > BUCKETS_MAX)
        a->buckets_max = BUCKETS_MAX;
    if (rc == 0)
        rc = grow(a, err);
    for (int64_t i = 0; rc == 0 && !anew && i < state->indexes; i++)
        if (strcmp(state->index[i].type, "HASH") == 0 && pfs_slice_eq(state->index[i].partition, partition))
            rc = load_file(a, &state->index[i], err);
    if (rc < 0) {
        pfs_assigner_close(a);
        return rc;
    }
    *out = a;
    return 0;
}

void pfs_assigner_close(struct pfs_assigner *assigner)
{
    if (assigner == NULL)
        return;
    for (int32_t i = 0; i < assigner->buckets; i++)
        pfs_free(assigner->bucket[i].hash);
    pfs_free(assigner->bucket);
    pfs_free(assigner->slot);
    pfs_state_unref(assigner->state);
    pfs_free(assigner);
}

/* ---- assigning ---- */

/* The bucket for a new hash. Ids may have gaps (buckets of other writers): an empty one is a new one. */
static int32_t choose(const struct pfs_assigner *a, int32_t hash)
{
    int32_t unused = -1;

    for (int32_t i = 0; i < a->buckets; i++) {
        if (a->bucket[i].count > 0 && a->bucket[i].count < a->target_rows)
            return i;
        if (a->bucket[i].count == 0 && unused < 0)
            unused = i;
    }
    if (unused < 0)
        unused = a->buckets;
    if (unused < a->buckets_max)
        return unused;
    return (int32_t)((uint32_t)hash % (uint32_t)a->buckets);
}

int pfs_assigner_bucket(struct pfs_assigner *assigner, int32_t hash, int32_t *out, struct pfs_err *err)
{
    struct slot *s = find(assigner, hash);

    if (s->bucket == FREE) {
        int32_t id = choose(assigner, hash);

        PFS_TRY(add(assigner, hash, id, err));
        assigner->bucket[id].changed = true;
        *out = id;
        return 0;
    }
    *out = s->bucket;
    return 0;
}

/* ---- saving ---- */

int32_t pfs_assigner_changed(const struct pfs_assigner *assigner)
{
    int32_t changed = 0;

    for (int32_t i = 0; i < assigner->buckets; i++)
        changed += assigner->bucket[i].changed;
    return changed;
}

int pfs_assigner_save(struct pfs_assigner *assigner, struct pfs_arena *arena, struct pfs_index_entry *entry,
                      int32_t *saved, struct pfs_err *err)
{
    char uuid[PFS_UUID_TEXT];

    *saved = 0;
    pfs_uuid_make(uuid);
    for (int32_t i = 0; i < assigner->buckets; i++) {
        struct bucket *b = &assigner->bucket[i];
        struct pfs_index_entry *e = &entry[*saved];
        const char *path;

        if (!b->changed)
            continue;
        *e = (struct pfs_index_entry){.partition = assigner->partition, .bucket = i, .type = "HASH", .vectors = -1};
        e->name = pfs_arena_printf(arena, "index-%s-%d", uuid, i);
        path = pfs_arena_printf(arena, "%s/index/index-%s-%d", assigner->state->store_table, uuid, i);
        if (e->name == NULL || path == NULL)
            return pfs_arena_full(arena, err);
        e->size = b->count * 4;
        e->rows = b->count;
        PFS_TRY(pfs_hash_index_save(assigner->state->store, path, b->hash, b->count, err));
        (*saved)++;
    }
    return 0;
}
