/* listing.c - entries of a directory that begin with a prefix.
 *
 * Names are gathered in the arena as the store hands them out, in any order, and sorted behind. Numbers are those names
 * whose rest is digits and fits; everything else in the directory (hints, temporary files, what other programs left
 * there) is passed over. A directory that is not there yet is an empty one: a table without snapshots has none.
 */
#include "src/meta/listing.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"

struct list {
    struct pfs_arena *arena;
    const char *prefix;
    bool directories;
    const char **name;
    int64_t count, room;
};

/* Called for every entry. The list doubles in the arena, where what it was before stays until the end. */
static int each(void *context, struct pfs_slice name, bool directory)
{
    struct list *l = context;
    size_t prefix = strlen(l->prefix);

    assert(l->count <= l->room);
    if (directory != l->directories || name.len <= prefix || memcmp(name.at, l->prefix, prefix) != 0)
        return 0;
    if (l->count == l->room) {
        int64_t room = l->room == 0 ? 32 : l->room * 2;
        const char **more = pfs_arena_array(l->arena, (size_t)room, sizeof(*more));

        if (more == NULL)
            return -ENOMEM;
        if (l->count > 0)
            memcpy(more, l->name, (size_t)l->count * sizeof(*more));
        l->name = more;
        l->room = room;
    }
    l->name[l->count] = pfs_arena_string(l->arena, pfs_slice_of(name.at + prefix, name.len - prefix));
    return l->name[l->count++] == NULL ? -ENOMEM : 0;
}

static int list(struct pfs_store *store, const char *table, const char *directory, struct list *l, struct pfs_err *err)
{
    const char *path = pfs_arena_printf(l->arena, "%s/%s", table, directory);
    int rc;

    if (path == NULL)
        return pfs_arena_full(l->arena, err);
    rc = pfs_store_list(store, path, each, l, err);
    if (rc == -ENOMEM)
        return pfs_arena_full(l->arena, err);
    return rc == -ENOENT ? 0 : rc;
}

/* By value: as text 10 would come before 9. */
static int compare_numbers(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int pfs_list_numbers(struct pfs_store *store, const char *table, const char *directory, const char *prefix,
                     struct pfs_arena *arena, int64_t **out, int64_t *count, struct pfs_err *err)
{
    struct list l = {.arena = arena, .prefix = prefix};
    int64_t *number;

    PFS_TRY(list(store, table, directory, &l, err));
    number = pfs_arena_array(arena, (size_t)l.count, sizeof(*number));
    if (number == NULL)
        return pfs_arena_full(arena, err);
    *count = 0;
    for (int64_t i = 0; i < l.count; i++)
        if (l.name[i][strspn(l.name[i], "0123456789")] == '\0' &&
            pfs_i64_parse(pfs_str(l.name[i]), &number[*count]) == 0)
            (*count)++;
    assert(*count <= l.count);
    qsort(number, (size_t)*count, sizeof(*number), compare_numbers);
    *out = number;
    return 0;
}

int pfs_list_names(struct pfs_store *store, const char *table, const char *directory, const char *prefix,
                   bool directories, struct pfs_arena *arena, const char ***out, int64_t *count, struct pfs_err *err)
{
    struct list l = {.arena = arena, .prefix = prefix, .directories = directories};

    PFS_TRY(list(store, table, directory, &l, err));
    assert((l.name == NULL) == (l.room == 0));
    if (l.count > 0)
        qsort(l.name, (size_t)l.count, sizeof(*l.name), compare_names);
    *out = l.name;
    *count = l.count;
    return 0;
}
