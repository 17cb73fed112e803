/* range_test.c - which changes can be read: snapshots, what long-lived changelogs keep, hints that are old. */
#include "src/changelog/changelog.h"

#include <errno.h>
#include <stdio.h>

#include "tests/unit/cm.h"

static void put(struct pfs_store *store, const char *directory, const char *name, const char *text)
{
    struct pfs_file *file;
    char path[200];

    (void)snprintf(path, sizeof(path), "t/%s/%s", directory, name);
    assert_int_equal(pfs_store_create(store, path, &file, NULL), 0);
    assert_int_equal(pfs_file_append(file, text, strlen(text), NULL), 0);
    pfs_file_close(file);
}

/* Files named by the digits: "3456" is snapshot-3 to snapshot-6. */
static void put_each(struct pfs_store *store, const char *directory, const char *prefix, const char *digits)
{
    char name[40];

    for (const char *d = digits; *d != '\0'; d++) {
        (void)snprintf(name, sizeof(name), "%s%c", prefix, *d);
        put(store, directory, name, "{}");
    }
}

static void changes_reach_back_without_a_gap(void **state)
{
    static const struct {
        const char *what, *snapshots, *changelogs, *earliest;
        int rc;
        int64_t first, last;
    } cases[] = {
        {"nothing", "", "", "", -ENOENT, 0, 0},
        {"snapshots alone", "3456", "", "3", 0, 3, 6},
        {"a hint that names a later one", "123", "", "3", 0, 1, 3},
        {"no hint", "789", "", "", 0, 7, 9},
        {"changelogs before them", "56", "1234", "5", 0, 1, 6},
        {"a gap before the snapshots", "78", "1235", "7", 0, 7, 8},
        {"a gap between changelogs", "78", "12456", "7", 0, 4, 8},
        {"changelogs of what is a snapshot still", "456", "345", "4", 0, 3, 6},
        {"changelogs alone", "", "234", "", 0, 2, 4},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_store *store;
        int64_t first = 0, last = 0;
        int rc;

        assert_int_equal(pfs_store_open_memory(&store, NULL), 0);
        put_each(store, "snapshot", "snapshot-", cases[i].snapshots);
        put_each(store, "changelog", "changelog-", cases[i].changelogs);
        if (cases[i].earliest[0] != '\0')
            put(store, "snapshot", "EARLIEST", cases[i].earliest);
        rc = pfs_changes_range(store, "t", &first, &last, NULL);
        CHECK(cases[i].what, rc == cases[i].rc);
        CHECK(cases[i].what, rc < 0 || (first == cases[i].first && last == cases[i].last));
        pfs_store_close(store);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_reach_back_without_a_gap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
