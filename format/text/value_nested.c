/* value_nested.c - cells of JSON text to ARRAY, MAP, MULTISET and ROW: their parts become cells, one level down, and
 * those columns.
 *
 * A MAP is an array of [key, value] pairs, a MULTISET one of [element, count]; an object is taken for both as well.
 * Whatever refuses row k leaves the parts of rows before k, of which one may still be refused: the earlier row wins.
 *
 *   cells of the column   [1,2]   null   [3]
 *   offsets               0       2      2     3
 *   cells one level down  1  2  3                  which become a column by pfs_cells_column again
 */
#include <assert.h>

#include "base/utf8.h"
#include "format/text/parse.h"

#define PARTS_BYTES_MAX ((size_t)512 << 20) /* of cells, for one column of a batch */

/* Parts of the lists seen so far: elements, or keys and values. */
struct parts {
    struct pfs_buf cell[2];
    int32_t lists; /* 1 for ARRAY, 2 for pairs */
};

static int add(struct pfs_convert *c, struct parts *p, int32_t list, const struct pfs_cell *cell)
{
    assert(list >= 0 && list < p->lists);
    pfs_buf_put(&p->cell[list], cell, sizeof(*cell));
    return p->cell[list].failed ? pfs_fail(c->err, ENOMEM, "no memory for the parts of nested values") : 0;
}

static int32_t count_of(const struct parts *p)
{
    return (int32_t)(p->cell[0].len / sizeof(struct pfs_cell));
}

static int add_elements(struct pfs_convert *c, struct parts *p, struct pfs_slice text)
{
    struct pfs_cell element;
    struct pfs_json json;
    int more;

    PFS_TRY(pfs_json_open(&json, text, '[', c->err));
    while ((more = pfs_json_element(&json, &element, c->err)) > 0)
        PFS_TRY(add(c, p, 0, &element));
    return more;
}

static int add_members(struct pfs_convert *c, struct parts *p, struct pfs_slice text)
{
    struct pfs_cell key, value;
    struct pfs_json json;
    int more;

    PFS_TRY(pfs_json_open(&json, text, '{', c->err));
    while ((more = pfs_json_member(&json, &key, &value, c->err)) > 0) {
        PFS_TRY(add(c, p, 0, &key));
        PFS_TRY(add(c, p, 1, &value));
    }
    return more;
}

/* One [key, value]. */
static int add_pair(struct pfs_convert *c, struct parts *p, const struct pfs_cell *pair)
{
    struct pfs_cell part;
    struct pfs_json json;
    int32_t n = 0;
    int more;

    if (pair->form != PFS_CELL_ARRAY)
        return pfs_fail(c->err, EINVAL, "an entry of a map must be [key, value]");
    PFS_TRY(pfs_json_open(&json, pfs_cell_text(pair), '[', c->err));
    while ((more = pfs_json_element(&json, &part, c->err)) > 0) {
        if (n == 0 && part.form == PFS_CELL_NULL)
            return pfs_fail(c->err, EINVAL, "the key of a map is null");
        if (n < 2)
            PFS_TRY(add(c, p, n, &part));
        n++;
    }
    if (more == 0 && n != 2)
        return pfs_fail(c->err, EINVAL, "an entry of a map must be [key, value]");
    return more;
}

static int add_pairs(struct pfs_convert *c, struct parts *p, const struct pfs_cell *cell)
{
    struct pfs_slice text = pfs_cell_text(cell);
    struct pfs_cell pair;
    struct pfs_json json;
    size_t blank = 0;
    int more;

    while (blank < text.len && (text.at[blank] == ' ' || text.at[blank] == '\n' || text.at[blank] == '\t'))
        blank++;
    if (blank < text.len && text.at[blank] == '{')
        return add_members(c, p, text);
    PFS_TRY(pfs_json_open(&json, text, '[', c->err));
    while ((more = pfs_json_element(&json, &pair, c->err)) > 0)
        PFS_TRY(add_pair(c, p, &pair));
    return more;
}

/* The last row whose parts begin at or before `part`. */
static int32_t row_of(const int32_t *offsets, int32_t rows, int32_t part)
{
    int32_t from = 0, to = rows;

    assert(part >= 0 && part < offsets[rows]);
    while (to - from > 1) {
        int32_t middle = from + (to - from) / 2;

        if (offsets[middle] <= part)
            from = middle;
        else
            to = middle;
    }
    return from;
}

/* Types the parts of the first `rows` rows; a refused part refuses its row. */
static int type_parts(struct pfs_convert *c, const struct pfs_type *type, struct parts *p, const int32_t *offsets,
                      int32_t rows, struct pfs_column *out)
{
    static const struct pfs_type count = {.kind = PFS_INT, .nullable = false};
    int result = 0, bad = -1;

    out->children = pfs_arena_array(c->arena, (size_t)p->lists, sizeof(*out->children));
    if (out->children == NULL)
        return pfs_arena_full(c->arena, c->err);
    for (int32_t i = 0; i < p->lists; i++) {
        const struct pfs_type *part = i < type->children ? &type->child[i].type : &count;
        int rc = pfs_cells_column(c, part, NULL, (struct pfs_cell *)(void *)p->cell[i].at, offsets[rows], NULL,
                                  &out->children[i]);

        if (rc == 0)
            continue;
        if (c->bad < 0)
            return rc;
        bad = row_of(offsets, rows, c->bad);
        assert(bad < rows);
        result = rc;
        rows = bad;
        pfs_wrap(c->err, "%s %d", p->lists == 1 ? "element" : i == 0 ? "key" : "value", c->bad - offsets[bad] + 1);
    }
    c->bad = bad;
    return result;
}

/* Opens all lists up to the first that is malformed, then types their parts together. The sentence of the malformed one
 * is kept meanwhile: it is told unless a part in front of it is refused. */
static int type_lists(struct pfs_convert *c, const struct pfs_type *type, const struct pfs_cell *cells, int32_t rows,
                      struct parts *p, struct pfs_column *out)
{
    int32_t *offsets = pfs_arena_alloc(c->arena, ((size_t)rows + 1) * sizeof(*offsets)), bad = -1;
    struct pfs_err why = {0};
    int rc, result = 0;

    if (offsets == NULL)
        return pfs_arena_full(c->arena, c->err);
    offsets[0] = 0;
    for (int32_t i = 0; i < rows && bad < 0; i++) {
        offsets[i] = count_of(p);
        if (cells[i].form != PFS_CELL_NULL)
            result = p->lists == 1 ? add_elements(c, p, pfs_cell_text(&cells[i])) : add_pairs(c, p, &cells[i]);
        if (result == -ENOMEM)
            return result;
        if (result < 0) {
            bad = i;
            why = *c->err;
        }
        offsets[i + 1] = count_of(p);
    }
    rc = type_parts(c, type, p, offsets, bad < 0 ? rows : bad, out);
    if (rc < 0 || bad < 0) {
        out->offsets = offsets;
        return rc;
    }
    *c->err = why;
    c->bad = bad;
    return result;
}

int pfs_cells_list(struct pfs_convert *c, const struct pfs_type *type, const struct pfs_cell *cells, int32_t rows,
                   struct pfs_column *out)
{
    struct parts parts = {.lists = type->kind == PFS_ARRAY ? 1 : 2};
    int rc;

    pfs_buf_init(&parts.cell[0], PARTS_BYTES_MAX);
    pfs_buf_init(&parts.cell[1], PARTS_BYTES_MAX);
    rc = type_lists(c, type, cells, rows, &parts, out);
    pfs_buf_done(&parts.cell[0]);
    pfs_buf_done(&parts.cell[1]);
    return rc;
}

/* ---- ROW ---- */

/* The members of one object to row `row` of the fields' cells. */
static int spread(struct pfs_convert *c, const struct pfs_text_names *names, struct pfs_slice text, int32_t row,
                  int32_t *seen, struct pfs_cell **field)
{
    struct pfs_cell key, value;
    struct pfs_json json;
    int more;

    PFS_TRY(pfs_json_open(&json, text, '{', c->err));
    while ((more = pfs_json_member(&json, &key, &value, c->err)) > 0) {
        struct pfs_slice name = pfs_cell_text(&key);
        uint8_t plain[1024];
        int32_t i;

        if (key.form == PFS_CELL_ESCAPED && key.len <= sizeof(plain))
            name = pfs_slice_of(plain, pfs_cell_unescape(&key, plain));
        i = pfs_text_names_find(names, name);
        if (i < 0 || seen[i] == row + 1)
            return pfs_fail(c->err, EINVAL, "%s field \"%.*s\"", i < 0 ? "unknown" : "twice the",
                            (int)pfs_utf8_prefix(name, 100), (const char *)name.at);
        seen[i] = row + 1; /* not cleared between rows: each has a number of its own */
        field[i][row] = value;
    }
    return more;
}

int pfs_cells_row(struct pfs_convert *c, const struct pfs_type *type, const struct pfs_cell *cells, int32_t rows,
                  struct pfs_column *out)
{
    size_t fields = (size_t)type->children;
    struct pfs_cell **field = pfs_arena_array(c->arena, fields, sizeof(*field));
    int32_t *seen = pfs_arena_array(c->arena, fields, sizeof(*seen)), bad = -1;
    struct pfs_text_names names;
    int result = 0;

    out->children = pfs_arena_array(c->arena, fields, sizeof(*out->children));
    if (field == NULL || seen == NULL || out->children == NULL)
        return pfs_arena_full(c->arena, c->err);
    PFS_TRY(pfs_text_names_init(&names, type->child, type->children, false, c->arena, c->err));
    for (int32_t i = 0; i < type->children; i++) {
        field[i] = pfs_arena_array(c->arena, (size_t)rows, sizeof(**field)); /* zero: a missing field is null */
        if (field[i] == NULL)
            return pfs_arena_full(c->arena, c->err);
    }
    for (int32_t i = 0; i < rows && bad < 0; i++) {
        if (cells[i].form != PFS_CELL_NULL)
            result = spread(c, &names, pfs_cell_text(&cells[i]), i, seen, field);
        if (result < 0)
            bad = i;
    }
    rows = bad < 0 ? rows : bad;
    for (int32_t i = 0; i < type->children; i++) {
        int rc = pfs_cells_column(c, &type->child[i].type, NULL, field[i], rows, cells, &out->children[i]);

        if (rc == 0)
            continue;
        if (c->bad < 0)
            return rc;
        rows = bad = c->bad;
        result = rc;
        pfs_wrap(c->err, "field %s", type->child[i].name);
    }
    c->bad = bad;
    return result;
}
