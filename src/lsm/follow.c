/* follow.c - a reader of rows in key order that is followed: asked for higher and higher keys.
 *
 * One batch is in memory at a time, with its keys; `at` only moves on. Whoever asks for a key below the last one that
 * was asked for gets a wrong answer: rows that were passed do not come back. A follower at its end has closed its
 * reader already, so that a level that is through holds no file open. */
#include <assert.h>

#include "base/limits.h"
#include "src/lsm/internal.h"

static void follow_end(struct pfs_follower *f)
{
    pfs_reader_close(f->reader);
    f->reader = NULL;
    f->rows = f->at = 0;
}

void pfs_follower_init(struct pfs_follower *follower, struct pfs_reader *in)
{
    assert(in != NULL);
    *follower = (struct pfs_follower){.reader = in};
    pfs_arena_init(&follower->arena, PFS_BATCH_BYTES_MAX);
}

void pfs_follower_done(struct pfs_follower *follower)
{
    follow_end(follower);
    pfs_arena_done(&follower->arena);
}

int pfs_follower_fill(struct pfs_follower *f, const int32_t *key, int32_t keys, struct pfs_err *err)
{
    int64_t rows;

    assert(f->at <= f->rows);
    if (f->at < f->rows)
        return 1;
    if (f->reader == NULL)
        return 0;
    pfs_arena_reset(&f->arena);
    f->rows = f->at = 0;
    rows = pfs_reader_next(f->reader, &f->arena, &f->batch, err);
    if (rows < 0)
        return (int)rows;
    if (rows == 0) {
        follow_end(f);
        return 0;
    }
    PFS_TRY(pfs_keys_of(&f->batch, key, keys, &f->arena, &f->keys, err));
    f->rows = rows;
    return 1;
}

int pfs_follower_has(struct pfs_follower *f, const int32_t *key, int32_t keys, const struct pfs_keys *other,
                     int64_t row, struct pfs_err *err)
{
    for (;;) {
        int rc = pfs_follower_fill(f, key, keys, err);

        if (rc <= 0)
            return rc;
        f->at = pfs_keys_reach(&f->keys, f->at, f->rows, other, row);
        assert(f->at <= f->rows);
        if (f->at < f->rows)
            return pfs_keys_compare(&f->keys, f->at, other, row) == 0;
    }
}
