/* read_test.c - each allocation and each call of the store fails once while a table is read: what comes is all of it,
 * or there is an error with its sentence. */
#include <stdlib.h>

#include "src/lookup/lookup.h"
#include "tests/unit/sql/steps.h"

static struct pfs_locals *locals; /* of one lookup */

/* ---- ways of reading: rows as JSON lines ---- */

static int print_rows(struct pfs_rows *rows, struct pfs_buf *out, struct pfs_err *err)
{
    struct pfs_arena arena;
    struct pfs_batch batch;
    int64_t more;
    int rc = 0;

    pfs_arena_init(&arena, 0);
    while (rc == 0 && (more = pfs_reader_next(rows->reader, &arena, &batch, err)) != 0)
        rc = more < 0 ? (int)more : pfs_text_print(PFS_TEXT_JSON, rows->field, &batch, out, err);
    pfs_rows_close(rows);
    pfs_arena_done(&arena);
    return rc;
}

/* NULL: the newest state; "#n": that snapshot. */
static int state_at(const char *when, struct pfs_state **out, struct pfs_err *err)
{
    struct pfs_when at = {.kind = when == NULL ? PFS_WHEN_LATEST : PFS_WHEN_SNAPSHOT};

    if (when != NULL)
        at.number = strtoll(when + 1, NULL, 10);
    return pfs_table_state(table, at, out, err);
}

static int read_rows(const char *what, struct pfs_buf *out, struct pfs_err *err)
{
    struct pfs_scan_want want = {.columns = -1};
    struct pfs_arena arena;
    struct pfs_rows *rows;
    int rc = state_at(NULL, &want.state, err);

    pfs_arena_init(&arena, 0);
    if (rc == 0 && what != NULL)
        rc = pfs_condition_parse(pfs_str(what), want.state->schema, &arena, &want.condition, err);
    if (rc == 0)
        rc = pfs_scan_rows(&want, &rows, err);
    if (rc == 0)
        rc = print_rows(rows, out, err);
    pfs_state_unref(want.state);
    pfs_arena_done(&arena);
    return rc;
}

static int read_diff(const char *what, struct pfs_buf *out, struct pfs_err *err)
{
    struct pfs_diff_want want = {.columns = -1};
    struct pfs_rows *rows;
    int rc = state_at(what, &want.from, err);

    if (rc == 0)
        rc = state_at(NULL, &want.to, err);
    if (rc == 0)
        rc = pfs_diff_rows(&want, &rows, err);
    if (rc == 0)
        rc = print_rows(rows, out, err);
    pfs_state_unref(want.from);
    pfs_state_unref(want.to);
    return rc;
}

static int read_changes(const char *what, struct pfs_buf *out, struct pfs_err *err)
{
    struct pfs_table_parts parts = pfs_table_parts(table);
    struct pfs_changes_want want = {.meta = parts.meta, .manifests = parts.manifests, .columns = -1, .snapshot = true};
    struct pfs_rows *rows;
    int rc = state_at(NULL, &want.state, err);

    if (rc == 0)
        rc = pfs_changes_range(parts.store, parts.meta, &want.from, &want.to, err);
    want.mode = what == NULL ? PFS_CHANGES_STREAM : PFS_CHANGES_AUTO;
    if (rc == 0)
        rc = pfs_changes_rows(&want, &rows, err);
    if (rc == 0)
        rc = print_rows(rows, out, err);
    pfs_state_unref(want.state);
    return rc;
}

static int read_system(const char *what, struct pfs_buf *out, struct pfs_err *err)
{
    struct pfs_table_system *system = NULL;
    struct pfs_rows *rows;
    int rc = pfs_table_system_open(table, what, (struct pfs_when){.kind = PFS_WHEN_LATEST}, &system, err);

    if (rc == 0)
        rc = pfs_table_system_rows(system, (struct pfs_budget){0}, NULL, &rows, err);
    if (rc == 0)
        rc = print_rows(rows, out, err);
    pfs_table_system_close(system);
    return rc;
}

/* Keys of which some have no row, with local files and without. */
static int read_keys(const char *what, struct pfs_buf *out, struct pfs_err *err)
{
    static const int32_t keys[] = {3, 99, 0, 6, 3, -5};
    struct pfs_lookup_want want = {.columns = -1, .cache = PFS_LOOKUP_FULL};
    struct pfs_lookup *lookup = NULL;
    struct pfs_arena arena;
    struct pfs_batch batch;
    bool found[COUNT(keys)];
    int rc = state_at(NULL, &want.state, err);

    pfs_arena_init(&arena, 0);
    if (what != NULL && rc == 0)
        rc = pfs_locals_open(&(struct pfs_locals_config){.dir = "/tmp"}, &locals, err);
    want.locals = locals;
    if (rc == 0)
        rc = pfs_lookup_open(&want, &lookup, err);
    if (rc == 0) {
        struct pfs_column key = {.type = &want.state->schema->field[0].type, .values = keys};

        rc = pfs_lookup_rows(lookup, &key, COUNT(keys), &arena, &batch, found, err);
    }
    if (rc == 0)
        rc = pfs_text_print(PFS_TEXT_JSON, want.state->schema->field, &batch, out, err);
    pfs_lookup_close(lookup);
    pfs_locals_close(locals);
    locals = NULL;
    pfs_state_unref(want.state);
    pfs_arena_done(&arena);
    return rc;
}

/* ---- the cases ---- */

struct read_case {
    const char *table, *before, *sql;
    int (*read)(const char *what, struct pfs_buf *out, struct pfs_err *err);
    const char *what;
};

/* Opened anew: what was read before is not known any more. */
static void open_again(const struct read_case *c)
{
    pfs_table_unref(table);
    table = NULL;
    for (int i = 0; i < 9; i++) { /* those that the catalog holds are the last few that were asked for */
        char name[8];

        (void)snprintf(name, sizeof(name), "x%d", i);
        if (pfs_catalog_table(catalog, "d", name, NULL, &table, NULL) == 0)
            pfs_table_unref(table);
    }
    use(c->table);
}

static void each_fails(const struct read_case *c, enum fault_kind kind)
{
    struct pfs_buf all = {0}, got = {0};
    int64_t failed = 0;
    struct pfs_err err = {0};
    bool spared = false;

    begin(c->table, c->before, c->sql);
    for (int i = 0; i < 9; i++) {
        char sql[64];

        (void)snprintf(sql, sizeof(sql), "CREATE TABLE d.x%d (k INT);", i);
        do_step(sql);
    }
    if (c->read(c->what, &all, &err) < 0)
        fail_msg("%s %s %s: %s", c->table, c->before, c->what, err.text);
    CHECK(c->what, all.len > 0);
    for (int64_t n = 0; !spared; n = n < EVERY ? n + 1 : n + 1 + n / 50) {
        int rc;

        open_again(c);
        err = (struct pfs_err){0};
        pfs_buf_clear(&got);
        set_fault(kind, n);
        rc = c->read(c->what, &got, &err);
        spared = was_spared(kind, n);
        failed += rc < 0;
        if (rc < 0 && (err.text[0] == '\0' || rc != -err.code || rc != (kind == MEMORY ? -ENOMEM : -ENOSPC)))
            COMPLAIN("%s %s, %s, %d at %lld %s: %d, '%s'\n", c->table, c->before, c->what, kind, (long long)n,
                     failed_call, rc, err.text);
        if (rc == 0 && !pfs_slice_eq(pfs_buf_slice(&all), pfs_buf_slice(&got)))
            COMPLAIN("%s %s, %s, %d at %lld %s:\n%.*s, not\n%.*s\n", c->table, c->before, c->what, kind, (long long)n,
                     failed_call, PFS_P(pfs_buf_slice(&got)), PFS_P(pfs_buf_slice(&all)));
        assert_true(n < FAILS_MAX);
    }
    assert_true(failed > 0 || kind != MEMORY); /* some ask the store nothing */
    pfs_buf_done(&all);
    pfs_buf_done(&got);
    tear_down(NULL);
}

static void what_is_read_is_all_or_an_error(void **state)
{
    static const struct read_case cases[] = {
        {"one", "wwdw", NULL, read_rows, NULL},
        {"one", "wcww", NULL, read_rows, "n > 11 AND k < 6"},
        {"sum", "wsww", NULL, read_rows, NULL},
        {"part", "wwdw", NULL, read_rows, NULL},
        {"first", "wsw", NULL, read_rows, NULL},
        {"marks", "wswsw", NULL, read_rows, "k >= 2"},
        {"moving", "wwd", NULL, read_rows, NULL},
        {"days", "ww", NULL, read_rows, "n = 10"},
        {"log", "ww", NULL, read_rows, "p = 1"},
        {"lines", "ww", NULL, read_rows, NULL},
        {"one", "wwdcw", NULL, read_diff, "#1"},
        {"marks", "wswsws", NULL, read_diff, "#2"},
        {"one", "wwdw", NULL, read_changes, NULL},
        {"told", "wwdc", NULL, read_changes, NULL},
        {"full", "wwcwc", NULL, read_changes, "auto"},
        {"long", "wwdw", "CALL sys.expire_snapshots('d.long', 1, 1);", read_changes, NULL},
        {"one", "wcwdw", NULL, read_keys, NULL},
        {"one", "wcwdw", NULL, read_keys, "local"},
        {"sum", "wswsw", NULL, read_keys, NULL},
        {"marks", "wcwsw", NULL, read_keys, "local"},
        {"first", "wsws", NULL, read_keys, "local"},
    };

    (void)state;
    complaints = 0;
    for (size_t i = 0; i < COUNT(cases); i++)
        for (int kind = MEMORY; kind <= CALLS; kind++)
            each_fails(&cases[i], (enum fault_kind)kind);
    assert_int_equal(complaints, 0);
}

static void what_a_system_table_says_is_all_or_an_error(void **state)
{
    static const char *const names[] = {"snapshots", "schemas",    "options",       "manifests",   "files",
                                        "buckets",   "partitions", "tags",          "branches",    "consumers",
                                        "audit_log", "binlog",     "table_indexes", "row_tracking"};

    (void)state;
    complaints = 0;
    for (size_t i = 0; i < COUNT(names); i++)
        for (int kind = MEMORY; kind <= CALL; kind++) {
            struct read_case c = {"marks", "wcws",
                                  "CALL sys.create_tag('d.marks', 'a', 1); CALL sys.create_branch('d.marks', 'b', 'a');"
                                  "CALL sys.reset_consumer('d.marks', 'c', 2);",
                                  read_system, names[i]};

            if (strcmp(names[i], "row_tracking") == 0)
                c = (struct read_case){"log", "ww", NULL, read_system, names[i]};
            if (strcmp(names[i], "table_indexes") == 0)
                c = (struct read_case){"dynamic", "ww", NULL, read_system, names[i]};
            each_fails(&c, (enum fault_kind)kind);
        }
    assert_int_equal(complaints, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_is_all_or_an_error),
        cmocka_unit_test(what_a_system_table_says_is_all_or_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
