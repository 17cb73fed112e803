/* values_test.c - metadata as Java prints it: orders of names, lives of tags, statistics of columns. */
#include "src/system/values.h"

#include <errno.h>

#include "src/meta/snapshot.h"
#include "src/meta/statistics.h"
#include "tests/unit/cm.h"

static void names_are_in_the_order_of_their_utf16(void **state)
{
    /* U+FFFD is above U+1F600 there, whose first half is a surrogate. */
    struct pfs_field field[] = {{.name = "b"}, {.name = "\xef\xbf\xbd"},
                                {.name = "a"}, {.name = "\xf0\x9f\x98\x80"},
                                {.name = "B"}, {.name = "ab"}};
    struct pfs_schema schema = {.columns = COUNT(field), .field = field};
    static const int32_t want[] = {4, 2, 5, 0, 3, 1};
    struct pfs_arena arena;
    const int32_t *order;

    (void)state;
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    assert_int_equal(pfs_columns_by_name(&schema, &arena, &order, NULL), 0);
    assert_memory_equal(order, want, sizeof(want));
    pfs_arena_done(&arena);
}

static void a_tag_lives_as_its_members_say(void **state)
{
    static const struct {
        const char *what, *json;
        int rc;
        int64_t created_ms, retained_ms;
    } cases[] = {
        {"no life", "{\"id\":1}", 0, PFS_NO_NUMBER, PFS_NO_NUMBER},
        {"to the minute", "{\"tagCreateTime\":[1970,1,2,0,1],\"tagTimeRetained\":60.000000000}", 0, 86460000, 60000},
        {"to the second", "{\"tagCreateTime\":[1970,1,1,0,0,7],\"tagTimeRetained\":0.5}", 0, 7000, 500},
        {"to the nanosecond", "{\"tagCreateTime\":[1970,1,1,0,0,7,123456789]}", 0, 7123, PFS_NO_NUMBER},
        {"texts", "{\"tagCreateTime\":\"1970-01-01T00:00:01\",\"tagTimeRetained\":\"PT1H30M\"}", 0, 1000, 5400000},
        {"days", "{\"tagTimeRetained\":\"P2DT0.25S\"}", 0, PFS_NO_NUMBER, 172800250},
        {"a month of 13", "{\"tagCreateTime\":[1970,13,1,0,0]}", -EIO, 0, 0},
        {"too few", "{\"tagCreateTime\":[1970,1,1,0]}", -EIO, 0, 0},
        {"no duration", "{\"tagTimeRetained\":\"1H\"}", -EIO, 0, 0},
        {"no unit", "{\"tagTimeRetained\":\"PT1\"}", -EIO, 0, 0},
        {"not JSON", "{", -EIO, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_tag_life life = {0};

        CHECK(cases[i].what, pfs_tag_life_parse(pfs_str(cases[i].json), &life, NULL) == cases[i].rc);
        if (cases[i].rc == 0) {
            CHECK(cases[i].what, life.created_ms == cases[i].created_ms);
            CHECK(cases[i].what, life.retained_ms == cases[i].retained_ms);
        }
    }
}

static void statistics_are_laid_out_as_jackson_does(void **state)
{
    static const char json[] = "{\"snapshotId\":1,\"schemaId\":0,\"mergedRecordCount\":5,"
                               "\"colStats\":{\"s\":{\"colId\":1,\"min\":\"a\\n\"},\"e\":{}}}";
    struct pfs_statistics s;
    struct pfs_arena arena;

    (void)state;
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    assert_int_equal(pfs_statistics_parse(pfs_str(json), &arena, &s, NULL), 0);
    assert_int_equal(s.merged_records, 5);
    assert_true(s.merged_bytes == INT64_MIN);
    assert_string_equal(s.columns_json,
                        "{\n  \"s\" : {\n    \"colId\" : 1,\n    \"min\" : \"a\\n\"\n  },\n  \"e\" : { }\n}");
    assert_int_equal(pfs_statistics_parse(pfs_str("{\"snapshotId\":1,\"schemaId\":0}"), &arena, &s, NULL), -EIO);
    pfs_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_in_the_order_of_their_utf16),
        cmocka_unit_test(a_tag_lives_as_its_members_say),
        cmocka_unit_test(statistics_are_laid_out_as_jackson_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
