/* tables.c - one table by name, or all of a warehouse, and their branches where a command is about those too. One that
 * fails keeps the others from nothing: the exit code says that there was one. */
#include "tools/tables.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "tools/commands.h"

#define BRANCH "$branch_"

/* The first dot parts them: a database has none in its name. */
int tables_open(struct session *session, const char *name, struct pfs_table **out, struct pfs_err *err)
{
    char *database = pfs_strdup(name), *table, *branch;
    int rc;

    if (database == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a name");
    table = strchr(database, '.');
    if (table == NULL) {
        pfs_free(database);
        return pfs_fail(err, EINVAL, "a table is named DB.TABLE");
    }
    *table++ = '\0';
    branch = strstr(table, BRANCH);
    if (branch != NULL) {
        *branch = '\0';
        branch += strlen(BRANCH);
    }
    rc = pfs_catalog_table(session->catalog, database, table, branch, out, err);
    pfs_free(database);
    return rc == -ENOENT ? pfs_fail(err, ENOENT, "there is no such table") : rc;
}

static int do_branches(struct session *session, const struct tables_want *want, const char *name,
                       struct pfs_table *table);

/* One of them by name; gives the exit code. */
static int do_one(struct session *session, const struct tables_want *want, const char *name)
{
    struct pfs_err err = {0};
    struct pfs_table *table;
    int rc = tables_open(session, name, &table, &err), code;

    if (rc < 0)
        return command_failed(name, rc, &err);
    rc = want->each(want->context, session, name, table, &err);
    code = rc < 0 ? command_failed(name, rc, &err) : rc;
    if (want->branches && pfs_table_branch(table) == NULL)
        code |= do_branches(session, want, name, table);
    pfs_table_unref(table);
    return code;
}

static int do_branches(struct session *session, const struct tables_want *want, const char *name,
                       struct pfs_table *table)
{
    struct pfs_arena arena;
    struct pfs_err err = {0};
    const char **branch;
    int64_t branches = 0;
    int code = 0, rc;

    pfs_arena_init(&arena, 0);
    rc = pfs_table_branches(table, &arena, &branch, &branches, &err);
    for (int64_t i = 0; rc == 0 && i < branches && (want->stop == NULL || !want->stop()); i++) {
        const char *full = pfs_arena_printf(&arena, "%s" BRANCH "%s", name, branch[i]);

        code |= full == NULL ? command_failed(name, -ENOMEM, NULL) : do_one(session, want, full);
    }
    pfs_arena_done(&arena);
    return rc < 0 ? command_failed(name, rc, &err) : code;
}

static int do_database(struct session *session, const struct tables_want *want, const char *database,
                       struct pfs_arena *arena)
{
    struct pfs_err err = {0};
    const char **table;
    int64_t tables;
    int status = 0, rc = pfs_catalog_tables(session->catalog, database, arena, &table, &tables, &err);

    if (rc < 0)
        return command_failed(database, rc, &err);
    for (int64_t i = 0; i < tables && (want->stop == NULL || !want->stop()); i++) {
        const char *name = pfs_arena_printf(arena, "%s.%s", database, table[i]);

        if (name == NULL)
            return command_failed(database, -ENOMEM, NULL);
        status |= do_one(session, want, name);
    }
    return status;
}

/* Exit codes are joined bit by bit: 1 when any failed. */
int tables_each(struct session *session, const struct tables_want *want)
{
    struct pfs_arena arena;
    struct pfs_err err = {0};
    const char **database;
    int64_t databases;
    int status = 0, rc;

    assert(want->each != NULL);
    if (want->only != NULL)
        return do_one(session, want, want->only);
    pfs_arena_init(&arena, 0);
    rc = pfs_catalog_databases(session->catalog, &arena, &database, &databases, &err);
    for (int64_t i = 0; rc == 0 && i < databases; i++)
        status |= do_database(session, want, database[i], &arena);
    pfs_arena_done(&arena);
    return rc < 0 ? command_failed("the warehouse", rc, &err) : status;
}
