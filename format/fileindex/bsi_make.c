/* bsi_make.c - making a bit-sliced index (bsi.c draws it): values from 0 up and the absolute values of those below,
 * each as slices from the least value on, which Paimon always has as 0.
 *
 * All values are held until the end: how many slices there are is the greatest one's to say, and Paimon's bitmaps are
 * written one after the other. */
#include <assert.h>

#include "base/mem.h"
#include "format/fileindex/index.h"

struct half {
    int64_t count;
    uint64_t greatest;
};

struct sliced {
    struct pfs_maker maker;
    int64_t rows, room;
    int64_t *value;
    uint8_t *present;
    struct half half[2]; /* from 0 up, below 0 */
    bool unfit;          /* holds the one value without an absolute one, or more than a word */
    bool wide;           /* decimals of 16 bytes */
};

static int no_room(struct pfs_err *err)
{
    return pfs_fail(err, ENOMEM, "no memory for a file index");
}

static int more_rows(struct sliced *s, int64_t rows, struct pfs_err *err)
{
    int64_t room = s->room == 0 ? 4096 : s->room;
    int64_t *value;
    uint8_t *present;

    assert(rows >= 0);
    assert(s->rows <= s->room);
    if (rows > INT32_MAX - s->rows)
        return pfs_fail(err, E2BIG, "a file index cannot have so many rows");
    while (room - s->rows < rows)
        room *= 2;
    if (room == s->room)
        return 0;
    value = pfs_realloc(s->value, (size_t)room * sizeof(*value));
    if (value == NULL)
        return no_room(err);
    s->value = value;
    present = pfs_realloc(s->present, (size_t)room);
    if (present == NULL)
        return no_room(err);
    s->present = present;
    s->room = room;
    return 0;
}

/* The unscaled values of decimals, as far as they are words. */
static void narrow(struct sliced *s, const struct pfs_column *column, int64_t rows, int64_t *out)
{
    const pfs_i128 *value = column->values;

    for (int64_t i = 0; i < rows; i++) {
        out[i] = (int64_t)value[i];
        s->unfit = s->unfit || (pfs_column_present(column, i) && out[i] != value[i]);
    }
}

static int sliced_add(struct pfs_maker *self, const struct pfs_column *column, int64_t rows, struct pfs_err *err)
{
    struct sliced *s = (struct sliced *)self;
    int64_t *value;

    PFS_TRY(more_rows(s, rows, err));
    value = s->value + s->rows;
    if (s->wide)
        narrow(s, column, rows, value);
    else
        pfs_key_numbers(column, rows, self->form, value);
    for (int64_t i = 0; i < rows; i++) {
        struct half *h = &s->half[value[i] < 0];
        uint64_t size = value[i] < 0 ? 0 - (uint64_t)value[i] : (uint64_t)value[i];
        bool present = pfs_column_present(column, i);

        s->present[s->rows + i] = present;
        if (!present)
            continue;
        s->unfit = s->unfit || value[i] == INT64_MIN;
        h->count++;
        h->greatest = size > h->greatest ? size : h->greatest;
    }
    s->rows += rows;
    assert(s->half[0].count + s->half[1].count <= s->rows); /* the others are null */
    return 0;
}

/* Rows of the half whose size has a bit (-1: all of them). */
static int print_slice(const struct sliced *s, bool below, int bit, uint32_t *row, struct pfs_buf *out,
                       struct pfs_err *err)
{
    size_t count = 0;

    for (int64_t i = 0; i < s->rows; i++) {
        int64_t value = s->value[i];
        uint64_t size = below ? 0 - (uint64_t)value : (uint64_t)value;

        if (s->present[i] && (value < 0) == below && (bit < 0 || (size >> bit & 1) != 0))
            row[count++] = (uint32_t)i;
    }
    return pfs_bitmap_print_values(row, count, out, err);
}

static int print_half(const struct sliced *s, bool below, uint32_t *row, struct pfs_buf *out, struct pfs_err *err)
{
    const struct half *h = &s->half[below];
    int slices = h->greatest == 0 ? 0 : 64 - __builtin_clzll(h->greatest);

    assert(slices < PFS_SLICES_MAX); /* INT64_MIN, which would need one more, made the index unfit */
    pfs_buf_putc(out, h->count > 0 ? 1 : 0);
    if (h->count == 0)
        return 0;
    pfs_buf_putc(out, 1);
    pfs_buf_be64(out, 0);
    pfs_buf_be64(out, h->greatest);
    PFS_TRY(print_slice(s, below, -1, row, out, err));
    pfs_buf_be32(out, (uint32_t)slices);
    for (int bit = 0; bit < slices; bit++)
        PFS_TRY(print_slice(s, below, bit, row, out, err));
    return 0;
}

/* An index that cannot hold its values is left out, not wrong: the file is written without it. */
static int sliced_finish(struct pfs_maker *self, struct pfs_buf *out, struct pfs_err *err)
{
    struct sliced *s = (struct sliced *)self;
    uint32_t *row;
    int rc;

    if (s->unfit)
        return 1;
    row = pfs_alloc_array((size_t)s->rows, sizeof(*row));
    if (row == NULL)
        return no_room(err);
    pfs_buf_putc(out, 1);
    pfs_buf_be32(out, (uint32_t)s->rows);
    rc = print_half(s, false, row, out, err);
    if (rc == 0)
        rc = print_half(s, true, row, out, err);
    pfs_free(row);
    return rc < 0 ? rc : pfs_buf_check(out, err);
}

static void sliced_close(struct pfs_maker *self)
{
    pfs_free(((struct sliced *)self)->value);
    pfs_free(((struct sliced *)self)->present);
    pfs_free(self);
}

int pfs_bsi_make(const struct pfs_index_write *write, struct pfs_maker **out, struct pfs_err *err)
{
    static const struct pfs_maker_ops ops = {sliced_add, sliced_finish, sliced_close};
    bool wide = write->type->kind == PFS_DECIMAL && pfs_type_width(write->type) == 16;
    struct pfs_key_form form;
    struct sliced *s;

    if ((!pfs_key_form_of(write->type, &form) && !wide) || form.width == 0 || form.floating ||
        write->type->kind == PFS_BOOLEAN)
        return pfs_index_refused(write, err);
    s = pfs_zalloc(sizeof(*s));
    if (s == NULL)
        return no_room(err);
    s->maker = (struct pfs_maker){&ops, write, form};
    s->wide = wide;
    *out = &s->maker;
    return 0;
}
