/* record.h - bodies of the journal's records: what was acknowledged for which table, what counts of it, and what a
 * commit meant to publish. Another process reads them after a crash, so they say what they need in full. Threads: any.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "src/commit/publish.h"

struct pfs_part_name { /* of the table that a part goes to */
    const char *database, *table, *branch;
};

struct pfs_part_begin { /* PFS_JOURNAL_BEGIN */
    struct pfs_part_name name;
    int64_t schema_id;
    uint64_t schema_hash; /* of its JSON: a table that was made again has another one */
    int64_t time_ms;
    bool append, once;
    const char *user; /* once */
    int64_t identifier;
    uint64_t continues;             /* holds a tail that counts only when that transaction is sealed; 0 = none */
    struct pfs_slice overwrite;     /* empty = none; see pfs_record_put_overwrite */
    struct pfs_slice schema_json;   /* empty: another record of the segment has it */
    struct pfs_commit_moment began; /* once: when the first rows came. Zeroed in journals of before it was kept */
    int64_t given;                  /* once: how many of the rows so far are in files; 0 = none, or not known */
};

struct pfs_part_seal { /* PFS_JOURNAL_SEAL */
    uint64_t target;
    int64_t order;
    int32_t pieces; /* that count */
    bool tail;      /* the tail of the last piece counts */
    bool cut;       /* of a number of the writer's own: it did not come to its end */
};

struct pfs_part_intent { /* PFS_JOURNAL_INTENT, and PUBLISHED with the snapshot that was made */
    struct pfs_part_name name;
    const char *user;
    int64_t identifier;
    int64_t seen; /* snapshot that it was prepared on; PUBLISHED: the one that it became */
    int32_t parts;
    const uint64_t *part;
    struct pfs_slice files; /* a manifest of the new files */
};

void pfs_record_put_begin(const struct pfs_part_begin *begin, struct pfs_buf *out);
/* Needs no memory: a seal is written when nobody can be told of a failure any more. */
#define PFS_RECORD_SEAL 22 /* bytes */
void pfs_record_put_seal(const struct pfs_part_seal *seal, uint8_t out[static PFS_RECORD_SEAL]);
void pfs_record_put_intent(const struct pfs_part_intent *intent, struct pfs_buf *out);
int pfs_record_put_overwrite(const struct pfs_overwrite *overwrite, struct pfs_buf *out, struct pfs_err *err);
/* Strings and slices point into the body or the arena. -EIO: no such record. */
int pfs_record_get_begin(struct pfs_slice body, struct pfs_arena *arena, struct pfs_part_begin *out,
                         struct pfs_err *err);
int pfs_record_get_seal(struct pfs_slice body, struct pfs_part_seal *out, struct pfs_err *err);
int pfs_record_get_intent(struct pfs_slice body, struct pfs_arena *arena, struct pfs_part_intent *out,
                          struct pfs_err *err);
int pfs_record_get_overwrite(struct pfs_slice in, const struct pfs_schema *schema, struct pfs_arena *arena,
                             struct pfs_overwrite *out, struct pfs_err *err);
