/* manifest.c - reading: records of Avro files into facts.
 *
 * For each kind of record there is a list of wanted fields and an enum of their places; the Avro reader hands out
 * values in that order, whatever order and further fields the file's own schema has. A field that the file lacks is a
 * null, which is right for the optional ones and an error for the others.
 *
 * Values are taken straight down: the first that is not as it must be is noted in `bad`, and asked for once a record.
 * Names that become parts of paths are looked at here and nowhere else (component). Statistics, keys and partitions
 * stay bytes.
 */
#include "src/meta/manifest.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "format/avro/avro.h"
#include "src/meta/names.h"

#define ABSENT INT64_MIN
#define AMOUNT_MAX ((int64_t)1 << 42) /* bytes or rows of a file: two million such files can be summed up */

enum { STATS_MIN, STATS_MAX, STATS_NULLS };
static const struct pfs_avro_wanted stats_fields[] = {
    {"_MIN_VALUES", NULL}, {"_MAX_VALUES", NULL}, {"_NULL_COUNTS", NULL}, {NULL, NULL}};

enum {
    LIST_VERSION,
    LIST_NAME,
    LIST_SIZE,
    LIST_ADDED,
    LIST_DELETED,
    LIST_PARTITIONS,
    LIST_SCHEMA,
    LIST_MIN_BUCKET,
    LIST_MAX_BUCKET,
    LIST_MIN_LEVEL,
    LIST_MAX_LEVEL,
    LIST_MIN_ROW_ID,
    LIST_MAX_ROW_ID,
};
static const struct pfs_avro_wanted list_fields[] = {{"_VERSION", NULL},           {"_FILE_NAME", NULL},
                                                     {"_FILE_SIZE", NULL},         {"_NUM_ADDED_FILES", NULL},
                                                     {"_NUM_DELETED_FILES", NULL}, {"_PARTITION_STATS", stats_fields},
                                                     {"_SCHEMA_ID", NULL},         {"_MIN_BUCKET", NULL},
                                                     {"_MAX_BUCKET", NULL},        {"_MIN_LEVEL", NULL},
                                                     {"_MAX_LEVEL", NULL},         {"_MIN_ROW_ID", NULL},
                                                     {"_MAX_ROW_ID", NULL},        {NULL, NULL}};

enum {
    FILE_NAME,
    FILE_SIZE,
    FILE_ROWS,
    FILE_MIN_KEY,
    FILE_MAX_KEY,
    FILE_KEY_STATS,
    FILE_VALUE_STATS,
    FILE_MIN_SEQUENCE,
    FILE_MAX_SEQUENCE,
    FILE_SCHEMA,
    FILE_LEVEL,
    FILE_EXTRA,
    FILE_CREATION,
    FILE_DELETE_ROWS,
    FILE_INDEX,
    FILE_SOURCE,
    FILE_STATS_COLUMNS,
    FILE_EXTERNAL,
    FILE_FIRST_ROW_ID,
    FILE_WRITE_COLUMNS,
};
static const struct pfs_avro_wanted file_fields[] = {{"_FILE_NAME", NULL},
                                                     {"_FILE_SIZE", NULL},
                                                     {"_ROW_COUNT", NULL},
                                                     {"_MIN_KEY", NULL},
                                                     {"_MAX_KEY", NULL},
                                                     {"_KEY_STATS", stats_fields},
                                                     {"_VALUE_STATS", stats_fields},
                                                     {"_MIN_SEQUENCE_NUMBER", NULL},
                                                     {"_MAX_SEQUENCE_NUMBER", NULL},
                                                     {"_SCHEMA_ID", NULL},
                                                     {"_LEVEL", NULL},
                                                     {"_EXTRA_FILES", NULL},
                                                     {"_CREATION_TIME", NULL},
                                                     {"_DELETE_ROW_COUNT", NULL},
                                                     {"_EMBEDDED_FILE_INDEX", NULL},
                                                     {"_FILE_SOURCE", NULL},
                                                     {"_VALUE_STATS_COLS", NULL},
                                                     {"_EXTERNAL_PATH", NULL},
                                                     {"_FIRST_ROW_ID", NULL},
                                                     {"_WRITE_COLS", NULL},
                                                     {NULL, NULL}};

enum { ENTRY_VERSION, ENTRY_KIND, ENTRY_PARTITION, ENTRY_BUCKET, ENTRY_TOTAL_BUCKETS, ENTRY_FILE };
static const struct pfs_avro_wanted entry_fields[] = {
    {"_VERSION", NULL},       {"_KIND", NULL},        {"_PARTITION", NULL}, {"_BUCKET", NULL},
    {"_TOTAL_BUCKETS", NULL}, {"_FILE", file_fields}, {NULL, NULL}};

enum { VECTOR_FILE, VECTOR_OFF, VECTOR_LEN, VECTOR_CARDINALITY };
static const struct pfs_avro_wanted vector_fields[] = {
    {"f0", NULL}, {"f1", NULL}, {"f2", NULL}, {"_CARDINALITY", NULL}, {NULL, NULL}};

enum { GLOBAL_FROM, GLOBAL_TO, GLOBAL_FIELD, GLOBAL_EXTRA, GLOBAL_META };
static const struct pfs_avro_wanted global_fields[] = {{"_ROW_RANGE_START", NULL}, {"_ROW_RANGE_END", NULL},
                                                       {"_INDEX_FIELD_ID", NULL},  {"_EXTRA_FIELD_IDS", NULL},
                                                       {"_INDEX_META", NULL},      {NULL, NULL}};

enum {
    INDEX_VERSION,
    INDEX_KIND,
    INDEX_PARTITION,
    INDEX_BUCKET,
    INDEX_TYPE,
    INDEX_NAME,
    INDEX_SIZE,
    INDEX_ROWS,
    INDEX_VECTORS,
    INDEX_EXTERNAL,
    INDEX_GLOBAL,
};
static const struct pfs_avro_wanted index_fields[] = {{"_VERSION", NULL},
                                                      {"_KIND", NULL},
                                                      {"_PARTITION", NULL},
                                                      {"_BUCKET", NULL},
                                                      {"_INDEX_TYPE", NULL},
                                                      {"_FILE_NAME", NULL},
                                                      {"_FILE_SIZE", NULL},
                                                      {"_ROW_COUNT", NULL},
                                                      {"_DELETIONS_VECTORS_RANGES", vector_fields},
                                                      {"_EXTERNAL_PATH", NULL},
                                                      {"_GLOBAL_INDEX", global_fields},
                                                      {NULL, NULL}};

/* ---- values; sticky: what is not as it must be sets bad ---- */

/* Lists that the record before had: neighbours mostly have equal ones (columns with statistics, null counts of zero),
 * which they then share. */
struct before {
    struct texts {
        const char *const *text;
        int64_t count;
    } stats_columns, write_columns;
    struct counts {
        const int64_t *nulls;
        int64_t count;
    } key_stats, value_stats; /* partition_stats of a list count as key_stats */
};

struct reading {
    struct pfs_arena *arena;
    const char *bad; /* the first field that was wrong */
    bool full;       /* and it was for want of memory */
    struct before before;
};

static void is_bad(struct reading *r, const char *field)
{
    if (r->bad == NULL)
        r->bad = field;
}

/* A zeroed array in the arena; NULL (and bad) when it is full. */
static void *array(struct reading *r, int64_t count, size_t size, const char *field)
{
    void *out = pfs_arena_array(r->arena, (size_t)count, size);

    assert(count >= 0);
    if (out == NULL) {
        r->full = true;
        is_bad(r, field);
    }
    return out;
}

static int64_t number(struct reading *r, const struct pfs_avro_value *v, const char *field)
{
    if (v->kind != PFS_AVRO_LONG) {
        is_bad(r, field);
        return 0;
    }
    return v->number;
}

/* A size or a count. */
static int64_t amount(struct reading *r, const struct pfs_avro_value *v, const char *field)
{
    int64_t n = number(r, v, field);

    if (n < 0 || n > AMOUNT_MAX)
        is_bad(r, field);
    return n;
}

/* Avro's int and long look alike: the width is looked at here. */
static int32_t number32(struct reading *r, const struct pfs_avro_value *v, const char *field)
{
    int64_t n = number(r, v, field);

    if (n < INT32_MIN || n > INT32_MAX)
        is_bad(r, field);
    return (int32_t)n;
}

/* A number, or what stands for none. */
static int64_t optional(const struct pfs_avro_value *v, int64_t absent)
{
    return v->kind == PFS_AVRO_LONG ? v->number : absent;
}

static struct pfs_slice bytes(struct reading *r, const struct pfs_avro_value *v, const char *field)
{
    if (v->kind != PFS_AVRO_BYTES) {
        is_bad(r, field);
        return (struct pfs_slice){NULL, 0};
    }
    return v->bytes;
}

/* Never NULL, so that what follows need not ask. */
static const char *text(struct reading *r, const struct pfs_avro_value *v, const char *field)
{
    struct pfs_slice s = bytes(r, v, field);
    const char *out = pfs_arena_string(r->arena, s);

    if (out == NULL)
        r->full = true;
    if (out == NULL || strlen(out) != s.len) /* a NUL inside */
        is_bad(r, field);
    return out == NULL ? "" : out;
}

/* A file's name must be one component: it is never a way out of the table. */
static const char *component(struct reading *r, const struct pfs_avro_value *v, const char *field)
{
    const char *out = text(r, v, field);

    if (!pfs_name_is_component(pfs_str(out)))
        is_bad(r, field);
    return out;
}

static const char *optional_text(struct reading *r, const struct pfs_avro_value *v, const char *field)
{
    return v->kind == PFS_AVRO_NULL ? NULL : text(r, v, field);
}

/* Is the record before's list the same? Then it need not be copied. */
static bool same_texts(const struct texts *before, const struct pfs_avro_value *v)
{
    bool same = before->count == v->count;

    for (int64_t i = 0; same && i < v->count; i++)
        same = v->item[i].kind == PFS_AVRO_BYTES && pfs_slice_eq(pfs_str(before->text[i]), v->item[i].bytes);
    return same;
}

/* Names of an array; -1 when it is absent. */
static int64_t names(struct reading *r, const struct pfs_avro_value *v, struct texts *before, const char *const **out,
                     const char *field)
{
    const char **list;

    *out = NULL;
    if (v->kind != PFS_AVRO_ARRAY)
        return -1;
    if (!same_texts(before, v)) {
        list = array(r, v->count, sizeof(*list), field);
        for (int64_t i = 0; list != NULL && i < v->count; i++)
            list[i] = text(r, &v->item[i], field);
        *before = (struct texts){list, list == NULL ? 0 : v->count};
    }
    *out = before->text;
    return before->count;
}

/* Names of companion files; they are of one data file, and seldom. */
static int64_t file_names(struct reading *r, const struct pfs_avro_value *v, const char *const **out, const char *field)
{
    struct texts none = {NULL, 0};
    int64_t count = names(r, v, &none, out, field);

    assert(count <= 0 || *out != NULL);
    if (count < 0)
        is_bad(r, field);
    for (int64_t i = 0; i < count; i++)
        if (!pfs_name_is_component(pfs_str((*out)[i])))
            is_bad(r, field);
    return count;
}

static bool same_counts(const struct counts *before, const struct pfs_avro_value *v)
{
    bool same = before->count == v->count;

    for (int64_t i = 0; same && i < v->count; i++)
        same = optional(&v->item[i], -1) == before->nulls[i];
    return same;
}

/* Rows of bounds as they lie, and null counts, shared with the record before where they are equal. */
static void stats(struct reading *r, const struct pfs_avro_value *v, struct counts *before, struct pfs_stats *out,
                  const char *field)
{
    const struct pfs_avro_value *counts;
    int64_t *nulls;

    if (v->kind != PFS_AVRO_RECORD) {
        is_bad(r, field);
        return;
    }
    out->min = bytes(r, &v->item[STATS_MIN], field);
    out->max = bytes(r, &v->item[STATS_MAX], field);
    counts = &v->item[STATS_NULLS];
    if (counts->kind != PFS_AVRO_ARRAY)
        return;
    if (!same_counts(before, counts)) {
        nulls = array(r, counts->count, sizeof(*nulls), field);
        for (int64_t i = 0; nulls != NULL && i < counts->count; i++)
            nulls[i] = optional(&counts->item[i], -1);
        *before = (struct counts){nulls, nulls == NULL ? 0 : counts->count};
    }
    assert(before->count == 0 || before->nulls != NULL);
    out->columns = before->count;
    out->nulls = before->nulls;
}

/* Of the record; another one would have other fields. */
static void version(struct reading *r, const struct pfs_avro_value *v, int64_t want)
{
    if (number(r, v, "_VERSION") != want)
        is_bad(r, "_VERSION");
}

/* ---- records ---- */

/* A manifest, as its list knows it: what is in it need not be read if these ranges say that nothing is wanted. */
static void read_list(struct reading *r, const struct pfs_avro_value *v, void *to)
{
    struct pfs_manifest_file *out = to;
    const struct pfs_avro_value *f = v->item;

    version(r, &f[LIST_VERSION], 2);
    out->name = component(r, &f[LIST_NAME], "_FILE_NAME");
    out->size = amount(r, &f[LIST_SIZE], "_FILE_SIZE");
    out->added = amount(r, &f[LIST_ADDED], "_NUM_ADDED_FILES");
    out->deleted = amount(r, &f[LIST_DELETED], "_NUM_DELETED_FILES");
    stats(r, &f[LIST_PARTITIONS], &r->before.key_stats, &out->partitions, "_PARTITION_STATS");
    out->schema_id = number(r, &f[LIST_SCHEMA], "_SCHEMA_ID");
    out->has_row_ids = f[LIST_MIN_ROW_ID].kind == PFS_AVRO_LONG && f[LIST_MAX_ROW_ID].kind == PFS_AVRO_LONG;
    if (out->has_row_ids) {
        out->min_row_id = f[LIST_MIN_ROW_ID].number;
        out->max_row_id = f[LIST_MAX_ROW_ID].number;
    }
    out->has_ranges = f[LIST_MIN_BUCKET].kind == PFS_AVRO_LONG && f[LIST_MAX_BUCKET].kind == PFS_AVRO_LONG &&
                      f[LIST_MIN_LEVEL].kind == PFS_AVRO_LONG && f[LIST_MAX_LEVEL].kind == PFS_AVRO_LONG;
    if (!out->has_ranges)
        return;
    out->min_bucket = number32(r, &f[LIST_MIN_BUCKET], "_MIN_BUCKET");
    out->max_bucket = number32(r, &f[LIST_MAX_BUCKET], "_MAX_BUCKET");
    out->min_level = number32(r, &f[LIST_MIN_LEVEL], "_MIN_LEVEL");
    out->max_level = number32(r, &f[LIST_MAX_LEVEL], "_MAX_LEVEL");
}

/* Of a data file. Absent things have values that no file has: they are written again as absent. */
static void read_file(struct reading *r, const struct pfs_avro_value *f, struct pfs_data_file *out)
{
    out->name = component(r, &f[FILE_NAME], "_FILE_NAME");
    out->size = amount(r, &f[FILE_SIZE], "_FILE_SIZE");
    out->rows = amount(r, &f[FILE_ROWS], "_ROW_COUNT");
    out->min_key = bytes(r, &f[FILE_MIN_KEY], "_MIN_KEY");
    out->max_key = bytes(r, &f[FILE_MAX_KEY], "_MAX_KEY");
    stats(r, &f[FILE_KEY_STATS], &r->before.key_stats, &out->key_stats, "_KEY_STATS");
    stats(r, &f[FILE_VALUE_STATS], &r->before.value_stats, &out->value_stats, "_VALUE_STATS");
    out->min_sequence = number(r, &f[FILE_MIN_SEQUENCE], "_MIN_SEQUENCE_NUMBER");
    out->max_sequence = number(r, &f[FILE_MAX_SEQUENCE], "_MAX_SEQUENCE_NUMBER");
    out->schema_id = number(r, &f[FILE_SCHEMA], "_SCHEMA_ID");
    out->level = number32(r, &f[FILE_LEVEL], "_LEVEL");
    out->extra_files = file_names(r, &f[FILE_EXTRA], &out->extra_file, "_EXTRA_FILES");
    out->creation_time_ms = optional(&f[FILE_CREATION], ABSENT);
    out->delete_rows = optional(&f[FILE_DELETE_ROWS], ABSENT);
    if (f[FILE_INDEX].kind == PFS_AVRO_BYTES)
        out->embedded_index = f[FILE_INDEX].bytes;
    out->source = (int32_t)optional(&f[FILE_SOURCE], -1);
    out->stats_columns =
        names(r, &f[FILE_STATS_COLUMNS], &r->before.stats_columns, &out->stats_column, "_VALUE_STATS_COLS");
    out->external_path = optional_text(r, &f[FILE_EXTERNAL], "_EXTERNAL_PATH");
    out->first_row_id = optional(&f[FILE_FIRST_ROW_ID], ABSENT);
    out->write_columns = names(r, &f[FILE_WRITE_COLUMNS], &r->before.write_columns, &out->write_column, "_WRITE_COLS");
    if (out->level < 0)
        is_bad(r, "_LEVEL");
}

/* A data file that was added or deleted. */
static void read_entry(struct reading *r, const struct pfs_avro_value *v, void *to)
{
    struct pfs_manifest_entry *out = to;
    const struct pfs_avro_value *f = v->item;
    int64_t kind = number(r, &f[ENTRY_KIND], "_KIND");

    version(r, &f[ENTRY_VERSION], 2);
    if (kind != 0 && kind != 1)
        is_bad(r, "_KIND");
    out->deleted = kind == 1;
    out->partition = bytes(r, &f[ENTRY_PARTITION], "_PARTITION");
    out->bucket = number32(r, &f[ENTRY_BUCKET], "_BUCKET");
    out->total_buckets = number32(r, &f[ENTRY_TOTAL_BUCKETS], "_TOTAL_BUCKETS");
    if (f[ENTRY_FILE].kind == PFS_AVRO_RECORD)
        read_file(r, f[ENTRY_FILE].item, &out->file);
    else
        is_bad(r, "_FILE");
}

/* Where in the index file the deletion vector of each data file lies. */
static void read_vectors(struct reading *r, const struct pfs_avro_value *v, struct pfs_index_entry *out)
{
    out->vectors = -1;
    if (v->kind != PFS_AVRO_ARRAY)
        return;
    out->vector = array(r, v->count, sizeof(*out->vector), "_DELETIONS_VECTORS_RANGES");
    if (out->vector == NULL)
        return;
    out->vectors = v->count;
    for (int64_t i = 0; i < v->count; i++) {
        const struct pfs_avro_value *f = v->item[i].item;

        if (v->item[i].kind != PFS_AVRO_RECORD) {
            is_bad(r, "_DELETIONS_VECTORS_RANGES");
            return;
        }
        out->vector[i].file = component(r, &f[VECTOR_FILE], "f0");
        out->vector[i].off = number32(r, &f[VECTOR_OFF], "f1");
        out->vector[i].len = number32(r, &f[VECTOR_LEN], "f2");
        out->vector[i].cardinality = optional(&f[VECTOR_CARDINALITY], ABSENT);
        if (out->vector[i].off < 0 || out->vector[i].len < 0)
            is_bad(r, "f1");
    }
}

/* Of indexes over ranges of row ids; other entries have none. */
static void read_global(struct reading *r, const struct pfs_avro_value *v, struct pfs_index_entry *out)
{
    const struct pfs_avro_value *f = v->item;
    int32_t *extra;

    if (v->kind != PFS_AVRO_RECORD)
        return;
    out->global = true;
    out->global_from = number(r, &f[GLOBAL_FROM], "_ROW_RANGE_START");
    out->global_to = number(r, &f[GLOBAL_TO], "_ROW_RANGE_END");
    out->global_field = number32(r, &f[GLOBAL_FIELD], "_INDEX_FIELD_ID");
    out->global_extra_fields = -1;
    if (f[GLOBAL_META].kind == PFS_AVRO_BYTES)
        out->global_meta = f[GLOBAL_META].bytes;
    if (f[GLOBAL_EXTRA].kind != PFS_AVRO_ARRAY)
        return;
    out->global_extra_fields = f[GLOBAL_EXTRA].count;
    extra = array(r, f[GLOBAL_EXTRA].count, sizeof(*extra), "_EXTRA_FIELD_IDS");
    if (extra == NULL)
        return;
    for (int64_t i = 0; i < f[GLOBAL_EXTRA].count; i++)
        extra[i] = number32(r, &f[GLOBAL_EXTRA].item[i], "_EXTRA_FIELD_IDS");
    out->global_extra_field = extra;
}

/* An index file. There are only ADDs: an index manifest is written anew by each commit that changes it. */
static void read_index(struct reading *r, const struct pfs_avro_value *v, void *to)
{
    struct pfs_index_entry *out = to;
    const struct pfs_avro_value *f = v->item;

    version(r, &f[INDEX_VERSION], 1);
    if (number(r, &f[INDEX_KIND], "_KIND") != 0)
        is_bad(r, "_KIND");
    out->partition = bytes(r, &f[INDEX_PARTITION], "_PARTITION");
    out->bucket = number32(r, &f[INDEX_BUCKET], "_BUCKET");
    out->type = text(r, &f[INDEX_TYPE], "_INDEX_TYPE");
    out->name = component(r, &f[INDEX_NAME], "_FILE_NAME");
    out->size = amount(r, &f[INDEX_SIZE], "_FILE_SIZE");
    out->rows = amount(r, &f[INDEX_ROWS], "_ROW_COUNT");
    out->external_path = optional_text(r, &f[INDEX_EXTERNAL], "_EXTERNAL_PATH");
    read_vectors(r, &f[INDEX_VECTORS], out);
    read_global(r, &f[INDEX_GLOBAL], out);
}

/* ---- files ---- */

typedef void read_fn(struct reading *r, const struct pfs_avro_value *v, void *to);

struct records { /* an array of records of one kind, growing in the arena */
    uint8_t *item;
    int64_t count, room;
    size_t size;
};

/* The file's claim is taken at its word as far as the bytes of the file allow; doubling covers the rest. */
static void *next_item(struct records *a, int64_t claimed, size_t file_bytes, struct pfs_arena *arena)
{
    uint8_t *item;
    size_t bytes;

    assert(a->count <= a->room);
    if (a->count == a->room) {
        int64_t likely = (int64_t)(file_bytes / 8), room = a->room * 2 + 16;
        uint8_t *more;

        if (a->room == 0)
            room = claimed < likely ? claimed : likely;
        if (room <= a->room)
            room = a->room + 1;
        more = pfs_mul_size((size_t)room, a->size, &bytes) ? pfs_arena_alloc(arena, bytes) : NULL;
        if (more == NULL)
            return NULL;
        if (a->count > 0)
            memcpy(more, a->item, (size_t)a->count * a->size);
        assert(room > a->count);
        a->item = more;
        a->room = room;
    }
    item = a->item + (size_t)a->count++ * a->size;
    memset(item, 0, a->size); /* one by one, as each is filled at once: the array is larger than any cache */
    return item;
}

/* The first bad record ends it: a manifest is whole or it is damaged. */
static int parse_records(struct pfs_avro_reader *reader, read_fn *read, struct records *a, size_t file_bytes,
                         struct pfs_arena *arena, struct pfs_err *err)
{
    struct reading r = {.arena = arena};
    struct pfs_avro_value value;
    int rc;

    while ((rc = pfs_avro_next(reader, &value, err)) > 0) {
        void *item = next_item(a, pfs_avro_claimed(reader), file_bytes, arena);

        if (item == NULL)
            return pfs_arena_full(arena, err);
        read(&r, &value, item);
        if (r.full)
            return pfs_arena_full(arena, err);
        if (r.bad != NULL)
            return pfs_fail(err, EIO, "record %lld: field %s is missing or malformed", (long long)a->count, r.bad);
    }
    return rc;
}

/* Entries are alike and compress well, but not that well: what decodes to more is no manifest. */
static size_t decoded_max(size_t file)
{
    size_t most = PFS_MANIFEST_SLACK + file * PFS_MANIFEST_RATIO_MAX;

    return file > PFS_MANIFEST_BYTES_MAX || most > PFS_MANIFEST_BYTES_MAX ? PFS_MANIFEST_BYTES_MAX : most;
}

/* All records of a file into an array of `size` bytes each. */
static int parse(struct pfs_slice file, const struct pfs_avro_wanted *wanted, read_fn *read, size_t size,
                 struct pfs_arena *arena, void **out, int64_t *count, struct pfs_err *err)
{
    struct records a = {.size = size};
    struct pfs_avro_reader *reader;
    int rc;

    if (file.len > 4 && (memcmp(file.at, "ORC", 3) == 0 || memcmp(file.at, "PAR1", 4) == 0))
        return pfs_fail(err, EOPNOTSUPP, "manifest.format = %s is not there yet",
                        file.at[0] == 'O' ? "orc" : "parquet");
    PFS_TRY(pfs_avro_open(file, wanted, decoded_max(file.len), arena, &reader, err));
    rc = parse_records(reader, read, &a, file.len, arena, err);
    pfs_avro_close(reader);
    if (rc < 0)
        return rc;
    *out = a.item;
    *count = a.count;
    return 0;
}

int pfs_manifest_list_parse(struct pfs_slice file, struct pfs_arena *arena, struct pfs_manifest_file **out,
                            int64_t *count, struct pfs_err *err)
{
    void *items;

    PFS_TRY(parse(file, list_fields, read_list, sizeof(**out), arena, &items, count, err));
    *out = items;
    return 0;
}

int pfs_manifest_parse(struct pfs_slice file, struct pfs_arena *arena, struct pfs_manifest_entry **out, int64_t *count,
                       struct pfs_err *err)
{
    void *items;

    PFS_TRY(parse(file, entry_fields, read_entry, sizeof(**out), arena, &items, count, err));
    *out = items;
    return 0;
}

int pfs_index_manifest_parse(struct pfs_slice file, struct pfs_arena *arena, struct pfs_index_entry **out,
                             int64_t *count, struct pfs_err *err)
{
    void *items;

    PFS_TRY(parse(file, index_fields, read_index, sizeof(**out), arena, &items, count, err));
    *out = items;
    return 0;
}

/* Loads <table>/manifest/<name>; the caller frees the bytes. */
static int load(struct pfs_store *store, const char *table, const char *name, struct pfs_arena *arena,
                struct pfs_slice *out, struct pfs_err *err)
{
    const char *path = pfs_arena_printf(arena, "%s/manifest/%s", table, name);
    int rc;

    if (path == NULL)
        return pfs_arena_full(arena, err);
    rc = pfs_store_load(store, path, PFS_MANIFEST_BYTES_MAX, out, err);
    return rc == -ENOENT ? pfs_fail(err, EIO, "%s is not there", path) : rc;
}

/* Says of which file the sentence is, if there is one. */
static int named(int rc, const char *name, struct pfs_err *err)
{
    return rc < 0 && err != NULL && err->code != 0 ? pfs_wrap(err, "manifest %s", name) : rc;
}

int pfs_manifest_list_load(struct pfs_store *store, const char *table, const char *name, struct pfs_arena *arena,
                           struct pfs_manifest_file **out, int64_t *count, struct pfs_err *err)
{
    struct pfs_slice file;
    int rc;

    PFS_TRY(load(store, table, name, arena, &file, err));
    rc = pfs_manifest_list_parse(file, arena, out, count, err);
    pfs_free((void *)(uintptr_t)file.at);
    return named(rc, name, err);
}

int pfs_manifest_load(struct pfs_store *store, const char *table, const char *name, struct pfs_arena *arena,
                      struct pfs_manifest_entry **out, int64_t *count, struct pfs_err *err)
{
    struct pfs_slice file;
    int rc;

    PFS_TRY(load(store, table, name, arena, &file, err));
    rc = pfs_manifest_parse(file, arena, out, count, err);
    pfs_free((void *)(uintptr_t)file.at);
    return named(rc, name, err);
}

int pfs_index_manifest_load(struct pfs_store *store, const char *table, const char *name, struct pfs_arena *arena,
                            struct pfs_index_entry **out, int64_t *count, struct pfs_err *err)
{
    struct pfs_slice file;
    int rc;

    PFS_TRY(load(store, table, name, arena, &file, err));
    rc = pfs_index_manifest_parse(file, arena, out, count, err);
    pfs_free((void *)(uintptr_t)file.at);
    return named(rc, name, err);
}
