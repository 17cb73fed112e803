/* changes_test.c - what changed, as files: changelogs, diffs, consumers, over a store in memory. */
#include <stdio.h>

#include "tests/unit/fs/over_memory.h"

static void commit(const char *table, const char *rows)
{
    char path[100];

    (void)snprintf(path, sizeof(path), "d/%s/inbox", table);
    assert_int_equal(append(path, rows), 0);
}

static void a_diff_joins_two_states_by_key(void **state)
{
    (void)state;
    commit("t", "1,a,1\n2,b,2\n3,c,3\n");
    commit("t", "_kind,k,v,n\n+U,1,a,1\n-D,2,b,2\n+I,4,d,4\n+I,3,c,\n");
    /* The order is that of buckets. Key 1 was written again and is the same. */
    assert_string_equal(text_of("d/t/diff/1..2.csv"), text_of("d/t/diff/1..latest.csv"));
    assert_non_null(strstr(text_of("d/t/diff/1..2.csv"), "-D,2,b,2\n"));
    assert_non_null(strstr(text_of("d/t/diff/1..2.csv"), "+I,4,d,4\n"));
    assert_non_null(strstr(text_of("d/t/diff/1..2.csv"), "+I,3,c,\n"));
    assert_null(strstr(text_of("d/t/diff/1..2.csv"), ",a,"));
    assert_string_equal(text_of("d/t/diff/2..2.csv"), "_kind,k,v,n\n");
    assert_null(text_of("d/t/diff/2..1.csv"));
    assert_null(text_of("d/t/diff/1..3.csv"));
    /* What changed does not depend on the columns that are looked at. */
    assert_non_null(strstr(text_of("d/t/select/v/diff/1..2.csv"), "+I,c\n"));
}

static void a_diff_of_sums_shows_the_sums(void **state)
{
    (void)state;
    commit("sums", "1,10\n2,1\n");
    commit("sums", "1,5\n");
    commit("sums", "2,0\n");
    assert_string_equal(text_of("d/sums/diff/1..2.csv"), "_kind,k,n\n+I,1,15\n");
    assert_string_equal(text_of("d/sums/diff/2..3.csv"), "_kind,k,n\n");
    assert_string_equal(text_of("d/sums/diff/0..3.csv"), "_kind,k,n\n+I,1,15\n+I,2,1\n");
    assert_string_equal(text_of("d/sums/incremental/1..3.csv"), "_kind,k,n\n+I,1,5\n+I,2,0\n");
}

/* A bound is the id of a snapshot that is there, else a tag; `tag:` forces. */
static void bounds_of_a_range_are_snapshots_or_tags(void **state)
{
    static const struct {
        const char *path, *want; /* NULL: there is none */
    } cases[] = {
        {"diff/2..3.csv", "_kind,k,n\n+I,3,3\n"},
        {"diff/tag:2..3.csv", "_kind,k,n\n+I,2,2\n+I,3,3\n"},
        {"diff/first..3.csv", "_kind,k,n\n+I,2,2\n+I,3,3\n"},
        {"diff/first..tag:second.csv", "_kind,k,n\n+I,2,2\n"},
        {"diff/second..latest.csv", "_kind,k,n\n+I,3,3\n"},
        {"diff/latest..first.csv", NULL},
        {"diff/first..nowhere.csv", NULL},
        {"incremental/2..3.csv", "_kind,k,n\n+I,3,3\n"},
        {"incremental/tag:2..3.csv", "_kind,k,n\n+I,2,2\n+I,3,3\n"},
        {"incremental/first..latest.csv", "_kind,k,n\n+I,2,2\n+I,3,3\n"},
        {"incremental/first..tag:second.csv", "_kind,k,n\n+I,2,2\n"},
        {"incremental/0..first.csv", "_kind,k,n\n+I,1,1\n"},
        {"incremental/latest..first.csv", NULL},
        {"incremental/first..nowhere.csv", NULL},
        {"incremental/nowhere..latest.csv", NULL},
    };
    struct pfs_buf answer = {0};

    (void)state;
    for (int i = 1; i <= 3; i++) {
        char row[20];

        (void)snprintf(row, sizeof(row), "%d,%d\n", i, i);
        commit("sums", row);
    }
    assert_int_equal(pfs_catalog_execute(t.catalog, NULL,
                                         pfs_str("CALL sys.create_tag('d.sums', 'first', 1);"
                                                 "CALL sys.create_tag('d.sums', 'second', 2);"
                                                 "CALL sys.create_tag('d.sums', '2', 1);"),
                                         &answer, NULL),
                     0);
    pfs_buf_done(&answer);
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *got;
        char path[100];

        (void)snprintf(path, sizeof(path), "d/sums/%s", cases[i].path);
        got = text_of(path);
        if ((got == NULL) != (cases[i].want == NULL) || (got != NULL && strcmp(got, cases[i].want) != 0))
            fail_msg("%s: got %s", cases[i].path, got == NULL ? "nothing" : got);
    }
}

static void partitions_refine_what_changed(void **state)
{
    (void)state;
    commit("logs", "a,1\nb,2\n");
    commit("logs", "c,2\nd,1\ne,2\n");
    assert_string_equal(text_of("d/logs/diff/1..2.csv"), "_kind,line,p\n+I,d,1\n+I,c,2\n+I,e,2\n");
    assert_string_equal(text_of("d/logs/partition/p=2/diff/1..2.csv"), "_kind,line,p\n+I,c,2\n+I,e,2\n");
    assert_string_equal(text_of("d/logs/partition/p=1/changelog"), "_snapshot,_kind,line,p\n1,+I,a,1\n2,+I,d,1\n");
    assert_string_equal(text_of("d/logs/snapshot/1/changes.csv"), "_kind,line,p\n+I,a,1\n+I,b,2\n");
    assert_string_equal(text_of("d/logs/where/line='b'/changelog"), "_snapshot,_kind,line,p\n1,+I,b,2\n");
}

static void a_changelog_shows_what_was_written(void **state)
{
    struct pfs_entry entry, again;
    struct pfs_opened file;
    char text[200] = {0};
    int64_t got = 0, more;

    (void)state;
    assert_string_equal(text_of("d/sums/changelog"), "_snapshot,_kind,k,n\n");
    commit("sums", "1,10\n");
    assert_int_equal(open_path("d/sums/changelog", O_RDONLY, &entry, &file), 0);
    assert_true(file.direct);
    commit("sums", "_kind,k,n\n-D,1,4\n");
    do {
        pfs_tree_read(t.tree, &t.waiting.request, file.handle, (uint64_t)got, text + got, sizeof(text) - (size_t)got);
        more = pfs_waiting_result(&t.waiting, NULL);
        assert_true(more >= 0);
        got += more;
    } while (more > 0);
    assert_string_equal(text, "_snapshot,_kind,k,n\n1,+I,1,10\n2,-D,1,4\n");
    assert_int_equal(pfs_tree_walk(t.tree, "d/sums/changelog", &again, NULL), 0);
    assert_int_equal(again.attr.ino, entry.attr.ino);
    assert_int_equal(again.attr.size, strlen(text));
    assert_false(again.attr.exact); /* the kernel asks each time */
    pfs_tree_forget(t.tree, again.node, 1);
    (void)close_path(&entry, &file);
}

/* Creates it, as touch does. */
static int64_t touch(const char *parent, const char *name)
{
    struct pfs_entry directory, entry;
    struct pfs_opened file;
    int64_t rc;

    assert_int_equal(pfs_tree_walk(t.tree, parent, &directory, NULL), 0);
    pfs_tree_create(t.tree, &t.waiting.request, directory.node, name, O_WRONLY | O_CREAT, &entry, &file);
    rc = pfs_waiting_result(&t.waiting, NULL);
    pfs_tree_forget(t.tree, directory.node, 1);
    return rc < 0 ? rc : close_path(&entry, &file);
}

/* Reads to the end and closes, as cat does. */
static const char *cat(const char *path)
{
    static char text[1000];
    struct pfs_entry entry;
    struct pfs_opened file;
    int64_t got = 0, more;

    if (open_path(path, O_RDONLY, &entry, &file) < 0)
        return NULL;
    do {
        pfs_tree_read(t.tree, &t.waiting.request, file.handle, (uint64_t)got, text + got,
                      sizeof(text) - 1 - (size_t)got);
        more = pfs_waiting_result(&t.waiting, NULL);
        assert_true(more >= 0);
        got += more;
    } while (more > 0);
    text[got] = '\0';
    pfs_tree_flush(t.tree, &t.waiting.request, file.handle);
    assert_int_equal(pfs_waiting_result(&t.waiting, NULL), 0);
    assert_int_equal(close_path(&entry, &file), 0);
    return text;
}

static void a_consumer_gives_each_change_once(void **state)
{
    (void)state;
    commit("sums", "1,10\n");
    assert_null(cat("d/sums/consumer/c"));
    assert_int_equal(touch("d/sums/consumer", "c"), 0);
    assert_string_equal(cat("d/sums/consumer/c"), "_snapshot,_kind,k,n\n");
    commit("sums", "2,20\n");
    assert_non_null(text_of("d/sums/consumer/c")); /* read, and not flushed */
    assert_string_equal(cat("d/sums/consumer/c"), "_snapshot,_kind,k,n\n2,+I,2,20\n");
    assert_string_equal(cat("d/sums/consumer/c"), "_snapshot,_kind,k,n\n");
    assert_int_equal(append("d/sums/consumer/c", "1\n"), 0);
    assert_string_equal(cat("d/sums/consumer/c.jsonl"), "{\"_snapshot\":1,\"_kind\":\"+I\",\"k\":1,\"n\":10}\n"
                                                        "{\"_snapshot\":2,\"_kind\":\"+I\",\"k\":2,\"n\":20}\n");
    assert_int_equal(append("d/sums/consumer/c", "soon\n"), -EINVAL);
    assert_int_equal(touch("d/sums/consumer", "c"), 0); /* stays where it is */
    assert_string_equal(cat("d/sums/consumer/c"), "_snapshot,_kind,k,n\n");
    commit("sums", "3,30\n");
    assert_string_equal(cat("d/sums/consumer/c"), "_snapshot,_kind,k,n\n3,+I,3,30\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_diff_joins_two_states_by_key, open_tree, close_tree),
        cmocka_unit_test_setup_teardown(a_diff_of_sums_shows_the_sums, open_tree, close_tree),
        cmocka_unit_test_setup_teardown(bounds_of_a_range_are_snapshots_or_tags, open_tree, close_tree),
        cmocka_unit_test_setup_teardown(partitions_refine_what_changed, open_tree, close_tree),
        cmocka_unit_test_setup_teardown(a_changelog_shows_what_was_written, open_tree, close_tree),
        cmocka_unit_test_setup_teardown(a_consumer_gives_each_change_once, open_tree, close_tree),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
