/* ingest_test.c - what was acknowledged and not committed when the power went, found by the next process. */
#include <stdio.h>
#include <unistd.h>

#include "src/statement/statement.h"
#include "tests/unit/fs/lives.h"

static void what_was_acknowledged_is_committed_once_by_the_next_process(void **state)
{
    static const struct {
        const char *what, *path;
        int flags;
        const char *rows, *view, *want;
    } cases[] = {
        {"appended", "d/sums/inbox", O_APPEND, "1,10\n", "d/sums/snapshot/latest.csv", "k,n\n1,10\n"},
        {"copied", "d/t/inbox", 0, "1,a,1\n", "d/t/snapshot/latest.csv", "k,v,n\n1,a,1\n"},
        {"a last line without newline", "d/logs/inbox", O_APPEND, "x,1\ny,2", "d/logs/snapshot/latest.csv",
         "line,p\nx,1\ny,2\n"},
        {"numbered", "d/t/inbox@u:5", 0, "7,b,7\n", "d/t/snapshot/latest.csv", "k,v,n\n7,b,7\n"},
        {"overwrite", "d/t/overwrite", 0, "8,c,8\n", "d/t/snapshot/latest.csv", "k,v,n\n8,c,8\n"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        acknowledge(cases[i].path, cases[i].flags, cases[i].rows);
        pfs_waiting_done(&t.waiting);
        begin_life();
        CHECK(cases[i].what, strcmp(text_of(cases[i].view), cases[i].want) == 0);
        end_life();
        begin_life();
        CHECK(cases[i].what, strcmp(text_of(cases[i].view), cases[i].want) == 0);
        (void)close_memory(state);
        (void)open_memory(state);
    }
}

/* A life in which one call of the store fails. False: it had fewer calls. */
static bool live_with_failure(int64_t call)
{
    struct pfs_fault fault = {.fail_at = call, .fail_errno = EIO};
    struct pfs_catalog_config catalog = {0};
    struct pfs_tree_config tree = {.umask = 022};
    struct pfs_tree *opened;
    struct pfs_pool *pool;
    bool failed;

    assert_int_equal(pfs_store_open_fault(handle(), &fault, &catalog.store, NULL), 0);
    assert_int_equal(pfs_pool_open(1, &pool, NULL), 0);
    catalog.pool = pool;
    if (pfs_catalog_open(&catalog, &tree.catalog, NULL) == 0) {
        tree.pool = pool;
        if (pfs_tree_open(&tree, &opened, NULL) == 0)
            pfs_tree_close(opened); /* commits what it took over */
    }
    pfs_pool_close(pool);
    failed = fault.calls >= call;
    return failed;
}

/* All files of the store, to begin with again and again. */
static struct {
    char path[256];
    struct pfs_slice bytes;
} saved[64];
static size_t saves;

static int save(void *context, struct pfs_slice name, bool directory)
{
    char path[256];

    (void)snprintf(path, sizeof(path), "%s%s%.*s", (const char *)context, *(const char *)context == '\0' ? "" : "/",
                   (int)name.len, (const char *)name.at);
    if (directory)
        return pfs_store_list(memory, path, save, path, NULL);
    assert_true(saves < COUNT(saved));
    memcpy(saved[saves].path, path, sizeof(path));
    return pfs_store_load(memory, path, 1 << 20, &saved[saves++].bytes, NULL);
}

static void restore(void)
{
    assert_int_equal(pfs_store_open_memory(&memory, NULL), 0);
    for (size_t i = 0; i < saves; i++)
        assert_int_equal(pfs_store_publish(memory, saved[i].path, saved[i].bytes, true, NULL), 0);
}

/* Whatever it is that fails, the next process finds the rows, once. */
static void every_call_of_a_replay_fails_once_and_no_row_is_lost_or_doubled(void **state)
{
    struct pfs_entry sums, logs;
    struct pfs_opened sums_file, logs_file;
    bool failed = true;
    int64_t call;

    (void)state;
    flush_rows("d/sums/inbox", O_APPEND, "1,10\n", &sums, &sums_file);
    flush_rows("d/logs/inbox", O_APPEND, "x,1\n", &logs, &logs_file);
    dead[deads++] = sums_file.handle;
    dead[deads++] = sums.node;
    die(&logs, &logs_file);
    pfs_waiting_done(&t.waiting);
    assert_int_equal(pfs_store_list(memory, "", save, "", NULL), 0);
    for (call = 1; failed; call++) {
        char what[64];

        pfs_store_close(memory);
        restore();
        failed = live_with_failure(call);
        begin_life();
        (void)snprintf(what, sizeof(what), "call %lld fails", (long long)call);
        CHECK(what, strcmp(text_of("d/sums/snapshot/latest.csv"), "k,n\n1,10\n") == 0);
        CHECK(what, strcmp(text_of("d/logs/snapshot/latest.csv"), "line,p\nx,1\n") == 0);
        if (failed)
            end_life();
    }
    assert_true(call > 50);
    while (saves > 0)
        pfs_free((void *)(uintptr_t)saved[--saves].bytes.at);
}

static int keep_journal(void *context, struct pfs_slice name, bool directory)
{
    if (!directory && name.len > 8 && memcmp(name.at, "journal-", 8) == 0)
        (void)snprintf(context, 256, ".paimonfs/%.*s", (int)name.len, (const char *)name.at);
    return 0;
}

/* As after a crash that undid the removal: whoever had committed it has ended well, and left no word of it. */
static void a_journal_that_comes_back_is_not_committed_again(void **state)
{
    struct pfs_slice bytes;
    char path[256] = "";

    (void)state;
    acknowledge("d/sums/inbox", O_APPEND, "1,10\n");
    pfs_waiting_done(&t.waiting);
    assert_int_equal(pfs_store_list(memory, ".paimonfs", keep_journal, path, NULL), 0);
    assert_int_equal(pfs_store_load(memory, path, 1 << 20, &bytes, NULL), 0);
    begin_life();
    assert_string_equal(text_of("d/sums/snapshot/latest.csv"), "k,n\n1,10\n");
    end_life();
    assert_int_equal(pfs_store_publish(memory, path, bytes, false, NULL), 0);
    begin_life();
    assert_string_equal(text_of("d/sums/snapshot/latest.csv"), "k,n\n1,10\n");
    pfs_free((void *)(uintptr_t)bytes.at);
}

static bool becomes(const char *path, const char *want)
{
    bool is = false;

    for (int i = 0; i < 200 && !is; i++) {
        is = strcmp(text_of(path), want) == 0;
        if (!is)
            (void)usleep(50000);
    }
    return is;
}

/* No close and no fsync ever comes from a pipeline that follows something. */
static void rows_that_nobody_flushes_show_up_when_the_writer_rests(void **state)
{
    struct pfs_entry entry, copied;
    struct pfs_opened file, copy;

    (void)state;
    end_life();
    background = true;
    begin_life();
    background = false;
    assert_int_equal(open_path("d/logs/inbox", O_WRONLY | O_APPEND, &entry, &file), 0);
    assert_int_equal(open_path("d/t/inbox", O_WRONLY, &copied, &copy), 0);
    pfs_tree_write(t.tree, &t.waiting.request, copy.handle, 0, pfs_str("1,a,1\n"));
    assert_true(pfs_waiting_result(&t.waiting, NULL) > 0);
    pfs_tree_write(t.tree, &t.waiting.request, file.handle, 0, pfs_str("x,1\ny,2\nz"));
    assert_true(pfs_waiting_result(&t.waiting, NULL) > 0);
    assert_true(becomes("d/logs/snapshot/latest.csv", "line,p\nx,1\ny,2\n"));
    pfs_tree_write(t.tree, &t.waiting.request, file.handle, 0, pfs_str(",1\n"));
    assert_true(pfs_waiting_result(&t.waiting, NULL) > 0);
    assert_true(becomes("d/logs/snapshot/latest.csv", "line,p\nx,1\nz,1\ny,2\n"));
    pfs_tree_write(t.tree, &t.waiting.request, file.handle, 0, pfs_str("v,1\n"));
    assert_true(pfs_waiting_result(&t.waiting, NULL) > 0);
    pfs_tree_write(t.tree, &t.waiting.request, file.handle, 0, pfs_str("w,no number\n"));
    assert_int_equal(pfs_waiting_result(&t.waiting, NULL), -EINVAL);
    assert_int_equal(close_path(&entry, &file), -EINVAL);
    assert_string_equal(text_of("d/logs/snapshot/latest.csv"), "line,p\nx,1\nz,1\ny,2\n");
    assert_string_equal(text_of("d/t/snapshot/latest.csv"), "k,v,n\n"); /* a file that is copied is whole or not */
    assert_int_equal(close_path(&copied, &copy), 0);
    assert_string_equal(text_of("d/t/snapshot/latest.csv"), "k,v,n\n1,a,1\n");
}

static void *release_later(void *context)
{
    const struct pfs_opened *file = context;
    struct pfs_waiting waiting;

    (void)usleep(50000);
    assert_int_equal(pfs_waiting_init(&waiting, NULL), 0);
    pfs_tree_release(t.tree, &waiting.request, file->handle);
    (void)pfs_waiting_result(&waiting, NULL);
    pfs_waiting_done(&waiting);
    return NULL;
}

/* The kernel tells of the first close when the second file is closed already. */
static void the_last_of_two_files_wins_whenever_their_closes_are_told(void **state)
{
    struct pfs_entry one, two;
    struct pfs_opened first, second;
    pthread_t thread;

    (void)state;
    assert_int_equal(open_path("d/t/inbox", O_WRONLY, &one, &first), 0);
    put(&first, "1,first,1\n");
    assert_int_equal(open_path("d/t/inbox", O_WRONLY, &two, &second), 0);
    put(&second, "1,second,2\n");
    assert_int_equal(pthread_create(&thread, NULL, release_later, &first), 0);
    assert_int_equal(close_path(&two, &second), 0);
    pthread_join(thread, NULL);
    pfs_tree_forget(t.tree, one.node, 1);
    assert_string_equal(text_of("d/t/snapshot/latest.csv"), "k,v,n\n1,second,2\n");
}

static void rows_of_handles_that_are_flushed_in_turns_keep_their_order(void **state)
{
    struct pfs_entry one, two;
    struct pfs_opened first, second;

    (void)state;
    assert_int_equal(open_path("d/t/inbox", O_WRONLY | O_APPEND, &one, &first), 0);
    assert_int_equal(open_path("d/t/inbox", O_WRONLY | O_APPEND, &two, &second), 0);
    put(&first, "1,a,1\n");
    put(&second, "1,b,2\n2,b,2\n");
    put(&first, "1,c,3\n");
    assert_int_equal(close_path(&one, &first), 0);
    assert_int_equal(close_path(&two, &second), 0);
    assert_string_equal(text_of("d/t/snapshot/latest.csv"), "k,v,n\n1,c,3\n2,b,2\n");
}

/* One stream brings an element, another one takes an older one away: both count, whoever else is in the same commit. */
static void what_is_taken_back_is_not_lost_among_rows_of_others(void **state)
{
    (void)state;
    execute("CREATE TABLE d.wide (k INT, v STRING, e ARRAY<ROW<i INT>>, g INT, PRIMARY KEY (k) NOT ENFORCED) WITH"
            " ('bucket' = '1', 'merge-engine' = 'partial-update', 'fields.g.sequence-group' = 'e',"
            " 'fields.e.aggregate-function' = 'nested_update', 'fields.e.nested-key' = 'i');");
    give("d/wide/inbox.jsonl", "{\"k\":1,\"e\":[{\"i\":1},{\"i\":2}],\"g\":1}\n");
    assert_string_equal(text_of("d/wide/select/k,v,g/snapshot/latest.csv"), "k,v,g\n1,,1\n");
    give("d/wide/inbox.jsonl", "{\"k\":1,\"v\":\"a\"}\n");
    give("d/wide/inbox.jsonl", "{\"_kind\":\"-D\",\"k\":1,\"e\":[{\"i\":1}],\"g\":1}\n");
    give("d/wide/inbox.jsonl", "{\"k\":1,\"v\":\"b\"}\n");
    give("d/wide/inbox.jsonl", "{\"k\":1,\"v\":\"c\"}\n");
    assert_string_equal(text_of("d/wide/snapshot/latest.jsonl"), "{\"k\":1,\"v\":\"c\",\"e\":[{\"i\":2}],\"g\":1}\n");
    assert_string_equal(text_of("d/wide/select/v/snapshot/3.jsonl"), "{\"v\":\"a\"}\n");
    assert_string_equal(text_of("d/wide/select/v/snapshot/4.jsonl"),
                        "{\"v\":\"c\"}\n"); /* without retracts: together */
}

static void columns_without_a_value_are_given_numbers(void **state)
{
    (void)state;
    execute("CREATE TABLE d.dict (device STRING, no BIGINT, PRIMARY KEY (device) NOT ENFORCED) WITH ('bucket' = '1',"
            " 'merge-engine' = 'first-row', 'paimonfs.fields.no.generator' = 'sequence');"
            "CREATE TABLE d.log (no INT, line STRING, flake BIGINT) WITH ('paimonfs.fields.no.generator' = 'sequence',"
            " 'paimonfs.fields.flake.generator' = 'snowflake');");
    give("d/dict/inbox", "device\na\nb\n");
    give("d/dict/inbox", "a,77\nc,\nd,70\n");
    assert_string_equal(text_of("d/dict/snapshot/latest.csv"), "device,no\na,1\nb,2\nc,3\nd,70\n");
    give("d/log/inbox", "line\nx\ny\n");
    give("d/log/inbox", "no,line,flake\n5,z,6\n");
    assert_string_equal(text_of("d/log/select/no,line/snapshot/latest.csv"), "no,line\n1,x\n2,y\n5,z\n");
    assert_string_equal(text_of("d/log/where/flake is null/snapshot/latest.csv"), "no,line,flake\n");
    /* What was acknowledged keeps its number; what the dead one had left is not given by the next one. */
    acknowledge("d/dict/inbox", O_APPEND, "device\ne\n");
    pfs_waiting_done(&t.waiting);
    begin_life();
    give("d/dict/inbox", "device\nf\n");
    assert_string_equal(text_of("d/dict/snapshot/latest.csv"), "device,no\na,1\nb,2\nc,3\nd,70\ne,4\nf,1001\n");
}

static void a_generator_that_cannot_be_is_told_when_rows_come(void **state)
{
    static const struct {
        const char *what, *sql, *why;
    } cases[] = {
        {"no such generator", "(k BIGINT) WITH ('paimonfs.fields.k.generator' = 'dice')", "sequence or snowflake"},
        {"no such column", "(k BIGINT) WITH ('paimonfs.fields.n.generator' = 'sequence')", "no such column"},
        {"no number", "(k STRING) WITH ('paimonfs.fields.k.generator' = 'sequence')", "no BIGINT"},
        {"too narrow a number", "(k INT) WITH ('paimonfs.fields.k.generator' = 'snowflake')", "no BIGINT"},
        {"never null", "(k BIGINT NOT NULL) WITH ('paimonfs.fields.k.generator' = 'snowflake')", "NOT NULL"},
        {"the last value counts",
         "(k INT, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('paimonfs.fields.n.generator' = 'sequence')",
         "keep the first"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_entry entry;
        struct pfs_opened file;
        struct pfs_err err = {0};
        char sql[300];

        (void)snprintf(sql, sizeof(sql), "CREATE TABLE d.g%zu %s;", i, cases[i].sql);
        execute(sql);
        (void)snprintf(sql, sizeof(sql), "d/g%zu/inbox", i);
        assert_int_equal(pfs_tree_walk(t.tree, sql, &entry, NULL), 0);
        pfs_tree_open_file(t.tree, &t.waiting.request, entry.node, O_WRONLY | O_APPEND, &file);
        CHECK(cases[i].what, pfs_waiting_result(&t.waiting, &err) == -EINVAL);
        CHECK(cases[i].what, strstr(err.text, cases[i].why) != NULL);
        pfs_tree_forget(t.tree, entry.node, 1);
    }
}

static void what_a_branch_acknowledged_is_seen_where_it_is_fallen_back_on(void **state)
{
    (void)state;
    execute("CALL sys.create_branch('d.logs', 'b'); ALTER TABLE d.logs SET ('scan.fallback-branch' = 'b');");
    give("d/logs/branch/b/inbox", "x,1\n");
    assert_string_equal(text_of("d/logs/snapshot/latest.csv"), "line,p\nx,1\n");
    give("d/logs/branch/b/inbox", "y,2\n");
    give("d/logs/inbox", "z,1\n");
    assert_string_equal(text_of("d/logs/snapshot/latest.csv"), "line,p\nz,1\ny,2\n");
    assert_string_equal(text_of("d/logs/branch/b/snapshot/latest.csv"), "line,p\nx,1\ny,2\n");
}

/* As Paimon Java reads and writes the same tables. */
static void partitions_of_a_primary_branch_go_before_the_tables_own(void **state)
{
    (void)state;
    execute("CREATE TABLE d.p (k INT, p STRING, v STRING, PRIMARY KEY (k, p) NOT ENFORCED) PARTITIONED BY (p)"
            " WITH ('bucket' = '1');");
    give("d/p/inbox", "1,a,main\n2,b,main\n");
    assert_string_equal(text_of("d/p/snapshot/latest.csv"), "k,p,v\n1,a,main\n2,b,main\n");
    execute("CALL sys.create_branch('d.p', 'b');");
    give("d/p/branch/b/inbox", "1,b,branch\n5,c,branch\n6,b,branch\n");
    assert_non_null(text_of("d/p/branch/b/snapshot/latest.csv"));
    execute("ALTER TABLE d.p SET ('scan.primary-branch' = 'b');");
    give("d/p/inbox", "9,a,later\n8,b,later\n");
    assert_string_equal(text_of("d/p/snapshot/latest.csv"),
                        "k,p,v\n1,b,branch\n6,b,branch\n5,c,branch\n1,a,main\n9,a,later\n");
    assert_string_equal(text_of("d/p/snapshot/1.csv"), "k,p,v\n1,b,branch\n6,b,branch\n5,c,branch\n1,a,main\n");
    assert_string_equal(text_of("d/p/partition/p=b/snapshot/latest.csv"), "k,p,v\n1,b,branch\n6,b,branch\n");
    assert_string_equal(text_of("d/p/key/6,b.csv"), "k,p,v\n6,b,branch\n");
    assert_string_equal(text_of("d/p/key/9,a.csv"), "k,p,v\n9,a,later\n");
    assert_null(text_of("d/p/key/8,b.csv"));
    assert_string_equal(text_of("d/p/branch/b/snapshot/latest.csv"), "k,p,v\n1,b,branch\n6,b,branch\n5,c,branch\n");
    assert_string_equal(text_of("d/p/changelog"),
                        "_snapshot,_kind,k,p,v\n1,+I,1,a,main\n1,+I,2,b,main\n2,+I,9,a,later\n2,+I,8,b,later\n");
}

/* Up to the value of a member, which is a string; sets what comes after the value. */
static const char *value_of(const char *json, const char *member, const char **after)
{
    const char *at = strstr(json, member);

    assert_non_null(at);
    at = strchr(strchr(at, ':'), '"');
    *after = strchr(at + 1, '"') + 1;
    return at;
}

static void put_text(struct pfs_buf *out, const char *from, const char *to)
{
    pfs_buf_put(out, from, (size_t)(to - from));
}

/* Snapshot 1 of a table is another engine's now, which renamed over ours: of the same files, or of none. */
static void replace_first_snapshot(const char *table, bool same_files)
{
    const char *json, *base, *base_end, *delta, *delta_end, *user, *user_end;
    struct pfs_buf theirs = {0};
    struct pfs_slice text;
    char path[100];

    (void)snprintf(path, sizeof(path), "d.db/%s/snapshot/snapshot-1", table);
    assert_int_equal(pfs_store_load(memory, path, 1 << 20, &text, NULL), 0);
    json = (const char *)text.at;
    base = value_of(json, "\"baseManifestList\"", &base_end);
    delta = value_of(base_end, "\"deltaManifestList\"", &delta_end);
    user = value_of(delta_end, "\"commitUser\"", &user_end);
    put_text(&theirs, json, delta);
    put_text(&theirs, same_files ? delta : base, same_files ? delta_end : base_end);
    put_text(&theirs, delta_end, user);
    pfs_buf_puts(&theirs, "\"rival\"");
    put_text(&theirs, user_end, json + text.len);
    assert_int_equal(pfs_store_publish(memory, path, pfs_buf_slice(&theirs), true, NULL), 0);
    pfs_buf_done(&theirs);
    pfs_free((void *)(uintptr_t)text.at);
}

/* Its rows are in the successor, whatever the first snapshot says now. */
static void a_replaced_snapshot_that_has_a_successor_is_not_committed_again(void **state)
{
    struct pfs_slice bytes;
    char path[256] = "";

    (void)state;
    give("d/logs/inbox", "a,1\n");
    assert_string_equal(text_of("d/logs/snapshot/latest.csv"), "line,p\na,1\n");
    assert_int_equal(pfs_store_list(memory, ".paimonfs", keep_journal, path, NULL), 0);
    assert_int_equal(pfs_store_load(memory, path, 1 << 20, &bytes, NULL), 0);
    give("d/logs/inbox", "b,2\n");
    assert_string_equal(text_of("d/logs/snapshot/latest.csv"), "line,p\na,1\nb,2\n");
    end_life();
    replace_first_snapshot("logs", true);
    (void)pfs_store_unlink(memory, path, NULL);
    assert_int_equal(pfs_store_publish(memory, path, bytes, false, NULL), 0);
    begin_life();
    assert_string_equal(text_of("d/logs/snapshot/latest.csv"), "line,p\na,1\nb,2\n");
    pfs_free((void *)(uintptr_t)bytes.at);
}

static void rows_of_a_replaced_snapshot_do_not_overtake_later_ones(void **state)
{
    (void)state;
    execute("CREATE TABLE d.raced (k INT, n INT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1');");
    give("d/raced/inbox", "1,1\n2,1\n3,1\n");
    assert_string_equal(text_of("d/raced/snapshot/latest.csv"), "k,n\n1,1\n2,1\n3,1\n");
    replace_first_snapshot("raced", false);
    give("d/raced/inbox", "1,2\n");
    give("d/raced/inbox@loader:1", "3,2\n");
    assert_string_equal(text_of("d/raced/snapshot/latest.csv"), "k,n\n1,2\n2,1\n3,2\n");
}

/* Whoever looks right then: nobody wrote since, and no run has looked at what was published. */
static void rows_of_a_replaced_snapshot_are_there_at_the_next_look(void **state)
{
    (void)state;
    execute("CREATE TABLE d.seized (k INT, n INT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1');");
    give("d/seized/inbox", "1,1\n2,1\n");
    assert_string_equal(text_of("d/seized/snapshot/latest.csv"), "k,n\n1,1\n2,1\n");
    assert_string_equal(text_of("d/seized/snapshot/latest.csv"), "k,n\n1,1\n2,1\n"); /* it is ours, and known to be */
    replace_first_snapshot("seized", false);
    assert_string_equal(text_of("d/seized/snapshot/latest.csv"), "k,n\n1,1\n2,1\n");
    assert_string_equal(text_of("d/seized/snapshot/2.csv"), "k,n\n1,1\n2,1\n");
}

static void a_tag_has_the_rows_of_a_replaced_snapshot(void **state)
{
    (void)state;
    execute("CREATE TABLE d.tagged (k INT, n INT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1');");
    give("d/tagged/inbox", "1,1\n");
    assert_string_equal(text_of("d/tagged/snapshot/latest.csv"), "k,n\n1,1\n");
    replace_first_snapshot("tagged", false);
    assert_int_equal(mkdir_at("d/tagged/tag", "then"), 0);
    assert_string_equal(text_of("d/tagged/tag/then/snapshot/latest.csv"), "k,n\n1,1\n");
}

static void a_key_has_the_row_of_a_replaced_snapshot(void **state)
{
    (void)state;
    execute("CREATE TABLE d.looked (k INT, n INT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1');");
    give("d/looked/inbox", "1,1\n");
    assert_string_equal(text_of("d/looked/key/1.csv"), "k,n\n1,1\n");
    assert_string_equal(text_of("d/looked/snapshot/latest.csv"), "k,n\n1,1\n");
    replace_first_snapshot("looked", false);
    assert_string_equal(text_of("d/looked/key/1.csv"), "k,n\n1,1\n");
}

/* The file that a snapshot of d.told adds, and who made it. */
static struct pfs_taken_want made_by(int64_t id, struct pfs_arena *arena, const char **file)
{
    struct pfs_snapshot snapshot;
    struct pfs_manifest_file *manifest;
    struct pfs_manifest_entry *entry;
    int64_t count;

    assert_int_equal(pfs_snapshot_load(memory, "d.db/told", id, arena, &snapshot, NULL, NULL), 0);
    assert_int_equal(pfs_manifest_list_load(memory, "d.db/told", snapshot.delta_list, arena, &manifest, &count, NULL),
                     0);
    assert_int_equal(count, 1);
    assert_int_equal(pfs_manifest_load(memory, "d.db/told", manifest[0].name, arena, &entry, &count, NULL), 0);
    *file = entry[0].file.name;
    return (struct pfs_taken_want){snapshot.commit_user, snapshot.commit_identifier, id, file, 1};
}

static void a_commit_is_known_by_the_compaction_that_took_its_file(void **state)
{
    const struct pfs_table_parts at = {.store = memory, .root = "d.db/told", .meta = "d.db/told"};
    struct pfs_taken_want want;
    struct pfs_arena arena = {0};
    const char *file;

    (void)state;
    give("d/told/inbox", "1,10\n");
    assert_string_equal(text_of("d/told/snapshot/latest.csv"), "k,n\n1,10\n");
    give("d/told/inbox", "1,5\n");
    assert_string_equal(text_of("d/told/snapshot/latest.csv"), "k,n\n1,15\n");
    want = made_by(3, &arena, &file);
    assert_int_equal(pfs_commit_taken(&at, &want, NULL), 1);
    want.identifier++;
    assert_int_equal(pfs_commit_taken(&at, &want, NULL), 0);
    want.identifier--;
    want.seen = 4;
    assert_int_equal(pfs_commit_taken(&at, &want, NULL), 0);
    want.seen = 3;
    file = "another";
    assert_int_equal(pfs_commit_taken(&at, &want, NULL), 0);
    pfs_arena_done(&arena);
}

/* The journal is seen late, as when another host's lock held it: the loader repeats its number, and has gone on. */
static void a_number_that_was_flushed_is_there_once_whatever_the_loader_did_meanwhile(void **state)
{
    for (int seen_late = 0; seen_late < 2; seen_late++) {
        struct pfs_slice bytes;
        char path[256] = "";

        acknowledge("d/sums/inbox@u:5", O_APPEND, "1,10\n");
        pfs_waiting_done(&t.waiting);
        assert_int_equal(pfs_store_list(memory, ".paimonfs", keep_journal, path, NULL), 0);
        assert_int_equal(pfs_store_load(memory, path, 1 << 20, &bytes, NULL), 0);
        if (seen_late)
            assert_int_equal(pfs_store_unlink(memory, path, NULL), 0);
        begin_life();
        give("d/sums/inbox@u:6", "1,100\n");
        if (!seen_late)
            give("d/sums/inbox@u:5", "1,10\n");
        CHECK("meanwhile",
              strcmp(text_of("d/sums/snapshot/latest.csv"), seen_late ? "k,n\n1,100\n" : "k,n\n1,110\n") == 0);
        end_life();
        if (seen_late)
            assert_int_equal(pfs_store_publish(memory, path, bytes, false, NULL), 0);
        begin_life();
        CHECK("replayed", strcmp(text_of("d/sums/snapshot/latest.csv"), "k,n\n1,110\n") == 0);
        give("d/sums/inbox@u:5", "1,10\n");
        give("d/sums/inbox@u:6", "1,100\n");
        CHECK("repeated", strcmp(text_of("d/sums/snapshot/latest.csv"), "k,n\n1,110\n") == 0);
        pfs_free((void *)(uintptr_t)bytes.at);
        (void)close_memory(state);
        (void)open_memory(state);
    }
}

/* The one journal that there is, taken away: as when another host's lock held it. */
static struct pfs_slice take_journal_away(char path[static 256])
{
    struct pfs_slice bytes;

    path[0] = '\0';
    assert_int_equal(pfs_store_list(memory, ".paimonfs", keep_journal, path, NULL), 0);
    assert_int_equal(pfs_store_load(memory, path, 1 << 20, &bytes, NULL), 0);
    assert_int_equal(pfs_store_unlink(memory, path, NULL), 0);
    return bytes;
}

/* Between the lives the clock is set by an hour. */
static void what_was_committed_is_not_told_by_clocks(void **state)
{
    static const int64_t hour = 3600000;

    for (int64_t ahead = -hour; ahead <= hour; ahead += 2 * hour) {
        struct pfs_slice bytes;
        char path[256];

        acknowledge("d/sums/inbox@u:5", O_APPEND, "1,10\n");
        pfs_waiting_done(&t.waiting);
        bytes = take_journal_away(path);
        ahead_ms = ahead;
        begin_life();
        give("d/sums/inbox@u:6", "1,100\n");
        CHECK("seen late", strcmp(text_of("d/sums/snapshot/latest.csv"), "k,n\n1,100\n") == 0);
        end_life();
        assert_int_equal(pfs_store_publish(memory, path, bytes, false, NULL), 0);
        pfs_free((void *)(uintptr_t)bytes.at);
        begin_life();
        CHECK("seen late", strcmp(text_of("d/sums/snapshot/latest.csv"), "k,n\n1,110\n") == 0);
        give("d/sums/inbox@u:7", "1,1000\n");
        give("d/sums/inbox@u:8", "1,10000\n");
        CHECK("went on", strcmp(text_of("d/sums/snapshot/latest.csv"), "k,n\n1,11110\n") == 0);
        execute("CALL sys.expire_snapshots(`table` => 'd.sums', retain_max => 1, retain_min => 1, max_deletes => 100,"
                " older_than => '2999-01-01 00:00:00');");
        end_life();
        ahead_ms = 2 * ahead;
        begin_life();
        give("d/sums/inbox@u:7", "1,1000\n");
        CHECK("repeated", strcmp(text_of("d/sums/snapshot/latest.csv"), "k,n\n1,11110\n") == 0);
        ahead_ms = 0;
        (void)close_memory(state);
        (void)open_memory(state);
    }
}

/* A later number was committed, and rolled back; one that takes its snapshot's number comes after the rows. */
static void a_number_is_not_known_by_a_snapshot_that_took_the_place_of_one(void **state)
{
    struct pfs_slice bytes;
    char path[256];

    (void)state;
    give("d/sums/inbox@u:1", "1,1\n");
    assert_string_equal(text_of("d/sums/snapshot/latest.csv"), "k,n\n1,1\n");
    give("d/sums/inbox@v:1", "1,2\n");
    assert_string_equal(text_of("d/sums/snapshot/latest.csv"), "k,n\n1,3\n");
    end_life();
    begin_life();
    acknowledge("d/sums/inbox@u:5", O_APPEND, "1,10\n");
    pfs_waiting_done(&t.waiting);
    bytes = take_journal_away(path);
    begin_life();
    execute("CALL sys.rollback_to('d.sums', 1);");
    give("d/sums/inbox@u:6", "1,100\n");
    assert_string_equal(text_of("d/sums/snapshot/latest.csv"), "k,n\n1,101\n");
    end_life();
    assert_int_equal(pfs_store_publish(memory, path, bytes, false, NULL), 0);
    pfs_free((void *)(uintptr_t)bytes.at);
    begin_life();
    assert_string_equal(text_of("d/sums/snapshot/latest.csv"), "k,n\n1,111\n");
}

/* Both are the first part of their journals, and of the same user: what is known of one says nothing of the other. */
static void a_number_is_not_taken_for_one_of_an_earlier_journal(void **state)
{
    struct pfs_entry entry;
    struct pfs_opened file;

    (void)state;
    acknowledge("d/sums/inbox@u:5", 0, "1,10\n");
    pfs_waiting_done(&t.waiting);
    begin_life();
    flush_rows("d/sums/inbox@u:6", 0, "1,100\n", &entry, &file);
    assert_string_equal(text_of("d/sums/snapshot/latest.csv"), "k,n\n1,10\n"); /* of the earlier journal */
    die(&entry, &file);
    pfs_waiting_done(&t.waiting);
    begin_life();
    assert_string_equal(text_of("d/sums/snapshot/latest.csv"), "k,n\n1,110\n");
}

/* As another engine would: v is w now, n is text, there is one column more. */
static void publish_schema(const char *json)
{
    assert_int_equal(pfs_store_publish(memory, "d.db/t/schema/schema-1", pfs_str(json), false, NULL), 0);
}

static void rows_of_an_older_schema_are_evolved(void **state)
{
    (void)state;
    acknowledge("d/t/inbox", O_APPEND, "1,a,1\n");
    pfs_waiting_done(&t.waiting);
    begin_life();
    publish_schema("{\"version\":3,\"id\":1,\"fields\":["
                   "{\"id\":0,\"name\":\"k\",\"type\":\"INT NOT NULL\"},{\"id\":1,\"name\":\"w\",\"type\":\"STRING\"},"
                   "{\"id\":2,\"name\":\"n\",\"type\":\"STRING\"},{\"id\":3,\"name\":\"more\",\"type\":\"INT\"}],"
                   "\"highestFieldId\":3,\"partitionKeys\":[],\"primaryKeys\":[\"k\"],\"options\":{\"bucket\":\"2\"},"
                   "\"timeMillis\":1}");
    assert_string_equal(text_of("d/t/snapshot/latest.csv"), "k,w,n,more\n1,a,1,\n");
}

/* A disk on which a table's first schema cannot be read, for a moment. */
static struct {
    struct pfs_fault fault;
    int failed;
} unreadable;

static void fail_to_read(void *context, const char *op, const char *path)
{
    (void)context;
    if (strcmp(op, "open") != 0 || strcmp(path, "d.db/t/schema/schema-0") != 0)
        return;
    unreadable.failed++;
    unreadable.fault.fail_at = unreadable.fault.calls;
}

static void rows_of_a_schema_that_cannot_be_read_now_wait(void **state)
{
    struct pfs_store *store;
    struct pfs_stat stat;

    (void)state;
    acknowledge("d/t/inbox", O_APPEND, "1,a,1\n");
    pfs_waiting_done(&t.waiting);
    execute_elsewhere("ALTER TABLE d.t ADD more INT;");
    memset(&unreadable, 0, sizeof(unreadable));
    unreadable.fault = (struct pfs_fault){.fail_errno = EIO, .each = fail_to_read};
    assert_int_equal(pfs_store_open_fault(handle(), &unreadable.fault, &store, NULL), 0);
    begin_life_on(store);
    end_life();
    assert_true(unreadable.failed > 0);
    begin_life();
    assert_string_equal(text_of("d/t/snapshot/latest.csv"), "k,v,n,more\n1,a,1,\n");
    assert_int_equal(pfs_store_stat(memory, ".paimonfs/rejected", &stat, NULL), -ENOENT);
}

/* As when a mount is told to end while files are open: the kernel releases none of them. */
static void handles_that_nobody_releases_go_with_the_tree(void **state)
{
    static const struct {
        const char *path;
        int flags;
    } files[] = {
        {"d/t/inbox", O_WRONLY | O_APPEND},    {"d/t/overwrite", O_WRONLY}, {"d/t/options", O_WRONLY},
        {"d/t/snapshot/latest.csv", O_RDONLY}, {"sql", O_WRONLY},
    };
    struct pfs_entry entry;
    struct pfs_opened file;

    (void)state;
    flush_rows("d/sums/inbox", O_APPEND, "1,10\n", &entry, &file);
    keep_dead(file.handle, entry.node);
    for (size_t i = 0; i < COUNT(files); i++) {
        assert_int_equal(open_path(files[i].path, files[i].flags, &entry, &file), 0);
        keep_dead(file.handle, entry.node);
    }
    end_life(); /* which asserts that nobody has a table of the catalog */
    begin_life();
    assert_string_equal(text_of("d/sums/snapshot/latest.csv"), "k,n\n1,10\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_acknowledged_is_committed_once_by_the_next_process, open_memory,
                                        close_memory),
        cmocka_unit_test_setup_teardown(rows_of_a_schema_that_cannot_be_read_now_wait, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(every_call_of_a_replay_fails_once_and_no_row_is_lost_or_doubled, open_memory,
                                        close_memory),
        cmocka_unit_test_setup_teardown(a_replaced_snapshot_that_has_a_successor_is_not_committed_again, open_memory,
                                        close_memory),
        cmocka_unit_test_setup_teardown(rows_of_a_replaced_snapshot_do_not_overtake_later_ones, open_memory,
                                        close_memory),
        cmocka_unit_test_setup_teardown(rows_of_a_replaced_snapshot_are_there_at_the_next_look, open_memory,
                                        close_memory),
        cmocka_unit_test_setup_teardown(a_tag_has_the_rows_of_a_replaced_snapshot, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(a_key_has_the_row_of_a_replaced_snapshot, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(a_commit_is_known_by_the_compaction_that_took_its_file, open_memory,
                                        close_memory),
        cmocka_unit_test_setup_teardown(a_journal_that_comes_back_is_not_committed_again, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(a_number_that_was_flushed_is_there_once_whatever_the_loader_did_meanwhile,
                                        open_memory, close_memory),
        cmocka_unit_test_setup_teardown(rows_that_nobody_flushes_show_up_when_the_writer_rests, open_memory,
                                        close_memory),
        cmocka_unit_test_setup_teardown(partitions_of_a_primary_branch_go_before_the_tables_own, open_memory,
                                        close_memory),
        cmocka_unit_test_setup_teardown(what_a_branch_acknowledged_is_seen_where_it_is_fallen_back_on, open_memory,
                                        close_memory),
        cmocka_unit_test_setup_teardown(the_last_of_two_files_wins_whenever_their_closes_are_told, open_memory,
                                        close_memory),
        cmocka_unit_test_setup_teardown(rows_of_handles_that_are_flushed_in_turns_keep_their_order, open_memory,
                                        close_memory),
        cmocka_unit_test_setup_teardown(what_is_taken_back_is_not_lost_among_rows_of_others, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(columns_without_a_value_are_given_numbers, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(a_generator_that_cannot_be_is_told_when_rows_come, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(what_was_committed_is_not_told_by_clocks, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(a_number_is_not_known_by_a_snapshot_that_took_the_place_of_one, open_memory,
                                        close_memory),
        cmocka_unit_test_setup_teardown(a_number_is_not_taken_for_one_of_an_earlier_journal, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(rows_of_an_older_schema_are_evolved, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(handles_that_nobody_releases_go_with_the_tree, open_memory, close_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
