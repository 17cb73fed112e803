/* print_test.c - the text of rows from its beginning, and from every place that a mark may tell. */
#include "fs/render/print.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "fs/view/internal.h"
#include "tests/unit/cm.h"

#define PIECES 3
#define PIECE_ROWS 60

/* Numbers in a row: pieces of PIECE_ROWS of them, in batches. */
struct numbers {
    struct pfs_rows rows;
    struct pfs_reader reader;
    struct pfs_field field;
    int64_t at, end;
    int32_t batch_rows;
    int fail; /* the reader's answer at the end */
};

static int64_t next_numbers(struct pfs_reader *self, struct pfs_arena *arena, struct pfs_batch *out,
                            struct pfs_err *err)
{
    struct numbers *n = (struct numbers *)((char *)self - offsetof(struct numbers, reader));
    int64_t in_piece = PIECE_ROWS - n->at % PIECE_ROWS, rows = n->end - n->at;
    int32_t *value;

    rows = rows < in_piece ? rows : in_piece;
    rows = rows < n->batch_rows ? rows : n->batch_rows;
    if (rows == 0)
        return n->fail == 0 ? 0 : pfs_fail(err, n->fail, "a bad sector");
    value = pfs_arena_alloc(arena, (size_t)rows * sizeof(*value));
    *out = (struct pfs_batch){rows, 1, pfs_arena_zalloc(arena, sizeof(*out->column))};
    out->column[0] = (struct pfs_column){.type = &n->field.type, .values = value};
    for (int64_t i = 0; i < rows; i++)
        value[i] = (int32_t)n->at++;
    return rows;
}

static void leave_reader(struct pfs_reader *self)
{
    (void)self;
}

static const struct pfs_reader_ops number_ops = {.next = next_numbers, .close = leave_reader};

static void leave_rows(struct pfs_rows *rows)
{
    (void)rows;
}

static struct pfs_rows_place tell(const struct pfs_rows *rows)
{
    const struct numbers *n = (const struct numbers *)rows;

    return (struct pfs_rows_place){n->at / PIECE_ROWS, n->at % PIECE_ROWS};
}

static int seek(struct pfs_rows *rows, int64_t piece, struct pfs_err *err)
{
    (void)err;
    ((struct numbers *)rows)->at = piece * PIECE_ROWS;
    return 0;
}

static int open_numbers(void *context, const struct pfs_cancel *cancel, struct pfs_rows **out, struct pfs_err *err)
{
    struct numbers *n = context;

    (void)cancel;
    (void)err;
    n->at = 0;
    n->field = (struct pfs_field){.name = "n", .type = {.kind = PFS_INT}};
    n->reader = (struct pfs_reader){&number_ops};
    n->rows.columns = 1;
    n->rows.field = &n->field;
    n->rows.reader = &n->reader;
    n->rows.close = leave_rows;
    *out = &n->rows;
    return 0;
}

static void leave(void *context)
{
    (void)context;
}

/* All of a pass: 0 or its error. */
static int render(const struct pfs_view_source *source, const struct pfs_mark *from, struct pfs_buf *out,
                  struct pfs_err *err)
{
    struct pfs_sink sink = {NULL, memfd_create("text", MFD_CLOEXEC)};
    static char text[1 << 16];
    void *pass = NULL;
    ssize_t got;
    int rc = source->begin(source->context, from, NULL, &pass, err);

    assert_int_equal(rc, 0);
    do
        rc = source->step(pass, &sink, err);
    while (rc > 0);
    source->end(pass);
    got = pread(sink.to, text, sizeof(text), 0);
    assert_true(got >= 0 && got < (ssize_t)sizeof(text));
    pfs_buf_put(out, text, (size_t)got);
    close(sink.to);
    return rc;
}

static void a_text_goes_on_at_every_mark_as_it_did(void **state)
{
    static const struct {
        int32_t batch_rows;
        bool pieces;
    } cases[] = {{1, true}, {2, true}, {7, true}, {PIECE_ROWS, true}, {1, false}, {7, false}, {1000, false}};
    struct pfs_pool *pool;

    (void)state;
    assert_int_equal(pfs_pool_open(2, &pool, NULL), 0);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct numbers n = {.end = PIECES * PIECE_ROWS, .batch_rows = cases[i].batch_rows};
        const struct pfs_print print = {.open = open_numbers, .release = leave, .context = &n, .pool = pool};
        struct pfs_view_source source;
        struct pfs_buf whole = {0};

        if (cases[i].pieces) {
            n.rows.tell = tell;
            n.rows.seek = seek;
        }
        assert_int_equal(pfs_print_source(&print, &source, NULL), 0);
        assert_int_equal(render(&source, NULL, &whole, NULL), 0);
        for (int64_t row = 0, off = 2; row < n.end; row++) { /* behind the header */
            struct pfs_mark mark = {.off = (uint64_t)off, .row = row};
            struct pfs_buf rest = {0};

            if (cases[i].pieces) {
                mark.piece = row / PIECE_ROWS;
                mark.row = row % PIECE_ROWS;
            }
            assert_int_equal(render(&source, &mark, &rest, NULL), 0);
            assert_int_equal(rest.len, whole.len - (size_t)off);
            assert_memory_equal(rest.at, whole.at + off, rest.len);
            pfs_buf_done(&rest);
            while (whole.at[off++] != '\n')
                continue;
        }
        source.release(source.context);
        pfs_buf_done(&whole);
    }
    pfs_pool_close(pool);
}

/* A mark of rows that are not there any more, and rows that cannot be read: an error, and no shorter text. */
static void what_is_behind_a_mark_is_all_there_or_an_error(void **state)
{
    static const struct {
        int64_t end, row;
        int fail;
        const char *words;
    } cases[] = {{50, 51, 0, "1 rows are missing that were there before"},
                 {50, 20, EIO, "a bad sector"},
                 {50, 51, ESTALE, "a bad sector"},
                 {0, 0, EIO, "a bad sector"}};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct numbers n = {.end = cases[i].end, .batch_rows = 3, .fail = cases[i].fail};
        const struct pfs_print print = {.open = open_numbers, .release = leave, .context = &n};
        struct pfs_view_source source;
        struct pfs_buf out = {0};
        struct pfs_err err = {0};

        assert_int_equal(pfs_print_source(&print, &source, NULL), 0);
        assert_int_equal(render(&source, &(struct pfs_mark){.off = 9, .row = cases[i].row}, &out, &err),
                         -(cases[i].fail != 0 ? cases[i].fail : EIO));
        CHECK(err.text, strstr(err.text, cases[i].words) != NULL);
        source.release(source.context);
        pfs_buf_done(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_goes_on_at_every_mark_as_it_did),
        cmocka_unit_test(what_is_behind_a_mark_is_all_there_or_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
