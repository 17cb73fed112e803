/* part.c - pieces and parts: rows that lie in a journal, ours or a foreign one.
 *
 * A piece goes from WRITTEN to DURABLE or to LOST, once: by the answer to the flush that wrote it, or by whoever
 * settles the part first. Pieces are lost from some record of the journal on, so what is left of a part is its
 * beginning. A part that has a FILES piece is read from its last one, which lists all files so far; the pieces behind
 * it are rows that came after them (a last line without newline). */
#include <assert.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "format/frame.h"
#include "src/ingest/internal.h"

struct pfs_piece *pfs_piece_new(enum pfs_journal_kind kind, uint64_t number, struct pfs_place_in_journal place)
{
    struct pfs_piece *p = pfs_zalloc(sizeof(*p));

    if (p == NULL)
        return NULL;
    atomic_init(&p->refs, 1);
    atomic_init(&p->state, PFS_PIECE_WRITTEN);
    p->kind = kind;
    p->number = number;
    p->place = place;
    return p;
}

void pfs_piece_release(struct pfs_piece *piece)
{
    int before;

    if (piece == NULL)
        return;
    before = atomic_fetch_sub(&piece->refs, 1);
    assert(before > 0);
    if (before == 1)
        pfs_free(piece);
}

struct pfs_part *pfs_part_new(struct pfs_slot *slot, struct pfs_err *err)
{
    struct pfs_part *p = pfs_zalloc(sizeof(*p));

    if (p == NULL) {
        (void)pfs_fail(err, ENOMEM, "no memory for rows");
        return NULL;
    }
    pfs_arena_init(&p->arena, PFS_ARENA_LIMIT);
    p->slot = slot;
    p->recent_last = &p->recent;
    return p;
}

void pfs_part_free(struct pfs_part *part)
{
    if (part == NULL)
        return;
    for (int32_t i = 0; i < part->pieces; i++)
        pfs_piece_release(part->piece[i]);
    pfs_recent_drop(part->recent);
    pfs_write_close(part->write);
    pfs_schemas_unref(part->schemas);
    pfs_free(part->piece);
    pfs_arena_done(&part->arena);
    pfs_free(part);
}

int pfs_part_add(struct pfs_part *part, struct pfs_piece *piece, struct pfs_err *err)
{
    assert(part->pieces <= part->room);
    if (part->pieces == part->room) {
        int32_t room = part->room == 0 ? 2 : part->room * 2;
        struct pfs_piece **more = pfs_realloc(part->piece, (size_t)room * sizeof(struct pfs_piece *));

        if (more == NULL)
            return pfs_fail(err, ENOMEM, "no memory for rows");
        part->piece = more;
        part->room = room;
    }
    part->piece[part->pieces++] = piece;
    part->files |= piece->kind == PFS_JOURNAL_FILES;
    return 0;
}

/* Records are lost from some point on, so what is left is a beginning. A write whose list of files is lost has rows
 * that its handle was told are not there, beside those that are left: these come from the journal again. */
static void drop_lost(struct pfs_part *part)
{
    int32_t kept = 0;
    bool files = false;

    while (kept < part->pieces && atomic_load(&part->piece[kept]->state) != PFS_PIECE_LOST)
        kept++;
    if (kept == part->pieces)
        return;
    part->tail = false;
    for (; part->pieces > kept; part->pieces--) {
        files |= part->piece[part->pieces - 1]->kind == PFS_JOURNAL_FILES;
        pfs_piece_release(part->piece[part->pieces - 1]);
    }
    assert(!files || !part->unclear);
    if (files) {
        pfs_write_close(part->write);
        part->write = NULL;
    }
}

/* The last moment at which it is open whether a piece counts: from here on it is read. */
void pfs_part_settle(struct pfs_ingest *ingest, struct pfs_part *part)
{
    bool unsure = false;
    int rc = 0;

    for (int32_t i = 0; i < part->pieces; i++)
        unsure |= atomic_load(&part->piece[i]->state) == PFS_PIECE_WRITTEN;
    if (unsure && part->source == NULL)
        rc = pfs_journal_sync(ingest->journal, part->number, NULL);
    for (int32_t i = 0; i < part->pieces && unsure; i++) {
        int written = PFS_PIECE_WRITTEN;
        bool durable = rc == 0 || pfs_journal_is_durable(ingest->journal, part->piece[i]->place);

        /* Those who wait for an earlier sync may not have been told yet: what it made durable is not lost. */
        (void)atomic_compare_exchange_strong(&part->piece[i]->state, &written,
                                             durable ? PFS_PIECE_DURABLE : PFS_PIECE_LOST);
    }
    drop_lost(part);
}

/* Rows before the last record of files are in those files. */
void pfs_part_drop_replaced(struct pfs_part *part)
{
    int32_t from = 0;

    for (int32_t i = 1; i < part->pieces; i++)
        from = part->piece[i]->kind == PFS_JOURNAL_FILES ? i : from;
    for (int32_t i = 0; i < from; i++)
        pfs_piece_release(part->piece[i]);
    assert(from == 0 || from < part->pieces);
    part->pieces -= from;
    memmove(part->piece, part->piece + from, (size_t)part->pieces * sizeof(struct pfs_piece *));
}

int pfs_part_read(struct pfs_ingest *ingest, const struct pfs_part *part, const struct pfs_piece *piece,
                  struct pfs_arena *arena, struct pfs_slice *out, struct pfs_err *err)
{
    return part->source != NULL ? pfs_foreign_read(part->source->foreign, piece->place, arena, out, err)
                                : pfs_journal_read(ingest->journal, piece->place, arena, out, err);
}

static const struct pfs_type kind_type = {.kind = PFS_TINYINT};

/* The row kind is a column like any other in a frame. */
static int types_of(const struct pfs_schema *schema, struct pfs_arena *arena, const struct pfs_type ***out,
                    struct pfs_err *err)
{
    const struct pfs_type **type = pfs_arena_array(arena, (size_t)schema->columns + 1, sizeof(*type));

    if (type == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < schema->columns; i++)
        type[i] = &schema->field[i].type;
    type[schema->columns] = &kind_type;
    *out = type;
    return 0;
}

/* Frames one after the other, each a batch in an arena of its own. */
static int read_frames(const struct pfs_schema *schema, struct pfs_slice bytes, const struct pfs_type **types,
                       pfs_part_rows_fn *each, void *context, struct pfs_err *err)
{
    while (bytes.len > 0) {
        struct pfs_arena arena;
        struct pfs_batch batch;
        size_t used = 0;
        int rc;

        pfs_arena_init_small(&arena, PFS_BATCH_BYTES_MAX); /* a row that was appended by itself may be kept in it */
        rc = pfs_frame_get(bytes, types, schema->columns + 1, &arena, &batch, &used, err);
        if (rc == 0)
            rc = each(context, &arena, &batch, err);
        pfs_arena_done(&arena);
        PFS_TRY(rc);
        assert(used > 0 && used <= bytes.len);
        bytes.at += used;
        bytes.len -= used;
    }
    return 0;
}

/* The body of ROWS and TAIL: the length of the whole rows' frames, these, then those of the tail. */
int pfs_body_rows(const struct pfs_schema *schema, struct pfs_slice body, bool tail, pfs_part_rows_fn *each,
                  void *context, struct pfs_err *err)
{
    struct pfs_cursor c = pfs_cursor_of(body);
    const struct pfs_type **types;
    struct pfs_slice rows;
    struct pfs_arena arena;
    int rc;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = types_of(schema, &arena, &types, err);
    (void)pfs_take(&c, pfs_take_le32(&c), &rows);
    if (rc == 0)
        rc = c.bad ? pfs_fail(err, EIO, "a record of rows ends early")
                   : read_frames(schema, rows, types, each, context, err);
    if (rc == 0 && tail)
        rc = read_frames(schema, pfs_slice_of(body.at + c.pos, pfs_left(&c)), types, each, context, err);
    pfs_arena_done(&arena);
    return rc;
}

int pfs_piece_rows(struct pfs_ingest *ingest, const struct pfs_part *part, int32_t index, pfs_part_rows_fn *each,
                   void *context, struct pfs_err *err)
{
    const struct pfs_piece *piece = part->piece[index];
    struct pfs_arena arena;
    struct pfs_slice body;
    int rc;

    assert(index >= 0);
    assert(index < part->pieces);
    assert(part->schema != NULL);
    if (piece->kind == PFS_JOURNAL_FILES)
        return 0;
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = pfs_part_read(ingest, part, piece, &arena, &body, err);
    if (rc == 0)
        rc = pfs_body_rows(part->schema, body, part->tail && index == part->pieces - 1, each, context, err);
    pfs_arena_done(&arena);
    return rc;
}

int pfs_part_rows(struct pfs_ingest *ingest, const struct pfs_part *part, pfs_part_rows_fn *each, void *context,
                  struct pfs_err *err)
{
    for (int32_t i = 0; i < part->pieces; i++)
        PFS_TRY(pfs_piece_rows(ingest, part, i, each, context, err));
    return 0;
}

/* The last record of files lists all of them. */
int pfs_part_files(struct pfs_ingest *ingest, const struct pfs_part *part, struct pfs_arena *arena,
                   struct pfs_write_files *out, struct pfs_err *err)
{
    struct pfs_manifest_entry *entry;
    struct pfs_slice body;
    int64_t count = 0, files = 0;

    assert(part->files);
    *out = (struct pfs_write_files){0};
    for (int32_t i = 0; i < part->pieces; i++)
        if (part->piece[i]->kind == PFS_JOURNAL_FILES) {
            PFS_TRY(pfs_part_read(ingest, part, part->piece[i], arena, &body, err));
            PFS_TRY(pfs_manifest_parse(body, arena, &entry, &count, err));
        }
    if (count == 0)
        return 0;
    /* Files of rows come first, then those of changelog, which a flush marked as deleted to tell them apart. */
    while (files < count && !entry[files].deleted)
        files++;
    for (int64_t i = files; i < count; i++)
        entry[i].deleted = false;
    *out = (struct pfs_write_files){
        .entries = files, .entry = entry, .changelogs = count - files, .changelog = entry + files};
    return 0;
}

void pfs_source_release(struct pfs_ingest *ingest, struct pfs_source *source)
{
    bool last;

    pthread_mutex_lock(&ingest->lock);
    assert(source->refs > 0);
    last = --source->refs == 0;
    pthread_mutex_unlock(&ingest->lock);
    if (!last)
        return;
    pfs_foreign_close(source->foreign, !source->stays);
    pfs_free(source);
}

/* Not synced: what is not known to be retired is looked for in the table again, and found. */
void pfs_part_retire(struct pfs_ingest *ingest, struct pfs_part *part)
{
    struct pfs_source *source = part->source;

    if (source == NULL)
        (void)pfs_journal_add(ingest->journal, part->number, PFS_JOURNAL_RETIRED, pfs_slice_of(NULL, 0), NULL, NULL);
    pfs_part_free(part);
    if (source != NULL)
        pfs_source_release(ingest, source);
}

void pfs_parts_leave(struct pfs_ingest *ingest, struct pfs_part *parts)
{
    while (parts != NULL) {
        struct pfs_part *part = parts;
        struct pfs_source *source = part->source;

        parts = part->next;
        if (part->unclear)
            part->write = NULL; /* a snapshot may name its files: they are left, and so is the memory that lists them */
        pfs_part_free(part);
        if (source != NULL) {
            source->stays = true;
            pfs_source_release(ingest, source);
        }
    }
}
