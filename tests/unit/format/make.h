/* make.h - columns for tests, from type text and values as text: numbers, strings as they are, NULL for null.
 *
 * TIMESTAMP values are "millis+nanos" (nanos of the millisecond; "+0" may be left out), DATE and TIME integers,
 * bytes hexadecimal behind 0x. Everything lives in the arena.
 */
#pragma once

#include <stdlib.h>

#include "base/number.h"
#include "format/batch.h"
#include "tests/unit/cm.h"

static inline const struct pfs_type *make_type(struct pfs_arena *arena, const char *text)
{
    struct pfs_type *type = pfs_arena_zalloc(arena, sizeof(*type));

    assert_int_equal(pfs_type_parse(pfs_str(text), NULL, arena, type, NULL), 0);
    return type;
}

static inline void make_fixed(const struct pfs_type *type, const char *text, void *to)
{
    int64_t v = 0;
    pfs_i128 wide = 0;
    struct pfs_time96 time = {0};
    char *rest = NULL;

    if (type->kind == PFS_FLOAT) {
        assert_int_equal(pfs_f32_parse(pfs_str(text), to), 0);
    } else if (type->kind == PFS_DOUBLE) {
        assert_int_equal(pfs_f64_parse(pfs_str(text), to), 0);
    } else if (type->kind == PFS_DECIMAL) {
        assert_int_equal(pfs_decimal_parse(pfs_str(text), type->precision, type->scale, true, &wide), 0);
        memcpy(to, &wide, (size_t)pfs_type_width(type)); /* little-endian, as the machines that run tests are */
    } else if (type->kind == PFS_TIMESTAMP || type->kind == PFS_TIMESTAMP_LTZ) {
        time.millis = strtoll(text, &rest, 10);
        time.nanos = *rest == '+' ? (int32_t)strtoll(rest + 1, NULL, 10) : 0;
        v = type->precision <= 3 ? time.millis : time.millis * 1000 + time.nanos / 1000;
        memcpy(to, type->precision > 6 ? (const void *)&time : (const void *)&v, (size_t)pfs_type_width(type));
    } else {
        assert_int_equal(pfs_i64_parse(pfs_str(text), &v), 0);
        memcpy(to, &v, (size_t)pfs_type_width(type));
    }
}

static inline size_t make_bytes(const char *text, uint8_t *to)
{
    size_t len = strlen(text);

    if (len < 2 || memcmp(text, "0x", 2) != 0) {
        memcpy(to, text, len);
        return len;
    }
    for (size_t i = 2; i + 1 < len; i += 2) {
        char pair[3] = {text[i], text[i + 1], '\0'};

        to[i / 2 - 1] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return len / 2 - 1;
}

/* `rows` values; the text NULL is a null row. Not for nested types. */
static inline struct pfs_column *make_column(struct pfs_arena *arena, const char *type_text, const char *const *texts,
                                             int rows)
{
    const struct pfs_type *type = make_type(arena, type_text);
    struct pfs_column *c = pfs_arena_zalloc(arena, sizeof(*c));
    size_t width = (size_t)pfs_type_width(type), bytes = 0, room = 16;
    int32_t *offsets = pfs_arena_array(arena, (size_t)rows + 1, sizeof(*offsets));
    uint8_t *valid = pfs_arena_zalloc(arena, (size_t)rows / 8 + 1), *values;
    bool nulls = false;

    for (int i = 0; i < rows; i++)
        room += texts[i] == NULL ? 0 : strlen(texts[i]);
    values = pfs_arena_zalloc(arena, width > 0 ? (size_t)rows * width : room);
    for (int i = 0; i < rows; i++) {
        if (texts[i] != NULL) {
            valid[i / 8] |= (uint8_t)(1 << i % 8);
            if (width > 0)
                make_fixed(type, texts[i], values + (size_t)i * width);
            else
                bytes += make_bytes(texts[i], values + bytes);
        }
        nulls |= texts[i] == NULL;
        offsets[i + 1] = (int32_t)bytes;
    }
    *c = (struct pfs_column){.type = type, .valid = nulls ? valid : NULL, .values = values};
    if (width == 0)
        c->offsets = offsets;
    return c;
}

/* Row i of a and row k of b are the same: both null, or both present with equal bytes. */
static inline bool same_value(const struct pfs_column *a, int64_t i, const struct pfs_column *b, int64_t k)
{
    size_t width = (size_t)pfs_type_width(a->type);
    bool present = pfs_column_present(a, i);

    if (present != pfs_column_present(b, k))
        return false;
    if (!present)
        return true;
    if (width > 0)
        return memcmp((const uint8_t *)a->values + (size_t)i * width, (const uint8_t *)b->values + (size_t)k * width,
                      width) == 0;
    return pfs_slice_eq(pfs_column_bytes(a, i), pfs_column_bytes(b, k));
}
