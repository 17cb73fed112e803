/* expire.c - what has had its time goes, by the tables' own options: as the CALLs of that name, all at once. */
#include <stdio.h>
#include <string.h>

#include "tools/bar.h"
#include "tools/commands.h"
#include "tools/tables.h"

static void progress(void *context, int64_t done, int64_t whole)
{
    bar_draw(context, done, whole);
}

/* By the options of the table alone: CALL takes numbers of its own. */
static int expire_one(void *context, struct session *session, const char *name, struct pfs_table *table,
                      struct pfs_err *err)
{
    struct pfs_expired gone = {0};
    struct bar bar;
    int rc;

    (void)context;
    (void)session;
    bar_init(&bar, name);
    rc = pfs_table_expire(table, progress, &bar, &gone, err);
    bar_wipe(&bar);
    if (rc < 0)
        return rc;
    if (gone.snapshots + gone.changelogs + gone.tags + gone.partitions + gone.consumers == 0)
        printf("%s: nothing to do\n", name);
    else
        printf("%s: %lld snapshots, %lld changelogs, %lld tags, %lld partitions, %lld consumers\n", name,
               (long long)gone.snapshots, (long long)gone.changelogs, (long long)gone.tags, (long long)gone.partitions,
               (long long)gone.consumers);
    return 0;
}

int command_expire(int argc, char **argv)
{
    struct session_config config = {0};
    struct session session;
    struct pfs_err err = {0};
    int code = session_take_options(&argc, argv, &config), rc;

    if (code != 0)
        return code;
    if (argc < 1 || argc > 2 || argv[0][0] == '-')
        return usage_error("expire takes a warehouse and at most one table");
    config.warehouse = argv[0];
    rc = session_open(&config, &session, &err);
    if (rc < 0)
        return command_failed(config.warehouse, rc, &err);
    code = tables_each(&session,
                       &(struct tables_want){.only = argc > 1 ? argv[1] : NULL, .branches = true, .each = expire_one});
    session_close(&session);
    return code;
}
