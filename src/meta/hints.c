/* hints.c - LATEST and EARLIEST: a number as text, beside what it leads to.
 *
 * A hint may be old, lost or wrong, and is looked at with that in mind: the file that it leads to must be there, and
 * for the newest one the next must not. Then it saves the listing of a directory of thousands. It is written beside and
 * renamed over, without a sync: after a crash the old one is as good.
 */
#include "src/meta/hints.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/number.h"
#include "src/meta/listing.h"

int64_t pfs_hint_read(struct pfs_store *store, const char *table, const char *directory, const char *name)
{
    struct pfs_slice text;
    char path[4096];
    int64_t v = 0;

    assert(strcmp(name, "LATEST") == 0 || strcmp(name, "EARLIEST") == 0);
    if (snprintf(path, sizeof(path), "%s/%s/%s", table, directory, name) >= (int)sizeof(path) ||
        pfs_store_load(store, path, 64, &text, NULL) < 0)
        return 0;
    if (pfs_i64_parse(text, &v) < 0 || v < 0)
        v = 0;
    pfs_free((void *)(uintptr_t)text.at);
    return v;
}

/* A table or branch that was moved meanwhile shall not get its directory back: creating a file makes those above it. */
static bool is_there(struct pfs_store *store, const char *table, const char *directory)
{
    struct pfs_stat st;
    char path[4096];

    return snprintf(path, sizeof(path), "%s/%s", table, directory) < (int)sizeof(path) &&
           pfs_store_stat(store, path, &st, NULL) == 0;
}

void pfs_hint_write(struct pfs_store *store, const char *table, const char *directory, const char *name, int64_t id)
{
    char path[4096], temporary[4096], text[32];
    struct pfs_file *file;
    size_t len = pfs_i64_print(id, text);

    assert(len < sizeof(text));
    if (!is_there(store, table, directory) ||
        snprintf(path, sizeof(path), "%s/%s/%s", table, directory, name) >= (int)sizeof(path) ||
        snprintf(temporary, sizeof(temporary), "%s/%s/.%s.%lld.tmp", table, directory, name, (long long)id) >=
            (int)sizeof(temporary) ||
        pfs_store_create(store, temporary, &file, NULL) < 0)
        return;
    len = pfs_file_append(file, text, len, NULL) == 0 ? len : 0;
    pfs_file_close(file);
    if (len == 0 || pfs_store_rename_over(store, temporary, path, NULL) < 0)
        (void)pfs_store_unlink(store, temporary, NULL);
}

int pfs_hint_remove(struct pfs_store *store, const char *table, const char *directory, const char *name,
                    struct pfs_err *err)
{
    char path[4096];
    int rc;

    assert(strcmp(name, "LATEST") == 0 || strcmp(name, "EARLIEST") == 0);
    if (snprintf(path, sizeof(path), "%s/%s/%s", table, directory, name) >= (int)sizeof(path))
        return pfs_fail(err, ENAMETOOLONG, "%s is too long", table);
    rc = pfs_store_unlink(store, path, err);
    return rc == -ENOENT ? 0 : rc;
}

static bool exists(struct pfs_store *store, const char *table, const char *directory, int64_t id)
{
    struct pfs_stat st;
    char path[4096];

    return snprintf(path, sizeof(path), "%s/%s/%s-%lld", table, directory, directory, (long long)id) <
               (int)sizeof(path) &&
           pfs_store_stat(store, path, &st, NULL) == 0;
}

/* By listing: always right, and what hints are there to avoid. */
static int listed(struct pfs_store *store, const char *table, const char *directory, bool last, int64_t *out,
                  struct pfs_err *err)
{
    char prefix[32];
    struct pfs_arena arena;
    int64_t *ids, count;
    int rc;

    (void)snprintf(prefix, sizeof(prefix), "%s-", directory);
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = pfs_list_numbers(store, table, directory, prefix, &arena, &ids, &count, err);
    if (rc == 0 && count == 0)
        rc = -ENOENT;
    assert(rc < 0 || ids[0] <= ids[count - 1]); /* ascending */
    if (rc == 0)
        *out = ids[last ? count - 1 : 0];
    pfs_arena_done(&arena);
    return rc;
}

int pfs_hint_find(struct pfs_store *store, const char *table, const char *directory, bool last, int64_t *out,
                  struct pfs_err *err)
{
    int64_t hint = pfs_hint_read(store, table, directory, last ? "LATEST" : "EARLIEST");

    if (hint > 0 && hint < INT64_MAX && exists(store, table, directory, hint) &&
        (!last || !exists(store, table, directory, hint + 1))) {
        *out = hint;
        return 0;
    }
    return listed(store, table, directory, last, out, err);
}
