/* distinct.c - the distinct keys of a column: an open hash table of them, a number for each row, and their order.
 *
 *   slot[hash] -> number of a key, linear probing, at most half full
 *   key[number], code[row] = number          until they are sorted: then number = place in the order
 *
 * A column that repeats its values, which is what such indexes are for, costs a look into the table for each row, and
 * numbers that repeat the row before not even that. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/mem.h"
#include "format/fileindex/index.h"

#define TEXTS_BYTES_MAX ((size_t)1 << 30)
#define SLOTS_MIN 256u
#define STEP_ROWS 1024 /* rows whose keys are widened at a time */

void pfs_distinct_init(struct pfs_distinct *d, struct pfs_key_form form)
{
    *d = (struct pfs_distinct){.form = form};
    pfs_arena_init(&d->texts, TEXTS_BYTES_MAX);
}

void pfs_distinct_done(struct pfs_distinct *d)
{
    pfs_arena_done(&d->texts);
    pfs_free(d->key);
    pfs_free(d->slot);
    pfs_free(d->code);
    *d = (struct pfs_distinct){0};
}

static int no_room(struct pfs_err *err)
{
    return pfs_fail(err, ENOMEM, "no memory for a file index");
}

/* ---- the table ---- */

static uint32_t hash_of(const struct pfs_key *key, struct pfs_key_form form)
{
    uint64_t h =
        form.width > 0 ? (uint64_t)key->number * 0x9e3779b97f4a7c15ull : XXH3_64bits(key->text.at, key->text.len);

    return (uint32_t)(h >> 32);
}

static void place(struct pfs_distinct *d, int32_t number)
{
    uint32_t at = hash_of(&d->key[number], d->form) & (d->slots - 1);

    assert((uint32_t)d->keys < d->slots); /* a free slot ends the search */
    while (d->slot[at] >= 0)
        at = (at + 1) & (d->slots - 1);
    d->slot[at] = number;
}

/* Room for one more key at a load of one half. */
static int grow(struct pfs_distinct *d, struct pfs_err *err)
{
    uint32_t slots = d->slots == 0 ? SLOTS_MIN : d->slots * 2;
    int32_t *slot;
    struct pfs_key *key;

    if ((uint32_t)d->keys * 2 < d->slots)
        return 0;
    if (d->slots >= 1u << 31) /* twice as many would be none */
        return pfs_fail(err, E2BIG, "a file index cannot have so many values");
    slot = pfs_realloc(d->slot, (size_t)slots * sizeof(*slot));
    if (slot == NULL)
        return no_room(err);
    d->slot = slot;
    key = pfs_realloc(d->key, (size_t)slots / 2 * sizeof(*key));
    if (key == NULL)
        return no_room(err);
    d->key = key;
    d->slots = slots;
    memset(slot, 0xff, (size_t)slots * sizeof(*slot));
    for (int32_t i = 0; i < d->keys; i++)
        place(d, i);
    return 0;
}

/* The number of a key, a new one if need be. */
static int number_of(struct pfs_distinct *d, const struct pfs_key *key, int32_t *out, struct pfs_err *err)
{
    uint32_t at;

    PFS_TRY(grow(d, err));
    assert((d->slots & (d->slots - 1)) == 0);
    at = hash_of(key, d->form) & (d->slots - 1);
    while (d->slot[at] >= 0) {
        if (pfs_key_compare(&d->key[d->slot[at]], key, d->form) == 0) {
            *out = d->slot[at];
            return 0;
        }
        at = (at + 1) & (d->slots - 1);
    }
    d->key[d->keys] = *key;
    if (d->form.width == 0 && !pfs_arena_copy(&d->texts, key->text, &d->key[d->keys].text))
        return pfs_arena_full(&d->texts, err);
    *out = d->slot[at] = d->keys++;
    return 0;
}

/* ---- adding ---- */

static int more_rows(struct pfs_distinct *d, int64_t rows, struct pfs_err *err)
{
    int64_t room = d->rows_room == 0 ? 4 * STEP_ROWS : d->rows_room;
    int32_t *code;

    while (room - d->rows < rows)
        room *= 2;
    if (room == d->rows_room)
        return 0;
    code = pfs_realloc(d->code, (size_t)room * sizeof(*code));
    if (code == NULL)
        return no_room(err);
    d->code = code;
    d->rows_room = room;
    return 0;
}

/* The key of the row before is remembered: sorted and clustered columns repeat it for long stretches. */
static int add_numbers(struct pfs_distinct *d, const struct pfs_column *column, int64_t rows, struct pfs_err *err)
{
    int64_t *number = pfs_alloc_array((size_t)rows, sizeof(*number));
    int32_t *code = d->code + d->rows;
    struct pfs_key key = {0};
    int32_t last = -1;
    int rc = 0;

    if (number == NULL)
        return no_room(err);
    pfs_key_numbers(column, rows, d->form, number);
    for (int64_t i = 0; i < rows && rc == 0; i++) {
        code[i] = -1;
        if (!pfs_column_present(column, i))
            continue;
        if (last < 0 || number[i] != key.number) {
            key.number = number[i];
            rc = number_of(d, &key, &last, err);
        }
        code[i] = last;
    }
    pfs_free(number);
    return rc;
}

static int add_texts(struct pfs_distinct *d, const struct pfs_column *column, int64_t rows, struct pfs_err *err)
{
    int32_t *code = d->code + d->rows;

    for (int64_t i = 0; i < rows; i++) {
        struct pfs_key key = {0};

        code[i] = -1;
        if (!pfs_column_present(column, i))
            continue;
        key.text = pfs_column_bytes(column, i);
        PFS_TRY(number_of(d, &key, &code[i], err));
    }
    return 0;
}

int pfs_distinct_add(struct pfs_distinct *d, const struct pfs_column *column, int64_t rows, struct pfs_err *err)
{
    assert(rows >= 0);
    if (rows > INT32_MAX - d->rows)
        return pfs_fail(err, E2BIG, "a file index cannot have so many rows");
    PFS_TRY(more_rows(d, rows, err));
    assert(d->rows + rows <= d->rows_room);
    PFS_TRY(d->form.width > 0 ? add_numbers(d, column, rows, err) : add_texts(d, column, rows, err));
    d->rows += rows;
    return 0;
}

/* ---- sorting ---- */

struct ranked {
    struct pfs_key key;
    int32_t number;
};

static int by_number(const void *a, const void *b)
{
    int64_t x = ((const struct ranked *)a)->key.number, y = ((const struct ranked *)b)->key.number;

    return (x > y) - (x < y);
}

static int by_text(const void *a, const void *b)
{
    return pfs_slice_compare(((const struct ranked *)a)->key.text, ((const struct ranked *)b)->key.text);
}

int pfs_distinct_sort(struct pfs_distinct *d, struct pfs_err *err)
{
    struct ranked *ranked;
    int32_t *rank;

    if (d->keys == 0)
        return 0;
    ranked = pfs_alloc_array((size_t)d->keys, sizeof(*ranked));
    rank = pfs_alloc_array((size_t)d->keys, sizeof(*rank));
    if (ranked == NULL || rank == NULL) {
        pfs_free(ranked);
        pfs_free(rank);
        return no_room(err);
    }
    for (int32_t i = 0; i < d->keys; i++)
        ranked[i] = (struct ranked){d->key[i], i};
    qsort(ranked, (size_t)d->keys, sizeof(*ranked), d->form.width > 0 ? by_number : by_text);
    for (int32_t i = 0; i < d->keys; i++) {
        assert(ranked[i].number >= 0 && ranked[i].number < d->keys);
        d->key[i] = ranked[i].key;
        rank[ranked[i].number] = i;
    }
    for (int64_t i = 0; i < d->rows; i++)
        d->code[i] = d->code[i] < 0 ? -1 : rank[d->code[i]];
    pfs_free(ranked);
    pfs_free(rank);
    return 0;
}
