/* journal_test.c - what was synced is found again, once; what failed is not; locks; retirement. */
#include "tests/unit/journal/journals.h"

#include <stdlib.h>
#include <unistd.h>

static int write_one(struct pfs_journal *journal, uint64_t transaction, const char *text)
{
    PFS_TRY(add(journal, transaction, PFS_JOURNAL_BEGIN, ""));
    PFS_TRY(add(journal, transaction, PFS_JOURNAL_ROWS, text));
    PFS_TRY(add(journal, transaction, PFS_JOURNAL_SEAL, ""));
    return pfs_journal_sync(journal, transaction, NULL);
}

static void an_unused_journal_makes_no_file(void **state)
{
    struct pfs_store *store = open_memory();

    (void)state;
    pfs_journal_close(open_journal(store, 0, 0));
    assert_int_equal(count_files(store), 0);
    pfs_store_close(store);
}

static void records_are_read_back_while_written(void **state)
{
    struct pfs_store *store = open_memory();
    struct pfs_journal *journal = open_journal(store, 4096, 0);
    struct pfs_place_in_journal place[100];
    struct pfs_arena arena;
    struct pfs_slice body;
    static char big[200000];
    char text[32];

    (void)state;
    pfs_arena_init(&arena, 0);
    for (int i = 0; i < 100; i++) {
        (void)snprintf(text, sizeof(text), "row %d", i);
        assert_int_equal(pfs_journal_add(journal, 1, PFS_JOURNAL_ROWS, pfs_str(text), &place[i], NULL), 0);
    }
    for (int i = 0; i < 100; i++) {
        (void)snprintf(text, sizeof(text), "row %d", i);
        assert_int_equal(pfs_journal_read(journal, place[i], &arena, &body, NULL), 0);
        assert_true(pfs_slice_eq(body, pfs_str(text)));
        if (i > 0)
            assert_true(place[i].segment > place[i - 1].segment || place[i].at > place[i - 1].at);
    }
    memset(big, 'b', sizeof(big));
    assert_int_equal(pfs_journal_add(journal, 1, PFS_JOURNAL_ROWS, pfs_slice_of(big, sizeof(big)), place, NULL), 0);
    assert_int_equal(pfs_journal_read(journal, place[0], &arena, &body, NULL), 0);
    assert_true(pfs_slice_eq(body, pfs_slice_of(big, sizeof(big))));
    place[0].at++;
    assert_int_equal(pfs_journal_read(journal, place[0], &arena, &body, NULL), -EIO);
    pfs_journal_close(journal);
    pfs_arena_done(&arena);
    pfs_store_close(store);
}

static void a_living_journal_is_not_taken_and_a_dead_one_is(void **state)
{
    struct pfs_store *store = open_memory();
    struct pfs_journal *journal = open_journal(store, 0, 0);
    char rows[1000];

    (void)state;
    assert_int_equal(write_one(journal, 1, "a"), 0);
    assert_int_equal(take_rows(store, rows, sizeof(rows), false), 0);
    pfs_journal_close(journal);
    assert_int_equal(take_rows(store, rows, sizeof(rows), false), 1);
    assert_string_equal(rows, "a,");
    assert_int_equal(take_rows(store, rows, sizeof(rows), true), 1);
    assert_string_equal(rows, "a,");
    assert_int_equal(take_rows(store, rows, sizeof(rows), true), 0);
    assert_int_equal(count_files(store), 0);
    pfs_store_close(store);
}

/* Replaces the text in the one journal of the store. */
struct finding {
    char name[128];
};

static int find_journal(void *context, struct pfs_slice name, bool directory)
{
    struct finding *f = context;

    if (!directory && name.len > 8 && memcmp(name.at, "journal-", 8) == 0)
        (void)snprintf(f->name, sizeof(f->name), ".paimonfs/%.*s", (int)name.len, (const char *)name.at);
    return 0;
}

static void damage(struct pfs_store *store, const char *from, const char *to)
{
    struct finding f = {""};
    struct pfs_slice bytes;
    uint8_t *at;

    assert_int_equal(pfs_store_list(store, ".paimonfs", find_journal, &f, NULL), 0);
    assert_int_equal(pfs_store_load(store, f.name, 1 << 20, &bytes, NULL), 0);
    at = memmem(bytes.at, bytes.len, from, strlen(from));
    assert_non_null(at);
    memcpy(at, to, strlen(to));
    assert_int_equal(pfs_store_publish(store, f.name, bytes, true, NULL), 0);
    pfs_free((void *)(uintptr_t)bytes.at);
}

static void damage_between_records_is_told_and_hides_none_behind_it(void **state)
{
    struct pfs_store *store = open_memory();
    struct pfs_journal *journal = open_journal(store, 0, 0), *other;
    struct pfs_foreign **foreign;
    struct pfs_err err = {0};
    char rows[1000];
    int32_t count;

    (void)state;
    assert_int_equal(write_one(journal, 1, "first"), 0);
    assert_int_equal(write_one(journal, 2, "second"), 0);
    assert_int_equal(write_one(journal, 3, "third"), 0);
    pfs_journal_close(journal);
    damage(store, "second", "sEcond");
    other = open_journal(store, 0, 0);
    assert_int_equal(pfs_journal_take(other, &foreign, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_true(pfs_foreign_damage(foreign[0], &err));
    assert_non_null(strstr(err.text, "are damaged"));
    pfs_foreign_close(foreign[0], false);
    pfs_free(foreign);
    pfs_journal_close(other);
    assert_int_equal(take_rows(store, rows, sizeof(rows), true), 1);
    assert_string_equal(rows, "first,third,");
    assert_int_equal(count_files(store), 1); /* kept for a person */
    assert_int_equal(take_rows(store, rows, sizeof(rows), true), 0);
    pfs_store_close(store);
}

/* In a real directory: the room behind the records reads as zeros to whoever comes after the one who made it. */
static void room_behind_the_records_is_no_damage(void **state)
{
    char root[] = "/tmp/pfs-journal-XXXXXX";
    struct pfs_foreign **foreign;
    struct pfs_journal *journal, *other;
    struct finding f = {""};
    struct pfs_store *store;
    struct pfs_stat st;
    char rows[1000];
    int32_t count;

    (void)state;
    assert_non_null(mkdtemp(root));
    assert_int_equal(pfs_store_open_posix(root, &store, NULL), 0);
    journal = open_journal(store, 0, 0);
    assert_int_equal(write_one(journal, 1, "first"), 0);
    assert_int_equal(write_one(journal, 2, "second"), 0);
    pfs_journal_close(journal);
    assert_int_equal(pfs_store_list(store, ".paimonfs", find_journal, &f, NULL), 0);
    assert_int_equal(pfs_store_stat(store, f.name, &st, NULL), 0);
    assert_true(st.size > 100000); /* else the filesystem of /tmp makes no room, and nothing is tried here */
    other = open_journal(store, 0, 0);
    assert_int_equal(pfs_journal_take(other, &foreign, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_false(pfs_foreign_damage(foreign[0], NULL));
    pfs_foreign_close(foreign[0], false);
    pfs_free(foreign);
    pfs_journal_close(other);
    assert_int_equal(take_rows(store, rows, sizeof(rows), true), 1);
    assert_string_equal(rows, "first,second,");
    assert_int_equal(count_files(store), 0);
    assert_int_equal(pfs_store_remove_all(store, ".paimonfs", NULL), 0);
    pfs_store_close(store);
    assert_int_equal(rmdir(root), 0);
}

/* Each fourth byte of the middle record looks as if another one began there. */
static void damage_that_is_too_much_to_look_through_is_told(void **state)
{
    struct pfs_store *store = open_memory();
    struct pfs_journal *journal = open_journal(store, 0, 0), *other;
    struct pfs_foreign **foreign;
    struct pfs_err err = {0};
    char rows[1000];
    uint8_t body[8000] = "second";
    int32_t count;

    (void)state;
    for (size_t i = 8; i < sizeof(body); i += 4)
        body[i] = 1;
    assert_int_equal(write_one(journal, 1, "first"), 0);
    assert_int_equal(pfs_journal_add(journal, 2, PFS_JOURNAL_ROWS, pfs_slice_of(body, sizeof(body)), NULL, NULL), 0);
    assert_int_equal(write_one(journal, 3, "third"), 0);
    pfs_journal_close(journal);
    damage(store, "second", "sEcond");
    other = open_journal(store, 0, 0);
    assert_int_equal(pfs_journal_take(other, &foreign, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_true(pfs_foreign_damage(foreign[0], &err));
    assert_non_null(strstr(err.text, "are damaged"));
    pfs_foreign_close(foreign[0], false);
    pfs_free(foreign);
    pfs_journal_close(other);
    assert_int_equal(take_rows(store, rows, sizeof(rows), true), 1);
    assert_int_equal(count_files(store), 1); /* kept for a person */
    pfs_store_close(store);
}

static void retired_segments_go_oldest_first(void **state)
{
    struct pfs_store *store = open_memory();
    struct pfs_journal *journal = open_journal(store, 1000, 0);
    static char big[1200];
    char rows[8000];
    int full;

    (void)state;
    memset(big, 'x', sizeof(big) - 1);
    for (uint64_t i = 1; i <= 5; i++)
        assert_int_equal(write_one(journal, i, big), 0);
    full = count_files(store);
    assert_true(full >= 5);
    assert_int_equal(add(journal, 3, PFS_JOURNAL_RETIRED, ""), 0);
    assert_int_equal(pfs_journal_sync(journal, 0, NULL), 0);
    assert_true(count_files(store) >= full); /* an older one waits */
    assert_int_equal(add(journal, 1, PFS_JOURNAL_RETIRED, ""), 0);
    assert_int_equal(add(journal, 2, PFS_JOURNAL_RETIRED, ""), 0);
    assert_int_equal(pfs_journal_sync(journal, 0, NULL), 0);
    assert_true(count_files(store) < full);
    pfs_store_memory_power_cut(store);
    pfs_journal_close(journal);
    assert_int_equal(take_rows(store, rows, sizeof(rows), false), 1);
    assert_int_equal(strlen(rows), 2 * sizeof(big));
    pfs_store_close(store);
}

static void close_removes_a_retired_journal(void **state)
{
    struct pfs_store *store = open_memory();
    struct pfs_journal *journal = open_journal(store, 0, 0);

    (void)state;
    assert_int_equal(write_one(journal, 1, "a"), 0);
    assert_true(pfs_journal_bytes(journal) > 0);
    assert_int_equal(add(journal, 1, PFS_JOURNAL_RETIRED, ""), 0);
    assert_int_equal(pfs_journal_sync(journal, 0, NULL), 0);
    assert_int_equal(pfs_journal_bytes(journal), 0);
    pfs_journal_close(journal);
    assert_int_equal(count_files(store), 0);
    pfs_store_close(store);
}

static void a_full_journal_refuses_rows_and_takes_ends(void **state)
{
    struct pfs_store *store = open_memory();
    struct pfs_journal *journal = open_journal(store, 500, 2000);
    static char big[400];
    uint64_t n = 0;
    int rc;

    (void)state;
    memset(big, 'x', sizeof(big) - 1);
    while ((rc = write_one(journal, ++n, big)) == 0)
        assert_true(n < 100);
    assert_int_equal(rc, -EBUSY);
    for (uint64_t i = 1; i <= n; i++)
        assert_int_equal(add(journal, i, PFS_JOURNAL_RETIRED, ""), 0);
    assert_int_equal(write_one(journal, n + 1, big), 0); /* its first record syncs, and so the ends count */
    pfs_journal_close(journal);
    pfs_store_close(store);
}

/* One run over a store that fails at call `at`: what was acknowledged is there after a power cut, once, and what was
 * refused is not. */
static int64_t run_with_fault(int64_t at, int code, bool on, bool short_write)
{
    struct pfs_fault fault = {.fail_at = at, .fail_errno = code, .fail_on = on, .short_write = short_write};
    struct pfs_store *memory = open_memory(), *store;
    struct pfs_journal *journal;
    char want[1000] = "", rows[1000], text[64];
    size_t len = 0;

    assert_int_equal(pfs_store_open_fault(memory, &fault, &store, NULL), 0);
    journal = open_journal(store, 600, 0);
    for (uint64_t i = 1; i <= 12; i++) {
        (void)snprintf(text, sizeof(text), "%02llu:%060d", (unsigned long long)i, 0);
        if (write_one(journal, i, text) == 0) {
            if (i % 3 == 0 && add(journal, i, PFS_JOURNAL_RETIRED, "") == 0 && pfs_journal_sync(journal, i, NULL) == 0)
                continue;
            if (i % 3 != 0)
                len += (size_t)snprintf(want + len, sizeof(want) - len, "%s,", text);
        } else if (!on) {
            (void)add(journal, i, PFS_JOURNAL_RETIRED, "");
        }
    }
    if (on)
        pfs_store_memory_power_cut(memory);
    pfs_journal_close(journal);
    fault.fail_at = 0;
    (void)take_rows(memory, rows, sizeof(rows), true);
    /* The one whose retirement failed may be there or not. */
    if (at == 0)
        assert_string_equal(rows, want);
    for (char *one = strtok(want, ","); one != NULL; one = strtok(NULL, ",")) {
        const char *found = strstr(rows, one);

        if (found == NULL || strstr(found + 1, one) != NULL)
            fail_msg("call %lld, errno %d, for good %d, short %d: %s in %s", (long long)at, code, on, short_write, one,
                     rows);
    }
    pfs_store_close(store);
    return fault.calls;
}

static void every_call_may_fail_once_or_for_good(void **state)
{
    int64_t calls = run_with_fault(0, 0, false, false);

    (void)state;
    assert_true(calls > 30);
    for (int64_t at = 1; at <= calls; at++)
        for (int form = 0; form < 4; form++)
            (void)run_with_fault(at, form < 2 ? EIO : ENOSPC, (form & 1) != 0, form >= 2);
}

static void lost_rows_do_not_come_back(void **state)
{
    struct pfs_fault fault = {.fail_errno = EIO};
    struct pfs_store *memory = open_memory(), *store;
    struct pfs_place_in_journal kept, lost;
    struct pfs_journal *journal;
    char rows[1000];

    (void)state;
    assert_int_equal(pfs_store_open_fault(memory, &fault, &store, NULL), 0);
    journal = open_journal(store, 0, 0);
    assert_int_equal(write_one(journal, 1, "a"), 0);
    assert_int_equal(pfs_journal_add(journal, 4, PFS_JOURNAL_ROWS, pfs_str("d"), &kept, NULL), 0);
    assert_false(pfs_journal_is_durable(journal, kept));
    assert_int_equal(pfs_journal_sync(journal, 0, NULL), 0);
    assert_int_equal(pfs_journal_add(journal, 4, PFS_JOURNAL_ROWS, pfs_str("e"), &lost, NULL), 0);
    fault.fail_at = fault.calls + 4; /* the sync */
    assert_int_equal(write_one(journal, 2, "b"), -EIO);
    assert_true(pfs_journal_is_durable(journal, kept));
    assert_false(pfs_journal_is_durable(journal, lost));
    assert_int_equal(add(journal, 4, PFS_JOURNAL_RETIRED, ""), 0);
    assert_int_equal(pfs_journal_sync(journal, 2, NULL), -EIO);
    assert_int_equal(pfs_journal_sync(journal, 1, NULL), 0);
    assert_int_equal(add(journal, 2, PFS_JOURNAL_ROWS, "c"), -EIO);
    assert_int_equal(add(journal, 2, PFS_JOURNAL_RETIRED, ""), 0);
    assert_int_equal(write_one(journal, 3, "c"), 0);
    pfs_journal_close(journal); /* the memory store still has "b": a disk might, too */
    assert_int_equal(take_rows(memory, rows, sizeof(rows), true), 1);
    assert_string_equal(rows, "a,c,");
    pfs_store_close(store);
}

/* Its record cannot be written, once: the next segment begins with it, and no segment stays for its sake. */
static void an_end_that_cannot_be_written_holds_nobody(void **state)
{
    struct pfs_fault fault = {.fail_errno = ENOSPC};
    struct pfs_store *memory = open_memory(), *store;
    struct pfs_journal *journal;
    static const char row[1000];

    (void)state;
    assert_int_equal(pfs_store_open_fault(memory, &fault, &store, NULL), 0);
    journal = open_journal(store, 4096, 100000);
    for (int i = 1; i <= 400; i++) {
        uint64_t t = pfs_journal_transaction(journal);
        int rc = pfs_journal_add_begun(journal, t, pfs_str("begin"), PFS_JOURNAL_ROWS, pfs_slice_of(row, sizeof(row)),
                                       NULL, NULL);

        assert_int_equal(rc, 0);
        assert_int_equal(pfs_journal_sync(journal, t, NULL), 0);
        fault.fail_at = i == 5 ? fault.calls + 1 : 0;
        assert_int_equal(add(journal, t, PFS_JOURNAL_RETIRED, ""), i == 5 ? -ENOSPC : 0);
        if (i == 5) { /* its writer may still ask, and is answered */
            (void)alarm(60);
            assert_int_equal(pfs_journal_sync(journal, t, NULL), 0);
            (void)alarm(0);
        }
    }
    assert_in_range(count_files(store), 1, 8);
    pfs_journal_close(journal);
    assert_int_equal(count_files(store), 0);
    pfs_store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unused_journal_makes_no_file),
        cmocka_unit_test(records_are_read_back_while_written),
        cmocka_unit_test(a_living_journal_is_not_taken_and_a_dead_one_is),
        cmocka_unit_test(damage_between_records_is_told_and_hides_none_behind_it),
        cmocka_unit_test(room_behind_the_records_is_no_damage),
        cmocka_unit_test(damage_that_is_too_much_to_look_through_is_told),
        cmocka_unit_test(retired_segments_go_oldest_first),
        cmocka_unit_test(close_removes_a_retired_journal),
        cmocka_unit_test(a_full_journal_refuses_rows_and_takes_ends),
        cmocka_unit_test(every_call_may_fail_once_or_for_good),
        cmocka_unit_test(lost_rows_do_not_come_back),
        cmocka_unit_test(an_end_that_cannot_be_written_holds_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
