/* files.c - the manifests and lists of one attempt.
 *
 * Each file is synced as it is written; their directory once, by the caller. A file is on the attempt's list before its
 * first byte is written: what fails half-way is taken back too. Lists carry what readers choose manifests by (partition
 * bounds, ranges of buckets, levels and row ids), so that they need not open all of them. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "format/binrow.h"
#include "src/commit/internal.h"

const char *pfs_attempt_name(struct pfs_attempt *a, const char *kind, int number, struct pfs_err *err)
{
    const char *name = pfs_arena_printf(a->arena, "%s-%s-%d", kind, a->uuid, number);

    if (name == NULL)
        (void)pfs_arena_full(a->arena, err);
    return name;
}

int pfs_attempt_put(struct pfs_attempt *a, const char *name, const struct pfs_buf *bytes, struct pfs_err *err)
{
    const char *path = pfs_arena_printf(a->arena, "%s/manifest/%s", a->commit->table, name);
    struct pfs_made *made = pfs_arena_zalloc(a->arena, sizeof(*made));
    struct pfs_file *file;
    int rc;

    assert(a->keeper != NULL);
    if (path == NULL || made == NULL)
        return pfs_arena_full(a->arena, err);
    PFS_TRY(pfs_buf_check(bytes, err));
    rc = pfs_store_create(a->commit->store, path, &file, err);
    if (rc == -EEXIST)
        return pfs_fail(err, EEXIST, "%s is there already", path);
    if (rc < 0)
        return rc;
    *made = (struct pfs_made){*a->keeper, path};
    *a->keeper = made;
    rc = pfs_file_append(file, bytes->at, bytes->len, err);
    if (rc == 0)
        rc = pfs_file_sync(file, err);
    pfs_file_close(file);
    return rc;
}

void pfs_made_remove(struct pfs_store *store, struct pfs_made **made)
{
    for (; *made != NULL; *made = (*made)->next) {
        assert((*made)->path != NULL);
        (void)pfs_store_unlink(store, (*made)->path, NULL);
    }
}

/* ---- the facts of a manifest ---- */

/* Row ids are told of a manifest only when each of its files has some: a reader that looks for an id would else pass
 * over those that have none. */
static void widen(struct pfs_manifest_file *m, const struct pfs_manifest_entry *e, bool first)
{
    const struct pfs_data_file *f = &e->file;
    bool tracked = f->first_row_id != PFS_NO_NUMBER;

    m->min_bucket = first || e->bucket < m->min_bucket ? e->bucket : m->min_bucket;
    m->max_bucket = first || e->bucket > m->max_bucket ? e->bucket : m->max_bucket;
    m->min_level = first || f->level < m->min_level ? f->level : m->min_level;
    m->max_level = first || f->level > m->max_level ? f->level : m->max_level;
    m->schema_id = first || f->schema_id > m->schema_id ? f->schema_id : m->schema_id;
    m->added += !e->deleted;
    m->deleted += e->deleted;
    m->has_row_ids = tracked && (first || m->has_row_ids);
    if (!m->has_row_ids)
        return;
    m->min_row_id = first || f->first_row_id < m->min_row_id ? f->first_row_id : m->min_row_id;
    if (first || f->first_row_id + f->rows - 1 > m->max_row_id)
        m->max_row_id = f->first_row_id + f->rows - 1;
}

struct bounds { /* of the partition columns, one row each */
    int32_t count;
    const struct pfs_type **type;
    struct pfs_column *row, *end[2]; /* end: least, greatest */
    int64_t *nulls;
};

static int bounds_init(struct bounds *b, struct pfs_attempt *a, struct pfs_err *err)
{
    const struct pfs_schema *schema = a->commit->schema;
    size_t count = (size_t)schema->partition_keys;

    b->count = schema->partition_keys;
    b->type = pfs_arena_array(a->arena, count, sizeof(*b->type));
    b->row = pfs_arena_array(a->arena, count, sizeof(*b->row));
    b->nulls = pfs_arena_array(a->arena, count, sizeof(*b->nulls));
    b->end[0] = pfs_arena_array(a->arena, count, sizeof(*b->row));
    b->end[1] = pfs_arena_array(a->arena, count, sizeof(*b->row));
    if (b->type == NULL || b->row == NULL || b->nulls == NULL || b->end[0] == NULL || b->end[1] == NULL)
        return pfs_arena_full(a->arena, err);
    for (int32_t i = 0; i < b->count; i++) {
        b->type[i] = &schema->field[schema->partition_key[i]].type;
        PFS_TRY(pfs_column_nulls(b->type[i], 1, a->arena, &b->end[0][i], err));
        b->end[1][i] = b->end[0][i];
    }
    return 0;
}

static void bounds_widen(struct bounds *b)
{
    for (int32_t i = 0; i < b->count; i++) {
        const struct pfs_column *value = &b->row[i];
        struct pfs_column *least = &b->end[0][i], *greatest = &b->end[1][i];

        if (!pfs_column_present(value, 0))
            continue;
        if (!pfs_column_present(least, 0) || pfs_value_compare(value, 0, least, 0) < 0)
            *least = *value;
        if (!pfs_column_present(greatest, 0) || pfs_value_compare(value, 0, greatest, 0) > 0)
            *greatest = *value;
    }
}

static int print_end(const struct bounds *b, int end, struct pfs_arena *arena, struct pfs_slice *out,
                     struct pfs_err *err)
{
    const struct pfs_column **list = pfs_arena_array(arena, (size_t)b->count, sizeof(*list));
    struct pfs_buf text = {0};
    int rc;

    assert(end == 0 || end == 1);
    if (list == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < b->count; i++)
        list[i] = &b->end[end][i];
    rc = pfs_binrow_print(list, b->count, 0, true, &text, err);
    if (rc == 0 && !pfs_arena_copy(arena, pfs_buf_slice(&text), out))
        rc = pfs_arena_full(arena, err);
    pfs_buf_done(&text);
    return rc;
}

/* Ranges and null counts of the partition columns over all entries; those of one partition mostly stand together. */
static int partition_stats(struct pfs_attempt *a, const struct pfs_manifest_entry *entry, int64_t entries,
                           struct pfs_stats *out, struct pfs_err *err)
{
    struct bounds b;

    PFS_TRY(bounds_init(&b, a, err));
    for (int64_t e = 0; e < entries; e++) {
        if (e == 0 || !pfs_slice_eq(entry[e].partition, entry[e - 1].partition)) {
            PFS_TRY(pfs_binrow_parse(entry[e].partition, b.type, b.count, a->arena, b.row, err));
            bounds_widen(&b);
        }
        for (int32_t i = 0; i < b.count; i++)
            b.nulls[i] += !pfs_column_present(&b.row[i], 0);
    }
    PFS_TRY(print_end(&b, 0, a->arena, &out->min, err));
    PFS_TRY(print_end(&b, 1, a->arena, &out->max, err));
    out->columns = b.count;
    out->nulls = b.nulls;
    return 0;
}

/* ---- manifests ---- */

/* Prints as many entries as make a manifest of the target size, or all: *used of them. */
static int print_some(const struct pfs_attempt *a, const struct pfs_manifest_entry *entry, int64_t entries,
                      struct pfs_buf *bytes, int64_t *used, struct pfs_err *err)
{
    int64_t take = entries < 1024 ? entries : 1024;

    assert(entries > 0);
    for (;;) {
        double more;

        pfs_buf_clear(bytes);
        PFS_TRY(pfs_manifest_print(entry, take, a->codec, bytes, err));
        PFS_TRY(pfs_buf_check(bytes, err));
        *used = take;
        if (take == entries || (int64_t)bytes->len >= a->target_bytes)
            return 0;
        more = (double)take * 1.1 * (double)a->target_bytes / (double)bytes->len; /* may be no number of 64 bits */
        assert(more > (double)take);
        take = more + 1 < (double)entries ? (int64_t)more + 1 : entries;
    }
}

static int put_manifest(struct pfs_attempt *a, const struct pfs_manifest_entry *entry, int64_t entries,
                        struct pfs_buf *bytes, struct pfs_manifest_file *out, int64_t *used, struct pfs_err *err)
{
    *out = (struct pfs_manifest_file){.name = pfs_attempt_name(a, "manifest", a->manifests++, err), .has_ranges = true};
    if (out->name == NULL)
        return -ENOMEM;
    PFS_TRY(print_some(a, entry, entries, bytes, used, err));
    assert(*used > 0);
    assert(*used <= entries);
    for (int64_t i = 0; i < *used; i++)
        widen(out, &entry[i], i == 0);
    PFS_TRY(partition_stats(a, entry, *used, &out->partitions, err));
    out->size = (int64_t)bytes->len;
    return pfs_attempt_put(a, out->name, bytes, err);
}

int pfs_attempt_put_manifests(struct pfs_attempt *a, const struct pfs_manifest_entry *entry, int64_t entries,
                              struct pfs_manifest_file **out, int64_t *count, struct pfs_err *err)
{
    struct pfs_buf bytes = {0};
    struct pfs_manifest_file *list = NULL;
    int64_t room = 0, used = 0;
    int rc = 0;

    *count = 0;
    for (; rc == 0 && entries > 0; entries -= used, entry += used) {
        assert(*count <= room);
        if (*count == room) {
            struct pfs_manifest_file *grown = pfs_arena_array(a->arena, (size_t)room * 2 + 1, sizeof(*grown));

            if (grown == NULL) {
                rc = pfs_arena_full(a->arena, err);
                break;
            }
            for (int64_t i = 0; i < *count; i++)
                grown[i] = list[i];
            list = grown;
            room = room * 2 + 1;
        }
        rc = put_manifest(a, entry, entries, &bytes, &list[*count], &used, err);
        *count += 1;
    }
    pfs_buf_done(&bytes);
    *out = list;
    return rc;
}

int pfs_attempt_put_list(struct pfs_attempt *a, const struct pfs_manifest_file *item, int64_t count, const char **name,
                         int64_t *size, struct pfs_err *err)
{
    struct pfs_buf bytes = {0};
    int rc;

    assert(count >= 0);
    *name = pfs_attempt_name(a, "manifest-list", a->lists++, err);
    if (*name == NULL)
        return -ENOMEM;
    rc = pfs_manifest_list_print(item, count, a->codec, &bytes, err);
    if (rc == 0)
        rc = pfs_attempt_put(a, *name, &bytes, err);
    *size = (int64_t)bytes.len;
    pfs_buf_done(&bytes);
    return rc;
}
