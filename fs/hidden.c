#include "fs/hidden.h"

#include <string.h>

#include "base/hash.h"
#include "fs/tree_internal.h"

#define HIDDEN_MS 5000 /* a program that removes a name and makes it again does so at once */

static uint64_t hash_of(const char *path)
{
    return pfs_hash64(path, strlen(path), 0);
}

void pfs_hidden_add(struct pfs_tree *tree, const char *path, uint32_t pid)
{
    int64_t now = pfs_clock_monotonic_ms();
    struct pfs_hidden *at = tree->hidden;

    pthread_mutex_lock(&tree->lock);
    for (int i = 0; i < PFS_HIDDEN_MAX; i++) /* a free one, else the oldest */
        if (tree->hidden[i].until_ms < at->until_ms)
            at = &tree->hidden[i];
    *at = (struct pfs_hidden){pid, hash_of(path), now + HIDDEN_MS};
    pthread_mutex_unlock(&tree->lock);
}

bool pfs_hidden_take(struct pfs_tree *tree, const char *path, uint32_t pid)
{
    int64_t now = pfs_clock_monotonic_ms();
    uint64_t hash = hash_of(path);
    bool found = false;

    pthread_mutex_lock(&tree->lock);
    for (int i = 0; i < PFS_HIDDEN_MAX && !found; i++) {
        struct pfs_hidden *h = &tree->hidden[i];

        found = h->pid == pid && h->path == hash && h->until_ms > now;
        if (found)
            *h = (struct pfs_hidden){0};
    }
    pthread_mutex_unlock(&tree->lock);
    return found;
}
