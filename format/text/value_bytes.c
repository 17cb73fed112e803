/* value_bytes.c - cells to strings and bytes: offsets into one run. */
#include <assert.h>

#include "base/number.h"
#include "base/utf8.h"
#include "format/text/parse.h"

/* Offsets and a run with room for the text of all cells. */
static int room(struct pfs_convert *c, const struct pfs_cell *cells, int32_t rows, int32_t **offsets, uint8_t **run)
{
    size_t bytes = 0;

    for (int32_t i = 0; i < rows; i++)
        bytes += cells[i].form == PFS_CELL_NULL ? 0 : cells[i].len;
    if (bytes > INT32_MAX)
        return pfs_fail(c->err, EMSGSIZE, "the rows of one write hold more than 2 GiB of one column");
    *offsets = pfs_arena_alloc(c->arena, ((size_t)rows + 1) * sizeof(**offsets));
    *run = pfs_arena_alloc(c->arena, bytes);
    return *offsets == NULL || *run == NULL ? pfs_arena_full(c->arena, c->err) : 0;
}

int pfs_cells_text(struct pfs_convert *c, const struct pfs_type *type, const struct pfs_cell *cells, int32_t rows,
                   struct pfs_column *out)
{
    int32_t *offsets, len = 0;
    uint8_t *run;

    PFS_TRY(room(c, cells, rows, &offsets, &run));
    for (int32_t i = 0; i < rows; i++) {
        offsets[i] = len;
        if (cells[i].form == PFS_CELL_NULL || cells[i].len == 0)
            continue;
        if (cells[i].len > (uint32_t)type->length && pfs_utf8_count(pfs_cell_text(&cells[i])) > (size_t)type->length)
            return pfs_cell_refuse(c, cells, i, ERANGE, "has too many characters");
        memcpy(run + len, cells[i].at, cells[i].len);
        len += (int32_t)cells[i].len;
    }
    assert(len >= 0);
    offsets[rows] = len;
    out->offsets = offsets;
    out->values = run;
    return 0;
}

int pfs_cells_base64(struct pfs_convert *c, const struct pfs_type *type, const struct pfs_cell *cells, int32_t rows,
                     struct pfs_column *out)
{
    bool bounded = type->kind != PFS_BLOB;
    int32_t *offsets, len = 0;
    uint8_t *run; /* room for the text is more than enough: three bytes of four */

    PFS_TRY(room(c, cells, rows, &offsets, &run));
    for (int32_t i = 0; i < rows; i++) {
        int64_t bytes;

        offsets[i] = len;
        if (cells[i].form == PFS_CELL_NULL || cells[i].len == 0)
            continue;
        bytes = pfs_base64_decode(pfs_cell_text(&cells[i]), run + len);
        if (bytes < 0)
            return pfs_cell_refuse_code(c, type, cells, i, (int)bytes);
        assert(bytes <= cells[i].len);
        if (bounded && bytes > type->length)
            return pfs_cell_refuse(c, cells, i, ERANGE, "has too many bytes");
        len += (int32_t)bytes;
    }
    offsets[rows] = len;
    out->offsets = offsets;
    out->values = run;
    return 0;
}
