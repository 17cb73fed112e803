/* hashindex.c - big-endian int32s, in pieces.
 *
 * The file is read straight into the array that it becomes and turned round in place. Its size is held against what the
 * index manifest says before memory is taken: the one comes from a file, the other from the file system, and only both
 * together are believed.
 */
#include "src/meta/hashindex.h"

#include <assert.h>
#include <errno.h>

#define PIECE 4096 /* hashes written at a time */

static int read_file(struct pfs_file *file, int64_t size, struct pfs_arena *arena, int32_t **hashes,
                     struct pfs_err *err)
{
    int32_t *to;

    if (size < 0 || pfs_file_size(file) != (uint64_t)size || size % 4 != 0)
        return pfs_fail(err, EIO, "%llu bytes, where the index manifest says %lld",
                        (unsigned long long)pfs_file_size(file), (long long)size);
    to = pfs_arena_alloc(arena, (size_t)size);
    if (to == NULL)
        return pfs_arena_full(arena, err);
    PFS_TRY(pfs_file_pread(file, 0, to, (size_t)size, err));
    for (int64_t i = 0; i < size / 4; i++)
        to[i] = (int32_t)pfs_be32((const uint8_t *)&to[i]);
    *hashes = to;
    return 0;
}

int pfs_hash_index_load(struct pfs_store *store, const char *path, int64_t size, struct pfs_arena *arena,
                        int32_t **hashes, int64_t *count, struct pfs_err *err)
{
    struct pfs_file *file;
    int rc = pfs_store_open(store, path, &file, err);

    if (rc == -ENOENT)
        return pfs_fail(err, EIO, "hash index %s is not there", path);
    if (rc < 0)
        return rc;
    rc = read_file(file, size, arena, hashes, err);
    pfs_file_close(file);
    if (rc < 0)
        return rc == -ENOMEM ? rc : pfs_wrap(err, "hash index %s", path);
    *count = size / 4;
    return 0;
}

static int write_file(struct pfs_file *file, const int32_t *hashes, int64_t count, struct pfs_err *err)
{
    uint8_t bytes[PIECE * 4];

    assert(count >= 0);
    assert(count == 0 || hashes != NULL);
    for (int64_t done = 0; done < count;) {
        int64_t piece = count - done < PIECE ? count - done : PIECE;

        for (int64_t i = 0; i < piece; i++)
            pfs_put_be32(bytes + i * 4, (uint32_t)hashes[done + i]);
        PFS_TRY(pfs_file_append(file, bytes, (size_t)piece * 4, err));
        done += piece;
    }
    return pfs_file_sync(file, err);
}

int pfs_hash_index_save(struct pfs_store *store, const char *path, const int32_t *hashes, int64_t count,
                        struct pfs_err *err)
{
    struct pfs_file *file;
    int rc;

    PFS_TRY(pfs_store_create(store, path, &file, err));
    rc = write_file(file, hashes, count, err);
    pfs_file_close(file);
    if (rc < 0)
        (void)pfs_store_unlink(store, path, NULL);
    return rc;
}
