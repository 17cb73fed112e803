#include "src/ingest/numbers.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/number.h"

#define BLOCK_MIN 1000 /* numbers of the first block of a process; each is twice as large as the one before */
#define BLOCK_MAX ((int64_t)1 << 20)
#define BLOCKS_KEPT 16
#define TRIES_MAX 1000 /* one who lost so many blocks in a row is told, instead of waiting for ever */
#define WORKERS 1024
#define COUNTERS 4096
#define EPOCH_MS 1704067200000 /* 2024-01-01 */
#define MILLIS_MAX (((int64_t)1 << 41) - 1)
#define AHEAD_MS 60000                       /* so far the bound lies ahead of what is given */
#define WORKER_BYTES_MAX ((uint64_t)1 << 20) /* a file that is longer is worn out */
#define PATH_BYTES 1100

struct pfs_numbers {
    struct pfs_numbers_config config;
    char *directory;
    pthread_mutex_t lock; /* guards all below */
    int64_t next, left;   /* SEQUENCE: of the block */
    int64_t block, size;  /* k, and how many the next one has */
    struct pfs_file *worker;
    int64_t id, last_ms, bound_ms, counter; /* SNOWFLAKE, since EPOCH_MS */
};

int pfs_numbers_open(const struct pfs_numbers_config *config, struct pfs_numbers **out, struct pfs_err *err)
{
    struct pfs_numbers *n = pfs_zalloc(sizeof(*n));

    assert(config->most > 0);
    if (n != NULL)
        n->directory = pfs_strdup(config->directory);
    if (n == NULL || n->directory == NULL) {
        pfs_free(n);
        return pfs_fail(err, ENOMEM, "no memory for numbers");
    }
    n->config = *config;
    n->config.directory = n->directory;
    n->size = BLOCK_MIN;
    pthread_mutex_init(&n->lock, NULL);
    *out = n;
    return 0;
}

void pfs_numbers_close(struct pfs_numbers *numbers)
{
    if (numbers == NULL)
        return;
    pfs_file_close(numbers->worker);
    pthread_mutex_destroy(&numbers->lock);
    pfs_free(numbers->directory);
    pfs_free(numbers);
}

const char *pfs_numbers_directory(const struct pfs_numbers *numbers)
{
    return numbers->directory;
}

static int path_of(const struct pfs_numbers *n, const char *prefix, int64_t number, char *out, struct pfs_err *err)
{
    if (snprintf(out, PATH_BYTES, "%s/%s%lld", n->directory, prefix, (long long)number) >= PATH_BYTES)
        return pfs_fail(err, ENAMETOOLONG, "%s: too long a path", n->directory);
    return 0;
}

/* The directory's own name is durable before anything depends on what is in it: so are those above it. */
static int make_directory(const struct pfs_numbers *n, struct pfs_err *err)
{
    char path[PATH_BYTES];
    char *slash;
    int rc = pfs_store_mkdir(n->config.store, n->directory, err);

    if (rc < 0 && rc != -EEXIST)
        return rc;
    if (snprintf(path, sizeof(path), "%s", n->directory) >= (int)sizeof(path))
        return pfs_fail(err, ENAMETOOLONG, "%s: too long a path", n->directory);
    while ((slash = strrchr(path, '/')) != NULL) {
        *slash = '\0';
        PFS_TRY(pfs_store_sync_dir(n->config.store, path, err));
    }
    return pfs_store_sync_dir(n->config.store, "", err);
}

/* The number that a line of digits is; -1 when it is none. */
static int64_t read_number(struct pfs_slice line)
{
    int64_t number;

    return line.len > 0 && line.at[0] != '-' && pfs_i64_parse(line, &number) == 0 ? number : -1;
}

/* ---- a sequence's blocks ---- */

struct listing {
    const struct pfs_numbers *numbers;
    int64_t greatest, below; /* below: those smaller than that are removed; 0 = none */
};

static int look_at(void *context, struct pfs_slice name, bool directory)
{
    struct listing *l = context;
    int64_t k = directory ? -1 : read_number(name);
    char path[PATH_BYTES];

    if (k > l->greatest)
        l->greatest = k;
    if (k >= 0 && k < l->below && path_of(l->numbers, "", k, path, NULL) == 0)
        (void)pfs_store_unlink(l->numbers->config.store, path, NULL); /* the next one who passes tries again */
    return 0;
}

/* The greatest block; 0 when there is none yet. */
static int list_blocks(const struct pfs_numbers *n, int64_t below, int64_t *greatest, struct pfs_err *err)
{
    struct listing l = {.numbers = n, .below = below};
    int rc = pfs_store_list(n->config.store, n->directory, look_at, &l, err);

    *greatest = l.greatest;
    return rc == -ENOENT ? 0 : rc;
}

/* Where the block behind `k` begins. Bare -ENOENT: it was removed meanwhile. */
static int load_block(const struct pfs_numbers *n, int64_t k, int64_t *next, struct pfs_err *err)
{
    struct pfs_slice bytes;
    char path[PATH_BYTES];

    PFS_TRY(path_of(n, "", k, path, err));
    PFS_TRY(pfs_store_load(n->config.store, path, 64, &bytes, err));
    *next = bytes.len > 0 && bytes.at[bytes.len - 1] == '\n' ? read_number(pfs_slice_of(bytes.at, bytes.len - 1)) : -1;
    pfs_free((void *)(uintptr_t)bytes.at);
    return *next < 1 ? pfs_fail(err, EIO, "%s does not say where a block of numbers begins", path) : 0;
}

/* Tries to have the block behind the greatest one: 1, or 0 when somebody else was quicker. */
static int try_block(struct pfs_numbers *n, int64_t size, struct pfs_err *err)
{
    int64_t greatest, first = 1, now;
    char path[PATH_BYTES], text[32];
    int rc;

    assert(n->left == 0); /* the block that it has is used up: its place is taken */
    PFS_TRY(list_blocks(n, 0, &greatest, err));
    rc = greatest == 0 ? make_directory(n, err) : load_block(n, greatest, &first, err);
    if (rc < 0)
        return rc == -ENOENT ? 0 : rc;
    if (first > n->config.most || greatest == INT64_MAX)
        return pfs_fail(err, ERANGE, "%s: all numbers up to %lld are given", n->directory, (long long)n->config.most);
    size = size < n->config.most - first + 1 ? size : n->config.most - first + 1;
    size = size < INT64_MAX - first ? size : INT64_MAX - first;
    PFS_TRY(path_of(n, "", greatest + 1, path, err));
    (void)snprintf(text, sizeof(text), "%lld\n", (long long)(first + size));
    rc = pfs_store_publish(n->config.store, path, pfs_str(text), false, err);
    if (rc < 0)
        return rc == -EEXIST ? 0 : rc;
    PFS_TRY(list_blocks(n, greatest + 1 - BLOCKS_KEPT, &now, err));
    if (now != greatest + 1)
        return 0;
    n->block = greatest + 1;
    n->next = first;
    n->left = size;
    return 1;
}

/* The next block is twice as large: whoever needs many asks seldom. */
static int next_block(struct pfs_numbers *n, struct pfs_err *err)
{
    int rc = 0;

    for (int i = 0; i < TRIES_MAX && rc == 0; i++)
        rc = try_block(n, n->size, err);
    if (rc < 0)
        return rc;
    n->size = n->size < BLOCK_MAX ? n->size * 2 : n->size;
    return rc > 0 ? 0 : pfs_fail(err, EBUSY, "%s: others are always quicker", n->directory);
}

/* Numbers of one call may come from two blocks, with a gap between them: they ascend all the same. */
static int take_sequence(struct pfs_numbers *n, int64_t count, int64_t *out, struct pfs_err *err)
{
    while (count > 0) {
        int64_t some;

        if (n->left == 0)
            PFS_TRY(next_block(n, err));
        assert(n->left > 0);
        some = count < n->left ? count : n->left;
        for (int64_t i = 0; i < some; i++)
            *out++ = n->next + i;
        n->next += some;
        n->left -= some;
        count -= some;
    }
    return 0;
}

/* A number too low means that the directory was made anew, with its table. */
int pfs_numbers_check(struct pfs_numbers *numbers, struct pfs_err *err)
{
    int64_t greatest;
    int rc = 0;

    pthread_mutex_lock(&numbers->lock);
    if (numbers->left > 0) {
        rc = list_blocks(numbers, 0, &greatest, err);
        if (rc == 0 && greatest < numbers->block)
            numbers->left = 0;
    }
    pthread_mutex_unlock(&numbers->lock);
    return rc;
}

/* ---- a worker's milliseconds ---- */

/* The last whole line of the worker's file; 0 when there is none. -1: it is none of ours. */
static int load_bound(struct pfs_file *file, int64_t *out, struct pfs_err *err)
{
    uint64_t size = pfs_file_size(file), from = size > 64 ? size - 64 : 0;
    char text[64];
    size_t len = (size_t)(size - from), end, start;

    *out = 0;
    PFS_TRY(len == 0 ? 0 : pfs_file_pread(file, from, text, len, err));
    for (end = len; end > 0 && text[end - 1] != '\n'; end--)
        ; /* what a crash cut off was not durable, and so not used */
    while (end > 0 && text[end - 1] == '\n')
        end--;
    if (end == 0)
        return 0;
    for (start = end; start > 0 && text[start - 1] != '\n'; start--)
        ;
    *out = read_number(pfs_slice_of(text + start, end - start));
    return 0;
}

/* Durable before any of the milliseconds below it is used. */
static int extend(struct pfs_numbers *n, int64_t bound_ms, struct pfs_err *err)
{
    char text[32];

    assert(bound_ms > n->bound_ms);
    (void)snprintf(text, sizeof(text), "\n%lld\n", (long long)bound_ms); /* behind whatever a crash left */
    PFS_TRY(pfs_file_append(n->worker, text, strlen(text), err));
    PFS_TRY(pfs_file_sync(n->worker, err));
    n->bound_ms = bound_ms;
    return 0;
}

/* 1: the id is ours; 0: it is somebody else's. */
static int try_worker(struct pfs_numbers *n, int64_t id, struct pfs_err *err)
{
    char path[PATH_BYTES];
    int rc;

    assert(n->worker == NULL);
    assert(id >= 0 && id < WORKERS);
    PFS_TRY(path_of(n, "worker-", id, path, err));
    rc = pfs_store_open_locked(n->config.store, path, false, &n->worker, err);
    if (rc == -ENOENT)
        rc = pfs_store_open_locked(n->config.store, path, true, &n->worker, err);
    if (rc == -EAGAIN || rc == -ENOENT || rc == -EEXIST)
        return 0;
    if (rc == 0)
        rc = load_bound(n->worker, &n->bound_ms, err);
    if (rc == 0 && n->bound_ms >= 0 && pfs_file_size(n->worker) <= WORKER_BYTES_MAX) {
        n->id = id;
        n->last_ms = n->bound_ms;
        n->counter = -1;
        return 1;
    }
    pfs_file_close(n->worker);
    n->worker = NULL;
    return rc;
}

/* The first free id, kept until the process ends. */
static int have_worker(struct pfs_numbers *n, struct pfs_err *err)
{
    int rc = 0;

    if (n->worker != NULL)
        return 0;
    PFS_TRY(make_directory(n, err));
    for (int64_t id = 0; id < WORKERS && rc == 0; id++)
        rc = try_worker(n, id, err);
    if (rc == 0)
        return pfs_fail(err, EBUSY, "%s: all %d ids of workers are taken", n->directory, WORKERS);
    return rc < 0 ? rc : pfs_store_sync_dir(n->config.store, n->directory, err);
}

/* A worker whose bound could not be made durable is given up: another one, or the same anew, goes on. */
static int give_up(struct pfs_numbers *n, int rc)
{
    pfs_file_close(n->worker);
    n->worker = NULL;
    return rc;
}

/* A clock that stands still, or goes back, is run ahead of; the counter is what tells numbers of one millisecond
 * apart. */
static int take_snowflakes(struct pfs_numbers *n, int64_t count, int64_t *out, struct pfs_err *err)
{
    int64_t now = pfs_clock_now_ms(n->config.clock) - EPOCH_MS;

    PFS_TRY(have_worker(n, err));
    if (now > n->last_ms) {
        n->last_ms = now;
        n->counter = -1;
    }
    for (int64_t i = 0; i < count; i++) {
        if (++n->counter == COUNTERS) {
            n->last_ms++;
            n->counter = 0;
        }
        if (n->last_ms > MILLIS_MAX)
            return give_up(n, pfs_fail(err, ERANGE, "%s: the clock is beyond all numbers", n->directory));
        if (n->last_ms >= n->bound_ms) {
            int rc = extend(n, n->last_ms + AHEAD_MS, err);

            if (rc < 0)
                return give_up(n, rc);
        }
        assert(n->counter >= 0 && n->counter < COUNTERS);
        out[i] = n->last_ms << 22 | n->id << 12 | n->counter;
    }
    return 0;
}

int pfs_numbers_take(struct pfs_numbers *numbers, int64_t count, int64_t *out, struct pfs_err *err)
{
    int rc;

    assert(count >= 0);
    pthread_mutex_lock(&numbers->lock);
    rc = numbers->config.generator == PFS_GENERATOR_SEQUENCE ? take_sequence(numbers, count, out, err)
                                                             : take_snowflakes(numbers, count, out, err);
    pthread_mutex_unlock(&numbers->lock);
    return rc;
}
