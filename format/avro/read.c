/* read.c - the container: header, blocks between sync marks, and datums by the plan. */
#include <errno.h>
#include <string.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "format/avro/schema.h"
#include "format/compress.h"

struct pfs_avro_reader {
    struct pfs_cursor file;
    struct pfs_arena arena; /* the schema */
    struct pfs_avro_schema schema;
    enum pfs_codec codec;
    uint8_t sync[16];
    size_t max_bytes, decoded_bytes;
    int64_t left; /* records of the block */
    struct pfs_buf block;
    struct pfs_cursor at; /* in the block */
};

static int damaged(struct pfs_err *err, const char *what)
{
    return pfs_fail(err, EIO, "the Avro file is damaged: %s", what);
}

static struct pfs_slice take_bytes(struct pfs_cursor *c)
{
    int64_t len = pfs_take_zigzag(c);
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

            if (pfs_slice_eq(key, pfs_str("avro.schema")))
                schema = value;
            else if (pfs_slice_eq(key, pfs_str("avro.codec")))
                PFS_TRY(choose_codec(r, value, err));
        }
    }
    if (!pfs_take(&r->file, sizeof(r->sync), &sync) || schema.at == NULL)
        return damaged(err, "its header is cut off");
    memcpy(r->sync, sync.at, sizeof(r->sync));
    return pfs_avro_schema_parse(schema, &r->arena, &r->schema, wanted, err);
}

int pfs_avro_open(struct pfs_slice file, const struct pfs_avro_wanted *wanted, size_t max_bytes,
                  struct pfs_avro_reader **out, struct pfs_err *err)
{
    struct pfs_avro_reader *r = pfs_zalloc(sizeof(*r));
    int rc;

    if (r == NULL)
        return pfs_fail(err, ENOMEM, "no memory to read an Avro file");
    r->file = pfs_cursor_of(file);
    r->max_bytes = max_bytes;
    pfs_arena_init(&r->arena, PFS_METADATA_BYTES_MAX);
    rc = read_header(r, wanted, err);
    if (rc < 0) {
        pfs_avro_close(r);
        return rc;
    }
    *out = r;
    return 0;
}

void pfs_avro_close(struct pfs_avro_reader *reader)
{
    if (reader == NULL)
        return;
    pfs_buf_done(&reader->block);
    pfs_arena_done(&reader->arena);
    pfs_free(reader);
}

/* ---- blocks ---- */

/* Snappy blocks end with the CRC-32 of what they hold, big-endian. */
static int decompress(struct pfs_avro_reader *r, struct pfs_slice in, struct pfs_err *err)
{
    uint32_t crc = 0;

    if (r->codec == PFS_CODEC_SNAPPY) {
        if (in.len < 4)
            return damaged(err, "a block is cut off");
        in.len -= 4;
        crc = pfs_be32(in.at + in.len);
    }
    pfs_buf_clear(&r->block);
    r->block.limit_bytes = r->max_bytes - r->decoded_bytes + 1;
    PFS_TRY(pfs_decompress_grow(r->codec, in, &r->block, err));
    r->decoded_bytes += r->block.len;
    if (r->codec == PFS_CODEC_SNAPPY && pfs_crc32(r->block.at, r->block.len) != crc)
        return damaged(err, "a block's checksum is wrong");
    return r->decoded_bytes > r->max_bytes ? pfs_fail(err, EIO, "more than %zu bytes decoded", r->max_bytes) : 0;
}

static int next_block(struct pfs_avro_reader *r, struct pfs_err *err)
{
    struct pfs_slice bytes, sync;
    int rc;

    r->left = pfs_take_zigzag(&r->file);
    bytes = take_bytes(&r->file);
    if (!pfs_take(&r->file, sizeof(r->sync), &sync) || r->left < 0 || memcmp(sync.at, r->sync, sizeof(r->sync)) != 0)
        return damaged(err, "a block is cut off or its mark is wrong");
    rc = decompress(r, bytes, err);
    if (rc < 0)
        return rc == -EFBIG || rc == -ENOMEM ? rc : pfs_wrap(err, "an Avro block");
    r->at = pfs_cursor_of(pfs_buf_slice(&r->block));
    return 0;
}

/* ---- datums ---- */

struct decoding {
    struct pfs_cursor *c;
    struct pfs_arena *arena;
    bool full;
};

static void skip(struct pfs_cursor *c, const struct pfs_avro_schema *s);

/* Number of the next items of an array or map; 0 at its end. An item takes at least a byte, but for nulls. */
static int64_t next_items(struct pfs_cursor *c)
{
    int64_t count = pfs_take_zigzag(c);

    if (count < 0) {
        (void)pfs_take_zigzag(c);
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
    int64_t which = pfs_take_zigzag(c);

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
        (void)pfs_take_zigzag(c);
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

static void decode_array(struct decoding *d, const struct pfs_avro_schema *s, struct pfs_avro_value *out)
{
    int64_t room = 0;

    out->kind = PFS_AVRO_ARRAY;
    for (int64_t count = next_items(d->c); count > 0; count = next_items(d->c)) {
        struct pfs_avro_value *more = pfs_arena_array(d->arena, (size_t)(room + count), sizeof(*more));

        if (more == NULL) {
            d->full = d->c->bad = true;
            return;
        }
        if (room > 0)
            memcpy(more, out->item, (size_t)room * sizeof(*more));
        out->item = more;
        room += count;
        for (; out->count < room && !d->c->bad; out->count++)
            decode(d, &s->child[0], &out->item[out->count]);
    }
}

static void decode_record(struct decoding *d, const struct pfs_avro_schema *s, struct pfs_avro_value *out)
{
    out->kind = PFS_AVRO_RECORD;
    out->count = s->wanted;
    out->item = pfs_arena_array(d->arena, (size_t)s->wanted, sizeof(*out->item)); /* zeroed: NULL */
    if (out->item == NULL) {
        d->full = d->c->bad = true;
        return;
    }
    for (int32_t i = 0; i < s->children && !d->c->bad; i++) {
        if (s->place[i] < 0)
            skip(d->c, &s->child[i]);
        else
            decode(d, &s->child[i], &out->item[s->place[i]]);
    }
}

static void decode_bytes(struct decoding *d, struct pfs_slice in, struct pfs_avro_value *out)
{
    out->kind = PFS_AVRO_BYTES;
    if (!d->c->bad && !pfs_arena_copy(d->arena, in, &out->bytes))
        d->full = d->c->bad = true;
}

static void decode(struct decoding *d, const struct pfs_avro_schema *s, struct pfs_avro_value *out)
{
    const struct pfs_avro_schema *b;
    struct pfs_slice bytes;
    uint32_t bits;
    float f;

    *out = (struct pfs_avro_value){0};
    switch (s->type) {
    case PFS_AVRO_T_NULL:
        return;
    case PFS_AVRO_T_BOOLEAN:
        out->kind = PFS_AVRO_LONG;
        out->number = pfs_take_u8(d->c) != 0;
        return;
    case PFS_AVRO_T_INT:
        out->kind = PFS_AVRO_LONG;
        out->number = pfs_take_zigzag(d->c);
        return;
    case PFS_AVRO_T_FLOAT:
        bits = pfs_take_le32(d->c);
        memcpy(&f, &bits, sizeof(f));
        out->kind = PFS_AVRO_DOUBLE;
        out->real = (double)f;
        return;
    case PFS_AVRO_T_DOUBLE:
        out->kind = PFS_AVRO_DOUBLE;
        out->number = (int64_t)pfs_take_le64(d->c);
        memcpy(&out->real, &out->number, sizeof(out->real));
        out->number = 0;
        return;
    case PFS_AVRO_T_BYTES:
        decode_bytes(d, take_bytes(d->c), out);
        return;
    case PFS_AVRO_T_FIXED:
        (void)pfs_take(d->c, (size_t)s->size, &bytes);
        decode_bytes(d, bytes, out);
        return;
    case PFS_AVRO_T_ARRAY:
        decode_array(d, s, out);
        return;
    case PFS_AVRO_T_MAP:
        skip_items(d->c, s);
        return;
    case PFS_AVRO_T_UNION:
        b = branch(d->c, s);
        if (b != NULL)
            decode(d, b, out);
        return;
    case PFS_AVRO_T_RECORD:
        decode_record(d, s, out);
        return;
    }
}

int pfs_avro_next(struct pfs_avro_reader *reader, struct pfs_arena *arena, struct pfs_avro_value *out,
                  struct pfs_err *err)
{
    struct decoding d = {&reader->at, arena, false};

    while (reader->left == 0) {
        if (pfs_left(&reader->file) == 0)
            return 0;
        PFS_TRY(next_block(reader, err));
    }
    reader->left--;
    decode(&d, &reader->schema, out);
    if (d.full)
        return pfs_arena_full(arena, err);
    return reader->at.bad ? damaged(err, "a record is cut off") : 1;
}
