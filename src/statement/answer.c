/* answer.c - cells of an answer, read by whoever reads CSV from the mount: what is empty is quoted, since nothing at
 * all would be a NULL. */
#include "src/statement/answer.h"

#include <string.h>

void pfs_answer_cell(struct pfs_buf *out, const char *text, char end)
{
    if (strpbrk(text, ",\"\r\n") == NULL && text[0] != '\0') {
        pfs_buf_puts(out, text);
    } else {
        pfs_buf_putc(out, '"');
        for (const char *p = text; *p != '\0'; p++) {
            if (*p == '"')
                pfs_buf_putc(out, '"');
            pfs_buf_putc(out, (uint8_t)*p);
        }
        pfs_buf_putc(out, '"');
    }
    pfs_buf_putc(out, (uint8_t)end);
}
