/* value_variant.c - cells of JSON text to VARIANT: the open variant encoding (spec datafiles 4.1), with the widths and
 * types that Paimon's own parser chooses.
 *
 * A value is written before the header of the container around it is known, so each container's values move up once,
 * when it is closed. Sizes are bounded as readers bound them (16 MiB), nesting as JSON is.
 *
 *   value  [... values of the open containers ... | those of the innermost]     items: an offset and a key each
 *   close  [...                                   | header | values, moved up]  items of the innermost are taken off
 *   keys   numbered as they are first seen, by a hash table; their texts one behind the other
 */
#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/number.h"
#include "base/utf8.h"
#include "format/text/parse.h"

#define VARIANT_PART_MAX ((size_t)16 << 20)  /* of a value, of its metadata: readers refuse more */
#define VARIANTS_BYTES_MAX ((size_t)1 << 30) /* one column of a batch */
#define SHORT_STRING_MAX 63
#define NUMBER_TEXT_MAX 1000 /* as JSON parsers have it */

enum { STRING_SHORT = 1, OBJECT = 2, ARRAY = 3 }; /* basic types; 0 = primitive */

/* Headers of primitives. */
enum {
    NOTHING = 0,
    TRUE_ = 1,
    FALSE_ = 2,
    INT8 = 3,
    INT16 = 4,
    INT32 = 5,
    INT64 = 6,
    DOUBLE = 7,
    DECIMAL4 = 8,
    DECIMAL8 = 9,
    DECIMAL16 = 10,
    STRING = 16
};

/* A key of the metadata: where its text lies in `texts`. */
struct key {
    uint32_t from, len;
};

/* One value of an open container: where it begins behind the container's first, and its key. */
struct item {
    uint32_t offset, key;
};

struct build {
    struct pfs_buf value;
    struct pfs_buf texts; /* of the keys */
    struct pfs_buf keys;  /* struct key, in order of first occurrence */
    struct pfs_buf slots; /* uint32_t: 1 + a key, 0 = free; a power of two of them, at most half full */
    struct pfs_buf items; /* struct item: those of the open containers, innermost last */
    struct pfs_buf plain; /* a string without its escapes */
    struct pfs_err *err;
};

static void put_le(struct pfs_buf *out, uint32_t v, size_t width)
{
    for (size_t i = 0; i < width; i++)
        pfs_buf_putc(out, (uint8_t)(v >> 8 * i));
}

static size_t width_of(size_t v)
{
    return v <= 0xFF ? 1 : v <= 0xFFFF ? 2 : v <= 0xFFFFFF ? 3 : 4;
}

static int check(const struct build *b, const struct pfs_buf *buf)
{
    if (buf->failed && buf->over)
        return pfs_fail(b->err, ERANGE, "it has more than %zu MiB", VARIANT_PART_MAX >> 20);
    return pfs_buf_check(buf, b->err);
}

/* ---- keys ---- */

static size_t key_count(const struct build *b)
{
    return b->keys.len / sizeof(struct key);
}

static struct pfs_slice key_text(const struct build *b, uint32_t key)
{
    const struct key *k = (const struct key *)(const void *)b->keys.at + key;

    return pfs_slice_of(b->texts.at + k->from, k->len);
}

/* The slot of `name`: its own or the free one where it belongs. */
static uint32_t *slot_of(const struct build *b, struct pfs_slice name)
{
    uint32_t *slot = (uint32_t *)(void *)b->slots.at;
    size_t mask = b->slots.len / sizeof(*slot) - 1;
    size_t i = pfs_hash64(name.at, name.len, 0) & mask;

    assert(((mask + 1) & mask) == 0);
    assert(key_count(b) <= mask); /* a free slot ends the search */
    while (slot[i] != 0 && !pfs_slice_eq(key_text(b, slot[i] - 1), name))
        i = (i + 1) & mask;
    return &slot[i];
}

static int grow_slots(struct build *b, size_t count)
{
    size_t bytes = count * sizeof(uint32_t);
    uint8_t *at;

    assert(count > key_count(b));
    pfs_buf_clear(&b->slots);
    at = pfs_buf_reserve(&b->slots, bytes);
    if (at == NULL)
        return check(b, &b->slots);
    memset(at, 0, bytes);
    b->slots.len = bytes;
    for (uint32_t i = 0; i < key_count(b); i++)
        *slot_of(b, key_text(b, i)) = i + 1;
    return 0;
}

static int key_of(struct build *b, struct pfs_slice name, uint32_t *out)
{
    struct key key = {(uint32_t)b->texts.len, (uint32_t)name.len};
    uint32_t *slot;

    if (2 * (key_count(b) + 1) > b->slots.len / sizeof(uint32_t))
        PFS_TRY(grow_slots(b, b->slots.len == 0 ? 32 : b->slots.len / sizeof(uint32_t) * 2));
    slot = slot_of(b, name);
    if (*slot == 0) {
        pfs_buf_put(&b->texts, name.at, name.len);
        pfs_buf_put(&b->keys, &key, sizeof(key));
        PFS_TRY(check(b, &b->texts));
        PFS_TRY(check(b, &b->keys));
        *slot = (uint32_t)key_count(b);
    }
    *out = *slot - 1;
    return 0;
}

/* Java's order of strings: by UTF-16 units, where what lies above U+FFFF comes before U+E000. */
static int compare_names(struct pfs_slice a, struct pfs_slice b)
{
    size_t least = a.len < b.len ? a.len : b.len, i = 0;

    while (i < least && a.at[i] == b.at[i])
        i++;
    if (i == least)
        return (a.len > b.len) - (a.len < b.len);
    if ((a.at[i] >= 0xF0) != (b.at[i] >= 0xF0) && a.at[i] >= 0xEE && b.at[i] >= 0xEE)
        return a.at[i] >= 0xF0 ? -1 : 1;
    return a.at[i] < b.at[i] ? -1 : 1;
}

static int compare_items(const void *a, const void *b, void *context)
{
    const struct item *x = a, *y = b;
    const struct build *build = context;

    return compare_names(key_text(build, x->key), key_text(build, y->key));
}

/* ---- values ---- */

static void put_primitive(struct build *b, int header)
{
    pfs_buf_putc(&b->value, (uint8_t)(header << 2));
}

static void put_integer(struct build *b, int64_t v)
{
    if (v == (int8_t)v) {
        put_primitive(b, INT8);
        pfs_buf_putc(&b->value, (uint8_t)v);
    } else if (v == (int16_t)v) {
        put_primitive(b, INT16);
        put_le(&b->value, (uint16_t)v, 2);
    } else if (v == (int32_t)v) {
        put_primitive(b, INT32);
        pfs_buf_le32(&b->value, (uint32_t)v);
    } else {
        put_primitive(b, INT64);
        pfs_buf_le64(&b->value, (uint64_t)v);
    }
}

static void put_decimal(struct build *b, pfs_i128 v, int scale)
{
    int width = scale <= 9 && pfs_decimal_fits(v, 9) ? 4 : scale <= 18 && pfs_decimal_fits(v, 18) ? 8 : 16;

    assert(scale >= 0 && scale <= PFS_DECIMAL_DIGITS);
    put_primitive(b, width == 4 ? DECIMAL4 : width == 8 ? DECIMAL8 : DECIMAL16);
    pfs_buf_putc(&b->value, (uint8_t)scale);
    if (width == 4)
        pfs_buf_le32(&b->value, (uint32_t)v);
    else
        pfs_buf_le64(&b->value, (uint64_t)v);
    if (width == 16)
        pfs_buf_le64(&b->value, (uint64_t)((pfs_u128)v >> 64));
}

static int put_double(struct build *b, struct pfs_slice text)
{
    uint64_t bits;
    double v;
    int rc;

    if (text.len > NUMBER_TEXT_MAX)
        return pfs_fail(b->err, EINVAL, "a number of %zu digits", text.len);
    rc = pfs_f64_parse(text, &v);
    if (rc == -ERANGE)
        v = text.at[0] == '-' ? -INFINITY : INFINITY; /* as Java's */
    else if (rc < 0)
        return pfs_fail(b->err, EINVAL, "\"%.*s\" is not a number", (int)text.len, (const char *)text.at);
    memcpy(&bits, &v, sizeof(bits));
    put_primitive(b, DOUBLE);
    pfs_buf_le64(&b->value, bits);
    return 0;
}

/* A number, true or false; `text` is spelled as JSON has it, but for NaN and infinities. */
static int put_word(struct build *b, struct pfs_slice text)
{
    const uint8_t *point = memchr(text.at, '.', text.len);
    bool exponent = memchr(text.at, 'e', text.len) != NULL || memchr(text.at, 'E', text.len) != NULL;
    size_t scale = point == NULL ? 0 : (size_t)(text.at + text.len - point) - 1;
    pfs_i128 decimal;
    int64_t integer;

    assert(text.len > 0);
    if (text.at[0] == 't' || text.at[0] == 'f') {
        put_primitive(b, text.at[0] == 't' ? TRUE_ : FALSE_);
        return 0;
    }
    if (text.at[text.len - 1] < '0' || text.at[text.len - 1] > '9')
        return pfs_fail(b->err, EINVAL, "JSON has no %.*s", (int)text.len, (const char *)text.at);
    if (point == NULL && !exponent && pfs_i64_parse(text, &integer) == 0) {
        put_integer(b, integer);
        return 0;
    }
    if (!exponent && scale <= PFS_DECIMAL_DIGITS &&
        pfs_decimal_parse(text, PFS_DECIMAL_DIGITS, (int)scale, true, &decimal) == 0) {
        put_decimal(b, decimal, (int)scale);
        return 0;
    }
    return put_double(b, text);
}

/* A string of JSON; an escaped one borrows b->plain. */
static int text_of(struct build *b, const struct pfs_cell *cell, struct pfs_slice *out)
{
    uint8_t *to;

    *out = pfs_cell_text(cell);
    if (cell->form != PFS_CELL_ESCAPED)
        return 0;
    pfs_buf_clear(&b->plain);
    to = pfs_buf_reserve(&b->plain, cell->len);
    if (to == NULL)
        return check(b, &b->plain);
    *out = pfs_slice_of(to, pfs_cell_unescape(cell, to));
    return 0;
}

static void put_string(struct build *b, struct pfs_slice text)
{
    if (text.len <= SHORT_STRING_MAX) {
        pfs_buf_putc(&b->value, (uint8_t)(text.len << 2 | STRING_SHORT));
    } else {
        put_primitive(b, STRING);
        pfs_buf_le32(&b->value, (uint32_t)text.len);
    }
    pfs_buf_put(&b->value, text.at, text.len);
}

/* Those of the innermost container; NULL when it has none. */
static struct item *last_items(const struct build *b, size_t count)
{
    assert(count <= b->items.len / sizeof(struct item));
    return count == 0 ? NULL : (struct item *)(void *)(b->items.at + b->items.len) - count;
}

/* Puts the header of the container whose `count` items end the list in front of its values, which begin at `from`. */
static int put_header(struct build *b, bool object, size_t from, size_t count)
{
    const struct item *item = last_items(b, count);
    size_t values = b->value.len - from, offset_width = width_of(values), id_width = 1;
    size_t count_width = count > 0xFF ? 4 : 1, bytes, sizes;
    uint32_t most = 0;

    for (size_t i = 0; object && i < count; i++)
        most = item[i].key > most ? item[i].key : most;
    id_width = width_of(most);
    bytes = 1 + count_width + (object ? count * id_width : 0) + (count + 1) * offset_width;
    if (pfs_buf_reserve(&b->value, bytes) == NULL)
        return check(b, &b->value);
    memmove(b->value.at + from + bytes, b->value.at + from, values);
    b->value.len = from;
    sizes = (offset_width - 1) | (object ? (id_width - 1) << 2 : 0) | (size_t)(count > 0xFF) << (object ? 4 : 2);
    pfs_buf_putc(&b->value, (uint8_t)(sizes << 2 | (object ? OBJECT : ARRAY)));
    put_le(&b->value, (uint32_t)count, count_width);
    for (size_t i = 0; object && i < count; i++)
        put_le(&b->value, item[i].key, id_width);
    for (size_t i = 0; i < count; i++)
        put_le(&b->value, item[i].offset, offset_width);
    put_le(&b->value, (uint32_t)values, offset_width);
    assert(b->value.len == from + bytes); /* the values lie behind it already */
    b->value.len += values;
    return 0;
}

/* Readers look keys up by halving: an object's items are in the order of their keys, whatever order they came in. */
static int sort_items(struct build *b, size_t count)
{
    struct item *item = last_items(b, count);

    if (count < 2)
        return 0;
    qsort_r(item, count, sizeof(*item), compare_items, b);
    for (size_t i = 1; i < count; i++) {
        struct pfs_slice name = key_text(b, item[i].key);

        if (item[i].key == item[i - 1].key)
            return pfs_fail(b->err, EINVAL, "twice the key \"%.*s\"", (int)pfs_utf8_prefix(name, 40),
                            (const char *)name.at);
    }
    return 0;
}

static int put_value(struct build *b, const struct pfs_cell *cell, int depth);

static int put_container(struct build *b, const struct pfs_cell *cell, int depth)
{
    bool object = cell->form == PFS_CELL_OBJECT;
    size_t from = b->value.len, items = b->items.len, count;
    struct pfs_cell key, value;
    struct pfs_json json;
    int more;

    PFS_TRY(pfs_json_open(&json, pfs_cell_text(cell), object ? '{' : '[', b->err));
    while ((more = object ? pfs_json_member(&json, &key, &value, b->err) : pfs_json_element(&json, &value, b->err)) >
           0) {
        struct item item = {(uint32_t)(b->value.len - from), 0};
        struct pfs_slice name;

        if (object) {
            PFS_TRY(text_of(b, &key, &name));
            PFS_TRY(key_of(b, name, &item.key));
        }
        pfs_buf_put(&b->items, &item, sizeof(item));
        PFS_TRY(check(b, &b->items));
        PFS_TRY(put_value(b, &value, depth + 1));
    }
    PFS_TRY(more);
    count = (b->items.len - items) / sizeof(struct item);
    if (object)
        PFS_TRY(sort_items(b, count));
    PFS_TRY(put_header(b, object, from, count));
    assert(b->items.len >= items);
    b->items.len = items;
    return 0;
}

static int put_value(struct build *b, const struct pfs_cell *cell, int depth)
{
    struct pfs_slice text;

    if (depth > PFS_JSON_DEPTH_MAX)
        return pfs_fail(b->err, EINVAL, "JSON nests deeper than %d levels", PFS_JSON_DEPTH_MAX);
    switch ((enum pfs_cell_form)cell->form) {
    case PFS_CELL_NULL:
        put_primitive(b, NOTHING);
        break;
    case PFS_CELL_ARRAY:
    case PFS_CELL_OBJECT:
        return put_container(b, cell, depth);
    case PFS_CELL_WORD:
        PFS_TRY(put_word(b, pfs_cell_text(cell)));
        break;
    case PFS_CELL_BARE:
    case PFS_CELL_QUOTED:
    case PFS_CELL_DOUBLED:
    case PFS_CELL_STRING:
    case PFS_CELL_ESCAPED:
        PFS_TRY(text_of(b, cell, &text));
        put_string(b, text);
    }
    return check(b, &b->value);
}

/* ---- columns ---- */

static void put_metadata(const struct build *b, struct pfs_buf *out)
{
    const struct key *key = (const struct key *)(const void *)b->keys.at;
    size_t count = key_count(b), width = width_of(b->texts.len > count ? b->texts.len : count);

    pfs_buf_putc(out, (uint8_t)(1 | (width - 1) << 6));
    put_le(out, (uint32_t)count, width);
    for (size_t i = 0; i < count; i++)
        put_le(out, key[i].from, width);
    put_le(out, (uint32_t)b->texts.len, width);
    pfs_buf_put(out, b->texts.at, b->texts.len);
}

/* Appends one value as batch.h lays it out. */
static int put_variant(struct build *b, const struct pfs_cell *cell, struct pfs_buf *out)
{
    size_t from = out->len, value_bytes;
    struct pfs_cell json = *cell;

    pfs_buf_clear(&b->value);
    pfs_buf_clear(&b->texts);
    pfs_buf_clear(&b->keys);
    pfs_buf_clear(&b->items);
    pfs_buf_clear(&b->slots); /* the next value pays for its own keys alone */
    if (cell->form == PFS_CELL_BARE || cell->form == PFS_CELL_QUOTED || cell->form == PFS_CELL_STRING)
        PFS_TRY(pfs_json_value(pfs_cell_text(cell), &json, b->err));
    PFS_TRY(put_value(b, &json, 0));
    value_bytes = b->value.len;
    pfs_buf_le32(out, (uint32_t)value_bytes);
    pfs_buf_put(out, b->value.at, value_bytes);
    put_metadata(b, out);
    if (!out->failed && out->len - from - 4 - value_bytes > VARIANT_PART_MAX)
        return pfs_fail(b->err, ERANGE, "its keys have more than %zu MiB", VARIANT_PART_MAX >> 20);
    return 0;
}

/* Want of memory, or of room for the column, is not about a row; all else refuses the row, with the reason. */
static int fill(struct pfs_convert *c, struct build *b, const struct pfs_cell *cells, int32_t rows, int32_t *offsets,
                struct pfs_buf *out)
{
    for (int32_t i = 0; i < rows; i++) {
        struct pfs_err why = {0};
        char text[sizeof(why.text) + 20] = "is no variant: ";
        int rc;

        offsets[i] = (int32_t)out->len;
        if (cells[i].form == PFS_CELL_NULL)
            continue;
        b->err = &why;
        rc = put_variant(b, &cells[i], out);
        if (rc == -ENOMEM)
            return pfs_fail(c->err, ENOMEM, "%s", why.text);
        if (out->failed)
            return pfs_fail(c->err, EMSGSIZE, "the rows of one write hold more than 1 GiB of one column");
        if (rc < 0) {
            memcpy(text + strlen(text), why.text, strlen(why.text) + 1);
            return pfs_cell_refuse(c, cells, i, -rc, text);
        }
    }
    offsets[rows] = (int32_t)out->len;
    return 0;
}

int pfs_cells_variant(struct pfs_convert *c, const struct pfs_type *type, const struct pfs_cell *cells, int32_t rows,
                      struct pfs_column *out)
{
    int32_t *offsets = pfs_arena_alloc(c->arena, ((size_t)rows + 1) * sizeof(*offsets));
    struct pfs_slice run = {NULL, 0};
    struct pfs_buf variants;
    struct build b = {0};
    int rc;

    (void)type;
    if (offsets == NULL)
        return pfs_arena_full(c->arena, c->err);
    pfs_buf_init(&variants, VARIANTS_BYTES_MAX);
    pfs_buf_init(&b.value, VARIANT_PART_MAX);
    pfs_buf_init(&b.texts, VARIANT_PART_MAX);
    rc = fill(c, &b, cells, rows, offsets, &variants);
    if (rc == 0 && !pfs_arena_copy(c->arena, pfs_buf_slice(&variants), &run))
        rc = pfs_arena_full(c->arena, c->err);
    out->offsets = offsets;
    out->values = run.at;
    pfs_buf_done(&variants);
    pfs_buf_done(&b.value);
    pfs_buf_done(&b.texts);
    pfs_buf_done(&b.keys);
    pfs_buf_done(&b.slots);
    pfs_buf_done(&b.items);
    pfs_buf_done(&b.plain);
    return rc;
}
