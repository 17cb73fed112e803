/* journal_test.c - what was synced is found again, once; what failed is not; locks; retirement. */
#include "src/journal/journal.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/unit/cm.h"

static struct pfs_journal *open_journal(struct pfs_store *store, uint64_t segment_bytes, uint64_t limit_bytes)
{
    struct pfs_journal_config config = {
        .store = store, .user = "me", .segment_bytes = segment_bytes, .limit_bytes = limit_bytes};
    struct pfs_journal *journal;

    assert_int_equal(pfs_journal_open(&config, &journal, NULL), 0);
    return journal;
}

static struct pfs_store *open_memory(void)
{
    struct pfs_store *store;

    assert_int_equal(pfs_store_open_memory(&store, NULL), 0);
    return store;
}

static int add(struct pfs_journal *journal, uint64_t transaction, enum pfs_journal_kind kind, const char *text)
{
    return pfs_journal_add(journal, transaction, kind, pfs_str(text), NULL, NULL);
}

static int count_name(void *context, struct pfs_slice name, bool directory)
{
    int *count = context;

    (void)name;
    (void)directory;
    (*count)++;
    return 0;
}

static int count_files(struct pfs_store *store)
{
    int count = 0, rc = pfs_store_list(store, ".paimonfs", count_name, &count, NULL);

    assert_true(rc == 0 || rc == -ENOENT);
    return count;
}

/* The bodies of all ROWS of transactions that are sealed and not retired, of every journal that can be taken, each
 * followed by a comma; and the journals are given up again, or removed. */
static int32_t take_rows(struct pfs_store *store, char *out, size_t size, bool finished)
{
    struct pfs_journal *journal = open_journal(store, 0, 0);
    struct pfs_foreign **foreign;
    struct pfs_arena arena;
    int32_t count;
    size_t len = 0;

    out[0] = '\0';
    pfs_arena_init(&arena, 0);
    assert_int_equal(pfs_journal_take(journal, &foreign, &count, NULL), 0);
    for (int32_t i = 0; i < count; i++) {
        int64_t records;
        const struct pfs_journal_record *r = pfs_foreign_records(foreign[i], &records);

        assert_string_equal(pfs_foreign_user(foreign[i]), "me");
        for (int64_t k = 0; k < records; k++) {
            bool sealed = false, retired = false;
            struct pfs_slice body;

            assert_int_equal(pfs_foreign_read(foreign[i], r[k].place, &arena, &body, NULL), 0);
            for (int64_t m = k + 1; m < records; m++) {
                sealed |= r[m].transaction == r[k].transaction && r[m].kind == PFS_JOURNAL_SEAL;
                retired |= r[m].transaction == r[k].transaction && r[m].kind == PFS_JOURNAL_RETIRED;
            }
            if (r[k].kind == PFS_JOURNAL_ROWS && sealed && !retired)
                len += (size_t)snprintf(out + len, size - len, "%.*s,", PFS_P(body));
        }
        pfs_foreign_close(foreign[i], finished);
    }
    pfs_free(foreign);
    pfs_arena_done(&arena);
    pfs_journal_close(journal);
    return count;
}

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

/* ---- threads ---- */

#define THREADS 4
#define ROUNDS 200

struct worker {
    struct pfs_journal *journal;
    uint64_t number;
    bool later;
    pthread_mutex_t lock;
    pthread_cond_t told;
    int calls;
    pthread_t waiting; /* the thread that is not to tell */
};

static void tell(void *context, int rc, const struct pfs_err *err)
{
    struct worker *w = context;

    (void)err;
    pthread_mutex_lock(&w->lock);
    w->calls += rc == 0 ? 1 : 1000000;
    pthread_cond_signal(&w->told);
    pthread_mutex_unlock(&w->lock);
}

static void *work(void *context)
{
    struct worker *w = context;
    struct pfs_place_in_journal place;
    struct pfs_arena arena;
    struct pfs_slice body;
    char text[32];

    pfs_arena_init(&arena, 0);
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t t = pfs_journal_transaction(w->journal);
        int rc;

        (void)snprintf(text, sizeof(text), "%llu/%d", (unsigned long long)w->number, i);
        rc = pfs_journal_add(w->journal, t, PFS_JOURNAL_ROWS, pfs_str(text), &place, NULL);
        if (rc == 0)
            rc = add(w->journal, t, PFS_JOURNAL_SEAL, "");
        if (rc == 0 && w->later) {
            pfs_journal_sync_later(w->journal, t, w->number % 4 == 1, tell, w);
            pthread_mutex_lock(&w->lock);
            while (w->calls < i + 1)
                pthread_cond_wait(&w->told, &w->lock);
            rc = w->calls == i + 1 ? 0 : -EIO;
            pthread_mutex_unlock(&w->lock);
        } else if (rc == 0) {
            rc = pfs_journal_sync(w->journal, t, NULL);
        }
        if (rc == 0)
            rc = pfs_journal_read(w->journal, place, &arena, &body, NULL);
        if (rc < 0 || !pfs_slice_eq(body, pfs_str(text)) ||
            (i % 2 == 0 && add(w->journal, t, PFS_JOURNAL_RETIRED, "") < 0)) {
            w->calls = -1;
            break;
        }
    }
    pfs_arena_done(&arena);
    return NULL;
}

static void threads_share_a_journal(void **state)
{
    struct pfs_store *store = open_memory();
    struct pfs_journal *journal = open_journal(store, 4000, 0);
    struct worker worker[THREADS];
    pthread_t thread[THREADS];
    static char rows[100000];
    int commas = 0;

    (void)state;
    for (uint64_t i = 0; i < THREADS; i++) {
        worker[i] = (struct worker){.journal = journal, .number = i, .later = i % 2 == 1};
        pthread_mutex_init(&worker[i].lock, NULL);
        pthread_cond_init(&worker[i].told, NULL);
        assert_int_equal(pthread_create(&thread[i], NULL, work, &worker[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(thread[i], NULL), 0);
        assert_int_equal(worker[i].calls, worker[i].later ? ROUNDS : 0);
    }
    pfs_journal_close(journal);
    assert_int_equal(take_rows(store, rows, sizeof(rows), true), 1);
    for (const char *c = rows; *c != '\0'; c++)
        commas += *c == ',';
    assert_int_equal(commas, THREADS * ROUNDS / 2);
    pfs_store_close(store);
}

/* A store whose first sync takes so long that somebody else comes meanwhile. */
static struct {
    struct pfs_store_ops store, file;
    const struct pfs_store_ops *store_below, *file_below;
    struct pfs_journal *journal;
    struct worker late;
    pthread_t thread;
    bool comes;
    int delay_us, syncs;
} slow;

static void *come_late(void *context)
{
    (void)context;
    if (add(slow.journal, 2, PFS_JOURNAL_ROWS, "late") == 0)
        pfs_journal_sync_later(slow.journal, 2, false, tell, &slow.late);
    return NULL;
}

static int sync_slowly(struct pfs_file *file, struct pfs_err *err)
{
    if (slow.comes) {
        slow.comes = false;
        assert_int_equal(pthread_create(&slow.thread, NULL, come_late, NULL), 0);
        usleep(50000);
    }
    slow.syncs++; /* one at a time */
    usleep((useconds_t)slow.delay_us);
    return slow.file_below->sync(file, err);
}

static int open_slowly(void *self, const char *path, bool create, struct pfs_file **out, struct pfs_err *err)
{
    int rc = slow.store_below->open_locked(self, path, create, out, err);

    if (rc == 0) {
        slow.file_below = (*out)->ops;
        slow.file = *slow.file_below;
        slow.file.sync = sync_slowly;
        (*out)->ops = &slow.file;
    }
    return rc;
}

static struct pfs_store *open_slow_memory(int delay_us)
{
    struct pfs_store *store = open_memory();

    memset(&slow, 0, sizeof(slow));
    slow.delay_us = delay_us;
    slow.store_below = store->ops;
    slow.store = *store->ops;
    slow.store.open_locked = open_slowly;
    store->ops = &slow.store;
    return store;
}

static void who_comes_while_another_syncs_for_itself_is_served(void **state)
{
    struct pfs_store *store = open_slow_memory(0);
    struct timespec until;

    (void)state;
    pthread_mutex_init(&slow.late.lock, NULL);
    pthread_cond_init(&slow.late.told, NULL);
    slow.journal = open_journal(store, 0, 0);
    assert_int_equal(add(slow.journal, 1, PFS_JOURNAL_ROWS, "early"), 0);
    slow.comes = true;
    assert_int_equal(pfs_journal_sync(slow.journal, 1, NULL), 0);
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 10;
    pthread_mutex_lock(&slow.late.lock);
    while (slow.late.calls == 0 && pthread_cond_timedwait(&slow.late.told, &slow.late.lock, &until) == 0)
        ;
    assert_int_equal(slow.late.calls, 1);
    pthread_mutex_unlock(&slow.late.lock);
    assert_int_equal(pthread_join(slow.thread, NULL), 0);
    pfs_journal_close(slow.journal);
    pfs_store_close(store);
}

/* Who syncs may hold locks that those who are told want. */
static void note_thread(void *context, int rc, const struct pfs_err *err)
{
    struct worker *w = context;

    (void)err;
    pthread_mutex_lock(&w->lock);
    w->calls += rc != 0 || pthread_equal(w->waiting, pthread_self()) ? 1000000 : 1;
    pthread_cond_signal(&w->told);
    pthread_mutex_unlock(&w->lock);
}

static void nobody_is_told_by_one_who_waits_for_a_sync(void **state)
{
    struct pfs_store *store = open_slow_memory(500);
    struct pfs_journal *journal = open_journal(store, 0, 0);
    struct worker other = {.waiting = pthread_self()};

    (void)state;
    pthread_mutex_init(&other.lock, NULL);
    pthread_cond_init(&other.told, NULL);
    for (int i = 1; i <= 300; i++) {
        uint64_t first = pfs_journal_transaction(journal), second = pfs_journal_transaction(journal);

        assert_int_equal(add(journal, first, PFS_JOURNAL_ROWS, "told"), 0);
        assert_int_equal(add(journal, second, PFS_JOURNAL_ROWS, "waits"), 0);
        pfs_journal_sync_later(journal, first, false, note_thread, &other);
        assert_int_equal(pfs_journal_sync(journal, second, NULL), 0);
        pthread_mutex_lock(&other.lock);
        while (other.calls < i)
            pthread_cond_wait(&other.told, &other.lock);
        pthread_mutex_unlock(&other.lock);
        assert_int_equal(other.calls, i);
    }
    pfs_journal_close(journal);
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

#define WRITERS 4
#define APPENDS 20

static void *append_often(void *context)
{
    struct worker *w = context;

    for (int i = 0; i < APPENDS; i++) {
        uint64_t t = pfs_journal_transaction(w->journal);

        if (add(w->journal, t, PFS_JOURNAL_ROWS, "row") < 0)
            break;
        pfs_journal_sync_later(w->journal, t, false, tell, w);
        pthread_mutex_lock(&w->lock);
        while (w->calls < i + 1)
            pthread_cond_wait(&w->told, &w->lock);
        pthread_mutex_unlock(&w->lock);
    }
    return NULL;
}

/* They come back sooner than a sync takes: one sync is for all of them, and not one for half of them at a time. */
static void a_slow_sync_is_shared_by_all_who_append(void **state)
{
    struct pfs_store *store = open_slow_memory(20000);
    struct pfs_journal *journal = open_journal(store, 0, 0);
    struct worker worker[WRITERS];
    pthread_t thread[WRITERS];

    (void)state;
    for (int i = 0; i < WRITERS; i++) {
        worker[i] = (struct worker){.journal = journal};
        pthread_mutex_init(&worker[i].lock, NULL);
        pthread_cond_init(&worker[i].told, NULL);
        assert_int_equal(pthread_create(&thread[i], NULL, append_often, &worker[i]), 0);
    }
    for (int i = 0; i < WRITERS; i++) {
        assert_int_equal(pthread_join(thread[i], NULL), 0);
        assert_int_equal(worker[i].calls, APPENDS);
    }
    assert_in_range(slow.syncs, APPENDS, APPENDS * 8 / 5);
    pfs_journal_close(journal);
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
        cmocka_unit_test(threads_share_a_journal),
        cmocka_unit_test(who_comes_while_another_syncs_for_itself_is_served),
        cmocka_unit_test(a_slow_sync_is_shared_by_all_who_append),
        cmocka_unit_test(nobody_is_told_by_one_who_waits_for_a_sync),
        cmocka_unit_test(an_end_that_cannot_be_written_holds_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
