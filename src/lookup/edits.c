/* edits.c - a text as the old one with single lines changed.
 *
 * Where the newest record of a key is its row, whatever was there before, rows come from the files that were appended
 * alone, and all other lines from the old text. Their keys are looked for in it before anything is given: what stands
 * in the way of that is no error, the text is made otherwise then.
 */
#include <assert.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "src/lookup/blocks_internal.h"
#include "src/scan/plan.h"

#define ROWS_MAX 1024                     /* appended: each costs a look into the old text */
#define BLOCK_BYTES ((uint64_t)128 << 10) /* of a block that rows are put into: the next one begins another */

/* A changed key in the old text. */
struct edit {
    uint64_t off, len; /* its line, or where one belongs (len 0) */
    int64_t block;     /* one less than the split's first: in front of all of them */
};

struct place {
    struct pfs_slice partition; /* a file's */
    int32_t bucket;
    int64_t from, to; /* edits */
};

struct pfs_edits {
    struct pfs_arena arena;
    const struct pfs_blocks *old;
    struct pfs_blocks *blocks;
    const int32_t *key; /* in the rows */
    int32_t keys;
    struct pfs_state *state; /* of the appended files alone */
    struct pfs_scan *scan;   /* of them */
    const struct pfs_plan *plan;
    struct edit *edit;
    int64_t edits, room;
    struct pfs_buf prefix, offset, bytes; /* of the edits' keys */
    struct pfs_keys changed;
    struct place *place;
    int32_t places;
    struct pfs_arena batch_arena;
    /* the split that is open: */
    int32_t split;
    uint64_t cursor, end;      /* what is left of its old text */
    int64_t at, from, to;      /* next old block, all of them */
    int64_t next, last;        /* edits */
    struct pfs_reader *reader; /* NULL = not there, or at its end */
    struct pfs_batch batch;
    struct pfs_keys key_of;
    int64_t row;
};

/* ---- may it be? ---- */

static bool newest_wins(const struct pfs_schema *schema)
{
    static const char *const options[] = {"sequence.field", "ignore-delete", "deduplicate.ignore-delete",
                                          "first-row.ignore-delete", "partial-update.ignore-delete"};

    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        if (pfs_options_get(&schema->options, options[i]) != NULL)
            return false;
    return schema->engine == PFS_DEDUPLICATE;
}

/* Is each record of the file newer than all of these that are of its bucket? Writers beside each other may see to the
 * opposite. */
static bool is_newer(const struct pfs_manifest_entry *entry, const struct pfs_manifest_entry *const *than,
                     int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (than[i]->bucket == entry->bucket && than[i]->file.max_sequence >= entry->file.min_sequence &&
            pfs_slice_eq(than[i]->partition, entry->partition))
            return false;
    return true;
}

/* A text without a block (of no rows) has nothing to keep, and no place that anything could be put at. */
static bool fits(const struct pfs_blocks *old, const struct pfs_patch_files *files)
{
    bool fits =
        newest_wins(old->state->schema) && old->blocks > 0 && files->rows <= ROWS_MAX && files->rows <= old->blocks;

    for (int64_t i = 0; i < files->count && fits; i++)
        fits = is_newer(files->entry[i], old->state->file, old->state->files) &&
               is_newer(files->entry[i], files->entry, i);
    return fits;
}

/* ---- which lines ---- */

static struct pfs_block_split find_old(const struct pfs_edits *e, const struct pfs_split *split)
{
    for (int32_t i = 0; i < e->old->splits; i++)
        if (pfs_block_split_is(&e->old->split[i], split))
            return e->old->split[i];
    return (struct pfs_block_split){0};
}

static int add_edit(struct pfs_edits *e, const struct edit *edit, const struct pfs_keys *keys, int64_t row,
                    struct pfs_err *err)
{
    assert(keys->exact == e->old->exact); /* both are the table's key */
    if (e->edits == e->room) {
        int64_t room = e->room == 0 ? 16 : 2 * e->room;
        struct edit *more = pfs_realloc(e->edit, (size_t)room * sizeof(*more));

        if (more == NULL)
            return pfs_fail(err, ENOMEM, "no memory for %lld changed keys", (long long)room);
        e->edit = more;
        e->room = room;
    }
    e->edit[e->edits++] = *edit;
    pfs_buf_put(&e->prefix, &keys->prefix[row], sizeof(keys->prefix[row]));
    if (!keys->exact) {
        uint32_t at = (uint32_t)e->bytes.len;

        pfs_buf_put(&e->offset, &at, sizeof(at));
        pfs_buf_put(&e->bytes, keys->bytes + keys->offset[row], keys->offset[row + 1] - keys->offset[row]);
    }
    return 0;
}

/* 1; 0: the text does not tell. */
static int find_lines(struct pfs_edits *e, struct pfs_lines *lines, struct pfs_block_split old,
                      const struct pfs_keys *keys, int64_t rows, int64_t *loaded, uint64_t *end, struct pfs_err *err)
{
    assert(old.from < old.to);
    for (int64_t i = 0; i < rows; i++) {
        struct pfs_block_key at;
        struct pfs_keys first = pfs_blocks_key(e->old, old.from, &at);
        struct edit edit = {.block = pfs_blocks_find(e->old, old, keys, i)};
        uint64_t off = e->old->block[edit.block].off;

        if (pfs_keys_compare(keys, i, &first, 0) < 0) {
            edit = (struct edit){off, 0, old.from - 1};
        } else {
            if (edit.block != *loaded && !pfs_lines_load(lines, off, e->old->block[edit.block + 1].off - off))
                return 0;
            *loaded = edit.block;
            if (!pfs_lines_find(lines, keys, i, &edit.off, &edit.len))
                return 0;
            edit.off += off;
        }
        if (edit.off < *end)
            return 0; /* the lines do not ascend */
        *end = edit.off + edit.len;
        PFS_TRY(add_edit(e, &edit, keys, i, err));
    }
    return 1;
}

/* The keys of a split's appended files; those of a split without blocks are not looked for. */
static int find_split(struct pfs_edits *e, struct pfs_lines *lines, struct pfs_scan *scan, int32_t split,
                      struct pfs_err *err)
{
    const struct pfs_split *s = &pfs_scan_plan(scan)->split[split];
    struct pfs_block_split old = find_old(e, s);
    struct place *place = &e->place[e->places++];
    struct pfs_reader *reader;
    struct pfs_batch batch;
    int64_t rows = 0, loaded = -1;
    uint64_t end = 0;
    int rc = old.from < old.to;

    *place = (struct place){s->partition, s->bucket, e->edits, e->edits};
    if (rc == 0)
        return 1;
    PFS_TRY(pfs_scan_split(scan, split, &reader, err));
    while (rc > 0 && (rows = pfs_reader_next(reader, &e->batch_arena, &batch, err)) > 0) {
        struct pfs_keys keys;
        int32_t *at = pfs_arena_array(&e->batch_arena, (size_t)e->keys, sizeof(*at));

        for (int32_t i = 0; at != NULL && i < e->keys; i++)
            at[i] = i;
        rc = at == NULL ? pfs_arena_full(&e->batch_arena, err)
                        : pfs_keys_of(&batch, at, e->keys, &e->batch_arena, &keys, err);
        if (rc == 0)
            rc = find_lines(e, lines, old, &keys, batch.rows, &loaded, &end, err);
        pfs_arena_reset(&e->batch_arena);
    }
    pfs_reader_close(reader);
    place->to = e->edits;
    return rows < 0 ? (int)rows : rc;
}

/* All keys that were appended, those of deletes and of rows that are not wanted too. */
static int find_all(struct pfs_edits *e, const struct pfs_scan_want *want, const struct pfs_patch_text *text,
                    struct pfs_err *err)
{
    struct pfs_scan_want keys = *want;
    struct pfs_lines lines;
    struct pfs_scan *scan;
    int rc = 1;

    keys.state = e->state;
    keys.columns = e->keys;
    keys.column = e->state->schema->trimmed_key;
    keys.condition = NULL;
    keys.kinds = keys.deletes = true;
    PFS_TRY(pfs_scan_open(&keys, &scan, err));
    e->place = pfs_arena_array(&e->arena, (size_t)pfs_scan_splits(scan), sizeof(*e->place));
    if (e->place == NULL)
        rc = pfs_arena_full(&e->arena, err);
    else if (!pfs_lines_open(&lines, text, e->key, e->keys))
        rc = 0;
    for (int32_t i = 0; i < pfs_scan_splits(scan) && rc > 0; i++)
        rc = find_split(e, &lines, scan, i, err);
    if (e->place != NULL)
        pfs_lines_close(&lines);
    pfs_scan_close(scan);
    return rc;
}

static int end_keys(struct pfs_edits *e, struct pfs_err *err)
{
    uint32_t end = (uint32_t)e->bytes.len;

    pfs_buf_put(&e->offset, &end, sizeof(end));
    PFS_TRY(pfs_buf_check(&e->prefix, err));
    PFS_TRY(pfs_buf_check(&e->offset, err));
    PFS_TRY(pfs_buf_check(&e->bytes, err));
    e->changed = (struct pfs_keys){.prefix = (const uint64_t *)(const void *)e->prefix.at, .exact = e->old->exact};
    if (!e->old->exact) {
        e->changed.offset = (const uint32_t *)(const void *)e->offset.at;
        e->changed.bytes = e->bytes.at;
    }
    return 1;
}

/* Two scans of the appended files alone: one of their keys, deletes too, for where lines go; one of their rows as they
 * are wanted, for what is put there. */
static int fill(struct pfs_edits *e, const struct pfs_scan_want *want, const struct pfs_patch_text *text,
                const struct pfs_patch_files *files, struct pfs_err *err)
{
    struct pfs_scan_want rows = *want;
    int rc;

    PFS_TRY(pfs_state_with(want->state, want->state->schema, &e->state, err));
    e->state->file = files->entry;
    e->state->files = files->count;
    rc = find_all(e, want, text, err);
    if (rc <= 0)
        return rc;
    rows.state = e->state;
    PFS_TRY(pfs_scan_open(&rows, &e->scan, err));
    e->plan = pfs_scan_plan(e->scan);
    return end_keys(e, err);
}

int pfs_edits_open(const struct pfs_scan_want *want, const int32_t *key, const struct pfs_blocks *old,
                   const struct pfs_patch_text *text, const struct pfs_patch_files *files, struct pfs_blocks *blocks,
                   struct pfs_edits **out, struct pfs_err *err)
{
    struct pfs_edits *e;
    int rc;

    if (!fits(old, files))
        return 0;
    e = pfs_zalloc(sizeof(*e));
    if (e == NULL)
        return pfs_fail(err, ENOMEM, "no memory for changed lines");
    pfs_arena_init(&e->arena, 0);
    pfs_arena_init(&e->batch_arena, PFS_BATCH_BYTES_MAX);
    e->old = old;
    e->blocks = blocks;
    e->key = key;
    e->keys = want->state->schema->trimmed_keys;
    assert(text != NULL);
    rc = fill(e, want, text, files, err);
    if (rc <= 0) {
        pfs_edits_close(e);
        return rc;
    }
    *out = e;
    return 1;
}

void pfs_edits_close(struct pfs_edits *edits)
{
    if (edits == NULL)
        return;
    pfs_reader_close(edits->reader);
    pfs_scan_close(edits->scan);
    pfs_state_unref(edits->state);
    pfs_buf_done(&edits->prefix);
    pfs_buf_done(&edits->offset);
    pfs_buf_done(&edits->bytes);
    pfs_free(edits->edit);
    pfs_arena_done(&edits->batch_arena);
    pfs_arena_done(&edits->arena);
    pfs_free(edits);
}

/* ---- the pieces ---- */

int pfs_edits_begin(struct pfs_edits *e, int32_t split, const struct pfs_split *place, struct pfs_block_split old,
                    struct pfs_err *err)
{
    assert(e->reader == NULL); /* the split before was given to its end */
    assert(old.from <= old.to && old.to <= e->old->blocks);
    e->split = split;
    e->at = e->from = old.from;
    e->to = old.to;
    e->cursor = e->old->block[old.from].off;
    e->end = e->old->block[old.to].off;
    e->next = e->last = 0;
    e->row = e->batch.rows = 0;
    for (int32_t i = 0; i < e->places; i++)
        if (e->place[i].bucket == place->bucket && pfs_slice_eq(e->place[i].partition, place->partition)) {
            e->next = e->place[i].from;
            e->last = e->place[i].to;
        }
    for (int32_t i = 0; i < e->plan->splits; i++)
        if (e->plan->split[i].bucket == place->bucket && pfs_slice_eq(e->plan->split[i].partition, place->partition))
            return pfs_scan_split(e->scan, i, &e->reader, err);
    return 0;
}

/* Sees to it that there is a next row, or that the reader is at its end. */
static int fill_batch(struct pfs_edits *e, struct pfs_err *err)
{
    int64_t rows;

    if (e->reader == NULL || e->row < e->batch.rows)
        return 0;
    pfs_arena_reset(&e->batch_arena);
    e->row = e->batch.rows = 0;
    rows = pfs_reader_next(e->reader, &e->batch_arena, &e->batch, err);
    if (rows < 0)
        return (int)rows;
    if (rows > 0)
        return pfs_keys_of(&e->batch, e->key, e->keys, &e->batch_arena, &e->key_of, err);
    pfs_reader_close(e->reader);
    e->reader = NULL;
    e->batch.rows = 0;
    return 0;
}

/* Old blocks before `block` that begin by `off` begin `to` in the new text, or as far behind it as behind the cursor.
 */
static int pass_blocks(struct pfs_edits *e, int64_t block, uint64_t to, struct pfs_err *err)
{
    int64_t from = e->at;

    assert(block <= e->to);
    e->at = block > from ? block : from;
    return pfs_blocks_copy(e->blocks, e->split, e->old, from, e->at, to - e->cursor, err);
}

/* What is left of the old text before `off`. */
static int give_old(struct pfs_edits *e, uint64_t off, uint64_t to, struct pfs_patch_piece *out, struct pfs_err *err)
{
    int64_t block = e->at;

    assert(off > e->cursor && off <= e->end);
    while (block < e->to && e->old->block[block].off < off)
        block++;
    PFS_TRY(pass_blocks(e, block, to, err));
    *out = (struct pfs_patch_piece){.off = e->cursor, .len = off - e->cursor};
    e->cursor = off;
    return 1;
}

/* The rows of the next edits, as far as they follow each other in one block; the old lines are passed. 0: they have
 * none. */
static int give_edits(struct pfs_edits *e, uint64_t to, struct pfs_arena *arena, struct pfs_patch_piece *out,
                      struct pfs_err *err)
{
    int64_t block = e->edit[e->next].block, rows = 0;
    const struct pfs_blocks *blocks = e->blocks;
    bool inside;

    assert(e->next < e->last);
    PFS_TRY(pass_blocks(e, block + 1, to, err));
    PFS_TRY(fill_batch(e, err));
    for (; e->next < e->last && e->edit[e->next].block == block && e->edit[e->next].off == e->cursor; e->next++) {
        if (e->reader != NULL && e->row + rows == e->batch.rows)
            break;
        rows += e->reader != NULL && pfs_keys_compare(&e->key_of, e->row + rows, &e->changed, e->next) == 0;
        e->cursor += e->edit[e->next].len;
    }
    if (rows == 0)
        return 0;
    assert(e->row + rows <= e->batch.rows);
    inside = block >= e->from && to - blocks->block[blocks->blocks - 1].off < BLOCK_BYTES;
    PFS_TRY(pfs_patch_give(&e->batch, e->row, rows, e->split, arena, out, err));
    out->inside = inside;
    e->row += rows;
    return 1;
}

/* Of a split that was not in the old text. */
static int give_fresh(struct pfs_edits *e, struct pfs_arena *arena, struct pfs_patch_piece *out, struct pfs_err *err)
{
    int64_t rows;

    PFS_TRY(fill_batch(e, err));
    rows = e->batch.rows - e->row;
    if (rows == 0)
        return 0;
    PFS_TRY(pfs_patch_give(&e->batch, e->row, rows, e->split, arena, out, err));
    e->row += rows;
    return 1;
}

int pfs_edits_next(struct pfs_edits *e, uint64_t to, struct pfs_arena *arena, struct pfs_patch_piece *out,
                   struct pfs_err *err)
{
    if (e->from == e->to)
        return give_fresh(e, arena, out, err);
    while (e->next < e->last) {
        int rc;

        if (e->cursor < e->edit[e->next].off)
            return give_old(e, e->edit[e->next].off, to, out, err);
        rc = give_edits(e, to, arena, out, err);
        if (rc != 0)
            return rc;
    }
    PFS_TRY(fill_batch(e, err));
    if (e->reader != NULL)
        return pfs_fail(err, EIO, "rows were appended whose keys were not");
    if (e->cursor < e->end)
        return give_old(e, e->end, to, out, err);
    return pass_blocks(e, e->to, to, err);
}
