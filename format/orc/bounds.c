/* bounds.c - statistics of stripes and row groups as values of the wanted types.
 *
 * Those of stripes stand in the tail's metadata, those of row groups in a stripe's row indexes, one for each column. A
 * stripe is given in row groups only when all wanted columns have an index of as many groups as its rows make; else it
 * is one piece.
 *
 * What writers count is less than the values: times in milliseconds, some of them cut towards 1970, floating point with
 * or without NaN, CHAR with its blanks. Bounds are moved outwards by as much, or are not known.
 */
#include <assert.h>

#include "format/orc/column.h"
#include "format/orc/orc.h"

struct wanted { /* a column each */
    int32_t columns;
    const struct pfs_field *field;
    uint32_t *id; /* 0 = the file lacks it (0 is the row itself) */
};

/* The sizes that a bound in memory can have. */
union value {
    int8_t i8;
    int16_t i16;
    int32_t i32;
    int64_t i64;
    float f32;
    double f64;
    pfs_i128 i128;
    struct pfs_time96 time;
};

static int put_value(const struct pfs_type *type, const union value *value, struct pfs_arena *arena,
                     const struct pfs_column **out, struct pfs_err *err)
{
    struct pfs_column *column = pfs_arena_zalloc(arena, sizeof(*column));
    union value *copy = pfs_arena_alloc(arena, sizeof(*copy));

    if (column == NULL || copy == NULL)
        return pfs_arena_full(arena, err);
    *copy = *value;
    *column = (struct pfs_column){.type = type, .values = copy};
    *out = column;
    return 0;
}

static int put_text(const struct pfs_type *type, struct pfs_slice text, struct pfs_arena *arena,
                    const struct pfs_column **out, struct pfs_err *err)
{
    struct pfs_column *column = pfs_arena_zalloc(arena, sizeof(*column));
    int32_t *offsets = pfs_arena_zalloc(arena, 2 * sizeof(*offsets));

    if (column == NULL || offsets == NULL)
        return pfs_arena_full(arena, err);
    assert(text.len <= INT32_MAX); /* below the size of a footer */
    offsets[1] = (int32_t)text.len;
    *column = (struct pfs_column){.type = type, .offsets = offsets, .values = text.at};
    *out = column;
    return 0;
}

/* Writers count milliseconds; what is below them lies between this one and the next. Some cut towards 1970, so that a
 * time before it may lie below the min; and the last second before 1970 reads one second late (value.c). False when it
 * does not fit. */
static bool time_bound(int precision, int64_t millis, bool max, union value *out)
{
    if (!max && millis <= 0 && millis > INT64_MIN)
        millis--;
    if (max && millis >= -1000 && millis < 1000)
        millis = 999;
    if (precision <= 3) {
        out->i64 = millis;
        return true;
    }
    if (precision <= 6)
        return !__builtin_mul_overflow(millis, 1000, &out->i64) &&
               (!max || !__builtin_add_overflow(out->i64, 999, &out->i64));
    out->time = (struct pfs_time96){millis, max ? 999999 : 0, 0};
    return true;
}

/* False: not known. */
static bool integer_bound(const struct pfs_type *type, int64_t in, bool max, union value *out)
{
    switch (type->kind) {
    case PFS_BOOLEAN:
    case PFS_TINYINT:
        out->i8 = (int8_t)in;
        return out->i8 == in;
    case PFS_SMALLINT:
        out->i16 = (int16_t)in;
        return out->i16 == in;
    case PFS_INT:
    case PFS_DATE:
    case PFS_TIME:
        out->i32 = (int32_t)in;
        return out->i32 == in;
    case PFS_BIGINT:
        out->i64 = in;
        return true;
    case PFS_TIMESTAMP:
    case PFS_TIMESTAMP_LTZ:
        return time_bound(type->precision, in, max, out);
    case PFS_FLOAT:
    case PFS_DOUBLE:
    case PFS_DECIMAL:
    case PFS_CHAR:
    case PFS_VARCHAR:
    case PFS_BINARY:
    case PFS_VARBINARY:
    case PFS_VARIANT:
    case PFS_BLOB:
    case PFS_ARRAY:
    case PFS_MAP:
    case PFS_MULTISET:
    case PFS_ROW:
    case PFS_KIND_COUNT:
        break;
    }
    return false;
}

/* NaN is above all and not counted by all writers, so there is no max. Zeros of both signs are one value to them. */
static bool real_bound(enum pfs_kind kind, double in, bool max, union value *out)
{
    if (max || in != in || (kind != PFS_FLOAT && kind != PFS_DOUBLE))
        return false;
    if (in == 0)
        in = -0.0;
    if (kind == PFS_DOUBLE)
        out->f64 = in;
    else
        out->f32 = (float)in;
    return kind == PFS_DOUBLE || (double)out->f32 == in;
}

/* Written as text, in a scale that may be smaller than the column's. False when it does not fit: not known. */
static bool decimal_bound(const struct pfs_type *type, struct pfs_slice text, union value *out)
{
    pfs_i128 value;

    if (pfs_decimal_parse(text, type->precision, type->scale, true, &value) < 0)
        return false;
    if (pfs_type_width(type) == 16)
        out->i128 = value;
    else
        out->i64 = (int64_t)value;
    return true;
}

/* One bound of one column, if the writer says it and it can be had in the wanted type. */
static int make_bound(const struct pfs_type *type, const struct pfs_orc_stats *stats, bool max, struct pfs_arena *arena,
                      const struct pfs_column **out, struct pfs_err *err)
{
    struct pfs_slice text = max ? stats->text_max : stats->text_min;
    union value value = {0};
    bool known = false;

    if (!(max ? stats->has_max : stats->has_min))
        return 0;
    if (stats->range == PFS_ORC_RANGE_INTEGER)
        known = integer_bound(type, max ? stats->max : stats->min, max, &value);
    else if (stats->range == PFS_ORC_RANGE_REAL)
        known = real_bound(type->kind, max ? stats->real_max : stats->real_min, max, &value);
    else if (stats->range == PFS_ORC_RANGE_TEXT && type->kind == PFS_DECIMAL)
        known = decimal_bound(type, text, &value);
    else if (stats->range == PFS_ORC_RANGE_TEXT && type->kind == PFS_VARCHAR)
        return put_text(type, text, arena, out, err);
    return known ? put_value(type, &value, arena, out, err) : 0;
}

/* `stats` NULL: nothing is said. */
static int make_bounds(const struct pfs_orc_tail *tail, const struct wanted *wanted, int32_t at,
                       const struct pfs_orc_stats *stats, bool times, struct pfs_arena *arena,
                       struct pfs_file_group *out, struct pfs_err *err)
{
    const struct pfs_type *type = &wanted->field[at].type;
    struct pfs_orc_column probe = {0};
    int64_t rows = out->rows.to - out->rows.from;
    bool time = type->kind == PFS_TIMESTAMP || type->kind == PFS_TIMESTAMP_LTZ;

    assert(at < wanted->columns);
    assert(wanted->id[at] < tail->types);
    assert(rows > 0);
    out->nulls[at] = wanted->id[at] == 0 ? rows : -1;
    if (wanted->id[at] == 0 || stats == NULL || pfs_kind_is_nested(type->kind) ||
        pfs_orc_column_init(&probe, tail, wanted->id[at], type, arena, NULL) < 0)
        return 0;
    if (stats->has_values && stats->values <= (uint64_t)rows)
        out->nulls[at] = rows - (int64_t)stats->values;
    if (probe.trim || (time && !times))
        return 0;
    PFS_TRY(make_bound(type, stats, false, arena, &out->min[at], err));
    return make_bound(type, stats, true, arena, &out->max[at], err);
}

/* ---- rows ---- */

/* Are any of these rows wanted? */
static bool is_wanted(const struct pfs_file_read *read, struct pfs_row_range rows)
{
    if (read->range == NULL)
        return rows.from < rows.to;
    for (int32_t i = 0; i < read->ranges; i++)
        if (read->range[i].from < rows.to && read->range[i].to > rows.from)
            return rows.from < rows.to;
    return false;
}

/* Groups come one by one: the list doubles, in the arena. */
struct list {
    struct pfs_file_group *at;
    int32_t len, cap;
};

static struct pfs_file_group *add_group(struct list *list, struct pfs_row_range rows, int32_t columns,
                                        struct pfs_arena *arena)
{
    struct pfs_file_group group = {.rows = rows};

    assert(rows.from < rows.to);
    assert(list->len <= list->cap);
    if (list->len == list->cap) {
        int32_t cap = list->cap == 0 ? 16 : list->cap < INT32_MAX / 2 ? list->cap * 2 : 0;
        struct pfs_file_group *grown = cap == 0 ? NULL : pfs_arena_array(arena, (size_t)cap, sizeof(*grown));

        if (grown == NULL)
            return NULL;
        if (list->len > 0)
            memcpy(grown, list->at, (size_t)list->len * sizeof(*grown));
        list->at = grown;
        list->cap = cap;
    }
    group.min = pfs_arena_array(arena, (size_t)columns, sizeof(*group.min));
    group.max = pfs_arena_array(arena, (size_t)columns, sizeof(*group.max));
    group.nulls = pfs_arena_array(arena, (size_t)columns, sizeof(*group.nulls));
    if (group.min == NULL || group.max == NULL || group.nulls == NULL)
        return NULL;
    list->at[list->len] = group;
    return &list->at[list->len++];
}

static int find_columns(const struct pfs_orc_tail *tail, const struct pfs_file_read *read, struct pfs_arena *arena,
                        struct wanted *out, struct pfs_err *err)
{
    const struct pfs_orc_type *root = &tail->type[0];

    assert(root->kind == PFS_ORC_STRUCT);
    *out =
        (struct wanted){read->columns, read->fields, pfs_arena_array(arena, (size_t)read->columns, sizeof(uint32_t))};
    if (out->id == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t c = 0; c < read->columns; c++)
        for (uint32_t i = root->children; i > 0; i--) /* of two of one name the first */
            if (pfs_slice_eq(root->name[i - 1], pfs_str(read->fields[c].name)))
                out->id[c] = root->child[i - 1];
    return 0;
}

static bool has_times(const struct wanted *wanted)
{
    for (int32_t c = 0; c < wanted->columns; c++)
        if (wanted->field[c].type.kind == PFS_TIMESTAMP || wanted->field[c].type.kind == PFS_TIMESTAMP_LTZ)
            return true;
    return false;
}

/* A zone without a change, and without an offset: bounds of times can be taken as they stand. */
static bool is_utc(const struct pfs_orc_stripe_footer *footer, struct pfs_arena *arena)
{
    struct pfs_orc_zone zone;

    return pfs_orc_zone_load(footer->zone, arena, &zone, NULL) == 0 && zone.changes == 0 && zone.offset == 0;
}

/* One stripe as one group. */
static int add_stripe(const struct pfs_orc_tail *tail, const struct wanted *wanted, uint32_t stripe,
                      const struct pfs_orc_stats *stats, bool times, struct pfs_arena *arena, struct list *list,
                      struct pfs_err *err)
{
    const struct pfs_orc_stripe *s = &tail->stripe[stripe];
    struct pfs_file_group *group =
        add_group(list, (struct pfs_row_range){s->first, s->first + s->rows}, wanted->columns, arena);

    if (group == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t c = 0; c < wanted->columns; c++)
        PFS_TRY(make_bounds(tail, wanted, c, &stats[(size_t)stripe * (size_t)wanted->columns + (size_t)c], times, arena,
                            group, err));
    return 0;
}

static int add_stripes(struct pfs_file *file, const struct pfs_file_read *read, struct pfs_arena *arena,
                       struct list *list, struct pfs_err *err)
{
    struct pfs_orc_tail tail;
    struct pfs_orc_stripe_footer footer;
    struct pfs_orc_stats *stats;
    struct wanted wanted;
    bool times = false;

    PFS_TRY(pfs_orc_tail_load(file, arena, &tail, err));
    PFS_TRY(find_columns(&tail, read, arena, &wanted, err));
    PFS_TRY(pfs_orc_metadata_load(file, &tail, wanted.id, wanted.columns, arena, &stats, err));
    if (has_times(&wanted) && tail.stripes > 0) { /* the zone is the writer's: one in a file */
        PFS_TRY(pfs_orc_stripe_footer_load(file, &tail, &tail.stripe[0], arena, &footer, err));
        times = is_utc(&footer, arena);
    }
    for (uint32_t i = 0; i < tail.stripes; i++) {
        const struct pfs_orc_stripe *s = &tail.stripe[i];

        if (is_wanted(read, (struct pfs_row_range){s->first, s->first + s->rows}))
            PFS_TRY(add_stripe(&tail, &wanted, i, stats, times, arena, list, err));
    }
    return 0;
}

int pfs_orc_stripes(struct pfs_file *file, const struct pfs_file_read *read, struct pfs_arena *arena,
                    struct pfs_file_group **out, int32_t *stripes, struct pfs_err *err)
{
    struct list list = {0};

    PFS_TRY(add_stripes(file, read, arena, &list, err));
    *out = list.at;
    *stripes = list.len;
    return 0;
}

/* ---- row groups ---- */

/* The indexes of the wanted columns; a column that the file lacks has 0 groups. False in *all when there are none, or
 * one of them does not have `groups` row groups. */
static int load_indexes(struct pfs_file *file, const struct pfs_orc_tail *tail,
                        const struct pfs_orc_stripe_footer *footer, const struct wanted *wanted, size_t groups,
                        struct pfs_arena *arena, struct pfs_orc_index *out, bool *all, struct pfs_err *err)
{
    bool some = false;

    *all = groups > 0;
    for (int32_t c = 0; c < wanted->columns && *all; c++) {
        const struct pfs_orc_extent *extent;

        if (wanted->id[c] == 0)
            continue;
        extent = pfs_orc_extent_find(footer, wanted->id[c], PFS_ORC_ROW_INDEX);
        if (extent == NULL)
            *all = false;
        else
            PFS_TRY(pfs_orc_index_load(file, tail, extent, arena, &out[c], err));
        some = true;
        *all = *all && out[c].groups == groups;
    }
    *all = *all && some;
    return 0;
}

static int add_groups(const struct pfs_file_read *read, const struct pfs_orc_tail *tail,
                      const struct pfs_orc_stripe *stripe, const struct wanted *wanted,
                      const struct pfs_orc_index *index, size_t groups, bool times, struct pfs_arena *arena,
                      struct list *list, struct pfs_err *err)
{
    int64_t end = stripe->first + stripe->rows;

    assert(tail->index_stride > 0);
    assert(groups > 0);
    for (size_t g = 0; g < groups; g++) {
        struct pfs_row_range rows = {stripe->first + (int64_t)g * tail->index_stride, end};
        struct pfs_file_group *group;

        if (g + 1 < groups)
            rows.to = rows.from + tail->index_stride;
        if (!is_wanted(read, rows))
            continue;
        group = add_group(list, rows, wanted->columns, arena);
        if (group == NULL)
            return pfs_arena_full(arena, err);
        for (int32_t c = 0; c < wanted->columns; c++)
            PFS_TRY(make_bounds(tail, wanted, c, index[c].groups > 0 ? &index[c].group[g].stats : NULL, times, arena,
                                group, err));
    }
    return 0;
}

static int add_all_groups(struct pfs_file *file, const struct pfs_file_read *read, struct pfs_arena *arena,
                          struct list *list, struct pfs_err *err)
{
    struct pfs_orc_tail tail;
    struct pfs_orc_stats *stats;
    struct wanted wanted;

    PFS_TRY(pfs_orc_tail_load(file, arena, &tail, err));
    PFS_TRY(find_columns(&tail, read, arena, &wanted, err));
    PFS_TRY(pfs_orc_metadata_load(file, &tail, wanted.id, wanted.columns, arena, &stats, err));
    for (uint32_t i = 0; i < tail.stripes; i++) {
        const struct pfs_orc_stripe *s = &tail.stripe[i];
        size_t groups = tail.index_stride > 0 && s->rows > 0 ? (size_t)((s->rows - 1) / tail.index_stride) + 1 : 0;
        struct pfs_orc_index *index;
        struct pfs_orc_stripe_footer footer;
        bool all, times;

        if (!is_wanted(read, (struct pfs_row_range){s->first, s->first + s->rows}))
            continue;
        index = pfs_arena_array(arena, (size_t)wanted.columns, sizeof(*index));
        if (index == NULL)
            return pfs_arena_full(arena, err);
        PFS_TRY(pfs_orc_stripe_footer_load(file, &tail, s, arena, &footer, err));
        PFS_TRY(load_indexes(file, &tail, &footer, &wanted, groups, arena, index, &all, err));
        times = has_times(&wanted) && is_utc(&footer, arena);
        PFS_TRY(all ? add_groups(read, &tail, s, &wanted, index, groups, times, arena, list, err)
                    : add_stripe(&tail, &wanted, i, stats, times, arena, list, err));
    }
    return 0;
}

int pfs_orc_groups(struct pfs_file *file, const struct pfs_file_read *read, struct pfs_arena *arena,
                   struct pfs_file_group **out, int32_t *groups, struct pfs_err *err)
{
    struct list list = {0};

    PFS_TRY(add_all_groups(file, read, arena, &list, err));
    *out = list.at;
    *groups = list.len;
    return 0;
}
