/* cross.c - a map from each key of the table to where it lives.
 *
 * Keys lie in chunks, each behind its length, at places that 32 bits can name; the map has 16 bytes a key beside them.
 * It is filled by a merged read, of level 0 too. Afterwards each row of the write moves on what it knows, so that rows
 * of one write see each other; a key that was deleted stays known, which costs at most a delete of nothing. */
#include "src/write/cross.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "format/binrow.h"
#include "format/text/text.h"
#include "src/scan/plan.h"

#define KEYS_BYTES_MAX ((uint64_t)8 << 30)
#define CHUNK_BYTES ((size_t)1 << 20)
#define UNIT ((size_t)4) /* where a key begins in a chunk is a multiple of it */
#define CHUNK_UNITS (CHUNK_BYTES / UNIT)
#define BUCKETS_MAX 32767 /* their numbers have 16 bits */
#define SLOTS_MIN ((uint64_t)1024)
_Static_assert(KEYS_BYTES_MAX / UNIT <= UINT32_MAX, "a key's place has 32 bits");

/* ---- where keys live ---- */

struct keys { /* their bytes, each behind its length; one that is larger than a chunk has a chunk of its own */
    uint8_t **chunk;
    size_t chunks, room;
    size_t used; /* of the last chunk */
};

struct home {
    uint32_t key; /* its place, and one; 0 = empty */
    uint32_t hash;
    int32_t partition;
    int16_t bucket;
};
_Static_assert(sizeof(struct home) == 16, "four of them are a line of the cache");

struct map {
    struct keys keys;
    struct home *home; /* open addressing, at most three in four are taken */
    uint64_t slots, used;
};

struct pfs_cross {
    struct pfs_write *write;
    struct map map;
    int64_t target_rows, buckets_max;
    int64_t **rows; /* of each partition, of each bucket */
    int32_t *buckets;
    int32_t partitions;
    struct pfs_buf text;
};

static struct pfs_slice key_at(const struct keys *k, uint32_t place)
{
    const uint8_t *at = k->chunk[(place - 1) / CHUNK_UNITS] + (place - 1) % CHUNK_UNITS * UNIT;

    assert(place > 0);
    assert((place - 1) / CHUNK_UNITS < k->chunks);
    return pfs_slice_of(at + UNIT, pfs_le32(at));
}

static int add_chunk(struct keys *k, size_t bytes, struct pfs_err *err)
{
    if (k->chunks >= KEYS_BYTES_MAX / CHUNK_BYTES)
        return pfs_fail(err, ENOMEM, "the keys of the table are more than %llu bytes",
                        (unsigned long long)KEYS_BYTES_MAX);
    if (k->chunks == k->room) {
        size_t room = k->room == 0 ? 16 : k->room * 2;
        uint8_t **more = pfs_realloc(k->chunk, room * sizeof(uint8_t *));

        if (more == NULL)
            return pfs_fail(err, ENOMEM, "no memory for keys");
        k->chunk = more;
        k->room = room;
    }
    k->chunk[k->chunks] = pfs_alloc(bytes);
    if (k->chunk[k->chunks] == NULL)
        return pfs_fail(err, ENOMEM, "no memory for keys");
    k->chunks++;
    k->used = 0;
    return 0;
}

static int add_key(struct keys *k, struct pfs_slice key, uint32_t *place, struct pfs_err *err)
{
    size_t bytes = UNIT + (key.len + UNIT - 1) / UNIT * UNIT;
    uint8_t *at;

    if (key.len > INT32_MAX)
        return pfs_fail(err, EMSGSIZE, "a key of %zu bytes", key.len);
    if (k->chunks == 0 || k->used > CHUNK_BYTES || bytes > CHUNK_BYTES - k->used)
        PFS_TRY(add_chunk(k, bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES, err));
    assert(k->used % UNIT == 0);
    at = k->chunk[k->chunks - 1] + k->used;
    pfs_put_le32(at, (uint32_t)key.len);
    memcpy(at + UNIT, key.at, key.len);
    *place = (uint32_t)((k->chunks - 1) * CHUNK_UNITS + k->used / UNIT + 1);
    k->used += bytes;
    return 0;
}

static struct home *find(const struct map *m, struct pfs_slice key, uint32_t hash)
{
    uint64_t at = hash * m->slots >> 32;

    assert(m->used < m->slots);
    while (m->home[at].key != 0 && (m->home[at].hash != hash || !pfs_slice_eq(key_at(&m->keys, m->home[at].key), key)))
        at = at + 1 == m->slots ? 0 : at + 1;
    return &m->home[at];
}

static int resize(struct map *m, uint64_t slots, struct pfs_err *err)
{
    struct home *old = m->home;
    uint64_t count = m->slots;

    assert(slots > m->used);
    m->home = slots > UINT32_MAX ? NULL : pfs_zalloc((size_t)slots * sizeof(*m->home));
    if (m->home == NULL) {
        m->home = old;
        return pfs_fail(err, ENOMEM, "no memory for the homes of %llu keys", (unsigned long long)m->used);
    }
    m->slots = slots;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t at = old[i].hash * slots >> 32;

        if (old[i].key == 0)
            continue;
        while (m->home[at].key != 0) /* no two of them are the same */
            at = at + 1 == slots ? 0 : at + 1;
        m->home[at] = old[i];
    }
    pfs_free(old);
    return 0;
}

/* The key's home; a new one is empty but for the key. *fresh: it is new. Valid until the next one is asked for. */
static int home_of(struct map *m, struct pfs_slice key, struct home **out, bool *fresh, struct pfs_err *err)
{
    uint32_t hash = (uint32_t)pfs_hash64(key.at, key.len, 0);
    struct home *h;

    if ((m->used + 1) * 4 > m->slots * 3)
        PFS_TRY(resize(m, m->slots == 0 ? SLOTS_MIN : m->slots + m->slots / 2, err));
    h = find(m, key, hash);
    *fresh = h->key == 0;
    if (*fresh) {
        PFS_TRY(add_key(&m->keys, key, &h->key, err));
        h->hash = hash;
        m->used++;
    }
    *out = h;
    return 0;
}

static void map_done(struct map *m)
{
    for (size_t i = 0; i < m->keys.chunks; i++)
        pfs_free(m->keys.chunk[i]);
    pfs_free(m->keys.chunk);
    pfs_free(m->home);
    *m = (struct map){0};
}

/* ---- buckets of new keys ---- */

/* Rows are counted for each bucket of each partition; both lists grow to the number that is asked for. */
static int need_bucket(struct pfs_cross *c, int32_t partition, int32_t bucket, struct pfs_err *err)
{
    assert(partition >= 0);
    assert(bucket >= 0);
    if (partition >= c->partitions) {
        int32_t count = partition + 1;
        int64_t **rows = pfs_realloc(c->rows, (size_t)count * sizeof(int64_t *));
        int32_t *buckets;

        if (rows == NULL)
            return pfs_fail(err, ENOMEM, "no memory for %d partitions", count);
        c->rows = rows;
        buckets = pfs_realloc(c->buckets, (size_t)count * sizeof(*buckets));
        if (buckets == NULL)
            return pfs_fail(err, ENOMEM, "no memory for %d partitions", count);
        c->buckets = buckets;
        for (; c->partitions < count; c->partitions++) {
            rows[c->partitions] = NULL;
            buckets[c->partitions] = 0;
        }
    }
    if (bucket >= c->buckets[partition]) {
        int64_t *more = pfs_realloc(c->rows[partition], (size_t)(bucket + 1) * sizeof(*more));

        if (more == NULL)
            return pfs_fail(err, ENOMEM, "no memory for %d buckets", bucket + 1);
        c->rows[partition] = more;
        for (; c->buckets[partition] <= bucket; c->buckets[partition]++)
            more[c->buckets[partition]] = 0;
    }
    return 0;
}

/* A new key, or one that moves, gets the first bucket of the partition that has room. */
static int settle(struct pfs_cross *c, struct home *h, int32_t partition, struct pfs_err *err)
{
    int32_t bucket = 0;

    PFS_TRY(need_bucket(c, partition, 0, err));
    while (bucket < c->buckets[partition] && c->rows[partition][bucket] >= c->target_rows)
        bucket++;
    if (bucket >= c->buckets_max)
        bucket = (int32_t)(h->hash % c->buckets_max);
    PFS_TRY(need_bucket(c, partition, bucket, err));
    assert(bucket <= INT16_MAX);
    c->rows[partition][bucket]++;
    h->partition = partition;
    h->bucket = (int16_t)bucket;
    return 0;
}

/* ---- reading the table's keys ---- */

/* What the batch has lives in the split's bucket. */
static int move_in(struct pfs_cross *c, const struct pfs_batch *batch, const struct pfs_column **column,
                   int32_t partition, int32_t bucket, struct pfs_err *err)
{
    assert(bucket >= 0);
    assert(partition < c->partitions);
    for (int32_t i = 0; i < batch->columns; i++)
        column[i] = &batch->column[i];
    for (int64_t i = 0; i < batch->rows; i++) {
        struct home *h;
        bool fresh;

        pfs_buf_clear(&c->text);
        PFS_TRY(pfs_binrow_print(column, batch->columns, i, true, &c->text, err));
        PFS_TRY(home_of(&c->map, pfs_buf_slice(&c->text), &h, &fresh, err));
        h->partition = partition;
        h->bucket = (int16_t)bucket;
        c->rows[partition][bucket]++;
    }
    return 0;
}

static int read_split(struct pfs_cross *c, struct pfs_scan *scan, int32_t index, const struct pfs_column **column,
                      struct pfs_err *err)
{
    const struct pfs_split *split = &pfs_scan_plan(scan)->split[index];
    struct pfs_reader *reader = NULL;
    struct pfs_arena arena;
    struct pfs_batch batch;
    int32_t partition;
    int64_t rows;

    if (split->bucket < 0 || split->bucket >= BUCKETS_MAX)
        return pfs_fail(err, EIO, "%s is of bucket %d", split->file[0].entry->file.name, split->bucket);
    PFS_TRY(pfs_partitions_number(&c->write->partitions, split->partition, &partition, err));
    PFS_TRY(need_bucket(c, partition, split->bucket, err));
    pfs_arena_init(&arena, PFS_BATCH_BYTES_MAX);
    rows = pfs_scan_split(scan, index, &reader, err);
    while (rows >= 0 && (rows = pfs_reader_next(reader, &arena, &batch, err)) > 0) {
        rows = move_in(c, &batch, column, partition, split->bucket, err);
        pfs_arena_reset(&arena);
    }
    pfs_reader_close(reader);
    pfs_arena_done(&arena);
    return (int)rows;
}

/* Merged rows, without those that deletion vectors or the engine leave out: a record of a key, even the newest one of
 * its bucket, does not tell whether the key is there. */
static int read_table(struct pfs_cross *c, struct pfs_state *state, struct pfs_err *err)
{
    const struct pfs_scan_want want = {.state = state,
                                       .levels = PFS_LEVELS_ALL,
                                       .columns = state->schema->trimmed_keys,
                                       .column = state->schema->trimmed_key,
                                       .own = true,
                                       .pool = c->write->config.pool};
    const struct pfs_column **column;
    struct pfs_scan *scan;
    int rc = 0;

    assert(state->schema->trimmed_keys == c->write->config.schema->trimmed_keys);
    PFS_TRY(pfs_scan_open(&want, &scan, err));
    column = pfs_alloc_array((size_t)want.columns, sizeof(struct pfs_column *));
    if (column == NULL)
        rc = pfs_fail(err, ENOMEM, "no memory for keys");
    for (int32_t i = 0; rc == 0 && i < pfs_scan_splits(scan); i++)
        rc = read_split(c, scan, i, column, err);
    pfs_free(column);
    pfs_scan_close(scan);
    return rc;
}

/* ---- the door ---- */

bool pfs_cross_is(const struct pfs_schema *schema)
{
    return schema->primary_keys > 0 && schema->buckets == -1 &&
           schema->trimmed_keys + schema->partition_keys > schema->primary_keys;
}

int pfs_cross_open(struct pfs_write *w, struct pfs_state *state, struct pfs_cross **out, struct pfs_err *err)
{
    const struct pfs_options *o = &w->config.schema->options;
    struct pfs_cross *c = pfs_zalloc(sizeof(*c));
    int rc;

    if (c == NULL)
        return pfs_fail(err, ENOMEM, "no memory for keys");
    c->write = w;
    rc = pfs_options_int(o, "dynamic-bucket.target-row-num", 2000000, &c->target_rows, err);
    if (rc == 0)
        rc = pfs_options_int(o, "dynamic-bucket.max-buckets", -1, &c->buckets_max, err);
    if (c->buckets_max <= 0 || c->buckets_max > BUCKETS_MAX)
        c->buckets_max = BUCKETS_MAX;
    if (rc == 0 && !w->config.overwrite)
        rc = read_table(c, state, err);
    if (rc < 0) {
        pfs_cross_close(c);
        return rc;
    }
    *out = c;
    return 0;
}

void pfs_cross_close(struct pfs_cross *cross)
{
    if (cross == NULL)
        return;
    map_done(&cross->map);
    for (int32_t i = 0; i < cross->partitions; i++)
        pfs_free(cross->rows[i]);
    pfs_free(cross->rows);
    pfs_free(cross->buckets);
    pfs_buf_done(&cross->text);
    pfs_free(cross);
}

/* ---- rows on their way ---- */

struct way { /* of the rows of one batch */
    int64_t rows;
    struct pfs_range *range; /* source 0: as it came; 1: moved row number `from` */
    int32_t *partition, *bucket;
    int64_t moved;
    struct pfs_range *from, *old; /* of each moved row: its row, and its old partition's number as a source */
};

static void put(struct way *y, struct pfs_range range, int32_t partition, int32_t bucket)
{
    y->range[y->rows] = range;
    y->partition[y->rows] = partition;
    y->bucket[y->rows++] = bucket;
}

static void move(struct way *y, int32_t row, const struct home *h)
{
    y->from[y->moved] = (struct pfs_range){0, row, 1};
    y->old[y->moved] = (struct pfs_range){h->partition, 0, 1};
    put(y, (struct pfs_range){1, (int32_t)y->moved++, 1}, h->partition, h->bucket);
}

static int decide(struct pfs_cross *c, const struct pfs_routed *in, const struct pfs_column **column, struct way *y,
                  struct pfs_err *err)
{
    const struct pfs_schema *schema = c->write->config.schema;

    assert(in->partition != NULL); /* keys could not move otherwise */
    for (int32_t i = 0; i < schema->trimmed_keys; i++)
        column[i] = &in->batch.column[schema->trimmed_key[i]];
    for (int64_t i = 0; i < in->batch.rows; i++) {
        struct pfs_range here = {0, (int32_t)i, 1};
        struct home *h;
        bool fresh;

        pfs_buf_clear(&c->text);
        PFS_TRY(pfs_binrow_print(column, schema->trimmed_keys, i, true, &c->text, err));
        PFS_TRY(home_of(&c->map, pfs_buf_slice(&c->text), &h, &fresh, err));
        if (!fresh && h->partition != in->partition[i]) {
            if (schema->engine == PFS_FIRST_ROW)
                continue;
            move(y, (int32_t)i, h);
            if (schema->engine != PFS_DEDUPLICATE)
                continue;
            fresh = true;
        }
        if (fresh)
            PFS_TRY(settle(c, h, in->partition[i], err));
        put(y, here, h->partition, h->bucket);
    }
    return 0;
}

/* The values of all partitions met so far: a batch of one row each. */
static int partition_values(struct pfs_cross *c, struct pfs_arena *arena, const struct pfs_batch ***out,
                            struct pfs_err *err)
{
    const struct pfs_schema *schema = c->write->config.schema;
    const struct pfs_partitions *p = &c->write->partitions;
    const struct pfs_batch **list = pfs_arena_array(arena, (size_t)p->count, sizeof(*list));
    struct pfs_batch *batch = pfs_arena_array(arena, (size_t)p->count, sizeof(*batch));
    const struct pfs_type **type = pfs_arena_array(arena, (size_t)schema->partition_keys, sizeof(*type));

    if (list == NULL || batch == NULL || type == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < schema->partition_keys; i++)
        type[i] = &schema->field[schema->partition_key[i]].type;
    for (int32_t i = 0; i < p->count; i++) {
        struct pfs_column *column = pfs_arena_array(arena, (size_t)schema->partition_keys, sizeof(*column));

        if (column == NULL)
            return pfs_arena_full(arena, err);
        PFS_TRY(pfs_binrow_parse(p->bytes[i], type, schema->partition_keys, arena, column, err));
        batch[i] = (struct pfs_batch){1, schema->partition_keys, column};
        list[i] = &batch[i];
    }
    *out = list;
    return 0;
}

/* The moved rows: with the values of their old partition, and (deduplicate) as deletes. */
static int make_moved(struct pfs_cross *c, const struct pfs_routed *in, const struct way *y, struct pfs_arena *arena,
                      struct pfs_batch *out, struct pfs_err *err)
{
    const struct pfs_schema *schema = c->write->config.schema;
    const struct pfs_batch *source = &in->batch, **values;
    struct pfs_column *column = pfs_arena_array(arena, (size_t)in->batch.columns, sizeof(*column));

    assert(y->moved > 0);
    if (column == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < in->batch.columns; i++)
        PFS_TRY(pfs_column_gather(&source, i, y->from, y->moved, y->moved, arena, &column[i], err));
    PFS_TRY(partition_values(c, arena, &values, err));
    for (int32_t i = 0; i < schema->partition_keys; i++)
        PFS_TRY(
            pfs_column_gather(values, i, y->old, y->moved, y->moved, arena, &column[schema->partition_key[i]], err));
    if (schema->engine == PFS_DEDUPLICATE) {
        int8_t *kind = pfs_arena_alloc(arena, (size_t)y->moved);

        if (kind == NULL)
            return pfs_arena_full(arena, err);
        memset(kind, PFS_DELETE, (size_t)y->moved);
        column[in->batch.columns - 1].values = kind;
    }
    *out = (struct pfs_batch){y->moved, in->batch.columns, column};
    return 0;
}

static int apply(struct pfs_cross *c, const struct pfs_routed *in, struct pfs_routed *to, struct pfs_err *err)
{
    size_t rows = (size_t)in->batch.rows, most = rows * 2;
    struct pfs_arena *arena = &to->arena;
    struct way y = {.range = pfs_arena_alloc(arena, most * sizeof(*y.range)),
                    .partition = pfs_arena_alloc(arena, most * sizeof(*y.partition)),
                    .bucket = pfs_arena_alloc(arena, most * sizeof(*y.bucket)),
                    .from = pfs_arena_alloc(arena, rows * sizeof(*y.from)),
                    .old = pfs_arena_alloc(arena, rows * sizeof(*y.old))};
    const struct pfs_column **key = pfs_arena_array(arena, (size_t)c->write->config.schema->trimmed_keys, sizeof(*key));
    struct pfs_batch moved = {0};
    const struct pfs_batch *source[2] = {&in->batch, &moved};

    to->batch = (struct pfs_batch){0, in->batch.columns,
                                   pfs_arena_array(arena, (size_t)in->batch.columns, sizeof(struct pfs_column))};
    if (y.range == NULL || y.partition == NULL || y.bucket == NULL || y.from == NULL || y.old == NULL || key == NULL ||
        to->batch.column == NULL)
        return pfs_arena_full(arena, err);
    PFS_TRY(decide(c, in, key, &y, err));
    assert(y.moved <= in->batch.rows);
    assert(y.rows <= in->batch.rows + y.moved);
    if (y.moved > 0)
        PFS_TRY(make_moved(c, in, &y, arena, &moved, err));
    for (int32_t i = 0; y.rows > 0 && i < in->batch.columns; i++)
        PFS_TRY(pfs_column_gather(source, i, y.range, y.rows, y.rows, arena, &to->batch.column[i], err));
    to->batch.rows = y.rows;
    to->partition = y.partition;
    to->hash = y.bucket;
    return 0;
}

int pfs_cross_apply(struct pfs_cross *cross, const struct pfs_routed *in, struct pfs_routed **out, struct pfs_err *err)
{
    struct pfs_routed *to = pfs_zalloc(sizeof(*to));
    int rc;

    if (to == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a batch");
    pfs_arena_init(&to->arena, 0);
    rc = apply(cross, in, to, err);
    if (rc < 0) {
        pfs_routed_free(to);
        return rc;
    }
    *out = to;
    return 0;
}
