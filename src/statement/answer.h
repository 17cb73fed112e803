/* answer.h - what statements answer: CSV cells. Private to src/. */
#pragma once

#include "base/buf.h"

/* One CSV cell and what ends it (',' or '\n'); quoted when it must be, and when it is empty. */
void pfs_answer_cell(struct pfs_buf *out, const char *text, char end);
