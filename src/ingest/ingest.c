/* ingest.c - the queues of all tables, and who empties them: a worker when somebody asks, the background thread when a
 * moment has passed.
 *
 *   push -> [first ... last] -> pop_group -> commit -> popped, or back to the front
 *
 * One run a table at a time (`running`), which alone takes parts off and publishes; whoever comes meanwhile sets
 * `again`. A part counts in `pushed` from its push and in `popped` once it is published, so that a waiter knows by one
 * number when all that it asked for is there; a part that comes back, since its snapshot was replaced, counts no more.
 */
#include "src/ingest/ingest.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/uuid.h"
#include "src/caretaker/caretaker.h"
#include "src/ingest/internal.h"
#include "src/table/parts.h"

#define MEMORY_DEFAULT ((size_t)256 << 20)
#define COMMIT_INTERVAL_MS 10000
#define IDLE_MS 5000
#define READER_TICK_MS 500 /* readers commit at most twice a second, after a few that came seldom */
#define READER_BURST 4
#define RETRY_MIN_MS 100
#define RETRY_MAX_MS 30000
#define ALONE_SOON 8      /* so many snapshots to come are begun with before the interval is over */
#define ALONE_MAX_MS 2000 /* when more of them will take so long writers are held: readers wait for all of them */
#define HELD_MAX_MS 10000
#define HELD_LOOK_MS 20
#define JOURNAL_BYTES_MAX ((uint64_t)3 << 30) /* before the journal's own limit fails a flush */

/* ---- slots ---- */

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static struct pfs_slot *find_slot(struct pfs_ingest *g, const struct pfs_part_name *name)
{
    struct pfs_slot *s;

    for (s = g->slots; s != NULL; s = s->next)
        if (same_text(s->database, name->database) && same_text(s->table_name, name->table) &&
            same_text(s->branch, name->branch))
            break;
    return s;
}

static void slot_free(struct pfs_slot *s)
{
    pfs_free(s->database);
    pfs_free(s->table_name);
    pfs_free(s->branch);
    pfs_recent_drop(s->recent);
    pfs_free(s);
}

/* Slots are few, one a table that was written to, and stay until the end. */
static struct pfs_slot *slot_new(struct pfs_ingest *g, const struct pfs_part_name *name)
{
    struct pfs_slot *s = pfs_zalloc(sizeof(*s));

    if (s == NULL)
        return NULL;
    s->ingest = g;
    s->last = &s->first;
    s->recent_last = &s->recent;
    s->schema_segment = -1;
    s->database = pfs_strdup(name->database);
    s->table_name = pfs_strdup(name->table);
    s->branch = name->branch == NULL ? NULL : pfs_strdup(name->branch);
    if (s->database == NULL || s->table_name == NULL || (name->branch != NULL && s->branch == NULL)) {
        slot_free(s);
        return NULL;
    }
    return s;
}

int pfs_slot_get(struct pfs_ingest *ingest, const struct pfs_part_name *name, struct pfs_slot **out,
                 struct pfs_err *err)
{
    struct pfs_slot *s;

    assert(name->database != NULL);
    assert(name->table != NULL);
    pthread_mutex_lock(&ingest->lock);
    s = find_slot(ingest, name);
    if (s == NULL && (s = slot_new(ingest, name)) != NULL) {
        s->next = ingest->slots;
        ingest->slots = s;
    }
    pthread_mutex_unlock(&ingest->lock);
    *out = s;
    return s == NULL ? pfs_fail(err, ENOMEM, "no memory for the rows of %s", name->table) : 0;
}

static struct pfs_part_name name_of(const struct pfs_table *table)
{
    return (struct pfs_part_name){pfs_table_database(table), pfs_table_name(table), pfs_table_branch(table)};
}

/* A table is read with its branches in view (scan.fallback-branch): what waits for them waits for it. */
bool pfs_slot_concerns(const struct pfs_slot *slot, const struct pfs_table *table)
{
    const struct pfs_part_name name = name_of(table);

    return same_text(slot->database, name.database) && same_text(slot->table_name, name.table) &&
           (name.branch == NULL || same_text(slot->branch, name.branch));
}

struct pfs_slot *pfs_slot_find(struct pfs_ingest *ingest, struct pfs_table *table)
{
    const struct pfs_part_name name = name_of(table);
    struct pfs_slot *slot;

    pthread_mutex_lock(&ingest->lock);
    slot = find_slot(ingest, &name);
    pthread_mutex_unlock(&ingest->lock);
    return slot;
}

void pfs_slot_note_rows(struct pfs_slot *slot, int64_t rows, int64_t bytes)
{
    slot->rows += rows;
    slot->bytes += bytes;
}

void pfs_ingest_report(struct pfs_ingest *ingest, const struct pfs_slot *slot, const struct pfs_err *why)
{
    if (ingest->config.report != NULL)
        ingest->config.report(ingest->config.context, slot->database, slot->table_name, slot->branch, why);
}

/* ---- when ---- */

/* 0 is never. */
static int64_t earlier(int64_t a, int64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/* When the slot wants a run next; 0 = never, as it stands. Lock held. */
static int64_t due_ms(const struct pfs_slot *slot)
{
    const struct pfs_ingest_config *c = &slot->ingest->config;
    int64_t flushed_ms = pfs_slot_flushed_ms(slot), at = 0;

    if (slot->running)
        return 0;
    if (slot->first != NULL)
        at = slot->retry_ms != 0          ? slot->retry_ms
             : slot->alones >= ALONE_SOON ? slot->waiting_since_ms
                                          : slot->waiting_since_ms + c->commit_interval_ms;
    if (flushed_ms != 0)
        at = earlier(at, flushed_ms + c->idle_ms);
    at = earlier(at, pfs_slot_fresh_ms(slot));
    at = earlier(at, slot->tick_ms);
    if (slot->publications != NULL)
        at = earlier(at, (slot->ran_ms > slot->publications->made_ms ? slot->ran_ms : slot->publications->made_ms) +
                             c->commit_interval_ms);
    return at;
}

/* Only when it is sooner than planned: a signal for each flush would wake the thread for nothing. */
void pfs_ingest_want(struct pfs_ingest *ingest, int64_t at_ms)
{
    if (!ingest->has_thread || ingest->wakes_ms <= at_ms)
        return;
    ingest->wakes_ms = at_ms;
    pthread_cond_signal(&ingest->sooner);
}

static void want_due(struct pfs_slot *slot)
{
    int64_t at = due_ms(slot);

    if (at != 0)
        pfs_ingest_want(slot->ingest, at);
}

void pfs_slot_push(struct pfs_slot *slot, struct pfs_part *part)
{
    assert(part->slot == slot);
    assert(part->pieces > 0);
    part->next = NULL;
    *slot->last = part;
    slot->last = &part->next;
    slot->pushed++;
    pfs_recent_push(slot, part);
    slot->alones += part->alone;
    slot->overwrites += part->overwrite != NULL;
    if (slot->waiting_since_ms == 0)
        slot->waiting_since_ms = pfs_clock_monotonic_ms();
    want_due(slot);
}

/* ---- runs ---- */

/* May `next` be in the same snapshot? */
static bool goes_with(const struct pfs_part *first, const struct pfs_part *next)
{
    return next != NULL && !first->alone && !next->alone && first->source == next->source &&
           first->group == next->group;
}

static bool lies_before(struct pfs_place_in_journal a, struct pfs_place_in_journal b)
{
    return a.segment != b.segment ? a.segment < b.segment : a.at < b.at;
}

/* The last part from `rest` on with a record before one of [first, rest): handles that are open at the same time may be
 * flushed in turns, and rows of one snapshot alone are in the order of flushes. NULL: there is none. */
static struct pfs_part *last_entangled(const struct pfs_part *first, struct pfs_part *rest)
{
    struct pfs_place_in_journal end = {0};
    struct pfs_part *last = NULL;

    for (const struct pfs_part *p = first; p != rest; p = p->next)
        if (p->pieces > 0 && lies_before(end, p->piece[p->pieces - 1]->place))
            end = p->piece[p->pieces - 1]->place;
    for (struct pfs_part *p = rest; goes_with(first, p); p = p->next)
        if (p->pieces > 0 && lies_before(p->piece[0]->place, end))
            last = p;
    return last;
}

/* The last part of the snapshot that begins with `first`: those that were tried together stay together. */
static struct pfs_part *last_of_group(struct pfs_part *first)
{
    struct pfs_part *last = first, *until = NULL;
    int64_t bytes = first->bytes;

    while (goes_with(first, last->next)) {
        bool fits = first->group != 0 || bytes + last->next->bytes <= PFS_GROUP_BYTES_MAX;

        if (!fits && (until == NULL || last == until)) {
            until = last_entangled(first, last->next);
            if (until == NULL)
                break;
        }
        last = last->next;
        bytes += last->bytes;
    }
    return last;
}

/* Takes from the front of the queue what makes one snapshot. Lock held. */
static struct pfs_part *pop_group(struct pfs_slot *slot)
{
    struct pfs_part *first = slot->first, *last;

    assert(slot->running);
    if (first == NULL)
        return NULL;
    last = last_of_group(first);
    slot->first = last->next;
    if (slot->first == NULL)
        slot->last = &slot->first;
    last->next = NULL;
    slot->alones -= first->alone;
    assert(slot->alones >= 0);
    return first;
}

/* Puts a group back to the front. Lock held. */
static void push_back(struct pfs_slot *slot, struct pfs_part *parts)
{
    struct pfs_part *last = parts;

    /* Whether they go alone may have changed since they were taken off: they are counted as they are now. */
    slot->alones += last->alone;
    while (last->next != NULL) {
        last = last->next;
        slot->alones += last->alone;
    }
    last->next = slot->first;
    if (slot->first == NULL)
        slot->last = &last->next;
    slot->first = parts;
}

void pfs_slot_return(struct pfs_slot *slot, struct pfs_part *parts)
{
    for (const struct pfs_part *p = parts; p != NULL; p = p->next) {
        pfs_slot_note_rows(slot, p->rows, p->bytes);
        slot->overwrites += p->overwrite != NULL;
        slot->popped--;
    }
    assert(slot->popped >= 0);
    push_back(slot, parts);
    slot->unkept = slot->pushed;
    if (slot->waiting_since_ms == 0)
        slot->waiting_since_ms = pfs_clock_monotonic_ms();
    want_due(slot);
}

/* Takes off those whose parts are done (rc 0: up to what was popped; else all). Lock held. */
static struct pfs_committing *take_waiters(struct pfs_slot *slot, bool all)
{
    struct pfs_committing *taken = NULL, **at = &slot->waiters;

    while (*at != NULL) {
        struct pfs_committing *w = *at;

        if (all || w->pushed <= slot->popped) {
            *at = w->next;
            w->next = taken;
            taken = w;
        } else {
            at = &w->next;
        }
    }
    return taken;
}

/* Without the lock: who is told may ask for another commit. */
static void answer(struct pfs_committing *waiters, int rc, const struct pfs_err *err)
{
    while (waiters != NULL) {
        struct pfs_committing *w = waiters;

        waiters = w->next;
        w->done(w->context, rc, err);
        pfs_free(w);
    }
}

/* Before the commit: the parts may be gone after it. */
static int64_t count_parts(const struct pfs_part *parts, int64_t *rows, int64_t *bytes)
{
    int64_t count = 0;

    *rows = *bytes = 0;
    for (; parts != NULL; parts = parts->next) {
        count++;
        *rows += parts->rows;
        *bytes += parts->bytes;
    }
    return count;
}

/* Twice as long each time, up to half a minute. */
static int64_t retry_wait_ms(int32_t failures)
{
    int64_t ms = (int64_t)RETRY_MIN_MS << (failures < 10 ? failures : 10);

    assert(failures >= 0);
    return ms < RETRY_MAX_MS ? ms : RETRY_MAX_MS;
}

/* Lock held on entry and exit, not in between. */
static int run_group(struct pfs_slot *slot, struct pfs_part *parts, struct pfs_err *err)
{
    struct pfs_ingest *g = slot->ingest;
    int64_t rows, bytes, count = count_parts(parts, &rows, &bytes);
    const int64_t overwrites = parts->overwrite != NULL; /* one that is by itself */
    struct pfs_committing *waiters;
    struct pfs_recent *done;
    int rc;

    pthread_mutex_unlock(&g->lock);
    rc = pfs_slot_commit(slot, parts, err);
    if (rc == -EAGAIN && err->code == 0) { /* no failure: they come one by one, or behind what was replaced */
        pthread_mutex_lock(&g->lock);
        push_back(slot, parts);
        pthread_mutex_unlock(&g->lock);
        (void)pfs_slot_check(slot, false);
        pthread_mutex_lock(&g->lock);
        return 0;
    }
    if (rc < 0 && err->code == 0)
        (void)pfs_fail(err, -rc, "%s", pfs_errno_text(-rc));
    if (rc < 0)
        pfs_ingest_report(g, slot, err);
    pthread_mutex_lock(&g->lock);
    slot->attempted = false;
    if (rc == 0) {
        slot->popped += count;
        slot->overwrites -= overwrites;
        slot->rows -= rows;
        slot->bytes -= bytes;
        slot->failures = 0;
        slot->retry_ms = 0;
        waiters = take_waiters(slot, false);
        assert(slot->popped <= slot->pushed);
        assert(slot->overwrites >= 0);
        assert(slot->rows >= 0);
        assert(slot->bytes >= 0);
    } else {
        push_back(slot, parts);
        slot->unkept = slot->pushed; /* it may be published after all */
        slot->retry_ms = pfs_clock_monotonic_ms() + retry_wait_ms(slot->failures++);
        waiters = take_waiters(slot, true);
    }
    done = pfs_recent_pop(slot);
    pthread_mutex_unlock(&g->lock);
    pfs_recent_drop(done);
    answer(waiters, rc, err);
    pthread_mutex_lock(&g->lock);
    return rc;
}

/* Lets the table go when nothing of it is under way. Lock held. */
static struct pfs_table *rest(struct pfs_slot *slot)
{
    struct pfs_table *table = slot->table;

    assert(slot->running); /* who runs the slot uses its table without the lock */
    if (slot->first != NULL || slot->transactions != NULL || slot->publications != NULL || slot->waiters != NULL)
        return NULL;
    slot->table = NULL;
    return table;
}

/* Do the commits wait until a bucket of the table is compacted? Not for ever, and not while somebody waits for them.
 * Lock held. */
static bool is_held(struct pfs_slot *slot)
{
    const struct pfs_ingest *g = slot->ingest;
    int64_t now = pfs_clock_monotonic_ms();
    bool held = g->config.caretaker != NULL && !g->closing && g->hurried == 0 && slot->waiters == NULL &&
                slot->table != NULL && pfs_caretaker_check(g->config.caretaker, slot->table, NULL) < 0;

    if (!held)
        slot->held_ms = 0;
    else if (slot->held_ms == 0)
        slot->held_ms = now;
    held = held && now - slot->held_ms < HELD_MAX_MS;
    if (held)
        slot->retry_ms = now + HELD_LOOK_MS;
    return held;
}

/* When a reader may have the queue committed: at once, while there were fewer commits than one a tick lately. Lock
 * held. */
static int64_t reader_ms(const struct pfs_slot *slot)
{
    return slot->paced_ms - (READER_BURST - 1) * READER_TICK_MS;
}

/* A sliding mean, and the pace that readers are held to. */
static void note_commit(struct pfs_slot *slot, int64_t began_ms)
{
    int64_t now_ms = pfs_clock_monotonic_ms();

    slot->commit_ms = (now_ms - began_ms + 7 * slot->commit_ms + 7) / 8;
    slot->paced_ms = (slot->paced_ms > now_ms ? slot->paced_ms : now_ms) + READER_TICK_MS;
}

/* Commits what is in the queue now, until something fails. What is pushed meanwhile waits for a moment of its own: a
 * loop of appends would make a snapshot of each otherwise. Lock held; it is released meanwhile. */
static void run_queue(struct pfs_slot *slot)
{
    const int64_t until = slot->pushed;
    struct pfs_part *parts;
    int rc = 0;

    assert(slot->running);
    assert(slot->popped <= until);
    slot->again = false;
    slot->tick_ms = 0; /* who comes from here on waits for another one */
    slot->waiting_since_ms = 0;
    while (rc == 0 && slot->popped < until && !is_held(slot) && (parts = pop_group(slot)) != NULL) {
        int64_t began_ms = pfs_clock_monotonic_ms();
        struct pfs_err err = {0};

        rc = run_group(slot, parts, &err);
        note_commit(slot, began_ms);
    }
}

/* One look at the queue and at what was published; true: somebody asked for another meanwhile. */
static bool run_once(struct pfs_slot *slot)
{
    struct pfs_ingest *g = slot->ingest;
    struct pfs_committing *waiters;
    struct pfs_table *table;
    bool replaced, again, upkeep;

    pthread_mutex_lock(&g->lock);
    assert(slot->running);
    do {
        run_queue(slot);
        pthread_mutex_unlock(&g->lock);
        replaced = pfs_slot_check(slot, false);
        pthread_mutex_lock(&g->lock);
    } while (slot->again || replaced);
    slot->ran_ms = pfs_clock_monotonic_ms();
    slot->waiting_since_ms = slot->first == NULL ? 0 : slot->waiting_since_ms;
    waiters = take_waiters(slot, false);
    upkeep = pfs_slot_wants_upkeep(slot);
    table = rest(slot);
    pthread_mutex_unlock(&g->lock);
    answer(waiters, 0, NULL); /* all of it while the slot runs: whoever closes waits for that */
    pfs_table_unref(table);
    if (upkeep)
        pfs_slot_keep_up(slot);
    pthread_mutex_lock(&g->lock);
    again = slot->again;
    slot->running = again;
    pthread_cond_broadcast(&g->changed);
    want_due(slot);
    pthread_mutex_unlock(&g->lock);
    return again;
}

/* On a worker, or on whoever waits where there is none. */
static void run_slot(void *context)
{
    while (run_once(context))
        ;
}

/* Starts a run, or asks the one that runs to look again. Lock held; it is released meanwhile. */
static void kick(struct pfs_slot *slot)
{
    struct pfs_ingest *g = slot->ingest;

    slot->retry_ms = 0;
    if (slot->running) {
        slot->again = true;
        return;
    }
    slot->running = true;
    pthread_mutex_unlock(&g->lock);
    if (g->config.pool == NULL || pfs_pool_submit(g->config.pool, true, run_slot, slot) < 0)
        run_slot(slot);
    pthread_mutex_lock(&g->lock);
}

/* ---- those who ask ---- */

void pfs_ingest_pending(struct pfs_ingest *ingest, struct pfs_table *table, int64_t *rows, int64_t *bytes)
{
    const struct pfs_part_name name = name_of(table);
    const struct pfs_slot *slot;

    pthread_mutex_lock(&ingest->lock);
    slot = find_slot(ingest, &name);
    *rows = slot == NULL ? 0 : slot->rows;
    *bytes = slot == NULL ? 0 : slot->bytes;
    pthread_mutex_unlock(&ingest->lock);
}

/* Called for each write: a lock for a moment, and no I/O. */
int pfs_ingest_check(struct pfs_ingest *ingest, struct pfs_table *table, struct pfs_err *err)
{
    const struct pfs_part_name name = name_of(table);
    const struct pfs_slot *slot;
    int64_t alones, wait_ms;

    if (!ingest->has_thread)
        return 0;
    if (pfs_journal_bytes(ingest->journal) > JOURNAL_BYTES_MAX)
        return pfs_fail(err, EBUSY, "the journal is full of rows that are not in a snapshot yet");
    pthread_mutex_lock(&ingest->lock);
    slot = find_slot(ingest, &name);
    alones = slot == NULL ? 0 : slot->alones;
    wait_ms = slot == NULL ? 0 : alones * slot->commit_ms;
    pthread_mutex_unlock(&ingest->lock);
    if (alones > ALONE_SOON && wait_ms > ALONE_MAX_MS)
        return pfs_fail(err, EBUSY, "%lld acknowledged transactions wait for their snapshots", (long long)alones);
    return ingest->config.caretaker == NULL ? 0 : pfs_caretaker_check(ingest->config.caretaker, table, err);
}

void pfs_slot_commit_for(struct pfs_slot *slot, enum pfs_ingest_when when, pfs_ingest_done_fn *done, void *context)
{
    struct pfs_ingest *ingest = slot->ingest;
    struct pfs_committing *w = NULL;
    int64_t tick_ms;
    bool nothing;

    /* What open handles of `append` have flushed was acknowledged before the reader came: it is in the answer. */
    pfs_slot_split(slot, false);
    pthread_mutex_lock(&ingest->lock);
    nothing = slot->pushed == slot->popped && !slot->doubted;
    if (!nothing && (w = pfs_zalloc(sizeof(*w))) != NULL) {
        *w = (struct pfs_committing){slot->waiters, slot->pushed, done, context};
        slot->waiters = w;
        tick_ms = reader_ms(slot);
        if (when == PFS_INGEST_SOON && !slot->doubted && ingest->has_thread && tick_ms > pfs_clock_monotonic_ms()) {
            slot->tick_ms = tick_ms;
            pfs_ingest_want(ingest, tick_ms);
        } else {
            kick(slot);
        }
    }
    pthread_mutex_unlock(&ingest->lock);
    if (nothing || w == NULL) {
        struct pfs_err err = {0};

        if (!nothing)
            (void)pfs_fail(&err, ENOMEM, "no memory to wait for a commit");
        done(context, -err.code, nothing ? NULL : &err);
    }
}

/* Runs the slot on this thread, after whoever runs it now. Lock held; it is released meanwhile. */
static void run_here(struct pfs_slot *slot)
{
    struct pfs_ingest *g = slot->ingest;

    while (slot->running)
        pthread_cond_wait(&g->changed, &g->lock);
    slot->running = true;
    pthread_mutex_unlock(&g->lock);
    run_slot(slot);
    pthread_mutex_lock(&g->lock);
}

static int left_over(const struct pfs_slot *s, struct pfs_err *err)
{
    return pfs_fail(err, EBUSY,
                    "%lld rows for %s.%s are acknowledged and could not be committed yet; they are kept in the journal",
                    (long long)s->rows, s->database, s->table_name);
}

int pfs_ingest_commit_all(struct pfs_ingest *ingest, struct pfs_err *err)
{
    int64_t until;
    int rc = 0;

    pthread_mutex_lock(&ingest->lock);
    ingest->hurried++;
    for (struct pfs_slot *s = ingest->slots; s != NULL; s = s->next) {
        pthread_mutex_unlock(&ingest->lock);
        pfs_slot_split(s, false);
        pthread_mutex_lock(&ingest->lock);
        until = s->pushed;
        if (s->popped < until)
            run_here(s);
        if (s->popped < until && rc == 0)
            rc = left_over(s, err);
    }
    assert(ingest->hurried > 0);
    ingest->hurried--;
    pthread_mutex_unlock(&ingest->lock);
    return rc;
}

void pfs_ingest_look(struct pfs_ingest *ingest)
{
    pthread_mutex_lock(&ingest->lock);
    for (struct pfs_slot *s = ingest->slots; s != NULL; s = s->next)
        if (s->publications != NULL)
            run_here(s);
    pthread_mutex_unlock(&ingest->lock);
}

/* ---- the background ---- */

static void wait_until(struct pfs_ingest *g, int64_t at_ms)
{
    struct timespec ts = {.tv_sec = (time_t)(at_ms / 1000), .tv_nsec = (long)(at_ms % 1000) * 1000000};

    pthread_cond_timedwait(&g->sooner, &g->lock, &ts);
}

/* Lock held; it is released meanwhile. */
static void run_due(struct pfs_slot *slot)
{
    struct pfs_ingest *g = slot->ingest;

    pthread_mutex_unlock(&g->lock);
    pfs_slot_flush_fresh(slot);
    pfs_slot_split(slot, false);
    pthread_mutex_lock(&g->lock);
    kick(slot);
}

/* Lock held; it is released meanwhile. */
static void tell_reads(struct pfs_ingest *g, int64_t now_ms)
{
    g->told_ms = now_ms;
    pthread_mutex_unlock(&g->lock);
    pfs_catalog_tell_reads(g->config.catalog);
    pthread_mutex_lock(&g->lock);
}

static void *background(void *context)
{
    struct pfs_ingest *g = context;

    pthread_mutex_lock(&g->lock);
    while (!g->closing) {
        int64_t now = pfs_clock_monotonic_ms(), next = g->foreign_ms + g->config.commit_interval_ms;

        /* A pass looks at every slot once and keeps the earliest moment at which one is due. */
        g->wakes_ms = INT64_MAX; /* lowered by whoever comes while the lock is released below */
        for (struct pfs_slot *s = g->slots; s != NULL && !g->closing; s = s->next) {
            int64_t at = due_ms(s);

            if (at != 0 && at <= now)
                run_due(s);
            else if (at != 0 && at < next)
                next = at;
        }
        if (now >= g->foreign_ms + g->config.commit_interval_ms) {
            g->foreign_ms = now;
            pthread_mutex_unlock(&g->lock);
            (void)pfs_ingest_replay(g, NULL);
            pthread_mutex_lock(&g->lock);
            continue;
        }
        if (now >= g->told_ms + PFS_LEASE_TICK_MS) {
            tell_reads(g, now);
            continue;
        }
        if (g->told_ms + PFS_LEASE_TICK_MS < next)
            next = g->told_ms + PFS_LEASE_TICK_MS;
        if (next < g->wakes_ms)
            g->wakes_ms = next;
        if (!g->closing)
            wait_until(g, g->wakes_ms);
    }
    pthread_mutex_unlock(&g->lock);
    return NULL;
}

/* ---- life ---- */

static int start(struct pfs_ingest *g, struct pfs_err *err)
{
    struct pfs_journal_config journal = {.store = g->store, .clock = g->config.clock, .user = g->user};

    PFS_TRY(pfs_journal_open(&journal, &g->journal, err));
    (void)pfs_ingest_replay(g, NULL); /* what cannot be read now is tried again */
    g->foreign_ms = pfs_clock_monotonic_ms();
    if (!g->config.background)
        return 0;
    if (pthread_create(&g->thread, NULL, background, g) != 0)
        return pfs_fail(err, EAGAIN, "the thread for commits cannot be started");
    g->has_thread = true;
    return 0;
}

/* Records that are waited for are told of before the slots go: who waits may look at them. */
static void ingest_free(struct pfs_ingest *g)
{
    assert(!g->has_thread);
    for (struct pfs_slot *s = g->slots; s != NULL; s = s->next) {
        pfs_parts_leave(g, s->first);
        assert(!s->running);
        assert(!s->keeping);
        for (struct pfs_publication *p = s->publications, *after; p != NULL; p = after) {
            after = p->next;
            pfs_parts_leave(g, p->parts);
            pfs_publication_free(p);
        }
    }
    pfs_journal_close(g->journal); /* whoever waits for it is told now */
    for (struct pfs_slot *s = g->slots, *next; s != NULL; s = next) {
        next = s->next;
        pfs_table_unref(s->table);
        slot_free(s);
    }
    pfs_generators_done(&g->generators);
    pthread_cond_destroy(&g->changed);
    pthread_cond_destroy(&g->sooner);
    pthread_mutex_destroy(&g->lock);
    pthread_mutex_destroy(&g->sealing);
    pfs_free(g);
}

int pfs_ingest_open(const struct pfs_ingest_config *config, struct pfs_ingest **out, struct pfs_err *err)
{
    struct pfs_ingest *g = pfs_zalloc(sizeof(*g));
    char uuid[PFS_UUID_TEXT];
    pthread_condattr_t attr;
    int rc;

    assert(config->catalog != NULL);
    if (g == NULL)
        return pfs_fail(err, ENOMEM, "no memory for ingestion");
    g->config = *config;
    g->store = pfs_catalog_store(config->catalog);
    if (g->config.memory_bytes == 0)
        g->config.memory_bytes = MEMORY_DEFAULT;
    if (g->config.commit_interval_ms == 0)
        g->config.commit_interval_ms = COMMIT_INTERVAL_MS;
    if (g->config.idle_ms == 0)
        g->config.idle_ms = IDLE_MS;
    pfs_generators_init(&g->generators, g->config.clock);
    pthread_mutex_init(&g->sealing, NULL);
    pthread_mutex_init(&g->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&g->changed, NULL);
    pthread_cond_init(&g->sooner, &attr);
    pthread_condattr_destroy(&attr);
    pfs_uuid_make(uuid);
    /* Never the same user twice: a replay finds what was committed by it. */
    (void)snprintf(g->user, sizeof(g->user), "%.48s%s%s", config->user == NULL ? "" : config->user,
                   config->user == NULL ? "" : "_", uuid);
    rc = start(g, err);
    if (rc < 0) {
        ingest_free(g);
        return rc;
    }
    *out = g;
    return 0;
}

/* Lock held; it is released meanwhile. On this thread: the pool may be about to end. */
static void finish_slot(struct pfs_slot *slot)
{
    struct pfs_ingest *g = slot->ingest;

    assert(g->closing);
    pthread_mutex_unlock(&g->lock);
    pfs_slot_split(slot, true);
    pthread_mutex_lock(&g->lock);
    run_here(slot);
    pthread_mutex_unlock(&g->lock);
    (void)pfs_slot_check(slot, true);
    pthread_mutex_lock(&g->lock);
    while (slot->keeping)
        pthread_cond_wait(&g->changed, &g->lock);
}

int pfs_ingest_close(struct pfs_ingest *ingest, struct pfs_err *err)
{
    int rc = 0;

    if (ingest == NULL)
        return 0;
    pthread_mutex_lock(&ingest->lock);
    ingest->closing = true;
    pthread_cond_signal(&ingest->sooner);
    pthread_mutex_unlock(&ingest->lock);
    if (ingest->has_thread)
        pthread_join(ingest->thread, NULL);
    ingest->has_thread = false;
    pthread_mutex_lock(&ingest->lock);
    for (struct pfs_slot *s = ingest->slots; s != NULL; s = s->next) {
        finish_slot(s);
        assert(s->transactions == NULL);
        if (s->first != NULL && rc == 0)
            rc = left_over(s, err);
    }
    pthread_mutex_unlock(&ingest->lock);
    ingest_free(ingest);
    return rc;
}
