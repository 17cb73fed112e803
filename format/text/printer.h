/* printer.h - one value out, as CSV or JSON. Private to the room.
 *
 * A printer has the kernel of a column; a kernel writes into room that the caller made: pfs_printer_room() for one
 * value, PFS_PRINT_ROOM for what has a fixed width, twice (CSV) or six times (JSON) its bytes for text. Nested values
 * and variants are printed ahead into `nested`, as JSON, and then go out like text. Not thread-safe: a printer keeps
 * the last date.
 */
#pragma once

#include "format/text/text.h"

#define PFS_PRINT_ROOM 64 /* bytes; more than any number, date or timestamp takes, with quotes */

struct pfs_printer;
typedef uint8_t *pfs_print_fn(struct pfs_printer *p, int64_t row,
                              uint8_t *to); /* a present value; behind what it wrote */

struct pfs_printer {
    const struct pfs_column *column;
    pfs_print_fn *print;
    struct pfs_buf key;  /* what stands before the value: {"a":  ,"b":  or a comma */
    const uint8_t *safe; /* CSV text: eight bytes may be read from anywhere up to here; NULL = nowhere */
    bool quote;          /* JSON: dates and the like stand in quotes */
    int64_t day;         /* the date is printed once a day */
    size_t date_len;     /* 0 = none yet */
    char date[16];
    struct pfs_buf nested; /* values printed ahead */
    size_t *nested_end;    /* where each row's value ends in it; one more in front */
};

/* Sets column, print and quote. -EOPNOTSUPP: a type that has no text. */
int pfs_printer_choose(enum pfs_text format, const struct pfs_column *c, struct pfs_printer *p, struct pfs_err *err);
/* Bytes that one value takes at most that is not nested. */
size_t pfs_printer_room(const struct pfs_column *c, int64_t row);

/* A cell of CSV, quoted where it must be: room for twice its length and 2. */
uint8_t *pfs_put_cell(struct pfs_slice text, uint8_t *to);
/* A string of JSON: room for six times its length and 2. */
uint8_t *pfs_put_json_text(struct pfs_slice text, uint8_t *to);

/* ---- print_nested.c: any value as JSON, into a buffer ---- */

void pfs_put_json_name(const char *name, struct pfs_buf *out);
/* `depth`: of what it stands in; -E2BIG beyond PFS_JSON_DEPTH_MAX. What the buffer refuses shows in pfs_buf_check(). */
int pfs_put_json_value(const struct pfs_column *c, int64_t row, int depth, struct pfs_buf *out, struct pfs_err *err);
