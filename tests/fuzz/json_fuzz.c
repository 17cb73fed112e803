/* json_fuzz.c - JSON rows of any bytes: whole and cut, they must give the same rows or the same refusal. */
#include "tests/fuzz/text_cut.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    text_cut(PFS_TEXT_JSON, data, size);
    return 0;
}
