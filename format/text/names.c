/* names.c - from the name of a header field or JSON key to the column: binary search over sorted names.
 *
 * Compared by bytes: Paimon's names are case-sensitive. A column of the table goes before the special names, which
 * another program may have as columns of its own. */
#include <assert.h>
#include <stdlib.h>

#include "format/text/parse.h"

static int compare(const void *a, const void *b, void *names)
{
    const struct pfs_slice *name = names;

    return pfs_slice_compare(name[*(const int32_t *)a], name[*(const int32_t *)b]);
}

int pfs_text_names_init(struct pfs_text_names *names, const struct pfs_field *fields, int32_t count, bool special,
                        struct pfs_arena *arena, struct pfs_err *err)
{
    assert(count >= 0);
    names->count = count;
    names->special = special;
    names->name = pfs_arena_array(arena, (size_t)count, sizeof(*names->name));
    names->sorted = pfs_arena_array(arena, (size_t)count, sizeof(*names->sorted));
    if (names->name == NULL || names->sorted == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < count; i++) {
        names->name[i] = pfs_str(fields[i].name);
        names->sorted[i] = i;
    }
    qsort_r(names->sorted, (size_t)count, sizeof(*names->sorted), compare, names->name);
    return 0;
}

int32_t pfs_text_names_find(const struct pfs_text_names *names, struct pfs_slice name)
{
    int32_t from = 0, to = names->count;

    while (from < to) {
        int32_t middle = from + (to - from) / 2;
        int order = pfs_slice_compare(names->name[names->sorted[middle]], name);

        if (order == 0)
            return names->sorted[middle];
        if (order < 0)
            from = middle + 1;
        else
            to = middle;
    }
    if (!names->special)
        return -1;
    if (pfs_slice_eq(name, pfs_str("_kind")) || pfs_slice_eq(name, pfs_str("rowkind")))
        return names->count;
    return pfs_slice_eq(name, pfs_str("_snapshot")) ? names->count + 1 : -1;
}
