/* printer.h - columns out, as CSV or JSON. Private to the room.
 *
 * A printer has the kernel of a column, and the printers of its children: all that can be known of a batch is found out
 * once, before its rows are printed. A kernel writes into room that the caller made for many rows at once, so that no
 * value asks for any: pfs_printer_room(). Nested values are JSON, in a cell of CSV with their quotes doubled from the
 * start. Only variants are printed ahead, since nothing tells how long they become, and then go out like text. Not
 * thread-safe: a printer keeps the last date.
 */
#pragma once

#include <string.h>

#include "base/arena.h"
#include "format/text/text.h"

#define PFS_PRINT_SLACK 64 /* bytes that kernels may write behind what they print: room for them counts once */

/* Where values stand; as a number, the quotes on each side of a JSON string. */
enum pfs_print_place { PFS_IN_CELL, PFS_IN_JSON, PFS_IN_JSON_IN_CELL };

struct pfs_printer;
typedef uint8_t *pfs_print_fn(struct pfs_printer *p, int64_t row,
                              uint8_t *to); /* a present value; behind what it wrote */

struct pfs_printer {
    const struct pfs_column *column;
    pfs_print_fn *print;
    pfs_print_fn *inner;        /* of what nests in a cell: the kernel for what stands in it */
    enum pfs_print_place place; /* of strings, dates and the like, also those below */
    struct pfs_slice key;       /* what stands before the value: {"a":  or  ,"b":  readable up to the next 16 bytes */
    const uint8_t *safe;        /* text: 16 bytes may be read from anywhere up to here; NULL = nowhere */
    struct pfs_printer *child;  /* of what nests */
    int32_t children;
    struct pfs_print_pair *pair; /* MAP, MULTISET: room for the entries of the longest */
    bool maps;                   /* a map is here or below */
    int64_t day;                 /* the date is printed once a day */
    size_t date_len;             /* 0 = none yet */
    char date[16];
    const struct pfs_buf *ahead; /* VARIANT: the texts */
    size_t *ahead_end;           /* where each row's ends, from row ahead_first on; one more in front */
    int64_t ahead_first;
};

/* What the printers of a batch hold together. Zeroed is empty. */
struct pfs_print_store {
    struct pfs_arena arena;
    struct pfs_buf ahead;
};

void pfs_print_store_done(struct pfs_print_store *store);

/* ---- printer.c: kernels of what does not nest ---- */

/* Sets print. -EOPNOTSUPP: a type that has no text. */
int pfs_printer_choose(struct pfs_printer *p, struct pfs_err *err);
/* Bytes that a value takes at most, but for those of text, each of which may become 6. */
size_t pfs_printer_width(const struct pfs_type *type);

/* A cell of CSV, quoted where it must be: room for twice its length and 2. */
uint8_t *pfs_put_cell(struct pfs_slice text, uint8_t *to);
/* Text as a cell that has been written to to + 1, its quotes doubled. */
uint8_t *pfs_put_cell_around(uint8_t *to, uint8_t *end);
/* A string of JSON: room for six times its length and 4, and PFS_PRINT_SLACK. */
uint8_t *pfs_put_json_text(struct pfs_slice text, const uint8_t *safe, enum pfs_print_place place, uint8_t *to);

/* ---- print_nested.c: printers as trees ---- */

/* The printer for rows [from, to) of a column, which is borrowed like the store. */
int pfs_printer_make(struct pfs_printer *p, const struct pfs_column *c, enum pfs_print_place place, int64_t from,
                     int64_t to, struct pfs_print_store *store, struct pfs_err *err);
/* Names the i-th value of an object. */
int pfs_printer_name(struct pfs_printer *p, int32_t i, const char *name, struct pfs_print_store *store,
                     struct pfs_err *err);
/* Bytes that these rows take at most, with their keys; PFS_PRINT_SLACK comes on top, once. */
size_t pfs_printer_room(const struct pfs_printer *p, int64_t from, int64_t to);

/* The members of an object up to its closing brace, which is left out. */
uint8_t *pfs_put_members(struct pfs_printer *member, int32_t count, int64_t row, uint8_t *to);

static inline uint8_t *pfs_put_json_value(struct pfs_printer *p, int64_t row, uint8_t *to)
{
    if (pfs_column_present(p->column, row))
        return p->print(p, row, to);
    memcpy(to, "null", 4);
    return to + 4;
}
