/* tally.c - counts and bounds of what is written.
 *
 * One struct for all types, of which each uses a part; the rest stays zeroed, so that sums need not know the type.
 * `any` says that the bounds mean something. Three tallies belong to a column, of a row group, a stripe and the file: a
 * group's is printed, then moved into the stripe's, and that into the file's.
 *
 * A bound in the file may be wider than the values and never narrower: a min is cut, a max is cut and stepped up, and
 * if that cannot be, it stays whole.
 */
#include "format/orc/tally.h"

#include <assert.h>
#include <math.h>

#include "format/orc/proto.h"

#define TEXT_BYTES_MAX 1024 /* of a bound in the file; longer ones are cut */

/* ---- kernels ---- */

/* The first value sets both bounds, the others widen them. */
void pfs_orc_tally_integers(struct pfs_orc_tally *t, const int64_t *v, int64_t n)
{
    int64_t min, max;

    if (n == 0)
        return;
    min = t->any ? t->min : v[0];
    max = t->any ? t->max : v[0];
    for (int64_t i = 0; i < n; i++) {
        min = v[i] < min ? v[i] : min;
        max = v[i] > max ? v[i] : max;
    }
    assert(min <= max);
    t->min = min;
    t->max = max;
    t->any = true;
}

/* Comparisons with NaN are false, so that it moves no bound. */
void pfs_orc_tally_reals(struct pfs_orc_tally *t, const double *v, int64_t n)
{
    double min = t->any ? t->real_min : INFINITY, max = t->any ? t->real_max : -INFINITY;
    bool nan = false, some = false;

    for (int64_t i = 0; i < n; i++) {
        min = v[i] < min ? v[i] : min;
        max = v[i] > max ? v[i] : max;
        nan |= isnan(v[i]);
        some |= !isnan(v[i]);
    }
    t->real_min = min;
    t->real_max = max;
    assert(!some || min <= max);
    t->nan |= nan;
    t->any |= some;
}

/* As wide as they are: comparisons of 128 bits are rare enough. */
void pfs_orc_tally_wides(struct pfs_orc_tally *t, const pfs_i128 *v, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        t->wide_min = !t->any || v[i] < t->wide_min ? v[i] : t->wide_min;
        t->wide_max = !t->any || v[i] > t->wide_max ? v[i] : t->wide_max;
        t->any = true;
    }
}

static bool earlier(struct pfs_time96 a, struct pfs_time96 b)
{
    return a.millis != b.millis ? a.millis < b.millis : a.nanos < b.nanos;
}

void pfs_orc_tally_times(struct pfs_orc_tally *t, const struct pfs_time96 *v, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        t->time_min = !t->any || earlier(v[i], t->time_min) ? v[i] : t->time_min;
        t->time_max = !t->any || earlier(t->time_max, v[i]) ? v[i] : t->time_max;
        t->any = true;
    }
}

static void set_text(struct pfs_buf *bound, struct pfs_slice v)
{
    bound->len = 0;
    pfs_buf_put(bound, v.at, v.len);
}

void pfs_orc_tally_text(struct pfs_orc_tally *t, struct pfs_slice v)
{
    if (!t->any || pfs_slice_compare(v, pfs_buf_slice(&t->text_min)) < 0)
        set_text(&t->text_min, v);
    if (!t->any || pfs_slice_compare(v, pfs_buf_slice(&t->text_max)) > 0)
        set_text(&t->text_max, v);
    t->any = true;
}

/* ---- sums ---- */

void pfs_orc_tally_clear(struct pfs_orc_tally *t)
{
    struct pfs_buf min = t->text_min, max = t->text_max;

    pfs_buf_clear(&min);
    pfs_buf_clear(&max);
    *t = (struct pfs_orc_tally){.text_min = min, .text_max = max};
}

void pfs_orc_tally_done(struct pfs_orc_tally *t)
{
    pfs_buf_done(&t->text_min);
    pfs_buf_done(&t->text_max);
}

/* Whatever the type: what it does not use is zeros. */
static void move_bounds(struct pfs_orc_tally *to, const struct pfs_orc_tally *from)
{
    assert(from->any);
    pfs_orc_tally_text(to, pfs_buf_slice(&from->text_min));
    pfs_orc_tally_text(to, pfs_buf_slice(&from->text_max));
    if (from->min < to->min)
        to->min = from->min;
    if (from->max > to->max)
        to->max = from->max;
    if (from->real_min < to->real_min)
        to->real_min = from->real_min;
    if (from->real_max > to->real_max)
        to->real_max = from->real_max;
    if (from->wide_min < to->wide_min)
        to->wide_min = from->wide_min;
    if (from->wide_max > to->wide_max)
        to->wide_max = from->wide_max;
    if (earlier(from->time_min, to->time_min))
        to->time_min = from->time_min;
    if (earlier(to->time_max, from->time_max))
        to->time_max = from->time_max;
}

void pfs_orc_tally_move(struct pfs_orc_tally *to, struct pfs_orc_tally *from)
{
    to->values += from->values;
    to->nulls += from->nulls;
    to->has_null |= from->has_null;
    to->nan |= from->nan;
    to->sum += from->sum;
    if (from->any) {
        if (!to->any) {
            to->min = from->min;
            to->max = from->max;
            to->real_min = from->real_min;
            to->real_max = from->real_max;
            to->wide_min = from->wide_min;
            to->wide_max = from->wide_max;
            to->time_min = from->time_min;
            to->time_max = from->time_max;
        }
        move_bounds(to, from);
    }
    pfs_orc_tally_clear(from);
}

/* ---- the file's form ---- */

/* Where the character begins that byte `at` is in. */
static size_t character_start(struct pfs_slice v, size_t at)
{
    assert(at < v.len);
    while (at > 0 && (v.at[at] & 0xc0) == 0x80)
        at--;
    return at;
}

/* The next character in the order of code points; false at the last one of its length. */
static bool step_up(uint8_t *character, size_t len)
{
    assert(len >= 1 && len <= 4);
    for (size_t i = len - 1; i > 0; i--) {
        if (character[i] < 0xbf) {
            character[i]++;
            return true;
        }
        character[i] = 0x80;
    }
    if (len == 1 ? character[0] >= 0x7f : character[0] == 0xdf || character[0] == 0xef || character[0] >= 0xf4)
        return false;
    character[0]++;
    return true;
}

/* A text that is above all with this beginning: its last character that can be is stepped up. */
static bool cut_above(struct pfs_slice v, uint8_t *out, size_t *len)
{
    size_t end = character_start(v, TEXT_BYTES_MAX);

    assert(v.len > TEXT_BYTES_MAX);
    memcpy(out, v.at, end);
    while (end > 0) {
        size_t start = character_start(pfs_slice_of(out, end), end - 1);
        uint8_t kept[8] = {0};

        if (end - start <= 4) {
            memcpy(kept, out + start, end - start);
            /* Between ed 9f bf and ee 80 80 lie the surrogates, which no text has. */
            if (end - start == 3 && memcmp(kept, "\xed\x9f\xbf", 3) == 0)
                memcpy(kept, "\xee\x80\x80", 3);
            else if (!step_up(kept, end - start))
                kept[7] = 1;
            if (kept[7] == 0 && memcmp(kept, "\xf4\x90", 2) != 0) {
                memcpy(out + start, kept, end - start);
                *len = end;
                return true;
            }
        }
        end = start;
    }
    return false;
}

static void print_texts(const struct pfs_orc_tally *t, struct pfs_buf *out)
{
    struct pfs_slice min = pfs_buf_slice(&t->text_min), max = pfs_buf_slice(&t->text_max);
    uint8_t above[TEXT_BYTES_MAX];
    size_t len;

    if (min.len > TEXT_BYTES_MAX)
        pfs_proto_bytes(out, 4, pfs_slice_of(min.at, character_start(min, TEXT_BYTES_MAX)));
    else
        pfs_proto_bytes(out, 1, min);
    if (max.len <= TEXT_BYTES_MAX)
        pfs_proto_bytes(out, 2, max);
    else if (cut_above(max, above, &len))
        pfs_proto_bytes(out, 5, pfs_slice_of(above, len));
    else
        pfs_proto_bytes(out, 5, max);
    pfs_proto_signed(out, 3, t->sum);
}

/* A column of NaN alone has bounds that are none. */
static void print_reals(const struct pfs_orc_tally *t, struct pfs_buf *out)
{
    pfs_proto_double(out, 1, t->any ? t->real_min : (double)NAN);
    pfs_proto_double(out, 2, t->any ? t->real_max : (double)NAN);
    if (t->nan) /* tells readers not to trust the bounds */
        pfs_proto_double(out, 3, (double)NAN);
}

static void print_decimals(const struct pfs_orc_tally *t, const struct pfs_type *type, struct pfs_buf *out)
{
    bool wide = type->precision > 18;
    char text[PFS_DECIMAL_TEXT];

    pfs_proto_bytes(out, 1, pfs_slice_of(text, pfs_decimal_print(wide ? t->wide_min : t->min, type->scale, text)));
    pfs_proto_bytes(out, 2, pfs_slice_of(text, pfs_decimal_print(wide ? t->wide_max : t->max, type->scale, text)));
}

/* Milliseconds or microseconds as the finest form, by the column's precision. */
static struct pfs_time96 widen(int64_t v, int precision)
{
    int64_t millis = v / 1000, rest = v % 1000;

    assert(precision <= 6);
    if (precision <= 3)
        return (struct pfs_time96){v, 0, 0};
    if (rest < 0) {
        rest += 1000;
        millis--;
    }
    return (struct pfs_time96){millis, (int32_t)rest * 1000, 0};
}

/* Nanoseconds within the millisecond are stored plus one, and left out where readers assume what they are. */
static void print_times(const struct pfs_orc_tally *t, const struct pfs_type *type, struct pfs_buf *out)
{
    struct pfs_time96 min = t->time_min, max = t->time_max;

    if (type->precision <= 6) {
        min = widen(t->min, type->precision);
        max = widen(t->max, type->precision);
    }
    pfs_proto_signed(out, 3, min.millis);
    pfs_proto_signed(out, 4, max.millis);
    if (min.nanos != 0)
        pfs_proto_number(out, 5, (uint64_t)min.nanos + 1);
    if (max.nanos != 999999)
        pfs_proto_number(out, 6, (uint64_t)max.nanos + 1);
}

static void print_count(int64_t count, struct pfs_buf *out)
{
    struct pfs_buf packed = {0};

    pfs_buf_uleb(&packed, (uint64_t)count);
    pfs_proto_message(out, 1, &packed);
    pfs_buf_done(&packed);
}

static void print_integers(const struct pfs_orc_tally *t, struct pfs_buf *out)
{
    pfs_proto_signed(out, 1, t->min);
    pfs_proto_signed(out, 2, t->max);
}

/* The field of ColumnStatistics that a kind has its bounds in; 0 = none. */
static uint32_t print_bounds(const struct pfs_orc_tally *t, const struct pfs_type *type, struct pfs_buf *out)
{
    switch (type->kind) {
    case PFS_BOOLEAN:
        print_count(t->sum, out);
        return 5;
    case PFS_TINYINT:
    case PFS_SMALLINT:
    case PFS_INT:
    case PFS_BIGINT:
    case PFS_TIME:
        print_integers(t, out);
        return 2;
    case PFS_DATE:
        print_integers(t, out);
        return 7;
    case PFS_FLOAT:
    case PFS_DOUBLE:
        print_reals(t, out);
        return 3;
    case PFS_DECIMAL:
        print_decimals(t, type, out);
        return 6;
    case PFS_CHAR:
    case PFS_VARCHAR:
        print_texts(t, out);
        return 4;
    case PFS_TIMESTAMP:
    case PFS_TIMESTAMP_LTZ:
        print_times(t, type, out);
        return 9;
    case PFS_BINARY:
    case PFS_VARBINARY:
    case PFS_BLOB:
        pfs_proto_signed(out, 1, t->sum);
        return 8;
    case PFS_VARIANT:
    case PFS_ARRAY:
    case PFS_MAP:
    case PFS_MULTISET:
    case PFS_ROW:
    case PFS_KIND_COUNT:
        break;
    }
    return 0;
}

void pfs_orc_tally_print(const struct pfs_orc_tally *t, const struct pfs_type *type, struct pfs_buf *out)
{
    struct pfs_buf bounds = {0};
    uint32_t field = t->values > 0 ? print_bounds(t, type, &bounds) : 0;

    pfs_proto_number(out, 1, (uint64_t)t->values);
    if (field > 0)
        pfs_proto_message(out, field, &bounds);
    pfs_proto_number(out, 10, t->has_null);
    out->failed |= t->text_min.failed || t->text_max.failed;
    pfs_buf_done(&bounds);
}

/* ---- writer.h ---- */

/* Every layout of integers that a batch has. */
static void put_integer(int64_t v, int width, void *to)
{
    int8_t v1 = (int8_t)v;
    int16_t v2 = (int16_t)v;
    int32_t v4 = (int32_t)v;

    assert(width == 1 || width == 2 || width == 4 || width == 8);
    memcpy(to,
           width == 1   ? (const void *)&v1
           : width == 2 ? (const void *)&v2
           : width == 4 ? (const void *)&v4
                        : &v,
           (size_t)width);
}

static void put_real(double v, int width, void *to)
{
    float narrow = (float)v;

    memcpy(to, width == 4 ? (const void *)&narrow : &v, (size_t)width);
}

static void put_bounds(const struct pfs_orc_tally *t, const struct pfs_type *type, struct pfs_orc_bounds *out)
{
    int width = pfs_type_width(type);

    if (type->kind == PFS_BOOLEAN) {
        out->min[0] = t->sum == t->values;
        out->max[0] = t->sum > 0;
    } else if (type->kind == PFS_FLOAT || type->kind == PFS_DOUBLE) {
        put_real(t->real_min, width, out->min);
        put_real(t->real_max, width, out->max);
    } else if (width == 16 && type->kind == PFS_DECIMAL) {
        memcpy(out->min, &t->wide_min, 16);
        memcpy(out->max, &t->wide_max, 16);
    } else if (width == 16) {
        memcpy(out->min, &t->time_min, 16);
        memcpy(out->max, &t->time_max, 16);
    } else {
        put_integer(t->min, width, out->min);
        put_integer(t->max, width, out->max);
    }
}

void pfs_orc_tally_stats(const struct pfs_orc_tally *t, const struct pfs_type *type, struct pfs_orc_bounds *bounds,
                         struct pfs_column_stats *out)
{
    bool text = pfs_kind_is_text(type->kind);

    assert(t->values >= 0);
    assert(t->nulls >= 0);
    out->nulls = t->nulls;
    out->has_bounds = t->values > 0 && !t->nan && (text || pfs_type_width(type) > 0);
    if (!out->has_bounds)
        return;
    if (text) {
        bounds->offsets[0][1] = (int32_t)t->text_min.len;
        bounds->offsets[1][1] = (int32_t)t->text_max.len;
    } else {
        put_bounds(t, type, bounds);
    }
    out->min = (struct pfs_column){.type = type, .values = text ? t->text_min.at : bounds->min};
    out->max = (struct pfs_column){.type = type, .values = text ? t->text_max.at : bounds->max};
    out->min.offsets = text ? bounds->offsets[0] : NULL;
    out->max.offsets = text ? bounds->offsets[1] : NULL;
}
