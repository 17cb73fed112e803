#include "base/datetime.h"

#include <errno.h>

#include "tests/unit/cm.h"

#define IS(text, len, want) pfs_slice_eq(pfs_slice_of(text, len), pfs_str(want))

static void days_and_civil_dates_agree(void **state)
{
    static const struct {
        int64_t days;
        struct pfs_civil c;
    } cases[] = {
        {0, {1970, 1, 1}},       {-1, {1969, 12, 31}}, {19723, {2024, 1, 1}},   {19782, {2024, 2, 29}},
        {11016, {2000, 2, 29}},  {-719468, {0, 3, 1}}, {-719162, {1, 1, 1}},    {2932896, {9999, 12, 31}},
        {-25509, {1900, 2, 28}}, {-719528, {0, 1, 1}}, {-719529, {-1, 12, 31}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_civil c = pfs_civil_from_days(cases[i].days);

        assert_int_equal(c.year, cases[i].c.year);
        assert_int_equal(c.month, cases[i].c.month);
        assert_int_equal(c.day, cases[i].c.day);
        assert_int_equal(pfs_days_from_civil(c.year, c.month, c.day), cases[i].days);
    }
}

static void every_day_of_eight_centuries_follows_the_last(void **state)
{
    struct pfs_civil last = pfs_civil_from_days(-150001);

    (void)state;
    for (int64_t days = -150000; days < 150000; days++) {
        struct pfs_civil c = pfs_civil_from_days(days);
        bool next_day = c.year == last.year && c.month == last.month && c.day == last.day + 1;
        bool next_month = c.year == last.year && c.month == last.month + 1 && c.day == 1 && last.day >= 28;
        bool next_year = c.year == last.year + 1 && c.month == 1 && c.day == 1 && last.month == 12 && last.day == 31;

        assert_true(next_day || next_month || next_year);
        assert_int_equal(pfs_days_from_civil(c.year, c.month, c.day), days);
        last = c;
    }
}

static void dates_print(void **state)
{
    static const struct {
        int64_t days;
        const char *want;
    } cases[] = {
        {0, "1970-01-01"},
        {19723, "2024-01-01"},
        {-719162, "0001-01-01"},
        {2932896, "9999-12-31"},
        {2932897, "+10000-01-01"},
        {-719528, "0000-01-01"},
        {-719529, "-0001-12-31"},
        {INT32_MAX, "+5881580-07-11"},
        {INT32_MIN, "-5877641-06-23"},
        {INT64_MAX / 86400000, "+292278994-08-17"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[16];
        size_t len = pfs_date_print(cases[i].days, text);

        CHECK(cases[i].want, len <= sizeof(text) && IS(text, len, cases[i].want));
    }
}

static void days_of_any_moment_print_without_a_plus(void **state)
{
    static const struct {
        int64_t days;
        const char *want;
    } cases[] = {
        {2932897, "10000-01-01"},
        {-719529, "-0001-12-31"},
        {106751991167, "292278994-08-17"},
        {-106751991168, "-292275055-05-16"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[16];
        size_t len = pfs_day_print(cases[i].days, text);

        CHECK(cases[i].want, len <= sizeof(text) && IS(text, len, cases[i].want));
    }
}

static void times_print_modulo_a_day(void **state)
{
    static const struct {
        int32_t millis;
        const char *want;
    } cases[] = {
        {0, "00:00:00.000"},        {1, "00:00:00.001"},  {45296789, "12:34:56.789"},  {86399999, "23:59:59.999"},
        {86400000, "00:00:00.000"}, {-1, "23:59:59.999"}, {INT32_MIN, "03:28:36.352"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[16];
        size_t len = pfs_time_print(cases[i].millis, text);

        CHECK(cases[i].want, IS(text, len, cases[i].want));
    }
}

static void timestamps_print_with_their_precision(void **state)
{
    static const struct {
        int64_t millis;
        int32_t nanos;
        int precision;
        const char *want;
    } cases[] = {
        {0, 0, 0, "1970-01-01 00:00:00"},
        {1704164645123, 456789, 0, "2024-01-02 03:04:05"},
        {1704164645123, 456789, 1, "2024-01-02 03:04:05.1"},
        {1704164645123, 456789, 3, "2024-01-02 03:04:05.123"},
        {1704164645123, 456789, 6, "2024-01-02 03:04:05.123456"},
        {1704164645123, 456789, 9, "2024-01-02 03:04:05.123456789"},
        {-1, 0, 3, "1969-12-31 23:59:59.999"},
        {-1, 999999, 9, "1969-12-31 23:59:59.999999999"},
        {-62135596800000, 0, 3, "0001-01-01 00:00:00.000"},
        {INT64_MAX, 999999, 9, "+292278994-08-17 07:12:55.807999999"},
        {INT64_MIN, 0, 9, "-292275055-05-16 16:47:04.192000000"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[40];
        size_t len = pfs_timestamp_print(cases[i].millis, cases[i].nanos, cases[i].precision, text);

        CHECK(cases[i].want, IS(text, len, cases[i].want));
    }
}

static void dates_parse_whole(void **state)
{
    static const struct {
        const char *text;
        int rc;
        int32_t want;
    } cases[] = {
        {"1970-01-01", 0, 0},
        {"2024-02-29", 0, 19782},
        {"2000-02-29", 0, 11016},
        {"0001-01-01", 0, -719162},
        {"9999-12-31", 0, 2932896},
        {"2023-02-29", -EINVAL, 0},
        {"1900-02-29", -EINVAL, 0},
        {"2024-13-01", -EINVAL, 0},
        {"2024-00-01", -EINVAL, 0},
        {"2024-01-00", -EINVAL, 0},
        {"2024-04-31", -EINVAL, 0},
        {"2024-1-01", -EINVAL, 0},
        {"2024-01-1", -EINVAL, 0},
        {"2024-01-01 ", -EINVAL, 0},
        {"20240101", -EINVAL, 0},
        {"", -EINVAL, 0},
        {"2024-01", -EINVAL, 0},
        {"-024-01-01", -EINVAL, 0},
        {"2024/01/01", -EINVAL, 0},
        {"10000-01-01", 0, 2932897},
        {"+10000-01-01", 0, 2932897},
        {"-0001-12-31", 0, -719529},
        {"5881580-07-11", 0, INT32_MAX},
        {"5881580-07-12", -EINVAL, 0},
        {"-5877641-06-23", 0, INT32_MIN},
        {"1234567890-01-01", -EINVAL, 0},
        {"--001-01-01", -EINVAL, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int32_t v = 4711;

        CHECK(cases[i].text, pfs_date_parse(pfs_str(cases[i].text), &v) == cases[i].rc);
        CHECK(cases[i].text, v == (cases[i].rc == 0 ? cases[i].want : 4711));
    }
}

static void times_parse_whole(void **state)
{
    static const struct {
        const char *text;
        int rc;
        int32_t want;
    } cases[] = {
        {"00:00", 0, 0},
        {"12:34", 0, 45240000},
        {"12:34:56", 0, 45296000},
        {"12:34:56.7", 0, 45296700},
        {"12:34:56.789", 0, 45296789},
        {"12:34:56.78900000000", 0, 45296789},
        {"23:59:59.999", 0, 86399999},
        {"12:34:56.7891", -ERANGE, 0},
        {"12:34:56.7890000001", -ERANGE, 0},
        {"24:00:00", -EINVAL, 0},
        {"12:60:00", -EINVAL, 0},
        {"12:00:60", -EINVAL, 0},
        {"12:34:56.", -EINVAL, 0},
        {"12:34:", -EINVAL, 0},
        {"1:02:03", -EINVAL, 0},
        {"12:34:56Z", -EINVAL, 0},
        {"12", -EINVAL, 0},
        {"", -EINVAL, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int32_t v = 4711;

        CHECK(cases[i].text, pfs_time_parse(pfs_str(cases[i].text), &v) == cases[i].rc);
        CHECK(cases[i].text, v == (cases[i].rc == 0 ? cases[i].want : 4711));
    }
}

static void timestamps_parse_whole(void **state)
{
    static const struct {
        const char *text;
        int precision;
        bool zoned;
        int rc;
        int64_t millis;
        int32_t nanos;
    } cases[] = {
        {"2024-01-02 03:04:05.123456", 6, false, 0, 1704164645123, 456000},
        {"2024-01-02T03:04:05.123456789", 9, false, 0, 1704164645123, 456789},
        {"2024-01-02 03:04:05.123456", 3, false, -ERANGE, 0, 0},
        {"2024-01-02 03:04:05.123000", 3, false, 0, 1704164645123, 0},
        {"2024-01-02 03:04:05.1234567890", 9, false, 0, 1704164645123, 456789},
        {"2024-01-02 03:04:05.1234567891", 9, false, -ERANGE, 0, 0},
        {"2024-01-02 03:04:05.1", 0, false, -ERANGE, 0, 0},
        {"2024-01-02 03:04:05.0", 0, false, 0, 1704164645000, 0},
        {"2024-01-02 03:04", 3, false, 0, 1704164640000, 0},
        {"2024-01-02", 3, false, 0, 1704153600000, 0},
        {"2024-01-02Z", 3, false, 0, 1704153600000, 0},
        {"2024-01-02T03:04:05Z", 3, false, 0, 1704164645000, 0},
        {"2024-01-02T03:04:05+01:00", 3, false, -EINVAL, 0, 0},
        {"2024-01-02T03:04:05+01:00", 3, true, 0, 1704161045000, 0},
        {"2024-01-02T03:04:05-05:30", 3, true, 0, 1704184445000, 0},
        {"2024-01-02T03:04:05+19:00", 3, true, -EINVAL, 0, 0},
        {"2024-01-02T03:04:05+01", 3, true, -EINVAL, 0, 0},
        {"2024-01-02T03:04:05+01:60", 3, true, -EINVAL, 0, 0},
        {"2024-01-02T03:04:05ZZ", 3, true, -EINVAL, 0, 0},
        {"1969-12-31 23:59:59.9995", 6, false, 0, -1, 500000},
        {"0001-01-01 00:00:00", 3, false, 0, -62135596800000, 0},
        {"9999-12-31 23:59:59.999", 3, false, 0, 253402300799999, 0},
        {"292278994-08-17 07:12:55.807", 3, false, 0, INT64_MAX, 0},
        {"292278994-08-17 07:12:55.808", 3, false, -ERANGE, 0, 0},
        {"294248-08-17 07:12:55.8", 6, false, -ERANGE, 0, 0},
        {"292278-08-17 07:12:55.8", 9, false, 0, 9161255373175800, 0},
        {"2024-01-02 03:04:05 ", 3, false, -EINVAL, 0, 0},
        {"2024-01-02  03:04:05", 3, false, -EINVAL, 0, 0},
        {"2024-01-02 ", 3, false, -EINVAL, 0, 0},
        {"2024-01-02 03", 3, false, -EINVAL, 0, 0},
        {"2024-02-30 03:04:05", 3, false, -EINVAL, 0, 0},
        {"", 3, false, -EINVAL, 0, 0},
        {"now", 3, false, -EINVAL, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t millis = 4711;
        int32_t nanos = 4711;

        CHECK(cases[i].text, pfs_timestamp_parse(pfs_str(cases[i].text), cases[i].precision, cases[i].zoned, &millis,
                                                 &nanos) == cases[i].rc);
        CHECK(cases[i].text, millis == (cases[i].rc == 0 ? cases[i].millis : 4711));
        CHECK(cases[i].text, nanos == (cases[i].rc == 0 ? cases[i].nanos : 4711));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(days_and_civil_dates_agree),
        cmocka_unit_test(every_day_of_eight_centuries_follows_the_last),
        cmocka_unit_test(dates_print),
        cmocka_unit_test(days_of_any_moment_print_without_a_plus),
        cmocka_unit_test(times_print_modulo_a_day),
        cmocka_unit_test(timestamps_print_with_their_precision),
        cmocka_unit_test(dates_parse_whole),
        cmocka_unit_test(times_parse_whole),
        cmocka_unit_test(timestamps_parse_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
