/* snapshot.c - JSON of snapshots, changelogs and tags, and their files.
 *
 *     snapshot/snapshot-7        published once, never replaced
 *     changelog/changelog-7      the same facts, of a snapshot that has expired; may be written again
 *     tag/tag-monday             a snapshot's facts, and maybe how long the tag is to live (taglife.c)
 *
 * Members that a snapshot of old lacks are PFS_NO_NUMBER or NULL, and are left out again when it is printed: what is
 * carried from one snapshot to the next must not gain members on the way. Names of manifests become parts of paths and
 * are looked at when they are parsed. The id in a file must be that of its name.
 */
#include "src/meta/snapshot.h"

#include <assert.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "src/meta/hints.h"
#include "src/meta/json.h"
#include "src/meta/listing.h"
#include "src/meta/names.h"

static const char *const kinds[] = {
#define X(id, name) name,
    PFS_COMMIT_KINDS(X)
#undef X
};

/* ---- parsing ---- */

/* A file's name: one component of a path, or the member counts as malformed. */
static const char *component(const json_t *root, const char *key, bool must, struct pfs_arena *arena, const char **bad)
{
    const char *name = must ? pfs_json_want_text(root, key, arena, bad) : pfs_json_maybe_text(root, key, arena, bad);

    if (name != NULL && !pfs_name_is_component(pfs_str(name)) && *bad == NULL)
        *bad = key;
    return name;
}

/* A kind that is not known would be carried on as another one: it is damage. */
static void parse_kind(const char *text, struct pfs_snapshot *out, const char **bad)
{
    for (size_t i = 0; text != NULL && i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(kinds[i], text) == 0) {
            out->kind = (enum pfs_commit_kind)i;
            return;
        }
    if (*bad == NULL)
        *bad = "commitKind";
}

/* Kept as text, since nobody here asks what is in them. */
static const char *parse_properties(const json_t *root, struct pfs_arena *arena, const char **bad)
{
    const json_t *v = json_object_get(root, "properties");
    char *text;
    const char *out;

    if (v == NULL || json_is_null(v))
        return NULL;
    text = json_is_object(v) ? json_dumps(v, JSON_PRESERVE_ORDER) : NULL;
    out = text == NULL ? NULL : pfs_arena_string(arena, pfs_str(text));
    free(text);
    if (out == NULL && *bad == NULL)
        *bad = "properties";
    return out;
}

/* Straight down; the first member that is wrong is noted. */
static void parse(const json_t *root, struct pfs_arena *arena, struct pfs_snapshot *out, const char **bad)
{
    out->id = pfs_json_want_number(root, "id", bad);
    out->schema_id = pfs_json_want_number(root, "schemaId", bad);
    out->base_list = component(root, "baseManifestList", true, arena, bad);
    out->base_list_size = pfs_json_maybe_number(root, "baseManifestListSize", PFS_NO_NUMBER, bad);
    out->delta_list = component(root, "deltaManifestList", true, arena, bad);
    out->delta_list_size = pfs_json_maybe_number(root, "deltaManifestListSize", PFS_NO_NUMBER, bad);
    out->changelog_list = component(root, "changelogManifestList", false, arena, bad);
    out->changelog_list_size = pfs_json_maybe_number(root, "changelogManifestListSize", PFS_NO_NUMBER, bad);
    out->index_manifest = component(root, "indexManifest", false, arena, bad);
    out->commit_user = pfs_json_want_text(root, "commitUser", arena, bad);
    out->commit_identifier = pfs_json_want_number(root, "commitIdentifier", bad);
    parse_kind(json_string_value(json_object_get(root, "commitKind")), out, bad);
    out->time_ms = pfs_json_want_number(root, "timeMillis", bad);
    out->total_records = pfs_json_maybe_number(root, "totalRecordCount", PFS_NO_NUMBER, bad);
    out->delta_records = pfs_json_maybe_number(root, "deltaRecordCount", PFS_NO_NUMBER, bad);
    out->changelog_records = pfs_json_maybe_number(root, "changelogRecordCount", PFS_NO_NUMBER, bad);
    out->watermark = pfs_json_maybe_number(root, "watermark", PFS_NO_NUMBER, bad);
    out->has_watermark = json_is_integer(json_object_get(root, "watermark"));
    out->statistics = component(root, "statistics", false, arena, bad);
    out->properties_json = parse_properties(root, arena, bad);
    out->next_row_id = pfs_json_maybe_number(root, "nextRowId", PFS_NO_NUMBER, bad);
}

int pfs_snapshot_parse(struct pfs_slice json, struct pfs_arena *arena, struct pfs_snapshot *out, struct pfs_err *err)
{
    json_t *root = pfs_json_parse(json, err);
    struct pfs_snapshot made = {0};
    const char *bad = NULL;

    if (root == NULL)
        return -EIO;
    parse(root, arena, &made, &bad);
    pfs_json_free(root);
    if (bad != NULL)
        return pfs_fail(err, EIO, "member %s is missing or malformed", bad);
    assert(made.base_list != NULL);
    assert(made.delta_list != NULL);
    assert(made.commit_user != NULL);
    *out = made;
    return 0;
}

/* ---- printing ---- */

static void put_number(struct pfs_buf *out, const char *key, int64_t v)
{
    pfs_buf_printf(out, ",\n  \"%s\" : %lld", key, (long long)v);
}

/* Left out when it is absent, as Paimon does. */
static void put_optional(struct pfs_buf *out, const char *key, int64_t v)
{
    if (v != PFS_NO_NUMBER)
        put_number(out, key, v);
}

static void put_text(struct pfs_buf *out, const char *key, const char *text)
{
    if (text == NULL)
        return;
    pfs_buf_printf(out, ",\n  \"%s\" : ", key);
    pfs_json_print_text(out, text);
}

/* Members in Paimon's order and layout, to the byte. */
int pfs_snapshot_print(const struct pfs_snapshot *s, struct pfs_buf *out, struct pfs_err *err)
{
    assert((size_t)s->kind < sizeof(kinds) / sizeof(*kinds));
    assert(s->base_list != NULL);
    assert(s->delta_list != NULL);
    pfs_buf_puts(out, "{\n  \"version\" : 3");
    put_number(out, "id", s->id);
    put_number(out, "schemaId", s->schema_id);
    put_text(out, "baseManifestList", s->base_list);
    put_optional(out, "baseManifestListSize", s->base_list_size);
    put_text(out, "deltaManifestList", s->delta_list);
    put_optional(out, "deltaManifestListSize", s->delta_list_size);
    put_text(out, "changelogManifestList", s->changelog_list);
    put_optional(out, "changelogManifestListSize", s->changelog_list_size);
    put_text(out, "indexManifest", s->index_manifest);
    put_text(out, "commitUser", s->commit_user);
    put_number(out, "commitIdentifier", s->commit_identifier);
    put_text(out, "commitKind", kinds[s->kind]);
    put_number(out, "timeMillis", s->time_ms);
    put_optional(out, "totalRecordCount", s->total_records);
    put_optional(out, "deltaRecordCount", s->delta_records);
    put_optional(out, "changelogRecordCount", s->changelog_records);
    if (s->has_watermark)
        put_number(out, "watermark", s->watermark);
    put_text(out, "statistics", s->statistics);
    if (s->properties_json != NULL)
        pfs_buf_printf(out, ",\n  \"properties\" : %s", s->properties_json);
    put_optional(out, "nextRowId", s->next_row_id);
    pfs_buf_puts(out, "\n}");
    return pfs_buf_check(out, err);
}

/* ---- finding ---- */

/* `path` NULL: there was no room to print it. */
static int load(struct pfs_store *store, const char *path, int64_t id, struct pfs_arena *arena,
                struct pfs_snapshot *out, struct pfs_stat *stat, struct pfs_err *err)
{
    struct pfs_slice json;
    int rc;

    if (path == NULL)
        return pfs_arena_full(arena, err);
    if (stat != NULL)
        PFS_TRY(pfs_store_stat(store, path, stat, err));
    PFS_TRY(pfs_store_load(store, path, PFS_METADATA_BYTES_MAX, &json, err));
    rc = pfs_snapshot_parse(json, arena, out, err);
    pfs_free((void *)(uintptr_t)json.at);
    if (rc == 0 && out->id != id)
        rc = pfs_fail(err, EIO, "its id is %lld", (long long)out->id);
    return rc < 0 ? pfs_wrap(err, "%s", path) : 0;
}

int pfs_snapshot_load(struct pfs_store *store, const char *table, int64_t id, struct pfs_arena *arena,
                      struct pfs_snapshot *out, struct pfs_stat *stat, struct pfs_err *err)
{
    const char *path = pfs_arena_printf(arena, "%s/snapshot/snapshot-%lld", table, (long long)id);

    return load(store, path, id, arena, out, stat, err);
}

int pfs_snapshot_stat(struct pfs_store *store, const char *table, int64_t id, struct pfs_stat *out)
{
    char path[4096];

    if (snprintf(path, sizeof(path), "%s/snapshot/snapshot-%lld", table, (long long)id) >= (int)sizeof(path))
        return -ENAMETOOLONG;
    return pfs_store_stat(store, path, out, NULL);
}

int pfs_changelog_load(struct pfs_store *store, const char *table, int64_t id, struct pfs_arena *arena,
                       struct pfs_snapshot *out, struct pfs_err *err)
{
    const char *path = pfs_arena_printf(arena, "%s/changelog/changelog-%lld", table, (long long)id);

    return load(store, path, id, arena, out, NULL, err);
}

int pfs_snapshot_list(struct pfs_store *store, const char *table, struct pfs_arena *arena, int64_t **ids,
                      int64_t *count, struct pfs_err *err)
{
    return pfs_list_numbers(store, table, "snapshot", "snapshot-", arena, ids, count, err);
}

int pfs_changelog_list(struct pfs_store *store, const char *table, struct pfs_arena *arena, int64_t **ids,
                       int64_t *count, struct pfs_err *err)
{
    return pfs_list_numbers(store, table, "changelog", "changelog-", arena, ids, count, err);
}

int pfs_snapshot_latest_id(struct pfs_store *store, const char *table, int64_t *out, struct pfs_err *err)
{
    return pfs_hint_find(store, table, "snapshot", true, out, err);
}

int pfs_snapshot_earliest_id(struct pfs_store *store, const char *table, int64_t *out, struct pfs_err *err)
{
    return pfs_hint_find(store, table, "snapshot", false, out, err);
}

/* Times ascend with ids, so that the last one not after is found by halving; ids that vanish meanwhile are passed over
 * downwards. */
int pfs_snapshot_at_time(struct pfs_store *store, const char *table, int64_t time_ms, struct pfs_arena *arena,
                         struct pfs_snapshot *out, struct pfs_err *err)
{
    int64_t *ids, count, low = 0, high;
    bool found = false;

    PFS_TRY(pfs_snapshot_list(store, table, arena, &ids, &count, err));
    for (high = count; low < high;) {
        int64_t middle = low + (high - low) / 2;
        struct pfs_snapshot s;
        int rc = pfs_snapshot_load(store, table, ids[middle], arena, &s, NULL, err);

        if (rc < 0 && rc != -ENOENT)
            return rc;
        if (rc == 0 && s.time_ms > time_ms) {
            high = middle;
        } else {
            if (rc == 0) {
                *out = s;
                found = true;
            }
            low = middle + 1;
        }
    }
    assert(!found || out->time_ms <= time_ms);
    return found ? 0 : -ENOENT;
}

/* ---- publishing: the hint comes last, and its failure is nobody's, as the file is what counts ---- */

static int publish(struct pfs_store *store, const char *table, const char *directory,
                   const struct pfs_snapshot *snapshot, bool replace, bool *named, struct pfs_err *err)
{
    struct pfs_buf json = {0};
    char path[4096];
    int rc;

    *named = false;
    assert(strcmp(directory, "snapshot") == 0 || strcmp(directory, "changelog") == 0);
    if (snprintf(path, sizeof(path), "%s/%s/%s-%lld", table, directory, directory, (long long)snapshot->id) >=
        (int)sizeof(path))
        return pfs_fail(err, ENAMETOOLONG, "%s is too long", table);
    rc = pfs_snapshot_print(snapshot, &json, err);
    if (rc == 0)
        rc = pfs_store_publish_told(store, path, pfs_buf_slice(&json), replace, named, err);
    pfs_buf_done(&json);
    return rc;
}

int pfs_snapshot_publish(struct pfs_store *store, const char *table, const struct pfs_snapshot *snapshot, bool *named,
                         struct pfs_err *err)
{
    PFS_TRY(publish(store, table, "snapshot", snapshot, false, named, err));
    pfs_hint_write(store, table, "snapshot", "LATEST", snapshot->id);
    return 0;
}

int pfs_snapshot_sync(struct pfs_store *store, const char *table, struct pfs_err *err)
{
    char path[4096];

    if (snprintf(path, sizeof(path), "%s/snapshot", table) >= (int)sizeof(path))
        return pfs_fail(err, ENAMETOOLONG, "%s is too long", table);
    return pfs_store_sync_dir(store, path, err);
}

int pfs_changelog_publish(struct pfs_store *store, const char *table, const struct pfs_snapshot *snapshot,
                          struct pfs_err *err)
{
    bool named;

    PFS_TRY(publish(store, table, "changelog", snapshot, true, &named, err));
    pfs_hint_write(store, table, "changelog", "LATEST", snapshot->id);
    return 0;
}

/* ---- tags ---- */

/* The name is a user's. */
static int tag_path(const char *table, const char *name, struct pfs_arena *arena, const char **out, struct pfs_err *err)
{
    if (!pfs_name_is_component(pfs_str(name)) || name[0] == '.' || name[strspn(name, " \t")] == '\0' ||
        strlen(name) > PFS_NAME_BYTES_MAX - 4)
        return pfs_name_refuse(name, "tag", err);
    *out = pfs_arena_printf(arena, "%s/tag/tag-%s", table, name);
    return *out == NULL ? pfs_arena_full(arena, err) : 0;
}

int pfs_tag_load(struct pfs_store *store, const char *table, const char *name, struct pfs_arena *arena,
                 struct pfs_snapshot *out, struct pfs_stat *stat, struct pfs_err *err)
{
    struct pfs_slice json;
    const char *path;
    int rc;

    PFS_TRY(tag_path(table, name, arena, &path, err));
    if (stat != NULL)
        PFS_TRY(pfs_store_stat(store, path, stat, err));
    PFS_TRY(pfs_store_load(store, path, PFS_METADATA_BYTES_MAX, &json, err));
    rc = pfs_snapshot_parse(json, arena, out, err);
    pfs_free((void *)(uintptr_t)json.at);
    return rc < 0 ? pfs_wrap(err, "%s", path) : 0;
}

int pfs_tag_find(struct pfs_store *store, const char *table, const char *name, struct pfs_arena *arena,
                 struct pfs_snapshot *out, struct pfs_err *err)
{
    struct pfs_err refused = {0};
    int rc = pfs_tag_load(store, table, name, arena, out, NULL, &refused);

    if (rc == -EINVAL)
        return -ENOENT;
    return rc < 0 && rc != -ENOENT && refused.code != 0 ? pfs_fail(err, refused.code, "%s", refused.text) : rc;
}

int pfs_tag_list(struct pfs_store *store, const char *table, struct pfs_arena *arena, const char ***names,
                 int64_t *count, struct pfs_err *err)
{
    return pfs_list_names(store, table, "tag", "tag-", false, arena, names, count, err);
}

/* A snapshot with two members more, put in front of its end. */
static int print_tag(const struct pfs_snapshot *snapshot, const struct pfs_tag_life *life, struct pfs_buf *out,
                     struct pfs_err *err)
{
    PFS_TRY(pfs_snapshot_print(snapshot, out, err));
    if (life == NULL)
        return 0;
    assert(out->len > strlen("\n}")); /* as snapshots end */
    out->len -= strlen("\n}");
    pfs_tag_life_print(life, out);
    pfs_buf_puts(out, "\n}");
    return pfs_buf_check(out, err);
}

int pfs_tag_create(struct pfs_store *store, const char *table, const char *name, const struct pfs_snapshot *snapshot,
                   const struct pfs_tag_life *life, bool replace, struct pfs_err *err)
{
    struct pfs_buf json = {0};
    struct pfs_arena arena;
    const char *path;
    int rc;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = tag_path(table, name, &arena, &path, err);
    if (rc == 0)
        rc = print_tag(snapshot, life, &json, err);
    if (rc == 0)
        rc = pfs_store_publish(store, path, pfs_buf_slice(&json), replace, err);
    pfs_buf_done(&json);
    pfs_arena_done(&arena);
    return rc;
}

/* A tag that was removed or renamed must not come back with the power. */
static int sync_tags(struct pfs_store *store, const char *table, struct pfs_arena *arena, struct pfs_err *err)
{
    const char *dir = pfs_arena_printf(arena, "%s/tag", table);

    return dir == NULL ? pfs_arena_full(arena, err) : pfs_store_sync_dir(store, dir, err);
}

int pfs_tag_remove(struct pfs_store *store, const char *table, const char *name, struct pfs_err *err)
{
    struct pfs_arena arena;
    const char *path;
    int rc;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = tag_path(table, name, &arena, &path, err);
    if (rc == 0)
        rc = pfs_store_unlink(store, path, err);
    if (rc == 0)
        rc = sync_tags(store, table, &arena, err);
    pfs_arena_done(&arena);
    return rc;
}

/* The old one is looked for first: what the rename says of two names would not tell which is missing. */
int pfs_tag_rename(struct pfs_store *store, const char *table, const char *from, const char *to, struct pfs_err *err)
{
    const char *old, *new;
    struct pfs_arena arena;
    struct pfs_stat st;
    int rc;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = tag_path(table, from, &arena, &old, err);
    if (rc == 0)
        rc = tag_path(table, to, &arena, &new, err);
    if (rc == 0)
        rc = pfs_store_stat(store, old, &st, err);
    if (rc == 0)
        rc = pfs_store_rename_new(store, old, new, err);
    if (rc == 0)
        rc = sync_tags(store, table, &arena, err);
    pfs_arena_done(&arena);
    return rc;
}

/* ---- again ---- */

int pfs_snapshot_restore(struct pfs_store *store, const char *table, const char *meta,
                         const struct pfs_snapshot *snapshot, struct pfs_err *err)
{
    struct pfs_snapshot again = *snapshot;
    struct pfs_buf path = {0};
    struct pfs_stat st;
    bool named;
    int rc = 0;

    if (again.changelog_list != NULL) {
        pfs_buf_printf(&path, "%s/manifest/%s", table, again.changelog_list);
        pfs_buf_putc(&path, 0);
        rc = pfs_buf_check(&path, err);
        if (rc == 0)
            rc = pfs_store_stat(store, (const char *)path.at, &st, err);
        pfs_buf_done(&path);
    }
    if (rc == -ENOENT) {
        again.changelog_list = NULL;
        again.changelog_list_size = again.changelog_records = PFS_NO_NUMBER;
    } else if (rc < 0) {
        return rc;
    }
    return publish(store, meta, "snapshot", &again, false, &named, err);
}

/* ---- is it still there ---- */

/* After a rollback an id is given again: the delta list's name, a UUID, tells two of them apart. */
static bool same_snapshot(const struct pfs_snapshot *a, const struct pfs_snapshot *b)
{
    return a->id == b->id && strcmp(a->delta_list, b->delta_list) == 0;
}

bool pfs_snapshot_is_held(struct pfs_store *store, const char *table, const struct pfs_snapshot *snapshot)
{
    struct pfs_arena arena;
    struct pfs_snapshot now;
    const char **tags;
    int64_t count = 0;
    int rc;
    bool held;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = pfs_snapshot_load(store, table, snapshot->id, &arena, &now, NULL, NULL);
    held = rc == 0 ? same_snapshot(&now, snapshot) : rc != -ENOENT;
    if (!held && pfs_tag_list(store, table, &arena, &tags, &count, NULL) < 0)
        held = true;
    for (int64_t i = 0; i < count && !held; i++)
        held = pfs_tag_load(store, table, tags[i], &arena, &now, NULL, NULL) == 0 && same_snapshot(&now, snapshot);
    pfs_arena_done(&arena);
    return held;
}
