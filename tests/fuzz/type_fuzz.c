/* type_fuzz.c - type text: what parses prints as text that parses to the same type. */
#include <stdlib.h>

#include "format/type.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pfs_arena arena;
    struct pfs_buf text = {0}, again = {0};
    struct pfs_type a, b;
    struct pfs_err err = {0};
    size_t used;

    pfs_arena_init(&arena, 64 << 20);
    if (pfs_type_parse(pfs_slice_of(data, size), &used, &arena, &a, &err) == 0) {
        if (used > size)
            abort();
        pfs_type_print(&a, &text);
        if (pfs_type_parse(pfs_buf_slice(&text), NULL, &arena, &b, &err) != 0 || !pfs_type_equal(&a, &b, true))
            abort();
        pfs_type_print(&b, &again);
        if (!pfs_slice_eq(pfs_buf_slice(&text), pfs_buf_slice(&again)))
            abort();
    } else if (err.code == 0 || err.text[0] == '\0') {
        abort();
    }
    pfs_buf_done(&text);
    pfs_buf_done(&again);
    pfs_arena_done(&arena);
    return 0;
}
