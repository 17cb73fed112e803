/* session.h - a warehouse opened for one command, without FUSE: store, pool, catalog and tree in one piece. */
#pragma once

#include "fs/tree/tree.h"

struct session {
    struct pfs_pool *pool;
    struct pfs_tree *tree;
    struct pfs_catalog *catalog; /* the tree's */
};

struct session_config {
    const char *warehouse;
    bool read_only;
    bool pours;                 /* fs/tree/tree.h */
    int threads;                /* 0 = one a processor */
    size_t memory_bytes;        /* 0 = default */
    const char *external_paths; /* PREFIX[:PREFIX], NULL = none */
    const char *cache_dir;      /* NULL = memory files */
    uint64_t cache_bytes;
    unsigned formats;
    uint32_t umask;
    const char *user;           /* of anonymous commits; NULL = a new one */
    bool background;            /* acknowledged rows are committed by and by; else by pfs_tree_finish */
    int64_t commit_interval_ms; /* 0 = default */
    bool write_only;            /* others compact */
    bool skip;                  /* on-error = skip */
    uint32_t uid, gid;
    const char *options; /* what .paimonfs/options shows; NULL = nothing */
};

#define SESSION_MEMORY_MIN ((uint64_t)16 << 20)

/* Takes `-o external-paths=DIR[:DIR]` off the words of a command, wherever it stands. 0, or the exit code after it said
 * what is wrong with a -o. */
int session_take_options(int *argc, char **argv, struct session_config *config);

/* A number of bytes, with k, m, g or t behind it or not. Bare -EINVAL. */
int session_parse_bytes(const char *value, uint64_t *out);

int session_open(const struct session_config *config, struct session *out, struct pfs_err *err);
void session_close(struct session *session);
