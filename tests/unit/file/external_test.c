/* Which files outside of the warehouse may be read. */
#include "src/file/external.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/cm.h"

/* A directory with a/ and a/b/ in it. */
static int make_directories(void **state)
{
    static char root[64];
    char path[96];

    snprintf(root, sizeof(root), "/tmp/paimonfs-external-XXXXXX");
    assert_non_null(mkdtemp(root));
    snprintf(path, sizeof(path), "%s/a", root);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/a/b", root);
    assert_int_equal(mkdir(path, 0700), 0);
    *state = root;
    return 0;
}

static int remove_directories(void **state)
{
    char path[96];

    snprintf(path, sizeof(path), "%s/a/b", (const char *)*state);
    (void)rmdir(path);
    snprintf(path, sizeof(path), "%s/a", (const char *)*state);
    (void)rmdir(path);
    (void)rmdir(*state);
    return 0;
}

static void paths_below_an_allowed_directory_are_found(void **state)
{
    static const struct {
        const char *before, *behind; /* around the directory a/ */
        const char *want;            /* in its store; NULL = refused */
    } cases[] = {
        {"", "/x.parquet", "x.parquet"},
        {"file:", "/p=1/x.parquet", "p=1/x.parquet"},
        {"file://", "/x.parquet", "x.parquet"},
        {"file://host", "/x.parquet", NULL},
        {"s3:/", "/x.parquet", NULL},
        {"", "bc/x.parquet", NULL},
        {"", "", NULL},
        {"", "/../x.parquet", NULL},
        {"", "/./x.parquet", NULL},
        {"", "//x.parquet", NULL},
        {"", "/b/../../../etc/passwd", NULL},
    };
    char list[80];
    struct pfs_external *e;

    snprintf(list, sizeof(list), "%s/a/", (const char *)*state);
    assert_int_equal(pfs_external_open(list, &e, NULL), 0);
    list[strlen(list) - 1] = '\0';
    for (size_t i = 0; i < COUNT(cases); i++) {
        char uri[200];
        struct pfs_store *store;
        const char *path;
        struct pfs_err err = {0};
        int rc;

        snprintf(uri, sizeof(uri), "%s%s%s", cases[i].before, list, cases[i].behind);
        rc = pfs_external_find(e, uri, &store, &path, &err);
        CHECK(uri, rc == (cases[i].want == NULL ? -EOPNOTSUPP : 0));
        if (rc == 0)
            assert_string_equal(path, cases[i].want);
        else
            CHECK(uri, strstr(err.text, "lies outside the table") != NULL);
    }
    pfs_external_close(e);
}

static void the_longest_allowed_directory_is_taken(void **state)
{
    char list[200], uri[96];
    struct pfs_external *e;
    struct pfs_store *store;
    const char *path;

    snprintf(list, sizeof(list), "%s/a:%s/a/b:%s", (const char *)*state, (const char *)*state, (const char *)*state);
    snprintf(uri, sizeof(uri), "%s/a/b/f", (const char *)*state);
    assert_int_equal(pfs_external_open(list, &e, NULL), 0);
    assert_int_equal(pfs_external_find(e, uri, &store, &path, NULL), 0);
    assert_string_equal(path, "f");
    pfs_external_close(e);
}

static void nothing_is_allowed_by_default(void **state)
{
    struct pfs_external *e;
    struct pfs_store *store;
    const char *path;

    (void)state;
    assert_int_equal(pfs_external_open("", &e, NULL), 0);
    assert_null(e);
    assert_int_equal(pfs_external_open(NULL, &e, NULL), 0);
    assert_null(e);
    assert_int_equal(pfs_external_find(e, "/tmp/x", &store, &path, NULL), -EOPNOTSUPP);
}

static void lists_must_name_directories_that_are_there(void **state)
{
    struct pfs_external *e;
    struct pfs_err err = {0};

    (void)state;
    assert_int_equal(pfs_external_open("tmp", &e, &err), -EINVAL);
    assert_int_equal(pfs_external_open("/tmp:", &e, &err), -EINVAL);
    assert_int_equal(pfs_external_open("/tmp:/nowhere/at/all", &e, &err), -ENOENT);
    assert_non_null(strstr(err.text, "/nowhere/at/all"));
    assert_null(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_below_an_allowed_directory_are_found),
        cmocka_unit_test(the_longest_allowed_directory_is_taken),
        cmocka_unit_test(nothing_is_allowed_by_default),
        cmocka_unit_test(lists_must_name_directories_that_are_there),
    };

    return cmocka_run_group_tests(tests, make_directories, remove_directories);
}
