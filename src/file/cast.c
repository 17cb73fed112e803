/* cast.c - which kernel casts which pair of types, and how nested types are taken apart until a kernel fits. */
#include "src/file/cast.h"

#include <assert.h>

#include "src/file/cast_kernel.h"

/* ---- which pairs there are ---- */

static bool is_time(enum pfs_kind kind)
{
    return kind == PFS_DATE || kind == PFS_TIME || kind == PFS_TIMESTAMP || kind == PFS_TIMESTAMP_LTZ;
}

/* Each pair is known to one of the files at most. NULL: Paimon has none for this pair either. */
static pfs_cast_kernel *kernel_of(const struct pfs_type *from, const struct pfs_type *to)
{
    pfs_cast_kernel *kernel = pfs_cast_number_kernel(from->kind, to->kind);

    if (is_time(from->kind) && pfs_kind_is_text(to->kind) && to->length != PFS_LENGTH_MAX)
        return NULL;
    if (kernel == NULL)
        kernel = pfs_cast_decimal_kernel(from->kind, to->kind);
    if (kernel == NULL)
        kernel = pfs_cast_time_kernel(from->kind, to->kind);
    if (kernel == NULL)
        kernel = pfs_cast_parse_kernel(from->kind, to->kind);
    if (kernel == NULL)
        kernel = pfs_cast_print_kernel(from->kind, to->kind);
    return kernel;
}

static const struct pfs_field *field_of(const struct pfs_type *row, int32_t id)
{
    for (int32_t i = 0; i < row->children; i++)
        if (row->child[i].id == id)
            return &row->child[i];
    return NULL;
}

/* By place: a ROW whose fields were reordered is taken apart and put together again. */
static bool is_same_row(const struct pfs_type *from, const struct pfs_type *to)
{
    for (int32_t i = 0; i < to->children; i++)
        if (from->child[i].id != to->child[i].id)
            return false;
    return true;
}

/* Values of more digits or a finer unit lie in memory as they did, up to where the width or the unit changes. */
static bool is_same_number(const struct pfs_type *from, const struct pfs_type *to)
{
    bool moments = (from->kind == PFS_TIMESTAMP || from->kind == PFS_TIMESTAMP_LTZ) &&
                   (to->kind == PFS_TIMESTAMP || to->kind == PFS_TIMESTAMP_LTZ);

    if (moments)
        return from->precision <= to->precision && (from->precision > 3) == (to->precision > 3) &&
               (from->precision > 6) == (to->precision > 6);
    if (from->kind == PFS_DECIMAL && to->kind == PFS_DECIMAL)
        return from->precision <= to->precision && from->scale == to->scale &&
               pfs_type_width(from) == pfs_type_width(to);
    return pfs_type_equal(from, to, false);
}

/* Shorter texts and bytes lie in longer types as they are, those of a CHAR with the blanks that fill it. */
bool pfs_cast_is_same(const struct pfs_type *from, const struct pfs_type *to)
{
    bool text = pfs_kind_is_text(from->kind) && to->kind == PFS_VARCHAR;
    bool bytes = (from->kind == PFS_BINARY || from->kind == PFS_VARBINARY) && to->kind == PFS_VARBINARY;

    if (text || bytes)
        return from->length <= to->length;
    if (!pfs_kind_is_nested(from->kind))
        return is_same_number(from, to);
    if (from->kind != to->kind)
        return false;
    if (from->children != to->children || (from->kind == PFS_ROW && !is_same_row(from, to)))
        return false;
    for (int32_t i = 0; i < from->children; i++)
        if (!pfs_cast_is_same(&from->child[i].type, &to->child[i].type))
            return false;
    return true;
}

/* Asked before a row is read or a schema is taken: what cannot be cast is refused by its types, not by a value. */
int pfs_cast_check(const struct pfs_type *from, const struct pfs_type *to, struct pfs_err *err)
{
    if (pfs_cast_is_same(from, to))
        return 0;
    if (from->kind == PFS_ROW && to->kind == PFS_ROW) {
        for (int32_t i = 0; i < to->children; i++) {
            const struct pfs_field *have = field_of(from, to->child[i].id);

            if (have != NULL)
                PFS_TRY(pfs_cast_check(&have->type, &to->child[i].type, err));
        }
        return 0;
    }
    if (pfs_kind_is_nested(from->kind) && from->kind == to->kind && from->kind != PFS_MULTISET) {
        for (int32_t i = 0; i < from->children; i++)
            PFS_TRY(pfs_cast_check(&from->child[i].type, &to->child[i].type, err));
        return 0;
    }
    return kernel_of(from, to) != NULL ? 0 : pfs_cast_refuse_types(from, to, err);
}

/* ---- casting ---- */

static int cast_row(const struct pfs_column *in, int64_t rows, struct pfs_arena *arena, struct pfs_column *out,
                    struct pfs_err *err)
{
    const struct pfs_type *to = out->type;

    assert(in->type->kind == PFS_ROW && to->kind == PFS_ROW);
    for (int32_t i = 0; i < to->children; i++) {
        const struct pfs_field *have = field_of(in->type, to->child[i].id);

        if (have == NULL)
            PFS_TRY(pfs_column_nulls(&to->child[i].type, rows, arena, &out->children[i], err));
        else
            PFS_TRY(pfs_cast_column(&in->children[have - in->type->child], rows, &to->child[i].type, arena,
                                    &out->children[i], err));
    }
    return 0;
}

/* Lists keep their offsets, so what they hold is cast from its very first value on, those before the first list too:
 * they are few, left over where a batch was cut, and a copy of the offsets would cost more. */
static int cast_list(const struct pfs_column *in, int64_t rows, struct pfs_arena *arena, struct pfs_column *out,
                     struct pfs_err *err)
{
    const struct pfs_type *to = out->type;

    assert(to->kind == PFS_ARRAY || to->kind == PFS_MAP);
    assert(in->type->children == to->children);
    out->offsets = in->offsets;
    for (int32_t i = 0; i < to->children; i++)
        PFS_TRY(
            pfs_cast_column(&in->children[i], in->offsets[rows], &to->child[i].type, arena, &out->children[i], err));
    return 0;
}

/* Validity is the input's until a kernel makes a row null. */
static int run_kernel(const struct pfs_column *in, int64_t rows, struct pfs_arena *arena, struct pfs_column *out,
                      struct pfs_err *err)
{
    struct pfs_cast_job job = {.in = in, .rows = rows, .to = out->type, .arena = arena, .out = out, .err = err};
    pfs_cast_kernel *kernel = kernel_of(in->type, out->type);
    size_t width = (size_t)pfs_type_width(out->type);

    if (kernel == NULL)
        return pfs_cast_refuse_types(in->type, out->type, err);
    if (width > 0) {
        job.values = pfs_arena_alloc(arena, (size_t)rows * width);
        if (job.values == NULL)
            return pfs_arena_full(arena, err);
        out->values = job.values;
    }
    return kernel(&job);
}

/* The same memory under the new type; so are the columns below it, which say the names of fields. */
static int retype(const struct pfs_column *in, const struct pfs_type *to, struct pfs_arena *arena,
                  struct pfs_column *out, struct pfs_err *err)
{
    size_t children = to->kind == PFS_MULTISET ? 2 : (size_t)to->children;

    assert(in->type->children == to->children); /* pfs_cast_is_same saw to it */
    *out = *in;
    out->type = to;
    if (!pfs_kind_is_nested(to->kind))
        return 0;
    out->children = pfs_arena_array(arena, children, sizeof(*out->children));
    if (out->children == NULL)
        return pfs_arena_full(arena, err);
    if (to->kind == PFS_MULTISET)
        out->children[1] = in->children[1];
    for (int32_t i = 0; i < to->children; i++)
        PFS_TRY(retype(&in->children[i], &to->child[i].type, arena, &out->children[i], err));
    return 0;
}

/* Of nested types of one kind that are not the same: at least one column below needs a kernel, or is new. */
static int cast_nested(const struct pfs_column *in, int64_t rows, struct pfs_arena *arena, struct pfs_column *out,
                       struct pfs_err *err)
{
    out->children = pfs_arena_array(arena, (size_t)out->type->children, sizeof(*out->children));
    if (out->children == NULL)
        return pfs_arena_full(arena, err);
    if (out->type->kind == PFS_ROW)
        return cast_row(in, rows, arena, out, err);
    if (out->type->kind == PFS_MULTISET)
        return pfs_cast_refuse_types(in->type, out->type, err);
    return cast_list(in, rows, arena, out, err);
}

int pfs_cast_column(const struct pfs_column *in, int64_t rows, const struct pfs_type *to, struct pfs_arena *arena,
                    struct pfs_column *out, struct pfs_err *err)
{
    struct pfs_column made = {.type = to, .valid = in->valid};

    assert(rows >= 0);
    if (pfs_cast_is_same(in->type, to))
        PFS_TRY(retype(in, to, arena, &made, err));
    else if (pfs_kind_is_nested(to->kind) && in->type->kind == to->kind)
        PFS_TRY(cast_nested(in, rows, arena, &made, err));
    else
        PFS_TRY(run_kernel(in, rows, arena, &made, err));
    assert(made.type == to);
    *out = made;
    return 0;
}
