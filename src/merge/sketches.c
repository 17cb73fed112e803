/* sketches.c - functions over bytes that stand for sets: each value is united with the state (spec merge-engines 12).
 *
 * All answers are written into one run of bytes; the state of the key at hand is its end, and a union is written behind
 * it and then moved over it. The bytes of a record alone pass through without being looked at, as in Paimon.
 */
#include "format/sketch/sketch.h"

#include <assert.h>
#include <string.h>

#include "base/limits.h"
#include "src/merge/internal.h"

typedef int union_fn(struct pfs_slice acc, struct pfs_slice in, struct pfs_arena *scratch, struct pfs_buf *out,
                     struct pfs_err *err);

struct uniting {
    const struct pfs_fold *fold;
    union_fn *unite;
    struct pfs_buf out; /* answers so far; that of the key at hand begins at `from` */
    struct pfs_buf made;
    size_t from;
    bool has;
    struct pfs_arena scratch;
    struct pfs_err *err;
};

static void replace(struct uniting *u, struct pfs_slice bytes, bool has)
{
    assert(u->from <= u->out.len);
    u->out.len = u->from;
    u->has = has;
    if (has)
        pfs_buf_put(&u->out, bytes.at, bytes.len);
}

static int add(struct uniting *u, struct pfs_slice bytes, bool older)
{
    /* A view of `out`, so the union goes elsewhere first: appending to `out` might move it. */
    struct pfs_slice state = pfs_slice_of(u->out.at + u->from, u->out.len - u->from);

    if (!u->has) {
        replace(u, bytes, true);
        return 0;
    }
    pfs_buf_clear(&u->made);
    pfs_arena_reset(&u->scratch);
    PFS_TRY(u->unite(older ? bytes : state, older ? state : bytes, &u->scratch, &u->made, u->err));
    replace(u, pfs_buf_slice(&u->made), true);
    return 0;
}

static int unite_key(struct uniting *u, int64_t key)
{
    const struct pfs_fold *f = u->fold;

    u->from = u->out.len;
    u->has = false;
    for (int64_t i = f->start[key]; i < f->start[key + 1]; i++) {
        struct pfs_slice bytes = pfs_column_bytes(&f->in, i);

        if (f->step[i] & PFS_STEP_TAKE)
            replace(u, bytes, pfs_fold_has(f, i));
        if ((f->step[i] & PFS_STEPS_ADD) && pfs_fold_has(f, i))
            PFS_TRY(add(u, bytes, (f->step[i] & PFS_STEP_ADD) == 0));
    }
    return 0;
}

static int unite_all(struct uniting *u, struct pfs_arena *arena, struct pfs_column *out)
{
    const struct pfs_fold *f = u->fold;
    int32_t *offsets = pfs_arena_alloc(arena, (size_t)(f->keys + 1) * sizeof(*offsets));
    uint8_t *some = pfs_arena_alloc(arena, (size_t)f->keys);
    struct pfs_slice values;

    assert(f->in.offsets != NULL);
    if (offsets == NULL || some == NULL)
        return pfs_arena_full(arena, u->err);
    offsets[0] = 0;
    for (int64_t k = 0; k < f->keys && !u->out.failed; k++) {
        if (unite_key(u, k) < 0)
            return pfs_wrap(u->err, "column %s", f->use->column);
        offsets[k + 1] = (int32_t)u->out.len; /* the buffer's ceiling is below */
        some[k] = u->has;
    }
    PFS_TRY(pfs_buf_check(&u->out, u->err));
    if (!pfs_arena_copy(arena, pfs_buf_slice(&u->out), &values))
        return pfs_arena_full(arena, u->err);
    PFS_TRY(pfs_computed(f, values.at, some, arena, out, u->err));
    out->offsets = offsets;
    return 0;
}

static int unite(const struct pfs_fold *f, union_fn *fn, struct pfs_arena *arena, struct pfs_column *out,
                 struct pfs_err *err)
{
    struct uniting u = {.fold = f, .unite = fn, .err = err};
    int rc;

    pfs_buf_init(&u.out, (size_t)1 << 30);
    pfs_buf_init(&u.made, (size_t)1 << 30);
    pfs_arena_init(&u.scratch, PFS_BATCH_BYTES_MAX);
    rc = unite_all(&u, arena, out);
    pfs_buf_done(&u.out);
    pfs_buf_done(&u.made);
    pfs_arena_done(&u.scratch);
    return rc;
}

int pfs_compute_rbm32(const struct pfs_fold *f, struct pfs_arena *arena, struct pfs_column *out, struct pfs_err *err)
{
    return unite(f, pfs_rbm32_union, arena, out, err);
}

int pfs_compute_rbm64(const struct pfs_fold *f, struct pfs_arena *arena, struct pfs_column *out, struct pfs_err *err)
{
    return unite(f, pfs_rbm64_union, arena, out, err);
}

int pfs_compute_theta(const struct pfs_fold *f, struct pfs_arena *arena, struct pfs_column *out, struct pfs_err *err)
{
    return unite(f, pfs_theta_union, arena, out, err);
}

int pfs_compute_hll(const struct pfs_fold *f, struct pfs_arena *arena, struct pfs_column *out, struct pfs_err *err)
{
    return unite(f, pfs_hll_union, arena, out, err);
}
