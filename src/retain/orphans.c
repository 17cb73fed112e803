/* orphans.c - files that nothing names (spec commit 12): first what there is, then what is needed, then the rest goes.
 * A file that comes after the listing is young, and one that is needed before it is needed after it too.
 *
 * Only what a table of Paimon's lays out is looked at: metadata directories, and partition directories down to buckets.
 * Whatever else somebody put there stays. Names are compared without their directories, for names of data files are
 * unique; a name that is used anywhere keeps every file of that name. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "src/meta/branch.h"
#include "src/meta/names.h"
#include "src/retain/used.h"

struct candidate {
    const char *path, *name; /* name points into path */
    int64_t bytes;
    bool always; /* no history could name it */
};

struct search {
    const struct pfs_retain *at;
    const struct pfs_orphans_want *want;
    struct pfs_arena arena;
    struct pfs_nameset names; /* of the candidates that may be used */
    struct candidate *candidate;
    int64_t candidates, room;
    const char **empty; /* directories */
    int64_t empties, empty_room;
};

/* ---- listing ---- */

struct entry {
    const char *path;
    bool directory;
};

struct listing {
    struct pfs_arena *arena;
    const char *directory;
    struct entry *entry;
    int64_t entries, room;
};

static int keep_entry(void *context, struct pfs_slice name, bool directory)
{
    struct listing *l = context;

    if (l->entries == l->room) {
        int64_t room = l->room == 0 ? 64 : l->room * 2;
        struct entry *more = pfs_arena_array(l->arena, (size_t)room, sizeof(*more));

        if (more == NULL)
            return -ENOMEM;
        if (l->entries > 0)
            memcpy(more, l->entry, (size_t)l->entries * sizeof(*more));
        l->entry = more;
        l->room = room;
    }
    l->entry[l->entries].path = pfs_arena_printf(l->arena, "%s/%.*s", l->directory, PFS_P(name));
    l->entry[l->entries].directory = directory;
    return l->entry[l->entries++].path == NULL ? -ENOMEM : 0;
}

/* A directory that is not there is an empty one. */
static int list(struct search *s, const char *directory, struct listing *out, struct pfs_err *err)
{
    int rc;

    *out = (struct listing){.arena = &s->arena, .directory = directory};
    rc = pfs_store_list(s->at->store, directory, keep_entry, out, err);
    if (rc == -ENOMEM)
        return pfs_arena_full(&s->arena, err);
    return rc == -ENOENT ? 0 : rc;
}

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    assert(slash != NULL); /* all of them lie below the table's directory */
    return slash + 1;
}

static bool is_old(const struct search *s, const char *path, struct pfs_stat *st)
{
    return pfs_store_stat(s->at->store, path, st, NULL) == 0 && st->mtime_ns / 1000000 < s->want->before_ms;
}

static int add(struct search *s, const char *path, bool always, struct pfs_err *err)
{
    struct pfs_stat st;
    int rc;

    if (!is_old(s, path, &st) || st.directory)
        return 0;
    if (s->candidates == s->room) {
        int64_t room = s->room == 0 ? 64 : s->room * 2;
        struct candidate *more = pfs_arena_array(&s->arena, (size_t)room, sizeof(*more));

        if (more == NULL)
            return pfs_arena_full(&s->arena, err);
        if (s->candidates > 0)
            memcpy(more, s->candidate, (size_t)s->candidates * sizeof(*more));
        s->candidate = more;
        s->room = room;
    }
    s->candidate[s->candidates++] = (struct candidate){path, name_of(path), (int64_t)st.size, always};
    rc = always ? 0 : pfs_nameset_add(&s->names, name_of(path), err);
    return rc < 0 ? rc : 0;
}

static int add_empty(struct search *s, const char *path, struct pfs_err *err)
{
    struct pfs_stat st;

    if (!is_old(s, path, &st))
        return 0;
    if (s->empties == s->empty_room) {
        int64_t room = s->empty_room == 0 ? 16 : s->empty_room * 2;
        const char **more = pfs_arena_array(&s->arena, (size_t)room, sizeof(*more));

        if (more == NULL)
            return pfs_arena_full(&s->arena, err);
        if (s->empties > 0)
            memcpy(more, s->empty, (size_t)s->empties * sizeof(*more));
        s->empty = more;
        s->empty_room = room;
    }
    s->empty[s->empties++] = path;
    return 0;
}

/* Files of one directory; `bucket`: one that goes when it is empty. */
static int search_files(struct search *s, const char *directory, bool bucket, struct pfs_err *err)
{
    struct listing l;

    PFS_TRY(list(s, directory, &l, err));
    for (int64_t i = 0; i < l.entries; i++)
        if (!l.entry[i].directory)
            PFS_TRY(add(s, l.entry[i].path, false, err));
    return bucket && l.entries == 0 ? add_empty(s, directory, err) : 0;
}

/* Partition directories down to those of buckets. */
static int search_buckets(struct search *s, const char *directory, int32_t levels, struct pfs_err *err)
{
    struct listing l;
    bool any = false;

    assert(levels >= 0);
    assert(levels <= s->at->schema->partition_keys);
    PFS_TRY(list(s, directory, &l, err));
    for (int64_t i = 0; i < l.entries; i++) {
        const char *path = l.entry[i].path;
        bool fits = levels > 0 ? strchr(name_of(path), '=') != NULL : strncmp(name_of(path), "bucket-", 7) == 0;

        if (!l.entry[i].directory || !fits)
            continue;
        any = true;
        PFS_TRY(levels > 0 ? search_buckets(s, path, levels - 1, err) : search_files(s, path, true, err));
    }
    return !any && levels < s->at->schema->partition_keys ? add_empty(s, directory, err) : 0;
}

/* What is neither a snapshot nor a hint: temporary files. */
static int search_leftovers(struct search *s, const char *meta, const char *directory, struct pfs_err *err)
{
    const char *path = pfs_arena_printf(&s->arena, "%s/%s", meta, directory);
    struct listing l;

    if (path == NULL)
        return pfs_arena_full(&s->arena, err);
    PFS_TRY(list(s, path, &l, err));
    for (int64_t i = 0; i < l.entries; i++) {
        const char *name = name_of(l.entry[i].path);
        size_t len = strlen(directory);
        bool numbered = strncmp(name, directory, len) == 0 && name[len] == '-';

        if (!l.entry[i].directory && !numbered && strcmp(name, "EARLIEST") != 0 && strcmp(name, "LATEST") != 0)
            PFS_TRY(add(s, l.entry[i].path, true, err));
    }
    return 0;
}

static int search_branch(struct search *s, const char *meta, struct pfs_err *err)
{
    PFS_TRY(search_leftovers(s, meta, "snapshot", err));
    return search_leftovers(s, meta, "changelog", err);
}

static int search_all(struct search *s, struct pfs_err *err)
{
    static const char *const directories[] = {"manifest", "index", "statistics"};
    const char *data = pfs_options_get(&s->at->schema->options, "data-file.path-directory");
    const char **names, *path;
    int64_t count;

    PFS_TRY(search_branch(s, s->at->table, err));
    PFS_TRY(pfs_branch_list(s->at->store, s->at->table, &s->arena, &names, &count, err));
    for (int64_t i = 0; i < count; i++) {
        PFS_TRY(pfs_name_branch(s->at->table, names[i], &s->arena, &path, err));
        PFS_TRY(search_branch(s, path, err));
    }
    for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
        path = pfs_arena_printf(&s->arena, "%s/%s", s->at->table, directories[i]);
        if (path == NULL)
            return pfs_arena_full(&s->arena, err);
        PFS_TRY(search_files(s, path, false, err));
    }
    path = pfs_arena_printf(&s->arena, "%s%s%s", s->at->table, data != NULL ? "/" : "", data != NULL ? data : "");
    if (path == NULL)
        return pfs_arena_full(&s->arena, err);
    return search_buckets(s, path, s->at->schema->partition_keys, err);
}

/* ---- removing ---- */

/* The directory, and those above it that are empty then, up to the table's. */
static void remove_directories(struct search *s, const char *directory)
{
    char *path = pfs_arena_string(&s->arena, pfs_str(directory));

    assert(strncmp(directory, s->at->table, strlen(s->at->table)) == 0);
    while (path != NULL && strlen(path) > strlen(s->at->table) && pfs_store_rmdir(s->at->store, path, NULL) == 0)
        *strrchr(path, '/') = '\0';
}

static void remove_file(struct search *s, const struct candidate *c)
{
    char *directory = pfs_arena_string(&s->arena, pfs_slice_of(c->path, (size_t)(c->name - c->path) - 1));

    assert(c->name > c->path);
    assert(!s->want->dry);
    if (pfs_store_unlink(s->at->store, c->path, NULL) == 0 && directory != NULL &&
        strncmp(name_of(directory), "bucket-", 7) == 0)
        remove_directories(s, directory);
}

static void remove_rest(struct search *s, const struct pfs_nameset *used, int64_t *files, int64_t *bytes)
{
    for (int64_t i = 0; i < s->candidates; i++) {
        const struct candidate *c = &s->candidate[i];

        if (!c->always && pfs_nameset_has(used, c->name))
            continue;
        ++*files;
        *bytes += c->bytes;
        if (!s->want->dry)
            remove_file(s, c);
    }
    for (int64_t i = 0; !s->want->dry && i < s->empties; i++)
        remove_directories(s, s->empty[i]);
}

int pfs_orphans_remove(const struct pfs_retain *at, const struct pfs_orphans_want *want, int64_t *files, int64_t *bytes,
                       struct pfs_err *err)
{
    struct search s = {.at = at, .want = want};
    struct pfs_nameset used;
    int rc;

    assert(strcmp(at->table, at->meta) == 0);
    *files = *bytes = 0;
    pfs_arena_init(&s.arena, PFS_ARENA_LIMIT);
    pfs_nameset_init(&s.names, &s.arena);
    pfs_nameset_init(&used, &s.arena);
    rc = search_all(&s, err);
    if (rc == 0 && want->needed != NULL)
        rc = want->needed(want->context, &used, err);
    if (rc == 0)
        rc = pfs_used_files(at, &s.names, &used, err);
    if (rc == 0)
        remove_rest(&s, &used, files, bytes);
    pfs_arena_done(&s.arena);
    return rc;
}
