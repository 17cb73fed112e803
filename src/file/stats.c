#include "src/file/stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/utf8.h"
#include "format/binrow.h"

/* ---- rules ---- */

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

int pfs_stats_rules_read(const struct pfs_schema *schema, struct pfs_arena *arena, struct pfs_stats_rules *out,
                         struct pfs_err *err)
{
    const char *text = pfs_options_get(&schema->options, "metadata.stats-mode");
    struct pfs_stats_rule all;
    int64_t first;

    PFS_TRY(parse_mode(text != NULL ? text : "truncate(16)", &all, err));
    PFS_TRY(pfs_options_int(&schema->options, "metadata.stats-keep-first-n-columns", -1, &first, err));
    PFS_TRY(pfs_options_bool(&schema->options, "metadata.stats-dense-store", true, &out->dense, err));
    out->column = pfs_arena_array(arena, (size_t)schema->columns, sizeof(*out->column));
    if (out->column == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < schema->columns; i++) {
        const char *key = pfs_arena_printf(arena, "fields.%s.stats-mode", schema->field[i].name);

        if (key == NULL)
            return pfs_arena_full(arena, err);
        text = pfs_options_get(&schema->options, key);
        out->column[i] = all;
        if (first >= 0 && i >= first)
            out->column[i].mode = PFS_STATS_NONE;
        if (text != NULL)
            PFS_TRY(parse_mode(text, &out->column[i], err));
    }
    return 0;
}

/* ---- cutting ---- */

/* The code point that ends the slice, one higher; false when none is (the last one there is, or none). */
static bool increment_last(uint8_t *at, size_t *len)
{
    size_t from = *len;
    uint32_t code;

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

static int add(struct bounds *b, const struct pfs_type *type, const struct pfs_stats_rule *rule,
               const struct pfs_column_stats *in, struct pfs_arena *arena, struct pfs_err *err)
{
    bool known = rule->mode >= PFS_STATS_TRUNCATE && in->has_bounds;

    if (known)
        PFS_TRY(cut(rule, in, arena, &b->min[b->count], &b->max[b->count], &known, err));
    if (!known) {
        PFS_TRY(pfs_column_nulls(type, 1, arena, &b->min[b->count], err));
        b->max[b->count] = b->min[b->count];
    }
    b->nulls[b->count++] = rule->mode == PFS_STATS_NONE ? -1 : in->nulls;
    return 0;
}

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
    out->columns = b->count;
    out->nulls = b->nulls;
    return 0;
}

int pfs_stats_keys(const struct pfs_schema *schema, const struct pfs_column_stats *const *measured,
                   struct pfs_arena *arena, struct pfs_stats *out, struct pfs_err *err)
{
    static const struct pfs_stats_rule full = {PFS_STATS_FULL, 0};
    struct bounds b;

    PFS_TRY(bounds_init(&b, schema->trimmed_keys, arena, err));
    for (int32_t i = 0; i < schema->trimmed_keys; i++)
        PFS_TRY(add(&b, &schema->field[schema->trimmed_key[i]].type, &full, measured[i], arena, err));
    return print_bounds(&b, arena, out, err);
}

/* Dense statistics leave out columns of which nothing is known. */
static bool is_left_out(const struct pfs_schema *schema, const struct pfs_stats_rules *rules, int32_t column)
{
    enum pfs_kind kind = schema->field[column].type.kind;

    return rules->column[column].mode == PFS_STATS_NONE || pfs_kind_is_nested(kind) || kind == PFS_VARIANT ||
           kind == PFS_BLOB;
}

int pfs_stats_values(const struct pfs_schema *schema, const struct pfs_stats_rules *rules,
                     const struct pfs_column_stats *measured, struct pfs_arena *arena, struct pfs_data_file *file,
                     struct pfs_err *err)
{
    static const struct pfs_stats_rule none = {PFS_STATS_NONE, 0};
    const char **names = pfs_arena_array(arena, (size_t)schema->columns, sizeof(*names));
    struct bounds b;

    if (names == NULL)
        return pfs_arena_full(arena, err);
    PFS_TRY(bounds_init(&b, schema->columns, arena, err));
    for (int32_t i = 0; i < schema->columns; i++) {
        bool out = is_left_out(schema, rules, i);

        if (out && rules->dense)
            continue;
        names[b.count] = schema->field[i].name;
        PFS_TRY(add(&b, &schema->field[i].type, out ? &none : &rules->column[i], &measured[i], arena, err));
    }
    file->stats_columns = b.count < schema->columns ? b.count : -1;
    file->stats_column = names;
    return print_bounds(&b, arena, &file->value_stats, err);
}
