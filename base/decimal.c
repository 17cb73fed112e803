/* decimal.c - numbers of up to 38 digits: 10^38 < 2^127, so that a sign and every value fit 128 bits.
 *
 * Magnitudes are computed as unsigned, since the least 128-bit number has no positive twin. Only a product needs more:
 * it is made of four products of halves, and divided by a power of ten bit by bit. */
#include "base/decimal.h"

#include <assert.h>
#include <errno.h>

#include "base/number.h"

pfs_i128 pfs_decimal_power(int n)
{
    const pfs_i128 half = (pfs_i128)pfs_powers10[18];

    assert(n >= 0);
    assert(n <= PFS_DECIMAL_DIGITS);
    if (n <= 18)
        return (pfs_i128)pfs_powers10[n];
    if (n <= 36)
        return half * (pfs_i128)pfs_powers10[n - 18];
    return half * half * (pfs_i128)pfs_powers10[n - 36];
}

bool pfs_decimal_fits(pfs_i128 unscaled, int precision)
{
    pfs_i128 bound = pfs_decimal_power(precision);

    return unscaled < bound && unscaled > -bound;
}

size_t pfs_decimal_print(pfs_i128 unscaled, int scale, char *out)
{
    pfs_u128 v = unscaled < 0 ? -(pfs_u128)unscaled : (pfs_u128)unscaled;
    char digits[40]; /* 2^127 has 39 */
    int count = 0;
    size_t len = 0;

    assert(scale >= 0);
    assert(scale <= PFS_DECIMAL_DIGITS);
    /* Divisions of 128 bits are calls: the lower digits are taken by those of 64. */
    while (v > UINT64_MAX) {
        digits[count++] = (char)('0' + (int)(v % 10));
        v /= 10;
    }
    for (uint64_t w = (uint64_t)v; w > 0 || count == 0; w /= 10)
        digits[count++] = (char)('0' + w % 10);
    while (count <= scale)
        digits[count++] = '0';
    if (unscaled < 0)
        out[len++] = '-';
    while (count > 0) {
        out[len++] = digits[--count];
        if (count == scale && scale > 0)
            out[len++] = '.';
    }
    assert(len <= PFS_DECIMAL_TEXT);
    return len;
}

/* What a number's text says: digits d1..dn (leading zeros left out) and the place of the point. */
struct digits {
    bool negative;
    const uint8_t *at; /* from the first digit that is not zero; a point may stand in between */
    size_t len;
    int64_t before; /* digits of the integral part counted from `at`; 0 or negative: zeros after the point */
    bool any;
};

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* The exponent behind e or E, the rest of the text whole. Saturates: such numbers are out of range anyway. */
static int parse_exponent(struct pfs_slice text, size_t i, int64_t *out)
{
    bool negative = false;
    int64_t v = 0;

    if (i < text.len && (text.at[i] == '+' || text.at[i] == '-'))
        negative = text.at[i++] == '-';
    if (i >= text.len)
        return -EINVAL;
    for (; i < text.len; i++) {
        if (!is_digit(text.at[i]))
            return -EINVAL;
        if (v < 1000000)
            v = v * 10 + (text.at[i] - '0');
    }
    *out = negative ? -v : v;
    return 0;
}

/* Nothing is computed yet: how many digits there are, and where the point stands, decides first whether it can fit. */
static int scan(struct pfs_slice text, struct digits *out)
{
    size_t i = 0;
    bool point = false, significant = false;
    int64_t exponent = 0;

    *out = (struct digits){0};
    if (i < text.len && (text.at[i] == '+' || text.at[i] == '-'))
        out->negative = text.at[i++] == '-';
    for (; i < text.len; i++) {
        uint8_t c = text.at[i];

        if (c == '.' && !point) {
            point = true;
            continue;
        }
        if (!is_digit(c))
            break;
        out->any = true;
        if (!significant && c != '0') {
            significant = true;
            out->at = text.at + i;
        }
        if (significant && !point)
            out->before++;
        if (!significant && point)
            out->before--;
        if (significant)
            out->len = (size_t)(text.at + i - out->at) + 1;
    }
    if (!out->any)
        return -EINVAL;
    if (i < text.len) {
        if (text.at[i] != 'e' && text.at[i] != 'E')
            return -EINVAL;
        if (parse_exponent(text, i + 1, &exponent) < 0)
            return -EINVAL;
    }
    out->before += exponent;
    return 0;
}

int pfs_decimal_parse(struct pfs_slice text, int precision, int scale, bool exact, pfs_i128 *out)
{
    struct digits d;
    pfs_i128 v = 0;
    int64_t want, taken = 0;
    bool up = false;

    assert(precision >= 1 && precision <= PFS_DECIMAL_DIGITS);
    assert(scale >= 0 && scale <= PFS_DECIMAL_DIGITS);
    if (scan(text, &d) < 0)
        return -EINVAL;
    if (d.len == 0) {
        *out = 0;
        return 0;
    }
    want = d.before + scale; /* digits that the unscaled value has */
    if (want > PFS_DECIMAL_DIGITS)
        return -ERANGE;
    for (size_t i = 0; i < d.len; i++) {
        uint8_t c = d.at[i];

        if (c == '.')
            continue;
        if (taken < want) {
            v = v * 10 + (c - '0');
        } else {
            if (exact && c != '0')
                return -ERANGE;
            if (taken == want && c >= '5')
                up = true;
        }
        taken++;
    }
    for (; taken < want; taken++)
        v *= 10;
    if (want < 0)
        up = false;
    if (up && !exact)
        v++;
    if (!pfs_decimal_fits(v, precision))
        return -ERANGE;
    *out = d.negative ? -v : v;
    return 0;
}

/* in / 10^n, HALF_UP away from zero. */
static pfs_i128 round_down(pfs_i128 in, int n)
{
    pfs_i128 power, quotient, rest;

    assert(n > 0);
    if (n > PFS_DECIMAL_DIGITS)
        return 0;
    power = pfs_decimal_power(n);
    quotient = in / power;
    rest = in % power;
    if (rest < 0)
        rest = -rest;
    if (rest >= power - rest)
        quotient += in < 0 ? -1 : 1;
    return quotient;
}

bool pfs_decimal_rescale(pfs_i128 in, int from_scale, int to_scale, pfs_i128 *out)
{
    if (to_scale < from_scale) {
        *out = round_down(in, from_scale - to_scale);
        return true;
    }
    if (to_scale - from_scale > PFS_DECIMAL_DIGITS)
        return in == 0 ? (*out = 0, true) : false;
    return !__builtin_mul_overflow(in, pfs_decimal_power(to_scale - from_scale), out);
}

/* 128 x 128 bits, as four products of 64. */
static void multiply_wide(pfs_u128 a, pfs_u128 b, pfs_u128 *high, pfs_u128 *low)
{
    pfs_u128 a0 = (uint64_t)a, a1 = a >> 64, b0 = (uint64_t)b, b1 = b >> 64;
    pfs_u128 p00 = a0 * b0, p01 = a0 * b1, p10 = a1 * b0, p11 = a1 * b1;
    pfs_u128 middle = (p00 >> 64) + (uint64_t)p01 + (uint64_t)p10;

    *low = (middle << 64) | (uint64_t)p00;
    *high = p11 + (p01 >> 64) + (p10 >> 64) + (middle >> 64);
}

/* (high, low) / power with high < power, bit by bit; power < 2^127. */
static pfs_u128 divide_wide(pfs_u128 high, pfs_u128 low, pfs_u128 power, pfs_u128 *rest)
{
    pfs_u128 quotient = 0, r = high;

    assert(high < power);
    assert(power >> 127 == 0); /* r << 1 keeps all its bits */
    for (int i = 127; i >= 0; i--) {
        r = r << 1 | (low >> i & 1);
        quotient <<= 1;
        if (r >= power) {
            r -= power;
            quotient |= 1;
        }
    }
    *rest = r;
    return quotient;
}

bool pfs_decimal_multiply(pfs_i128 a, pfs_i128 b, int scale, int precision, pfs_i128 *out)
{
    bool negative = (a < 0) != (b < 0);
    pfs_u128 ua = a < 0 ? -(pfs_u128)a : (pfs_u128)a, ub = b < 0 ? -(pfs_u128)b : (pfs_u128)b;
    pfs_u128 power = (pfs_u128)pfs_decimal_power(scale), high, low, quotient, rest;

    multiply_wide(ua, ub, &high, &low);
    if (high >= power)
        return false;
    quotient = divide_wide(high, low, power, &rest);
    if (rest >= power - rest && rest > 0)
        quotient++;
    /* Half a unit rounds up, away from zero. Compared without doubling the rest, which might not fit. */
    if (quotient >= (pfs_u128)pfs_decimal_power(precision))
        return false;
    *out = negative ? -(pfs_i128)quotient : (pfs_i128)quotient;
    return true;
}

size_t pfs_decimal_to_be(pfs_i128 in, size_t width, bool minimal, uint8_t out[static 16])
{
    assert(minimal || (width >= 1 && width <= 16));
    if (minimal) {
        width = 1;
        while (width < 16 && in >> (8 * width - 1) != (in < 0 ? -1 : 0))
            width++;
    }
    for (size_t i = 0; i < width; i++)
        out[width - 1 - i] = (uint8_t)(in >> (8 * i));
    return width;
}

bool pfs_decimal_from_be(struct pfs_slice in, pfs_i128 *out)
{
    pfs_u128 v;
    uint8_t sign;

    if (in.len == 0) {
        *out = 0;
        return true;
    }
    /* A byte in front may be dropped only if it repeats the sign and the next one still shows it. */
    sign = in.at[0] & 128 ? 0xff : 0;
    while (in.len > 16) {
        if (in.at[0] != sign || ((in.at[1] & 128) != 0) != (sign != 0))
            return false;
        in.at++;
        in.len--;
    }
    v = sign != 0 ? ~(pfs_u128)0 : 0;
    for (size_t i = 0; i < in.len; i++)
        v = v << 8 | in.at[i];
    *out = (pfs_i128)v;
    return true;
}
