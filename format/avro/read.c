/* read.c - the container: header, blocks between sync marks, and datums by the plan. */
#include <errno.h>
#include <string.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "format/avro/schema.h"
#include "format/compress.h"

#define SLACK_BYTES ((size_t)1 << 20) /* decoders ask for room in pieces, more than they fill */

struct pfs_avro_reader {
    struct pfs_cursor file;
    struct pfs_arena *keep;  /* the caller's: blocks */
    struct pfs_arena plan;   /* the schema */
    struct pfs_arena values; /* of the record that next gave last */
    struct pfs_avro_schema schema;
    enum pfs_codec codec;
    uint8_t sync[16];
    size_t max_bytes, decoded_bytes;
    int64_t claimed, left; /* records: of all blocks, of the block */
    struct pfs_buf unpacked;
    struct pfs_cursor at; /* in the block */
};

static int damaged(struct pfs_err *err, const char *what)
{
    return pfs_fail(err, EIO, "the Avro file is damaged: %s", what);
}

/* Most numbers of metadata take a byte or two: these are worth a path without a call. */
static inline int64_t take_long(struct pfs_cursor *c)
{
    const uint8_t *p;
    uint32_t v;

    if (c->bad || pfs_left(c) < 2)
        return pfs_take_zigzag(c);
    p = c->in.at + c->pos;
    v = p[0] & 127u;
    if (p[0] < 128) {
        c->pos += 1;
    } else if (p[1] < 128) {
        v |= (uint32_t)p[1] << 7;
        c->pos += 2;
    } else {
        return pfs_take_zigzag(c);
    }
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

static struct pfs_slice take_bytes(struct pfs_cursor *c)
{
    int64_t len = take_long(c);
    struct pfs_slice out = {NULL, 0};

    if (len < 0)
        c->bad = true;
    else
        (void)pfs_take(c, (size_t)len, &out);
    return out;
}

/* ---- header ---- */

static int choose_codec(struct pfs_avro_reader *r, struct pfs_slice name, struct pfs_err *err)
{
    if (pfs_codec_parse(name, &r->codec, NULL) < 0 || r->codec == PFS_CODEC_LZ4 || r->codec == PFS_CODEC_GZIP)
        return pfs_fail(err, EOPNOTSUPP, "Avro codec %.*s cannot be read", PFS_P(name));
    return 0;
}

static int read_header(struct pfs_avro_reader *r, const struct pfs_avro_wanted *wanted, struct pfs_err *err)
{
    struct pfs_slice magic, schema = {NULL, 0}, sync;

    if (!pfs_take(&r->file, 4, &magic) || memcmp(magic.at, "Obj\1", 4) != 0)
        return damaged(err, "it does not begin with Obj1");
    for (;;) {
        int64_t count = pfs_take_zigzag(&r->file);

        if (count < 0) {
            (void)pfs_take_zigzag(&r->file); /* bytes of the block */
            count = count == INT64_MIN ? 0 : -count;
        }
        if (r->file.bad || count == 0)
            break;
        for (; count > 0 && !r->file.bad; count--) {
            struct pfs_slice key = take_bytes(&r->file), value = take_bytes(&r->file);

            if (r->file.bad)
                return damaged(err, "its header is cut off");
            if (pfs_slice_eq(key, pfs_str("avro.schema")))
                schema = value;
            else if (pfs_slice_eq(key, pfs_str("avro.codec")))
                PFS_TRY(choose_codec(r, value, err));
        }
    }
    if (!pfs_take(&r->file, sizeof(r->sync), &sync) || schema.at == NULL)
        return damaged(err, "its header is cut off");
    memcpy(r->sync, sync.at, sizeof(r->sync));
    return pfs_avro_schema_parse(schema, &r->plan, &r->schema, wanted, err);
}

/* Steps from block to block without looking into them; what is wrong there is found when it is read. */
static int64_t count_claimed(struct pfs_cursor at)
{
    int64_t records = 0;

    while (!at.bad && pfs_left(&at) > 0) {
        int64_t count = take_long(&at);

        (void)take_bytes(&at);
        (void)pfs_skip(&at, sizeof(((struct pfs_avro_reader *)NULL)->sync));
        if (at.bad || count < 0 || count > (int64_t)at.in.len - records)
            return (int64_t)at.in.len;
        records += count;
    }
    return records;
}

int pfs_avro_open(struct pfs_slice file, const struct pfs_avro_wanted *wanted, size_t max_bytes,
                  struct pfs_arena *arena, struct pfs_avro_reader **out, struct pfs_err *err)
{
    struct pfs_avro_reader *r = pfs_zalloc(sizeof(*r));
    int rc;

    if (r == NULL)
        return pfs_fail(err, ENOMEM, "no memory to read an Avro file");
    r->file = pfs_cursor_of(file);
    r->max_bytes = max_bytes;
    r->keep = arena;
    pfs_arena_init(&r->plan, PFS_METADATA_BYTES_MAX);
    pfs_arena_init(&r->values, PFS_METADATA_BYTES_MAX);
    rc = read_header(r, wanted, err);
    if (rc < 0) {
        pfs_avro_close(r);
        return rc;
    }
    r->claimed = count_claimed(r->file);
    *out = r;
    return 0;
}

int64_t pfs_avro_claimed(const struct pfs_avro_reader *reader)
{
    return reader->claimed;
}

void pfs_avro_close(struct pfs_avro_reader *reader)
{
    if (reader == NULL)
        return;
    pfs_buf_done(&reader->unpacked);
    pfs_arena_done(&reader->plan);
    pfs_arena_done(&reader->values);
    pfs_free(reader);
}

/* ---- blocks ---- */

/* Snappy blocks end with the CRC-32 of what they hold, big-endian. */
static int decompress(struct pfs_avro_reader *r, struct pfs_slice in, struct pfs_err *err)
{
    struct pfs_slice block;
    uint32_t crc = 0;
    int rc;

    if (r->codec == PFS_CODEC_SNAPPY) {
        if (in.len < 4)
            return damaged(err, "a block is cut off");
        in.len -= 4;
        crc = pfs_be32(in.at + in.len);
    }
    pfs_buf_clear(&r->unpacked);
    r->unpacked.limit_bytes = r->max_bytes - r->decoded_bytes + SLACK_BYTES;
    rc = pfs_decompress_grow(r->codec, in, &r->unpacked, err);
    if (rc < 0)
        return rc == -EFBIG || rc == -ENOMEM ? rc : pfs_wrap(err, "an Avro block");
    r->decoded_bytes += r->unpacked.len;
    if (r->decoded_bytes > r->max_bytes)
        return pfs_fail(err, EFBIG, "the Avro file holds more than %zu bytes", r->max_bytes);
    if (r->codec == PFS_CODEC_SNAPPY && pfs_crc32(r->unpacked.at, r->unpacked.len) != crc)
        return damaged(err, "a block's checksum is wrong");
    if (!pfs_arena_copy(r->keep, pfs_buf_slice(&r->unpacked), &block))
        return pfs_arena_full(r->keep, err);
    r->at = pfs_cursor_of(block);
    return 0;
}

static int next_block(struct pfs_avro_reader *r, struct pfs_err *err)
{
    int64_t records = take_long(&r->file);
    struct pfs_slice bytes = take_bytes(&r->file), sync;

    if (!pfs_take(&r->file, sizeof(r->sync), &sync) || records < 0 || memcmp(sync.at, r->sync, sizeof(r->sync)) != 0)
        return damaged(err, "a block is cut off or its mark is wrong");
    PFS_TRY(decompress(r, bytes, err));
    if ((uint64_t)records > pfs_left(&r->at))
        return damaged(err, "a block claims more records than it has bytes");
    r->left = records;
    return 0;
}

/* ---- datums ---- */

struct decoding {
    struct pfs_cursor *c;
    struct pfs_arena *arena;      /* of the tree */
    struct pfs_arena *keep;       /* of bytes */
    const struct pfs_arena *full; /* the one that was, or NULL */
};

static void fill(struct decoding *d, const struct pfs_arena *arena)
{
    d->full = arena;
    d->c->bad = true;
}

static void skip(struct pfs_cursor *c, const struct pfs_avro_schema *s);

/* Number of the next items of an array or map; 0 at its end. An item takes at least a byte. */
static int64_t next_items(struct pfs_cursor *c)
{
    int64_t count = take_long(c);

    if (count < 0) {
        (void)take_long(c);
        count = count == INT64_MIN ? 0 : -count;
    }
    if (c->bad || (uint64_t)count > pfs_left(c)) {
        c->bad = true;
        return 0;
    }
    return count;
}

static void skip_items(struct pfs_cursor *c, const struct pfs_avro_schema *s)
{
    for (int64_t count = next_items(c); count > 0; count = next_items(c))
        for (; count > 0 && !c->bad; count--) {
            if (s->type == PFS_AVRO_T_MAP)
                (void)take_bytes(c);
            skip(c, &s->child[0]);
        }
}

static const struct pfs_avro_schema *branch(struct pfs_cursor *c, const struct pfs_avro_schema *s)
{
    int64_t which = take_long(c);

    if (c->bad || which < 0 || which >= s->children) {
        c->bad = true;
        return NULL;
    }
    return &s->child[which];
}

static void skip(struct pfs_cursor *c, const struct pfs_avro_schema *s)
{
    const struct pfs_avro_schema *b;

    switch (s->type) {
    case PFS_AVRO_T_NULL:
        return;
    case PFS_AVRO_T_BOOLEAN:
        (void)pfs_take_u8(c);
        return;
    case PFS_AVRO_T_INT:
    case PFS_AVRO_T_ENUM:
        (void)take_long(c);
        return;
    case PFS_AVRO_T_FLOAT:
        (void)pfs_skip(c, 4);
        return;
    case PFS_AVRO_T_DOUBLE:
        (void)pfs_skip(c, 8);
        return;
    case PFS_AVRO_T_BYTES:
        (void)take_bytes(c);
        return;
    case PFS_AVRO_T_FIXED:
        (void)pfs_skip(c, (size_t)s->size);
        return;
    case PFS_AVRO_T_ARRAY:
    case PFS_AVRO_T_MAP:
        skip_items(c, s);
        return;
    case PFS_AVRO_T_UNION:
        b = branch(c, s);
        if (b != NULL)
            skip(c, b);
        return;
    case PFS_AVRO_T_RECORD:
        for (int32_t i = 0; i < s->children && !c->bad; i++)
            skip(c, &s->child[i]);
        return;
    }
}

static void decode(struct decoding *d, const struct pfs_avro_schema *s, struct pfs_avro_value *out);

/* Room for `more` items behind those that are there; blocks of one array are few, so that doubling is rare. */
static bool array_room(struct decoding *d, struct pfs_avro_value *out, int64_t more, int64_t *room)
{
    struct pfs_avro_value *item;
    int64_t want = out->count + more;

    if (want <= *room)
        return true;
    if (want < *room * 2)
        want = *room * 2;
    item = pfs_arena_alloc(d->arena, (size_t)want * sizeof(*item)); /* more <= bytes left: no overflow */
    if (item == NULL) {
        fill(d, d->arena);
        return false;
    }
    if (out->count > 0)
        memcpy(item, out->item, (size_t)out->count * sizeof(*item));
    out->item = item;
    *room = want;
    return true;
}

static void decode_array(struct decoding *d, const struct pfs_avro_schema *s, struct pfs_avro_value *out)
{
    int64_t room = 0;

    *out = (struct pfs_avro_value){.kind = PFS_AVRO_ARRAY};
    for (int64_t count = next_items(d->c); count > 0; count = next_items(d->c)) {
        if (!array_room(d, out, count, &room))
            return;
        for (; count > 0 && !d->c->bad; count--)
            decode(d, &s->child[0], &out->item[out->count++]);
    }
}

static void decode_record(struct decoding *d, const struct pfs_avro_schema *s, struct pfs_avro_value *out)
{
    /* Zeroed: fields that the file lacks are NULL. */
    struct pfs_avro_value *item = pfs_arena_array(d->arena, (size_t)s->wanted, sizeof(*item));

    *out = (struct pfs_avro_value){.kind = PFS_AVRO_RECORD};
    if (item == NULL) {
        fill(d, d->arena);
        return;
    }
    out->count = s->wanted;
    out->item = item;
    for (int32_t i = 0; i < s->children && !d->c->bad; i++) {
        if (s->place[i] < 0)
            skip(d->c, &s->child[i]);
        else
            decode(d, &s->child[i], &item[s->place[i]]);
    }
}

static void decode_real(struct pfs_cursor *c, bool wide, struct pfs_avro_value *out)
{
    uint64_t bits = wide ? pfs_take_le64(c) : pfs_take_le32(c);
    uint32_t half = (uint32_t)bits;
    float f;

    out->kind = PFS_AVRO_DOUBLE;
    if (wide) {
        memcpy(&out->real, &bits, sizeof(out->real));
    } else {
        memcpy(&f, &half, sizeof(f));
        out->real = (double)f;
    }
}

/* The plan dies with the reader, so that the symbol is copied. */
static void decode_enum(struct decoding *d, const struct pfs_avro_schema *s, struct pfs_avro_value *out)
{
    int64_t which = take_long(d->c);

    if (d->c->bad || which < 0 || which >= s->children) {
        d->c->bad = true;
        return;
    }
    out->kind = PFS_AVRO_BYTES;
    if (!pfs_arena_copy(d->keep, s->symbol[which], &out->bytes))
        fill(d, d->keep);
}

static void decode(struct decoding *d, const struct pfs_avro_schema *s, struct pfs_avro_value *out)
{
    while (s->type == PFS_AVRO_T_UNION) {
        s = branch(d->c, s);
        if (s == NULL)
            break;
    }
    *out = (struct pfs_avro_value){.kind = PFS_AVRO_NULL};
    switch (s == NULL ? PFS_AVRO_T_NULL : s->type) {
    case PFS_AVRO_T_NULL:
    case PFS_AVRO_T_UNION:
        return;
    case PFS_AVRO_T_BOOLEAN:
        *out = (struct pfs_avro_value){.kind = PFS_AVRO_LONG, .number = pfs_take_u8(d->c) != 0};
        return;
    case PFS_AVRO_T_INT:
        *out = (struct pfs_avro_value){.kind = PFS_AVRO_LONG, .number = take_long(d->c)};
        return;
    case PFS_AVRO_T_FLOAT:
    case PFS_AVRO_T_DOUBLE:
        decode_real(d->c, s->type == PFS_AVRO_T_DOUBLE, out);
        return;
    case PFS_AVRO_T_BYTES:
        *out = (struct pfs_avro_value){.kind = PFS_AVRO_BYTES, .bytes = take_bytes(d->c)};
        return;
    case PFS_AVRO_T_FIXED:
        out->kind = PFS_AVRO_BYTES;
        (void)pfs_take(d->c, (size_t)s->size, &out->bytes);
        return;
    case PFS_AVRO_T_ENUM:
        decode_enum(d, s, out);
        return;
    case PFS_AVRO_T_ARRAY:
        decode_array(d, s, out);
        return;
    case PFS_AVRO_T_MAP:
        skip_items(d->c, s);
        return;
    case PFS_AVRO_T_RECORD:
        decode_record(d, s, out);
        return;
    }
}

int pfs_avro_next(struct pfs_avro_reader *reader, struct pfs_avro_value *out, struct pfs_err *err)
{
    struct decoding d = {&reader->at, &reader->values, reader->keep, NULL};

    while (reader->left == 0) {
        if (pfs_left(&reader->file) == 0)
            return 0;
        PFS_TRY(next_block(reader, err));
    }
    reader->left--;
    pfs_arena_reset(&reader->values);
    decode(&d, &reader->schema, out);
    if (d.full != NULL)
        return pfs_arena_full(d.full, err);
    return reader->at.bad ? damaged(err, "a record is cut off") : 1;
}
