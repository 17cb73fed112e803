/* sync.c - one sync for all who wait: those who come while one is under way share the next one. Who waits leads, if
 * nobody does. For those who do not wait a thread of the journal's own leads, and tells them whoever led; or the one
 * that serves them does so as soon as all have come and it has nothing else to do, which wakes nobody. */
#include <assert.h>
#include <time.h>

#include "base/clock.h"
#include "base/idle.h"
#include "base/mem.h"
#include "base/thread.h"
#include "src/journal/internal.h"

#define GATHER_NS_MAX 1000000
#define QUICK_SYNC_NS 300000

/* Who waits for records that are settled now, taken off the list; the ones to be told in order. */
static struct waiter *settle_waiters(struct pfs_journal *j, int rc, const struct pfs_err *err)
{
    struct waiter *first = NULL, **last = &first;

    j->companions = j->waiters;
    j->returned = j->served = 0;
    j->ended_ns = pfs_clock_monotonic_ns();
    while (j->waiter_first != NULL && j->waiter_first->target <= j->durable) {
        struct waiter *w = j->waiter_first;

        j->waiter_first = w->next;
        if (j->waiter_first == NULL)
            j->waiter_last = NULL;
        assert(!w->done);
        w->next = NULL;
        w->rc = rc;
        if (rc < 0)
            w->err = *err;
        j->waiters -= !w->again;
        j->served += !w->again;
        assert(j->waiters >= 0);
        if (w->tell != NULL) {
            *last = w;
            last = &w->next;
        } else {
            w->done = true; /* its frame may be gone from here on, as soon as the lock is */
        }
    }
    return first;
}

void pfs_journal_settle_ends(struct pfs_journal *j)
{
    while (j->left_first != NULL && j->left_first->last_seq <= j->durable) {
        struct transaction *t = j->left_first;

        j->left_first = t->next_left;
        if (j->left_first == NULL)
            j->left_last = NULL;
        pfs_journal_forget(j, t);
    }
}

/* The sync failed: what was not durable is lost, and with it its transactions; but one that was only retired is
 * retired again by the next segment's beginning. */
static void settle_loss(struct pfs_journal *j, struct segment *s)
{
    assert(s == j->current); /* no other has bytes that are not durable */
    assert(!s->poisoned);
    s->ended = s->poisoned = true;
    for (size_t i = 0; i < j->slot_count; i++)
        for (struct transaction *t = j->slots[i]; t != NULL; t = t->next) {
            t->seal_lost |= t->seal_seq > j->durable;
            if (t->last_seq > j->durable && !t->leaving)
                pfs_journal_lose(j, t);
        }
    j->durable = j->added;
}

/* Oldest first, each durably; others add and sync meanwhile. */
static void remove_segments(struct pfs_journal *j)
{
    struct segment *s;

    while ((s = pfs_journal_detach(j, false)) != NULL) {
        pthread_mutex_unlock(&j->state);
        if (pfs_journal_remove(j, s, NULL) < 0) { /* tried again after the next sync */
            pthread_mutex_lock(&j->state);
            s->next = j->oldest;
            j->oldest = s;
            j->bytes += s->appended;
            return;
        }
        pfs_journal_unref(j, s);
        pthread_mutex_lock(&j->state);
    }
}

/* The segment that says what of the lost one does not count is begun at once when that can be: till then a crash could
 * bring back what its writers were told is lost. */
static void begin_after_loss(struct pfs_journal *j)
{
    bool needed;

    pthread_mutex_lock(&j->append);
    pthread_mutex_lock(&j->state);
    needed = j->current != NULL && j->current->poisoned;
    pthread_mutex_unlock(&j->state);
    if (needed)
        (void)pfs_journal_begin_segment(j, NULL);
    pthread_mutex_unlock(&j->append);
}

/* Those whom the last sync served come back in a moment: syncing for the first of them alone would make all others wait
 * for the next one. Where that moment is shorter than a sync, all are waited for; else half of them, while the others
 * get their next rows ready while these are synced. Never longer than a sync takes, and not at all for one who is
 * alone. `state` held. */
static void gather(struct pfs_journal *j)
{
    int64_t end = pfs_clock_monotonic_ns() + (j->sync_ns < GATHER_NS_MAX ? j->sync_ns : GATHER_NS_MAX);
    struct timespec until = {(time_t)(end / 1000000000), (long)(end % 1000000000)};
    int rc = 0;

    assert(j->leading);
    j->gathered = j->back_ns < j->sync_ns ? j->companions : (j->companions + 1) / 2;
    while (j->waiters < j->gathered && rc == 0)
        rc = pthread_cond_timedwait(&j->gather, &j->state, &until);
    j->gathered = 0;
}

/* How long it takes until all are back, as of those whom the last sync served. */
static void note_back(struct pfs_journal *j)
{
    int64_t back;

    if (++j->returned != j->served)
        return;
    back = (pfs_clock_monotonic_ns() - j->ended_ns) * j->companions / j->served;
    j->back_ns = j->back_ns == 0 ? back : (3 * j->back_ns + back) / 4;
}

/* No lock held. */
static void tell(struct waiter *told)
{
    while (told != NULL) {
        struct waiter *w = told;

        told = w->next;
        w->tell(w->context, w->rc, w->rc < 0 ? &w->err : NULL);
        pfs_free(w);
    }
}

/* For the thread to tell. `state` held. */
static void leave_untold(struct pfs_journal *j, struct waiter *told)
{
    struct waiter **last = &j->untold;

    while (*last != NULL)
        last = &(*last)->next;
    *last = told;
}

/* Somebody is to lead, and nobody has said that he will. `state` held. */
static bool lacks_leader(const struct pfs_journal *j)
{
    return j->waiter_first != NULL && !j->leading && !j->put_off;
}

/* One sync of the current segment, which has bytes that are not durable; `state` held, but let go meanwhile. Who adds
 * may hold locks that those who are told want: then it `tells` nobody. */
static void lead(struct pfs_journal *j, bool gathers, bool tells)
{
    struct segment *s = j->current;
    uint64_t target, bytes;
    struct waiter *told;
    struct pfs_err err = {0};
    int64_t begun = gathers ? 0 : j->started_ns;
    int rc, processor;

    assert(!j->leading);
    assert(s != NULL);
    assert(j->durable < j->added);
    j->leading = true;
    j->started_ns = 0; /* what is put off beside starts anew */
    if (gathers)
        gather(j);
    target = j->added;
    bytes = s->appended;
    pthread_mutex_unlock(&j->state);
    if (begun == 0)
        begun = pfs_clock_monotonic_ns();
    processor = pfs_near_here();
    rc = pfs_file_sync(s->file, &err);
    if (rc < 0)
        rc = pfs_wrap(&err, "journal");
    pthread_mutex_lock(&j->state);
    j->sync_ns = pfs_clock_monotonic_ns() - begun;
    pfs_near_note(&j->near, pfs_near_here() == processor ? processor : -1, j->sync_ns);
    if (rc == 0) {
        assert(s == j->current);
        assert(target >= j->durable);
        assert(bytes >= s->durable);
        j->durable = target;
        s->durable = bytes;
        pfs_journal_settle_ends(j);
    } else {
        settle_loss(j, s);
    }
    told = settle_waiters(j, rc, &err);
    remove_segments(j);
    j->leading = false;
    if (!tells) {
        leave_untold(j, told);
        told = NULL;
    }
    pthread_cond_broadcast(&j->change);
    if (lacks_leader(j) || j->untold != NULL || j->closing)
        pthread_cond_signal(&j->wanted);
    pthread_mutex_unlock(&j->state);
    if (rc < 0)
        begin_after_loss(j);
    tell(told);
    pthread_mutex_lock(&j->state);
}

/* Is there anything to wait for? 1, with the target; 0 = all is durable; or the transaction's failure. */
static int begin_wait(struct pfs_journal *j, uint64_t number, uint64_t *target, struct pfs_err *err)
{
    const struct transaction *t = number != 0 ? pfs_journal_find(j, number) : NULL;

    if (t != NULL && t->failed)
        return pfs_fail(err, EIO, "rows of this writer were lost when the journal could not be synced");
    *target = number == 0 || (t != NULL && t->last_seq > j->added) ? j->added : t != NULL ? t->last_seq : 0;
    return *target > j->durable;
}

/* In the order of targets, which syncs of single transactions do not come in. */
static void enqueue(struct pfs_journal *j, struct waiter *w)
{
    struct waiter *before = NULL, **at = &j->waiter_first;

    assert(w->target > j->durable);
    assert(w->target <= j->added);
    if (j->waiter_last != NULL && j->waiter_last->target <= w->target) {
        before = j->waiter_last;
        at = &before->next;
    }
    while (*at != NULL && (*at)->target <= w->target) {
        before = *at;
        at = &before->next;
    }
    w->again = before != NULL && before->target == w->target;
    w->next = *at;
    *at = w;
    if (w->next == NULL)
        j->waiter_last = w;
    if (w->again)
        return;
    j->waiters++;
    note_back(j);
    if (j->gathered > 0 && j->waiters >= j->gathered)
        pthread_cond_signal(&j->gather);
}

/* Whoever waits leads when nobody does: there is no thread to wake. */
int pfs_journal_sync(struct pfs_journal *j, uint64_t number, struct pfs_err *err)
{
    struct waiter w = {0};
    int rc;

    pthread_mutex_lock(&j->state);
    rc = begin_wait(j, number, &w.target, err);
    if (rc > 0) {
        enqueue(j, &w);
        while (!w.done) {
            if (j->leading)
                pthread_cond_wait(&j->change, &j->state);
            else
                lead(j, true, false);
        }
        rc = w.rc;
        if (rc < 0 && err != NULL)
            *err = w.err;
    }
    pthread_mutex_unlock(&j->state);
    return rc;
}

bool pfs_journal_is_shared(struct pfs_journal *j)
{
    bool shared;

    pthread_mutex_lock(&j->state);
    shared = j->companions > 1;
    pthread_mutex_unlock(&j->state);
    return shared;
}

/* ---- without waiting ---- */

/* The journal's own thread: tells those whom others have served, and leads as long as somebody waits and nobody else
 * does. */
static void *lead_on(void *context)
{
    struct pfs_journal *j = context;

    pthread_mutex_lock(&j->state);
    while (!j->closing || j->waiter_first != NULL || j->untold != NULL) {
        struct waiter *untold = j->untold;

        if (untold != NULL) {
            j->untold = NULL;
            pthread_mutex_unlock(&j->state);
            tell(untold);
            pthread_mutex_lock(&j->state);
        } else if (lacks_leader(j)) {
            lead(j, true, true);
        } else {
            pthread_cond_wait(&j->wanted, &j->state);
        }
    }
    pthread_mutex_unlock(&j->state);
    return NULL;
}

/* `state` held. */
static void leave_inside(struct pfs_journal *j)
{
    assert(j->inside > 0);
    if (--j->inside == 0)
        pthread_cond_broadcast(&j->change);
}

/* All have come whom the last sync served, or have had as long as a sync takes. `state` held. */
static bool is_time(const struct pfs_journal *j, enum pfs_idle_moment moment)
{
    return (moment == PFS_IDLE_FREE && j->waiters >= j->companions) ||
           pfs_clock_monotonic_ns() - j->put_off_ns > j->sync_ns;
}

/* The disk has what is to be synced: half of a sync that the thread does not wait for, as it serves meanwhile. `state`
 * held, but let go in between. */
static void start(struct pfs_journal *j)
{
    struct segment *s = j->current;
    uint64_t from = s->durable;
    int64_t began;
    bool gains;

    assert(s != NULL); /* somebody waits for what is in it */
    s->refs++;
    pthread_mutex_unlock(&j->state);
    pfs_near_go(&j->near);
    began = pfs_clock_monotonic_ns();
    gains = pfs_file_start(s->file, from);
    pfs_journal_unref(j, s);
    pthread_mutex_lock(&j->state);
    j->started_ns = began;
    j->ready_ns = began + (gains ? j->sync_ns / 4 : 0);
}

/* Long enough ago, so that there is little left to wait for. `state` held. */
static bool is_begun(const struct pfs_journal *j)
{
    return j->started_ns != 0 && pfs_clock_monotonic_ns() >= j->ready_ns;
}

/* At an idle moment of the thread that put the sync off. Another one may have led meanwhile, or lead still: what came
 * after that one had begun is waited with. When it leads nothing is put off any more: those whom it tells may hold it
 * up, and who comes meanwhile finds another one to lead. */
static bool lead_when_idle(void *context, enum pfs_idle_moment moment)
{
    struct pfs_journal *j = context;
    bool wanted, done;

    pthread_mutex_lock(&j->state);
    assert(j->put_off);
    assert(j->inside > 0);
    if (moment != PFS_IDLE_LEAVE && j->started_ns == 0 && j->waiter_first != NULL && !j->leading && is_time(j, moment))
        start(j);
    wanted = j->waiter_first != NULL;
    done = !wanted || moment == PFS_IDLE_LEAVE || (!j->leading && is_begun(j));
    if (done) {
        j->put_off = false;
        if (wanted && moment != PFS_IDLE_LEAVE)
            lead(j, false, true);
        else if (lacks_leader(j))
            pthread_cond_signal(&j->wanted);
        leave_inside(j);
    }
    pthread_mutex_unlock(&j->state);
    return done;
}

/* Waking the thread takes longer than waiting where the disk is quick. While another one leads the next sync is put off
 * already: the thread, once it has led, would else lead for ever, each time for those who came while it did. `state`
 * held. */
static void find_leader(struct pfs_journal *j, enum pfs_journal_lead by)
{
    bool quick = j->sync_ns < QUICK_SYNC_NS;

    if (j->put_off)
        return;
    if (by == PFS_LEAD_IDLE && quick && pfs_idle_put_off(lead_when_idle, j, j->sync_ns)) {
        j->inside++;
        j->put_off = true;
        j->put_off_ns = pfs_clock_monotonic_ns();
        j->started_ns = 0;
    } else if (j->leading) {
        return;
    } else if (by == PFS_LEAD_HERE && quick) {
        j->inside++;
        lead(j, true, true);
        leave_inside(j);
    } else {
        pthread_cond_signal(&j->wanted);
    }
}

void pfs_journal_sync_later(struct pfs_journal *j, uint64_t number, enum pfs_journal_lead by, pfs_journal_done_fn *done,
                            void *context)
{
    struct waiter *w = pfs_zalloc(sizeof(*w));
    struct pfs_err err = {0};
    int rc;

    if (w == NULL) {
        rc = pfs_journal_sync(j, number, &err);
        done(context, rc, rc < 0 ? &err : NULL);
        return;
    }
    if (by == PFS_LEAD_HERE)
        pfs_near_go(&j->near);
    pthread_mutex_lock(&j->state);
    rc = begin_wait(j, number, &w->target, &err);
    if (rc > 0) {
        w->tell = done;
        w->context = context;
        enqueue(j, w);
        find_leader(j, by);
    }
    pthread_mutex_unlock(&j->state);
    if (rc <= 0) {
        pfs_free(w);
        done(context, rc, rc < 0 ? &err : NULL);
    }
}

int pfs_journal_start_leader(struct pfs_journal *j, struct pfs_err *err)
{
    int code = pfs_thread_start(&j->leader, lead_on, j);

    return code == 0 ? 0 : pfs_fail(err, code, "the thread that syncs the journal cannot be started");
}

void pfs_journal_end_leader(struct pfs_journal *j)
{
    pfs_idle_moment(PFS_IDLE_LEAVE); /* the caller's own would be waited for below */
    pthread_mutex_lock(&j->state);
    j->closing = true;
    pthread_cond_signal(&j->wanted);
    while (j->inside > 0)
        pthread_cond_wait(&j->change, &j->state);
    pthread_mutex_unlock(&j->state);
    pthread_join(j->leader, NULL);
}
