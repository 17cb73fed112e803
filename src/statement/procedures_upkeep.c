/* procedures_upkeep.c - procedures that empty a table or partitions of it, or do what a writer does after commits.
 * Their arguments are texts as engines pass them: lists within a text are taken apart here. */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "src/statement/procedures.h"
#include "src/statement/specs.h"

/* ---- drop_partition ---- */

/* Does the argument tell of the table? The first one does, when it has no name. */
static bool is_table(const struct pfs_argument *a, int32_t place)
{
    return a->name == NULL ? place == 0 : strcasecmp(a->name, "table") == 0;
}

/* "k=v,k2=v2;k=w": one spec or several. */
static int more_specs(const struct pfs_calling *x, const char *text, struct pfs_options *spec, int32_t *count,
                      int32_t room, struct pfs_err *err)
{
    char *rest = pfs_arena_string(x->arena, pfs_str(text)), *one;

    if (rest == NULL)
        return pfs_arena_full(x->arena, err);
    while ((one = strsep(&rest, ";")) != NULL) {
        assert(*count <= room);
        if (*count == room)
            return pfs_fail(err, EINVAL, "drop_partition takes at most %d partitions", (int)room);
        PFS_TRY(pfs_spec_parse(one, x->arena, &spec[(*count)++], err));
    }
    return 0;
}

#define SPECS_MAX 1000 /* of one call: a statement of that many is a mistake rather than a wish */

static int drop_specs(const struct pfs_calling *x, const struct pfs_statement *s, struct pfs_table *table,
                      struct pfs_err *err)
{
    struct pfs_options *spec = pfs_arena_array(x->arena, SPECS_MAX, sizeof(*spec));
    const struct pfs_schema *schema;
    struct pfs_overwrite *what;
    int32_t count = 0;

    if (spec == NULL)
        return pfs_arena_full(x->arena, err);
    for (int32_t i = 0; i < s->arguments; i++)
        if (!is_table(&s->argument[i], i) && s->argument[i].value != NULL)
            PFS_TRY(more_specs(x, s->argument[i].value, spec, &count, SPECS_MAX, err));
    if (count == 0)
        return pfs_fail(err, EINVAL, "drop-partition procedure must specify partitions.");
    PFS_TRY(pfs_table_schema(table, &schema, err));
    PFS_TRY(pfs_spec_overwrite(schema, spec, count, x->arena, &what, err));
    return pfs_table_drop_partitions(table, what, err);
}

/* Of as many specs as there are arguments, as in Flink; or of several in one, as other procedures take them. */
static int drop_partition(const struct pfs_calling *x, const struct pfs_statement *s, struct pfs_err *err)
{
    struct pfs_argument of = {.name = "table"};
    struct pfs_statement named = *s;
    struct pfs_table *table;
    int rc;

    for (int32_t i = 0; i < s->arguments; i++) {
        const char *name = s->argument[i].name;

        if (is_table(&s->argument[i], i))
            of.value = s->argument[i].value;
        else if (name != NULL && strcasecmp(name, "partitions") != 0)
            return pfs_fail(err, EINVAL, "drop_partition has no argument %s: it takes table partitions", name);
    }
    named.argument = &of;
    named.arguments = 1;
    PFS_TRY(pfs_calling_table(x, &named, &table, err));
    rc = drop_specs(x, s, table, err);
    pfs_table_unref(table);
    return rc;
}

/* ---- purge_files ---- */

/* All that keeps files from expiring. What somebody else removed meanwhile is what was asked for. */
static int remove_names(const struct pfs_calling *x, struct pfs_table *table, struct pfs_err *err)
{
    const char **names;
    int64_t count;
    int rc = 0;

    PFS_TRY(pfs_table_branches(table, x->arena, &names, &count, err));
    for (int64_t i = 0; rc == 0 && i < count; i++)
        rc = pfs_table_branch_delete(table, names[i], false, err);
    if (rc == 0)
        rc = pfs_table_tags(table, x->arena, &names, &count, err);
    for (int64_t i = 0; rc == 0 && i < count; i++) {
        rc = pfs_table_tag_delete(table, names[i], err);
        rc = rc == -ENOENT ? 0 : rc;
    }
    if (rc == 0)
        rc = pfs_table_consumers(table, x->arena, &names, &count, err);
    for (int64_t i = 0; rc == 0 && i < count; i++) {
        rc = pfs_table_consumer_delete(table, names[i], err);
        rc = rc == -ENOENT ? 0 : rc;
    }
    return rc;
}

/* Branches, tags, consumers, rows and history; what is left is one snapshot of nothing, and what is read now. */
static int purge(const struct pfs_calling *x, struct pfs_table *table, struct pfs_err *err)
{
    int64_t now_ms = pfs_clock_now_ms(NULL), count, bytes;
    struct pfs_expire_want want = {.most = 1, .least = 1, .before_ms = PFS_NO_NUMBER, .deletes = INT32_MAX};

    PFS_TRY(remove_names(x, table, err));
    PFS_TRY(pfs_table_truncate(table, err));
    PFS_TRY(pfs_table_expire_snapshots(table, &want, &count, err));
    PFS_TRY(pfs_table_expire_changelogs(table, &want, true, &count, err));
    return pfs_table_remove_orphans(table, now_ms, false, &count, &bytes, err);
}

/* What is left is an empty table: its schema and options stay. */
static int purge_files(const struct pfs_calling *x, const struct pfs_statement *s, struct pfs_err *err)
{
    struct pfs_table *table;
    const char *name;
    int rc;

    PFS_TRY(pfs_calling_want(s, "table", &name, err));
    if (strstr(name, "$branch_") != NULL)
        return pfs_fail(err, EINVAL, "purge_files is of a table with its branches, and not of a branch");
    PFS_TRY(pfs_calling_table(x, s, &table, err));
    rc = purge(x, table, err);
    pfs_table_unref(table);
    if (rc == 0)
        pfs_buf_puts(x->answer, "result\nSuccess\n");
    return rc;
}

/* ---- what else ---- */

/* The text up to a mark, which is what is left to look at; NULL past the last one. As in Java, what is empty at the end
 * counts for nothing. */
static char *next_part(char **rest, char mark)
{
    char *one = *rest, *end;

    if (one == NULL || one[strspn(one, (char[]){mark, '\0'})] == '\0')
        return NULL;
    end = strchr(one, mark);
    *rest = end == NULL ? NULL : end + 1;
    if (end != NULL)
        *end = '\0';
    return one;
}

/* "db" or "db.table", which has to be there. */
static int repair_one(const struct pfs_calling *x, const char *text, struct pfs_err *err)
{
    char *rest = pfs_arena_string(x->arena, pfs_str(text));
    const char *database, *name;
    struct pfs_table *table;
    int rc;

    if (rest == NULL)
        return pfs_arena_full(x->arena, err);
    database = text[0] == '\0' ? text : next_part(&rest, '.');
    name = next_part(&rest, '.');
    if (database == NULL || (name != NULL && next_part(&rest, '.') != NULL))
        return pfs_fail(err, EINVAL, "Cannot get splits from '%s' to get database and table", text);
    if (name == NULL)
        return pfs_catalog_has_database(x->catalog, database)
                   ? 0
                   : pfs_fail(err, ENOENT, "Database %s does not exist.", database);
    if (strchr(name, '$') != NULL)
        return pfs_fail(err, EINVAL, "repair is of tables, and '%s' is a branch or a system table", text);
    rc = pfs_catalog_table(x->catalog, database, name, NULL, &table, err);
    if (rc == -ENOENT)
        return pfs_fail(err, ENOENT, "Table %s does not exist.", text);
    PFS_TRY(rc);
    pfs_table_unref(table);
    return 0;
}

/* Puts what the directories hold into a catalog that keeps a list of its own (of Paimon's, Hive's and JDBC's; its file
 * system catalog refuses). Here the directories are the list, so that there is nothing left to do but to say what is
 * not there. */
static int repair(const struct pfs_calling *x, const struct pfs_statement *s, struct pfs_err *err)
{
    const char *text = pfs_calling_argument(s, "table");
    char *rest = NULL, *one;

    if (text != NULL && text[strspn(text, " \t\r\n")] != '\0') {
        rest = pfs_arena_string(x->arena, pfs_str(text));
        if (rest == NULL)
            return pfs_arena_full(x->arena, err);
    }
    while ((one = next_part(&rest, ',')) != NULL)
        PFS_TRY(repair_one(x, one, err));
    pfs_buf_puts(x->answer, "result\nSuccess\n");
    return 0;
}

/* What a writer does after each commit, for tables whose writers do not. */
static int trigger_tag_automatic_creation(const struct pfs_calling *x, const struct pfs_statement *s,
                                          struct pfs_err *err)
{
    struct pfs_table *table;
    int rc;

    PFS_TRY(pfs_calling_table(x, s, &table, err));
    rc = pfs_table_create_tags(table, err);
    pfs_table_unref(table);
    if (rc == 0)
        pfs_buf_puts(x->answer, "result\nSuccess\n");
    return rc;
}

const struct pfs_procedure pfs_procedures_upkeep[] = {
    {"drop_partition", NULL, drop_partition},
    {"purge_files", "table", purge_files},
    {"repair", "table|database_or_table|identifier", repair},
    {"trigger_tag_automatic_creation", "table", trigger_tag_automatic_creation},
    {NULL, NULL, NULL},
};
