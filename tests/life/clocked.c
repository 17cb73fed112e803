/* clocked.c - a warehouse with a clock that is set: what tests of months run.
 *
 * clocked WAREHOUSE reads requests from standard input, a line each and what it announces, and answers each on standard
 * output with "ok BYTES" or "error ERRNO BYTES", and those bytes:
 *
 *   at MS            the clock stands there from now on
 *   put PATH BYTES   opens, writes, closes; the bytes follow
 *   overwrite PATH BYTES
 *   sql BYTES        statements; the bytes follow
 *   get PATH         a file as text
 *   end              commits and compacts, as a process that ends; the next request is a new process, but for the clock
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "fs/tree/tree.h"
#include "src/statement/statement.h"

#define PIECE ((size_t)1 << 18)
#define INPUT_MAX ((size_t)1 << 24)

struct clocked {
    const char *warehouse;
    int64_t now_ms;
    struct pfs_clock clock;
    struct pfs_pool *pool;
    struct pfs_catalog *catalog; /* the tree's */
    struct pfs_tree *tree;       /* NULL: no process is there */
};

static int64_t tell(void *self)
{
    return ((const struct clocked *)self)->now_ms;
}

static int begin(struct clocked *c, struct pfs_err *err)
{
    struct pfs_catalog_config catalog = {.pool = c->pool, .clock = &c->clock};
    struct pfs_tree_config tree = {.pool = c->pool, .clock = &c->clock};

    if (c->tree != NULL)
        return 0;
    PFS_TRY(pfs_store_open_posix(c->warehouse, &catalog.store, err));
    PFS_TRY(pfs_catalog_open(&catalog, &c->catalog, err));
    tree.catalog = c->catalog;
    return pfs_tree_open(&tree, &c->tree, err);
}

static int end(struct clocked *c, struct pfs_err *err)
{
    int rc;

    if (c->tree == NULL)
        return 0;
    rc = pfs_tree_finish(c->tree, err);
    if (rc == 0)
        rc = pfs_tree_compact(c->tree, err);
    pfs_tree_close(c->tree);
    c->tree = NULL;
    return rc;
}

/* ---- files ---- */

struct file {
    struct pfs_waiting waiting;
    struct pfs_entry entry;
    struct pfs_opened opened;
};

static int64_t open_file(struct clocked *c, const char *path, int flags, struct file *f, struct pfs_err *err)
{
    int64_t rc;

    PFS_TRY(pfs_waiting_init(&f->waiting, err));
    rc = pfs_tree_walk(c->tree, path, &f->entry, err);
    if (rc == 0) {
        pfs_tree_open_file(c->tree, &f->waiting.request, f->entry.node, flags, &f->opened);
        rc = pfs_waiting_result(&f->waiting, err);
        if (rc < 0)
            pfs_tree_forget(c->tree, f->entry.node, 1);
    }
    if (rc < 0)
        pfs_waiting_done(&f->waiting);
    return rc;
}

static int64_t close_file(struct clocked *c, struct file *f, struct pfs_err *err)
{
    int64_t rc;

    pfs_tree_release(c->tree, &f->waiting.request, f->opened.handle);
    rc = pfs_waiting_result(&f->waiting, err);
    pfs_tree_forget(c->tree, f->entry.node, 1);
    pfs_waiting_done(&f->waiting);
    return rc;
}

static int64_t put(struct clocked *c, const char *path, int flags, struct pfs_slice bytes, struct pfs_err *err)
{
    struct file f;
    int64_t rc, closed;

    PFS_TRY((int)open_file(c, path, O_WRONLY | flags, &f, err));
    pfs_tree_write(c->tree, &f.waiting.request, f.opened.handle, 0, bytes);
    rc = pfs_waiting_result(&f.waiting, err);
    if (rc >= 0) {
        pfs_tree_flush(c->tree, &f.waiting.request, f.opened.handle);
        rc = pfs_waiting_result(&f.waiting, err);
    }
    closed = close_file(c, &f, rc < 0 ? NULL : err);
    return rc < 0 ? rc : closed;
}

static int64_t get(struct clocked *c, const char *path, struct pfs_buf *answer, struct pfs_err *err)
{
    uint64_t off = 0;
    struct file f;
    int64_t got;

    PFS_TRY((int)open_file(c, path, O_RDONLY, &f, err));
    do {
        uint8_t *to = pfs_buf_reserve(answer, PIECE);

        if (to == NULL)
            break;
        pfs_tree_read(c->tree, &f.waiting.request, f.opened.handle, off, to, PIECE);
        got = pfs_waiting_result(&f.waiting, err);
        answer->len += got > 0 ? (size_t)got : 0;
        off += got > 0 ? (uint64_t)got : 0;
    } while (got > 0);
    (void)close_file(c, &f, NULL);
    return got < 0 ? got : pfs_buf_check(answer, err);
}

/* ---- requests ---- */

/* The bytes that a request announces. */
static int read_bytes(size_t len, uint8_t **out)
{
    *out = len > INPUT_MAX ? NULL : pfs_alloc(len + 1);
    return *out != NULL && fread(*out, 1, len, stdin) == len ? 0 : -EINVAL;
}

static int64_t perform(struct clocked *c, const char *verb, const char *path, struct pfs_slice bytes,
                       struct pfs_buf *answer, struct pfs_err *err)
{
    if (strcmp(verb, "end") == 0)
        return end(c, err);
    PFS_TRY(begin(c, err));
    if (strcmp(verb, "put") == 0)
        return put(c, path, O_APPEND, bytes, err);
    if (strcmp(verb, "overwrite") == 0)
        return put(c, path, O_TRUNC, bytes, err);
    if (strcmp(verb, "sql") == 0)
        return pfs_catalog_execute(c->catalog, NULL, bytes, answer, err);
    if (strcmp(verb, "get") == 0)
        return get(c, path, answer, err);
    return pfs_fail(err, EINVAL, "no request %s", verb);
}

static int answer_one(struct clocked *c, const char *line)
{
    struct pfs_buf answer = {0};
    struct pfs_err err = {0};
    char verb[16], path[1024] = "";
    uint8_t *bytes = NULL;
    size_t len = 0;
    int64_t rc;

    if (sscanf(line, "at %lld", (long long *)&c->now_ms) == 1) {
        puts("ok 0");
        return fflush(stdout);
    }
    if (sscanf(line, "sql %zu", &len) == 1)
        (void)snprintf(verb, sizeof(verb), "sql");
    else if (sscanf(line, "%15s %1023s %zu", verb, path, &len) < 1)
        return -EINVAL;
    if (len > 0 && read_bytes(len, &bytes) < 0)
        return -EINVAL;
    pfs_buf_init(&answer, INPUT_MAX);
    rc = perform(c, verb, path, pfs_slice_of(bytes, len), &answer, &err);
    if (rc < 0)
        printf("error %lld %zu\n%s", (long long)-rc, strlen(err.text), err.text);
    else
        printf("ok %zu\n%.*s", answer.len, (int)answer.len, (const char *)answer.at);
    pfs_buf_done(&answer);
    pfs_free(bytes);
    return fflush(stdout);
}

int main(int argc, char **argv)
{
    struct clocked c = {.warehouse = argv[argc > 1]};
    char line[2048];
    int rc = 0;

    if (argc != 2 || pfs_pool_open(1, &c.pool, NULL) < 0) {
        (void)fputs("clocked needs a warehouse\n", stderr);
        return 2;
    }
    c.clock = (struct pfs_clock){tell, &c};
    while (rc == 0 && fgets(line, sizeof(line), stdin) != NULL)
        rc = answer_one(&c, line);
    if (rc == 0)
        rc = end(&c, NULL);
    pfs_pool_close(c.pool);
    return rc == 0 ? 0 : 1;
}
