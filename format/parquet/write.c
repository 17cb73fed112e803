/* write.c - the file: row groups, the footer; lanes, which take the columns of a batch in parallel. */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/pool.h"
#include "format/parquet/thrift_write.h"
#include "format/parquet/write_column.h"

#define GROUP_BYTES ((int64_t)128 << 20)
#define LANES_MAX 8
#define LANE_ROWS 2000 /* of a batch: fewer are not worth a second thread */

struct lane { /* one thread's place to work */
    struct pfs_pq_out_scratch scratch;
    struct pfs_arena levels; /* of one column of one batch */
    int rc;
    struct pfs_err err;
};

struct writer {
    struct pfs_writer writer; /* first */
    struct pfs_file *file;
    struct pfs_parquet_write config;
    struct pfs_arena arena; /* tree */
    struct pfs_pq_out_node *tree;
    int32_t leaves;
    struct pfs_pq_out_column *column; /* one a leaf */
    struct lane lane[LANES_MAX];
    const struct pfs_batch *batch; /* at hand */
    atomic_int next;               /* its first column that no lane has taken */
    int64_t group_rows, rows;
    struct pfs_buf groups; /* RowGroup structs, printed as they end */
    size_t group_count;
    struct pfs_column_stats *stats;
    struct pfs_pq_out_cell (*cell)[2]; /* of bounds in stats */
    bool begun;
};

static int append(struct writer *w, const void *at, size_t len, struct pfs_err *err)
{
    return pfs_file_append(w->file, at, len, err);
}

static int begin(struct writer *w, struct pfs_err *err)
{
    if (w->begun)
        return 0;
    w->begun = true;
    return append(w, PFS_PQ_MAGIC, 4, err);
}

/* ---- metadata ---- */

static void put_statistics(struct pfs_thrift_out *t, const struct pfs_pq_out_column *c)
{
    struct pfs_buf bound = {0};
    int16_t outer = pfs_thrift_begin(t, PFS_PQ_META_STATISTICS);

    pfs_thrift_put_i64(t, PFS_PQ_STATS_NULLS, c->group.nulls);
    if (c->group.any && !c->group.unordered) {
        pfs_pq_out_print_bound(c, true, &bound);
        pfs_thrift_put_bytes(t, PFS_PQ_STATS_MAX, pfs_buf_slice(&bound));
        pfs_buf_clear(&bound);
        pfs_pq_out_print_bound(c, false, &bound);
        pfs_thrift_put_bytes(t, PFS_PQ_STATS_MIN, pfs_buf_slice(&bound));
        pfs_thrift_put_bool(t, PFS_PQ_STATS_MAX_EXACT, true);
        pfs_thrift_put_bool(t, PFS_PQ_STATS_MIN_EXACT, true);
    }
    if (bound.failed || c->group.min.failed || c->group.max.failed)
        t->buf->failed = true;
    pfs_buf_done(&bound);
    pfs_thrift_end(t, outer);
}

static int32_t codec_number(enum pfs_codec codec)
{
    static const int32_t numbers[] = {
        [PFS_CODEC_NONE] = PFS_PQ_CODEC_UNCOMPRESSED, [PFS_CODEC_ZSTD] = PFS_PQ_CODEC_ZSTD,
        [PFS_CODEC_LZ4] = PFS_PQ_CODEC_LZ4_RAW,       [PFS_CODEC_SNAPPY] = PFS_PQ_CODEC_SNAPPY,
        [PFS_CODEC_GZIP] = PFS_PQ_CODEC_GZIP,         [PFS_CODEC_DEFLATE] = PFS_PQ_CODEC_GZIP};

    return numbers[codec];
}

static void put_encodings(struct pfs_thrift_out *t, const struct pfs_pq_out_column *c)
{
    pfs_thrift_put_list(t, PFS_PQ_META_ENCODINGS, PFS_PQ_T_I32, 1u + c->has_plain_pages + c->has_dictionary_pages);
    if (c->has_dictionary_pages)
        pfs_buf_zigzag(t->buf, PFS_PQ_ENCODING_PLAIN_DICTIONARY);
    if (c->has_plain_pages)
        pfs_buf_zigzag(t->buf, PFS_PQ_ENCODING_PLAIN);
    pfs_buf_zigzag(t->buf, PFS_PQ_ENCODING_RLE);
}

/* A ColumnChunk of the group that just ended; `off` is where its first page stands. */
static void put_chunk(struct pfs_thrift_out *t, const struct writer *w, const struct pfs_pq_out_column *c, uint64_t off,
                      size_t dictionary)
{
    int16_t outer = pfs_thrift_element(t), meta;

    pfs_thrift_put_i64(t, PFS_PQ_CHUNK_FILE_OFFSET, (int64_t)off);
    meta = pfs_thrift_begin(t, PFS_PQ_CHUNK_META);
    pfs_thrift_put_i32(t, PFS_PQ_META_TYPE, (int32_t)c->node->physical);
    put_encodings(t, c);
    pfs_pq_out_put_path(t, c->node);
    pfs_thrift_put_i32(t, PFS_PQ_META_CODEC, codec_number(w->config.codec));
    pfs_thrift_put_i64(t, PFS_PQ_META_VALUES, c->values);
    pfs_thrift_put_i64(t, PFS_PQ_META_RAW_BYTES, c->raw_bytes);
    pfs_thrift_put_i64(t, PFS_PQ_META_COMPRESSED_BYTES, (int64_t)(dictionary + c->pages.len));
    pfs_thrift_put_i64(t, PFS_PQ_META_DATA_OFF, (int64_t)(off + dictionary));
    if (dictionary > 0)
        pfs_thrift_put_i64(t, PFS_PQ_META_DICTIONARY_OFF, (int64_t)off);
    if (c->node->parent == NULL)
        put_statistics(t, c);
    pfs_thrift_end(t, meta);
    pfs_thrift_end(t, outer);
}

static int write_chunk(struct writer *w, struct pfs_pq_out_column *c, struct pfs_thrift_out *t, int64_t *raw,
                       int64_t *packed, struct pfs_err *err)
{
    uint64_t off = pfs_file_size(w->file);
    struct pfs_buf dictionary = {0};
    int rc = pfs_pq_out_end_group(c, &dictionary, &w->lane[0].scratch, err);

    if (rc == 0)
        rc = append(w, dictionary.at, dictionary.len, err);
    if (rc == 0)
        rc = append(w, c->pages.at, c->pages.len, err);
    if (rc == 0) {
        put_chunk(t, w, c, off, dictionary.len);
        *raw += c->raw_bytes;
        *packed += (int64_t)(dictionary.len + c->pages.len);
    }
    pfs_buf_done(&dictionary);
    return rc;
}

static int end_group(struct writer *w, struct pfs_err *err)
{
    struct pfs_thrift_out t = {.buf = &w->groups};
    int64_t raw = 0, packed = 0;

    if (w->group_rows == 0)
        return 0;
    PFS_TRY(begin(w, err));
    pfs_thrift_put_list(&t, PFS_PQ_GROUP_COLUMNS, PFS_PQ_T_STRUCT, (size_t)w->leaves);
    for (int32_t i = 0; i < w->leaves; i++)
        PFS_TRY(write_chunk(w, &w->column[i], &t, &raw, &packed, err));
    pfs_thrift_put_i64(&t, PFS_PQ_GROUP_BYTES, raw);
    pfs_thrift_put_i64(&t, PFS_PQ_GROUP_ROWS, w->group_rows);
    pfs_thrift_put_i64(&t, PFS_PQ_GROUP_COMPRESSED_BYTES, packed);
    pfs_thrift_stop(&t);
    for (int32_t i = 0; i < w->leaves; i++)
        pfs_pq_out_next_group(&w->column[i]);
    w->group_count++;
    w->group_rows = 0;
    return pfs_buf_check(&w->groups, err);
}

/* ---- footer ---- */

/* Each leaf is ordered as its type says, so that readers trust the bounds. */
static void put_orders(struct pfs_thrift_out *t, int32_t leaves)
{
    pfs_thrift_put_list(t, PFS_PQ_FILE_COLUMN_ORDERS, PFS_PQ_T_STRUCT, (size_t)leaves);
    for (int32_t i = 0; i < leaves; i++) {
        int16_t outer = pfs_thrift_element(t), inner = pfs_thrift_begin(t, 1);

        pfs_thrift_end(t, inner);
        pfs_thrift_end(t, outer);
    }
}

static void print_footer(const struct writer *w, struct pfs_buf *out)
{
    struct pfs_thrift_out t = {.buf = out};

    pfs_thrift_put_i32(&t, PFS_PQ_FILE_VERSION, 1);
    pfs_pq_out_put_schema(&t, w->tree, w->config.columns);
    pfs_thrift_put_i64(&t, PFS_PQ_FILE_ROWS, w->rows);
    pfs_thrift_put_list(&t, PFS_PQ_FILE_ROW_GROUPS, PFS_PQ_T_STRUCT, w->group_count);
    pfs_buf_put(out, w->groups.at, w->groups.len);
    pfs_thrift_put_bytes(&t, PFS_PQ_FILE_CREATED_BY, pfs_str("paimonfs version " PFS_VERSION));
    put_orders(&t, w->leaves);
    pfs_thrift_stop(&t);
    pfs_buf_le32(out, (uint32_t)out->len);
    pfs_buf_puts(out, PFS_PQ_MAGIC);
}

/* ---- the writer ---- */

struct adding {
    struct writer *writer;
    struct lane *lane;
};

static int add_leaf(void *context, const struct pfs_pq_out_node *leaf, const struct pfs_pq_out_entries *entries,
                    struct pfs_err *err)
{
    const struct adding *a = context;

    return pfs_pq_out_add(&a->writer->column[leaf->leaf], entries, &a->lane->scratch, err);
}

static void lane_task(void *context, int index)
{
    struct writer *w = context;
    struct lane *lane = &w->lane[index];
    struct adding adding = {w, lane};
    int32_t i;

    lane->rc = 0;
    while (lane->rc == 0 && (i = atomic_fetch_add(&w->next, 1)) < w->config.columns) {
        pfs_arena_reset(&lane->levels);
        lane->rc = pfs_pq_out_levels(&w->tree[i], &w->batch->column[i], w->batch->rows, &lane->levels, add_leaf,
                                     &adding, &lane->err);
    }
}

/* All columns of a batch; which lane takes which makes no difference to the bytes. */
static int add_columns(struct writer *w, const struct pfs_batch *batch, struct pfs_err *err)
{
    int lanes = w->config.pool == NULL || batch->rows < LANE_ROWS ? 1 : pfs_pool_threads(w->config.pool) + 1;

    lanes = lanes < LANES_MAX ? lanes : LANES_MAX;
    lanes = lanes < w->config.columns ? lanes : w->config.columns;
    w->batch = batch;
    atomic_store(&w->next, 0);
    pfs_pool_run(w->config.pool, lanes, lane_task, w);
    for (int i = 0; i < lanes; i++)
        if (w->lane[i].rc < 0) {
            if (err != NULL)
                *err = w->lane[i].err;
            return w->lane[i].rc;
        }
    return 0;
}

static int writer_write(struct pfs_writer *self, const struct pfs_batch *batch, struct pfs_err *err)
{
    struct writer *w = (struct writer *)self;
    int64_t limit = w->config.row_group_bytes > 0 ? w->config.row_group_bytes : GROUP_BYTES, bytes = 0;

    PFS_TRY(add_columns(w, batch, err));
    w->group_rows += batch->rows;
    w->rows += batch->rows;
    for (int32_t i = 0; i < w->leaves; i++)
        bytes += w->column[i].raw_bytes;
    return bytes >= limit ? end_group(w, err) : 0;
}

static uint64_t writer_size(const struct pfs_writer *self)
{
    const struct writer *w = (const struct writer *)self;
    uint64_t size = pfs_file_size(w->file);

    for (int32_t i = 0; i < w->leaves; i++)
        size += pfs_pq_out_bytes(&w->column[i]);
    return size;
}

static int fill_stats(struct writer *w, struct pfs_err *err)
{
    for (int32_t i = 0; i < w->config.columns; i++) {
        const struct pfs_pq_out_node *node = &w->tree[i];
        const struct pfs_pq_out_bounds *all;
        struct pfs_column_stats *out = &w->stats[i];

        out->nulls = -1;
        if (node->form != PFS_PQ_OUT_LEAF)
            continue;
        all = &w->column[node->leaf].all;
        PFS_TRY(pfs_buf_check(&all->min, err));
        PFS_TRY(pfs_buf_check(&all->max, err));
        out->nulls = all->nulls;
        out->has_bounds = all->any && !all->unordered;
        if (!out->has_bounds)
            continue;
        out->min = pfs_pq_out_bound(all, false, node->type, &w->cell[i][0]);
        out->max = pfs_pq_out_bound(all, true, node->type, &w->cell[i][1]);
    }
    return 0;
}

static int writer_finish(struct pfs_writer *self, struct pfs_err *err)
{
    struct writer *w = (struct writer *)self;
    struct pfs_buf footer = {0};
    int rc = begin(w, err);

    if (rc == 0)
        rc = end_group(w, err);
    print_footer(w, &footer);
    if (rc == 0)
        rc = pfs_buf_check(&footer, err);
    if (rc == 0)
        rc = append(w, footer.at, footer.len, err);
    pfs_buf_done(&footer);
    return rc == 0 ? fill_stats(w, err) : rc;
}

static const struct pfs_column_stats *writer_stats(const struct pfs_writer *self)
{
    return ((const struct writer *)self)->stats;
}

static void writer_close(struct pfs_writer *self)
{
    struct writer *w = (struct writer *)self;

    for (int32_t i = 0; w->column != NULL && i < w->leaves; i++)
        pfs_pq_out_done(&w->column[i]);
    pfs_buf_done(&w->groups);
    for (int i = 0; i < LANES_MAX; i++) {
        pfs_buf_done(&w->lane[i].scratch.dense);
        pfs_buf_done(&w->lane[i].scratch.raw);
        pfs_buf_done(&w->lane[i].scratch.packed);
        pfs_arena_done(&w->lane[i].levels);
    }
    pfs_arena_done(&w->arena);
    pfs_free(w->column);
    pfs_free(w->stats);
    pfs_free(w->cell);
    pfs_free(w);
}

static const struct pfs_writer_ops writer_ops = {writer_write, writer_size, writer_finish, writer_stats, writer_close};

static void find_leaves(struct writer *w, const struct pfs_pq_out_node *node)
{
    if (node->form == PFS_PQ_OUT_LEAF)
        pfs_pq_out_init(&w->column[node->leaf], node, &w->config);
    for (int32_t i = 0; i < node->children; i++)
        find_leaves(w, &node->child[i]);
}

static int open_writer(struct writer *w, struct pfs_err *err)
{
    size_t columns = (size_t)w->config.columns;

    PFS_TRY(pfs_pq_out_tree(w->config.fields, w->config.columns, &w->arena, &w->tree, &w->leaves, err));
    w->column = pfs_alloc_array((size_t)w->leaves, sizeof(*w->column));
    w->stats = pfs_alloc_array(columns, sizeof(*w->stats));
    w->cell = pfs_alloc_array(columns, sizeof(*w->cell));
    if (w->column == NULL || w->stats == NULL || w->cell == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a Parquet file of %zu columns", columns);
    for (size_t i = 0; i < columns; i++)
        find_leaves(w, &w->tree[i]);
    return 0;
}

int pfs_parquet_create(struct pfs_file *file, const struct pfs_parquet_write *write, struct pfs_writer **out,
                       struct pfs_err *err)
{
    struct writer *w = pfs_zalloc(sizeof(*w));
    int rc;

    if (w == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a Parquet file");
    w->writer.ops = &writer_ops;
    w->file = file;
    w->config = *write;
    pfs_arena_init(&w->arena, PFS_ARENA_LIMIT);
    for (int i = 0; i < LANES_MAX; i++)
        pfs_arena_init(&w->lane[i].levels, PFS_ARENA_LIMIT);
    rc = open_writer(w, err);
    if (rc < 0) {
        writer_close(&w->writer);
        return rc;
    }
    *out = &w->writer;
    return 0;
}
