/* bounds.c - statistics of row groups and pages as values of the wanted types.
 *
 * Two sources: Statistics of a chunk, in the footer, and the ColumnIndex, which has the same for each page. Row groups
 * are then cut wherever a page of any wanted column begins, so that a piece lies within one page of each:
 *
 *     column a   |---------|---------|-------------|
 *     column b   |-----|-----------------|---------|
 *     pieces     |-----|---|---------|---|---------|
 *
 * A piece has the bounds of the page that it lies in: wider than its own, and never narrower, as all bounds here may
 * be. The traps are the writers. Until the format defined orders they compared bytes as signed numbers; NaN is above
 * all or not there at all; zeros of both signs are one value; long texts are cut; decimals as bytes are numbers, whose
 * cut bounds mean nothing. What is not certain is not known: that costs a read, and a wrong bound costs rows.
 */
#include <assert.h>

#include "format/parquet/bits.h"
#include "format/parquet/convert.h"
#include "format/parquet/index.h"
#include "format/parquet/parquet.h"

#define BOUND_BYTES 16 /* of the widest value */

static bool is_float(enum pfs_kind kind)
{
    return kind == PFS_FLOAT || kind == PFS_DOUBLE;
}

/* Are the statistics in the order of the wanted type? Those of old are in the order of signed numbers, also for bytes
 * and numbers without a sign. */
static bool is_ordered(const struct pfs_pq_node *node, const struct pfs_type *type, const struct pfs_pq_stats *stats)
{
    bool bytes = node->physical == PFS_PQ_BYTE_ARRAY || node->physical == PFS_PQ_FIXED_LEN_BYTE_ARRAY;

    if (node->children > 0 || node->repetition == PFS_PQ_REPEATED || node->physical == PFS_PQ_INT96)
        return false;
    if (bytes && (stats->old || (type->kind == PFS_DECIMAL && (stats->cut_min || stats->cut_max))))
        return false;
    return !stats->old || node->logical != PFS_PQ_LOGICAL_INTEGER || node->is_signed;
}

/* Zeros of both signs are one value to most writers, and NaN none; `value` has the wanted type. False: not known. */
static bool mend_float(enum pfs_kind kind, bool max, void *value)
{
    double wide;
    float narrow;

    assert(is_float(kind));
    if (kind == PFS_FLOAT) {
        memcpy(&narrow, value, sizeof(narrow));
        if (narrow == 0) {
            narrow = max ? 0.0f : -0.0f;
            memcpy(value, &narrow, sizeof(narrow));
        }
        return narrow == narrow;
    }
    memcpy(&wide, value, sizeof(wide));
    if (wide == 0) {
        wide = max ? 0.0 : -0.0;
        memcpy(value, &wide, sizeof(wide));
    }
    return wide == wide;
}

/* The bound as the one row of a column; *out stays NULL when it cannot be. It goes through the kernel of the column,
 * which reads whole words: hence the copy with room behind it. */
static int make_bound(const struct pfs_pq_plan *plan, const struct pfs_type *type, struct pfs_slice in, bool max,
                      struct pfs_arena *arena, const struct pfs_column **out, struct pfs_err *err)
{
    struct pfs_column *column = pfs_arena_zalloc(arena, sizeof(*column));
    uint8_t padded[BOUND_BYTES + PFS_PQ_PAD] = {0}, *value = pfs_arena_zalloc(arena, BOUND_BYTES);
    int32_t *offsets;

    if (column == NULL || value == NULL)
        return pfs_arena_full(arena, err);
    *column = (struct pfs_column){.type = type, .values = value};
    if (plan->shape == PFS_PQ_SHAPE_BYTES) {
        struct pfs_slice copy;

        offsets = pfs_arena_zalloc(arena, 2 * sizeof(*offsets));
        if (in.len > INT32_MAX || offsets == NULL || !pfs_arena_copy(arena, in, &copy))
            return pfs_arena_full(arena, err);
        offsets[1] = (int32_t)in.len;
        column->offsets = offsets;
        column->values = copy.at;
        *out = column;
        return 0;
    }
    if (in.len == 0 || in.len > BOUND_BYTES)
        return 0;
    assert(plan->width <= BOUND_BYTES);
    memcpy(padded, in.at, in.len);
    if (plan->shape == PFS_PQ_SHAPE_BITS) {
        if (in.len != 1 || padded[0] > 1)
            return 0;
        value[0] = padded[0];
    } else if ((plan->shape == PFS_PQ_SHAPE_FIXED && in.len != (size_t)plan->width_in) ||
               !plan->convert(padded, 1, (int)in.len, value)) {
        return 0;
    }
    if (!is_float(type->kind) || mend_float(type->kind, max, value))
        *out = column;
    return 0;
}

/* What is known of one column over some rows. */
struct known {
    const struct pfs_column *min, *max; /* NULL = not known */
    int64_t nulls;                      /* -1 = not known */
};

static int make_known(const struct pfs_pq_footer *footer, const struct pfs_pq_node *node, const struct pfs_type *type,
                      const struct pfs_pq_stats *stats, struct pfs_arena *arena, struct known *out, struct pfs_err *err)
{
    struct pfs_pq_plan plan;

    *out = (struct known){.nulls = node->repetition == PFS_PQ_REPEATED ? -1 : stats->nulls};
    if (!is_ordered(node, type, stats) || pfs_pq_plan_pick(node, type, &plan, NULL) < 0)
        return 0;
    if (stats->min.at != NULL)
        PFS_TRY(make_bound(&plan, type, stats->min, false, arena, &out->min, err));
    if (stats->max.at != NULL && (footer->keeps_nan || !is_float(type->kind)))
        PFS_TRY(make_bound(&plan, type, stats->max, true, arena, &out->max, err));
    return 0;
}

/* One column of one row group: all of it, and its pages if they are asked for and the file has their index. */
struct source {
    struct known whole;
    const struct pfs_pq_location *location;
    struct known *page;
    int32_t pages, at;
};

static int open_source(struct pfs_file *file, const struct pfs_pq_footer *footer, const struct pfs_pq_group *group,
                       const struct pfs_field *field, bool pages, struct pfs_arena *arena, struct source *out,
                       struct pfs_err *err)
{
    const struct pfs_pq_node *node = pfs_pq_footer_find(footer, pfs_str(field->name));
    const struct pfs_pq_stats *stats = NULL;
    const struct pfs_pq_chunk *chunk;
    int32_t count;

    *out = (struct source){.whole = {.nulls = node == NULL ? group->rows : -1}};
    if (node == NULL || node->children > 0 || group->chunk[node->leaf].foreign)
        return 0;
    chunk = &group->chunk[node->leaf];
    PFS_TRY(make_known(footer, node, &field->type, &chunk->stats, arena, &out->whole, err));
    if (!pages || node->repetition == PFS_PQ_REPEATED)
        return 0;
    PFS_TRY(pfs_pq_offset_index_load(file, chunk, group->rows, arena, &out->location, &count, err));
    if (count > 0)
        PFS_TRY(pfs_pq_column_index_load(file, chunk, count, arena, &stats, err));
    if (stats == NULL)
        return 0;
    out->page = pfs_arena_array(arena, (size_t)count, sizeof(*out->page));
    if (out->page == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < count; i++)
        PFS_TRY(make_known(footer, node, &field->type, &stats[i], arena, &out->page[i], err));
    out->pages = count;
    return 0;
}

/* Row of the group behind the current page. */
static int64_t source_end(const struct source *s, int64_t rows)
{
    assert(s->at == 0 || s->at < s->pages);
    return s->at + 1 < s->pages ? s->location[s->at + 1].row : rows;
}

/* Of fewer rows than are counted it is only known that none is null, or all. */
static int64_t nulls_of(int64_t nulls, int64_t of, int64_t rows)
{
    if (nulls == 0 || (nulls > 0 && of == rows && nulls <= rows))
        return nulls;
    return nulls == of || nulls == INT64_MAX ? rows : -1;
}

static int make_group(const struct pfs_pq_group *group, int64_t from, int64_t to, const struct source *source,
                      int32_t columns, struct pfs_arena *arena, struct pfs_file_group *out, struct pfs_err *err)
{
    assert(from < to);
    assert(to <= group->rows);
    out->rows = (struct pfs_row_range){group->first + from, group->first + to};
    out->min = pfs_arena_array(arena, (size_t)columns, sizeof(*out->min));
    out->max = pfs_arena_array(arena, (size_t)columns, sizeof(*out->max));
    out->nulls = pfs_arena_array(arena, (size_t)columns, sizeof(*out->nulls));
    if (out->min == NULL || out->max == NULL || out->nulls == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t c = 0; c < columns; c++) {
        const struct source *s = &source[c];
        const struct known *known = s->pages > 0 ? &s->page[s->at] : &s->whole;
        int64_t of = s->pages > 0 ? source_end(s, group->rows) - s->location[s->at].row : group->rows;

        out->min[c] = known->min;
        out->max[c] = known->max;
        out->nulls[c] = nulls_of(known->nulls, of, to - from);
    }
    return 0;
}

/* The pieces of one row group, cut where a page of any column begins; *made of them there. */
static int cut_group(const struct pfs_pq_group *group, struct source *source, int32_t columns, struct pfs_arena *arena,
                     struct pfs_file_group *out, int32_t *made, struct pfs_err *err)
{
    for (int64_t from = 0, to; from < group->rows; from = to) {
        to = group->rows;
        for (int32_t c = 0; c < columns; c++) {
            while (source[c].at + 1 < source[c].pages && source_end(&source[c], group->rows) <= from)
                source[c].at++;
            to = source_end(&source[c], group->rows) < to ? source_end(&source[c], group->rows) : to;
        }
        PFS_TRY(make_group(group, from, to, source, columns, arena, &out[(*made)++], err));
    }
    return 0;
}

/* Has the row group a row of any range? */
static bool is_wanted(const struct pfs_file_read *read, const struct pfs_pq_group *group)
{
    bool wanted = read->range == NULL;

    for (int32_t i = 0; !wanted && i < read->ranges; i++)
        wanted = read->range[i].from < group->first + group->rows && read->range[i].to > group->first;
    return wanted;
}

/* One footer, then, group by group, the indexes of the wanted columns. The sources of all groups are made first: their
 * pages say how many pieces there can be at most. */
static int make_all(struct pfs_file *file, const struct pfs_file_read *read, bool pages, struct pfs_arena *arena,
                    struct pfs_file_group **out, int32_t *groups, struct pfs_err *err)
{
    struct pfs_pq_footer footer;
    struct source *source;
    int64_t most = 0;
    int32_t made = 0;

    PFS_TRY(pfs_pq_footer_load(file, arena, &footer, err));
    source = pfs_arena_array(arena, (size_t)footer.groups * (size_t)read->columns, sizeof(*source));
    if (source == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t g = 0; g < footer.groups; g++) {
        most++;
        for (int32_t c = 0; c < read->columns && is_wanted(read, &footer.group[g]); c++) {
            struct source *s = &source[(size_t)g * (size_t)read->columns + (size_t)c];

            PFS_TRY(open_source(file, &footer, &footer.group[g], &read->fields[c], pages, arena, s, err));
            most += s->pages;
        }
    }
    *out = pfs_arena_array(arena, (size_t)most, sizeof(**out));
    if (*out == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t g = 0; g < footer.groups; g++)
        if (is_wanted(read, &footer.group[g]))
            PFS_TRY(cut_group(&footer.group[g], &source[(size_t)g * (size_t)read->columns], read->columns, arena, *out,
                              &made, err));
    assert(made <= most);
    *groups = made;
    return 0;
}

int pfs_parquet_groups(struct pfs_file *file, const struct pfs_file_read *read, struct pfs_arena *arena,
                       struct pfs_file_group **out, int32_t *groups, struct pfs_err *err)
{
    return make_all(file, read, false, arena, out, groups, err);
}

int pfs_parquet_pages(struct pfs_file *file, const struct pfs_file_read *read, struct pfs_arena *arena,
                      struct pfs_file_group **out, int32_t *pieces, struct pfs_err *err)
{
    return make_all(file, read, true, arena, out, pieces, err);
}
