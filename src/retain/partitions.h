/* partitions.h - partitions that have had their time (spec timetravel 6): which ones; whoever asks drops them, by an
 * OVERWRITE snapshot. Threads: pure functions. */
#pragma once

#include "src/commit/publish.h"
#include "src/meta/options.h"

struct pfs_partition_rule { /* strings are the options' */
    int64_t expiration_ms;  /* -1 = they never expire */
    int64_t check_ms;       /* they are looked at so often; 0 = after each commit */
    bool at_end;            /* and after each commit of a batch job */
    bool by_update;         /* the newest file tells, not the values */
    const char *pattern, *formatter;
    int64_t most, batch; /* at most so many in one run; in one snapshot, 0 = all of the run */
};

/* -EINVAL with the sentence. */
int pfs_partition_rule_read(const struct pfs_options *options, struct pfs_partition_rule *out, struct pfs_err *err);

struct pfs_expired_partition {
    struct pfs_overwrite spec;
    const char *text; /* "dt=2020-01-01, h=1" */
};

/* Those of the state that are older than the rule says; now_ms: of this host's wall clock. A partition whose values
 * spell no time stays. Everything is in the arena; in the order of their values as text. */
int pfs_partitions_expired(const struct pfs_partition_rule *rule, const struct pfs_state *state, int64_t now_ms,
                           struct pfs_arena *arena, struct pfs_expired_partition **out, int64_t *count,
                           struct pfs_err *err);
