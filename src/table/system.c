/* system.c - system tables of an open table.
 *
 * What one is read from is gathered when it is opened: a state, or only the directories and schemas. So its rows are of
 * one time, whatever is committed while they are read, and the table's handle may be given back meanwhile. */
#include <assert.h>

#include "base/mem.h"
#include "src/system/system.h"
#include "src/table/internal.h"

struct pfs_table_system {
    struct pfs_system system; /* the state and the schemas are referenced */
    enum pfs_system_table table;
    struct pfs_arena arena;
    const char *identity;
};

void pfs_table_system_close(struct pfs_table_system *system)
{
    if (system == NULL)
        return;
    pfs_state_unref(system->system.state);
    pfs_schemas_unref(system->system.schemas);
    pfs_arena_done(&system->arena);
    pfs_free(system);
}

/* These look for the snapshot by themselves, and know of time travel alone; the others by a scan. */
static bool looks_for_snapshot(enum pfs_system_table table)
{
    return table == PFS_SYSTEM_MANIFESTS || table == PFS_SYSTEM_TABLE_INDEXES || table == PFS_SYSTEM_STATISTICS;
}

static int adapt_when(const struct pfs_table_system *s, struct pfs_when *when, struct pfs_err *err)
{
    struct pfs_start start;

    if (pfs_system_source(s->table) == PFS_FROM_NEWEST)
        when->kind = PFS_WHEN_LATEST;
    if (when->kind != PFS_WHEN_READ || !looks_for_snapshot(s->table))
        return 0;
    PFS_TRY(pfs_start_of(&s->system.schema->options, &start, err));
    if (!pfs_start_travels(start.kind))
        when->kind = PFS_WHEN_LATEST;
    return 0;
}

static int fill(struct pfs_table_system *s, struct pfs_table *table, struct pfs_when when, struct pfs_err *err)
{
    struct pfs_table_parts parts = pfs_table_parts(table);
    enum pfs_system_source source = pfs_system_source(s->table);

    assert(s->table < PFS_SYSTEM_COUNT);
    s->system.store = parts.store;
    s->system.pool = parts.pool;
    s->system.schemas = pfs_schemas_ref(parts.schemas);
    s->system.root = pfs_arena_string(&s->arena, pfs_str(parts.root));
    s->system.meta = pfs_arena_string(&s->arena, pfs_str(parts.meta));
    if (s->system.root == NULL || s->system.meta == NULL)
        return pfs_arena_full(&s->arena, err);
    PFS_TRY(pfs_table_schema(table, &s->system.schema, err));
    PFS_TRY(adapt_when(s, &when, err));
    if (source == PFS_FROM_NEWEST || source == PFS_FROM_STATE)
        PFS_TRY(pfs_table_state(table, when, &s->system.state, err));
    return pfs_system_identity(&s->system, s->table, &s->arena, &s->identity, err);
}

int pfs_table_system_open(struct pfs_table *table, const char *name, struct pfs_when when,
                          struct pfs_table_system **out, struct pfs_err *err)
{
    enum pfs_system_table which = pfs_system_find(name);
    struct pfs_table_system *s;
    int rc;

    if (which == PFS_SYSTEM_COUNT)
        return -ENOENT;
    s = pfs_zalloc(sizeof(*s));
    if (s == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a system table");
    pfs_arena_init(&s->arena, PFS_ARENA_LIMIT);
    s->table = which;
    rc = fill(s, table, when, err);
    if (rc < 0) {
        pfs_table_system_close(s);
        return rc;
    }
    *out = s;
    return 0;
}

const char *pfs_table_system_identity(const struct pfs_table_system *system)
{
    return system->identity;
}

int64_t pfs_table_system_time_ms(const struct pfs_table_system *system)
{
    const struct pfs_state *state = system->system.state;

    return state != NULL && state->exists ? state->snapshot.time_ms : 0;
}

bool pfs_table_system_is_small(const struct pfs_table_system *system)
{
    return !pfs_system_has_rows(system->table);
}

int pfs_table_system_rows(const struct pfs_table_system *system, struct pfs_budget budget,
                          const struct pfs_cancel *cancel, struct pfs_rows **out, struct pfs_err *err)
{
    struct pfs_system with = system->system;

    with.budget = budget;
    with.cancel = cancel;
    return pfs_system_rows(&with, system->table, out, err);
}

const char *pfs_table_system_listed(int index)
{
    assert(index >= 0);
    for (int i = 0; i < PFS_SYSTEM_COUNT; i++)
        if (!pfs_system_has_rows((enum pfs_system_table)i) && index-- == 0)
            return pfs_system_name((enum pfs_system_table)i);
    return NULL;
}
