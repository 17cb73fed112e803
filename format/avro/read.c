/* read.c - records of metadata: block after block, datums by the plan.
 *
 * Three arenas, by how long things live: the caller's `keep` for decoded blocks (strings of records point into them and
 * outlive the reader), `plan` for the schema, `values` for the tree of one record, reset with the next.
 *
 * The ceiling is on decoded bytes. A decoder asks for room in pieces, so its own ceiling is a piece further, and the
 * sum is compared when a block is whole. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "format/avro/container.h"
#include "format/avro/datum.h"

#define SLACK_BYTES ((size_t)1 << 20) /* decoders ask for room in pieces, more than they fill */

struct pfs_avro_reader {
    struct pfs_cursor file;
    struct pfs_arena *keep;  /* the caller's: blocks */
    struct pfs_arena plan;   /* the schema */
    struct pfs_arena values; /* of the record that next gave last */
    struct pfs_avro_schema schema;
    struct pfs_avro_header header;
    size_t max_bytes, decoded_bytes;
    int64_t claimed, left; /* records: of all blocks, of the block */
    struct pfs_buf unpacked;
    struct pfs_cursor at; /* in the block */
};

/* Steps from block to block without looking into them; what is wrong there is found when it is read. */
static int64_t count_claimed(struct pfs_cursor at)
{
    int64_t records = 0;

    while (!at.bad && pfs_left(&at) > 0) {
        int64_t count = pfs_avro_take_long(&at);

        (void)pfs_avro_take_bytes(&at);
        (void)pfs_skip(&at, PFS_AVRO_SYNC_BYTES);
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

    assert(wanted != NULL && arena != NULL);
    if (r == NULL)
        return pfs_fail(err, ENOMEM, "no memory to read an Avro file");
    r->file = pfs_cursor_of(file);
    r->max_bytes = max_bytes;
    r->keep = arena;
    pfs_arena_init(&r->plan, PFS_METADATA_BYTES_MAX);
    pfs_arena_init(&r->values, PFS_METADATA_BYTES_MAX);
    rc = pfs_avro_header_take(&r->file, &r->header, err);
    if (rc == 0)
        rc = pfs_avro_schema_parse(r->header.schema, &r->plan, &r->schema, wanted, NULL, err);
    if (rc < 0) {
        pfs_avro_close(r);
        return rc;
    }
    r->claimed = count_claimed(r->file);
    assert(r->claimed >= 0);
    assert((uint64_t)r->claimed <= file.len);
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

static int decompress(struct pfs_avro_reader *r, struct pfs_slice in, struct pfs_err *err)
{
    struct pfs_slice block;

    assert(r->decoded_bytes <= r->max_bytes);
    pfs_buf_clear(&r->unpacked);
    r->unpacked.limit_bytes = r->max_bytes - r->decoded_bytes + SLACK_BYTES;
    PFS_TRY(pfs_avro_block_unpack(&r->header, in, &r->unpacked, err));
    r->decoded_bytes += r->unpacked.len;
    if (r->decoded_bytes > r->max_bytes)
        return pfs_fail(err, EFBIG, "the Avro file holds more than %zu bytes", r->max_bytes);
    if (!pfs_arena_copy(r->keep, pfs_buf_slice(&r->unpacked), &block))
        return pfs_arena_full(r->keep, err);
    r->at = pfs_cursor_of(block);
    return 0;
}

static int next_block(struct pfs_avro_reader *r, struct pfs_err *err)
{
    int64_t records = pfs_avro_take_long(&r->file);
    struct pfs_slice bytes = pfs_avro_take_bytes(&r->file), sync;

    if (!pfs_take(&r->file, PFS_AVRO_SYNC_BYTES, &sync) || records < 0 ||
        memcmp(sync.at, r->header.sync, PFS_AVRO_SYNC_BYTES) != 0)
        return pfs_avro_damaged(err, "a block is cut off or its mark is wrong");
    PFS_TRY(decompress(r, bytes, err));
    if ((uint64_t)records > pfs_left(&r->at))
        return pfs_avro_damaged(err, "a block claims more records than it has bytes");
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

static void decode(struct decoding *d, const struct pfs_avro_schema *s, struct pfs_avro_value *out);

/* Room for `more` items behind those that are there; blocks of one array are few, so that doubling is rare. */
static bool array_room(struct decoding *d, struct pfs_avro_value *out, int64_t more, int64_t *room)
{
    struct pfs_avro_value *item;
    int64_t want = out->count + more;

    assert(more > 0);
    assert(out->count <= *room);
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
    for (int64_t count = pfs_avro_next_items(d->c); count > 0; count = pfs_avro_next_items(d->c)) {
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

    assert(s->type == PFS_AVRO_T_RECORD);
    *out = (struct pfs_avro_value){.kind = PFS_AVRO_RECORD};
    if (item == NULL) {
        fill(d, d->arena);
        return;
    }
    out->count = s->wanted;
    out->item = item;
    for (int32_t i = 0; i < s->children && !d->c->bad; i++) {
        assert(s->place[i] < s->wanted);
        if (s->place[i] < 0)
            pfs_avro_skip(d->c, &s->child[i]);
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
    int64_t which = pfs_avro_take_long(d->c);

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
        s = pfs_avro_branch(d->c, s);
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
        *out = (struct pfs_avro_value){.kind = PFS_AVRO_LONG, .number = pfs_avro_take_long(d->c)};
        return;
    case PFS_AVRO_T_FLOAT:
    case PFS_AVRO_T_DOUBLE:
        decode_real(d->c, s->type == PFS_AVRO_T_DOUBLE, out);
        return;
    case PFS_AVRO_T_BYTES:
        *out = (struct pfs_avro_value){.kind = PFS_AVRO_BYTES, .bytes = pfs_avro_take_bytes(d->c)};
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
        pfs_avro_skip(d->c, s);
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
    assert(reader->left > 0);
    reader->left--;
    pfs_arena_reset(&reader->values);
    decode(&d, &reader->schema, out);
    if (d.full != NULL)
        return pfs_arena_full(d.full, err);
    return reader->at.bad ? pfs_avro_damaged(err, "a record is cut off") : 1;
}
