/* compact_test.c - buckets compacted through the door of the table: which files there are afterwards, and that the rows
 * are the same. */
#include "src/lsm/compact.h"
#include "src/statement/statement.h"

#define TABLES                                                                                                        \
    "CREATE DATABASE d;"                                                                                              \
    "CREATE TABLE d.one (k INT, p INT, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1');"                \
    "CREATE TABLE d.tiny (k INT, p INT, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1',"                \
    " 'target-file-size' = '1 b');"                                                                                   \
    "CREATE TABLE d.rolled (k INT, p INT, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1',"              \
    " 'target-file-size' = '16 kb', 'file.block-size' = '1 kb', 'write-only' = 'true');"                              \
    "CREATE TABLE d.again (k INT, p INT, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1',"               \
    " 'compaction.force-rewrite-all-files' = 'true');"                                                                \
    "CREATE TABLE d.raised (k INT, p INT, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1',"              \
    " 'compaction.force-up-level-0' = 'true', 'file.format' = 'avro', 'file.compression' = 'null');"                  \
    "CREATE TABLE d.four (k INT, p INT, n BIGINT, PRIMARY KEY (k, p) NOT ENFORCED) PARTITIONED BY (p)"                \
    " WITH ('bucket' = '4');"                                                                                         \
    "CREATE TABLE d.sums (k INT, p INT, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '2',"                \
    " 'merge-engine' = 'aggregation', 'fields.n.aggregate-function' = 'sum');"                                        \
    "CREATE TABLE d.sum (k INT, p INT, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1',"                 \
    " 'merge-engine' = 'aggregation', 'fields.n.aggregate-function' = 'sum');"                                        \
    "CREATE TABLE d.old (k INT, p INT, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1',"                 \
    " 'record-level.expire-time' = '1 h', 'record-level.time-field' = 'n');"                                          \
    "CREATE TABLE d.full (k INT, p INT, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1',"                \
    " 'changelog-producer' = 'full-compaction');"                                                                     \
    "CREATE TABLE d.dedup (k INT, p INT, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1',"               \
    " 'changelog-producer' = 'full-compaction', 'changelog-producer.row-deduplicate' = 'true');"                      \
    "CREATE TABLE d.log (k INT, p INT, n BIGINT) PARTITIONED BY (p);"                                                 \
    "CREATE TABLE d.buckets (k INT, p INT, n BIGINT) WITH ('bucket' = '1', 'bucket-key' = 'k');"                      \
    "CREATE TABLE d.pieced (k INT, p INT, n BIGINT) WITH ('row-tracking.enabled' = 'true', 'data-evolution.enabled' " \
    "= 'true');"

#include <time.h>

#include "tests/unit/lsm/told.h"

static struct pfs_compact_result compact(bool full)
{
    struct pfs_compact_want want = {.full = full};
    struct pfs_compact_result result;
    struct pfs_err err = {0};

    if (pfs_table_compact(table, &want, &result, &err) < 0)
        fail_msg("%s", err.text);
    return result;
}

/* The only live file of the table. */
static struct pfs_data_file only_file(struct pfs_state *s)
{
    assert_int_equal(s->files, 1);
    return s->file[0]->file;
}

static void full_compaction_leaves_one_file_at_the_top(void **state)
{
    struct pfs_compact_result result;
    struct pfs_data_file file;
    struct pfs_state *s;

    (void)state;
    use("one");
    for (int32_t i = 0; i < 5; i++)
        write_rows(i, 1, 10000, i, 0);
    write_rows(0, 1, 2, 0, PFS_DELETE);
    result = compact(true);
    assert_int_equal(result.snapshot, 7);
    assert_int_equal(result.removed, 6);
    assert_int_equal(result.added, 1);
    assert_int_equal(result.rows, 10002);
    s = newest();
    file = only_file(s);
    assert_int_equal(file.level, 5);
    assert_int_equal(file.source, 1);
    assert_int_equal(file.delete_rows, 0);
    assert_int_equal(file.rows, 10002);
    assert_int_equal(s->snapshot.kind, PFS_COMMIT_COMPACT);
    assert_int_equal(s->snapshot.total_records, 10002);
    pfs_state_unref(s);
    assert_int_equal(read_all().rows, 10002);
    assert_int_equal(read_all().n_of[2], 2);
    assert_int_equal(read_all().n_of[1], -1);
    assert_int_equal(compact(true).snapshot, 0); /* there is nothing left to do */
}

/* A slot's share of it is less than the block that its arena keeps from one turn to the next. */
static void a_budget_of_next_to_nothing_is_enough(void **state)
{
    struct pfs_compact_want want = {.full = true, .budget = {.bytes = 4096}};
    struct pfs_compact_result result;

    (void)state;
    use("one");
    for (int32_t i = 0; i < 3; i++)
        write_rows(i, 1, 20000, i, 0);
    assert_int_equal(pfs_table_compact(table, &want, &result, NULL), 0);
    assert_int_equal(result.rows, 20002);
    assert_int_equal(read_all().rows, 20002);
}

static void a_small_file_alone_only_moves(void **state)
{
    struct pfs_state *before, *after;

    (void)state;
    use("one");
    write_rows(0, 1, 10, 1, 0);
    before = newest();
    assert_int_equal(compact(true).snapshot, 2);
    after = newest();
    assert_string_equal(only_file(before).name, only_file(after).name);
    assert_int_equal(only_file(after).level, 5);
    assert_int_equal(only_file(after).source, 0);
    pfs_state_unref(before);
    pfs_state_unref(after);
    assert_int_equal(files_on_disk("d.db/one/bucket-0"), 1);
    assert_int_equal(read_all().sum, 10);
}

static void a_file_alone_with_deletes_is_rewritten_at_the_top(void **state)
{
    struct pfs_write *w;
    struct pfs_state *s;

    (void)state;
    use("one");
    w = open_write(0);
    add(w, 1, 1, 1, 1, 0);
    add(w, 2, 1, 1, 1, PFS_DELETE);
    commit(w);
    pfs_write_close(w);
    compact(true);
    s = newest();
    assert_int_equal(only_file(s).rows, 1);
    assert_int_equal(only_file(s).level, 5);
    pfs_state_unref(s);
}

static void large_files_that_overlap_nothing_only_move(void **state)
{
    struct pfs_compact_result result;
    struct pfs_write *w;
    struct pfs_state *s;
    int64_t made = 0;

    (void)state;
    use("tiny"); /* every file is larger than the target */
    write_rows(0, 1, 10, 1, 0);
    write_rows(100, 1, 10, 1, 0);
    w = open_write(0);
    add(w, 200, 1, 1, 1, 0);
    add(w, 300, 1, 1, 1, PFS_DELETE);
    commit(w);
    pfs_write_close(w);
    result = compact(true);
    assert_int_equal(result.removed, 3);
    assert_int_equal(result.added, 3);
    s = newest();
    for (int64_t i = 0; i < s->files; i++) {
        assert_int_equal(s->file[i]->file.level, 5);
        made += s->file[i]->file.source == 1;
    }
    pfs_state_unref(s);
    assert_int_equal(made, 1);
    assert_int_equal(read_all().rows, 21);
}

static void outputs_are_rolled_at_the_target_size(void **state)
{
    struct pfs_state *s;

    (void)state;
    use("rolled");
    write_rows(0, 2, 20000, 1, 0);
    write_rows(1, 2, 20000, 2, 0);
    compact(true);
    s = newest();
    assert_true(s->files > 2);
    for (int64_t i = 0; i < s->files; i++)
        assert_int_equal(s->file[i]->file.level, 5);
    pfs_state_unref(s);
    assert_int_equal(read_all().rows, 40000);
    assert_int_equal(read_all().sum, 60000);
}

static void the_fifth_commit_makes_a_minor_compaction(void **state)
{
    struct pfs_state *s;

    (void)state;
    use("one");
    for (int32_t i = 0; i < 4; i++)
        write_rows(0, 1, 3, i, 0);
    assert_int_equal(compact(false).snapshot, 0);
    write_rows(0, 1, 3, 4, 0);
    assert_int_equal(compact(false).snapshot, 6);
    s = newest();
    assert_int_equal(only_file(s).level, 5);
    pfs_state_unref(s);
    assert_int_equal(read_all().sum, 12);
}

static void deletes_stay_while_something_lies_below(void **state)
{
    struct pfs_state *s;
    bool seen = false;

    (void)state;
    use("raised");
    write_rows(0, 1, 5000, 1, 0);
    compact(true);
    write_rows(0, 1, 3, 0, PFS_DELETE);
    assert_true(compact(false).snapshot > 0);
    s = newest();
    assert_int_equal(s->files, 2);
    for (int64_t i = 0; i < 2; i++)
        if (s->file[i]->file.level == 4) {
            assert_int_equal(s->file[i]->file.delete_rows, 3);
            seen = true;
        }
    assert_true(seen);
    pfs_state_unref(s);
    assert_int_equal(read_all().rows, 4997);
}

static void files_at_the_top_are_rewritten_when_it_is_asked_for(void **state)
{
    struct pfs_state *s;

    (void)state;
    use("again");
    write_rows(0, 1, 10, 1, 0);
    assert_int_equal(compact(true).snapshot, 2);
    s = newest();
    assert_int_equal(only_file(s).source, 1); /* no move */
    pfs_state_unref(s);
    assert_int_equal(compact(true).snapshot, 3);
    assert_int_equal(read_all().sum, 10);
}

static void every_bucket_of_every_partition_is_compacted(void **state)
{
    (void)state;
    use("four");
    for (int32_t i = 0; i < 3; i++)
        write_rows(0, 1, 3000, i, 0);
    assert_int_equal(files(), 36);
    compact(true);
    assert_int_equal(files(), 12);
    assert_int_equal(read_all().rows, 3000);
    assert_int_equal(read_all().sum, 6000);
}

/* The buckets of 300 partitions, each with a file of two commits that overlap. */
static int64_t fill_many(void)
{
    int64_t before;

    use("four");
    partition_count = 300;
    write_rows(0, 1, 6000, 1, 0);
    before = files();
    write_rows(0, 1, 6000, 2, 0);
    assert_int_equal(files(), 2 * before);
    assert_true(before > 1024); /* more than are under way at once */
    return before;
}

static int64_t files_of_partitions(void)
{
    int64_t count = 0;

    for (int32_t p = 0; p < 300; p++)
        for (int32_t bucket = 0; bucket < 4; bucket++) {
            char path[64];

            (void)snprintf(path, sizeof(path), "d.db/four/p=%d/bucket-%d", p, bucket);
            count += files_on_disk(path);
        }
    return count;
}

static void more_buckets_than_run_at_once_are_one_snapshot(void **state)
{
    struct pfs_compact_result result;
    int64_t buckets = fill_many();
    struct pfs_state *s;

    (void)state;
    result = compact(true);
    assert_int_equal(result.snapshot, 3);
    assert_int_equal(result.removed, 2 * buckets);
    assert_int_equal(result.added, buckets);
    assert_int_equal(result.rows, 6000);
    s = newest();
    assert_int_equal(s->files, buckets);
    for (int64_t i = 0; i < s->files; i++)
        assert_int_equal(s->file[i]->file.level, 5);
    pfs_state_unref(s);
    assert_int_equal(files_of_partitions(), 3 * buckets); /* the old ones are of the snapshots before */
    assert_int_equal(read_all().sum, 2 * 6000);
}

static void aggregates_are_folded(void **state)
{
    (void)state;
    use("sums");
    for (int32_t i = 0; i < 3; i++)
        write_rows(0, 1, 100, 7, 0);
    compact(true);
    assert_int_equal(files(), 2);
    assert_int_equal(read_all().sum, 2100);
    write_rows(0, 1, 100, 1, 0);
    compact(true);
    assert_int_equal(read_all().sum, 2200);
}

static void rows_that_are_too_old_go(void **state)
{
    (void)state;
    use("old");
    write_rows(0, 1, 10, 100, 0);
    write_rows(10, 1, 10, 99999999999, 0);
    assert_int_equal(read_all().rows, 20);
    compact(true);
    assert_int_equal(read_all().rows, 10);
    assert_int_equal(compact(true).snapshot, 0);
}

/* ---- changelogs ---- */

static void full_compactions_tell_what_changed(void **state)
{
    struct told told;

    (void)state;
    use("full");
    write_rows(0, 1, 9000, 1, 0);
    told = read_told(compact(true).snapshot); /* the file only moves */
    assert_int_equal(told.inserts, 9000);
    assert_int_equal(told.rows, 9000);
    write_rows(0, 2, 100, 5, 0);
    write_rows(0, 2, 100, 7, 0); /* only what it comes to counts */
    write_rows(1, 2, 10, 0, PFS_DELETE);
    write_rows(20000, 1, 3, 1, 0);
    write_rows(30000, 1, 3, 0, PFS_DELETE); /* never was */
    told = read_told(compact(true).snapshot);
    assert_int_equal(told.befores, 100);
    assert_int_equal(told.afters, 100);
    assert_int_equal(told.deletes, 10);
    assert_int_equal(told.inserts, 3);
    assert_int_equal(told.sum, 600 - 10 + 3);
    assert_int_equal(compact(true).snapshot, 0);
    write_rows(0, 2, 100, 7, 0); /* the same values are told, too */
    told = read_told(compact(true).snapshot);
    assert_int_equal(told.befores, 100);
    assert_int_equal(told.sum, 0);
    assert_int_equal(read_all().rows, 9000 - 10 + 3);
}

static void updates_to_the_same_values_are_left_out_if_asked(void **state)
{
    struct pfs_state *s;

    (void)state;
    use("dedup");
    write_rows(0, 1, 100, 1, 0);
    compact(true);
    write_rows(0, 1, 100, 1, 0);
    compact(true);
    s = newest();
    assert_null(s->snapshot.changelog_list);
    pfs_state_unref(s);
    write_rows(0, 1, 10, 1, 0);
    write_rows(10, 1, 10, 2, 0);
    assert_int_equal(read_told(compact(true).snapshot).afters, 10);
}

/* The table was another one when its rows came. */
static void becomes(const char *name, const char *option, const char *value)
{
    char path[64], text[4096], fresh[4096];
    struct pfs_slice bytes;
    char *at;

    (void)snprintf(path, sizeof(path), "d.db/%s/schema/schema-0", name);
    assert_int_equal(pfs_store_load(store, path, sizeof(text) - 1, &bytes, NULL), 0);
    (void)snprintf(text, sizeof(text), "%.*s", (int)bytes.len, (const char *)bytes.at);
    pfs_free((void *)(uintptr_t)bytes.at);
    at = strstr(text, "\"bucket\"");
    assert_non_null(at);
    (void)snprintf(fresh, sizeof(fresh), "%.*s\"%s\" : \"%s\", %s", (int)(at - text), text, option, value, at);
    at = strstr(fresh, "\"id\" : 0");
    assert_non_null(at);
    memcpy(at, "\"id\" : 1", 8);
    path[strlen(path) - 1] = '1';
    assert_int_equal(pfs_store_publish(store, path, pfs_str(fresh), false, NULL), 0);
}

static void with_lookup_rows_are_told_when_level_0_moves_up(void **state)
{
    struct told told;

    (void)state;
    use("one");
    write_rows(0, 1, 100, 1, 0);
    compact(true);
    write_rows(0, 1, 10, 2, 0);
    write_rows(100, 1, 5, 3, 0);
    becomes("one", "changelog-producer", "lookup");
    told = read_told(compact(false).snapshot);
    assert_int_equal(told.befores, 10);
    assert_int_equal(told.afters, 10);
    assert_int_equal(told.inserts, 5);
    assert_int_equal(told.rows, 25);
    assert_int_equal(files(), 1);
    assert_int_equal(read_all().sum, 90 + 20 + 15);
}

static void of_first_rows_only_new_keys_are_told(void **state)
{
    struct told told;

    (void)state;
    use("one");
    write_rows(0, 1, 100, 1, 0);
    compact(true);
    write_rows(0, 1, 10, 2, 0);
    write_rows(100, 1, 5, 3, 0);
    becomes("one", "merge-engine\" : \"first-row\", \"changelog-producer", "lookup");
    told = read_told(compact(false).snapshot);
    assert_int_equal(told.inserts, 5);
    assert_int_equal(told.rows, 5);
    assert_int_equal(read_all().sum, 100 + 15);
}

static void with_lookup_single_records_are_folded(void **state)
{
    struct told told;
    struct seen seen;

    (void)state;
    use("sum");
    write_rows(0, 1, 10, 3, 0);
    compact(true);
    write_rows(5, 1, 10, 4, PFS_DELETE);
    becomes("sum", "changelog-producer", "lookup");
    told = read_told(compact(false).snapshot);
    assert_int_equal(told.befores, 5);
    assert_int_equal(told.afters, 5);
    assert_int_equal(told.inserts, 5); /* of keys that were not there: nothing, less 4 */
    seen = read_all();
    assert_int_equal(seen.rows, 15);
    assert_int_equal(seen.n_of[0], 3);
    assert_int_equal(seen.n_of[5], -1);
    assert_int_equal(seen.n_of[14], -4);
}

/* What is too much for one snapshot is left to others, and said to be. */
static void buckets_that_are_put_off_are_told_of(void **state)
{
    struct pfs_compact_want want = {.full = true, .bytes_max = 1};
    struct pfs_compact_result result;

    (void)state;
    use("four");
    write_rows(0, 1, 300, 1, 0);
    for (int64_t left = 12; left-- > 0;) {
        assert_int_equal(pfs_table_compact(table, &want, &result, NULL), 0);
        assert_int_equal(result.left, left);
        assert_true(result.snapshot > 0);
    }
    assert_int_equal(pfs_table_compact(table, &want, &result, NULL), 0);
    assert_int_equal(result.left, 0);
    assert_int_equal(result.snapshot, 0);
}

/* ---- append tables ---- */

static void small_files_without_buckets_are_joined(void **state)
{
    (void)state;
    use("log");
    for (int32_t i = 0; i < 4; i++)
        write_rows(0, 1, 3, i, 0);
    assert_int_equal(compact(true).snapshot, 0); /* compaction.min.file-num */
    write_rows(0, 1, 3, 4, 0);
    assert_int_equal(compact(true).snapshot, 6);
    assert_int_equal(files(), 3);
    assert_int_equal(read_all().rows, 15);
    assert_int_equal(read_all().sum, 30);
}

static void files_of_a_bucket_are_joined_in_order(void **state)
{
    struct pfs_state *s;

    (void)state;
    use("buckets");
    write_rows(0, 1, 3, 0, 0);
    write_rows(0, 1, 3, 1, 0);
    assert_int_equal(compact(true).snapshot, 0);
    write_rows(0, 1, 3, 2, 0);
    assert_int_equal(compact(false).snapshot, 0);
    assert_int_equal(compact(true).snapshot, 4);
    s = newest();
    assert_int_equal(only_file(s).min_sequence, 0);
    assert_int_equal(only_file(s).max_sequence, 8);
    pfs_state_unref(s);
    assert_int_equal(read_all().n_of[0], 2); /* the last one that is read */
}

/* ---- statements ---- */

static int say(const char *text, struct pfs_err *err)
{
    struct pfs_buf answer = {0};
    int rc = pfs_catalog_execute(catalog, "d", pfs_str(text), &answer, err);

    pfs_buf_done(&answer);
    return rc;
}

static void a_call_compacts_the_partitions_that_it_names(void **state)
{
    struct pfs_err err = {0};

    (void)state;
    use("four");
    write_rows(0, 1, 300, 1, 0);
    write_rows(0, 1, 300, 2, 0);
    assert_int_equal(say("CALL sys.compact('d.four', 'p=0;p=2');", &err), 0);
    assert_int_equal(files(), 16);
    assert_int_equal(say("CALL sys.compact(`table` => 'four', compact_strategy => 'minor');", &err), 0);
    assert_int_equal(files(), 16);
    assert_int_equal(say("CALL sys.compact(`table` => 'four', compact_strategy => 'full');", &err), 0);
    assert_int_equal(files(), 12);
    assert_int_equal(read_all().sum, 600);
}

static void partitions_that_got_rows_lately_are_not_idle(void **state)
{
    struct pfs_err err = {0};

    (void)state;
    use("four");
    write_rows(0, 1, 300, 1, 0);
    write_rows(0, 1, 300, 2, 0);
    assert_int_equal(say("CALL sys.compact(`table` => 'four', partition_idle_time => '1 h');", &err), 0);
    assert_int_equal(files(), 24);
    assert_int_equal(nanosleep(&(struct timespec){0, 10000000}, NULL), 0);
    assert_int_equal(say("CALL sys.compact(`table` => 'four', partition_idle_time => '5 ms');", &err), 0);
    assert_int_equal(files(), 12);
    assert_int_equal(say("CALL sys.compact(`table` => 'four', partition_idle_time => 'x');", &err), -EINVAL);
}

static void calls_without_sense_are_refused(void **state)
{
    static const struct {
        const char *text, *why;
        int code;
    } cases[] = {
        {"CALL sys.compact('d.four', 'k=0');", "partitions: k is no partition column", EINVAL},
        {"CALL sys.compact('d.four', 'p');", "partitions: 'p' is not key=value", EINVAL},
        {"CALL sys.compact('d.four', '', 'zorder', 'k');", "Sort Compact only supports bucket=-1 yet.", EINVAL},
        {"CALL sys.compact('d.four', '', 'spiral', 'k');", "order_strategy is order, zorder or hilbert, not 'spiral'",
         EINVAL},
        {"CALL sys.compact('d.four', '', 'order');", "order_strategy needs order_by", EINVAL},
        {"CALL sys.compact('d.four', '', '', '', 'a=b');",
         "compact takes its options from the table: ALTER TABLE SET does 'a=b'", EOPNOTSUPP},
        {"CALL sys.compact(`table` => 'd.four', compact_strategy => 'half');",
         "The compact strategy only supports 'full' or 'minor', but 'half' is configured.", EINVAL},
        {"CALL sys.compact('d.pieced', '', 'order', 'k');", "Data Evolution table cannot be sorted!", EOPNOTSUPP},
        {"CALL sys.compact('d.none');", "Table d.none does not exist.", ENOENT},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_err err = {0};

        assert_int_equal(say(cases[i].text, &err), -cases[i].code);
        CHECK(cases[i].text, strcmp(err.text, cases[i].why) == 0);
    }
}

/* ---- rivals and failures ---- */

static bool busy;

static void compact_meanwhile(void *context, int64_t done, int64_t rows)
{
    (void)context;
    (void)done;
    (void)rows;
    if (!busy) {
        busy = true;
        assert_true(compact(true).snapshot > 0);
    }
}

static void files_that_a_rival_took_are_planned_again(void **state)
{
    struct pfs_compact_want want = {.full = true, .progress = compact_meanwhile};
    struct pfs_compact_result result;
    struct pfs_err err = {0};

    (void)state;
    use("one");
    write_rows(0, 1, 100, 1, 0);
    write_rows(0, 1, 100, 2, 0);
    busy = false;
    assert_int_equal(pfs_table_compact(table, &want, &result, &err), 0);
    assert_int_equal(result.snapshot, 0);
    assert_int_equal(err.code, 0);
    assert_int_equal(files(), 1);
    assert_int_equal(files_on_disk("d.db/one/bucket-0"), 3); /* two old ones, one of the rival: ours is gone */
    assert_int_equal(read_all().sum, 200);
}

static void append_meanwhile(void *context, int64_t done, int64_t rows)
{
    (void)context;
    (void)done;
    (void)rows;
    if (!busy) {
        busy = true;
        write_rows(0, 1, 50, 3, 0);
    }
}

static void rows_that_come_meanwhile_are_kept(void **state)
{
    struct pfs_compact_want want = {.full = true, .progress = append_meanwhile};
    struct pfs_compact_result result;

    (void)state;
    use("one");
    write_rows(0, 1, 100, 1, 0);
    write_rows(0, 1, 100, 2, 0);
    busy = false;
    assert_int_equal(pfs_table_compact(table, &want, &result, NULL), 0);
    assert_int_equal(result.snapshot, 4);
    assert_int_equal(files(), 2);
    assert_int_equal(read_all().sum, 100 + 150);
}

static struct pfs_cancel cancel;

static void stop(void *context, int64_t done, int64_t rows)
{
    (void)context;
    assert_true(done <= rows);
    pfs_cancel(&cancel);
}

static void a_compaction_that_is_stopped_leaves_nothing(void **state)
{
    struct pfs_compact_want want = {.full = true, .progress = stop, .cancel = &cancel};
    struct pfs_compact_result result;

    (void)state;
    use("one");
    write_rows(0, 1, 60000, 1, 0);
    write_rows(0, 1, 60000, 2, 0);
    cancel = (struct pfs_cancel){0};
    assert_int_equal(pfs_table_compact(table, &want, &result, NULL), -ECANCELED);
    assert_int_equal(files(), 2);
    assert_int_equal(files_on_disk("d.db/one/bucket-0"), 2);
}

static void stop_late(void *context, int64_t done, int64_t rows)
{
    (void)context;
    if (done > rows * 19 / 20)
        pfs_cancel(&cancel);
}

/* What had been gathered before goes too. */
static void a_compaction_of_many_buckets_that_is_stopped_leaves_nothing(void **state)
{
    struct pfs_compact_want want = {.full = true, .progress = stop_late, .cancel = &cancel};
    struct pfs_compact_result result;
    int64_t buckets = fill_many();

    (void)state;
    cancel = (struct pfs_cancel){0};
    assert_int_equal(pfs_table_compact(table, &want, &result, NULL), -ECANCELED);
    assert_int_equal(files(), 2 * buckets);
    assert_int_equal(files_of_partitions(), 2 * buckets);
    assert_int_equal(read_all().sum, 2 * 6000);
}

static int set_up_alone(void **state)
{
    (void)state;
    return set_up_with(0);
}

/* Each call of the store fails once; a full disk (ENOSPC) is not tried again. */
static void every_step_may_fail_and_leaves_the_rows(void **state)
{
    struct pfs_compact_want want = {.full = true};
    struct pfs_compact_result result;
    int failed = 0;
    bool reached = true;

    (void)state;
    use("one");
    write_rows(0, 1, 100, 1, 0);
    for (int64_t at = 1; reached && at < 1000; at++) {
        struct pfs_err err = {0};
        int rc;

        if (files() == 1) /* compacted, in spite of the failure */
            write_rows(0, 1, 100, 2, 0);
        fault.fail_at = fault.calls + at;
        fault.fail_errno = ENOSPC;
        rc = pfs_table_compact(table, &want, &result, &err);
        reached = fault.calls >= fault.fail_at;
        fault.fail_at = 0;
        assert_int_equal(rc < 0, err.code != 0);
        assert_true(rc < 0 || files() == 1);
        assert_int_equal(read_all().sum, 200);
        failed += rc < 0;
    }
    assert_false(reached);
    assert_true(failed > 10);
    assert_int_equal(files(), 1);
}

/* `left`: files on disk afterwards, two old ones among them. */
static void end_memory(const char *name, const char *bucket, int64_t left)
{
    struct pfs_compact_want want = {.full = true};
    struct pfs_compact_result result;
    int rc = -1;

    use(name);
    write_rows(0, 1, 100, 1, 0);
    write_rows(0, 1, 100, 2, 0);
    for (int64_t at = 0; rc < 0 && at < 5000; at++) {
        pfs_mem_fail_after(at);
        rc = pfs_table_compact(table, &want, &result, NULL);
        pfs_mem_fail_after(-1);
    }
    assert_int_equal(rc, 0);
    assert_int_equal(read_all().sum, 200);
    assert_int_equal(files(), 1);
    assert_int_equal(files_on_disk(bucket), left);
}

static void memory_may_end_at_any_point(void **state)
{
    (void)state;
    end_memory("one", "d.db/one/bucket-0", 3);
}

static void memory_may_end_while_changes_are_told(void **state)
{
    (void)state;
    end_memory("full", "d.db/full/bucket-0", 4);
}

#define TEST_ALONE(name) cmocka_unit_test_setup_teardown(name, set_up_alone, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(full_compaction_leaves_one_file_at_the_top),
        TEST(a_budget_of_next_to_nothing_is_enough),
        TEST(a_small_file_alone_only_moves),
        TEST(a_file_alone_with_deletes_is_rewritten_at_the_top),
        TEST(large_files_that_overlap_nothing_only_move),
        TEST(outputs_are_rolled_at_the_target_size),
        TEST(the_fifth_commit_makes_a_minor_compaction),
        TEST(deletes_stay_while_something_lies_below),
        TEST(files_at_the_top_are_rewritten_when_it_is_asked_for),
        TEST(every_bucket_of_every_partition_is_compacted),
        TEST(more_buckets_than_run_at_once_are_one_snapshot),
        TEST(a_compaction_of_many_buckets_that_is_stopped_leaves_nothing),
        TEST(aggregates_are_folded),
        TEST(rows_that_are_too_old_go),
        TEST(full_compactions_tell_what_changed),
        TEST(updates_to_the_same_values_are_left_out_if_asked),
        TEST(with_lookup_rows_are_told_when_level_0_moves_up),
        TEST(of_first_rows_only_new_keys_are_told),
        TEST(with_lookup_single_records_are_folded),
        TEST(buckets_that_are_put_off_are_told_of),
        TEST(small_files_without_buckets_are_joined),
        TEST(files_of_a_bucket_are_joined_in_order),
        TEST(a_call_compacts_the_partitions_that_it_names),
        TEST(partitions_that_got_rows_lately_are_not_idle),
        TEST(calls_without_sense_are_refused),
        TEST_ALONE(files_that_a_rival_took_are_planned_again),
        TEST_ALONE(rows_that_come_meanwhile_are_kept),
        TEST_ALONE(a_compaction_that_is_stopped_leaves_nothing),
        TEST_ALONE(every_step_may_fail_and_leaves_the_rows),
        TEST_ALONE(memory_may_end_at_any_point),
        TEST_ALONE(memory_may_end_while_changes_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
