/* key.c - keys of indexes: what compares as numbers and what as bytes.
 *
 * A width of 0 says text. Floating numbers are turned into integers that order alike, by flipping all bits but the sign
 * of negative ones; the same step undoes it. */
#include <assert.h>
#include <string.h>

#include "format/fileindex/index.h"

/* Widths are those in the index, not in memory: a DECIMAL of up to 18 digits and a TIMESTAMP of any precision are eight
 * bytes. Binary types have no keys here; a bloom filter hashes their bytes. */
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
    assert(form.width == 1 || form.width == 2 || form.width == 4 || form.width == 8);
    for (int i = 0; i < form.width; i++)
        bits = bits << 8 | bytes.at[i];
    key.number = (int64_t)(bits << (64 - 8 * form.width)) >> (64 - 8 * form.width);
    if (form.floating)
        key.number = in_order(key.number, form.width);
    return key;
}

/* What does not fit becomes the first or last moment: the answer may hold too many rows then, never too few. */
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

    assert(pfs_column_present(column, 0));
    assert(form.width <= 8);
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

/* As pfs_key_take reads it: floating bits are turned back, numbers are big-endian, text has its length in front. */
void pfs_key_put(struct pfs_buf *out, const struct pfs_key *key, struct pfs_key_form form)
{
    uint64_t bits = (uint64_t)(form.floating ? in_order(key->number, form.width) : key->number);
    uint8_t *at;

    if (form.width == 0) {
        pfs_buf_be32(out, (uint32_t)key->text.len);
        pfs_buf_put(out, key->text.at, key->text.len);
        return;
    }
    at = pfs_buf_reserve(out, (size_t)form.width);
    for (int i = form.width - 1; at != NULL && i >= 0; i--, bits >>= 8)
        at[i] = (uint8_t)bits;
    if (at != NULL)
        out->len += (size_t)form.width;
}

#define WIDEN(element)                         \
    do {                                       \
        const element *value = column->values; \
                                               \
        for (int64_t i = 0; i < rows; i++)     \
            out[i] = value[i];                 \
    } while (0)

/* All NaNs are one, that of Java's floatToIntBits: an index has one key for them. */
static void floats(const struct pfs_column *column, int64_t rows, int64_t *out)
{
    const float *value = column->values;
    int32_t bits;

    for (int64_t i = 0; i < rows; i++) {
        memcpy(&bits, &value[i], sizeof(bits));
        out[i] = value[i] != value[i] ? 0x7fc00000 : in_order(bits, 4);
    }
}

static void doubles(const struct pfs_column *column, int64_t rows, int64_t *out)
{
    const double *value = column->values;
    int64_t bits;

    for (int64_t i = 0; i < rows; i++) {
        memcpy(&bits, &value[i], sizeof(bits));
        out[i] = value[i] != value[i] ? 0x7ff8000000000000 : in_order(bits, 8);
    }
}

void pfs_key_numbers(const struct pfs_column *column, int64_t rows, struct pfs_key_form form, int64_t *out)
{
    assert(form.width > 0);
    assert(pfs_type_width(column->type) == form.width || pfs_type_width(column->type) == 16);
    assert(rows >= 0);
    if (form.floating && form.width == 4) {
        floats(column, rows, out);
    } else if (form.floating) {
        doubles(column, rows, out);
    } else if (pfs_type_width(column->type) == 16) {
        for (int64_t i = 0; i < rows; i++)
            out[i] = wide_time((const struct pfs_time96 *)column->values + i);
    } else if (form.width == 8) {
        memcpy(out, column->values, (size_t)rows * sizeof(*out));
    } else if (form.width == 4) {
        WIDEN(int32_t);
    } else if (form.width == 2) {
        WIDEN(int16_t);
    } else {
        WIDEN(int8_t);
    }
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
