/* out_column.h - one column of a file that is written, with the columns in it: values to streams. Private to the suite.
 *
 * Rows are given by number: what lies below a null is not stored, so that a column within another is handed the rows
 * that are there. Of them it notes which are present, gathers the values of those that are, and loops over these by
 * type. Streams wait in memory until the stripe ends. A row group ends every run of values, and notes where the next
 * one begins. Threads: one column, one thread.
 */
#pragma once

#include "format/batch.h"
#include "format/orc/out.h"
#include "format/orc/tally.h"

#define PFS_ORC_OUT_PIECE 1024 /* values gathered at once */

struct pfs_orc_mark { /* where a row group begins: numbers of PRESENT (unless the stripe has no nulls), and the others
                       */
    uint64_t present[4], data[6];
    int presents, datas;
    size_t text;      /* values of a dictionary before it */
    size_t stats_len; /* its statistics, printed one after the other */
};

struct pfs_orc_out_dictionary { /* of texts: used until it does not pay */
    bool used;
    double key_share; /* entries to values: with more it does not pay */
    struct pfs_buf bytes;
    uint32_t *end; /* of each entry in bytes */
    uint32_t count, room;
    uint32_t *slot; /* open addressing: entry + 1 */
    size_t slot_mask;
    struct pfs_buf places; /* uint32_t a value: its entry */
};

struct pfs_orc_out_column {
    const struct pfs_type *type;
    const char *name;  /* of a field in a STRUCT */
    uint32_t id, last; /* number of the column, and of the last one in it */
    int64_t field_id;  /* attribute paimon.id; -1 = none */
    enum pfs_orc_kind kind;

    struct pfs_orc_out_bools present;
    bool has_null;                    /* in this stripe */
    struct pfs_orc_out_bools bools;   /* BOOLEAN */
    struct pfs_orc_out_octets octets; /* BYTE */
    struct pfs_orc_out_ints ints;     /* integers, seconds; lengths of texts, lists; places in a dictionary */
    struct pfs_orc_out_ints second;   /* scales, nanoseconds; lengths of a dictionary */
    struct pfs_orc_out raw;           /* floating point, decimals, bytes of texts or a dictionary */
    struct pfs_orc_out_dictionary dictionary;

    struct pfs_orc_tally group, stripe, all;
    struct pfs_buf marks; /* struct pfs_orc_mark each */
    struct pfs_buf group_stats;
    struct pfs_buf scratch; /* padded texts */

    int32_t *row; /* of the rows that the children are handed */
    int64_t row_room;
    int32_t children;
    struct pfs_orc_out_column *child;
};

struct pfs_orc_out_config {
    const struct pfs_orc_sink *sink;
    double key_share;
};

/* Fills a zeroed column, with *id for its number, moved on over those in it; children in the arena, what grows freed by
 * done. -EOPNOTSUPP: ORC files have no such type. */
int pfs_orc_out_column_init(struct pfs_orc_out_column *c, const struct pfs_field *field, uint32_t *id,
                            const struct pfs_orc_out_config *config, struct pfs_arena *arena, struct pfs_err *err);
void pfs_orc_out_column_done(struct pfs_orc_out_column *c);

/* -ENOMEM, -EFBIG. */
int pfs_orc_out_column_add(struct pfs_orc_out_column *c, const struct pfs_column *in, const int32_t *row, int64_t rows,
                           struct pfs_err *err);
/* Around each row group, in all columns below too. */
void pfs_orc_out_column_mark(struct pfs_orc_out_column *c);
void pfs_orc_out_column_end_group(struct pfs_orc_out_column *c);
/* After it the streams are whole. clear: for the next stripe. */
int pfs_orc_out_column_end_stripe(struct pfs_orc_out_column *c, struct pfs_err *err);
void pfs_orc_out_column_clear(struct pfs_orc_out_column *c);
size_t pfs_orc_out_column_bytes(const struct pfs_orc_out_column *c); /* buffered, about */

static inline bool pfs_orc_out_is_text(enum pfs_orc_kind kind)
{
    return kind == PFS_ORC_STRING || kind == PFS_ORC_VARCHAR || kind == PFS_ORC_CHAR || kind == PFS_ORC_BINARY;
}

/* ---- texts (out_text.c) ---- */

void pfs_orc_out_text_add(struct pfs_orc_out_column *c, const struct pfs_column *in, const int32_t *row, int64_t rows);
/* Whether the dictionary pays; if not, all that is in it goes to the streams. Asked after the first row group and when
 * the stripe ends. */
void pfs_orc_out_text_decide(struct pfs_orc_out_column *c);
/* The dictionary and the places in it, to the streams. */
void pfs_orc_out_text_end(struct pfs_orc_out_column *c);
void pfs_orc_out_text_clear(struct pfs_orc_out_column *c);
void pfs_orc_out_dictionary_done(struct pfs_orc_out_dictionary *d);
