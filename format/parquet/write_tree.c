/* write_tree.c - from the table's columns to the schema of the file.
 *
 *     INT            optional int32
 *     ARRAY<INT>     optional group (LIST) { repeated group list { optional int32 element } }
 *     MAP<K, V>      optional group (MAP) { repeated group key_value { required key, optional value } }
 *     MULTISET<T>    a MAP of T to INT, required
 *     ROW            optional group of its fields
 *     VARIANT        optional group { required binary value, required binary metadata }
 *
 * Levels are counted on the way down: each optional node adds a definition level, each repeated group one of both. The
 * repeated group has no node of ours; count_elements, put_middle and put_path put it in where it belongs.
 *
 * Ids are field ids, by which Paimon finds columns of renamed tables; parts of lists and maps have ids too, which other
 * engines write as well, made so that they collide with no field's.
 */
#include "format/parquet/write_tree.h"

#include <assert.h>
#include <errno.h>

#include "base/limits.h"

#define PART_ID_BASE 536870911

static const struct pfs_type bytes_type = {.kind = PFS_VARBINARY, .length = PFS_LENGTH_MAX}; /* of a VARIANT */
static const struct pfs_type count_type = {.kind = PFS_INT};                                 /* of a MULTISET */

/* ---- building ---- */

/* What the parts of one field have in common, and where they are. */
struct within {
    int32_t id; /* of the owning field; < 0 = none */
    int32_t depth;
    int32_t nesting; /* of all levels */
    uint8_t definition, repetition;
};

struct build {
    struct pfs_arena *arena;
    int32_t leaves;
    struct pfs_err *err;
};

/* The physical type and its width, as Paimon Java's writer chooses them: a decimal in as few bytes as its digits need.
 */
static void choose(struct pfs_pq_out_node *n)
{
    const struct pfs_type *t = n->type;
    static const int8_t decimal_bytes[] = {9, 9, 9, 10, 10, 11, 11, 11, 12, 12, 13, 13, 13, 14, 14, 15, 15, 16, 16, 16};

    _Static_assert(sizeof(decimal_bytes) == 38 - 18, "a place for each precision above 18");
    assert(t->kind != PFS_DECIMAL || (t->precision >= 1 && t->precision <= 38));
    n->physical = PFS_PQ_BYTE_ARRAY;
    switch (t->kind) {
    case PFS_BOOLEAN:
        n->physical = PFS_PQ_BOOLEAN;
        n->width = 1;
        return;
    case PFS_TINYINT:
    case PFS_SMALLINT:
    case PFS_INT:
    case PFS_DATE:
    case PFS_TIME:
        n->physical = PFS_PQ_INT32;
        n->width = 4;
        return;
    case PFS_BIGINT:
        n->physical = PFS_PQ_INT64;
        n->width = 8;
        return;
    case PFS_FLOAT:
        n->physical = PFS_PQ_FLOAT;
        n->width = 4;
        return;
    case PFS_DOUBLE:
        n->physical = PFS_PQ_DOUBLE;
        n->width = 8;
        return;
    case PFS_DECIMAL:
        n->physical = t->precision <= 9    ? PFS_PQ_INT32
                      : t->precision <= 18 ? PFS_PQ_INT64
                                           : PFS_PQ_FIXED_LEN_BYTE_ARRAY;
        n->width = t->precision <= 9 ? 4 : t->precision <= 18 ? 8 : decimal_bytes[t->precision - 19];
        return;
    case PFS_TIMESTAMP:
    case PFS_TIMESTAMP_LTZ:
        n->physical = t->precision <= 6 ? PFS_PQ_INT64 : PFS_PQ_INT96;
        n->width = t->precision <= 6 ? 8 : 12;
        return;
    case PFS_CHAR:
    case PFS_VARCHAR:
    case PFS_BINARY:
    case PFS_VARBINARY:
    case PFS_BLOB:
    case PFS_VARIANT:
    case PFS_ARRAY:
    case PFS_MAP:
    case PFS_MULTISET:
    case PFS_ROW:
    case PFS_KIND_COUNT:
        return;
    }
}

static int build(struct build *b, struct pfs_pq_out_node *n, struct within at);

static int make_children(struct build *b, struct pfs_pq_out_node *n, int32_t count)
{
    n->child = pfs_arena_array(b->arena, (size_t)count, sizeof(*n->child));
    if (n->child == NULL)
        return pfs_arena_full(b->arena, b->err);
    n->children = count;
    for (int32_t i = 0; i < count; i++)
        n->child[i].parent = n;
    return 0;
}

/* Wraps around as Paimon's int does. */
static int32_t part_id(struct within at, bool key)
{
    uint32_t off = 1024u * (uint32_t)at.id + (uint32_t)at.depth;

    return at.id < 0 ? -1 : (int32_t)(key ? PART_ID_BASE - off : PART_ID_BASE + off);
}

/* The element, key or value of n. */
static int build_part(struct build *b, struct pfs_pq_out_node *n, int32_t index, const char *name,
                      const struct pfs_type *type, bool required, struct within at)
{
    struct pfs_pq_out_node *part = &n->child[index];

    assert(index < n->children);
    assert(at.depth > 0);
    part->name = name;
    part->type = type;
    part->optional = type->nullable && !required;
    part->id = part_id(at, n->form == PFS_PQ_OUT_MAP && index == 0);
    return build(b, part, at);
}

static int build_repeated(struct build *b, struct pfs_pq_out_node *n, struct within at)
{
    const struct pfs_type *t = n->type;

    at.definition++;
    at.repetition++;
    at.depth++;
    n->form = t->kind == PFS_ARRAY ? PFS_PQ_OUT_LIST : PFS_PQ_OUT_MAP;
    PFS_TRY(make_children(b, n, t->kind == PFS_ARRAY ? 1 : 2));
    if (t->kind == PFS_ARRAY)
        return build_part(b, n, 0, "element", &t->child[0].type, false, at);
    PFS_TRY(build_part(b, n, 0, "key", &t->child[0].type, true, at));
    return build_part(b, n, 1, "value", t->kind == PFS_MAP ? &t->child[1].type : &count_type, false, at);
}

static int build_row(struct build *b, struct pfs_pq_out_node *n, struct within at)
{
    n->form = PFS_PQ_OUT_ROW;
    if (n->type->children == 0)
        return pfs_fail(b->err, EOPNOTSUPP, "column %s has a ROW without fields, which Parquet cannot store", n->name);
    PFS_TRY(make_children(b, n, n->type->children));
    for (int32_t i = 0; i < n->children; i++) {
        const struct pfs_field *f = &n->type->child[i];
        struct pfs_pq_out_node *c = &n->child[i];

        c->name = f->name;
        c->id = f->id;
        c->type = &f->type;
        c->optional = f->type.nullable;
        at.id = f->id;
        at.depth = 0;
        PFS_TRY(build(b, c, at));
    }
    return 0;
}

static int build_variant(struct build *b, struct pfs_pq_out_node *n, struct within at)
{
    static const char *const names[] = {"value", "metadata"};

    n->form = PFS_PQ_OUT_VARIANT;
    PFS_TRY(make_children(b, n, 2));
    for (int32_t i = 0; i < 2; i++) {
        n->child[i].name = names[i];
        n->child[i].id = i;
        n->child[i].type = &bytes_type;
        PFS_TRY(build(b, &n->child[i], at));
    }
    return 0;
}

/* name, id, type, optional and parent are set. */
static int build(struct build *b, struct pfs_pq_out_node *n, struct within at)
{
    if (++at.nesting > PFS_JSON_DEPTH_MAX)
        return pfs_fail(b->err, EINVAL, "column %s is nested too deep", n->name);
    at.definition = (uint8_t)(at.definition + n->optional);
    assert(at.repetition <= at.definition);
    n->definition = at.definition;
    n->repetition = at.repetition;
    n->leaf = -1;
    if (n->type->kind == PFS_ROW)
        return build_row(b, n, at);
    if (pfs_kind_is_nested(n->type->kind))
        return build_repeated(b, n, at);
    if (n->type->kind == PFS_VARIANT)
        return build_variant(b, n, at);
    n->form = PFS_PQ_OUT_LEAF;
    n->leaf = b->leaves++;
    choose(n);
    return 0;
}

int pfs_pq_out_tree(const struct pfs_field *fields, int32_t columns, struct pfs_arena *arena,
                    struct pfs_pq_out_node **out, int32_t *leaves, struct pfs_err *err)
{
    struct build b = {.arena = arena, .err = err};
    struct pfs_pq_out_node *node = pfs_arena_array(arena, (size_t)columns, sizeof(*node));

    if (node == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < columns; i++) {
        const struct pfs_field *f = &fields[i];

        node[i].name = f->name;
        node[i].id = f->id;
        node[i].type = &f->type;
        node[i].optional = f->type.nullable;
        PFS_TRY(build(&b, &node[i], (struct within){.id = f->id}));
    }
    *out = node;
    *leaves = b.leaves;
    return 0;
}

/* ---- annotations ---- */

static void put_integer_type(struct pfs_thrift_out *t, int8_t bits)
{
    int16_t logical = pfs_thrift_begin(t, PFS_PQ_SCHEMA_LOGICAL), inner = pfs_thrift_begin(t, PFS_PQ_LOGICAL_INTEGER);

    pfs_thrift_put_i8(t, PFS_PQ_INTEGER_BITS, bits);
    pfs_thrift_put_bool(t, PFS_PQ_INTEGER_SIGNED, true);
    pfs_thrift_end(t, inner);
    pfs_thrift_end(t, logical);
}

static void put_empty_type(struct pfs_thrift_out *t, int16_t which)
{
    int16_t logical = pfs_thrift_begin(t, PFS_PQ_SCHEMA_LOGICAL), inner = pfs_thrift_begin(t, which);

    pfs_thrift_end(t, inner);
    pfs_thrift_end(t, logical);
}

static void put_time_type(struct pfs_thrift_out *t, int16_t which, bool utc, int16_t unit)
{
    int16_t logical = pfs_thrift_begin(t, PFS_PQ_SCHEMA_LOGICAL), inner = pfs_thrift_begin(t, which), units, one;

    pfs_thrift_put_bool(t, PFS_PQ_TIME_UTC, utc);
    units = pfs_thrift_begin(t, PFS_PQ_TIME_UNIT);
    one = pfs_thrift_begin(t, unit);
    pfs_thrift_end(t, one);
    pfs_thrift_end(t, units);
    pfs_thrift_end(t, inner);
    pfs_thrift_end(t, logical);
}

static void put_decimal_type(struct pfs_thrift_out *t, const struct pfs_type *type)
{
    int16_t logical = pfs_thrift_begin(t, PFS_PQ_SCHEMA_LOGICAL), inner = pfs_thrift_begin(t, PFS_PQ_LOGICAL_DECIMAL);

    pfs_thrift_put_i32(t, PFS_PQ_DECIMAL_SCALE, type->scale);
    pfs_thrift_put_i32(t, PFS_PQ_DECIMAL_PRECISION, type->precision);
    pfs_thrift_end(t, inner);
    pfs_thrift_end(t, logical);
}

/* The annotation of before the logical types; -1 = none. */
static int32_t converted(const struct pfs_type *type)
{
    switch (type->kind) {
    case PFS_TINYINT:
        return PFS_PQ_CONVERTED_INT_8;
    case PFS_SMALLINT:
        return PFS_PQ_CONVERTED_INT_16;
    case PFS_DECIMAL:
        return PFS_PQ_CONVERTED_DECIMAL;
    case PFS_CHAR:
    case PFS_VARCHAR:
        return PFS_PQ_CONVERTED_UTF8;
    case PFS_DATE:
        return PFS_PQ_CONVERTED_DATE;
    case PFS_TIME:
        return PFS_PQ_CONVERTED_TIME_MILLIS;
    case PFS_TIMESTAMP_LTZ: /* the old ones mean UTC: not for TIMESTAMP */
        return type->precision > 6   ? -1
               : type->precision > 3 ? PFS_PQ_CONVERTED_TIMESTAMP_MICROS
                                     : PFS_PQ_CONVERTED_TIMESTAMP_MILLIS;
    case PFS_BOOLEAN:
    case PFS_INT:
    case PFS_BIGINT:
    case PFS_FLOAT:
    case PFS_DOUBLE:
    case PFS_BINARY:
    case PFS_VARBINARY:
    case PFS_TIMESTAMP:
    case PFS_VARIANT:
    case PFS_BLOB:
    case PFS_ARRAY:
    case PFS_MAP:
    case PFS_MULTISET:
    case PFS_ROW:
    case PFS_KIND_COUNT:
        break;
    }
    return -1;
}

/* The annotation of today, beside the old one. */
static void put_logical(struct pfs_thrift_out *t, const struct pfs_type *type)
{
    if (type->kind == PFS_TINYINT || type->kind == PFS_SMALLINT)
        put_integer_type(t, type->kind == PFS_TINYINT ? 8 : 16);
    else if (pfs_kind_is_text(type->kind))
        put_empty_type(t, PFS_PQ_LOGICAL_STRING);
    else if (type->kind == PFS_DATE)
        put_empty_type(t, PFS_PQ_LOGICAL_DATE);
    else if (type->kind == PFS_DECIMAL)
        put_decimal_type(t, type);
    else if (type->kind == PFS_TIME)
        put_time_type(t, PFS_PQ_LOGICAL_TIME, true, PFS_PQ_MILLIS);
    else if ((type->kind == PFS_TIMESTAMP || type->kind == PFS_TIMESTAMP_LTZ) && type->precision <= 6)
        put_time_type(t, PFS_PQ_LOGICAL_TIMESTAMP, type->kind == PFS_TIMESTAMP_LTZ,
                      type->precision <= 3 ? PFS_PQ_MILLIS : PFS_PQ_MICROS);
}

/* ---- the schema ---- */

static bool repeats(const struct pfs_pq_out_node *n)
{
    return n->form == PFS_PQ_OUT_LIST || n->form == PFS_PQ_OUT_MAP;
}

static int32_t count_elements(const struct pfs_pq_out_node *n)
{
    int32_t count = repeats(n) ? 2 : 1;

    for (int32_t i = 0; i < n->children; i++)
        count += count_elements(&n->child[i]);
    return count;
}

/* The group in the middle of a list or map. */
static void put_middle(struct pfs_thrift_out *t, const struct pfs_pq_out_node *n)
{
    bool map = n->form == PFS_PQ_OUT_MAP;
    int16_t outer = pfs_thrift_element(t);

    pfs_thrift_put_i32(t, PFS_PQ_SCHEMA_REPETITION, PFS_PQ_REPEATED);
    pfs_thrift_put_bytes(t, PFS_PQ_SCHEMA_NAME, pfs_str(map ? "key_value" : "list"));
    pfs_thrift_put_i32(t, PFS_PQ_SCHEMA_CHILDREN, n->children);
    if (map)
        pfs_thrift_put_i32(t, PFS_PQ_SCHEMA_CONVERTED, PFS_PQ_CONVERTED_MAP_KEY_VALUE);
    pfs_thrift_end(t, outer);
}

static void put_group(struct pfs_thrift_out *t, const struct pfs_pq_out_node *n)
{
    if (n->form == PFS_PQ_OUT_LIST)
        put_empty_type(t, PFS_PQ_LOGICAL_LIST);
    else if (n->form == PFS_PQ_OUT_MAP)
        put_empty_type(t, PFS_PQ_LOGICAL_MAP);
}

/* An element and all below it, parents first. */
static void put_node(struct pfs_thrift_out *t, const struct pfs_pq_out_node *n)
{
    const struct pfs_type *type = n->type;
    bool leaf = n->form == PFS_PQ_OUT_LEAF;
    int16_t outer = pfs_thrift_element(t);

    if (leaf)
        pfs_thrift_put_i32(t, PFS_PQ_SCHEMA_TYPE, (int32_t)n->physical);
    if (leaf && n->physical == PFS_PQ_FIXED_LEN_BYTE_ARRAY)
        pfs_thrift_put_i32(t, PFS_PQ_SCHEMA_TYPE_LENGTH, n->width);
    pfs_thrift_put_i32(t, PFS_PQ_SCHEMA_REPETITION, n->optional ? PFS_PQ_OPTIONAL : PFS_PQ_REQUIRED);
    pfs_thrift_put_bytes(t, PFS_PQ_SCHEMA_NAME, pfs_str(n->name));
    if (!leaf)
        pfs_thrift_put_i32(t, PFS_PQ_SCHEMA_CHILDREN, repeats(n) ? 1 : n->children);
    if (repeats(n))
        pfs_thrift_put_i32(t, PFS_PQ_SCHEMA_CONVERTED,
                           n->form == PFS_PQ_OUT_LIST ? PFS_PQ_CONVERTED_LIST : PFS_PQ_CONVERTED_MAP);
    else if (converted(type) >= 0)
        pfs_thrift_put_i32(t, PFS_PQ_SCHEMA_CONVERTED, converted(type));
    if (type->kind == PFS_DECIMAL) {
        pfs_thrift_put_i32(t, PFS_PQ_SCHEMA_SCALE, type->scale);
        pfs_thrift_put_i32(t, PFS_PQ_SCHEMA_PRECISION, type->precision);
    }
    if (n->id >= 0)
        pfs_thrift_put_i32(t, PFS_PQ_SCHEMA_FIELD_ID, n->id);
    if (leaf)
        put_logical(t, type);
    else
        put_group(t, n);
    pfs_thrift_end(t, outer);
    if (repeats(n))
        put_middle(t, n);
    for (int32_t i = 0; i < n->children; i++)
        put_node(t, &n->child[i]);
}

void pfs_pq_out_put_schema(struct pfs_thrift_out *t, const struct pfs_pq_out_node *columns, int32_t count)
{
    int32_t elements = 1;
    int16_t outer;

    for (int32_t i = 0; i < count; i++)
        elements += count_elements(&columns[i]);
    pfs_thrift_put_list(t, PFS_PQ_FILE_SCHEMA, PFS_PQ_T_STRUCT, (size_t)elements);
    outer = pfs_thrift_element(t);
    pfs_thrift_put_bytes(t, PFS_PQ_SCHEMA_NAME, pfs_str("paimon_schema"));
    pfs_thrift_put_i32(t, PFS_PQ_SCHEMA_CHILDREN, count);
    pfs_thrift_end(t, outer);
    for (int32_t i = 0; i < count; i++)
        put_node(t, &columns[i]);
}

static size_t count_path(const struct pfs_pq_out_node *n)
{
    size_t count = 0;

    for (; n != NULL; n = n->parent)
        count += repeats(n) ? 2 : 1;
    return count;
}

static void put_name(struct pfs_thrift_out *t, struct pfs_slice name)
{
    pfs_buf_uleb(t->buf, name.len);
    pfs_buf_put(t->buf, name.at, name.len);
}

static void put_path(struct pfs_thrift_out *t, const struct pfs_pq_out_node *n)
{
    if (n->parent != NULL)
        put_path(t, n->parent);
    put_name(t, pfs_str(n->name));
    if (repeats(n))
        put_name(t, pfs_str(n->form == PFS_PQ_OUT_MAP ? "key_value" : "list"));
}

void pfs_pq_out_put_path(struct pfs_thrift_out *t, const struct pfs_pq_out_node *leaf)
{
    assert(leaf->form == PFS_PQ_OUT_LEAF);
    pfs_thrift_put_list(t, PFS_PQ_META_PATH, PFS_PQ_T_BINARY, count_path(leaf));
    put_path(t, leaf);
}
