/* create.c - the body of CREATE TABLE: columns, keys, comment, partitions, options.
 *
 * Keys may be named before the columns that they are, so names are kept and become indexes at the end. Ids of columns,
 * options that follow from others and all checks beyond the words are left to pfs_schema_complete, which a table made
 * by LIKE goes through as well. */
#include <assert.h>
#include <string.h>

#include "base/limits.h"
#include "src/sql/parse.h"

struct body {
    struct pfs_field *field;
    int32_t columns, room;
    const char **primary;
    int32_t primaries;
    const char **partition;
    int32_t partitions;
};

static int add_column(struct pfs_parser *p, struct body *b, struct pfs_field **out)
{
    if (b->columns == PFS_COLUMNS_MAX)
        return pfs_fail(p->err, EINVAL, "more than %d columns", PFS_COLUMNS_MAX);
    PFS_TRY(pfs_parser_room(p, &b->field, b->columns, &b->room, sizeof(*b->field)));
    assert(b->columns < b->room);
    *out = &b->field[b->columns++];
    return 0;
}

/* (a, b, ...) */
static int name_list(struct pfs_parser *p, const char ***out, int32_t *count)
{
    const char **list = pfs_arena_array(p->arena, PFS_COLUMNS_MAX, sizeof(*list));

    *count = 0;
    if (list == NULL)
        return pfs_arena_full(p->arena, p->err);
    PFS_TRY(pfs_parser_want(p, "("));
    do {
        if (*count == PFS_COLUMNS_MAX)
            return pfs_parser_expected(p, "fewer names");
        PFS_TRY(pfs_parser_name(p, "a column name", &list[*count]));
        (*count)++;
    } while (pfs_parser_take(p, ","));
    *out = list;
    return pfs_parser_want(p, ")");
}

/* [CONSTRAINT name] PRIMARY KEY (a, b) [NOT ENFORCED] */
static int primary_key(struct pfs_parser *p, struct body *b)
{
    const char *ignored;

    if (pfs_parser_take(p, "CONSTRAINT"))
        PFS_TRY(pfs_parser_name(p, "a constraint name", &ignored));
    PFS_TRY(pfs_parser_want(p, "PRIMARY"));
    PFS_TRY(pfs_parser_want(p, "KEY"));
    if (b->primary != NULL)
        return pfs_fail(p->err, EINVAL, "PRIMARY KEY is given twice");
    PFS_TRY(name_list(p, &b->primary, &b->primaries));
    if (pfs_parser_take(p, "NOT"))
        return pfs_parser_want(p, "ENFORCED");
    return 0;
}

/* Types have a grammar of their own, which is the schema file's: its parser reads from the text, and the lexer goes on
 * behind what it used. */
int pfs_parser_type(struct pfs_parser *p, const char *name, struct pfs_type *out)
{
    struct pfs_slice rest = p->lexer.text;
    int line, column;
    size_t used;

    assert(p->word.from <= rest.len);
    rest.at += p->word.from;
    rest.len -= p->word.from;
    if (pfs_type_parse(rest, &used, p->arena, out, p->err) < 0) {
        pfs_lex_place(p->lexer.text, p->word.from, &line, &column);
        return pfs_wrap(p->err, "line %d, column %d: the type of %s", line, column, name);
    }
    assert(used <= rest.len);
    p->lexer.pos = p->word.from + used;
    pfs_parser_step(p);
    return 0;
}

/* What stands behind a column's type, in any order. */
static int column_tail(struct pfs_parser *p, struct body *b, struct pfs_field *f)
{
    for (;;) {
        if (pfs_parser_take(p, "COMMENT")) {
            PFS_TRY(pfs_parser_string(p, "a comment in quotes", &f->comment));
        } else if (pfs_parser_take(p, "DEFAULT")) {
            PFS_TRY(pfs_parser_literal(p, &f->default_value));
        } else if (pfs_parser_take(p, "NOT")) {
            PFS_TRY(pfs_parser_want(p, "NULL"));
            f->type.nullable = false;
        } else if (pfs_parser_take(p, "NULL")) {
            f->type.nullable = true;
        } else if (pfs_parser_take(p, "PRIMARY")) {
            PFS_TRY(pfs_parser_want(p, "KEY"));
            if (b->primary != NULL)
                return pfs_fail(p->err, EINVAL, "PRIMARY KEY is given twice");
            b->primary = pfs_arena_array(p->arena, 1, sizeof(*b->primary));
            if (b->primary == NULL)
                return pfs_arena_full(p->arena, p->err);
            b->primary[b->primaries++] = f->name;
            if (pfs_parser_take(p, "NOT"))
                PFS_TRY(pfs_parser_want(p, "ENFORCED"));
        } else {
            return 0;
        }
    }
}

/* An id of -1 is one to be given: ids are unique in the whole schema, nested fields included. */
static int column(struct pfs_parser *p, struct body *b)
{
    struct pfs_field *f = NULL;

    PFS_TRY(add_column(p, b, &f));
    f->id = -1;
    PFS_TRY(pfs_parser_name(p, "a column name", &f->name));
    if (pfs_parser_is(p, "AS"))
        return pfs_fail(p->err, EOPNOTSUPP, "column %s is computed, which belongs to a query and not to a stored table",
                        f->name);
    PFS_TRY(pfs_parser_type(p, f->name, &f->type));
    PFS_TRY(column_tail(p, b, f));
    if (pfs_parser_is(p, "METADATA"))
        return pfs_fail(p->err, EOPNOTSUPP, "column %s is a connector's METADATA, which a stored table does not have",
                        f->name);
    return 0;
}

/* A column may be called primary or watermark, in quotes. */
static int columns(struct pfs_parser *p, struct body *b)
{
    PFS_TRY(pfs_parser_want(p, "("));
    do {
        if (!p->word.quoted && (pfs_parser_is(p, "PRIMARY") || pfs_parser_is(p, "CONSTRAINT")))
            PFS_TRY(primary_key(p, b));
        else if (pfs_parser_is(p, "WATERMARK"))
            return pfs_fail(p->err, EOPNOTSUPP, "WATERMARK belongs to a stream's definition, not to a stored table");
        else
            PFS_TRY(column(p, b));
    } while (pfs_parser_take(p, ","));
    return pfs_parser_want(p, ")");
}

/* Names of columns are compared as they are: Paimon tells them apart by case. */
static int find(struct pfs_parser *p, const struct body *b, const char *name, const char *what, int32_t *out)
{
    for (int32_t i = 0; i < b->columns; i++)
        if (strcmp(b->field[i].name, name) == 0) {
            *out = i;
            return 0;
        }
    return pfs_fail(p->err, EINVAL, "%s names %s, which is no column", what, name);
}

static int resolve(struct pfs_parser *p, const struct body *b, const char *const *name, int32_t count, const char *what,
                   int32_t **out)
{
    int32_t *index = pfs_arena_array(p->arena, (size_t)count, sizeof(*index));

    assert(count >= 0);
    if (index == NULL)
        return pfs_arena_full(p->arena, p->err);
    for (int32_t i = 0; i < count; i++)
        PFS_TRY(find(p, b, name[i], what, &index[i]));
    *out = index;
    return 0;
}

/* Before keys are resolved: a key of a name that two columns have would be either. */
static int check_distinct(struct pfs_parser *p, const struct body *b)
{
    for (int32_t i = 0; i < b->columns; i++)
        for (int32_t k = i + 1; k < b->columns; k++)
            if (strcmp(b->field[i].name, b->field[k].name) == 0)
                return pfs_fail(p->err, EINVAL, "column %s is defined twice", b->field[i].name);
    return 0;
}

/* Partition columns are named, or (as in Spark's notes) defined here: then they come behind the others. */
static int partitioned_by(struct pfs_parser *p, struct body *b)
{
    PFS_TRY(pfs_parser_want(p, "BY"));
    b->partition = pfs_arena_array(p->arena, PFS_COLUMNS_MAX, sizeof(*b->partition));
    if (b->partition == NULL)
        return pfs_arena_full(p->arena, p->err);
    b->partitions = 0;
    PFS_TRY(pfs_parser_want(p, "("));
    do {
        struct pfs_parser before = *p;
        const char **name = &b->partition[b->partitions];

        if (b->partitions == PFS_COLUMNS_MAX)
            return pfs_parser_expected(p, "fewer names");
        PFS_TRY(pfs_parser_name(p, "a column name", name));
        if (!pfs_parser_is(p, ",") && !pfs_parser_is(p, ")")) {
            *p = before;
            PFS_TRY(column(p, b));
        }
        b->partitions++;
    } while (pfs_parser_take(p, ","));
    return pfs_parser_want(p, ")");
}

/* INCLUDING or EXCLUDING (taken) and what: all of a table is taken but for its options, keys or partitions, where that
 * is said. What Paimon's tables do not have may be named in Flink's words, too. */
static int like_what(struct pfs_parser *p, bool excluding, unsigned *without)
{
    static const struct {
        const char *word;
        unsigned parts;
    } whats[] = {{"ALL", PFS_LIKE_OPTIONS | PFS_LIKE_PRIMARY_KEY | PFS_LIKE_PARTITIONS},
                 {"OPTIONS", PFS_LIKE_OPTIONS},
                 {"CONSTRAINTS", PFS_LIKE_PRIMARY_KEY},
                 {"PARTITIONS", PFS_LIKE_PARTITIONS},
                 {"GENERATED", 0},
                 {"WATERMARKS", 0},
                 {"METADATA", 0},
                 {"DISTRIBUTION", 0}};

    for (size_t i = 0; i < sizeof(whats) / sizeof(whats[0]); i++)
        if (pfs_parser_take(p, whats[i].word)) {
            *without = excluding ? *without | whats[i].parts : *without & ~whats[i].parts;
            return 0;
        }
    return pfs_parser_expected(p, "ALL, OPTIONS, CONSTRAINTS or PARTITIONS");
}

/* LIKE t [(INCLUDING ALL EXCLUDING OPTIONS ...)]: columns, keys and options of that table, beside those of this one. */
static int like(struct pfs_parser *p, struct pfs_statement *s)
{
    PFS_TRY(pfs_parser_table_name(p, &s->to_database, &s->to_table, NULL));
    if (!pfs_parser_take(p, "("))
        return 0;
    while (!pfs_parser_take(p, ")")) {
        bool excluding = pfs_parser_take(p, "EXCLUDING");

        /* Options of the statement itself always come before those of the table. */
        if (!excluding && !pfs_parser_take(p, "INCLUDING") && !pfs_parser_take(p, "OVERWRITING"))
            return pfs_parser_expected(p, "INCLUDING, EXCLUDING or )");
        PFS_TRY(like_what(p, excluding, &s->like_without));
    }
    return 0;
}

/* Flink's texts have no word for BLOB: there it is a column of bytes that an option names. */
static int blobs(struct pfs_parser *p, struct body *b, const struct pfs_options *options)
{
    const char *text = pfs_options_get(options, "blob-field"), **name = NULL;
    int32_t names = 0;

    if (text != NULL)
        PFS_TRY(pfs_options_list(text, p->arena, &name, &names, p->err));
    for (int32_t i = 0; i < names; i++)
        for (int32_t c = 0; c < b->columns; c++)
            if (strcmp(b->field[c].name, name[i]) == 0 && b->field[c].type.kind == PFS_VARBINARY)
                b->field[c].type = (struct pfs_type){.kind = PFS_BLOB, .nullable = b->field[c].type.nullable};
    return 0;
}

/* What follows the columns may come in any order, as people have it in both dialects. */
int pfs_parser_table(struct pfs_parser *p, struct pfs_statement *s)
{
    struct pfs_schema *out = &s->schema;
    struct body b = {0};
    bool bare = pfs_parser_is(p, "WITH") || pfs_parser_is(p, "LIKE"); /* then it must be like another */

    *out = (struct pfs_schema){.version = 3};
    if (!bare && !pfs_parser_is(p, "AS"))
        PFS_TRY(columns(p, &b));
    for (;;) {
        if (pfs_parser_take(p, "COMMENT"))
            PFS_TRY(pfs_parser_string(p, "a comment in quotes", &out->comment));
        else if (pfs_parser_take(p, "PARTITIONED"))
            PFS_TRY(partitioned_by(p, &b));
        else if (pfs_parser_take(p, "WITH") || pfs_parser_take(p, "TBLPROPERTIES"))
            PFS_TRY(pfs_parser_options(p, true, &out->options));
        else if (pfs_parser_take(p, "USING"))
            PFS_TRY(pfs_parser_want(p, "paimon"));
        else if (s->to_table == NULL && pfs_parser_take(p, "LIKE"))
            PFS_TRY(like(p, s));
        else
            break;
    }
    if (pfs_parser_is(p, "AS"))
        return pfs_fail(p->err, EOPNOTSUPP,
                        "CREATE TABLE ... AS SELECT: make the table, then write the rows to its inbox");
    PFS_TRY(check_distinct(p, &b));
    if (bare && s->to_table == NULL)
        return pfs_parser_expected(p, "LIKE and the name of a table");
    PFS_TRY(blobs(p, &b, &out->options));
    out->columns = b.columns;
    out->field = b.field;
    out->primary_keys = b.primaries;
    out->partition_keys = b.partitions;
    PFS_TRY(resolve(p, &b, b.primary, b.primaries, "PRIMARY KEY", &out->primary_key));
    return resolve(p, &b, b.partition, b.partitions, "PARTITIONED BY", &out->partition_key);
}
