/* check.c - a table is looked through: its history by src/check, then what lies beside it and is named by nothing. That
 * is a note and no fault, for readers get nothing wrong by it. */
#include <assert.h>
#include <stdio.h>

#include "src/table/internal.h"

/* Files that are being written are among them, and those of a commit that was given up. */
static void check_orphans(struct pfs_table *table, const struct pfs_check *want, struct pfs_check_sum *sum)
{
    struct pfs_finding finding = {
        .kind = PFS_FINDING_ORPHANS, .note = true, .file = pfs_table_parts(table).root, .by = ""};
    int64_t files = 0, bytes = 0;
    struct pfs_err err = {0};
    char text[PFS_ERR_TEXT_MAX + 64];
    int rc =
        pfs_table_remove_orphans(table, pfs_clock_now_ms(pfs_table_parts(table).clock), true, &files, &bytes, &err);

    if (rc == 0 && files == 0)
        return;
    if (rc == 0)
        (void)snprintf(text, sizeof(text), "%lld files of %lld bytes are named by nothing", (long long)files,
                       (long long)bytes);
    else
        (void)snprintf(text, sizeof(text), "not counted: %s", err.code != 0 ? err.text : pfs_errno_text(-rc));
    assert(files >= 0);
    assert(bytes >= 0);
    finding.text = text;
    sum->notes++;
    if (want->found != NULL)
        want->found(want->context, &finding);
}

int pfs_table_check(struct pfs_table *table, const struct pfs_check *want, struct pfs_check_sum *out,
                    struct pfs_err *err)
{
    struct pfs_table_parts parts = pfs_table_parts(table);
    struct pfs_check check = *want;
    struct pfs_retention how;
    struct pfs_retain at;

    PFS_TRY(pfs_table_retain(table, &at, &how, err));
    check.store = parts.store;
    check.table = parts.root;
    check.meta = parts.meta;
    check.schema = at.schema;
    check.schemas = parts.schemas;
    check.manifests = parts.manifests;
    check.external = parts.external;
    check.pool = parts.pool;
    check.has_producer = how.has_producer;
    PFS_TRY(pfs_check_run(&check, out, err));
    if (pfs_table_branch(table) == NULL)
        check_orphans(table, want, out);
    return 0;
}
