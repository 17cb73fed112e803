/* values_test.c - pages that no writer makes: files of one column, put together here byte by byte. */
#include "format/parquet/spec.h"
#include "format/parquet/thrift_write.h"
#include "tests/unit/parquet/load.h"

/* A required column in one row group. */
struct forged {
    struct pfs_buf bytes;
    int32_t physical;
    int16_t logical; /* member of the union LogicalType; 0 = none */
    int64_t rows;    /* those of its pages so far */
};

static void forge(struct forged *f, int32_t physical, int16_t logical)
{
    *f = (struct forged){.physical = physical, .logical = logical};
    pfs_buf_puts(&f->bytes, PFS_PQ_MAGIC);
}

/* A page as it lies in the file, not compressed. */
static void forge_page(struct forged *f, enum pfs_pq_page_type type, int32_t encoding, int32_t values,
                       struct pfs_slice body)
{
    struct pfs_thrift_out t = {.buf = &f->bytes};
    bool data = type == PFS_PQ_PAGE_DATA;
    int16_t outer;

    pfs_thrift_put_i32(&t, PFS_PQ_PAGE_TYPE, (int32_t)type);
    pfs_thrift_put_i32(&t, PFS_PQ_PAGE_RAW_BYTES, (int32_t)body.len);
    pfs_thrift_put_i32(&t, PFS_PQ_PAGE_COMPRESSED_BYTES, (int32_t)body.len);
    outer = pfs_thrift_begin(&t, data ? PFS_PQ_PAGE_HEADER_DATA : PFS_PQ_PAGE_HEADER_DICTIONARY);
    pfs_thrift_put_i32(&t, PFS_PQ_DATA_VALUES, values);
    pfs_thrift_put_i32(&t, PFS_PQ_DATA_ENCODING, encoding);
    pfs_thrift_end(&t, outer);
    pfs_thrift_stop(&t);
    pfs_buf_put(&f->bytes, body.at, body.len);
    f->rows += data ? values : 0;
}

static void put_chunk(struct forged *f, struct pfs_thrift_out *t, size_t bytes)
{
    int16_t outer = pfs_thrift_element(t), meta = pfs_thrift_begin(t, PFS_PQ_CHUNK_META);

    pfs_thrift_put_i32(t, PFS_PQ_META_TYPE, f->physical);
    pfs_thrift_put_i32(t, PFS_PQ_META_CODEC, PFS_PQ_CODEC_UNCOMPRESSED);
    pfs_thrift_put_i64(t, PFS_PQ_META_VALUES, f->rows);
    pfs_thrift_put_i64(t, PFS_PQ_META_COMPRESSED_BYTES, (int64_t)bytes);
    pfs_thrift_put_i64(t, PFS_PQ_META_DATA_OFF, (int64_t)strlen(PFS_PQ_MAGIC));
    pfs_thrift_end(t, meta);
    pfs_thrift_end(t, outer);
}

static void put_schema(struct forged *f, struct pfs_thrift_out *t)
{
    int16_t outer, logical, member;

    pfs_thrift_put_list(t, PFS_PQ_FILE_SCHEMA, PFS_PQ_T_STRUCT, 2);
    outer = pfs_thrift_element(t);
    pfs_thrift_put_bytes(t, PFS_PQ_SCHEMA_NAME, pfs_str("root"));
    pfs_thrift_put_i32(t, PFS_PQ_SCHEMA_CHILDREN, 1);
    pfs_thrift_end(t, outer);
    outer = pfs_thrift_element(t);
    pfs_thrift_put_i32(t, PFS_PQ_SCHEMA_TYPE, f->physical);
    pfs_thrift_put_i32(t, PFS_PQ_SCHEMA_REPETITION, PFS_PQ_REQUIRED);
    pfs_thrift_put_bytes(t, PFS_PQ_SCHEMA_NAME, pfs_str("c"));
    if (f->logical != 0) {
        logical = pfs_thrift_begin(t, PFS_PQ_SCHEMA_LOGICAL);
        member = pfs_thrift_begin(t, f->logical);
        pfs_thrift_end(t, member);
        pfs_thrift_end(t, logical);
    }
    pfs_thrift_end(t, outer);
}

static void forge_end(struct forged *f)
{
    size_t pages = f->bytes.len - strlen(PFS_PQ_MAGIC), at = f->bytes.len;
    struct pfs_thrift_out t = {.buf = &f->bytes};
    int16_t outer;

    put_schema(f, &t);
    pfs_thrift_put_i64(&t, PFS_PQ_FILE_ROWS, f->rows);
    pfs_thrift_put_list(&t, PFS_PQ_FILE_ROW_GROUPS, PFS_PQ_T_STRUCT, 1);
    outer = pfs_thrift_element(&t);
    pfs_thrift_put_list(&t, PFS_PQ_GROUP_COLUMNS, PFS_PQ_T_STRUCT, 1);
    put_chunk(f, &t, pages);
    pfs_thrift_put_i64(&t, PFS_PQ_GROUP_ROWS, f->rows);
    pfs_thrift_end(&t, outer);
    pfs_thrift_stop(&t);
    pfs_buf_le32(&f->bytes, (uint32_t)(f->bytes.len - at));
    pfs_buf_puts(&f->bytes, PFS_PQ_MAGIC);
    assert_int_equal(pfs_buf_check(&f->bytes, NULL), 0);
}

/* Reads all of it as that type, passing over the first `from` rows; the file is done with. */
static void expect(struct forged *f, const char *type, int64_t from, int want, const char *says)
{
    const char *const pairs[][2] = {{"c", type}, {NULL, NULL}};
    struct pfs_row_range range = {from, f->rows};
    struct pfs_field field;
    struct pfs_arena arena = {0};
    struct pfs_file_read read = {.fields = &field, .columns = load_fields(pairs, &arena, &field), .range = &range};
    struct pfs_buf out = {0};
    struct pfs_err err = {0};
    struct load_file opened;
    int rc;

    read.ranges = 1;
    forge_end(f);
    rc = load_rows(load_open(pfs_buf_slice(&f->bytes), &opened), &read, &out, &err);
    if (rc != want || strstr(err.text, says) == NULL)
        fail_msg("%s from row %lld on: %d %s", type, (long long)from, rc, err.text);
    pfs_buf_done(&out);
    pfs_buf_done(&f->bytes);
    pfs_arena_done(&arena);
}

/* The annotation UNKNOWN says that all values are null: a value is damage, whatever its physical type. */
static void a_column_that_has_no_values_may_not_have_one(void **state)
{
    static const uint8_t body[8] = {4, 0, 0, 0, 'a', 'b', 'c', 'd'};
    static const int32_t physicals[] = {PFS_PQ_BOOLEAN, PFS_PQ_INT32, PFS_PQ_INT64, PFS_PQ_DOUBLE, PFS_PQ_BYTE_ARRAY};
    static const char *const types[] = {"BOOLEAN", "INT", "BIGINT", "DECIMAL(30, 2)"};
    struct forged f;

    (void)state;
    for (size_t p = 0; p < COUNT(physicals); p++)
        for (size_t t = 0; t < COUNT(types); t++) {
            forge(&f, physicals[p], PFS_PQ_LOGICAL_UNKNOWN);
            forge_page(&f, PFS_PQ_PAGE_DATA, PFS_PQ_ENCODING_PLAIN, 1, pfs_slice_of(body, sizeof(body)));
            expect(&f, types[t], 0, -EIO, "does not fit the type of its column");
            forge(&f, physicals[p], PFS_PQ_LOGICAL_UNKNOWN);
            forge_page(&f, PFS_PQ_PAGE_DICTIONARY, PFS_PQ_ENCODING_PLAIN, 1, pfs_slice_of(body, sizeof(body)));
            forge_page(&f, PFS_PQ_PAGE_DATA, PFS_PQ_ENCODING_RLE_DICTIONARY, 1, pfs_slice_of(body, 1));
            expect(&f, types[t], 0, -EIO, "column c");
        }
}

/* Runs of eight values too many in the first page: they are no values of the second, which has none of its own. */
static void booleans_are_in_no_dictionary(void **state)
{
    static const uint8_t runs[] = {2, 0, 0, 0, 16 << 1, 1};
    struct forged f;

    (void)state;
    for (int64_t from = 0; from <= 9; from += 3) {
        forge(&f, PFS_PQ_BOOLEAN, 0);
        forge_page(&f, PFS_PQ_PAGE_DATA, PFS_PQ_ENCODING_RLE, 8, pfs_slice_of(runs, sizeof(runs)));
        forge_page(&f, PFS_PQ_PAGE_DATA, PFS_PQ_ENCODING_RLE_DICTIONARY, 8, pfs_slice_of(runs, 1));
        expect(&f, "BOOLEAN", from, -EIO, "column c: a page is damaged");
    }
}

static void a_dictionary_has_the_values_that_it_claims(void **state)
{
    static const uint8_t body[16] = {0};
    static const struct {
        int32_t physical;
        const char *type;
        int32_t most; /* values in so many bytes */
    } cases[] = {{PFS_PQ_INT32, "INT", 4}, {PFS_PQ_INT64, "BIGINT", 2}, {PFS_PQ_BYTE_ARRAY, "STRING", 4}};
    struct forged f;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        for (int32_t more = 0; more <= 1; more++) {
            forge(&f, cases[i].physical, 0);
            forge_page(&f, PFS_PQ_PAGE_DICTIONARY, PFS_PQ_ENCODING_PLAIN, cases[i].most + more,
                       pfs_slice_of(body, sizeof(body)));
            forge_page(&f, PFS_PQ_PAGE_DATA, PFS_PQ_ENCODING_RLE_DICTIONARY, 3, pfs_slice_of(body, 1));
            if (more > 0)
                expect(&f, cases[i].type, 0, -EIO, "fewer values than it says");
            else
                expect(&f, cases[i].type, 0, 0, "");
        }
}

/* The first times that there are: what lies below a millisecond is found without a product that overflows. */
static void the_earliest_times_are_read_in_every_precision(void **state)
{
    static const uint8_t bytes[12] = {0, 0, 0, 0, 0, 0, 0, 0x80, 0x8c, 0x3d, 0x25, 0};
    struct forged f;

    (void)state;
    forge(&f, PFS_PQ_INT96, 0);
    forge_page(&f, PFS_PQ_PAGE_DATA, PFS_PQ_ENCODING_PLAIN, 1, pfs_slice_of(bytes, sizeof(bytes)));
    expect(&f, "TIMESTAMP(9)", 0, 0, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_column_that_has_no_values_may_not_have_one),
        cmocka_unit_test(booleans_are_in_no_dictionary),
        cmocka_unit_test(a_dictionary_has_the_values_that_it_claims),
        cmocka_unit_test(the_earliest_times_are_read_in_every_precision),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
