/* Takes a file as rows of tables: its own columns, and the same names with other types. Refused rows are left out. */
#include <stdlib.h>

#include "base/limits.h"
#include "format/parquet/parquet.h"
#include "format/text/adapt.h"

#define BATCHES_MAX 20

static struct pfs_slice input;

static int read_input(struct pfs_file *file, uint64_t off, void *to, size_t len, struct pfs_err *err)
{
    (void)file;
    (void)err;
    memcpy(to, input.at + off, len); /* in range: pfs_file_pread looked */
    return 0;
}

/* Rows until the batch ends, each printed, so that all of it is looked at. */
static void adapt_batch(struct pfs_adapt *a, const struct pfs_text_parse *parse, const struct pfs_batch *in,
                        struct pfs_arena *arena)
{
    struct pfs_text_refusal refusal;
    struct pfs_batch out;
    struct pfs_buf text;
    int refused = 0;

    pfs_buf_init(&text, (size_t)64 << 20);
    for (int64_t row = 0; row < in->rows && refused < 8;) {
        int64_t rows = pfs_adapt_rows(a, in, row, in->rows, arena, &out, &refusal, NULL);

        if (rows < 0 && refusal.row == 0)
            break;
        if (rows > in->rows - row || (rows < 0 && refusal.row != row + 1))
            abort();
        out.columns--;
        if (rows > 0)
            (void)pfs_text_print(PFS_TEXT_JSON, parse->fields, &out, &text, NULL);
        pfs_buf_clear(&text);
        refused += rows < 0;
        row += rows < 0 ? 1 : rows;
    }
    pfs_buf_done(&text);
}

static void read_rows(struct pfs_file *file, const struct pfs_field *like, int32_t likes)
{
    const struct pfs_text_parse parse = {.columns = likes, .fields = like};
    struct pfs_parquet_facts facts;
    struct pfs_adapt *a = NULL;
    struct pfs_reader *reader = NULL;
    struct pfs_file_read read = {0};
    struct pfs_arena arena, batch_arena;
    struct pfs_batch batch;

    pfs_arena_init(&arena, (size_t)256 << 20);
    pfs_arena_init(&batch_arena, (size_t)256 << 20);
    if (pfs_parquet_facts(file, like, likes, &arena, &facts, NULL) == 0 &&
        pfs_adapt_open(&parse, facts.field, facts.columns, &a, NULL) == 0) {
        read.columns = facts.columns;
        read.fields = facts.field;
        if (pfs_parquet_open(file, &read, &reader, NULL) < 0)
            reader = NULL;
    }
    for (int i = 0; reader != NULL && i < BATCHES_MAX && pfs_reader_next(reader, &batch_arena, &batch, NULL) > 0; i++) {
        adapt_batch(a, &parse, &batch, &batch_arena);
        pfs_arena_reset(&batch_arena);
    }
    pfs_reader_close(reader);
    pfs_adapt_close(a);
    pfs_arena_done(&batch_arena);
    pfs_arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct pfs_store_ops ops = {.pread = read_input};
    static const char *const types[] = {
        "SMALLINT",     "VARCHAR(3)", "DECIMAL(6, 2)",       "DATE",   "ARRAY<STRING NOT NULL>",
        "TIMESTAMP(3)", "BINARY(4)",  "MAP<STRING, BIGINT>", "DOUBLE", "VARIANT"};
    struct pfs_file file = {.ops = &ops, .size = size};
    struct pfs_parquet_facts facts;
    struct pfs_arena arena;

    input = pfs_slice_of(data, size);
    pfs_arena_init(&arena, (size_t)256 << 20);
    if (pfs_parquet_facts(&file, NULL, 0, &arena, &facts, NULL) == 0) {
        read_rows(&file, facts.field, facts.columns);
        for (int twist = 0; twist < 3; twist++) {
            struct pfs_field *like = pfs_arena_array(&arena, (size_t)facts.columns, sizeof(*like));

            for (int32_t i = 0; like != NULL && i < facts.columns; i++) {
                like[i] = facts.field[i];
                (void)pfs_type_parse(pfs_str(types[(size_t)(i + twist * 3) % (sizeof(types) / sizeof(*types))]), NULL,
                                     &arena, &like[i].type, NULL);
            }
            if (like != NULL)
                read_rows(&file, like, facts.columns);
        }
    }
    pfs_arena_done(&arena);
    return 0;
}
