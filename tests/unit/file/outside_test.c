/* outside_test.c - where new files go that are not to lie in the table. */
#include "src/file/outside.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/cm.h"

struct world {
    struct pfs_arena arena;
    struct pfs_schema schema;
    struct pfs_outside outside;
    struct pfs_err err;
};

/* Of options as JSON members. */
static int read_options(struct world *w, const char *options)
{
    char json[1024];

    memset(w, 0, sizeof(*w));
    (void)snprintf(json, sizeof(json),
                   "{\"version\":3,\"id\":0,\"fields\":[{\"id\":0,\"name\":\"k\",\"type\":\"INT\"}],"
                   "\"highestFieldId\":0,\"partitionKeys\":[],\"primaryKeys\":[],\"options\":{%s},\"timeMillis\":0}",
                   options);
    assert_int_equal(pfs_schema_parse(pfs_str(json), &w->arena, &w->schema, NULL), 0);
    return pfs_outside_read(&w->schema, &w->arena, &w->outside, &w->err);
}

static const char *next(struct world *w, const char *name)
{
    const char *uri;

    assert_int_equal(pfs_outside_next(&w->outside, "p=1/bucket-0", name, &w->arena, &uri, NULL), 0);
    return uri;
}

#define PATHS "\"data-file.external-paths\":"
#define STRATEGY "\"data-file.external-paths.strategy\":"
#define WEIGHTS "\"data-file.external-paths.weights\":"
#define ONLY "\"data-file.external-paths.specific-fs\":"

static void options_without_sense_are_refused(void **state)
{
    static const struct {
        const char *options;
        int want;
        int32_t paths;
        const char *sentence;
    } cases[] = {
        {"", 0, 0, NULL},
        {PATHS "\"file:/a\"", 0, 0, NULL},
        {PATHS "\"/a\"," STRATEGY "\"none\"", 0, 0, NULL},
        {PATHS "\"\"," STRATEGY "\"round-robin\"", 0, 0, NULL},
        {PATHS "\"file:/a\"," STRATEGY "\"Round-Robin\"", 0, 1, NULL},
        {PATHS "\"file:/a , file:///b/\"," STRATEGY "\"entropy-inject\"", 0, 2, NULL},
        {PATHS "\"file:/a\"," STRATEGY "\"robin\"", -EINVAL, 0, "robin"},
        {PATHS "\"/a\"," STRATEGY "\"round-robin\"", -EINVAL, 0, "no scheme"},
        {PATHS "\"file:/a,\"," STRATEGY "\"round-robin\"", -EINVAL, 0, "no scheme"},
        {PATHS "\"s3://b/a\"," STRATEGY "\"round-robin\"", -EOPNOTSUPP, 0, "s3://b/a"},
        {PATHS "\"file://host/a\"," STRATEGY "\"round-robin\"", -EOPNOTSUPP, 0, "file://host/a"},
        {PATHS "\"file:/a\"," STRATEGY "\"specific-fs\"", -EINVAL, 0, "specific-fs"},
        {PATHS "\"file:/a,s3://b/a\"," STRATEGY "\"specific-fs\"," ONLY "\"FILE\"", 0, 1, NULL},
        {PATHS "\"file:/a\"," STRATEGY "\"specific-fs\"," ONLY "\"s3\"", -EINVAL, 0, "s3"},
        {PATHS "\"file:/a,file:/b\"," STRATEGY "\"weight-robin\"", 0, 2, NULL},
        {PATHS "\"file:/a,file:/b\"," STRATEGY "\"weight-robin\"," WEIGHTS "\"1, 2\"", 0, 2, NULL},
        {PATHS "\"file:/a,file:/b\"," STRATEGY "\"weight-robin\"," WEIGHTS "\"1\"", -EINVAL, 0, "1 weights for 2"},
        {PATHS "\"file:/a,file:/b\"," STRATEGY "\"weight-robin\"," WEIGHTS "\"1,2,3\"", -EINVAL, 0, "3 weights"},
        {PATHS "\"file:/a,file:/b\"," STRATEGY "\"weight-robin\"," WEIGHTS "\"1,0\"", -EINVAL, 0, "\"0\""},
        {PATHS "\"file:/a\"," STRATEGY "\"weight-robin\"," WEIGHTS "\"1,2\"", 0, 1, NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct world w;

        CHECK(cases[i].options, read_options(&w, cases[i].options) == cases[i].want);
        if (cases[i].want == 0)
            CHECK(cases[i].options, w.outside.paths == cases[i].paths);
        else
            CHECK(w.err.text, strstr(w.err.text, cases[i].sentence) != NULL);
        pfs_arena_done(&w.arena);
    }
}

static void paths_take_turns(void **state)
{
    static const char *const want[] = {"file:/a/p=1/bucket-0/f", "file:/b/c/p=1/bucket-0/f", "file:/d/p=1/bucket-0/f"};
    struct world w;

    (void)state;
    assert_int_equal(read_options(&w, PATHS "\"file:/a, file:///b/c/,file:/d\"," STRATEGY "\"round-robin\""), 0);
    w.outside.turn = 2;
    for (int i = 0; i < 7; i++)
        assert_string_equal(next(&w, "f"), want[i % 3]);
    pfs_arena_done(&w.arena);
}

static void heavier_paths_are_chosen_more_often(void **state)
{
    int light = 0;
    struct world w;

    (void)state;
    assert_int_equal(read_options(&w, PATHS "\"file:/a,file:/b\"," STRATEGY "\"weight-robin\"," WEIGHTS "\"1,9\""), 0);
    for (int i = 0; i < 2000; i++)
        light += strncmp(next(&w, "f"), "file:/a/", 8) == 0;
    assert_in_range(light, 100, 400);
    pfs_arena_done(&w.arena);
}

/* The first as Paimon Java placed it. */
static void names_are_scattered_by_their_hash(void **state)
{
    struct world w;

    (void)state;
    assert_int_equal(read_options(&w, PATHS "\"file:/a\"," STRATEGY "\"entropy-inject\""), 0);
    assert_string_equal(next(&w, "data-cd9eb930-82d6-4e7e-a332-6fda355a9f49-0.parquet"),
                        "file:/a/p=1/bucket-0/0100/0111/1000/00010111/"
                        "data-cd9eb930-82d6-4e7e-a332-6fda355a9f49-0.parquet");
    assert_string_equal(next(&w, ""), "file:/a/p=1/bucket-0/0000/0000/0000/00000000/");
    pfs_arena_done(&w.arena);
}

static void what_is_not_allowed_is_said_with_the_option(void **state)
{
    struct pfs_external *external;
    struct world w;

    (void)state;
    assert_int_equal(read_options(&w, PATHS "\"file:/tmp,file:/usr/lib\"," STRATEGY "\"round-robin\""), 0);
    assert_int_equal(pfs_outside_check(&w.outside, NULL, &w.err), -EOPNOTSUPP);
    assert_non_null(strstr(w.err.text, "-o external-paths=/tmp"));
    assert_int_equal(pfs_external_open("/tmp", &external, NULL), 0);
    assert_int_equal(pfs_outside_check(&w.outside, external, &w.err), -EOPNOTSUPP);
    assert_non_null(strstr(w.err.text, "-o external-paths=/usr/lib"));
    pfs_external_close(external);
    assert_int_equal(pfs_external_open("/tmp:/usr", &external, NULL), 0);
    assert_int_equal(pfs_outside_check(&w.outside, external, NULL), 0);
    pfs_external_close(external);
    pfs_arena_done(&w.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_without_sense_are_refused),
        cmocka_unit_test(paths_take_turns),
        cmocka_unit_test(heavier_paths_are_chosen_more_often),
        cmocka_unit_test(names_are_scattered_by_their_hash),
        cmocka_unit_test(what_is_not_allowed_is_said_with_the_option),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
