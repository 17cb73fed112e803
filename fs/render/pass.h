/* pass.h - what the passes of a printed view have in common. Private to print.c and patch.c. */
#pragma once

#include "fs/render/print.h"

#define PFS_PRINT_CHUNK ((size_t)256 << 10) /* of text, a step */

struct pfs_pass {
    int (*step)(struct pfs_pass *pass, struct pfs_sink *sink, struct pfs_err *err);
    void (*end)(struct pfs_pass *pass);
    struct pfs_blocks *blocks; /* of the text so far; NULL = nobody wants them, or they could not be had */
    bool done;                 /* the text is complete */
};

struct pfs_print_rows {
    int32_t split;
    const struct pfs_batch *batch;
    bool inside; /* they are in the block that was begun before them */
};

/* Prints the rows; blocks begin every few of them. `off`: how long the text is without what is in `text`. Blocks that
 * cannot be noted are given up: they save time alone. */
int pfs_print_rows(const struct pfs_print *print, const struct pfs_field *field, struct pfs_pass *pass,
                   const struct pfs_print_rows *rows, uint64_t off, struct pfs_arena *arena, struct pfs_buf *text,
                   struct pfs_err *err);

/* A pass from an older version, its blocks and its text: 1, or 0 when there is none. */
int pfs_print_patch(const struct pfs_print *print, const struct pfs_blocks *old, const struct pfs_spool_base *text,
                    const struct pfs_cancel *cancel, struct pfs_pass **out, struct pfs_err *err);
