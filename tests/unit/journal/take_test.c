/* take_test.c - what is taken of the journals that others left, what is left alone, and in which order it goes. */
#include <errno.h>

#include "tests/unit/journal/segments.h"

static struct pfs_fault fault;
static struct pfs_store *memory, *store; /* store: the fault store over it */
static struct pfs_journal *journal;      /* whose process looks for others */
static char calls[1000];                 /* of some kinds, since it was emptied */
static const char *vanishes;             /* when it is about to be opened; NULL = nothing */

/* What changes names, what makes that durable, and what is opened. */
static void note_call(void *context, const char *op, const char *path)
{
    size_t len = strlen(calls);

    (void)context;
    if (strcmp(op, "unlink") == 0 || strcmp(op, "sync_dir") == 0 || strcmp(op, "rename") == 0)
        (void)snprintf(calls + len, sizeof(calls) - len, "%s%s ", op, *path != '\0' ? path + strlen(path) - 1 : "");
    if (vanishes != NULL && strncmp(op, "open", 4) == 0 && strcmp(path, vanishes) == 0)
        (void)pfs_store_unlink(memory, vanishes, NULL);
}

static int set_up(void **state)
{
    (void)state;
    memory = open_memory();
    fault = (struct pfs_fault){.fail_errno = EIO, .each = note_call};
    vanishes = NULL;
    calls[0] = '\0';
    assert_int_equal(pfs_store_open_fault(memory, &fault, &store, NULL), 0);
    journal = open_journal(store, 0, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pfs_journal_close(journal);
    pfs_store_close(store);
    return 0;
}

/* The bodies of what is had, of one journal; and how it is closed. "-" = none was had. */
static const char *take(bool finished, bool *damaged, struct pfs_err *damage)
{
    static char out[300];
    struct pfs_foreign **foreign;
    struct pfs_arena arena = {0};
    int64_t records;
    int32_t count;
    size_t len = 0;

    (void)snprintf(out, sizeof(out), "-");
    assert_int_equal(pfs_journal_take(journal, &foreign, &count, NULL), 0);
    assert_in_range(count, 0, 1);
    if (count == 0)
        return out;
    out[0] = '\0';
    for (int64_t i = 0; i < (pfs_foreign_records(foreign[0], &records), records); i++) {
        const struct pfs_journal_record *r = pfs_foreign_records(foreign[0], &records) + i;
        struct pfs_slice body;

        assert_int_equal(pfs_foreign_read(foreign[0], r->place, &arena, &body, NULL), 0);
        len += (size_t)snprintf(out + len, sizeof(out) - len, "%.*s,", PFS_P(body));
    }
    if (damaged != NULL)
        *damaged = pfs_foreign_damage(foreign[0], damage);
    calls[0] = '\0';
    pfs_foreign_close(foreign[0], finished);
    pfs_free(foreign);
    pfs_arena_done(&arena);
    return out;
}

/* Two of nearly the same name, of which the list may tell the greater one first. */
static void put_segment(int32_t number, const char *path, const char *text)
{
    struct pfs_buf bytes = {0};
    uint64_t seed = begin_segment(&bytes, number);

    (void)put_text(&bytes, seed, PFS_JOURNAL_ROWS, 1, text);
    put_file(memory, path, &bytes);
}

static bool is_there(const char *path)
{
    return pfs_store_stat(memory, path, &(struct pfs_stat){0}, NULL) == 0;
}

/* A younger segment may hold the records that retired what is in an older one. */
static void segments_go_oldest_first_and_each_durably(void **state)
{
    (void)state;
    put_segment(10, SEGMENT("10"), "c");
    put_segment(2, SEGMENT("2"), "b");
    put_segment(1, SEGMENT("1"), "a");
    assert_string_equal(take(false, NULL, NULL), "a,b,c,");
    assert_string_equal(calls, "");
    assert_string_equal(take(true, NULL, NULL), "a,b,c,");
    assert_string_equal(calls, "unlink1 sync_dirs unlink2 sync_dirs unlink0 sync_dirs ");
    assert_string_equal(take(true, NULL, NULL), "-");
    assert_int_equal(count_files(memory), 0);
}

/* Neither one that could not be removed nor one that may come back is followed by a younger one. */
static void a_segment_that_may_stay_keeps_the_younger_ones(void **state)
{
    (void)state;
    for (int call = 1; call <= 2; call++) {
        struct pfs_foreign **foreign;
        int32_t count;

        put_segment(1, SEGMENT("1"), "a");
        put_segment(2, SEGMENT("2"), "b");
        assert_int_equal(pfs_journal_take(journal, &foreign, &count, NULL), 0);
        assert_int_equal(count, 1);
        fault.fail_at = fault.calls + call; /* the removal; then its durability */
        pfs_foreign_close(foreign[0], true);
        pfs_free(foreign);
        fault.fail_at = 0;
        assert_true(is_there(SEGMENT("2")));
        assert_int_equal(is_there(SEGMENT("1")), call == 1);
        assert_string_equal(take(true, NULL, NULL), call == 1 ? "a,b," : "b,");
        assert_int_equal(count_files(memory), 0);
    }
}

static void what_was_only_begun_is_removed(void **state)
{
    struct pfs_buf bytes = {0};

    (void)state;
    put_file(memory, SEGMENT("1"), &bytes); /* empty */
    (void)begin_segment(&bytes, 2);
    bytes.len -= 5;
    put_file(memory, SEGMENT("2"), &bytes);
    assert_string_equal(take(true, NULL, NULL), "-");
    assert_int_equal(count_files(memory), 0);
}

/* One with a damaged header, and records perhaps, beside one that is whole: kept for a person. */
static void a_segment_whose_header_is_damaged_is_kept(void **state)
{
    struct pfs_buf bytes = {0};
    static const char big[5000] = "";
    uint64_t seed = begin_segment(&bytes, 1);

    (void)state;
    (void)put_record(&bytes, seed, PFS_JOURNAL_ROWS, 1, pfs_slice_of(big, sizeof(big)));
    bytes.at[0] = 'p';
    put_file(memory, SEGMENT("1"), &bytes);
    put_segment(2, SEGMENT("2"), "b");
    assert_string_equal(take(true, NULL, NULL), "b,");
    assert_int_equal(count_files(memory), 1);
    assert_true(is_there(".paimonfs/damaged-" UUID "-1"));
}

/* A version that is not ours: in its magic, or by a kind of record. The journal stays as it is. */
static void what_a_later_version_wrote_is_left_alone(void **state)
{
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        struct pfs_buf bytes = {0};
        struct pfs_err err = {0};
        struct pfs_foreign **foreign;
        int32_t count;
        uint64_t seed = begin_segment(&bytes, 1);

        (void)put_text(&bytes, seed, PFS_JOURNAL_ROWS, 1, "a");
        if (kind == 0)
            bytes.at[7] = '2';
        else
            (void)put_record(&bytes, seed, PFS_JOURNAL_KINDS, 1, pfs_str("x"));
        put_file(memory, SEGMENT("1"), &bytes);
        assert_int_equal(pfs_journal_take(journal, &foreign, &count, &err), -ENOTSUP);
        assert_non_null(strstr(err.text, SEGMENT("1")));
        assert_true(is_there(SEGMENT("1")));

        /* Another one that can be had is had. */
        put_segment(1, ".paimonfs/journal-11111111-0000-4000-8000-000000000000-1", "b");
        assert_string_equal(take(true, NULL, NULL), "b,");
        assert_int_equal(count_files(memory), 1);
        assert_int_equal(pfs_store_unlink(memory, SEGMENT("1"), NULL), 0);
    }
}

static void a_journal_that_cannot_be_read_is_an_error(void **state)
{
    struct pfs_err err = {0};
    struct pfs_foreign **foreign;
    int32_t count;

    (void)state;
    put_segment(1, SEGMENT("1"), "a");
    for (int call = 3; call <= 4; call++) { /* its header; its records */
        fault.fail_at = fault.calls + call;
        assert_int_equal(pfs_journal_take(journal, &foreign, &count, &err), -EIO);
        assert_non_null(strstr(err.text, SEGMENT("1")));
        fault.fail_at = 0;
    }
    assert_string_equal(take(true, NULL, NULL), "a,");
}

/* Its owner, or another one who looks, was quicker: all that is told of it is old. */
static void a_journal_that_goes_meanwhile_is_nobodys(void **state)
{
    struct pfs_file *held;

    (void)state;
    put_segment(1, SEGMENT("1"), "a");
    put_segment(2, SEGMENT("2"), "b");
    vanishes = SEGMENT("2");
    assert_string_equal(take(true, NULL, NULL), "-");
    vanishes = NULL;
    assert_true(is_there(SEGMENT("1")));
    assert_int_equal(pfs_store_open_locked(memory, SEGMENT("1"), false, &held, NULL), 0);
    assert_string_equal(take(true, NULL, NULL), "-");
    pfs_file_close(held);
    assert_string_equal(take(true, NULL, NULL), "a,");
}

/* ---- what was lost with a sync that failed ---- */

static void nothing_counts_beyond_a_cut(void **state)
{
    static const struct {
        const char *what;
        int where; /* against the end of the second of three records */
        const char *want;
    } cases[] = {{"behind the second", 0, "a,b,"}, {"within the second", -1, "a,"}, {"within the third", 5, "a,b,"}};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_buf bytes = {0};
        uint64_t seed = begin_segment(&bytes, 1), end;

        (void)put_text(&bytes, seed, PFS_JOURNAL_ROWS, 1, "a");
        (void)put_text(&bytes, seed, PFS_JOURNAL_ROWS, 2, "b");
        end = bytes.len;
        (void)put_text(&bytes, seed, PFS_JOURNAL_ROWS, 3, "c");
        put_file(memory, SEGMENT("1"), &bytes);
        seed = begin_segment(&bytes, 2);
        (void)put_cut(&bytes, seed, 1, end + (uint64_t)(int64_t)cases[i].where);
        put_file(memory, SEGMENT("2"), &bytes);
        CHECK(cases[i].what, strcmp(take(true, NULL, NULL), cases[i].want) == 0);
        assert_int_equal(count_files(memory), 0);
    }
}

/* The disk kept some of what the failed sync was to write, and not all: nobody was promised any of it. */
static void damage_beyond_a_cut_is_none(void **state)
{
    (void)state;
    for (int before = 0; before < 2; before++) {
        struct pfs_buf bytes = {0};
        struct pfs_err err = {0};
        uint64_t seed = begin_segment(&bytes, 1), cut;
        bool damaged;

        (void)put_text(&bytes, seed, PFS_JOURNAL_ROWS, 1, "a");
        cut = bytes.len;
        pfs_buf_putc(&bytes, 'x');
        (void)put_text(&bytes, seed, PFS_JOURNAL_ROWS, 3, "c");
        put_file(memory, SEGMENT("1"), &bytes);
        seed = begin_segment(&bytes, 2);
        (void)put_cut(&bytes, seed, 1, cut + (before ? 1 : 0)); /* then it begins before the cut */
        put_file(memory, SEGMENT("2"), &bytes);
        assert_string_equal(take(true, &damaged, &err), "a,");
        assert_int_equal(damaged, before);
        assert_int_equal(count_files(memory), before); /* kept for a person */
    }
}

static void a_cut_of_another_size_is_not_understood(void **state)
{
    struct pfs_buf bytes = {0};
    struct pfs_foreign **foreign;
    int32_t count;
    uint64_t seed = begin_segment(&bytes, 1);

    (void)state;
    (void)put_record(&bytes, seed, PFS_RECORD_CUT, 0, pfs_str("twelve bytes+"));
    put_file(memory, SEGMENT("1"), &bytes);
    assert_int_equal(pfs_journal_take(journal, &foreign, &count, NULL), -EIO);
    assert_true(is_there(SEGMENT("1")));
}

/* ---- looking without taking ---- */

struct looking {
    char seen[200];
    int rc; /* what the visitor gives */
};

static int see(void *context, enum pfs_journal_kind kind, struct pfs_slice body, struct pfs_err *err)
{
    struct looking *l = context;
    size_t len = strlen(l->seen);

    (void)snprintf(l->seen + len, sizeof(l->seen) - len, "%d:%.*s,", (int)kind, PFS_P(body));
    return l->rc < 0 ? pfs_fail(err, -l->rc, "it is enough") : 0;
}

static void whoever_looks_sees_all_or_an_error(void **state)
{
    struct looking l = {0};
    struct pfs_buf bytes = {0};
    struct pfs_err err = {0};
    uint64_t seed;

    (void)state;
    assert_int_equal(pfs_journal_look(store, see, &l, &err), 0);
    assert_string_equal(l.seen, "");
    put_segment(1, SEGMENT("1"), "a");
    assert_int_equal(add(journal, 1, PFS_JOURNAL_SEAL, "mine"), 0); /* of one who lives */
    put_file(memory, SEGMENT("2"), &bytes);                         /* only begun */
    assert_int_equal(pfs_journal_look(store, see, &l, &err), 0);
    assert_non_null(strstr(l.seen, "1:a,"));
    assert_non_null(strstr(l.seen, "5:mine,"));
    vanishes = SEGMENT("1");
    assert_int_equal(pfs_journal_look(store, see, &l, &err), 0); /* it is retired */
    vanishes = NULL;
    put_segment(1, SEGMENT("1"), "a");
    l = (struct looking){.rc = -ECANCELED};
    assert_int_equal(pfs_journal_look(store, see, &l, &err), -ECANCELED);
    assert_int_equal(strlen(strchr(l.seen, ',')), 1); /* once */
    l.rc = 0;
    for (int call = 1; call <= 4; call++) {
        fault.fail_at = fault.calls + call;
        assert_int_equal(pfs_journal_look(store, see, &l, &err), -EIO);
        fault.fail_at = 0;
    }
    assert_int_equal(pfs_store_unlink(memory, SEGMENT("1"), NULL), 0);

    seed = begin_segment(&bytes, 1); /* what cannot be read may have named files */
    (void)put_text(&bytes, seed, PFS_JOURNAL_ROWS, 1, "a");
    pfs_buf_putc(&bytes, 'x');
    (void)put_text(&bytes, seed, PFS_JOURNAL_ROWS, 2, "b");
    put_file(memory, SEGMENT("1"), &bytes);
    assert_int_equal(pfs_journal_look(store, see, &l, &err), -EIO);
    assert_non_null(strstr(err.text, "1 bytes from"));
    assert_int_equal(pfs_store_unlink(memory, SEGMENT("1"), NULL), 0);
    for (int i = 0; i < 5000; i++)
        pfs_buf_putc(&bytes, 'x');
    put_file(memory, SEGMENT("1"), &bytes);
    assert_int_equal(pfs_journal_look(store, see, &l, &err), -EIO);
    assert_int_equal(pfs_store_unlink(memory, SEGMENT("1"), NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(segments_go_oldest_first_and_each_durably, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_segment_that_may_stay_keeps_the_younger_ones, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_only_begun_is_removed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_segment_whose_header_is_damaged_is_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_a_later_version_wrote_is_left_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_journal_that_cannot_be_read_is_an_error, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_journal_that_goes_meanwhile_is_nobodys, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_counts_beyond_a_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damage_beyond_a_cut_is_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_cut_of_another_size_is_not_understood, set_up, tear_down),
        cmocka_unit_test_setup_teardown(whoever_looks_sees_all_or_an_error, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
