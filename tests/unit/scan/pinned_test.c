/* pinned_test.c - states of other times: by today's options, with the columns of their time; and the state of reads
 * that the table's own options pin. */
#include "src/scan/scan.h"
#include "tests/unit/retain/fixture.h"

static int set_up(void **state)
{
    (void)state;
    begin("'write-only' = 'true'");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    end();
    return 0;
}

/* One snapshot of one row, a minute after the last one. */
static void put(int32_t k, int32_t v)
{
    static const struct pfs_type kind = {.kind = PFS_TINYINT};
    const int32_t row[] = {k, v};
    struct pfs_state *s = state_of(table, (struct pfs_when){.kind = PFS_WHEN_LATEST});
    struct pfs_arena arena = {0};
    const struct pfs_schema *schema;
    struct pfs_column *column;
    struct pfs_write *write;
    int64_t id;

    now_ms += 60000;
    assert_int_equal(pfs_table_schema(table, &schema, NULL), 0);
    column = pfs_arena_array(&arena, (size_t)schema->columns + 1, sizeof(*column));
    for (int32_t i = 0; i < schema->columns; i++) {
        column[i] = (struct pfs_column){.type = &schema->field[i].type, .values = pfs_arena_alloc(&arena, 4)};
        memcpy((void *)(uintptr_t)column[i].values, &row[i < 2 ? i : 1], 4);
    }
    column[schema->columns] = (struct pfs_column){.type = &kind, .values = pfs_arena_zalloc(&arena, 1)};
    assert_int_equal(pfs_table_write_open(table, 0, &write, NULL), 0);
    assert_int_equal(pfs_write_add(write, &arena, &(struct pfs_batch){1, schema->columns + 1, column}, s, NULL), 0);
    assert_int_equal(pfs_table_commit(table, write, "u", k, false, &id, NULL), 0);
    pfs_write_close(write);
    pfs_state_unref(s);
    pfs_arena_done(&arena);
}

/* v of the row with the least key; -1 without any. */
static int32_t first_value(struct pfs_state *s)
{
    struct pfs_rows *rows;
    struct pfs_arena arena = {0};
    struct pfs_batch batch;
    struct pfs_err err = {0};
    int32_t value = -1;

    if (pfs_scan_rows(&(struct pfs_scan_want){.state = s, .columns = -1}, &rows, &err) < 0)
        fail_msg("%s", err.text);
    if (pfs_reader_next(rows->reader, &arena, &batch, &err) > 0)
        memcpy(&value, batch.column[1].values, sizeof(value));
    pfs_rows_close(rows);
    pfs_arena_done(&arena);
    return value;
}

static void old_snapshots_are_merged_by_todays_options(void **state)
{
    const struct pfs_when then = {.kind = PFS_WHEN_SNAPSHOT, .number = 2};
    struct pfs_state *before, *after;
    const struct pfs_schema *schema;

    (void)state;
    put(1, 5);
    put(1, 3);
    before = state_of(table, then);
    assert_int_equal(first_value(before), 3);
    now_ms += 1;
    run("ALTER TABLE d.t SET ('sequence.field' = 'v');");
    after = state_of(table, then);
    assert_int_equal(first_value(after), 5);
    assert_int_equal(first_value(before), 3); /* whoever had it open sees what he saw */
    assert_string_equal(before->identity, after->identity);
    assert_int_not_equal(before->schema->time_ms, after->schema->time_ms); /* so that they are two views */
    pfs_state_unref(before);
    pfs_state_unref(after);

    run("ALTER TABLE d.t SET ('snapshot.num-retained.max' = '99', 'scan.snapshot-id' = '9');"); /* say nothing of rows
                                                                                                 */
    after = state_of(table, then);
    assert_int_equal(first_value(after), 5);
    assert_int_equal(pfs_table_schema_at(table, then, &schema, NULL), 0);
    assert_null(pfs_options_get(&schema->options, "sequence.field")); /* the schema itself is what it was */
    pfs_state_unref(after);
}

/* Paimon lets nobody store scan.version alone, but reads tables of those who did. */
static void a_stored_version_hides_none_of_todays_options(void **state)
{
    const struct pfs_schema *newest;
    struct pfs_schema with;
    struct pfs_arena arena = {0};
    struct pfs_state *s;

    (void)state;
    put(1, 5);
    put(1, 3);
    put(1, 4);
    run("ALTER TABLE d.t SET ('sequence.field' = 'v');");
    assert_int_equal(pfs_table_schema(table, &newest, NULL), 0);
    with = *newest;
    with.id++;
    assert_int_equal(pfs_options_with(&newest->options, "scan.version", "2", &arena, &with.options, NULL), 0);
    assert_int_equal(pfs_schema_publish(memory, "d.db/t", &with, NULL), 0);
    s = state_of(table, (struct pfs_when){.kind = PFS_WHEN_READ});
    assert_int_equal(s->snapshot.id, 2);
    assert_int_equal(first_value(s), 5);
    pfs_state_unref(s);
    pfs_arena_done(&arena);
}

static void options_that_old_columns_do_not_fit_leave_them_as_they_were(void **state)
{
    struct pfs_state *s;

    (void)state;
    put(1, 5);
    put(1, 3);
    run("ALTER TABLE d.t ADD (s INT); ALTER TABLE d.t SET ('sequence.field' = 's');");
    s = state_of(table, (struct pfs_when){.kind = PFS_WHEN_SNAPSHOT, .number = 2});
    assert_int_equal(s->schema->columns, 2);
    assert_int_equal(first_value(s), 3);
    pfs_state_unref(s);
}

/* Three snapshots, a minute apart; a column comes before the third. A tag on the first. */
static void make_history(void)
{
    put(1, 10);
    put(1, 20);
    run("ALTER TABLE d.t ADD (x INT);");
    put(1, 30);
    run("CALL sys.create_tag('d.t', 'first', 1);");
}

static void stored_options_pin_reads_and_nothing_else(void **state)
{
    static const struct {
        const char *option;
        int32_t value, columns;
    } cases[] = {
        {"'scan.snapshot-id' = '1'", 10, 2},
        {"'scan.snapshot-id' = '3'", 30, 3},
        {"'scan.mode' = 'from-snapshot-full', 'scan.snapshot-id' = '2'", 20, 2},
        {"'scan.tag-name' = 'first'", 10, 2},
        {"'scan.timestamp-millis' = '1750000120000'", 20, 2},
        {"'scan.timestamp-millis' = '1750000179999'", 20, 2},
        {"'scan.timestamp' = '2100-01-01 00:00:00'", 30, 3},
        {"'scan.mode' = 'latest'", 30, 3},
        {"'scan.mode' = 'compacted-full'", 30, 3},
        {"'scan.file-creation-time-millis' = '0'", 30, 3},
        {"'scan.file-creation-time-millis' = '4000000000000'", -1, 3},
        {"'scan.creation-time-millis' = '1750000120000'", 20, 3}, /* a snapshot, but today's columns */
        {"'scan.creation-time-millis' = '1750000060000'", 30, 3}, /* nothing shows that the first is the first */
    };

    (void)state;
    make_history();
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_state *s;
        char sql[200];

        (void)snprintf(sql, sizeof(sql), "ALTER TABLE d.t SET (%s);", cases[i].option);
        run(sql);
        s = state_of(table, (struct pfs_when){.kind = PFS_WHEN_READ});
        if (first_value(s) != cases[i].value || s->schema->columns != cases[i].columns)
            fail_msg("%s: %d of %d columns", cases[i].option, (int)first_value(s), (int)s->schema->columns);
        pfs_state_unref(s);
        s = state_of(table, (struct pfs_when){.kind = PFS_WHEN_LATEST});
        assert_int_equal(s->snapshot.id, 3);
        pfs_state_unref(s);
        s = state_of(table, (struct pfs_when){.kind = PFS_WHEN_SNAPSHOT, .number = 2});
        assert_int_equal(first_value(s), 20);
        pfs_state_unref(s);
        run("ALTER TABLE d.t RESET ('scan.mode'); ALTER TABLE d.t RESET ('scan.snapshot-id');"
            "ALTER TABLE d.t RESET ('scan.tag-name'); ALTER TABLE d.t RESET ('scan.timestamp-millis');"
            "ALTER TABLE d.t RESET ('scan.timestamp'); ALTER TABLE d.t RESET ('scan.file-creation-time-millis');"
            "ALTER TABLE d.t RESET ('scan.creation-time-millis');");
    }
}

static void what_options_name_in_vain_fails_reads_alone(void **state)
{
    static const struct {
        const char *option, *said;
        int code;
    } cases[] = {
        {"'scan.snapshot-id' = '9'", "scan.snapshot-id: The specified scan snapshotId 9 is out of available", EIO},
        {"'scan.snapshot-id' = '0'", "range [1, 3]", EIO},
        {"'scan.tag-name' = 'none'", "scan.tag-name: Tag 'none' doesn't exist.", EIO},
        {"'scan.tag-name' = 'a/b'", "Tag 'a/b' doesn't exist.", EIO},
        {"'scan.timestamp-millis' = '5'", "earliest snapshot's timestamp is [1750000060000]", EIO},
        {"'scan.watermark' = '5'", "later than or equal to watermark[5]", EIO},
        {"'scan.timestamp' = 'abc'", "scan.timestamp = abc", EINVAL},
        {"'incremental-between' = '1,2'", "incremental-between = 1,2 asks for changes", EINVAL},
    };

    (void)state;
    make_history();
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_state *s = NULL;
        struct pfs_err err = {0};
        char sql[200];

        (void)snprintf(sql, sizeof(sql), "ALTER TABLE d.t SET (%s);", cases[i].option);
        run(sql);
        assert_int_equal(pfs_table_state(table, (struct pfs_when){.kind = PFS_WHEN_READ}, &s, &err), -cases[i].code);
        assert_int_equal(err.code, cases[i].code);
        if (strstr(err.text, cases[i].said) == NULL)
            fail_msg("%s: %s", cases[i].option, err.text);
        put(2, 40); /* is written to the newest snapshot */
        compact();
        run("ALTER TABLE d.t RESET ('scan.snapshot-id'); ALTER TABLE d.t RESET ('scan.tag-name');"
            "ALTER TABLE d.t RESET ('scan.timestamp-millis'); ALTER TABLE d.t RESET ('scan.watermark');"
            "ALTER TABLE d.t RESET ('scan.timestamp'); ALTER TABLE d.t RESET ('incremental-between');");
        s = state_of(table, (struct pfs_when){.kind = PFS_WHEN_READ});
        assert_int_equal(first_value(s), 30);
        pfs_state_unref(s);
        run("CALL sys.rollback_to('d.t', snapshot_id => 3);");
    }
}

static void changes_that_options_ask_for_are_bounded_by_ids_tags_or_times(void **state)
{
    static const struct {
        const char *options, *from, *to;
        int kind;
        enum pfs_changes_mode mode;
    } cases[] = {
        {"'incremental-between' = '1,3'", "1", "3", PFS_READING_CHANGES, PFS_CHANGES_AUTO},
        {"'incremental-between-scan-mode' = 'delta'", "1", "3", PFS_READING_CHANGES, PFS_CHANGES_DELTA},
        {"'incremental-between-scan-mode' = 'changelog'", "1", "3", PFS_READING_CHANGES, PFS_CHANGES_CHANGELOG},
        {"'incremental-between-scan-mode' = 'diff'", "1", "3", PFS_READING_DIFF, PFS_CHANGES_AUTO},
        {"'incremental-between' = 'first,second'", "tag:first", "tag:second", PFS_READING_DIFF, PFS_CHANGES_AUTO},
        {"'incremental-between-tag-to-snapshot' = 'true', 'incremental-between-scan-mode' = 'auto'", "1", "2",
         PFS_READING_CHANGES, PFS_CHANGES_AUTO},
        {"'incremental-between' = '0,2'", "0", "2", PFS_READING_CHANGES, PFS_CHANGES_AUTO},
    };
    static const char *const refused[] = {"3,1", "1,9", "first,3", "1", "1,2,3"};
    struct pfs_arena arena = {0};
    struct pfs_reading reading;
    struct pfs_err err = {0};
    char sql[256];

    (void)state;
    make_history();
    run("CALL sys.create_tag('d.t', 'second', 2);");
    assert_int_equal(pfs_table_reading(table, &arena, &reading, NULL), 0);
    assert_int_equal(reading.kind, PFS_READING_STATE);
    for (size_t i = 0; i < COUNT(cases); i++) {
        (void)snprintf(sql, sizeof(sql), "ALTER TABLE d.t SET (%s);", cases[i].options);
        run(sql);
        if (pfs_table_reading(table, &arena, &reading, &err) < 0)
            fail_msg("%s: %s", cases[i].options, err.text);
        if ((int)reading.kind != cases[i].kind || reading.mode != cases[i].mode ||
            strcmp(reading.from, cases[i].from) != 0 || strcmp(reading.to, cases[i].to) != 0)
            fail_msg("%s: %d %d %s %s", cases[i].options, (int)reading.kind, (int)reading.mode, reading.from,
                     reading.to);
    }
    for (size_t i = 0; i < COUNT(refused); i++) {
        (void)snprintf(sql, sizeof(sql), "ALTER TABLE d.t SET ('incremental-between' = '%s');", refused[i]);
        run(sql);
        assert_true(pfs_table_reading(table, &arena, &reading, &err) < 0);
        assert_non_null(strstr(err.text, "incremental-between"));
    }
    run("ALTER TABLE d.t RESET ('incremental-between');"
        "ALTER TABLE d.t SET ('incremental-between-timestamp' = '1750000060000,1750000120000');");
    assert_int_equal(pfs_table_reading(table, &arena, &reading, NULL), 0);
    assert_string_equal(reading.from, "1");
    assert_string_equal(reading.to, "2");
    run("ALTER TABLE d.t SET ('incremental-between-timestamp' = '5,1750000120000');");
    assert_int_equal(pfs_table_reading(table, &arena, &reading, NULL), 0);
    assert_string_equal(reading.from, "0");
    pfs_arena_done(&arena);
}

static void a_pinned_state_is_the_same_until_the_options_mean_another(void **state)
{
    struct pfs_state *first, *again, *other;

    (void)state;
    make_history();
    run("ALTER TABLE d.t SET ('scan.snapshot-id' = '1');");
    first = state_of(table, (struct pfs_when){.kind = PFS_WHEN_READ});
    put(3, 3);
    again = state_of(table, (struct pfs_when){.kind = PFS_WHEN_READ});
    assert_ptr_equal(first, again);
    run("ALTER TABLE d.t SET ('scan.snapshot-id' = '2');");
    other = state_of(table, (struct pfs_when){.kind = PFS_WHEN_READ});
    assert_ptr_not_equal(first, other);
    assert_string_not_equal(first->identity, other->identity);
    pfs_state_unref(first);
    pfs_state_unref(again);
    pfs_state_unref(other);
}

static void a_snapshot_of_a_used_again_id_is_another(void **state)
{
    struct pfs_state *first, *again;

    (void)state;
    make_history();
    run("ALTER TABLE d.t SET ('scan.snapshot-id' = '3');");
    first = state_of(table, (struct pfs_when){.kind = PFS_WHEN_READ});
    run("CALL sys.rollback_to('d.t', snapshot_id => 2);");
    put(1, 33);
    again = state_of(table, (struct pfs_when){.kind = PFS_WHEN_READ});
    assert_int_equal(first_value(again), 33);
    assert_string_not_equal(first->identity, again->identity);
    pfs_state_unref(first);
    pfs_state_unref(again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(old_snapshots_are_merged_by_todays_options, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_stored_version_hides_none_of_todays_options, set_up, tear_down),
        cmocka_unit_test_setup_teardown(options_that_old_columns_do_not_fit_leave_them_as_they_were, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stored_options_pin_reads_and_nothing_else, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_options_name_in_vain_fails_reads_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(changes_that_options_ask_for_are_bounded_by_ids_tags_or_times, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_pinned_state_is_the_same_until_the_options_mean_another, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_snapshot_of_a_used_again_id_is_another, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
