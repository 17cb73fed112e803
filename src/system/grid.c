/* grid.c - columns that grow by one value, read as batches.
 *
 * A cell is a column in the making, and those of what it holds below it: the buffers of a cell are, once no value comes
 * any more, the arrays of a pfs_column. A buffer that has no memory left says so at the end; until then its cell counts
 * on, so that whoever fills a grid need not look. */
#include "src/system/grid.h"

#include <assert.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"

struct pfs_cell {
    const struct pfs_type *type;
    int64_t rows;
    struct pfs_buf valid;   /* a bit a row */
    struct pfs_buf offsets; /* int32: ends of text and lists, the first one 0 */
    struct pfs_buf values;
    struct pfs_cell *children;
};

struct pfs_grid {
    struct pfs_rows rows;     /* first */
    struct pfs_reader reader; /* what rows.reader points to */
    struct pfs_arena arena;   /* cells */
    struct pfs_cell *cell;
    int32_t columns;
    int32_t next; /* column of the next value */
    int64_t count;
    int64_t read; /* rows handed out */
    struct pfs_column *column;
};

/* ---- cells ---- */

/* Offsets are 32 bits wide: a table whose texts are longer than that fails instead of wrapping. */
static void put_offset(struct pfs_cell *c, int64_t end)
{
    int32_t offset = (int32_t)end;

    c->offsets.failed |= end > INT32_MAX;
    pfs_buf_put(&c->offsets, &offset, sizeof(offset));
}

/* A list has an offset more than rows: the first one is there before any value. */
static int init_cell(struct pfs_cell *c, const struct pfs_type *type, struct pfs_arena *arena, struct pfs_err *err)
{
    bool lists = pfs_kind_is_bytes(type->kind) || type->kind == PFS_ARRAY;

    c->type = type;
    pfs_buf_init(&c->values, INT32_MAX);
    if (lists)
        put_offset(c, 0);
    c->children = pfs_arena_array(arena, (size_t)type->children, sizeof(*c->children));
    if (c->children == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < type->children; i++)
        PFS_TRY(init_cell(&c->children[i], &type->child[i].type, arena, err));
    return 0;
}

/* What lies below it first; a cell that was never made has no children. */
static void done_cell(struct pfs_cell *c)
{
    for (int32_t i = 0; c->children != NULL && i < c->type->children; i++)
        done_cell(&c->children[i]);
    pfs_buf_done(&c->valid);
    pfs_buf_done(&c->offsets);
    pfs_buf_done(&c->values);
}

/* The bit of a value is set when it is there; bits begin as absent, eight at a time. */
static void end_value(struct pfs_cell *c, bool present)
{
    assert(c->rows >= 0);
    if (c->rows % 8 == 0)
        pfs_buf_putc(&c->valid, 0);
    if (!c->valid.failed && present)
        c->valid.at[c->valid.len - 1] |= (uint8_t)(1 << (c->rows & 7));
    c->rows++;
}

static void put_fixed(struct pfs_cell *c, int64_t number)
{
    int32_t narrow = (int32_t)number;

    assert(c->type->kind == PFS_BOOLEAN || c->type->kind == PFS_INT || c->type->kind == PFS_BIGINT ||
           c->type->kind == PFS_TIMESTAMP);
    if (c->type->kind == PFS_BOOLEAN)
        pfs_buf_putc(&c->values, number != 0);
    else if (c->type->kind == PFS_INT)
        pfs_buf_put(&c->values, &narrow, sizeof(narrow));
    else
        pfs_buf_put(&c->values, &number, sizeof(number));
}

static void put_bytes(struct pfs_cell *c, struct pfs_slice text, bool present)
{
    assert(pfs_kind_is_bytes(c->type->kind));
    pfs_buf_put(&c->values, text.at, text.len);
    put_offset(c, (int64_t)c->values.len);
    end_value(c, present);
}

/* What is absent has a place all the same: columns and what lies below them stay of one length. */
void pfs_cell_null(struct pfs_cell *cell)
{
    switch ((int)cell->type->kind) {
    case PFS_VARCHAR:
        put_bytes(cell, (struct pfs_slice){NULL, 0}, false);
        return;
    case PFS_ARRAY:
        put_offset(cell, cell->children[0].rows);
        break;
    case PFS_ROW:
        for (int32_t i = 0; i < cell->type->children; i++)
            pfs_cell_null(&cell->children[i]);
        break;
    default:
        put_fixed(cell, 0);
    }
    end_value(cell, false);
}

void pfs_cell_text(struct pfs_cell *cell, const char *text)
{
    if (text == NULL)
        pfs_cell_null(cell);
    else
        put_bytes(cell, pfs_str(text), true);
}

/* Metadata says INT64_MIN where it says nothing. */
void pfs_cell_number(struct pfs_cell *cell, int64_t number)
{
    if (number == INT64_MIN) {
        pfs_cell_null(cell);
        return;
    }
    put_fixed(cell, number);
    end_value(cell, true);
}

struct pfs_cell *pfs_cell_row(struct pfs_cell *cell)
{
    assert(cell->type->kind == PFS_ROW);
    end_value(cell, true);
    return cell->children;
}

struct pfs_cell *pfs_cell_at(struct pfs_cell *cells, int32_t index)
{
    return &cells[index];
}

/* ---- filling ---- */

/* A row ends with its last column: there is no call for that. */
static struct pfs_cell *next_cell(struct pfs_grid *g)
{
    struct pfs_cell *c = &g->cell[g->next++];

    assert(g->next <= g->columns);
    assert(g->column == NULL); /* the rows are not whole yet */
    if (g->next == g->columns) {
        g->next = 0;
        g->count++;
    }
    return c;
}

void pfs_grid_null(struct pfs_grid *grid)
{
    pfs_cell_null(next_cell(grid));
}

void pfs_grid_text(struct pfs_grid *grid, const char *text)
{
    pfs_cell_text(next_cell(grid), text);
}

void pfs_grid_bytes(struct pfs_grid *grid, struct pfs_slice text)
{
    put_bytes(next_cell(grid), text, true);
}

/* A text that had no memory makes the column fail, not only the value. */
void pfs_grid_buf(struct pfs_grid *grid, struct pfs_buf *text)
{
    struct pfs_cell *c = next_cell(grid);

    c->values.failed |= text->failed;
    put_bytes(c, pfs_buf_slice(text), true);
    pfs_buf_clear(text);
}

void pfs_grid_number(struct pfs_grid *grid, int64_t number)
{
    pfs_cell_number(next_cell(grid), number);
}

void pfs_grid_exactly(struct pfs_grid *grid, int64_t number)
{
    struct pfs_cell *c = next_cell(grid);

    put_fixed(c, number);
    end_value(c, true);
}

/* The caller owes as many elements as it said: see column_of. */
struct pfs_cell *pfs_grid_list(struct pfs_grid *grid, int64_t count)
{
    struct pfs_cell *c = next_cell(grid), *element = &c->children[0];

    assert(c->type->kind == PFS_ARRAY);
    assert(count >= 0);
    put_offset(c, element->rows + count);
    end_value(c, true);
    return element;
}

int64_t pfs_grid_count(const struct pfs_grid *grid)
{
    return grid->count;
}

/* ---- reading ---- */

/* A view of the buffers, which stay as they are from here on. */
static int column_of(const struct pfs_cell *c, struct pfs_arena *arena, struct pfs_column *out, struct pfs_err *err)
{
    bool lists = pfs_kind_is_bytes(c->type->kind) || c->type->kind == PFS_ARRAY;

    PFS_TRY(pfs_buf_check(&c->valid, err));
    PFS_TRY(pfs_buf_check(&c->offsets, err));
    PFS_TRY(pfs_buf_check(&c->values, err));
    *out = (struct pfs_column){.type = c->type, .valid = c->valid.at, .values = c->values.at};
    if (lists)
        out->offsets = (const int32_t *)(const void *)c->offsets.at;
    /* A list has got the elements that it was said to have, and each field of a ROW one value a row. */
    assert(c->type->kind != PFS_ARRAY || out->offsets[c->rows] == c->children[0].rows);
    for (int32_t i = 0; c->type->kind == PFS_ROW && i < c->type->children; i++)
        assert(c->children[i].rows == c->rows);
    if (c->type->children == 0)
        return 0;
    out->children = pfs_arena_array(arena, (size_t)c->type->children, sizeof(*out->children));
    if (out->children == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < c->type->children; i++)
        PFS_TRY(column_of(&c->children[i], arena, &out->children[i], err));
    return 0;
}

static struct pfs_grid *grid_of(struct pfs_reader *self)
{
    return (struct pfs_grid *)((char *)self - offsetof(struct pfs_grid, reader));
}

/* Slices of the columns: nothing is copied. */
static int64_t grid_next(struct pfs_reader *self, struct pfs_arena *arena, struct pfs_batch *out, struct pfs_err *err)
{
    struct pfs_grid *g = grid_of(self);
    int64_t rows = g->count - g->read < PFS_BATCH_ROWS ? g->count - g->read : PFS_BATCH_ROWS;
    struct pfs_column *column;

    assert(g->read <= g->count);
    if (rows == 0)
        return 0;
    column = pfs_arena_array(arena, (size_t)g->columns, sizeof(*column));
    if (column == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < g->columns; i++)
        PFS_TRY(pfs_column_slice(&g->column[i], g->read, rows, arena, &column[i], err));
    g->read += rows;
    *out = (struct pfs_batch){rows, g->columns, column};
    return rows;
}

static void reader_close(struct pfs_reader *self)
{
    pfs_grid_close(grid_of(self));
}

static void rows_close(struct pfs_rows *rows)
{
    pfs_grid_close((struct pfs_grid *)rows);
}

static const struct pfs_reader_ops grid_ops = {grid_next, reader_close};

int pfs_grid_open(const struct pfs_field *field, int32_t columns, struct pfs_grid **out, struct pfs_err *err)
{
    struct pfs_grid *g = pfs_zalloc(sizeof(*g));
    int rc = 0;

    if (g == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a system table");
    assert(columns > 0);
    pfs_arena_init(&g->arena, PFS_ARENA_LIMIT);
    g->reader.ops = &grid_ops;
    g->rows = (struct pfs_rows){.columns = columns, .field = field, .reader = &g->reader, .close = rows_close};
    g->cell = pfs_arena_array(&g->arena, (size_t)columns, sizeof(*g->cell));
    if (g->cell == NULL)
        rc = pfs_arena_full(&g->arena, err);
    for (; rc == 0 && g->columns < columns; g->columns++)
        rc = init_cell(&g->cell[g->columns], &field[g->columns].type, &g->arena, err);
    if (rc < 0) {
        pfs_grid_close(g);
        return rc;
    }
    *out = g;
    return 0;
}

/* As far as it was made: one that failed half-way has fewer columns, the last of them half made. */
void pfs_grid_close(struct pfs_grid *grid)
{
    if (grid == NULL)
        return;
    for (int32_t i = 0; i < grid->columns; i++)
        done_cell(&grid->cell[i]);
    pfs_arena_done(&grid->arena);
    pfs_free(grid);
}

/* Where memory failed on the way is told here, once. */
static int make_columns(struct pfs_grid *g, struct pfs_err *err)
{
    g->column = pfs_arena_array(&g->arena, (size_t)g->columns, sizeof(*g->column));
    if (g->column == NULL)
        return pfs_arena_full(&g->arena, err);
    for (int32_t i = 0; i < g->columns; i++)
        PFS_TRY(column_of(&g->cell[i], &g->arena, &g->column[i], err));
    return 0;
}

int pfs_grid_rows(struct pfs_grid *grid, struct pfs_rows **out, struct pfs_err *err)
{
    int rc;

    assert(grid->next == 0);
    rc = make_columns(grid, err);
    if (rc < 0) {
        pfs_grid_close(grid);
        return rc;
    }
    *out = &grid->rows;
    return 0;
}
