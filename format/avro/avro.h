/* avro.h - Avro object container files, for manifests and manifest lists (and later data files): the suite's front
 * door.
 *
 * Format: Avro 1.11 containers; the rules of spec manifests 1 (codec from the header, unions ["null", X] with null
 * first when written, any order when read). Reading resolves by field name against the schema in the header: a wanted
 * field that the file lacks is null, one that is not wanted is skipped. Codecs null, deflate, snappy, zstandard.
 * Damaged bytes are -EIO with the fact; nesting is limited. Threads: one reader or writer, one thread.
 */
#pragma once

#include "base/buf.h"
#include "format/reader.h"

struct pfs_avro_reader;

/* The datum model of metadata records: a tree of values in the arena, laid out in the order of the wanted fields. */
enum pfs_avro_kind { PFS_AVRO_NULL, PFS_AVRO_LONG, PFS_AVRO_DOUBLE, PFS_AVRO_BYTES, PFS_AVRO_ARRAY, PFS_AVRO_RECORD };

struct pfs_avro_value {
    enum pfs_avro_kind
        kind;       /* int, long, boolean: LONG; float, double: DOUBLE; string, bytes, fixed, enum symbol: BYTES */
    int64_t number; /* LONG */
    double real;    /* DOUBLE */
    struct pfs_slice bytes;      /* BYTES; borrowed from the block, lives in the arena */
    int64_t count;               /* ARRAY: items; RECORD: the wanted fields */
    struct pfs_avro_value *item; /* ARRAY, RECORD */
};

/* What is wanted of a record: names, and for record-valued fields (or arrays of records) what is wanted of those. */
struct pfs_avro_wanted {
    const char *name;
    const struct pfs_avro_wanted *fields; /* NULL = a scalar or an array of scalars; ended by a name of NULL */
};

/* Opens over the whole file's bytes (borrowed until close). `wanted` (ended by a NULL name) is borrowed too.
 * max_bytes is the ceiling for all decoded blocks together. */
int pfs_avro_open(struct pfs_slice file, const struct pfs_avro_wanted *wanted, size_t max_bytes,
                  struct pfs_avro_reader **out, struct pfs_err *err);
/* The next record (kind RECORD, in the arena): 1, 0 at the end, -errno. */
int pfs_avro_next(struct pfs_avro_reader *reader, struct pfs_arena *arena, struct pfs_avro_value *out,
                  struct pfs_err *err);
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
