/* write_test.c - new data files in a store in memory: their names, where they end, what the entry says of them. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "format/binrow.h"
#include "format/fileindex/fileindex.h"
#include "format/text/text.h"
#include "src/file/file.h"
#include "src/file/indexes.h"
#include "tests/unit/cm.h"

static const uint8_t no_partition[12] = {0};

struct world {
    struct pfs_store *store;
    struct pfs_arena arena;
    struct pfs_schema schema;
    struct pfs_batch batch; /* key-value rows, or an append table's */
    struct pfs_manifest_entry *made;
    int64_t files;
};

/* A table of these columns (members of "fields") with one key or none, and options as JSON members. */
static void set_up(struct world *w, const char *fields, const char *key, const char *options)
{
    struct pfs_err err = {0};
    char *json;

    *w = (struct world){0};
    pfs_arena_init(&w->arena, 0);
    assert_int_equal(pfs_store_open_memory(&w->store, NULL), 0);
    json = pfs_arena_printf(&w->arena,
                            "{\"version\":3,\"id\":0,\"fields\":[%s],\"highestFieldId\":20,\"partitionKeys\":[],"
                            "\"primaryKeys\":[%s],\"options\":{%s},\"timeMillis\":0}",
                            fields, key, options);
    if (pfs_schema_parse(pfs_str(json), &w->arena, &w->schema, &err) < 0)
        fail_msg("%s: %s", json, err.text);
}

static void tear_down(struct world *w)
{
    pfs_store_close(w->store);
    pfs_arena_done(&w->arena);
}

/* Rows of JSON lines; number i and kind kinds[i] ("" = all +I) behind the columns of a primary-key table. */
static void rows(struct world *w, const char *lines, const char *kinds)
{
    static const struct pfs_type number_type = {.kind = PFS_BIGINT}, kind_type = {.kind = PFS_TINYINT};
    struct pfs_text_parse parse = {.columns = w->schema.columns, .fields = w->schema.field, .format = PFS_TEXT_JSON};
    struct pfs_column *column = pfs_arena_array(&w->arena, (size_t)w->schema.columns + 2, sizeof(*column));
    struct pfs_text_parser *parser = NULL;
    struct pfs_batch parsed = {0};
    size_t used, at = 0;
    int64_t *number, count;
    int8_t *kind;

    assert_int_equal(pfs_text_parser_open(&parse, &parser, NULL), 0);
    count = pfs_text_parser_feed(parser, pfs_str(lines), true, &w->arena, &parsed, &used, NULL, NULL);
    assert_true(count > 0 && used == strlen(lines));
    pfs_text_parser_close(parser);
    number = pfs_arena_array(&w->arena, (size_t)count, sizeof(*number));
    kind = pfs_arena_array(&w->arena, (size_t)count, sizeof(*kind));
    for (int64_t i = 0; i < count; i++) {
        number[i] = i;
        kind[i] = (int8_t)(kinds[at] == '\0' ? 0 : kinds[at++] - '0');
    }
    memcpy(column, parsed.column, (size_t)w->schema.columns * sizeof(*column));
    column[w->schema.columns] = (struct pfs_column){.type = &number_type, .values = number};
    column[w->schema.columns + 1] = (struct pfs_column){.type = &kind_type, .values = kind};
    w->batch = (struct pfs_batch){count, w->schema.columns + (w->schema.primary_keys > 0 ? 2 : 0), column};
}

static struct pfs_data_write write_of(struct world *w)
{
    return (struct pfs_data_write){.store = w->store,
                                   .table = "t",
                                   .schema = &w->schema,
                                   .partition = {no_partition, sizeof(no_partition)},
                                   .total_buckets = 1};
}

static void write_rows(struct world *w, const struct pfs_data_write *write)
{
    struct pfs_data_writer *writer = NULL;
    struct pfs_err err = {0};

    if (pfs_data_writer_open(write, &writer, &err) < 0 || pfs_data_writer_add(writer, &w->batch, &err) < 0 ||
        pfs_data_writer_finish(writer, &w->arena, &w->made, &w->files, &err) < 0)
        fail_msg("%s", err.text);
    pfs_data_writer_close(writer);
}

static bool is_there(struct world *w, const char *name)
{
    struct pfs_stat stat;

    return pfs_store_stat(w->store, pfs_arena_printf(&w->arena, "t/bucket-0/%s", name), &stat, NULL) == 0;
}

#define K "{\"id\":0,\"name\":\"k\",\"type\":\"STRING NOT NULL\"}"
#define S "{\"id\":1,\"name\":\"s\",\"type\":\"STRING\"}"
#define D "{\"id\":2,\"name\":\"d\",\"type\":\"DOUBLE\"}"
#define M "{\"id\":3,\"name\":\"m\",\"type\":{\"type\":\"MAP\",\"key\":\"STRING NOT NULL\",\"value\":\"INT\"}}"

/* ---- values ---- */

static void a_sum_that_outgrew_its_decimal_is_null_in_an_orc_file(void **state)
{
    static const char *const formats[] = {"orc", "parquet"};

    (void)state;
    for (size_t i = 0; i < COUNT(formats); i++) {
        struct pfs_data_write write;
        struct world w;
        int64_t sums[2] = {999999999, 1000000000};
        char options[40];

        (void)snprintf(options, sizeof(options), "\"file.format\":\"%s\"", formats[i]);
        set_up(&w, K ",{\"id\":4,\"name\":\"sum\",\"type\":\"DECIMAL(9, 2)\"}", "\"k\"", options);
        rows(&w, "{\"k\":\"a\",\"sum\":1}\n{\"k\":\"b\",\"sum\":2}\n", "");
        w.batch.column[1].values = sums;
        write = write_of(&w);
        write_rows(&w, &write);
        assert_int_equal(w.made[0].file.value_stats.nulls[1], i == 0 ? 1 : 0);
        tear_down(&w);
    }
}

/* ---- names ---- */

static void names_and_places_follow_the_options(void **state)
{
    static const struct {
        const char *options;
        int32_t level;
        bool changelog;
        const char *dir, *prefix, *suffix;
    } cases[] = {
        {"", 0, false, "t/bucket-0", "data-", ".parquet"},
        {"", 0, true, "t/bucket-0", "changelog-", ".parquet"},
        {"\"data-file.prefix\":\"part-\"", 0, false, "t/bucket-0", "part-", ".parquet"},
        {"\"changelog-file.prefix\":\"cl-\",\"data-file.prefix\":\"part-\"", 0, true, "t/bucket-0", "cl-", ".parquet"},
        {"\"file.suffix.include.compression\":\"true\"", 0, false, "t/bucket-0", "data-", ".zst.parquet"},
        {"\"file.suffix.include.compression\":\"true\",\"file.compression\":\"none\"", 0, false, "t/bucket-0", "data-",
         "0.parquet"},
        {"\"file.suffix.include.compression\":\"true\",\"file.compression\":\"gzip\"", 0, false, "t/bucket-0", "data-",
         ".gz.parquet"},
        {"\"file.suffix.include.compression\":\"true\",\"changelog-file.compression\":\"snappy\"", 0, true,
         "t/bucket-0", "changelog-", ".zst.parquet"},
        {"\"file.suffix.include.compression\":\"true\",\"file.compression.per.level\":\"0:snappy\"", 0, false,
         "t/bucket-0", "data-", ".zst.parquet"},
        {"\"data-file.path-directory\":\"x/y\"", 0, false, "t/x/y/bucket-0", "data-", ".parquet"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_data_write write;
        struct world w;
        const char *name;
        struct pfs_stat stat;

        set_up(&w, K "," S, "\"k\"", cases[i].options);
        rows(&w, "{\"k\":\"a\"}\n", "");
        write = write_of(&w);
        write.level = cases[i].level;
        write.changelog = cases[i].changelog;
        write_rows(&w, &write);
        assert_int_equal(w.files, 1);
        name = w.made[0].file.name;
        CHECK(name, strncmp(name, cases[i].prefix, strlen(cases[i].prefix)) == 0);
        CHECK(name, strcmp(name + strlen(name) - strlen(cases[i].suffix), cases[i].suffix) == 0);
        CHECK(name, strchr(name, '.') == name + strlen(name) - strlen(strchr(cases[i].suffix, '.')));
        CHECK(cases[i].dir,
              pfs_store_stat(w.store, pfs_arena_printf(&w.arena, "%s/%s", cases[i].dir, name), &stat, NULL) == 0);
        tear_down(&w);
    }
}

static void options_without_sense_are_refused_with_their_value(void **state)
{
    static const struct {
        const char *options, *said;
    } cases[] = {
        {"\"file.format\":\"foo\"", "foo"},
        {"\"file.format.per.level\":\"0:foo\"", "foo"},
        {"\"file.format.per.level\":\"zero:orc\"", "zero"},
        {"\"file.compression\":\"lzo\"", "lzo"},
        {"\"file.compression\":\"deflate\"", "deflate"},
        {"\"file.format\":\"avro\",\"file.compression\":\"none\"", "none"},
        {"\"file.format\":\"avro\",\"file.compression\":\"Snappy\"", "Snappy"},
        {"\"file.format\":\"orc\",\"file.compression\":\"uncompressed\"", "uncompressed"},
        {"\"file.format\":\"parquet\",\"file.compression\":\"null\"", "null"},
        {"\"metadata.stats-mode\":\"most\"", "most"},
        {"\"metadata.stats-mode.per.level\":\"0:most\"", "most"},
        {"\"fields.s.stats-mode\":\"truncate(0)\"", "truncate(0)"},
        {"\"data-file.prefix\":\"../\"", "../"},
        {"\"file-index.bitmap.columns\":\"zz\"", "zz"},
        {"\"file-index.bitmap.columns\":\"s[x]\"", "s[x]"},
        {"\"file-index.magic.columns\":\"s\"", "magic"},
        {"\"file-index.bsi.columns\":\"s\"", "bsi"},
        {"\"file-index.bloom-filter.columns\":\"s\",\"file-index.bloom-filter.s.fpp\":\"2\"", "fpp"},
        {"\"file-index.bloom-filter.columns\":\"s\",\"file-index.bloom-filter.s.items\":\"many\"", "many"},
        {"\"file-index.bitmap.columns\":\"s\",\"file-index.bitmap.s.version\":\"3\"", "3"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_data_writer *writer = NULL;
        struct pfs_data_write write;
        struct pfs_err err = {0};
        struct world w;

        set_up(&w, K "," S, "\"k\"", cases[i].options);
        write = write_of(&w);
        CHECK(cases[i].options, pfs_data_writer_open(&write, &writer, &err) == -EINVAL);
        CHECK(err.text, strstr(err.text, cases[i].said) != NULL);
        tear_down(&w);
    }
}

/* ---- where files end ---- */

static void files_end_between_two_keys(void **state)
{
    struct pfs_data_write write;
    struct pfs_buf lines = {0}, kinds = {0};
    struct world w;
    int64_t all = 0, deletes = 0;

    (void)state;
    set_up(&w, K "," S, "\"k\"", "\"target-file-size\":\"11 kb\",\"file.compression\":\"none\"");
    for (uint32_t i = 0; i < 4000; i++) {
        pfs_buf_printf(&lines, "{\"k\":\"%06u\",\"s\":\"%08x\"}\n", i / 300, i * 2654435761u);
        pfs_buf_putc(&kinds, i % 3 == 0 ? '3' : '0');
    }
    pfs_buf_putc(&lines, 0);
    pfs_buf_putc(&kinds, 0);
    rows(&w, (const char *)lines.at, (const char *)kinds.at);
    write = write_of(&w);
    write.changelog = true;
    write_rows(&w, &write);
    assert_true(w.files > 2);
    for (int64_t i = 0; i < w.files; i++) {
        const struct pfs_data_file *f = &w.made[i].file;

        assert_true(i == 0 || !pfs_slice_eq(w.made[i - 1].file.max_key, f->min_key));
        assert_true(i == 0 || w.made[i - 1].file.max_sequence + 1 == f->min_sequence);
        assert_true(i + 1 == w.files || f->size >= 11 * 1024);
        assert_int_equal(f->max_sequence - f->min_sequence + 1, f->rows);
        all += f->rows;
        deletes += f->delete_rows;
    }
    assert_int_equal(all, 4000);
    assert_int_equal(deletes, 1334);
    pfs_buf_done(&lines);
    pfs_buf_done(&kinds);
    tear_down(&w);
}

static void a_full_file_waits_for_another_key_over_batches(void **state)
{
    struct pfs_data_writer *writer = NULL;
    struct pfs_data_write write;
    struct world w;

    (void)state;
    set_up(&w, K "," S, "\"k\"", "\"target-file-size\":\"1 b\"");
    write = write_of(&w);
    write.changelog = true;
    assert_int_equal(pfs_data_writer_open(&write, &writer, NULL), 0);
    rows(&w, "{\"k\":\"a\"}\n", "");
    for (int i = 0; i < 3; i++)
        assert_int_equal(pfs_data_writer_add(writer, &w.batch, NULL), 0);
    rows(&w, "{\"k\":\"a\"}\n{\"k\":\"a\"}\n{\"k\":\"b\"}\n", "");
    assert_int_equal(pfs_data_writer_add(writer, &w.batch, NULL), 0);
    assert_int_equal(pfs_data_writer_finish(writer, &w.arena, &w.made, &w.files, NULL), 0);
    pfs_data_writer_close(writer);
    assert_int_equal(w.files, 2);
    assert_int_equal(w.made[0].file.rows, 5);
    assert_int_equal(w.made[1].file.rows, 1);
    tear_down(&w);
}

/* ---- statistics ---- */

static struct pfs_column value_of(struct world *w, struct pfs_slice row, const struct pfs_data_file *f, int32_t column)
{
    const struct pfs_type *types[4];
    struct pfs_column values[4];
    int32_t count = f->stats_columns < 0 ? w->schema.columns : (int32_t)f->stats_columns;

    for (int32_t i = 0; i < count; i++) {
        int32_t c = f->stats_columns < 0 ? i : pfs_schema_find(&w->schema, pfs_str(f->stats_column[i]));

        assert_true(c >= 0);
        types[i] = &w->schema.field[c].type;
        column = c == column ? 100 + i : column;
    }
    assert_true(column >= 100);
    assert_int_equal(pfs_binrow_parse(row, types, count, &w->arena, values, NULL), 0);
    return values[column - 100];
}

static void assert_text(struct world *w, struct pfs_slice row, int32_t column, const char *want)
{
    struct pfs_column c = value_of(w, row, &w->made[0].file, column);

    assert_true(pfs_column_present(&c, 0));
    CHECK(want, pfs_slice_eq(pfs_column_bytes(&c, 0), pfs_str(want)));
}

static void texts_are_cut_and_the_greatest_one_is_raised(void **state)
{
    struct pfs_data_write write;
    struct world w;

    (void)state;
    set_up(&w, K "," S "," D, "\"k\"", "");
    rows(&w,
         "{\"k\":\"a\",\"s\":\"abcdefghijklmnopqrstuvwxyz\"}\n{\"k\":\"b\",\"s\":\"\xc3\xa9\xc3\xa9\xc3\xa9"
         "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3"
         "\xa9\xc3\xa9\"}\n{\"k\":\"c\"}\n",
         "");
    write = write_of(&w);
    write_rows(&w, &write);
    assert_int_equal(w.made[0].file.stats_columns, -1);
    assert_text(&w, w.made[0].file.value_stats.min, 1, "abcdefghijklmnop");
    assert_text(&w, w.made[0].file.value_stats.max, 1,
                "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
                "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xaa");
    assert_int_equal(w.made[0].file.value_stats.nulls[0], 0);
    assert_int_equal(w.made[0].file.value_stats.nulls[1], 1);
    assert_int_equal(w.made[0].file.value_stats.nulls[2], 3);
    tear_down(&w);
}

static void floating_bounds_are_in_total_order(void **state)
{
    static const struct {
        const char *what, *rows;
        double min, max;
    } cases[] = {
        {"not a number is last", "{\"d\":\"NaN\"}\n{\"d\":1.5}\n{\"d\":-1}\n", -1, (double)NAN},
        {"nothing else", "{\"d\":\"NaN\"}\n{\"d\":null}\n", (double)NAN, (double)NAN},
        {"two zeros", "{\"d\":0.0}\n{\"d\":-0.0}\n", -0.0, 0.0},
        {"numbers", "{\"d\":2}\n{\"d\":null}\n{\"d\":-3}\n", -3, 2},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_data_write write;
        struct pfs_column min, max;
        struct world w;

        set_up(&w, D, "", "");
        rows(&w, cases[i].rows, "");
        write = write_of(&w);
        write_rows(&w, &write);
        min = value_of(&w, w.made[0].file.value_stats.min, &w.made[0].file, 0);
        max = value_of(&w, w.made[0].file.value_stats.max, &w.made[0].file, 0);
        CHECK(cases[i].what, pfs_column_present(&min, 0) && pfs_column_present(&max, 0));
        CHECK(cases[i].what, memcmp(min.values, &cases[i].min, 8) == 0);
        CHECK(cases[i].what, memcmp(max.values, &cases[i].max, 8) == 0);
        tear_down(&w);
    }
}

static void modes_leave_out_what_they_say(void **state)
{
    static const struct {
        const char *options;
        bool changelog;
        int64_t columns, key_len; /* that have statistics; characters of the key's bound */
    } cases[] = {
        {"", false, -1, 128},
        {"\"metadata.stats-mode\":\"none\"", false, 0, 128},
        {"\"metadata.stats-mode\":\"none\",\"metadata.stats-dense-store\":\"false\"", false, -1, 128},
        {"\"metadata.stats-mode\":\"none\",\"fields.s.stats-mode\":\"full\"", false, 1, 128},
        {"\"metadata.stats-mode.per.level\":\"0:none,5:full\"", false, 0, 128},
        {"\"metadata.stats-mode.per.level\":\"0:none,5:full\"", true, -1, 128},
        {"\"changelog-file.stats-mode\":\"none\"", true, 0, 128},
        {"\"changelog-file.stats-mode\":\"none\"", false, -1, 128},
        {"\"metadata.stats-keep-first-n-columns\":\"2\"", false, 2, 128},
        {"\"metadata.stats-keep-first-n-columns\":\"1\",\"data-file.thin-mode\":\"true\"", false, 2, 128},
        {"\"metadata.stats-mode\":\"none\",\"data-file.thin-mode\":\"true\"", false, 1, 128},
        {"\"fields.k.stats-mode\":\"full\",\"data-file.thin-mode\":\"true\"", false, -1, 150},
        {"\"fields.k.stats-mode\":\"full\"", false, -1, 128},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_data_write write;
        struct pfs_column key;
        const struct pfs_type *type;
        struct world w;

        set_up(&w, K "," S "," D, "\"k\"", cases[i].options);
        rows(&w, pfs_arena_printf(&w.arena, "{\"k\":\"%0150d\",\"s\":\"x\",\"d\":1}\n", 7), "");
        write = write_of(&w);
        write.changelog = cases[i].changelog;
        write_rows(&w, &write);
        CHECK(cases[i].options, w.made[0].file.stats_columns == cases[i].columns);
        type = &w.schema.field[0].type;
        assert_int_equal(pfs_binrow_parse(w.made[0].file.key_stats.min, &type, 1, &w.arena, &key, NULL), 0);
        CHECK(cases[i].options, pfs_column_bytes(&key, 0).len == (size_t)cases[i].key_len);
        assert_int_equal(pfs_binrow_parse(w.made[0].file.min_key, &type, 1, &w.arena, &key, NULL), 0);
        assert_int_equal(pfs_column_bytes(&key, 0).len, 150);
        tear_down(&w);
    }
}

/* ---- file indexes ---- */

static void a_small_index_is_embedded_and_a_large_one_is_a_file(void **state)
{
    static const struct pfs_type text = {.kind = PFS_VARCHAR, .length = PFS_LENGTH_MAX, .nullable = true};
    static const int32_t offsets[] = {0, 3};
    struct pfs_column absent = {.type = &text, .offsets = offsets, .values = "abd"};

    (void)state;
    for (int large = 0; large < 2; large++) {
        struct pfs_fileindex *index = NULL;
        struct pfs_slice bytes;
        struct pfs_data_write write;
        enum pfs_index_answer answer = PFS_INDEX_ALL;
        struct pfs_bitmap *some = NULL;
        struct world w;

        set_up(&w, K "," S, "\"k\"",
               large ? "\"file-index.bitmap.columns\":\"s\",\"file-index.in-manifest-threshold\":\"1 b\""
                     : "\"file-index.bitmap.columns\":\"s\"");
        rows(&w, "{\"k\":\"a\",\"s\":\"abc\"}\n{\"k\":\"b\",\"s\":\"abe\"}\n", "");
        write = write_of(&w);
        write_rows(&w, &write);
        bytes = w.made[0].file.embedded_index;
        assert_int_equal(w.made[0].file.extra_files, large);
        assert_int_equal(bytes.at == NULL, large);
        if (large) {
            assert_true(strncmp(w.made[0].file.extra_file[0], w.made[0].file.name, strlen(w.made[0].file.name)) == 0);
            assert_int_equal(pfs_store_load(w.store,
                                            pfs_arena_printf(&w.arena, "t/bucket-0/%s", w.made[0].file.extra_file[0]),
                                            1000, &bytes, NULL),
                             0);
        }
        assert_int_equal(pfs_fileindex_parse(bytes, &index, NULL), 0);
        assert_int_equal(pfs_fileindex_test(index, "s", &text, PFS_EQ, &absent, 2, &answer, &some, NULL), 0);
        assert_int_equal(answer, PFS_INDEX_NONE);
        pfs_fileindex_close(index);
        if (large)
            pfs_free((void *)(uintptr_t)bytes.at);
        pfs_data_remove(&(struct pfs_data_place){w.store, "t", &w.schema, NULL}, &w.made[0]);
        assert_false(is_there(&w, w.made[0].file.name));
        assert_false(large && is_there(&w, w.made[0].file.extra_file[0]));
        tear_down(&w);
    }
}

static int count_names(void *context, struct pfs_slice name, bool directory)
{
    (void)name;
    (void)directory;
    ++*(int *)context;
    return 0;
}

static void a_writer_that_is_closed_early_leaves_nothing(void **state)
{
    (void)state;
    for (int finished = 0; finished < 2; finished++) {
        struct pfs_data_writer *writer = NULL;
        struct pfs_data_write write;
        struct world w;
        int left = 0;

        set_up(&w, K "," S, "\"k\"",
               "\"target-file-size\":\"1 b\",\"file-index.bitmap.columns\":\"s\",\"file-index.in-manifest-threshold\":"
               "\"1 b\"");
        write = write_of(&w);
        assert_int_equal(pfs_data_writer_open(&write, &writer, NULL), 0);
        for (char k = 'a'; k < 'd'; k++) {
            rows(&w, pfs_arena_printf(&w.arena, "{\"k\":\"%c\"}\n", k), "");
            assert_int_equal(pfs_data_writer_add(writer, &w.batch, NULL), 0);
        }
        if (finished)
            assert_int_equal(pfs_data_writer_finish(writer, &w.arena, &w.made, &w.files, NULL), 0);
        pfs_data_writer_close(writer);
        (void)pfs_store_list(w.store, "t/bucket-0", count_names, &left, NULL);
        assert_int_equal(left, finished ? 6 : 0);
        tear_down(&w);
    }
}

/* The indexes are the bytes of Paimon for the same rows. */
static void keys_of_a_map_are_indexed_each(void **state)
{
    static const char *const want =
        "00054e4ed01a35ae000000010000004c0000000200046d5b785d0000000100066269746d61700000004c000000410004"
        "6d5b7a5d0000000100066269746d61700000008d000000410000000002000000050000000101000000000000000f0000"
        "00010000000100000000000000100000000100000001ffffffffffffffff3b3000000100000300010001000300020000"
        "00050000000101000000000000000f000000010000000900000000000000100000000100000009fffffffbffffffff3b"
        "3000000100000300010000000300";
    const struct pfs_index_source *source;
    struct pfs_fileindex_writer *writer = NULL;
    struct pfs_indexes indexes;
    struct pfs_buf out = {0};
    struct pfs_cursor c;
    struct world w;

    (void)state;
    set_up(&w, S "," M, "", "\"file-index.bitmap.columns\":\"m[x], m[z]\"");
    rows(&w, "{\"m\":{\"x\":1,\"y\":2}}\n{\"m\":null}\n{\"m\":{\"y\":5}}\n{\"m\":{\"x\":null}}\n{\"m\":{\"z\":9}}\n",
         "");
    assert_int_equal(pfs_indexes_read(&w.schema, &w.arena, &indexes, NULL), 0);
    assert_int_equal(indexes.count, 2);
    source = indexes.source;
    assert_int_equal(source[0].column, 1);
    assert_true(pfs_slice_eq(source[0].key, pfs_str("x")));
    assert_int_equal(pfs_fileindex_writer_open(indexes.write, indexes.count, &writer, NULL), 0);
    assert_int_equal(pfs_indexes_add(&indexes, writer, &w.batch, NULL), 0);
    assert_int_equal(pfs_fileindex_writer_finish(writer, &out, NULL), 0);
    c = pfs_cursor_of(pfs_buf_slice(&out));
    for (const char *at = want; at[0] != '\0' && !c.bad; at += 2) {
        char byte[3] = {at[0], at[1], '\0'};

        if (pfs_take_u8(&c) != strtoul(byte, NULL, 16))
            fail_msg("byte %d differs", (int)c.pos - 1);
    }
    assert_true(!c.bad && pfs_left(&c) == 0);
    pfs_fileindex_writer_close(writer);
    pfs_buf_done(&out);
    tear_down(&w);
}

/* Schemas of before 0.9 meant ORC where they said nothing. */
static void formats_of_levels_differ_by_the_default_of_the_schema(void **state)
{
    static const struct {
        const char *options;
        int32_t version;
        bool differ;
    } cases[] = {
        {"\"file.format.per.level\":\"0:orc\"", 3, true},      {"\"file.format.per.level\":\"0:orc\"", 2, false},
        {"\"file.format.per.level\":\"0:parquet\"", 3, false}, {"\"file.format.per.level\":\"0:parquet\"", 2, true},
        {"\"file.format.per.level\":\"0:avro\"", 2, true},     {"", 2, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct world w;
        bool differ = !cases[i].differ;

        set_up(&w, K, "\"k\"", cases[i].options);
        w.schema.version = cases[i].version;
        assert_int_equal(pfs_data_formats_differ(&w.schema, 0, 5, &differ, NULL), 0);
        CHECK(cases[i].options, differ == cases[i].differ);
        tear_down(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sum_that_outgrew_its_decimal_is_null_in_an_orc_file),
        cmocka_unit_test(names_and_places_follow_the_options),
        cmocka_unit_test(formats_of_levels_differ_by_the_default_of_the_schema),
        cmocka_unit_test(options_without_sense_are_refused_with_their_value),
        cmocka_unit_test(files_end_between_two_keys),
        cmocka_unit_test(a_full_file_waits_for_another_key_over_batches),
        cmocka_unit_test(texts_are_cut_and_the_greatest_one_is_raised),
        cmocka_unit_test(floating_bounds_are_in_total_order),
        cmocka_unit_test(modes_leave_out_what_they_say),
        cmocka_unit_test(a_small_index_is_embedded_and_a_large_one_is_a_file),
        cmocka_unit_test(a_writer_that_is_closed_early_leaves_nothing),
        cmocka_unit_test(keys_of_a_map_are_indexed_each),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
