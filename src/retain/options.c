/* options.c - what the table's options say about keeping.
 *
 * Limits of changelogs are those of snapshots where they say nothing of their own; changelogs are decoupled from their
 * snapshots when any of them keeps more. */
#include <assert.h>
#include <strings.h>

#include "src/retain/retain.h"

#define HOUR_MS ((int64_t)3600000)

static int read_limits(const struct pfs_options *o, const char *least, const char *most, const char *retained,
                       struct pfs_retain_limits *out, struct pfs_err *err)
{
    PFS_TRY(pfs_options_int(o, least, out->least, &out->least, err));
    PFS_TRY(pfs_options_int(o, most, out->most, &out->most, err));
    return pfs_options_millis(o, retained, out->retained_ms, &out->retained_ms, err);
}

int pfs_retention_read(const struct pfs_schema *schema, struct pfs_retention *out, struct pfs_err *err)
{
    const struct pfs_options *o = &schema->options;
    const char *producer = pfs_options_get(o, "changelog-producer");
    struct pfs_retention r = {.snapshots = {.most = INT32_MAX, .least = 10, .retained_ms = HOUR_MS},
                              .has_producer = producer != NULL && strcasecmp(producer, "none") != 0};

    PFS_TRY(read_limits(o, "snapshot.num-retained.min", "snapshot.num-retained.max", "snapshot.time-retained",
                        &r.snapshots, err));
    PFS_TRY(pfs_options_int(o, "snapshot.expire.limit", 50, &r.snapshots.deletes, err));
    r.changelogs = r.snapshots;
    PFS_TRY(read_limits(o, "changelog.num-retained.min", "changelog.num-retained.max", "changelog.time-retained",
                        &r.changelogs, err));
    r.decoupled = r.changelogs.most > r.snapshots.most || r.changelogs.least > r.snapshots.least ||
                  r.changelogs.retained_ms > r.snapshots.retained_ms;
    PFS_TRY(pfs_options_bool(o, "consumer.changelog-only", false, &r.changelog_only, err));
    r.changelog_only &= r.decoupled;
    PFS_TRY(pfs_options_bool(o, "snapshot.clean-empty-directories", false, &r.clean_directories, err));
    PFS_TRY(pfs_options_millis(o, "consumer.expiration-time", -1, &r.consumer_ms, err));
    PFS_TRY(pfs_options_bool(o, "tag.time-expire-enabled", true, &r.expire_tags, err));
    PFS_TRY(pfs_options_millis(o, "tag.default-time-retained", -1, &r.tag_ms, err));
    assert(!r.changelog_only || r.decoupled);
    *out = r;
    return 0;
}
