/* care.c - a look at a table, and a compaction of it.
 *
 *   changed    -> looking    -> due, or nothing to do
 *   due        -> compacting -> changed: the next look tells whether something is left
 *
 * The lock is given back while the table is read or written; `looking` and `compacting` keep the other threads off what
 * only the one at work may change. What it found is noted when the lock is held again. */
#include <assert.h>
#include <ctype.h>

#include "src/caretaker/internal.h"

#define BYTES_MAX                                                                                       \
    ((int64_t)1 << 30) /* of inputs of one snapshot: a table of many buckets is not all done at the end \
                        */

static int64_t retry_ms(const struct pfs_care *care)
{
    int64_t at = care->turn.failed_ms + pfs_turn_backoff_ms(care->turn.failures), now = pfs_clock_monotonic_ms();

    return care->turn.failures > 0 && at > now ? at - now : 0;
}

/* The table; one reference is the caller's. Lock held. */
static int hold_table(struct pfs_caretaker *u, struct pfs_care *care, struct pfs_table **out, struct pfs_err *err)
{
    struct pfs_table *table = care->table;
    int rc = 0;

    if (table != NULL) {
        *out = pfs_table_ref(table);
        return 0;
    }
    pthread_mutex_unlock(&u->lock);
    rc = pfs_catalog_table(u->config.catalog, care->database, care->name, care->branch, &table, err);
    pthread_mutex_lock(&u->lock);
    assert((rc == 0) == (table != NULL));
    if (rc == 0 && care->table == NULL)
        care->table = pfs_table_ref(table);
    *out = table;
    return rc;
}

/* Lets go of the table when nothing is left to do. Lock held; it is released meanwhile. */
static void rest(struct pfs_caretaker *u, struct pfs_care *care, struct pfs_table *held)
{
    struct pfs_table *table = NULL;

    if (!care->turn.changed && !care->turn.looking && !care->turn.due && !care->turn.compacting) {
        table = care->table;
        care->table = NULL;
    }
    pthread_mutex_unlock(&u->lock);
    pfs_table_unref(table);
    pfs_table_unref(held);
    pthread_mutex_lock(&u->lock);
}

/* The same sentence, whatever new file it names: each try makes its own, with another UUID. */
static bool is_same(const char *a, const char *b)
{
    while (*a != '\0' && (*a == *b || (isxdigit((unsigned char)*a) && isxdigit((unsigned char)*b)))) {
        a++;
        b++;
    }
    return *a == *b;
}

/* Told of once in a row. Lock held; it is released meanwhile. */
static void note_failure(struct pfs_caretaker *u, struct pfs_care *care, const struct pfs_err *why)
{
    bool news = care->error.code != why->code || !is_same(care->error.text, why->text);

    care->failed++;
    care->turn.failures++;
    care->turn.failed_ms = pfs_clock_monotonic_ms();
    care->error = *why;
    if (!news || u->config.report == NULL)
        return;
    pthread_mutex_unlock(&u->lock);
    u->config.report(u->config.context, care->database, care->name, care->branch, why);
    pthread_mutex_lock(&u->lock);
}

static void note_backlog(struct pfs_care *care, const struct pfs_backlog *backlog)
{
    struct pfs_turn *turn = &care->turn;
    bool due = backlog->jobs > 0;

    if (due && !turn->due)
        turn->due_since_ms = pfs_clock_monotonic_ms();
    turn->due = due;
    turn->runs = backlog->shape.most_runs;
    turn->stop = backlog->why_not.code == 0 ? backlog->stop : 0;
    care->backlog = *backlog;
    care->looked = true;
    if (!due) {
        turn->failures = 0;
        care->error.code = 0;
    }
}

/* A table that is gone, or damaged so that it cannot be looked at, has nothing to do until the next commit. */
void pfs_care_look(struct pfs_caretaker *caretaker, struct pfs_care *care, bool batch)
{
    struct pfs_commits commits = care->commits;
    struct pfs_backlog backlog = {0};
    struct pfs_table *table = NULL;
    struct pfs_err err = {0};
    int64_t began_ms = pfs_clock_monotonic_ms();
    int rc;

    assert(!care->turn.looking);
    care->turn.changed = false;
    care->turn.looking = true;
    rc = hold_table(caretaker, care, &table, &err);
    pthread_mutex_unlock(&caretaker->lock);
    if (rc == 0)
        rc = pfs_table_backlog(table, batch, &commits, &backlog, &err);
    pthread_mutex_lock(&caretaker->lock);
    assert(care->turn.looking);
    care->turn.looking = false;
    care->turn.looked_ms = pfs_clock_monotonic_ms();
    care->turn.look_took_ms = care->turn.looked_ms - began_ms;
    if (rc == 0) {
        care->commits = commits;
        note_backlog(care, &backlog);
    } else {
        care->turn.due = false;
        care->turn.runs = 0;
        if (rc != -ENOENT && err.code != 0)
            note_failure(caretaker, care, &err);
    }
    rest(caretaker, care, table);
}

static void progress(void *context, int64_t done, int64_t rows)
{
    struct pfs_care *care = context;

    atomic_store_explicit(&care->rows_done, done, memory_order_relaxed);
    atomic_store_explicit(&care->rows, rows, memory_order_relaxed);
}

static void note_done(struct pfs_caretaker *u, struct pfs_care *care, const struct pfs_compact_result *result,
                      int64_t took_ms)
{
    if (care->backlog.full && result->left == 0) /* else it goes on with those that are left */
        care->commits = (struct pfs_commits){.seen = result->seen};
    care->turn.failures = 0;
    care->error.code = 0;
    if (result->snapshot == 0)
        return;
    care->done++;
    care->took_ms += took_ms;
    care->old_bytes += result->old_bytes;
    care->bytes += result->bytes;
    care->last_ms = pfs_clock_now_ms(u->config.clock);
    care->last_snapshot = result->snapshot;
}

int pfs_care_compact(struct pfs_caretaker *caretaker, struct pfs_care *care, bool quiet, struct pfs_err *err)
{
    struct pfs_compact_want want = {.full = care->backlog.full,
                                    .budget = caretaker->config.budget,
                                    .bytes_max = quiet ? BYTES_MAX : 0,
                                    .quiet = quiet,
                                    .once = quiet,
                                    .cancel = &caretaker->cancel,
                                    .progress = progress,
                                    .context = care};
    int64_t began_ms = pfs_clock_monotonic_ms();
    struct pfs_compact_result result = {0};
    struct pfs_table *table = NULL;
    int rc;

    assert(care->turn.due);
    assert(!care->turn.compacting);
    care->turn.compacting = true;
    rc = hold_table(caretaker, care, &table, err);
    pthread_mutex_unlock(&caretaker->lock);
    if (rc == 0)
        rc = pfs_table_compact(table, &want, &result, err);
    pthread_mutex_lock(&caretaker->lock);
    assert(care->turn.compacting);
    care->turn.compacting = false;
    care->turn.due = false; /* until the next look, which follows */
    care->turn.changed = true;
    atomic_store(&care->rows, 0);
    atomic_store(&care->rows_done, 0);
    if (rc == 0) {
        note_done(caretaker, care, &result, pfs_clock_monotonic_ms() - began_ms);
    } else if (rc == -EBUSY || rc == -ESTALE) { /* somebody took the same files */
        care->conflicts++;
        rc = 0;
    } else if (rc != -ENOENT && rc != -ECANCELED) {
        if (err->code == 0)
            (void)pfs_fail(err, -rc, "%s", pfs_errno_text(-rc));
        (void)pfs_wrap(err, "compaction");
        note_failure(caretaker, care, err);
        rc = -err->code;
    }
    rest(caretaker, care, table);
    return rc;
}

/* ---- facts ---- */

static void fill_facts(struct pfs_care *care, struct pfs_caretaker_facts *out)
{
    *out = (struct pfs_caretaker_facts){.database = care->database,
                                        .table = care->name,
                                        .branch = care->branch,
                                        .looked = care->looked,
                                        .backlog = care->backlog,
                                        .due = care->turn.due || care->turn.changed || care->turn.looking,
                                        .compacting = care->turn.compacting,
                                        .holds = pfs_turn_holds(&care->turn),
                                        .rows_done = atomic_load(&care->rows_done),
                                        .rows = atomic_load(&care->rows),
                                        .done = care->done,
                                        .conflicts = care->conflicts,
                                        .failed = care->failed,
                                        .took_ms = care->took_ms,
                                        .old_bytes = care->old_bytes,
                                        .bytes = care->bytes,
                                        .last_ms = care->last_ms,
                                        .last_snapshot = care->last_snapshot,
                                        .error = care->error,
                                        .retry_ms = retry_ms(care)};
}

bool pfs_caretaker_facts(struct pfs_caretaker *caretaker, const struct pfs_table *table,
                         struct pfs_caretaker_facts *out)
{
    struct pfs_care *care;

    pthread_mutex_lock(&caretaker->lock);
    care = pfs_care_find(caretaker, table);
    if (care != NULL)
        fill_facts(care, out);
    pthread_mutex_unlock(&caretaker->lock);
    return care != NULL;
}

void pfs_caretaker_each(struct pfs_caretaker *caretaker,
                        void (*fn)(void *context, const struct pfs_caretaker_facts *facts), void *context)
{
    pthread_mutex_lock(&caretaker->lock);
    for (int32_t i = 0; i < caretaker->cares; i++) {
        struct pfs_caretaker_facts facts;

        fill_facts(caretaker->care[i], &facts);
        pthread_mutex_unlock(&caretaker->lock);
        fn(context, &facts);
        pthread_mutex_lock(&caretaker->lock);
    }
    pthread_mutex_unlock(&caretaker->lock);
}

int pfs_caretaker_check(struct pfs_caretaker *caretaker, const struct pfs_table *table, struct pfs_err *err)
{
    const struct pfs_care *care;
    int rc = 0;

    pthread_mutex_lock(&caretaker->lock);
    care = pfs_care_find(caretaker, table);
    if (care != NULL && pfs_turn_holds(&care->turn))
        rc = care->error.code != 0
                 ? pfs_fail(err, EBUSY,
                            "a bucket has %lld sorted runs, num-sorted-run.stop-trigger is %lld, and its compaction "
                            "fails: %s",
                            (long long)care->turn.runs, (long long)care->turn.stop, care->error.text)
                 : pfs_fail(err, EBUSY,
                            "a bucket has %lld sorted runs, num-sorted-run.stop-trigger is %lld: it is compacted first",
                            (long long)care->turn.runs, (long long)care->turn.stop);
    pthread_mutex_unlock(&caretaker->lock);
    return rc;
}
