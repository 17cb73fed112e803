/* lines.c - the line of a key in a block of an old text.
 *
 * The printed lines ascend by key as the rows do: a line is found by halving, and only those that are looked at are
 * parsed. A text that does not read as it was printed is no error: who asks goes another way.
 */
#include <assert.h>
#include <string.h>

#include "src/lookup/blocks_internal.h"

#define BLOCK_TEXT_MAX ((uint64_t)64 << 20)

/* Others are printed in a form that is not read back to the bit, or not at all: floating point, times with a zone.
 * Kinds whose values are read from text as they were printed, whatever wrote them. */
static bool reads_back(enum pfs_kind kind)
{
    return kind == PFS_TINYINT || kind == PFS_SMALLINT || kind == PFS_INT || kind == PFS_BIGINT ||
           kind == PFS_DECIMAL || kind == PFS_VARCHAR || kind == PFS_DATE || kind == PFS_TIMESTAMP;
}

/* Parses some whole lines; false: they are not what was printed. */
static bool feed(struct pfs_lines *l, struct pfs_slice in, struct pfs_batch *out)
{
    size_t consumed;

    return pfs_text_parser_feed(l->parser, in, false, &l->arena, out, &consumed, NULL, NULL) >= 0 &&
           consumed == in.len && pfs_text_parser_carried(l->parser) == 0;
}

/* The header goes first, as in the text: a line that begins or looks like one is taken for what it is. */
static bool open_parser(struct pfs_lines *l)
{
    struct pfs_text_parse parse = {
        .columns = l->text->columns, .fields = l->text->field, .format = (int)l->text->format, .lenient = true};
    struct pfs_buf header = {0};
    struct pfs_batch batch;
    bool fine;

    if (pfs_text_parser_open(&parse, &l->parser, NULL) < 0)
        return false;
    pfs_text_header(l->text->format, l->text->field, l->text->columns, &header);
    fine = pfs_buf_check(&header, NULL) == 0 && (header.len == 0 || feed(l, pfs_buf_slice(&header), &batch));
    pfs_buf_done(&header);
    return fine;
}

bool pfs_lines_open(struct pfs_lines *lines, const struct pfs_patch_text *text, const int32_t *key, int32_t keys)
{
    assert(keys > 0);
    *lines = (struct pfs_lines){.text = text, .key = key, .keys = keys};
    pfs_arena_init(&lines->arena, 0);
    pfs_buf_init(&lines->bytes, BLOCK_TEXT_MAX);
    pfs_buf_init(&lines->start, BLOCK_TEXT_MAX);
    for (int32_t i = 0; i < keys; i++)
        if (key[i] >= text->columns || !reads_back(text->field[key[i]].type.kind))
            return false;
    return open_parser(lines);
}

void pfs_lines_close(struct pfs_lines *lines)
{
    pfs_text_parser_close(lines->parser);
    pfs_buf_done(&lines->bytes);
    pfs_buf_done(&lines->start);
    pfs_arena_done(&lines->arena);
}

/* Where each line ends. In CSV a newline between quotes is none; quotes within quotes are doubled. */
static bool split(struct pfs_lines *l)
{
    struct pfs_slice in = pfs_buf_slice(&l->bytes);
    bool csv = l->text->format == PFS_TEXT_CSV, quoted = false;
    size_t end = 0;

    pfs_buf_clear(&l->start);
    pfs_buf_le32(&l->start, 0);
    for (size_t i = 0; i < in.len; i++) {
        quoted ^= csv && in.at[i] == '"';
        if (in.at[i] == '\n' && !quoted) {
            end = i + 1;
            pfs_buf_le32(&l->start, (uint32_t)end);
        }
    }
    l->lines = (int64_t)(l->start.len / sizeof(uint32_t)) - 1;
    return end == in.len && pfs_buf_check(&l->start, NULL) == 0;
}

bool pfs_lines_load(struct pfs_lines *lines, uint64_t off, uint64_t len)
{
    uint8_t *to;

    pfs_buf_clear(&lines->bytes);
    to = len > BLOCK_TEXT_MAX ? NULL : pfs_buf_reserve(&lines->bytes, (size_t)len);
    if (to == NULL || (len > 0 && lines->text->read(lines->text->context, off, to, (size_t)len, NULL) < 0))
        return false;
    lines->bytes.len = (size_t)len;
    return split(lines);
}

static uint32_t start_of(const struct pfs_lines *l, int64_t line)
{
    assert(line >= 0 && line <= l->lines); /* the last one is where the text ends */
    return pfs_le32(l->start.at + (size_t)line * sizeof(uint32_t));
}

/* A key against the line's, as pfs_keys_compare; false: the line has none. */
static bool compare(struct pfs_lines *l, int64_t line, const struct pfs_keys *keys, int64_t row, int *out)
{
    uint32_t from = start_of(l, line), to = start_of(l, line + 1);
    struct pfs_batch batch;
    struct pfs_keys own;

    assert(from <= to && to <= l->bytes.len);
    pfs_arena_reset(&l->arena);
    if (!feed(l, pfs_slice_of(l->bytes.at + from, to - from), &batch) || batch.rows != 1)
        return false;
    for (int32_t i = 0; i < l->keys; i++)
        if (!pfs_column_present(&batch.column[l->key[i]], 0))
            return false;
    if (pfs_keys_of(&batch, l->key, l->keys, &l->arena, &own, NULL) < 0)
        return false;
    *out = pfs_keys_compare(keys, row, &own, 0);
    return true;
}

bool pfs_lines_find(struct pfs_lines *lines, const struct pfs_keys *keys, int64_t row, uint64_t *at, uint64_t *len)
{
    int64_t low = 0, high = lines->lines;
    bool found = false;

    while (low < high && !found) {
        int64_t middle = low + (high - low) / 2;
        int order;

        if (!compare(lines, middle, keys, row, &order))
            return false;
        found = order == 0;
        if (order > 0)
            low = middle + 1;
        else
            high = middle;
    }
    assert(!found || high < lines->lines);
    *at = start_of(lines, high);
    *len = found ? start_of(lines, high + 1) - *at : 0;
    return true;
}
