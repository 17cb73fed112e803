/* blocks_internal.h - what the files behind blocks.h share. Private to the suite. */
#pragma once

#include "src/lookup/blocks.h"
#include "src/merge/key.h"

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

/* ---- history.c ---- */

/* Calls `each` for every file that the snapshots between two states appended. 1; 0: something else happened between
 * them, or it cannot be told. */
typedef int pfs_appended_fn(void *context, const struct pfs_manifest_entry *entry, struct pfs_err *err);
int pfs_history_appended(const struct pfs_state *from, const struct pfs_state *to, pfs_appended_fn *each, void *context,
                         struct pfs_err *err);
