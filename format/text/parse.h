/* parse.h - the parts of the text parser, private to this suite.
 *
 * Rows become columns in two steps. The scan (csv.c, json_rows.c) finds where the fields of a run of rows lie and notes
 * each as a cell, in one array a column; nothing is copied or typed. The conversion (value*.c) then makes a column of
 * each array with one loop for its type; what nests (value_nested.c) becomes cells again, one level down. Cells borrow
 * their bytes from the parser's carry, the caller's input or the arena, and live for one call of feed.
 *
 * The first row that is refused wins, in it the first column: whoever refuses a row shortens the run to the rows before
 * it, so that only an earlier row can be refused later, and its sentence replaces the one before.
 */
#pragma once

#include "format/text/text.h"

/* How a cell's bytes are spelled. */
enum pfs_cell_form {
    PFS_CELL_NULL,
    PFS_CELL_BARE,    /* plain text: a CSV field without quotes */
    PFS_CELL_QUOTED,  /* a CSV field in quotes, those left out */
    PFS_CELL_DOUBLED, /* the same with doubled quotes inside */
    PFS_CELL_STRING,  /* a JSON string, quotes left out */
    PFS_CELL_ESCAPED, /* the same with escapes inside, which have been checked */
    PFS_CELL_WORD,    /* a JSON number, true or false */
    PFS_CELL_ARRAY,   /* JSON text with its brackets; only those have been matched */
    PFS_CELL_OBJECT
};

struct pfs_cell {
    const uint8_t *at;
    uint32_t len;
    uint8_t form; /* enum pfs_cell_form */
};

#define PFS_CELL_ROWS_MIN 16             /* rows of a batch, however many columns */
#define PFS_CELLS_MAX (1 << 18)          /* cells of a batch, where that leaves PFS_CELL_ROWS_MIN */
#define PFS_ENVELOPE_CELLS_MAX (1 << 22) /* cells of one envelope's rows */
#define PFS_TEXT_RUN_BYTES (16u << 20)   /* text of a batch: a row that begins behind it is left for the next one */

static inline struct pfs_slice pfs_cell_text(const struct pfs_cell *cell)
{
    return (struct pfs_slice){cell->at, cell->len};
}

/* ---- names.c: what a header field or key means ---- */

struct pfs_text_names {
    int32_t count;
    struct pfs_slice *name; /* by column */
    int32_t *sorted;        /* columns in byte order of their names */
    bool special;           /* _kind, rowkind and _snapshot mean something */
};

/* Lives in the arena, borrows the names. */
int pfs_text_names_init(struct pfs_text_names *names, const struct pfs_field *fields, int32_t count, bool special,
                        struct pfs_arena *arena, struct pfs_err *err);
/* The column; names->count for a row kind, names->count + 1 for what is ignored; -1 when unknown. */
int32_t pfs_text_names_find(const struct pfs_text_names *names, struct pfs_slice name);

/* ---- json.c: values and rows' ends ---- */

/* Walks the members of one object or the elements of one array; reads nothing behind `end`. */
struct pfs_json {
    const uint8_t *at, *end;
    bool first;
};

/* Stands behind the opening bracket of `text`; -EINVAL when it does not begin with `bracket`. */
int pfs_json_open(struct pfs_json *json, struct pfs_slice text, uint8_t bracket, struct pfs_err *err);
/* 1: one more; 0: closed, and only blanks follow; -EINVAL, -EILSEQ (half a surrogate pair). */
int pfs_json_member(struct pfs_json *json, struct pfs_cell *key, struct pfs_cell *value, struct pfs_err *err);
int pfs_json_element(struct pfs_json *json, struct pfs_cell *value, struct pfs_err *err);

/* The one value that `text` is, with blanks around it. -EINVAL, -EILSEQ. */
int pfs_json_value(struct pfs_slice text, struct pfs_cell *value, struct pfs_err *err);

/* The text without escapes or doubled quotes, into `out` (cell->len bytes of room); returns its length. */
size_t pfs_cell_unescape(const struct pfs_cell *cell, uint8_t *out);

/* How far a row has been followed; all zero at its first byte. */
struct pfs_row_end {
    uint8_t state;
    bool escape;    /* JSON: the next byte stands behind a backslash */
    uint8_t before; /* JSON: the last byte that is not blank */
    uint8_t depth;
    bool malformed; /* the row ends here because no more bytes can mend it */
    uint64_t kinds; /* a bit a level of nesting: 1 = object */
};

#define PFS_ROW_GOES_ON SIZE_MAX

/* Follows a row through `in`: the offset behind its end, or PFS_ROW_GOES_ON. JSON: `in` starts at the bracket. */
size_t pfs_csv_row_end(struct pfs_row_end *end, struct pfs_slice in);
size_t pfs_json_row_end(struct pfs_row_end *end, struct pfs_slice in);

/* ---- value.c: cells to columns ---- */

struct pfs_convert {
    struct pfs_arena *arena;
    struct pfs_err *err;
    int32_t bad; /* the row that was refused; -1 when it is not about one (no memory) */
};

/* Makes a column of `rows` cells, which it may rewrite. A null becomes default_text when that is not NULL. A row whose
 * `parent` cell is null may be null whatever the type says. 0; else the error, with c->bad and a sentence without row
 * and column. */
int pfs_cells_column(struct pfs_convert *c, const struct pfs_type *type, const char *default_text,
                     struct pfs_cell *cells, int32_t rows, const struct pfs_cell *parent, struct pfs_column *out);

/* A kernel types all cells of one kind; those that are null are left zero. */
typedef int (*pfs_cells_kernel)(struct pfs_convert *c, const struct pfs_type *type, const struct pfs_cell *cells,
                                int32_t rows, struct pfs_column *out);

/* Notes that `row` is refused: the cell's text, then `why` ("is not a date"). */
int pfs_cell_refuse(struct pfs_convert *c, const struct pfs_cell *cells, int32_t row, int code, const char *why);
/* The same for what a parser of base answered: -EINVAL is "is not <noun>", -ERANGE "does not fit". */
int pfs_cell_refuse_code(struct pfs_convert *c, const struct pfs_type *type, const struct pfs_cell *cells, int32_t row,
                         int rc);

/* value_number.c, value_time.c, value_bytes.c, value_nested.c, value_variant.c */
int pfs_cells_boolean(struct pfs_convert *c, const struct pfs_type *type, const struct pfs_cell *cells, int32_t rows,
                      struct pfs_column *out);
int pfs_cells_tinyint(struct pfs_convert *c, const struct pfs_type *type, const struct pfs_cell *cells, int32_t rows,
                      struct pfs_column *out);
int pfs_cells_smallint(struct pfs_convert *c, const struct pfs_type *type, const struct pfs_cell *cells, int32_t rows,
                       struct pfs_column *out);
int pfs_cells_int(struct pfs_convert *c, const struct pfs_type *type, const struct pfs_cell *cells, int32_t rows,
                  struct pfs_column *out);
int pfs_cells_bigint(struct pfs_convert *c, const struct pfs_type *type, const struct pfs_cell *cells, int32_t rows,
                     struct pfs_column *out);
int pfs_cells_float(struct pfs_convert *c, const struct pfs_type *type, const struct pfs_cell *cells, int32_t rows,
                    struct pfs_column *out);
int pfs_cells_double(struct pfs_convert *c, const struct pfs_type *type, const struct pfs_cell *cells, int32_t rows,
                     struct pfs_column *out);
int pfs_cells_decimal(struct pfs_convert *c, const struct pfs_type *type, const struct pfs_cell *cells, int32_t rows,
                      struct pfs_column *out);
int pfs_cells_date(struct pfs_convert *c, const struct pfs_type *type, const struct pfs_cell *cells, int32_t rows,
                   struct pfs_column *out);
int pfs_cells_time(struct pfs_convert *c, const struct pfs_type *type, const struct pfs_cell *cells, int32_t rows,
                   struct pfs_column *out);
int pfs_cells_timestamp(struct pfs_convert *c, const struct pfs_type *type, const struct pfs_cell *cells, int32_t rows,
                        struct pfs_column *out);
int pfs_cells_text(struct pfs_convert *c, const struct pfs_type *type, const struct pfs_cell *cells, int32_t rows,
                   struct pfs_column *out);
int pfs_cells_base64(struct pfs_convert *c, const struct pfs_type *type, const struct pfs_cell *cells, int32_t rows,
                     struct pfs_column *out);
int pfs_cells_list(struct pfs_convert *c, const struct pfs_type *type, const struct pfs_cell *cells, int32_t rows,
                   struct pfs_column *out);
int pfs_cells_row(struct pfs_convert *c, const struct pfs_type *type, const struct pfs_cell *cells, int32_t rows,
                  struct pfs_column *out);
int pfs_cells_variant(struct pfs_convert *c, const struct pfs_type *type, const struct pfs_cell *cells, int32_t rows,
                      struct pfs_column *out);

/* ---- parse.c: the parser ---- */

/* Where the scan of JSON rows stands between two rows. */
enum pfs_json_place { PFS_JSON_TOP, PFS_JSON_FIRST, PFS_JSON_BEHIND, PFS_JSON_AFTER_COMMA };

/* Where the parser stands between two calls: put back after an error. */
struct pfs_text_stand {
    int format;
    bool started;    /* byte-order mark and format are known */
    bool header;     /* CSV: the first record was a header */
    int32_t width;   /* CSV: fields a record, 0 = no record yet */
    uint8_t place;   /* JSON: enum pfs_json_place */
    int64_t rows;    /* given so far */
    int64_t skipped; /* envelopes without rows */
    uint64_t offset; /* of the first byte that is carried or comes next */
    struct pfs_row_end end;
    bool skipping; /* inside a refused row, which `end` follows */
    bool line;     /* that row is a line, whatever is in it */
};

/* ---- envelope.c, envelope_values.c: change data capture ---- */

/* How a source spells a column, by the schema in its envelopes. */
enum pfs_source_type {
    PFS_SOURCE_UNKNOWN,
    PFS_SOURCE_DECIMAL, /* base64 of big-endian two's complement */
    PFS_SOURCE_DAYS,
    PFS_SOURCE_MILLIS,
    PFS_SOURCE_MICROS,
    PFS_SOURCE_NANOS
};

struct pfs_source_column {
    enum pfs_source_type type;
    int32_t scale;
};

struct pfs_source_types {
    struct pfs_buf text;              /* the schema that `column` was read from */
    struct pfs_source_column *column; /* by column of the table; NULL = no schema was seen */
};

struct pfs_text_parser {
    struct pfs_text_parse parse;
    struct pfs_text_names names;
    struct pfs_arena arena; /* of the parser's life */
    struct pfs_text_stand now;
    struct pfs_buf carry;  /* the unfinished row */
    struct pfs_buf spare;  /* the next carry while this one is still read */
    struct pfs_buf header; /* CSV: its bytes, without line end */

    /* cells: `rows_max` of them a field; slot[i] are those of column i, slot[columns] the row kinds, NULL = left out */
    struct pfs_cell *cells;
    size_t cells_room;
    int32_t rows_max;
    size_t laid_out; /* CSV: the bytes that there is room for */
    struct pfs_cell **slot;
    struct pfs_cell **field;        /* CSV: by field of the record */
    int32_t *column_of_field;       /* CSV: as pfs_text_names_find says */
    struct pfs_cell *first;         /* CSV: the first record's cells */
    int32_t *guess;                 /* JSON: the column of the n-th key of the row before */
    uint64_t *seen;                 /* JSON: the row that last had this column */
    uint64_t serial;                /* JSON: counts rows, for `seen` */
    struct pfs_source_types source; /* envelopes: what the schema in them says */

    /* of the call that runs */
    struct pfs_err err;
    size_t given;           /* bytes, those carried too */
    int32_t rows;           /* whole rows found so far */
    bool full;              /* an envelope's rows do not fit behind them */
    const uint8_t **row_at; /* their first bytes: row_places, or more room in the batch's arena */
    const uint8_t **row_places;
    const uint8_t *bad_at; /* first byte of the row that is refused; NULL = none */
    size_t bad_len;        /* its bytes up to where the scan refused it */
    const char *bad_column;
    bool bad_header;
    char bad_name[128];        /* of the header's field */
    struct pfs_arena *scratch; /* the batch's arena */
    uint8_t text[200];
};

/* Fields of a record that can be a header: every column, a row kind, a snapshot. */
#define PFS_TEXT_HEADER_EXTRA 3

/* Cells of the object `text` as row p->rows; lenient: unknown columns are left out. */
int pfs_json_row(struct pfs_text_parser *p, struct pfs_slice text, bool lenient);
/* The rows of one whole envelope: adds them to the run. 0 with p->full: they do not fit any more. */
int pfs_envelope_rows(struct pfs_text_parser *p, struct pfs_slice text);
/* Reads how the source spells its columns out of a Debezium schema. */
int pfs_source_types_read(struct pfs_text_parser *p, struct pfs_slice schema);
/* Respells cells of column i as rows do. */
int pfs_envelope_values(struct pfs_text_parser *p, struct pfs_convert *c, int32_t i, struct pfs_cell *cells);

/* Makes rows_max and room for `width` arrays of that many cells: as many as so many bytes may have rows, but no more
 * than a batch takes. */
int pfs_text_cells_room(struct pfs_text_parser *p, int32_t width, size_t bytes);
/* The same for at least `rows` rows, for an envelope of many; there are no rows in the run yet. */
int pfs_text_cells_grow(struct pfs_text_parser *p, int32_t width, int64_t rows);

/* Scan whole rows, at most rows_max of them, from p->rows on; the offset where the first row begins that was not taken.
 * With `final` the end of `in` ends a row. A refused row sets p->bad_at and p->err and ends the scan. */
size_t pfs_csv_scan(struct pfs_text_parser *p, struct pfs_slice in, bool final);
size_t pfs_json_scan(struct pfs_text_parser *p, struct pfs_slice in, bool final);

/* ---- parse.c for skip.c ---- */

/* One call: as pfs_text_parser_feed without `refused`, but that the error is left in p->err; the refused row is
 * p->bad_at, `shown` of it up to `most` bytes. */
int64_t pfs_text_feed_once(struct pfs_text_parser *p, struct pfs_slice in, bool last, struct pfs_arena *arena,
                           struct pfs_batch *out, size_t *consumed, struct pfs_text_refusal *refusal, size_t most);
