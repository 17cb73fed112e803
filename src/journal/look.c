/* look.c - what the journals of a warehouse say, without taking them. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "src/journal/segment.h"

struct look {
    pfs_journal_look_fn *each;
    void *context;
};

static int visit(void *context, const struct pfs_segment_record *record, struct pfs_err *err)
{
    const struct look *l = context;

    return record->kind < PFS_JOURNAL_KINDS
               ? l->each(l->context, (enum pfs_journal_kind)record->kind, record->body, err)
               : 0;
}

/* One that was removed meanwhile is retired. */
static int look_at(struct pfs_store *store, const char *path, struct look *look, struct pfs_err *err)
{
    struct pfs_segment_header *header = pfs_zalloc(sizeof(*header));
    struct pfs_segment_damage damage = {0};
    struct pfs_file *file = NULL;
    int rc =
        header == NULL ? pfs_fail(err, ENOMEM, "no memory to read %s", path) : pfs_store_open(store, path, &file, err);
    bool gone = rc == -ENOENT;

    if (rc == 0) {
        rc = pfs_segment_get_header(file, header, err);
        if (rc == 0 && pfs_file_size(file) > PFS_SEGMENT_HEADER_MAX)
            rc = pfs_fail(err, EIO, "it is damaged");
        else if (rc > 0)
            rc = pfs_segment_scan(file, header, visit, look, &damage, err);
        if (rc == 0 && damage.bytes > 0) /* what was there may have named files */
            rc = pfs_fail(err, EIO, "%llu bytes from %llu on are damaged", (unsigned long long)damage.bytes,
                          (unsigned long long)damage.at);
        if (rc < 0)
            rc = pfs_wrap(err, "%s", path);
    }
    pfs_file_close(file);
    pfs_free(header);
    return gone ? 0 : rc;
}

struct names {
    struct pfs_arena *arena;
    const char **name;
    size_t count, room;
};

static int keep(void *context, struct pfs_slice name, bool directory)
{
    static const char prefix[] = "journal-";
    struct names *n = context;

    if (directory || name.len < sizeof(prefix) || memcmp(name.at, prefix, sizeof(prefix) - 1) != 0)
        return 0;
    assert(n->count <= n->room);
    if (n->count == n->room) {
        size_t room = n->room == 0 ? 16 : n->room * 2;
        const char **more = pfs_arena_array(n->arena, room, sizeof(*more));

        if (more == NULL)
            return -ENOMEM;
        if (n->count > 0)
            memcpy(more, n->name, n->count * sizeof(*more));
        n->name = more;
        n->room = room;
    }
    n->name[n->count] = pfs_arena_printf(n->arena, PFS_JOURNAL_DIRECTORY "/%.*s", PFS_P(name));
    return n->name[n->count++] == NULL ? -ENOMEM : 0;
}

int pfs_journal_look(struct pfs_store *store, pfs_journal_look_fn *each, void *context, struct pfs_err *err)
{
    struct look look = {each, context};
    struct pfs_arena arena;
    struct names names = {.arena = &arena};
    int rc;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = pfs_store_list(store, PFS_JOURNAL_DIRECTORY, keep, &names, err);
    if (rc == -ENOMEM)
        rc = pfs_arena_full(&arena, err);
    if (rc == -ENOENT)
        rc = 0;
    for (size_t i = 0; rc >= 0 && i < names.count; i++)
        rc = look_at(store, names.name[i], &look, err);
    pfs_arena_done(&arena);
    return rc < 0 ? rc : 0;
}
