/* errors.h - errors.jsonl of one table: the newest refusals, kept in memory, at most 1 MiB of lines. Private to fs/.
 *
 * A line says when, which process, which row, where, why, and shows the row's beginning: with on-error = skip a
 * row of up to 64 KiB whole. Threads: any.
 */
#pragma once

#include "base/buf.h"
#include "format/text/text.h"

struct pfs_errors;

int pfs_errors_open(struct pfs_errors **out, struct pfs_err *err);
void pfs_errors_close(struct pfs_errors *errors);
void pfs_errors_add(struct pfs_errors *errors, int64_t time_ms, uint32_t pid, const struct pfs_text_refusal *refusal,
                    const struct pfs_err *why); /* refusal NULL: about no row */
void pfs_errors_print(struct pfs_errors *errors, struct pfs_buf *out);
