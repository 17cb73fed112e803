/* write.c - the container around records that are encoded elsewhere (container.c draws it).
 *
 * Records are gathered until a block is full and compressed together. Paimon cuts blocks at 64000 bytes, which is what
 * Avro's own writer does. The sync mark need only be unlikely in data: it is made of a new UUID. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/hash.h"
#include "base/uuid.h"
#include "format/avro/avro.h"
#include "format/compress.h"

#define BLOCK_BYTES 64000

static void put_pair(struct pfs_buf *out, const char *key, const char *value)
{
    pfs_avro_put_bytes(out, pfs_str(key));
    pfs_avro_put_bytes(out, pfs_str(value));
}

int pfs_avro_begin(struct pfs_avro_writer *w, const char *schema_json, const char *codec, struct pfs_buf *out,
                   struct pfs_err *err)
{
    char uuid[PFS_UUID_TEXT];
    enum pfs_codec chosen;
    uint64_t half;

    PFS_TRY(pfs_codec_parse(pfs_str(codec), &chosen, err));
    if (chosen == PFS_CODEC_LZ4 || chosen == PFS_CODEC_GZIP)
        return pfs_fail(err, EINVAL, "%s is no codec of Avro", codec);
    *w = (struct pfs_avro_writer){.out = out, .codec = (int)chosen};
    pfs_uuid_make(uuid);
    half = pfs_hash64(uuid, strlen(uuid), 1);
    pfs_put_le64(w->sync, half);
    half = pfs_hash64(uuid, strlen(uuid), 2);
    pfs_put_le64(w->sync + 8, half);
    pfs_buf_put(out, "Obj\1", 4);
    pfs_buf_zigzag(out, 2);
    put_pair(out, "avro.schema", schema_json);
    put_pair(out, "avro.codec", codec);
    pfs_buf_zigzag(out, 0);
    pfs_buf_put(out, w->sync, sizeof(w->sync));
    return pfs_buf_check(out, err);
}

int pfs_avro_add_block(struct pfs_avro_writer *w, struct pfs_slice data, int64_t records, struct pfs_err *err)
{
    struct pfs_buf packed = {0};
    int rc = pfs_compress((enum pfs_codec)w->codec, w->level, data, &packed, err);

    assert(records > 0);
    if (rc == 0 && w->codec == PFS_CODEC_SNAPPY)
        pfs_buf_be32(&packed, pfs_crc32(data.at, data.len));
    if (rc == 0)
        rc = pfs_buf_check(&packed, err);
    if (rc == 0) {
        pfs_buf_zigzag(w->out, records);
        pfs_avro_put_bytes(w->out, pfs_buf_slice(&packed));
        pfs_buf_put(w->out, w->sync, sizeof(w->sync));
        rc = pfs_buf_check(w->out, err);
    }
    pfs_buf_done(&packed);
    return rc;
}

static int end_block(struct pfs_avro_writer *w, struct pfs_err *err)
{
    int rc;

    assert(w->block_records >= 0);
    if (w->block_records == 0)
        return 0;
    PFS_TRY(pfs_buf_check(&w->block, err));
    rc = pfs_avro_add_block(w, pfs_buf_slice(&w->block), w->block_records, err);
    pfs_buf_clear(&w->block);
    w->block_records = 0;
    return rc;
}

int pfs_avro_add(struct pfs_avro_writer *w, struct pfs_slice record, struct pfs_err *err)
{
    pfs_buf_put(&w->block, record.at, record.len);
    w->block_records++;
    return w->block.len >= BLOCK_BYTES ? end_block(w, err) : 0;
}

/* A file without records has no block at all. */
int pfs_avro_end(struct pfs_avro_writer *w, struct pfs_err *err)
{
    int rc = end_block(w, err);

    pfs_buf_done(&w->block);
    return rc;
}
