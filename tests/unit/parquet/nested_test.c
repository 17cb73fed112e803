#include "base/mem.h"
#include "tests/unit/parquet/columns.h"
#include "tests/unit/parquet/load.h"

static const char *const delta[][2] = {
    {"i32", "INT"},    {"i64", "BIGINT"},         {"day", "INT"},    {"flat", "BIGINT"}, {"len", "STRING"},
    {"pre", "STRING"}, {"f32", "FLOAT"},          {"f64", "DOUBLE"}, {"b32", "INT"},     {"b64", "BIGINT"},
    {"fix", "STRING"}, {"dec", "DECIMAL(20, 2)"}, {NULL, NULL}};

/* Data pages of both versions, with an index of pages and without, and rows that begin anywhere. */
static const struct {
    const char *file, *rows;
    const char *const (*pairs)[2];
    int32_t count;
} files[] = {{"types.parquet", "types_nested.ndjson", paimon, 23},
             {"delta.parquet", "delta.ndjson", delta, 260},
             {"lists.parquet", "lists.ndjson", lists, 260},
             {"lists2.parquet", "lists.ndjson", lists, 260}};

struct opened {
    struct pfs_slice bytes, rows;
    struct pfs_arena arena;
    struct load_file memory;
    struct pfs_file *file;
    struct pfs_field fields[LOAD_FIELDS_MAX];
    struct pfs_file_read read;
};

static void open_case(size_t at, struct opened *o)
{
    *o = (struct opened){.bytes = load_bytes(files[at].file), .rows = load_bytes(files[at].rows)};
    o->file = load_open(o->bytes, &o->memory);
    o->read.fields = o->fields;
    o->read.columns = load_fields(files[at].pairs, &o->arena, o->fields);
}

static void close_case(struct opened *o)
{
    pfs_arena_done(&o->arena);
    free((void *)(uintptr_t)o->bytes.at);
    free((void *)(uintptr_t)o->rows.at);
}

static void nested_columns_and_every_encoding_read_whole(void **state)
{
    static const int32_t sizes[] = {0, 1, 7, 64};

    (void)state;
    for (size_t i = 0; i < COUNT(files); i++) {
        struct opened o;

        open_case(i, &o);
        for (size_t s = 0; s < COUNT(sizes); s++) {
            o.read.batch_rows = sizes[s];
            load_expect(files[i].file, o.file, &o.read, o.rows);
        }
        close_case(&o);
    }
}

/* ---- ranges of rows ---- */

static uint32_t seed = 1;

static uint32_t below(uint32_t bound)
{
    seed = seed * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)seed * bound >> 32);
}

/* Up to `most` ranges, gaps and lengths below `step`, some of them empty. */
static int32_t make_ranges(int64_t rows, uint32_t step, int32_t most, struct pfs_row_range *range)
{
    int64_t at = 0;
    int32_t n = 0;

    while (n < most) {
        int64_t from = at + below(step), to = from + below(step);

        if (to > rows)
            break;
        range[n++] = (struct pfs_row_range){from, to};
        at = to;
    }
    return n;
}

/* The lines of these rows. */
static void cut_lines(struct pfs_slice lines, const struct pfs_row_range *range, int32_t ranges, struct pfs_buf *out)
{
    const char *line = (const char *)lines.at, *end = line + lines.len;
    int32_t at = 0;

    for (int64_t row = 0; line < end; row++) {
        const char *next = (const char *)memchr(line, '\n', (size_t)(end - line)) + 1;

        while (at < ranges && range[at].to <= row)
            at++;
        if (at < ranges && range[at].from <= row)
            pfs_buf_put(out, line, (size_t)(next - line));
        line = next;
    }
}

static void exactly_the_rows_of_the_ranges_come_out(void **state)
{
    static const uint32_t steps[] = {2, 5, 40, 150};
    static const int32_t sizes[] = {0, 1, 10};
    struct pfs_row_range range[260];

    (void)state;
    for (size_t i = 0; i < COUNT(files); i++) {
        struct opened o;

        open_case(i, &o);
        for (size_t s = 0; s < COUNT(steps) * 6; s++) {
            struct pfs_buf want = {0};

            o.read.range = range;
            o.read.ranges = make_ranges(files[i].count, steps[s % COUNT(steps)], COUNT(range), range);
            o.read.batch_rows = sizes[s % COUNT(sizes)];
            cut_lines(o.rows, range, o.read.ranges, &want);
            load_expect(files[i].file, o.file, &o.read, pfs_buf_slice(&want));
            pfs_buf_done(&want);
        }
        close_case(&o);
    }
}

static void no_range_is_no_row_and_one_behind_the_end_is_refused(void **state)
{
    struct pfs_row_range range[] = {{10, 20}, {15, 30}};
    struct pfs_buf out = {0};
    struct opened o;

    (void)state;
    open_case(2, &o);
    o.read.range = range;
    load_expect("no range", o.file, &o.read, pfs_slice_of("", 0));
    o.read.ranges = 2;
    assert_int_equal(load_rows(o.file, &o.read, &out, NULL), -EIO); /* they overlap */
    range[1] = (struct pfs_row_range){20, 261};
    assert_int_equal(load_rows(o.file, &o.read, &out, NULL), -EIO);
    close_case(&o);
}

/* A wanted row in the last row group costs no byte of the first. */
static void pages_without_a_wanted_row_are_not_read(void **state)
{
    static const struct pfs_row_range range[] = {{255, 256}};

    (void)state;
    for (size_t i = 1; i < COUNT(files); i++) {
        struct opened o;
        struct pfs_buf out = {0};
        size_t spoil;

        open_case(i, &o);
        o.read.range = range;
        o.read.ranges = 1;
        spoil = o.bytes.len / 3; /* of the first row group, which has two thirds of the rows */
        memset((uint8_t *)(uintptr_t)o.bytes.at + 4, 0xa5, spoil);
        assert_int_equal(load_rows(o.file, &o.read, &out, NULL), 0);
        assert_true(out.len > 0);
        o.read.range = NULL;
        assert_true(load_rows(o.file, &o.read, &out, NULL) < 0);
        pfs_buf_done(&out);
        close_case(&o);
    }
}

/* The offset index leads to the pages of one row: a few preads, whatever lies between is not read. */
static void an_offset_index_spares_the_pages_between(void **state)
{
    static const struct pfs_row_range range[] = {{3, 4}, {140, 141}};
    const char *const pairs[][2] = {{"long", "ARRAY<INT>"}, {NULL, NULL}};
    struct opened o;
    struct pfs_buf out = {0};

    (void)state;
    open_case(3, &o);
    o.read.columns = load_fields(pairs, &o.arena, o.fields);
    o.read.range = range;
    o.read.ranges = 2;
    assert_int_equal(load_rows(o.file, &o.read, &out, NULL), 0);
    assert_memory_equal(out.at, "{\"long\":[]}\n{\"long\":[0,1]}\n", 27);
    assert_true(o.memory.calls <= 4); /* footer, index, two pages */
    assert_true(o.memory.read_bytes < o.bytes.len + 3000);
    pfs_buf_done(&out);
    close_case(&o);
}

/* ---- types laid over the file's tree ---- */

static const struct {
    const char *file, *name, *type, *lines;
} shapes[] = {
    {"old_list.parquet", "a", "ARRAY<ARRAY<INT>>", "{\"a\":[[1,2],[3,4]]}\n"},
    {"bare_list.parquet", "Int32_list", "ARRAY<INT>",
     "{\"Int32_list\":[0,1,2,3]}\n{\"Int32_list\":[]}\n{\"Int32_list\":[4]}\n{\"Int32_list\":[5,6,7,8]}\n"},
    {"bare_list.parquet", "group_of_lists", "ROW<String_list_in_group ARRAY<STRING>>",
     "{\"group_of_lists\":{\"String_list_in_group\":[\"foo\",\"zero\",\"one\",\"two\"]}}\n"
     "{\"group_of_lists\":{\"String_list_in_group\":[\"three\"]}}\n"
     "{\"group_of_lists\":{\"String_list_in_group\":[\"four\"]}}\n"
     "{\"group_of_lists\":{\"String_list_in_group\":[\"five\",\"six\",\"seven\",\"eight\"]}}\n"},
};

static void lists_of_older_forms_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(shapes); i++) {
        const char *const pairs[][2] = {{shapes[i].name, shapes[i].type}, {NULL, NULL}};
        struct pfs_slice bytes = load_bytes(shapes[i].file);
        struct pfs_field field;
        struct pfs_arena arena = {0};
        struct pfs_file_read read = {.fields = &field, .columns = load_fields(pairs, &arena, &field)};
        struct load_file memory;

        load_expect(shapes[i].name, load_open(bytes, &memory), &read, pfs_str(shapes[i].lines));
        pfs_arena_done(&arena);
        free((void *)(uintptr_t)bytes.at);
    }
}

/* Of `deep` the file has l and n. With nothing but missing fields a row still has its nulls. */
static void fields_that_the_file_lacks_are_nulls_within_their_row(void **state)
{
    const char *const pairs[][2] = {{"deep", "ROW<x ARRAY<INT>, n STRING, l ROW<y INT>>"}, {NULL, NULL}};
    static const struct pfs_row_range range[] = {{3, 7}};
    struct pfs_slice bytes = load_bytes("lists2.parquet");
    struct pfs_field field;
    struct pfs_arena arena = {0};
    struct pfs_file_read read = {
        .fields = &field, .columns = load_fields(pairs, &arena, &field), .range = range, .ranges = 1};
    struct load_file memory;

    (void)state;
    load_expect("missing fields", load_open(bytes, &memory), &read,
                pfs_str("{\"deep\":{\"x\":null,\"n\":\"n0\",\"l\":{\"y\":null}}}\n{\"deep\":null}\n"
                        "{\"deep\":{\"x\":null,\"n\":\"n2\",\"l\":{\"y\":null}}}\n"
                        "{\"deep\":{\"x\":null,\"n\":\"n0\",\"l\":null}}\n"));
    pfs_arena_done(&arena);
    free((void *)(uintptr_t)bytes.at);
}

/* The value's length, the value, the metadata, which begins with version 1. */
static void a_variant_is_its_value_and_its_metadata(void **state)
{
    const char *const pairs[][2] = {{"va", "VARIANT"}, {"ms", "MULTISET<STRING>"}, {NULL, NULL}};
    struct pfs_slice bytes = load_bytes("variant.parquet");
    struct pfs_field fields[2];
    struct pfs_arena arena = {0}, rows = {0};
    struct pfs_file_read read = {.fields = fields, .columns = load_fields(pairs, &arena, fields)};
    struct load_file memory;
    struct pfs_reader *reader = NULL;
    struct pfs_batch batch;
    int64_t got, present = 0;

    (void)state;
    assert_int_equal(pfs_parquet_open(load_open(bytes, &memory), &read, &reader, NULL), 0);
    got = pfs_reader_next(reader, &rows, &batch, NULL);
    assert_true(got > 5);
    for (int64_t i = 0; i < got; i++) {
        struct pfs_slice v = pfs_column_bytes(&batch.column[0], i);
        uint32_t len;

        if (!pfs_column_present(&batch.column[0], i))
            continue;
        assert_true(v.len > 4 + 3);
        len = pfs_le32(v.at);
        assert_true(len > 0 && len <= v.len - 4 - 3);
        assert_int_equal(v.at[4 + len] & 15, 1);
        present++;
    }
    assert_true(present > 3);
    assert_int_equal(batch.column[1].children[1].type->kind, PFS_INT);
    pfs_reader_close(reader);
    pfs_arena_done(&rows);
    pfs_arena_done(&arena);
    free((void *)(uintptr_t)bytes.at);
}

static void every_failing_allocation_of_a_nested_read_is_reported(void **state)
{
    struct opened o;
    struct pfs_arena rows = {0};
    int64_t got = -ENOMEM, n;

    (void)state;
    open_case(3, &o);
    for (n = 0; got < 0 && n < 4000; n++) {
        struct pfs_reader *reader = NULL;
        struct pfs_batch batch;
        struct pfs_err err = {0};

        pfs_mem_fail_after(n);
        got = pfs_parquet_open(o.file, &o.read, &reader, &err);
        while (got >= 0 && (got = pfs_reader_next(reader, &rows, &batch, &err)) > 0)
            pfs_arena_reset(&rows);
        pfs_mem_fail_after(-1);
        if (got != 0 && got != -ENOMEM)
            fail_msg("allocation %lld fails: %lld %s", (long long)n, (long long)got, err.text);
        pfs_reader_close(reader);
        pfs_arena_done(&rows);
    }
    assert_int_equal(got, 0);
    assert_true(n > 50);
    close_case(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nested_columns_and_every_encoding_read_whole),
        cmocka_unit_test(exactly_the_rows_of_the_ranges_come_out),
        cmocka_unit_test(no_range_is_no_row_and_one_behind_the_end_is_refused),
        cmocka_unit_test(pages_without_a_wanted_row_are_not_read),
        cmocka_unit_test(an_offset_index_spares_the_pages_between),
        cmocka_unit_test(lists_of_older_forms_are_read),
        cmocka_unit_test(fields_that_the_file_lacks_are_nulls_within_their_row),
        cmocka_unit_test(a_variant_is_its_value_and_its_metadata),
        cmocka_unit_test(every_failing_allocation_of_a_nested_read_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
