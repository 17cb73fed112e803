/* print_nested.c - lists, maps, rows and variants as JSON. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "format/text/printer.h"
#include "format/variant.h"

static int put_list(const struct pfs_column *c, int64_t row, int depth, struct pfs_buf *out, struct pfs_err *err)
{
    pfs_buf_putc(out, '[');
    for (int32_t i = c->offsets[row]; i < c->offsets[row + 1]; i++) {
        if (i > c->offsets[row])
            pfs_buf_putc(out, ',');
        PFS_TRY(pfs_put_json_value(&c->children[0], i, depth + 1, out, err));
    }
    pfs_buf_putc(out, ']');
    return 0;
}

struct pair { /* an entry of a map: where its text lies, and its key's */
    const struct pfs_buf *text;
    size_t from, key, to;
};

static int compare_pairs(const void *left, const void *right)
{
    const struct pair *a = left, *b = right;

    return pfs_slice_compare(pfs_slice_of(a->text->at + a->from, a->key - a->from),
                             pfs_slice_of(b->text->at + b->from, b->key - b->from));
}

/* [[key,value],...] sorted by the bytes of the key's text. */
static int put_map(const struct pfs_column *c, int64_t row, int depth, struct pfs_buf *out, struct pfs_err *err)
{
    int32_t first = c->offsets[row], count = c->offsets[row + 1] - first;
    struct pair *pair = pfs_alloc_array((size_t)count, sizeof(*pair));
    struct pfs_buf text = {0};
    int rc = pair == NULL ? pfs_fail(err, ENOMEM, "no memory for a map of %d entries", count) : 0;

    for (int32_t i = 0; rc == 0 && i < count; i++) {
        pair[i] = (struct pair){.text = &text, .from = text.len};
        rc = pfs_put_json_value(&c->children[0], first + i, depth + 1, &text, err);
        pair[i].key = text.len;
        pfs_buf_putc(&text, ',');
        if (rc == 0)
            rc = pfs_put_json_value(&c->children[1], first + i, depth + 1, &text, err);
        pair[i].to = text.len;
    }
    if (rc == 0)
        rc = pfs_buf_check(&text, err);
    if (rc == 0 && count > 0)
        qsort(pair, (size_t)count, sizeof(*pair), compare_pairs);
    pfs_buf_putc(out, '[');
    for (int32_t i = 0; rc == 0 && i < count; i++) {
        pfs_buf_puts(out, i > 0 ? ",[" : "[");
        pfs_buf_put(out, text.at + pair[i].from, pair[i].to - pair[i].from);
        pfs_buf_putc(out, ']');
    }
    pfs_buf_putc(out, ']');
    pfs_buf_done(&text);
    pfs_free(pair);
    return rc;
}

void pfs_put_json_name(const char *name, struct pfs_buf *out)
{
    struct pfs_slice text = pfs_str(name);
    uint8_t *to = pfs_buf_reserve(out, text.len * 6 + 2);

    if (to != NULL)
        out->len += (size_t)(pfs_put_json_text(text, to) - to);
}

static int put_row(const struct pfs_column *c, int64_t row, int depth, struct pfs_buf *out, struct pfs_err *err)
{
    pfs_buf_putc(out, '{');
    for (int32_t i = 0; i < c->type->children; i++) {
        if (i > 0)
            pfs_buf_putc(out, ',');
        pfs_put_json_name(c->type->child[i].name, out);
        pfs_buf_putc(out, ':');
        PFS_TRY(pfs_put_json_value(&c->children[i], row, depth + 1, out, err));
    }
    pfs_buf_putc(out, '}');
    return 0;
}

static int put_variant(const struct pfs_column *c, int64_t row, struct pfs_buf *out, struct pfs_err *err)
{
    struct pfs_buf text;
    uint8_t *to;
    int rc;

    pfs_buf_init(&text, PFS_BATCH_BYTES_MAX);
    rc = pfs_variant_print(pfs_column_bytes(c, row), &text, err);
    if (rc == 0)
        rc = pfs_buf_check(&text, err);
    to = rc == 0 ? pfs_buf_reserve(out, text.len * 6 + 2) : NULL;
    if (to != NULL)
        out->len += (size_t)(pfs_put_json_text(pfs_buf_slice(&text), to) - to);
    pfs_buf_done(&text);
    return rc;
}

int pfs_put_json_value(const struct pfs_column *c, int64_t row, int depth, struct pfs_buf *out, struct pfs_err *err)
{
    struct pfs_printer p = {0};
    uint8_t *to;

    if (depth > PFS_JSON_DEPTH_MAX)
        return pfs_fail(err, E2BIG, "a value nested too deep");
    if (!pfs_column_present(c, row)) {
        pfs_buf_puts(out, "null");
        return 0;
    }
    if (c->type->kind == PFS_ARRAY)
        return put_list(c, row, depth, out, err);
    if (c->type->kind == PFS_MAP || c->type->kind == PFS_MULTISET)
        return put_map(c, row, depth, out, err);
    if (c->type->kind == PFS_ROW)
        return put_row(c, row, depth, out, err);
    if (c->type->kind == PFS_VARIANT)
        return put_variant(c, row, out, err);
    PFS_TRY(pfs_printer_choose(PFS_TEXT_JSON, c, &p, err));
    to = pfs_buf_reserve(out, pfs_printer_room(c, row));
    if (to != NULL)
        out->len += (size_t)(p.print(&p, row, to) - to);
    return 0;
}
