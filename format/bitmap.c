/* bitmap.c - Roaring bitmaps by their high 32 bits, and the check that stands before the library.
 *
 * The portable form of 32-bit values (all little-endian):
 *
 *   cookie 12346 | containers                          without runs
 *   cookie 12347, containers - 1 in its upper half | a bit a container: it has runs
 *   (u16 key, u16 values - 1) a container, keys ascending
 *   u32 offset a container                             left out with runs and fewer than four containers
 *   containers: runs:          u16 count, (u16 first, u16 length - 1) each
 *               up to 4096:    u16 each, ascending
 *               more:          8192 bytes, a bit a value
 *
 * CRoaring believes what it reads: counts, order, cardinalities. So every byte is checked here first, and only a form
 * that says the truth about itself reaches it.
 *
 * In memory a bitmap is a list of CRoaring's, one for each upper half of 32 bits, by ascending halves. Nearly all have
 * one, of half 0: positions of rows rarely pass 2^32.
 */
#include "format/bitmap.h"

#include <assert.h>
#include <roaring/roaring.h>

#define COOKIE_PLAIN 12346u
#define COOKIE_RUNS 12347u
#define CONTAINERS_MAX 65536u
#define ARRAY_VALUES_MAX 4096u
#define BITSET_BYTES 8192u
#define OFFSETS_FROM 4u /* containers, when there are runs */
#define HIGH_MAX 65536u /* parts that one call may make: 2^48 values */

struct part {
    uint32_t high; /* upper half of its values */
    roaring_bitmap_t *low;
};

struct pfs_bitmap {
    int64_t parts, room;
    struct part *part; /* ascending; none is empty after parsing, later ones may become so */
};

static int no_memory(struct pfs_err *err)
{
    return pfs_fail(err, ENOMEM, "no memory for a bitmap");
}

int pfs_bitmap_new(struct pfs_bitmap **out, struct pfs_err *err)
{
    struct pfs_bitmap *b = pfs_zalloc(sizeof(*b));

    if (b == NULL)
        return no_memory(err);
    *out = b;
    return 0;
}

static void free_parts(struct pfs_bitmap *bitmap)
{
    for (int64_t i = 0; i < bitmap->parts; i++)
        roaring_bitmap_free(bitmap->part[i].low);
    pfs_free(bitmap->part);
}

void pfs_bitmap_free(struct pfs_bitmap *bitmap)
{
    if (bitmap == NULL)
        return;
    free_parts(bitmap);
    pfs_free(bitmap);
}

/* ---- the portable form ---- */

static int damaged(struct pfs_err *err, const char *what)
{
    return pfs_fail(err, EIO, "a bitmap is damaged: %s", what);
}

static int check_runs(struct pfs_cursor *c, uint32_t values, struct pfs_err *err)
{
    uint32_t runs = pfs_take_u8(c), sum = 0, free_from = 0;
    struct pfs_slice bytes;

    assert(values >= 1);
    runs |= (uint32_t)pfs_take_u8(c) << 8;
    if (!pfs_take(c, (size_t)runs * 4, &bytes))
        return damaged(err, "its runs are cut off");
    for (uint32_t i = 0; i < runs; i++) {
        uint32_t from = pfs_le16(bytes.at + (size_t)i * 4), more = pfs_le16(bytes.at + (size_t)i * 4 + 2);

        if (from < free_from || from + more > UINT16_MAX)
            return damaged(err, "its runs overlap");
        free_from = from + more + 1;
        sum += more + 1;
    }
    return sum == values ? 0 : damaged(err, "its runs do not hold as many values as it says");
}

static int check_array(struct pfs_cursor *c, uint32_t values, struct pfs_err *err)
{
    struct pfs_slice bytes;
    bool ascending = true;

    assert(values >= 1 && values <= ARRAY_VALUES_MAX);
    if (!pfs_take(c, (size_t)values * 2, &bytes))
        return damaged(err, "its values are cut off");
    for (uint32_t i = 1; i < values; i++)
        ascending &= pfs_le16(bytes.at + (size_t)i * 2) > pfs_le16(bytes.at + (size_t)i * 2 - 2);
    return ascending ? 0 : damaged(err, "its values are not in order");
}

static int check_bitset(struct pfs_cursor *c, uint32_t values, struct pfs_err *err)
{
    struct pfs_slice bytes;
    uint32_t sum = 0;

    assert(values > ARRAY_VALUES_MAX && values <= 65536);
    if (!pfs_take(c, BITSET_BYTES, &bytes))
        return damaged(err, "its bits are cut off");
    for (uint32_t i = 0; i < BITSET_BYTES; i += 8)
        sum += (uint32_t)__builtin_popcountll(pfs_le64(bytes.at + i));
    return sum == values ? 0 : damaged(err, "its bits are not as many as it says");
}

/* Which of the three forms a container has is told by its bit and its number of values, and nowhere else. */
static int check_containers(struct pfs_cursor *c, uint32_t containers, const uint8_t *runs, struct pfs_slice heads,
                            struct pfs_err *err)
{
    for (uint32_t i = 0; i < containers; i++) {
        const uint8_t *head = heads.at + (size_t)i * 4;
        uint32_t values = (uint32_t)pfs_le16(head + 2) + 1;

        if (i > 0 && pfs_le16(head) <= pfs_le16(head - 4))
            return damaged(err, "its containers are not in order");
        if (runs != NULL && (runs[i >> 3] >> (i & 7) & 1) != 0)
            PFS_TRY(check_runs(c, values, err));
        else if (values <= ARRAY_VALUES_MAX)
            PFS_TRY(check_array(c, values, err));
        else
            PFS_TRY(check_bitset(c, values, err));
    }
    return 0;
}

/* Walks one 32-bit bitmap at the cursor to its end. */
static int check(struct pfs_cursor *c, struct pfs_err *err)
{
    uint32_t cookie = pfs_take_le32(c), containers;
    struct pfs_slice runs = {NULL, 0}, heads;

    if ((cookie & 0xffff) == COOKIE_RUNS) {
        containers = (cookie >> 16) + 1;
        (void)pfs_take(c, (containers + 7) / 8, &runs);
    } else if (cookie == COOKIE_PLAIN) {
        containers = pfs_take_le32(c);
    } else {
        return damaged(err, c->bad ? "it is cut off" : "it does not begin as one");
    }
    if (containers > CONTAINERS_MAX)
        return damaged(err, "it has too many containers");
    if (!pfs_take(c, (size_t)containers * 4, &heads))
        return damaged(err, "its containers are cut off");
    if (runs.at == NULL || containers >= OFFSETS_FROM)
        (void)pfs_skip(c, (size_t)containers * 4); /* the containers follow each other: nothing is lost */
    if (c->bad)
        return damaged(err, "its offsets are cut off");
    return check_containers(c, containers, runs.at, heads, err);
}

static int parse_low(struct pfs_cursor *c, roaring_bitmap_t **out, struct pfs_err *err)
{
    size_t from = c->pos;
    roaring_bitmap_t *low;

    PFS_TRY(check(c, err));
    assert(c->pos > from);
    low = roaring_bitmap_portable_deserialize_safe((const char *)c->in.at + from, c->pos - from);
    if (low == NULL)
        return no_memory(err);
    *out = low;
    return 0;
}

/* Room for one more part at place `at`, which is filled by the caller. */
static int insert(struct pfs_bitmap *b, int64_t at, uint32_t high, roaring_bitmap_t *low, struct pfs_err *err)
{
    assert(at >= 0 && at <= b->parts);
    assert(at == 0 || b->part[at - 1].high < high);
    assert(at == b->parts || b->part[at].high > high);
    if (b->parts == b->room) {
        int64_t room = b->room == 0 ? 1 : b->room * 2;
        struct part *more = pfs_realloc(b->part, (size_t)room * sizeof(*more));

        if (more == NULL)
            return no_memory(err);
        b->part = more;
        b->room = room;
    }
    memmove(b->part + at + 1, b->part + at, (size_t)(b->parts - at) * sizeof(*b->part));
    b->part[at] = (struct part){high, low};
    b->parts++;
    return 0;
}

/* Takes `low`, also on failure. */
static int append(struct pfs_bitmap *b, uint32_t high, roaring_bitmap_t *low, struct pfs_err *err)
{
    int rc = 0;

    assert(low != NULL);
    if (roaring_bitmap_is_empty(low) || (rc = insert(b, b->parts, high, low, err)) < 0)
        roaring_bitmap_free(low);
    return rc;
}

static int finish(struct pfs_cursor *c, size_t *used, struct pfs_err *err)
{
    if (used != NULL)
        *used = c->pos;
    else if (pfs_left(c) > 0)
        return damaged(err, "bytes follow it");
    return 0;
}

int pfs_bitmap_parse32(struct pfs_slice in, size_t *used, struct pfs_bitmap **out, struct pfs_err *err)
{
    struct pfs_cursor c = pfs_cursor_of(in);
    PFS_AUTO(bitmap) b = NULL;
    roaring_bitmap_t *low;

    PFS_TRY(pfs_bitmap_new(&b, err));
    PFS_TRY(parse_low(&c, &low, err));
    PFS_TRY(append(b, 0, low, err));
    PFS_TRY(finish(&c, used, err));
    *out = b;
    b = NULL;
    return 0;
}

/* Parts without values are left out: none of ours is empty after parsing. */
int pfs_bitmap_parse64(struct pfs_slice in, size_t *used, struct pfs_bitmap **out, struct pfs_err *err)
{
    static const size_t part_bytes_min = 12; /* key, cookie, no containers */
    struct pfs_cursor c = pfs_cursor_of(in);
    PFS_AUTO(bitmap) b = NULL;
    uint64_t parts = pfs_take_le64(&c);
    int64_t before = -1;

    if (c.bad || parts > pfs_left(&c) / part_bytes_min)
        return damaged(err, "it has fewer parts than it says");
    PFS_TRY(pfs_bitmap_new(&b, err));
    for (uint64_t i = 0; i < parts; i++) {
        uint32_t high = pfs_take_le32(&c);
        roaring_bitmap_t *low;

        if ((int64_t)high <= before)
            return damaged(err, "its parts are not in order");
        before = high;
        PFS_TRY(parse_low(&c, &low, err));
        PFS_TRY(append(b, high, low, err));
    }
    PFS_TRY(finish(&c, used, err));
    *out = b;
    b = NULL;
    return 0;
}

/* Runs are chosen where they are shorter, as Paimon does before it writes; on a copy, because a bitmap is only read. */
static int print_low(const roaring_bitmap_t *low, struct pfs_buf *out, struct pfs_err *err)
{
    roaring_bitmap_t *copy = roaring_bitmap_copy(low);
    size_t bytes;
    uint8_t *to;

    if (copy == NULL)
        return no_memory(err);
    (void)roaring_bitmap_run_optimize(copy);
    bytes = roaring_bitmap_portable_size_in_bytes(copy);
    to = pfs_buf_reserve(out, bytes);
    if (to != NULL)
        out->len += roaring_bitmap_portable_serialize(copy, (char *)to);
    assert(out->failed || out->len >= bytes);
    roaring_bitmap_free(copy);
    return pfs_buf_check(out, err);
}

int pfs_bitmap_print32(const struct pfs_bitmap *bitmap, struct pfs_buf *out, struct pfs_err *err)
{
    const roaring_bitmap_t *low = NULL;
    roaring_bitmap_t *empty;
    int rc;

    for (int64_t i = 0; i < bitmap->parts; i++)
        if (bitmap->part[i].high == 0)
            low = bitmap->part[i].low;
        else if (!roaring_bitmap_is_empty(bitmap->part[i].low))
            return pfs_fail(err, E2BIG, "a bitmap of 32 bits cannot hold values over 2^32");
    /* A bitmap without values has a form of its own, 8 bytes, and not none at all. */
    if (low != NULL)
        return print_low(low, out, err);
    empty = roaring_bitmap_create();
    if (empty == NULL)
        return no_memory(err);
    rc = print_low(empty, out, err);
    roaring_bitmap_free(empty);
    return rc;
}

int pfs_bitmap_print_values(const uint32_t *value, size_t count, struct pfs_buf *out, struct pfs_err *err)
{
    roaring_bitmap_t *all = count == 0 ? roaring_bitmap_create() : roaring_bitmap_of_ptr(count, value);
    int rc;

    /* The last of `count` values that ascend from 0 on is no less than this: a cheap look at what the caller promised.
     */
    assert(count == 0 || value[count - 1] >= count - 1);
    if (all == NULL)
        return no_memory(err);
    rc = print_low(all, out, err);
    roaring_bitmap_free(all);
    return rc;
}

int pfs_bitmap_print64(const struct pfs_bitmap *bitmap, struct pfs_buf *out, struct pfs_err *err)
{
    uint64_t parts = 0;

    for (int64_t i = 0; i < bitmap->parts; i++)
        parts += roaring_bitmap_is_empty(bitmap->part[i].low) ? 0 : 1;
    pfs_buf_le64(out, parts);
    for (int64_t i = 0; i < bitmap->parts; i++) {
        if (roaring_bitmap_is_empty(bitmap->part[i].low))
            continue;
        pfs_buf_le32(out, bitmap->part[i].high);
        PFS_TRY(print_low(bitmap->part[i].low, out, err));
    }
    return pfs_buf_check(out, err);
}

/* ---- one value, many values ---- */

/* Place of the first part whose high half is not below `high`: where it is or would be put. */
static int64_t place_of(const struct pfs_bitmap *b, uint32_t high)
{
    int64_t from = 0, to = b->parts;

    while (from < to) {
        int64_t mid = from + (to - from) / 2;

        if (b->part[mid].high < high)
            from = mid + 1;
        else
            to = mid;
    }
    return from;
}

/* The part of this half, made if it is not there. */
static int part_of(struct pfs_bitmap *b, uint32_t high, roaring_bitmap_t **out, struct pfs_err *err)
{
    int64_t at = place_of(b, high);
    roaring_bitmap_t *low;
    int rc;

    if (at < b->parts && b->part[at].high == high) {
        *out = b->part[at].low;
        return 0;
    }
    low = roaring_bitmap_create();
    if (low == NULL)
        return no_memory(err);
    rc = insert(b, at, high, low, err);
    if (rc < 0)
        roaring_bitmap_free(low);
    else
        *out = low;
    return rc;
}

int pfs_bitmap_add(struct pfs_bitmap *bitmap, uint64_t value, struct pfs_err *err)
{
    roaring_bitmap_t *low;

    PFS_TRY(part_of(bitmap, (uint32_t)(value >> 32), &low, err));
    roaring_bitmap_add(low, (uint32_t)value);
    return 0;
}

/* The piece of [from, to) with this high half, as lower halves: first and last. */
static void piece_of(uint64_t from, uint64_t to, uint64_t high, uint32_t *first, uint32_t *last)
{
    assert(from < to);
    assert(high >= from >> 32 && high <= (to - 1) >> 32);
    *first = from >> 32 == high ? (uint32_t)from : 0;
    *last = (to - 1) >> 32 == high ? (uint32_t)(to - 1) : UINT32_MAX;
    assert(*first <= *last);
}

static int too_wide(uint64_t from, uint64_t to, struct pfs_err *err)
{
    if (from < to && ((to - 1) >> 32) - (from >> 32) >= HIGH_MAX)
        return pfs_fail(err, E2BIG, "%llu values are too many for a bitmap", (unsigned long long)(to - from));
    return 0;
}

int pfs_bitmap_add_range(struct pfs_bitmap *bitmap, uint64_t from, uint64_t to, struct pfs_err *err)
{
    PFS_TRY(too_wide(from, to, err));
    for (uint64_t high = from >> 32; from < to && high <= (to - 1) >> 32; high++) {
        roaring_bitmap_t *low;
        uint32_t first, last;

        piece_of(from, to, high, &first, &last);
        PFS_TRY(part_of(bitmap, (uint32_t)high, &low, err));
        roaring_bitmap_add_range_closed(low, first, last);
    }
    return 0;
}

bool pfs_bitmap_has(const struct pfs_bitmap *bitmap, uint64_t value)
{
    uint32_t high = (uint32_t)(value >> 32);
    int64_t at = place_of(bitmap, high);

    return at < bitmap->parts && bitmap->part[at].high == high &&
           roaring_bitmap_contains(bitmap->part[at].low, (uint32_t)value);
}

uint64_t pfs_bitmap_count(const struct pfs_bitmap *bitmap)
{
    uint64_t sum = 0;

    for (int64_t i = 0; i < bitmap->parts; i++)
        sum += roaring_bitmap_get_cardinality(bitmap->part[i].low);
    return sum;
}

/* ---- sets ---- */

int pfs_bitmap_or(struct pfs_bitmap *a, const struct pfs_bitmap *b, struct pfs_err *err)
{
    for (int64_t i = 0; i < b->parts; i++) {
        roaring_bitmap_t *low;

        PFS_TRY(part_of(a, b->part[i].high, &low, err));
        roaring_bitmap_or_inplace(low, b->part[i].low);
    }
    return 0;
}

/* Parts that become empty stay, empty: taking them out would move the others, and nobody minds them. */
int pfs_bitmap_and(struct pfs_bitmap *a, const struct pfs_bitmap *b, struct pfs_err *err)
{
    (void)err;
    for (int64_t i = 0; i < a->parts; i++) {
        int64_t at = place_of(b, a->part[i].high);

        if (at < b->parts && b->part[at].high == a->part[i].high)
            roaring_bitmap_and_inplace(a->part[i].low, b->part[at].low);
        else
            roaring_bitmap_clear(a->part[i].low);
    }
    return 0;
}

int pfs_bitmap_andnot(struct pfs_bitmap *a, const struct pfs_bitmap *b, struct pfs_err *err)
{
    (void)err;
    for (int64_t i = 0; i < a->parts; i++) {
        int64_t at = place_of(b, a->part[i].high);

        if (at < b->parts && b->part[at].high == a->part[i].high)
            roaring_bitmap_andnot_inplace(a->part[i].low, b->part[at].low);
    }
    return 0;
}

int pfs_bitmap_flip(struct pfs_bitmap *a, uint64_t rows, struct pfs_err *err)
{
    PFS_AUTO(bitmap) all = NULL;
    struct pfs_bitmap was = *a;

    /* What `a` has at `rows` or behind is gone with it: the answer is of rows that there are. */
    PFS_TRY(pfs_bitmap_new(&all, err));
    PFS_TRY(pfs_bitmap_add_range(all, 0, rows, err));
    PFS_TRY(pfs_bitmap_andnot(all, a, err));
    *a = *all;
    *all = was;
    return 0;
}

/* Ascending values from `first` on of one part, up to `last`, at most `max`. */
static int64_t values_of(const struct part *part, uint32_t first, uint32_t last, uint64_t *out, int64_t max)
{
    uint64_t high = (uint64_t)part->high << 32;
    roaring_uint32_iterator_t it;
    int64_t n = 0;

    assert(max > 0);
    roaring_init_iterator(part->low, &it);
    if (!roaring_move_uint32_iterator_equalorlarger(&it, first))
        return 0;
    while (n < max) {
        uint32_t some[256], got;
        int64_t left = max - n;

        got = roaring_read_uint32_iterator(&it, some, left < 256 ? (uint32_t)left : 256);
        for (uint32_t i = 0; i < got; i++) {
            if (some[i] > last)
                return n;
            out[n++] = high | some[i];
        }
        if (got == 0)
            break;
    }
    return n;
}

int64_t pfs_bitmap_values(const struct pfs_bitmap *bitmap, uint64_t from, uint64_t to, uint64_t *out, int64_t max)
{
    int64_t n = 0;

    assert(max >= 0);
    assert(out != NULL || max == 0);
    if (from >= to)
        return 0;
    for (int64_t i = place_of(bitmap, (uint32_t)(from >> 32)); i < bitmap->parts && n < max; i++) {
        uint32_t first, last;

        if (bitmap->part[i].high > (to - 1) >> 32)
            break;
        piece_of(from, to, bitmap->part[i].high, &first, &last);
        n += values_of(&bitmap->part[i], first, last, out + n, max - n);
    }
    assert(n <= max);
    return n;
}
