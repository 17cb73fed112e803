/* system.c - one list of system tables, each with where its rows come from: what tells that they may have changed is
 * the state's identity for those that a snapshot decides, and the look of a directory for those that are made of its
 * files. */
#include "src/system/system.h"

#include <assert.h>
#include <stdio.h>
#include <strings.h>

#include "base/hash.h"
#include "base/limits.h"
#include "src/system/tables.h"

static const struct table {
    const char *name;
    enum pfs_system_source source;
    pfs_system_fn *rows;
} tables[] = {
#define X(id, name, source) {#name, PFS_FROM_##source, pfs_system_##name},
    PFS_SYSTEM_TABLES(X)
#undef X
};

static_assert(sizeof(tables) / sizeof(tables[0]) == PFS_SYSTEM_COUNT, "a row for each of the enum's");

const char *pfs_system_name(enum pfs_system_table table)
{
    assert(table < PFS_SYSTEM_COUNT);
    return tables[table].name;
}

enum pfs_system_source pfs_system_source(enum pfs_system_table table)
{
    assert(table < PFS_SYSTEM_COUNT);
    return tables[table].source;
}

/* Whoever shows a view of one of these has to be ready for as much as the table has. */
bool pfs_system_has_rows(enum pfs_system_table table)
{
    return table == PFS_SYSTEM_RO || table == PFS_SYSTEM_AUDIT_LOG || table == PFS_SYSTEM_BINLOG ||
           table == PFS_SYSTEM_ROW_TRACKING;
}

enum pfs_system_table pfs_system_find(const char *name)
{
    int i = 0;

    while (i < PFS_SYSTEM_COUNT && strcasecmp(tables[i].name, name) != 0)
        i++;
    return (enum pfs_system_table)i;
}

int pfs_system_rows(const struct pfs_system *system, enum pfs_system_table table, struct pfs_rows **out,
                    struct pfs_err *err)
{
    assert(table < PFS_SYSTEM_COUNT);
    assert(system->state != NULL ||
           (tables[table].source != PFS_FROM_STATE && tables[table].source != PFS_FROM_NEWEST));
    return tables[table].rows(system, out, err);
}

/* The arena is for what a filler needs until all rows are there; the grid has copies. */
int pfs_system_make(const struct pfs_field *field, size_t columns, pfs_system_fill_fn *fill,
                    const struct pfs_system *system, struct pfs_rows **out, struct pfs_err *err)
{
    struct pfs_arena arena;
    struct pfs_grid *grid;
    int rc;

    PFS_TRY(pfs_grid_open(field, (int32_t)columns, &grid, err));
    pfs_arena_init(&arena, PFS_MANIFEST_BYTES_MAX);
    rc = fill(grid, system, &arena, err);
    pfs_arena_done(&arena);
    if (rc < 0) {
        pfs_grid_close(grid);
        return rc;
    }
    return pfs_grid_rows(grid, out, err);
}

/* ---- identities ---- */

struct names {
    struct pfs_arena *arena;
    const char *path;
    const char **name;
    int64_t count, room;
};

/* Names are kept, since nothing is asked of the store while it lists. */
static int each(void *context, struct pfs_slice name, bool directory)
{
    struct names *n = context;

    (void)directory;
    assert(n->count <= n->room);
    if (n->count == n->room) {
        int64_t room = n->room == 0 ? 64 : n->room * 2;
        const char **more = pfs_arena_array(n->arena, (size_t)room, sizeof(*more));

        if (more == NULL)
            return -ENOMEM;
        if (n->count > 0)
            memcpy(more, n->name, (size_t)n->count * sizeof(*more));
        n->name = more;
        n->room = room;
    }
    n->name[n->count] = pfs_arena_printf(n->arena, "%s/%.*s", n->path, PFS_P(name));
    return n->name[n->count++] == NULL ? -ENOMEM : 0;
}

/* What the files of a directory are called and when they changed, whatever the order. A file that goes meanwhile is
 * one that is not there. */
static int print_of(struct pfs_store *store, const char *path, struct pfs_arena *arena, uint64_t *out,
                    struct pfs_err *err)
{
    struct names names = {.arena = arena, .path = path};
    int rc = pfs_store_list(store, path, each, &names, err);

    *out = 0;
    if (rc == -ENOMEM)
        return pfs_arena_full(arena, err);
    if (rc < 0)
        return rc == -ENOENT ? 0 : rc;
    for (int64_t i = 0; i < names.count; i++) {
        struct pfs_stat st;
        int64_t facts[4];

        rc = pfs_store_stat(store, names.name[i], &st, err);
        if (rc == -ENOENT)
            continue;
        if (rc < 0)
            return rc;
        facts[0] = (int64_t)st.inode;
        facts[1] = st.ctime_ns;
        facts[2] = st.mtime_ns;
        facts[3] = (int64_t)st.size;
        /* A sum, since a directory is listed in no order: hashes of names keep it from depending on one. */
        *out += pfs_hash64(facts, sizeof(facts), pfs_hash64(names.name[i], strlen(names.name[i]), 1));
    }
    return 0;
}

/* Of a table made of files in a directory two looks are the same when every file has the same name, inode and times: a
 * file of Paimon's is never changed in place. */
int pfs_system_identity(const struct pfs_system *system, enum pfs_system_table table, struct pfs_arena *arena,
                        const char **out, struct pfs_err *err)
{
    static const char *const directory[] = {[PFS_FROM_SCHEMA] = "schema",
                                            [PFS_FROM_SNAPSHOT] = "snapshot",
                                            [PFS_FROM_TAG] = "tag",
                                            [PFS_FROM_BRANCH] = "branch",
                                            [PFS_FROM_CONSUMER] = "consumer"};
    enum pfs_system_source source = tables[table].source;
    const struct pfs_state *state = system->state;

    assert(table < PFS_SYSTEM_COUNT);
    if (source == PFS_FROM_STATE || source == PFS_FROM_NEWEST) {
        *out = pfs_arena_printf(arena, "%s|%lld-%lld", state->identity, (long long)state->schema->id,
                                (long long)state->schema->time_ms);
    } else {
        const char *path = pfs_arena_printf(arena, "%s/%s", source == PFS_FROM_BRANCH ? system->root : system->meta,
                                            directory[source]);
        uint64_t print;

        if (path == NULL)
            return pfs_arena_full(arena, err);
        PFS_TRY(print_of(system->store, path, arena, &print, err));
        *out = pfs_arena_printf(arena, "%016llx", (unsigned long long)print);
    }
    return *out == NULL ? pfs_arena_full(arena, err) : 0;
}
