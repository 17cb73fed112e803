/* write_dictionary.c - a hash table of distinct values, by open addressing.
 *
 *     slot      high half: of the hash (texts), low half: number + 1; at most half of them taken
 *     number -> entries     fixed width: number * width; texts: text_off[number], behind a le32 length
 *
 * Numbers are given in the order in which values come, and entries are already as the dictionary page has them. Texts
 * of up to 16 bytes, which most are, are hashed and compared as two words that are loaded whole where the memory behind
 * the text allows it; the length goes into the hash, as zeros fill the words up.
 */
#include "format/parquet/write_dictionary.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

/* Of a new one: there may be ten thousand columns of few values. */
#define FIRST_BITS 6
#define FIRST_TEXTS 32

void pfs_pq_dictionary_done(struct pfs_pq_dictionary *d)
{
    pfs_buf_done(&d->entries);
    pfs_free(d->text_off);
    pfs_free(d->slot);
}

void pfs_pq_dictionary_clear(struct pfs_pq_dictionary *d)
{
    pfs_buf_clear(&d->entries);
    d->count = 0;
    if (d->slot != NULL)
        memset(d->slot, 0, sizeof(*d->slot) << d->bits);
}

void pfs_pq_dictionary_drop(struct pfs_pq_dictionary *d)
{
    int32_t width = d->width;

    pfs_pq_dictionary_done(d);
    *d = (struct pfs_pq_dictionary){.width = width};
}

static uint64_t mix(uint64_t v)
{
    v *= 0x9e3779b97f4a7c15u;
    return v ^ v >> 32;
}

/* ---- short texts: two words, zeros behind them ---- */

#define SHORT 16

struct short_text {
    uint64_t low, high;
};

static uint64_t low_bytes(uint64_t v, size_t len)
{
    return len >= 8 ? v : v & (((uint64_t)1 << (len * 8)) - 1);
}

/* Up to 16 bytes; what lies behind them up to `end` may be read. */
static struct short_text load_short(const uint8_t *at, size_t len, const uint8_t *end)
{
    uint8_t copy[SHORT] = {0};

    assert(len <= SHORT);
    assert((size_t)(end - at) >= len);
    if ((size_t)(end - at) < SHORT) {
        if (len > 0)
            memcpy(copy, at, len);
        at = copy;
    }
    return (struct short_text){low_bytes(pfs_le64(at), len), len <= 8 ? 0 : low_bytes(pfs_le64(at + 8), len - 8)};
}

static uint64_t hash_short(struct short_text t, size_t len)
{
    uint64_t v = (t.low ^ len) * 0x9e3779b97f4a7c15u ^ (t.high + 0x2545f4914f6cdd1du) * 0xd6e8feb86659fd93u;

    return mix(v ^ v >> 29);
}

static uint64_t hash_text(struct pfs_slice text, const uint8_t *end)
{
    if (text.len > SHORT)
        return pfs_hash64(text.at, text.len, 0);
    return hash_short(load_short(text.at, text.len, end), text.len);
}

static uint64_t hash_of(const struct pfs_pq_dictionary *d, uint32_t index)
{
    const uint8_t *at = d->entries.at;

    assert(index < d->count);
    if (d->width == 8)
        return mix(pfs_le64(at + (size_t)index * 8));
    if (d->width == 4)
        return mix(pfs_le32(at + (size_t)index * 4));
    at += d->text_off[index];
    return hash_text(pfs_slice_of(at + 4, pfs_le32(at)), d->entries.at + d->entries.len);
}

/* Where the search begins; slots are a power of two. */
static size_t home(const struct pfs_pq_dictionary *d, uint64_t hash)
{
    return hash & (((size_t)1 << d->bits) - 1);
}

static void occupy(const struct pfs_pq_dictionary *d, uint64_t hash, uint32_t index)
{
    size_t at = home(d, hash);

    while (d->slot[at] != 0)
        at = (at + 1) & (((size_t)1 << d->bits) - 1);
    d->slot[at] = (hash & 0xffffffff00000000u) | (index + 1);
}

/* Twice the slots; the values are hashed anew, as a slot keeps half of a hash only. */
static int grow(struct pfs_pq_dictionary *d)
{
    int bits = d->slot == NULL ? FIRST_BITS : d->bits + 1;
    uint64_t *slot = pfs_alloc_array((size_t)1 << bits, sizeof(*slot));

    if (slot == NULL)
        return -ENOMEM;
    pfs_free(d->slot);
    d->slot = slot;
    d->bits = bits;
    for (uint32_t i = 0; i < d->count; i++)
        occupy(d, hash_of(d, i), i);
    return 0;
}

/* One more fits and the table stays half empty. */
static int make_room(struct pfs_pq_dictionary *d)
{
    if (d->slot == NULL || d->count >= (uint32_t)1 << (d->bits - 1))
        PFS_TRY(grow(d));
    if (d->width == 0 && d->count == d->text_room) {
        uint32_t room = d->text_room == 0 ? FIRST_TEXTS : d->text_room * 2;
        uint32_t *more = pfs_realloc(d->text_off, (size_t)room * sizeof(*more));

        if (more == NULL)
            return -ENOMEM;
        d->text_off = more;
        d->text_room = room;
    }
    return 0;
}

/* A loop over values of one width. */
#define PUT(name, type, load)                                                                        \
    static int name(struct pfs_pq_dictionary *d, const uint8_t *in, int64_t count, uint32_t *out)    \
    {                                                                                                \
        for (int64_t i = 0; i < count; i++) {                                                        \
            type v = load(in + (size_t)i * sizeof(v));                                               \
            uint64_t hash = mix(v);                                                                  \
            size_t mask = ((size_t)1 << d->bits) - 1, at = hash & mask;                              \
            const uint64_t *slot = d->slot;                                                          \
                                                                                                     \
            while (slot[at] != 0 && load(d->entries.at + ((uint32_t)slot[at] - 1) * sizeof(v)) != v) \
                at = (at + 1) & mask;                                                                \
            if (slot[at] != 0) {                                                                     \
                out[i] = (uint32_t)slot[at] - 1;                                                     \
                continue;                                                                            \
            }                                                                                        \
            pfs_buf_put(&d->entries, in + (size_t)i * sizeof(v), sizeof(v));                         \
            d->slot[at] = ++d->count;                                                                \
            out[i] = d->count - 1;                                                                   \
            if (make_room(d) < 0 || d->entries.failed)                                               \
                return -ENOMEM;                                                                      \
        }                                                                                            \
        return 0;                                                                                    \
    }

PUT(put_4, uint32_t, pfs_le32)
PUT(put_8, uint64_t, pfs_le64)

int pfs_pq_dictionary_put(struct pfs_pq_dictionary *d, const void *values, int64_t count, uint32_t *out)
{
    assert(d->width == 4 || d->width == 8);
    PFS_TRY(make_room(d));
    return d->width == 8 ? put_8(d, values, count, out) : put_4(d, values, count, out);
}

static int add_text(struct pfs_pq_dictionary *d, struct pfs_slice text)
{
    assert(d->count < d->text_room);
    d->text_off[d->count++] = (uint32_t)d->entries.len;
    pfs_buf_le32(&d->entries, (uint32_t)text.len);
    pfs_buf_put(&d->entries, text.at, text.len);
    return d->entries.failed ? -ENOMEM : make_room(d);
}

static bool is_text(const struct pfs_pq_dictionary *d, uint32_t index, struct pfs_slice text)
{
    const uint8_t *at = d->entries.at + d->text_off[index];

    return pfs_le32(at) == text.len && memcmp(at + 4, text.at, text.len) == 0;
}

static bool is_short(const struct pfs_pq_dictionary *d, uint32_t index, struct short_text text, size_t len)
{
    const uint8_t *at = d->entries.at + d->text_off[index];
    struct short_text own;

    if (pfs_le32(at) != len)
        return false;
    own = load_short(at + 4, len, d->entries.at + d->entries.len);
    return own.low == text.low && own.high == text.high;
}

static uint64_t *find_text(const struct pfs_pq_dictionary *d, uint64_t hash, struct pfs_slice text)
{
    size_t mask = ((size_t)1 << d->bits) - 1, at = hash & mask;

    while (d->slot[at] != 0 && (d->slot[at] >> 32 != hash >> 32 || !is_text(d, (uint32_t)d->slot[at] - 1, text)))
        at = (at + 1) & mask;
    return &d->slot[at];
}

static uint64_t *find_short(const struct pfs_pq_dictionary *d, uint64_t hash, struct short_text text, size_t len)
{
    size_t mask = ((size_t)1 << d->bits) - 1, at = hash & mask;

    while (d->slot[at] != 0 && (d->slot[at] >> 32 != hash >> 32 || !is_short(d, (uint32_t)d->slot[at] - 1, text, len)))
        at = (at + 1) & mask;
    return &d->slot[at];
}

int pfs_pq_dictionary_put_text(struct pfs_pq_dictionary *d, const struct pfs_column *column, const int32_t *row,
                               int64_t from, int64_t count, uint32_t *out)
{
    const uint8_t *end;

    assert(d->width == 0);
    if (count == 0)
        return 0;
    assert(row == NULL || row[from] <= row[from + count - 1]); /* `end` is behind all of them */
    PFS_TRY(make_room(d));
    end =
        (const uint8_t *)column->values + column->offsets[(row == NULL ? from + count - 1 : row[from + count - 1]) + 1];
    for (int64_t i = 0; i < count; i++) {
        struct pfs_slice text = pfs_column_bytes(column, row == NULL ? from + i : row[from + i]);
        uint64_t hash, *slot;

        if (text.len <= SHORT) {
            struct short_text own = load_short(text.at, text.len, end);

            hash = hash_short(own, text.len);
            slot = find_short(d, hash, own, text.len);
        } else {
            hash = pfs_hash64(text.at, text.len, 0);
            slot = find_text(d, hash, text);
        }
        if (*slot != 0) {
            out[i] = (uint32_t)*slot - 1;
            continue;
        }
        *slot = (hash & 0xffffffff00000000u) | (d->count + 1);
        out[i] = d->count;
        PFS_TRY(add_text(d, text));
    }
    return 0;
}

/* ---- back to plain ---- */

void pfs_pq_dictionary_get(const struct pfs_pq_dictionary *d, const uint32_t *index, int64_t count, struct pfs_buf *out)
{
    for (int64_t i = 0; i < count; i++) {
        const uint8_t *at = d->entries.at + (d->width > 0 ? index[i] * (uint32_t)d->width : d->text_off[index[i]]);

        pfs_buf_put(out, at, d->width > 0 ? (size_t)d->width : (size_t)pfs_le32(at) + 4);
    }
}

size_t pfs_pq_dictionary_bytes(const struct pfs_pq_dictionary *d)
{
    return d->entries.cap + d->text_room * sizeof(*d->text_off) + (d->slot == NULL ? 0 : sizeof(*d->slot) << d->bits);
}
