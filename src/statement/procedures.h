/* procedures.h - what CALL sys.<procedure>(...) does. Private to src/.
 *
 * A file of procedures is a table of them; procedures.c has the list of tables. Arguments come by place or by name.
 * Who finds a name by it asks for what it wrote; names that no procedure has are refused before it runs.
 */
#pragma once

#include "src/sql/sql.h"
#include "src/table/catalog.h"

struct pfs_calling {
    struct pfs_catalog *catalog;
    const char *database;    /* the current one */
    struct pfs_arena *arena; /* of the statement */
    struct pfs_buf *answer;  /* CSV with a header; a procedure that leaves it alone answers OK */
};

typedef int pfs_procedure_fn(const struct pfs_calling *calling, const struct pfs_statement *statement,
                             struct pfs_err *err);

struct pfs_procedure { /* the last one of a table has no name */
    const char *name;
    /* Names of its arguments in their places, blanks between; the forms of one that Flink and Spark call by different
     * names have a '|' between: "table tag|tagName". NULL = any, looked at by the procedure itself. */
    const char *arguments;
    pfs_procedure_fn *run;
};

extern const struct pfs_procedure pfs_procedures_table[];   /* compact, file indexes */
extern const struct pfs_procedure pfs_procedures_branch[];  /* branches, rollback */
extern const struct pfs_procedure pfs_procedures_history[]; /* tags */
extern const struct pfs_procedure pfs_procedures_retain[];  /* expiry, consumers, orphans */
extern const struct pfs_procedure pfs_procedures_upkeep[];  /* what empties tables, automatic tags */

/* The text of an argument, by its first name in the procedure's list; NULL = not given, or NULL. */
const char *pfs_calling_argument(const struct pfs_statement *statement, const char *name);
/* Fails with a sentence when it is not given. */
int pfs_calling_want(const struct pfs_statement *statement, const char *name, const char **out, struct pfs_err *err);
/* As a number; absent: the fallback, here and below. */
int pfs_calling_number(const struct pfs_statement *statement, const char *name, int64_t fallback, int64_t *out,
                       struct pfs_err *err);
/* As a duration ("3 d", "90 min"), in milliseconds. */
int pfs_calling_millis(const struct pfs_statement *statement, const char *name, int64_t fallback, int64_t *out,
                       struct pfs_err *err);
int pfs_calling_bool(const struct pfs_statement *statement, const char *name, bool fallback, bool *out,
                     struct pfs_err *err);
/* Opens the table that the argument `table` names: 'db.t', 't', with $branch_b. */
int pfs_calling_table(const struct pfs_calling *calling, const struct pfs_statement *statement, struct pfs_table **out,
                      struct pfs_err *err);

/* Carries out a statement of kind CALL. -EOPNOTSUPP with its name: no such procedure yet. */
int pfs_procedure_call(const struct pfs_calling *calling, const struct pfs_statement *statement, struct pfs_err *err);
