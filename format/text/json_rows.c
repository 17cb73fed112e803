/* json_rows.c - rows of JSON: objects one behind the other, or the elements of an array.
 *
 * The keys of a row mostly come as in the row before: the n-th key is compared with the column that was the n-th there
 * and looked up only when it differs.
 *
 * Between two rows the stream is in one of four places (enum pfs_json_place):
 *
 *   TOP --[--> FIRST --row--> BEHIND --,--> AFTER_COMMA --row--> BEHIND --]--> TOP
 *    \--row--> TOP
 */
#include <assert.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "format/text/parse.h"

/* The column of the n-th key; -1 when unknown. */
static int32_t column_of(struct pfs_text_parser *p, int32_t n, const struct pfs_cell *key)
{
    struct pfs_slice name = pfs_cell_text(key);
    uint8_t plain[1024];
    int32_t column;

    assert(n >= 0);
    assert(key->form == PFS_CELL_STRING || key->form == PFS_CELL_ESCAPED);
    if (key->form == PFS_CELL_STRING && n < p->names.count && p->guess[n] < p->names.count &&
        pfs_slice_eq(name, p->names.name[p->guess[n]]))
        return p->guess[n];
    if (key->form == PFS_CELL_ESCAPED) {
        if (key->len > sizeof(plain))
            return -1;
        name = pfs_slice_of(plain, pfs_cell_unescape(key, plain));
    }
    column = pfs_text_names_find(&p->names, name);
    if (n < p->names.count && column >= 0)
        p->guess[n] = column;
    return column;
}

static int fail_key(struct pfs_text_parser *p, const char *what, const struct pfs_cell *key)
{
    size_t shown = pfs_utf8_prefix(pfs_cell_text(key), 100);

    return pfs_fail(&p->err, EINVAL, "%s \"%.*s\"", what, (int)shown, (const char *)key->at);
}

int pfs_json_row(struct pfs_text_parser *p, struct pfs_slice text, bool lenient)
{
    int32_t columns = p->parse.columns, found = 0, n = 0;
    struct pfs_cell key, value;
    struct pfs_json json;
    int more;

    assert(p->rows < p->rows_max);
    p->serial++;
    PFS_TRY(pfs_json_open(&json, text, '{', &p->err));
    while ((more = pfs_json_member(&json, &key, &value, &p->err)) > 0) {
        int32_t column = column_of(p, n++, &key);

        if (column < 0 && !lenient)
            return fail_key(p, "unknown column", &key);
        if (column < 0 || (lenient && column >= columns))
            continue;
        assert(column <= columns + 1);
        if (p->seen[column] == p->serial)
            return fail_key(p, "twice the column", &key);
        p->seen[column] = p->serial;
        if (column <= columns) {
            p->slot[column][p->rows] = value;
            found++;
        }
    }
    if (more < 0)
        return more;
    /* The places of this row hold cells of an earlier run: columns that it did not have are cleared, unless it had all.
     */
    for (int32_t i = 0; i <= columns && found <= columns; i++)
        if (p->seen[i] != p->serial)
            p->slot[i][p->rows] = (struct pfs_cell){NULL, 0, PFS_CELL_NULL};
    return 0;
}

static int start(struct pfs_text_parser *p)
{
    PFS_TRY(pfs_text_cells_grow(p, p->parse.columns + 1, 0));
    p->now.width = p->parse.columns + 1;
    return 0;
}

static size_t refuse(struct pfs_text_parser *p, struct pfs_slice in, size_t at, size_t len, int code, const char *why)
{
    assert(at <= in.len && len <= in.len - at);
    assert(why != NULL || p->err.code != 0);
    p->bad_at = in.at + at;
    p->bad_len = len;
    if (why != NULL)
        pfs_fail(&p->err, code, "%s", why);
    return at;
}

/* A record separator (RFC 7464) is a blank as well. */
static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t' || byte == 0x1E;
}

/* A tombstone of a topic: true when `in` may be one, as far as it is there; *len = its bytes, 0 when it is not whole.
 */
static bool is_tombstone(const struct pfs_text_parser *p, struct pfs_slice in, bool final, size_t *len)
{
    size_t there = in.len < 4 ? in.len : 4;

    *len = there == 4 ? 4 : 0;
    return p->parse.envelope != PFS_ENVELOPE_NONE && memcmp(in.at, "null", there) == 0 && (there == 4 || !final);
}

/* Passes what stands between rows: true in front of a row, false at the end or at what belongs nowhere. */
static bool pass_between(struct pfs_text_parser *p, struct pfs_slice in, bool final, size_t *at)
{
    size_t len;

    for (; *at < in.len; ++*at) {
        uint8_t byte = in.at[*at], *place = &p->now.place;

        if (is_blank(byte))
            continue;
        if (is_tombstone(p, pfs_slice_of(in.at + *at, in.len - *at), final, &len)) {
            if (len == 0)
                return true; /* the rest of it will come */
            p->now.skipped++;
            *at += len - 1;
            continue;
        }
        if (byte == '{')
            return *place != PFS_JSON_BEHIND;
        if (*place == PFS_JSON_TOP && byte == '[')
            *place = PFS_JSON_FIRST;
        else if (*place == PFS_JSON_BEHIND && byte == ',')
            *place = PFS_JSON_AFTER_COMMA;
        else if ((*place == PFS_JSON_BEHIND || *place == PFS_JSON_FIRST) && byte == ']')
            *place = PFS_JSON_TOP;
        else
            return false;
    }
    return false;
}

/* One row that starts at `at`, up to *after: 1; 0 when it is not whole; negative when it is refused. */
static int take_row(struct pfs_text_parser *p, struct pfs_slice in, size_t at, size_t *after)
{
    struct pfs_row_end end = {0};
    struct pfs_slice text = {in.at + at, in.len - at};
    size_t len = pfs_json_row_end(&end, text);

    assert(at < in.len);
    if (len == PFS_ROW_GOES_ON)
        return 0;
    text.len = len;
    *after = at + len;
    if (len > p->parse.row_bytes_max)
        return pfs_fail(&p->err, EMSGSIZE, "the row has more than %zu bytes", p->parse.row_bytes_max);
    if (end.malformed && end.depth == PFS_JSON_DEPTH_MAX)
        return pfs_fail(&p->err, EINVAL, "JSON nests deeper than %d levels", PFS_JSON_DEPTH_MAX);
    if (p->parse.envelope != PFS_ENVELOPE_NONE)
        PFS_TRY(pfs_envelope_rows(p, text));
    else
        PFS_TRY(pfs_json_row(p, text, p->parse.lenient));
    /* Asked last: what a row lacks is told more exactly by reading it, where that finds it. */
    if (end.malformed)
        return pfs_fail(&p->err, EINVAL, "JSON brackets, quotes or commas do not match");
    if (p->parse.envelope == PFS_ENVELOPE_NONE)
        p->row_at[p->rows++] = text.at;
    return 1;
}

size_t pfs_json_scan(struct pfs_text_parser *p, struct pfs_slice in, bool final)
{
    bool begins = p->now.width == 0 || (p->parse.envelope != PFS_ENVELOPE_NONE && p->rows == 0);
    size_t at = 0;

    if (begins && start(p) < 0)
        return refuse(p, in, 0, 0, ENOMEM, NULL);
    for (;;) {
        size_t after = at;
        int rc;

        if (!pass_between(p, in, final, &at)) {
            if (at == in.len)
                return at;
            return refuse(p, in, at, 0, EINVAL,
                          p->now.place == PFS_JSON_BEHIND ? "the array of rows goes on with neither , nor ]"
                                                          : "a row must be a JSON object");
        }
        if (p->rows == p->rows_max || at >= PFS_TEXT_RUN_BYTES)
            return at;
        rc = take_row(p, in, at, &after);
        if (rc < 0)
            return refuse(p, in, at, after - at, 0, NULL);
        if (rc == 0 && final)
            return refuse(p, in, at, in.len - at, EINVAL, "a JSON object is not closed");
        if (rc == 0 || p->full)
            return at;
        if (p->now.place != PFS_JSON_TOP)
            p->now.place = PFS_JSON_BEHIND;
        at = after;
    }
}
