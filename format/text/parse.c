/* parse.c - the parser's front: what a stream is, what is carried from call to call, which row is refused.
 *
 * A call sees at most two pieces: the row that began in earlier calls, completed in the carry, and the rest of the
 * input where it lies. Both are scanned into one run of rows, the run is checked and typed column by column, and only
 * then does the parser move on: before that an error puts back where it stood.
 *
 *   call n      ...row\nrow\nhalf          carry: half
 *   call n + 1  of a row\nrow\nrow\nhal    pieces: [half|of a row\n] [row\nrow\n]    carry: hal
 */
#include "format/text/parse.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/utf8.h"
#include <assert.h>

/* Blanks that are looked through for the first byte of a JSON stream; more of them are blank lines of CSV. */
#define FRONT_BLANKS_MAX 1000

/* ---- open and close ---- */

static int open_parts(struct pfs_text_parser *p, struct pfs_err *err)
{
    size_t columns = (size_t)p->parse.columns, fields = columns + PFS_TEXT_HEADER_EXTRA;
    struct pfs_arena *arena = &p->arena;
    bool rows = p->parse.envelope == PFS_ENVELOPE_NONE; /* row kinds of envelopes are in no column */

    PFS_TRY(pfs_text_names_init(&p->names, p->parse.fields, p->parse.columns, rows, arena, err));
    p->slot = pfs_arena_array(arena, columns + 1, sizeof(*p->slot));
    p->field = pfs_arena_array(arena, fields, sizeof(*p->field));
    p->column_of_field = pfs_arena_array(arena, fields, sizeof(*p->column_of_field));
    p->first = pfs_arena_array(arena, fields, sizeof(*p->first));
    p->guess = pfs_arena_array(arena, columns, sizeof(*p->guess));
    p->seen = pfs_arena_array(arena, columns + 2, sizeof(*p->seen));
    if (p->slot == NULL || p->field == NULL || p->column_of_field == NULL || p->first == NULL || p->guess == NULL ||
        p->seen == NULL)
        return pfs_arena_full(arena, err);
    p->row_places = pfs_alloc(PFS_BATCH_ROWS * sizeof(*p->row_places)); /* not cleared: most streams are short */
    return p->row_places == NULL ? pfs_fail(err, ENOMEM, "no memory for a parser") : 0;
}

void pfs_text_parser_close(struct pfs_text_parser *parser)
{
    if (parser == NULL)
        return;
    pfs_buf_done(&parser->carry);
    pfs_buf_done(&parser->spare);
    pfs_buf_done(&parser->header);
    pfs_buf_done(&parser->source.text);
    pfs_arena_done(&parser->arena);
    pfs_free(parser->cells);
    pfs_free(parser->row_places);
    pfs_free(parser);
}

int pfs_text_parser_open(const struct pfs_text_parse *parse, struct pfs_text_parser **out, struct pfs_err *err)
{
    struct pfs_text_parser *p = pfs_zalloc(sizeof(*p));
    int rc;

    assert(parse->columns > 0);
    assert(parse->format >= -1 && parse->format <= PFS_TEXT_JSON);
    assert(parse->envelope == PFS_ENVELOPE_NONE || parse->format == PFS_TEXT_JSON);
    assert(parse->keys == 0 || parse->key != NULL);
    if (p == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a parser");
    p->parse = *parse;
    if (p->parse.row_bytes_max == 0)
        p->parse.row_bytes_max = PFS_ROW_BYTES_MAX;
    if (p->parse.row_bytes_max > INT32_MAX / 2)
        p->parse.row_bytes_max = INT32_MAX / 2;
    p->now.format = parse->format;
    p->rows_max = PFS_BATCH_ROWS;
    pfs_arena_init(&p->arena, 0);
    pfs_buf_init(&p->carry, p->parse.row_bytes_max * 2);
    pfs_buf_init(&p->spare, p->parse.row_bytes_max * 2);
    rc = open_parts(p, err);
    if (rc < 0) {
        pfs_text_parser_close(p);
        return rc;
    }
    *out = p;
    return 0;
}

static int cells_room(struct pfs_text_parser *p, int32_t width, int32_t rows)
{
    size_t cells = (size_t)rows * (size_t)width;

    assert(rows > 0 && width > 0);
    assert(p->rows == 0); /* the new cells are empty */
    if (cells > p->cells_room) {
        struct pfs_cell *bigger = pfs_alloc(cells * sizeof(*bigger));

        if (bigger == NULL)
            return pfs_fail(&p->err, ENOMEM, "no memory for %zu fields", cells);
        pfs_free(p->cells);
        p->cells = bigger;
        p->cells_room = cells;
    }
    p->rows_max = rows;
    return 0;
}

/* A row takes a byte at least, so a short stream wants few cells; a wide table wants few rows a batch, else its cells
 * alone would fill the caches; but never so few that a batch is not worth its making. */
int pfs_text_cells_room(struct pfs_text_parser *p, int32_t width, size_t bytes)
{
    int32_t rows = PFS_CELLS_MAX / width;

    rows = rows > PFS_BATCH_ROWS ? PFS_BATCH_ROWS : rows;
    rows = bytes < (size_t)rows ? (int32_t)bytes + 1 : rows;
    rows = rows < PFS_CELL_ROWS_MIN ? PFS_CELL_ROWS_MIN : rows;
    return cells_room(p, width, rows);
}

int pfs_text_cells_grow(struct pfs_text_parser *p, int32_t width, int64_t rows)
{
    if (rows > PFS_ENVELOPE_CELLS_MAX / width)
        return pfs_fail(&p->err, EMSGSIZE, "the envelope has %lld rows, more than %d", (long long)rows,
                        PFS_ENVELOPE_CELLS_MAX / width);
    PFS_TRY(pfs_text_cells_room(p, width, SIZE_MAX));
    if (rows > p->rows_max) {
        if (rows > PFS_BATCH_ROWS) {
            p->row_at = pfs_arena_array(p->scratch, (size_t)rows, sizeof(*p->row_at));
            if (p->row_at == NULL)
                return pfs_arena_full(p->scratch, &p->err);
        }
        PFS_TRY(cells_room(p, width, (int32_t)rows));
    }
    assert(rows <= p->rows_max);
    for (int32_t i = 0; i < width; i++)
        p->slot[i] = p->cells + (size_t)i * (size_t)p->rows_max;
    return 0;
}

int64_t pfs_text_parser_skipped(const struct pfs_text_parser *parser)
{
    return parser->now.skipped;
}

size_t pfs_text_parser_carried(const struct pfs_text_parser *parser)
{
    /* An array of rows that is still open is unfinished between its rows, too. */
    return parser->carry.len + (parser->now.place != PFS_JSON_TOP);
}

/* ---- one call ---- */

/* The pieces of input that a call sees, for offsets. */
struct pieces {
    struct pfs_slice piece[2];
    uint64_t offset[2]; /* of their first bytes in the stream */
};

static uint64_t offset_of(const struct pieces *pieces, const uint8_t *at)
{
    const struct pfs_slice *carry = &pieces->piece[0];

    assert(at != NULL);
    if (carry->len > 0 && at >= carry->at && at <= carry->at + carry->len)
        return pieces->offset[0] + (uint64_t)(at - carry->at);
    return pieces->offset[1] + (uint64_t)(at - pieces->piece[1].at);
}

/* Bytes from the row's first to its last as far as they are there, at most `most`. */
static size_t shown_of(const struct pfs_text_parser *p, const struct pieces *pieces, const uint8_t *at, size_t most)
{
    const struct pfs_slice *piece = &pieces->piece[1];
    struct pfs_row_end end = {0};
    struct pfs_slice text;
    size_t len;

    if (pieces->piece[0].len > 0 && at >= pieces->piece[0].at && at <= pieces->piece[0].at + pieces->piece[0].len)
        piece = &pieces->piece[0];
    text = pfs_slice_of(at, (size_t)(piece->at + piece->len - at));
    if (text.len > most)
        text.len = most;
    if (p->now.format == PFS_TEXT_JSON && text.len > 0 && *text.at != '{')
        len = memchr(text.at, '\n', text.len) == NULL
                  ? text.len
                  : (size_t)((const uint8_t *)memchr(text.at, '\n', text.len) - text.at);
    else
        len = p->now.format == PFS_TEXT_JSON ? pfs_json_row_end(&end, text) : pfs_csv_row_end(&end, text);
    if (len == PFS_ROW_GOES_ON)
        len = text.len;
    while (len > 0 && (text.at[len - 1] == '\n' || text.at[len - 1] == '\r'))
        len--;
    assert(len <= most);
    return len;
}

/* Text that is not UTF-8 refuses its row. `whole` bytes of the piece were taken as rows; a row that was refused behind
 * them is looked at as far as it was scanned, so that it does not matter how much of it is there. */
static void check_utf8(struct pfs_text_parser *p, struct pfs_slice piece, int32_t first_row, size_t whole)
{
    struct pfs_slice taken = {piece.at, whole};
    size_t bad = pfs_utf8_check(taken);
    int32_t row = p->rows;

    assert(whole <= piece.len);
    assert(first_row <= p->rows);
    if (bad == whole && p->bad_at != NULL && !p->bad_header) {
        if (pfs_utf8_check(pfs_slice_of(p->bad_at, p->bad_len)) == p->bad_len)
            return;
        pfs_fail(&p->err, EILSEQ, "the text is not UTF-8; try iconv -t UTF-8");
        p->bad_column = NULL;
        return;
    }
    if (bad == whole)
        return;
    while (row > first_row && p->row_at[row - 1] > piece.at + bad)
        row--;
    row -= row > first_row;
    p->rows = row;
    p->bad_at = p->row_at[row];
    p->bad_column = NULL;
    p->bad_header = false;
    pfs_fail(&p->err, EILSEQ, "the text is not UTF-8; try iconv -t UTF-8");
    for (int32_t i = 0; i < p->parse.columns; i++) {
        const struct pfs_cell *cell = p->slot[i] == NULL ? NULL : &p->slot[i][row];

        if (cell != NULL && cell->at != NULL && piece.at + bad >= cell->at && piece.at + bad < cell->at + cell->len)
            p->bad_column = p->parse.fields[i].name;
    }
}

/* Scans one piece; the offset of what was not taken. */
static size_t scan(struct pfs_text_parser *p, struct pfs_slice piece, bool final)
{
    int32_t first_row = p->rows;
    size_t taken = p->now.format == PFS_TEXT_JSON ? pfs_json_scan(p, piece, final) : pfs_csv_scan(p, piece, final);

    assert(taken <= piece.len);
    assert(p->rows <= p->rows_max);
    check_utf8(p, piece, first_row, taken);
    return taken;
}

/* ---- columns ---- */

/* The column is implied by the directory: the input may repeat the value, and no other. */
static int check_implied(struct pfs_convert *c, const struct pfs_column *implied, const struct pfs_cell *cells,
                         const struct pfs_column *given, int32_t rows)
{
    for (int32_t i = 0; i < rows; i++) {
        if (!pfs_column_present(given, i))
            continue;
        if (!pfs_column_present(implied, 0) || pfs_value_compare(given, i, implied, 0) != 0)
            return pfs_cell_refuse(c, cells, i, EINVAL, "is not the value of the partition");
    }
    return 0;
}

/* Types column i of the run. */
static int type_column(struct pfs_text_parser *p, struct pfs_convert *c, int32_t i, struct pfs_column *out)
{
    const struct pfs_field *field = &p->parse.fields[i];
    const struct pfs_column *implied = p->parse.implied != NULL ? &p->parse.implied[i] : NULL;
    struct pfs_cell *cells = p->slot[i];
    struct pfs_type type = field->type;

    assert(p->rows > 0);
    if (implied != NULL && implied->type != NULL) {
        type.nullable = true;
        if (cells != NULL) {
            PFS_TRY(pfs_cells_column(c, &type, NULL, cells, p->rows, NULL, out));
            PFS_TRY(check_implied(c, implied, cells, out, p->rows));
        }
        c->bad = -1;
        PFS_TRY(pfs_column_repeat(implied, 0, p->rows, c->arena, out, c->err));
        out->type = &field->type;
        return 0;
    }
    if (cells == NULL && field->type.nullable && field->default_value == NULL)
        return pfs_column_nulls(&field->type, p->rows, c->arena, out, c->err);
    if (cells == NULL) {
        cells = pfs_arena_array(c->arena, (size_t)p->rows, sizeof(*cells)); /* zero: null */
        if (cells == NULL)
            return pfs_arena_full(c->arena, c->err);
    }
    if (p->parse.envelope != PFS_ENVELOPE_NONE)
        PFS_TRY(pfs_envelope_values(p, c, i, cells));
    return pfs_cells_column(c, &field->type, field->default_value, cells, p->rows, NULL, out);
}

static int type_kinds(struct pfs_text_parser *p, struct pfs_convert *c, struct pfs_column *out)
{
    static const struct pfs_type type = {.kind = PFS_TINYINT, .nullable = false};
    const struct pfs_cell *cells = p->slot[p->parse.columns];
    int8_t *kind = pfs_arena_zalloc(c->arena, (size_t)p->rows);

    if (kind == NULL)
        return pfs_arena_full(c->arena, c->err);
    for (int32_t i = 0; cells != NULL && i < p->rows; i++) {
        enum pfs_row_kind value = PFS_INSERT;
        struct pfs_cell cell = cells[i];
        uint8_t plain[32];

        if ((cell.form == PFS_CELL_DOUBLED || cell.form == PFS_CELL_ESCAPED) && cell.len <= sizeof(plain)) {
            cell.len = (uint32_t)pfs_cell_unescape(&cells[i], plain);
            cell.at = plain;
        }
        if (cell.form != PFS_CELL_NULL && pfs_row_kind_parse(pfs_cell_text(&cell), &value) < 0)
            return pfs_cell_refuse(c, cells, i, EINVAL, "is not one of +I -U +U -D");
        kind[i] = (int8_t)value;
    }
    *out = (struct pfs_column){.type = &type, .values = kind};
    return 0;
}

/* Types all columns; a refused row makes the run shorter. Negative only without memory. */
static int type_columns(struct pfs_text_parser *p, struct pfs_batch *out)
{
    struct pfs_convert c = {p->scratch, &p->err, -1};
    int32_t columns = p->parse.columns;

    out->columns = columns + 1;
    out->column = pfs_arena_array(p->scratch, (size_t)columns + 1, sizeof(*out->column));
    if (out->column == NULL)
        return pfs_arena_full(p->scratch, &p->err);
    for (int32_t i = 0; i <= columns && p->rows > 0; i++) {
        int rc;

        c.bad = -1;
        rc = i < columns ? type_column(p, &c, i, &out->column[i]) : type_kinds(p, &c, &out->column[i]);
        if (rc == 0)
            continue;
        if (c.bad < 0)
            return rc;
        assert(c.bad < p->rows);
        p->rows = c.bad;
        p->bad_at = p->row_at[c.bad];
        p->bad_column = i < columns ? p->parse.fields[i].name : "_kind";
        p->bad_header = false;
    }
    out->rows = p->rows;
    return 0;
}

/* ---- the front of the stream ---- */

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
}

/* Finds out the format from the stream's first bytes; false while they do not tell. `*mark` = length of the byte-order
 * mark. */
static bool know_format(struct pfs_text_parser *p, struct pfs_slice in, bool last, size_t *mark)
{
    static const uint8_t bom[3] = {0xEF, 0xBB, 0xBF};
    size_t at, same = in.len < 3 ? in.len : 3;

    *mark = 0;
    if (same > 0 && memcmp(in.at, bom, same) == 0) {
        if (same < 3 && !last)
            return false;
        *mark = same == 3 ? 3 : 0;
    }
    if (in.len == 0 || p->now.format >= 0)
        return in.len > 0;
    for (at = *mark; at < in.len && is_blank(in.at[at]); at++)
        ;
    if (at == in.len && at < FRONT_BLANKS_MAX && !last)
        return false;
    p->now.format = at < in.len && (in.at[at] == '{' || in.at[at] == '[') ? PFS_TEXT_JSON : PFS_TEXT_CSV;
    return true;
}

/* Joins what was carried while nothing was known with the input, in the batch's arena. */
static int join(struct pfs_text_parser *p, struct pfs_slice *in)
{
    size_t len = p->carry.len;
    uint8_t *both;

    if (len == 0)
        return 0;
    both = pfs_arena_alloc(p->scratch, len + in->len);
    if (both == NULL)
        return pfs_arena_full(p->scratch, &p->err);
    memcpy(both, p->carry.at, len);
    if (in->len > 0)
        memcpy(both + len, in->at, in->len);
    *in = pfs_slice_of(both, len + in->len);
    return 0;
}

/* ---- feed ---- */

static int fail_long(struct pfs_text_parser *p, const uint8_t *at)
{
    p->bad_at = at;
    return pfs_fail(&p->err, EMSGSIZE, "the row has more than %zu bytes", p->parse.row_bytes_max);
}

/* Adds bytes to the unfinished row. */
static int carry_on(struct pfs_text_parser *p, struct pfs_slice in)
{
    if (in.len > p->parse.row_bytes_max - p->carry.len)
        return fail_long(p, p->carry.at);
    pfs_buf_put(&p->carry, in.at, in.len);
    return pfs_buf_check(&p->carry, &p->err);
}

/* Completes the carried row in the carry: 1 and how much of `in` that took; 0 when it goes on. */
static int complete(struct pfs_text_parser *p, struct pfs_slice in, bool last, size_t *took)
{
    size_t end = p->now.format == PFS_TEXT_JSON ? pfs_json_row_end(&p->now.end, in) : pfs_csv_row_end(&p->now.end, in);
    bool whole = end != PFS_ROW_GOES_ON || last;

    assert(end == PFS_ROW_GOES_ON || end <= in.len);
    *took = end == PFS_ROW_GOES_ON ? in.len : end;
    PFS_TRY(carry_on(p, pfs_slice_of(in.at, *took)));
    return whole;
}

/* The run has been typed: moves the parser behind `taken` bytes of `in` and keeps the rest if it is a row's beginning.
 */
static int move_on(struct pfs_text_parser *p, struct pfs_slice in, size_t taken, bool unfinished)
{
    struct pfs_slice rest = {in.at + taken, in.len - taken};
    struct pfs_buf swap = p->carry;

    assert(taken <= in.len);
    /* Into the spare buffer: the rows of this call may borrow from the carry, and live until the next one. */
    pfs_buf_clear(&p->spare);
    if (unfinished && rest.len > 0) {
        pfs_buf_put(&p->spare, rest.at, rest.len);
        PFS_TRY(pfs_buf_check(&p->spare, &p->err));
    }
    p->carry = p->spare;
    p->spare = swap;
    p->now.offset += taken;
    p->now.rows += p->rows;
    p->now.end = (struct pfs_row_end){0};
    /* Followed from here on, so that a row that comes in many pieces is not looked through again with each. */
    if (p->carry.len > 0 && p->now.format == PFS_TEXT_JSON)
        (void)pfs_json_row_end(&p->now.end, pfs_buf_slice(&p->carry));
    else if (p->carry.len > 0)
        (void)pfs_csv_row_end(&p->now.end, pfs_buf_slice(&p->carry));
    return 0;
}

/* Scans both pieces into one run. 1: there is a run; 0: the carried row goes on, all of `in` was added to it. */
static int scan_pieces(struct pfs_text_parser *p, struct pfs_slice in, bool last, struct pieces *pieces, size_t *taken)
{
    size_t from = 0;

    pieces->piece[1] = in;
    pieces->offset[1] = p->now.offset + p->carry.len;
    pieces->offset[0] = p->now.offset;
    if (p->carry.len > 0) {
        int whole = complete(p, in, last, &from);

        pieces->piece[0] = pfs_buf_slice(&p->carry);
        if (whole <= 0)
            return whole;
        (void)scan(p, pieces->piece[0], true);
        p->now.offset = pieces->offset[1];
    }
    *taken = from;
    if (p->bad_at == NULL && p->err.code == 0 && from < in.len)
        *taken += scan(p, pfs_slice_of(in.at + from, in.len - from), last);
    return 1;
}

/* After an error: what the caller is told. */
static void tell(struct pfs_text_parser *p, const struct pieces *pieces, size_t most, struct pfs_text_refusal *refusal)
{
    struct pfs_text_refusal r = {.row = p->bad_header ? 0 : p->now.rows + p->rows + 1, .column = p->bad_column};
    const struct pfs_field *field = NULL;

    assert(p->err.code != 0);
    r.offset = offset_of(pieces, p->bad_at);
    r.text = pfs_slice_of(p->bad_at, shown_of(p, pieces, p->bad_at, most));
    if (r.text.len <= sizeof(p->text))
        r.text.at = memcpy(p->text, p->bad_at, r.text.len);
    for (int32_t i = 0; i < p->parse.columns && r.column != NULL; i++)
        if (p->parse.fields[i].name == r.column)
            field = &p->parse.fields[i];
    if (p->bad_header) {
        pfs_wrap(&p->err, "header");
    } else if (field != NULL) {
        struct pfs_type type = field->type;
        struct pfs_buf text;

        type.nullable = true; /* NOT NULL would only make it longer */
        pfs_buf_init(&text, 4096);
        pfs_type_print(&type, &text);
        pfs_wrap(&p->err, "row %lld, column %s (%.*s)", (long long)r.row, r.column,
                 text.len > 100 ? 100 : (int)text.len, (const char *)text.at);
        pfs_buf_done(&text);
    } else if (r.column != NULL) {
        pfs_wrap(&p->err, "row %lld, column %s", (long long)r.row, r.column);
    } else {
        pfs_wrap(&p->err, "row %lld", (long long)r.row);
    }
    if (refusal != NULL)
        *refusal = r;
}

/* Rows, or the error in p->err; pieces are filled for `tell`. */
static int64_t feed(struct pfs_text_parser *p, struct pfs_slice in, bool last, struct pieces *pieces,
                    struct pfs_batch *out, size_t *consumed)
{
    size_t given = in.len, joined = 0, taken = 0;
    bool full;
    int rc;

    if (in.len == 0)
        in.at = p->text; /* anything but NULL, which means no row */
    if (!p->now.started) {
        size_t mark;

        joined = p->carry.len;
        PFS_TRY(join(p, &in));
        if (!know_format(p, in, last, &mark)) {
            *consumed = given;
            return carry_on(p, pfs_slice_of(in.at + joined, given));
        }
        p->now.started = true;
        p->carry.len = 0;
        p->now.offset = mark;
        in.at += mark;
        in.len -= mark;
        joined -= mark; /* may wrap: only the sum below counts */
    }
    rc = scan_pieces(p, in, last, pieces, &taken);
    if (rc == 0) { /* the carried row goes on behind this call's bytes */
        *consumed = given;
        return 0;
    }
    if (rc < 0)
        return rc;
    if (p->bad_at == NULL && p->err.code == 0 && in.len - taken > p->parse.row_bytes_max && !p->full &&
        p->rows < p->rows_max && taken < PFS_TEXT_RUN_BYTES)
        (void)fail_long(p, in.at + taken);
    if (p->bad_at == NULL && last && taken == in.len && p->now.place != PFS_JSON_TOP) {
        p->bad_at = in.at + taken;
        pfs_fail(&p->err, EINVAL, "the array of rows is not closed");
    }
    /* Typed also when the scan refused a row: one in front of it may be refused for a value, and then is the first. */
    rc = type_columns(p, out);
    if (rc < 0 || p->err.code != 0)
        return -p->err.code;
    assert(p->bad_at == NULL); /* a row that is refused has its error */
    full = p->full || p->rows == p->rows_max || taken >= PFS_TEXT_RUN_BYTES;
    PFS_TRY(move_on(p, in, taken, !full));
    *consumed = (full ? taken : in.len) - joined;
    return p->rows;
}

int64_t pfs_text_feed_once(struct pfs_text_parser *p, struct pfs_slice in, bool last, struct pfs_arena *arena,
                           struct pfs_batch *out, size_t *consumed, struct pfs_text_refusal *refusal, size_t most)
{
    struct pfs_text_stand before = p->now;
    size_t carried = p->carry.len;
    struct pieces pieces = {0};
    int64_t rows;

    pfs_err_clear(&p->err);
    p->given = in.len + p->carry.len;
    p->rows = 0;
    p->full = false;
    p->row_at = p->row_places;
    p->bad_at = NULL;
    p->bad_len = 0;
    p->bad_column = NULL;
    p->bad_header = false;
    p->scratch = arena;
    *out = (struct pfs_batch){0};
    rows = feed(p, in, last, &pieces, out, consumed);
    if (rows >= 0)
        return rows;
    *refusal = (struct pfs_text_refusal){0};
    if (p->bad_at != NULL)
        tell(p, &pieces, most, refusal);
    /* Where refused rows are passed the format is kept: who passes the row must know how it ends. */
    before.format = p->parse.refused != NULL && before.format < 0 ? p->now.format : before.format;
    p->now = before;
    p->carry.len = carried;
    p->carry.failed = false;
    *out = (struct pfs_batch){0};
    return rows;
}
