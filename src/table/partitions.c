/* partitions.c - a table's partitions that have had their time are dropped. */
#include "src/retain/partitions.h"
#include "base/hash.h"
#include "base/uuid.h"
#include "src/table/internal.h"

/* As many as go into one snapshot. */
static int drop(struct pfs_table *table, struct pfs_expired_partition *gone, int64_t count, struct pfs_err *err)
{
    for (int64_t i = 0; i + 1 < count; i++)
        gone[i].spec.also = &gone[i + 1].spec;
    return pfs_table_drop_partitions(table, &gone[0].spec, err);
}

static int drop_all(struct pfs_table *table, const struct pfs_partition_rule *rule, struct pfs_expired_partition *gone,
                    int64_t count, struct pfs_err *err)
{
    int64_t batch = rule->batch > 0 && rule->batch < count ? rule->batch : count;

    for (int64_t i = 0; i < count; i += batch)
        PFS_TRY(drop(table, &gone[i], batch < count - i ? batch : count - i, err));
    return 0;
}

static int expire(struct pfs_table *table, const struct pfs_partition_rule *rule, struct pfs_arena *arena,
                  const char ***names, int64_t *count, struct pfs_err *err)
{
    struct pfs_table_parts parts = pfs_table_parts(table);
    int64_t now_ms = pfs_clock_local_ms(pfs_clock_now_ms(parts.clock));
    struct pfs_expired_partition *gone;
    struct pfs_state *state;
    int rc;

    *count = 0;
    PFS_TRY(pfs_table_state(table, (struct pfs_when){.kind = PFS_WHEN_LATEST}, &state, err));
    rc = pfs_partitions_expired(rule, state, now_ms, arena, &gone, count, err);
    *names = rc < 0 ? NULL : pfs_arena_array(arena, (size_t)*count, sizeof(**names));
    if (rc == 0 && *names == NULL)
        rc = pfs_arena_full(arena, err);
    for (int64_t i = 0; rc == 0 && i < *count; i++)
        (*names)[i] = gone[i].text;
    if (rc == 0 && *count > 0)
        rc = drop_all(table, rule, gone, *count, err);
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
