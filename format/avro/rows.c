/* rows.c - the file as a stream of blocks, and batches cut out of them: rows of wanted ranges are appended to columns,
 * the others are stepped over, or their blocks skipped unseen.
 *
 *   file    [header][block][block][block]...     read a window at a time; in.at[pos .. len) is not used yet
 *   block   [row row row ...]                    decoded whole; `left` rows of it are not taken yet
 *   rows    at                                   the number in the file of the next one
 *
 * A batch ends at its number of rows, at 16 MiB of the file's data, or with the file; blocks and batches end where they
 * like, neither minds the other.
 */
#include "format/avro/rows.h"

#include <assert.h>

#include "base/limits.h"
#include "base/mem.h"
#include "format/avro/container.h"
#include "format/avro/rows_node.h"

#define WINDOW_BYTES ((size_t)1 << 20)     /* read at once */
#define BATCH_BYTES_MAX ((size_t)16 << 20) /* of the file's data, after which a batch ends though rows are left */
#define BLOCK_HEAD_BYTES_MAX ((size_t)20)  /* two numbers */

struct input { /* what was read of the file and not yet used */
    struct pfs_file *file;
    uint64_t off; /* of the byte behind at[len] */
    uint8_t *at;
    size_t pos, len, cap;
};

struct rows_reader {
    struct pfs_reader base;
    const struct pfs_file_read *read;
    struct pfs_arena arena; /* schema and plan */
    struct pfs_avro_header header;
    struct pfs_avro_schema schema;
    int32_t branch; /* a union's, in front of each row; -1 = there is none */
    struct pfs_avro_memory memory;
    struct pfs_avro_node row; /* a ROW of the wanted columns */
    struct pfs_type row_type;
    struct input in;
    struct pfs_buf unpacked;
    struct pfs_cursor block; /* what is left of it */
    int64_t left;            /* rows in it */
    int64_t at;              /* number of the next row of the file */
    int32_t range;           /* the one that `at` is in or before */
};

/* ---- the file ---- */

static uint64_t unread(const struct input *in)
{
    assert(in->off <= in->file->size);
    return in->file->size - in->off;
}

/* At least `want` bytes at in->at + in->pos. */
static int need(struct input *in, size_t want, struct pfs_err *err)
{
    size_t have = in->len - in->pos, more;

    assert(in->pos <= in->len && in->len <= in->cap);
    if (have >= want)
        return 0;
    if (want - have > unread(in))
        return pfs_avro_damaged(err, "it is cut off");
    if (want > in->cap) {
        size_t cap = want < WINDOW_BYTES ? WINDOW_BYTES : want;
        uint8_t *at = pfs_realloc(in->at, cap);

        if (at == NULL)
            return pfs_fail(err, ENOMEM, "no memory for %zu bytes of the file", cap);
        in->at = at;
        in->cap = cap;
    }
    memmove(in->at, in->at + in->pos, have);
    in->pos = 0;
    in->len = have;
    more = in->cap - have < unread(in) ? in->cap - have : (size_t)unread(in);
    PFS_TRY(pfs_file_pread(in->file, in->off, in->at + have, more, err));
    in->off += more;
    in->len += more;
    assert(in->len - in->pos >= want);
    return 0;
}

/* As many as there are, up to `most`. */
static int peek(struct input *in, size_t most, struct pfs_cursor *out, struct pfs_err *err)
{
    uint64_t there = in->len - in->pos + unread(in);

    PFS_TRY(need(in, there < most ? (size_t)there : most, err));
    *out = pfs_cursor_of(pfs_slice_of(in->at + in->pos, in->len - in->pos));
    return 0;
}

static int step_over(struct input *in, size_t bytes, struct pfs_err *err)
{
    size_t have = in->len - in->pos;

    if (bytes <= have) {
        in->pos += bytes;
        return 0;
    }
    if (bytes - have > unread(in))
        return pfs_avro_damaged(err, "it is cut off");
    in->off += bytes - have; /* never read: what is skipped costs nothing */
    in->pos = in->len = 0;
    return 0;
}

/* ---- opening ---- */

/* The header may be longer than what was read: then it looks cut off, until all of the file was seen. */
static int open_header(struct rows_reader *r, struct pfs_err *err)
{
    for (size_t most = WINDOW_BYTES;; most *= 4) {
        struct pfs_cursor c;
        int rc;

        PFS_TRY(peek(&r->in, most, &c, err));
        rc = pfs_avro_header_take(&c, &r->header, err);
        if (rc < 0 && c.bad && unread(&r->in) > 0 && most < PFS_METADATA_BYTES_MAX) {
            pfs_err_clear(err);
            continue;
        }
        if (rc < 0)
            return rc;
        PFS_TRY(pfs_avro_schema_parse(r->header.schema, &r->arena, &r->schema, NULL, &r->branch, err));
        return step_over(&r->in, c.pos, err);
    }
}

static int check_missing(const struct rows_reader *r, struct pfs_err *err)
{
    for (int32_t i = 0; i < r->read->columns; i++) {
        bool there = false;

        if (r->read->missing_ok != NULL && r->read->missing_ok[i])
            continue;
        for (int32_t k = 0; k < r->schema.children && !there; k++)
            there = strcmp(r->schema.name[k], r->read->fields[i].name) == 0;
        if (!there)
            return pfs_fail(err, EIO, "column %s: it is not in the file", r->read->fields[i].name);
    }
    return 0;
}

/* The row type only lends the fields, which nobody changes. */
static int open_all(struct rows_reader *r, struct pfs_err *err)
{
    struct pfs_field *fields = pfs_arena_array(&r->arena, (size_t)r->read->columns, sizeof(*fields));

    if (fields == NULL)
        return pfs_arena_full(&r->arena, err);
    if (r->read->columns > 0)
        memcpy(fields, r->read->fields, (size_t)r->read->columns * sizeof(*fields));
    r->row_type = (struct pfs_type){.kind = PFS_ROW, .children = r->read->columns, .child = fields};
    PFS_TRY(open_header(r, err));
    assert(r->schema.type == PFS_AVRO_T_RECORD);
    PFS_TRY(check_missing(r, err));
    return pfs_avro_node_plan(&r->row_type, &r->schema, &r->memory, &r->arena, &r->row, err);
}

static void rows_close(struct pfs_reader *base)
{
    struct rows_reader *r = (struct rows_reader *)base;

    pfs_avro_node_done(&r->row);
    pfs_buf_done(&r->unpacked);
    pfs_free(r->in.at);
    pfs_arena_done(&r->arena);
    pfs_free(r);
}

/* ---- blocks and rows ---- */

/* The range that the next row is in or before; NULL = no more rows are wanted. */
static const struct pfs_row_range *range_of(struct rows_reader *r)
{
    while (r->range < r->read->ranges && r->read->range[r->range].to <= r->at)
        r->range++;
    return r->range < r->read->ranges ? &r->read->range[r->range] : NULL;
}

static int unpack(struct rows_reader *r, size_t bytes, struct pfs_err *err)
{
    struct pfs_slice stored, mark;
    struct pfs_cursor c;

    assert(r->left > 0);
    PFS_TRY(need(&r->in, bytes + PFS_AVRO_SYNC_BYTES, err));
    c = pfs_cursor_of(pfs_slice_of(r->in.at + r->in.pos, bytes + PFS_AVRO_SYNC_BYTES));
    (void)pfs_take(&c, bytes, &stored);
    (void)pfs_take(&c, PFS_AVRO_SYNC_BYTES, &mark);
    if (memcmp(mark.at, r->header.sync, PFS_AVRO_SYNC_BYTES) != 0)
        return pfs_avro_damaged(err, "a block's mark is wrong");
    pfs_buf_clear(&r->unpacked);
    PFS_TRY(pfs_avro_block_unpack(&r->header, stored, &r->unpacked, err));
    PFS_TRY(step_over(&r->in, bytes + PFS_AVRO_SYNC_BYTES, err));
    r->block = pfs_cursor_of(pfs_buf_slice(&r->unpacked));
    if ((uint64_t)r->left > r->block.in.len)
        return pfs_avro_damaged(err, "a block claims more rows than it has bytes");
    return 0;
}

/* The next block that has a wanted row: 1, 0 at the end of the file. */
static int next_block(struct rows_reader *r, struct pfs_err *err)
{
    while (r->in.len - r->in.pos + unread(&r->in) > 0) {
        const struct pfs_row_range *range = r->read->range != NULL ? range_of(r) : NULL;
        struct pfs_cursor c;
        int64_t rows, bytes;

        if (pfs_cancelled(r->read->cancel))
            return pfs_fail(err, ECANCELED, "cancelled");
        PFS_TRY(peek(&r->in, BLOCK_HEAD_BYTES_MAX, &c, err));
        assert(r->left == 0); /* the block before was taken to its end */
        rows = pfs_avro_take_long(&c);
        bytes = pfs_avro_take_long(&c);
        if (c.bad || rows < 0 || rows > INT64_MAX - r->at || bytes < 0 || (uint64_t)bytes > PFS_PAGE_BYTES_MAX)
            return pfs_avro_damaged(err, "a block has no sound head");
        PFS_TRY(step_over(&r->in, c.pos, err));
        if (rows == 0 || (range != NULL && range->from - r->at >= rows)) {
            PFS_TRY(step_over(&r->in, (size_t)bytes + PFS_AVRO_SYNC_BYTES, err));
            r->at += rows;
            continue;
        }
        r->left = rows;
        PFS_TRY(unpack(r, (size_t)bytes, err));
        return 1;
    }
    return 0;
}

/* What stands in front of a row. */
static void take_branch(struct rows_reader *r)
{
    if (r->branch >= 0 && pfs_avro_take_long(&r->block) != r->branch)
        r->block.bad = true;
}

/* Steps over rows in front of a range. */
static void skip_rows(struct rows_reader *r, int64_t rows)
{
    assert(rows >= 0 && rows <= r->left);
    for (int64_t i = 0; i < rows && !r->block.bad; i++) {
        take_branch(r);
        pfs_avro_skip(&r->block, &r->schema);
    }
    r->left -= rows;
    r->at += rows;
}

static int check_block(const struct rows_reader *r, struct pfs_err *err)
{
    if (r->memory.full)
        return pfs_fail(err, ENOMEM, "rows of one batch take more than %zu bytes", PFS_BATCH_BYTES_MAX);
    if (r->block.bad)
        return pfs_avro_damaged(err, "a row is cut off or has values beyond its type");
    if (r->left == 0 && r->read->columns > 0 && pfs_left(&r->block) > 0)
        return pfs_avro_damaged(err, "a block has bytes behind its rows");
    return 0;
}

/* Appends rows of the block to the columns, at most `most`; how many. */
static int64_t take_rows(struct rows_reader *r, int64_t most, struct pfs_err *err)
{
    int64_t rows = r->left < most ? r->left : most;
    const struct pfs_row_range *range = r->read->range != NULL ? range_of(r) : NULL;

    if (range != NULL && range->from > r->at) {
        int64_t ahead = range->from - r->at;

        skip_rows(r, ahead < r->left ? ahead : r->left);
        PFS_TRY(check_block(r, err));
        return 0;
    }
    if (range != NULL && range->to - r->at < rows)
        rows = range->to - r->at;
    assert(rows > 0);
    if (!pfs_avro_node_grow(&r->row, rows))
        return check_block(r, err);
    for (int64_t i = 0; i < rows && r->read->columns > 0 && !r->block.bad; i++) {
        take_branch(r);
        pfs_avro_steps_take(r->row.step, r->row.steps, &r->block);
    }
    r->left -= rows;
    r->at += rows;
    PFS_TRY(check_block(r, err));
    return rows;
}

static int64_t rows_next(struct pfs_reader *base, struct pfs_arena *arena, struct pfs_batch *out, struct pfs_err *err)
{
    struct rows_reader *r = (struct rows_reader *)base;
    int64_t most = r->read->batch_rows > 0 ? r->read->batch_rows : PFS_BATCH_ROWS, rows = 0;
    size_t bytes = 0;
    struct pfs_column all;

    pfs_avro_node_clear(&r->row);
    while (rows < most && bytes < BATCH_BYTES_MAX) {
        size_t before;
        int64_t more;

        if (r->read->range != NULL && range_of(r) == NULL)
            break;
        if (r->left == 0) {
            int rc = next_block(r, err);

            if (rc < 0)
                return rc;
            if (rc == 0)
                break;
        }
        before = r->block.pos;
        more = take_rows(r, most - rows, err);
        if (more < 0)
            return more;
        rows += more;
        bytes += more > 0 ? r->block.pos - before : 0;
    }
    assert(rows <= most);
    if (rows == 0)
        return 0;
    PFS_TRY(pfs_avro_node_finish(&r->row, rows, arena, &all, err));
    *out = (struct pfs_batch){rows, r->read->columns, all.children};
    return rows;
}

static const struct pfs_reader_ops rows_ops = {rows_next, rows_close};

int pfs_avro_rows_open(struct pfs_file *file, const struct pfs_file_read *read, struct pfs_reader **out,
                       struct pfs_err *err)
{
    struct rows_reader *r = pfs_zalloc(sizeof(*r));
    int rc;

    assert(read->columns >= 0);
    assert(read->ranges == 0 || read->range != NULL);
    if (r == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a reader");
    r->base.ops = &rows_ops;
    r->read = read;
    r->in.file = file;
    r->memory.left_bytes = PFS_BATCH_BYTES_MAX;
    pfs_arena_init(&r->arena, PFS_METADATA_BYTES_MAX);
    pfs_buf_init(&r->unpacked, PFS_PAGE_BYTES_MAX);
    rc = open_all(r, err);
    if (rc < 0) {
        rows_close(&r->base);
        return rc;
    }
    *out = &r->base;
    return 0;
}
