/* blocks.c - where rows with which keys stand in a text.
 *
 *   text     header | rows of block 0 | rows of block 1 | ... | rows of the last block |
 *   block           off, key            off, key                                       off = size, no key
 *   split           from 0 ............................ to n
 *
 * A block's end is the next one's beginning, so there is one more behind the last, which holds the text's size. The
 * keys lie one behind the other in `bytes`; keys that are their prefix (one number) have no bytes.
 */
#include "src/lookup/blocks.h"

#include <assert.h>

#include "base/limits.h"
#include "base/mem.h"
#include "src/lookup/blocks_internal.h"
#include "src/scan/plan.h"

#define KEY_BYTES_MAX ((size_t)64 << 20)
#define ROOM_MIN 256

/* What else than rows that are appended may change a text: a fallback branch, files that are left out for their age,
 * rows that grow too old, level 0 that is not read until a compaction, buckets that are still to be given. */
bool pfs_blocks_fit(const struct pfs_state *state)
{
    const struct pfs_schema *schema = state->schema;

    return schema->primary_keys > 0 && state->fallback == NULL && !state->partial && schema->engine != PFS_FIRST_ROW &&
           !schema->deletion_vectors && schema->buckets != PFS_POSTPONE_BUCKET &&
           pfs_options_get(&schema->options, "record-level.expire-time") == NULL;
}

int pfs_blocks_widen(struct pfs_scan_want *want, struct pfs_arena *arena, const int32_t **key, struct pfs_err *err)
{
    const struct pfs_schema *schema = want->state->schema;
    int32_t columns = want->columns < 0 ? schema->columns : want->columns;
    int32_t *column = pfs_arena_array(arena, (size_t)columns + (size_t)schema->trimmed_keys, sizeof(*column));
    int32_t *place = pfs_arena_array(arena, (size_t)schema->trimmed_keys, sizeof(*place));

    if (column == NULL || place == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < columns; i++)
        column[i] = want->columns < 0 ? i : want->column[i];
    for (int32_t i = 0; i < schema->trimmed_keys; i++) {
        while (place[i] < columns && column[place[i]] != schema->trimmed_key[i])
            place[i]++;
        if (place[i] == columns)
            column[columns++] = schema->trimmed_key[i];
    }
    want->columns = columns;
    want->column = column;
    want->keyed = true;
    want->own = true; /* there is no fallback */
    *key = place;
    return 0;
}

static int list_splits(struct pfs_blocks *b, const struct pfs_scan_want *want, struct pfs_err *err)
{
    const struct pfs_plan *plan;
    struct pfs_scan *scan;

    PFS_TRY(pfs_scan_open(want, &scan, err));
    plan = pfs_scan_plan(scan);
    b->splits = plan->splits;
    b->split = pfs_arena_array(&b->arena, (size_t)plan->splits, sizeof(*b->split));
    for (int32_t i = 0; i < plan->splits && b->split != NULL; i++)
        b->split[i] = (struct pfs_block_split){.partition = plan->split[i].partition, .bucket = plan->split[i].bucket};
    pfs_scan_close(scan);
    return b->split == NULL ? pfs_arena_full(&b->arena, err) : 0;
}

int pfs_blocks_open(const struct pfs_scan_want *want, struct pfs_blocks **out, struct pfs_err *err)
{
    struct pfs_blocks *b = pfs_zalloc(sizeof(*b));
    int rc;

    if (b == NULL)
        return pfs_fail(err, ENOMEM, "no memory for blocks");
    b->state = pfs_state_ref(want->state);
    pfs_arena_init(&b->arena, PFS_ARENA_LIMIT);
    pfs_buf_init(&b->bytes, KEY_BYTES_MAX);
    rc = list_splits(b, want, err);
    if (rc < 0) {
        pfs_blocks_close(b);
        return rc;
    }
    *out = b;
    return 0;
}

void pfs_blocks_close(struct pfs_blocks *blocks)
{
    if (blocks == NULL)
        return;
    pfs_state_unref(blocks->state);
    pfs_arena_done(&blocks->arena);
    pfs_buf_done(&blocks->bytes);
    pfs_free(blocks->block);
    pfs_free(blocks);
}

/* One more block, and room behind it. */
static int add(struct pfs_blocks *b, int32_t split, uint64_t off, uint64_t prefix, struct pfs_slice key,
               struct pfs_err *err)
{
    struct pfs_block_split *s = &b->split[split];

    assert(split >= 0 && split < b->splits);
    assert(b->blocks == 0 || off >= b->block[b->blocks - 1].off); /* rows come in the order of the text */
    if (b->blocks + 1 >= b->room) {
        int64_t room = b->room == 0 ? ROOM_MIN : 2 * b->room;
        struct pfs_block *more = pfs_realloc(b->block, (size_t)room * sizeof(*more));

        if (more == NULL)
            return pfs_fail(err, ENOMEM, "no memory for %lld blocks", (long long)room);
        b->block = more;
        b->room = room;
    }
    if (s->to == 0)
        s->from = b->blocks;
    b->block[b->blocks++] = (struct pfs_block){off, prefix, (uint32_t)b->bytes.len};
    s->to = b->blocks;
    pfs_buf_put(&b->bytes, key.at, key.len);
    assert(s->to - s->from > 0 && s->to <= b->blocks); /* blocks of a split are side by side */
    b->block[b->blocks] = (struct pfs_block){off, 0, (uint32_t)b->bytes.len};
    return pfs_buf_check(&b->bytes, err);
}

int pfs_blocks_note(struct pfs_blocks *blocks, int32_t split, const struct pfs_batch *batch, const int32_t *key,
                    int64_t row, uint64_t off, struct pfs_err *err)
{
    int32_t count = blocks->state->schema->trimmed_keys;
    struct pfs_column *column;
    struct pfs_arena arena;
    struct pfs_keys keys;
    int32_t *place;
    int rc = 0;

    assert(row >= 0 && row < batch->rows);
    pfs_arena_init(&arena, 0);
    column = pfs_arena_array(&arena, (size_t)count, sizeof(*column));
    place = pfs_arena_array(&arena, (size_t)count, sizeof(*place));
    if (column == NULL || place == NULL)
        rc = pfs_arena_full(&arena, err);
    for (int32_t i = 0; i < count && rc == 0; i++) {
        place[i] = i;
        rc = pfs_column_slice(&batch->column[key[i]], row, 1, &arena, &column[i], err);
    }
    if (rc == 0)
        rc = pfs_keys_of(&(struct pfs_batch){1, count, column}, place, count, &arena, &keys, err);
    if (rc == 0) {
        blocks->exact = keys.exact;
        rc = add(blocks, split, off, keys.prefix[0],
                 keys.exact ? pfs_slice_of(NULL, 0)
                            : pfs_slice_of(keys.bytes + keys.offset[0], keys.offset[1] - keys.offset[0]),
                 err);
    }
    pfs_arena_done(&arena);
    return rc;
}

void pfs_blocks_end(struct pfs_blocks *blocks, uint64_t size)
{
    assert(blocks->blocks == 0 || size >= blocks->block[blocks->blocks - 1].off);
    blocks->size = size;
    if (blocks->blocks > 0)
        blocks->block[blocks->blocks].off = size;
}

struct pfs_keys pfs_blocks_key(const struct pfs_blocks *blocks, int64_t block, struct pfs_block_key *at)
{
    const struct pfs_block *b = &blocks->block[block];

    assert(block >= 0 && block < blocks->blocks);
    assert(b[1].key >= b->key);
    at->word = b->prefix;
    at->offset[0] = 0;
    at->offset[1] = b[1].key - b->key;
    if (blocks->exact)
        return (struct pfs_keys){.prefix = &at->word, .exact = true};
    return (struct pfs_keys){.prefix = &at->word, .offset = at->offset, .bytes = blocks->bytes.at + b->key};
}

int pfs_blocks_copy(struct pfs_blocks *blocks, int32_t split, const struct pfs_blocks *old, int64_t from, int64_t to,
                    uint64_t shift, struct pfs_err *err)
{
    assert(from >= 0 && from <= to && to <= old->blocks);
    blocks->exact = old->exact;
    for (int64_t i = from; i < to; i++) {
        const struct pfs_block *b = &old->block[i];
        struct pfs_slice key = {old->bytes.at + b->key, b[1].key - b->key};

        PFS_TRY(add(blocks, split, b->off + shift, b->prefix, key, err));
    }
    return 0;
}

int64_t pfs_blocks_find(const struct pfs_blocks *blocks, struct pfs_block_split split, const struct pfs_keys *keys,
                        int64_t row)
{
    int64_t low = split.from, high = split.to;

    assert(split.from < split.to); /* a split without blocks has none to be in */
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        struct pfs_block_key at;
        struct pfs_keys first = pfs_blocks_key(blocks, middle, &at);

        if (pfs_keys_compare(&first, 0, keys, row) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low > split.from ? low - 1 : split.from;
}
