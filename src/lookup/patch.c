/* patch.c - a text as stretches of the one before and rows that are merged anew.
 *
 * The keys that were appended since mark blocks of the old text. Split by split the stretches of unmarked blocks are
 * given as they are; the marked ones are ranges of keys, which one reader of the split gives in order. Where the
 * appended rows alone tell what changes there are no ranges, but single lines (edits.c).
 */
#include <assert.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "src/file/file.h"
#include "src/lookup/blocks_internal.h"
#include "src/scan/among.h"
#include "src/scan/plan.h"

#define FILE_SHARE 8  /* of the table's rows: more that are new are printed anew together with all others */
#define BLOCK_SHARE 2 /* of the blocks */
#define FILES_MAX 4096

struct pfs_patch {
    struct pfs_arena arena;
    struct pfs_arena batch_arena;
    struct pfs_arena history; /* entries of the appended files */
    struct pfs_patch_files files;
    int32_t room;
    struct pfs_edits *edits; /* NULL = by ranges of keys */
    const struct pfs_blocks *old;
    struct pfs_blocks *blocks;
    const int32_t *key;
    struct pfs_scan *scan;
    const struct pfs_plan *plan;
    bool *marked;  /* a place each old block */
    bool *fresh;   /* a place each split that had no block: it has rows now, perhaps */
    int64_t most;  /* appended rows that are worth it */
    int32_t found; /* old split that was found last */
    bool header;   /* what stands in front of the first block was given */
    int32_t split;
    int64_t at, to;            /* old blocks of the split that are still to come */
    bool open;                 /* the split was begun */
    bool tail;                 /* rows may come behind its last old block that is not marked: it has none */
    struct pfs_reader *reader; /* of its marked blocks; NULL = not opened, or at its end */
    struct pfs_among among;
    bool ended; /* the reader gave all */
    struct pfs_batch batch;
    struct pfs_keys keys;
    int64_t row; /* next one of the batch */
};

/* ---- which blocks are marked ---- */

/* Where the split was in the old text: its blocks, none when it was not there. Both lists are in the same order: it is
 * looked for behind the one that was found before. */
static struct pfs_block_split find_old(struct pfs_patch *p, int32_t split)
{
    const struct pfs_blocks *old = p->old;

    for (int32_t i = 0; i < old->splits; i++) {
        int32_t k = (p->found + i) % old->splits;

        if (pfs_block_split_is(&old->split[k], &p->plan->split[split])) {
            p->found = k;
            return old->split[k];
        }
    }
    return (struct pfs_block_split){0};
}

static int mark_rows(struct pfs_patch *p, int32_t split, struct pfs_reader *reader, struct pfs_err *err)
{
    const struct pfs_schema *schema = p->blocks->state->schema;
    struct pfs_block_split old = find_old(p, split);
    int32_t *place = pfs_arena_array(&p->arena, (size_t)schema->trimmed_keys, sizeof(*place));
    struct pfs_batch batch;
    int64_t rows;

    if (place == NULL)
        return pfs_arena_full(&p->arena, err);
    for (int32_t i = 0; i < schema->trimmed_keys; i++)
        place[i] = i;
    while ((rows = pfs_reader_next(reader, &p->batch_arena, &batch, err)) > 0) {
        struct pfs_keys keys;

        PFS_TRY(pfs_keys_of(&batch, place, schema->trimmed_keys, &p->batch_arena, &keys, err));
        for (int64_t i = 0; i < rows && old.from < old.to; i++)
            p->marked[pfs_blocks_find(p->old, old, &keys, i)] = true;
        if (old.from == old.to)
            p->fresh[split] = true;
        pfs_arena_reset(&p->batch_arena);
    }
    return (int)rows;
}

/* A file that was appended. 0: it cannot be read any more. */
static int mark_file(struct pfs_patch *p, const struct pfs_manifest_entry *entry, struct pfs_err *err)
{
    const struct pfs_state *state = p->blocks->state;
    struct pfs_data_read read = {.store = state->store,
                                 .table = state->store_table,
                                 .schema = state->schema,
                                 .schemas = state->schemas,
                                 .columns = state->schema->trimmed_keys,
                                 .column = state->schema->trimmed_key,
                                 .external = state->external};
    struct pfs_reader *reader;
    int32_t split = 0;
    int rc;

    while (split < p->plan->splits && !(p->plan->split[split].bucket == entry->bucket &&
                                        pfs_slice_eq(p->plan->split[split].partition, entry->partition)))
        split++;
    if (split == p->plan->splits)
        return 1; /* the rows are not in the text, whatever they are */
    if (pfs_data_open(&read, entry, &reader, NULL) < 0)
        return 0;
    rc = mark_rows(p, split, reader, NULL);
    pfs_reader_close(reader);
    pfs_arena_reset(&p->batch_arena);
    if (rc == -ENOMEM)
        return pfs_fail(err, ENOMEM, "no memory for the keys of %s", entry->file.name);
    return rc == 0;
}

static bool is_worth_it(const struct pfs_patch *p)
{
    int64_t marked = 0;

    assert(p->marked != NULL);
    for (int64_t i = 0; i < p->old->blocks; i++)
        marked += p->marked[i];
    return p->old->blocks > 0 && marked <= p->old->blocks / BLOCK_SHARE;
}

/* A file that was appended; 0: too much is new. */
static int add_file(void *context, const struct pfs_manifest_entry *entry, struct pfs_err *err)
{
    struct pfs_patch *p = context;
    struct pfs_patch_files *f = &p->files;

    f->rows += entry->file.rows;
    if (f->rows > p->most || f->count == FILES_MAX)
        return 0;
    if (f->count == p->room) {
        int32_t room = 2 * p->room + 16;
        const struct pfs_manifest_entry **more = pfs_arena_array(&p->arena, (size_t)room, sizeof(*more));

        if (more == NULL)
            return pfs_arena_full(&p->arena, err);
        if (f->count > 0)
            memcpy(more, f->entry, (size_t)f->count * sizeof(*more));
        f->entry = more;
        p->room = room;
    }
    f->entry[f->count++] = entry;
    return 1;
}

static int mark_all(struct pfs_patch *p, struct pfs_err *err)
{
    p->marked = pfs_arena_array(&p->arena, (size_t)p->old->blocks, sizeof(*p->marked));
    p->fresh = pfs_arena_array(&p->arena, (size_t)p->plan->splits, sizeof(*p->fresh));
    if (p->marked == NULL || p->fresh == NULL)
        return pfs_arena_full(&p->arena, err);
    for (int32_t i = 0; i < p->files.count; i++) {
        int rc = mark_file(p, p->files.entry[i], err);

        if (rc <= 0)
            return rc;
    }
    return is_worth_it(p);
}

static int fill(struct pfs_patch *p, const struct pfs_scan_want *want, const struct pfs_patch_text *text,
                struct pfs_err *err)
{
    int rc;

    for (int64_t i = 0; i < want->state->files; i++)
        p->most += want->state->file[i]->file.rows;
    assert(p->old->state != NULL);
    p->most = p->most / FILE_SHARE + 1;
    rc = pfs_history_appended(p->old->state, want->state, &p->history, add_file, p, err);
    if (rc <= 0)
        return rc;
    PFS_TRY(pfs_scan_open(want, &p->scan, err));
    p->plan = pfs_scan_plan(p->scan);
    if (text != NULL && pfs_edits_open(want, p->key, p->old, text, &p->files, p->blocks, &p->edits, NULL) > 0)
        return 1;
    return mark_all(p, err);
}

int pfs_patch_open(const struct pfs_scan_want *want, const int32_t *key, const struct pfs_blocks *old,
                   const struct pfs_patch_text *text, struct pfs_blocks *blocks, struct pfs_patch **out,
                   struct pfs_err *err)
{
    struct pfs_patch *p = pfs_zalloc(sizeof(*p));
    int rc;

    if (p == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a patch");
    pfs_arena_init(&p->arena, PFS_ARENA_LIMIT);
    pfs_arena_init(&p->batch_arena, PFS_BATCH_BYTES_MAX);
    pfs_arena_init(&p->history, PFS_MANIFEST_BYTES_MAX);
    p->old = old;
    p->blocks = blocks;
    p->key = key;
    pfs_state_hold(old->state, 0, true); /* appended files may have been compacted since */
    rc = fill(p, want, text, err);
    if (rc > 0) {
        *out = p;
        return 1;
    }
    pfs_patch_close(p);
    return rc;
}

void pfs_patch_close(struct pfs_patch *patch)
{
    if (patch == NULL)
        return;
    pfs_state_hold(patch->old->state, 0, false);
    pfs_edits_close(patch->edits);
    pfs_reader_close(patch->reader);
    pfs_scan_close(patch->scan);
    pfs_arena_done(&patch->history);
    pfs_arena_done(&patch->batch_arena);
    pfs_arena_done(&patch->arena);
    pfs_free(patch);
}

/* ---- the pieces ---- */

/* The marked blocks of a split as ranges of keys; those side by side are one. The first block begins with the smallest
 * key there is, the last one ends with the greatest. */
static int make_ranges(struct pfs_patch *p, struct pfs_err *err)
{
    int64_t count = p->to - p->at, n = 0;
    uint64_t *word[2] = {pfs_arena_array(&p->arena, (size_t)count + 1, sizeof(uint64_t)),
                         pfs_arena_array(&p->arena, (size_t)count + 1, sizeof(uint64_t))};
    uint32_t *offset[2] = {pfs_arena_array(&p->arena, (size_t)count + 2, sizeof(uint32_t)),
                           pfs_arena_array(&p->arena, (size_t)count + 2, sizeof(uint32_t))};
    struct pfs_buf bytes[2] = {{0}, {0}};
    struct pfs_keys *keys[2] = {&p->among.low, &p->among.high};

    p->among = (struct pfs_among){.apart = true, .from_start = p->at < p->to && p->marked[p->at]};
    if (word[0] == NULL || word[1] == NULL || offset[0] == NULL || offset[1] == NULL)
        return pfs_arena_full(&p->arena, err);
    for (int64_t i = p->at, end; i < p->to; i = end) {
        int64_t edge[2];

        for (end = i + 1; end < p->to && p->marked[end] == p->marked[i]; end++)
            ;
        if (!p->marked[i])
            continue;
        p->among.to_end = end == p->to;
        edge[0] = i;
        edge[1] = end == p->to ? i : end; /* not looked at */
        for (int k = 0; k < 2; k++) {
            struct pfs_block_key at;
            struct pfs_keys one = pfs_blocks_key(p->old, edge[k], &at);

            word[k][n] = one.prefix[0];
            if (!one.exact)
                pfs_buf_put(&bytes[k], one.bytes, one.offset[1]);
            offset[k][n + 1] = (uint32_t)bytes[k].len;
        }
        assert(n < count); /* ranges are of blocks */
        n++;
    }
    assert(n > 0); /* asked for only where some block is marked */
    p->among.count = n;
    for (int k = 0; k < 2; k++) {
        struct pfs_slice copy = {NULL, 0};
        bool there = pfs_buf_check(&bytes[k], NULL) == 0 && pfs_arena_copy(&p->arena, pfs_buf_slice(&bytes[k]), &copy);

        *keys[k] = (struct pfs_keys){.prefix = word[k], .exact = p->old->exact};
        if (!p->old->exact) {
            keys[k]->offset = offset[k];
            keys[k]->bytes = copy.at;
        }
        pfs_buf_done(&bytes[k]);
        if (!there)
            return pfs_arena_full(&p->arena, err);
    }
    return 0;
}

static int open_split(struct pfs_patch *p, struct pfs_err *err)
{
    struct pfs_block_split old = find_old(p, p->split);
    bool marked = false;

    if (p->edits != NULL) {
        p->open = true;
        return pfs_edits_begin(p->edits, p->split, &p->plan->split[p->split], old, err);
    }
    assert(p->reader == NULL);
    assert(old.from <= old.to && old.to <= p->old->blocks);
    p->at = old.from;
    p->to = old.to;
    p->open = true;
    p->tail = p->at == p->to;
    p->ended = true;
    p->row = p->batch.rows = 0;
    if (p->at == p->to && p->fresh[p->split]) {
        p->ended = false;
        return pfs_scan_split(p->scan, p->split, &p->reader, err);
    }
    for (int64_t i = p->at; i < p->to && !marked; i++)
        marked = p->marked[i];
    if (!marked)
        return 0;
    PFS_TRY(make_ranges(p, err));
    p->ended = false;
    return pfs_scan_split_among(p->scan, p->split, &p->among, &p->reader, err);
}

/* Sees to it that there is a next row, or that the reader has ended. */
static int fill_batch(struct pfs_patch *p, struct pfs_err *err)
{
    int64_t rows;

    if (p->ended || p->row < p->batch.rows)
        return 0;
    assert(p->reader != NULL);
    pfs_arena_reset(&p->batch_arena);
    p->row = p->batch.rows = 0;
    rows = pfs_reader_next(p->reader, &p->batch_arena, &p->batch, err);
    if (rows < 0)
        return (int)rows;
    if (rows == 0) {
        pfs_reader_close(p->reader);
        p->reader = NULL;
        p->batch.rows = 0;
        p->ended = true;
        return 0;
    }
    return pfs_keys_of(&p->batch, p->key, p->blocks->state->schema->trimmed_keys, &p->batch_arena, &p->keys, err);
}

/* The rows at hand that stand before an old block: all of them when there is none. */
static int64_t rows_before(const struct pfs_patch *p, int64_t block)
{
    int64_t low = p->row, high = p->batch.rows;
    struct pfs_block_key at;
    struct pfs_keys first;

    if (block == p->to)
        return high - low;
    first = pfs_blocks_key(p->old, block, &at);
    while (low < high) {
        int64_t middle = low + (high - low) / 2;

        if (pfs_keys_compare(&p->keys, middle, &first, 0) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low - p->row;
}

int pfs_patch_give(const struct pfs_batch *batch, int64_t row, int64_t rows, int32_t split, struct pfs_arena *arena,
                   struct pfs_patch_piece *out, struct pfs_err *err)
{
    struct pfs_column *column = pfs_arena_array(arena, (size_t)batch->columns, sizeof(*column));

    assert(rows > 0 && row >= 0 && rows <= batch->rows - row);
    if (column == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < batch->columns; i++)
        PFS_TRY(pfs_column_slice(&batch->column[i], row, rows, arena, &column[i], err));
    *out = (struct pfs_patch_piece){.batch = {rows, batch->columns, column}, .split = split};
    return 1;
}

/* Blocks from p->at on that are not marked, or those that are: how far. */
static int64_t run_end(const struct pfs_patch *p)
{
    int64_t end = p->at;

    while (end < p->to && p->marked[end] == p->marked[p->at])
        end++;
    return end;
}

/* The next piece of the split that is open; 0: there is none. */
static int next_of_split(struct pfs_patch *p, uint64_t to, struct pfs_arena *arena, struct pfs_patch_piece *out,
                         struct pfs_err *err)
{
    while (p->at < p->to || !p->ended) {
        int64_t end = run_end(p), rows;

        if (p->at < p->to && !p->marked[p->at]) {
            uint64_t from = p->old->block[p->at].off;

            PFS_TRY(pfs_blocks_copy(p->blocks, p->split, p->old, p->at, end, to - from, err));
            *out = (struct pfs_patch_piece){.off = from, .len = p->old->block[end].off - from};
            p->at = end;
            if (out->len > 0)
                return 1;
            continue;
        }
        PFS_TRY(fill_batch(p, err));
        rows = p->ended ? 0 : rows_before(p, end);
        if (rows > 0 && p->at == p->to && !p->tail)
            return pfs_fail(err, EIO, "rows lie outside of the ranges of keys that were asked for");
        if (rows > 0) {
            PFS_TRY(pfs_patch_give(&p->batch, p->row, rows, p->split, arena, out, err));
            p->row += rows;
            return 1;
        }
        p->at = end;
    }
    return 0;
}

int pfs_patch_next(struct pfs_patch *patch, uint64_t to, struct pfs_arena *arena, struct pfs_patch_piece *out,
                   struct pfs_err *err)
{
    assert(patch->old->blocks > 0); /* what has none was not taken */
    if (!patch->header) {
        patch->header = true;
        *out = (struct pfs_patch_piece){.len = patch->old->block[0].off};
        if (out->len > 0)
            return 1;
    }
    for (; patch->split < patch->plan->splits; patch->split++) {
        int rc;

        if (!patch->open)
            PFS_TRY(open_split(patch, err));
        rc = patch->edits != NULL ? pfs_edits_next(patch->edits, to, arena, out, err)
                                  : next_of_split(patch, to, arena, out, err);
        if (rc != 0)
            return rc;
        patch->open = false;
    }
    return 0;
}
