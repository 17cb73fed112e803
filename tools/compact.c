/* compact.c - tables compacted from the command line, with a bar on a terminal. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "tools/bar.h"
#include "tools/commands.h"
#include "tools/session.h"

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

static void block_interrupts(void)
{
    sigset_t both;

    sigemptyset(&both);
    sigaddset(&both, SIGINT);
    sigaddset(&both, SIGTERM);
    sigprocmask(SIG_BLOCK, &both, NULL);
}

static void progress(void *context, int64_t done, int64_t rows)
{
    struct work *work = context;

    if (is_interrupted())
        pfs_cancel(&work->cancel);
    bar_draw(&work->bar, done, rows);
}

static void report(const char *name, const struct pfs_compact_result *r)
{
    if (r->snapshot == 0)
        printf("%s: nothing to do\n", name);
    else
        printf("%s: %lld files to %lld, %lld rows to %lld, %lld bytes to %lld, snapshot %lld\n", name,
               (long long)r->removed, (long long)r->added, (long long)r->old_rows, (long long)r->rows,
               (long long)r->old_bytes, (long long)r->bytes, (long long)r->snapshot);
}

/* `name` is db.t, or db.t$branch_b. */
static int compact_table(struct session *session, const char *name, bool full, struct pfs_err *err)
{
    struct work work = {0};
    struct pfs_compact_want want = {.full = full, .cancel = &work.cancel, .progress = progress, .context = &work};
    char *database = pfs_strdup(name), *table, *branch;
    struct pfs_compact_result result;
    struct pfs_table *opened = NULL;
    int rc;

    if (database == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a name");
    table = strchr(database, '.');
    if (table != NULL)
        *table++ = '\0';
    branch = table == NULL ? NULL : strstr(table, "$branch_");
    if (branch != NULL) {
        *branch = '\0';
        branch += strlen("$branch_");
    }
    rc = table == NULL ? -EINVAL : pfs_catalog_table(session->catalog, database, table, branch, &opened, err);
    pfs_free(database);
    if (table == NULL)
        return pfs_fail(err, EINVAL, "a table is named DB.TABLE");
    if (rc < 0)
        return rc == -ENOENT ? pfs_fail(err, ENOENT, "there is no such table") : rc;
    bar_init(&work.bar, name);
    rc = pfs_table_compact(opened, &want, &result, err);
    pfs_table_unref(opened);
    bar_wipe(&work.bar);
    if (rc == -ECANCELED)
        return pfs_fail(err, ECANCELED, "interrupted; the table is as it was");
    if (rc == 0)
        report(name, &result);
    return rc;
}

/* Every table that can be; the others are told of. */
static int compact_all(struct session *session, bool full)
{
    struct pfs_arena arena;
    const char **database, **table;
    int64_t databases, tables;
    struct pfs_err err = {0};
    int status = 0, rc;

    pfs_arena_init(&arena, 0);
    rc = pfs_catalog_databases(session->catalog, &arena, &database, &databases, &err);
    for (int64_t i = 0; rc == 0 && i < databases; i++) {
        rc = pfs_catalog_tables(session->catalog, database[i], &arena, &table, &tables, &err);
        for (int64_t k = 0; rc == 0 && k < tables && !is_interrupted(); k++) {
            const char *name = pfs_arena_printf(&arena, "%s.%s", database[i], table[k]);
            struct pfs_err why = {0};
            int one = name == NULL ? pfs_arena_full(&arena, &why) : compact_table(session, name, full, &why);

            if (one < 0)
                status = failed(name != NULL ? name : table[k], one, &why);
        }
    }
    pfs_arena_done(&arena);
    return rc < 0 ? failed("compact", rc, &err) : status;
}

int command_compact(int argc, char **argv)
{
    struct session_config config = {0};
    struct session session;
    struct pfs_err err = {0};
    const char *table = NULL;
    bool full = false;
    int status, rc;

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
        return failed(config.warehouse, rc, &err);
    if (table == NULL) {
        status = compact_all(&session, full);
    } else {
        rc = compact_table(&session, table, full, &err);
        status = rc < 0 ? failed(table, rc, &err) : 0;
    }
    session_close(&session);
    return status;
}
