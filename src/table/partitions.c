/* partitions.c - a table's partitions that have had their time are dropped.
 *
 * Looking costs a state: writers look at their commits, once an interval. Several partitions go in one snapshot, as
 * many as the option says; a chain of specs tells which. */
#include "src/retain/partitions.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/uuid.h"
#include "src/table/internal.h"

struct dropping { /* what goes into one snapshot */
    const struct pfs_partition_rule *rule;
    int64_t now_ms;
    struct pfs_arena *arena;
    struct pfs_expired_partition *gone;
    int64_t count;
    bool *stays; /* of each: it got a file meanwhile, or was dropped by somebody else */
};

static int by_text(const void *a, const void *b)
{
    const struct pfs_expired_partition *x = a, *y = b;

    return strcmp(x->text, y->text);
}

/* Partitions whose time is told by their newest file may have one by now, that nobody has told us of. */
static int prepare_drop(void *context, struct pfs_state *state, struct pfs_change *out, struct pfs_err *err)
{
    struct dropping *d = context;
    struct pfs_partition_rule all = *d->rule;
    struct pfs_expired_partition *now;
    const struct pfs_overwrite *also = NULL;
    int64_t count;

    all.most = INT64_MAX;
    PFS_TRY(pfs_partitions_expired(&all, state, d->now_ms, d->arena, &now, &count, err));
    qsort(now, (size_t)count, sizeof(*now), by_text);
    for (int64_t i = d->count - 1; i >= 0; i--) {
        struct pfs_expired_partition *p = bsearch(&d->gone[i], now, (size_t)count, sizeof(*now), by_text);

        d->stays[i] = p == NULL;
        if (p != NULL) {
            p->spec.also = also;
            also = &p->spec;
        }
    }
    *out = (struct pfs_change){.kind = PFS_COMMIT_OVERWRITE};
    if (also != NULL)
        out->overwrite = *also;
    return 0;
}

/* Leaves in `all` those that went. */
static int drop_all(struct pfs_table *table, struct dropping *all, struct pfs_err *err)
{
    int64_t batch = all->rule->batch > 0 && all->rule->batch < all->count ? all->rule->batch : all->count, went = 0;

    assert(all->count > 0);
    assert(batch <= all->count);
    all->stays = pfs_arena_array(all->arena, (size_t)all->count, sizeof(*all->stays));
    if (all->stays == NULL)
        return pfs_arena_full(all->arena, err);
    for (int64_t i = 0; i < all->count; i += batch) {
        struct dropping some = *all;

        some.gone = &all->gone[i];
        some.stays = &all->stays[i];
        some.count = batch < all->count - i ? batch : all->count - i;
        PFS_TRY(pfs_table_publish_removal(table, prepare_drop, &some, err));
    }
    for (int64_t i = 0; i < all->count; i++)
        if (!all->stays[i])
            all->gone[went++] = all->gone[i];
    all->count = went;
    return 0;
}

static int expire(struct pfs_table *table, const struct pfs_partition_rule *rule, struct pfs_arena *arena,
                  const char ***names, int64_t *count, struct pfs_err *err)
{
    struct pfs_table_parts parts = pfs_table_parts(table);
    struct dropping all = {.rule = rule, .now_ms = pfs_clock_local_ms(pfs_clock_now_ms(parts.clock)), .arena = arena};
    struct pfs_state *state;
    int rc;

    *count = 0;
    *names = NULL;
    PFS_TRY(pfs_table_state(table, (struct pfs_when){.kind = PFS_WHEN_LATEST}, &state, err));
    rc = pfs_partitions_expired(rule, state, all.now_ms, arena, &all.gone, &all.count, err);
    if (rc == 0 && all.count > 0)
        rc = drop_all(table, &all, err);
    if (rc == 0 && (*names = pfs_arena_array(arena, (size_t)all.count, sizeof(**names))) == NULL)
        rc = pfs_arena_full(arena, err);
    for (int64_t i = 0; rc == 0 && i < all.count; i++)
        (*names)[i] = all.gone[i].text;
    if (rc == 0)
        *count = all.count;
    pfs_state_unref(state);
    return rc;
}

int pfs_table_expire_partitions(struct pfs_table *table, const struct pfs_options *options, struct pfs_arena *arena,
                                const char ***names, int64_t *count, struct pfs_err *err)
{
    struct pfs_partition_rule rule;
    const struct pfs_schema *schema;

    PFS_TRY(pfs_table_schema(table, &schema, err));
    PFS_TRY(pfs_partition_rule_read(options, &rule, err));
    if (rule.expiration_ms < 0 || schema->partition_keys == 0)
        return pfs_fail(err, EINVAL, "Both the partition expiration time and partition field can not be null.");
    return expire(table, &rule, arena, names, count, err);
}

static int64_t random_below(int64_t end)
{
    char uuid[PFS_UUID_TEXT];

    assert(end > 0);
    pfs_uuid_make(uuid);
    return (int64_t)(pfs_hash64(uuid, strlen(uuid), 0) % (uint64_t)end);
}

/* The first look comes a random part of the interval after the table is first committed to, so that processes that do
 * not live long look too. */
static bool is_due(struct pfs_upkeep *upkeep, const struct pfs_partition_rule *rule, int64_t now_ms, bool at_end)
{
    if (rule->check_ms <= 0 || (at_end && rule->at_end))
        return true;
    if (upkeep->partitions_ms == 0)
        upkeep->partitions_ms = now_ms - random_below(rule->check_ms);
    return now_ms - upkeep->partitions_ms > rule->check_ms;
}

int pfs_table_partitions_due(struct pfs_table *table, struct pfs_upkeep *upkeep, const struct pfs_retain *at,
                             int64_t identifier, struct pfs_err *err)
{
    int64_t now_ms = pfs_clock_now_ms(at->clock), count;
    struct pfs_partition_rule rule;
    struct pfs_arena arena;
    const char **names;
    int rc;

    PFS_TRY(pfs_partition_rule_read(&at->schema->options, &rule, err));
    if (rule.expiration_ms < 0 || at->schema->partition_keys == 0 ||
        !is_due(upkeep, &rule, now_ms, identifier == PFS_BATCH_IDENTIFIER))
        return 0;
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = expire(table, &rule, &arena, &names, &count, err);
    pfs_arena_done(&arena);
    upkeep->partitions_ms = now_ms;
    return rc;
}
