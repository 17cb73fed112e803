#include "base/hash.h"

#include <xxhash.h>
#include <zlib.h>

int32_t pfs_murmur_words(const uint8_t *at, size_t len)
{
    uint32_t h = PFS_MURMUR_SEED;

    for (size_t i = 0; i + 4 <= len; i += 4)
        h = pfs_murmur_mix(h, pfs_le32(at + i));
    return (int32_t)pfs_murmur_end(h, (uint32_t)len);
}

uint64_t pfs_hash64(const void *at, size_t len, uint64_t seed)
{
    return XXH3_64bits_withSeed(at, len, seed);
}

uint32_t pfs_crc32(const void *at, size_t len)
{
    return (uint32_t)crc32_z(0, at, len);
}
