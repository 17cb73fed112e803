/* span.h - bytes that lie in files: what the reader of a view may take instead of a copy. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define PFS_SPAN_PARTS 16

struct pfs_span {
    int parts; /* 0 = they were copied */
    struct pfs_span_part {
        int fd;
        uint64_t off;
        size_t len;
    } part[PFS_SPAN_PARTS]; /* one behind the other */
};
