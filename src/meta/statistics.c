/* statistics.c - the JSON that ANALYZE leaves: a few numbers, and what is known of each column.
 *
 * Statistics of columns are shown and carried and never computed with here: their object is laid out anew as text, in
 * the order of the file.
 */
#include "src/meta/statistics.h"

#include <assert.h>
#include <jansson.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "src/meta/json.h"

static void indent(struct pfs_buf *out, int depth)
{
    pfs_buf_putc(out, '\n');
    for (int i = 0; i < depth; i++)
        pfs_buf_puts(out, "  ");
}

/* A value that is no object: as it stands, by the library. */
static void put_scalar(const json_t *value, struct pfs_buf *out)
{
    char *text;

    if (json_is_string(value)) {
        pfs_json_print_text(out, json_string_value(value));
        return;
    }
    text = json_dumps(value, JSON_ENCODE_ANY);
    if (text == NULL)
        out->failed = true;
    else
        pfs_buf_puts(out, text);
    free(text);
}

/* Depth is limited by the parser. */
static void put_object(const json_t *object, int depth, struct pfs_buf *out)
{
    const char *key;
    json_t *value;
    bool first = true;

    assert(json_is_object(object));
    assert(depth >= 0);
    if (json_object_size(object) == 0) {
        pfs_buf_puts(out, "{ }");
        return;
    }
    pfs_buf_putc(out, '{');
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        if (!first)
            pfs_buf_putc(out, ',');
        first = false;
        indent(out, depth + 1);
        pfs_json_print_text(out, key);
        pfs_buf_puts(out, " : ");
        if (json_is_object(value))
            put_object(value, depth + 1, out);
        else
            put_scalar(value, out);
    }
    indent(out, depth);
    pfs_buf_putc(out, '}');
}

static int parse(const json_t *root, struct pfs_arena *arena, struct pfs_statistics *out, struct pfs_err *err)
{
    const json_t *columns = json_object_get(root, "colStats");
    const char *bad = NULL;
    struct pfs_buf text;

    out->snapshot_id = pfs_json_want_number(root, "snapshotId", &bad);
    out->schema_id = pfs_json_want_number(root, "schemaId", &bad);
    out->merged_records = pfs_json_maybe_number(root, "mergedRecordCount", INT64_MIN, &bad);
    out->merged_bytes = pfs_json_maybe_number(root, "mergedRecordSize", INT64_MIN, &bad);
    if (bad == NULL && !json_is_object(columns))
        bad = "colStats";
    if (bad != NULL)
        return pfs_fail(err, EIO, "member %s is missing or malformed", bad);
    assert(columns != NULL);
    pfs_buf_init(&text, PFS_METADATA_BYTES_MAX);
    put_object(columns, 0, &text);
    out->columns_json = text.failed ? NULL : pfs_arena_string(arena, pfs_buf_slice(&text));
    pfs_buf_done(&text);
    return out->columns_json == NULL ? pfs_arena_full(arena, err) : 0;
}

int pfs_statistics_parse(struct pfs_slice json, struct pfs_arena *arena, struct pfs_statistics *out,
                         struct pfs_err *err)
{
    json_t *root = pfs_json_parse(json, err);
    int rc;

    if (root == NULL)
        return -EIO;
    rc = parse(root, arena, out, err);
    pfs_json_free(root);
    return rc;
}

int pfs_statistics_load(struct pfs_store *store, const char *table, const char *name, struct pfs_arena *arena,
                        struct pfs_statistics *out, struct pfs_err *err)
{
    const char *path = pfs_arena_printf(arena, "%s/statistics/%s", table, name);
    struct pfs_slice json;
    int rc;

    if (path == NULL)
        return pfs_arena_full(arena, err);
    rc = pfs_store_load(store, path, PFS_METADATA_BYTES_MAX, &json, err);
    if (rc == -ENOENT)
        return pfs_fail(err, EIO, "%s: not there", path);
    if (rc < 0)
        return rc;
    rc = pfs_statistics_parse(json, arena, out, err);
    pfs_free((void *)(uintptr_t)json.at);
    return rc < 0 ? pfs_wrap(err, "%s", path) : 0;
}
