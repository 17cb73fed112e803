/* segment.h - the bytes of one segment of the journal: header and records, written and read back.
 *
 *   header:  "PFSJRN" version '0' '1' | u32 bytes of the body | body | u64 hash of all before
 *            body: u64 process | u32 number | u16-counted texts: journal's UUID, host, boot, commit user
 *   record:  u32 bytes of the body | u32 kind | u64 transaction | u64 hash | body
 *            hash: of the 16 bytes before it, seeded with the header's; then of the body, seeded with that
 *
 * Integers are little-endian. Zeros are no record. Private to src/journal and the fuzz target.
 */
#pragma once

#include "base/buf.h"
#include "base/host.h"
#include "src/journal/journal.h"

#define PFS_JOURNAL_DIRECTORY ".paimonfs"
#define PFS_SEGMENT_HEADER_MAX 4096
#define PFS_SEGMENT_USER_MAX 1024
#define PFS_RECORD_HEAD 24

/* A record of the journal's own, of no transaction: u32 number of a segment | u64 bytes of it that count. */
#define PFS_RECORD_CUT 0x43555421u

struct pfs_segment_header {
    struct pfs_host host;
    int32_t number;
    char uuid[37];
    char user[PFS_SEGMENT_USER_MAX + 1];
    uint64_t seed; /* of its records' hashes */
    size_t bytes;  /* of the header itself: where the first record begins */
};

/* Prints; sets seed and bytes. */
int pfs_segment_put_header(struct pfs_segment_header *header, struct pfs_buf *out, struct pfs_err *err);
/* 1 = it is one, 0 = it is none (begun and not finished, or damaged). -ENOTSUP: of a later version. */
int pfs_segment_get_header(struct pfs_file *file, struct pfs_segment_header *out, struct pfs_err *err);

void pfs_record_put_head(uint8_t head[static PFS_RECORD_HEAD], uint64_t seed, uint32_t kind, uint64_t transaction,
                         struct pfs_slice body);

struct pfs_segment_record {
    uint32_t kind;
    uint64_t transaction;
    uint64_t at;           /* of the body */
    struct pfs_slice body; /* lives until the visitor returns */
};

typedef int pfs_segment_visit_fn(void *context, const struct pfs_segment_record *record, struct pfs_err *err);

/* Stretches between records that are none: the first of them, and how many bytes in all. */
struct pfs_segment_damage {
    uint64_t at, bytes; /* bytes 0 = none */
};

/* All records; behind a stretch that is none, those that follow. What no record follows is the end, as a crash leaves
 * it, and no damage; where looking for it would take too long it counts as damage. 0, or the store's failure, or what
 * the visitor gave. */
int pfs_segment_scan(struct pfs_file *file, const struct pfs_segment_header *header, pfs_segment_visit_fn *visit,
                     void *context, struct pfs_segment_damage *damage, struct pfs_err *err);
/* The body of one record; -EIO when it is none or has another length. */
int pfs_segment_read(struct pfs_file *file, uint64_t seed, struct pfs_place_in_journal place, struct pfs_arena *arena,
                     struct pfs_slice *out, struct pfs_err *err);
