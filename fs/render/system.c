/* system.c - the finder of system tables. What of them is made of files in a directory may be others' at any time, and
 * is told apart by how these look: such a view is small, and its size is not kept on disk. */
#include <assert.h>

#include "base/mem.h"
#include "fs/render/render.h"

struct source {
    struct pfs_table_system *system;
    struct pfs_budget budget;
};

static int open_rows(void *context, const struct pfs_cancel *cancel, struct pfs_rows **out, struct pfs_err *err)
{
    const struct source *s = context;

    return pfs_table_system_rows(s->system, s->budget, cancel, out, err);
}

static void release(void *context)
{
    struct source *s = context;

    pfs_table_system_close(s->system);
    pfs_free(s);
}

int pfs_find_system(const struct pfs_looking *looking, struct pfs_shown *out, struct pfs_err *err)
{
    const struct pfs_place *place = looking->place;
    struct pfs_print print = {.open = open_rows, .release = release, .pool = looking->pool, .format = place->format};
    struct pfs_table_system *system;
    struct source *s;

    assert(place->name != NULL);
    PFS_TRY(pfs_table_system_open(looking->table, place->name, pfs_place_shown(place), &system, err));
    s = pfs_zalloc(sizeof(*s));
    if (s == NULL) {
        pfs_table_system_close(system);
        return pfs_fail(err, ENOMEM, "no memory for a view");
    }
    *s = (struct source){system, looking->budget};
    out->mtime_ms = pfs_table_system_time_ms(system);
    out->identity = pfs_arena_string(looking->arena, pfs_str(pfs_table_system_identity(system)));
    if (out->identity == NULL) {
        release(s);
        return pfs_arena_full(looking->arena, err);
    }
    print.context = s;
    print.small = pfs_table_system_is_small(system);
    print.lasting = !print.small; /* made of a snapshot alone */
    return pfs_print_source(&print, &out->source, err);
}
