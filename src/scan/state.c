/* state.c - the facts of a snapshot: its lists of manifests decoded, put together into the files that are live.
 *
 * Entries are borrowed from decoded manifests, which the cache shares with other states: a state holds a reference on
 * each, and nothing is copied but what belongs to the snapshot itself. A state read with another schema borrows all of
 * that from the first one.
 */
#include "src/scan/state.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "src/scan/manifests.h"

struct state {
    struct pfs_state state; /* first */
    atomic_int refs;
    struct pfs_arena arena;
    const struct pfs_decoded **decoded; /* referenced */
    int64_t manifests;
    struct pfs_state *base; /* whose facts these are, read with another schema; NULL = our own */
};

struct pfs_state *pfs_state_ref(struct pfs_state *state)
{
    int refs = atomic_fetch_add(&((struct state *)state)->refs, 1);

    assert(refs > 0); /* one that is gone cannot be taken again */
    (void)refs;
    return state;
}

void pfs_state_unref(struct pfs_state *state)
{
    struct state *s = (struct state *)state;
    int refs = s == NULL ? 0 : atomic_fetch_sub(&s->refs, 1);

    assert(s == NULL || refs > 0);
    if (refs != 1)
        return;
    for (int64_t i = 0; i < s->manifests; i++)
        pfs_decoded_unref(s->decoded[i]);
    pfs_schemas_unref(s->state.schemas);
    pfs_state_unref(s->state.fallback);
    pfs_state_unref(s->base);
    pfs_arena_done(&s->arena);
    pfs_free(s);
}

int pfs_state_set_fallback(struct pfs_state *state, struct pfs_state *fallback, bool first, struct pfs_err *err)
{
    struct state *s = (struct state *)state;

    assert(fallback != NULL);
    assert(state->fallback == NULL);
    state->fallback = fallback;
    state->fallback_first = first;
    state->identity =
        pfs_arena_printf(&s->arena, "%s%c%s-%lld-%lld", state->identity, first ? '-' : '+', fallback->identity,
                         (long long)fallback->schema->id, (long long)fallback->schema->time_ms);
    return state->identity == NULL ? pfs_arena_full(&s->arena, err) : 0;
}

int pfs_state_with(struct pfs_state *state, const struct pfs_schema *schema, struct pfs_state **out,
                   struct pfs_err *err)
{
    struct state *s = pfs_zalloc(sizeof(*s));

    assert(schema != NULL);
    if (s == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a state");
    s->state = *state;
    s->state.schema = schema;
    s->base = pfs_state_ref(state);
    if (state->fallback != NULL)
        s->state.fallback = pfs_state_ref(state->fallback);
    (void)pfs_schemas_ref(s->state.schemas);
    atomic_init(&s->refs, 1);
    pfs_arena_init(&s->arena, PFS_ARENA_LIMIT);
    *out = &s->state;
    return 0;
}

int pfs_state_placed(struct pfs_state *state, const struct pfs_manifest_entry *added, int64_t count,
                     struct pfs_state **out, struct pfs_err *err)
{
    const struct pfs_manifest_entry **file;
    struct state *s;

    PFS_TRY(pfs_state_with(state, state->schema, out, err));
    s = (struct state *)*out;
    file = pfs_arena_array(&s->arena, (size_t)(state->files + count), sizeof(struct pfs_manifest_entry *));
    if (file == NULL) {
        int rc = pfs_arena_full(&s->arena, err);

        pfs_state_unref(*out);
        return rc;
    }
    s->state.files = 0;
    for (int64_t i = 0; i < state->files; i++)
        if (state->file[i]->bucket != PFS_POSTPONE_BUCKET)
            file[s->state.files++] = state->file[i];
    for (int64_t i = 0; i < count; i++)
        file[s->state.files++] = &added[i];
    s->state.file = file;
    return 0;
}

int pfs_state_since(struct pfs_state *state, int64_t wall_ms, struct pfs_state **out, struct pfs_err *err)
{
    const struct pfs_manifest_entry **file;
    struct state *s;

    assert(state->fallback == NULL); /* that is added afterwards */
    PFS_TRY(pfs_state_with(state, state->schema, out, err));
    s = (struct state *)*out;
    file = pfs_arena_array(&s->arena, (size_t)state->files, sizeof(struct pfs_manifest_entry *));
    s->state.identity = pfs_arena_printf(&s->arena, "%s>%lld", state->identity, (long long)wall_ms);
    if (file == NULL || s->state.identity == NULL) {
        int rc = pfs_arena_full(&s->arena, err);

        pfs_state_unref(*out);
        return rc;
    }
    s->state.files = 0;
    for (int64_t i = 0; i < state->files; i++)
        if (state->file[i]->file.creation_time_ms >= wall_ms)
            file[s->state.files++] = state->file[i];
    s->state.file = file;
    s->state.partial = true;
    s->state.since_ms = wall_ms;
    return 0;
}

static int copy_text(struct pfs_arena *arena, const char **text, struct pfs_err *err)
{
    if (*text == NULL)
        return 0;
    *text = pfs_arena_string(arena, pfs_str(*text));
    return *text == NULL ? pfs_arena_full(arena, err) : 0;
}

/* The snapshot's facts, with strings of our own. */
static int copy_snapshot(struct state *s, const struct pfs_snapshot *from, struct pfs_err *err)
{
    struct pfs_snapshot *to = &s->state.snapshot;
    const char **text[] = {&to->base_list,   &to->delta_list, &to->changelog_list, &to->index_manifest,
                           &to->commit_user, &to->statistics, &to->properties_json};

    *to = *from;
    for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++)
        PFS_TRY(copy_text(&s->arena, text[i], err));
    s->state.exists = true;
    s->state.identity = pfs_arena_printf(&s->arena, "%lld-%s", (long long)to->id, to->delta_list);
    return s->state.identity == NULL ? pfs_arena_full(&s->arena, err) : 0;
}

/* The manifests of the base list, then of the delta list, in order. */
static int load_manifests(struct state *s, struct pfs_manifests *cache, struct pfs_store *store, const char *table,
                          struct pfs_err *err)
{
    const char *lists[] = {s->state.snapshot.base_list, s->state.snapshot.delta_list};
    struct pfs_manifest_file *file[2];
    int64_t count[2];

    for (int i = 0; i < 2; i++)
        PFS_TRY(pfs_manifest_list_load(store, table, lists[i], &s->arena, &file[i], &count[i], err));
    s->decoded = pfs_arena_array(&s->arena, (size_t)(count[0] + count[1]), sizeof(*s->decoded));
    if (s->decoded == NULL)
        return pfs_arena_full(&s->arena, err);
    for (int i = 0; i < 2; i++)
        for (int64_t k = 0; k < count[i]; k++) {
            PFS_TRY(pfs_manifests_get(cache, file[i][k].name, &s->decoded[s->manifests], err));
            s->manifests++; /* so many are referenced, also when the next one fails */
        }
    return 0;
}

static int combine(struct state *s, struct pfs_err *err)
{
    const struct pfs_manifest_entry **entries = pfs_arena_array(&s->arena, (size_t)s->manifests, sizeof(*entries));
    int64_t *counts = pfs_arena_array(&s->arena, (size_t)s->manifests, sizeof(*counts));
    const struct pfs_manifest_entry **live;
    int64_t leftover;

    if (entries == NULL || counts == NULL)
        return pfs_arena_full(&s->arena, err);
    for (int64_t i = 0; i < s->manifests; i++) {
        entries[i] = s->decoded[i]->entry;
        counts[i] = s->decoded[i]->entries;
    }
    PFS_TRY(pfs_manifest_combine(entries, counts, s->manifests, &s->arena, &live, &s->state.files, &leftover, err));
    if (leftover > 0)
        return pfs_fail(err, EIO, "%lld deleted files were never added", (long long)leftover);
    assert(s->state.files >= 0);
    s->state.file = live;
    return 0;
}

static int compare_place(const struct pfs_index_entry *e, struct pfs_slice partition, int32_t bucket)
{
    int order = pfs_slice_compare(e->partition, partition);

    return order != 0 ? order : (e->bucket > bucket) - (e->bucket < bucket);
}

static int by_place(const void *left, const void *right)
{
    const struct pfs_index_entry *a = *(const struct pfs_index_entry *const *)left;
    const struct pfs_index_entry *b = *(const struct pfs_index_entry *const *)right;
    int order = compare_place(a, b->partition, b->bucket);

    return order != 0 ? order : (a > b) - (a < b);
}

/* A table with dynamic buckets has an entry for each bucket of each partition, and writers ask for each. */
static int place_indexes(struct state *s, struct pfs_err *err)
{
    size_t count = (size_t)s->state.indexes;
    const struct pfs_index_entry **placed = pfs_arena_array(&s->arena, count, sizeof(struct pfs_index_entry *));

    if (placed == NULL)
        return pfs_arena_full(&s->arena, err);
    for (size_t i = 0; i < count; i++)
        placed[i] = &s->state.index[i];
    if (count > 0)
        qsort(placed, count, sizeof(struct pfs_index_entry *), by_place);
    s->state.placed = placed;
    return 0;
}

int64_t pfs_state_index_at(const struct pfs_state *state, struct pfs_slice partition, int32_t bucket)
{
    int64_t low = 0, high = state->indexes;

    while (low < high) {
        int64_t middle = low + (high - low) / 2;

        if (compare_place(state->placed[middle], partition, bucket) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int fill(struct state *s, struct pfs_manifests *cache, struct pfs_store *store, const char *table,
                const struct pfs_snapshot *snapshot, struct pfs_err *err)
{
    struct pfs_index_entry *index = NULL;

    s->state.identity = "empty";
    s->state.store_table = pfs_arena_string(&s->arena, pfs_str(table));
    if (s->state.store_table == NULL)
        return pfs_arena_full(&s->arena, err);
    if (snapshot == NULL)
        return 0;
    PFS_TRY(copy_snapshot(s, snapshot, err));
    PFS_TRY(load_manifests(s, cache, store, table, err));
    PFS_TRY(combine(s, err));
    if (snapshot->index_manifest != NULL)
        PFS_TRY(
            pfs_index_manifest_load(store, table, snapshot->index_manifest, &s->arena, &index, &s->state.indexes, err));
    s->state.index = index;
    return place_indexes(s, err);
}

bool pfs_state_entries(const struct pfs_state *state, int64_t i, const struct pfs_manifest_entry **entry,
                       int64_t *entries)
{
    const struct state *s = (const struct state *)state;

    while (s->base != NULL)
        s = (const struct state *)s->base;
    if (i >= s->manifests)
        return false;
    *entry = s->decoded[i]->entry;
    *entries = s->decoded[i]->entries;
    return true;
}

/* A file that is missing is damage while its snapshot is there, and nobody's fault once that is gone. The snapshot is
 * looked at after the failure: had it been there before, it may have gone in between. */
static int failure_of(const struct pfs_schemas *schemas, struct pfs_store *store, const struct pfs_snapshot *snapshot,
                      int rc, struct pfs_err *err)
{
    char why[PFS_ERR_TEXT_MAX] = "";

    if (rc != -EIO || pfs_snapshot_is_held(store, pfs_schemas_directory(schemas), snapshot))
        return rc;
    if (err != NULL)
        memcpy(why, err->text, sizeof(why));
    return pfs_fail(err, ESTALE, "snapshot %lld is gone, expired or rolled back while it was read: %s",
                    (long long)snapshot->id, why);
}

/* The fallback's whole state is held: ids of another branch say nothing of where a stream of this one stands. */
void pfs_state_hold(const struct pfs_state *state, int64_t from, bool held)
{
    const char *meta = pfs_schemas_directory(state->schemas);

    if (state->fallback != NULL)
        pfs_state_hold(state->fallback, 0, held);
    if (state->holds == NULL || !state->exists)
        return;
    if (from <= 0 || from > state->snapshot.id)
        from = state->snapshot.id;
    if (held)
        pfs_holds_take(state->holds, meta, from);
    else
        pfs_holds_let(state->holds, meta, from);
}

int pfs_state_failure(const struct pfs_state *state, int rc, struct pfs_err *err)
{
    return state->exists ? failure_of(state->schemas, state->store, &state->snapshot, rc, err) : rc;
}

int pfs_state_load(struct pfs_manifests *cache, struct pfs_store *store, const char *table, struct pfs_schemas *schemas,
                   const struct pfs_schema *schema, const struct pfs_snapshot *snapshot, struct pfs_state **out,
                   struct pfs_err *err)
{
    struct state *s = pfs_zalloc(sizeof(*s));
    int rc;

    assert(schema != NULL);
    assert(schemas != NULL);
    if (s == NULL)
        return pfs_fail(err, ENOMEM, "no memory for the state of %s", table);
    atomic_init(&s->refs, 1);
    pfs_arena_init(&s->arena, PFS_MANIFEST_BYTES_MAX);
    s->state.schema = schema;
    s->state.store = store;
    s->state.schemas = pfs_schemas_ref(schemas);
    rc = fill(s, cache, store, table, snapshot, err);
    if (rc < 0) {
        if (snapshot != NULL && err != NULL && err->code != 0)
            rc = pfs_wrap(err, "%s: snapshot %lld", table, (long long)snapshot->id);
        if (snapshot != NULL)
            rc = failure_of(schemas, store, snapshot, rc, err);
        pfs_state_unref(&s->state);
        return rc;
    }
    *out = &s->state;
    return 0;
}
