/* consumers.c - what they still want, and those that stand still.
 *
 * A consumer that goes while it is looked at wants nothing. One that cannot be read may want anything: then nothing is
 * expired, rather than what it was about to read. */
#include <assert.h>
#include <errno.h>

#include "src/meta/consumer.h"
#include "src/retain/retain.h"

int pfs_consumers_least(const struct pfs_retain *at, int64_t *out, struct pfs_err *err)
{
    struct pfs_arena arena;
    const char **names;
    int64_t count = 0, next;
    int rc;

    *out = INT64_MAX;
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = pfs_consumer_list(at->store, at->meta, &arena, &names, &count, err);
    for (int64_t i = 0; rc == 0 && i < count; i++) {
        rc = pfs_consumer_load(at->store, at->meta, names[i], &next, err);
        if (rc == 0 && next < *out)
            *out = next;
        if (rc == -ENOENT)
            rc = 0;
    }
    pfs_arena_done(&arena);
    return rc;
}

/* Has its file not been written for so long? */
static bool stands_still(const struct pfs_retain *at, const char *path, int64_t before_ms)
{
    struct pfs_stat st;

    return pfs_store_stat(at->store, path, &st, NULL) == 0 && st.mtime_ns / 1000000 < before_ms;
}

int pfs_consumers_expire(const struct pfs_retain *at, int64_t consumer_ms, struct pfs_err *err)
{
    int64_t count = 0, before_ms = pfs_clock_now_ms(at->clock) - consumer_ms;
    struct pfs_arena arena;
    const char **names;
    int rc;

    assert(consumer_ms >= 0);
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = pfs_consumer_list(at->store, at->meta, &arena, &names, &count, err);
    for (int64_t i = 0; rc == 0 && i < count; i++) {
        const char *path = pfs_arena_printf(&arena, "%s/consumer/consumer-%s", at->meta, names[i]);

        if (path == NULL)
            rc = pfs_arena_full(&arena, err);
        else if (stands_still(at, path, before_ms))
            rc = pfs_store_unlink(at->store, path, err);
        if (rc == -ENOENT)
            rc = 0;
    }
    pfs_arena_done(&arena);
    return rc;
}
