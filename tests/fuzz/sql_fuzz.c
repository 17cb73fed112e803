/* sql_fuzz.c - statements, one after another, as a `.sql` file holds them: each takes some of the text or is refused
 * with a sentence. */
#include <errno.h>
#include <stdlib.h>

#include "src/sql/sql.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pfs_slice left = pfs_slice_of(data, size);
    struct pfs_arena arena;

    pfs_arena_init(&arena, 64 << 20);
    for (;;) {
        struct pfs_statement statement;
        struct pfs_err err = {0};
        size_t used = 0;
        int rc = pfs_sql_parse(left, &used, &arena, &statement, &err);

        if (rc < 0 && rc != -EAGAIN && err.text[0] == '\0')
            abort();
        if (rc <= 0 || used == 0)
            break;
        if (used > left.len)
            abort();
        left = pfs_slice_of(left.at + used, left.len - used);
    }
    pfs_arena_done(&arena);
    return 0;
}
