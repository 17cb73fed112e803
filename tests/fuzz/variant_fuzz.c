/* variant_fuzz.c - a variant in memory: what can be printed is printed the same way again; what cannot has a sentence.
 */
#include <stdlib.h>

#include "format/variant.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pfs_buf first, second;
    struct pfs_err err = {0};
    int rc;

    pfs_buf_init(&first, 1 << 20);
    pfs_buf_init(&second, 1 << 20);
    rc = pfs_variant_print(pfs_slice_of(data, size), &first, &err);
    if (rc < 0 && (err.code == 0 || err.text[0] == '\0'))
        abort();
    if (rc == 0 && (pfs_variant_print(pfs_slice_of(data, size), &second, &err) != 0 ||
                    !pfs_slice_eq(pfs_buf_slice(&first), pfs_buf_slice(&second))))
        abort();
    pfs_buf_done(&first);
    pfs_buf_done(&second);
    return 0;
}
