/* commit.c - parts become a snapshot: rows out of the journal into a write, an intent, a publication.
 *
 * 1 an intent is durable before each attempt: it names the parts, the identifier and the new files
 * 2 parts that were tried once are looked for in the table before they are tried again
 * 3 parts are retired only when their snapshot is there to stay
 * 4 parts are not published before older ones whose snapshot was replaced
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "src/caretaker/caretaker.h"
#include "src/file/evolve.h"
#include "src/ingest/internal.h"
#include "src/merge/engine.h"
#include "src/table/parts.h"
#include "src/write/trial.h"

#define SETTLE_TRIES 3

struct run {
    struct pfs_ingest *ingest;
    struct pfs_slot *slot;
    struct pfs_table *table;
    struct pfs_part *parts;
    struct pfs_part *part; /* whose rows are read now */
    const struct pfs_schema *schema;
    struct pfs_state *state;
    struct pfs_write *write;
    const struct pfs_schema *written; /* what `write` takes rows of */
    const char *user;
    int64_t identifier;
    enum pfs_commit_kind kind;
    char file[PFS_NAME_BYTES_MAX + 1]; /* the last of the change's new files */
    bool bad;                          /* the rows are to blame */
    bool refused;                      /* by the write, for the state of the last attempt */
    bool older;                        /* with as many buckets as there were when the rows were taken: */
    struct pfs_schema rescaled;
    bool apart, all_apart;      /* a part with retracts, or any part, is a snapshot by itself */
    int64_t skip, passed;       /* of a repeated batch: so many rows are in the table; of them were met */
    struct pfs_beginning given; /* of a batch that was cut off: what is there of it after the commit */
};

/* ---- which snapshot ---- */

int pfs_commit_find(struct pfs_store *store, const char *meta, const char *user, int64_t identifier, int64_t seen,
                    int64_t *id, bool *gap, struct pfs_err *err)
{
    struct pfs_snapshot snapshot;
    struct pfs_arena arena;
    int64_t latest, earliest;
    int found = 0, rc = pfs_snapshot_latest_id(store, meta, &latest, err);

    *gap = false;
    if (rc == 0)
        rc = pfs_snapshot_earliest_id(store, meta, &earliest, err);
    if (rc < 0)
        return rc == -ENOENT ? 0 : rc;
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    for (int64_t i = latest; rc == 0 && found == 0 && i >= earliest && i > seen; i--) {
        pfs_arena_reset(&arena);
        rc = pfs_snapshot_load(store, meta, i, &arena, &snapshot, NULL, err);
        if (rc == 0 && snapshot.commit_identifier == identifier && snapshot.kind != PFS_COMMIT_COMPACT &&
            strcmp(snapshot.commit_user, user) == 0) {
            found = 1;
            *id = i;
        }
    }
    pfs_arena_done(&arena);
    *gap = found == 0 && (rc == -ENOENT || earliest > seen + 1);
    if (rc < 0 && rc != -ENOENT)
        return rc;
    if (found == 1)
        PFS_TRY(pfs_snapshot_sync(store, meta, err));
    return found;
}

/* ---- publications ---- */

/* Of a replayed part it is the user of its own journal: what that one committed is found under it. */
static const char *user_of(const struct pfs_ingest *g, const struct pfs_part *part)
{
    return part->user != NULL ? part->user : part->source != NULL ? pfs_foreign_user(part->source->foreign) : g->user;
}

static int64_t identifier_of(const struct pfs_part *parts)
{
    assert(parts->user == NULL || parts->next == NULL); /* a number of the writer's own is one snapshot's alone */
    while (parts->next != NULL)
        parts = parts->next;
    return parts->user != NULL ? parts->identifier : parts->order;
}

/* Also the record that the snapshot is there, which names the parts again and no files. */
static int put_intent(struct run *run, enum pfs_journal_kind kind, int64_t snapshot, struct pfs_slice files,
                      struct pfs_place_in_journal *out, struct pfs_err *err)
{
    const struct pfs_slot *slot = run->slot;
    struct pfs_part_intent intent = {.name = {slot->database, slot->table_name, slot->branch},
                                     .user = run->user,
                                     .identifier = run->identifier,
                                     .seen = snapshot,
                                     .files = files};
    struct pfs_buf body = {0};
    uint64_t *number;
    int rc;

    for (const struct pfs_part *p = run->parts; p != NULL; p = p->next)
        intent.parts++;
    assert(intent.parts > 0);
    assert(run->parts->intent != 0);
    number = pfs_alloc_array((size_t)intent.parts, sizeof(*number));
    if (number == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a commit");
    intent.parts = 0;
    for (const struct pfs_part *p = run->parts; p != NULL; p = p->next)
        number[intent.parts++] = p->number;
    intent.part = number;
    pfs_record_put_intent(&intent, &body);
    rc = pfs_buf_check(&body, err);
    if (rc == 0)
        rc = pfs_journal_add(run->ingest->journal, run->parts->intent, kind, pfs_buf_slice(&body), out, err);
    pfs_buf_done(&body);
    pfs_free(number);
    return rc;
}

/* The snapshot is there; takes the parts. */
static int note_published(struct run *run, int64_t snapshot, struct pfs_err *err)
{
    struct pfs_ingest *g = run->ingest;
    struct pfs_publication *p = pfs_zalloc(sizeof(*p));

    assert(snapshot > 0);
    assert(run->parts != NULL);
    if (g->config.caretaker != NULL)
        pfs_caretaker_committed(g->config.caretaker, run->table);
    if (g->config.committed != NULL)
        g->config.committed(g->config.context);
    (void)put_intent(run, PFS_JOURNAL_PUBLISHED, snapshot, pfs_slice_of(NULL, 0), NULL, NULL);
    if (p == NULL) /* the parts stay in the queue, and are found in the table the next time */
        return pfs_fail(err, ENOMEM, "no memory for a commit");
    (void)snprintf(p->user, sizeof(p->user), "%s", run->user);
    (void)snprintf(p->file, sizeof(p->file), "%s", run->file);
    p->parts = run->parts;
    p->identifier = run->identifier;
    p->snapshot = snapshot;
    p->intent = run->parts->intent;
    p->kind = run->kind;
    p->made_ms = pfs_clock_monotonic_ms();
    p->made_wall_ms = pfs_clock_now_ms(g->config.clock);
    pfs_publication_hold(p, run->table);
    pthread_mutex_lock(&g->lock);
    p->next = run->slot->publications;
    run->slot->publications = p;
    run->slot->published = true;
    run->slot->published_as = p->identifier;
    pthread_mutex_unlock(&g->lock);
    return 0;
}

/* ---- rows ---- */

/* Bad rows are those that no later attempt can do better with. */
static int blame(struct run *run, int rc)
{
    run->bad = rc == -EINVAL || rc == -ERANGE || rc == -EOPNOTSUPP || rc == -EMSGSIZE;
    return rc;
}

/* Parts of one snapshot are merged before they meet what is older: where that would lose what one of them takes back,
 * or be refused, it has to wait for its own. Those that were tried together stay together. */
static int find_apart(struct run *run, struct pfs_err *err)
{
    enum pfs_refusal refusal;
    bool forgets;

    if (run->parts->next == NULL || run->parts->group != 0)
        return 0;
    PFS_TRY(pfs_engine_forgets(run->schema, &forgets, err));
    PFS_TRY(pfs_engine_refuses(run->schema, &refusal, err));
    run->apart = forgets || refusal != PFS_REFUSES_NONE;
    run->all_apart =
        refusal == PFS_REFUSES_ANY || (run->apart && pfs_options_get(&run->schema->options, "rowkind.field") != NULL);
    return 0;
}

/* Leaves out the rows that are in the table: those that are left, in the arena. */
static int skip_rows(struct run *run, struct pfs_arena *arena, struct pfs_batch *batch, struct pfs_err *err)
{
    const struct pfs_batch all = *batch;
    int64_t skips = run->skip - run->passed < all.rows ? run->skip - run->passed : all.rows;

    assert(run->passed <= run->skip);
    run->passed += skips;
    if (skips == 0)
        return 0;
    if (skips < all.rows)
        return pfs_batch_copy(&all, (int32_t)skips, (int32_t)(all.rows - skips), arena, batch, err);
    batch->rows = 0;
    return 0;
}

static int add_rows(void *context, struct pfs_arena *arena, const struct pfs_batch *batch, struct pfs_err *err)
{
    struct run *run = context;
    struct pfs_batch today = *batch;
    int rc = 0;

    assert(run->part != NULL);
    assert(run->write != NULL);
    assert(batch->columns == run->part->schema->columns + 1);
    if (run->all_apart || (run->apart && pfs_batch_retracts(batch))) {
        run->part->alone = true;
        return -EAGAIN;
    }
    if (run->part->cut)
        rc = pfs_beginning_add(&run->given, run->part->schema, batch, INT64_MAX, err);
    if (rc == 0)
        rc = skip_rows(run, arena, &today, err);
    if (rc < 0 || today.rows == 0)
        return rc;
    if (run->part->schema != run->written) {
        const struct pfs_batch given = today;

        rc = pfs_evolve_batch(run->part->schema, run->written, &given, arena, &today, err);
    }
    if (rc == 0)
        rc = pfs_write_add(run->write, arena, &today, run->state, err);
    return blame(run, rc);
}

/* A snapshot has one commit user, and so has a write. */
static int open_write(struct run *run, struct pfs_err *err)
{
    struct pfs_table_parts parts = pfs_table_parts(run->table);
    const struct pfs_write_config config = {.store = parts.store,
                                            .table = parts.root,
                                            .schema = run->older ? &run->rescaled : run->schema,
                                            .schemas = parts.schemas,
                                            .external = parts.external,
                                            .clock = run->ingest->config.clock,
                                            .pool = parts.pool,
                                            .user = run->user,
                                            .overwrite = run->parts->overwrite != NULL};

    assert(run->write == NULL);
    run->written = run->schema;
    return pfs_write_open(&config, &run->write, err);
}

/* What a handle had written before its process died, or before its write was closed after a failure. */
static int adopt(struct run *run, struct pfs_err *err)
{
    struct pfs_write_files files;
    struct pfs_arena arena;
    int rc;

    pfs_arena_init(&arena, PFS_MANIFEST_BYTES_MAX);
    rc = pfs_part_files(run->ingest, run->parts, &arena, &files, err);
    if (rc == 0)
        rc = pfs_write_adopt(run->write, &files, run->state, err);
    pfs_arena_done(&arena);
    return rc;
}

static int collect_files(struct run *run, struct pfs_err *err)
{
    struct pfs_part *part = run->parts;

    assert(part->next == NULL);
    assert(run->write == NULL);
    if (part->write != NULL) {
        run->write = part->write;
        run->written = part->schema; /* it is the handle's, or has got all rows */
        part->write = NULL;
    } else {
        PFS_TRY(open_write(run, err));
        PFS_TRY(adopt(run, err));
        part->tail_added = false;
    }
    if (part->tail_added)
        return 0;
    run->part = part;
    PFS_TRY(pfs_part_rows(run->ingest, part, add_rows, run, err));
    part->tail_added = true;
    return 0;
}

struct step {
    struct pfs_part *part;
    int32_t index; /* of a piece */
};

/* By place in the journal; a part's own pieces ascend. */
static int compare_steps(const void *a, const void *b)
{
    const struct step *x = a, *y = b;
    struct pfs_place_in_journal p = x->part->piece[x->index]->place, q = y->part->piece[y->index]->place;

    return p.segment != q.segment ? (p.segment > q.segment) - (p.segment < q.segment) : (p.at > q.at) - (p.at < q.at);
}

/* In the order of the flushes that acknowledged them, which is that of the journal: handles that were open at the same
 * time may have been flushed in turns. */
static int collect_rows(struct run *run, struct pfs_err *err)
{
    struct step *step;
    size_t steps = 0;
    int rc = 0;

    for (const struct pfs_part *p = run->parts; p != NULL; p = p->next)
        steps += (size_t)p->pieces;
    step = pfs_alloc_array(steps + 1, sizeof(*step));
    if (step == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a commit");
    steps = 0;
    for (struct pfs_part *p = run->parts; p != NULL; p = p->next)
        for (int32_t i = 0; i < p->pieces; i++)
            step[steps++] = (struct step){p, i};
    qsort(step, steps, sizeof(*step), compare_steps);
    for (size_t i = 0; i < steps && rc == 0; i++) {
        run->part = step[i].part;
        rc = pfs_piece_rows(run->ingest, run->part, step[i].index, add_rows, run, err);
    }
    pfs_free(step);
    return rc;
}

/* All rows of the parts in one write. Files of a part hold rows of its own schema, and the write that made them goes on
 * with it: evolution is for those who read. Rows that were not written yet are made over to the newest schema here. */
static int collect(struct run *run, struct pfs_err *err)
{
    assert(run->state == NULL);
    run->passed = 0;
    run->given = (struct pfs_beginning){0};
    PFS_TRY(pfs_table_state(run->table, (struct pfs_when){.kind = PFS_WHEN_LATEST}, &run->state, err));
    for (const struct pfs_part *p = run->parts; p != NULL; p = p->next) {
        int rc = pfs_part_is_for(run->table, run->schema, p, err);

        if (rc < 0)
            return rc;
        if (rc == 0) {
            run->bad = true;
            return pfs_fail(err, ESTALE, "the table was dropped and made again since the rows were written");
        }
        if (p->schema != run->schema && !p->files)
            PFS_TRY(blame(run, pfs_evolve_check(p->schema, run->schema, err)));
    }
    if (run->parts->files)
        return collect_files(run, err);
    PFS_TRY(find_apart(run, err));
    PFS_TRY(open_write(run, err));
    return collect_rows(run, err);
}

/* ---- publishing ---- */

/* For the state of each attempt anew: sequence numbers are those behind its files. */
static int prepare(void *context, struct pfs_state *state, struct pfs_change *out, struct pfs_err *err)
{
    struct run *run = context;
    struct pfs_write_files files;
    int rc;

    assert(run->write != NULL);
    run->refused = false;
    if (pfs_slot_is_overtaking(run->slot, run->table, state))
        return -EAGAIN;
    rc = pfs_write_prepare(run->write, state, &files, err);
    run->refused = rc == -EINVAL;
    if (rc < 0)
        return rc;
    *out = (struct pfs_change){.kind = run->kind,
                               .entries = files.entries,
                               .entry = files.entry,
                               .changelogs = files.changelogs,
                               .changelog = files.changelog,
                               .indexes = files.indexes,
                               .index = files.index};
    if (run->parts->overwrite != NULL)
        out->overwrite = *run->parts->overwrite;
    return 0;
}

/* Rule 1. The parts learn here what an outcome that stays unclear is looked for by: the identifier (`group`), the
 * snapshots since the first attempt (`seen`), and the last intent itself. */
static int intent(void *context, int64_t seen, const struct pfs_change *change, struct pfs_err *err)
{
    struct run *run = context;
    struct pfs_journal *journal = run->ingest->journal;
    struct pfs_place_in_journal place;
    struct pfs_buf files = {0};
    int rc = pfs_manifest_print(change->entry, change->entries, NULL, &files, err);

    if (change->entries > 0 && !change->entry[change->entries - 1].deleted)
        (void)snprintf(run->file, sizeof(run->file), "%s", change->entry[change->entries - 1].file.name);
    if (rc == 0)
        rc = put_intent(run, PFS_JOURNAL_INTENT, seen, pfs_buf_slice(&files), &place, err);
    if (rc == 0)
        rc = pfs_journal_sync(journal, run->parts->intent, err);
    pfs_buf_done(&files);
    if (rc < 0) { /* the number may have failed with the sync */
        (void)pfs_journal_add(journal, run->parts->intent, PFS_JOURNAL_RETIRED, pfs_slice_of(NULL, 0), NULL, NULL);
        run->parts->intent = pfs_journal_transaction(journal);
        return rc;
    }
    run->parts->tried = place;
    pthread_mutex_lock(&run->ingest->lock);
    run->slot->attempted = true;
    run->slot->attempted_after = seen;
    pthread_mutex_unlock(&run->ingest->lock);
    for (struct pfs_part *p = run->parts; p != NULL; p = p->next) {
        p->seen = p->group == 0 || seen < p->seen ? seen : p->seen;
        p->group = run->identifier;
    }
    return 0;
}

/* Attempts until one wins the race. What stays unclear is looked for before the next one, by its intent. */
static int publish(struct run *run, struct pfs_err *err)
{
    char properties[PFS_BEGINNING_TEXT];
    const struct pfs_publish publish = {.user = run->user,
                                        .identifier = run->identifier,
                                        .properties = run->parts->cut ? properties : NULL,
                                        .clock = run->ingest->config.clock,
                                        .context = run,
                                        .prepare = prepare,
                                        .intent = intent};
    struct pfs_part *parts = run->parts;
    bool unclear = false;
    int64_t id = 0;
    int rc;

    if (parts->files)
        run->given = (struct pfs_beginning){parts->given > 0 ? parts->given : -1, 0};
    pfs_beginning_print(&run->given, properties);
    rc = pfs_table_publish(run->table, &publish, &id, &unclear, err);
    if (rc == 0) {
        pfs_write_committed(run->write);
        if (id != 0)
            return note_published(run, id, err);
        pfs_parts_retire(run->ingest, parts, parts->intent);
        return 0;
    }
    if (parts->files) { /* the files are what there is of the rows */
        parts->unclear |= unclear;
        parts->write = run->write;
        run->write = NULL;
    } else if (unclear) {
        pfs_write_committed(run->write); /* the files stay: a snapshot may name them */
    }
    return rc;
}

/* No snapshot has the identifier of the last attempt, which may have expired since. 1: it was committed. */
static int ask_files(const struct run *run, bool gap, struct pfs_err *err)
{
    const struct pfs_part *parts = run->parts;
    struct pfs_part_intent last;
    struct pfs_arena arena;
    struct pfs_slice body;
    int rc;

    assert(parts->group != 0);
    if (parts->schema == NULL || !pfs_journal_is_durable(run->ingest->journal, parts->tried))
        return 0; /* it is for a replay's parts alone that the journal may have let go of it, after a failed sync */
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = pfs_journal_read(run->ingest->journal, parts->tried, &arena, &body, err);
    if (rc == 0)
        rc = pfs_record_get_intent(body, &arena, &last, err);
    if (rc == 0)
        rc = pfs_commit_ask(run->table,
                            &(struct pfs_asking){.user = run->user,
                                                 .identifier = run->identifier,
                                                 .seen = parts->seen,
                                                 .gap = gap,
                                                 .files = last.files,
                                                 .schema = parts->schema},
                            &arena, err);
    pfs_arena_done(&arena);
    return rc;
}

/* What nobody can tell stays in the journal, and keeps no others waiting. */
static int settle_asked(struct run *run, int rc, struct pfs_err *err)
{
    struct pfs_part *parts = run->parts;

    assert(rc != 0);
    if (rc == -EUCLEAN) {
        pfs_ingest_report(run->ingest, run->slot, err);
        pfs_err_clear(err);
        pfs_parts_leave(run->ingest, parts);
        return 1;
    }
    if (rc < 0)
        return rc;
    if (parts->write != NULL)
        pfs_write_committed(parts->write);
    pfs_parts_retire(run->ingest, parts, parts->intent);
    return 1;
}

/* The number was committed. 1: there is nothing to add; 0: what comes behind the rows that are there. */
static int rest_of(struct run *run, const struct pfs_table_parts *at, struct pfs_err *err)
{
    const struct pfs_part *part = run->parts;
    struct pfs_beginning there, first = {0};
    int64_t rows = part->files ? part->given : 0;
    int rc = pfs_beginning_find(at, run->user, run->identifier, &there, err);

    assert(part->user != NULL);
    assert(part->next == NULL);
    if (rc <= 0)
        return rc < 0 ? rc : 1;
    if (part->schema != NULL && !part->files && there.rows >= 0)
        PFS_TRY(pfs_part_beginning(run->ingest, part, there.rows, &first, &rows, err));
    if (rows > 0 && rows <= there.rows)
        return 1;
    if (first.rows != there.rows || first.hash != there.hash) {
        run->bad = true;
        return pfs_beginning_differs(run->user, run->identifier, err);
    }
    run->skip = there.rows;
    return 0;
}

/* Was it committed before? 1: it is done with, the parts are taken. */
static int known(struct run *run, struct pfs_err *err)
{
    struct pfs_table_parts at = pfs_table_parts(run->table);
    struct pfs_part *parts = run->parts;
    int64_t id;
    bool gap;
    int rc;

    assert(run->identifier == identifier_of(parts));
    if (parts->group != 0) {
        rc = pfs_commit_find(at.store, at.meta, run->user, run->identifier, parts->seen, &id, &gap, err);
        if (rc == 1 && parts->write != NULL)
            pfs_write_committed(parts->write);
        if (rc == 1)
            parts->unclear = false;
        if (rc != 0)
            return rc < 0 ? rc : note_published(run, id, err) < 0 ? -ENOMEM : 1;
        rc = ask_files(run, gap, err);
        if (rc != 0)
            return settle_asked(run, rc, err);
    }
    if (parts->user == NULL)
        return 0;
    rc = pfs_commit_known(at.store, at.meta, run->user, run->identifier, &parts->began, err);
    if (rc == 1)
        rc = rest_of(run, &at, err);
    if (rc == 1)
        pfs_parts_retire(run->ingest, parts, parts->intent);
    return rc;
}

/* ---- a group ---- */

static int reject_all(struct pfs_ingest *g, struct pfs_slot *slot, struct pfs_part *parts, const struct pfs_err *why,
                      struct pfs_err *err)
{
    uint64_t number = parts->intent;

    pfs_ingest_report(g, slot, why);
    for (struct pfs_part *p = parts; p != NULL; p = p->next)
        PFS_TRY(pfs_part_reject(g, p, why, err));
    pfs_parts_retire(g, parts, number);
    return 0;
}

/* Bare -ENOENT: the table is gone. */
static int find_table(struct pfs_slot *slot, struct pfs_table **out, const struct pfs_schema **schema,
                      struct pfs_err *err)
{
    struct pfs_ingest *g = slot->ingest;
    struct pfs_table *table = slot->table; /* the run's own, while it runs */

    if (table == NULL) {
        PFS_TRY(pfs_catalog_table(g->config.catalog, slot->database, slot->table_name, slot->branch, &table, err));
        pthread_mutex_lock(&g->lock);
        if (slot->table == NULL)
            slot->table = pfs_table_ref(table);
        pthread_mutex_unlock(&g->lock);
        pfs_table_unref(table);
        table = slot->table;
    }
    *out = table;
    return pfs_table_schema(table, schema, err);
}

/* What a failed sync lost is known from here on; a part of which nothing is left is retired. */
static bool has_rows(struct pfs_ingest *g, struct pfs_part *parts)
{
    bool has = false;

    for (struct pfs_part *p = parts; p != NULL; p = p->next) {
        pfs_part_settle(g, p);
        pfs_part_drop_replaced(p);
        has |= p->pieces > 0;
    }
    return has;
}

/* Were rows refused when they were merged? Those of a schema that was changed since they were tried. */
static bool are_refused(const struct run *run, int rc)
{
    enum pfs_refusal refusal;

    return rc == -EINVAL && !run->parts->files && pfs_engine_refuses(run->schema, &refusal, NULL) == 0 &&
           refusal != PFS_REFUSES_NONE;
}

/* Has the write refused rows of another number of buckets? */
static bool were_rescaled(const struct run *run)
{
    bool rescaled = false;

    for (const struct pfs_part *p = run->refused ? run->parts : NULL; p != NULL; p = p->next)
        rescaled |= !p->files && p->overwrite == NULL && p->schema->buckets != run->schema->buckets;
    return rescaled;
}

/* What a failure leaves behind is decided here: files that hold rows of a handle stay with their part. */
static int attempt(struct run *run, struct pfs_err *err)
{
    struct pfs_part *parts = run->parts;
    int rc;

    run->bad = run->refused = false;
    rc = collect(run, err);
    if (rc == 0) {
        rc = publish(run, err);
        run->bad = are_refused(run, rc) || were_rescaled(run);
    } else if (parts->files && run->write != NULL && !parts->tail_added) {
        pfs_write_close(run->write); /* the files that it listed stay, and are adopted the next time */
        run->write = NULL;
    }
    return rc;
}

/* Rows that were taken before the number of buckets changed go to a partition that still has the old one. */
static int attempt_older(struct run *run, struct pfs_err *err)
{
    assert(run->parts->next == NULL);
    assert(!run->parts->files);
    assert(!run->older);
    pfs_write_close(run->write);
    pfs_state_unref(run->state);
    run->write = NULL;
    run->state = NULL;
    run->rescaled = *run->schema;
    run->rescaled.buckets = run->parts->schema->buckets;
    run->older = true;
    pfs_err_clear(err);
    return attempt(run, err);
}

/* Looked for, tried, and what cannot ever be is set aside, with the reason, when it is known whose fault it is. */
static int commit_run(struct run *run, struct pfs_err *err)
{
    struct pfs_part *parts = run->parts;
    struct pfs_err why = {0};
    int rc = known(run, err);

    if (rc > 0)
        return 0;
    if (rc == 0) {
        rc = attempt(run, err);
        if (rc < 0 && parts->next == NULL && were_rescaled(run))
            rc = attempt_older(run, err);
    }
    if (rc == 0 || !run->bad)
        return rc;
    /* One of several is bad: which one shows when each is tried by itself. */
    if (parts->next != NULL) {
        for (struct pfs_part *p = parts; p != NULL; p = p->next) {
            p->alone = true;
            p->group = 0;
        }
        pfs_err_clear(err);
        return -EAGAIN;
    }
    why = *err;
    pfs_err_clear(err);
    return reject_all(run->ingest, run->slot, parts, &why, err);
}

void pfs_ingest_settle(struct pfs_ingest *ingest, struct pfs_slot *slot, const struct pfs_settle *settle)
{
    struct pfs_err err = {0};
    int rc = -EAGAIN;

    if (ingest->config.write_only || slot->table == NULL)
        return;
    /* Another commit may win the race for the snapshot; one that always loses leaves it to the next commit. */
    for (int i = 0; i < SETTLE_TRIES && rc < 0; i++)
        rc = pfs_table_settle(slot->table, settle, &err);
    if (rc < 0)
        pfs_ingest_report(ingest, slot, &err);
    pthread_mutex_lock(&ingest->lock);
    slot->published = true; /* upkeep that was under way may have looked between the two snapshots */
    pthread_mutex_unlock(&ingest->lock);
}

int pfs_slot_commit(struct pfs_slot *slot, struct pfs_part *parts, struct pfs_err *err)
{
    struct pfs_ingest *g = slot->ingest;
    struct run run = {.ingest = g, .slot = slot, .parts = parts};
    char user[PFS_NAME_BYTES_MAX + 1];
    struct pfs_err why = {0};
    int rc;

    assert(parts != NULL);
    assert(parts->slot == slot);
    assert(parts->next == NULL || !parts->alone);
    if (!has_rows(g, parts)) {
        pfs_parts_retire(g, parts, parts->intent);
        return 0;
    }
    rc = find_table(slot, &run.table, &run.schema, err);
    if (rc == -ENOENT) {
        (void)pfs_fail(&why, ENOENT, "the table is gone");
        return reject_all(g, slot, parts, &why, err);
    }
    if (rc < 0)
        return rc;
    (void)snprintf(user, sizeof(user), "%s", user_of(g, parts));
    run.user = user; /* the parts may go before the run is over */
    run.identifier = identifier_of(parts);
    run.kind = parts->overwrite != NULL ? PFS_COMMIT_OVERWRITE : PFS_COMMIT_APPEND;
    if (parts->intent == 0)
        parts->intent = pfs_journal_transaction(g->journal);
    rc = commit_run(&run, err);
    pfs_write_close(run.write);
    pfs_state_unref(run.state);
    if (rc == 0)
        pfs_ingest_settle(g, slot, &(struct pfs_settle){run.user, run.identifier, run.kind == PFS_COMMIT_OVERWRITE});
    return rc;
}
