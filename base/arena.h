/* arena.h - memory that dies together: one lifetime, one arena, with a ceiling.
 *
 * Blocks double from 4 KiB (a small arena's from 128 bytes) up to 1 MiB; a larger piece gets a block of its own. Reset
 * keeps the largest ordinary block for the next round. An allocation that would pass the ceiling gives NULL: the caller
 * answers pfs_arena_full(arena, err). Takes nothing, owns its blocks. Threads: one arena, one thread at a time.
 */
#pragma once

#include "base/err.h"
#include "base/slice.h"

struct pfs_arena_block;

struct pfs_arena {
    struct pfs_arena_block *head; /* newest first */
    uint8_t *at, *end;            /* free space of the head block */
    size_t used_bytes;            /* of all blocks, headers left out */
    size_t limit_bytes;           /* ceiling; 0 = PFS_ARENA_LIMIT */
    size_t block_bytes;           /* size of the next ordinary block; 0 = 4 KiB */
};

#define PFS_ARENA_LIMIT ((size_t)1 << 30)

void pfs_arena_init(struct pfs_arena *arena, size_t limit_bytes);
/* The same, of which there may be very many at a time, with little in each. */
void pfs_arena_init_small(struct pfs_arena *arena, size_t limit_bytes);
void pfs_arena_done(struct pfs_arena *arena);  /* a zeroed arena is allowed */
void pfs_arena_reset(struct pfs_arena *arena); /* everything handed out is gone */
/* The same, of one that may rest for long, among many: one of the smallest blocks at most stays. */
void pfs_arena_rest(struct pfs_arena *arena);

/* 16-byte aligned; NULL at the ceiling or without memory. alloc: uninitialised, zalloc: zeroed. 0 bytes: valid. */
void *pfs_arena_alloc(struct pfs_arena *arena, size_t bytes);
void *pfs_arena_zalloc(struct pfs_arena *arena, size_t bytes);
/* Zeroed array; NULL also when count * size overflows. */
void *pfs_arena_array(struct pfs_arena *arena, size_t count, size_t size);

/* Copies; the slice's `at` is NULL (with len 0) and the string NULL when there is no room. */
bool pfs_arena_copy(struct pfs_arena *arena, struct pfs_slice in, struct pfs_slice *out);
char *pfs_arena_string(struct pfs_arena *arena, struct pfs_slice in); /* NUL-terminated */
char *pfs_arena_printf(struct pfs_arena *arena, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The sentence for an allocation that gave NULL: -ENOMEM. */
int pfs_arena_full(const struct pfs_arena *arena, struct pfs_err *err);
