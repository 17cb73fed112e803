/* option_check.c - Paimon's own options and what each of them takes. Paimon reads an option when it first needs it, and
 * then a job fails; who writes one here is told at once.
 *
 * A list of keys for each type that options have, sorted as a person reads them and gone through from the front: it is
 * asked for a few keys of a statement. A key that is in none of the lists is a user's or another program's, and takes
 * anything. Keys that name columns (fields.<name>. ...) are looked at with the schema (schema_check.c).
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "src/meta/options.h"

/* clang-format off */
static const char *const booleans[] = {
    "add-column-before-partition", "aggregation.remove-record-on-delete",
    "alter-column-null-to-not-null.disabled", "async-file-write", "auto-create", "blob-as-descriptor",
    "blob.split-by-file-size", "bucket-append-ordered", "chain-table.enabled", "changelog-producer.lookup-wait",
    "changelog-producer.row-deduplicate", "clustering.incremental", "clustering.incremental.optimize-write",
    "commit.discard-duplicate-files", "commit.force-compact", "commit.force-create-snapshot",
    "compaction.force-rewrite-all-files", "compaction.force-up-level-0", "consumer.changelog-only",
    "consumer.ignore-progress", "data-evolution.enabled", "data-file.thin-mode", "deduplicate.ignore-delete",
    "delete.force-produce-changelog", "deletion-vectors.bitmap64", "deletion-vectors.enabled",
    "deletion-vectors.modifiable", "disable-explicit-type-casting", "dynamic-partition-overwrite",
    "end-input.check-partition-expire", "file-index.read.enabled", "file.suffix.include.compression",
    "first-row.ignore-delete", "force-lookup", "ignore-delete", "ignore-update-before",
    "incremental-between-tag-to-snapshot", "index-file-in-data-file-dir", "key-value.sequence_number.enabled",
    "lookup-wait", "lookup.cache.bloom.filter.enabled", "lookup.remote-file.enabled",
    "manifest.delete-file-drop-stats", "metadata.stats-dense-store", "metastore.partitioned-table",
    "overwrite-upgrade", "partial-update.ignore-delete", "partial-update.remove-record-on-delete",
    "partition.end-input-to-done", "partition.legacy-name", "partition.timestamp-format.strict",
    "pk-clustering-override", "postpone.batch-write-fixed-bucket", "query-auth.enabled", "row-tracking.enabled",
    "scan.ignore-corrupt-files", "scan.ignore-lost-files", "scan.plan-sort-partition",
    "snapshot.clean-empty-directories", "snapshot.expire.clean-empty-directories",
    "snapshot.ignore-empty-commit", "streaming-read-append-overwrite", "streaming-read-overwrite",
    "table-read.sequence-number.enabled", "tag.automatic-completion", "tag.create-success-file",
    "tag.time-expire-enabled", "write-buffer-for-append", "write-buffer-spillable", "write-only",
    "write.compaction-skip", NULL
};

static const char *const ints[] = {
    "bucket", "changelog.num-retained.max", "changelog.num-retained.min", "clustering.history-partition.limit",
    "commit.max-retries", "compaction.file-num-limit", "compaction.max-size-amplification-percent",
    "compaction.min.file-num", "compaction.offpeak-ratio", "compaction.offpeak.end.hour",
    "compaction.offpeak.start.hour", "compaction.size-ratio", "cross-partition-upsert.bootstrap-parallelism",
    "delete-file.thread-num", "dynamic-bucket.assigner-parallelism", "dynamic-bucket.initial-buckets",
    "dynamic-bucket.max-buckets", "file-operation.thread-num", "file.compression.zstd-level",
    "full-compaction.delta-commits", "local-sort.max-num-file-handles", "lookup-compact.max-interval",
    "lookup.merge-records-threshold", "lookup.remote-file.level-threshold", "manifest.merge-min-count",
    "metadata.stats-keep-first-n-columns", "num-levels", "num-sorted-run.compaction-trigger",
    "num-sorted-run.stop-trigger", "partition.expiration-batch-size", "partition.expiration-max-num",
    "postpone.batch-write-fixed-bucket.max-parallelism", "postpone.default-bucket-num", "read.batch-size",
    "scan.manifest.parallelism", "scan.max-splits-per-task", "snapshot.expire.limit",
    "snapshot.num-retained.max", "snapshot.num-retained.min", "sort-compaction.local-sample.magnification",
    "sort-spill-threshold", "spill-compression.zstd-level", "tag.num-retained-max",
    "write-max-writers-to-spill", "write.batch-size", "zorder.var-length-contribution", NULL
};

static const char *const longs[] = {
    "commit.strict-mode.last-safe-snapshot", "dynamic-bucket.target-row-num", "log.scan.timestamp-millis",
    "scan.bounded.watermark", "scan.creation-time-millis", "scan.file-creation-time-millis", "scan.snapshot-id",
    "scan.timestamp-millis", "scan.watermark", NULL
};

static const char *const numbers[] = {
    "compaction.delete-ratio-threshold", "lookup.cache.bloom.filter.fpp",
    "lookup.cache.high-priority-pool-ratio", "lookup.hash-load-factor", NULL
};

static const char *const sizes[] = {
    "blob.target-file-size", "cache-page-size", "compaction.incremental-size-threshold",
    "compaction.total-size-threshold", "deletion-vector.index-file.target-size",
    "file-index.in-manifest-threshold", "file-reader-async-threshold", "file.block-size",
    "local-merge-buffer-size", "lookup.cache-max-disk-size", "lookup.cache-max-memory-size",
    "lookup.merge-buffer-size", "manifest.full-compaction-threshold-size", "manifest.target-file-size",
    "page-size", "sort-spill-buffer-size", "source.split.open-file-cost", "source.split.target-size",
    "target-file-size", "write-buffer-size", "write-buffer-spill.max-disk-size", "write.batch-memory", NULL
};

static const char *const durations[] = {
    "changelog.time-retained", "clustering.history-partition.idle-to-full-sort", "commit.max-retry-wait",
    "commit.min-retry-wait", "commit.timeout", "compaction.optimization-interval", "consumer.expiration-time",
    "continuous.discovery-interval", "cross-partition-upsert.index-ttl", "lookup.cache-file-retention",
    "partition.expiration-check-interval", "partition.expiration-time",
    "partition.idle-time-to-report-statistic", "record-level.expire-time", "snapshot.time-retained",
    "snapshot.watermark-idle-timeout", "streaming.read.snapshot.delay", "tag.creation-delay",
    "tag.creation-period-duration", "tag.default-time-retained", NULL
};

static const char *const per_level[] = {
    "file.compression.per.level", "file.format.per.level", "metadata.stats-mode.per.level", NULL
};

static const struct {
    const char *key, *const *names;
} picks[] = {
#define NAMES(...) (const char *const[]){__VA_ARGS__, NULL}
    {"type", NAMES("table", "format-table", "materialized-table", "object-table", "lance-table", "iceberg-table")},
    {"bucket-function.type", NAMES("default", "mod", "hive")},
    {"data-file.external-paths.strategy", NAMES("none", "specific-fs", "round-robin", "entropy-inject", "weight-robin")},
    {"snapshot.expire.execution-mode", NAMES("sync", "async")},
    {"merge-engine", NAMES("deduplicate", "partial-update", "aggregation", "first-row")},
    {"sort-engine", NAMES("min-heap", "loser-tree")},
    {"changelog-producer", NAMES("none", "input", "full-compaction", "lookup")},
    {"sequence.field.sort-order", NAMES("ascending", "descending")},
    {"scan.mode", NAMES("default", "latest-full", "full", "latest", "compacted-full", "from-timestamp",
                        "from-creation-timestamp", "from-file-creation-time", "from-snapshot", "from-snapshot-full",
                        "incremental")},
    {"stream-scan-mode", NAMES("none", "compact-bucket-table", "file-monitor")},
    {"batch-scan-mode", NAMES("none", "compact")},
    {"consumer.mode", NAMES("exactly-once", "at-least-once")},
    {"incremental-between-scan-mode", NAMES("auto", "delta", "changelog", "diff")},
    {"partition.sink-strategy", NAMES("none", "hash")},
    {"metastore.tag-to-partition.preview", NAMES("none", "process-time", "watermark", "batch")},
    {"tag.automatic-creation", NAMES("none", "process-time", "watermark", "batch")},
    {"tag.creation-period", NAMES("daily", "hourly", "two-hours")},
    {"tag.period-formatter", NAMES("with_dashes", "without_dashes", "without_dashes_and_spaces")},
    {"sort-compaction.range-strategy", NAMES("size", "quantity")},
    {"lookup-compact", NAMES("radical", "gentle")},
    {"clustering.incremental.mode", NAMES("global-sort", "local-sort")},
#undef NAMES
};
/* clang-format on */

static bool among(const char *const *list, const char *key)
{
    while (*list != NULL && strcmp(*list, key) != 0)
        list++;
    return *list != NULL;
}

static int malformed(const char *key, const char *value, const char *want, struct pfs_err *err)
{
    return pfs_fail(err, EINVAL, "Could not parse value '%s' for key '%s': expected %s", value, key, want);
}

/* The whole text is a number, with a point or without. */
static int check_number(const char *key, const char *value, struct pfs_err *err)
{
    char *end;

    (void)strtod(value, &end);
    return end != value && *end == '\0' ? 0 : malformed(key, value, "a number", err);
}

/* level:value, each level once. */
static int check_per_level(const char *key, const char *value, struct pfs_err *err)
{
    long seen[64];
    size_t levels = 0;

    for (const char *p = value; *p != '\0'; p += *p == ',') {
        const char *stop = p + strcspn(p, ","), *colon = memchr(p, ':', (size_t)(stop - p));
        char *end;
        long level = strtol(p, &end, 10);

        if (colon == NULL || end == p || end != colon || memchr(colon + 1, ':', (size_t)(stop - colon - 1)) != NULL)
            return malformed(key, value, "level:value, level:value, ...", err);
        for (size_t i = 0; i < levels; i++)
            if (seen[i] == level)
                return pfs_fail(err, EINVAL, "Could not parse value '%s' for key '%s': level %ld is there twice", value,
                                key, level);
        assert(levels <= sizeof(seen) / sizeof(seen[0]));
        if (levels == sizeof(seen) / sizeof(seen[0]))
            return malformed(key, value, "fewer levels", err);
        seen[levels++] = level;
        p = stop;
    }
    return 0;
}

/* One of the names, in any case; else the sentence lists them, as far as they fit. */
static int check_pick(const char *key, const char *value, const char *const *names, struct pfs_err *err)
{
    char all[200] = "";

    for (size_t i = 0, used = 0; names[i] != NULL; i++) {
        if (strcasecmp(names[i], value) == 0)
            return 0;
        used += (size_t)snprintf(all + used, sizeof(all) - used, "%s%s", i == 0 ? "" : ", ", names[i]);
        if (used >= sizeof(all))
            break;
    }
    return pfs_fail(err, EINVAL, "Could not parse value '%s' for key '%s'. Expected one of: [%s]", value, key, all);
}

int pfs_option_check(const char *key, const char *value, struct pfs_err *err)
{
    const struct pfs_options one = {1, &(struct pfs_option){.key = key, .value = value}}; /* for the parsers */
    int64_t number;
    bool flag;

    assert(key != NULL);
    assert(value != NULL);
    if (among(booleans, key))
        return pfs_options_bool(&one, key, false, &flag, err);
    if (among(longs, key))
        return pfs_options_int(&one, key, 0, &number, err);
    if (among(ints, key)) {
        PFS_TRY(pfs_options_int(&one, key, 0, &number, err));
        return number >= INT32_MIN && number <= INT32_MAX ? 0 : malformed(key, value, "an integer of 32 bits", err);
    }
    if (among(sizes, key))
        return pfs_options_bytes(&one, key, 0, &number, err);
    if (among(durations, key))
        return pfs_options_millis(&one, key, 0, &number, err);
    if (among(numbers, key))
        return check_number(key, value, err);
    if (among(per_level, key))
        return check_per_level(key, value, err);
    for (size_t i = 0; i < sizeof(picks) / sizeof(picks[0]); i++)
        if (strcmp(picks[i].key, key) == 0)
            return check_pick(key, value, picks[i].names, err);
    return 0;
}

int pfs_options_check(const struct pfs_options *o, struct pfs_err *err)
{
    for (int32_t i = 0; i < o->count; i++)
        PFS_TRY(pfs_option_check(o->item[i].key, o->item[i].value, err));
    return 0;
}
