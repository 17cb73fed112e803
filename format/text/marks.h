/* marks.h - which of 16 bytes are special: a bit each, by SSE2 or, elsewhere, byte by byte. Private to this suite.
 *
 * The caller has proven that 16 bytes are there. Pure functions.
 */
#pragma once

#include <stdint.h>

#ifdef __SSE2__
#include <emmintrin.h>

static inline __m128i pfs_marks_load(const uint8_t *at)
{
    return _mm_loadu_si128((const __m128i *)(const void *)at);
}

static inline __m128i pfs_marks_is(__m128i bytes, char what)
{
    return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(what));
}

static inline uint32_t pfs_marks_bits(__m128i hit)
{
    return (uint32_t)_mm_movemask_epi8(hit);
}

/* Commas, quotes, newlines. */
static inline uint32_t pfs_marks_csv(const uint8_t *at)
{
    __m128i v = pfs_marks_load(at);

    return pfs_marks_bits(
        _mm_or_si128(_mm_or_si128(pfs_marks_is(v, ','), pfs_marks_is(v, '"')), pfs_marks_is(v, '\n')));
}

/* What ends the plain part of a JSON string: quote, backslash, control characters. */
static inline uint32_t pfs_marks_string(const uint8_t *at)
{
    __m128i v = pfs_marks_load(at);
    __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1F)), v);

    return pfs_marks_bits(_mm_or_si128(_mm_or_si128(pfs_marks_is(v, '"'), pfs_marks_is(v, '\\')), control));
}

static inline uint32_t pfs_marks_byte(const uint8_t *at, uint8_t what)
{
    return pfs_marks_bits(pfs_marks_is(pfs_marks_load(at), (char)what));
}

/* [ ] { }; bit 5 is what tells the first two from the others. */
static inline uint32_t pfs_marks_bracket(const uint8_t *at)
{
    __m128i lower = _mm_or_si128(pfs_marks_load(at), _mm_set1_epi8(0x20));

    return pfs_marks_bits(_mm_or_si128(pfs_marks_is(lower, '{'), pfs_marks_is(lower, '}')));
}
#else
#define PFS_MARKS(name, special)                               \
    static inline uint32_t pfs_marks_##name(const uint8_t *at) \
    {                                                          \
        uint32_t bits = 0;                                     \
                                                               \
        for (int i = 0; i < 16; i++) {                         \
            uint8_t c = at[i];                                 \
                                                               \
            bits |= (uint32_t)(special) << i;                  \
        }                                                      \
        return bits;                                           \
    }

PFS_MARKS(csv, c == ',' || c == '"' || c == '\n')
PFS_MARKS(string, c == '"' || c == '\\' || c < 0x20)
PFS_MARKS(bracket, (c | 0x20) == '{' || (c | 0x20) == '}')
#undef PFS_MARKS

static inline uint32_t pfs_marks_byte(const uint8_t *at, uint8_t what)
{
    uint32_t bits = 0;

    for (int i = 0; i < 16; i++)
        bits |= (uint32_t)(at[i] == what) << i;
    return bits;
}
#endif
