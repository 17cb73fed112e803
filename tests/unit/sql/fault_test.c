/* fault_test.c - each allocation and each call of the store fails once, in a statement, a commit and a compaction.
 *
 * What fails says so in a sentence, leaves the table as it was or, where its outcome is not known, as it would have
 * become, and leaves no file behind that nothing names; done again it does what it does. What does not fail in spite of
 * it has done all of it. */
#include "tests/unit/sql/steps.h"

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
static int64_t sum_rows(struct pfs_table *of, int64_t *rows)
{
    struct pfs_state *s;
    struct pfs_scan *scan;
    struct pfs_reader *reader;
    struct pfs_arena arena = {0};
    struct pfs_batch batch;
    int64_t more = 0, sum = 0;

    assert_int_equal(pfs_table_state(of, (struct pfs_when){.kind = PFS_WHEN_LATEST}, &s, NULL), 0);
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

static void tell_finding(void *context, const struct pfs_finding *finding)
{
    if (!finding->note)
        (void)snprintf(context, 400, "%s: %s: %s", finding->by, finding->file, finding->text);
}

/* Is all that is named there? */
static void check_table(const char *what, struct pfs_table *of, bool deep)
{
    char found[400] = "";
    struct pfs_check_sum sum;

    assert_int_equal(
        pfs_table_check(of, &(struct pfs_check){.deep = deep, .found = tell_finding, .context = found}, &sum, NULL), 0);
    if (sum.wrong > 0)
        COMPLAIN("%s: %s\n", what, found);
}

/* What people see of d.<name>: its rows, and the names of its history. */
static void look(const char *what, const char *name, char *out, size_t room)
{
    struct pfs_table *branch;
    static const char *const places[] = {
        "snapshot", "tag", "schema", "changelog", "consumer", "branch/branch-b/snapshot", "branch/branch-b/schema"};
    size_t len = 0;

    out[0] = '\0';
    if (pfs_catalog_has_table(catalog, "d", name, NULL)) {
        int64_t rows = 0, sum = sum_rows(table, &rows);

        len += (size_t)snprintf(out, room, "%lld rows, sum %lld", (long long)rows, (long long)sum);
    }
    if (pfs_catalog_table(catalog, "d", name, "b", &branch, NULL) == 0) {
        int64_t rows = 0, sum = sum_rows(branch, &rows);

        len +=
            (size_t)snprintf(out + len, room - len, "; branch: %lld rows, sum %lld", (long long)rows, (long long)sum);
        check_table(what, branch, true);
        pfs_table_unref(branch);
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

/* Files that nothing names; all that is named is there. */
static int64_t check_whole(const char *what, bool deep)
{
    int64_t files = 0, bytes = 0;

    if (!pfs_catalog_has_table(catalog, "d", pfs_table_name(table), NULL))
        return 0;
    check_table(what, table, deep);
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

    begin(c->table, c->before, c->sql);
    look(c->step, c->table, before, sizeof(before));
    do_step(c->step);
    look(c->step, c->table, after, sizeof(after));
    if (check_whole(c->step, true) > 0 && c->how == WHOLE)
        COMPLAIN("%s leaves files\n", c->step);
    tear_down(NULL);
    begin(c->table, c->before, c->sql);
    for (int64_t n = 0; !spared; n = n < EVERY ? n + 1 : n + 1 + n / 4) {
        struct pfs_err err;
        int64_t left;
        int rc = try_step(c->step, kind, n, &err);

        spared = was_spared(kind, n);
        (void)snprintf(what, sizeof(what), "%s %s %s: %s, %s %lld %s", c->table, c->before,
                       c->sql == NULL ? "" : c->sql, c->step, kinds[kind], (long long)n, failed_call);
        look(what, c->table, now, sizeof(now));
        left = check_whole(what, strcmp(now, before) != 0);
        judge(c, what, kind, rc, &err, before, after, now, left);
        failed += rc < 0;
        if (rc < 0 && !spared && c->how == HALVES && strcmp(now, after) != 0) {
            do_step(c->step);
            look(what, c->table, now, sizeof(now));
            if (strcmp(now, after) != 0)
                COMPLAIN("%s, again\nshould be: %s\nnow: %s\n", what, after, now);
        }
        if (strcmp(now, before) != 0 || left > 0) {
            tear_down(NULL);
            begin(c->table, c->before, c->sql);
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

/* A branch of the second snapshot, which only it has after the compaction. */
#define BRANCHED(name)                                                                           \
    "CALL sys.create_tag('d." name "', 'a', 2); CALL sys.create_branch('d." name "', 'b', 'a');" \
    "CALL sys.delete_tag('d." name "', 'a'); CALL sys.compact('d." name "');"

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
        {"one", "ww", BRANCHED("one"), "CALL sys.expire_snapshots('d.one', 1, 1);", HALVES},
        {"told", "ww", BRANCHED("told"), "CALL sys.expire_snapshots('d.told', 1, 1);", HALVES},
        {"marks", "wsws", BRANCHED("marks"), "CALL sys.expire_snapshots('d.marks', 1, 1);", HALVES},
        {"dynamic", "ww", BRANCHED("dynamic"), "CALL sys.expire_snapshots('d.dynamic', 1, 1);", HALVES},
        {"told", "ww", BRANCHED("told") "CALL sys.compact('d.told$branch_b');",
         "CALL sys.expire_snapshots('d.told$branch_b', 1, 1);", HALVES},
        {"one", "wwwc", BRANCHED("one") "CALL sys.rollback_to('d.one', 1);", "o", HALVES},
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
