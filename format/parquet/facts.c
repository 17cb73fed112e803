/* facts.c - what a file of another writer holds, as columns of types that we have.
 *
 * The tree of the footer is gone through from its columns down, the wanted types (`like`) beside it as far as their
 * names and shapes go. For a leaf there is one type that it says itself; the wanted one is taken instead where it holds
 * all of its values. Types here must be such as convert.c and nested.c read, or a file would be accepted that then
 * fails.
 */
#include <assert.h>

#include "format/parquet/nested.h"
#include "format/parquet/parquet.h"

struct facts {
    const struct pfs_pq_node *all;
    struct pfs_arena *arena;
    struct pfs_err *err;
};

static int type_of(struct facts *f, const struct pfs_pq_node *node, const struct pfs_type *like, struct pfs_type *out);
static int item_type(struct facts *f, const struct pfs_pq_node *node, const struct pfs_type *like,
                     struct pfs_type *out);

static int refuse(struct facts *f, const struct pfs_pq_node *node)
{
    if (node->children > 0)
        return pfs_fail(f->err, EOPNOTSUPP, "a group with annotation %d is not supported", node->logical);
    return pfs_fail(f->err, EOPNOTSUPP, "%s with annotation %d is not supported", pfs_pq_physical_name(node->physical),
                    node->logical);
}

/* ---- values ---- */

/* An unsigned integer gets the next wider type. The kinds of integers follow each other by width. */
_Static_assert(PFS_TINYINT < PFS_SMALLINT && PFS_SMALLINT < PFS_INT && PFS_INT < PFS_BIGINT,
               "the greater is the wider");

static int integer_type(struct facts *f, const struct pfs_pq_node *node, const struct pfs_type *like,
                        struct pfs_type *out)
{
    bool plain = node->logical == PFS_PQ_LOGICAL_NONE, is_signed = plain || node->is_signed;
    int bits = plain ? 32 : node->bits;

    if (!plain && node->logical != PFS_PQ_LOGICAL_INTEGER)
        return refuse(f, node);
    if (node->physical == PFS_PQ_INT64 || (bits == 32 && !is_signed))
        out->kind = PFS_BIGINT;
    else if (bits == 32 || (bits == 16 && !is_signed))
        out->kind = PFS_INT;
    else
        out->kind = bits == 16 || !is_signed ? PFS_SMALLINT : PFS_TINYINT;
    if (like != NULL && like->kind > out->kind && like->kind <= PFS_BIGINT)
        out->kind = like->kind;
    return 0;
}

/* The wanted precision may be the greater one; the scale is the file's. */
static int decimal_type(struct facts *f, const struct pfs_pq_node *node, const struct pfs_type *like,
                        struct pfs_type *out)
{
    if (node->precision < 1 || node->precision > 38 || node->scale < 0 || node->scale > node->precision)
        return pfs_fail(f->err, EOPNOTSUPP, "DECIMAL(%d, %d) is not supported", node->precision, node->scale);
    out->kind = PFS_DECIMAL;
    out->precision = node->precision;
    out->scale = node->scale;
    if (like != NULL && like->kind == PFS_DECIMAL && like->scale == out->scale && like->precision > out->precision)
        out->precision = like->precision;
    return 0;
}

/* Both kinds of timestamps lie alike: instants, or the same in UTC. */
static int timestamp_type(const struct pfs_pq_node *node, const struct pfs_type *like, struct pfs_type *out)
{
    bool wanted = like != NULL && (like->kind == PFS_TIMESTAMP || like->kind == PFS_TIMESTAMP_LTZ);

    assert(node->physical == PFS_PQ_INT96 || node->unit <= PFS_PQ_NANOS);
    out->kind = wanted ? like->kind : node->utc || node->physical == PFS_PQ_INT96 ? PFS_TIMESTAMP_LTZ : PFS_TIMESTAMP;
    out->precision = node->physical == PFS_PQ_INT96 ? 9 : 3 * node->unit;
    if (wanted && like->precision > out->precision)
        out->precision = like->precision;
    return 0;
}

/* Bytes are text when that is what they are wanted as. */
static int bytes_type(struct facts *f, const struct pfs_pq_node *node, const struct pfs_type *like,
                      struct pfs_type *out)
{
    bool text = node->logical == PFS_PQ_LOGICAL_STRING || node->logical == PFS_PQ_LOGICAL_ENUM ||
                node->logical == PFS_PQ_LOGICAL_JSON;

    if (node->logical == PFS_PQ_LOGICAL_FLOAT16)
        return refuse(f, node);
    out->kind = text ? PFS_VARCHAR : PFS_VARBINARY;
    out->length = PFS_LENGTH_MAX;
    if (like != NULL && pfs_kind_is_bytes(like->kind) && like->kind != PFS_VARIANT && like->kind != PFS_BLOB) {
        out->kind = like->kind;
        out->length = like->length;
    }
    return 0;
}

static int leaf_type(struct facts *f, const struct pfs_pq_node *node, const struct pfs_type *like, struct pfs_type *out)
{
    switch ((enum pfs_pq_physical)node->physical) {
    case PFS_PQ_BOOLEAN:
        out->kind = PFS_BOOLEAN;
        return 0;
    case PFS_PQ_FLOAT:
        out->kind = like != NULL && like->kind == PFS_DOUBLE ? PFS_DOUBLE : PFS_FLOAT;
        return 0;
    case PFS_PQ_DOUBLE:
        out->kind = PFS_DOUBLE;
        return 0;
    case PFS_PQ_INT96:
        return timestamp_type(node, like, out);
    case PFS_PQ_INT32:
    case PFS_PQ_INT64:
    case PFS_PQ_BYTE_ARRAY:
    case PFS_PQ_FIXED_LEN_BYTE_ARRAY:
        break;
    }
    if (node->logical == PFS_PQ_LOGICAL_DECIMAL)
        return decimal_type(f, node, like, out);
    if (node->physical == PFS_PQ_BYTE_ARRAY || node->physical == PFS_PQ_FIXED_LEN_BYTE_ARRAY)
        return bytes_type(f, node, like, out);
    if (node->logical == PFS_PQ_LOGICAL_DATE) {
        out->kind = PFS_DATE;
        return 0;
    }
    if (node->logical == PFS_PQ_LOGICAL_TIMESTAMP && node->unit != 0)
        return timestamp_type(node, like, out);
    if (node->logical == PFS_PQ_LOGICAL_TIME) {
        out->kind = PFS_TIME;
        out->precision = like != NULL && like->kind == PFS_TIME ? like->precision : 3;
        return 0;
    }
    return integer_type(f, node, like, out);
}

/* ---- what nests ---- */

/* Parts of lists and maps have no ids of their own; those of a ROW are the table's to give. */
static int add_children(struct facts *f, struct pfs_type *out, int32_t count)
{
    assert(count > 0);
    assert(pfs_kind_is_nested(out->kind));
    out->child = pfs_arena_array(f->arena, (size_t)count, sizeof(*out->child));
    if (out->child == NULL)
        return pfs_arena_full(f->arena, f->err);
    memset(out->child, 0, (size_t)count * sizeof(*out->child));
    out->children = count;
    for (int32_t i = 0; i < count; i++)
        out->child[i].id = -1;
    return 0;
}

static const struct pfs_type *like_child(const struct pfs_type *like, enum pfs_kind kind, int32_t i)
{
    return like != NULL && like->kind == kind ? &like->child[i].type : NULL;
}

/* Whether the repeated field is the item or a group around it, only the wanted item can tell in old files: without one
 * it is taken to be no ROW, as in the lists of today. */
static int array_type(struct facts *f, const struct pfs_pq_node *node, const struct pfs_pq_node *repeated,
                      const struct pfs_type *like, struct pfs_type *out)
{
    static const struct pfs_type any = {.kind = PFS_VARCHAR};
    const struct pfs_type *item = like_child(like, PFS_ARRAY, 0);

    if (repeated == NULL)
        return refuse(f, node);
    out->kind = PFS_ARRAY;
    PFS_TRY(add_children(f, out, 1));
    out->child[0].name = "element";
    return item_type(f, repeated == node ? node : pfs_pq_item_of(f->all, repeated, item != NULL ? item : &any), item,
                     &out->child[0].type);
}

static int map_type(struct facts *f, const struct pfs_pq_node *node, const struct pfs_type *like, struct pfs_type *out)
{
    const struct pfs_pq_node *repeated = pfs_pq_repeated_of(node), *value;
    bool counts = like != NULL && like->kind == PFS_MULTISET;

    if (repeated == NULL || repeated->children != 2)
        return refuse(f, node);
    value = &f->all[repeated[1].next];
    assert(value < &f->all[repeated->next]); /* the second child lies below its parent */
    out->kind = counts ? PFS_MULTISET : PFS_MAP;
    PFS_TRY(add_children(f, out, counts ? 1 : 2));
    out->child[0].name = counts ? "element" : "key";
    PFS_TRY(
        type_of(f, repeated + 1, counts ? &like->child[0].type : like_child(like, PFS_MAP, 0), &out->child[0].type));
    if (counts)
        return 0;
    out->child[1].name = "value";
    return type_of(f, value, like_child(like, PFS_MAP, 1), &out->child[1].type);
}

static const struct pfs_field *field_named(const struct pfs_field *field, int32_t count, struct pfs_slice name)
{
    for (int32_t i = 0; i < count; i++)
        if (pfs_slice_eq(pfs_str(field[i].name), name))
            return &field[i];
    return NULL;
}

/* One column or field of a ROW. */
static int field_type(struct facts *f, const struct pfs_pq_node *node, const struct pfs_field *like, int32_t likes,
                      struct pfs_field *out)
{
    const struct pfs_field *wanted = field_named(like, likes, node->name);

    if (node->name.len > 0 && memchr(node->name.at, 0, node->name.len) != NULL)
        return pfs_fail(f->err, EIO, "a column's name has a NUL in it");
    out->name = pfs_arena_string(f->arena, node->name);
    if (out->name == NULL)
        return pfs_arena_full(f->arena, f->err);
    out->id = -1;
    return type_of(f, node, wanted != NULL ? &wanted->type : NULL, &out->type) < 0
               ? pfs_wrap(f->err, "column %s", out->name)
               : 0;
}

static int row_type(struct facts *f, const struct pfs_pq_node *node, const struct pfs_type *like, struct pfs_type *out)
{
    const struct pfs_pq_node *child = node + 1;
    bool wanted = like != NULL && like->kind == PFS_ROW;

    out->kind = PFS_ROW;
    PFS_TRY(add_children(f, out, node->children));
    assert(child < &f->all[node->next]);
    for (int32_t i = 0; i < node->children; i++, child = &f->all[child->next])
        PFS_TRY(field_type(f, child, wanted ? like->child : NULL, wanted ? like->children : 0, &out->child[i]));
    return 0;
}

/* The footer has bounded the depth of the tree. */
static int item_type(struct facts *f, const struct pfs_pq_node *node, const struct pfs_type *like, struct pfs_type *out)
{
    *out = (struct pfs_type){.nullable = true};
    if (node->children == 0)
        return leaf_type(f, node, like, out);
    if (node->logical == PFS_PQ_LOGICAL_VARIANT || (like != NULL && like->kind == PFS_VARIANT)) {
        out->kind = PFS_VARIANT;
        return 0;
    }
    if (node->logical == PFS_PQ_LOGICAL_LIST)
        return array_type(f, node, pfs_pq_repeated_of(node), like, out);
    if (node->logical == PFS_PQ_LOGICAL_MAP)
        return map_type(f, node, like, out);
    return node->logical == PFS_PQ_LOGICAL_NONE ? row_type(f, node, like, out) : refuse(f, node);
}

static int type_of(struct facts *f, const struct pfs_pq_node *node, const struct pfs_type *like, struct pfs_type *out)
{
    *out = (struct pfs_type){.nullable = true};
    return node->repetition == PFS_PQ_REPEATED ? array_type(f, node, node, like, out) : item_type(f, node, like, out);
}

/* ---- the file ---- */

/* Bytes in front of the footer that no chunk and no index of pages takes. */
static uint64_t gap_of(const struct pfs_pq_footer *footer)
{
    uint64_t end = 4; /* the magic */

    for (int32_t g = 0; g < footer->groups; g++)
        for (int32_t i = 0; i < footer->leaves; i++) {
            const struct pfs_pq_chunk *c = &footer->group[g].chunk[i];
            const uint64_t ends[] = {c->off + c->bytes, c->offset_index.off + c->offset_index.bytes,
                                     c->column_index.off + c->column_index.bytes};

            for (size_t k = 0; k < 3 && !c->foreign; k++)
                end = ends[k] > end ? ends[k] : end;
        }
    return end < footer->at ? footer->at - end : 0;
}

int pfs_parquet_facts(struct pfs_file *file, const struct pfs_field *like, int32_t likes, struct pfs_arena *arena,
                      struct pfs_parquet_facts *out, struct pfs_err *err)
{
    struct pfs_pq_footer footer;
    struct pfs_parquet_facts facts;
    struct facts f = {.arena = arena, .err = err};

    PFS_TRY(pfs_pq_footer_load(file, arena, &footer, err));
    f.all = footer.node;
    facts = (struct pfs_parquet_facts){.rows = footer.rows, .groups = footer.groups, .gap = gap_of(&footer)};
    facts.field = pfs_arena_zalloc(arena, (size_t)footer.nodes * sizeof(*facts.field));
    facts.first = pfs_arena_array(arena, (size_t)footer.groups, sizeof(*facts.first));
    if (facts.field == NULL || facts.first == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t g = 0; g < footer.groups; g++)
        facts.first[g] = footer.group[g].first;
    for (int32_t i = 1; i < footer.nodes; i = footer.node[i].next)
        if (footer.node[i].children > 0 || footer.node[i].logical != PFS_PQ_LOGICAL_UNKNOWN)
            PFS_TRY(field_type(&f, &footer.node[i], like, likes, &facts.field[facts.columns++]));
    *out = facts;
    return 0;
}
