/* lookup.c - keys in on standard input, rows out in the same order. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fs/lines/enrich.h"
#include "tools/commands.h"
#include "tools/pump.h"
#include "tools/session.h"

struct options {
    struct session_config session;
    struct pfs_enrich_want want;
    const char *columns;
    const char *path;
};

/* The pump knows nothing of what is looked up. */
static int feed(void *context, struct pfs_slice in, bool last, struct pfs_buf *out, size_t *consumed,
                struct pfs_err *err)
{
    return pfs_enrich_feed(context, in, last, out, consumed, err);
}

/* --columns is a refinement of the path: the same words, checked in the same place. */
static int look_up(struct options *o)
{
    char path[8192];
    struct pfs_err err = {0};
    struct pfs_enrich *enrich = NULL;
    struct session session;
    int rc;

    assert(o->path != NULL);
    assert(o->session.warehouse != NULL);
    if (snprintf(path, sizeof(path), o->columns != NULL ? "%s/select/%s" : "%s", o->path, o->columns) >=
        (int)sizeof(path))
        return usage_error("the path is too long");
    rc = session_open(&o->session, &session, &err);
    if (rc < 0)
        return command_failed(o->session.warehouse, rc, &err);
    o->want.path = path;
    o->want.memory_bytes = o->session.memory_bytes;
    rc = pfs_enrich_open(session.tree, &o->want, &enrich, &err);
    if (rc == 0)
        rc = pump(feed, enrich, &err);
    pfs_enrich_close(enrich);
    session_close(&session);
    return rc < 0 && rc != -EPIPE ? command_failed(o->path, rc, &err) : rc < 0;
}

static bool take_cache(const char *name, struct options *o)
{
    static const char *const names[] = {
        [PFS_LOOKUP_PARTIAL] = "partial", [PFS_LOOKUP_FULL] = "full", [PFS_LOOKUP_BUCKET] = "bucket"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(name, names[i]) == 0) {
            o->want.cache = (enum pfs_lookup_cache)i;
            return true;
        }
    return false;
}

/* One option at argv[0], with its value; how many words it was, 0 = it is none. */
static int take_option(int argc, char **argv, struct options *o)
{
    uint64_t bytes;

    if (strcmp(argv[0], "--found") == 0 || strcmp(argv[0], "--missing") == 0) {
        o->want.keep = argv[0][2] == 'f' ? PFS_ENRICH_FOUND : PFS_ENRICH_MISSING;
        return 1;
    }
    if (argc < 2)
        return 0;
    if (strcmp(argv[0], "--cache") == 0)
        return take_cache(argv[1], o) ? 2 : 0;
    if (strcmp(argv[0], "--columns") == 0)
        o->columns = argv[1];
    else if (strcmp(argv[0], "--memory") != 0 || session_parse_bytes(argv[1], &bytes) < 0 || bytes < SESSION_MEMORY_MIN)
        return 0;
    else
        o->session.memory_bytes = (size_t)bytes;
    return 2;
}

/* Options and names in any order: the two names are told by their place. */
int command_lookup(int argc, char **argv)
{
    struct options o = {.session = {.read_only = true, .pours = true}};
    const char *name[2];
    int names = 0, code = session_take_options(&argc, argv, &o.session);

    if (code != 0)
        return code;
    while (argc > 0) {
        int taken = argv[0][0] != '-' && names < 2;

        if (taken > 0)
            name[names++] = argv[0];
        else
            taken = take_option(argc, argv, &o);
        if (taken == 0)
            return usage_error("lookup knows --columns a,b, --found, --missing, --cache full, partial or bucket, and "
                               "--memory N (from 16m on)");
        argc -= taken;
        argv += taken;
    }
    if (names < 2)
        return usage_error("lookup needs a warehouse and the path of a table, as shop/orders");
    o.session.warehouse = name[0];
    o.path = name[1];
    return look_up(&o);
}
