/* print.c - rows out. A kernel a column is chosen once a batch; rows are then written one after the other into room
 * that was reserved for many of them at once, so that no value asks for room. Nested values are printed ahead, as JSON,
 * and then go out like text.
 */
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "format/text/printer.h"
#include "format/variant.h"

#define CHUNK_ROWS 256

struct table {
    enum pfs_text format;
    int32_t columns;
    struct pfs_printer *printer;
    struct pfs_buf header; /* CSV, when rows could spell it */
};

static int print_ahead(struct pfs_printer *p, int64_t rows, struct pfs_err *err)
{
    p->nested_end = pfs_alloc_array((size_t)rows + 1, sizeof(*p->nested_end));
    if (p->nested_end == NULL)
        return pfs_fail(err, ENOMEM, "no memory to print %lld rows", (long long)rows);
    p->nested.limit_bytes = PFS_BATCH_BYTES_MAX;
    for (int64_t i = 0; i < rows; i++) {
        if (!pfs_column_present(p->column, i))
            ;
        else if (p->column->type->kind == PFS_VARIANT)
            PFS_TRY(pfs_variant_print(pfs_column_bytes(p->column, i), &p->nested, err));
        else
            PFS_TRY(pfs_put_json_value(p->column, i, 0, &p->nested, err));
        p->nested_end[i + 1] = p->nested.len;
    }
    return pfs_buf_check(&p->nested, err);
}

static int table_init(struct table *t, enum pfs_text format, const struct pfs_field *fields,
                      const struct pfs_batch *batch, struct pfs_err *err)
{
    bool all_text = true;

    t->format = format;
    t->columns = batch->columns;
    t->printer = pfs_alloc_array((size_t)batch->columns, sizeof(*t->printer));
    if (t->printer == NULL)
        return pfs_fail(err, ENOMEM, "no memory to print %d columns", batch->columns);
    for (int32_t i = 0; i < batch->columns; i++) {
        struct pfs_printer *p = &t->printer[i];

        PFS_TRY(pfs_printer_choose(format, &batch->column[i], p, err));
        if (p->column->offsets != NULL && p->column->values != NULL && p->column->offsets[batch->rows] >= 8)
            p->safe = (const uint8_t *)p->column->values + p->column->offsets[batch->rows] - 8;
        if (pfs_kind_is_nested(p->column->type->kind) || p->column->type->kind == PFS_VARIANT)
            PFS_TRY(print_ahead(p, batch->rows, err));
        if (format == PFS_TEXT_JSON) {
            pfs_buf_putc(&p->key, i == 0 ? '{' : ',');
            pfs_put_json_name(fields[i].name, &p->key);
            pfs_buf_putc(&p->key, ':');
        } else if (i > 0) {
            pfs_buf_putc(&p->key, ',');
        }
        PFS_TRY(pfs_buf_check(&p->key, err));
        all_text &= pfs_kind_is_text(p->column->type->kind);
    }
    if (format == PFS_TEXT_CSV && all_text)
        pfs_text_header(format, fields, batch->columns, &t->header);
    return pfs_buf_check(&t->header, err);
}

static void table_done(struct table *t)
{
    for (int32_t i = 0; t->printer != NULL && i < t->columns; i++) {
        pfs_buf_done(&t->printer[i].key);
        pfs_buf_done(&t->printer[i].nested);
        pfs_free(t->printer[i].nested_end);
    }
    pfs_free(t->printer);
    pfs_buf_done(&t->header);
}

/* Room for rows [from, to): what fixed values take, and text at its longest. */
static size_t room(const struct table *t, int64_t from, int64_t to)
{
    size_t factor = t->format == PFS_TEXT_JSON ? 6 : 2, sum = (size_t)(to - from) * 2;

    for (int32_t i = 0; i < t->columns; i++) {
        const struct pfs_printer *p = &t->printer[i];
        const struct pfs_column *c = p->column;

        sum += (size_t)(to - from) * (PFS_PRINT_ROOM + p->key.len);
        if (p->nested_end != NULL)
            sum += (p->nested_end[to] - p->nested_end[from]) * factor;
        else if (c->offsets != NULL)
            sum += (size_t)(c->offsets[to] - c->offsets[from]) * factor;
    }
    return sum;
}

static uint8_t *put_key(const struct pfs_printer *p, uint8_t *to)
{
    memcpy(to, p->key.at, p->key.len);
    return to + p->key.len;
}

/* A data row that spells the header would be taken for one: its first field is put in quotes. */
static uint8_t *guard_header(const struct table *t, uint8_t *from, uint8_t *to)
{
    size_t first;

    if (t->header.len != (size_t)(to - from) || memcmp(t->header.at, from, t->header.len) != 0 || from[0] == '"')
        return to;
    first = strcspn((const char *)from, t->columns > 1 ? "," : "\n");
    memmove(from + 1, from, (size_t)(to - from));
    from[0] = '"';
    memmove(from + first + 2, from + first + 1, (size_t)(to - from) - first);
    from[first + 1] = '"';
    return to + 2;
}

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
    for (int32_t i = 0; i < t->columns; i++) {
        struct pfs_printer *p = &t->printer[i];

        to = put_key(p, to);
        if (pfs_column_present(p->column, row)) {
            to = p->print(p, row, to);
        } else {
            memcpy(to, "null", 4);
            to += 4;
        }
    }
    memcpy(to, "}\n", 2);
    return to + 2;
}

static int print_rows(struct table *t, int64_t rows, struct pfs_buf *out, struct pfs_err *err)
{
    for (int64_t from = 0; from < rows; from += CHUNK_ROWS) {
        int64_t end = from + CHUNK_ROWS < rows ? from + CHUNK_ROWS : rows;
        uint8_t *to = pfs_buf_reserve(out, room(t, from, end)), *at = to;

        if (to == NULL) {
            int rc = pfs_buf_check(out, err);

            return rc == -EFBIG ? -E2BIG : rc;
        }
        for (int64_t row = from; row < end; row++)
            at = t->format == PFS_TEXT_CSV ? print_csv_row(t, row, at) : print_json_row(t, row, at);
        out->len += (size_t)(at - to);
    }
    return 0;
}

int pfs_text_print(enum pfs_text format, const struct pfs_field *fields, const struct pfs_batch *batch,
                   struct pfs_buf *out, struct pfs_err *err)
{
    struct table t = {0};
    int rc = table_init(&t, format, fields, batch, err);

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

int pfs_text_print_value(enum pfs_text format, const struct pfs_column *column, int64_t row, struct pfs_buf *out,
                         struct pfs_err *err)
{
    struct pfs_printer p = {0};
    uint8_t *to;

    if (format == PFS_TEXT_JSON || pfs_kind_is_nested(column->type->kind) || column->type->kind == PFS_VARIANT) {
        if (format == PFS_TEXT_JSON || pfs_column_present(column, row))
            PFS_TRY(pfs_put_json_value(column, row, 0, out, err));
        return pfs_buf_check(out, err);
    }
    if (!pfs_column_present(column, row))
        return 0;
    if (pfs_kind_is_text(column->type->kind)) {
        struct pfs_slice text = pfs_column_bytes(column, row);

        pfs_buf_put(out, text.at, text.len);
        return pfs_buf_check(out, err);
    }
    PFS_TRY(pfs_printer_choose(format, column, &p, err));
    p.quote = false;
    to = pfs_buf_reserve(out, pfs_printer_room(column, row));
    if (to != NULL)
        out->len += (size_t)(p.print(&p, row, to) - to);
    return pfs_buf_check(out, err);
}
