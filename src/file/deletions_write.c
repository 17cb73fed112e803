/* deletions_write.c - the vectors of a bucket as one index file: the form is told in deletions.c. Vectors follow each
 * other without gaps, in the order of the manifest's list: Paimon 1.4.2 reads them so. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/uuid.h"
#include "src/file/deletions.h"
#include "src/meta/names.h"
#include "src/meta/schema.h"

#define MAGIC32 0x5e43f2d0u
#define MAGIC64 0xd1d33964u
#define AROUND 8 /* bytes of a block that its size does not count: the size and the CRC */

/* The size is not known before the bitmap is printed: its place is kept, and filled in at the end. */
static int print_block(const struct pfs_bitmap *rows, bool wide, struct pfs_buf *out, struct pfs_err *err)
{
    size_t at = out->len, size;

    assert(pfs_bitmap_count(rows) > 0); /* a vector of nothing is none */
    pfs_buf_be32(out, 0);
    pfs_buf_be32(out, wide ? MAGIC64 : MAGIC32);
    PFS_TRY(wide ? pfs_bitmap_print64(rows, out, err) : pfs_bitmap_print32(rows, out, err));
    PFS_TRY(pfs_buf_check(out, err));
    size = out->len - at - 4;
    pfs_put_be32(out->at + at, (uint32_t)size);
    pfs_buf_be32(out, pfs_crc32(out->at + at + 4, size));
    return pfs_buf_check(out, err);
}

static int print(const struct pfs_deletion_vector *vector, int64_t vectors, bool wide, struct pfs_deletion_range *range,
                 struct pfs_buf *out, struct pfs_err *err)
{
    pfs_buf_putc(out, 1);
    for (int64_t i = 0; i < vectors; i++) {
        size_t at = out->len;

        PFS_TRY(print_block(vector[i].rows, wide, out, err));
        if (out->len > INT32_MAX)
            return pfs_fail(err, EFBIG, "deletion vectors of a bucket beyond %d bytes", INT32_MAX);
        range[i] = (struct pfs_deletion_range){.file = vector[i].file,
                                               .off = (int32_t)at,
                                               /* the two versions count differently: see deletions.c */
                                               .len = (int32_t)(out->len - at - (wide ? 0 : AROUND)),
                                               .cardinality = (int64_t)pfs_bitmap_count(vector[i].rows)};
    }
    return 0;
}

/* On disk before a manifest can name it; what was begun and failed is gone. */
static int save(struct pfs_store *store, const char *path, const struct pfs_buf *bytes, struct pfs_err *err)
{
    struct pfs_file *file;
    int rc;

    PFS_TRY(pfs_store_create(store, path, &file, err));
    rc = pfs_file_append(file, bytes->at, bytes->len, err);
    if (rc == 0)
        rc = pfs_file_sync(file, err);
    pfs_file_close(file);
    if (rc < 0)
        (void)pfs_store_unlink(store, path, NULL);
    return rc;
}

int pfs_deletions_write(struct pfs_store *store, const char *table, const struct pfs_schema *schema,
                        const struct pfs_deletion_vector *vector, int64_t vectors, struct pfs_arena *arena,
                        struct pfs_index_entry *entry, struct pfs_err *err)
{
    struct pfs_deletion_range *range = pfs_arena_array(arena, (size_t)vectors, sizeof(*range));
    const char *dir, *name, *path;
    char uuid[PFS_UUID_TEXT];
    struct pfs_buf bytes = {0};
    bool wide;
    int rc;

    assert(vectors > 0);
    assert(entry->partition.at != NULL); /* it says where the file goes */
    PFS_TRY(pfs_options_bool(&schema->options, "deletion-vectors.bitmap64", false, &wide, err));
    PFS_TRY(pfs_name_index_dir(table, schema, entry->partition, entry->bucket, arena, &dir, err));
    pfs_uuid_make(uuid);
    name = pfs_arena_printf(arena, "index-%s-0", uuid);
    path = pfs_arena_printf(arena, "%s/index-%s-0", dir, uuid);
    if (range == NULL || name == NULL || path == NULL)
        return pfs_arena_full(arena, err);
    rc = print(vector, vectors, wide, range, &bytes, err);
    if (rc == 0)
        rc = save(store, path, &bytes, err);
    if (rc == 0 && (rc = pfs_store_sync_dir(store, dir, err)) < 0)
        (void)pfs_store_unlink(store, path, NULL);
    assert(rc < 0 || bytes.len > 1);
    if (rc == 0)
        *entry = (struct pfs_index_entry){.partition = entry->partition,
                                          .bucket = entry->bucket,
                                          .type = "DELETION_VECTORS",
                                          .name = name,
                                          .size = (int64_t)bytes.len,
                                          .rows = vectors,
                                          .vectors = vectors,
                                          .vector = range};
    pfs_buf_done(&bytes);
    return rc;
}

/* Of a commit that was given up; one that cannot be removed is an orphan like any other. */
void pfs_deletions_remove(struct pfs_store *store, const char *table, const struct pfs_schema *schema,
                          const struct pfs_index_entry *entry)
{
    struct pfs_arena arena;
    const char *dir, *path = NULL;

    if (entry->name == NULL)
        return;
    pfs_arena_init(&arena, 1 << 16);
    if (pfs_name_index_dir(table, schema, entry->partition, entry->bucket, &arena, &dir, NULL) == 0)
        path = pfs_arena_printf(&arena, "%s/%s", dir, entry->name);
    if (path != NULL)
        (void)pfs_store_unlink(store, path, NULL);
    pfs_arena_done(&arena);
}
