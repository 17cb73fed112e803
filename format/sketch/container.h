/* container.h - the values of a Roaring bitmap that share their high bits: a set of 16-bit numbers. Private to the
 * suite.
 *
 * In memory a container is an array of up to 4096 values or a bitset of 65536. How it was or will be stored (as runs or
 * not) depends also on what it was made from, as in the Java library: so it carries a flag.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "format/bitmap.h"

#define PFS_ARRAY_MAX 4096
#define PFS_BITSET_BYTES 8192

enum pfs_container_form { PFS_FORM_RUNS = 0, PFS_FORM_BITSET = 1, PFS_FORM_ARRAY = 2 };

struct pfs_container {
    uint32_t count;   /* 1 .. 65536 */
    bool runs;        /* kept as runs */
    uint16_t *value;  /* ascending, when count <= PFS_ARRAY_MAX */
    uint64_t *bitset; /* else */
};

/* Takes a stored container. `count`: what was said of it elsewhere; PFS_FORM_RUNS says it itself. */
int pfs_container_take(struct pfs_cursor *c, enum pfs_container_form form, uint32_t count, struct pfs_arena *arena,
                       struct pfs_container *out, struct pfs_err *err);
int pfs_container_union(const struct pfs_container *a, const struct pfs_container *b, struct pfs_arena *arena,
                        struct pfs_container *out, struct pfs_err *err);
/* Decides anew between runs and the other form; how many runs there are. */
uint32_t pfs_container_optimize(struct pfs_container *c);
enum pfs_container_form pfs_container_form(const struct pfs_container *c);
void pfs_container_put(const struct pfs_container *c, struct pfs_buf *out);

/* ---- to and from row positions (format/bitmap.h) ---- */

/* Adds the container's values, `base` (a multiple of 65536) above them. */
int pfs_container_add_to(const struct pfs_container *c, uint64_t base, struct pfs_bitmap *into, struct pfs_err *err);
/* Of the low 16 bits of `count` values, 1 .. 65536, ascending. */
int pfs_container_make(const uint64_t *value, uint32_t count, struct pfs_arena *arena, struct pfs_container *out,
                       struct pfs_err *err);
