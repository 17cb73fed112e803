/* nested.c - the wanted type laid over the tree of the file: which leaf is which part.
 *
 * Two trees go down together. A part of the wanted type meets a node of the file; a list of the wanted type meets one
 * node or two (the field that repeats, and mostly a group around it). What is carried down is the innermost list around
 * the part (struct around), as its levels decide which entries of a leaf are slots of the part at all (part.h).
 *
 * Every part needs a leaf below it whose levels show its shape: its first child's, or for a ROW of which the file has
 * no wanted field, any leaf below, read for its levels alone. No leaf is opened twice, so that there are as many as the
 * column has leaves at most; a file whose fields have one name twice is refused where that would be passed.
 */
#include "format/parquet/nested.h"

#include <assert.h>

#include "base/limits.h"
#include "base/mem.h"
#include "format/parquet/part.h"

static const struct pfs_type count_type = {.kind = PFS_INT}; /* of MULTISET: not null */
static const struct pfs_type binary_type = {.kind = PFS_VARBINARY, .length = PFS_LENGTH_MAX};

struct pfs_pq_nested {
    int32_t leaves, cap;
    struct pfs_pq_leaf *leaf;
    struct pfs_pq_part root;
};

/* What stays the same while the tree of parts is built. */
struct build {
    const struct pfs_pq_nested_open *open;
    const struct pfs_pq_node *all; /* of the footer */
    struct pfs_pq_nested *nested;
    struct pfs_err *err;
};

/* A list around what is looked at: entries that repeat further in, or that do not come so far, are none of its items.
 */
struct around {
    uint8_t repetition, definition;
    int depth;
};

static int refuse(const struct build *b, const struct pfs_pq_node *node, const char *what)
{
    return pfs_fail(b->err, EIO, "%.*s in the file is not %s", PFS_P(node->name), what);
}

/* Nodes lie in the order of the file: a child begins where the subtree of the one before ends. */
static const struct pfs_pq_node *child_at(const struct build *b, const struct pfs_pq_node *node, int32_t index)
{
    const struct pfs_pq_node *child = node + 1;

    assert(index < node->children);
    while (index-- > 0)
        child = &b->all[child->next];
    return child;
}

static const struct pfs_pq_node *child_named(const struct pfs_pq_node *all, const struct pfs_pq_node *node,
                                             struct pfs_slice name)
{
    const struct pfs_pq_node *child = node + 1;

    for (int32_t i = 0; i < node->children; i++, child = &all[child->next])
        if (pfs_slice_eq(child->name, name))
            return child;
    return NULL;
}

/* `type` NULL: for its levels alone. */
static int open_leaf(struct build *b, const struct pfs_pq_node *node, const struct pfs_type *type,
                     struct pfs_pq_leaf **out)
{
    struct pfs_pq_source source = *b->open->source;
    struct pfs_pq_ahead *ahead = NULL;

    assert(node->children == 0);
    if (b->nested->leaves == b->nested->cap)
        return pfs_fail(b->err, EIO, "a field of it is wanted twice");
    source.node = node;
    PFS_TRY(pfs_pq_ahead_open(&source, b->open->pool, &ahead, b->err));
    *out = &b->nested->leaf[b->nested->leaves++];
    return pfs_pq_leaf_init(*out, type, node, ahead, b->err);
}

static int make_children(struct build *b, struct pfs_pq_part *part, int32_t count)
{
    part->child = pfs_arena_array(b->open->arena, (size_t)count, sizeof(*part->child));
    if (part->child == NULL)
        return pfs_arena_full(b->open->arena, b->err);
    part->children = count;
    return 0;
}

static int build(struct build *b, const struct pfs_pq_node *node, const struct pfs_type *type, struct around around,
                 struct pfs_pq_part *part);

/* A part without any field in the file still has its own nulls: some leaf below tells them. */
static int open_shape(struct build *b, const struct pfs_pq_node *node, struct pfs_pq_part *part)
{
    while (node->children > 0)
        node++;
    return open_leaf(b, node, NULL, &part->shape);
}

static int build_row(struct build *b, const struct pfs_pq_node *node, const struct pfs_type *type, struct around around,
                     struct pfs_pq_part *part)
{
    if (node->children == 0)
        return refuse(b, node, "a ROW");
    PFS_TRY(make_children(b, part, type->children));
    for (int32_t i = 0; i < type->children; i++) {
        const struct pfs_field *field = &type->child[i];
        const struct pfs_pq_node *child = child_named(b->all, node, pfs_str(field->name));

        if (child == NULL) {
            part->child[i] = (struct pfs_pq_part){.form = PFS_PQ_PART_MISSING, .type = &field->type};
            continue;
        }
        if (build(b, child, &field->type, around, &part->child[i]) < 0)
            return pfs_wrap(b->err, "field %s", field->name);
        if (part->shape == NULL)
            part->shape = part->child[i].shape;
        assert(part->shape != NULL); /* every part but a missing one has a leaf */
    }
    return part->shape != NULL ? 0 : open_shape(b, node, part);
}

static bool ends_in_tuple(struct pfs_slice name)
{
    return name.len >= 6 && memcmp(name.at + name.len - 6, "_tuple", 6) == 0;
}

/* Where the items of a list lie: `repeated` is the field that repeats. Its only child is the item, except in lists of
 * old, whose repeated field is the item itself; that is told by what is wanted and, for a ROW of one field, by names
 * (parquet-format, "Backward-compatibility rules"). */
const struct pfs_pq_node *pfs_pq_item_of(const struct pfs_pq_node *all, const struct pfs_pq_node *repeated,
                                         const struct pfs_type *item)
{
    const struct pfs_pq_node *only = repeated + 1;

    assert(repeated->repetition == PFS_PQ_REPEATED);
    if (repeated->children != 1 || only->repetition == PFS_PQ_REPEATED)
        return repeated;
    if (item->kind != PFS_ROW || item->children == 0)
        return only;
    if (only->children == 0)
        return repeated;
    if (pfs_slice_eq(only->name, pfs_str("element")) ||
        child_named(all, repeated, pfs_str(item->child[0].name)) == NULL)
        return only;
    return pfs_slice_eq(repeated->name, pfs_str("array")) || ends_in_tuple(repeated->name) ? repeated : only;
}

/* The one field of a list or map that repeats. */
const struct pfs_pq_node *pfs_pq_repeated_of(const struct pfs_pq_node *node)
{
    return node->children == 1 && node[1].repetition == PFS_PQ_REPEATED ? node + 1 : NULL;
}

/* For the items of this list; how deep the types nest goes on counting. */
static struct around within(const struct pfs_pq_node *repeated, struct around around)
{
    return (struct around){repeated->repetition_max, repeated->definition_max, around.depth};
}

static void set_items(struct pfs_pq_part *part, const struct pfs_pq_node *repeated)
{
    part->item_repetition = repeated->repetition_max;
    part->item_definition = repeated->definition_max;
}

/* `repeated` is the item, and not what repeats around it: its own repetition was dealt with. */
static int build_item(struct build *b, const struct pfs_pq_node *node, const struct pfs_type *type,
                      struct around around, struct pfs_pq_part *part);

static int build_array(struct build *b, const struct pfs_pq_node *node, const struct pfs_type *type,
                       struct around around, struct pfs_pq_part *part)
{
    const struct pfs_pq_node *repeated = node->repetition == PFS_PQ_REPEATED && node->repetition_max > around.repetition
                                             ? node
                                             : pfs_pq_repeated_of(node);

    if (repeated == NULL)
        return refuse(b, node, "an ARRAY");
    set_items(part, repeated);
    if (repeated == node)
        part->definition = (uint8_t)(node->definition_max - 1); /* an absent list is an empty one */
    assert(repeated->repetition_max == around.repetition + 1);  /* the next list on the way down, none left out */
    assert(repeated->definition_max > around.definition);
    PFS_TRY(make_children(b, part, 1));
    PFS_TRY(build_item(b, repeated == node ? node : pfs_pq_item_of(b->all, repeated, &type->child[0].type),
                       &type->child[0].type, within(repeated, around), &part->child[0]));
    part->shape = part->child[0].shape;
    return 0;
}

static int build_map(struct build *b, const struct pfs_pq_node *node, const struct pfs_type *type, struct around around,
                     struct pfs_pq_part *part)
{
    const struct pfs_pq_node *repeated = pfs_pq_repeated_of(node);
    const struct pfs_type *value = type->kind == PFS_MULTISET ? &count_type : &type->child[1].type;

    if (repeated == NULL || repeated->children != 2)
        return refuse(b, node, "a MAP");
    assert(repeated->repetition_max == around.repetition + 1);
    set_items(part, repeated);
    PFS_TRY(make_children(b, part, 2));
    around = within(repeated, around);
    PFS_TRY(build(b, child_at(b, repeated, 0), &type->child[0].type, around, &part->child[0]));
    PFS_TRY(build(b, child_at(b, repeated, 1), value, around, &part->child[1]));
    part->shape = part->child[0].shape;
    return 0;
}

/* Its two leaves are read as any others and joined behind the levels (part.c). */
static int build_variant(struct build *b, const struct pfs_pq_node *node, struct around around,
                         struct pfs_pq_part *part)
{
    static const char *const names[] = {"value", "metadata"};

    if (child_named(b->all, node, pfs_str("typed_value")) != NULL)
        return pfs_fail(b->err, EOPNOTSUPP, "a shredded VARIANT is not supported");
    PFS_TRY(make_children(b, part, 2));
    for (int32_t i = 0; i < 2; i++) {
        const struct pfs_pq_node *child = child_named(b->all, node, pfs_str(names[i]));

        if (child == NULL || child->children > 0 || child->repetition == PFS_PQ_REPEATED)
            return refuse(b, node, "a VARIANT");
        PFS_TRY(build(b, child, &binary_type, around, &part->child[i]));
    }
    part->shape = part->child[0].shape;
    return 0;
}

static int build_item(struct build *b, const struct pfs_pq_node *node, const struct pfs_type *type,
                      struct around around, struct pfs_pq_part *part)
{
    assert(node->definition_max >= around.definition);
    assert(node->repetition_max == around.repetition || type->kind == PFS_ARRAY);
    *part = (struct pfs_pq_part){
        .type = type, .repetition = around.repetition, .around = around.definition, .definition = node->definition_max};
    if (++around.depth > PFS_JSON_DEPTH_MAX)
        return pfs_fail(b->err, EIO, "a type nested too deep");
    if (type->kind == PFS_ROW) {
        part->form = PFS_PQ_PART_ROW;
        return build_row(b, node, type, around, part);
    }
    if (type->kind == PFS_ARRAY) {
        part->form = PFS_PQ_PART_LIST;
        return build_array(b, node, type, around, part);
    }
    if (type->kind == PFS_MAP || type->kind == PFS_MULTISET) {
        part->form = PFS_PQ_PART_LIST;
        return build_map(b, node, type, around, part);
    }
    if (type->kind == PFS_VARIANT) {
        part->form = PFS_PQ_PART_VARIANT;
        return build_variant(b, node, around, part);
    }
    part->form = PFS_PQ_PART_LEAF;
    if (node->children > 0)
        return refuse(b, node, "a value but a group");
    return open_leaf(b, node, type, &part->shape);
}

/* What repeats can only be an ARRAY. */
static int build(struct build *b, const struct pfs_pq_node *node, const struct pfs_type *type, struct around around,
                 struct pfs_pq_part *part)
{
    if (node->repetition == PFS_PQ_REPEATED && type->kind != PFS_ARRAY)
        return refuse(b, node, "a value but a list");
    return build_item(b, node, type, around, part);
}

int pfs_pq_nested_open(const struct pfs_pq_nested_open *open, const struct pfs_pq_node *node,
                       const struct pfs_type *type, struct pfs_pq_nested **out, struct pfs_err *err)
{
    struct pfs_pq_nested *nested = pfs_zalloc(sizeof(*nested));
    const struct pfs_pq_node *all = open->source->footer->node;
    struct build b = {.open = open, .all = all, .nested = nested, .err = err};
    int rc;

    if (nested == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a column");
    for (const struct pfs_pq_node *n = node; n < &all[node->next]; n++)
        nested->cap += n->children == 0;
    nested->leaf = pfs_alloc_array((size_t)nested->cap, sizeof(*nested->leaf));
    rc = nested->leaf == NULL ? pfs_fail(err, ENOMEM, "no memory for %d leaves", nested->cap)
                              : build(&b, node, type, (struct around){0}, &nested->root);
    if (rc < 0) {
        pfs_pq_nested_close(nested);
        return rc;
    }
    assert(nested->leaves <= nested->cap);
    assert(nested->root.shape != NULL);
    *out = nested;
    return 0;
}

void pfs_pq_nested_close(struct pfs_pq_nested *nested)
{
    if (nested == NULL)
        return;
    for (int32_t i = 0; i < nested->leaves; i++)
        pfs_pq_leaf_done(&nested->leaf[i]);
    pfs_free(nested->leaf);
    pfs_free(nested);
}

void pfs_pq_nested_start(struct pfs_pq_nested *nested)
{
    for (int32_t i = 0; i < nested->leaves; i++)
        pfs_pq_ahead_start(nested->leaf[i].column.ahead);
}

int pfs_pq_nested_limit(struct pfs_pq_nested *nested, int32_t group, int64_t row, int64_t *rows, struct pfs_err *err)
{
    for (int32_t i = 0; i < nested->leaves; i++)
        PFS_TRY(pfs_pq_leaf_limit(&nested->leaf[i], group, row, rows, err));
    return 0;
}

int pfs_pq_nested_next(struct pfs_pq_nested *nested, int32_t group, const struct pfs_row_range *range, int32_t ranges,
                       int64_t rows, uint32_t *index, struct pfs_arena *arena, struct pfs_column *out,
                       struct pfs_err *err)
{
    for (int32_t i = 0; i < nested->leaves; i++)
        PFS_TRY(pfs_pq_leaf_next(&nested->leaf[i], group, range, ranges, index, arena, err));
    return pfs_pq_part_make(&nested->root, rows, arena, out, err);
}
