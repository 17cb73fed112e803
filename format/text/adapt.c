/* adapt.c - columns of a file's types to the table's: matched, then checked as they lie or typed from their text.
 *
 *   same type        looked at (inspect.c), and taken as it lies
 *   another one      printed, each value a cell, and typed as a cell of CSV is (value*.c)
 *   not in the file  its default, or nulls
 *
 * By way of text there is one rule for what fits; it is slow, and only for columns whose type differs. */
#include "format/text/adapt.h"

#include <assert.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "format/text/inspect.h"
#include "format/text/parse.h"

struct pfs_adapt {
    const struct pfs_text_parse *parse;
    const struct pfs_field *given;
    int32_t givens;
    struct pfs_arena arena;
    struct pfs_text_names names;
    int32_t *from;       /* by column of the table, and one for the row kind: the given column; -1 = left out */
    struct pfs_buf text; /* of values that are typed anew */
    struct pfs_buf row;  /* of the row that was refused */
};

/* ---- which columns can meet ---- */

enum group { TRUTHS, NUMBERS, TEXTS, BYTES, DATES, TIMES, VARIANTS, LISTS, MAPS, SETS, ROWS };

static enum group group_of(enum pfs_kind kind)
{
    static const enum group groups[PFS_KIND_COUNT] = {
        [PFS_BOOLEAN] = TRUTHS, [PFS_TINYINT] = NUMBERS,  [PFS_SMALLINT] = NUMBERS, [PFS_INT] = NUMBERS,
        [PFS_BIGINT] = NUMBERS, [PFS_FLOAT] = NUMBERS,    [PFS_DOUBLE] = NUMBERS,   [PFS_DECIMAL] = NUMBERS,
        [PFS_CHAR] = TEXTS,     [PFS_VARCHAR] = TEXTS,    [PFS_BINARY] = BYTES,     [PFS_VARBINARY] = BYTES,
        [PFS_BLOB] = BYTES,     [PFS_DATE] = DATES,       [PFS_TIMESTAMP] = DATES,  [PFS_TIMESTAMP_LTZ] = DATES,
        [PFS_TIME] = TIMES,     [PFS_VARIANT] = VARIANTS, [PFS_ARRAY] = LISTS,      [PFS_MAP] = MAPS,
        [PFS_MULTISET] = SETS,  [PFS_ROW] = ROWS};

    return groups[kind];
}

static bool can_become(const struct pfs_type *from, const struct pfs_type *to)
{
    enum group a = group_of(from->kind), b = group_of(to->kind);

    /* Text can become anything that it spells, and anything that has a text a VARIANT; what nests does not become text.
     */
    if (a == BYTES || a == VARIANTS)
        return a == b;
    return a == b || a == TEXTS || b == VARIANTS || (b == TEXTS && a < LISTS);
}

static int check_types(const struct pfs_field *given, const struct pfs_field *wanted, struct pfs_err *err)
{
    struct pfs_type to = wanted->type;
    struct pfs_buf text;
    int rc;

    if (can_become(&given->type, &to))
        return 0;
    to.nullable = true; /* NOT NULL would only make it longer */
    pfs_buf_init(&text, 4096);
    pfs_type_print(&given->type, &text);
    pfs_buf_puts(&text, " of the file cannot become ");
    pfs_type_print(&to, &text);
    rc = pfs_fail(err, EINVAL, "column %s: %.*s", given->name, (int)text.len, (const char *)text.at);
    pfs_buf_done(&text);
    return rc;
}

/* ---- open ---- */

static int match(struct pfs_adapt *a, int32_t i, struct pfs_err *err)
{
    const struct pfs_field *given = &a->given[i];
    int32_t column = pfs_text_names_find(&a->names, pfs_str(given->name)), columns = a->parse->columns;

    assert(i >= 0 && i < a->givens);
    if (column < 0)
        return pfs_fail(err, EINVAL, "the file's column %s is no column of the table", given->name);
    if (column > columns)
        return 0;
    if (a->from[column] >= 0)
        return pfs_fail(err, EINVAL, "the file has column %s twice", given->name);
    a->from[column] = i;
    if (column < columns)
        return check_types(given, &a->parse->fields[column], err);
    return group_of(given->type.kind) == TEXTS
               ? 0
               : pfs_fail(err, EINVAL, "column %s: row kinds are the text +I, -U, +U and -D", given->name);
}

static int open_all(struct pfs_adapt *a, struct pfs_err *err)
{
    int32_t columns = a->parse->columns;

    PFS_TRY(pfs_text_names_init(&a->names, a->parse->fields, columns, true, &a->arena, err));
    a->from = pfs_arena_array(&a->arena, (size_t)columns + 1, sizeof(*a->from));
    if (a->from == NULL)
        return pfs_arena_full(&a->arena, err);
    for (int32_t i = 0; i <= columns; i++)
        a->from[i] = -1;
    for (int32_t i = 0; i < a->givens; i++)
        PFS_TRY(match(a, i, err));
    return 0;
}

int pfs_adapt_open(const struct pfs_text_parse *parse, const struct pfs_field *given, int32_t columns,
                   struct pfs_adapt **out, struct pfs_err *err)
{
    struct pfs_adapt *a = pfs_zalloc(sizeof(*a));
    int rc;

    assert(parse->columns >= 0 && columns >= 0);
    if (a == NULL)
        return pfs_fail(err, ENOMEM, "no memory for the columns of a file");
    a->parse = parse;
    a->given = given;
    a->givens = columns;
    pfs_arena_init(&a->arena, 0);
    pfs_buf_init(&a->text, PFS_BATCH_BYTES_MAX);
    pfs_buf_init(&a->row, PFS_ROW_BYTES_MAX);
    rc = open_all(a, err);
    if (rc < 0) {
        pfs_adapt_close(a);
        return rc;
    }
    *out = a;
    return 0;
}

void pfs_adapt_close(struct pfs_adapt *adapt)
{
    if (adapt == NULL)
        return;
    pfs_buf_done(&adapt->text);
    pfs_buf_done(&adapt->row);
    pfs_arena_done(&adapt->arena);
    pfs_free(adapt);
}

/* ---- values by their text ---- */

/* A moment at midnight is a date. */
static void cut_midnight(struct pfs_cell *cell)
{
    const uint8_t *blank = cell->len == 0 ? NULL : memchr(cell->at, ' ', cell->len);

    for (const uint8_t *at = blank; at != NULL && at < cell->at + cell->len; at++)
        if (strchr(" 0:.Z", *at) == NULL)
            return;
    if (blank != NULL)
        cell->len = (uint32_t)(blank - cell->at);
}

/* The cells borrow from a->text. */
static int print_cells(struct pfs_adapt *a, const struct pfs_column *in, int32_t rows, struct pfs_arena *arena,
                       struct pfs_cell **out, struct pfs_err *err)
{
    struct pfs_cell *cells = pfs_arena_array(arena, (size_t)rows, sizeof(*cells));
    size_t *begin = pfs_arena_array(arena, (size_t)rows + 1, sizeof(*begin));

    if (cells == NULL || begin == NULL)
        return pfs_arena_full(arena, err);
    pfs_buf_clear(&a->text);
    for (int32_t i = 0; i < rows; i++) {
        begin[i] = a->text.len;
        if (pfs_column_present(in, i))
            PFS_TRY(pfs_text_print_value(PFS_TEXT_CSV, in, i, &a->text, err));
    }
    PFS_TRY(pfs_buf_check(&a->text, err));
    begin[rows] = a->text.len;
    /* Cells are made when all text is there: while it grew it moved. Each counts as quoted, since it is a value and no
     * null, however empty. */
    for (int32_t i = 0; i < rows; i++) {
        bool present = pfs_column_present(in, i);

        cells[i] = (struct pfs_cell){present && a->text.at != NULL ? a->text.at + begin[i] : (const uint8_t *)"",
                                     (uint32_t)(begin[i + 1] - begin[i]), present ? PFS_CELL_QUOTED : PFS_CELL_NULL};
    }
    *out = cells;
    return 0;
}

/* Side by side cells may be UTF-8 though one ends, and the next begins, inside a character. */
static bool begins_inside(const struct pfs_cell *cells, int32_t rows)
{
    bool inside = false;

    for (int32_t i = 0; i < rows; i++)
        inside |= cells[i].len > 0 && (cells[i].at[0] & 0xC0) == 0x80;
    return inside;
}

/* Damaged strings would be damaged JSON. */
static int check_cells(struct pfs_convert *c, const struct pfs_cell *cells, int32_t rows)
{
    for (int32_t i = 0; i < rows; i++)
        if (pfs_utf8_check(pfs_cell_text(&cells[i])) < cells[i].len)
            return pfs_cell_refuse(c, cells, i, EILSEQ, "is not UTF-8");
    return 0;
}

static int retype(struct pfs_adapt *a, struct pfs_convert *c, const struct pfs_field *field,
                  const struct pfs_column *in, int32_t rows, struct pfs_column *out)
{
    enum pfs_kind from = in->type->kind, to = field->type.kind;
    struct pfs_cell *cells;

    PFS_TRY(print_cells(a, in, rows, c->arena, &cells, c->err));
    if (pfs_utf8_check(pfs_buf_slice(&a->text)) < a->text.len || begins_inside(cells, rows))
        PFS_TRY(check_cells(c, cells, rows));
    for (int32_t i = 0; to == PFS_DATE && (from == PFS_TIMESTAMP || from == PFS_TIMESTAMP_LTZ) && i < rows; i++)
        cut_midnight(&cells[i]);
    return pfs_cells_column(c, &field->type, field->default_value, cells, rows, NULL, out);
}

/* ---- columns ---- */

static int no_values(struct pfs_convert *c, const struct pfs_field *field, int32_t rows, struct pfs_column *out)
{
    struct pfs_cell *cells;

    if (field->type.nullable && field->default_value == NULL)
        return pfs_column_nulls(&field->type, rows, c->arena, out, c->err);
    cells = pfs_arena_zalloc(c->arena, (size_t)rows * sizeof(*cells)); /* zero: null */
    if (cells == NULL)
        return pfs_arena_full(c->arena, c->err);
    return pfs_cells_column(c, &field->type, field->default_value, cells, rows, NULL, out);
}

static int adapt_column(struct pfs_adapt *a, struct pfs_convert *c, const struct pfs_field *field,
                        const struct pfs_column *in, int32_t rows, struct pfs_column *out)
{
    assert(rows > 0);
    if (in == NULL)
        return no_values(c, field, rows, out);
    if (!pfs_type_equal(in->type, &field->type, false) ||
        (field->default_value != NULL && pfs_column_null_count(in, rows) > 0))
        return retype(a, c, field, in, rows, out);
    PFS_TRY(pfs_inspect_column(c, &field->type, in, rows, NULL));
    return pfs_inspect_retype(in, &field->type, c->arena, out, c->err);
}

/* The directory says the value; the file may repeat it. */
static int implied_column(struct pfs_adapt *a, struct pfs_convert *c, const struct pfs_field *field,
                          const struct pfs_column *implied, const struct pfs_column *in, int32_t rows,
                          struct pfs_column *out)
{
    struct pfs_field loose = *field;
    struct pfs_column given;

    /* The file may leave the value out or null: neither contradicts the directory. */
    loose.type.nullable = true;
    loose.default_value = NULL;
    if (in != NULL)
        PFS_TRY(adapt_column(a, c, &loose, in, rows, &given));
    for (int32_t i = 0; in != NULL && i < rows; i++)
        if (pfs_column_present(&given, i) &&
            (!pfs_column_present(implied, 0) || pfs_value_compare(&given, i, implied, 0) != 0)) {
            c->bad = i;
            return pfs_fail(c->err, EINVAL, "the value is not that of the partition");
        }
    c->bad = -1;
    PFS_TRY(pfs_column_repeat(implied, 0, rows, c->arena, out, c->err));
    out->type = &field->type;
    return 0;
}

static int kind_column(struct pfs_adapt *a, struct pfs_convert *c, const struct pfs_column *in, int32_t rows,
                       struct pfs_column *out)
{
    static const struct pfs_type type = {.kind = PFS_TINYINT, .nullable = false};
    int8_t *kind = pfs_arena_zalloc(c->arena, (size_t)rows);

    (void)a;
    if (kind == NULL)
        return pfs_arena_full(c->arena, c->err);
    for (int32_t i = 0; in != NULL && i < rows; i++) {
        enum pfs_row_kind value = PFS_INSERT;

        if (pfs_column_present(in, i) && pfs_row_kind_parse(pfs_column_bytes(in, i), &value) < 0) {
            c->bad = i;
            return pfs_fail(c->err, EINVAL, "the row kind is not one of +I -U +U -D");
        }
        kind[i] = (int8_t)value;
    }
    *out = (struct pfs_column){.type = &type, .values = kind};
    return 0;
}

static int make_column(struct pfs_adapt *a, struct pfs_convert *c, int32_t i, const struct pfs_column *in, int32_t rows,
                       struct pfs_column *out)
{
    const struct pfs_column *implied = a->parse->implied != NULL ? &a->parse->implied[i] : NULL;

    if (i == a->parse->columns)
        return kind_column(a, c, in, rows, out);
    if (implied != NULL && implied->type != NULL)
        return implied_column(a, c, &a->parse->fields[i], implied, in, rows, out);
    return adapt_column(a, c, &a->parse->fields[i], in, rows, out);
}

/* ---- rows ---- */

/* What the caller is told of the refused row. */
static void tell(struct pfs_adapt *a, const struct pfs_batch *in, int64_t row, int32_t column, struct pfs_arena *arena,
                 struct pfs_text_refusal *refusal, struct pfs_err *err)
{
    struct pfs_batch one = {1, in->columns, pfs_arena_array(arena, (size_t)in->columns, sizeof(*one.column))};
    const char *name = column < a->parse->columns ? a->parse->fields[column].name : "_kind";
    bool whole = one.column != NULL;

    for (int32_t i = 0; whole && i < in->columns; i++)
        whole = pfs_column_slice(&in->column[i], row, 1, arena, &one.column[i], NULL) == 0;
    pfs_buf_clear(&a->row);
    if (!whole || pfs_text_print(PFS_TEXT_JSON, a->given, &one, &a->row, NULL) < 0)
        pfs_buf_clear(&a->row);
    *refusal = (struct pfs_text_refusal){.row = row + 1, .column = name, .text = pfs_buf_slice(&a->row)};
    while (refusal->text.len > 0 && refusal->text.at[refusal->text.len - 1] == '\n')
        refusal->text.len--;
    pfs_wrap(err, "column %s", name);
}

/* All columns of `rows` rows. 0; 1: a row is refused, *rows are in front of it; or an error about no row. A column that
 * has refused a row is not whole. */
static int make_columns(struct pfs_adapt *a, struct pfs_convert *c, const struct pfs_batch *in, int64_t from,
                        int64_t *rows, struct pfs_column *out, int32_t *bad_column)
{
    bool refused = false;

    for (int32_t i = 0; i <= a->parse->columns && *rows > 0; i++) {
        struct pfs_column part, *given = a->from[i] < 0 ? NULL : &part;
        int rc = 0;

        c->bad = -1;
        if (given != NULL)
            PFS_TRY(pfs_column_slice(&in->column[a->from[i]], from, *rows, c->arena, &part, c->err));
        rc = make_column(a, c, i, given, (int32_t)*rows, &out[i]);
        if (rc < 0 && c->bad < 0)
            return rc;
        if (rc < 0) {
            assert(c->bad < *rows); /* an earlier row than the one before: the first that is refused wins */
            refused = true;
            *rows = c->bad;
            *bad_column = i;
        }
    }
    return refused;
}

int64_t pfs_adapt_rows(struct pfs_adapt *adapt, const struct pfs_batch *in, int64_t from, int64_t most,
                       struct pfs_arena *arena, struct pfs_batch *out, struct pfs_text_refusal *refusal,
                       struct pfs_err *err)
{
    struct pfs_adapt *a = adapt;
    struct pfs_err why = {0};
    struct pfs_convert c = {arena, &why, -1};
    int64_t rows = most < in->rows - from ? most : in->rows - from;
    int32_t columns = a->parse->columns, bad_column = 0;
    int rc;

    assert(from >= 0 && from < in->rows);
    assert(most > 0);
    assert(in->columns == a->givens);
    *refusal = (struct pfs_text_refusal){0};
    *out = (struct pfs_batch){.columns = columns + 1};
    out->column = pfs_arena_array(arena, (size_t)columns + 1, sizeof(*out->column));
    if (out->column == NULL)
        return pfs_arena_full(arena, err);
    rc = make_columns(a, &c, in, from, &rows, out->column, &bad_column);
    if (rc == 1 && rows > 0) /* those in front of it are all good */
        rc = make_columns(a, &c, in, from, &rows, out->column, &bad_column);
    out->rows = rows;
    assert(rc != 1 || rows == 0); /* the rows in front of it were all good */
    if (rc == 0)
        return rows;
    if (rc == 1)
        tell(a, in, from, bad_column, arena, refusal, &why);
    if (err != NULL)
        *err = why;
    return -why.code;
}
