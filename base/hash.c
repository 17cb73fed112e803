#include "base/hash.h"

#include <xxhash.h>
#include <zlib.h>

int32_t pfs_murmur_words(const uint8_t *at, size_t len)
{
    uint32_t h = 42;

    for (size_t i = 0; i + 4 <= len; i += 4) {
        uint32_t k = pfs_le32(at + i) * 0xcc9e2d51u;

        k = (k << 15 | k >> 17) * 0x1b873593u;
        h ^= k;
        h = (h << 13 | h >> 19) * 5 + 0xe6546b64u;
    }
    h ^= (uint32_t)len;
    h ^= h >> 16;
    h *= 0x85ebca6bu;
    h ^= h >> 13;
    h *= 0xc2b2ae35u;
    h ^= h >> 16;
    return (int32_t)h;
}

uint64_t pfs_hash64(const void *at, size_t len, uint64_t seed)
{
    return XXH3_64bits_withSeed(at, len, seed);
}

uint32_t pfs_crc32(const void *at, size_t len)
{
    return (uint32_t)crc32_z(0, at, len);
}
