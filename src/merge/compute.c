/* compute.c - functions that compute: sum, product, bool_and, bool_or (spec merge-engines 7). One loop a type. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "src/merge/internal.h"

int pfs_computed(const struct pfs_fold *f, const void *values, const uint8_t *some, struct pfs_arena *arena,
                 struct pfs_column *out, struct pfs_err *err)
{
    uint8_t *valid = NULL;

    assert(f->keys > 0);
    if (memchr(some, 0, (size_t)f->keys) != NULL) {
        valid = pfs_arena_zalloc(arena, (size_t)(f->keys + 7) / 8 + 8);
        if (valid == NULL)
            return pfs_arena_full(arena, err);
        for (int64_t k = 0; k < f->keys; k++)
            valid[k >> 3] |= (uint8_t)(some[k] << (k & 7));
    }
    *out = (struct pfs_column){.type = f->use->type, .valid = valid, .values = values};
    return 0;
}

static int divided_by_zero(const struct pfs_fold *f, struct pfs_err *err)
{
    return pfs_fail(err, EINVAL, "/ by zero in a retraction of column %s", f->use->column);
}

/* A kernel over values of `type`: `acc` is there when `has`, and `v` is a value that is not NULL. `add` combines the
 * two, `retract` is what taking back v does; it may fail. */
#define COMPUTE(name, type, add, retract)                                                       \
    static int name(const struct pfs_fold *f, void *values, uint8_t *some, struct pfs_err *err) \
    {                                                                                           \
        const type *in = f->in.values;                                                          \
        type *out = values;                                                                     \
                                                                                                \
        (void)err;                                                                              \
        for (int64_t k = 0; k < f->keys; k++) {                                                 \
            type acc = 0;                                                                       \
            bool has = false;                                                                   \
                                                                                                \
            for (int64_t i = f->start[k]; i < f->start[k + 1]; i++) {                           \
                type v = in[i];                                                                 \
                                                                                                \
                if (f->step[i] & PFS_STEP_TAKE) {                                               \
                    acc = v;                                                                    \
                    has = pfs_fold_has(f, i);                                                   \
                }                                                                               \
                if (!pfs_fold_has(f, i))                                                        \
                    continue;                                                                   \
                if (f->step[i] & PFS_STEPS_ADD) {                                               \
                    if (has) {                                                                  \
                        add;                                                                    \
                    } else {                                                                    \
                        acc = v;                                                                \
                        has = true;                                                             \
                    }                                                                           \
                } else if (f->step[i] & PFS_STEPS_RETRACT) {                                    \
                    retract;                                                                    \
                }                                                                               \
            }                                                                                   \
            out[k] = acc;                                                                       \
            some[k] = has;                                                                      \
        }                                                                                       \
        return 0;                                                                               \
    }

/* ---- integers wrap around in their own width (1.4.2), and so are reckoned as unsigned `wide` ---- */

/* Nothing is taken back from NULL as the value's negative. */
#define SUM(name, type, wide)                                \
    COMPUTE(name, type, acc = (type)((wide)acc + (wide)v), { \
        acc = (type)(has ? (wide)acc - (wide)v : -(wide)v);  \
        has = true;                                          \
    })

#define PRODUCT(name, type, wide)                                 \
    COMPUTE(name, type, acc = (type)((wide)acc * (wide)v), {      \
        if (has && v == 0)                                        \
            return divided_by_zero(f, err);                       \
        if (has)                                                  \
            acc = (type)(v == -1 ? -(wide)acc : (wide)(acc / v)); \
    })

/* clang-format off */
SUM(sum_8, int8_t, uint32_t)
SUM(sum_16, int16_t, uint32_t)
SUM(sum_32, int32_t, uint32_t)
SUM(sum_64, int64_t, uint64_t)
SUM(sum_float, float, float)
SUM(sum_double, double, double)
PRODUCT(product_8, int8_t, uint32_t)
PRODUCT(product_16, int16_t, uint32_t)
PRODUCT(product_32, int32_t, uint32_t)
PRODUCT(product_64, int64_t, uint64_t)
COMPUTE(product_float, float, acc *= v, if (has) acc /= v)
COMPUTE(product_double, double, acc *= v, if (has) acc /= v)
COMPUTE(bool_and, uint8_t, acc &= v, )
COMPUTE(bool_or, uint8_t, acc |= v, )
/* clang-format on */

/* ---- decimals ---- */

/* Of up to 18 digits: sums grow past their precision unchecked; past 64 bits they are too long for any, NULL. */
static void sum_narrow(int64_t *acc, bool *has, int64_t v, bool retract)
{
    int64_t start = *has ? *acc : 0;

    *has = !(retract ? __builtin_sub_overflow(start, v, acc) : __builtin_add_overflow(start, v, acc));
}

/* Of more digits: NULL when there is no room for them. */
static void sum_wide(const struct pfs_fold *f, pfs_i128 *acc, bool *has, pfs_i128 v, bool retract)
{
    pfs_i128 start = *has ? *acc : 0;
    bool over = retract ? __builtin_sub_overflow(start, v, acc) : __builtin_add_overflow(start, v, acc);

    *has = !over && pfs_decimal_fits(*acc, f->use->type->precision);
}

/* a / b at scale s for b != 0: a decimal that ends, rounded HALF_UP; false when it needs more than the digits. The
 * fraction is reduced, and then the tens of 10^s are spent on what is left of its denominator. */
static int divide(const struct pfs_fold *f, pfs_i128 a, pfs_i128 b, pfs_i128 *out, bool *has, struct pfs_err *err)
{
    const struct pfs_type *t = f->use->type;
    pfs_u128 n = a < 0 ? -(pfs_u128)a : (pfs_u128)a, d = b < 0 ? -(pfs_u128)b : (pfs_u128)b, x = n, y = d;
    int twos = 0, fives = 0;

    assert(b != 0); /* so the common divisor is not 0 either */
    while (y != 0) {
        pfs_u128 rest = x % y;

        x = y;
        y = rest;
    }
    assert(x != 0);
    n /= x;
    d /= x;
    for (; d % 2 == 0; d /= 2)
        twos++;
    for (; d % 5 == 0; d /= 5)
        fives++;
    if (d != 1)
        return pfs_fail(err, EINVAL, "Non-terminating decimal expansion; no exact representable decimal result.");
    *has = true;
    for (; twos < t->scale; twos++)
        *has &= !__builtin_mul_overflow(n, (pfs_u128)2, &n);
    for (; fives < t->scale; fives++)
        *has &= !__builtin_mul_overflow(n, (pfs_u128)5, &n);
    for (; twos > t->scale; twos--)
        d *= 2;
    for (; fives > t->scale; fives--)
        d *= 5;
    n = n / d + (n % d >= d - n % d);
    *has &= n <= (pfs_u128)pfs_decimal_power(PFS_DECIMAL_DIGITS) && pfs_decimal_fits((pfs_i128)n, t->precision);
    if (!*has)
        n = 0; /* what is left of it has no meaning, and need not have a negative */
    *out = (a < 0) != (b < 0) ? -(pfs_i128)n : (pfs_i128)n;
    return 0;
}

static int product_decimal(const struct pfs_fold *f, pfs_i128 *acc, bool *has, pfs_i128 v, bool retract,
                           struct pfs_err *err)
{
    const struct pfs_type *t = f->use->type;

    if (!retract) {
        *has = pfs_decimal_multiply(*acc, v, t->scale, t->precision, acc);
        return 0;
    }
    if (!*has)
        return 0;
    if (v == 0)
        return divided_by_zero(f, err);
    return divide(f, *acc, v, acc, has, err);
}

#define PRODUCT_DECIMAL(retract)                                      \
    do {                                                              \
        pfs_i128 product = acc;                                       \
                                                                      \
        PFS_TRY(product_decimal(f, &product, &has, v, retract, err)); \
        acc = (typeof(acc))product;                                   \
    } while (0)

/* clang-format off */
COMPUTE(sum_decimal_64, int64_t, sum_narrow(&acc, &has, v, false), sum_narrow(&acc, &has, v, true))
COMPUTE(sum_decimal_128, pfs_i128, sum_wide(f, &acc, &has, v, false), sum_wide(f, &acc, &has, v, true))
COMPUTE(product_decimal_64, int64_t, PRODUCT_DECIMAL(false), PRODUCT_DECIMAL(true))
COMPUTE(product_decimal_128, pfs_i128, PRODUCT_DECIMAL(false), PRODUCT_DECIMAL(true))
/* clang-format on */

/* ---- drivers ---- */

typedef int kernel_fn(const struct pfs_fold *f, void *values, uint8_t *some, struct pfs_err *err);

struct kernels {
    kernel_fn *of_8, *of_16, *of_32, *of_64, *of_float, *of_double, *of_decimal_64, *of_decimal_128;
};

static const struct kernels sums = {sum_8,     sum_16,     sum_32,         sum_64,
                                    sum_float, sum_double, sum_decimal_64, sum_decimal_128};
static const struct kernels products = {product_8,     product_16,     product_32,         product_64,
                                        product_float, product_double, product_decimal_64, product_decimal_128};

/* The function's check has let only numbers pass. */
static kernel_fn *kernel_of(const struct kernels *k, const struct pfs_type *type)
{
    int width = pfs_type_width(type);

    assert(type->kind == PFS_DECIMAL || (type->kind >= PFS_TINYINT && type->kind <= PFS_DOUBLE));
    if (type->kind == PFS_DECIMAL)
        return width == 8 ? k->of_decimal_64 : k->of_decimal_128;
    if (type->kind == PFS_FLOAT)
        return k->of_float;
    if (type->kind == PFS_DOUBLE)
        return k->of_double;
    return width == 1 ? k->of_8 : width == 2 ? k->of_16 : width == 4 ? k->of_32 : k->of_64;
}

static int run(kernel_fn *kernel, const struct pfs_fold *f, struct pfs_arena *arena, struct pfs_column *out,
               struct pfs_err *err)
{
    void *values = pfs_arena_alloc(arena, (size_t)f->keys * (size_t)pfs_type_width(f->use->type));
    uint8_t *some = pfs_arena_alloc(arena, (size_t)f->keys);

    assert(f->in.type != NULL); /* the function's entry says that it looks at values */
    if (values == NULL || some == NULL)
        return pfs_arena_full(arena, err);
    PFS_TRY(kernel(f, values, some, err));
    return pfs_computed(f, values, some, arena, out, err);
}

int pfs_compute_sum(const struct pfs_fold *f, struct pfs_arena *arena, struct pfs_column *out, struct pfs_err *err)
{
    return run(kernel_of(&sums, f->use->type), f, arena, out, err);
}

int pfs_compute_product(const struct pfs_fold *f, struct pfs_arena *arena, struct pfs_column *out, struct pfs_err *err)
{
    return run(kernel_of(&products, f->use->type), f, arena, out, err);
}

int pfs_compute_bool_and(const struct pfs_fold *f, struct pfs_arena *arena, struct pfs_column *out, struct pfs_err *err)
{
    return run(bool_and, f, arena, out, err);
}

int pfs_compute_bool_or(const struct pfs_fold *f, struct pfs_arena *arena, struct pfs_column *out, struct pfs_err *err)
{
    return run(bool_or, f, arena, out, err);
}
