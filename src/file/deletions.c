/* deletions.c - vectors by data file, parsed when they are asked for.
 *
 * An index file is the byte 1, then a block a vector (sizes and CRC big-endian):
 *
 *   u32 size of magic and bitmap | magic | bitmap | u32 CRC-32 of magic and bitmap
 *
 * 32 bits: magic 5e 43 f2 d0, a portable bitmap, and the manifest gives the size. 64 bits: magic d1 d3 39 64, the form
 * of format/bitmap's parse64, and the manifest gives size + 8: the whole block.
 */
#include "src/file/deletions.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "format/sieve.h"
#include "src/meta/names.h"

#define MAGIC32 0x5e43f2d0u
#define MAGIC64 0xd1d33964u
#define AROUND 8 /* bytes of a block that its size does not count: the size and the CRC */

struct vector {
    const struct pfs_index_entry *entry;
    const struct pfs_deletion_range *range;
    struct pfs_bitmap *rows; /* guarded by the lock until it is there; then never changed */
};

struct pfs_deletions {
    struct pfs_store *store;
    const struct pfs_external *external;
    const struct pfs_schema *schema;
    char *table;
    int64_t vectors;
    struct vector *vector; /* by name of the data file */
    pthread_mutex_t lock;
};

static int by_file(const void *x, const void *y)
{
    const struct vector *a = x, *b = y;

    return strcmp(a->range->file, b->range->file);
}

/* The vectors of all index files, sorted by data file: two passes, the first counts. */
static int collect(struct pfs_deletions *d, const struct pfs_index_entry *index, int64_t count, struct pfs_err *err)
{
    int64_t n = 0;

    for (int64_t i = 0; i < count; i++) {
        if (strcmp(index[i].type, "DELETION_VECTORS") != 0)
            continue;
        if (index[i].vectors < 0)
            return pfs_fail(err, EIO, "index file %s: it is not said whose deletion vectors it holds", index[i].name);
        n += index[i].vectors;
    }
    d->vector = pfs_alloc_array((size_t)n, sizeof(*d->vector));
    if (d->vector == NULL)
        return pfs_fail(err, ENOMEM, "no memory for %lld deletion vectors", (long long)n);
    for (int64_t i = 0; i < count; i++)
        for (int64_t v = 0; strcmp(index[i].type, "DELETION_VECTORS") == 0 && v < index[i].vectors; v++)
            d->vector[d->vectors++] = (struct vector){&index[i], &index[i].vector[v], NULL};
    assert(d->vectors == n);
    if (n > 0)
        qsort(d->vector, (size_t)n, sizeof(*d->vector), by_file);
    return 0;
}

int pfs_deletions_open(struct pfs_store *store, const struct pfs_external *external, const char *table,
                       const struct pfs_schema *schema, const struct pfs_index_entry *index, int64_t count,
                       struct pfs_deletions **out, struct pfs_err *err)
{
    struct pfs_deletions *d = pfs_zalloc(sizeof(*d));
    int rc;

    if (d == NULL || (d->table = pfs_strdup(table)) == NULL) {
        pfs_free(d);
        return pfs_fail(err, ENOMEM, "no memory for the deletion vectors of %s", table);
    }
    d->store = store;
    d->external = external;
    d->schema = schema;
    pthread_mutex_init(&d->lock, NULL);
    rc = collect(d, index, count, err);
    if (rc < 0)
        pfs_deletions_close(d);
    else
        *out = d;
    return rc;
}

void pfs_deletions_close(struct pfs_deletions *deletions)
{
    if (deletions == NULL)
        return;
    for (int64_t i = 0; i < deletions->vectors; i++)
        pfs_bitmap_free(deletions->vector[i].rows);
    pthread_mutex_destroy(&deletions->lock);
    pfs_free(deletions->vector);
    pfs_free(deletions->table);
    pfs_free(deletions);
}

/* ---- one block ---- */

/* The whole of a block: as long as its size says, which stood in front of it when it was read. */
static int parse(struct pfs_slice block, const struct pfs_deletion_range *range, struct pfs_bitmap **out,
                 struct pfs_err *err)
{
    uint32_t size = pfs_be32(block.at), magic = pfs_be32(block.at + 4);
    struct pfs_slice bits = {block.at + 8, block.len - 12};
    uint32_t crc = pfs_be32(block.at + block.len - 4);
    int64_t told = magic == MAGIC64 ? (int64_t)range->len - AROUND : range->len;

    if (block.len != (size_t)size + AROUND) /* it was read twice */
        return pfs_fail(err, EIO, "the vector's size changed while it was read");
    if (magic != MAGIC32 && magic != MAGIC64)
        return pfs_fail(err, EIO, "no deletion vector begins with %08x", magic);
    if (told != size)
        return pfs_fail(err, EIO, "the vector has %u bytes where the manifest says %lld", size, (long long)told);
    if (pfs_crc32(block.at + 4, size) != crc)
        return pfs_fail(err, EIO, "the vector's checksum is wrong");
    return magic == MAGIC64 ? pfs_bitmap_parse64(bits, NULL, out, err) : pfs_bitmap_parse32(bits, NULL, out, err);
}

/* The block's own size is read first and held against the file, then against the manifest: either may be wrong, and no
 * more is allocated than the file has bytes. */
static int read_block(struct pfs_file *file, const struct pfs_deletion_range *range, struct pfs_bitmap **out,
                      struct pfs_err *err)
{
    uint64_t left = pfs_file_size(file), size;
    uint8_t version, head[4], *block;
    int rc;

    if (range->off < 1 || (uint64_t)range->off > left || left - (uint64_t)range->off < AROUND + 4)
        return pfs_fail(err, EIO, "a vector at %d lies outside its %llu bytes", range->off, (unsigned long long)left);
    left -= (uint64_t)range->off;
    PFS_TRY(pfs_file_pread(file, 0, &version, 1, err));
    if (version != 1)
        return pfs_fail(err, EIO, "deletion vectors of version %u are not known", version);
    PFS_TRY(pfs_file_pread(file, (uint64_t)range->off, head, sizeof(head), err));
    size = pfs_be32(head);
    if (size < 4 || size > left - AROUND)
        return pfs_fail(err, EIO, "a vector of %llu bytes does not fit behind %d", (unsigned long long)size,
                        range->off);
    block = pfs_alloc(size + AROUND);
    if (block == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a deletion vector of %llu bytes", (unsigned long long)size);
    rc = pfs_file_pread(file, (uint64_t)range->off, block, size + AROUND, err);
    if (rc == 0)
        rc = parse(pfs_slice_of(block, size + AROUND), range, out, err);
    pfs_free(block);
    return rc;
}

/* Where an index file lies: in which store, at which path. */
static int place_of(const struct pfs_deletions *d, const struct pfs_index_entry *entry, struct pfs_arena *arena,
                    struct pfs_store **store, const char **out, struct pfs_err *err)
{
    const char *dir;
    char *path;

    if (entry->external_path != NULL)
        return pfs_external_find(d->external, entry->external_path, store, out, err);
    PFS_TRY(pfs_name_index_dir(d->table, d->schema, entry->partition, entry->bucket, arena, &dir, err));
    path = pfs_arena_printf(arena, "%s/%s", dir, entry->name);
    if (path == NULL)
        return pfs_arena_full(arena, err);
    *store = d->store;
    *out = path;
    return 0;
}

static int load(const struct pfs_deletions *d, const struct vector *v, struct pfs_bitmap **out, struct pfs_err *err)
{
    struct pfs_store *store = NULL;
    struct pfs_file *file = NULL;
    struct pfs_arena arena;
    const char *path = NULL;
    int rc;

    pfs_arena_init(&arena, 1 << 20);
    rc = place_of(d, v->entry, &arena, &store, &path, err);
    if (rc == 0) {
        rc = pfs_store_open(store, path, &file, err);
        if (rc == -ENOENT)
            rc = pfs_fail(err, EIO, "%s is not there", path);
    }
    if (rc == 0) {
        rc = read_block(file, v->range, out, err);
        if (rc < 0 && err != NULL && err->code != 0)
            rc = pfs_wrap(err, "index file %s, of data file %s", path, v->range->file);
    }
    pfs_file_close(file);
    pfs_arena_done(&arena);
    return rc;
}

/* Names of data files are unique, but nobody promises it across buckets: the vector's own bucket decides. */
static struct vector *find(const struct pfs_deletions *d, const struct pfs_manifest_entry *file)
{
    int64_t from = 0, to = d->vectors;

    while (from < to) {
        int64_t mid = from + (to - from) / 2;

        if (strcmp(d->vector[mid].range->file, file->file.name) < 0)
            from = mid + 1;
        else
            to = mid;
    }
    for (; from < d->vectors && strcmp(d->vector[from].range->file, file->file.name) == 0; from++)
        if (d->vector[from].entry->bucket == file->bucket &&
            pfs_slice_eq(d->vector[from].entry->partition, file->partition))
            return &d->vector[from];
    return NULL;
}

int pfs_deletions_of(struct pfs_deletions *deletions, const struct pfs_manifest_entry *file,
                     const struct pfs_bitmap **out, struct pfs_err *err)
{
    struct vector *v = find(deletions, file);
    struct pfs_bitmap *rows, *mine = NULL;

    if (v == NULL) {
        *out = NULL;
        return 0;
    }
    pthread_mutex_lock(&deletions->lock);
    rows = v->rows;
    pthread_mutex_unlock(&deletions->lock);
    if (rows == NULL) {
        /* Outside the lock: two threads may both load, and the second copy is dropped. */
        PFS_TRY(load(deletions, v, &mine, err));
        pthread_mutex_lock(&deletions->lock);
        if (v->rows == NULL) {
            v->rows = mine;
            mine = NULL;
        }
        rows = v->rows;
        pthread_mutex_unlock(&deletions->lock);
        assert(rows != NULL);
        pfs_bitmap_free(mine);
    }
    *out = rows;
    return 0;
}

/* ---- a reader without the rows that are gone ---- */

struct apply {
    const struct pfs_bitmap *deleted;
    const struct pfs_row_range *range; /* NULL = one, to the end */
    int32_t ranges, at;
    int64_t next; /* position in the file of the row that comes next */
};

/* Rows [from, from + rows) of the batch are rows [first, first + rows) of the file: appends those that are not gone. */
static int64_t keep(const struct pfs_bitmap *deleted, int64_t first, int32_t from, int32_t rows, uint64_t *gone,
                    int32_t *kept)
{
    int64_t count = pfs_bitmap_values(deleted, (uint64_t)first, (uint64_t)(first + rows), gone, rows), n = 0;
    int32_t at = 0;

    assert(count <= rows);
    for (int64_t i = 0; i <= count; i++) { /* one more than there are: the rows behind the last one that is gone */
        int32_t stop = i < count ? (int32_t)((int64_t)gone[i] - first) : rows;

        for (; at < stop; at++)
            kept[n++] = from + at;
        at = stop + 1;
    }
    return n;
}

static int64_t apply_select(void *self, const struct pfs_batch *batch, struct pfs_arena *arena, int32_t *kept,
                            struct pfs_err *err)
{
    struct apply *a = self;
    int32_t done = 0, total = (int32_t)batch->rows;
    uint64_t *gone = pfs_arena_alloc(arena, (size_t)batch->rows * sizeof(*gone));
    int64_t n = 0;

    if (gone == NULL)
        return pfs_arena_full(arena, err);
    while (done < total) {
        int64_t left = INT64_MAX - a->next;
        int32_t rows;

        if (a->range != NULL) {
            while (a->at < a->ranges && a->next >= a->range[a->at].to)
                if (++a->at < a->ranges)
                    a->next = a->range[a->at].from;
            if (a->at == a->ranges)
                return pfs_fail(err, EIO, "a data file gave more rows than were asked for");
            left = a->range[a->at].to - a->next;
        }
        assert(left > 0);
        rows = left < total - done ? (int32_t)left : total - done;
        n += keep(a->deleted, a->next, done, rows, gone, kept + n);
        a->next += rows;
        done += rows;
    }
    assert(n <= total);
    return n;
}

static const struct pfs_sieve_ops apply_ops = {apply_select, pfs_free};

int pfs_deletions_apply(struct pfs_reader *in, const struct pfs_bitmap *deleted, const struct pfs_row_range *range,
                        int32_t ranges, struct pfs_reader **out, struct pfs_err *err)
{
    struct apply *a = pfs_zalloc(sizeof(*a));

    assert(deleted != NULL); /* a file that lost nothing is read as it is */
    if (a == NULL) {
        pfs_reader_close(in);
        return pfs_fail(err, ENOMEM, "no memory for a reader");
    }
    *a = (struct apply){.deleted = deleted, .range = range, .ranges = ranges};
    if (range != NULL && ranges > 0)
        a->next = range[0].from;
    return pfs_sieve_open(in, &apply_ops, a, -1, out, err);
}
