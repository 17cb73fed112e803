/* reading.c - tables whose options ask reads for what changed, instead of for a state: incremental-between and its
 * neighbours (spec changelog 5).
 *
 * The bounds are looked for as Paimon does: two tags, else two ids; or two times. What they come to are bounds as
 * incremental/ and diff/ take them, so that such a read is one of theirs. */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/datetime.h"
#include "base/number.h"
#include "src/table/internal.h"

enum { AUTO, DELTA, CHANGELOG, DIFF }; /* incremental-between-scan-mode */

struct bounds {
    const struct pfs_options *options;
    struct pfs_table_parts parts;
    struct pfs_arena *arena;
    const char *key;       /* the option */
    const char *from, *to; /* its two parts */
    int mode;
};

static int split(struct bounds *b, const struct pfs_start *start, struct pfs_err *err)
{
    const char **part;
    int32_t parts;

    b->key = start->key;
    PFS_TRY(pfs_options_list(start->text, b->arena, &part, &parts, err));
    if (parts != 2)
        return pfs_fail(err, EINVAL, "%s = %.60s has not a start (exclusive) and an end", start->key, start->text);
    b->from = part[0];
    b->to = part[1];
    return 0;
}

static int put_ids(const struct bounds *b, int64_t from, int64_t to, struct pfs_reading *out, struct pfs_err *err)
{
    out->kind = b->mode == DIFF ? PFS_READING_DIFF : PFS_READING_CHANGES;
    out->mode = b->mode == DELTA ? PFS_CHANGES_DELTA : b->mode == CHANGELOG ? PFS_CHANGES_CHANGELOG : PFS_CHANGES_AUTO;
    out->from = pfs_arena_printf(b->arena, "%lld", (long long)from);
    out->to = pfs_arena_printf(b->arena, "%lld", (long long)to);
    return out->from == NULL || out->to == NULL ? pfs_arena_full(b->arena, err) : 0;
}

static int put_tags(const struct bounds *b, struct pfs_reading *out, struct pfs_err *err)
{
    out->kind = PFS_READING_DIFF;
    out->from = pfs_arena_printf(b->arena, "tag:%s", b->from);
    out->to = pfs_arena_printf(b->arena, "tag:%s", b->to);
    return out->from == NULL || out->to == NULL ? pfs_arena_full(b->arena, err) : 0;
}

static int check_range(const struct bounds *b, int64_t from, int64_t to, struct pfs_err *err)
{
    int64_t first, last;
    int rc = pfs_snapshot_earliest_id(b->parts.store, b->parts.meta, &first, err);

    if (to < from)
        return pfs_fail(err, EINVAL, "%s: Ending snapshotId should >= starting snapshotId %lld.", b->key,
                        (long long)from);
    if (rc == 0)
        rc = pfs_snapshot_latest_id(b->parts.store, b->parts.meta, &last, err);
    if (rc == -ENOENT)
        return pfs_fail(err, EIO, "%s: There is currently no snapshot.", b->key);
    PFS_TRY(rc);
    if (from < first - 1 || to > last)
        return pfs_fail(err, EIO,
                        "%s: The specified scan snapshotId range [%lld, %lld] is out of available snapshotId range "
                        "[%lld, %lld].",
                        b->key, (long long)from, (long long)to, (long long)first, (long long)last);
    return 0;
}

/* ---- incremental-between ---- */

static int between_tags(const struct bounds *b, const struct pfs_snapshot *from, const struct pfs_snapshot *to,
                        struct pfs_reading *out, struct pfs_err *err)
{
    bool ids;

    if (to->id < from->id)
        return pfs_fail(err, EINVAL, "%s: Tag end %.40s with snapshot id %lld should be >= tag start %.40s with %lld",
                        b->key, b->to, (long long)to->id, b->from, (long long)from->id);
    PFS_TRY(pfs_options_bool(b->options, "incremental-between-tag-to-snapshot", false, &ids, err));
    if (!ids)
        return put_tags(b, out, err);
    PFS_TRY(check_range(b, from->id, to->id, err));
    return put_ids(b, from->id, to->id, out, err);
}

static int between(const struct bounds *b, struct pfs_reading *out, struct pfs_err *err)
{
    struct pfs_snapshot from, to;
    int64_t first, last;
    int rc = pfs_tag_find(b->parts.store, b->parts.meta, b->from, b->arena, &from, err);

    if (rc == 0)
        rc = pfs_tag_find(b->parts.store, b->parts.meta, b->to, b->arena, &to, err);
    if (rc == 0)
        return between_tags(b, &from, &to, out, err);
    if (rc != -ENOENT)
        return rc;
    if (pfs_i64_parse(pfs_str(b->from), &first) < 0 || pfs_i64_parse(pfs_str(b->to), &last) < 0)
        return pfs_fail(err, EIO,
                        "%s: Didn't find two tags for start '%.40s' and end '%.40s', and they are not two "
                        "snapshot Ids.",
                        b->key, b->from, b->to);
    PFS_TRY(check_range(b, first, last, err));
    return put_ids(b, first, last, out, err);
}

/* ---- incremental-between-timestamp ---- */

static int parse_time(const struct bounds *b, const char *text, int64_t *out, struct pfs_err *err)
{
    int32_t nanos;

    if (pfs_i64_parse(pfs_str(text), out) == 0)
        return 0;
    if (pfs_timestamp_parse(pfs_str(text), 9, false, out, &nanos) < 0)
        return pfs_fail(err, EINVAL, "%s: %.60s is no time", b->key, text);
    *out = pfs_clock_instant_ms(*out);
    return 0;
}

/* The last snapshot not after; the one before the first when all are younger. */
static int id_at(const struct bounds *b, int64_t time_ms, int64_t *out, struct pfs_err *err)
{
    struct pfs_snapshot found;
    int rc = pfs_snapshot_at_time(b->parts.store, b->parts.meta, time_ms, b->arena, &found, err);

    if (rc == -ENOENT) {
        rc = pfs_snapshot_earliest_id(b->parts.store, b->parts.meta, out, err);
        *out -= rc == 0;
        return rc == -ENOENT ? pfs_fail(err, EIO, "%s: There is currently no snapshot.", b->key) : rc;
    }
    if (rc == 0)
        *out = found.id;
    return rc;
}

static int between_times(const struct bounds *b, struct pfs_reading *out, struct pfs_err *err)
{
    int64_t from_ms, to_ms, from, to;

    PFS_TRY(parse_time(b, b->from, &from_ms, err));
    PFS_TRY(parse_time(b, b->to, &to_ms, err));
    if (to_ms < from_ms)
        return pfs_fail(err, EINVAL, "%s: Ending timestamp %lld should be >= starting timestamp %lld.", b->key,
                        (long long)to_ms, (long long)from_ms);
    PFS_TRY(id_at(b, from_ms, &from, err));
    PFS_TRY(id_at(b, to_ms, &to, err));
    if (from > to) /* somebody went back to an older snapshot between the two looks */
        return pfs_fail(err, EIO, "%s: the snapshots changed while they were looked for; read again", b->key);
    return put_ids(b, from, to, out, err);
}

int pfs_table_reading(struct pfs_table *table, struct pfs_arena *arena, struct pfs_reading *out, struct pfs_err *err)
{
    static const char *const modes[] = {"auto", "delta", "changelog", "diff", NULL};
    struct bounds b = {.parts = pfs_table_parts(table), .arena = arena};
    const struct pfs_schema *schema;
    struct pfs_start start;

    *out = (struct pfs_reading){.kind = PFS_READING_STATE, .mode = PFS_CHANGES_AUTO};
    PFS_TRY(pfs_table_schema(table, &schema, err));
    b.options = &schema->options;
    PFS_TRY(pfs_start_of(b.options, &start, err));
    if (start.kind != PFS_START_CHANGES)
        return 0;
    if (strcmp(start.key, "incremental-to-auto-tag") == 0)
        return pfs_fail(err, EOPNOTSUPP, "%s = %.60s is not there yet", start.key, start.text);
    PFS_TRY(pfs_options_enum(b.options, "incremental-between-scan-mode", modes, AUTO, &b.mode, err));
    PFS_TRY(split(&b, &start, err));
    return strcmp(start.key, "incremental-between") == 0 ? between(&b, out, err) : between_times(&b, out, err);
}
