/* tail.c - from protobuf to plain structs.
 *
 *   ... stripes | metadata | footer | postscript | 1 byte: length of the postscript
 *
 * The postscript alone is never compressed; it says how the others are. Messages are unpacked into an arena that is
 * dropped afterwards, so that a message that claims much ends at its ceiling and frees nothing twice. */
#include "format/orc/tail.h"

#include <assert.h>

#include "base/limits.h"
#include "base/mem.h"
#include "format/orc/orc.pb-c.h"

#define POSTSCRIPT_MAX 255
#define CHUNK_HEADER 3
#define BLOCK_BYTES_DEFAULT ((size_t)256 << 10)
#define BLOCK_BYTES_MAX ((size_t)8 << 20) /* the header of a chunk holds no more */
#define GROWTH 32                         /* what a byte of a message may grow to when unpacked */
#define SCRATCH_BYTES_MAX ((size_t)512 << 20)

static const char *const kind_names[] = {"none", "zlib", "snappy", "lzo", "lz4", "zstd", "brotli"};

/* ---- bytes to messages ---- */

static void *scratch_alloc(void *context, size_t bytes)
{
    return pfs_arena_alloc(context, bytes);
}

static void scratch_free(void *context, void *at)
{
    (void)context; /* the arena goes as one */
    (void)at;
}

/* `out` is a pointer to a pointer of the message's type, which only the caller knows. */
static int unpack(const ProtobufCMessageDescriptor *kind, struct pfs_slice in, struct pfs_arena *scratch, void *out,
                  struct pfs_err *err)
{
    ProtobufCAllocator allocator = {scratch_alloc, scratch_free, scratch};
    ProtobufCMessage *message = protobuf_c_message_unpack(kind, &allocator, in.len, in.at);

    if (message == NULL)
        return pfs_fail(err, EIO, "%zu bytes are no %s", in.len, kind->short_name);
    memcpy(out, &message, sizeof(message));
    return 0;
}

bool pfs_orc_chunk_take(struct pfs_cursor *c, size_t block_bytes, struct pfs_slice *raw, bool *stored)
{
    struct pfs_slice head;
    size_t word, len;

    if (!pfs_take(c, CHUNK_HEADER, &head))
        return false;
    word = (size_t)head.at[0] | (size_t)head.at[1] << 8 | (size_t)head.at[2] << 16;
    *stored = (word & 1) != 0;
    len = word >> 1;
    assert(c->pos <= c->in.len);
    return len <= block_bytes && pfs_take(c, len, raw);
}

/* Chunk by chunk, to a ceiling: what a chunk becomes is bounded, how many there are is not. */
static int inflate_section(const struct pfs_orc_tail *tail, struct pfs_slice raw, struct pfs_buf *out,
                           struct pfs_err *err)
{
    struct pfs_cursor c = pfs_cursor_of(raw);

    if (tail->codec == PFS_CODEC_NONE)
        pfs_buf_put(out, raw.at, raw.len);
    while (tail->codec != PFS_CODEC_NONE && pfs_left(&c) > 0) {
        struct pfs_slice chunk;
        uint8_t *to;
        size_t len;
        bool stored;

        if (!pfs_orc_chunk_take(&c, tail->block_bytes, &chunk, &stored))
            return pfs_fail(err, EIO, "a chunk does not fit");
        to = pfs_buf_reserve(out, tail->block_bytes);
        if (to == NULL)
            break;
        PFS_TRY(pfs_decompress_upto(stored ? PFS_CODEC_NONE : tail->codec, chunk, to, tail->block_bytes, &len, err));
        out->len += len;
    }
    return pfs_buf_check(out, err);
}

/* Reads, decompresses and unpacks one section; everything made on the way is in `scratch`. */
static int load_section(struct pfs_file *file, const struct pfs_orc_tail *tail, uint64_t off, uint64_t bytes,
                        const ProtobufCMessageDescriptor *kind, struct pfs_arena *scratch, void *out,
                        struct pfs_err *err)
{
    struct pfs_buf content;
    uint8_t *raw;
    int rc;

    if (bytes > PFS_FOOTER_BYTES_MAX)
        return pfs_fail(err, EIO, "%s of %llu bytes", kind->short_name, (unsigned long long)bytes);
    raw = pfs_alloc((size_t)bytes);
    if (raw == NULL)
        return pfs_fail(err, ENOMEM, "no memory for %llu bytes of %s", (unsigned long long)bytes, kind->short_name);
    pfs_buf_init(&content, PFS_FOOTER_BYTES_MAX + tail->block_bytes);
    rc = pfs_file_pread(file, off, raw, (size_t)bytes, err);
    if (rc == 0)
        rc = inflate_section(tail, pfs_slice_of(raw, (size_t)bytes), &content, err);
    if (rc == 0) {
        size_t limit = content.len * GROWTH + ((size_t)1 << 20);

        scratch->limit_bytes = limit < SCRATCH_BYTES_MAX ? limit : SCRATCH_BYTES_MAX;
        rc = unpack(kind, pfs_buf_slice(&content), scratch, out, err);
    }
    pfs_buf_done(&content);
    pfs_free(raw);
    return rc < 0 ? pfs_wrap(err, "%s", kind->short_name) : 0;
}

/* ---- the tail ---- */

/* Codecs by their numbers in the format; block_bytes bounds every buffer that a chunk is decoded into. */
static int take_postscript(const PfsOrcPb__PostScript *ps, struct pfs_orc_tail *out, struct pfs_err *err)
{
    static const enum pfs_codec codecs[] = {PFS_CODEC_NONE, PFS_CODEC_DEFLATE, PFS_CODEC_SNAPPY,
                                            PFS_CODEC_NONE, PFS_CODEC_LZ4,     PFS_CODEC_ZSTD};
    uint32_t codec = ps->compression;

    if (codec == 3 || codec == 6)
        return pfs_fail(err, EOPNOTSUPP, "its compression is %s, which cannot be read", kind_names[codec]);
    if (codec >= sizeof(codecs) / sizeof(codecs[0]))
        return pfs_fail(err, EIO, "compression %u", codec);
    out->codec = codecs[codec];
    out->block_bytes = ps->has_block_bytes && ps->block_bytes > 0 ? ps->block_bytes : BLOCK_BYTES_DEFAULT;
    if (out->block_bytes > BLOCK_BYTES_MAX && out->codec != PFS_CODEC_NONE)
        return pfs_fail(err, EIO, "chunks of %llu bytes", (unsigned long long)ps->block_bytes);
    if (out->block_bytes > BLOCK_BYTES_MAX)
        out->block_bytes = BLOCK_BYTES_MAX;
    return 0;
}

/* Children have greater ids than their parent: the types are a tree, or at least have no circle, and whoever goes down
 * comes to an end. */
static int take_type(const PfsOrcPb__Footer *footer, uint32_t id, struct pfs_arena *arena, struct pfs_orc_type *out,
                     struct pfs_err *err)
{
    const PfsOrcPb__Type *type = footer->type[id];
    struct pfs_slice *names;
    uint32_t *child;

    assert(id < footer->n_type);
    if (type->kind >= PFS_ORC_KIND_COUNT)
        return pfs_fail(err, EIO, "type %u of kind %u", id, type->kind);
    out->kind = (enum pfs_orc_kind)type->kind;
    if (out->kind == PFS_ORC_STRUCT ? type->n_name != type->n_child : type->n_name != 0)
        return pfs_fail(err, EIO, "type %u has %zu names for %zu parts", id, type->n_name, type->n_child);
    child = pfs_arena_array(arena, type->n_child, sizeof(*child));
    names = pfs_arena_array(arena, type->n_name, sizeof(*names));
    if (child == NULL || names == NULL)
        return pfs_arena_full(arena, err);
    for (size_t i = 0; i < type->n_child; i++) {
        child[i] = type->child[i];
        if (child[i] <= id || child[i] >= footer->n_type)
            return pfs_fail(err, EIO, "type %u has type %u in it", id, child[i]);
    }
    for (size_t i = 0; i < type->n_name; i++)
        if (!pfs_arena_copy(arena, pfs_slice_of(type->name[i].data, type->name[i].len), &names[i]))
            return pfs_arena_full(arena, err);
    out->precision = type->precision > PFS_DECIMAL_DIGITS ? PFS_DECIMAL_DIGITS : (int32_t)type->precision;
    out->scale = type->scale > PFS_DECIMAL_DIGITS ? PFS_DECIMAL_DIGITS : (int32_t)type->scale;
    out->children = (uint32_t)type->n_child;
    out->child = child;
    out->name = names;
    return 0;
}

static int take_types(const PfsOrcPb__Footer *footer, struct pfs_arena *arena, struct pfs_orc_tail *out,
                      struct pfs_err *err)
{
    if (footer->n_type == 0 || footer->n_type > UINT32_MAX)
        return pfs_fail(err, EIO, "%zu types", footer->n_type);
    out->types = (uint32_t)footer->n_type;
    out->type = pfs_arena_array(arena, footer->n_type, sizeof(*out->type));
    if (out->type == NULL)
        return pfs_arena_full(arena, err);
    for (uint32_t i = 0; i < out->types; i++)
        PFS_TRY(take_type(footer, i, arena, &out->type[i], err));
    return out->type[0].kind == PFS_ORC_STRUCT ? 0 : pfs_fail(err, EIO, "its rows are no STRUCT");
}

/* Each length against what is left of the file in front of the footers. */
static bool stripe_fits(const struct pfs_orc_stripe *s, uint64_t end)
{
    return s->off <= end && s->index_bytes <= end - s->off && s->data_bytes <= end - s->off - s->index_bytes &&
           s->footer_bytes <= end - s->off - s->index_bytes - s->data_bytes;
}

static int take_stripes(const PfsOrcPb__Footer *footer, uint64_t end, struct pfs_arena *arena, struct pfs_orc_tail *out,
                        struct pfs_err *err)
{
    int64_t rows = 0;

    if (footer->n_stripe > UINT32_MAX)
        return pfs_fail(err, EIO, "%zu stripes", footer->n_stripe);
    out->stripes = (uint32_t)footer->n_stripe;
    out->stripe = pfs_arena_array(arena, footer->n_stripe, sizeof(*out->stripe));
    if (out->stripe == NULL)
        return pfs_arena_full(arena, err);
    for (uint32_t i = 0; i < out->stripes; i++) {
        const PfsOrcPb__Stripe *from = footer->stripe[i];
        struct pfs_orc_stripe *to = &out->stripe[i];

        *to = (struct pfs_orc_stripe){from->off, from->index_bytes,  from->data_bytes, from->footer_bytes,
                                      rows,      (int64_t)from->rows};
        if (!stripe_fits(to, end))
            return pfs_fail(err, EIO, "stripe %u at %llu reaches over the end of the stripes at %llu", i,
                            (unsigned long long)to->off, (unsigned long long)end);
        if (to->rows < 0 || __builtin_add_overflow(rows, to->rows, &rows))
            return pfs_fail(err, EIO, "stripe %u of %llu rows", i, (unsigned long long)from->rows);
    }
    assert(rows >= 0);
    out->rows = rows;
    return footer->rows == (uint64_t)rows ? 0
                                          : pfs_fail(err, EIO, "%llu rows, of which stripes have %lld",
                                                     (unsigned long long)footer->rows, (long long)rows);
}

static int take_footer(const PfsOrcPb__Footer *footer, uint64_t end, struct pfs_arena *arena, struct pfs_orc_tail *out,
                       struct pfs_err *err)
{
    if (footer->encryption != NULL)
        return pfs_fail(err, EOPNOTSUPP, "it is encrypted");
    out->index_stride = footer->index_stride;
    PFS_TRY(take_types(footer, arena, out, err));
    return take_stripes(footer, end, arena, out, err);
}

/* The postscript's message, and in *end where it begins in the file. */
static int load_postscript(struct pfs_file *file, struct pfs_arena *scratch, PfsOrcPb__PostScript **out, uint64_t *end,
                           struct pfs_err *err)
{
    uint64_t size = pfs_file_size(file);
    size_t have = size < POSTSCRIPT_MAX + 1 ? (size_t)size : POSTSCRIPT_MAX + 1, len;
    uint8_t last[POSTSCRIPT_MAX + 1];

    if (size < 4)
        return pfs_fail(err, EIO, "%llu bytes are no ORC file", (unsigned long long)size);
    PFS_TRY(pfs_file_pread(file, size - have, last, have, err));
    len = last[have - 1];
    if (len + 1 > have)
        return pfs_fail(err, EIO, "a postscript of %zu bytes in a file of %llu", len, (unsigned long long)size);
    *end = size - 1 - len;
    PFS_TRY(unpack(&pfs_orc_pb__post_script__descriptor, pfs_slice_of(last + have - 1 - len, len), scratch, out, err));
    if ((*out)->has_magic && !pfs_slice_eq(pfs_slice_of((*out)->magic.data, (*out)->magic.len), pfs_str("ORC")))
        return pfs_fail(err, EIO, "it does not end as an ORC file does");
    return 0;
}

static int tail_load(struct pfs_file *file, struct pfs_arena *scratch, struct pfs_arena *arena,
                     struct pfs_orc_tail *out, struct pfs_err *err)
{
    PfsOrcPb__PostScript *ps = NULL;
    PfsOrcPb__Footer *footer = NULL;
    uint64_t end;

    PFS_TRY(load_postscript(file, scratch, &ps, &end, err));
    PFS_TRY(take_postscript(ps, out, err));
    if (ps->footer_bytes > end || ps->metadata_bytes > end - ps->footer_bytes)
        return pfs_fail(err, EIO, "footers of %llu and %llu bytes before %llu", (unsigned long long)ps->footer_bytes,
                        (unsigned long long)ps->metadata_bytes, (unsigned long long)end);
    out->metadata_bytes = ps->metadata_bytes;
    out->old_stats = ps->writer_version == 0;
    out->metadata_off = end - ps->footer_bytes - ps->metadata_bytes;
    assert(out->metadata_off <= end);
    PFS_TRY(load_section(file, out, end - ps->footer_bytes, ps->footer_bytes, &pfs_orc_pb__footer__descriptor, scratch,
                         &footer, err));
    return take_footer(footer, out->metadata_off, arena, out, err);
}

int pfs_orc_tail_load(struct pfs_file *file, struct pfs_arena *arena, struct pfs_orc_tail *out, struct pfs_err *err)
{
    struct pfs_orc_tail tail = {0};
    struct pfs_arena scratch;
    int rc;

    pfs_arena_init(&scratch, 0);
    rc = tail_load(file, &scratch, arena, &tail, err);
    pfs_arena_done(&scratch);
    if (rc == 0)
        *out = tail;
    return rc;
}

/* ---- stripes ---- */

const struct pfs_orc_extent *pfs_orc_extent_find(const struct pfs_orc_stripe_footer *footer, uint32_t column,
                                                 enum pfs_orc_stream_kind kind)
{
    assert(column < footer->columns);
    for (uint32_t i = footer->first[column]; i != 0; i = footer->extent[i - 1].next)
        if (footer->extent[i - 1].kind == kind)
            return &footer->extent[i - 1];
    return NULL;
}

/* Streams follow each other from the stripe's beginning on, indexes first. Those of one column are chained, so that a
 * stream is found by a look at its column's alone. */
static int take_extents(const PfsOrcPb__StripeFooter *footer, const struct pfs_orc_stripe *stripe, uint32_t columns,
                        struct pfs_arena *arena, struct pfs_orc_stripe_footer *out, struct pfs_err *err)
{
    uint64_t left = stripe->index_bytes + stripe->data_bytes, off = stripe->off;

    assert(left >= stripe->data_bytes); /* both lie within the file: no sum of them wraps */
    if (footer->n_stream >= UINT32_MAX)
        return pfs_fail(err, EIO, "%zu streams", footer->n_stream);
    out->extents = (uint32_t)footer->n_stream;
    out->extent = pfs_arena_array(arena, footer->n_stream, sizeof(*out->extent));
    out->first = pfs_arena_array(arena, columns, sizeof(*out->first));
    if (out->extent == NULL || out->first == NULL)
        return pfs_arena_full(arena, err);
    for (uint32_t i = 0; i < out->extents; i++) {
        const PfsOrcPb__Stream *stream = footer->stream[i];

        if (stream->bytes > left)
            return pfs_fail(err, EIO, "stream %u of %llu bytes, where %llu are left", i,
                            (unsigned long long)stream->bytes, (unsigned long long)left);
        out->extent[i] = (struct pfs_orc_extent){stream->kind, stream->column, off, stream->bytes, 0};
        if (stream->column < columns) {
            out->extent[i].next = out->first[stream->column];
            out->first[stream->column] = i + 1;
        }
        off += stream->bytes;
        left -= stream->bytes;
    }
    return 0;
}

static int take_encodings(const PfsOrcPb__StripeFooter *footer, uint32_t columns, struct pfs_arena *arena,
                          struct pfs_orc_stripe_footer *out, struct pfs_err *err)
{
    if (footer->n_column != columns)
        return pfs_fail(err, EIO, "encodings of %zu columns, of which the file has %u", footer->n_column, columns);
    out->columns = columns;
    out->encoding = pfs_arena_array(arena, columns, sizeof(*out->encoding));
    out->dictionary_count = pfs_arena_array(arena, columns, sizeof(*out->dictionary_count));
    if (out->encoding == NULL || out->dictionary_count == NULL)
        return pfs_arena_full(arena, err);
    for (uint32_t i = 0; i < columns; i++) {
        if (footer->column[i]->kind >= PFS_ORC_ENCODING_COUNT)
            return pfs_fail(err, EIO, "column %u has encoding %u", i, footer->column[i]->kind);
        out->encoding[i] = (enum pfs_orc_encoding)footer->column[i]->kind;
        out->dictionary_count[i] = footer->column[i]->dictionary_count;
    }
    return 0;
}

static int stripe_footer_load(struct pfs_file *file, const struct pfs_orc_tail *tail,
                              const struct pfs_orc_stripe *stripe, struct pfs_arena *scratch, struct pfs_arena *arena,
                              struct pfs_orc_stripe_footer *out, struct pfs_err *err)
{
    PfsOrcPb__StripeFooter *footer = NULL;

    PFS_TRY(load_section(file, tail, stripe->off + stripe->index_bytes + stripe->data_bytes, stripe->footer_bytes,
                         &pfs_orc_pb__stripe_footer__descriptor, scratch, &footer, err));
    PFS_TRY(take_extents(footer, stripe, tail->types, arena, out, err));
    PFS_TRY(take_encodings(footer, tail->types, arena, out, err));
    if (!pfs_arena_copy(arena, pfs_slice_of(footer->zone.data, footer->zone.len), &out->zone))
        return pfs_arena_full(arena, err);
    return 0;
}

int pfs_orc_stripe_footer_load(struct pfs_file *file, const struct pfs_orc_tail *tail,
                               const struct pfs_orc_stripe *stripe, struct pfs_arena *arena,
                               struct pfs_orc_stripe_footer *out, struct pfs_err *err)
{
    struct pfs_arena scratch;
    int rc;

    pfs_arena_init(&scratch, 0);
    rc = stripe_footer_load(file, tail, stripe, &scratch, arena, out, err);
    pfs_arena_done(&scratch);
    return rc;
}

static bool copy_text(struct pfs_arena *arena, ProtobufCBinaryData in, struct pfs_slice *out)
{
    return pfs_arena_copy(arena, pfs_slice_of(in.data, in.len), out);
}

static int take_texts(const PfsOrcPb__BytesRange *from, struct pfs_arena *arena, struct pfs_orc_stats *out,
                      struct pfs_err *err)
{
    bool min = from->has_min || from->has_lower, max = from->has_max || from->has_upper;

    if ((min && !copy_text(arena, from->has_min ? from->min : from->lower, &out->text_min)) ||
        (max && !copy_text(arena, from->has_max ? from->max : from->upper, &out->text_max)))
        return pfs_arena_full(arena, err);
    out->range = PFS_ORC_RANGE_TEXT;
    out->has_min = min;
    out->has_max = max;
    return 0;
}

/* Bounds that a file keeps as 64 bits. */
static void put_integers(bool has_min, int64_t min, bool has_max, int64_t max, struct pfs_orc_stats *out)
{
    out->range = PFS_ORC_RANGE_INTEGER;
    out->has_min = has_min;
    out->has_max = has_max;
    out->min = min;
    out->max = max;
}

/* At most one of the kinds of statistics is there. Those of texts and times of the first writers are not believed. */
static int take_stats(const PfsOrcPb__Statistics *from, bool old, struct pfs_arena *arena, struct pfs_orc_stats *out,
                      struct pfs_err *err)
{
    *out = (struct pfs_orc_stats){0};
    if (from == NULL)
        return 0;
    out->has_values = from->has_values;
    out->values = from->values;
    if (from->integer != NULL) {
        put_integers(from->integer->has_min, from->integer->min, from->integer->has_max, from->integer->max, out);
    } else if (from->number != NULL) {
        out->range = PFS_ORC_RANGE_REAL;
        out->has_min = from->number->has_min;
        out->has_max = from->number->has_max;
        out->real_min = from->number->min;
        out->real_max = from->number->max;
    } else if (from->bucket != NULL && from->bucket->n_count > 0 && from->has_values) { /* how many are true */
        bool known = from->bucket->count[0] <= from->values && from->values > 0;

        put_integers(known, from->bucket->count[0] == from->values, known, from->bucket->count[0] > 0, out);
    } else if (old) {
        return 0;
    } else if (from->text != NULL) {
        return take_texts(from->text, arena, out, err);
    } else if (from->decimal != NULL) {
        return take_texts(from->decimal, arena, out, err);
    } else if (from->day != NULL) {
        put_integers(from->day->has_min, from->day->min, from->day->has_max, from->day->max, out);
    } else if (from->time != NULL) {
        put_integers(from->time->has_min_utc, from->time->min_utc, from->time->has_max_utc, from->time->max_utc, out);
    }
    return 0;
}

static int metadata_load(struct pfs_file *file, const struct pfs_orc_tail *tail, const uint32_t *id, int32_t columns,
                         struct pfs_arena *scratch, struct pfs_arena *arena, struct pfs_orc_stats *out,
                         struct pfs_err *err)
{
    PfsOrcPb__Metadata *metadata = NULL;

    PFS_TRY(load_section(file, tail, tail->metadata_off, tail->metadata_bytes, &pfs_orc_pb__metadata__descriptor,
                         scratch, &metadata, err));
    for (size_t s = 0; s < metadata->n_stripe && s < tail->stripes; s++)
        for (int32_t c = 0; c < columns; c++)
            if (id[c] < metadata->stripe[s]->n_column)
                PFS_TRY(take_stats(metadata->stripe[s]->column[id[c]], tail->old_stats, arena,
                                   &out[s * (size_t)columns + (size_t)c], err));
    return 0;
}

int pfs_orc_metadata_load(struct pfs_file *file, const struct pfs_orc_tail *tail, const uint32_t *id, int32_t columns,
                          struct pfs_arena *arena, struct pfs_orc_stats **out, struct pfs_err *err)
{
    size_t places;
    struct pfs_arena scratch;
    int rc;

    assert(columns >= 0);
    *out = pfs_mul_size(tail->stripes, (size_t)columns, &places) ? pfs_arena_array(arena, places, sizeof(**out)) : NULL;
    if (*out == NULL)
        return pfs_arena_full(arena, err);
    pfs_arena_init(&scratch, 0);
    rc = metadata_load(file, tail, id, columns, &scratch, arena, *out, err);
    pfs_arena_done(&scratch);
    return rc;
}

static int index_load(struct pfs_file *file, const struct pfs_orc_tail *tail, const struct pfs_orc_extent *extent,
                      struct pfs_arena *scratch, struct pfs_arena *arena, struct pfs_orc_index *out,
                      struct pfs_err *err)
{
    PfsOrcPb__RowIndex *index = NULL;

    PFS_TRY(
        load_section(file, tail, extent->off, extent->bytes, &pfs_orc_pb__row_index__descriptor, scratch, &index, err));
    out->groups = index->n_entry;
    out->group = pfs_arena_array(arena, index->n_entry, sizeof(*out->group));
    if (out->group == NULL)
        return pfs_arena_full(arena, err);
    for (size_t i = 0; i < out->groups; i++) {
        const PfsOrcPb__RowIndexEntry *entry = index->entry[i];
        uint64_t *position = pfs_arena_array(arena, entry->n_position, sizeof(*position));

        if (position == NULL)
            return pfs_arena_full(arena, err);
        if (entry->n_position > 0)
            memcpy(position, entry->position, entry->n_position * sizeof(*position));
        out->group[i].positions = entry->n_position;
        out->group[i].position = position;
        PFS_TRY(take_stats(entry->statistics, tail->old_stats, arena, &out->group[i].stats, err));
    }
    return 0;
}

int pfs_orc_index_load(struct pfs_file *file, const struct pfs_orc_tail *tail, const struct pfs_orc_extent *extent,
                       struct pfs_arena *arena, struct pfs_orc_index *out, struct pfs_err *err)
{
    struct pfs_arena scratch;
    int rc;

    pfs_arena_init(&scratch, 0);
    rc = index_load(file, tail, extent, &scratch, arena, out, err);
    pfs_arena_done(&scratch);
    return rc;
}
