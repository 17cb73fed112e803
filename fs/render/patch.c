/* patch.c - a text from the one before it: stretches that stay are used again, the rows of all others printed.
 *
 * `given` is how long the new text is so far; what is printed and not written yet comes on top of it, and is written
 * before a stretch of the old text is used, so that both lie in their order. */
#include <assert.h>

#include "base/limits.h"
#include "base/mem.h"
#include "fs/render/pass.h"

struct patched {
    struct pfs_pass pass; /* first */
    const struct pfs_print *print;
    struct pfs_patch *patch;
    uint64_t old_off, old_len; /* of the old text, to come next */
    uint64_t given;
    struct pfs_arena arena;
    struct pfs_buf text;
};

static void end(struct pfs_pass *pass)
{
    struct patched *p = (struct patched *)pass;

    pfs_patch_close(p->patch);
    pfs_blocks_close(p->pass.blocks);
    pfs_arena_done(&p->arena);
    pfs_buf_done(&p->text);
    pfs_free(p);
}

/* What is printed goes out, and counts. */
static int flush(struct patched *p, struct pfs_sink *sink, struct pfs_err *err)
{
    if (p->text.len > 0)
        PFS_TRY(pfs_sink_write(sink, pfs_buf_slice(&p->text), err));
    p->given += p->text.len;
    pfs_buf_clear(&p->text);
    return 0;
}

static int reuse(struct patched *p, struct pfs_sink *sink, struct pfs_err *err)
{
    assert(p->old_len > 0);
    PFS_TRY(flush(p, sink, err));
    assert(p->text.len == 0);
    PFS_TRY(pfs_sink_reuse(sink, p->old_off, p->old_len, err));
    p->given += p->old_len;
    p->old_len = 0;
    return 1;
}

/* A stretch of the old text is one step, however long: it is not copied as a rule. */
static int step(struct pfs_pass *pass, struct pfs_sink *sink, struct pfs_err *err)
{
    struct patched *p = (struct patched *)pass;

    while (p->old_len == 0 && p->text.len < PFS_PRINT_CHUNK) {
        struct pfs_patch_piece piece;
        int rc;

        pfs_arena_reset(&p->arena);
        rc = pfs_patch_next(p->patch, p->given + p->text.len, &p->arena, &piece, err);
        if (rc < 0)
            return rc;
        if (rc == 0) {
            PFS_TRY(flush(p, sink, err));
            pfs_blocks_end(p->pass.blocks, p->given);
            p->pass.done = true;
            return 0;
        }
        if (piece.len == 0) {
            PFS_TRY(pfs_print_rows(p->print, p->print->field, &p->pass,
                                   &(struct pfs_print_rows){piece.split, &piece.batch, piece.inside}, p->given,
                                   &p->arena, &p->text, err));
            if (p->pass.blocks == NULL)
                return pfs_fail(err, ENOMEM, "no memory for the blocks of a view");
        }
        p->old_off = piece.off;
        p->old_len = piece.len;
    }
    if (p->old_len > 0)
        return reuse(p, sink, err);
    PFS_TRY(flush(p, sink, err));
    return 1;
}

static int read_old(void *context, uint64_t off, void *to, size_t len, struct pfs_err *err)
{
    return pfs_view_text_read(context, off, to, len, err);
}

int pfs_print_patch(const struct pfs_print *print, const struct pfs_blocks *old, const struct pfs_spool_base *text,
                    const struct pfs_cancel *cancel, struct pfs_pass **out, struct pfs_err *err)
{
    const struct pfs_patch_text before = {print->format, print->field, print->columns, read_old, (void *)text};
    struct patched *p = pfs_zalloc(sizeof(*p));
    int rc;

    if (p == NULL)
        return pfs_fail(err, ENOMEM, "no memory to print rows");
    *p = (struct patched){.pass = {.step = step, .end = end}, .print = print};
    pfs_arena_init(&p->arena, PFS_BATCH_BYTES_MAX);
    pfs_buf_init(&p->text, PFS_BATCH_BYTES_MAX);
    assert(print->by_key != NULL);
    assert(old != NULL);
    rc = print->by_key->open(print->context, cancel, &p->pass.blocks, err);
    if (rc == 0)
        rc = print->by_key->patch(print->context, cancel, old, &before, p->pass.blocks, &p->patch, err);
    if (rc <= 0) {
        end(&p->pass);
        return rc;
    }
    *out = &p->pass;
    return 1;
}
