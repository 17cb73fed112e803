/* text.h - rows as CSV and JSON lines, in and out, by columns: the suite's front door.
 *
 * The dialect (design: mount.md "Writing", golden README "JSON rules"): CSV as PostgreSQL's COPY: RFC 4180, UTF-8, a
 * byte-order mark is skipped, LF or CRLF, unquoted empty = NULL, "" = empty string, backslash is data, no trimming of
 * blanks (blanks around a number are an error). Values are spelled the same in CSV and JSON, both ways, bit for bit; in
 * a CSV cell nested values are JSON, binary is base64, booleans are true and false (t, f, 1, 0 and any case are taken
 * as well). In JSON a string may spell any value that does not nest, a number no string; a MAP is an array of [key,
 * value] or an object. A VARIANT is its JSON text: a cell or a JSON string holds it, a number, boolean, array or object
 * of JSON is the variant itself; numbers become the types that Paimon's parser gives them. Threads: one parser or
 * printer, one thread at a time.
 */
#pragma once

#include "base/buf.h"
#include "base/cancel.h"
#include "format/batch.h"

enum pfs_text { PFS_TEXT_CSV, PFS_TEXT_JSON };

/* The values of a row-kind column, Paimon's codes (spec datafiles 2). */
enum pfs_row_kind { PFS_INSERT = 0, PFS_UPDATE_BEFORE = 1, PFS_UPDATE_AFTER = 2, PFS_DELETE = 3 };

/* "+I", "-U", "+U", "-D". parse: -EINVAL for anything else. */
const char *pfs_row_kind_name(enum pfs_row_kind kind);
int pfs_row_kind_parse(struct pfs_slice text, enum pfs_row_kind *out);

/* ---- out ---- */

/* The CSV header line of these columns (nothing for JSON). */
void pfs_text_header(enum pfs_text format, const struct pfs_field *fields, int32_t columns, struct pfs_buf *out);

/* Prints every row of the batch, each ended by one '\n'. fields[i] names and types column i. In JSON a row is an object
 * with all keys in column order, no blanks. In CSV the first field of a row is quoted when the row would otherwise
 * spell the header, and in a one-column table a NULL row is an empty line while an empty string is "". -E2BIG over the
 * buffer's ceiling, -EOPNOTSUPP for a kind that cannot be printed yet (its name in the sentence). */
int pfs_text_print(enum pfs_text format, const struct pfs_field *fields, const struct pfs_batch *batch,
                   struct pfs_buf *out, struct pfs_err *err);

/* One value as its JSON (or, with csv, cell) text; for messages, schema files and partition names. */
int pfs_text_print_value(enum pfs_text format, const struct pfs_column *column, int64_t row, struct pfs_buf *out,
                         struct pfs_err *err);

/* One value from cell text (no quotes): a one-row column in the arena; null_text true makes it NULL. Same rules and
 * errors as the parser below, without row and column in the sentence. */
int pfs_text_parse_value(const struct pfs_type *type, struct pfs_slice text, bool null_text, struct pfs_arena *arena,
                         struct pfs_column *out, struct pfs_err *err);

/* A JSON string with its quotes; bytes that are not UTF-8 stay as they are. */
void pfs_text_quote(struct pfs_slice text, struct pfs_buf *out);

/* ---- in ---- */

/* Where and why a row was refused, for errors.jsonl and the sentence. */
#define PFS_REFUSAL_SOMEWHERE (-1)
struct pfs_text_refusal {
    int64_t row;           /* 1 = the first row of data (the header is not counted); 0 = the header;
                              PFS_REFUSAL_SOMEWHERE = not known, nor is the offset: the text is JSON */
    const char *column;    /* NULL = the row as a whole; borrowed from the fields, of a header its own: until the next
                              call of the parser */
    uint64_t offset;       /* bytes from the start of the stream to the row's first byte */
    struct pfs_slice text; /* the row's bytes, at most 200; valid until the next call of the parser */
    int32_t group;         /* of a file: 1 + its row group, and the row's text is JSON; 0 = it was text */
};

/* What a JSON value of the stream is: a row, or an envelope of change data capture around rows. Envelopes: inserts,
 * updates and deletes become row kinds; an update that keeps the key is one +U, one that changes it a -D and a +I. What
 * carries no row (tombstones, DDL, heartbeats, begin and end of transactions) is skipped and counted. Columns of the
 * source that the table lacks are left out, as other engines do. Values are taken more freely than in rows: numbers and
 * nested JSON as text, text as nested JSON, numbers as days or as time units since 1970 (Debezium: by the schema in the
 * envelope, else by the precision of the column: milliseconds to 3, microseconds to 6, nanoseconds), decimals in base64
 * when the schema says so. */
enum pfs_envelope { PFS_ENVELOPE_NONE, PFS_ENVELOPE_DEBEZIUM, PFS_ENVELOPE_CANAL, PFS_ENVELOPE_MAXWELL };

/* A column that the input leaves out, or gives as NULL, gets its default_value, if it has one; a NULL in a column that
 * is not nullable is -EINVAL, whatever its default. */
struct pfs_text_parse {
    int32_t columns;
    const struct pfs_field *fields;   /* the table's columns; borrowed for the parser's life */
    const struct pfs_column *implied; /* NULL, or per column a one-row column (type NULL = not implied) that fills it
                                        and must not be contradicted by the input: partition directories. Without a
                                        header the record has all columns or all that are not implied */
    int format;                       /* enum pfs_text, or -1: told by the first byte that is not blank (1000 blanks
                                         are CSV) */
    bool lenient;                     /* JSON: keys that are no columns are passed over */
    size_t row_bytes_max;             /* 0 = PFS_ROW_BYTES_MAX; a longer row is -EMSGSIZE */
    enum pfs_envelope envelope;       /* not NONE: format is PFS_TEXT_JSON */
    /* on-error = skip: a refused row is told of and left out, its whole text (as far as one call of feed has it) in the
     * refusal, and the rows behind it are read; a header that is refused is an error still. NULL = refused rows are
     * errors. */
    void (*refused)(void *context, const struct pfs_text_refusal *refusal, const struct pfs_err *why);
    void *context;
    int32_t keys;       /* envelopes: the primary key; 0 = every update is one +U */
    const int32_t *key; /* borrowed */
};

/* The parsed batch has the table's columns and one more: TINYINT not null, the row kind (enum pfs_row_kind), from
 * `_kind` or `rowkind`, +I when the input has neither. `_snapshot` is ignored. */
struct pfs_text_parser;

int pfs_text_parser_open(const struct pfs_text_parse *parse, struct pfs_text_parser **out, struct pfs_err *err);
void pfs_text_parser_close(struct pfs_text_parser *parser); /* NULL allowed */

/* Feeds bytes and takes the whole rows in them (a partial last row is carried to the next call). Gives at most one
 * batch a call, in the arena: the number of rows, 0 when no row is complete. *consumed says how much of `in` was taken
 * (all of it unless the batch became full: call again with the rest). With `last` the stream ends here: a last row
 * without newline counts. Errors: -EINVAL (malformed row, wrong count, value, date, unknown or duplicate column, null
 * where none may be), -ERANGE (does not fit), -EILSEQ (not UTF-8), -EMSGSIZE, -ENOMEM. The sentence has row, column and
 * reason; `refusal` says the same in parts. After an error nothing of that call is kept: no row of it was given, and
 * the parser stands where it stood before the call, so that a caller may go on or give up. CSV header: the first record
 * is one when its fields are distinct column names (or _kind, rowkind, _snapshot); a later record with the header's
 * very bytes is skipped. Half a header is an error that names the unknown column. JSON: lines, pretty printed values or
 * one array of objects; unknown or repeated keys are errors; numbers stay text until typed, so no digit is lost. */
int64_t pfs_text_parser_feed(struct pfs_text_parser *parser, struct pfs_slice in, bool last, struct pfs_arena *arena,
                             struct pfs_batch *out, size_t *consumed, struct pfs_text_refusal *refusal,
                             struct pfs_err *err);

/* The rows that feed would give if the stream ended here; the parser stays where it stands. */
int64_t pfs_text_parser_peek(struct pfs_text_parser *parser, struct pfs_arena *arena, struct pfs_batch *out,
                             struct pfs_err *err);

/* Bytes of an unfinished row that the parser carries, and 1 for an array of rows that is still open; 0 = the stream
 * ends at a row boundary. */
size_t pfs_text_parser_carried(const struct pfs_text_parser *parser);

/* Envelopes so far that carried no row. */
int64_t pfs_text_parser_skipped(const struct pfs_text_parser *parser);
