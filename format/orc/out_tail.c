/* out_tail.c - messages around the streams, field by field (proto.h).
 *
 *     RowIndex      entry (1): positions (1, packed), statistics (2)               one for each column of a stripe
 *     StripeFooter  streams (1): kind, column, bytes; encodings (2); zone (3)
 *     Metadata      statistics of each stripe (1): of each column (1)
 *     Footer        stripes (3), types (4), rows (6), statistics (7), stride (8)
 *     PostScript    footer's bytes, compression, chunk, version, metadata's bytes, writer, magic; then its own length
 *
 * The numbers are those of orc.proto. A message within a message is printed into a buffer of its own first, as its
 * length stands before it; a failure of that buffer goes on to the outer one.
 */
#include "format/orc/out_tail.h"

#include <assert.h>
#include <stdio.h>

#include "format/orc/proto.h"

#define WRITER_JAVA 0      /* we do as it does, */
#define WRITER_VERSION 9   /* in this version: bounds of texts and times can be trusted */
#define JULIAN_GREGORIAN 1 /* what Java says of days that it does not look at */
#define MAGIC "ORC"

void pfs_orc_out_index_print(const struct pfs_orc_out_column *c, struct pfs_buf *out)
{
    const struct pfs_orc_mark *mark = (const struct pfs_orc_mark *)(const void *)c->marks.at;
    size_t marks = c->marks.len / sizeof(*mark), stats = 0;
    struct pfs_buf entry = {0}, positions = {0};

    assert(c->marks.len % sizeof(*mark) == 0);
    for (size_t i = 0; i < marks; i++) {
        for (int p = 0; c->has_null && p < mark[i].presents; p++)
            pfs_buf_uleb(&positions, mark[i].present[p]);
        for (int p = 0; p < mark[i].datas; p++)
            pfs_buf_uleb(&positions, mark[i].data[p]);
        if (positions.len > 0 || positions.failed) /* a failure travels with the message */
            pfs_proto_message(&entry, 1, &positions);
        pfs_proto_bytes(&entry, 2, pfs_slice_of(c->group_stats.at + stats, mark[i].stats_len));
        pfs_proto_message(out, 1, &entry);
        stats += mark[i].stats_len;
        assert(stats <= c->group_stats.len);
    }
    pfs_buf_done(&entry);
    pfs_buf_done(&positions);
}

void pfs_orc_out_extent_print(enum pfs_orc_stream_kind kind, uint32_t column, uint64_t bytes, struct pfs_buf *out)
{
    struct pfs_buf extent = {0};

    pfs_proto_number(&extent, 1, (uint64_t)kind);
    pfs_proto_number(&extent, 2, column);
    pfs_proto_number(&extent, 3, bytes);
    pfs_proto_message(out, 1, &extent);
    pfs_buf_done(&extent);
}

/* Version 2 of run lengths wherever there are integers; a dictionary if the stripe ended with one. */
static enum pfs_orc_encoding encoding_of(const struct pfs_orc_out_column *c)
{
    switch (c->kind) {
    case PFS_ORC_BOOLEAN:
    case PFS_ORC_BYTE:
    case PFS_ORC_FLOAT:
    case PFS_ORC_DOUBLE:
    case PFS_ORC_STRUCT:
    case PFS_ORC_UNION:
        return PFS_ORC_DIRECT;
    case PFS_ORC_STRING:
    case PFS_ORC_VARCHAR:
    case PFS_ORC_CHAR:
        return c->dictionary.used ? PFS_ORC_DICTIONARY_V2 : PFS_ORC_DIRECT_V2;
    case PFS_ORC_SHORT:
    case PFS_ORC_INT:
    case PFS_ORC_LONG:
    case PFS_ORC_BINARY:
    case PFS_ORC_TIMESTAMP:
    case PFS_ORC_TIMESTAMP_INSTANT:
    case PFS_ORC_LIST:
    case PFS_ORC_MAP:
    case PFS_ORC_DECIMAL:
    case PFS_ORC_DATE:
    case PFS_ORC_KIND_COUNT:
        break;
    }
    return PFS_ORC_DIRECT_V2;
}

void pfs_orc_out_encodings_print(struct pfs_orc_out_column *const *flat, uint32_t columns, struct pfs_buf *out)
{
    struct pfs_buf encoding = {0};

    assert(columns > 0);
    for (uint32_t i = 0; i < columns; i++) {
        enum pfs_orc_encoding kind = encoding_of(flat[i]);

        pfs_proto_number(&encoding, 1, (uint64_t)kind);
        if (kind == PFS_ORC_DICTIONARY_V2)
            pfs_proto_number(&encoding, 2, flat[i]->dictionary.count);
        pfs_proto_message(out, 2, &encoding);
    }
    pfs_buf_done(&encoding);
}

/* ---- the tail ---- */

void pfs_orc_out_tail_add(struct pfs_orc_out_tail *tail, const struct pfs_orc_stripe *stripe,
                          struct pfs_orc_out_column *const *flat, uint32_t columns)
{
    struct pfs_buf message = {0}, stats = {0};

    assert(stripe->rows > 0);
    assert(stripe->off >= tail->end); /* stripes follow each other */
    pfs_proto_number(&message, 1, stripe->off);
    pfs_proto_number(&message, 2, stripe->index_bytes);
    pfs_proto_number(&message, 3, stripe->data_bytes);
    pfs_proto_number(&message, 4, stripe->footer_bytes);
    pfs_proto_number(&message, 5, (uint64_t)stripe->rows);
    pfs_proto_message(&tail->stripes, 3, &message);
    for (uint32_t i = 0; i < columns; i++) {
        pfs_orc_tally_print(&flat[i]->stripe, flat[i]->type, &stats);
        pfs_proto_message(&message, 1, &stats);
    }
    pfs_proto_message(&tail->metadata, 1, &message);
    tail->rows += stripe->rows;
    tail->end = stripe->off + stripe->index_bytes + stripe->data_bytes + stripe->footer_bytes;
    pfs_buf_done(&message);
    pfs_buf_done(&stats);
}

/* By this the columns of renamed tables are found again. */
static void print_attribute(int64_t id, struct pfs_buf *out)
{
    struct pfs_buf pair = {0};
    char text[24];

    pfs_proto_bytes(&pair, 1, pfs_str("paimon.id"));
    pfs_proto_bytes(&pair, 2, pfs_slice_of(text, (size_t)snprintf(text, sizeof(text), "%lld", (long long)id)));
    pfs_proto_message(out, 7, &pair);
    pfs_buf_done(&pair);
}

/* Children by id, which are above the own one, as types are printed in the order of their ids. */
static void print_type(const struct pfs_orc_out_column *c, struct pfs_buf *out)
{
    struct pfs_buf ids = {0};

    pfs_proto_number(out, 1, (uint64_t)c->kind);
    assert(c->children == 0 || c->child[c->children - 1].last == c->last);
    for (int32_t i = 0; i < c->children; i++)
        pfs_buf_uleb(&ids, c->child[i].id);
    if (ids.len > 0 || ids.failed)
        pfs_proto_message(out, 2, &ids);
    for (int32_t i = 0; c->kind == PFS_ORC_STRUCT && i < c->children; i++)
        pfs_proto_bytes(out, 3, pfs_str(c->child[i].name));
    if (c->kind == PFS_ORC_CHAR || c->kind == PFS_ORC_VARCHAR)
        pfs_proto_number(out, 4, (uint64_t)c->type->length);
    if (c->kind == PFS_ORC_DECIMAL) {
        pfs_proto_number(out, 5, (uint64_t)c->type->precision);
        pfs_proto_number(out, 6, (uint64_t)c->type->scale);
    }
    if (c->field_id >= 0)
        print_attribute(c->field_id, out);
    pfs_buf_done(&ids);
}

void pfs_orc_out_footer_print(const struct pfs_orc_out_tail *tail, struct pfs_orc_out_column *const *flat,
                              uint32_t columns, struct pfs_buf *out)
{
    struct pfs_buf message = {0};

    pfs_proto_number(out, 1, sizeof(MAGIC) - 1);
    pfs_proto_number(out, 2, tail->end);
    pfs_buf_put(out, tail->stripes.at, tail->stripes.len);
    for (uint32_t i = 0; i < columns; i++) {
        print_type(flat[i], &message);
        pfs_proto_message(out, 4, &message);
    }
    pfs_proto_number(out, 6, (uint64_t)tail->rows);
    for (uint32_t i = 0; i < columns; i++) {
        pfs_orc_tally_print(&flat[i]->all, flat[i]->type, &message);
        pfs_proto_message(out, 7, &message);
    }
    pfs_proto_number(out, 8, PFS_ORC_OUT_STRIDE);
    pfs_proto_number(out, 9, WRITER_JAVA);
    pfs_proto_number(out, 11, JULIAN_GREGORIAN);
    pfs_proto_bytes(out, 12, pfs_str("paimonfs " PFS_VERSION));
    pfs_buf_done(&message);
}

static uint64_t compression_number(enum pfs_codec codec)
{
    static const uint64_t numbers[] = {[PFS_CODEC_NONE] = 0,   [PFS_CODEC_ZSTD] = 5, [PFS_CODEC_LZ4] = 4,
                                       [PFS_CODEC_SNAPPY] = 2, [PFS_CODEC_GZIP] = 1, [PFS_CODEC_DEFLATE] = 1};

    assert(codec != PFS_CODEC_GZIP); /* refused when the writer was opened */
    return numbers[codec];
}

void pfs_orc_out_postscript_print(enum pfs_codec codec, uint64_t footer_bytes, uint64_t metadata_bytes,
                                  struct pfs_buf *out)
{
    static const uint8_t version[] = {0, 12};
    size_t before = out->len;

    pfs_proto_number(out, 1, footer_bytes);
    pfs_proto_number(out, 2, compression_number(codec));
    if (codec != PFS_CODEC_NONE)
        pfs_proto_number(out, 3, PFS_ORC_OUT_BLOCK_BYTES);
    pfs_proto_bytes(out, 4, pfs_slice_of(version, sizeof(version)));
    pfs_proto_number(out, 5, metadata_bytes);
    pfs_proto_number(out, 6, WRITER_VERSION);
    pfs_proto_bytes(out, 8000, pfs_str(MAGIC));
    assert(out->len - before <= UINT8_MAX);
    pfs_buf_putc(out, (uint8_t)(out->len - before));
}
