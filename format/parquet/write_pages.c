/* write_pages.c - a list of blocks that pages lie in, one behind the other, until they are appended to the file.
 *
 * The first page gets a block of its own size: many columns have one page a row group. Later small ones share blocks.
 * No block is ever moved or grown.
 */
#include "format/parquet/write_pages.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/mem.h"

#define BLOCK_BYTES ((size_t)16 << 10) /* small pages share a block of it */

struct pfs_pq_page_block {
    struct pfs_pq_page_block *next;
    size_t len, room;
    uint8_t at[];
};

static struct pfs_pq_page_block *add_block(struct pfs_pq_pages *p, size_t least)
{
    size_t room = least > BLOCK_BYTES || p->first == NULL ? least : BLOCK_BYTES;
    struct pfs_pq_page_block *b = pfs_alloc(sizeof(*b) + room);

    if (b == NULL)
        return NULL;
    *b = (struct pfs_pq_page_block){.room = room};
    if (p->last == NULL)
        p->first = b;
    else
        p->last->next = b;
    p->last = b;
    p->held += sizeof(*b) + room;
    return b;
}

int pfs_pq_pages_put(struct pfs_pq_pages *pages, struct pfs_slice bytes, struct pfs_err *err)
{
    struct pfs_pq_page_block *b = pages->last;

    assert((pages->first == NULL) == (pages->last == NULL));
    assert(b == NULL || b->len <= b->room);
    if (bytes.len == 0)
        return 0;
    if (b == NULL || bytes.len > b->room - b->len)
        b = add_block(pages, bytes.len);
    if (b == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a page of %zu bytes", bytes.len);
    assert(bytes.len <= b->room - b->len);
    memcpy(b->at + b->len, bytes.at, bytes.len);
    b->len += bytes.len;
    pages->bytes += bytes.len;
    return 0;
}

int pfs_pq_pages_append(const struct pfs_pq_pages *pages, struct pfs_file *file, struct pfs_err *err)
{
    for (const struct pfs_pq_page_block *b = pages->first; b != NULL; b = b->next)
        PFS_TRY(pfs_file_append(file, b->at, b->len, err));
    return 0;
}

void pfs_pq_pages_clear(struct pfs_pq_pages *pages)
{
    while (pages->first != NULL) {
        struct pfs_pq_page_block *next = pages->first->next;

        pfs_free(pages->first);
        pages->first = next;
    }
    *pages = (struct pfs_pq_pages){0};
}
