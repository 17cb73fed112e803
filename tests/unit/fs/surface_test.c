/* surface_test.c - what there is to read below a table beside its newest rows. */
#include <stdio.h>

#include "src/statement/statement.h"
#include "tests/unit/fs/over_memory.h"

/* 0, or the errno that looking the path up meets. */
static int walk(const char *path)
{
    struct pfs_entry entry;
    int rc = pfs_tree_walk(t.tree, path, &entry, NULL);

    if (rc == 0)
        pfs_tree_forget(t.tree, entry.node, 1);
    return rc;
}

/* The listing of a directory, names joined by blanks, "." and ".." left out. */
static const char *list_of(const char *path)
{
    static char text[4096];
    struct pfs_listed *item;
    struct pfs_entry entry;
    struct pfs_arena arena;
    int64_t count;
    size_t len = 0;

    if (pfs_tree_walk(t.tree, path, &entry, NULL) < 0)
        return NULL;
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    pfs_tree_list(t.tree, &t.waiting.request, entry.node, &arena, &item, &count);
    assert_int_equal(pfs_waiting_result(&t.waiting, NULL), 0);
    text[0] = '\0';
    for (int64_t i = 2; i < count; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", i > 2 ? " " : "", item[i].name);
    pfs_arena_done(&arena);
    pfs_tree_forget(t.tree, entry.node, 1);
    return text;
}

static void execute(const char *sql)
{
    struct pfs_buf answer = {0};

    assert_int_equal(pfs_catalog_execute(t.catalog, NULL, pfs_str(sql), &answer, NULL), 0);
    pfs_buf_done(&answer);
}

static int64_t lines_of(const char *text)
{
    int64_t lines = 0;

    for (; *text != '\0'; text++)
        lines += *text == '\n';
    return lines;
}

static void a_key_gives_its_merged_row_or_is_not_there(void **state)
{
    (void)state;
    assert_int_equal(append("d/t/inbox", "1,one,10\n2,\"a,b\",20\n"), 0);
    assert_int_equal(append("d/t/inbox", "1,uno,11\n"), 0);
    assert_string_equal(text_of("d/t/key/1.csv"), "k,v,n\n1,uno,11\n");
    assert_string_equal(text_of("d/t/key/2.jsonl"), "{\"k\":2,\"v\":\"a,b\",\"n\":20}\n");
    assert_string_equal(text_of("d/t/snapshot/1/key/1.csv"), "k,v,n\n1,one,10\n");
    assert_string_equal(text_of("d/t/select/v/key/1.csv"), "v\nuno\n");
    assert_int_equal(walk("d/t/key/3.csv"), -ENOENT);
    assert_int_equal(walk("d/t/where/n>100/key/1.csv"), -ENOENT);
    assert_int_equal(walk("d/t/key/x.csv"), -EINVAL);
    assert_int_equal(walk("d/t/key/1,2.csv"), -EINVAL);
    assert_int_equal(walk("d/t/key/__DEFAULT_PARTITION__.csv"), -EINVAL);
    assert_int_equal(walk("d/logs/key/1.csv"), -EINVAL);
}

static void a_deleted_key_is_not_there(void **state)
{
    (void)state;
    assert_int_equal(append("d/t/inbox", "1,one,10\n"), 0);
    assert_int_equal(append("d/t/inbox.jsonl", "{\"_kind\":\"-D\",\"k\":1}\n"), 0);
    assert_int_equal(walk("d/t/key/1.csv"), -ENOENT);
    assert_int_equal(walk("d/t/snapshot/1/key/1.csv"), 0);
}

static void every_key_of_a_bucketed_table_is_found(void **state)
{
    (void)state;
    for (int i = 0; i < 40; i += 2) {
        char row[32];

        (void)snprintf(row, sizeof(row), "%d,v%d,%d\n", i, i, i);
        assert_int_equal(append("d/t/inbox", row), 0);
    }
    for (int i = 0; i < 40; i++) {
        char path[32];

        (void)snprintf(path, sizeof(path), "d/t/key/%d.csv", i);
        CHECK(path, walk(path) == (i % 2 == 0 ? 0 : -ENOENT));
    }
}

static void refinements_nest_in_any_order(void **state)
{
    static const char *const paths[] = {
        "d/logs/partition/p=1/where/line='a'/select/line/snapshot/latest.csv",
        "d/logs/where/line='a'/partition/p=1/select/line/snapshot/latest.csv",
        "d/logs/select/line/where/line='a'/partition/p=1/snapshot/latest.csv",
        "d/logs/select/line,p/partition/p=1/select/line/where/line='a'/snapshot/latest.csv",
        "d/logs/where/p=1/where/line!='b'/select/line/snapshot/1.csv",
    };

    (void)state;
    assert_int_equal(append("d/logs/inbox", "a,1\nb,2\na,2\nb,1\n"), 0);
    assert_int_equal(append("d/logs/partition/p=3/inbox", "c\n"), 0);
    for (size_t i = 0; i < COUNT(paths); i++) {
        const char *text = text_of(paths[i]);

        CHECK(paths[i], text != NULL && strcmp(text, "line\na\n") == 0);
    }
    assert_string_equal(text_of("d/logs/where/p>5/snapshot/latest.csv"), "line,p\n");
    assert_int_equal(walk("d/logs/select/line/select/p"), -EINVAL);
    assert_int_equal(walk("d/logs/where/q=1"), -EINVAL);
    assert_int_equal(walk("d/logs/where/p=="), -EINVAL);
    assert_int_equal(walk("d/logs/partition/p=x"), -EINVAL);
}

static void a_snapshot_is_a_place_of_its_own(void **state)
{
    (void)state;
    assert_int_equal(append("d/t/inbox", "1,one,10\n"), 0);
    assert_int_equal(append("d/t/inbox", "1,two,20\n"), 0);
    assert_string_equal(list_of("d/t/snapshot"), "latest.csv 1 2");
    assert_string_equal(text_of("d/t/snapshot/1/snapshot/latest.csv"), "k,v,n\n1,one,10\n");
    assert_non_null(strstr(text_of("d/t/snapshot/1/snapshot.json"), "\"id\" : 1,"));
    assert_int_equal(lines_of(text_of("d/t/snapshot/1/system/files.csv")), 2);
    assert_int_equal(lines_of(text_of("d/t/system/files.csv")), 3);
    assert_int_equal(lines_of(text_of("d/t/snapshot/1/system/snapshots.csv")), 3);
    assert_int_equal(walk("d/t/snapshot/3"), -ENOENT);
    assert_int_equal(walk("d/t/snapshot/1/snapshot/1"), -ENOENT);
    assert_int_equal(walk("d/t/snapshot/@1.csv"), -ENOENT);
    assert_int_equal(walk("d/t/snapshot/@tomorrow.csv"), -EINVAL);
}

static void a_schema_is_shown_as_paimon_writes_it(void **state)
{
    char json[4096];

    (void)state;
    assert_int_equal(append("d/t/inbox", "1,one,10\n"), 0);
    (void)snprintf(json, sizeof(json), "%s", text_of("d/t/schema.json"));
    assert_non_null(strstr(json, "{\n  \"version\" : 3,\n  \"id\" : 0,\n  \"fields\" : [ {\n    \"id\" : 0,"));
    assert_string_equal(text_of("d/t/snapshot/1/schema.json"), json);
    assert_non_null(strstr(text_of("d/t/system/schemas.jsonl"),
                           "\"fields\":\"[{\\\"id\\\":0,\\\"name\\\":\\\"k\\\",\\\"type\\\":\\\"INT NOT NULL\\\"},"));
}

static void system_tables_answer_by_name_in_any_case(void **state)
{
    (void)state;
    assert_int_equal(append("d/t/inbox", "1,one,10\n2,two,20\n"), 0);
    assert_int_equal(append("d/t/inbox.jsonl", "{\"_kind\":\"-D\",\"k\":1}\n"), 0);
    assert_string_equal(text_of("d/t/system/OPTIONS.csv"), "key,value\nbucket,2\n");
    assert_string_equal(text_of("d/t/system/audit_log.csv"), "rowkind,k,v,n\n-D,1,,\n+I,2,two,20\n");
    assert_string_equal(text_of("d/t/system/binlog.jsonl"),
                        "{\"rowkind\":\"-D\",\"k\":[1],\"v\":[null],\"n\":[null]}\n"
                        "{\"rowkind\":\"+I\",\"k\":[2],\"v\":[\"two\"],\"n\":[20]}\n");
    assert_string_equal(text_of("d/t/system/ro.csv"), "k,v,n\n");
    assert_string_equal(text_of("d/t/system/statistics.csv"),
                        "snapshot_id,schema_id,mergedRecordCount,mergedRecordSize,colstat\n");
    assert_int_equal(walk("d/t/system/nosuch.csv"), -ENOENT);
    assert_int_equal(walk("d/logs/partition/p=1/system"), -ENOENT);
    assert_null(strstr(list_of("d/t/system"), "audit_log"));
    assert_non_null(strstr(list_of("d/t/system"), "files.csv"));
}

static void a_system_table_shows_what_changed(void **state)
{
    (void)state;
    assert_int_equal(append("d/t/inbox", "1,one,10\n"), 0);
    assert_string_equal(text_of("d/t/system/tags.csv"), "tag_name,snapshot_id,schema_id,commit_time,record_count,"
                                                        "create_time,time_retained\n");
    assert_int_equal(mkdir_at("d/t/tag", "50%25"), 0);
    assert_int_equal(lines_of(text_of("d/t/system/tags.csv")), 2);
    assert_non_null(strstr(text_of("d/t/system/tags.csv"), "\n50%,1,0,"));
    assert_string_equal(list_of("d/t/tag"), "50%25");
    assert_string_equal(text_of("d/t/tag/50%25/snapshot/latest.csv"), "k,v,n\n1,one,10\n");
    assert_int_equal(walk("d/t/tag/50%"), -EINVAL);
    assert_int_equal(walk("d/t/tag/x%20y"), -EINVAL);
}

static void names_that_spell_members_are_encoded(void **state)
{
    (void)state;
    execute("CREATE TABLE d.`sql` (a INT);");
    assert_non_null(strstr(list_of("d"), "%73ql"));
    assert_string_equal(text_of("d/%73ql/snapshot/latest.csv"), "a\n");
    assert_int_equal(walk("d/%74"), -EINVAL);
    assert_int_equal(walk("d/.git"), -ENOENT);
    assert_int_equal(walk("d/nosuch"), -ENOENT);
}

static void the_status_counts_files_and_runs(void **state)
{
    (void)state;
    assert_int_equal(append("d/sums/inbox", "1,10\n"), 0);
    assert_int_equal(append("d/sums/inbox", "1,10\n2,5\n"), 0);
    assert_non_null(strstr(text_of("d/sums/status.json"),
                           "\"buckets\":1,\"files\":2,\"level0_files\":2,\"small_files\":2,"
                           "\"runs\":2,\"most_runs\":2,\"rows_stored\":3,"));
    assert_non_null(strstr(text_of("d/logs/status.json"), "\"snapshot\":null,"));
}

static void the_daemon_tells_of_itself(void **state)
{
    struct pfs_err err = {EIO, "a file is damaged"};

    (void)state;
    pfs_tree_count(t.tree, "read", 100, &err);
    pfs_tree_count(t.tree, "read", -EIO, &err);
    assert_string_equal(list_of(".paimonfs"), "version status.json metrics log options");
    assert_non_null(strstr(text_of(".paimonfs/metrics"), "paimonfs_requests_total{operation=\"read\"} 2\n"));
    assert_non_null(strstr(text_of(".paimonfs/metrics"), "paimonfs_read_bytes_total 100\n"));
    assert_non_null(strstr(text_of(".paimonfs/log"), " read: a file is damaged ("));
    assert_non_null(strstr(text_of(".paimonfs/status.json"), "\"reason\":\"a file is damaged\"}"));
    assert_int_equal(walk(".paimonfs/nosuch"), -ENOENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_tree, close_tree)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_key_gives_its_merged_row_or_is_not_there),
        TEST(a_deleted_key_is_not_there),
        TEST(every_key_of_a_bucketed_table_is_found),
        TEST(refinements_nest_in_any_order),
        TEST(a_snapshot_is_a_place_of_its_own),
        TEST(a_schema_is_shown_as_paimon_writes_it),
        TEST(system_tables_answer_by_name_in_any_case),
        TEST(a_system_table_shows_what_changed),
        TEST(names_that_spell_members_are_encoded),
        TEST(the_status_counts_files_and_runs),
        TEST(the_daemon_tells_of_itself),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
