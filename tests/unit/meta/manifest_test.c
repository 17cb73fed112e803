/* manifest_test.c - what Paimon wrote is read, printed and read again as the same facts; damage is an answer or a
 * sentence. The files are the seeds of the fuzz target, written by Paimon 1.4.2. */
#include "src/meta/manifest.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "format/avro/avro.h"
#include "tests/unit/cm.h"

#define SEEDS "tests/fuzz/corpus/manifest"

static struct pfs_arena arena;

static int set_up(void **state)
{
    (void)state;
    pfs_arena_init(&arena, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pfs_arena_done(&arena);
    return 0;
}

static struct pfs_slice load_seed(const char *name)
{
    static const size_t bytes_max = 1 << 16;
    uint8_t *at = pfs_arena_alloc(&arena, bytes_max);
    char path[300];
    size_t len;
    FILE *in;

    (void)snprintf(path, sizeof(path), SEEDS "/%s", name);
    in = fopen(path, "rb");
    if (in == NULL)
        fail_msg("%s is not there", path);
    len = fread(at, 1, bytes_max, in);
    assert_true(len < bytes_max);
    fclose(in);
    return pfs_slice_of(at, len);
}

/* ---- equal facts ---- */

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool same_texts(const char *const *a, int64_t as, const char *const *b, int64_t bs)
{
    for (int64_t i = 0; as == bs && i < as; i++)
        if (strcmp(a[i], b[i]) != 0)
            return false;
    return as == bs;
}

static bool same_bytes(struct pfs_slice a, struct pfs_slice b)
{
    return (a.at == NULL) == (b.at == NULL) && pfs_slice_eq(a, b);
}

static bool same_stats(const struct pfs_stats *a, const struct pfs_stats *b)
{
    return same_bytes(a->min, b->min) && same_bytes(a->max, b->max) && a->columns == b->columns &&
           (a->columns == 0 || memcmp(a->nulls, b->nulls, (size_t)a->columns * sizeof(*a->nulls)) == 0);
}

static bool same_manifest_file(const void *x, const void *y)
{
    const struct pfs_manifest_file *a = x, *b = y;

    return same_text(a->name, b->name) && a->size == b->size && a->added == b->added && a->deleted == b->deleted &&
           same_stats(&a->partitions, &b->partitions) && a->schema_id == b->schema_id &&
           a->has_ranges == b->has_ranges && a->min_bucket == b->min_bucket && a->max_bucket == b->max_bucket &&
           a->min_level == b->min_level && a->max_level == b->max_level && a->has_row_ids == b->has_row_ids &&
           a->min_row_id == b->min_row_id && a->max_row_id == b->max_row_id;
}

static bool same_data_file(const struct pfs_data_file *a, const struct pfs_data_file *b)
{
    return same_text(a->name, b->name) && a->size == b->size && a->rows == b->rows &&
           same_bytes(a->min_key, b->min_key) && same_bytes(a->max_key, b->max_key) &&
           same_stats(&a->key_stats, &b->key_stats) && same_stats(&a->value_stats, &b->value_stats) &&
           a->min_sequence == b->min_sequence && a->max_sequence == b->max_sequence && a->schema_id == b->schema_id &&
           a->level == b->level && same_texts(a->extra_file, a->extra_files, b->extra_file, b->extra_files) &&
           a->creation_time_ms == b->creation_time_ms && a->delete_rows == b->delete_rows &&
           same_bytes(a->embedded_index, b->embedded_index) && a->source == b->source &&
           same_texts(a->stats_column, a->stats_columns, b->stats_column, b->stats_columns) &&
           same_text(a->external_path, b->external_path) && a->first_row_id == b->first_row_id &&
           same_texts(a->write_column, a->write_columns, b->write_column, b->write_columns);
}

static bool same_entry(const void *x, const void *y)
{
    const struct pfs_manifest_entry *a = x, *b = y;

    return a->deleted == b->deleted && same_bytes(a->partition, b->partition) && a->bucket == b->bucket &&
           a->total_buckets == b->total_buckets && same_data_file(&a->file, &b->file);
}

static bool same_index(const void *x, const void *y)
{
    const struct pfs_index_entry *a = x, *b = y;

    for (int64_t i = 0; a->vectors == b->vectors && i < a->vectors; i++)
        if (strcmp(a->vector[i].file, b->vector[i].file) != 0 || a->vector[i].off != b->vector[i].off ||
            a->vector[i].len != b->vector[i].len || a->vector[i].cardinality != b->vector[i].cardinality)
            return false;
    for (int64_t i = 0; a->global_extra_fields == b->global_extra_fields && i < a->global_extra_fields; i++)
        if (a->global_extra_field[i] != b->global_extra_field[i])
            return false;
    return same_bytes(a->partition, b->partition) && a->bucket == b->bucket && same_text(a->type, b->type) &&
           same_text(a->name, b->name) && a->size == b->size && a->rows == b->rows && a->vectors == b->vectors &&
           same_text(a->external_path, b->external_path) && a->global == b->global &&
           a->global_from == b->global_from && a->global_to == b->global_to && a->global_field == b->global_field &&
           a->global_extra_fields == b->global_extra_fields && same_bytes(a->global_meta, b->global_meta);
}

/* ---- the three kinds of file behind one table ---- */

static int parse_list(struct pfs_slice file, void **items, int64_t *count, struct pfs_err *err)
{
    return pfs_manifest_list_parse(file, &arena, (struct pfs_manifest_file **)items, count, err);
}

static int parse_entries(struct pfs_slice file, void **items, int64_t *count, struct pfs_err *err)
{
    return pfs_manifest_parse(file, &arena, (struct pfs_manifest_entry **)items, count, err);
}

static int parse_index(struct pfs_slice file, void **items, int64_t *count, struct pfs_err *err)
{
    return pfs_index_manifest_parse(file, &arena, (struct pfs_index_entry **)items, count, err);
}

static int print_list(const void *items, int64_t count, struct pfs_buf *out)
{
    return pfs_manifest_list_print(items, count, NULL, out, NULL);
}

static int print_entries(const void *items, int64_t count, struct pfs_buf *out)
{
    return pfs_manifest_print(items, count, NULL, out, NULL);
}

static int print_index(const void *items, int64_t count, struct pfs_buf *out)
{
    return pfs_index_manifest_print(items, count, NULL, out, NULL);
}

static const struct kind {
    const char *mark; /* a field that no other kind has */
    size_t size;
    int (*parse)(struct pfs_slice file, void **items, int64_t *count, struct pfs_err *err);
    int (*print)(const void *items, int64_t count, struct pfs_buf *out);
    bool (*same)(const void *a, const void *b);
} kinds[] = {
    {"_NUM_ADDED_FILES", sizeof(struct pfs_manifest_file), parse_list, print_list, same_manifest_file},
    {"_TOTAL_BUCKETS", sizeof(struct pfs_manifest_entry), parse_entries, print_entries, same_entry},
    {"_INDEX_TYPE", sizeof(struct pfs_index_entry), parse_index, print_index, same_index},
};

static const struct kind *kind_of(struct pfs_slice file)
{
    for (size_t k = 0; k < COUNT(kinds); k++)
        if (memmem(file.at, file.len, kinds[k].mark, strlen(kinds[k].mark)) != NULL)
            return &kinds[k];
    fail_msg("a file of no kind");
    return NULL;
}

/* ---- tests ---- */

static void the_entries_of_a_manifest_are_read(void **state)
{
    static const uint8_t key[] = {0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 60, 0, 0, 0, 0, 0, 0, 0};
    struct pfs_manifest_entry *e;
    int64_t count;

    (void)state;
    assert_int_equal(pfs_manifest_parse(load_seed("dv-pk-2"), &arena, &e, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_false(e->deleted);
    assert_int_equal(e->partition.len, 12);
    assert_int_equal(e->bucket, 0);
    assert_int_equal(e->total_buckets, 1);
    assert_string_equal(e->file.name, "data-919c9fb8-868e-466d-a894-c207594a17d8-0.parquet");
    assert_int_equal(e->file.size, 1960);
    assert_int_equal(e->file.rows, 14);
    assert_true(pfs_slice_eq(e->file.min_key, pfs_slice_of(key, sizeof(key))));
    assert_int_equal(e->file.max_key.at[12], '#');
    assert_true(pfs_slice_eq(e->file.key_stats.min, e->file.min_key));
    assert_true(pfs_slice_eq(e->file.key_stats.max, e->file.max_key));
    assert_int_equal(e->file.key_stats.columns, 1);
    assert_int_equal(e->file.value_stats.columns, 4);
    assert_int_equal(e->file.value_stats.nulls[0], 0);
    assert_int_equal(e->file.value_stats.nulls[1], 3);
    assert_int_equal(e->file.min_sequence, 328);
    assert_int_equal(e->file.max_sequence, 341);
    assert_int_equal(e->file.schema_id, 0);
    assert_int_equal(e->file.level, 0);
    assert_int_equal(e->file.extra_files, 0);
    assert_int_equal(e->file.creation_time_ms, 1795225751042);
    assert_int_equal(e->file.delete_rows, 1);
    assert_null(e->file.embedded_index.at);
    assert_int_equal(e->file.source, 0);
    assert_int_equal(e->file.stats_columns, -1);
    assert_null(e->file.external_path);
    assert_int_equal(e->file.first_row_id, INT64_MIN);
    assert_int_equal(e->file.write_columns, -1);
}

static void names_of_columns_with_statistics_are_read(void **state)
{
    struct pfs_manifest_entry *e;
    int64_t count;

    (void)state;
    assert_int_equal(pfs_manifest_parse(load_seed("stats-modes-2"), &arena, &e, &count, NULL), 0);
    assert_int_equal(e->total_buckets, -1);
    assert_int_equal(e->file.stats_columns, 6);
    assert_string_equal(e->file.stats_column[4], "ts");
    assert_int_equal(pfs_manifest_parse(load_seed("append-row-tracking-1"), &arena, &e, &count, NULL), 0);
    assert_int_equal(e->file.first_row_id, 120);
    assert_string_equal(e->file.stats_column[1], "s");
}

static void the_manifests_of_a_list_are_read(void **state)
{
    struct pfs_manifest_file *m;
    int64_t count;

    (void)state;
    assert_int_equal(pfs_manifest_list_parse(load_seed("partitions-3"), &arena, &m, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_string_equal(m->name, "manifest-4b6b3015-1e37-40e6-a9c6-d826571562e4-0");
    assert_int_equal(m->size, 2761);
    assert_int_equal(m->added, 9);
    assert_int_equal(m->deleted, 0);
    assert_int_equal(m->partitions.columns, 2);
    assert_int_equal(m->partitions.min.len, 36);
    assert_true(m->has_ranges);
    assert_false(m->has_row_ids);
    assert_int_equal(pfs_manifest_list_parse(load_seed("append-row-tracking-3"), &arena, &m, &count, NULL), 0);
    assert_true(m->has_row_ids);
    assert_int_equal(m->min_row_id, 30);
    assert_int_equal(m->max_row_id, 59);
}

static void the_entries_of_an_index_manifest_are_read(void **state)
{
    struct pfs_index_entry *e;
    int64_t count;

    (void)state;
    assert_int_equal(pfs_index_manifest_parse(load_seed("dv-pk-1"), &arena, &e, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_string_equal(e->type, "DELETION_VECTORS");
    assert_int_equal(e->size, 141);
    assert_int_equal(e->vectors, 2);
    assert_string_equal(e->vector[1].file, "data-803619fa-edc6-451c-bc81-48c526c43a3a-0.parquet");
    assert_int_equal(e->vector[1].off, 33);
    assert_int_equal(e->vector[1].len, 100);
    assert_int_equal(e->vector[1].cardinality, 40);
    assert_int_equal(pfs_index_manifest_parse(load_seed("bucket-dynamic-1"), &arena, &e, &count, NULL), 0);
    assert_int_equal(count, 8);
    assert_string_equal(e->type, "HASH");
    assert_int_equal(e->size, 120);
    assert_int_equal(e->rows, 30);
    assert_int_equal(e->vectors, -1);
    assert_false(e->global);
}

/* Every seed: equal facts, and but for compressed bytes and mark an equal file. */
static void what_is_printed_parses_to_the_same_facts(void **state)
{
    DIR *dir = opendir(SEEDS);
    int files = 0;

    (void)state;
    assert_non_null(dir);
    for (struct dirent *d; (d = readdir(dir)) != NULL;) {
        struct pfs_slice file;
        struct pfs_buf out = {0};
        const struct kind *kind;
        void *a, *b;
        int64_t count, again;

        if (d->d_name[0] == '.')
            continue;
        file = load_seed(d->d_name);
        kind = kind_of(file);
        CHECK(d->d_name, kind->parse(file, &a, &count, NULL) == 0 && count > 0);
        CHECK(d->d_name, kind->print(a, count, &out) == 0);
        CHECK(d->d_name, kind->parse(pfs_buf_slice(&out), &b, &again, NULL) == 0 && again == count);
        for (int64_t i = 0; i < count; i++)
            CHECK(d->d_name, kind->same((uint8_t *)a + (size_t)i * kind->size, (uint8_t *)b + (size_t)i * kind->size));
        /* The header, schema and codec, is Paimon's own to the byte. */
        CHECK(d->d_name, out.len > 700 && memcmp(out.at, file.at, 700) == 0);
        pfs_buf_done(&out);
        files++;
    }
    closedir(dir);
    assert_true(files >= 20);
}

static const uint8_t row0[12];

/* An entry that has all that the seeds lack. */
static struct pfs_manifest_entry full_entry(void)
{
    static const char *const extra[] = {"a.index", "b.index"}, *const columns[] = {"x", "y"};
    static const int64_t nulls[] = {3, -1};
    struct pfs_slice row = pfs_slice_of(row0, sizeof(row0));

    return (struct pfs_manifest_entry){
        .deleted = true,
        .partition = row,
        .bucket = -2,
        .total_buckets = -2,
        .file = {.name = "data-1.orc",
                 .size = (int64_t)1 << 40,
                 .rows = 7,
                 .min_key = row,
                 .max_key = row,
                 .key_stats = {row, row, 0, NULL},
                 .value_stats = {row, row, 2, nulls},
                 .min_sequence = -1,
                 .max_sequence = INT64_MAX,
                 .schema_id = 5,
                 .level = 4,
                 .extra_files = 2,
                 .extra_file = extra,
                 .creation_time_ms = 12345,
                 .delete_rows = INT64_MIN,
                 .embedded_index = pfs_str("index bytes"),
                 .source = 1,
                 .stats_columns = 2,
                 .stats_column = columns,
                 .external_path = "file:/elsewhere/data-1.orc",
                 .first_row_id = 0,
                 .write_columns = 0},
    };
}

static void every_member_of_an_entry_is_kept(void **state)
{
    struct pfs_manifest_entry e = full_entry(), copy, *got;
    struct pfs_buf out = {0};
    int64_t count;

    (void)state;
    assert_int_equal(pfs_manifest_print(&e, 1, NULL, &out, NULL), 0);
    assert_int_equal(pfs_manifest_parse(pfs_buf_slice(&out), &arena, &got, &count, NULL), 0);
    assert_true(same_entry(&e, got));
    assert_int_equal(pfs_manifest_entry_copy(got, &arena, &copy, NULL), 0);
    assert_true(same_entry(&e, &copy));
    assert_ptr_not_equal(copy.file.name, got->file.name);
    assert_ptr_not_equal(copy.file.value_stats.nulls, got->file.value_stats.nulls);
    pfs_buf_done(&out);
}

static void manifests_are_compressed_as_the_option_says(void **state)
{
    static const struct {
        const char *option, *in_file; /* NULL: refused */
    } cases[] = {{"zstd", "zstandard"}, {"ZSTD", "zstandard"}, {"null", "null"}, {"deflate", "deflate"},
                 {"snappy", "snappy"},  {"lz4", NULL},         {"", NULL},       {"none", NULL},
                 {"Snappy", NULL}};
    struct pfs_manifest_entry e = full_entry(), *got;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_option item = {.key = "manifest.compression", .value = cases[i].option};
        struct pfs_options options = {1, &item};
        struct pfs_buf out = {0};
        struct pfs_err err = {0};
        const char *codec;
        int64_t count;

        if (cases[i].in_file == NULL) {
            assert_int_equal(pfs_manifest_codec(&options, &codec, &err), -EINVAL);
            assert_non_null(strstr(err.text, "whose codecs are"));
            continue;
        }
        assert_int_equal(pfs_manifest_codec(&options, &codec, NULL), 0);
        assert_string_equal(codec, cases[i].in_file);
        assert_int_equal(pfs_manifest_print(&e, 1, codec, &out, NULL), 0);
        assert_non_null(memmem(out.at, out.len, codec, strlen(codec)));
        assert_int_equal(pfs_manifest_parse(pfs_buf_slice(&out), &arena, &got, &count, NULL), 0);
        assert_true(count == 1 && same_entry(&e, got));
        pfs_buf_done(&out);
    }
}

static void every_member_of_a_global_index_is_kept(void **state)
{
    static const int32_t extra[] = {4, 5};
    struct pfs_index_entry e = {.partition = pfs_slice_of(row0, sizeof(row0)),
                                .type = "btree",
                                .name = "global-index-1",
                                .size = 10,
                                .rows = 20,
                                .vectors = -1,
                                .external_path = "s3://b/i",
                                .global = true,
                                .global_from = 5,
                                .global_to = 9,
                                .global_field = 3,
                                .global_extra_fields = 2,
                                .global_extra_field = extra,
                                .global_meta = pfs_str("m")},
                           *got;
    struct pfs_buf out = {0};
    int64_t count;

    (void)state;
    assert_int_equal(pfs_index_manifest_print(&e, 1, NULL, &out, NULL), 0);
    assert_int_equal(pfs_index_manifest_parse(pfs_buf_slice(&out), &arena, &got, &count, NULL), 0);
    assert_true(same_index(&e, got));
    pfs_buf_done(&out);
}

static void an_empty_list_is_a_file_without_blocks(void **state)
{
    struct pfs_buf out = {0};
    struct pfs_manifest_file *got;
    int64_t count = -1;

    (void)state;
    assert_int_equal(pfs_manifest_list_print(NULL, 0, NULL, &out, NULL), 0);
    assert_int_equal(out.len, 1006); /* as Paimon's own empty lists are */
    assert_int_equal(pfs_manifest_list_parse(pfs_buf_slice(&out), &arena, &got, &count, NULL), 0);
    assert_int_equal(count, 0);
    pfs_buf_done(&out);
}

/* Facts that no manifest may hold; each is printed as it is, and refused when read. */
static void facts_that_cannot_be_are_refused(void **state)
{
    static const char *const names[] = {"", ".", "..", "a/b", "../x", "/etc/passwd"};
    static const char *const extra[] = {"../../x"};
    struct pfs_manifest_entry e, *got;
    int64_t count;

    (void)state;
    for (size_t i = 0; i < COUNT(names) + 6; i++) {
        struct pfs_buf out = {0};
        struct pfs_err err = {0};

        e = full_entry();
        if (i < COUNT(names))
            e.file.name = names[i];
        e.file.rows = i == COUNT(names) ? -1 : i == COUNT(names) + 4 ? INT64_MAX : 7;
        e.file.size = i == COUNT(names) + 1 ? -1 : i == COUNT(names) + 5 ? INT64_MAX : 7;
        e.file.level = i == COUNT(names) + 2 ? -1 : 7;
        if (i == COUNT(names) + 3) {
            e.file.extra_files = 1;
            e.file.extra_file = extra;
        }
        assert_int_equal(pfs_manifest_print(&e, 1, NULL, &out, NULL), 0);
        assert_int_equal(pfs_manifest_parse(pfs_buf_slice(&out), &arena, &got, &count, &err), -EIO);
        assert_non_null(strstr(err.text, "record 1: field _"));
        pfs_buf_done(&out);
    }
}

static void other_versions_and_kinds_of_file_are_refused(void **state)
{
    struct pfs_slice manifest = load_seed("dv-pk-2"), list = load_seed("partitions-3"), index = load_seed("dv-pk-1");
    struct pfs_err err = {0};
    void *items;
    int64_t count;

    (void)state;
    assert_int_equal(parse_list(manifest, &items, &count, &err), -EIO);
    assert_int_equal(parse_index(manifest, &items, &count, &err), -EIO);
    assert_non_null(strstr(err.text, "_VERSION"));
    assert_int_equal(parse_entries(list, &items, &count, &err), -EIO);
    assert_int_equal(parse_entries(index, &items, &count, &err), -EIO);
    assert_non_null(strstr(err.text, "_VERSION"));
    assert_int_equal(parse_entries(pfs_str("PAR1"), &items, &count, &err), -EIO);
}

/* Manifests of Paimon before 1.0 lack what came later: those members read as absent. */
static void fields_that_old_files_lack_are_absent(void **state)
{
#define OLD_STATS(name)                                                                                          \
    "{\"name\":\"" name "\",\"type\":[\"null\",{\"type\":\"record\",\"name\":\"r" name                           \
    "\",\"fields\":[{\"name\":\"_MAX_VALUES\",\"type\":\"bytes\"},{\"name\":\"_MIN_VALUES\",\"type\":\"bytes\"}" \
    "]}]}"
#define OLD(name, type) "{\"name\":\"" name "\",\"type\":\"" type "\"},"
    static const char schema[] = "{\"type\":\"record\",\"name\":\"record\",\"fields\":[" OLD("_VERSION", "int")
        OLD("_KIND", "int") OLD("_BUCKET", "int") OLD("_PARTITION", "bytes") OLD(
            "_TOTAL_BUCKETS",
            "int") "{\"name\":\"_FILE\",\"type\":{\"type\":\"record\",\"name\":\"f\",\"fields\":[" OLD("_LEVEL", "int")
            OLD("_FILE_NAME", "string") OLD("_FILE_SIZE", "long") OLD("_ROW_COUNT", "long") OLD("_MIN_KEY", "bytes")
                OLD("_MAX_KEY", "bytes") OLD_STATS("_KEY_STATS") "," OLD_STATS("_VALUE_STATS") "," OLD(
                    "_MIN_SEQUENCE_NUMBER", "long") OLD("_MAX_SEQUENCE_NUMBER", "long")
                    OLD("_SCHEMA_ID",
                        "long") "{\"name\":\"_EXTRA_FILES\",\"type\":{\"type\":\"array\",\"items\":\"string\"}}]}}]}";
    static const char record[] = "\4\0\6\2p\10"        /* version, kind, bucket, partition, buckets */
                                 "\4\6d-1\24\26\2k\2l" /* level, name, size, rows, keys */
                                 "\2\2M\2m\2\2V\2v"    /* statistics, the maximum first */
                                 "\2\4\0\2\2x\0";      /* sequence numbers, schema, extra files */
    struct pfs_avro_writer w;
    struct pfs_buf out = {0};
    struct pfs_manifest_entry *e;
    struct pfs_err err = {0};
    int64_t count;

    (void)state;
    assert_int_equal(pfs_avro_begin(&w, schema, "snappy", &out, NULL), 0);
    assert_int_equal(pfs_avro_add(&w, pfs_slice_of(record, sizeof(record) - 1), NULL), 0);
    assert_int_equal(pfs_avro_end(&w, NULL), 0);
    if (pfs_manifest_parse(pfs_buf_slice(&out), &arena, &e, &count, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(count, 1);
    assert_int_equal(e->bucket, 3);
    assert_int_equal(e->total_buckets, 4);
    assert_string_equal(e->file.name, "d-1");
    assert_int_equal(e->file.level, 2);
    assert_true(pfs_slice_eq(e->file.key_stats.min, pfs_str("m")));
    assert_true(pfs_slice_eq(e->file.value_stats.max, pfs_str("V")));
    assert_int_equal(e->file.value_stats.columns, 0);
    assert_string_equal(e->file.extra_file[0], "x");
    assert_int_equal(e->file.creation_time_ms, INT64_MIN);
    assert_int_equal(e->file.delete_rows, INT64_MIN);
    assert_null(e->file.embedded_index.at);
    assert_int_equal(e->file.source, -1);
    assert_int_equal(e->file.stats_columns, -1);
    assert_int_equal(e->file.first_row_id, INT64_MIN);
    assert_int_equal(e->file.write_columns, -1);
    pfs_buf_done(&out);
}

static void many_entries_come_back_in_order(void **state)
{
    static const int64_t many = 5000, other_nulls[] = {3, 0};
    static const char *const other_columns[] = {"x", "yy"};
    struct pfs_manifest_entry *e = pfs_alloc_array((size_t)many, sizeof(*e)), *got;
    struct pfs_buf out = {0};
    int64_t count;

    (void)state;
    for (int64_t i = 0; i < many; i++) {
        e[i] = full_entry();
        e[i].file.rows = i;
        e[i].file.name = pfs_arena_printf(&arena, "data-%lld", (long long)i);
        if (i / 3 % 2 == 1) { /* runs of equal lists, which entries may share */
            e[i].file.value_stats.nulls = other_nulls;
            e[i].file.stats_column = other_columns;
            e[i].file.write_columns = 1 + i % 2;
            e[i].file.write_column = other_columns;
        }
    }
    assert_int_equal(pfs_manifest_print(e, many, NULL, &out, NULL), 0);
    assert_int_equal(pfs_manifest_parse(pfs_buf_slice(&out), &arena, &got, &count, NULL), 0);
    assert_int_equal(count, many);
    for (int64_t i = 0; i < many; i++)
        assert_true(same_entry(&e[i], &got[i]));
    pfs_buf_done(&out);
    pfs_free(e);
}

static void damage_at_every_byte_is_an_answer_or_a_sentence(void **state)
{
    static const char *const names[] = {"levels-full-1", "dv-pk-1", "append-row-tracking-3"};
    static const uint8_t masks[] = {0x01, 0x80, 0xff};

    (void)state;
    for (size_t n = 0; n < COUNT(names); n++) {
        struct pfs_arena kept = {0};
        struct pfs_slice seed = load_seed(names[n]), file;
        const struct kind *kind = kind_of(seed);
        int64_t count, refused = 0;
        void *items;

        assert_true(pfs_arena_copy(&kept, seed, &file));
        for (size_t i = 0; i < file.len * (COUNT(masks) + 1); i++) {
            size_t at = i / (COUNT(masks) + 1), m = i % (COUNT(masks) + 1);
            size_t len = m < COUNT(masks) ? file.len : at;
            uint8_t *damaged = pfs_alloc(len);
            struct pfs_err err = {0};
            int rc;

            memcpy(damaged, file.at, len);
            if (m < COUNT(masks))
                damaged[at] ^= masks[m];
            rc = kind->parse(pfs_slice_of(damaged, len), &items, &count, &err);
            CHECK(names[n], rc == 0 || (err.text[0] != '\0' && err.code == -rc));
            refused += rc < 0;
            pfs_free(damaged);
            pfs_arena_reset(&arena);
        }
        CHECK(names[n], refused > (int64_t)file.len);
        pfs_arena_done(&kept);
    }
}

static void every_allocation_that_fails_is_reported(void **state)
{
    static const char *const names[] = {"partitions-2", "dv-pk-1", "append-row-tracking-3"};

    (void)state;
    for (size_t n = 0; n < COUNT(names); n++) {
        struct pfs_slice file = load_seed(names[n]), kept;
        struct pfs_arena hold = {0};
        int rc = -ENOMEM;
        int tries = 0;

        assert_true(pfs_arena_copy(&hold, file, &kept));
        for (; rc == -ENOMEM; tries++) {
            const struct kind *kind = kind_of(kept);
            struct pfs_err err = {0};
            void *items;
            int64_t count;

            pfs_arena_done(&arena);
            pfs_mem_fail_after(tries);
            rc = kind->parse(kept, &items, &count, &err);
            pfs_mem_fail_after(-1);
            CHECK(names[n], rc == 0 || err.text[0] != '\0');
        }
        CHECK(names[n], rc == 0 && tries > 4);
        pfs_arena_done(&hold);
    }
}

static void a_manifest_that_is_not_there_is_damage(void **state)
{
    struct pfs_store *store;
    struct pfs_manifest_entry *e;
    struct pfs_manifest_file *m;
    struct pfs_err err = {0};
    int64_t count;

    (void)state;
    assert_int_equal(pfs_store_open_memory(&store, NULL), 0);
    assert_int_equal(pfs_manifest_load(store, "d.db/t", "manifest-1", &arena, &e, &count, &err), -EIO);
    assert_non_null(strstr(err.text, "d.db/t/manifest/manifest-1"));
    assert_int_equal(pfs_store_publish(store, "d.db/t/manifest/m-1", load_seed("dv-pk-2"), false, NULL), 0);
    assert_int_equal(pfs_manifest_load(store, "d.db/t", "m-1", &arena, &e, &count, &err), 0);
    assert_int_equal(count, 1);
    assert_int_equal(pfs_manifest_list_load(store, "d.db/t", "m-1", &arena, &m, &count, &err), -EIO);
    assert_non_null(strstr(err.text, "manifest m-1: record 1"));
    pfs_store_close(store);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(the_entries_of_a_manifest_are_read),
        TEST(names_of_columns_with_statistics_are_read),
        TEST(the_manifests_of_a_list_are_read),
        TEST(manifests_are_compressed_as_the_option_says),
        TEST(the_entries_of_an_index_manifest_are_read),
        TEST(what_is_printed_parses_to_the_same_facts),
        TEST(every_member_of_an_entry_is_kept),
        TEST(every_member_of_a_global_index_is_kept),
        TEST(an_empty_list_is_a_file_without_blocks),
        TEST(facts_that_cannot_be_are_refused),
        TEST(other_versions_and_kinds_of_file_are_refused),
        TEST(fields_that_old_files_lack_are_absent),
        TEST(many_entries_come_back_in_order),
        TEST(damage_at_every_byte_is_an_answer_or_a_sentence),
        TEST(every_allocation_that_fails_is_reported),
        TEST(a_manifest_that_is_not_there_is_damage),
    };

    return cmocka_run_group_tests_name("meta/manifest", tests, NULL, NULL);
}
