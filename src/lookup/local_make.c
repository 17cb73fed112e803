/* local_make.c - a data file made over: frames of a few rows each, their first keys, a bloom filter.
 *
 *   file     frame | frame | frame ...       PFS_LOCAL_ROWS rows each, all columns, number and kind
 *   memory   first key and place of each frame; a bit array of all keys
 *
 * The file has no name: it goes with the process. Whatever fails here is no failure of a lookup, which reads the data
 * file then, so no sentence is made.
 */
#include <assert.h>
#include <string.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "format/frame.h"
#include "src/lookup/local_internal.h"

#define BLOOM_BITS 10 /* a key */
#define KEY_BYTES_MAX ((size_t)256 << 20)
#define ROOM_MIN 64

struct pfs_local_making {
    struct pfs_locals *locals;
    struct pfs_local *local;
    struct pfs_arena arena; /* as long as this */
    struct pfs_arena batch;
    struct pfs_data_read read;
    struct pfs_manifest_entry entry;
    struct pfs_reader *reader;
    int32_t *place; /* of the trimmed key */
    struct pfs_buf frames;
    uint64_t off;
    int64_t row;
    uint64_t last_prefix; /* of the key of the row before it */
    struct pfs_buf last;  /* the whole of it, when a prefix is not enough */
};

uint64_t pfs_local_hash(const struct pfs_keys *keys, int64_t row)
{
    if (keys->exact)
        return pfs_hash64(&keys->prefix[row], sizeof(keys->prefix[row]), 0);
    return pfs_hash64(keys->bytes + keys->offset[row], keys->offset[row + 1] - keys->offset[row], 0);
}

const struct pfs_type **pfs_local_types(const struct pfs_schema *schema, struct pfs_arena *arena)
{
    static const struct pfs_type number = {.kind = PFS_BIGINT}, kind = {.kind = PFS_TINYINT};
    const struct pfs_type **type = pfs_arena_array(arena, (size_t)schema->columns + 2, sizeof(*type));

    for (int32_t i = 0; i < schema->columns && type != NULL; i++)
        type[i] = &schema->field[i].type;
    if (type != NULL) {
        type[schema->columns] = &number;
        type[schema->columns + 1] = &kind;
    }
    return type;
}

/* All columns, and what tells their place in a merge. Whoever asked may be gone before this is: it has its own. */
static int open_reader(struct pfs_local_making *m, const struct pfs_data_read *read,
                       const struct pfs_manifest_entry *entry)
{
    const struct pfs_schema *schema = read->schema;
    int32_t *column = pfs_arena_array(&m->arena, (size_t)schema->columns, sizeof(*column));

    m->place = pfs_arena_array(&m->arena, (size_t)schema->trimmed_keys, sizeof(*m->place));
    m->read = (struct pfs_data_read){.store = read->store,
                                     .table = pfs_arena_string(&m->arena, pfs_str(read->table)),
                                     .schema = schema,
                                     .schemas = pfs_schemas_ref(read->schemas),
                                     .columns = schema->columns,
                                     .column = column,
                                     .key_value = true,
                                     .ahead_bytes = (size_t)1 << 20};
    if (column == NULL || m->place == NULL || m->read.table == NULL)
        return -ENOMEM;
    for (int32_t i = 0; i < schema->columns; i++)
        column[i] = i;
    for (int32_t i = 0; i < schema->trimmed_keys; i++)
        m->place[i] = schema->trimmed_key[i];
    PFS_TRY(pfs_manifest_entry_copy(entry, &m->arena, &m->entry, NULL));
    return pfs_data_open(&m->read, &m->entry, &m->reader, NULL);
}

static int open_file(struct pfs_local_making *m)
{
    struct pfs_local *l = m->local;
    uint64_t rows = m->entry.file.rows > 0 ? (uint64_t)m->entry.file.rows : 1;

    l->bloom_bits = (rows * BLOOM_BITS + 63) / 64 * 64;
    l->bloom = pfs_zalloc(l->bloom_bits / 8);
    pfs_buf_init(&l->keys, KEY_BYTES_MAX);
    return l->bloom == NULL ? -ENOMEM : pfs_store_scratch(m->locals->dir, &l->file, NULL);
}

struct pfs_local_making *pfs_local_make_open(struct pfs_locals *locals, struct pfs_local *local,
                                             const struct pfs_data_read *read, const struct pfs_manifest_entry *entry)
{
    struct pfs_local_making *m = pfs_zalloc(sizeof(*m));

    assert(local->file == NULL && local->block == NULL); /* it is made once */
    if (m == NULL)
        return NULL;
    m->locals = locals;
    m->local = local;
    pfs_arena_init(&m->arena, PFS_ARENA_LIMIT);
    pfs_arena_init(&m->batch, PFS_BATCH_BYTES_MAX);
    pfs_buf_init(&m->frames, PFS_BATCH_BYTES_MAX);
    pfs_buf_init(&m->last, KEY_BYTES_MAX);
    if (open_reader(m, read, entry) < 0 || open_file(m) < 0) {
        pfs_local_make_close(m);
        return NULL;
    }
    return m;
}

void pfs_local_make_close(struct pfs_local_making *making)
{
    if (making == NULL)
        return;
    pfs_reader_close(making->reader);
    pfs_schemas_unref(making->read.schemas);
    pfs_buf_done(&making->frames);
    pfs_buf_done(&making->last);
    pfs_arena_done(&making->batch);
    pfs_arena_done(&making->arena);
    pfs_free(making);
}

struct pfs_local *pfs_local_made(struct pfs_local_making *making)
{
    return making->local;
}

struct pfs_locals *pfs_local_makes_for(struct pfs_local_making *making)
{
    return making->locals;
}

/* ---- rows ---- */

static void put_bloom(struct pfs_local *l, const struct pfs_keys *keys, int64_t rows)
{
    assert(l->bloom_bits > 0 && l->bloom_bits % 64 == 0);
    for (int64_t r = 0; r < rows; r++) {
        uint64_t hash = pfs_local_hash(keys, r);

        for (int i = 0; i < PFS_LOCAL_PROBES; i++) {
            uint64_t bit = (hash + (uint64_t)i * (hash >> 32 | 1)) % l->bloom_bits;

            l->bloom[bit >> 6] |= (uint64_t)1 << (bit & 63);
        }
    }
}

static int add_block(struct pfs_local_making *m, const struct pfs_keys *keys, int64_t row, size_t bytes)
{
    struct pfs_local *l = m->local;

    assert(l->blocks == 0 || l->exact == keys->exact);
    assert(bytes <= UINT32_MAX);
    if (l->blocks + 1 >= l->room) {
        int64_t room = l->room == 0 ? ROOM_MIN : 2 * l->room;
        struct pfs_local_block *more = pfs_realloc(l->block, (size_t)room * sizeof(*more));

        if (more == NULL)
            return -ENOMEM;
        l->block = more;
        l->room = room;
    }
    l->exact = keys->exact;
    l->block[l->blocks++] =
        (struct pfs_local_block){keys->prefix[row], (uint32_t)l->keys.len, (uint32_t)bytes, m->off, m->row};
    if (!keys->exact)
        pfs_buf_put(&l->keys, keys->bytes + keys->offset[row], keys->offset[row + 1] - keys->offset[row]);
    l->block[l->blocks] = (struct pfs_local_block){.key = (uint32_t)l->keys.len};
    m->off += bytes;
    return pfs_buf_check(&l->keys, NULL);
}

static int put_rows(struct pfs_local_making *m, const struct pfs_batch *batch, const struct pfs_keys *keys)
{
    struct pfs_column *column = pfs_arena_array(&m->batch, (size_t)batch->columns, sizeof(*column));

    assert(m->frames.len == 0); /* those of the batch before are in the file */
    if (column == NULL)
        return -ENOMEM;
    for (int64_t from = 0; from < batch->rows; from += PFS_LOCAL_ROWS) {
        int64_t rows = batch->rows - from < PFS_LOCAL_ROWS ? batch->rows - from : PFS_LOCAL_ROWS;
        size_t before = m->frames.len;

        for (int32_t i = 0; i < batch->columns; i++)
            PFS_TRY(pfs_column_slice(&batch->column[i], from, rows, &m->batch, &column[i], NULL));
        PFS_TRY(pfs_frame_put(&(struct pfs_batch){rows, batch->columns, column}, PFS_CODEC_LZ4, &m->frames, NULL));
        PFS_TRY(add_block(m, keys, from, m->frames.len - before));
        m->row += rows;
    }
    return 0;
}

/* Blocks are looked for by their first keys: a file that is not sorted throughout has no twin. */
static bool ascend(const struct pfs_local_making *m, const struct pfs_keys *keys, int64_t rows)
{
    const uint32_t offset[] = {0, (uint32_t)m->last.len};
    const struct pfs_keys last = {
        .prefix = &m->last_prefix, .exact = keys->exact, .offset = offset, .bytes = m->last.at};
    bool ascend = m->row == 0 || pfs_keys_compare(&last, 0, keys, 0) < 0;

    for (int64_t i = 1; i < rows && ascend; i++)
        ascend = pfs_keys_compare(keys, i - 1, keys, i) < 0;
    return ascend;
}

static int keep_last(struct pfs_local_making *m, const struct pfs_keys *keys, int64_t row)
{
    m->last_prefix = keys->prefix[row];
    pfs_buf_clear(&m->last);
    if (!keys->exact)
        pfs_buf_put(&m->last, keys->bytes + keys->offset[row], keys->offset[row + 1] - keys->offset[row]);
    return pfs_buf_check(&m->last, NULL);
}

int pfs_local_make_step(struct pfs_local_making *making)
{
    struct pfs_batch batch;
    struct pfs_keys keys;
    int64_t rows;

    pfs_arena_reset(&making->batch);
    rows = pfs_reader_next(making->reader, &making->batch, &batch, NULL);
    if (rows <= 0)
        return (int)rows;
    PFS_TRY(pfs_keys_of(&batch, making->place, making->read.schema->trimmed_keys, &making->batch, &keys, NULL));
    if (!ascend(making, &keys, rows))
        return -EIO;
    assert(batch.columns == making->read.schema->columns + 2);
    PFS_TRY(keep_last(making, &keys, rows - 1));
    put_bloom(making->local, &keys, rows);
    PFS_TRY(put_rows(making, &batch, &keys));
    PFS_TRY(pfs_file_append(making->local->file, making->frames.at, making->frames.len, NULL));
    pfs_buf_clear(&making->frames);
    return 1;
}
