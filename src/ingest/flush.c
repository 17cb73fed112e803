/* flush.c - from memory into the journal: flush, seal, and the parts that these make.
 *
 * What was flushed is a part. A handle of `append` hands its part over whenever a commit asks for it (a split), and
 * goes on with a new one; the others at the seal alone.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/hash.h"
#include "base/idle.h"
#include "base/mem.h"
#include "format/frame.h"
#include "src/ingest/internal.h"

#define PACK_BYTES 4096 /* frames above it are compressed */
#define REST_MS 1000    /* a writer that brings nothing for so long rests */
#define RELEASE_FOLLOWS_MS 1000

/* ---- records ---- */

/* Of the schema as JSON: worked out once, for writers come with one row each. */
static int hash_schema(const struct pfs_transaction *t, uint64_t *hash, struct pfs_err *err)
{
    struct pfs_ingest *g = t->ingest;
    struct pfs_hashed *hashed = &t->slot->hashed;
    struct pfs_buf json = {0};
    bool known;
    int rc;

    pthread_mutex_lock(&g->lock);
    known = hashed->schema == t->schema && hashed->id == t->schema->id && hashed->time_ms == t->schema->time_ms;
    *hash = hashed->hash;
    pthread_mutex_unlock(&g->lock);
    if (known)
        return 0;
    rc = pfs_schema_print(t->schema, &json, err);
    if (rc == 0)
        *hash = pfs_hash64(json.at, json.len, 0);
    pfs_buf_done(&json);
    PFS_TRY(rc);
    pthread_mutex_lock(&g->lock);
    *hashed = (struct pfs_hashed){t->schema, t->schema->id, t->schema->time_ms, *hash};
    pthread_mutex_unlock(&g->lock);
    return 0;
}

/* The body of a part's BEGIN, with the schema's text or without. */
static int print_begin(struct pfs_transaction *t, const struct pfs_part *part, uint64_t hash, bool with_schema,
                       struct pfs_buf *body, struct pfs_err *err)
{
    const struct pfs_slot *slot = t->slot;
    struct pfs_part_begin begin = {.name = {slot->database, slot->table_name, slot->branch},
                                   .schema_id = t->schema->id,
                                   .schema_hash = hash,
                                   .time_ms = part->time_ms,
                                   .append = t->append,
                                   .once = t->user != NULL,
                                   .user = t->user,
                                   .identifier = t->identifier,
                                   .began = part->began,
                                   .given = part->given,
                                   .continues = part->continues};
    struct pfs_buf json = {0}, overwrite = {0};
    int rc = with_schema ? pfs_schema_print(t->schema, &json, err) : 0;

    if (rc == 0 && t->overwrite != NULL)
        rc = pfs_record_put_overwrite(t->overwrite, &overwrite, err);
    if (rc == 0) {
        begin.overwrite = pfs_buf_slice(&overwrite);
        begin.schema_json = pfs_buf_slice(&json);
        pfs_record_put_begin(&begin, body);
        rc = pfs_buf_check(body, err);
    }
    pfs_buf_done(&overwrite);
    pfs_buf_done(&json);
    return rc;
}

/* The first part of a segment that has rows of the schema says its text: whoever replays the segment may find the table
 * gone, or another one of its name. */
static bool has_schema(struct pfs_transaction *t, int32_t segment, uint64_t hash)
{
    bool has;

    pthread_mutex_lock(&t->ingest->lock);
    has = segment >= 0 && t->slot->schema_segment == segment && t->slot->schema_hash == hash;
    pthread_mutex_unlock(&t->ingest->lock);
    return has;
}

/* After the record is there: a segment that could not take it has no text of the schema. */
static void note_schema(struct pfs_transaction *t, int32_t segment, uint64_t hash)
{
    pthread_mutex_lock(&t->ingest->lock);
    t->slot->schema_segment = segment;
    t->slot->schema_hash = hash;
    pthread_mutex_unlock(&t->ingest->lock);
}

/* What the part is to be when it is published: copies, since it outlives the handle. */
static int describe(const struct pfs_transaction *t, struct pfs_part *part, struct pfs_err *err)
{
    struct pfs_overwrite *overwrite = NULL;
    struct pfs_buf bytes = {0};
    struct pfs_slice kept;
    int rc = 0;

    assert(part->pieces == 0);
    assert(!part->begun);
    part->schema = t->schema;
    part->schemas = pfs_schemas_ref(pfs_table_parts(t->table).schemas);
    part->number = pfs_journal_transaction(t->ingest->journal);
    part->time_ms = pfs_clock_now_ms(t->ingest->config.clock);
    part->alone = t->user != NULL || t->overwrite != NULL;
    part->identifier = t->identifier;
    if (t->user != NULL) {
        const struct pfs_table_parts at = pfs_table_parts(t->table);

        PFS_TRY(pfs_commit_moment(at.store, at.meta, &part->began, err));
        if ((part->user = pfs_arena_string(&part->arena, pfs_str(t->user))) == NULL)
            return pfs_arena_full(&part->arena, err);
    }
    if (t->overwrite == NULL)
        return 0;
    rc = pfs_record_put_overwrite(t->overwrite, &bytes, err);
    overwrite = pfs_arena_zalloc(&part->arena, sizeof(*overwrite));
    if (rc == 0 && (overwrite == NULL || !pfs_arena_copy(&part->arena, pfs_buf_slice(&bytes), &kept)))
        rc = pfs_arena_full(&part->arena, err);
    if (rc == 0)
        rc = pfs_record_get_overwrite(kept, t->schema, &part->arena, overwrite, err);
    part->overwrite = overwrite;
    pfs_buf_done(&bytes);
    return rc;
}

/* A part without pieces: the journal hears of it with the first one. */
static int begin_part(struct pfs_transaction *t, uint64_t continues, struct pfs_part **out, struct pfs_err *err)
{
    struct pfs_part *part = pfs_part_new(t->slot, err);
    int rc;

    if (part == NULL)
        return -ENOMEM;
    part->continues = continues;
    rc = describe(t, part, err);
    if (rc < 0) {
        pfs_part_free(part);
        return rc;
    }
    *out = part;
    return 0;
}

/* A segment has begun with the part's first record, and has no text of the schema: the part says it behind its rows.
 * Should it not be taken the next part says it. */
static void say_schema(struct pfs_transaction *t, const struct pfs_part *part, uint64_t hash)
{
    struct pfs_place_in_journal place;
    struct pfs_buf begin = {0};

    if (print_begin(t, part, hash, true, &begin, NULL) == 0 &&
        pfs_journal_add(t->ingest->journal, part->number, PFS_JOURNAL_BEGIN, pfs_buf_slice(&begin), &place, NULL) == 0)
        note_schema(t, place.segment, hash);
    pfs_buf_done(&begin);
}

/* A BEGIN goes by one write with the first rows: those of a writer that is refused are not there. */
static int put_piece(struct pfs_transaction *t, const struct pfs_part *part, enum pfs_journal_kind kind,
                     struct pfs_slice body, struct pfs_place_in_journal *place, struct pfs_err *err)
{
    struct pfs_journal *journal = t->ingest->journal;
    int32_t segment = pfs_journal_segment(journal);
    struct pfs_buf begin = {0};
    uint64_t hash;
    bool has;
    int rc;

    assert(part->begun || part->pieces == 0);
    if (part->begun)
        return pfs_journal_add(journal, part->number, kind, body, place, err);
    PFS_TRY(hash_schema(t, &hash, err));
    has = has_schema(t, segment, hash);
    rc = print_begin(t, part, hash, !has, &begin, err);
    if (rc == 0)
        rc = pfs_journal_add_begun(journal, part->number, pfs_buf_slice(&begin), kind, body, place, err);
    pfs_buf_done(&begin);
    if (rc == 0 && !has)
        note_schema(t, place->segment, hash);
    else if (rc == 0 && place->segment != segment)
        say_schema(t, part, hash);
    return rc;
}

/* The record is in the journal when this fails for want of memory; it counts for nothing, since its handle fails. */
static int add_piece(struct pfs_transaction *t, struct pfs_part *part, enum pfs_journal_kind kind,
                     struct pfs_slice body, struct pfs_err *err)
{
    struct pfs_place_in_journal place;
    struct pfs_piece *piece;

    assert(part->number != 0);
    assert(kind == PFS_JOURNAL_ROWS || kind == PFS_JOURNAL_TAIL || kind == PFS_JOURNAL_FILES);
    PFS_TRY(put_piece(t, part, kind, body, &place, err));
    part->begun = true;
    piece = pfs_piece_new(kind, part->number, place);
    if (piece == NULL || pfs_part_add(part, piece, err) < 0) {
        pfs_piece_release(piece);
        return pfs_fail(err, ENOMEM, "no memory for rows");
    }
    part->bytes += (int64_t)body.len;
    atomic_fetch_add(&piece->refs, 1);
    pfs_piece_release(t->newest);
    t->newest = piece;
    return 0;
}

enum pfs_codec pfs_codec_for_bytes(size_t bytes)
{
    return bytes > PACK_BYTES ? PFS_CODEC_LZ4 : PFS_CODEC_NONE;
}

/* The length of the whole rows' frames, these, then the frame of a last line without newline: pfs_body_rows reads it.
 */
static int put_rows(const struct pfs_transaction *t, struct pfs_buf *body, struct pfs_err *err)
{
    size_t at = body->len;

    pfs_buf_le32(body, 0);
    for (int32_t i = 0; i < t->helds; i++)
        PFS_TRY(pfs_frame_put(&t->held[i].batch, pfs_codec_for_bytes(t->held[i].arena.used_bytes), body, err));
    PFS_TRY(pfs_buf_check(body, err));
    pfs_put_le32(body->at + at, (uint32_t)(body->len - at - 4));
    if (t->tail.len > 0)
        pfs_buf_put(body, t->tail.at, t->tail.len);
    return pfs_buf_check(body, err);
}

/* One record holds all that a flush acknowledges: after a crash it is there whole, or not. Lock held. */
static int journal_rows(struct pfs_transaction *t, struct pfs_err *err)
{
    struct pfs_buf body = {0};
    int rc;

    assert(t->helds > 0 || t->tail.len > 0);
    rc = put_rows(t, &body, err);
    if (rc == 0 && t->minds)
        rc = pfs_transaction_rehearse(t, pfs_buf_slice(&body), err);
    if (rc == 0 && t->part == NULL)
        rc = begin_part(t, 0, &t->part, err);
    if (rc == 0)
        rc = add_piece(t, t->part, t->tail.len > 0 ? PFS_JOURNAL_TAIL : PFS_JOURNAL_ROWS, pfs_buf_slice(&body), err);
    if (rc == 0) {
        t->part->rows += t->held_rows;
        t->part->tail = t->tail.len > 0;
        pthread_mutex_lock(&t->ingest->lock);
        pfs_slot_note_rows(t->slot, t->held_rows, (int64_t)body.len);
        pthread_mutex_unlock(&t->ingest->lock);
        if (t->tail.len == 0)
            pfs_recent_keep(t, &body);
        pfs_transaction_drop_held(t);
        t->tail_new = false;
    }
    pfs_buf_done(&body);
    return rc;
}

/* ---- handing over ---- */

/* The rows are durable without it: it says which pieces count and in which order the parts are committed. */
static void put_seal(struct pfs_ingest *g, const struct pfs_part *part)
{
    const struct pfs_part_seal seal = {part->number, part->order, part->pieces, part->tail, part->cut};
    uint8_t body[PFS_RECORD_SEAL];
    uint64_t other;

    pfs_record_put_seal(&seal, body);
    if (pfs_journal_add(g->journal, part->number, PFS_JOURNAL_SEAL, pfs_slice_of(body, sizeof(body)), NULL, NULL) < 0) {
        other = pfs_journal_transaction(g->journal); /* the part's own number may have failed with a sync */
        (void)pfs_journal_add(g->journal, other, PFS_JOURNAL_SEAL, pfs_slice_of(body, sizeof(body)), NULL, NULL);
        (void)pfs_journal_add(g->journal, other, PFS_JOURNAL_RETIRED, pfs_slice_of(NULL, 0), NULL, NULL);
    }
}

/* Gives the current part to the queue. Lock held. */
static void hand_over(struct pfs_transaction *t)
{
    struct pfs_ingest *g = t->ingest;
    struct pfs_part *part = t->part;

    assert(part != NULL);
    assert(part->slot == t->slot);
    assert(part->pieces > 0);
    assert(part->order == 0);
    t->part = NULL;
    t->minds = t->minds && (t->helds > 0 || t->tail.len > 0);
    part->rows += part->tail;
    if (t->write != NULL) {
        part->write = t->write;
        t->write = NULL;
        pfs_state_unref(t->state);
        t->state = NULL;
        atomic_fetch_sub(&g->big, 1);
    }
    /* `sealing` from the order to the push: seals lie in the journal, and parts in the queue, in the order of orders.
     */
    pthread_mutex_lock(&g->sealing);
    pthread_mutex_lock(&g->lock);
    part->order = ++g->order;
    if (part->tail)
        pfs_slot_note_rows(t->slot, 1, 0);
    pthread_mutex_unlock(&g->lock);
    put_seal(g, part);
    pthread_mutex_lock(&g->lock);
    t->flushed_ms = 0; /* not before: who looks in between would find nothing that waits */
    pfs_slot_push(t->slot, part);
    pthread_mutex_unlock(&g->lock);
    pthread_mutex_unlock(&g->sealing);
}

/* A last line that was acknowledged without newline moves on to the next part: nobody's read completes it. It has to be
 * durable there before it is given up here. */
static int move_tail(struct pfs_transaction *t, struct pfs_part **out, struct pfs_err *err)
{
    struct pfs_piece *before = t->newest;
    struct pfs_buf body = {0};
    int rc = begin_part(t, t->part->number, out, err);

    assert(t->part->tail);
    assert(t->tail.len > 0);
    if (rc < 0)
        return rc;
    if (before != NULL)
        atomic_fetch_add(&before->refs, 1);
    pfs_buf_le32(&body, 0);
    pfs_buf_put(&body, t->tail.at, t->tail.len);
    rc = pfs_buf_check(&body, err);
    if (rc == 0)
        rc = add_piece(t, *out, PFS_JOURNAL_TAIL, pfs_buf_slice(&body), err);
    if (rc == 0) {
        rc = pfs_journal_sync(t->ingest->journal, (*out)->number, err);
        atomic_store(&t->newest->state, rc == 0 ? PFS_PIECE_DURABLE : PFS_PIECE_LOST);
    }
    if (rc < 0) { /* the handle is where it was: what it was told of is in the piece before */
        pfs_piece_release(t->newest);
        t->newest = before;
        pfs_part_retire(t->ingest, *out);
        *out = NULL;
    } else {
        (*out)->tail = true;
        pthread_mutex_lock(&t->ingest->lock);
        pfs_slot_note_rows(t->slot, 0, (*out)->bytes);
        pthread_mutex_unlock(&t->ingest->lock);
        pfs_piece_release(before);
    }
    pfs_buf_done(&body);
    return rc;
}

/* The background thread is to try again, though not at once. */
static void try_later(struct pfs_transaction *t)
{
    pthread_mutex_lock(&t->ingest->lock);
    if (t->flushed_ms != 0)
        t->flushed_ms = pfs_clock_monotonic_ms();
    pthread_mutex_unlock(&t->ingest->lock);
}

/* Lock held. */
void pfs_transaction_split(struct pfs_transaction *t, bool all)
{
    struct pfs_part *next = NULL;

    if (t->part == NULL || t->part->pieces == 0 || (!all && (!t->append || t->part->rows == 0))) {
        pthread_mutex_lock(&t->ingest->lock);
        t->flushed_ms = 0; /* the background thread would look for ever: a tail waits for its line's end */
        pthread_mutex_unlock(&t->ingest->lock);
        return;
    }
    /* A handle that failed has let go of its line and gets no more of it: what was acknowledged counts where it is. */
    if (!all && t->part->tail && t->tail.len > 0) {
        if (move_tail(t, &next, NULL) < 0) {
            try_later(t);
            return;
        }
        t->part->tail = false;
    }
    t->part->cut = t->user != NULL;
    hand_over(t);
    t->part = next;
}

int64_t pfs_slot_flushed_ms(const struct pfs_slot *slot)
{
    int64_t oldest = 0;

    for (const struct pfs_transaction *t = slot->transactions; t != NULL; t = t->next)
        if (t->append && t->flushed_ms != 0 && (oldest == 0 || t->flushed_ms < oldest))
            oldest = t->flushed_ms;
    return oldest;
}

/* Rows that are files already wait for the writer to rest: what is committed in between would be small files. */
static int64_t fresh_due_ms(const struct pfs_transaction *t)
{
    int64_t rests_ms = t->fed_ms + REST_MS, late_ms = t->fresh_ms + t->ingest->config.commit_interval_ms;

    return t->fresh_ms == 0 ? 0 : t->heavy || rests_ms < late_ms ? rests_ms : late_ms;
}

int64_t pfs_slot_fresh_ms(const struct pfs_slot *slot)
{
    int64_t first = 0;

    for (const struct pfs_transaction *t = slot->transactions; t != NULL; t = t->next) {
        int64_t at = fresh_due_ms(t);

        if (at != 0 && (first == 0 || at < first))
            first = at;
    }
    return first;
}

static int compare_acked(const void *a, const void *b)
{
    const struct pfs_transaction *x = *(struct pfs_transaction *const *)a, *y = *(struct pfs_transaction *const *)b;

    return (x->acked > y->acked) - (x->acked < y->acked);
}

/* Which of the open transactions: those of `append` with rows that are to be flushed now, or that were flushed. */
enum which { ALL, FRESH, FLUSHED };

static bool is_one_of(const struct pfs_transaction *t, enum which which, int64_t now)
{
    switch (which) {
    case FRESH:
        return t->fresh_ms != 0 && fresh_due_ms(t) <= now;
    case FLUSHED:
        return t->append && t->flushed_ms != 0;
    case ALL:
        break;
    }
    return true;
}

/* Without `but`, in the order of their last flushes: referenced, the caller's to pfs_free. */
static struct pfs_transaction **list_open(struct pfs_slot *slot, enum which which, const struct pfs_transaction *but,
                                          size_t *count)
{
    struct pfs_ingest *g = slot->ingest;
    int64_t now = pfs_clock_monotonic_ms();
    struct pfs_transaction **list;

    *count = 0;
    pthread_mutex_lock(&g->lock);
    for (const struct pfs_transaction *t = slot->transactions; t != NULL; t = t->next)
        *count += t != but && is_one_of(t, which, now);
    list = *count == 0 ? NULL : pfs_alloc_array(*count, sizeof(struct pfs_transaction *));
    *count = 0;
    for (struct pfs_transaction *t = slot->transactions; t != NULL && list != NULL; t = t->next) {
        if (t == but || !is_one_of(t, which, now))
            continue;
        assert(t->refs > 0);
        t->refs++;
        list[(*count)++] = t;
    }
    if (list != NULL)
        qsort(list, *count, sizeof(struct pfs_transaction *), compare_acked);
    pthread_mutex_unlock(&g->lock);
    return list;
}

/* For flushes that nobody asked for. */
static void nobody_waits(void *context, int rc, const struct pfs_err *err)
{
    (void)context; /* of a failure the handle's next call tells */
    (void)rc;
    (void)err;
}

struct pfs_transaction **pfs_slot_list_open(struct pfs_slot *slot, size_t *count)
{
    return list_open(slot, ALL, NULL, count);
}

void pfs_slot_flush_fresh(struct pfs_slot *slot)
{
    size_t count;
    struct pfs_transaction **list = list_open(slot, FRESH, NULL, &count);

    for (size_t i = 0; i < count; i++) {
        pfs_transaction_flush(list[i], nobody_waits, NULL);
        pfs_transaction_unref(list[i]);
    }
    pfs_free(list);
}

/* Lets go of them. */
static void split_listed(struct pfs_transaction **list, size_t count, bool all)
{
    for (size_t i = 0; i < count; i++) {
        pthread_mutex_lock(&list[i]->lock);
        pfs_transaction_split(list[i], all);
        pthread_mutex_unlock(&list[i]->lock);
        pfs_transaction_unref(list[i]);
    }
    pfs_free(list);
}

void pfs_slot_split(struct pfs_slot *slot, bool all)
{
    size_t count;
    struct pfs_transaction **list = pfs_slot_list_open(slot, &count);

    split_listed(list, count, all);
}

void pfs_transaction_let_flushed_first(struct pfs_transaction *t)
{
    size_t count;
    struct pfs_transaction **list = list_open(t->slot, FLUSHED, t, &count);

    split_listed(list, count, false);
}

/* ---- flush ---- */

/* All entries, then those of changelog files, which are marked as deleted. */
static int print_files(const struct pfs_write_files *files, struct pfs_buf *body, struct pfs_err *err)
{
    struct pfs_manifest_entry *all = pfs_alloc_array((size_t)(files->entries + files->changelogs) + 1, sizeof(*all));
    int64_t count = 0;
    int rc;

    assert(files->entries >= 0);
    assert(files->changelogs >= 0);
    if (all == NULL)
        return pfs_fail(err, ENOMEM, "no memory for names of files");
    for (int64_t i = 0; i < files->entries; i++)
        all[count++] = files->entry[i];
    for (int64_t i = 0; i < files->changelogs; i++) {
        all[count] = files->changelog[i];
        all[count++].deleted = true;
    }
    rc = pfs_manifest_print(all, count, NULL, body, err);
    pfs_free(all);
    return rc;
}

/* A numbered batch repeats one that was cut off: it has no more rows than are there, or is refused, since those that
 * are there cannot be left out of files. Asked until it is new: the commit looks once more. Lock held. */
static int check_number(struct pfs_transaction *t, struct pfs_err *err)
{
    const struct pfs_table_parts at = pfs_table_parts(t->table);
    const struct pfs_commit_moment never = {0};
    struct pfs_beginning there;
    int rc;

    if (t->user == NULL || t->is_new)
        return 0;
    rc = pfs_commit_known(at.store, at.meta, t->user, t->identifier, &never, err);
    t->is_new = rc == 0;
    if (rc == 1)
        rc = pfs_beginning_find(&at, t->user, t->identifier, &there, err);
    if (rc <= 0)
        return rc;
    return (t->part == NULL ? 0 : t->part->rows) + t->write_rows <= there.rows
               ? 0
               : pfs_beginning_differs(t->user, t->identifier, err);
}

/* Says again what the part is, now that its rows are in files: what a repetition has is compared with it. Should that
 * not be taken their number is not known. Lock held. */
static void say_given(struct pfs_transaction *t)
{
    struct pfs_part *part = t->part;
    struct pfs_buf begin = {0};
    uint64_t hash;

    part->given = part->rows;
    if (hash_schema(t, &hash, NULL) < 0 || print_begin(t, part, hash, false, &begin, NULL) < 0 ||
        pfs_journal_add(t->ingest->journal, part->number, PFS_JOURNAL_BEGIN, pfs_buf_slice(&begin), NULL, NULL) < 0)
        part->given = 0;
    pfs_buf_done(&begin);
}

/* Files that were written since the last flush become part of what is acknowledged. Lock held. */
static int journal_files(struct pfs_transaction *t, struct pfs_err *err)
{
    struct pfs_write_files files;
    struct pfs_buf body = {0};
    int rc;

    assert(t->write != NULL);
    assert(t->write_rows > 0);
    rc = check_number(t, err);
    if (rc == 0)
        rc = pfs_write_spill(t->write, t->state, &files, err);
    if (rc == 0)
        rc = print_files(&files, &body, err);
    if (rc == 0 && t->part == NULL)
        rc = begin_part(t, 0, &t->part, err);
    if (rc == 0)
        rc = add_piece(t, t->part, PFS_JOURNAL_FILES, pfs_buf_slice(&body), err);
    if (rc == 0) {
        t->part->alone = true;
        t->part->tail = false;
        t->part->rows += t->write_rows;
        if (t->user != NULL)
            say_given(t);
        pthread_mutex_lock(&t->ingest->lock);
        pfs_slot_note_rows(t->slot, t->write_rows, (int64_t)body.len);
        pthread_mutex_unlock(&t->ingest->lock);
        t->write_rows = 0;
    }
    pfs_buf_done(&body);
    return rc;
}

/* Files first: each of their records lists all files so far, and a part that has some is a snapshot by itself, so rows
 * that were journaled before them are in them. Lock held. */
static int journal_all(struct pfs_transaction *t, struct pfs_err *err)
{
    int rc = 0;

    pthread_mutex_lock(&t->ingest->lock);
    t->fresh_ms = 0; /* whatever comes out: a flush that fails ends the handle */
    pthread_mutex_unlock(&t->ingest->lock);
    if (t->write != NULL && t->write_rows > 0)
        rc = journal_files(t, err);
    if (rc == 0 && (t->helds > 0 || t->tail_new))
        rc = journal_rows(t, err);
    return rc < 0 ? pfs_transaction_fail(t, rc, err) : 0;
}

struct acknowledging {
    struct pfs_transaction *transaction;
    struct pfs_piece *piece;
    pfs_ingest_done_fn *done;
    void *context;
};

/* Before anybody else can hand the part over. Lock held. */
static void note_flushed(struct pfs_transaction *t)
{
    pthread_mutex_lock(&t->ingest->lock);
    t->flushed_ms = t->acked_ms = pfs_clock_monotonic_ms();
    t->flushed = true;
    t->acked = ++t->ingest->acks;
    atomic_store(&t->more, false);
    if (t->append)
        pfs_ingest_want(t->ingest, t->flushed_ms + t->ingest->config.idle_ms);
    pthread_mutex_unlock(&t->ingest->lock);
}

/* On the journal's thread, or on the one that waited. The handle may have been sealed meanwhile. */
static void synced(void *context, int rc, const struct pfs_err *why)
{
    struct acknowledging a = *(struct acknowledging *)context;
    struct pfs_transaction *t = a.transaction;
    struct pfs_err err = {0};
    int written = PFS_PIECE_WRITTEN;

    pfs_free(context);
    (void)atomic_compare_exchange_strong(&a.piece->state, &written, rc == 0 ? PFS_PIECE_DURABLE : PFS_PIECE_LOST);
    /* Whoever settled the part may know more than the journal, which has forgotten a transaction that was retired. */
    if (rc == 0 && atomic_load(&a.piece->state) == PFS_PIECE_LOST)
        rc = pfs_fail(&err, EIO, "rows of this writer were lost when the journal could not be synced");
    if (rc < 0) {
        if (why != NULL && err.code == 0)
            err = *why;
        pthread_mutex_lock(&t->ingest->lock);
        t->slot->lost = true;
        pthread_mutex_unlock(&t->ingest->lock);
        pthread_mutex_lock(&t->lock);
        (void)pfs_transaction_fail(t, rc, &err);
        pthread_mutex_unlock(&t->lock);
    }
    pfs_piece_release(a.piece);
    pfs_transaction_unref(t);
    a.done(a.context, rc, rc < 0 ? &err : NULL);
}

/* Who flushes alone waits for nobody. */
static enum pfs_journal_lead leader_of(const struct pfs_transaction *t)
{
    return atomic_load(&t->ingest->open) == 1 ? PFS_LEAD_HERE : PFS_LEAD_THREAD;
}

/* Answers when `piece` is durable, and then lets go of the transaction. */
static void acknowledge(struct pfs_transaction *t, struct pfs_piece *piece, enum pfs_journal_lead by,
                        pfs_ingest_done_fn *done, void *context)
{
    struct acknowledging *a = pfs_zalloc(sizeof(*a));
    uint64_t number = piece->number;
    struct pfs_err err = {0};
    int rc;

    assert(number != 0);
    if (a != NULL) {
        *a = (struct acknowledging){t, piece, done, context};
        pfs_journal_sync_later(t->ingest->journal, number, by, synced, a);
        return;
    }
    rc = pfs_journal_sync(t->ingest->journal, number, &err);
    pfs_piece_release(piece);
    pfs_transaction_unref(t);
    done(context, rc, &err);
}

/* The newest piece, referenced, if it is not known to be durable: of one that is lost the journal's answer tells, which
 * may still be on its way to the one who flushed it. Lock held. */
static struct pfs_piece *unsure_piece(struct pfs_transaction *t)
{
    struct pfs_piece *piece = t->newest;

    if (piece == NULL || atomic_load(&piece->state) == PFS_PIECE_DURABLE)
        return NULL;
    atomic_fetch_add(&piece->refs, 1);
    return piece;
}

/* Will rows be handed over by the flush that acknowledges them? Not before those that were flushed earlier. */
static void let_older_first(struct pfs_transaction *t)
{
    bool minds;

    pthread_mutex_lock(&t->lock);
    minds = t->minds && t->failed.code == 0;
    pthread_mutex_unlock(&t->lock);
    if (minds)
        pfs_slot_split(t->slot, false);
    else if (pfs_transaction_is_heavy(t))
        pfs_transaction_let_flushed_first(t);
}

/* The rows are in the journal when this returns, and durable when `done` is called; in between the part may be handed
 * over. */
static void flush(struct pfs_transaction *t, enum pfs_journal_lead by, pfs_ingest_done_fn *done, void *context)
{
    struct pfs_piece *piece = NULL;
    struct pfs_err err = {0};
    int rc;

    if (t->append)
        let_older_first(t);
    pthread_mutex_lock(&t->lock);
    rc = pfs_transaction_failed(t, &err);
    if (rc == 0 && !t->sealed) /* what it has then was dropped */
        rc = journal_all(t, &err);
    if (rc == 0)
        piece = unsure_piece(t);
    if (piece != NULL)
        note_flushed(t);
    if (rc == 0 && t->append && (t->write != NULL || t->minds))
        pfs_transaction_split(t, false); /* what comes next is apart from these files or rows */
    pthread_mutex_unlock(&t->lock);
    if (piece == NULL) {
        done(context, rc, rc < 0 ? &err : NULL);
        return;
    }
    pthread_mutex_lock(&t->ingest->lock);
    t->refs++;
    pthread_mutex_unlock(&t->ingest->lock);
    acknowledge(t, piece, by, done, context);
}

void pfs_transaction_flush(struct pfs_transaction *t, pfs_ingest_done_fn *done, void *context)
{
    flush(t, leader_of(t), done, context);
}

struct pfs_transaction *pfs_transaction_ref(struct pfs_transaction *t)
{
    pthread_mutex_lock(&t->ingest->lock);
    assert(t->refs > 0);
    t->refs++;
    pthread_mutex_unlock(&t->ingest->lock);
    return t;
}

void pfs_transaction_flush_soon(struct pfs_transaction *t, bool alone)
{
    bool shared = pfs_journal_is_shared(t->ingest->journal);

    if (alone ? !shared && pfs_idle_is_expected() : shared)
        flush(t, PFS_LEAD_IDLE, nobody_waits, NULL);
    pfs_transaction_unref(t);
}

/* ---- seal ---- */

static void unlist(struct pfs_transaction *t)
{
    struct pfs_ingest *g = t->ingest;
    struct pfs_transaction **at;

    pthread_mutex_lock(&g->lock);
    for (at = &t->slot->transactions; *at != NULL && *at != t; at = &(*at)->next)
        ;
    assert(*at == t); /* it was listed when it was opened, and is sealed once */
    if (*at == t)
        *at = t->next;
    pthread_mutex_unlock(&g->lock);
    atomic_fetch_sub(&g->open, 1);
}

/* What is left of the handle: its part goes to the queue, or nowhere when it has no rows. Lock held. */
static void end_part(struct pfs_transaction *t, bool drop)
{
    struct pfs_part *part = t->part;

    if (part == NULL)
        return;
    if (t->failed.code != 0)
        pfs_part_settle(t->ingest, part);
    if (part->pieces > 0 && (part->rows > 0 || part->tail) && !(drop && t->overwrite != NULL)) {
        part->cut = t->user != NULL && (t->cut || drop || t->failed.code != 0);
        hand_over(t);
        return;
    }
    t->part = NULL;
    pthread_mutex_lock(&t->ingest->lock);
    pfs_slot_note_rows(t->slot, -part->rows, -part->bytes);
    pthread_mutex_unlock(&t->ingest->lock);
    pfs_part_retire(t->ingest, part);
}

/* Is there one that was acknowledged as a whole before this one was opened, and is about to be sealed? */
static bool is_early(struct pfs_transaction *t)
{
    int64_t now = pfs_clock_monotonic_ms();
    bool early = false;

    pthread_mutex_lock(&t->ingest->lock);
    for (const struct pfs_transaction *o = t->slot->transactions; o != NULL && !early; o = o->next)
        early = o != t && !o->append && o->acked != 0 && o->acked <= t->opened && !atomic_load(&o->more) &&
                now - o->acked_ms < RELEASE_FOLLOWS_MS;
    pthread_mutex_unlock(&t->ingest->lock);
    return early;
}

/* Parts are committed in the order in which they are handed over, and whoever writes one file after the other wants the
 * last one to win: the kernel tells of a close that has returned at its leisure, maybe after the next file's. Handles
 * of `append` that stay open hand over what they have flushed: it may not fit into the snapshot of what comes now. */
static void let_earlier_first(struct pfs_transaction *t)
{
    const struct timespec moment = {.tv_nsec = 1000000};

    while (is_early(t))
        (void)nanosleep(&moment, NULL);
    pfs_transaction_let_flushed_first(t);
}

/* Whatever comes out the handle is off the list, and the transaction gone when the answer is given. */
void pfs_transaction_seal(struct pfs_transaction *transaction, bool drop, pfs_ingest_done_fn *done, void *context)
{
    struct pfs_transaction *t = transaction;
    struct pfs_piece *piece = NULL;
    struct pfs_err err = {0};
    int rc;

    let_earlier_first(t);
    pthread_mutex_lock(&t->lock);
    rc = pfs_transaction_failed(t, &err);
    if (rc == 0 && !drop)
        rc = journal_all(t, &err);
    t->sealed = true;
    end_part(t, drop);
    if (rc == 0)
        piece = unsure_piece(t);
    pthread_mutex_unlock(&t->lock);
    unlist(t);
    if (piece != NULL) {
        acknowledge(t, piece, leader_of(t), done, context);
        return;
    }
    pfs_transaction_unref(t);
    done(context, rc, rc < 0 ? &err : NULL);
}
