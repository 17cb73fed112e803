/* schema_rules.c - options and names that do not go together, as Paimon refuses them (spec options 5, timetravel 1). */
#include <errno.h>
#include <string.h>

#include "src/meta/schema_internal.h"

static int check_names(const struct pfs_schema *s, struct pfs_err *err)
{
    static const char *const reserved[] = {"_VALUE_KIND", "_ROW_ID", "rowkind", "_LEVEL", "_SEQUENCE_NUMBER"};

    for (int32_t i = 0; i < s->columns; i++) {
        const char *name = s->field[i].name;

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

static int check_record_expiry(const struct pfs_schema *s, struct pfs_err *err)
{
    const char *name = pfs_options_get(&s->options, "record-level.time-field");
    struct pfs_buf text = {0};
    int32_t column;
    enum pfs_kind kind;

    if (name == NULL)
        return 0;
    column = pfs_schema_find(s, pfs_str(name));
    if (column < 0)
        return pfs_fail(err, EINVAL, "Can not find time field %s for record level expire.", name);
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

int pfs_schema_check_rules(const struct pfs_schema *s, struct pfs_err *err)
{
    const char *bucket_key = pfs_options_get(&s->options, "bucket-key");

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
    return check_record_expiry(s, err);
}
