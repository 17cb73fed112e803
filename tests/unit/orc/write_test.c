/* Files as they are written: read back, and their row groups, stripes, statistics. */
#include <errno.h>

#include "base/mem.h"
#include "tests/unit/orc/load.h"
#include "tests/unit/roundtrip.h"

struct made {
    struct pfs_store *store;
    struct pfs_file *file;
    struct pfs_writer *writer;
    struct pfs_arena arena;
    struct pfs_field field[LOAD_FIELDS_MAX];
    int32_t columns;
    struct pfs_err err;
};

static int start(struct made *m, const char *const (*pairs)[2], struct pfs_orc_write write)
{
    *m = (struct made){0};
    assert_int_equal(pfs_store_open_memory(&m->store, NULL), 0);
    assert_int_equal(pfs_store_create(m->store, "f", &m->file, NULL), 0);
    m->columns = write.columns = load_fields(pairs, &m->arena, m->field);
    write.fields = m->field;
    return pfs_orc_create(m->file, &write, &m->writer, &m->err);
}

static void stop(struct made *m)
{
    pfs_writer_close(m->writer);
    pfs_file_close(m->file);
    pfs_store_close(m->store);
    pfs_arena_done(&m->arena);
}

static void write_lines(struct made *m, struct pfs_slice lines, int64_t most, struct pfs_buf *said)
{
    if (rt_write(m->writer, m->field, m->columns, lines, most, said, &m->err) < 0 ||
        pfs_writer_finish(m->writer, &m->err) < 0)
        fail_msg("%s", m->err.text);
    assert_int_equal(pfs_writer_size(m->writer), pfs_file_size(m->file));
}

static void read_again(struct made *m, const struct pfs_row_range *range, struct pfs_buf *out)
{
    const struct pfs_file_read read = {
        .columns = m->columns, .fields = m->field, .range = range, .ranges = range != NULL};
    struct pfs_file *file;
    int64_t rows;

    assert_int_equal(pfs_store_open(m->store, "f", &file, NULL), 0);
    rows = load_rows(file, &read, out, &m->err);
    pfs_file_close(file);
    if (rows < 0)
        fail_msg("%s", m->err.text);
}

/* Line number `row` (from 0) of a text; its end at the end. */
static size_t line(struct pfs_slice text, int64_t row)
{
    size_t at = 0;

    for (; row > 0; row--) {
        const uint8_t *end = memchr(text.at + at, '\n', text.len - at);

        if (end == NULL)
            return text.len;
        at = (size_t)(end - text.at) + 1;
    }
    return at;
}

static void expect_range(struct made *m, struct pfs_slice said, int64_t from, int64_t to)
{
    const struct pfs_row_range range = {from, to};
    struct pfs_buf got = {0};
    size_t start = line(said, from);

    read_again(m, &range, &got);
    rt_same("a range", pfs_buf_slice(&got), pfs_slice_of(said.at + start, line(said, to) - start));
    pfs_buf_done(&got);
}

static void write_and_compare(const char *const (*pairs)[2], int rows, int64_t most, struct pfs_orc_write write)
{
    struct made m;
    struct pfs_buf lines = {0}, said = {0}, got = {0};

    if (start(&m, pairs, write) < 0)
        fail_msg("%s", m.err.text);
    rt_rows(m.field, m.columns, rows, (uint64_t)rows, &lines);
    write_lines(&m, pfs_buf_slice(&lines), most, &said);
    read_again(&m, NULL, &got);
    rt_same(pfs_codec_name(write.codec), pfs_buf_slice(&got), pfs_buf_slice(&said));
    if (rows > 20100) {
        expect_range(&m, pfs_buf_slice(&said), 10000, 10003);
        expect_range(&m, pfs_buf_slice(&said), 20007, 20050);
        expect_range(&m, pfs_buf_slice(&said), 9990, 20010);
    }
    pfs_buf_done(&lines);
    pfs_buf_done(&said);
    pfs_buf_done(&got);
    stop(&m);
}

static const char *const times[][2] = {{"t9", "TIMESTAMP(9)"},
                                       {"t7", "TIMESTAMP(7)"},
                                       {"l9", "TIMESTAMP_LTZ(9)"},
                                       {"at", "ARRAY<TIMESTAMP(8)>"},
                                       {NULL, NULL}};

static void rows_of_every_type_are_read_as_they_were_written(void **state)
{
    static const enum pfs_codec codecs[] = {PFS_CODEC_NONE, PFS_CODEC_ZSTD, PFS_CODEC_SNAPPY, PFS_CODEC_DEFLATE,
                                            PFS_CODEC_LZ4};

    (void)state;
    for (size_t i = 0; i < COUNT(codecs); i++)
        write_and_compare(rt_all, 700, 90, (struct pfs_orc_write){.codec = codecs[i]});
    write_and_compare(rt_all, 0, 1, (struct pfs_orc_write){.codec = PFS_CODEC_ZSTD});
    write_and_compare(rt_all, 900, 200, (struct pfs_orc_write){.codec = PFS_CODEC_ZSTD, .no_dictionary = true});
    write_and_compare(times, 3000, 1000, (struct pfs_orc_write){.codec = PFS_CODEC_ZSTD});
}

/* Of each shape of streams one. */
static const char *const shapes[][2] = {
    {"b", "BOOLEAN"},
    {"i8", "TINYINT"},
    {"i32", "INT NOT NULL"},
    {"d", "DOUBLE"},
    {"dec", "DECIMAL(20, 5)"},
    {"ts", "TIMESTAMP(6)"},
    {"s", "STRING"},
    {"by", "BYTES"},
    {"ai", "ARRAY<INT>"},
    {"ms", "MAP<STRING, BOOLEAN>"},
    {"ro", "ROW<a INT, b STRING>"},
    {NULL, NULL},
};

static void row_groups_are_found_again(void **state)
{
    (void)state;
    write_and_compare(shapes, 23000, 5000, (struct pfs_orc_write){.codec = PFS_CODEC_ZSTD});
    write_and_compare(shapes, 23000, 5000, (struct pfs_orc_write){.codec = PFS_CODEC_NONE, .dictionary_share = 1});
}

static void stripes_end_where_they_are_full(void **state)
{
    (void)state;
    write_and_compare(shapes, 23000, 3000, (struct pfs_orc_write){.codec = PFS_CODEC_ZSTD, .stripe_bytes = 1 << 20});
    write_and_compare(rt_all, 3000, 3000, (struct pfs_orc_write){.codec = PFS_CODEC_ZSTD, .stripe_bytes = 1});
}

/* ---- statistics ---- */

static void expect_bound(const char *what, const struct pfs_column *bound, const char *want)
{
    struct pfs_buf text = {0};

    assert_int_equal(pfs_text_print_value(PFS_TEXT_JSON, bound, 0, &text, NULL), 0);
    pfs_buf_putc(&text, 0);
    if (strcmp((const char *)text.at, want) != 0)
        fail_msg("%s: %s is not %s", what, (const char *)text.at, want);
    pfs_buf_done(&text);
}

/* Two rows of one value each, and a null between. `min` NULL: no bounds. What is in the file says the same. */
static void expect_stats(const char *type, const char *a, const char *b, const char *min, const char *max)
{
    const char *const pairs[][2] = {{"a", type}, {NULL, NULL}};
    struct made m;
    struct pfs_buf lines = {0}, said = {0};
    const struct pfs_column_stats *stats;

    if (start(&m, pairs, (struct pfs_orc_write){.codec = PFS_CODEC_ZSTD}) < 0)
        fail_msg("%s", m.err.text);
    pfs_buf_printf(&lines, "{\"a\":%s}\n{\"a\":null}\n{\"a\":%s}\n", a, b);
    write_lines(&m, pfs_buf_slice(&lines), 2, &said);
    stats = pfs_writer_stats(m.writer);
    CHECK(type, stats[0].nulls == 1);
    CHECK(type, stats[0].has_bounds == (min != NULL));
    if (min != NULL) {
        expect_bound(type, &stats[0].min, min);
        expect_bound(type, &stats[0].max, max);
    }
    pfs_buf_done(&lines);
    pfs_buf_done(&said);
    stop(&m);
}

static void bounds_are_those_of_the_values(void **state)
{
    (void)state;
    expect_stats("BOOLEAN", "true", "true", "true", "true");
    expect_stats("BOOLEAN", "true", "false", "false", "true");
    expect_stats("TINYINT", "5", "-128", "-128", "5");
    expect_stats("SMALLINT", "5", "-300", "-300", "5");
    expect_stats("INT", "70000", "-1", "-1", "70000");
    expect_stats("BIGINT", "9223372036854775807", "1", "1", "9223372036854775807");
    expect_stats("FLOAT", "1.5", "-2.5", "-2.5", "1.5");
    expect_stats("DOUBLE", "1.5", "\"NaN\"", NULL, NULL);
    expect_stats("DECIMAL(9, 2)", "\"1.50\"", "\"-1.50\"", "\"-1.50\"", "\"1.50\"");
    expect_stats("DECIMAL(30, 1)", "\"12345678901234567890123.4\"", "\"0.0\"", "\"0.0\"",
                 "\"12345678901234567890123.4\"");
    expect_stats("CHAR(5)", "\"ab\"", "\"b\"", "\"ab\"", "\"b\"");
    expect_stats("STRING", "\"\"", "\"\u00e4\"", "\"\"", "\"\xc3\xa4\"");
    expect_stats("DATE", "\"1969-12-31\"", "\"2020-01-01\"", "\"1969-12-31\"", "\"2020-01-01\"");
    expect_stats("TIME(3)", "\"10:00:00.001\"", "\"09:00:00.000\"", "\"09:00:00.000\"", "\"10:00:00.001\"");
    expect_stats("TIMESTAMP(6)", "\"2020-01-01 00:00:00.000001\"", "\"1960-01-01 00:00:00.000001\"",
                 "\"1960-01-01 00:00:00.000001\"", "\"2020-01-01 00:00:00.000001\"");
    expect_stats("TIMESTAMP(9)", "\"2020-01-01 00:00:00.000000002\"", "\"2020-01-01 00:00:00.000000001\"",
                 "\"2020-01-01 00:00:00.000000001\"", "\"2020-01-01 00:00:00.000000002\"");
    expect_stats("BYTES", "\"AAAA\"", "\"BBBB\"", NULL, NULL);
    expect_stats("ARRAY<INT>", "[1]", "[]", NULL, NULL);
}

/* Row groups of 10,000 rows, whose bounds the file tells. */
static void row_groups_have_bounds_of_their_own(void **state)
{
    static const char *const pairs[][2] = {
        {"n", "INT"}, {"s", "STRING"}, {"t", "TIMESTAMP(9)"}, {"u", "TIMESTAMP(9)"}, {NULL, NULL}};
    struct made m;
    struct pfs_buf lines = {0}, said = {0};
    struct pfs_file *file;
    struct pfs_file_group *group;
    int32_t groups;

    (void)state;
    assert_int_equal(start(&m, pairs, (struct pfs_orc_write){.codec = PFS_CODEC_ZSTD}), 0);
    for (int i = 0; i < 25000; i++)
        pfs_buf_printf(&lines,
                       "{\"n\":%d,\"s\":\"%05d\",\"t\":\"2020-01-01 00:00:00.0000%05d\","
                       "\"u\":\"2020-01-01 00:00:00.0000%05d\"}\n",
                       i, 30000 - i, 30000 - i, i);
    write_lines(&m, pfs_buf_slice(&lines), 4000, &said);
    assert_int_equal(pfs_store_open(m.store, "f", &file, NULL), 0);
    assert_int_equal(pfs_orc_groups(file, &(struct pfs_file_read){.columns = 4, .fields = m.field}, &m.arena, &group,
                                    &groups, &m.err),
                     0);
    assert_int_equal(groups, 3);
    expect_bound("n", group[1].min[0], "10000");
    expect_bound("n", group[1].max[0], "19999");
    expect_bound("s", group[2].min[1], "\"05001\"");
    expect_bound("s", group[2].max[1], "\"10000\"");
    assert_int_equal(group[2].rows.to, 25000);
    assert_int_equal(group[2].nulls[1], 0);
    assert_int_equal(pfs_orc_stripes(file, &(struct pfs_file_read){.columns = 4, .fields = m.field}, &m.arena, &group,
                                     &groups, &m.err),
                     0);
    assert_int_equal(groups, 1);
    expect_bound("n", group[0].max[0], "24999");
    expect_bound("t", &pfs_writer_stats(m.writer)[2].min, "\"2020-01-01 00:00:00.000005001\"");
    expect_bound("t", &pfs_writer_stats(m.writer)[2].max, "\"2020-01-01 00:00:00.000030000\"");
    expect_bound("u", &pfs_writer_stats(m.writer)[3].min, "\"2020-01-01 00:00:00.000000000\"");
    expect_bound("u", &pfs_writer_stats(m.writer)[3].max, "\"2020-01-01 00:00:00.000024999\"");
    pfs_file_close(file);
    pfs_buf_done(&lines);
    pfs_buf_done(&said);
    stop(&m);
}

/* A bound of over 1024 bytes is cut in the file, the max to a text above, by whole characters; whole it is in the
 * statistics, and where no text is above. */
static const struct {
    const char *begin, *unit; /* `unit` many times */
    int times;
    size_t min, max;  /* their lengths in the file */
    const char *tail; /* of the max */
} cut[] = {
    {"x", "\xc3\xbf", 600, 1023, 1023, "\xc3\xbf\xc4\x80"}, /* the second byte of 512 of them is number 1025 */
    {"", "y", 1100, 1024, 1024, "yz"},
    {"a", "\x7f", 1100, 1024, 1, "b"},
    {"", "\xc3\x80", 600, 1024, 1024, "\xc3\x80\xc3\x81"},
    {"", "\xed\x9f\xbf", 400, 1023, 1023, "\xed\x9f\xbf\xee\x80\x80"}, /* past the surrogates */
    {"", "\xef\xbf\xbf", 400, 1023, 1200, "\xef\xbf\xbf"},
    {"", "\xf0\xbf\xbf\xbf", 300, 1024, 1024, "\xf1\x80\x80\x80"},
    {"a", "\xf4\x8f\xbf\xbf", 300, 1021, 1, "b"}, /* the last character of all */
    {"", "\xf4\x8f\xbf\xbf", 300, 1024, 1200, "\xf4\x8f\xbf\xbf"},
};

static void long_bounds_are_cut_outwards(void **state)
{
    static const char *const pairs[][2] = {{"s", "STRING"}, {NULL, NULL}};

    (void)state;
    for (size_t i = 0; i < COUNT(cut); i++) {
        struct made m;
        struct pfs_buf lines = {0}, said = {0};
        struct pfs_file *file;
        struct pfs_file_group *group;
        struct pfs_slice value, min, max;
        int32_t groups;

        assert_int_equal(start(&m, pairs, (struct pfs_orc_write){.codec = PFS_CODEC_ZSTD}), 0);
        pfs_buf_printf(&lines, "{\"s\":\"%s", cut[i].begin);
        for (int k = 0; k < cut[i].times; k++)
            pfs_buf_puts(&lines, cut[i].unit);
        pfs_buf_puts(&lines, "\"}\n");
        write_lines(&m, pfs_buf_slice(&lines), 1, &said);
        value = pfs_column_bytes(&pfs_writer_stats(m.writer)[0].max, 0);
        CHECK(cut[i].unit, value.len == strlen(cut[i].begin) + (size_t)cut[i].times * strlen(cut[i].unit));
        assert_int_equal(pfs_store_open(m.store, "f", &file, NULL), 0);
        assert_int_equal(pfs_orc_stripes(file, &(struct pfs_file_read){.columns = 1, .fields = m.field}, &m.arena,
                                         &group, &groups, &m.err),
                         0);
        min = pfs_column_bytes(group[0].min[0], 0);
        max = pfs_column_bytes(group[0].max[0], 0);
        CHECK(cut[i].unit, min.len == cut[i].min && memcmp(min.at, value.at, min.len) == 0);
        CHECK(cut[i].unit, pfs_slice_compare(max, value) >= 0);
        CHECK(cut[i].unit, max.len == cut[i].max);
        CHECK(cut[i].unit, memcmp(max.at + max.len - strlen(cut[i].tail), cut[i].tail, strlen(cut[i].tail)) == 0);
        pfs_file_close(file);
        pfs_buf_done(&lines);
        pfs_buf_done(&said);
        stop(&m);
    }
}

static void what_orc_cannot_hold_is_refused(void **state)
{
    struct made m;

    (void)state;
    assert_int_equal(start(&m, (const char *const[][2]){{"a", "VARIANT"}, {NULL, NULL}}, (struct pfs_orc_write){0}),
                     -EOPNOTSUPP);
    assert_string_equal(m.err.text, "ORC files have no VARIANT");
    stop(&m);
    assert_int_equal(start(&m, shapes, (struct pfs_orc_write){.codec = PFS_CODEC_GZIP}), -EINVAL);
    stop(&m);
}

/* The file as it was written. */
static void take_bytes(struct made *m, struct pfs_buf *out)
{
    size_t len = (size_t)pfs_file_size(m->file);
    uint8_t *to = pfs_buf_reserve(out, len);
    struct pfs_file *file;

    assert_int_equal(pfs_store_open(m->store, "f", &file, NULL), 0);
    assert_int_equal(pfs_file_pread(file, 0, to, len, NULL), 0);
    out->len = len;
    pfs_file_close(file);
}

/* The greatest decimal takes all 19 bytes; what is put above its 128 bits may not be dropped in silence. */
static void a_decimal_of_too_many_bits_is_damage(void **state)
{
    static const char *const pairs[][2] = {{"d", "DECIMAL(38, 0)"}, {NULL, NULL}};
    static const uint8_t stored[] = {0xfe, 0xff, 0xff, 0xff}; /* how it begins: zigzag of 10^38 - 1 */
    struct made m;
    struct pfs_buf bytes = {0}, out = {0};
    struct load_file opened;
    pfs_i128 value = pfs_decimal_power(38) - 1;
    uint8_t *at = NULL;

    (void)state;
    assert_int_equal(start(&m, pairs, (struct pfs_orc_write){.codec = PFS_CODEC_NONE}), 0);
    struct pfs_column column = {.type = &m.field[0].type, .values = &value};
    const struct pfs_batch batch = {1, 1, &column};
    const struct pfs_file_read read = {.columns = 1, .fields = m.field};

    assert_int_equal(pfs_writer_write(m.writer, &batch, &m.err), 0);
    assert_int_equal(pfs_writer_finish(m.writer, &m.err), 0);
    take_bytes(&m, &bytes);
    for (size_t i = 0; at == NULL && i + 19 <= bytes.len; i++)
        if (memcmp(bytes.at + i, stored, sizeof(stored)) == 0)
            at = bytes.at + i;
    assert_non_null(at);
    assert_true(at[18] <= 3);
    assert_int_equal(load_rows(load_open(pfs_buf_slice(&bytes), &opened), &read, &out, &m.err), 1);
    at[18] |= 4;
    assert_int_equal(load_rows(load_open(pfs_buf_slice(&bytes), &opened), &read, &out, &m.err), -EIO);
    pfs_buf_done(&bytes);
    pfs_buf_done(&out);
    stop(&m);
}

/* Some rows into a file, all in memory; the n-th allocation on the way fails. 0 or the first error. */
static int write_failing(const char *const (*pairs)[2], const struct pfs_batch *batch, bool no_dictionary, int64_t n,
                         struct pfs_buf *out)
{
    struct made m;
    int rc = 0;

    m = (struct made){0};
    assert_int_equal(pfs_store_open_memory(&m.store, NULL), 0);
    assert_int_equal(pfs_store_create(m.store, "f", &m.file, NULL), 0);
    m.columns = load_fields(pairs, &m.arena, m.field);
    pfs_mem_fail_after(n);
    rc = pfs_orc_create(
        m.file, &(struct pfs_orc_write){.columns = m.columns, .fields = m.field, .no_dictionary = no_dictionary},
        &m.writer, &m.err);
    if (rc == 0)
        rc = pfs_writer_write(m.writer, batch, &m.err);
    if (rc == 0)
        rc = pfs_writer_finish(m.writer, &m.err);
    pfs_mem_fail_after(-1);
    if (rc == 0)
        take_bytes(&m, out);
    stop(&m);
    return rc;
}

/* A file that is said to be written is the one that is written when no allocation fails. */
static void expect_all_or_nothing(const char *const (*pairs)[2], const struct pfs_batch *batch, bool no_dictionary)
{
    struct pfs_buf want = {0};
    int64_t n = 0;

    assert_int_equal(write_failing(pairs, batch, no_dictionary, -1, &want), 0);
    for (int whole = 0; whole < 3; n++) {
        struct pfs_buf got = {0};
        int rc = write_failing(pairs, batch, no_dictionary, n, &got);

        assert_true(rc == 0 || rc == -ENOMEM);
        whole = rc == 0 ? whole + 1 : 0;
        if (rc == 0 && !pfs_slice_eq(pfs_buf_slice(&got), pfs_buf_slice(&want)))
            fail_msg("allocation %lld fails, and nobody says so", (long long)n);
        pfs_buf_done(&got);
    }
    assert_true(n > 20);
    pfs_buf_done(&want);
}

static void a_failing_allocation_is_reported_or_changes_nothing(void **state)
{
    static const char *const pairs[][2] = {{"c", "CHAR(300)"}, {"r", "ROW<a INT>"}, {NULL, NULL}};
    static const char text[] = "abc";
    static const int32_t offsets[] = {0, 1, 2, 3}, numbers[] = {1, 2, 3};
    struct pfs_field field[2];
    struct pfs_arena arena = {0};

    (void)state;
    (void)load_fields(pairs, &arena, field);
    struct pfs_column a = {.type = &field[1].type.child[0].type, .values = numbers};
    struct pfs_column column[] = {{.type = &field[0].type, .offsets = offsets, .values = text},
                                  {.type = &field[1].type, .children = &a}};

    expect_all_or_nothing(pairs, &(struct pfs_batch){3, 2, column}, true);
    pfs_arena_done(&arena);
}

/* Each text four times, so that one for which there was no room is looked for again. */
static void a_failing_allocation_of_a_dictionary_leaves_it_whole(void **state)
{
    static const char *const pairs[][2] = {{"s", "STRING"}, {NULL, NULL}};
    enum { TEXTS = 300, ROWS = 4 * TEXTS };
    char text[ROWS * 3 + 1];
    int32_t offsets[ROWS + 1];
    struct pfs_field field;
    struct pfs_arena arena = {0};

    (void)state;
    (void)load_fields(pairs, &arena, &field);
    for (int i = 0; i <= ROWS; i++) {
        offsets[i] = 3 * i;
        if (i < ROWS)
            snprintf(text + 3 * i, 4, "%03d", i % TEXTS);
    }
    struct pfs_column column = {.type = &field.type, .offsets = offsets, .values = text};

    expect_all_or_nothing(pairs, &(struct pfs_batch){ROWS, 1, &column}, false);
    pfs_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_every_type_are_read_as_they_were_written),
        cmocka_unit_test(row_groups_are_found_again),
        cmocka_unit_test(stripes_end_where_they_are_full),
        cmocka_unit_test(bounds_are_those_of_the_values),
        cmocka_unit_test(row_groups_have_bounds_of_their_own),
        cmocka_unit_test(long_bounds_are_cut_outwards),
        cmocka_unit_test(what_orc_cannot_hold_is_refused),
        cmocka_unit_test(a_failing_allocation_is_reported_or_changes_nothing),
        cmocka_unit_test(a_failing_allocation_of_a_dictionary_leaves_it_whole),
        cmocka_unit_test(a_decimal_of_too_many_bits_is_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
