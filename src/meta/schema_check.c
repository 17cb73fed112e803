/* schema_check.c - what a new table must keep to (spec options 5, merge-engines 2 and 5), and what this program can do.
 *
 * The checks are Paimon's, in its order as far as more than one can fail, with its sentences: who moves a statement
 * from one to the other finds the same tables refused. They run for CREATE and for every ALTER; a schema file that is
 * read is never checked so, as a table that somebody else made is there, whatever it keeps to.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "src/meta/names.h"
#include "src/meta/schema_internal.h"

/* ---- ids ---- */

/* A column's nested ids come from the same counter right after it; inside a ROW the fields of a field's type come
 * before the field itself (spec metadata 1.2). */
static void number_fields(struct pfs_field *f, int32_t count, int32_t *highest)
{
    for (int32_t i = 0; i < count; i++) {
        pfs_schema_number_type(&f[i].type, highest);
        if (f[i].id < 0)
            f[i].id = ++*highest;
    }
}

void pfs_schema_number_type(struct pfs_type *t, int32_t *highest)
{
    if (t->kind == PFS_ROW) {
        number_fields(t->child, t->children, highest);
        return;
    }
    for (int32_t i = 0; i < t->children; i++)
        pfs_schema_number_type(&t->child[i].type, highest);
}

/* A new table counts from 0; one that changes goes on behind the greatest id that it ever had. */
static void number_columns(struct pfs_schema *s)
{
    int32_t highest = s->highest_field_id;

    if (s->id == 0)
        highest = -1;
    for (int32_t i = 0; i < s->columns; i++)
        if (s->field[i].id < 0) {
            s->field[i].id = ++highest;
            pfs_schema_number_type(&s->field[i].type, &highest);
        }
    assert(highest >= s->highest_field_id || s->id == 0); /* ids are never used twice */
    s->highest_field_id = highest;
}

/* ---- keys ---- */

static bool among(const int32_t *list, int32_t count, int32_t v)
{
    for (int32_t i = 0; i < count; i++)
        if (list[i] == v)
            return true;
    return false;
}

/* The options primary-key and partition say at creation what the clauses say. */
static int move_keys(struct pfs_schema *s, const char *option, int32_t **key, int32_t *count, struct pfs_arena *arena,
                     struct pfs_err *err)
{
    const char *text = pfs_options_get(&s->options, option), **names;

    if (text == NULL)
        return 0;
    if (*count > 0)
        return pfs_fail(err, EINVAL, "Cannot define %s on DDL and table options at the same time.",
                        strcmp(option, "partition") == 0 ? "partition" : "primary key");
    if (text[strspn(text, " \t")] == '\0')
        return pfs_options_with(&s->options, option, NULL, arena, &s->options, err);
    PFS_TRY(pfs_options_list(text, arena, &names, count, err));
    *key = pfs_arena_array(arena, (size_t)*count, sizeof(**key));
    if (*key == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < *count; i++) {
        (*key)[i] = pfs_schema_find(s, pfs_str(names[i]));
        if ((*key)[i] < 0)
            return pfs_fail(err, EINVAL, "Table column should include all %s [%s]", option, names[i]);
    }
    return pfs_options_with(&s->options, option, NULL, arena, &s->options, err);
}

static bool is_no_key(enum pfs_kind kind)
{
    return pfs_kind_is_nested(kind) || kind == PFS_VARIANT;
}

/* What a ROW has is told apart by name, too, and there is something. */
static int check_rows(const struct pfs_field *f, int32_t count, struct pfs_err *err)
{
    for (int32_t i = 0; i < count; i++) {
        const struct pfs_type *t = &f[i].type;

        if (t->kind == PFS_ROW && t->children == 0)
            return pfs_fail(err, EINVAL, "the ROW in column %s has no fields", f[i].name);
        for (int32_t k = 0; t->kind == PFS_ROW && k < t->children; k++)
            for (int32_t n = 0; n < k; n++)
                if (strcmp(t->child[k].name, t->child[n].name) == 0)
                    return pfs_fail(err, EINVAL, "Field names must be unique. Found duplicates: [%s]",
                                    t->child[k].name);
        PFS_TRY(check_rows(t->child, t->children, err));
    }
    return 0;
}

/* Columns of a key are there once, and comparable. */
static int check_key_columns(const struct pfs_schema *s, const int32_t *key, int32_t count, const char *what,
                             struct pfs_err *err)
{
    for (int32_t i = 0; i < count; i++) {
        assert(key[i] >= 0 && key[i] < s->columns);
        if (is_no_key(s->field[key[i]].type.kind))
            return pfs_fail(err, EINVAL, "The type of %s field %s is unsupported", what, s->field[key[i]].name);
        if (among(key, i, key[i]))
            return pfs_fail(err, EINVAL, "%s constraint must not contain duplicate columns. Found: %s", what,
                            s->field[key[i]].name);
    }
    return 0;
}

/* Keys among each other: of the table, of its partitions, of its buckets; and how many buckets there can be. */
static int check_keys(const struct pfs_schema *s, struct pfs_err *err)
{
    PFS_TRY(check_key_columns(s, s->primary_key, s->primary_keys, "Primary key", err));
    PFS_TRY(check_key_columns(s, s->partition_key, s->partition_keys, "Partition", err));
    if (s->primary_keys > 0 && s->trimmed_keys == 0)
        return pfs_fail(err, EINVAL,
                        "Primary key constraint should not be same with partition fields, this will result in only "
                        "one record in a partition");
    for (int32_t i = 0; i < s->bucket_keys; i++) {
        const char *name = s->field[s->bucket_key[i]].name;

        if (among(s->bucket_key, i, s->bucket_key[i]))
            return pfs_fail(err, EINVAL, "Field names must be unique. Found duplicates: [%s]", name);
        if (among(s->partition_key, s->partition_keys, s->bucket_key[i]))
            return pfs_fail(err, EINVAL, "Bucket keys [%s] should not in partition keys [%s].", name, name);
        if (s->primary_keys > 0 && !among(s->primary_key, s->primary_keys, s->bucket_key[i]))
            return pfs_schema_refuse_bucket_keys(s, "Primary keys", s->primary_key, s->primary_keys, err);
        if (is_no_key(s->field[s->bucket_key[i]].type.kind))
            return pfs_fail(err, EINVAL, "nested type can not in bucket-key, in your table these key are [%s]", name);
    }
    if (s->buckets == 0 || s->buckets < -2 || (s->buckets == -2 && s->primary_keys == 0))
        return pfs_fail(err, EINVAL, "The number of buckets needs to be greater than 0.");
    if (s->buckets > 0 && s->primary_keys == 0 && s->bucket_keys == 0)
        return pfs_fail(err, EINVAL, "You should define a 'bucket-key' for bucketed append mode.");
    return 0;
}

/* May the row of a key lie in another partition than the one it is written to? */
static bool crosses_partitions(const struct pfs_schema *s)
{
    for (int32_t i = 0; i < s->partition_keys; i++)
        if (!among(s->primary_key, s->primary_keys, s->partition_key[i]))
            return true;
    return false;
}

/* Neither ORC nor Avro has variants, and Avro's times end at microseconds. */
static int check_columns(const struct pfs_field *f, int32_t count, bool avro, struct pfs_err *err)
{
    for (int32_t i = 0; i < count; i++) {
        if (f[i].type.kind == PFS_VARIANT)
            return pfs_fail(err, EINVAL, "Unsupported type: VARIANT, which only Parquet files can have");
        if (avro && (f[i].type.kind == PFS_TIMESTAMP || f[i].type.kind == PFS_TIMESTAMP_LTZ) && f[i].type.precision > 6)
            return pfs_fail(err, EINVAL, "Avro does not support TIMESTAMP type with precision: %d",
                            f[i].type.precision);
        PFS_TRY(check_columns(f[i].type.child, f[i].type.children, avro, err));
    }
    return 0;
}

/* The format of data files: one that Paimon has, and that holds the table's types. */
static int check_files(const struct pfs_schema *s, struct pfs_err *err)
{
    static const char *const known[] = {"parquet", "orc", "avro", "csv", "json", "text", "blob"}; /* to Paimon */
    const char *format = pfs_options_get(&s->options, "file.format");
    bool is_known = format == NULL;

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]) && !is_known; i++)
        is_known = strcasecmp(format, known[i]) == 0;
    if (!is_known)
        return pfs_fail(err, EINVAL,
                        "Could not find any factory for identifier '%s' that implements FileFormatFactory in the "
                        "classpath.",
                        format);
    if (format != NULL && (strcasecmp(format, "avro") == 0 || strcasecmp(format, "orc") == 0))
        PFS_TRY(check_columns(s->field, s->columns, strcasecmp(format, "avro") == 0, err));
    return 0;
}

/* Values that lie beside their rows: these must be there, and their ids. */
static int check_blobs(const struct pfs_schema *s, bool evolves, struct pfs_err *err)
{
    int32_t blobs = 0;

    for (int32_t i = 0; i < s->columns; i++)
        blobs += s->field[i].type.kind == PFS_BLOB;
    if (blobs > 0 && !evolves)
        return pfs_fail(err, EINVAL, "Data evolution config must enabled for table with BLOB type column.");
    if (blobs == s->columns)
        return pfs_fail(err, EINVAL, "Table with BLOB type column must have other normal columns.");
    for (int32_t i = 0; i < s->partition_keys; i++)
        if (s->field[s->partition_key[i]].type.kind == PFS_BLOB)
            return pfs_fail(err, EINVAL, "The BLOB type column can not be part of partition keys.");
    return 0;
}

/* Rows that have ids: only tables without keys and without buckets give them. */
static int check_tracking(const struct pfs_schema *s, struct pfs_err *err)
{
    bool tracked, evolves, deletes;

    PFS_TRY(pfs_options_bool(&s->options, "row-tracking.enabled", false, &tracked, err));
    PFS_TRY(pfs_options_bool(&s->options, "data-evolution.enabled", false, &evolves, err));
    PFS_TRY(pfs_options_bool(&s->options, "deletion-vectors.enabled", false, &deletes, err));
    if (tracked && s->buckets != -1)
        return pfs_fail(err, EINVAL, "Cannot define bucket for row tracking table, it only support bucket = -1");
    if (tracked && s->primary_keys > 0)
        return pfs_fail(err, EINVAL, "Cannot define primary-key for row tracking table.");
    if (evolves && !tracked)
        return pfs_fail(err, EINVAL, "Data evolution config must enabled with row-tracking.enabled");
    if (evolves && deletes)
        return pfs_fail(err, EINVAL, "Data evolution config must disabled with deletion-vectors.enabled");
    return check_blobs(s, evolves, err);
}

/* ---- options of the merge engines ---- */

/* Columns of sequence.field: there, and each once. */
static int check_sequence_columns(const struct pfs_schema *s, const char *value, struct pfs_arena *arena,
                                  struct pfs_err *err)
{
    const char **names;
    int32_t count;

    if (value == NULL)
        return 0;
    PFS_TRY(pfs_options_list(value, arena, &names, &count, err));
    for (int32_t i = 0; i < count; i++) {
        if (pfs_schema_find(s, pfs_str(names[i])) < 0)
            return pfs_fail(err, EINVAL, "Sequence field: '%s' can not be found in table schema.", names[i]);
        for (int32_t k = 0; k < i; k++)
            if (strcmp(names[i], names[k]) == 0)
                return pfs_fail(err, EINVAL, "Sequence field '%s' is defined repeatedly.", names[i]);
    }
    return 0;
}

/* fields.<a>[,<b>].<what>: the names must be columns, as they stand. */
static int check_field_options(const struct pfs_schema *s, struct pfs_err *err)
{
    for (int32_t i = 0; i < s->options.count; i++) {
        const char *key = s->options.item[i].key, *name = strchr(key, '.');
        size_t rest, len;

        if (strncmp(key, "fields", 6) != 0)
            continue;
        rest = name == NULL ? 0 : strcspn(++name, ".");
        if (rest == 0)
            return pfs_fail(err, EINVAL, "option %s names no column", key);
        for (; rest > 0; name += len, rest -= len) {
            len = strcspn(name, ",.");
            if (!pfs_slice_eq(pfs_slice_of(name, len), pfs_str("default-aggregate-function")) &&
                pfs_schema_find(s, pfs_slice_of(name, len)) < 0)
                return pfs_fail(err, EINVAL, "Field %.*s can not be found in table schema.", (int)len, name);
            len += name[len] == ',';
        }
    }
    return 0;
}

/* What each merge engine can have. */
static int check_engine(const struct pfs_schema *s, struct pfs_arena *arena, struct pfs_err *err)
{
    const char *sequence = pfs_options_get(&s->options, "sequence.field");
    const char *kind = pfs_options_get(&s->options, "rowkind.field");

    PFS_TRY(check_sequence_columns(s, sequence, arena, err));
    if (sequence != NULL && s->engine == PFS_FIRST_ROW)
        return pfs_fail(err, EINVAL, "Do not support use sequence field on FIRST_ROW merge engine.");
    if (sequence != NULL && s->primary_keys > 0 && crosses_partitions(s))
        return pfs_fail(err, EINVAL,
                        "You can not use sequence.field in cross partition update case (the primary key does not "
                        "include all partition fields).");
    if (kind != NULL && pfs_schema_find(s, pfs_str(kind)) < 0)
        return pfs_fail(err, EINVAL, "Rowkind field: '%s' can not be found in table schema.", kind);
    if (s->engine == PFS_FIRST_ROW && s->deletion_vectors)
        return pfs_fail(err, EINVAL,
                        "First row merge engine does not need deletion vectors because there is no deletion of old "
                        "data in this merge engine.");
    return check_field_options(s, err);
}

/* Which changelog a table may ask for (spec changelog 1). */
static int check_changelog(const struct pfs_schema *s, struct pfs_err *err)
{
    const char *producer = pfs_options_get(&s->options, "changelog-producer");
    bool compacting, overwrites;

    if (producer == NULL || strcasecmp(producer, "none") == 0)
        return 0;
    compacting = strcasecmp(producer, "lookup") == 0 || strcasecmp(producer, "full-compaction") == 0;
    if (!compacting && strcasecmp(producer, "input") != 0)
        return pfs_fail(err, EINVAL,
                        "Could not parse value '%s' for key 'changelog-producer'. Expected one of: [[none, input, "
                        "full-compaction, lookup]]",
                        producer);
    if (s->primary_keys == 0)
        return pfs_fail(err, EINVAL,
                        "Can not set changelog-producer on table without primary keys, please define primary keys.");
    if (s->engine == PFS_FIRST_ROW && strcasecmp(producer, "lookup") != 0)
        return pfs_fail(err, EINVAL, "Only support 'none' and 'lookup' changelog-producer on FIRST_ROW merge engine");
    if (s->deletion_vectors && strcasecmp(producer, "full-compaction") == 0)
        return pfs_fail(err, EINVAL,
                        "Deletion vectors mode is only supported for NONE/INPUT/LOOKUP changelog producer now.");
    PFS_TRY(pfs_options_bool(&s->options, "streaming-read-overwrite", false, &overwrites, err));
    if (compacting && overwrites)
        return pfs_fail(err, EINVAL,
                        "Cannot set streaming-read-overwrite to true when changelog producer is full-compaction or "
                        "lookup because it will read duplicated changes.");
    return 0;
}

/* Keys that options give come first, then ids, then what is derived: the checks see the table as it will be. */
int pfs_schema_complete(struct pfs_schema *s, struct pfs_arena *arena, struct pfs_err *err)
{
    if (s->columns == 0)
        return pfs_fail(err, EINVAL, "a table needs at least one column");
    s->version = 3;
    PFS_TRY(move_keys(s, "primary-key", &s->primary_key, &s->primary_keys, arena, err));
    PFS_TRY(move_keys(s, "partition", &s->partition_key, &s->partition_keys, arena, err));
    PFS_TRY(check_rows(s->field, s->columns, err));
    number_columns(s);
    for (int32_t i = 0; i < s->primary_keys; i++)
        s->field[s->primary_key[i]].type.nullable = false;
    PFS_TRY(pfs_schema_derive(s, arena, err));
    assert(s->trimmed_keys <= s->primary_keys);
    PFS_TRY(check_keys(s, err));
    PFS_TRY(pfs_schema_check_rules(s, arena, err));
    PFS_TRY(check_changelog(s, err));
    PFS_TRY(check_files(s, err));
    PFS_TRY(check_tracking(s, err));
    return check_engine(s, arena, err);
}

/* ---- what this program can do ---- */

/* ORC and Avro files have no VARIANT. */
static bool has_only_parquet(const struct pfs_schema *s)
{
    static const char *const keys[] = {"file.format", "changelog-file.format", "file.format.per.level"};

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        const char *value = pfs_options_get(&s->options, keys[i]);

        if (value != NULL && (strcasestr(value, "orc") != NULL || strcasestr(value, "avro") != NULL))
            return false;
    }
    return true;
}

/* BLOBs have files of their own; elsewhere, as where to find a value and not what it is, they are not written. */
static int check_blob_columns(const struct pfs_schema *s, struct pfs_err *err)
{
    struct pfs_arena arena;
    bool *blob, evolves, pointers;
    int32_t blobs;
    int rc;

    for (blobs = 0; blobs < s->columns && s->field[blobs].type.kind != PFS_BLOB; blobs++)
        continue;
    if (blobs == s->columns) /* as with most tables */
        return 0;
    PFS_TRY(pfs_options_bool(&s->options, "data-evolution.enabled", false, &evolves, err));
    PFS_TRY(pfs_options_bool(&s->options, "blob-as-descriptor", false, &pointers, err));
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = pfs_schema_blobs(s, &arena, &blob, &blobs, err);
    for (int32_t i = 0; rc == 0 && i < s->columns; i++)
        if (s->field[i].type.kind == PFS_BLOB && (!blob[i] || !evolves || s->primary_keys > 0))
            rc = pfs_fail(err, EOPNOTSUPP, "column %s is a BLOB without a file of its own, which is not there yet",
                          s->field[i].name);
    if (rc == 0 && blobs > 0 && pointers)
        rc = pfs_fail(err, EOPNOTSUPP, "blob-as-descriptor = true: BLOBs by reference are not there yet");
    pfs_arena_done(&arena);
    return rc;
}

/* Types that are read, but not written. */
static int check_types(const struct pfs_field *f, int32_t count, bool only_parquet, struct pfs_err *err)
{
    for (int32_t i = 0; i < count; i++) {
        for (int32_t k = 0; k < f[i].type.children; k++)
            if (f[i].type.child[k].type.kind == PFS_BLOB)
                return pfs_fail(err, EOPNOTSUPP, "column %s has a BLOB in it, which is not there yet", f[i].name);
        if (f[i].type.kind == PFS_VARIANT && !only_parquet)
            return pfs_fail(err, EOPNOTSUPP, "column %s is a VARIANT, which only Parquet files can have", f[i].name);
        PFS_TRY(check_types(f[i].type.child, f[i].type.children, only_parquet, err));
    }
    return 0;
}

/* Options that must have one value to be supported; absent is that value too. */
struct limit {
    const char *key, *value;
    bool writing; /* matters to writers alone */
};

static const struct limit limits[] = {
    {"type", "table", false},
    {"chain-table.enabled", "false", false},
    {"sequence.snapshot-ordering", "false", false},
    {"primary-key.nullable", "false", false},
    {"pk-clustering-override", "false", true},
    {"manifest.format", "avro", false},
    {"scan.fallback-branch", NULL, false},
    {"scan.primary-branch", NULL, false},
};

/* The first option that asks for something that is not here. */
static int check_limits(const struct pfs_schema *s, bool writing, struct pfs_err *err)
{
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        const struct limit *l = &limits[i];
        const char *value = pfs_options_get(&s->options, l->key);

        if (writing && strncmp(l->key, "scan.", 5) == 0) /* a writer writes its own branch */
            continue;
        if (value == NULL || (l->value == NULL && pfs_name_is_blank(pfs_str(value))))
            continue;
        if ((writing || !l->writing) && (l->value == NULL || strcasecmp(value, l->value) != 0))
            return pfs_fail(err, EOPNOTSUPP, "%s = %s is not there yet", l->key, value);
    }
    return 0;
}

int pfs_schema_own_options(const struct pfs_schema *schema, struct pfs_arena *arena, struct pfs_options *out,
                           struct pfs_err *err)
{
    struct pfs_options some;

    PFS_TRY(pfs_options_with(&schema->options, "scan.fallback-branch", NULL, arena, &some, err));
    return pfs_options_with(&some, "scan.primary-branch", NULL, arena, out, err);
}

/* Changelogs that rows bring with them, and those of compactions. */
static int check_producer(const struct pfs_schema *s, struct pfs_err *err)
{
    const char *producer = pfs_options_get(&s->options, "changelog-producer");

    if (producer == NULL || strcasecmp(producer, "none") == 0 || strcasecmp(producer, "lookup") == 0)
        return 0;
    if ((strcasecmp(producer, "input") == 0 || strcasecmp(producer, "full-compaction") == 0) && s->primary_keys > 0)
        return 0;
    return pfs_fail(err, EOPNOTSUPP, "changelog-producer = %s is not there yet", producer);
}

/* Readers are refused little, as most tables can be read whatever their writers do; writers what they would do wrong.
 */
int pfs_schema_supported(const struct pfs_schema *s, bool writing, struct pfs_err *err)
{
    if (writing) {
        PFS_TRY(check_blob_columns(s, err));
        PFS_TRY(check_types(s->field, s->columns, has_only_parquet(s), err));
    }
    PFS_TRY(check_limits(s, writing, err));
    if (!writing)
        return 0;
    if (s->buckets == PFS_POSTPONE_BUCKET) /* whatever compactions do is left to them */
        return 0;
    return check_producer(s, err);
}
