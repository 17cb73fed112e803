/* scratch.h - names that a writer makes beside an inbox or `options` for a moment (tmp_inbox, inbox.tmp, .options.swp,
 * and what sed -i and perl -i make): bytes in a file without a name, until a rename onto `inbox` or `overwrite` makes
 * all of them one transaction, or one onto `options` makes them the table's options. Private to fs/.
 *
 * They are not listed, belong to this mount alone and go with it; of more than PFS_SCRATCH_MAX the oldest is forgotten
 * (who has it open keeps its bytes). A rename that is refused, by a row for example, leaves the scratch as it is.
 * Threads: any; what a write and a rename of one scratch do at once is as with any file.
 */
#pragma once

#include "base/slice.h"
#include "fs/tree/tree.h"
#include "fs/view/request.h"

struct pfs_scratch;
struct pfs_place;

#define PFS_SCRATCH_MAX 64

/* Would `name` be a scratch below that place? It has an inbox, or options, and the name has one of their writers' words
 * in it without being a member. */
bool pfs_scratch_fits(const struct pfs_place *parent, const char *name);

/* Makes it (empty, or emptied if it is there) or finds it; the entry's node has a count. find: bare -ENOENT. */
int pfs_scratch_make(struct pfs_tree *tree, const struct pfs_node *parent, const char *name, struct pfs_entry *out,
                     struct pfs_err *err);
int pfs_scratch_find(struct pfs_tree *tree, const struct pfs_node *parent, const char *name, struct pfs_entry *out,
                     struct pfs_err *err);
/* Takes the name away; bare -ENOENT: it is none. */
int pfs_scratch_remove(struct pfs_tree *tree, const struct pfs_node *parent, const char *name);
/* Onto an inbox: its rows, one transaction; onto options: as a handle that began by truncating; onto another fitting
 * name: a new name. -EPERM for others, and where the old name is a member; bare -ENOENT: it is none. Answers the
 * request. */
void pfs_scratch_rename(struct pfs_tree *tree, struct pfs_request *request, const struct pfs_node *parent,
                        const char *name, const struct pfs_node *new_parent, const char *new_name);

void pfs_scratch_unref(struct pfs_scratch *scratch); /* NULL allowed */
uint64_t pfs_scratch_size(struct pfs_scratch *scratch);
int pfs_scratch_truncate(struct pfs_scratch *scratch, uint64_t size, struct pfs_err *err);
int64_t pfs_scratch_read(struct pfs_scratch *scratch, uint64_t off, void *to, size_t len, struct pfs_err *err);
int64_t pfs_scratch_write(struct pfs_scratch *scratch, uint64_t off, struct pfs_slice bytes, struct pfs_err *err);
void pfs_scratches_done(struct pfs_tree *tree);
