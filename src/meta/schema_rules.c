/* schema_rules.c - options and names that do not go together, as Paimon refuses them (spec options 5, timetravel 1).
 *
 * One function for each group of rules, each with the defaults that the options have when they are absent: a rule
 * between two options holds between an option and the other's default too. The sentences are Paimon's.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "src/meta/names.h"
#include "src/meta/schema_internal.h"

/* Names of the columns that files have beside the table's. */
static int check_names(const struct pfs_schema *s, struct pfs_err *err)
{
    static const char *const reserved[] = {"_VALUE_KIND", "_ROW_ID", "rowkind", "_LEVEL", "_SEQUENCE_NUMBER"};

    for (int32_t i = 0; i < s->columns; i++) {
        const char *name = s->field[i].name;

        assert(name != NULL);
        for (size_t k = 0; k < sizeof(reserved) / sizeof(reserved[0]); k++)
            if (strcmp(name, reserved[k]) == 0)
                return pfs_fail(err, EINVAL,
                                "Field name[%s] in schema cannot be exist in [_VALUE_KIND, _ROW_ID, rowkind, _LEVEL, "
                                "_SEQUENCE_NUMBER]",
                                name);
        if (strncmp(name, "_KEY_", 5) == 0)
            return pfs_fail(err, EINVAL, "Field name[%s] in schema cannot start with [_KEY_]", name);
    }
    return 0;
}

/* How many snapshots are kept, at least and at most; changelogs follow them where nothing else is said. */
static int check_retention(const struct pfs_schema *s, struct pfs_err *err)
{
    int64_t min, max, changelog_min, changelog_max;

    PFS_TRY(pfs_options_int(&s->options, "snapshot.num-retained.min", 10, &min, err));
    PFS_TRY(pfs_options_int(&s->options, "snapshot.num-retained.max", INT32_MAX, &max, err));
    PFS_TRY(pfs_options_int(&s->options, "changelog.num-retained.min", min, &changelog_min, err));
    PFS_TRY(pfs_options_int(&s->options, "changelog.num-retained.max", max, &changelog_max, err));
    if (min < 1)
        return pfs_fail(err, EINVAL, "snapshot.num-retained.min should be at least 1");
    if (min > max)
        return pfs_fail(err, EINVAL, "snapshot.num-retained.min should not be larger than snapshot.num-retained.max");
    if (changelog_min < 1)
        return pfs_fail(err, EINVAL, "changelog.num-retained.min should be at least 1");
    if (changelog_min > changelog_max)
        return pfs_fail(err, EINVAL, "changelog.num-retained.min should not be larger than changelog.num-retained.max");
    if (s->partition_keys == 0 && pfs_options_get(&s->options, "partition.expiration-time") != NULL)
        return pfs_fail(err, EINVAL, "Can not set 'partition.expiration-time' for non-partitioned table.");
    return 0;
}

/* What only means something where rows have keys. */
static int check_append(const struct pfs_schema *s, struct pfs_err *err)
{
    bool overwrites, numbered;

    PFS_TRY(pfs_options_bool(&s->options, "streaming-read-overwrite", false, &overwrites, err));
    PFS_TRY(pfs_options_bool(&s->options, "table-read.sequence-number.enabled", false, &numbered, err));
    if (s->primary_keys > 0)
        return 0;
    if (s->buckets == -1 && pfs_options_get(&s->options, "full-compaction.delta-commits") != NULL)
        return pfs_fail(err, EINVAL,
                        "AppendOnlyTable of unaware or dynamic bucket does not support "
                        "'full-compaction.delta-commits'");
    if (overwrites)
        return pfs_fail(err, EINVAL,
                        "Doesn't support streaming read the changes from overwrite when the primary keys are not "
                        "defined. Please use streaming-read-append-overwrite to enable the streaming read overwrite "
                        "commit for append table.");
    if (numbered)
        return pfs_fail(err, EINVAL,
                        "Cannot enable 'table-read.sequence-number.enabled' for non-primary-key table. Sequence "
                        "number is only available for primary key tables.");
    return 0;
}

/* Rows expire by a column of theirs, whose values must be a time, or a number that can be one. */
static int check_record_expiry(const struct pfs_schema *s, struct pfs_err *err)
{
    const char *name = pfs_options_get(&s->options, "record-level.time-field");
    struct pfs_buf text = {0};
    int32_t column;
    enum pfs_kind kind;

    if (name == NULL)
        return pfs_options_get(&s->options, "record-level.expire-time") == NULL
                   ? 0
                   : pfs_fail(err, EINVAL, "You should set time field for record-level expire.");
    column = pfs_schema_find(s, pfs_str(name));
    if (column < 0)
        return pfs_fail(err, EINVAL, "Can not find time field %s for record level expire.", name);
    assert(column < s->columns);
    kind = s->field[column].type.kind;
    if (kind == PFS_INT || kind == PFS_BIGINT || kind == PFS_TIMESTAMP || kind == PFS_TIMESTAMP_LTZ)
        return 0;
    pfs_type_print(&s->field[column].type, &text);
    pfs_buf_putc(&text, 0);
    (void)pfs_fail(err, EINVAL,
                   "The record level time field type should be one of INT, BIGINT, or TIMESTAMP, but field type is %s.",
                   text.failed ? "another" : (const char *)text.at);
    pfs_buf_done(&text);
    return -EINVAL;
}

/* A sequence field decides between rows, and cannot be aggregated of them as well. */
static int check_sequence(const struct pfs_schema *s, struct pfs_err *err)
{
    const char *fields = pfs_options_get(&s->options, "sequence.field");

    for (int32_t i = 0; fields != NULL && i < s->options.count; i++) {
        const char *key = s->options.item[i].key, *end = strrchr(key, '.');
        size_t len = end < key + 7 ? 0 : (size_t)(end - key - 7);

        if (strncmp(key, "fields.", 7) != 0 || len == 0 || strcmp(end, ".aggregate-function") != 0)
            continue;
        for (const char *p = fields; *p != '\0'; p += strcspn(p, ","), p += *p == ',')
            if (strcspn(p, ",") == len && strncmp(p, key + 7, len) == 0)
                return pfs_fail(err, EINVAL, "Should not define aggregation on sequence field: '%.*s'.", (int)len, p);
    }
    return 0;
}

/* What a writer needs of sorted runs and of its buffers; tables without keys have neither. */
static int check_writer(const struct pfs_schema *s, struct pfs_err *err)
{
    const struct pfs_options *o = &s->options;
    int64_t trigger, levels, page, buffer, spill;

    if (s->primary_keys == 0)
        return 0;
    PFS_TRY(pfs_options_int(o, "num-sorted-run.compaction-trigger", 5, &trigger, err));
    PFS_TRY(pfs_options_int(o, "num-levels", trigger + 1, &levels, err));
    if (levels < 2)
        return pfs_fail(err, EINVAL, "Number of levels must be at least 2.");
    if (trigger < 1)
        return pfs_fail(err, EINVAL, "num-sorted-run.compaction-trigger should be at least 1");
    PFS_TRY(pfs_options_bytes(o, "page-size", 64 << 10, &page, err));
    if (page < 16 || (page & (page - 1)) != 0)
        return pfs_fail(err, EINVAL, "page-size: the given value %lld is not a power of two.", (long long)page);
    PFS_TRY(pfs_options_bytes(o, "write-buffer-size", 256 << 20, &buffer, err));
    if (buffer / page < 3)
        return pfs_fail(err, EINVAL,
                        "Write buffer requires a minimum of 3 page memory, please increase write buffer memory size.");
    PFS_TRY(pfs_options_int(o, "sort-spill-threshold", 2, &spill, err));
    return spill >= 2 ? 0 : pfs_fail(err, EINVAL, "The sort spill threshold cannot be smaller than 2.");
}

/* Clustering sorts rows anew, which neither keys nor an order within buckets would survive. */
static int check_clustering(const struct pfs_schema *s, struct pfs_err *err)
{
    bool clusters, ordered, deletes, evolves;

    PFS_TRY(pfs_options_bool(&s->options, "clustering.incremental", false, &clusters, err));
    PFS_TRY(pfs_options_bool(&s->options, "bucket-append-ordered", true, &ordered, err));
    PFS_TRY(pfs_options_bool(&s->options, "deletion-vectors.enabled", false, &deletes, err));
    PFS_TRY(pfs_options_bool(&s->options, "data-evolution.enabled", false, &evolves, err));
    if (!clusters)
        return 0;
    if (evolves)
        return pfs_fail(err, EINVAL, "Data evolution config must disabled with clustering.incremental");
    if (s->primary_keys > 0)
        return pfs_fail(err, EINVAL, "Cannot define primary-key for incremental clustering table.");
    if (s->buckets != -1 && ordered)
        return pfs_fail(err, EINVAL, "bucket-append-ordered must be false for incremental clustering table.");
    if (s->buckets != -1 && deletes)
        return pfs_fail(err, EINVAL,
                        "Cannot enable deletion-vectors for incremental clustering table which bucket is not -1.");
    return 0;
}

/* Options that name columns of a kind. */
static int check_named(const struct pfs_schema *s, struct pfs_arena *arena, struct pfs_err *err)
{
    static const char *const blobs[] = {"blob-descriptor-field", "blob-external-storage-field"};
    const char *text = pfs_options_get(&s->options, "vector-field"), **names;
    int32_t count, column;

    for (size_t k = 0; k < sizeof(blobs) / sizeof(blobs[0]); k++) {
        const char *value = pfs_options_get(&s->options, blobs[k]);

        if (value == NULL || *value == '\0')
            continue;
        PFS_TRY(pfs_options_list(value, arena, &names, &count, err));
        for (int32_t i = 0; i < count; i++) {
            column = pfs_schema_find(s, pfs_str(names[i]));
            if (column < 0 || s->field[column].type.kind != PFS_BLOB)
                return pfs_fail(err, EINVAL, "Field '%s' in '%s' must be a BLOB field in table schema.", names[i],
                                blobs[k]);
        }
    }
    if (text != NULL && *text != '\0')
        return pfs_fail(err, EINVAL, "Some of the columns specified as vector-field are unknown: there are no vectors");
    text = pfs_options_get(&s->options, "upsert-key");
    if (text == NULL || *text == '\0')
        return 0;
    PFS_TRY(pfs_options_list(text, arena, &names, &count, err));
    for (int32_t i = 0; i < count; i++)
        if (pfs_schema_find(s, pfs_str(names[i])) < 0)
            return pfs_fail(err, EINVAL, "Cannot find field: %s", names[i]);
    return s->primary_keys == 0 ? 0
                                : pfs_fail(err, EINVAL, "Cannot define 'upsert-key' [%s] with 'primary-key'.", text);
}

/* The order is Paimon's: of several rules that are broken, the first one speaks. */
int pfs_schema_check_rules(const struct pfs_schema *s, struct pfs_arena *arena, struct pfs_err *err)
{
    const char *bucket_key = pfs_options_get(&s->options, "bucket-key");

    assert(s->columns > 0);
    PFS_TRY(check_names(s, err));
    if (s->buckets == -1 && bucket_key != NULL)
        return pfs_fail(err, EINVAL,
                        "Cannot define 'bucket-key' with bucket = -1, please remove the 'bucket-key' setting or "
                        "specify a bucket number.");
    PFS_TRY(check_retention(s, err));
    PFS_TRY(check_append(s, err));
    if (pfs_options_get(&s->options, "scan.fallback-branch") != NULL &&
        pfs_options_get(&s->options, "scan.primary-branch") != NULL)
        return pfs_fail(err, EINVAL,
                        "Cannot set both 'scan.fallback-branch' and 'scan.primary-branch' at the same time.");
    PFS_TRY(check_sequence(s, err));
    PFS_TRY(check_record_expiry(s, err));
    PFS_TRY(check_writer(s, err));
    PFS_TRY(pfs_name_check_data_dir(&s->options, err));
    PFS_TRY(check_clustering(s, err));
    PFS_TRY(check_named(s, arena, err));
    return pfs_schema_check_start(&s->options, err);
}
