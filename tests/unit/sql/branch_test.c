/* Branches, and going back: what is there afterwards, what is refused, what a failing store leaves. */
#include "src/meta/branch.h"
#include "tests/unit/sql/statements.h"

#define TABLE "CREATE TABLE d.t (k INT, v STRING, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1');"
#define SNAPSHOT "TRUNCATE TABLE d.t;" /* each is one, whatever the table has */

#define SNAPSHOT_FILE "d.db/t/snapshot/snapshot-"
#define BRANCH "d.db/t/branch/branch-b/"

static void a_branch_of_nothing_has_all_schemas(void **state)
{
    (void)state;
    run_sql(TABLE SNAPSHOT "ALTER TABLE d.t ADD c INT; CALL sys.create_branch('d.t', 'b');");
    assert_true(there(BRANCH "schema/schema-0") && there(BRANCH "schema/schema-1"));
    assert_false(there(BRANCH "snapshot"));
    run_sql("TRUNCATE TABLE d.`t$branch_b`; ALTER TABLE d.`t$branch_b` DROP c;");
    assert_true(there(BRANCH "snapshot/snapshot-1") && there(BRANCH "schema/schema-2"));
    assert_false(there("d.db/t/schema/schema-2") || there(SNAPSHOT_FILE "2"));
}

static void a_branch_of_a_tag_has_the_tag_its_snapshot_and_its_schemas(void **state)
{
    (void)state;
    run_sql(TABLE SNAPSHOT "CALL sys.create_tag('d.t', 'v1'); ALTER TABLE d.t ADD c INT;" SNAPSHOT
                           "CALL sys.create_branch(`table` => 'd.t', branch => 'b', tag => 'v1');");
    assert_true(there(BRANCH "schema/schema-0") && there(BRANCH "tag/tag-v1") && there(BRANCH "snapshot/snapshot-1"));
    assert_false(there(BRANCH "schema/schema-1") || there(BRANCH "snapshot/snapshot-2"));
    run_sql("TRUNCATE TABLE d.`t$branch_b`;");
    assert_true(there(BRANCH "snapshot/snapshot-2"));
}

static void fast_forward_replaces_what_came_after(void **state)
{
    (void)state;
    run_sql(TABLE SNAPSHOT "CALL sys.create_tag('d.t', 'v1'); CALL sys.create_branch('d.t', 'b', 'v1');"
                           "ALTER TABLE d.t ADD c INT;" SNAPSHOT SNAPSHOT "CALL sys.create_tag('d.t', 'v3');"
                           "TRUNCATE TABLE d.`t$branch_b`; CALL sys.fast_forward('d.t', 'b');");
    assert_true(there(SNAPSHOT_FILE "1") && there(SNAPSHOT_FILE "2") && there("d.db/t/tag/tag-v1"));
    assert_false(there(SNAPSHOT_FILE "3") || there("d.db/t/tag/tag-v3") || there("d.db/t/schema/schema-1"));
    assert_true(there(BRANCH "snapshot/snapshot-2"));
    run_sql(SNAPSHOT "DESCRIBE d.t;");
    answered("name,type,null,key,comment\nk,INT,false,PRI,\nv,STRING,true,,\n");
    assert_true(there(SNAPSHOT_FILE "3"));
}

#define EXPIRE "CALL sys.expire_snapshots('d.t', retain_max => 1, retain_min => 1);"

/* The table's oldest snapshot was 5 when its branch took its place, and is 1 now, also when there is a 5 again. */
static void what_fast_forward_brought_expires(void **state)
{
    (void)state;
    run_sql(TABLE "CALL sys.create_branch('d.t', 'b'); TRUNCATE TABLE d.`t$branch_b`; TRUNCATE TABLE d.`t$branch_b`;");
    run_sql(SNAPSHOT SNAPSHOT SNAPSHOT SNAPSHOT SNAPSHOT EXPIRE "CALL sys.fast_forward('d.t', 'b');");
    assert_true(there(SNAPSHOT_FILE "1") && there(SNAPSHOT_FILE "2"));
    run_sql(SNAPSHOT SNAPSHOT SNAPSHOT SNAPSHOT EXPIRE);
    assert_true(there(SNAPSHOT_FILE "6"));
    assert_false(there(SNAPSHOT_FILE "1") || there(SNAPSHOT_FILE "4") || there(SNAPSHOT_FILE "5"));
}

static void branches_are_renamed_and_deleted(void **state)
{
    (void)state;
    run_sql(TABLE "CALL sys.create_branch('d.t', 'b'); CALL sys.rename_branch('d.t', 'b', 'ü x');");
    assert_false(there(BRANCH));
    assert_true(there("d.db/t/branch/branch-ü x/schema/schema-0"));
    run_sql("CALL sys.create_branch('d.t', 'b'); CALL sys.create_branch('d.t', 'b', ignoreIfExists => true);"
            "CALL sys.delete_branch('d.t', 'b,ü x');");
    assert_false(there("d.db/t/branch/branch-ü x"));
}

static void what_paimon_refuses_is_refused_in_its_words(void **state)
{
    static const struct {
        const char *sql;
        int code;
        const char *sentence;
    } cases[] = {
        {"create_branch('d.t', 'main')", EINVAL, "Branch name 'main' is the default branch and cannot be used."},
        {"create_branch('d.t', '12')", EINVAL, "Branch name cannot be pure numeric string but is '12'."},
        {"create_branch('d.t', '  ')", EINVAL, "Branch name '  ' is blank."},
        {"create_branch('d.t', 'b')", EEXIST, "Branch name 'b' already exists."},
        {"create_branch('d.t', 'c', 'nope')", ENOENT, "Tag 'nope' doesn't exist."},
        {"create_branch('d.t', '..')", EINVAL, "'..' cannot be the name of a branch"},
        {"create_branch('d.t', '../../x')", EINVAL, "'../../x' cannot be the name of a branch"},
        {"create_branch('d.zz', 'c')", ENOENT, "Table d.zz does not exist."},
        {"create_branch('d.t')", EINVAL, "create_branch needs the argument branch"},
        {"create_branch('d.t', 'c', snapshot => 1)", EINVAL, "create_branch has no argument snapshot"},
        {"create_branch('d.t', 'c', branch => 'c')", EINVAL, "the argument branch is given twice"},
        {"delete_branch('d.t', 'nope')", ENOENT, "Branch name 'nope' doesn't exist."},
        {"delete_branch('d.t', 'b')", EBUSY, "Cannot delete branch 'b' because it is configured as"},
        {"rename_branch('d.t', 'main', 'c')", EINVAL, "Cannot rename the main branch."},
        {"rename_branch('d.t', 'nope', 'c')", ENOENT, "Branch name 'nope' doesn't exist."},
        {"rename_branch('d.t', 'b', 'x')", EEXIST, "Branch name 'x' already exists."},
        {"rename_branch('d.t', 'b', '7')", EINVAL, "Branch name cannot be pure numeric string but is '7'."},
        {"fast_forward('d.t', 'b')", ENOENT, "Cannot fast forward branch b, because it does not have snapshot."},
        {"fast_forward('d.t', 'main')", EINVAL, "Branch name 'main' do not use in fast-forward."},
        {"fast_forward('d.t$branch_b', 'b')", EINVAL, "Fast-forward from the current branch 'b' is not allowed."},
        {"fast_forward('d.t', 'nope')", ENOENT, "Branch name 'nope' doesn't exist."},
        {"rollback_to('d.t', snapshot_id => 9)", ENOENT, "Rollback snapshot '9' doesn't exist."},
        {"rollback_to('d.t', 'zz')", ENOENT, "Tag 'zz' doesn't exist."},
        {"rollback_to('d.t')", EINVAL, "rollback_to needs the argument tag or snapshot_id"},
        {"rollback_to('d.t', snapshot_id => 'x')", EINVAL, "is 'x', and no whole number"},
        {"rollback_to_timestamp('d.t', 1)", ENOENT, "count not find snapshot earlier than 1"},
        {"rollback_to('d.t$branch_b', snapshot_id => 1)", ENOENT, "Latest snapshot is null, can not rollback."},
    };

    (void)state;
    run_sql(TABLE SNAPSHOT "CALL sys.create_branch('d.t', 'b'); CALL sys.create_branch('d.t', 'x');"
                           "ALTER TABLE d.t SET ('scan.fallback-branch' = 'b');");
    for (size_t i = 0; i < COUNT(cases); i++) {
        char sql[256];

        snprintf(sql, sizeof(sql), "CALL sys.%s;", cases[i].sql);
        refused(sql, cases[i].code, cases[i].sentence);
    }
    refused("CREATE TABLE d.`t$branch_c` (k INT);", EINVAL, "a branch is made by create_branch");
    refused("DROP TABLE d.`t$branch_b`;", EINVAL, "a branch is removed by CALL sys.delete_branch");
}

static void going_back_takes_what_came_after(void **state)
{
    (void)state;
    run_sql(TABLE SNAPSHOT "CALL sys.create_tag('d.t', 'v1');" SNAPSHOT "CALL sys.create_tag('d.t', 'v2');" SNAPSHOT
                           "CALL sys.rollback_to('d.t', snapshot_id => 2);");
    answered("previous_snapshot_id,current_snapshot_id\n3,2\n");
    assert_true(there(SNAPSHOT_FILE "2") && there("d.db/t/tag/tag-v2"));
    assert_false(there(SNAPSHOT_FILE "3"));
    run_sql("CALL sys.rollback_to('d.t', 'v1');");
    assert_false(there(SNAPSHOT_FILE "2") || there("d.db/t/tag/tag-v2"));
    run_sql(SNAPSHOT);
    assert_true(there(SNAPSHOT_FILE "2"));
}

static void an_expired_snapshot_comes_back_from_its_tag(void **state)
{
    (void)state;
    run_sql(TABLE SNAPSHOT "CALL sys.create_tag('d.t', 'v1');" SNAPSHOT SNAPSHOT);
    assert_int_equal(pfs_store_unlink(q.memory, SNAPSHOT_FILE "1", NULL), 0);
    run_sql("CALL sys.rollback_to('d.t', snapshot_id => 1);");
    assert_true(there(SNAPSHOT_FILE "1"));
    assert_false(there(SNAPSHOT_FILE "2") || there(SNAPSHOT_FILE "3"));
    run_sql("CALL sys.create_branch('d.t', 'b', 'v1'); TRUNCATE TABLE d.`t$branch_b`;");
    assert_true(there(BRANCH "snapshot/snapshot-2"));
}

static void tags_are_made_of_times_renamed_and_deleted(void **state)
{
    (void)state;
    run_sql(TABLE SNAPSHOT SNAPSHOT
            "CALL sys.create_tag('d.t', 'a', 1); CALL sys.create_tag_from_timestamp('d.t', 'b', 1);"
            "CALL sys.rename_tag('d.t', 'a', 'c'); CALL sys.rename_tag('d.t', tagName => 'b',"
            " targetTagName => 'e');");
    assert_true(there("d.db/t/tag/tag-c") && there("d.db/t/tag/tag-e"));
    assert_false(there("d.db/t/tag/tag-a") || there("d.db/t/tag/tag-b"));
    refused("CALL sys.rename_tag('d.t', 'c', 'e');", EEXIST, "Tag 'e' already exists.");
    refused("CALL sys.rename_tag('d.t', 'zz', 'y');", ENOENT, "Tag 'zz' doesn't exist.");
    refused("CALL sys.create_tag('d.t', 'f', 9);", ENOENT,
            "Cannot create tag because given snapshot #9 doesn't exist.");
    refused("CALL sys.create_tag('d.t', '../f');", EINVAL, "cannot be the name of a tag");
    refused("CALL sys.create_tag_from_timestamp('d.t', 'f', 99999999999999);", ENOENT,
            "Could not find any snapshot whose commit-time later than 99999999999999.");
    refused("CALL sys.expire_tags('d.t', '');", EINVAL, "the argument older_than is ''");
    refused("CALL sys.create_tag_from_watermark('d.t', 'f', 1);", ENOENT, "whose watermark later than 1.");
    run_sql("CALL sys.delete_tag('d.t', 'c,e,nope'); CALL sys.alter_column_default_value('d.t', 'v', 'x');");
    assert_false(there("d.db/t/tag/tag-c") || there("d.db/t/tag/tag-e"));
    assert_true(there("d.db/t/schema/schema-1"));
}

static void a_partition_is_marked_done_by_a_file(void **state)
{
    (void)state;
    run_sql("CREATE TABLE d.t (a INT, dt STRING, h INT) PARTITIONED BY (dt, h);"
            "CALL sys.mark_partition_done('d.t', 'h=1,dt=a b;dt=2:3');");
    assert_true(there("d.db/t/dt=a b/h=1/_SUCCESS") && there("d.db/t/dt=2%3A3/_SUCCESS"));
    run_sql("CALL sys.mark_partition_done('d.t', 'dt=2:3');");
    refused("CALL sys.mark_partition_done('d.t', 'a=1');", EINVAL, "'a=1' is not key=value of partition columns");
    run_sql("CALL sys.mark_partition_done('d.t', 'dt=../../x');");
    assert_true(there("d.db/t/dt=..%2F..%2Fx/_SUCCESS"));
}

static void partitions_are_read_as_engines_read_them(void **state)
{
    (void)state;
    run_sql("CREATE TABLE d.t (a INT, dt STRING, h INT) PARTITIONED BY (dt, h);"
            "CALL sys.mark_partition_done('d.t', 'dt = b , h=2,;dt=c,zz=1;dt=d,dt=e;dt=f=g;;');");
    assert_true(there("d.db/t/dt=b/h=2/_SUCCESS") && there("d.db/t/dt=c/_SUCCESS"));
    assert_true(there("d.db/t/dt=e/_SUCCESS") && there("d.db/t/dt=f%3Dg/_SUCCESS"));
    assert_false(there("d.db/t/dt=d"));
    refused("CALL sys.mark_partition_done('d.t', 'dt=x;h');", EINVAL, "Invalid key-value string 'h'");
    refused("CALL sys.mark_partition_done('d.t', 'dt=x;dt=');", EINVAL, "Path should not be null or empty");
    assert_false(there("d.db/t/dt=x"));
    refused("CALL sys.mark_partition_done('d.t', ';');", EINVAL, "is not key=value of partition columns");
    refused("CALL sys.mark_partition_done('d.t', '');", EINVAL, "is not key=value of partition columns");
}

static void what_is_done_may_be_said_twice(void **state)
{
    (void)state;
    run_sql("CREATE TABLE d.t (a INT, dt STRING) PARTITIONED BY (dt)"
            " WITH ('partition.mark-done-action' = 'SUCCESS-FILE,success_file');"
            "CALL sys.mark_partition_done('d.t', 'dt=a');");
    assert_true(there("d.db/t/dt=a/_SUCCESS"));
    run_sql("ALTER TABLE d.t SET ('partition.mark-done-action' = 'success-file,done-partition');");
    refused("CALL sys.mark_partition_done('d.t', 'dt=b');", EOPNOTSUPP, "needs a metastore or a service");
    run_sql("ALTER TABLE d.t SET ('partition.mark-done-action' = 'mark-event');");
    refused("CALL sys.mark_partition_done('d.t', 'dt=b');", EINVAL, "Table should enable metastore.partitioned-table");
    run_sql("ALTER TABLE d.t SET ('metastore.partitioned-table' = 'true');"
            "CALL sys.mark_partition_done('d.t', 'dt=b');"); /* for a catalog that listens */
    run_sql("ALTER TABLE d.t SET ('partition.mark-done-action' = 'success-file,zz');");
    refused("CALL sys.mark_partition_done('d.t', 'dt=b');", EINVAL, "'ZZ' is no action");
    assert_false(there("d.db/t/dt=b"));
}

static void a_table_is_made_like_another(void **state)
{
    (void)state;
    run_sql(
        "CREATE TABLE d.t (k INT, r ROW<x INT>, PRIMARY KEY (k) NOT ENFORCED) COMMENT 'c' WITH ('bucket' = '2');"
        "CREATE TABLE d.u WITH ('connector' = 'paimon', 'bucket' = '3') LIKE d.t; CREATE TABLE d.v (z INT) LIKE d.t;");
    refused("CREATE TABLE d.w LIKE d.zz;", ENOENT, "Table d.zz does not exist.");
    refused("CREATE TABLE d.w (k INT) LIKE d.t;", EINVAL, "column k is defined twice");
    refused("CREATE TABLE d.w WITH ('a' = 'b');", EINVAL, "expected LIKE and the name of a table");
    run_sql("DESCRIBE d.v;");
    answered("k,INT,false,PRI,\nr,ROW<`x` INT>,true,,\nz,INT,true,,\n");
    run_sql(
        "CREATE TABLE d.x WITH ('bucket' = '4') LIKE d.t (INCLUDING ALL EXCLUDING OPTIONS); SHOW TBLPROPERTIES d.x;");
    answered("key,value\nbucket,4\n");
    run_sql("CREATE TABLE d.y (z INT, PRIMARY KEY (z) NOT ENFORCED) LIKE d.t (EXCLUDING CONSTRAINTS); DESCRIBE d.y;");
    answered("k,INT,false,,\nr,ROW<`x` INT>,true,,\nz,INT,false,PRI,\n");
    refused("CREATE TABLE d.w (z INT, PRIMARY KEY (z) NOT ENFORCED) LIKE d.t;", EINVAL, "has that one's keys");
    run_sql("DESCRIBE EXTENDED d.y;");
    answered("k,INT,false,,\nr,ROW<`x` INT>,true,,\nz,INT,false,PRI,\n");
    run_sql("CALL paimon.sys.compact(`table` => 'd.y', options => 'sink.parallelism=4');");
    refused("CALL paimon.sy.compact('d.y');", EINVAL, "expected sys, found paimon");
    refused("CREATE TABLE d.w LIKE d.t (EXCLUDING ROWS);", EINVAL, "expected ALL, OPTIONS, CONSTRAINTS or PARTITIONS");
}

static void a_database_is_a_directory_and_no_more(void **state)
{
    (void)state;
    refused("CREATE DATABASE e WITH ('location' = '/x');", EINVAL, "Cannot specify location for a database");
    refused("ALTER DATABASE d SET ('a' = 'b');", EOPNOTSUPP, "has nothing to alter");
    refused("CREATE DATABASE sys;", EINVAL, "Can't do operation on system database.");
    assert_false(there("e.db") || there("sys.db"));
}

static void what_is_refused_names_what_is_wrong(void **state)
{
    char name[300], sql[400], sentence[200];

    (void)state;
    memset(name, 'n', 252);
    name[252] = '\0';
    (void)snprintf(sql, sizeof(sql), "CREATE DATABASE `%s`;", name);
    (void)snprintf(sentence, sizeof(sentence), "'%.40s...' cannot be the name of a database: it has 253 bytes", name);
    name[252] = 'n', name[253] = '\0';
    run_sql(sql);
    (void)snprintf(sql, sizeof(sql), "CREATE DATABASE `%s`;", name);
    refused(sql, EINVAL, sentence);
    run_sql(TABLE);
    refused("ALTER TABLE d.t RENAME TO zz.u;", ENOENT, "Database zz does not exist.");
    refused("ALTER TABLE d.zz RENAME TO d.u;", ENOENT, "Table d.zz does not exist.");
    refused("ALTER TABLE d.t SET ('file.format' = 'docx');", EINVAL,
            "Could not find any factory for identifier 'docx'");
}

static bool lists_branch(void)
{
    struct pfs_arena arena;
    const char **names;
    int64_t count;
    bool listed;

    pfs_arena_init(&arena, 1 << 20);
    assert_int_equal(pfs_branch_list(q.memory, "d.db/t", &arena, &names, &count, NULL), 0);
    listed = count == 1 && strcmp(names[0], "b") == 0;
    assert_true(count == 0 || listed);
    pfs_arena_done(&arena);
    return listed;
}

/* Whatever call fails, the branch is whole or not there. */
static void a_failing_store_leaves_no_half_of_a_branch(void **state)
{
    (void)state;
    run_sql(TABLE SNAPSHOT "CALL sys.create_tag('d.t', 'v1');");
    for (int64_t n = 1, done = 0; !done; n++) {
        q.fault.calls = 0;
        q.fault.fail_at = n;
        q.fault.fail_errno = EIO;
        done = try_sql("CALL sys.create_branch('d.t', 'b', 'v1');") == 0;
        q.fault.fail_at = 0;
        if (lists_branch()) {
            assert_true(there(BRANCH "schema/schema-0") && there(BRANCH "snapshot/snapshot-1") &&
                        there(BRANCH "tag/tag-v1"));
            run_sql("CALL sys.delete_branch('d.t', 'b');");
        } else {
            assert_false(done);
        }
        assert_false(there("d.db/t/branch/branch-b"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_branch_of_nothing_has_all_schemas, open_warehouse, close_warehouse),
        cmocka_unit_test_setup_teardown(a_branch_of_a_tag_has_the_tag_its_snapshot_and_its_schemas, open_warehouse,
                                        close_warehouse),
        cmocka_unit_test_setup_teardown(fast_forward_replaces_what_came_after, open_warehouse, close_warehouse),
        cmocka_unit_test_setup_teardown(what_fast_forward_brought_expires, open_warehouse, close_warehouse),
        cmocka_unit_test_setup_teardown(branches_are_renamed_and_deleted, open_warehouse, close_warehouse),
        cmocka_unit_test_setup_teardown(what_paimon_refuses_is_refused_in_its_words, open_warehouse, close_warehouse),
        cmocka_unit_test_setup_teardown(going_back_takes_what_came_after, open_warehouse, close_warehouse),
        cmocka_unit_test_setup_teardown(an_expired_snapshot_comes_back_from_its_tag, open_warehouse, close_warehouse),
        cmocka_unit_test_setup_teardown(tags_are_made_of_times_renamed_and_deleted, open_warehouse, close_warehouse),
        cmocka_unit_test_setup_teardown(a_partition_is_marked_done_by_a_file, open_warehouse, close_warehouse),
        cmocka_unit_test_setup_teardown(partitions_are_read_as_engines_read_them, open_warehouse, close_warehouse),
        cmocka_unit_test_setup_teardown(what_is_done_may_be_said_twice, open_warehouse, close_warehouse),
        cmocka_unit_test_setup_teardown(a_table_is_made_like_another, open_warehouse, close_warehouse),
        cmocka_unit_test_setup_teardown(a_database_is_a_directory_and_no_more, open_warehouse, close_warehouse),
        cmocka_unit_test_setup_teardown(what_is_refused_names_what_is_wrong, open_warehouse, close_warehouse),
        cmocka_unit_test_setup_teardown(a_failing_store_leaves_no_half_of_a_branch, open_warehouse, close_warehouse),
    };

    return cmocka_run_group_tests_name("sql/branch", tests, NULL, NULL);
}
