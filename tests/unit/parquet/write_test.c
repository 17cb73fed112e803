#include "base/mem.h"
#include "base/pool.h"
#include "tests/unit/parquet/columns.h"
#include "tests/unit/parquet/load.h"

static const char *const counted[][2] = {{"ms", "MULTISET<STRING>"}, {NULL, NULL}};
static const char *const variant[][2] = {{"va", "VARIANT"}, {NULL, NULL}};

static const struct {
    const char *file;
    const char *const (*pairs)[2];
} sources[] = {{"types.parquet", flat},
               {"types.parquet", paimon},
               {"lists.parquet", lists},
               {"variant.parquet", counted},
               {"variant.parquet", variant}};

static const struct pfs_parquet_write ways[] = {
    {.codec = PFS_CODEC_NONE},
    {.codec = PFS_CODEC_ZSTD, .no_dictionary = true},
    {.codec = PFS_CODEC_ZSTD, .no_dictionary = true, .delta = true},
    {.codec = PFS_CODEC_SNAPPY, .page_bytes = 64},
    {.codec = PFS_CODEC_NONE, .page_bytes = 16, .row_group_bytes = 1000, .no_dictionary = true, .delta = true},
};

/* A file that is written to memory. */
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

/* All rows of one file into another one, some at a time. 0 or the first error. */
static int copy(struct pfs_file *from, const struct pfs_file_read *read, const struct pfs_parquet_write *write,
                struct pfs_file *to, struct pfs_err *err)
{
    struct pfs_reader *reader = NULL;
    struct pfs_writer *writer = NULL;
    struct pfs_arena arena = {0};
    struct pfs_batch batch;
    int64_t got = 0;
    int rc = pfs_parquet_open(from, read, &reader, err);

    if (rc == 0)
        rc = pfs_parquet_create(to, write, &writer, err);
    while (rc == 0 && (got = pfs_reader_next(reader, &arena, &batch, err)) > 0) {
        rc = pfs_writer_write(writer, &batch, err);
        pfs_arena_reset(&arena);
    }
    if (rc == 0)
        rc = got < 0 ? (int)got : pfs_writer_finish(writer, err);
    pfs_writer_close(writer);
    pfs_reader_close(reader);
    pfs_arena_done(&arena);
    return rc;
}

static void check_copy(size_t at, const struct pfs_parquet_write *way, int32_t batch_rows)
{
    struct pfs_slice bytes = load_bytes(sources[at].file);
    struct pfs_field fields[LOAD_FIELDS_MAX];
    struct pfs_arena arena = {0};
    struct pfs_file_read read = {.fields = fields, .columns = load_fields(sources[at].pairs, &arena, fields)};
    struct pfs_parquet_write write = *way;
    struct load_file source, copied;
    struct pfs_buf want = {0};
    struct pfs_err err = {0};
    struct target target;

    write.fields = fields;
    write.columns = read.columns;
    if (load_rows(load_open(bytes, &source), &read, &want, &err) < 0)
        fail_msg("%s: %s", sources[at].file, err.text);
    read.batch_rows = batch_rows;
    if (copy(load_open(bytes, &source), &read, &write, target_open(&target), &err) < 0)
        fail_msg("%s: %s", sources[at].file, err.text);
    load_expect(sources[at].file, load_open(pfs_buf_slice(&target.bytes), &copied), &read, pfs_buf_slice(&want));
    pfs_buf_done(&want);
    pfs_buf_done(&target.bytes);
    pfs_arena_done(&arena);
    free((void *)(uintptr_t)bytes.at);
}

static void a_copy_of_a_file_has_its_rows(void **state)
{
    static const int32_t sizes[] = {0, 1, 7};

    (void)state;
    for (size_t i = 0; i < COUNT(sources); i++)
        for (size_t w = 0; w < COUNT(ways); w++)
            for (size_t s = 0; s < COUNT(sizes); s++)
                check_copy(i, &ways[w], sizes[s]);
}

/* ---- made columns ---- */

struct made {
    struct pfs_field field;
    struct pfs_arena arena;
    struct target target;
    struct pfs_writer *writer;
};

static void make(struct made *m, const char *type)
{
    *m = (struct made){.field = {.id = 3, .name = "c"}};
    assert_int_equal(pfs_type_parse(pfs_str(type), NULL, &m->arena, &m->field.type, NULL), 0);
}

static int create(struct made *m, struct pfs_err *err)
{
    struct pfs_parquet_write write = {.columns = 1, .fields = &m->field};

    return pfs_parquet_create(target_open(&m->target), &write, &m->writer, err);
}

static int put(struct made *m, struct pfs_column *column, int64_t rows, struct pfs_err *err)
{
    struct pfs_batch batch = {rows, 1, column};

    column->type = &m->field.type;
    return pfs_writer_write(m->writer, &batch, err);
}

static void done(struct made *m)
{
    pfs_writer_close(m->writer);
    pfs_buf_done(&m->target.bytes);
    pfs_arena_done(&m->arena);
}

static void a_null_where_the_type_has_none_is_refused_by_name(void **state)
{
    static const uint8_t second_is_null[] = {1};
    int32_t numbers[] = {1, 2}, offsets[] = {0, 2};
    struct pfs_err err = {0};
    struct made m;

    (void)state;
    make(&m, "INT NOT NULL");
    assert_int_equal(create(&m, NULL), 0);
    assert_int_equal(put(&m, &(struct pfs_column){.values = numbers, .valid = second_is_null}, 2, &err), -EINVAL);
    assert_string_equal(err.text, "column c may not be null");
    done(&m);
    make(&m, "MAP<INT, INT>");
    struct pfs_column children[] = {{.type = &m.field.type.child[0].type, .values = numbers, .valid = second_is_null},
                                    {.type = &m.field.type.child[1].type, .values = numbers}};
    assert_int_equal(create(&m, NULL), 0);
    assert_int_equal(put(&m, &(struct pfs_column){.offsets = offsets, .children = children}, 1, &err), -EINVAL);
    assert_string_equal(err.text, "key in column c may not be null");
    done(&m);
}

static void a_row_without_fields_is_refused(void **state)
{
    struct pfs_err err = {0};
    struct made m;

    (void)state;
    make(&m, "INT");
    m.field.type = (struct pfs_type){.kind = PFS_ROW};
    assert_int_equal(create(&m, &err), -EOPNOTSUPP);
    assert_string_equal(err.text, "column c has a ROW without fields, which Parquet cannot store");
    done(&m);
}

/* A footer would have to call it gzip, and no reader could read its pages. */
static void deflate_is_no_codec_of_parquet(void **state)
{
    struct pfs_parquet_write write = {.columns = 1, .codec = PFS_CODEC_DEFLATE};
    struct pfs_err err = {0};
    struct made m;

    (void)state;
    make(&m, "INT");
    write.fields = &m.field;
    assert_int_equal(pfs_parquet_create(target_open(&m.target), &write, &m.writer, &err), -EINVAL);
    assert_non_null(strstr(err.text, "deflate"));
    done(&m);
}

/* Bounds come out in the batch's layout, whatever the file's is. */
static void bounds_are_those_of_all_values(void **state)
{
    static const uint8_t third_is_null[] = {0xfb};
    static const double doubles[] = {0.0, -2.5, -9.0, 7.0};
    static const double with_nan[] = {1.0, 0.0 / 0.0, 2.0, 3.0};
    static const int8_t bytes[] = {5, -7, -100, 3};
    static const int64_t decimals[] = {500, -700, -9000, 300};
    static const int32_t offsets[] = {0, 1, 11, 12, 22};
    const struct {
        const char *type;
        struct pfs_column in;
        bool bounds;
        int min, max; /* rows */
    } cases[] = {
        {"DOUBLE", {.values = doubles}, true, 1, 3},
        {"DOUBLE", {.values = with_nan}, false, 0, 0},
        {"TINYINT", {.values = bytes}, true, 1, 0},
        {"DECIMAL(7, 2)", {.values = decimals}, true, 1, 0},
        {"STRING", {.values = "bbprefix-praz---------", .offsets = offsets}, true, 0, 3},
        {"BYTES", {.values = "bbprefix-praz---------", .offsets = offsets}, false, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_column in = cases[i].in;
        const struct pfs_column_stats *stats;
        struct made m;

        make(&m, cases[i].type);
        in.valid = third_is_null;
        assert_int_equal(create(&m, NULL), 0);
        assert_int_equal(put(&m, &in, 4, NULL), 0);
        assert_int_equal(pfs_writer_finish(m.writer, NULL), 0);
        stats = pfs_writer_stats(m.writer);
        CHECK(cases[i].type, stats->nulls == 1);
        CHECK(cases[i].type, stats->has_bounds == cases[i].bounds);
        if (stats->has_bounds) {
            CHECK(cases[i].type, pfs_value_compare(&stats->min, 0, &in, cases[i].min) == 0);
            CHECK(cases[i].type, pfs_value_compare(&stats->max, 0, &in, cases[i].max) == 0);
        }
        done(&m);
    }
}

/* More values than a dictionary takes, then few distinct ones; pages and their encodings change on the way. */
static void many_rows_of_any_distribution_come_back(void **state)
{
    enum { ROWS = 60000, STEP = 1000 };
    static const uint32_t distinct[] = {1, 2, 300, 30000, ROWS};
    struct pfs_err err = {0};

    (void)state;
    for (size_t d = 0; d < COUNT(distinct); d++) {
        struct pfs_file_read read = {.columns = 1};
        struct pfs_reader *reader = NULL;
        struct pfs_arena arena = {0};
        struct load_file file;
        struct pfs_batch batch;
        int64_t values[STEP], got, at = 0;
        struct made m;

        make(&m, "BIGINT");
        read.fields = &m.field;
        assert_int_equal(create(&m, NULL), 0);
        for (int64_t row = 0; row < ROWS; row += STEP) {
            for (int64_t i = 0; i < STEP; i++)
                values[i] = (row + i) * 7919 % distinct[d];
            assert_int_equal(put(&m, &(struct pfs_column){.values = values}, STEP, NULL), 0);
        }
        assert_int_equal(pfs_writer_finish(m.writer, NULL), 0);
        if (pfs_parquet_open(load_open(pfs_buf_slice(&m.target.bytes), &file), &read, &reader, &err) < 0)
            fail_msg("%s", err.text);
        while ((got = pfs_reader_next(reader, &arena, &batch, &err)) > 0) {
            for (int64_t i = 0; i < got; i++, at++)
                assert_int_equal(((const int64_t *)batch.column[0].values)[i], at * 7919 % distinct[d]);
            pfs_arena_reset(&arena);
        }
        assert_int_equal(at, ROWS);
        pfs_reader_close(reader);
        pfs_arena_done(&arena);
        done(&m);
    }
}

/* ---- a wide table ---- */

enum { WIDE_ROWS = 50000, WIDE_COLUMNS = 8 };

struct wide {
    struct pfs_field field[WIDE_COLUMNS];
    int64_t *ascending, *spread, *turns;
    int32_t *few, *offsets, *same_offsets;
    int8_t *constant;
    double *reals;
    char *texts, *same;
    uint8_t *valid;
};

static void wide_init(struct wide *w, struct pfs_arena *arena)
{
    static const char *const types[] = {"BIGINT NOT NULL",  "BIGINT", "BIGINT", "INT",
                                        "TINYINT NOT NULL", "STRING", "STRING", "DOUBLE"};
    uint64_t seed = 1;

    *w = (struct wide){.ascending = pfs_arena_alloc(arena, WIDE_ROWS * 8),
                       .spread = pfs_arena_alloc(arena, WIDE_ROWS * 8),
                       .turns = pfs_arena_alloc(arena, WIDE_ROWS * 8),
                       .few = pfs_arena_alloc(arena, WIDE_ROWS * 4),
                       .offsets = pfs_arena_alloc(arena, (WIDE_ROWS + 1) * 4),
                       .same_offsets = pfs_arena_alloc(arena, (WIDE_ROWS + 1) * 4),
                       .constant = pfs_arena_zalloc(arena, WIDE_ROWS),
                       .reals = pfs_arena_alloc(arena, WIDE_ROWS * 8),
                       .texts = pfs_arena_alloc(arena, WIDE_ROWS * 24),
                       .same = pfs_arena_alloc(arena, WIDE_ROWS * 4),
                       .valid = pfs_arena_alloc(arena, WIDE_ROWS / 8 + 1)};
    for (size_t i = 0; i < WIDE_COLUMNS; i++) {
        w->field[i] = (struct pfs_field){.id = (int32_t)i, .name = pfs_arena_printf(arena, "c%zu", i)};
        assert_int_equal(pfs_type_parse(pfs_str(types[i]), NULL, arena, &w->field[i].type, NULL), 0);
    }
    w->offsets[0] = w->same_offsets[0] = 0;
    for (int32_t i = 0; i < WIDE_ROWS; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        w->ascending[i] = 1000 + i;
        w->spread[i] = (int64_t)seed;
        w->turns[i] = i % 2 == 0 ? INT64_MIN + i : INT64_MAX - i;
        w->few[i] = (int32_t)(seed >> 40) % 19;
        w->reals[i] = (double)i / 3;
        w->offsets[i + 1] = w->offsets[i] + (int32_t)(seed >> 60) + (i % 5 == 0 ? 8 : 0);
        for (int32_t k = w->offsets[i]; k < w->offsets[i + 1]; k++)
            w->texts[k] = (char)('a' + (seed >> (k & 31)) % 7);
        memcpy(w->same + 4 * i, i < 30000 ? "same" : "last", 4);
        w->same_offsets[i + 1] = 4 * i + 4;
    }
    for (int32_t i = 0; i <= WIDE_ROWS / 8; i++)
        w->valid[i] = i < 3000 ? 0xff : (uint8_t)(i * 37);
}

static void wide_batch(struct wide *w, int64_t at, struct pfs_column *column)
{
    column[0] = (struct pfs_column){.values = w->ascending + at};
    column[1] = (struct pfs_column){.values = w->spread + at, .valid = w->valid + at / 8};
    column[2] = (struct pfs_column){.values = w->turns + at};
    column[3] = (struct pfs_column){.values = w->few + at, .valid = w->valid + at / 8};
    column[4] = (struct pfs_column){.values = w->constant + at};
    column[5] = (struct pfs_column){.values = w->texts, .offsets = w->offsets + at};
    column[6] = (struct pfs_column){.values = w->same, .offsets = w->same_offsets + at, .valid = w->valid + at / 8};
    column[7] = (struct pfs_column){.values = w->reals + at};
    for (int32_t i = 0; i < WIDE_COLUMNS; i++)
        column[i].type = &w->field[i].type;
}

/* The file's bytes; *held: the most memory that the writer had after a batch. */
static void wide_write(struct wide *w, struct pfs_parquet_write write, int64_t step, struct target *target,
                       size_t *held)
{
    struct pfs_column column[WIDE_COLUMNS];
    struct pfs_writer *writer;

    write.columns = WIDE_COLUMNS;
    write.fields = w->field;
    *held = 0;
    assert_int_equal(pfs_parquet_create(target_open(target), &write, &writer, NULL), 0);
    for (int64_t at = 0; at < WIDE_ROWS; at += step) {
        struct pfs_batch batch = {WIDE_ROWS - at < step ? WIDE_ROWS - at : step, WIDE_COLUMNS, column};

        wide_batch(w, at, column);
        assert_int_equal(pfs_writer_write(writer, &batch, NULL), 0);
        *held = pfs_parquet_held(writer) > *held ? pfs_parquet_held(writer) : *held;
    }
    assert_int_equal(pfs_writer_finish(writer, NULL), 0);
    pfs_writer_close(writer);
}

static void wide_check(struct wide *w, struct target *target)
{
    struct pfs_file_read read = {.fields = w->field, .columns = WIDE_COLUMNS};
    struct pfs_column column[WIDE_COLUMNS];
    struct pfs_reader *reader = NULL;
    struct pfs_arena arena = {0};
    struct load_file file;
    struct pfs_batch batch;
    struct pfs_err err = {0};
    int64_t got, at = 0;

    wide_batch(w, 0, column);
    if (pfs_parquet_open(load_open(pfs_buf_slice(&target->bytes), &file), &read, &reader, &err) < 0)
        fail_msg("%s", err.text);
    while ((got = pfs_reader_next(reader, &arena, &batch, &err)) > 0) {
        for (int32_t c = 0; c < WIDE_COLUMNS; c++)
            for (int64_t i = 0; i < got; i++) {
                bool present = pfs_column_present(&column[c], at + i);

                assert_int_equal(pfs_column_present(&batch.column[c], i), present);
                if (present)
                    assert_int_equal(pfs_value_compare(&batch.column[c], i, &column[c], at + i), 0);
            }
        at += got;
        pfs_arena_reset(&arena);
    }
    if (got < 0)
        fail_msg("%s", err.text);
    assert_int_equal(at, WIDE_ROWS);
    pfs_reader_close(reader);
    pfs_arena_done(&arena);
}

static void a_pool_makes_the_same_bytes_and_they_hold_the_rows(void **state)
{
    static const struct pfs_parquet_write wide_ways[] = {
        {.codec = PFS_CODEC_ZSTD},
        {.codec = PFS_CODEC_NONE, .no_dictionary = true},
        {.codec = PFS_CODEC_ZSTD, .delta = true, .row_group_bytes = 300000}};
    struct pfs_arena arena = {0};
    struct pfs_pool *pool;
    struct wide w;

    (void)state;
    wide_init(&w, &arena);
    assert_int_equal(pfs_pool_open(3, &pool, NULL), 0);
    for (size_t i = 0; i < COUNT(wide_ways); i++)
        for (int64_t step = 8; step <= 50000; step = step * 25 / 8 * 8) {
            struct pfs_parquet_write way = wide_ways[i];
            struct target alone, shared;
            size_t held;

            wide_write(&w, way, step, &alone, &held);
            way.pool = pool;
            wide_write(&w, way, step, &shared, &held);
            assert_true(pfs_slice_eq(pfs_buf_slice(&alone.bytes), pfs_buf_slice(&shared.bytes)));
            wide_check(&w, &alone);
            pfs_buf_done(&alone.bytes);
            pfs_buf_done(&shared.bytes);
        }
    pfs_pool_close(pool);
    pfs_arena_done(&arena);
}

static void what_is_held_is_bounded(void **state)
{
    struct pfs_arena arena = {0};
    struct wide w;
    struct target all, few;
    size_t held, bounded;

    (void)state;
    wide_init(&w, &arena);
    wide_write(&w, (struct pfs_parquet_write){.codec = PFS_CODEC_NONE}, 1000, &all, &held);
    wide_write(&w, (struct pfs_parquet_write){.codec = PFS_CODEC_NONE, .held_bytes = 300000}, 1000, &few, &bounded);
    assert_true(bounded < 300000 + WIDE_COLUMNS * 2 * 100000);
    assert_true(held > bounded);
    wide_check(&w, &few);
    pfs_buf_done(&all.bytes);
    pfs_buf_done(&few.bytes);
    pfs_arena_done(&arena);
}

/* A table may have ten thousand columns: what each begins with is what a short file takes. */
static void columns_of_few_rows_hold_little(void **state)
{
    enum { COLUMNS = 1000, ROWS = 20 };
    static int32_t numbers[ROWS], offsets[ROWS + 1];
    static const char texts[] = "some text of some rows and more";
    struct pfs_arena arena = {0};
    struct pfs_field *field = pfs_arena_array(&arena, COLUMNS, sizeof(*field));
    struct pfs_column *column = pfs_arena_array(&arena, COLUMNS, sizeof(*column));
    struct pfs_parquet_write write = {.columns = COLUMNS, .fields = field};
    struct pfs_writer *writer;
    struct target target;

    (void)state;
    for (int32_t i = 0; i < ROWS; i++) {
        numbers[i] = i % 7;
        offsets[i + 1] = i + 1;
    }
    for (int32_t i = 0; i < COLUMNS; i++) {
        field[i] = (struct pfs_field){.id = i, .name = pfs_arena_printf(&arena, "c%d", i)};
        assert_int_equal(pfs_type_parse(pfs_str(i % 2 == 0 ? "INT" : "STRING"), NULL, &arena, &field[i].type, NULL), 0);
        column[i] = (struct pfs_column){.type = &field[i].type,
                                        .offsets = i % 2 == 0 ? NULL : offsets,
                                        .values = i % 2 == 0 ? (const void *)numbers : texts};
    }
    assert_int_equal(pfs_parquet_create(target_open(&target), &write, &writer, NULL), 0);
    assert_int_equal(pfs_writer_write(writer, &(struct pfs_batch){ROWS, COLUMNS, column}, NULL), 0);
    assert_in_range(pfs_parquet_held(writer), 1, COLUMNS * 2048);
    pfs_writer_close(writer);
    pfs_buf_done(&target.bytes);
    pfs_arena_done(&arena);
}

static void what_ascends_or_never_changes_takes_no_room(void **state)
{
    struct pfs_arena arena = {0};
    struct target target;
    struct wide w;
    size_t held;

    (void)state;
    wide_init(&w, &arena);
    for (int64_t i = 0; i < WIDE_ROWS; i++) {
        w.spread[i] = w.turns[i] = 7 * i;
        w.few[i] = 5;
        w.reals[i] = 1.5;
    }
    memset(w.valid, 0xff, WIDE_ROWS / 8 + 1);
    memset(w.offsets, 0, (WIDE_ROWS + 1) * 4);
    memset(w.same, 'x', WIDE_ROWS * 4);
    wide_write(&w, (struct pfs_parquet_write){.codec = PFS_CODEC_NONE, .delta = true}, 4096, &target, &held);
    assert_true(target.bytes.len < 3 * WIDE_ROWS / 10);
    wide_check(&w, &target);
    pfs_buf_done(&target.bytes);
    pfs_arena_done(&arena);
}

static void every_failing_allocation_of_a_copy_is_reported(void **state)
{
    struct pfs_slice bytes = load_bytes("lists.parquet");
    struct pfs_field fields[LOAD_FIELDS_MAX];
    struct pfs_arena arena = {0};
    struct pfs_file_read read = {.fields = fields, .columns = load_fields(lists, &arena, fields)};
    struct pfs_parquet_write write = {.fields = fields, .columns = read.columns};
    int64_t n = 0;
    int rc;

    (void)state;
    do {
        struct pfs_err err = {0};
        struct load_file source;
        struct target target;

        pfs_mem_fail_after(n++);
        rc = copy(load_open(bytes, &source), &read, &write, target_open(&target), &err);
        pfs_mem_fail_after(-1);
        if (rc < 0)
            assert_true(rc == -ENOMEM && err.code == ENOMEM);
        pfs_buf_done(&target.bytes);
    } while (rc < 0);
    assert_true(n > 50);
    pfs_arena_done(&arena);
    free((void *)(uintptr_t)bytes.at);
}

/* Three texts, each a batch: the first is the greatest, and takes the most room as a bound. 0 or the first error. */
static int write_texts(int64_t n, struct pfs_buf *out)
{
    static const char values[] = "ba";
    char *great = malloc(5000);
    struct pfs_parquet_write write = {.columns = 1, .no_dictionary = true};
    struct pfs_err err = {0};
    struct made m;
    int rc;

    assert_non_null(great);
    memset(great, 'z', 5000);
    make(&m, "STRING");
    write.fields = &m.field;
    pfs_mem_fail_after(n);
    rc = pfs_parquet_create(target_open(&m.target), &write, &m.writer, &err);
    for (int i = 0; rc == 0 && i < 3; i++) {
        const int32_t offsets[] = {i == 0 ? 0 : i - 1, i == 0 ? 5000 : i};

        rc = put(&m, &(struct pfs_column){.offsets = offsets, .values = i == 0 ? great : values}, 1, &err);
    }
    if (rc == 0)
        rc = pfs_writer_finish(m.writer, &err);
    pfs_mem_fail_after(-1);
    if (rc == 0)
        pfs_buf_put(out, m.target.bytes.at, m.target.bytes.len);
    done(&m);
    free(great);
    return rc;
}

static void a_bound_that_found_no_memory_is_no_bound(void **state)
{
    struct pfs_buf want = {0};
    int64_t n = 0;

    (void)state;
    assert_int_equal(write_texts(-1, &want), 0);
    for (int whole = 0; whole < 3; n++) {
        struct pfs_buf got = {0};
        int rc = write_texts(n, &got);

        assert_true(rc == 0 || rc == -ENOMEM);
        whole = rc == 0 ? whole + 1 : 0;
        if (rc == 0 && !pfs_slice_eq(pfs_buf_slice(&got), pfs_buf_slice(&want)))
            fail_msg("allocation %lld fails, and nobody says so", (long long)n);
        pfs_buf_done(&got);
    }
    assert_true(n > 10);
    pfs_buf_done(&want);
}

/* ---- columns in parallel ---- */

#define LANE_COLUMNS 5

/* Rows of INT columns, each of another distribution; the last may not be null and is, in one row, with `bad`. */
static int write_columns(struct pfs_pool *pool, bool bad, struct target *to, struct pfs_err *err)
{
    static const uint8_t one_is_null[1024] = {0xfe};
    struct pfs_field fields[LANE_COLUMNS];
    struct pfs_column column[LANE_COLUMNS];
    struct pfs_parquet_write write = {.columns = LANE_COLUMNS, .fields = fields, .codec = PFS_CODEC_ZSTD, .pool = pool};
    struct pfs_batch batch = {8000, LANE_COLUMNS, column};
    struct pfs_arena arena = {0};
    struct pfs_writer *writer;
    static const char *const names[LANE_COLUMNS] = {"a", "b", "c", "d", "e"};
    int rc = 0;

    for (int32_t i = 0; i < LANE_COLUMNS; i++) {
        fields[i] = (struct pfs_field){.id = i, .name = names[i], .type = {.kind = PFS_INT, .nullable = i < 4}};
        column[i] = (struct pfs_column){.type = &fields[i].type};
    }
    assert_int_equal(pfs_parquet_create(target_open(to), &write, &writer, err), 0);
    for (int32_t round = 0; rc == 0 && round < 6; round++) {
        pfs_arena_reset(&arena);
        for (int32_t i = 0; i < LANE_COLUMNS; i++) {
            int32_t *v = pfs_arena_alloc(&arena, 8000 * sizeof(*v));

            for (int32_t r = 0; r < 8000; r++)
                v[r] = (r * (i + 1) + round * 77) % (1 << (4 * i + 2));
            column[i].values = v;
        }
        column[4].valid = bad && round == 3 ? one_is_null : NULL;
        rc = pfs_writer_write(writer, &batch, err);
    }
    if (rc == 0)
        rc = pfs_writer_finish(writer, err);
    pfs_writer_close(writer);
    pfs_arena_done(&arena);
    return rc;
}

static void columns_written_in_parallel_make_the_same_file(void **state)
{
    struct target alone, together;
    struct pfs_err err = {0};
    struct pfs_pool *pool;

    (void)state;
    assert_int_equal(pfs_pool_open(3, &pool, NULL), 0);
    assert_int_equal(write_columns(NULL, false, &alone, NULL), 0);
    assert_int_equal(write_columns(pool, false, &together, NULL), 0);
    assert_int_equal(alone.bytes.len, together.bytes.len);
    assert_memory_equal(alone.bytes.at, together.bytes.at, alone.bytes.len);
    pfs_buf_done(&together.bytes);
    assert_int_equal(write_columns(pool, true, &together, &err), -EINVAL);
    assert_string_equal(err.text, "column e may not be null");
    pfs_buf_done(&alone.bytes);
    pfs_buf_done(&together.bytes);
    pfs_pool_close(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_of_a_file_has_its_rows),
        cmocka_unit_test(a_null_where_the_type_has_none_is_refused_by_name),
        cmocka_unit_test(a_row_without_fields_is_refused),
        cmocka_unit_test(bounds_are_those_of_all_values),
        cmocka_unit_test(many_rows_of_any_distribution_come_back),
        cmocka_unit_test(columns_written_in_parallel_make_the_same_file),
        cmocka_unit_test(a_pool_makes_the_same_bytes_and_they_hold_the_rows),
        cmocka_unit_test(what_is_held_is_bounded),
        cmocka_unit_test(columns_of_few_rows_hold_little),
        cmocka_unit_test(what_ascends_or_never_changes_takes_no_room),
        cmocka_unit_test(every_failing_allocation_of_a_copy_is_reported),
        cmocka_unit_test(a_bound_that_found_no_memory_is_no_bound),
        cmocka_unit_test(deflate_is_no_codec_of_parquet),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
