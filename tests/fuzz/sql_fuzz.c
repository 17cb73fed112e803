/* sql_fuzz.c - statements, one after another, as a `.sql` file holds them: each takes some of the text or is refused
 * with a sentence. */
#include <errno.h>
#include <stdlib.h>

#include "src/sql/sql.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pfs_slice text = pfs_slice_of(data, size);
    struct pfs_arena arena;
    size_t used = 0;

    pfs_arena_init(&arena, 64 << 20);
    if (pfs_sql_complete(text, &arena) > size)
        abort();
    for (;;) {
        struct pfs_statement statement;
        struct pfs_err err = {0};
        size_t before = used;
        int rc = pfs_sql_parse(text, &used, &arena, &statement, &err);

        if (rc < 0 && rc != -EAGAIN && err.text[0] == '\0')
            abort();
        if (rc <= 0)
            break;
        if (used > size || used <= before)
            abort();
    }
    pfs_arena_done(&arena);
    return 0;
}
