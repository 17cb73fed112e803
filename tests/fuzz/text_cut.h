/* text_cut.h - what the fuzz targets of the text parser share: one input fed twice, whole and in pieces.
 *
 * The first byte chooses the table, the second the length of the pieces; the rest is text. Rows are compared by a
 * digest of their values and offsets.
 */
#pragma once

#include <stdlib.h>

#include "base/limits.h"
#include "format/text/text.h"

struct text_answer {
    int64_t rows;
    uint64_t digest;
    int64_t code;
    int64_t bad_row;
    uint64_t bad_offset;
};

static inline uint64_t text_mix(uint64_t digest, const void *at, size_t len)
{
    for (size_t i = 0; i < len; i++)
        digest = (digest ^ ((const uint8_t *)at)[i]) * 0x100000001B3u;
    return digest;
}

static inline uint64_t text_digest(const struct pfs_column *c, int64_t row, uint64_t digest)
{
    uint8_t present = pfs_column_present(c, row);
    size_t width = (size_t)pfs_type_width(c->type);

    digest = text_mix(digest, &present, 1);
    if (!present)
        return digest;
    if (width > 0)
        return text_mix(digest, (const uint8_t *)c->values + (size_t)row * width, width);
    if (pfs_kind_is_bytes(c->type->kind)) {
        struct pfs_slice s = pfs_column_bytes(c, row);

        return text_mix(digest, s.at, s.len);
    }
    if (c->type->kind == PFS_ROW) {
        for (int32_t i = 0; i < c->type->children; i++)
            digest = text_digest(&c->children[i], row, digest);
        return digest;
    }
    for (int32_t i = c->offsets[row]; i < c->offsets[row + 1]; i++)
        for (int32_t k = 0; k < (c->type->kind == PFS_ARRAY ? 1 : 2); k++)
            digest = text_digest(&c->children[k], i, digest);
    return digest;
}

/* What was read and printed must be read and printed as the same text. */
static inline void text_round(const struct pfs_text_parse *how, enum pfs_text format, struct pfs_batch batch)
{
    struct pfs_text_parse again = {.columns = how->columns, .fields = how->fields, .format = (int)format};
    struct pfs_buf first = {0}, second = {0};
    struct pfs_text_parser *p = NULL;
    struct pfs_err err = {0};
    struct pfs_arena arena;
    struct pfs_batch out;
    size_t used = 0;

    pfs_arena_init(&arena, PFS_BATCH_BYTES_MAX);
    batch.columns = how->columns; /* without the row kind */
    pfs_text_header(format, how->fields, how->columns, &first);
    if (pfs_text_print(format, how->fields, &batch, &first, &err) < 0 || pfs_text_parser_open(&again, &p, &err) < 0)
        abort();
    if (pfs_text_parser_feed(p, pfs_buf_slice(&first), true, &arena, &out, &used, NULL, &err) != batch.rows)
        abort();
    out.columns = how->columns;
    pfs_text_header(format, how->fields, how->columns, &second);
    if (pfs_text_print(format, how->fields, &out, &second, &err) < 0 ||
        !pfs_slice_eq(pfs_buf_slice(&first), pfs_buf_slice(&second)))
        abort();
    pfs_text_parser_close(p);
    pfs_buf_done(&first);
    pfs_buf_done(&second);
    pfs_arena_done(&arena);
}

static inline struct text_answer text_feed(const struct pfs_text_parse *how, const uint8_t *data, size_t size,
                                           size_t step)
{
    struct text_answer a = {0};
    struct pfs_text_parser *p = NULL;
    size_t at = 0;
    bool more = true;

    if (pfs_text_parser_open(how, &p, NULL) < 0)
        abort();
    while (more) {
        size_t len = step < size - at ? step : size - at, used = 0;
        bool last = at + len == size;
        struct pfs_text_refusal refusal = {0};
        struct pfs_err err = {0};
        struct pfs_arena arena;
        struct pfs_batch batch;
        int64_t rows;

        pfs_arena_init(&arena, PFS_BATCH_BYTES_MAX);
        rows = pfs_text_parser_feed(p, pfs_slice_of(data + at, len), last, &arena, &batch, &used, &refusal, &err);
        for (int64_t row = 0; row < rows; row++)
            for (int32_t i = 0; i < batch.columns; i++)
                a.digest = text_digest(&batch.column[i], row, a.digest);
        if (rows > 0 && step == SIZE_MAX) {
            text_round(how, PFS_TEXT_CSV, batch);
            text_round(how, PFS_TEXT_JSON, batch);
        }
        pfs_arena_done(&arena);
        if (rows >= 0 && used < len && rows == 0)
            abort(); /* it would never end */
        at += used;
        a.rows += rows > 0 ? rows : 0;
        more = rows >= 0 && (at < size || (last && rows > 0));
        if (rows < 0) {
            a.code = rows;
            a.bad_row = refusal.row;
            a.bad_offset = refusal.offset;
        }
    }
    pfs_text_parser_close(p);
    return a;
}

static inline void text_cut_enveloped(enum pfs_text format, enum pfs_envelope envelope, const uint8_t *data,
                                      size_t size)
{
    static const int32_t key = 0;

    static const char *const tables[] = {
        "ROW<a INT, b STRING>",
        "ROW<b STRING>",
        "ROW<id BIGINT NOT NULL, amount DECIMAL(10, 2), at TIMESTAMP(3), d DATE, t TIME, ok BOOLEAN, f FLOAT>",
        "ROW<a CHAR(3), b BYTES, g DOUBLE, c DECIMAL(38, 10), e TIMESTAMP(9), z TIMESTAMP_LTZ(6), t TINYINT>",
        "ROW<b INT, a ARRAY<INT>, m MAP<STRING, ARRAY<INT NOT NULL>>, r ROW<x INT, y ROW<z STRING>>, u MULTISET<INT>>",
    };
    struct pfs_text_parse how = {.row_bytes_max = 4096, .envelope = envelope, .keys = 1, .key = &key};
    struct text_answer whole, cut;
    struct pfs_arena arena;
    struct pfs_type row;

    if (size < 2)
        return;
    pfs_arena_init(&arena, 0);
    if (pfs_type_parse(pfs_str(tables[data[0] % 5]), NULL, &arena, &row, NULL) < 0)
        abort();
    how.columns = row.children;
    how.fields = row.child;
    how.format = data[0] & 0x80 && envelope == PFS_ENVELOPE_NONE ? -1 : (int)format;
    whole = text_feed(&how, data + 2, size - 2, SIZE_MAX);
    cut = text_feed(&how, data + 2, size - 2, (size_t)data[1] % 32 + 1);
    /* Rows before a refused one are given when they came in earlier pieces, and not when in the same call. */
    if (whole.code != cut.code || whole.bad_row != cut.bad_row || whole.bad_offset != cut.bad_offset)
        abort();
    if (whole.code == 0 && (whole.rows != cut.rows || whole.digest != cut.digest))
        abort();
    pfs_arena_done(&arena);
}

static inline void text_cut(enum pfs_text format, const uint8_t *data, size_t size)
{
    text_cut_enveloped(format, PFS_ENVELOPE_NONE, data, size);
}
