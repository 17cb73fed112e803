/* cast_kernel.h - what the kernels of cast.c share: a job is one column to be made of another. Private to the room.
 *
 * The driver has made the answer's type and validity (that of `in`), and for kinds of a fixed width room for the
 * values; a kernel fills in the rest. Values of null rows are garbage that no kernel may refuse.
 */
#pragma once

#include "src/file/cast.h"

struct pfs_cast_job {
    const struct pfs_column *in;
    int64_t rows;
    const struct pfs_type *to;
    struct pfs_arena *arena;
    void *values;           /* of a fixed width: rows of them, not filled */
    uint8_t *valid;         /* NULL until a kernel made a row null: then the answer's own bits */
    struct pfs_column *out; /* type, valid and values are set */
    struct pfs_err *err;
};

typedef int pfs_cast_kernel(struct pfs_cast_job *job);

/* Makes a row null that was not. */
int pfs_cast_null(struct pfs_cast_job *job, int64_t row);
/* A value that cannot be: -EINVAL with its text. */
int pfs_cast_refuse(const struct pfs_cast_job *job, struct pfs_slice value);
/* Types of which no kernel makes one of the other: -EOPNOTSUPP. */
int pfs_cast_refuse_types(const struct pfs_type *from, const struct pfs_type *to, struct pfs_err *err);

/* Each gives the kernel for a pair of types, or NULL when its kinds do not meet. */
pfs_cast_kernel *pfs_cast_number_kernel(enum pfs_kind from, enum pfs_kind to);
pfs_cast_kernel *pfs_cast_decimal_kernel(enum pfs_kind from, enum pfs_kind to);
pfs_cast_kernel *pfs_cast_time_kernel(enum pfs_kind from, enum pfs_kind to);
pfs_cast_kernel *pfs_cast_parse_kernel(enum pfs_kind from, enum pfs_kind to);
pfs_cast_kernel *pfs_cast_print_kernel(enum pfs_kind from, enum pfs_kind to);

/* DECIMAL in memory is 8 or 16 bytes. */
static inline pfs_i128 pfs_cast_decimal_at(const struct pfs_column *c, int64_t row)
{
    return c->type->precision > 18 ? ((const pfs_i128 *)c->values)[row] : ((const int64_t *)c->values)[row];
}

/* `value` has the scale of the answer. One of too many digits is NULL. */
int pfs_cast_decimal_put(struct pfs_cast_job *job, int64_t row, pfs_i128 value);

/* A timestamp of any precision. */
struct pfs_time96 pfs_cast_moment_at(const struct pfs_column *c, int64_t row);
void pfs_cast_moment_put(struct pfs_cast_job *job, int64_t row, struct pfs_time96 value);
