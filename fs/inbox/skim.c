/* skim.c - a batch that the table refuses is halved until the row is found. */
#include "fs/inbox/skim.h"

#include <assert.h>
#include <errno.h>

#include "base/limits.h"

static int leave_out(const struct pfs_skim *skim, const struct pfs_batch *row, const struct pfs_err *why,
                     struct pfs_err *err)
{
    struct pfs_text_refusal refusal = {.row = PFS_REFUSAL_SOMEWHERE};
    struct pfs_buf text = {0};
    int rc = pfs_transaction_spell(skim->transaction, row, &text, err);

    assert(row->rows == 1);
    assert(skim->refused != NULL);
    if (rc == 0)
        rc = pfs_buf_check(&text, err);
    if (rc == 0) {
        refusal.text = pfs_slice_of(text.at, text.len - (text.len > 0)); /* its newline */
        skim->refused(skim->context, &refusal, why);
    }
    pfs_buf_done(&text);
    return rc;
}

static int add_some(const struct pfs_skim *skim, const struct pfs_batch *in, int32_t from, int32_t rows,
                    struct pfs_err *err);

/* `batch` is refused. */
static int add_halves(const struct pfs_skim *skim, const struct pfs_batch *batch, const struct pfs_err *why,
                      struct pfs_err *err)
{
    int32_t half = (int32_t)(batch->rows / 2), rest = (int32_t)batch->rows - half;

    assert(batch->rows > 0);
    if (batch->rows == 1)
        return leave_out(skim, batch, why, err);
    PFS_TRY(add_some(skim, batch, 0, half, err));
    return add_some(skim, batch, half, rest, err);
}

int pfs_skim_add(const struct pfs_skim *skim, struct pfs_arena *arena, const struct pfs_batch *batch,
                 struct pfs_err *err)
{
    struct pfs_err why = {0};
    int rc = pfs_transaction_ask(skim->transaction, batch, &why);

    if (rc == 0)
        return pfs_transaction_add(skim->transaction, arena, batch, err);
    if (rc == -EINVAL)
        return add_halves(skim, batch, &why, err);
    if (err != NULL)
        *err = why;
    return rc;
}

static int add_some(const struct pfs_skim *skim, const struct pfs_batch *in, int32_t from, int32_t rows,
                    struct pfs_err *err)
{
    struct pfs_arena arena;
    struct pfs_batch some;
    int rc;

    pfs_arena_init(&arena, PFS_BATCH_BYTES_MAX);
    rc = pfs_batch_copy(in, from, rows, &arena, &some, err);
    if (rc == 0)
        rc = pfs_skim_add(skim, &arena, &some, err);
    pfs_arena_done(&arena);
    return rc;
}
