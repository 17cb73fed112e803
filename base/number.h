/* number.h - integers and floating point to text and back, exactly. Pure functions, no locale.
 *
 * FLOAT and DOUBLE print with the fewest significant digits P such that the value printed as %.{P-1}e parses back to
 * it; laid out plainly with at least one decimal for 1e-4 <= |v| < 1e16 (0.1, 100.0), else d.ddde+XX with two
 * exponent digits or more; 0.0, -0.0, NaN, Infinity, -Infinity.
 */
#pragma once

#include "base/slice.h"

/* "00" "01" .. "99". */
extern const char pfs_digit_pairs[201];

/* 10^0 .. 10^19. */
extern const uint64_t pfs_powers10[20];

#define PFS_NUMBER_TEXT 40

size_t pfs_u64_print(uint64_t v, char *out);
size_t pfs_i64_print(int64_t v, char *out);
size_t pfs_f64_print(double v, char *out);
size_t pfs_f32_print(float v, char *out);

/* The same digits laid out as Java does: plain for 1e-3 <= |v| < 1e7, else d.dddE7. */
size_t pfs_f64_print_java(double v, char *out);
size_t pfs_f32_print_java(float v, char *out);

/* The whole slice: 0; -EINVAL when it is no number; -ERANGE when it does not fit. Integers take a sign, digits, and
 * a fraction of zeros only ("5.0", as pandas writes integers beside NULLs). */
int pfs_i64_parse(struct pfs_slice text, int64_t *out);
/* Decimal or exponent form, NaN, Infinity, inf with sign, any case for those names. */
int pfs_f64_parse(struct pfs_slice text, double *out);
int pfs_f32_parse(struct pfs_slice text, float *out);

/* RFC 4648 with padding. encode: 4 * ceil(len / 3) bytes to out. decode: out has room for 3 * len / 4; the length, or
 * -EINVAL. */
size_t pfs_base64_encode(struct pfs_slice in, char *out);
int64_t pfs_base64_decode(struct pfs_slice in, uint8_t *out);
