/* hash.c - the hashes that are more than a few lines. What is stored in tables (murmur, CRC) is given by their formats;
 * the one of memory may change with a version, and so must never be written to a table. */
#include "base/hash.h"

#include <assert.h>
#include <xxhash.h>
#include <zlib.h>

int32_t pfs_murmur_words(const uint8_t *at, size_t len)
{
    uint32_t h = PFS_MURMUR_SEED;

    assert(len % 4 == 0); /* Paimon hashes whole words: its rows are padded to eight bytes */
    for (size_t i = 0; i + 4 <= len; i += 4)
        h = pfs_murmur_mix(h, pfs_le32(at + i));
    return (int32_t)pfs_murmur_end(h, (uint32_t)len);
}

uint64_t pfs_hash64(const void *at, size_t len, uint64_t seed)
{
    assert(at != NULL || len == 0);
    return XXH3_64bits_withSeed(at, len, seed);
}

uint32_t pfs_crc32(const void *at, size_t len)
{
    return pfs_crc32_more(0, at, len);
}

uint32_t pfs_crc32_more(uint32_t crc, const void *at, size_t len)
{
    return (uint32_t)crc32_z(crc, at, len);
}
