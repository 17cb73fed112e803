#include "base/number.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

static const char pairs[201] =
    "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849"
    "5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";

size_t pfs_i64_print(int64_t v, char *out)
{
    uint64_t u = v < 0 ? -(uint64_t)v : (uint64_t)v;
    char text[20];
    size_t at = sizeof(text), len = 0;

    while (u >= 100) {
        at -= 2;
        memcpy(text + at, pairs + u % 100 * 2, 2);
        u /= 100;
    }
    if (u >= 10) {
        at -= 2;
        memcpy(text + at, pairs + u * 2, 2);
    } else {
        text[--at] = (char)('0' + u);
    }
    if (v < 0)
        out[len++] = '-';
    memcpy(out + len, text + at, sizeof(text) - at);
    return len + sizeof(text) - at;
}

/* ---- floating point out ---- */

/* Lays digits and exponent (d.ddd x 10^exp10) out as the door says. */
static size_t lay_out(bool negative, const char *digits, int count, int exp10, char *out)
{
    size_t len = 0;

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

/* Splits "-d.ddde+XX" as printf gives it; trailing zeros of the digits are cut. */
static size_t from_printf(const char *text, char *out)
{
    char digits[32];
    int count = 0;
    bool negative = text[0] == '-';
    const char *p = text + negative;

    for (; *p != 'e'; p++)
        if (*p != '.')
            digits[count++] = *p;
    while (count > 1 && digits[count - 1] == '0')
        count--;
    return lay_out(negative, digits, count, atoi(p + 1), out);
}

static size_t put(char *out, const char *text)
{
    size_t len = strlen(text);

    memcpy(out, text, len);
    return len;
}

/* Numbers with at most 15 digits of which few are decimals: as an integer times a power of ten, exactly. */
static bool print_short(double v, char *out, size_t *len)
{
    static const double powers[] = {1, 10, 100, 1000, 10000, 100000, 1000000};
    double a = fabs(v);

    if (a >= 1e9 || a < 1e-3)
        return false;
    for (int scale = 0; scale <= 6; scale++) {
        double scaled = a * powers[scale], whole = nearbyint(scaled);
        char digits[24];
        size_t count;
        int exp10;

        if (whole / powers[scale] != a || whole == 0)
            continue;
        count = pfs_i64_print((int64_t)whole, digits);
        exp10 = (int)count - 1 - scale;
        while (count > 1 && digits[count - 1] == '0')
            count--;
        *len = lay_out(v < 0, digits, (int)count, exp10, out);
        return true;
    }
    return false;
}

size_t pfs_f64_print(double v, char *out)
{
    char text[48];
    size_t len;
    int low = 1, high = 17;

    if (isnan(v))
        return put(out, "NaN");
    if (isinf(v))
        return put(out, v < 0 ? "-Infinity" : "Infinity");
    if (v == 0)
        return put(out, signbit(v) ? "-0.0" : "0.0");
    if (print_short(v, out, &len))
        return len;
    /* The fewest digits: more digits never stop parsing back, so that the bound can be halved. */
    (void)snprintf(text, sizeof(text), "%.14e", v);
    if (strtod(text, NULL) == v)
        high = 15;
    else
        low = 16;
    while (low < high) {
        int middle = (low + high) / 2;

        (void)snprintf(text, sizeof(text), "%.*e", middle - 1, v);
        if (strtod(text, NULL) == v)
            high = middle;
        else
            low = middle + 1;
    }
    (void)snprintf(text, sizeof(text), "%.*e", low - 1, v);
    return from_printf(text, out);
}

size_t pfs_f32_print(float v, char *out)
{
    char text[48];
    int digits = 1;

    if (isnan(v))
        return put(out, "NaN");
    if (isinf(v))
        return put(out, v < 0 ? "-Infinity" : "Infinity");
    if (v == 0)
        return put(out, signbit(v) ? "-0.0" : "0.0");
    for (; digits <= 9; digits++) {
        (void)snprintf(text, sizeof(text), "%.*e", digits - 1, (double)v);
        if (strtof(text, NULL) == v)
            break;
    }
    return from_printf(text, out);
}

/* ---- in ---- */

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

int pfs_i64_parse(struct pfs_slice text, int64_t *out)
{
    size_t i = 0, first;
    bool negative = false;
    uint64_t v = 0;

    if (i < text.len && (text.at[i] == '-' || text.at[i] == '+'))
        negative = text.at[i++] == '-';
    first = i;
    for (; i < text.len && is_digit(text.at[i]); i++) {
        unsigned digit = text.at[i] - '0';

        if (v > (UINT64_MAX - digit) / 10)
            return -ERANGE;
        v = v * 10 + digit;
    }
    if (i == first)
        return -EINVAL;
    if (i < text.len && text.at[i] == '.') {
        for (i++; i < text.len && text.at[i] == '0'; i++)
            ;
        if (text.at[i - 1] == '.')
            return -EINVAL;
    }
    if (i < text.len)
        return -EINVAL;
    if (v > (uint64_t)INT64_MAX + negative)
        return -ERANGE;
    *out = negative ? (int64_t)-v : (int64_t)v;
    return 0;
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

/* Shape of a decimal number, so that strtod's hexadecimal and blanks are refused; also its digits when they are few. */
static bool shape(struct pfs_slice text, uint64_t *digits, int *count, int *exponent)
{
    size_t i = 0;
    bool any = false, point = false;

    *digits = 0;
    *count = *exponent = 0;
    if (i < text.len && (text.at[i] == '-' || text.at[i] == '+'))
        i++;
    for (; i < text.len; i++) {
        if (text.at[i] == '.' && !point) {
            point = true;
        } else if (is_digit(text.at[i])) {
            any = true;
            if (*count > 0 || text.at[i] != '0')
                (*count)++;
            if (*count <= 18)
                *digits = *digits * 10 + (uint64_t)(text.at[i] - '0');
            *exponent -= point;
        } else {
            break;
        }
    }
    if (any && i < text.len && (text.at[i] == 'e' || text.at[i] == 'E')) {
        size_t first;

        *count = 100; /* the slow way */
        i++;
        if (i < text.len && (text.at[i] == '-' || text.at[i] == '+'))
            i++;
        first = i;
        while (i < text.len && is_digit(text.at[i]))
            i++;
        any = i > first;
    }
    return any && i == text.len;
}

/* 0 and a NUL-terminated copy; the buffer is enough for every number that a person writes, longer ones are cut from
 * behind the 700 digits that can matter to a double. */
static void copy_text(struct pfs_slice text, char *out, size_t room)
{
    size_t len = text.len < room - 1 ? text.len : room - 1;

    memcpy(out, text.at, len);
    out[len] = '\0';
}

int pfs_f64_parse(struct pfs_slice text, double *out)
{
    static const double powers[] = {1,    1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    char copy[1100];
    uint64_t digits;
    int count, exponent;

    if (!shape(text, &digits, &count, &exponent)) {
        if (parse_special(text, out))
            return 0;
        return -EINVAL;
    }
    if (count <= 15 && exponent >= -22) { /* both are exact doubles, and so the quotient is rounded once */
        double v = (double)digits / powers[-exponent];

        *out = text.at[0] == '-' ? -v : v;
        return 0;
    }
    if (text.len >= sizeof(copy))
        return -ERANGE;
    copy_text(text, copy, sizeof(copy));
    *out = strtod(copy, NULL);
    return isinf(*out) ? -ERANGE : 0;
}

int pfs_f32_parse(struct pfs_slice text, float *out)
{
    char copy[1100];
    uint64_t digits;
    int count, exponent;
    double special;

    if (!shape(text, &digits, &count, &exponent)) {
        if (!parse_special(text, &special))
            return -EINVAL;
        *out = (float)special;
        return 0;
    }
    if (text.len >= sizeof(copy))
        return -ERANGE;
    copy_text(text, copy, sizeof(copy));
    *out = strtof(copy, NULL);
    return isinf(*out) ? -ERANGE : 0;
}

/* ---- base64 ---- */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t pfs_base64_encode(struct pfs_slice in, char *out)
{
    size_t len = 0, i = 0;

    for (; in.len - i >= 3; i += 3) {
        uint32_t v = (uint32_t)in.at[i] << 16 | (uint32_t)in.at[i + 1] << 8 | in.at[i + 2];

        out[len++] = alphabet[v >> 18];
        out[len++] = alphabet[v >> 12 & 63];
        out[len++] = alphabet[v >> 6 & 63];
        out[len++] = alphabet[v & 63];
    }
    if (in.len - i > 0) {
        uint32_t v = (uint32_t)in.at[i] << 16 | (in.len - i == 2 ? (uint32_t)in.at[i + 1] << 8 : 0);

        out[len++] = alphabet[v >> 18];
        out[len++] = alphabet[v >> 12 & 63];
        out[len++] = in.len - i == 2 ? alphabet[v >> 6 & 63] : '=';
        out[len++] = '=';
    }
    return len;
}

static int value_of(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int64_t pfs_base64_decode(struct pfs_slice in, uint8_t *out)
{
    size_t len = 0, pad = 0;

    if (in.len % 4 != 0)
        return -EINVAL;
    while (pad < 2 && pad < in.len && in.at[in.len - 1 - pad] == '=')
        pad++;
    for (size_t i = 0; i < in.len; i += 4) {
        uint32_t v = 0;
        size_t bytes = i + 4 == in.len ? 3 - pad : 3;

        for (size_t k = 0; k < 4; k++) {
            int digit = k > bytes ? 0 : value_of(in.at[i + k]);

            if (digit < 0)
                return -EINVAL;
            v = v << 6 | (uint32_t)digit;
        }
        if (bytes < 3 && v << (8 + 8 * bytes) != 0) /* bits that no byte holds must be 0 */
            return -EINVAL;
        for (size_t k = 0; k < bytes; k++)
            out[len++] = (uint8_t)(v >> (16 - 8 * k));
    }
    return (int64_t)len;
}
