/* assign.c - the buckets of a partition's keys, as one hash table in memory, and the index files it is loaded from.
 *
 * The table grows by a third at a time, and is made large enough at the start for what the files hold: a table of many
 * keys is never copied while rows wait. Keys are known by 32 bits of hash alone, as Paimon's index has them: two keys
 * of one hash live in one bucket, which is no harm. Nothing is ever removed, so that open addressing needs no marks. */
#include "src/write/assign.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/uuid.h"
#include "src/file/external.h"
#include "src/meta/hashindex.h"
#include "src/meta/names.h"

#define BUCKETS_MAX 32767
#define FREE UINT16_MAX
#define SLOTS_MIN ((uint64_t)16) /* there may be as many partitions as rows */
#define SLOTS_MAX ((uint64_t)UINT32_MAX)

struct bucket {
    int64_t count;
    bool changed;
};

/* Six bytes a slot, at most four in five of them taken: a table of many keys has room for eight bytes each. */
struct slot {
    uint16_t low, high; /* the hash */
    uint16_t bucket;    /* FREE = empty */
};
_Static_assert(sizeof(struct slot) == 6, "slots lie side by side");

struct pfs_assigner {
    struct pfs_state *state;
    struct pfs_slice partition;
    int64_t target_rows, buckets_max;
    struct bucket *bucket; /* by id */
    int32_t buckets;
    struct slot *slot; /* open addressing */
    uint64_t slots, used;
};

/* ---- the map ---- */

static bool is_of(const struct slot *s, int32_t hash)
{
    return s->low == (uint16_t)hash && s->high == (uint16_t)((uint32_t)hash >> 16);
}

static int32_t hash_of(const struct slot *s)
{
    return (int32_t)((uint32_t)s->high << 16 | s->low);
}

/* The slot of the hash, or the empty one where it belongs. */
static struct slot *find(const struct pfs_assigner *a, int32_t hash)
{
    uint64_t at = (uint64_t)((uint32_t)hash * 0x9E3779B1u) * a->slots >> 32;

    assert(a->used < a->slots); /* or nothing would end the search */
    while (a->slot[at].bucket != FREE && !is_of(&a->slot[at], hash))
        at = at + 1 == a->slots ? 0 : at + 1;
    return &a->slot[at];
}

/* A hash that is not there yet: it would leave the count of its bucket. */
static void put(struct pfs_assigner *a, int32_t hash, uint16_t bucket)
{
    struct slot *s = find(a, hash);

    assert(s->bucket == FREE);
    assert(bucket < BUCKETS_MAX);
    *s = (struct slot){(uint16_t)hash, (uint16_t)((uint32_t)hash >> 16), bucket};
}

static int resize(struct pfs_assigner *a, uint64_t slots, struct pfs_err *err)
{
    struct slot *old = a->slot;
    uint64_t count = a->slots;

    slots = slots < SLOTS_MIN ? SLOTS_MIN : slots > SLOTS_MAX ? SLOTS_MAX : slots;
    if (slots <= a->used)
        return pfs_fail(err, ENOMEM, "a hash index of %llu keys is full", (unsigned long long)a->used);
    a->slot = pfs_alloc_array((size_t)slots, sizeof(*a->slot));
    if (a->slot == NULL) {
        a->slot = old;
        return pfs_fail(err, ENOMEM, "no memory for a hash index of %llu keys", (unsigned long long)a->used);
    }
    a->slots = slots;
    memset(a->slot, 0xff, (size_t)slots * sizeof(*a->slot)); /* FREE */
    for (uint64_t i = 0; i < count; i++)
        if (old[i].bucket != FREE)
            put(a, hash_of(&old[i]), old[i].bucket);
    pfs_free(old);
    return 0;
}

static int need_bucket(struct pfs_assigner *a, int32_t id, struct pfs_err *err)
{
    struct bucket *more;

    assert(id >= 0);
    assert(id < BUCKETS_MAX);
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
    if ((a->used + 1) * 5 > a->slots * 4)
        PFS_TRY(resize(a, a->slots + a->slots / 3, err));
    PFS_TRY(need_bucket(a, id, err));
    a->bucket[id].count++;
    put(a, hash, (uint16_t)id);
    a->used++;
    return 0;
}

/* ---- loading ---- */

/* Where an index file lies: in which store, at which path. */
static int place_of(const struct pfs_assigner *a, const struct pfs_index_entry *e, struct pfs_arena *arena,
                    struct pfs_store **store, const char **out, struct pfs_err *err)
{
    const struct pfs_state *s = a->state;
    const char *dir;

    if (e->external_path != NULL)
        return pfs_external_find(s->external, e->external_path, store, out, err);
    *store = s->store;
    PFS_TRY(pfs_name_index_dir(s->store_table, s->schema, e->partition, e->bucket, arena, &dir, err));
    *out = pfs_arena_printf(arena, "%s/%s", dir, e->name);
    return *out == NULL ? pfs_arena_full(arena, err) : 0;
}

static int load_file(struct pfs_assigner *a, const struct pfs_index_entry *e, struct pfs_err *err)
{
    struct pfs_arena arena;
    struct pfs_store *store;
    const char *path;
    int32_t *hash = NULL;
    int64_t count = 0;
    int rc = 0;

    if (e->bucket < 0 || e->bucket >= BUCKETS_MAX)
        return pfs_fail(err, EIO, "hash index %s is of bucket %d", e->name, e->bucket);
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = place_of(a, e, &arena, &store, &path, err);
    if (rc == 0)
        rc = pfs_hash_index_load(store, path, e->size, &arena, &hash, &count, err);
    for (int64_t i = 0; rc == 0 && i < count; i++)
        if (find(a, hash[i])->bucket == FREE)
            rc = add(a, hash[i], e->bucket, err);
    pfs_arena_done(&arena);
    return rc;
}

/* The next HASH entry of the partition; -1 before the first one. NULL: there are no more. */
static const struct pfs_index_entry *next_entry(const struct pfs_assigner *a, int64_t *at)
{
    const struct pfs_state *s = a->state;

    *at = *at < 0 ? pfs_state_index_at(s, a->partition, INT32_MIN) : *at + 1;
    for (; *at < s->indexes && pfs_slice_eq(s->placed[*at]->partition, a->partition); ++*at)
        if (strcmp(s->placed[*at]->type, "HASH") == 0)
            return s->placed[*at];
    return NULL;
}

/* Room for all that the files hold, and for some new ones. The size that the index manifest claims does not count. */
static int make_room(struct pfs_assigner *a, bool anew, struct pfs_err *err)
{
    struct pfs_arena arena;
    const struct pfs_index_entry *e;
    uint64_t keys = 0;
    int64_t at = -1;
    int rc = 0;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    while (rc == 0 && !anew && (e = next_entry(a, &at)) != NULL) {
        struct pfs_store *store;
        const char *path;
        struct pfs_stat st = {0};

        rc = place_of(a, e, &arena, &store, &path, err);
        if (rc == 0)
            rc = pfs_store_stat(store, path, &st, err);
        rc = rc == -ENOENT ? 0 : rc; /* told when it is loaded */
        keys += st.size / 4;
        pfs_arena_reset(&arena);
    }
    pfs_arena_done(&arena);
    PFS_TRY(rc);
    keys = keys < SLOTS_MAX / 2 ? keys : SLOTS_MAX / 2;
    return resize(a, keys + keys * 2 / 5, err);
}

int pfs_assigner_open(struct pfs_state *state, struct pfs_slice partition, bool anew, struct pfs_assigner **out,
                      struct pfs_err *err)
{
    const struct pfs_options *o = &state->schema->options;
    struct pfs_assigner *a = pfs_zalloc(sizeof(*a));
    const struct pfs_index_entry *e;
    int64_t at = -1;
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
        rc = make_room(a, anew, err);
    while (rc == 0 && !anew && (e = next_entry(a, &at)) != NULL)
        rc = load_file(a, e, err);
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
    pfs_free(assigner->bucket);
    pfs_free(assigner->slot);
    pfs_state_unref(assigner->state);
    pfs_free(assigner);
}

/* ---- assigning ---- */

/* The bucket for a new hash. Ids may have gaps (buckets of other writers): an empty one is a new one. There is one
 * bucket at least, whatever dynamic-bucket.max-buckets says. */
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
    if (unused < a->buckets_max || a->buckets == 0)
        return unused;
    assert(a->buckets > 0);
    return (int32_t)((uint32_t)hash % (uint32_t)a->buckets);
}

int pfs_assigner_bucket(struct pfs_assigner *assigner, int32_t hash, int32_t *out, struct pfs_err *err)
{
    const struct slot *s = find(assigner, hash);

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

static int save_bucket(const struct pfs_assigner *a, int32_t id, const char *path, struct pfs_err *err)
{
    int64_t count = 0;
    int32_t *hash = pfs_alloc_array((size_t)a->bucket[id].count, sizeof(*hash));
    int rc;

    if (hash == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a hash index of %lld keys", (long long)a->bucket[id].count);
    for (uint64_t i = 0; i < a->slots; i++)
        if (a->slot[i].bucket == id)
            hash[count++] = hash_of(&a->slot[i]);
    assert(count == a->bucket[id].count);
    rc = pfs_hash_index_save(a->state->store, path, hash, count, err);
    pfs_free(hash);
    return rc;
}

int pfs_assigner_save(struct pfs_assigner *assigner, struct pfs_arena *arena, struct pfs_index_entry *entry,
                      const char **path, int32_t *saved, struct pfs_err *err)
{
    struct pfs_store *store;
    char uuid[PFS_UUID_TEXT];

    *saved = 0;
    pfs_uuid_make(uuid);
    for (int32_t i = 0; i < assigner->buckets; i++) {
        const struct bucket *b = &assigner->bucket[i];
        struct pfs_index_entry *e = &entry[*saved];

        if (!b->changed)
            continue;
        *e = (struct pfs_index_entry){.partition = assigner->partition, .bucket = i, .type = "HASH", .vectors = -1};
        e->name = pfs_arena_printf(arena, "index-%s-%d", uuid, i);
        if (e->name == NULL)
            return pfs_arena_full(arena, err);
        PFS_TRY(place_of(assigner, e, arena, &store, &path[*saved], err));
        e->size = b->count * 4;
        e->rows = b->count;
        PFS_TRY(save_bucket(assigner, i, path[*saved], err));
        (*saved)++;
    }
    assert(*saved == pfs_assigner_changed(assigner));
    return 0;
}
