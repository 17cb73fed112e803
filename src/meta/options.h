/* options.h - a table's options: the string map of its schema file, and typed reading of it.
 *
 * Values follow spec options 1: booleans in any case, memory sizes with units of 1024, durations with one unit (none =
 * milliseconds), enums in any case. Keys are case sensitive; unknown keys are kept and mean nothing. An absent key
 * gives the fallback; a malformed value is -EINVAL with a sentence that names key and value. Threads: immutable after
 * construction.
 */
#pragma once

#include "base/arena.h"

struct pfs_option {
    const char *key, *value;
    int32_t place; /* in the schema file; where it is not from one, any */
};

struct pfs_options {
    int32_t count;
    struct pfs_option *item; /* sorted by key, keys distinct */
};

/* NULL when absent. */
const char *pfs_options_get(const struct pfs_options *o, const char *key);

int pfs_options_bool(const struct pfs_options *o, const char *key, bool fallback, bool *out, struct pfs_err *err);
int pfs_options_int(const struct pfs_options *o, const char *key, int64_t fallback, int64_t *out, struct pfs_err *err);
int pfs_options_bytes(const struct pfs_options *o, const char *key, int64_t fallback, int64_t *out,
                      struct pfs_err *err);
int pfs_options_millis(const struct pfs_options *o, const char *key, int64_t fallback, int64_t *out,
                       struct pfs_err *err);
/* A part of a whole, 0 to 1. */
int pfs_options_share(const struct pfs_options *o, const char *key, double fallback, double *out, struct pfs_err *err);
/* names: ended by NULL; *out = index of the value in it. */
int pfs_options_enum(const struct pfs_options *o, const char *key, const char *const *names, int fallback, int *out,
                     struct pfs_err *err);

/* Is the value one that Paimon can read for that key (option_check.c)? All of them; -EINVAL. For those who write
 * options: tables of others may have what nobody can read, and nobody has needed yet. */
int pfs_option_check(const char *key, const char *value, struct pfs_err *err);
int pfs_options_check(const struct pfs_options *o, struct pfs_err *err);
/* The option behind that one (-1: the first one) in the order in which Paimon lists them, that of a Java HashMap; -1 =
 * there is none. */
int32_t pfs_options_next(const struct pfs_options *o, int32_t at);

/* A copy with one key set (value NULL: removed). */
int pfs_options_with(const struct pfs_options *o, const char *key, const char *value, struct pfs_arena *arena,
                     struct pfs_options *out, struct pfs_err *err);

/* Splits a comma separated list, blanks around the items cut; *out has *count NUL-terminated strings in the arena. */
int pfs_options_list(const char *text, struct pfs_arena *arena, const char ***out, int32_t *count, struct pfs_err *err);
