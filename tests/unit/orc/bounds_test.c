#include "tests/unit/orc/load.h"

static const char *const other[][2] = {{"bool", "BOOLEAN"},
                                       {"i8", "TINYINT"},
                                       {"i16", "SMALLINT"},
                                       {"i32", "INT"},
                                       {"i64", "BIGINT"},
                                       {"patch", "BIGINT"},
                                       {"seq", "BIGINT"},
                                       {"f32", "FLOAT"},
                                       {"f64", "DOUBLE"},
                                       {"word", "STRING"},
                                       {"text", "STRING"},
                                       {"bin", "BYTES"},
                                       {"d9", "DECIMAL(9, 2)"},
                                       {"d18", "DECIMAL(18, 0)"},
                                       {"d38", "DECIMAL(38, 1)"},
                                       {"ts", "TIMESTAMP(9)"},
                                       {"ltz", "TIMESTAMP_LTZ(3)"},
                                       {"day", "DATE"},
                                       {"none", "INT"},
                                       {"list", "ARRAY<INT>"},
                                       {"not there", "INT"},
                                       {NULL, NULL}};
static const char *const types[][2] = {{"id", "BIGINT"},
                                       {"c00", "BOOLEAN"},
                                       {"c01", "TINYINT"},
                                       {"c04", "BIGINT"},
                                       {"c05", "FLOAT"},
                                       {"c06", "DOUBLE"},
                                       {"c07", "DECIMAL(5, 2)"},
                                       {"c11", "DECIMAL(38, 10)"},
                                       {"c15", "CHAR(3)"},
                                       {"c16", "VARCHAR(30)"},
                                       {"c17", "STRING"},
                                       {"c21", "DATE"},
                                       {"c22", "TIME"},
                                       {"c24", "TIMESTAMP(0)"},
                                       {"c27", "TIMESTAMP_LTZ(3)"},
                                       {"c28", "TIMESTAMP(6)"},
                                       {"c31", "TIMESTAMP_LTZ(9)"},
                                       {NULL, NULL}};
static const char *const zone[][2] = {{"id", "INT"}, {"ts", "TIMESTAMP(6)"}, {"ltz", "TIMESTAMP_LTZ(6)"}, {NULL, NULL}};

static const struct {
    const char *name;
    const char *const (*pairs)[2];
    int stripes, groups;
    int mins, maxs; /* known in all groups */
} cases[] = {
    {"v2.orc", other, 3, 0, 0, 0},     {"zlib.orc", other, 1, 3, 3 * 17, 3 * 15}, {"v1.orc", other, 1, 1, 17, 15},
    {"flat.orc", other, 1, 1, 17, 15}, {"paimon-types.orc", types, 1, 1, 16, 14}, {"paimon-zone.orc", zone, 1, 1, 1, 1},
};

/* Reads the rows of a group and holds every value against what is said of it. */
static void check_group(struct pfs_file *file, const struct pfs_file_read *all, const struct pfs_file_group *group)
{
    struct pfs_file_read read = *all;
    struct pfs_reader *reader = NULL;
    struct pfs_arena arena = {0};
    struct pfs_batch batch;
    int64_t nulls[LOAD_FIELDS_MAX] = {0}, rows = 0, got;

    read.range = &group->rows;
    read.ranges = 1;
    assert_int_equal(pfs_orc_open(file, &read, &reader, NULL), 0);
    while ((got = pfs_reader_next(reader, &arena, &batch, NULL)) > 0) {
        rows += got;
        for (int32_t c = 0; c < read.columns; c++) {
            const struct pfs_column *column = &batch.column[c];

            nulls[c] += pfs_column_null_count(column, got);
            for (int64_t i = 0; i < got; i++) {
                if (!pfs_column_present(column, i))
                    continue;
                if (group->min[c] != NULL)
                    CHECK(read.fields[c].name, pfs_value_compare(group->min[c], 0, column, i) <= 0);
                if (group->max[c] != NULL)
                    CHECK(read.fields[c].name, pfs_value_compare(group->max[c], 0, column, i) >= 0);
            }
        }
    }
    assert_int_equal(got, 0);
    assert_int_equal(rows, group->rows.to - group->rows.from);
    for (int32_t c = 0; c < read.columns; c++)
        if (!pfs_kind_is_nested(read.fields[c].type.kind))
            CHECK(read.fields[c].name, group->nulls[c] == nulls[c]);
    pfs_reader_close(reader);
    pfs_arena_done(&arena);
}

static void check_file(size_t at, bool groups)
{
    struct pfs_slice bytes = load_bytes(cases[at].name);
    struct pfs_field fields[LOAD_FIELDS_MAX];
    struct load_file opened;
    struct pfs_file *file = load_open(bytes, &opened);
    struct pfs_arena arena = {0};
    struct pfs_file_group *group = NULL;
    bool missing_ok[LOAD_FIELDS_MAX];
    struct pfs_file_read read = {.fields = fields, .missing_ok = missing_ok};
    int32_t count = 0;
    int mins = 0, maxs = 0;

    memset(missing_ok, true, sizeof(missing_ok));
    read.columns = load_fields(cases[at].pairs, &arena, fields);
    assert_int_equal((groups ? pfs_orc_groups : pfs_orc_stripes)(file, &read, &arena, &group, &count, NULL), 0);
    if (!groups || cases[at].groups > 0)
        assert_int_equal(count, groups ? cases[at].groups : cases[at].stripes);
    for (int32_t g = 0; g < count; g++) {
        check_group(file, &read, &group[g]);
        for (int32_t c = 0; c < read.columns; c++) {
            mins += group[g].min[c] != NULL;
            maxs += group[g].max[c] != NULL;
        }
    }
    if (groups && cases[at].groups > 0) {
        CHECK(cases[at].name, mins == cases[at].mins);
        CHECK(cases[at].name, maxs == cases[at].maxs);
    }
    pfs_arena_done(&arena);
    load_free(bytes);
}

static void no_row_lies_outside_of_the_bounds_of_its_stripe(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        check_file(i, false);
}

static void no_row_lies_outside_of_the_bounds_of_its_group(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        check_file(i, true);
}

static void groups_without_wanted_rows_are_left_out(void **state)
{
    static const struct pfs_row_range range[] = {{10, 11}, {2200, 2300}};
    static const char *const pairs[][2] = {{"seq", "BIGINT"}, {NULL, NULL}};
    struct pfs_slice bytes = load_bytes("zlib.orc");
    struct pfs_field fields[1];
    struct load_file opened;
    struct pfs_arena arena = {0};
    struct pfs_file_group *group = NULL;
    struct pfs_file_read read = {.fields = fields, .range = range, .ranges = 2};
    int32_t count = 0;

    (void)state;
    read.columns = load_fields(pairs, &arena, fields);
    assert_int_equal(pfs_orc_groups(load_open(bytes, &opened), &read, &arena, &group, &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_int_equal(group[0].rows.from, 0);
    assert_int_equal(group[0].rows.to, 1000);
    assert_int_equal(group[1].rows.from, 2000);
    assert_int_equal(group[1].rows.to, 2500);
    assert_int_equal(*(const int64_t *)group[1].min[0]->values, 10000);
    assert_int_equal(*(const int64_t *)group[1].max[0]->values, 12495);
    pfs_arena_done(&arena);
    load_free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_row_lies_outside_of_the_bounds_of_its_stripe),
        cmocka_unit_test(no_row_lies_outside_of_the_bounds_of_its_group),
        cmocka_unit_test(groups_without_wanted_rows_are_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
