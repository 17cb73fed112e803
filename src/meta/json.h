/* json.h - metadata JSON: parsing with limits, and printing as Paimon's files look. Private to the suite: the library's
 * types stay behind it. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"

struct json_t;

/* NULL with a sentence (-EIO in *rc) when it is no object, nested too deep or has a key twice. */
struct json_t *pfs_json_parse(struct pfs_slice text, struct pfs_err *err);
void pfs_json_free(struct json_t *root); /* NULL allowed */

/* Members of an object. want_*: missing or another type sets *bad to the key (the first one stays). maybe_*: null and
 * absent are the fallback. Strings are copied into the arena; NULL when there is no room (bad is set). */
int64_t pfs_json_want_number(const struct json_t *object, const char *key, const char **bad);
int64_t pfs_json_maybe_number(const struct json_t *object, const char *key, int64_t fallback, const char **bad);
const char *pfs_json_want_text(const struct json_t *object, const char *key, struct pfs_arena *arena, const char **bad);
const char *pfs_json_maybe_text(const struct json_t *object, const char *key, struct pfs_arena *arena,
                                const char **bad);

/* A string literal with its quotes. */
void pfs_json_print_text(struct pfs_buf *out, const char *text);
