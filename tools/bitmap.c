/* bitmap.c - CSV with bitmaps in its cells, counted and united. */
#include <errno.h>
#include <string.h>

#include "fs/lines/bitmaps.h"
#include "tools/commands.h"
#include "tools/pump.h"

static const char *const verbs[] = {[PFS_BITMAPS_CARDINALITY] = "cardinality",
                                    [PFS_BITMAPS_UNION_COUNT] = "union-count",
                                    [PFS_BITMAPS_UNION] = "union",
                                    [PFS_BITMAPS_BUILD] = "build"};

/* The pump knows nothing of bitmaps. */
static int feed(void *context, struct pfs_slice in, bool last, struct pfs_buf *out, size_t *consumed,
                struct pfs_err *err)
{
    return pfs_bitmaps_feed(context, in, last, out, consumed, err);
}

static bool take_verb(const char *name, struct pfs_bitmaps_want *want)
{
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (strcmp(name, verbs[i]) == 0) {
            want->verb = (enum pfs_bitmaps_verb)i;
            return true;
        }
    return false;
}

/* Some options belong to some verbs: one that would mean nothing is a mistake. */
static bool take_option(const char *name, const char *value, struct pfs_bitmaps_want *want)
{
    if (strcmp(name, "--bitmap") == 0)
        want->bitmap = value;
    else if (strcmp(name, "--as") == 0)
        want->as = value;
    else if (strcmp(name, "--group-by") == 0 && want->verb != PFS_BITMAPS_CARDINALITY)
        want->groups = value;
    else if (strcmp(name, "--bits") == 0 && want->verb == PFS_BITMAPS_BUILD &&
             (strcmp(value, "32") == 0 || strcmp(value, "64") == 0))
        want->wide = value[0] == '6';
    else
        return false;
    return true;
}

int command_bitmap(int argc, char **argv)
{
    struct pfs_bitmaps_want want = {0};
    struct pfs_bitmaps *bitmaps;
    struct pfs_err err = {0};
    int rc;

    if (argc < 1 || !take_verb(argv[0], &want))
        return usage_error("bitmap is followed by union-count, union, cardinality or build");
    for (int i = 1; i < argc; i += 2)
        if (i + 1 == argc || !take_option(argv[i], argv[i + 1], &want))
            return usage_error("bitmap knows --bitmap COL, --as NAME, --group-by COL,COL (not for cardinality) and "
                               "--bits 32 or 64 (of build)");
    if (want.bitmap == NULL)
        return usage_error("bitmap needs --bitmap COL");
    rc = pfs_bitmaps_open(&want, &bitmaps, &err);
    if (rc == 0) {
        rc = pump(feed, bitmaps, &err);
        pfs_bitmaps_close(bitmaps);
    }
    return rc < 0 && rc != -EPIPE ? command_failed("bitmap", rc, &err) : rc < 0;
}
