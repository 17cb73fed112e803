/* csv_fuzz.c - CSV of any bytes: whole and cut, it must give the same rows or the same refusal. */
#include "tests/fuzz/text_cut.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    text_cut(PFS_TEXT_CSV, data, size);
    return 0;
}
