/* internal.h - what the files behind enrich.h share. Private to them. */
#pragma once

#include "fs/lines/enrich.h"
#include "fs/tree/internal.h"
#include "src/lookup/lookup.h"

/* What stands in a record. */
struct pfs_enrich_shape {
    enum pfs_text format;
    bool header;           /* CSV */
    struct pfs_slice line; /* the header's bytes */
    int32_t fields;        /* as the parser is told of them */
    struct pfs_field *field;
    int32_t *key; /* which of them are the primary key's columns */
};

/* The next line's bytes without its end, in front of *at, which moves behind it; false: it is not whole. */
bool pfs_enrich_line(enum pfs_text format, struct pfs_slice in, bool last, size_t *at, struct pfs_slice *out);

/* The next field of a CSV record, without its quotes, in the arena; *at moves behind it: 1, 0 when there is none. */
int pfs_enrich_field(struct pfs_slice line, size_t *at, struct pfs_arena *arena, char **out, struct pfs_err *err);

/* Understands the first line that is not blank. *is_header: it is no record. -EINVAL with a sentence. */
int pfs_enrich_understand(const struct pfs_schema *schema, struct pfs_slice line, struct pfs_arena *arena,
                          struct pfs_enrich_shape *out, struct pfs_err *err);
/* Does a record have that column, as far as is known? */
bool pfs_enrich_has(const struct pfs_enrich_shape *shape, const char *name);
