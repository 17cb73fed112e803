/* internal.h - how the catalog makes tables and keeps the list of open ones. Private to the suite. */
#pragma once

#include <pthread.h>

#include "src/meta/start.h"
#include "src/retain/retain.h"
#include "src/table/parts.h"

struct pfs_table_config {
    struct pfs_store *store;
    struct pfs_pool *pool;
    const struct pfs_clock *clock;
    bool read_only;
    size_t memory_bytes;
    const struct pfs_external *external;  /* the catalog's */
    struct pfs_holds *holds;              /* the catalog's; NULL = none */
    struct pfs_leases *leases;            /* likewise */
    const char *database, *name, *branch; /* copied; branch NULL = main */
    const char *root, *meta;              /* directories: of the main table, of the branch (= root for main); copied */
    /* Called when the last reference goes, before the table is freed: takes it off the catalog's list. Returns false
     * when somebody took a new reference meanwhile, and then the table lives on. */
    bool (*unlist)(void *catalog, struct pfs_table *table);
    /* That table or branch, referenced, if it is open; else NULL. */
    struct pfs_table *(*find)(void *catalog, const char *database, const char *table, const char *branch);
    void *catalog;
};

/* Bare -ENOENT when there is no schema. One reference is the caller's. */
int pfs_table_open(const struct pfs_table_config *config, struct pfs_table **out, struct pfs_err *err);
/* Lock 0 of table.h. */
void pfs_table_lock_compaction(struct pfs_table *table);
void pfs_table_unlock_compaction(struct pfs_table *table);
/* One more reference unless the last one is gone already. Lock of the catalog's list held. */
bool pfs_table_try_ref(struct pfs_table *table);
struct pfs_table **pfs_table_link(struct pfs_table *table); /* the next one on the catalog's list */
int pfs_table_refs(const struct pfs_table *table);
/* It was dropped, and made again under its name: what is kept of it is of no use. Told once its schema was asked for.
 */
bool pfs_table_was_replaced(struct pfs_table *table);
size_t pfs_table_bytes(struct pfs_table *table); /* of its metadata in memory, about */

struct pfs_upkeep {         /* of retain.c */
    _Atomic unsigned asked; /* how often pfs_table_maintain was called: who is at it looks again */
    pthread_mutex_t lock;   /* one expires at a time; above the commit lock, held across I/O; guards the rest */
    int64_t earliest;       /* the oldest snapshot when it was looked for last; 0 = not known */
    int64_t earliest_ms;    /* when it was committed */
    int64_t looked_ms;      /* monotonic */
    int64_t partitions_ms;  /* when partitions were looked at last; 0 = never */
    struct pfs_autotag autotag;
    int64_t autotag_schema; /* id of the schema that it is for */
    struct pfs_stat tags;   /* of the directory of tags, when they were looked at last */
    int64_t tags_end_ms;    /* when the first of them will have outlived its time */
    int64_t tags_looked_ms; /* monotonic; 0 = never */
};

#define PFS_REWINDS 4
struct pfs_rewinds {      /* of history.c: when statements of this process gave snapshots up; the last few */
    pthread_mutex_t lock; /* guards the rest; under all others */
    struct {
        int64_t after, ms; /* those behind that one; monotonic, 0 = none */
    } last[PFS_REWINDS];
    uint32_t count;
};
struct pfs_rewinds *pfs_table_rewinds(struct pfs_table *table);

/* What src/retain is asked with. */
int pfs_table_retain(struct pfs_table *table, struct pfs_retain *at, struct pfs_retention *how, struct pfs_err *err);
/* The same, to change what is kept: -EROFS with the sentence on a read-only mount; else upkeep's lock is held until the
 * other is called. */
int pfs_table_retain_begin(struct pfs_table *table, struct pfs_retain *at, struct pfs_retention *how,
                           struct pfs_err *err);
void pfs_table_retain_end(struct pfs_table *table);
struct pfs_upkeep *pfs_table_upkeep(struct pfs_table *table);

/* A batch job of its own that adds nothing; what is kept for long is looked after then. */
int pfs_table_publish_removal(struct pfs_table *table,
                              int (*prepare)(void *context, struct pfs_state *state, struct pfs_change *out,
                                             struct pfs_err *err),
                              void *context, struct pfs_err *err);

/* -EROFS with the sentence on a read-only mount. */
int pfs_table_check_writable(const struct pfs_table *table, struct pfs_err *err);
/* -EROFS with the sentence on a read-only mount; else lock 1 is held until the other is called. For what replaces
 * schemas, snapshots or tags of the table. */
int pfs_table_lock_commit(struct pfs_table *table, struct pfs_err *err);
void pfs_table_unlock_commit(struct pfs_table *table);
/* Nothing is committed to the table nor expired until the other is called: for what moves its directories. An expiry
 * has chosen what goes, by what the other branches and the newest snapshot were then; and a commit that is under way
 * would make the directories again. One that begins later finds the table gone. Of several tables: the main one first.
 */
int pfs_table_stop(struct pfs_table *table, struct pfs_err *err);
void pfs_table_go_on(struct pfs_table *table);
struct pfs_table *pfs_table_find_branch(struct pfs_table *table, const char *branch); /* as config.find */
/* Drops partitions that have had their time, when it is time to look. Upkeep's lock held. */
int pfs_table_partitions_due(struct pfs_table *table, struct pfs_upkeep *upkeep, const struct pfs_retain *at,
                             int64_t identifier, struct pfs_err *err);

/* ---- states ---- */

struct pfs_asked { /* what a state is asked for with */
    struct pfs_when when;
    const struct pfs_schema *newest;
    struct pfs_start start; /* READ: where the table's options begin reads; else zeroed */
};

/* Do batch reads look at another branch as well (spec timetravel 5.1)? */
bool pfs_table_has_other(const struct pfs_table *table, const struct pfs_schema *newest);
/* The other branch's state then becomes the fallback of `state`, which is nobody else's. A branch or snapshot that is
 * not there gives no rows; where the branch's own options pin its reads to what is not there: -EIO with the sentence.
 */
int pfs_table_add_fallback(struct pfs_table *table, const struct pfs_asked *asked, struct pfs_state *state,
                           struct pfs_err *err);
/* The state of what a start came to, in the table or a branch of it that `schemas` are of. */
int pfs_table_load_pin(struct pfs_table *table, const struct pfs_pin *pin, struct pfs_schemas *schemas,
                       const struct pfs_schema *newest, struct pfs_state **out, struct pfs_err *err);
