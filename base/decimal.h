/* decimal.h - DECIMAL(p, s) values as unscaled 128-bit integers.
 *
 * p <= 38, so every unscaled value fits; results that need more digits are reported, never cut. Pure functions.
 */
#pragma once

#include "base/slice.h"

typedef __int128 pfs_i128;
typedef unsigned __int128 pfs_u128;

#define PFS_DECIMAL_DIGITS 38
#define PFS_DECIMAL_TEXT 48 /* sign, 38 digits, point, leading zero */

/* 10^n for 0 <= n <= 38. */
pfs_i128 pfs_decimal_power(int n);

/* True when |unscaled| < 10^precision. */
bool pfs_decimal_fits(pfs_i128 unscaled, int precision);

/* Plain text with exactly `scale` decimals ("-0.10"); returns the length; out has PFS_DECIMAL_TEXT bytes. */
size_t pfs_decimal_print(pfs_i128 unscaled, int scale, char *out);

/* Parses "[+-]digits[.digits][e[+-]digits]" whole. 0; -EINVAL when it is not a number; -ERANGE when it needs more than
 * `precision` digits or, with exact set, more than `scale` decimals that are not zero. Without exact, rounds HALF_UP.
 */
int pfs_decimal_parse(struct pfs_slice text, int precision, int scale, bool exact, pfs_i128 *out);

/* Value at another scale, HALF_UP away from zero on ties; false when 128 bits do not hold it. */
bool pfs_decimal_rescale(pfs_i128 in, int from_scale, int to_scale, pfs_i128 *out);

/* Product of two values of scale s, rounded HALF_UP to s; false when over 10^precision (256-bit inside). */
bool pfs_decimal_multiply(pfs_i128 a, pfs_i128 b, int scale, int precision, pfs_i128 *out);

/* Big-endian two's complement, shortest form for `minimal` (at least 1 byte), else sign-extended to `width` <= 16.
 * Returns the bytes written. */
size_t pfs_decimal_to_be(pfs_i128 in, size_t width, bool minimal, uint8_t out[static 16]);
/* 0 to 16 bytes; longer input is accepted only when the extra leading bytes are pure sign extension. */
bool pfs_decimal_from_be(struct pfs_slice in, pfs_i128 *out);
