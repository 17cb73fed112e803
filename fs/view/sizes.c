/* sizes.c - a hash table in a file.
 *
 * 16384 sets of 4 places; a place is 32 bytes: two hashes of the key, the size, a checksum over the three. The text
 * that a version prints belongs to the key, so another version finds nothing of it. */
#include "fs/view/sizes.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/slice.h"

#define SETS 16384
#define PLACES 4
#define TEXT_VERSION "1 " PFS_VERSION /* changes when a view may be printed otherwise */

struct pfs_sizes {
    int fd;
    uint64_t seed[2]; /* of the warehouse */
};

struct record {
    uint64_t key[2], size, check;
};

_Static_assert(sizeof(struct record) == 32, "a place in the file");

struct pfs_sizes *pfs_sizes_open(const char *cache_dir, const char *warehouse)
{
    struct pfs_sizes *s = pfs_zalloc(sizeof(*s));
    char path[4096];

    if (s == NULL || snprintf(path, sizeof(path), "%s/sizes", cache_dir) >= (int)sizeof(path)) {
        pfs_free(s);
        return NULL;
    }
    s->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (s->fd < 0) {
        pfs_free(s);
        return NULL;
    }
    for (uint64_t i = 0; i < 2; i++)
        s->seed[i] = pfs_hash64(warehouse, strlen(warehouse), pfs_hash64(TEXT_VERSION, sizeof(TEXT_VERSION), i));
    return s;
}

void pfs_sizes_close(struct pfs_sizes *sizes)
{
    if (sizes == NULL)
        return;
    close(sizes->fd);
    pfs_free(sizes);
}

static uint64_t check_of(const struct record *r)
{
    return pfs_hash64(r, offsetof(struct record, check), 0x73697a65);
}

static struct record key_of(const struct pfs_sizes *s, const char *key)
{
    size_t len = strlen(key);

    return (struct record){.key = {pfs_hash64(key, len, s->seed[0]), pfs_hash64(key, len, s->seed[1])}};
}

static off_t set_at(const struct record *r)
{
    return (off_t)(r->key[0] % SETS * PLACES * sizeof(struct record));
}

/* The place of that key in its set, or the one to be taken for it; *found tells which. */
static int place_of(const struct pfs_sizes *s, const struct record *want, struct record *set, bool *found)
{
    int free_place = (int)(want->key[1] % PLACES);

    memset(set, 0, PLACES * sizeof(*set));
    if (pread(s->fd, set, PLACES * sizeof(*set), set_at(want)) < 0)
        memset(set, 0, PLACES * sizeof(*set));
    *found = false;
    for (int i = 0; i < PLACES; i++) {
        if (set[i].check != check_of(&set[i]))
            free_place = i;
        else if (set[i].key[0] == want->key[0] && set[i].key[1] == want->key[1]) {
            *found = true;
            return i;
        }
    }
    return free_place;
}

bool pfs_sizes_find(struct pfs_sizes *sizes, const char *key, uint64_t *size)
{
    struct record want = key_of(sizes, key), set[PLACES];
    bool found;
    int i = place_of(sizes, &want, set, &found);

    if (found)
        *size = set[i].size;
    return found;
}

/* One write of a place: a reader of another process sees a record or none. What cannot be written is measured again. */
static void store(struct pfs_sizes *sizes, const struct record *r, int place)
{
    assert(place >= 0 && place < PLACES);
    (void)!pwrite(sizes->fd, r, sizeof(*r), set_at(r) + (off_t)((size_t)place * sizeof(*r)));
}

void pfs_sizes_put(struct pfs_sizes *sizes, const char *key, uint64_t size)
{
    struct record want = key_of(sizes, key), set[PLACES];
    bool found;
    int i = place_of(sizes, &want, set, &found);

    if (found && set[i].size == size)
        return;
    want.size = size;
    want.check = check_of(&want);
    store(sizes, &want, i);
}

void pfs_sizes_forget(struct pfs_sizes *sizes, const char *key)
{
    struct record want = key_of(sizes, key), set[PLACES];
    bool found;
    int i = place_of(sizes, &want, set, &found);

    if (found)
        store(sizes, &want, i); /* without its checksum it is none */
}
