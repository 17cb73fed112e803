/* peek.c - what an unfinished row would be if the stream ended here.
 *
 * The parser is run on what it carries, as if that were all, and put back to where it stood: the carried bytes are the
 * one thing that a run moves, so they are copied first. */
#include "format/text/parse.h"

int64_t pfs_text_parser_peek(struct pfs_text_parser *parser, struct pfs_arena *arena, struct pfs_batch *out,
                             struct pfs_err *err)
{
    struct pfs_text_stand before = parser->now;
    struct pfs_text_refusal refusal = {0};
    struct pfs_buf carried, swap;
    size_t used = 0;
    int64_t rows;

    if (before.skipping)
        return 0;
    pfs_buf_init(&carried, parser->carry.limit_bytes);
    pfs_buf_put(&carried, parser->carry.at, parser->carry.len);
    rows = pfs_buf_check(&carried, err);
    if (rows == 0) {
        rows =
            pfs_text_feed_once(parser, pfs_slice_of(NULL, 0), true, arena, out, &used, &refusal, sizeof(parser->text));
        if (rows < 0 && err != NULL)
            *err = parser->err;
        parser->now = before;
        swap = parser->carry; /* the copy takes its place: that wants no memory, and so cannot fail */
        parser->carry = carried;
        carried = swap;
    }
    pfs_buf_done(&carried);
    return rows;
}
