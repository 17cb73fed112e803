#include "base/mem.h"
#include "format/parquet/index.h"
#include "format/parquet/write_index.h"
#include "tests/unit/parquet/columns.h"
#include "tests/unit/parquet/load.h"

enum { ROWS = 90000, STEP = 3000 };

struct target {
    struct pfs_file base;
    struct pfs_buf bytes;
};

static int target_append(struct pfs_file *base, const void *at, size_t len, struct pfs_err *err)
{
    struct target *t = (struct target *)base;

    pfs_buf_put(&t->bytes, at, len);
    base->size = t->bytes.len;
    return pfs_buf_check(&t->bytes, err);
}

static struct pfs_file *target_open(struct target *t)
{
    static const struct pfs_store_ops ops = {.append = target_append};

    *t = (struct target){.base = {.ops = &ops}};
    return &t->base;
}

/* ---- files of one column ---- */

/* Row i of a column of 64-bit numbers. */
typedef int64_t number_fn(int64_t i);

static int64_t ascends(int64_t i)
{
    return i * 3;
}

static int64_t falls(int64_t i)
{
    return -i / 7;
}

static int64_t few_then_many(int64_t i)
{
    return i < 50000 ? (i / 9000 * 13 + i % 5) % 60 : i * 7919 % 1000003;
}

static int64_t few(int64_t i)
{
    return 1 + i / 30000 * 100 + i % 17;
}

static int64_t same(int64_t i)
{
    return i < 60000 ? 5 : 6;
}

static bool is_null(int64_t i)
{
    return (i >= 20000 && i < 40000) || i % 11 == 3;
}

struct numbers {
    const char *what, *type;
    number_fn *number;
    bool nulls;
    struct pfs_parquet_write write;
};

static void fill(const struct numbers *n, int64_t from, int64_t rows, int64_t *values, uint8_t *valid)
{
    memset(valid, 0, (size_t)rows / 8 + 1);
    for (int64_t i = 0; i < rows; i++) {
        int64_t v = n->number(from + i);
        double real = (double)v / 4;

        memcpy(&values[i], strcmp(n->type, "DOUBLE") == 0 ? (const void *)&real : &v, 8);
        valid[i / 8] = (uint8_t)(valid[i / 8] | (!n->nulls || !is_null(from + i)) << (i & 7));
    }
}

static void write_numbers(const struct numbers *n, const struct pfs_field *field, struct target *target)
{
    struct pfs_parquet_write write = n->write;
    static int64_t values[STEP];
    static uint8_t valid[STEP / 8 + 1];
    struct pfs_writer *writer = NULL;

    write.columns = 1;
    write.fields = field;
    assert_int_equal(pfs_parquet_create(target_open(target), &write, &writer, NULL), 0);
    for (int64_t at = 0; at < ROWS; at += STEP) {
        struct pfs_column column = {.type = &field->type, .values = values, .valid = valid};

        fill(n, at, STEP, values, valid);
        assert_int_equal(pfs_writer_write(writer, &(struct pfs_batch){STEP, 1, &column}, NULL), 0);
    }
    assert_int_equal(pfs_writer_finish(writer, NULL), 0);
    pfs_writer_close(writer);
}

/* Bounds are the least and the greatest value of the page, no wider. */
static void check_page(const struct numbers *n, const struct pfs_file_group *page, struct pfs_arena *arena)
{
    int64_t rows = page->rows.to - page->rows.from, nulls = 0, least = -1, most = -1;
    int64_t *values = pfs_arena_alloc(arena, (size_t)rows * 8);
    uint8_t *valid = pfs_arena_alloc(arena, (size_t)rows / 8 + 1);
    struct pfs_type type = {.kind = strcmp(n->type, "DOUBLE") == 0 ? PFS_DOUBLE : PFS_BIGINT};
    struct pfs_column column = {.type = &type, .values = values, .valid = valid};

    fill(n, page->rows.from, rows, values, valid);
    for (int64_t i = 0; i < rows; i++) {
        if (!pfs_column_present(&column, i)) {
            nulls++;
            continue;
        }
        least = least < 0 || pfs_value_compare(&column, i, &column, least) < 0 ? i : least;
        most = most < 0 || pfs_value_compare(&column, i, &column, most) > 0 ? i : most;
    }
    CHECK(n->what, page->nulls[0] == nulls);
    CHECK(n->what, (page->min[0] != NULL) == (least >= 0));
    CHECK(n->what, (page->max[0] != NULL) == (least >= 0));
    if (least >= 0) {
        CHECK(n->what, pfs_value_compare(page->min[0], 0, &column, least) == 0);
        CHECK(n->what, pfs_value_compare(page->max[0], 0, &column, most) == 0);
    }
}

static void bounds_of_a_page_are_those_of_its_values(void **state)
{
    static const bool yes = true;
    static const struct numbers cases[] = {
        {"ascending", "BIGINT", ascends, false, {0}},
        {"ascending, nulls", "BIGINT", ascends, true, {0}},
        {"ascending, differences", "BIGINT", ascends, true, {.no_dictionary = true, .delta = true}},
        {"falling", "BIGINT", falls, true, {.codec = PFS_CODEC_ZSTD}},
        {"a dictionary given up", "BIGINT", few_then_many, true, {0}},
        {"a dictionary", "BIGINT", few, true, {0}},
        {"no dictionary", "BIGINT", few, true, {.no_dictionary = true}},
        {"small pages", "BIGINT", few, true, {.no_dictionary = true, .page_bytes = 1000}},
        {"row groups", "BIGINT", few_then_many, true, {.row_group_bytes = 200000}},
        {"a key", "BIGINT", ascends, false, {.sought = &yes}},
        {"one value", "BIGINT", same, true, {0}},
        {"real", "DOUBLE", falls, true, {0}},
        {"real, a dictionary", "DOUBLE", few, false, {0}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_field field = {.id = 1, .name = "c"};
        struct pfs_file_read read = {.fields = &field, .columns = 1};
        struct pfs_file_group *page = NULL;
        struct pfs_arena arena = {0};
        struct target target;
        struct load_file file;
        int32_t pages = 0;
        int64_t row = 0;

        assert_int_equal(pfs_type_parse(pfs_str(cases[i].type), NULL, &arena, &field.type, NULL), 0);
        write_numbers(&cases[i], &field, &target);
        assert_int_equal(
            pfs_parquet_pages(load_open(pfs_buf_slice(&target.bytes), &file), &read, &arena, &page, &pages, NULL), 0);
        CHECK(cases[i].what, pages >= 4);
        for (int32_t p = 0; p < pages; p++) {
            CHECK(cases[i].what,
                  page[p].rows.from == row && page[p].rows.to - row <= (cases[i].write.sought != NULL ? 4000 : 20000));
            row = page[p].rows.to;
            check_page(&cases[i], &page[p], &arena);
        }
        assert_int_equal(row, ROWS);
        pfs_buf_done(&target.bytes);
        pfs_arena_done(&arena);
    }
}

/* Every page that does not hold the row becomes garbage. */
static void damage_others(struct pfs_slice bytes, int64_t row, struct pfs_arena *arena)
{
    const struct pfs_pq_location *page;
    struct pfs_pq_footer footer;
    struct load_file memory;
    int32_t pages;

    assert_int_equal(pfs_pq_footer_load(load_open(bytes, &memory), arena, &footer, NULL), 0);
    assert_int_equal(
        pfs_pq_offset_index_load(&memory.base, &footer.group[0].chunk[0], ROWS, arena, &page, &pages, NULL), 0);
    assert_int_equal(pages, 5);
    for (int32_t i = 0; i < pages; i++)
        if (row < page[i].row || row >= (i + 1 < pages ? page[i + 1].row : ROWS))
            memset((uint8_t *)(uintptr_t)bytes.at + page[i].off, 0xff, page[i].bytes);
}

static void rows_are_read_from_their_page_alone(void **state)
{
    static const struct numbers numbers = {"numbers", "BIGINT", ascends, true, {.no_dictionary = true}};
    static const int64_t wanted[] = {0, 19999, 20000, 41234, ROWS - 1};
    struct pfs_field field = {.id = 1, .name = "c"};
    struct pfs_arena arena = {0};
    struct load_file memory;
    struct target target;

    (void)state;
    assert_int_equal(pfs_type_parse(pfs_str("BIGINT"), NULL, &arena, &field.type, NULL), 0);
    write_numbers(&numbers, &field, &target);
    for (size_t i = 0; i < COUNT(wanted); i++) {
        struct pfs_row_range range = {wanted[i], wanted[i] + 1};
        struct pfs_file_read read = {.fields = &field, .columns = 1, .range = &range, .ranges = 1};
        struct pfs_slice bytes = {0};
        struct pfs_reader *reader = NULL;
        struct pfs_batch batch;

        assert_true(pfs_arena_copy(&arena, pfs_buf_slice(&target.bytes), &bytes));
        damage_others(bytes, wanted[i], &arena);
        assert_int_equal(pfs_parquet_open(load_open(bytes, &memory), &read, &reader, NULL), 0);
        assert_int_equal(pfs_reader_next(reader, &arena, &batch, NULL), 1);
        assert_int_equal(pfs_column_present(&batch.column[0], 0), !is_null(wanted[i]));
        if (!is_null(wanted[i]))
            assert_int_equal(*(const int64_t *)batch.column[0].values, ascends(wanted[i]));
        assert_int_equal(pfs_reader_next(reader, &arena, &batch, NULL), 0);
        pfs_reader_close(reader);
    }
    pfs_buf_done(&target.bytes);
    pfs_arena_done(&arena);
}

/* ---- the indexes themselves ---- */

static const struct pfs_type text_type = {.kind = PFS_VARCHAR};
static const struct pfs_type number_type = {.kind = PFS_BIGINT};

static int add(struct pfs_pq_out_index *index, const char *min, const char *max, int64_t nulls)
{
    const struct pfs_pq_out_node node = {.type = &text_type, .physical = PFS_PQ_BYTE_ARRAY};
    struct pfs_pq_out_bounds bounds = {.nulls = nulls, .any = min != NULL};
    int rc;

    if (min != NULL) {
        pfs_buf_puts(&bounds.min, min);
        pfs_buf_puts(&bounds.max, max);
    }
    rc = pfs_pq_out_index_add(index, &node, 10, index->pages, &bounds, NULL);
    pfs_pq_out_bounds_done(&bounds);
    return rc;
}

#define A60 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define LAST "\xf4\x8f\xbf\xbf" /* the greatest code point */
#define LAST16 LAST LAST LAST LAST LAST LAST LAST LAST LAST LAST LAST LAST LAST LAST LAST LAST

static void long_texts_are_cut_so_that_they_stay_bounds(void **state)
{
    static const struct {
        const char *what, *text, *min, *max;
    } cases[] = {
        {"short", "abc", "abc", "abc"},
        {"empty", "", "", ""},
        {"just fits", A60 "bcde", A60 "bcde", A60 "bcde"},
        {"one more", A60 "bcdef", A60 "bcde", A60 "bcdf"},
        {"between code points", A60 "bc\xc3\xa9zz", A60 "bc\xc3\xa9", A60 "bc\xc3\xaa"},
        {"within a code point", A60 "bcd\xc3\xa9", A60 "bcd", A60 "bce"},
        {"longer by a byte", A60 "bcd\x7fzz", A60 "bcd\x7f", A60 "bcd\xc2\x80"},
        {"past the surrogates", A60 "b\xed\x9f\xbfzz", A60 "b\xed\x9f\xbf", A60 "b\xee\x80\x80"},
        {"no greater last one", A60 LAST "z", A60 LAST, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"},
        {"none greater at all", LAST16 "z", LAST16, LAST16 "z"},
        {"not UTF-8", A60 "\xff\xff\xff\xff\xff\xff", A60 "\xff\xff\xff\xff\xff\xff", A60 "\xff\xff\xff\xff\xff\xff"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_pq_out_index index = {0};
        size_t min = strlen(cases[i].min), max = strlen(cases[i].max);

        assert_int_equal(add(&index, cases[i].text, cases[i].text, 0), 0);
        CHECK(cases[i].what, index.page[0].min_bytes == min && index.page[0].max_bytes == max);
        CHECK(cases[i].what, min == 0 || memcmp(index.bounds.at, cases[i].min, min) == 0);
        CHECK(cases[i].what, max == 0 || memcmp(index.bounds.at + min, cases[i].max, max) == 0);
        pfs_pq_out_index_done(&index);
    }
}

/* The indexes of three pages of text, byte by byte. */
static void indexes_are_printed_as_the_format_has_them(void **state)
{
    static const uint8_t columns[] = {0x19, 0x31, 2, 1,   2,                     /* null pages */
                                      0x19, 0x38, 1, 'a', 0,   1, 'c',           /* mins */
                                      0x19, 0x38, 2, 'b', 'b', 0, 2,   'd', 'd', /* maxes */
                                      0x15, 2,                                   /* ascending */
                                      0x19, 0x36, 0, 8,   2,                     /* nulls */
                                      0};
    static const uint8_t offsets[] = {0x19, 0x3c, 0x16, 0xc8, 1,    0x15, 20, 0x16, 0,  0,    0x16, 0xdc, 1, 0x15,
                                      20,   0x16, 2,    0,    0x16, 0xf0, 1,  0x15, 20, 0x16, 4,    0,    0};
    struct pfs_pq_out_index index = {0};
    struct pfs_buf out = {0};

    (void)state;
    assert_int_equal(add(&index, "a", "bb", 0), 0);
    assert_int_equal(add(&index, NULL, NULL, 4), 0);
    assert_int_equal(add(&index, "c", "dd", 1), 0);
    pfs_pq_out_index_put_columns(&index, &out);
    assert_int_equal(out.len, sizeof(columns));
    assert_memory_equal(out.at, columns, sizeof(columns));
    pfs_buf_clear(&out);
    pfs_pq_out_index_put_offsets(&index, 100, &out);
    assert_int_equal(out.len, sizeof(offsets));
    assert_memory_equal(out.at, offsets, sizeof(offsets));
    pfs_buf_done(&out);
    pfs_pq_out_index_done(&index);
}

static int order_of(const char *const (*pages)[2])
{
    struct pfs_pq_out_index index = {0};
    struct pfs_buf out = {0};
    int order = -1;

    for (; (*pages)[0] != NULL; pages++)
        assert_int_equal(add(&index, (*pages)[0][0] == '-' ? NULL : (*pages)[0], (*pages)[1], 0), 0);
    pfs_pq_out_index_put_columns(&index, &out);
    for (size_t i = 0; i + 1 < out.len; i++) /* the field behind the maxes */
        if (out.at[i] == 0x15 && (order = out.at[i + 1] / 2) >= 0)
            break;
    pfs_buf_done(&out);
    pfs_pq_out_index_done(&index);
    return order;
}

static void the_order_of_pages_is_that_of_both_bounds(void **state)
{
    static const struct {
        const char *what;
        const char *const pages[5][2];
        int order;
    } cases[] = {
        {"one page", {{"a", "b"}, {NULL, NULL}}, 1},
        {"both rise", {{"a", "b"}, {"b", "c"}, {"d", "dd"}, {NULL, NULL}}, 1},
        {"both fall", {{"d", "dd"}, {"b", "c"}, {"a", "b"}, {NULL, NULL}}, 2},
        {"one rises, one falls", {{"b", "c"}, {"a", "d"}, {NULL, NULL}}, 0},
        {"nulls between", {{"a", "b"}, {"-", ""}, {"b", "c"}, {NULL, NULL}}, 1},
        {"up and down", {{"a", "b"}, {"c", "d"}, {"b", "c"}, {NULL, NULL}}, 0},
        {"the same", {{"a", "b"}, {"a", "b"}, {NULL, NULL}}, 1},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        CHECK(cases[i].what, order_of(cases[i].pages) == cases[i].order);
}

static void a_column_with_an_unordered_page_has_no_bounds(void **state)
{
    const struct pfs_pq_out_node node = {.type = &number_type, .physical = PFS_PQ_INT64, .width = 8};
    struct pfs_pq_out_bounds bounds = {.any = true, .low = 1, .high = 2};
    struct pfs_pq_out_index index = {0};
    struct pfs_buf out = {0};

    (void)state;
    assert_int_equal(pfs_pq_out_index_add(&index, &node, 10, 0, &bounds, NULL), 0);
    pfs_pq_out_index_put_columns(&index, &out);
    assert_true(out.len > 0);
    bounds.unordered = true;
    assert_int_equal(pfs_pq_out_index_add(&index, &node, 10, 1, &bounds, NULL), 0);
    pfs_buf_clear(&out);
    pfs_pq_out_index_put_columns(&index, &out);
    assert_int_equal(out.len, 0);
    pfs_pq_out_index_clear(&index);
    assert_int_equal(pfs_pq_out_index_add(&index, &node, 10, 0, NULL, NULL), 0);
    pfs_pq_out_index_put_columns(&index, &out);
    assert_int_equal(out.len, 0);
    pfs_buf_done(&out);
    pfs_pq_out_index_done(&index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_of_a_page_are_those_of_its_values),
        cmocka_unit_test(rows_are_read_from_their_page_alone),
        cmocka_unit_test(long_texts_are_cut_so_that_they_stay_bounds),
        cmocka_unit_test(indexes_are_printed_as_the_format_has_them),
        cmocka_unit_test(the_order_of_pages_is_that_of_both_bounds),
        cmocka_unit_test(a_column_with_an_unordered_page_has_no_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
