/* span.h - bytes that lie in a file: what the reader of a view may take instead of a copy. */
#pragma once

#include <stdint.h>

struct pfs_span {
    int fd; /* -1 = they were copied */
    uint64_t off;
};
