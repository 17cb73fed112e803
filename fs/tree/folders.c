/* folders.c - names that people make, remove and rename: databases, tables, tags, branches, and what only looks so.
 *
 * What changes a table's name or its being commits first what was acknowledged for it, in steps that each end in a
 * request's completion: nobody waits in between. What the kernel has cached below a name that went is told to be stale
 * (pfs_nodes_leave) after the change, never before: a name that is looked up in between is asked for again. */
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "fs/tree/bookmark.h"
#include "fs/tree/internal.h"
#include "fs/tree/pending.h"

#define REFUSED_MS 60000

/* ---- making ---- */

static int entry_of(struct pfs_tree *tree, const struct pfs_place *place, struct pfs_entry *out, struct pfs_err *err)
{
    struct pfs_node *node;

    PFS_TRY(pfs_node_get(tree, place, place->path, NULL, 0, &node, err));
    *out = (struct pfs_entry){.node = node, .valid_ms = 0};
    pfs_node_attr(tree, node, &out->attr);
    return 0;
}

/* The child's place, if the parent is one in which people may make or remove directories. A tag is made below the
 * snapshot that it shall name, a branch below the tag that it shall begin at, and both are removed below tag/ and
 * branch/ alone. */
static int child_of(struct pfs_tree *tree, struct pfs_node *parent, const char *name, bool made,
                    struct pfs_arena *arena, struct pfs_place *out, struct pfs_err *err)
{
    struct pfs_place here = parent->place;
    bool ours = here.kind == PFS_NODE_ROOT || here.kind == PFS_NODE_TAGS || here.kind == PFS_NODE_BRANCHES ||
                (here.kind == PFS_NODE_DATABASE && !made);

    if (made && here.kind == PFS_NODE_TAGS)
        here.snapshot = 0;
    if (made && here.kind == PFS_NODE_BRANCHES)
        here.tag = NULL;
    PFS_TRY(pfs_node_here(parent));
    PFS_TRY(pfs_tree_writable(tree, &here, err));
    if (made && !ours) /* whatever the name would be */
        return pfs_fail(err, EPERM, "%s/%s: tables and columns are made and removed by statements (sql)", here.path,
                        name);
    PFS_TRY(pfs_place_child(&parent->place, name, arena, out, err));
    if (!ours || !pfs_node_kind_is_dir(out->kind) || out->kind == PFS_NODE_DAEMON)
        return pfs_fail(err, EPERM, "%s: tables and columns are made and removed by statements (sql)", out->path);
    return 0;
}

/* The table that a tag or branch is of: a branch's place names itself, not the table that it is made of. */
static int table_of(struct pfs_tree *tree, const struct pfs_place *place, enum pfs_node_kind parent,
                    struct pfs_table **out, struct pfs_err *err)
{
    struct pfs_place table = *place;

    if (parent == PFS_NODE_BRANCHES)
        table.branch = NULL;
    return pfs_tree_table(tree, &table, out, err);
}

struct making {
    struct pfs_tree *tree;
    struct pfs_arena arena;
    struct pfs_place place;
    enum pfs_node_kind parent;
    int64_t snapshot; /* what a tag shall name; 0 = the newest */
    const char *tag;  /* what a branch shall begin at; NULL = empty */
    struct pfs_entry *out;
    pfs_done_fn *done;
    void *step;
};

/* A database, a branch, or else a tag: child_of has let nothing else through. */
static int make(const struct making *m, struct pfs_err *err)
{
    struct pfs_table *table;
    int rc;

    assert(m->parent == PFS_NODE_ROOT || m->parent == PFS_NODE_TAGS || m->parent == PFS_NODE_BRANCHES);
    if (m->place.kind == PFS_NODE_DATABASE)
        return pfs_catalog_create_database(m->tree->config.catalog, m->place.database, err);
    PFS_TRY(table_of(m->tree, &m->place, m->parent, &table, err));
    rc = m->parent == PFS_NODE_BRANCHES ? pfs_table_branch_create(table, m->place.branch, m->tag, err)
                                        : pfs_table_tag_create(table, m->place.tag, m->snapshot, err);
    pfs_table_unref(table);
    return rc;
}

/* What was pending is committed. */
static void make_now(struct pfs_request *request, int64_t result)
{
    struct making *m = request->step;

    if (result == 0)
        result = make(m, &request->err);
    if (result == 0)
        result = entry_of(m->tree, &m->place, m->out, &request->err);
    pfs_arena_done(&m->arena);
    request->done = m->done;
    request->step = m->step;
    pfs_free(m);
    request->done(request, result);
}

/* A tag of the newest snapshot has in it what was acknowledged before: that is committed first. */
void pfs_tree_mkdir(struct pfs_tree *tree, struct pfs_request *request, struct pfs_node *parent, const char *name,
                    struct pfs_entry *out)
{
    struct making *m = pfs_zalloc(sizeof(*m));
    struct pfs_table *table;
    int rc;

    if (m == NULL) {
        request->done(request, pfs_fail(&request->err, ENOMEM, "no memory for a request"));
        return;
    }
    *m = (struct making){.tree = tree,
                         .parent = parent->place.kind,
                         .snapshot = parent->place.snapshot,
                         .tag = parent->place.tag, /* as long as the parent, which outlives the request */
                         .out = out,
                         .done = request->done,
                         .step = request->step};
    pfs_arena_init(&m->arena, PFS_ARENA_LIMIT);
    rc = child_of(tree, parent, name, true, &m->arena, &m->place, &request->err);
    request->done = make_now;
    request->step = m;
    if (rc == 0 && m->place.kind != PFS_NODE_DATABASE && m->snapshot == 0 &&
        pfs_tree_table(tree, &m->place, &table, NULL) == 0) {
        pfs_pending_commit(tree, request, table, PFS_INGEST_NOW);
        pfs_table_unref(table);
    } else {
        make_now(request, rc);
    }
}

/* ---- removing ---- */

/* Of a database only when it is empty, of a branch only without a snapshot of its own: below there is no way to ask
 * whether it was meant. */
static int unmake(struct pfs_tree *tree, const struct pfs_place *place, enum pfs_node_kind parent, struct pfs_err *err)
{
    struct pfs_table *table;
    int rc;

    assert(parent == PFS_NODE_ROOT || parent == PFS_NODE_DATABASE || parent == PFS_NODE_TAGS ||
           parent == PFS_NODE_BRANCHES);
    if (place->kind == PFS_NODE_DATABASE)
        return pfs_catalog_drop_database(tree->config.catalog, place->database, err);
    if (parent == PFS_NODE_DATABASE)
        return pfs_catalog_drop_table(tree->config.catalog, place->database, place->table, true, err);
    PFS_TRY(table_of(tree, place, parent, &table, err));
    rc = parent == PFS_NODE_BRANCHES ? pfs_table_branch_delete(table, place->branch, true, err)
                                     : pfs_table_tag_delete(table, place->tag, err);
    pfs_table_unref(table);
    return rc;
}

/* Of a tag or branch: the name under which it is remembered that somebody was refused an unlink below. */
static const char *refusal_name(const struct pfs_place *p, bool tag, struct pfs_arena *arena)
{
    return pfs_arena_printf(arena, "!%s/%s/%s/%s", p->database, p->table, p->branch == NULL ? "" : p->branch,
                            tag && p->tag != NULL ? p->tag : "");
}

/* `rm -r` and `find -delete` end with an rmdir when nothing below could be removed: that is not what was meant. */
static void remember_refusal(struct pfs_tree *tree, const struct pfs_place *place, uint32_t pid)
{
    struct pfs_arena arena;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    for (int tag = 0; tag < 2; tag++) {
        const char *name = refusal_name(place, tag == 1, &arena);

        if (name != NULL && (tag == 1 ? place->tag != NULL : place->branch != NULL))
            pfs_hidden_add(tree, name, pid, REFUSED_MS);
    }
    pfs_arena_done(&arena);
}

static int check_not_refused(struct pfs_tree *tree, const struct pfs_place *place, uint32_t pid,
                             struct pfs_arena *arena, struct pfs_err *err)
{
    const char *name = place->kind == PFS_NODE_PLACE ? refusal_name(place, true, arena) : NULL;

    if (name == NULL || !pfs_hidden_is(tree, name, pid))
        return 0;
    return pfs_fail(err, EPERM, "%s: files below could not be removed, and so neither is it; rmdir alone does it",
                    place->path);
}

/* A bookmark is a file in the table's directory: it goes at once. */
static int remove_consumer(struct pfs_tree *tree, struct pfs_node *parent, const char *name, struct pfs_err *err)
{
    struct pfs_arena arena;
    struct pfs_place place;
    int rc;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = pfs_place_child(&parent->place, name, &arena, &place, err);
    if (rc == 0)
        rc = pfs_bookmark_remove(tree, &place, err);
    pfs_arena_done(&arena);
    return rc;
}

/* Rows are not removed with the name that took them. */
static int remove_inbox(struct pfs_tree *tree, struct pfs_node *parent, const char *name, uint32_t pid,
                        struct pfs_err *err)
{
    struct pfs_arena arena;
    struct pfs_place place;
    int rc;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = pfs_place_child(&parent->place, name, &arena, &place, err);
    if (rc == 0 && place.kind != PFS_NODE_INBOX && place.kind != PFS_NODE_OVERWRITE)
        rc = pfs_fail(err, EPERM, "%s is no file that can be removed", place.path);
    if (rc == 0)
        pfs_hidden_add(tree, place.path, pid, PFS_HIDDEN_MS);
    pfs_arena_done(&arena);
    return rc;
}

/* What cannot be removed is remembered for a minute: see remember_refusal. */
void pfs_tree_unlink(struct pfs_tree *tree, struct pfs_request *request, struct pfs_node *parent, const char *name)
{
    int rc = pfs_node_here(parent);

    if (rc == 0)
        rc = pfs_tree_writable(tree, &parent->place, &request->err);
    if (rc == 0 && parent->place.kind == PFS_NODE_CONSUMERS)
        rc = remove_consumer(tree, parent, name, &request->err);
    else if (rc == 0 && pfs_scratch_remove(tree, parent, name) < 0)
        rc = remove_inbox(tree, parent, name, request->pid, &request->err);
    if (rc < 0 && parent->place.table != NULL)
        remember_refusal(tree, &parent->place, request->pid);
    request->done(request, rc);
}

/* ---- names that go ---- */

/* A table or branch is renamed or removed: what was acknowledged under its name is committed first, since nothing finds
 * it under another one. */
struct changing {
    struct pfs_tree *tree;
    struct pfs_arena arena;
    struct pfs_place from, to; /* to.path NULL: it is removed */
    enum pfs_node_kind parent;
    const char **branch; /* of a table: those that are still to be looked at */
    int64_t branches;
    pfs_done_fn *done;
    void *step;
};

/* The request is ours until end_change: whoever called must not find our step in it. */
static struct changing *begin_change(struct pfs_tree *tree, struct pfs_request *request, struct pfs_node *parent)
{
    struct changing *c = pfs_zalloc(sizeof(*c));

    if (c == NULL) {
        request->done(request, pfs_fail(&request->err, ENOMEM, "no memory for a request"));
        return NULL;
    }
    *c = (struct changing){.tree = tree, .parent = parent->place.kind, .done = request->done, .step = request->step};
    pfs_arena_init(&c->arena, PFS_ARENA_LIMIT);
    return c;
}

/* Rows of an open inbox would have nowhere to go. Those of the table's branches as well: their names begin with its
 * own. */
static int check_idle(struct changing *c, struct pfs_err *err)
{
    const char *name = pfs_place_table(&c->from, &c->arena);
    size_t len = name == NULL ? 0 : strlen(name);
    bool busy = false;

    if (name == NULL)
        return pfs_arena_full(&c->arena, err);
    pthread_mutex_lock(&c->tree->lock);
    for (struct pfs_handle *h = c->tree->inboxes; h != NULL && !busy; h = h->next)
        busy = h->table != NULL && strncmp(h->table, name, len) == 0 && (h->table[len] == '\0' || h->table[len] == '/');
    pthread_mutex_unlock(&c->tree->lock);
    return busy ? pfs_fail(err, EBUSY, "%s is being written to", c->from.path) : 0;
}

static int rename_branch(const struct changing *c, struct pfs_err *err)
{
    struct pfs_table *table;
    int rc;

    PFS_TRY(table_of(c->tree, &c->from, c->parent, &table, err));
    rc = pfs_table_branch_rename(table, c->from.branch, c->to.branch, err);
    pfs_table_unref(table);
    return rc;
}

static int rename_table(const struct changing *c, struct pfs_err *err)
{
    return pfs_catalog_rename_table(c->tree->config.catalog, c->from.database, c->from.table, c->to.database,
                                    c->to.table, err);
}

static int change(struct changing *c, struct pfs_err *err)
{
    assert(c->from.path != NULL);
    assert(c->branches == 0);
    PFS_TRY(check_idle(c, err));
    if (c->to.path == NULL)
        PFS_TRY(unmake(c->tree, &c->from, c->parent, err));
    else
        PFS_TRY(c->parent == PFS_NODE_BRANCHES ? rename_branch(c, err) : rename_table(c, err));
    pfs_nodes_leave(c->tree, c->from.path);
    return 0;
}

/* Gives the request back to its caller, who knows nothing of the steps. */
static void end_change(struct changing *c, struct pfs_request *request, int64_t result)
{
    pfs_arena_done(&c->arena);
    request->done = c->done;
    request->step = c->step;
    pfs_free(c);
    request->done(request, result);
}

/* What was pending is committed, of the branches in front too: the next one that has something, or the change. */
static void commit_next(struct pfs_request *request, int64_t result)
{
    struct changing *c = request->step;

    while (result == 0 && c->branches > 0) {
        struct pfs_place place = c->from;
        struct pfs_table *table;
        bool idle;

        place.branch = c->branch[--c->branches];
        if (pfs_tree_table(c->tree, &place, &table, NULL) < 0)
            continue;
        idle = c->tree->ingest == NULL || pfs_ingest_idle(c->tree->ingest, table);
        if (!idle)
            pfs_pending_commit(c->tree, request, table, PFS_INGEST_NOW);
        pfs_table_unref(table);
        if (!idle)
            return;
    }
    if (result == 0)
        result = change(c, &request->err);
    end_change(c, request, result);
}

/* One that cannot be opened has nothing to commit; whoever wants to rename it is told. */
static void commit_then_change(struct changing *c, struct pfs_request *request)
{
    struct pfs_err err = {0};
    struct pfs_table *table;
    int rc = pfs_tree_table(c->tree, &c->from, &table, &err);

    request->done = commit_next;
    request->step = c;
    if (rc < 0) {
        if (c->to.path != NULL)
            request->err = err;
        commit_next(request, c->to.path != NULL ? rc : 0);
        return;
    }
    assert(c->parent == PFS_NODE_DATABASE || c->parent == PFS_NODE_BRANCHES);
    if (c->parent == PFS_NODE_DATABASE)
        rc = pfs_table_branches(table, &c->arena, &c->branch, &c->branches, &request->err);
    if (rc < 0)
        commit_next(request, rc);
    else
        pfs_pending_commit(c->tree, request, table, PFS_INGEST_NOW);
    pfs_table_unref(table);
}

/* Tables and branches commit first, all others go at once. */
void pfs_tree_rmdir(struct pfs_tree *tree, struct pfs_request *request, struct pfs_node *parent, const char *name)
{
    struct changing *c = begin_change(tree, request, parent);
    int rc;

    if (c == NULL)
        return;
    rc = child_of(tree, parent, name, false, &c->arena, &c->from, &request->err);
    if (rc == 0)
        rc = check_not_refused(tree, &c->from, request->pid, &c->arena, &request->err);
    if (rc == 0 && (c->parent == PFS_NODE_DATABASE || c->parent == PFS_NODE_BRANCHES)) {
        commit_then_change(c, request);
        return;
    }
    if (rc == 0)
        rc = unmake(tree, &c->from, c->parent, &request->err);
    if (rc == 0)
        pfs_nodes_leave(tree, c->from.path);
    end_change(c, request, rc);
}

/* Nothing is acknowledged under a tag: it is renamed at once, and its names are asked for each time anyway. */
static int rename_tag(struct pfs_tree *tree, struct pfs_node *parent, const char *name, const char *new_name,
                      struct pfs_err *err)
{
    struct pfs_place from, to;
    struct pfs_table *table;
    struct pfs_arena arena;
    int rc;

    PFS_TRY(pfs_tree_writable(tree, &parent->place, err));
    PFS_TRY(pfs_tree_table(tree, &parent->place, &table, err));
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = pfs_place_child(&parent->place, name, &arena, &from, err);
    if (rc == 0)
        rc = pfs_place_child(&parent->place, new_name, &arena, &to, err);
    if (rc == 0)
        rc = pfs_table_tag_rename(table, from.tag, to.tag, err);
    pfs_arena_done(&arena);
    pfs_table_unref(table);
    return rc;
}

/* Both are resolved before anything is committed: a name that cannot be is told at once. */
static int places_of(struct changing *c, struct pfs_node *parent, const char *name, struct pfs_node *new_parent,
                     const char *new_name, struct pfs_err *err)
{
    PFS_TRY(pfs_tree_writable(c->tree, &parent->place, err));
    PFS_TRY(pfs_place_child(&parent->place, name, &c->arena, &c->from, err));
    PFS_TRY(pfs_place_child(&new_parent->place, new_name, &c->arena, &c->to, err));
    return c->from.kind == PFS_NODE_PLACE && c->to.kind == PFS_NODE_PLACE
               ? 0
               : pfs_fail(err, EPERM, "%s cannot be renamed", c->from.path);
}

/* Of a table or branch. */
static void rename_committed(struct pfs_tree *tree, struct pfs_request *request, struct pfs_node *parent,
                             const char *name, struct pfs_node *new_parent, const char *new_name)
{
    struct changing *c = begin_change(tree, request, parent);
    int rc;

    if (c == NULL)
        return;
    rc = places_of(c, parent, name, new_parent, new_name, &request->err);
    if (rc < 0)
        end_change(c, request, rc);
    else
        commit_then_change(c, request);
}

/* By what the two directories are: a scratch, a table within or between databases, a branch or tag beside itself. */
void pfs_tree_rename(struct pfs_tree *tree, struct pfs_request *request, struct pfs_node *parent, const char *name,
                     struct pfs_node *new_parent, const char *new_name, unsigned flags)
{
    enum pfs_node_kind kind = parent->place.kind;
    int rc = pfs_node_here(parent);

    if (rc == 0)
        rc = pfs_node_here(new_parent);
    if (rc < 0) {
        request->done(request, rc);
        return;
    }
    if (kind == PFS_NODE_PLACE && new_parent->place.kind == PFS_NODE_PLACE) {
        rc = pfs_tree_writable(tree, &new_parent->place, &request->err);
        if (rc < 0 || (flags & ~(unsigned)RENAME_NOREPLACE) != 0)
            request->done(request, rc < 0 ? rc : -EINVAL);
        else
            pfs_scratch_rename(tree, request, parent, name, new_parent, new_name);
        return;
    }
    if ((flags & ~(unsigned)RENAME_NOREPLACE) != 0) {
        request->done(request, -EINVAL);
        return;
    }
    if ((kind == PFS_NODE_DATABASE && new_parent->place.kind == PFS_NODE_DATABASE) ||
        (kind == PFS_NODE_BRANCHES && parent == new_parent)) {
        rename_committed(tree, request, parent, name, new_parent, new_name);
        return;
    }
    if (parent != new_parent || kind != PFS_NODE_TAGS)
        rc = pfs_fail(&request->err, EPERM, "tables, and tags and branches within their table, can be renamed here");
    else
        rc = rename_tag(tree, parent, name, new_name, &request->err);
    request->done(request, rc);
}
