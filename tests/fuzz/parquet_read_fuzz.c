/* Reads every flat column of a file, as the type that its annotation names and as some others: an answer or a sentence,
 * and batches that are whole. */
#include <stdlib.h>

#include "format/parquet/footer.h"
#include "format/parquet/parquet.h"

#define FIELDS_MAX 40

static struct pfs_slice input;

static int read_input(struct pfs_file *file, uint64_t off, void *to, size_t len, struct pfs_err *err)
{
    (void)file;
    (void)err;
    memcpy(to, input.at + off, len); /* in range: pfs_file_pread looked */
    return 0;
}

/* The kind that the column says it is, or another one when `twist` asks for it. */
static struct pfs_type type_of(const struct pfs_pq_node *node, unsigned twist)
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

/* Touches all that a column says it has. */
static uint64_t walk(const struct pfs_column *c, int64_t rows)
{
    uint64_t sum = (uint64_t)pfs_column_null_count(c, rows);
    int width = pfs_type_width(c->type);

    for (int64_t i = 0; i < rows; i++) {
        struct pfs_slice bytes = {NULL, 0};

        if (width > 0)
            bytes = pfs_slice_of((const uint8_t *)c->values + i * width, (size_t)width);
        else if (c->offsets[i] < 0 || c->offsets[i + 1] < c->offsets[i])
            abort();
        else
            bytes = pfs_column_bytes(c, i);
        sum += bytes.len > 0 ? (uint64_t)bytes.at[0] + bytes.at[bytes.len - 1] : 0;
    }
    return sum;
}

static void read_all(struct pfs_file *file, const struct pfs_file_read *read)
{
    uint64_t sum = 0;
    struct pfs_reader *reader = NULL;
    struct pfs_arena arena;
    struct pfs_batch batch;
    int64_t got = 1;

    if (pfs_parquet_open(file, read, &reader, NULL) < 0)
        return;
    pfs_arena_init(&arena, (size_t)256 << 20);
    /* A few bytes may hold millions of rows, all of them null. */
    for (int i = 0; i < 50 && got > 0; i++) {
        got = pfs_reader_next(reader, &arena, &batch, NULL);
        if (got > 0 && (batch.rows != got || batch.columns != read->columns))
            abort();
        for (int32_t c = 0; got > 0 && c < batch.columns; c++)
            sum += walk(&batch.column[c], got);
        pfs_arena_reset(&arena);
    }
    if (sum == UINT64_MAX)
        abort(); /* never: but the bytes are looked at */
    pfs_reader_close(reader);
    pfs_arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct pfs_store_ops ops = {.pread = read_input};
    struct pfs_file file = {.ops = &ops, .size = size};
    struct pfs_pq_footer footer;
    struct pfs_arena arena;

    input = pfs_slice_of(data, size);
    pfs_arena_init(&arena, (size_t)256 << 20);
    if (pfs_pq_footer_load(&file, &arena, &footer, NULL) == 0) {
        int tried = 0;

        for (int32_t i = 1; i < footer.nodes && tried < FIELDS_MAX; i = footer.node[i].next, tried++)
            for (unsigned twist = 0; twist < 2; twist++) {
                struct pfs_field field = {.name = pfs_arena_string(&arena, footer.node[i].name),
                                          .type = type_of(&footer.node[i], twist)};
                struct pfs_file_read read = {.columns = 1, .fields = &field, .batch_rows = twist == 1 ? 100 : 0};

                read_all(&file, &read);
            }
    }
    pfs_arena_done(&arena);
    return 0;
}
