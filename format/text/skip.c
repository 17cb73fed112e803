/* skip.c - the parser's door, and how it leaves refused rows out.
 *
 * The rows before a refused one are a batch of their own: the call ends in front of it. The next call tells of it and
 * passes it, later ones go on passing it when its end is not there yet.
 */
#include <assert.h>

#include "base/limits.h"
#include "format/text/parse.h"

/* Passes the refused row that the parser is in; bytes of `in` that it takes. Where the row ends is a guess, for it is
 * malformed: a row of JSON at its bracket, or where another one begins; what is no object at its line's end. */
static size_t pass_row(struct pfs_text_parser *p, struct pfs_slice in, bool last)
{
    struct pfs_text_stand *now = &p->now;
    const uint8_t *newline;
    size_t len;

    assert(now->skipping);
    if (now->line) {
        newline = in.len > 0 ? memchr(in.at, '\n', in.len) : NULL;
        len = newline == NULL ? PFS_ROW_GOES_ON : (size_t)(newline + 1 - in.at);
    } else if (now->format == PFS_TEXT_JSON) {
        len = pfs_json_row_end(&now->end, in);
        if (len != PFS_ROW_GOES_ON && now->end.malformed && now->end.depth == PFS_JSON_DEPTH_MAX) {
            now->offset += len - 1;
            now->line = true; /* too deep: what is inside it is no row */
            return len - 1 + pass_row(p, pfs_slice_of(in.at + len - 1, in.len - len + 1), last);
        }
        if (len != PFS_ROW_GOES_ON && len > 1 && now->end.malformed && in.at[len - 1] == '{')
            len--; /* that is the next row */
    } else {
        len = pfs_csv_row_end(&now->end, in);
    }
    if (len == PFS_ROW_GOES_ON && !last) {
        now->offset += in.len;
        return in.len;
    }
    len = len == PFS_ROW_GOES_ON ? in.len : len;
    assert(len <= in.len);
    now->offset += len;
    now->skipping = false;
    now->end = (struct pfs_row_end){0};
    now->rows++;
    if (!now->line && now->place != PFS_JSON_TOP)
        now->place = PFS_JSON_BEHIND;
    return len;
}

/* The row at the front of what is carried and comes is refused: from now on it is passed. */
static void begin_to_pass(struct pfs_text_parser *p, const struct pfs_text_refusal *refusal)
{
    struct pfs_text_stand *now = &p->now;

    assert(!now->skipping);
    now->line = now->format == PFS_TEXT_JSON && (refusal->text.len == 0 || refusal->text.at[0] != '{');
    if (!now->started || now->line)
        now->end = (struct pfs_row_end){0};
    now->started = true;
    now->skipping = true;
    now->offset += p->carry.len;
    p->carry.len = 0;
}

/* Gives rows, or tells of one row and passes it, or passes what stands in front of one. */
static int64_t feed_skipping(struct pfs_text_parser *p, struct pfs_slice in, bool last, struct pfs_arena *arena,
                             struct pfs_batch *out, size_t *consumed, struct pfs_text_refusal *refusal)
{
    uint64_t front = p->now.offset + p->carry.len;
    int64_t rows;

    *out = (struct pfs_batch){0};
    if (p->now.skipping) {
        *consumed = pass_row(p, in, last);
        return 0;
    }
    rows = pfs_text_feed_once(p, in, last, arena, out, consumed, refusal, p->parse.row_bytes_max);
    if (rows >= 0 || p->bad_at == NULL || p->bad_header)
        return rows;
    /* Rows, blanks or a header stand in front of it: they are fed again without it, and go out; the next call finds the
     * refused row first. */
    if (refusal->offset > front) {
        in.len = (size_t)(refusal->offset - front);
        return pfs_text_feed_once(p, in, false, arena, out, consumed, refusal, 0);
    }
    p->parse.refused(p->parse.context, refusal, &p->err);
    begin_to_pass(p, refusal);
    *consumed = pass_row(p, in, last);
    return 0;
}

int64_t pfs_text_parser_feed(struct pfs_text_parser *parser, struct pfs_slice in, bool last, struct pfs_arena *arena,
                             struct pfs_batch *out, size_t *consumed, struct pfs_text_refusal *refusal,
                             struct pfs_err *err)
{
    struct pfs_text_refusal own;
    int64_t rows;

    assert(out != NULL && consumed != NULL);
    refusal = refusal != NULL ? refusal : &own;
    if (parser->parse.refused != NULL)
        rows = feed_skipping(parser, in, last, arena, out, consumed, refusal);
    else
        rows = pfs_text_feed_once(parser, in, last, arena, out, consumed, refusal, sizeof(parser->text));
    assert(rows <= 0 || *consumed <= in.len);
    if (rows < 0 && err != NULL)
        *err = parser->err;
    return rows;
}
