/* column.c - columns by shape: which streams they have, which rows are there, rows out.
 *
 * A shape follows from the file's type and the wanted one and says which streams of a stripe are read:
 *
 *     BOOLEAN, BYTE     DATA                       TEXT          LENGTH, DATA; or with a dictionary DATA (places),
 *     INTEGER           DATA                                     LENGTH and DICTIONARY_DATA (of its entries)
 *     REAL              DATA                       LIST          LENGTH, and the columns in it
 *     DECIMAL           DATA, SECONDARY (scales)   ROW           the columns in it
 *     TIME              DATA, SECONDARY (nanos)    each, if some row is null, PRESENT
 *
 * Heads (presence and lengths) may be decoded for more rows than are taken. `heads.rows` of them are prepared, `at` are
 * taken; the same in dense values is `present` and `used`. A seek or a new stripe drops them. The columns in a ROW are
 * prepared with it, under its presence as their mask; those in a list only when the list's rows are taken, as before
 * that nobody knows how many elements there are.
 */
#include "format/orc/column.h"

#include <assert.h>

#include "base/limits.h"
#include "base/mem.h"
#include "format/orc/text.h"
#include "format/orc/value.h"

#define HEADS_MAX ((int64_t)PFS_BATCH_BYTES_MAX / (int64_t)sizeof(int64_t)) /* what a batch could hold anyway */
#define ELEMENT_BYTES 16                                                    /* taken for one of a list by `limit` */

static const struct pfs_type count_type = {.kind = PFS_INT};

/* ---- making ---- */

/* Integers of any width are read as any other; a value that does not fit is an error then. */
static enum pfs_orc_shape integer_shape(enum pfs_orc_kind kind)
{
    if (kind == PFS_ORC_BYTE)
        return PFS_ORC_SHAPE_BYTE;
    return kind == PFS_ORC_SHORT || kind == PFS_ORC_INT || kind == PFS_ORC_LONG ? PFS_ORC_SHAPE_INTEGER
                                                                                : PFS_ORC_SHAPE_ABSENT;
}

static enum pfs_orc_shape when(bool fits, enum pfs_orc_shape shape)
{
    return fits ? shape : PFS_ORC_SHAPE_ABSENT;
}

/* How a type of the file becomes the wanted one; ABSENT when it cannot. */
static enum pfs_orc_shape pick_shape(enum pfs_orc_kind have, enum pfs_kind want)
{
    bool text = have == PFS_ORC_STRING || have == PFS_ORC_VARCHAR || have == PFS_ORC_CHAR;

    switch (want) {
    case PFS_BOOLEAN:
        return when(have == PFS_ORC_BOOLEAN, PFS_ORC_SHAPE_BOOLEAN);
    case PFS_TINYINT:
    case PFS_SMALLINT:
    case PFS_INT:
    case PFS_BIGINT:
    case PFS_TIME:
        return integer_shape(have);
    case PFS_DATE:
        return when(have == PFS_ORC_DATE, PFS_ORC_SHAPE_INTEGER);
    case PFS_FLOAT:
        return when(have == PFS_ORC_FLOAT, PFS_ORC_SHAPE_REAL);
    case PFS_DOUBLE:
        return when(have == PFS_ORC_FLOAT || have == PFS_ORC_DOUBLE, PFS_ORC_SHAPE_REAL);
    case PFS_DECIMAL:
        return when(have == PFS_ORC_DECIMAL, PFS_ORC_SHAPE_DECIMAL);
    case PFS_CHAR:
    case PFS_VARCHAR:
        return when(text, PFS_ORC_SHAPE_TEXT);
    case PFS_BINARY:
    case PFS_VARBINARY:
    case PFS_BLOB:
        return when(text || have == PFS_ORC_BINARY, PFS_ORC_SHAPE_TEXT);
    case PFS_TIMESTAMP:
    case PFS_TIMESTAMP_LTZ:
        return when(have == PFS_ORC_TIMESTAMP || have == PFS_ORC_TIMESTAMP_INSTANT, PFS_ORC_SHAPE_TIME);
    case PFS_ARRAY:
        return when(have == PFS_ORC_LIST, PFS_ORC_SHAPE_LIST);
    case PFS_MAP:
    case PFS_MULTISET:
        return when(have == PFS_ORC_MAP, PFS_ORC_SHAPE_LIST);
    case PFS_ROW:
        return when(have == PFS_ORC_STRUCT, PFS_ORC_SHAPE_ROW);
    case PFS_VARIANT:
    case PFS_KIND_COUNT:
        break;
    }
    return PFS_ORC_SHAPE_ABSENT;
}

void pfs_orc_column_absent(struct pfs_orc_column *column, const struct pfs_type *type)
{
    column->type = type;
    column->shape = PFS_ORC_SHAPE_ABSENT;
}

/* Fields by name, as the file has them in an order of its own, and maybe more. */
static int init_row(struct pfs_orc_column *column, const struct pfs_orc_tail *tail, struct pfs_arena *arena,
                    struct pfs_err *err)
{
    for (int32_t i = 0; i < column->children; i++) {
        const struct pfs_field *field = &column->type->child[i];
        uint32_t at = 0;

        while (at < column->node->children && !pfs_slice_eq(column->node->name[at], pfs_str(field->name)))
            at++;
        if (at == column->node->children)
            return pfs_fail(err, EIO, "its field %s is not in the file", field->name);
        if (pfs_orc_column_init(&column->child[i], tail, column->node->child[at], &field->type, arena, err) < 0)
            return pfs_wrap(err, "field %s", field->name);
    }
    return 0;
}

static int init_list(struct pfs_orc_column *column, const struct pfs_orc_tail *tail, struct pfs_arena *arena,
                     struct pfs_err *err)
{
    if ((int64_t)column->node->children != column->children)
        return pfs_fail(err, EIO, "a list or map of %u parts", column->node->children);
    for (int32_t i = 0; i < column->children; i++) {
        const struct pfs_type *type = i < column->type->children ? &column->type->child[i].type : &count_type;

        PFS_TRY(pfs_orc_column_init(&column->child[i], tail, column->node->child[i], type, arena, err));
    }
    return 0;
}

int pfs_orc_column_init(struct pfs_orc_column *column, const struct pfs_orc_tail *tail, uint32_t id,
                        const struct pfs_type *type, struct pfs_arena *arena, struct pfs_err *err)
{
    const struct pfs_orc_type *node = &tail->type[id];

    assert(id < tail->types);
    assert(column->child == NULL); /* zeroed, or what it has would be lost */
    if (node->kind == PFS_ORC_UNION || type->kind == PFS_VARIANT)
        return pfs_fail(err, EOPNOTSUPP, "a %s cannot be read from ORC",
                        type->kind == PFS_VARIANT ? "VARIANT" : "UNION");
    column->type = type;
    column->node = node;
    column->id = id;
    column->width = pfs_type_width(type);
    column->trim = node->kind == PFS_ORC_CHAR;
    column->shape = pick_shape(node->kind, type->kind);
    if (column->shape == PFS_ORC_SHAPE_ABSENT)
        return pfs_fail(err, EIO, "the file holds a type (ORC's number %d) that cannot be read as the wanted one",
                        (int)node->kind);
    if (column->shape != PFS_ORC_SHAPE_ROW && column->shape != PFS_ORC_SHAPE_LIST)
        return 0;
    column->children = type->kind == PFS_MULTISET ? 2 : type->children;
    column->child = pfs_arena_array(arena, (size_t)column->children, sizeof(*column->child));
    if (column->child == NULL)
        return pfs_arena_full(arena, err);
    return column->shape == PFS_ORC_SHAPE_ROW ? init_row(column, tail, arena, err)
                                              : init_list(column, tail, arena, err);
}

/* The union holds what the shape says; what is not used is zeroed, and done takes that. */
void pfs_orc_column_done(struct pfs_orc_column *column)
{
    for (int32_t i = 0; column->child != NULL && i < column->children; i++)
        pfs_orc_column_done(&column->child[i]);
    switch (column->shape) {
    case PFS_ORC_SHAPE_BOOLEAN:
        pfs_orc_bools_done(&column->bools);
        break;
    case PFS_ORC_SHAPE_BYTE:
        pfs_orc_octets_done(&column->octets);
        break;
    case PFS_ORC_SHAPE_INTEGER:
    case PFS_ORC_SHAPE_TIME:
    case PFS_ORC_SHAPE_TEXT:
    case PFS_ORC_SHAPE_LIST:
        pfs_orc_ints_done(&column->ints);
        break;
    case PFS_ORC_SHAPE_REAL:
    case PFS_ORC_SHAPE_DECIMAL:
        pfs_orc_stream_done(&column->raw);
        break;
    case PFS_ORC_SHAPE_ABSENT:
    case PFS_ORC_SHAPE_ROW:
        break;
    }
    pfs_orc_bools_done(&column->present);
    pfs_orc_ints_done(&column->second);
    pfs_orc_stream_done(&column->bytes);
    pfs_free(column->dense);
    pfs_free(column->heads.valid);
    pfs_free(column->heads.value);
    pfs_orc_text_done(column);
}

/* ---- going to a place ---- */

/* Whether a stripe has a dictionary is each stripe's own: DATA and LENGTH then mean other things. */
static int open_text(struct pfs_orc_column *column, const struct pfs_orc_stripe_open *open,
                     const struct pfs_orc_extent *data, const struct pfs_orc_extent *length, bool second,
                     struct pfs_err *err)
{
    const struct pfs_orc_stripe_footer *footer = open->footer;
    enum pfs_orc_encoding encoding = footer->encoding[column->id];

    column->dictionary.used = encoding == PFS_ORC_DICTIONARY || encoding == PFS_ORC_DICTIONARY_V2;
    column->dictionary.loaded = false;
    column->dictionary.count = footer->dictionary_count[column->id];
    if (column->dictionary.count > INT32_MAX)
        return pfs_fail(err, EIO, "a dictionary of %u entries", column->dictionary.count);
    if (!column->dictionary.used) {
        pfs_orc_ints_open(&column->ints, open->source, length, second, false);
        pfs_orc_stream_open(&column->bytes, open->source, data);
        return 0;
    }
    pfs_orc_ints_open(&column->ints, open->source, data, second, false);
    pfs_orc_ints_open(&column->second, open->source, length, second, false);
    pfs_orc_stream_open(&column->bytes, open->source, pfs_orc_extent_find(footer, column->id, PFS_ORC_DICTIONARY_DATA));
    return 0;
}

static int open_streams(struct pfs_orc_column *column, const struct pfs_orc_stripe_open *open, struct pfs_err *err)
{
    const struct pfs_orc_source *source = open->source;
    enum pfs_orc_encoding encoding = open->footer->encoding[column->id];
    const struct pfs_orc_extent *data = pfs_orc_extent_find(open->footer, column->id, PFS_ORC_DATA),
                                *length = pfs_orc_extent_find(open->footer, column->id, PFS_ORC_LENGTH),
                                *secondary = pfs_orc_extent_find(open->footer, column->id, PFS_ORC_SECONDARY);
    bool second = encoding == PFS_ORC_DIRECT_V2 || encoding == PFS_ORC_DICTIONARY_V2;

    switch (column->shape) {
    case PFS_ORC_SHAPE_BOOLEAN:
        pfs_orc_bools_open(&column->bools, source, data);
        break;
    case PFS_ORC_SHAPE_BYTE:
        pfs_orc_octets_open(&column->octets, source, data);
        break;
    case PFS_ORC_SHAPE_INTEGER:
        pfs_orc_ints_open(&column->ints, source, data, second, true);
        break;
    case PFS_ORC_SHAPE_TIME:
        column->zone = *open->zone;
        pfs_orc_ints_open(&column->ints, source, data, second, true);
        pfs_orc_ints_open(&column->second, source, secondary, second, false);
        break;
    case PFS_ORC_SHAPE_DECIMAL:
        pfs_orc_ints_open(&column->second, source, secondary, second, true);
        pfs_orc_stream_open(&column->raw, source, data);
        break;
    case PFS_ORC_SHAPE_REAL:
        pfs_orc_stream_open(&column->raw, source, data);
        break;
    case PFS_ORC_SHAPE_TEXT:
        return open_text(column, open, data, length, second, err);
    case PFS_ORC_SHAPE_LIST:
        pfs_orc_ints_open(&column->ints, source, length, second, false);
        break;
    case PFS_ORC_SHAPE_ROW:
    case PFS_ORC_SHAPE_ABSENT:
        break;
    }
    return 0;
}

static void drop_heads(struct pfs_orc_column *column)
{
    column->heads.rows = column->heads.at = 0;
    column->heads.present = column->heads.used = 0;
}

int pfs_orc_column_stripe(struct pfs_orc_column *column, const struct pfs_orc_stripe_open *open, struct pfs_err *err)
{
    const struct pfs_orc_extent *present;

    if (column->shape == PFS_ORC_SHAPE_ABSENT)
        return 0;
    assert(column->id < open->footer->columns);
    present = pfs_orc_extent_find(open->footer, column->id, PFS_ORC_PRESENT);
    drop_heads(column);
    column->has_present = present != NULL;
    pfs_orc_bools_open(&column->present, open->source, present);
    PFS_TRY(open_streams(column, open, err));
    for (int32_t i = 0; i < column->children; i++)
        PFS_TRY(pfs_orc_column_stripe(&column->child[i], open, err));
    return 0;
}

/* The numbers of a row index come stream by stream, in this order. The dictionary has none: it is of the whole stripe.
 */
static int seek_streams(struct pfs_orc_column *column, const struct pfs_orc_group *group, size_t *at,
                        struct pfs_err *err)
{
    switch (column->shape) {
    case PFS_ORC_SHAPE_BOOLEAN:
        return pfs_orc_bools_seek(&column->bools, group, at, err);
    case PFS_ORC_SHAPE_BYTE:
        return pfs_orc_octets_seek(&column->octets, group, at, err);
    case PFS_ORC_SHAPE_INTEGER:
    case PFS_ORC_SHAPE_LIST:
        return pfs_orc_ints_seek(&column->ints, group, at, err);
    case PFS_ORC_SHAPE_TIME:
        PFS_TRY(pfs_orc_ints_seek(&column->ints, group, at, err));
        return pfs_orc_ints_seek(&column->second, group, at, err);
    case PFS_ORC_SHAPE_DECIMAL:
        PFS_TRY(pfs_orc_stream_seek(&column->raw, group, at, err));
        return pfs_orc_ints_seek(&column->second, group, at, err);
    case PFS_ORC_SHAPE_REAL:
        return pfs_orc_stream_seek(&column->raw, group, at, err);
    case PFS_ORC_SHAPE_TEXT:
        if (!column->dictionary.used)
            PFS_TRY(pfs_orc_stream_seek(&column->bytes, group, at, err));
        return pfs_orc_ints_seek(&column->ints, group, at, err);
    case PFS_ORC_SHAPE_ROW:
    case PFS_ORC_SHAPE_ABSENT:
        break;
    }
    return 0;
}

int pfs_orc_column_seek(struct pfs_orc_column *column, const struct pfs_orc_index *indexes, size_t group,
                        struct pfs_err *err)
{
    size_t at = 0;

    if (column->shape == PFS_ORC_SHAPE_ABSENT)
        return 0;
    if (group >= indexes[column->id].groups)
        return pfs_fail(err, EIO, "a row index of %zu row groups", indexes[column->id].groups);
    drop_heads(column);
    if (column->has_present)
        PFS_TRY(pfs_orc_bools_seek(&column->present, &indexes[column->id].group[group], &at, err));
    PFS_TRY(seek_streams(column, &indexes[column->id].group[group], &at, err));
    for (int32_t i = 0; i < column->children; i++)
        PFS_TRY(pfs_orc_column_seek(&column->child[i], indexes, group, err));
    return 0;
}

/* ---- presence and heads ---- */

static int no_room(int64_t n, struct pfs_err *err)
{
    return pfs_fail(err, ENOMEM, "no memory for %lld values", (long long)n);
}

/* Kept from batch to batch. More than a batch could hold is refused: the count is a file's. */
static bool grow(void **at, int64_t *cap, int64_t want, size_t size)
{
    void *grown;

    assert(want >= 0);
    if (want <= *cap)
        return true;
    if (want > HEADS_MAX)
        return false;
    grown = pfs_realloc(*at, (size_t)want * size);
    if (grown == NULL)
        return false;
    *at = grown;
    *cap = want;
    return true;
}

/* Presence of the next n rows to `out` ((n + 7) / 8 bytes, written unless *all): those that neither the mask nor the
 * column itself lacks. */
static int next_presence(struct pfs_orc_column *column, const uint8_t *mask, int64_t n, uint8_t *out, bool *all,
                         int64_t *present, struct pfs_err *err)
{
    size_t bytes = (size_t)(n + 7) / 8;

    *all = mask == NULL && !column->has_present;
    *present = n;
    if (*all)
        return 0;
    if (mask == NULL) {
        PFS_TRY(pfs_orc_bools_next(&column->present, out, n, err));
    } else if (!column->has_present) {
        memcpy(out, mask, bytes);
    } else {
        int64_t cap = (int64_t)column->dense_cap;

        if (!grow((void **)&column->dense, &cap, (int64_t)bytes, 1))
            return no_room(n, err);
        column->dense_cap = (size_t)cap;
        PFS_TRY(pfs_orc_bools_next(&column->present, column->dense, pfs_orc_bits_count(mask, n), err));
        pfs_orc_bits_spread(column->dense, mask, n, out);
    }
    *present = pfs_orc_bits_count(out, n);
    assert(*present <= n);
    *all = *present == n;
    return 0;
}

bool pfs_orc_column_has_heads(const struct pfs_orc_column *column)
{
    return column->shape == PFS_ORC_SHAPE_TEXT || column->shape == PFS_ORC_SHAPE_LIST ||
           column->shape == PFS_ORC_SHAPE_ROW;
}

/* All of them at once, before any is used. A place below 0 is a very great one. */
static int check_places(const struct pfs_orc_column *column, struct pfs_err *err)
{
    uint64_t most = 0;

    for (int64_t i = 0; i < column->heads.present; i++)
        most = (uint64_t)column->heads.value[i] > most ? (uint64_t)column->heads.value[i] : most;
    return column->heads.present == 0 || most < column->dictionary.count
               ? 0
               : pfs_fail(err, EIO, "entry %llu of a dictionary of %u", (unsigned long long)most,
                          column->dictionary.count);
}

int pfs_orc_column_prepare(struct pfs_orc_column *column, const uint8_t *mask, int64_t n, struct pfs_err *err)
{
    struct pfs_orc_heads *heads = &column->heads;

    assert(pfs_orc_column_has_heads(column));
    assert(pfs_orc_column_prepared(column) == 0); /* what was decoded would be lost */
    drop_heads(column);
    if (!grow((void **)&heads->valid, &heads->valid_cap, (n + 7) / 8, 1))
        return no_room(n, err);
    PFS_TRY(next_presence(column, mask, n, heads->valid, &heads->all, &heads->present, err));
    if (column->shape == PFS_ORC_SHAPE_ROW) {
        for (int32_t i = 0; i < column->children; i++)
            if (pfs_orc_column_has_heads(&column->child[i]))
                PFS_TRY(pfs_orc_column_prepare(&column->child[i], heads->all ? NULL : heads->valid, n, err));
    } else {
        if (!grow((void **)&heads->value, &heads->value_cap, heads->present, sizeof(*heads->value)))
            return no_room(n, err);
        PFS_TRY(pfs_orc_ints_next(&column->ints, heads->value, heads->present, err));
    }
    if (column->shape == PFS_ORC_SHAPE_TEXT && column->dictionary.used) {
        PFS_TRY(pfs_orc_text_dictionary(column, err));
        PFS_TRY(check_places(column, err));
    }
    heads->rows = n;
    return 0;
}

/* Elements count as ELEMENT_BYTES each, whatever they are: what is in them is not known yet. */
static void limit_list(const struct pfs_orc_column *column, int64_t bytes, int64_t *rows)
{
    const struct pfs_orc_heads *heads = &column->heads;
    int64_t left = bytes / ELEMENT_BYTES, next = heads->used, row = 0;

    for (; row < *rows && left >= 0; row++)
        if (heads->all || (heads->valid[(heads->at + row) >> 3] >> ((heads->at + row) & 7) & 1)) {
            int64_t length = heads->value[next++];

            left = length < 0 || length > left ? -1 : left - length;
        }
    *rows = left < 0 && row > 1 ? row - 1 : row;
}

void pfs_orc_column_limit(const struct pfs_orc_column *column, int64_t bytes, int64_t *rows)
{
    int64_t ready = pfs_orc_column_prepared(column);

    if (!pfs_orc_column_has_heads(column))
        return;
    if (*rows > ready)
        *rows = ready;
    if (column->shape == PFS_ORC_SHAPE_TEXT)
        *rows = pfs_orc_text_fit(column, bytes, *rows);
    else if (column->shape == PFS_ORC_SHAPE_LIST)
        limit_list(column, bytes, rows);
    else
        for (int32_t i = 0; i < column->children; i++)
            pfs_orc_column_limit(&column->child[i], bytes, rows);
}

/* ---- rows ---- */

struct taken {            /* the rows that are handed out */
    const uint8_t *valid; /* NULL = all */
    int64_t present;
    const int64_t *head; /* dense */
};

static int take_heads(struct pfs_orc_column *column, const uint8_t *mask, int64_t n, uint8_t *bits, struct taken *out,
                      struct pfs_err *err)
{
    struct pfs_orc_heads *heads = &column->heads;

    if (pfs_orc_column_prepared(column) == 0)
        PFS_TRY(pfs_orc_column_prepare(column, mask, n, err));
    if (n > pfs_orc_column_prepared(column))
        return pfs_fail(err, EIO, "%lld rows, of which %lld are ready", (long long)n,
                        (long long)pfs_orc_column_prepared(column));
    out->valid = NULL;
    out->present = n;
    out->head = heads->value == NULL ? NULL : heads->value + heads->used;
    if (!heads->all) {
        pfs_orc_bits_copy(heads->valid, heads->at, n, bits);
        out->present = pfs_orc_bits_count(bits, n);
        out->valid = out->present == n ? NULL : bits;
    }
    heads->at += n;
    heads->used += out->present;
    assert(heads->at <= heads->rows);
    assert(heads->used <= heads->present);
    return 0;
}

/* Which of the next n rows are there; with heads, also where their lengths or places lie. */
static int take_presence(struct pfs_orc_column *column, const uint8_t *mask, int64_t n, struct pfs_arena *arena,
                         struct taken *out, struct pfs_err *err)
{
    uint8_t *bits = pfs_arena_alloc(arena, (size_t)(n + 7) / 8);
    bool all;

    if (bits == NULL)
        return pfs_arena_full(arena, err);
    if (pfs_orc_column_has_heads(column))
        return take_heads(column, mask, n, bits, out, err);
    PFS_TRY(next_presence(column, mask, n, bits, &all, &out->present, err));
    out->valid = all ? NULL : bits;
    out->head = NULL;
    return 0;
}

static int take_values(struct pfs_orc_column *column, const struct taken *rows, int64_t n, struct pfs_arena *arena,
                       struct pfs_column *out, struct pfs_err *err)
{
    void *values = pfs_arena_alloc(arena, (size_t)n * (size_t)column->width);

    assert(column->width > 0);
    assert(rows->present <= n);
    if (values == NULL)
        return pfs_arena_full(arena, err);
    PFS_TRY(pfs_orc_value_next(column, rows->present, values, err));
    pfs_orc_spread(values, column->width, n, rows->valid, rows->present);
    out->values = values;
    return 0;
}

/* The columns in a list go on by as many elements as these rows have together. */
static int take_list(struct pfs_orc_column *column, const struct taken *rows, int64_t n, struct pfs_arena *arena,
                     struct pfs_column *out, struct pfs_err *err)
{
    int32_t *offsets = pfs_arena_alloc(arena, (size_t)(n + 1) * sizeof(*offsets));

    out->children = pfs_arena_array(arena, (size_t)column->children, sizeof(*out->children));
    if (offsets == NULL || out->children == NULL)
        return pfs_arena_full(arena, err);
    if (!pfs_orc_offsets(rows->head, rows->valid, n, INT32_MAX, offsets))
        return pfs_fail(err, EIO, "a length below 0, or lists of over %d elements", INT32_MAX);
    for (int32_t i = 0; i < column->children; i++)
        PFS_TRY(pfs_orc_column_take(&column->child[i], NULL, offsets[n], arena, &out->children[i], err));
    out->offsets = offsets;
    return 0;
}

static int take_row(struct pfs_orc_column *column, const struct taken *rows, int64_t n, struct pfs_arena *arena,
                    struct pfs_column *out, struct pfs_err *err)
{
    out->children = pfs_arena_array(arena, (size_t)column->children, sizeof(*out->children));
    if (out->children == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < column->children; i++)
        PFS_TRY(pfs_orc_column_take(&column->child[i], rows->valid, n, arena, &out->children[i], err));
    return 0;
}

int pfs_orc_column_take(struct pfs_orc_column *column, const uint8_t *mask, int64_t n, struct pfs_arena *arena,
                        struct pfs_column *out, struct pfs_err *err)
{
    struct taken rows;

    if (column->shape == PFS_ORC_SHAPE_ABSENT)
        return pfs_column_nulls(column->type, n, arena, out, err);
    PFS_TRY(take_presence(column, mask, n, arena, &rows, err));
    *out = (struct pfs_column){.type = column->type, .valid = rows.valid};
    if (column->shape == PFS_ORC_SHAPE_TEXT)
        return pfs_orc_text_next(column, rows.head, rows.present, rows.valid, n, arena, out, err);
    if (column->shape == PFS_ORC_SHAPE_LIST)
        return take_list(column, &rows, n, arena, out, err);
    if (column->shape == PFS_ORC_SHAPE_ROW)
        return take_row(column, &rows, n, arena, out, err);
    return take_values(column, &rows, n, arena, out, err);
}
