/* Tags and branches in the words of ALTER TABLE, what SHOW shows of a table, and procedures that empty it. */
#include "tests/unit/sql/statements.h"

#define TABLE "CREATE TABLE d.t (k INT, v STRING, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1');"
#define SNAPSHOT "TRUNCATE TABLE d.t;" /* each is one, whatever the table has */
#define TAG "d.db/t/tag/tag-"

static void tags_are_made_renamed_and_deleted_in_spark_s_words(void **state)
{
    (void)state;
    run_sql(TABLE SNAPSHOT SNAPSHOT "ALTER TABLE d.t CREATE TAG a; ALTER TABLE d.t CREATE TAG IF NOT EXISTS `a`;"
                                    "alter table d.t create tag `2026-01-01` as of version 1 retain 3 days;"
                                    "ALTER TABLE d.t RENAME TAG a TO `b c`;");
    assert_false(there(TAG "a"));
    assert_true(there(TAG "b c") && there(TAG "2026-01-01"));
    refused("ALTER TABLE d.t CREATE TAG `b c`;", EEXIST, "Tag 'b c' already exists.");
    refused("ALTER TABLE d.t REPLACE TAG nope;", ENOENT, "Tag 'nope' doesn't exist.");
    refused("ALTER TABLE d.t DELETE TAG nope;", ENOENT, "Tag 'nope' doesn't exist.");
    refused("ALTER TABLE d.t CREATE TAG x AS OF VERSION 9;", ENOENT, "snapshot #9 doesn't exist");
    run_sql("ALTER TABLE d.t CREATE OR REPLACE TAG x AS OF VERSION 1; ALTER TABLE d.t CREATE OR REPLACE TAG x RETAIN 2 "
            "HOURS; ALTER TABLE d.t REPLACE TAG x AS OF VERSION 2 RETAIN 90 MINUTES;"
            "ALTER TABLE d.t DELETE TAG IF EXISTS nope; ALTER TABLE d.t DROP TAG `b c`; SHOW TAGS d.t;");
    answered("tag\n2026-01-01\nx\n");
}

static void branches_are_made_renamed_and_deleted_by_alter_table(void **state)
{
    (void)state;
    run_sql(TABLE SNAPSHOT "ALTER TABLE d.t CREATE TAG a; ALTER TABLE d.t CREATE BRANCH b AS OF TAG a;"
                           "ALTER TABLE d.t CREATE BRANCH IF NOT EXISTS b; ALTER TABLE d.t RENAME BRANCH b TO c;"
                           "ALTER TABLE d.`t$branch_c` CREATE TAG in_branch; SHOW BRANCHES FROM d.t;");
    answered("branch\nc\n");
    assert_true(there("d.db/t/branch/branch-c/tag/tag-in_branch") && !there(TAG "in_branch"));
    refused("ALTER TABLE d.t CREATE BRANCH c;", EEXIST, "Branch name 'c' already exists.");
    refused("ALTER TABLE d.t CREATE BRANCH `12`;", EINVAL, "pure numeric");
    refused("ALTER TABLE d.t DELETE BRANCH x;", ENOENT, "Branch name 'x' doesn't exist.");
    run_sql("ALTER TABLE d.t DELETE BRANCH IF EXISTS x; ALTER TABLE d.t DROP BRANCH c; SHOW BRANCHES IN d.t;");
    answered("branch\n");
}

static void columns_may_be_called_tag_and_branch(void **state)
{
    (void)state;
    run_sql("CREATE TABLE d.t (k INT, tag INT, branch INT, a INT);"
            "ALTER TABLE d.t RENAME tag TO x; ALTER TABLE d.t DROP branch; ALTER TABLE d.t RENAME x TO tag;"
            "ALTER TABLE d.t DROP tag; SHOW COLUMNS FROM d.t;");
    answered("name,type,null,key,comment\nk,INT,true,,\na,INT,true,,\n");
}

static void malformed_words_are_refused_with_a_sentence(void **state)
{
    static const struct {
        const char *sql, *sentence;
    } cases[] = {
        {"ALTER TABLE d.t CREATE TAGG a;", "expected TAG, BRANCH or OR REPLACE TAG, found TAGG"},
        {"ALTER TABLE d.t CREATE TAG;", "expected a tag's name, found ;"},
        {"ALTER TABLE d.t CREATE TAG 'a';", "expected a tag's name, found 'a'"},
        {"ALTER TABLE d.t CREATE TAG IF EXISTS a;", "expected NOT"},
        {"ALTER TABLE d.t CREATE TAG a AS OF VERSION x;", "expected a snapshot's number"},
        {"ALTER TABLE d.t CREATE TAG a AS OF VERSION 1.5;", "no whole number"},
        {"ALTER TABLE d.t CREATE TAG a RETAIN 3;", "expected DAYS, HOURS or MINUTES"},
        {"ALTER TABLE d.t CREATE TAG a RETAIN 3 YEARS;", "expected DAYS, HOURS or MINUTES"},
        {"ALTER TABLE d.t CREATE TAG a b;", "expected ;"},
        {"ALTER TABLE d.t CREATE TAG `..`;", "'..'"},
        {"ALTER TABLE d.t CREATE TAG `a/b`;", "'a/b'"},
        {"ALTER TABLE d.t CREATE TAG ``;", "expected a tag's name"},
        {"ALTER TABLE d.t CREATE BRANCH `../x`;", "../x"},
        {"ALTER TABLE d.t CREATE BRANCH main;", "default branch"},
        {"ALTER TABLE d.t RENAME TAG a;", "expected TO"},
        {"ALTER TABLE d.t RENAME TAG a b;", "expected TO"},
        {"ALTER TABLE d.t DELETE a;", "expected TAG or BRANCH and its name"},
        {"ALTER TABLE d.t DELETE TAG IF NOT EXISTS a;", "expected EXISTS"},
        {"SHOW THINGS d.t;", "expected DATABASES, TABLES, CREATE TABLE, COLUMNS"},
        {"SHOW PARTITIONS;", "expected a table name"},
        {"SHOW PARTITIONS d.t PARTITION dt;", "expected ("},
        {"SHOW TBLPROPERTIES d.t ('a', 'b');", "expected )"},
        {"CALL sys.drop_partition('d.t');", "must specify partitions"},
        {"CALL sys.drop_partition('d.t', 'x');", "'x' is not key=value"},
        {"CALL sys.drop_partition('d.t', 'k=1;');", "'' is not key=value"},
        {"CALL sys.drop_partition('d.t', 'k=1');", "Cannot find field: k"},
        {"CALL sys.drop_partition('d.t', part => 'k=1');", "no argument part"},
        {"CALL sys.drop_partition();", "needs the argument table"},
        {"CALL sys.purge_files('d.t$branch_b');", "not of a branch"},
        {"CALL sys.purge_files();", "needs the argument table"},
    };

    (void)state;
    run_sql(TABLE SNAPSHOT);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        refused(cases[i].sql, EINVAL, cases[i].sentence);
    refused("SHOW TAGS d.nope;", ENOENT, "Table d.nope does not exist.");
    run_sql("SHOW TAGS d.t;");
    answered("tag\n");
}

static void names_of_255_bytes_and_reserved_words_are_tags(void **state)
{
    char sql[600], name[256];

    (void)state;
    run_sql(TABLE SNAPSHOT "ALTER TABLE d.t CREATE TAG `select`; ALTER TABLE d.t CREATE TAG tag;"
                           "ALTER TABLE d.t CREATE TAG `ünï 日本`; ALTER TABLE d.t CREATE TAG `it's \"x\", y`;"
                           "ALTER TABLE d.t DELETE TAG tag; SHOW TAGS d.t;");
    answered("tag\n\"it's \"\"x\"\", y\"\nselect\nünï 日本\n");
    memset(name, 'x', sizeof(name) - 1);
    name[251] = '\0'; /* with "tag-" 255 bytes */
    (void)snprintf(sql, sizeof(sql), "ALTER TABLE d.t CREATE TAG %s;", name);
    run_sql(sql);
    name[251] = 'x';
    name[252] = '\0';
    (void)snprintf(sql, sizeof(sql), "ALTER TABLE d.t CREATE TAG %s;", name);
    assert_true(try_sql(sql) < 0 && q.err.text[0] != '\0');
}

static void options_of_a_table_are_shown(void **state)
{
    (void)state;
    run_sql("CREATE TABLE d.t (k INT) WITH ('bucket' = '-1', 'a.b' = 'x,y'); SHOW TBLPROPERTIES d.t;");
    answered("key,value\na.b,\"x,y\"\nbucket,-1\n");
    run_sql("SHOW TBLPROPERTIES d.t ('a.b');");
    answered("key,value\na.b,\"x,y\"\n");
    refused("SHOW TBLPROPERTIES d.t (nope);", ENOENT, "does not have the option nope");
    refused("SHOW PARTITIONS d.t;", EINVAL, "Table d.t is not partitioned.");
}

static void a_purged_table_has_one_snapshot_of_nothing(void **state)
{
    (void)state;
    run_sql(TABLE SNAPSHOT SNAPSHOT "CALL sys.create_tag('d.t', 'a'); CALL sys.create_branch('d.t', 'b', 'a');" SNAPSHOT
                                    "CALL sys.reset_consumer('d.t', 'c', 2); CALL sys.purge_files(`table` => 'd.t');");
    answered("result\nSuccess\n");
    assert_false(there("d.db/t/snapshot/snapshot-3") || there(TAG "a") || there("d.db/t/branch/branch-b") ||
                 there("d.db/t/consumer/consumer-c"));
    assert_true(there("d.db/t/snapshot/snapshot-4") && there("d.db/t/schema/schema-0"));
}

static void a_repair_finds_the_lists_of_tables_as_they_are(void **state)
{
    static const char *const done[] = {
        "",
        "''",
        "' '",
        "NULL",
        "'d'",
        "'d.'",
        "'d.t'",
        "'d.t,d'",
        "'d.t,'",
        "','",
        "`table` => 'd.t'",
        "database_or_table => 'd'",
    };
    static const struct {
        const char *arguments;
        int code;
        const char *sentence;
    } cases[] = {
        {"'nope'", ENOENT, "Database nope does not exist."},
        {"'d.nope'", ENOENT, "Table d.nope does not exist."},
        {"'nope.t'", ENOENT, "Table nope.t does not exist."},
        {"'d.t,d.nope'", ENOENT, "Table d.nope does not exist."},
        {"'d.t, d'", ENOENT, "Database  d does not exist."},
        {"'d.t,,d'", ENOENT, "Database  does not exist."},
        {"' d'", ENOENT, "Database  d does not exist."},
        {"'d.t.x'", EINVAL, "Cannot get splits from 'd.t.x' to get database and table"},
        {"'d,d..t'", EINVAL, "Cannot get splits from 'd..t' to get database and table"},
        {"'.'", EINVAL, "Cannot get splits from '.' to get database and table"},
        {"'d.t$branch_b'", EINVAL, "'d.t$branch_b'"},
        {"'d.t$snapshots'", EINVAL, "'d.t$snapshots'"},
        {"'d', 'e'", EINVAL, "no argument number 2"},
        {"tag => 'd'", EINVAL, "no argument tag"},
    };
    char sql[200];

    (void)state;
    run_sql(TABLE);
    for (size_t i = 0; i < sizeof(done) / sizeof(done[0]); i++) {
        (void)snprintf(sql, sizeof(sql), "CALL sys.repair(%s);", done[i]);
        run_sql(sql);
        answered("result\nSuccess\n");
    }
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        (void)snprintf(sql, sizeof(sql), "CALL sys.repair(%s);", cases[i].arguments);
        refused(sql, cases[i].code, cases[i].sentence);
    }
}

static void automatic_tags_are_made_when_asked_for(void **state)
{
    (void)state;
    run_sql(
        "CREATE TABLE d.t (k INT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1', 'write-only' = 'true');" SNAPSHOT
        "CALL sys.trigger_tag_automatic_creation('d.t'); SHOW TAGS d.t;");
    answered("tag\n");
    run_sql("ALTER TABLE d.t SET ('tag.automatic-creation' = 'process-time', 'tag.creation-period-duration' = '1 min');"
            "CALL sys.trigger_tag_automatic_creation('d.t');");
    answered("result\nSuccess\n");
    run_sql("SHOW TAGS d.t;");
    assert_int_equal(q.answer.len, strlen("tag\n202601010000\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tags_are_made_renamed_and_deleted_in_spark_s_words, open_warehouse,
                                        close_warehouse),
        cmocka_unit_test_setup_teardown(branches_are_made_renamed_and_deleted_by_alter_table, open_warehouse,
                                        close_warehouse),
        cmocka_unit_test_setup_teardown(columns_may_be_called_tag_and_branch, open_warehouse, close_warehouse),
        cmocka_unit_test_setup_teardown(malformed_words_are_refused_with_a_sentence, open_warehouse, close_warehouse),
        cmocka_unit_test_setup_teardown(names_of_255_bytes_and_reserved_words_are_tags, open_warehouse,
                                        close_warehouse),
        cmocka_unit_test_setup_teardown(options_of_a_table_are_shown, open_warehouse, close_warehouse),
        cmocka_unit_test_setup_teardown(a_purged_table_has_one_snapshot_of_nothing, open_warehouse, close_warehouse),
        cmocka_unit_test_setup_teardown(a_repair_finds_the_lists_of_tables_as_they_are, open_warehouse,
                                        close_warehouse),
        cmocka_unit_test_setup_teardown(automatic_tags_are_made_when_asked_for, open_warehouse, close_warehouse),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
