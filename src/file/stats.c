/* stats.c - which statistics a manifest gets, column by column, and how their bounds are cut.
 *
 * The rules follow Paimon's collectors: a mode for the file, another for a column that has its own, key columns that
 * are measured twice (as keys and as columns). Order matters where only the first n columns are kept: columns are
 * counted in the order in which they lie in the file.
 */
#include "src/file/stats.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/utf8.h"
#include "format/binrow.h"
#include "src/file/making.h"

static const struct pfs_stats_rule key_rule = {PFS_STATS_TRUNCATE, 128}; /* of columns that are the key's own */

/* ---- rules ---- */

/* Of statistics: nothing, nulls alone, bounds of cut texts, or bounds as they are; in any case of letters. */
static int parse_mode(const char *text, struct pfs_stats_rule *out, struct pfs_err *err)
{
    char end = 0;
    int characters;

    *out = (struct pfs_stats_rule){0};
    if (strcasecmp(text, "none") == 0) {
        out->mode = PFS_STATS_NONE;
    } else if (strcasecmp(text, "counts") == 0) {
        out->mode = PFS_STATS_COUNTS;
    } else if (strcasecmp(text, "full") == 0) {
        out->mode = PFS_STATS_FULL;
    } else if (strncasecmp(text, "truncate(", 9) == 0 && sscanf(text + 9, "%9d%c", &characters, &end) == 2 &&
               end == ')' && characters > 0) {
        out->mode = PFS_STATS_TRUNCATE;
        out->characters = characters;
    } else {
        return pfs_fail(err, EINVAL, "%s is not a mode of statistics: none, counts, truncate(N) or full", text);
    }
    return 0;
}

/* The mode that holds for the file as a whole. */
static int table_mode(const struct pfs_schema *schema, const struct pfs_stats_file *file, struct pfs_arena *arena,
                      struct pfs_stats_rule *out, struct pfs_err *err)
{
    const struct pfs_options *o = &schema->options;
    const char *text = NULL;

    if (file->changelog)
        text = pfs_options_get(o, "changelog-file.stats-mode");
    else if (schema->primary_keys > 0)
        PFS_TRY(pfs_making_of_level(o, "metadata.stats-mode.per.level", file->level, arena, &text, err));
    if (text == NULL)
        text = pfs_options_get(o, "metadata.stats-mode");
    return parse_mode(text != NULL ? text : "truncate(16)", out, err);
}

struct pick { /* goes over the columns of a file in their order */
    struct pfs_stats_rule all;
    int64_t first; /* columns that are kept; below zero = all */
    int64_t taken; /* columns that count so far */
};

static struct pfs_stats_rule take(struct pick *p)
{
    static const struct pfs_stats_rule none = {PFS_STATS_NONE, 0};

    return p->first >= 0 && p->taken++ >= p->first ? none : p->all;
}

static bool is_key(const struct pfs_schema *schema, int32_t column)
{
    for (int32_t i = 0; i < schema->trimmed_keys; i++)
        if (schema->trimmed_key[i] == column)
            return true;
    return false;
}

/* The column's own option wins, but it counts among the first n all the same. In thin files a key column stands for the
 * key as well, and is measured as one. */
static int column_rule(const struct pfs_schema *schema, const struct pfs_stats_file *file, int32_t column,
                       struct pick *pick, struct pfs_arena *arena, struct pfs_stats_rule *out, struct pfs_err *err)
{
    const char *key = pfs_arena_printf(arena, "fields.%s.stats-mode", schema->field[column].name), *own;

    if (key == NULL)
        return pfs_arena_full(arena, err);
    own = pfs_options_get(&schema->options, key);
    *out = key_rule;
    if (own != NULL || !file->thin || file->plain || !is_key(schema, column))
        *out = take(pick);
    return own != NULL ? parse_mode(own, out, err) : 0;
}

int pfs_stats_rules_read(const struct pfs_schema *schema, const struct pfs_stats_file *file, struct pfs_arena *arena,
                         struct pfs_stats_rules *out, struct pfs_err *err)
{
    struct pick pick = {.all = {PFS_STATS_NONE, 0}};

    if (!file->none)
        PFS_TRY(table_mode(schema, file, arena, &pick.all, err));
    PFS_TRY(pfs_options_int(&schema->options, "metadata.stats-keep-first-n-columns", -1, &pick.first, err));
    PFS_TRY(pfs_options_bool(&schema->options, "metadata.stats-dense-store", true, &out->dense, err));
    out->column = pfs_arena_array(arena, (size_t)schema->columns, sizeof(*out->column));
    out->key = pfs_arena_array(arena, (size_t)schema->trimmed_keys, sizeof(*out->key));
    if (out->column == NULL || out->key == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; !file->thin && i < schema->trimmed_keys; i++)
        out->key[i] = file->plain ? take(&pick) : key_rule;
    if (file->plain && schema->primary_keys > 0)
        pick.taken += 2; /* number and kind count as well */
    for (int32_t i = 0; i < schema->columns; i++)
        PFS_TRY(column_rule(schema, file, i, &pick, arena, &out->column[i], err));
    for (int32_t i = 0; file->thin && i < schema->trimmed_keys; i++)
        out->key[i] = out->column[schema->trimmed_key[i]];
    return 0;
}

/* ---- cutting ---- */

/* The code point that ends the slice, one higher; false when none is (the last one there is, or none). */
static bool increment_last(uint8_t *at, size_t *len)
{
    size_t from = *len;
    uint32_t code;

    assert(at != NULL || *len == 0);
    if (from == 0)
        return false;
    do
        from--;
    while (from > 0 && (at[from] & 0xC0) == 0x80);
    code = at[from] < 0x80   ? at[from]
           : at[from] < 0xE0 ? (at[from] & 0x1Fu)
           : at[from] < 0xF0 ? (at[from] & 0x0Fu)
                             : (at[from] & 0x07u);
    for (size_t i = from + 1; i < *len; i++)
        code = code << 6 | (at[i] & 0x3Fu);
    code++;
    if (code == 0xD800)
        code = 0xE000; /* past the surrogates */
    if (code > 0x10FFFF)
        return false;
    if (code < 0x80) {
        at[from++] = (uint8_t)code;
    } else if (code < 0x800) {
        at[from++] = (uint8_t)(0xC0 | code >> 6);
        at[from++] = (uint8_t)(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
        at[from++] = (uint8_t)(0xE0 | code >> 12);
        at[from++] = (uint8_t)(0x80 | (code >> 6 & 0x3F));
        at[from++] = (uint8_t)(0x80 | (code & 0x3F));
    } else {
        at[from++] = (uint8_t)(0xF0 | code >> 18);
        at[from++] = (uint8_t)(0x80 | (code >> 12 & 0x3F));
        at[from++] = (uint8_t)(0x80 | (code >> 6 & 0x3F));
        at[from++] = (uint8_t)(0x80 | (code & 0x3F));
    }
    *len = from;
    return true;
}

static int one_text(const struct pfs_type *type, struct pfs_slice text, struct pfs_arena *arena, struct pfs_column *out,
                    struct pfs_err *err)
{
    int32_t *offsets = pfs_arena_array(arena, 2, sizeof(*offsets));

    if (offsets == NULL)
        return pfs_arena_full(arena, err);
    offsets[1] = (int32_t)text.len;
    *out = (struct pfs_column){.type = type, .offsets = offsets, .values = text.at};
    return 0;
}

/* Bounds of text cut to so many characters: a prefix is below, a prefix with its last character raised is above.
 * *known false: there is no such upper bound, and then neither bound is stored. */
static int cut(const struct pfs_stats_rule *rule, const struct pfs_column_stats *in, struct pfs_arena *arena,
               struct pfs_column *min, struct pfs_column *max, bool *known, struct pfs_err *err)
{
    struct pfs_slice low, high;
    size_t prefix;

    assert(in->has_bounds);
    *min = in->min;
    *max = in->max;
    *known = true;
    if (rule->mode != PFS_STATS_TRUNCATE || !pfs_kind_is_text(in->min.type->kind))
        return 0;
    low = pfs_column_bytes(&in->min, 0);
    high = pfs_column_bytes(&in->max, 0);
    low.len = pfs_utf8_prefix(low, (size_t)rule->characters);
    prefix = pfs_utf8_prefix(high, (size_t)rule->characters);
    PFS_TRY(one_text(in->min.type, low, arena, min, err));
    if (prefix < high.len) {
        uint8_t *raised = pfs_arena_alloc(arena, prefix + 4);

        if (raised == NULL)
            return pfs_arena_full(arena, err);
        memcpy(raised, high.at, prefix);
        *known = increment_last(raised, &prefix);
        PFS_TRY(one_text(in->max.type, pfs_slice_of(raised, prefix), arena, max, err));
    }
    return 0;
}

/* ---- rows of bounds ---- */

struct bounds {
    struct pfs_column *min, *max;
    int64_t *nulls;
    int32_t count;
};

static int bounds_init(struct bounds *b, int32_t room, struct pfs_arena *arena, struct pfs_err *err)
{
    b->min = pfs_arena_array(arena, (size_t)room, sizeof(*b->min));
    b->max = pfs_arena_array(arena, (size_t)room, sizeof(*b->max));
    b->nulls = pfs_arena_array(arena, (size_t)room, sizeof(*b->nulls));
    b->count = 0;
    return b->min == NULL || b->max == NULL || b->nulls == NULL ? pfs_arena_full(arena, err) : 0;
}

/* Bounds that are not known are NULL, which is what Paimon's readers take for that. */
static int add(struct bounds *b, const struct pfs_type *type, const struct pfs_stats_rule *rule,
               const struct pfs_column_stats *in, struct pfs_arena *arena, struct pfs_err *err)
{
    bool known = rule->mode >= PFS_STATS_TRUNCATE && in->has_bounds;

    assert(in->nulls >= -1);
    if (known)
        PFS_TRY(cut(rule, in, arena, &b->min[b->count], &b->max[b->count], &known, err));
    if (!known) {
        PFS_TRY(pfs_column_nulls(type, 1, arena, &b->min[b->count], err));
        b->max[b->count] = b->min[b->count];
    }
    b->nulls[b->count++] = rule->mode == PFS_STATS_NONE ? -1 : in->nulls;
    return 0;
}

/* As a BinaryRow with its arity: what manifests hold. */
static int print_row(const struct pfs_column *row, int32_t count, struct pfs_arena *arena, struct pfs_slice *out,
                     struct pfs_err *err)
{
    const struct pfs_column **list = pfs_arena_array(arena, (size_t)count, sizeof(*list));
    struct pfs_buf text = {0};
    int rc;

    if (list == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < count; i++)
        list[i] = &row[i];
    rc = pfs_binrow_print(list, count, 0, true, &text, err);
    if (rc == 0 && !pfs_arena_copy(arena, pfs_buf_slice(&text), out))
        rc = pfs_arena_full(arena, err);
    pfs_buf_done(&text);
    return rc;
}

static int print_bounds(const struct bounds *b, struct pfs_arena *arena, struct pfs_stats *out, struct pfs_err *err)
{
    PFS_TRY(print_row(b->min, b->count, arena, &out->min, err));
    PFS_TRY(print_row(b->max, b->count, arena, &out->max, err));
    assert(out->min.at != NULL && out->max.at != NULL); /* their arity is there, also of no columns */
    out->columns = b->count;
    out->nulls = b->nulls;
    return 0;
}

int pfs_stats_keys(const struct pfs_schema *schema, const struct pfs_stats_rules *rules,
                   const struct pfs_column_stats *measured, struct pfs_arena *arena, struct pfs_stats *out,
                   struct pfs_err *err)
{
    struct bounds b;

    PFS_TRY(bounds_init(&b, schema->trimmed_keys, arena, err));
    for (int32_t i = 0; i < schema->trimmed_keys; i++) {
        int32_t column = schema->trimmed_key[i];

        assert(column >= 0 && column < schema->columns);
        PFS_TRY(add(&b, &schema->field[column].type, &rules->key[i], &measured[column], arena, err));
    }
    return print_bounds(&b, arena, out, err);
}

int pfs_stats_values(const struct pfs_schema *schema, const struct pfs_stats_rules *rules,
                     const struct pfs_column_stats *measured, struct pfs_arena *arena, struct pfs_data_file *file,
                     struct pfs_err *err)
{
    const char **names = pfs_arena_array(arena, (size_t)schema->columns, sizeof(*names));
    struct bounds b;

    if (names == NULL)
        return pfs_arena_full(arena, err);
    PFS_TRY(bounds_init(&b, schema->columns, arena, err));
    for (int32_t i = 0; i < schema->columns; i++) {
        const struct pfs_column_stats *m = &measured[i];

        if (rules->dense && (rules->column[i].mode == PFS_STATS_NONE || (m->nulls < 0 && !m->has_bounds)))
            continue;
        names[b.count] = schema->field[i].name;
        PFS_TRY(add(&b, &schema->field[i].type, &rules->column[i], m, arena, err));
    }
    assert(b.count <= schema->columns);
    file->stats_columns = b.count < schema->columns ? b.count : -1;
    file->stats_column = names;
    return print_bounds(&b, arena, &file->value_stats, err);
}
