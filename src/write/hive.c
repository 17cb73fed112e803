/* hive.c - Hive's hash of a row: of each value Java's hash code, mixed as Java's lists mix theirs.
 *
 * A bucket that is chosen otherwise than Hive and Paimon choose it hides rows from both: each corner is theirs. NaNs
 * are one value, both zeros are 0, a decimal counts without the zeros at its end, bytes count as signed ones. */
#include "src/write/hive.h"

#include <assert.h>
#include <string.h>

/* Hashes are those of java.lang.*.hashCode, in 32 bits that wrap. */

static uint32_t hash_long(uint64_t v)
{
    return (uint32_t)(v ^ v >> 32);
}

static uint32_t hash_float(float v)
{
    uint32_t bits = 0;

    if (v != v)
        return 0x7fc00000;
    if (v < 0.0f || v > 0.0f) /* both zeros count as 0 */
        memcpy(&bits, &v, sizeof(bits));
    return bits;
}

static uint32_t hash_double(double v)
{
    uint64_t bits = 0;

    if (v != v)
        return hash_long(0x7ff8000000000000);
    if (v < 0.0 || v > 0.0)
        memcpy(&bits, &v, sizeof(bits));
    return hash_long(bits);
}

static uint32_t hash_bytes(struct pfs_slice bytes)
{
    const int8_t *at = (const int8_t *)bytes.at;
    uint32_t h = 0;

    for (size_t i = 0; i < bytes.len; i++) {
        int32_t one = at[i];

        h = 31 * h + (uint32_t)one;
    }
    return h;
}

/* Of the number without trailing zeros: BigInteger's hash of what is left, and its scale. */
static uint32_t hash_decimal(pfs_i128 unscaled, int scale)
{
    unsigned __int128 size;
    uint32_t h = 0;

    if (unscaled == 0)
        return 0;
    for (; scale > 0 && unscaled % 10 == 0; scale--)
        unscaled /= 10;
    size = unscaled < 0 ? -(unsigned __int128)unscaled : (unsigned __int128)unscaled;
    for (int shift = 96; shift >= 0; shift -= 32)
        h = 31 * h + (uint32_t)(size >> shift);
    return 31 * (unscaled < 0 ? 0 - h : h) + (uint32_t)scale;
}

#define MIX(element, hash)                                                                         \
    do {                                                                                           \
        const element *value = key->values;                                                        \
                                                                                                   \
        for (int64_t i = 0; i < rows; i++)                                                         \
            out[i] = (int32_t)(31 * (uint32_t)out[i] + (pfs_column_present(key, i) ? (hash) : 0)); \
    } while (0)

static void mix_decimals(const struct pfs_column *key, int64_t rows, int32_t *out)
{
    int scale = key->type->scale;

    assert(scale >= 0);
    assert(scale <= key->type->precision);
    if (key->type->precision <= 18)
        MIX(int64_t, hash_decimal(value[i], scale));
    else
        MIX(pfs_i128, hash_decimal(value[i], scale));
}

static int mix(const struct pfs_column *key, int64_t rows, int32_t *out, struct pfs_err *err)
{
    enum pfs_kind kind = key->type->kind;

    if (kind == PFS_BOOLEAN || kind == PFS_TINYINT)
        MIX(int8_t, (uint32_t)value[i]);
    else if (kind == PFS_SMALLINT)
        MIX(int16_t, (uint32_t)value[i]);
    else if (kind == PFS_INT || kind == PFS_DATE || kind == PFS_TIME)
        MIX(int32_t, (uint32_t)value[i]);
    else if (kind == PFS_BIGINT)
        MIX(int64_t, hash_long((uint64_t)value[i]));
    else if (kind == PFS_FLOAT)
        MIX(float, hash_float(value[i]));
    else if (kind == PFS_DOUBLE)
        MIX(double, hash_double(value[i]));
    else if (kind == PFS_DECIMAL)
        mix_decimals(key, rows, out);
    else if (pfs_kind_is_text(kind) || kind == PFS_BINARY || kind == PFS_VARBINARY)
        MIX(uint8_t, ((void)value, hash_bytes(pfs_column_bytes(key, i))));
    else
        return pfs_fail(err, EINVAL, "bucket-function.type = hive cannot hash a bucket key of that type");
    return 0;
}

int pfs_hive_hash(const struct pfs_column *const *key, int32_t keys, int64_t rows, int32_t *out, struct pfs_err *err)
{
    assert(keys > 0);
    assert(rows >= 0);
    memset(out, 0, (size_t)rows * sizeof(*out));
    for (int32_t i = 0; i < keys; i++)
        PFS_TRY(mix(key[i], rows, out, err));
    return 0;
}
