/* datum.c - stepping over data that nobody asked for: most fields of a manifest's records, columns that are not wanted.
 *
 * Avro has no lengths of records: what is not wanted has to be walked over by its schema, value by value. Nesting is
 * that of the schema, which was limited when it was parsed; counts are limited by the bytes that are left. */
#include "format/avro/datum.h"

#include <assert.h>

int64_t pfs_avro_next_items(struct pfs_cursor *c)
{
    int64_t count = pfs_avro_take_long(c);

    if (count < 0) {
        (void)pfs_avro_take_long(c); /* bytes of the piece */
        count = count == INT64_MIN ? 0 : -count;
    }
    if (c->bad || (uint64_t)count > pfs_left(c)) {
        c->bad = true;
        return 0;
    }
    assert(count >= 0);
    return count;
}

static void skip_items(struct pfs_cursor *c, const struct pfs_avro_schema *s)
{
    assert(s->type == PFS_AVRO_T_ARRAY || s->type == PFS_AVRO_T_MAP);
    assert(s->children == 1);
    for (int64_t count = pfs_avro_next_items(c); count > 0; count = pfs_avro_next_items(c))
        for (; count > 0 && !c->bad; count--) {
            if (s->type == PFS_AVRO_T_MAP)
                (void)pfs_avro_take_bytes(c);
            pfs_avro_skip(c, &s->child[0]);
        }
}

const struct pfs_avro_schema *pfs_avro_branch(struct pfs_cursor *c, const struct pfs_avro_schema *s)
{
    int64_t which = pfs_avro_take_long(c);

    assert(s->type == PFS_AVRO_T_UNION);
    if (c->bad || which < 0 || which >= s->children) {
        c->bad = true;
        return NULL;
    }
    return &s->child[which];
}

void pfs_avro_skip(struct pfs_cursor *c, const struct pfs_avro_schema *s)
{
    const struct pfs_avro_schema *b;

    switch (s->type) {
    case PFS_AVRO_T_NULL:
        return;
    case PFS_AVRO_T_BOOLEAN:
        (void)pfs_take_u8(c);
        return;
    case PFS_AVRO_T_INT:
    case PFS_AVRO_T_ENUM:
        (void)pfs_avro_take_long(c);
        return;
    case PFS_AVRO_T_FLOAT:
        (void)pfs_skip(c, 4);
        return;
    case PFS_AVRO_T_DOUBLE:
        (void)pfs_skip(c, 8);
        return;
    case PFS_AVRO_T_BYTES:
        (void)pfs_avro_take_bytes(c);
        return;
    case PFS_AVRO_T_FIXED:
        (void)pfs_skip(c, (size_t)s->size);
        return;
    case PFS_AVRO_T_ARRAY:
    case PFS_AVRO_T_MAP:
        skip_items(c, s);
        return;
    case PFS_AVRO_T_UNION:
        b = pfs_avro_branch(c, s);
        if (b != NULL)
            pfs_avro_skip(c, b);
        return;
    case PFS_AVRO_T_RECORD:
        for (int32_t i = 0; i < s->children && !c->bad; i++)
            pfs_avro_skip(c, &s->child[i]);
        return;
    }
}
