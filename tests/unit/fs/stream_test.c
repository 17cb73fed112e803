/* stream_test.c - a growing text with a source that does what it is told. */
#include "fs/view/stream.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "fs/tree/tree.h"
#include "tests/unit/cm.h"

static struct {
    struct pfs_pool *pool;
    struct pfs_park *park;
    struct pfs_streams *streams;
} t;

/* A script of what the source answers, call by call: letters are put; '.' ends a step, ',' a part, '!' fails, '#' says
 * that it is over, '-' that there is nothing. At its end there is nothing. */
/* Streams are released after their test has returned: scripts are static. */
struct script {
    char text[200];
    size_t at;
    atomic_int released, held;
};

static int grow(void *context, struct pfs_stream *stream, struct pfs_err *err)
{
    struct script *s = context;

    for (;;) {
        char c = s->text[s->at];

        if (c == '\0')
            return PFS_GROWN_NOTHING;
        s->at++;
        switch (c) {
        case '.':
            pfs_stream_stamp(stream, (int64_t)s->at);
            return PFS_GROWN_STEP;
        case ',':
            return PFS_GROWN_PART;
        case '-':
            return PFS_GROWN_NOTHING;
        case '#':
            return PFS_GROWN_OVER;
        case '!':
            return pfs_fail(err, EIO, "told to");
        default:
            PFS_TRY(pfs_stream_put(stream, pfs_slice_of(&c, 1), err));
        }
    }
}

static void release(void *context)
{
    ((struct script *)context)->released++;
}

static void hold(void *context, bool held)
{
    ((struct script *)context)->held += held ? 1 : -1;
}

static int open_streams(void **state)
{
    struct pfs_streams_config config = {0};

    (void)state;
    assert_int_equal(pfs_pool_open(2, &t.pool, NULL), 0);
    assert_int_equal(pfs_park_open(&t.park, NULL), 0);
    config.pool = t.pool;
    config.park = t.park;
    assert_int_equal(pfs_streams_open(&config, &t.streams, NULL), 0);
    return 0;
}

static int close_streams(void **state)
{
    (void)state;
    pfs_streams_close(t.streams);
    pfs_park_close(t.park);
    pfs_pool_close(t.pool);
    return 0;
}

static struct pfs_stream *start(struct script *s, const char *key)
{
    const struct pfs_stream_source source = {grow, release, s, hold};
    struct pfs_stream *stream;

    assert_int_equal(pfs_streams_get(t.streams, key, &source, &stream, NULL), 0);
    return stream;
}

static int64_t settle(struct pfs_stream *stream)
{
    struct pfs_waiting waiting;
    int64_t result;

    assert_int_equal(pfs_waiting_init(&waiting, NULL), 0);
    pfs_stream_settle(stream, &waiting.request, 0);
    result = pfs_waiting_result(&waiting, NULL);
    pfs_waiting_done(&waiting);
    return result;
}

/* What a read of at most 64 bytes gives; an error as text. */
static const char *read_at(struct pfs_stream *stream, uint64_t off)
{
    static char text[65];
    struct pfs_waiting waiting;
    int64_t got;

    assert_int_equal(pfs_waiting_init(&waiting, NULL), 0);
    pfs_stream_read(stream, &waiting.request, off, text, sizeof(text) - 1, false);
    got = pfs_waiting_result(&waiting, NULL);
    pfs_waiting_done(&waiting);
    if (got < 0)
        return "error";
    text[got] = '\0';
    return text;
}

/* The round that was under way holds the stream a moment longer than the reader that it woke. */
static int released(const struct script *s)
{
    for (int i = 0; i < 5000 && atomic_load(&s->released) == 0; i++)
        usleep(1000);
    return atomic_load(&s->released);
}

static void the_source_is_told_while_handles_are_open(void **state)
{
    static struct script s = {.text = "a."};
    struct pfs_stream *stream = start(&s, "key");

    (void)state;
    assert_int_equal(s.held, 0);
    pfs_stream_hold(stream);
    pfs_stream_hold(stream);
    assert_int_equal(s.held, 1);
    pfs_stream_release(stream);
    assert_int_equal(s.held, 1);
    pfs_stream_release(stream);
    assert_int_equal(s.held, 0);
    pfs_stream_unref(stream);
}

static void steps_are_shown_whole(void **state)
{
    static struct script s = {.text = "head.a,b,c.-d!d,e.#"};
    struct pfs_stream *stream = start(&s, "k");

    (void)state;
    assert_int_equal(settle(stream), 0);
    assert_int_equal(pfs_stream_facts(stream).size, 7);
    assert_string_equal(read_at(stream, 0), "headabc");
    assert_string_equal(read_at(stream, 4), "abc");
    assert_string_equal(read_at(stream, 7), "error"); /* it asks for more, which fails; d is taken back */
    assert_int_equal(pfs_stream_facts(stream).size, 7);
    assert_string_equal(read_at(stream, 7), "de");
    assert_string_equal(read_at(stream, 0), "headabcde");
    assert_string_equal(read_at(stream, 9), "");
    assert_true(pfs_stream_facts(stream).over);
    pfs_stream_unref(stream);
    assert_int_equal(released(&s), 1);
}

static void a_key_has_one_stream_until_it_is_over(void **state)
{
    static struct script first = {.text = "a."}, second = {.text = "b."}, third = {.text = "c."};
    struct pfs_stream *one = start(&first, "k"), *same = start(&second, "k"), *other;

    (void)state;
    assert_ptr_equal(one, same);
    assert_int_equal(released(&second), 1);
    assert_int_equal(settle(one), 0);
    (void)snprintf(first.text + 2, 3, "#");
    assert_int_equal(settle(one), 0);
    other = start(&third, "k");
    assert_ptr_not_equal(one, other);
    assert_int_not_equal(pfs_stream_facts(one).serial, pfs_stream_facts(other).serial);
    assert_string_equal(read_at(one, 0), "a");
    assert_string_equal(read_at(other, 0), "c");
    pfs_stream_unref(one);
    pfs_stream_unref(same);
    pfs_stream_unref(other);
}

static void a_long_text_moves_to_a_file_and_reads_the_same(void **state)
{
    static struct script s = {.text = ""};
    struct pfs_stream *stream = start(&s, NULL);
    static char piece[5000];

    (void)state;
    memset(piece, 'x', sizeof(piece));
    for (int i = 0; i < 40; i++)
        assert_int_equal(pfs_stream_put(stream, pfs_slice_of(piece, sizeof(piece)), NULL), 0);
    (void)snprintf(s.text, sizeof(s.text), "end.");
    assert_int_equal(settle(stream), 0);
    assert_int_equal(pfs_stream_facts(stream).size, 40 * sizeof(piece) + 3);
    assert_string_equal(read_at(stream, 40 * sizeof(piece) - 2), "xxend");
    pfs_stream_unref(stream);
}

/* A reader that waits for what is not there yet. */
struct blocked {
    struct pfs_waiting waiting;
    char text[64];
};

static void block(struct blocked *b, struct pfs_stream *stream)
{
    assert_int_equal(pfs_waiting_init(&b->waiting, NULL), 0);
    pfs_stream_read(stream, &b->waiting.request, 0, b->text, sizeof(b->text), true);
}

static void readers_wait_for_the_next_step_or_an_interrupt(void **state)
{
    static struct script s = {.text = ""};
    struct pfs_stream *stream = start(&s, NULL);
    struct blocked reader[12];

    (void)state;
    pfs_stream_hold(stream);
    for (size_t i = 0; i < COUNT(reader); i++)
        block(&reader[i], stream);
    usleep(20000);
    pfs_park_interrupt(t.park, &reader[0].waiting.request);
    assert_int_equal(pfs_waiting_result(&reader[0].waiting, NULL), -EINTR);
    (void)snprintf(s.text, sizeof(s.text), "now.");
    pfs_streams_poke(t.streams);
    for (size_t i = 1; i < COUNT(reader); i++) {
        assert_int_equal(pfs_waiting_result(&reader[i].waiting, NULL), 3);
        assert_memory_equal(reader[i].text, "now", 3);
    }
    for (size_t i = 0; i < COUNT(reader); i++)
        pfs_waiting_done(&reader[i].waiting);
    pfs_stream_release(stream);
    pfs_stream_unref(stream);
}

static void an_open_handle_is_rendered_for_though_nobody_asks(void **state)
{
    static struct script s = {.text = "soon."};
    struct pfs_stream *stream = start(&s, NULL);

    (void)state;
    pfs_stream_hold(stream);
    for (int i = 0; i < 300 && pfs_stream_facts(stream).size == 0; i++)
        usleep(10000);
    assert_int_equal(pfs_stream_facts(stream).size, 4);
    pfs_stream_release(stream);
    pfs_stream_unref(stream);
}

static void stopping_answers_who_waits(void **state)
{
    static struct script s = {.text = ""};
    struct pfs_stream *stream = start(&s, NULL);
    struct blocked reader;

    (void)state;
    pfs_stream_hold(stream);
    block(&reader, stream);
    pfs_streams_stop(t.streams);
    assert_int_equal(pfs_waiting_result(&reader.waiting, NULL), -ENODEV);
    pfs_waiting_done(&reader.waiting);
    assert_int_equal(settle(stream), -ENODEV);
    pfs_stream_release(stream);
    pfs_stream_unref(stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_source_is_told_while_handles_are_open, open_streams, close_streams),
        cmocka_unit_test_setup_teardown(steps_are_shown_whole, open_streams, close_streams),
        cmocka_unit_test_setup_teardown(a_key_has_one_stream_until_it_is_over, open_streams, close_streams),
        cmocka_unit_test_setup_teardown(a_long_text_moves_to_a_file_and_reads_the_same, open_streams, close_streams),
        cmocka_unit_test_setup_teardown(readers_wait_for_the_next_step_or_an_interrupt, open_streams, close_streams),
        cmocka_unit_test_setup_teardown(an_open_handle_is_rendered_for_though_nobody_asks, open_streams, close_streams),
        cmocka_unit_test_setup_teardown(stopping_answers_who_waits, open_streams, close_streams),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
