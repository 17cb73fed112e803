/* write.c - the file: row groups, the footer. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "format/parquet/thrift_write.h"
#include "format/parquet/write_column.h"

#define GROUP_BYTES ((int64_t)128 << 20)

struct writer {
    struct pfs_writer writer; /* first */
    struct pfs_file *file;
    struct pfs_parquet_write config;
    struct pfs_pq_out_column *column;
    int64_t group_rows, rows;
    struct pfs_buf groups; /* RowGroup structs, printed as they end */
    size_t group_count;
    struct pfs_column_stats *stats;
    int32_t (*offsets)[2][2]; /* of text bounds in stats */
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
    bool bounds = c->group.any && !c->group.unordered;

    pfs_thrift_put_i64(t, PFS_PQ_STATS_NULLS, c->group.nulls);
    if (bounds) {
        pfs_pq_out_print_bound(c, &c->group.max, &bound);
        pfs_thrift_put_bytes(t, PFS_PQ_STATS_MAX, pfs_buf_slice(&bound));
        pfs_buf_clear(&bound);
        pfs_pq_out_print_bound(c, &c->group.min, &bound);
        pfs_thrift_put_bytes(t, PFS_PQ_STATS_MIN, pfs_buf_slice(&bound));
        pfs_thrift_put_bool(t, PFS_PQ_STATS_MAX_EXACT, true);
        pfs_thrift_put_bool(t, PFS_PQ_STATS_MIN_EXACT, true);
    }
    if (bound.failed)
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
    struct pfs_slice name = pfs_str(c->field->name);

    pfs_thrift_put_i64(t, PFS_PQ_CHUNK_FILE_OFFSET, (int64_t)off);
    meta = pfs_thrift_begin(t, PFS_PQ_CHUNK_META);
    pfs_thrift_put_i32(t, PFS_PQ_META_TYPE, (int32_t)c->physical);
    put_encodings(t, c);
    pfs_thrift_put_list(t, PFS_PQ_META_PATH, PFS_PQ_T_BINARY, 1);
    pfs_buf_uleb(t->buf, name.len);
    pfs_buf_put(t->buf, name.at, name.len);
    pfs_thrift_put_i32(t, PFS_PQ_META_CODEC, codec_number(w->config.codec));
    pfs_thrift_put_i64(t, PFS_PQ_META_VALUES, c->values);
    pfs_thrift_put_i64(t, PFS_PQ_META_RAW_BYTES, c->raw_bytes);
    pfs_thrift_put_i64(t, PFS_PQ_META_COMPRESSED_BYTES, (int64_t)(dictionary + c->pages.len));
    pfs_thrift_put_i64(t, PFS_PQ_META_DATA_OFF, (int64_t)(off + dictionary));
    if (dictionary > 0)
        pfs_thrift_put_i64(t, PFS_PQ_META_DICTIONARY_OFF, (int64_t)off);
    put_statistics(t, c);
    pfs_thrift_end(t, meta);
    pfs_thrift_end(t, outer);
}

static int write_chunk(struct writer *w, struct pfs_pq_out_column *c, struct pfs_thrift_out *t, int64_t *raw,
                       int64_t *packed, struct pfs_err *err)
{
    uint64_t off = pfs_file_size(w->file);
    struct pfs_buf dictionary = {0};
    int rc = pfs_pq_out_end_group(c, &dictionary, err);

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
    pfs_thrift_put_list(&t, PFS_PQ_GROUP_COLUMNS, PFS_PQ_T_STRUCT, (size_t)w->config.columns);
    for (int32_t i = 0; i < w->config.columns; i++)
        PFS_TRY(write_chunk(w, &w->column[i], &t, &raw, &packed, err));
    pfs_thrift_put_i64(&t, PFS_PQ_GROUP_BYTES, raw);
    pfs_thrift_put_i64(&t, PFS_PQ_GROUP_ROWS, w->group_rows);
    pfs_thrift_put_i64(&t, PFS_PQ_GROUP_COMPRESSED_BYTES, packed);
    pfs_thrift_stop(&t);
    for (int32_t i = 0; i < w->config.columns; i++)
        pfs_pq_out_next_group(&w->column[i]);
    w->group_count++;
    w->group_rows = 0;
    return pfs_buf_check(&w->groups, err);
}

/* ---- footer ---- */

static void put_integer_type(struct pfs_thrift_out *t, int8_t bits)
{
    int16_t logical = pfs_thrift_begin(t, PFS_PQ_SCHEMA_LOGICAL), inner = pfs_thrift_begin(t, PFS_PQ_LOGICAL_INTEGER);

    pfs_thrift_put_i8(t, PFS_PQ_INTEGER_BITS, bits);
    pfs_thrift_put_bool(t, PFS_PQ_INTEGER_SIGNED, true);
    pfs_thrift_end(t, inner);
    pfs_thrift_end(t, logical);
}

static void put_empty_type(struct pfs_thrift_out *t, int16_t which)
{
    int16_t logical = pfs_thrift_begin(t, PFS_PQ_SCHEMA_LOGICAL), inner = pfs_thrift_begin(t, which);

    pfs_thrift_end(t, inner);
    pfs_thrift_end(t, logical);
}

static void put_time_type(struct pfs_thrift_out *t, int16_t which, bool utc, int16_t unit)
{
    int16_t logical = pfs_thrift_begin(t, PFS_PQ_SCHEMA_LOGICAL), inner = pfs_thrift_begin(t, which), units, one;

    pfs_thrift_put_bool(t, PFS_PQ_TIME_UTC, utc);
    units = pfs_thrift_begin(t, PFS_PQ_TIME_UNIT);
    one = pfs_thrift_begin(t, unit);
    pfs_thrift_end(t, one);
    pfs_thrift_end(t, units);
    pfs_thrift_end(t, inner);
    pfs_thrift_end(t, logical);
}

static void put_decimal_type(struct pfs_thrift_out *t, const struct pfs_type *type)
{
    int16_t logical = pfs_thrift_begin(t, PFS_PQ_SCHEMA_LOGICAL), inner = pfs_thrift_begin(t, PFS_PQ_LOGICAL_DECIMAL);

    pfs_thrift_put_i32(t, PFS_PQ_DECIMAL_SCALE, type->scale);
    pfs_thrift_put_i32(t, PFS_PQ_DECIMAL_PRECISION, type->precision);
    pfs_thrift_end(t, inner);
    pfs_thrift_end(t, logical);
}

/* The annotation of before the logical types; -1 = none. */
static int32_t converted(const struct pfs_type *type)
{
    switch (type->kind) {
    case PFS_TINYINT:
        return PFS_PQ_CONVERTED_INT_8;
    case PFS_SMALLINT:
        return PFS_PQ_CONVERTED_INT_16;
    case PFS_DECIMAL:
        return PFS_PQ_CONVERTED_DECIMAL;
    case PFS_CHAR:
    case PFS_VARCHAR:
        return PFS_PQ_CONVERTED_UTF8;
    case PFS_DATE:
        return PFS_PQ_CONVERTED_DATE;
    case PFS_TIME:
        return PFS_PQ_CONVERTED_TIME_MILLIS;
    case PFS_TIMESTAMP_LTZ: /* the old ones mean UTC: not for TIMESTAMP */
        return type->precision > 6   ? -1
               : type->precision > 3 ? PFS_PQ_CONVERTED_TIMESTAMP_MICROS
                                     : PFS_PQ_CONVERTED_TIMESTAMP_MILLIS;
    case PFS_BOOLEAN:
    case PFS_INT:
    case PFS_BIGINT:
    case PFS_FLOAT:
    case PFS_DOUBLE:
    case PFS_BINARY:
    case PFS_VARBINARY:
    case PFS_TIMESTAMP:
    case PFS_VARIANT:
    case PFS_BLOB:
    case PFS_ARRAY:
    case PFS_MAP:
    case PFS_MULTISET:
    case PFS_ROW:
    case PFS_KIND_COUNT:
        break;
    }
    return -1;
}

static void put_logical(struct pfs_thrift_out *t, const struct pfs_type *type)
{
    if (type->kind == PFS_TINYINT || type->kind == PFS_SMALLINT)
        put_integer_type(t, type->kind == PFS_TINYINT ? 8 : 16);
    else if (pfs_kind_is_text(type->kind))
        put_empty_type(t, PFS_PQ_LOGICAL_STRING);
    else if (type->kind == PFS_DATE)
        put_empty_type(t, PFS_PQ_LOGICAL_DATE);
    else if (type->kind == PFS_DECIMAL)
        put_decimal_type(t, type);
    else if (type->kind == PFS_TIME)
        put_time_type(t, PFS_PQ_LOGICAL_TIME, true, PFS_PQ_MILLIS);
    else if ((type->kind == PFS_TIMESTAMP || type->kind == PFS_TIMESTAMP_LTZ) && type->precision <= 6)
        put_time_type(t, PFS_PQ_LOGICAL_TIMESTAMP, type->kind == PFS_TIMESTAMP_LTZ,
                      type->precision <= 3 ? PFS_PQ_MILLIS : PFS_PQ_MICROS);
}

static void put_element(struct pfs_thrift_out *t, const struct pfs_pq_out_column *c)
{
    const struct pfs_type *type = &c->field->type;
    int16_t outer = pfs_thrift_element(t);

    pfs_thrift_put_i32(t, PFS_PQ_SCHEMA_TYPE, (int32_t)c->physical);
    if (c->physical == PFS_PQ_FIXED_LEN_BYTE_ARRAY)
        pfs_thrift_put_i32(t, PFS_PQ_SCHEMA_TYPE_LENGTH, c->width);
    pfs_thrift_put_i32(t, PFS_PQ_SCHEMA_REPETITION, c->required ? PFS_PQ_REQUIRED : PFS_PQ_OPTIONAL);
    pfs_thrift_put_bytes(t, PFS_PQ_SCHEMA_NAME, pfs_str(c->field->name));
    if (converted(type) >= 0)
        pfs_thrift_put_i32(t, PFS_PQ_SCHEMA_CONVERTED, converted(type));
    if (type->kind == PFS_DECIMAL) {
        pfs_thrift_put_i32(t, PFS_PQ_SCHEMA_SCALE, type->scale);
        pfs_thrift_put_i32(t, PFS_PQ_SCHEMA_PRECISION, type->precision);
    }
    if (c->field->id >= 0)
        pfs_thrift_put_i32(t, PFS_PQ_SCHEMA_FIELD_ID, c->field->id);
    put_logical(t, type);
    pfs_thrift_end(t, outer);
}

static void put_schema(struct pfs_thrift_out *t, const struct writer *w)
{
    int16_t outer;

    pfs_thrift_put_list(t, PFS_PQ_FILE_SCHEMA, PFS_PQ_T_STRUCT, (size_t)w->config.columns + 1);
    outer = pfs_thrift_element(t);
    pfs_thrift_put_bytes(t, PFS_PQ_SCHEMA_NAME, pfs_str("paimon_schema"));
    pfs_thrift_put_i32(t, PFS_PQ_SCHEMA_CHILDREN, w->config.columns);
    pfs_thrift_end(t, outer);
    for (int32_t i = 0; i < w->config.columns; i++)
        put_element(t, &w->column[i]);
}

/* Each column is ordered as its type says, so that readers trust the bounds. */
static void put_orders(struct pfs_thrift_out *t, int32_t columns)
{
    pfs_thrift_put_list(t, PFS_PQ_FILE_COLUMN_ORDERS, PFS_PQ_T_STRUCT, (size_t)columns);
    for (int32_t i = 0; i < columns; i++) {
        int16_t outer = pfs_thrift_element(t), inner = pfs_thrift_begin(t, 1);

        pfs_thrift_end(t, inner);
        pfs_thrift_end(t, outer);
    }
}

static void print_footer(const struct writer *w, struct pfs_buf *out)
{
    struct pfs_thrift_out t = {.buf = out};

    pfs_thrift_put_i32(&t, PFS_PQ_FILE_VERSION, 1);
    put_schema(&t, w);
    pfs_thrift_put_i64(&t, PFS_PQ_FILE_ROWS, w->rows);
    pfs_thrift_put_list(&t, PFS_PQ_FILE_ROW_GROUPS, PFS_PQ_T_STRUCT, w->group_count);
    pfs_buf_put(out, w->groups.at, w->groups.len);
    pfs_thrift_put_bytes(&t, PFS_PQ_FILE_CREATED_BY, pfs_str("paimonfs version " PFS_VERSION));
    put_orders(&t, w->config.columns);
    pfs_thrift_stop(&t);
    pfs_buf_le32(out, (uint32_t)out->len);
    pfs_buf_puts(out, PFS_PQ_MAGIC);
}

/* ---- the writer ---- */

static int writer_write(struct pfs_writer *self, const struct pfs_batch *batch, struct pfs_err *err)
{
    struct writer *w = (struct writer *)self;
    int64_t limit = w->config.row_group_bytes > 0 ? w->config.row_group_bytes : GROUP_BYTES, bytes = 0;

    for (int32_t i = 0; i < w->config.columns; i++)
        PFS_TRY(pfs_pq_out_add(&w->column[i], &batch->column[i], batch->rows, err));
    w->group_rows += batch->rows;
    w->rows += batch->rows;
    for (int32_t i = 0; i < w->config.columns; i++)
        bytes += w->column[i].raw_bytes;
    return bytes >= limit ? end_group(w, err) : 0;
}

static uint64_t writer_size(const struct pfs_writer *self)
{
    const struct writer *w = (const struct writer *)self;
    uint64_t size = pfs_file_size(w->file);

    for (int32_t i = 0; i < w->config.columns; i++)
        size += pfs_pq_out_bytes(&w->column[i]);
    return size;
}

static void fill_stats(struct writer *w)
{
    for (int32_t i = 0; i < w->config.columns; i++) {
        const struct pfs_pq_out_column *c = &w->column[i];
        const struct pfs_pq_out_stats *s = &c->all;
        struct pfs_column_stats *out = &w->stats[i];
        bool text = pfs_type_width(&c->field->type) == 0;

        out->nulls = s->nulls;
        out->has_bounds = s->any && !s->unordered;
        if (!out->has_bounds)
            continue;
        w->offsets[i][0][1] = (int32_t)s->min.len;
        w->offsets[i][1][1] = (int32_t)s->max.len;
        out->min = (struct pfs_column){
            .type = &c->field->type, .values = s->min.at, .offsets = text ? w->offsets[i][0] : NULL};
        out->max = (struct pfs_column){
            .type = &c->field->type, .values = s->max.at, .offsets = text ? w->offsets[i][1] : NULL};
    }
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
    fill_stats(w);
    return rc;
}

static const struct pfs_column_stats *writer_stats(const struct pfs_writer *self)
{
    return ((const struct writer *)self)->stats;
}

static void writer_close(struct pfs_writer *self)
{
    struct writer *w = (struct writer *)self;

    for (int32_t i = 0; w->column != NULL && i < w->config.columns; i++)
        pfs_pq_out_done(&w->column[i]);
    pfs_buf_done(&w->groups);
    pfs_free(w->column);
    pfs_free(w->stats);
    pfs_free(w->offsets);
    pfs_free(w);
}

static const struct pfs_writer_ops writer_ops = {writer_write, writer_size, writer_finish, writer_stats, writer_close};

int pfs_parquet_create(struct pfs_file *file, const struct pfs_parquet_write *write, struct pfs_writer **out,
                       struct pfs_err *err)
{
    struct writer *w = pfs_zalloc(sizeof(*w));
    int rc = 0;

    if (w == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a Parquet file");
    w->writer.ops = &writer_ops;
    w->file = file;
    w->config = *write;
    w->column = pfs_alloc_array((size_t)write->columns, sizeof(*w->column));
    w->stats = pfs_alloc_array((size_t)write->columns, sizeof(*w->stats));
    w->offsets = pfs_alloc_array((size_t)write->columns, sizeof(*w->offsets));
    if (w->column == NULL || w->stats == NULL || w->offsets == NULL)
        rc = pfs_fail(err, ENOMEM, "no memory for a Parquet file of %d columns", write->columns);
    for (int32_t i = 0; rc == 0 && i < write->columns; i++)
        rc = pfs_pq_out_init(&w->column[i], &write->fields[i], write, err);
    if (rc < 0) {
        writer_close(&w->writer);
        return rc;
    }
    *out = &w->writer;
    return 0;
}
