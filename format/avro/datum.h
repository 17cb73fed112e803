/* datum.h - the pieces that data are made of, taken from a cursor: what both readers are built of. Private to the
 * suite.
 *
 * Like the cursor's own: what does not fit makes it bad and gives zeros, and is asked about once, at the end.
 */
#pragma once

#include <assert.h>

#include "base/slice.h"
#include "format/avro/schema.h"

/* An int or a long. Most numbers take a byte or two: these are worth a path without a call. */
static inline int64_t pfs_avro_take_long(struct pfs_cursor *c)
{
    const uint8_t *p;
    uint32_t v;

    if (c->bad || pfs_left(c) < 2)
        return pfs_take_zigzag(c);
    p = c->in.at + c->pos;
    v = p[0] & 127u;
    if (p[0] < 128) {
        c->pos += 1;
    } else if (p[1] < 128) {
        v |= (uint32_t)p[1] << 7;
        c->pos += 2;
    } else {
        return pfs_take_zigzag(c);
    }
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

/* A string or bytes. */
static inline struct pfs_slice pfs_avro_take_bytes(struct pfs_cursor *c)
{
    int64_t len = pfs_avro_take_long(c);
    struct pfs_slice out = {NULL, 0};

    if (len < 0)
        c->bad = true;
    else
        (void)pfs_take(c, (size_t)len, &out);
    assert(!c->bad || out.len == 0);
    return out;
}

/* Number of the next items of an array or map; 0 at its end. An item takes at least a byte: never more than are left.
 */
int64_t pfs_avro_next_items(struct pfs_cursor *c);

/* The branch of a union that follows; NULL (and bad) when there is none such. */
const struct pfs_avro_schema *pfs_avro_branch(struct pfs_cursor *c, const struct pfs_avro_schema *s);

/* Steps over one datum. */
void pfs_avro_skip(struct pfs_cursor *c, const struct pfs_avro_schema *s);
