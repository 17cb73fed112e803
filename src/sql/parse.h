/* parse.h - the parser's state, shared by the statements and the parts of CREATE TABLE. Private to the suite. */
#pragma once

#include "src/sql/lex.h"
#include "src/sql/sql.h"

struct pfs_parser {
    struct pfs_lexer lexer;
    struct pfs_word word; /* the one looked at */
    struct pfs_arena *arena;
    struct pfs_err *err;
};

void pfs_parser_step(struct pfs_parser *p);
/* Is the word this keyword (any case, not quoted) or sign? take: and steps over it. want: else fails. */
bool pfs_parser_is(const struct pfs_parser *p, const char *word);
bool pfs_parser_take(struct pfs_parser *p, const char *word);
int pfs_parser_want(struct pfs_parser *p, const char *word);
/* "line L, column C: expected X, found Y": -EINVAL. */
int pfs_parser_expected(struct pfs_parser *p, const char *what);
int pfs_parser_name(struct pfs_parser *p, const char *what, const char **out);
int pfs_parser_string(struct pfs_parser *p, const char *what, const char **out);
/* A string, a number, TRUE, FALSE or NULL (then *out is NULL), as text. */
int pfs_parser_literal(struct pfs_parser *p, const char **out);
/* ('k' = 'v', ...): sorted, connector dropped; a key that comes twice fails. values false: keys alone. */
int pfs_parser_options(struct pfs_parser *p, bool values, struct pfs_options *out);

/* A column's type, read by format/type from where the parser stands; `name` is for sentences. */
int pfs_parser_type(struct pfs_parser *p, const char *name, struct pfs_type *out);
/* The next step of a list that grows in the arena: *list has room for one item more when it returns 0. */
int pfs_parser_room(struct pfs_parser *p, void *list, int32_t count, int32_t *room, size_t size);

/* [db.]t, each part quoted or not, or `db.t` in one pair; t$branch_b is a branch (NULL: none is allowed here). */
int pfs_parser_table_name(struct pfs_parser *p, const char **database, const char **table, const char **branch);
/* DROP PARTITION: the word DROP is taken. */
int pfs_parser_drop_partitions(struct pfs_parser *p, struct pfs_statement *out);

/* What ALTER TABLE says of tags and branches becomes a CALL; anything else is left where it is, and the kind too. */
int pfs_parser_history(struct pfs_parser *p, struct pfs_statement *out);
/* Everything of ALTER TABLE after the table's name. */
int pfs_parser_alter(struct pfs_parser *p, struct pfs_statement *out);
/* Everything of CREATE TABLE after the table's name. */
int pfs_parser_table(struct pfs_parser *p, struct pfs_statement *out);
