/* index.h - what the index types share: the question as they take it, keys, bit slices. Private to the suite.
 *
 * Values are compared as keys: numbers, times, booleans and decimals of up to 18 digits as int64 in the order of the
 * type (FLOAT and DOUBLE by total bit order), texts as bytes. An index type answers for its own bytes only; what NaN,
 * zeros and finer timestamps ask for is arranged before (container.c).
 */
#pragma once

#include "format/fileindex/fileindex.h"

struct pfs_key {
    int64_t number; /* fixed width */
    struct pfs_slice text;
};

/* How the keys of a type lie in an index: big-endian, `width` bytes (0: a length of 4 bytes and the bytes). */
struct pfs_key_form {
    int width;
    bool floating;
};

/* False for types that no index holds as keys. */
bool pfs_key_form_of(const struct pfs_type *type, struct pfs_key_form *out);
struct pfs_key pfs_key_take(struct pfs_cursor *c, struct pfs_key_form form);
/* The key of row 0 of a column of that type. */
struct pfs_key pfs_key_of(const struct pfs_column *column, struct pfs_key_form form);
int pfs_key_compare(const struct pfs_key *a, const struct pfs_key *b, struct pfs_key_form form);

/* Appends a key as indexes store it. */
void pfs_key_put(struct pfs_buf *out, const struct pfs_key *key, struct pfs_key_form form);
/* Keys of the first `rows` rows of a column of fixed width; of null rows, any number. NaN is Java's one. */
void pfs_key_numbers(const struct pfs_column *column, int64_t rows, struct pfs_key_form form, int64_t *out);

/* One index asked once. */
struct pfs_probe {
    struct pfs_slice index; /* its bytes */
    const struct pfs_type *type;
    struct pfs_key_form form; /* bloom: of no meaning for texts of bytes */
    enum pfs_compare how;
    const struct pfs_column *literal; /* one row */
    struct pfs_key key;               /* of the literal */
    int64_t rows;
};

/* out->some is made new with SOME, else left alone. -EIO: damaged. */
int pfs_bloom_ask(const struct pfs_probe *probe, struct pfs_index_rows *out, struct pfs_err *err);
int pfs_bitmap_index_ask(const struct pfs_probe *probe, struct pfs_index_rows *out, struct pfs_err *err);
int pfs_bsi_ask(const struct pfs_probe *probe, struct pfs_index_rows *out, struct pfs_err *err);
int pfs_range_ask(const struct pfs_probe *probe, struct pfs_index_rows *out, struct pfs_err *err);

/* The bytes of an index are not what they should be. */
int pfs_index_damaged(struct pfs_err *err, const char *what);

/* ---- bit slices: for each row of `exists` a number; slice i holds the rows whose number has bit i ---- */

#define PFS_SLICES_MAX 64

struct pfs_slices {
    struct pfs_bitmap *exists;
    int32_t count;
    struct pfs_bitmap *slice[PFS_SLICES_MAX];
};

void pfs_slices_done(struct pfs_slices *slices); /* zeroed allowed */
/* New bitmap of the rows whose number compares so (EQ, LT, LE, GT, GE) with `number`. */
int pfs_slices_compare(const struct pfs_slices *slices, enum pfs_compare how, uint64_t number, struct pfs_bitmap **out,
                       struct pfs_err *err);

int pfs_bitmap_copy(const struct pfs_bitmap *in, struct pfs_bitmap **out, struct pfs_err *err);

/* ---- making ---- */

/* One index being made; each kind has its struct that begins with this. */
struct pfs_maker;

struct pfs_maker_ops {
    int (*add)(struct pfs_maker *self, const struct pfs_column *column, int64_t rows, struct pfs_err *err);
    /* Appends the index. 1: it cannot hold what it was given, leave it out (nothing was appended). */
    int (*finish)(struct pfs_maker *self, struct pfs_buf *out, struct pfs_err *err);
    void (*close)(struct pfs_maker *self);
};

struct pfs_maker {
    const struct pfs_maker_ops *ops;
    const struct pfs_index_write *write;
    struct pfs_key_form form;
};

/* -EINVAL: the column's type has no such index. `write` is borrowed. */
int pfs_bloom_make(const struct pfs_index_write *write, struct pfs_maker **out, struct pfs_err *err);
int pfs_bitmap_index_make(const struct pfs_index_write *write, struct pfs_maker **out, struct pfs_err *err);
int pfs_bsi_make(const struct pfs_index_write *write, struct pfs_maker **out, struct pfs_err *err);
int pfs_range_make(const struct pfs_index_write *write, struct pfs_maker **out, struct pfs_err *err);

/* -EINVAL with the sentence: the type has no such index. */
int pfs_index_refused(const struct pfs_index_write *write, struct pfs_err *err);

/* The distinct keys of a column and which one each row has. */
struct pfs_distinct {
    struct pfs_arena texts;
    struct pfs_key_form form;
    int32_t keys, keys_room;
    struct pfs_key *key;
    uint32_t slots; /* a power of two */
    int32_t *slot;  /* number of the key, -1 = free */
    int64_t rows, rows_room;
    int32_t *code; /* of each row: its key; -1 = null */
};

void pfs_distinct_init(struct pfs_distinct *d, struct pfs_key_form form);
void pfs_distinct_done(struct pfs_distinct *d);
int pfs_distinct_add(struct pfs_distinct *d, const struct pfs_column *column, int64_t rows, struct pfs_err *err);
/* Sorts the keys; a row's code is the place of its key among them then. No more rows after that. */
int pfs_distinct_sort(struct pfs_distinct *d, struct pfs_err *err);
