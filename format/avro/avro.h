/* avro.h - Avro object container files, for manifests and manifest lists: the suite's front door (data
 * files: rows.h).
 *
 * Format: Avro 1.11 containers; the rules of spec manifests 1 (codec from the header, unions ["null", X] with null
 * first when written, any order when read). Reading resolves by field name against the schema in the header: a wanted
 * field that the file lacks is null, one that is not wanted is skipped. Codecs null, deflate, snappy, zstandard.
 * Damaged bytes are -EIO with the fact, a codec that is not known -EOPNOTSUPP, more than the ceiling -EFBIG; nesting is
 * limited. Schemas whose arrays or fields could take no bytes (null outside of a union) are refused: with them a short
 * file could claim any number of values. Threads: one reader or writer, one thread.
 */
#pragma once

#include "base/buf.h"
#include "format/reader.h"

struct pfs_avro_reader;

/* The datum model of metadata records: a tree of values, laid out in the order of the wanted fields. */
enum pfs_avro_kind { PFS_AVRO_NULL, PFS_AVRO_LONG, PFS_AVRO_DOUBLE, PFS_AVRO_BYTES, PFS_AVRO_ARRAY, PFS_AVRO_RECORD };

struct pfs_avro_value {
    enum pfs_avro_kind kind; /* says which member counts; a map is NULL: its entries are stepped over */
    union {
        int64_t number;         /* LONG: int, long, boolean (0, 1) */
        double real;            /* DOUBLE: float, double */
        struct pfs_slice bytes; /* BYTES: string, bytes, fixed, the symbol of an enum; lives in the reader's arena */
        struct {
            int64_t count;               /* ARRAY: items; RECORD: the wanted fields */
            struct pfs_avro_value *item; /* ARRAY, RECORD */
        };
    };
};

/* What is wanted of a record: names, and for record-valued fields (or arrays of records) what is wanted of those. */
struct pfs_avro_wanted {
    const char *name;
    const struct pfs_avro_wanted *fields; /* NULL = a scalar or an array of scalars; ended by a name of NULL */
};

/* Opens over the whole file's bytes (borrowed until close). `wanted` (ended by a NULL name) is borrowed too. Decoded
 * blocks go to `arena`, so that BYTES need no copy and outlive the reader; max_bytes is the ceiling for all of them. */
int pfs_avro_open(struct pfs_slice file, const struct pfs_avro_wanted *wanted, size_t max_bytes,
                  struct pfs_arena *arena, struct pfs_avro_reader **out, struct pfs_err *err);
/* How many records the blocks claim to hold: a hint for arrays, never more than the file has bytes. */
int64_t pfs_avro_claimed(const struct pfs_avro_reader *reader);
/* The next record (kind RECORD): 1, 0 at the end, -errno. The tree is the reader's and lasts until its next call. */
int pfs_avro_next(struct pfs_avro_reader *reader, struct pfs_avro_value *out, struct pfs_err *err);
void pfs_avro_close(struct pfs_avro_reader *reader); /* NULL allowed */

/* Writing: the caller encodes datums itself with the helpers (the writer's schemas are constants of spec manifests),
 * the container frames and compresses them. begin appends the header; add appends one record's bytes (blocks are cut at
 * 64000 bytes); end closes the last block. codec is the Avro name: "null", "deflate", "snappy" or "zstandard". */
struct pfs_avro_writer {
    struct pfs_buf *out; /* borrowed */
    struct pfs_buf block;
    int64_t block_records;
    uint8_t sync[16];
    int codec; /* enum pfs_codec */
    int level;
};

int pfs_avro_begin(struct pfs_avro_writer *w, const char *schema_json, const char *codec, struct pfs_buf *out,
                   struct pfs_err *err);
int pfs_avro_add(struct pfs_avro_writer *w, struct pfs_slice record, struct pfs_err *err);
int pfs_avro_end(struct pfs_avro_writer *w, struct pfs_err *err); /* also releases what the writer holds */
/* A block of records that the caller framed himself. */
int pfs_avro_add_block(struct pfs_avro_writer *w, struct pfs_slice data, int64_t records, struct pfs_err *err);

/* Datum encoders for writers. */
static inline void pfs_avro_put_long(struct pfs_buf *out, int64_t v)
{
    pfs_buf_zigzag(out, v);
}

static inline void pfs_avro_put_bytes(struct pfs_buf *out, struct pfs_slice v)
{
    pfs_buf_zigzag(out, (int64_t)v.len);
    pfs_buf_put(out, v.at, v.len);
}
