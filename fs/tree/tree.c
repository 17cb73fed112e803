/* tree.c - the tree as a whole: what it is opened with and closed in which order, tables' errors, listings, walks.
 *
 * Parts are opened from those that know nothing of others to those that call them (the park, views, streams, the
 * caretaker, ingestion, the root), and end the other way: handles hand over what they have, ingestion commits it, nodes
 * go, then what they showed, last the pool's tasks and what these use. */
#include "fs/tree/tree.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "fs/tree/bookmark.h"
#include "fs/tree/internal.h"
#include "fs/tree/pending.h"
#include "src/meta/names.h"

#define LOCALS_SHARE 4    /* of the cache, for local lookup files */
#define CARETAKER_SHARE 4 /* of the memory */

/* ---- life ---- */

/* Acknowledged rows have trouble: nobody waits who could be told. */
static void report(void *context, const char *database, const char *table, const char *branch,
                   const struct pfs_err *why)
{
    const struct pfs_place place = {.database = database, .table = table, .branch = branch};
    struct pfs_tree *tree = context;
    struct pfs_errors *errors;

    pfs_tree_count(tree, "other", -why->code, why);
    if (database != NULL && pfs_tree_errors(tree, &place, &errors, NULL) == 0)
        pfs_errors_add(errors, pfs_clock_now_ms(tree->config.clock), 0, NULL, why);
}

/* Whoever follows a table need not wait for the next tick. */
static void committed(void *context)
{
    const struct pfs_tree *tree = context;

    pfs_streams_poke(tree->streams);
}

static int open_caretaker(struct pfs_tree *t, struct pfs_err *err)
{
    const struct pfs_caretaker_config config = {.catalog = t->config.catalog,
                                                .clock = t->config.clock,
                                                .budget = {t->config.memory_bytes / CARETAKER_SHARE, t->spill},
                                                .background = t->config.background,
                                                .report = report,
                                                .context = t};

    return t->config.write_only ? 0 : pfs_caretaker_open(&config, &t->caretaker, err);
}

static int open_ingest(struct pfs_tree *t, struct pfs_err *err)
{
    const struct pfs_ingest_config config = {.catalog = t->config.catalog,
                                             .caretaker = t->caretaker,
                                             .pool = t->config.pool,
                                             .clock = t->config.clock,
                                             .memory_bytes = t->config.memory_bytes,
                                             .commit_interval_ms = t->config.commit_interval_ms,
                                             .background = t->config.background,
                                             .write_only = t->config.write_only,
                                             .user = t->config.user,
                                             .report = report,
                                             .committed = committed,
                                             .context = t};

    return pfs_ingest_open(&config, &t->ingest, err);
}

/* What fails leaves the parts that are there to pfs_tree_close. */
static int open_parts(struct pfs_tree *t, struct pfs_err *err)
{
    struct pfs_views_config views = {.pool = t->config.pool,
                                     .cache_dir = t->config.cache_dir,
                                     .cache_bytes = t->config.cache_bytes,
                                     .memory_bytes = t->config.memory_bytes,
                                     .warehouse = t->config.warehouse};
    struct pfs_daemon_config daemon = {
        .clock = t->config.clock, .options = t->config.options, .read_only = t->config.read_only};
    const struct pfs_locals_config locals = {
        .dir = t->config.cache_dir, .bytes_max = t->config.cache_bytes / LOCALS_SHARE, .pool = t->config.pool};
    struct pfs_streams_config streams = {.pool = t->config.pool, .cache_dir = t->config.cache_dir};
    const struct pfs_place root = {.path = "", .kind = PFS_NODE_ROOT};

    PFS_TRY(pfs_park_open(&t->park, err));
    views.park = streams.park = t->park;
    PFS_TRY(pfs_views_open(&views, &t->views, err));
    if (t->config.cache_dir != NULL)
        PFS_TRY(pfs_store_open_posix(t->config.cache_dir, &t->spill, err));
    PFS_TRY(pfs_locals_open(&locals, &t->locals, err));
    PFS_TRY(pfs_streams_open(&streams, &t->streams, err));
    PFS_TRY(pfs_answers_open(&t->answers, err));
    PFS_TRY(pfs_daemon_open(&daemon, &t->daemon, err));
    if (!t->config.read_only) {
        PFS_TRY(open_caretaker(t, err));
        PFS_TRY(open_ingest(t, err));
    }
    return pfs_node_get(t, &root, "", NULL, 0, &t->root, err);
}

int pfs_tree_open(const struct pfs_tree_config *config, struct pfs_tree **out, struct pfs_err *err)
{
    struct pfs_tree *t = pfs_zalloc(sizeof(*t));
    int rc;

    if (t == NULL) {
        pfs_catalog_close(config->catalog);
        return pfs_fail(err, ENOMEM, "no memory for the tree");
    }
    t->config = *config;
    t->next_ino = 1;
    t->started_ms = pfs_clock_now_ms(config->clock);
    pthread_mutex_init(&t->lock, NULL);
    rc = open_parts(t, err);
    if (rc < 0) {
        pfs_tree_close(t);
        return rc;
    }
    *out = t;
    return 0;
}

/* All that is left of nodes goes, whoever holds it: no request can come any more. */
void pfs_tree_close(struct pfs_tree *tree)
{
    struct pfs_node *root;

    if (tree == NULL)
        return;
    (void)pfs_tree_finish(tree, NULL);
    pfs_handles_close(tree);
    pfs_caretaker_close(tree->caretaker);
    root = tree->root;
    tree->root = NULL; /* so that it can be forgotten, like all that the kernel did not give back */
    if (root != NULL)
        pfs_tree_forget(tree, root, (uint64_t)root->counts);
    for (size_t i = 0; i < PFS_NODE_BUCKETS; i++)
        while (tree->bucket[i] != NULL)
            pfs_tree_forget(tree, tree->bucket[i], (uint64_t)tree->bucket[i]->counts);
    while (tree->earliest != NULL) /* those that are nobody else's: inboxes */
        pfs_tree_forget(tree, tree->earliest, (uint64_t)tree->earliest->counts);
    for (struct pfs_table_errors *e = tree->errors, *next; e != NULL; e = next) {
        next = e->next;
        pfs_errors_close(e->errors);
        pfs_free(e->table);
        pfs_free(e);
    }
    pfs_scratches_done(tree);
    pfs_streams_close(tree->streams);
    pfs_views_close(tree->views);
    pfs_locals_close(tree->locals);
    pfs_store_close(tree->spill);
    pfs_pool_settle(tree->config.pool); /* requests were answered; who answered them may not be done yet */
    pfs_park_close(tree->park);
    pfs_answers_close(tree->answers);
    pfs_daemon_close(tree->daemon);
    pfs_catalog_close(tree->config.catalog);
    pthread_mutex_destroy(&tree->lock);
    pfs_free(tree);
}

/* Open handles are ended first: their rows are among those that are committed. */
int pfs_tree_finish(struct pfs_tree *tree, struct pfs_err *err)
{
    int rc;

    pfs_handles_end(tree);
    rc = pfs_ingest_close(tree->ingest, err);
    tree->ingest = NULL;
    return rc;
}

int pfs_tree_compact(struct pfs_tree *tree, struct pfs_err *err)
{
    return tree->caretaker == NULL ? 0 : pfs_caretaker_run(tree->caretaker, err);
}

void pfs_tree_stop(struct pfs_tree *tree)
{
    pfs_streams_stop(tree->streams);
}

void pfs_tree_interrupt(struct pfs_tree *tree, struct pfs_request *request)
{
    pfs_park_interrupt(tree->park, request);
}

void pfs_tree_count(struct pfs_tree *tree, const char *operation, int64_t result, const struct pfs_err *err)
{
    pfs_daemon_count(tree->daemon, operation, result, err);
}

struct pfs_budget pfs_tree_budget(const struct pfs_tree *tree)
{
    return (struct pfs_budget){pfs_views_rendering_bytes(tree->views), tree->spill};
}

/* ---- tables ---- */

const char *pfs_place_table(const struct pfs_place *place, struct pfs_arena *arena)
{
    return place->branch == NULL
               ? pfs_arena_printf(arena, "%s/%s", place->database, place->table)
               : pfs_arena_printf(arena, "%s/%s/branch/%s", place->database, place->table, place->branch);
}

int pfs_tree_table(struct pfs_tree *tree, const struct pfs_place *place, struct pfs_table **out, struct pfs_err *err)
{
    return pfs_catalog_table(tree->config.catalog, place->database, place->table, place->branch, out, err);
}

/* Kept as long as the tree: a table has one, and few tables are written to. Lock held. */
static int add_errors(struct pfs_tree *tree, const char *table, struct pfs_table_errors **out, struct pfs_err *err)
{
    struct pfs_table_errors *e = pfs_zalloc(sizeof(*e));
    int rc;

    if (e == NULL || (e->table = pfs_strdup(table)) == NULL) {
        pfs_free(e);
        return pfs_fail(err, ENOMEM, "no memory for errors.jsonl");
    }
    rc = pfs_errors_open(&e->errors, err);
    if (rc < 0) {
        pfs_free(e->table);
        pfs_free(e);
        return rc;
    }
    assert(e->errors != NULL);
    e->next = tree->errors;
    tree->errors = e;
    *out = e;
    return 0;
}

int pfs_tree_errors(struct pfs_tree *tree, const struct pfs_place *place, struct pfs_errors **out, struct pfs_err *err)
{
    struct pfs_table_errors *e;
    struct pfs_arena arena;
    const char *table;
    int rc = 0;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    table = pfs_place_table(place, &arena);
    if (table == NULL)
        rc = pfs_arena_full(&arena, err);
    pthread_mutex_lock(&tree->lock);
    for (e = tree->errors; rc == 0 && e != NULL && strcmp(e->table, table) != 0; e = e->next)
        ;
    if (rc == 0 && e == NULL)
        rc = add_errors(tree, table, &e, err);
    pthread_mutex_unlock(&tree->lock);
    pfs_arena_done(&arena);
    if (rc == 0)
        *out = e->errors;
    return rc;
}

/* A sentence about the mount comes before one about the place. */
int pfs_tree_writable(const struct pfs_tree *tree, const struct pfs_place *place, struct pfs_err *err)
{
    if (tree->config.read_only)
        return pfs_fail(err, EROFS, "%s: the file system is mounted read-only", place->path);
    if (pfs_place_is_frozen(place) || place->wheres > 0 || place->selects > 0)
        return pfs_fail(err, EROFS, "%s is frozen or a refinement, and read-only", place->path);
    return 0;
}

/* ---- listing ---- */

struct listing {
    struct pfs_tree *tree;
    struct pfs_arena *arena;
    struct pfs_listed *item;
    int64_t count, room;
    struct pfs_err *err;
};

static int list_name(struct listing *l, const char *name, bool directory)
{
    assert(l->count <= l->room);
    if (l->count == l->room) {
        int64_t room = l->room == 0 ? 32 : l->room * 2;
        struct pfs_listed *more = pfs_arena_array(l->arena, (size_t)room, sizeof(*more));

        if (more == NULL)
            return pfs_arena_full(l->arena, l->err);
        if (l->count > 0)
            memcpy(more, l->item, (size_t)l->count * sizeof(*more));
        l->item = more;
        l->room = room;
    }
    l->item[l->count++] = (struct pfs_listed){name, 0, directory};
    return 0;
}

static int list_member(void *context, const char *name, enum pfs_node_kind kind)
{
    return list_name(context, name, pfs_node_kind_is_dir(kind));
}

/* Names that people gave; hidden ones are nobody's. */
static int list_names(struct listing *l, enum pfs_node_kind parent, const char **names, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        const char *shown;

        if (names[i][0] == '.')
            continue;
        PFS_TRY(pfs_place_print_name(parent, names[i], l->arena, &shown, l->err));
        if (shown != NULL)
            PFS_TRY(list_name(l, shown, true));
    }
    return 0;
}

/* Values of the next partition column among the partitions that match so far; they come sorted, so equal ones are
 * neighbours once the columns before are held. */
static int list_partitions(struct listing *l, const struct pfs_place *place, struct pfs_state *state)
{
    const struct pfs_schema *schema = state->schema;
    struct pfs_partition_value *held;
    const struct pfs_slice *partition;
    const char *last = ""; /* no partition has that name: each has an '=' */
    int64_t count;

    if (place->specs >= schema->partition_keys)
        return 0;
    PFS_TRY(pfs_place_partitions(place, schema, l->arena, &held, l->err));
    PFS_TRY(pfs_scan_partitions(state, l->arena, &partition, &count, l->err));
    for (int64_t i = 0; i < count; i++) {
        struct pfs_column *value;
        struct pfs_buf text = {0};
        bool matches;
        const char *name;
        int rc;

        PFS_TRY(pfs_scan_partition_values(state, partition[i], l->arena, &value, l->err));
        matches = pfs_scan_partition_matches(schema, value, held, place->specs);
        if (!matches)
            continue;
        pfs_name_escape(pfs_str(schema->field[schema->partition_key[place->specs]].name), &text);
        pfs_buf_putc(&text, '=');
        rc = pfs_name_value_print(&value[place->specs], &text, l->err);
        name = pfs_arena_string(l->arena, pfs_buf_slice(&text));
        pfs_buf_done(&text);
        PFS_TRY(rc);
        if (name == NULL)
            return pfs_arena_full(l->arena, l->err);
        assert(name[0] != '\0');
        if (strcmp(name, last) != 0)
            PFS_TRY(list_name(l, name, true));
        last = name;
    }
    return 0;
}

static int list_in_state(struct listing *l, const struct pfs_place *place)
{
    struct pfs_table *table;
    struct pfs_state *state;
    struct pfs_err refused = {0};
    int rc;

    PFS_TRY(pfs_tree_table(l->tree, place, &table, l->err));
    rc = pfs_table_state(table, pfs_place_shown(place), &state, &refused);
    if (rc == -EIO || rc == -EINVAL) /* what the table's options say cannot be read: it is there all the same */
        rc = pfs_table_state(table, pfs_place_when(place), &state, &refused);
    pfs_table_unref(table);
    if (rc < 0 && refused.code != 0)
        return pfs_fail(l->err, refused.code, "%s", refused.text);
    if (rc < 0)
        return rc;
    rc = list_partitions(l, place, state);
    pfs_state_unref(state);
    return rc;
}

static int list_tags(struct listing *l, const struct pfs_place *place, struct pfs_table *table)
{
    const char **names;
    int64_t count;

    if (place->kind == PFS_NODE_TAGS ? place->snapshot != 0 : place->tag != NULL) /* only places to make them in */
        return 0;
    if (place->kind == PFS_NODE_TAGS)
        PFS_TRY(pfs_table_tags(table, l->arena, &names, &count, l->err));
    else
        PFS_TRY(pfs_table_branches(table, l->arena, &names, &count, l->err));
    return list_names(l, place->kind, names, count);
}

/* Views of the newest state are few, since whoever lists with sizes has each of them rendered. */
static int list_snapshots(struct listing *l, const struct pfs_place *place, struct pfs_table *table)
{
    unsigned formats = l->tree->config.formats == 0 ? 1u << PFS_TEXT_CSV : l->tree->config.formats;
    int64_t *ids, count;

    if (formats & 1u << PFS_TEXT_CSV)
        PFS_TRY(list_name(l, "latest.csv", false));
    if (formats & 1u << PFS_TEXT_JSON)
        PFS_TRY(list_name(l, "latest.jsonl", false));
    if (formats & PFS_FORMAT_PARQUET)
        PFS_TRY(list_name(l, "latest.parquet", false));
    if (!pfs_place_has_snapshots(place))
        return 0;
    PFS_TRY(pfs_table_snapshots(table, l->arena, &ids, &count, l->err));
    for (int64_t i = 0; i < count; i++) {
        const char *name = pfs_arena_printf(l->arena, "%lld", (long long)ids[i]);

        if (name == NULL)
            return pfs_arena_full(l->arena, l->err);
        PFS_TRY(list_name(l, name, true));
    }
    return 0;
}

static int list_consumers(struct listing *l, struct pfs_table *table)
{
    const char **names;
    int64_t count;

    PFS_TRY(pfs_table_consumers(table, l->arena, &names, &count, l->err));
    for (int64_t i = 0; i < count; i++)
        if (names[i][0] != '.')
            PFS_TRY(list_name(l, names[i], false));
    return 0;
}

/* What is read from the table of a directory. */
static int list_in_table(struct listing *l, const struct pfs_place *place)
{
    struct pfs_table *table;
    int rc;

    PFS_TRY(pfs_tree_table(l->tree, place, &table, l->err));
    if (place->kind == PFS_NODE_SNAPSHOTS)
        rc = list_snapshots(l, place, table);
    else if (place->kind == PFS_NODE_CONSUMERS)
        rc = list_consumers(l, table);
    else
        rc = list_tags(l, place, table);
    pfs_table_unref(table);
    return rc;
}

/* Without those that a listing should not have read: tables of all rows. */
static int list_systems(struct listing *l)
{
    const char *name;

    for (int i = 0; (name = pfs_table_system_listed(i)) != NULL; i++) {
        const char *file = pfs_arena_printf(l->arena, "%s.csv", name);

        if (file == NULL)
            return pfs_arena_full(l->arena, l->err);
        PFS_TRY(list_name(l, file, false));
    }
    return 0;
}

static int list_daemon(struct listing *l)
{
    const char *name;

    for (int i = 0; (name = pfs_daemon_name(i)) != NULL; i++)
        PFS_TRY(list_name(l, name, false));
    return 0;
}

/* What the directory of the warehouse has, whatever else lies there. */
static int list_catalog(struct listing *l, const struct pfs_place *place)
{
    struct pfs_catalog *catalog = l->tree->config.catalog;
    const char **names;
    int64_t count;

    if (place->kind == PFS_NODE_ROOT)
        PFS_TRY(pfs_catalog_databases(catalog, l->arena, &names, &count, l->err));
    else
        PFS_TRY(pfs_catalog_tables(catalog, place->database, l->arena, &names, &count, l->err));
    return list_names(l, place->kind, names, count);
}

/* Members first: they need no table. */
static int list_all(struct listing *l, const struct pfs_place *place)
{
    PFS_TRY(list_name(l, ".", true));
    PFS_TRY(list_name(l, "..", true));
    PFS_TRY(pfs_place_members(place, list_member, l));
    switch ((int)place->kind) {
    case PFS_NODE_ROOT:
    case PFS_NODE_DATABASE:
        return list_catalog(l, place);
    case PFS_NODE_PLACE:
        return place->specs > 0 ? list_in_state(l, place) : 0;
    case PFS_NODE_PARTITIONS:
        return list_in_state(l, place);
    case PFS_NODE_SNAPSHOTS:
    case PFS_NODE_TAGS:
    case PFS_NODE_BRANCHES:
    case PFS_NODE_CONSUMERS:
        return list_in_table(l, place);
    case PFS_NODE_DAEMON:
        return list_daemon(l);
    case PFS_NODE_SYSTEMS:
        return list_systems(l);
    default:
        return pfs_node_kind_is_dir(place->kind) ? 0 : -ENOTDIR;
    }
}

/* All of it at once: a listing that is read piece by piece stays the same while names come and go. */
void pfs_tree_list(struct pfs_tree *tree, struct pfs_request *request, struct pfs_node *node, struct pfs_arena *arena,
                   struct pfs_listed **out, int64_t *count)
{
    struct listing l = {.tree = tree, .arena = arena, .err = &request->err};
    int rc = pfs_node_here(node);

    if (rc == 0)
        rc = list_all(&l, &node->place);
    *out = l.item;
    *count = l.count;
    request->done(request, rc);
}

/* ---- walking ---- */

/* As the kernel walks, with a count on each node until the next one is had. */
int pfs_tree_walk(struct pfs_tree *tree, const char *path, struct pfs_entry *out, struct pfs_err *err)
{
    struct pfs_entry at = {.node = tree->root};
    struct pfs_waiting waiting;
    int64_t result = 0;

    PFS_TRY(pfs_waiting_init(&waiting, err));
    pfs_node_attr(tree, tree->root, &at.attr);
    while (result == 0 && *path != '\0') {
        size_t len = strcspn(path, "/");
        char name[PFS_NAME_BYTES_MAX + 1];
        struct pfs_entry next;

        if (len > PFS_NAME_BYTES_MAX) {
            result = -ENAMETOOLONG;
            break;
        }
        memcpy(name, path, len);
        name[len] = '\0';
        path += len + (path[len] == '/');
        if (len == 0)
            continue;
        assert(at.node != NULL);
        pfs_tree_lookup(tree, &waiting.request, at.node, name, &next);
        result = pfs_waiting_result(&waiting, err);
        pfs_tree_forget(tree, at.node, 1);
        at = next;
    }
    pfs_waiting_done(&waiting);
    if (result < 0)
        return (int)result;
    *out = at;
    return 0;
}
