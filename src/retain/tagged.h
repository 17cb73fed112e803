/* tagged.h - the snapshots that tags hold, by id. Private to the suite. */
#pragma once

#include "src/retain/nameset.h"
#include "src/retain/retain.h"

struct pfs_tagged {
    int64_t count;
    struct pfs_snapshot *snapshot; /* ascending ids, each one once */
    const char ***name;            /* its tags */
    int64_t *names;
};

/* In the arena. A tag that vanishes meanwhile is none; one that is damaged is an error: it may need any file. */
int pfs_tagged_load(const struct pfs_retain *at, struct pfs_arena *arena, struct pfs_tagged *out, struct pfs_err *err);
/* Index of the last one with a smaller id; -1 = none. */
int64_t pfs_tagged_before(const struct pfs_tagged *tagged, int64_t id);

/* The data files that a tag needs, remembered for the next question. */
struct pfs_tag_files {
    const struct pfs_retain *at;
    const struct pfs_tagged *tagged;
    struct pfs_arena arena;
    struct pfs_nameset live;
    int64_t place; /* of the tag they are of; -1 = none */
};

void pfs_tag_files_init(struct pfs_tag_files *files, const struct pfs_retain *at, const struct pfs_tagged *tagged);
void pfs_tag_files_done(struct pfs_tag_files *files);
/* Those of the nearest tag before snapshot `id`, until the next call; NULL: there is none. An error: that cannot be
 * told. */
int pfs_tag_files_before(struct pfs_tag_files *files, int64_t id, const struct pfs_nameset **out, struct pfs_err *err);
