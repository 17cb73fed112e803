/* catalog.c - directories as databases and tables, and the list of those that are open.
 *
 *   open   every table that anybody holds, by name; nobody's reference
 *   warm   the few that were asked for last, a reference each, so that their metadata stays in memory
 *
 * A table is on `open` from its making until its last reference goes; whoever finds it there with no reference left
 * lets it be, and makes another one. One that was dropped, or made anew under its name, is taken off when it is asked
 * for, and lives on for those who hold it. */
#include "src/table/catalog.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "src/file/external.h"
#include "src/meta/branch.h"
#include "src/meta/names.h"
#include "src/table/internal.h"
#include "src/table/parts.h"

#define DATABASE_SUFFIX ".db"
#define SYSTEM_DATABASE "sys" /* other engines have tables about all tables there */
#define MEMORY_DEFAULT ((size_t)256 << 20)
#define WARM_MAX 16
#define WARM_SHARE 4 /* of the memory: more metadata of tables that nobody holds goes, that of the last one apart */

struct pfs_catalog {
    struct pfs_catalog_config config;
    struct pfs_external *external;
    struct pfs_holds *holds;
    struct pfs_leases *leases;
    pthread_mutex_t lock;             /* guards all below */
    struct pfs_table *open;           /* every table with a reference */
    struct pfs_table *warm[WARM_MAX]; /* a reference each, the one that was asked for last first */
    int warms;
    pthread_mutex_t moving; /* one table is renamed or dropped at a time; above all locks of tables */
};

int pfs_catalog_open(const struct pfs_catalog_config *config, struct pfs_catalog **out, struct pfs_err *err)
{
    struct pfs_catalog *c = pfs_zalloc(sizeof(*c));
    int rc;

    if (c == NULL) {
        pfs_store_close(config->store);
        return pfs_fail(err, ENOMEM, "no memory for the catalog");
    }
    rc = pfs_external_open(config->external_paths, &c->external, err);
    if (rc == 0)
        rc = pfs_holds_open(&c->holds, err);
    if (rc == 0)
        rc = pfs_leases_open(&c->leases, err);
    if (rc < 0) {
        pfs_holds_close(c->holds);
        pfs_store_close(config->store);
        pfs_external_close(c->external);
        pfs_free(c);
        return rc;
    }
    c->config = *config;
    c->config.external_paths = NULL;
    if (c->config.memory_bytes == 0)
        c->config.memory_bytes = MEMORY_DEFAULT;
    pthread_mutex_init(&c->lock, NULL);
    pthread_mutex_init(&c->moving, NULL);
    *out = c;
    return 0;
}

void pfs_catalog_close(struct pfs_catalog *catalog)
{
    if (catalog == NULL)
        return;
    for (int i = 0; i < catalog->warms; i++)
        pfs_table_unref(catalog->warm[i]);
    assert(catalog->open == NULL); /* or somebody would use a catalog that is gone */
    pfs_leases_close(catalog->leases, catalog->config.store);
    pfs_store_close(catalog->config.store);
    pfs_external_close(catalog->external);
    pfs_holds_close(catalog->holds);
    pthread_mutex_destroy(&catalog->lock);
    pthread_mutex_destroy(&catalog->moving);
    pfs_free(catalog);
}

struct pfs_store *pfs_catalog_store(struct pfs_catalog *catalog)
{
    return catalog->config.store;
}

const struct pfs_clock *pfs_catalog_clock(const struct pfs_catalog *catalog)
{
    return catalog->config.clock;
}

void pfs_catalog_tell_reads(struct pfs_catalog *catalog)
{
    if (!catalog->config.read_only)
        pfs_leases_tell(catalog->leases, catalog->config.store, catalog->holds);
}

int pfs_catalog_check_writable(const struct pfs_catalog *catalog, struct pfs_err *err)
{
    return catalog->config.read_only ? pfs_fail(err, EROFS, "the warehouse is mounted read-only") : 0;
}

/* ---- names ---- */

struct names {
    struct pfs_arena *arena;
    const char *suffix;
    const char **name;
    int64_t count, room;
    bool full;
};

static int keep_name(struct names *names, struct pfs_slice name)
{
    assert(names->count <= names->room);
    if (names->count == names->room) {
        int64_t room = names->room == 0 ? 16 : names->room * 2;
        const char **more = pfs_arena_array(names->arena, (size_t)room, sizeof(*more));

        if (more == NULL)
            return -ENOMEM;
        if (names->count > 0)
            memcpy(more, names->name, (size_t)names->count * sizeof(*more));
        names->name = more;
        names->room = room;
    }
    names->name[names->count] = pfs_arena_string(names->arena, name);
    return names->name[names->count++] == NULL ? -ENOMEM : 0;
}

/* A listing's entry: a directory whose name ends as asked; hidden ones are nobody's. */
static int each_directory(void *context, struct pfs_slice name, bool directory)
{
    struct names *names = context;
    size_t suffix = strlen(names->suffix);

    if (!directory || name.len <= suffix || name.at[0] == '.' ||
        memcmp(name.at + name.len - suffix, names->suffix, suffix) != 0)
        return 0;
    name.len -= suffix;
    return keep_name(names, name);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int list_names(struct pfs_catalog *c, const char *path, const char *suffix, struct pfs_arena *arena,
                      const char ***out, int64_t *count, struct pfs_err *err)
{
    struct names names = {.arena = arena, .suffix = suffix};
    int rc = pfs_store_list(c->config.store, path, each_directory, &names, err);

    if (rc == -ENOMEM)
        return pfs_arena_full(arena, err);
    if (rc < 0)
        return rc;
    if (names.count > 0)
        qsort(names.name, (size_t)names.count, sizeof(*names.name), compare_names);
    *out = names.name;
    *count = names.count;
    return 0;
}

int pfs_catalog_databases(struct pfs_catalog *catalog, struct pfs_arena *arena, const char ***names, int64_t *count,
                          struct pfs_err *err)
{
    return list_names(catalog, "", DATABASE_SUFFIX, arena, names, count, err);
}

int pfs_catalog_tables(struct pfs_catalog *catalog, const char *database, struct pfs_arena *arena, const char ***names,
                       int64_t *count, struct pfs_err *err)
{
    const char *path, **all;
    int64_t found, kept = 0;

    PFS_TRY(pfs_name_database(database, arena, &path, err));
    PFS_TRY(list_names(catalog, path, "", arena, &all, &found, err));
    for (int64_t i = 0; i < found; i++)
        if (pfs_catalog_has_table(catalog, database, all[i], NULL))
            all[kept++] = all[i];
    assert(kept <= found);
    *names = all;
    *count = kept;
    return 0;
}

/* ---- databases ---- */

static bool is_directory(struct pfs_catalog *c, const char *path)
{
    struct pfs_stat st;

    return pfs_store_stat(c->config.store, path, &st, NULL) == 0 && st.directory;
}

bool pfs_catalog_has_database(struct pfs_catalog *catalog, const char *database)
{
    struct pfs_arena arena;
    const char *path;
    bool has;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    has = pfs_name_database(database, &arena, &path, NULL) == 0 && is_directory(catalog, path);
    pfs_arena_done(&arena);
    return has;
}

int pfs_catalog_create_database(struct pfs_catalog *catalog, const char *name, struct pfs_err *err)
{
    struct pfs_arena arena;
    const char *path;
    int rc;

    PFS_TRY(pfs_catalog_check_writable(catalog, err));
    if (strcmp(name, SYSTEM_DATABASE) == 0)
        return pfs_fail(err, EINVAL, "Can't do operation on system database.");
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = pfs_name_database(name, &arena, &path, err);
    if (rc == 0)
        rc = pfs_store_mkdir(catalog->config.store, path, err);
    if (rc == 0)
        rc = pfs_store_sync_dir(catalog->config.store, "", err);
    pfs_arena_done(&arena);
    return rc;
}

int pfs_catalog_drop_database(struct pfs_catalog *catalog, const char *name, struct pfs_err *err)
{
    struct pfs_arena arena;
    const char *path;
    int rc;

    PFS_TRY(pfs_catalog_check_writable(catalog, err));
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = pfs_name_database(name, &arena, &path, err);
    if (rc == 0)
        rc = pfs_store_rmdir(catalog->config.store, path, err);
    if (rc == 0)
        rc = pfs_store_sync_dir(catalog->config.store, "", err);
    pfs_arena_done(&arena);
    return rc;
}

/* ---- tables ---- */

int pfs_catalog_paths(const char *database, const char *table, const char *branch, struct pfs_arena *arena,
                      const char **root, const char **meta, struct pfs_err *err)
{
    PFS_TRY(pfs_name_table(database, table, arena, root, err));
    *meta = *root;
    return branch == NULL ? 0 : pfs_name_branch(*root, branch, arena, meta, err);
}

bool pfs_catalog_has_table(struct pfs_catalog *catalog, const char *database, const char *table, const char *branch)
{
    const char *root, *meta;
    struct pfs_arena arena;
    int64_t id;
    bool has;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    has = pfs_catalog_paths(database, table, branch, &arena, &root, &meta, NULL) == 0 &&
          pfs_schema_latest_id(catalog->config.store, meta, &id, NULL) == 0;
    pfs_arena_done(&arena);
    return has;
}

/* Has the table or one of its branches a snapshot? */
static int has_snapshots(struct pfs_catalog *c, const char *root, struct pfs_arena *arena, bool *out,
                         struct pfs_err *err)
{
    struct pfs_store *store = c->config.store;
    const char **branches;
    int64_t count, id;
    int rc = pfs_snapshot_latest_id(store, root, &id, err);

    *out = rc == 0;
    if (rc < 0 && rc != -ENOENT)
        return rc;
    PFS_TRY(pfs_branch_list(store, root, arena, &branches, &count, err));
    for (int64_t i = 0; i < count && !*out; i++) {
        const char *meta;

        PFS_TRY(pfs_name_branch(root, branches[i], arena, &meta, err));
        rc = pfs_snapshot_latest_id(store, meta, &id, err);
        if (rc < 0 && rc != -ENOENT)
            return rc;
        *out = rc == 0;
    }
    return 0;
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* The same as find_open, with the lock of the list held. */
static struct pfs_table *find_listed(const struct pfs_catalog *c, const char *database, const char *table,
                                     const char *branch)
{
    struct pfs_table *t;

    for (t = c->open; t != NULL; t = *pfs_table_link(t))
        if (same_text(pfs_table_database(t), database) && same_text(pfs_table_name(t), table) &&
            same_text(pfs_table_branch(t), branch) && pfs_table_try_ref(t))
            break;
    return t;
}

/* The open table of that name, referenced; NULL when there is none. */
static struct pfs_table *find_open(void *catalog, const char *database, const char *table, const char *branch)
{
    struct pfs_catalog *c = catalog;
    struct pfs_table *t;

    pthread_mutex_lock(&c->lock);
    t = find_listed(c, database, table, branch);
    pthread_mutex_unlock(&c->lock);
    return t;
}

/* ---- tables that move ---- */

struct stopped {
    struct pfs_table **table; /* referenced */
    int64_t count;
};

/* Those open of that name, the main one or its branches. Lock of the list held. */
static void add_open(struct pfs_catalog *c, const char *database, const char *table, bool branches, struct stopped *out)
{
    for (struct pfs_table *t = c->open; t != NULL; t = *pfs_table_link(t))
        if (same_text(pfs_table_database(t), database) && same_text(pfs_table_name(t), table) &&
            (pfs_table_branch(t) != NULL) == branches && pfs_table_try_ref(t))
            out->table[out->count++] = t;
}

static void go_on(struct pfs_catalog *c, struct stopped *stopped)
{
    for (int64_t i = 0; i < stopped->count; i++) {
        pfs_table_go_on(stopped->table[i]);
        pfs_table_unref(stopped->table[i]);
    }
    pfs_free(stopped->table);
    pthread_mutex_unlock(&c->moving);
}

static int compare_places(const void *a, const void *b)
{
    const struct pfs_table *const *x = a, *const *y = b;

    return ((uintptr_t)*x > (uintptr_t)*y) - ((uintptr_t)*x < (uintptr_t)*y);
}

/* Commits to the table and its branches that are under way end first, and none begins until go_on. The branches are
 * stopped as they lie in memory, as others stop two of them. */
static int stop(struct pfs_catalog *c, const char *database, const char *table, struct stopped *out,
                struct pfs_err *err)
{
    int64_t count = 0, stopped = 0, mains = 0;
    int rc = 0;

    *out = (struct stopped){0};
    pthread_mutex_lock(&c->moving);
    pthread_mutex_lock(&c->lock);
    for (struct pfs_table *t = c->open; t != NULL; t = *pfs_table_link(t))
        count++;
    out->table = pfs_alloc_array((size_t)count + 1, sizeof(struct pfs_table *));
    if (out->table == NULL) {
        rc = pfs_fail(err, ENOMEM, "no memory for %lld tables", (long long)count);
    } else {
        add_open(c, database, table, false, out);
        mains = out->count;
        add_open(c, database, table, true, out);
        qsort(out->table + mains, (size_t)(out->count - mains), sizeof(struct pfs_table *), compare_places);
    }
    pthread_mutex_unlock(&c->lock);
    assert(out->count <= count);
    for (; rc == 0 && stopped < out->count; stopped += rc == 0)
        rc = pfs_table_stop(out->table[stopped], err);
    if (rc == 0)
        return 0;
    for (int64_t i = stopped; i < out->count; i++)
        pfs_table_unref(out->table[i]);
    out->count = stopped;
    go_on(c, out);
    return rc;
}

int pfs_catalog_drop_table(struct pfs_catalog *catalog, const char *database, const char *table, bool only_empty,
                           struct pfs_err *err)
{
    struct pfs_arena arena;
    struct stopped stopped;
    const char *root;
    bool filled = false;
    int rc;

    PFS_TRY(pfs_catalog_check_writable(catalog, err));
    if (!pfs_catalog_has_table(catalog, database, table, NULL))
        return -ENOENT;
    PFS_TRY(stop(catalog, database, table, &stopped, err));
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = pfs_name_table(database, table, &arena, &root, err);
    if (rc == 0 && only_empty)
        rc = has_snapshots(catalog, root, &arena, &filled, err);
    if (rc == 0 && filled)
        rc = pfs_fail(err, ENOTEMPTY, "%s.%s has snapshots: DROP TABLE removes it", database, table);
    if (rc == 0)
        rc = pfs_store_remove_all(catalog->config.store, root, err);
    pfs_arena_done(&arena);
    go_on(catalog, &stopped);
    return rc;
}

int pfs_catalog_rename_table(struct pfs_catalog *catalog, const char *database, const char *table,
                             const char *new_database, const char *new_table, struct pfs_err *err)
{
    struct pfs_store *store = catalog->config.store;
    const char *from, *to, *parent;
    struct stopped stopped;
    struct pfs_arena arena;
    int rc;

    PFS_TRY(pfs_catalog_check_writable(catalog, err));
    if (!pfs_catalog_has_table(catalog, database, table, NULL))
        return -ENOENT;
    if (!pfs_catalog_has_database(catalog, new_database))
        return pfs_fail(err, ENOENT, "Database %s does not exist.", new_database);
    PFS_TRY(stop(catalog, database, table, &stopped, err));
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = pfs_name_table(database, table, &arena, &from, err);
    if (rc == 0)
        rc = pfs_name_table(new_database, new_table, &arena, &to, err);
    if (rc == 0)
        rc = pfs_name_database(new_database, &arena, &parent, err);
    if (rc == 0)
        rc = pfs_store_rename_new(store, from, to, err);
    if (rc == 0)
        rc = pfs_store_sync_dir(store, parent, err);
    pfs_arena_done(&arena);
    go_on(catalog, &stopped);
    return rc;
}

static bool unlist(void *catalog, struct pfs_table *table)
{
    struct pfs_catalog *c = catalog;
    struct pfs_table **at;

    pthread_mutex_lock(&c->lock);
    for (at = &c->open; *at != NULL && *at != table; at = pfs_table_link(*at))
        ;
    if (*at == table)
        *at = *pfs_table_link(table);
    pthread_mutex_unlock(&c->lock);
    return true;
}

static int open_new(struct pfs_catalog *c, const char *database, const char *table, const char *branch,
                    struct pfs_table **out, struct pfs_err *err)
{
    struct pfs_table_config config = {.store = c->config.store,
                                      .pool = c->config.pool,
                                      .clock = c->config.clock,
                                      .read_only = c->config.read_only,
                                      .memory_bytes = c->config.memory_bytes,
                                      .external = c->external,
                                      .holds = c->holds,
                                      .leases = c->leases,
                                      .database = database,
                                      .name = table,
                                      .branch = branch,
                                      .unlist = unlist,
                                      .find = find_open,
                                      .catalog = c};
    struct pfs_arena arena;
    int rc;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = pfs_catalog_paths(database, table, branch, &arena, &config.root, &config.meta, err);
    if (rc == 0)
        rc = pfs_table_open(&config, out, err);
    pfs_arena_done(&arena);
    return rc;
}

/* ---- warm tables ---- */

/* Takes the table off the list of warm ones; lock held. Its reference is the caller's to give back then. */
static bool cool(struct pfs_catalog *c, const struct pfs_table *table)
{
    int at = 0;

    while (at < c->warms && c->warm[at] != table)
        at++;
    if (at == c->warms)
        return false;
    assert(at < c->warms);
    assert(c->warms <= WARM_MAX);
    memmove(&c->warm[at], &c->warm[at + 1], (size_t)(c->warms - at - 1) * sizeof(c->warm[0]));
    c->warms--;
    return true;
}

/* The table is the one that was asked for last. What has no room any more goes. */
static void warm(struct pfs_catalog *c, struct pfs_table *table)
{
    struct pfs_table *gone[WARM_MAX + 1];
    size_t bytes = pfs_table_bytes(table);
    int count = 0, kept = 1;

    pthread_mutex_lock(&c->lock);
    if (c->warms > 0 && c->warm[0] == table) {
        pthread_mutex_unlock(&c->lock);
        return;
    }
    if (!cool(c, table))
        (void)pfs_table_ref(table);
    if (c->warms == WARM_MAX)
        gone[count++] = c->warm[--c->warms];
    assert(c->warms < WARM_MAX);
    memmove(&c->warm[1], &c->warm[0], (size_t)c->warms * sizeof(c->warm[0]));
    c->warm[0] = table;
    c->warms++;
    while (kept < c->warms && (bytes += pfs_table_bytes(c->warm[kept])) <= c->config.memory_bytes / WARM_SHARE)
        kept++;
    while (c->warms > kept)
        gone[count++] = c->warm[--c->warms];
    assert(c->warms > 0);
    assert(count <= WARM_MAX + 1);
    pthread_mutex_unlock(&c->lock);
    for (int i = 0; i < count; i++)
        pfs_table_unref(gone[i]);
}

/* Nobody who asks for its name gets this one any more. */
static void forget(struct pfs_catalog *c, struct pfs_table *table)
{
    bool held;

    (void)unlist(c, table);
    pthread_mutex_lock(&c->lock);
    held = cool(c, table);
    pthread_mutex_unlock(&c->lock);
    if (held)
        pfs_table_unref(table);
}

/* The open table of that name if it is still what it was; bare -ENOENT: there is none. */
static int find_same(struct pfs_catalog *c, const char *database, const char *table, const char *branch,
                     struct pfs_table **out, struct pfs_err *err)
{
    struct pfs_table *found = find_open(c, database, table, branch);
    const struct pfs_schema *schema;
    int rc;

    if (found == NULL)
        return -ENOENT;
    rc = pfs_table_schema(found, &schema, err); /* dropped meanwhile? */
    if (rc == 0 && !pfs_table_was_replaced(found)) {
        *out = found;
        return 0;
    }
    if (rc == 0 || rc == -ENOENT) {
        forget(c, found);
        rc = -ENOENT;
    }
    pfs_table_unref(found);
    return rc;
}

static int open_table(struct pfs_catalog *c, const char *database, const char *table, const char *branch,
                      struct pfs_table **out, struct pfs_err *err)
{
    struct pfs_table *found, *made;
    int rc = find_same(c, database, table, branch, out, err);

    if (rc != -ENOENT)
        return rc;
    PFS_TRY(open_new(c, database, table, branch, &made, err));
    pthread_mutex_lock(&c->lock);
    found =
        find_listed(c, database, table, branch); /* in one step with the listing: two tables of a name had two locks */
    if (found == NULL) {
        assert(*pfs_table_link(made) == NULL);
        *pfs_table_link(made) = c->open;
        c->open = made;
    }
    pthread_mutex_unlock(&c->lock);
    if (found != NULL) /* another thread was quicker */
        pfs_table_unref(made);
    *out = found != NULL ? found : made;
    return 0;
}

int pfs_catalog_table(struct pfs_catalog *catalog, const char *database, const char *table, const char *branch,
                      struct pfs_table **out, struct pfs_err *err)
{
    PFS_TRY(open_table(catalog, database, table, branch, out, err));
    warm(catalog, *out);
    return 0;
}

int64_t pfs_catalog_open_tables(struct pfs_catalog *catalog)
{
    int64_t count = 0;

    pthread_mutex_lock(&catalog->lock);
    for (struct pfs_table *t = catalog->open; t != NULL; t = *pfs_table_link(t))
        count++;
    for (int i = 0; i < catalog->warms; i++)
        count -= pfs_table_refs(catalog->warm[i]) == 1;
    pthread_mutex_unlock(&catalog->lock);
    return count;
}
