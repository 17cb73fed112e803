/* numbers.c - what the files of a state say of the buckets that a write is about.
 *
 * A few questions are answered by a look through all files: a commit of one row to a table of many files makes nothing
 * that lasts. Whoever asks more gets a table, made in one pass, of the partitions that the write has met by then; it is
 * made anew for another state, and when partitions came since. */
#include <assert.h>

#include "src/write/internal.h"

#define ASKED_FEW 16
#define ANY_BUCKET INT32_MIN /* of a partition: the number of buckets that is not the schema's */

void pfs_numbers_done(struct pfs_numbers *numbers)
{
    pfs_places_done(&numbers->next);
    pfs_state_unref(numbers->state);
    *numbers = (struct pfs_numbers){0};
}

static bool is_other(const struct pfs_write *w, const struct pfs_manifest_entry *e)
{
    return e->total_buckets > 0 && e->total_buckets != w->config.schema->buckets;
}

/* One file into the table. */
static int note(struct pfs_write *w, const struct pfs_manifest_entry *e, struct pfs_err *err)
{
    int32_t partition = pfs_partitions_find(&w->partitions, e->partition);
    int64_t *value;

    if (partition < 0)
        return 0;
    PFS_TRY(pfs_places_at(&w->numbers.next, partition, e->bucket, &value, err));
    if (*value == PFS_PLACE_FREE)
        *value = 0;
    if (e->file.max_sequence >= *value)
        *value = e->file.max_sequence + 1;
    if (!is_other(w, e))
        return 0;
    PFS_TRY(pfs_places_at(&w->numbers.next, partition, ANY_BUCKET, &value, err));
    if (*value == PFS_PLACE_FREE)
        *value = e->total_buckets;
    return 0;
}

/* *known: there is a table for the state. Else the question is one of a few. */
static int prepare(struct pfs_write *w, struct pfs_state *state, bool *known, struct pfs_err *err)
{
    struct pfs_numbers *n = &w->numbers;

    if (n->state != state) {
        pfs_numbers_done(n);
        n->state = pfs_state_ref(state);
    }
    *known = n->asked >= ASKED_FEW;
    n->asked += !*known;
    if (!*known || n->partitions == w->partitions.count)
        return 0;
    assert(n->partitions < w->partitions.count);
    pfs_places_done(&n->next);
    n->partitions = 0;
    for (int64_t i = 0; i < state->files; i++)
        PFS_TRY(note(w, state->file[i], err));
    n->partitions = w->partitions.count;
    return 0;
}

static int64_t look(const struct pfs_write *w, const struct pfs_state *state, int32_t partition, int32_t bucket)
{
    struct pfs_slice bytes = w->partitions.bytes[partition];
    int64_t next = 0;

    for (int64_t i = 0; i < state->files; i++) {
        const struct pfs_manifest_entry *e = state->file[i];

        if (e->bucket == bucket && e->file.max_sequence >= next && pfs_slice_eq(e->partition, bytes))
            next = e->file.max_sequence + 1;
    }
    return next;
}

int pfs_numbers_next(struct pfs_write *w, struct pfs_state *state, int32_t partition, int32_t bucket, int64_t *out,
                     struct pfs_err *err)
{
    bool known;

    assert(partition >= 0);
    assert(partition < w->partitions.count);
    *out = 0;
    if (w->config.overwrite || (state->schema->primary_keys == 0 && state->schema->buckets < 0))
        return 0;
    PFS_TRY(prepare(w, state, &known, err));
    *out = known ? pfs_places_find(&w->numbers.next, partition, bucket) : look(w, state, partition, bucket);
    *out = *out == PFS_PLACE_FREE ? 0 : *out;
    assert(*out >= 0);
    return 0;
}

int pfs_numbers_buckets(struct pfs_write *w, struct pfs_state *state, int32_t partition, int32_t *out,
                        struct pfs_err *err)
{
    struct pfs_slice bytes;
    int64_t found;
    bool known;

    assert(partition >= 0);
    assert(partition < w->partitions.count);
    *out = 0;
    PFS_TRY(prepare(w, state, &known, err));
    if (known) {
        found = pfs_places_find(&w->numbers.next, partition, ANY_BUCKET);
        *out = found == PFS_PLACE_FREE ? 0 : (int32_t)found;
        return 0;
    }
    bytes = w->partitions.bytes[partition];
    for (int64_t i = 0; i < state->files && *out == 0; i++)
        if (is_other(w, state->file[i]) && pfs_slice_eq(state->file[i]->partition, bytes))
            *out = state->file[i]->total_buckets;
    return 0;
}
