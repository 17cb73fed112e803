/* batch.h - rows on both rivers: a row count and one column a field, in Arrow's memory layout.
 *
 * A column is a view: the arena (or the longer-lived owner) that it was made in owns its bytes, and it dies with it.
 * After it was handed out a batch is only read. How a value lies:
 *
 *   BOOLEAN                 one byte, 0 or 1 (Arrow's bool8)
 *   TINYINT .. BIGINT       int8 int16 int32 int64          DATE, TIME  int32: days, milliseconds of the day
 *   FLOAT, DOUBLE           IEEE
 *   DECIMAL(p, s)           unscaled: int64 for p <= 18, else pfs_i128 (16 bytes, 16-aligned)
 *   TIMESTAMP(_LTZ)(p)      int64 milliseconds for p <= 3, int64 microseconds for p <= 6, else struct pfs_time96
 *   VARIANT                 bytes: u32 little-endian length of the value, the value, the metadata (spec datafiles 4.1)
 *   strings, bytes          offsets (rows + 1 of them, the first may be above 0) into one run of bytes at `values`
 *   ARRAY, MAP, MULTISET    offsets into the children: element; key and value; element and int32 count
 *   ROW                     children of the same row count; values and offsets NULL
 *
 * A null row has a defined but meaningless value (offsets stay monotonic). Validity: bit (i & 7) of byte i >> 3, set =
 * present; NULL = every row is present. Threads: a batch is immutable; one arena, one thread.
 */
#pragma once

#include <assert.h>

#include "base/decimal.h"
#include "format/type.h"

struct pfs_time96 {
    int64_t millis; /* floor */
    int32_t nanos;  /* of that millisecond, 0..999999 */
    int32_t zero;   /* always 0, so that values compare as bytes */
};

_Static_assert(sizeof(struct pfs_time96) == 16, "laid out without gaps");

struct pfs_column {
    const struct pfs_type *type;
    const uint8_t *valid;
    const int32_t *offsets;
    const void *values;
    struct pfs_column *children; /* type->children of them (MULTISET: 2) */
};

struct pfs_batch {
    int64_t rows; /* < 2^31 */
    int32_t columns;
    struct pfs_column *column;
};

static inline bool pfs_column_present(const struct pfs_column *c, int64_t row)
{
    return c->valid == NULL || (c->valid[row >> 3] >> (row & 7) & 1) != 0;
}

/* Bytes of row `row` of a string or bytes column. */
static inline struct pfs_slice pfs_column_bytes(const struct pfs_column *c, int64_t row)
{
    int32_t from = c->offsets[row];

    assert(from <= c->offsets[row + 1]);
    return (struct pfs_slice){(const uint8_t *)c->values + from, (size_t)(c->offsets[row + 1] - from)};
}

/* Rows [from, from + len) of one source batch: a merge's answer is a list of these. */
struct pfs_range {
    int32_t source;
    int32_t from, len;
};

/* Gathers column `index` of the ranges' source batches, in order, into one new column of `rows` = sum of len. All
 * sources have the same type there. Everything is copied, a whole source too: callers let their sources go before the
 * answer. -ENOMEM; -E2BIG when a string column passes 2 GiB. */
int pfs_column_gather(const struct pfs_batch *const *sources, int32_t index, const struct pfs_range *ranges,
                      int64_t count, int64_t rows, struct pfs_arena *arena, struct pfs_column *out,
                      struct pfs_err *err);

/* Rows [from, from + len) of all columns, in the same way. */
int pfs_batch_copy(const struct pfs_batch *in, int32_t from, int32_t len, struct pfs_arena *arena,
                   struct pfs_batch *out, struct pfs_err *err);

/* A view of rows [from, from + len) of `in`; only validity bits may be copied (into the arena) to realign them. */
int pfs_column_slice(const struct pfs_column *in, int64_t from, int64_t len, struct pfs_arena *arena,
                     struct pfs_column *out, struct pfs_err *err);

/* `rows` times the same value: every row null, or a copy of row `row` of `in`. `type` stays borrowed. */
int pfs_column_nulls(const struct pfs_type *type, int64_t rows, struct pfs_arena *arena, struct pfs_column *out,
                     struct pfs_err *err);
int pfs_column_repeat(const struct pfs_column *in, int64_t row, int64_t rows, struct pfs_arena *arena,
                      struct pfs_column *out, struct pfs_err *err);

/* Number of null rows among the first `rows`. */
int64_t pfs_column_null_count(const struct pfs_column *c, int64_t rows);

/* Orders two present values of one type as Paimon does: numbers by value, strings and bytes as unsigned bytes, false
 * before true, FLOAT and DOUBLE in total bit order (-inf .. -0.0, 0.0 .. inf, NaN). Not for nested kinds. < 0, 0, > 0.
 */
int pfs_value_compare(const struct pfs_column *a, int64_t row_a, const struct pfs_column *b, int64_t row_b);
