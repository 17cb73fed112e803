/* container.c - sets of 16-bit numbers in the three forms of Roaring bitmaps, and their union.
 *
 * The union's bytes must be those of Java's library, and there the form depends on how a container came to be: runs are
 * kept while they are no larger than the other forms, an array becomes a bitset behind 4096 values. In memory there are
 * only arrays and bitsets; `runs` remembers what the form would be. Always: count is 1 .. 65536; an array exactly when
 * it is at most 4096, else a bitset. */
#include "format/sketch/container.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* ---- memory ---- */

static int new_values(struct pfs_container *c, size_t count, struct pfs_arena *arena, struct pfs_err *err)
{
    assert(count <= PFS_ARRAY_MAX);
    c->value = pfs_arena_alloc(arena, count * sizeof(*c->value));
    return c->value == NULL ? pfs_arena_full(arena, err) : 0;
}

static int new_bitset(struct pfs_container *c, struct pfs_arena *arena, struct pfs_err *err)
{
    c->bitset = pfs_arena_zalloc(arena, PFS_BITSET_BYTES);
    return c->bitset == NULL ? pfs_arena_full(arena, err) : 0;
}

/* Bits up to a whole word, whole words, the bits that are left. */
static void set_range(uint64_t *bitset, uint32_t from, uint32_t to)
{
    assert(from < to && to <= 65536);
    for (uint32_t v = from; v < to && (v & 63) != 0; v++)
        bitset[v >> 6] |= (uint64_t)1 << (v & 63);
    from = (from + 63) & ~63u;
    for (; from + 64 <= to; from += 64)
        bitset[from >> 6] = UINT64_MAX;
    for (; from < to; from++)
        bitset[from >> 6] |= (uint64_t)1 << (from & 63);
}

static uint32_t count_bits(const uint64_t *bitset)
{
    uint32_t count = 0;

    for (int i = 0; i < PFS_BITSET_BYTES / 8; i++)
        count += (uint32_t)__builtin_popcountll(bitset[i]);
    return count;
}

/* ---- taking ---- */

static int take_array(struct pfs_cursor *c, uint32_t count, struct pfs_arena *arena, struct pfs_container *out,
                      struct pfs_err *err)
{
    struct pfs_slice bytes;

    if (count > PFS_ARRAY_MAX || !pfs_take(c, (size_t)count * 2, &bytes))
        return pfs_fail(err, EIO, "an array of %u values in a bitmap", count);
    PFS_TRY(new_values(out, count, arena, err));
    for (uint32_t i = 0; i < count; i++) {
        out->value[i] = pfs_le16(bytes.at + 2 * i);
        if (i > 0 && out->value[i] <= out->value[i - 1])
            return pfs_fail(err, EIO, "values in a bitmap do not ascend");
    }
    return 0;
}

/* A bitset of few values becomes an array. */
static int settle_bitset(struct pfs_container *c, struct pfs_arena *arena, struct pfs_err *err)
{
    uint32_t n = 0;

    assert(c->bitset != NULL && c->value == NULL);
    c->count = count_bits(c->bitset);
    if (c->count > PFS_ARRAY_MAX)
        return 0;
    PFS_TRY(new_values(c, c->count, arena, err));
    for (uint32_t w = 0; w < PFS_BITSET_BYTES / 8; w++)
        for (uint64_t bits = c->bitset[w]; bits != 0; bits &= bits - 1)
            c->value[n++] = (uint16_t)(64 * w + (uint32_t)__builtin_ctzll(bits));
    assert(n == c->count);
    c->bitset = NULL;
    return 0;
}

/* Of few values too, as the tree form of 64 bits may store them: in memory those are an array all the same. */
static int take_bitset(struct pfs_cursor *c, uint32_t count, struct pfs_arena *arena, struct pfs_container *out,
                       struct pfs_err *err)
{
    struct pfs_slice bytes;

    if (!pfs_take(c, PFS_BITSET_BYTES, &bytes))
        return pfs_fail(err, EIO, "a bitmap ends inside a bitset");
    PFS_TRY(new_bitset(out, arena, err));
    for (size_t i = 0; i < PFS_BITSET_BYTES / 8; i++)
        out->bitset[i] = pfs_le64(bytes.at + 8 * i);
    PFS_TRY(settle_bitset(out, arena, err));
    return out->count == count ? 0 : pfs_fail(err, EIO, "a bitset of %u values that says %u", out->count, count);
}

/* Spread out into a bitset: a union would have to in any case. That they were runs is noted. */
static int take_runs(struct pfs_cursor *c, struct pfs_arena *arena, struct pfs_container *out, struct pfs_err *err)
{
    uint32_t runs = pfs_take_le16(c), next = 0;
    struct pfs_slice bytes;

    if (c->bad || !pfs_take(c, (size_t)runs * 4, &bytes))
        return pfs_fail(err, EIO, "a bitmap ends inside %u runs", runs);
    PFS_TRY(new_bitset(out, arena, err));
    for (uint32_t i = 0; i < runs; i++) {
        uint32_t from = pfs_le16(bytes.at + 4 * i), to = from + pfs_le16(bytes.at + 4 * i + 2) + 1;

        if (from < next || to > 65536)
            return pfs_fail(err, EIO, "runs in a bitmap do not ascend");
        set_range(out->bitset, from, to);
        next = to;
    }
    out->runs = true;
    return settle_bitset(out, arena, err);
}

int pfs_container_take(struct pfs_cursor *c, enum pfs_container_form form, uint32_t count, struct pfs_arena *arena,
                       struct pfs_container *out, struct pfs_err *err)
{
    *out = (struct pfs_container){.count = count};
    switch (form) {
    case PFS_FORM_RUNS:
        PFS_TRY(take_runs(c, arena, out, err));
        break;
    case PFS_FORM_BITSET:
        PFS_TRY(take_bitset(c, count, arena, out, err));
        break;
    case PFS_FORM_ARRAY:
        PFS_TRY(take_array(c, count, arena, out, err));
        break;
    }
    return out->count > 0 ? 0 : pfs_fail(err, EIO, "a part of a bitmap is empty");
}

/* ---- uniting ---- */

/* Twice into an empty bitset is the union, whatever the forms of the two. */
static void or_into(uint64_t *bitset, const struct pfs_container *c)
{
    if (c->bitset == NULL) {
        for (uint32_t i = 0; i < c->count; i++)
            bitset[c->value[i] >> 6] |= (uint64_t)1 << (c->value[i] & 63);
        return;
    }
    for (int i = 0; i < PFS_BITSET_BYTES / 8; i++)
        bitset[i] |= c->bitset[i];
}

static void merge_arrays(const struct pfs_container *a, const struct pfs_container *b, struct pfs_container *out)
{
    uint32_t i = 0, k = 0, n = 0;

    while (i < a->count && k < b->count) {
        uint16_t x = a->value[i], y = b->value[k];

        out->value[n++] = x < y ? x : y;
        i += x <= y;
        k += y <= x;
    }
    while (i < a->count)
        out->value[n++] = a->value[i++];
    while (k < b->count)
        out->value[n++] = b->value[k++];
    assert(n <= a->count + b->count);
    out->count = n;
}

static uint32_t count_runs(const struct pfs_container *c)
{
    uint32_t runs = 0;
    uint64_t last = 0;

    if (c->bitset == NULL) {
        for (uint32_t i = 0; i < c->count; i++)
            runs += i == 0 || c->value[i] != c->value[i - 1] + 1;
        return runs;
    }
    for (int i = 0; i < PFS_BITSET_BYTES / 8; i++) { /* bits without one before them */
        runs += (uint32_t)__builtin_popcountll(c->bitset[i] & ~(c->bitset[i] << 1 | last));
        last = c->bitset[i] >> 63;
    }
    return runs;
}

/* Runs that were made from runs stay so as long as the other forms, counted with their length, are no smaller. */
static uint32_t keep_runs(struct pfs_container *c)
{
    uint32_t runs = count_runs(c), array = 2 * c->count + 2;

    assert(runs >= 1 && runs <= c->count);
    c->runs &= 2 + 4 * runs <= (array < PFS_BITSET_BYTES ? array : PFS_BITSET_BYTES);
    return runs;
}

/* Is it stored as a bitset? */
static bool is_bitset(const struct pfs_container *c)
{
    return !c->runs && c->bitset != NULL;
}

int pfs_container_union(const struct pfs_container *a, const struct pfs_container *b, struct pfs_arena *arena,
                        struct pfs_container *out, struct pfs_err *err)
{
    struct pfs_container made = {.runs = (a->runs && !is_bitset(b)) || (b->runs && !is_bitset(a))};

    assert((a->value == NULL) != (a->bitset == NULL));
    assert((b->value == NULL) != (b->bitset == NULL));
    if (a->bitset == NULL && b->bitset == NULL && a->count + b->count <= PFS_ARRAY_MAX) {
        PFS_TRY(new_values(&made, a->count + b->count, arena, err));
        merge_arrays(a, b, &made);
    } else {
        PFS_TRY(new_bitset(&made, arena, err));
        or_into(made.bitset, a);
        or_into(made.bitset, b);
        PFS_TRY(settle_bitset(&made, arena, err));
    }
    if (made.runs)
        keep_runs(&made);
    assert(made.count >= (a->count > b->count ? a->count : b->count));
    *out = made;
    return 0;
}

uint32_t pfs_container_optimize(struct pfs_container *c)
{
    uint32_t runs;

    assert(c->count > 0);
    if (c->runs)
        runs = keep_runs(c);
    else
        runs = count_runs(c);
    if (!c->runs)
        c->runs = 2 + 4 * runs < (c->bitset == NULL ? 2 * c->count : PFS_BITSET_BYTES);
    return runs;
}

/* ---- putting ---- */

enum pfs_container_form pfs_container_form(const struct pfs_container *c)
{
    return c->runs ? PFS_FORM_RUNS : c->bitset != NULL ? PFS_FORM_BITSET : PFS_FORM_ARRAY;
}

static void put_16(struct pfs_buf *out, uint32_t v)
{
    pfs_buf_putc(out, (uint8_t)v);
    pfs_buf_putc(out, (uint8_t)(v >> 8));
}

/* The first value from `v` on that is set (or not set, with flip UINT64_MAX); 65536 when there is none. */
static uint32_t next_bit(const uint64_t *bitset, uint32_t v, uint64_t flip)
{
    uint64_t word;

    if (v >= 65536)
        return 65536;
    word = (bitset[v >> 6] ^ flip) >> (v & 63);
    if (word != 0)
        return v + (uint32_t)__builtin_ctzll(word);
    for (v = (v & ~63u) + 64; v < 65536; v += 64)
        if ((bitset[v >> 6] ^ flip) != 0)
            return v + (uint32_t)__builtin_ctzll(bitset[v >> 6] ^ flip);
    return 65536;
}

/* From an array its runs of neighbours; from a bitset the next bit that is set and the next that is not, in turns. */
static void put_runs(const struct pfs_container *c, struct pfs_buf *out)
{
    put_16(out, count_runs(c));
    for (uint32_t i = 0, end; c->bitset == NULL && i < c->count; i = end) {
        for (end = i + 1; end < c->count && c->value[end] == c->value[end - 1] + 1; end++)
            ;
        put_16(out, c->value[i]);
        put_16(out, end - i - 1);
    }
    for (uint32_t v = c->bitset == NULL ? 65536 : next_bit(c->bitset, 0, 0); v < 65536;) {
        uint32_t end = next_bit(c->bitset, v, UINT64_MAX);

        put_16(out, v);
        put_16(out, end - v - 1);
        v = next_bit(c->bitset, end, 0);
    }
}

void pfs_container_put(const struct pfs_container *c, struct pfs_buf *out)
{
    switch (pfs_container_form(c)) {
    case PFS_FORM_RUNS:
        put_runs(c, out);
        break;
    case PFS_FORM_BITSET:
        for (int i = 0; i < PFS_BITSET_BYTES / 8; i++)
            pfs_buf_le64(out, c->bitset[i]);
        break;
    case PFS_FORM_ARRAY:
        for (uint32_t i = 0; i < c->count; i++)
            put_16(out, c->value[i]);
        break;
    }
}

/* ---- to and from row positions ---- */

/* [from, to) of the container; the very last value of 64 bits has nothing behind it. */
static int add_range(struct pfs_bitmap *into, uint64_t base, uint32_t from, uint32_t to, struct pfs_err *err)
{
    if (base + to != 0)
        return pfs_bitmap_add_range(into, base + from, base + to, err);
    PFS_TRY(pfs_bitmap_add_range(into, base + from, UINT64_MAX, err));
    return pfs_bitmap_add(into, UINT64_MAX, err);
}

/* A bitset goes over by runs: one of 65536 bits mostly has few, and CRoaring takes each at once. */
int pfs_container_add_to(const struct pfs_container *c, uint64_t base, struct pfs_bitmap *into, struct pfs_err *err)
{
    assert((base & 0xffff) == 0);
    for (uint32_t i = 0; c->bitset == NULL && i < c->count; i++)
        PFS_TRY(pfs_bitmap_add(into, base + c->value[i], err));
    for (uint32_t v = c->bitset == NULL ? 65536 : next_bit(c->bitset, 0, 0); v < 65536;) {
        uint32_t end = next_bit(c->bitset, v, UINT64_MAX);

        PFS_TRY(add_range(into, base, v, end, err));
        v = next_bit(c->bitset, end, 0);
    }
    return 0;
}

int pfs_container_make(const uint64_t *value, uint32_t count, struct pfs_arena *arena, struct pfs_container *out,
                       struct pfs_err *err)
{
    assert(count >= 1 && count <= 65536);
    assert(value[0] >> 16 == value[count - 1] >> 16); /* of one container */
    *out = (struct pfs_container){.count = count};
    if (count > PFS_ARRAY_MAX) {
        PFS_TRY(new_bitset(out, arena, err));
        for (uint32_t i = 0; i < count; i++)
            out->bitset[(value[i] & 0xffff) >> 6] |= (uint64_t)1 << (value[i] & 63);
        return 0;
    }
    PFS_TRY(new_values(out, count, arena, err));
    for (uint32_t i = 0; i < count; i++)
        out->value[i] = (uint16_t)value[i];
    return 0;
}
