/* What a partition's values spell. */
#include "src/retain/partition_time.h"

#include "base/datetime.h"
#include "tests/unit/cm.h"

#define DAYS(year, month, day) (pfs_days_from_civil(year, month, day) * 86400000)
#define CLOCK(hour, minute, second) (((hour * 60 + minute) * 60 + second) * (int64_t)1000)

static void texts_without_a_formatter_are_read_leniently(void **state)
{
    static const struct {
        const char *text;
        int rc;
        int64_t days, clock;
    } cases[] = {{"2020-01-02", 1, 18263, 0},
                 {"2020-1-2", 1, 18263, 0},
                 {"2020-01-02 03:04:05", 1, 18263, CLOCK(3, 4, 5)},
                 {"2020-01-02 3:4:5.5", 1, 18263, CLOCK(3, 4, 5) + 500},
                 {"2020-01-02 03:04:05.123456789", 1, 18263, CLOCK(3, 4, 5) + 123},
                 {"2020-13-40", 1, 18262 + 366 + 39, 0},
                 {"2020-02-30", 1, 18262 + 31 + 29, 0},
                 {"2020-01-02 25:00:00", 1, 18264, CLOCK(1, 0, 0)},
                 {"20200101", 0, 0, 0},
                 {"2020-01-02T03:04:05", 0, 0, 0},
                 {"2020-01-02 03:04", 0, 0, 0},
                 {"2020-01-02 03:04:05.", 0, 0, 0},
                 {"2020-01", 0, 0, 0},
                 {"", 0, 0, 0},
                 {"99999999999-01-01", 0, 0, 0},
                 {"18263", 0, 0, 0}};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t out = 0;

        CHECK(cases[i].text, pfs_partition_time(cases[i].text, NULL, &out, NULL) == cases[i].rc);
        if (cases[i].rc == 1)
            CHECK(cases[i].text, out == cases[i].days * 86400000 + cases[i].clock);
    }
}

static void a_formatter_is_followed(void **state)
{
    static const struct {
        const char *text, *formatter;
        int rc;
        int64_t clock; /* on 2020-01-02 */
    } cases[] = {{"20200102", "yyyyMMdd", 1, 0},
                 {"2020010203", "yyyyMMddHH", 1, CLOCK(3, 0, 0)},
                 {"2020/1/2", "yyyy/M/d", 1, 0},
                 {"2020/01/02", "yyyy/M/d", 1, 0},
                 {"20200102", "uuuuMMdd", 1, 0},
                 {"20200102", "yMMdd", 1, 0},
                 {"200102", "yyMMdd", 1, 0},
                 {"2020-01-02T03:04", "yyyy-MM-dd'T'HH:mm", 1, CLOCK(3, 4, 0)},
                 {"2020-01-02 03:04:05.678", "yyyy-MM-dd HH:mm:ss.SSS", 1, CLOCK(3, 4, 5) + 678},
                 {"on 02.01.2020", "'on' dd.MM.yyyy", 1, 0},
                 {"2020010124", "yyyyMMddHH", 1, 0},
                 {"202001", "yyyyMM", 0, 0},
                 {"2020-01-02", "yyyyMMdd", 0, 0},
                 {"20201302", "yyyyMMdd", 0, 0},
                 {"2020010", "yyyyMMdd", 0, 0},
                 {"202001022", "yyyyMMdd", 0, 0},
                 {"2020010225", "yyyyMMddHH", 0, 0},
                 {"2020-01-02", "yyyy-MM-dd HH", 0, 0},
                 {"", "yyyyMMdd", 0, 0},
                 {"2 Jan 2020", "d MMM yyyy", -EOPNOTSUPP, 0},
                 {"2020-W01", "YYYY", -EOPNOTSUPP, 0}};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t out = 0;

        CHECK(cases[i].text, pfs_partition_time(cases[i].text, cases[i].formatter, &out, NULL) == cases[i].rc);
        if (cases[i].rc == 1)
            CHECK(cases[i].text, out == DAYS(2020, 1, 2) + cases[i].clock);
    }
}

static void a_day_that_the_month_lacks_is_its_last(void **state)
{
    int64_t out;

    (void)state;
    assert_int_equal(pfs_partition_time("20200231", "yyyyMMdd", &out, NULL), 1);
    assert_int_equal(out, DAYS(2020, 2, 29));
    assert_int_equal(pfs_partition_time("20200232", "yyyyMMdd", &out, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_without_a_formatter_are_read_leniently),
        cmocka_unit_test(a_formatter_is_followed),
        cmocka_unit_test(a_day_that_the_month_lacks_is_its_last),
    };

    return cmocka_run_group_tests_name("partition_time", tests, NULL, NULL);
}
