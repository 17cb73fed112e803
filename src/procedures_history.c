/* procedures_history.c - procedures about tags, branches and what a table was. */
#include <errno.h>

#include "src/procedures.h"

static int create_tag(const struct pfs_calling *x, const struct pfs_statement *s, struct pfs_err *err)
{
    struct pfs_table *table;
    const char *tag;
    int rc;

    PFS_TRY(pfs_calling_want(s, "tag", &tag, err));
    if (s->arguments > 2)
        return pfs_fail(err, EOPNOTSUPP, "create_tag of a given snapshot or with a time to live is not there yet");
    PFS_TRY(pfs_calling_table(x, s, &table, err));
    rc = pfs_table_tag_create(table, tag, 0, err);
    pfs_table_unref(table);
    if (rc == -EEXIST)
        return pfs_fail(err, EEXIST, "Tag '%s' already exists.", tag);
    return rc;
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
    {NULL, NULL, NULL},
};
