/* hidden.c - what a process was told a moment ago, in a few places that are taken anew when they are old. Two paths of
 * one hash are taken for the same: then a name is hidden, or asked for, once too often. */
#include "fs/tree/hidden.h"

#include <assert.h>
#include <string.h>

#include "base/hash.h"
#include "fs/tree/internal.h"

static uint64_t hash_of(const char *path)
{
    return pfs_hash64(path, strlen(path), 0);
}

/* Without `replace` a place that is still good is not taken: then nothing is remembered. */
static bool add(struct pfs_tree *tree, const char *path, uint32_t pid, int64_t ms, bool replace)
{
    int64_t now = pfs_clock_monotonic_ms();
    struct pfs_hidden *at = tree->hidden;
    bool fits;

    assert(ms > 0);
    pthread_mutex_lock(&tree->lock);
    for (int i = 0; i < PFS_HIDDEN_MAX; i++) /* a free one, else the oldest */
        if (tree->hidden[i].until_ms < at->until_ms)
            at = &tree->hidden[i];
    fits = replace || at->until_ms <= now;
    if (fits)
        *at = (struct pfs_hidden){pid, hash_of(path), now + ms};
    pthread_mutex_unlock(&tree->lock);
    return fits;
}

void pfs_hidden_add(struct pfs_tree *tree, const char *path, uint32_t pid, int64_t ms)
{
    (void)add(tree, path, pid, ms, true);
}

bool pfs_hidden_try_add(struct pfs_tree *tree, const char *path, uint32_t pid, int64_t ms)
{
    return add(tree, path, pid, ms, false);
}

/* Of that process and no other; `take` makes it count once. */
static bool find(struct pfs_tree *tree, const char *path, uint32_t pid, bool take)
{
    int64_t now = pfs_clock_monotonic_ms();
    uint64_t hash = hash_of(path);
    bool found = false;

    pthread_mutex_lock(&tree->lock);
    for (int i = 0; i < PFS_HIDDEN_MAX && !found; i++) {
        struct pfs_hidden *h = &tree->hidden[i];

        found = h->pid == pid && h->path == hash && h->until_ms > now;
        if (found && take)
            *h = (struct pfs_hidden){0};
    }
    pthread_mutex_unlock(&tree->lock);
    return found;
}

bool pfs_hidden_take(struct pfs_tree *tree, const char *path, uint32_t pid)
{
    return find(tree, path, pid, true);
}

bool pfs_hidden_is(struct pfs_tree *tree, const char *path, uint32_t pid)
{
    return find(tree, path, pid, false);
}
