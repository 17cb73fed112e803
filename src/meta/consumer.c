/* consumer.c - one small JSON file for each consumer: {"nextSnapshot" : 12}.
 *
 * Other engines truncate and rewrite it in place, so that a reader may meet it empty or cut: what does not parse is
 * read again for a fifth of a second before it counts as damage. We replace it by a rename, and nobody meets ours half
 * written.
 */
#include "src/meta/consumer.h"

#include <assert.h>
#include <jansson.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "src/meta/json.h"
#include "src/meta/listing.h"
#include "src/meta/names.h"

#define ATTEMPTS 10
#define PAUSE_US 20000

int pfs_consumer_list(struct pfs_store *store, const char *table, struct pfs_arena *arena, const char ***names,
                      int64_t *count, struct pfs_err *err)
{
    return pfs_list_names(store, table, "consumer", "consumer-", false, arena, names, count, err);
}

static int parse(struct pfs_slice text, int64_t *next, struct pfs_err *err)
{
    json_t *root = pfs_json_parse(text, err);
    const char *bad = NULL;

    if (root == NULL)
        return -EIO;
    *next = pfs_json_want_number(root, "nextSnapshot", &bad);
    pfs_json_free(root);
    return bad == NULL ? 0 : pfs_fail(err, EIO, "member %s is missing or malformed", bad);
}

/* A file that is not there is no failure to be waited for. */
static int load(struct pfs_store *store, const char *path, int64_t *next, struct pfs_err *err)
{
    int rc = 0;

    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        struct pfs_slice text;

        PFS_TRY(pfs_store_load(store, path, PFS_METADATA_BYTES_MAX, &text, err));
        assert(text.at != NULL || text.len == 0);
        rc = parse(text, next, err);
        pfs_free((void *)(uintptr_t)text.at);
        if (rc == 0)
            break;
        usleep(PAUSE_US);
    }
    if (rc < 0)
        return pfs_wrap(err, "%s", path);
    pfs_err_clear(err);
    return 0;
}

/* The name is a user's: it must be one component of a path, and its file's name must fit. */
static int path_of(const char *table, const char *name, struct pfs_arena *arena, const char **out, struct pfs_err *err)
{
    if (!pfs_name_is_component(pfs_str(name)) || strlen(name) > PFS_NAME_BYTES_MAX - strlen("consumer-"))
        return pfs_name_refuse(name, "consumer", err);
    *out = pfs_arena_printf(arena, "%s/consumer/consumer-%s", table, name);
    return *out == NULL ? pfs_arena_full(arena, err) : 0;
}

int pfs_consumer_load(struct pfs_store *store, const char *table, const char *name, int64_t *next, struct pfs_err *err)
{
    struct pfs_arena arena;
    const char *path;
    int rc;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = path_of(table, name, &arena, &path, err);
    if (rc == 0)
        rc = load(store, path, next, err);
    pfs_arena_done(&arena);
    return rc;
}

int pfs_consumer_save(struct pfs_store *store, const char *table, const char *name, int64_t next, struct pfs_err *err)
{
    struct pfs_arena arena;
    const char *path, *json;
    int rc;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = path_of(table, name, &arena, &path, err);
    json = pfs_arena_printf(&arena, "{\n  \"nextSnapshot\" : %lld\n}", (long long)next);
    if (rc == 0 && json == NULL)
        rc = pfs_arena_full(&arena, err);
    if (rc == 0)
        rc = pfs_store_publish(store, path, pfs_str(json), true, err);
    pfs_arena_done(&arena);
    return rc;
}

int pfs_consumer_remove(struct pfs_store *store, const char *table, const char *name, struct pfs_err *err)
{
    struct pfs_arena arena;
    const char *path;
    int rc;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = path_of(table, name, &arena, &path, err);
    if (rc == 0)
        rc = pfs_store_unlink(store, path, err);
    pfs_arena_done(&arena);
    return rc;
}
