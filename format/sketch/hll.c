/* hll.c - unions of HLL sketches. A sketch is a list of coupons (26 bits of address, 6 of value), from 8 on a set of
 * them, and when that is full an array (hll_array.h).
 *
 *   longs... in ints before the coupons, 1, 7, lgK, lg of the table, flags, count of a list, mode | type << 2
 *   list: 2 ints, coupons in order of arrival | set: 3 ints, count (32 bits), coupons in the order of its table
 *
 * A union starts from the newer sketch, whose coupons are inserted in the order in which they are stored, and takes
 * those of the older one after them in the order of its table. Should the older one be an array already, it is the one
 * that takes those of the newer; two arrays become the greater of each slot, with as many slots as the smaller has.
 *
 * Tables are grown by inserting into a larger one, as Java does, and not by laying them out anew: the order is part of
 * the bytes. A list has up to 7 coupons; the eighth makes it a set of 32 places, which doubles at three quarters full.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "format/sketch/hll_array.h"
#include "format/sketch/sketch.h"

#define LG_K_MIN 4u
#define LG_K_MAX 21u
#define LG_LIST 3u
#define LG_SET 5u
#define ADDRESS 0x3ffffffu
#define FLAG_EMPTY 4u
#define FLAG_COMPACT 8u

enum mode { MODE_LIST, MODE_SET, MODE_HLL };

struct sketch {
    struct pfs_arena *arena;
    struct pfs_err *err;
    uint32_t lg_k, lg_size;
    enum mode mode;
    uint32_t count;
    uint32_t *coupon; /* 1 << lg_size places; 0 = free. A list has at most 8, in order of arrival */
    struct pfs_hll_array array;
};

static int new_table(struct sketch *c, uint32_t lg_size)
{
    assert(lg_size >= LG_LIST && lg_size <= LG_K_MAX);
    c->lg_size = lg_size;
    c->coupon = pfs_arena_zalloc(c->arena, sizeof(uint32_t) << lg_size);
    return c->coupon == NULL ? pfs_arena_full(c->arena, c->err) : 0;
}

/* Where the coupon stands or would stand. */
static uint32_t place_of(const struct sketch *c, uint32_t coupon)
{
    uint32_t mask = ((uint32_t)1 << c->lg_size) - 1, at = coupon & mask;
    uint32_t step = (coupon & ADDRESS) >> c->lg_size | 1; /* odd: it comes to every place */

    assert(coupon != 0);
    assert(c->count < (uint32_t)1 << c->lg_size); /* a free place ends the search */
    while (c->coupon[at] != 0 && c->coupon[at] != coupon)
        at = (at + step) & mask;
    return at;
}

static int insert(struct sketch *c, uint32_t coupon);

/* A table of its own, larger, that takes the coupons in the order of the old one. */
static int rehash(struct sketch *c, uint32_t lg_size)
{
    uint32_t *old = c->coupon, size = (uint32_t)1 << c->lg_size;

    assert(lg_size > c->lg_size);
    PFS_TRY(new_table(c, lg_size));
    c->count = 0;
    for (uint32_t i = 0; i < size; i++)
        if (old[i] != 0)
            PFS_TRY(insert(c, old[i]));
    return 0;
}

/* The coupons become slots; what they count for until here is worked out from their number. */
static int become_array(struct sketch *c)
{
    PFS_TRY(pfs_hll_array_new(c->lg_k, c->arena, &c->array, c->err));
    for (uint32_t i = 0; i < (uint32_t)1 << c->lg_size; i++)
        if (c->coupon[i] != 0)
            pfs_hll_array_add(&c->array, c->coupon[i]);
    c->array.count = pfs_hll_estimate(c->count);
    c->mode = MODE_HLL;
    return 0;
}

static int grow(struct sketch *c)
{
    if (c->mode == MODE_LIST && c->count == 1u << LG_LIST) {
        if (c->lg_k < 8)
            return become_array(c);
        c->mode = MODE_SET;
        return rehash(c, LG_SET);
    }
    if (c->mode == MODE_SET && 4 * c->count > 3 * ((uint32_t)1 << c->lg_size))
        return c->lg_size == c->lg_k - 3 ? become_array(c) : rehash(c, c->lg_size + 1);
    return 0;
}

static int insert(struct sketch *c, uint32_t coupon)
{
    uint32_t at = 0;

    if (c->mode == MODE_HLL) {
        pfs_hll_array_add(&c->array, coupon);
        return 0;
    }
    if (c->mode == MODE_SET)
        at = place_of(c, coupon);
    while (c->mode == MODE_LIST && c->coupon[at] != 0 && c->coupon[at] != coupon)
        at++;
    assert(at < (uint32_t)1 << c->lg_size);
    if (c->coupon[at] == coupon)
        return 0;
    c->coupon[at] = coupon;
    c->count++;
    return grow(c);
}

static int damaged(struct pfs_err *err, const char *what)
{
    return pfs_fail(err, EIO, "an HLL sketch is damaged: %s", what);
}

struct head {
    uint32_t lg_k, count; /* count: of the coupons stored, free places of a table that is not compact too */
    uint32_t lg_table;
    enum mode mode;
    bool compact;
};

static int take_head(struct pfs_cursor *c, struct head *h, struct pfs_err *err)
{
    unsigned ints = pfs_take_u8(c), version = pfs_take_u8(c), family = pfs_take_u8(c), lg_size, flags, mode;

    h->lg_k = pfs_take_u8(c);
    lg_size = pfs_take_u8(c);
    flags = pfs_take_u8(c);
    h->count = pfs_take_u8(c);
    mode = pfs_take_u8(c) & 3u;
    if (c->bad || version != 1 || family != 7 || h->lg_k < LG_K_MIN || h->lg_k > LG_K_MAX || mode > MODE_HLL)
        return damaged(err, "its head");
    h->mode = (enum mode)mode;
    h->lg_table = lg_size;
    h->compact = (flags & FLAG_COMPACT) != 0;
    if (h->mode == MODE_HLL)
        return 0;
    if (ints != (h->mode == MODE_LIST ? 2u : 3u) || lg_size > h->lg_k)
        return damaged(err, "its head");
    if (h->mode == MODE_SET)
        h->count = pfs_take_le32(c);
    if (flags & FLAG_EMPTY)
        h->count = 0;
    else if (!h->compact)
        h->count = (uint32_t)1 << lg_size;
    if (c->bad || h->count > pfs_left(c) / 4)
        return damaged(err, "it ends too early");
    return 0;
}

/* A set whose free places are stored too keeps its table. */
static int take_table(struct pfs_cursor *cursor, const struct head *head, struct sketch *c)
{
    PFS_TRY(new_table(c, head->lg_table));
    for (uint32_t i = 0; i < head->count; i++) {
        c->coupon[i] = pfs_take_le32(cursor);
        c->count += c->coupon[i] != 0;
    }
    c->mode = MODE_SET;
    if (4 * c->count > 3 * head->count) /* places are looked for until a free one is found */
        return damaged(c->err, "a table that is too full");
    return 0;
}

static int take_coupons(struct pfs_cursor *cursor, const struct head *head, struct sketch *c)
{
    if (head->mode == MODE_SET && !head->compact && head->count > 0 && head->lg_table >= LG_SET &&
        head->lg_table + 3 <= head->lg_k)
        return take_table(cursor, head, c);
    PFS_TRY(new_table(c, LG_LIST));
    for (uint32_t i = 0; i < head->count; i++) {
        uint32_t coupon = pfs_take_le32(cursor);

        if (coupon != 0)
            PFS_TRY(insert(c, coupon));
        else if (head->compact)
            return damaged(c->err, "a coupon of 0");
    }
    return 0;
}

static int take(struct pfs_slice in, struct sketch *c)
{
    struct pfs_cursor cursor = pfs_cursor_of(in);
    struct head head;

    PFS_TRY(take_head(&cursor, &head, c->err));
    c->lg_k = head.lg_k;
    c->mode = head.mode == MODE_HLL ? MODE_HLL : MODE_LIST;
    if (head.mode == MODE_HLL)
        return pfs_hll_array_take(in, head.lg_k, c->arena, &c->array, c->err);
    return take_coupons(&cursor, &head, c);
}

/* A set that is read again has the table that inserting gives; the order in which others take its coupons. */
static int insert_all(struct sketch *c, const struct sketch *from)
{
    assert(from->coupon != NULL); /* of an array there are no coupons any more */
    for (uint32_t i = 0; i < (uint32_t)1 << from->lg_size; i++)
        if (from->coupon[i] != 0)
            PFS_TRY(insert(c, from->coupon[i]));
    return 0;
}

static int fold(struct sketch *c, uint32_t lg_k)
{
    struct pfs_hll_array folded;

    if (lg_k >= c->array.lg_k)
        return 0;
    PFS_TRY(pfs_hll_array_fold(&c->array, lg_k, c->arena, &folded, c->err));
    c->array = folded;
    return 0;
}

static int unite(struct sketch *newer, struct sketch *older)
{
    bool empty = newer->mode != MODE_HLL && newer->count == 0;

    if (older->mode != MODE_HLL) {
        if (empty && older->mode == MODE_SET && older->lg_k == newer->lg_k)
            *newer = *older;
        else
            PFS_TRY(insert_all(newer, older));
        return 0;
    }
    if (newer->mode == MODE_HLL) {
        PFS_TRY(fold(newer, older->lg_k));
        pfs_hll_array_merge(&newer->array, &older->array);
        return 0;
    }
    PFS_TRY(fold(older, newer->lg_k));
    for (uint32_t i = 0; i < (uint32_t)1 << newer->lg_size; i++)
        if (newer->coupon[i] != 0)
            pfs_hll_array_add(&older->array, newer->coupon[i]);
    *newer = *older;
    return 0;
}

static void put_coupons(const struct sketch *c, struct pfs_buf *out)
{
    const uint8_t head[8] = {c->mode == MODE_SET ? 3 : 2,
                             1,
                             7,
                             (uint8_t)c->lg_k,
                             (uint8_t)c->lg_size,
                             (uint8_t)(FLAG_COMPACT | (c->count == 0 ? FLAG_EMPTY : 0)),
                             (uint8_t)(c->mode == MODE_SET ? 0 : c->count),
                             c->mode == MODE_SET ? MODE_SET : MODE_LIST};

    assert(c->mode == MODE_SET || c->count < 1u << LG_LIST);
    pfs_buf_put(out, head, sizeof(head));
    if (c->mode == MODE_SET)
        pfs_buf_le32(out, c->count);
    for (uint32_t i = 0; i < (uint32_t)1 << c->lg_size; i++)
        if (c->coupon[i] != 0)
            pfs_buf_le32(out, c->coupon[i]);
}

int pfs_hll_union(struct pfs_slice acc, struct pfs_slice in, struct pfs_arena *scratch, struct pfs_buf *out,
                  struct pfs_err *err)
{
    struct sketch newer = {.arena = scratch, .err = err}, older = newer;

    PFS_TRY(take(in, &newer));
    PFS_TRY(take(acc, &older));
    PFS_TRY(unite(&newer, &older));
    if (newer.mode == MODE_HLL)
        return pfs_hll_array_put(&newer.array, scratch, out, err);
    put_coupons(&newer, out);
    return pfs_buf_check(out, err);
}
