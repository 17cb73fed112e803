/* binrow_internal.h - what rows and the nested values in them share. Private to BinaryRow. */
#pragma once

#include <assert.h>

#include "format/binrow.h"

/* Header and null bits of a row of `arity` fields. */
static inline size_t pfs_binrow_header(int32_t arity)
{
    assert(arity >= 0);
    return ((size_t)arity + 63 + 8) / 64 * 8;
}

static inline size_t pfs_binrow_padded(size_t len)
{
    return (len + 7) & ~(size_t)7;
}

static inline bool pfs_binrow_wide_decimal(const struct pfs_type *t)
{
    return t->kind == PFS_DECIMAL && t->precision > 18;
}

static inline bool pfs_binrow_wide_time(const struct pfs_type *t)
{
    return (t->kind == PFS_TIMESTAMP || t->kind == PFS_TIMESTAMP_LTZ) && t->precision > 3;
}

/* Values that always lie in the variable part: nested ones and VARIANT. */
static inline bool pfs_binrow_nested(const struct pfs_type *t)
{
    return pfs_kind_is_nested(t->kind) || t->kind == PFS_VARIANT;
}

/* Milliseconds and nanoseconds of a TIMESTAMP of any precision. */
struct pfs_time96 pfs_binrow_time(const struct pfs_column *c, int64_t row);

/* Bytes of a present nested value, without padding; and the value itself, to bytes that are zero. */
size_t pfs_binrow_nested_len(const struct pfs_column *c, int64_t row);
void pfs_binrow_nested_put(const struct pfs_column *c, int64_t row, uint8_t *to);

/* A present value of type out->type as a one-row column. `base`: the row or array that the offset in the slot of 8
 * bytes (fewer in arrays of narrow values) counts from. */
int pfs_binrow_take(struct pfs_slice base, const uint8_t *slot, struct pfs_arena *arena, struct pfs_column *out,
                    struct pfs_err *err);
int pfs_binrow_nested_take(struct pfs_slice bytes, struct pfs_arena *arena, struct pfs_column *out,
                           struct pfs_err *err);
