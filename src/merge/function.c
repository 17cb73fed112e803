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

/* Types without an order are refused when two values meet, not here: Paimon makes such tables. */
static int check_any(const struct pfs_function_use *use, struct pfs_err *err)
{
    (void)use;
    (void)err;
    return 0;
}

static int check_bitmap(const struct pfs_function_use *use, struct pfs_err *err)
{
    return use->type->kind == PFS_VARBINARY ? 0 : wrong_type(use, "roaring bitmap", "VarBinaryType", err);
}

static int check_sketch(const struct pfs_function_use *use, struct pfs_err *err)
{
    const char *label = strcmp(use->function->name, "hll_sketch") == 0 ? "hll sketch" : "theta sketch";

    return use->type->kind == PFS_VARBINARY ? 0 : wrong_type(use, label, "VarBinaryType", err);
}

static bool is_rows(const struct pfs_type *t)
{
    return t->kind == PFS_ARRAY && t->child[0].type.kind == PFS_ROW;
}

static int check_array(const struct pfs_function_use *use, struct pfs_err *err)
{
    return use->type->kind == PFS_ARRAY ? 0 : wrong_type(use, "collect", "Array", err);
}

static int check_map(const struct pfs_function_use *use, struct pfs_err *err)
{
    return use->type->kind == PFS_MAP ? 0 : wrong_type(use, "merge map", "MAP", err);
}

static int check_rows(const struct pfs_function_use *use, struct pfs_err *err)
{
    if (!is_rows(use->type))
        return wrong_type(use, "nested table", "Array<Row>", err);
    if (use->nested_keys == 0 && use->function->compute == pfs_compute_nested_partial)
        return pfs_fail(err, EINVAL, "column %s: nested_partial_update needs fields.%s.nested-key", use->column,
                        use->column);
    return 0;
}

/* The times are compared as texts, which for floating point and bytes would be Java's. */
static int check_keytime(const struct pfs_function_use *use, struct pfs_err *err)
{
    const struct pfs_type *t = use->type;
    enum pfs_kind kind;

    if (t->kind != PFS_MAP || t->child[1].type.kind != PFS_ROW || t->child[1].type.children < 2)
        return wrong_type(use, "merge map with keytime", "MAP<K, ROW<...>> with at least two fields", err);
    kind = t->child[1].type.child[use->ts_field].type.kind;
    if (kind == PFS_FLOAT || kind == PFS_DOUBLE || pfs_kind_is_nested(kind) ||
        (pfs_kind_is_bytes(kind) && !pfs_kind_is_text(kind)))
        return pfs_fail(err, EOPNOTSUPP, "column %s: times of this type cannot be compared yet", use->column);
    return 0;
}

/* ---- the table ----
 *
 * A function that does not look at values is decided by which are there, and copies none of them until the end. One
 * that forgets loses a retract that meets no value: what it would have taken back lies in an older file. */

/* name, check of the type, selects, computes, looks at values, retracts, forgets */
static const struct pfs_function functions[] = {
    {"sum", check_numeric, NULL, pfs_compute_sum, true, true, false},
    {"product", check_numeric, NULL, pfs_compute_product, true, true, true},
    {"max", check_any, pfs_select_max, NULL, true, false, false},
    {"min", check_any, pfs_select_min, NULL, true, false, false},
    {"last_value", check_any, pfs_select_last_value, NULL, false, true, false},
    {"last_non_null_value", check_any, pfs_select_last_non_null, NULL, false, true, true},
    {"first_value", check_any, pfs_select_first_value, NULL, false, false, false},
    {"first_non_null_value", check_any, pfs_select_first_non_null, NULL, false, false, false},
    {"first_not_null_value", check_any, pfs_select_first_non_null, NULL, false, false, false},
    {"listagg", check_text, NULL, pfs_compute_listagg, true, false, false},
    {"bool_and", check_bool, NULL, pfs_compute_bool_and, true, false, false},
    {"bool_or", check_bool, NULL, pfs_compute_bool_or, true, false, false},
    {"collect", check_array, NULL, pfs_compute_collect, true, true, true},
    {"nested_update", check_rows, NULL, pfs_compute_nested_update, true, true, true},
    {"nested_partial_update", check_rows, NULL, pfs_compute_nested_partial, true, false, false},
    {"merge_map", check_map, NULL, pfs_compute_merge_map, true, true, true},
    {"merge_map_with_keytime", check_keytime, NULL, pfs_compute_keytime, true, false, false},
    {"rbm32", check_bitmap, NULL, pfs_compute_rbm32, true, false, false},
    {"rbm64", check_bitmap, NULL, pfs_compute_rbm64, true, false, false},
    {"theta_sketch", check_sketch, NULL, pfs_compute_theta, true, false, false},
    {"hll_sketch", check_sketch, NULL, pfs_compute_hll, true, false, false},
    {"primary-key", check_any, pfs_select_primary_key, NULL, false, true, false},
};

int pfs_function_find(const char *name, const struct pfs_function **out, struct pfs_err *err)
{
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
        if (strcmp(functions[i].name, name) == 0) {
            *out = &functions[i];
            return 0;
        }
    return pfs_fail(err, EINVAL,
                    "Could not find any factory for identifier '%s' that implements 'FieldAggregatorFactory'", name);
}
