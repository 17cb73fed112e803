#include "base/clock.h"

#include <stdlib.h>
#include <time.h>

#include "tests/unit/cm.h"

static int64_t held(void *self)
{
    return *(int64_t *)self;
}

static void a_clock_can_be_held_still(void **state)
{
    int64_t at = 1704164645123;
    struct pfs_clock clock = {held, &at};

    (void)state;
    assert_int_equal(pfs_clock_now_ms(&clock), 1704164645123);
    at = 5;
    assert_int_equal(pfs_clock_now_ms(&clock), 5);
}

static void without_one_it_is_the_systems(void **state)
{
    struct pfs_clock zeroed = {0};
    int64_t low = (int64_t)time(NULL) * 1000 - 2000, high = low + 60000;

    (void)state;
    assert_in_range(pfs_clock_now_ms(NULL), low, high);
    assert_in_range(pfs_clock_now_ms(&zeroed), low, high);
}

static void time_passed_never_goes_back(void **state)
{
    int64_t last = pfs_clock_monotonic_ms();

    (void)state;
    for (int i = 0; i < 1000; i++) {
        int64_t now = pfs_clock_monotonic_ms();

        assert_true(now >= last);
        last = now;
    }
}

/* A user's option may be any number. */
static void the_ends_of_time_are_shown_as_they_are(void **state)
{
    static const char *const zones[] = {"EAST-9", "WEST+9"};

    (void)state;
    for (size_t i = 0; i < COUNT(zones); i++) {
        assert_int_equal(setenv("TZ", zones[i], 1), 0);
        tzset();
        assert_int_equal(pfs_clock_local_ms(0), i == 0 ? 9 * 3600000 : -9 * 3600000);
        assert_int_equal(pfs_clock_instant_ms(pfs_clock_local_ms(1700000000123)), 1700000000123);
        (void)pfs_clock_local_ms(i == 0 ? INT64_MAX : INT64_MIN); /* the sanitizer minds a sum that wraps */
        assert_true((pfs_clock_local_ms(INT64_MAX) > 0) && (pfs_clock_local_ms(INT64_MIN) < 0));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clock_can_be_held_still),
        cmocka_unit_test(without_one_it_is_the_systems),
        cmocka_unit_test(time_passed_never_goes_back),
        cmocka_unit_test(the_ends_of_time_are_shown_as_they_are),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
