/* bookmark.h - an open consumer file: it is read as the changes since its position, which moves when all were read;
 * written, it takes a position. Private to fs/.
 *
 * The position moves at the flush (close(2) waits for it) that follows a read which gave nothing, unless the reader is
 * dying by a signal, or somebody else moved it meanwhile. Threads: any; nothing here waits.
 */
#pragma once

#include "fs/tree/internal.h"

struct pfs_bookmark;

/* For a node of kind CONSUMER. */
int pfs_bookmark_open(struct pfs_tree *tree, const struct pfs_node *node, struct pfs_bookmark **out,
                      struct pfs_err *err);
void pfs_bookmark_close(struct pfs_bookmark *bookmark); /* NULL allowed */

/* All changes were read. */
void pfs_bookmark_ended(struct pfs_bookmark *bookmark);
/* Answers with the number of bytes; -EINVAL for what is no snapshot id. */
void pfs_bookmark_write(struct pfs_bookmark *bookmark, struct pfs_request *request, uint64_t off,
                        struct pfs_slice bytes);
void pfs_bookmark_flush(struct pfs_bookmark *bookmark, struct pfs_request *request);

/* Makes a consumer (one that is there stays), then looks it up and opens it. `parent` is of kind CONSUMERS. */
void pfs_bookmark_create(struct pfs_tree *tree, struct pfs_request *request, struct pfs_node *parent, const char *name,
                         int flags, struct pfs_entry *entry, struct pfs_opened *out);
int pfs_bookmark_remove(struct pfs_tree *tree, const struct pfs_place *place, struct pfs_err *err);
