/* elements.c - hash, equality and order of elements, each as Java has it where somebody can tell.
 *
 * Equality is deep. The hash of a value is that of the class that Paimon keeps it in (BinaryString, BigDecimal, ...)
 * wherever the order of a HashMap becomes visible in a result; nested elements, whose order is that of arrival, have
 * any hash under which equal ones are equal. The table is open addressing over places in a list, cleared by its size
 * for the key at hand, so that a million small lists do not pay for one large one.
 */
#include "src/merge/elements.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/hash.h"
#include "base/limits.h"
#include "format/binrow.h"
#include "format/text/text.h"

/* ---- equality ---- */

static bool lists_equal(const struct pfs_column *a, int64_t i, const struct pfs_column *b, int64_t k)
{
    int32_t from = a->offsets[i], other = b->offsets[k], len = a->offsets[i + 1] - from;

    if (b->offsets[k + 1] - other != len)
        return false;
    for (int32_t n = 0; n < len; n++)
        if (!pfs_value_equal(&a->children[0], from + n, &b->children[0], other + n))
            return false;
    return true;
}

/* Every entry of a is one of b; their keys are distinct and as many. */
static bool maps_equal(const struct pfs_column *a, int64_t i, const struct pfs_column *b, int64_t k)
{
    int32_t len = a->offsets[i + 1] - a->offsets[i];

    if (b->offsets[k + 1] - b->offsets[k] != len)
        return false;
    for (int32_t x = a->offsets[i]; x < a->offsets[i + 1]; x++) {
        int32_t y = b->offsets[k];

        while (y < b->offsets[k + 1] && !pfs_value_equal(&a->children[0], x, &b->children[0], y))
            y++;
        if (y == b->offsets[k + 1] || !pfs_value_equal(&a->children[1], x, &b->children[1], y))
            return false;
    }
    return true;
}

static bool rows_equal(const struct pfs_column *a, int64_t i, const struct pfs_column *b, int64_t k)
{
    for (int32_t c = 0; c < a->type->children; c++)
        if (!pfs_value_equal(&a->children[c], i, &b->children[c], k))
            return false;
    return true;
}

bool pfs_value_equal(const struct pfs_column *a, int64_t row_a, const struct pfs_column *b, int64_t row_b)
{
    bool has = pfs_column_present(a, row_a);

    assert(a->type->kind == b->type->kind);
    if (has != pfs_column_present(b, row_b))
        return false;
    if (!has)
        return true;
    if (a->type->kind == PFS_ROW)
        return rows_equal(a, row_a, b, row_b);
    if (a->type->kind == PFS_MAP || a->type->kind == PFS_MULTISET)
        return maps_equal(a, row_a, b, row_b);
    if (a->type->kind == PFS_ARRAY)
        return lists_equal(a, row_a, b, row_b);
    return pfs_value_compare(a, row_a, b, row_b) == 0;
}

bool pfs_elements_equal(const struct pfs_elements *e, int32_t a, int32_t b)
{
    for (int32_t c = 0; c < e->columns; c++)
        if (!pfs_value_equal(e->column[c], a, e->column[c], b))
            return false;
    return true;
}

/* ---- hashes ---- */

/* Murmur over the bytes; those after the last whole word count as a word each, with their sign. */
static uint32_t hash_text(struct pfs_slice text)
{
    uint32_t h = PFS_MURMUR_SEED;
    size_t i = 0;

    for (; i + 4 <= text.len; i += 4)
        h = pfs_murmur_mix(h, pfs_le32(text.at + i));
    for (; i < text.len; i++)
        h = pfs_murmur_mix(h, (uint32_t)(int8_t)text.at[i]);
    return pfs_murmur_end(h, (uint32_t)text.len);
}

static uint32_t hash_64(uint64_t v)
{
    return (uint32_t)(v ^ v >> 32);
}

/* BigDecimal: that of its integer, by 32-bit words from the highest on, and the scale. */
static uint32_t hash_decimal(pfs_i128 v, int32_t scale)
{
    pfs_u128 n = v < 0 ? -(pfs_u128)v : (pfs_u128)v;
    uint32_t h = 0;

    for (int shift = 96; shift >= 0; shift -= 32)
        h = 31 * h + (uint32_t)(n >> shift);
    return 31 * (v < 0 ? 0 - h : h) + (uint32_t)scale;
}

static uint32_t hash_time(const struct pfs_column *c, int64_t i)
{
    const int64_t *v = c->values;
    struct pfs_time96 t = {0};

    if (c->type->precision <= 3) {
        t.millis = v[i];
    } else if (c->type->precision <= 6) {
        t.nanos = (int32_t)(((v[i] % 1000) + 1000) % 1000);
        t.millis = (v[i] - t.nanos) / 1000;
        t.nanos *= 1000;
    } else {
        t = ((const struct pfs_time96 *)c->values)[i];
    }
    return 31 * ((uint32_t)t.millis ^ (uint32_t)((uint64_t)t.millis >> 32)) + (uint32_t)t.nanos;
}

/* One loop a kind; null rows are set to 0 afterwards. */
#define HASH(name, value)                                                                   \
    static void name(const struct pfs_column *c, int64_t from, int64_t rows, uint32_t *out) \
    {                                                                                       \
        for (int64_t n = 0; n < rows; n++) {                                                \
            int64_t i = from + n;                                                           \
                                                                                            \
            out[n] = (uint32_t)(value);                                                     \
        }                                                                                   \
    }

HASH(hash_bools, ((const uint8_t *)c->values)[i] ? 1231 : 1237)
HASH(hash_8s, ((const int8_t *)c->values)[i])
HASH(hash_16s, ((const int16_t *)c->values)[i])
HASH(hash_32s, ((const int32_t *)c->values)[i])
HASH(hash_64s, hash_64(((const uint64_t *)c->values)[i]))
HASH(hash_decimals, hash_decimal(((const int64_t *)c->values)[i], c->type->scale))
HASH(hash_wide_decimals, hash_decimal(((const pfs_i128 *)c->values)[i], c->type->scale))
HASH(hash_times, hash_time(c, i))
HASH(hash_texts, hash_text(pfs_column_bytes(c, i)))

/* NaN has many forms and one hash. */
static void hash_floats(const struct pfs_column *c, int64_t from, int64_t rows, uint32_t *out)
{
    const float *v = (const float *)c->values + from;

    for (int64_t n = 0; n < rows; n++) {
        memcpy(&out[n], &v[n], sizeof(*out));
        if (v[n] != v[n])
            out[n] = 0x7fc00000u;
    }
}

static void hash_doubles(const struct pfs_column *c, int64_t from, int64_t rows, uint32_t *out)
{
    const double *v = (const double *)c->values + from;

    for (int64_t n = 0; n < rows; n++) {
        uint64_t bits;

        memcpy(&bits, &v[n], sizeof(bits));
        out[n] = hash_64(v[n] != v[n] ? (uint64_t)0x7ff8 << 48 : bits);
    }
}

typedef void hash_fn(const struct pfs_column *c, int64_t from, int64_t rows, uint32_t *out);

static int hash_column(const struct pfs_column *c, int depth, int64_t from, int64_t rows, struct pfs_arena *arena,
                       uint32_t *out, struct pfs_err *err);

/* Not Java's, only such that equal values have equal ones: those of parts are added up, in lists after their place. */
static int hash_nested(const struct pfs_column *c, int depth, int64_t from, int64_t rows, struct pfs_arena *arena,
                       uint32_t *out, struct pfs_err *err)
{
    bool row = c->type->kind == PFS_ROW;
    int32_t children = c->type->kind == PFS_MULTISET ? 2 : c->type->children;
    int64_t first = row ? from : c->offsets[from], parts = (row ? from + rows : c->offsets[from + rows]) - first;
    uint32_t *part = pfs_arena_alloc(arena, (size_t)parts * sizeof(*part));

    if (part == NULL)
        return pfs_arena_full(arena, err);
    memset(out, 0, (size_t)rows * sizeof(*out));
    for (int32_t k = 0; k < children; k++) {
        PFS_TRY(hash_column(&c->children[k], depth + 1, first, parts, arena, part, err));
        for (int64_t n = 0; n < rows; n++) {
            int64_t at = row ? n : c->offsets[from + n] - first, end = row ? n + 1 : c->offsets[from + n + 1] - first;

            for (int64_t p = at; p < end; p++) {
                uint32_t place = c->type->kind == PFS_ARRAY ? (uint32_t)(p - at) : (uint32_t)k;

                out[n] += pfs_murmur_mix(place, part[p]);
            }
        }
    }
    return 0;
}

static hash_fn *kernel_of(const struct pfs_type *type)
{
    switch (type->kind) {
    case PFS_BOOLEAN:
        return hash_bools;
    case PFS_TINYINT:
        return hash_8s;
    case PFS_SMALLINT:
        return hash_16s;
    case PFS_INT:
    case PFS_DATE:
    case PFS_TIME:
        return hash_32s;
    case PFS_BIGINT:
        return hash_64s;
    case PFS_FLOAT:
        return hash_floats;
    case PFS_DOUBLE:
        return hash_doubles;
    case PFS_DECIMAL:
        return pfs_type_width(type) == 8 ? hash_decimals : hash_wide_decimals;
    case PFS_TIMESTAMP:
    case PFS_TIMESTAMP_LTZ:
        return hash_times;
    case PFS_CHAR:
    case PFS_VARCHAR:
    case PFS_BINARY:
    case PFS_VARBINARY:
    case PFS_VARIANT:
    case PFS_BLOB:
        return hash_texts;
    case PFS_ARRAY:
    case PFS_MAP:
    case PFS_MULTISET:
    case PFS_ROW:
    case PFS_KIND_COUNT:
        break;
    }
    return NULL;
}

static int hash_column(const struct pfs_column *c, int depth, int64_t from, int64_t rows, struct pfs_arena *arena,
                       uint32_t *out, struct pfs_err *err)
{
    hash_fn *kernel = kernel_of(c->type);

    if (depth > PFS_JSON_DEPTH_MAX)
        return pfs_fail(err, E2BIG, "a type nested too deep");
    if (kernel != NULL)
        kernel(c, from, rows, out);
    else
        PFS_TRY(hash_nested(c, depth, from, rows, arena, out, err));
    for (int64_t n = 0; n < rows && c->valid != NULL; n++)
        if (!pfs_column_present(c, from + n))
            out[n] = 0;
    return 0;
}

static int hash_rows(struct pfs_elements *e, int64_t rows, struct pfs_arena *arena, struct pfs_err *err)
{
    struct pfs_column *view = pfs_arena_array(arena, (size_t)e->columns, sizeof(*view));
    const struct pfs_column **views = pfs_arena_array(arena, (size_t)e->columns, sizeof(struct pfs_column *));
    struct pfs_buf scratch = {0};
    int rc;

    if (view == NULL || views == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t c = 0; c < e->columns; c++) {
        PFS_TRY(pfs_column_slice(e->column[c], e->base, rows, arena, &view[c], err));
        views[c] = &view[c];
    }
    rc = pfs_binrow_hash_batch(views, e->columns, rows, &scratch, (int32_t *)e->hash, err);
    pfs_buf_done(&scratch);
    return rc;
}

int pfs_elements_init(struct pfs_elements *e, const struct pfs_column *const *columns, int32_t count, bool row,
                      int64_t from, int64_t to, struct pfs_arena *arena, struct pfs_err *err)
{
    const struct pfs_type *type = columns[0]->type;

    assert(count > 0);
    assert(row || count == 1); /* several columns are told apart as fields of a row alone */
    assert(from >= 0 && from <= to);
    *e = (struct pfs_elements){.column = columns, .columns = count, .base = from};
    e->ordered = row || (!pfs_kind_is_nested(type->kind) && type->kind != PFS_BINARY && type->kind != PFS_VARBINARY);
    e->hash = pfs_arena_alloc(arena, (size_t)(to - from) * sizeof(*e->hash));
    if (e->hash == NULL)
        return pfs_arena_full(arena, err);
    if (row)
        return hash_rows(e, to - from, arena, err);
    return hash_column(columns[0], 0, from, to - from, arena, e->hash, err);
}

/* ---- the table ---- */

static int64_t table_size(int64_t count)
{
    int64_t size = 16; /* at most half full: every search meets a free place, and soon */

    while (size < 2 * count)
        size *= 2;
    return size;
}

int pfs_element_table_init(struct pfs_element_table *t, int64_t most, struct pfs_arena *arena, struct pfs_err *err)
{
    t->room = table_size(most);
    t->place = pfs_arena_zalloc(arena, (size_t)t->room * sizeof(*t->place));
    return t->place == NULL ? pfs_arena_full(arena, err) : 0;
}

void pfs_element_table_fit(struct pfs_element_table *t, int64_t count)
{
    assert(table_size(count) <= t->room); /* `count` is no more than the most that room was made for */
    t->mask = (uint32_t)table_size(count) - 1;
}

void pfs_element_table_clear(struct pfs_element_table *t)
{
    assert((int64_t)t->mask < t->room);
    if (t->mask == 15)
        memset(t->place, 0, 16 * sizeof(*t->place)); /* no call */
    else
        memset(t->place, 0, ((size_t)t->mask + 1) * sizeof(*t->place));
}

int64_t pfs_element_table_find(struct pfs_element_table *t, const struct pfs_elements *e, const int32_t *list,
                               int32_t element, int64_t next)
{
    uint32_t hash = e->hash[element - e->base], slot = hash * 0x9e3779b1u;

    assert(element >= e->base);
    if (e->apart)
        return -1;
    for (slot ^= slot >> 15;; slot++) {
        int32_t place = t->place[slot & t->mask] - 1;

        if (place < 0)
            break;
        if (e->hash[list[place] - e->base] == hash && pfs_elements_equal(e, list[place], element))
            return place;
    }
    if (next >= 0)
        t->place[slot & t->mask] = (int32_t)next + 1;
    return -1;
}

/* ---- Java's order ---- */

static uint32_t java_slot(const struct pfs_elements *e, int32_t element, int64_t capacity)
{
    uint32_t h = e->hash[element - e->base];

    return (h ^ h >> 16) & (uint32_t)(capacity - 1);
}

/* Few elements are sorted as they come in. */
static void order_few(const struct pfs_elements *e, const int32_t *list, int64_t count, bool last_first, int32_t *slot,
                      int32_t *order)
{
    for (int64_t n = 0; n < count; n++) {
        int64_t i = last_first ? count - 1 - n : n, k = n;
        int32_t mine = (int32_t)java_slot(e, list[i], 16);

        for (; k > 0 && slot[k - 1] > mine; k--) {
            slot[k] = slot[k - 1];
            order[k] = order[k - 1];
        }
        slot[k] = mine;
        order[k] = (int32_t)i;
    }
}

static void count_places(const struct pfs_elements *e, const int32_t *list, int64_t count, int64_t capacity,
                         uint8_t *there)
{
    assert(capacity <= 64);
    memset(there, 0, 64);
    for (int64_t i = 0; i < count; i++)
        there[java_slot(e, list[i], capacity)]++;
}

/* How large the table became. Below 64 places one that is crowded makes it grow, too, whatever its size: put finds
 * eight there, computeIfAbsent seven. Above, Java makes a tree of the place, whose order is not followed here. */
static int64_t java_capacity(const struct pfs_elements *e, const int32_t *list, int64_t count, int64_t most,
                             bool last_first)
{
    const int crowd = last_first ? 7 : 8;
    int64_t capacity = 16;
    uint8_t there[64] = {0};

    for (int64_t i = 0; count > crowd && i < count && capacity < 64; i++) {
        bool crowded;

        if (last_first && 4 * i > 3 * capacity) {
            capacity *= 2;
            count_places(e, list, i, capacity, there);
        }
        crowded = there[java_slot(e, list[i], capacity)]++ >= crowd;
        if ((crowded && capacity < 64) || (!last_first && 4 * (i + 1) > 3 * capacity)) {
            capacity *= 2;
            if (capacity <= 64)
                count_places(e, list, i + 1, capacity, there);
        }
    }
    while (4 * most > 3 * capacity)
        capacity *= 2;
    return capacity;
}

void pfs_elements_java_order(const struct pfs_elements *e, const int32_t *list, int64_t count, int64_t most,
                             bool last_first, int32_t *scratch, int32_t *order)
{
    int64_t capacity = java_capacity(e, list, count, most, last_first);
    int32_t sum = 0;

    assert(count <= most + last_first);
    assert(capacity <= 4 * most + 32); /* the room in `scratch` */
    if (capacity == 16) {
        order_few(e, list, count, last_first, scratch, order);
        return;
    }
    memset(scratch, 0, (size_t)capacity * sizeof(*scratch));
    for (int64_t i = 0; i < count; i++)
        scratch[java_slot(e, list[i], capacity)]++;
    for (int64_t s = 0; s < capacity; s++) {
        int32_t in_slot = scratch[s];

        scratch[s] = sum;
        sum += in_slot;
    }
    for (int64_t n = 0; n < count; n++) {
        int64_t i = last_first ? count - 1 - n : n;

        order[scratch[java_slot(e, list[i], capacity)]++] = (int32_t)i;
    }
}
