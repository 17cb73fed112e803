/* crash.c - writers that are killed at every k-th store call, that meet a failing store, or a power cut.
 *
 * A scenario is a row of acts through the tree over the fault store, each a handle that is opened, written, flushed and
 * released; a child does them one after another and writes a byte to a pipe for each that was acknowledged. The parent
 * opens the warehouse again and counts: what was acknowledged is there once, and beyond it at most the one act under
 * way, whole. The child
 *   dies at store call k;
 *   or call k fails, and it repeats what was not acknowledged until all is;
 *   or every call from k on fails (no space, I/O error) and it gives up, with or without closing the warehouse.
 * k grows until a child is not disturbed. Last, the power is cut at call k of a memory store, which then forgets every
 * byte and name that was not synced.
 *
 * crash DIR [STEP]: every STEP-th call (default 1). Ends with `N passed, N failed`.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "fs/tree/tree.h"
#include "src/statement/statement.h"

struct opened {
    struct pfs_pool *pool;
    struct pfs_catalog *catalog;
    struct pfs_tree *tree;
};

/* Over `store`, which it takes. */
static int open_over(struct pfs_store *store, struct pfs_fault *fault, struct opened *out, struct pfs_err *err)
{
    struct pfs_catalog_config catalog = {.store = store};
    struct pfs_tree_config tree = {0};

    if (fault != NULL)
        PFS_TRY(pfs_store_open_fault(catalog.store, fault, &catalog.store, err));
    PFS_TRY(pfs_pool_open(1, &out->pool, err));
    catalog.pool = out->pool;
    PFS_TRY(pfs_catalog_open(&catalog, &out->catalog, err));
    tree.catalog = out->catalog;
    tree.pool = out->pool;
    return pfs_tree_open(&tree, &out->tree, err);
}

static int open_all(const char *dir, struct pfs_fault *fault, struct opened *out, struct pfs_err *err)
{
    struct pfs_store *store;

    PFS_TRY(pfs_store_open_posix(dir, &store, err));
    return open_over(store, fault, out, err);
}

static void close_all(struct opened *o)
{
    pfs_tree_close(o->tree);
    pfs_pool_close(o->pool);
}

/* ---- scenarios ---- */

struct act {
    char path[64], rows[128];
    int flags;
};

struct scenario {
    const char *name, *sql, *view;
    int acts;
    void (*describe)(int n, struct act *out);
    bool (*is_gone)(int n, int row, int acts); /* has a later act replaced it? NULL = nothing is replaced */
};

/* Two rows each, so that half of an act would show; under a number, so that it may be repeated. */
static void describe_keys(int n, struct act *out)
{
    (void)snprintf(out->path, sizeof(out->path), "d/t/inbox@crash:%d", n);
    (void)snprintf(out->rows, sizeof(out->rows), "%d,first of %d\n%d,second of %d\n", 2 * n, n, 2 * n + 1, n);
    out->flags = O_APPEND;
}

/* Into two partitions by name, by the order of handles, copied; the fourth replaces what partition b holds. */
static void describe_partitions(int n, struct act *out)
{
    static const char *const path[] = {"d/t/inbox", "", "d/t/inbox", "d/t/overwrite"};

    (void)snprintf(out->path, sizeof(out->path), "%s", path[n % 4]);
    if (n % 4 == 1)
        (void)snprintf(out->path, sizeof(out->path), "d/t/inbox@crash:%d", n);
    (void)snprintf(out->rows, sizeof(out->rows), "%s,first of %d\nb,second of %d\n", n % 4 == 3 ? "b" : "a", n, n);
    out->flags = n % 4 == 0 ? O_APPEND : 0;
}

static bool is_overwritten(int n, int row, int acts)
{
    int next = n + 1;

    while (next % 4 != 3)
        next++;
    return (row == 1 || n % 4 == 3) && next < acts;
}

/* Two keys each; the fourth act after it writes them again. */
static void describe_updates(int n, struct act *out)
{
    (void)snprintf(out->path, sizeof(out->path), "d/t/inbox@crash:%d", n);
    (void)snprintf(out->rows, sizeof(out->rows), "%d,first of %d\n%d,second of %d\n", n % 4, n, n % 4 + 4, n);
    out->flags = O_APPEND;
}

static bool is_updated(int n, int row, int acts)
{
    (void)row;
    return n + 4 < acts;
}

static const struct scenario scenarios[] = {
    {"keys", "CREATE DATABASE d; CREATE TABLE d.t (k INT, v STRING, PRIMARY KEY (k) NOT ENFORCED);",
     "d/t/snapshot/latest.csv", 12, describe_keys, NULL},
    {"partitions", "CREATE DATABASE d; CREATE TABLE d.t (dt STRING, v STRING) PARTITIONED BY (dt);",
     "d/t/snapshot/latest.csv", 12, describe_partitions, is_overwritten},
    {"deletion vectors",
     "CREATE DATABASE d; CREATE TABLE d.t (k INT, v STRING, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1',"
     " 'deletion-vectors.enabled' = 'true');",
     "d/t/snapshot/latest.csv", 8, describe_updates, is_updated},
};

/* Are exactly the rows of the first `acts` there, each once? */
static bool holds(const struct scenario *s, const char *text, int64_t rows, int acts)
{
    int64_t expected = 0;

    for (int n = 0; n < acts; n++) {
        struct act act;
        const char *at = act.rows;

        s->describe(n, &act);
        for (int row = 0; row < 2; row++) {
            size_t len = (size_t)(strchr(at, '\n') - at) + 1;
            char line[128];

            (void)snprintf(line, sizeof(line), "\n%.*s", (int)len, at);
            at += len;
            if (s->is_gone != NULL && s->is_gone(n, row, acts))
                continue;
            expected++;
            if (strstr(text, line) == NULL)
                return false;
        }
    }
    return rows == expected;
}

/* 0 = acknowledged. */
static int64_t perform(struct opened *o, const struct scenario *s, int n, struct pfs_err *err)
{
    struct pfs_waiting waiting;
    struct pfs_opened file;
    struct pfs_entry entry;
    struct act act;
    int64_t rc;

    s->describe(n, &act);
    PFS_TRY(pfs_waiting_init(&waiting, err));
    rc = pfs_tree_walk(o->tree, act.path, &entry, err);
    if (rc == 0) {
        pfs_tree_open_file(o->tree, &waiting.request, entry.node, O_WRONLY | act.flags, &file);
        rc = pfs_waiting_result(&waiting, err);
        if (rc == 0) {
            pfs_tree_write(o->tree, &waiting.request, file.handle, 0, pfs_str(act.rows));
            rc = pfs_waiting_result(&waiting, err);
            if (rc > 0) {
                pfs_tree_flush(o->tree, &waiting.request, file.handle);
                rc = pfs_waiting_result(&waiting, err);
            }
            pfs_tree_release(o->tree, &waiting.request, file.handle);
            (void)pfs_waiting_result(&waiting, NULL); /* the flush has acknowledged, or not */
        }
        pfs_tree_forget(o->tree, entry.node, 1);
    }
    pfs_waiting_done(&waiting);
    return rc;
}

/* The view's text into `out`; the number of its rows, or -errno. */
static int64_t read_rows(struct opened *o, const struct scenario *s, char *out, size_t room)
{
    struct pfs_waiting waiting;
    struct pfs_opened file;
    struct pfs_entry entry;
    int64_t got, rows = -1;

    if (pfs_waiting_init(&waiting, NULL) < 0)
        return -EIO;
    got = pfs_tree_walk(o->tree, s->view, &entry, NULL);
    if (got == 0) {
        pfs_tree_open_file(o->tree, &waiting.request, entry.node, O_RDONLY, &file);
        got = pfs_waiting_result(&waiting, NULL);
    }
    if (got == 0) {
        pfs_tree_read(o->tree, &waiting.request, file.handle, 0, out, room - 1);
        got = pfs_waiting_result(&waiting, NULL);
        pfs_tree_release(o->tree, &waiting.request, file.handle);
        (void)pfs_waiting_result(&waiting, NULL);
        pfs_tree_forget(o->tree, entry.node, 1);
    }
    pfs_waiting_done(&waiting);
    if (got < 0)
        return got;
    out[got] = '\0';
    for (char *p = out; *p != '\0'; p++)
        rows += *p == '\n';
    return rows;
}

static int64_t reread(const char *dir, const struct scenario *s, char *out, size_t room)
{
    struct opened o = {0};
    int64_t rows;

    if (open_all(dir, NULL, &o, NULL) < 0)
        return -EIO;
    rows = read_rows(&o, s, out, room);
    close_all(&o);
    return rows;
}

static int make_warehouse(const char *dir, const struct scenario *s)
{
    char command[4096];
    struct pfs_buf answer = {0};
    struct opened o = {0};
    int rc;

    (void)snprintf(command, sizeof(command), "rm -rf '%s' && mkdir -p '%s'", dir, dir);
    if (system(command) != 0 || open_all(dir, NULL, &o, NULL) < 0)
        return -EIO;
    rc = pfs_catalog_execute(o.catalog, NULL, pfs_str(s->sql), &answer, NULL);
    pfs_buf_done(&answer);
    close_all(&o);
    return rc;
}

/* ---- lives ---- */

struct trouble {
    const char *name;
    struct pfs_fault fault; /* without the number of the call */
    bool dies, repeats, closes;
};

static const struct trouble troubles[] = {
    {"killed", {0}, true, false, false},
    {"one call has no space", {.fail_errno = ENOSPC}, false, true, true},
    {"one call writes half", {.fail_errno = ENOSPC, .short_write = true}, false, true, true},
    {"no space from here on", {.fail_errno = ENOSPC, .fail_on = true, .short_write = true}, false, false, true},
    {"I/O errors from here on", {.fail_errno = EIO, .fail_on = true}, false, false, false},
};

#define REPEATS 4
enum { UNDISTURBED = 0, NOT_OPENED = 3, DISTURBED = 4 }; /* how a child ends */

static void child(const char *dir, const struct scenario *s, const struct trouble *t, int64_t at, int acknowledge)
{
    struct pfs_fault fault = t->fault;
    struct opened o = {0};
    int64_t rc = 0;

    *(t->dies ? &fault.die_at : &fault.fail_at) = at;
    if (open_all(dir, &fault, &o, NULL) < 0)
        _exit(NOT_OPENED);
    for (int n = 0; n < s->acts && rc == 0; n++) {
        rc = perform(&o, s, n, NULL);
        for (int again = 0; rc < 0 && again < REPEATS; again++)
            rc = perform(&o, s, n, NULL);
        if (rc == 0 && write(acknowledge, "", 1) != 1)
            rc = -EIO;
    }
    if (t->closes)
        close_all(&o);
    _exit(rc < 0 || fault.calls >= at ? DISTURBED : UNDISTURBED);
}

/* One life: 1 = it was disturbed and all is well, 0 = it was not and all is well, -1 = something is lost or doubled. */
static int live(const char *dir, const struct scenario *s, const struct trouble *t, int64_t at)
{
    static char text[1 << 16];
    int ends[2], status, acknowledged = 0;
    int64_t rows;
    char byte;
    bool well;
    pid_t pid;

    if (make_warehouse(dir, s) < 0 || pipe(ends) < 0)
        return -1;
    pid = fork();
    if (pid == 0)
        child(dir, s, t, at, ends[1]);
    close(ends[1]);
    while (read(ends[0], &byte, 1) == 1)
        acknowledged++;
    close(ends[0]);
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        return -1;
    rows = reread(dir, s, text, sizeof(text));
    well = holds(s, text, rows, acknowledged) ||
           (!t->repeats && acknowledged < s->acts && holds(s, text, rows, acknowledged + 1));
    if (t->repeats && WIFEXITED(status) && WEXITSTATUS(status) != NOT_OPENED)
        well &= acknowledged == s->acts;
    if (WIFSIGNALED(status) && (!t->dies || WTERMSIG(status) != SIGKILL))
        well = false;
    if (!well)
        printf("FAIL %s: %s at call %lld - %d acts acknowledged, %lld rows, status %x\n", s->name, t->name,
               (long long)at, acknowledged, (long long)rows, (unsigned)status);
    if (!well)
        return -1;
    return WIFEXITED(status) && WEXITSTATUS(status) == UNDISTURBED ? 0 : 1;
}

/* ---- power ---- */

static void keep(void *self)
{
    (void)self;
}

/* A second handle on a memory store, which closing does not end. */
static struct pfs_store *handle_of(const struct pfs_store *memory)
{
    static struct pfs_store_ops kept;
    struct pfs_store *handle = pfs_zalloc(sizeof(*handle));

    kept = *memory->ops;
    kept.destroy = keep;
    if (handle != NULL)
        *handle = (struct pfs_store){&kept, memory->self};
    return handle;
}

/* The power is cut at one call of the store: nothing is written from there on, and what was not synced is gone. 1 = it
 * was cut and all is well, 0 = it was not. */
static int cut_at(const struct scenario *s, int64_t call)
{
    struct pfs_fault fault = {.fail_errno = EIO, .fail_on = true};
    static char text[1 << 16];
    struct pfs_buf answer = {0};
    struct opened before = {0}, after = {0};
    struct pfs_store *memory;
    int acknowledged = 0;
    int64_t rows;
    bool well;

    if (pfs_store_open_memory(&memory, NULL) < 0 || open_over(handle_of(memory), &fault, &before, NULL) < 0 ||
        pfs_catalog_execute(before.catalog, NULL, pfs_str(s->sql), &answer, NULL) < 0)
        return -1;
    fault.fail_at = fault.calls + call;
    while (acknowledged < s->acts && perform(&before, s, acknowledged, NULL) == 0)
        acknowledged++;
    pfs_store_memory_power_cut(memory);
    if (open_over(handle_of(memory), NULL, &after, NULL) < 0)
        return -1;
    rows = read_rows(&after, s, text, sizeof(text));
    well = holds(s, text, rows, acknowledged) || (acknowledged < s->acts && holds(s, text, rows, acknowledged + 1));
    if (!well)
        printf("FAIL %s: power cut at call %lld - %d acts acknowledged, %lld rows\n", s->name, (long long)call,
               acknowledged, (long long)rows);
    close_all(&after);
    close_all(&before);
    pfs_store_close(memory);
    pfs_buf_done(&answer);
    return !well ? -1 : fault.calls >= fault.fail_at;
}

static void count(int rc, int *passed, int *failed)
{
    *passed += rc >= 0;
    *failed += rc < 0;
}

int main(int argc, char **argv)
{
    int64_t step = argc > 2 ? strtoll(argv[2], NULL, 10) : 1;
    int passed = 0, failed = 0, rc;

    if (argc < 2 || step < 1)
        return 2;
    for (size_t i = 0; i < sizeof(scenarios) / sizeof(*scenarios); i++) {
        const struct scenario *s = &scenarios[i];

        for (size_t k = 0; k < sizeof(troubles) / sizeof(*troubles); k++) {
            rc = 1;
            for (int64_t at = 1 + (int64_t)k % step; rc > 0; at += step) { /* other calls for each trouble */
                rc = live(argv[1], s, &troubles[k], at);
                count(rc, &passed, &failed);
            }
        }
        rc = 1;
        for (int64_t at = 1; rc > 0; at += step) {
            rc = cut_at(s, at);
            count(rc, &passed, &failed);
        }
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0 || passed == 0;
}
