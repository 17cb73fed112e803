#include "format/parquet/write_column.h"

#include <errno.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "format/parquet/thrift_write.h"
#include "format/parquet/write_bits.h"

#define PAGE_ROWS 20000
#define DICTIONARY_BYTES ((size_t)1 << 20)

/* ---- shape ---- */

static int choose(struct pfs_pq_out_column *c, struct pfs_err *err)
{
    const struct pfs_type *t = &c->field->type;
    static const int8_t decimal_bytes[] = {9, 9, 9, 10, 10, 11, 11, 11, 12, 12, 13, 13, 13, 14, 14, 15, 15, 16, 16, 16};

    c->physical = PFS_PQ_BYTE_ARRAY;
    switch (t->kind) {
    case PFS_BOOLEAN:
        c->physical = PFS_PQ_BOOLEAN;
        c->width = 1;
        return 0;
    case PFS_TINYINT:
    case PFS_SMALLINT:
    case PFS_INT:
    case PFS_DATE:
    case PFS_TIME:
        c->physical = PFS_PQ_INT32;
        c->width = 4;
        return 0;
    case PFS_BIGINT:
        c->physical = PFS_PQ_INT64;
        c->width = 8;
        return 0;
    case PFS_FLOAT:
        c->physical = PFS_PQ_FLOAT;
        c->width = 4;
        return 0;
    case PFS_DOUBLE:
        c->physical = PFS_PQ_DOUBLE;
        c->width = 8;
        return 0;
    case PFS_DECIMAL:
        c->physical = t->precision <= 9    ? PFS_PQ_INT32
                      : t->precision <= 18 ? PFS_PQ_INT64
                                           : PFS_PQ_FIXED_LEN_BYTE_ARRAY;
        c->width = t->precision <= 9 ? 4 : t->precision <= 18 ? 8 : decimal_bytes[t->precision - 19];
        return 0;
    case PFS_TIMESTAMP:
    case PFS_TIMESTAMP_LTZ:
        c->physical = t->precision <= 6 ? PFS_PQ_INT64 : PFS_PQ_INT96;
        c->width = t->precision <= 6 ? 8 : 12;
        return 0;
    case PFS_CHAR:
    case PFS_VARCHAR:
    case PFS_BINARY:
    case PFS_VARBINARY:
    case PFS_BLOB:
        return 0;
    case PFS_VARIANT:
    case PFS_ARRAY:
    case PFS_MAP:
    case PFS_MULTISET:
    case PFS_ROW:
    case PFS_KIND_COUNT:
        break;
    }
    return pfs_fail(err, EOPNOTSUPP, "column %s is nested, which cannot be written yet", c->field->name);
}

int pfs_pq_out_init(struct pfs_pq_out_column *c, const struct pfs_field *field, const struct pfs_parquet_write *write,
                    struct pfs_err *err)
{
    *c = (struct pfs_pq_out_column){
        .field = field, .required = !field->type.nullable, .codec = write->codec, .level = write->level};
    c->page_bytes = write->page_bytes > 0 ? write->page_bytes : 1 << 20;
    PFS_TRY(choose(c, err));
    c->index = pfs_alloc_array(PAGE_ROWS, sizeof(*c->index));
    if (c->index == NULL)
        return pfs_fail(err, ENOMEM, "no memory to write column %s", field->name);
    c->dictionary = !write->no_dictionary && c->physical != PFS_PQ_BOOLEAN && c->width <= 8;
    return 0;
}

static void stats_done(struct pfs_pq_out_stats *s)
{
    pfs_buf_done(&s->min);
    pfs_buf_done(&s->max);
}

void pfs_pq_out_done(struct pfs_pq_out_column *c)
{
    struct pfs_buf *buf[] = {&c->plain, &c->levels, &c->entries, &c->pages, &c->packed, &c->scratch};

    for (size_t i = 0; i < sizeof(buf) / sizeof(buf[0]); i++)
        pfs_buf_done(buf[i]);
    stats_done(&c->group);
    stats_done(&c->all);
    pfs_free(c->index);
    pfs_free(c->entry_off);
    pfs_free(c->slot);
}

/* ---- bounds ---- */

static bool has_bounds(const struct pfs_pq_out_column *c)
{
    return c->physical != PFS_PQ_INT96 && (c->physical != PFS_PQ_BYTE_ARRAY || pfs_kind_is_text(c->field->type.kind));
}

static void set_bound(struct pfs_buf *bound, const struct pfs_column *in, int64_t row)
{
    int width = pfs_type_width(in->type);

    pfs_buf_clear(bound);
    if (width == 0) {
        struct pfs_slice text = pfs_column_bytes(in, row);

        pfs_buf_put(bound, text.at, text.len);
    } else {
        pfs_buf_put(bound, (const uint8_t *)in->values + row * width, (size_t)width);
    }
}

/* A bound as a column of one row, so that the order is the one of all values. */
static struct pfs_column as_column(const struct pfs_type *type, const struct pfs_buf *bound, int32_t offsets[2])
{
    offsets[0] = 0;
    offsets[1] = (int32_t)bound->len;
    return (struct pfs_column){
        .type = type, .values = bound->at, .offsets = pfs_type_width(type) == 0 ? offsets : NULL};
}

static bool is_nan(const struct pfs_column *in, int64_t row)
{
    if (in->type->kind == PFS_DOUBLE)
        return ((const double *)in->values)[row] != ((const double *)in->values)[row];
    return in->type->kind == PFS_FLOAT && ((const float *)in->values)[row] != ((const float *)in->values)[row];
}

#define FIND_BOUNDS(name, type)                                                              \
    static void name(const struct pfs_column *in, int64_t rows, int64_t *low, int64_t *high) \
    {                                                                                        \
        const type *v = in->values;                                                          \
                                                                                             \
        for (int64_t i = 0; i < rows; i++) {                                                 \
            if (!pfs_column_present(in, i))                                                  \
                continue;                                                                    \
            if (*low < 0 || v[i] < v[*low])                                                  \
                *low = i;                                                                    \
            if (*high < 0 || v[i] > v[*high])                                                \
                *high = i;                                                                   \
        }                                                                                    \
    }

FIND_BOUNDS(bounds_int8, int8_t)
FIND_BOUNDS(bounds_int16, int16_t)
FIND_BOUNDS(bounds_int32, int32_t)
FIND_BOUNDS(bounds_int64, int64_t)

static void bounds_any(const struct pfs_column *in, int64_t rows, int64_t *low, int64_t *high)
{
    for (int64_t i = 0; i < rows; i++) {
        if (!pfs_column_present(in, i))
            continue;
        if (*low < 0 || pfs_value_compare(in, i, in, *low) < 0)
            *low = i;
        if (*high < 0 || pfs_value_compare(in, i, in, *high) > 0)
            *high = i;
    }
}

static void find_bounds(const struct pfs_column *in, int64_t rows, int64_t *low, int64_t *high)
{
    bool integer = in->type->kind != PFS_FLOAT && in->type->kind != PFS_DOUBLE;

    switch (integer ? pfs_type_width(in->type) : 0) {
    case 1:
        bounds_int8(in, rows, low, high);
        return;
    case 2:
        bounds_int16(in, rows, low, high);
        return;
    case 4:
        bounds_int32(in, rows, low, high);
        return;
    case 8:
        bounds_int64(in, rows, low, high);
        return;
    default:
        bounds_any(in, rows, low, high);
    }
}

static void widen(struct pfs_pq_out_stats *s, const struct pfs_column *in, int64_t low, int64_t high)
{
    int32_t offsets[2];
    struct pfs_column bound;

    bound = as_column(in->type, &s->min, offsets);
    if (!s->any || pfs_value_compare(in, low, &bound, 0) < 0)
        set_bound(&s->min, in, low);
    bound = as_column(in->type, &s->max, offsets);
    if (!s->any || pfs_value_compare(in, high, &bound, 0) > 0)
        set_bound(&s->max, in, high);
    s->any = true;
}

static void measure(struct pfs_pq_out_column *c, const struct pfs_column *in, int64_t rows)
{
    int64_t nulls = pfs_column_null_count(in, rows), low = -1, high = -1;

    c->group.nulls += nulls;
    c->all.nulls += nulls;
    if (!has_bounds(c)) {
        c->group.unordered = c->all.unordered = true;
        return;
    }
    if (in->type->kind == PFS_FLOAT || in->type->kind == PFS_DOUBLE)
        for (int64_t i = 0; i < rows; i++)
            if (pfs_column_present(in, i) && is_nan(in, i))
                c->group.unordered = c->all.unordered = true;
    find_bounds(in, rows, &low, &high);
    if (low < 0)
        return;
    widen(&c->group, in, low, high);
    widen(&c->all, in, low, high);
}

/* ---- plain values ---- */

static void put_int96(uint8_t *to, const struct pfs_time96 *v)
{
    int64_t day = v->millis / 86400000, rest = v->millis % 86400000;

    if (rest < 0) {
        rest += 86400000;
        day--;
    }
    pfs_put_le64(to, (uint64_t)rest * 1000000 + (uint32_t)v->nanos);
    pfs_put_le32(to + 8, (uint32_t)(day + PFS_PQ_JULIAN_EPOCH));
}

/* The value of a fixed-width column in the file's width, at `to`. */
static void put_fixed(const struct pfs_pq_out_column *c, const struct pfs_column *in, int64_t row, uint8_t *to)
{
    uint8_t bytes[16];
    int32_t narrow;

    switch (c->physical) {
    case PFS_PQ_INT32:
        if (pfs_type_width(in->type) == 4)
            narrow = ((const int32_t *)in->values)[row];
        else if (pfs_type_width(in->type) == 8)
            narrow = (int32_t)((const int64_t *)in->values)[row];
        else if (pfs_type_width(in->type) == 2)
            narrow = ((const int16_t *)in->values)[row];
        else
            narrow = ((const int8_t *)in->values)[row];
        pfs_put_le32(to, (uint32_t)narrow);
        return;
    case PFS_PQ_INT96:
        put_int96(to, (const struct pfs_time96 *)in->values + row);
        return;
    case PFS_PQ_FIXED_LEN_BYTE_ARRAY:
        pfs_decimal_to_be(((const pfs_i128 *)in->values)[row], (size_t)c->width, false, bytes);
        memcpy(to, bytes, (size_t)c->width);
        return;
    case PFS_PQ_INT64:
    case PFS_PQ_FLOAT:
    case PFS_PQ_DOUBLE:
    case PFS_PQ_BOOLEAN:
    case PFS_PQ_BYTE_ARRAY:
        memcpy(to, (const uint8_t *)in->values + row * c->width, (size_t)c->width);
        return;
    }
}

static void add_plain(struct pfs_pq_out_column *c, const struct pfs_column *in, int64_t from, int64_t to)
{
    for (int64_t i = from; i < to; i++) {
        uint8_t *at;

        if (!pfs_column_present(in, i))
            continue;
        if (c->physical == PFS_PQ_BYTE_ARRAY) {
            struct pfs_slice text = pfs_column_bytes(in, i);

            at = pfs_buf_reserve(&c->plain, text.len + 4);
            if (at == NULL)
                return;
            pfs_put_le32(at, (uint32_t)text.len);
            if (text.len > 0)
                memcpy(at + 4, text.at, text.len);
            c->plain.len += text.len + 4;
        } else {
            at = pfs_buf_reserve(&c->plain, (size_t)c->width);
            if (at == NULL)
                return;
            put_fixed(c, in, i, at);
            c->plain.len += (size_t)c->width;
        }
    }
}

/* ---- the dictionary ---- */

static int grow_slots(struct pfs_pq_out_column *c)
{
    size_t mask = c->slot == NULL ? 1023 : c->slot_mask * 2 + 1;
    uint32_t *slot = pfs_alloc_array(mask + 1, sizeof(*slot));

    if (slot == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < c->entry_count; i++) {
        size_t at = pfs_hash64(c->entries.at + c->entry_off[i], c->entry_off[i + 1] - c->entry_off[i], 0) & mask;

        while (slot[at] != 0)
            at = (at + 1) & mask;
        slot[at] = i + 1;
    }
    pfs_free(c->slot);
    c->slot = slot;
    c->slot_mask = mask;
    return 0;
}

static int add_entry(struct pfs_pq_out_column *c, struct pfs_slice plain)
{
    if (c->entry_count + 2 > c->entry_room) {
        uint32_t room = c->entry_room == 0 ? 1024 : c->entry_room * 2;
        uint32_t *more = pfs_realloc(c->entry_off, (size_t)room * sizeof(*more));

        if (more == NULL)
            return -ENOMEM;
        if (c->entry_room == 0)
            more[0] = 0;
        c->entry_off = more;
        c->entry_room = room;
    }
    pfs_buf_put(&c->entries, plain.at, plain.len);
    c->entry_off[++c->entry_count] = (uint32_t)c->entries.len;
    return c->entries.failed ? -ENOMEM : 0;
}

/* Index of a plain value; a new one is added. */
static int lookup(struct pfs_pq_out_column *c, struct pfs_slice plain, uint32_t *out)
{
    size_t at;

    if (c->slot == NULL || (size_t)c->entry_count * 2 >= c->slot_mask)
        if (grow_slots(c) < 0)
            return -ENOMEM;
    at = pfs_hash64(plain.at, plain.len, 0) & c->slot_mask;
    for (; c->slot[at] != 0; at = (at + 1) & c->slot_mask) {
        uint32_t i = c->slot[at] - 1;
        size_t len = c->entry_off[i + 1] - c->entry_off[i];

        if (len == plain.len && memcmp(c->entries.at + c->entry_off[i], plain.at, len) == 0) {
            *out = i;
            return 0;
        }
    }
    c->slot[at] = c->entry_count + 1;
    *out = c->entry_count;
    return add_entry(c, plain);
}

static int add_indexes(struct pfs_pq_out_column *c, const struct pfs_column *in, int64_t from, int64_t to)
{
    for (int64_t i = from; i < to; i++) {
        uint8_t fixed[16];
        struct pfs_slice plain = {fixed, (size_t)c->width};

        if (!pfs_column_present(in, i))
            continue;
        if (c->physical == PFS_PQ_BYTE_ARRAY) {
            struct pfs_slice text = pfs_column_bytes(in, i);

            pfs_buf_clear(&c->scratch);
            pfs_buf_le32(&c->scratch, (uint32_t)text.len);
            pfs_buf_put(&c->scratch, text.at, text.len);
            if (c->scratch.failed)
                return -ENOMEM;
            plain = pfs_buf_slice(&c->scratch);
        } else {
            put_fixed(c, in, i, fixed);
        }
        if (lookup(c, plain, &c->index[c->indexes]) < 0)
            return -ENOMEM;
        c->indexes++;
    }
    return 0;
}

/* Most values differ: the page's indexes become plain values again, and there was no dictionary. */
static void drop_dictionary(struct pfs_pq_out_column *c)
{
    for (int32_t i = 0; i < c->indexes; i++)
        pfs_buf_put(&c->plain, c->entries.at + c->entry_off[c->index[i]],
                    c->entry_off[c->index[i] + 1] - c->entry_off[c->index[i]]);
    c->indexes = 0;
    c->dictionary = false;
    c->entry_count = 0;
    pfs_buf_clear(&c->entries);
}

/* ---- pages ---- */

static void put_page_header(struct pfs_buf *out, enum pfs_pq_page_type type, size_t raw, size_t packed, int32_t values,
                            enum pfs_pq_encoding encoding)
{
    struct pfs_thrift_out t = {.buf = out};
    int16_t outer;

    pfs_thrift_put_i32(&t, PFS_PQ_PAGE_TYPE, (int32_t)type);
    pfs_thrift_put_i32(&t, PFS_PQ_PAGE_RAW_BYTES, (int32_t)raw);
    pfs_thrift_put_i32(&t, PFS_PQ_PAGE_COMPRESSED_BYTES, (int32_t)packed);
    if (type == PFS_PQ_PAGE_DICTIONARY) {
        outer = pfs_thrift_begin(&t, PFS_PQ_PAGE_HEADER_DICTIONARY);
        pfs_thrift_put_i32(&t, PFS_PQ_DICTIONARY_VALUES, values);
        pfs_thrift_put_i32(&t, PFS_PQ_DICTIONARY_ENCODING, (int32_t)encoding);
    } else {
        outer = pfs_thrift_begin(&t, PFS_PQ_PAGE_HEADER_DATA);
        pfs_thrift_put_i32(&t, PFS_PQ_DATA_VALUES, values);
        pfs_thrift_put_i32(&t, PFS_PQ_DATA_ENCODING, (int32_t)encoding);
        pfs_thrift_put_i32(&t, PFS_PQ_DATA_DEFINITION_ENCODING, PFS_PQ_ENCODING_RLE);
        pfs_thrift_put_i32(&t, PFS_PQ_DATA_REPETITION_ENCODING, PFS_PQ_ENCODING_RLE);
    }
    pfs_thrift_end(&t, outer);
    pfs_thrift_stop(&t);
}

/* Compresses and frames what is in `raw`. */
static int put_page(struct pfs_pq_out_column *c, struct pfs_buf *out, enum pfs_pq_page_type type,
                    const struct pfs_buf *raw, int32_t values, enum pfs_pq_encoding encoding, struct pfs_err *err)
{
    size_t before = out->len;

    pfs_buf_clear(&c->packed);
    PFS_TRY(pfs_buf_check(raw, err));
    PFS_TRY(pfs_compress(c->codec, c->level, pfs_buf_slice(raw), &c->packed, err));
    put_page_header(out, type, raw->len, c->packed.len, values, encoding);
    c->raw_bytes += (int64_t)(out->len - before + raw->len);
    pfs_buf_put(out, c->packed.at, c->packed.len);
    return pfs_buf_check(out, err);
}

/* Definition levels of width 1, behind their length. */
static void put_levels(const struct pfs_pq_out_column *c, struct pfs_buf *out)
{
    uint32_t level[PAGE_ROWS];
    size_t from = out->len;

    if (c->required)
        return;
    for (int32_t i = 0; i < c->rows; i++)
        level[i] = c->levels.at[i];
    pfs_buf_le32(out, 0);
    pfs_pq_put_hybrid(out, level, (size_t)c->rows, 1);
    if (!out->failed)
        pfs_put_le32(out->at + from, (uint32_t)(out->len - from - 4));
}

static void put_booleans(const struct pfs_buf *bytes, struct pfs_buf *out)
{
    uint8_t held = 0;

    for (size_t i = 0; i < bytes->len; i++) {
        held |= (uint8_t)((bytes->at[i] != 0) << (i & 7));
        if ((i & 7) == 7 || i + 1 == bytes->len) {
            pfs_buf_putc(out, held);
            held = 0;
        }
    }
}

static int end_page(struct pfs_pq_out_column *c, struct pfs_err *err)
{
    struct pfs_buf *raw = &c->scratch;
    int rc;

    if (c->rows == 0)
        return 0;
    if (c->dictionary && !c->has_dictionary_pages && c->entry_count * 5 > (uint32_t)c->indexes * 2 && c->indexes > 1000)
        drop_dictionary(c);
    pfs_buf_clear(raw);
    put_levels(c, raw);
    if (c->dictionary) {
        int width = pfs_pq_bit_width(c->entry_count == 0 ? 0 : c->entry_count - 1);

        pfs_buf_putc(raw, (uint8_t)width);
        pfs_pq_put_hybrid(raw, c->index, (size_t)c->indexes, width);
        c->has_dictionary_pages = true;
    } else {
        if (c->physical == PFS_PQ_BOOLEAN)
            put_booleans(&c->plain, raw);
        else
            pfs_buf_put(raw, c->plain.at, c->plain.len);
        c->has_plain_pages = true;
    }
    rc = put_page(c, &c->pages, PFS_PQ_PAGE_DATA, raw, c->rows,
                  c->dictionary ? PFS_PQ_ENCODING_PLAIN_DICTIONARY : PFS_PQ_ENCODING_PLAIN, err);
    c->values += c->rows;
    c->rows = c->indexes = 0;
    pfs_buf_clear(&c->plain);
    pfs_buf_clear(&c->levels);
    if (c->entries.len > DICTIONARY_BYTES)
        c->dictionary = false; /* its pages so far keep it; later ones are plain */
    return rc;
}

/* ---- rows in ---- */

static int add_levels(struct pfs_pq_out_column *c, const struct pfs_column *in, int64_t from, int64_t to,
                      struct pfs_err *err)
{
    uint8_t *at = pfs_buf_reserve(&c->levels, (size_t)(to - from));

    if (at == NULL)
        return pfs_buf_check(&c->levels, err);
    for (int64_t i = from; i < to; i++) {
        bool present = pfs_column_present(in, i);

        if (!present && c->required)
            return pfs_fail(err, EINVAL, "column %s may not be null", c->field->name);
        *at++ = present;
    }
    c->levels.len += (size_t)(to - from);
    return 0;
}

/* Rows that still fit into the page, at most `most`; text may make it a little larger. */
static int64_t fitting(const struct pfs_pq_out_column *c, const struct pfs_column *in, int64_t from, int64_t most)
{
    int64_t rows = PAGE_ROWS - c->rows;

    rows = rows < most ? rows : most;
    if (c->physical == PFS_PQ_BYTE_ARRAY && in->offsets[from + rows] - in->offsets[from] > c->page_bytes) {
        int64_t n = 1;

        while (n < rows && in->offsets[from + n] - in->offsets[from] < c->page_bytes)
            n++;
        rows = n;
    }
    return rows;
}

int pfs_pq_out_add(struct pfs_pq_out_column *c, const struct pfs_column *in, int64_t rows, struct pfs_err *err)
{
    measure(c, in, rows);
    for (int64_t from = 0; from < rows;) {
        int64_t to = from + fitting(c, in, from, rows - from);

        PFS_TRY(add_levels(c, in, from, to, err));
        if (c->dictionary) {
            if (add_indexes(c, in, from, to) < 0)
                return pfs_fail(err, ENOMEM, "no memory for the dictionary of column %s", c->field->name);
        } else {
            add_plain(c, in, from, to);
            PFS_TRY(pfs_buf_check(&c->plain, err));
        }
        c->rows += (int32_t)(to - from);
        from = to;
        if (c->rows == PAGE_ROWS || c->plain.len >= (size_t)c->page_bytes || c->entries.len > DICTIONARY_BYTES)
            PFS_TRY(end_page(c, err));
    }
    return 0;
}

int pfs_pq_out_end_group(struct pfs_pq_out_column *c, struct pfs_buf *dictionary, struct pfs_err *err)
{
    PFS_TRY(end_page(c, err));
    if (!c->has_dictionary_pages)
        return 0;
    return put_page(c, dictionary, PFS_PQ_PAGE_DICTIONARY, &c->entries, (int32_t)c->entry_count,
                    PFS_PQ_ENCODING_PLAIN_DICTIONARY, err);
}

void pfs_pq_out_next_group(struct pfs_pq_out_column *c)
{
    bool had = c->has_dictionary_pages;

    pfs_buf_clear(&c->pages);
    pfs_buf_clear(&c->entries);
    c->entry_count = 0;
    if (c->slot != NULL)
        memset(c->slot, 0, (c->slot_mask + 1) * sizeof(*c->slot));
    c->dictionary = had;
    c->has_dictionary_pages = c->has_plain_pages = false;
    c->raw_bytes = c->values = 0;
    c->group.any = c->group.unordered = false;
    c->group.nulls = 0;
}

size_t pfs_pq_out_bytes(const struct pfs_pq_out_column *c)
{
    return c->pages.len + c->plain.len + c->entries.len + (size_t)c->indexes * 2;
}

void pfs_pq_out_print_bound(const struct pfs_pq_out_column *c, const struct pfs_buf *bound, struct pfs_buf *out)
{
    int32_t offsets[2];
    struct pfs_column column = as_column(&c->field->type, bound, offsets);
    uint8_t fixed[16];

    if (c->physical == PFS_PQ_BYTE_ARRAY) {
        pfs_buf_put(out, bound->at, bound->len);
        return;
    }
    put_fixed(c, &column, 0, fixed);
    pfs_buf_put(out, fixed, (size_t)c->width);
}
