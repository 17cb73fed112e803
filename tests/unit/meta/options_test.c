/* options_test.c - option values and their errors. */
#include "src/meta/options.h"

#include <errno.h>

#include "tests/unit/cm.h"

static void option_values_are_read_as_paimon_reads_them(void **state)
{
    struct pfs_option item[] = {{"b", "TRUE", 0},     {"bad", "many", 0},   {"day", "1 d", 0}, {"ms", "250", 0},
                                {"size", "64 kb", 0}, {"size2", "1 mb", 0}, {"word", "Two", 0}};
    struct pfs_options options = {7, item};
    static const char *const words[] = {"one", "two", NULL};
    struct pfs_err err;
    int64_t number;
    bool flag;
    int which;

    (void)state;
    assert_int_equal(pfs_options_bool(&options, "b", false, &flag, NULL), 0);
    assert_true(flag);
    assert_int_equal(pfs_options_bytes(&options, "size", 0, &number, NULL), 0);
    assert_int_equal(number, 64 << 10);
    assert_int_equal(pfs_options_bytes(&options, "size2", 0, &number, NULL), 0);
    assert_int_equal(number, 1 << 20);
    assert_int_equal(pfs_options_millis(&options, "day", 0, &number, NULL), 0);
    assert_int_equal(number, 86400000);
    assert_int_equal(pfs_options_millis(&options, "ms", 0, &number, NULL), 0);
    assert_int_equal(number, 250);
    assert_int_equal(pfs_options_int(&options, "absent", 7, &number, NULL), 0);
    assert_int_equal(number, 7);
    assert_int_equal(pfs_options_enum(&options, "word", words, 0, &which, NULL), 0);
    assert_int_equal(which, 1);
    assert_int_equal(pfs_options_int(&options, "bad", 0, &number, &err), -EINVAL);
    assert_non_null(strstr(err.text, "bad"));
    assert_non_null(strstr(err.text, "many"));
    assert_int_equal(pfs_options_bool(&options, "bad", true, &flag, NULL), -EINVAL);
}

static void values_that_paimon_cannot_read_are_refused(void **state)
{
    static const struct {
        const char *key, *value;
        bool taken;
    } cases[] = {
        {"ignore-delete", "maybe", false},
        {"ignore-delete", "TRUE", true},
        {"num-levels", "5.0", false},
        {"num-levels", "+5", true},
        {"snapshot.num-retained.max", "99999999999", false},
        {"scan.snapshot-id", "99999999999", true},
        {"snapshot.time-retained", "PT1H", false},
        {"snapshot.time-retained", "1 h 30 min", false},
        {"snapshot.time-retained", " 5 min ", true},
        {"snapshot.time-retained", "5 \u00b5s", true},
        {"target-file-size", "10 zb", false},
        {"target-file-size", "", false},
        {"target-file-size", "10 MB", true},
        {"lookup.hash-load-factor", "x", false},
        {"lookup.hash-load-factor", "0.5", true},
        {"file.format.per.level", "0:avro,0:orc", false},
        {"file.format.per.level", "0:avro,1", false},
        {"file.format.per.level", "x:avro", false},
        {"file.format.per.level", "0:avro,1:orc", true},
        {"file.format.per.level", "", true},
        {"scan.mode", "zzz", false},
        {"scan.mode", "Latest", true},
        {"nobody.knows", "it", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pfs_option item = {.key = cases[i].key, .value = cases[i].value};
        struct pfs_options options = {1, &item};
        struct pfs_err err = {0};
        int rc = pfs_options_check(&options, &err);

        assert_int_equal(rc, cases[i].taken ? 0 : -EINVAL);
        if (!cases[i].taken)
            assert_non_null(strstr(err.text, cases[i].key));
    }
}

static void durations_below_a_millisecond_are_cut(void **state)
{
    struct pfs_option item[] = {{"a", "1500 micros", 0}, {"b", "999999 ns", 0}, {"c", " 2 s", 0}};
    struct pfs_options options = {3, item};
    int64_t number;

    (void)state;
    assert_int_equal(pfs_options_millis(&options, "a", 0, &number, NULL), 0);
    assert_int_equal(number, 1);
    assert_int_equal(pfs_options_millis(&options, "b", 7, &number, NULL), 0);
    assert_int_equal(number, 0);
    assert_int_equal(pfs_options_millis(&options, "c", 0, &number, NULL), 0);
    assert_int_equal(number, 2000);
}

/* Names that Paimon wrote into schema files, in the order in which they stand there; and sorted, as they are kept. */
static void options_are_listed_as_a_java_map_lists_them(void **state)
{
    static const char *const few[] = {"bucket",
                                      "file-index.range-bitmap.columns",
                                      "orc.dictionary.key.threshold",
                                      "partition.legacy-name",
                                      "merge-engine",
                                      "ignore-delete",
                                      "changelog-producer",
                                      "file.format"};
    static const int32_t sorted[] = {0, 6, 1, 7, 5, 4, 2, 3};
    struct pfs_option item[8];
    struct pfs_options options = {8, item};
    int32_t at = -1;

    (void)state;
    for (int32_t i = 0; i < 8; i++)
        item[i] = (struct pfs_option){few[sorted[i]], "", sorted[i]};
    for (int32_t i = 0; i < 8; i++) {
        at = pfs_options_next(&options, at);
        CHECK(few[i], at >= 0 && strcmp(item[at].key, few[i]) == 0);
    }
    assert_int_equal(pfs_options_next(&options, at), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_are_listed_as_a_java_map_lists_them),
        cmocka_unit_test(option_values_are_read_as_paimon_reads_them),
        cmocka_unit_test(values_that_paimon_cannot_read_are_refused),
        cmocka_unit_test(durations_below_a_millisecond_are_cut),
    };

    return cmocka_run_group_tests_name("meta/options", tests, NULL, NULL);
}
