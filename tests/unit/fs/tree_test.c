/* tree_test.c - the tree over a store in memory: what a person sees, without FUSE. */
#include <stdio.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "fs/inbox/errors.h"
#include "tests/unit/fs/over_memory.h"

static void rows_are_appended_and_read_merged(void **state)
{
    (void)state;
    assert_int_equal(append("d/t/inbox", "2,two,20\n1,one,10\n"), 0);
    assert_string_equal(text_of("d/t/snapshot/1.csv"), text_of("d/t/snapshot/latest.csv"));
    assert_int_equal(append("d/t/inbox.jsonl", "{\"k\":1,\"v\":\"uno\"}\n"), 0);
    assert_non_null(strstr(text_of("d/t/snapshot/latest.csv"), "1,uno,\n"));
    assert_non_null(strstr(text_of("d/t/snapshot/1.csv"), "1,one,10\n"));
    assert_null(text_of("d/t/snapshot/3.csv"));
    assert_int_equal(append("d/sums/inbox", "1,10\n1,5\n2,1\n"), 0);
    assert_int_equal(append("d/sums/inbox", "1,100\n"), 0);
    assert_string_equal(text_of("d/sums/snapshot/latest.csv"), "k,n\n1,115\n2,1\n");
    assert_int_equal(append("d/logs/inbox", "a,1\nb,2\na,1\n"), 0);
    assert_string_equal(text_of("d/logs/partition/p=1/snapshot/latest.csv"), "line,p\na,1\na,1\n");
}

/* Begins and ends as one, and is as long as it says. */
static void expect_parquet(const char *path)
{
    struct pfs_entry entry;
    struct pfs_opened file;
    char bytes[4000];
    int64_t got;

    assert_int_equal(open_path(path, O_RDONLY, &entry, &file), 0);
    pfs_tree_read(t.tree, &t.waiting.request, file.handle, 0, bytes, sizeof(bytes));
    got = pfs_waiting_result(&t.waiting, NULL);
    assert_int_equal(got, entry.attr.size);
    assert_true(got > 12 && got < (int64_t)sizeof(bytes));
    assert_memory_equal(bytes, "PAR1", 4);
    assert_memory_equal(bytes + got - 4, "PAR1", 4);
    (void)close_path(&entry, &file);
}

static void merged_rows_are_a_parquet_file_too(void **state)
{
    (void)state;
    expect_parquet("d/sums/snapshot/latest.parquet"); /* of no row */
    assert_int_equal(append("d/sums/inbox", "1,10\n1,5\n2,1\n"), 0);
    expect_parquet("d/sums/snapshot/latest.parquet");
    expect_parquet("d/sums/snapshot/1.parquet");
    assert_null(text_of("d/sums/snapshot/2.parquet"));
    assert_null(text_of("d/sums/key/1.parquet"));
}

static void an_open_view_never_changes(void **state)
{
    struct pfs_entry before, after;
    struct pfs_opened file;
    char text[100] = {0};
    int64_t got;

    (void)state;
    assert_int_equal(append("d/t/inbox", "1,a,1\n"), 0);
    assert_int_equal(open_path("d/t/snapshot/latest.csv", O_RDONLY, &before, &file), 0);
    assert_int_equal(append("d/t/inbox", "1,b,2\n2,c,3\n"), 0);
    pfs_tree_read(t.tree, &t.waiting.request, file.handle, 0, text, sizeof(text) - 1);
    got = pfs_waiting_result(&t.waiting, NULL);
    assert_int_equal(got, before.attr.size);
    assert_string_equal(text, "k,v,n\n1,a,1\n");
    assert_int_equal(pfs_tree_walk(t.tree, "d/t/snapshot/latest.csv", &after, NULL), 0);
    assert_true(after.attr.ino != before.attr.ino && after.attr.exact);
    assert_int_equal(after.attr.size, strlen("k,v,n\n1,b,2\n2,c,3\n"));
    pfs_tree_forget(t.tree, after.node, 1);
    (void)close_path(&before, &file);
}

static void a_wrong_row_keeps_nothing_of_its_handle(void **state)
{
    static const struct {
        const char *rows, *word;
    } cases[] = {
        {"1,a,1\n2,b,many\n", "many"}, {"1,a\n", "column"},       {",a,1\n", "null"},
        {"1,\xff\xfe,1\n", "UTF-8"},   {"1,\"open,1\n2,b,2", "quote"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t rc = append("d/t/inbox", cases[i].rows);

        CHECK(cases[i].rows, rc < 0);
        CHECK(cases[i].rows, strstr(text_of("d/t/errors.jsonl"), cases[i].word) != NULL);
    }
    assert_null(text_of("d/t/snapshot/1.csv"));
}

static void a_numbered_append_happens_once(void **state)
{
    (void)state;
    assert_int_equal(append("d/sums/inbox@me:1", "1,10\n"), 0);
    assert_int_equal(append("d/sums/inbox@me:1", "1,10\n"), 0);
    assert_string_equal(text_of("d/sums/snapshot/latest.csv"), "k,n\n1,10\n");
    assert_int_equal(append("d/sums/inbox@me:2", "1,10\n"), 0);
    assert_int_equal(append("d/sums/inbox@you:1", "1,10\n"), 0);
    assert_string_equal(text_of("d/sums/snapshot/latest.csv"), "k,n\n1,30\n");
}

static void a_failing_disk_is_the_writers_error(void **state)
{
    (void)state;
    assert_int_equal(append("d/t/inbox@w:1", "1,a,1\n"), 0);
    for (int64_t call = 1; call < 200; call++) {
        int64_t rc;

        t.fault.fail_at = t.fault.calls + call;
        rc = append("d/t/inbox@w:2", "2,b,2\n");
        if (t.fault.calls < t.fault.fail_at) {
            assert_int_equal(rc, 0);
            break;
        }
        t.fault.fail_at = 0;
        if (rc == 0)
            break;
    }
    t.fault.fail_at = 0;
    assert_int_equal(append("d/t/inbox@w:2", "2,b,2\n"), 0);
    assert_non_null(strstr(text_of("d/t/snapshot/latest.csv"), "2,b,2\n"));
    assert_non_null(strstr(text_of("d/t/snapshot/latest.csv"), "1,a,1\n"));
}

static void what_is_not_there_yet_is_refused_by_name(void **state)
{
    (void)state;
    assert_int_equal(append("d/outside/inbox", "1,a\n"), -EOPNOTSUPP);
    assert_non_null(strstr(text_of("d/outside/status.json"), "data-file.external-paths"));
    assert_null(text_of("d/none/snapshot/latest.csv"));
    assert_int_equal(append("d/t/schema.sql", "x"), -EROFS);
}

/* ---- what comes in ---- */

#define FLUSH 1

/* Writes of one handle without O_APPEND, offsets as they follow; then its release. */
static const struct {
    const char *what, *path;
    struct {
        const char *bytes;
        int flush;  /* behind it */
        int64_t rc; /* of the write, or of the flush */
    } write[3];
    int64_t released;
    const char *want; /* of d/logs */
} streams[] = {
    {"the magic's first letter is a row's", "d/logs/inbox", {{"P", 0, 0}, {",1\n", 0, 0}}, 0, "line,p\nP,1\n"},
    {"three letters of it", "d/logs/inbox", {{"PA", 0, 0}, {"R", 0, 0}, {",1\n", 0, 0}}, 0, "line,p\nPAR,1\n"},
    {"and no more comes", "d/logs/partition/p=1/inbox", {{"PAR", 0, 0}}, 0, "line,p\nPAR,1\n"},
    {"and a flush comes in between",
     "d/logs/partition/p=1/inbox",
     {{"PAR", FLUSH, 0}, {"1\n", 0, 0}},
     0,
     "line,p\nPAR1,1\n"},
    {"all of it, and no Parquet file", "d/logs/inbox", {{"PAR1,1\n", 0, 0}}, -EINVAL, "line,p\n"},
    {"all of it in two, and a flush", "d/logs/inbox", {{"PA", 0, 0}, {"R1,1\n", FLUSH, -EINVAL}}, -EINVAL, "line,p\n"},
    {"all of it where the name says that it is CSV",
     "d/logs/inbox.csv",
     {{"PAR1,1\n", FLUSH, 0}},
     0,
     "line,p\nPAR1,1\n"},
};

static void what_begins_like_a_parquet_file_is_text_unless_it_goes_on_like_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(streams); i++) {
        struct pfs_entry entry;
        struct pfs_opened file;
        uint64_t off = 0;

        assert_int_equal(open_path(streams[i].path, O_WRONLY, &entry, &file), 0);
        for (size_t k = 0; k < COUNT(streams[i].write) && streams[i].write[k].bytes != NULL; k++) {
            struct pfs_slice bytes = pfs_str(streams[i].write[k].bytes);
            int64_t rc;

            pfs_tree_write(t.tree, &t.waiting.request, file.handle, off, bytes);
            CHECK(streams[i].what, pfs_waiting_result(&t.waiting, NULL) == (int64_t)bytes.len);
            off += bytes.len;
            if (streams[i].write[k].flush != FLUSH)
                continue;
            pfs_tree_flush(t.tree, &t.waiting.request, file.handle);
            rc = pfs_waiting_result(&t.waiting, NULL);
            CHECK(streams[i].what, rc == streams[i].write[k].rc);
        }
        CHECK(streams[i].what, close_path(&entry, &file) == streams[i].released);
        CHECK(streams[i].what, strcmp(text_of("d/logs/snapshot/latest.csv"), streams[i].want) == 0);
        (void)close_tree(state);
        (void)open_tree(state);
    }
}

/* Bytes that were left out, or come again, are refused where offsets mean something; the handle goes on. */
static void a_gap_is_refused(void **state)
{
    struct pfs_entry entry;
    struct pfs_opened file;
    struct pfs_err err = {0};

    (void)state;
    assert_int_equal(open_path("d/logs/inbox", O_WRONLY, &entry, &file), 0);
    pfs_tree_write(t.tree, &t.waiting.request, file.handle, 4, pfs_str("b,1\n"));
    assert_int_equal(pfs_waiting_result(&t.waiting, &err), -EINVAL);
    assert_non_null(strstr(err.text, "bytes were left out: expected offset 0, got 4"));
    pfs_tree_write(t.tree, &t.waiting.request, file.handle, 0, pfs_str("a,1\n"));
    assert_int_equal(pfs_waiting_result(&t.waiting, NULL), 4);
    assert_int_equal(close_path(&entry, &file), 0);
    assert_string_equal(text_of("d/logs/snapshot/latest.csv"), "line,p\na,1\n");
}

/* The caller has no more of what should come: nothing is there, and what was is not replaced. */
static void rows_that_are_given_up_leave_nothing(void **state)
{
    static const char *const paths[] = {"d/logs/inbox", "d/logs/overwrite", "d/logs/inbox@u:1"};

    (void)state;
    assert_int_equal(append("d/logs/inbox", "a,1\n"), 0);
    for (size_t i = 0; i < COUNT(paths); i++) {
        const struct pfs_err why = {.code = EIO, .text = "a bad sector"};
        struct pfs_entry entry;
        struct pfs_opened file;
        struct pfs_err err = {0};

        assert_int_equal(open_path(paths[i], O_WRONLY, &entry, &file), 0);
        pfs_tree_write(t.tree, &t.waiting.request, file.handle, 0, pfs_str("b,1\n"));
        assert_int_equal(pfs_waiting_result(&t.waiting, NULL), 4);
        pfs_tree_refuse(t.tree, &t.waiting.request, file.handle, &why);
        assert_int_equal(pfs_waiting_result(&t.waiting, &err), -EIO);
        CHECK(paths[i], strncmp(err.text, paths[i], strlen(paths[i])) == 0);
        assert_string_equal(err.text + strlen(paths[i]), ": a bad sector");
        assert_int_equal(close_path(&entry, &file), -EIO);
        CHECK(paths[i], strcmp(text_of("d/logs/snapshot/latest.csv"), "line,p\na,1\n") == 0);
    }
    assert_non_null(strstr(text_of("d/logs/errors.jsonl"), "a bad sector"));
}

/* ---- errors.jsonl ---- */

/* The oldest lines go by halves, and whole: what is there is the newest, and lines of JSON all of it. A row that is
 * longer than a line shows of it ends with a whole character. */
static void errors_keep_the_newest_whole_lines(void **state)
{
    static char row[70000];
    struct pfs_text_refusal refusal = {.row = 1, .column = "c\n", .text = pfs_slice_of(row, sizeof(row))};
    struct pfs_err why = {.code = EINVAL};
    struct pfs_buf out = {0};
    struct pfs_errors *errors;
    int first = -1, lines = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(row); i++)
        row[i] = i == 0 ? 'x' : i % 2 == 1 ? '\xc3' : '\xa4';
    assert_int_equal(pfs_errors_open(&errors, NULL), 0);
    for (int i = 0; i < 100; i++) {
        (void)snprintf(why.text, sizeof(why.text), "number %d", i);
        pfs_errors_add(errors, 0, 1, &refusal, &why);
    }
    pfs_errors_print(errors, &out);
    assert_true(out.len > (size_t)1 << 19 && out.len < (size_t)1 << 21);
    for (size_t at = 0; at < out.len; lines++) {
        const uint8_t *line = out.at + at, *end = memchr(line, '\n', out.len - at);
        const char *number;

        assert_non_null(end);
        assert_memory_equal(line, "{\"time\":", 8);
        assert_memory_equal(end - 3, "\xa4\"}", 3);
        assert_int_equal(pfs_utf8_check(pfs_slice_of(line, (size_t)(end - line))), end - line);
        number = memmem(line, (size_t)(end - line), "number ", 7);
        assert_non_null(number);
        first = first < 0 ? atoi(number + 7) : first;
        assert_int_equal(atoi(number + 7), first + lines);
        at = (size_t)(end + 1 - out.at);
    }
    assert_true(first > 0);
    assert_int_equal(first + lines, 100);
    pfs_errors_close(errors);
    pfs_buf_done(&out);
}

/* ---- names that the kernel keeps ---- */

#define DIRECTORIES 1200

/* What the kernel does not let go of (nothing is forgotten here) is asked for once in a round, and hinders nobody. */
static void names_are_asked_for_files_first_each_once_in_a_round(void **state)
{
    static struct pfs_given given[PFS_GIVEN_MAX];
    static struct pfs_entry entry[DIRECTORIES];
    struct pfs_entry file;

    (void)state;
    for (int i = 0; i < DIRECTORIES; i++) {
        char path[60];

        (void)snprintf(path, sizeof(path), "d/t/where/k=%d", i);
        assert_int_equal(pfs_tree_walk(t.tree, path, &entry[i], NULL), 0);
        pfs_tree_named(t.tree, entry[i].node, 8, strrchr(path, '/') + 1);
    }
    assert_int_equal(pfs_tree_walk(t.tree, "d/t/schema.sql", &file, NULL), 0);
    pfs_tree_named(t.tree, file.node, 7, "schema.sql");
    assert_true(pfs_tree_is_crowded(t.tree));
    for (int round = 0; round < 3; round++) {
        int asked = 0, count;

        assert_int_equal(pfs_tree_give_back(t.tree, given), 1);
        assert_string_equal(given[0].name, "schema.sql");
        assert_int_equal(given[0].parent, 7);
        while ((count = pfs_tree_give_back(t.tree, given)) > 0) {
            assert_true(count <= PFS_GIVEN_MAX && asked + count <= DIRECTORIES);
            for (int i = 0; i < count; i++) {
                char name[20];

                (void)snprintf(name, sizeof(name), "k=%d", asked + i);
                assert_string_equal(given[i].name, name);
            }
            asked += count;
        }
        assert_int_equal(asked, DIRECTORIES);
    }
    assert_int_equal(pfs_tree_give_back(t.tree, given), 1);
    pfs_tree_named(t.tree, file.node, 9, "schema.sql"); /* looked up again, it may be asked for again */
    assert_int_equal(pfs_tree_give_back(t.tree, given), 1);
    assert_int_equal(given[0].parent, 9);
    pfs_tree_forget(t.tree, file.node, 1);
    for (int i = 0; i < DIRECTORIES; i++)
        pfs_tree_forget(t.tree, entry[i].node, 1);
    assert_false(pfs_tree_is_crowded(t.tree));
    assert_int_equal(pfs_tree_give_back(t.tree, given), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_are_appended_and_read_merged, open_tree, close_tree),
        cmocka_unit_test_setup_teardown(merged_rows_are_a_parquet_file_too, open_tree, close_tree),
        cmocka_unit_test_setup_teardown(an_open_view_never_changes, open_tree, close_tree),
        cmocka_unit_test_setup_teardown(a_wrong_row_keeps_nothing_of_its_handle, open_tree, close_tree),
        cmocka_unit_test_setup_teardown(a_numbered_append_happens_once, open_tree, close_tree),
        cmocka_unit_test_setup_teardown(a_failing_disk_is_the_writers_error, open_tree, close_tree),
        cmocka_unit_test_setup_teardown(what_is_not_there_yet_is_refused_by_name, open_tree, close_tree),
        cmocka_unit_test_setup_teardown(what_begins_like_a_parquet_file_is_text_unless_it_goes_on_like_one, open_tree,
                                        close_tree),
        cmocka_unit_test_setup_teardown(a_gap_is_refused, open_tree, close_tree),
        cmocka_unit_test_setup_teardown(rows_that_are_given_up_leave_nothing, open_tree, close_tree),
        cmocka_unit_test(errors_keep_the_newest_whole_lines),
        cmocka_unit_test_setup_teardown(names_are_asked_for_files_first_each_once_in_a_round, open_tree, close_tree),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
