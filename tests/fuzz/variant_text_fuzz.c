/* variant_text_fuzz.c - JSON text to a variant and back: what was taken prints, and what was printed is taken again;
 * from the second text on nothing changes (the first may spell a double as what is read as a decimal). */
#include <stdlib.h>

#include "format/text/text.h"
#include "format/variant.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct pfs_type variant = {.kind = PFS_VARIANT, .nullable = true};

/* The variant that `text` spells, printed. */
static int again(struct pfs_slice text, struct pfs_buf *out, struct pfs_err *err)
{
    struct pfs_column column;
    struct pfs_arena arena;
    int rc;

    pfs_arena_init(&arena, 0);
    rc = pfs_text_parse_value(&variant, text, false, &arena, &column, err);
    if (rc == 0 && pfs_variant_print(pfs_column_bytes(&column, 0), out, err) < 0)
        abort();
    pfs_arena_done(&arena);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pfs_buf text[3] = {0};
    struct pfs_err err = {0};

    if (again(pfs_slice_of(data, size), &text[0], &err) < 0) {
        if (err.code == 0 || err.text[0] == '\0')
            abort();
    } else {
        for (int i = 1; i < 3; i++)
            if (again(pfs_buf_slice(&text[i - 1]), &text[i], &err) < 0)
                abort();
        if (!pfs_slice_eq(pfs_buf_slice(&text[1]), pfs_buf_slice(&text[2])))
            abort();
    }
    for (int i = 0; i < 3; i++)
        pfs_buf_done(&text[i]);
    return 0;
}
