/* schema_cast.c - which type a column may change to: Paimon's matrix of casts, less those that it cannot carry out when
 * it reads (spec metadata 1.3.1). */
#include <assert.h>

#include "src/meta/schema_change.h"

_Static_assert(PFS_KIND_COUNT <= 32, "a bit each");
#define BIT(kind) ((uint32_t)1 << (kind))
#define INTEGERS (BIT(PFS_TINYINT) | BIT(PFS_SMALLINT) | BIT(PFS_INT) | BIT(PFS_BIGINT))
#define NUMBERS (INTEGERS | BIT(PFS_FLOAT) | BIT(PFS_DOUBLE) | BIT(PFS_DECIMAL))
#define TEXTS (BIT(PFS_CHAR) | BIT(PFS_VARCHAR))
#define BYTES (BIT(PFS_BINARY) | BIT(PFS_VARBINARY))
#define STAMPS (BIT(PFS_TIMESTAMP) | BIT(PFS_TIMESTAMP_LTZ))
#define TIMES (BIT(PFS_DATE) | BIT(PFS_TIME) | STAMPS)
#define PRINTED (BIT(PFS_BOOLEAN) | NUMBERS | TEXTS | BYTES | TIMES | BIT(PFS_ARRAY) | BIT(PFS_MAP) | BIT(PFS_ROW))
#define TO_NUMBER (NUMBERS | TEXTS | BIT(PFS_BOOLEAN))

/* From which kinds: without loss, and with. Numbers are made of TIMESTAMP as INT and BIGINT alone, and the reverse. */
static const struct {
    uint32_t implicit, explicit;
} casts[PFS_KIND_COUNT] = {
    [PFS_CHAR] = {BIT(PFS_CHAR), PRINTED & ~TIMES},
    [PFS_VARCHAR] = {TEXTS, PRINTED},
    [PFS_BOOLEAN] = {0, TEXTS | INTEGERS},
    [PFS_BINARY] = {BIT(PFS_BINARY), TEXTS | BIT(PFS_VARBINARY)},
    [PFS_VARBINARY] = {BYTES, TEXTS},
    [PFS_DECIMAL] = {NUMBERS, TEXTS | BIT(PFS_BOOLEAN)},
    [PFS_TINYINT] = {BIT(PFS_TINYINT), TO_NUMBER},
    [PFS_SMALLINT] = {BIT(PFS_TINYINT) | BIT(PFS_SMALLINT), TO_NUMBER},
    [PFS_INT] = {BIT(PFS_TINYINT) | BIT(PFS_SMALLINT) | BIT(PFS_INT), TO_NUMBER | STAMPS},
    [PFS_BIGINT] = {INTEGERS, TO_NUMBER | STAMPS},
    [PFS_FLOAT] = {INTEGERS | BIT(PFS_FLOAT) | BIT(PFS_DECIMAL), TO_NUMBER},
    [PFS_DOUBLE] = {NUMBERS, TO_NUMBER},
    [PFS_DATE] = {BIT(PFS_TIMESTAMP), STAMPS | TEXTS},
    [PFS_TIME] = {BIT(PFS_TIMESTAMP), STAMPS | TEXTS},
    [PFS_TIMESTAMP] = {STAMPS, TIMES | TEXTS | BIT(PFS_INT) | BIT(PFS_BIGINT)},
    [PFS_TIMESTAMP_LTZ] = {STAMPS, TIMES | TEXTS | BIT(PFS_INT) | BIT(PFS_BIGINT)},
};

bool pfs_schema_cast_allowed(const struct pfs_type *from, const struct pfs_type *to, bool explicit)
{
    uint32_t allowed = casts[to->kind].implicit | (explicit ? casts[to->kind].explicit : 0);

    assert(from->kind < PFS_KIND_COUNT);
    assert(to->kind < PFS_KIND_COUNT);
    if (!explicit && from->nullable && !to->nullable)
        return false;
    if ((allowed & BIT(from->kind)) == 0)
        return false;
    /* Paimon prints times into the type STRING alone, which NOT NULL makes another one. */
    return to->kind != PFS_VARCHAR || (BIT(from->kind) & TIMES) == 0 || (to->length == PFS_LENGTH_MAX && to->nullable);
}
