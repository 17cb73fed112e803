/* function.c - the aggregate functions (spec merge-engines 7), one table. */
#include <errno.h>
#include <string.h>

#include "src/merge/internal.h"

/* ---- type checks ---- */

static int wrong_type(const struct pfs_function_use *use, const char *label, const char *want, struct pfs_err *err)
{
    struct pfs_buf text = {0};
    int rc;

    pfs_type_print(use->type, &text);
    pfs_buf_putc(&text, 0);
    rc = pfs_fail(err, EINVAL, "Data type for %s column must be '%s' but was '%s'.", label, want,
                  text.failed ? "" : (const char *)text.at);
    pfs_buf_done(&text);
    return rc;
}

static bool is_numeric(enum pfs_kind kind)
{
    return kind == PFS_DECIMAL || (kind >= PFS_TINYINT && kind <= PFS_DOUBLE);
}

static int check_numeric(const struct pfs_function_use *use, struct pfs_err *err)
{
    return is_numeric(use->type->kind) ? 0 : wrong_type(use, use->function->name, "NumericType", err);
}

static int check_bool(const struct pfs_function_use *use, struct pfs_err *err)
{
    const char *label = strcmp(use->function->name, "bool_and") == 0 ? "bool and" : "bool or";

    return use->type->kind == PFS_BOOLEAN ? 0 : wrong_type(use, label, "BooleanType", err);
}

static int check_text(const struct pfs_function_use *use, struct pfs_err *err)
{
    struct pfs_buf text = {0};
    int rc = 0;

    if (use->type->kind == PFS_VARCHAR && use->type->length == PFS_LENGTH_MAX)
        return 0;
    pfs_type_print(use->type, &text);
    pfs_buf_putc(&text, 0);
    rc = pfs_fail(err, EINVAL, "Data type for list agg column must be STRING (unbounded VARCHAR), but was %s.",
                  text.failed ? "" : (const char *)text.at);
    pfs_buf_done(&text);
    return rc;
}

static int check_any(const struct pfs_function_use *use, struct pfs_err *err)
{
    (void)use;
    (void)err;
    return 0;
}

/* ---- values ---- */

/* Most functions keep the side that is not null; true when that settled it. */
static bool keep_non_null(struct pfs_cell *acc, const struct pfs_cell *in)
{
    if (!acc->present)
        *acc = *in;
    return !acc->present || !in->present || acc == in;
}

/* Integers wrap around in their own width (1.4.2). */
static int64_t wrap(const struct pfs_type *type, int64_t v)
{
    switch (pfs_type_width(type)) {
    case 1:
        return (int8_t)v;
    case 2:
        return (int16_t)v;
    case 4:
        return (int32_t)v;
    default:
        return v;
    }
}

static pfs_i128 unscaled(const struct pfs_type *type, const struct pfs_cell *c)
{
    return type->precision > 18 ? c->v.wide : c->v.i;
}

static void set_unscaled(const struct pfs_type *type, struct pfs_cell *c, pfs_i128 v)
{
    if (type->precision > 18)
        c->v.wide = v;
    else
        c->v.i = (int64_t)v;
}

/* acc + sign * in. Decimals of up to 18 digits grow past their precision unchecked, wider ones become NULL. */
static void add_numbers(const struct pfs_type *type, struct pfs_cell *acc, const struct pfs_cell *in, int sign)
{
    pfs_i128 sum;
    int64_t narrow;

    if (type->kind == PFS_DOUBLE) {
        acc->v.d = acc->v.d + sign * in->v.d;
    } else if (type->kind == PFS_FLOAT) {
        acc->v.d = (double)((float)acc->v.d + (float)sign * (float)in->v.d);
    } else if (type->kind != PFS_DECIMAL) {
        uint64_t x = (uint64_t)acc->v.i, y = (uint64_t)in->v.i;

        acc->v.i = wrap(type, (int64_t)(sign > 0 ? x + y : x - y));
    } else if (type->precision <= 18 && !(sign > 0 ? __builtin_add_overflow(acc->v.i, in->v.i, &narrow)
                                                   : __builtin_sub_overflow(acc->v.i, in->v.i, &narrow))) {
        acc->v.i = narrow;
    } else {
        sum = unscaled(type, acc) + sign * unscaled(type, in);
        acc->present = pfs_decimal_fits(sum, type->precision);
        set_unscaled(type, acc, sum);
    }
}

static int sum_add(const struct pfs_function_use *use, struct pfs_fold *fold, const struct pfs_cell *in, bool swapped,
                   struct pfs_arena *arena, struct pfs_err *err)
{
    bool was = fold->acc.present;

    (void)swapped;
    (void)arena;
    (void)err;
    if (!keep_non_null(&fold->acc, in) && was)
        add_numbers(use->type, &fold->acc, in, 1);
    return 0;
}

static int sum_retract(const struct pfs_function_use *use, struct pfs_fold *fold, const struct pfs_cell *in,
                       struct pfs_err *err)
{
    (void)err;
    if (!in->present)
        return 0;
    if (!fold->acc.present) {
        memset(&fold->acc, 0, sizeof(fold->acc));
        fold->acc.present = true;
    }
    add_numbers(use->type, &fold->acc, in, -1);
    return 0;
}

static int product_add(const struct pfs_function_use *use, struct pfs_fold *fold, const struct pfs_cell *in,
                       bool swapped, struct pfs_arena *arena, struct pfs_err *err)
{
    struct pfs_cell *acc = &fold->acc;
    const struct pfs_type *t = use->type;
    bool was = acc->present;
    pfs_i128 v;

    (void)swapped;
    (void)arena;
    (void)err;
    if (keep_non_null(acc, in) || !was)
        return 0;
    if (t->kind == PFS_DOUBLE) {
        acc->v.d *= in->v.d;
    } else if (t->kind == PFS_FLOAT) {
        acc->v.d = (double)((float)acc->v.d * (float)in->v.d);
    } else if (t->kind != PFS_DECIMAL) {
        acc->v.i = wrap(t, (int64_t)((uint64_t)acc->v.i * (uint64_t)in->v.i));
    } else if (pfs_decimal_multiply(unscaled(t, acc), unscaled(t, in), t->scale, t->precision, &v)) {
        set_unscaled(t, acc, v);
    } else {
        acc->present = false;
    }
    return 0;
}

static pfs_i128 gcd(pfs_i128 a, pfs_i128 b)
{
    while (b != 0) {
        pfs_i128 r = a % b;

        a = b;
        b = r;
    }
    return a < 0 ? -a : a;
}

/* a / b at scale s; must be a decimal that ends, and is then rounded HALF_UP. */
static int divide(const struct pfs_type *t, pfs_i128 a, pfs_i128 b, struct pfs_cell *acc, struct pfs_err *err)
{
    pfs_i128 scaled, quotient, rest, part;

    if (__builtin_mul_overflow(a, pfs_decimal_power(t->scale), &scaled)) {
        acc->present = false;
        return 0;
    }
    quotient = scaled / b;
    rest = scaled % b;
    if (rest != 0) {
        part = b / gcd(rest, b);
        part = part < 0 ? -part : part;
        while (part % 2 == 0)
            part /= 2;
        while (part % 5 == 0)
            part /= 5;
        if (part != 1)
            return pfs_fail(err, EINVAL, "Non-terminating decimal expansion; no exact representable decimal result.");
        rest = rest < 0 ? -rest : rest;
        part = b < 0 ? -b : b;
        if (rest >= part - rest)
            quotient += (scaled < 0) != (b < 0) ? -1 : 1;
    }
    acc->present = pfs_decimal_fits(quotient, t->precision);
    set_unscaled(t, acc, quotient);
    return 0;
}

static int product_retract(const struct pfs_function_use *use, struct pfs_fold *fold, const struct pfs_cell *in,
                           struct pfs_err *err)
{
    struct pfs_cell *acc = &fold->acc;
    const struct pfs_type *t = use->type;

    if (!acc->present || !in->present)
        return 0;
    if (t->kind == PFS_DOUBLE) {
        acc->v.d /= in->v.d;
        return 0;
    }
    if (t->kind == PFS_FLOAT) {
        acc->v.d = (double)((float)acc->v.d / (float)in->v.d);
        return 0;
    }
    if (t->kind == PFS_DECIMAL ? unscaled(t, in) == 0 : in->v.i == 0)
        return pfs_fail(err, EINVAL, "/ by zero in a retraction of column %s", use->column);
    if (t->kind == PFS_DECIMAL)
        return divide(t, unscaled(t, acc), unscaled(t, in), acc, err);
    acc->v.i = in->v.i == -1 ? wrap(t, (int64_t) - (uint64_t)acc->v.i) : wrap(t, acc->v.i / in->v.i);
    return 0;
}

static int extreme_add(const struct pfs_function_use *use, struct pfs_fold *fold, const struct pfs_cell *in, int sign,
                       struct pfs_err *err)
{
    bool was = fold->acc.present;

    if (keep_non_null(&fold->acc, in) || !was)
        return 0;
    if (use->type->kind == PFS_BOOLEAN || pfs_kind_is_nested(use->type->kind))
        return pfs_fail(err, EINVAL, "Incomparable type of column %s", use->column);
    if (sign * pfs_cell_compare(use->type, in, &fold->acc) > 0)
        fold->acc = *in;
    return 0;
}

static int max_add(const struct pfs_function_use *use, struct pfs_fold *fold, const struct pfs_cell *in, bool swapped,
                   struct pfs_arena *arena, struct pfs_err *err)
{
    (void)swapped;
    (void)arena;
    return extreme_add(use, fold, in, 1, err);
}

static int min_add(const struct pfs_function_use *use, struct pfs_fold *fold, const struct pfs_cell *in, bool swapped,
                   struct pfs_arena *arena, struct pfs_err *err)
{
    (void)swapped;
    (void)arena;
    return extreme_add(use, fold, in, -1, err);
}

/* ---- first and last ---- */

static int last_value_add(const struct pfs_function_use *use, struct pfs_fold *fold, const struct pfs_cell *in,
                          bool swapped, struct pfs_arena *arena, struct pfs_err *err)
{
    (void)use;
    (void)arena;
    (void)err;
    if (!swapped)
        fold->acc = *in;
    return 0;
}

static int last_value_retract(const struct pfs_function_use *use, struct pfs_fold *fold, const struct pfs_cell *in,
                              struct pfs_err *err)
{
    (void)use;
    (void)in;
    (void)err;
    fold->acc.present = false;
    return 0;
}

/* All records of a key have it. */
static int primary_key_retract(const struct pfs_function_use *use, struct pfs_fold *fold, const struct pfs_cell *in,
                               struct pfs_err *err)
{
    (void)use;
    (void)err;
    fold->acc = *in;
    return 0;
}

static int last_non_null_add(const struct pfs_function_use *use, struct pfs_fold *fold, const struct pfs_cell *in,
                             bool swapped, struct pfs_arena *arena, struct pfs_err *err)
{
    (void)use;
    (void)arena;
    (void)err;
    if (swapped ? !fold->acc.present : in->present)
        fold->acc = *in;
    return 0;
}

static int last_non_null_retract(const struct pfs_function_use *use, struct pfs_fold *fold, const struct pfs_cell *in,
                                 struct pfs_err *err)
{
    (void)use;
    (void)err;
    if (in->present)
        fold->acc.present = false;
    return 0;
}

/* The first call returns its second argument, later ones their first, whichever way round they come. */
static int first_value_add(const struct pfs_function_use *use, struct pfs_fold *fold, const struct pfs_cell *in,
                           bool swapped, struct pfs_arena *arena, struct pfs_err *err)
{
    (void)use;
    (void)arena;
    (void)err;
    if (!fold->started) {
        fold->started = true;
        if (!swapped)
            fold->acc = *in;
    } else if (swapped) {
        fold->acc = *in;
    }
    return 0;
}

static int first_non_null_add(const struct pfs_function_use *use, struct pfs_fold *fold, const struct pfs_cell *in,
                              bool swapped, struct pfs_arena *arena, struct pfs_err *err)
{
    const struct pfs_cell *second = swapped ? &fold->acc : in;
    const struct pfs_cell *result = swapped ? in : &fold->acc;

    (void)use;
    (void)arena;
    (void)err;
    if (!fold->started && second->present) {
        fold->started = true;
        result = second;
    }
    if (result != &fold->acc)
        fold->acc = *result;
    return 0;
}

/* ---- booleans ---- */

static int bool_and_add(const struct pfs_function_use *use, struct pfs_fold *fold, const struct pfs_cell *in,
                        bool swapped, struct pfs_arena *arena, struct pfs_err *err)
{
    bool was = fold->acc.present;

    (void)use;
    (void)swapped;
    (void)arena;
    (void)err;
    if (!keep_non_null(&fold->acc, in) && was)
        fold->acc.v.i = fold->acc.v.i != 0 && in->v.i != 0;
    return 0;
}

static int bool_or_add(const struct pfs_function_use *use, struct pfs_fold *fold, const struct pfs_cell *in,
                       bool swapped, struct pfs_arena *arena, struct pfs_err *err)
{
    bool was = fold->acc.present;

    (void)use;
    (void)swapped;
    (void)arena;
    (void)err;
    if (!keep_non_null(&fold->acc, in) && was)
        fold->acc.v.i = fold->acc.v.i != 0 || in->v.i != 0;
    return 0;
}

/* ---- listagg ---- */

static struct pfs_slice next_token(struct pfs_slice *rest, struct pfs_slice delimiter, bool *more)
{
    const uint8_t *found = delimiter.len == 0 ? NULL : memmem(rest->at, rest->len, delimiter.at, delimiter.len);
    struct pfs_slice token = *rest;

    *more = found != NULL;
    if (found != NULL) {
        token.len = (size_t)(found - rest->at);
        rest->at = found + delimiter.len;
        rest->len -= token.len + delimiter.len;
    }
    return token;
}

static bool has_token(struct pfs_slice text, struct pfs_slice delimiter, struct pfs_slice token)
{
    bool more = true;

    while (more)
        if (pfs_slice_eq(next_token(&text, delimiter, &more), token))
            return true;
    return false;
}

static void append(uint8_t *to, size_t *len, struct pfs_slice text)
{
    if (text.len > 0)
        memcpy(to + *len, text.at, text.len);
    *len += text.len;
}

/* Appends each token of `in` that is not among those so far. */
static void append_distinct(uint8_t *to, size_t *len, struct pfs_slice in, struct pfs_slice delimiter)
{
    bool more = true;

    while (more) {
        struct pfs_slice token = next_token(&in, delimiter, &more);

        if (token.len == 0 || has_token(pfs_slice_of(to, *len), delimiter, token))
            continue;
        append(to, len, delimiter);
        append(to, len, token);
    }
}

static int listagg_add(const struct pfs_function_use *use, struct pfs_fold *fold, const struct pfs_cell *in,
                       bool swapped, struct pfs_arena *arena, struct pfs_err *err)
{
    struct pfs_slice first = fold->acc.v.bytes, second = in->v.bytes;
    bool was = fold->acc.present;
    size_t room, len = 0;
    uint8_t *to;

    if (keep_non_null(&fold->acc, in) || !was)
        return 0;
    if (swapped) {
        first = in->v.bytes;
        second = fold->acc.v.bytes;
    }
    if (second.len == 0 || first.len == 0) {
        fold->acc.v.bytes = second.len == 0 ? first : second;
        return 0;
    }
    room = first.len + (use->distinct ? second.len * (use->delimiter.len + 1) : second.len) + use->delimiter.len;
    to = pfs_arena_alloc(arena, room);
    if (to == NULL)
        return pfs_arena_full(arena, err);
    append(to, &len, first);
    if (use->distinct) {
        append_distinct(to, &len, second, use->delimiter);
    } else {
        append(to, &len, use->delimiter);
        append(to, &len, second);
    }
    fold->acc.v.bytes = pfs_slice_of(to, len);
    return 0;
}

/* ---- the table ---- */

static const struct pfs_function functions[] = {
    {"sum", check_numeric, sum_add, sum_retract},
    {"product", check_numeric, product_add, product_retract},
    {"max", check_any, max_add, NULL},
    {"min", check_any, min_add, NULL},
    {"last_value", check_any, last_value_add, last_value_retract},
    {"last_non_null_value", check_any, last_non_null_add, last_non_null_retract},
    {"first_value", check_any, first_value_add, NULL},
    {"first_non_null_value", check_any, first_non_null_add, NULL},
    {"first_not_null_value", check_any, first_non_null_add, NULL},
    {"listagg", check_text, listagg_add, NULL},
    {"bool_and", check_bool, bool_and_add, NULL},
    {"bool_or", check_bool, bool_or_add, NULL},
    {"primary-key", check_any, last_value_add, primary_key_retract},
};

static const char *const later[] = {"collect",       "merge_map",    "merge_map_with_keytime",
                                    "nested_update", "rbm32",        "nested_partial_update",
                                    "rbm64",         "theta_sketch", "hll_sketch"};

int pfs_function_find(const char *name, const struct pfs_function **out, struct pfs_err *err)
{
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
        if (strcmp(functions[i].name, name) == 0) {
            *out = &functions[i];
            return 0;
        }
    for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++)
        if (strcmp(later[i], name) == 0)
            return pfs_fail(err, EOPNOTSUPP, "aggregate function %s is not there yet", name);
    return pfs_fail(err, EINVAL,
                    "Could not find any factory for identifier '%s' that implements 'FieldAggregatorFactory'", name);
}

int pfs_function_retract(const struct pfs_function_use *use, struct pfs_fold *fold, const struct pfs_cell *in,
                         struct pfs_err *err)
{
    if (use->ignore_retract)
        return 0;
    if (use->function->retract == NULL)
        return pfs_fail(err, EINVAL,
                        "Aggregate function '%s' does not support retraction, If you allow this function to ignore "
                        "retraction messages, you can configure 'fields.%s.ignore-retract'='true'.",
                        use->function->name, use->column);
    return use->function->retract(use, fold, in, err);
}
