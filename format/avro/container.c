/* container.c - the outside of Avro files:
 *
 *   "Obj" 1 | map of the header: avro.schema, avro.codec, others | sync mark, 16 bytes
 *   block: records, bytes (longs) | data, compressed as a whole | sync mark
 *   ...
 *
 * Nothing tells how long the file or a decoded block is: decoders grow their output up to a ceiling. */
#include "format/avro/container.h"

#include <assert.h>

#include "base/hash.h"
#include "format/avro/datum.h"

int pfs_avro_damaged(struct pfs_err *err, const char *what)
{
    return pfs_fail(err, EIO, "the Avro file is damaged: %s", what);
}

static int choose_codec(struct pfs_slice name, enum pfs_codec *out, struct pfs_err *err)
{
    if (pfs_codec_parse(name, out, NULL) < 0 || *out == PFS_CODEC_LZ4 || *out == PFS_CODEC_GZIP)
        return pfs_fail(err, EOPNOTSUPP, "Avro codec %.*s cannot be read", PFS_P(name));
    return 0;
}

/* The entries of one piece of the header's map; 0 at its end. A negative count says that the piece's bytes follow, so
 * that it could be skipped. */
static int64_t next_entries(struct pfs_cursor *file)
{
    int64_t count = pfs_take_zigzag(file);

    if (count < 0) {
        (void)pfs_take_zigzag(file); /* bytes of the piece */
        count = count == INT64_MIN ? 0 : -count;
    }
    return file->bad ? 0 : count;
}

int pfs_avro_header_take(struct pfs_cursor *file, struct pfs_avro_header *out, struct pfs_err *err)
{
    struct pfs_slice magic, sync;

    *out = (struct pfs_avro_header){.codec = PFS_CODEC_NONE};
    if (!pfs_take(file, 4, &magic) || memcmp(magic.at, "Obj\1", 4) != 0)
        return pfs_avro_damaged(err, "it does not begin with Obj1");
    for (int64_t count = next_entries(file); count > 0; count = next_entries(file))
        for (; count > 0; count--) {
            struct pfs_slice key = pfs_avro_take_bytes(file), value = pfs_avro_take_bytes(file);

            if (file->bad)
                return pfs_avro_damaged(err, "its header is cut off");
            if (pfs_slice_eq(key, pfs_str("avro.schema")))
                out->schema = value;
            else if (pfs_slice_eq(key, pfs_str("avro.codec")))
                PFS_TRY(choose_codec(value, &out->codec, err));
        }
    if (!pfs_take(file, PFS_AVRO_SYNC_BYTES, &sync) || out->schema.at == NULL)
        return pfs_avro_damaged(err, "its header is cut off");
    memcpy(out->sync, sync.at, PFS_AVRO_SYNC_BYTES);
    return 0;
}

/* Snappy blocks end with the CRC-32 of what they hold, big-endian. */
int pfs_avro_block_unpack(const struct pfs_avro_header *header, struct pfs_slice block, struct pfs_buf *out,
                          struct pfs_err *err)
{
    size_t from = out->len;
    uint32_t crc = 0;
    int rc;

    assert(header->codec != PFS_CODEC_LZ4 && header->codec != PFS_CODEC_GZIP); /* refused with the header */
    if (header->codec == PFS_CODEC_SNAPPY) {
        if (block.len < 4)
            return pfs_avro_damaged(err, "a block is cut off");
        block.len -= 4;
        crc = pfs_be32(block.at + block.len);
    }
    rc = pfs_decompress_grow(header->codec, block, out, err);
    if (rc < 0)
        return rc == -EFBIG || rc == -ENOMEM ? rc : pfs_wrap(err, "an Avro block");
    assert(out->len >= from);
    if (header->codec == PFS_CODEC_SNAPPY && pfs_crc32(out->at + from, out->len - from) != crc)
        return pfs_avro_damaged(err, "a block's checksum is wrong");
    return 0;
}
