/* prune_test.c - scans with conditions over tables of Paimon: the rows that match, and no more files than they need. */
#include "src/scan/prune.h"

#include <stdio.h>

#include "base/mem.h"
#include "format/text/text.h"
#include "tests/unit/scan/tables.h"

/* How many rows a scan gives, and the first column's values in order ("3,4,7"). */
static int64_t scan(const struct table *t, const char *text, const char *column, bool kinds, char *values, size_t room)
{
    const int32_t wanted[] = {pfs_schema_find(t->state->schema, pfs_str(column))};
    struct pfs_scan_want want = {.state = t->state, .columns = 1, .column = wanted, .kinds = kinds};
    struct pfs_rows *rows = NULL;
    struct pfs_arena scratch;
    struct pfs_batch batch;
    int64_t got, n = 0;
    size_t at = 0;

    assert_int_equal(pfs_condition_parse(pfs_str(text), t->state->schema, &arena, &want.condition, NULL), 0);
    pfs_arena_init(&scratch, 0);
    data_files = 0;
    assert_int_equal(pfs_scan_rows(&want, &rows, NULL), 0);
    while ((got = pfs_reader_next(rows->reader, &scratch, &batch, NULL)) > 0) {
        assert_int_equal(batch.columns, kinds ? 2 : 1);
        for (int64_t i = 0; i < got; i++) {
            struct pfs_buf one = {0};

            assert_int_equal(pfs_text_print_value(PFS_TEXT_CSV, &batch.column[0], i, &one, NULL), 0);
            if (kinds)
                assert_int_equal(((const int8_t *)batch.column[1].values)[i], PFS_INSERT);
            if (at + one.len + 2 < room)
                at += (size_t)snprintf(values + at, room - at, "%s%.*s", n + i > 0 ? "," : "",
                                       PFS_P(pfs_buf_slice(&one)));
            pfs_buf_done(&one);
        }
        n += got;
        pfs_arena_reset(&scratch);
    }
    assert_int_equal(got, 0);
    rows->close(rows);
    pfs_arena_done(&scratch);
    return n;
}

static const struct {
    const char *table, *condition, *column;
    int64_t rows;
    const char *values; /* NULL: too many */
    int files;          /* data files opened, at most */
} cases[] = {
    {"merged", "v = 1", "k", 4, "5,6,7,8", 2}, /* the newer file stays: without it 0 to 4 and 9 were back */
    {"merged", "v = 2", "k", 5, "0,1,2,3,4", 2},
    {"merged", "s = 'far'", "k", 10, NULL, 3},
    {"merged", "v = 3 and k < 50", "k", 0, "", 2},
    {"merged", "k = 7", "v", 1, "1", 2}, /* both files have keys up to 9 */
    {"merged", "k = 9", "v", 0, "", 2},
    {"merged", "k = 105", "v", 1, "3", 1},
    {"merged", "k = 50", "v", 0, "", 0},
    {"merged", "v = 4", "k", 0, "", 2}, /* the lone file by its values, the others must be merged */
    {"merged", "k > 3 and s = 'new'", "k", 1, "4", 2},
    {"appended", "k = 5", "s", 1, "a", 1},
    {"appended", "k = 401", "s", 0, "", 1},
    {"appended", "s = 'b'", "k", 299, NULL, 1},
    {"appended", "s = 'b' and k <= 402", "k", 2, "400,402", 1},
    {"appended", "s = 'bb'", "k", 0, "", 0}, /* between the bounds, but not in the index */
    {"appended", "s = 'x'", "u", 9, NULL, 1},
    {"appended", "s in ('c', 'x') and k > 997", "k", 11, NULL, 2},
    {"appended", "w is null", "k", 999, NULL, 1},
    {"appended", "w is not null", "w", 9, NULL, 1},
    {"appended", "w = 1005", "k", 1, "1005", 1},
    {"appended", "u = -1005", "k", 1, "1005", 1},
    {"appended", "u = 700", "k", 1, "700", 1}, /* a column that had another name */
    {"appended", "u = 5000", "k", 0, "", 0},
    {"parted", "dt = 2026-11-02", "k", 3, "1,4,7", 1},
    {"parted", "dt > 2026-11-01 and v in (0, 4, 5)", "k", 2, "4,5", 2},
    {"parted", "dt < 2020-01-01", "k", 0, "", 0},
    {"parted", "v = 8", "dt", 1, "2026-11-03", 1},
    {"parted", "not (dt = 2026-11-02 or k = 0)", "k", 5, "3,6,2,5,8", 2},
    {"early", "t = '0001-02-25 05:59:59.675'", "k", 1, "1", 0}, /* in ORC files; the statistics say 0001-02-27 */
    {"early", "m = '1582-07-24 16:46:59.04'", "k", 1, "2", 0},
    {"early", "z > '1900-01-01' and z < '1970-01-01 00:00:01'", "k", 1, "3", 0}, /* the statistics say 1969 */
    {"early", "t >= '1970-01-01 00:00:00.5'", "k", 3, "3,4,5", 0},
    {"padded", "c = 'ab'", "k", 2, "1,2", 0}, /* CHAR(5); the statistics have blanks, the index what was written */
    {"padded", "c = 'a'", "k", 1, "5",
     0}, /* the other one in that file is below it with blanks, and above it without */
    {"padded", "c >= 'b'", "k", 1, "3", 0},
    {"padded", "t = '1970-01-01 00:00:00.5'", "k", 1, "1", 0}, /* the index says 1969 */
    {"padded", "t = '0001-02-25 05:59:59.675'", "k", 1, "2", 0},
    {"padded_key", "c = 'ab'", "v", 1, "1", 0}, /* with a blank when its bucket was chosen */
    {"padded_key", "c = 'b'", "v", 1, "2", 0},
    {"shown", "v >= 1", "k", 3, "1,2,3", 1}, /* vectors count for nothing when deletion-vectors.enabled is false */
};

static void a_scan_gives_what_matches_and_reads_no_more_than_it_must(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char name[64], values[256] = "";
        struct table t;

        (void)snprintf(name, sizeof(name), "db.db/%s", cases[i].table);
        open_table(name, &t);
        for (int kinds = 0; kinds < 2; kinds++) {
            int64_t rows = scan(&t, cases[i].condition, cases[i].column, kinds == 1, values, sizeof(values));

            if (rows != cases[i].rows || (cases[i].values != NULL && strcmp(values, cases[i].values) != 0) ||
                data_files > cases[i].files)
                fail_msg("%s of %s: %d rows, %s, %d files", cases[i].condition, name, (int)rows, values, data_files);
            values[0] = '\0';
        }
        close_table(&t);
    }
}

/* Every read of the index fails, or its bytes are cut short by a file of that name that holds something else. */
static void an_index_that_cannot_be_read_is_as_good_as_none(void **state)
{
    char values[64] = "";
    struct table t;

    (void)state;
    open_table("db.db/appended", &t);
    for (int64_t n = 0; n < t.state->files; n++) {
        struct pfs_manifest_entry entry = *t.state->file[n];
        const struct pfs_row_range *range = NULL;
        struct pfs_scan_want want = {.state = t.state};
        const struct pfs_pruner *pruner = NULL;
        int32_t ranges = 0;

        if (entry.file.rows < 1000)
            continue;
        assert_int_equal(pfs_condition_parse(pfs_str("s = 'b'"), t.state->schema, &arena, &want.condition, NULL), 0);
        assert_int_equal(pfs_pruner_make(&want, &arena, &pruner, NULL), 0);
        assert_int_equal(pfs_prune_rows(pruner, &entry, &arena, &range, &ranges, NULL), 0);
        assert_non_null(range);
        assert_int_equal(ranges, 1);
        assert_int_equal(range[0].from, 400);
        assert_int_equal(range[0].to, 700);
        fault.fail_at = fault.calls + 2; /* the first is the open */
        fault.fail_errno = EIO;
        assert_int_equal(pfs_prune_rows(pruner, &entry, &arena, &range, &ranges, NULL), 0);
        assert_null(range);
        fault.fail_at = 0;
        entry.file.rows++; /* an index of another file */
        assert_int_equal(pfs_prune_rows(pruner, &entry, &arena, &range, &ranges, NULL), 0);
        assert_null(range);
        entry.file.embedded_index = pfs_str("no index");
        assert_int_equal(pfs_prune_rows(pruner, &entry, &arena, &range, &ranges, NULL), 0);
        assert_null(range);
        values[0] = 'x';
    }
    assert_int_equal(values[0], 'x');
    close_table(&t);
}

/* INT 1 lies in bucket 2 of 4 (spec buckets 2.1). */
static void a_key_is_looked_for_in_its_bucket_alone(void **state)
{
    static const struct {
        const char *condition;
        int32_t total, bucket;
        bool may;
    } files[] = {
        {"k = 1", 4, 2, true},  {"k = 1", 4, 0, false},           {"k = 1", 4, 3, false},
        {"k = 1", -1, 0, true}, {"k = 1 and v > 0", 4, 1, false}, {"k = 1 or k = 2", 4, 1, true},
        {"k <= 1", 4, 1, true},
    };
    struct table t;

    (void)state;
    open_table("db.db/merged", &t);
    for (size_t i = 0; i < COUNT(files); i++) {
        struct pfs_manifest_entry entry = *t.state->file[0];
        struct pfs_scan_want want = {.state = t.state};
        const struct pfs_pruner *pruner = NULL;
        bool may = !files[i].may;

        entry.total_buckets = files[i].total;
        entry.bucket = files[i].bucket;
        assert_int_equal(
            pfs_condition_parse(pfs_str(files[i].condition), t.state->schema, &arena, &want.condition, NULL), 0);
        assert_int_equal(pfs_pruner_make(&want, &arena, &pruner, NULL), 0);
        assert_int_equal(pfs_prune_file(pruner, &entry, NULL, PFS_PRUNE_KEYS, &arena, &may, NULL), 0);
        CHECK(files[i].condition, may == files[i].may);
    }
    close_table(&t);
}

/* May rows of a file match, by all of its statistics? */
static bool may_match(struct pfs_state *state, const struct pfs_manifest_entry *entry, const char *condition,
                      enum pfs_prune_by by)
{
    struct pfs_scan_want want = {.state = state};
    const struct pfs_pruner *pruner = NULL;
    bool may = false;

    assert_int_equal(pfs_condition_parse(pfs_str(condition), state->schema, &arena, &want.condition, NULL), 0);
    assert_int_equal(pfs_pruner_make(&want, &arena, &pruner, NULL), 0);
    assert_int_equal(pfs_prune_file(pruner, entry, NULL, by, &arena, &may, NULL), 0);
    return may;
}

/* Where keys choose their buckets in another way, a bucket tells nothing. */
static void only_the_default_function_tells_buckets(void **state)
{
    static const struct {
        const char *function;
        bool may;
    } functions[] = {{NULL, false}, {"default", false}, {"DEFAULT", false}, {"mod", true}};
    struct table t;

    (void)state;
    open_table("db.db/merged", &t);
    for (size_t i = 0; i < COUNT(functions); i++) {
        struct pfs_option option = {.key = "bucket-function.type", .value = functions[i].function};
        struct pfs_schema schema = *t.state->schema;
        struct pfs_state with = *t.state;
        struct pfs_manifest_entry entry = *t.state->file[0];

        schema.options = (struct pfs_options){.item = &option, .count = functions[i].function != NULL};
        with.schema = &schema;
        entry.total_buckets = 4;
        entry.bucket = 0;
        assert_int_equal(may_match(&with, &entry, "k = 1", PFS_PRUNE_KEYS), functions[i].may);
    }
    close_table(&t);
}

/* Statistics may be of some columns alone, which are named: k, v and s are all that the table has. */
static void statistics_say_nothing_of_columns_that_they_do_not_name(void **state)
{
    static const char *const all[] = {"k", "v", "s"}, *const renamed[] = {"k", "w", "s"};
    struct pfs_manifest_entry entry;
    struct pfs_field field[3];
    struct pfs_schema schema;
    struct pfs_state later;
    struct table t;

    (void)state;
    open_table("db.db/merged", &t);
    entry = *t.state->file[0];
    later = *t.state;
    assert_false(may_match(t.state, &entry, "v = 99", PFS_PRUNE_VALUES));
    assert_true(may_match(t.state, &entry, "v = 99", PFS_PRUNE_KEYS));
    schema = *t.state->schema; /* v has another type by now: what its statistics were made of says nothing */
    schema.id++;
    memcpy(field, schema.field, 3 * sizeof(*field));
    field[1].type.kind = PFS_BIGINT;
    schema.field = field;
    later.schema = &schema;
    assert_true(may_match(&later, &entry, "v = 99", PFS_PRUNE_VALUES));
    assert_false(may_match(&later, &entry, "k = 5000", PFS_PRUNE_VALUES));
    entry.file.stats_columns = 3;
    entry.file.stats_column = all;
    assert_false(may_match(t.state, &entry, "v = 99", PFS_PRUNE_VALUES));
    entry.file.stats_column = renamed;
    assert_true(may_match(t.state, &entry, "v = 99", PFS_PRUNE_VALUES));
    entry.file.stats_columns = 1;
    entry.file.stats_column = all;
    assert_true(may_match(t.state, &entry, "v = 99", PFS_PRUNE_VALUES));
    entry.file.stats_columns = 0;
    entry.file.stats_column = NULL;
    assert_true(may_match(t.state, &entry, "v = 99", PFS_PRUNE_VALUES));
    close_table(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_scan_gives_what_matches_and_reads_no_more_than_it_must, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_key_is_looked_for_in_its_bucket_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_the_default_function_tells_buckets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(statistics_say_nothing_of_columns_that_they_do_not_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_index_that_cannot_be_read_is_as_good_as_none, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
