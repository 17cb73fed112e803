/* outside.c - the directories of data-file.external-paths, and whose turn it is.
 *
 * Paimon keeps the turn in each writer, from a random place on; so do we. Weights are drawn by lot. The scattered names
 * (entropy-inject) are for object stores that spread load by the beginning of a name: 20 bits of the name's hash, in
 * binary, as directories.
 */
#include "src/file/outside.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/hash.h"
#include "base/number.h"
#include "base/uuid.h"

#define KEY "data-file.external-paths"
#define SCATTER_BITS 20 /* of the hash: three directories of four and one of the rest */
#define SCATTER_DIRECTORIES 3
#define SCATTER_DIGITS 4

enum strategy { NONE, SPECIFIC_FS, ROUND_ROBIN, ENTROPY_INJECT, WEIGHT_ROBIN };

static const char *const strategies[] = {"none", "specific-fs", "round-robin", "entropy-inject", "weight-robin", NULL};

/* The next of a list with commas, trimmed. */
static bool next_item(struct pfs_slice *rest, struct pfs_slice *out)
{
    const uint8_t *comma;

    if (rest->at == NULL)
        return false;
    comma = memchr(rest->at, ',', rest->len);
    *out = pfs_slice_of(rest->at, comma == NULL ? rest->len : (size_t)(comma - rest->at));
    *rest = comma == NULL ? pfs_slice_of(NULL, 0) : pfs_slice_of(comma + 1, rest->len - out->len - 1);
    while (out->len > 0 && out->at[0] == ' ')
        *out = pfs_slice_of(out->at + 1, out->len - 1);
    while (out->len > 0 && out->at[out->len - 1] == ' ')
        out->len--;
    return true;
}

/* 0: the path begins without one, as in /x:y. */
static size_t scheme_len(struct pfs_slice uri)
{
    const uint8_t *colon = memchr(uri.at, ':', uri.len);
    const uint8_t *slash = memchr(uri.at, '/', uri.len);

    return colon == NULL || (slash != NULL && slash < colon) ? 0 : (size_t)(colon - uri.at);
}

/* file:///x/y/ is file:/x/y. */
static int add_path(struct pfs_outside *o, struct pfs_slice uri, struct pfs_arena *arena, struct pfs_err *err)
{
    const char *text = pfs_arena_string(arena, uri), *local;
    size_t len;

    if (text == NULL)
        return pfs_arena_full(arena, err);
    local = pfs_external_local(text);
    if (local == NULL)
        return pfs_fail(err, EOPNOTSUPP, KEY ": %s is on something that is no directory here", text);
    for (len = strlen(local); len > 1 && local[len - 1] == '/';)
        len--;
    o->path[o->paths] = pfs_arena_printf(arena, "file:%.*s", (int)len, local);
    return o->path[o->paths++] == NULL ? pfs_arena_full(arena, err) : 0;
}

/* Paths of other schemes are skipped under specific-fs, and refused otherwise: files there could not be written. */
static int read_paths(struct pfs_outside *o, const char *list, const char *only, struct pfs_arena *arena,
                      struct pfs_err *err)
{
    struct pfs_slice rest = pfs_str(list), uri;
    size_t most = 1;

    for (const char *p = list; *p != '\0'; p++)
        most += *p == ',';
    o->path = pfs_arena_array(arena, most, sizeof(*o->path));
    if (o->path == NULL)
        return pfs_arena_full(arena, err);
    while (next_item(&rest, &uri)) {
        size_t scheme = scheme_len(uri);

        if (scheme == 0)
            return pfs_fail(err, EINVAL, KEY ": \"%.*s\" names no scheme, as file:/x does", PFS_P(uri));
        if (only != NULL && (strlen(only) != scheme || strncasecmp(only, (const char *)uri.at, scheme) != 0))
            continue;
        PFS_TRY(add_path(o, uri, arena, err));
    }
    assert((size_t)o->paths <= most);
    assert(o->paths > 0 || only != NULL); /* each item of a list without a filter is a path, or refused */
    return o->paths > 0 ? 0 : pfs_fail(err, EINVAL, KEY " = %s has no path of " KEY ".specific-fs = %s", list, only);
}

static int read_weights(struct pfs_outside *o, const char *list, struct pfs_arena *arena, struct pfs_err *err)
{
    struct pfs_slice rest = pfs_str(list), item;
    int64_t *weight = pfs_arena_array(arena, (size_t)o->paths, sizeof(*weight));
    int32_t count = 0;

    if (weight == NULL)
        return pfs_arena_full(arena, err);
    for (; next_item(&rest, &item); count++) {
        int64_t value;

        if (pfs_i64_parse(item, &value) < 0 || value < 1 || value > INT32_MAX)
            return pfs_fail(err, EINVAL, KEY ".weights: \"%.*s\" is no positive number", PFS_P(item));
        if (count < o->paths)
            weight[count] = value;
        o->weights += value;
    }
    if (count != o->paths)
        return pfs_fail(err, EINVAL, KEY ".weights = %s: %d weights for %d paths", list, count, o->paths);
    o->weight = weight;
    return 0;
}

static uint32_t any_number(void)
{
    char text[PFS_UUID_TEXT];

    pfs_uuid_make(text);
    return (uint32_t)pfs_hash64(text, sizeof(text), 0);
}

int pfs_outside_read(const struct pfs_schema *schema, struct pfs_arena *arena, struct pfs_outside *out,
                     struct pfs_err *err)
{
    const struct pfs_options *options = &schema->options;
    const char *list = pfs_options_get(options, KEY), *weights = pfs_options_get(options, KEY ".weights");
    const char *only = pfs_options_get(options, KEY ".specific-fs");
    int strategy;

    *out = (struct pfs_outside){.turn = any_number()};
    PFS_TRY(pfs_options_enum(options, KEY ".strategy", strategies, NONE, &strategy, err));
    if (list == NULL || list[0] == '\0' || strategy == NONE)
        return 0;
    if (strategy == SPECIFIC_FS && only == NULL)
        return pfs_fail(err, EINVAL, KEY ".strategy = specific-fs asks for " KEY ".specific-fs");
    PFS_TRY(read_paths(out, list, strategy == SPECIFIC_FS ? only : NULL, arena, err));
    out->scattered = strategy == ENTROPY_INJECT;
    if (strategy == WEIGHT_ROBIN && weights != NULL && out->paths > 1)
        return read_weights(out, weights, arena, err);
    return 0;
}

int pfs_outside_check(const struct pfs_outside *outside, const struct pfs_external *external, struct pfs_err *err)
{
    char uri[PATH_MAX];

    for (int32_t i = 0; i < outside->paths; i++) {
        struct pfs_store *store;
        const char *path;

        if (snprintf(uri, sizeof(uri), "%s/x", outside->path[i]) >= (int)sizeof(uri))
            return pfs_fail(err, ENAMETOOLONG, KEY ": %s is too long", outside->path[i]);
        if (pfs_external_find(external, uri, &store, &path, NULL) < 0)
            return pfs_fail(err, EOPNOTSUPP,
                            KEY ": new files are to lie in %s, which is not allowed: mount with -o external-paths=%s",
                            outside->path[i], outside->path[i] + strlen("file:"));
    }
    return 0;
}

static int32_t choose(struct pfs_outside *o)
{
    int64_t at;

    assert(o->paths > 0);
    assert(o->weight == NULL || o->weights >= o->paths); /* none is below 1 */
    if (o->weight == NULL)
        return (int32_t)(++o->turn % (uint32_t)o->paths);
    at = (int64_t)(any_number() % (uint64_t)o->weights);
    for (int32_t i = 0; i < o->paths; i++) {
        if (at < o->weight[i])
            return i;
        at -= o->weight[i];
    }
    return 0;
}

/* Murmur3 x86 32 of a text, seed 0. */
static uint32_t hash_text(const char *text)
{
    size_t len = strlen(text), at = 0;
    uint32_t h = 0, last = 0;

    for (; at + 4 <= len; at += 4)
        h = pfs_murmur_mix(h, pfs_le32((const uint8_t *)text + at));
    for (size_t i = len; i > at; i--)
        last = last << 8 | (uint8_t)text[i - 1];
    last *= 0xcc9e2d51u;
    last = (last << 15 | last >> 17) * 0x1b873593u;
    return pfs_murmur_end(h ^ last, (uint32_t)len);
}

/* "0110/0011/1010/01010101/" */
static void scatter(const char *name, char out[SCATTER_BITS + SCATTER_DIRECTORIES + 2])
{
    uint32_t hash = hash_text(name);
    size_t len = 0;

    for (int i = 0; i < SCATTER_BITS; i++) {
        if (i > 0 && i % SCATTER_DIGITS == 0 && i <= SCATTER_DIRECTORIES * SCATTER_DIGITS)
            out[len++] = '/';
        out[len++] = (hash >> (SCATTER_BITS - 1 - i) & 1) != 0 ? '1' : '0';
    }
    out[len++] = '/';
    assert(len < SCATTER_BITS + SCATTER_DIRECTORIES + 2);
    out[len] = '\0';
}

int pfs_outside_next(struct pfs_outside *outside, const char *bucket, const char *name, struct pfs_arena *arena,
                     const char **out, struct pfs_err *err)
{
    char directories[SCATTER_BITS + SCATTER_DIRECTORIES + 2] = "";

    assert(bucket[0] != '/'); /* below the table */
    if (outside->scattered)
        scatter(name, directories);
    *out = pfs_arena_printf(arena, "%s/%s/%s%s", outside->path[choose(outside)], bucket, directories, name);
    return *out == NULL ? pfs_arena_full(arena, err) : 0;
}
