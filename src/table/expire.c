/* expire.c - everything of a table that has had its time by its options, at once: what a writer does little by little.
 *
 * In Paimon's order: tags and partitions first, then consumers, for those hold snapshots, then snapshots, and last the
 * changelogs that these become. Tags and partitions take the locks that they need themselves. */
#include <assert.h>
#include <errno.h>

#include "src/table/internal.h"

struct expiring {
    struct pfs_table *table;
    void (*progress)(void *context, int64_t done, int64_t whole);
    void *context;
    struct pfs_expired *gone;
    struct pfs_arena arena;
};

static int expire_partitions(struct expiring *x, const struct pfs_schema *schema, struct pfs_err *err)
{
    const char **names;

    if (schema->partition_keys == 0 || pfs_options_get(&schema->options, "partition.expiration-time") == NULL)
        return 0;
    return pfs_table_expire_partitions(x->table, &schema->options, &x->arena, &names, &x->gone->partitions, err);
}

static int expire_tags(struct expiring *x, const struct pfs_retention *how, struct pfs_err *err)
{
    const char **names;

    return how->expire_tags ? pfs_table_expire_tags(x->table, PFS_NO_NUMBER, &x->arena, &names, &x->gone->tags, err)
                            : 0;
}

static int expire_consumers(struct expiring *x, const struct pfs_retain *at, const struct pfs_retention *how,
                            struct pfs_err *err)
{
    int64_t before, after;
    const char **names;

    if (how->consumer_ms < 0)
        return 0;
    PFS_TRY(pfs_table_consumers(x->table, &x->arena, &names, &before, err));
    PFS_TRY(pfs_consumers_expire(at, how->consumer_ms, err));
    PFS_TRY(pfs_table_consumers(x->table, &x->arena, &names, &after, err));
    x->gone->consumers = before > after ? before - after : 0; /* one may have come meanwhile */
    return 0;
}

/* How many may go at most: for progress alone. */
static int64_t count_snapshots(struct expiring *x, const struct pfs_retain *at)
{
    int64_t *ids, count = 0;

    return pfs_snapshot_list(at->store, at->meta, &x->arena, &ids, &count, NULL) < 0 ? 0 : count;
}

/* A call takes so many at most as snapshot.expire.limit says; the next one takes the next ones. */
static int expire_snapshots(struct expiring *x, const struct pfs_retain *at, const struct pfs_retention *how,
                            struct pfs_err *err)
{
    int64_t there = count_snapshots(x, at), whole = there - how->snapshots.least, expired = 1;
    int rc = 0;

    assert(x->gone->snapshots == 0);
    while (rc == 0 && expired > 0) {
        rc = pfs_snapshots_expire(at, how, &expired, err);
        assert(rc < 0 || expired >= 0);
        x->gone->snapshots += rc == 0 ? expired : 0;
        if (x->progress != NULL && whole > 0)
            x->progress(x->context, x->gone->snapshots, whole);
    }
    return rc;
}

static int expire_changelogs(struct expiring *x, const struct pfs_retain *at, const struct pfs_retention *how,
                             struct pfs_err *err)
{
    int64_t expired = 1;
    int rc = 0;

    while (rc == 0 && how->decoupled && expired > 0) {
        rc = pfs_changelogs_expire(at, how, &expired, err);
        assert(rc < 0 || expired >= 0);
        x->gone->changelogs += rc == 0 ? expired : 0;
    }
    return rc;
}

/* Upkeep's lock held. */
static int expire_history(struct expiring *x, const struct pfs_retain *at, const struct pfs_retention *how,
                          struct pfs_err *err)
{
    PFS_TRY(expire_consumers(x, at, how, err));
    PFS_TRY(expire_snapshots(x, at, how, err));
    return expire_changelogs(x, at, how, err);
}

int pfs_table_expire(struct pfs_table *table, void (*progress)(void *context, int64_t done, int64_t whole),
                     void *context, struct pfs_expired *gone, struct pfs_err *err)
{
    struct expiring x = {.table = table, .progress = progress, .context = context, .gone = gone};
    struct pfs_retention how;
    struct pfs_retain at;
    int rc;

    *gone = (struct pfs_expired){0};
    PFS_TRY(pfs_table_check_writable(table, err));
    PFS_TRY(pfs_table_retain(table, &at, &how, err));
    pfs_arena_init(&x.arena, PFS_ARENA_LIMIT);
    rc = expire_tags(&x, &how, err);
    if (rc == 0)
        rc = expire_partitions(&x, at.schema, err);
    if (rc == 0)
        rc = pfs_table_retain_begin(table, &at, &how, err);
    if (rc == 0) {
        rc = expire_history(&x, &at, &how, err);
        pfs_table_upkeep(table)->earliest = 0;
        pfs_table_retain_end(table);
    }
    pfs_arena_done(&x.arena);
    return rc;
}
