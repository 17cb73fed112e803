/* show.c - what a table has, as lists: each form of SHOW is one function, and prints names as the mount spells them. */
#include "src/statement/show.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "src/meta/names.h"
#include "src/scan/scan.h"
#include "src/statement/answer.h"
#include "src/statement/specs.h"

struct showing {
    struct pfs_table *table;
    const struct pfs_statement *statement;
    const struct pfs_schema *schema; /* the newest */
    struct pfs_arena *arena;
    struct pfs_buf *answer;
};

/* ---- partitions ---- */

/* "k=v/k2=v2", as in the mount and so that DROP PARTITION takes what stands behind the '='. */
static int print_partition(const struct showing *x, const struct pfs_column *value, struct pfs_buf *out,
                           struct pfs_err *err)
{
    assert(value != NULL);
    for (int32_t i = 0; i < x->schema->partition_keys; i++) {
        if (i > 0)
            pfs_buf_putc(out, '/');
        pfs_name_escape(pfs_str(x->schema->field[x->schema->partition_key[i]].name), out);
        pfs_buf_putc(out, '=');
        PFS_TRY(pfs_name_value_print(&value[i], out, err));
    }
    pfs_buf_putc(out, 0);
    return pfs_buf_check(out, err);
}

static int put_partition(const struct showing *x, const struct pfs_column *value, struct pfs_err *err)
{
    struct pfs_buf text = {0};
    int rc = print_partition(x, value, &text, err);

    if (rc == 0)
        pfs_answer_cell(x->answer, (const char *)text.at, '\n');
    pfs_buf_done(&text);
    return rc;
}

/* The values that PARTITION (k = 'v', ...) holds, by the place of their keys; NULL = not held. */
static int held_values(const struct showing *x, const struct pfs_column ***out, struct pfs_err *err)
{
    const struct pfs_options *given = x->statement->partitions > 0 ? x->statement->partition : &(struct pfs_options){0};
    const struct pfs_column **held = pfs_arena_zalloc(x->arena, (size_t)x->schema->partition_keys * sizeof(*held));
    struct pfs_column *value = pfs_arena_array(x->arena, (size_t)given->count, sizeof(*value));

    assert(x->statement->partitions <= 1);
    if (held == NULL || value == NULL)
        return pfs_arena_full(x->arena, err);
    for (int32_t i = 0; i < given->count; i++) {
        int32_t column;

        PFS_TRY(pfs_spec_value(x->schema, &given->item[i], x->arena, &column, &value[i], err));
        for (int32_t k = 0; k < x->schema->partition_keys; k++)
            if (x->schema->partition_key[k] == column)
                held[k] = &value[i];
    }
    *out = held;
    return 0;
}

/* A key that is not held matches whatever it is; NULL matches NULL, since it names a partition like any other value. */
static bool matches(const struct showing *x, const struct pfs_column *value, const struct pfs_column *const *held)
{
    for (int32_t i = 0; i < x->schema->partition_keys; i++)
        if (held[i] != NULL && pfs_scan_partition_compare(&value[i], held[i], 1) != 0)
            return false;
    return true;
}

/* Those that have live files in the newest state, as a listing of partition/ shows them. */
static int show_partitions_of(const struct showing *x, const struct pfs_state *state, struct pfs_err *err)
{
    const struct pfs_column **held;
    const struct pfs_slice *partition;
    int64_t count;

    PFS_TRY(held_values(x, &held, err));
    PFS_TRY(pfs_scan_partitions(state, x->arena, &partition, &count, err));
    pfs_buf_puts(x->answer, "partition name\n");
    for (int64_t i = 0; i < count; i++) {
        struct pfs_column *value;

        PFS_TRY(pfs_scan_partition_values(state, partition[i], x->arena, &value, err));
        if (matches(x, value, held))
            PFS_TRY(put_partition(x, value, err));
    }
    return 0;
}

static int show_partitions(const struct showing *x, struct pfs_err *err)
{
    struct pfs_state *state;
    int rc;

    if (x->schema->partition_keys == 0)
        return pfs_fail(err, EINVAL, "Table %s.%s is not partitioned.", pfs_table_database(x->table),
                        pfs_table_name(x->table));
    PFS_TRY(pfs_table_state(x->table, (struct pfs_when){.kind = PFS_WHEN_READ}, &state, err));
    rc = show_partitions_of(x, state, err);
    pfs_state_unref(state);
    return rc;
}

/* ---- names and options ---- */

/* The table's own options: what a catalog or a mount adds is not the table's, and what is left at its default is not
 * there. */
static int show_options(const struct showing *x, struct pfs_err *err)
{
    const struct pfs_options *o = &x->schema->options;
    const char *key = x->statement->key;
    bool found = key == NULL;

    pfs_buf_puts(x->answer, "key,value\n");
    for (int32_t i = 0; i < o->count; i++) {
        if (key != NULL && strcmp(key, o->item[i].key) != 0)
            continue;
        pfs_answer_cell(x->answer, o->item[i].key, ',');
        pfs_answer_cell(x->answer, o->item[i].value, '\n');
        found = true;
    }
    return found ? 0
                 : pfs_fail(err, ENOENT, "Table %s.%s does not have the option %s.", pfs_table_database(x->table),
                            pfs_table_name(x->table), key);
}

/* Branches and tags of the table itself: a branch has tags of its own. */
static int show_names(const struct showing *x, bool tags, struct pfs_err *err)
{
    const char **names;
    int64_t count;

    if (tags)
        PFS_TRY(pfs_table_tags(x->table, x->arena, &names, &count, err));
    else
        PFS_TRY(pfs_table_branches(x->table, x->arena, &names, &count, err));
    pfs_buf_puts(x->answer, tags ? "tag\n" : "branch\n");
    for (int64_t i = 0; i < count; i++)
        pfs_answer_cell(x->answer, names[i], '\n');
    return 0;
}

/* The schema is the newest: what a table has is asked for, not what it had. */
int pfs_show(struct pfs_table *table, const struct pfs_statement *statement, struct pfs_arena *arena,
             struct pfs_buf *answer, struct pfs_err *err)
{
    struct showing x = {.table = table, .statement = statement, .arena = arena, .answer = answer};

    assert(statement->kind == PFS_SQL_SHOW_PARTITIONS || statement->kind == PFS_SQL_SHOW_PROPERTIES ||
           statement->kind == PFS_SQL_SHOW_TAGS || statement->kind == PFS_SQL_SHOW_BRANCHES);
    PFS_TRY(pfs_table_schema(table, &x.schema, err));
    if (statement->kind == PFS_SQL_SHOW_PARTITIONS)
        return show_partitions(&x, err);
    if (statement->kind == PFS_SQL_SHOW_PROPERTIES)
        return show_options(&x, err);
    return show_names(&x, statement->kind == PFS_SQL_SHOW_TAGS, err);
}
