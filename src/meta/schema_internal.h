/* schema_internal.h - between the files of the room. Private to the suite. */
#pragma once

#include "src/meta/schema.h"

/* Fills what follows from columns, keys and options; -EINVAL for malformed options. */
int pfs_schema_derive(struct pfs_schema *schema, struct pfs_arena *arena, struct pfs_err *err);
