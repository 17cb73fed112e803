/* schema.c - the JSON of schema files, and what is derived from it.
 *
 *     {"version" : 3, "id" : 0, "fields" : [...], "highestFieldId" : 5, "partitionKeys" : ["dt"], "primaryKeys" :
 * [...], "options" : {...}, "comment" : "", "timeMillis" : ...}
 *
 * Types are texts, or objects where they nest. Names of keys become indexes of columns, so that nobody looks for a
 * column by its name twice. What every river asks of the options is read once (derive), which also says whether they
 * can be read at all: a table whose bucket is no number is damaged, as far as this program goes.
 *
 * Fields are counted over all depths: a file of a few bytes a field could else make a tree that takes long to go
 * through.
 */
#include "src/meta/schema.h"

#include <assert.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "src/meta/json.h"
#include "src/meta/listing.h"
#include "src/meta/schema_internal.h"

struct parsing {
    struct pfs_arena *arena;
    struct pfs_err *err;
    int32_t fields; /* so far, nested ones too */
};

int32_t pfs_schema_find(const struct pfs_schema *schema, struct pfs_slice name)
{
    for (int32_t i = 0; i < schema->columns; i++)
        if (pfs_slice_eq(pfs_str(schema->field[i].name), name))
            return i;
    return -1;
}

/* ---- types ---- */

static int parse_fields(struct parsing *p, const json_t *json, int depth, int32_t *count, struct pfs_field **out);

static int parse_type(struct parsing *p, const json_t *json, int depth, struct pfs_type *out);

static const struct {
    const char *word;
    enum pfs_kind kind;
} constructed[] = {{"ARRAY", PFS_ARRAY}, {"MULTISET", PFS_MULTISET}, {"MAP", PFS_MAP}, {"ROW", PFS_ROW}};

/* What is in a constructed type. Parts have the names that the format gives them, and no ids. */
static int parse_parts(struct parsing *p, const json_t *json, int depth, struct pfs_type *out)
{
    static const char *const keys[] = {"key", "value"};
    int32_t count = out->kind == PFS_MAP ? 2 : 1;

    assert(pfs_kind_is_nested(out->kind));
    if (out->kind == PFS_ROW)
        return parse_fields(p, json_object_get(json, "fields"), depth, &out->children, &out->child);
    out->children = count;
    out->child = pfs_arena_array(p->arena, (size_t)count, sizeof(*out->child));
    if (out->child == NULL)
        return pfs_arena_full(p->arena, p->err);
    for (int32_t i = 0; i < count; i++) {
        const char *key = count == 2 ? keys[i] : "element";

        out->child[i].id = -1;
        out->child[i].name = key;
        PFS_TRY(parse_type(p, json_object_get(json, key), depth + 1, &out->child[i].type));
    }
    return 0;
}

/* Text, as types are mostly given; an object for what nests, with "NOT NULL" behind its word. */
static int parse_type(struct parsing *p, const json_t *json, int depth, struct pfs_type *out)
{
    const char *text = json_string_value(json);

    if (depth > PFS_JSON_DEPTH_MAX)
        return pfs_fail(p->err, EIO, "a type nested too deep");
    if (text != NULL)
        return pfs_type_parse(pfs_str(text), NULL, p->arena, out, p->err);
    text = json_string_value(json_object_get(json, "type"));
    if (text == NULL)
        return pfs_fail(p->err, EIO, "a type is missing");
    *out = (struct pfs_type){.nullable = strstr(text, "NOT NULL") == NULL};
    for (size_t i = 0; i < sizeof(constructed) / sizeof(constructed[0]); i++)
        if (strncmp(text, constructed[i].word, strlen(constructed[i].word)) == 0) {
            out->kind = constructed[i].kind;
            return parse_parts(p, json, depth, out);
        }
    return pfs_fail(p->err, EIO, "an unknown type %s", text);
}

/* A column, or a field of a ROW: both have ids. */
static int parse_field(struct parsing *p, const json_t *json, int depth, struct pfs_field *out)
{
    const char *bad = NULL;
    int64_t id = pfs_json_want_number(json, "id", &bad);

    out->name = pfs_json_want_text(json, "name", p->arena, &bad);
    out->comment = pfs_json_maybe_text(json, "description", p->arena, &bad);
    out->default_value = pfs_json_maybe_text(json, "defaultValue", p->arena, &bad);
    if (bad != NULL || id < 0 || id > INT32_MAX)
        return pfs_fail(p->err, EIO, "a field's %s is missing or malformed", bad != NULL ? bad : "id");
    out->id = (int32_t)id;
    if (parse_type(p, json_object_get(json, "type"), depth + 1, &out->type) < 0)
        return pfs_wrap(p->err, "column %s", out->name);
    return 0;
}

static int parse_fields(struct parsing *p, const json_t *json, int depth, int32_t *count, struct pfs_field **out)
{
    size_t fields = json_array_size(json);

    if (!json_is_array(json) || fields > PFS_COLUMNS_MAX || p->fields > PFS_COLUMNS_MAX)
        return pfs_fail(p->err, EIO, "fields are missing or too many");
    p->fields += (int32_t)fields;
    *out = pfs_arena_array(p->arena, fields, sizeof(**out));
    if (*out == NULL)
        return pfs_arena_full(p->arena, p->err);
    for (size_t i = 0; i < fields; i++)
        PFS_TRY(parse_field(p, json_array_get(json, i), depth, &(*out)[i]));
    *count = (int32_t)fields;
    return 0;
}

/* ---- the rest of the file ---- */

/* Names to indexes of columns, in their order. */
static int parse_keys(struct parsing *p, const json_t *root, const char *member, const struct pfs_schema *schema,
                      int32_t **out, int32_t *count)
{
    const json_t *json = json_object_get(root, member);
    size_t keys = json_array_size(json);

    if (!json_is_array(json) || keys > (size_t)schema->columns)
        return pfs_fail(p->err, EIO, "member %s is missing or malformed", member);
    *out = pfs_arena_array(p->arena, keys, sizeof(**out));
    if (*out == NULL)
        return pfs_arena_full(p->arena, p->err);
    for (size_t i = 0; i < keys; i++) {
        const char *name = json_string_value(json_array_get(json, i));

        (*out)[i] = name == NULL ? -1 : pfs_schema_find(schema, pfs_str(name));
        if ((*out)[i] < 0)
            return pfs_fail(p->err, EIO, "%s names a column that is not there", member);
    }
    *count = (int32_t)keys;
    return 0;
}

static int compare_options(const void *a, const void *b)
{
    return strcmp(((const struct pfs_option *)a)->key, ((const struct pfs_option *)b)->key);
}

/* Sorted by key, as they are looked for. */
static int parse_options(struct parsing *p, const json_t *root, struct pfs_options *out)
{
    json_t *json = json_object_get(root, "options"), *value;
    struct pfs_option *item;
    const char *key;

    if (!json_is_object(json))
        return pfs_fail(p->err, EIO, "member options is missing or malformed");
    item = pfs_arena_array(p->arena, json_object_size(json), sizeof(*item));
    if (item == NULL)
        return pfs_arena_full(p->arena, p->err);
    json_object_foreach(json, key, value)
    {
        const char *text = json_string_value(value);

        if (text == NULL)
            return pfs_fail(p->err, EIO, "option %s is no string", key);
        item[out->count].key = pfs_arena_string(p->arena, pfs_str(key));
        item[out->count].value = pfs_arena_string(p->arena, pfs_str(text));
        if (item[out->count].key == NULL || item[out->count].value == NULL)
            return pfs_arena_full(p->arena, p->err);
        item[out->count].place = out->count;
        out->count++;
    }
    assert((size_t)out->count == json_object_size(json));
    qsort(item, (size_t)out->count, sizeof(*item), compare_options);
    out->item = item;
    return 0;
}

/* What a missing option meant when the file was written (spec metadata 1.4). */
static int old_defaults(struct parsing *p, struct pfs_schema *s)
{
    if (s->version <= 1 && pfs_options_get(&s->options, "bucket") == NULL)
        PFS_TRY(pfs_options_with(&s->options, "bucket", "1", p->arena, &s->options, p->err));
    if (s->version <= 2 && pfs_options_get(&s->options, "file.format") == NULL)
        PFS_TRY(pfs_options_with(&s->options, "file.format", "orc", p->arena, &s->options, p->err));
    return 0;
}

static int parse(struct parsing *p, const json_t *root, struct pfs_schema *s)
{
    const char *bad = NULL;

    s->version = (int32_t)pfs_json_maybe_number(root, "version", 1, &bad);
    s->id = pfs_json_want_number(root, "id", &bad);
    s->highest_field_id = (int32_t)pfs_json_maybe_number(root, "highestFieldId", 0, &bad);
    s->comment = pfs_json_maybe_text(root, "comment", p->arena, &bad);
    s->time_ms = pfs_json_maybe_number(root, "timeMillis", 0, &bad);
    if (bad != NULL)
        return pfs_fail(p->err, EIO, "member %s is missing or malformed", bad);
    if (s->version > 3)
        return pfs_fail(p->err, EOPNOTSUPP, "schema version %d is newer than this program", s->version);
    PFS_TRY(parse_fields(p, json_object_get(root, "fields"), 0, &s->columns, &s->field));
    if (s->columns == 0)
        return pfs_fail(p->err, EIO, "no columns");
    PFS_TRY(parse_keys(p, root, "partitionKeys", s, &s->partition_key, &s->partition_keys));
    PFS_TRY(parse_keys(p, root, "primaryKeys", s, &s->primary_key, &s->primary_keys));
    PFS_TRY(parse_options(p, root, &s->options));
    PFS_TRY(old_defaults(p, s));
    return pfs_schema_derive(s, p->arena, p->err);
}

int pfs_schema_parse(struct pfs_slice json, struct pfs_arena *arena, struct pfs_schema *out, struct pfs_err *err)
{
    struct parsing p = {arena, err, 0};
    struct pfs_schema made = {0};
    json_t *root = pfs_json_parse(json, err);
    int rc;

    if (root == NULL)
        return -EIO;
    rc = parse(&p, root, &made);
    pfs_json_free(root);
    if (rc == -EINVAL) { /* a schema file is no statement: what is wrong in it is damage */
        if (err != NULL)
            err->code = EIO;
        return -EIO;
    }
    if (rc == 0)
        *out = made;
    return rc;
}

/* ---- derived facts ---- */

static bool among(const int32_t *list, int32_t count, int32_t v)
{
    for (int32_t i = 0; i < count; i++)
        if (list[i] == v)
            return true;
    return false;
}

/* Within a partition its columns are the same in all rows: files are sorted without them. */
static int derive_trimmed(struct pfs_schema *s, struct pfs_arena *arena, struct pfs_err *err)
{
    assert(s->primary_keys == 0 || s->primary_key != NULL);
    assert(s->partition_keys == 0 || s->partition_key != NULL);
    s->trimmed_keys = 0;
    s->trimmed_key = pfs_arena_array(arena, (size_t)s->primary_keys, sizeof(*s->trimmed_key));
    if (s->trimmed_key == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < s->primary_keys; i++)
        if (!among(s->partition_key, s->partition_keys, s->primary_key[i]))
            s->trimmed_key[s->trimmed_keys++] = s->primary_key[i];
    assert(s->trimmed_keys <= s->primary_keys);
    return 0;
}

int pfs_schema_refuse_bucket_keys(const struct pfs_schema *s, const char *what, const int32_t *key, int32_t count,
                                  struct pfs_err *err)
{
    const char *bucket_key = pfs_options_get(&s->options, "bucket-key");
    struct pfs_buf text = {0};
    int rc;

    for (int32_t i = 0; i < count; i++)
        pfs_buf_printf(&text, "%s%s", i == 0 ? "" : ", ", s->field[key == NULL ? i : key[i]].name);
    pfs_buf_puts(&text, "] should contains all bucket keys [");
    for (const char *p = bucket_key; p != NULL && *p != '\0'; p++) {
        pfs_buf_putc(&text, (uint8_t)*p);
        if (*p == ',' && p[1] != ' ')
            pfs_buf_putc(&text, ' ');
    }
    pfs_buf_putc(&text, 0);
    rc = pfs_fail(err, EINVAL, "%s [%s].", what, text.failed ? "" : (const char *)text.at);
    pfs_buf_done(&text);
    return rc;
}

/* The names stand as they are between commas; nothing behind the last one is no name. */
static int derive_bucket_key(struct pfs_schema *s, struct pfs_arena *arena, struct pfs_err *err)
{
    const char *text = pfs_options_get(&s->options, "bucket-key");
    size_t len = text == NULL ? 0 : strlen(text);

    s->bucket_keys = s->trimmed_keys;
    s->bucket_key = s->trimmed_key;
    if (len == strspn(text == NULL ? "" : text, " \t"))
        return 0;
    while (len > 0 && text[len - 1] == ',')
        len--;
    s->bucket_keys = 0;
    s->bucket_key = pfs_arena_array(arena, len + 1, sizeof(*s->bucket_key));
    if (s->bucket_key == NULL)
        return pfs_arena_full(arena, err);
    for (size_t at = 0, part; at < len; at += part + 1) {
        int32_t column;

        part = strcspn(text + at, ",");
        column = pfs_schema_find(s, pfs_slice_of(text + at, part));
        if (column < 0)
            return pfs_schema_refuse_bucket_keys(s, "Field names", NULL, s->columns, err);
        s->bucket_key[s->bucket_keys++] = column;
    }
    return 0;
}

/* Called for what was parsed and for what a statement made alike: nothing that it fills is ever read from a file. */
int pfs_schema_derive(struct pfs_schema *s, struct pfs_arena *arena, struct pfs_err *err)
{
    static const char *const engines[] = {
#define X(id, name) name,
        PFS_MERGE_ENGINES(X)
#undef X
            NULL};
    static const char *const producers[] = {"none", "input", "full-compaction", "lookup", NULL};
    const char *name = pfs_options_get(&s->options, "partition.default-name");
    int64_t buckets;
    bool force;
    int engine, producer;

    PFS_TRY(derive_trimmed(s, arena, err));
    PFS_TRY(derive_bucket_key(s, arena, err));
    PFS_TRY(pfs_options_enum(&s->options, "merge-engine", engines, 0, &engine, err));
    PFS_TRY(pfs_options_enum(&s->options, "changelog-producer", producers, 0, &producer, err));
    PFS_TRY(pfs_options_int(&s->options, "bucket", -1, &buckets, err));
    PFS_TRY(pfs_options_bool(&s->options, "deletion-vectors.enabled", false, &s->deletion_vectors, err));
    PFS_TRY(pfs_options_bool(&s->options, "force-lookup", false, &force, err));
    PFS_TRY(pfs_options_bool(&s->options, "write-only", false, &s->write_only, err));
    PFS_TRY(pfs_options_bool(&s->options, "partition.legacy-name", true, &s->legacy_partition_names, err));
    if (buckets < INT32_MIN || buckets > INT32_MAX)
        return pfs_fail(err, EINVAL, "bucket = %lld is out of range", (long long)buckets);
    s->buckets = (int32_t)buckets;
    assert(engine >= PFS_DEDUPLICATE && engine <= PFS_FIRST_ROW);
    s->engine = (enum pfs_merge_engine)engine;
    s->lookup_mode =
        s->primary_keys > 0 && (s->engine == PFS_FIRST_ROW || s->deletion_vectors || force || producer == 3);
    s->default_partition = name != NULL ? name : "__DEFAULT_PARTITION__";
    return 0;
}

/* ---- some of its columns ---- */

int pfs_schema_blobs(const struct pfs_schema *schema, struct pfs_arena *arena, bool **out, int32_t *count,
                     struct pfs_err *err)
{
    const char *inside = pfs_options_get(&schema->options, "blob-descriptor-field"), **name = NULL;
    bool *blob = pfs_arena_array(arena, (size_t)schema->columns, sizeof(*blob));
    int32_t names = 0;

    if (blob == NULL)
        return pfs_arena_full(arena, err);
    if (inside == NULL)
        inside = pfs_options_get(&schema->options, "blob.stored-descriptor-fields"); /* as older versions have it */
    if (inside != NULL && *inside != '\0')
        PFS_TRY(pfs_options_list(inside, arena, &name, &names, err));
    *count = 0;
    for (int32_t i = 0; i < schema->columns; i++) {
        blob[i] = schema->field[i].type.kind == PFS_BLOB;
        for (int32_t k = 0; k < names; k++)
            blob[i] &= strcmp(name[k], schema->field[i].name) != 0;
        *count += blob[i];
    }
    *out = blob;
    return 0;
}

int pfs_schema_narrow(const struct pfs_schema *schema, const int32_t *column, int32_t columns, struct pfs_arena *arena,
                      struct pfs_schema *out, struct pfs_err *err)
{
    struct pfs_schema narrow = *schema;

    assert(schema->primary_keys == 0);
    assert(columns <= schema->columns);
    if (columns == 0)
        return pfs_fail(err, EINVAL, "Table with BLOB type column must have other normal columns.");
    narrow.columns = columns;
    narrow.field = pfs_arena_array(arena, (size_t)columns, sizeof(*narrow.field));
    narrow.partition_key = pfs_arena_array(arena, (size_t)schema->partition_keys, sizeof(*narrow.partition_key));
    if (narrow.field == NULL || narrow.partition_key == NULL)
        return pfs_arena_full(arena, err);
    narrow.bucket_keys = 0;
    for (int32_t i = 0; i < columns; i++) {
        assert(i == 0 || column[i - 1] < column[i]);
        narrow.field[i] = schema->field[column[i]];
    }
    for (int32_t k = 0; k < schema->partition_keys; k++) {
        narrow.partition_key[k] = -1;
        for (int32_t i = 0; i < columns; i++)
            if (column[i] == schema->partition_key[k])
                narrow.partition_key[k] = i;
        if (narrow.partition_key[k] < 0)
            return pfs_fail(err, EINVAL, "The BLOB type column can not be part of partition keys.");
    }
    *out = narrow;
    return 0;
}

/* ---- files ---- */

int pfs_schema_load(struct pfs_store *store, const char *table, int64_t id, struct pfs_arena *arena,
                    struct pfs_schema *out, struct pfs_err *err)
{
    const char *path = pfs_arena_printf(arena, "%s/schema/schema-%lld", table, (long long)id);
    struct pfs_slice json;
    int rc;

    if (path == NULL)
        return pfs_arena_full(arena, err);
    PFS_TRY(pfs_store_load(store, path, PFS_METADATA_BYTES_MAX, &json, err));
    rc = pfs_schema_parse(json, arena, out, err);
    pfs_free((void *)(uintptr_t)json.at);
    if (rc == 0 && out->id != id)
        rc = pfs_fail(err, EIO, "its id is %lld", (long long)out->id);
    return rc < 0 ? pfs_wrap(err, "%s", path) : 0;
}

int pfs_schema_list(struct pfs_store *store, const char *table, struct pfs_arena *arena, int64_t **ids, int64_t *count,
                    struct pfs_err *err)
{
    return pfs_list_numbers(store, table, "schema", "schema-", arena, ids, count, err);
}

int pfs_schema_latest_id(struct pfs_store *store, const char *table, int64_t *out, struct pfs_err *err)
{
    struct pfs_arena arena;
    int64_t *ids, count;
    int rc;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = pfs_schema_list(store, table, &arena, &ids, &count, err);
    if (rc == 0 && count == 0)
        rc = -ENOENT;
    if (rc == 0)
        *out = ids[count - 1];
    pfs_arena_done(&arena);
    return rc;
}

/* Without replacing: whoever is second takes the other's schema for a lost race. */
int pfs_schema_publish(struct pfs_store *store, const char *table, const struct pfs_schema *schema, struct pfs_err *err)
{
    struct pfs_buf json = {0};
    char path[4096];
    int rc;

    if (snprintf(path, sizeof(path), "%s/schema/schema-%lld", table, (long long)schema->id) >= (int)sizeof(path))
        return pfs_fail(err, ENAMETOOLONG, "%s is too long", table);
    assert(schema->id >= 0);
    assert(schema->columns > 0);
    rc = pfs_schema_print(schema, &json, err);
    if (rc == 0)
        rc = pfs_store_publish(store, path, pfs_buf_slice(&json), false, err);
    pfs_buf_done(&json);
    return rc;
}
