/* among_test.c - ranges of keys against rows: the sieve leaves what a look at each row leaves. */
#include "src/scan/among.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "tests/unit/cm.h"

#define ROWS 300
#define RANGES 40

static const struct pfs_type number = {.kind = PFS_BIGINT}, text = {.kind = PFS_VARCHAR, .length = 100};

static uint64_t seed = 1;

static int random_below(int n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (int)((seed >> 33) % (uint64_t)n);
}

/* One column of rows: numbers, or their digits as text. */
static struct pfs_batch batch_of(const int64_t *value, int64_t rows, bool texts, struct pfs_arena *arena)
{
    struct pfs_column *column = pfs_arena_array(arena, 1, sizeof(*column));
    int32_t *offsets = pfs_arena_array(arena, (size_t)rows + 1, sizeof(*offsets));
    char *bytes = pfs_arena_alloc(arena, (size_t)rows * 8 + 1);

    assert_true(column != NULL && offsets != NULL && bytes != NULL);
    *column = (struct pfs_column){.type = &number, .values = value};
    if (texts) {
        for (int64_t i = 0; i < rows; i++)
            offsets[i + 1] = offsets[i] + (int32_t)snprintf(bytes + offsets[i], 8, "%05d", (int)value[i]);
        *column = (struct pfs_column){.type = &text, .offsets = offsets, .values = bytes};
    }
    return (struct pfs_batch){rows, 1, column};
}

struct once { /* gives its batch in pieces */
    struct pfs_reader reader;
    struct pfs_batch batch;
    int64_t given;
};

static int64_t once_next(struct pfs_reader *self, struct pfs_arena *arena, struct pfs_batch *out, struct pfs_err *err)
{
    struct once *o = (struct once *)self;
    struct pfs_column *column = pfs_arena_array(arena, 1, sizeof(*column));
    int64_t rows = o->batch.rows - o->given < 50 ? o->batch.rows - o->given : 50;

    assert_non_null(column);
    if (rows == 0)
        return 0;
    assert_int_equal(pfs_column_slice(o->batch.column, o->given, rows, arena, column, err), 0);
    *out = (struct pfs_batch){rows, 1, column};
    o->given += rows;
    return rows;
}

static void once_close(struct pfs_reader *self)
{
    (void)self;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

/* Ascending numbers, no two alike when `apart`. */
static int64_t numbers(int64_t *out, int64_t most, bool apart)
{
    int64_t n = 0;

    for (int64_t i = 0; i < most; i++)
        out[i] = random_below(1000);
    qsort(out, (size_t)most, sizeof(*out), compare);
    for (int64_t i = 0; i < most; i++)
        if (!apart || n == 0 || out[n - 1] != out[i])
            out[n++] = out[i];
    return n;
}

static bool is_in(const struct pfs_among *a, const int64_t *low, const int64_t *high, int64_t value)
{
    for (int64_t i = 0; i < a->count; i++) {
        bool from = (a->from_start && i == 0) || value >= low[i];
        bool to = (a->to_end && i == a->count - 1) || (a->apart ? value < high[i] : value <= high[i]);

        if (from && to)
            return true;
    }
    return false;
}

static void try_once(int round, struct pfs_arena *arena)
{
    static const int32_t key = 0;
    static const struct pfs_reader_ops ops = {once_next, once_close};
    int64_t low[RANGES], high[RANGES], bound[2 * RANGES], value[ROWS], want = 0, got = 0, rows, bounds;
    bool texts = round & 1, single = round & 2, ascend = round & 4;
    struct pfs_among among = {
        .apart = !single && (round & 8), .from_start = !single && (round & 16), .to_end = !single && (round & 32)};
    struct once once = {.reader = {&ops}};
    struct pfs_batch batch, out;
    struct pfs_reader *reader = NULL;

    bounds = numbers(bound, single ? RANGES : 2 * RANGES, true);
    among.count = single ? bounds : bounds / 2;
    for (int64_t i = 0; i < among.count; i++) {
        low[i] = single ? bound[i] : bound[2 * i];
        high[i] = single ? bound[i] : bound[2 * i + 1];
    }
    (void)numbers(value, ROWS, false);
    for (int64_t i = 0; !ascend && i < ROWS; i++)
        value[i] = random_below(1000);
    batch = batch_of(low, among.count, texts, arena);
    assert_int_equal(pfs_keys_of(&batch, &key, 1, arena, &among.low, NULL), 0);
    among.high = among.low;
    if (!single) {
        batch = batch_of(high, among.count, texts, arena);
        assert_int_equal(pfs_keys_of(&batch, &key, 1, arena, &among.high, NULL), 0);
    }
    once.batch = batch_of(value, ROWS, texts, arena);
    assert_int_equal(pfs_among_sieve(&among, &once.reader, &key, 1, &reader, NULL), 0);
    while ((rows = pfs_reader_next(reader, arena, &out, NULL)) > 0)
        for (int64_t i = 0; i < rows; i++, got++) {
            int64_t v = texts ? strtoll(pfs_arena_string(arena, pfs_column_bytes(out.column, i)), NULL, 10)
                              : ((const int64_t *)out.column->values)[i];

            while (want < ROWS && !is_in(&among, low, high, value[want]))
                want++;
            assert_true(want < ROWS);
            assert_int_equal(v, value[want++]);
        }
    assert_int_equal(rows, 0);
    while (want < ROWS)
        assert_false(is_in(&among, low, high, value[want++]));
    pfs_reader_close(reader);
}

static void the_sieve_leaves_the_rows_of_the_ranges(void **state)
{
    struct pfs_arena arena;

    (void)state;
    pfs_arena_init(&arena, 0);
    for (int round = 0; round < 640; round++) {
        try_once(round, &arena);
        pfs_arena_reset(&arena);
    }
    pfs_arena_done(&arena);
}

static const struct {
    int64_t low[3], high[3];
    bool from_start, to_end;
    int64_t min, max;
    bool meets;
} meetings[] = {
    {{5, 20, 40}, {5, 30, 40}, false, false, 6, 19, false}, {{5, 20, 40}, {5, 30, 40}, false, false, 6, 20, true},
    {{5, 20, 40}, {5, 30, 40}, false, false, 30, 35, true}, {{5, 20, 40}, {5, 30, 40}, false, false, 41, 90, false},
    {{5, 20, 40}, {5, 30, 40}, false, true, 41, 90, true},  {{5, 20, 40}, {5, 30, 40}, false, false, 1, 4, false},
    {{5, 20, 40}, {5, 30, 40}, true, false, 1, 4, true},    {{5, 20, 40}, {5, 30, 40}, false, false, 1, 90, true},
};

static void files_are_told_by_their_smallest_and_greatest_key(void **state)
{
    static const int32_t key = 0;
    struct pfs_arena arena;

    (void)state;
    pfs_arena_init(&arena, 0);
    for (size_t i = 0; i < COUNT(meetings); i++)
        for (int texts = 0; texts < 2; texts++) {
            struct pfs_among among = {.count = 3, .from_start = meetings[i].from_start, .to_end = meetings[i].to_end};
            struct pfs_batch low = batch_of(meetings[i].low, 3, texts, &arena);
            struct pfs_batch high = batch_of(meetings[i].high, 3, texts, &arena);
            struct pfs_batch min = batch_of(&meetings[i].min, 1, texts, &arena);
            struct pfs_batch max = batch_of(&meetings[i].max, 1, texts, &arena);
            struct pfs_keys first, last;

            assert_int_equal(pfs_keys_of(&low, &key, 1, &arena, &among.low, NULL), 0);
            assert_int_equal(pfs_keys_of(&high, &key, 1, &arena, &among.high, NULL), 0);
            assert_int_equal(pfs_keys_of(&min, &key, 1, &arena, &first, NULL), 0);
            assert_int_equal(pfs_keys_of(&max, &key, 1, &arena, &last, NULL), 0);
            if (pfs_among_meets(&among, &first, &last) != meetings[i].meets)
                fail_msg("case %zu", i);
        }
    pfs_arena_done(&arena);
}

/* ---- the rows of a file ---- */

#define FILE_ROWS 30000 /* row i has the number i / 3 * 2 + 1000 in its first key column, and i % 3 in a second one */
#define GAP 64          /* fewer rows between two that are wanted are read along */

static const char *const key_types[][2] = {{"INT", NULL}, {"STRING", NULL}, {"INT", "INT"}, {"STRING", "INT"}};

struct file {
    struct pfs_store *store;
    struct pfs_schemas *schemas;
    const struct pfs_schema *schema;
    struct pfs_manifest_entry *entry;
    struct pfs_keys key; /* of all rows */
    bool pair;
};

/* The number of the key of row i; keys of one column take every one of them, so that none is there twice. */
static int64_t number_of(const struct file *f, int64_t row)
{
    return f->pair ? row / 3 * 2 + 1000 : row * 2 + 1000;
}

static struct pfs_batch keys_of(const struct file *f, const int64_t *first, const int64_t *second, int64_t rows,
                                struct pfs_arena *arena)
{
    struct pfs_column *column = pfs_arena_zalloc(arena, 2 * sizeof(*column));

    for (int32_t c = 0; c < f->schema->trimmed_keys; c++) {
        const int64_t *value = c == 0 ? first : second;
        int32_t *narrow = pfs_arena_array(arena, (size_t)rows + 1, sizeof(*narrow));
        char *bytes = pfs_arena_alloc(arena, (size_t)rows * 8 + 1);

        column[c] = (struct pfs_column){.type = &f->schema->field[c].type, .values = narrow};
        if (pfs_kind_is_bytes(column[c].type->kind)) {
            narrow[0] = 0;
            for (int64_t i = 0; i < rows; i++)
                narrow[i + 1] = narrow[i] + (int32_t)snprintf(bytes + narrow[i], 8, "%06d", (int)value[i]);
            column[c].offsets = narrow;
            column[c].values = bytes;
        } else {
            for (int64_t i = 0; i < rows; i++)
                narrow[i] = (int32_t)value[i];
        }
    }
    return (struct pfs_batch){rows, f->schema->trimmed_keys, column};
}

static void encode(const struct file *f, const struct pfs_batch *batch, struct pfs_arena *arena, struct pfs_keys *out)
{
    static const int32_t index[] = {0, 1};

    assert_int_equal(pfs_keys_of(batch, index, f->schema->trimmed_keys, arena, out, NULL), 0);
}

static void write_file(struct file *f, const char *const type[2], struct pfs_arena *arena)
{
    static const uint8_t no_partition[12] = {0};
    static const struct pfs_type wide = {.kind = PFS_BIGINT}, kind = {.kind = PFS_TINYINT};
    struct pfs_data_write write = {.table = "t", .partition = {no_partition, 12}, .total_buckets = 1, .level = 1};
    int64_t *first = pfs_arena_array(arena, FILE_ROWS, sizeof(*first)),
            *second = pfs_arena_array(arena, FILE_ROWS, sizeof(*second)),
            *zeros = pfs_arena_zalloc(arena, FILE_ROWS * sizeof(*zeros));
    struct pfs_data_writer *writer;
    struct pfs_column column[4];
    struct pfs_batch keys;
    int64_t files;
    char json[600];

    *f = (struct file){.pair = type[1] != NULL};
    (void)snprintf(json, sizeof(json),
                   "{\"version\":3,\"id\":0,\"fields\":[{\"id\":0,\"name\":\"a\",\"type\":\"%s NOT NULL\"}%s],"
                   "\"highestFieldId\":1,\"partitionKeys\":[],\"primaryKeys\":[\"a\"%s],"
                   "\"options\":{\"bucket\":\"1\",\"file.block-size\":\"16 kb\"},\"timeMillis\":0}",
                   type[0], f->pair ? ",{\"id\":1,\"name\":\"b\",\"type\":\"INT NOT NULL\"}" : "",
                   f->pair ? ",\"b\"" : "");
    assert_int_equal(pfs_store_open_memory(&f->store, NULL), 0);
    assert_int_equal(pfs_store_publish(f->store, "t/schema/schema-0", pfs_str(json), false, NULL), 0);
    assert_int_equal(pfs_schemas_open(f->store, "t", &f->schemas, NULL), 0);
    assert_int_equal(pfs_schemas_get(f->schemas, 0, &f->schema, NULL), 0);
    for (int64_t i = 0; i < FILE_ROWS; i++) {
        first[i] = number_of(f, i);
        second[i] = i % 3;
    }
    keys = keys_of(f, first, second, FILE_ROWS, arena);
    encode(f, &keys, arena, &f->key);
    memcpy(column, keys.column, (size_t)keys.columns * sizeof(*column));
    column[keys.columns] = (struct pfs_column){.type = &wide, .values = zeros};
    column[keys.columns + 1] = (struct pfs_column){.type = &kind, .values = zeros};
    write.store = f->store;
    write.schema = f->schema;
    assert_int_equal(pfs_data_writer_open(&write, &writer, NULL), 0);
    assert_int_equal(pfs_data_writer_add(writer, &(struct pfs_batch){FILE_ROWS, keys.columns + 2, column}, NULL), 0);
    assert_int_equal(pfs_data_writer_finish(writer, arena, &f->entry, &files, NULL), 0);
    assert_int_equal(files, 1);
    pfs_data_writer_close(writer);
}

static bool row_is_in(const struct pfs_among *a, const struct pfs_keys *keys, int64_t row)
{
    for (int64_t i = 0; i < a->count; i++) {
        bool from = (a->from_start && i == 0) || pfs_keys_compare(keys, row, &a->low, i) >= 0;
        int end = a->to_end && i == a->count - 1 ? -1 : pfs_keys_compare(keys, row, &a->high, i);

        if (from && (end < 0 || (end == 0 && !a->apart)))
            return true;
    }
    return false;
}

/* Rows that are wanted, and what lies between two that are near. */
static void check_rows(const struct file *f, const struct pfs_among *among, int round, struct pfs_arena *arena)
{
    static const int32_t columns[] = {1, 0}; /* not in the order of the key */
    const struct pfs_data_read read = {.store = f->store,
                                       .table = "t",
                                       .schema = f->schema,
                                       .schemas = f->schemas,
                                       .columns = f->schema->columns,
                                       .column = f->pair ? columns : columns + 1,
                                       .key_value = true};
    int64_t ends[] = {number_of(f, 0), number_of(f, FILE_ROWS - 1)}, second[] = {0, (FILE_ROWS - 1) % 3};
    struct pfs_batch min = keys_of(f, ends, second, 1, arena), max = keys_of(f, ends + 1, second + 1, 1, arena);
    const struct pfs_row_range *range = NULL;
    struct pfs_keys low, high;
    int64_t last = -1;
    int32_t ranges, n = 0;

    encode(f, &min, arena, &low);
    encode(f, &max, arena, &high);
    assert_int_equal(pfs_among_rows(among, &read, f->entry, &low, &high, arena, &range, &ranges, NULL), 0);
    if (range == NULL)
        fail_msg("round %d: all rows are read", round);
    for (int64_t row = 0; row < FILE_ROWS; row++) {
        if (!row_is_in(among, &f->key, row))
            continue;
        if (last < 0 || row - last > GAP) {
            if (n >= ranges || range[n].from != row || (n > 0 && range[n - 1].to != last + 1))
                fail_msg("round %d: row %d begins no range", round, (int)row);
            n++;
        }
        last = row;
    }
    if (n != ranges || (n > 0 && range[n - 1].to != last + 1))
        fail_msg("round %d: %d ranges, not %d", round, (int)ranges, (int)n);
}

static void a_file_is_read_where_its_rows_are_wanted(void **state)
{
    (void)state;
    for (size_t type = 0; type < COUNT(key_types); type++) {
        struct pfs_arena arena, scratch;
        struct file f;

        pfs_arena_init(&arena, 0);
        pfs_arena_init(&scratch, 0);
        write_file(&f, key_types[type], &arena);
        for (int round = 0; round < 48; round++) {
            bool single = round & 1, odd = round & 8;
            struct pfs_among among = {.apart = !single && (round & 2),
                                      .from_start = !single && round % 12 == 4,
                                      .to_end = !single && round % 12 == 10};
            int64_t first[2][4], second[2][4]; /* of the keys that the ranges begin and end with */
            struct pfs_batch low, high;

            among.count = 1 + random_below(4);
            for (int64_t i = 0; i < among.count; i++) {
                int64_t row = i == 0 && round % 16 == 1 ? 0 : FILE_ROWS / 5 * i + random_below(FILE_ROWS / 6);

                for (int end = 0; end < 2; end++) {
                    first[end][i] = number_of(&f, row) + odd; /* odd ones are not there */
                    second[end][i] = row % 3;
                    row += single ? 0 : 1 + random_below(200);
                }
            }
            low = keys_of(&f, first[0], second[0], among.count, &scratch);
            encode(&f, &low, &scratch, &among.low);
            among.high = among.low;
            if (!single) {
                high = keys_of(&f, first[1], second[1], among.count, &scratch);
                encode(&f, &high, &scratch, &among.high);
            }
            check_rows(&f, &among, (int)type * 100 + round, &scratch);
            pfs_arena_reset(&scratch);
        }
        pfs_schemas_unref(f.schemas);
        pfs_store_close(f.store);
        pfs_arena_done(&scratch);
        pfs_arena_done(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sieve_leaves_the_rows_of_the_ranges),
        cmocka_unit_test(files_are_told_by_their_smallest_and_greatest_key),
        cmocka_unit_test(a_file_is_read_where_its_rows_are_wanted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
