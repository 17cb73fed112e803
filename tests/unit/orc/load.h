/* load.h - ORC files for tests: those of tests/data/orc. */
#pragma once

#include "format/orc/orc.h"
#include "tests/unit/load.h"

static inline struct pfs_slice load_bytes(const char *name)
{
    return load_from("tests/data/orc", name);
}

static inline void load_free(struct pfs_slice bytes)
{
    free((void *)(uintptr_t)bytes.at);
}

static inline int64_t load_rows(struct pfs_file *file, const struct pfs_file_read *read, struct pfs_buf *out,
                                struct pfs_err *err)
{
    static const struct load_codec orc = {pfs_orc_open, pfs_orc_rows};

    return load_all(&orc, file, read, out, err);
}
