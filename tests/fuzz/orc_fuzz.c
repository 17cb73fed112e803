/* Reads every column of a file, as the type that it was written with and as some others, whole and by ranges: an answer
 * or a sentence, and batches that are whole. */
#include <stdlib.h>

#include "format/orc/orc.h"
#include "format/orc/tail.h"
#include "tests/fuzz/rows.h"

#define FIELDS_MAX 60
#define BATCHES_MAX 20
#define DEPTH_MAX 4

static struct pfs_slice input;

static int read_input(struct pfs_file *file, uint64_t off, void *to, size_t len, struct pfs_err *err)
{
    (void)file;
    (void)err;
    if (len > 0)
        memcpy(to, input.at + off, len); /* in range: pfs_file_pread looked */
    return 0;
}

/* The kind that the column says it is, or another one when `twist` asks for it. */
static struct pfs_type type_of(const struct pfs_orc_tail *tail, uint32_t id, unsigned twist, int depth,
                               struct pfs_arena *arena)
{
    static const enum pfs_kind kinds[] = {PFS_BOOLEAN, PFS_TINYINT, PFS_SMALLINT, PFS_INT,          PFS_BIGINT,
                                          PFS_FLOAT,   PFS_DOUBLE,  PFS_VARCHAR,  PFS_BLOB,         PFS_TIMESTAMP,
                                          PFS_ARRAY,   PFS_MAP,     PFS_ROW,      PFS_INT,          PFS_DECIMAL,
                                          PFS_DATE,    PFS_VARCHAR, PFS_CHAR,     PFS_TIMESTAMP_LTZ};
    const struct pfs_orc_type *node = &tail->type[id];
    struct pfs_type type = {.kind = kinds[node->kind], .nullable = true, .length = PFS_LENGTH_MAX, .precision = 9};

    if (type.kind == PFS_DECIMAL) {
        type.precision = twist == 1 ? 18 : 38;
        type.scale = node->scale < type.precision ? node->scale : type.precision;
    } else if (type.kind == PFS_TIMESTAMP || type.kind == PFS_TIMESTAMP_LTZ) {
        type.precision = (int32_t)(twist % 3 + 1) * 3;
    } else if (twist == 1 && (type.kind == PFS_TINYINT || type.kind == PFS_SMALLINT)) {
        type.kind = PFS_BIGINT;
    }
    if (node->children > 0 && depth < DEPTH_MAX) {
        type.children = node->children < FIELDS_MAX ? (int32_t)node->children : FIELDS_MAX;
        type.child = pfs_arena_array(arena, (size_t)type.children, sizeof(*type.child));
        for (int32_t i = 0; type.child != NULL && i < type.children; i++)
            type.child[i] = (struct pfs_field){
                .name = node->kind == PFS_ORC_STRUCT ? pfs_arena_string(arena, node->name[i]) : "part",
                .type = type_of(tail, node->child[i], twist, depth + 1, arena)};
        if (type.child == NULL)
            type.children = 0;
    }
    return type;
}

static void look_at_groups(struct pfs_file *file, const struct pfs_file_read *read)
{
    struct pfs_arena arena;

    for (int groups = 0; groups < 2; groups++) {
        struct pfs_file_group *group = NULL;
        int32_t count = 0;

        pfs_arena_init(&arena, (size_t)64 << 20);
        if ((groups == 1 ? pfs_orc_groups : pfs_orc_stripes)(file, read, &arena, &group, &count, NULL) == 0)
            rows_touch_groups(group, count);
        pfs_arena_done(&arena);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct pfs_store_ops ops = {.pread = read_input};
    static const struct pfs_row_range ranges[] = {{3, 5}, {1001, 1010}, {20000, 20001}};
    struct pfs_file file = {.ops = &ops, .size = size};
    struct pfs_orc_tail tail;
    struct pfs_arena arena;

    input = pfs_slice_of(data, size);
    pfs_arena_init(&arena, (size_t)256 << 20);
    if (pfs_orc_tail_load(&file, &arena, &tail, NULL) == 0)
        for (uint32_t i = 0; i < tail.type[0].children && i < FIELDS_MAX; i++)
            for (unsigned twist = 0; twist < 2; twist++) {
                struct pfs_field field = {.name = pfs_arena_string(&arena, tail.type[0].name[i]),
                                          .type = type_of(&tail, tail.type[0].child[i], twist, 0, &arena)};
                struct pfs_file_read read = {.columns = 1, .fields = &field, .batch_rows = twist == 1 ? 100 : 0};

                if (field.name == NULL)
                    continue;
                (void)rows_read(pfs_orc_open, &file, &read, BATCHES_MAX);
                look_at_groups(&file, &read);
                read.range = ranges;
                read.ranges = 3;
                (void)rows_read(pfs_orc_open, &file, &read, BATCHES_MAX);
            }
    pfs_arena_done(&arena);
    return 0;
}
