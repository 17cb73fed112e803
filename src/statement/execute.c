/* execute.c - statements carried out: one function a kind, found in one table.
 *
 * Each is complete, durable and visible when its function returns 0; nothing spans statements, so that a text that
 * fails half-way leaves what came before. Sentences about what is there already or is not there are Paimon's own words,
 * since people look for those. An answer is CSV with a header, or the one row OK. */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "base/mem.h"
#include "src/merge/engine.h"
#include "src/meta/names.h"
#include "src/sql/sql.h"
#include "src/statement/answer.h"
#include "src/statement/procedures.h"
#include "src/statement/show.h"
#include "src/statement/specs.h"
#include "src/statement/statement.h"
#include "src/table/parts.h"
#include "src/table/table.h"

#define DATABASE_DEFAULT "default"

struct execution {
    struct pfs_catalog *catalog;
    const char *database;    /* the current one */
    struct pfs_arena *arena; /* of the statements */
    struct pfs_buf *answer;
};

typedef int execute_fn(struct execution *x, const struct pfs_statement *s, struct pfs_err *err);

/* Names in a statement are of the current database where they say none: USE changes it for what follows in the text. */
static const char *database_of(const struct execution *x, const struct pfs_statement *s)
{
    return s->database != NULL ? s->database : x->database;
}

static int done(struct execution *x)
{
    pfs_buf_puts(x->answer, "result\nOK\n");
    return 0;
}

/* A header, and a name a line. */
static int put_names(struct execution *x, const char *header, const char *const *names, int64_t count)
{
    pfs_answer_cell(x->answer, header, '\n');
    for (int64_t i = 0; i < count; i++)
        pfs_answer_cell(x->answer, names[i], '\n');
    return 0;
}

/* % and *, which Flink and Spark write, are any run of characters, _ is one. */
static bool is_like(const char *name, const char *pattern)
{
    const char *again = NULL, *from = NULL; /* the newest run, and where its text ends for now */

    while (*name != '\0') {
        if (*pattern == '%' || *pattern == '*') {
            again = ++pattern;
            from = name;
        } else if (*pattern == '_' || *pattern == *name) {
            while (*pattern == '_' && (name[1] & 0xc0) == 0x80) /* a character may have several bytes */
                name++;
            pattern++;
            name++;
        } else if (again != NULL) {
            pattern = again;
            name = ++from;
        } else {
            return false;
        }
    }
    while (*pattern == '%' || *pattern == '*')
        pattern++;
    return *pattern == '\0';
}

/* The names that LIKE leaves, in their order; how many. */
static int64_t keep_like(const struct pfs_statement *s, const char **names, int64_t count)
{
    int64_t kept = 0;

    for (int64_t i = 0; i < count; i++)
        if (s->like == NULL || is_like(names[i], s->like))
            names[kept++] = names[i];
    return kept;
}

/* ---- databases ---- */

static int create_database(struct execution *x, const struct pfs_statement *s, struct pfs_err *err)
{
    int rc;

    assert(s->database != NULL);
    if (s->elsewhere)
        return pfs_fail(err, EINVAL, "Cannot specify location for a database when using fileSystem catalog.");
    rc = pfs_catalog_create_database(x->catalog, s->database, err);
    if (rc == -EEXIST && !s->if_exists)
        return pfs_fail(err, EEXIST, "Database %s already exists.", s->database);
    return rc < 0 && rc != -EEXIST ? rc : done(x);
}

static int no_database(const char *name, struct pfs_err *err)
{
    return pfs_fail(err, ENOENT, "Database %s does not exist.", name);
}

/* Table by table: a failure leaves a database with fewer tables, which the same statement goes on with. */
static int drop_database(struct execution *x, const struct pfs_statement *s, struct pfs_err *err)
{
    const char **tables;
    int64_t count;
    int rc = pfs_catalog_tables(x->catalog, s->database, x->arena, &tables, &count, err);

    if (rc == -ENOENT)
        return s->if_exists ? done(x) : no_database(s->database, err);
    if (rc < 0)
        return rc;
    if (count > 0 && !s->cascade)
        return pfs_fail(err, ENOTEMPTY, "Database %s is not empty.", s->database);
    for (int64_t i = 0; i < count; i++)
        PFS_TRY(pfs_catalog_drop_table(x->catalog, s->database, tables[i], false, err));
    PFS_TRY(pfs_catalog_drop_database(x->catalog, s->database, err));
    return done(x);
}

static int show_databases(struct execution *x, const struct pfs_statement *s, struct pfs_err *err)
{
    const char **names;
    int64_t count;

    PFS_TRY(pfs_catalog_databases(x->catalog, x->arena, &names, &count, err));
    return put_names(x, "database name", names, keep_like(s, names, count));
}

static int show_tables(struct execution *x, const struct pfs_statement *s, struct pfs_err *err)
{
    const char **names, *database = database_of(x, s);
    int64_t count;
    int rc = pfs_catalog_tables(x->catalog, database, x->arena, &names, &count, err);

    if (rc == -ENOENT)
        return no_database(database, err);
    return rc < 0 ? rc : put_names(x, "table name", names, keep_like(s, names, count));
}

/* It has to be there, so that a misspelled name is told here and not by the statements behind it. */
static int use_database(struct execution *x, const struct pfs_statement *s, struct pfs_err *err)
{
    if (s->database == NULL) /* of a catalog */
        return done(x);
    if (!pfs_catalog_has_database(x->catalog, s->database))
        return no_database(s->database, err);
    x->database = s->database;
    return done(x);
}

/* ---- tables ---- */

static int no_table_named(const char *database, const char *table, struct pfs_err *err)
{
    return pfs_fail(err, ENOENT, "Table %s.%s does not exist.", database, table);
}

/* What only a table that is made cannot have. */
static int check_new(const struct pfs_schema *schema, struct pfs_err *err)
{
    static const char *const branches[] = {"scan.fallback-branch", "scan.primary-branch"};
    const char *create = pfs_options_get(&schema->options, "auto-create");
    const char *branch = pfs_options_get(&schema->options, "branch");

    if (pfs_options_get(&schema->options, "path") != NULL)
        return pfs_fail(err, EINVAL,
                        "The current catalog FileSystemCatalog does not support specifying the table path when "
                        "creating a table.");
    if (create != NULL && strcasecmp(create, "true") == 0)
        return pfs_fail(err, EINVAL, "The value of auto-create property should be false.");
    if (branch != NULL && strcmp(branch, "main") != 0)
        return pfs_fail(err, EINVAL, "branch = %s: a table is made with its main branch", branch);
    for (size_t i = 0; i < sizeof(branches) / sizeof(branches[0]); i++) {
        branch = pfs_options_get(&schema->options, branches[i]);
        if (branch != NULL && !pfs_name_is_blank(pfs_str(branch)))
            return pfs_fail(err, EINVAL, "Cannot set '%s' = '%s' because the branch '%s' does not exist.", branches[i],
                            branch, branch);
    }
    return 0;
}

/* The schema of the statement, with what it takes from another table. */
static int complete_schema(struct execution *x, const struct pfs_statement *s, struct pfs_schema *out,
                           struct pfs_err *err)
{
    const char *database = s->to_database != NULL ? s->to_database : x->database;
    struct pfs_schema other;
    const char *root, *meta;
    int64_t id;
    int rc;

    *out = s->schema;
    PFS_TRY(pfs_options_check(&out->options, err));
    if (s->to_table != NULL) {
        PFS_TRY(pfs_catalog_paths(database, s->to_table, NULL, x->arena, &root, &meta, err));
        rc = pfs_schema_latest_id(pfs_catalog_store(x->catalog), meta, &id, err);
        if (rc == 0)
            rc = pfs_schema_load(pfs_catalog_store(x->catalog), meta, id, x->arena, &other, err);
        if (rc == -ENOENT)
            return no_table_named(database, s->to_table, err);
        PFS_TRY(rc);
        PFS_TRY(pfs_schema_like(&other, s->like_without, out, x->arena, err));
    }
    PFS_TRY(check_new(out, err));
    PFS_TRY(pfs_schema_complete(out, x->arena, err));
    PFS_TRY(pfs_engine_check(out, err));
    PFS_TRY(pfs_schema_supported(out, false, err)); /* a table that nothing here can read is not made */
    return pfs_table_check_defaults(out, x->arena, err);
}

/* Who asks first whether the name is free may be overtaken by another process: the first schema is published without
 * replacing, and the one who comes second is told the same. */
static int create_table(struct execution *x, const struct pfs_statement *s, struct pfs_err *err)
{
    const char *database = database_of(x, s), *root, *meta;
    struct pfs_schema schema;
    int rc;

    assert(s->table != NULL);
    PFS_TRY(pfs_catalog_check_writable(x->catalog, err));
    if (s->branch != NULL)
        return pfs_fail(err, EINVAL, "a branch is made by create_branch, not by CREATE TABLE");
    if (!pfs_catalog_has_database(x->catalog, database))
        return no_database(database, err);
    if (pfs_catalog_has_table(x->catalog, database, s->table, NULL)) {
        if (s->if_exists)
            return done(x);
        return pfs_fail(err, EEXIST, "Table %s.%s already exists.", database, s->table);
    }
    if (complete_schema(x, s, &schema, err) < 0)
        return pfs_wrap(err, "CREATE TABLE %s.%s", database, s->table);
    schema.time_ms = pfs_clock_now_ms(pfs_catalog_clock(x->catalog));
    PFS_TRY(pfs_catalog_paths(database, s->table, NULL, x->arena, &root, &meta, err));
    rc = pfs_schema_publish(pfs_catalog_store(x->catalog), root, &schema, err);
    if (rc == -EEXIST && !s->if_exists)
        return pfs_fail(err, EEXIST, "Table %s.%s already exists.", database, s->table);
    return rc < 0 && rc != -EEXIST ? rc : done(x);
}

static int no_table(const struct execution *x, const struct pfs_statement *s, struct pfs_err *err)
{
    return no_table_named(database_of(x, s), s->table, err);
}

static int drop_table(struct execution *x, const struct pfs_statement *s, struct pfs_err *err)
{
    int rc;

    assert(s->table != NULL);
    if (s->branch != NULL)
        return pfs_fail(err, EINVAL, "a branch is removed by CALL sys.delete_branch");
    rc = pfs_catalog_drop_table(x->catalog, database_of(x, s), s->table, false, err);
    if (rc == -ENOENT)
        return s->if_exists ? done(x) : no_table(x, s, err);
    return rc < 0 ? rc : done(x);
}

/* Opens the statement's table; the caller unreferences it. */
static int open_table(struct execution *x, const struct pfs_statement *s, struct pfs_table **out, struct pfs_err *err)
{
    int rc = pfs_catalog_table(x->catalog, database_of(x, s), s->table, s->branch, out, err);

    return rc == -ENOENT ? no_table(x, s, err) : rc;
}

/* What would make the table again, in one cell: it has lines and commas. */
static int show_create_table(struct execution *x, const struct pfs_statement *s, struct pfs_err *err)
{
    const struct pfs_schema *schema;
    struct pfs_buf text = {0};
    struct pfs_table *table;
    int rc;

    PFS_TRY(open_table(x, s, &table, err));
    rc = pfs_table_schema(table, &schema, err);
    if (rc == 0)
        rc = pfs_schema_print_sql(schema, database_of(x, s), s->table, &text, err);
    pfs_buf_putc(&text, 0);
    if (rc == 0)
        rc = pfs_buf_check(&text, err);
    if (rc == 0) {
        pfs_buf_puts(x->answer, "result\n");
        pfs_answer_cell(x->answer, (const char *)text.at, '\n');
    }
    pfs_buf_done(&text);
    pfs_table_unref(table);
    return rc;
}

/* As Flink's DESCRIBE: whether a column may be null has a column of its own, and does not stand with the type. */
static void describe_field(struct execution *x, const struct pfs_schema *schema, int32_t column)
{
    const struct pfs_field *f = &schema->field[column];
    struct pfs_type type = f->type;
    struct pfs_buf text = {0};
    bool key = false;

    assert(column >= 0);
    assert(column < schema->columns);
    for (int32_t i = 0; i < schema->primary_keys; i++)
        key |= schema->primary_key[i] == column;
    type.nullable = true;
    pfs_type_print(&type, &text);
    pfs_buf_putc(&text, 0);
    pfs_answer_cell(x->answer, f->name, ',');
    pfs_answer_cell(x->answer, text.failed ? "" : (const char *)text.at, ',');
    pfs_answer_cell(x->answer, f->type.nullable ? "true" : "false", ',');
    pfs_buf_puts(x->answer, key ? "PRI," : ",");
    if (f->comment != NULL)
        pfs_answer_cell(x->answer, f->comment, '\n');
    else
        pfs_buf_putc(x->answer, '\n');
    pfs_buf_done(&text);
}

/* Of the newest schema, or of the branch that is named. */
static int describe(struct execution *x, const struct pfs_statement *s, struct pfs_err *err)
{
    const struct pfs_schema *schema;
    struct pfs_table *table;
    int rc;

    PFS_TRY(open_table(x, s, &table, err));
    rc = pfs_table_schema(table, &schema, err);
    if (rc == 0) {
        pfs_buf_puts(x->answer, "name,type,null,key,comment\n");
        for (int32_t i = 0; i < schema->columns; i++)
            describe_field(x, schema, i);
    }
    pfs_table_unref(table);
    return rc;
}

static int show(struct execution *x, const struct pfs_statement *s, struct pfs_err *err)
{
    struct pfs_table *table;
    int rc;

    PFS_TRY(open_table(x, s, &table, err));
    rc = pfs_show(table, s, x->arena, x->answer, err);
    pfs_table_unref(table);
    return rc;
}

static int call(struct execution *x, const struct pfs_statement *s, struct pfs_err *err)
{
    return pfs_procedure_call(&(struct pfs_calling){x->catalog, x->database, x->arena, x->answer}, s, err);
}

/* All changes of the statement are one new schema, or none of them is made. */
static int alter_table(struct execution *x, const struct pfs_statement *s, struct pfs_err *err)
{
    struct pfs_table *table = NULL;
    int rc = pfs_catalog_table(x->catalog, database_of(x, s), s->table, s->branch, &table, err);

    if (rc == -ENOENT)
        return s->if_exists ? done(x) : no_table(x, s, err);
    if (rc == 0)
        rc = pfs_table_alter(table, s->change, s->changes, err);
    if (rc == 0)
        rc = done(x);
    pfs_table_unref(table);
    return rc;
}

/* -ENOENT has a sentence when it is about the database that the table is to go to, and none about the table. */
static int rename_table(struct execution *x, const struct pfs_statement *s, struct pfs_err *err)
{
    const char *database = s->to_database != NULL ? s->to_database : database_of(x, s);
    int rc;

    assert(s->to_table != NULL);
    if (s->branch != NULL)
        return pfs_fail(err, EINVAL, "a branch is renamed by CALL sys.rename_branch");
    rc = pfs_catalog_rename_table(x->catalog, database_of(x, s), s->table, database, s->to_table, err);
    if (rc == -ENOENT && err != NULL && err->code == 0)
        return s->if_exists ? done(x) : no_table(x, s, err);
    if (rc == -EEXIST)
        return pfs_fail(err, EEXIST, "Table %s.%s already exists.", database, s->to_table);
    return rc < 0 ? rc : done(x);
}

/* ---- rows ---- */

/* A snapshot without rows: those before it stay readable until they expire. */
static int truncate_table(struct execution *x, const struct pfs_statement *s, struct pfs_err *err)
{
    struct pfs_table *table;
    int rc;

    PFS_TRY(open_table(x, s, &table, err));
    rc = pfs_table_truncate(table, err);
    pfs_table_unref(table);
    return rc < 0 ? rc : done(x);
}

/* All of them in one commit: partitions that match none of the specs are no error, as with Paimon. */
static int drop_partitions(struct execution *x, const struct pfs_statement *s, struct pfs_err *err)
{
    const struct pfs_schema *schema;
    struct pfs_overwrite *specs;
    struct pfs_table *table;
    int rc;

    PFS_TRY(open_table(x, s, &table, err));
    rc = pfs_table_schema(table, &schema, err);
    if (rc == 0)
        rc = pfs_spec_overwrite(schema, s->partition, s->partitions, x->arena, &specs, err);
    if (rc == 0)
        rc = pfs_table_drop_partitions(table, specs, err);
    pfs_table_unref(table);
    return rc < 0 ? rc : done(x);
}

/* In the order of enum pfs_statement_kind, none left out. */
static execute_fn *const statements[] = {
    [PFS_SQL_CREATE_DATABASE] = create_database,
    [PFS_SQL_DROP_DATABASE] = drop_database,
    [PFS_SQL_CREATE_TABLE] = create_table,
    [PFS_SQL_DROP_TABLE] = drop_table,
    [PFS_SQL_SHOW_DATABASES] = show_databases,
    [PFS_SQL_SHOW_TABLES] = show_tables,
    [PFS_SQL_SHOW_CREATE_TABLE] = show_create_table,
    [PFS_SQL_SHOW_PARTITIONS] = show,
    [PFS_SQL_SHOW_PROPERTIES] = show,
    [PFS_SQL_SHOW_TAGS] = show,
    [PFS_SQL_SHOW_BRANCHES] = show,
    [PFS_SQL_DESCRIBE] = describe,
    [PFS_SQL_ALTER_TABLE] = alter_table,
    [PFS_SQL_RENAME_TABLE] = rename_table,
    [PFS_SQL_DROP_PARTITIONS] = drop_partitions,
    [PFS_SQL_TRUNCATE_TABLE] = truncate_table,
    [PFS_SQL_USE] = use_database,
    [PFS_SQL_CALL] = call,
};

static int run(struct execution *x, struct pfs_slice text, struct pfs_err *err)
{
    size_t used = 0;
    int rc = 0;

    while (rc == 0 && used < text.len) {
        struct pfs_statement s;

        rc = pfs_sql_parse(text, &used, x->arena, &s, err);
        if (rc == -EAGAIN)
            rc = pfs_fail(err, EINVAL, "the last statement has no ';'");
        if (rc <= 0)
            break;
        assert((size_t)s.kind < sizeof(statements) / sizeof(statements[0]));
        assert(statements[s.kind] != NULL);
        assert(used > 0 && used <= text.len);
        rc = statements[s.kind](x, &s, err);
    }
    return rc < 0 ? rc : pfs_buf_check(x->answer, err);
}

int pfs_catalog_execute(struct pfs_catalog *catalog, const char *database, struct pfs_slice text,
                        struct pfs_buf *answer, struct pfs_err *err)
{
    struct pfs_arena arena;
    struct execution x = {catalog, database != NULL ? database : DATABASE_DEFAULT, &arena, answer};
    int rc;

    assert(catalog != NULL);
    assert(answer != NULL);
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = run(&x, text, err);
    pfs_arena_done(&arena);
    return rc;
}

int pfs_catalog_converse(struct pfs_catalog *catalog, char **database, struct pfs_slice text, struct pfs_buf *answer,
                         struct pfs_err *err)
{
    struct pfs_arena arena;
    struct execution x = {catalog, *database != NULL ? *database : DATABASE_DEFAULT, &arena, answer};
    const char *before = x.database;
    char *now;
    int rc;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = run(&x, text, err);
    if (x.database != before && (now = pfs_strdup(x.database)) != NULL) {
        pfs_free(*database);
        *database = now;
    } else if (x.database != before) {
        rc = pfs_fail(err, ENOMEM, "no memory for a database's name");
    }
    pfs_arena_done(&arena);
    return rc;
}

size_t pfs_statements_whole(struct pfs_slice text)
{
    struct pfs_arena arena;
    size_t len;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    len = pfs_sql_complete(text, &arena);
    pfs_arena_done(&arena);
    return len;
}

bool pfs_statements_say(struct pfs_slice text)
{
    struct pfs_statement statement;
    struct pfs_arena arena;
    size_t used = 0;
    int rc;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = pfs_sql_parse(text, &used, &arena, &statement, NULL);
    pfs_arena_done(&arena);
    return rc != 0;
}
