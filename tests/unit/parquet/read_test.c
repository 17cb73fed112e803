#include "base/datetime.h"
#include "base/mem.h"
#include "base/pool.h"
#include "tests/unit/parquet/columns.h"
#include "tests/unit/parquet/load.h"

#define NANOS_A_SECOND 1000000000LL

static const char *const plain[][2] = {
    {"id", "INT"}, {"s", "STRING"}, {"d", "DOUBLE"}, {"dec", "DECIMAL(12, 3)"}, {"ts", "TIMESTAMP(3)"}, {NULL, NULL}};

static const char *const odd[][2] = {{"short", "DECIMAL(14, 2)"},
                                     {"wide", "DECIMAL(30, 3)"},
                                     {"known", "DECIMAL(9, 2)"},
                                     {"padded", "DECIMAL(38, 0)"},
                                     {"loose", "DECIMAL(5, 1)"},
                                     {"u8", "INT"},
                                     {"u16", "INT"},
                                     {"u32", "BIGINT"},
                                     {"u64", "BIGINT"},
                                     {"i8", "TINYINT"},
                                     {"enum", "STRING"},
                                     {"json", "STRING"},
                                     {"bson", "BYTES"},
                                     {"micros", "TIME"},
                                     {"nanos", "TIME"},
                                     {"block", "BYTES"},
                                     {"bits", "INT"},
                                     {"list", "ARRAY<INT>"},
                                     {NULL, NULL}};

/* Files of Paimon, and the rows that it reads from them itself; `odd` is of make.py. */
static const struct {
    const char *file, *rows;
    const char *const (*pairs)[2];
} golden[] = {
    {"types.parquet", "types.ndjson", flat},    {"zstd.parquet", "zstd.ndjson", plain},
    {"snappy.parquet", "snappy.ndjson", plain}, {"lz4.parquet", "lz4.ndjson", plain},
    {"gzip.parquet", "gzip.ndjson", plain},     {"none.parquet", "none.ndjson", plain},
    {"odd.parquet", "odd.ndjson", odd},
};

static void what_paimon_wrote_reads_as_paimon_reads_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(golden); i++) {
        static const int32_t sizes[] = {0, 1, 7, 64};
        struct pfs_slice bytes = load_bytes(golden[i].file), want = load_bytes(golden[i].rows);
        struct pfs_field fields[LOAD_FIELDS_MAX];
        struct load_file opened;
        struct pfs_file *file = load_open(bytes, &opened);
        struct pfs_arena arena = {0};
        struct pfs_file_read read = {.fields = fields};

        read.columns = load_fields(golden[i].pairs, &arena, fields);
        for (size_t s = 0; s < COUNT(sizes); s++) {
            read.batch_rows = sizes[s];
            load_expect(golden[i].file, file, &read, want);
        }
        pfs_arena_done(&arena);
        free((void *)(uintptr_t)bytes.at);
        free((void *)(uintptr_t)want.at);
    }
}

/* Whatever the annotations, the columns read as what they are said to be. */
static void a_file_reads_as_its_facts_say(void **state)
{
    struct pfs_slice bytes = load_bytes("odd.parquet"), want = load_bytes("odd.ndjson");
    struct pfs_parquet_facts facts;
    struct load_file opened;
    struct pfs_file *file = load_open(bytes, &opened);
    struct pfs_arena arena = {0};

    (void)state;
    assert_int_equal(pfs_parquet_facts(file, NULL, 0, &arena, &facts, NULL), 0);
    assert_int_equal(facts.gap, 0);
    load_expect("odd.parquet", file, &(struct pfs_file_read){.columns = facts.columns, .fields = facts.field}, want);
    pfs_arena_done(&arena);
    free((void *)(uintptr_t)bytes.at);
    free((void *)(uintptr_t)want.at);
}

/* ---- files of another writer: what row i holds is said in tests/data/parquet/make.py and again here ---- */

static void put_decimal(struct pfs_buf *out, pfs_i128 unscaled, int scale)
{
    char text[PFS_DECIMAL_TEXT];

    pfs_buf_printf(out, "\"%.*s\"", (int)pfs_decimal_print(unscaled, scale, text), text);
}

/* `nanos` since 1970, cut to the precision. */
static void put_time(struct pfs_buf *out, int64_t nanos, int precision)
{
    int64_t seconds = nanos / NANOS_A_SECOND - (nanos % NANOS_A_SECOND < 0),
            fraction = nanos - seconds * NANOS_A_SECOND;
    static const int64_t unit[] = {[3] = 1000000, [6] = 1000, [9] = 1};
    int64_t minute = seconds / 60 - (seconds % 60 < 0);

    /* All rows lie within nine minutes of 1970. */
    pfs_buf_printf(out, "\"%s:%02d:%02d.%0*lld\"", minute < 0 ? "1969-12-31 23" : "1970-01-01 00",
                   (int)((minute + 60) % 60), (int)(seconds - minute * 60), precision,
                   (long long)(fraction / unit[precision]));
}

enum form {
    BOOL,
    I8,
    U8,
    I16,
    U16,
    U32,
    U64,
    I64,
    F32,
    WORD,
    TEXT,
    FLBA,
    D9,
    D18,
    D38,
    MS,
    US,
    NS,
    T_US,
    DAY,
    NONE,
    ROW
};

static const struct {
    const char *name, *type;
    enum form form;
    int precision;
} forms[] = {
    {"bool", "BOOLEAN", BOOL, 0},      {"i8", "TINYINT", I8, 0},
    {"i8", "SMALLINT", I8, 0},         {"i8", "INT", I8, 0},
    {"i8", "BIGINT", I8, 0},           {"u8", "SMALLINT", U8, 0},
    {"i16", "SMALLINT", I16, 0},       {"u16", "INT", U16, 0},
    {"u32", "BIGINT", U32, 0},         {"u64", "BIGINT", U64, 0},
    {"i64", "BIGINT", I64, 0},         {"f32", "FLOAT", F32, 0},
    {"f32", "DOUBLE", F32, 0},         {"word", "STRING", WORD, 0},
    {"text", "STRING", TEXT, 0},       {"flba", "STRING", FLBA, 0},
    {"d9", "DECIMAL(9, 2)", D9, 0},    {"d9", "DECIMAL(20, 2)", D9, 0},
    {"d18", "DECIMAL(18, 0)", D18, 0}, {"d18", "DECIMAL(38, 0)", D18, 0},
    {"d38", "DECIMAL(38, 1)", D38, 0}, {"ms", "TIMESTAMP(3)", MS, 3},
    {"ms", "TIMESTAMP(6)", MS, 6},     {"ms", "TIMESTAMP(9)", MS, 9},
    {"us", "TIMESTAMP(3)", US, 3},     {"us", "TIMESTAMP(6)", US, 6},
    {"us", "TIMESTAMP(9)", US, 9},     {"ns", "TIMESTAMP(3)", NS, 3},
    {"ns", "TIMESTAMP(6)", NS, 6},     {"ns", "TIMESTAMP(9)", NS, 9},
    {"t_us", "TIME(3)", T_US, 0},      {"day", "DATE", DAY, 0},
    {"none", "INT", NONE, 0},          {"row", "INT", ROW, 0},
};

#define ROWS 600

static void put_value(struct pfs_buf *out, enum form form, int precision, int64_t i)
{
    static const char x[] = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
    char day[16];
    pfs_i128 ten34 = pfs_decimal_power(34);

    if (form == NONE || (form != ROW && i % 5 == 4)) {
        pfs_buf_puts(out, "null");
        return;
    }
    switch (form) {
    case BOOL:
        pfs_buf_puts(out, i % 3 == 0 ? "true" : "false");
        break;
    case I8:
        pfs_buf_printf(out, "%lld", (long long)(i % 200 - 100));
        break;
    case U8:
        pfs_buf_printf(out, "%lld", (long long)(i % 256));
        break;
    case I16:
        pfs_buf_printf(out, "%lld", (long long)(i * 31 - 15000));
        break;
    case U16:
        pfs_buf_printf(out, "%lld", (long long)(i * 60));
        break;
    case U32:
        pfs_buf_printf(out, "%lld", (long long)(i * 4000000));
        break;
    case U64:
        pfs_buf_printf(out, "%lld", (long long)(i * 1000000000000));
        break;
    case I64:
        pfs_buf_printf(out, "%lld", (long long)(i * -1000000000000));
        break;
    case F32:
        pfs_buf_printf(out, i % 4 == 0 ? "%.1f" : i % 2 == 0 ? "%.1f" : "%.2f", (double)i / 4);
        break;
    case WORD:
        pfs_buf_printf(out, "\"word %d\"", (int)(i % 10));
        break;
    case TEXT:
        pfs_buf_printf(out, "\"%.*s%lld\"", (int)(i % 40), x, (long long)i);
        break;
    case FLBA:
        pfs_buf_printf(out, "\"%05lld\"", (long long)i);
        break;
    case D9:
        put_decimal(out, i * 3 - 1000, 2);
        break;
    case D18:
        put_decimal(out, (i - 500) * 100000000000000, 0);
        break;
    case D38:
        put_decimal(out, (i - 500) * ten34 * 10, 1);
        break;
    case MS:
        put_time(out, (i - 500) * 1001000000, precision);
        break;
    case US:
        put_time(out, (i - 500) * 1001000, precision);
        break;
    case NS:
        put_time(out, (i - 500) * 1001, precision);
        break;
    case T_US:
        pfs_buf_printf(out, "\"00:%02d:%02d.%03d\"", (int)(i * 1000001 / 60000000), (int)(i * 1000001 / 1000000 % 60),
                       (int)(i * 1000001 / 1000 % 1000));
        break;
    case DAY:
        pfs_buf_printf(out, "\"%.*s\"", (int)pfs_date_print((int32_t)i - 500, day), day);
        break;
    case NONE:
        break;
    case ROW:
        pfs_buf_printf(out, "%lld", (long long)i);
        break;
    }
}

/* One column at a time: which values fit is then told by the sentence. */
static void expect_form(const char *name, struct pfs_file *file, size_t at, struct pfs_pool *pool)
{
    static const int32_t sizes[] = {0, 13, 250};
    const char *const pairs[][2] = {{forms[at].name, forms[at].type}, {NULL, NULL}};
    struct pfs_field field;
    struct pfs_arena arena = {0};
    struct pfs_file_read read = {.fields = &field, .columns = load_fields(pairs, &arena, &field), .pool = pool};
    struct pfs_buf want = {0};
    char what[64];

    for (int64_t i = 0; i < ROWS; i++) {
        pfs_buf_printf(&want, "{\"%s\":", forms[at].name);
        put_value(&want, forms[at].form, forms[at].precision, i);
        pfs_buf_puts(&want, "}\n");
    }
    snprintf(what, sizeof(what), "%s %s %s", name, forms[at].name, forms[at].type);
    for (size_t s = 0; s < COUNT(sizes); s++) {
        read.batch_rows = sizes[s];
        load_expect(what, file, &read, pfs_buf_slice(&want));
    }
    pfs_buf_done(&want);
    pfs_arena_done(&arena);
}

static void expect_forms(const char *name, bool nanos, bool others, struct pfs_pool *pool)
{
    struct pfs_slice bytes = load_bytes(name);
    struct load_file opened;
    struct pfs_file *file = load_open(bytes, &opened);

    for (size_t i = 0; i < COUNT(forms); i++)
        if (forms[i].form == NS ? nanos : others)
            expect_form(name, file, i, pool);
    free((void *)(uintptr_t)bytes.at);
}

static void data_pages_v1_of_another_writer_are_read(void **state)
{
    (void)state;
    expect_forms("v1.parquet", false, true, NULL);
}

static void data_pages_v2_of_another_writer_are_read(void **state)
{
    (void)state;
    expect_forms("v2.parquet", true, true, NULL);
}

static void int96_is_read_in_every_precision(void **state)
{
    (void)state;
    expect_forms("int96.parquet", true, false, NULL);
}

static void a_pool_changes_nothing(void **state)
{
    struct pfs_pool *pool = NULL;

    (void)state;
    assert_int_equal(pfs_pool_open(2, &pool, NULL), 0);
    expect_forms("v1.parquet", false, true, pool);
    expect_forms("v2.parquet", true, true, pool);
    pfs_pool_close(pool);
}

/* Tasks of a closed reader may still be queued, and one may be running. */
static void a_reader_with_a_pool_may_be_closed_at_any_batch(void **state)
{
    const char *const pairs[][2] = {{"row", "INT"}, {"text", "STRING"}, {"word", "STRING"}, {NULL, NULL}};
    struct pfs_slice bytes = load_bytes("v1.parquet");
    struct pfs_field fields[3];
    struct pfs_arena arena = {0}, rows = {0};
    struct pfs_pool *pool = NULL;
    struct pfs_file_read read = {.fields = fields, .columns = load_fields(pairs, &arena, fields), .batch_rows = 40};
    struct load_file opened;
    struct pfs_file *file = load_open(bytes, &opened);

    (void)state;
    assert_int_equal(pfs_pool_open(2, &pool, NULL), 0);
    read.pool = pool;
    for (int batches = 0; batches < 100; batches++) {
        struct pfs_reader *reader = NULL;
        struct pfs_batch batch;

        assert_int_equal(pfs_parquet_open(file, &read, &reader, NULL), 0);
        for (int i = 0; i < batches % 16; i++)
            assert_int_equal(pfs_reader_next(reader, &rows, &batch, NULL), i % 7 == 6 ? 10 : 40);
        pfs_reader_close(reader);
        pfs_arena_reset(&rows);
    }
    pfs_pool_close(pool);
    pfs_arena_done(&rows);
    pfs_arena_done(&arena);
    free((void *)(uintptr_t)bytes.at);
}

static void a_failure_of_a_worker_reaches_the_caller(void **state)
{
    const char *const pairs[][2] = {{"row", "INT"}, {"text", "STRING"}, {NULL, NULL}};
    struct pfs_slice bytes = load_bytes("v1.parquet");
    struct pfs_field fields[2];
    struct pfs_arena arena = {0};
    struct pfs_pool *pool = NULL;
    struct pfs_file_read read = {.fields = fields, .columns = load_fields(pairs, &arena, fields)};

    (void)state;
    assert_int_equal(pfs_pool_open(2, &pool, NULL), 0);
    read.pool = pool;
    for (int n = 2; n < 5; n++) { /* call 1 reads the footer */
        struct load_file opened;
        struct pfs_file *file = load_open(bytes, &opened);
        struct pfs_buf out = {0};
        struct pfs_err err = {0};

        opened.fail_at = n;
        assert_int_equal(load_rows(file, &read, &out, &err), -EIO);
        assert_non_null(strstr(err.text, "a bad sector"));
        pfs_buf_done(&out);
    }
    pfs_pool_close(pool);
    pfs_arena_done(&arena);
    free((void *)(uintptr_t)bytes.at);
}

/* ---- what is refused ---- */

static const struct {
    const char *what, *file, *name, *type;
    bool missing_ok;
    int want;
    const char *says;
} refused[] = {
    {"absent", "zstd.parquet", "nope", "INT", false, -EIO, "column nope: it is not in the file"},
    {"absent, allowed", "zstd.parquet", "nope", "INT", true, 0, ""},
    {"another case", "zstd.parquet", "ID", "INT", false, -EIO, "column ID"},
    {"a list as text", "zstd.parquet", "ar", "STRING", false, -EIO, "column ar: ar in the file is not a value"},
    {"a list as map", "zstd.parquet", "ar", "MAP<STRING, INT>", false, -EIO, "column ar: ar in the file is not a MAP"},
    {"a list as variant", "zstd.parquet", "ar", "VARIANT", false, -EIO, "column ar: ar in the file is not a VARIANT"},
    {"a value as list", "zstd.parquet", "id", "ARRAY<INT>", false, -EIO, "column id: id in the file is not an ARRAY"},
    {"a value as row", "zstd.parquet", "id", "ROW<id INT>", false, -EIO, "column id: id in the file is not a ROW"},
    {"another element", "zstd.parquet", "ar", "ARRAY<INT>", false, -EIO, "cannot be read as INT"},
    {"text as number", "zstd.parquet", "s", "INT", false, -EIO, "BYTE_ARRAY"},
    {"number as text", "zstd.parquet", "id", "STRING", false, -EIO, "cannot be read as STRING"},
    {"another scale", "zstd.parquet", "dec", "DECIMAL(12, 2)", false, -EIO, "cannot be read as DECIMAL(12, 2)"},
    {"double as float", "zstd.parquet", "d", "FLOAT", false, -EIO, "DOUBLE"},
    {"too large for its type", "v1.parquet", "u32", "INT", false, -EIO, "does not fit"},
    {"too large for a byte", "v1.parquet", "i16", "TINYINT", false, -EIO, "does not fit"},
    {"not Parquet", "zstd.ndjson", "id", "INT", false, -EIO, "not a Parquet file"},
};

static void what_cannot_be_read_is_refused_with_a_sentence(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refused); i++) {
        const char *const pairs[][2] = {{refused[i].name, refused[i].type}, {NULL, NULL}};
        struct pfs_slice bytes = load_bytes(refused[i].file);
        struct pfs_field field;
        struct pfs_arena arena = {0};
        struct pfs_file_read read = {.fields = &field, .columns = load_fields(pairs, &arena, &field)};
        struct load_file opened;
        struct pfs_file *file = load_open(bytes, &opened);
        struct pfs_buf out = {0};
        struct pfs_err err = {0};

        read.missing_ok = &refused[i].missing_ok;
        CHECK(refused[i].what, load_rows(file, &read, &out, &err) == refused[i].want);
        if (strstr(err.text, refused[i].says) == NULL)
            fail_msg("%s: %s", refused[i].what, err.text);
        pfs_buf_done(&out);
        pfs_arena_done(&arena);
        free((void *)(uintptr_t)bytes.at);
    }
}

static void a_missing_column_is_nulls_and_no_column_is_rows(void **state)
{
    const char *const pairs[][2] = {{"new", "STRING"}, {"id", "INT"}, {NULL, NULL}};
    static const bool missing_ok[] = {true, false};
    struct pfs_slice bytes = load_bytes("zstd.parquet");
    struct pfs_field fields[2];
    struct pfs_arena arena = {0};
    struct pfs_file_read read = {
        .fields = fields, .columns = load_fields(pairs, &arena, fields), .missing_ok = missing_ok};
    struct load_file opened;
    struct pfs_file *file = load_open(bytes, &opened);
    struct pfs_reader *reader = NULL;
    struct pfs_batch batch;

    (void)state;
    assert_int_equal(pfs_parquet_open(file, &read, &reader, NULL), 0);
    assert_int_equal(pfs_reader_next(reader, &arena, &batch, NULL), 50);
    assert_int_equal(pfs_column_null_count(&batch.column[0], 50), 50);
    assert_int_equal(pfs_column_null_count(&batch.column[1], 50), 0);
    pfs_reader_close(reader);

    read.columns = 0;
    assert_int_equal(pfs_parquet_open(file, &read, &reader, NULL), 0);
    assert_int_equal(pfs_reader_next(reader, &arena, &batch, NULL), 50);
    assert_int_equal(pfs_reader_next(reader, &arena, &batch, NULL), 0);
    pfs_reader_close(reader);
    pfs_arena_done(&arena);
    free((void *)(uintptr_t)bytes.at);
}

static void a_cancelled_read_stops(void **state)
{
    const char *const pairs[][2] = {{"id", "INT"}, {NULL, NULL}};
    struct pfs_slice bytes = load_bytes("zstd.parquet");
    struct pfs_field field;
    struct pfs_arena arena = {0};
    struct pfs_cancel cancel = {false};
    struct pfs_file_read read = {
        .fields = &field, .columns = load_fields(pairs, &arena, &field), .batch_rows = 10, .cancel = &cancel};
    struct load_file opened;
    struct pfs_file *file = load_open(bytes, &opened);
    struct pfs_reader *reader = NULL;
    struct pfs_batch batch;

    (void)state;
    assert_int_equal(pfs_parquet_open(file, &read, &reader, NULL), 0);
    assert_int_equal(pfs_reader_next(reader, &arena, &batch, NULL), 10);
    pfs_cancel(&cancel);
    assert_int_equal(pfs_reader_next(reader, &arena, &batch, NULL), -ECANCELED);
    pfs_reader_close(reader);
    pfs_arena_done(&arena);
    free((void *)(uintptr_t)bytes.at);
}

/* ---- damage ---- */

static bool is_answer(int rc)
{
    return rc == 0 || rc == -EIO || rc == -EOPNOTSUPP || rc == -ENOMEM || rc == -E2BIG;
}

/* Some bytes of the larger file only: the runs under sanitizers stay short. */
static const struct {
    const char *file;
    const char *const (*pairs)[2];
    size_t step;
} damaged[] = {{"none.parquet", plain, 1}, {"zstd.parquet", plain, 1}, {"types.parquet", flat, 17}};

static void expect_answers(size_t at, void (*damage)(uint8_t *bytes, size_t *len, size_t where))
{
    struct pfs_slice bytes = load_bytes(damaged[at].file);
    uint8_t *copy = malloc(bytes.len);
    struct pfs_field fields[LOAD_FIELDS_MAX];
    struct pfs_arena arena = {0};
    struct pfs_file_read read = {.fields = fields, .columns = load_fields(damaged[at].pairs, &arena, fields)};
    size_t refusals = 0;

    assert_non_null(copy);
    for (size_t where = 0; where < bytes.len; where += damaged[at].step) {
        struct load_file opened;
        struct pfs_buf out = {.limit_bytes = (size_t)16 << 20};
        struct pfs_err err = {0};
        size_t len = bytes.len;
        int rc;

        memcpy(copy, bytes.at, len);
        damage(copy, &len, where);
        rc = load_rows(load_open(pfs_slice_of(copy, len), &opened), &read, &out, &err);
        if (!is_answer(rc) || (rc < 0 && err.text[0] == '\0'))
            fail_msg("%s at byte %zu: %d %s", damaged[at].file, where, rc, err.text);
        refusals += rc < 0;
        pfs_buf_done(&out);
    }
    assert_true(refusals > bytes.len / damaged[at].step / 10);
    free(copy);
    free((void *)(uintptr_t)bytes.at);
    pfs_arena_done(&arena);
}

static void flip(uint8_t *bytes, size_t *len, size_t where)
{
    (void)len;
    bytes[where] ^= 0xff;
}

static void count_up(uint8_t *bytes, size_t *len, size_t where)
{
    (void)len;
    bytes[where]++;
}

/* Cuts the pages short and leaves the footer whole, so that the damage is met behind it. */
static void cut_out(uint8_t *bytes, size_t *len, size_t where)
{
    memmove(bytes + where, bytes + where + 1, *len - where - 1);
    (*len)--;
}

static void truncate_at(uint8_t *bytes, size_t *len, size_t where)
{
    (void)bytes;
    *len = where;
}

static void damage_at_any_byte_is_an_answer(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(damaged); i++) {
        expect_answers(i, flip);
        expect_answers(i, count_up);
        expect_answers(i, cut_out);
        expect_answers(i, truncate_at);
    }
}

/* ---- failures from below ---- */

static void every_failing_read_is_reported(void **state)
{
    struct pfs_slice bytes = load_bytes("v1.parquet");
    const char *const pairs[][2] = {{"row", "INT"}, {"text", "STRING"}, {"word", "STRING"}, {NULL, NULL}};
    struct pfs_field fields[3];
    struct pfs_arena arena = {0};
    struct pfs_file_read read = {.fields = fields, .columns = load_fields(pairs, &arena, fields)};
    int failed = 0, rc = -EIO;

    (void)state;
    for (int n = 1; rc < 0 && n < 1000; n++) {
        struct load_file opened;
        struct pfs_file *file = load_open(bytes, &opened);
        struct pfs_buf out = {0};
        struct pfs_err err = {0};

        opened.fail_at = n;
        rc = load_rows(file, &read, &out, &err);
        assert_true(rc == 0 || rc == -EIO);
        failed += rc < 0;
        pfs_buf_done(&out);
    }
    assert_int_equal(rc, 0);
    assert_true(failed >= 3);
    pfs_arena_done(&arena);
    free((void *)(uintptr_t)bytes.at);
}

static void every_failing_allocation_is_reported(void **state)
{
    struct pfs_slice bytes = load_bytes("v1.parquet");
    const char *const pairs[][2] = {{"row", "INT"}, {"d9", "DECIMAL(9, 2)"}, {"word", "STRING"}, {NULL, NULL}};
    struct pfs_field fields[3];
    struct pfs_arena arena = {0}, rows = {0};
    struct pfs_file_read read = {.fields = fields, .columns = load_fields(pairs, &arena, fields)};
    struct load_file opened;
    struct pfs_file *file = load_open(bytes, &opened);
    int64_t got = -ENOMEM, n;

    (void)state;
    for (n = 0; got < 0 && n < 1000; n++) {
        struct pfs_reader *reader = NULL;
        struct pfs_batch batch;
        struct pfs_err err = {0};

        pfs_mem_fail_after(n);
        got = pfs_parquet_open(file, &read, &reader, &err);
        while (got >= 0 && (got = pfs_reader_next(reader, &rows, &batch, &err)) > 0)
            pfs_arena_reset(&rows);
        pfs_mem_fail_after(-1);
        if (got != 0 && got != -ENOMEM)
            fail_msg("allocation %lld fails: %lld %s", (long long)n, (long long)got, err.text);
        pfs_reader_close(reader);
        pfs_arena_done(&rows);
    }
    assert_int_equal(got, 0);
    assert_true(n > 5);
    pfs_arena_done(&arena);
    free((void *)(uintptr_t)bytes.at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_paimon_wrote_reads_as_paimon_reads_it),
        cmocka_unit_test(a_file_reads_as_its_facts_say),
        cmocka_unit_test(data_pages_v1_of_another_writer_are_read),
        cmocka_unit_test(data_pages_v2_of_another_writer_are_read),
        cmocka_unit_test(int96_is_read_in_every_precision),
        cmocka_unit_test(a_pool_changes_nothing),
        cmocka_unit_test(a_reader_with_a_pool_may_be_closed_at_any_batch),
        cmocka_unit_test(a_failure_of_a_worker_reaches_the_caller),
        cmocka_unit_test(what_cannot_be_read_is_refused_with_a_sentence),
        cmocka_unit_test(a_missing_column_is_nulls_and_no_column_is_rows),
        cmocka_unit_test(a_cancelled_read_stops),
        cmocka_unit_test(damage_at_any_byte_is_an_answer),
        cmocka_unit_test(every_failing_read_is_reported),
        cmocka_unit_test(every_failing_allocation_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
