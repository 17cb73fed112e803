/* transaction.c - a writing handle: rows held in memory, put into the journal at a flush, handed over at the
 * seal.
 *
 * What was flushed is a part. A handle of `append` hands its part over whenever a commit asks for it (a split), and
 * goes on with a new one; the others at the seal alone. A part of more than PFS_PART_BYTES_MAX becomes level-0 files.
 */
#include <assert.h>
#include <string.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "format/frame.h"
#include "src/file/file.h"
#include "src/ingest/internal.h"
#include "src/write/rescale.h"
#include "src/write/trial.h"

#define HELD_BATCHES_MAX 256
#define ROOM_SPARE ((uint64_t)64 << 10)  /* for what a commit writes beside the rows */
#define ROOM_PLENTY ((uint64_t)64 << 20) /* more than what is written between two looks */
#define ROOM_ASKED_MS 100
#define WRITE_MEMORY_MIN ((size_t)8 << 20)
#define WRITE_MEMORY_MAX ((size_t)32 << 20) /* larger ones are slower: sorting leaves the caches */

/* ---- life ---- */

void pfs_transaction_drop_held(struct pfs_transaction *t)
{
    assert(t->helds > 0 || t->held_bytes == 0);
    assert(t->helds > 0 || t->held_rows == 0);
    for (int32_t i = 0; i < t->helds; i++)
        if (i == 0 && t->spare.used_bytes == 0) {
            t->spare = t->held[i].arena;
            pfs_arena_rest(&t->spare);
        } else {
            pfs_arena_done(&t->held[i].arena);
        }
    atomic_fetch_sub(&t->ingest->held_bytes, (long long)t->held_bytes);
    t->helds = 0;
    t->held_bytes = 0;
    t->held_rows = 0;
}

/* Files that were written and not journaled go with it: nobody was told of their rows. */
static void close_write(struct pfs_transaction *t)
{
    if (t->write != NULL)
        atomic_fetch_sub(&t->ingest->big, 1);
    pfs_write_close(t->write); /* with files that no record names */
    t->write = NULL;
    t->write_rows = 0;
    pfs_state_unref(t->state);
    t->state = NULL;
}

static void transaction_free(struct pfs_transaction *t)
{
    pfs_transaction_drop_held(t);
    close_write(t);
    assert(t->part == NULL);
    pfs_free(t->held);
    pfs_arena_done(&t->spare);
    pfs_buf_done(&t->tail);
    pfs_rescale_close(t->rescale);
    pfs_trial_close(t->trial);
    pfs_piece_release(t->newest);
    pthread_mutex_destroy(&t->lock);
    pfs_arena_done(&t->arena);
    pfs_table_unref(t->table);
    pfs_free(t);
}

void pfs_transaction_unref(struct pfs_transaction *t)
{
    bool last;

    pthread_mutex_lock(&t->ingest->lock);
    assert(t->refs > 0);
    last = --t->refs == 0;
    pthread_mutex_unlock(&t->ingest->lock);
    if (last)
        transaction_free(t);
}

/* Through the bytes that the journal has of it: what is kept is what a replay would find. */
static int copy_overwrite(struct pfs_transaction *t, const struct pfs_overwrite *from, struct pfs_err *err)
{
    struct pfs_buf bytes = {0};
    struct pfs_overwrite *copy;
    struct pfs_slice kept;
    int rc;

    if (from == NULL)
        return 0;
    copy = pfs_arena_zalloc(&t->arena, sizeof(*copy));
    rc = pfs_record_put_overwrite(from, &bytes, err);
    if (rc == 0 && (copy == NULL || !pfs_arena_copy(&t->arena, pfs_buf_slice(&bytes), &kept)))
        rc = pfs_arena_full(&t->arena, err);
    if (rc == 0)
        rc = pfs_record_get_overwrite(kept, t->schema, &t->arena, copy, err);
    pfs_buf_done(&bytes);
    t->overwrite = copy;
    return rc;
}

/* All that can be refused is refused here, before a row comes. */
static int fill(struct pfs_transaction *t, const struct pfs_transaction_config *config, struct pfs_err *err)
{
    const struct pfs_part_name name = {pfs_table_database(config->table), pfs_table_name(config->table),
                                       pfs_table_branch(config->table)};

    t->schema = config->schema;
    if (t->schema == NULL)
        PFS_TRY(pfs_table_schema(config->table, &t->schema, err));
    PFS_TRY(pfs_table_write_check(config->table, t->schema, err));
    PFS_TRY(copy_overwrite(t, config->overwrite, err));
    PFS_TRY(pfs_defaults_spell(t->schema, &t->arena, &t->fields, err));
    PFS_TRY(pfs_trial_open(t->schema, &t->trial, err));
    PFS_TRY(pfs_filling_open(&t->ingest->generators, t->table, t->schema, &t->arena, &t->filling, err));
    if (config->user != NULL && (t->user = pfs_arena_string(&t->arena, pfs_str(config->user))) == NULL)
        return pfs_arena_full(&t->arena, err);
    return pfs_slot_get(t->ingest, &name, &t->slot, err);
}

int pfs_transaction_open(struct pfs_ingest *ingest, const struct pfs_transaction_config *config,
                         struct pfs_transaction **out, struct pfs_err *err)
{
    struct pfs_transaction *t = pfs_zalloc(sizeof(*t));
    int rc;

    assert(config->table != NULL);
    if (t == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a transaction");
    t->ingest = ingest;
    t->table = pfs_table_ref(config->table);
    t->refs = 1;
    t->identifier = config->identifier;
    t->append = config->append && config->user == NULL && config->overwrite == NULL;
    pfs_arena_init(&t->arena, PFS_ARENA_LIMIT);
    pthread_mutex_init(&t->lock, NULL);
    rc = fill(t, config, err);
    if (rc < 0) {
        transaction_free(t);
        return rc;
    }
    pthread_mutex_lock(&ingest->lock);
    t->opened = ingest->acks;
    t->next = t->slot->transactions;
    t->slot->transactions = t;
    if (t->slot->table == NULL)
        t->slot->table = pfs_table_ref(t->table);
    pthread_mutex_unlock(&ingest->lock);
    atomic_fetch_add(&ingest->open, 1);
    *out = t;
    return 0;
}

const struct pfs_schema *pfs_transaction_schema(const struct pfs_transaction *transaction)
{
    return transaction->schema;
}

const struct pfs_field *pfs_transaction_fields(const struct pfs_transaction *transaction)
{
    return transaction->fields;
}

/* ---- failures ---- */

int pfs_transaction_failed(const struct pfs_transaction *t, struct pfs_err *err)
{
    if (t->failed.code != 0 && err != NULL)
        *err = t->failed;
    return -t->failed.code;
}

/* Nothing is kept that was not acknowledged. Lock held. */
int pfs_transaction_fail(struct pfs_transaction *t, int rc, struct pfs_err *err)
{
    struct pfs_err own = {0}; /* the handle keeps the sentence, whether the caller wants it or not */

    assert(rc < 0);
    if (err == NULL)
        err = &own;
    if (err->code == 0)
        (void)pfs_fail(err, -rc, "%s", pfs_errno_text(-rc));
    if (t->failed.code == 0)
        t->failed = *err;
    pthread_mutex_lock(&t->ingest->lock);
    t->fresh_ms = 0;
    pthread_mutex_unlock(&t->ingest->lock);
    pfs_transaction_drop_held(t);
    close_write(t);
    pfs_buf_clear(&t->tail);
    t->tail_new = false;
    return rc;
}

/* ---- rows in ---- */

/* Partitions that keep another number of buckets; there are none as a rule. */
static int look_at_buckets(struct pfs_transaction *t, const struct pfs_schema *now, struct pfs_err *err)
{
    struct pfs_state *state;
    bool rescaled;
    int rc;

    pfs_rescale_close(t->rescale);
    t->rescale = NULL;
    PFS_TRY(pfs_table_rescaled(t->table, now, &rescaled, err));
    if (!rescaled)
        return 0;
    PFS_TRY(pfs_table_state(t->table, (struct pfs_when){.kind = PFS_WHEN_LATEST}, &state, err));
    rc = pfs_rescale_open(t->schema, now->buckets, state, &t->rescale, err);
    pfs_state_unref(state);
    return rc;
}

/* Is there an overwrite that is complete and in no snapshot yet? Its handle may not be released yet. */
static bool is_overwritten(struct pfs_transaction *t)
{
    bool found;

    pthread_mutex_lock(&t->ingest->lock);
    found = t->slot->overwrites > 0;
    for (const struct pfs_transaction *o = t->slot->transactions; o != NULL && !found; o = o->next)
        found = o->overwrite != NULL && o->flushed;
    pthread_mutex_unlock(&t->ingest->lock);
    return found;
}

/* A commit refuses rows of a partition that was written with another number of buckets: the writer is to hear of it
 * before they are acknowledged. The number changes with the schema alone. Lock held. */
static int check_buckets(struct pfs_transaction *t, const struct pfs_batch *batch, struct pfs_err *err)
{
    const struct pfs_schema *now;

    if (t->overwrite != NULL || pfs_table_schema_seen(t->table, &now, NULL) < 0) /* one that is gone is told of later */
        return 0;
    if (now != t->bucketed)
        PFS_TRY(look_at_buckets(t, now, err));
    t->bucketed = now;
    if (t->rescale == NULL || pfs_rescale_check(t->rescale, batch, NULL) == 0)
        return 0;
    if (is_overwritten(t)) /* and what is sealed later is committed later */
        return 0;
    PFS_TRY(look_at_buckets(t, now, err)); /* it may have been overwritten since */
    return t->rescale == NULL ? 0 : pfs_rescale_check(t->rescale, batch, err);
}

/* Many small batches become one. */
static int compact_held(struct pfs_transaction *t, struct pfs_err *err)
{
    struct pfs_held one;
    const struct pfs_batch *source[HELD_BATCHES_MAX];
    struct pfs_range range[HELD_BATCHES_MAX];
    int32_t columns = t->held[0].batch.columns;
    size_t before = t->held_bytes;
    struct pfs_column *column;
    int rc = 0;

    assert(t->helds > 0);
    assert(t->helds <= HELD_BATCHES_MAX);
    pfs_arena_init(&one.arena, PFS_BATCH_BYTES_MAX);
    column = pfs_arena_array(&one.arena, (size_t)columns, sizeof(*column));
    if (column == NULL)
        rc = pfs_arena_full(&one.arena, err);
    for (int32_t i = 0; i < t->helds; i++) {
        source[i] = &t->held[i].batch;
        range[i] = (struct pfs_range){i, 0, (int32_t)t->held[i].batch.rows};
    }
    for (int32_t c = 0; rc == 0 && c < columns; c++)
        rc = pfs_column_gather(source, c, range, t->helds, t->held_rows, &one.arena, &column[c], err);
    if (rc < 0) {
        pfs_arena_done(&one.arena);
        return rc;
    }
    one.batch = (struct pfs_batch){t->held_rows, columns, column};
    for (int32_t i = 0; i < t->helds; i++)
        pfs_arena_done(&t->held[i].arena);
    t->held[0] = one;
    t->helds = 1;
    t->held_bytes = one.arena.used_bytes;
    atomic_fetch_add(&t->ingest->held_bytes, (long long)t->held_bytes - (long long)before);
    return 0;
}

/* The arena is the batch's from here on; the caller gets an empty one. */
static int hold(struct pfs_transaction *t, struct pfs_arena *arena, const struct pfs_batch *batch, struct pfs_err *err)
{
    struct pfs_arena spare = t->spare;

    if (t->held == NULL && (t->held = pfs_alloc(HELD_BATCHES_MAX * sizeof(*t->held))) == NULL)
        return pfs_fail(err, ENOMEM, "no memory for rows");
    if (t->helds == HELD_BATCHES_MAX)
        PFS_TRY(compact_held(t, err));
    assert(t->helds < HELD_BATCHES_MAX);
    t->held[t->helds++] = (struct pfs_held){*arena, *batch};
    t->held_bytes += arena->used_bytes;
    t->held_rows += batch->rows;
    atomic_fetch_add(&t->ingest->held_bytes, (long long)arena->used_bytes);
    pfs_arena_init(&t->spare, arena->limit_bytes);
    spare.limit_bytes = arena->limit_bytes;
    *arena = spare;
    return 0;
}

/* A quarter of the budget for all who write files, in equal shares: the rest holds rows that are to be flushed. */
static size_t write_memory(struct pfs_ingest *g)
{
    size_t share = g->config.memory_bytes / 4 / (size_t)(atomic_load(&g->big) + 1);

    return share < WRITE_MEMORY_MIN ? WRITE_MEMORY_MIN : share > WRITE_MEMORY_MAX ? WRITE_MEMORY_MAX : share;
}

static int add_to_write(void *context, struct pfs_arena *arena, const struct pfs_batch *batch, struct pfs_err *err)
{
    struct pfs_transaction *t = context;

    return pfs_write_add(t->write, arena, batch, t->state, err);
}

/* From now on rows become files. Those that the journal holds come first: they are older. */
static int begin_write(struct pfs_transaction *t, struct pfs_err *err)
{
    const struct pfs_table_writing writing = {.schema = t->schema,
                                              .memory_bytes = write_memory(t->ingest),
                                              .user = t->user != NULL ? t->user : t->ingest->user,
                                              .overwrite = t->overwrite != NULL};

    assert(t->write == NULL);
    assert(t->state == NULL);
    if (t->append)
        pfs_transaction_split(t, false);
    PFS_TRY(pfs_table_state(t->table, (struct pfs_when){.kind = PFS_WHEN_LATEST}, &t->state, err));
    PFS_TRY(pfs_table_write_open_as(t->table, &writing, &t->write, err));
    atomic_fetch_add(&t->ingest->big, 1);
    if (t->part != NULL)
        PFS_TRY(pfs_part_rows(t->ingest, t->part, add_to_write, t, err));
    for (int32_t i = 0; i < t->helds; i++)
        PFS_TRY(pfs_write_add(t->write, &t->held[i].arena, &t->held[i].batch, t->state, err));
    t->write_rows = t->held_rows;
    pfs_transaction_drop_held(t);
    return 0;
}

/* Rows came that only a flush acknowledges. Lock held. */
static void note_fresh(struct pfs_transaction *t)
{
    int64_t now = pfs_clock_monotonic_ms();

    pthread_mutex_lock(&t->ingest->lock);
    t->fed_ms = now;
    if (t->fresh_ms == 0)
        t->fresh_ms = now;
    t->heavy = t->write != NULL;
    pfs_ingest_want(t->ingest, pfs_slot_fresh_ms(t->slot));
    pthread_mutex_unlock(&t->ingest->lock);
}

/* Will rows of so many bytes make the handle write files? Lock held. */
static bool is_too_much(const struct pfs_transaction *t, size_t more)
{
    return t->write == NULL &&
           (t->held_bytes + more > (size_t)PFS_PART_BYTES_MAX ||
            atomic_load(&t->ingest->held_bytes) + (long long)more > (long long)t->ingest->config.memory_bytes);
}

/* Then what it had flushed is handed over. */
static void let_flushed_first(struct pfs_transaction *t, size_t more)
{
    bool due;

    if (!t->append)
        return;
    pthread_mutex_lock(&t->lock);
    due = t->part != NULL && is_too_much(t, more);
    pthread_mutex_unlock(&t->lock);
    if (due)
        pfs_transaction_let_flushed_first(t);
}

/* Asked again when there may not be enough of it, else ten times a second: a store may lie on the other end of a wire.
 */
static bool has_room(struct pfs_ingest *g, uint64_t bytes)
{
    int64_t now = pfs_clock_monotonic_ms(), asked = atomic_load(&g->room_ms);
    uint64_t room = atomic_load(&g->room);

    if (asked == 0 || now - asked >= ROOM_ASKED_MS || room < bytes + ROOM_PLENTY) {
        room = pfs_store_room(g->store);
        atomic_store(&g->room, room);
        atomic_store(&g->room_ms, now);
    }
    return room >= bytes;
}

/* Rows take their bytes twice: in the journal, and in the files of their snapshot before the journal lets go of them. A
 * full disk is told of here, since a write that fails is heard by all writers, and a close that fails by few; and what
 * is acknowledged shall find room for its snapshot. Lock held. */
static int check_room(struct pfs_transaction *t, size_t more, struct pfs_err *err)
{
    uint64_t bytes = 2 * ((uint64_t)t->held_bytes + more) + ROOM_SPARE;

    if (has_room(t->ingest, bytes))
        return 0;
    return pfs_fail(err, ENOSPC,
                    "the warehouse's disk has no room for the rows and their snapshot: %llu bytes are free",
                    (unsigned long long)atomic_load(&t->ingest->room));
}

int pfs_transaction_add(struct pfs_transaction *transaction, struct pfs_arena *arena, const struct pfs_batch *batch,
                        struct pfs_err *err)
{
    struct pfs_transaction *t = transaction;
    struct pfs_batch filled = *batch;
    int rc;

    assert(batch->columns == t->schema->columns + 1);
    let_flushed_first(t, arena->used_bytes);
    pthread_mutex_lock(&t->lock);
    atomic_store(&t->more, true);
    rc = pfs_transaction_failed(t, err);
    if (rc == 0)
        rc = check_room(t, arena->used_bytes, err);
    if (rc == 0)
        rc = pfs_fill(&t->filling, arena, &filled, err);
    if (rc == 0)
        rc = check_buckets(t, &filled, err);
    if (rc == 0)
        rc = pfs_transaction_try(t, &filled, err);
    if (rc == 0 && t->write != NULL) {
        rc = pfs_write_add(t->write, arena, &filled, t->state, err);
        t->write_rows += filled.rows;
    } else if (rc == 0) {
        rc = hold(t, arena, &filled, err);
        if (rc == 0 && is_too_much(t, 0))
            rc = begin_write(t, err);
    }
    if (rc < 0 && t->failed.code == 0)
        rc = pfs_transaction_fail(t, rc, err);
    if (rc == 0 && t->append)
        note_fresh(t);
    pthread_mutex_unlock(&t->lock);
    return rc;
}

int pfs_transaction_tail(struct pfs_transaction *transaction, struct pfs_arena *arena, const struct pfs_batch *batch,
                         struct pfs_err *err)
{
    struct pfs_transaction *t = transaction;
    struct pfs_batch filled = *batch;
    int rc;

    assert(batch->rows == 1);
    assert(batch->columns == t->schema->columns + 1);
    pthread_mutex_lock(&t->lock);
    rc = pfs_transaction_failed(t, err);
    if (rc == 0)
        rc = pfs_fill(&t->filling, arena, &filled, err);
    if (rc == 0) {
        pfs_buf_clear(&t->tail);
        rc = check_buckets(t, &filled, err);
        if (rc == 0)
            rc = pfs_transaction_try(t, &filled, err);
        if (rc == 0)
            rc = pfs_frame_put(&filled, pfs_codec_for_bytes(arena->used_bytes), &t->tail, err);
        t->tail_new = rc == 0;
        if (rc < 0)
            rc = pfs_transaction_fail(t, rc, err);
    }
    pthread_mutex_unlock(&t->lock);
    return rc;
}

int pfs_transaction_untail(struct pfs_transaction *transaction, struct pfs_err *err)
{
    struct pfs_transaction *t = transaction;
    int rc;

    pthread_mutex_lock(&t->lock);
    rc = pfs_transaction_failed(t, err);
    pfs_buf_clear(&t->tail);
    t->tail_new = false;
    if (rc == 0 && t->part != NULL && t->part->tail) {
        rc = pfs_journal_add(t->ingest->journal, t->part->number, PFS_JOURNAL_UNTAIL, pfs_slice_of(NULL, 0), NULL, err);
        if (rc < 0)
            rc = pfs_transaction_fail(t, rc, err); /* the line counts: it was acknowledged */
        else
            t->part->tail = false;
    }
    pthread_mutex_unlock(&t->lock);
    return rc;
}

void pfs_transaction_abandon(struct pfs_transaction *transaction)
{
    struct pfs_err err = {0};

    pthread_mutex_lock(&transaction->lock);
    if (transaction->failed.code == 0)
        (void)pfs_transaction_fail(transaction, pfs_fail(&err, EIO, "the writer failed before"), &err);
    pthread_mutex_unlock(&transaction->lock);
}

void pfs_transaction_cut(struct pfs_transaction *transaction)
{
    pthread_mutex_lock(&transaction->lock);
    transaction->cut = true;
    pthread_mutex_unlock(&transaction->lock);
}

bool pfs_transaction_is_heavy(struct pfs_transaction *transaction)
{
    bool heavy;

    pthread_mutex_lock(&transaction->lock);
    heavy = transaction->write_rows > 0;
    pthread_mutex_unlock(&transaction->lock);
    return heavy;
}
