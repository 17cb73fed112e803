/* rbm32.c - the portable form of 32-bit Roaring bitmaps:
 *
 *   cookie 12346, count          or   cookie 12347 | (count - 1) << 16, a bit a container: it is runs
 *   (key, values - 1) a container, 16 bits each
 *   offsets of the containers, 32 bits each; left out where there are runs and fewer than 4 containers
 *   the containers
 *
 * Why not CRoaring, which format/bitmap uses: its unions choose other forms than Java's, and the bytes must be Java's.
 */
#include <assert.h>
#include <errno.h>

#include "format/sketch/container.h"
#include "format/sketch/sketch.h"

#define COOKIE_PLAIN 12346u
#define COOKIE_RUNS 12347u
#define OFFSETS_FROM 4u

struct bitmap {
    uint32_t count;
    uint16_t *key;
    struct pfs_container *container;
};

static int new_bitmap(struct bitmap *b, uint32_t count, struct pfs_arena *arena, struct pfs_err *err)
{
    b->key = pfs_arena_array(arena, count, sizeof(*b->key));
    b->container = pfs_arena_array(arena, count, sizeof(*b->container));
    return b->key == NULL || b->container == NULL ? pfs_arena_full(arena, err) : 0;
}

static int take_head(struct pfs_cursor *c, uint32_t *count, struct pfs_slice *runs, struct pfs_err *err)
{
    uint32_t cookie = pfs_take_le32(c);

    *runs = (struct pfs_slice){0};
    if ((cookie & 0xffff) == COOKIE_RUNS) {
        *count = (cookie >> 16) + 1;
        pfs_take(c, (*count + 7) / 8, runs);
    } else {
        *count = pfs_take_le32(c);
        if (cookie != COOKIE_PLAIN)
            return pfs_fail(err, EIO, "not a Roaring bitmap: it begins with %u", cookie);
    }
    if (c->bad || *count > 65536 || (size_t)*count * 4 > pfs_left(c))
        return pfs_fail(err, EIO, "a Roaring bitmap of %zu bytes ends too early", c->in.len);
    return 0;
}

/* Bytes behind the bitmap are not looked at, nor its offsets: containers follow each other, and Java reads no further
 * either. */
static int take(struct pfs_slice in, struct pfs_arena *arena, struct bitmap *out, struct pfs_err *err)
{
    struct pfs_cursor c = pfs_cursor_of(in);
    struct pfs_slice runs, heads;

    PFS_TRY(take_head(&c, &out->count, &runs, err));
    PFS_TRY(new_bitmap(out, out->count, arena, err));
    pfs_take(&c, (size_t)out->count * 4, &heads);
    if (runs.at == NULL || out->count >= OFFSETS_FROM)
        pfs_skip(&c, (size_t)out->count * 4);
    for (uint32_t i = 0; i < out->count; i++) {
        uint32_t count = (uint32_t)pfs_le16(heads.at + 4 * i + 2) + 1;
        bool is_run = runs.at != NULL && (runs.at[i / 8] >> i % 8 & 1);

        out->key[i] = pfs_le16(heads.at + 4 * i);
        if (i > 0 && out->key[i] <= out->key[i - 1])
            return pfs_fail(err, EIO, "the containers of a Roaring bitmap do not ascend");
        PFS_TRY(pfs_container_take(&c,
                                   is_run                  ? PFS_FORM_RUNS
                                   : count > PFS_ARRAY_MAX ? PFS_FORM_BITSET
                                                           : PFS_FORM_ARRAY,
                                   count, arena, &out->container[i], err));
    }
    return 0;
}

/* By ascending keys; a container that only one side has is lent, not copied: the scratch arena holds it. */
static int unite(const struct bitmap *a, const struct bitmap *b, struct pfs_arena *arena, struct bitmap *out,
                 struct pfs_err *err)
{
    uint32_t i = 0, k = 0, n = 0;

    assert(a->count <= 65536 && b->count <= 65536);
    PFS_TRY(new_bitmap(out, a->count + b->count, arena, err));
    while (i < a->count || k < b->count) {
        bool from_a = k == b->count || (i < a->count && a->key[i] <= b->key[k]);
        bool from_b = i == a->count || (k < b->count && b->key[k] <= a->key[i]);

        assert(from_a || from_b);
        out->key[n] = from_a ? a->key[i] : b->key[k];
        if (from_a && from_b)
            PFS_TRY(pfs_container_union(&a->container[i], &b->container[k], arena, &out->container[n], err));
        else
            out->container[n] = from_a ? a->container[i] : b->container[k];
        i += from_a;
        k += from_b;
        n++;
    }
    out->count = n;
    return 0;
}

static void put_16(struct pfs_buf *out, uint32_t v)
{
    pfs_buf_putc(out, (uint8_t)v);
    pfs_buf_putc(out, (uint8_t)(v >> 8));
}

/* All containers decide on their form first: whether any has runs is told in the first bytes. */
static bool put_head(struct bitmap *b, struct pfs_buf *out)
{
    bool any = false;

    for (uint32_t i = 0; i < b->count; i++) {
        pfs_container_optimize(&b->container[i]);
        any |= b->container[i].runs;
    }
    pfs_buf_le32(out, any ? COOKIE_RUNS | (b->count - 1) << 16 : COOKIE_PLAIN);
    if (!any)
        pfs_buf_le32(out, b->count);
    for (uint32_t i = 0; any && i < b->count; i += 8) {
        unsigned bits = 0;

        for (uint32_t k = i; k < b->count && k < i + 8; k++)
            bits |= (unsigned)b->container[k].runs << (k - i);
        pfs_buf_putc(out, (uint8_t)bits);
    }
    return any;
}

static void put(struct bitmap *b, struct pfs_buf *out)
{
    size_t from = out->len, offsets = 0;
    bool any = put_head(b, out);

    assert(b->count > 0 || !any);
    for (uint32_t i = 0; i < b->count; i++) {
        put_16(out, b->key[i]);
        put_16(out, b->container[i].count - 1);
    }
    if (!any || b->count >= OFFSETS_FROM) {
        offsets = out->len;
        for (uint32_t i = 0; i < b->count; i++)
            pfs_buf_le32(out, 0);
    }
    for (uint32_t i = 0; i < b->count && !out->failed; i++) {
        if (offsets > 0)
            pfs_put_le32(out->at + offsets + 4 * i, (uint32_t)(out->len - from));
        pfs_container_put(&b->container[i], out);
    }
}

int pfs_rbm32_union(struct pfs_slice acc, struct pfs_slice in, struct pfs_arena *scratch, struct pfs_buf *out,
                    struct pfs_err *err)
{
    struct bitmap a, b, both;

    PFS_TRY(take(acc, scratch, &a, err));
    PFS_TRY(take(in, scratch, &b, err));
    PFS_TRY(unite(&a, &b, scratch, &both, err));
    put(&both, out);
    return pfs_buf_check(out, err);
}
