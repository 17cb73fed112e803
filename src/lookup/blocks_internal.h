/* blocks_internal.h - what the files behind blocks.h share. Private to the suite. */
#pragma once

#include "src/lookup/blocks.h"
#include "src/merge/key.h"
#include "src/scan/plan.h"

struct pfs_block {
    uint64_t off;
    uint64_t prefix; /* of its first row's key */
    uint32_t key;    /* where the whole of it begins in `bytes`, when a prefix is not enough; the next one's begins at
                        its end */
};

struct pfs_block_split {
    struct pfs_slice partition; /* the state's */
    int32_t bucket;
    int64_t from, to; /* its blocks */
};

struct pfs_blocks {
    struct pfs_state *state;
    struct pfs_arena arena; /* of the splits */
    int32_t splits;
    struct pfs_block_split *split;
    struct pfs_block *block; /* blocks, and one behind them */
    int64_t blocks, room;
    bool exact; /* keys are their prefixes */
    struct pfs_buf bytes;
    uint64_t size; /* of the text */
};

/* Blocks [from, to) of `old`, of a split there, as blocks of a split here, `shift` bytes further on. */
int pfs_blocks_copy(struct pfs_blocks *blocks, int32_t split, const struct pfs_blocks *old, int64_t from, int64_t to,
                    uint64_t shift, struct pfs_err *err);

/* The first key of a block as keys of one row (`word`, `offset` are where they lie). */
struct pfs_block_key {
    uint64_t word;
    uint32_t offset[2];
};
struct pfs_keys pfs_blocks_key(const struct pfs_blocks *blocks, int64_t block, struct pfs_block_key *at);

/* The block that a key is, or would be, in: the last of the split's that does not begin behind it, or the first. */
int64_t pfs_blocks_find(const struct pfs_blocks *blocks, struct pfs_block_split split, const struct pfs_keys *keys,
                        int64_t row);

static inline bool pfs_block_split_is(const struct pfs_block_split *a, const struct pfs_split *b)
{
    return a->bucket == b->bucket && pfs_slice_eq(a->partition, b->partition);
}

/* ---- history.c ---- */

/* Calls `each` for every file that the snapshots between two states appended; entries live in the arena. 1; 0:
 * something else happened between them, or it cannot be told. */
typedef int pfs_appended_fn(void *context, const struct pfs_manifest_entry *entry, struct pfs_err *err);
int pfs_history_appended(const struct pfs_state *from, const struct pfs_state *to, struct pfs_arena *arena,
                         pfs_appended_fn *each, void *context, struct pfs_err *err);

/* ---- patch.c ---- */

/* Files that were appended. */
struct pfs_patch_files {
    const struct pfs_manifest_entry **entry;
    int32_t count;
    int64_t rows;
};

/* Rows of a batch as a piece; 1. */
int pfs_patch_give(const struct pfs_batch *batch, int64_t row, int64_t rows, int32_t split, struct pfs_arena *arena,
                   struct pfs_patch_piece *out, struct pfs_err *err);

/* ---- edits.c ---- */

/* The old text with single lines changed; all that is given is borrowed. 1; 0: not here. */
struct pfs_edits;
int pfs_edits_open(const struct pfs_scan_want *want, const int32_t *key, const struct pfs_blocks *old,
                   const struct pfs_patch_text *text, const struct pfs_patch_files *files, struct pfs_blocks *blocks,
                   struct pfs_edits **out, struct pfs_err *err);
void pfs_edits_close(struct pfs_edits *edits); /* NULL allowed */
/* The next split, and where it was in the old text (no blocks: nowhere). */
int pfs_edits_begin(struct pfs_edits *edits, int32_t split, const struct pfs_split *place, struct pfs_block_split old,
                    struct pfs_err *err);
/* As pfs_patch_next, to the end of the split. */
int pfs_edits_next(struct pfs_edits *edits, uint64_t to, struct pfs_arena *arena, struct pfs_patch_piece *out,
                   struct pfs_err *err);

/* ---- lines.c ---- */

/* The lines of one block of a text at a time. */
struct pfs_lines {
    const struct pfs_patch_text *text;
    const int32_t *key; /* columns of the text */
    int32_t keys;
    struct pfs_text_parser *parser;
    struct pfs_buf bytes, start; /* of the block; where each line starts, and the last one ends */
    int64_t lines;
    struct pfs_arena arena; /* of a line */
};

/* False: the text does not have the keys, or has them so that they might not be found. To be closed in any case. */
bool pfs_lines_open(struct pfs_lines *lines, const struct pfs_patch_text *text, const int32_t *key, int32_t keys);
void pfs_lines_close(struct pfs_lines *lines);
/* False, here and below: it cannot be told. */
bool pfs_lines_load(struct pfs_lines *lines, uint64_t off, uint64_t len);
/* Where in the block the line of the key is; *len 0: where it would be. */
bool pfs_lines_find(struct pfs_lines *lines, const struct pfs_keys *keys, int64_t row, uint64_t *at, uint64_t *len);
