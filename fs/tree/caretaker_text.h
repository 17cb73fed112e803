/* caretaker_text.h - compactions as status.json and metrics tell of them. Private to fs/. */
#pragma once

#include "base/buf.h"
#include "src/caretaker/caretaker.h"

/* The member "compaction" of a table's status.json, with the comma before it. */
void pfs_caretaker_text_status(struct pfs_caretaker *caretaker, struct pfs_table *table, struct pfs_buf *out);
/* Prometheus text: of the process, and of each table that was committed to. */
void pfs_caretaker_text_metrics(struct pfs_caretaker *caretaker, struct pfs_buf *out);
