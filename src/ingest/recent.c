/* recent.c - what a flush acknowledged, kept until its snapshot is there, and asked by key.
 *
 * A flush leaves its record's body with its part; when the part goes to the queue they go to the slot's list, under the
 * part's number in the queue. A commit is done with all up to a number. Those who read hold references.
 */
#include "src/ingest/recent.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "format/text/text.h"
#include "src/ingest/internal.h"
#include "src/merge/engine.h"
#include "src/merge/key.h"
#include "src/table/parts.h"

#define KEPT_MAX ((long long)16 << 20)
#define KEPT_SHARE 8 /* of the budget */
#define LOCK_MOMENT_NS 100000
#define LOCK_MOMENTS 50

struct pfs_recent { /* of one flush */
    struct pfs_recent *next;
    struct pfs_ingest *ingest;
    struct pfs_piece *piece;
    const struct pfs_schema *schema;
    struct pfs_buf body; /* the record's */
    atomic_int refs;
    int64_t part; /* its part's number in the queue; 0 = it is not there yet. Guarded by ingest.lock, as the next */
    bool alone;
    pthread_mutex_t lock; /* guards the next, whose content is only read when it is there */
    bool unpacked;
    size_t bytes; /* counted */
    int32_t helds;
    struct pfs_held *held;
    struct pfs_keys *keys;  /* of each */
    struct pfs_arena arena; /* of the keys */
};

/* ---- keeping ---- */

/* What unpacking made of the record; its body stays. */
static void forget_rows(struct pfs_recent *r)
{
    for (int32_t i = 0; i < r->helds; i++)
        pfs_arena_done(&r->held[i].arena);
    pfs_arena_done(&r->arena);
    pfs_free(r->held);
    pfs_free(r->keys);
    r->held = NULL;
    r->keys = NULL;
    r->helds = 0;
}

static void release(struct pfs_recent *r)
{
    int before = atomic_fetch_sub(&r->refs, 1);

    assert(before > 0);
    if (before > 1)
        return;
    forget_rows(r);
    atomic_fetch_sub(&r->ingest->recent_bytes, (long long)r->bytes);
    pthread_mutex_destroy(&r->lock);
    pfs_piece_release(r->piece);
    pfs_buf_done(&r->body);
    pfs_free(r);
}

void pfs_recent_drop(struct pfs_recent *list)
{
    while (list != NULL) {
        struct pfs_recent *next = list->next;

        release(list);
        list = next;
    }
}

/* Counts them, if there is room. */
static bool take_room(struct pfs_recent *r, size_t bytes)
{
    long long most = (long long)(r->ingest->config.memory_bytes / KEPT_SHARE);

    if (atomic_fetch_add(&r->ingest->recent_bytes, (long long)bytes) + (long long)bytes >
        (most < KEPT_MAX ? most : KEPT_MAX)) {
        atomic_fetch_sub(&r->ingest->recent_bytes, (long long)bytes);
        return false;
    }
    r->bytes += bytes;
    return true;
}

void pfs_recent_keep(struct pfs_transaction *t, struct pfs_buf *body)
{
    struct pfs_part *part = t->part;
    struct pfs_recent *r;

    assert(part != NULL);
    assert(part->pieces > 0);
    assert(t->tail.len == 0);
    if (t->schema->primary_keys == 0 || t->overwrite != NULL || (r = pfs_zalloc(sizeof(*r))) == NULL)
        return;
    r->ingest = t->ingest;
    if (!take_room(r, sizeof(*r) + body->len)) {
        pfs_free(r);
        return;
    }
    pthread_mutex_init(&r->lock, NULL);
    pfs_arena_init_small(&r->arena, PFS_ARENA_LIMIT);
    atomic_init(&r->refs, 1);
    r->schema = t->schema;
    r->piece = t->newest;
    atomic_fetch_add(&r->piece->refs, 1);
    r->body = *body;
    *body = (struct pfs_buf){0};
    *part->recent_last = r;
    part->recent_last = &r->next;
    part->kept++;
}

/* All that counts of the part is in memory, and nothing of it is replaced or still open. */
static bool is_kept(const struct pfs_part *part)
{
    return part->kept == part->pieces && !part->tail && part->overwrite == NULL;
}

/* Where some of the part is elsewhere no look at a key can be answered without a commit. */
void pfs_recent_push(struct pfs_slot *slot, struct pfs_part *part)
{
    assert(part->slot == slot);
    assert(part->kept <= part->pieces);
    if (!is_kept(part))
        slot->unkept = slot->pushed;
    for (struct pfs_recent *r = part->recent; r != NULL; r = r->next) {
        r->part = slot->pushed;
        r->alone = part->alone;
    }
    if (part->recent != NULL) {
        *slot->recent_last = part->recent;
        slot->recent_last = part->recent_last;
    }
    part->recent = NULL;
    part->recent_last = &part->recent;
    part->kept = 0; /* whoever puts it back has none */
}

struct pfs_recent *pfs_recent_pop(struct pfs_slot *slot)
{
    struct pfs_recent *first = slot->recent, **at = &slot->recent;

    while (*at != NULL && (*at)->part <= slot->popped)
        at = &(*at)->next;
    if (at == &slot->recent)
        return NULL;
    slot->recent = *at;
    *at = NULL;
    if (slot->recent == NULL)
        slot->recent_last = &slot->recent;
    return first;
}

/* ---- finding ---- */

struct listed {
    struct pfs_recent *recent; /* a reference */
    int64_t part;              /* as it was then, as `alone` */
    bool alone;
};

struct hit {
    struct listed in;
    int32_t held, row;
};

struct list {
    struct listed *at;
    size_t count, room;
};

struct pfs_recent_rows {
    struct pfs_ingest *ingest;
    struct pfs_slot *slot;
    const struct pfs_schema *schema;
    int64_t popped;   /* the slot's, when they were listed */
    struct list list; /* in the order of the queue, then that of open handles */
    struct hit *hit;  /* in the order of `list`; sorted: as they will be committed */
    size_t hits, room;
};

static void list_done(struct list *list)
{
    for (size_t i = 0; i < list->count; i++)
        release(list->at[i].recent);
    pfs_free(list->at);
    *list = (struct list){0};
}

void pfs_recent_close(struct pfs_recent_rows *rows)
{
    if (rows == NULL)
        return;
    list_done(&rows->list);
    pfs_free(rows->hit);
    pfs_free(rows);
}

static int no_memory(struct pfs_err *err)
{
    return pfs_fail(err, ENOMEM, "no memory for the rows of a key");
}

static int take(struct list *list, struct listed listed, struct pfs_err *err)
{
    assert(list->count <= list->room);
    if (list->count == list->room) {
        size_t room = list->room == 0 ? 16 : 2 * list->room;
        struct listed *more = pfs_realloc(list->at, room * sizeof(*more));

        if (more == NULL)
            return no_memory(err);
        list->at = more;
        list->room = room;
    }
    atomic_fetch_add(&listed.recent->refs, 1);
    list->at[list->count++] = listed;
    return 0;
}

/* Each batch with the keys of its rows, both counted before they are kept. */
static int hold(void *context, struct pfs_arena *arena, const struct pfs_batch *batch, struct pfs_err *err)
{
    struct pfs_recent *r = context;
    struct pfs_held *held;
    struct pfs_keys *keys;
    size_t before;

    if (!take_room(r, arena->used_bytes))
        return -EAGAIN;
    held = pfs_realloc(r->held, ((size_t)r->helds + 1) * sizeof(*held));
    if (held == NULL)
        return no_memory(err);
    r->held = held;
    keys = pfs_realloc(r->keys, ((size_t)r->helds + 1) * sizeof(*keys));
    if (keys == NULL)
        return no_memory(err);
    r->keys = keys;
    before = r->arena.used_bytes;
    PFS_TRY(pfs_keys_of(batch, r->schema->primary_key, r->schema->primary_keys, &r->arena, &keys[r->helds], err));
    if (!take_room(r, r->arena.used_bytes - before))
        return -EAGAIN;
    held[r->helds++] = (struct pfs_held){*arena, *batch};
    pfs_arena_init(arena, arena->limit_bytes);
    return 0;
}

/* Its rows and their keys, unpacked when somebody first asks. Bare -EAGAIN: there is no room. */
static int unpack(struct pfs_recent *r, struct pfs_err *err)
{
    int rc = 0;

    pthread_mutex_lock(&r->lock);
    if (!r->unpacked) {
        size_t before = r->bytes;

        rc = pfs_body_rows(r->schema, pfs_buf_slice(&r->body), false, hold, r, err);
        r->unpacked = rc == 0;
        if (rc < 0) {
            forget_rows(r);
            atomic_fetch_sub(&r->ingest->recent_bytes, (long long)(r->bytes - before));
            r->bytes = before;
        }
    }
    pthread_mutex_unlock(&r->lock);
    return rc;
}

static int add_hit(struct pfs_recent_rows *rows, struct hit hit, struct pfs_err *err)
{
    assert(rows->hits <= rows->room);
    if (rows->hits == rows->room) {
        size_t room = rows->room == 0 ? 8 : 2 * rows->room;
        struct hit *more = pfs_realloc(rows->hit, room * sizeof(*more));

        if (more == NULL)
            return no_memory(err);
        rows->hit = more;
        rows->room = room;
    }
    rows->hit[rows->hits++] = hit;
    return 0;
}

/* Those of the key among the rows of one flush. Of one that no sync has answered for yet the answer is waited for: rows
 * that were flushed before others show up before them. */
static int look(struct pfs_recent_rows *rows, struct listed in, const struct pfs_keys *key, struct pfs_err *err)
{
    struct pfs_recent *r = in.recent;
    size_t before = rows->hits;

    if (r->schema->id != rows->schema->id || r->schema->time_ms != rows->schema->time_ms)
        return -EAGAIN;
    PFS_TRY(unpack(r, err));
    for (int32_t i = 0; i < r->helds; i++) {
        const struct pfs_keys *keys = &r->keys[i];

        for (int64_t k = 0; k < r->held[i].batch.rows; k++)
            if (keys->prefix[k] == key->prefix[0] && pfs_keys_compare(keys, k, key, 0) == 0)
                PFS_TRY(add_hit(rows, (struct hit){in, i, (int32_t)k}, err));
    }
    return rows->hits > before && atomic_load(&r->piece->state) != PFS_PIECE_DURABLE ? -EINPROGRESS : 0;
}

static int look_at_all(struct pfs_recent_rows *rows, const struct list *list, const struct pfs_keys *key,
                       struct pfs_err *err)
{
    for (size_t i = 0; i < list->count; i++)
        PFS_TRY(look(rows, list->at[i], key, err));
    return 0;
}

/* A flush of few rows lets it go at once; one that writes files does not. */
static bool lock_soon(struct pfs_transaction *t)
{
    const struct timespec moment = {.tv_nsec = LOCK_MOMENT_NS};
    bool locked = pthread_mutex_trylock(&t->lock) == 0;

    for (int i = 0; i < LOCK_MOMENTS && !locked; i++) {
        (void)nanosleep(&moment, NULL);
        locked = pthread_mutex_trylock(&t->lock) == 0;
    }
    return locked;
}

/* What a handle has flushed. Of `append` it may be committed any time; of others it is when they are sealed, which
 * whoever looks for such a key had better wait for. */
static int list_open(struct pfs_recent_rows *rows, struct pfs_transaction *t, const struct pfs_keys *key,
                     struct list *open, struct pfs_err *err)
{
    struct list list = {0}, *to = t->append ? open : &list;
    int rc = 0;

    if (!lock_soon(t))
        return -EAGAIN;
    if (t->part != NULL && t->part->pieces > 0 && !is_kept(t->part))
        rc = -EAGAIN;
    for (struct pfs_recent *r = t->part == NULL ? NULL : t->part->recent; r != NULL && rc == 0; r = r->next)
        rc = take(to, (struct listed){.recent = r}, err);
    pthread_mutex_unlock(&t->lock);
    if (rc == 0)
        rc = look_at_all(rows, &list, key, err);
    list_done(&list);
    return rc < 0 ? rc : rows->hits > 0 ? -EINPROGRESS : 0;
}

/* What the queue has and what is being committed; then what open handles had, unless it was handed over meanwhile. */
static int list_queue(struct pfs_recent_rows *rows, const struct list *open, struct pfs_err *err)
{
    struct pfs_slot *slot = rows->slot;
    int rc = 0;

    pthread_mutex_lock(&rows->ingest->lock);
    rows->popped = slot->popped;
    if (slot->unkept > slot->popped || slot->overwrites > 0 || slot->lost)
        rc = -EAGAIN;
    for (struct pfs_recent *r = slot->recent; r != NULL && rc == 0; r = r->next)
        rc = take(&rows->list, (struct listed){r, r->part, r->alone}, err);
    for (size_t i = 0; i < open->count && rc == 0; i++)
        if (open->at[i].recent->part == 0)
            rc = take(&rows->list, open->at[i], err);
    pthread_mutex_unlock(&rows->ingest->lock);
    return rc;
}

/* Open handles first: what one hands over in between is in the queue when that is looked at. */
static int list_rows(struct pfs_recent_rows *rows, const struct pfs_keys *key, struct pfs_err *err)
{
    struct list open = {0};
    size_t count;
    struct pfs_transaction **t = pfs_slot_list_open(rows->slot, &count);
    int rc = 0;

    for (size_t i = 0; i < count; i++) {
        if (rc == 0)
            rc = list_open(rows, t[i], key, &open, err);
        pfs_transaction_unref(t[i]);
    }
    pfs_free(t);
    if (rc == 0)
        rc = list_queue(rows, &open, err);
    list_done(&open);
    return rc < 0 ? rc : look_at_all(rows, &rows->list, key, err);
}

/* Tables whose rows a commit alone does not show as its merge has them. */
static bool is_plain(const struct pfs_schema *schema)
{
    return schema->engine != PFS_FIRST_ROW && !schema->deletion_vectors && schema->buckets != PFS_POSTPONE_BUCKET &&
           pfs_options_get(&schema->options, "record-level.expire-time") == NULL;
}

static int find(struct pfs_recent_rows *rows, const struct pfs_column *key, struct pfs_err *err)
{
    struct pfs_batch batch = {1, rows->schema->primary_keys, (struct pfs_column *)(uintptr_t)key};
    int32_t *place;
    struct pfs_keys keys;
    struct pfs_arena arena;
    int rc = 0;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    place = pfs_arena_array(&arena, (size_t)batch.columns, sizeof(*place));
    if (place == NULL)
        rc = pfs_arena_full(&arena, err);
    for (int32_t i = 0; i < batch.columns && rc == 0; i++)
        place[i] = i;
    if (rc == 0)
        rc = pfs_keys_of(&batch, place, batch.columns, &arena, &keys, err);
    if (rc == 0)
        rc = list_rows(rows, &keys, err);
    pfs_arena_done(&arena);
    return rc < 0 || rows->hits == 0 || is_plain(rows->schema) ? rc : -EAGAIN;
}

int pfs_recent_find(struct pfs_ingest *ingest, struct pfs_table *table, const struct pfs_schema *schema,
                    const struct pfs_column *key, struct pfs_recent_rows **out, struct pfs_err *err)
{
    struct pfs_recent_rows *rows;
    struct pfs_slot *slot = pfs_slot_find(ingest, table);
    int rc;

    assert(schema->primary_keys > 0);
    *out = NULL;
    if (slot == NULL)
        return 0;
    rows = pfs_zalloc(sizeof(*rows));
    if (rows == NULL)
        return no_memory(err);
    rows->ingest = ingest;
    rows->slot = slot;
    rows->schema = schema;
    rc = find(rows, key, err);
    if (rc == 0 && rows->hits > 0)
        *out = rows;
    else
        pfs_recent_close(rows);
    return rc;
}

/* Nothing was committed since, and no attempt may have become the snapshot that is asked about. */
bool pfs_recent_fits(const struct pfs_recent_rows *rows, int64_t snapshot)
{
    bool fits;

    pthread_mutex_lock(&rows->ingest->lock);
    fits = rows->slot->popped == rows->popped && (!rows->slot->attempted || snapshot <= rows->slot->attempted_after);
    pthread_mutex_unlock(&rows->ingest->lock);
    return fits;
}

/* ---- merging ---- */

struct merging {
    const struct pfs_recent_rows *rows;
    const struct pfs_engine *engine;
    bool forgets;
    struct pfs_arena *arena;
    const struct pfs_batch **source; /* key-value batches of one row: of the state, then of each commit */
    int32_t sources;
};

/* Key-value batches have a number beside each row: that of its commit, or its place in it. */
static int widen(struct merging *m, const struct pfs_batch *in, const int8_t *kinds, int64_t first,
                 struct pfs_batch *out, struct pfs_err *err)
{
    static const struct pfs_type number = {.kind = PFS_BIGINT}, kind = {.kind = PFS_TINYINT};
    int32_t columns = m->rows->schema->columns;
    struct pfs_column *column = pfs_arena_array(m->arena, (size_t)columns + 2, sizeof(*column));
    int64_t *numbers = pfs_arena_array(m->arena, (size_t)in->rows, sizeof(*numbers));

    if (column == NULL || numbers == NULL)
        return pfs_arena_full(m->arena, err);
    memcpy(column, in->column, (size_t)columns * sizeof(*column));
    for (int64_t i = 0; i < in->rows; i++)
        numbers[i] = first + i;
    column[columns] = (struct pfs_column){.type = &number, .values = numbers};
    column[columns + 1] = (struct pfs_column){.type = &kind, .values = kinds};
    *out = (struct pfs_batch){in->rows, columns + 2, column};
    return 0;
}

/* One group of all rows of the batches, in order. */
static int fold(const struct merging *m, const struct pfs_batch *const *source, int32_t sources, bool flush, bool alone,
                struct pfs_batch *out, struct pfs_err *err)
{
    int64_t start[2] = {0};
    struct pfs_record *record;

    for (int32_t i = 0; i < sources; i++)
        start[1] += source[i]->rows;
    record = pfs_arena_array(m->arena, (size_t)start[1], sizeof(*record));
    if (record == NULL)
        return pfs_arena_full(m->arena, err);
    start[1] = 0;
    for (int32_t i = 0; i < sources; i++)
        for (int32_t k = 0; k < source[i]->rows; k++)
            record[start[1]++] = (struct pfs_record){i, k};
    return pfs_engine_merge(m->engine,
                            &(struct pfs_groups){.source = source,
                                                 .sources = sources,
                                                 .groups = 1,
                                                 .start = start,
                                                 .record = record,
                                                 .alone = alone,
                                                 .flush = flush},
                            m->arena, out, err);
}

/* The rows as a write takes them. */
static int gather(struct merging *m, const struct hit *hit, size_t hits, struct pfs_batch *out, struct pfs_err *err)
{
    int32_t columns = m->rows->schema->columns + 1;
    const struct pfs_batch **source = pfs_arena_array(m->arena, hits, sizeof(*source));
    struct pfs_range *range = pfs_arena_array(m->arena, hits, sizeof(*range));
    struct pfs_column *column = pfs_arena_array(m->arena, (size_t)columns, sizeof(*column));
    struct pfs_batch batch = {(int64_t)hits, columns, column};

    assert(hits > 0);
    if (source == NULL || range == NULL || column == NULL)
        return pfs_arena_full(m->arena, err);
    for (size_t i = 0; i < hits; i++) {
        source[i] = &hit[i].in.recent->held[hit[i].held].batch;
        range[i] = (struct pfs_range){(int32_t)i, hit[i].row, 1};
    }
    for (int32_t i = 0; i < columns; i++)
        PFS_TRY(pfs_column_gather(source, i, range, (int64_t)hits, (int64_t)hits, m->arena, &column[i], err));
    return pfs_write_gate(m->rows->schema, &batch, m->arena, out, err);
}

/* The rows of one commit become the row of its file. */
static int add_commit(struct merging *m, const struct hit *hit, size_t hits, struct pfs_err *err)
{
    int64_t number = m->sources;
    struct pfs_batch *one = pfs_arena_zalloc(m->arena, sizeof(*one)), rows, wide;
    const struct pfs_batch *source = &wide;
    const int8_t *kinds;

    if (one == NULL)
        return pfs_arena_full(m->arena, err);
    PFS_TRY(gather(m, hit, hits, &rows, err));
    if (rows.rows == 0)
        return 0;
    kinds = rows.column[rows.columns - 1].values;
    for (int64_t i = 0; i < rows.rows && m->forgets; i++)
        if (kinds[i] == PFS_DELETE || kinds[i] == PFS_UPDATE_BEFORE)
            return -EAGAIN;
    /* First as a write merges what one commit brings of a key, numbered by its place in it; the result then counts as
     * one record of the commit, as it does in the file of level 0. */
    PFS_TRY(widen(m, &rows, kinds, 0, &wide, err));
    PFS_TRY(fold(m, &source, 1, true, false, one, err));
    PFS_TRY(widen(m, one, one->column[one->columns - 1].values, number, one, err));
    m->source[m->sources++] = one;
    return 0;
}

/* As they will lie in one snapshot: in the order of the journal, then of the record. */
static int compare_hits(const void *a, const void *b)
{
    const struct hit *x = a, *y = b;
    struct pfs_place_in_journal p = x->in.recent->piece->place, q = y->in.recent->piece->place;

    if (p.segment != q.segment)
        return p.segment < q.segment ? -1 : 1;
    if (p.at != q.at)
        return p.at < q.at ? -1 : 1;
    return x->held != y->held ? x->held - y->held : x->row - y->row;
}

/* Parts that may be in one snapshot are, and their rows are in the order of the journal. Should the commit cut them in
 * two the row of the key is the same: engines for which it would not be are asked apart (see `alone`). */
static int add_commits(struct merging *m, struct pfs_err *err)
{
    struct hit *hit = m->rows->hit;
    size_t to;

    for (size_t from = 0; from < m->rows->hits; from = to) {
        const struct listed *first = &hit[from].in;

        for (to = from + 1; to < m->rows->hits; to++)
            if (hit[to].in.part != first->part && (first->alone || hit[to].in.alone))
                break;
        qsort(hit + from, to - from, sizeof(*hit), compare_hits);
        PFS_TRY(add_commit(m, hit + from, to - from, err));
    }
    return 0;
}

/* Where there is no row a delete may lie in the files. Does it count on? By the order that columns give, or as a value
 * that was taken back. */
static bool counts_deletes(const struct pfs_schema *schema)
{
    bool ordered = schema->engine == PFS_AGGREGATION || pfs_options_get(&schema->options, "sequence.field") != NULL;

    for (int32_t i = 0; i < schema->options.count && !ordered; i++) {
        const char *key = schema->options.item[i].key;
        size_t len = strlen(key), end = sizeof(".sequence-group") - 1;

        ordered = len > end && strcmp(key + len - end, ".sequence-group") == 0;
    }
    return ordered;
}

/* The state's row is the oldest record, then each commit's. */
static int merge(struct merging *m, const struct pfs_batch *base, struct pfs_batch *out, struct pfs_err *err)
{
    static const int8_t insert[] = {PFS_INSERT};
    const struct pfs_schema *schema = m->rows->schema;
    bool alone = schema->lookup_mode && !schema->write_only;
    struct pfs_batch wide, merged;

    m->source = pfs_arena_array(m->arena, m->rows->hits + 1, sizeof(*m->source));
    if (m->source == NULL)
        return pfs_arena_full(m->arena, err);
    assert(base->rows <= 1);
    assert(base->columns == schema->columns);
    if (base->rows == 0 && counts_deletes(schema))
        return -EAGAIN;
    if (base->rows > 0) {
        PFS_TRY(widen(m, base, insert, 0, &wide, err));
        m->source[m->sources++] = &wide;
    }
    PFS_TRY(add_commits(m, err));
    assert((size_t)m->sources <= m->rows->hits + 1);
    if (m->sources == 0) {
        *out = (struct pfs_batch){0, schema->columns, base->column};
        return 0;
    }
    PFS_TRY(fold(m, m->source, m->sources, false, alone, &merged, err));
    PFS_TRY(pfs_engine_drop_deletes(&merged, m->arena, out, err));
    out->columns = schema->columns;
    return 0;
}

int pfs_recent_merge(const struct pfs_recent_rows *rows, const struct pfs_batch *base, struct pfs_arena *arena,
                     struct pfs_batch *out, struct pfs_err *err)
{
    const struct pfs_schema *schema = rows->schema;
    struct merging m = {.rows = rows, .arena = arena};
    int32_t *column = pfs_arena_array(arena, (size_t)schema->columns, sizeof(*column));
    struct pfs_engine *engine;
    int rc;

    if (column == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < schema->columns; i++)
        column[i] = i;
    PFS_TRY(pfs_engine_forgets(schema, &m.forgets, err));
    PFS_TRY(pfs_engine_open(schema, column, schema->columns, &engine, err));
    m.engine = engine;
    rc = merge(&m, base, out, err);
    pfs_engine_close(engine);
    if (rc == -EINVAL) { /* rows that the engine refuses: what becomes of them the commit says */
        pfs_err_clear(err);
        return -EAGAIN;
    }
    return rc;
}
