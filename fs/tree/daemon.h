/* daemon.h - what .paimonfs/ tells of this process: counters, the newest log lines, its options. Private to fs/.
 *
 * Counting costs one atomic addition. The log is kept in memory, the newest 64 to 128 KiB of it, whole lines.
 * Threads: any.
 */
#pragma once

#include "base/buf.h"
#include "base/clock.h"

/* operations of the mount, as their requests are called */
#define PFS_OPERATIONS(X) \
    X(lookup)             \
    X(getattr)            \
    X(setattr)            \
    X(opendir)            \
    X(open)               \
    X(create)             \
    X(read)               \
    X(write)              \
    X(flush)              \
    X(release)            \
    X(mkdir)              \
    X(rmdir)              \
    X(unlink)             \
    X(rename)             \
    X(other)

struct pfs_daemon;
struct pfs_caretaker;

struct pfs_daemon_config {
    const struct pfs_clock *clock;
    const char *options; /* "key = value" lines; NULL = none; copied */
    bool read_only;
};

int pfs_daemon_open(const struct pfs_daemon_config *config, struct pfs_daemon **out, struct pfs_err *err);
void pfs_daemon_close(struct pfs_daemon *daemon); /* NULL allowed */

/* A request was answered: result >= 0 (bytes, of read and write) or -errno, with its sentence if there is one. */
void pfs_daemon_count(struct pfs_daemon *daemon, const char *operation, int64_t result, const struct pfs_err *err);

/* What others know at the moment. */
struct pfs_daemon_facts {
    int64_t nodes, handles, inboxes, tables;
    struct pfs_caretaker *caretaker; /* NULL = none */
};

/* The names of the files, NULL past the last one; and the text of one: bare -ENOENT. */
const char *pfs_daemon_name(int index);
int pfs_daemon_print(struct pfs_daemon *daemon, const char *name, const struct pfs_daemon_facts *facts,
                     struct pfs_buf *out, struct pfs_err *err);
