/* record.c - what ingestion writes into the journal: bodies of records, little-endian, lengths first. They are
 * read by another process after a crash, so they say what they need in full. */
#include <assert.h>
#include <string.h>

#include "base/limits.h"
#include "format/frame.h"
#include "src/journal/record.h"

#define RECORD_VERSION 1

enum { FLAG_APPEND = 1, FLAG_ONCE = 2 }; /* of a BEGIN */
enum { FLAG_TAIL = 1, FLAG_CUT = 2 };    /* of a SEAL */

static void put_slice(struct pfs_slice bytes, struct pfs_buf *out)
{
    assert(bytes.len <= UINT32_MAX);
    pfs_buf_le32(out, (uint32_t)bytes.len);
    pfs_buf_put(out, bytes.at, bytes.len);
}

static void put_name(const struct pfs_part_name *name, struct pfs_buf *out)
{
    assert(name->database != NULL);
    assert(name->table != NULL);
    put_slice(pfs_str(name->database), out);
    put_slice(pfs_str(name->table), out);
    pfs_buf_putc(out, name->branch != NULL);
    if (name->branch != NULL)
        put_slice(pfs_str(name->branch), out);
}

void pfs_record_put_begin(const struct pfs_part_begin *begin, struct pfs_buf *out)
{
    assert(!begin->once || begin->user != NULL);
    pfs_buf_putc(out, RECORD_VERSION);
    pfs_buf_putc(out, (uint8_t)((begin->append ? FLAG_APPEND : 0) | (begin->once ? FLAG_ONCE : 0)));
    put_name(&begin->name, out);
    pfs_buf_le64(out, (uint64_t)begin->schema_id);
    pfs_buf_le64(out, begin->schema_hash);
    pfs_buf_le64(out, (uint64_t)begin->time_ms);
    pfs_buf_le64(out, begin->continues);
    if (begin->once) {
        put_slice(pfs_str(begin->user), out);
        pfs_buf_le64(out, (uint64_t)begin->identifier);
    }
    put_slice(begin->overwrite, out);
    put_slice(begin->schema_json, out);
    if (begin->once) {
        pfs_buf_le64(out, (uint64_t)begin->began.id);
        pfs_buf_le64(out, begin->began.hash);
        pfs_buf_le64(out, (uint64_t)begin->given);
    }
}

void pfs_record_put_seal(const struct pfs_part_seal *seal, uint8_t out[static PFS_RECORD_SEAL])
{
    assert(seal->target != 0);
    assert(seal->pieces >= 0);
    out[0] = RECORD_VERSION;
    pfs_put_le64(out + 1, seal->target);
    pfs_put_le64(out + 9, (uint64_t)seal->order);
    pfs_put_le32(out + 17, (uint32_t)seal->pieces);
    out[21] = (uint8_t)((seal->tail ? FLAG_TAIL : 0) | (seal->cut ? FLAG_CUT : 0));
}

void pfs_record_put_intent(const struct pfs_part_intent *intent, struct pfs_buf *out)
{
    assert(intent->user != NULL);
    assert(intent->parts > 0);
    pfs_buf_putc(out, RECORD_VERSION);
    put_name(&intent->name, out);
    put_slice(pfs_str(intent->user), out);
    pfs_buf_le64(out, (uint64_t)intent->identifier);
    pfs_buf_le64(out, (uint64_t)intent->seen);
    pfs_buf_le32(out, (uint32_t)intent->parts);
    for (int32_t i = 0; i < intent->parts; i++)
        pfs_buf_le64(out, intent->part[i]);
    put_slice(intent->files, out);
}

/* Values as one frame of a row: their types are those of the columns. */
int pfs_record_put_overwrite(const struct pfs_overwrite *overwrite, struct pfs_buf *out, struct pfs_err *err)
{
    struct pfs_batch row = {1, overwrite->columns, (struct pfs_column *)(uintptr_t)overwrite->value};

    assert(overwrite->columns >= 0);
    assert(overwrite->kind <= PFS_OVERWRITE_STATIC);
    pfs_buf_putc(out, (uint8_t)overwrite->kind);
    pfs_buf_le32(out, (uint32_t)overwrite->columns);
    for (int32_t i = 0; i < overwrite->columns; i++)
        pfs_buf_le32(out, (uint32_t)overwrite->column[i]);
    if (overwrite->columns > 0)
        PFS_TRY(pfs_frame_put(&row, PFS_CODEC_NONE, out, err));
    return pfs_buf_check(out, err);
}

/* ---- reading ---- */

/* The bytes had their hash: they are of another version, or of a mistake of ours. */
static int damaged(struct pfs_err *err)
{
    return pfs_fail(err, EIO, "a record of the journal cannot be understood");
}

static struct pfs_slice take_slice(struct pfs_cursor *c)
{
    struct pfs_slice out = {NULL, 0};

    (void)pfs_take(c, pfs_take_le32(c), &out);
    return out;
}

/* A text becomes a C string: one with a NUL inside is none. */
static const char *take_text(struct pfs_cursor *c, struct pfs_arena *arena)
{
    struct pfs_slice text = take_slice(c);
    const char *out = NULL;

    if (!c->bad && (text.len == 0 || memchr(text.at, 0, text.len) == NULL))
        out = pfs_arena_string(arena, text);
    c->bad |= out == NULL;
    return out;
}

static void take_name(struct pfs_cursor *c, struct pfs_arena *arena, struct pfs_part_name *out)
{
    out->database = take_text(c, arena);
    out->table = take_text(c, arena);
    out->branch = pfs_take_u8(c) != 0 ? take_text(c, arena) : NULL;
}

int pfs_record_get_begin(struct pfs_slice body, struct pfs_arena *arena, struct pfs_part_begin *out,
                         struct pfs_err *err)
{
    struct pfs_cursor c = pfs_cursor_of(body);
    struct pfs_part_begin b = {0};
    uint8_t version = pfs_take_u8(&c), flags = pfs_take_u8(&c);

    b.append = (flags & FLAG_APPEND) != 0;
    b.once = (flags & FLAG_ONCE) != 0;
    take_name(&c, arena, &b.name);
    b.schema_id = (int64_t)pfs_take_le64(&c);
    b.schema_hash = pfs_take_le64(&c);
    b.time_ms = (int64_t)pfs_take_le64(&c);
    b.continues = pfs_take_le64(&c);
    if (b.once) {
        b.user = take_text(&c, arena);
        b.identifier = (int64_t)pfs_take_le64(&c);
    }
    b.overwrite = take_slice(&c);
    b.schema_json = take_slice(&c);
    if (b.once && pfs_left(&c) > 0) {
        b.began.id = (int64_t)pfs_take_le64(&c);
        b.began.hash = pfs_take_le64(&c);
        b.given = (int64_t)pfs_take_le64(&c);
    }
    if (c.bad || version != RECORD_VERSION)
        return damaged(err);
    *out = b;
    return 0;
}

int pfs_record_get_seal(struct pfs_slice body, struct pfs_part_seal *out, struct pfs_err *err)
{
    struct pfs_cursor c = pfs_cursor_of(body);
    uint8_t version = pfs_take_u8(&c);
    struct pfs_part_seal s = {.target = pfs_take_le64(&c)};
    uint8_t flags;

    s.order = (int64_t)pfs_take_le64(&c);
    s.pieces = (int32_t)pfs_take_le32(&c);
    flags = pfs_take_u8(&c);
    s.tail = (flags & FLAG_TAIL) != 0;
    s.cut = (flags & FLAG_CUT) != 0;
    if (c.bad || version != RECORD_VERSION || s.pieces < 0)
        return damaged(err);
    *out = s;
    return 0;
}

/* A count is compared with what is left before anything is made for it. */
int pfs_record_get_intent(struct pfs_slice body, struct pfs_arena *arena, struct pfs_part_intent *out,
                          struct pfs_err *err)
{
    struct pfs_cursor c = pfs_cursor_of(body);
    struct pfs_part_intent i = {0};
    uint8_t version = pfs_take_u8(&c);
    uint64_t *part = NULL;
    uint32_t parts;

    take_name(&c, arena, &i.name);
    i.user = take_text(&c, arena);
    i.identifier = (int64_t)pfs_take_le64(&c);
    i.seen = (int64_t)pfs_take_le64(&c);
    parts = pfs_take_le32(&c);
    if (!c.bad && parts <= pfs_left(&c) / 8)
        part = pfs_arena_array(arena, parts, sizeof(*part));
    if (part == NULL || version != RECORD_VERSION)
        return damaged(err);
    for (uint32_t k = 0; k < parts; k++)
        part[k] = pfs_take_le64(&c);
    i.parts = (int32_t)parts;
    i.part = part;
    i.files = take_slice(&c);
    if (c.bad)
        return damaged(err);
    *out = i;
    return 0;
}

int pfs_record_get_overwrite(struct pfs_slice in, const struct pfs_schema *schema, struct pfs_arena *arena,
                             struct pfs_overwrite *out, struct pfs_err *err)
{
    struct pfs_cursor c = pfs_cursor_of(in);
    uint8_t kind = pfs_take_u8(&c);
    uint32_t columns = pfs_take_le32(&c);
    const struct pfs_type **type;
    struct pfs_batch row = {0};
    int32_t *column;
    size_t used;

    if (c.bad || columns > (uint32_t)schema->columns || kind > PFS_OVERWRITE_STATIC)
        return damaged(err);
    column = pfs_arena_array(arena, columns, sizeof(*column));
    type = pfs_arena_array(arena, columns, sizeof(*type));
    if (column == NULL || type == NULL)
        return pfs_arena_full(arena, err);
    for (uint32_t i = 0; i < columns; i++) {
        column[i] = (int32_t)pfs_take_le32(&c);
        if (c.bad || column[i] < 0 || column[i] >= schema->columns)
            return damaged(err);
        type[i] = &schema->field[column[i]].type;
    }
    if (columns > 0)
        PFS_TRY(
            pfs_frame_get(pfs_slice_of(in.at + c.pos, pfs_left(&c)), type, (int32_t)columns, arena, &row, &used, err));
    *out = (struct pfs_overwrite){
        .kind = (enum pfs_overwrite_kind)kind, .columns = (int32_t)columns, .column = column, .value = row.column};
    return 0;
}
