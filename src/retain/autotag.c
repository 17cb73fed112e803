/* autotag.c - tags that are made by themselves, one a period (spec timetravel 2.1). Times are of a wall clock, counted
 * as if it were UTC.
 *
 *   snapshot's time - delay >= next tag's period + its length  ->  a tag of the period that has ended, and the next one
 *
 * Tags of people are told from automatic ones by their names alone: the name of an automatic one is its period, and is
 * read back to know where to go on. Each snapshot is inspected once a process; what was inspected is kept by the
 * caller, and begun anew when there are fewer snapshots than were seen, for somebody went back. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/datetime.h"
#include "format/orc/zone.h"
#include "src/retain/retain.h"
#include "src/retain/tagged.h"

#define HOUR_MS ((int64_t)3600000)
#define DAY_MS (24 * HOUR_MS)
#define NAME_BYTES 16                           /* of a name, its end too */
#define NAMED_MIN_MS (-(int64_t)62167219200000) /* 0000-01-01: names have four digits for the year */
#define NAMED_MAX_MS ((int64_t)253402300800000) /* 10000-01-01 */

enum mode { NONE, PROCESS_TIME, WATERMARK, BATCH };

struct rule {
    enum mode mode;
    int64_t period_ms, delay_ms, retained_ms;
    int64_t most; /* automatic tags that are kept; -1 = all */
    bool completes;
    bool first_word;  /* of a name counts */
    const char *name; /* its pattern: yyyy MM dd HH mm stand for digits */
    bool local;       /* the zone is this host's; else: */
    struct pfs_orc_zone zone;
};

/* ---- options ---- */

static int read_name(const struct pfs_options *o, struct rule *rule, struct pfs_err *err)
{
    static const char *const periods[] = {"daily", "hourly", "two-hours", NULL};
    static const char *const formats[] = {"with_dashes", "without_dashes", "without_dashes_and_spaces", NULL};
    static const char *const names[][3] = {{"yyyy-MM-dd", "yyyyMMdd", "yyyyMMdd"},
                                           {"yyyy-MM-dd HH", "yyyyMMdd HH", "yyyyMMddHH"},
                                           {"yyyy-MM-dd HH", "yyyy-MM-dd HH", "yyyy-MM-dd HH"}};
    static const int64_t lengths[] = {DAY_MS, HOUR_MS, 2 * HOUR_MS};
    int period, format;

    PFS_TRY(pfs_options_enum(o, "tag.creation-period", periods, 0, &period, err));
    PFS_TRY(pfs_options_enum(o, "tag.period-formatter", formats, 0, &format, err));
    PFS_TRY(pfs_options_millis(o, "tag.creation-period-duration", 0, &rule->period_ms, err));
    rule->name = rule->period_ms > 0 ? "yyyyMMddHHmm" : names[period][format];
    rule->first_word = rule->period_ms <= 0 && period == 0;
    if (rule->period_ms <= 0)
        rule->period_ms = lengths[period];
    assert(rule->period_ms > 0);
    assert(strlen(rule->name) < NAME_BYTES);
    return 0;
}

/* "+08:00" and "UTC+8" are what others call GMT+08:00. */
static int read_zone(const struct pfs_options *o, struct rule *rule, struct pfs_arena *arena, struct pfs_err *err)
{
    const char *name =
        pfs_options_get(o, rule->mode == WATERMARK ? "sink.watermark-time-zone" : "sink.process-time-zone");

    rule->local = name == NULL && rule->mode == PROCESS_TIME;
    if (rule->local)
        return 0;
    if (name == NULL || strcmp(name, "UTC") == 0 || strcmp(name, "Z") == 0)
        name = "";
    if (strncmp(name, "UTC+", 4) == 0 || strncmp(name, "UTC-", 4) == 0)
        name += 3;
    if (name[0] == '+' || name[0] == '-')
        name = pfs_arena_printf(arena, "GMT%s", name);
    return name == NULL ? pfs_arena_full(arena, err) : pfs_orc_zone_load(pfs_str(name), arena, &rule->zone, err);
}

static int read_mode(const struct pfs_options *o, enum mode *out, struct pfs_err *err)
{
    static const char *const modes[] = {"none", "process-time", "watermark", "batch", NULL};
    int mode;

    PFS_TRY(pfs_options_enum(o, "tag.automatic-creation", modes, NONE, &mode, err));
    *out = (enum mode)mode;
    return 0;
}

static int read_rule(const struct pfs_retain *at, const struct pfs_retention *how, struct pfs_arena *arena,
                     struct rule *rule, struct pfs_err *err)
{
    const struct pfs_options *o = &at->schema->options;

    *rule = (struct rule){.retained_ms = how->tag_ms};
    PFS_TRY(read_mode(o, &rule->mode, err));
    if (rule->mode == NONE || rule->mode == BATCH)
        return 0;
    PFS_TRY(read_name(o, rule, err));
    PFS_TRY(read_zone(o, rule, arena, err));
    PFS_TRY(pfs_options_millis(o, "tag.creation-delay", 0, &rule->delay_ms, err));
    PFS_TRY(pfs_options_int(o, "tag.num-retained-max", -1, &rule->most, err));
    PFS_TRY(pfs_options_bool(o, "tag.automatic-completion", false, &rule->completes, err));
    if (rule->delay_ms >= rule->period_ms)
        return pfs_fail(err, EINVAL, "tag.creation-delay must be shorter than the period of the tags");
    return 0;
}

/* ---- names ---- */

/* Where the part of that letter stands in the pattern, and how long it is; 0 = it has none. */
static size_t part_of(const char *pattern, char letter, size_t *from)
{
    const char *at = strchr(pattern, letter);
    size_t len = 0;

    if (at == NULL)
        return 0;
    *from = (size_t)(at - pattern);
    while (at[len] == letter)
        len++;
    return len;
}

static int digits_of(const char *pattern, const char *text, char letter, int absent)
{
    size_t from = 0, len = part_of(pattern, letter, &from);
    int v = 0;

    if (len == 0)
        return absent;
    for (size_t i = 0; i < len; i++) {
        char c = text[from + i];

        if (c < '0' || c > '9')
            return -1;
        v = v * 10 + (c - '0');
    }
    return v;
}

/* The start of the period that the tag is named for; false: it is no automatic tag. */
static bool parse_name(const struct rule *rule, const char *text, int64_t *out)
{
    size_t len = rule->first_word ? strcspn(text, " ") : strlen(text);
    int year, month, day, hour, minute;
    struct pfs_civil back;
    int64_t days;

    if (len != strlen(rule->name))
        return false;
    for (size_t i = 0; i < len; i++)
        if (strchr("- ", rule->name[i]) != NULL && text[i] != rule->name[i])
            return false;
    year = digits_of(rule->name, text, 'y', -1);
    month = digits_of(rule->name, text, 'M', -1);
    day = digits_of(rule->name, text, 'd', -1);
    hour = digits_of(rule->name, text, 'H', 0);
    minute = digits_of(rule->name, text, 'm', 0);
    if (year < 0 || month < 1 || month > 12 || day < 1 || hour < 0 || hour > 23 || minute < 0 || minute > 59)
        return false;
    days = pfs_days_from_civil(year, month, day);
    back = pfs_civil_from_days(days);
    *out = (days * 24 + hour) * HOUR_MS + minute * (int64_t)60000;
    return back.month == month && back.day == day;
}

static void put_digits(char *text, const char *pattern, char letter, int v)
{
    size_t from = 0, len = part_of(pattern, letter, &from);

    for (; len > 0; len--, v /= 10)
        text[from + len - 1] = (char)('0' + v % 10);
}

static void print_name(const struct rule *rule, int64_t time_ms, char out[NAME_BYTES])
{
    int64_t day = time_ms / DAY_MS - (time_ms % DAY_MS < 0), rest = time_ms - day * DAY_MS;
    struct pfs_civil c = pfs_civil_from_days(day);

    assert(rest >= 0);
    assert(c.year >= 0);
    assert(c.year <= 9999);
    (void)snprintf(out, NAME_BYTES, "%s", rule->name);
    put_digits(out, rule->name, 'y', c.year);
    put_digits(out, rule->name, 'M', c.month);
    put_digits(out, rule->name, 'd', c.day);
    put_digits(out, rule->name, 'H', (int)(rest / HOUR_MS));
    put_digits(out, rule->name, 'm', (int)(rest / 60000 % 60));
}

/* ---- tags ---- */

/* Is any tag of the snapshot an automatic one? Then its time, the latest of several. */
static bool automatic(const struct rule *rule, const struct pfs_tagged *tagged, int64_t place, int64_t *time_ms)
{
    bool found = false;

    assert(place >= 0);
    assert(place < tagged->count);
    for (int64_t i = 0; i < tagged->names[place]; i++) {
        int64_t time;

        if (!parse_name(rule, tagged->name[place][i], &time))
            continue;
        if (!found || time > *time_ms)
            *time_ms = time;
        found = true;
    }
    return found;
}

static int refuse_second(const struct rule *rule, const struct pfs_tagged *tagged, int64_t place, struct pfs_err *err)
{
    struct pfs_buf list = {0};
    int64_t time_ms;
    int rc;

    for (int64_t i = 0; i < tagged->names[place]; i++)
        if (parse_name(rule, tagged->name[place][i], &time_ms))
            pfs_buf_printf(&list, "%s%s", list.len > 0 ? ", " : "", tagged->name[place][i]);
    rc = pfs_buf_check(&list, err);
    if (rc == 0)
        rc = pfs_fail(err, EINVAL, "Snapshot %lld is already auto-tagged with [%.*s].",
                      (long long)tagged->snapshot[place].id, (int)list.len, (const char *)list.at);
    pfs_buf_done(&list);
    return rc;
}

/* A writer that begins could not tell which of two periods goes on. */
int pfs_tag_check_name(const struct pfs_retain *at, const char *name, int64_t snapshot, struct pfs_arena *arena,
                       struct pfs_err *err)
{
    const struct pfs_options *o = &at->schema->options;
    struct pfs_tagged tagged;
    struct rule rule = {0};
    int64_t place, time_ms;

    PFS_TRY(read_mode(o, &rule.mode, err));
    if (rule.mode == NONE || rule.mode == BATCH)
        return 0;
    PFS_TRY(read_name(o, &rule, err));
    if (!parse_name(&rule, name, &time_ms))
        return 0;
    PFS_TRY(pfs_tagged_load(at, arena, &tagged, err));
    place = pfs_tagged_before(&tagged, snapshot) + 1;
    if (place == tagged.count || tagged.snapshot[place].id != snapshot || !automatic(&rule, &tagged, place, &time_ms))
        return 0;
    return refuse_second(&rule, &tagged, place, err);
}

/* What a writer knows when it begins: the newest automatic tag, and the snapshots after it. */
static int begin(const struct pfs_retain *at, const struct rule *rule, struct pfs_arena *arena,
                 struct pfs_autotag *seen, struct pfs_err *err)
{
    struct pfs_tagged tagged;
    int64_t time_ms;
    int rc;

    PFS_TRY(pfs_tagged_load(at, arena, &tagged, err));
    for (int64_t i = tagged.count - 1; i >= 0; i--)
        if (automatic(rule, &tagged, i, &time_ms)) {
            *seen = (struct pfs_autotag){tagged.snapshot[i].id + 1, time_ms + rule->period_ms};
            return 0;
        }
    seen->next_ms = PFS_NO_NUMBER;
    rc = pfs_snapshot_earliest_id(at->store, at->meta, &seen->next_snapshot, err);
    if (rc == -ENOENT)
        seen->next_snapshot = 1;
    return rc == -ENOENT ? 0 : rc;
}

/* The oldest ones go; tags of people on the same snapshots stay, and do not count. */
static int drop_surplus(const struct pfs_retain *at, const struct rule *rule, struct pfs_arena *arena,
                        struct pfs_err *err)
{
    struct pfs_tagged tagged;
    int64_t count = 0, time_ms;

    if (rule->most < 0)
        return 0;
    PFS_TRY(pfs_tagged_load(at, arena, &tagged, err));
    for (int64_t i = 0; i < tagged.count; i++)
        count += automatic(rule, &tagged, i, &time_ms);
    for (int64_t i = 0; i < tagged.count && count > rule->most; i++) {
        if (!automatic(rule, &tagged, i, &time_ms))
            continue;
        count--;
        for (int64_t k = 0; k < tagged.names[i]; k++) {
            int rc = parse_name(rule, tagged.name[i][k], &time_ms) ? pfs_tag_drop(at, tagged.name[i][k], err) : 0;

            if (rc < 0 && rc != -ENOENT)
                return rc;
        }
    }
    return 0;
}

static bool has_name(int64_t time_ms)
{
    return time_ms >= NAMED_MIN_MS && time_ms < NAMED_MAX_MS;
}

/* The watermark of a stream that ended is beyond all years. */
static bool time_of(const struct rule *rule, const struct pfs_snapshot *s, int64_t *out)
{
    int64_t instant_ms = rule->mode == WATERMARK ? s->watermark : s->time_ms;

    if (instant_ms == PFS_NO_NUMBER || !has_name(instant_ms))
        return false;
    assert(rule->mode == WATERMARK || rule->mode == PROCESS_TIME);
    *out = rule->local ? pfs_clock_local_ms(instant_ms)
                       : instant_ms + (int64_t)pfs_orc_zone_offset(&rule->zone, instant_ms / 1000) * 1000;
    return true;
}

static int inspect(const struct pfs_retain *at, const struct rule *rule, const struct pfs_snapshot *s,
                   struct pfs_autotag *seen, struct pfs_arena *arena, struct pfs_err *err)
{
    int64_t time_ms, tag_ms;
    char name[NAME_BYTES];
    int rc;

    if (!time_of(rule, s, &time_ms) ||
        (seen->next_ms != PFS_NO_NUMBER && time_ms - rule->delay_ms < seen->next_ms + rule->period_ms))
        return 0;
    tag_ms = time_ms / rule->period_ms * rule->period_ms - rule->period_ms;
    if (rule->completes && seen->next_ms != PFS_NO_NUMBER)
        tag_ms = seen->next_ms;
    if (!has_name(tag_ms))
        return 0;
    print_name(rule, tag_ms, name);
    rc = pfs_tag_make(at, name, s, rule->retained_ms, false, err);
    if (rc < 0 && rc != -EEXIST)
        return rc;
    seen->next_ms = tag_ms + rule->period_ms;
    return drop_surplus(at, rule, arena, err);
}

/* From one snapshot to the next; those that have expired meanwhile are passed over. */
static int inspect_all(const struct pfs_retain *at, const struct rule *rule, struct pfs_autotag *seen,
                       struct pfs_err *err)
{
    struct pfs_arena arena;
    int rc = 0;

    assert(seen->next_snapshot > 0);
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    while (rc == 0) {
        struct pfs_snapshot s;
        int64_t earliest;

        pfs_arena_reset(&arena);
        rc = pfs_snapshot_load(at->store, at->meta, seen->next_snapshot, &arena, &s, NULL, err);
        if (rc == 0)
            rc = inspect(at, rule, &s, seen, &arena, err);
        if (rc == 0) {
            seen->next_snapshot++;
            continue;
        }
        if (rc != -ENOENT || pfs_snapshot_earliest_id(at->store, at->meta, &earliest, NULL) < 0 ||
            earliest <= seen->next_snapshot)
            break;
        seen->next_snapshot = earliest;
        rc = 0;
    }
    pfs_arena_done(&arena);
    return rc == -ENOENT ? 0 : rc;
}

/* Are there fewer snapshots than were inspected? */
static bool went_back(const struct pfs_retain *at, const struct pfs_autotag *seen)
{
    int64_t latest;

    return pfs_snapshot_latest_id(at->store, at->meta, &latest, NULL) == 0 && latest < seen->next_snapshot - 1;
}

int pfs_tags_create_due(const struct pfs_retain *at, const struct pfs_retention *how, struct pfs_autotag *seen,
                        struct pfs_err *err)
{
    struct pfs_arena arena;
    struct rule rule;
    int rc;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = read_rule(at, how, &arena, &rule, err);
    if (rc == 0 && (rule.mode == PROCESS_TIME || rule.mode == WATERMARK)) {
        if (seen->next_snapshot == 0 || went_back(at, seen))
            rc = begin(at, &rule, &arena, seen, err);
        if (rc == 0)
            rc = inspect_all(at, &rule, seen, err);
    }
    pfs_arena_done(&arena);
    return rc;
}
