/* sync_test.c - who leads a sync, whom it serves, and on which thread they are told. */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/idle.h"
#include "tests/unit/journal/journals.h"

#define THREADS 4
#define ROUNDS 200

struct worker {
    struct pfs_journal *journal;
    uint64_t number;
    bool later;
    pthread_mutex_t lock;
    pthread_cond_t told;
    int calls;
    pthread_t waiting; /* the thread that is not to tell */
};

static void tell(void *context, int rc, const struct pfs_err *err)
{
    struct worker *w = context;

    (void)err;
    pthread_mutex_lock(&w->lock);
    w->calls += rc == 0 ? 1 : 1000000;
    pthread_cond_signal(&w->told);
    pthread_mutex_unlock(&w->lock);
}

static void *work(void *context)
{
    struct worker *w = context;
    struct pfs_place_in_journal place;
    struct pfs_arena arena;
    struct pfs_slice body;
    char text[32];

    pfs_arena_init(&arena, 0);
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t t = pfs_journal_transaction(w->journal);
        int rc;

        (void)snprintf(text, sizeof(text), "%llu/%d", (unsigned long long)w->number, i);
        rc = pfs_journal_add(w->journal, t, PFS_JOURNAL_ROWS, pfs_str(text), &place, NULL);
        if (rc == 0)
            rc = add(w->journal, t, PFS_JOURNAL_SEAL, "");
        if (rc == 0 && w->later) {
            pfs_journal_sync_later(w->journal, t, w->number % 4 == 1 ? PFS_LEAD_HERE : PFS_LEAD_THREAD, tell, w);
            pthread_mutex_lock(&w->lock);
            while (w->calls < i + 1)
                pthread_cond_wait(&w->told, &w->lock);
            rc = w->calls == i + 1 ? 0 : -EIO;
            pthread_mutex_unlock(&w->lock);
        } else if (rc == 0) {
            rc = pfs_journal_sync(w->journal, t, NULL);
        }
        if (rc == 0)
            rc = pfs_journal_read(w->journal, place, &arena, &body, NULL);
        if (rc < 0 || !pfs_slice_eq(body, pfs_str(text)) ||
            (i % 2 == 0 && add(w->journal, t, PFS_JOURNAL_RETIRED, "") < 0)) {
            w->calls = -1;
            break;
        }
    }
    pfs_arena_done(&arena);
    return NULL;
}

static void threads_share_a_journal(void **state)
{
    struct pfs_store *store = open_memory();
    struct pfs_journal *journal = open_journal(store, 4000, 0);
    struct worker worker[THREADS];
    pthread_t thread[THREADS];
    static char rows[100000];
    int commas = 0;

    (void)state;
    for (uint64_t i = 0; i < THREADS; i++) {
        worker[i] = (struct worker){.journal = journal, .number = i, .later = i % 2 == 1};
        pthread_mutex_init(&worker[i].lock, NULL);
        pthread_cond_init(&worker[i].told, NULL);
        assert_int_equal(pthread_create(&thread[i], NULL, work, &worker[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(thread[i], NULL), 0);
        assert_int_equal(worker[i].calls, worker[i].later ? ROUNDS : 0);
    }
    pfs_journal_close(journal);
    assert_int_equal(take_rows(store, rows, sizeof(rows), true), 1);
    for (const char *c = rows; *c != '\0'; c++)
        commas += *c == ',';
    assert_int_equal(commas, THREADS * ROUNDS / 2);
    pfs_store_close(store);
}

/* A store whose first sync takes so long that somebody else comes meanwhile. */
static struct {
    struct pfs_store_ops store, file;
    const struct pfs_store_ops *store_below, *file_below;
    struct pfs_journal *journal;
    struct worker late;
    pthread_t thread;
    bool comes;
    bool gated; /* the next sync waits for `gate`, once it has posted `entered` */
    sem_t entered, gate;
    int delay_us, delayed_each; /* each sync, or one in a few */
    int fails_each;             /* 0 = none does */
    int syncs;
    bool starts;              /* what is put off can begin to be written */
    int started, not_started; /* how often it did; and how many syncs came without */
} slow;

static void *come_late(void *context)
{
    (void)context;
    if (add(slow.journal, 2, PFS_JOURNAL_ROWS, "late") == 0)
        pfs_journal_sync_later(slow.journal, 2, PFS_LEAD_THREAD, tell, &slow.late);
    return NULL;
}

static int sync_slowly(struct pfs_file *file, struct pfs_err *err)
{
    if (slow.comes) {
        slow.comes = false;
        assert_int_equal(pthread_create(&slow.thread, NULL, come_late, NULL), 0);
        usleep(50000);
    }
    if (slow.gated) {
        slow.gated = false;
        (void)sem_post(&slow.entered);
        (void)sem_wait(&slow.gate);
    }
    slow.syncs++; /* one at a time */
    slow.not_started += slow.started < slow.syncs;
    if (slow.fails_each > 0 && slow.syncs % slow.fails_each == 0)
        return pfs_fail(err, EIO, "a sync fails");
    if (slow.delay_us > 0 && slow.syncs % (slow.delayed_each + 1) == 0)
        usleep((useconds_t)slow.delay_us);
    return slow.file_below->sync(file, err);
}

static bool start_writing(struct pfs_file *file, uint64_t from)
{
    assert_true(from < file->size); /* what is durable is not written again */
    slow.started++;
    return true;
}

static int open_slowly(void *self, const char *path, bool create, struct pfs_file **out, struct pfs_err *err)
{
    int rc = slow.store_below->open_locked(self, path, create, out, err);

    if (rc == 0) {
        slow.file_below = (*out)->ops;
        slow.file = *slow.file_below;
        slow.file.sync = sync_slowly;
        slow.file.start = slow.starts ? start_writing : NULL;
        (*out)->ops = &slow.file;
    }
    return rc;
}

static struct pfs_store *open_slow_memory(int delay_us)
{
    struct pfs_store *store = open_memory();

    memset(&slow, 0, sizeof(slow));
    slow.delay_us = delay_us;
    slow.store_below = store->ops;
    slow.store = *store->ops;
    slow.store.open_locked = open_slowly;
    store->ops = &slow.store;
    return store;
}

static void who_comes_while_another_syncs_for_itself_is_served(void **state)
{
    struct pfs_store *store = open_slow_memory(0);
    struct timespec until;

    (void)state;
    pthread_mutex_init(&slow.late.lock, NULL);
    pthread_cond_init(&slow.late.told, NULL);
    slow.journal = open_journal(store, 0, 0);
    assert_int_equal(add(slow.journal, 1, PFS_JOURNAL_ROWS, "early"), 0);
    slow.comes = true;
    assert_int_equal(pfs_journal_sync(slow.journal, 1, NULL), 0);
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 10;
    pthread_mutex_lock(&slow.late.lock);
    while (slow.late.calls == 0 && pthread_cond_timedwait(&slow.late.told, &slow.late.lock, &until) == 0)
        ;
    assert_int_equal(slow.late.calls, 1);
    pthread_mutex_unlock(&slow.late.lock);
    assert_int_equal(pthread_join(slow.thread, NULL), 0);
    pfs_journal_close(slow.journal);
    pfs_store_close(store);
}

/* Who syncs may hold locks that those who are told want. */
static void note_thread(void *context, int rc, const struct pfs_err *err)
{
    struct worker *w = context;

    (void)err;
    pthread_mutex_lock(&w->lock);
    w->calls += rc != 0 || pthread_equal(w->waiting, pthread_self()) ? 1000000 : 1;
    pthread_cond_signal(&w->told);
    pthread_mutex_unlock(&w->lock);
}

static void nobody_is_told_by_one_who_waits_for_a_sync(void **state)
{
    struct pfs_store *store = open_slow_memory(500);
    struct pfs_journal *journal = open_journal(store, 0, 0);
    struct worker other = {.waiting = pthread_self()};

    (void)state;
    pthread_mutex_init(&other.lock, NULL);
    pthread_cond_init(&other.told, NULL);
    for (int i = 1; i <= 300; i++) {
        uint64_t first = pfs_journal_transaction(journal), second = pfs_journal_transaction(journal);

        assert_int_equal(add(journal, first, PFS_JOURNAL_ROWS, "told"), 0);
        assert_int_equal(add(journal, second, PFS_JOURNAL_ROWS, "waits"), 0);
        pfs_journal_sync_later(journal, first, PFS_LEAD_THREAD, note_thread, &other);
        assert_int_equal(pfs_journal_sync(journal, second, NULL), 0);
        pthread_mutex_lock(&other.lock);
        while (other.calls < i)
            pthread_cond_wait(&other.told, &other.lock);
        pthread_mutex_unlock(&other.lock);
        assert_int_equal(other.calls, i);
    }
    pfs_journal_close(journal);
    pfs_store_close(store);
}

/* ---- who puts it off ---- */

struct counted {
    int told, failed;
};

static void count_told(void *context, int rc, const struct pfs_err *err)
{
    struct counted *c = context;

    (void)err;
    c->told++;
    c->failed += rc < 0;
}

#define QUICK_NS 200000

/* The last sync took so little that the next one is put off, however busy the machine is. */
static void be_quick(struct pfs_journal *journal)
{
    int64_t began;

    do {
        assert_int_equal(add(journal, pfs_journal_transaction(journal), PFS_JOURNAL_ROWS, "row"), 0);
        began = pfs_clock_monotonic_ns();
        assert_int_equal(pfs_journal_sync(journal, 0, NULL), 0);
    } while (pfs_clock_monotonic_ns() - began > QUICK_NS);
}

/* A row of a transaction of its own, whose sync is put off. */
static uint64_t add_later(struct pfs_journal *journal, struct counted *c)
{
    uint64_t t = pfs_journal_transaction(journal);

    assert_int_equal(add(journal, t, PFS_JOURNAL_ROWS, "row"), 0);
    pfs_journal_sync_later(journal, t, PFS_LEAD_IDLE, count_told, c);
    return t;
}

/* Three of them. How long it took until they were told. */
static int64_t add_three(struct pfs_journal *journal)
{
    const int before = slow.syncs;
    struct counted c = {0};
    int64_t began;

    for (int i = 0; i < 3; i++) {
        (void)add_later(journal, &c);
        assert_true(pfs_idle_has_work());
    }
    assert_int_equal(c.told, 0);
    began = pfs_clock_monotonic_ns();
    pfs_idle_moment(PFS_IDLE_FREE);
    assert_int_equal(c.told, 3);
    assert_int_equal(slow.syncs, before + 1);
    assert_false(pfs_idle_has_work());
    return pfs_clock_monotonic_ns() - began;
}

/* No other thread is needed: all is told on the one that puts off, at moments of its own. */
static void a_sync_is_put_off_until_all_have_come(void **state)
{
    struct pfs_store *store = open_slow_memory(0);
    struct pfs_journal *journal = open_journal(store, 0, 0);
    struct pfs_idle idle = {0};

    (void)state;
    pfs_idle_begin(&idle);
    do
        be_quick(journal);                 /* after that one nobody knows how many come; */
    while (add_three(journal) > QUICK_NS); /* and all three are served by one */
    assert_true(pfs_journal_is_shared(journal));
    slow.delay_us = 100000; /* what a sync takes from now on, and how long is waited for those who do not come back */
    (void)add_three(journal);
    pfs_idle_begin(NULL);
    pfs_journal_close(journal);
    pfs_store_close(store);
}

/* The thread does not go on for them: they would else find it leading, each time. */
static void who_comes_while_the_thread_leads_is_put_off(void **state)
{
    const struct timespec moment = {.tv_nsec = 20000000};
    struct pfs_store *store = open_slow_memory(0);
    struct pfs_journal *journal = open_journal(store, 0, 0);
    struct worker w = {.journal = journal};
    struct counted c = {0};
    struct pfs_idle idle = {0};
    uint64_t t = pfs_journal_transaction(journal);
    int before;

    (void)state;
    (void)alarm(60);
    pthread_mutex_init(&w.lock, NULL);
    pthread_cond_init(&w.told, NULL);
    (void)sem_init(&slow.entered, 0, 0);
    (void)sem_init(&slow.gate, 0, 0);
    pfs_idle_begin(&idle);
    be_quick(journal);
    before = slow.syncs;
    slow.gated = true;
    assert_int_equal(add(journal, t, PFS_JOURNAL_ROWS, "row"), 0);
    pfs_journal_sync_later(journal, t, PFS_LEAD_THREAD, tell, &w);
    (void)sem_wait(&slow.entered);
    (void)add_later(journal, &c);
    assert_true(pfs_idle_has_work());
    pfs_idle_moment(PFS_IDLE_FREE); /* not while another one leads */
    assert_true(pfs_idle_has_work());
    (void)sem_post(&slow.gate);
    pthread_mutex_lock(&w.lock);
    while (w.calls == 0)
        pthread_cond_wait(&w.told, &w.lock);
    pthread_mutex_unlock(&w.lock);
    (void)nanosleep(&moment, NULL);
    assert_int_equal(c.told, 0);
    while (pfs_idle_has_work())
        pfs_idle_moment(PFS_IDLE_FREE);
    assert_int_equal(c.told, 1);
    assert_int_equal(c.failed, 0);
    assert_int_equal(slow.syncs, before + 2);
    pfs_idle_begin(NULL);
    pfs_journal_close(journal);
    pfs_store_close(store);
    (void)alarm(0);
}

/* And the thread goes on meanwhile: what comes then is served by the same sync. */
static void what_is_put_off_begins_to_be_written(void **state)
{
    struct pfs_store *store = open_slow_memory(50);
    struct pfs_journal *journal;
    struct counted c = {0};
    struct pfs_idle idle = {0};
    int times = 0;

    (void)state;
    slow.starts = true;
    journal = open_journal(store, 0, 0);
    pfs_idle_begin(&idle);
    for (int i = 0; i < 50; i++) {
        int before = c.told;

        be_quick(journal);
        slow.started = slow.syncs;
        slow.not_started = 0;
        (void)add_later(journal, &c);
        while (slow.started == slow.syncs && pfs_idle_has_work())
            pfs_idle_moment(PFS_IDLE_FREE);
        if (pfs_idle_has_work()) { /* on a busy machine it may be time for both at once */
            (void)add_later(journal, &c);
            times++;
        }
        while (pfs_idle_has_work())
            pfs_idle_moment(PFS_IDLE_FREE);
        assert_int_equal(slow.not_started, 0);
        assert_in_range(c.told - before, 1, 2);
    }
    assert_true(times > 0);
    assert_int_equal(c.failed, 0);
    pfs_idle_begin(NULL);
    pfs_journal_close(journal);
    pfs_store_close(store);
}

static void a_slow_sync_is_not_put_off(void **state)
{
    struct pfs_store *store = open_slow_memory(20000);
    struct pfs_journal *journal = open_journal(store, 0, 0);
    struct worker w = {.journal = journal};
    struct pfs_idle idle = {0};
    uint64_t t;

    (void)state;
    pthread_mutex_init(&w.lock, NULL);
    pthread_cond_init(&w.told, NULL);
    assert_int_equal(add(journal, 1, PFS_JOURNAL_ROWS, "row"), 0);
    assert_int_equal(pfs_journal_sync(journal, 0, NULL), 0);
    pfs_idle_begin(&idle);
    t = pfs_journal_transaction(journal);
    assert_int_equal(add(journal, t, PFS_JOURNAL_ROWS, "row"), 0);
    pfs_journal_sync_later(journal, t, PFS_LEAD_IDLE, tell, &w);
    assert_false(pfs_idle_has_work());
    pthread_mutex_lock(&w.lock);
    while (w.calls == 0)
        pthread_cond_wait(&w.told, &w.lock);
    pthread_mutex_unlock(&w.lock);
    assert_int_equal(w.calls, 1);
    pfs_idle_begin(NULL);
    pfs_journal_close(journal);
    pfs_store_close(store);
}

/* The thread does not come back, or another one waits for itself, or the journal is closed: in each case all are told
 * once, and soon. */
static void what_is_put_off_waits_for_nobody(void **state)
{
    (void)state;
    (void)alarm(60);
    for (int way = 0; way < 4; way++) {
        struct pfs_store *store = open_slow_memory(0);
        struct pfs_journal *journal = open_journal(store, 0, 0);
        struct worker w = {.journal = journal};
        struct pfs_idle idle = {0};
        uint64_t t = pfs_journal_transaction(journal);

        pthread_mutex_init(&w.lock, NULL);
        pthread_cond_init(&w.told, NULL);
        pfs_idle_begin(&idle);
        assert_int_equal(add(journal, t, PFS_JOURNAL_ROWS, "row"), 0);
        pfs_journal_sync_later(journal, t, PFS_LEAD_IDLE, tell, &w);
        assert_true(pfs_idle_has_work());
        if (way == 0)
            pfs_idle_moment(PFS_IDLE_LEAVE);
        else if (way == 1)
            (void)pfs_idle_watch(&idle, -1);
        else if (way == 2)
            assert_int_equal(pfs_journal_sync(journal, t, NULL), 0);
        if (way < 3) {
            pthread_mutex_lock(&w.lock);
            while (w.calls == 0)
                pthread_cond_wait(&w.told, &w.lock);
            pthread_mutex_unlock(&w.lock);
        }
        pfs_journal_close(journal);
        assert_int_equal(w.calls, 1);
        assert_false(pfs_idle_has_work());
        pfs_idle_begin(NULL);
        pfs_store_close(store);
    }
    (void)alarm(0);
}

static void a_sync_that_was_put_off_and_fails_is_told(void **state)
{
    struct pfs_fault fault = {.fail_errno = EIO};
    struct pfs_store *memory = open_memory(), *store;
    struct pfs_journal *journal;
    struct counted c = {0};
    struct pfs_idle idle = {0};
    uint64_t t;

    (void)state;
    assert_int_equal(pfs_store_open_fault(memory, &fault, &store, NULL), 0);
    journal = open_journal(store, 0, 0);
    pfs_idle_begin(&idle);
    be_quick(journal);
    (void)add_later(journal, &c);
    pfs_idle_moment(PFS_IDLE_FREE);
    assert_int_equal(c.told, 1);
    assert_int_equal(c.failed, 0);
    be_quick(journal);
    t = add_later(journal, &c);
    (void)add_later(journal, &c);
    fault.fail_at = fault.calls + 1;
    pfs_idle_moment(PFS_IDLE_FREE);
    assert_int_equal(c.told, 3);
    assert_int_equal(c.failed, 2);
    fault.fail_at = 0;
    assert_int_equal(add(journal, t, PFS_JOURNAL_ROWS, "more"), -EIO);
    (void)add_later(journal, &c); /* another one goes on, in a segment of its own, after the others had their time */
    while (pfs_idle_has_work())
        pfs_idle_moment(PFS_IDLE_FREE);
    pfs_idle_begin(NULL);
    pfs_journal_close(journal); /* on a busy machine it was the journal's thread */
    assert_int_equal(c.told, 4);
    assert_int_equal(c.failed, 2);
    pfs_store_close(store);
}

/* Who is told may have to wait for somebody who holds a lock, and waits for a sync of his own. */
static void tell_after_another(void *context, int rc, const struct pfs_err *err)
{
    struct timespec until;

    come_late(NULL);
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 10;
    pthread_mutex_lock(&slow.late.lock);
    while (slow.late.calls == 0 && pthread_cond_timedwait(&slow.late.told, &slow.late.lock, &until) == 0)
        ;
    pthread_mutex_unlock(&slow.late.lock);
    count_told(context, rc, err);
}

static void who_comes_while_others_are_told_is_served(void **state)
{
    struct pfs_store *store = open_slow_memory(0);
    struct counted c = {0};
    struct pfs_idle idle = {0};

    (void)state;
    pthread_mutex_init(&slow.late.lock, NULL);
    pthread_cond_init(&slow.late.told, NULL);
    slow.journal = open_journal(store, 0, 0);
    pfs_idle_begin(&idle);
    assert_int_equal(add(slow.journal, 1, PFS_JOURNAL_ROWS, "early"), 0);
    pfs_journal_sync_later(slow.journal, 1, PFS_LEAD_IDLE, tell_after_another, &c);
    assert_true(pfs_idle_has_work());
    pfs_idle_moment(PFS_IDLE_FREE);
    assert_int_equal(c.told, 1);
    pthread_mutex_lock(&slow.late.lock);
    assert_int_equal(slow.late.calls, 1);
    pthread_mutex_unlock(&slow.late.lock);
    pfs_idle_begin(NULL);
    pfs_journal_close(slow.journal);
    pfs_store_close(store);
}

/* ---- all ways at once ---- */

#define SERVERS 4
#define TURNS 3000
#define ALL_TOLD_EACH 50

struct server {
    struct pfs_journal *journal;
    struct pfs_idle idle;
    unsigned seed;
    bool sleeps; /* while it waits, so that others have to see to what it put off */
    int asked;
    atomic_int told;
    pthread_t thread;
};

static atomic_bool served;

static void count_served(void *context, int rc, const struct pfs_err *err)
{
    struct server *s = context;

    (void)rc;
    (void)err;
    atomic_fetch_add(&s->told, 1);
}

static unsigned any_of(struct server *s, unsigned count)
{
    s->seed = s->seed * 1103515245 + 12345;
    return (s->seed >> 16) % count;
}

static void take_turn(struct server *s)
{
    uint64_t t = pfs_journal_transaction(s->journal);
    unsigned way = any_of(s, 8);

    if (add(s->journal, t, PFS_JOURNAL_ROWS, "row") == 0) {
        if (way == 0) {
            (void)pfs_journal_sync(s->journal, t, NULL);
        } else {
            s->asked++;
            pfs_journal_sync_later(s->journal, t,
                                   way == 1   ? PFS_LEAD_HERE
                                   : way == 2 ? PFS_LEAD_THREAD
                                              : PFS_LEAD_IDLE,
                                   count_served, s);
        }
        (void)add(s->journal, t, PFS_JOURNAL_RETIRED, "");
    }
    pfs_idle_moment((enum pfs_idle_moment)any_of(s, PFS_IDLE_LEAVE + 1));
}

static void *serve(void *context)
{
    const struct timespec moment = {.tv_nsec = 100000};
    struct server *s = context;

    pfs_idle_begin(&s->idle);
    for (int i = 1; i <= TURNS; i++) {
        take_turn(s);
        while (i % ALL_TOLD_EACH == 0 && atomic_load(&s->told) < s->asked) {
            if (!s->sleeps)
                pfs_idle_moment(PFS_IDLE_FREE);
            (void)nanosleep(&moment, NULL);
        }
    }
    pfs_idle_begin(NULL);
    return NULL;
}

static void *watch(void *context)
{
    const struct timespec moment = {.tv_nsec = 200000};
    struct server *server = context;

    while (!atomic_load(&served)) {
        for (int i = 0; i < SERVERS; i++)
            (void)pfs_idle_watch(&server[i].idle, 500000);
        (void)nanosleep(&moment, NULL);
    }
    return NULL;
}

/* Whoever leads, and however syncs go: who asks is told once, and nobody waits for the end. */
static void all_are_told_whoever_leads(void **state)
{
    (void)state;
    (void)alarm(120);
    for (int fails = 0; fails < 2; fails++) {
        struct pfs_store *store = open_slow_memory(1000);
        struct pfs_journal *journal = open_journal(store, 20000, 0);
        static struct server server[SERVERS];
        pthread_t watcher;

        memset(server, 0, sizeof(server));
        slow.delayed_each = 16;
        slow.fails_each = fails ? 37 : 0;
        atomic_store(&served, false);
        for (unsigned i = 0; i < SERVERS; i++) {
            server[i] = (struct server){.journal = journal, .seed = i, .sleeps = i % 2 == 1};
            assert_int_equal(pthread_create(&server[i].thread, NULL, serve, &server[i]), 0);
        }
        assert_int_equal(pthread_create(&watcher, NULL, watch, server), 0);
        for (int i = 0; i < SERVERS; i++)
            assert_int_equal(pthread_join(server[i].thread, NULL), 0);
        atomic_store(&served, true);
        assert_int_equal(pthread_join(watcher, NULL), 0);
        slow.fails_each = 0;
        pfs_journal_close(journal);
        for (int i = 0; i < SERVERS; i++)
            assert_int_equal(atomic_load(&server[i].told), server[i].asked);
        pfs_store_close(store);
    }
    (void)alarm(0);
}

#define WRITERS 4
#define APPENDS 20

static void *append_often(void *context)
{
    struct worker *w = context;

    for (int i = 0; i < APPENDS; i++) {
        uint64_t t = pfs_journal_transaction(w->journal);

        if (add(w->journal, t, PFS_JOURNAL_ROWS, "row") < 0)
            break;
        pfs_journal_sync_later(w->journal, t, PFS_LEAD_THREAD, tell, w);
        pthread_mutex_lock(&w->lock);
        while (w->calls < i + 1)
            pthread_cond_wait(&w->told, &w->lock);
        pthread_mutex_unlock(&w->lock);
    }
    return NULL;
}

/* They come back sooner than a sync takes: one sync is for all of them, and not one for half of them at a time. */
static void a_slow_sync_is_shared_by_all_who_append(void **state)
{
    struct pfs_store *store = open_slow_memory(20000);
    struct pfs_journal *journal = open_journal(store, 0, 0);
    struct worker worker[WRITERS];
    pthread_t thread[WRITERS];

    (void)state;
    for (int i = 0; i < WRITERS; i++) {
        worker[i] = (struct worker){.journal = journal};
        pthread_mutex_init(&worker[i].lock, NULL);
        pthread_cond_init(&worker[i].told, NULL);
        assert_int_equal(pthread_create(&thread[i], NULL, append_often, &worker[i]), 0);
    }
    for (int i = 0; i < WRITERS; i++) {
        assert_int_equal(pthread_join(thread[i], NULL), 0);
        assert_int_equal(worker[i].calls, APPENDS);
    }
    assert_in_range(slow.syncs, APPENDS, APPENDS * 8 / 5);
    pfs_journal_close(journal);
    pfs_store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_share_a_journal),
        cmocka_unit_test(who_comes_while_another_syncs_for_itself_is_served),
        cmocka_unit_test(a_slow_sync_is_shared_by_all_who_append),
        cmocka_unit_test(nobody_is_told_by_one_who_waits_for_a_sync),
        cmocka_unit_test(a_sync_is_put_off_until_all_have_come),
        cmocka_unit_test(who_comes_while_the_thread_leads_is_put_off),
        cmocka_unit_test(what_is_put_off_begins_to_be_written),
        cmocka_unit_test(a_slow_sync_is_not_put_off),
        cmocka_unit_test(what_is_put_off_waits_for_nobody),
        cmocka_unit_test(a_sync_that_was_put_off_and_fails_is_told),
        cmocka_unit_test(who_comes_while_others_are_told_is_served),
        cmocka_unit_test(all_are_told_whoever_leads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
