/* render.h - the text of a table's rows: what the views in snapshot/ are made of. Private to fs/. */
#pragma once

#include "base/pool.h"
#include "fs/place.h"
#include "fs/view.h"

/* The source of a view: rows of `state` (a reference is taken) as the place says. release frees it. -EINVAL: a column
 * or partition value that is none. */
int pfs_render_table(struct pfs_state *state, const struct pfs_place *place, struct pfs_pool *pool,
                     struct pfs_view_source *out, struct pfs_err *err);
