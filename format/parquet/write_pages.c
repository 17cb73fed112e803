/* write_pages.c - a list of blocks that pages lie in, one behind the other, until they are appended to the file.
 *
 * The first page gets a block of its own size: many columns have one page a row group, and a table may have ten
 * thousand columns. Later small ones share blocks, each as large as all before it up to a ceiling. No block is ever
 * moved or grown.
 */
#include "format/parquet/write_pages.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/mem.h"

#define BLOCK_BYTES ((size_t)16 << 10) /* most of a block that small pages share */

struct pfs_pq_page_block {
    struct pfs_pq_page_block *next;
    size_t len, room;
    uint8_t at[];
};

static struct pfs_pq_page_block *add_block(struct pfs_pq_pages *p, size_t least)
{
    size_t shared = p->held < BLOCK_BYTES ? p->held : BLOCK_BYTES, room = least > shared ? least : shared;
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

/* Both parts in one block. */
int pfs_pq_pages_put(struct pfs_pq_pages *pages, struct pfs_slice header, struct pfs_slice body, struct pfs_err *err)
{
    struct pfs_pq_page_block *b = pages->last;
    size_t len = header.len + body.len;

    assert((pages->first == NULL) == (pages->last == NULL));
    assert(b == NULL || b->len <= b->room);
    assert(header.len > 0);
    if (b == NULL || len > b->room - b->len)
        b = add_block(pages, len);
    if (b == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a page of %zu bytes", len);
    assert(len <= b->room - b->len);
    memcpy(b->at + b->len, header.at, header.len);
    if (body.len > 0)
        memcpy(b->at + b->len + header.len, body.at, body.len);
    b->len += len;
    pages->bytes += len;
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
