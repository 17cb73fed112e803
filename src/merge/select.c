/* select.c - functions whose answer is the value of one of the records: kernels over validity, two over values.
 *
 * A pick is the number of a record among those of all keys, so it fits in 32 bits as rows of a batch do; -1 is NULL.
 * Records of a key come from the oldest on. What a record does is in its step, which is decided once for all columns of
 * a group (fold.c); a take comes first, then at most one of the others.
 */
#include <assert.h>
#include <errno.h>

#include "format/text/text.h"
#include "src/merge/internal.h"

/* The record's value as a pick. */
static inline int32_t value(const struct pfs_fold *f, int64_t i)
{
    return pfs_fold_has(f, i) ? (int32_t)i : -1;
}

/* A kernel: for each key, `now` is the pick so far and `body` what record i with its step does to it. */
#define SELECT(name, body)                                                 \
    int name(const struct pfs_fold *f, int32_t *pick, struct pfs_err *err) \
    {                                                                      \
        (void)err;                                                         \
        for (int64_t k = 0; k < f->keys; k++) {                            \
            int32_t now = -1;                                              \
            bool started = false;                                          \
                                                                           \
            (void)started;                                                 \
            for (int64_t i = f->start[k]; i < f->start[k + 1]; i++) {      \
                unsigned step = f->step[i];                                \
                                                                           \
                if (step & PFS_STEP_TAKE)                                  \
                    now = value(f, i);                                     \
                body                                                       \
            }                                                              \
            pick[k] = now;                                                 \
        }                                                                  \
        return 0;                                                          \
    }

/* All ones where the bit of the step is set. */
static inline int32_t mask_of(unsigned step, unsigned bit)
{
    return -(int32_t)((step & bit) != 0);
}

/* The most frequent kernel, over values that are there or not as if by chance: so it does not branch. */
int pfs_select_overwrite(const struct pfs_fold *f, int32_t *pick, struct pfs_err *err)
{
    (void)err;
    for (int64_t k = 0; k < f->keys; k++) {
        int32_t now = -1;

        for (int64_t i = f->start[k]; i < f->start[k + 1]; i++) {
            int32_t has = f->present == NULL ? -1 : -(int32_t)f->present[i], in = (int32_t)i;
            int32_t take = mask_of(f->step[i], PFS_STEP_TAKE), add = mask_of(f->step[i], PFS_STEP_ADD) & has;

            now = (now & ~take) | ((in | ~has) & take);
            now = (now & ~add) | (in & add);
        }
        pick[k] = now;
    }
    return 0;
}

int pfs_select_key(const struct pfs_fold *f, int32_t *pick, struct pfs_err *err)
{
    (void)err;
    for (int64_t k = 0; k < f->keys; k++)
        pick[k] = (int32_t)(f->start[k + 1] - 1);
    return 0;
}

/* clang-format off */
SELECT(pfs_select_protected, {
    if (step & PFS_STEP_ADD)
        now = value(f, i);
    else if (step & PFS_STEP_RETRACT)
        now = -1;
})

SELECT(pfs_select_sequence, {
    if (step & (PFS_STEP_ADD | PFS_STEP_RETRACT))
        now = value(f, i);
})

SELECT(pfs_select_primary_key, {
    if (step & (PFS_STEP_ADD | PFS_STEPS_RETRACT))
        now = value(f, i);
})

SELECT(pfs_select_last_value, {
    if (step & PFS_STEP_ADD)
        now = value(f, i);
    else if (step & PFS_STEPS_RETRACT)
        now = -1;
})

SELECT(pfs_select_last_non_null, {
    if (step & PFS_STEP_ADD ? pfs_fold_has(f, i) : (step & PFS_STEP_ADD_OLD) && now < 0)
        now = value(f, i);
    else if ((step & PFS_STEPS_RETRACT) && pfs_fold_has(f, i))
        now = -1;
})

/* The first call returns its second argument, later ones their first, whichever way round they come. */
SELECT(pfs_select_first_value, {
    if (step & (started ? PFS_STEP_ADD_OLD : PFS_STEP_ADD))
        now = value(f, i);
    started |= (step & PFS_STEPS_ADD) != 0;
})

/* As long as no second argument that is not NULL was returned, such a one is; else the first argument. */
SELECT(pfs_select_first_non_null, {
    bool second = step & PFS_STEP_ADD ? pfs_fold_has(f, i) : (step & PFS_STEP_ADD_OLD) && now >= 0;

    if (!started && second) {
        started = true;
        now = step & PFS_STEP_ADD ? (int32_t)i : now;
    } else if (step & PFS_STEP_ADD_OLD) {
        now = value(f, i);
    }
})
/* clang-format on */

/* ---- the greatest and the smallest ---- */

/* NULL leaves the other side. `beats` compares record i with the pick. */
#define EXTREME(name, type, beats)                                        \
    static void name(const struct pfs_fold *f, int32_t *pick)             \
    {                                                                     \
        const type *in = (const type *)f->in.values;                      \
                                                                          \
        for (int64_t k = 0; k < f->keys; k++) {                           \
            int32_t now = -1;                                             \
                                                                          \
            for (int64_t i = f->start[k]; i < f->start[k + 1]; i++) {     \
                if (f->step[i] & PFS_STEP_TAKE)                           \
                    now = value(f, i);                                    \
                if (!(f->step[i] & PFS_STEPS_ADD) || !pfs_fold_has(f, i)) \
                    continue;                                             \
                if (now < 0 || (beats))                                   \
                    now = (int32_t)i;                                     \
            }                                                             \
            pick[k] = now;                                                \
        }                                                                 \
    }

EXTREME(max_8, int8_t, in[i] > in[now])
EXTREME(max_16, int16_t, in[i] > in[now])
EXTREME(max_32, int32_t, in[i] > in[now])
EXTREME(max_64, int64_t, in[i] > in[now])
EXTREME(min_8, int8_t, in[i] < in[now])
EXTREME(min_16, int16_t, in[i] < in[now])
EXTREME(min_32, int32_t, in[i] < in[now])
EXTREME(min_64, int64_t, in[i] < in[now])
EXTREME(max_other, void, ((void)in, pfs_value_compare(&f->in, i, &f->in, now) > 0))
EXTREME(min_other, void, ((void)in, pfs_value_compare(&f->in, i, &f->in, now) < 0))

typedef void extreme_fn(const struct pfs_fold *f, int32_t *pick);

/* Kinds without an order are refused only when two values meet, as Paimon does. */
static int check_order(const struct pfs_fold *f, struct pfs_err *err)
{
    for (int64_t k = 0; k < f->keys; k++) {
        int64_t values = 0;

        for (int64_t i = f->start[k]; i < f->start[k + 1]; i++)
            values += (f->step[i] & (PFS_STEP_TAKE | PFS_STEPS_ADD)) && pfs_fold_has(f, i);
        if (values > 1)
            return pfs_fail(err, EINVAL, "Incomparable type of column %s", f->use->column);
    }
    return 0;
}

static int extreme(const struct pfs_fold *f, extreme_fn *const by_width[4], extreme_fn *other, int32_t *pick,
                   struct pfs_err *err)
{
    enum pfs_kind kind = f->use->type->kind;
    int width = pfs_type_width(f->use->type);

    assert(f->in.type != NULL); /* the function looks at values */
    assert(width <= 16);
    if (kind == PFS_BOOLEAN || pfs_kind_is_nested(kind))
        PFS_TRY(check_order(f, err));
    if (kind == PFS_FLOAT || kind == PFS_DOUBLE || width == 0 || width == 16)
        other(f, pick);
    else
        by_width[width == 8 ? 3 : width >> 1](f, pick);
    return 0;
}

int pfs_select_max(const struct pfs_fold *f, int32_t *pick, struct pfs_err *err)
{
    static extreme_fn *const by_width[] = {max_8, max_16, max_32, max_64};

    return extreme(f, by_width, max_other, pick, err);
}

int pfs_select_min(const struct pfs_fold *f, int32_t *pick, struct pfs_err *err)
{
    static extreme_fn *const by_width[] = {min_8, min_16, min_32, min_64};

    return extreme(f, by_width, min_other, pick, err);
}
