/* groups.c - what a data file says of its pages: one column of today's schema. */
#include <assert.h>
#include <string.h>

#include "format/orc/orc.h"
#include "format/parquet/parquet.h"
#include "src/file/evolve.h"
#include "src/file/file.h"

/* The column as the file has it; NULL = it is of another type there, or nothing is known of it. */
static const struct pfs_field *stored_field(const struct pfs_data_read *read, const struct pfs_data_file *file,
                                            int32_t column)
{
    const struct pfs_schema *old = read->schema;
    const struct pfs_field *want = &read->schema->field[column], *have;

    if (file->schema_id != old->id && pfs_schemas_get(read->schemas, file->schema_id, &old, NULL) < 0)
        return NULL;
    have = old == read->schema ? want : pfs_evolve_find(old, want->id);
    return have != NULL && pfs_type_equal(&have->type, &want->type, false) ? have : NULL;
}

static bool has_suffix(const char *name, const char *suffix)
{
    size_t a = strlen(name), b = strlen(suffix);

    return a >= b && strcmp(name + a - b, suffix) == 0;
}

/* A help, no more: whatever stands in the way of it, nothing is known, and the rows are looked at one by one. */
int pfs_data_groups(const struct pfs_data_read *read, const struct pfs_manifest_entry *entry, int32_t column,
                    struct pfs_arena *arena, struct pfs_file_group **out, int32_t *groups, struct pfs_err *err)
{
    const struct pfs_field *field = stored_field(read, &entry->file, column);
    bool parquet = has_suffix(entry->file.name, ".parquet"), orc = has_suffix(entry->file.name, ".orc");
    struct pfs_file_read ask = {.columns = 1, .fields = field, .cancel = read->cancel};
    struct pfs_file *file;
    const char *path;
    int rc;

    assert(column >= 0 && column < read->schema->columns);
    *groups = 0;
    if (field == NULL || (!parquet && !orc) || entry->file.external_path != NULL)
        return 0;
    PFS_TRY(pfs_data_path(read->table, read->schema, entry, arena, &path, err));
    if (pfs_store_open(read->store, path, &file, NULL) < 0)
        return 0; /* told by whoever reads it */
    rc = parquet ? pfs_parquet_pages(file, &ask, arena, out, groups, NULL)
                 : pfs_orc_groups(file, &ask, arena, out, groups, NULL);
    pfs_file_close(file);
    if (rc == -ENOMEM)
        return pfs_fail(err, ENOMEM, "no memory for the pages of %s", entry->file.name);
    if (rc < 0) /* damage is told by whoever reads it, too */
        *groups = 0;
    assert(*groups >= 0);
    return 0;
}
