/* opened.h - a file of the tree that one command has open, and the request that its calls use one after the other. */
#pragma once

#include "tools/session.h"

struct opened {
    struct session *session;
    struct pfs_waiting waiting;
    struct pfs_entry entry;
    struct pfs_opened file;
};

/* flags: open(2)'s. */
int opened_open(struct session *session, const char *path, int flags, struct opened *out, struct pfs_err *err);
int opened_close(struct opened *opened, struct pfs_err *err);

/* All of it to standard output. Bare -errno. */
int opened_print(const uint8_t *at, size_t len);
