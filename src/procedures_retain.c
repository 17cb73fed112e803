/* procedures_retain.c - procedures that let go of what has had its time. */
#include "base/datetime.h"
#include "src/procedures.h"

/* A time of day in this host's zone, as an instant. */
static int instant(const struct pfs_statement *s, const char *name, int64_t *out, struct pfs_err *err)
{
    const char *text = pfs_calling_argument(s, name);
    int64_t local_ms;
    int32_t nanos;

    *out = PFS_NO_NUMBER;
    if (text == NULL || text[strspn(text, " \t")] == '\0')
        return 0;
    if (pfs_timestamp_parse(pfs_str(text), 3, false, &local_ms, &nanos) < 0)
        return pfs_fail(err, EINVAL, "%s: the argument %s is '%s', and no time like 2026-11-19 08:00:00", s->procedure,
                        name, text);
    *out = pfs_clock_instant_ms(local_ms);
    return 0;
}

static int expire_snapshots(const struct pfs_calling *x, const struct pfs_statement *s, struct pfs_err *err)
{
    struct pfs_expire_want want;
    struct pfs_table *table;
    int64_t expired;
    int rc;

    PFS_TRY(pfs_calling_number(s, "retain_max", PFS_NO_NUMBER, &want.most, err));
    PFS_TRY(pfs_calling_number(s, "retain_min", PFS_NO_NUMBER, &want.least, err));
    PFS_TRY(pfs_calling_number(s, "max_deletes", PFS_NO_NUMBER, &want.deletes, err));
    PFS_TRY(instant(s, "older_than", &want.before_ms, err));
    PFS_TRY(pfs_calling_table(x, s, &table, err));
    rc = pfs_table_expire_snapshots(table, &want, &expired, err);
    pfs_table_unref(table);
    if (rc == 0)
        pfs_buf_printf(x->answer, "result\n%lld\n", (long long)expired);
    return rc;
}

const struct pfs_procedure pfs_procedures_retain[] = {
    {"expire_snapshots", "table retain_max retain_min older_than max_deletes", expire_snapshots},
    {NULL, NULL, NULL},
};
