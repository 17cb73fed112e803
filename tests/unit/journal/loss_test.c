/* loss_test.c - which records a failed call takes with it, and which not; what is durable when a sync ends, and what
 * came too late for it; in which order segments begin and go. Beside journal_test.c, which fails every call in turn. */
#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "tests/unit/journal/journals.h"

static struct pfs_fault fault;
static struct pfs_store *memory, *store; /* store: the fault store over it */
static struct pfs_journal *journal;
static char calls[2000]; /* since it was emptied */

/* Once, when a call of that kind is about to be made; NULL = never. */
static const char *awaited;
static void (*meanwhile)(void);
static int refusals, refusal; /* how many locked files more cannot be made, with which error */

static void note_call(void *context, const char *op, const char *path)
{
    size_t len = strlen(calls);

    (void)context;
    (void)path;
    (void)snprintf(calls + len, sizeof(calls) - len, "%s ", op);
    if (awaited != NULL && strcmp(awaited, op) == 0) {
        awaited = NULL;
        meanwhile();
    }
    if (refusals > 0 && strcmp(op, "create_locked") == 0) {
        refusals--;
        fault.fail_errno = refusal;
        fault.fail_at = fault.calls;
        if (refusal == EAGAIN) { /* somebody has the lock of a file that was just made */
            struct pfs_file *file;

            assert_int_equal(pfs_store_create(memory, path, &file, NULL), 0);
            pfs_file_close(file);
        }
    }
}

static void open_with(uint64_t segment_bytes, uint64_t limit_bytes)
{
    memory = open_memory();
    fault = (struct pfs_fault){.fail_errno = EIO, .each = note_call};
    assert_int_equal(pfs_store_open_fault(memory, &fault, &store, NULL), 0);
    journal = open_journal(store, segment_bytes, limit_bytes);
    calls[0] = '\0';
    awaited = NULL;
    refusals = 0;
}

#define LARGE 700
#define SEGMENT_BYTES 1000 /* of which one large row leaves no room for another */

/* A row of one letter. */
static const char *large(char letter)
{
    static char row[26][LARGE + 1];
    char *out = row[letter - 'a'];

    memset(out, letter, LARGE);
    return out;
}

/* What the next one finds: the rows of sealed transactions; of a large one its letter, as a capital. */
static void expect_rows(const char *rows)
{
    char found[8000], shown[200] = "";
    size_t len = 0;

    (void)take_rows(memory, found, sizeof(found), true);
    for (char *at = found, *end; (end = strchr(at, ',')) != NULL; at = end + 1)
        len += (size_t)(end - at == LARGE ? snprintf(shown + len, sizeof(shown) - len, "%c,", *at - 'a' + 'A')
                                          : snprintf(shown + len, sizeof(shown) - len, "%.*s,", (int)(end - at), at));
    assert_string_equal(shown, rows);
}

/* A power cut; then what the next one finds: the rows of sealed transactions. */
static void expect_after_power_cut(const char *rows)
{
    fault = (struct pfs_fault){.fail_errno = EIO, .fail_at = 1, .fail_on = true, .each = note_call}; /* it is dead */
    pfs_store_memory_power_cut(memory);
    pfs_journal_close(journal);
    expect_rows(rows);
    pfs_store_close(store);
}

static void expect_at_end(const char *rows)
{
    pfs_journal_close(journal);
    expect_rows(rows);
    assert_int_equal(count_files(memory), 0); /* nor damage that is kept */
    pfs_store_close(store);
}

static int put(uint64_t transaction, const char *text)
{
    PFS_TRY(add(journal, transaction, PFS_JOURNAL_ROWS, text));
    return add(journal, transaction, PFS_JOURNAL_SEAL, "");
}

static int write_one(uint64_t transaction, const char *text)
{
    PFS_TRY(put(transaction, text));
    return pfs_journal_sync(journal, transaction, NULL);
}

static int retire(uint64_t transaction)
{
    return add(journal, transaction, PFS_JOURNAL_RETIRED, "");
}

/* The next sync fails, and what follows does not. */
static int fail_sync(uint64_t transaction)
{
    int rc;

    fault.fail_at = fault.calls + 1;
    rc = pfs_journal_sync(journal, transaction, NULL);
    fault.fail_at = 0;
    return rc;
}

/* ---- segments begin ---- */

/* What it begins with says of older ones what does not count: it is durable before anything follows it. */
static void a_segment_is_durable_before_its_first_record(void **state)
{
    (void)state;
    open_with(0, 0);
    assert_int_equal(add(journal, 1, PFS_JOURNAL_ROWS, "a"), 0);
    assert_string_equal(calls, "create_locked append sync sync_dir reserve append ");
    expect_at_end("");
}

static void one_that_cannot_be_begun_leaves_no_file(void **state)
{
    (void)state;
    for (int call = 1; call <= 4; call++) {
        open_with(0, 0);
        fault.fail_at = call; /* made, written, synced, its name synced */
        assert_int_equal(add(journal, 1, PFS_JOURNAL_ROWS, "a"), -EIO);
        fault.fail_at = 0;
        assert_int_equal(count_files(memory), 0);
        assert_int_equal(pfs_journal_segment(journal), -1);
        assert_int_equal(pfs_journal_bytes(journal), 0); /* nothing waits for an end */
        assert_int_equal(write_one(1, "a"), 0);
        expect_after_power_cut("a,");
    }
}

static void another_name_is_tried_when_one_is_taken(void **state)
{
    static const int codes[] = {EAGAIN, ENOENT, EEXIST};

    (void)state;
    for (size_t i = 0; i < COUNT(codes); i++) {
        struct pfs_err err = {0};

        open_with(0, 0);
        refusal = codes[i];
        refusals = 7;
        assert_int_equal(write_one(1, "a"), 0);
        assert_int_equal(pfs_journal_segment(journal), 7);
        assert_int_equal(count_files(memory), 1);
        refusals = 8;
        fault.fail_at = fault.calls + 1; /* of a file that cannot be written to any more */
        fault.fail_errno = EIO;
        assert_int_equal(add(journal, 2, PFS_JOURNAL_ROWS, "b"), -EIO);
        assert_int_equal(pfs_journal_add(journal, 2, PFS_JOURNAL_ROWS, pfs_str("b"), NULL, &err), -EIO);
        assert_non_null(strstr(err.text, "cannot be locked"));
        expect_after_power_cut("a,");
    }
}

static void a_record_that_just_fits_begins_no_segment(void **state)
{
    struct pfs_place_in_journal first, place;
    uint64_t header;

    (void)state;
    open_with(0, 0);
    assert_int_equal(pfs_journal_add(journal, 1, PFS_JOURNAL_ROWS, pfs_str("a"), &first, NULL), 0);
    header = first.at - 24;
    pfs_journal_close(journal);
    pfs_store_close(store);
    for (int more = 0; more < 2; more++) {
        open_with(header + 2 * 25 + 24, 0);
        assert_int_equal(add(journal, 1, PFS_JOURNAL_ROWS, "a"), 0);
        assert_int_equal(add(journal, 1, PFS_JOURNAL_ROWS, "b"), 0);
        assert_int_equal(pfs_journal_add(journal, 1, PFS_JOURNAL_SEAL, pfs_slice_of("x", (size_t)more), &place, NULL),
                         0);
        assert_int_equal(place.segment, more);
        assert_int_equal(pfs_journal_sync(journal, 1, NULL), 0);
        expect_after_power_cut("a,b,");
    }
}

/* What is only about retired transactions is left, so that it can go; but not for a little. */
static void a_large_segment_of_what_is_retired_is_left(void **state)
{
    static char big[1200000];

    (void)state;
    open_with(0, 0);
    assert_int_equal(write_one(1, "small"), 0);
    assert_int_equal(retire(1), 0);
    assert_int_equal(pfs_journal_sync(journal, 0, NULL), 0);
    memset(big, 'b', sizeof(big) - 1);
    assert_int_equal(write_one(2, big), 0);
    assert_int_equal(write_one(3, "c"), 0);
    assert_int_equal(retire(2), 0);
    assert_int_equal(pfs_journal_sync(journal, 0, NULL), 0);
    assert_int_equal(write_one(4, "d"), 0);
    assert_int_equal(pfs_journal_segment(journal), 0); /* it was small; then 3 waited in it */
    assert_int_equal(retire(3), 0);
    assert_int_equal(retire(4), 0);
    assert_int_equal(pfs_journal_sync(journal, 0, NULL), 0);
    assert_int_equal(write_one(5, "e"), 0);
    assert_int_equal(pfs_journal_segment(journal), 1);
    assert_int_equal(pfs_journal_sync(journal, 0, NULL), 0);
    assert_true(pfs_journal_bytes(journal) < sizeof(big));
    expect_after_power_cut("e,");
}

/* ---- segments go ---- */

/* A younger one may hold the records that retired what is in an older one. */
static void segments_go_each_durably(void **state)
{
    static const char *const waits[] = {"sync", "close"};

    (void)state;
    for (int closing = 0; closing < 2; closing++) {
        const char *at;

        open_with(SEGMENT_BYTES, 0);
        for (uint64_t i = 1; i <= 4; i++)
            assert_int_equal(write_one(i, large('a')), 0);
        for (uint64_t i = 1; i <= 4; i++)
            assert_int_equal(retire(i), 0);
        calls[0] = '\0';
        if (closing == 0)
            assert_int_equal(pfs_journal_sync(journal, 0, NULL), 0);
        else
            pfs_journal_close(journal);
        at = calls;
        for (int i = 0; i < 3; i++) {
            at = strstr(at, "unlink ");
            CHECK(waits[closing], at != NULL);
            at += strlen("unlink ");
            CHECK(waits[closing], strncmp(at, "sync_dir ", 9) == 0);
        }
        if (closing == 0)
            pfs_journal_close(journal);
        assert_int_equal(count_files(memory), 0);
        pfs_store_close(store);
    }
}

/* Neither the removal nor its durability may fail before a younger one goes. At the end of the journal both stay. */
static void a_segment_that_may_stay_keeps_the_younger_ones(void **state)
{
    (void)state;
    for (int call = 1; call <= 2; call++) {
        open_with(SEGMENT_BYTES, 0);
        assert_int_equal(write_one(1, large('a')), 0);
        assert_int_equal(write_one(2, large('b')), 0);
        assert_int_equal(retire(1), 0);
        assert_int_equal(retire(2), 0);
        assert_int_equal(pfs_journal_segment(journal), 1);
        fault.fail_at = fault.calls + 1 + call;
        assert_int_equal(pfs_journal_sync(journal, 0, NULL), 0);
        assert_int_equal(count_files(memory), call == 1 ? 2 : 1);
        assert_int_equal(pfs_journal_bytes(journal), 0);
        fault.fail_at = fault.calls + call; /* once more, at the end */
        pfs_journal_close(journal);
        assert_int_equal(count_files(memory), call == 1 ? 2 : 1);
        pfs_store_close(store);
    }
}

/* What could not be removed still counts, and is tried again. */
static void a_segment_that_could_not_be_removed_counts_and_goes_later(void **state)
{
    uint64_t bytes;

    (void)state;
    open_with(SEGMENT_BYTES, 0);
    assert_int_equal(write_one(1, large('a')), 0);
    assert_int_equal(write_one(2, large('b')), 0);
    assert_int_equal(retire(1), 0);
    bytes = pfs_journal_bytes(journal);
    fault.fail_at = fault.calls + 2;
    assert_int_equal(pfs_journal_sync(journal, 0, NULL), 0);
    fault.fail_at = 0;
    assert_int_equal(pfs_journal_bytes(journal), bytes);
    assert_int_equal(add(journal, 2, PFS_JOURNAL_UNTAIL, ""), 0);
    assert_int_equal(pfs_journal_sync(journal, 0, NULL), 0);
    assert_true(pfs_journal_bytes(journal) < bytes);
    assert_int_equal(count_files(memory), 1);
    expect_at_end("B,");
}

static void remove_all(void)
{
    assert_int_equal(pfs_store_remove_all(memory, ".paimonfs", NULL), 0);
    assert_int_equal(pfs_store_mkdir(memory, ".paimonfs", NULL), 0);
}

static void a_segment_that_somebody_removed_is_gone(void **state)
{
    (void)state;
    open_with(SEGMENT_BYTES, 0);
    assert_int_equal(write_one(1, large('a')), 0);
    assert_int_equal(write_one(2, large('b')), 0);
    assert_int_equal(retire(1), 0);
    awaited = "unlink";
    meanwhile = remove_all;
    calls[0] = '\0';
    assert_int_equal(pfs_journal_sync(journal, 0, NULL), 0);
    assert_string_equal(calls, "sync unlink sync_dir ");
    assert_int_equal(retire(2), 0);
    assert_int_equal(pfs_journal_sync(journal, 0, NULL), 0);
    assert_string_equal(calls, "sync unlink sync_dir append sync "); /* not once more */
    expect_at_end("");
}

/* At the end: one waits for nobody in particular, an older one has rows. */
static void a_retired_segment_behind_one_that_waits_stays(void **state)
{
    (void)state;
    open_with(SEGMENT_BYTES, 0);
    assert_int_equal(write_one(1, large('a')), 0);
    assert_int_equal(write_one(2, large('b')), 0);
    assert_int_equal(write_one(3, large('c')), 0);
    assert_int_equal(retire(2), 0);
    assert_int_equal(retire(3), 0);
    pfs_journal_close(journal);
    assert_int_equal(count_files(memory), 3);
    journal = open_journal(store, 0, 0);
    expect_at_end("A,");
}

/* ---- a full journal ---- */

static void a_full_journal_takes_no_rows_and_all_else(void **state)
{
    static const bool rows[PFS_JOURNAL_KINDS] = {
        [PFS_JOURNAL_BEGIN] = true, [PFS_JOURNAL_ROWS] = true, [PFS_JOURNAL_TAIL] = true, [PFS_JOURNAL_FILES] = true};
    uint64_t bytes;

    (void)state;
    open_with(0, 0);
    assert_int_equal(write_one(1, "a"), 0);
    bytes = pfs_journal_bytes(journal);
    pfs_journal_close(journal);
    pfs_store_close(store);
    for (int kind = 0; kind < PFS_JOURNAL_KINDS; kind++)
        for (int more = 0; more < 2; more++) {
            const int want = rows[kind] && more > 0 ? -EBUSY : 0;

            open_with(0, bytes + 24 + 1); /* one byte more is one too many */
            assert_int_equal(write_one(1, "a"), 0);
            assert_int_equal(add(journal, 2, (enum pfs_journal_kind)kind, more > 0 ? "bb" : "b"),
                             kind == PFS_JOURNAL_RETIRED ? 0 : want);
            pfs_journal_close(journal);
            pfs_store_close(store);
        }
}

/* The end of what fills it could not be written: the next segment begins with it, and makes room. */
static void ends_that_could_not_be_written_make_room(void **state)
{
    (void)state;
    open_with(0, 1200);
    assert_int_equal(write_one(1, large('a')), 0);
    assert_int_equal(write_one(2, large('b')), -EBUSY);
    fault.fail_at = fault.calls + 1;
    assert_int_equal(retire(1), -EIO);
    fault.fail_at = 0;
    assert_int_equal(write_one(3, large('c')), 0);
    expect_after_power_cut("C,");
}

/* ---- an append that fails ---- */

/* Half of it lies at the end of its segment, where nothing may follow. */
static void half_a_record_is_followed_by_none(void **state)
{
    (void)state;
    open_with(0, 0);
    assert_int_equal(write_one(1, "a"), 0);
    fault.short_write = true;
    fault.fail_at = fault.calls + 1;
    assert_int_equal(add(journal, 2, PFS_JOURNAL_ROWS, "lost"), -EIO);
    fault.fail_at = 0;
    assert_int_equal(write_one(3, "c"), 0);
    assert_int_equal(pfs_journal_segment(journal), 1);
    expect_at_end("a,c,");
}

/* A large body is written by itself, behind its head. */
static void a_large_body_that_is_not_written_is_no_record(void **state)
{
    static char big[100000];

    (void)state;
    memset(big, 'x', sizeof(big) - 1);
    open_with(0, 0);
    assert_int_equal(write_one(1, "a"), 0);
    fault.fail_at = fault.calls + 2;
    assert_int_equal(add(journal, 2, PFS_JOURNAL_ROWS, big), -EIO);
    fault.fail_at = 0;
    assert_int_equal(write_one(3, "c"), 0);
    expect_at_end("a,c,");
}

/* It is as if it had never begun: nobody will retire it. */
static void a_transaction_that_has_no_record_waits_for_no_end(void **state)
{
    (void)state;
    open_with(0, 0);
    assert_int_equal(write_one(1, "a"), 0);
    fault.fail_at = fault.calls + 1;
    assert_int_equal(add(journal, 2, PFS_JOURNAL_ROWS, "lost"), -EIO);
    fault.fail_at = 0;
    assert_int_equal(retire(1), 0);
    assert_int_equal(pfs_journal_sync(journal, 0, NULL), 0);
    assert_int_equal(pfs_journal_bytes(journal), 0);
    calls[0] = '\0';
    assert_int_equal(retire(2), 0);
    assert_int_equal(retire(7), 0); /* never heard of */
    assert_string_equal(calls, "");
    expect_at_end("");
}

/* Others sync and go on meanwhile; it is not retired before its end is durable, in whatever segment. */
static void an_end_that_could_not_be_written_is_not_there_before_it_is(void **state)
{
    (void)state;
    for (int cut = 0; cut < 2; cut++) {
        open_with(0, 0);
        assert_int_equal(write_one(1, "a"), 0);
        assert_int_equal(put(2, "b"), 0);
        fault.fail_at = fault.calls + 1;
        assert_int_equal(retire(1), -EIO);
        fault.fail_at = 0;
        assert_int_equal(retire(1), 0); /* it will be */
        assert_int_equal(pfs_journal_sync(journal, 2, NULL), 0);
        if (cut == 0)
            assert_int_equal(write_one(3, "c"), 0);
        expect_after_power_cut(cut == 0 ? "b,c," : "a,b,");
    }
}

static void an_end_is_told_once(void **state)
{
    (void)state;
    open_with(0, 0);
    assert_int_equal(write_one(1, "a"), 0);
    assert_int_equal(retire(1), 0);
    calls[0] = '\0';
    assert_int_equal(retire(1), 0);
    assert_string_equal(calls, "");
    assert_int_equal(pfs_journal_sync(journal, 0, NULL), 0);
    assert_int_equal(pfs_journal_bytes(journal), 0);
    expect_at_end("");
}

/* ---- a sync that fails ---- */

static void only_what_was_not_durable_is_lost(void **state)
{
    struct pfs_place_in_journal kept, lost;
    struct pfs_arena arena = {0};
    struct pfs_slice body;
    struct pfs_err err = {0};

    (void)state;
    open_with(0, 0);
    assert_int_equal(add(journal, 2, PFS_JOURNAL_ROWS, "b"), 0);
    assert_int_equal(pfs_journal_add(journal, 1, PFS_JOURNAL_ROWS, pfs_str("a"), &kept, NULL), 0);
    assert_int_equal(pfs_journal_sync(journal, 0, NULL), 0);
    assert_int_equal(pfs_journal_add(journal, 2, PFS_JOURNAL_ROWS, pfs_str("c"), &lost, NULL), 0);
    assert_int_equal(fail_sync(2), -EIO);
    assert_int_equal(pfs_journal_segment(journal), 1); /* that says so is begun at once */
    assert_int_equal(pfs_journal_read(journal, kept, &arena, &body, &err), 0);
    assert_int_equal(pfs_journal_read(journal, lost, &arena, &body, &err), -EIO);
    assert_non_null(strstr(err.text, "lost with a failed sync"));
    assert_int_equal(add(journal, 2, PFS_JOURNAL_SEAL, ""), -EIO);
    assert_int_equal(add(journal, 1, PFS_JOURNAL_SEAL, ""), 0); /* its last record was the last durable one */
    assert_int_equal(pfs_journal_sync(journal, 1, NULL), 0);
    pfs_arena_done(&arena);
    expect_after_power_cut("a,");
}

/* Its first record was the first after the last durable one. */
static void a_transaction_that_is_lost_from_its_first_record_on_holds_no_segment(void **state)
{
    (void)state;
    open_with(0, 0);
    assert_int_equal(write_one(1, "a"), 0);
    assert_int_equal(add(journal, 2, PFS_JOURNAL_ROWS, "lost"), 0);
    assert_int_equal(fail_sync(2), -EIO);
    assert_int_equal(retire(1), 0);
    assert_int_equal(pfs_journal_sync(journal, 1, NULL), 0);
    assert_int_equal(count_files(memory), 1); /* the first one went */
    assert_true(pfs_journal_bytes(journal) > 0);
    calls[0] = '\0';
    assert_int_equal(retire(2), 0); /* nothing is written for it */
    assert_string_equal(calls, "");
    assert_int_equal(pfs_journal_bytes(journal), 0);
    expect_at_end("");
}

/* The segment that repeats it cannot be begun either, for now. */
static void an_end_that_was_lost_is_no_failure_of_its_transaction(void **state)
{
    (void)state;
    open_with(0, 0);
    assert_int_equal(write_one(1, "a"), 0);
    assert_int_equal(retire(1), 0);
    fault.fail_on = true;
    assert_int_equal(fail_sync(0), -EIO);
    fault.fail_on = false;
    assert_int_equal(pfs_journal_sync(journal, 1, NULL), 0);
    assert_int_equal(write_one(2, "b"), 0);
    expect_after_power_cut("b,");
}

static int told;

static void note_told(void *context, int rc, const struct pfs_err *err)
{
    assert_int_equal(rc, *(const int *)context);
    assert_int_equal(err != NULL && err->text[0] != '\0', rc < 0);
    told++;
}

static void who_does_not_wait_is_told_of_a_loss_in_a_sentence(void **state)
{
    int want = -EIO;

    (void)state;
    open_with(0, 0);
    told = 0;
    assert_int_equal(add(journal, 1, PFS_JOURNAL_ROWS, "a"), 0);
    fault.fail_at = fault.calls + 1;
    pfs_journal_sync_later(journal, 1, PFS_LEAD_HERE, note_told, &want);
    while (pfs_journal_segment(journal) == 0) /* on a busy machine it is the journal's thread that leads */
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    fault.fail_at = 0;
    pfs_journal_sync_later(journal, 1, PFS_LEAD_HERE, note_told, &want); /* it was lost before */
    pfs_journal_close(journal);
    assert_int_equal(told, 2);
    assert_int_equal(count_files(memory), 0);
    pfs_store_close(store);
}

/* ---- what comes meanwhile ---- */

static struct pfs_place_in_journal late;

static void add_late(void)
{
    assert_int_equal(pfs_journal_add(journal, 2, PFS_JOURNAL_ROWS, pfs_str("late"), &late, NULL), 0);
    assert_int_equal(add(journal, 2, PFS_JOURNAL_SEAL, ""), 0);
    assert_int_equal(retire(3), 0);
}

static void what_comes_during_a_sync_is_not_durable_with_it(void **state)
{
    (void)state;
    open_with(SEGMENT_BYTES, 0);
    assert_int_equal(write_one(3, large('c')), 0);
    assert_int_equal(put(1, large('a')), 0);
    awaited = "sync";
    meanwhile = add_late;
    assert_int_equal(pfs_journal_sync(journal, 1, NULL), 0);
    assert_null(awaited);
    assert_false(pfs_journal_is_durable(journal, late));
    assert_int_equal(count_files(memory), 2); /* nor is the end that came with it */
    calls[0] = '\0';
    assert_int_equal(pfs_journal_sync(journal, 2, NULL), 0);
    assert_string_equal(calls, "sync unlink sync_dir ");
    assert_true(pfs_journal_is_durable(journal, late));
    expect_after_power_cut("A,late,");
}

/* ---- a loss while a record is written ---- */

static pthread_t loser;
static bool stays_dead; /* the disk, after the sync */
static struct pfs_place_in_journal early;

static void *lose(void *context)
{
    (void)context;
    fault.fail_on = stays_dead;
    fault.fail_at = fault.calls + 1;
    (void)pfs_journal_sync(journal, 0, NULL); /* ends when the record is written: then another segment begins */
    return NULL;
}

/* Until the segment that is being written to is lost. No call of the store is made here, which would be the one that
 * fails: where no record is there is nothing to read. */
static void lose_meanwhile(void)
{
    struct pfs_place_in_journal beyond = {early.segment, UINT64_C(1) << 40, 1};
    struct pfs_err err = {0};
    struct pfs_slice body;

    assert_int_equal(pthread_create(&loser, NULL, lose, NULL), 0);
    do {
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
        assert_int_equal(pfs_journal_read(journal, beyond, NULL, &body, &err), -EIO);
    } while (strstr(err.text, "lost with a failed sync") == NULL);
    if (!stays_dead)
        fault.fail_at = 0;
}

static void a_record_that_is_written_to_a_lost_segment_is_lost(void **state)
{
    (void)state;
    open_with(0, 0);
    stays_dead = false;
    assert_int_equal(write_one(3, "c"), 0);
    assert_int_equal(pfs_journal_add(journal, 1, PFS_JOURNAL_ROWS, pfs_str("early"), &early, NULL), 0);
    awaited = "append";
    meanwhile = lose_meanwhile;
    assert_int_equal(add(journal, 2, PFS_JOURNAL_ROWS, "b"), -EIO);
    assert_int_equal(pthread_join(loser, NULL), 0);
    assert_int_equal(add(journal, 2, PFS_JOURNAL_SEAL, ""), -EIO); /* a part of it is missing */
    assert_int_equal(retire(2), 0);
    assert_int_equal(retire(1), 0);

    assert_int_equal(pfs_journal_add(journal, 4, PFS_JOURNAL_ROWS, pfs_str("early"), &early, NULL), 0);
    awaited = "append";
    stays_dead = true;
    assert_int_equal(retire(3), -EIO); /* the next segment begins with it, when there is one */
    assert_int_equal(pthread_join(loser, NULL), 0);
    fault.fail_at = 0;
    assert_int_equal(pfs_journal_sync(journal, 3, NULL), 0);
    assert_int_equal(write_one(5, "e"), 0);
    expect_after_power_cut("e,");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_segment_is_durable_before_its_first_record),
        cmocka_unit_test(one_that_cannot_be_begun_leaves_no_file),
        cmocka_unit_test(another_name_is_tried_when_one_is_taken),
        cmocka_unit_test(a_record_that_just_fits_begins_no_segment),
        cmocka_unit_test(a_large_segment_of_what_is_retired_is_left),
        cmocka_unit_test(segments_go_each_durably),
        cmocka_unit_test(a_segment_that_may_stay_keeps_the_younger_ones),
        cmocka_unit_test(a_segment_that_could_not_be_removed_counts_and_goes_later),
        cmocka_unit_test(a_segment_that_somebody_removed_is_gone),
        cmocka_unit_test(a_retired_segment_behind_one_that_waits_stays),
        cmocka_unit_test(a_full_journal_takes_no_rows_and_all_else),
        cmocka_unit_test(ends_that_could_not_be_written_make_room),
        cmocka_unit_test(half_a_record_is_followed_by_none),
        cmocka_unit_test(a_large_body_that_is_not_written_is_no_record),
        cmocka_unit_test(a_transaction_that_has_no_record_waits_for_no_end),
        cmocka_unit_test(an_end_that_could_not_be_written_is_not_there_before_it_is),
        cmocka_unit_test(an_end_is_told_once),
        cmocka_unit_test(only_what_was_not_durable_is_lost),
        cmocka_unit_test(a_transaction_that_is_lost_from_its_first_record_on_holds_no_segment),
        cmocka_unit_test(an_end_that_was_lost_is_no_failure_of_its_transaction),
        cmocka_unit_test(who_does_not_wait_is_told_of_a_loss_in_a_sentence),
        cmocka_unit_test(what_comes_during_a_sync_is_not_durable_with_it),
        cmocka_unit_test(a_record_that_is_written_to_a_lost_segment_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
