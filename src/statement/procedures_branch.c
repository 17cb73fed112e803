/* procedures_branch.c - procedures about branches, about going back, and about partitions that are complete.
 *
 * A branch is a table of its own below the main one's directory; going back takes away all that came after, so that
 * nothing of it can be read again. Both are of the whole table: nothing here is about rows. */
#include <assert.h>
#include <ctype.h>
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

/* Those around it are cut off, in place. */
static char *cut_blanks(char *text)
{
    size_t len;

    while (*text != 0 && (unsigned char)*text <= ' ')
        text++;
    for (len = strlen(text); len > 0 && (unsigned char)text[len - 1] <= ' '; len--)
        text[len - 1] = 0;
    return text;
}

/* What ends with separators ends before them: pieces at the end that are empty are none. */
static void cut_end(char *text, char separator)
{
    for (size_t len = strlen(text); len > 0 && text[len - 1] == separator; len--)
        text[len - 1] = 0;
}

/* "k=v,k2=v2": the value of each partition key, the last one that is said; NULL = none. Other keys are nobody's. */
static int partition_values(const struct pfs_schema *schema, char *spec, const char **out, struct pfs_err *err)
{
    char *pair;

    cut_end(spec, ',');
    if (pfs_name_is_blank(pfs_str(spec)))
        return 0;
    while ((pair = strsep(&spec, ",")) != NULL) {
        char *value = strchr(pair, '=');
        const char *key;

        if (value == NULL)
            return pfs_fail(err, EINVAL, "Invalid key-value string '%s'. Please use format 'key=value'", pair);
        *value++ = 0;
        key = cut_blanks(pair);
        value = cut_blanks(value);
        for (int32_t i = 0; i < schema->partition_keys; i++)
            if (strcmp(schema->field[schema->partition_key[i]].name, key) == 0)
                out[i] = value;
    }
    return 0;
}

/* The directories of what is said, in the order of the table's keys, each escaped; NULL: nothing is. */
static int partition_directory(const struct pfs_calling *x, const struct pfs_schema *schema, const char *root,
                               char *spec, const char **out, struct pfs_err *err)
{
    const char **values = pfs_arena_array(x->arena, (size_t)schema->partition_keys, sizeof(*values));
    struct pfs_buf path = {0};
    int rc;

    *out = NULL;
    if (values == NULL)
        return pfs_arena_full(x->arena, err);
    PFS_TRY(partition_values(schema, spec, values, err));
    for (int32_t i = 0; i < schema->partition_keys; i++) {
        if (values[i] == NULL)
            continue;
        if (values[i][0] == 0) {
            pfs_buf_done(&path);
            return pfs_fail(err, EINVAL, "Path should not be null or empty: ");
        }
        pfs_buf_printf(&path, "%s/", path.len == 0 ? root : "");
        pfs_name_escape(pfs_str(schema->field[schema->partition_key[i]].name), &path);
        pfs_buf_putc(&path, '=');
        pfs_name_escape(pfs_str(values[i]), &path);
    }
    rc = pfs_buf_check(&path, err);
    if (rc == 0 && path.len > 0) {
        *out = pfs_arena_string(x->arena, pfs_buf_slice(&path));
        rc = *out == NULL ? pfs_arena_full(x->arena, err) : 0;
    }
    pfs_buf_done(&path);
    return rc;
}

/* What one action takes: *file, a file in the directory; an event is for the catalog, and one of directories does
 * nothing about it; all else is beyond a directory. */
static int check_action(const struct pfs_options *o, const char *text, const char *action, bool *file,
                        struct pfs_err *err)
{
    static const char *const others[] = {"DONE_PARTITION", "HTTP_REPORT", "CUSTOM"};
    bool listed;

    if (strcmp(action, "SUCCESS_FILE") == 0) {
        *file = true;
        return 0;
    }
    if (strcmp(action, "MARK_EVENT") == 0) {
        PFS_TRY(pfs_options_bool(o, "metastore.partitioned-table", false, &listed, err));
        return listed ? 0 : pfs_fail(err, EINVAL, "Table should enable metastore.partitioned-table");
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (strcmp(action, others[i]) == 0)
            return pfs_fail(err, EOPNOTSUPP, "partition.mark-done-action = %s needs a metastore or a service", text);
    return pfs_fail(err, EINVAL, "partition.mark-done-action = %s: '%s' is no action", text, action);
}

/* Actions are named in either case, their words joined by either mark. *file: a file is among them. */
static int check_actions(const struct pfs_calling *x, const struct pfs_options *o, bool *file, struct pfs_err *err)
{
    const char *text = pfs_options_get(o, "partition.mark-done-action");
    char *rest, *action;

    *file = text == NULL;
    if (text == NULL)
        return 0;
    rest = pfs_arena_string(x->arena, pfs_str(text));
    if (rest == NULL)
        return pfs_arena_full(x->arena, err);
    cut_end(rest, ',');
    while ((action = strsep(&rest, ",")) != NULL) {
        for (char *at = action; *at != 0; at++)
            *at = *at == '-' ? '_' : (char)toupper((unsigned char)*at);
        PFS_TRY(check_action(o, text, action, file, err));
    }
    return 0;
}

/* Every partition of the list, one after the other: a mark that is there already gets a new time. Nothing is marked
 * before all of them are understood. */
static int mark_done(const struct pfs_calling *x, struct pfs_table *table, char *specs, struct pfs_err *err)
{
    struct pfs_table_parts p = pfs_table_parts(table);
    const struct pfs_schema *schema;
    const char **path, *whole;
    int32_t count = 1;
    char *spec;
    bool file;

    PFS_TRY(pfs_catalog_check_writable(x->catalog, err));
    PFS_TRY(pfs_table_schema(table, &schema, err));
    PFS_TRY(check_actions(x, &schema->options, &file, err));
    cut_end(specs, ';');
    whole = pfs_arena_string(x->arena, pfs_str(specs));
    for (const char *at = specs; *at != 0; at++)
        count += *at == ';';
    path = pfs_arena_array(x->arena, (size_t)count, sizeof(*path));
    if (whole == NULL || path == NULL)
        return pfs_arena_full(x->arena, err);
    for (int32_t i = 0; (spec = strsep(&specs, ";")) != NULL; i++) {
        assert(i < count);
        PFS_TRY(partition_directory(x, schema, p.root, spec, &path[i], err));
    }
    for (int32_t i = 0; i < count; i++) {
        if (path[i] == NULL)
            return pfs_fail(err, EINVAL, "mark_partition_done: '%s' is not key=value of partition columns", whole);
        if (file)
            PFS_TRY(pfs_done_mark(p.store, path[i], pfs_clock_now_ms(p.clock), err));
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
