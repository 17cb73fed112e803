/* alter.c - what ALTER TABLE says, in Flink's words and in Spark's, as a list of changes.
 *
 *   Flink  ADD c INT | ADD (a INT FIRST, b ROW<x INT> COMMENT 'it' AFTER a)    MODIFY c BIGINT | MODIFY (...)
 *          DROP c | DROP (a, b)    DROP PRIMARY KEY    RENAME a TO b    SET (...)    RESET ('k')    RENAME TO t
 *   Spark  ADD COLUMN[S] a.b INT AFTER x, ...    DROP COLUMN[S] a, b    RENAME COLUMN a.b TO c
 *          ALTER [COLUMN] c TYPE t | COMMENT 'x' | SET NOT NULL | DROP NOT NULL | SET DEFAULT 1 | DROP DEFAULT | FIRST
 *          SET TBLPROPERTIES (...)    UNSET TBLPROPERTIES [IF EXISTS] (...)    tags and branches: history.c
 */
#include <assert.h>
#include <string.h>

#include "base/limits.h"
#include "src/sql/parse.h"

#define PATH_MAX_NAMES 32 /* types are nested less deep */

struct list {
    struct pfs_schema_change *change;
    int32_t count, room;
};

/* The next change, empty but for its kind. It may move when the list grows: a pointer is good until the next call. */
static int another(struct pfs_parser *p, struct list *l, enum pfs_schema_change_kind kind,
                   struct pfs_schema_change **out)
{
    if (l->count == PFS_COLUMNS_MAX)
        return pfs_parser_expected(p, "fewer changes");
    PFS_TRY(pfs_parser_room(p, &l->change, l->count, &l->room, sizeof(*l->change)));
    *out = &l->change[l->count++];
    (*out)->kind = kind;
    assert((*out)->depth == 0);
    assert((*out)->text == NULL);
    return 0;
}

/* a.b.c */
static int column_path(struct pfs_parser *p, struct pfs_schema_change *c)
{
    const char **path = pfs_arena_array(p->arena, PATH_MAX_NAMES, sizeof(*path));

    assert(c->depth == 0);
    if (path == NULL)
        return pfs_arena_full(p->arena, p->err);
    do {
        if (c->depth == PATH_MAX_NAMES)
            return pfs_parser_expected(p, "a column that is nested less deep");
        PFS_TRY(pfs_parser_name(p, "a column name", &path[c->depth]));
        c->depth++;
    } while (pfs_parser_take(p, "."));
    c->path = path;
    return 0;
}

/* FIRST, AFTER x */
static int spot(struct pfs_parser *p, struct pfs_schema_change *c)
{
    if (pfs_parser_take(p, "FIRST")) {
        c->spot = PFS_SPOT_FIRST;
    } else if (pfs_parser_take(p, "AFTER")) {
        c->spot = PFS_SPOT_AFTER;
        return pfs_parser_name(p, "a column name", &c->beside);
    }
    return 0;
}

/* type [NOT NULL] [COMMENT 'x'] [FIRST | AFTER x] */
static int definition(struct pfs_parser *p, struct pfs_schema_change *c)
{
    assert(c->depth > 0);
    PFS_TRY(pfs_parser_type(p, c->path[c->depth - 1], &c->type));
    c->keep_comment = true;
    for (;;) {
        if (pfs_parser_take(p, "COMMENT")) {
            PFS_TRY(pfs_parser_string(p, "a comment in quotes", &c->text));
            c->keep_comment = false;
        } else if (pfs_parser_take(p, "NOT")) {
            PFS_TRY(pfs_parser_want(p, "NULL"));
            c->type.nullable = false;
        } else if (pfs_parser_take(p, "NULL")) {
            c->type.nullable = true;
        } else if (pfs_parser_is(p, "DEFAULT")) {
            return pfs_fail(p->err, EINVAL,
                            "Cannot add column %s with default value: rows that are there would not have it; ALTER "
                            "COLUMN ... SET DEFAULT is for those to come",
                            c->path[c->depth - 1]);
        } else {
            break;
        }
    }
    return spot(p, c);
}

/* One definition, or several in parentheses or (Spark) without. */
static int definitions(struct pfs_parser *p, struct list *l, enum pfs_schema_change_kind kind, bool many)
{
    bool closed = pfs_parser_take(p, "(");

    do {
        struct pfs_schema_change *c;

        if (!p->word.quoted && (pfs_parser_is(p, "PRIMARY") || pfs_parser_is(p, "CONSTRAINT")))
            return pfs_fail(p->err, EINVAL, "Altering primary key is not supported yet.");
        if (pfs_parser_is(p, "WATERMARK"))
            return pfs_fail(p->err, EOPNOTSUPP, "WATERMARK belongs to a stream's definition, not to a stored table");
        PFS_TRY(another(p, l, kind, &c));
        PFS_TRY(column_path(p, c));
        PFS_TRY(definition(p, c));
    } while ((closed || many) && pfs_parser_take(p, ","));
    return closed ? pfs_parser_want(p, ")") : 0;
}

static int add(struct pfs_parser *p, struct list *l)
{
    if (pfs_parser_take(p, "COLUMN") || pfs_parser_take(p, "COLUMNS"))
        return definitions(p, l, PFS_CHANGE_ADD_COLUMN, true);
    if (pfs_parser_is(p, "PARTITION") || pfs_parser_is(p, "IF"))
        return pfs_fail(p->err, EOPNOTSUPP, "a partition is not added: it is there with its first row");
    return definitions(p, l, PFS_CHANGE_ADD_COLUMN, false);
}

/* Spark drops several with commas alone, Flink in parentheses. */
static int drop_columns(struct pfs_parser *p, struct list *l, bool spark)
{
    bool if_exists = false, closed;

    if (spark && pfs_parser_take(p, "IF")) {
        PFS_TRY(pfs_parser_want(p, "EXISTS"));
        if_exists = true;
    }
    closed = pfs_parser_take(p, "(");
    do {
        struct pfs_schema_change *c;

        PFS_TRY(another(p, l, PFS_CHANGE_DROP_COLUMN, &c));
        PFS_TRY(column_path(p, c));
        c->if_exists = if_exists;
    } while ((closed || spark) && pfs_parser_take(p, ","));
    return closed ? pfs_parser_want(p, ")") : 0;
}

/* A constraint has no name in a schema: any name means the primary key, the only one that there can be. */
static int drop(struct pfs_parser *p, struct list *l, struct pfs_statement *out)
{
    struct pfs_schema_change *c;
    const char *ignored;

    if (pfs_parser_is(p, "PARTITION") || pfs_parser_is(p, "IF"))
        return pfs_parser_drop_partitions(p, out);
    if (pfs_parser_take(p, "PRIMARY")) {
        PFS_TRY(pfs_parser_want(p, "KEY"));
        return another(p, l, PFS_CHANGE_DROP_PRIMARY_KEY, &c);
    }
    if (pfs_parser_take(p, "CONSTRAINT")) {
        PFS_TRY(pfs_parser_name(p, "a constraint's name", &ignored));
        return another(p, l, PFS_CHANGE_DROP_PRIMARY_KEY, &c);
    }
    if (pfs_parser_is(p, "WATERMARK"))
        return pfs_fail(p->err, EOPNOTSUPP, "WATERMARK belongs to a stream's definition, not to a stored table");
    if (pfs_parser_take(p, "COLUMN") || pfs_parser_take(p, "COLUMNS"))
        return drop_columns(p, l, true);
    return drop_columns(p, l, false);
}

/* Of the table, or of one column. */
static int rename_clause(struct pfs_parser *p, struct list *l, struct pfs_statement *out)
{
    struct pfs_schema_change *c;

    if (pfs_parser_take(p, "TO")) {
        out->kind = PFS_SQL_RENAME_TABLE;
        return pfs_parser_table_name(p, &out->to_database, &out->to_table, NULL);
    }
    (void)pfs_parser_take(p, "COLUMN");
    PFS_TRY(another(p, l, PFS_CHANGE_RENAME_COLUMN, &c));
    PFS_TRY(column_path(p, c));
    PFS_TRY(pfs_parser_want(p, "TO"));
    return pfs_parser_name(p, "the new name", &c->text);
}

/* TYPE t | COMMENT 'x' | SET NOT NULL | DROP NOT NULL | SET DEFAULT v | DROP DEFAULT | FIRST | AFTER x */
static int one_alteration(struct pfs_parser *p, struct pfs_schema_change *c)
{
    bool sets = pfs_parser_is(p, "SET");

    assert(c->depth > 0);
    if (pfs_parser_take(p, "TYPE")) {
        c->kind = PFS_CHANGE_COLUMN_TYPE;
        return pfs_parser_type(p, c->path[c->depth - 1], &c->type);
    }
    if (pfs_parser_take(p, "COMMENT")) {
        c->kind = PFS_CHANGE_COLUMN_COMMENT;
        return pfs_parser_string(p, "a comment in quotes", &c->text);
    }
    if (pfs_parser_is(p, "FIRST") || pfs_parser_is(p, "AFTER")) {
        c->kind = PFS_CHANGE_MOVE_COLUMN;
        return spot(p, c);
    }
    if (!pfs_parser_take(p, "SET") && !pfs_parser_take(p, "DROP"))
        return pfs_parser_expected(p, "TYPE, COMMENT, SET, DROP, FIRST or AFTER");
    if (pfs_parser_take(p, "DEFAULT")) {
        c->kind = PFS_CHANGE_COLUMN_DEFAULT;
        return sets ? pfs_parser_literal(p, &c->text) : 0;
    }
    c->kind = PFS_CHANGE_COLUMN_NULLABLE;
    c->nullable = !sets;
    PFS_TRY(pfs_parser_want(p, "NOT"));
    return pfs_parser_want(p, "NULL");
}

/* Spark has one change a statement for a column; the kind is settled by the words behind its name. */
static int alter_column(struct pfs_parser *p, struct list *l)
{
    struct pfs_schema_change *c;

    (void)pfs_parser_take(p, "COLUMN");
    PFS_TRY(another(p, l, PFS_CHANGE_COLUMN_TYPE, &c));
    PFS_TRY(column_path(p, c));
    return one_alteration(p, c);
}

/* Hive's form: CHANGE [COLUMN] c c BIGINT COMMENT 'x' FIRST; with one name it is ALTER COLUMN. */
static int change_column(struct pfs_parser *p, struct list *l)
{
    static const char *const words[] = {"TYPE", "COMMENT", "SET", "DROP", "FIRST", "AFTER"};
    struct pfs_schema_change *c;
    const char *name;

    (void)pfs_parser_take(p, "COLUMN");
    PFS_TRY(another(p, l, PFS_CHANGE_COLUMN_TYPE, &c));
    PFS_TRY(column_path(p, c));
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (pfs_parser_is(p, words[i]))
            return one_alteration(p, c);
    PFS_TRY(pfs_parser_name(p, "the column's name again", &name));
    if (strcmp(name, c->path[c->depth - 1]) != 0)
        return pfs_fail(p->err, EINVAL, "%s is renamed to %s by RENAME COLUMN ... TO ..., not by CHANGE",
                        c->path[c->depth - 1], name);
    PFS_TRY(pfs_parser_type(p, name, &c->type));
    if (pfs_parser_take(p, "COMMENT")) {
        struct pfs_schema_change *comment;

        PFS_TRY(another(p, l, PFS_CHANGE_COLUMN_COMMENT, &comment));
        assert(l->count >= 2);
        c = &l->change[l->count - 2];
        comment->depth = c->depth;
        comment->path = c->path;
        PFS_TRY(pfs_parser_string(p, "a comment in quotes", &comment->text));
    }
    if (pfs_parser_is(p, "FIRST") || pfs_parser_is(p, "AFTER")) {
        struct pfs_schema_change *move;

        PFS_TRY(another(p, l, PFS_CHANGE_MOVE_COLUMN, &move));
        move->depth = l->change[0].depth;
        move->path = l->change[0].path;
        PFS_TRY(spot(p, move));
    }
    return 0;
}

/* The option `comment` is the table's comment. */
static int options(struct pfs_parser *p, struct list *l, bool sets)
{
    struct pfs_options list;

    PFS_TRY(pfs_parser_options(p, sets, &list));
    for (int32_t i = 0; i < list.count; i++) {
        const struct pfs_option *o = &list.item[i];
        struct pfs_schema_change *c;
        bool comment = strcmp(o->key, "comment") == 0;

        PFS_TRY(another(p, l,
                        comment ? PFS_CHANGE_TABLE_COMMENT
                        : sets  ? PFS_CHANGE_SET_OPTION
                                : PFS_CHANGE_REMOVE_OPTION,
                        &c));
        c->key = o->key;
        c->text = sets ? o->value : NULL;
    }
    return 0;
}

/* One verb a statement, as both dialects have it. */
static int alteration(struct pfs_parser *p, struct list *l, struct pfs_statement *out)
{
    if (pfs_parser_take(p, "SET")) {
        (void)pfs_parser_take(p, "TBLPROPERTIES");
        return options(p, l, true);
    }
    if (pfs_parser_take(p, "RESET"))
        return options(p, l, false);
    if (pfs_parser_take(p, "UNSET")) {
        PFS_TRY(pfs_parser_want(p, "TBLPROPERTIES"));
        if (pfs_parser_take(p, "IF"))
            PFS_TRY(pfs_parser_want(p, "EXISTS"));
        return options(p, l, false);
    }
    if (pfs_parser_take(p, "ADD"))
        return add(p, l);
    if (pfs_parser_take(p, "MODIFY"))
        return definitions(p, l, PFS_CHANGE_MODIFY_COLUMN, false);
    if (pfs_parser_take(p, "DROP"))
        return drop(p, l, out);
    if (pfs_parser_take(p, "RENAME"))
        return rename_clause(p, l, out);
    if (pfs_parser_take(p, "ALTER"))
        return alter_column(p, l);
    if (pfs_parser_take(p, "CHANGE"))
        return change_column(p, l);
    return pfs_parser_expected(
        p, "SET, RESET, UNSET, ADD, MODIFY, ALTER, CHANGE, DROP, RENAME, CREATE, REPLACE or DELETE");
}

/* Tags and branches come first: their words could be taken for columns of that name. */
int pfs_parser_alter(struct pfs_parser *p, struct pfs_statement *out)
{
    struct list list = {0};

    out->kind = PFS_SQL_ALTER_TABLE;
    PFS_TRY(pfs_parser_history(p, out));
    if (out->kind == PFS_SQL_CALL)
        return 0;
    PFS_TRY(alteration(p, &list, out));
    out->change = list.change;
    out->changes = list.count;
    return 0;
}
