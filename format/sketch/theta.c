/* theta.c - theta sketches: the smallest hashes of what was counted, and the bound below which they lie. What is
 * written is compact, the hashes ascending; a sketch that takes values still is read as well.
 *
 *   longs before the hashes (low 6 bits), 3, 3, 0, 0, flags, seed hash (16 bits)
 *   1 long and the flag "single": one hash | 2 longs: count (32 bits), 1.0f | 3 longs: theta too
 *   open: 3 longs, 3, family 1 or 2, lg of its size, lg of its table, flags, seed hash | count, 1.0f | theta | the
 * table
 *
 * The bound is 1.0 (the greatest 63-bit number) until more than 4096 hashes were kept; a union has the lesser bound of
 * the two, loses the hashes that are not below it, and lowers it again if too many are left.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "format/sketch/sketch.h"

#define THETA_ONE ((uint64_t)INT64_MAX)
#define NOMINAL 4096u
#define LG_TABLE_MAX 27u
#define FAMILY_ALPHA 1u
#define FAMILY_QUICKSELECT 2u
#define FAMILY_COMPACT 3u
#define FLAG_EMPTY 4u
#define FLAG_SINGLE 32u
#define FLAGS_PUT 0x1au /* read-only, compact, ordered */

struct theta {
    bool empty;
    uint16_t seed;
    uint64_t bound;
    uint32_t count;
    uint64_t *hash; /* ascending, distinct, below bound */
};

static int damaged(struct pfs_err *err, const char *what)
{
    return pfs_fail(err, EIO, "a theta sketch is damaged: %s", what);
}

static int compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

    return a < b ? -1 : a > b;
}

/* Sketches need not be ordered; united they are. Zero is no hash: it marks free places in a sketch that is not compact.
 */
static int take_hashes(struct pfs_cursor *c, struct theta *t, struct pfs_arena *arena, struct pfs_err *err)
{
    bool ordered = true;

    if (c->bad || t->count > pfs_left(c) / 8)
        return damaged(err, "it ends too early");
    t->hash = pfs_arena_alloc(arena, (size_t)t->count * sizeof(*t->hash));
    if (t->hash == NULL)
        return pfs_arena_full(arena, err);
    for (uint32_t i = 0; i < t->count; i++) {
        t->hash[i] = pfs_take_le64(c);
        if (t->hash[i] == 0 || t->hash[i] >= t->bound)
            return damaged(err, "a hash beyond its bound");
        ordered &= i == 0 || t->hash[i] > t->hash[i - 1];
    }
    if (!ordered)
        qsort(t->hash, t->count, sizeof(*t->hash), compare);
    return 0;
}

/* A sketch that takes values still: its hash table, whose free places are 0; what is beyond its bound does not count.
 */
static int take_table(struct pfs_cursor *c, unsigned lg_size, struct theta *t, struct pfs_arena *arena,
                      struct pfs_err *err)
{
    size_t places = (size_t)1 << lg_size;

    if (c->bad || places > pfs_left(c) / 8)
        return damaged(err, "it ends too early");
    t->hash = pfs_arena_alloc(arena, places * sizeof(*t->hash));
    if (t->hash == NULL)
        return pfs_arena_full(arena, err);
    t->count = 0;
    for (size_t i = 0; i < places; i++) {
        uint64_t hash = pfs_take_le64(c);

        if (hash != 0 && hash < t->bound)
            t->hash[t->count++] = hash;
    }
    qsort(t->hash, t->count, sizeof(*t->hash), compare);
    return 0;
}

static int take(struct pfs_slice in, struct pfs_arena *arena, struct theta *t, struct pfs_err *err)
{
    struct pfs_cursor c = pfs_cursor_of(in);
    unsigned longs = pfs_take_u8(&c) & 63u, version = pfs_take_u8(&c), family = pfs_take_u8(&c), lg_size, flags;
    bool open = family == FAMILY_ALPHA || family == FAMILY_QUICKSELECT;

    *t = (struct theta){.bound = THETA_ONE};
    pfs_skip(&c, 1);
    lg_size = pfs_take_u8(&c);
    flags = pfs_take_u8(&c);
    t->seed = pfs_take_le16(&c);
    if (c.bad || longs < 1 || longs > 3 || (open && (longs != 3 || lg_size > LG_TABLE_MAX)))
        return damaged(err, "its head");
    if (version != 3 || (family != FAMILY_COMPACT && !open))
        return pfs_fail(err, EOPNOTSUPP, "a theta sketch of version %u and family %u, which cannot be united yet",
                        version, family);
    t->empty = (flags & FLAG_EMPTY) != 0;
    t->count = longs == 1 && (flags & FLAG_SINGLE) ? 1 : 0;
    if (longs > 1) {
        t->count = pfs_take_le32(&c);
        pfs_take_le32(&c);
    }
    if (longs > 2)
        t->bound = pfs_take_le64(&c);
    if (t->empty) {
        t->count = 0;
        return 0;
    }
    if (t->bound > THETA_ONE)
        return damaged(err, "its bound");
    return open ? take_table(&c, lg_size, t, arena, err) : take_hashes(&c, t, arena, err);
}

static int unite(const struct theta *a, const struct theta *b, struct pfs_arena *arena, struct theta *out,
                 struct pfs_err *err)
{
    uint64_t bound = a->bound < b->bound ? a->bound : b->bound;
    uint32_t i = 0, k = 0;

    assert(bound <= THETA_ONE); /* so that the end of a list, UINT64_MAX, is never taken for a hash */
    *out = (struct theta){.seed = a->seed, .bound = bound};
    out->hash = pfs_arena_alloc(arena, ((size_t)a->count + b->count) * sizeof(*out->hash));
    if (out->hash == NULL)
        return pfs_arena_full(arena, err);
    while (i < a->count || k < b->count) {
        uint64_t x = i < a->count ? a->hash[i] : UINT64_MAX, y = k < b->count ? b->hash[k] : UINT64_MAX;
        uint64_t next = x < y ? x : y;

        i += x == next;
        k += y == next;
        if (next < bound && (out->count == 0 || out->hash[out->count - 1] != next))
            out->hash[out->count++] = next;
    }
    assert(out->count <= a->count + b->count);
    if (out->count > NOMINAL) { /* the least that does not fit any more is the new bound */
        out->bound = out->hash[NOMINAL];
        out->count = NOMINAL;
    }
    return 0;
}

static void put(const struct theta *t, struct pfs_buf *out)
{
    bool full = t->bound == THETA_ONE, empty = t->empty || (t->count == 0 && full);
    bool single = !empty && t->count == 1 && full;
    uint8_t longs = empty || single ? 1 : full ? 2 : 3;
    uint16_t seed = empty ? 0 : t->seed; /* an empty sketch is of any seed */
    const uint8_t head[8] = {longs,
                             3,
                             3,
                             0,
                             0,
                             (uint8_t)(FLAGS_PUT | (empty    ? FLAG_EMPTY
                                                    : single ? FLAG_SINGLE
                                                             : 0)),
                             (uint8_t)seed,
                             (uint8_t)(seed >> 8)};

    assert(t->count <= NOMINAL);
    pfs_buf_put(out, head, sizeof(head));
    if (longs > 1) {
        pfs_buf_le32(out, t->count);
        pfs_buf_le32(out, 0x3f800000u); /* 1.0f */
    }
    if (longs > 2)
        pfs_buf_le64(out, t->bound);
    for (uint32_t i = 0; !empty && i < t->count; i++)
        pfs_buf_le64(out, t->hash[i]);
}

int pfs_theta_union(struct pfs_slice acc, struct pfs_slice in, struct pfs_arena *scratch, struct pfs_buf *out,
                    struct pfs_err *err)
{
    struct theta a, b, both;

    PFS_TRY(take(acc, scratch, &a, err));
    PFS_TRY(take(in, scratch, &b, err));
    if (!a.empty && !b.empty && a.seed != b.seed)
        return pfs_fail(err, EINVAL, "Incompatible Seed Hashes. %u, %u", a.seed, b.seed);
    if (a.empty)
        a = (struct theta){.empty = b.empty, .seed = b.seed, .bound = THETA_ONE};
    if (b.empty)
        b = (struct theta){.empty = a.empty, .seed = a.seed, .bound = THETA_ONE};
    PFS_TRY(unite(&a, &b, scratch, &both, err));
    put(&both, out);
    return pfs_buf_check(out, err);
}
