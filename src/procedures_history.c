/* procedures_history.c - procedures about tags, branches and what a table was. */
#include <errno.h>

#include "src/procedures.h"

static int put_tag(const struct pfs_calling *x, const struct pfs_statement *s, bool replace, struct pfs_err *err)
{
    struct pfs_tag_want want = {.replace = replace};
    struct pfs_table *table;
    const char *tag;
    int rc;

    PFS_TRY(pfs_calling_want(s, "tag", &tag, err));
    PFS_TRY(pfs_calling_number(s, "snapshot_id", 0, &want.snapshot, err));
    PFS_TRY(pfs_calling_millis(s, "time_retained", PFS_NO_NUMBER, &want.retained_ms, err));
    PFS_TRY(pfs_calling_table(x, s, &table, err));
    rc = pfs_table_tag_put(table, tag, &want, err);
    pfs_table_unref(table);
    if (rc == -EEXIST)
        return pfs_fail(err, EEXIST, "Tag '%s' already exists.", tag);
    if (rc == -ENOENT && err->code == 0)
        return pfs_fail(err, ENOENT, "Tag '%s' doesn't exist.", tag);
    return rc;
}

static int create_tag(const struct pfs_calling *x, const struct pfs_statement *s, struct pfs_err *err)
{
    return put_tag(x, s, false, err);
}

static int replace_tag(const struct pfs_calling *x, const struct pfs_statement *s, struct pfs_err *err)
{
    return put_tag(x, s, true, err);
}

static int delete_tag(const struct pfs_calling *x, const struct pfs_statement *s, struct pfs_err *err)
{
    struct pfs_table *table;
    const char *tag;
    int rc;

    PFS_TRY(pfs_calling_want(s, "tag", &tag, err));
    PFS_TRY(pfs_calling_table(x, s, &table, err));
    rc = pfs_table_tag_delete(table, tag, err);
    pfs_table_unref(table);
    return rc == -ENOENT ? 0 : rc;
}

const struct pfs_procedure pfs_procedures_history[] = {
    {"create_tag", "table tag snapshot_id|snapshot time_retained", create_tag},
    {"delete_tag", "table tag", delete_tag},
    {"replace_tag", "table tag snapshot_id|snapshot time_retained", replace_tag},
    {NULL, NULL, NULL},
};
