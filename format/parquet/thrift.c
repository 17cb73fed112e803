/* thrift.c - the compact protocol, inwards.
 *
 *     struct   fields, then a 0 byte
 *     field    one byte: delta of the id << 4 | type; delta 0: the id follows in zigzag. Then the value.
 *     list     one byte: count << 4 | type; count 15: the real one follows. Then the elements.
 *     numbers  zigzag in LEB128; i8 is a byte; booleans are their field's type, and a byte in lists
 *     binary   length in LEB128, then the bytes
 *
 * There is no length around a struct: what is not known must be gone through to find its end. That recursion is bounded
 * by DEPTH_MAX, and each loop over elements by the bytes left, as each takes one at least.
 */
#include "format/parquet/thrift.h"

#include <assert.h>

#include "format/parquet/spec.h"

#define DEPTH_MAX 16 /* of what is skipped; parquet.thrift nests six deep */

bool pfs_thrift_next(struct pfs_cursor *c, struct pfs_thrift_field *f)
{
    uint8_t head = pfs_take_u8(c);
    int64_t id = f->id + (head >> 4);

    if (c->bad || head == PFS_PQ_T_STOP)
        return false;
    f->type = head & 15;
    if (head >> 4 == 0)
        id = pfs_take_zigzag(c);
    if (id < INT16_MIN || id > INT16_MAX || f->type == PFS_PQ_T_STOP || f->type > PFS_PQ_T_UUID)
        c->bad = true;
    f->id = (int16_t)id;
    assert(c->pos <= c->in.len);
    return !c->bad;
}

/* What a value must be; what it is not makes the cursor bad, for good. */
static bool want(struct pfs_cursor *c, bool is)
{
    if (!is)
        c->bad = true;
    return !c->bad;
}

bool pfs_thrift_bool(struct pfs_cursor *c, const struct pfs_thrift_field *f)
{
    return want(c, f->type == PFS_PQ_T_TRUE || f->type == PFS_PQ_T_FALSE) && f->type == PFS_PQ_T_TRUE;
}

int64_t pfs_thrift_i64(struct pfs_cursor *c, const struct pfs_thrift_field *f)
{
    if (!want(c, f->type == PFS_PQ_T_I16 || f->type == PFS_PQ_T_I32 || f->type == PFS_PQ_T_I64))
        return 0;
    return pfs_take_zigzag(c);
}

int32_t pfs_thrift_i32(struct pfs_cursor *c, const struct pfs_thrift_field *f)
{
    int64_t v = pfs_thrift_i64(c, f);

    return want(c, v >= INT32_MIN && v <= INT32_MAX) ? (int32_t)v : 0;
}

int32_t pfs_thrift_i8(struct pfs_cursor *c, const struct pfs_thrift_field *f)
{
    return want(c, f->type == PFS_PQ_T_I8) ? (int8_t)pfs_take_u8(c) : 0;
}

struct pfs_slice pfs_thrift_bytes(struct pfs_cursor *c, const struct pfs_thrift_field *f)
{
    struct pfs_slice out = {NULL, 0};
    uint64_t len;

    if (!want(c, f->type == PFS_PQ_T_BINARY))
        return out;
    len = pfs_take_uleb(c);
    if (want(c, len <= pfs_left(c)))
        pfs_take(c, (size_t)len, &out);
    return out;
}

bool pfs_thrift_struct(struct pfs_cursor *c, const struct pfs_thrift_field *f)
{
    return want(c, f->type == PFS_PQ_T_STRUCT);
}

/* Reads the header of a list or set. Booleans say 1 or 2, whichever the writer liked. */
static uint64_t list_head(struct pfs_cursor *c, uint8_t *element)
{
    uint8_t head = pfs_take_u8(c);

    *element = head & 15;
    return head >> 4 == 15 ? pfs_take_uleb(c) : head >> 4;
}

uint32_t pfs_thrift_list(struct pfs_cursor *c, const struct pfs_thrift_field *f, uint8_t element, uint32_t least)
{
    uint8_t found;
    uint64_t count;

    assert(least > 0);
    if (!want(c, f->type == PFS_PQ_T_LIST))
        return 0;
    count = list_head(c, &found);
    return want(c, (count == 0 || found == element) && count <= pfs_left(c) / least) ? (uint32_t)count : 0;
}

static void skip(struct pfs_cursor *c, uint8_t type, int depth);

/* A boolean is a byte here, while as a field its type is its value. */
static void skip_elements(struct pfs_cursor *c, uint64_t count, uint8_t type, int depth)
{
    if (type == PFS_PQ_T_TRUE || type == PFS_PQ_T_FALSE)
        type = PFS_PQ_T_I8;
    for (; count > 0 && want(c, count <= pfs_left(c)); count--)
        skip(c, type, depth);
}

/* An empty map has no byte with the types. */
static void skip_map(struct pfs_cursor *c, int depth)
{
    uint64_t count = pfs_take_uleb(c);
    uint8_t types = count > 0 ? pfs_take_u8(c) : 0;

    for (; count > 0 && want(c, count <= pfs_left(c)); count--) {
        skip_elements(c, 1, types >> 4, depth);
        skip_elements(c, 1, types & 15, depth);
    }
}

static void skip_struct(struct pfs_cursor *c, int depth)
{
    struct pfs_thrift_field f = {0};

    while (pfs_thrift_next(c, &f))
        skip(c, f.type, depth);
}

static void skip(struct pfs_cursor *c, uint8_t type, int depth)
{
    uint8_t element;
    uint64_t count;

    assert(depth >= 0);
    if (!want(c, depth < DEPTH_MAX))
        return;
    switch ((enum pfs_pq_thrift)type) {
    case PFS_PQ_T_TRUE:
    case PFS_PQ_T_FALSE:
        return;
    case PFS_PQ_T_I8:
        pfs_skip(c, 1);
        return;
    case PFS_PQ_T_I16:
    case PFS_PQ_T_I32:
    case PFS_PQ_T_I64:
        pfs_take_uleb(c);
        return;
    case PFS_PQ_T_DOUBLE:
        pfs_skip(c, 8);
        return;
    case PFS_PQ_T_UUID:
        pfs_skip(c, 16);
        return;
    case PFS_PQ_T_BINARY:
        count = pfs_take_uleb(c);
        if (want(c, count <= pfs_left(c)))
            pfs_skip(c, (size_t)count);
        return;
    case PFS_PQ_T_LIST:
    case PFS_PQ_T_SET:
        count = list_head(c, &element);
        skip_elements(c, count, element, depth + 1);
        return;
    case PFS_PQ_T_MAP:
        skip_map(c, depth + 1);
        return;
    case PFS_PQ_T_STRUCT:
        skip_struct(c, depth + 1);
        return;
    case PFS_PQ_T_STOP:
        break;
    }
    c->bad = true;
}

void pfs_thrift_skip(struct pfs_cursor *c, uint8_t type)
{
    skip(c, type, 0);
}
