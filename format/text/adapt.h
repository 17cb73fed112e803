/* adapt.h - rows that come as columns of another program's types become rows of the table, as the parser gives them.
 *
 * Columns are matched by name, with `_kind` and `_snapshot`, as in a CSV header. A column that has the table's type is
 * taken as it lies, once its values were checked; another one is taken as the CSV of it would be: its values are
 * printed and typed by the parser, so that there is one rule for what fits (5.0 is an integer, 1.5 is none). Columns
 * that can never fit are refused before any row is.
 *
 * How: open with the file's columns; for each batch, rows from 0 on until all are taken or refused.
 * Threads: one adapter, one thread at a time.
 */
#pragma once

#include "format/text/text.h"

struct pfs_adapt;

/* `parse` as for the parser (columns, fields, implied count); it and `given` are borrowed. -EINVAL: an unknown or
 * repeated column, or one whose type cannot become the table's. */
int pfs_adapt_open(const struct pfs_text_parse *parse, const struct pfs_field *given, int32_t columns,
                   struct pfs_adapt **out, struct pfs_err *err);
void pfs_adapt_close(struct pfs_adapt *adapt); /* NULL allowed */

/* Rows [from, from + most) of a batch of the given columns, as the parser's batches are: how many of them, up to the
 * first that is refused. When that is `from` itself: its error, with `refusal` filled as the parser does, but that
 * `row` counts within the batch; other errors leave its row 0. The new batch lives in the arena and shares memory with
 * `in`; the refusal's text lives until the next call. */
int64_t pfs_adapt_rows(struct pfs_adapt *adapt, const struct pfs_batch *in, int64_t from, int64_t most,
                       struct pfs_arena *arena, struct pfs_batch *out, struct pfs_text_refusal *refusal,
                       struct pfs_err *err);
