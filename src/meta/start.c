/* start.c - from what an option says of a time to the snapshot that it means: searches by id, time and watermark.
 *
 * Snapshots that expire meanwhile are passed over; what is looked for in vain is told in Paimon's words, under the
 * option's name, so that whoever reads knows what to reset. */
#include "src/meta/start.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/number.h"
#include "base/slice.h"

/* The searches' tools. */
struct search {
    const struct pfs_start *start;
    struct pfs_store *store;
    const char *meta;
    struct pfs_arena *arena;
};

/* ---- by name ---- */

static int out_of_range(const struct search *s, int64_t id, struct pfs_err *err)
{
    int64_t first, last;
    int rc = pfs_snapshot_earliest_id(s->store, s->meta, &first, err);

    if (rc == 0)
        rc = pfs_snapshot_latest_id(s->store, s->meta, &last, err);
    if (rc == -ENOENT)
        return pfs_fail(err, ENOENT, "%s: There is currently no snapshot.", s->start->key);
    PFS_TRY(rc);
    return pfs_fail(err, ENOENT,
                    "%s: The specified scan snapshotId %lld is out of available snapshotId range [%lld, %lld].",
                    s->start->key, (long long)id, (long long)first, (long long)last);
}

static int find_id(const struct search *s, int64_t id, struct pfs_snapshot *out, struct pfs_err *err)
{
    int rc = pfs_snapshot_load(s->store, s->meta, id, s->arena, out, NULL, err);

    return rc == -ENOENT ? out_of_range(s, id, err) : rc;
}

static int no_tag(const struct search *s, struct pfs_err *err)
{
    return pfs_fail(err, ENOENT, "%s: Tag '%.60s' doesn't exist.", s->start->key, s->start->text);
}

static int find_tag(const struct search *s, struct pfs_snapshot *out, struct pfs_err *err)
{
    int rc = pfs_tag_find(s->store, s->meta, s->start->text, s->arena, out, err);

    return rc == -ENOENT ? no_tag(s, err) : rc;
}

/* ---- by time and watermark ---- */

static int find_time(const struct search *s, int64_t time_ms, struct pfs_snapshot *out, struct pfs_err *err)
{
    struct pfs_snapshot earliest;
    int64_t id;
    int rc = pfs_snapshot_at_time(s->store, s->meta, time_ms, s->arena, out, err);

    if (rc != -ENOENT)
        return rc;
    if (pfs_snapshot_earliest_id(s->store, s->meta, &id, NULL) < 0 ||
        pfs_snapshot_load(s->store, s->meta, id, s->arena, &earliest, NULL, NULL) < 0)
        return pfs_fail(err, ENOENT, "%s: There is currently no snapshot earlier than or equal to timestamp [%lld].",
                        s->start->key, (long long)time_ms);
    return pfs_fail(err, ENOENT,
                    "%s: There is currently no snapshot earlier than or equal to timestamp [%lld], the earliest "
                    "snapshot's timestamp is [%lld]",
                    s->start->key, (long long)time_ms, (long long)earliest.time_ms);
}

static int has_watermark(const struct search *s, int64_t id, struct pfs_snapshot *out, struct pfs_err *err)
{
    int rc = pfs_snapshot_load(s->store, s->meta, id, s->arena, out, NULL, err);

    return rc == 0 ? out->has_watermark : rc == -ENOENT ? 0 : rc;
}

/* Once there is a watermark each later snapshot has one, and they do not fall: halved between the first one that has
 * one and the newest. Where several have the one that is looked for, it is the one that Paimon's halving meets first.
 */
static int find_watermark(const struct search *s, int64_t watermark, struct pfs_snapshot *out, struct pfs_err *err)
{
    struct pfs_snapshot snapshot = {0};
    int64_t *ids, count, low = 0, high;
    bool found = false;
    int rc = 0;

    PFS_TRY(pfs_snapshot_list(s->store, s->meta, s->arena, &ids, &count, err));
    while (low < count && (rc = has_watermark(s, ids[low], &snapshot, err)) == 0)
        low++;
    PFS_TRY(rc);
    if (rc == 1 && snapshot.watermark >= watermark) {
        *out = snapshot;
        return 0;
    }
    for (high = count - 1; low <= high && !(found && out->watermark == watermark);) {
        int64_t middle = low + (high - low) / 2;

        PFS_TRY(rc = has_watermark(s, ids[middle], &snapshot, err));
        if (rc == 1 && snapshot.watermark >= watermark) {
            *out = snapshot;
            found = true;
            high = middle - 1;
        } else {
            low = middle + 1;
        }
    }
    assert(!found || out->watermark >= watermark);
    return found ? 0
                 : pfs_fail(err, ENOENT, "%s: There is currently no snapshot later than or equal to watermark[%lld]",
                            s->start->key, (long long)watermark);
}

/* A tag hides a snapshot of the same number. */
static int find_version(const struct search *s, struct pfs_snapshot *out, struct pfs_err *err)
{
    static const char prefix[] = "watermark-";
    const char *text = s->start->text;
    int64_t number;
    int rc = pfs_tag_find(s->store, s->meta, s->start->text, s->arena, out, err);

    if (rc != -ENOENT)
        return rc;
    if (strncmp(text, prefix, strlen(prefix)) == 0)
        return pfs_i64_parse(pfs_str(text + strlen(prefix)), &number) == 0
                   ? find_watermark(s, number, out, err)
                   : pfs_fail(err, EINVAL, "%s = %.60s names no watermark", s->start->key, text);
    if (text[0] != '\0' && text[strspn(text, "0123456789")] == '\0' && pfs_i64_parse(pfs_str(text), &number) == 0)
        return find_id(s, number, out, err);
    return no_tag(s, err);
}

/* ---- without a name: the newest, or one near to it ---- */

/* -ENOENT: there is none. */
static int find_newest(const struct search *s, struct pfs_snapshot *out, struct pfs_err *err)
{
    int rc = -ENOENT;

    for (int attempt = 0; attempt < 4 && rc == -ENOENT; attempt++) { /* it may expire before it is read */
        int64_t id;

        PFS_TRY(pfs_snapshot_latest_id(s->store, s->meta, &id, err));
        rc = pfs_snapshot_load(s->store, s->meta, id, s->arena, out, NULL, err);
    }
    return rc == -ENOENT ? pfs_fail(err, EIO, "the newest snapshot vanishes whenever it is opened") : rc;
}

/* The newest one of a compaction; without any the newest of all. */
static int find_compacted(const struct search *s, struct pfs_snapshot *out, struct pfs_err *err)
{
    int64_t *ids, count, every = s->start->number;

    PFS_TRY(pfs_snapshot_list(s->store, s->meta, s->arena, &ids, &count, err));
    for (int64_t i = count - 1; i >= 0; i--) {
        int rc = pfs_snapshot_load(s->store, s->meta, ids[i], s->arena, out, NULL, err);

        if (rc < 0 && rc != -ENOENT)
            return rc;
        if (rc == 0 && out->kind == PFS_COMMIT_COMPACT &&
            (every == 0 || out->commit_identifier == PFS_BATCH_IDENTIFIER || out->commit_identifier % every == 0))
            return 0;
    }
    return find_newest(s, out, err);
}

/* The newest of the long-lived changelogs whose snapshot was committed before; -ENOENT. They are few. */
static int find_changelog(const struct search *s, int64_t time_ms, struct pfs_snapshot *out, struct pfs_err *err)
{
    int64_t *ids, count;

    PFS_TRY(pfs_changelog_list(s->store, s->meta, s->arena, &ids, &count, err));
    for (int64_t i = count - 1; i >= 0; i--) {
        int rc = pfs_changelog_load(s->store, s->meta, ids[i], s->arena, out, err);

        if (rc < 0 && rc != -ENOENT)
            return rc;
        if (rc == 0 && out->time_ms < time_ms)
            return 0;
    }
    return -ENOENT;
}

/* The first snapshot not before, where an older one, or what is kept of it, shows that none is missed; else files are
 * told apart by their own times. */
static int find_created(const struct search *s, struct pfs_pin *out, struct pfs_err *err)
{
    struct pfs_snapshot before;
    int64_t time_ms = s->start->number, newest;
    int rc =
        time_ms == INT64_MIN ? -ENOENT : pfs_snapshot_at_time(s->store, s->meta, time_ms - 1, s->arena, &before, err);

    if (rc == -ENOENT)
        rc = find_changelog(s, time_ms, &before, err);
    if (rc == 0)
        rc = pfs_snapshot_latest_id(s->store, s->meta, &newest, err);
    if (rc == 0 && before.id < newest)
        return find_id(s, before.id + 1, &out->snapshot, err);
    if (rc < 0 && rc != -ENOENT)
        return rc;
    out->since_ms = time_ms;
    return find_newest(s, &out->snapshot, err);
}

bool pfs_start_travels(enum pfs_start_kind kind)
{
    switch (kind) {
    case PFS_START_SNAPSHOT:
    case PFS_START_TAG:
    case PFS_START_VERSION:
    case PFS_START_TIME:
    case PFS_START_LOCAL:
    case PFS_START_WATERMARK:
        return true;
    case PFS_START_NEWEST:
    case PFS_START_COMPACTED:
    case PFS_START_FILES:
    case PFS_START_CREATED:
    case PFS_START_CHANGES:
        break;
    }
    return false;
}

int pfs_start_find(const struct pfs_start *start, struct pfs_store *store, const char *meta, struct pfs_arena *arena,
                   struct pfs_pin *out, struct pfs_err *err)
{
    const struct search s = {start, store, meta, arena};
    int rc = -EINVAL;

    assert(start->kind != PFS_START_NEWEST && start->kind != PFS_START_CHANGES);
    *out = (struct pfs_pin){.since_ms = PFS_NO_NUMBER, .travels = pfs_start_travels(start->kind)};
    switch (start->kind) {
    case PFS_START_SNAPSHOT:
        rc = find_id(&s, start->number, &out->snapshot, err);
        break;
    case PFS_START_TAG:
        rc = find_tag(&s, &out->snapshot, err);
        break;
    case PFS_START_VERSION:
        rc = find_version(&s, &out->snapshot, err);
        break;
    case PFS_START_TIME:
        rc = find_time(&s, start->number, &out->snapshot, err);
        break;
    case PFS_START_LOCAL:
        rc = find_time(&s, pfs_clock_instant_ms(start->number), &out->snapshot, err);
        break;
    case PFS_START_WATERMARK:
        rc = find_watermark(&s, start->number, &out->snapshot, err);
        break;
    case PFS_START_COMPACTED:
        rc = find_compacted(&s, &out->snapshot, err);
        break;
    case PFS_START_FILES:
        out->since_ms = start->number;
        rc = find_newest(&s, &out->snapshot, err);
        break;
    case PFS_START_CREATED:
        rc = find_created(&s, out, err);
        break;
    case PFS_START_NEWEST:
    case PFS_START_CHANGES:
        break;
    }
    out->exists = rc == 0;
    return rc == -ENOENT && !out->travels ? 0 : rc; /* a table without a snapshot has no rows to leave out */
}
