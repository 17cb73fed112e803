/* store_test.c - every store behaves alike; what a power cut leaves; what the fault store does. */
#include "base/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/unit/cm.h"

static char root[64];

static struct pfs_store *open_store(bool memory)
{
    struct pfs_store *store;

    if (memory) {
        assert_int_equal(pfs_store_open_memory(&store, NULL), 0);
        return store;
    }
    (void)snprintf(root, sizeof(root), "/tmp/paimonfs-store-XXXXXX");
    assert_non_null(mkdtemp(root));
    assert_int_equal(pfs_store_open_posix(root, &store, NULL), 0);
    return store;
}

static void close_store(struct pfs_store *store, bool memory)
{
    assert_int_equal(pfs_store_remove_all(store, "d", NULL), 0);
    pfs_store_close(store);
    if (!memory)
        assert_int_equal(rmdir(root), 0);
}

static int put(struct pfs_store *store, const char *path, const char *text, bool sync)
{
    struct pfs_file *file;

    PFS_TRY(pfs_store_create(store, path, &file, NULL));
    PFS_TRY(pfs_file_append(file, text, strlen(text), NULL));
    if (sync)
        PFS_TRY(pfs_file_sync(file, NULL));
    pfs_file_close(file);
    return 0;
}

static bool has(struct pfs_store *store, const char *path, const char *text)
{
    struct pfs_slice bytes;
    bool same;

    if (pfs_store_load(store, path, 1000, &bytes, NULL) < 0)
        return false;
    same = pfs_slice_eq(bytes, pfs_str(text));
    pfs_free((void *)bytes.at);
    return same;
}

static int count_entry(void *context, struct pfs_slice name, bool directory)
{
    int *counts = context;

    (void)name;
    counts[directory]++;
    return 0;
}

static void stores_behave_alike(void **state)
{
    (void)state;
    for (int memory = 0; memory < 2; memory++) {
        struct pfs_store *s = open_store(memory);
        int counts[2] = {0, 0};
        struct pfs_file *file;
        struct pfs_err err;
        struct pfs_stat st;
        char byte[4];

        assert_int_equal(put(s, "d/a/one", "first", true), 0);
        assert_int_equal(put(s, "d/a/one", "again", true), -EEXIST);
        assert_true(has(s, "d/a/one", "first"));
        assert_int_equal(put(s, "d/two", "second", true), 0);
        assert_int_equal(pfs_store_rename_new(s, "d/two", "d/a/one", NULL), -EEXIST);
        assert_true(has(s, "d/two", "second"));
        assert_int_equal(pfs_store_rename_over(s, "d/two", "d/two", NULL), 0);
        assert_true(has(s, "d/two", "second"));
        assert_int_equal(pfs_store_open(s, "d/a/one", &file, NULL), 0);
        assert_int_equal(pfs_store_rename_over(s, "d/two", "d/a/one", NULL), 0);
        assert_true(has(s, "d/a/one", "second"));
        /* a file that is open keeps its content */
        assert_int_equal(pfs_file_pread(file, 1, byte, 4, NULL), 0);
        assert_memory_equal(byte, "irst", 4);
        assert_int_equal(pfs_file_pread(file, 2, byte, 4, &err), -EIO);
        assert_true(err.text[0] != '\0');
        pfs_file_close(file);
        assert_int_equal(pfs_store_open(s, "d/two", &file, NULL), -ENOENT);
        assert_int_equal(pfs_store_open(s, "d/a", &file, &err), -EISDIR);
        assert_int_equal(pfs_store_stat(s, "d/a/one", &st, NULL), 0);
        assert_true(st.size == 6 && !st.directory);
        assert_int_equal(pfs_store_mkdir(s, "d/b/c", NULL), 0);
        assert_int_equal(pfs_store_mkdir(s, "d/b", NULL), -EEXIST);
        assert_int_equal(pfs_store_rmdir(s, "d/b", NULL), -ENOTEMPTY);
        assert_int_equal(pfs_store_list(s, "d", count_entry, counts, NULL), 0);
        assert_true(counts[0] == 0 && counts[1] == 2);
        assert_int_equal(pfs_store_list(s, "d/none", count_entry, counts, NULL), -ENOENT);
        assert_int_equal(pfs_store_publish(s, "d/p", pfs_str("x"), false, NULL), 0);
        assert_int_equal(pfs_store_publish(s, "d/p", pfs_str("y"), false, NULL), -EEXIST);
        assert_true(has(s, "d/p", "x"));
        assert_int_equal(pfs_store_publish(s, "d/p", pfs_str("z"), true, NULL), 0);
        assert_true(has(s, "d/p", "z"));
        counts[0] = counts[1] = 0;
        assert_int_equal(pfs_store_list(s, "d", count_entry, counts, NULL), 0);
        assert_true(counts[0] == 1 && counts[1] == 2); /* no temporary file is left */
        assert_int_equal(pfs_store_unlink(s, "d/p", NULL), 0);
        assert_int_equal(pfs_store_unlink(s, "d/p", NULL), -ENOENT);
        assert_int_equal(pfs_store_open(s, "../etc", &file, &err), -EINVAL);
        close_store(s, memory);
    }
}

static void a_power_cut_takes_what_was_not_synced(void **state)
{
    struct pfs_store *s = open_store(true);

    (void)state;
    assert_int_equal(pfs_store_publish(s, "d/e/published", pfs_str("whole"), false, NULL), 0);
    assert_int_equal(put(s, "d/bytes-lost", "abc", false), 0);
    assert_int_equal(put(s, "d/kept", "abc", true), 0);
    assert_int_equal(pfs_store_sync_dir(s, "d", NULL), 0);
    assert_int_equal(put(s, "d/name-lost", "abc", true), 0);
    assert_int_equal(pfs_store_rename_new(s, "d/kept", "d/moved", NULL), 0);
    pfs_store_memory_power_cut(s);
    assert_true(has(s, "d/bytes-lost", ""));
    assert_true(has(s, "d/kept", "abc")); /* the new name was not synced, so the old one is back */
    assert_false(has(s, "d/moved", "abc"));
    assert_false(has(s, "d/name-lost", "abc"));
    assert_true(has(s, "d/e/published", "whole"));
    close_store(s, true);
}

static void room_is_what_the_file_system_says(void **state)
{
    struct pfs_fault fault = {0};
    struct pfs_store *s = open_store(false);

    (void)state;
    assert_true(pfs_store_room(s) > 0);
    assert_true(pfs_store_room(s) < UINT64_MAX);
    assert_int_equal(pfs_store_open_fault(s, &fault, &s, NULL), 0);
    assert_true(pfs_store_room(s) > 0);
    fault.room = 7;
    assert_int_equal(pfs_store_room(s), 7);
    close_store(s, false);
}

static void the_fault_store_fails_the_call_that_it_is_told(void **state)
{
    struct pfs_fault fault = {.fail_errno = ENOSPC};
    struct pfs_store *s;
    struct pfs_err err;

    (void)state;
    assert_int_equal(pfs_store_open_fault(open_store(true), &fault, &s, NULL), 0);
    assert_int_equal(put(s, "d/a", "abcd", true), 0);
    assert_true(fault.calls >= 3 && fault.syncs == 1 && fault.bytes_written == 4);
    fault.fail_at = fault.calls + 1;
    assert_int_equal(pfs_store_publish(s, "d/b", pfs_str("x"), false, &err), -ENOSPC);
    assert_true(err.text[0] != '\0');
    assert_int_equal(pfs_store_publish(s, "d/b", pfs_str("x"), false, &err), 0);
    fault.fail_at = fault.calls + 1;
    fault.fail_on = true;
    assert_int_equal(pfs_store_publish(s, "d/c", pfs_str("x"), false, NULL), -ENOSPC);
    assert_int_equal(pfs_store_publish(s, "d/c", pfs_str("x"), false, NULL), -ENOSPC);
    fault.fail_at = 0;
    close_store(s, true);
}

static void one_holder_at_a_time_has_a_locked_file(void **state)
{
    (void)state;
    for (int memory = 0; memory < 2; memory++) {
        struct pfs_store *store = open_store(memory != 0);
        struct pfs_file *first, *second, *reader;
        char text[3];

        assert_int_equal(pfs_store_open_locked(store, "d/log", false, &first, NULL), -ENOENT);
        assert_int_equal(pfs_store_stat(store, "d", &(struct pfs_stat){0}, NULL), -ENOENT); /* nothing is made for it */
        assert_int_equal(pfs_store_open_locked(store, "d/log", true, &first, NULL), 0);
        assert_int_equal(pfs_store_open_locked(store, "d/log", true, &second, NULL), -EEXIST);
        assert_int_equal(pfs_store_open_locked(store, "d/log", false, &second, NULL), -EAGAIN);
        assert_int_equal(pfs_store_open(store, "d/log", &reader, NULL), 0); /* readers need no lock */
        pfs_file_close(reader);
        assert_int_equal(pfs_file_append(first, "abc", 3, NULL), 0);
        assert_int_equal(pfs_file_pread(first, 0, text, 3, NULL), 0);
        assert_memory_equal(text, "abc", 3);
        pfs_file_close(first);
        assert_int_equal(pfs_store_open_locked(store, "d/log", false, &second, NULL), 0);
        assert_int_equal(pfs_file_size(second), 3);
        pfs_file_close(second);
        close_store(store, memory != 0);
    }
}

/* A failure without a sentence would be told as an input/output error by whoever wraps it. */
/* Whoever holds the file that had the name can tell which it was. */
static void a_name_that_is_removed_is_told_from_one_that_is_renamed_over(void **state)
{
    (void)state;
    for (int memory = 0; memory < 2; memory++)
        for (int removed = 0; removed < 2; removed++) {
            struct pfs_store *s = open_store(memory);
            struct pfs_file *file;
            struct pfs_stat first, held, now;

            assert_int_equal(put(s, "d/name", "first", true), 0);
            assert_int_equal(pfs_store_open(s, "d/name", &file, NULL), 0);
            assert_int_equal(pfs_store_stat(s, "d/name", &first, NULL), 0);
            if (removed) {
                assert_int_equal(pfs_store_unlink(s, "d/name", NULL), 0);
                (void)usleep(20000); /* file systems tell the time by ticks */
            }
            assert_int_equal(put(s, "d/other", "second", true), 0);
            (void)usleep(20000);
            assert_int_equal(pfs_store_rename_over(s, "d/other", "d/name", NULL), 0);
            assert_int_equal(pfs_store_stat(s, "d/name", &now, NULL), 0);
            assert_int_equal(pfs_file_stat(file, &held, NULL), 0);
            assert_int_equal(held.inode, first.inode);
            assert_int_not_equal(held.inode, now.inode);
            assert_int_equal(held.ctime_ns < now.mtime_ns, removed);
            pfs_file_close(file);
            close_store(s, memory);
        }
}

static void removing_a_tree_without_memory_says_so(void **state)
{
    (void)state;
    for (int memory = 0; memory < 2; memory++) {
        struct pfs_store *s = open_store(memory);
        int rc = -1;

        for (int64_t n = 0; rc < 0; n++) {
            struct pfs_err err = {0};
            int made = put(s, "d/tree/file", "x", false);

            assert_true(made == 0 || made == -EEXIST);
            pfs_mem_fail_after(n);
            rc = pfs_store_remove_all(s, "d/tree", &err);
            pfs_mem_fail_after(-1);
            assert_true(rc == 0 || (rc == -ENOMEM && err.code == ENOMEM && err.text[0] != '\0'));
        }
        assert_int_equal(pfs_store_stat(s, "d/tree", &(struct pfs_stat){0}, NULL), -ENOENT);
        close_store(s, memory);
    }
}

/* A name would stay that nobody knows of. */
static void a_file_that_cannot_be_handed_out_is_not_there(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        bool memory = i % 2 == 1, locked = i / 2 == 1;
        struct pfs_store *s = open_store(memory);
        int rc = -1;

        for (int64_t n = 0; rc < 0; n++) {
            struct pfs_err err = {0};
            struct pfs_file *file;

            pfs_mem_fail_after(n);
            rc = locked ? pfs_store_open_locked(s, "d/file", true, &file, &err)
                        : pfs_store_create(s, "d/file", &file, &err);
            pfs_mem_fail_after(-1);
            if (rc == 0)
                pfs_file_close(file);
            assert_true(rc == 0 || (rc == -ENOMEM && err.code == ENOMEM && err.text[0] != '\0'));
            assert_int_equal(pfs_store_stat(s, "d/file", &(struct pfs_stat){0}, NULL), rc == 0 ? 0 : -ENOENT);
        }
        close_store(s, memory);
    }
}

/* What is known of a name after a failure: before the rename that it is not there. */
static void a_failure_before_the_rename_is_told_from_one_behind_it(void **state)
{
    static const char *const calls[] = {"create", "append", "sync", "rename", "sync_dir"};
    struct pfs_store *s;
    struct pfs_fault fault = {.fail_errno = ENOSPC};
    bool named;

    (void)state;
    assert_int_equal(pfs_store_open_fault(open_store(true), &fault, &s, NULL), 0);
    for (int64_t i = 0; i < 5; i++) {
        struct pfs_err err = {0};

        fault.fail_at = fault.calls + 1 + i;
        CHECK(calls[i], pfs_store_publish_told(s, "d/name", pfs_str("x"), true, &named, &err) == -ENOSPC);
        CHECK(calls[i], named == (i >= 3));
        CHECK(calls[i], strncmp(err.text, calls[i], strlen(calls[i])) == 0);
        fault.fail_at = 0;
        CHECK(calls[i], pfs_store_stat(s, "d/name", &(struct pfs_stat){0}, NULL) == (i == 4 ? 0 : -ENOENT));
    }
    fault.fail_at = 0;
    close_store(s, true);
}

/* Before an implementation sees it: a sum of two numbers of a file could pass 64 bits there. */
static void a_read_beyond_the_end_is_not_tried(void **state)
{
    static const struct {
        const char *what;
        uint64_t off;
        size_t len;
        int want;
    } cases[] = {
        {"all", 0, 6, 0},
        {"nothing at the end", 6, 0, 0},
        {"one byte more than there is", 1, 6, -EIO},
        {"nothing behind the end", 7, 0, -EIO},
        {"far behind the end", UINT64_MAX, 2, -EIO},
    };
    struct pfs_fault fault = {0};
    struct pfs_store *s;
    struct pfs_file *file;
    char bytes[8];

    (void)state;
    assert_int_equal(pfs_store_open_fault(open_store(true), &fault, &s, NULL), 0);
    assert_int_equal(put(s, "d/file", "abcdef", true), 0);
    assert_int_equal(pfs_store_open(s, "d/file", &file, NULL), 0);
    for (size_t i = 0; i < COUNT(cases); i++) {
        const int64_t calls = fault.calls;
        struct pfs_err err = {0};

        CHECK(cases[i].what, pfs_file_pread(file, cases[i].off, bytes, cases[i].len, &err) == cases[i].want);
        CHECK(cases[i].what, (err.text[0] != '\0') == (cases[i].want < 0));
        CHECK(cases[i].what, fault.calls - calls == (i == 0));
    }
    pfs_file_close(file);
    close_store(s, true);
}

static void the_longest_names_and_files_are_taken(void **state)
{
    (void)state;
    for (int memory = 0; memory < 2; memory++) {
        struct pfs_store *s = open_store(memory);
        char longest[300] = "d/", *name = longest + 2;
        struct pfs_slice bytes;
        struct pfs_err err = {0};

        for (int i = 0; i < 85; i++)
            memcpy(name + 3 * i, "\xe2\x82\xac", 4); /* 255 bytes; none of which a temporary name may end within */
        assert_int_equal(pfs_store_publish(s, longest, pfs_str("abcdef"), false, &err), 0);
        assert_int_equal(pfs_store_load(s, longest, 5, &bytes, &err), -EFBIG);
        assert_int_equal(pfs_store_load(s, longest, 6, &bytes, &err), 0);
        pfs_free((void *)bytes.at);
        name[255] = 'x';
        assert_int_equal(pfs_store_publish(s, longest, pfs_str("x"), false, &err), -EINVAL);
        close_store(s, memory);
    }
}

/* The stack is not a file system's to use up. */
static void a_tree_that_lies_too_deep_is_not_removed(void **state)
{
    struct pfs_store *s = open_store(true);
    char path[200] = "d";
    struct pfs_err err = {0};

    (void)state;
    for (int i = 0; i < 64; i++)
        (void)strcat(path, "/a");
    assert_int_equal(pfs_store_mkdir(s, path, &err), 0);
    assert_int_equal(pfs_store_remove_all(s, "d", &err), 0);
    (void)strcat(path, "/a");
    assert_int_equal(pfs_store_mkdir(s, path, &err), 0);
    assert_int_equal(pfs_store_remove_all(s, "d", &err), -ELOOP);
    assert_int_equal(pfs_store_remove_all(s, "d/a", &err), 0);
    close_store(s, true);
}

struct rival {
    struct pfs_store *memory;
    const char *op; /* he is quicker with every one of these */
};

static void be_quicker(void *context, const char *op, const char *path)
{
    const struct rival *r = context;

    if (strcmp(op, r->op) == 0)
        (void)pfs_store_remove_all(r->memory, path, NULL);
}

static void two_may_remove_the_same_tree(void **state)
{
    static const char *const ops[] = {"stat", "list", "unlink", "rmdir"};
    struct rival rival = {.memory = open_store(true)};
    struct pfs_fault fault = {.each = be_quicker, .context = &rival};
    struct pfs_store *s;

    (void)state;
    assert_int_equal(pfs_store_open_fault(rival.memory, &fault, &s, NULL), 0);
    for (size_t i = 0; i < COUNT(ops); i++) {
        rival.op = "";
        assert_int_equal(put(s, "d/tree/a/one", "x", true), 0);
        assert_int_equal(put(s, "d/tree/b/two", "x", true), 0);
        assert_int_equal(put(s, "d/tree/three", "x", true), 0);
        rival.op = ops[i];
        CHECK(ops[i], pfs_store_remove_all(s, "d/tree", NULL) == 0);
        CHECK(ops[i], pfs_store_stat(rival.memory, "d/tree", &(struct pfs_stat){0}, NULL) == -ENOENT);
    }
    rival.op = "";
    close_store(s, true);
}

/* A file renamed over another has its own inode; one that was written anew in place its own time or size. */
static void a_file_is_the_same_by_all_that_tells_it(void **state)
{
    const struct pfs_stat a = {.size = 7, .inode = 3, .ctime_ns = 100, .mtime_ns = 90};
    struct pfs_stat b = a;

    (void)state;
    assert_true(pfs_stat_is_same_file(&a, &b));
    b.inode = 4;
    assert_false(pfs_stat_is_same_file(&a, &b));
    b = a;
    b.ctime_ns = 101;
    assert_false(pfs_stat_is_same_file(&a, &b));
    b = a;
    b.size = 8;
    assert_false(pfs_stat_is_same_file(&a, &b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_holder_at_a_time_has_a_locked_file),
        cmocka_unit_test(stores_behave_alike),
        cmocka_unit_test(a_name_that_is_removed_is_told_from_one_that_is_renamed_over),
        cmocka_unit_test(removing_a_tree_without_memory_says_so),
        cmocka_unit_test(a_file_that_cannot_be_handed_out_is_not_there),
        cmocka_unit_test(a_failure_before_the_rename_is_told_from_one_behind_it),
        cmocka_unit_test(a_power_cut_takes_what_was_not_synced),
        cmocka_unit_test(a_read_beyond_the_end_is_not_tried),
        cmocka_unit_test(the_longest_names_and_files_are_taken),
        cmocka_unit_test(a_tree_that_lies_too_deep_is_not_removed),
        cmocka_unit_test(two_may_remove_the_same_tree),
        cmocka_unit_test(a_file_is_the_same_by_all_that_tells_it),
        cmocka_unit_test(room_is_what_the_file_system_says),
        cmocka_unit_test(the_fault_store_fails_the_call_that_it_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
