/* Partitions that have had their time. */
#include "src/statement/statement.h"
#include "tests/unit/retain/fixture.h"

#define DAY_MS ((int64_t)86400000)

static void run_on(const char *options, const char *columns)
{
    char sql[1024];

    begin("'write-only' = 'true'");
    pfs_table_unref(table);
    (void)snprintf(sql, sizeof(sql), "DROP TABLE d.t; CREATE TABLE d.t (%s) WITH ('bucket' = '-1'%s);", columns,
                   options);
    run(sql);
    assert_int_equal(pfs_catalog_table(catalog, "d", "t", NULL, &table, NULL), 0);
}

/* One snapshot with one row in that partition: v = 1, p = the text. */
static void put(const char *p)
{
    static const struct pfs_type kind = {.kind = PFS_TINYINT};
    struct pfs_state *s = state_of(table, (struct pfs_when){.kind = PFS_WHEN_LATEST});
    struct pfs_arena arena = {0};
    struct pfs_column *column = pfs_arena_array(&arena, 3, sizeof(*column));
    int32_t *offsets = pfs_arena_array(&arena, 2, sizeof(*offsets));
    const struct pfs_schema *schema;
    struct pfs_write *write;
    uint8_t *valid = pfs_arena_zalloc(&arena, 8);
    struct pfs_err err = {0};
    int64_t id;

    assert_int_equal(pfs_table_schema(table, &schema, NULL), 0);
    assert_int_equal(pfs_table_write_open(table, 0, &write, NULL), 0);
    column[0] = (struct pfs_column){.type = &schema->field[0].type, .values = pfs_arena_zalloc(&arena, 4)};
    offsets[1] = p == NULL ? 0 : (int32_t)strlen(p);
    column[1] = (struct pfs_column){.type = &schema->field[1].type,
                                    .valid = p == NULL ? valid : NULL,
                                    .offsets = offsets,
                                    .values = pfs_arena_string(&arena, pfs_str(p == NULL ? "" : p))};
    column[2] = (struct pfs_column){.type = &kind, .values = pfs_arena_zalloc(&arena, 1)};
    if (pfs_write_add(write, &arena, &(struct pfs_batch){1, 3, column}, s, &err) < 0 ||
        pfs_table_commit(table, write, "u", now_ms, false, &id, &err) < 0)
        fail_msg("%s", err.text);
    pfs_write_close(write);
    pfs_state_unref(s);
    pfs_arena_done(&arena);
}

static int64_t live_files(void)
{
    struct pfs_state *s = state_of(table, (struct pfs_when){.kind = PFS_WHEN_LATEST});
    int64_t files = s->files;

    pfs_state_unref(s);
    return files;
}

/* What expire_partitions answers. */
static void expect(const char *arguments, const char *answer)
{
    struct pfs_buf got = {0};
    struct pfs_err err = {0};
    char sql[512];

    (void)snprintf(sql, sizeof(sql), "CALL sys.expire_partitions(`table` => 'd.t'%s);", arguments);
    if (pfs_catalog_execute(catalog, NULL, pfs_str(sql), &got, &err) < 0)
        pfs_buf_puts(&got, err.text);
    pfs_buf_putc(&got, 0);
    assert_string_equal((const char *)got.at, answer);
    pfs_buf_done(&got);
}

#define COLUMNS "v INT, p STRING) PARTITIONED BY (p"

/* The clock stands at 2025-06-15. */
static void values_tell_which_are_old(void **state)
{
    (void)state;
    run_on("", COLUMNS);
    put("2025-06-10");
    put("2025-06-14");
    put("2024-12-31");
    put("20200101");
    put(NULL);
    put("rubbish");
    expect("", "Both the partition expiration time and partition field can not be null.");
    expect(", expiration_time => '3 d', max_expires => 1", "expired_partitions\np=2024-12-31\n");
    expect(", expiration_time => '3 d'", "expired_partitions\np=2025-06-10\n");
    expect(", expiration_time => '3 d'", "expired_partitions\nNo expired partitions.\n");
    assert_int_equal(live_files(), 4);
    expect(", expiration_time => '3 d', timestamp_formatter => 'yyyyMMdd'", "expired_partitions\np=20200101\n");
    expect(", expiration_time => '3 d', timestamp_pattern => '2020-01-01 $p'",
           "expired_partitions\nNo expired partitions.\n");
    expect(", expiration_time => '3 d', expire_strategy => 'foo'", "Unknown partitionExpireStrategy: foo");
    expect(", expiration_time => '3 d', max_expires => -1",
           "partition.expiration-max-num = -1: a number of partitions, from 0");
    end();
}

static void the_newest_file_tells_when_asked(void **state)
{
    (void)state;
    run_on("", COLUMNS);
    put("b");
    put("a");
    now_ms += 2 * DAY_MS;
    put("b");
    expect(", expiration_time => '1 d', expire_strategy => 'update-time'", "expired_partitions\np=a\n");
    now_ms += 2 * DAY_MS;
    expect(", expiration_time => '1 d', options => 'partition.expiration-strategy=update-time'",
           "expired_partitions\np=b\n");
    assert_int_equal(live_files(), 0);
    end();
}

/* Once metadata of the drop is written. */
static void another_process_writes(void *context, const char *op, const char *path)
{
    struct pfs_catalog *other;
    struct pfs_table *own = table;

    if (strcmp(op, "create") != 0 || strstr(path, "manifest") == NULL)
        return;
    fault.each = NULL;
    assert_int_equal(pfs_catalog_open(&(struct pfs_catalog_config){.store = lent(), .clock = &still}, &other, NULL), 0);
    assert_int_equal(pfs_catalog_table(other, "d", "t", NULL, &table, NULL), 0);
    put(context);
    pfs_table_unref(table);
    pfs_catalog_close(other);
    table = own;
}

static void a_partition_that_gets_a_file_meanwhile_stays(void **state)
{
    static char a[] = "a", b[] = "b";

    (void)state;
    for (int i = 0; i < 2; i++) { /* in the snapshot that is under way, and in a later one */
        run_on("", COLUMNS);
        put("a");
        put("b");
        now_ms += 2 * DAY_MS;
        fault.context = i == 0 ? a : b;
        fault.each = another_process_writes;
        expect(", expiration_time => '1 d', expire_strategy => 'update-time',"
               " options => 'partition.expiration-batch-size=1'",
               i == 0 ? "expired_partitions\np=b\n" : "expired_partitions\np=a\n");
        assert_int_equal(live_files(), 2);
        end();
    }
}

static void upkeep_looks_now_and_then(void **state)
{
    (void)state;
    run_on(", 'partition.expiration-time' = '3 d', 'partition.expiration-check-interval' = '1 h'", COLUMNS);
    put("2020-01-01");
    assert_int_equal(pfs_table_maintain(table, 1, NULL), 0);
    now_ms += 3600001; /* not later than an interval after the first commit */
    assert_int_equal(pfs_table_maintain(table, 1, NULL), 0);
    assert_int_equal(live_files(), 0);
    put("2020-01-01");
    assert_int_equal(pfs_table_maintain(table, 1, NULL), 0);
    assert_int_equal(live_files(), 1);
    now_ms += 3600001;
    assert_int_equal(pfs_table_maintain(table, 1, NULL), 0);
    assert_int_equal(live_files(), 0);
    end();
}

static void a_batch_job_looks_when_it_ends(void **state)
{
    (void)state;
    run_on(", 'partition.expiration-time' = '3 d', 'end-input.check-partition-expire' = 'true',"
           " 'partition.expiration-check-interval' = '100 d'",
           COLUMNS);
    put("2020-01-01");
    assert_int_equal(pfs_table_maintain(table, 1, NULL), 0);
    assert_int_equal(live_files(), 1);
    assert_int_equal(pfs_table_maintain(table, PFS_BATCH_IDENTIFIER, NULL), 0);
    assert_int_equal(live_files(), 0);
    end();
}

static void batches_are_snapshots_of_their_own(void **state)
{
    struct pfs_state *s;

    (void)state;
    run_on(", 'partition.expiration-time' = '3 d', 'partition.expiration-batch-size' = '2'", COLUMNS);
    for (int day = 1; day <= 5; day++) {
        char p[16];

        (void)snprintf(p, sizeof(p), "2020-01-%02d", day);
        put(p);
    }
    expect("", "expired_partitions\np=2020-01-01\np=2020-01-02\np=2020-01-03\np=2020-01-04\np=2020-01-05\n");
    s = state_of(table, (struct pfs_when){.kind = PFS_WHEN_LATEST});
    assert_int_equal(s->snapshot.id, 5 + 3);
    pfs_state_unref(s);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_tell_which_are_old),
        cmocka_unit_test(the_newest_file_tells_when_asked),
        cmocka_unit_test(a_partition_that_gets_a_file_meanwhile_stays),
        cmocka_unit_test(upkeep_looks_now_and_then),
        cmocka_unit_test(a_batch_job_looks_when_it_ends),
        cmocka_unit_test(batches_are_snapshots_of_their_own),
    };

    return cmocka_run_group_tests_name("partitions", tests, NULL, NULL);
}
