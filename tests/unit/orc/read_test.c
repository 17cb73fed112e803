#include <unistd.h>

#include "base/number.h"
#include "tests/unit/orc/load.h"

#define NANOS_A_SECOND 1000000000LL

static const char *const types[][2] = {{"id", "BIGINT"},
                                       {"c00", "BOOLEAN"},
                                       {"c01", "TINYINT"},
                                       {"c02", "SMALLINT"},
                                       {"c03", "INT"},
                                       {"c04", "BIGINT"},
                                       {"c05", "FLOAT"},
                                       {"c06", "DOUBLE"},
                                       {"c07", "DECIMAL(5, 2)"},
                                       {"c08", "DECIMAL(9, 0)"},
                                       {"c09", "DECIMAL(18, 4)"},
                                       {"c10", "DECIMAL(20, 5)"},
                                       {"c11", "DECIMAL(38, 10)"},
                                       {"c12", "DECIMAL(38, 38)"},
                                       {"c13", "DECIMAL(38, 0)"},
                                       {"c14", "DECIMAL(1, 0)"},
                                       {"c15", "CHAR(3)"},
                                       {"c16", "VARCHAR(30)"},
                                       {"c17", "STRING"},
                                       {"c18", "BINARY(4)"},
                                       {"c19", "VARBINARY(12)"},
                                       {"c20", "BYTES"},
                                       {"c21", "DATE"},
                                       {"c22", "TIME"},
                                       {"c23", "TIME(3)"},
                                       {"c24", "TIMESTAMP(0)"},
                                       {"c25", "TIMESTAMP_LTZ(0)"},
                                       {"c26", "TIMESTAMP(3)"},
                                       {"c27", "TIMESTAMP_LTZ(3)"},
                                       {"c28", "TIMESTAMP(6)"},
                                       {"c29", "TIMESTAMP_LTZ(6)"},
                                       {"c30", "TIMESTAMP(9)"},
                                       {"c31", "TIMESTAMP_LTZ(9)"},
                                       {"ar", "ARRAY<INT>"},
                                       {"ars", "ARRAY<STRING>"},
                                       {"ard", "ARRAY<DECIMAL(20, 5)>"},
                                       {"mp", "MAP<STRING, INT>"},
                                       {"mpi", "MAP<INT, STRING>"},
                                       {"ro", "ROW<a INT, b STRING, c DECIMAL(5, 2)>"},
                                       {"aro", "ARRAY<ROW<x BIGINT, y ARRAY<STRING>>>"},
                                       {"mro", "MAP<STRING, ROW<p DATE, q DOUBLE>>"},
                                       {"deep", "ROW<l1 ROW<l2 ROW<v INT, w ARRAY<INT>>>>"},
                                       {"aa", "ARRAY<ARRAY<INT>>"},
                                       {"art", "ARRAY<TIMESTAMP(3)>"},
                                       {NULL, NULL}};
static const char *const plain[][2] = {
    {"id", "INT"},          {"s", "STRING"},         {"d", "DOUBLE"}, {"dec", "DECIMAL(12, 3)"},
    {"ts", "TIMESTAMP(3)"}, {"ar", "ARRAY<STRING>"}, {NULL, NULL}};
static const char *const multiset[][2] = {
    {"id", "INT"}, {"ms", "MULTISET<STRING>"}, {"msi", "MULTISET<INT>"}, {NULL, NULL}};

/* Written in New York's time. */
static const char *const zone[][2] = {{"id", "INT"}, {"ts", "TIMESTAMP(6)"}, {"ltz", "TIMESTAMP_LTZ(6)"}, {NULL, NULL}};

/* Files of Paimon, and the rows that it reads from them itself. */
static const struct {
    const char *name;
    const char *const (*pairs)[2];
} golden[] = {
    {"paimon-types", types}, {"paimon-zstd", plain}, {"paimon-snappy", plain},      {"paimon-lz4", plain},
    {"paimon-zlib", plain},  {"paimon-none", plain}, {"paimon-multiset", multiset}, {"paimon-zone", zone},
};

static void expect_rows(const char *what, struct pfs_file *file, const struct pfs_file_read *read,
                        struct pfs_slice want)
{
    struct pfs_err err = {0};
    struct pfs_buf out = {0};
    const char *got, *line;

    if (load_rows(file, read, &out, &err) < 0)
        fail_msg("%s: %s", what, err.text);
    if (pfs_slice_eq(pfs_buf_slice(&out), want)) {
        pfs_buf_done(&out);
        return;
    }
    pfs_buf_putc(&out, 0);
    got = (const char *)out.at;
    line = (const char *)want.at;
    while (*got != '\0' && (size_t)(line - (const char *)want.at) < want.len &&
           strcspn(got, "\n") == strcspn(line, "\n") && memcmp(got, line, strcspn(got, "\n")) == 0) {
        got += strcspn(got, "\n") + 1;
        line += strcspn(line, "\n") + 1;
    }
    fail_msg("%s, %d rows a batch:\n  got  %.*s\n  want %.*s", what, read->batch_rows, (int)strcspn(got, "\n"), got,
             (int)strcspn(line, "\n"), line);
}

static void what_paimon_wrote_reads_as_paimon_reads_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(golden); i++) {
        static const int32_t sizes[] = {0, 1, 7, 64};
        char name[2][64];
        struct pfs_slice bytes, want;
        struct pfs_field fields[LOAD_FIELDS_MAX];
        struct load_file opened;
        struct pfs_arena arena = {0};
        struct pfs_file_read read = {.fields = fields};

        if (golden[i].pairs == zone && access("/usr/share/zoneinfo/America/New_York", R_OK) != 0)
            continue; /* a system without zones */
        snprintf(name[0], sizeof(name[0]), "%s.orc", golden[i].name);
        snprintf(name[1], sizeof(name[1]), "%s.ndjson", golden[i].name);
        bytes = load_bytes(name[0]);
        want = load_bytes(name[1]);
        read.columns = load_fields(golden[i].pairs, &arena, fields);
        for (size_t s = 0; s < COUNT(sizes); s++) {
            read.batch_rows = sizes[s];
            expect_rows(golden[i].name, load_open(bytes, &opened), &read, want);
        }
        pfs_arena_done(&arena);
        load_free(bytes);
        load_free(want);
    }
}

/* ---- files of another writer: what row i holds is said in tests/data/orc/make.py and again here ---- */

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
                                       {"map", "MAP<STRING, BIGINT>"},
                                       {"row", "ROW<a INT, b STRING, c ARRAY<STRING>>"},
                                       {NULL, NULL}};

/* Text of one value by a kernel of the printer would prove less: values are printed here, by plain C. */
static void put_real(struct pfs_buf *out, double v)
{
    char text[40];
    size_t len;

    snprintf(text, sizeof(text), "%.17g", v); /* eighths: few digits, all of them exact */
    len = strlen(text);
    pfs_buf_printf(out, "%s%s", text, strchr(text, '.') == NULL && len < sizeof(text) ? ".0" : "");
}

static void put_time(struct pfs_buf *out, long long nanos, int precision)
{
    long long seconds = nanos / NANOS_A_SECOND - (nanos % NANOS_A_SECOND < 0),
              fraction = nanos - seconds * NANOS_A_SECOND, day = seconds < 0 ? seconds + 86400 : seconds;

    for (int i = precision; i < 9; i++)
        fraction /= 10;
    /* All rows lie within a day of 1970. */
    pfs_buf_printf(out, "\"%s %02lld:%02lld:%02lld.%0*lld", seconds < 0 ? "1969-12-31" : "1970-01-01", day / 3600,
                   day / 60 % 60, day % 60, precision, fraction);
}

static void put_date(struct pfs_buf *out, long long day)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year = 1968, month = 0; /* day 0 is 1970-01-01 */

    for (day += 731; day >= 365 + (year % 4 == 0); year++)
        day -= 365 + (year % 4 == 0);
    for (; day >= lengths[month] + (month == 1 && year % 4 == 0); month++)
        day -= lengths[month] + (month == 1 && year % 4 == 0);
    pfs_buf_printf(out, "\"%04d-%02d-%02lld\"", year, month + 1, day + 1);
}

static void put_hundredths(struct pfs_buf *out, long long v)
{
    pfs_buf_printf(out, "\"%s%lld.%02lld\"", v < 0 ? "-" : "", llabs(v) / 100, llabs(v) % 100);
}

static void put_numbers(struct pfs_buf *out, int i)
{
    long long n = i;

    pfs_buf_printf(out, "\"bool\":%s,\"i8\":%d,\"i16\":%d,\"i32\":%lld,\"i64\":%lld,\"patch\":%lld",
                   i % 3 == 0 ? "true" : "false", i / 9 % 200 - 100, i * 5 - 5000, n * n % 1000003 - 500000,
                   n * -1000000000000, i % 100 == 7 ? n * 1000000000000 : n % 50);
    pfs_buf_printf(out, ",\"seq\":%d,\"f32\":", i * 5);
    put_real(out, i / 4.0);
    pfs_buf_puts(out, ",\"f64\":");
    put_real(out, i / -8.0);
}

static void put_texts(struct pfs_buf *out, int i)
{
    char bin[8], base64[16];

    snprintf(bin, sizeof(bin), "%05d", i % 13);
    pfs_buf_printf(out, ",\"word\":\"word %d\",\"text\":\"%.*s%d\",\"bin\":\"", i / 3 % 10, i % 40,
                   "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", i % 17);
    pfs_buf_put(out, base64, pfs_base64_encode(pfs_str(bin), base64));
    pfs_buf_putc(out, '"');
}

static void put_others(struct pfs_buf *out, int i)
{
    pfs_buf_puts(out, ",\"d9\":");
    put_hundredths(out, i * 3 - 1000);
    pfs_buf_printf(out, ",\"d18\":\"%d%s\",\"d38\":\"%d%s\"", i - 500, i == 500 ? "" : "0000000000000", i - 500,
                   i == 500 ? ".0" : "000000000000000000000000000000000.0");
    pfs_buf_puts(out, ",\"ts\":");
    put_time(out, (i - 1000) * 1001001003LL, 9);
    pfs_buf_puts(out, "\",\"ltz\":");
    put_time(out, (i - 1000) * 1001000000LL, 3);
    pfs_buf_puts(out, "Z\",\"day\":");
    put_date(out, i - 500);
    pfs_buf_puts(out, ",\"none\":null");
}

static void put_nested(struct pfs_buf *out, int i)
{
    pfs_buf_puts(out, ",\"list\":[");
    for (int k = 0; k < i % 4; k++)
        pfs_buf_printf(out, k == 2 ? "%snull" : "%s%d", k > 0 ? "," : "", i + k);
    pfs_buf_puts(out, "],\"map\":[");
    for (int k = 0; k < i % 3; k++)
        pfs_buf_printf(out, "%s[\"k%d\",%d]", k > 0 ? "," : "", k, i * k);
    pfs_buf_printf(out, "],\"row\":{\"a\":%d,\"b\":", i);
    pfs_buf_printf(out, i % 3 == 0 ? "null" : "\"b%d\"", i % 7);
    pfs_buf_printf(out, ",\"c\":[%s]}", i % 3 == 0 ? "" : i % 3 == 1 ? "\"y\"" : "\"y\",\"y\"");
}

static void put_row(struct pfs_buf *out, int i)
{
    pfs_buf_putc(out, '{');
    if (i % 5 == 4) {
        for (int c = 0; other[c][0] != NULL; c++) {
            pfs_buf_printf(out, "%s\"%s\":", c > 0 ? "," : "", other[c][0]);
            if (strcmp(other[c][0], "seq") == 0)
                pfs_buf_printf(out, "%d", i * 5);
            else
                pfs_buf_puts(out, "null");
        }
    } else {
        put_numbers(out, i);
        put_texts(out, i);
        put_others(out, i);
        put_nested(out, i);
    }
    pfs_buf_puts(out, "}\n");
}

static const struct {
    const char *name;
    int rows;
} others[] = {{"v2.orc", 2500}, {"zlib.orc", 2500}, {"v1.orc", 600}, {"flat.orc", 200}};

static void what_other_writers_wrote_has_every_value(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(others); i++) {
        static const int32_t sizes[] = {0, 1, 33, 1000};
        struct pfs_slice bytes = load_bytes(others[i].name);
        struct pfs_field fields[LOAD_FIELDS_MAX];
        struct load_file opened;
        struct pfs_arena arena = {0};
        struct pfs_buf want = {0};
        struct pfs_file_read read = {.fields = fields};

        read.columns = load_fields(other, &arena, fields);
        for (int row = 0; row < others[i].rows; row++)
            put_row(&want, row);
        for (size_t s = 0; s < COUNT(sizes); s++) {
            read.batch_rows = sizes[s];
            expect_rows(others[i].name, load_open(bytes, &opened), &read, pfs_buf_slice(&want));
        }
        pfs_buf_done(&want);
        pfs_arena_done(&arena);
        load_free(bytes);
    }
}

static void a_range_of_rows_is_read_alone(void **state)
{
    static const struct pfs_row_range ranges[][4] = {
        {{0, 1}, {2499, 2500}},
        {{999, 1001}, {1500, 1500}, {1999, 2000}},
        {{0, 10}, {11, 12}, {1003, 2400}, {2410, 5000}},
        {{2100, 2101}},
        {{3000, 4000}},
    };
    static const int32_t counts[] = {2, 3, 4, 1, 1};

    (void)state;
    for (size_t i = 0; i < COUNT(others); i++) {
        struct pfs_slice bytes = load_bytes(others[i].name);
        struct pfs_field fields[LOAD_FIELDS_MAX];
        struct load_file opened;
        struct pfs_arena arena = {0};
        struct pfs_file_read read = {.fields = fields, .batch_rows = 100};

        read.columns = load_fields(other, &arena, fields);
        for (size_t c = 0; c < COUNT(ranges); c++) {
            struct pfs_buf want = {0};

            read.range = ranges[c];
            read.ranges = counts[c];
            for (int32_t r = 0; r < counts[c]; r++)
                for (int64_t row = ranges[c][r].from; row < ranges[c][r].to && row < others[i].rows; row++)
                    put_row(&want, (int)row);
            expect_rows(others[i].name, load_open(bytes, &opened), &read, pfs_buf_slice(&want));
            pfs_buf_done(&want);
        }
        pfs_arena_done(&arena);
        load_free(bytes);
    }
}

static void a_far_row_is_reached_without_reading_what_is_before(void **state)
{
    static const struct pfs_row_range last = {2400, 2410};
    static const char *const pairs[][2] = {{"i32", "INT"}, {"text", "STRING"}, {NULL, NULL}};
    struct pfs_slice bytes = load_bytes("v2.orc");
    struct pfs_field fields[2];
    struct pfs_arena arena = {0};
    struct load_file opened;
    struct pfs_buf out = {0};
    struct pfs_file_read read = {.fields = fields, .range = &last, .ranges = 1};

    (void)state;
    read.columns = load_fields(pairs, &arena, fields);
    assert_int_equal(load_rows(load_open(bytes, &opened), &read, &out, NULL), 10);
    assert_true(opened.read_bytes < bytes.len / 4);
    pfs_buf_done(&out);
    pfs_arena_done(&arena);
    load_free(bytes);
}

static void without_columns_rows_are_counted(void **state)
{
    static const struct pfs_row_range range[] = {{5, 10}, {2000, 9000}};
    struct pfs_slice bytes = load_bytes("v2.orc");
    struct load_file opened;
    struct pfs_buf out = {0};
    struct pfs_file_read read = {.batch_rows = 7};
    struct pfs_reader *reader = NULL;
    struct pfs_arena arena = {0};
    struct pfs_batch batch;
    int64_t rows = 0, got;

    (void)state;
    for (int ranges = 0; ranges <= 2; ranges += 2, rows = 0) {
        read.range = ranges > 0 ? range : NULL;
        read.ranges = ranges;
        assert_int_equal(pfs_orc_open(load_open(bytes, &opened), &read, &reader, NULL), 0);
        while ((got = pfs_reader_next(reader, &arena, &batch, NULL)) > 0)
            rows += got;
        assert_int_equal(got, 0);
        assert_int_equal(rows, ranges > 0 ? 505 : 2500);
        pfs_reader_close(reader);
    }
    pfs_arena_done(&arena);
    pfs_buf_done(&out);
    load_free(bytes);
}

static void a_column_that_is_missing_is_nulls_or_an_error(void **state)
{
    static const char *const pairs[][2] = {{"seq", "BIGINT"}, {"not there", "ARRAY<INT>"}, {NULL, NULL}};
    static const bool ok[] = {false, true};
    static const struct pfs_row_range range = {0, 2};
    struct pfs_slice bytes = load_bytes("flat.orc");
    struct pfs_field fields[2];
    struct pfs_arena arena = {0};
    struct load_file opened;
    struct pfs_err err = {0};
    struct pfs_buf out = {0};
    struct pfs_file_read read = {.fields = fields, .missing_ok = ok, .range = &range, .ranges = 1};

    (void)state;
    read.columns = load_fields(pairs, &arena, fields);
    expect_rows("a missing column", load_open(bytes, &opened), &read,
                pfs_str("{\"seq\":0,\"not there\":null}\n{\"seq\":5,\"not there\":null}\n"));
    read.missing_ok = NULL;
    assert_int_equal(load_rows(load_open(bytes, &opened), &read, &out, &err), -EIO);
    assert_non_null(strstr(err.text, "not there"));
    pfs_arena_done(&arena);
    load_free(bytes);
}

/* One column each, as a type that it was not written with. */
static const struct {
    const char *file, *name, *type;
    int want;
} misfits[] = {
    {"flat.orc", "i64", "INT", -EIO},
    {"flat.orc", "i8", "BIGINT", 200},
    {"flat.orc", "seq", "SMALLINT", 200},
    {"flat.orc", "seq", "TINYINT", -EIO},
    {"flat.orc", "f32", "DOUBLE", 200},
    {"flat.orc", "f64", "FLOAT", -EIO},
    {"flat.orc", "d9", "DECIMAL(20, 4)", 200},
    {"flat.orc", "d9", "DECIMAL(2, 1)", -EIO},
    {"flat.orc", "word", "INT", -EIO},
    {"flat.orc", "word", "BYTES", 200},
    {"flat.orc", "list", "MAP<INT, INT>", -EIO},
    {"flat.orc", "row", "ROW<a INT, z INT>", -EIO},
    {"flat.orc", "row", "ROW<b STRING>", 200},
    {"flat.orc", "row", "VARIANT", -EOPNOTSUPP},
    {"union.orc", "u", "INT", -EOPNOTSUPP},
};

static void a_type_that_means_the_same_is_read_and_others_are_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(misfits); i++) {
        const char *const pairs[][2] = {{misfits[i].name, misfits[i].type}, {NULL, NULL}};
        struct pfs_slice bytes = load_bytes(misfits[i].file);
        struct pfs_field field;
        struct pfs_arena arena = {0};
        struct load_file opened;
        struct pfs_err err = {0};
        struct pfs_buf out = {0};
        struct pfs_file_read read = {.fields = &field, .columns = load_fields(pairs, &arena, &field)};

        CHECK(misfits[i].type, load_rows(load_open(bytes, &opened), &read, &out, &err) == misfits[i].want);
        if (misfits[i].want < 0)
            CHECK(misfits[i].type, strstr(err.text, misfits[i].name) != NULL);
        pfs_buf_done(&out);
        pfs_arena_done(&arena);
        load_free(bytes);
    }
}

static void every_failing_read_is_reported(void **state)
{
    struct pfs_slice bytes = load_bytes("paimon-types.orc");
    struct pfs_field fields[LOAD_FIELDS_MAX];
    struct pfs_arena arena = {0};
    struct load_file opened;
    struct pfs_file_read read = {.fields = fields};
    int fail_at = 1;

    (void)state;
    read.columns = load_fields(types, &arena, fields);
    for (;; fail_at++) {
        struct pfs_err err = {0};
        struct pfs_buf out = {0};
        struct pfs_file *file = load_open(bytes, &opened);
        int64_t rows;

        opened.fail_at = fail_at;
        rows = load_rows(file, &read, &out, &err);
        pfs_buf_done(&out);
        if (rows >= 0)
            break;
        assert_int_equal(rows, -EIO);
        assert_non_null(strstr(err.text, "a bad sector"));
    }
    assert_true(fail_at > 40); /* at least a stream for each column */
    pfs_arena_done(&arena);
    load_free(bytes);
}

static void a_file_that_is_cut_is_damage(void **state)
{
    struct pfs_slice bytes = load_bytes("flat.orc");
    static const char *const pairs[][2] = {{"seq", "BIGINT"}, {NULL, NULL}};
    struct pfs_field fields[1];
    struct pfs_arena arena = {0};
    struct pfs_file_read read = {.fields = fields};

    (void)state;
    read.columns = load_fields(pairs, &arena, fields);
    for (size_t len = 0; len < bytes.len; len += len < 300 || len > bytes.len - 300 ? 1 : 97) {
        struct load_file opened;
        struct pfs_err err = {0};
        struct pfs_buf out = {0};
        int64_t rows = load_rows(load_open(pfs_slice_of(bytes.at, len), &opened), &read, &out, &err);

        if (rows != -EIO || err.text[0] == '\0')
            fail_msg("%zu bytes: %lld %s", len, (long long)rows, err.text);
        pfs_buf_done(&out);
    }
    pfs_arena_done(&arena);
    load_free(bytes);
}

static void a_set_flag_cancels(void **state)
{
    static const char *const pairs[][2] = {{"seq", "BIGINT"}, {NULL, NULL}};
    struct pfs_slice bytes = load_bytes("flat.orc");
    struct pfs_cancel cancel = {false};
    struct pfs_field fields[1];
    struct pfs_arena arena = {0};
    struct load_file opened;
    struct pfs_buf out = {0};
    struct pfs_file_read read = {.fields = fields, .cancel = &cancel};

    (void)state;
    read.columns = load_fields(pairs, &arena, fields);
    pfs_cancel(&cancel);
    assert_int_equal(load_rows(load_open(bytes, &opened), &read, &out, NULL), -ECANCELED);
    pfs_buf_done(&out);
    pfs_arena_done(&arena);
    load_free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_paimon_wrote_reads_as_paimon_reads_it),
        cmocka_unit_test(what_other_writers_wrote_has_every_value),
        cmocka_unit_test(a_range_of_rows_is_read_alone),
        cmocka_unit_test(a_far_row_is_reached_without_reading_what_is_before),
        cmocka_unit_test(without_columns_rows_are_counted),
        cmocka_unit_test(a_column_that_is_missing_is_nulls_or_an_error),
        cmocka_unit_test(a_type_that_means_the_same_is_read_and_others_are_named),
        cmocka_unit_test(every_failing_read_is_reported),
        cmocka_unit_test(a_file_that_is_cut_is_damage),
        cmocka_unit_test(a_set_flag_cancels),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
