/* hash.h - the hashes of the formats and of our own tables. Pure functions. */
#pragma once

#include "base/slice.h"

/* Murmur3 x86 32, seed 42, over whole little-endian words: Paimon's row hash (spec buckets 2). len % 4 must be 0. */
int32_t pfs_murmur_words(const uint8_t *at, size_t len);

/* 64-bit xxHash, for hash tables in memory and spool names; never written to a table. */
uint64_t pfs_hash64(const void *at, size_t len, uint64_t seed);

/* CRC-32 as in zlib. */
uint32_t pfs_crc32(const void *at, size_t len);
