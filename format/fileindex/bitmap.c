/* bitmap.c - the bitmap index: for each distinct value the rows that have it (all integers big-endian).
 *
 *   version 1: 1 | rows | values | has nulls [offset of nulls] | (value, offset) each | body
 *   version 2: 2 | rows | values | has nulls [offset, length of nulls] | blocks | (first value, offset) a block |
 *              bytes of blocks | blocks: count, (value, offset, length) each, ascending | body
 *
 * An offset below zero is one row: -1 - offset; else the bitmap lies there in the body.
 *
 * Asked for equality, version 2 looks into one block: the first values tell which. Rows that must not match are found
 * the other way round: those that do, and the nulls, taken from all.
 */
#include <assert.h>

#include "format/fileindex/index.h"

struct head {
    int version;
    uint32_t values, blocks;
    bool has_nulls;
    int32_t nulls_off;
    struct pfs_cursor entries; /* version 1: all of them; version 2: the blocks' first values */
    struct pfs_slice blocks_at, body;
};

static int rows_at(const struct head *h, int32_t off, struct pfs_bitmap *to, struct pfs_err *err)
{
    PFS_AUTO(bitmap) some = NULL;
    size_t used;

    assert(to != NULL);
    if (off < 0)
        return pfs_bitmap_add(to, (uint64_t)(-1 - (int64_t)off), err);
    if ((size_t)off > h->body.len)
        return pfs_index_damaged(err, "rows of a bitmap lie outside it");
    PFS_TRY(pfs_bitmap_parse32(pfs_slice_of(h->body.at + off, h->body.len - (size_t)off), &used, &some, err));
    return pfs_bitmap_or(to, some, err);
}

static bool matches(const struct pfs_probe *probe, const struct pfs_key *key)
{
    int order = pfs_key_compare(key, &probe->key, probe->form);

    assert(probe->how != PFS_IS_NULL && probe->how != PFS_IS_NOT_NULL);
    switch (probe->how) {
    case PFS_EQ:
    case PFS_NE: /* those that are equal: they are taken from all later */
        return order == 0;
    case PFS_LT:
        return order < 0;
    case PFS_LE:
        return order <= 0;
    case PFS_GT:
        return order > 0;
    case PFS_GE:
        return order >= 0;
    case PFS_IS_NULL:
    case PFS_IS_NOT_NULL:
        break;
    }
    return false;
}

/* Entries at the cursor: rows of those that match. Their order does not matter here: Java writes those of version 1 in
 * that of a hash table. */
static int walk(const struct pfs_probe *probe, const struct head *h, struct pfs_cursor *c, uint32_t count,
                struct pfs_bitmap *to, struct pfs_err *err)
{
    for (uint32_t i = 0; i < count && !c->bad; i++) {
        struct pfs_key key = pfs_key_take(c, probe->form);
        int32_t off = (int32_t)pfs_take_be32(c);

        if (h->version == 2)
            (void)pfs_take_be32(c);
        if (!c->bad && matches(probe, &key))
            PFS_TRY(rows_at(h, off, to, err));
    }
    return c->bad ? pfs_index_damaged(err, "entries of a bitmap are cut off") : 0;
}

static int walk_block(const struct pfs_probe *probe, const struct head *h, uint32_t off, struct pfs_bitmap *to,
                      struct pfs_err *err)
{
    struct pfs_cursor c = pfs_cursor_of(h->blocks_at);

    (void)pfs_skip(&c, off);
    return walk(probe, h, &c, pfs_take_be32(&c), to, err);
}

/* Could a block hold matches whose first value is `first`, and the next block's `next` (NULL: it is the last)? */
static bool block_may_match(const struct pfs_probe *probe, const struct pfs_key *first, const struct pfs_key *next)
{
    int low = pfs_key_compare(first, &probe->key, probe->form);
    int high = next == NULL ? 1 : pfs_key_compare(next, &probe->key, probe->form);

    assert(probe->how != PFS_IS_NULL && probe->how != PFS_IS_NOT_NULL);
    switch (probe->how) {
    case PFS_EQ:
    case PFS_NE:
        return low <= 0 && high > 0;
    case PFS_LT:
        return low < 0;
    case PFS_LE:
        return low <= 0;
    case PFS_GT:
    case PFS_GE:
        return high > 0;
    case PFS_IS_NULL:
    case PFS_IS_NOT_NULL:
        break;
    }
    return false;
}

/* A block is judged when the first value of the next one is known. */
static int walk_blocks(const struct pfs_probe *probe, const struct head *h, struct pfs_bitmap *to, struct pfs_err *err)
{
    struct pfs_cursor c = h->entries;
    struct pfs_key key = {0}, next;
    uint32_t off = 0, next_off;

    for (uint32_t i = 0; i < h->blocks; i++) {
        next = pfs_key_take(&c, probe->form);
        next_off = pfs_take_be32(&c);
        if (c.bad)
            return pfs_index_damaged(err, "blocks of a bitmap are cut off");
        if (i > 0 && block_may_match(probe, &key, &next))
            PFS_TRY(walk_block(probe, h, off, to, err));
        key = next;
        off = next_off;
    }
    if (h->blocks > 0 && block_may_match(probe, &key, NULL))
        PFS_TRY(walk_block(probe, h, off, to, err));
    return 0;
}

static int read_head(const struct pfs_probe *probe, struct head *h, struct pfs_err *err)
{
    struct pfs_cursor c = pfs_cursor_of(probe->index);
    uint32_t rows;

    h->version = pfs_take_u8(&c);
    if (h->version != 1 && h->version != 2)
        return 0;
    rows = pfs_take_be32(&c);
    h->values = pfs_take_be32(&c);
    h->has_nulls = pfs_take_u8(&c) != 0;
    if (h->has_nulls)
        h->nulls_off = (int32_t)pfs_take_be32(&c);
    if (h->has_nulls && h->version == 2)
        (void)pfs_take_be32(&c);
    if (h->version == 2)
        h->blocks = pfs_take_be32(&c);
    h->entries = c;
    /* Keys of texts have any length: only walking over them tells where the body begins. */
    for (uint32_t i = 0; i < (h->version == 2 ? h->blocks : h->values) && !c.bad; i++) {
        (void)pfs_key_take(&c, probe->form);
        (void)pfs_take_be32(&c);
    }
    if (h->version == 2)
        (void)pfs_take(&c, pfs_take_be32(&c), &h->blocks_at);
    (void)pfs_take(&c, pfs_left(&c), &h->body);
    if (c.bad || (int64_t)rows != probe->rows)
        return pfs_index_damaged(err, c.bad ? "a bitmap is cut off" : "a bitmap is of another number of rows");
    return 0;
}

int pfs_bitmap_index_ask(const struct pfs_probe *probe, struct pfs_index_rows *out, struct pfs_err *err)
{
    PFS_AUTO(bitmap) some = NULL;
    bool others = probe->how == PFS_NE || probe->how == PFS_IS_NOT_NULL; /* all but those, and but the nulls */
    struct head h = {0};

    assert(probe->rows >= 0);
    PFS_TRY(read_head(probe, &h, err));
    out->answer = PFS_INDEX_ALL;
    if (h.version != 1 && h.version != 2)
        return 0;
    PFS_TRY(pfs_bitmap_new(&some, err));
    if (probe->how != PFS_IS_NULL && probe->how != PFS_IS_NOT_NULL)
        PFS_TRY(h.version == 2 ? walk_blocks(probe, &h, some, err) : walk(probe, &h, &h.entries, h.values, some, err));
    if (h.has_nulls && (others || probe->how == PFS_IS_NULL))
        PFS_TRY(rows_at(&h, h.nulls_off, some, err));
    if (others)
        PFS_TRY(pfs_bitmap_flip(some, (uint64_t)probe->rows, err));
    *out = (struct pfs_index_rows){PFS_INDEX_SOME, some};
    some = NULL;
    return 0;
}
