/* key.c - keys of indexes: what compares as numbers and what as bytes. */
#include <string.h>

#include "format/fileindex/index.h"

bool pfs_key_form_of(const struct pfs_type *type, struct pfs_key_form *out)
{
    static const struct pfs_key_form forms[PFS_KIND_COUNT] = {
        [PFS_BOOLEAN] = {1, false}, [PFS_TINYINT] = {1, false},   [PFS_SMALLINT] = {2, false},
        [PFS_INT] = {4, false},     [PFS_BIGINT] = {8, false},    [PFS_FLOAT] = {4, true},
        [PFS_DOUBLE] = {8, true},   [PFS_DECIMAL] = {8, false},   [PFS_DATE] = {4, false},
        [PFS_TIME] = {4, false},    [PFS_TIMESTAMP] = {8, false}, [PFS_TIMESTAMP_LTZ] = {8, false},
    };

    *out = forms[type->kind];
    if (type->kind == PFS_DECIMAL)
        return type->precision <= 18;
    return out->width > 0 || pfs_kind_is_text(type->kind);
}

/* Floating bits, sign-extended, so that they order as the numbers do: -0.0 (-1) before 0.0, NaN last. */
static int64_t in_order(int64_t bits, int width)
{
    int64_t all = width == 4 ? INT32_MAX : INT64_MAX;

    return bits < 0 ? bits ^ all : bits;
}

struct pfs_key pfs_key_take(struct pfs_cursor *c, struct pfs_key_form form)
{
    struct pfs_key key = {0};
    struct pfs_slice bytes;
    uint64_t bits = 0;

    if (form.width == 0) {
        (void)pfs_take(c, pfs_take_be32(c), &key.text);
        return key;
    }
    if (!pfs_take(c, (size_t)form.width, &bytes))
        return key;
    for (int i = 0; i < form.width; i++)
        bits = bits << 8 | bytes.at[i];
    key.number = (int64_t)(bits << (64 - 8 * form.width)) >> (64 - 8 * form.width);
    if (form.floating)
        key.number = in_order(key.number, form.width);
    return key;
}

static int64_t wide_time(const struct pfs_time96 *t)
{
    int64_t micros;

    if (__builtin_mul_overflow(t->millis, 1000, &micros) ||
        __builtin_add_overflow(micros, (int64_t)(t->nanos / 1000), &micros))
        return t->millis < 0 ? INT64_MIN : INT64_MAX;
    return micros;
}

struct pfs_key pfs_key_of(const struct pfs_column *column, struct pfs_key_form form)
{
    struct pfs_key key = {0};
    int8_t one;
    int16_t two;
    int32_t four;

    if (form.width == 0) {
        key.text = pfs_column_bytes(column, 0);
    } else if (pfs_type_width(column->type) == 16) {
        key.number = wide_time(column->values);
    } else if (form.width == 8) {
        memcpy(&key.number, column->values, 8);
    } else if (form.width == 4) {
        memcpy(&four, column->values, 4);
        key.number = four;
    } else if (form.width == 2) {
        memcpy(&two, column->values, 2);
        key.number = two;
    } else {
        memcpy(&one, column->values, 1);
        key.number = one;
    }
    if (form.floating)
        key.number = in_order(key.number, form.width);
    return key;
}

int pfs_key_compare(const struct pfs_key *a, const struct pfs_key *b, struct pfs_key_form form)
{
    if (form.width == 0)
        return pfs_slice_compare(a->text, b->text);
    return (a->number > b->number) - (a->number < b->number);
}

int pfs_index_damaged(struct pfs_err *err, const char *what)
{
    return pfs_fail(err, EIO, "a file index is damaged: %s", what);
}
