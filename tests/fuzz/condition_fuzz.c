/* condition_fuzz.c - the text of a condition over a table of all kinds: a sentence, or rows; no row is both in a
 * condition and in its contrary, and the bounds of a row that is in it admit it. */
#include <stdlib.h>

#include "format/text/text.h"
#include "src/condition/condition.h"

#define COLUMNS 12
#define ROWS 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const columns[COLUMNS][2] = {
    {"k", "INT"},        {"s", "STRING"},
    {"b", "BOOLEAN"},    {"d", "DOUBLE"},
    {"f", "FLOAT"},      {"e", "DECIMAL(10, 2)"},
    {"t", "DATE"},       {"m", "TIMESTAMP(9)"},
    {"y", "VARBINARY"},  {"r", "ROW<a INT, s STRING>"},
    {"g", "ARRAY<INT>"}, {"l", "TIMESTAMP_LTZ(3)"},
};

static const char rows[] =
    "{\"k\":1,\"s\":\"abc\",\"b\":true,\"d\":0.5,\"f\":\"NaN\",\"e\":\"1.00\",\"t\":\"2026-01-01\","
    "\"m\":\"2026-01-01 00:00:00\",\"y\":\"AQ==\",\"r\":{\"a\":1,\"s\":null},\"g\":[],\"l\":\"2026-01-01 00:00:00Z\"}\n"
    "{}\n"
    "{\"k\":-5,\"s\":\"\",\"b\":false,\"d\":\"NaN\",\"f\":-0.0,\"e\":\"-0.01\",\"t\":\"0001-01-01\","
    "\"m\":\"1969-12-31 23:59:59.999999999\",\"y\":\"\",\"r\":null,\"g\":null,\"l\":\"1970-01-01 00:00:00Z\"}\n";

struct table {
    struct pfs_arena arena;
    struct pfs_field field[COLUMNS];
    struct pfs_schema schema;
    struct pfs_batch batch;
    int32_t place[COLUMNS];
};

static void check(bool right)
{
    if (!right)
        abort();
}

static void make(struct table *t)
{
    struct pfs_text_parse parse = {.columns = COLUMNS, .fields = t->field, .format = PFS_TEXT_JSON};
    struct pfs_text_parser *parser = NULL;
    size_t used;

    pfs_arena_init(&t->arena, 0);
    for (int32_t i = 0; i < COLUMNS; i++) {
        t->field[i] = (struct pfs_field){.id = i, .name = columns[i][0]};
        t->place[i] = i;
        check(pfs_type_parse(pfs_str(columns[i][1]), NULL, &t->arena, &t->field[i].type, NULL) == 0);
    }
    t->schema = (struct pfs_schema){.columns = COLUMNS, .field = t->field};
    check(pfs_text_parser_open(&parse, &parser, NULL) == 0);
    check(pfs_text_parser_feed(parser, pfs_str(rows), true, &t->arena, &t->batch, &used, NULL, NULL) == ROWS);
    pfs_text_parser_close(parser);
}

static void admit(const struct table *t, const struct pfs_condition *condition, int32_t row, struct pfs_arena *arena)
{
    const struct pfs_column *bound[COLUMNS] = {NULL};
    struct pfs_column value[COLUMNS];
    int64_t nulls[COLUMNS];
    struct pfs_bounds bounds = {bound, bound, nulls, 1};

    for (int32_t c = 0; c < COLUMNS; c++) {
        nulls[c] = pfs_column_present(&t->batch.column[c], row) ? 0 : 1;
        check(pfs_column_repeat(&t->batch.column[c], row, 1, arena, &value[c], NULL) == 0);
        if (nulls[c] == 0 && !pfs_kind_is_nested(value[c].type->kind))
            bound[c] = &value[c];
    }
    check(pfs_condition_may_match(condition, &bounds));
}

static unsigned rows_of(const struct table *t, const struct pfs_condition *condition, struct pfs_arena *arena)
{
    int32_t kept[ROWS];
    int64_t n = pfs_condition_select(condition, &t->batch, t->place, arena, kept, NULL);
    unsigned in = 0;

    check(n >= 0 && n <= ROWS);
    for (int64_t i = 0; i < n; i++) {
        in |= 1u << kept[i];
        admit(t, condition, kept[i], arena);
    }
    return in;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct pfs_condition *condition = NULL, *contrary = NULL;
    struct pfs_buf text = {0};
    struct pfs_arena arena;
    struct pfs_err err = {0};
    struct table table;

    if (size > 4096)
        return 0;
    make(&table);
    pfs_arena_init(&arena, (size_t)64 << 20);
    if (pfs_condition_parse(pfs_slice_of(data, size), &table.schema, &arena, &condition, &err) < 0) {
        check(err.text[0] != '\0');
    } else {
        pfs_buf_puts(&text, "not (");
        pfs_buf_put(&text, data, size);
        pfs_buf_puts(&text, ")");
        /* One parenthesis more may be one too many. */
        if (pfs_condition_parse(pfs_buf_slice(&text), &table.schema, &arena, &contrary, &err) == 0)
            check((rows_of(&table, condition, &arena) & rows_of(&table, contrary, &arena)) == 0);
    }
    pfs_buf_done(&text);
    pfs_arena_done(&arena);
    pfs_arena_done(&table.arena);
    return 0;
}
