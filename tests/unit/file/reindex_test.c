/* File indexes of files that are there already, by CALL sys.rewrite_file_index. */
#include "src/statement/statement.h"

#include <errno.h>
#include <stdio.h>

#include "format/fileindex/fileindex.h"
#include "src/file/file.h"
#include "tests/unit/commit/table.h"

#define BUCKET "d.db/t/bucket-0"

/* What the index says of a file whose only row has `key`. */
static void check_index(struct pfs_slice container, int32_t key)
{
    static const struct pfs_type type = {.kind = PFS_INT, .nullable = false};
    struct pfs_fileindex *index;

    assert_int_equal(pfs_fileindex_parse(container, &index, NULL), 0);
    for (int32_t asked = 0; asked < 4; asked++) {
        struct pfs_column literal = {.type = &type, .values = &asked};
        enum pfs_index_answer answer;
        struct pfs_bitmap *some = NULL;

        assert_int_equal(pfs_fileindex_test(index, "k", &type, PFS_EQ, &literal, 1, &answer, &some, NULL), 0);
        pfs_bitmap_free(some);
        assert_int_equal(answer == PFS_INDEX_NONE, asked != key);
    }
    pfs_fileindex_close(index);
}

static int count_index(void *context, struct pfs_slice name, bool directory)
{
    (void)directory;
    *(int *)context += name.len > 6 && memcmp(name.at + name.len - 6, ".index", 6) == 0;
    return 0;
}

static int index_files(void)
{
    int count = 0;

    assert_int_equal(pfs_store_list(store, BUCKET, count_index, &count, NULL), 0);
    return count;
}

static void small_indexes_go_into_the_entries(void **state)
{
    struct pfs_state *s;

    (void)state;
    (void)commit(1);
    (void)commit(2);
    run("CALL sys.rewrite_file_index('d.t');"); /* none is asked for: no snapshot */
    run("ALTER TABLE d.t SET ('file-index.bitmap.columns' = 'k'); CALL sys.rewrite_file_index('d.t');");
    s = newest();
    assert_int_equal(s->snapshot.id, 3);
    assert_int_equal(s->snapshot.kind, PFS_COMMIT_COMPACT);
    assert_int_equal(s->snapshot.delta_records, 0);
    assert_int_equal(s->files, 2);
    for (int64_t i = 0; i < s->files; i++) {
        assert_int_equal(s->file[i]->file.extra_files, 0);
        check_index(s->file[i]->file.embedded_index, (int32_t)s->file[i]->file.min_sequence + 1);
    }
    pfs_state_unref(s);
    run("ALTER TABLE d.t RESET ('file-index.bitmap.columns'); CALL sys.rewrite_file_index('d.t');");
    s = newest();
    assert_int_equal(s->snapshot.id, 4);
    assert_null(s->file[0]->file.embedded_index.at);
    pfs_state_unref(s);
}

static void large_indexes_are_files_with_a_new_name_each_time(void **state)
{
    char want[256], path[300];
    struct pfs_slice bytes;
    struct pfs_state *s;

    (void)state;
    (void)commit(1);
    run("ALTER TABLE d.t SET ('file-index.bitmap.columns' = 'k', 'file-index.in-manifest-threshold' = '1 b');");
    for (int i = 0; i < 3; i++) {
        run("CALL sys.rewrite_file_index(`table` => 'd.t');");
        s = newest();
        assert_int_equal(s->file[0]->file.extra_files, 1);
        (void)snprintf(want, sizeof(want), i == 0 ? "%s.index" : "%s-%d.index", s->file[0]->file.name, i);
        assert_string_equal(s->file[0]->file.extra_file[0], want);
        (void)snprintf(path, sizeof(path), BUCKET "/%s", want);
        assert_int_equal(pfs_store_load(store, path, 1 << 16, &bytes, NULL), 0);
        check_index(bytes, 1);
        pfs_free((void *)(uintptr_t)bytes.at);
        pfs_state_unref(s);
    }
    assert_int_equal(index_files(), 3); /* older snapshots name the others */
}

static void a_column_that_was_renamed_is_indexed_under_its_old_name(void **state)
{
    struct pfs_state *s;

    (void)state;
    (void)commit(1);
    run("ALTER TABLE d.t RENAME k TO kk; ALTER TABLE d.t SET ('file-index.bitmap.columns' = 'kk');"
        "CALL sys.rewrite_file_index('d.t');");
    s = newest();
    check_index(s->file[0]->file.embedded_index, 1);
    pfs_state_unref(s);
}

/* The name in an entry is data: whatever stands in it, the next one is a name that is free. */
static void the_number_in_a_name_may_be_any(void **state)
{
    static const char *const numbers[] = {"9223372036854775807", "-9223372036854775808", "-1", "x"};

    (void)state;
    (void)commit(1);
    run("ALTER TABLE d.t SET ('file-index.bitmap.columns' = 'k', 'file-index.in-manifest-threshold' = '1 b');");
    for (size_t i = 0; i < COUNT(numbers); i++) {
        struct pfs_arena arena = {0};
        struct pfs_state *s = newest();
        struct pfs_manifest_entry entry = *s->file[0], out;
        const char *name = pfs_arena_printf(&arena, "%s-%s.index", entry.file.name, numbers[i]);
        const struct pfs_data_read read = {
            .store = s->store, .table = s->store_table, .schema = s->schema, .schemas = s->schemas};
        int files = index_files();

        entry.file.extra_file = &name;
        entry.file.extra_files = 1;
        CHECK(numbers[i], pfs_data_index(&read, &entry, &arena, &out, NULL) == 1);
        CHECK(numbers[i], out.file.extra_files == 1 && strcmp(out.file.extra_file[0], name) != 0);
        CHECK(numbers[i], index_files() == files + 1);
        pfs_state_unref(s);
        pfs_arena_done(&arena);
    }
}

static void every_call_fails_once_and_nothing_is_left_behind(void **state)
{
    int64_t at = 1;
    bool met = true;

    (void)state;
    (void)commit(1);
    run("ALTER TABLE d.t SET ('file-index.bitmap.columns' = 'k', 'file-index.in-manifest-threshold' = '1 b');");
    for (; met; at++) {
        struct pfs_err err = {0};
        struct pfs_state *s = newest();
        int64_t before = s->snapshot.id, last;
        int files = index_files(), rc;

        pfs_state_unref(s);
        last = fault.calls + at;
        fault.fail_at = last;
        fault.fail_errno = EIO;
        rc = said("CALL sys.rewrite_file_index('d.t');", &err);
        met = fault.calls >= last;
        fault.fail_at = 0;
        s = newest();
        if (rc < 0)
            assert_true(err.code != 0);
        if (s->snapshot.id == before)
            assert_true(rc < 0 && index_files() == files);
        else
            assert_int_equal(index_files(), files + 1);
        assert_int_equal(s->files, 1);
        pfs_state_unref(s);
    }
    assert_true(at > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(small_indexes_go_into_the_entries, set_up, tear_down),
        cmocka_unit_test_setup_teardown(large_indexes_are_files_with_a_new_name_each_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_column_that_was_renamed_is_indexed_under_its_old_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_number_in_a_name_may_be_any, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_call_fails_once_and_nothing_is_left_behind, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
