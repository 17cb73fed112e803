/* durable_test.c - acknowledged rows, and what happens to their table, their order and the disk before they are in a
 * snapshot. */
#include <stdio.h>
#include <unistd.h>

#include "tests/unit/fs/lives.h"

#define LARGE_BYTES ((size_t)9 << 20) /* of rows that become files before their handle is sealed */

static void add(const struct pfs_opened *file, const char *rows)
{
    pfs_tree_write(t.tree, &t.waiting.request, file->handle, 0, pfs_str(rows));
    assert_true(pfs_waiting_result(&t.waiting, NULL) > 0);
}

/* Rows of d.t, of keys from 1000 on. */
static void add_large(const struct pfs_opened *file)
{
    const size_t row = (size_t)1 << 20;
    struct pfs_buf text = {0};

    for (size_t i = 0; i < LARGE_BYTES / row; i++) {
        pfs_buf_clear(&text);
        pfs_buf_printf(&text, "%zu,", 1000 + i);
        memset(pfs_buf_reserve(&text, row), 'x', row);
        text.len += row;
        pfs_buf_puts(&text, ",1\n");
        pfs_buf_putc(&text, 0);
        add(file, (const char *)text.at);
    }
    pfs_buf_done(&text);
}

/* Another process commits a row of d.t. */
static void commit_elsewhere(void)
{
    __typeof__(t) mine = t;

    begin_life();
    give("d/t/inbox", "9,i,9\n");
    end_life();
    t = mine;
}

/* ---- a snapshot that is taken back ---- */

/* By another process, which is followed by a third one: the number of the snapshot is given again at once. */
static void what_was_rolled_back_elsewhere_is_not_committed_again(void **state)
{
    static const struct {
        const char *what;
        bool goes_on, dies;
    } cases[] = {
        {"alone", false, false}, {"followed by another", true, false}, {"after the process died", false, true}};

    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *text;

        give("d/t/inbox", "1,a,1\n");
        CHECK(cases[i].what, strcmp(text_of("d/t/snapshot/latest.csv"), "k,v,n\n1,a,1\n") == 0);
        give("d/t/inbox", "2,b,2\n");
        CHECK(cases[i].what, strstr(text_of("d/t/snapshot/latest.csv"), "2,b,2\n") != NULL);
        if (cases[i].dies) {
            pfs_store_memory_release_locks(memory);
            keep_dead(t.pool, t.tree);
            pfs_waiting_done(&t.waiting);
        }
        execute_elsewhere("CALL sys.rollback_to('d.t', 1);");
        if (cases[i].goes_on)
            commit_elsewhere();
        if (cases[i].dies)
            begin_life();
        give("d/t/inbox", "3,c,3\n");
        text = text_of("d/t/snapshot/latest.csv");
        CHECK(cases[i].what, strstr(text, "1,a,1\n") != NULL && strstr(text, "3,c,3\n") != NULL);
        CHECK(cases[i].what, (strstr(text, "9,i,9\n") != NULL) == cases[i].goes_on);
        CHECK(cases[i].what, strstr(text, "2,b,2\n") == NULL);
        (void)close_memory(state);
        (void)open_memory(state);
    }
}

/* ---- tables that change meanwhile ---- */

static void a_large_file_is_of_the_schema_that_it_was_opened_with(void **state)
{
    static const char *const changes[] = {"ALTER TABLE d.t ADD more INT;", "ALTER TABLE d.t DROP n;"};

    for (size_t i = 0; i < COUNT(changes); i++)
        for (int late = 0; late < 2; late++) {
            struct pfs_entry entry;
            struct pfs_opened file;
            bool drops = i == 1;

            assert_int_equal(open_path("d/t/inbox", O_WRONLY | O_APPEND, &entry, &file), 0);
            add(&file, "1,a,1\n");
            if (late == 1)
                add_large(&file);
            execute(changes[i]);
            if (late == 0)
                add_large(&file);
            add(&file, "2,b,2"); /* a last line that only the release ends */
            pfs_tree_flush(t.tree, &t.waiting.request, file.handle);
            assert_int_equal(pfs_waiting_result(&t.waiting, NULL), 0);
            assert_int_equal(close_path(&entry, &file), 0);
            CHECK(changes[i], strcmp(text_of("d/t/key/1.csv"), drops ? "k,v\n1,a\n" : "k,v,n,more\n1,a,1,\n") == 0);
            CHECK(changes[i], strcmp(text_of("d/t/key/2.csv"), drops ? "k,v\n2,b\n" : "k,v,n,more\n2,b,2,\n") == 0);
            CHECK(changes[i], strncmp(text_of("d/t/key/1008.csv"), drops ? "k,v\n1008,x" : "k,v,n,more\n1008,x",
                                      drops ? 10 : 17) == 0);
            (void)close_memory(state);
            (void)open_memory(state);
        }
}

static void a_large_overwrite_takes_another_number_of_buckets(void **state)
{
    struct pfs_entry entry;
    struct pfs_opened file;

    (void)state;
    assert_int_equal(append("d/t/inbox", "1,a,1\n2,b,2\n"), 0);
    execute("ALTER TABLE d.t SET ('bucket' = '4');");
    assert_int_equal(open_path("d/t/overwrite", O_WRONLY | O_APPEND, &entry, &file), 0);
    add_large(&file);
    put(&file, "2,c,3\n");
    assert_int_equal(close_path(&entry, &file), 0);
    assert_string_equal(text_of("d/t/key/2.csv"), "k,v,n\n2,c,3\n");
    assert_null(text_of("d/t/key/1.csv"));
}

/* Rows were taken before the number of buckets changed, and are acknowledged after it: they go to their partition as
 * it is, and nobody waits behind them. */
static void rows_that_were_taken_before_the_number_of_buckets_changed_are_committed(void **state)
{
    static const char change[] = "ALTER TABLE d.t SET ('bucket' = '4');";

    for (int elsewhere = 0; elsewhere < 2; elsewhere++) {
        struct pfs_entry one, two;
        struct pfs_opened first, second;

        assert_int_equal(append("d/t/inbox", "1,a,1\n2,b,2\n"), 0);
        assert_int_equal(open_path("d/t/inbox", O_WRONLY | O_APPEND, &one, &first), 0);
        assert_int_equal(open_path("d/t/inbox@loader:1", O_WRONLY | O_APPEND, &two, &second), 0);
        add(&first, "3,c,3\n");
        put(&second, "4,d,4\n");
        if (elsewhere == 1)
            execute_elsewhere(change);
        else
            execute(change);
        pfs_tree_flush(t.tree, &t.waiting.request, first.handle);
        assert_int_equal(pfs_waiting_result(&t.waiting, NULL), 0);
        assert_int_equal(close_path(&one, &first), 0);
        assert_int_equal(close_path(&two, &second), 0);
        CHECK("read", strcmp(text_of("d/t/key/3.csv"), "k,v,n\n3,c,3\n") == 0);
        CHECK("read", strcmp(text_of("d/t/key/4.csv"), "k,v,n\n4,d,4\n") == 0);
        CHECK("refused", append("d/t/inbox", "5,e,5\n") == -EINVAL);
        give("d/t/overwrite", "7,g,7\n");
        give("d/t/inbox", "8,h,8\n");
        CHECK("overwritten", strstr(text_of("d/t/snapshot/latest.csv"), "1,a,1") == NULL);
        CHECK("overwritten", strcmp(text_of("d/t/key/8.csv"), "k,v,n\n8,h,8\n") == 0);
        (void)close_memory(state);
        (void)open_memory(state);
    }
}

static const char another_table[] = "DROP TABLE d.t; CREATE TABLE d.t (k INT, v STRING, n BIGINT, PRIMARY KEY (k) NOT"
                                    " ENFORCED) WITH ('bucket' = '1');";

/* Another process did that; rows of the dropped table are not of the new one. */
static void rows_are_not_given_to_a_table_that_takes_the_place_of_theirs(void **state)
{
    struct pfs_entry entry;
    struct pfs_opened file;

    (void)state;
    give("d/t/inbox", "1,a,1\n");
    assert_int_equal(open_path("d/t/inbox", O_WRONLY | O_APPEND, &entry, &file), 0);
    put(&file, "2,b,2\n");
    execute_elsewhere(another_table);
    assert_string_equal(text_of("d/t/snapshot/latest.csv"), "k,v,n\n");
    put(&file, "3,c,3\n");
    assert_int_equal(close_path(&entry, &file), 0);
    assert_string_equal(text_of("d/t/snapshot/latest.csv"), "k,v,n\n");
    give("d/t/inbox", "4,d,4\n");
    assert_string_equal(text_of("d/t/snapshot/latest.csv"), "k,v,n\n4,d,4\n");
}

/* They were committed, and the first snapshot of the new table is another engine's, a moment later. */
static void rows_of_a_snapshot_are_not_given_to_a_table_that_takes_the_place_of_theirs(void **state)
{
    struct pfs_stat stat;

    (void)state;
    give("d/t/inbox", "1,a,1\n");
    assert_string_equal(text_of("d/t/snapshot/latest.csv"), "k,v,n\n1,a,1\n");
    execute_elsewhere(another_table);
    commit_elsewhere();
    give("d/t/inbox", "4,d,4\n");
    assert_string_equal(text_of("d/t/snapshot/latest.csv"), "k,v,n\n4,d,4\n9,i,9\n");
    assert_int_equal(pfs_store_stat(memory, ".paimonfs/rejected", &stat, NULL), -ENOENT); /* they had their snapshot */
}

/* ---- the last acknowledged row of a key wins ---- */

static void a_large_file_does_not_overtake_what_was_flushed_before(void **state)
{
    struct pfs_entry one, two;
    struct pfs_opened first, second;

    (void)state;
    assert_int_equal(open_path("d/t/inbox", O_WRONLY | O_APPEND, &one, &first), 0);
    put(&first, "1,first,1\n");
    assert_int_equal(open_path("d/t/inbox", O_WRONLY | O_APPEND, &two, &second), 0);
    add(&second, "1,second,2\n");
    add_large(&second);
    put(&second, "2,second,2\n");
    assert_int_equal(close_path(&two, &second), 0);
    assert_string_equal(text_of("d/t/key/1.csv"), "k,v,n\n1,second,2\n");
    assert_int_equal(close_path(&one, &first), 0);
    assert_string_equal(text_of("d/t/key/1.csv"), "k,v,n\n1,second,2\n");
}

/* Rows with a retract are a snapshot by themselves here. */
static void what_is_taken_back_does_not_overtake_what_was_flushed_before(void **state)
{
    struct pfs_entry one, two;
    struct pfs_opened first, second;

    (void)state;
    execute("CREATE TABLE d.last (k INT, n INT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1', 'merge-engine' ="
            " 'aggregation', 'fields.n.aggregate-function' = 'product');");
    assert_int_equal(append("d/last/inbox", "1,12\n"), 0);
    assert_int_equal(open_path("d/last/inbox", O_WRONLY | O_APPEND, &one, &first), 0);
    put(&first, "_kind,k,n\n+I,1,0\n");
    assert_int_equal(open_path("d/last/inbox", O_WRONLY | O_APPEND, &two, &second), 0);
    put(&second, "_kind,k,n\n-D,1,2\n");
    assert_int_equal(close_path(&two, &second), 0);
    assert_non_null(text_of("d/last/snapshot/latest.csv"));
    assert_int_equal(close_path(&one, &first), 0);
    assert_string_equal(text_of("d/last/changelog"), "_snapshot,_kind,k,n\n1,+I,1,12\n2,+I,1,0\n3,-D,1,2\n");
}

static void handles_that_were_flushed_in_turns_keep_their_order_when_the_power_goes(void **state)
{
    struct pfs_entry one, two;
    struct pfs_opened first, second;

    (void)state;
    assert_int_equal(open_path("d/t/inbox", O_WRONLY | O_APPEND, &one, &first), 0);
    assert_int_equal(open_path("d/t/inbox", O_WRONLY | O_APPEND, &two, &second), 0);
    put(&first, "1,a,1\n");
    put(&second, "1,b,2\n2,b,2\n");
    put(&first, "1,c,3\n");
    die(&one, &first);
    die(&two, &second);
    pfs_waiting_done(&t.waiting);
    begin_life();
    assert_string_equal(text_of("d/t/snapshot/latest.csv"), "k,v,n\n1,c,3\n2,b,2\n");
}

/* Files that were copied, none of them released: the first one was acknowledged once more, last of all. */
static void files_that_were_flushed_in_turns_keep_their_order_when_the_power_goes(void **state)
{
    struct pfs_entry one, two;
    struct pfs_opened first, second;

    (void)state;
    assert_int_equal(open_path("d/t/inbox", O_WRONLY, &one, &first), 0);
    assert_int_equal(open_path("d/t/inbox", O_WRONLY, &two, &second), 0);
    put(&first, "3,a,1\n");
    put(&second, "1,b,2\n2,b,2\n");
    pfs_tree_write(t.tree, &t.waiting.request, first.handle, 6, pfs_str("1,c,3\n"));
    assert_int_equal(pfs_waiting_result(&t.waiting, NULL), 6);
    pfs_tree_flush(t.tree, &t.waiting.request, first.handle);
    assert_int_equal(pfs_waiting_result(&t.waiting, NULL), 0);
    die(&one, &first);
    die(&two, &second);
    pfs_waiting_done(&t.waiting);
    begin_life();
    assert_string_equal(text_of("d/t/key/1.csv"), "k,v,n\n1,c,3\n");
    assert_string_equal(text_of("d/t/key/2.csv"), "k,v,n\n2,b,2\n");
    assert_string_equal(text_of("d/t/key/3.csv"), "k,v,n\n3,a,1\n");
}

/* Rows that do not compress, acknowledged one by one, and a last one of their own. */
static void put_much(const struct pfs_opened *file, int from, const char *row)
{
    const size_t size = (size_t)2 << 20;
    struct pfs_buf text = {0};

    for (int i = 0; i < 13; i++) {
        uint64_t random = (uint64_t)(from + i) * 0x9e3779b97f4a7c15U + 1;

        pfs_buf_clear(&text);
        pfs_buf_printf(&text, "%d,", from + i);
        for (size_t k = 0; k < size; k++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            pfs_buf_putc(&text, (uint8_t)('0' + (random >> 32) % 75));
        }
        pfs_buf_puts(&text, ",1\n");
        pfs_buf_putc(&text, 0);
        put(file, (const char *)text.at);
    }
    pfs_buf_done(&text);
    put(file, row);
}

/* They are more than what a snapshot is to have. */
static void much_that_was_flushed_in_turns_keeps_its_order(void **state)
{
    struct pfs_entry one, two;
    struct pfs_opened first, second;
    const char *text = NULL;

    (void)state;
    assert_int_equal(open_path("d/t/inbox", O_WRONLY | O_APPEND, &one, &first), 0);
    assert_int_equal(open_path("d/t/inbox", O_WRONLY | O_APPEND, &two, &second), 0);
    put_much(&first, 100, "1,a,1\n");
    put_much(&second, 200, "1,b,2\n");
    put(&first, "2,c,3\n");
    for (int i = 0; i < 20 && text == NULL; i++) /* a reader waits for five seconds at most */
        text = text_of("d/t/where/k=1/snapshot/latest.csv");
    assert_non_null(text);
    assert_string_equal(text, "k,v,n\n1,b,2\n");
    assert_int_equal(close_path(&one, &first), 0);
    assert_int_equal(close_path(&two, &second), 0);
}

/* One handle goes on, the other one is sealed before the power goes. */
static void a_sealed_handle_counts_where_it_was_flushed_when_the_power_goes(void **state)
{
    struct pfs_entry one;
    struct pfs_opened first;

    (void)state;
    assert_int_equal(open_path("d/t/inbox", O_WRONLY | O_APPEND, &one, &first), 0);
    put(&first, "1,first,1\n");
    give("d/t/inbox", "1,second,2\n");
    put(&first, "2,first,3\n"); /* and the seal is durable */
    die(&one, &first);
    pfs_waiting_done(&t.waiting);
    begin_life();
    assert_string_equal(text_of("d/t/snapshot/latest.csv"), "k,v,n\n1,second,2\n2,first,3\n");
}

/* ---- writers that do not come to their end ---- */

/* What is numbered and what replaces is whole or not there, however it was opened. */
static void what_a_dead_writer_had_begun_is_not_there(void **state)
{
    static const struct {
        const char *path, *want;
    } cases[] = {{"d/t/inbox@loader:5", "k,v,n\n1,a,1\n2,b,2\n"}, {"d/t/overwrite", "k,v,n\n1,a,1\n2,b,2\n"}};
    static const int flags[] = {0, O_APPEND};

    for (size_t i = 0; i < 2 * COUNT(cases); i++) {
        const char *path = cases[i / 2].path;
        struct pfs_entry entry;
        struct pfs_opened file;

        assert_int_equal(open_path(path, O_WRONLY | flags[i % 2], &entry, &file), 0);
        add(&file, "1,a,1\n");
        pfs_cancel(&t.waiting.request.cancel); /* killed: its close is interrupted */
        pfs_tree_flush(t.tree, &t.waiting.request, file.handle);
        (void)pfs_waiting_result(&t.waiting, NULL);
        atomic_store(&t.waiting.request.cancel.set, false);
        (void)close_path(&entry, &file);
        CHECK(path, strcmp(text_of("d/t/snapshot/latest.csv"), "k,v,n\n") == 0);
        give(path, "1,a,1\n2,b,2\n");
        CHECK(path, strcmp(text_of("d/t/snapshot/latest.csv"), cases[i / 2].want) == 0);
        (void)close_memory(state);
        (void)open_memory(state);
    }
}

/* The end of the file system comes while files are open. */
static void what_was_flushed_of_open_files_is_committed_at_the_end(void **state)
{
    static const struct {
        const char *path;
        int flags;
        const char *more, *want;
    } cases[] = {{"d/t/inbox", O_APPEND, "2,b,2\n3,c", "k,v,n\n1,a,1\n2,b,2\n9,i,9\n"},
                 {"d/t/inbox", O_APPEND, NULL, "k,v,n\n1,a,1\n9,i,9\n"},
                 {"d/t/inbox", 0, "2,b,2\n", "k,v,n\n1,a,1\n9,i,9\n"},
                 {"d/t/inbox@loader:1", O_APPEND, NULL, "k,v,n\n1,a,1\n9,i,9\n"},
                 {"d/t/overwrite", 0, NULL, "k,v,n\n1,a,1\n"},
                 {"d/t/overwrite", O_APPEND, "2,b,2\n", "k,v,n\n9,i,9\n"}};

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_entry entry;
        struct pfs_opened file;

        assert_int_equal(append("d/t/inbox", "9,i,9\n"), 0);
        assert_int_equal(open_path(cases[i].path, O_WRONLY | cases[i].flags, &entry, &file), 0);
        put(&file, "1,a,1\n");
        if (cases[i].more != NULL) {
            pfs_tree_write(t.tree, &t.waiting.request, file.handle, 6, pfs_str(cases[i].more));
            assert_true(pfs_waiting_result(&t.waiting, NULL) > 0);
        }
        assert_int_equal(pfs_tree_finish(t.tree, NULL), 0);
        assert_true(close_path(&entry, &file) < 0);
        end_life();
        begin_life();
        CHECK(cases[i].path, strcmp(text_of("d/t/snapshot/latest.csv"), cases[i].want) == 0);
        (void)close_memory(state);
        (void)open_memory(state);
    }
}

/* ---- a disk that fails once, or for good ---- */

static struct {
    struct pfs_fault fault;
    const char *op, *path; /* what fails; any path: NULL */
    int skip;              /* so many such calls do not */
} broken;

static void break_down(void *context, const char *op, const char *path)
{
    (void)context;
    if (broken.op == NULL || strcmp(op, broken.op) != 0 ||
        (broken.path != NULL && (path == NULL || strcmp(path, broken.path) != 0)) || broken.skip-- > 0)
        return;
    broken.fault.fail_at = broken.fault.calls;
    broken.op = NULL;
}

static void begin_breakable_life(const char *op, const char *path)
{
    struct pfs_store *store;

    memset(&broken, 0, sizeof(broken));
    broken.op = op;
    broken.path = path;
    broken.fault = (struct pfs_fault){.fail_errno = EIO, .fail_on = true, .each = break_down};
    assert_int_equal(pfs_store_open_fault(handle(), &broken.fault, &store, NULL), 0);
    begin_life_on(store);
}

/* From the next such call on, or that one only. */
static void break_at(const char *op, bool once)
{
    broken.path = NULL;
    broken.fault.fail_on = !once;
    broken.op = op;
}

/* What the process has written is in the kernel's memory, and its locks are gone. */
static void be_killed(void)
{
    pfs_store_memory_release_locks(memory);
    keep_dead(t.pool, t.tree);
    pfs_waiting_done(&t.waiting);
}

/* It is not known whether the snapshot is there; when the disk is back it was compacted and has expired. */
static void a_snapshot_that_has_expired_unseen_is_not_made_again(void **state)
{
    __typeof__(t) mine;

    (void)state;
    end_life();
    begin_breakable_life("sync_dir", "d.db/sums/snapshot");
    give("d/sums/inbox", "1,10\n");
    assert_null(text_of("d/sums/snapshot/latest.csv"));
    assert_null(broken.op);
    mine = t;
    begin_life();
    assert_int_equal(append("d/sums/inbox", "1,100\n"), 0);
    execute("CALL sys.compact('d.sums');");
    execute("CALL sys.expire_snapshots(`table` => 'd.sums', retain_max => 1, retain_min => 1, max_deletes => 100,"
            " older_than => '2999-01-01 00:00:00');");
    assert_string_equal(text_of("d/sums/snapshot/latest.csv"), "k,n\n1,110\n");
    assert_null(text_of("d/sums/snapshot/1.csv"));
    end_life();
    t = mine;
    broken.fault.fail_at = 0;
    assert_string_equal(text_of("d/sums/snapshot/latest.csv"), "k,n\n1,110\n");
    give("d/sums/inbox", "1,1000\n");
    assert_string_equal(text_of("d/sums/snapshot/latest.csv"), "k,n\n1,1110\n");
}

struct journals {
    char name[4][64];
    int count;
};

static int list_journal(void *context, struct pfs_slice name, bool directory)
{
    struct journals *all = context;

    if (!directory && name.len > 8 && memcmp(name.at, "journal-", 8) == 0 && all->count < 4)
        (void)snprintf(all->name[all->count++], sizeof(all->name[0]), "%.*s", PFS_P(name));
    return 0;
}

/* Removes the journals that were not there before. */
static void remove_newer(const struct journals *before)
{
    struct journals now = {.count = 0};

    assert_int_equal(pfs_store_list(memory, ".paimonfs", list_journal, &now, NULL), 0);
    for (int i = 0; i < now.count; i++) {
        bool known = false;
        char path[80];

        for (int k = 0; k < before->count; k++)
            known |= strcmp(now.name[i], before->name[k]) == 0;
        (void)snprintf(path, sizeof(path), ".paimonfs/%s", now.name[i]);
        if (!known)
            assert_int_equal(pfs_store_unlink(memory, path, NULL), 0);
    }
}

/* Its own process tried some of the rows, in vain; the next one committed them with others, and was killed before the
 * journals went. A third one may have the second one's journal, or not. */
static void what_a_replay_committed_with_more_rows_is_not_committed_again(void **state)
{
    for (int i = 0; i < 8; i++) {
        struct journals before = {.count = 0};
        struct pfs_entry entry;
        struct pfs_opened file;

        end_life();
        begin_breakable_life("rename", "d.db/sums/snapshot/snapshot-1");
        assert_int_equal(open_path("d/sums/inbox", O_WRONLY | O_APPEND, &entry, &file), 0);
        give("d/sums/inbox", "1,10\n");
        assert_null(text_of("d/sums/snapshot/latest.csv"));
        assert_null(broken.op);
        broken.fault.fail_at = 0;
        put(&file, "1,100\n");
        be_killed();
        keep_dead(entry.node, file.handle);
        assert_int_equal(pfs_store_list(memory, ".paimonfs", list_journal, &before, NULL), 0);
        begin_life();
        assert_string_equal(text_of("d/sums/snapshot/latest.csv"), "k,n\n1,110\n");
        be_killed();
        if (i % 2 == 1)
            remove_newer(&before);
        begin_life();
        CHECK(i % 2 == 1 ? "without its journal" : "with its journal",
              strcmp(text_of("d/sums/snapshot/latest.csv"), "k,n\n1,110\n") == 0);
        (void)close_memory(state);
        (void)open_memory(state);
    }
}

static void fail_once(void *context, const char *op, const char *path)
{
    int *left = context;

    (void)op;
    (void)path;
    if (--*left == 0)
        broken.fault.fail_at = broken.fault.calls;
}

/* One call of a replay fails: what comes after the rows that could not be read is not committed before them, or the
 * next replay would take them for committed. */
static void rows_that_a_replay_cannot_read_are_not_overtaken(void **state)
{
    int left = 0;

    for (int call = 1; left <= 0 && call < 2000; call++) {
        struct pfs_store *store;
        char what[32];

        for (int row = 0; row < 3; row++)
            give("d/sums/inbox", row == 0 ? "1,10\n" : row == 1 ? "1,100\n" : "1,1000\n");
        be_killed();
        memset(&broken, 0, sizeof(broken));
        left = call;
        broken.fault = (struct pfs_fault){.fail_errno = EIO, .each = fail_once, .context = &left};
        assert_int_equal(pfs_store_open_fault(handle(), &broken.fault, &store, NULL), 0);
        begin_life_on(store);
        end_life();
        begin_life();
        (void)snprintf(what, sizeof(what), "call %d", call);
        CHECK(what, strcmp(text_of("d/sums/snapshot/latest.csv"), "k,n\n1,1110\n") == 0);
        (void)close_memory(state);
        (void)open_memory(state);
    }
}

static int keep_text(void *context, struct pfs_slice name, bool directory)
{
    char path[256];
    struct pfs_slice text;

    assert_false(directory);
    (void)snprintf(path, sizeof(path), ".paimonfs/rejected/%.*s", PFS_P(name));
    assert_int_equal(pfs_store_load(memory, path, 1 << 16, &text, NULL), 0);
    pfs_buf_put(context, text.at, text.len);
    pfs_free((void *)(uintptr_t)text.at);
    return 0;
}

/* The rows begin a segment of the journal, and the one that has the text of their schema goes before they do. */
static void rows_of_a_dropped_table_are_set_aside_wherever_they_lie(void **state)
{
    struct journals left = {.count = 0};
    struct pfs_buf aside = {0};
    struct pfs_entry entry;
    struct pfs_opened file;

    end_life();
    begin_breakable_life(NULL, NULL);
    give("d/t/inbox", "1,a,1\n");
    assert_string_equal(text_of("d/t/snapshot/latest.csv"), "k,v,n\n1,a,1\n");
    assert_int_equal(open_path("d/t/inbox", O_WRONLY | O_APPEND, &entry, &file), 0);
    add(&file, "2,b,2\n");
    break_at("append", true); /* a segment ends */
    assert_true(close_path(&entry, &file) < 0);
    give("d/t/inbox@loader:1", "3,c,3\n");
    assert_string_equal(text_of("d/t/snapshot/latest.csv"), "k,v,n\n1,a,1\n3,c,3\n");
    for (int i = 0; i < 1000 && left.count != 1; i++) { /* what is retired, in a moment, is gone with the next sync */
        give("d/logs/inbox", "x,1\n");
        left.count = 0;
        assert_int_equal(pfs_store_list(memory, ".paimonfs", list_journal, &left, NULL), 0);
        (void)usleep(1000);
    }
    assert_int_equal(left.count, 1);
    assert_string_equal(strrchr(left.name[0], '-'), "-1");
    be_killed();
    execute_elsewhere("DROP TABLE d.t;");
    begin_life();
    end_life();
    assert_int_equal(pfs_store_list(memory, ".paimonfs/rejected", keep_text, &aside, NULL), 0);
    pfs_buf_putc(&aside, 0);
    assert_string_equal((const char *)aside.at, "{\"k\":3,\"v\":\"c\",\"n\":3,\"_kind\":\"+I\"}\n");
    pfs_buf_done(&aside);
    begin_life();
    (void)state;
}

/* A file that was copied and closed. */
static void copy_row(const char *row)
{
    struct pfs_entry entry;
    struct pfs_opened file;

    assert_int_equal(open_path("d/t/inbox", O_WRONLY, &entry, &file), 0);
    put(&file, row);
    assert_int_equal(close_path(&entry, &file), 0);
}

/* The rows of a file are durable and its end is not: it is lost with another writer's rows. What is closed later comes
 * later all the same. */
static void a_file_whose_end_was_lost_with_a_failed_sync_keeps_its_place(void **state)
{
    struct pfs_entry entry;
    struct pfs_opened file;

    (void)state;
    end_life();
    begin_breakable_life(NULL, NULL);
    copy_row("1,a,1\n");
    assert_int_equal(open_path("d/t/inbox", O_WRONLY, &entry, &file), 0);
    add(&file, "9,i,9\n");
    break_at("sync", true);
    assert_true(close_path(&entry, &file) < 0);
    assert_null(broken.op);
    copy_row("1,b,2\n");
    assert_int_equal(open_path("d/logs/inbox", O_WRONLY, &entry, &file), 0);
    put(&file, "x,1\n"); /* now the end of the second file is durable */
    die(&entry, &file);
    pfs_waiting_done(&t.waiting);
    begin_life();
    assert_string_equal(text_of("d/t/snapshot/latest.csv"), "k,v,n\n1,b,2\n");
}

/* A last line without newline that a flush acknowledged stays, whatever becomes of what comes after it. */
static void a_last_line_that_was_acknowledged_stays(void **state)
{
    static const struct {
        const char *what, *more, *op;
        bool splits;
    } cases[] = {{"released", NULL, "append", false},
                 {"released after a reader came", NULL, "append", true},
                 {"goes on", "3\n", "append", false},
                 {"moved to another part", NULL, "sync", true}};

    for (size_t i = 0; i < COUNT(cases); i++)
        for (int nth = 0; nth < 4; nth++) {
            struct pfs_entry entry;
            struct pfs_opened file;
            bool late = cases[i].splits && strcmp(cases[i].op, "append") == 0, taken_back = false;

            end_life();
            begin_breakable_life(NULL, NULL);
            assert_int_equal(open_path("d/logs/inbox", O_WRONLY | O_APPEND, &entry, &file), 0);
            put(&file, "x,1\ny,2");
            if (late)
                assert_string_equal(text_of("d/logs/snapshot/latest.csv"), "line,p\nx,1\n");
            broken.skip = nth;
            break_at(cases[i].op, true);
            if (cases[i].splits && !late)
                (void)text_of("d/logs/snapshot/latest.csv");
            if (cases[i].more != NULL) {
                pfs_tree_write(t.tree, &t.waiting.request, file.handle, 0, pfs_str(cases[i].more));
                taken_back = pfs_waiting_result(&t.waiting, NULL) > 0;
            }
            (void)close_path(&entry, &file);
            broken.op = NULL;
            end_life();
            begin_life();
            CHECK(cases[i].what,
                  strncmp(text_of("d/logs/snapshot/latest.csv"), "line,p\nx,1\ny,2", taken_back ? 11 : 14) == 0);
            (void)close_memory(state);
            (void)open_memory(state);
        }
}

/* The snapshot is found, and its name was never made durable by who made it: that has to be made up for before the
 * journal lets go of its rows. */
static void a_snapshot_that_is_found_is_made_durable(void **state)
{
    static const struct {
        const char *inbox;
        bool dies; /* who made the snapshot: the next process finds it */
    } cases[] = {
        {"d/t/inbox", false}, {"d/t/inbox@loader:3", false}, {"d/t/inbox", true}, {"d/t/inbox@loader:3", true}};

    for (size_t i = 0; i < COUNT(cases); i++) {
        end_life();
        begin_breakable_life("sync_dir", "d.db/t/snapshot");
        give(cases[i].inbox, "1,a,1\n");
        CHECK(cases[i].inbox, text_of("d/t/snapshot/latest.csv") == NULL);
        assert_null(broken.op);
        if (cases[i].dies) {
            be_killed();
            begin_life();
        } else {
            broken.fault.fail_at = 0;
            CHECK(cases[i].inbox, strcmp(text_of("d/t/snapshot/latest.csv"), "k,v,n\n1,a,1\n") == 0);
        }
        end_life();
        pfs_store_memory_power_cut(memory);
        begin_life();
        CHECK(cases[i].inbox, strcmp(text_of("d/t/snapshot/latest.csv"), "k,v,n\n1,a,1\n") == 0);
        (void)close_memory(state);
        (void)open_memory(state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_rolled_back_elsewhere_is_not_committed_again, open_memory,
                                        close_memory),
        cmocka_unit_test_setup_teardown(a_large_file_is_of_the_schema_that_it_was_opened_with, open_memory,
                                        close_memory),
        cmocka_unit_test_setup_teardown(a_large_overwrite_takes_another_number_of_buckets, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(rows_that_were_taken_before_the_number_of_buckets_changed_are_committed,
                                        open_memory, close_memory),
        cmocka_unit_test_setup_teardown(rows_are_not_given_to_a_table_that_takes_the_place_of_theirs, open_memory,
                                        close_memory),
        cmocka_unit_test_setup_teardown(rows_of_a_snapshot_are_not_given_to_a_table_that_takes_the_place_of_theirs,
                                        open_memory, close_memory),
        cmocka_unit_test_setup_teardown(a_large_file_does_not_overtake_what_was_flushed_before, open_memory,
                                        close_memory),
        cmocka_unit_test_setup_teardown(what_is_taken_back_does_not_overtake_what_was_flushed_before, open_memory,
                                        close_memory),
        cmocka_unit_test_setup_teardown(handles_that_were_flushed_in_turns_keep_their_order_when_the_power_goes,
                                        open_memory, close_memory),
        cmocka_unit_test_setup_teardown(files_that_were_flushed_in_turns_keep_their_order_when_the_power_goes,
                                        open_memory, close_memory),
        cmocka_unit_test_setup_teardown(much_that_was_flushed_in_turns_keeps_its_order, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(what_a_dead_writer_had_begun_is_not_there, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(what_was_flushed_of_open_files_is_committed_at_the_end, open_memory,
                                        close_memory),
        cmocka_unit_test_setup_teardown(a_snapshot_that_has_expired_unseen_is_not_made_again, open_memory,
                                        close_memory),
        cmocka_unit_test_setup_teardown(what_a_replay_committed_with_more_rows_is_not_committed_again, open_memory,
                                        close_memory),
        cmocka_unit_test_setup_teardown(rows_that_a_replay_cannot_read_are_not_overtaken, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(rows_of_a_dropped_table_are_set_aside_wherever_they_lie, open_memory,
                                        close_memory),
        cmocka_unit_test_setup_teardown(a_file_whose_end_was_lost_with_a_failed_sync_keeps_its_place, open_memory,
                                        close_memory),
        cmocka_unit_test_setup_teardown(a_last_line_that_was_acknowledged_stays, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(a_snapshot_that_is_found_is_made_durable, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(a_sealed_handle_counts_where_it_was_flushed_when_the_power_goes, open_memory,
                                        close_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
