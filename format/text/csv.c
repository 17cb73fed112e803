/* csv.c - records of CSV: where fields lie, what the first record is.
 *
 * A block of 64 bytes gives a mask of its commas, quotes and newlines; the scan walks the bits of the masks and never
 * looks at the bytes between them. A carriage return counts only before a newline (or the end), where it is cut off.
 *
 *   1,"a ""b""",c\n      marks at , " " " " " , \n
 *
 * A quote that a field begins with turns the marks up to its twin into data; a quote anywhere else is refused, since no
 * reading of it is one that all programs share.
 */
#include <assert.h>

#include "base/utf8.h"
#include "format/text/marks.h"
#include "format/text/parse.h"

struct marks {
    struct pfs_slice in;
    size_t block;  /* offset of the 64 bytes that the mask is of */
    uint64_t mask; /* marks of this block that were not given yet */
};

static inline uint64_t mask_of(const uint8_t *at)
{
    return pfs_marks_csv(at) | (uint64_t)pfs_marks_csv(at + 16) << 16 | (uint64_t)pfs_marks_csv(at + 32) << 32 |
           (uint64_t)pfs_marks_csv(at + 48) << 48;
}

static void load(struct marks *m)
{
    size_t left = m->in.len - m->block;
    uint8_t padded[64] = {0}; /* zeros mark nothing */

    assert(m->block <= m->in.len);
    if (left >= 64) {
        m->mask = mask_of(m->in.at + m->block);
        return;
    }
    if (left > 0)
        memcpy(padded, m->in.at + m->block, left);
    m->mask = mask_of(padded);
}

/* Offset of the next comma, quote or newline; in.len when there is none. */
static inline size_t next(struct marks *m)
{
    size_t at;

    while (m->mask == 0) {
        if (m->in.len - m->block <= 64)
            return m->in.len;
        m->block += 64;
        load(m);
    }
    at = m->block + (size_t)__builtin_ctzll(m->mask);
    m->mask &= m->mask - 1;
    return at;
}

static struct marks marks_of(struct pfs_slice in, size_t from)
{
    struct marks m = {.in = in, .block = from};

    load(&m);
    return m;
}

/* One record. */
struct record {
    size_t start;        /* in: its first byte */
    size_t end;          /* behind its last byte, line end left out; of a malformed one: where that shows */
    size_t after;        /* where the next one starts */
    int32_t fields;      /* how many it has, or the one that was refused */
    const char *problem; /* of a malformed one */
};

enum found { FOUND, UNFINISHED, MALFORMED };

static enum found malformed(struct record *r, size_t at, const char *why)
{
    r->end = at;
    r->problem = why;
    return MALFORMED;
}

/* The rest of a field whose first byte is a quote; `*at` moves to the separator behind it, which may be in.len. */
static enum found quoted(struct marks *m, bool final, struct pfs_cell *cell, size_t *at, struct record *r)
{
    size_t from = *at + 1, stop;
    uint8_t form = PFS_CELL_QUOTED;

    assert(m->in.at[*at] == '"');
    for (;;) {
        stop = next(m);
        if (stop == m->in.len)
            return final ? malformed(r, stop, "a quote is not closed") : UNFINISHED;
        if (m->in.at[stop] != '"')
            continue;
        if (m->in.len - stop < 2 || m->in.at[stop + 1] != '"')
            break;
        form = PFS_CELL_DOUBLED;
        (void)next(m); /* its twin */
    }
    *cell = (struct pfs_cell){m->in.at + from, (uint32_t)(stop - from), form};
    *at = r->end = stop + 1;
    if (*at < m->in.len && m->in.at[*at] == '\r') {
        ++*at;
        if (*at < m->in.len && m->in.at[*at] != '\n')
            return malformed(r, *at, "text behind a closing quote");
    }
    if (*at == m->in.len)
        return final ? FOUND : UNFINISHED;
    if (m->in.at[*at] != ',' && m->in.at[*at] != '\n')
        return malformed(r, *at, "text behind a closing quote");
    (void)next(m);
    return FOUND;
}

/* Reads the record at r->start; its fields go to row `row` of field[0 .. width), what is more is only counted. */
static enum found read_record(struct marks *m, bool final, struct pfs_cell **field, int32_t width, int32_t row,
                              struct record *r)
{
    const uint8_t *bytes = m->in.at;
    size_t at = r->start, len = m->in.len;
    struct pfs_cell none;

    for (r->fields = 0;; r->fields++) {
        struct pfs_cell *cell = r->fields < width ? &field[r->fields][row] : &none;
        size_t stop = next(m);

        if (stop < len && bytes[stop] == '"') {
            enum found found;

            if (stop != at)
                return malformed(r, stop, "a quote inside a field that does not begin with one");
            found = quoted(m, final, cell, &at, r);
            if (found != FOUND)
                return found;
        } else {
            if (stop == len && !final)
                return UNFINISHED;
            r->end = stop;
            if (stop > at && bytes[stop - 1] == '\r' && (stop == len || bytes[stop] == '\n'))
                r->end--;
            *cell = (struct pfs_cell){bytes + at, (uint32_t)(r->end - at), r->end > at ? PFS_CELL_BARE : PFS_CELL_NULL};
            at = stop;
        }
        if (at == len || bytes[at] == '\n')
            break;
        at++;
    }
    r->fields++;
    r->after = at < len ? at + 1 : len;
    assert(r->start <= r->end && r->end <= r->after);
    return FOUND;
}

/* Follows a record as read_record does, a byte at a time: it is only for records that are cut by the end of a call. */
size_t pfs_csv_row_end(struct pfs_row_end *end, struct pfs_slice in)
{
    enum { FIELD, PLAIN, QUOTED, CLOSED, RETURN };

    assert(end->state <= RETURN);
    for (size_t i = 0; i < in.len; i++) {
        uint8_t byte = in.at[i];

        if (end->state == QUOTED) {
            if (byte == '"')
                end->state = CLOSED;
            continue;
        }
        if (byte == '\n')
            return i + 1;
        if ((end->state == PLAIN && byte == '"') || end->state == RETURN ||
            (end->state == CLOSED && byte != '"' && byte != ',' && byte != '\r')) {
            end->malformed = true;
            return i + 1;
        }
        if (byte == ',')
            end->state = FIELD;
        else if (byte == '"')
            end->state = QUOTED; /* opens a field, or is the twin of the one before */
        else
            end->state = end->state == CLOSED ? RETURN : PLAIN;
    }
    return PFS_ROW_GOES_ON;
}

/* ---- the first record ---- */

static int fail_header(struct pfs_text_parser *p, struct pfs_slice in, int code, const char *what,
                       struct pfs_slice name)
{
    size_t len = pfs_utf8_prefix(name, 100);

    assert(name.at != NULL);
    p->bad_at = in.at;
    p->bad_header = true;
    p->bad_column = NULL;
    if (len < sizeof(p->bad_name) && memchr(name.at, 0, len) == NULL) {
        memcpy(p->bad_name, name.at, len);
        p->bad_name[len] = '\0';
        p->bad_column = p->bad_name;
    }
    return pfs_fail(&p->err, code, "%s \"%.*s\"", what, (int)len, (const char *)name.at);
}

/* The name that a field spells. */
static int field_name(struct pfs_text_parser *p, const struct pfs_cell *cell, struct pfs_slice *out)
{
    *out = pfs_cell_text(cell);
    if (cell->form == PFS_CELL_DOUBLED) {
        uint8_t *text = pfs_arena_alloc(p->scratch, cell->len);

        if (text == NULL)
            return pfs_arena_full(p->scratch, &p->err);
        *out = pfs_slice_of(text, pfs_cell_unescape(cell, text));
    }
    return 0;
}

/* As spreadsheets do it where a comma is the point of a decimal, and databases in their exports. */
static bool is_parted_otherwise(struct pfs_slice in, const struct record *r)
{
    return memchr(in.at + r->start, ';', r->end - r->start) != NULL ||
           memchr(in.at + r->start, '\t', r->end - r->start) != NULL;
}

/* Columns by position. Below a partition directory the implied ones may be left out, all together. */
static int without_header(struct pfs_text_parser *p, const struct record *r, struct pfs_slice in)
{
    int32_t columns = p->parse.columns, given = 0;
    const struct pfs_column *implied = p->parse.implied;

    assert(r->fields > 0);
    for (int32_t i = 0; implied != NULL && i < columns; i++)
        given += implied[i].type == NULL;
    p->now.width = given > 0 && r->fields == given ? given : columns;
    for (int32_t i = 0, field = 0; i < columns; i++)
        if (p->now.width == columns || implied[i].type == NULL)
            p->column_of_field[field++] = i;
    if (r->fields == p->now.width)
        return 0;
    p->bad_at = in.at + r->start;
    return pfs_fail(&p->err, EINVAL, "%d fields where %d belong%s, and no column's name is among them", r->fields,
                    p->now.width, r->fields == 1 && is_parted_otherwise(in, r) ? ", which commas part" : "");
}

/* Decides whether the record is a header, and what each field of a record is. */
static int understand(struct pfs_text_parser *p, const struct record *r, struct pfs_slice in)
{
    struct pfs_slice bytes = {in.at + r->start, r->end - r->start}, unknown = {NULL, 0};
    int32_t room = p->parse.columns + PFS_TEXT_HEADER_EXTRA, names = 0;

    if (pfs_utf8_check(bytes) < bytes.len) {
        p->bad_at = bytes.at;
        return pfs_fail(&p->err, EILSEQ, "the text is not UTF-8; try iconv -t UTF-8");
    }
    for (int32_t i = 0; i < r->fields && i < room; i++) {
        struct pfs_slice name;

        PFS_TRY(field_name(p, &p->first[i], &name));
        p->column_of_field[i] = pfs_text_names_find(&p->names, name);
        if (p->column_of_field[i] >= 0)
            names++;
        else if (unknown.at == NULL)
            unknown = name;
    }
    if (names == 0)
        return without_header(p, r, in);
    if (unknown.at != NULL && unknown.len == 0)
        return fail_header(p, bytes, EINVAL, "unknown column (an index? pandas: index=False)", unknown);
    if (unknown.at != NULL)
        return fail_header(p, bytes, EINVAL, "unknown column", unknown);
    /* Fields behind `room` were not looked at; so many names that are all known have a repeated one among them. */
    p->seen[p->parse.columns] = p->seen[p->parse.columns + 1] = 0;
    memset(p->seen, 0, (size_t)p->parse.columns * sizeof(*p->seen));
    for (int32_t i = 0; i < names; i++)
        if (p->seen[p->column_of_field[i]]++ > 0)
            return fail_header(p, bytes, EINVAL, "twice the column", pfs_cell_text(&p->first[i]));
    p->now.width = r->fields;
    p->now.header = true;
    pfs_buf_clear(&p->header);
    pfs_buf_put(&p->header, bytes.at, bytes.len);
    return pfs_buf_check(&p->header, &p->err);
}

/* Room and slots for records of now.width fields. A column that the header leaves out has no slot; `_snapshot` has a
 * field and no slot. */
static int lay_out(struct pfs_text_parser *p)
{
    assert(p->now.width > 0 && p->now.width <= p->parse.columns + PFS_TEXT_HEADER_EXTRA);
    assert(p->rows == 0); /* cells of rows that were scanned would be lost */
    PFS_TRY(pfs_text_cells_room(p, p->now.width, p->given));
    p->laid_out = p->given;
    memset(p->slot, 0, ((size_t)p->parse.columns + 1) * sizeof(*p->slot));
    for (int32_t i = 0; i < p->now.width; i++) {
        p->field[i] = p->cells + (size_t)i * (size_t)p->rows_max;
        if (p->column_of_field[i] <= p->parse.columns)
            p->slot[p->column_of_field[i]] = p->field[i];
    }
    return 0;
}

/* Reads the first record that is not blank; `*at` moves behind it when it is a header. Negative when it is refused. */
static int first_record(struct pfs_text_parser *p, struct pfs_slice in, bool final, size_t *at)
{
    int32_t room = p->parse.columns + PFS_TEXT_HEADER_EXTRA;
    struct marks m = marks_of(in, *at);
    struct record r = {.start = *at};
    enum found found;

    for (int32_t i = 0; i < room; i++)
        p->field[i] = p->first + i;
    found = read_record(&m, final, p->field, room, 0, &r);
    while (found == FOUND && r.end == r.start && p->parse.columns > 1 && r.after < in.len) {
        r.start = *at = r.after;
        found = read_record(&m, final, p->field, room, 0, &r);
    }
    if (found == UNFINISHED)
        return 0;
    if (found == MALFORMED) {
        p->bad_at = in.at + r.start;
        p->bad_len = r.end - r.start;
        return pfs_fail(&p->err, EINVAL, "%s", r.problem);
    }
    if (r.end == r.start && p->parse.columns > 1) {
        *at = r.after;
        return 0;
    }
    PFS_TRY(understand(p, &r, in));
    PFS_TRY(lay_out(p));
    if (p->now.header)
        *at = r.after;
    return 0;
}

/* ---- all records ---- */

/* A malformed field names its column, a wrong number of fields the row alone. */
static void refuse(struct pfs_text_parser *p, const struct record *r, struct pfs_slice in, bool malformed_field)
{
    int32_t column = malformed_field && r->fields < p->now.width ? p->column_of_field[r->fields] : -1;

    p->bad_at = in.at + r->start;
    p->bad_len = r->end - r->start;
    if (column >= 0 && column < p->parse.columns)
        p->bad_column = p->parse.fields[column].name;
    if (malformed_field)
        pfs_fail(&p->err, EINVAL, "%s", r->problem);
    else
        pfs_fail(&p->err, EINVAL, "%d fields where %d belong", r->fields, p->now.width);
}

size_t pfs_csv_scan(struct pfs_text_parser *p, struct pfs_slice in, bool final)
{
    bool blank_is_row = p->parse.columns == 1;
    struct record r = {.after = 0};
    struct pfs_slice header;
    struct marks m;

    if (p->now.width == 0 && in.len > 0) {
        if (first_record(p, in, final, &r.after) < 0)
            return 0;
        if (p->now.width == 0)
            return r.after;
    } else if (p->rows == 0 && p->given > p->laid_out && lay_out(p) < 0) {
        return 0;
    }
    blank_is_row = blank_is_row && p->now.width == 1;
    header = p->now.header ? pfs_buf_slice(&p->header) : pfs_slice_of(NULL, SIZE_MAX);
    m = marks_of(in, r.after);
    while (p->rows < p->rows_max && r.after < in.len && r.after < PFS_TEXT_RUN_BYTES) {
        enum found found;

        r.start = r.after;
        found = read_record(&m, final, p->field, p->now.width, p->rows, &r);
        if (found == UNFINISHED)
            return r.start;
        if (found == MALFORMED) {
            refuse(p, &r, in, true);
            return r.start;
        }
        if (r.end - r.start == header.len && (header.len == 0 || memcmp(in.at + r.start, header.at, header.len) == 0))
            continue;
        if (r.end == r.start && !blank_is_row)
            continue;
        if (r.fields != p->now.width) {
            refuse(p, &r, in, false);
            return r.start;
        }
        if (r.end - r.start > p->parse.row_bytes_max) {
            p->bad_at = in.at + r.start;
            pfs_fail(&p->err, EMSGSIZE, "the row has more than %zu bytes", p->parse.row_bytes_max);
            return r.start;
        }
        p->row_at[p->rows++] = in.at + r.start;
    }
    assert(p->rows <= p->rows_max);
    return r.after;
}
