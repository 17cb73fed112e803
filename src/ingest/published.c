/* published.c - snapshots of ours that another engine, which renames without looking, may still put its own in the
 * place of: which of them stand, and what is done with the rows of those that do not.
 *
 *   published -> stands, and is old enough or has a successor: retired
 *             -> another's by a race: its parts go back to the front of the queue
 *             -> another's, or none, by somebody's will: retired
 *
 * A race and a rollback that another commit followed look alike, since the number is given again. The file tells them
 * apart: it is held open, and in a race its name goes when the other file, which was written by then, gets it; a
 * rollback removes it before what follows is written. Both times are the file system's.
 *
 * The list is changed by the slot's run alone, with the ingest's lock held; others look at it with the lock. */
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "src/ingest/internal.h"
#include "src/table/parts.h"

#define LOOKS_MAX 4 /* older ones are looked at by the runs alone */
#define RACE_MS 2000
#define RACE_BEFORE_MS 30000  /* a snapshot is dated just before it is published; that of a branch may be older */
#define STANDS_AFTER_MS 60000 /* an engine that renames without looking is through by then */

/* ---- which table ---- */

/* Printed and compared: two tables of a name may have schemas of the same number and another content. */
static int is_same_text(const struct pfs_schema *a, const struct pfs_schema *b, struct pfs_err *err)
{
    struct pfs_buf one = {0}, other = {0};
    int rc = pfs_schema_print(a, &one, err);

    if (rc == 0)
        rc = pfs_schema_print(b, &other, err);
    if (rc == 0)
        rc = pfs_slice_eq(pfs_buf_slice(&one), pfs_buf_slice(&other));
    pfs_buf_done(&one);
    pfs_buf_done(&other);
    return rc;
}

int pfs_part_is_for(struct pfs_table *table, const struct pfs_schema *newest, const struct pfs_part *part,
                    struct pfs_err *err)
{
    const struct pfs_schema *now;

    if (part->schema == newest)
        return 1;
    if (part->schema == NULL || part->schema->id > newest->id)
        return 0;
    PFS_TRY(pfs_schemas_get(pfs_table_parts(table).schemas, part->schema->id, &now, err));
    return now == part->schema ? 1 : is_same_text(now, part->schema, err);
}

/* ---- publications ---- */

/* Parts first, the intent last: while that is there a replay looks for what it names. */
void pfs_parts_retire(struct pfs_ingest *g, struct pfs_part *parts, uint64_t intent)
{
    while (parts != NULL) {
        struct pfs_part *part = parts;

        parts = part->next;
        pfs_part_retire(g, part);
    }
    if (intent != 0)
        (void)pfs_journal_add(g->journal, intent, PFS_JOURNAL_RETIRED, pfs_slice_of(NULL, 0), NULL, NULL);
}

/* ---- its file ---- */

/* What is not had is not known: then the times that snapshots say of themselves have to do. */
void pfs_publication_hold(struct pfs_publication *p, struct pfs_table *table)
{
    const struct pfs_table_parts at = pfs_table_parts(table);
    struct pfs_snapshot there;
    struct pfs_arena arena;
    struct pfs_stat named, held;
    const char *path;

    assert(p->held == NULL);
    assert(p->snapshot > 0);
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    path = pfs_arena_printf(&arena, "%s/snapshot/snapshot-%lld", at.meta, (long long)p->snapshot);
    if (path == NULL || pfs_store_open(at.store, path, &p->held, NULL) < 0)
        p->held = NULL;
    if (p->held != NULL && (pfs_snapshot_load(at.store, at.meta, p->snapshot, &arena, &there, &named, NULL) < 0 ||
                            there.commit_identifier != p->identifier || strcmp(there.commit_user, p->user) != 0 ||
                            pfs_file_stat(p->held, &held, NULL) < 0 || held.inode != named.inode)) {
        pfs_file_close(p->held); /* it is another one already */
        p->held = NULL;
    }
    pfs_arena_done(&arena);
}

void pfs_publication_free(struct pfs_publication *p)
{
    pfs_file_close(p->held);
    pfs_free(p);
}

/* Did its name go before the file that has it now was written? */
static bool was_removed(const struct pfs_publication *p, const struct pfs_stat *now)
{
    struct pfs_stat held;

    return p->held != NULL && pfs_file_stat(p->held, &held, NULL) == 0 && held.ctime_ns < now->mtime_ns;
}

/* The snapshot is another one now, or none. One that took part in the race and renamed over ours was prepared before
 * ours was there; all else, and what a statement did here, is somebody's will, which is to be obeyed. */
static int was_replaced(const struct pfs_publication *p, struct pfs_table *table)
{
    const struct pfs_table_parts at = pfs_table_parts(table);
    const struct pfs_schema *schema;
    struct pfs_snapshot now;
    struct pfs_stat stat;
    struct pfs_arena arena;
    int rc = pfs_table_schema(table, &schema, NULL);

    assert(p->parts != NULL);
    if (rc == 0)
        rc = pfs_part_is_for(table, schema, p->parts, NULL);
    if (rc <= 0) /* it went with its table */
        return rc == -ENOENT ? 0 : rc;
    if (pfs_table_was_rewound(table, p->snapshot, p->made_ms))
        return 0;
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = pfs_snapshot_load(at.store, at.meta, p->snapshot, &arena, &now, &stat, NULL);
    if (rc == 0)
        rc = strcmp(now.commit_user, p->user) != 0 && now.time_ms <= p->made_wall_ms + RACE_MS &&
             now.time_ms >= p->made_wall_ms - RACE_BEFORE_MS && !was_removed(p, &stat);
    else if (rc == -ENOENT)
        rc = 0;
    pfs_arena_done(&arena);
    return rc;
}

/* A commit of ours that followed before it was replaced stands on its files: they are in the table, and are not to be
 * put there again. 1; 0; or an error. */
static int is_contained(const struct pfs_publication *p, struct pfs_table *table)
{
    const char *file = p->file;
    const struct pfs_taken_want want = {p->user, p->identifier, p->snapshot, &file, 1};
    const struct pfs_table_parts at = pfs_table_parts(table);
    struct pfs_state *state;
    int found = 0;

    if (p->file[0] == '\0')
        return 0;
    PFS_TRY(pfs_table_state(table, (struct pfs_when){.kind = PFS_WHEN_LATEST}, &state, NULL));
    for (int64_t i = 0; i < state->files && found == 0; i++)
        found = strcmp(state->file[i]->file.name, p->file) == 0;
    pfs_state_unref(state);
    return found != 0 ? found : pfs_commit_taken(&at, &want, NULL);
}

/* Is it there to stay? 1; 0: replaced; -EAGAIN: too early to tell; or an error. */
static int stands(const struct pfs_publication *p, struct pfs_table *table, bool all)
{
    struct pfs_table_parts parts = pfs_table_parts(table);
    struct pfs_publish publish = {
        .store = parts.store, .table = parts.root, .meta = parts.meta, .user = p->user, .identifier = p->identifier};
    int64_t latest;
    int rc = pfs_publish_stands(&publish, p->snapshot, p->kind, NULL);

    if (rc == -ENOENT) /* it has expired: then it was there */
        return 1;
    if (rc == 0) {
        rc = was_replaced(p, table);
        return rc < 0 ? rc : rc > 0 ? is_contained(p, table) : 1;
    }
    if (rc < 0)
        return rc;
    if (all || pfs_clock_monotonic_ms() - p->made_ms >= STANDS_AFTER_MS)
        return 1;
    return pfs_snapshot_latest_id(parts.store, parts.meta, &latest, NULL) == 0 && latest > p->snapshot ? 1 : -EAGAIN;
}

/* The snapshot was replaced by another: its parts are committed again, under numbers of their own, and before all that
 * was acknowledged after them. Lock held. */
static void put_back(struct pfs_slot *slot, struct pfs_publication *p)
{
    assert(p->parts != NULL);
    assert(p->parts->slot == slot);
    for (struct pfs_part *part = p->parts; part != NULL; part = part->next) {
        part->order = ++slot->ingest->order;
        part->group = 0;
        /* Parts of ours and of a foreign journal never share a snapshot, and their orders may interleave now. */
        part->alone |= part->source != NULL;
    }
    pfs_slot_return(slot, p->parts);
    p->parts = NULL;
}

/* Lock held. */
static void take_off(struct pfs_slot *slot, const struct pfs_publication *p)
{
    struct pfs_publication **at = &slot->publications;

    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
}

bool pfs_slot_check(struct pfs_slot *slot, bool all)
{
    struct pfs_ingest *g = slot->ingest;
    struct pfs_publication *p, *next;
    bool replaced = false;

    pthread_mutex_lock(&g->lock);
    p = slot->publications;
    slot->doubted = false;
    pthread_mutex_unlock(&g->lock);
    for (; p != NULL; p = next) { /* the newest first */
        int rc = slot->table == NULL ? -EAGAIN : stands(p, slot->table, all);

        next = p->next;
        if (rc < 0)
            continue;
        if (rc == 1)
            pfs_parts_retire(g, p->parts, p->intent);
        pthread_mutex_lock(&g->lock);
        take_off(slot, p);
        if (rc == 0) {
            put_back(slot, p);
            replaced = true;
        }
        pthread_mutex_unlock(&g->lock);
        pfs_publication_free(p);
    }
    return replaced;
}

/* ---- for those who read ---- */

/* Its file is read only when it is not the one that was seen to be ours. */
static bool looks_replaced(const struct pfs_table_parts *at, struct pfs_publication *look)
{
    struct pfs_snapshot now;
    struct pfs_stat stat;
    struct pfs_arena arena;
    bool replaced;
    int rc;

    if (look->seen && pfs_snapshot_stat(at->store, at->meta, look->snapshot, &stat) == 0 &&
        pfs_stat_is_same_file(&stat, &look->file_seen))
        return false;
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = pfs_snapshot_load(at->store, at->meta, look->snapshot, &arena, &now, &look->file_seen, NULL);
    look->seen = rc == 0 && now.kind == look->kind && now.commit_identifier == look->identifier &&
                 strcmp(now.commit_user, look->user) == 0;
    replaced = rc == -ENOENT || (rc == 0 && !look->seen);
    pfs_arena_done(&arena);
    return replaced;
}

/* Copies, to be looked at without the lock: what they point to is not theirs. Lock held. */
static int take_looks(const struct pfs_slot *slot, struct pfs_publication look[static LOOKS_MAX])
{
    int count = 0;

    for (const struct pfs_publication *p = slot->publications; p != NULL && count < LOOKS_MAX; p = p->next)
        look[count++] = *p;
    return count;
}

/* What was seen spares the next one the reading, if the publication is still there. Lock held. */
static void note_seen(struct pfs_slot *slot, const struct pfs_publication *look)
{
    for (struct pfs_publication *p = slot->publications; p != NULL && look->seen; p = p->next)
        if (p->snapshot == look->snapshot && p->identifier == look->identifier && strcmp(p->user, look->user) == 0) {
            p->seen = true;
            p->file_seen = look->file_seen;
        }
}

bool pfs_slot_doubt(struct pfs_slot *slot)
{
    struct pfs_ingest *g = slot->ingest;
    struct pfs_publication look[LOOKS_MAX];
    struct pfs_table_parts at;
    struct pfs_table *table;
    bool doubted = false;
    int count;

    pthread_mutex_lock(&g->lock);
    count = take_looks(slot, look);
    table = count > 0 && slot->table != NULL ? pfs_table_ref(slot->table) : NULL;
    pthread_mutex_unlock(&g->lock);
    if (table == NULL)
        return false;
    at = pfs_table_parts(table);
    for (int i = 0; i < count; i++)
        doubted = looks_replaced(&at, &look[i]) || doubted;
    pfs_table_unref(table);
    pthread_mutex_lock(&g->lock);
    for (int i = 0; i < count; i++)
        note_seen(slot, &look[i]);
    slot->doubted = slot->doubted || doubted;
    pthread_mutex_unlock(&g->lock);
    return doubted;
}

/* ---- for those who publish ---- */

/* The rows of what was replaced come first: they were acknowledged before. One that is replaced after `state` was
 * loaded is in it, and so in the next. */
bool pfs_slot_is_overtaking(struct pfs_slot *slot, struct pfs_table *table, const struct pfs_state *state)
{
    const struct pfs_publication *p;

    pthread_mutex_lock(&slot->ingest->lock);
    p = slot->publications; /* of the run alone, while it runs */
    pthread_mutex_unlock(&slot->ingest->lock);
    for (; p != NULL; p = p->next) {
        bool below = state->exists && state->snapshot.id == p->snapshot &&
                     state->snapshot.commit_identifier == p->identifier &&
                     strcmp(state->snapshot.commit_user, p->user) == 0;

        if (!below && stands(p, table, false) == 0)
            return true;
    }
    return false;
}
