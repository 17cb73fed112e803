/* inspect.c - one pass over a column for each rule that its type has: nulls, UTF-8, lengths, digits, times, variants.
 *
 * The rules are those of the parser. Only present values count: what lies below a null may be anything. Of several bad
 * rows the first is told; a later rule looks only at the rows in front of it. */
#include "format/text/inspect.h"

#include <assert.h>

#include "base/decimal.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "format/variant.h"

#define MILLIS_A_DAY 86400000

/* `bad` < 0: all is well. */
static int refuse(struct pfs_convert *c, int32_t bad, int code, const char *why)
{
    assert(code > 0);
    if (bad < 0)
        return 0;
    c->bad = bad;
    return pfs_fail(c->err, code, "%s", why);
}

static int32_t find_null(const struct pfs_column *in, int32_t rows, const struct pfs_column *parent)
{
    for (int32_t i = 0; in->valid != NULL && i < rows; i++)
        if (!pfs_column_present(in, i) && (parent == NULL || pfs_column_present(parent, i)))
            return i;
    return -1;
}

/* ---- strings and bytes ---- */

static struct pfs_slice run_of(const struct pfs_column *in, int32_t rows)
{
    return pfs_slice_of((const uint8_t *)in->values + in->offsets[0], (size_t)(in->offsets[rows] - in->offsets[0]));
}

static bool begins_inside(const struct pfs_column *in, int32_t rows)
{
    const uint8_t *at = in->values;
    bool inside = false;

    for (int32_t i = 0; i < rows; i++)
        inside |= in->offsets[i] < in->offsets[i + 1] && (at[in->offsets[i]] & 0xC0) == 0x80;
    return inside;
}

/* One look at all the text tells that every value is UTF-8, unless one begins inside a character. */
static int32_t find_damaged(const struct pfs_column *in, int32_t rows)
{
    struct pfs_slice run = run_of(in, rows);

    if (pfs_utf8_check(run) == run.len && !begins_inside(in, rows))
        return -1;
    for (int32_t i = 0; i < rows; i++)
        if (pfs_column_present(in, i) && pfs_utf8_check(pfs_column_bytes(in, i)) < pfs_column_bytes(in, i).len)
            return i;
    return -1;
}

/* Characters are counted only where there are more bytes than may be characters. */
static int32_t find_long(const struct pfs_column *in, int32_t rows, int32_t length, bool text)
{
    for (int32_t i = 0; length < PFS_LENGTH_MAX && i < rows; i++) {
        struct pfs_slice value = pfs_column_bytes(in, i);

        if (value.len > (size_t)length && pfs_column_present(in, i) &&
            (!text || pfs_utf8_count(value) > (size_t)length))
            return i;
    }
    return -1;
}

/* What cannot be printed cannot be read again, and every row beside it with it: the first such variant is refused. Its
 * text has to be that of a row. */
static int inspect_variants(struct pfs_convert *c, const struct pfs_column *in, int32_t rows)
{
    struct pfs_err why = {0};
    struct pfs_buf text;
    int rc = 0;

    pfs_buf_init(&text, PFS_ROW_BYTES_MAX);
    for (int32_t i = 0; i < rows && rc == 0; i++) {
        if (!pfs_column_present(in, i))
            continue;
        pfs_buf_clear(&text);
        rc = pfs_variant_print(pfs_column_bytes(in, i), &text, &why);
        if (rc == 0)
            rc = pfs_buf_check(&text, &why);
        if (rc < 0 && rc != -ENOMEM)
            rc = refuse(c, i, rc == -EIO ? EINVAL : EMSGSIZE, why.text);
        else if (rc < 0)
            *c->err = why;
        else if (pfs_utf8_check(pfs_buf_slice(&text)) < text.len)
            rc = refuse(c, i, EILSEQ, "the text of the variant is not UTF-8");
    }
    pfs_buf_done(&text);
    return rc;
}

static int inspect_bytes(struct pfs_convert *c, const struct pfs_type *type, const struct pfs_column *in, int32_t rows)
{
    bool text = pfs_kind_is_text(type->kind);

    if (type->kind == PFS_VARIANT)
        return inspect_variants(c, in, rows);
    if (type->kind == PFS_BLOB)
        return 0;
    if (text)
        PFS_TRY(refuse(c, find_damaged(in, rows), EILSEQ, "the text is not UTF-8"));
    return refuse(c, find_long(in, rows, type->length, text), ERANGE,
                  text ? "the value has too many characters" : "the value has too many bytes");
}

/* ---- numbers ---- */

static int32_t find_time(const struct pfs_column *in, int32_t rows)
{
    const int32_t *v = in->values;

    for (int32_t i = 0; i < rows; i++)
        if ((uint32_t)v[i] >= MILLIS_A_DAY && pfs_column_present(in, i))
            return i;
    return -1;
}

static int32_t find_digits(const struct pfs_type *type, const struct pfs_column *in, int32_t rows)
{
    const int64_t *narrow = in->values;
    const pfs_i128 *wide = in->values;
    bool is_wide = pfs_type_width(type) == 16;

    for (int32_t i = 0; i < rows; i++)
        if (!pfs_decimal_fits(is_wide ? wide[i] : narrow[i], type->precision) && pfs_column_present(in, i))
            return i;
    return -1;
}

/* ---- what nests ---- */

/* The row that has the bad entry. */
static void find_row(struct pfs_convert *c, const struct pfs_column *in, int32_t rows)
{
    int32_t entry = c->bad + in->offsets[0], row = 0;

    assert(c->bad >= 0);
    assert(rows > 0);
    while (row < rows - 1 && in->offsets[row + 1] <= entry)
        row++;
    c->bad = row;
}

/* One of a list's parts. Keys of a map and elements of a multiset are never null, whatever their type says. */
static int inspect_part(struct pfs_convert *c, const struct pfs_type *list, int32_t i, const struct pfs_column *part,
                        int32_t entries)
{
    static const struct pfs_type count = {.kind = PFS_INT, .nullable = false};
    int32_t null = i == 0 && list->kind != PFS_ARRAY ? find_null(part, entries, NULL) : -1;

    PFS_TRY(pfs_inspect_column(c, i < list->children ? &list->child[i].type : &count, part, null < 0 ? entries : null,
                               NULL));
    return refuse(c, null, EINVAL, "the key of a map is null");
}

static int inspect_list(struct pfs_convert *c, const struct pfs_type *type, const struct pfs_column *in, int32_t rows)
{
    int32_t first = in->offsets[0], bad = -1;
    int result = 0;

    assert(in->offsets[rows] >= first);
    for (int32_t i = 0; i < (type->kind == PFS_ARRAY ? 1 : 2) && rows > 0; i++) {
        struct pfs_column part;
        int32_t entries = in->offsets[rows] - first;
        int rc;

        c->bad = -1;
        rc = pfs_column_slice(&in->children[i], first, entries, c->arena, &part, c->err);
        if (rc == 0)
            rc = inspect_part(c, type, i, &part, entries);
        if (rc < 0 && c->bad < 0)
            return rc;
        if (rc < 0) { /* of later parts only the rows in front of it count */
            find_row(c, in, rows);
            result = rc;
            rows = bad = c->bad;
        }
    }
    c->bad = bad;
    return result;
}

static int inspect_row(struct pfs_convert *c, const struct pfs_type *type, const struct pfs_column *in, int32_t rows)
{
    int result = 0;

    for (int32_t i = 0; i < type->children; i++) {
        int rc = pfs_inspect_column(c, &type->child[i].type, &in->children[i], rows, in);

        if (rc < 0 && c->bad < 0)
            return rc;
        if (rc < 0) {
            rows = c->bad;
            result = rc;
        }
    }
    c->bad = result < 0 ? rows : -1;
    return result;
}

static int inspect_values(struct pfs_convert *c, const struct pfs_type *type, const struct pfs_column *in, int32_t rows)
{
    if (pfs_kind_is_bytes(type->kind))
        return inspect_bytes(c, type, in, rows);
    if (type->kind == PFS_TIME)
        return refuse(c, find_time(in, rows), ERANGE, "the time is not one of a day");
    if (type->kind == PFS_DECIMAL)
        return refuse(c, find_digits(type, in, rows), ERANGE, "the number has too many digits");
    if (type->kind == PFS_ROW)
        return inspect_row(c, type, in, rows);
    return pfs_kind_is_nested(type->kind) ? inspect_list(c, type, in, rows) : 0;
}

int pfs_inspect_column(struct pfs_convert *c, const struct pfs_type *type, const struct pfs_column *in, int32_t rows,
                       const struct pfs_column *parent)
{
    int32_t null = type->nullable ? -1 : find_null(in, rows, parent);

    assert(in->type->kind == type->kind);
    c->bad = -1;
    PFS_TRY(inspect_values(c, type, in, null < 0 ? rows : null));
    return refuse(c, null, EINVAL, "no value, and NULL is not allowed");
}

int pfs_inspect_retype(const struct pfs_column *in, const struct pfs_type *type, struct pfs_arena *arena,
                       struct pfs_column *out, struct pfs_err *err)
{
    int32_t parts = type->kind == PFS_MULTISET ? 2 : type->children;
    struct pfs_column made = *in;

    assert(pfs_type_equal(in->type, type, false));
    made.type = type;
    if (parts > 0) {
        made.children = pfs_arena_array(arena, (size_t)parts, sizeof(*made.children));
        if (made.children == NULL)
            return pfs_arena_full(arena, err);
        memcpy(made.children, in->children, (size_t)parts * sizeof(*made.children));
    }
    for (int32_t i = 0; i < type->children; i++)
        PFS_TRY(pfs_inspect_retype(&in->children[i], &type->child[i].type, arena, &made.children[i], err));
    *out = made;
    return 0;
}
