/* listagg.c - texts joined by a delimiter (spec merge-engines 7).
 *
 * All answers are written into one run of bytes; the state of the key at hand is its end, so that joining one more text
 * moves none that are there, and a key of very many records costs no more than its text.
 */
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "src/merge/internal.h"

struct joining {
    const struct pfs_fold *fold;
    struct pfs_buf out; /* answers so far; that of the key at hand begins at `from` */
    struct pfs_buf old; /* the state, while an older record goes before it */
    size_t from;
    bool has;
};

/* Up to the next delimiter, which goes too; *more: there was one, so that another token follows, if only an empty one.
 * An empty delimiter is found nowhere. */
static struct pfs_slice next_token(struct pfs_slice *rest, struct pfs_slice delimiter, bool *more)
{
    const uint8_t *found = delimiter.len == 0 ? NULL : memmem(rest->at, rest->len, delimiter.at, delimiter.len);
    struct pfs_slice token = *rest;

    *more = found != NULL;
    if (found != NULL) {
        token.len = (size_t)(found - rest->at);
        rest->at = found + delimiter.len;
        rest->len -= token.len + delimiter.len;
    }
    return token;
}

static bool has_token(struct pfs_slice text, struct pfs_slice delimiter, struct pfs_slice token)
{
    bool more = true;

    while (more)
        if (pfs_slice_eq(next_token(&text, delimiter, &more), token))
            return true;
    return false;
}

static void put(struct joining *j, struct pfs_slice text)
{
    pfs_buf_put(&j->out, text.at, text.len);
}

static struct pfs_slice state(const struct joining *j)
{
    assert(j->from <= j->out.len);
    return pfs_slice_of(j->out.at + j->from, j->out.len - j->from);
}

/* Each token that is not empty and not among those so far. */
static void put_distinct(struct joining *j, struct pfs_slice text)
{
    struct pfs_slice delimiter = j->fold->use->delimiter;
    bool more = true;

    while (more && !j->out.failed) {
        struct pfs_slice token = next_token(&text, delimiter, &more);

        if (token.len == 0 || has_token(state(j), delimiter, token))
            continue;
        put(j, delimiter);
        put(j, token);
    }
}

/* The state, then the text. An empty side leaves the other as it is. */
static void join(struct joining *j, struct pfs_slice text)
{
    if (!j->has || j->out.len == j->from) {
        put(j, text);
    } else if (j->fold->use->distinct) {
        put_distinct(j, text);
    } else if (text.len > 0) {
        put(j, j->fold->use->delimiter);
        put(j, text);
    }
    j->has = true;
}

static void replace(struct joining *j, struct pfs_slice text, bool has)
{
    assert(j->from <= j->out.len);
    j->out.len = j->from;
    j->has = has;
    if (has)
        put(j, text);
}

/* The text of an older record, then the state. */
static void join_before(struct joining *j, struct pfs_slice text)
{
    bool had = j->has;
    struct pfs_slice old;

    pfs_buf_clear(&j->old);
    pfs_buf_put(&j->old, j->out.at + j->from, j->out.len - j->from);
    j->out.failed |= j->old.failed;
    old = pfs_buf_slice(&j->old);
    replace(j, text, true);
    if (had)
        join(j, old);
}

static void join_key(struct joining *j, int64_t key)
{
    const struct pfs_fold *f = j->fold;

    j->from = j->out.len;
    j->has = false;
    for (int64_t i = f->start[key]; i < f->start[key + 1]; i++) {
        struct pfs_slice text = pfs_column_bytes(&f->in, i);

        if (f->step[i] & PFS_STEP_TAKE)
            replace(j, text, pfs_fold_has(f, i));
        if (!pfs_fold_has(f, i))
            continue;
        if (f->step[i] & PFS_STEP_ADD)
            join(j, text);
        else if (f->step[i] & PFS_STEP_ADD_OLD)
            join_before(j, text);
    }
}

static int join_all(struct joining *j, struct pfs_arena *arena, struct pfs_column *out, struct pfs_err *err)
{
    const struct pfs_fold *f = j->fold;
    int32_t *offsets = pfs_arena_alloc(arena, (size_t)(f->keys + 1) * sizeof(*offsets));
    uint8_t *some = pfs_arena_alloc(arena, (size_t)f->keys);
    struct pfs_slice values;

    if (offsets == NULL || some == NULL)
        return pfs_arena_full(arena, err);
    offsets[0] = 0;
    assert(f->in.offsets != NULL);
    for (int64_t k = 0; k < f->keys && !j->out.failed; k++) {
        join_key(j, k);
        offsets[k + 1] = (int32_t)j->out.len; /* the buffer's ceiling is below */
        some[k] = j->has;
    }
    PFS_TRY(pfs_buf_check(&j->old, err));
    PFS_TRY(pfs_buf_check(&j->out, err));
    if (!pfs_arena_copy(arena, pfs_buf_slice(&j->out), &values))
        return pfs_arena_full(arena, err);
    PFS_TRY(pfs_computed(f, values.at, some, arena, out, err));
    out->offsets = offsets;
    return 0;
}

int pfs_compute_listagg(const struct pfs_fold *f, struct pfs_arena *arena, struct pfs_column *out, struct pfs_err *err)
{
    struct joining j = {.fold = f};
    int rc;

    pfs_buf_init(&j.out, (size_t)1 << 30);
    pfs_buf_init(&j.old, (size_t)1 << 30);
    rc = join_all(&j, arena, out, err);
    pfs_buf_done(&j.out);
    pfs_buf_done(&j.old);
    return rc;
}
