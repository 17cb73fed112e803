/* float.c - FLOAT and DOUBLE to text and back (door: number.h).
 *
 * A value m * 2^e between 1e-6 and 1e17 is printed with exact integers: m * 10^k fits 128 bits, so that the digits,
 * what is left behind them, and the distance to the neighbouring values are known exactly. Reading does the same
 * with a quotient of 128 bits. What lies outside, which is rare in tables, goes through the C library.
 */
#include <assert.h>
#include <errno.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/decimal.h"
#include "base/err.h"
#include "base/number.h"

#define TEXT_MAX 1100 /* longer than the 770 digits that can decide how a double is rounded */

/* The C library's readers follow the locale unless they are told one. That of "C" is a constant of the library: asking
 * for it again allocates nothing, and there is nothing to free. */
static double to_double(const char *text)
{
    return strtod_l(text, NULL, newlocale(LC_ALL_MASK, "C", (locale_t)0));
}

static float to_float(const char *text)
{
    return strtof_l(text, NULL, newlocale(LC_ALL_MASK, "C", (locale_t)0));
}

/* ---- out ---- */

/* What differs between the two types. */
struct real {
    uint64_t mantissa; /* the value is mantissa * 2^exponent */
    int exponent;
    bool power;      /* the value below is nearer than the one above */
    bool negative;   /* of the sign only: mantissa has none */
    int sure, most;  /* digits up to which two texts are never the same value; digits that always suffice */
    int power10_max; /* mantissa * 10^n fits 127 bits */
};

/* Lays digits and exponent (d.ddd x 10^exp10) out as the door says. */
static size_t lay_out(bool negative, const char *digits, int count, int exp10, char *out)
{
    size_t len = 0;

    assert(count >= 1);
    if (negative)
        out[len++] = '-';
    if (exp10 >= 16 || exp10 < -4) {
        int e = exp10 < 0 ? -exp10 : exp10;

        out[len++] = digits[0];
        if (count > 1) {
            out[len++] = '.';
            memcpy(out + len, digits + 1, (size_t)count - 1);
            len += (size_t)count - 1;
        }
        out[len++] = 'e';
        out[len++] = exp10 < 0 ? '-' : '+';
        if (e < 10)
            out[len++] = '0';
        return len + pfs_i64_print(e, out + len);
    }
    if (exp10 < 0) {
        out[len++] = '0';
        out[len++] = '.';
        for (int i = -1; i > exp10; i--)
            out[len++] = '0';
        memcpy(out + len, digits, (size_t)count);
        return len + (size_t)count;
    }
    for (int i = 0; i < count || i <= exp10; i++) {
        out[len++] = i < count ? digits[i] : '0';
        if (i == exp10)
            out[len++] = '.';
    }
    if (count <= exp10 + 1)
        out[len++] = '0';
    return len;
}

static int without_zeros(const char *digits, int count)
{
    while (count > 1 && digits[count - 1] == '0')
        count--;
    return count;
}

/* The value scaled: product = mantissa * 10^power10, in units of 2^-shift; its integral part has `most` digits. */
struct scaled {
    pfs_u128 product, width; /* width: distance to the value above, in the same units */
    uint64_t whole;
    unsigned shift;
    int exp10; /* of the first digit */
};

static bool scale(const struct real *r, struct scaled *out)
{
    int up = r->exponent > 0 ? r->exponent : 0;
    int bits = 64 - __builtin_clzll(r->mantissa) + r->exponent; /* 2^(bits - 1) <= value < 2^bits */
    uint64_t limit = (uint64_t)pfs_decimal_power(r->most);

    assert(r->mantissa != 0);
    if (bits > 57 || bits < -80)
        return false;
    out->exp10 = (bits - 1) * 1233 >> 12; /* log10 of it, perhaps one too small */
    out->shift = (unsigned)(up - r->exponent);
    for (;;) { /* once, or twice when the first guess of the power of ten was one too small */
        int power10 = r->most - 1 - out->exp10;
        pfs_u128 whole;

        if (power10 < 0 || power10 > r->power10_max)
            return false;
        out->width = (pfs_u128)pfs_decimal_power(power10) << up;
        out->product = r->mantissa * out->width;
        whole = out->product >> out->shift;
        if (whole < limit) {
            out->whole = (uint64_t)whole;
            return out->whole >= limit / 10;
        }
        out->exp10++;
    }
}

/* Rounds to `digits` digits, half to even as printf does; true when reading that gives the value back. */
static bool round_to(const struct real *r, const struct scaled *s, int digits, uint64_t *out)
{
    uint64_t unit = (uint64_t)pfs_decimal_power(r->most - digits);
    pfs_u128 full = (pfs_u128)unit << s->shift;
    pfs_u128 rest = s->product - ((pfs_u128)(s->whole / unit * unit) << s->shift);
    bool up = rest > full - rest || (rest == full - rest && (s->whole / unit & 1) != 0), even = (r->mantissa & 1) == 0;
    pfs_u128 off = up ? full - rest : rest, room = s->width;

    assert(digits >= 1 && digits <= r->most); /* `most` digits always suffice */
    *out = s->whole / unit + up;
    off *= !up && r->power ? 4 : 2;
    return off < room || (off == room && even);
}

/* Digits are added until the text reads back: most values of tables are short, so that the first try is the last. */
static bool print_exact(const struct real *r, char *out, size_t *len)
{
    struct scaled s;
    char text[24];
    uint64_t value = 0;
    int digits = r->sure, count;

    if (!scale(r, &s))
        return false;
    while (!round_to(r, &s, digits, &value))
        digits++;
    count = (int)pfs_i64_print((int64_t)value, text);
    assert(count >= digits); /* one more when rounding carried */
    *len = lay_out(r->negative, text, without_zeros(text, count), s.exp10 + count - digits, out);
    return true;
}

/* The same through the C library. Up to `sure` digits at most one text of each length comes near, so that the search
 * begins there and zeros at the end are cut; subnormals have fewer digits than that and are searched from one on. */
static size_t print_slow(double v, const struct real *r, bool single, char *out)
{
    double a = fabs(v);
    bool subnormal = a < (single ? (double)FLT_MIN : DBL_MIN);
    char text[48], digits[32];
    int count = 0;
    const char *p = text;

    for (int n = subnormal ? 1 : r->sure; n <= r->most; n++) {
        (void)snprintf(text, sizeof(text), "%.*e", n - 1, a);
        for (char *c = text; *c != 'e'; c++)
            if ((*c < '0' || *c > '9') && c == text + 1)
                *c = '.'; /* whatever the locale has there */
        if ((single ? (double)to_float(text) : to_double(text)) == a)
            break;
    }
    for (; *p != 'e'; p++)
        if (*p != '.')
            digits[count++] = *p;
    return lay_out(r->negative, digits, without_zeros(digits, count), (int)strtol(p + 1, NULL, 10), out);
}

static size_t put(char *out, const char *text)
{
    size_t len = strlen(text);

    memcpy(out, text, len);
    return len;
}

/* NaN, infinities and zeros. */
static size_t print_special(double v, char *out)
{
    if (isnan(v))
        return put(out, "NaN");
    if (isinf(v))
        return put(out, v < 0 ? "-Infinity" : "Infinity");
    return put(out, signbit(v) ? "-0.0" : "0.0");
}

/* IEEE 754: a sign, 11 bits of exponent, 52 of mantissa with a hidden one in front. Exponent 0 has no hidden bit. */
size_t pfs_f64_print(double v, char *out)
{
    struct real r = {.sure = 15, .most = 17, .power10_max = 22};
    uint64_t bits;
    size_t len;
    int e;

    memcpy(&bits, &v, sizeof(bits));
    e = (int)(bits >> 52 & 0x7ff);
    r.mantissa = bits & (((uint64_t)1 << 52) - 1);
    if (e == 0x7ff || bits << 1 == 0)
        return print_special(v, out);
    r.power = r.mantissa == 0 && e > 1;
    r.mantissa |= (uint64_t)(e > 0) << 52;
    r.exponent = (e > 0 ? e : 1) - 1075;
    r.negative = bits >> 63 != 0;
    return print_exact(&r, out, &len) ? len : print_slow(v, &r, false, out);
}

/* The same with 8 and 23 bits. Not by way of double: the shortest text of a float is shorter than that of its double.
 */
size_t pfs_f32_print(float v, char *out)
{
    struct real r = {.sure = 6, .most = 9, .power10_max = 30};
    uint32_t bits;
    size_t len;
    int e;

    memcpy(&bits, &v, sizeof(bits));
    e = (int)(bits >> 23 & 0xff);
    r.mantissa = bits & ((1u << 23) - 1);
    if (e == 0xff || bits << 1 == 0)
        return print_special((double)v, out);
    r.power = r.mantissa == 0 && e > 1;
    r.mantissa |= (uint64_t)(e > 0) << 23;
    r.exponent = (e > 0 ? e : 1) - 150;
    r.negative = bits >> 31 != 0;
    return print_exact(&r, out, &len) ? len : print_slow((double)v, &r, true, out);
}

/* ---- Java's layout ---- */

/* Digits of a number's text without zeros in front and behind; the power of ten of the first one. */
static int take_digits(const char *text, size_t len, char *digits, int *exponent)
{
    int count = 0, before = 0, shift = 0;
    bool point = false;
    size_t i = 0;

    for (; i < len && text[i] != 'e'; i++) {
        if (text[i] == '.') {
            point = true;
        } else if (count > 0 || text[i] != '0') {
            digits[count++] = text[i];
            before += !point;
        } else if (point) {
            before--;
        }
    }
    for (size_t k = i + 2; k < len; k++)
        shift = shift * 10 + (text[k] - '0');
    *exponent = before - 1 + (i + 1 < len && text[i + 1] == '-' ? -shift : shift);
    while (count > 1 && digits[count - 1] == '0')
        count--;
    return count;
}

/* Where one digit would do Java gives two, the nearest ones: 4.9E-324. They differ from a zero in tiny values alone. */
static size_t print_two_digits(double magnitude, bool narrow, char *out)
{
    size_t len = (size_t)snprintf(out, PFS_NUMBER_TEXT, "%.1e", magnitude);
    struct pfs_slice text = {(const uint8_t *)out, len};
    double wide;
    float single;

    out[1] = '.'; /* whatever the locale has */
    if (narrow)
        return pfs_f32_parse(text, &single) == 0 && (double)single == magnitude ? len : 0;
    return pfs_f64_parse(text, &wide) == 0 && wide == magnitude ? len : 0;
}

/* `text` as this room prints it, to be laid out anew in place. */
/* Java's own digits, but for one thing: it never gives one digit alone. */
static size_t lay_out_java(char *text, size_t len, double magnitude, bool narrow)
{
    char digits[PFS_NUMBER_TEXT], two[PFS_NUMBER_TEXT];
    int exponent, count;
    size_t at = text[0] == '-', more;

    if (!isfinite(magnitude) || magnitude == 0 || (magnitude >= 1e-3 && magnitude < 1e7))
        return len;
    count = take_digits(text + at, len - at, digits, &exponent);
    assert(count >= 1);
    if (count == 1 && magnitude < 1e-30 && (more = print_two_digits(magnitude, narrow, two)) > 0)
        count = take_digits(two, more, digits, &exponent);
    text[at++] = digits[0];
    text[at++] = '.';
    text[at++] = '0';
    if (count > 1) {
        memcpy(text + at - 1, digits + 1, (size_t)count - 1);
        at += (size_t)count - 2;
    }
    text[at++] = 'E';
    return at + pfs_i64_print(exponent, text + at);
}

size_t pfs_f64_print_java(double v, char *out)
{
    return lay_out_java(out, pfs_f64_print(v, out), fabs(v), false);
}

size_t pfs_f32_print_java(float v, char *out)
{
    return lay_out_java(out, pfs_f32_print(v, out), fabs((double)v), true);
}

/* ---- in ---- */

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(struct pfs_slice text, const char *word)
{
    size_t len = strlen(word);

    return text.len == len && strncasecmp((const char *)text.at, word, len) == 0;
}

/* NaN, Infinity and inf with a sign. */
static bool parse_special(struct pfs_slice text, double *out)
{
    bool negative = false;

    if (text.len > 0 && (text.at[0] == '-' || text.at[0] == '+')) {
        negative = text.at[0] == '-';
        text.at++;
        text.len--;
    }
    if (is_word(text, "nan"))
        *out = (double)NAN;
    else if (is_word(text, "infinity") || is_word(text, "inf"))
        *out = negative ? -(double)INFINITY : (double)INFINITY;
    else
        return false;
    return true;
}

/* A number's text taken apart: digits * 10^exponent, digits cut after the nineteenth (then count > 19). */
struct decimal_text {
    uint64_t digits;
    int64_t count, exponent;
    bool negative;
};

/* e or E, a sign, digits, and nothing behind them; saturates where no number is finite or above zero. */
static bool take_exponent(struct pfs_slice text, size_t i, int64_t *out)
{
    bool negative = false;
    int64_t v = 0;
    size_t first;

    if (i < text.len && (text.at[i] == '-' || text.at[i] == '+'))
        negative = text.at[i++] == '-';
    for (first = i; i < text.len && is_digit(text.at[i]); i++)
        v = v < 1000000 ? v * 10 + (text.at[i] - '0') : v;
    *out = negative ? -v : v;
    return i > first && i == text.len;
}

/* False when the text has not the shape of a decimal number: strtod also takes hexadecimal and blanks. */
static bool take_apart(struct pfs_slice text, struct decimal_text *out)
{
    size_t i = 0;
    bool any = false, point = false;
    int64_t exponent = 0;

    *out = (struct decimal_text){0};
    if (i < text.len && (text.at[i] == '-' || text.at[i] == '+'))
        out->negative = text.at[i++] == '-';
    for (; i < text.len; i++) {
        if (text.at[i] == '.' && !point) {
            point = true;
            continue;
        }
        if (!is_digit(text.at[i]))
            break;
        any = true;
        if (out->count > 0 || text.at[i] != '0')
            out->count++;
        if (out->count <= 19)
            out->digits = out->digits * 10 + (uint64_t)(text.at[i] - '0');
        out->exponent -= point;
    }
    if (!any)
        return false;
    if (i < text.len) {
        if ((text.at[i] != 'e' && text.at[i] != 'E') || !take_exponent(text, i + 1, &exponent))
            return false;
        out->exponent += exponent;
    }
    return true;
}

/* The nearest double, without its sign, by exact arithmetic; false where that does not reach. */
static bool nearest(const struct decimal_text *t, double *out)
{
    static const double powers[] = {1,    1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

    assert(t->count == 0 || t->digits != 0); /* the first digit that counts is not 0 */
    if (t->count == 0) {
        *out = 0;
    } else if (t->count <= 15 && t->exponent <= 0 && t->exponent >= -22) {
        *out = (double)t->digits / powers[-t->exponent]; /* both are exact, the quotient is rounded once */
    } else if (t->count <= 19 && t->exponent >= 0 && t->exponent <= 19) {
        *out = (double)((pfs_u128)t->digits * (pfs_u128)pfs_decimal_power((int)t->exponent));
    } else if (t->count <= 19 && t->exponent < 0 && t->exponent >= -19) {
        int shift = 64 + __builtin_clzll(t->digits);
        pfs_u128 from = (pfs_u128)t->digits << shift, by = (pfs_u128)pfs_decimal_power((int)-t->exponent);
        pfs_u128 quotient = from / by; /* 64 bits or more: the last one may stand for the rest */

        *out = ldexp((double)(quotient | (quotient * by != from)), -shift);
    } else {
        return false;
    }
    return true;
}

/* A NUL-terminated copy for the C library; -ERANGE when the text is absurdly long. */
static int copy_text(struct pfs_slice text, char out[static TEXT_MAX])
{
    if (text.len >= TEXT_MAX)
        return -ERANGE;
    memcpy(out, text.at, text.len);
    out[text.len] = '\0';
    return 0;
}

/* Too large is an error, too small is 0: a number that was rounded away is not one that does not fit. */
int pfs_f64_parse(struct pfs_slice text, double *out)
{
    struct decimal_text t;
    char copy[TEXT_MAX];
    double v;

    if (!take_apart(text, &t))
        return parse_special(text, out) ? 0 : -EINVAL;
    if (nearest(&t, &v)) {
        *out = t.negative ? -v : v;
        return 0;
    }
    PFS_TRY(copy_text(text, copy));
    v = to_double(copy);
    if (isinf(v))
        return -ERANGE;
    *out = v;
    return 0;
}

/* A double that was rounded once may be rounded again to a float unless it lies halfway between two, or where floats
 * have fewer bits or end. */
static bool safe_to_narrow(double v)
{
    uint64_t bits;

    memcpy(&bits, &v, sizeof(bits));
    return v == 0 || (v >= (double)FLT_MIN && v < (double)FLT_MAX && (bits & 0x1fffffff) != 0x10000000);
}

int pfs_f32_parse(struct pfs_slice text, float *out)
{
    struct decimal_text t;
    char copy[TEXT_MAX];
    double v;
    float f;

    if (!take_apart(text, &t)) {
        if (!parse_special(text, &v))
            return -EINVAL;
        *out = (float)v;
        return 0;
    }
    if (nearest(&t, &v) && safe_to_narrow(v)) {
        *out = (float)(t.negative ? -v : v);
        return 0;
    }
    PFS_TRY(copy_text(text, copy));
    f = to_float(copy);
    if (isinf(f))
        return -ERANGE;
    *out = f;
    return 0;
}
