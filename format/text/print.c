/* print.c - rows out. A kernel a column is chosen once a batch; rows are then written one after the other into room
 * that was reserved for many of them at once, so that no value asks for room.
 *
 * How much that is, is reckoned from the types and from the bytes of text, at the worst (each byte as \u00xx): what is
 * not used of it is there for the next rows. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "format/text/printer.h"

#define CHUNK_ROWS 256
#define CHUNK_BYTES ((size_t)1 << 20) /* of room, when that leaves one row */

struct table {
    enum pfs_text format;
    int32_t columns;
    struct pfs_printer *printer;
    struct pfs_print_store store;
    struct pfs_buf header; /* CSV: rows could spell it */
};

static int table_init(struct table *t, enum pfs_text format, const struct pfs_field *fields,
                      const struct pfs_batch *batch, struct pfs_err *err)
{
    enum pfs_print_place place = format == PFS_TEXT_CSV ? PFS_IN_CELL : PFS_IN_JSON;

    t->format = format;
    t->columns = batch->columns;
    t->printer = pfs_arena_array(&t->store.arena, (size_t)batch->columns, sizeof(*t->printer));
    if (t->printer == NULL)
        return pfs_arena_full(&t->store.arena, err);
    for (int32_t i = 0; i < batch->columns; i++) {
        struct pfs_printer *p = &t->printer[i];

        PFS_TRY(pfs_printer_make(p, &batch->column[i], place, 0, batch->rows, &t->store, err));
        if (format == PFS_TEXT_JSON)
            PFS_TRY(pfs_printer_name(p, i, fields[i].name, &t->store, err));
    }
    if (format == PFS_TEXT_CSV)
        pfs_text_header(format, fields, batch->columns, &t->header);
    return pfs_buf_check(&t->header, err);
}

static void table_done(struct table *t)
{
    pfs_print_store_done(&t->store);
    pfs_buf_done(&t->header);
}

/* Room for rows [from, to), with commas and line ends. */
static size_t room(const struct table *t, int64_t from, int64_t to)
{
    size_t sum = (size_t)(to - from) * ((size_t)t->columns + 4) + PFS_PRINT_SLACK;

    for (int32_t i = 0; i < t->columns; i++)
        sum += pfs_printer_room(&t->printer[i], from, to);
    return sum;
}

/* Behind a field that is in quotes. */
static uint8_t *skip_quoted(uint8_t *at)
{
    assert(at[0] == '"');
    for (at++; at[0] != '"' || at[1] == '"'; at++)
        at += at[0] == '"';
    return at + 1;
}

/* A data row that spells the header would be taken for one: its first field that is not in quotes is put in them. Of a
 * header that is in quotes altogether such a row cannot be told. */
static uint8_t *guard_header(const struct table *t, uint8_t *from, uint8_t *to)
{
    uint8_t *at = from, *end;

    if (t->header.len != (size_t)(to - from) || memcmp(t->header.at, from, t->header.len) != 0)
        return to;
    while (at < to && at[0] == '"')
        at = skip_quoted(at) + 1;
    if (at >= to || *at == '\n') /* no column at all */
        return to;
    end = at + strcspn((const char *)at, t->columns > 1 ? ",\n" : "\n");
    memmove(end + 2, end, (size_t)(to - end));
    memmove(at + 1, at, (size_t)(end - at));
    at[0] = end[1] = '"';
    return to + 2;
}

/* Nothing between two commas is a null. */
static uint8_t *print_csv_row(struct table *t, int64_t row, uint8_t *to)
{
    uint8_t *from = to;

    for (int32_t i = 0; i < t->columns; i++) {
        struct pfs_printer *p = &t->printer[i];

        if (i > 0)
            *to++ = ',';
        if (pfs_column_present(p->column, row))
            to = p->print(p, row, to);
    }
    *to++ = '\n';
    return t->header.len > 0 ? guard_header(t, from, to) : to;
}

static uint8_t *print_json_row(struct table *t, int64_t row, uint8_t *to)
{
    to = pfs_put_members(t->printer, t->columns, row, to);
    memcpy(to, "}\n", 2);
    return to + 2;
}

static int print_rows(struct table *t, int64_t rows, struct pfs_buf *out, struct pfs_err *err)
{
    for (int64_t from = 0, end; from < rows; from = end) {
        uint8_t *to, *at;

        end = from + CHUNK_ROWS < rows ? from + CHUNK_ROWS : rows;
        while (end - from > 1 && room(t, from, end) > CHUNK_BYTES)
            end -= (end - from) / 2;
        assert(end > from);
        at = to = pfs_buf_reserve(out, room(t, from, end));
        if (to == NULL) {
            int rc = pfs_buf_check(out, err);

            return rc == -EFBIG ? -E2BIG : rc;
        }
        for (int64_t row = from; row < end; row++)
            at = t->format == PFS_TEXT_CSV ? print_csv_row(t, row, at) : print_json_row(t, row, at);
        assert((size_t)(at - to) <= out->cap - out->len);
        out->len += (size_t)(at - to);
    }
    return 0;
}

int pfs_text_print(enum pfs_text format, const struct pfs_field *fields, const struct pfs_batch *batch,
                   struct pfs_buf *out, struct pfs_err *err)
{
    struct table t = {0};
    int rc = table_init(&t, format, fields, batch, err);

    assert(batch->columns >= 0);
    assert(batch->rows >= 0);
    if (rc == 0)
        rc = print_rows(&t, batch->rows, out, err);
    table_done(&t);
    return rc;
}

void pfs_text_header(enum pfs_text format, const struct pfs_field *fields, int32_t columns, struct pfs_buf *out)
{
    for (int32_t i = 0; format == PFS_TEXT_CSV && i < columns; i++) {
        struct pfs_slice name = pfs_str(fields[i].name);
        uint8_t *to;

        if (i > 0)
            pfs_buf_putc(out, ',');
        to = pfs_buf_reserve(out, name.len * 2 + 2);
        if (to != NULL)
            out->len += (size_t)(pfs_put_cell(name, to) - to);
    }
    if (format == PFS_TEXT_CSV)
        pfs_buf_putc(out, '\n');
}

/* Outside of JSON text goes out as it is, without a cell's quotes: there is no comma or line around it. */
int pfs_text_print_value(enum pfs_text format, const struct pfs_column *column, int64_t row, struct pfs_buf *out,
                         struct pfs_err *err)
{
    enum pfs_kind kind = column->type->kind;
    bool json = format == PFS_TEXT_JSON || pfs_kind_is_nested(kind) || kind == PFS_VARIANT;
    struct pfs_print_store store = {0};
    struct pfs_printer p;
    uint8_t *to;
    int rc;

    if (!pfs_column_present(column, row) || (!json && pfs_kind_is_text(kind))) {
        struct pfs_slice text = pfs_column_present(column, row) ? pfs_column_bytes(column, row) : pfs_str("null");

        if (format == PFS_TEXT_JSON || pfs_column_present(column, row))
            pfs_buf_put(out, text.at, text.len);
        return pfs_buf_check(out, err);
    }
    assert(row >= 0);
    rc = pfs_printer_make(&p, column, json ? PFS_IN_JSON : PFS_IN_CELL, row, row + 1, &store, err);
    to = rc < 0 ? NULL : pfs_buf_reserve(out, pfs_printer_room(&p, row, row + 1) + PFS_PRINT_SLACK);
    if (to != NULL)
        out->len += (size_t)(p.print(&p, row, to) - to);
    pfs_print_store_done(&store);
    return rc < 0 ? rc : pfs_buf_check(out, err);
}
