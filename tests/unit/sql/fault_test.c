/* fault_test.c - each allocation and each call of the store fails once, in a statement, a commit and a compaction.
 *
 * What fails says so in a sentence, leaves the table as it was or, where its outcome is not known, as it would have
 * become, and leaves no file behind that nothing names; done again it does what it does. What does not fail in spite of
 * it has done all of it. */
#include <errno.h>
#include <stdio.h>

static char tables_sql[600]; /* what makes the table of a case */

#define TABLES tables_sql
#include "tests/unit/write/rows.h"

#define EVERY INT64_C(10)         /* so many of the first ones fail one by one, of the later ones some */
#define FAILS_MAX INT64_C(100000) /* more than any of these steps makes */

static int complaints; /* of one test */

/* All that is wrong with a case is told of, not only what comes first. */
#define COMPLAIN(...) (complaints++ < 40 ? print_error("" __VA_ARGS__) : (void)0)

/* What fails: the n-th allocation; the n-th call of the store alone, or with all that follow. */
enum fault_kind { MEMORY, CALL, CALLS };

static char failed_call[24]; /* of the store */
static int64_t writes;       /* so far: each one has another value */

/* ---- steps ---- */

/* Six rows, the arena's. */
static struct pfs_batch make_rows(struct pfs_arena *arena, int8_t kind)
{
    static const struct pfs_type kind_type = {.kind = PFS_TINYINT};
    struct pfs_column *column = pfs_arena_array(arena, 4, sizeof(*column));
    int32_t *k = pfs_arena_array(arena, 6, 4), *p = pfs_arena_array(arena, 6, 4);
    int64_t *n = pfs_arena_array(arena, 6, 8);
    int8_t *kinds = pfs_arena_array(arena, 6, 1);
    const struct pfs_schema *schema;

    assert_int_equal(pfs_table_schema(table, &schema, NULL), 0);
    for (int32_t i = 0; i < 6; i++) {
        k[i] = (int32_t)(writes % 7) + i;
        p[i] = schema->primary_keys == 1 && schema->partition_keys == 1 ? (int32_t)(writes + i) % 2 : k[i] % 2;
        n[i] = 10 + writes;
        kinds[i] = kind;
    }
    column[0] = (struct pfs_column){.type = &schema->field[0].type, .values = k};
    column[1] = (struct pfs_column){.type = &schema->field[1].type, .values = p};
    column[2] = (struct pfs_column){.type = &schema->field[2].type, .values = n};
    column[3] = (struct pfs_column){.type = &kind_type, .values = kinds};
    return (struct pfs_batch){6, 4, column};
}

static int write_rows(struct pfs_arena *arena, const struct pfs_batch *rows, struct pfs_err *err)
{
    struct pfs_state *s = NULL;
    struct pfs_write *w = NULL;
    int64_t id = 0;
    int rc = pfs_table_write_open(table, 0, &w, err);

    if (rc == 0)
        rc = pfs_table_state(table, (struct pfs_when){.kind = PFS_WHEN_LATEST}, &s, err);
    if (rc == 0)
        rc = pfs_write_add(w, arena, rows, s, err);
    if (rc == 0)
        rc = pfs_table_commit(table, w, "u", writes, false, &id, err);
    pfs_state_unref(s);
    pfs_write_close(w);
    return rc;
}

static void note_call(void *context, const char *op, const char *path)
{
    (void)context;
    (void)path;
    if (fault.calls == fault.fail_at)
        (void)snprintf(failed_call, sizeof(failed_call), "%s", op);
}

/* n < 0: nothing fails. */
static void set_fault(enum fault_kind kind, int64_t n)
{
    failed_call[0] = '\0';
    if (n >= 0 && kind == MEMORY)
        pfs_mem_fail_after(n);
    else if (n >= 0)
        fault = (struct pfs_fault){.calls = fault.calls,
                                   .fail_at = fault.calls + 1 + n,
                                   .fail_on = kind == CALLS,
                                   .fail_errno = ENOSPC,
                                   .each = note_call};
}

/* One letter is a step, more are a statement. */
static int try_step(const char *step, enum fault_kind kind, int64_t n, struct pfs_err *err)
{
    struct pfs_buf answer = {0};
    struct pfs_arena arena = {0};
    struct pfs_compact_result result;
    struct pfs_batch rows = {0};
    int rc = 0;

    *err = (struct pfs_err){0};
    if (step[1] == '\0' && strchr("wd", step[0]) != NULL)
        rows = make_rows(&arena, step[0] == 'w' ? PFS_INSERT : PFS_DELETE);
    set_fault(kind, n);
    if (step[1] != '\0')
        rc = pfs_catalog_execute(catalog, "d", pfs_str(step), &answer, err);
    else if (rows.rows > 0)
        rc = write_rows(&arena, &rows, err);
    else if (step[0] == 'c' || step[0] == 'm')
        rc = pfs_table_compact(table, &(struct pfs_compact_want){.full = step[0] == 'c'}, &result, err);
    else if (step[0] == 's')
        rc = pfs_table_settle(table, &(struct pfs_settle){.user = "u", .identifier = writes}, err);
    else if (step[0] == 'x')
        rc = pfs_table_expire(table, NULL, NULL, &(struct pfs_expired){0}, err);
    else if (step[0] == 't')
        rc = pfs_table_maintain(table, writes, err);
    else
        fail_msg("%s is no step", step);
    pfs_arena_done(&arena);
    pfs_buf_done(&answer);
    if (rc == 0 && rows.rows > 0)
        writes++;
    return rc;
}

static void do_step(const char *step)
{
    struct pfs_err err;

    if (try_step(step, MEMORY, -1, &err) < 0)
        fail_msg("%s: %s", step, err.text);
}

/* Was what should fail not reached? Ends the failing. */
static bool was_spared(enum fault_kind kind, int64_t n)
{
    void *at = &writes;
    bool spared = fault.calls < fault.fail_at;

    fault.fail_at = 0;
    for (int64_t i = 0; kind == MEMORY && i <= n && at != NULL; i++) {
        at = pfs_alloc(1);
        pfs_free(at);
    }
    pfs_mem_fail_after(-1);
    return kind == MEMORY ? at == NULL : spared;
}

/* ---- what there is ---- */

static int tell_name(void *context, struct pfs_slice name, bool directory)
{
    if (!directory && name.at[0] != '.' && !pfs_slice_eq(name, pfs_str("LATEST")) &&
        !pfs_slice_eq(name, pfs_str("EARLIEST"))) {
        uint64_t *sum = context;
        uint64_t hash = 14695981039346656037u;

        for (size_t i = 0; i < name.len; i++)
            hash = (hash ^ name.at[i]) * 1099511628211u;
        *sum += hash; /* whatever the order of the listing */
    }
    return 0;
}

/* A sum over the rows, whatever their order. */
static int64_t sum_rows(int64_t *rows)
{
    struct pfs_state *s = newest();
    struct pfs_scan *scan;
    struct pfs_reader *reader;
    struct pfs_arena arena = {0};
    struct pfs_batch batch;
    int64_t more = 0, sum = 0;

    assert_int_equal(pfs_scan_open(&(struct pfs_scan_want){.state = s, .columns = -1}, &scan, NULL), 0);
    for (int32_t i = 0; i < pfs_scan_splits(scan) && more >= 0; i++) {
        assert_int_equal(pfs_scan_split(scan, i, &reader, NULL), 0);
        while ((more = pfs_reader_next(reader, &arena, &batch, NULL)) > 0)
            for (int64_t r = 0; r < more; r++) {
                const struct pfs_column *n = &batch.column[2];
                bool there = n->valid == NULL || (n->valid[r / 8] >> (r % 8) & 1) != 0;

                sum += (1 + ((const int32_t *)batch.column[0].values)[r]) * INT64_C(1000003) *
                       (there ? 7 + ((const int64_t *)n->values)[r] : 3);
                (*rows)++;
            }
        assert_int_equal(more, 0);
        pfs_reader_close(reader);
    }
    pfs_scan_close(scan);
    pfs_arena_done(&arena);
    pfs_state_unref(s);
    return sum;
}

/* What people see of d.<name>: its rows, and the names of its history. */
static void look(const char *name, char *out, size_t room)
{
    static const char *const places[] = {
        "snapshot", "tag", "schema", "changelog", "consumer", "branch/branch-b/snapshot", "branch/branch-b/schema"};
    size_t len = 0;

    out[0] = '\0';
    if (pfs_catalog_has_table(catalog, "d", name, NULL)) {
        int64_t rows = 0, sum = sum_rows(&rows);

        len += (size_t)snprintf(out, room, "%lld rows, sum %lld", (long long)rows, (long long)sum);
    }
    for (size_t i = 0; i < COUNT(places); i++) {
        char path[80];
        uint64_t sum = 0;

        (void)snprintf(path, sizeof(path), "d.db/%s/%s", name, places[i]);
        (void)pfs_store_list(store, path, tell_name, &sum, NULL);
        len += (size_t)snprintf(out + len, room - len, "; %s %llx", places[i], (unsigned long long)(sum & 0xffffff));
    }
    assert_true(len < room);
}

static void tell_finding(void *context, const struct pfs_finding *finding)
{
    if (!finding->note)
        (void)snprintf(context, 400, "%s: %s: %s", finding->by, finding->file, finding->text);
}

/* Files that nothing names; all that is named is there. */
static int64_t check_whole(const char *what, bool deep)
{
    char found[400] = "";
    struct pfs_check_sum sum;
    int64_t files = 0, bytes = 0;

    if (!pfs_store_path_ok(pfs_table_name(table)) || !pfs_catalog_has_table(catalog, "d", pfs_table_name(table), NULL))
        return 0;
    assert_int_equal(
        pfs_table_check(table, &(struct pfs_check){.deep = deep, .found = tell_finding, .context = found}, &sum, NULL),
        0);
    if (sum.wrong > 0)
        COMPLAIN("%s: %s\n", what, found);
    assert_int_equal(pfs_table_remove_orphans(table, INT64_MAX, true, &files, &bytes, NULL), 0);
    return files;
}

/* ---- the cases ---- */

struct each_case {
    const char *table;
    const char *before; /* letters of steps */
    const char *sql;    /* and this; NULL = no more */
    const char *step;   /* that fails */
    enum {
        WHOLE,  /* a failure leaves nothing of it, or all */
        HALVES, /* it may leave it half done, and files that nothing names; done again it is whole */
        COUNTS  /* the same, but done twice is other than done once */
    } how;
};

/* Tables of k INT, p INT, n BIGINT: what stands behind those columns. */
static const struct {
    const char *name, *rest;
} tables[] = {
    {"one", ", PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1')"},
    {"told", ", PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1', 'changelog-producer' = 'input')"},
    {"long", ", PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1', 'changelog-producer' = 'input', "
             "'changelog.num-retained.min' = '6', 'changelog.num-retained.max' = '6')"},
    {"full",
     ", PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1', 'changelog-producer' = 'full-compaction', "
     "'changelog-producer.row-deduplicate' = 'true', 'changelog-producer.row-deduplicate-ignore-fields' = 'p')"},
    {"sum", ", PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1', 'changelog-producer' = 'lookup', 'merge-engine' = "
            "'aggregation', 'fields.n.aggregate-function' = 'sum', 'deletion-vectors.enabled' = 'true')"},
    {"part", ", PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '2', 'merge-engine' = 'partial-update', "
             "'partial-update.remove-record-on-delete' = 'true')"},
    {"first", ", PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1', 'merge-engine' = 'first-row', "
              "'changelog-producer' = 'lookup', 'ignore-delete' = 'true')"},
    {"marks", ", PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1', 'deletion-vectors.enabled' = 'true', "
              "'sequence.field' = 'n')"},
    {"dynamic", ", PRIMARY KEY (k) NOT ENFORCED) WITH ('dynamic-bucket.target-row-num' = '4')"},
    {"moving", ", PRIMARY KEY (k) NOT ENFORCED) PARTITIONED BY (p) WITH ('dynamic-bucket.target-row-num' = '4')"},
    {"days", ", PRIMARY KEY (k, p) NOT ENFORCED) PARTITIONED BY (p) WITH ('bucket' = '1', "
             "'file-index.bloom-filter.columns' = 'n')"},
    {"later", ", PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '-2', 'postpone.default-bucket-num' = '2')"},
    {"log", ") PARTITIONED BY (p) WITH ('row-tracking.enabled' = 'true', 'compaction.min.file-num' = '2')"},
    {"lines", ") WITH ('bucket' = '1', 'bucket-key' = 'k')"},
};

static void begin(const struct each_case *c)
{
    size_t i = 0;

    while (strcmp(tables[i].name, c->table) != 0)
        i++;
    (void)snprintf(tables_sql, sizeof(tables_sql), "CREATE DATABASE d; CREATE TABLE d.%s (k INT, p INT, n BIGINT%s;",
                   c->table, tables[i].rest);
    set_up_with(0);
    writes = 0;
    use(c->table);
    for (const char *at = c->before; *at != '\0'; at++)
        do_step((char[]){*at, '\0'});
    if (c->sql != NULL)
        do_step(c->sql);
}

/* What is wrong with the table after the step gave rc; `now` is what it looks like. */
static void judge(const struct each_case *c, const char *what, enum fault_kind kind, int rc, const struct pfs_err *err,
                  const char *before, const char *after, const char *now, int64_t left)
{
    int code = kind == MEMORY ? ENOMEM : ENOSPC;
    bool may_leave = kind == CALLS || strcmp(failed_call, "unlink") == 0 || strcmp(failed_call, "rmdir") == 0 ||
                     strstr(err->text, "may or may not be there") != NULL;

    if (rc == 0 && strcmp(now, after) != 0)
        COMPLAIN("%s is done\nand should be: %s\nnow: %s\n", what, after, now);
    if (rc == 0)
        return;
    if (rc != -code || err->code != code || err->text[0] == '\0')
        COMPLAIN("%s: %d, %d, '%s'\n", what, rc, err->code, err->text);
    if (c->how == WHOLE && strcmp(now, before) != 0 && strcmp(now, after) != 0)
        COMPLAIN("%s: %s\nbefore: %s\nnow: %s\n", what, err->text, before, now);
    if (c->how == WHOLE && left > 0 && !may_leave)
        COMPLAIN("%s: %s: %lld files are left\n", what, err->text, (long long)left);
}

static void each_fails(const struct each_case *c, enum fault_kind kind)
{
    static const char *const kinds[] = {"allocation", "call", "calls from"};
    char before[400], after[400], now[400], what[500];
    int64_t failed = 0;
    bool spared = false;

    begin(c);
    look(c->table, before, sizeof(before));
    do_step(c->step);
    look(c->table, after, sizeof(after));
    if (check_whole(c->step, true) > 0 && c->how == WHOLE)
        COMPLAIN("%s leaves files\n", c->step);
    tear_down(NULL);
    begin(c);
    for (int64_t n = 0; !spared; n = n < EVERY ? n + 1 : n + 1 + n / 4) {
        struct pfs_err err;
        int64_t left;
        int rc = try_step(c->step, kind, n, &err);

        spared = was_spared(kind, n);
        (void)snprintf(what, sizeof(what), "%s %s %s: %s, %s %lld %s", c->table, c->before,
                       c->sql == NULL ? "" : c->sql, c->step, kinds[kind], (long long)n, failed_call);
        look(c->table, now, sizeof(now));
        left = check_whole(what, strcmp(now, before) != 0);
        judge(c, what, kind, rc, &err, before, after, now, left);
        failed += rc < 0;
        if (rc < 0 && !spared && c->how == HALVES && strcmp(now, after) != 0) {
            do_step(c->step);
            look(c->table, now, sizeof(now));
            if (strcmp(now, after) != 0)
                COMPLAIN("%s, again\nshould be: %s\nnow: %s\n", what, after, now);
        }
        if (strcmp(now, before) != 0 || left > 0) {
            tear_down(NULL);
            begin(c);
        }
        assert_true(n < FAILS_MAX);
    }
    tear_down(NULL);
    assert_true(failed > 0);
}

static void each_of(const struct each_case *cases, size_t count)
{
    complaints = 0;
    for (size_t i = 0; i < count; i++)
        for (int kind = MEMORY; kind <= CALLS; kind++)
            each_fails(&cases[i], (enum fault_kind)kind);
    assert_int_equal(complaints, 0);
}

static void a_commit_is_whole_or_not_there(void **state)
{
    static const struct each_case cases[] = {
        {"one", "", NULL, "w", WHOLE},      {"one", "ww", NULL, "d", WHOLE},    {"told", "ww", NULL, "w", WHOLE},
        {"full", "w", NULL, "w", WHOLE},    {"sum", "w", NULL, "w", WHOLE},     {"part", "ww", NULL, "d", WHOLE},
        {"first", "w", NULL, "w", WHOLE},   {"marks", "wsw", NULL, "w", WHOLE}, {"dynamic", "w", NULL, "w", WHOLE},
        {"moving", "ww", NULL, "w", WHOLE}, {"days", "w", NULL, "w", WHOLE},    {"later", "w", NULL, "w", WHOLE},
        {"log", "w", NULL, "w", WHOLE},     {"lines", "w", NULL, "w", WHOLE},
    };

    (void)state;
    each_of(cases, COUNT(cases));
}

static void a_compaction_is_whole_or_not_there(void **state)
{
    static const struct each_case cases[] = {
        {"one", "wwd", NULL, "c", WHOLE},
        {"one", "wwwww", NULL, "m", WHOLE},
        {"told", "ww", NULL, "c", WHOLE},
        {"full", "wcwd", NULL, "c", WHOLE},
        {"sum", "wsw", NULL, "s", WHOLE},
        {"sum", "wswsw", NULL, "c", WHOLE},
        {"part", "wwd", NULL, "c", WHOLE},
        {"first", "wsw", NULL, "s", WHOLE},
        {"marks", "wswsw", NULL, "s", WHOLE},
        {"marks", "wcw", NULL, "s", WHOLE},
        {"dynamic", "ww", NULL, "c", WHOLE},
        {"moving", "ww", NULL, "c", WHOLE},
        {"days", "ww", NULL, "c", WHOLE},
        {"later", "ww", NULL, "c", WHOLE},
        {"log", "ww", NULL, "c", WHOLE},
        {"lines", "wwww", NULL, "c", WHOLE},
        {"log", "ww", NULL,
         "CALL sys.compact('d.log', order_strategy => 'zorder',"
         " order_by => 'k,n');",
         WHOLE},
    };

    (void)state;
    each_of(cases, COUNT(cases));
}

static void a_statement_can_be_done_again(void **state)
{
    static const struct each_case cases[] = {
        {"one", "www", NULL, "TRUNCATE TABLE d.one;", WHOLE},
        {"marks", "wsw", NULL, "TRUNCATE TABLE d.marks;", WHOLE},
        {"days", "ww", NULL, "ALTER TABLE d.days DROP PARTITION (p = 1);", WHOLE},
        {"days", "ww", "ALTER TABLE d.days SET ('file-index.bloom-filter.columns' = 'k');",
         "CALL sys.rewrite_file_index('d.days');", WHOLE},
        {"one", "w", NULL, "ALTER TABLE d.one ADD extra INT;", WHOLE},
        {"one", "ww", NULL, "CALL sys.create_tag('d.one', 'a', 1);", WHOLE},
        {"one", "ww", "CALL sys.create_tag('d.one', 'a', 1);", "CALL sys.delete_tag('d.one', 'a');", WHOLE},
        {"one", "ww", "CALL sys.create_tag('d.one', 'a', 1);", "CALL sys.rename_tag('d.one', 'a', 'b');", WHOLE},
        {"one", "ww", "CALL sys.create_tag('d.one', 'a', 1);", "CALL sys.replace_tag('d.one', 'a', 2);", WHOLE},
        {"one", "wwww", NULL, "CALL sys.rollback_to('d.one', 2);", HALVES},
        {"one", "wwww", "CALL sys.create_tag('d.one', 'a', 2); CALL sys.expire_snapshots('d.one', 1, 1);",
         "CALL sys.rollback_to('d.one', 'a');", HALVES},
        {"told", "wwcwwc", NULL, "CALL sys.expire_snapshots('d.told', 1, 1);", HALVES},
        {"one", "wwcwwc", "CALL sys.create_tag('d.one', 'a', 2);", "CALL sys.expire_snapshots('d.one', 1, 1);", HALVES},
        {"one", "wwcwwc", "CALL sys.create_tag('d.one', 'a', 2); CALL sys.expire_snapshots('d.one', 1, 1);",
         "CALL sys.delete_tag('d.one', 'a');", HALVES},
        {"long", "wwcwwc", NULL, "CALL sys.expire_snapshots('d.long', 1, 1);", HALVES},
        {"long", "wwcwwc", "CALL sys.expire_snapshots('d.long', 1, 1);", "CALL sys.expire_changelogs('d.long', 2, 1);",
         HALVES},
        {"marks", "wswswsws", NULL, "CALL sys.expire_snapshots('d.marks', 1, 1);", HALVES},
        {"one", "ww", "CALL sys.create_tag('d.one', 'a', 1);", "CALL sys.create_branch('d.one', 'b', 'a');", HALVES},
        {"one", "ww",
         "CALL sys.create_tag('d.one', 'a', 1); CALL sys.create_branch('d.one', 'b', 'a');"
         "TRUNCATE TABLE d.`one$branch_b`;",
         "CALL sys.fast_forward('d.one', 'b');", HALVES},
        {"one", "ww", "CALL sys.create_tag('d.one', 'a', 1); CALL sys.create_branch('d.one', 'b', 'a');",
         "CALL sys.delete_branch('d.one', 'b');", HALVES},
        {"one", "ww", "CALL sys.create_tag('d.one', 'a', 1); CALL sys.create_branch('d.one', 'b', 'a');",
         "CALL sys.rename_branch('d.one', 'b', 'c');", HALVES},
        {"one", "ww", NULL, "CALL sys.reset_consumer('d.one', 'c', 2);", WHOLE},
        {"one", "ww", "CALL sys.reset_consumer('d.one', 'c', 2);", "CALL sys.clear_consumers('d.one');", WHOLE},
        {"one", "ww", NULL, "CALL sys.purge_files('d.one');", COUNTS},
    };

    (void)state;
    each_of(cases, COUNT(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_commit_is_whole_or_not_there),
        cmocka_unit_test(a_compaction_is_whole_or_not_there),
        cmocka_unit_test(a_statement_can_be_done_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
