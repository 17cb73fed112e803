/* nameset.h - a set of names, in an arena. Private to the suite. Threads: one. */
#pragma once

#include "base/arena.h"

struct pfs_nameset {
    struct pfs_arena *arena; /* of the table and of copies */
    const char **slot;       /* a power of two of them, at most half full */
    size_t slots, count;
};

void pfs_nameset_init(struct pfs_nameset *set, struct pfs_arena *arena);
/* 1: it is new, and was copied; 0: it is there; -ENOMEM. */
int pfs_nameset_add(struct pfs_nameset *set, const char *name, struct pfs_err *err);
bool pfs_nameset_has(const struct pfs_nameset *set, const char *name);
