/* model.h - merging as naively as possible: random records, sorted by key and number, folded one after the other.
 *
 * A key is a number below MODEL_KEYS; its shape says as which columns it is written, in the same order. Beside the key
 * a record has two INT columns a and b, either of which may be NULL.
 */
#pragma once

#include <stdio.h>

#include "tests/unit/merge/rows.h"

#define MODEL_KEYS 3000
#define MODEL_RECORDS 8000
#define MODEL_NULL INT32_MIN
#define MODEL_TEXT 96

struct model_shape {
    const char *what, *columns;
    int32_t keys;
};

static const struct model_shape model_shapes[] = {
    {"BIGINT", "k BIGINT; a INT; b INT", 1},
    {"INT", "k INT; a INT; b INT", 1},
    {"STRING of one beginning", "k STRING; a INT; b INT", 1},
    {"INT and STRING", "k INT; l STRING; a INT; b INT", 2},
    {"STRING and SMALLINT", "k STRING; l SMALLINT; a INT; b INT", 2},
};

struct model_engine {
    const char *what, *options;
    bool deletes; /* records of every kind are accepted */
};

enum { MODEL_DEDUPLICATE, MODEL_FIRST_ROW, MODEL_PARTIAL, MODEL_AGGREGATION };

static const struct model_engine model_engines[] = {
    {"deduplicate", "merge-engine=deduplicate", true},
    {"first-row", "merge-engine=first-row", false},
    {"partial-update", "merge-engine=partial-update", false},
    {"aggregation",
     "merge-engine=aggregation; fields.a.aggregate-function=sum; fields.b.aggregate-function=max; "
     "fields.b.ignore-retract=true",
     true},
};

struct model_record {
    int32_t key;
    int64_t number;
    int8_t kind;
    int32_t a, b; /* MODEL_NULL: NULL */
};

static inline uint32_t model_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

static inline struct model_record model_make(uint64_t *state, const struct model_engine *engine, int32_t key,
                                             int64_t number)
{
    struct model_record r = {.key = key, .number = number};
    uint32_t bits = model_random(state);

    r.kind = (int8_t)(engine->deletes ? bits & 3 : bits & 2);
    r.a = (bits >> 2) % 4 == 0 ? MODEL_NULL : (int32_t)(model_random(state) % 1000) - 500;
    r.b = (bits >> 4) % 4 == 0 ? MODEL_NULL : (int32_t)(model_random(state) % 1000) - 500;
    return r;
}

static inline int model_compare(const void *left, const void *right)
{
    const struct model_record *a = left, *b = right;

    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    return a->number < b->number ? -1 : a->number > b->number;
}

static inline int32_t model_sum(int32_t acc, int32_t in, int sign)
{
    if (in == MODEL_NULL)
        return acc;
    return (acc == MODEL_NULL ? 0 : acc) + sign * in;
}

/* The records of one key, oldest first. */
static inline struct model_record model_fold(int engine, const struct model_record *r, int count)
{
    struct model_record out = {.key = r->key, .number = r[count - 1].number, .a = MODEL_NULL, .b = MODEL_NULL};

    if (count == 1 || engine == MODEL_FIRST_ROW)
        return r[0];
    if (engine == MODEL_DEDUPLICATE)
        return r[count - 1];
    for (int i = 0; i < count; i++) {
        bool retract = (r[i].kind & 1) != 0;

        if (engine == MODEL_PARTIAL) {
            out.a = r[i].a != MODEL_NULL ? r[i].a : out.a;
            out.b = r[i].b != MODEL_NULL ? r[i].b : out.b;
            continue;
        }
        out.a = model_sum(out.a, r[i].a, retract ? -1 : 1);
        if (!retract && r[i].b != MODEL_NULL && (out.b == MODEL_NULL || r[i].b > out.b))
            out.b = r[i].b;
    }
    return out;
}

/* Sorts the records and folds each key; returns how many rows are left, in key order. */
static inline int32_t model_merge(int engine, struct model_record *r, int32_t count, struct model_record *out)
{
    int32_t rows = 0;

    qsort(r, (size_t)count, sizeof(*r), model_compare);
    for (int32_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && r[end].key == r[i].key; end++)
            ;
        out[rows++] = model_fold(engine, r + i, end - i);
    }
    return rows;
}

static inline void model_value(int32_t v, char text[static 16])
{
    if (v == MODEL_NULL)
        snprintf(text, 16, "null");
    else
        snprintf(text, 16, "%d", v);
}

static inline void model_print(const struct model_record *r, const struct model_shape *shape, char *out)
{
    static const char *const kinds[] = {"+I", "-U", "+U", "-D"};
    char key[40], a[16], b[16];

    model_value(r->a, a);
    model_value(r->b, b);
    if (shape == &model_shapes[0])
        snprintf(key, sizeof(key), "%lld", (long long)(r->key - MODEL_KEYS / 2) * 10000000000);
    else if (shape == &model_shapes[1])
        snprintf(key, sizeof(key), "%d", r->key - MODEL_KEYS / 2);
    else if (shape == &model_shapes[2])
        snprintf(key, sizeof(key), "customer%06d", r->key);
    else if (shape == &model_shapes[3])
        snprintf(key, sizeof(key), "%d item%d", r->key / 7 - 100, r->key % 7);
    else
        snprintf(key, sizeof(key), "c%.*s %d", r->key / 100, "##############################", r->key % 100 - 50);
    snprintf(out, MODEL_TEXT, "%s %s %s %s", kinds[r->kind], key, a, b);
}

/* A key-value batch of the records, with their own numbers. */
static inline struct pfs_batch model_batch(const struct rows_table *t, const struct model_shape *shape,
                                           const struct model_record *r, int32_t count)
{
    const char **text = pfs_arena_array(t->arena, (size_t)count + 1, sizeof(*text));
    char *all = pfs_arena_alloc(t->arena, (size_t)count * MODEL_TEXT);
    int64_t *number = pfs_arena_array(t->arena, (size_t)count, sizeof(*number));
    struct pfs_batch batch;

    for (int32_t i = 0; i < count; i++) {
        model_print(&r[i], shape, all + i * MODEL_TEXT);
        text[i] = all + i * MODEL_TEXT;
        number[i] = r[i].number;
    }
    batch = rows_batch(t, text, count, 0);
    batch.column[batch.columns - 2].values = number;
    return batch;
}

static inline void model_expect(const char *what, const struct pfs_batch *got, const struct pfs_batch *want,
                                int64_t from)
{
    if (from + got->rows > want->rows)
        fail_msg("%s: %lld rows where %lld are left", what, (long long)got->rows, (long long)(want->rows - from));
    for (int64_t i = 0; i < got->rows; i++) {
        const int64_t *a = got->column[got->columns - 2].values, *b = want->column[got->columns - 2].values;

        if (!rows_same(got, i, want, from + i) || a[i] != b[from + i])
            fail_msg("%s: row %lld is another", what, (long long)(from + i));
    }
}
