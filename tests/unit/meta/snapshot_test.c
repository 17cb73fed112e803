/* Which snapshots there are, whatever the hints say; and whether one is still there. */
#include "src/meta/snapshot.h"

#include <errno.h>
#include <stdio.h>

#include "src/meta/hints.h"
#include "tests/unit/cm.h"

static struct pfs_store *store;

static int set_up(void **state)
{
    (void)state;
    return pfs_store_open_memory(&store, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    pfs_store_close(store);
    return 0;
}

static void put(const char *path, const char *text)
{
    assert_int_equal(pfs_store_publish(store, path, pfs_str(text), true, NULL), 0);
}

static void put_snapshot(const char *path, int64_t id, const char *delta_list)
{
    char json[512];

    snprintf(json, sizeof(json),
             "{\"version\":3,\"id\":%lld,\"schemaId\":0,\"baseManifestList\":\"base\",\"deltaManifestList\":\"%s\","
             "\"commitUser\":\"u\",\"commitIdentifier\":1,\"commitKind\":\"APPEND\",\"timeMillis\":1,"
             "\"totalRecordCount\":0,\"deltaRecordCount\":0}",
             (long long)id, delta_list);
    put(path, json);
}

/* ---- hints ---- */

static void hints_that_lie_are_not_believed(void **state)
{
    static const struct {
        const char *what;
        const char *earliest, *latest; /* the hint files; NULL = absent */
        int64_t first, last;           /* snapshots that are there; 0 = none */
        int64_t want_first, want_last; /* 0 = -ENOENT */
    } cases[] = {
        {"both right", "3", "7", 3, 7, 3, 7},
        {"both missing", NULL, NULL, 3, 7, 3, 7},
        {"both empty", "", "", 3, 7, 3, 7},
        {"garbage", "three", "0x7", 3, 7, 3, 7},
        {"blanks around", " 3", "7 ", 3, 7, 3, 7},
        {"a line break behind", "3\n", "7\n", 3, 7, 3, 7},
        {"bytes that are no text", "\xff\xfe", "\x01", 3, 7, 3, 7},
        {"negative and nothing", "-1", "0", 3, 7, 3, 7},
        {"beyond 64 bits", "99999999999999999999", "99999999999999999999", 3, 7, 3, 7},
        {"the greatest number", "9223372036854775807", "9223372036854775807", 3, 7, 3, 7},
        {"latest behind", "3", "5", 3, 7, 3, 7},
        {"latest ahead", "3", "9", 3, 7, 3, 7},
        {"earliest expired", "1", "7", 3, 7, 3, 7},
        {"earliest ahead of all", "9", "7", 3, 7, 3, 7},
        {"longer than any number", "3000000000000000000000000000000000000000000000000000000000000000000000", "7", 3, 7,
         3, 7},
        {"hints without snapshots", "3", "7", 0, 0, 0, 0},
        {"one snapshot, hints of another", "1", "1", 2, 2, 2, 2},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t first = 0, last = 0;
        char path[64];
        int rc;

        assert_int_equal(pfs_store_remove_all(store, "t", NULL), 0);
        if (cases[i].earliest != NULL)
            put("t/snapshot/EARLIEST", cases[i].earliest);
        if (cases[i].latest != NULL)
            put("t/snapshot/LATEST", cases[i].latest);
        for (int64_t id = cases[i].first; id != 0 && id <= cases[i].last; id++) {
            snprintf(path, sizeof(path), "t/snapshot/snapshot-%lld", (long long)id);
            put(path, "{}");
        }
        rc = pfs_snapshot_earliest_id(store, "t", &first, NULL);
        CHECK(cases[i].what, rc == (cases[i].want_first == 0 ? -ENOENT : 0) && first == cases[i].want_first);
        rc = pfs_snapshot_latest_id(store, "t", &last, NULL);
        CHECK(cases[i].what, rc == (cases[i].want_last == 0 ? -ENOENT : 0) && last == cases[i].want_last);
    }
}

static void other_names_in_the_directory_are_no_snapshots(void **state)
{
    static const char *const names[] = {
        "snapshot-",     "snapshot-x", "snapshot-99.tmp", "snapshot--5",
        ".snapshot-8.1", "LATEST.tmp", "snapshot-8a",     "snapshot-99999999999999999999"};
    int64_t *ids, count, id;
    struct pfs_arena arena = {0};

    (void)state;
    put("t/snapshot/snapshot-4", "{}");
    for (size_t i = 0; i < COUNT(names); i++) {
        char path[96];

        snprintf(path, sizeof(path), "t/snapshot/%s", names[i]);
        put(path, "{}");
    }
    assert_int_equal(pfs_store_mkdir(store, "t/snapshot/snapshot-12", NULL), 0);
    assert_int_equal(pfs_snapshot_latest_id(store, "t", &id, NULL), 0);
    assert_int_equal(id, 4);
    assert_int_equal(pfs_snapshot_list(store, "t", &arena, &ids, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_int_equal(ids[0], 4);
    pfs_arena_done(&arena);
}

/* ---- still there ---- */

static struct pfs_snapshot held_as(int64_t id, const char *delta_list)
{
    return (struct pfs_snapshot){.id = id, .delta_list = delta_list};
}

static void a_snapshot_is_held_by_its_file_or_by_a_tag(void **state)
{
    struct pfs_snapshot five = held_as(5, "list-a");

    (void)state;
    assert_false(pfs_snapshot_is_held(store, "t", &five));
    put_snapshot("t/snapshot/snapshot-5", 5, "list-a");
    assert_true(pfs_snapshot_is_held(store, "t", &five));
    assert_int_equal(pfs_store_unlink(store, "t/snapshot/snapshot-5", NULL), 0);
    assert_false(pfs_snapshot_is_held(store, "t", &five));
    put_snapshot("t/tag/tag-other", 4, "list-a");
    assert_false(pfs_snapshot_is_held(store, "t", &five));
    put_snapshot("t/tag/tag-mine", 5, "list-a");
    assert_true(pfs_snapshot_is_held(store, "t", &five));
}

static void another_snapshot_of_the_same_id_is_not_the_same(void **state)
{
    struct pfs_snapshot five = held_as(5, "list-a");

    (void)state;
    put_snapshot("t/snapshot/snapshot-5", 5, "list-b");
    assert_false(pfs_snapshot_is_held(store, "t", &five));
    put("t/snapshot/snapshot-5", "no json at all"); /* whose it is cannot be told */
    assert_true(pfs_snapshot_is_held(store, "t", &five));
}

static void a_hint_brings_no_directory_back(void **state)
{
    struct pfs_stat st;

    (void)state;
    pfs_hint_write(store, "moved", "snapshot", "LATEST", 5);
    assert_int_equal(pfs_store_stat(store, "moved/snapshot", &st, NULL), -ENOENT);
    put_snapshot("t/snapshot/snapshot-5", 5, "list-b");
    pfs_hint_write(store, "t", "snapshot", "LATEST", 5);
    assert_int_equal(pfs_hint_read(store, "t", "snapshot", "LATEST"), 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(hints_that_lie_are_not_believed),
        TEST(a_hint_brings_no_directory_back),
        TEST(other_names_in_the_directory_are_no_snapshots),
        TEST(a_snapshot_is_held_by_its_file_or_by_a_tag),
        TEST(another_snapshot_of_the_same_id_is_not_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
