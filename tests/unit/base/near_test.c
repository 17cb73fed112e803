/* near_test.c - where a thread that waits for a device is kept, and that it is let go. */
#include "base/near.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/thread.h"
#include "tests/unit/cm.h"

static const int two[] = {3, 5}; /* processors by number */

/* So many waits wherever it says, which take so long at the first and at the second one. How many were at the second.
 */
static int wait_often(struct pfs_near *near, int count, int64_t first_ns, int64_t second_ns)
{
    int here = 3, seconds = 0;

    for (int i = 0; i < count; i++) {
        int to = pfs_near_choose(near, here);

        here = to < 0 ? here : to;
        pfs_near_note(near, here, here == 5 ? second_ns : first_ns);
        seconds += here == 5;
    }
    return seconds;
}

static void each_is_tried_and_the_nearer_one_chosen(void **state)
{
    struct pfs_near near;

    (void)state;
    for (int nearer = 0; nearer < 2; nearer++) {
        pfs_near_init_among(&near, two, 2);
        (void)wait_often(&near, 32, nearer == 0 ? 80 : 120, nearer == 1 ? 80 : 120);
        for (int here = 3; here <= 5; here += 2)
            assert_int_equal(pfs_near_choose(&near, here), two[nearer]);
        assert_int_equal(pfs_near_choose(&near, 7), two[nearer]); /* one that was not there at the beginning */
        pfs_near_done(&near);
    }
}

static void where_all_are_alike_a_thread_stays(void **state)
{
    struct pfs_near near;

    (void)state;
    pfs_near_init_among(&near, two, 2);
    (void)wait_often(&near, 32, 100, 105);
    assert_int_equal(pfs_near_choose(&near, 3), 3);
    assert_int_equal(pfs_near_choose(&near, 5), 5);
    pfs_near_done(&near);
}

/* Not by one long wait, as a disk has now and then. */
static void what_has_changed_is_noticed(void **state)
{
    struct pfs_near near;

    (void)state;
    pfs_near_init_among(&near, two, 2);
    (void)wait_often(&near, 32, 80, 120);
    pfs_near_note(&near, 3, 1000000);
    (void)wait_often(&near, 8, 80, 120);
    assert_int_equal(pfs_near_choose(&near, 5), 3);
    assert_true(wait_often(&near, 5000, 160, 120) > 4900); /* the first one has become slower */
    assert_true(wait_often(&near, 10000, 160, 80) > 9900);
    (void)wait_often(&near, 5000, 60, 80); /* it is quicker again: it is tried again */
    assert_int_equal(pfs_near_choose(&near, 5), 3);
    pfs_near_done(&near);
}

static void one_that_cannot_be_reached_is_passed_over(void **state)
{
    struct pfs_near near;

    (void)state;
    pfs_near_init_among(&near, two, 2);
    for (int i = 0; i < 100; i++)
        pfs_near_note(&near, 5, 100);
    assert_int_equal(pfs_near_choose(&near, 5), 5);
    for (int i = 0; i < 100; i++)
        pfs_near_note(&near, -1, 100); /* nobody knows where */
    assert_int_equal(pfs_near_choose(&near, 5), 5);
    pfs_near_done(&near);
}

static void nothing_is_chosen_of_one_or_of_many(void **state)
{
    int many[PFS_NEAR_MAX + 1];
    struct pfs_near near;

    (void)state;
    for (int i = 0; i <= PFS_NEAR_MAX; i++)
        many[i] = i;
    for (int way = 0; way < 3; way++) {
        pfs_near_init_among(&near, many, way == 0 ? 0 : way == 1 ? 1 : PFS_NEAR_MAX + 1);
        for (int i = 0; i < 100; i++)
            pfs_near_note(&near, i % 2, 100 + 100 * (i % 2));
        assert_int_equal(pfs_near_choose(&near, 1), -1);
        pfs_near_done(&near);
    }
}

/* ---- with the system ---- */

static int processors(void)
{
    cpu_set_t all;

    return sched_getaffinity(0, sizeof(all), &all) == 0 ? CPU_COUNT(&all) : 1;
}

/* Keeps the thread at the last one of those that there are. */
static void be_kept(struct pfs_near *near)
{
    pfs_near_init(near);
    for (int i = 0; i < near->count; i++)
        near->mean_ns[i] = 1000 - 400 * (i == near->count - 1);
    near->trying = near->count;
    pfs_near_go(near);
}

static void *count_processors(void *context)
{
    atomic_store((atomic_int *)context, processors());
    return NULL;
}

static void a_thread_is_kept_until_it_leaves(void **state)
{
    const int all = processors();
    struct pfs_near near;
    atomic_int others;
    pthread_t thread;

    (void)state;
    if (all < 2 || all > PFS_NEAR_MAX)
        skip();
    be_kept(&near); /* it has not begun */
    assert_int_equal(processors(), all);
    pfs_near_begin();
    be_kept(&near);
    assert_int_equal(processors(), 1);
    assert_int_equal(pfs_near_here(), near.number[near.count - 1]);
    pfs_near_leave();
    assert_int_equal(processors(), all);
    pfs_near_begin();
    be_kept(&near);
    assert_int_equal(pfs_thread_start(&thread, count_processors, &others), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(others, all);
    assert_int_equal(processors(), all);
    pfs_near_done(&near);
}

struct hog {
    int processor;
    atomic_bool ended;
};

static void *compute(void *context)
{
    struct hog *h = context;
    cpu_set_t one;

    CPU_ZERO(&one);
    CPU_SET((size_t)h->processor, &one);
    (void)sched_setaffinity(0, sizeof(one), &one);
    while (!atomic_load(&h->ended))
        ;
    return NULL;
}

static void who_finds_others_computing_is_let_go(void **state)
{
    const int all = processors();
    struct hog hog = {0};
    struct pfs_near near;
    pthread_t thread;

    (void)state;
    if (all < 2 || all > PFS_NEAR_MAX)
        skip();
    pfs_near_begin();
    be_kept(&near);
    assert_int_equal(processors(), 1);
    hog.processor = pfs_near_here();
    pfs_near_leave();
    assert_int_equal(pthread_create(&thread, NULL, compute, &hog), 0);
    pfs_near_begin();
    be_kept(&near);
    for (int i = 0; i < 1000000 && processors() == 1; i++)
        pfs_near_yield();
    assert_int_equal(processors(), all);
    be_kept(&near); /* not at once again */
    assert_int_equal(processors(), all);
    atomic_store(&hog.ended, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    pfs_near_leave();
    pfs_near_done(&near);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_tried_and_the_nearer_one_chosen),
        cmocka_unit_test(where_all_are_alike_a_thread_stays),
        cmocka_unit_test(what_has_changed_is_noticed),
        cmocka_unit_test(one_that_cannot_be_reached_is_passed_over),
        cmocka_unit_test(nothing_is_chosen_of_one_or_of_many),
        cmocka_unit_test(a_thread_is_kept_until_it_leaves),
        cmocka_unit_test(who_finds_others_computing_is_let_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
