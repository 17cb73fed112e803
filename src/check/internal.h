/* internal.h - what the walk over a history and the look at its files share. Private to the suite. */
#pragma once

#include "src/check/check.h"
#include "src/retain/nameset.h"

struct pfs_namer { /* who names a file */
    const char *text, *path;
};

struct pfs_checked_file { /* a data file that is to be looked at */
    struct pfs_manifest_entry entry;
    const struct pfs_namer *by;
    bool changelog;
};

struct pfs_checker {
    const struct pfs_check *want;
    struct pfs_check_sum *sum;
    struct pfs_arena arena;  /* of the call */
    struct pfs_nameset seen; /* names that were looked at, or are to be */
    const struct pfs_namer *by;
    struct pfs_checked_file *file;
    int64_t files, room, bytes;
};

/* Tells of it; a file that is missing, only while its namer is there. */
void pfs_checker_tell(struct pfs_checker *c, enum pfs_finding_kind kind, const char *file, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void pfs_checker_note(struct pfs_checker *c, enum pfs_finding_kind kind, const char *file, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* A call on that file failed: what the failure says of it becomes a finding, and err is cleared; 0 then. -ENOMEM and
 * -ECANCELED stay. */
int pfs_checker_failed(struct pfs_checker *c, const char *file, int rc, struct pfs_err *err);
/* Is the file there, and that long (PFS_NO_NUMBER = however long)? 1, 0 = it was told of; -errno. */
int pfs_checker_look(struct pfs_checker *c, struct pfs_store *store, const char *path, int64_t size,
                     struct pfs_err *err);
/* 1: the name is met for the first time. */
int pfs_checker_first(struct pfs_checker *c, const char *name, struct pfs_err *err);
/* It is looked at later, if it is met for the first time. */
int pfs_checker_add(struct pfs_checker *c, const struct pfs_manifest_entry *entry, bool changelog, struct pfs_err *err);

/* ---- lists.c ---- */

/* A manifest list and its manifests; sets *whole to false when something of it cannot be read. */
int pfs_check_list(struct pfs_checker *c, const char *name, int64_t size, bool *whole, struct pfs_err *err);
/* The data files that a list ADDs; with `appended` those alone that no compaction made. */
int pfs_check_list_files(struct pfs_checker *c, const char *name, bool appended, bool changelog, struct pfs_err *err);
/* Index files and deletion vectors of a state. */
int pfs_check_indexes(struct pfs_checker *c, const struct pfs_state *state, struct pfs_err *err);

/* ---- levels.c ---- */

/* How the key ranges of a state's files lie, and the sum of their rows. */
int pfs_check_levels(struct pfs_checker *c, const struct pfs_state *state, struct pfs_err *err);

/* ---- files.c ---- */

int pfs_check_files(struct pfs_checker *c, struct pfs_err *err);
