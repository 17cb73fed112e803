/* schema_start.c - where reads of a table begin, when its options say so: the mode, and the one option that goes with
 * it.
 */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "src/meta/schema_internal.h"

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

int pfs_schema_check_start(const struct pfs_options *options, struct pfs_err *err)
{
    const struct start *start = NULL;
    const char *mode;
    unsigned set = 0;

    for (size_t i = 0; i < KEYS; i++)
        set |= pfs_options_get(options, keys[i]) != NULL ? 1u << i : 0;
    mode = chosen_mode(options, set);
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
