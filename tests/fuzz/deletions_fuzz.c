/* deletions_fuzz.c - an index file with one vector at its byte 1. An even first byte stands for a checksum that is made
 * right before the file is read, so that what lies behind it is reached. */
#include <stdlib.h>

#include "base/hash.h"
#include "src/file/deletions.h"
#include "src/meta/schema.h"

#define BYTES_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void mend(uint8_t *file, size_t size)
{
    uint32_t len = pfs_be32(file + 1);

    file[0] = 1;
    if (len >= 4 && len <= size - 9)
        pfs_put_be32(file + 5 + len, pfs_crc32(file + 5, len));
}

static void read_one(struct pfs_store *store, const uint8_t *file)
{
    static const struct pfs_schema schema;
    int32_t len = (int32_t)(pfs_be32(file + 1) & 0xffffff);
    struct pfs_deletion_range range = {"data", 1, file[5] == 0xd1 ? len + 8 : len, 0};
    struct pfs_index_entry entry = {.type = "DELETION_VECTORS", .name = "index", .vectors = 1, .vector = &range};
    struct pfs_manifest_entry data = {.file = {.name = "data"}};
    const struct pfs_bitmap *rows = NULL;
    struct pfs_deletions *d = NULL;
    struct pfs_err err = {0};

    if (pfs_deletions_open(store, NULL, "t", &schema, &entry, 1, &d, &err) != 0)
        abort();
    if (pfs_deletions_of(d, &data, &rows, &err) == 0 ? rows == NULL : err.text[0] == '\0')
        abort();
    pfs_deletions_close(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t bytes[BYTES_MAX];
    struct pfs_store *store = NULL;
    struct pfs_file *file = NULL;

    if (size < 14 || size > BYTES_MAX)
        return 0;
    memcpy(bytes, data, size);
    if ((bytes[0] & 1) == 0)
        mend(bytes, size);
    if (pfs_store_open_memory(&store, NULL) != 0 || pfs_store_create(store, "t/index/index", &file, NULL) != 0 ||
        pfs_file_append(file, bytes, size, NULL) != 0)
        abort();
    pfs_file_close(file);
    read_one(store, bytes);
    pfs_store_close(store);
    return 0;
}
