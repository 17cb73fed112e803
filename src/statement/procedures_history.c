/* procedures_history.c - procedures about tags, branches and what a table was. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "src/statement/procedures.h"

/* Makes a tag, of a snapshot or of the newest one; or, with `replace`, moves one that is there. */
static int put_tag(const struct pfs_calling *x, const struct pfs_statement *s, bool replace, struct pfs_err *err)
{
    struct pfs_tag_want want = {.replace = replace};
    struct pfs_table *table;
    const char *tag;
    bool ignore;
    int rc;

    PFS_TRY(pfs_calling_want(s, "tag", &tag, err));
    PFS_TRY(pfs_calling_bool(s, "ignore_if_exists", false, &ignore, err));
    PFS_TRY(pfs_calling_number(s, "snapshot_id", 0, &want.snapshot, err));
    PFS_TRY(pfs_calling_millis(s, "time_retained", PFS_NO_NUMBER, &want.retained_ms, err));
    PFS_TRY(pfs_calling_table(x, s, &table, err));
    rc = pfs_table_tag_put(table, tag, &want, err);
    pfs_table_unref(table);
    if (rc == -EEXIST)
        return ignore ? 0 : pfs_fail(err, EEXIST, "Tag '%s' already exists.", tag);
    if (rc == -ENOENT && (err == NULL || err->code == 0))
        return pfs_fail(err, ENOENT, "Tag '%s' doesn't exist.", tag);
    return rc;
}

static int create_tag(const struct pfs_calling *x, const struct pfs_statement *s, struct pfs_err *err)
{
    return put_tag(x, s, false, err);
}

/* As CREATE OR REPLACE TAG says it. */
static int create_or_replace_tag(const struct pfs_calling *x, const struct pfs_statement *s, struct pfs_err *err)
{
    int rc = put_tag(x, s, false, err);

    if (rc != -EEXIST)
        return rc;
    pfs_err_clear(err);
    return put_tag(x, s, true, err);
}

/* It has to be there: who wants it in any case says create_or_replace. */
static int replace_tag(const struct pfs_calling *x, const struct pfs_statement *s, struct pfs_err *err)
{
    return put_tag(x, s, true, err);
}

/* Several names have commas between them; one that is not there is no error, unless that is said. */
static int delete_tag(const struct pfs_calling *x, const struct pfs_statement *s, struct pfs_err *err)
{
    struct pfs_table *table;
    const char *text, **names;
    bool must_exist;
    int32_t count;
    int rc = 0;

    PFS_TRY(pfs_calling_want(s, "tag", &text, err));
    PFS_TRY(pfs_calling_bool(s, "must_exist", false, &must_exist, err));
    PFS_TRY(pfs_options_list(text, x->arena, &names, &count, err));
    PFS_TRY(pfs_calling_table(x, s, &table, err));
    for (int32_t i = 0; rc == 0 && i < count; i++) {
        rc = pfs_table_tag_delete(table, names[i], err);
        if (rc == -ENOENT)
            rc = must_exist ? pfs_fail(err, ENOENT, "Tag '%s' doesn't exist.", names[i]) : 0;
    }
    pfs_table_unref(table);
    return rc;
}

/* The tag's file gets another name; what it is of stays. */
static int rename_tag(const struct pfs_calling *x, const struct pfs_statement *s, struct pfs_err *err)
{
    const char *from, *to;
    struct pfs_table *table;
    int rc;

    PFS_TRY(pfs_calling_want(s, "tag", &from, err));
    PFS_TRY(pfs_calling_want(s, "target_tag", &to, err));
    PFS_TRY(pfs_calling_table(x, s, &table, err));
    rc = pfs_table_tag_rename(table, from, to, err);
    pfs_table_unref(table);
    if (rc == -EEXIST)
        return pfs_fail(err, EEXIST, "Tag '%s' already exists.", to);
    return rc == -ENOENT ? pfs_fail(err, ENOENT, "Tag '%s' doesn't exist.", from) : rc;
}

/* Of the first snapshot that is not before a time or a watermark. */
static int tag_first(const struct pfs_calling *x, const struct pfs_statement *s, bool watermark,
                     struct pfs_table *table, struct pfs_err *err)
{
    const char *argument = watermark ? "watermark" : "timestamp", *tag, *text;
    struct pfs_tag_want want = {0};
    struct pfs_snapshot snapshot;
    int64_t from;
    int rc;

    PFS_TRY(pfs_calling_want(s, "tag", &tag, err));
    PFS_TRY(pfs_calling_want(s, argument, &text, err));
    PFS_TRY(pfs_calling_number(s, argument, 0, &from, err));
    PFS_TRY(pfs_calling_millis(s, "time_retained", PFS_NO_NUMBER, &want.retained_ms, err));
    rc = pfs_table_first_snapshot(table, watermark, from, x->arena, &snapshot, err);
    if (rc == -ENOENT)
        return pfs_fail(err, ENOENT, "Could not find any snapshot whose %s later than %s.",
                        watermark ? "watermark" : "commit-time", text);
    PFS_TRY(rc);
    want.snapshot = snapshot.id;
    rc = pfs_table_tag_put(table, tag, &want, err);
    if (rc == -EEXIST)
        return pfs_fail(err, EEXIST, "Tag '%s' already exists.", tag);
    PFS_TRY(rc);
    pfs_buf_printf(x->answer, "snapshot,commit_time,watermark\n%lld,%lld,", (long long)snapshot.id,
                   (long long)snapshot.time_ms);
    if (snapshot.has_watermark)
        pfs_buf_printf(x->answer, "%lld", (long long)snapshot.watermark);
    pfs_buf_putc(x->answer, '\n');
    return 0;
}

/* The table is looked for first, so that its absence is not told as that of a snapshot. */
static int create_tag_from(const struct pfs_calling *x, const struct pfs_statement *s, bool watermark,
                           struct pfs_err *err)
{
    struct pfs_table *table;
    int rc;

    PFS_TRY(pfs_calling_table(x, s, &table, err));
    rc = tag_first(x, s, watermark, table, err);
    pfs_table_unref(table);
    return rc;
}

static int create_tag_from_timestamp(const struct pfs_calling *x, const struct pfs_statement *s, struct pfs_err *err)
{
    return create_tag_from(x, s, false, err);
}

static int create_tag_from_watermark(const struct pfs_calling *x, const struct pfs_statement *s, struct pfs_err *err)
{
    return create_tag_from(x, s, true, err);
}

/* What older notes have for ALTER COLUMN ... SET DEFAULT. */
static int alter_column_default_value(const struct pfs_calling *x, const struct pfs_statement *s, struct pfs_err *err)
{
    struct pfs_schema_change change = {.kind = PFS_CHANGE_COLUMN_DEFAULT};
    struct pfs_table *table;
    const char *column;
    char *at, *rest;
    const char **path;
    int rc;

    PFS_TRY(pfs_calling_want(s, "column", &column, err));
    PFS_TRY(pfs_calling_want(s, "default_value", &change.text, err));
    path = pfs_arena_array(x->arena, strlen(column) + 1, sizeof(*path));
    rest = pfs_arena_string(x->arena, pfs_str(column));
    if (path == NULL || rest == NULL)
        return pfs_arena_full(x->arena, err);
    while ((at = strsep(&rest, ".")) != NULL)
        path[change.depth++] = at;
    change.path = path;
    assert(change.depth > 0);
    PFS_TRY(pfs_calling_table(x, s, &table, err));
    rc = pfs_table_alter(table, &change, 1, err);
    pfs_table_unref(table);
    return rc;
}

const struct pfs_procedure pfs_procedures_history[] = {
    {"alter_column_default_value", "table column default_value", alter_column_default_value},
    {"create_or_replace_tag", "table tag snapshot_id|snapshot time_retained", create_or_replace_tag},
    {"create_tag", "table tag snapshot_id|snapshot time_retained ignore_if_exists", create_tag},
    {"create_tag_from_timestamp", "table tag timestamp time_retained", create_tag_from_timestamp},
    {"create_tag_from_watermark", "table tag watermark time_retained", create_tag_from_watermark},
    {"delete_tag", "table tag must_exist", delete_tag},
    {"rename_tag", "table tag|tagName target_tag|targetTagName", rename_tag},
    {"replace_tag", "table tag snapshot_id|snapshot time_retained", replace_tag},
    {NULL, NULL, NULL},
};
