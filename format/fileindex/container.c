/* container.c - the container of a data file's indexes, and one question put to all indexes of a column.
 *
 *   i64 magic | i32 version (1) | i32 bytes of the head | i32 columns
 *   a column:  name | i32 indexes | each: type | i32 offset (-1: nothing but nulls) | i32 length
 *   i32 bytes to skip, and those | the indexes
 *
 * Names are Java's modified UTF-8 behind a u16 length.
 *
 * What an index answers is combined with "and": each may hold rows too many, none too few. The traps of a question are
 * dealt with here, once for all types: NaN compares as nothing and is asked of no index; zeros of both signs are one
 * number to who asks; of a timestamp finer than microseconds an index knows only those.
 */
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "format/fileindex/index.h"

#define MAGIC 0x00054e4ed01a35aeull
#define CONTAINER_BYTES_MAX ((size_t)64 << 20) /* arena of the names */

typedef int ask_fn(const struct pfs_probe *probe, struct pfs_index_rows *out, struct pfs_err *err);

static const struct {
    const char *name;
    ask_fn *ask;
} types[] = {
    {"bloom-filter", pfs_bloom_ask},
    {"bitmap", pfs_bitmap_index_ask},
    {"bsi", pfs_bsi_ask},
    {"range-bitmap", pfs_range_ask},
};

struct entry {
    struct pfs_slice column;
    ask_fn *ask; /* NULL = of an unknown type */
    bool empty;  /* nothing but nulls */
    struct pfs_slice bytes;
    struct entry *next;
};

struct pfs_fileindex {
    struct pfs_arena arena;
    struct entry *first;
};

/* ---- parsing ---- */

/* The ten bits that one half of a pair adds. */
static uint32_t surrogate(const uint8_t *at)
{
    return (uint32_t)(at[1] & 0x0f) << 6 | (at[2] & 0x3f);
}

/* Modified UTF-8 to UTF-8: zero in two bytes, and pairs of surrogates of three bytes each; the rest is the same. */
static size_t to_utf8(struct pfs_slice in, uint8_t *out)
{
    size_t n = 0;

    for (size_t i = 0; i < in.len; i++) {
        const uint8_t *at = in.at + i;
        size_t left = in.len - i;

        if (left >= 6 && at[0] == 0xed && at[1] >> 4 == 0xa && at[3] == 0xed && at[4] >> 4 == 0xb) {
            uint32_t code = 0x10000 + (surrogate(at) << 10 | surrogate(at + 3));

            out[n++] = (uint8_t)(0xf0 | code >> 18);
            out[n++] = (uint8_t)(0x80 | (code >> 12 & 0x3f));
            out[n++] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
            out[n++] = (uint8_t)(0x80 | (code & 0x3f));
            i += 5;
        } else if (left >= 2 && at[0] == 0xc0 && at[1] == 0x80) {
            out[n++] = 0;
            i++;
        } else {
            out[n++] = at[0];
        }
    }
    assert(n <= in.len); /* UTF-8 is never the longer one */
    return n;
}

static struct pfs_slice take_name(struct pfs_cursor *c)
{
    struct pfs_slice name = {NULL, 0};
    uint32_t len = (uint32_t)pfs_take_u8(c) << 8;

    (void)pfs_take(c, len | pfs_take_u8(c), &name);
    return name;
}

/* A type that is not known is noted all the same: that the column has nothing but nulls can be told of any index. */
static int take_index(struct pfs_cursor *c, struct pfs_slice column, struct pfs_fileindex *index, struct pfs_err *err)
{
    struct pfs_slice type = take_name(c);
    int32_t off = (int32_t)pfs_take_be32(c);
    uint32_t len = pfs_take_be32(c);
    struct entry *e = pfs_arena_zalloc(&index->arena, sizeof(*e));

    if (e == NULL)
        return pfs_arena_full(&index->arena, err);
    if (c->bad)
        return pfs_index_damaged(err, "its list is cut off");
    *e = (struct entry){.column = column, .empty = off == -1, .next = index->first};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (pfs_slice_eq(type, pfs_str(types[i].name)))
            e->ask = types[i].ask;
    if (!e->empty) {
        if (off < 0 || (size_t)off > c->in.len || len > c->in.len - (size_t)off)
            return pfs_index_damaged(err, "an index lies outside the file");
        e->bytes = pfs_slice_of(c->in.at + off, len);
    }
    index->first = e;
    return 0;
}

static int parse(struct pfs_slice container, struct pfs_fileindex *index, struct pfs_err *err)
{
    struct pfs_cursor c = pfs_cursor_of(container);
    uint64_t magic = pfs_take_be64(&c);
    uint32_t version = pfs_take_be32(&c), columns;

    if (c.bad || magic != MAGIC)
        return pfs_index_damaged(err, "it does not begin as one");
    if (version != 1)
        return 0; /* says nothing that we understand */
    (void)pfs_take_be32(&c);
    columns = pfs_take_be32(&c);
    for (uint32_t i = 0; i < columns; i++) {
        struct pfs_slice raw = take_name(&c), name;
        uint32_t indexes = pfs_take_be32(&c);
        uint8_t *text = pfs_arena_alloc(&index->arena, raw.len);

        if (text == NULL)
            return pfs_arena_full(&index->arena, err);
        if (c.bad)
            return pfs_index_damaged(err, "its list is cut off");
        name = pfs_slice_of(text, to_utf8(raw, text));
        for (uint32_t k = 0; k < indexes; k++)
            PFS_TRY(take_index(&c, name, index, err));
    }
    return c.bad ? pfs_index_damaged(err, "its list is cut off") : 0;
}

int pfs_fileindex_parse(struct pfs_slice container, struct pfs_fileindex **out, struct pfs_err *err)
{
    struct pfs_fileindex *index = pfs_zalloc(sizeof(*index));
    int rc;

    assert(container.at != NULL || container.len == 0);
    if (index == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a file index");
    pfs_arena_init(&index->arena, CONTAINER_BYTES_MAX);
    rc = parse(container, index, err);
    if (rc < 0)
        pfs_fileindex_close(index);
    else
        *out = index;
    return rc;
}

void pfs_fileindex_close(struct pfs_fileindex *index)
{
    if (index == NULL)
        return;
    pfs_arena_done(&index->arena);
    pfs_free(index);
}

/* ---- asking ---- */

void pfs_index_rows_done(struct pfs_index_rows *rows)
{
    pfs_bitmap_free(rows->some);
    rows->some = NULL;
}

int pfs_index_rows_and(struct pfs_index_rows *a, struct pfs_index_rows *b, struct pfs_err *err)
{
    int rc = 0;

    assert((a->answer == PFS_INDEX_SOME) == (a->some != NULL));
    assert((b->answer == PFS_INDEX_SOME) == (b->some != NULL));
    if (a->answer == PFS_INDEX_ALL || b->answer == PFS_INDEX_NONE) {
        struct pfs_index_rows was = *a;

        *a = *b;
        *b = was;
    } else if (a->answer == PFS_INDEX_SOME && b->answer == PFS_INDEX_SOME) {
        rc = pfs_bitmap_and(a->some, b->some, err);
    }
    pfs_index_rows_done(b);
    return rc;
}

/* As with "and": where one answer decides alone it takes the other's place, and what it pushed out is freed. */
int pfs_index_rows_or(struct pfs_index_rows *a, struct pfs_index_rows *b, struct pfs_err *err)
{
    int rc = 0;

    assert((a->answer == PFS_INDEX_SOME) == (a->some != NULL));
    assert((b->answer == PFS_INDEX_SOME) == (b->some != NULL));
    if (a->answer == PFS_INDEX_NONE || b->answer == PFS_INDEX_ALL) {
        struct pfs_index_rows was = *a;

        *a = *b;
        *b = was;
    } else if (a->answer == PFS_INDEX_SOME && b->answer == PFS_INDEX_SOME) {
        rc = pfs_bitmap_or(a->some, b->some, err);
    }
    pfs_index_rows_done(b);
    return rc;
}

/* Nulls compare as nothing: of a column without values no row matches, but that it is null. */
static int ask_one(const struct entry *e, const struct pfs_probe *probe, struct pfs_index_rows *out,
                   struct pfs_err *err)
{
    struct pfs_probe with = *probe;

    *out = (struct pfs_index_rows){PFS_INDEX_ALL, NULL};
    if (e->empty) {
        out->answer = probe->how == PFS_IS_NULL ? PFS_INDEX_ALL : PFS_INDEX_NONE;
        return 0;
    }
    with.index = e->bytes;
    return e->ask == NULL ? 0 : e->ask(&with, out, err);
}

/* All indexes of the column, asked the same. */
static int ask_all(const struct pfs_fileindex *index, struct pfs_slice column, const struct pfs_probe *probe,
                   struct pfs_index_rows *out, struct pfs_err *err)
{
    int rc = 0;

    *out = (struct pfs_index_rows){PFS_INDEX_ALL, NULL};
    for (const struct entry *e = index->first; e != NULL && rc == 0; e = e->next) {
        struct pfs_index_rows one;

        if (!pfs_slice_eq(e->column, column))
            continue;
        rc = ask_one(e, probe, &one, err);
        if (rc == 0)
            rc = pfs_index_rows_and(out, &one, err);
    }
    if (rc < 0)
        pfs_index_rows_done(out);
    return rc;
}

/* The key of a zero: -0.0 stands one below 0.0. */
static bool is_zero(const struct pfs_probe *probe)
{
    return probe->form.floating && (probe->key.number == 0 || probe->key.number == -1);
}

static bool is_nan(const struct pfs_probe *probe)
{
    int64_t number = probe->key.number, infinity = probe->form.width == 4 ? 0x7f800000 : 0x7ff0000000000000;

    return probe->form.floating && (number > infinity || number < -infinity - 1);
}

/* 0.0 and -0.0 are one number to who asks and two keys to an index. */
static int ask_zero(const struct pfs_fileindex *index, struct pfs_slice column, struct pfs_probe *probe,
                    struct pfs_index_rows *out, struct pfs_err *err)
{
    static const double zeros[] = {0.0, -0.0};
    static const float narrow[] = {0.0f, -0.0f};
    struct pfs_column literal[2];
    struct pfs_index_rows other;
    int rc;

    for (int i = 0; i < 2; i++)
        literal[i] = (struct pfs_column){
            .type = probe->type, .values = probe->form.width == 4 ? (const void *)&narrow[i] : (const void *)&zeros[i]};
    assert(probe->form.floating);
    assert(probe->how != PFS_NE); /* asks for two keys left out at once: the caller answers it */
    probe->literal = &literal[probe->how == PFS_GE || probe->how == PFS_LT ? 1 : 0];
    probe->key.number = probe->literal == &literal[1] ? -1 : 0;
    PFS_TRY(ask_all(index, column, probe, out, err));
    if (probe->how != PFS_EQ)
        return 0;
    probe->literal = &literal[1];
    probe->key.number = -1;
    rc = ask_all(index, column, probe, &other, err);
    if (rc == 0)
        rc = pfs_index_rows_or(out, &other, err);
    if (rc < 0)
        pfs_index_rows_done(out);
    return rc;
}

/* An index keeps microseconds of what has nanoseconds: rows of the literal's microsecond may stand on either side. */
static enum pfs_compare blunt(enum pfs_compare how)
{
    return how == PFS_LT ? PFS_LE : how == PFS_GT ? PFS_GE : how == PFS_NE ? PFS_IS_NOT_NULL : how;
}

static int ask(const struct pfs_fileindex *index, struct pfs_slice column, struct pfs_probe *probe,
               struct pfs_index_rows *out, struct pfs_err *err)
{
    bool literal = probe->how != PFS_IS_NULL && probe->how != PFS_IS_NOT_NULL;
    enum pfs_kind kind = probe->type->kind;
    bool bytes = kind == PFS_BINARY || kind == PFS_VARBINARY;

    *out = (struct pfs_index_rows){PFS_INDEX_ALL, NULL};
    if (!pfs_key_form_of(probe->type, &probe->form) && !(bytes && probe->how == PFS_EQ))
        return 0;
    if (literal && !bytes)
        probe->key = pfs_key_of(probe->literal, probe->form);
    if (literal && (is_nan(probe) || (is_zero(probe) && probe->how == PFS_NE)))
        return 0;
    if (literal && is_zero(probe))
        return ask_zero(index, column, probe, out, err);
    if (pfs_type_width(probe->type) == 16 && kind != PFS_DECIMAL)
        probe->how = blunt(probe->how);
    return ask_all(index, column, probe, out, err);
}

int pfs_fileindex_test(const struct pfs_fileindex *index, const char *column, const struct pfs_type *type,
                       enum pfs_compare how, const struct pfs_column *literal, int64_t rows,
                       enum pfs_index_answer *answer, struct pfs_bitmap **some, struct pfs_err *err)
{
    struct pfs_probe probe = {.type = type, .how = how, .literal = literal, .rows = rows};
    struct pfs_index_rows got;
    uint64_t beyond, count;

    assert(rows >= 0);
    assert(literal != NULL || how == PFS_IS_NULL || how == PFS_IS_NOT_NULL);
    PFS_TRY(ask(index, pfs_str(column), &probe, &got, err));
    if (got.answer != PFS_INDEX_SOME) {
        *answer = got.answer;
        return 0;
    }
    count = pfs_bitmap_count(got.some);
    if (pfs_bitmap_values(got.some, (uint64_t)rows, UINT64_MAX, &beyond, 1) > 0) {
        pfs_index_rows_done(&got);
        return pfs_index_damaged(err, "it has rows that the file has not");
    }
    if (count == 0 || count == (uint64_t)rows) {
        pfs_index_rows_done(&got);
        *answer = count == 0 ? PFS_INDEX_NONE : PFS_INDEX_ALL;
        return 0;
    }
    *answer = PFS_INDEX_SOME;
    *some = got.some;
    return 0;
}
