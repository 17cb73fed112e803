/* avro_rows_fuzz.c - Avro data files of any schema, asked for columns of every type: an answer or a sentence, and
 * columns that are whole. Wanted are the names of the seeds; what does not go together is asked for column by column.
 */
#include <stdlib.h>

#include "format/avro/rows.h"

#define BATCHES_MAX 64 /* what is behind them finds nothing new */

static const char *const wanted[][2] = {
    {"id", "BIGINT"},
    {"k1", "INT"},
    {"b", "BOOLEAN"},
    {"t", "TINYINT"},
    {"s", "SMALLINT"},
    {"f", "FLOAT"},
    {"d", "DOUBLE"},
    {"c07", "DECIMAL(5, 2)"},
    {"c11", "DECIMAL(38, 10)"},
    {"v", "STRING"},
    {"c18", "BYTES"},
    {"c21", "DATE"},
    {"c24", "TIMESTAMP(3)"},
    {"ar", "ARRAY<INT>"},
    {"ars", "ARRAY<STRING>"},
    {"mp", "MAP<STRING, INT>"},
    {"mpi", "MAP<INT, STRING>"},
    {"ms", "MULTISET<STRING>"},
    {"ro", "ROW<a INT, b STRING, c DECIMAL(5, 2), z INT>"},
    {"aro", "ARRAY<ROW<x BIGINT, y ARRAY<STRING>>>"},
    {"mro", "MAP<STRING, ROW<p DATE, q DOUBLE>>"},
    {"deep", "ROW<l1 ROW<l2 ROW<v INT, w ARRAY<INT>>>>"},
};

#define COLUMNS ((int32_t)(sizeof(wanted) / sizeof(wanted[0])))

static volatile uint64_t sink;

static void touch(const void *at, size_t len)
{
    for (size_t i = 0; i < len; i++)
        sink += ((const uint8_t *)at)[i];
}

/* Reads all that a column says it has; its lists must rise. */
static void walk(const struct pfs_column *c, int64_t rows)
{
    enum pfs_kind kind = c->type->kind;
    int64_t inner = rows;

    if (c->valid != NULL)
        touch(c->valid, (size_t)(rows + 7) / 8);
    if (c->offsets != NULL) {
        for (int64_t i = 0; i < rows; i++)
            if (c->offsets[i] < 0 || c->offsets[i + 1] < c->offsets[i])
                abort();
        inner = c->offsets[rows];
    }
    if (pfs_kind_is_bytes(kind))
        touch(c->values, (size_t)inner);
    else if (!pfs_kind_is_nested(kind))
        touch(c->values, (size_t)rows * (size_t)pfs_type_width(c->type));
    for (int32_t i = 0; pfs_kind_is_nested(kind) && i < (kind == PFS_MULTISET ? 2 : c->type->children); i++)
        walk(&c->children[i], inner);
}

static int read_all(struct pfs_file *file, const struct pfs_file_read *read)
{
    struct pfs_arena arena;
    struct pfs_reader *reader = NULL;
    struct pfs_batch batch;
    struct pfs_err err = {0};
    int64_t rows = pfs_avro_rows_open(file, read, &reader, &err);

    pfs_arena_init(&arena, (size_t)64 << 20);
    for (int i = 0; rows == 0 && i < BATCHES_MAX; i++) {
        rows = pfs_reader_next(reader, &arena, &batch, &err);
        if (rows <= 0)
            break;
        if (rows != batch.rows || batch.columns != read->columns)
            abort();
        for (int32_t k = 0; k < batch.columns; k++)
            walk(&batch.column[k], rows);
        pfs_arena_reset(&arena);
        rows = 0;
    }
    if (rows < 0 && (err.text[0] == '\0' || err.code != -rows))
        abort();
    pfs_reader_close(reader);
    pfs_arena_done(&arena);
    return rows < 0 ? -1 : 0;
}

static void read_columns(struct pfs_file *file, const struct pfs_row_range *range, int ranges)
{
    bool missing_ok[COLUMNS];
    struct pfs_field fields[COLUMNS];
    struct pfs_arena arena = {0};
    struct pfs_file_read read = {.columns = COLUMNS, .fields = fields, .missing_ok = missing_ok};

    for (int32_t i = 0; i < COLUMNS; i++) {
        missing_ok[i] = true;
        fields[i] = (struct pfs_field){.id = i, .name = wanted[i][0]};
        if (pfs_type_parse(pfs_str(wanted[i][1]), NULL, &arena, &fields[i].type, NULL) < 0)
            abort();
    }
    if (read_all(file, &read) < 0)
        for (int32_t i = 0; i < COLUMNS; i++) {
            read.columns = 1;
            read.fields = &fields[i];
            (void)read_all(file, &read);
        }
    read.range = range;
    read.ranges = ranges;
    read.batch_rows = 5;
    (void)read_all(file, &read);
    pfs_arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct pfs_row_range ranges[] = {{1, 3}, {7, 8}, {12, 40}};
    struct pfs_store *store;
    struct pfs_file *file;

    if (pfs_store_open_memory(&store, NULL) < 0)
        return 0;
    if (pfs_store_create(store, "f", &file, NULL) == 0) {
        (void)pfs_file_append(file, data, size, NULL);
        pfs_file_close(file);
        if (pfs_store_open(store, "f", &file, NULL) == 0) {
            read_columns(file, ranges, 3);
            pfs_file_close(file);
        }
    }
    pfs_store_close(store);
    return 0;
}
