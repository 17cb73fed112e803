/* mem.h - the only door to the heap. malloc and its kin are banned outside base/.
 *
 * Every allocation can be made to fail by a test: pfs_mem_fail_after(n) lets n more allocations of this process
 * succeed and fails the next one. Threads: any.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

void *pfs_alloc(size_t bytes);             /* uninitialised; NULL when there is no memory; 0 bytes: a valid pointer */
void *pfs_zalloc(size_t bytes);            /* zeroed */
void *pfs_realloc(void *at, size_t bytes); /* NULL on failure, and then `at` is unchanged */
void *pfs_alloc_array(size_t count, size_t size); /* zeroed; NULL also when count * size overflows */
char *pfs_strdup(const char *text);
void pfs_free(void *at); /* NULL allowed */

/* Gives back to the system what was freed in small pieces: after very many of them. Takes milliseconds. */
void pfs_mem_trim(void);

void pfs_mem_fail_after(int64_t count); /* tests only; -1 = never fail (the default) */

/* Declares an owner that is released on every way out: PFS_AUTO(manifest) m = NULL; needs the room to define
 * `static inline` or extern void pfs_<type>_closep(struct pfs_<type> **). PFS_DEFINE_AUTO writes that function. */
#define PFS_AUTO(type) __attribute__((cleanup(pfs_##type##_closep))) struct pfs_##type *
#define PFS_DEFINE_AUTO(type, release)                               \
    static inline void pfs_##type##_closep(struct pfs_##type **held) \
    {                                                                \
        release(*held);                                              \
    }
