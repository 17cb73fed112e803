/* crash.c - appends that are killed at every k-th store call, that meet a failing store call, or a power cut.
 *
 * A child appends rows through the tree over the fault store and writes a byte to a pipe for each append that was
 * acknowledged. It dies at store call k. The parent opens the warehouse again and counts: what was acknowledged is
 * there once, and beyond it at most the one append under way, whole. k grows until a child survives. Then the same with
 * the k-th call failing instead: an append that failed may be repeated under its number, and is there once. Last, the
 * power is cut at call k of a memory store, which then forgets every byte and name that was not synced.
 *
 * crash DIR [STEP]: every STEP-th call (default 1). Ends with `N passed, N failed`.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "fs/tree.h"

#define APPENDS 20

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

/* Append number n: two rows, so that half of one would show. 0 = acknowledged. */
static int64_t append(struct opened *o, int n, struct pfs_err *err)
{
    struct pfs_waiting waiting;
    struct pfs_opened file;
    struct pfs_entry entry;
    char path[64], rows[128];
    int64_t rc, released;

    (void)snprintf(path, sizeof(path), "d/t/inbox@crash:%d", n);
    (void)snprintf(rows, sizeof(rows), "%d,first of %d\n%d,second of %d\n", 2 * n, n, 2 * n + 1, n);
    PFS_TRY(pfs_waiting_init(&waiting, err));
    rc = pfs_tree_walk(o->tree, path, &entry, err);
    if (rc == 0) {
        pfs_tree_open_file(o->tree, &waiting.request, entry.node, O_WRONLY | O_APPEND, &file);
        rc = pfs_waiting_result(&waiting, err);
        if (rc == 0) {
            pfs_tree_write(o->tree, &waiting.request, file.handle, 0, pfs_str(rows));
            rc = pfs_waiting_result(&waiting, err);
            if (rc > 0) {
                pfs_tree_flush(o->tree, &waiting.request, file.handle);
                rc = pfs_waiting_result(&waiting, err);
            }
            pfs_tree_release(o->tree, &waiting.request, file.handle);
            released = pfs_waiting_result(&waiting, NULL);
            rc = rc < 0 ? rc : released;
        }
        pfs_tree_forget(o->tree, entry.node, 1);
    }
    pfs_waiting_done(&waiting);
    return rc;
}

/* The view's text into `out`; the number of its rows, or -errno. */
static int64_t read_rows(struct opened *o, char *out, size_t room)
{
    struct pfs_waiting waiting;
    struct pfs_opened file;
    struct pfs_entry entry;
    int64_t got, rows = -1;

    if (pfs_waiting_init(&waiting, NULL) < 0)
        return -EIO;
    got = pfs_tree_walk(o->tree, "d/t/snapshot/latest.csv", &entry, NULL);
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

static int64_t reread(const char *dir, char *out, size_t room)
{
    struct opened o = {0};
    int64_t rows;

    if (open_all(dir, NULL, &o, NULL) < 0)
        return -EIO;
    rows = read_rows(&o, out, room);
    close_all(&o);
    return rows;
}

static const char table_sql[] = "CREATE DATABASE d; CREATE TABLE d.t (k INT, v STRING, PRIMARY KEY (k) NOT ENFORCED);";

static int make_warehouse(const char *dir)
{
    char command[4096];
    struct pfs_buf answer = {0};
    struct opened o = {0};
    int rc;

    (void)snprintf(command, sizeof(command), "rm -rf '%s' && mkdir -p '%s'", dir, dir);
    if (system(command) != 0 || open_all(dir, NULL, &o, NULL) < 0)
        return -EIO;
    rc = pfs_catalog_execute(o.catalog, NULL, pfs_str(table_sql), &answer, NULL);
    pfs_buf_done(&answer);
    close_all(&o);
    return rc;
}

/* Are exactly the first `appends` there, each once and whole? */
static bool holds(const char *text, int64_t rows, int appends)
{
    if (rows != 2 * appends)
        return false;
    for (int n = 0; n < appends; n++) {
        char first[64], second[64];

        (void)snprintf(first, sizeof(first), "\n%d,first of %d\n", 2 * n, n);
        (void)snprintf(second, sizeof(second), "\n%d,second of %d\n", 2 * n + 1, n);
        if (strstr(text, first) == NULL || strstr(text, second) == NULL)
            return false;
    }
    return true;
}

static void child(const char *dir, int64_t die_at, int acknowledge)
{
    struct pfs_fault fault = {.die_at = die_at};
    struct opened o = {0};

    if (open_all(dir, &fault, &o, NULL) < 0)
        _exit(3);
    for (int n = 0; n < APPENDS; n++)
        if (append(&o, n, NULL) < 0 || write(acknowledge, "", 1) != 1)
            _exit(4);
    _exit(0);
}

/* One life: 1 = it was killed and all is well, 0 = it survived and all is well, -1 = something is lost or doubled. */
static int killed_at(const char *dir, int64_t die_at)
{
    static char text[1 << 16];
    int ends[2], status, acknowledged = 0;
    int64_t rows;
    char byte;
    pid_t pid;

    if (make_warehouse(dir) < 0 || pipe(ends) < 0)
        return -1;
    pid = fork();
    if (pid == 0)
        child(dir, die_at, ends[1]);
    close(ends[1]);
    while (read(ends[0], &byte, 1) == 1)
        acknowledged++;
    close(ends[0]);
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        return -1;
    rows = reread(dir, text, sizeof(text));
    if (!holds(text, rows, acknowledged) && !(acknowledged < APPENDS && holds(text, rows, acknowledged + 1))) {
        printf("FAIL killed at call %lld - %d appends acknowledged, %lld rows\n", (long long)die_at, acknowledged,
               (long long)rows);
        return -1;
    }
    if (WIFSIGNALED(status))
        return 1;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

/* Every append is repeated until it succeeds; one call of the store fails on the way. 1 = a call failed, 0 = none did.
 */
static int failed_at(const char *dir, int64_t fail_at, bool short_write)
{
    struct pfs_fault fault = {.fail_at = fail_at, .fail_errno = ENOSPC, .short_write = short_write};
    static char text[1 << 16];
    struct opened o = {0};
    int64_t rows;
    int failures = 0;

    if (make_warehouse(dir) < 0 || open_all(dir, &fault, &o, NULL) < 0)
        return -1;
    for (int n = 0; n < 3;) {
        if (append(&o, n, NULL) == 0)
            n++;
        else if (++failures > 3)
            break;
    }
    close_all(&o);
    rows = reread(dir, text, sizeof(text));
    if (!holds(text, rows, 3)) {
        printf("FAIL store call %lld failing - %lld rows\n", (long long)fail_at, (long long)rows);
        return -1;
    }
    return fault.calls >= fail_at;
}

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
static int cut_at(int64_t call)
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
        pfs_catalog_execute(before.catalog, NULL, pfs_str(table_sql), &answer, NULL) < 0)
        return -1;
    fault.fail_at = fault.calls + call;
    while (acknowledged < 5 && append(&before, acknowledged, NULL) == 0)
        acknowledged++;
    pfs_store_memory_power_cut(memory);
    if (open_over(handle_of(memory), NULL, &after, NULL) < 0)
        return -1;
    rows = read_rows(&after, text, sizeof(text));
    well = holds(text, rows, acknowledged) || (acknowledged < 5 && holds(text, rows, acknowledged + 1));
    if (!well)
        printf("FAIL power cut at call %lld - %d appends acknowledged, %lld rows\n", (long long)call, acknowledged,
               (long long)rows);
    close_all(&after);
    close_all(&before);
    pfs_store_close(memory);
    pfs_buf_done(&answer);
    return !well ? -1 : fault.calls >= fault.fail_at;
}

int main(int argc, char **argv)
{
    int64_t step = argc > 2 ? strtoll(argv[2], NULL, 10) : 1;
    int passed = 0, failed = 0, rc = 1;

    if (argc < 2 || step < 1)
        return 2;
    for (int64_t at = 1; rc > 0; at += step) {
        rc = killed_at(argv[1], at);
        passed += rc >= 0;
        failed += rc < 0;
    }
    for (int short_write = 0; short_write < 2; short_write++) {
        rc = 1;
        for (int64_t at = 1; rc > 0; at++) {
            rc = failed_at(argv[1], at, short_write != 0);
            passed += rc >= 0;
            failed += rc < 0;
        }
    }
    rc = 1;
    for (int64_t at = 1; rc > 0; at++) {
        rc = cut_at(at);
        passed += rc >= 0;
        failed += rc < 0;
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0 || passed == 0;
}
