/* lookup_test.c - tables in lookup mode: what is left after a commit and the compaction that belongs to it. */
#include "src/lsm/compact.h"

#define KEYED(name, options) \
    "CREATE TABLE d." name " (k INT, p INT, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1', " options ");"

#define TABLES                                                                                                         \
    "CREATE DATABASE d;" KEYED("marked", "'deletion-vectors.enabled' = 'true'") KEYED(                                 \
        "wide", "'deletion-vectors.enabled' = 'true', 'deletion-vectors.bitmap64' = 'true',"                           \
                " 'target-file-size' = '2 kb', 'file.block-size' = '1 kb'")                                            \
        KEYED("late", "'deletion-vectors.enabled' = 'true', 'sequence.field' = 'n'")                                   \
            KEYED("told", "'changelog-producer' = 'lookup'") KEYED(                                                    \
                "dedup", "'changelog-producer' = 'lookup', 'changelog-producer.row-deduplicate' = 'true'")             \
                KEYED("first", "'merge-engine' = 'first-row', 'changelog-producer' = 'lookup'") KEYED(                 \
                    "sum", "'merge-engine' = 'aggregation', 'fields.n.aggregate-function' = 'sum',"                    \
                           " 'deletion-vectors.enabled' = 'true', 'changelog-producer' = 'lookup'")                    \
                    KEYED("mixed", "'changelog-producer' = 'lookup', 'file.format.per.level' = '0:avro'") KEYED(       \
                        "gentle", "'deletion-vectors.enabled' = 'true', 'lookup-compact' = 'gentle',"                  \
                                  " 'compaction.force-up-level-0' = 'true'")                                           \
                        KEYED("idle", "'deletion-vectors.enabled' = 'true', 'write-only' = 'true'") KEYED(             \
                            "parts", "'merge-engine' = 'partial-update', 'changelog-producer' = 'lookup'")             \
                            KEYED("plain", "'num-levels' = '3'") KEYED(                                                \
                                "aged",                                                                                \
                                "'deletion-vectors.enabled' = 'true',"                                                 \
                                " 'record-level.expire-time' = '1 h',"                                                 \
                                " 'record-level.time-field' = 'n'") "CREATE TABLE d.moved (k INT, p INT, n BIGINT, "   \
                                                                    "PRIMARY KEY (k) NOT ENFORCED) PARTITIONED BY (p)" \
                                                                    " WITH ('bucket' = '-1', "                         \
                                                                    "'deletion-vectors.enabled' = 'true');"

#include <time.h>

#include "src/file/deletions.h"
#include "tests/unit/lsm/told.h"

static int try_settle(struct pfs_err *err)
{
    return pfs_table_settle(table, &(struct pfs_settle){.user = "u", .identifier = 7}, err);
}

/* What a commit ends with. */
static void settle(void)
{
    struct pfs_err err = {0};

    if (try_settle(&err) < 0)
        fail_msg("%s", err.text);
}

static void put(int32_t from, int32_t step, int32_t count, int64_t n, int8_t kind)
{
    write_rows(from, step, count, n, kind);
    settle();
}

static int64_t newest_id(void)
{
    struct pfs_state *s = newest();
    int64_t id = s->snapshot.id;

    pfs_state_unref(s);
    return id;
}

static int64_t files_at(int32_t level)
{
    struct pfs_state *s = newest();
    int64_t count = 0;

    for (int64_t i = 0; i < s->files; i++)
        count += s->file[i]->file.level == level;
    pfs_state_unref(s);
    return count;
}

/* Rows that the vectors of the newest snapshot take away. */
static int64_t marked(void)
{
    struct pfs_state *s = newest();
    int64_t rows = 0;

    for (int64_t i = 0; i < s->indexes; i++)
        for (int64_t v = 0; v < s->index[i].vectors; v++)
            rows += s->index[i].vector[v].cardinality;
    pfs_state_unref(s);
    return rows;
}

/* ---- deletion vectors ---- */

static void updated_rows_are_marked_and_the_large_file_stays(void **state)
{
    struct pfs_state *s;
    char name[128];

    (void)state;
    use("marked");
    put(0, 1, 20000, 1, 0);
    s = newest();
    assert_int_equal(s->snapshot.id, 2);
    assert_int_equal(s->snapshot.kind, PFS_COMMIT_COMPACT);
    assert_string_equal(s->snapshot.commit_user, "u");
    assert_int_equal(s->snapshot.commit_identifier, 7);
    assert_null(s->snapshot.index_manifest);
    (void)snprintf(name, sizeof(name), "%s", s->file[0]->file.name);
    pfs_state_unref(s);
    assert_int_equal(files_at(5), 1);
    put(10, 1000, 10, 2, 0);
    put(10, 1, 5, 3, 0); /* 10 was found before */
    assert_int_equal(files_at(0), 0);
    assert_int_equal(files_at(5), 1);
    assert_int_equal(marked(), 10 + 4 + (files() == 2 ? 0 : 1));
    assert_int_equal(read_all().rows, 20000);
    assert_int_equal(read_all().sum, 20000 + 9 + 5 * 2);
    assert_int_equal(read_all().n_of[10], 3);
    s = newest();
    for (int64_t i = 0; i < s->files; i++)
        if (s->file[i]->file.level == 5)
            assert_string_equal(s->file[i]->file.name, name);
    pfs_state_unref(s);
}

static void rows_that_are_too_old_mark_nothing(void **state)
{
    int64_t now_s = (int64_t)time(NULL);

    (void)state;
    use("aged");
    put(0, 1, 20000, now_s, 0);
    write_rows(20000, 1, 1, now_s, 0);
    put(10, 1, 20, 1, 0); /* they came in 1970 */
    assert_int_equal(marked(), 0);
    assert_int_equal(read_all().rows, 20001);
    assert_int_equal(read_all().n_of[10], now_s);
}

static void deletes_end_and_their_rows_are_marked(void **state)
{
    (void)state;
    use("marked");
    put(0, 1, 1000, 1, 0);
    put(5, 1, 3, 0, PFS_DELETE);
    assert_int_equal(files(), 1); /* no row was left to be written */
    assert_int_equal(marked(), 3);
    assert_int_equal(read_all().rows, 997);
    put(5000, 1, 3, 0, PFS_DELETE); /* never was */
    assert_int_equal(marked(), 3);
    put(6, 1, 1, 9, 0); /* again: nothing is found of it */
    assert_int_equal(marked(), 3);
    assert_int_equal(read_all().n_of[6], 9);
}

static void keys_are_not_where_vectors_hide_them(void **state)
{
    (void)state;
    use("moved");
    put(0, 1, 20000, 1, 0);
    for (int32_t i = 0; i < 3; i++) {
        partition_shift = (i + 1) % 3;
        put(2, 3, 5, 2 + i, 0);
        put(0, 3, 5, 2 + i, 0);
        assert_true(marked() >= 10);
        assert_int_equal(read_all().rows, 20000);
        assert_int_equal(read_all().sum, 20000 + 10 * (1 + i));
    }
    partition_shift = 0;
}

static void vectors_of_files_that_go_end(void **state)
{
    struct pfs_compact_want want = {.full = true};
    struct pfs_compact_result result;
    struct pfs_state *s;

    (void)state;
    use("marked");
    put(0, 1, 1000, 1, 0);
    put(0, 1, 10, 2, 0);
    assert_int_equal(marked(), 10);
    assert_int_equal(pfs_table_compact(table, &want, &result, NULL), 0);
    assert_int_equal(files(), 1);
    s = newest();
    assert_null(s->snapshot.index_manifest);
    assert_int_equal(s->file[0]->file.rows, 1000);
    pfs_state_unref(s);
    assert_int_equal(read_all().sum, 1010);
}

static void alter(const char *options)
{
    struct pfs_buf answer = {0};
    char sql[256];

    (void)snprintf(sql, sizeof(sql), "ALTER TABLE d.marked SET (%s);", options);
    assert_int_equal(pfs_catalog_execute(catalog, NULL, pfs_str(sql), &answer, NULL), 0);
    pfs_buf_done(&answer);
}

/* A compaction of the small files leaves the large one and its vector, which counts for nothing, where they are. */
static void vectors_that_were_switched_off_stay_with_their_files(void **state)
{
    const struct pfs_compact_want want = {0};
    struct pfs_compact_result result;

    (void)state;
    use("marked");
    put(0, 1, 20000, 1, 0);
    put(5, 1000, 10, 3, 0);
    assert_int_equal(marked(), 10);
    alter("'deletion-vectors.modifiable' = 'true'");
    alter("'deletion-vectors.enabled' = 'false'");
    for (int32_t i = 0; i < 6; i++)
        write_rows(30000 + i, 1, 1, 1, 0);
    assert_int_equal(pfs_table_compact(table, &want, &result, NULL), 0);
    assert_true(result.removed >= 6);
    assert_int_equal(files_at(5), 1);
    assert_int_equal(marked(), 10);
    assert_int_equal(read_all().rows, 20006);
    assert_int_equal(read_all().sum, 20006 + 20);
}

static void vectors_of_many_files_are_one_index_file(void **state)
{
    struct pfs_state *s;

    (void)state;
    use("wide");
    put(0, 1, 9000, 1, 0);
    put(0, 7, 1000, 2, 0);
    put(0, 7, 300, 3, 0);
    put(0, 3, 300, 0, PFS_DELETE);
    s = newest();
    assert_int_equal(s->indexes, 1);
    assert_true(s->index[0].vectors > 2);
    assert_int_equal(s->index[0].rows, s->index[0].vectors);
    pfs_state_unref(s);
    assert_int_equal(read_all().rows, 9000 - 300);
    assert_int_equal(read_all().n_of[7], 3);
    assert_int_equal(read_all().n_of[3], -1);
}

static void a_late_row_brings_the_earlier_one_along(void **state)
{
    (void)state;
    use("late");
    put(0, 1, 100, 5, 0);
    put(0, 1, 10, 3, 0); /* n is the sequence.field */
    assert_int_equal(read_all().sum, 500);
    assert_int_equal(read_all().rows, 100);
    assert_int_equal(marked(), 10);
    put(0, 1, 10, 6, 0);
    assert_int_equal(read_all().sum, 510);
    assert_int_equal(read_all().rows, 100);
}

static void sums_are_whole_at_each_level(void **state)
{
    struct told told;

    (void)state;
    use("sum");
    put(0, 1, 1000, 1, 0);
    put(0, 10, 10, 5, 0);
    told = read_told(newest_id());
    assert_int_equal(told.befores, 10);
    assert_int_equal(told.afters, 10);
    assert_int_equal(told.sum, 50);
    put(0, 10, 5, 5, 0);
    assert_int_equal(read_all().rows, 1000);
    assert_int_equal(read_all().n_of[0], 11);
    assert_int_equal(read_all().n_of[10], 11);
    assert_int_equal(read_all().sum, 1000 + 50 + 25);
}

/* ---- changelogs ---- */

static void changes_are_told_with_the_rows_before(void **state)
{
    struct told told;

    (void)state;
    use("told");
    put(0, 1, 20000, 1, 0);
    told = read_told(newest_id());
    assert_int_equal(told.inserts, 20000);
    assert_int_equal(told.rows, 20000);
    put(5, 1000, 10, 3, 0);
    told = read_told(newest_id());
    assert_int_equal(told.befores, 10);
    assert_int_equal(told.afters, 10);
    assert_int_equal(told.sum, 20);
    assert_int_equal(told.rows, 20);
    put(5, 1000, 2, 0, PFS_DELETE);
    told = read_told(newest_id());
    assert_int_equal(told.deletes, 2);
    assert_int_equal(told.sum, -6);
    assert_int_equal(told.rows, 2);
    put(30000, 1, 2, 0, PFS_DELETE); /* never was */
    assert_int_equal(read_told(newest_id()).rows, 0);
    put(5, 1000, 1, 4, 0);
    told = read_told(newest_id());
    assert_int_equal(told.inserts, 1);
    assert_int_equal(read_all().rows, 20000 - 1);
    assert_int_equal(files_at(5), 1);
}

static void equal_rows_are_not_told_if_asked(void **state)
{
    struct told told;

    (void)state;
    use("dedup");
    put(0, 1, 100, 1, 0);
    write_rows(0, 1, 5, 1, 0);
    put(3, 1, 4, 2, 0);
    told = read_told(newest_id());
    assert_int_equal(told.befores, 4);
    assert_int_equal(told.afters, 4);
    assert_int_equal(told.rows, 8);
    write_rows(0, 1, 3, 2, 0); /* 0 to 2 change, 3 does not, 4 and 5 go, 100 to 102 are new, 200 never was */
    write_rows(3, 1, 1, 2, 0);
    write_rows(4, 1, 2, 0, PFS_DELETE);
    write_rows(100, 1, 3, 1, 0);
    put(200, 1, 1, 0, PFS_DELETE);
    told = read_told(newest_id());
    assert_int_equal(told.befores, 3);
    assert_int_equal(told.afters, 3);
    assert_int_equal(told.deletes, 2);
    assert_int_equal(told.inserts, 3);
    assert_int_equal(told.rows, 11);
}

static void a_lone_delete_of_what_never_was_is_no_row(void **state)
{
    (void)state;
    use("plain");
    write_rows(0, 1, 1, 0, PFS_DELETE);
    assert_int_equal(files_at(0), 1);
    assert_int_equal(read_all().rows, 0);
}

static void only_new_keys_get_into_first_row(void **state)
{
    struct told told;

    (void)state;
    use("first");
    put(0, 1, 100, 1, 0);
    put(50, 1, 60, 2, 0);
    told = read_told(newest_id());
    assert_int_equal(told.inserts, 10);
    assert_int_equal(told.rows, 10);
    assert_int_equal(read_all().sum, 100 + 20);
    put(0, 1, 100, 3, 0); /* all are there */
    assert_int_equal(files_at(0), 0);
    assert_int_equal(read_told(newest_id()).rows, 0);
    assert_int_equal(read_all().sum, 100 + 20);
}

static void a_first_row_is_told_as_it_was_written(void **state)
{
    struct told told;

    (void)state;
    use("first");
    put(0, 1, 10, 1, PFS_UPDATE_AFTER);
    told = read_told(newest_id());
    assert_int_equal(told.afters, 10);
    assert_int_equal(told.rows, 10);
}

static void an_overwrite_is_not_told(void **state)
{
    (void)state;
    use("told");
    write_rows(0, 1, 10, 1, 0);
    assert_int_equal(pfs_table_settle(table, &(struct pfs_settle){"u", 1, true}, NULL), 0);
    assert_int_equal(files_at(5), 1);
    assert_int_equal(read_told(newest_id()).rows, 0);
}

static void files_change_their_format_on_the_way(void **state)
{
    struct pfs_state *s;

    (void)state;
    use("mixed");
    put(0, 1, 10, 1, 0);
    s = newest();
    assert_int_equal(s->files, 1);
    assert_non_null(strstr(s->file[0]->file.name, ".parquet"));
    pfs_state_unref(s);
    assert_int_equal(read_told(newest_id()).inserts, 10);
}

/* ---- when ---- */

static void what_a_lost_compaction_left_is_made_up_for(void **state)
{
    (void)state;
    use("told");
    write_rows(0, 1, 10, 1, 0); /* and no settling */
    put(5, 1, 10, 2, 0);
    assert_int_equal(files_at(0), 0);
    assert_int_equal(read_told(newest_id()).inserts, 15);
    assert_int_equal(read_all().sum, 5 + 20);
    settle(); /* there is nothing left */
    assert_int_equal(newest_id(), 3);
}

static void tables_that_ask_for_nothing_get_nothing(void **state)
{
    static const char *const names[] = {"idle", "plain", "gentle"};

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        use(names[i]);
        put(0, 1, 10, 1, 0);
        assert_int_equal(newest_id(), 1);
        assert_int_equal(files_at(0), 1);
        pfs_table_unref(table);
        table = NULL;
    }
}

static void gentle_tables_wait_for_the_trigger(void **state)
{
    (void)state;
    use("gentle");
    for (int32_t i = 0; i < 4; i++)
        put(i, 1, 1, 1, 0);
    assert_int_equal(read_all().rows, 0); /* level 0 is not seen */
    put(4, 1, 1, 1, 0);
    assert_int_equal(read_all().rows, 5);
}

static void a_delete_that_no_compaction_would_take_is_refused(void **state)
{
    struct pfs_write *w;
    struct pfs_state *s;

    (void)state;
    use("parts");
    s = newest();
    w = open_write(0);
    assert_int_equal(try_add(w, 0, 1, 1, 1, PFS_DELETE, s), -EINVAL);
    assert_int_equal(try_add(w, 0, 1, 1, 1, 0, s), 0);
    pfs_write_close(w);
    pfs_state_unref(s);
}

/* ---- rivals and failures ---- */

struct planned {
    struct pfs_state *state;
    struct pfs_arena arena;
    struct pfs_compactor *compactor;
    struct pfs_compact_job *job;
    struct pfs_compacted done;
};

static struct planned plan_and_run(void)
{
    struct planned p = {.state = newest()};
    struct pfs_jobs_want want = {.state = p.state, .fresh = true, .bucket = -1};
    struct pfs_compactor_config config = {.state = p.state};
    int32_t jobs;

    assert_int_equal(pfs_jobs_make(&want, &p.arena, &p.job, &jobs, NULL), 0);
    assert_int_equal(jobs, 1);
    assert_int_equal(pfs_compactor_open(&config, &p.compactor, NULL), 0);
    assert_int_equal(
        pfs_compact_run(p.compactor, p.job, (struct pfs_budget){.bytes = 1 << 20}, &p.arena, &p.done, NULL), 0);
    return p;
}

static void end_planned(struct planned *p)
{
    pfs_compact_undo(p->compactor, &p->done);
    pfs_compactor_close(p->compactor);
    pfs_state_unref(p->state);
    pfs_arena_done(&p->arena);
}

static void what_was_found_elsewhere_meanwhile_is_not_published(void **state)
{
    struct pfs_compact_want want = {.full = true};
    struct pfs_compact_result result;
    struct pfs_state *now;
    struct pfs_err err = {0};
    struct planned p;
    int64_t indexes;

    (void)state;
    use("marked");
    put(0, 1, 20000, 1, 0);
    write_rows(0, 1, 10, 2, 0);
    p = plan_and_run();
    assert_true(p.done.vectors);
    assert_int_equal(files_on_disk("d.db/marked/index"), 1);
    assert_int_equal(pfs_compact_check(p.compactor, p.job, p.state, NULL), 0);
    write_rows(30000, 1, 10, 2, 0); /* does no harm */
    now = newest();
    assert_int_equal(pfs_compact_check(p.compactor, p.job, now, NULL), 0);
    pfs_state_unref(now);
    settle(); /* a rival: other vectors */
    now = newest();
    assert_int_equal(pfs_compact_check(p.compactor, p.job, now, &err), -EBUSY);
    assert_non_null(strstr(err.text, "deletion vectors"));
    pfs_state_unref(now);
    assert_int_equal(pfs_table_compact(table, &want, &result, NULL), 0); /* another: the file is gone */
    now = newest();
    assert_int_equal(pfs_compact_check(p.compactor, p.job, now, &err), -EBUSY);
    assert_non_null(strstr(err.text, "was removed"));
    pfs_state_unref(now);
    indexes = files_on_disk("d.db/marked/index");
    end_planned(&p);
    assert_int_equal(files_on_disk("d.db/marked/index"), indexes - 1);
    assert_int_equal(read_all().sum, 19990 + 20 + 20);
}

static int set_up_alone(void **state)
{
    (void)state;
    return set_up_with(0);
}

/* Each call of the store fails once; the next attempt makes up for it, and nothing is told twice. */
static void every_step_may_fail_and_leaves_the_rows(void **state)
{
    int failed = 0;
    bool reached = true;

    (void)state;
    use("sum");
    put(0, 1, 100, 1, 0);
    put(0, 2, 10, 1, 0);
    write_rows(0, 1, 10, 1, 0);
    for (int64_t at = 1; reached && at < 2000; at++) {
        struct pfs_err err = {0};
        int64_t before = newest_id();
        int rc;

        fault.fail_at = fault.calls + at;
        fault.fail_errno = ENOSPC;
        rc = try_settle(&err);
        reached = fault.calls >= fault.fail_at;
        fault.fail_at = 0;
        assert_int_equal(rc < 0, err.code != 0);
        failed += rc < 0;
        if (files_at(0) > 0)
            continue;
        assert_int_equal(newest_id(), before + 1);
        assert_int_equal(read_told(newest_id()).sum, 10);
        assert_int_equal(read_all().rows, 100);
        write_rows(0, 1, 10, 1, 0);
    }
    assert_false(reached);
    assert_true(failed > 20);
    assert_int_equal(read_all().rows, 100);
}

static void memory_may_end_at_any_point(void **state)
{
    int rc = -1;

    (void)state;
    use("sum");
    put(0, 1, 100, 1, 0);
    write_rows(0, 1, 10, 1, 0);
    for (int64_t at = 0; rc < 0 && at < 5000; at++) {
        pfs_mem_fail_after(at);
        rc = try_settle(NULL);
        pfs_mem_fail_after(-1);
    }
    assert_int_equal(rc, 0);
    assert_int_equal(read_all().sum, 110);
    assert_int_equal(files_on_disk("d.db/sum/index"), 1);
}

#define TEST_ALONE(name) cmocka_unit_test_setup_teardown(name, set_up_alone, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(updated_rows_are_marked_and_the_large_file_stays),
        TEST(rows_that_are_too_old_mark_nothing),
        TEST(deletes_end_and_their_rows_are_marked),
        TEST(keys_are_not_where_vectors_hide_them),
        TEST(vectors_of_files_that_go_end),
        TEST(vectors_that_were_switched_off_stay_with_their_files),
        TEST(vectors_of_many_files_are_one_index_file),
        TEST(a_late_row_brings_the_earlier_one_along),
        TEST(sums_are_whole_at_each_level),
        TEST(changes_are_told_with_the_rows_before),
        TEST(equal_rows_are_not_told_if_asked),
        TEST(a_lone_delete_of_what_never_was_is_no_row),
        TEST(only_new_keys_get_into_first_row),
        TEST(a_first_row_is_told_as_it_was_written),
        TEST(an_overwrite_is_not_told),
        TEST(files_change_their_format_on_the_way),
        TEST(what_a_lost_compaction_left_is_made_up_for),
        TEST(tables_that_ask_for_nothing_get_nothing),
        TEST(gentle_tables_wait_for_the_trigger),
        TEST(a_delete_that_no_compaction_would_take_is_refused),
        TEST(what_was_found_elsewhere_meanwhile_is_not_published),
        TEST_ALONE(every_step_may_fail_and_leaves_the_rows),
        TEST_ALONE(memory_may_end_at_any_point),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
