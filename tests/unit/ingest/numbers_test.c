/* numbers_test.c - no number is given twice: by several writers, after every failure, after every crash, when the clock
 * goes back. */
#include "src/ingest/numbers.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/unit/cm.h"

#define EPOCH_MS 1704067200000

static int64_t wall_ms;

static int64_t now_ms(void *self)
{
    (void)self;
    return wall_ms;
}

static const struct pfs_clock clock_of_test = {.now_ms = now_ms};

static struct pfs_numbers *open_numbers(struct pfs_store *store, enum pfs_number_generator generator)
{
    const struct pfs_numbers_config config = {.generator = generator,
                                              .store = store,
                                              .clock = &clock_of_test,
                                              .directory = "d.db/t/n",
                                              .most = INT64_MAX - 1};
    struct pfs_numbers *numbers;

    assert_int_equal(pfs_numbers_open(&config, &numbers, NULL), 0);
    return numbers;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static void check_distinct(const char *what, int64_t *number, int64_t count)
{
    qsort(number, (size_t)count, sizeof(*number), by_value);
    for (int64_t i = 1; i < count; i++)
        if (number[i] == number[i - 1])
            fail_msg("%s: %lld was given twice", what, (long long)number[i]);
}

static int64_t given[1 << 18];

static void a_sequence_begins_with_one_and_leaves_nothing_out(void **state)
{
    struct pfs_store *store;
    struct pfs_numbers *numbers;

    (void)state;
    assert_int_equal(pfs_store_open_memory(&store, NULL), 0);
    numbers = open_numbers(store, PFS_GENERATOR_SEQUENCE);
    for (int64_t i = 0; i < 10000; i += 7)
        assert_int_equal(pfs_numbers_take(numbers, 7, given + i, NULL), 0);
    for (int64_t i = 0; i < 10000; i++)
        assert_int_equal(given[i], i + 1);
    pfs_numbers_close(numbers);
    pfs_store_close(store);
}

static void writers_that_take_turns_share_no_number(void **state)
{
    (void)state;
    for (int generator = 0; generator < 2; generator++) {
        struct pfs_numbers *numbers[5];
        struct pfs_store *store;
        int64_t count = 0;

        wall_ms = EPOCH_MS + 1000;
        assert_int_equal(pfs_store_open_memory(&store, NULL), 0);
        for (int i = 0; i < 5; i++)
            numbers[i] = open_numbers(store, (enum pfs_number_generator)generator);
        for (int round = 0; round < 400; round++, wall_ms += round % 3)
            for (int i = 0; i < 5; i++, count += 50)
                assert_int_equal(pfs_numbers_take(numbers[i], 50, given + count, NULL), 0);
        for (int i = 0; i < 5; i++)
            pfs_numbers_close(numbers[i]);
        check_distinct(generator == 0 ? "sequence" : "snowflake", given, count);
        pfs_store_close(store);
    }
}

struct taker {
    struct pfs_store *store;
    int64_t *out;
    int generator;
};

static void *take_many(void *context)
{
    const struct taker *t = context;

    for (int life = 0; life < 100; life++) { /* each begins a block, or a lease, of its own */
        struct pfs_numbers *numbers = open_numbers(t->store, (enum pfs_number_generator)t->generator);

        assert_int_equal(pfs_numbers_take(numbers, 300, t->out + life * 300, NULL), 0);
        pfs_numbers_close(numbers);
    }
    return NULL;
}

static void writers_at_once_share_no_number(void **state)
{
    (void)state;
    wall_ms = EPOCH_MS + 1000;
    for (int generator = 0; generator < 2; generator++) {
        struct taker taker[4];
        pthread_t thread[4];
        struct pfs_store *store;

        assert_int_equal(pfs_store_open_memory(&store, NULL), 0);
        for (int i = 0; i < 4; i++) {
            taker[i] = (struct taker){store, given + i * 30000, generator};
            assert_int_equal(pthread_create(&thread[i], NULL, take_many, &taker[i]), 0);
        }
        for (int i = 0; i < 4; i++)
            assert_int_equal(pthread_join(thread[i], NULL), 0);
        check_distinct(generator == 0 ? "sequence" : "snowflake", given, 120000);
        pfs_store_close(store);
    }
}

#define INTRUSIONS 40 /* blocks: more than are kept, so that the intruder leaves a hole */

struct intruder {
    struct pfs_store *store;
    int64_t *out;
    int64_t at, calls;
};

/* Between two calls of another writer. */
static void intrude(void *context, const char *op, const char *path)
{
    struct intruder *in = context;

    (void)op;
    (void)path;
    if (++in->calls != in->at)
        return;
    for (int life = 0; life < INTRUSIONS; life++) {
        struct pfs_numbers *numbers = open_numbers(in->store, PFS_GENERATOR_SEQUENCE);

        assert_int_equal(pfs_numbers_take(numbers, 10, in->out + life * 10, NULL), 0);
        pfs_numbers_close(numbers);
    }
}

static void a_block_that_others_had_meanwhile_is_not_given(void **state)
{
    struct intruder in = {.at = 1};

    (void)state;
    do {
        struct pfs_fault fault = {.each = intrude, .context = &in};
        struct pfs_store *store;
        struct pfs_numbers *numbers;
        char what[64];

        in.calls = 0;
        in.out = given + 9000;
        memset(in.out, 0, sizeof(*in.out) * INTRUSIONS * 10);
        assert_int_equal(pfs_store_open_memory(&in.store, NULL), 0);
        assert_int_equal(pfs_store_open_fault(in.store, &fault, &store, NULL), 0);
        numbers = open_numbers(store, PFS_GENERATOR_SEQUENCE);
        assert_int_equal(pfs_numbers_take(numbers, 9000, given, NULL), 0);
        (void)snprintf(what, sizeof(what), "call %lld", (long long)in.at);
        if (in.calls >= in.at)
            check_distinct(what, given, 9000 + INTRUSIONS * 10);
        pfs_numbers_close(numbers);
        pfs_store_close(store);
    } while (in.at++ < in.calls);
    assert_true(in.at > 20);
}

static void a_sequence_ends_at_its_bound(void **state)
{
    const struct pfs_numbers_config config = {.store = NULL, .directory = "n", .most = 2500};
    struct pfs_numbers_config mine = config;
    struct pfs_numbers *numbers;

    (void)state;
    assert_int_equal(pfs_store_open_memory(&mine.store, NULL), 0);
    assert_int_equal(pfs_numbers_open(&mine, &numbers, NULL), 0);
    assert_int_equal(pfs_numbers_take(numbers, 2500, given, NULL), 0);
    assert_int_equal(given[2499], 2500);
    assert_int_equal(pfs_numbers_take(numbers, 1, given, NULL), -ERANGE);
    pfs_numbers_close(numbers);
    pfs_store_close(mine.store);
}

static void a_directory_made_anew_gets_no_old_block(void **state)
{
    struct pfs_numbers *old, *anew;
    struct pfs_store *store;

    (void)state;
    assert_int_equal(pfs_store_open_memory(&store, NULL), 0);
    old = open_numbers(store, PFS_GENERATOR_SEQUENCE);
    assert_int_equal(pfs_numbers_take(old, 10, given, NULL), 0);
    assert_int_equal(pfs_store_remove_all(store, "d.db/t/n", NULL), 0);
    anew = open_numbers(store, PFS_GENERATOR_SEQUENCE);
    assert_int_equal(pfs_numbers_check(old, NULL), 0);
    assert_int_equal(pfs_numbers_take(anew, 20, given, NULL), 0);
    assert_int_equal(pfs_numbers_take(old, 20, given + 20, NULL), 0);
    check_distinct("after DROP TABLE", given, 40);
    pfs_numbers_close(old);
    pfs_numbers_close(anew);
    pfs_store_close(store);
}

/* A snowflake holds a time, a worker and a counter, and ascends; more than there are of a millisecond run ahead. */
static void a_snowflake_is_made_of_its_parts(void **state)
{
    struct pfs_numbers *numbers;
    struct pfs_store *store;

    (void)state;
    wall_ms = EPOCH_MS + 5000;
    assert_int_equal(pfs_store_open_memory(&store, NULL), 0);
    numbers = open_numbers(store, PFS_GENERATOR_SNOWFLAKE);
    assert_int_equal(pfs_numbers_take(numbers, 5000, given, NULL), 0);
    assert_int_equal(given[0], (int64_t)5000 << 22);
    assert_int_equal(given[4095], ((int64_t)5000 << 22) + 4095);
    assert_int_equal(given[4096], (int64_t)5001 << 22);
    for (int i = 1; i < 5000; i++)
        assert_true(given[i] > given[i - 1]);
    pfs_numbers_close(numbers);
    pfs_store_close(store);
}

static void a_clock_that_goes_back_gives_no_snowflake_again(void **state)
{
    struct pfs_numbers *numbers;
    struct pfs_store *store;
    int64_t count = 0;

    (void)state;
    assert_int_equal(pfs_store_open_memory(&store, NULL), 0);
    for (int life = 0; life < 20; life++) {
        wall_ms = EPOCH_MS + 1000000 - 7 * life;
        numbers = open_numbers(store, PFS_GENERATOR_SNOWFLAKE);
        for (int i = 0; i < 100; i++, wall_ms -= i % 2 * 5, count += 3)
            assert_int_equal(pfs_numbers_take(numbers, 3, given + count, NULL), 0);
        pfs_numbers_close(numbers);
    }
    check_distinct("the clock goes back", given, count);
    pfs_store_close(store);
}

static void a_worker_file_that_was_cut_off_keeps_its_bound(void **state)
{
    static const char *const texts[] = {
        "", "\n", "\n5000000\n", "\n5000000\n\n", "\n5000000\n\n60", "\n4\n\n5000000\n\n"};

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct pfs_numbers *numbers;
        struct pfs_store *store;
        struct pfs_file *file;

        wall_ms = EPOCH_MS + 10;
        assert_int_equal(pfs_store_open_memory(&store, NULL), 0);
        assert_int_equal(pfs_store_create(store, "d.db/t/n/worker-0", &file, NULL), 0);
        assert_int_equal(pfs_file_append(file, texts[i], strlen(texts[i]), NULL), 0);
        pfs_file_close(file);
        for (int life = 0; life < 2; life++) {
            numbers = open_numbers(store, PFS_GENERATOR_SNOWFLAKE);
            assert_int_equal(pfs_numbers_take(numbers, 1, given + life, NULL), 0);
            pfs_numbers_close(numbers);
            CHECK(texts[i], i < 2 || given[life] >= (int64_t)5000000 << 22);
            CHECK(texts[i], (given[life] >> 12 & 1023) == 0);
        }
        CHECK(texts[i], given[1] > given[0]);
        pfs_store_close(store);
    }
}

/* Files that are none of ours, or not what they should be. */
static void damage_is_refused_or_passed_over(void **state)
{
    struct pfs_numbers *numbers;
    struct pfs_store *store;
    struct pfs_err err = {0};

    (void)state;
    wall_ms = EPOCH_MS + 10;
    assert_int_equal(pfs_store_open_memory(&store, NULL), 0);
    assert_int_equal(pfs_store_publish(store, "d.db/t/n/worker-0", pfs_str("what is this\n"), false, NULL), 0);
    assert_int_equal(pfs_store_publish(store, "d.db/t/n/7x", pfs_str("8\n"), false, NULL), 0);
    numbers = open_numbers(store, PFS_GENERATOR_SNOWFLAKE);
    assert_int_equal(pfs_numbers_take(numbers, 1, given, NULL), 0);
    assert_int_equal(given[0] >> 12 & 1023, 1);
    pfs_numbers_close(numbers);
    numbers = open_numbers(store, PFS_GENERATOR_SEQUENCE);
    assert_int_equal(pfs_numbers_take(numbers, 1, given, NULL), 0);
    assert_int_equal(given[0], 1);
    assert_int_equal(pfs_store_publish(store, "d.db/t/n/9", pfs_str("-3\n"), false, NULL), 0);
    assert_int_equal(pfs_numbers_take(numbers, 5000, given, &err), -EIO);
    assert_true(err.text[0] != '\0');
    pfs_numbers_close(numbers);
    pfs_store_close(store);
}

/* Every call of the store fails once, and then the power goes; what was given before stays given. */
static void no_failure_and_no_power_cut_gives_a_number_twice(void **state)
{
    (void)state;
    for (int generator = 0; generator < 2; generator++) {
        bool failed = true;

        for (int64_t call = 1; failed; call++) {
            struct pfs_fault fault = {
                .fail_at = call, .fail_errno = EIO, .fail_on = call % 2 == 0, .short_write = true};
            struct pfs_store *memory, *store;
            struct pfs_numbers *numbers;
            int64_t count = 0;
            char what[64];

            wall_ms = EPOCH_MS + 1000;
            failed = false;
            assert_int_equal(pfs_store_open_memory(&memory, NULL), 0);
            assert_int_equal(pfs_store_open_fault(memory, &fault, &store, NULL), 0);
            for (int life = 0; life < 4; life++) {
                numbers = open_numbers(store, (enum pfs_number_generator)generator);
                for (int i = 0; i < 3; i++, wall_ms += 40000) {
                    int rc = pfs_numbers_take(numbers, 600, given + count, NULL);

                    failed |= rc < 0;
                    count += rc == 0 ? 600 : 0;
                }
                wall_ms -= 100000;
                pfs_numbers_close(numbers);
                pfs_store_memory_power_cut(memory);
                fault.fail_on = false;
            }
            (void)snprintf(what, sizeof(what), "%d, call %lld", generator, (long long)call);
            check_distinct(what, given, count);
            CHECK(what, count >= 1800);
            pfs_store_close(store);
        }
    }
}

/* Takes and says what it took, until it is killed at a call. */
static void take_and_die(const char *root, int generator, int64_t die_at, int told)
{
    struct pfs_fault fault = {.die_at = die_at};
    struct pfs_store *posix, *store;
    struct pfs_numbers *numbers;
    int64_t some[600];

    if (pfs_store_open_posix(root, &posix, NULL) < 0 || pfs_store_open_fault(posix, &fault, &store, NULL) < 0)
        _exit(3);
    numbers = open_numbers(store, (enum pfs_number_generator)generator);
    for (int i = 0; i < 4; i++, wall_ms += 40000)
        if (pfs_numbers_take(numbers, COUNT(some), some, NULL) < 0 ||
            write(told, some, sizeof(some)) != (ssize_t)sizeof(some))
            _exit(3);
    pfs_numbers_close(numbers);
    pfs_store_close(store);
    _exit(0);
}

/* One process after the other on the same directory, each killed one call later. */
static void processes_that_are_killed_share_no_number(void **state)
{
    (void)state;
    for (int generator = 0; generator < 2; generator++) {
        char root[] = "/tmp/paimonfs-numbers.XXXXXX";
        struct pfs_store *store;
        int64_t count = 0, die_at = 1;
        int status;

        assert_non_null(mkdtemp(root));
        do {
            size_t got = 0;
            ssize_t some;
            int told[2];
            pid_t child;

            wall_ms = EPOCH_MS + 1000;
            assert_int_equal(pipe(told), 0);
            child = fork();
            if (child == 0)
                take_and_die(root, generator, die_at, told[1]);
            (void)close(told[1]);
            while ((some = read(told[0], (char *)(given + count) + got, 1 << 16)) > 0)
                got += (size_t)some;
            (void)close(told[0]);
            assert_int_equal(waitpid(child, &status, 0), child);
            count += (int64_t)(got / sizeof(*given));
            assert_true(count < (1 << 17));
            die_at++;
        } while (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        assert_int_equal(WEXITSTATUS(status), 0);
        assert_true(die_at > 5 && count >= 2400);
        check_distinct(generator == 0 ? "sequence" : "snowflake", given, count);
        assert_int_equal(pfs_store_open_posix("/tmp", &store, NULL), 0);
        assert_int_equal(pfs_store_remove_all(store, root + 5, NULL), 0);
        pfs_store_close(store);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sequence_begins_with_one_and_leaves_nothing_out),
        cmocka_unit_test(writers_that_take_turns_share_no_number),
        cmocka_unit_test(writers_at_once_share_no_number),
        cmocka_unit_test(a_block_that_others_had_meanwhile_is_not_given),
        cmocka_unit_test(a_sequence_ends_at_its_bound),
        cmocka_unit_test(a_directory_made_anew_gets_no_old_block),
        cmocka_unit_test(a_snowflake_is_made_of_its_parts),
        cmocka_unit_test(a_clock_that_goes_back_gives_no_snowflake_again),
        cmocka_unit_test(a_worker_file_that_was_cut_off_keeps_its_bound),
        cmocka_unit_test(damage_is_refused_or_passed_over),
        cmocka_unit_test(no_failure_and_no_power_cut_gives_a_number_twice),
        cmocka_unit_test(processes_that_are_killed_share_no_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
