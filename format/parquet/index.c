/* index.c - OffsetIndex and ColumnIndex, which lie between the pages and the footer.
 *
 * Both are lists with an element for each data page of one chunk, dictionary pages left out. The first one leads to
 * pages and is believed only as far as it is sound: ascending, apart, within the chunk, first rows from 0 on. A wrong
 * place would show as a page header that does not parse; a wrong row would not show, which is why rows must at least
 * ascend below the group's. The second one has no places; its lists are as long as the first one's.
 */
#include "format/parquet/index.h"

#include <assert.h>

#include "format/parquet/thrift.h"

#define INDEX_BYTES_MAX ((uint32_t)16 << 20)
#define LOCATION_BYTES_MIN 4 /* of a PageLocation in thrift */

/* The bytes of an index, in the arena; none: an empty slice. */
static int load(struct pfs_file *file, struct pfs_pq_extent at, struct pfs_arena *arena, struct pfs_slice *out,
                struct pfs_err *err)
{
    uint8_t *bytes;

    *out = (struct pfs_slice){0};
    if (at.bytes == 0 || at.bytes > INDEX_BYTES_MAX)
        return 0;
    bytes = pfs_arena_alloc(arena, at.bytes);
    if (bytes == NULL)
        return pfs_arena_full(arena, err);
    PFS_TRY(pfs_file_pread(file, at.off, bytes, at.bytes, err));
    *out = pfs_slice_of(bytes, at.bytes);
    return 0;
}

/* ---- offset index ---- */

static void take_location(struct pfs_cursor *c, struct pfs_pq_location *out)
{
    struct pfs_thrift_field f = {0};
    int64_t off = -1, bytes = -1;

    out->row = -1;
    while (pfs_thrift_next(c, &f))
        if (f.id == PFS_PQ_LOCATION_OFF)
            off = pfs_thrift_i64(c, &f);
        else if (f.id == PFS_PQ_LOCATION_BYTES)
            bytes = pfs_thrift_i32(c, &f);
        else if (f.id == PFS_PQ_LOCATION_FIRST_ROW)
            out->row = pfs_thrift_i64(c, &f);
        else
            pfs_thrift_skip(c, f.type);
    if (off < 0 || bytes < 0 || out->row < 0)
        c->bad = true;
    out->off = (uint64_t)off;
    out->bytes = (uint64_t)bytes;
}

/* The pages, one behind the other within the chunk. */
static bool is_sound(const struct pfs_pq_location *at, int64_t count, const struct pfs_pq_chunk *chunk, int64_t rows)
{
    uint64_t end = chunk->off;

    for (int64_t i = 0; i < count; i++) {
        if (at[i].off < end || at[i].off - chunk->off > chunk->bytes ||
            at[i].bytes > chunk->bytes - (at[i].off - chunk->off))
            return false;
        if (i == 0 ? at[i].row != 0 : at[i].row < at[i - 1].row || at[i].row >= rows)
            return false;
        end = at[i].off + at[i].bytes;
    }
    return count > 0;
}

int pfs_pq_offset_index_load(struct pfs_file *file, const struct pfs_pq_chunk *chunk, int64_t rows,
                             struct pfs_arena *arena, const struct pfs_pq_location **out, int32_t *count,
                             struct pfs_err *err)
{
    struct pfs_thrift_field f = {0};
    struct pfs_pq_location *made = NULL;
    struct pfs_slice bytes;
    struct pfs_cursor c;
    uint32_t found = 0;

    assert(!chunk->foreign); /* its places are not those of this file */
    assert(rows >= 0);
    *out = NULL;
    *count = 0;
    PFS_TRY(load(file, chunk->offset_index, arena, &bytes, err));
    c = pfs_cursor_of(bytes);
    while (bytes.len > 0 && pfs_thrift_next(&c, &f)) {
        if (f.id != PFS_PQ_OFFSET_INDEX_PAGES || made != NULL) {
            pfs_thrift_skip(&c, f.type);
            continue;
        }
        found = pfs_thrift_list(&c, &f, PFS_PQ_T_STRUCT, LOCATION_BYTES_MIN);
        made = pfs_arena_array(arena, found, sizeof(*made));
        if (made == NULL)
            return pfs_arena_full(arena, err);
        for (uint32_t i = 0; i < found; i++)
            take_location(&c, &made[i]);
    }
    assert(found <= INDEX_BYTES_MAX / LOCATION_BYTES_MIN);
    if (made != NULL && !c.bad && is_sound(made, found, chunk, rows)) {
        *out = made;
        *count = (int32_t)found;
    }
    return 0;
}

/* ---- column index ---- */

/* A list of as many elements as there are pages; the element's bytes decide nothing. */
static bool is_list(struct pfs_cursor *c, const struct pfs_thrift_field *f, uint8_t element, int32_t pages)
{
    if (pfs_thrift_list(c, f, element, 1) != (uint32_t)pages)
        c->bad = true;
    return !c->bad;
}

static struct pfs_slice take_binary(struct pfs_cursor *c)
{
    const struct pfs_thrift_field binary = {.type = PFS_PQ_T_BINARY}; /* an element has no header */

    return pfs_thrift_bytes(c, &binary);
}

/* Lists of booleans hold a byte each; writers disagree on whether their type is 1 or 2. */
static bool is_bool_list(struct pfs_cursor *c, const struct pfs_thrift_field *f, int32_t pages)
{
    struct pfs_cursor before = *c;

    if (is_list(c, f, PFS_PQ_T_TRUE, pages))
        return true;
    *c = before;
    return is_list(c, f, PFS_PQ_T_FALSE, pages);
}

/* Each list into the pages' places. One of another length makes the whole index bad, as it is one of other pages. */
static void take_column_index(struct pfs_cursor *c, int32_t pages, struct pfs_pq_stats *out, bool *is_null)
{
    struct pfs_thrift_field f = {0};

    while (pfs_thrift_next(c, &f))
        if (f.id == PFS_PQ_COLUMN_INDEX_NULL_PAGES && is_bool_list(c, &f, pages))
            for (int32_t i = 0; i < pages; i++)
                is_null[i] = pfs_take_u8(c) == 1;
        else if (f.id == PFS_PQ_COLUMN_INDEX_MINS && is_list(c, &f, PFS_PQ_T_BINARY, pages))
            for (int32_t i = 0; i < pages; i++)
                out[i].min = take_binary(c);
        else if (f.id == PFS_PQ_COLUMN_INDEX_MAXES && is_list(c, &f, PFS_PQ_T_BINARY, pages))
            for (int32_t i = 0; i < pages; i++)
                out[i].max = take_binary(c);
        else if (f.id == PFS_PQ_COLUMN_INDEX_NULLS && is_list(c, &f, PFS_PQ_T_I64, pages))
            for (int32_t i = 0; i < pages; i++)
                out[i].nulls = pfs_take_zigzag(c);
        else if (!c->bad)
            pfs_thrift_skip(c, f.type);
}

int pfs_pq_column_index_load(struct pfs_file *file, const struct pfs_pq_chunk *chunk, int32_t pages,
                             struct pfs_arena *arena, const struct pfs_pq_stats **out, struct pfs_err *err)
{
    struct pfs_pq_stats *made;
    struct pfs_slice bytes;
    struct pfs_cursor c;
    bool *is_null;

    assert(pages > 0);
    assert(!chunk->foreign);
    *out = NULL;
    PFS_TRY(load(file, chunk->column_index, arena, &bytes, err));
    if (bytes.len < (size_t)pages)
        return 0;
    made = pfs_arena_array(arena, (size_t)pages, sizeof(*made));
    is_null = pfs_arena_array(arena, (size_t)pages, sizeof(*is_null));
    if (made == NULL || is_null == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < pages; i++)
        made[i] = (struct pfs_pq_stats){.nulls = -1, .cut_min = true, .cut_max = true};
    c = pfs_cursor_of(bytes);
    take_column_index(&c, pages, made, is_null);
    if (c.bad)
        return 0;
    for (int32_t i = 0; i < pages; i++)
        if (is_null[i])
            made[i] = (struct pfs_pq_stats){.nulls = INT64_MAX};
    *out = made;
    return 0;
}
