/* procedures.h - what CALL sys.<procedure>(...) does. Private to src/. */
#pragma once

#include "src/catalog.h"
#include "src/sql/sql.h"

struct pfs_calling {
    struct pfs_catalog *catalog;
    const char *database;    /* the current one */
    struct pfs_arena *arena; /* of the statement */
};

/* Carries out a statement of kind CALL. -EOPNOTSUPP with its name: no such procedure yet. */
int pfs_procedure_call(const struct pfs_calling *calling, const struct pfs_statement *statement, struct pfs_err *err);
