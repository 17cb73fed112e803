/* out_column.c - values by type, and what is common to all columns: presence, row groups, stripes.
 *
 * Rows come as numbers into a batch's column, up to PIECE at a time. note_present keeps those that are there; their
 * values are gathered into an array on the stack, counted (tally.h) and put to the streams. A list makes of its rows
 * the numbers of its elements, a ROW hands its rows on: below a null nothing is written.
 *
 *     stripe   | group 0: mark ... end_group | group 1: mark ... end_group | ... end_stripe
 *
 * A mark is taken before a group's first row and says where each stream stands; end_group ends the runs, so that the
 * next mark is right, and prints the group's statistics. PRESENT is written for every column, and left out of the
 * stripe when it turns out that no row was null: marks then leave its numbers out too.
 */
#include "format/orc/out_column.h"

#include <assert.h>
#include <errno.h>

#include "base/mem.h"

#define PIECE PFS_ORC_OUT_PIECE
#define BASE_INSTANT 1420070400 /* 2015-01-01 00:00:00 UTC: zero of all times, as ours are told to be of UTC */
#define NANOS 1000000000
#define VARINT_MAX 19 /* bytes of 128 bits */

/* What Paimon numbers the parts of arrays and maps from (spec datafiles 4): by the field that they are in and how deep
 * they lie. */
#define PART_ID_BASE 536870911
#define PART_ID_STEP 1024

/* ---- making ---- */

static int kind_of(const struct pfs_type *type, enum pfs_orc_kind *out, struct pfs_err *err)
{
    static const enum pfs_orc_kind kinds[PFS_KIND_COUNT] = {
        [PFS_BOOLEAN] = PFS_ORC_BOOLEAN,
        [PFS_TINYINT] = PFS_ORC_BYTE,
        [PFS_SMALLINT] = PFS_ORC_SHORT,
        [PFS_INT] = PFS_ORC_INT,
        [PFS_BIGINT] = PFS_ORC_LONG,
        [PFS_FLOAT] = PFS_ORC_FLOAT,
        [PFS_DOUBLE] = PFS_ORC_DOUBLE,
        [PFS_DECIMAL] = PFS_ORC_DECIMAL,
        [PFS_CHAR] = PFS_ORC_CHAR,
        [PFS_VARCHAR] = PFS_ORC_VARCHAR,
        [PFS_BINARY] = PFS_ORC_BINARY,
        [PFS_VARBINARY] = PFS_ORC_BINARY,
        [PFS_DATE] = PFS_ORC_DATE,
        [PFS_TIME] = PFS_ORC_INT,
        [PFS_TIMESTAMP] = PFS_ORC_TIMESTAMP,
        [PFS_TIMESTAMP_LTZ] = PFS_ORC_TIMESTAMP_INSTANT,
        [PFS_BLOB] = PFS_ORC_BINARY,
        [PFS_ARRAY] = PFS_ORC_LIST,
        [PFS_MAP] = PFS_ORC_MAP,
        [PFS_MULTISET] = PFS_ORC_MAP,
        [PFS_ROW] = PFS_ORC_STRUCT,
    };

    if (type->kind == PFS_VARIANT)
        return pfs_fail(err, EOPNOTSUPP, "ORC files have no VARIANT");
    *out = kinds[type->kind];
    if (type->kind == PFS_VARCHAR && type->length == PFS_LENGTH_MAX)
        *out = PFS_ORC_STRING;
    return 0;
}

/* What goes down with the making of a tree of columns. */
struct making {
    const struct pfs_orc_out_config *config;
    struct pfs_arena *arena;
    uint32_t *id;
    int64_t field_id; /* of the field around */
    int depth;        /* in arrays and maps of that field */
};

static int make(struct pfs_orc_out_column *c, const struct pfs_type *type, const char *name, struct making making,
                struct pfs_err *err);

static int make_part(struct pfs_orc_out_column *c, const struct pfs_type *type, int sign, struct making making,
                     struct pfs_err *err)
{
    assert(sign == 1 || sign == -1);
    making.depth++;
    PFS_TRY(make(c, type, "", making, err));
    if (making.field_id >= 0)
        c->field_id = PART_ID_BASE + sign * (PART_ID_STEP * making.field_id + making.depth);
    return 0;
}

static const struct pfs_type count_type = {.kind = PFS_INT};

static int make_children(struct pfs_orc_out_column *c, struct making making, struct pfs_err *err)
{
    const struct pfs_type *type = c->type;

    c->children = c->kind == PFS_ORC_MAP ? 2 : type->children;
    c->child = pfs_arena_array(making.arena, (size_t)c->children, sizeof(*c->child));
    if (c->child == NULL)
        return pfs_arena_full(making.arena, err);
    if (c->kind == PFS_ORC_LIST)
        return make_part(&c->child[0], &type->child[0].type, 1, making, err);
    if (c->kind == PFS_ORC_MAP) {
        PFS_TRY(make_part(&c->child[0], &type->child[0].type, -1, making, err));
        return make_part(&c->child[1], type->kind == PFS_MAP ? &type->child[1].type : &count_type, 1, making, err);
    }
    for (int32_t i = 0; i < c->children; i++) {
        making.field_id = type->child[i].id;
        making.depth = 0;
        PFS_TRY(make(&c->child[i], &type->child[i].type, type->child[i].name, making, err));
    }
    return 0;
}

static int make(struct pfs_orc_out_column *c, const struct pfs_type *type, const char *name, struct making making,
                struct pfs_err *err)
{
    const struct pfs_orc_sink *sink = making.config->sink;

    PFS_TRY(kind_of(type, &c->kind, err));
    c->type = type;
    c->name = name;
    c->field_id = making.field_id;
    c->id = (*making.id)++;
    pfs_orc_out_init(&c->present.octets.out, sink);
    pfs_orc_out_init(&c->bools.octets.out, sink);
    pfs_orc_out_init(&c->octets.out, sink);
    pfs_orc_out_init(&c->ints.out, sink);
    pfs_orc_out_init(&c->second.out, sink);
    pfs_orc_out_init(&c->raw, sink);
    c->ints.is_signed = !pfs_orc_out_is_text(c->kind) && !pfs_kind_is_nested(type->kind);
    c->second.is_signed = c->kind == PFS_ORC_DECIMAL;
    c->dictionary.used = pfs_kind_is_text(type->kind) && making.config->key_share > 0;
    c->dictionary.key_share = making.config->key_share;
    if (pfs_kind_is_nested(type->kind))
        PFS_TRY(make_children(c, making, err));
    c->last = *making.id - 1;
    assert(c->last >= c->id);
    return 0;
}

int pfs_orc_out_column_init(struct pfs_orc_out_column *c, const struct pfs_field *field, uint32_t *id,
                            const struct pfs_orc_out_config *config, struct pfs_arena *arena, struct pfs_err *err)
{
    const struct making making = {.config = config, .arena = arena, .id = id, .field_id = field->id};

    return make(c, &field->type, field->name, making, err);
}

void pfs_orc_out_column_done(struct pfs_orc_out_column *c)
{
    for (int32_t i = 0; c->child != NULL && i < c->children; i++)
        pfs_orc_out_column_done(&c->child[i]);
    pfs_orc_out_done(&c->present.octets.out);
    pfs_orc_out_done(&c->bools.octets.out);
    pfs_orc_out_done(&c->octets.out);
    pfs_orc_out_done(&c->ints.out);
    pfs_orc_out_done(&c->second.out);
    pfs_orc_out_done(&c->raw);
    pfs_orc_out_dictionary_done(&c->dictionary);
    pfs_orc_tally_done(&c->group);
    pfs_orc_tally_done(&c->stripe);
    pfs_orc_tally_done(&c->all);
    pfs_buf_done(&c->marks);
    pfs_buf_done(&c->group_stats);
    pfs_buf_done(&c->scratch);
    pfs_free(c->row);
}

/* ---- kernels: gather the values of up to PIECE rows ---- */

#define GATHER(name, in_type, out_type)                                                \
    static void name(const void *values, const int32_t *row, int64_t n, out_type *out) \
    {                                                                                  \
        const in_type *v = values;                                                     \
                                                                                       \
        for (int64_t i = 0; i < n; i++)                                                \
            out[i] = (out_type)v[row[i]];                                              \
    }

GATHER(gather_octets, uint8_t, uint8_t)
GATHER(gather_i8, int8_t, int64_t)
GATHER(gather_i16, int16_t, int64_t)
GATHER(gather_i32, int32_t, int64_t)
GATHER(gather_i64, int64_t, int64_t)
GATHER(gather_f32, float, float)
GATHER(gather_f64, double, double)
GATHER(gather_i128, pfs_i128, pfs_i128)
GATHER(gather_time96, struct pfs_time96, struct pfs_time96)

static void gather_integers(const struct pfs_column *in, const int32_t *row, int64_t n, int64_t *out)
{
    assert(pfs_type_width(in->type) >= 1 && pfs_type_width(in->type) <= 8);
    switch (pfs_type_width(in->type)) {
    case 1:
        gather_i8(in->values, row, n, out);
        break;
    case 2:
        gather_i16(in->values, row, n, out);
        break;
    case 4:
        gather_i32(in->values, row, n, out);
        break;
    case 8:
        gather_i64(in->values, row, n, out);
        break;
    }
}

typedef void add_fn(struct pfs_orc_out_column *c, const struct pfs_column *in, const int32_t *row, int64_t n);

static void add_booleans(struct pfs_orc_out_column *c, const struct pfs_column *in, const int32_t *row, int64_t n)
{
    uint8_t value[PIECE];

    gather_octets(in->values, row, n, value);
    for (int64_t i = 0; i < n; i++)
        c->group.sum += value[i];
    pfs_orc_out_bools_put(&c->bools, value, n);
}

/* A byte is stored as it is, whatever its sign. */
static void add_octets(struct pfs_orc_out_column *c, const struct pfs_column *in, const int32_t *row, int64_t n)
{
    uint8_t octet[PIECE];
    int64_t value[PIECE];

    gather_octets(in->values, row, n, octet);
    gather_i8(in->values, row, n, value);
    pfs_orc_tally_integers(&c->group, value, n);
    pfs_orc_out_octets_put(&c->octets, octet, n);
}

static void add_integers(struct pfs_orc_out_column *c, const struct pfs_column *in, const int32_t *row, int64_t n)
{
    int64_t value[PIECE];

    gather_integers(in, row, n, value);
    pfs_orc_tally_integers(&c->group, value, n);
    pfs_orc_out_ints_put(&c->ints, value, n);
}

static void add_floats(struct pfs_orc_out_column *c, const struct pfs_column *in, const int32_t *row, int64_t n)
{
    float value[PIECE];
    double wide[PIECE];

    gather_f32(in->values, row, n, value);
    for (int64_t i = 0; i < n; i++)
        wide[i] = (double)value[i];
    pfs_orc_tally_reals(&c->group, wide, n);
    pfs_orc_out_put(&c->raw, value, (size_t)n * sizeof(*value));
}

static void add_doubles(struct pfs_orc_out_column *c, const struct pfs_column *in, const int32_t *row, int64_t n)
{
    double value[PIECE];

    gather_f64(in->values, row, n, value);
    pfs_orc_tally_reals(&c->group, value, n);
    pfs_orc_out_put(&c->raw, value, (size_t)n * sizeof(*value));
}

/* Every value has a scale of its own; ours is the column's. */
static void put_scales(struct pfs_orc_out_column *c, int64_t n)
{
    int64_t scale[PIECE];

    for (int64_t i = 0; i < n; i++)
        scale[i] = c->type->scale;
    pfs_orc_out_ints_put(&c->second, scale, n);
}

/* Decimals are varints in zigzag, without a bound on their length. */
static void add_narrow_decimals(struct pfs_orc_out_column *c, const struct pfs_column *in, const int32_t *row,
                                int64_t n)
{
    int64_t value[PIECE];
    uint8_t text[PIECE * 10], *p = text;

    gather_i64(in->values, row, n, value);
    pfs_orc_tally_integers(&c->group, value, n);
    for (int64_t i = 0; i < n; i++) {
        uint64_t v = (uint64_t)value[i] << 1 ^ (uint64_t)(value[i] >> 63);

        for (; v >= 128; v >>= 7)
            *p++ = (uint8_t)(v | 128);
        *p++ = (uint8_t)v;
    }
    assert((size_t)(p - text) <= sizeof(text));
    pfs_orc_out_put(&c->raw, text, (size_t)(p - text));
    put_scales(c, n);
}

static void add_wide_decimals(struct pfs_orc_out_column *c, const struct pfs_column *in, const int32_t *row, int64_t n)
{
    pfs_i128 value[PIECE];
    uint8_t text[PIECE * VARINT_MAX], *p = text;

    gather_i128(in->values, row, n, value);
    pfs_orc_tally_wides(&c->group, value, n);
    for (int64_t i = 0; i < n; i++) {
        pfs_u128 v = (pfs_u128)value[i] << 1 ^ (pfs_u128)(value[i] >> 127);

        for (; v >= 128; v >>= 7)
            *p++ = (uint8_t)(v | 128);
        *p++ = (uint8_t)v;
    }
    pfs_orc_out_put(&c->raw, text, (size_t)(p - text));
    put_scales(c, n);
}

/* ---- times: seconds since 2015, and nanoseconds with their zeros counted ---- */

/* The lowest three bits: 0, or that the number had one zero more at its end than they say, which were cut off. */
static int64_t pack_nanos(int64_t nanos)
{
    int64_t zeros = 1;

    assert(nanos >= 0 && nanos < NANOS);
    if (nanos == 0 || nanos % 100 != 0)
        return nanos << 3;
    nanos /= 100;
    for (; zeros < 7 && nanos % 10 == 0; zeros++)
        nanos /= 10;
    return nanos << 3 | zeros;
}

/* Seconds before 1970 that have a fraction are cut towards 1970: readers take one off again (value.c). */
static void put_times(struct pfs_orc_out_column *c, int64_t *seconds, int64_t *nanos, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        seconds[i] += (seconds[i] < 0 && nanos[i] > 999999) - BASE_INSTANT;
        nanos[i] = pack_nanos(nanos[i]);
    }
    pfs_orc_out_ints_put(&c->ints, seconds, n);
    pfs_orc_out_ints_put(&c->second, nanos, n);
}

static void add_times(struct pfs_orc_out_column *c, const struct pfs_column *in, const int32_t *row, int64_t n)
{
    int64_t unit = c->type->precision <= 3 ? 1000 : 1000000, value[PIECE], nanos[PIECE];

    gather_i64(in->values, row, n, value);
    pfs_orc_tally_integers(&c->group, value, n);
    for (int64_t i = 0; i < n; i++) {
        int64_t rest = value[i] % unit, below = rest < 0;

        nanos[i] = (rest + (below ? unit : 0)) * (NANOS / unit);
        value[i] = value[i] / unit - below;
    }
    put_times(c, value, nanos, n);
}

static void add_fine_times(struct pfs_orc_out_column *c, const struct pfs_column *in, const int32_t *row, int64_t n)
{
    struct pfs_time96 value[PIECE];
    int64_t seconds[PIECE], nanos[PIECE];

    gather_time96(in->values, row, n, value);
    pfs_orc_tally_times(&c->group, value, n);
    for (int64_t i = 0; i < n; i++) {
        int64_t rest = value[i].millis % 1000, below = rest < 0;

        nanos[i] = (rest + (below ? 1000 : 0)) * 1000000 + value[i].nanos;
        seconds[i] = value[i].millis / 1000 - below;
    }
    put_times(c, seconds, nanos, n);
}

/* ---- presence ---- */

/* Of up to PIECE rows those that are there; how many. */
static int64_t note_present(struct pfs_orc_out_column *c, const struct pfs_column *in, const int32_t *row, int64_t n,
                            int32_t *there)
{
    uint8_t present[PIECE];
    int64_t k = 0;

    assert(n > 0);
    assert(n <= PIECE);
    if (in->valid == NULL) {
        pfs_orc_out_bools_ones(&c->present, n);
        memcpy(there, row, (size_t)n * sizeof(*there));
        c->group.values += n;
        return n;
    }
    for (int64_t i = 0; i < n; i++) {
        present[i] = pfs_column_present(in, row[i]);
        there[k] = row[i];
        k += present[i];
    }
    pfs_orc_out_bools_put(&c->present, present, n);
    c->group.values += k;
    c->group.nulls += n - k;
    c->group.has_null |= k < n;
    c->has_null |= k < n;
    return k;
}

/* ---- nested columns ---- */

static int grow_rows(struct pfs_orc_out_column *c, int64_t want, struct pfs_err *err)
{
    int64_t room = want < c->row_room * 2 ? c->row_room * 2 : want;
    int32_t *row;

    if (want <= c->row_room)
        return 0;
    row = pfs_realloc(c->row, (size_t)room * sizeof(*row));
    if (row == NULL)
        return pfs_fail(err, ENOMEM, "no memory for %lld values of a nested column", (long long)room);
    c->row = row;
    c->row_room = room;
    return 0;
}

static int add_items(struct pfs_orc_out_column *c, const struct pfs_column *in, const int32_t *row, int64_t n,
                     struct pfs_err *err)
{
    int64_t length[PIECE], items = 0, k = 0;

    assert(n <= PIECE);
    for (int64_t i = 0; i < n; i++)
        items += length[i] = in->offsets[row[i] + 1] - in->offsets[row[i]];
    pfs_orc_out_ints_put(&c->ints, length, n);
    PFS_TRY(grow_rows(c, items, err));
    for (int64_t i = 0; i < n; i++)
        for (int32_t item = in->offsets[row[i]]; item < in->offsets[row[i] + 1]; item++)
            c->row[k++] = item;
    assert(k == items);
    for (int32_t i = 0; i < c->children; i++)
        PFS_TRY(pfs_orc_out_column_add(&c->child[i], &in->children[i], c->row, items, err));
    return 0;
}

static int add_fields(struct pfs_orc_out_column *c, const struct pfs_column *in, const int32_t *row, int64_t n,
                      struct pfs_err *err)
{
    for (int32_t i = 0; i < c->children; i++)
        PFS_TRY(pfs_orc_out_column_add(&c->child[i], &in->children[i], row, n, err));
    return 0;
}

/* ---- all ---- */

/* By kind of the file; 16 bytes are those of a decimal or a time that is finer than its usual form. */
static add_fn *adder(const struct pfs_orc_out_column *c)
{
    static add_fn *const adders[PFS_ORC_KIND_COUNT] = {
        [PFS_ORC_BOOLEAN] = add_booleans,        [PFS_ORC_BYTE] = add_octets,
        [PFS_ORC_SHORT] = add_integers,          [PFS_ORC_INT] = add_integers,
        [PFS_ORC_LONG] = add_integers,           [PFS_ORC_FLOAT] = add_floats,
        [PFS_ORC_DOUBLE] = add_doubles,          [PFS_ORC_DATE] = add_integers,
        [PFS_ORC_STRING] = pfs_orc_out_text_add, [PFS_ORC_VARCHAR] = pfs_orc_out_text_add,
        [PFS_ORC_CHAR] = pfs_orc_out_text_add,   [PFS_ORC_BINARY] = pfs_orc_out_text_add,
        [PFS_ORC_TIMESTAMP] = add_times,         [PFS_ORC_TIMESTAMP_INSTANT] = add_times,
        [PFS_ORC_DECIMAL] = add_narrow_decimals,
    };
    bool wide = pfs_type_width(c->type) == 16;

    if (wide)
        return c->kind == PFS_ORC_DECIMAL ? add_wide_decimals : add_fine_times;
    assert(adders[c->kind] != NULL); /* kinds of columns with others in them are dealt with before */
    return adders[c->kind];
}

int pfs_orc_out_column_add(struct pfs_orc_out_column *c, const struct pfs_column *in, const int32_t *row, int64_t rows,
                           struct pfs_err *err)
{
    int32_t there[PIECE];

    assert(in->children != NULL || c->children == 0 || rows == 0);
    for (int64_t from = 0; from < rows; from += PIECE) {
        int64_t n = note_present(c, in, row + from, rows - from < PIECE ? rows - from : PIECE, there);

        if (c->kind == PFS_ORC_STRUCT)
            PFS_TRY(add_fields(c, in, there, n, err));
        else if (c->kind == PFS_ORC_LIST || c->kind == PFS_ORC_MAP)
            PFS_TRY(add_items(c, in, there, n, err));
        else
            adder(c)(c, in, there, n);
    }
    return 0;
}

/* ---- row groups and stripes ---- */

/* The order of a column's streams in row indexes is that of the format. */
static int put_positions(const struct pfs_orc_out_column *c, uint64_t *to)
{
    int n = 0;

    switch (c->kind) {
    case PFS_ORC_BOOLEAN:
        return pfs_orc_out_bools_position(&c->bools, to);
    case PFS_ORC_BYTE:
        return pfs_orc_out_octets_position(&c->octets, to);
    case PFS_ORC_FLOAT:
    case PFS_ORC_DOUBLE:
        return pfs_orc_out_position(&c->raw, to);
    case PFS_ORC_SHORT:
    case PFS_ORC_INT:
    case PFS_ORC_LONG:
    case PFS_ORC_DATE:
    case PFS_ORC_LIST:
    case PFS_ORC_MAP:
        return pfs_orc_out_ints_position(&c->ints, to);
    case PFS_ORC_DECIMAL:
        n = pfs_orc_out_position(&c->raw, to);
        return n + pfs_orc_out_ints_position(&c->second, to + n);
    case PFS_ORC_TIMESTAMP:
    case PFS_ORC_TIMESTAMP_INSTANT:
        n = pfs_orc_out_ints_position(&c->ints, to);
        return n + pfs_orc_out_ints_position(&c->second, to + n);
    case PFS_ORC_STRING:
    case PFS_ORC_VARCHAR:
    case PFS_ORC_CHAR:
    case PFS_ORC_BINARY:
        n = pfs_orc_out_position(&c->raw, to);
        return n + pfs_orc_out_ints_position(&c->ints, to + n);
    case PFS_ORC_STRUCT:
    case PFS_ORC_UNION:
    case PFS_ORC_KIND_COUNT:
        break;
    }
    return 0;
}

void pfs_orc_out_column_mark(struct pfs_orc_out_column *c)
{
    struct pfs_orc_mark mark = {.text = c->dictionary.places.len / sizeof(uint32_t)};

    mark.presents = pfs_orc_out_bools_position(&c->present, mark.present);
    mark.datas = put_positions(c, mark.data);
    assert(mark.presents <= (int)(sizeof(mark.present) / sizeof(*mark.present)));
    assert(mark.datas <= (int)(sizeof(mark.data) / sizeof(*mark.data)));
    pfs_buf_put(&c->marks, &mark, sizeof(mark));
    for (int32_t i = 0; i < c->children; i++)
        pfs_orc_out_column_mark(&c->child[i]);
}

static void flush_runs(struct pfs_orc_out_column *c)
{
    pfs_orc_out_bools_flush(&c->present);
    pfs_orc_out_bools_flush(&c->bools);
    pfs_orc_out_octets_flush(&c->octets);
    pfs_orc_out_ints_flush(&c->ints);
    pfs_orc_out_ints_flush(&c->second);
}

void pfs_orc_out_column_end_group(struct pfs_orc_out_column *c)
{
    size_t before = c->group_stats.len;

    flush_runs(c);
    pfs_orc_tally_print(&c->group, c->type, &c->group_stats);
    if (!c->marks.failed) {
        struct pfs_orc_mark *last = (struct pfs_orc_mark *)(void *)(c->marks.at + c->marks.len) - 1;

        assert(c->marks.len >= sizeof(*last)); /* a group that ends has begun */
        last->stats_len = c->group_stats.len - before;
        if (c->dictionary.used && c->marks.len == sizeof(*last))
            pfs_orc_out_text_decide(c);
    }
    pfs_orc_tally_move(&c->stripe, &c->group);
    for (int32_t i = 0; i < c->children; i++)
        pfs_orc_out_column_end_group(&c->child[i]);
}

int pfs_orc_out_column_end_stripe(struct pfs_orc_out_column *c, struct pfs_err *err)
{
    PFS_TRY(pfs_buf_check(&c->marks, err));
    PFS_TRY(pfs_buf_check(&c->group_stats, err));
    pfs_orc_out_text_decide(c);
    pfs_orc_out_text_end(c);
    flush_runs(c);
    PFS_TRY(pfs_orc_out_bools_end(&c->present, err));
    PFS_TRY(pfs_orc_out_bools_end(&c->bools, err));
    PFS_TRY(pfs_orc_out_end(&c->octets.out, err));
    PFS_TRY(pfs_orc_out_end(&c->ints.out, err));
    PFS_TRY(pfs_orc_out_end(&c->second.out, err));
    PFS_TRY(pfs_orc_out_end(&c->raw, err));
    for (int32_t i = 0; i < c->children; i++)
        PFS_TRY(pfs_orc_out_column_end_stripe(&c->child[i], err));
    return 0;
}

/* What the stripe counted goes into the file's, and what it wrote is let go of, memory kept. */
void pfs_orc_out_column_clear(struct pfs_orc_out_column *c)
{
    pfs_orc_out_clear(&c->present.octets.out);
    pfs_orc_out_clear(&c->bools.octets.out);
    pfs_orc_out_clear(&c->octets.out);
    pfs_orc_out_clear(&c->ints.out);
    pfs_orc_out_clear(&c->second.out);
    pfs_orc_out_clear(&c->raw);
    pfs_orc_out_text_clear(c);
    pfs_orc_tally_move(&c->all, &c->stripe);
    pfs_buf_clear(&c->marks);
    pfs_buf_clear(&c->group_stats);
    c->has_null = false;
    for (int32_t i = 0; i < c->children; i++)
        pfs_orc_out_column_clear(&c->child[i]);
}

size_t pfs_orc_out_column_bytes(const struct pfs_orc_out_column *c)
{
    size_t sum = pfs_orc_out_bytes(&c->present.octets.out) + pfs_orc_out_bytes(&c->bools.octets.out) +
                 pfs_orc_out_bytes(&c->octets.out) + pfs_orc_out_bytes(&c->ints.out) +
                 pfs_orc_out_bytes(&c->second.out) + pfs_orc_out_bytes(&c->raw) + c->dictionary.bytes.len +
                 c->dictionary.places.len;

    for (int32_t i = 0; i < c->children; i++)
        sum += pfs_orc_out_column_bytes(&c->child[i]);
    return sum;
}
