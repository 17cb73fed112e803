/* manifest_test.c - manifests come back as they were written; what combining leaves; options and their errors. */
#include "src/meta/manifest.h"

#include <errno.h>
#include <stdio.h>

#include "src/meta/options.h"
#include "tests/unit/cm.h"

static struct pfs_arena arena;

static int set_up(void **state)
{
    (void)state;
    pfs_arena_init(&arena, 16 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pfs_arena_done(&arena);
    return 0;
}

/* A row without fields: four bytes of arity, eight of header. */
static const uint8_t empty_row[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};

static struct pfs_manifest_entry entry(const char *name, bool deleted, int32_t level)
{
    struct pfs_slice row = pfs_slice_of(empty_row, sizeof(empty_row));
    struct pfs_stats stats = {.min = row, .max = row};

    return (struct pfs_manifest_entry){
        .deleted = deleted,
        .partition = row,
        .bucket = 1,
        .total_buckets = 2,
        .file = {.name = name,
                 .size = 1234,
                 .rows = 5,
                 .min_key = row,
                 .max_key = row,
                 .key_stats = stats,
                 .value_stats = stats,
                 .min_sequence = 3,
                 .max_sequence = 7,
                 .schema_id = 2,
                 .level = level,
                 .creation_time_ms = 1700000000000,
                 .delete_rows = 1,
                 .source = 0,
                 .stats_columns = -1,
                 .first_row_id = INT64_MIN,
                 .write_columns = -1},
    };
}

static void a_manifest_comes_back(void **state)
{
    struct pfs_manifest_entry in[] = {entry("data-1.parquet", false, 0), entry("data-2.parquet", true, 5)}, *out;
    struct pfs_buf file = {0};
    int64_t count;

    (void)state;
    in[1].file.external_path = "oss://b/data-2.parquet";
    assert_int_equal(pfs_manifest_print(in, 2, &file, NULL), 0);
    assert_int_equal(pfs_manifest_parse(pfs_buf_slice(&file), &arena, &out, &count, NULL), 0);
    assert_int_equal(count, 2);
    for (int i = 0; i < 2; i++) {
        assert_true(pfs_manifest_same_file(&in[i], &out[i]));
        assert_int_equal(out[i].deleted, in[i].deleted);
        assert_int_equal(out[i].total_buckets, 2);
        assert_int_equal(out[i].file.size, 1234);
        assert_int_equal(out[i].file.rows, 5);
        assert_int_equal(out[i].file.min_sequence, 3);
        assert_int_equal(out[i].file.max_sequence, 7);
        assert_int_equal(out[i].file.creation_time_ms, 1700000000000);
        assert_int_equal(out[i].file.stats_columns, -1);
        assert_int_equal(out[i].file.first_row_id, INT64_MIN);
    }
    assert_null(out[0].file.external_path);
    assert_string_equal(out[1].file.external_path, "oss://b/data-2.parquet");
    pfs_buf_done(&file);
}

static void a_cut_manifest_is_refused(void **state)
{
    struct pfs_manifest_entry in = entry("data-1.parquet", false, 0), *out;
    struct pfs_buf file = {0};
    int64_t count;

    (void)state;
    assert_int_equal(pfs_manifest_print(&in, 1, &file, NULL), 0);
    for (size_t len = 0; len < file.len; len++) {
        struct pfs_err err = {0};
        int rc = pfs_manifest_parse(pfs_slice_of(file.at, len), &arena, &out, &count, &err);

        /* Behind the header and before the first block the file is whole, and empty. */
        if (rc == 0)
            assert_int_equal(count, 0);
        else
            CHECK(err.text, rc == -EIO && err.text[0] != 0);
        pfs_arena_reset(&arena);
    }
    pfs_buf_done(&file);
}

static void a_delete_takes_its_file_away(void **state)
{
    struct pfs_manifest_entry first[] = {entry("a", false, 0), entry("b", false, 0), entry("c", false, 0)};
    struct pfs_manifest_entry second[] = {entry("b", true, 0), entry("d", false, 1)};
    struct pfs_manifest_entry third[] = {entry("a", true, 1), entry("b", false, 0)};
    const struct pfs_manifest_entry *arrays[] = {first, second, third}, **out;
    const int64_t counts[] = {3, 2, 2};
    int64_t count, leftover;

    (void)state;
    assert_int_equal(pfs_manifest_combine(arrays, counts, 3, &arena, &out, &count, &leftover, NULL), 0);
    assert_int_equal(count, 4);
    assert_string_equal(out[0]->file.name, "a"); /* the DELETE of level 1 means another file */
    assert_string_equal(out[1]->file.name, "c");
    assert_string_equal(out[2]->file.name, "d");
    assert_string_equal(out[3]->file.name, "b"); /* added again */
    assert_int_equal(leftover, 1);
}

static void option_values_are_read_as_paimon_reads_them(void **state)
{
    struct pfs_option item[] = {{"b", "TRUE"},     {"bad", "many"},   {"day", "1 d"}, {"ms", "250"},
                                {"size", "64 kb"}, {"size2", "1 mb"}, {"word", "Two"}};
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_manifest_comes_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_cut_manifest_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_delete_takes_its_file_away, set_up, tear_down),
        cmocka_unit_test_setup_teardown(option_values_are_read_as_paimon_reads_them, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
