/* write.c - the file: row groups, indexes of their pages, the footer.
 *
 *     "PAR1" | chunks of row group 0 | chunks of row group 1 | ...          written as the groups end
 *            | ColumnIndex of each chunk | OffsetIndex of each chunk |      all of them behind the last group
 *            | FileMetaData | le32 its length | "PAR1"
 *
 * Where an index will stand is not known when its row group ends, though its ColumnChunk must say so, in the middle of
 * a struct. Row groups are therefore printed without those fields, each chunk's gap noted (struct place), and put
 * together by print_footer.
 *
 * Columns are worked on in parallel, each by one task at a time; a task takes a set of scratch buffers from `idle` and
 * gives it back, so that there are as many sets as threads and not as columns. What is written does not depend on who
 * did it: chunks go into the file in the order of the leaves, by the caller alone.
 */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/mem.h"
#include "format/parquet/thrift_write.h"
#include "format/parquet/write_column.h"

#define GROUP_BYTES ((int64_t)128 << 20)
#define HELD_BYTES ((size_t)64 << 20)
#define PAGE_BYTES ((size_t)1 << 20)
#define PAGE_BYTES_LEAST ((size_t)32 << 10)
#define SHARED_VALUES 30000 /* of a batch: with fewer, waking others costs more than it saves */

struct writer {
    struct pfs_writer writer; /* first */
    struct pfs_file *file;
    struct pfs_parquet_write config;
    struct pfs_arena arena; /* tree */
    struct pfs_pq_out_node *tree;
    int32_t leaves;
    struct pfs_pq_out_column *column; /* one a leaf */
    int32_t *order;                   /* of columns in parallel work: those with texts, which take longest, first */
    struct pfs_pq_out_scratch *scratch, **idle; /* one for each thread; `idles` of them are not in use */
    int scratches, idles;
    pthread_mutex_t lock; /* guards idle, idles, failed */
    int32_t failed;       /* the first column that did; -1 = none */
    struct pfs_err failure;
    int64_t group_rows, rows;
    struct pfs_buf groups; /* RowGroup structs, printed as they end, without what is known of indexes of pages later */
    size_t group_count;
    struct pfs_buf column_indexes, offset_indexes; /* of all groups: they stand behind the last one */
    struct pfs_buf places;                         /* of struct place: a chunk's each */
    struct pfs_column_stats *stats;
    struct pfs_pq_out_cell (*cell)[2]; /* of bounds in stats */
    bool begun;
};

/* Where in `groups` a chunk lacks the places of its indexes, and how long these are: 0 = there is none. */
struct place {
    uint64_t at;
    uint32_t column_bytes, offset_bytes;
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

/* ---- columns, each by itself ---- */

struct work {
    struct writer *writer;
    const struct pfs_batch *batch; /* to add; NULL: the row group ends */
};

struct leaf_work {
    struct writer *writer;
    struct pfs_pq_out_scratch *scratch;
};

static struct pfs_pq_out_scratch *take_scratch(struct writer *w)
{
    struct pfs_pq_out_scratch *s;

    pthread_mutex_lock(&w->lock);
    assert(w->idles > 0); /* a set for each thread that there is */
    s = w->idle[--w->idles];
    pthread_mutex_unlock(&w->lock);
    return s;
}

/* Of columns that fail, the first one speaks, whoever was faster. */
static void give_back(struct writer *w, struct pfs_pq_out_scratch *s, int32_t column, int rc, const struct pfs_err *err)
{
    pthread_mutex_lock(&w->lock);
    assert(w->idles < w->scratches);
    w->idle[w->idles++] = s;
    if (rc < 0 && (w->failed < 0 || column < w->failed)) {
        w->failed = column;
        w->failure = *err;
        w->failure.code = -rc;
    }
    pthread_mutex_unlock(&w->lock);
}

static int add_leaf(void *context, const struct pfs_pq_out_node *leaf, const struct pfs_pq_out_entries *entries,
                    struct pfs_err *err)
{
    const struct leaf_work *work = context;
    struct pfs_pq_out_column *c = &work->writer->column[leaf->leaf];

    assert(c->node == leaf);
    c->scratch = work->scratch;
    return pfs_pq_out_add(c, entries, err);
}

/* All leaves of one column of the table, by the same task: they share its scratch. */
static int end_leaves(const struct leaf_work *work, const struct pfs_pq_out_node *node, struct pfs_err *err)
{
    if (node->form == PFS_PQ_OUT_LEAF) {
        work->writer->column[node->leaf].scratch = work->scratch;
        return pfs_pq_out_end_group(&work->writer->column[node->leaf], err);
    }
    for (int32_t i = 0; i < node->children; i++)
        PFS_TRY(end_leaves(work, &node->child[i], err));
    return 0;
}

static void column_task(void *context, int index)
{
    const struct work *work = context;
    struct writer *w = work->writer;
    int32_t column = w->order[index];
    struct leaf_work leaf = {w, take_scratch(w)};
    struct pfs_err err = {0};
    int rc;

    if (work->batch == NULL) {
        rc = end_leaves(&leaf, &w->tree[column], &err);
    } else {
        rc = pfs_pq_out_levels(&w->tree[column], &work->batch->column[column], work->batch->rows, &leaf.scratch->levels,
                               add_leaf, &leaf, &err);
        pfs_arena_reset(&leaf.scratch->levels);
    }
    give_back(w, leaf.scratch, column, rc, &err);
}

static int each_column(struct writer *w, const struct pfs_batch *batch, bool shared, struct pfs_err *err)
{
    struct work work = {w, batch};

    pfs_pool_run(shared ? w->config.pool : NULL, w->config.columns, column_task, &work);
    if (w->failed < 0)
        return 0;
    return pfs_fail(err, w->failure.code, "%s", w->failure.text);
}

/* ---- metadata ---- */

/* One bound; `scratch` is emptied for the next, and its failure passed on before it is forgotten. */
static void put_bound(struct pfs_thrift_out *t, int16_t id, const struct pfs_pq_out_column *c, bool max,
                      struct pfs_buf *scratch)
{
    pfs_pq_out_put_bound(&c->group, c->node, max, scratch);
    pfs_thrift_put_bytes(t, id, pfs_buf_slice(scratch));
    t->buf->failed |= scratch->failed;
    pfs_buf_clear(scratch);
}

static void put_statistics(struct pfs_thrift_out *t, const struct pfs_pq_out_column *c)
{
    struct pfs_buf bound = {0};
    int16_t outer = pfs_thrift_begin(t, PFS_PQ_META_STATISTICS);

    pfs_thrift_put_i64(t, PFS_PQ_STATS_NULLS, c->group.nulls);
    if (c->group.any && !c->group.unordered) {
        put_bound(t, PFS_PQ_STATS_MAX, c, true, &bound);
        put_bound(t, PFS_PQ_STATS_MIN, c, false, &bound);
        pfs_thrift_put_bool(t, PFS_PQ_STATS_MAX_EXACT, true);
        pfs_thrift_put_bool(t, PFS_PQ_STATS_MIN_EXACT, true);
    }
    if (c->group.min.failed || c->group.max.failed)
        t->buf->failed = true;
    pfs_buf_done(&bound);
    pfs_thrift_end(t, outer);
}

static int32_t codec_number(enum pfs_codec codec)
{
    static const int32_t numbers[] = {[PFS_CODEC_NONE] = PFS_PQ_CODEC_UNCOMPRESSED,
                                      [PFS_CODEC_ZSTD] = PFS_PQ_CODEC_ZSTD,
                                      [PFS_CODEC_LZ4] = PFS_PQ_CODEC_LZ4_RAW,
                                      [PFS_CODEC_SNAPPY] = PFS_PQ_CODEC_SNAPPY,
                                      [PFS_CODEC_GZIP] = PFS_PQ_CODEC_GZIP};

    assert(codec <= PFS_CODEC_GZIP); /* deflate was refused: it has no number, as gzip frames what it does not */
    return numbers[codec];
}

/* All that occur in the chunk's pages; RLE is that of the levels. */
static void put_encodings(struct pfs_thrift_out *t, const struct pfs_pq_out_column *c)
{
    pfs_thrift_put_list(t, PFS_PQ_META_ENCODINGS, PFS_PQ_T_I32,
                        1u + c->has_plain_pages + c->has_dictionary_pages + c->has_delta_pages);
    if (c->has_dictionary_pages)
        pfs_buf_zigzag(t->buf, PFS_PQ_ENCODING_PLAIN_DICTIONARY);
    if (c->has_plain_pages)
        pfs_buf_zigzag(t->buf, PFS_PQ_ENCODING_PLAIN);
    if (c->has_delta_pages)
        pfs_buf_zigzag(t->buf, PFS_PQ_ENCODING_DELTA_BINARY_PACKED);
    pfs_buf_zigzag(t->buf, PFS_PQ_ENCODING_RLE);
}

/* A group whose columns have a page each is known by its statistics alone. */
static bool is_indexed(const struct writer *w)
{
    bool indexed = false;

    for (int32_t i = 0; i < w->leaves; i++)
        indexed |= w->column[i].known.pages > 1;
    return indexed;
}

/* Of one chunk: kept until the file ends, with the gap that says where they are noted. */
static void put_indexes(struct writer *w, const struct pfs_pq_out_column *c, uint64_t off)
{
    struct place place = {.at = w->groups.len};
    size_t columns = w->column_indexes.len, offsets = w->offset_indexes.len;

    if (is_indexed(w)) {
        pfs_pq_out_index_put_columns(&c->known, &w->column_indexes);
        pfs_pq_out_index_put_offsets(&c->known, off, &w->offset_indexes);
        place.column_bytes = (uint32_t)(w->column_indexes.len - columns);
        place.offset_bytes = (uint32_t)(w->offset_indexes.len - offsets);
    }
    pfs_buf_put(&w->places, &place, sizeof(place));
}

/* A ColumnChunk of the group that just ended; `off` is where its first page stands. */
static void put_chunk(struct pfs_thrift_out *t, struct writer *w, const struct pfs_pq_out_column *c, uint64_t off)
{
    size_t dictionary = c->dictionary_page.bytes;
    int16_t outer = pfs_thrift_element(t), meta;

    pfs_thrift_put_i64(t, PFS_PQ_CHUNK_FILE_OFFSET, (int64_t)off);
    meta = pfs_thrift_begin(t, PFS_PQ_CHUNK_META);
    pfs_thrift_put_i32(t, PFS_PQ_META_TYPE, (int32_t)c->node->physical);
    put_encodings(t, c);
    pfs_pq_out_put_path(t, c->node);
    pfs_thrift_put_i32(t, PFS_PQ_META_CODEC, codec_number(w->config.codec));
    pfs_thrift_put_i64(t, PFS_PQ_META_VALUES, c->values);
    pfs_thrift_put_i64(t, PFS_PQ_META_RAW_BYTES, c->raw_bytes);
    pfs_thrift_put_i64(t, PFS_PQ_META_COMPRESSED_BYTES, (int64_t)(dictionary + c->pages.bytes));
    pfs_thrift_put_i64(t, PFS_PQ_META_DATA_OFF, (int64_t)(off + dictionary));
    if (dictionary > 0)
        pfs_thrift_put_i64(t, PFS_PQ_META_DICTIONARY_OFF, (int64_t)off);
    if (c->node->parent == NULL)
        put_statistics(t, c);
    pfs_thrift_end(t, meta);
    put_indexes(w, c, off + dictionary);
    pfs_thrift_end(t, outer);
}

static int write_chunk(struct writer *w, struct pfs_pq_out_column *c, struct pfs_thrift_out *t, int64_t *raw,
                       int64_t *packed, struct pfs_err *err)
{
    uint64_t off = pfs_file_size(w->file);

    PFS_TRY(pfs_pq_pages_append(&c->dictionary_page, w->file, err));
    PFS_TRY(pfs_pq_pages_append(&c->pages, w->file, err));
    put_chunk(t, w, c, off);
    *raw += c->raw_bytes;
    *packed += (int64_t)(c->dictionary_page.bytes + c->pages.bytes);
    return 0;
}

static int end_group(struct writer *w, struct pfs_err *err)
{
    struct pfs_thrift_out t = {.buf = &w->groups};
    int64_t raw = 0, packed = 0;

    if (w->group_rows == 0)
        return 0;
    assert(w->idles == w->scratches); /* nobody works on a column */
    PFS_TRY(begin(w, err));
    PFS_TRY(each_column(w, NULL, true, err));
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
    PFS_TRY(pfs_buf_check(&w->column_indexes, err));
    PFS_TRY(pfs_buf_check(&w->offset_indexes, err));
    PFS_TRY(pfs_buf_check(&w->places, err));
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

/* The row groups, each chunk with where its indexes are: behind each other in the file, those of columns first. */
static void put_groups(const struct writer *w, uint64_t columns, struct pfs_buf *out)
{
    uint64_t offsets = columns + w->column_indexes.len, done = 0;

    for (size_t at = 0; at < w->places.len; at += sizeof(struct place)) {
        struct pfs_thrift_out t = {.buf = out, .last = PFS_PQ_CHUNK_META};
        struct place place;

        memcpy(&place, w->places.at + at, sizeof(place));
        assert(place.at >= done); /* gaps come in the order of the file */
        assert(place.at <= w->groups.len);
        pfs_buf_put(out, w->groups.at + done, (size_t)(place.at - done));
        done = place.at;
        if (place.offset_bytes > 0) {
            pfs_thrift_put_i64(&t, PFS_PQ_CHUNK_OFFSET_INDEX_OFF, (int64_t)offsets);
            pfs_thrift_put_i32(&t, PFS_PQ_CHUNK_OFFSET_INDEX_BYTES, (int32_t)place.offset_bytes);
        }
        if (place.column_bytes > 0) {
            pfs_thrift_put_i64(&t, PFS_PQ_CHUNK_COLUMN_INDEX_OFF, (int64_t)columns);
            pfs_thrift_put_i32(&t, PFS_PQ_CHUNK_COLUMN_INDEX_BYTES, (int32_t)place.column_bytes);
        }
        offsets += place.offset_bytes;
        columns += place.column_bytes;
    }
    if (w->groups.len > done)
        pfs_buf_put(out, w->groups.at + done, w->groups.len - (size_t)done);
}

static void print_footer(const struct writer *w, uint64_t indexes, struct pfs_buf *out)
{
    struct pfs_thrift_out t = {.buf = out};

    pfs_thrift_put_i32(&t, PFS_PQ_FILE_VERSION, 1);
    pfs_pq_out_put_schema(&t, w->tree, w->config.columns);
    pfs_thrift_put_i64(&t, PFS_PQ_FILE_ROWS, w->rows);
    pfs_thrift_put_list(&t, PFS_PQ_FILE_ROW_GROUPS, PFS_PQ_T_STRUCT, w->group_count);
    put_groups(w, indexes, out);
    pfs_thrift_put_bytes(&t, PFS_PQ_FILE_CREATED_BY, pfs_str("paimonfs version " PFS_VERSION));
    put_orders(&t, w->leaves);
    pfs_thrift_stop(&t);
    pfs_buf_le32(out, (uint32_t)out->len);
    pfs_buf_puts(out, PFS_PQ_MAGIC);
}

/* ---- the writer ---- */

size_t pfs_parquet_held(const struct pfs_writer *writer)
{
    const struct writer *w = (const struct writer *)writer;
    size_t held = w->groups.cap + w->column_indexes.cap + w->offset_indexes.cap + w->places.cap;

    for (int32_t i = 0; i < w->leaves; i++)
        held += pfs_pq_out_held(&w->column[i]);
    for (int i = 0; i < w->scratches; i++)
        held += w->scratch[i].dense.cap + w->scratch[i].raw.cap + w->scratch[i].packed.cap + w->scratch[i].used.cap;
    return held;
}

/* Row groups end by what their pages have before compression, as Paimon Java's do, or by the memory that waits. */
static int writer_write(struct pfs_writer *self, const struct pfs_batch *batch, struct pfs_err *err)
{
    struct writer *w = (struct writer *)self;
    int64_t limit = w->config.row_group_bytes > 0 ? w->config.row_group_bytes : GROUP_BYTES, bytes = 0;
    size_t held = 0;

    assert(batch->columns == w->config.columns);
    assert(w->failed < 0); /* after an error only close is legal */
    PFS_TRY(each_column(w, batch, batch->rows * w->config.columns >= SHARED_VALUES, err));
    w->group_rows += batch->rows;
    w->rows += batch->rows;
    for (int32_t i = 0; i < w->leaves; i++) {
        bytes += w->column[i].raw_bytes;
        held += pfs_pq_out_waiting(&w->column[i]);
    }
    return bytes >= limit || held >= w->config.held_bytes ? end_group(w, err) : 0;
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

/* The footer is printed even after a failure, which costs nothing, and then not written. */
static int writer_finish(struct pfs_writer *self, struct pfs_err *err)
{
    struct writer *w = (struct writer *)self;
    struct pfs_buf footer = {0};
    uint64_t indexes;
    int rc = begin(w, err);

    if (rc == 0)
        rc = end_group(w, err);
    indexes = pfs_file_size(w->file);
    if (rc == 0 && w->offset_indexes.len > 0) {
        rc = append(w, w->column_indexes.at, w->column_indexes.len, err);
        if (rc == 0)
            rc = append(w, w->offset_indexes.at, w->offset_indexes.len, err);
    }
    print_footer(w, indexes, &footer);
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
    for (int i = 0; w->scratch != NULL && i < w->scratches; i++) {
        pfs_buf_done(&w->scratch[i].dense);
        pfs_buf_done(&w->scratch[i].raw);
        pfs_buf_done(&w->scratch[i].packed);
        pfs_buf_done(&w->scratch[i].used);
        pfs_arena_done(&w->scratch[i].levels);
    }
    pfs_buf_done(&w->groups);
    pfs_buf_done(&w->column_indexes);
    pfs_buf_done(&w->offset_indexes);
    pfs_buf_done(&w->places);
    pfs_arena_done(&w->arena);
    pthread_mutex_destroy(&w->lock);
    pfs_free(w->order);
    pfs_free(w->scratch);
    pfs_free(w->idle);
    pfs_free(w->column);
    pfs_free(w->stats);
    pfs_free(w->cell);
    pfs_free(w);
}

static const struct pfs_writer_ops writer_ops = {writer_write, writer_size, writer_finish, writer_stats, writer_close};

/* Leaves below a column that rows are looked for by are all looked for. */
static void find_leaves(struct writer *w, const struct pfs_pq_out_node *node, bool sought)
{
    if (node->form == PFS_PQ_OUT_LEAF)
        pfs_pq_out_init(&w->column[node->leaf], node, &w->config, sought);
    for (int32_t i = 0; i < node->children; i++)
        find_leaves(w, &node->child[i], sought);
}

static void choose_order(struct writer *w)
{
    int32_t at = 0;

    for (int round = 0; round < 2; round++)
        for (int32_t i = 0; i < w->config.columns; i++)
            if ((pfs_type_width(&w->config.fields[i].type) > 0) == (round == 1))
                w->order[at++] = i;
    assert(at == w->config.columns);
}

/* A page of every leaf is in the making at once: half of the memory is for them. */
static int32_t page_bytes(size_t held_bytes, size_t leaves)
{
    size_t share = leaves == 0 ? PAGE_BYTES : held_bytes / 2 / leaves;

    return (int32_t)(share > PAGE_BYTES ? PAGE_BYTES : share < PAGE_BYTES_LEAST ? PAGE_BYTES_LEAST : share);
}

static int open_writer(struct writer *w, struct pfs_err *err)
{
    size_t columns = (size_t)w->config.columns;

    if (w->config.codec == PFS_CODEC_DEFLATE)
        return pfs_fail(err, EINVAL, "deflate is no codec of Parquet");
    w->scratches = w->config.pool == NULL ? 1 : pfs_pool_threads(w->config.pool) + 2; /* urgent worker, caller */

    PFS_TRY(pfs_pq_out_tree(w->config.fields, w->config.columns, &w->arena, &w->tree, &w->leaves, err));
    w->column = pfs_alloc_array((size_t)w->leaves, sizeof(*w->column));
    w->stats = pfs_alloc_array(columns, sizeof(*w->stats));
    w->cell = pfs_alloc_array(columns, sizeof(*w->cell));
    w->order = pfs_alloc_array(columns, sizeof(*w->order));
    w->scratch = pfs_alloc_array((size_t)w->scratches, sizeof(*w->scratch));
    w->idle = pfs_alloc_array((size_t)w->scratches, sizeof(*w->idle));
    if (w->column == NULL || w->stats == NULL || w->cell == NULL || w->order == NULL || w->scratch == NULL ||
        w->idle == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a Parquet file of %zu columns", columns);
    if (w->config.page_bytes <= 0)
        w->config.page_bytes = page_bytes(w->config.held_bytes, (size_t)w->leaves);
    for (size_t i = 0; i < columns; i++)
        find_leaves(w, &w->tree[i], w->config.sought != NULL && w->config.sought[i]);
    for (w->idles = 0; w->idles < w->scratches; w->idles++) {
        pfs_arena_init(&w->scratch[w->idles].levels, PFS_ARENA_LIMIT);
        w->idle[w->idles] = &w->scratch[w->idles];
    }
    w->config.sought = NULL; /* the caller's */
    choose_order(w);
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
    if (w->config.held_bytes == 0)
        w->config.held_bytes = HELD_BYTES;
    w->failed = -1;
    pthread_mutex_init(&w->lock, NULL);
    rc = open_writer(w, err);
    if (rc < 0) {
        writer_close(&w->writer);
        return rc;
    }
    *out = &w->writer;
    return 0;
}
