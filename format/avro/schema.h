/* schema.h - an Avro schema as a tree, and the plan by which a record is read: what is wanted, by name, and how to step
 * over the rest. Private to the suite. Lives in an arena. */
#pragma once

#include "format/avro/avro.h"

enum pfs_avro_type {
    PFS_AVRO_T_NULL,
    PFS_AVRO_T_BOOLEAN,
    PFS_AVRO_T_INT, /* and long */
    PFS_AVRO_T_FLOAT,
    PFS_AVRO_T_DOUBLE,
    PFS_AVRO_T_BYTES, /* and string */
    PFS_AVRO_T_FIXED,
    PFS_AVRO_T_ENUM,
    PFS_AVRO_T_ARRAY,
    PFS_AVRO_T_MAP,
    PFS_AVRO_T_UNION,
    PFS_AVRO_T_RECORD,
};

struct pfs_avro_schema {
    enum pfs_avro_type type;
    int32_t size;     /* FIXED: bytes */
    int32_t children; /* ARRAY, MAP: 1; UNION: branches; RECORD: fields; ENUM: symbols */
    int32_t wanted;   /* RECORD: how many fields are wanted */
    struct pfs_avro_schema *child;
    const char **name; /* RECORD: of its fields */
    union {
        int32_t *place;           /* RECORD: for each field the place among the wanted ones (-1 = stepped over) */
        struct pfs_slice *symbol; /* ENUM */
    };
};

/* Parses the JSON of a header; -EIO with a sentence. Nesting is limited. A type that is named again where it was
 * defined before is resolved against what is wanted there; one that holds itself is refused. *out is the record.
 * `branch` (NULL: it must stand alone) tells which one of a union with null it is; -1 = there is no union. */
int pfs_avro_schema_parse(struct pfs_slice json, struct pfs_arena *arena, struct pfs_avro_schema *out,
                          const struct pfs_avro_wanted *wanted, int32_t *branch, struct pfs_err *err);
