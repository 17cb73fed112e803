/* settings.h - what is written to `options`: lines "key = value". Private to fs/.
 *
 * Appended lines are ALTER TABLE SET, those of one write one change, made before the write is answered; a last line
 * without newline counts when the handle is flushed. A handle that began by truncating replaces: what it holds at its
 * flush are the options, so that those left out are RESET; nothing written is nothing done. Blank lines and those that
 * begin with # are passed over, and options that have their value already are not set again. A change that is refused
 * fails the write or flush with the sentence of ALTER TABLE, and nothing of it is done. Threads: any; one call of a
 * handle at a time. */
#pragma once

#include "fs/place/place.h"
#include "fs/tree/tree.h"
#include "fs/view/request.h"

struct pfs_settings;

int pfs_settings_open(struct pfs_tree *tree, const struct pfs_place *place, bool replaces, struct pfs_settings **out,
                      struct pfs_err *err);
void pfs_settings_close(struct pfs_settings *settings); /* NULL allowed */
void pfs_settings_write(struct pfs_settings *settings, struct pfs_request *request, struct pfs_slice bytes);
void pfs_settings_flush(struct pfs_settings *settings, struct pfs_request *request);
