/* assign.h - dynamic buckets: which bucket a key hash belongs to, by the hash index of a partition (spec buckets 4).
 * Private to the suite. One assigner a partition; threads: one at a time. */
#pragma once

#include "src/scan/state.h"

struct pfs_assigner;

/* Loads the HASH files of the partition that `state` names; `anew`: none, the partition is replaced. */
int pfs_assigner_open(struct pfs_state *state, struct pfs_slice partition, bool anew, struct pfs_assigner **out,
                      struct pfs_err *err);
void pfs_assigner_close(struct pfs_assigner *assigner); /* NULL allowed */

/* The bucket of a hash; a new hash gets the first bucket with room, else a new one, else (dynamic-bucket.max-buckets)
 * one of those that are there. */
int pfs_assigner_bucket(struct pfs_assigner *assigner, int32_t hash, int32_t *out, struct pfs_err *err);

/* Writes a complete new HASH file for each bucket that got new hashes, synced (the directory is not); puts the entries
 * that replace the old ones, and the files' paths, into `entry` and `path` (which have room for pfs_assigner_changed of
 * them), from the arena. */
int32_t pfs_assigner_changed(const struct pfs_assigner *assigner);
int pfs_assigner_save(struct pfs_assigner *assigner, struct pfs_arena *arena, struct pfs_index_entry *entry,
                      const char **path, int32_t *saved, struct pfs_err *err);
