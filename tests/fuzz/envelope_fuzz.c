/* envelope_fuzz.c - change data capture of any bytes: whole and cut, the same rows or the same refusal. */
#include "tests/fuzz/text_cut.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The third bit from above of the first byte and the next one choose the envelope. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 2)
        text_cut_enveloped(PFS_TEXT_JSON, (enum pfs_envelope)((data[0] >> 5) % 3 + 1), data, size);
    return 0;
}
