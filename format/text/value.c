/* value.c - one column of cells to one typed column: what all types share, and the table of kernels.
 *
 *   survey: which forms are there -> defaults into nulls -> escapes away -> validity -> the kernel of the type
 *
 * One pass tells what the others may leave out: most columns have no null, no escape and one form. */
#include <assert.h>

#include "base/utf8.h"
#include "format/text/parse.h"

/* How a kind is called in a sentence, and what makes its column. */
static const struct {
    const char *noun;
    pfs_cells_kernel kernel;
    uint32_t refused; /* forms that spell no value of this kind: a bit each */
} kinds[PFS_KIND_COUNT] = {
#define NESTED (1u << PFS_CELL_ARRAY | 1u << PFS_CELL_OBJECT)
#define NO_TEXT (NESTED | 1u << PFS_CELL_WORD)
#define NO_NESTED (1u << PFS_CELL_WORD | 1u << PFS_CELL_STRING | 1u << PFS_CELL_ESCAPED)
    [PFS_BOOLEAN] = {"true or false", pfs_cells_boolean, NESTED},
    [PFS_TINYINT] = {"an integer", pfs_cells_tinyint, NESTED},
    [PFS_SMALLINT] = {"an integer", pfs_cells_smallint, NESTED},
    [PFS_INT] = {"an integer", pfs_cells_int, NESTED},
    [PFS_BIGINT] = {"an integer", pfs_cells_bigint, NESTED},
    [PFS_FLOAT] = {"a number", pfs_cells_float, NESTED},
    [PFS_DOUBLE] = {"a number", pfs_cells_double, NESTED},
    [PFS_DECIMAL] = {"a decimal number", pfs_cells_decimal, NESTED},
    [PFS_CHAR] = {"a string", pfs_cells_text, NO_TEXT},
    [PFS_VARCHAR] = {"a string", pfs_cells_text, NO_TEXT},
    [PFS_BINARY] = {"base64", pfs_cells_base64, NO_TEXT},
    [PFS_VARBINARY] = {"base64", pfs_cells_base64, NO_TEXT},
    [PFS_DATE] = {"a date", pfs_cells_date, NESTED},
    [PFS_TIME] = {"a time", pfs_cells_time, NESTED},
    [PFS_TIMESTAMP] = {"a timestamp", pfs_cells_timestamp, NESTED},
    [PFS_TIMESTAMP_LTZ] = {"a timestamp", pfs_cells_timestamp, NESTED},
    [PFS_VARIANT] = {"a variant", pfs_cells_variant, 0},
    [PFS_BLOB] = {"base64", pfs_cells_base64, NO_TEXT},
    [PFS_ARRAY] = {"an array", pfs_cells_list, NO_NESTED | 1u << PFS_CELL_OBJECT},
    [PFS_MAP] = {"a map", pfs_cells_list, NO_NESTED},
    [PFS_MULTISET] = {"a multiset", pfs_cells_list, NO_NESTED},
    [PFS_ROW] = {"an object", pfs_cells_row, NO_NESTED | 1u << PFS_CELL_ARRAY},
#undef NESTED
#undef NO_TEXT
#undef NO_NESTED
};

int pfs_cell_refuse(struct pfs_convert *c, const struct pfs_cell *cells, int32_t row, int code, const char *why)
{
    struct pfs_slice text = pfs_cell_text(&cells[row]);
    size_t shown = pfs_utf8_prefix(text, 60);

    assert(row >= 0);
    assert(code > 0);
    c->bad = row;
    if (cells[row].form == PFS_CELL_NULL)
        return pfs_fail(c->err, code, "%s", why);
    return pfs_fail(c->err, code, "\"%.*s%s\" %s", (int)shown, (const char *)text.at, shown < text.len ? "..." : "",
                    why);
}

int pfs_cell_refuse_code(struct pfs_convert *c, const struct pfs_type *type, const struct pfs_cell *cells, int32_t row,
                         int rc)
{
    char why[64] = "does not fit";
    size_t len = strlen(kinds[type->kind].noun);

    assert(rc < 0);
    assert(len + 8 <= sizeof(why));
    if (rc != -ERANGE) {
        memcpy(why, "is not ", 7);
        memcpy(why + 7, kinds[type->kind].noun, len + 1);
    }
    return pfs_cell_refuse(c, cells, row, -rc, why);
}

/* What one pass over the cells tells. */
struct survey {
    int32_t nulls;
    uint32_t forms; /* a bit for each that occurs */
    int32_t rows;   /* up to the first that its form or a missing value refuses */
};

static struct survey survey(const struct pfs_type *type, const struct pfs_cell *cells, int32_t rows,
                            const struct pfs_cell *parent)
{
    uint32_t refused = kinds[type->kind].refused | (type->nullable ? 0 : 1u << PFS_CELL_NULL);
    struct survey s = {0, 0, rows};

    for (int32_t i = 0; i < rows; i++) {
        s.forms |= 1u << cells[i].form;
        s.nulls += cells[i].form == PFS_CELL_NULL;
    }
    for (int32_t i = 0; (s.forms & refused) != 0 && i < s.rows; i++)
        if ((refused >> cells[i].form & 1) != 0 &&
            !(cells[i].form == PFS_CELL_NULL && parent != NULL && parent[i].form == PFS_CELL_NULL))
            s.rows = i;
    assert(s.nulls <= rows);
    return s;
}

static int unescape(struct pfs_convert *c, struct pfs_cell *cells, int32_t rows)
{
    for (int32_t i = 0; i < rows; i++) {
        bool doubled = cells[i].form == PFS_CELL_DOUBLED;
        uint8_t *text;

        if (!doubled && cells[i].form != PFS_CELL_ESCAPED)
            continue;
        text = pfs_arena_alloc(c->arena, cells[i].len);
        if (text == NULL)
            return pfs_arena_full(c->arena, c->err);
        cells[i].len = (uint32_t)pfs_cell_unescape(&cells[i], text);
        cells[i].at = text;
        cells[i].form = doubled ? PFS_CELL_QUOTED : PFS_CELL_STRING;
    }
    return 0;
}

/* Only where there is a null: a column without bits is one that all later steps take the short way through. */
static int validity(struct pfs_convert *c, const struct pfs_cell *cells, int32_t rows, const uint8_t **out)
{
    uint8_t *bits = pfs_arena_zalloc(c->arena, ((size_t)rows + 7) / 8);

    if (bits == NULL)
        return pfs_arena_full(c->arena, c->err);
    for (int32_t i = 0; i < rows; i++)
        bits[i >> 3] |= (uint8_t)((cells[i].form != PFS_CELL_NULL) << (i & 7));
    *out = bits;
    return 0;
}

static void fill(struct pfs_cell *cells, int32_t rows, const char *text)
{
    struct pfs_cell cell = {(const uint8_t *)text, (uint32_t)strlen(text), PFS_CELL_QUOTED};

    assert(text != NULL);
    for (int32_t i = 0; i < rows; i++)
        if (cells[i].form == PFS_CELL_NULL)
            cells[i] = cell;
}

int pfs_cells_column(struct pfs_convert *c, const struct pfs_type *type, const char *default_text,
                     struct pfs_cell *cells, int32_t rows, const struct pfs_cell *parent, struct pfs_column *out)
{
    struct survey s = survey(type, cells, rows, parent);
    bool refused = s.rows < rows;

    assert(kinds[type->kind].kernel != NULL);
    c->bad = -1;
    *out = (struct pfs_column){.type = type};
    rows = s.rows;
    if (s.nulls > 0 && default_text != NULL) {
        fill(cells, rows, default_text);
        s.nulls = 0;
    }
    if ((s.forms & (1u << PFS_CELL_DOUBLED | 1u << PFS_CELL_ESCAPED)) != 0)
        PFS_TRY(unescape(c, cells, rows));
    if (s.nulls > 0)
        PFS_TRY(validity(c, cells, rows, &out->valid));
    PFS_TRY(kinds[type->kind].kernel(c, type, cells, rows, out)); /* of the rows in front of the refused one */
    if (!refused)
        return 0;
    if (cells[rows].form == PFS_CELL_NULL)
        return pfs_cell_refuse(c, cells, rows, EINVAL, "no value, and NULL is not allowed");
    return pfs_cell_refuse_code(c, type, cells, rows, -EINVAL);
}

int pfs_text_parse_value(const struct pfs_type *type, struct pfs_slice text, bool null_text, struct pfs_arena *arena,
                         struct pfs_column *out, struct pfs_err *err)
{
    struct pfs_cell cell = {text.at, (uint32_t)text.len, null_text ? PFS_CELL_NULL : PFS_CELL_QUOTED};
    struct pfs_err why = {0};
    struct pfs_convert c = {arena, &why, -1};
    int rc;

    if (text.len > UINT32_MAX / 2)
        return pfs_fail(err, EMSGSIZE, "a value of %zu bytes", text.len);
    if (!null_text && pfs_utf8_check(text) < text.len)
        return pfs_fail(err, EILSEQ, "the text is not UTF-8");
    rc = pfs_cells_column(&c, type, NULL, &cell, 1, NULL, out);
    if (rc < 0 && err != NULL)
        *err = why;
    return rc;
}
