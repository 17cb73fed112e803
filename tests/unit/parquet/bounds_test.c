#include "tests/unit/parquet/load.h"

static const char *const stats[][2] = {
    {"i32", "INT"},   {"u32", "BIGINT"},      {"f64", "DOUBLE"},         {"f32", "FLOAT"},       {"text", "STRING"},
    {"raw", "BYTES"}, {"bool", "BOOLEAN"},    {"dec", "DECIMAL(25, 3)"}, {"ns", "TIMESTAMP(3)"}, {"day", "DATE"},
    {"none", "INT"},  {"list", "ARRAY<INT>"}, {"absent", "INT"},         {"i32", "STRING"},      {NULL, NULL}};
static const char *const paimon[][2] = {
    {"id", "BIGINT"},  {"c01", "TINYINT"},       {"c02", "SMALLINT"},       {"c05", "FLOAT"},
    {"c06", "DOUBLE"}, {"c07", "DECIMAL(5, 2)"}, {"c10", "DECIMAL(20, 5)"}, {"c16", "VARCHAR(30)"},
    {"c17", "STRING"}, {"c21", "DATE"},          {"c28", "TIMESTAMP(6)"},   {"c30", "TIMESTAMP(9)"},
    {NULL, NULL}};

/* Which bounds are known in every row group: m and M, in the order of the columns; nulls in every place but `.`. */
static const struct {
    const char *file;
    const char *const (*pairs)[2];
    int32_t columns; /* those that can be read */
    const char *min, *max, *nulls;
} files[] = {
    {"stats.parquet", stats, 11, "mmmmmmmmmm....", "MM..MMMMMM....", "nnnnnnnnnnn.nn"},
    {"types.parquet", paimon, 12, "mmmmmmmmmmm.", "MMM..MMMMMM.", "nnnnnnnnnnnn"},
};

/* Every present value lies within the bounds, and as many are null as is said. */
static void check_group(const char *file, const struct pfs_file_group *group, const struct pfs_batch *batch)
{
    for (int32_t c = 0; c < batch->columns; c++) {
        const struct pfs_column *column = &batch->column[c];

        if (group->nulls[c] >= 0 && group->nulls[c] != pfs_column_null_count(column, batch->rows))
            fail_msg("%s: column %d has not %lld nulls", file, c, (long long)group->nulls[c]);
        for (int64_t i = 0; i < batch->rows; i++) {
            if (!pfs_column_present(column, i))
                continue;
            if (group->min[c] != NULL && pfs_value_compare(group->min[c], 0, column, i) > 0)
                fail_msg("%s: column %d, row %lld is below the min", file, c, (long long)i);
            if (group->max[c] != NULL && pfs_value_compare(group->max[c], 0, column, i) < 0)
                fail_msg("%s: column %d, row %lld is above the max", file, c, (long long)i);
        }
    }
}

static void read_group(struct pfs_file *file, struct pfs_file_read read, int32_t columns,
                       const struct pfs_file_group *group, const char *what)
{
    struct pfs_reader *reader = NULL;
    struct pfs_arena rows = {0};
    struct pfs_batch batch;

    read.columns = columns;
    read.range = &group->rows;
    read.ranges = 1;
    assert_int_equal(pfs_parquet_open(file, &read, &reader, NULL), 0);
    assert_int_equal(pfs_reader_next(reader, &rows, &batch, NULL), group->rows.to - group->rows.from);
    check_group(what, group, &batch);
    pfs_reader_close(reader);
    pfs_arena_done(&rows);
}

static void values_of_a_row_group_lie_within_its_bounds(void **state)
{
    (void)state;
    for (size_t f = 0; f < COUNT(files); f++) {
        struct pfs_slice bytes = load_bytes(files[f].file);
        struct load_file memory;
        struct pfs_file *file = load_open(bytes, &memory);
        struct pfs_field fields[LOAD_FIELDS_MAX];
        struct pfs_arena arena = {0};
        struct pfs_file_read read = {.fields = fields, .columns = load_fields(files[f].pairs, &arena, fields)};
        struct pfs_file_group *group = NULL;
        int32_t groups = 0;

        assert_int_equal(pfs_parquet_groups(file, &read, &arena, &group, &groups, NULL), 0);
        assert_true(groups > 0);
        for (int32_t g = 0; g < groups; g++) {
            for (int32_t c = 0; c < read.columns; c++) {
                if ((group[g].min[c] != NULL) != (files[f].min[c] == 'm') ||
                    (group[g].max[c] != NULL) != (files[f].max[c] == 'M') ||
                    (group[g].nulls[c] >= 0) != (files[f].nulls[c] == 'n'))
                    fail_msg("%s: group %d, column %d: %s%s%lld nulls", files[f].file, g, c,
                             group[g].min[c] != NULL ? "min " : "", group[g].max[c] != NULL ? "max " : "",
                             (long long)group[g].nulls[c]);
            }
            read_group(file, read, files[f].columns, &group[g], files[f].file);
        }
        pfs_arena_done(&arena);
        free((void *)(uintptr_t)bytes.at);
    }
}

/* Pieces follow each other through the wanted row groups, and know more than these. */
static void values_of_a_piece_lie_within_its_bounds(void **state)
{
    static const struct pfs_row_range range[] = {{60, 130}};

    (void)state;
    for (size_t f = 0; f < COUNT(files); f++) {
        struct pfs_slice bytes = load_bytes(files[f].file);
        struct load_file memory;
        struct pfs_file *file = load_open(bytes, &memory);
        struct pfs_field fields[LOAD_FIELDS_MAX];
        struct pfs_arena arena = {0};
        struct pfs_file_read read = {.fields = fields, .columns = load_fields(files[f].pairs, &arena, fields)};
        struct pfs_file_group *piece = NULL;
        int32_t pieces = 0;
        int64_t row = f == 0 ? 50 : 0, end = f == 0 ? 150 : 23;

        read.range = f == 0 ? range : NULL;
        read.ranges = 1;
        assert_int_equal(pfs_parquet_pages(file, &read, &arena, &piece, &pieces, NULL), 0);
        assert_true(pieces >= (f == 0 ? 10 : 1));
        for (int32_t p = 0; p < pieces; p++) {
            assert_int_equal(piece[p].rows.from, row);
            assert_true(piece[p].rows.to > row);
            row = piece[p].rows.to;
            assert_true(piece[p].min[0] != NULL && piece[p].max[0] != NULL);
            read_group(file, read, files[f].columns, &piece[p], files[f].file);
        }
        assert_int_equal(row, end);
        pfs_arena_done(&arena);
        free((void *)(uintptr_t)bytes.at);
    }
}

/* Numbers without a sign that do not fit the wanted type have no bounds; zeros have those of both signs. */
static void what_a_bound_cannot_say_is_not_known(void **state)
{
    const char *const pairs[][2] = {{"u64", "BIGINT"}, {"f32", "FLOAT"}, {"absent", "STRING"}, {NULL, NULL}};
    struct pfs_slice bytes = load_bytes("stats.parquet");
    struct load_file memory;
    struct pfs_field fields[3];
    struct pfs_arena arena = {0};
    struct pfs_file_read read = {.fields = fields, .columns = load_fields(pairs, &arena, fields)};
    struct pfs_file_group *group = NULL;
    int32_t groups = 0;
    float zero;

    (void)state;
    assert_int_equal(pfs_parquet_groups(load_open(bytes, &memory), &read, &arena, &group, &groups, NULL), 0);
    assert_int_equal(groups, 4);
    assert_non_null(group[0].max[0]);
    assert_null(group[3].max[0]);
    memcpy(&zero, group[0].min[1]->values, sizeof(zero));
    assert_true(zero == 0 && __builtin_signbit(zero));
    assert_int_equal(group[2].nulls[2], 50);
    assert_int_equal(group[3].rows.from, 150);
    assert_int_equal(group[3].rows.to, 200);
    pfs_arena_done(&arena);
    free((void *)(uintptr_t)bytes.at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_a_row_group_lie_within_its_bounds),
        cmocka_unit_test(values_of_a_piece_lie_within_its_bounds),
        cmocka_unit_test(what_a_bound_cannot_say_is_not_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
