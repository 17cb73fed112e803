/* specs.h - partitions that a statement names: (k = 'v', ...). Private to src/. */
#pragma once

#include "src/meta/schema.h"
#include "src/table/table.h"

/* The value of a partition column from its text, as a one-row column; the default partition's name and no text mean
 * NULL. -EINVAL with the sentence. */
int pfs_spec_value(const struct pfs_schema *schema, const struct pfs_option *given, struct pfs_arena *arena,
                   int32_t *column, struct pfs_column *value, struct pfs_err *err);
/* What matches one of the specs is to be overwritten. */
int pfs_spec_overwrite(const struct pfs_schema *schema, const struct pfs_options *given, int32_t count,
                       struct pfs_arena *arena, struct pfs_overwrite **out, struct pfs_err *err);
/* "k=v,k2=v2" -> the options that say so. */
int pfs_spec_parse(const char *text, struct pfs_arena *arena, struct pfs_options *out, struct pfs_err *err);
