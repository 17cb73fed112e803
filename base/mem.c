/* mem.c - malloc and its kin behind one door.
 *
 * No bytes are asked for as one: what malloc(0) gives is the C library's choice, and NULL has to mean no memory. The
 * count of tests is of the whole process: threads that allocate meanwhile take part in it. */
#include "base/mem.h"

#include <assert.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static atomic_llong fail_after = -1;

void pfs_mem_fail_after(int64_t count)
{
    assert(count >= -1);
    atomic_store(&fail_after, count);
}

/* Counts down in tests; off (negative) it costs one relaxed load. */
static bool must_fail(void)
{
    if (atomic_load_explicit(&fail_after, memory_order_relaxed) < 0)
        return false;
    return atomic_fetch_sub(&fail_after, 1) == 0;
}

void *pfs_alloc(size_t bytes)
{
    return must_fail() ? NULL : malloc(bytes == 0 ? 1 : bytes);
}

void *pfs_zalloc(size_t bytes)
{
    return must_fail() ? NULL : calloc(1, bytes == 0 ? 1 : bytes);
}

void *pfs_realloc(void *at, size_t bytes)
{
    return must_fail() ? NULL : realloc(at, bytes == 0 ? 1 : bytes);
}

void *pfs_alloc_array(size_t count, size_t size)
{
    size_t bytes;

    assert(size > 0); /* a count of nothing is a mistake */
    if (__builtin_mul_overflow(count, size, &bytes))
        return NULL;
    return pfs_zalloc(bytes);
}

char *pfs_strdup(const char *text)
{
    size_t len = strlen(text) + 1;
    char *copy = pfs_alloc(len);

    if (copy != NULL)
        memcpy(copy, text, len);
    return copy;
}

void pfs_free(void *at)
{
    free(at);
}

/* The C library gives back by itself what lies at the top of its heaps alone. */
void pfs_mem_trim(void)
{
    (void)malloc_trim(0);
}
