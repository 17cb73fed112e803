/* state.h - one table at one snapshot: its schema and the files that are live there.
 *
 * A fact, immutable and reference-counted; a reader holds it from open to close and thereby sees one snapshot. The
 * decoded manifests behind it are shared through a cache by name (they never change). Threads: any.
 *
 * Identity: a snapshot is told apart by its id and the name of its delta manifest list, never by the id alone (rollback
 * uses ids again). A table without a snapshot has the identity "empty".
 */
#pragma once

#include "src/file/schemas.h"
#include "src/meta/manifest.h"
#include "src/meta/snapshot.h"
#include "src/scan/holds.h"

struct pfs_manifests; /* decoded manifests of one table by name: a bounded cache */

int pfs_manifests_open(struct pfs_store *store, const char *table, size_t limit_bytes, struct pfs_manifests **out,
                       struct pfs_err *err);
void pfs_manifests_close(struct pfs_manifests *cache);   /* NULL allowed; states made from it stay valid */
size_t pfs_manifests_bytes(struct pfs_manifests *cache); /* of what is kept */

struct pfs_state {
    const struct pfs_schema *schema; /* latest: the newest schema; time travel: that of the snapshot */
    struct pfs_schemas *schemas;
    bool exists;                  /* false: there is no snapshot, and the rest is empty */
    struct pfs_snapshot snapshot; /* strings live as long as the state */
    const char *identity;         /* "<id>-<delta list>" or "empty"; with the schema id: changes when the rows or their
                                     columns may have changed */
    struct pfs_store *store;
    const struct pfs_external *external;          /* set by the table; NULL = files outside of it are refused */
    const char *store_table;                      /* the main table's directory */
    struct pfs_holds *holds;                      /* set by the table; NULL = nobody asks */
    const struct pfs_manifest_entry *const *file; /* live files, in the order of their ADDs */
    int64_t files;
    const struct pfs_index_entry *index; /* live index entries */
    int64_t indexes;
    const struct pfs_index_entry *const *placed; /* the same by partition and bucket, those of one bucket in order */
    bool partial;                                /* it has not all live files: pfs_state_since */
    int64_t since_ms;    /* then, by the files' own wall clock: those made before are left out */
    bool fallback_first; /* scan.primary-branch: rather, this one's rows belong to the partitions that that one lacks */
    struct pfs_state *fallback; /* of scan.fallback-branch then: its rows of the partitions that this one lacks belong
                                   to batch reads; referenced; NULL = none */
};

/* The state of a snapshot (NULL: of a table without one), read with `schema`. Damaged or missing metadata is -EIO, with
 * the file's name; DELETEs that meet no ADD are -EIO too. -ESTALE: the snapshot is gone meanwhile, and its files with
 * it. */
int pfs_state_load(struct pfs_manifests *cache, struct pfs_store *store, const char *table, struct pfs_schemas *schemas,
                   const struct pfs_schema *schema, const struct pfs_snapshot *snapshot, struct pfs_state **out,
                   struct pfs_err *err);
/* The same files read as rows of another schema of the table. The answer holds a reference on `state`. */
int pfs_state_with(struct pfs_state *state, const struct pfs_schema *schema, struct pfs_state **out,
                   struct pfs_err *err);
/* The same snapshot with other files: without those of the postpone bucket, and with `count` more behind the others,
 * which outlive it. For whoever looks at what a commit is about to make. The answer holds a reference on `state`. */
int pfs_state_placed(struct pfs_state *state, const struct pfs_manifest_entry *added, int64_t count,
                     struct pfs_state **out, struct pfs_err *err);
/* The same snapshot without the files that were made before, by their own wall clock (pfs_data_file.creation_time_ms);
 * that becomes part of its identity. The answer holds a reference on `state`. */
int pfs_state_since(struct pfs_state *state, int64_t wall_ms, struct pfs_state **out, struct pfs_err *err);
/* Takes the reference on `fallback`, also on failure; before anybody else has the state. Its identity becomes part of
 * the state's. */
int pfs_state_set_fallback(struct pfs_state *state, struct pfs_state *fallback, bool first, struct pfs_err *err);
struct pfs_state *pfs_state_ref(struct pfs_state *state);
void pfs_state_unref(struct pfs_state *state); /* NULL allowed */

/* What the i-th manifest of the snapshot holds, ADDs and DELETEs in order, the base list's manifests first; false =
 * there are no more. Lives as long as the state. */
bool pfs_state_entries(const struct pfs_state *state, int64_t i, const struct pfs_manifest_entry **entry,
                       int64_t *entries);

/* The first of `placed` that is of the partition and of that bucket or a later one, or where it would be: at most
 * `indexes`. With INT32_MIN: the partition's first. */
int64_t pfs_state_index_at(const struct pfs_state *state, struct pfs_slice partition, int32_t bucket);

/* Whoever reads the state says so: neither its snapshot nor a later one, and with `from` > 0 none from that id on,
 * expires until each hold is let go again. */
void pfs_state_hold(const struct pfs_state *state, int64_t from, bool held);

/* For whoever failed to read the state's files with `rc`: what to fail with. -EIO becomes -ESTALE, in `err` too, when
 * the snapshot has expired or was rolled back meanwhile; all else stays. */
int pfs_state_failure(const struct pfs_state *state, int rc, struct pfs_err *err);
