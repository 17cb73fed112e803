/* hash.h - the hashes of the formats and of our own tables. Pure functions. */
#pragma once

#include "base/slice.h"

/* The steps of Murmur3 x86 32, for loops that know their words: mix each, then end with the length in bytes. */
#define PFS_MURMUR_SEED 42u

static inline uint32_t pfs_murmur_mix(uint32_t h, uint32_t word)
{
    word *= 0xcc9e2d51u;
    word = (word << 15 | word >> 17) * 0x1b873593u;
    h ^= word;
    return (h << 13 | h >> 19) * 5 + 0xe6546b64u;
}

static inline uint32_t pfs_murmur_end(uint32_t h, uint32_t bytes)
{
    h ^= bytes;
    h ^= h >> 16;
    h *= 0x85ebca6bu;
    h ^= h >> 13;
    h *= 0xc2b2ae35u;
    return h ^ h >> 16;
}

/* Murmur3 x86 32, seed 42, over whole little-endian words: Paimon's row hash (spec buckets 2). len % 4 must be 0. */
int32_t pfs_murmur_words(const uint8_t *at, size_t len);

/* 64-bit xxHash, for hash tables in memory and spool names; never written to a table. */
uint64_t pfs_hash64(const void *at, size_t len, uint64_t seed);

/* CRC-32 as in zlib; `more`: of the bytes so far, whose CRC is `crc` (0 = none yet), and these. */
uint32_t pfs_crc32(const void *at, size_t len);
uint32_t pfs_crc32_more(uint32_t crc, const void *at, size_t len);
