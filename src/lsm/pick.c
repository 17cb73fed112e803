/* pick.c - Paimon's choices, one after the other, on a list of runs from the newest to the oldest.
 *
 *   full is due      by time since the last one, by small total size, by what was added since: all runs to the top
 *   amplification    what lies above the oldest run is a multiple of it: all runs to the top
 *   size ratio       runs of like size, from the newest on, as long as the next one is not larger than all of them
 *   number of runs   so many from the newest on that the trigger is met again
 *   level 0 forced   where readers see nothing of level 0, it moves up in any case
 *
 * Sizes and counts are those of files that any program may have written: sums of them are compared, not trusted. */
#include "src/lsm/pick.h"

#include <assert.h>
#include <errno.h>

#define TARGET_KEYED ((int64_t)128 << 20)
#define TARGET_APPENDED ((int64_t)256 << 20)
#define FULL_FILES_MIN 3 /* fewer files of a bucket are left alone */

/* ---- options ---- */

/* Paimon's integers have 32 bits: beyond them an option is refused there, and has no meaning here. */
static int read_int(const struct pfs_options *o, const char *key, int64_t fallback, int64_t *out, struct pfs_err *err)
{
    PFS_TRY(pfs_options_int(o, key, fallback, out, err));
    if (*out < INT32_MIN || *out > INT32_MAX)
        return pfs_fail(err, EINVAL, "%s: %lld is beyond 32 bits", key, (long long)*out);
    return 0;
}

static int read_target(const struct pfs_schema *schema, int64_t fallback, int64_t *target, int64_t *small,
                       struct pfs_err *err)
{
    PFS_TRY(pfs_options_bytes(&schema->options, "target-file-size", fallback, target, err));
    *small = *target / 10 * 7;
    return 0;
}

static int read_universal(const struct pfs_options *o, struct pfs_pick_rules *out, struct pfs_err *err)
{
    PFS_TRY(read_int(o, "compaction.max-size-amplification-percent", 200, &out->amplification_percent, err));
    PFS_TRY(read_int(o, "compaction.size-ratio", 1, &out->ratio_percent, err));
    PFS_TRY(pfs_options_int(o, "compaction.offpeak.start.hour", -1, &out->peak_start, err));
    PFS_TRY(pfs_options_int(o, "compaction.offpeak.end.hour", -1, &out->peak_end, err));
    PFS_TRY(read_int(o, "compaction.offpeak-ratio", 0, &out->offpeak_percent, err));
    PFS_TRY(pfs_options_millis(o, "compaction.optimization-interval", -1, &out->interval_ms, err));
    PFS_TRY(pfs_options_bytes(o, "compaction.total-size-threshold", -1, &out->total_bytes, err));
    PFS_TRY(pfs_options_bytes(o, "compaction.incremental-size-threshold", -1, &out->incremental_bytes, err));
    return 0;
}

int pfs_pick_rules_read(const struct pfs_schema *schema, struct pfs_pick_rules *out, struct pfs_err *err)
{
    const struct pfs_options *o = &schema->options;
    static const char *const urgencies[] = {"radical", "gentle", NULL};
    struct pfs_pick_rules r = {0};
    int64_t levels;
    int urgency;

    PFS_TRY(read_int(o, "num-sorted-run.compaction-trigger", 5, &r.trigger, err));
    PFS_TRY(pfs_options_int(o, "num-levels", r.trigger + 1, &levels, err));
    if (levels < 2)
        return pfs_fail(err, EINVAL, "Number of levels must be at least 2.");
    r.top = levels > INT32_MAX ? INT32_MAX - 1 : (int32_t)levels - 1;
    PFS_TRY(read_universal(o, &r, err));
    PFS_TRY(pfs_options_bool(o, "compaction.force-up-level-0", false, &r.force_level_0, err));
    PFS_TRY(pfs_options_enum(o, "lookup-compact", urgencies, 0, &urgency, err));
    if (schema->lookup_mode)
        r.force_level_0 = urgency == 0;
    PFS_TRY(pfs_options_bool(o, "compaction.force-rewrite-all-files", false, &r.rewrite_all, err));
    PFS_TRY(read_target(schema, TARGET_KEYED, &r.target_bytes, &r.small_bytes, err));
    *out = r;
    return 0;
}

/* ---- universal compaction ---- */

int32_t pfs_pick_top(const struct pfs_pick_rules *rules, const struct pfs_pick_run *run, int64_t count)
{
    assert(count >= 0);
    assert(rules->top > 0);
    return count > 0 && run[count - 1].level > rules->top ? run[count - 1].level : rules->top;
}

static int64_t bytes_of(const struct pfs_pick_run *run, int64_t count)
{
    int64_t bytes = 0;

    for (int64_t i = 0; i < count; i++)
        bytes += run[i].bytes;
    return bytes;
}

static double ratio_of(const struct pfs_pick_rules *rules, int32_t hour)
{
    int64_t start = rules->peak_start, end = rules->peak_end;
    bool inside = start <= end ? hour >= start && hour < end : hour >= start || hour < end;

    if (start < 0 || end < 0 || start == end || !inside)
        return (double)rules->ratio_percent;
    return (double)(rules->ratio_percent + rules->offpeak_percent);
}

/* Takes one more run as long as the next one is not larger than all before it together. */
static int64_t grow(const struct pfs_pick_run *run, int64_t count, int64_t runs, double ratio)
{
    int64_t bytes = bytes_of(run, runs);

    assert(runs <= count);
    while (runs < count && (double)bytes * (100.0 + ratio) / 100.0 >= (double)run[runs].bytes)
        bytes += run[runs++].bytes;
    return runs;
}

/* Files of level 0 overlap each other, so nothing is written there: runs are added up to the first one above it. */
static struct pfs_pick output(const struct pfs_pick_run *run, int64_t count, int64_t runs, int32_t top)
{
    struct pfs_pick pick = {runs, top};

    assert(runs > 0);
    assert(runs <= count);
    if (runs == count)
        return pick;
    pick.level = run[runs].level > 0 ? run[runs].level - 1 : 0;
    while (pick.level == 0 && pick.runs < count)
        pick.level = run[pick.runs++].level;
    if (pick.runs == count)
        pick.level = top;
    assert(pick.runs >= runs);
    assert(pick.level > 0);
    return pick;
}

static bool full_is_due(const struct pfs_pick_rules *rules, const struct pfs_pick_run *run, int64_t count, int32_t top,
                        const struct pfs_pick_now *now)
{
    int64_t all = bytes_of(run, count), below = run[count - 1].level == top ? bytes_of(run, count - 1) : all;

    assert(run[count - 1].level <= top);
    if (count == 1)
        return false;
    if (rules->interval_ms >= 0 && now->full_ms < now->ms - rules->interval_ms)
        return true;
    return all < rules->total_bytes || (rules->incremental_bytes >= 0 && below > rules->incremental_bytes);
}

static struct pfs_pick universal(const struct pfs_pick_rules *rules, const struct pfs_pick_run *run, int64_t count,
                                 int32_t top, double ratio)
{
    int64_t trigger = rules->trigger, runs;

    if (count >= trigger &&
        (__int128)100 * bytes_of(run, count - 1) > (__int128)rules->amplification_percent * run[count - 1].bytes)
        return (struct pfs_pick){count, top};
    runs = count >= trigger ? grow(run, count, 1, ratio) : 0;
    if (runs > 1)
        return output(run, count, runs, top);
    if (count <= trigger)
        return (struct pfs_pick){0, 0};
    runs = count - trigger + 1 < count ? count - trigger + 1 : count;
    return output(run, count, grow(run, count, runs, ratio), top);
}

static struct pfs_pick level_0(const struct pfs_pick_run *run, int64_t count, int32_t top, double ratio)
{
    int64_t runs = 0;

    while (runs < count && run[runs].level == 0)
        runs++;
    return runs == 0 ? (struct pfs_pick){0, 0} : output(run, count, grow(run, count, runs, ratio), top);
}

struct pfs_pick pfs_pick_normal(const struct pfs_pick_rules *rules, const struct pfs_pick_run *run, int64_t count,
                                const struct pfs_pick_now *now)
{
    int32_t top = pfs_pick_top(rules, run, count);
    double ratio = ratio_of(rules, now->hour);
    struct pfs_pick pick;

    for (int64_t i = 1; i < count; i++) /* newest first: level 0 file by file, then each level once */
        assert(run[i].level == 0 ? run[i - 1].level == 0 : run[i - 1].level < run[i].level);
    if (count == 0)
        return (struct pfs_pick){0, 0};
    pick = full_is_due(rules, run, count, top, now) ? (struct pfs_pick){count, top}
                                                    : universal(rules, run, count, top, ratio);
    if (pick.runs == 0 && rules->force_level_0)
        pick = level_0(run, count, top, ratio);
    if (pick.runs == 1 && run[0].files == 1 && run[0].level == pick.level)
        pick.runs = 0;
    assert(pick.runs <= count);
    return pick;
}

struct pfs_pick pfs_pick_full(const struct pfs_pick_rules *rules, const struct pfs_pick_run *run, int64_t count)
{
    int32_t top = pfs_pick_top(rules, run, count);

    if (count == 1 && run[0].level == top)
        return (struct pfs_pick){0, top};
    return (struct pfs_pick){count, top};
}

/* ---- append tables ---- */

int pfs_append_rules_read(const struct pfs_schema *schema, struct pfs_append_rules *out, struct pfs_err *err)
{
    const struct pfs_options *o = &schema->options;

    PFS_TRY(pfs_options_int(o, "compaction.min.file-num", 5, &out->files_min, err));
    PFS_TRY(pfs_options_bytes(o, "source.split.open-file-cost", (int64_t)4 << 20, &out->open_bytes, err));
    PFS_TRY(pfs_options_share(o, "compaction.delete-ratio-threshold", 0.2, &out->deletes_share, err));
    PFS_TRY(pfs_options_bool(o, "compaction.force-rewrite-all-files", false, &out->rewrite_all, err));
    out->vectors = schema->deletion_vectors;
    return read_target(schema, TARGET_APPENDED, &out->target_bytes, &out->small_bytes, err);
}

/* With deletion vectors all from the first file on that is small or has one, but not one file alone that has none. */
static struct pfs_pick_files whole_bucket(const struct pfs_append_rules *rules, const int64_t *bytes,
                                          const bool *marked, int64_t count)
{
    int64_t from = 0, small = 0;

    while (from < count && bytes[from] >= rules->small_bytes && !rules->rewrite_all && !(marked && marked[from]))
        from++;
    for (int64_t i = from; i < count; i++)
        small += bytes[i] < rules->small_bytes;
    if (rules->rewrite_all || (rules->vectors && (count - from > 1 || (from < count && marked && marked[from]))) ||
        (count - from >= FULL_FILES_MIN && small > count - from - small))
        return (struct pfs_pick_files){from, count - from};
    return (struct pfs_pick_files){0, 0};
}

struct pfs_pick_files pfs_pick_bucket(const struct pfs_append_rules *rules, const int64_t *bytes, const bool *marked,
                                      int64_t count, bool full)
{
    int64_t from = 0, taken = 0;

    if (full)
        return whole_bucket(rules, bytes, marked, count);
    for (int64_t i = 0; i < count; i++) {
        taken += bytes[i];
        assert(from <= i);
        if (i + 1 - from >= rules->files_min)
            return (struct pfs_pick_files){from, i + 1 - from};
        if (taken / 2 >= rules->target_bytes) /* the option may be as large as it likes */
            taken -= bytes[from++];
    }
    return (struct pfs_pick_files){0, 0};
}

struct pfs_pick_files pfs_pick_bin(const struct pfs_append_rules *rules, const int64_t *bytes, int64_t count,
                                   int64_t from)
{
    int64_t taken = 0;

    assert(from >= 0);
    assert(from <= count);
    for (int64_t i = from; i < count; i++) {
        taken += bytes[i] + rules->open_bytes;
        if (i > from && taken / 2 >= rules->target_bytes)
            return (struct pfs_pick_files){from, i + 1 - from};
    }
    if (from < count && count - from >= rules->files_min)
        return (struct pfs_pick_files){from, count - from};
    return (struct pfs_pick_files){from, 0};
}

/* ---- data evolution ---- */

/* How many ranges from `from` on would be one file. The one that fills it belongs to it. */
static int64_t stretch(const struct pfs_append_rules *rules, const struct pfs_pick_range *range, int64_t count,
                       int64_t from, int64_t *files)
{
    __int128 taken = range[from].bytes;
    int64_t to = from + 1;

    *files = range[from].files;
    for (; to < count && taken <= rules->target_bytes; to++) {
        const struct pfs_pick_range *last = &range[to - 1], *next = &range[to];

        assert(next->first >= last->first + last->rows);
        if (next->first > last->first + last->rows || next->bytes > rules->target_bytes)
            break;
        taken += next->bytes;
        *files += next->files;
    }
    return to - from;
}

struct pfs_pick_files pfs_pick_ranges(const struct pfs_append_rules *rules, const struct pfs_pick_range *range,
                                      int64_t count, int64_t from)
{
    int64_t files, ranges;

    assert(from >= 0);
    assert(from <= count);
    for (; from < count; from += ranges) {
        ranges = stretch(rules, range, count, from, &files);
        assert(ranges > 0);
        if (files >= rules->files_min)
            return (struct pfs_pick_files){from, ranges};
    }
    return (struct pfs_pick_files){count, 0};
}
