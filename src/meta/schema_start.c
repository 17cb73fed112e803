/* schema_start.c - where reads of a table begin, when its options say so: the mode, and the one option that goes with
 * it. Whoever sets options is told when they do not go together; whoever reads is told too, since schemas may be
 * written by others.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/datetime.h"
#include "src/meta/schema_internal.h"
#include "src/meta/start.h"

/* In the order of their bits. */
static const char *const keys[] = {"scan.timestamp-millis",    "scan.timestamp",
                                   "scan.snapshot-id",         "scan.tag-name",
                                   "scan.watermark",           "scan.file-creation-time-millis",
                                   "incremental-between",      "incremental-between-timestamp",
                                   "incremental-to-auto-tag",  "scan.version",
                                   "scan.creation-time-millis"};
#define KEYS (sizeof(keys) / sizeof(keys[0]))

enum {
    MILLIS = 1,
    TIMESTAMP = 2,
    SNAPSHOT = 4,
    TAG = 8,
    WATERMARK = 16,
    FILES = 32,
    BETWEEN = 64,
    BETWEEN_TIMES = 128,
    AUTO_TAG = 256,
    VERSION = 512,
    CREATION = 1024,
    INCREMENTAL = BETWEEN | BETWEEN_TIMES | AUTO_TAG
};

struct start {
    const char *mode;
    unsigned wanted;  /* exactly one of these is there */
    unsigned against; /* none of these */
    unsigned told;    /* for which ones the sentence says that */
};

static const struct start starts[] = {
    {"from-timestamp", MILLIS | TIMESTAMP, SNAPSHOT | FILES | TAG | INCREMENTAL, MILLIS | TIMESTAMP},
    {"from-snapshot", SNAPSHOT | TAG | WATERMARK, MILLIS | TIMESTAMP | FILES | INCREMENTAL, SNAPSHOT | TAG},
    {"incremental", INCREMENTAL, SNAPSHOT | MILLIS | FILES | TIMESTAMP | TAG, INCREMENTAL},
    {"from-snapshot-full", SNAPSHOT, MILLIS | TIMESTAMP | FILES | TAG | INCREMENTAL, SNAPSHOT},
    {"from-file-creation-time", FILES, SNAPSHOT | MILLIS | TAG | INCREMENTAL, FILES},
};
#define ELSEWHERE (MILLIS | FILES | TIMESTAMP | SNAPSHOT | TAG | INCREMENTAL) /* in all other modes */

static const char *chosen_mode(const struct pfs_options *o, unsigned set)
{
    const char *mode = pfs_options_get(o, "scan.mode");

    if (mode != NULL && strcasecmp(mode, "default") != 0)
        return strcasecmp(mode, "full") == 0 ? "latest-full" : mode;
    if ((set & (MILLIS | TIMESTAMP)) != 0)
        return "from-timestamp";
    if ((set & (SNAPSHOT | TAG | WATERMARK | VERSION)) != 0)
        return "from-snapshot";
    if ((set & FILES) != 0)
        return "from-file-creation-time";
    if ((set & CREATION) != 0)
        return "from-creation-timestamp";
    return (set & (BETWEEN | BETWEEN_TIMES)) != 0 ? "incremental" : "latest-full";
}

static const char *name_of(unsigned set)
{
    for (size_t i = 0; i < KEYS; i++)
        if ((set & (1u << i)) != 0)
            return keys[i];
    return "";
}

/* Names between commas. */
static void put_names(unsigned set, struct pfs_buf *out)
{
    for (unsigned rest = set; rest != 0; rest &= rest - 1)
        pfs_buf_printf(out, "%s%s", rest == set ? "" : ",", name_of(rest & -rest));
    pfs_buf_putc(out, 0);
}

/* illegal 0: not exactly one of `set` is there. */
static int refuse(unsigned illegal, unsigned set, const char *mode, struct pfs_err *err)
{
    struct pfs_buf text = {0};
    const char *names;

    put_names(set, &text);
    names = text.failed ? "" : (const char *)text.at;
    if (illegal == 0)
        (void)pfs_fail(err, EINVAL, "must set only one key in [%s] when you use %s for scan.mode", names, mode);
    else
        (void)pfs_fail(err, EINVAL, "[%s] must be null when you set [%s]", name_of(illegal), names);
    pfs_buf_done(&text);
    return -EINVAL;
}

static unsigned set_of(const struct pfs_options *options)
{
    unsigned set = 0;

    for (size_t i = 0; i < KEYS; i++)
        set |= pfs_options_get(options, keys[i]) != NULL ? 1u << i : 0;
    return set;
}

/* Does the mode have the one option that it needs, and none that would say something else? */
static int check(unsigned set, const char *mode, struct pfs_err *err)
{
    const struct start *start = NULL;

    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]) && start == NULL; i++)
        start = strcasecmp(starts[i].mode, mode) == 0 ? &starts[i] : NULL;
    if (start == NULL)
        return (set & ELSEWHERE) == 0 ? 0
                                      : pfs_fail(err, EINVAL, "%s must be null when you use %s for scan.mode",
                                                 name_of(set & ELSEWHERE), mode);
    if (__builtin_popcount(start->wanted) == 1 && (set & start->wanted) == 0)
        return pfs_fail(err, EINVAL, "%s can not be null when you use %s for scan.mode", name_of(start->wanted), mode);
    if (__builtin_popcount(set & start->wanted) != 1)
        return refuse(0, start->wanted, mode, err);
    return (set & start->against) == 0 ? 0 : refuse(set & start->against, start->told, mode, err);
}

int pfs_schema_check_start(const struct pfs_options *options, struct pfs_err *err)
{
    unsigned set = set_of(options);

    return check(set, chosen_mode(options, set), err);
}

/* ---- what a reader makes of it ---- */

/* "yyyy-MM-dd", perhaps with " HH:mm:ss" and a fraction behind it: Paimon wants the seconds, and no T. */
static int parse_local(const char *text, int64_t *out, struct pfs_err *err)
{
    const char *day_end = strchr(text, ' '), *colon = strchr(text, ':');
    bool whole = day_end == NULL ? colon == NULL : colon != NULL && strchr(colon + 1, ':') != NULL;
    int32_t nanos;

    if (!whole || strpbrk(text, "TZ") != NULL || pfs_timestamp_parse(pfs_str(text), 9, false, out, &nanos) < 0)
        return pfs_fail(err, EINVAL, "scan.timestamp = %.60s is no 'yyyy-MM-dd HH:mm:ss'", text);
    return 0;
}

/* With changelogs of full compactions alone, those count that a writer made on purpose: every so many commits. */
static int compacted(const struct pfs_options *o, struct pfs_start *out, struct pfs_err *err)
{
    const char *producer = pfs_options_get(o, "changelog-producer");
    int64_t commits;

    *out = (struct pfs_start){.kind = PFS_START_COMPACTED, .key = "scan.mode", .text = "compacted-full"};
    PFS_TRY(pfs_options_int(o, "full-compaction.delta-commits", 0, &commits, err));
    out->number = commits > 0 ? commits : producer != NULL && strcasecmp(producer, "full-compaction") == 0 ? 1 : 0;
    return 0;
}

static const struct {
    unsigned bit;
    enum pfs_start_kind kind;
} kinds[] = {{MILLIS, PFS_START_TIME}, {TIMESTAMP, PFS_START_LOCAL},  {SNAPSHOT, PFS_START_SNAPSHOT},
             {TAG, PFS_START_TAG},     {VERSION, PFS_START_VERSION},  {WATERMARK, PFS_START_WATERMARK},
             {FILES, PFS_START_FILES}, {CREATION, PFS_START_CREATED}, {INCREMENTAL, PFS_START_CHANGES}};

/* The one option among `set` that the mode goes by. */
static int by_option(const struct pfs_options *o, unsigned set, struct pfs_start *out, struct pfs_err *err)
{
    size_t i = 0;

    while (i < sizeof(kinds) / sizeof(kinds[0]) && (kinds[i].bit & set) == 0)
        i++;
    assert(i < sizeof(kinds) / sizeof(kinds[0])); /* check has seen that it is there */
    *out = (struct pfs_start){.kind = kinds[i].kind, .key = name_of(set & kinds[i].bit)};
    out->text = pfs_options_get(o, out->key);
    if (out->kind == PFS_START_LOCAL)
        return parse_local(out->text, &out->number, err);
    if (out->kind == PFS_START_TAG || out->kind == PFS_START_VERSION || out->kind == PFS_START_CHANGES)
        return 0;
    return pfs_options_int(o, out->key, 0, &out->number, err);
}

/* scan.version stands for one of the three, which it turns out to be when it is looked for. */
static int replace_version(unsigned *set, const char *mode, struct pfs_err *err)
{
    if ((*set & VERSION) == 0 || strcasecmp(mode, "from-snapshot") != 0)
        return 0;
    if ((*set & (SNAPSHOT | TAG | WATERMARK)) != 0)
        return refuse(0, SNAPSHOT | TAG | WATERMARK, mode, err);
    *set = (*set & ~(unsigned)VERSION) | TAG;
    return 0;
}

int pfs_start_of(const struct pfs_options *options, struct pfs_start *out, struct pfs_err *err)
{
    const char *said = pfs_options_get(options, "scan.mode");
    unsigned given = set_of(options), set = given;
    const char *mode = chosen_mode(options, given);

    *out = (struct pfs_start){.kind = PFS_START_NEWEST};
    if (said == NULL && given == 0)
        return 0;
    if (said != NULL)
        PFS_TRY(pfs_option_check("scan.mode", said, err));
    PFS_TRY(replace_version(&set, mode, err));
    PFS_TRY(check(set, mode, err));
    if (strcasecmp(mode, "compacted-full") == 0)
        return compacted(options, out, err);
    if (strcasecmp(mode, "from-creation-timestamp") == 0 && (given & CREATION) == 0)
        return pfs_fail(err, EINVAL, "%s can not be null when you use %s for scan.mode", name_of(CREATION), mode);
    if (strcasecmp(mode, "from-creation-timestamp") == 0)
        return by_option(options, CREATION, out, err);
    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
        if (strcasecmp(starts[i].mode, mode) == 0)
            return by_option(options, set == given ? given & starts[i].wanted : VERSION, out, err);
    return 0; /* latest, latest-full */
}
