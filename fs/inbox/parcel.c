/* parcel.c - Parquet files on their way in.
 *
 *   PAR1 ... footer PAR1 | PAR1 ... footer PAR1      found from the end: a footer says how much in front of it is its
 * own
 *
 * What is in the file is a user's: nothing of it is trusted but that it has the length that was written. */
#include "fs/inbox/parcel.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "format/parquet/parquet.h"
#include "format/text/adapt.h"
#include "fs/view/spool.h"

#define MAGIC "PAR1"
#define FILE_BYTES_MIN 12
#define ROWS_AFTER_REFUSAL 64 /* are looked at; twice as many each time that all are good */

struct pfs_parcel {
    int fd;
    uint64_t size;
    struct pfs_buf text; /* of the row that was refused */
};

int pfs_parcel_open(const char *dir, struct pfs_parcel **out, struct pfs_err *err)
{
    struct pfs_parcel *p = pfs_zalloc(sizeof(*p));

    if (p == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a file");
    p->fd = pfs_spool_file(dir != NULL ? dir : "/var/tmp", err);
    if (p->fd < 0) {
        int rc = p->fd;

        pfs_free(p);
        return rc;
    }
    pfs_buf_init(&p->text, PFS_ROW_BYTES_MAX);
    *out = p;
    return 0;
}

void pfs_parcel_close(struct pfs_parcel *parcel)
{
    if (parcel == NULL)
        return;
    (void)close(parcel->fd);
    pfs_buf_done(&parcel->text);
    pfs_free(parcel);
}

uint64_t pfs_parcel_size(const struct pfs_parcel *parcel)
{
    return parcel->size;
}

static int said(struct pfs_err *err)
{
    return pfs_fail(err, errno, "a Parquet file on its way into the inbox: %s", pfs_errno_text(errno));
}

int pfs_parcel_write(struct pfs_parcel *parcel, uint64_t off, struct pfs_slice bytes, struct pfs_err *err)
{
    size_t done = 0;

    if (off > INT64_MAX / 2)
        return pfs_fail(err, EFBIG, "a Parquet file of more than %lld bytes", (long long)(INT64_MAX / 2));
    while (done < bytes.len) {
        ssize_t put = pwrite(parcel->fd, bytes.at + done, bytes.len - done, (off_t)(off + done));

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return said(err);
        done += (size_t)put;
    }
    if (off + bytes.len > parcel->size)
        parcel->size = off + bytes.len;
    return 0;
}

int pfs_parcel_empty(struct pfs_parcel *parcel, struct pfs_err *err)
{
    parcel->size = 0;
    return ftruncate(parcel->fd, 0) < 0 ? said(err) : 0;
}

static int read_at(int fd, uint64_t off, void *to, size_t len, struct pfs_err *err)
{
    size_t done = 0;

    while (done < len) {
        ssize_t got = pread(fd, (uint8_t *)to + done, len - done, (off_t)(off + done));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return said(err);
        if (got == 0)
            return pfs_fail(err, EIO, "a Parquet file ends at %llu", (unsigned long long)(off + done));
        done += (size_t)got;
    }
    return 0;
}

/* Does a file begin at `begin`, and one end at `end`? 1, 0. */
static int has_magics(const struct pfs_parcel *p, uint64_t begin, uint64_t end, struct pfs_err *err)
{
    char first[4], last[4];

    assert(begin <= end);
    assert(end >= 4);
    PFS_TRY(read_at(p->fd, begin, first, 4, err));
    PFS_TRY(read_at(p->fd, end - 4, last, 4, err));
    return memcmp(first, MAGIC, 4) == 0 && memcmp(last, MAGIC, 4) == 0;
}

int pfs_parcel_is_whole(struct pfs_parcel *parcel, struct pfs_err *err)
{
    return parcel->size < FILE_BYTES_MIN ? 0 : has_magics(parcel, 0, parcel->size, err);
}

/* ---- one file of the parcel, as the reader wants it ---- */

struct stretch {
    struct pfs_file base;
    int fd;
    uint64_t from;
};

static int stretch_read(struct pfs_file *file, uint64_t off, void *to, size_t len, struct pfs_err *err)
{
    const struct stretch *s = (const struct stretch *)file;

    if (off > file->size || len > file->size - off)
        return pfs_fail(err, EIO, "the file has %llu bytes", (unsigned long long)file->size);
    return read_at(s->fd, s->from + off, to, len, err);
}

static const struct pfs_store_ops stretch_ops = {.pread = stretch_read};

static struct stretch stretch_of(const struct pfs_parcel *p, uint64_t from, uint64_t end)
{
    assert(from <= end);
    assert(end <= p->size);
    return (struct stretch){.base = {.ops = &stretch_ops, .size = end - from}, .fd = p->fd, .from = from};
}

/* ---- rows ---- */

struct reading {
    struct pfs_parcel *parcel;
    const struct pfs_parcel_read *read;
    struct pfs_parquet_facts facts;
    struct pfs_adapt *adapt;
    int64_t row;     /* of the file: the first of the batch */
    int64_t before;  /* rows of the files in front */
    int64_t at_once; /* rows that are looked at together */
    struct pfs_text_refusal *refusal;
};

/* The refusal counts within a batch, and its text goes with the next one. */
static void place(struct reading *r, struct pfs_err *err)
{
    struct pfs_text_refusal *refusal = r->refusal;
    int64_t row = r->row + refusal->row;
    int32_t group = 0;

    assert(refusal->row > 0);
    while (group + 1 < r->facts.groups && r->facts.first[group + 1] < row)
        group++;
    refusal->row = r->before + row;
    refusal->group = group + 1;
    pfs_buf_clear(&r->parcel->text);
    pfs_buf_put(&r->parcel->text, refusal->text.at, refusal->text.len);
    refusal->text = pfs_buf_slice(&r->parcel->text);
    pfs_wrap(err, "row %lld (row group %d)", (long long)refusal->row, group);
}

/* Some rows of a batch, on their own: what they borrow from it is copied. */
static int add_copy(struct reading *r, const struct pfs_batch *batch, struct pfs_err *err)
{
    struct pfs_batch copy;
    struct pfs_arena arena;
    int rc;

    pfs_arena_init(&arena, PFS_BATCH_BYTES_MAX);
    rc = pfs_batch_copy(batch, 0, (int32_t)batch->rows, &arena, &copy, err);
    if (rc == 0)
        rc = r->read->add(r->read->context, &arena, &copy, err);
    pfs_arena_done(&arena);
    return rc;
}

/* Rows from `*from` on, as far as they are good; passes one that is refused. */
static int take_some(struct reading *r, struct pfs_arena *arena, const struct pfs_batch *in, int64_t *from,
                     struct pfs_err *err)
{
    struct pfs_err why = {0};
    struct pfs_batch out;
    int64_t rows = pfs_adapt_rows(r->adapt, in, *from, r->at_once, arena, &out, r->refusal, &why);

    if (rows < 0) {
        bool is_row = r->refusal->row > 0;

        if (is_row)
            place(r, &why);
        if (is_row && r->read->parse->refused != NULL) {
            r->read->parse->refused(r->read->parse->context, r->refusal, &why);
            r->at_once = ROWS_AFTER_REFUSAL;
            *from += 1;
            return 0;
        }
        if (err != NULL)
            *err = why;
        return (int)rows;
    }
    assert(rows > 0);
    assert(rows <= in->rows - *from);
    r->at_once = r->at_once < PFS_BATCH_ROWS ? r->at_once * 2 : r->at_once;
    *from += rows;
    if (rows == in->rows)
        return r->read->add(r->read->context, arena, &out, err);
    return add_copy(r, &out, err);
}

static int take_batch(struct reading *r, struct pfs_arena *arena, const struct pfs_batch *in, struct pfs_err *err)
{
    int64_t from = 0;

    while (from < in->rows)
        PFS_TRY(take_some(r, arena, in, &from, err));
    assert(from == in->rows);
    r->row += in->rows;
    return 0;
}

static int take_all(struct reading *r, struct pfs_file *file, struct pfs_err *err)
{
    const struct pfs_file_read read = {
        .columns = r->facts.columns, .fields = r->facts.field, .cancel = r->read->cancel, .pool = r->read->pool};
    struct pfs_reader *reader;
    int64_t rows;
    int rc;

    PFS_TRY(pfs_parquet_open(file, &read, &reader, err));
    do {
        struct pfs_arena arena;
        struct pfs_batch batch;

        pfs_arena_init(&arena, PFS_BATCH_BYTES_MAX);
        rows = pfs_reader_next(reader, &arena, &batch, err);
        rc = rows > 0 ? take_batch(r, &arena, &batch, err) : (int)rows;
        pfs_arena_done(&arena);
    } while (rc == 0 && rows > 0);
    pfs_reader_close(reader);
    return rc;
}

/* ---- files ---- */

/* Where the file that ends at `end` begins: at 0, or behind another one. */
static int find_begin(struct pfs_parcel *p, uint64_t end, uint64_t *begin, struct pfs_err *err)
{
    struct stretch s = stretch_of(p, 0, end);
    struct pfs_parquet_facts facts;
    struct pfs_arena arena;
    int rc;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = pfs_parquet_facts(&s.base, NULL, 0, &arena, &facts, err);
    pfs_arena_done(&arena);
    PFS_TRY(rc);
    assert(facts.gap < end);
    rc = facts.gap < FILE_BYTES_MIN ? 0 : has_magics(p, facts.gap, facts.gap, err);
    *begin = rc > 0 ? facts.gap : 0;
    return rc < 0 ? rc : 0;
}

static int take_file(struct reading *r, uint64_t begin, uint64_t end, struct pfs_err *err)
{
    struct stretch s = stretch_of(r->parcel, begin, end);
    struct pfs_arena arena;
    int rc;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    r->row = 0;
    rc = pfs_parquet_facts(&s.base, r->read->parse->fields, r->read->parse->columns, &arena, &r->facts, err);
    if (rc == 0)
        rc = pfs_adapt_open(r->read->parse, r->facts.field, r->facts.columns, &r->adapt, err);
    if (rc == 0)
        rc = take_all(r, &s.base, err);
    pfs_adapt_close(r->adapt);
    r->adapt = NULL;
    r->before += r->row;
    pfs_arena_done(&arena);
    return rc;
}

/* The files are found from the last one to the first, and read the other way. */
static int take_files(struct reading *r, struct pfs_buf *begins, struct pfs_err *err)
{
    uint64_t end = r->parcel->size, begin;
    size_t files;

    for (; end > 0; end = begin) {
        if (pfs_cancelled(r->read->cancel))
            return pfs_fail(err, ECANCELED, "cancelled");
        PFS_TRY(find_begin(r->parcel, end, &begin, err));
        assert(begin < end);
        pfs_buf_le64(begins, begin);
    }
    PFS_TRY(pfs_buf_check(begins, err));
    files = begins->len / 8;
    for (size_t i = files; i-- > 0;) {
        end = i == 0 ? r->parcel->size : pfs_le64(begins->at + (i - 1) * 8);
        PFS_TRY(take_file(r, pfs_le64(begins->at + i * 8), end, err));
    }
    return 0;
}

int pfs_parcel_rows(struct pfs_parcel *parcel, const struct pfs_parcel_read *read, struct pfs_text_refusal *refusal,
                    struct pfs_err *err)
{
    struct reading r = {.parcel = parcel, .read = read, .at_once = PFS_BATCH_ROWS, .refusal = refusal};
    struct pfs_buf begins = {0};
    int rc;

    *refusal = (struct pfs_text_refusal){0};
    rc = take_files(&r, &begins, err);
    pfs_buf_done(&begins);
    return rc < 0 && refusal->row == 0 ? pfs_wrap(err, "Parquet file") : rc;
}
