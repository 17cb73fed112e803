/* procedures_branch.c - procedures about branches, about going back, and about partitions that are complete.
 *
 * A branch is a table of its own below the main one's directory; going back takes away all that came after, so that
 * nothing of it can be read again. Both are of the whole table: nothing here is about rows. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "src/meta/donefile.h"
#include "src/meta/names.h"
#include "src/statement/procedures.h"
#include "src/table/parts.h"

/* ---- branches ---- */

/* Engines give an empty tag where they mean none: then the branch begins without rows. */
static int create_branch(const struct pfs_calling *x, const struct pfs_statement *s, struct pfs_err *err)
{
    const char *tag = pfs_calling_argument(s, "tag"), *name;
    struct pfs_table *table;
    bool ignore;
    int rc;

    PFS_TRY(pfs_calling_want(s, "branch", &name, err));
    PFS_TRY(pfs_calling_bool(s, "ignoreIfExists", false, &ignore, err));
    if (tag != NULL && pfs_name_is_blank(pfs_str(tag)))
        tag = NULL;
    PFS_TRY(pfs_calling_table(x, s, &table, err));
    rc = pfs_table_branch_create(table, name, tag, err);
    pfs_table_unref(table);
    if (rc == -EEXIST)
        return ignore ? 0 : pfs_fail(err, EEXIST, "Branch name '%s' already exists.", name);
    return rc;
}

static int no_branch(const char *name, struct pfs_err *err)
{
    return pfs_fail(err, ENOENT, "Branch name '%s' doesn't exist.", name);
}

/* Several names have commas between them. */
static int delete_branch(const struct pfs_calling *x, const struct pfs_statement *s, struct pfs_err *err)
{
    struct pfs_table *table;
    const char *text, **names;
    int32_t count;
    bool ignore;
    int rc = 0;

    PFS_TRY(pfs_calling_want(s, "branch", &text, err));
    PFS_TRY(pfs_calling_bool(s, "ignoreIfNotExists", false, &ignore, err));
    PFS_TRY(pfs_options_list(text, x->arena, &names, &count, err));
    PFS_TRY(pfs_calling_table(x, s, &table, err));
    for (int32_t i = 0; rc == 0 && i < count; i++) {
        rc = pfs_table_branch_delete(table, names[i], false, err);
        if (rc == -ENOENT)
            rc = ignore ? 0 : no_branch(names[i], err);
    }
    pfs_table_unref(table);
    return rc;
}

/* A source that is missing is told of as by delete_branch. */
static int rename_branch(const struct pfs_calling *x, const struct pfs_statement *s, struct pfs_err *err)
{
    const char *from, *to;
    struct pfs_table *table;
    int rc;

    PFS_TRY(pfs_calling_want(s, "from_branch", &from, err));
    PFS_TRY(pfs_calling_want(s, "to_branch", &to, err));
    PFS_TRY(pfs_calling_table(x, s, &table, err));
    rc = pfs_table_branch_rename(table, from, to, err);
    pfs_table_unref(table);
    if (rc == -EEXIST)
        return pfs_fail(err, EEXIST, "Branch name '%s' already exists.", to);
    return rc == -ENOENT ? no_branch(from, err) : rc;
}

/* The branch becomes the table: what the table has got since it was branched off is gone then. */
static int fast_forward(const struct pfs_calling *x, const struct pfs_statement *s, struct pfs_err *err)
{
    struct pfs_table *table, *branch = NULL;
    const char *name;
    int rc;

    PFS_TRY(pfs_calling_want(s, "branch", &name, err));
    if (pfs_name_is_blank(pfs_str(name)))
        return pfs_fail(err, EINVAL, "Branch name '%s' is blank.", name);
    PFS_TRY(pfs_calling_table(x, s, &table, err));
    /* Open, so that whoever else asks for it has the same one, which is stopped meanwhile. */
    if (pfs_catalog_table(x->catalog, pfs_table_database(table), pfs_table_name(table), name, &branch, NULL) < 0)
        branch = NULL;
    rc = pfs_table_fast_forward(table, name, err);
    pfs_table_unref(branch);
    pfs_table_unref(table);
    return rc == -ENOENT && (err == NULL || err->code == 0) ? no_branch(name, err) : rc;
}

/* ---- going back ---- */

/* Both numbers are told, since there is no way back but by the first of them. */
static int roll_back(const struct pfs_calling *x, const struct pfs_statement *s, const struct pfs_rollback_want *want,
                     struct pfs_err *err)
{
    struct pfs_table *table;
    int64_t from, to;
    int rc;

    assert(want->kind != PFS_ROLLBACK_TAG || want->tag != NULL);
    PFS_TRY(pfs_calling_table(x, s, &table, err));
    rc = pfs_table_rollback(table, want, &from, &to, err);
    pfs_table_unref(table);
    if (rc == 0)
        pfs_buf_printf(x->answer, "previous_snapshot_id,current_snapshot_id\n%lld,%lld\n", (long long)from,
                       (long long)to);
    return rc;
}

/* Is it what was asked for that is not there, rather than something on the way to it? */
static bool is_bare(int rc, const struct pfs_err *err)
{
    return rc == -ENOENT && (err == NULL || err->code == 0);
}

/* Flink's: a tag or a snapshot; Spark's second argument is called version and is either. */
static int rollback_to(const struct pfs_calling *x, const struct pfs_statement *s, struct pfs_err *err)
{
    const char *tag = pfs_calling_argument(s, "tag"), *version = pfs_calling_argument(s, "version");
    struct pfs_rollback_want want = {.kind = PFS_ROLLBACK_SNAPSHOT};
    int rc;

    PFS_TRY(pfs_calling_number(s, "snapshot_id", 0, &want.number, err));
    if (version != NULL && (tag != NULL || want.number != 0))
        return pfs_fail(err, EINVAL, "rollback_to takes a tag, a snapshot_id or a version, not two of them");
    if (version != NULL && version[strspn(version, "0123456789")] == '\0')
        PFS_TRY(pfs_calling_number(s, "version", 0, &want.number, err));
    else if (version != NULL)
        tag = version;
    if (tag != NULL && !pfs_name_is_blank(pfs_str(tag)))
        want = (struct pfs_rollback_want){.kind = PFS_ROLLBACK_TAG, .tag = tag};
    else if (want.number == 0)
        return pfs_fail(err, EINVAL, "rollback_to needs the argument tag or snapshot_id");
    rc = roll_back(x, s, &want, err);
    if (is_bare(rc, err) && want.kind == PFS_ROLLBACK_TAG && tag[strspn(tag, "0123456789")] == '\0') {
        PFS_TRY(pfs_calling_number(s, "tag", 0, &want.number, err)); /* older notes: rollback_to('t', 10) */
        want.kind = PFS_ROLLBACK_SNAPSHOT;
        rc = roll_back(x, s, &want, err);
    }
    if (!is_bare(rc, err))
        return rc;
    return want.kind == PFS_ROLLBACK_TAG
               ? pfs_fail(err, ENOENT, "Tag '%s' doesn't exist.", tag)
               : pfs_fail(err, ENOENT, "Rollback snapshot '%lld' doesn't exist.", (long long)want.number);
}

/* Of the sentence a word is as Paimon has it. */
static int rollback_to_number(const struct pfs_calling *x, const struct pfs_statement *s, const char *argument,
                              struct pfs_rollback_want want, struct pfs_err *err)
{
    const char *text;
    int rc;

    PFS_TRY(pfs_calling_want(s, argument, &text, err));
    PFS_TRY(pfs_calling_number(s, argument, 0, &want.number, err));
    rc = roll_back(x, s, &want, err);
    return is_bare(rc, err) ? pfs_fail(err, ENOENT, "count not find snapshot earlier than %s", text) : rc;
}

static int rollback_to_timestamp(const struct pfs_calling *x, const struct pfs_statement *s, struct pfs_err *err)
{
    return rollback_to_number(x, s, "timestamp", (struct pfs_rollback_want){.kind = PFS_ROLLBACK_TIME}, err);
}

static int rollback_to_watermark(const struct pfs_calling *x, const struct pfs_statement *s, struct pfs_err *err)
{
    return rollback_to_number(x, s, "watermark", (struct pfs_rollback_want){.kind = PFS_ROLLBACK_WATERMARK}, err);
}

/* ---- partitions ---- */

/* "k=v,k2=v2": their directories in the order of the table's keys, each escaped. */
static int partition_directory(const struct pfs_calling *x, const struct pfs_schema *schema, const char *root,
                               const char *spec, struct pfs_buf *out, struct pfs_err *err)
{
    const char **pairs;
    int32_t count, found = 0;

    PFS_TRY(pfs_options_list(spec, x->arena, &pairs, &count, err));
    pfs_buf_puts(out, root);
    for (int32_t i = 0; i < schema->partition_keys; i++) {
        const char *key = schema->field[schema->partition_key[i]].name;
        size_t len = strlen(key);

        for (int32_t k = 0; k < count; k++) {
            if (strncmp(pairs[k], key, len) != 0 || pairs[k][len] != '=')
                continue;
            pfs_buf_putc(out, '/');
            pfs_name_escape(pfs_str(key), out);
            pfs_buf_putc(out, '=');
            pfs_name_escape(pfs_str(pairs[k] + len + 1), out);
            found++;
            break;
        }
    }
    pfs_buf_putc(out, 0);
    if (found != count || count == 0)
        return pfs_fail(err, EINVAL, "mark_partition_done: '%s' is not key=value of partition columns", spec);
    return pfs_buf_check(out, err);
}

/* Every partition of the list, one after the other: a mark that is there already gets a new time. */
static int mark_done(const struct pfs_calling *x, struct pfs_table *table, char *specs, struct pfs_err *err)
{
    struct pfs_table_parts p = pfs_table_parts(table);
    const struct pfs_schema *schema;
    const char *action, *spec;

    PFS_TRY(pfs_catalog_check_writable(x->catalog, err));
    PFS_TRY(pfs_table_schema(table, &schema, err));
    action = pfs_options_get(&schema->options, "partition.mark-done-action");
    if (action != NULL && strcmp(action, "success-file") != 0)
        return pfs_fail(err, EOPNOTSUPP, "partition.mark-done-action = %s needs a metastore or a service", action);
    while ((spec = strsep(&specs, ";")) != NULL) {
        struct pfs_buf path = {0};
        int rc = partition_directory(x, schema, p.root, spec, &path, err);

        if (rc == 0)
            rc = pfs_done_mark(p.store, (const char *)path.at, pfs_clock_now_ms(p.clock), err);
        pfs_buf_done(&path);
        PFS_TRY(rc);
    }
    return 0;
}

static int mark_partition_done(const struct pfs_calling *x, const struct pfs_statement *s, struct pfs_err *err)
{
    struct pfs_table *table;
    const char *text;
    char *specs;
    int rc;

    PFS_TRY(pfs_calling_want(s, "partitions", &text, err));
    specs = pfs_arena_string(x->arena, pfs_str(text));
    if (specs == NULL)
        return pfs_arena_full(x->arena, err);
    PFS_TRY(pfs_calling_table(x, s, &table, err));
    rc = mark_done(x, table, specs, err);
    pfs_table_unref(table);
    return rc;
}

const struct pfs_procedure pfs_procedures_branch[] = {
    {"create_branch", "table branch tag ignoreIfExists", create_branch},
    {"delete_branch", "table branch ignoreIfNotExists", delete_branch},
    {"fast_forward", "table branch", fast_forward},
    {"mark_partition_done", "table partitions", mark_partition_done},
    {"rename_branch", "table from_branch to_branch", rename_branch},
    {"rollback", "table version snapshot_id tag", rollback_to},
    {"rollback_to", "table tag snapshot_id version", rollback_to},
    {"rollback_to_timestamp", "table timestamp", rollback_to_timestamp},
    {"rollback_to_watermark", "table watermark", rollback_to_watermark},
    {NULL, NULL, NULL},
};
