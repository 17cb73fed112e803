/* reindex.c - file indexes of a data file that is there already: its rows are read as they lie in it, and the container
 * takes the place of the one that its entry had. The data file itself is not touched. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/number.h"
#include "src/file/file.h"
#include "src/file/indexes.h"

#define SUFFIX ".index"
#define NAMES_MAX 10000 /* tried for a new index file */
#define NUMBER_MAX ((int64_t)1 << 62)

static bool is_index(const char *name)
{
    size_t len = strlen(name), suffix = strlen(SUFFIX);

    return len > suffix && strcmp(name + len - suffix, SUFFIX) == 0;
}

static const char *index_of(const struct pfs_data_file *file)
{
    for (int64_t i = 0; i < file->extra_files; i++)
        if (is_index(file->extra_file[i]))
            return file->extra_file[i];
    return NULL;
}

/* ---- the rows ---- */

/* The columns that the indexes are over, each once; their sources become places among them. */
static int choose_columns(struct pfs_indexes *indexes, struct pfs_arena *arena, struct pfs_data_read *read,
                          struct pfs_err *err)
{
    int32_t *column = pfs_arena_array(arena, (size_t)indexes->count, sizeof(*column));

    if (column == NULL)
        return pfs_arena_full(arena, err);
    read->columns = 0;
    for (int32_t i = 0; i < indexes->count; i++) {
        int32_t place = 0;

        while (place < read->columns && column[place] != indexes->source[i].column)
            place++;
        if (place == read->columns)
            column[read->columns++] = indexes->source[i].column;
        assert(read->columns <= indexes->count);
        indexes->source[i].column = place;
    }
    read->column = column;
    return 0;
}

static int add_rows(const struct pfs_data_read *read, const struct pfs_manifest_entry *entry,
                    const struct pfs_indexes *indexes, struct pfs_fileindex_writer *writer, struct pfs_err *err)
{
    struct pfs_reader *reader;
    struct pfs_arena arena;
    int64_t rows;

    PFS_TRY(pfs_data_open(read, entry, &reader, err));
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    do {
        struct pfs_batch batch;

        rows = pfs_reader_next(reader, &arena, &batch, err);
        if (rows > 0 && pfs_indexes_add(indexes, writer, &batch, err) < 0)
            rows = err != NULL && err->code != 0 ? -err->code : -ENOMEM;
        pfs_arena_reset(&arena);
    } while (rows > 0);
    pfs_arena_done(&arena);
    pfs_reader_close(reader);
    return (int)rows;
}

static int make_container(const struct pfs_data_read *read, const struct pfs_manifest_entry *entry,
                          struct pfs_indexes *indexes, struct pfs_arena *arena, struct pfs_buf *out,
                          struct pfs_err *err)
{
    struct pfs_fileindex_writer *writer;
    struct pfs_data_read columns = *read;
    int rc;

    assert(indexes->count > 0);
    PFS_TRY(choose_columns(indexes, arena, &columns, err));
    PFS_TRY(pfs_fileindex_writer_open(indexes->write, indexes->count, &writer, err));
    rc = add_rows(&columns, entry, indexes, writer, err);
    if (rc == 0)
        rc = pfs_fileindex_writer_finish(writer, out, err);
    pfs_fileindex_writer_close(writer);
    return rc;
}

/* ---- where it goes ---- */

/* The first name is the data file's with ".index", the next ones have "-1", "-2" before that, as Paimon counts them. A
 * name after the entry's own: where somebody else was quicker, or went back, it is taken. */
static int create(const struct pfs_data_read *read, const struct pfs_manifest_entry *entry, struct pfs_arena *arena,
                  const char **name, const char **path, struct pfs_file **out, struct pfs_err *err)
{
    const char *had = index_of(&entry->file);
    size_t data = strlen(entry->file.name);
    int64_t number = had == NULL ? -1 : 0;

    assert(entry->file.external_path == NULL); /* refused before */
    if (had != NULL && strncmp(had, entry->file.name, data) == 0 && had[data] == '-')
        (void)pfs_i64_parse(pfs_slice_of(had + data + 1, strlen(had) - data - 1 - strlen(SUFFIX)), &number);
    if (number > NUMBER_MAX) /* the name is data, not trust: nobody counts that far */
        number = 0;
    for (int i = 0; i < NAMES_MAX; i++) {
        struct pfs_manifest_entry beside = *entry;
        int rc;

        number++;
        beside.file.name = number == 0 ? pfs_arena_printf(arena, "%s" SUFFIX, entry->file.name)
                                       : pfs_arena_printf(arena, "%s-%lld" SUFFIX, entry->file.name, (long long)number);
        if (beside.file.name == NULL)
            return pfs_arena_full(arena, err);
        PFS_TRY(pfs_data_path(read->table, read->schema, &beside, arena, path, err));
        rc = pfs_store_create(read->store, *path, out, err);
        if (rc == 0)
            *name = beside.file.name;
        if (rc != -EEXIST)
            return rc;
    }
    return pfs_fail(err, EEXIST, "%s: there are %d index files beside it", entry->file.name, NAMES_MAX);
}

static int sync_parent(const struct pfs_data_read *read, const char *path, struct pfs_arena *arena, struct pfs_err *err)
{
    const char *slash = strrchr(path, '/');
    const char *dir = slash == NULL ? "" : pfs_arena_string(arena, pfs_slice_of(path, (size_t)(slash - path)));

    return dir == NULL ? pfs_arena_full(arena, err) : pfs_store_sync_dir(read->store, dir, err);
}

/* On disk, its name too, before the entry that tells of it is committed. */
static int save(const struct pfs_data_read *read, const struct pfs_manifest_entry *entry, struct pfs_slice container,
                struct pfs_arena *arena, const char **name, struct pfs_err *err)
{
    struct pfs_file *file;
    const char *path;
    int rc;

    PFS_TRY(create(read, entry, arena, name, &path, &file, err));
    rc = pfs_file_append(file, container.at, container.len, err);
    if (rc == 0)
        rc = pfs_file_sync(file, err);
    pfs_file_close(file);
    if (rc == 0)
        rc = sync_parent(read, path, arena, err);
    if (rc < 0)
        (void)pfs_store_unlink(read->store, path, NULL);
    return rc;
}

/* The entry's extra files, with another index or none. */
static int put_extras(const struct pfs_data_file *file, const char *index, struct pfs_arena *arena,
                      struct pfs_data_file *out, struct pfs_err *err)
{
    const char **extra = pfs_arena_array(arena, (size_t)file->extra_files + 1, sizeof(*extra));

    if (extra == NULL)
        return pfs_arena_full(arena, err);
    out->extra_files = 0;
    for (int64_t i = 0; i < file->extra_files; i++)
        if (!is_index(file->extra_file[i]))
            extra[out->extra_files++] = file->extra_file[i];
    if (index != NULL)
        extra[out->extra_files++] = index;
    assert(out->extra_files <= file->extra_files + 1);
    out->extra_file = extra;
    return 0;
}

/* The entry as it was, with this container in place of the one that it had; without a container it has none. */
static int put_container(const struct pfs_data_read *read, const struct pfs_manifest_entry *entry,
                         const struct pfs_indexes *indexes, struct pfs_slice container, struct pfs_arena *arena,
                         struct pfs_manifest_entry *out, struct pfs_err *err)
{
    bool embedded = container.len > 0 && (int64_t)container.len <= indexes->embedded_bytes_max;
    const char *name = NULL;

    PFS_TRY(pfs_manifest_entry_copy(entry, arena, out, err));
    out->deleted = false;
    out->file.embedded_index = (struct pfs_slice){NULL, 0};
    if (embedded && !pfs_arena_copy(arena, container, &out->file.embedded_index))
        return pfs_arena_full(arena, err);
    if (container.len > 0 && !embedded)
        PFS_TRY(save(read, entry, container, arena, &name, err));
    return put_extras(&entry->file, name, arena, &out->file, err);
}

/* The rows are read as the file has them, by its own schema: an index speaks of stored values, which a reader with
 * another schema compares under the old names and types (scan/prune.c). */
int pfs_data_index(const struct pfs_data_read *read, const struct pfs_manifest_entry *entry, struct pfs_arena *arena,
                   struct pfs_manifest_entry *out, struct pfs_err *err)
{
    bool had = index_of(&entry->file) != NULL || entry->file.embedded_index.at != NULL;
    struct pfs_data_read then = *read; /* the file's rows as the file has them */
    struct pfs_indexes asked, indexes;
    struct pfs_buf container = {0};
    int rc = 0;

    PFS_TRY(pfs_schemas_get(read->schemas, entry->file.schema_id, &then.schema, err));
    PFS_TRY(pfs_indexes_read(read->schema, arena, &asked, err));
    PFS_TRY(pfs_indexes_of_file(&asked, read->schema, then.schema, &entry->file, arena, &indexes, err));
    if (indexes.count == 0 && !had)
        return 0;
    if (entry->file.external_path != NULL)
        return pfs_fail(err, EOPNOTSUPP, "%s lies outside of the table, where no index is written",
                        entry->file.external_path);
    if (indexes.count > 0)
        rc = make_container(&then, entry, &indexes, arena, &container, err);
    if (rc == 0)
        rc = put_container(read, entry, &indexes, pfs_buf_slice(&container), arena, out, err);
    pfs_buf_done(&container);
    if (rc < 0)
        return err != NULL && err->code != 0 ? pfs_wrap(err, "%s", entry->file.name) : rc;
    return 1;
}

void pfs_data_unindex(const struct pfs_data_read *read, const struct pfs_manifest_entry *entry,
                      const struct pfs_manifest_entry *indexed)
{
    const char *name = index_of(&indexed->file), *had = index_of(&entry->file), *path;
    struct pfs_manifest_entry beside = *entry;
    struct pfs_arena arena;

    if (name == NULL || (had != NULL && strcmp(name, had) == 0))
        return;
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    beside.file.name = name;
    if (pfs_data_path(read->table, read->schema, &beside, &arena, &path, NULL) == 0)
        (void)pfs_store_unlink(read->store, path, NULL);
    pfs_arena_done(&arena);
}
