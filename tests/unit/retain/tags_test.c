/* Tags that go, tags that end, tags that are made by themselves. */
#include "src/retain/retain.h"
#include "tests/unit/retain/fixture.h"

#define HOUR_MS ((int64_t)3600000)
#define DAY_MS (24 * HOUR_MS)

static void expire_to(int64_t most)
{
    struct pfs_expire_want want = {most, 1, PFS_NO_NUMBER, PFS_NO_NUMBER};
    int64_t expired;

    assert_int_equal(pfs_table_expire_snapshots(table, &want, &expired, NULL), 0);
}

static void tag(const char *name, int64_t snapshot, int64_t retained_ms)
{
    struct pfs_err err = {0};

    if (pfs_table_tag_put(table, name, &(struct pfs_tag_want){snapshot, retained_ms, false}, &err) < 0)
        fail_msg("%s: %s", name, err.text);
}

static void expect_tags(const char *expected)
{
    struct pfs_arena arena = {0};
    struct pfs_buf got = {0};
    const char **names;
    int64_t count;

    assert_int_equal(pfs_table_tags(table, &arena, &names, &count, NULL), 0);
    for (int64_t i = 0; i < count; i++)
        pfs_buf_printf(&got, "%s%s", i == 0 ? "" : ",", names[i]);
    pfs_buf_putc(&got, 0);
    assert_string_equal((const char *)got.at, expected);
    pfs_buf_done(&got);
    pfs_arena_done(&arena);
}

/* Three commits that a compaction replaced; all of them but the last snapshot are gone. */
static void set_up_tags(void)
{
    begin("'write-only' = 'true'");
    commits(3);
    tag("one", 1, PFS_NO_NUMBER);
    tag("two", 2, PFS_NO_NUMBER);
    tag("three", 3, PFS_NO_NUMBER);
    compact();
    commits(1);
    expire_to(1);
    check_all("tagged", NULL);
}

/* ---- going ---- */

static void files_of_a_tag_alone_go_with_it(void **state)
{
    (void)state;
    set_up_tags();
    assert_int_equal(files_in("d.db/t/bucket-0"), 5);
    assert_int_equal(pfs_table_tag_delete(table, "three", NULL), 0);
    assert_int_equal(files_in("d.db/t/bucket-0"), 4);
    check_all("without three", NULL);
    assert_int_equal(pfs_table_tag_delete(table, "one", NULL), 0); /* the second has all that it has */
    assert_int_equal(files_in("d.db/t/bucket-0"), 4);
    check_all("without one", NULL);
    assert_int_equal(pfs_table_tag_delete(table, "two", NULL), 0);
    assert_int_equal(files_in("d.db/t/bucket-0"), 2);
    check_all("without any", NULL);
    assert_int_equal(pfs_table_tag_delete(table, "two", NULL), -ENOENT);
    end();
}

static void another_tag_of_the_snapshot_keeps_its_files(void **state)
{
    (void)state;
    set_up_tags();
    tag("again", 3, PFS_NO_NUMBER); /* of a snapshot that only a tag has */
    assert_int_equal(pfs_table_tag_delete(table, "three", NULL), 0);
    assert_int_equal(files_in("d.db/t/bucket-0"), 5);
    check_all("without three", NULL);
    end();
}

static void a_snapshot_that_is_there_keeps_its_files(void **state)
{
    (void)state;
    begin("'write-only' = 'true'");
    commits(2);
    tag("two", 2, PFS_NO_NUMBER);
    compact();
    assert_int_equal(pfs_table_tag_delete(table, "two", NULL), 0);
    assert_int_equal(files_in("d.db/t/bucket-0"), 3);
    check_all("after", NULL);
    end();
}

static void whatever_fails_no_tag_loses_a_file(void **state)
{
    bool failed = true;

    (void)state;
    for (int64_t n = 1; failed; n++) {
        char what[64];

        (void)snprintf(what, sizeof(what), "call %d", (int)n);
        set_up_tags();
        fault.fail_errno = EIO;
        fault.fail_at = fault.calls + n;
        fault.fail_on = n % 2;
        (void)pfs_table_tag_delete(table, "two", NULL);
        failed = fault.calls >= fault.fail_at;
        fault.fail_at = 0;
        check_all(what, NULL);
        end();
    }
}

static void a_tag_may_be_moved_but_not_made_twice(void **state)
{
    struct pfs_err err = {0};

    (void)state;
    begin("'write-only' = 'true'");
    assert_int_equal(pfs_table_tag_create(table, "t", 0, &err), -ENOENT);
    assert_string_equal(err.text, "Cannot create tag because latest snapshot doesn't exist.");
    commits(2);
    assert_int_equal(pfs_table_tag_create(table, "t", 9, &err), -ENOENT);
    assert_string_equal(err.text, "Cannot create tag because given snapshot #9 doesn't exist.");
    assert_int_equal(pfs_table_tag_put(table, "t", &(struct pfs_tag_want){1, PFS_NO_NUMBER, true}, NULL), -ENOENT);
    tag("t", 1, PFS_NO_NUMBER);
    assert_int_equal(pfs_table_tag_create(table, "t", 2, NULL), -EEXIST);
    assert_int_equal(pfs_table_tag_put(table, "t", &(struct pfs_tag_want){2, PFS_NO_NUMBER, true}, NULL), 0);
    end();
}

/* ---- ending ---- */

static void tags_end_when_their_time_is_over(void **state)
{
    (void)state;
    begin("'tag.default-time-retained' = '2 h'");
    commits(1);
    tag("default", 0, PFS_NO_NUMBER);
    tag("hour", 0, HOUR_MS);
    assert_int_equal(pfs_table_maintain(table, 1, NULL), 0);
    now_ms += HOUR_MS;
    assert_int_equal(pfs_table_maintain(table, 1, NULL), 0);
    expect_tags("default,hour");
    now_ms++;
    assert_int_equal(pfs_table_maintain(table, 1, NULL), 0);
    expect_tags("default");
    now_ms += HOUR_MS;
    assert_int_equal(pfs_table_maintain(table, 1, NULL), 0);
    expect_tags("");
    tag("moved", 0, HOUR_MS);
    assert_int_equal(pfs_table_tag_put(table, "moved", &(struct pfs_tag_want){0, PFS_NO_NUMBER, true}, NULL), 0);
    now_ms += DAY_MS; /* the default is of tags that are made */
    assert_int_equal(pfs_table_maintain(table, 1, NULL), 0);
    expect_tags("moved");
    end();
}

static void the_life_of_a_tag_is_read_as_it_was_written(void **state)
{
    static const struct pfs_tag_life lives[] = {
        {1750000000000, 3600000}, {1750000000123, 1500}, {1749999960000, 86400000}, {951782400000, 1}, {0, 0}};

    (void)state;
    for (size_t i = 0; i < COUNT(lives); i++) {
        struct pfs_tag_life back = {0};
        struct pfs_buf text = {0};

        pfs_buf_puts(&text, "{ \"id\" : 1");
        pfs_tag_life_print(&lives[i], &text);
        pfs_buf_puts(&text, "\n}");
        assert_int_equal(pfs_tag_life_parse(pfs_buf_slice(&text), &back, NULL), 0);
        assert_int_equal(back.created_ms, lives[i].created_ms);
        assert_int_equal(back.retained_ms, lives[i].retained_ms);
        pfs_buf_done(&text);
    }
}

static void tags_made_before_a_time_go_when_asked_for(void **state)
{
    struct pfs_arena arena = {0};
    const char **names;
    int64_t count;

    (void)state;
    begin("'write-only' = 'true'");
    commits(1);
    tag("old", 0, 10 * DAY_MS);
    now_ms += HOUR_MS;
    tag("young", 0, 10 * DAY_MS);
    assert_int_equal(pfs_table_expire_tags(table, now_ms, &arena, &names, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_string_equal(names[0], "old");
    expect_tags("young");
    pfs_arena_done(&arena);
    end();
}

/* ---- made by themselves ---- */

/* One snapshot at that time of a UTC day, and what follows it. */
static void commit_at(int64_t ms)
{
    now_ms = ms;
    commits(1);
    assert_int_equal(pfs_table_maintain(table, 1, NULL), 0);
}

#define DAY_2024 ((int64_t)19723 * 24 * 3600000) /* 2024-01-01 */

static void the_last_whole_day_gets_a_tag(void **state)
{
    (void)state;
    begin("'tag.automatic-creation' = 'process-time', 'sink.process-time-zone' = 'UTC', 'tag.num-retained-max' = '2'");
    commit_at(DAY_2024);
    expect_tags("2023-12-31"); /* the first snapshot always does */
    commit_at(DAY_2024 + 100000);
    expect_tags("2023-12-31");
    commit_at(DAY_2024 + DAY_MS);
    expect_tags("2023-12-31,2024-01-01");
    commit_at(DAY_2024 + 5 * DAY_MS);
    expect_tags("2024-01-01,2024-01-05"); /* days between stay without */
    commit_at(DAY_2024 + 6 * DAY_MS - 1);
    expect_tags("2024-01-01,2024-01-05");
    commit_at(DAY_2024 + 6 * DAY_MS);
    expect_tags("2024-01-05,2024-01-06");
    end();
}

static void tags_are_marked_as_complete(void **state)
{
    (void)state;
    begin("'tag.automatic-creation' = 'process-time', 'sink.process-time-zone' = 'UTC', 'tag.num-retained-max' = '1',"
          " 'tag.create-success-file' = 'true'");
    commit_at(DAY_2024);
    assert_true(is_there("d.db/t/tag/tag-success-file/2023-12-31_SUCCESS"));
    run("CALL sys.create_tag('d.t', 'by-hand');");
    assert_true(is_there("d.db/t/tag/tag-success-file/by-hand_SUCCESS"));
    commit_at(DAY_2024 + DAY_MS);
    expect_tags("2024-01-01,by-hand");
    assert_false(is_there("d.db/t/tag/tag-success-file/2023-12-31_SUCCESS"));
    run("CALL sys.delete_tag('d.t', 'by-hand');");
    assert_int_equal(files_in("d.db/t/tag/tag-success-file"), 1);
    end();
}

static void a_snapshot_has_one_automatic_tag(void **state)
{
    struct pfs_err err = {0};

    (void)state;
    begin("'tag.automatic-creation' = 'process-time', 'sink.process-time-zone' = 'UTC'");
    commit_at(DAY_2024);
    assert_int_equal(pfs_table_tag_create(table, "2024-02-01", 1, &err), -EINVAL);
    assert_string_equal(err.text, "Snapshot 1 is already auto-tagged with [2023-12-31].");
    assert_int_equal(pfs_table_tag_create(table, "2023-12-31", 1, NULL), -EEXIST);
    assert_int_equal(pfs_table_tag_put(table, "2023-12-31", &(struct pfs_tag_want){1, PFS_NO_NUMBER, true}, NULL),
                     -EINVAL);
    tag("2024-02-30", 1, PFS_NO_NUMBER); /* there is no such day */
    tag("by-hand", 1, PFS_NO_NUMBER);
    commit_at(DAY_2024 + 1000);
    tag("2024-02-01", 2, PFS_NO_NUMBER);
    expect_tags("2023-12-31,2024-02-01,2024-02-30,by-hand");
    end();
}

static void gaps_are_filled_one_a_snapshot(void **state)
{
    static const struct {
        int64_t minutes;
        const char *tags;
    } steps[] = {{0, "2023-12-31 22"},
                 {120, "2023-12-31 22"},
                 {130, "2023-12-31 22,2024-01-01 00"},
                 {547, "2023-12-31 22,2024-01-01 00,2024-01-01 02"},
                 {548, "2023-12-31 22,2024-01-01 00,2024-01-01 02,2024-01-01 04"},
                 {549, "2023-12-31 22,2024-01-01 00,2024-01-01 02,2024-01-01 04,2024-01-01 06"},
                 {550, "2023-12-31 22,2024-01-01 00,2024-01-01 02,2024-01-01 04,2024-01-01 06"}};

    (void)state;
    begin("'tag.automatic-creation' = 'process-time', 'sink.process-time-zone' = '+00:00',"
          " 'tag.creation-period' = 'two-hours', 'tag.creation-delay' = '10 min', 'tag.automatic-completion' = 'true'");
    for (size_t i = 0; i < COUNT(steps); i++) {
        commit_at(DAY_2024 + steps[i].minutes * 60000);
        expect_tags(steps[i].tags);
    }
    end();
}

static void names_follow_period_and_formatter(void **state)
{
    static const struct {
        const char *options, *name;
    } cases[] = {
        {"'tag.creation-period' = 'hourly'", "2024-01-01 00"},
        {"'tag.creation-period' = 'hourly', 'tag.period-formatter' = 'without_dashes'", "20240101 00"},
        {"'tag.creation-period' = 'hourly', 'tag.period-formatter' = 'without_dashes_and_spaces'", "2024010100"},
        {"'tag.period-formatter' = 'without_dashes'", "20231231"},
        {"'tag.creation-period-duration' = '10 min'", "202401010120"},
        {"'sink.process-time-zone' = 'GMT+08:00', 'tag.creation-period' = 'hourly'", "2024-01-01 08"}};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char options[256];

        (void)snprintf(options, sizeof(options), "'tag.automatic-creation' = 'process-time', %s%s",
                       strstr(cases[i].options, "zone") == NULL ? "'sink.process-time-zone' = 'UTC', " : "",
                       cases[i].options);
        begin(options);
        commit_at(DAY_2024 + 96 * 60000); /* 01:36 */
        expect_tags(cases[i].name);
        end();
    }
}

/* To the first snapshot, which has none. */
static void put_watermark(int64_t watermark)
{
    static const char path[] = "d.db/t/snapshot/snapshot-1";
    struct pfs_slice bytes;
    char text[4096];
    int len;

    assert_int_equal(pfs_store_load(memory, path, sizeof(text) / 2, &bytes, NULL), 0);
    len = snprintf(text, sizeof(text), "{ \"watermark\" : %lld, %.*s", (long long)watermark, (int)bytes.len - 1,
                   (const char *)bytes.at + 1);
    pfs_free((void *)(uintptr_t)bytes.at);
    assert_int_equal(pfs_store_unlink(memory, path, NULL), 0);
    assert_int_equal(pfs_store_publish(memory, path, pfs_slice_of(text, (size_t)len), false, NULL), 0);
}

static void a_watermark_beyond_all_years_makes_no_tag(void **state)
{
    static const struct {
        int64_t watermark;
        const char *tags;
    } steps[] = {{INT64_MAX, ""},
                 {INT64_MIN + 1, ""},
                 {253402300800000 + DAY_MS, ""}, /* 10000-01-02 */
                 {DAY_2024, "2023-12-31"}};

    (void)state;
    for (size_t i = 0; i < COUNT(steps); i++) {
        begin("'tag.automatic-creation' = 'watermark'");
        commits(1);
        put_watermark(steps[i].watermark);
        assert_int_equal(pfs_table_maintain(table, 1, NULL), 0);
        expect_tags(steps[i].tags);
        end();
    }
}

static void a_process_that_begins_goes_on_from_the_last_tag(void **state)
{
    struct pfs_catalog_config config = {0};

    (void)state;
    begin("'tag.automatic-creation' = 'process-time', 'sink.process-time-zone' = 'UTC'");
    commit_at(DAY_2024);
    expect_tags("2023-12-31");
    pfs_table_unref(table);
    pfs_catalog_close(catalog);
    config = (struct pfs_catalog_config){.store = lent(), .clock = &still};
    assert_int_equal(pfs_catalog_open(&config, &catalog, NULL), 0);
    assert_int_equal(pfs_catalog_table(catalog, "d", "t", NULL, &table, NULL), 0);
    commit_at(DAY_2024 + HOUR_MS);
    expect_tags("2023-12-31");
    commit_at(DAY_2024 + DAY_MS);
    expect_tags("2023-12-31,2024-01-01");
    end();
}

static void a_table_that_went_back_gets_tags_again(void **state)
{
    (void)state;
    begin("'tag.automatic-creation' = 'process-time', 'sink.process-time-zone' = 'UTC'");
    for (int i = 0; i < 3; i++)
        commit_at(DAY_2024 + i * DAY_MS);
    expect_tags("2023-12-31,2024-01-01,2024-01-02");
    run("CALL sys.rollback_to('d.t', '', 1);");
    expect_tags("2023-12-31");
    commit_at(DAY_2024 + 4 * DAY_MS); /* snapshot 2 once more */
    expect_tags("2023-12-31,2024-01-04");
    end();
}

/* ---- consumers ---- */

static void consumers_that_stand_still_go(void **state)
{
    struct pfs_stat st;
    int64_t next;

    (void)state;
    begin("'consumer.expiration-time' = '1 h'");
    commits(1);
    assert_int_equal(pfs_table_consumer_create(table, "reader", NULL), 0);
    assert_int_equal(pfs_store_stat(memory, "d.db/t/consumer/consumer-reader", &st, NULL), 0);
    now_ms = st.mtime_ns / 1000000 + HOUR_MS;
    assert_int_equal(pfs_table_maintain(table, 1, NULL), 0);
    assert_int_equal(pfs_table_consumer(table, "reader", &next, NULL), 0);
    now_ms++;
    assert_int_equal(pfs_table_maintain(table, 1, NULL), 0);
    assert_int_equal(pfs_table_consumer(table, "reader", &next, NULL), -ENOENT);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_a_tag_alone_go_with_it),
        cmocka_unit_test(another_tag_of_the_snapshot_keeps_its_files),
        cmocka_unit_test(a_snapshot_that_is_there_keeps_its_files),
        cmocka_unit_test(whatever_fails_no_tag_loses_a_file),
        cmocka_unit_test(a_tag_may_be_moved_but_not_made_twice),
        cmocka_unit_test(tags_end_when_their_time_is_over),
        cmocka_unit_test(the_life_of_a_tag_is_read_as_it_was_written),
        cmocka_unit_test(tags_made_before_a_time_go_when_asked_for),
        cmocka_unit_test(the_last_whole_day_gets_a_tag),
        cmocka_unit_test(tags_are_marked_as_complete),
        cmocka_unit_test(a_snapshot_has_one_automatic_tag),
        cmocka_unit_test(gaps_are_filled_one_a_snapshot),
        cmocka_unit_test(names_follow_period_and_formatter),
        cmocka_unit_test(a_watermark_beyond_all_years_makes_no_tag),
        cmocka_unit_test(a_process_that_begins_goes_on_from_the_last_tag),
        cmocka_unit_test(a_table_that_went_back_gets_tags_again),
        cmocka_unit_test(consumers_that_stand_still_go),
    };

    return cmocka_run_group_tests_name("tags", tests, NULL, NULL);
}
