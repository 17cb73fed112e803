/* manifest_copy.c - an entry that outlives the arena which it was read into.
 *
 * Everything that it points to is copied; what it has of numbers goes along. Absent things stay absent: a NULL text, a
 * count of -1, and an embedded index, whose pointer alone says that there is one. Files of one row are made by the
 * hundred thousand, and of such a file all bounds are the same bytes: these are there once.
 */
#include <assert.h>

#include "src/meta/manifest.h"

static bool copy_text(struct pfs_arena *arena, const char **text)
{
    if (*text != NULL)
        *text = pfs_arena_string(arena, pfs_str(*text));
    return *text != NULL;
}

static bool copy_list(struct pfs_arena *arena, const char *const *from, int64_t count, const char *const **to)
{
    const char **list;

    if (count <= 0)
        return true;
    assert(from != NULL);
    list = pfs_arena_array(arena, (size_t)count, sizeof(*list));
    for (int64_t i = 0; list != NULL && i < count; i++) {
        list[i] = from[i];
        if (!copy_text(arena, &list[i]))
            return false;
    }
    *to = list;
    return list != NULL;
}

/* Or takes `copy`, which is in the arena, where that is the same. */
static bool copy_rather(struct pfs_arena *arena, struct pfs_slice copy, struct pfs_slice *out)
{
    if (!pfs_slice_eq(copy, *out))
        return pfs_arena_copy(arena, *out, out);
    *out = copy;
    return true;
}

/* `key`: a row in the arena that the ends may be the same as. */
static bool copy_stats(struct pfs_arena *arena, struct pfs_slice key, struct pfs_stats *stats)
{
    int64_t *nulls = pfs_arena_array(arena, (size_t)stats->columns, sizeof(*nulls));

    assert(stats->columns == 0 || stats->nulls != NULL);
    if (nulls == NULL)
        return false;
    for (int64_t i = 0; i < stats->columns; i++)
        nulls[i] = stats->nulls[i];
    stats->nulls = nulls;
    return copy_rather(arena, key, &stats->min) && copy_rather(arena, stats->min, &stats->max);
}

bool pfs_data_file_is_aside(const struct pfs_data_file *file)
{
    static const char end[] = ".blob";
    size_t len = strlen(file->name), last = sizeof(end) - 1;

    return (len >= last && strcmp(file->name + len - last, end) == 0) || strstr(file->name, ".vector.") != NULL;
}

int pfs_manifest_entry_copy(const struct pfs_manifest_entry *in, struct pfs_arena *arena,
                            struct pfs_manifest_entry *out, struct pfs_err *err)
{
    struct pfs_manifest_entry copy = *in;
    struct pfs_data_file *f = &copy.file;
    bool ok = pfs_arena_copy(arena, copy.partition, &copy.partition) && copy_text(arena, &f->name) &&
              pfs_arena_copy(arena, f->min_key, &f->min_key) && copy_rather(arena, f->min_key, &f->max_key) &&
              copy_stats(arena, f->min_key, &f->key_stats) && copy_stats(arena, f->min_key, &f->value_stats) &&
              copy_list(arena, f->extra_file, f->extra_files, &f->extra_file) &&
              copy_list(arena, f->stats_column, f->stats_columns, &f->stats_column) &&
              copy_list(arena, f->write_column, f->write_columns, &f->write_column);

    if (ok && f->embedded_index.at != NULL)
        ok = pfs_arena_copy(arena, f->embedded_index, &f->embedded_index);
    if (ok && f->external_path != NULL)
        ok = copy_text(arena, &f->external_path);
    if (!ok)
        return pfs_arena_full(arena, err);
    *out = copy;
    return 0;
}
