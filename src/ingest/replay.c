/* replay.c - the journals of processes that are gone: what they acknowledged and did not surely commit.
 *
 * A part that an intent names is committed when the table has that user and identifier. If snapshots have expired
 * since, its files decide: one is referenced, or all are gone (committed, compacted, expired): done; all are there and
 * nobody references them: not committed; anything else is kept and reported, not guessed. A part that no intent names
 * was never tried by its own process; a replay that died may have committed it, under the same user and its order, or
 * that of a later one that was in the same snapshot; so none is committed while an earlier one cannot be read. A part
 * that was not sealed has no order yet: it gets one from the place of its last record, which is that of its last
 * acknowledgement, the same in every replay and far above all others.
 * What handles of `append` had flushed is as good as sealed and may be in one snapshot with others, in the order of the
 * journal; another handle's is a snapshot of its own.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "src/ingest/internal.h"
#include "src/table/parts.h"

#define UNSEALED_ORDER ((int64_t)1 << 62)

struct entry { /* a record, under the part that it is about */
    uint64_t part;
    int64_t at; /* among the records */
};

struct tried { /* an intent, and what a record says of how it was published */
    struct pfs_part_intent intent;
    const struct pfs_foreign *by; /* whose journal it is in */
    int64_t published;            /* the snapshot; 0 = no record says so */
};

struct known_schema {
    struct pfs_slot *slot;
    uint64_t hash; /* of the text */
    struct pfs_slice json;
};

struct replay {
    struct pfs_ingest *ingest;
    struct pfs_source *source;
    const struct pfs_journal_record *record;
    int64_t records;
    struct pfs_arena arena;
    struct entry *entry;
    struct tried *tried; /* of all journals that were had */
    int64_t *tries;
    struct known_schema *schema; /* of all parts: any of a segment may be the one that has the text */
    int64_t schemas;
    struct pfs_part **part;
    int64_t parts;
};

static int compare_entries(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    if (x->part != y->part)
        return x->part < y->part ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

static int body_of(struct replay *r, int64_t at, struct pfs_slice *out, struct pfs_err *err)
{
    return pfs_foreign_read(r->source->foreign, r->record[at].place, &r->arena, out, err);
}

/* ---- one part ---- */

struct group { /* the records of one part */
    const struct entry *entry;
    int64_t count;
    struct pfs_part_begin begin;
    struct pfs_slot *slot;
    bool has_begin, sealed, cut, retired;
};

static int get_begin(struct replay *r, int64_t at, struct pfs_part_begin *out, struct pfs_slot **slot,
                     struct pfs_err *err)
{
    struct pfs_slice body;

    PFS_TRY(body_of(r, at, &body, err));
    PFS_TRY(pfs_record_get_begin(body, &r->arena, out, err));
    return pfs_slot_get(r->ingest, &out->name, slot, err);
}

static int read_begin(struct replay *r, struct group *g, int64_t at, struct pfs_err *err)
{
    PFS_TRY(get_begin(r, at, &g->begin, &g->slot, err));
    g->has_begin = true;
    return 0;
}

static int read_piece(struct pfs_part *part, const struct pfs_journal_record *record, struct pfs_err *err)
{
    struct pfs_piece *piece = pfs_piece_new(record->kind, record->transaction, record->place);

    if (piece == NULL || pfs_part_add(part, piece, err) < 0) {
        pfs_piece_release(piece);
        return pfs_fail(err, ENOMEM, "no memory for rows");
    }
    atomic_store(&piece->state, PFS_PIECE_DURABLE);
    part->tail = record->kind == PFS_JOURNAL_TAIL;
    part->alone |= record->kind == PFS_JOURNAL_FILES;
    part->bytes += (int64_t)record->place.len;
    part->rows++; /* not counted: a record at least */
    return 0;
}

/* As many pieces count as the handle knew to be there. */
static int read_seal(struct replay *r, struct group *g, struct pfs_part *part, int64_t at, struct pfs_err *err)
{
    struct pfs_part_seal seal;
    struct pfs_slice body;

    PFS_TRY(body_of(r, at, &body, err));
    PFS_TRY(pfs_record_get_seal(body, &seal, err));
    g->sealed = true;
    g->cut = seal.cut;
    part->order = seal.order;
    part->tail = seal.tail && part->pieces >= seal.pieces; /* else the last ones were lost, and the tail with them */
    while (part->pieces > seal.pieces)
        pfs_piece_release(part->piece[--part->pieces]);
    return 0;
}

/* Intents were read before, those of all journals: here they say nothing. */
static int read_record(struct replay *r, struct group *g, struct pfs_part *part, int64_t at, struct pfs_err *err)
{
    switch ((int)r->record[at].kind) {
    case PFS_JOURNAL_BEGIN:
        return read_begin(r, g, at, err);
    case PFS_JOURNAL_ROWS:
    case PFS_JOURNAL_TAIL:
    case PFS_JOURNAL_FILES:
        return read_piece(part, &r->record[at], err);
    case PFS_JOURNAL_UNTAIL:
        part->tail = false;
        return 0;
    case PFS_JOURNAL_SEAL:
        return read_seal(r, g, part, at, err);
    case PFS_JOURNAL_RETIRED:
        g->retired = true;
        return 0;
    default:
        return 0;
    }
}

/* The table's schema of an id; NULL: it has none, or another one. A schema that is there and cannot be read now says
 * nothing of the table: its rows wait, for what is not the table's any more is set aside. */
static int same_schema(struct pfs_table *table, const struct pfs_part_begin *begin, const struct pfs_schema **out,
                       struct pfs_err *err)
{
    const struct pfs_schema *newest, *schema;
    struct pfs_buf json = {0};
    int rc = pfs_table_schema(table, &newest, err);

    *out = NULL;
    if (rc < 0 || begin->schema_id > newest->id)
        return rc == -ENOENT ? 0 : rc < 0 ? rc : 0;
    PFS_TRY(pfs_schemas_get(pfs_table_parts(table).schemas, begin->schema_id, &schema, err));
    rc = pfs_schema_print(schema, &json, err);
    if (rc == 0 && pfs_hash64(json.at, json.len, 0) == begin->schema_hash)
        *out = schema;
    pfs_buf_done(&json);
    return rc;
}

/* The schema that the rows were parsed with, if the table still has it and is still the same table. */
static int find_schema(struct replay *r, const struct group *g, struct pfs_part *part, struct pfs_err *err)
{
    struct pfs_table *table;
    struct pfs_slice kept = {NULL, 0};
    int rc = pfs_catalog_table(r->ingest->config.catalog, g->slot->database, g->slot->table_name, g->slot->branch,
                               &table, err);

    if (rc < 0 && rc != -ENOENT)
        return rc;
    if (rc == 0) {
        rc = same_schema(table, &g->begin, &part->schema, err);
        if (part->schema != NULL)
            part->schemas = pfs_schemas_ref(pfs_table_parts(table).schemas);
        pthread_mutex_lock(&r->ingest->lock);
        if (g->slot->table == NULL)
            g->slot->table = pfs_table_ref(table);
        pthread_mutex_unlock(&r->ingest->lock);
        pfs_table_unref(table);
        PFS_TRY(rc);
    }
    for (int64_t i = 0; i < r->schemas && part->schema == NULL; i++)
        if (r->schema[i].slot == g->slot && r->schema[i].hash == g->begin.schema_hash)
            kept = r->schema[i].json;
    if (kept.len > 0 && !pfs_arena_copy(&part->arena, kept, &part->schema_json))
        return pfs_arena_full(&part->arena, err);
    return 0;
}

/* Segments are far shorter than 2 GiB, and their numbers have 31 bits. */
static int64_t order_of_unsealed(const struct pfs_part *part)
{
    const struct pfs_place_in_journal last = part->piece[part->pieces - 1]->place;

    return UNSEALED_ORDER + ((int64_t)last.segment << 31 | (int64_t)(last.at & INT32_MAX));
}

static int describe(struct replay *r, const struct group *g, struct pfs_part *part, struct pfs_err *err)
{
    struct pfs_overwrite *overwrite;
    struct pfs_slice kept;

    assert(g->has_begin);
    assert(g->slot != NULL);
    assert(part->pieces > 0);
    part->slot = g->slot;
    part->source = r->source;
    part->number = g->entry[0].part;
    part->time_ms = g->begin.time_ms;
    part->alone |= g->begin.once || g->begin.overwrite.len > 0 || (!g->sealed && !g->begin.append);
    if (!g->sealed)
        part->order = order_of_unsealed(part); /* behind all others */
    part->identifier = g->begin.identifier;
    part->began = g->begin.began;
    part->given = g->begin.given;
    part->cut = g->begin.once && (!g->sealed || g->cut);
    if (g->begin.once && (part->user = pfs_arena_string(&part->arena, pfs_str(g->begin.user))) == NULL)
        return pfs_arena_full(&part->arena, err);
    PFS_TRY(find_schema(r, g, part, err));
    if (g->begin.overwrite.len == 0 || part->schema == NULL)
        return 0;
    overwrite = pfs_arena_zalloc(&part->arena, sizeof(*overwrite));
    if (overwrite == NULL || !pfs_arena_copy(&part->arena, g->begin.overwrite, &kept))
        return pfs_arena_full(&part->arena, err);
    part->overwrite = overwrite;
    return pfs_record_get_overwrite(kept, part->schema, &part->arena, overwrite, err);
}

/* ---- was it committed? ---- */

/* A journal counts its parts by itself and its user has no other; but whoever gives numbers of its own has the same
 * name in all journals, where another of its numbers may have been the same part. */
static bool speaks_of(const struct pfs_part_intent *intent, const struct pfs_part *part, const char *user)
{
    bool names = false;

    for (int32_t i = 0; i < intent->parts; i++)
        names |= intent->part[i] == part->number;
    return names && strcmp(intent->user, user) == 0 && (part->user == NULL || intent->identifier == part->identifier);
}

/* Two attempts at a number are parts of two journals, and may both be the first one there: where the part's own process
 * tried it, that attempt is the one to ask about. */
static bool is_tried_by_own(const struct replay *r, const struct pfs_part *part, const char *user)
{
    bool own = false;

    for (int64_t i = 0; i < *r->tries && !own; i++)
        own = r->tried[i].by == r->source->foreign && speaks_of(&r->tried[i].intent, part, user);
    return own;
}

/* Was `a` made after `b`? What another process tried, that one did when the part's own was gone. */
static bool is_later(const struct replay *r, const struct tried *a, const struct tried *b)
{
    if (a->intent.seen != b->intent.seen)
        return a->intent.seen > b->intent.seen;
    return a->by != r->source->foreign || b->by == r->source->foreign;
}

/* The last attempt; the journals come in no order. */
static const struct tried *find_tried(const struct replay *r, const struct pfs_part *part, const char *user)
{
    const struct tried *found = NULL;

    for (int64_t i = 0; i < *r->tries; i++)
        if (speaks_of(&r->tried[i].intent, part, user) && (found == NULL || is_later(r, &r->tried[i], found)))
            found = &r->tried[i];
    return found;
}

/* Is there a snapshot of any of the attempts? *gap: as pfs_commit_find tells it of the last one. */
static int find_any(const struct replay *r, const struct pfs_table_parts *at, const struct pfs_part *part,
                    const char *user, const struct tried *last, bool *gap, struct pfs_err *err)
{
    const bool own = part->user != NULL && is_tried_by_own(r, part, user);
    int64_t id;
    bool between;
    int rc = pfs_commit_find(at->store, at->meta, user, last->intent.identifier, last->intent.seen, &id, gap, err);

    for (int64_t i = 0; i < *r->tries && rc == 0; i++) {
        const struct pfs_part_intent *intent = &r->tried[i].intent;

        if (intent != &last->intent && speaks_of(intent, part, user) && (!own || r->tried[i].by == r->source->foreign))
            rc = pfs_commit_find(at->store, at->meta, user, intent->identifier, intent->seen, &id, &between, err);
    }
    return rc;
}

/* Its snapshot was there, and none of its number is now: it was rolled back, for one that is renamed over in a race
 * leaves the other. */
static int was_taken_back(const struct pfs_table_parts *at, const struct tried *tried, struct pfs_err *err)
{
    int64_t latest;
    int rc;

    if (tried->published == 0)
        return 0;
    rc = pfs_snapshot_latest_id(at->store, at->meta, &latest, err);
    return rc < 0 ? (rc == -ENOENT ? 0 : rc) : latest < tried->published;
}

/* 1: it is done with; 0: it is to be committed. */
static int is_committed(struct replay *r, const struct group *g, const struct pfs_part *part, struct pfs_err *err)
{
    const char *user = part->user != NULL ? part->user : pfs_foreign_user(r->source->foreign);
    const struct tried *tried = find_tried(r, part, user);
    struct pfs_table *table = g->slot->table;
    struct pfs_table_parts at;
    bool gap;
    int rc;

    if (table == NULL || part->schema == NULL)
        return 0;
    at = pfs_table_parts(table);
    if (tried == NULL && part->user != NULL)
        return 0; /* looked for when its turn comes */
    if (tried == NULL)
        return pfs_commit_known(at.store, at.meta, user, part->order, NULL, err);
    rc = find_any(r, &at, part, user, tried, &gap, err);
    if (rc > 0 && part->user != NULL && !part->files && !is_tried_by_own(r, part, user))
        return 0; /* so is this: what is there may be the beginning of it */
    if (rc != 0)
        return rc;
    if (gap && tried->published != 0)
        return 1;
    rc = was_taken_back(&at, tried, err);
    if (rc != 0)
        return rc;
    rc = pfs_commit_ask(table,
                        &(struct pfs_asking){.user = tried->intent.user,
                                             .identifier = tried->intent.identifier,
                                             .seen = tried->intent.seen,
                                             .gap = gap,
                                             .files = tried->intent.files,
                                             .schema = part->schema},
                        &r->arena, err);
    /* Another attempt, whose intent is not here, may have been of more parts. */
    return rc != 0 || part->user != NULL ? rc : pfs_commit_known(at.store, at.meta, user, part->order, NULL, err);
}

/* ---- a journal ---- */

/* Is the part that this one continues still open? Then that one has the line, and this is a copy. */
static bool is_copy(const struct replay *r, const struct group *g)
{
    bool sealed = false, rows = false;

    for (int64_t i = 0; i < r->records && g->begin.continues != 0; i++) {
        enum pfs_journal_kind kind;

        if (r->entry[i].part != g->begin.continues)
            continue;
        kind = r->record[r->entry[i].at].kind;
        sealed |= kind == PFS_JOURNAL_SEAL || kind == PFS_JOURNAL_RETIRED;
        rows |= kind == PFS_JOURNAL_ROWS || kind == PFS_JOURNAL_TAIL;
    }
    return rows && !sealed;
}

/* Who committed the part may have died before the compaction that belongs to the commit. */
static void make_up(struct replay *r, const struct group *g, const struct pfs_part *part)
{
    const char *user = part->user != NULL ? part->user : pfs_foreign_user(r->source->foreign);
    const struct tried *tried = find_tried(r, part, user);
    int64_t own = part->user != NULL ? part->identifier : part->order;

    pfs_ingest_settle(r->ingest, g->slot,
                      &(struct pfs_settle){.user = user,
                                           .identifier = tried != NULL ? tried->intent.identifier : own,
                                           .overwrite = part->overwrite != NULL});
}

/* Described, then looked for in the table: what was committed is not pushed. */
static int keep_part(struct replay *r, struct group *g, struct pfs_part *part, struct pfs_err *err)
{
    int rc;

    assert(r->parts < r->records);
    PFS_TRY(describe(r, g, part, err));
    rc = is_committed(r, g, part, err);
    if (rc > 0)
        make_up(r, g, part);
    if (rc != 0)
        return rc;
    r->part[r->parts++] = part;
    return 0;
}

static int read_group(struct replay *r, struct group *g, struct pfs_err *err)
{
    struct pfs_part *part = pfs_part_new(NULL, err);
    int rc = part == NULL ? -ENOMEM : 0;

    assert(g->count > 0);
    for (int64_t i = 0; rc == 0 && i < g->count; i++)
        rc = read_record(r, g, part, g->entry[i].at, err);
    if (rc == 0 && !g->retired && part->pieces > 0 && !is_copy(r, g)) {
        rc =
            g->has_begin ? keep_part(r, g, part, err) : pfs_fail(err, EUCLEAN, "rows without a beginning in a journal");
        if (rc == 0)
            return 0;
    }
    pfs_part_free(part);
    return rc < 0 ? rc : 0;
}

static int compare_parts(const void *a, const void *b)
{
    const struct pfs_part *x = *(struct pfs_part *const *)a, *y = *(struct pfs_part *const *)b;

    if (x->order != y->order)
        return x->order < y->order ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

/* All at once, in their order; the source is held by each. */
static void push_parts(struct replay *r)
{
    pthread_mutex_lock(&r->ingest->lock);
    for (int64_t i = 0; i < r->parts; i++) {
        assert(r->part[i]->source == r->source);
        r->source->refs++;
        pfs_slot_note_rows(r->part[i]->slot, r->part[i]->rows, r->part[i]->bytes);
        pfs_slot_push(r->part[i]->slot, r->part[i]);
    }
    pthread_mutex_unlock(&r->ingest->lock);
}

/* A seal may be written under another number when its own had failed. */
static uint64_t part_of(struct replay *r, int64_t at)
{
    struct pfs_part_seal seal;
    struct pfs_slice body;

    if (r->record[at].kind != PFS_JOURNAL_SEAL || body_of(r, at, &body, NULL) < 0 ||
        pfs_record_get_seal(body, &seal, NULL) < 0)
        return r->record[at].transaction;
    return seal.target;
}

/* What cannot be read is said of its part, later. */
static void collect_schemas(struct replay *r)
{
    for (int64_t i = 0; i < r->records; i++) {
        struct pfs_part_begin begin = {0};
        struct pfs_slot *slot;

        if (r->record[i].kind == PFS_JOURNAL_BEGIN && get_begin(r, i, &begin, &slot, NULL) == 0 &&
            begin.schema_json.len > 0)
            r->schema[r->schemas++] = (struct known_schema){slot, begin.schema_hash, begin.schema_json};
    }
}

/* Parts of the table, or all with NULL, wait for the next replay: rows that could not be read now come before them, and
 * would be taken for committed once these are. */
static void let_wait(struct replay *r, const struct pfs_slot *slot)
{
    int64_t kept = 0;

    for (int64_t i = 0; i < r->parts; i++)
        if (slot == NULL || r->part[i]->slot == slot)
            pfs_part_free(r->part[i]);
        else
            r->part[kept++] = r->part[i];
    r->parts = kept;
}

/* Records are sorted by part, so that each is read as a whole whatever lies between. */
static int replay_journal(struct replay *r, struct pfs_err *err)
{
    size_t count = (size_t)r->records;
    const struct pfs_slot **waiting = pfs_arena_array(&r->arena, count, sizeof(*waiting));
    int64_t waitings = 0;
    int rc = 0;

    r->entry = pfs_arena_array(&r->arena, count, sizeof(*r->entry));
    r->schema = pfs_arena_array(&r->arena, count, sizeof(*r->schema));
    r->part = pfs_arena_array(&r->arena, count, sizeof(struct pfs_part *));
    if (r->entry == NULL || r->schema == NULL || r->part == NULL || waiting == NULL)
        return pfs_arena_full(&r->arena, err);
    for (int64_t i = 0; i < r->records; i++)
        r->entry[i] = (struct entry){part_of(r, i), i};
    collect_schemas(r);
    if (count > 0)
        qsort(r->entry, count, sizeof(*r->entry), compare_entries);
    for (int64_t i = 0, end; i < r->records; i = end) {
        struct group g = {.entry = &r->entry[i]};
        struct pfs_err why = {0};

        for (end = i; end < r->records && r->entry[end].part == r->entry[i].part; end++)
            ;
        g.count = end - i;
        rc = read_group(r, &g, &why);
        if (rc < 0) {
            r->source->stays = true;
            if (rc != -EUCLEAN)
                waiting[waitings++] = g.slot;
            if (g.slot != NULL)
                pfs_ingest_report(r->ingest, g.slot, &why);
        }
    }
    for (int64_t i = 0; i < waitings; i++)
        let_wait(r, waiting[i]);
    if (r->parts > 0)
        qsort(r->part, (size_t)r->parts, sizeof(struct pfs_part *), compare_parts);
    push_parts(r);
    return 0;
}

/* ---- all journals ---- */

/* Intents of one journal, at most one a record; those that speak of another journal's parts count as well. */
static int read_intents(struct pfs_foreign *foreign, struct pfs_arena *arena, struct tried *tried, int64_t *count)
{
    int64_t records;
    const struct pfs_journal_record *record = pfs_foreign_records(foreign, &records);

    for (int64_t i = 0; i < records; i++) {
        struct pfs_part_intent intent;
        struct pfs_slice body;

        if (record[i].kind != PFS_JOURNAL_INTENT && record[i].kind != PFS_JOURNAL_PUBLISHED)
            continue;
        PFS_TRY(pfs_foreign_read(foreign, record[i].place, arena, &body, NULL));
        PFS_TRY(pfs_record_get_intent(body, arena, &intent, NULL));
        if (record[i].kind == PFS_JOURNAL_INTENT) {
            tried[(*count)++] = (struct tried){intent, foreign, 0};
            continue;
        }
        for (int64_t k = 0; k < *count; k++)
            if (tried[k].intent.identifier == intent.identifier && strcmp(tried[k].intent.user, intent.user) == 0)
                tried[k].published = intent.seen;
    }
    return 0;
}

static int replay_one(struct pfs_ingest *g, struct pfs_foreign *foreign, struct tried *tried, int64_t *tries,
                      struct pfs_err *err)
{
    struct pfs_source *source = pfs_zalloc(sizeof(*source));
    struct replay r = {.ingest = g, .source = source, .tried = tried, .tries = tries};
    struct pfs_err why = {0};
    int rc;

    if (source == NULL) {
        pfs_foreign_close(foreign, false);
        return pfs_fail(err, ENOMEM, "no memory for a journal");
    }
    if (pfs_foreign_damage(foreign, &why) && g->config.report != NULL)
        g->config.report(g->config.context, NULL, NULL, NULL, &why);
    source->foreign = foreign;
    source->refs = 1;
    r.record = pfs_foreign_records(foreign, &r.records);
    pfs_arena_init(&r.arena, PFS_ARENA_LIMIT);
    rc = replay_journal(&r, err);
    pfs_arena_done(&r.arena);
    source->stays |= rc < 0;
    pfs_source_release(g, source);
    return rc;
}

int pfs_ingest_replay(struct pfs_ingest *ingest, struct pfs_err *err)
{
    struct pfs_foreign **foreign = NULL;
    struct tried *tried;
    struct pfs_arena arena;
    int64_t tries = 0, records = 0;
    int32_t count = 0;
    int rc = 0;

    PFS_TRY(pfs_journal_take(ingest->journal, &foreign, &count, err));
    if (count == 0)
        return 0;
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    for (int32_t i = 0; i < count; i++) {
        int64_t some;

        (void)pfs_foreign_records(foreign[i], &some);
        records += some;
    }
    tried = pfs_arena_array(&arena, (size_t)records, sizeof(*tried));
    if (tried == NULL)
        rc = pfs_arena_full(&arena, err);
    for (int32_t i = 0; rc == 0 && i < count; i++)
        rc = read_intents(foreign[i], &arena, tried, &tries);
    for (int32_t i = 0; i < count; i++) {
        if (rc < 0)
            pfs_foreign_close(foreign[i], false);
        else
            rc = replay_one(ingest, foreign[i], tried, &tries, err);
    }
    pfs_free(foreign);
    pfs_arena_done(&arena);
    return rc;
}
