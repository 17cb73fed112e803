/* parse.c - one statement, word by word, by a function for each rule; the rule stands above it where the name does not
 * say it. No rule goes back further than one word, but for the few that copy the parser before they try.
 *
 * A statement is parsed only when its end is there: half of one, fed piece by piece, is no error. */
#include "src/sql/parse.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- the parser's hands ---- */

void pfs_parser_step(struct pfs_parser *p)
{
    p->word = pfs_lex(&p->lexer);
}

/* A quoted word is a name whatever it spells; signs are compared like words. */
bool pfs_parser_is(const struct pfs_parser *p, const char *word)
{
    size_t len = strlen(word);

    return !p->word.quoted && (p->word.kind == PFS_WORD_NAME || p->word.kind == PFS_WORD_SIGN) &&
           p->word.text.len == len && strncasecmp((const char *)p->word.text.at, word, len) == 0;
}

bool pfs_parser_take(struct pfs_parser *p, const char *word)
{
    if (!pfs_parser_is(p, word))
        return false;
    pfs_parser_step(p);
    return true;
}

/* What was found is quoted from the text, at most 40 bytes of it: a whole string literal would hide the sentence. */
int pfs_parser_expected(struct pfs_parser *p, const char *what)
{
    struct pfs_slice found = pfs_slice_of(p->lexer.text.at + p->word.from, p->word.to - p->word.from);
    int line, column;

    assert(p->word.from <= p->word.to);
    assert(p->word.to <= p->lexer.text.len);
    pfs_lex_place(p->lexer.text, p->word.from, &line, &column);
    if (found.len > 40)
        found.len = 40;
    if (p->word.kind == PFS_WORD_FULL)
        return pfs_arena_full(p->arena, p->err);
    if (p->word.kind == PFS_WORD_BAD)
        return pfs_fail(p->err, EINVAL, "line %d, column %d: an unclosed quote or comment, or a stray character", line,
                        column);
    if (p->word.kind == PFS_WORD_END)
        return pfs_fail(p->err, EINVAL, "line %d, column %d: expected %s, found the end", line, column, what);
    return pfs_fail(p->err, EINVAL, "line %d, column %d: expected %s, found %.*s", line, column, what, PFS_P(found));
}

int pfs_parser_want(struct pfs_parser *p, const char *word)
{
    return pfs_parser_take(p, word) ? 0 : pfs_parser_expected(p, word);
}

/* Names and strings become C strings from here on: a NUL inside would cut them silently. */
static int take_text(struct pfs_parser *p, const char **out)
{
    if (memchr(p->word.text.at, 0, p->word.text.len) != NULL)
        return pfs_parser_expected(p, "text without a NUL character");
    *out = pfs_arena_string(p->arena, p->word.text);
    if (*out == NULL)
        return pfs_arena_full(p->arena, p->err);
    pfs_parser_step(p);
    return 0;
}

int pfs_parser_name(struct pfs_parser *p, const char *what, const char **out)
{
    if (p->word.kind != PFS_WORD_NAME || p->word.text.len == 0)
        return pfs_parser_expected(p, what);
    return take_text(p, out);
}

int pfs_parser_string(struct pfs_parser *p, const char *what, const char **out)
{
    if (p->word.kind != PFS_WORD_STRING)
        return pfs_parser_expected(p, what);
    return take_text(p, out);
}

/* DATE '2026-11-20': the kind is the column's, too. */
static bool take_kind(struct pfs_parser *p)
{
    static const char *const kinds[] = {"DATE", "TIME", "TIMESTAMP"};
    struct pfs_parser before = *p;

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (pfs_parser_take(p, kinds[i]) && p->word.kind == PFS_WORD_STRING)
            return true;
    *p = before;
    return false;
}

int pfs_parser_literal(struct pfs_parser *p, const char **out)
{
    if (pfs_parser_take(p, "NULL")) {
        *out = NULL;
        return 0;
    }
    if (p->word.kind == PFS_WORD_STRING || p->word.kind == PFS_WORD_NUMBER || pfs_parser_is(p, "TRUE") ||
        pfs_parser_is(p, "FALSE") || take_kind(p))
        return take_text(p, out);
    return pfs_parser_expected(p, "a literal");
}

/* Lists grow by doubling in the arena; the old ones go with it. */
int pfs_parser_room(struct pfs_parser *p, void *list, int32_t count, int32_t *room, size_t size)
{
    void *more, *old;

    assert(count >= 0);
    assert(count <= *room);
    assert(size > 0);
    if (count < *room)
        return 0;
    more = pfs_arena_array(p->arena, *room == 0 ? 16 : (size_t)*room * 2, size);
    if (more == NULL)
        return pfs_arena_full(p->arena, p->err);
    memcpy(&old, list, sizeof(old)); /* a pointer of whatever type */
    if (count > 0)
        memcpy(more, old, (size_t)count * size);
    memcpy(list, &more, sizeof(more));
    *room = *room == 0 ? 16 : *room * 2;
    return 0;
}

static int compare_options(const void *a, const void *b)
{
    return strcmp(((const struct pfs_option *)a)->key, ((const struct pfs_option *)b)->key);
}

/* A key: a string, or (Spark) a bare name with dots. */
static int option_key(struct pfs_parser *p, const char **out)
{
    if (p->word.kind == PFS_WORD_STRING)
        return take_text(p, out);
    PFS_TRY(pfs_parser_name(p, "an option's key in quotes", out));
    while (pfs_parser_take(p, ".")) {
        const char *more;

        PFS_TRY(pfs_parser_name(p, "the rest of an option's key", &more));
        *out = pfs_arena_printf(p->arena, "%s.%s", *out, more);
        if (*out == NULL)
            return pfs_arena_full(p->arena, p->err);
    }
    return 0;
}

/* Notes have some options by names that are not Paimon's own. */
static void rename_option(struct pfs_option *o)
{
    static const char suffix[] = "aggregate-function";
    size_t len, tail = sizeof(suffix) - 1;

    if (strcmp(o->key, "changelog-producer.lookup-wait") == 0)
        o->key = "lookup-wait";
    len = strlen(o->key);
    if (o->value != NULL && len > tail && strcmp(o->key + len - tail, suffix) == 0 &&
        strcasecmp(o->value, "last_non_null") == 0)
        o->value = "last_non_null_value";
}

int pfs_parser_options(struct pfs_parser *p, bool values, struct pfs_options *out)
{
    struct pfs_option *item = NULL;
    int32_t count = 0, room = 0;

    PFS_TRY(pfs_parser_want(p, "("));
    do {
        PFS_TRY(pfs_parser_room(p, &item, count, &room, sizeof(*item)));
        PFS_TRY(option_key(p, &item[count].key));
        if (values) {
            PFS_TRY(pfs_parser_want(p, "="));
            PFS_TRY(pfs_parser_literal(p, &item[count].value));
            if (item[count].value == NULL)
                return pfs_fail(p->err, EINVAL, "option %s has no value", item[count].key);
        }
        rename_option(&item[count]);
        if (strcmp(item[count].key, "connector") == 0 && values && strcmp(item[count].value, "paimon") == 0)
            continue;
        count++;
    } while (pfs_parser_take(p, ","));
    PFS_TRY(pfs_parser_want(p, ")"));
    /* A schema file has its options sorted, as Paimon writes them. */
    if (count > 0)
        qsort(item, (size_t)count, sizeof(*item), compare_options);
    for (int32_t i = 1; i < count; i++)
        if (strcmp(item[i - 1].key, item[i].key) == 0)
            return pfs_fail(p->err, EINVAL, "option %s is given twice", item[i].key);
    *out = (struct pfs_options){count, item};
    return 0;
}

/* ---- names of databases and tables ---- */

/* The next parts of a name that has a dot and something on both sides of it. */
static bool split_name(const char *whole, const char **head, const char **tail)
{
    char *dot = strchr(whole, '.');

    if (dot == NULL || dot == whole || dot[1] == '\0')
        return false;
    *dot = '\0';
    *head = whole;
    *tail = dot + 1;
    return true;
}

/* There is one catalog here, whatever it is called elsewhere: its name before a database's is stepped over. */
int pfs_parser_table_name(struct pfs_parser *p, const char **database, const char **table, const char **branch)
{
    char *mark;

    PFS_TRY(pfs_parser_name(p, "a table name", table));
    if (pfs_parser_take(p, ".")) {
        *database = *table;
        PFS_TRY(pfs_parser_name(p, "a table name", table));
        if (pfs_parser_take(p, ".")) {
            *database = *table;
            PFS_TRY(pfs_parser_name(p, "a table name", table));
        }
    } else {
        (void)split_name(*table, database, table);
    }
    mark = branch == NULL ? NULL : strstr(*table, "$branch_");
    if (mark != NULL) {
        *mark = '\0';
        *branch = mark + strlen("$branch_");
    }
    return 0;
}

/* The same for a database. */
static int database_name(struct pfs_parser *p, const char **out)
{
    PFS_TRY(pfs_parser_name(p, "a database name", out));
    return pfs_parser_take(p, ".") ? pfs_parser_name(p, "a database name", out) : 0;
}

static int table_name(struct pfs_parser *p, struct pfs_statement *out)
{
    return pfs_parser_table_name(p, &out->database, &out->table, &out->branch);
}

static int if_exists(struct pfs_parser *p, bool negated, struct pfs_statement *out)
{
    if (!pfs_parser_take(p, "IF"))
        return 0;
    if (negated)
        PFS_TRY(pfs_parser_want(p, "NOT"));
    out->if_exists = true;
    return pfs_parser_want(p, "EXISTS");
}

/* ---- statements ---- */

/* A location is noted, for whoever executes it refuses it; all other properties of a database mean nothing on disk. */
static int create_database(struct pfs_parser *p, struct pfs_statement *out)
{
    const char *comment;
    struct pfs_options ignored = {0};

    out->kind = PFS_SQL_CREATE_DATABASE;
    PFS_TRY(if_exists(p, true, out));
    PFS_TRY(database_name(p, &out->database));
    if (pfs_parser_take(p, "COMMENT"))
        PFS_TRY(pfs_parser_string(p, "a comment in quotes", &comment));
    if (pfs_parser_take(p, "WITH"))
        PFS_TRY(pfs_parser_options(p, true, &ignored));
    out->elsewhere = pfs_options_get(&ignored, "location") != NULL;
    return 0;
}

/* A database, or a table and all that belongs to it. */
static int create(struct pfs_parser *p, struct pfs_statement *out)
{
    if (pfs_parser_take(p, "DATABASE") || pfs_parser_take(p, "SCHEMA"))
        return create_database(p, out);
    if (pfs_parser_is(p, "CATALOG"))
        return pfs_fail(p->err, EOPNOTSUPP, "CREATE CATALOG: the warehouse is the catalog, and is there; leave it out");
    PFS_TRY(pfs_parser_want(p, "TABLE"));
    out->kind = PFS_SQL_CREATE_TABLE;
    PFS_TRY(if_exists(p, true, out));
    PFS_TRY(table_name(p, out));
    return pfs_parser_table(p, out);
}

/* RESTRICT is what happens without a word. */
static int drop(struct pfs_parser *p, struct pfs_statement *out)
{
    if (pfs_parser_take(p, "DATABASE") || pfs_parser_take(p, "SCHEMA")) {
        out->kind = PFS_SQL_DROP_DATABASE;
        PFS_TRY(if_exists(p, false, out));
        PFS_TRY(database_name(p, &out->database));
        out->cascade = pfs_parser_take(p, "CASCADE");
        (void)pfs_parser_take(p, "RESTRICT");
        return 0;
    }
    PFS_TRY(pfs_parser_want(p, "TABLE"));
    out->kind = PFS_SQL_DROP_TABLE;
    PFS_TRY(if_exists(p, false, out));
    PFS_TRY(table_name(p, out));
    (void)pfs_parser_take(p, "PURGE");
    return 0;
}

#define PARTITIONS_MAX 1000   /* of one statement, as are the next two */
#define PARTITION_KEYS_MAX 64 /* in one spec */

/* (k = 'v', ...) */
static int partition(struct pfs_parser *p, struct pfs_options *out)
{
    assert(out->count == 0);
    out->item = pfs_arena_array(p->arena, PARTITION_KEYS_MAX, sizeof(*out->item));
    if (out->item == NULL)
        return pfs_arena_full(p->arena, p->err);
    PFS_TRY(pfs_parser_want(p, "("));
    do {
        struct pfs_option *o = &out->item[out->count];

        if (out->count == PARTITION_KEYS_MAX)
            return pfs_parser_expected(p, "fewer partition columns");
        PFS_TRY(pfs_parser_name(p, "a partition column", &o->key));
        PFS_TRY(pfs_parser_want(p, "="));
        PFS_TRY(pfs_parser_literal(p, &o->value));
        out->count++;
    } while (pfs_parser_take(p, ","));
    return pfs_parser_want(p, ")");
}

static int one_partition(struct pfs_parser *p, struct pfs_statement *out)
{
    struct pfs_options *one = pfs_arena_zalloc(p->arena, sizeof(*one));

    if (one == NULL)
        return pfs_arena_full(p->arena, p->err);
    out->partition = one;
    out->partitions = 1;
    return partition(p, one);
}

/* SHOW what [FROM | IN] t, with what narrows it. */
static int show_of_table(struct pfs_parser *p, struct pfs_statement *out)
{
    static const struct {
        const char *word;
        enum pfs_statement_kind kind;
    } whats[] = {{"PARTITIONS", PFS_SQL_SHOW_PARTITIONS},
                 {"COLUMNS", PFS_SQL_DESCRIBE},
                 {"TBLPROPERTIES", PFS_SQL_SHOW_PROPERTIES},
                 {"TAGS", PFS_SQL_SHOW_TAGS},
                 {"BRANCHES", PFS_SQL_SHOW_BRANCHES}};
    size_t i = 0, count = sizeof(whats) / sizeof(whats[0]);

    while (i < count && !pfs_parser_take(p, whats[i].word))
        i++;
    if (i == count)
        return pfs_parser_expected(p, "DATABASES, TABLES, CREATE TABLE, COLUMNS, PARTITIONS, TBLPROPERTIES, TAGS or "
                                      "BRANCHES");
    out->kind = whats[i].kind;
    if (!pfs_parser_take(p, "FROM"))
        (void)pfs_parser_take(p, "IN");
    PFS_TRY(table_name(p, out));
    if (out->kind == PFS_SQL_SHOW_PARTITIONS && pfs_parser_take(p, "PARTITION"))
        return one_partition(p, out);
    if (out->kind != PFS_SQL_SHOW_PROPERTIES || !pfs_parser_take(p, "("))
        return 0;
    PFS_TRY(option_key(p, &out->key));
    return pfs_parser_want(p, ")");
}

static int names_like(struct pfs_parser *p, struct pfs_statement *out)
{
    return pfs_parser_take(p, "LIKE") ? pfs_parser_literal(p, &out->like) : 0;
}

static int show(struct pfs_parser *p, struct pfs_statement *out)
{
    if (pfs_parser_take(p, "DATABASES") || pfs_parser_take(p, "SCHEMAS")) {
        out->kind = PFS_SQL_SHOW_DATABASES;
        return names_like(p, out);
    }
    if (pfs_parser_take(p, "CREATE")) {
        out->kind = PFS_SQL_SHOW_CREATE_TABLE;
        PFS_TRY(pfs_parser_want(p, "TABLE"));
        return table_name(p, out);
    }
    if (pfs_parser_take(p, "TABLES")) {
        out->kind = PFS_SQL_SHOW_TABLES;
        if (pfs_parser_take(p, "FROM") || pfs_parser_take(p, "IN"))
            PFS_TRY(database_name(p, &out->database));
        return names_like(p, out);
    }
    return show_of_table(p, out);
}

/* EXTENDED and FORMATTED may stand before the name, and may be the name. */
static int describe(struct pfs_parser *p, struct pfs_statement *out)
{
    struct pfs_parser before;

    out->kind = PFS_SQL_DESCRIBE;
    (void)pfs_parser_take(p, "TABLE");
    before = *p;
    if ((pfs_parser_take(p, "EXTENDED") || pfs_parser_take(p, "FORMATTED")) && p->word.kind != PFS_WORD_NAME)
        *p = before; /* it is the table's name */
    return table_name(p, out);
}

/* USE CATALOG c: there is one here, whatever it is called. A database may be called `catalog` all the same. */
static int use(struct pfs_parser *p, struct pfs_statement *out)
{
    struct pfs_parser before = *p;
    const char *catalog;

    out->kind = PFS_SQL_USE;
    if (pfs_parser_take(p, "CATALOG") && p->word.kind == PFS_WORD_NAME)
        return pfs_parser_name(p, "a catalog's name", &catalog);
    *p = before;
    return database_name(p, &out->database);
}

/* [IF EXISTS] PARTITION (...), PARTITION (...) */
int pfs_parser_drop_partitions(struct pfs_parser *p, struct pfs_statement *out)
{
    struct pfs_options *list = pfs_arena_array(p->arena, PARTITIONS_MAX, sizeof(*list));

    if (list == NULL)
        return pfs_arena_full(p->arena, p->err);
    out->kind = PFS_SQL_DROP_PARTITIONS;
    out->partition = list;
    if (pfs_parser_take(p, "IF"))
        PFS_TRY(pfs_parser_want(p, "EXISTS"));
    do {
        if (out->partitions == PARTITIONS_MAX)
            return pfs_parser_expected(p, "fewer partitions");
        PFS_TRY(pfs_parser_want(p, "PARTITION"));
        PFS_TRY(partition(p, &list[out->partitions++]));
    } while (pfs_parser_take(p, ","));
    return 0;
}

/* Of rows alone: its schema, tags and branches stay. */
static int truncate_table(struct pfs_parser *p, struct pfs_statement *out)
{
    out->kind = PFS_SQL_TRUNCATE_TABLE;
    PFS_TRY(pfs_parser_want(p, "TABLE"));
    return table_name(p, out);
}

/* IF EXISTS stands in front of the name, and is about the table. */
static int alter(struct pfs_parser *p, struct pfs_statement *out)
{
    if (pfs_parser_is(p, "DATABASE") || pfs_parser_is(p, "SCHEMA"))
        return pfs_fail(p->err, EOPNOTSUPP, "ALTER DATABASE: a database is a directory, and has nothing to alter");
    PFS_TRY(pfs_parser_want(p, "TABLE"));
    PFS_TRY(if_exists(p, false, out));
    PFS_TRY(table_name(p, out));
    return pfs_parser_alter(p, out);
}

#define ARGUMENTS_MAX 32

/* name => value, or a value alone */
static int argument(struct pfs_parser *p, struct pfs_argument *out)
{
    if (p->word.kind == PFS_WORD_NAME &&
        (p->word.quoted || (!pfs_parser_is(p, "TRUE") && !pfs_parser_is(p, "FALSE") && !pfs_parser_is(p, "NULL")))) {
        PFS_TRY(pfs_parser_name(p, "an argument's name", &out->name));
        PFS_TRY(pfs_parser_want(p, "=>"));
    }
    return pfs_parser_literal(p, &out->value);
}

/* sys. or catalog.sys. : there is one catalog here, whatever it is called elsewhere. */
static int sys(struct pfs_parser *p)
{
    const char *catalog;

    if (!pfs_parser_is(p, "sys") && p->word.kind == PFS_WORD_NAME) {
        struct pfs_parser before = *p;

        PFS_TRY(pfs_parser_name(p, "sys", &catalog));
        if (!pfs_parser_take(p, ".") || !pfs_parser_is(p, "sys"))
            *p = before;
    }
    PFS_TRY(pfs_parser_want(p, "sys"));
    return pfs_parser_want(p, ".");
}

static int call(struct pfs_parser *p, struct pfs_statement *out)
{
    struct pfs_argument *list = pfs_arena_array(p->arena, ARGUMENTS_MAX, sizeof(*list));

    if (list == NULL)
        return pfs_arena_full(p->arena, p->err);
    out->kind = PFS_SQL_CALL;
    PFS_TRY(sys(p));
    PFS_TRY(pfs_parser_name(p, "a procedure's name", &out->procedure));
    PFS_TRY(pfs_parser_want(p, "("));
    out->argument = list;
    if (pfs_parser_take(p, ")"))
        return 0;
    do {
        if (out->arguments == ARGUMENTS_MAX)
            return pfs_parser_expected(p, "fewer arguments");
        PFS_TRY(argument(p, &list[out->arguments++]));
    } while (pfs_parser_take(p, ","));
    return pfs_parser_want(p, ")");
}

static const struct {
    const char *word;
    int (*parse)(struct pfs_parser *p, struct pfs_statement *out);
} verbs[] = {{"CREATE", create}, {"DROP", drop},   {"SHOW", show}, {"DESCRIBE", describe},      {"DESC", describe},
             {"USE", use},       {"ALTER", alter}, {"CALL", call}, {"TRUNCATE", truncate_table}};

/* What people have in their notes, and the mount has in other ways. */
static const struct {
    const char *word, *sentence;
} elsewhere[] = {
    {"SELECT", "rows are read from files, as snapshot/latest.csv and where/, not by SELECT"},
    {"WITH", "rows are read from files, as snapshot/latest.csv and where/, not by SELECT"},
    {"INSERT", "rows are written to the file inbox, or to overwrite, not by INSERT"},
    {"UPDATE", "rows are written to the file inbox, not by UPDATE"},
    {"DELETE", "rows are deleted by writing them to inbox with the _kind -D, not by DELETE"},
    {"MERGE", "rows are written to the file inbox, not by MERGE"},
    {"SET", "SET is about the session of an engine; options of a table are set by ALTER TABLE ... SET"},
    {"RESET", "RESET is about the session of an engine; options of a table are reset by ALTER TABLE ... RESET"},
};

static int statement(struct pfs_parser *p, struct pfs_statement *out)
{
    int line, column;

    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (pfs_parser_take(p, verbs[i].word))
            return verbs[i].parse(p, out);
    for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++)
        if (pfs_parser_is(p, elsewhere[i].word)) {
            pfs_lex_place(p->lexer.text, p->word.from, &line, &column);
            return pfs_fail(p->err, EINVAL, "line %d, column %d: %s", line, column, elsewhere[i].sentence);
        }
    return pfs_parser_expected(p, "CREATE, DROP, SHOW, DESCRIBE, USE, ALTER, TRUNCATE or CALL");
}

size_t pfs_sql_complete(struct pfs_slice text, struct pfs_arena *arena)
{
    struct pfs_lexer lexer = {text, 0, arena};
    size_t complete = 0;

    for (;;) {
        struct pfs_word w = pfs_lex(&lexer);

        if (w.kind == PFS_WORD_SIGN && w.text.at[0] == ';')
            complete = w.to;
        if (w.kind == PFS_WORD_END || w.kind == PFS_WORD_BAD || w.kind == PFS_WORD_FULL)
            return complete;
    }
}

/* 0: there is a ';' outside quotes and comments from there on; bare -EAGAIN: there is none. */
static int find_end(struct pfs_lexer lexer, struct pfs_err *err)
{
    for (;;) {
        struct pfs_word w = pfs_lex(&lexer);

        if (w.kind == PFS_WORD_SIGN && w.text.at[0] == ';')
            return 0;
        if (w.kind == PFS_WORD_FULL)
            return pfs_arena_full(lexer.arena, err);
        if (w.kind == PFS_WORD_END || w.kind == PFS_WORD_BAD)
            return -EAGAIN;
    }
}

/* Empty statements, as ';;' has them, are passed over. */
int pfs_sql_parse(struct pfs_slice text, size_t *used, struct pfs_arena *arena, struct pfs_statement *out,
                  struct pfs_err *err)
{
    struct pfs_parser p = {.lexer = {text, *used, arena}, .arena = arena, .err = err};

    *out = (struct pfs_statement){0};
    pfs_parser_step(&p);
    while (pfs_parser_is(&p, ";"))
        pfs_parser_step(&p);
    if (p.word.kind == PFS_WORD_END) {
        *used = text.len;
        return 0;
    }
    PFS_TRY(find_end((struct pfs_lexer){text, *used, arena}, err));
    out->text = pfs_slice_of(text.at + p.word.from, 0);
    PFS_TRY(statement(&p, out));
    if (!pfs_parser_is(&p, ";"))
        return pfs_parser_expected(&p, "; at the end of the statement");
    out->text.len = p.word.from - (size_t)(out->text.at - text.at);
    *used = p.word.to;
    assert(*used <= text.len);
    return 1;
}
