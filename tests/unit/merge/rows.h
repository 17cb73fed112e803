/* rows.h - tables and key-value rows for tests of merging, from short text.
 *
 * A row is "+I 1 five null": its kind, then a value a column, blanks between; null is NULL, '' the empty string, and _
 * stands for a blank. Columns are "k INT; v STRING"; the first ones make the primary key. Options are "a=b; c=d".
 * Sequence numbers are given by the caller. Everything lives in the arena.
 */
#pragma once

#include "format/text/text.h"
#include "src/merge/merge.h"
#include "tests/unit/format/make.h"

#define ROWS_WORDS_MAX 24

struct rows_table {
    struct pfs_arena *arena;
    struct pfs_schema schema;
    struct pfs_engine *engine;
    int32_t column[ROWS_WORDS_MAX];
    int32_t key[ROWS_WORDS_MAX]; /* places of the trimmed key, for struct pfs_merge */
    struct pfs_err err;
};

/* Splits at the separator, blanks around the items cut. Items are copies. */
static inline int rows_split(struct pfs_arena *arena, const char *text, char separator, const char **item)
{
    int count = 0;

    while (*text != '\0') {
        size_t len = strcspn(text, (char[]){separator, '\0'}), from = strspn(text, " "), to = len;

        while (to > from && text[to - 1] == ' ')
            to--;
        if (to > from) {
            assert_true(count < ROWS_WORDS_MAX);
            item[count++] = pfs_arena_string(arena, pfs_slice_of(text + from, to - from));
        }
        text += len + (text[len] != '\0');
    }
    return count;
}

static inline int rows_compare_options(const void *a, const void *b)
{
    const struct pfs_option *x = a, *y = b;

    return strcmp(x->key, y->key);
}

static inline void rows_options(struct pfs_arena *arena, const char *text, struct pfs_options *out)
{
    const char *item[ROWS_WORDS_MAX];

    out->count = rows_split(arena, text, ';', item);
    out->item = pfs_arena_array(arena, (size_t)out->count + 1, sizeof(*out->item));
    for (int32_t i = 0; i < out->count; i++) {
        char *equal = strchr(item[i], '=');

        assert_non_null(equal);
        *equal = '\0';
        out->item[i] = (struct pfs_option){.key = item[i], .value = equal + 1};
    }
    qsort(out->item, (size_t)out->count, sizeof(*out->item), rows_compare_options);
}

/* The schema alone; 0 or what completing it answered. */
static inline int rows_schema(struct rows_table *t, struct pfs_arena *arena, const char *columns, int32_t keys,
                              const char *options)
{
    const char *item[ROWS_WORDS_MAX];
    struct pfs_schema *s = &t->schema;

    *t = (struct rows_table){.arena = arena};
    s->columns = rows_split(arena, columns, ';', item);
    s->field = pfs_arena_array(arena, (size_t)s->columns, sizeof(*s->field));
    s->primary_key = pfs_arena_array(arena, (size_t)keys, sizeof(*s->primary_key));
    s->primary_keys = keys;
    for (int32_t i = 0; i < s->columns; i++) {
        char *blank = strchr(item[i], ' ');

        assert_non_null(blank);
        *blank = '\0';
        s->field[i] = (struct pfs_field){.id = i, .name = item[i], .type = *make_type(arena, blank + 1)};
        t->column[i] = i;
    }
    for (int32_t i = 0; i < keys; i++)
        s->primary_key[i] = t->key[i] = i;
    rows_options(arena, options, &s->options);
    return pfs_schema_complete(s, arena, &t->err);
}

/* The schema and an engine over all its columns; 0 or the refusal, whose sentence is in t->err. */
static inline int rows_table(struct rows_table *t, struct pfs_arena *arena, const char *columns, int32_t keys,
                             const char *options)
{
    int rc = rows_schema(t, arena, columns, keys, options);

    return rc < 0 ? rc : pfs_engine_open(&t->schema, t->column, t->schema.columns, &t->engine, &t->err);
}

static inline struct pfs_merge rows_merge(const struct rows_table *t)
{
    return (struct pfs_merge){.engine = t->engine, .key = t->key, .keys = t->schema.trimmed_keys};
}

static inline int8_t rows_kind(const char *word)
{
    static const char *const kinds[] = {"+I", "-U", "+U", "-D"};

    for (int8_t i = 0; i < 4; i++)
        if (strcmp(kinds[i], word) == 0)
            return i;
    fail_msg("%s is no row kind", word);
    return 0;
}

static inline const char *rows_value(char *word)
{
    if (strcmp(word, "null") == 0)
        return NULL;
    if (strcmp(word, "''") == 0)
        return "";
    for (char *p = word; *p != '\0'; p++)
        *p = *p == '_' ? ' ' : *p;
    return word;
}

/* A key-value batch of the texts' rows, with sequence numbers number, number + 1, ... */
static inline struct pfs_batch rows_batch(const struct rows_table *t, const char *const *text, int32_t rows,
                                          int64_t number)
{
    int32_t columns = t->schema.columns;
    struct pfs_column *column = pfs_arena_array(t->arena, (size_t)columns + 2, sizeof(*column));
    const char **value = pfs_arena_array(t->arena, (size_t)rows * (size_t)columns + 1, sizeof(*value));
    const char **texts = pfs_arena_array(t->arena, (size_t)rows + 1, sizeof(*texts));
    int64_t *numbers = pfs_arena_array(t->arena, (size_t)rows, sizeof(*numbers));
    int8_t *kinds = pfs_arena_array(t->arena, (size_t)rows, sizeof(*kinds));

    for (int32_t i = 0; i < rows; i++) {
        const char *word[ROWS_WORDS_MAX];

        if (rows_split(t->arena, text[i], ' ', word) != columns + 1)
            fail_msg("\"%s\" is no row of %d columns", text[i], (int)columns);
        kinds[i] = rows_kind(word[0]);
        numbers[i] = number + i;
        for (int32_t c = 0; c < columns; c++)
            value[i * columns + c] = rows_value((char *)(uintptr_t)word[c + 1]);
    }
    for (int32_t c = 0; c < columns; c++) {
        struct pfs_buf type = {0};

        for (int32_t i = 0; i < rows; i++)
            texts[i] = value[i * columns + c];
        pfs_type_print(&t->schema.field[c].type, &type);
        pfs_buf_putc(&type, '\0');
        column[c] = *make_column(t->arena, (const char *)type.at, texts, rows);
        pfs_buf_done(&type);
    }
    column[columns] = (struct pfs_column){.type = make_type(t->arena, "BIGINT"), .values = numbers};
    column[columns + 1] = (struct pfs_column){.type = make_type(t->arena, "TINYINT"), .values = kinds};
    return (struct pfs_batch){rows, columns + 2, column};
}

/* Row i of a and row k of b agree in all columns but the sequence number. */
static inline bool rows_same(const struct pfs_batch *a, int64_t i, const struct pfs_batch *b, int64_t k)
{
    for (int32_t c = 0; c < a->columns; c++)
        if (c != a->columns - 2 && !same_value(&a->column[c], i, &b->column[c], k))
            return false;
    return true;
}

/* ---- a reader over rows in memory ---- */

struct rows_reader {
    struct pfs_reader reader; /* first */
    struct pfs_batch all;
    int64_t at, size; /* rows a batch */
    int fail_after;   /* calls that go well before -EIO; < 0: all do */
    bool closed;
};

/* Copies into the arena, so that rows read after their time has passed are found. */
static inline int64_t rows_reader_next(struct pfs_reader *self, struct pfs_arena *arena, struct pfs_batch *out,
                                       struct pfs_err *err)
{
    struct rows_reader *r = (struct rows_reader *)self;
    const struct pfs_batch *all = &r->all;
    int64_t rows = all->rows - r->at < r->size ? all->rows - r->at : r->size;
    struct pfs_range range = {0, (int32_t)r->at, (int32_t)rows};
    struct pfs_column *column = pfs_arena_array(arena, (size_t)all->columns, sizeof(*column));

    if (r->fail_after >= 0 && r->fail_after-- == 0)
        return pfs_fail(err, EIO, "the disk is gone");
    if (rows == 0)
        return 0;
    if (column == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t c = 0; c < all->columns; c++)
        PFS_TRY(pfs_column_gather(&all, c, &range, 1, rows, arena, &column[c], err));
    r->at += rows;
    *out = (struct pfs_batch){rows, all->columns, column};
    return rows;
}

static inline void rows_reader_close(struct pfs_reader *self)
{
    ((struct rows_reader *)self)->closed = true;
}

static const struct pfs_reader_ops rows_reader_ops = {rows_reader_next, rows_reader_close};

static inline void rows_reader_init(struct rows_reader *r, struct pfs_batch all, int64_t size)
{
    *r = (struct rows_reader){.reader = {&rows_reader_ops}, .all = all, .size = size, .fail_after = -1};
}
