/* manifest_write.c - writing: facts into records of Avro files, with the schemas that Paimon 1.4.2 writes (spec
 * manifests 2 and 3, indexes 1). The field names and types are the format; the order below is theirs.
 *
 * A record is its fields in the order of the schema, without names: the functions below and the schemas above them must
 * agree, and a test reads what one of them makes with the other. An optional field is a union of null and its type: the
 * branch's number, then the value. An array is a count, as many items, and a count of 0.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "format/avro/avro.h"
#include "src/meta/manifest.h"

#define RECORD(name, fields) "{\"type\":\"record\",\"name\":\"" name "\",\"fields\":[" fields "]}"
#define ROOT(fields)                                                                                                  \
    "{\"type\":\"record\",\"name\":\"record\",\"namespace\":\"org.apache.paimon.avro.generated\",\"fields\":[" fields \
    "]}"
#define FIELD(name, type) "{\"name\":\"" name "\",\"type\":" type "}"
#define MAYBE(name, type) "{\"name\":\"" name "\",\"type\":[\"null\"," type "],\"default\":null}"
#define LIST(type) "{\"type\":\"array\",\"items\":" type "}"
#define STATS(name)                                                                                 \
    RECORD(name, FIELD("_MIN_VALUES", "\"bytes\"") "," FIELD("_MAX_VALUES", "\"bytes\"") "," MAYBE( \
                     "_NULL_COUNTS", LIST("[\"null\",\"long\"]")))

/* clang-format off */
static const char list_schema[] = ROOT(
    FIELD("_VERSION", "\"int\"") "," FIELD("_FILE_NAME", "\"string\"") "," FIELD("_FILE_SIZE", "\"long\"") ","
    FIELD("_NUM_ADDED_FILES", "\"long\"") "," FIELD("_NUM_DELETED_FILES", "\"long\"") ","
    FIELD("_PARTITION_STATS", STATS("record__PARTITION_STATS")) "," FIELD("_SCHEMA_ID", "\"long\"") ","
    MAYBE("_MIN_BUCKET", "\"int\"") "," MAYBE("_MAX_BUCKET", "\"int\"") "," MAYBE("_MIN_LEVEL", "\"int\"") ","
    MAYBE("_MAX_LEVEL", "\"int\"") "," MAYBE("_MIN_ROW_ID", "\"long\"") "," MAYBE("_MAX_ROW_ID", "\"long\""));

static const char entry_schema[] = ROOT(
    FIELD("_VERSION", "\"int\"") "," FIELD("_KIND", "\"int\"") "," FIELD("_PARTITION", "\"bytes\"") ","
    FIELD("_BUCKET", "\"int\"") "," FIELD("_TOTAL_BUCKETS", "\"int\"") ","
    FIELD("_FILE", RECORD("record__FILE",
        FIELD("_FILE_NAME", "\"string\"") "," FIELD("_FILE_SIZE", "\"long\"") "," FIELD("_ROW_COUNT", "\"long\"") ","
        FIELD("_MIN_KEY", "\"bytes\"") "," FIELD("_MAX_KEY", "\"bytes\"") ","
        FIELD("_KEY_STATS", STATS("record__FILE__KEY_STATS")) ","
        FIELD("_VALUE_STATS", STATS("record__FILE__VALUE_STATS")) ","
        FIELD("_MIN_SEQUENCE_NUMBER", "\"long\"") "," FIELD("_MAX_SEQUENCE_NUMBER", "\"long\"") ","
        FIELD("_SCHEMA_ID", "\"long\"") "," FIELD("_LEVEL", "\"int\"") ","
        FIELD("_EXTRA_FILES", LIST("\"string\"")) ","
        MAYBE("_CREATION_TIME", "{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}") ","
        MAYBE("_DELETE_ROW_COUNT", "\"long\"") "," MAYBE("_EMBEDDED_FILE_INDEX", "\"bytes\"") ","
        MAYBE("_FILE_SOURCE", "\"int\"") "," MAYBE("_VALUE_STATS_COLS", LIST("\"string\"")) ","
        MAYBE("_EXTERNAL_PATH", "\"string\"") "," MAYBE("_FIRST_ROW_ID", "\"long\"") ","
        MAYBE("_WRITE_COLS", LIST("\"string\"")))));

static const char index_schema[] = ROOT(
    FIELD("_VERSION", "\"int\"") "," FIELD("_KIND", "\"int\"") "," FIELD("_PARTITION", "\"bytes\"") ","
    FIELD("_BUCKET", "\"int\"") "," FIELD("_INDEX_TYPE", "\"string\"") "," FIELD("_FILE_NAME", "\"string\"") ","
    FIELD("_FILE_SIZE", "\"long\"") "," FIELD("_ROW_COUNT", "\"long\"") ","
    MAYBE("_DELETIONS_VECTORS_RANGES", LIST("[\"null\"," RECORD("record__DELETIONS_VECTORS_RANGES",
        FIELD("f0", "\"string\"") "," FIELD("f1", "\"int\"") "," FIELD("f2", "\"int\"") ","
        MAYBE("_CARDINALITY", "\"long\"")) "]")) ","
    MAYBE("_EXTERNAL_PATH", "\"string\"") ","
    MAYBE("_GLOBAL_INDEX", RECORD("record__GLOBAL_INDEX",
        FIELD("_ROW_RANGE_START", "\"long\"") "," FIELD("_ROW_RANGE_END", "\"long\"") ","
        FIELD("_INDEX_FIELD_ID", "\"int\"") "," MAYBE("_EXTRA_FIELD_IDS", LIST("\"int\"")) ","
        MAYBE("_INDEX_META", "\"bytes\""))));

/* clang-format on */

/* ---- values ---- */

static void put_text(struct pfs_buf *out, const char *text)
{
    assert(text != NULL);
    pfs_avro_put_bytes(out, pfs_str(text));
}

/* A union's branch: 0 = null, 1 = a value follows. */
static bool put_branch(struct pfs_buf *out, bool present)
{
    pfs_avro_put_long(out, present);
    return present;
}

static void put_optional(struct pfs_buf *out, int64_t v, int64_t absent)
{
    if (put_branch(out, v != absent))
        pfs_avro_put_long(out, v);
}

/* An array of strings; an empty one is its end alone. */
static void put_names(struct pfs_buf *out, const char *const *name, int64_t count)
{
    if (count > 0)
        pfs_avro_put_long(out, count);
    for (int64_t i = 0; i < count; i++)
        put_text(out, name[i]);
    pfs_avro_put_long(out, 0);
}

static void put_optional_names(struct pfs_buf *out, const char *const *name, int64_t count)
{
    if (put_branch(out, count >= 0))
        put_names(out, name, count);
}

/* Null counts are always there, as Paimon Java writes them, though the schema has them optional. */
static void put_stats(struct pfs_buf *out, const struct pfs_stats *s)
{
    assert(s->columns >= 0);
    assert(s->columns == 0 || s->nulls != NULL);
    pfs_avro_put_bytes(out, s->min);
    pfs_avro_put_bytes(out, s->max);
    (void)put_branch(out, true);
    if (s->columns > 0)
        pfs_avro_put_long(out, s->columns);
    for (int64_t i = 0; i < s->columns; i++)
        put_optional(out, s->nulls[i], -1);
    pfs_avro_put_long(out, 0);
}

/* ---- records ---- */

/* A record of a manifest list. Ranges are there together or not at all. */
static void put_list(struct pfs_buf *out, const void *item)
{
    const struct pfs_manifest_file *m = item;

    pfs_avro_put_long(out, 2);
    put_text(out, m->name);
    pfs_avro_put_long(out, m->size);
    pfs_avro_put_long(out, m->added);
    pfs_avro_put_long(out, m->deleted);
    put_stats(out, &m->partitions);
    pfs_avro_put_long(out, m->schema_id);
    put_optional(out, m->has_ranges ? m->min_bucket : INT64_MIN, INT64_MIN);
    put_optional(out, m->has_ranges ? m->max_bucket : INT64_MIN, INT64_MIN);
    put_optional(out, m->has_ranges ? m->min_level : INT64_MIN, INT64_MIN);
    put_optional(out, m->has_ranges ? m->max_level : INT64_MIN, INT64_MIN);
    put_optional(out, m->has_row_ids ? m->min_row_id : INT64_MIN, INT64_MIN);
    put_optional(out, m->has_row_ids ? m->max_row_id : INT64_MIN, INT64_MIN);
}

static void put_file(struct pfs_buf *out, const struct pfs_data_file *f)
{
    assert(f->extra_files >= 0);
    assert(f->extra_files == 0 || f->extra_file != NULL);
    put_text(out, f->name);
    pfs_avro_put_long(out, f->size);
    pfs_avro_put_long(out, f->rows);
    pfs_avro_put_bytes(out, f->min_key);
    pfs_avro_put_bytes(out, f->max_key);
    put_stats(out, &f->key_stats);
    put_stats(out, &f->value_stats);
    pfs_avro_put_long(out, f->min_sequence);
    pfs_avro_put_long(out, f->max_sequence);
    pfs_avro_put_long(out, f->schema_id);
    pfs_avro_put_long(out, f->level);
    put_names(out, f->extra_file, f->extra_files);
    put_optional(out, f->creation_time_ms, INT64_MIN);
    put_optional(out, f->delete_rows, INT64_MIN);
    if (put_branch(out, f->embedded_index.at != NULL))
        pfs_avro_put_bytes(out, f->embedded_index);
    put_optional(out, f->source, -1);
    put_optional_names(out, f->stats_column, f->stats_columns);
    if (put_branch(out, f->external_path != NULL))
        put_text(out, f->external_path);
    put_optional(out, f->first_row_id, INT64_MIN);
    put_optional_names(out, f->write_column, f->write_columns);
}

/* A record of a manifest: version, kind, place, file. */
static void put_entry(struct pfs_buf *out, const void *item)
{
    const struct pfs_manifest_entry *e = item;

    pfs_avro_put_long(out, 2);
    pfs_avro_put_long(out, e->deleted);
    pfs_avro_put_bytes(out, e->partition);
    pfs_avro_put_long(out, e->bucket);
    pfs_avro_put_long(out, e->total_buckets);
    put_file(out, &e->file);
}

/* Items of the array are optional too: each is a branch and a record. */
static void put_vectors(struct pfs_buf *out, const struct pfs_index_entry *e)
{
    if (!put_branch(out, e->vectors >= 0))
        return;
    if (e->vectors > 0)
        pfs_avro_put_long(out, e->vectors);
    for (int64_t i = 0; i < e->vectors; i++) {
        (void)put_branch(out, true);
        put_text(out, e->vector[i].file);
        pfs_avro_put_long(out, e->vector[i].off);
        pfs_avro_put_long(out, e->vector[i].len);
        put_optional(out, e->vector[i].cardinality, INT64_MIN);
    }
    pfs_avro_put_long(out, 0);
}

static void put_global(struct pfs_buf *out, const struct pfs_index_entry *e)
{
    if (!put_branch(out, e->global))
        return;
    pfs_avro_put_long(out, e->global_from);
    pfs_avro_put_long(out, e->global_to);
    pfs_avro_put_long(out, e->global_field);
    if (put_branch(out, e->global_extra_fields >= 0)) {
        if (e->global_extra_fields > 0)
            pfs_avro_put_long(out, e->global_extra_fields);
        for (int64_t i = 0; i < e->global_extra_fields; i++)
            pfs_avro_put_long(out, e->global_extra_field[i]);
        pfs_avro_put_long(out, 0);
    }
    if (put_branch(out, e->global_meta.at != NULL))
        pfs_avro_put_bytes(out, e->global_meta);
}

static void put_index(struct pfs_buf *out, const void *item)
{
    const struct pfs_index_entry *e = item;

    assert(e->vectors <= 0 || e->vector != NULL);
    pfs_avro_put_long(out, 1); /* the version, then the kind: ADD, as an index manifest has no other */
    pfs_avro_put_long(out, 0);
    pfs_avro_put_bytes(out, e->partition);
    pfs_avro_put_long(out, e->bucket);
    put_text(out, e->type);
    put_text(out, e->name);
    pfs_avro_put_long(out, e->size);
    pfs_avro_put_long(out, e->rows);
    put_vectors(out, e);
    if (put_branch(out, e->external_path != NULL))
        put_text(out, e->external_path);
    put_global(out, e);
}

/* ---- files ---- */

/* All records into one file, each through a buffer, as blocks are compressed by the Avro writer. */
static int print(const char *schema, void (*put)(struct pfs_buf *out, const void *item), const void *items, size_t size,
                 int64_t count, const char *codec, struct pfs_buf *out, struct pfs_err *err)
{
    struct pfs_avro_writer w;
    struct pfs_buf record = {0};
    int rc = pfs_avro_begin(&w, schema, codec != NULL ? codec : "zstandard", out, err), end;

    if (rc < 0)
        return rc;
    for (int64_t i = 0; rc == 0 && i < count; i++) {
        pfs_buf_clear(&record);
        put(&record, (const uint8_t *)items + (size_t)i * size);
        rc = pfs_buf_check(&record, err);
        if (rc == 0)
            rc = pfs_avro_add(&w, pfs_buf_slice(&record), err);
    }
    end = pfs_avro_end(&w, rc == 0 ? err : NULL);
    pfs_buf_done(&record);
    return rc < 0 ? rc : end;
}

/* Paimon's zstd is zstandard to Avro; the other names are Avro's own. */
int pfs_manifest_codec(const struct pfs_options *options, const char **out, struct pfs_err *err)
{
    static const char *const codecs[] = {"null", "deflate", "snappy"}; /* as they are written */
    const char *text = pfs_options_get(options, "manifest.compression");

    *out = "zstandard";
    if (text == NULL || strcasecmp(text, "zstd") == 0 || strcasecmp(text, "zstandard") == 0)
        return 0;
    for (size_t i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++)
        if (strcmp(text, codecs[i]) == 0) {
            *out = codecs[i];
            return 0;
        }
    return pfs_fail(err, EINVAL,
                    "manifest.compression = %s: manifests are Avro, whose codecs are zstd, deflate, snappy and null",
                    text);
}

int pfs_manifest_list_print(const struct pfs_manifest_file *item, int64_t count, const char *codec, struct pfs_buf *out,
                            struct pfs_err *err)
{
    return print(list_schema, put_list, item, sizeof(*item), count, codec, out, err);
}

int pfs_manifest_print(const struct pfs_manifest_entry *item, int64_t count, const char *codec, struct pfs_buf *out,
                       struct pfs_err *err)
{
    return print(entry_schema, put_entry, item, sizeof(*item), count, codec, out, err);
}

int pfs_index_manifest_print(const struct pfs_index_entry *item, int64_t count, const char *codec, struct pfs_buf *out,
                             struct pfs_err *err)
{
    return print(index_schema, put_index, item, sizeof(*item), count, codec, out, err);
}
