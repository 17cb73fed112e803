/* hll_array.c - the slots of an HLL sketch, one byte each while they are worked on.
 *
 * Sums of 2^-value come out the same in whatever order they are made; the count does not, so it is made in the order in
 * which Java makes it. */
#include "format/sketch/hll_array.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#define VALUE_BITS 26 /* above the address of a coupon or exception */
#define VALUE_MAX 63u
#define FLAG_COMPACT 8u
#define FLAG_OUT_OF_ORDER 16u
#define MODE_ARRAY 2u
#define FIXED_BYTES 40 /* in front of the slots */
#define EXCEPTION 15u

enum type { HLL_4, HLL_6, HLL_8 };

static int damaged(struct pfs_err *err, const char *what)
{
    return pfs_fail(err, EIO, "an HLL sketch is damaged: %s", what);
}

static double power_of(uint32_t value)
{
    return ldexp(1.0, -(int)value);
}

/* ---- in memory ---- */

int pfs_hll_array_new(uint32_t lg_k, struct pfs_arena *arena, struct pfs_hll_array *out, struct pfs_err *err)
{
    *out = (struct pfs_hll_array){.lg_k = lg_k, .sum = {ldexp(1.0, (int)lg_k), 0}};
    out->value = pfs_arena_zalloc(arena, (size_t)1 << lg_k);
    return out->value == NULL ? pfs_arena_full(arena, err) : 0;
}

static void sum_up(struct pfs_hll_array *a)
{
    a->sum[0] = a->sum[1] = 0;
    for (size_t i = 0; i < (size_t)1 << a->lg_k; i++)
        a->sum[a->value[i] >= 32] += power_of(a->value[i]);
}

void pfs_hll_array_add(struct pfs_hll_array *array, uint32_t coupon)
{
    uint32_t value = coupon >> VALUE_BITS;
    uint8_t *slot = &array->value[coupon & (((uint32_t)1 << array->lg_k) - 1)];

    if (value <= *slot)
        return;
    array->count += ldexp(1.0, (int)array->lg_k) / (array->sum[0] + array->sum[1]);
    array->sum[*slot >= 32] -= power_of(*slot);
    array->sum[value >= 32] += power_of(value);
    *slot = (uint8_t)value;
}

int pfs_hll_array_fold(const struct pfs_hll_array *from, uint32_t lg_k, struct pfs_arena *arena,
                       struct pfs_hll_array *out, struct pfs_err *err)
{
    assert(lg_k <= from->lg_k);
    PFS_TRY(pfs_hll_array_new(lg_k, arena, out, err));
    pfs_hll_array_merge(out, from);
    sum_up(out);
    out->count = from->count;
    out->out_of_order = from->out_of_order;
    return 0;
}

void pfs_hll_array_merge(struct pfs_hll_array *into, const struct pfs_hll_array *from)
{
    size_t mask = ((size_t)1 << into->lg_k) - 1;

    assert(into->lg_k <= from->lg_k);
    for (size_t i = 0; i < (size_t)1 << from->lg_k; i++)
        if (from->value[i] > into->value[i & mask])
            into->value[i & mask] = from->value[i];
    into->count = 0;
    into->out_of_order = true;
}

/* ---- from bytes ---- */

static int take_nibbles(struct pfs_cursor *c, uint32_t least, struct pfs_hll_array *a, struct pfs_err *err)
{
    struct pfs_slice bytes;

    if (!pfs_take(c, (size_t)1 << (a->lg_k - 1), &bytes))
        return damaged(err, "it ends too early");
    for (size_t i = 0; i < (size_t)1 << a->lg_k; i++) {
        uint32_t nibble = (uint32_t)bytes.at[i / 2] >> (i % 2 * 4) & 15u;

        if (nibble != EXCEPTION && nibble + least > VALUE_MAX)
            return damaged(err, "a value above 63");
        a->value[i] = (uint8_t)(nibble == EXCEPTION ? UINT8_MAX : nibble + least);
    }
    return 0;
}

/* Exceptions have their slots, each slot of 15 its exception. Those of a table that is not compact have gaps. */
static int take_exceptions(struct pfs_cursor *c, uint32_t count, size_t places, struct pfs_hll_array *a,
                           struct pfs_err *err)
{
    uint32_t missing = 0;

    for (size_t i = 0; i < (size_t)1 << a->lg_k; i++)
        missing += a->value[i] == UINT8_MAX;
    if (missing != count || places > pfs_left(c) / 4)
        return damaged(err, "its exceptions");
    for (size_t i = 0; i < places; i++) {
        uint32_t pair = pfs_take_le32(c);
        uint8_t *slot = &a->value[pair & (((uint32_t)1 << a->lg_k) - 1)];

        if (pair == 0)
            continue;
        if (*slot != UINT8_MAX)
            return damaged(err, "its exceptions");
        *slot = (uint8_t)(pair >> VALUE_BITS);
        missing--;
    }
    return missing > 0 ? damaged(err, "its exceptions") : 0;
}

static int take_sixes(struct pfs_cursor *c, struct pfs_hll_array *a, struct pfs_err *err)
{
    struct pfs_slice bytes;

    if (!pfs_take(c, ((size_t)3 << a->lg_k) / 4 + 1, &bytes))
        return damaged(err, "it ends too early");
    for (size_t i = 0; i < (size_t)1 << a->lg_k; i++) {
        size_t bit = i * 6;

        a->value[i] = (uint8_t)((uint32_t)pfs_le16(bytes.at + bit / 8) >> bit % 8 & VALUE_MAX);
    }
    return 0;
}

static int take_bytes(struct pfs_cursor *c, struct pfs_hll_array *a, struct pfs_err *err)
{
    struct pfs_slice bytes;

    if (!pfs_take(c, (size_t)1 << a->lg_k, &bytes))
        return damaged(err, "it ends too early");
    for (size_t i = 0; i < bytes.len; i++)
        a->value[i] = bytes.at[i] & VALUE_MAX;
    return 0;
}

static double take_double(struct pfs_cursor *c)
{
    uint64_t bits = pfs_take_le64(c);
    double out;

    memcpy(&out, &bits, sizeof(out));
    return out;
}

int pfs_hll_array_take(struct pfs_slice in, uint32_t lg_k, struct pfs_arena *arena, struct pfs_hll_array *out,
                       struct pfs_err *err)
{
    struct pfs_cursor c = pfs_cursor_of(in);
    uint32_t type, flags, exceptions;
    int rc;

    if (in.len < FIXED_BYTES)
        return damaged(err, "it ends too early");
    flags = in.at[5];
    type = in.at[7] >> 2 & 3u;
    if (in.at[0] != 10 || type > HLL_8 || (in.len - FIXED_BYTES) < (size_t)1 << (lg_k - 1))
        return damaged(err, "its head");
    PFS_TRY(pfs_hll_array_new(lg_k, arena, out, err));
    (void)pfs_skip(&c, 8);
    out->count = take_double(&c);
    out->out_of_order = (flags & FLAG_OUT_OF_ORDER) != 0;
    (void)pfs_skip(&c, 20); /* sums and number of the least: they follow from the slots */
    exceptions = pfs_take_le32(&c);
    if (type == HLL_8) {
        rc = take_bytes(&c, out, err);
    } else if (type == HLL_6) {
        rc = take_sixes(&c, out, err);
    } else {
        bool compact = (flags & FLAG_COMPACT) != 0 || exceptions == 0;
        uint32_t lg_table = in.at[4];

        if (!compact && lg_table > lg_k + 1)
            return damaged(err, "its head");
        rc = take_nibbles(&c, in.at[6], out, err);
        if (rc == 0)
            rc = take_exceptions(&c, exceptions, compact ? exceptions : (size_t)1 << lg_table, out, err);
    }
    if (rc == 0)
        sum_up(out);
    return rc;
}

/* ---- to bytes ---- */

struct exceptions { /* by open addressing, in the order in which their slots come */
    struct pfs_arena *arena;
    uint32_t lg_k, lg_size, count;
    uint32_t *pair; /* 0 = free */
};

static void insert(struct exceptions *e, uint32_t pair)
{
    uint32_t slot = pair & (((uint32_t)1 << e->lg_k) - 1), mask = ((uint32_t)1 << e->lg_size) - 1;
    uint32_t at = slot & mask, step = slot >> e->lg_size | 1;

    while (e->pair[at] != 0)
        at = (at + step) & mask;
    e->pair[at] = pair;
}

static int add_exception(struct exceptions *e, uint32_t pair, struct pfs_err *err)
{
    uint32_t *old = e->pair, size = (uint32_t)1 << e->lg_size;

    insert(e, pair);
    e->count++;
    if (4 * e->count <= 3 * size)
        return 0;
    e->pair = pfs_arena_zalloc(e->arena, sizeof(*e->pair) << ++e->lg_size);
    if (e->pair == NULL)
        return pfs_arena_full(e->arena, err);
    for (uint32_t i = 0; i < size; i++)
        if (old[i] != 0)
            insert(e, old[i]);
    return 0;
}

/* The table that Java begins with, by lg_k. */
static int open_exceptions(uint32_t lg_k, struct pfs_arena *arena, struct exceptions *e, struct pfs_err *err)
{
    static const uint8_t lg_sizes[] = {0, 2, 2, 2, 2, 2, 2, 3, 3, 3, 4, 4, 5, 5, 6, 7, 8, 9, 10, 11, 12, 13};

    assert(lg_k < sizeof(lg_sizes));
    *e = (struct exceptions){.arena = arena, .lg_k = lg_k, .lg_size = lg_sizes[lg_k]};
    e->pair = pfs_arena_zalloc(arena, sizeof(*e->pair) << e->lg_size);
    return e->pair == NULL ? pfs_arena_full(arena, err) : 0;
}

static void put_double(double value, struct pfs_buf *out)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    pfs_buf_le64(out, bits);
}

/* The least value, and how many slots have it. */
static uint8_t find_least(const struct pfs_hll_array *a, uint32_t *slots)
{
    uint8_t least = UINT8_MAX;

    for (size_t i = 0; i < (size_t)1 << a->lg_k; i++)
        if (a->value[i] <= least) {
            *slots = a->value[i] < least ? 1 : *slots + 1;
            least = a->value[i];
        }
    return least;
}

int pfs_hll_array_put(const struct pfs_hll_array *array, struct pfs_arena *scratch, struct pfs_buf *out,
                      struct pfs_err *err)
{
    struct pfs_hll_array summed = *array;
    size_t slots = (size_t)1 << array->lg_k;
    uint8_t *nibble = pfs_arena_zalloc(scratch, slots / 2);
    struct exceptions e;
    uint32_t with_least = 0;
    uint8_t least = find_least(array, &with_least);

    if (nibble == NULL)
        return pfs_arena_full(scratch, err);
    PFS_TRY(open_exceptions(array->lg_k, scratch, &e, err));
    for (size_t i = 0; i < slots; i++) {
        uint32_t above = (uint32_t)array->value[i] - least;

        if (above >= EXCEPTION)
            PFS_TRY(add_exception(&e, (uint32_t)i | (uint32_t)array->value[i] << VALUE_BITS, err));
        nibble[i / 2] |= (uint8_t)((above < EXCEPTION ? above : EXCEPTION) << (i % 2 * 4));
    }
    sum_up(&summed);
    pfs_buf_put(out,
                (const uint8_t[8]){10, 1, 7, (uint8_t)array->lg_k, (uint8_t)(e.count > 0 ? e.lg_size : 0),
                                   (uint8_t)(FLAG_COMPACT | (array->out_of_order ? FLAG_OUT_OF_ORDER : 0)), least,
                                   MODE_ARRAY | HLL_4 << 2},
                8);
    put_double(array->count, out);
    put_double(summed.sum[0], out);
    put_double(summed.sum[1], out);
    pfs_buf_le32(out, with_least);
    pfs_buf_le32(out, e.count);
    pfs_buf_put(out, nibble, slots / 2);
    for (uint32_t i = 0; i < (uint32_t)1 << e.lg_size; i++)
        if (e.pair[i] != 0)
            pfs_buf_le32(out, e.pair[i]);
    return pfs_buf_check(out, err);
}

/* ---- how many ---- */

/* Points of the curve from coupons (of 26 bits) to values, as DataSketches has them; between them it is cubic. */
static const struct {
    double x, y;
} curve[] = {{0.0, 0.0},
             {1.0, 1.0},
             {20.0, 20.0000009437402611},
             {400.0, 400.0003963713384110},
             {8000.0, 8000.1589294602090376},
             {160000.0, 160063.6067763759638183},
             {300000.0, 300223.7071597663452849},
             {600000.0, 600895.5933856170158833}};
#define CURVE_POINTS ((uint32_t)(sizeof(curve) / sizeof(curve[0])))

/* Lagrange's term of point k among four. */
static double term_of(uint32_t from, uint32_t k, double x)
{
    double above = 1, below = 1;

    for (uint32_t i = from; i < from + 4; i++)
        if (i != k) {
            above *= x - curve[i].x;
            below *= curve[k].x - curve[i].x;
        }
    return curve[k].y * above / below;
}

double pfs_hll_estimate(uint32_t coupons)
{
    uint32_t left = 0, from;
    double sum = 0;

    assert(coupons < 600000); /* 3/4 of 2^18 is the largest set */
    while (left + 2 < CURVE_POINTS && curve[left + 1].x <= coupons)
        left++;
    from = left == 0 ? 0 : left - 1;
    assert(from + 4 <= CURVE_POINTS);
    for (uint32_t k = from; k < from + 4; k++)
        sum += term_of(from, k, coupons);
    return sum > coupons ? sum : coupons;
}
