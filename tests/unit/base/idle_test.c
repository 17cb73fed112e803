/* idle_test.c - what is put off is asked about until it is done, by its thread or by the one that watches. */
#include "base/idle.h"

#include <pthread.h>

#include "tests/unit/cm.h"

struct work {
    int asked[3]; /* by moment */
    int needed;   /* moments, but for PFS_IDLE_LEAVE, until it is done */
};

static bool see_to(void *context, enum pfs_idle_moment moment)
{
    struct work *w = context;

    w->asked[moment]++;
    return moment == PFS_IDLE_LEAVE || --w->needed == 0;
}

static void nothing_is_put_off_by_a_thread_without_idle_moments(void **state)
{
    struct work w = {.needed = 1};

    (void)state;
    assert_false(pfs_idle_put_off(see_to, &w, 0));
    assert_false(pfs_idle_has_work());
    pfs_idle_moment(PFS_IDLE_FREE);
    assert_int_equal(w.asked[PFS_IDLE_FREE], 0);
}

static void work_is_asked_about_until_it_is_done(void **state)
{
    struct work w = {.needed = 3}, other = {.needed = 1};
    struct pfs_idle idle = {0};

    (void)state;
    pfs_idle_begin(&idle);
    assert_true(pfs_idle_put_off(see_to, &w, 0));
    assert_false(pfs_idle_put_off(see_to, &other, 0));
    assert_true(pfs_idle_has_work());
    pfs_idle_moment(PFS_IDLE_BUSY);
    pfs_idle_moment(PFS_IDLE_FREE);
    assert_true(pfs_idle_has_work());
    pfs_idle_moment(PFS_IDLE_BUSY);
    assert_false(pfs_idle_has_work());
    pfs_idle_moment(PFS_IDLE_FREE);
    assert_int_equal(w.asked[PFS_IDLE_FREE], 1);
    assert_int_equal(w.asked[PFS_IDLE_BUSY], 2);
    assert_true(pfs_idle_put_off(see_to, &other, 0)); /* there is room for the next one */
    pfs_idle_moment(PFS_IDLE_FREE);
    assert_int_equal(other.asked[PFS_IDLE_FREE], 1);
    pfs_idle_begin(NULL);
    assert_int_equal(w.asked[PFS_IDLE_LEAVE] + other.asked[PFS_IDLE_LEAVE], 0);
}

static void work_is_due_when_its_patience_has_ended(void **state)
{
    struct work w = {.needed = 1};
    struct pfs_idle idle = {0};
    int64_t since;

    (void)state;
    pfs_idle_begin(&idle);
    assert_false(pfs_idle_is_due(INT64_MAX));
    assert_true(pfs_idle_put_off(see_to, &w, 1000));
    since = atomic_load(&idle.since_ns);
    assert_false(pfs_idle_is_due(since - 1));
    assert_false(pfs_idle_is_due(since + 1000));
    assert_true(pfs_idle_is_due(since + 1001));
    pfs_idle_moment(PFS_IDLE_FREE); /* it is asked about all the same */
    assert_int_equal(w.asked[PFS_IDLE_FREE], 1);
    assert_false(pfs_idle_is_due(INT64_MAX));
    pfs_idle_begin(NULL);
}

static void nothing_is_put_off_while_no_moment_is_expected(void **state)
{
    struct work w = {.needed = 1};
    struct pfs_idle idle = {0};

    (void)state;
    pfs_idle_expect(true);
    assert_false(pfs_idle_is_expected()); /* it has none */
    pfs_idle_begin(&idle);
    assert_true(pfs_idle_is_expected());
    pfs_idle_expect(false);
    assert_false(pfs_idle_is_expected());
    assert_false(pfs_idle_put_off(see_to, &w, 0));
    pfs_idle_expect(true);
    assert_true(pfs_idle_put_off(see_to, &w, 0));
    pfs_idle_expect(false); /* what is put off already is seen to all the same */
    pfs_idle_moment(PFS_IDLE_FREE);
    assert_int_equal(w.asked[PFS_IDLE_FREE], 1);
    pfs_idle_begin(NULL);
}

static void a_thread_that_ends_hands_on(void **state)
{
    struct work w = {.needed = 5};
    struct pfs_idle idle = {0};

    (void)state;
    pfs_idle_begin(&idle);
    assert_true(pfs_idle_put_off(see_to, &w, 0));
    pfs_idle_begin(NULL);
    assert_int_equal(w.asked[PFS_IDLE_LEAVE], 1);
    assert_false(pfs_idle_put_off(see_to, &w, 0));
}

/* While it is being seen to nobody else may have it, and nothing is put off in its place. */
static struct pfs_idle *watched;

static bool see_to_while_watched(void *context, enum pfs_idle_moment moment)
{
    struct work *w = context;

    assert_true(pfs_idle_watch(watched, -1));
    assert_false(pfs_idle_put_off(see_to, w, 0));
    return see_to(context, moment);
}

static void who_watches_hands_on_what_waits_too_long(void **state)
{
    struct work w = {.needed = 2};
    struct pfs_idle idle = {0};

    (void)state;
    watched = &idle;
    pfs_idle_begin(&idle);
    assert_false(pfs_idle_watch(&idle, -1));
    assert_true(pfs_idle_put_off(see_to_while_watched, &w, 0));
    assert_true(pfs_idle_watch(&idle, INT64_MAX)); /* not yet */
    pfs_idle_moment(PFS_IDLE_FREE);
    assert_int_equal(w.asked[PFS_IDLE_LEAVE], 0);
    assert_false(pfs_idle_watch(&idle, -1));
    assert_int_equal(w.asked[PFS_IDLE_LEAVE], 1);
    assert_false(pfs_idle_has_work());
    pfs_idle_begin(NULL);
    assert_int_equal(w.asked[PFS_IDLE_LEAVE], 1);
}

/* One thread puts off and sees to it, another one hands on: each piece of work is done once. */
#define PIECES 200000

static atomic_int done;
static atomic_bool over;

static bool count(void *context, enum pfs_idle_moment moment)
{
    (void)context;
    if (moment == PFS_IDLE_BUSY)
        return false;
    atomic_fetch_add(&done, 1);
    return true;
}

static void *watch(void *context)
{
    while (!atomic_load(&over))
        (void)pfs_idle_watch(context, -1);
    return NULL;
}

static void work_is_done_once_whoever_sees_to_it(void **state)
{
    struct pfs_idle idle = {0};
    pthread_t thread;
    int put_off = 0;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, watch, &idle), 0);
    pfs_idle_begin(&idle);
    for (int i = 0; i < PIECES; i++) {
        put_off += pfs_idle_put_off(count, NULL, 0);
        pfs_idle_moment(PFS_IDLE_BUSY);
        pfs_idle_moment(PFS_IDLE_FREE);
    }
    atomic_store(&over, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    pfs_idle_begin(NULL);
    assert_true(put_off > 0);
    assert_int_equal(atomic_load(&done), put_off);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_put_off_by_a_thread_without_idle_moments),
        cmocka_unit_test(work_is_asked_about_until_it_is_done),
        cmocka_unit_test(work_is_due_when_its_patience_has_ended),
        cmocka_unit_test(nothing_is_put_off_while_no_moment_is_expected),
        cmocka_unit_test(a_thread_that_ends_hands_on),
        cmocka_unit_test(who_watches_hands_on_what_waits_too_long),
        cmocka_unit_test(work_is_done_once_whoever_sees_to_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
