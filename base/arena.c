/* arena.c - a list of blocks, newest first; what is handed out is cut off the free space of the first one.
 *
 *   arena.head -> [ handed out | at .. free .. end ] -> [ full ] -> [ a large piece ] -> ...
 *
 * Always: at <= end, both inside the head (NULL without one); used_bytes is what all blocks hold together and never
 * passes the ceiling. */
#include "base/arena.h"

#include <assert.h>
#include <stdio.h>

#include "base/mem.h"

#define BLOCK_MIN ((size_t)4 << 10)
#define BLOCK_SMALL ((size_t)128)
#define BLOCK_MAX ((size_t)1 << 20)
#define ALIGN ((size_t)16)

struct pfs_arena_block {
    struct pfs_arena_block *next;
    size_t bytes; /* behind the header */
    _Alignas(16) uint8_t data[];
};

_Static_assert(sizeof(struct pfs_arena_block) % ALIGN == 0, "pieces are cut at multiples of ALIGN from the data on");
_Static_assert(BLOCK_SMALL % ALIGN == 0 && BLOCK_MIN % ALIGN == 0 && BLOCK_MAX % ALIGN == 0,
               "blocks hold whole pieces");

void pfs_arena_init(struct pfs_arena *arena, size_t limit_bytes)
{
    *arena = (struct pfs_arena){.limit_bytes = limit_bytes, .block_bytes = BLOCK_MIN};
}

void pfs_arena_init_small(struct pfs_arena *arena, size_t limit_bytes)
{
    *arena = (struct pfs_arena){.limit_bytes = limit_bytes, .block_bytes = BLOCK_SMALL};
}

void pfs_arena_done(struct pfs_arena *arena)
{
    for (struct pfs_arena_block *b = arena->head, *next; b != NULL; b = next) {
        next = b->next;
        pfs_free(b);
    }
    *arena = (struct pfs_arena){.limit_bytes = arena->limit_bytes, .block_bytes = BLOCK_MIN};
}

/* The largest ordinary block stays: an arena that is reset once a request would else ask the heap for the same block
 * each time. Larger ones go, so that one great request does not hold its memory for all later ones. */
void pfs_arena_reset(struct pfs_arena *arena)
{
    struct pfs_arena_block *keep = NULL;

    for (struct pfs_arena_block *b = arena->head, *next; b != NULL; b = next) {
        next = b->next;
        if (b->bytes <= BLOCK_MAX && (keep == NULL || b->bytes > keep->bytes)) {
            pfs_free(keep);
            keep = b;
        } else {
            pfs_free(b);
        }
    }
    arena->head = keep;
    arena->at = arena->end = NULL;
    arena->used_bytes = 0;
    if (keep != NULL) {
        keep->next = NULL;
        arena->at = keep->data;
        arena->end = keep->data + keep->bytes;
        arena->used_bytes = keep->bytes;
    }
    assert(arena->used_bytes <= BLOCK_MAX);
}

void pfs_arena_rest(struct pfs_arena *arena)
{
    if (arena->used_bytes > BLOCK_MIN)
        pfs_arena_done(arena);
    else
        pfs_arena_reset(arena);
}

/* A zeroed arena has a ceiling too: there is none without. */
static size_t limit_of(const struct pfs_arena *arena)
{
    return arena->limit_bytes == 0 ? PFS_ARENA_LIMIT : arena->limit_bytes;
}

/* A new block with room for `bytes`; NULL at the ceiling. */
static struct pfs_arena_block *add_block(struct pfs_arena *arena, size_t bytes)
{
    struct pfs_arena_block *b;
    size_t left;

    if (arena->used_bytes >= limit_of(arena))
        return NULL;
    left = limit_of(arena) - arena->used_bytes;
    if (bytes > left || bytes > SIZE_MAX - sizeof(*b))
        return NULL;
    b = pfs_alloc(sizeof(*b) + bytes);
    if (b == NULL)
        return NULL;
    b->bytes = bytes;
    b->next = arena->head;
    arena->head = b;
    arena->used_bytes += bytes;
    assert(arena->used_bytes <= limit_of(arena));
    return b;
}

void *pfs_arena_alloc(struct pfs_arena *arena, size_t bytes)
{
    struct pfs_arena_block *b;
    size_t room = (size_t)(arena->end - arena->at), block, left;

    assert(arena->at <= arena->end);
    assert(arena->head != NULL || arena->at == arena->end);
    if (bytes > SIZE_MAX - ALIGN)
        return NULL;
    bytes = bytes == 0 ? ALIGN : (bytes + ALIGN - 1) & ~(ALIGN - 1);
    if (bytes <= room) {
        void *out = arena->at;

        assert((uintptr_t)out % ALIGN == 0);
        arena->at += bytes;
        return out;
    }
    block = arena->block_bytes == 0 ? BLOCK_MIN : arena->block_bytes;
    assert(block >= BLOCK_SMALL);
    /* A block of its own; the head's free space stays in use. The next ordinary block doubles all the same: what asks
     * for large pieces will ask for more. */
    if (bytes > block / 2) {
        uint8_t *at = arena->at, *end = arena->end;
        struct pfs_arena_block *head = arena->head;

        b = add_block(arena, bytes);
        if (b == NULL)
            return NULL;
        if (head != NULL) {
            arena->head = head;
            b->next = head->next;
            head->next = b;
        }
        arena->at = head != NULL ? at : b->data + bytes;
        arena->end = head != NULL ? end : b->data + bytes;
        if (arena->block_bytes < BLOCK_MAX)
            arena->block_bytes = block * 2;
        return b->data;
    }
    /* Close to the ceiling the block is what is left of it, as long as the piece fits: a ceiling is used to its end. */
    left = limit_of(arena) > arena->used_bytes ? limit_of(arena) - arena->used_bytes : 0;
    b = add_block(arena, block < left ? block : (left > bytes ? left : bytes));
    if (b == NULL)
        return NULL;
    if (block < BLOCK_MAX)
        arena->block_bytes = block * 2;
    arena->at = b->data + bytes;
    arena->end = b->data + b->bytes;
    return b->data;
}

void *pfs_arena_zalloc(struct pfs_arena *arena, size_t bytes)
{
    void *out = pfs_arena_alloc(arena, bytes);

    if (out != NULL)
        memset(out, 0, bytes);
    return out;
}

void *pfs_arena_array(struct pfs_arena *arena, size_t count, size_t size)
{
    size_t bytes;

    return pfs_mul_size(count, size, &bytes) ? pfs_arena_zalloc(arena, bytes) : NULL;
}

bool pfs_arena_copy(struct pfs_arena *arena, struct pfs_slice in, struct pfs_slice *out)
{
    uint8_t *copy = pfs_arena_alloc(arena, in.len);

    assert(in.at != NULL || in.len == 0);
    *out = (struct pfs_slice){copy, copy == NULL ? 0 : in.len};
    if (copy == NULL)
        return false;
    if (in.len > 0)
        memcpy(copy, in.at, in.len);
    return true;
}

char *pfs_arena_string(struct pfs_arena *arena, struct pfs_slice in)
{
    char *copy = in.len == SIZE_MAX ? NULL : pfs_arena_alloc(arena, in.len + 1);

    if (copy == NULL)
        return NULL;
    assert(in.at != NULL || in.len == 0);
    if (in.len > 0)
        memcpy(copy, in.at, in.len);
    copy[in.len] = '\0';
    return copy;
}

char *pfs_arena_printf(struct pfs_arena *arena, const char *fmt, ...)
{
    /* Printed twice: the first time only tells how much room the text wants. */
    va_list args, again;
    char *out;
    int len;

    va_start(args, fmt);
    va_copy(again, args);
    len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    out = len < 0 ? NULL : pfs_arena_alloc(arena, (size_t)len + 1);
    if (out != NULL)
        (void)vsnprintf(out, (size_t)len + 1, fmt, again);
    va_end(again);
    return out;
}

int pfs_arena_full(const struct pfs_arena *arena, struct pfs_err *err)
{
    return pfs_fail(err, ENOMEM, "out of memory (%zu bytes of at most %zu are in use here)", arena->used_bytes,
                    limit_of(arena));
}
