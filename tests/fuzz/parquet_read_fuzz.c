/* Reads every column of a file, as the type that its annotations name and as some others, whole and in pieces: an
 * answer or a sentence, and batches that are whole. */
#include <stdlib.h>

#include "format/parquet/footer.h"
#include "format/parquet/parquet.h"
#include "tests/fuzz/rows.h"

#define FIELDS_MAX 40
#define BATCHES_MAX 50

static struct pfs_slice input;

static int read_input(struct pfs_file *file, uint64_t off, void *to, size_t len, struct pfs_err *err)
{
    (void)file;
    (void)err;
    memcpy(to, input.at + off, len); /* in range: pfs_file_pread looked */
    return 0;
}

/* The kind that the leaf says it is, or another one when `twist` asks for it. */
static struct pfs_type leaf_type(const struct pfs_pq_node *node, unsigned twist)
{
    static const enum pfs_kind kinds[] = {[PFS_PQ_BOOLEAN] = PFS_BOOLEAN, [PFS_PQ_INT32] = PFS_INT,
                                          [PFS_PQ_INT64] = PFS_BIGINT,    [PFS_PQ_INT96] = PFS_TIMESTAMP,
                                          [PFS_PQ_FLOAT] = PFS_FLOAT,     [PFS_PQ_DOUBLE] = PFS_DOUBLE,
                                          [PFS_PQ_BYTE_ARRAY] = PFS_BLOB, [PFS_PQ_FIXED_LEN_BYTE_ARRAY] = PFS_BLOB};
    struct pfs_type type = {.kind = kinds[node->physical], .nullable = true, .length = PFS_LENGTH_MAX, .precision = 9};

    if (node->logical == PFS_PQ_LOGICAL_DECIMAL)
        type.kind = PFS_DECIMAL;
    else if (node->logical == PFS_PQ_LOGICAL_DATE)
        type.kind = PFS_DATE;
    else if (node->logical == PFS_PQ_LOGICAL_TIME)
        type.kind = PFS_TIME;
    else if (node->logical == PFS_PQ_LOGICAL_TIMESTAMP)
        type.kind = PFS_TIMESTAMP;
    if (twist == 1 && type.kind == PFS_INT)
        type.kind = PFS_TINYINT;
    if (type.kind == PFS_DECIMAL) {
        type.precision = twist == 1 ? 18 : 38;
        type.scale = node->scale;
    } else if (type.kind == PFS_TIMESTAMP) {
        type.precision = (int32_t)(twist % 3 + 1) * 3;
    }
    return type;
}

static struct pfs_type column_type(const struct pfs_pq_footer *footer, const struct pfs_pq_node *node, unsigned twist,
                                   int depth, struct pfs_arena *arena);

/* `count` children of the node as fields, and room for another. */
static struct pfs_field *children_of(const struct pfs_pq_footer *footer, const struct pfs_pq_node *node, int32_t count,
                                     unsigned twist, int depth, struct pfs_arena *arena)
{
    struct pfs_field *fields = pfs_arena_array(arena, (size_t)count + 1, sizeof(*fields));
    const struct pfs_pq_node *child = node + 1;

    for (int32_t i = 0; fields != NULL && i < count; i++, child = &footer->node[child->next])
        fields[i] = (struct pfs_field){.name = pfs_arena_string(arena, child->name),
                                       .type = column_type(footer, child, twist, depth + 1, arena)};
    return fields;
}

/* A group or leaf without the list that it may repeat in. */
static struct pfs_type value_type(const struct pfs_pq_footer *footer, const struct pfs_pq_node *node, unsigned twist,
                                  int depth, struct pfs_arena *arena)
{
    struct pfs_type type = {.kind = PFS_ROW, .nullable = true};
    const struct pfs_pq_node *below = node + 1;

    if (node->children == 0 || depth > 20)
        return leaf_type(node, twist);
    if (node->children == 1 && below->repetition == PFS_PQ_REPEATED && below->children == 2 && twist != 1) {
        type.kind = PFS_MAP;
        type.child = children_of(footer, below, type.children = 2, twist, depth, arena);
    } else if (node->children == 1 && below->repetition == PFS_PQ_REPEATED) {
        type.kind = PFS_ARRAY;
        type.child =
            children_of(footer, below->children == 1 && twist != 1 ? below : node, type.children = 1, 2, depth, arena);
        if (type.child != NULL && type.child[0].type.kind == PFS_ARRAY && type.child[0].type.child != NULL &&
            (below->children != 1 || twist == 1))
            type.child[0].type = type.child[0].type.child[0].type;
    } else if (node->children == 2 && below->children == 0 && below->physical == PFS_PQ_BYTE_ARRAY && twist == 1) {
        type = (struct pfs_type){.kind = PFS_VARIANT, .nullable = true};
    } else {
        type.child = children_of(footer, node, node->children, twist, depth, arena);
        type.children = node->children + 1;
        if (type.child != NULL)
            type.child[node->children] =
                (struct pfs_field){.name = "not there", .type = {.kind = PFS_BOOLEAN, .nullable = true}};
    }
    if (type.child == NULL)
        type.children = 0;
    return type;
}

static struct pfs_type column_type(const struct pfs_pq_footer *footer, const struct pfs_pq_node *node, unsigned twist,
                                   int depth, struct pfs_arena *arena)
{
    struct pfs_type value = value_type(footer, node, twist, depth, arena), list = {.kind = PFS_ARRAY, .nullable = true};

    if (node->repetition != PFS_PQ_REPEATED)
        return value;
    list.child = pfs_arena_array(arena, 1, sizeof(*list.child));
    if (list.child == NULL)
        return value;
    list.children = 1;
    list.child[0] = (struct pfs_field){.name = "element", .type = value};
    return list;
}

/* Three pieces of the file. */
static void cut(int64_t rows, struct pfs_row_range *range)
{
    range[0] = (struct pfs_row_range){rows / 10, rows / 10 + (rows > 10)};
    range[1] = (struct pfs_row_range){rows / 3, rows / 3};
    range[2] = (struct pfs_row_range){rows / 2, rows - rows / 5};
}

/* The bounds of row groups and of pages. */
static void look_at_bounds(struct pfs_file *file, const struct pfs_file_read *read)
{
    struct pfs_file_group *group = NULL;
    struct pfs_arena arena;
    int32_t groups = 0;

    pfs_arena_init(&arena, (size_t)256 << 20);
    if (pfs_parquet_groups(file, read, &arena, &group, &groups, NULL) == 0)
        rows_touch_groups(group, groups);
    if (pfs_parquet_pages(file, read, &arena, &group, &groups, NULL) == 0)
        rows_touch_groups(group, groups);
    pfs_arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct pfs_store_ops ops = {.pread = read_input};
    struct pfs_file file = {.ops = &ops, .size = size};
    struct pfs_pq_footer footer;
    struct pfs_row_range range[3];
    struct pfs_arena arena;

    input = pfs_slice_of(data, size);
    pfs_arena_init(&arena, (size_t)256 << 20);
    if (pfs_pq_footer_load(&file, &arena, &footer, NULL) == 0) {
        int tried = 0;

        cut(footer.rows, range);
        for (int32_t i = 1; i < footer.nodes && tried < FIELDS_MAX; i = footer.node[i].next, tried++)
            for (unsigned twist = 0; twist < 3; twist++) {
                struct pfs_field field = {.name = pfs_arena_string(&arena, footer.node[i].name),
                                          .type = column_type(&footer, &footer.node[i], twist, 0, &arena)};
                struct pfs_file_read read = {.columns = 1, .fields = &field, .batch_rows = twist == 1 ? 100 : 0};

                if (twist == 2) {
                    read.range = range;
                    read.ranges = 3;
                }
                (void)rows_read(pfs_parquet_open, &file, &read, BATCHES_MAX);
                look_at_bounds(&file, &read);
            }
    }
    pfs_arena_done(&arena);
    return 0;
}
