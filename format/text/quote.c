/* quote.c - text as a JSON string, for texts of our own: status files, errors, schemas. Rows have a quicker way
 * (printer.c), which needs room that was made beforehand. */
#include "format/text/text.h"

void pfs_text_quote(struct pfs_slice text, struct pfs_buf *out)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";

    pfs_buf_putc(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        const char *escape = text.at[i] == 0 ? NULL : strchr(from, text.at[i]);

        if (escape != NULL) {
            pfs_buf_putc(out, '\\');
            pfs_buf_putc(out, (uint8_t)to[escape - from]);
        } else if (text.at[i] < ' ') {
            pfs_buf_printf(out, "\\u%04x", text.at[i]);
        } else {
            pfs_buf_putc(out, text.at[i]);
        }
    }
    pfs_buf_putc(out, '"');
}
