/* schema_internal.h - between the files of the room. Private to the suite. */
#pragma once

#include "src/meta/schema_change.h"

/* Fills what follows from columns, keys and options; -EINVAL for malformed options. */
int pfs_schema_derive(struct pfs_schema *schema, struct pfs_arena *arena, struct pfs_err *err);

/* Gives ids to the fields inside of a type that have -1, from *highest on. */
void pfs_schema_number_type(struct pfs_type *type, int32_t *highest);

/* What complete checks beyond keys and engines: retention, names, options that do not go together. */
int pfs_schema_check_rules(const struct pfs_schema *schema, struct pfs_arena *arena, struct pfs_err *err);

/* Do the options that say where reads begin go together? */
int pfs_schema_check_start(const struct pfs_options *options, struct pfs_err *err);

/* May the option be set to that, or be reset, in a table that has snapshots? `old`: before the statement. */
int pfs_schema_option_settable(const struct pfs_options *old, const char *key, const char *value, struct pfs_err *err);
int pfs_schema_option_resettable(const struct pfs_options *old, const char *key, struct pfs_err *err);

/* The options when a column is called `to` and not `from`: where keys and values name it (spec metadata 1.3). */
int pfs_schema_options_rename(const struct pfs_options *o, const char *from, const char *to, struct pfs_arena *arena,
                              struct pfs_options *out, struct pfs_err *err);

/* "<what> [<those columns>] should contains all bucket keys [<bucket-key>].": -EINVAL. key NULL = all columns. */
int pfs_schema_refuse_bucket_keys(const struct pfs_schema *schema, const char *what, const int32_t *key, int32_t count,
                                  struct pfs_err *err);
