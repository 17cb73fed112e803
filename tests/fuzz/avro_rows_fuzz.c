/* avro_rows_fuzz.c - Avro data files of any schema, asked for columns of every type: an answer or a sentence, and
 * columns that are whole. Wanted are the names of the seeds; what does not go together is asked for column by column.
 */
#include "format/avro/rows.h"
#include "tests/fuzz/rows.h"

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
    if (!rows_read(pfs_avro_rows_open, file, &read, BATCHES_MAX))
        for (int32_t i = 0; i < COLUMNS; i++) {
            read.columns = 1;
            read.fields = &fields[i];
            (void)rows_read(pfs_avro_rows_open, file, &read, BATCHES_MAX);
        }
    read.range = range;
    read.ranges = ranges;
    read.batch_rows = 5;
    (void)rows_read(pfs_avro_rows_open, file, &read, BATCHES_MAX);
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
