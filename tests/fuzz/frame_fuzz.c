/* frame_fuzz.c - stored rows: damaged with a sentence, or rows that can be printed and stored again to the same bytes.
 */
#include <stdlib.h>

#include "format/frame.h"
#include "format/text/text.h"

static const char *const row_type =
    "ROW<b BOOLEAN, i INT, d DECIMAL(30, 2), t TIMESTAMP(9), s STRING, y BYTES, a ARRAY<INT>, m MAP<STRING, DOUBLE>, "
    "u MULTISET<STRING>, r ROW<p BIGINT, q ARRAY<STRING>>>";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct pfs_type *types[16];
    struct pfs_buf text = {0}, again = {0}, third = {0};
    struct pfs_arena arena;
    struct pfs_batch batch, second;
    struct pfs_err err = {0};
    struct pfs_type row;
    size_t used;
    int rc;

    pfs_arena_init(&arena, (size_t)256 << 20);
    if (pfs_type_parse(pfs_str(row_type), NULL, &arena, &row, NULL) < 0)
        abort();
    for (int32_t i = 0; i < row.children; i++)
        types[i] = &row.child[i].type;
    rc = pfs_frame_get(pfs_slice_of(data, size), types, row.children, &arena, &batch, &used, &err);
    if (rc < 0 && (err.text[0] == '\0' || err.code != -rc))
        abort();
    if (rc == 0 && batch.rows < 100000) {
        (void)pfs_text_print(PFS_TEXT_JSON, row.child, &batch, &text, NULL);
        if (used > size || pfs_frame_put(&batch, PFS_CODEC_NONE, &again, NULL) < 0 ||
            pfs_frame_get(pfs_buf_slice(&again), types, row.children, &arena, &second, &used, NULL) < 0 ||
            pfs_frame_put(&second, PFS_CODEC_NONE, &third, NULL) < 0 ||
            !pfs_slice_eq(pfs_buf_slice(&again), pfs_buf_slice(&third)))
            abort();
    }
    pfs_buf_done(&text);
    pfs_buf_done(&again);
    pfs_buf_done(&third);
    pfs_arena_done(&arena);
    return 0;
}
