/* segment.c - bytes of a segment, which a crash may have cut anywhere and a disk may have damaged: nothing is taken for
 * a record before its hash says so, and no length is trusted before it is compared with what the file has left. */
#include "src/journal/segment.h"

#include <assert.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"

#define MAGIC "PFSJRN01"
#define MAGIC_BYTES 8
#define FAMILY_BYTES 6 /* of the magic: the same in every version */

static void put_text(struct pfs_buf *out, const char *text)
{
    size_t len = strlen(text);

    assert(len <= UINT16_MAX);
    pfs_buf_putc(out, (uint8_t)len);
    pfs_buf_putc(out, (uint8_t)(len >> 8));
    pfs_buf_put(out, text, len);
}

int pfs_segment_put_header(struct pfs_segment_header *header, struct pfs_buf *out, struct pfs_err *err)
{
    size_t start = out->len;

    pfs_buf_put(out, MAGIC, MAGIC_BYTES);
    pfs_buf_le32(out, 0);
    pfs_buf_le64(out, (uint64_t)header->host.process);
    pfs_buf_le32(out, (uint32_t)header->number);
    put_text(out, header->uuid);
    put_text(out, header->host.name);
    put_text(out, header->host.boot);
    put_text(out, header->user);
    PFS_TRY(pfs_buf_check(out, err));
    pfs_put_le32(out->at + start + MAGIC_BYTES, (uint32_t)(out->len - start - MAGIC_BYTES - 4));
    header->seed = pfs_hash64(out->at + start, out->len - start, 0);
    pfs_buf_le64(out, header->seed);
    header->bytes = out->len - start;
    assert(header->bytes <= PFS_SEGMENT_HEADER_MAX);
    return pfs_buf_check(out, err);
}

static void take_text(struct pfs_cursor *c, char *to, size_t size)
{
    struct pfs_slice text;
    size_t len = pfs_take_le16(c);

    if (len >= size)
        c->bad = true;
    if (!pfs_take(c, len, &text))
        return;
    memcpy(to, text.at, text.len);
    to[text.len] = '\0';
}

int pfs_segment_get_header(struct pfs_file *file, struct pfs_segment_header *out, struct pfs_err *err)
{
    uint8_t bytes[PFS_SEGMENT_HEADER_MAX];
    uint64_t size = pfs_file_size(file);
    size_t have = size < sizeof(bytes) ? (size_t)size : sizeof(bytes), body;
    struct pfs_cursor c;

    memset(out, 0, sizeof(*out));
    if (have < MAGIC_BYTES + 4 + 8)
        return 0;
    PFS_TRY(pfs_file_pread(file, 0, bytes, have, err));
    if (memcmp(bytes, MAGIC, FAMILY_BYTES) != 0)
        return 0;
    if (memcmp(bytes, MAGIC, MAGIC_BYTES) != 0)
        return pfs_fail(err, ENOTSUP, "a journal of version \"%.2s\"", (const char *)bytes + FAMILY_BYTES);
    body = pfs_le32(bytes + MAGIC_BYTES);
    if (body > have - MAGIC_BYTES - 4 - 8)
        return 0;
    c = pfs_cursor_of(pfs_slice_of(bytes + MAGIC_BYTES + 4, body));
    out->host.process = (int64_t)pfs_take_le64(&c);
    out->number = (int32_t)pfs_take_le32(&c);
    take_text(&c, out->uuid, sizeof(out->uuid));
    take_text(&c, out->host.name, sizeof(out->host.name));
    take_text(&c, out->host.boot, sizeof(out->host.boot));
    take_text(&c, out->user, sizeof(out->user));
    out->seed = pfs_hash64(bytes, MAGIC_BYTES + 4 + body, 0);
    out->bytes = MAGIC_BYTES + 4 + body + 8;
    return !c.bad && pfs_left(&c) == 0 && pfs_le64(bytes + out->bytes - 8) == out->seed;
}

/* Seeded by the segment: a record of an older one that lies in reused blocks does not count. */
static uint64_t hash_record(const uint8_t *head, uint64_t seed, struct pfs_slice body)
{
    return pfs_hash64(body.at, body.len, pfs_hash64(head, 16, seed));
}

void pfs_record_put_head(uint8_t head[static PFS_RECORD_HEAD], uint64_t seed, uint32_t kind, uint64_t transaction,
                         struct pfs_slice body)
{
    assert(body.len <= PFS_JOURNAL_BODY_MAX);
    pfs_put_le32(head, (uint32_t)body.len);
    pfs_put_le32(head + 4, kind);
    pfs_put_le64(head + 8, transaction);
    pfs_put_le64(head + 16, hash_record(head, seed, body));
}

/* ---- reading back ---- */

#define WINDOW_BYTES ((size_t)1 << 20)

/* A stretch of the file that slides forward: [start, start + len). */
struct window {
    struct pfs_file *file;
    uint64_t start;
    size_t len, cap;
    uint8_t *bytes;
};

/* Makes [at, at + need) lie in the window; the caller has proven that the file has it. */
static int slide(struct window *w, uint64_t at, size_t need, struct pfs_err *err)
{
    uint64_t left = pfs_file_size(w->file) - at;
    size_t len = need > WINDOW_BYTES ? need : WINDOW_BYTES;

    assert(at <= pfs_file_size(w->file));
    assert(need <= left);
    if (at >= w->start && at - w->start <= w->len && need <= w->len - (size_t)(at - w->start))
        return 0;
    if (len > left)
        len = (size_t)left;
    if (len > w->cap) {
        uint8_t *grown = pfs_alloc(len);

        if (grown == NULL)
            return pfs_fail(err, ENOMEM, "no memory for a record of %zu bytes", len);
        pfs_free(w->bytes);
        w->bytes = grown;
        w->cap = len;
    }
    w->len = 0;
    PFS_TRY(pfs_file_pread(w->file, at, w->bytes, len, err));
    w->start = at;
    w->len = len;
    return 0;
}

/* The record at `at`: 1, or 0 when there is none. */
static int look(struct window *w, uint64_t at, uint64_t seed, struct pfs_segment_record *out, struct pfs_err *err)
{
    uint64_t left = pfs_file_size(w->file) - at;
    const uint8_t *head;
    size_t len;

    if (left < PFS_RECORD_HEAD)
        return 0;
    PFS_TRY(slide(w, at, PFS_RECORD_HEAD, err));
    len = pfs_le32(w->bytes + (size_t)(at - w->start));
    if (len > PFS_JOURNAL_BODY_MAX || len > left - PFS_RECORD_HEAD)
        return 0;
    PFS_TRY(slide(w, at, PFS_RECORD_HEAD + len, err));
    head = w->bytes + (size_t)(at - w->start);
    *out = (struct pfs_segment_record){pfs_le32(head + 4), pfs_le64(head + 8), at + PFS_RECORD_HEAD,
                                       pfs_slice_of(head + PFS_RECORD_HEAD, len)};
    return pfs_le64(head + 16) == hash_record(head, seed, out->body);
}

/* Could a record's head begin here? Most bytes of a body cannot. */
static bool may_be_head(const uint8_t *head, uint64_t left)
{
    uint32_t kind = pfs_le32(head + 4);
    uint64_t len = pfs_le32(head), transaction = pfs_le64(head + 8);

    if (len > PFS_JOURNAL_BODY_MAX || len > left - PFS_RECORD_HEAD)
        return false;
    return kind == PFS_RECORD_CUT ? transaction == 0 : kind < PFS_JOURNAL_KINDS && transaction != 0;
}

enum found { FOUND_NONE, FOUND_RECORD, FOUND_TOO_MUCH };

/* The next record behind `from`, which is none. `budget`: bytes that may be hashed in vain, since lengths are what the
 * file says; when it is spent nobody knows. */
static int find_next(struct window *w, uint64_t from, uint64_t seed, uint64_t *budget, struct pfs_segment_record *out,
                     struct pfs_err *err)
{
    uint64_t size = pfs_file_size(w->file);

    for (uint64_t at = from + 1; at < size && size - at >= PFS_RECORD_HEAD; at++) {
        const uint8_t *head;
        uint64_t len;
        int rc;

        PFS_TRY(slide(w, at, PFS_RECORD_HEAD, err));
        head = w->bytes + (size_t)(at - w->start);
        if (!may_be_head(head, size - at))
            continue;
        len = PFS_RECORD_HEAD + (uint64_t)pfs_le32(head);
        if (len > *budget)
            return FOUND_TOO_MUCH;
        *budget -= len;
        rc = look(w, at, seed, out, err);
        if (rc != 0)
            return rc < 0 ? rc : FOUND_RECORD;
    }
    return FOUND_NONE;
}

static void note_damage(struct pfs_segment_damage *damage, uint64_t from, uint64_t to)
{
    assert(to > from);
    damage->at = damage->bytes == 0 ? from : damage->at;
    damage->bytes += to - from;
}

/* One that cannot be told from damage is looked behind, so that rows of others are not given up with it. */
int pfs_segment_scan(struct pfs_file *file, const struct pfs_segment_header *header, pfs_segment_visit_fn *visit,
                     void *context, struct pfs_segment_damage *damage, struct pfs_err *err)
{
    struct window w = {.file = file};
    struct pfs_segment_record record;
    uint64_t at = header->bytes, budget = 4 * pfs_file_size(file);
    int rc = 0;

    *damage = (struct pfs_segment_damage){0};
    while (rc == 0 && at <= pfs_file_size(file)) {
        rc = look(&w, at, header->seed, &record, err);
        if (rc == 0) {
            rc = find_next(&w, at, header->seed, &budget, &record, err);
            if (rc == FOUND_RECORD) {
                note_damage(damage, at, record.at - PFS_RECORD_HEAD);
            } else if (rc == FOUND_TOO_MUCH) {
                note_damage(damage, at, pfs_file_size(file));
                rc = 0;
            }
        }
        if (rc <= 0)
            break;
        rc = visit(context, &record, err);
        at = record.at + record.body.len;
    }
    pfs_free(w.bytes);
    return rc;
}

int pfs_segment_read(struct pfs_file *file, uint64_t seed, struct pfs_place_in_journal place, struct pfs_arena *arena,
                     struct pfs_slice *out, struct pfs_err *err)
{
    uint64_t size = pfs_file_size(file);
    uint8_t *bytes;

    if (place.at < PFS_RECORD_HEAD || place.at > size || place.len > size - place.at ||
        place.len > PFS_JOURNAL_BODY_MAX)
        return pfs_fail(err, EIO, "journal segment %d: no record at %llu", place.segment, (unsigned long long)place.at);
    bytes = pfs_arena_alloc(arena, PFS_RECORD_HEAD + (size_t)place.len);
    if (bytes == NULL)
        return pfs_arena_full(arena, err);
    PFS_TRY(pfs_file_pread(file, place.at - PFS_RECORD_HEAD, bytes, PFS_RECORD_HEAD + (size_t)place.len, err));
    *out = pfs_slice_of(bytes + PFS_RECORD_HEAD, (size_t)place.len);
    if (pfs_le32(bytes) != place.len || pfs_le64(bytes + 16) != hash_record(bytes, seed, *out))
        return pfs_fail(err, EIO, "journal segment %d: the record at %llu is damaged", place.segment,
                        (unsigned long long)place.at);
    return 0;
}
