/* bloom.c - the bloom filter: i32 number of hash functions, then the bits. Nulls are not in it. */
#include <string.h>
#include <xxhash.h>

#include "format/fileindex/index.h"

#define HASHES_MAX 1000 /* more than any size of filter asks for */

/* Thomas Wang's mix of 64 bits, with arithmetic shifts to the right, as Paimon has it. */
static uint64_t mix(int64_t number)
{
    uint64_t k = (uint64_t)number;

    k = ~k + (k << 21);
    k ^= (uint64_t)((int64_t)k >> 24);
    k = k + (k << 3) + (k << 8);
    k ^= (uint64_t)((int64_t)k >> 14);
    k = k + (k << 2) + (k << 4);
    k ^= (uint64_t)((int64_t)k >> 28);
    return k + (k << 31);
}

static bool hash(const struct pfs_probe *probe, uint64_t *out)
{
    const struct pfs_type *type = probe->type;
    int32_t narrow;
    int64_t wide;

    if (pfs_kind_is_text(type->kind) || type->kind == PFS_BINARY || type->kind == PFS_VARBINARY) {
        struct pfs_slice bytes = pfs_column_bytes(probe->literal, 0);

        *out = XXH64(bytes.at, bytes.len, 0);
        return true;
    }
    if (type->kind == PFS_BOOLEAN || type->kind == PFS_DECIMAL)
        return false;
    if (probe->form.floating) { /* the bits, not their order */
        if (probe->form.width == 4) {
            memcpy(&narrow, probe->literal->values, 4);
            wide = narrow;
        } else {
            memcpy(&wide, probe->literal->values, 8);
        }
        *out = mix(wide);
        return true;
    }
    *out = mix(probe->key.number);
    return probe->form.width > 0;
}

int pfs_bloom_ask(const struct pfs_probe *probe, struct pfs_index_rows *out, struct pfs_err *err)
{
    struct pfs_cursor c = pfs_cursor_of(probe->index);
    uint32_t hashes = pfs_take_be32(&c), one, two;
    const uint8_t *bits = probe->index.at + 4;
    uint64_t count = (uint64_t)pfs_left(&c) * 8, h;

    if (c.bad || count == 0 || count > INT32_MAX || hashes == 0 || hashes > HASHES_MAX)
        return pfs_index_damaged(err, "a bloom filter has no bits or no hash functions");
    out->answer = PFS_INDEX_ALL;
    if (probe->how != PFS_EQ || !hash(probe, &h))
        return 0;
    one = (uint32_t)h;
    two = (uint32_t)(h >> 32);
    for (uint32_t i = 1; i <= hashes; i++) {
        uint32_t mixed = one + i * two;
        uint64_t at = ((int32_t)mixed < 0 ? ~mixed : mixed) % count;

        if ((bits[at >> 3] >> (at & 7) & 1) == 0)
            out->answer = PFS_INDEX_NONE;
    }
    return 0;
}
