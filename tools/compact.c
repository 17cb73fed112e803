/* compact.c - tables compacted from the command line, with a bar on a terminal. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "tools/bar.h"
#include "tools/commands.h"
#include "tools/tables.h"

struct work {
    struct bar bar;
    struct pfs_cancel cancel;
};

/* Interrupts are blocked in every thread, so that files of a compaction that is given up are removed. */
static bool is_interrupted(void)
{
    sigset_t waiting;

    return sigpending(&waiting) == 0 && (sigismember(&waiting, SIGINT) == 1 || sigismember(&waiting, SIGTERM) == 1);
}

/* Before any thread is started: they inherit it. */
static void block_interrupts(void)
{
    sigset_t both;

    sigemptyset(&both);
    sigaddset(&both, SIGINT);
    sigaddset(&both, SIGTERM);
    sigprocmask(SIG_BLOCK, &both, NULL);
}

/* Called every few rows: whoever wants it to end is heard here, and the files of the attempt go. */
static void progress(void *context, int64_t done, int64_t rows)
{
    struct work *work = context;

    if (is_interrupted())
        pfs_cancel(&work->cancel);
    bar_draw(&work->bar, done, rows);
}

/* What there was and what there is, for a log. */
static void report(const char *name, const struct pfs_compact_result *r)
{
    if (r->snapshot == 0)
        printf("%s: nothing to do\n", name);
    else
        printf("%s: %lld files to %lld, %lld rows to %lld, %lld bytes to %lld, snapshot %lld\n", name,
               (long long)r->removed, (long long)r->added, (long long)r->old_rows, (long long)r->rows,
               (long long)r->old_bytes, (long long)r->bytes, (long long)r->snapshot);
}

/* What is given up leaves the table as it was: a compaction is one commit. */
static int compact_one(void *context, struct session *session, const char *name, struct pfs_table *table,
                       struct pfs_err *err)
{
    struct work work = {0};
    struct pfs_compact_want want = {
        .full = *(const bool *)context, .cancel = &work.cancel, .progress = progress, .context = &work};
    struct pfs_compact_result result;
    int rc;

    (void)session;
    bar_init(&work.bar, name);
    rc = pfs_table_compact(table, &want, &result, err);
    bar_wipe(&work.bar);
    if (rc == -ECANCELED)
        return pfs_fail(err, ECANCELED, "interrupted; the table is as it was");
    if (rc == 0)
        report(name, &result);
    return rc;
}

int command_compact(int argc, char **argv)
{
    struct session_config config = {0};
    struct session session;
    struct pfs_err err = {0};
    const char *table = NULL;
    bool full = false;
    int status = session_take_options(&argc, argv, &config), rc;

    if (status != 0)
        return status;
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--full") == 0)
            full = true;
        else if (config.warehouse == NULL)
            config.warehouse = argv[i];
        else if (table == NULL)
            table = argv[i];
        else
            return usage_error("compact takes a warehouse and at most one table");
    }
    if (config.warehouse == NULL)
        return usage_error("compact needs a warehouse");
    block_interrupts();
    rc = session_open(&config, &session, &err);
    if (rc < 0)
        return command_failed(config.warehouse, rc, &err);
    status = tables_each(
        &session, &(struct tables_want){.only = table, .stop = is_interrupted, .each = compact_one, .context = &full});
    session_close(&session);
    return status;
}
