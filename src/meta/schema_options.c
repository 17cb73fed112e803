/* schema_options.c - options of a table that changes: which of them may, and those that name a column that is renamed
 * (spec timetravel 9.1, metadata 1.3). */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "src/meta/schema_internal.h"

/* ---- what may change ---- */

static const char *const immutable[] = {
    "bucket-key",
    "bucket-function.type",
    "data-file.path-directory",
    "merge-engine",
    "rowkind.field",
    "primary-key",
    "partition",
    "force-lookup",
    "row-tracking.enabled",
    "data-evolution.enabled",
    "index-file-in-data-file-dir",
    "aggregation.remove-record-on-delete",
    "partial-update.remove-record-on-delete",
    "partial-update.remove-record-on-sequence-group",
    "pk-clustering-override",
    "blob-descriptor-field",
    "blob-external-storage-path",
    "blob-external-storage-field",
};

/* Data that is there was written by them: another value would make it mean something else. */
static int check_mutable(const char *key, struct pfs_err *err)
{
    for (size_t i = 0; i < sizeof(immutable) / sizeof(immutable[0]); i++)
        if (strcmp(immutable[i], key) == 0)
            return pfs_fail(err, EINVAL, "Change '%s' is not supported yet.", key);
    return 0;
}

/* As Java reads a boolean: everything else is false. */
static bool is_true(const char *text)
{
    return text != NULL && strcasecmp(text, "true") == 0;
}

/* The number of buckets may change, as a rescale follows; whether there are any may not. */
static int check_bucket(const struct pfs_options *old, const char *value, struct pfs_err *err)
{
    const struct pfs_options wanted = {1, &(struct pfs_option){.key = "bucket", .value = value}};
    int64_t before, after;

    PFS_TRY(pfs_options_int(old, "bucket", -1, &before, err));
    PFS_TRY(pfs_options_int(&wanted, "bucket", -1, &after, err));
    if (before == -1)
        return pfs_fail(err, EINVAL, "Cannot change bucket when it is -1.");
    return after != -1 ? 0 : pfs_fail(err, EINVAL, "Cannot change bucket to -1.");
}

static int check_deletion_vectors(const struct pfs_options *old, bool before, bool after, struct pfs_err *err)
{
    if (before == after || is_true(pfs_options_get(old, "deletion-vectors.modifiable")))
        return 0;
    return pfs_fail(err, EINVAL,
                    "Cannot change deletion vectors mode from %s to %s. If modifying table deletion-vectors mode "
                    "without full-compaction, this may result in data duplication. If you are confident, you can set "
                    "table option 'deletion-vectors.modifiable' = 'true' to allow deletion vectors modification.",
                    before ? "true" : "false", after ? "true" : "false");
}

int pfs_schema_option_settable(const struct pfs_options *old, const char *key, const char *value, struct pfs_err *err)
{
    bool before = is_true(pfs_options_get(old, key)), after = is_true(value);

    PFS_TRY(check_mutable(key, err));
    if (strcmp(key, "bucket") == 0)
        return check_bucket(old, value, err);
    if (strcmp(key, "deletion-vectors.enabled") == 0)
        return check_deletion_vectors(old, before, after, err);
    if ((strcmp(key, "ignore-delete") == 0 || strcmp(key, "ignore-update-before") == 0) && before && !after)
        return pfs_fail(err, EINVAL, "Cannot change %s from true to false.", key);
    if (strcmp(key, "clustering.columns") == 0 && pfs_options_get(old, "pk-clustering-override") != NULL)
        return pfs_fail(err, EINVAL, "Cannot change clustering.columns when pk-clustering-override enabled.");
    return 0;
}

int pfs_schema_option_resettable(const struct pfs_options *old, const char *key, struct pfs_err *err)
{
    PFS_TRY(check_mutable(key, err));
    if (strcmp(key, "bucket") == 0)
        return pfs_fail(err, EINVAL, "Cannot reset bucket.");
    if (strcmp(key, "clustering.columns") == 0 && pfs_options_get(old, "pk-clustering-override") != NULL)
        return pfs_fail(err, EINVAL, "Cannot reset clustering.columns when pk-clustering-override enabled.");
    return 0;
}

/* ---- a column is renamed ---- */

struct renaming {
    const char *from, *to;
    struct pfs_arena *arena;
    struct pfs_err *err;
};

/* "a,b" with the name replaced. */
static int rename_in_list(const struct renaming *r, struct pfs_slice list, const char **out)
{
    struct pfs_buf text = {0};
    size_t len = strlen(r->from);
    const char *p = (const char *)list.at, *end = p + list.len;
    int rc;

    assert(r->to != NULL);
    for (;;) {
        const char *comma = memchr(p, ',', (size_t)(end - p)), *stop = comma != NULL ? comma : end, *from = p,
                   *to = stop;

        while (from < to && *from == ' ')
            from++;
        while (to > from && to[-1] == ' ')
            to--;
        if ((size_t)(to - from) == len && memcmp(from, r->from, len) == 0)
            pfs_buf_puts(&text, r->to);
        else
            pfs_buf_put(&text, p, (size_t)(stop - p));
        if (comma == NULL)
            break;
        pfs_buf_putc(&text, ',');
        p = comma + 1;
    }
    rc = pfs_buf_check(&text, r->err);
    *out = rc < 0 ? NULL : pfs_arena_string(r->arena, pfs_buf_slice(&text));
    pfs_buf_done(&text);
    return rc < 0 ? rc : *out == NULL ? pfs_arena_full(r->arena, r->err) : 0;
}

static bool ends_with(const char *key, const char *suffix)
{
    size_t len = strlen(key), tail = strlen(suffix);

    return len > tail && strcmp(key + len - tail, suffix) == 0;
}

/* "fields.<a>[,<b>].<what>": how much of the key stands before ".<what>"; 0 = it is no such key. named: the value names
 * columns too. */
static size_t field_option(const char *key, bool *named)
{
    static const struct {
        const char *suffix;
        bool named;
    } known[] = {{".aggregate-function", false}, {".ignore-retract", false}, {".distinct", false},
                 {".list-agg-delimiter", false}, {".sequence-group", true},  {".nested-key", true}};

    if (strncmp(key, "fields.", 7) != 0)
        return 0;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (ends_with(key, known[i].suffix) && strlen(key) > 7 + strlen(known[i].suffix)) {
            *named = known[i].named;
            return strlen(key) - strlen(known[i].suffix);
        }
    return 0;
}

/* One option: its key, its value, both or none name the column. */
static int rename_option(const struct renaming *r, const struct pfs_option *old, struct pfs_option *out)
{
    bool named = strcmp(old->key, "bucket-key") == 0 || strcmp(old->key, "sequence.field") == 0;
    size_t head = named ? 0 : field_option(old->key, &named);
    const char *columns;

    assert(head == 0 || head > strlen("fields."));
    *out = *old;
    if (head > 0) {
        PFS_TRY(rename_in_list(r, pfs_slice_of(old->key + 7, head - 7), &columns));
        out->key = pfs_arena_printf(r->arena, "fields.%s%s", columns, old->key + head);
        if (out->key == NULL)
            return pfs_arena_full(r->arena, r->err);
    }
    return named ? rename_in_list(r, pfs_str(old->value), &out->value) : 0;
}

int pfs_schema_options_rename(const struct pfs_options *o, const char *from, const char *to, struct pfs_arena *arena,
                              struct pfs_options *out, struct pfs_err *err)
{
    const struct renaming r = {from, to, arena, err};
    struct pfs_options renamed = {0};

    for (int32_t i = 0; i < o->count; i++) {
        struct pfs_option option;

        PFS_TRY(rename_option(&r, &o->item[i], &option));
        PFS_TRY(pfs_options_with(&renamed, option.key, option.value, arena, &renamed, err));
    }
    *out = renamed;
    return 0;
}
