/* number.c - integers and base64 (door: number.h; FLOAT and DOUBLE: float.c). */
#include "base/number.h"

#include <assert.h>
#include <errno.h>

const char pfs_digit_pairs[201] =
    "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849"
    "5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";

const uint64_t pfs_powers10[20] = {1,
                                   10,
                                   100,
                                   1000,
                                   10000,
                                   100000,
                                   1000000,
                                   10000000,
                                   100000000,
                                   1000000000,
                                   10000000000,
                                   100000000000,
                                   1000000000000,
                                   10000000000000,
                                   100000000000000,
                                   1000000000000000,
                                   10000000000000000,
                                   100000000000000000,
                                   1000000000000000000,
                                   10000000000000000000u};

/* Decimal digits of u > 0: the number of bits says it but for one, which a comparison settles. */
static size_t digits_of(uint64_t u)
{
    unsigned about = (64 - (unsigned)__builtin_clzll(u)) * 1233 >> 12;

    assert(u > 0);
    assert(about < 20); /* 1233 / 4096 is a little more than log10(2): never more than the 19 of 64 bits */
    return about + (u >= pfs_powers10[about]);
}

size_t pfs_u64_print(uint64_t u, char *out)
{
    size_t len = u == 0 ? 1 : digits_of(u), at = len;

    while (u >= 100) {
        at -= 2;
        memcpy(out + at, pfs_digit_pairs + u % 100 * 2, 2);
        u /= 100;
    }
    if (u >= 10)
        memcpy(out, pfs_digit_pairs + u * 2, 2);
    else
        out[0] = (char)('0' + u);
    return len;
}

size_t pfs_i64_print(int64_t v, char *out)
{
    if (v >= 0)
        return pfs_u64_print((uint64_t)v, out);
    out[0] = '-';
    return 1 + pfs_u64_print(0 - (uint64_t)v, out + 1);
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* Read as a magnitude: the least number has no positive twin of 64 bits with a sign. */
int pfs_i64_parse(struct pfs_slice text, int64_t *out)
{
    size_t i = 0, first;
    bool negative = false, fits = true;
    uint64_t v = 0;

    if (i < text.len && (text.at[i] == '-' || text.at[i] == '+'))
        negative = text.at[i++] == '-';
    first = i;
    for (; i < text.len && is_digit(text.at[i]); i++) {
        unsigned digit = text.at[i] - '0';

        fits &= v <= (UINT64_MAX - digit) / 10; /* goes on: text behind too many digits is malformed, not too large */
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
    if (!fits || v > (uint64_t)INT64_MAX + negative)
        return -ERANGE;
    *out = negative ? (int64_t)(0 - v) : (int64_t)v;
    return 0;
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
    assert(len == (in.len + 2) / 3 * 4);
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

/* Strict: one text for each run of bytes. Padding must be there, nothing behind it, and the bits that it leaves over 0.
 */
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
    assert(len <= in.len / 4 * 3);
    return (int64_t)len;
}
