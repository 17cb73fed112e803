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

/* ---- the table ---- */

/* name, check of the type, selects, computes, looks at values, retracts */
static const struct pfs_function functions[] = {
    {"sum", check_numeric, NULL, pfs_compute_sum, true, true},
    {"product", check_numeric, NULL, pfs_compute_product, true, true},
    {"max", check_any, pfs_select_max, NULL, true, false},
    {"min", check_any, pfs_select_min, NULL, true, false},
    {"last_value", check_any, pfs_select_last_value, NULL, false, true},
    {"last_non_null_value", check_any, pfs_select_last_non_null, NULL, false, true},
    {"first_value", check_any, pfs_select_first_value, NULL, false, false},
    {"first_non_null_value", check_any, pfs_select_first_non_null, NULL, false, false},
    {"first_not_null_value", check_any, pfs_select_first_non_null, NULL, false, false},
    {"listagg", check_text, NULL, pfs_compute_listagg, true, false},
    {"bool_and", check_bool, NULL, pfs_compute_bool_and, true, false},
    {"bool_or", check_bool, NULL, pfs_compute_bool_or, true, false},
    {"primary-key", check_any, pfs_select_primary_key, NULL, false, true},
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
