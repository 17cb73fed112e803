/* aside_test.c - rows that cannot be committed any more, and those that were never acknowledged. */
#include "fs/tree/internal.h"
#include "src/journal/journal.h"
#include "tests/unit/fs/lives.h"

static int add_text(void *context, struct pfs_slice name, bool directory)
{
    struct pfs_buf *all = context;
    struct pfs_slice text;
    char path[256];

    (void)directory;
    assert_int_equal(memcmp(name.at, "d.t-", 4), 0);
    (void)snprintf(path, sizeof(path), ".paimonfs/rejected/%.*s", PFS_P(name));
    assert_int_equal(pfs_store_load(memory, path, 4096, &text, NULL), 0);
    pfs_buf_put(all, text.at, text.len);
    pfs_free((void *)(uintptr_t)text.at);
    return 0;
}

/* The rows of d.t that are set aside, of all files. */
static void set_aside(struct pfs_buf *all)
{
    memset(all, 0, sizeof(*all));
    assert_int_equal(pfs_store_list(memory, ".paimonfs/rejected", add_text, all, NULL), 0);
    pfs_buf_putc(all, 0);
    assert_int_equal(pfs_buf_check(all, NULL), 0);
}

static void rows_of_a_table_that_is_gone_are_set_aside(void **state)
{
    struct pfs_buf text;

    (void)state;
    acknowledge("d/t/inbox", O_APPEND, "1,a,1\n");
    pfs_waiting_done(&t.waiting);
    begin_life();
    execute("DROP TABLE d.t;");
    assert_int_equal(pfs_tree_finish(t.tree, NULL), 0);
    set_aside(&text);
    assert_string_equal((const char *)text.at, "{\"k\":1,\"v\":\"a\",\"n\":1,\"_kind\":\"+I\"}\n");
    pfs_buf_done(&text);
}

/* Their end is in the journal, durably, when the power goes: so are they where they were set aside. */
static void what_is_set_aside_is_durable_before_the_journal_lets_go_of_it(void **state)
{
    struct pfs_buf text;

    (void)state;
    give("d/t/inbox", "1,a,1\n");
    execute_elsewhere("DROP TABLE d.t;");
    assert_int_equal(pfs_ingest_commit_all(t.tree->ingest, NULL), 0);
    acknowledge("d/sums/inbox", O_APPEND, "1,10\n");
    pfs_waiting_done(&t.waiting);
    begin_life();
    set_aside(&text);
    assert_string_equal((const char *)text.at, "{\"k\":1,\"v\":\"a\",\"n\":1,\"_kind\":\"+I\"}\n");
    pfs_buf_done(&text);
}

static void rows_of_a_table_that_was_made_anew_are_not_given_to_it(void **state)
{
    (void)state;
    acknowledge("d/t/inbox", O_APPEND, "1,a,1\n");
    pfs_waiting_done(&t.waiting);
    begin_life();
    end_life(); /* it is committed; the next rows are not */
    begin_life();
    acknowledge("d/t/inbox", O_APPEND, "2,b,2\n");
    pfs_waiting_done(&t.waiting);
    execute_elsewhere("DROP TABLE d.t; CREATE TABLE d.t (k INT, v STRING, n BIGINT, PRIMARY KEY (k) NOT ENFORCED)"
                      " COMMENT 'another';");
    begin_life();
    assert_string_equal(text_of("d/t/snapshot/latest.csv"), "k,v,n\n");
}

/* A disk that is full after some appends, for as long as the process lives. */
static struct {
    struct pfs_fault fault;
    int appends, most;
} full;

static void fill_up(void *context, const char *op, const char *path)
{
    (void)context;
    (void)path;
    if (strcmp(op, "append") == 0 && ++full.appends > full.most)
        full.fault.fail_at = full.fault.calls;
}

static int append_to_a_full_disk(int most)
{
    struct pfs_store *store;
    int rc;

    memset(&full, 0, sizeof(full));
    full.most = most;
    full.fault = (struct pfs_fault){.fail_errno = ENOSPC, .each = fill_up};
    assert_int_equal(pfs_store_open_fault(handle(), &full.fault, &store, NULL), 0);
    begin_life_on(store);
    rc = (int)append("d/sums/inbox", "1,10\n");
    end_life();
    return rc;
}

static void what_a_full_disk_refused_is_not_there_later(void **state)
{
    int acknowledged = 0;

    (void)state;
    end_life();
    for (int most = 0; most < 8; most++) {
        char want[32] = "k,n\n", what[32];

        acknowledged += append_to_a_full_disk(most) == 0;
        if (acknowledged > 0)
            (void)snprintf(want, sizeof(want), "k,n\n1,%d\n", 10 * acknowledged);
        (void)snprintf(what, sizeof(what), "after %d appends", most);
        begin_life();
        CHECK(what, strcmp(text_of("d/sums/snapshot/latest.csv"), want) == 0);
        if (most < 7)
            end_life();
    }
    assert_in_range(acknowledged, 3, 7);
}

/* The journal of the life before, with its two parts' numbers exchanged: as when the first of two writers came second.
 */
static void exchange_numbers(void)
{
    const struct pfs_journal_config config = {.store = memory, .user = "exchanged"};
    const struct pfs_journal_record *record;
    struct pfs_foreign **foreign;
    struct pfs_journal *journal;
    struct pfs_arena arena = {0};
    int64_t count;
    int32_t journals;

    assert_int_equal(pfs_journal_open(&config, &journal, NULL), 0);
    assert_int_equal(pfs_journal_take(journal, &foreign, &journals, NULL), 0);
    assert_int_equal(journals, 1);
    record = pfs_foreign_records(foreign[0], &count);
    assert_int_equal(count, 4);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pfs_journal_transaction(journal), i + 1);
    for (int64_t i = 0; i < count; i++) {
        struct pfs_slice body;

        assert_int_equal(pfs_foreign_read(foreign[0], record[i].place, &arena, &body, NULL), 0);
        assert_int_equal(pfs_journal_add(journal, 3 - record[i].transaction, record[i].kind, body, NULL, NULL), 0);
    }
    assert_int_equal(pfs_journal_sync(journal, 0, NULL), 0);
    pfs_arena_done(&arena);
    pfs_foreign_close(foreign[0], true);
    pfs_free(foreign);
    pfs_journal_close(journal);
}

static void a_schema_that_a_later_part_says_is_known_of_the_earlier_ones(void **state)
{
    struct pfs_entry entry[2];
    struct pfs_opened file[2];
    struct pfs_buf text;

    (void)state;
    flush_rows("d/t/inbox", O_APPEND, "1,a,1\n", &entry[0], &file[0]);
    flush_rows("d/t/inbox", O_APPEND, "2,b,2\n", &entry[1], &file[1]);
    die(&entry[0], &file[0]);
    keep_dead(file[1].handle, entry[1].node);
    pfs_waiting_done(&t.waiting);
    exchange_numbers();
    execute_elsewhere("DROP TABLE d.t;");
    begin_life();
    assert_int_equal(pfs_tree_finish(t.tree, NULL), 0);
    set_aside(&text);
    assert_non_null(strstr((const char *)text.at, "{\"k\":1,\"v\":\"a\",\"n\":1,\"_kind\":\"+I\"}\n"));
    assert_non_null(strstr((const char *)text.at, "{\"k\":2,\"v\":\"b\",\"n\":2,\"_kind\":\"+I\"}\n"));
    pfs_buf_done(&text);
}

/* Both schemas have the same id, and a part of each is in the segment. */
static void rows_of_two_tables_of_a_name_are_set_aside_as_they_were(void **state)
{
    struct pfs_entry entry[2];
    struct pfs_opened file[2];
    struct pfs_buf text;

    (void)state;
    flush_rows("d/t/inbox", O_APPEND, "1,a,1\n", &entry[0], &file[0]);
    execute("DROP TABLE d.t; CREATE TABLE d.t (k INT, a INT, PRIMARY KEY (k) NOT ENFORCED);");
    flush_rows("d/t/inbox", O_APPEND, "2,3\n", &entry[1], &file[1]);
    die(&entry[0], &file[0]);
    keep_dead(file[1].handle, entry[1].node);
    pfs_waiting_done(&t.waiting);
    execute_elsewhere("DROP TABLE d.t;");
    begin_life();
    assert_int_equal(pfs_tree_finish(t.tree, NULL), 0);
    set_aside(&text);
    assert_non_null(strstr((const char *)text.at, "{\"k\":1,\"v\":\"a\",\"n\":1,\"_kind\":\"+I\"}\n"));
    assert_non_null(strstr((const char *)text.at, "{\"k\":2,\"a\":3,\"_kind\":\"+I\"}\n"));
    pfs_buf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_of_a_table_that_is_gone_are_set_aside, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(what_is_set_aside_is_durable_before_the_journal_lets_go_of_it, open_memory,
                                        close_memory),
        cmocka_unit_test_setup_teardown(rows_of_a_table_that_was_made_anew_are_not_given_to_it, open_memory,
                                        close_memory),
        cmocka_unit_test_setup_teardown(what_a_full_disk_refused_is_not_there_later, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(a_schema_that_a_later_part_says_is_known_of_the_earlier_ones, open_memory,
                                        close_memory),
        cmocka_unit_test_setup_teardown(rows_of_two_tables_of_a_name_are_set_aside_as_they_were, open_memory,
                                        close_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
