/* value_time.c - cells to dates, times and timestamps.
 *
 * Nearly all of them are spelled with fixed positions, so those are read first; whatever looks different is left to the
 * general parsers of base/datetime.h, which also say what is wrong.
 */
#include <assert.h>

#include "base/datetime.h"
#include "format/text/parse.h"

/* Two digits; 100 or more when they are none. */
static inline unsigned two(const uint8_t *at)
{
    unsigned tens = (unsigned)at[0] - '0', ones = (unsigned)at[1] - '0';

    return tens > 9 || ones > 9 ? 100 : tens * 10 + ones;
}

/* YYYY-MM-DD with a day that every month has (to 28) or a check by the general parser. */
static inline bool fixed_date(const uint8_t *at, int32_t *days)
{
    unsigned century = two(at), year = two(at + 2), month = two(at + 5), day = two(at + 8);

    if (century > 99 || year > 99 || at[4] != '-' || at[7] != '-' || month - 1 > 11)
        return false;
    if (day - 1 < 28) {
        *days = (int32_t)pfs_days_from_civil((int64_t)(century * 100 + year), (int)month, (int)day);
        return true;
    }
    return pfs_date_parse(pfs_slice_of(at, 10), days) == 0;
}

int pfs_cells_date(struct pfs_convert *c, const struct pfs_type *type, const struct pfs_cell *cells, int32_t rows,
                   struct pfs_column *out)
{
    int32_t *v = pfs_arena_alloc(c->arena, (size_t)rows * sizeof(*v));

    if (v == NULL)
        return pfs_arena_full(c->arena, c->err);
    for (int32_t i = 0; i < rows; i++) {
        v[i] = 0;
        if (cells[i].form == PFS_CELL_NULL)
            continue;
        if (cells[i].len != 10 || !fixed_date(cells[i].at, &v[i])) {
            int rc = pfs_date_parse(pfs_cell_text(&cells[i]), &v[i]);

            if (rc < 0)
                return pfs_cell_refuse_code(c, type, cells, i, rc);
        }
    }
    out->values = v;
    return 0;
}

int pfs_cells_time(struct pfs_convert *c, const struct pfs_type *type, const struct pfs_cell *cells, int32_t rows,
                   struct pfs_column *out)
{
    int32_t *v = pfs_arena_alloc(c->arena, (size_t)rows * sizeof(*v));

    if (v == NULL)
        return pfs_arena_full(c->arena, c->err);
    for (int32_t i = 0; i < rows; i++) {
        int rc;

        v[i] = 0;
        if (cells[i].form == PFS_CELL_NULL)
            continue;
        rc = pfs_time_parse(pfs_cell_text(&cells[i]), &v[i]);
        if (rc < 0)
            return pfs_cell_refuse_code(c, type, cells, i, rc);
    }
    out->values = v;
    return 0;
}

/* YYYY-MM-DD[ T]HH:MM:SS[.f{1,9}][Z], whole. */
static inline bool fixed_timestamp(const struct pfs_cell *cell, int64_t *seconds, int32_t *nanos)
{
    static const int32_t units[] = {1000000000, 100000000, 10000000, 1000000, 100000, 10000, 1000, 100, 10, 1};
    const uint8_t *at = cell->at, *end = at + cell->len;
    unsigned hour, minute, second;
    int32_t days, fraction = 0;
    size_t digits = 0;

    if (cell->len < 19 || (at[10] != ' ' && at[10] != 'T') || at[13] != ':' || at[16] != ':' || !fixed_date(at, &days))
        return false;
    hour = two(at + 11);
    minute = two(at + 14);
    second = two(at + 17);
    if (hour > 23 || minute > 59 || second > 59)
        return false;
    at += 19;
    if (at < end && end[-1] == 'Z')
        end--;
    if (at < end && *at == '.') {
        for (at++; at < end && (unsigned)*at - '0' <= 9 && digits < 9; digits++)
            fraction = fraction * 10 + (*at++ - '0');
        if (digits == 0)
            return false;
    }
    if (at != end)
        return false;
    assert(digits <= 9);
    *seconds = (int64_t)days * 86400 + (int64_t)(hour * 3600 + minute * 60 + second);
    *nanos = fraction * units[digits];
    return true;
}

/* Milliseconds and the nanoseconds in one, of any spelling; finer than the precision: -ERANGE. */
static inline int instant(const struct pfs_type *type, const struct pfs_cell *cell, int32_t unit, int64_t *millis,
                          int32_t *nanos)
{
    int64_t seconds;

    if (!fixed_timestamp(cell, &seconds, nanos))
        return pfs_timestamp_parse(pfs_cell_text(cell), type->precision, type->kind == PFS_TIMESTAMP_LTZ, millis,
                                   nanos);
    assert(*nanos >= 0 && *nanos <= 999999999);
    if (*nanos % unit != 0)
        return -ERANGE;
    *millis = seconds * 1000 + *nanos / 1000000;
    *nanos %= 1000000;
    return 0;
}

/* Of more than six decimals: milliseconds and nanoseconds apart. The array is zeroed, as equal values must be equal
 * bytes. */
static int wide_timestamps(struct pfs_convert *c, const struct pfs_type *type, const struct pfs_cell *cells,
                           int32_t rows, int32_t unit, struct pfs_column *out)
{
    struct pfs_time96 *v = pfs_arena_array(c->arena, (size_t)rows, sizeof(*v));

    if (v == NULL)
        return pfs_arena_full(c->arena, c->err);
    for (int32_t i = 0; i < rows; i++) {
        int rc;

        if (cells[i].form == PFS_CELL_NULL)
            continue;
        rc = instant(type, &cells[i], unit, &v[i].millis, &v[i].nanos);
        if (rc < 0)
            return pfs_cell_refuse_code(c, type, cells, i, rc);
    }
    out->values = v;
    return 0;
}

int pfs_cells_timestamp(struct pfs_convert *c, const struct pfs_type *type, const struct pfs_cell *cells, int32_t rows,
                        struct pfs_column *out)
{
    static const int32_t units[] = {1000000000, 100000000, 10000000, 1000000, 100000, 10000, 1000, 100, 10, 1};
    bool micros = type->precision > 3;
    int64_t *v;

    assert(type->precision >= 0 && type->precision <= 9);
    if (type->precision > 6)
        return wide_timestamps(c, type, cells, rows, units[type->precision], out);
    v = pfs_arena_alloc(c->arena, (size_t)rows * sizeof(*v));
    if (v == NULL)
        return pfs_arena_full(c->arena, c->err);
    for (int32_t i = 0; i < rows; i++) {
        int32_t nanos;
        int rc;

        v[i] = 0;
        if (cells[i].form == PFS_CELL_NULL)
            continue;
        rc = instant(type, &cells[i], units[type->precision], &v[i], &nanos);
        if (rc < 0)
            return pfs_cell_refuse_code(c, type, cells, i, rc);
        if (micros)
            v[i] = v[i] * 1000 + nanos / 1000;
    }
    out->values = v;
    return 0;
}
