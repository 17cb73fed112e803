#include "format/binrow.h"

#include <errno.h>

#include "base/hash.h"
#include "base/mem.h"
#include "format/text/text.h"
#include "tests/unit/format/make.h"

#define FIELDS_MAX 6

/* A row: types and values, and what Paimon makes of it: row bytes in hexadecimal (blanks are free), its hash. */
struct row {
    const char *what;
    const char *types[FIELDS_MAX];
    const char *values[FIELDS_MAX];
    int32_t count;
    const char *bytes; /* NULL: only the hash is known */
    int32_t hash;      /* 0: only the bytes are known */
};

static const struct row rows[] = {
    {"INT 1", {"INT"}, {"1"}, 1, "0000000000000000 0100000000000000", 1465514398},
    {"BIGINT 1", {"BIGINT"}, {"1"}, 1, "0000000000000000 0100000000000000", 1465514398},
    {"SMALLINT 1", {"SMALLINT"}, {"1"}, 1, "0000000000000000 0100000000000000", 1465514398},
    {"TINYINT 1", {"TINYINT"}, {"1"}, 1, "0000000000000000 0100000000000000", 1465514398},
    {"DATE 1", {"DATE"}, {"1"}, 1, "0000000000000000 0100000000000000", 1465514398},
    {"TIME 1", {"TIME"}, {"1"}, 1, "0000000000000000 0100000000000000", 1465514398},
    {"BOOLEAN true", {"BOOLEAN"}, {"1"}, 1, "0000000000000000 0100000000000000", 1465514398},
    {"INT -7", {"INT"}, {"-7"}, 1, "0000000000000000 f9ffffff00000000", 1485184587},
    {"INT null", {"INT"}, {NULL}, 1, "0001000000000000 0000000000000000", -1748325344},
    {"BIGINT", {"BIGINT"}, {"1234567890123"}, 1, "0000000000000000 cb04fb711f010000", -1873221036},
    {"STRING inline", {"STRING"}, {"hello"}, 1, "0000000000000000 68656c6c6f000085", 243722546},
    {"STRING empty", {"STRING"}, {""}, 1, "0000000000000000 0000000000000080", 0},
    {"STRING of 7", {"STRING"}, {"seven77"}, 1, "0000000000000000 736576656e373787", 0},
    {"STRING of 8", {"STRING"}, {"eight888"}, 1, "0000000000000000 0800000010000000 6569676874383838", 0},
    {"STRING null", {"STRING"}, {NULL}, 1, "0001000000000000 0000000000000000", -1748325344},
    {"STRING variable",
     {"STRING"},
     {"2024-01-01"},
     1,
     "0000000000000000 0a00000010000000 323032342d30312d3031000000000000",
     306517490},
    {"INT, STRING",
     {"INT", "STRING"},
     {"42", "paimon"},
     2,
     "0000000000000000 2a00000000000000 7061696d6f6e0086",
     -836196679},
    {"STRING, BIGINT",
     {"STRING", "BIGINT"},
     {"abcdefghij", "5"},
     2,
     "0000000000000000 0a00000018000000 0500000000000000 6162636465666768696a000000000000",
     1400535215},
    {"TIMESTAMP(3)", {"TIMESTAMP(3)"}, {"1704164645123"}, 1, "0000000000000000 03d920c88c010000", 1903343740},
    {"TIMESTAMP(6)",
     {"TIMESTAMP(6)"},
     {"1704164645123+456000"},
     1,
     "0000000000000000 40f5060010000000 03d920c88c010000",
     -1539318453},
    {"TIMESTAMP(9)",
     {"TIMESTAMP(9)"},
     {"1704164645123+456000"},
     1,
     "0000000000000000 40f5060010000000 03d920c88c010000",
     -1539318453},
    {"TIMESTAMP_LTZ(6) before 1970",
     {"TIMESTAMP_LTZ(6)"},
     {"-1+999000"},
     1,
     "0000000000000000 583e0f0010000000 ffffffffffffffff",
     0},
    {"TIMESTAMP(6) null",
     {"TIMESTAMP(6)"},
     {NULL},
     1,
     "0001000000000000 0000000010000000 0000000000000000",
     -340882661},
    {"DECIMAL(10,2)", {"DECIMAL(10, 2)"}, {"-1.25"}, 1, "0000000000000000 83ffffffffffffff", -645235724},
    {"DECIMAL(20,2)",
     {"DECIMAL(20, 2)"},
     {"-1.25"},
     1,
     "0000000000000000 0100000010000000 83000000000000000000000000000000",
     1715008836},
    {"DECIMAL(20,2) null",
     {"DECIMAL(20, 2)"},
     {NULL},
     1,
     "0001000000000000 0000000010000000 00000000000000000000000000000000",
     -1380280760},
    {"BYTES", {"BYTES"}, {"0x0102030405060708"}, 1, "0000000000000000 0800000010000000 0102030405060708", -703675362},
    {"every fixed width",
     {"BOOLEAN", "TINYINT", "SMALLINT", "FLOAT", "DOUBLE", "DATE"},
     {"1", "-1", "-2", "1.5", "-2.5", "19723"},
     6,
     "0000000000000000 0100000000000000 ff00000000000000 feff000000000000 0000c03f00000000 00000000000004c0"
     "0b4d000000000000",
     -472670384},
    {"writer, nulls",
     {"STRING", "TIMESTAMP(6)", "DECIMAL(20, 2)"},
     {"x", NULL, NULL},
     3,
     "0006000000000000 7800000000000081 0000000020000000 0000000028000000 0000000000000000"
     "00000000000000000000000000000000",
     90522193},
    {"writer, null string",
     {"STRING", "TIMESTAMP(6)", "DECIMAL(20, 2)"},
     {NULL, "1704164645123+456000", "-1.25"},
     3,
     NULL,
     -1194942398},
    {"writer, long string",
     {"STRING", "TIMESTAMP(6)", "DECIMAL(20, 2)"},
     {"longer than seven", NULL, "1.25"},
     3,
     NULL,
     1363869578},
    {"minimum of a file",
     {"STRING", "INT", "STRING", "DECIMAL(10, 2)"},
     {"2024-01-01", "1", "a longer string ", "1.25"},
     4,
     "0000000000000000 0a00000028000000 0100000000000000 1000000038000000 7d00000000000000"
     "323032342d30312d3031000000000000 61206c6f6e67657220737472696e6720",
     0},
    {"minimum with a null",
     {"INT", "STRING", "BYTES", "TIMESTAMP(6)", "DECIMAL(38, 10)", "DOUBLE"},
     {"1", "abcdefghijklmnop", NULL, "1704164645123+456000", "-1.0000000005", "1.5"},
     6,
     "0004000000000000 0100000000000000 1000000038000000 0000000000000000 40f5060048000000 0500000050000000"
     "000000000000f83f 6162636465666768696a6b6c6d6e6f70 03d920c88c010000 fdabf41bfb0000000000000000000000",
     0},
    {"no fields", {NULL}, {NULL}, 0, "0000000000000000", 0},
};

static size_t unhex(const char *text, uint8_t *to)
{
    size_t len = 0;

    for (; *text != '\0'; text++) {
        char pair[3] = {text[0], text[1], '\0'};

        if (*text == ' ')
            continue;
        to[len++] = (uint8_t)strtoul(pair, NULL, 16);
        text++;
    }
    return len;
}

static void make_row(struct pfs_arena *arena, const struct row *row, const struct pfs_column **columns)
{
    for (int32_t i = 0; i < row->count; i++)
        columns[i] = make_column(arena, row->types[i], &row->values[i], 1);
}

static void rows_are_paimons_byte_for_byte(void **state)
{
    struct pfs_arena arena;
    struct pfs_buf buf = {0};

    (void)state;
    pfs_arena_init(&arena, 0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct row *row = &rows[i];
        const struct pfs_column *columns[FIELDS_MAX];
        uint8_t want[256];
        size_t len;

        if (row->bytes == NULL)
            continue;
        make_row(&arena, row, columns);
        pfs_put_be32(want, (uint32_t)row->count);
        len = 4 + unhex(row->bytes, want + 4);
        pfs_buf_clear(&buf);
        CHECK(row->what, pfs_binrow_print(columns, row->count, 0, true, &buf, NULL) == 0);
        CHECK(row->what, pfs_slice_eq(pfs_buf_slice(&buf), pfs_slice_of(want, len)));
        pfs_buf_clear(&buf);
        CHECK(row->what, pfs_binrow_print(columns, row->count, 0, false, &buf, NULL) == 0);
        CHECK(row->what, pfs_slice_eq(pfs_buf_slice(&buf), pfs_slice_of(want + 4, len - 4)));
    }
    pfs_buf_done(&buf);
    pfs_arena_done(&arena);
}

static void hashes_are_paimons(void **state)
{
    struct pfs_arena arena;
    struct pfs_buf buf = {0};

    (void)state;
    pfs_arena_init(&arena, 0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct row *row = &rows[i];
        const struct pfs_column *columns[FIELDS_MAX];
        int32_t one, batch;

        if (row->hash == 0)
            continue;
        make_row(&arena, row, columns);
        CHECK(row->what, pfs_binrow_hash(columns, row->count, 0, &buf, &one, NULL) == 0);
        CHECK(row->what, one == row->hash);
        CHECK(row->what, pfs_binrow_hash_batch(columns, row->count, 1, &buf, &batch, NULL) == 0);
        CHECK(row->what, batch == row->hash);
    }
    pfs_buf_done(&buf);
    pfs_arena_done(&arena);
}

static void rows_come_back_as_they_were(void **state)
{
    struct pfs_arena arena;
    struct pfs_buf buf = {0};

    (void)state;
    pfs_arena_init(&arena, 0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct row *row = &rows[i];
        const struct pfs_column *columns[FIELDS_MAX];
        const struct pfs_type *types[FIELDS_MAX];
        struct pfs_column back[FIELDS_MAX];

        make_row(&arena, row, columns);
        for (int32_t k = 0; k < row->count; k++)
            types[k] = columns[k]->type;
        pfs_buf_clear(&buf);
        CHECK(row->what, pfs_binrow_print(columns, row->count, 0, true, &buf, NULL) == 0);
        CHECK(row->what, pfs_binrow_parse(pfs_buf_slice(&buf), types, row->count, &arena, back, NULL) == 0);
        for (int32_t k = 0; k < row->count; k++)
            CHECK(row->what, same_value(columns[k], 0, &back[k], 0));
    }
    pfs_buf_done(&buf);
    pfs_arena_done(&arena);
}

/* Values as JSON. */
static const struct row nested[] = {
    {"elements and a NULL",
     {"ARRAY<INT>"},
     {"[1,null,3]"},
     1,
     "0000000000000000 1800000010000000 0300000002000000 0100000000000000 0300000000000000",
     1830759751},
    {"a NULL list", {"ARRAY<INT>"}, {NULL}, 1, "0001000000000000 0000000000000000", -1748325344},
    {"an empty list", {"ARRAY<STRING>"}, {"[]"}, 1, "0000000000000000 0800000010000000 0000000000000000", -2074941042},
    {"texts in a list",
     {"ARRAY<STRING>", "INT"},
     {"[\"a\",null,\"longer than 7\",\"eight888\"]", "7"},
     2,
     "0000000000000000 4000000018000000 0700000000000000 0400000002000000 6100000000000081 0000000000000000 "
     "0d00000028000000 0800000038000000 6c6f6e6765722074 68616e2037000000 6569676874383838",
     -92684575},
    {"a NULL decimal in a list keeps no room",
     {"ARRAY<DECIMAL(20, 2)>"},
     {"[\"-1.25\",null]"},
     1,
     "0000000000000000 2800000010000000 0200000002000000 0100000018000000 0000000000000000 8300000000000000 "
     "0000000000000000",
     2131274059},
    {"times in a list",
     {"ARRAY<TIMESTAMP(6)>"},
     {"[null,\"2024-01-02 03:04:05.123456\"]"},
     1,
     "0000000000000000 2000000010000000 0200000001000000 0000000000000000 40f5060018000000 03d920c88c010000",
     -497572766},
    {"narrow elements",
     {"ARRAY<SMALLINT>", "ARRAY<BOOLEAN>"},
     {"[1,-2,null]", "[true,null,false]"},
     2,
     "0000000000000000 1000000018000000 1000000028000000 0300000004000000 0100feff00000000 0300000002000000 "
     "0100000000000000",
     -186693691},
    {"wide elements",
     {"ARRAY<BIGINT>"},
     {"[1,-1]"},
     1,
     "0000000000000000 1800000010000000 0200000000000000 0100000000000000 ffffffffffffffff",
     391575948},
    {"a map",
     {"MAP<STRING, INT>"},
     {"{\"k1\":1,\"a longer key\":null}"},
     1,
     "0000000000000000 3c00000010000000 2800000002000000 000000006b310000 000000820c000000 1800000061206c6f "
     "6e676572206b6579 0000000002000000 0200000001000000 0000000000000000",
     1457817565},
    {"a multiset",
     {"MULTISET<STRING>"},
     {"{\"x\":2}"},
     1,
     "0000000000000000 2400000010000000 1000000001000000 0000000078000000 0000008101000000 0000000002000000 "
     "0000000000000000",
     -280166905},
    {"a row in a row",
     {"ROW<a INT, b STRING, c DECIMAL(20, 2)>", "INT"},
     {"{\"a\":5,\"b\":\"longer than seven\",\"c\":null}", "9"},
     2,
     "0000000000000000 4800000018000000 0900000000000000 0004000000000000 0500000000000000 1100000020000000 "
     "0000000038000000 6c6f6e6765722074 68616e2073657665 6e00000000000000 0000000000000000 0000000000000000",
     1506034649},
    {"a NULL row",
     {"ROW<a INT, b STRING, c DECIMAL(20, 2)>", "INT"},
     {NULL, "9"},
     2,
     "0001000000000000 0000000000000000 0900000000000000",
     -1686376030},
    {"rows in a list",
     {"ARRAY<ROW<a INT, b STRING, c DECIMAL(20, 2)>>"},
     {"[{\"a\":1,\"b\":\"x\",\"c\":\"1.25\"},null,{\"a\":null,\"b\":null,\"c\":null}]"},
     1,
     "0000000000000000 8000000010000000 0300000002000000 3000000020000000 0000000000000000 3000000050000000 "
     "0000000000000000 0100000000000000 7800000000000081 0100000020000000 7d00000000000000 0000000000000000 "
     "0007000000000000 0000000000000000 0000000000000000 0000000020000000 0000000000000000 0000000000000000",
     1766693166},
    {"lists in a list",
     {"ARRAY<ARRAY<INT>>"},
     {"[[1,2],null,[]]"},
     1,
     "0000000000000000 3800000010000000 0300000002000000 1000000020000000 0000000000000000 0800000030000000 "
     "0200000000000000 0100000002000000 0000000000000000",
     1418610928},
    {"rows in a map",
     {"MAP<INT, ROW<a INT, b STRING, c DECIMAL(20, 2)>>"},
     {"[[1,{\"a\":2,\"b\":\"abcdefghij\",\"c\":null}]]"},
     1,
     "0000000000000000 6400000010000000 1000000001000000 0000000001000000 0000000001000000 0000000040000000 "
     "1000000000040000 0000000002000000 000000000a000000 2000000000000000 3000000061626364 65666768696a0000 "
     "0000000000000000 0000000000000000 0000000000000000",
     1637403224},
    {"dates, doubles and bytes",
     {"ARRAY<DATE>", "ARRAY<DOUBLE>", "ARRAY<TINYINT>"},
     {"[\"2024-01-01\"]", "[-2.5]", "[-1,null]"},
     3,
     "0000000000000000 1000000020000000 1000000030000000 1000000040000000 0100000000000000 0b4d000000000000 "
     "0100000000000000 00000000000004c0 0200000002000000 ff00000000000000",
     610246499},
};

static void nested_values_are_paimons_and_come_back(void **state)
{
    struct pfs_arena arena;
    struct pfs_buf buf = {0}, again = {0};

    (void)state;
    pfs_arena_init(&arena, 0);
    for (size_t i = 0; i < COUNT(nested); i++) {
        const struct row *row = &nested[i];
        struct pfs_column column[FIELDS_MAX], back[FIELDS_MAX];
        const struct pfs_column *columns[FIELDS_MAX], *backs[FIELDS_MAX];
        const struct pfs_type *types[FIELDS_MAX];
        uint8_t want[512];
        size_t len = unhex(row->bytes, want);
        int32_t hash;

        for (int32_t k = 0; k < row->count; k++) {
            types[k] = make_type(&arena, row->types[k]);
            CHECK(row->what, pfs_text_parse_value(types[k], pfs_str(row->values[k] == NULL ? "" : row->values[k]),
                                                  row->values[k] == NULL, &arena, &column[k], NULL) == 0);
            columns[k] = &column[k];
            backs[k] = &back[k];
        }
        pfs_buf_clear(&buf);
        CHECK(row->what, pfs_binrow_print(columns, row->count, 0, true, &buf, NULL) == 0);
        CHECK(row->what, pfs_slice_eq(pfs_slice_of(buf.at + 4, buf.len - 4), pfs_slice_of(want, len)));
        CHECK(row->what, pfs_binrow_hash(columns, row->count, 0, &again, &hash, NULL) == 0 && hash == row->hash);
        CHECK(row->what, pfs_binrow_parse(pfs_buf_slice(&buf), types, row->count, &arena, back, NULL) == 0);
        pfs_buf_clear(&again);
        CHECK(row->what, pfs_binrow_print(backs, row->count, 0, true, &again, NULL) == 0);
        CHECK(row->what, pfs_slice_eq(pfs_buf_slice(&buf), pfs_buf_slice(&again)));
        for (size_t cut = 4; cut < buf.len; cut += 8)
            CHECK(row->what,
                  pfs_binrow_parse(pfs_slice_of(buf.at, cut), types, row->count, &arena, back, NULL) == -EIO);
    }
    pfs_buf_done(&buf);
    pfs_buf_done(&again);
    pfs_arena_done(&arena);
}

/* Up to 56 fields have one word of null bits, 57 have two. */
static void wide_rows_have_more_null_bits(void **state)
{
    static const char *const one = "7", *const none = NULL;
    struct pfs_arena arena;
    struct pfs_buf buf = {0};

    (void)state;
    pfs_arena_init(&arena, 0);
    for (int32_t count = 55; count <= 58; count++) {
        const struct pfs_column *columns[58];
        const struct pfs_type *types[58];
        struct pfs_column back[58];
        size_t header = count <= 56 ? 8 : 16;

        for (int32_t i = 0; i < count; i++) {
            columns[i] = make_column(&arena, "INT", i == count - 1 ? &none : &one, 1);
            types[i] = columns[i]->type;
        }
        pfs_buf_clear(&buf);
        assert_int_equal(pfs_binrow_print(columns, count, 0, true, &buf, NULL), 0);
        assert_int_equal(buf.len, 4 + header + (size_t)count * 8);
        assert_int_equal(buf.at[4 + (count - 1 + 8) / 8], 1 << (count - 1 + 8) % 8);
        assert_int_equal(buf.at[4 + header], 7);
        assert_int_equal(pfs_binrow_parse(pfs_buf_slice(&buf), types, count, &arena, back, NULL), 0);
        for (int32_t i = 0; i < count; i++)
            assert_true(same_value(columns[i], 0, &back[i], 0));
    }
    pfs_buf_done(&buf);
    pfs_arena_done(&arena);
}

static const char *const key_sets[][3] = {
    {"INT"},
    {"BIGINT"},
    {"SMALLINT"},
    {"TINYINT"},
    {"DOUBLE"},
    {"STRING"},
    {"TIMESTAMP(3)"},
    {"TIMESTAMP(6)"},
    {"TIMESTAMP(9)"},
    {"DECIMAL(10, 2)"},
    {"DECIMAL(30, 2)"},
    {"INT", "STRING"},
    {"STRING", "DECIMAL(30, 2)", "TIMESTAMP(6)"},
    {"BYTES", "STRING", "BOOLEAN"},
};

/* Value i of a type, every seventh null when asked; strings of 0 to 12 bytes. */
static const char *value_of(struct pfs_arena *arena, const char *type, int i, bool nulls)
{
    if (nulls && i % 7 == 3)
        return NULL;
    if (strcmp(type, "STRING") == 0 || strcmp(type, "BYTES") == 0)
        return pfs_arena_printf(arena, "%.*s", i % 13, "abcdefghijklm");
    if (strcmp(type, "BOOLEAN") == 0)
        return i % 2 == 0 ? "0" : "1";
    return pfs_arena_printf(arena, "%d", strcmp(type, "TINYINT") == 0 ? i % 128 : i * 37 % 30000);
}

/* More rows than a block holds; columns that begin in the middle of a longer one. */
static void a_batch_hashes_like_its_rows(void **state)
{
    enum { rows_made = 700 };
    struct pfs_arena arena;
    struct pfs_buf buf = {0};
    static int32_t hashes[rows_made];

    (void)state;
    pfs_arena_init(&arena, 0);
    for (size_t s = 0; s < 2 * COUNT(key_sets); s++) {
        const char *const *types = key_sets[s / 2];
        const struct pfs_column *columns[3];
        int32_t count = 0;

        for (; count < 3 && types[count] != NULL; count++) {
            const char *texts[rows_made];

            for (int i = 0; i < rows_made; i++)
                texts[i] = value_of(&arena, types[count], i + count, s % 2 == 1);
            columns[count] = make_column(&arena, types[count], texts, rows_made);
        }
        assert_int_equal(pfs_binrow_hash_batch(columns, count, rows_made, &buf, hashes, NULL), 0);
        for (int i = 0; i < rows_made; i++) {
            int32_t one;

            assert_int_equal(pfs_binrow_hash(columns, count, i, &buf, &one, NULL), 0);
            CHECK(types[0], one == hashes[i]);
        }
        pfs_arena_reset(&arena);
    }
    pfs_buf_done(&buf);
    pfs_arena_done(&arena);
}

static void long_strings_do_not_fill_the_scratch(void **state)
{
    enum { long_rows = 300, long_bytes = 100000 };
    static char text[long_bytes + 1];
    const char *texts[long_rows];
    static int32_t hashes[long_rows];
    struct pfs_arena arena;
    struct pfs_buf buf;
    const struct pfs_column *c;
    int32_t one;

    (void)state;
    pfs_arena_init(&arena, 0);
    pfs_buf_init(&buf, 4 << 20);
    memset(text, 'x', long_bytes);
    for (int i = 0; i < long_rows; i++)
        texts[i] = text + i;
    c = make_column(&arena, "STRING", texts, long_rows);
    assert_int_equal(pfs_binrow_hash_batch(&c, 1, long_rows, &buf, hashes, NULL), 0);
    for (int i = 0; i < long_rows; i += 50) {
        assert_int_equal(pfs_binrow_hash(&c, 1, i, &buf, &one, NULL), 0);
        assert_int_equal(one, hashes[i]);
    }
    pfs_buf_done(&buf);
    pfs_arena_done(&arena);
}

static void damaged_rows_are_eio_with_a_sentence(void **state)
{
    static const struct {
        const char *what, *type, *bytes;
    } cases[] = {
        {"empty", "INT", ""},
        {"arity cut", "INT", "000000"},
        {"another arity", "INT", "00000002 0000000000000000 0100000000000000"},
        {"greatest arity", "INT", "ffffffff 0000000000000000 0100000000000000"},
        {"slot cut", "INT", "00000001 0000000000000000 01000000000000"},
        {"header only", "STRING", "00000001 0000000000000000"},
        {"string behind the end", "STRING", "00000001 0000000000000000 0800000010000000 61626364656667"},
        {"offset behind the end", "STRING", "00000001 0000000000000000 08000000ffffff7f 6162636465666768"},
        {"length of 4 GiB", "STRING", "00000001 0000000000000000 ffffffff10000000 6162636465666768"},
        {"inline length of 8", "STRING", "00000001 0000000000000000 6162636465666788"},
        {"inline length of 127", "BYTES", "00000001 0000000000000000 61626364656667ff"},
        {"decimal behind the end", "DECIMAL(20, 2)", "00000001 0000000000000000 0500000018000000 0102030405060708"},
        {"decimal of 17 bytes", "DECIMAL(20, 2)",
         "00000001 0000000000000000 1100000010000000 010203040506070801020304050607080100000000000000"},
        {"timestamp behind the end", "TIMESTAMP(6)", "00000001 0000000000000000 0000000010000000 01020304050607"},
        {"nanoseconds over a millisecond", "TIMESTAMP(6)",
         "00000001 0000000000000000 40420f0010000000 0000000000000000"},
        {"timestamp that does not fit", "TIMESTAMP(6)", "00000001 0000000000000000 0000000010000000 ffffffffffffff7f"},
    };
    struct pfs_arena arena;

    (void)state;
    pfs_arena_init(&arena, 0);
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct pfs_type *type = make_type(&arena, cases[i].type);
        struct pfs_err err = {0};
        struct pfs_column out;
        uint8_t raw[128], *bytes;
        size_t len = unhex(cases[i].bytes, raw);

        bytes = pfs_alloc(len); /* so that a sanitizer sees a read behind the end */
        memcpy(bytes, raw, len);
        CHECK(cases[i].what, pfs_binrow_parse(pfs_slice_of(bytes, len), &type, 1, &arena, &out, &err) == -EIO);
        CHECK(cases[i].what, err.code == EIO && err.text[0] != '\0');
        pfs_free(bytes);
    }
    pfs_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_paimons_byte_for_byte),
        cmocka_unit_test(hashes_are_paimons),
        cmocka_unit_test(rows_come_back_as_they_were),
        cmocka_unit_test(nested_values_are_paimons_and_come_back),
        cmocka_unit_test(wide_rows_have_more_null_bits),
        cmocka_unit_test(a_batch_hashes_like_its_rows),
        cmocka_unit_test(long_strings_do_not_fill_the_scratch),
        cmocka_unit_test(damaged_rows_are_eio_with_a_sentence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
