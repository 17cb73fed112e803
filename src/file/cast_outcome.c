/* cast_outcome.c - values that become null, and values that cannot be. */
#include "src/file/cast_kernel.h"

#include <assert.h>

/* Most columns lose no value: bits of the answer's own are made when the first one does. */
int pfs_cast_null(struct pfs_cast_job *job, int64_t row)
{
    size_t bytes = (size_t)(job->rows + 7) / 8;

    assert(row >= 0 && row < job->rows);
    if (!pfs_column_present(job->in, row))
        return 0;
    if (job->valid == NULL) {
        job->valid = pfs_arena_alloc(job->arena, bytes + 8);
        if (job->valid == NULL)
            return pfs_arena_full(job->arena, job->err);
        memset(job->valid, 0xff, bytes + 8);
        if (job->in->valid != NULL)
            memcpy(job->valid, job->in->valid, bytes);
        job->out->valid = job->valid;
    }
    assert(job->out->valid == job->valid);
    job->valid[row >> 3] &= (uint8_t) ~(1 << (row & 7));
    return 0;
}

/* As much of a type's text as a sentence needs. */
static void type_text(const struct pfs_type *type, char *out, size_t room)
{
    struct pfs_buf text = {0};
    size_t len;

    assert(room > 0);
    pfs_type_print(type, &text);
    len = text.len < room - 1 ? text.len : room - 1;
    if (len > 0)
        memcpy(out, text.at, len);
    out[len] = '\0';
    pfs_buf_done(&text);
}

int pfs_cast_refuse(const struct pfs_cast_job *job, struct pfs_slice value)
{
    char to[64];

    type_text(job->to, to, sizeof(to));
    if (value.len > 64)
        value.len = 64;
    return pfs_fail(job->err, EINVAL, "\"%.*s\" is no %s", PFS_P(value), to);
}

int pfs_cast_refuse_types(const struct pfs_type *from, const struct pfs_type *to, struct pfs_err *err)
{
    char a[96], b[96];

    type_text(from, a, sizeof(a));
    type_text(to, b, sizeof(b));
    return pfs_fail(err, EOPNOTSUPP, "%s cannot be read as %s", a, b);
}
