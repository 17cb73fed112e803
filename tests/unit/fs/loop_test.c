/* loop_test.c - requests through a pipe: each is worked on once, and none waits for another one. */
#include "fs/mount/loop.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/idle.h"
#include "base/mem.h"
#include "tests/unit/cm.h"

#define LETTERS 128
#define DEADLINE_S 20

/* A request is a letter: `b` is brief, `l` takes longer, `B` and `L` are the same until a `k` comes, `p` is brief and
 * puts something off if it can, `e` is an error of the device. */
struct device {
    int in, out; /* the pipe's ends: requests come from `in` */
    atomic_int seen[LETTERS], dropped;
    sem_t key;
    atomic_bool told;
    bool lies; /* waits when it is told not to */
    atomic_int put_off, asked[PFS_IDLE_LEAVE + 1], finished;
};

PFS_CANCELLABLE static int receive(void *context, struct pfs_loop_request *request, bool waits)
{
    struct device *d = context;
    struct pollfd in = {.fd = d->in, .events = POLLIN};
    ssize_t got;

    if (!waits && !d->lies && poll(&in, 1, 0) == 0)
        return -EAGAIN;
    if (request->memory == NULL)
        request->memory = pfs_alloc(1);
    got = read(d->in, request->memory, 1);
    request->size = 1;
    return got < 0 ? -errno : got > 0 && *(char *)request->memory == 'e' ? -EIO : (int)got;
}

static bool brief(void *context, const struct pfs_loop_request *request)
{
    char letter = *(const char *)request->memory;

    (void)context;
    return letter == 'b' || letter == 'B' || letter == 'p';
}

/* Done when nothing else is to do. */
static bool see_to(void *context, enum pfs_idle_moment moment)
{
    struct device *d = context;

    atomic_fetch_add(&d->asked[moment], 1);
    if (moment == PFS_IDLE_BUSY)
        return false;
    atomic_fetch_add(&d->finished, 1);
    return true;
}

static void process(void *context, struct pfs_loop_request *request)
{
    struct device *d = context;
    char letter = *(char *)request->memory;

    if (letter == 'k')
        (void)sem_post(&d->key);
    if (letter == 'B' || letter == 'L')
        (void)sem_wait(&d->key);
    if (letter == 'p' && pfs_idle_put_off(see_to, d, 0))
        atomic_fetch_add(&d->put_off, 1);
    else if (letter == 'p')
        atomic_fetch_add(&d->finished, 1);
    atomic_fetch_add(&d->seen[(int)letter], 1);
}

static void drop(void *context, struct pfs_loop_request *request)
{
    struct device *d = context;

    pfs_free(request->memory);
    atomic_fetch_add(&d->dropped, 1);
}

static bool ended(void *context)
{
    struct device *d = context;

    return atomic_load(&d->told);
}

static int run(struct device *d, int threads, struct pfs_err *err)
{
    const struct pfs_loop_config config = {.threads = threads,
                                           .receive = receive,
                                           .brief = brief,
                                           .process = process,
                                           .drop = drop,
                                           .ended = ended,
                                           .context = d};

    return pfs_loop_run(&config, err);
}

static void *run_alone(void *context)
{
    return (void *)(intptr_t)run(context, 4, NULL);
}

static void begin(struct device *d)
{
    int ends[2];

    *d = (struct device){0};
    assert_int_equal(pipe(ends), 0);
    d->in = ends[0];
    d->out = ends[1];
    assert_int_equal(sem_init(&d->key, 0, 0), 0);
    (void)alarm(DEADLINE_S); /* a request that waits for ever ends the test */
}

static void end(struct device *d)
{
    (void)alarm(0);
    (void)close(d->in);
    (void)sem_destroy(&d->key);
}

/* The loop has ended well. */
static void join(pthread_t thread)
{
    void *rc;

    assert_int_equal(pthread_join(thread, &rc), 0);
    assert_int_equal((intptr_t)rc, 0);
}

static void ask(const struct device *d, const char *letters)
{
    assert_int_equal(write(d->out, letters, strlen(letters)), strlen(letters));
}

static void ask_often(const struct device *d, char letter, int count)
{
    for (int i = 0; i < count; i++)
        assert_int_equal(write(d->out, &letter, 1), 1);
}

static void await(struct device *d, char letter, int count)
{
    const struct timespec moment = {.tv_nsec = 1000000};

    while (atomic_load(&d->seen[(int)letter]) < count)
        (void)nanosleep(&moment, NULL);
}

static void each_request_is_worked_on_once(void **state)
{
    struct device d;
    pthread_t thread;

    (void)state;
    begin(&d);
    assert_int_equal(pthread_create(&thread, NULL, run_alone, &d), 0);
    for (int i = 0; i < 50; i++) {
        ask_often(&d, 'b', 100);
        ask_often(&d, 'l', i % 7);
    }
    (void)close(d.out);
    join(thread);
    assert_int_equal(d.seen['b'], 5000);
    assert_int_equal(d.seen['l'], 147);
    assert_int_equal(d.dropped, 4);
    end(&d);
}

/* After many brief ones a single thread receives. */
static void nothing_waits_for(char stuck)
{
    const char letters[] = {stuck, '\0'};
    struct device d;
    pthread_t thread;

    begin(&d);
    assert_int_equal(pthread_create(&thread, NULL, run_alone, &d), 0);
    for (int i = 1; i <= 5; i++) {
        ask_often(&d, 'b', 60);
        await(&d, 'b', 60 * i);
        ask(&d, letters);
        ask(&d, "k");
        await(&d, stuck, i);
    }
    (void)close(d.out);
    join(thread);
    end(&d);
}

static void nothing_waits_for_a_long_request(void **state)
{
    (void)state;
    nothing_waits_for('L');
}

static void nothing_waits_for_a_brief_request_that_is_stuck(void **state)
{
    (void)state;
    nothing_waits_for('B');
}

static void await_finished(struct device *d, int count)
{
    const struct timespec moment = {.tv_nsec = 1000000};

    while (atomic_load(&d->finished) < count)
        (void)nanosleep(&moment, NULL);
}

/* By the thread that serves when it has nothing else to do; where it sleeps, because it saw a request that another one
 * took, by the thread that looks; before a long request, and at the end, at once. */
static void what_is_put_off_is_seen_to(void **state)
{
    (void)state;
    for (int lies = 0; lies < 2; lies++) {
        struct device d;
        pthread_t thread;

        begin(&d);
        d.lies = lies == 1;
        assert_int_equal(pthread_create(&thread, NULL, run_alone, &d), 0);
        for (int i = 1; i <= 20; i++) {
            ask_often(&d, 'b', 200);
            ask(&d, "p");
            await_finished(&d, i);
        }
        if (lies)
            assert_int_equal(d.asked[PFS_IDLE_FREE], 0);
        ask_often(&d, 'b', 200);
        ask(&d, "pL");
        await_finished(&d, 21);
        ask(&d, "k");
        await(&d, 'L', 1);
        ask_often(&d, 'b', 200);
        ask(&d, "p");
        (void)close(d.out);
        join(thread);
        assert_in_range(d.put_off, 1, 22); /* on a busy machine none is expected to be free */
        assert_int_equal(d.finished, 22);
        end(&d);
    }
}

/* Whoever is late now and then is awaited awake still: what it puts off is seen to at a free moment. */
static void a_late_request_ends_no_run(void **state)
{
    const struct timespec late = {.tv_nsec = 2000000};
    struct device d;
    pthread_t thread;

    (void)state;
    begin(&d);
    assert_int_equal(pthread_create(&thread, NULL, run_alone, &d), 0);
    for (int i = 1; i <= 20; i++) {
        ask_often(&d, 'b', 200);
        await(&d, 'b', 200 * i);
        (void)nanosleep(&late, NULL);
        ask(&d, "p");
        await_finished(&d, i);
    }
    if (sysconf(_SC_NPROCESSORS_ONLN) > 1)
        assert_true(d.asked[PFS_IDLE_FREE] > 0); /* on a busy machine not each time */
    (void)close(d.out);
    join(thread);
    end(&d);
}

/* Told to end as soon as something is put off: before whoever looks has looked. */
static bool ended_by_work(void *context)
{
    struct device *d = context;

    return atomic_load(&d->put_off) > 0;
}

static void *run_until_work(void *context)
{
    struct device *d = context;
    const struct pfs_loop_config config = {.threads = 4,
                                           .receive = receive,
                                           .brief = brief,
                                           .process = process,
                                           .drop = drop,
                                           .ended = ended_by_work,
                                           .context = d};

    return (void *)(intptr_t)pfs_loop_run(&config, NULL);
}

/* Three threads are held up by long requests, and the one that put something off sleeps. */
static void at_the_end_what_is_put_off_waits_for_no_request(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        struct device d;
        pthread_t thread;

        begin(&d);
        d.lies = true;
        ask(&d, "LLL");
        ask_often(&d, 'b', 200);
        ask(&d, "p");
        assert_int_equal(pthread_create(&thread, NULL, run_until_work, &d), 0);
        await_finished(&d, 1);
        assert_int_equal(d.seen['L'], 0);
        for (int k = 0; k < 3; k++)
            (void)sem_post(&d.key);
        join(thread);
        assert_int_equal(d.seen['L'], 3);
        (void)close(d.out);
        end(&d);
    }
}

static struct device *signalled;

static void tell(int sig)
{
    (void)sig;
    atomic_store(&signalled->told, true);
}

static void *signal_later(void *context)
{
    struct device *d = context;

    ask_often(d, 'b', 100);
    await(d, 'b', 100);
    (void)kill(getpid(), SIGUSR1);
    return NULL;
}

/* The handler may run on any thread that does not block the signal: the one that called. */
static void it_ends_by_a_signal_while_it_waits(void **state)
{
    const struct sigaction action = {.sa_handler = tell};
    struct device d;
    pthread_t thread;
    sigset_t one, before;

    (void)state;
    begin(&d);
    signalled = &d;
    assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
    sigemptyset(&one);
    sigaddset(&one, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &one, &before);
    assert_int_equal(pthread_create(&thread, NULL, signal_later, &d), 0);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    assert_int_equal(run(&d, 3, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(d.dropped, 3);
    (void)close(d.out);
    end(&d);
}

static void a_device_that_fails_ends_it_with_a_sentence(void **state)
{
    struct pfs_err err = {0};
    struct device d;

    (void)state;
    begin(&d);
    ask(&d, "bble");
    assert_int_equal(run(&d, 2, &err), -EIO);
    assert_non_null(strstr(err.text, "requests cannot be received"));
    (void)close(d.out);
    end(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_request_is_worked_on_once),
        cmocka_unit_test(nothing_waits_for_a_long_request),
        cmocka_unit_test(nothing_waits_for_a_brief_request_that_is_stuck),
        cmocka_unit_test(what_is_put_off_is_seen_to),
        cmocka_unit_test(a_late_request_ends_no_run),
        cmocka_unit_test(at_the_end_what_is_put_off_waits_for_no_request),
        cmocka_unit_test(it_ends_by_a_signal_while_it_waits),
        cmocka_unit_test(a_device_that_fails_ends_it_with_a_sentence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
