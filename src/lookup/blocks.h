/* blocks.h - the text of a view by its keys: which stretch of it holds which rows, and what of it a later state
 * changes.
 *
 * A text is cut into blocks where a row's key was noted while it was printed: a block holds the rows of one partition
 * and bucket from its key to the next one's. Of a later state's text the blocks that hold no changed key are the same
 * bytes; a patch gives them as stretches of the old text and the rows of all others, merged anew, in the order of the
 * text; or, where that is enough, all lines but those of the changed keys. What changed is known from the snapshots in
 * between: keys of the files that they appended; compactions change no row of the engines that are taken here.
 *
 * Only for texts in the order of keys that depend on the rows alone: tables with a primary key, deletion vectors and
 * first-row left out. Threads: one at a time each; blocks that are complete are only read.
 */
#pragma once

#include "format/text/text.h"
#include "src/scan/scan.h"

struct pfs_blocks;

/* Can texts of that state be patched? */
bool pfs_blocks_fit(const struct pfs_state *state);

/* The scan that gives rows with their keys: its columns, then those of the trimmed key that are not among them. Where
 * the key stands in its rows is in *key. In the arena. */
int pfs_blocks_widen(struct pfs_scan_want *want, struct pfs_arena *arena, const int32_t **key, struct pfs_err *err);

/* Blocks of a text of these rows (a scan that was widened). The state is referenced; the rest is not kept. */
int pfs_blocks_open(const struct pfs_scan_want *want, struct pfs_blocks **out, struct pfs_err *err);
void pfs_blocks_close(struct pfs_blocks *blocks); /* NULL allowed */

/* The row of the batch, of that split, is printed at `off`: a block begins there. Rows come in the order of the text.
 */
int pfs_blocks_note(struct pfs_blocks *blocks, int32_t split, const struct pfs_batch *batch, const int32_t *key,
                    int64_t row, uint64_t off, struct pfs_err *err);
/* The text ends there. */
void pfs_blocks_end(struct pfs_blocks *blocks, uint64_t size);

/* The old text itself: where the newest record of a key is its row, its line alone is changed, and no block is merged
 * anew. The columns are the first ones of the rows. */
struct pfs_patch_text {
    enum pfs_text format;
    const struct pfs_field *field;
    int32_t columns;
    int (*read)(void *context, uint64_t off, void *to, size_t len, struct pfs_err *err);
    void *context;
};

struct pfs_patch;

/* From the text of `old` to that of the rows that are wanted (widened the same way), whose blocks go to `blocks`
 * (borrowed). `text` is read before it returns; NULL = it cannot be had. 1; 0: it is to be printed anew. */
int pfs_patch_open(const struct pfs_scan_want *want, const int32_t *key, const struct pfs_blocks *old,
                   const struct pfs_patch_text *text, struct pfs_blocks *blocks, struct pfs_patch **out,
                   struct pfs_err *err);
void pfs_patch_close(struct pfs_patch *patch); /* NULL allowed */

/* What comes next in the text: bytes of the old one, or rows to be printed (of a split, for their blocks). */
struct pfs_patch_piece {
    uint64_t off, len; /* len 0: rows */
    struct pfs_batch batch;
    int32_t split;
    bool inside; /* the rows belong to the block before them: none begins with the first */
};

/* 1; 0 at the end. `to`: how long the new text is so far. The batch lives in the arena. */
int pfs_patch_next(struct pfs_patch *patch, uint64_t to, struct pfs_arena *arena, struct pfs_patch_piece *out,
                   struct pfs_err *err);
