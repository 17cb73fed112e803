/* table.c - the newest state and states of other times, commits one at a time, consumers.
 *
 * The newest state is kept, with what its snapshot's file was like when it was loaded. It is the newest still while
 * that file is the same and the next id has no file: three stats. States of other times are loaded when they are asked
 * for; their manifests come from the cache that all states of the table share. */
#include "src/table/table.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/uuid.h"
#include "src/meta/consumer.h"
#include "src/meta/names.h"
#include "src/table/internal.h"

#define MANIFEST_CACHE_SHARE 4 /* a quarter of the memory budget */

struct pfs_table {
    atomic_int refs;
    struct pfs_table_config config; /* strings are ours */
    struct pfs_table *next;         /* catalog's list, guarded by its lock */
    struct pfs_schemas *schemas;
    struct pfs_manifests *manifests;
    pthread_mutex_t compact; /* lock 0 */
    pthread_mutex_t commit;  /* lock 1 */
    pthread_mutex_t lock;    /* lock 2, guards the members below */
    struct pfs_state *state;
    struct pfs_stat snapshot_stat;            /* of the state's snapshot file */
    struct pfs_state *pinned;                 /* what reads were pinned to last; NULL = nothing */
    const struct pfs_schema *rescaled_schema; /* that `rescaled` was found out of */
    bool rescaled;
    _Atomic(const struct pfs_schema *) written; /* the last one that rows can be written with; no lock */
    struct pfs_upkeep upkeep;
    struct pfs_rewinds rewinds;
};

/* ---- life ---- */

static void table_free(struct pfs_table *t)
{
    pfs_state_unref(t->state);
    pfs_state_unref(t->pinned);
    pfs_manifests_close(t->manifests);
    pfs_schemas_unref(t->schemas);
    pthread_mutex_destroy(&t->upkeep.lock);
    pthread_mutex_destroy(&t->rewinds.lock);
    pthread_mutex_destroy(&t->compact);
    pthread_mutex_destroy(&t->commit);
    pthread_mutex_destroy(&t->lock);
    pfs_free((void *)(uintptr_t)t->config.database);
    pfs_free((void *)(uintptr_t)t->config.name);
    pfs_free((void *)(uintptr_t)t->config.branch);
    pfs_free((void *)(uintptr_t)t->config.root);
    pfs_free((void *)(uintptr_t)t->config.meta);
    pfs_free(t);
}

static int copy_names(struct pfs_table *t, const struct pfs_table_config *from, struct pfs_err *err)
{
    const char *text[] = {from->database, from->name, from->branch, from->root, from->meta};
    const char **to[] = {&t->config.database, &t->config.name, &t->config.branch, &t->config.root, &t->config.meta};
    bool full = false;

    for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++) {
        *to[i] = text[i] == NULL ? NULL : pfs_strdup(text[i]);
        full |= text[i] != NULL && *to[i] == NULL;
    }
    return full ? pfs_fail(err, ENOMEM, "no memory for table %s", from->name) : 0;
}

int pfs_table_open(const struct pfs_table_config *config, struct pfs_table **out, struct pfs_err *err)
{
    struct pfs_table *t = pfs_zalloc(sizeof(*t));
    const struct pfs_schema *schema;
    int rc;

    if (t == NULL)
        return pfs_fail(err, ENOMEM, "no memory for table %s", config->name);
    t->config = *config;
    atomic_init(&t->refs, 1);
    pthread_mutex_init(&t->upkeep.lock, NULL);
    pthread_mutex_init(&t->rewinds.lock, NULL);
    pthread_mutex_init(&t->compact, NULL);
    pthread_mutex_init(&t->commit, NULL);
    pthread_mutex_init(&t->lock, NULL);
    rc = copy_names(t, config, err);
    if (rc == 0)
        rc = pfs_schemas_open(config->store, t->config.meta, &t->schemas, err);
    if (rc == 0)
        rc = pfs_schemas_latest(t->schemas, &schema, err);
    if (rc == 0)
        rc = pfs_manifests_open(config->store, t->config.root, config->memory_bytes / MANIFEST_CACHE_SHARE,
                                &t->manifests, err);
    if (rc < 0) {
        table_free(t);
        return rc;
    }
    *out = t;
    return 0;
}

struct pfs_table *pfs_table_ref(struct pfs_table *table)
{
    int refs = atomic_fetch_add(&table->refs, 1);

    assert(refs > 0); /* who has none asks pfs_table_try_ref */
    (void)refs;
    return table;
}

bool pfs_table_try_ref(struct pfs_table *table)
{
    int refs = atomic_load(&table->refs);

    while (refs > 0)
        if (atomic_compare_exchange_weak(&table->refs, &refs, refs + 1))
            return true;
    return false;
}

void pfs_table_unref(struct pfs_table *table)
{
    if (table == NULL || atomic_fetch_sub(&table->refs, 1) != 1)
        return;
    assert(atomic_load(&table->refs) == 0);
    if (table->config.unlist(table->config.catalog, table))
        table_free(table);
}

struct pfs_table **pfs_table_link(struct pfs_table *table)
{
    return &table->next;
}

int pfs_table_refs(const struct pfs_table *table)
{
    return atomic_load(&table->refs);
}

bool pfs_table_was_replaced(struct pfs_table *table)
{
    return pfs_schemas_were_replaced(table->schemas);
}

size_t pfs_table_bytes(struct pfs_table *table)
{
    return pfs_manifests_bytes(table->manifests);
}

struct pfs_rewinds *pfs_table_rewinds(struct pfs_table *table)
{
    return &table->rewinds;
}

struct pfs_upkeep *pfs_table_upkeep(struct pfs_table *table)
{
    return &table->upkeep;
}

const char *pfs_table_database(const struct pfs_table *table)
{
    return table->config.database;
}

const char *pfs_table_name(const struct pfs_table *table)
{
    return table->config.name;
}

const char *pfs_table_branch(const struct pfs_table *table)
{
    return table->config.branch;
}

struct pfs_table_parts pfs_table_parts(const struct pfs_table *table)
{
    return (struct pfs_table_parts){.store = table->config.store,
                                    .root = table->config.root,
                                    .meta = table->config.meta,
                                    .schemas = table->schemas,
                                    .manifests = table->manifests,
                                    .pool = table->config.pool,
                                    .clock = table->config.clock,
                                    .external = table->config.external,
                                    .holds = table->config.holds,
                                    .leases = table->config.leases,
                                    .read_only = table->config.read_only,
                                    .memory_bytes = table->config.memory_bytes};
}

int pfs_table_check_writable(const struct pfs_table *table, struct pfs_err *err)
{
    return table->config.read_only ? pfs_fail(err, EROFS, "the warehouse is mounted read-only") : 0;
}

int pfs_table_lock_commit(struct pfs_table *table, struct pfs_err *err)
{
    PFS_TRY(pfs_table_check_writable(table, err));
    pthread_mutex_lock(&table->commit);
    return 0;
}

void pfs_table_unlock_commit(struct pfs_table *table)
{
    pthread_mutex_unlock(&table->commit);
}

int pfs_table_stop(struct pfs_table *table, struct pfs_err *err)
{
    int rc;

    pthread_mutex_lock(&table->upkeep.lock);
    rc = pfs_table_lock_commit(table, err);
    if (rc < 0)
        pthread_mutex_unlock(&table->upkeep.lock);
    return rc;
}

void pfs_table_go_on(struct pfs_table *table)
{
    pfs_table_unlock_commit(table);
    pthread_mutex_unlock(&table->upkeep.lock);
}

struct pfs_table *pfs_table_find_branch(struct pfs_table *table, const char *branch)
{
    return table->config.find(table->config.catalog, table->config.database, table->config.name, branch);
}

/* ---- states ---- */

/* The current state, referenced, if it is still the newest: its snapshot's file is the same, there is no next one, and
 * the schema is the same. A table without a snapshot is asked for again each time. */
static struct pfs_state *still_current(struct pfs_table *t, const struct pfs_schema *schema)
{
    struct pfs_store *store = t->config.store;
    const char *meta = t->config.meta;
    struct pfs_state *state = NULL;
    struct pfs_stat held, now;

    pthread_mutex_lock(&t->lock);
    if (t->state != NULL && t->state->schema == schema)
        state = pfs_state_ref(t->state);
    held = t->snapshot_stat;
    pthread_mutex_unlock(&t->lock);
    if (state == NULL)
        return NULL;
    if (state->exists && pfs_snapshot_stat(store, meta, state->snapshot.id, &now) == 0 &&
        pfs_stat_is_same_file(&held, &now) && pfs_snapshot_stat(store, meta, state->snapshot.id + 1, &now) == -ENOENT)
        return state;
    pfs_state_unref(state);
    return NULL;
}

static int load_state(struct pfs_table *t, const struct pfs_schema *schema, const struct pfs_snapshot *snapshot,
                      struct pfs_state **out, struct pfs_err *err)
{
    PFS_TRY(pfs_state_load(t->manifests, t->config.store, t->config.root, t->schemas, schema, snapshot, out, err));
    (*out)->external = t->config.external;
    (*out)->holds = t->config.holds;
    return 0;
}

/* Loads the newest snapshot; one that expires between the look and the load is looked for again. */
static int load_latest(struct pfs_table *t, const struct pfs_schema *schema, struct pfs_arena *arena,
                       struct pfs_state **out, struct pfs_err *err)
{
    struct pfs_snapshot snapshot;
    struct pfs_stat stat;
    int rc = -ENOENT;

    for (int attempt = 0; attempt < 4 && (rc == -ENOENT || rc == -ESTALE); attempt++) {
        int64_t id;

        rc = pfs_snapshot_latest_id(t->config.store, t->config.meta, &id, err);
        if (rc == -ENOENT)
            return load_state(t, schema, NULL, out, err);
        if (rc == 0)
            rc = pfs_snapshot_load(t->config.store, t->config.meta, id, arena, &snapshot, &stat, err);
        if (rc == 0)
            rc = load_state(t, schema, &snapshot, out, err);
    }
    if (rc == -ENOENT)
        return pfs_fail(err, EIO, "the newest snapshot vanishes whenever it is opened");
    if (rc < 0)
        return rc;
    pthread_mutex_lock(&t->lock);
    assert(*out != t->state);
    pfs_state_unref(t->state);
    t->state = pfs_state_ref(*out);
    t->snapshot_stat = stat;
    pthread_mutex_unlock(&t->lock);
    return 0;
}

/* Fills in what batch reads add to the state; on failure it is given back. A state that was filled in is nobody else's:
 * load_latest keeps one for others only when there is nothing to fill in, or it is asked for again each time. */
static int complete(struct pfs_table *t, const struct pfs_asked *asked, struct pfs_state *state, struct pfs_state **out,
                    struct pfs_err *err)
{
    int rc = pfs_table_add_fallback(t, asked, state, err);

    if (rc < 0)
        pfs_state_unref(state);
    else
        *out = state;
    return rc;
}

static int load_newest(struct pfs_table *t, const struct pfs_asked *asked, struct pfs_state **out, struct pfs_err *err)
{
    struct pfs_state *state;
    struct pfs_arena arena;
    int rc;

    if (!pfs_table_has_other(t, asked->newest) && (*out = still_current(t, asked->newest)) != NULL)
        return 0; /* else what it falls back to may have changed */
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = load_latest(t, asked->newest, &arena, &state, err);
    if (rc == 0)
        rc = complete(t, asked, state, out, err);
    pfs_arena_done(&arena);
    return rc;
}

static int latest(struct pfs_table *t, struct pfs_state **out, struct pfs_err *err)
{
    struct pfs_asked asked = {.when = {.kind = PFS_WHEN_LATEST}};

    PFS_TRY(pfs_schemas_latest(t->schemas, &asked.newest, err));
    return load_newest(t, &asked, out, err);
}

static int find_snapshot(struct pfs_table *t, struct pfs_when when, struct pfs_arena *arena, struct pfs_snapshot *out,
                         struct pfs_err *err)
{
    switch (when.kind) {
    case PFS_WHEN_SNAPSHOT:
        return pfs_snapshot_load(t->config.store, t->config.meta, when.number, arena, out, NULL, err);
    case PFS_WHEN_TIME:
        return pfs_snapshot_at_time(t->config.store, t->config.meta, when.number, arena, out, err);
    case PFS_WHEN_TAG:
        return pfs_tag_load(t->config.store, t->config.meta, when.tag, arena, out, NULL, err);
    case PFS_WHEN_LATEST:
    case PFS_WHEN_READ:
        break;
    }
    return -EINVAL;
}

/* ---- what the table's options pin reads to ---- */

/* The state of an earlier read, referenced, when it is of the same snapshot, read in the same way. */
static struct pfs_state *same_pinned(struct pfs_table *t, const struct pfs_schema *schema, const struct pfs_pin *pin)
{
    struct pfs_state *state = NULL;

    pthread_mutex_lock(&t->lock);
    if (t->pinned != NULL && t->pinned->schema == schema && t->pinned->snapshot.id == pin->snapshot.id &&
        strcmp(t->pinned->snapshot.delta_list, pin->snapshot.delta_list) == 0)
        state = pfs_state_ref(t->pinned);
    pthread_mutex_unlock(&t->lock);
    return state;
}

/* One is kept, for the next read: NULL for none. */
static void keep_pinned(struct pfs_table *t, struct pfs_state *state)
{
    struct pfs_state *old;

    pthread_mutex_lock(&t->lock);
    old = t->pinned;
    t->pinned = state == NULL ? NULL : pfs_state_ref(state);
    pthread_mutex_unlock(&t->lock);
    pfs_state_unref(old);
}

int pfs_table_load_pin(struct pfs_table *table, const struct pfs_pin *pin, struct pfs_schemas *schemas,
                       const struct pfs_schema *newest, struct pfs_state **out, struct pfs_err *err)
{
    const struct pfs_schema *schema = newest;
    struct pfs_state *whole;
    int rc;

    if (pin->exists && pin->travels)
        PFS_TRY(pfs_schemas_under(schemas, pin->snapshot.schema_id, newest, &schema, err));
    PFS_TRY(pfs_state_load(table->manifests, table->config.store, table->config.root, schemas, schema,
                           pin->exists ? &pin->snapshot : NULL, out, err));
    (*out)->external = table->config.external;
    (*out)->holds = table->config.holds;
    if (pin->since_ms == PFS_NO_NUMBER)
        return 0;
    whole = *out;
    rc = pfs_state_since(whole, pfs_clock_local_ms(pin->since_ms), out, err);
    pfs_state_unref(whole);
    return rc;
}

/* One state is kept for the reads to come: it is the same as long as the options mean the same snapshot. */
static int load_pinned(struct pfs_table *t, const struct pfs_asked *asked, struct pfs_arena *arena,
                       struct pfs_state **out, struct pfs_err *err)
{
    const struct pfs_schema *schema = asked->newest;
    bool shared = !pfs_table_has_other(t, asked->newest);
    struct pfs_pin pin;
    struct pfs_state *state;

    PFS_TRY(pfs_start_find(&asked->start, t->config.store, t->config.meta, arena, &pin, err));
    shared &= pin.exists && pin.since_ms == PFS_NO_NUMBER;
    if (pin.exists && pin.travels)
        PFS_TRY(pfs_schemas_under(t->schemas, pin.snapshot.schema_id, asked->newest, &schema, err));
    if (shared && (*out = same_pinned(t, schema, &pin)) != NULL)
        return 0;
    PFS_TRY(pfs_table_load_pin(t, &pin, t->schemas, asked->newest, &state, err));
    PFS_TRY(complete(t, asked, state, out, err));
    if (shared)
        keep_pinned(t, *out);
    return 0;
}

/* What the options name is missing, and not what the caller named: for him that is a table that cannot be read. */
static int pinned(struct pfs_table *t, const struct pfs_asked *asked, struct pfs_state **out, struct pfs_err *err)
{
    struct pfs_arena arena;
    int rc;

    if (asked->start.kind == PFS_START_CHANGES)
        return pfs_fail(err, EINVAL, "%s = %.60s asks for changes: there is no state that shows them", asked->start.key,
                        asked->start.text);
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = load_pinned(t, asked, &arena, out, err);
    pfs_arena_done(&arena);
    if (rc == -ENOENT && err != NULL && err->code == ENOENT)
        err->code = EIO;
    return rc == -ENOENT ? -EIO : rc;
}

static int of_reads(struct pfs_table *t, struct pfs_state **out, struct pfs_err *err)
{
    struct pfs_asked asked = {.when = {.kind = PFS_WHEN_READ}};

    PFS_TRY(pfs_schemas_latest(t->schemas, &asked.newest, err));
    PFS_TRY(pfs_start_of(&asked.newest->options, &asked.start, err));
    if (asked.start.kind != PFS_START_NEWEST)
        return pinned(t, &asked, out, err);
    keep_pinned(t, NULL);
    return load_newest(t, &asked, out, err);
}

static int at_time(struct pfs_table *t, struct pfs_when when, struct pfs_state **out, struct pfs_err *err)
{
    struct pfs_asked asked = {.when = when};
    const struct pfs_schema *schema;
    struct pfs_snapshot snapshot;
    struct pfs_state *state;
    struct pfs_arena arena;
    int rc;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = find_snapshot(t, when, &arena, &snapshot, err);
    if (rc == 0)
        rc = pfs_schemas_latest(t->schemas, &asked.newest, err);
    if (rc == 0)
        rc = pfs_schemas_under(t->schemas, snapshot.schema_id, asked.newest, &schema, err);
    if (rc == 0)
        rc = load_state(t, schema, &snapshot, &state, err);
    if (rc == 0)
        rc = complete(t, &asked, state, out, err);
    pfs_arena_done(&arena);
    return rc;
}

int pfs_table_state(struct pfs_table *table, struct pfs_when when, struct pfs_state **out, struct pfs_err *err)
{
    switch (when.kind) {
    case PFS_WHEN_LATEST:
        return latest(table, out, err);
    case PFS_WHEN_READ:
        return of_reads(table, out, err);
    case PFS_WHEN_SNAPSHOT:
    case PFS_WHEN_TIME:
    case PFS_WHEN_TAG:
        break;
    }
    return at_time(table, when, out, err);
}

int pfs_table_schema(struct pfs_table *table, const struct pfs_schema **out, struct pfs_err *err)
{
    return pfs_schemas_latest(table->schemas, out, err);
}

int pfs_table_schema_seen(struct pfs_table *table, const struct pfs_schema **out, struct pfs_err *err)
{
    return pfs_schemas_seen(table->schemas, out, err);
}

/* ---- appending ---- */

int pfs_table_write_open(struct pfs_table *table, size_t memory_bytes, struct pfs_write **out, struct pfs_err *err)
{
    return pfs_table_write_open_as(table, &(struct pfs_table_writing){.memory_bytes = memory_bytes}, out, err);
}

int pfs_table_rescaled(struct pfs_table *table, const struct pfs_schema *schema, bool *out, struct pfs_err *err)
{
    const struct pfs_schema *older;
    bool known, rescaled = false;

    assert(schema != NULL);
    pthread_mutex_lock(&table->lock);
    known = table->rescaled_schema == schema;
    *out = table->rescaled;
    pthread_mutex_unlock(&table->lock);
    if (known)
        return 0;
    for (int64_t id = 0; id < schema->id && schema->buckets > 0 && !rescaled; id++) {
        PFS_TRY(pfs_schemas_get(table->schemas, id, &older, err));
        rescaled = older->buckets != schema->buckets;
    }
    pthread_mutex_lock(&table->lock);
    table->rescaled_schema = schema;
    table->rescaled = *out = rescaled;
    pthread_mutex_unlock(&table->lock);
    return 0;
}

static int open_write(struct pfs_table *table, const struct pfs_table_writing *writing, struct pfs_write **out,
                      struct pfs_err *err)
{
    const struct pfs_write_config config = {.store = table->config.store,
                                            .table = table->config.root,
                                            .schema = writing->schema,
                                            .schemas = table->schemas,
                                            .external = table->config.external,
                                            .memory_bytes = writing->memory_bytes,
                                            .user = writing->user,
                                            .overwrite = writing->overwrite,
                                            .clock = table->config.clock,
                                            .pool = table->config.pool};

    PFS_TRY(pfs_table_check_writable(table, err));
    return pfs_write_open(&config, out, err);
}

int pfs_table_write_open_as(struct pfs_table *table, const struct pfs_table_writing *writing, struct pfs_write **out,
                            struct pfs_err *err)
{
    struct pfs_table_writing of = *writing;

    if (of.schema == NULL)
        PFS_TRY(pfs_schemas_latest(table->schemas, &of.schema, err));
    return open_write(table, &of, out, err);
}

int pfs_table_write_check(struct pfs_table *table, const struct pfs_schema *schema, struct pfs_err *err)
{
    struct pfs_write *probe;

    if (atomic_load(&table->written) == schema)
        return 0;
    PFS_TRY(open_write(table, &(struct pfs_table_writing){.schema = schema}, &probe, err));
    pfs_write_close(probe);
    atomic_store(&table->written, schema);
    return 0;
}

struct publication {
    struct pfs_table *table;
    const struct pfs_publish *publish; /* the caller's */
};

static int publication_newest(void *context, struct pfs_state **out, struct pfs_err *err)
{
    return latest(((struct publication *)context)->table, out, err);
}

static int publication_prepare(void *context, struct pfs_state *state, struct pfs_change *out, struct pfs_err *err)
{
    const struct pfs_publish *p = ((struct publication *)context)->publish;

    return p->prepare(p->context, state, out, err);
}

static int publication_intent(void *context, int64_t seen, const struct pfs_change *change, struct pfs_err *err)
{
    const struct pfs_publish *p = ((struct publication *)context)->publish;

    return p->intent(p->context, seen, change, err);
}

/* Lock 1 held. What the caller says of store and directories does not count: a commit goes to this table. */
static int publish_locked(struct pfs_table *t, const struct pfs_publish *publish, int64_t *id, bool *unclear,
                          struct pfs_err *err)
{
    struct publication context = {t, publish};
    struct pfs_publish p = *publish;

    assert(publish->prepare != NULL);
    p.store = t->config.store;
    p.table = t->config.root;
    p.meta = t->config.meta;
    p.clock = t->config.clock;
    p.context = &context;
    p.newest = publication_newest;
    p.prepare = publication_prepare;
    p.intent = publish->intent != NULL ? publication_intent : NULL;
    return pfs_publish(&p, id, unclear, err);
}

static int where_failed(const struct pfs_table *t, int rc, struct pfs_err *err)
{
    return err != NULL && err->code != 0 ? pfs_wrap(err, "%s.%s", t->config.database, t->config.name) : rc;
}

int pfs_table_publish(struct pfs_table *table, const struct pfs_publish *publish, int64_t *id, bool *unclear,
                      struct pfs_err *err)
{
    int rc;

    *id = 0;
    *unclear = false;
    PFS_TRY(pfs_table_check_writable(table, err));
    pthread_mutex_lock(&table->commit);
    rc = publish_locked(table, publish, id, unclear, err);
    pthread_mutex_unlock(&table->commit);
    return rc < 0 ? where_failed(table, rc, err) : 0;
}

void pfs_table_lock_compaction(struct pfs_table *table)
{
    pthread_mutex_lock(&table->compact);
}

void pfs_table_unlock_compaction(struct pfs_table *table)
{
    pthread_mutex_unlock(&table->compact);
}

static int prepare_write(void *context, struct pfs_state *state, struct pfs_change *out, struct pfs_err *err)
{
    struct pfs_write_files files;

    PFS_TRY(pfs_write_prepare(context, state, &files, err));
    *out = (struct pfs_change){.kind = PFS_COMMIT_APPEND,
                               .entries = files.entries,
                               .entry = files.entry,
                               .changelogs = files.changelogs,
                               .changelog = files.changelog,
                               .indexes = files.entries > 0 ? files.indexes : 0,
                               .index = files.index};
    return 0;
}

int pfs_table_commit(struct pfs_table *table, struct pfs_write *write, const char *user, int64_t identifier, bool once,
                     int64_t *id, struct pfs_err *err)
{
    struct pfs_publish publish = {.user = user, .identifier = identifier, .context = write, .prepare = prepare_write};
    bool unclear = false;
    int rc = 0;

    assert(user != NULL);
    *id = 0;
    pthread_mutex_lock(&table->commit);
    if (once)
        rc = pfs_commit_known(table->config.store, table->config.meta, user, identifier, NULL, err);
    if (rc == 0)
        rc = publish_locked(table, &publish, id, &unclear, err);
    pthread_mutex_unlock(&table->commit);
    if (*id != 0 || unclear) /* a snapshot may name the files: they stay, and the rows are not tried again */
        pfs_write_committed(write);
    return rc < 0 ? where_failed(table, rc, err) : 0;
}

static int prepare_overwrite(void *context, struct pfs_state *state, struct pfs_change *out, struct pfs_err *err)
{
    (void)state;
    (void)err;
    *out = (struct pfs_change){.kind = PFS_COMMIT_OVERWRITE, .overwrite = *(const struct pfs_overwrite *)context};
    return 0;
}

int pfs_table_publish_removal(struct pfs_table *table,
                              int (*prepare)(void *context, struct pfs_state *state, struct pfs_change *out,
                                             struct pfs_err *err),
                              void *context, struct pfs_err *err)
{
    char user[PFS_UUID_TEXT];
    const struct pfs_publish publish = {
        .user = user, .identifier = PFS_BATCH_IDENTIFIER, .context = context, .prepare = prepare};
    bool unclear;
    int64_t id;

    pfs_uuid_make(user);
    PFS_TRY(pfs_table_publish(table, &publish, &id, &unclear, err));
    (void)pfs_table_maintain(table, PFS_BATCH_IDENTIFIER, NULL); /* they are gone in any case */
    return 0;
}

static int remove_rows(struct pfs_table *table, struct pfs_overwrite *what, struct pfs_err *err)
{
    return pfs_table_publish_removal(table, prepare_overwrite, what, err);
}

int pfs_table_truncate(struct pfs_table *table, struct pfs_err *err)
{
    struct pfs_overwrite all = {.kind = PFS_OVERWRITE_ALL};

    return remove_rows(table, &all, err);
}

int pfs_table_drop_partitions(struct pfs_table *table, const struct pfs_overwrite *specs, struct pfs_err *err)
{
    struct pfs_overwrite what = *specs;

    return remove_rows(table, &what, err);
}

/* ---- snapshots and tags ---- */

int pfs_table_snapshots(struct pfs_table *table, struct pfs_arena *arena, int64_t **ids, int64_t *count,
                        struct pfs_err *err)
{
    return pfs_snapshot_list(table->config.store, table->config.meta, arena, ids, count, err);
}

int pfs_table_tags(struct pfs_table *table, struct pfs_arena *arena, const char ***names, int64_t *count,
                   struct pfs_err *err)
{
    return pfs_tag_list(table->config.store, table->config.meta, arena, names, count, err);
}

int pfs_table_tag_rename(struct pfs_table *table, const char *from, const char *to, struct pfs_err *err)
{
    PFS_TRY(pfs_table_check_writable(table, err));
    return pfs_tag_rename(table->config.store, table->config.meta, from, to, err);
}

/* ---- consumers ---- */

int pfs_table_consumers(struct pfs_table *table, struct pfs_arena *arena, const char ***names, int64_t *count,
                        struct pfs_err *err)
{
    return pfs_consumer_list(table->config.store, table->config.meta, arena, names, count, err);
}

int pfs_table_consumer(struct pfs_table *table, const char *name, int64_t *next, struct pfs_err *err)
{
    return pfs_consumer_load(table->config.store, table->config.meta, name, next, err);
}

static int save_consumer(struct pfs_table *table, const char *name, int64_t next, struct pfs_err *err)
{
    PFS_TRY(pfs_table_check_writable(table, err));
    return pfs_consumer_save(table->config.store, table->config.meta, name, next, err);
}

int pfs_table_consumer_create(struct pfs_table *table, const char *name, struct pfs_err *err)
{
    struct pfs_state *state;
    int64_t next;
    int rc = pfs_table_consumer(table, name, &next, err);

    if (rc != -ENOENT)
        return rc;
    PFS_TRY(latest(table, &state, err));
    next = state->exists ? state->snapshot.id + 1 : 1;
    pfs_state_unref(state);
    return save_consumer(table, name, next, err);
}

int pfs_table_consumer_move(struct pfs_table *table, const char *name, int64_t seen, int64_t next, struct pfs_err *err)
{
    int64_t now;
    int rc = pfs_table_consumer(table, name, &now, err);

    if (rc < 0)
        return rc == -ENOENT ? 0 : rc;
    return now == seen && now != next ? save_consumer(table, name, next, err) : 0;
}

int pfs_table_consumer_set(struct pfs_table *table, const char *name, int64_t next, struct pfs_err *err)
{
    int64_t now;

    PFS_TRY(pfs_table_consumer(table, name, &now, err));
    return save_consumer(table, name, next, err);
}

int pfs_table_consumer_put(struct pfs_table *table, const char *name, int64_t next, struct pfs_err *err)
{
    return save_consumer(table, name, next, err);
}

int pfs_table_consumer_delete(struct pfs_table *table, const char *name, struct pfs_err *err)
{
    PFS_TRY(pfs_table_check_writable(table, err));
    return pfs_consumer_remove(table->config.store, table->config.meta, name, err);
}
