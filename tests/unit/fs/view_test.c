/* view_test.c - views over a source that prints numbered lines: sizes, reads in any order, what is kept. */
#include "fs/view/view.h"

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "fs/tree/tree.h"
#include "tests/unit/cm.h"

#define LINE 16
#define STEP_LINES 8192

static struct {
    struct pfs_pool *pool;
    struct pfs_park *park;
    struct pfs_views *views;
    struct pfs_waiting waiting;
} t;

/* A text of `lines` lines of 16 bytes, each its number. */
struct text {
    int64_t lines;
    int64_t fail_at; /* 0 = never */
    int64_t slow_us; /* a step */
    bool lasting;    /* its size is kept on disk */
    atomic_int begun, ended, released;
    atomic_llong steps;
};

struct pass {
    struct text *text;
    int64_t line;
};

static int begin(void *context, const struct pfs_mark *from, const struct pfs_cancel *cancel, void **pass,
                 struct pfs_err *err)
{
    struct text *text = context;
    struct pass *p = pfs_zalloc(sizeof(*p));

    (void)cancel;
    (void)err;
    assert_non_null(p);
    p->text = text;
    p->line = from == NULL ? 0 : from->row;
    assert_true(from == NULL || from->off == (uint64_t)from->row * LINE);
    atomic_fetch_add(&text->begun, 1);
    *pass = p;
    return 0;
}

static void put_line(char *to, int64_t number)
{
    to[LINE - 1] = '\n';
    for (int i = LINE - 2; i >= 0; i--, number /= 10)
        to[i] = (char)('0' + number % 10);
}

static int step(void *pass, struct pfs_sink *sink, struct pfs_err *err)
{
    struct pass *p = pass;
    char *bytes = malloc((size_t)STEP_LINES * LINE);
    int64_t count = 0;
    int rc;

    pfs_sink_mark(sink, 7, p->line);
    for (; count < STEP_LINES && p->line < p->text->lines; count++, p->line++)
        put_line(bytes + count * LINE, p->line);
    rc = pfs_sink_write(sink, pfs_slice_of(bytes, (size_t)count * LINE), err);
    free(bytes);
    atomic_fetch_add(&p->text->steps, 1);
    if (p->text->slow_us > 0)
        usleep((useconds_t)p->text->slow_us);
    if (rc == 0 && p->text->fail_at > 0 && p->line >= p->text->fail_at)
        return pfs_fail(err, EIO, "the text ends here");
    return rc < 0 ? rc : p->line < p->text->lines;
}

static void end(void *pass)
{
    struct pass *p = pass;

    atomic_fetch_add(&p->text->ended, 1);
    pfs_free(p);
}

static void release(void *context)
{
    atomic_fetch_add(&((struct text *)context)->released, 1);
}

static struct pfs_view *view_of(struct text *text, const char *key)
{
    struct pfs_view_source source = {
        .begin = begin, .step = step, .end = end, .release = release, .context = text, .lasting = text->lasting};
    struct pfs_view *view;

    assert_int_equal(pfs_views_get(t.views, key, &source, &view, NULL), 0);
    return view;
}

static void open_views(const char *dir, uint64_t cache_bytes, const char *warehouse)
{
    struct pfs_views_config config = {
        .cache_dir = dir, .cache_bytes = cache_bytes, .memory_bytes = (size_t)32 << 20, .warehouse = warehouse};

    assert_int_equal(pfs_pool_open(2, &t.pool, NULL), 0);
    assert_int_equal(pfs_park_open(&t.park, NULL), 0);
    config.pool = t.pool;
    config.park = t.park;
    assert_int_equal(pfs_views_open(&config, &t.views, NULL), 0);
    assert_int_equal(pfs_waiting_init(&t.waiting, NULL), 0);
}

static void close_views(void)
{
    pfs_waiting_done(&t.waiting);
    pfs_views_close(t.views);
    pfs_park_close(t.park);
    pfs_pool_close(t.pool);
}

static int64_t size_of(struct pfs_view *view, int64_t wait_ms)
{
    uint64_t size = 0;
    int64_t rc;

    pfs_view_size(view, &t.waiting.request, &size, wait_ms);
    rc = pfs_waiting_result(&t.waiting, NULL);
    return rc < 0 ? rc : (int64_t)size;
}

/* Reads lines [line, line + count) and sees that they are those; the number of bytes. */
static int64_t read_lines(struct pfs_view *view, int64_t line, int64_t count)
{
    size_t len = (size_t)count * LINE;
    char *bytes = malloc(len), want[LINE];
    int64_t got;

    pfs_view_read(view, &t.waiting.request, (uint64_t)line * LINE, bytes, len, NULL);
    got = pfs_waiting_result(&t.waiting, NULL);
    for (int64_t i = 0; i < got / LINE; i++) {
        put_line(want, line + i);
        assert_memory_equal(bytes + i * LINE, want, LINE);
    }
    free(bytes);
    return got;
}

static void settle_down(const struct text *text)
{
    for (int i = 0; i < 3000 && atomic_load(&text->begun) != atomic_load(&text->ended); i++)
        usleep(1000);
    assert_int_equal(atomic_load(&text->begun), atomic_load(&text->ended));
}

/* By whoever lets go of the view last, which may be its rendering. */
static void check_released(const struct text *text)
{
    for (int i = 0; i < 3000 && atomic_load(&text->released) == 0; i++)
        usleep(1000);
    assert_int_equal(atomic_load(&text->released), 1);
}

static void a_text_is_rendered_once_for_its_size_and_all_readers(void **state)
{
    struct text text = {.lines = 100000};
    struct pfs_view *view;

    (void)state;
    open_views(NULL, 0, NULL);
    view = view_of(&text, "a");
    assert_int_equal(size_of(view, 0), 100000 * LINE);
    pfs_view_hold(view);
    assert_int_equal(read_lines(view, 0, 100001), 100000 * LINE);
    assert_int_equal(read_lines(view, 99999, 5), LINE);
    assert_int_equal(read_lines(view, 100000, 5), 0);
    assert_int_equal(read_lines(view, 200000, 5), 0);
    pfs_view_release(view);
    assert_int_equal(atomic_load(&text.begun), 1);
    pfs_view_unref(view);
    check_released(&text);
    close_views();
}

static void a_text_too_large_to_keep_is_read_from_marks(void **state)
{
    struct text text = {.lines = (int64_t)12 << 20}; /* 192 MiB: two marks */
    int64_t last = text.lines - 1;
    struct pfs_view *view;

    (void)state;
    open_views("/var/tmp", (uint64_t)64 << 20, NULL);
    view = view_of(&text, "large");
    assert_int_equal(size_of(view, 0), text.lines * LINE);
    assert_int_equal(atomic_load(&text.begun), 1);
    pfs_view_hold(view);
    for (int64_t line = 0; line < text.lines; line += 65536)
        assert_int_equal(read_lines(view, line, 65536), 65536 * LINE);
    assert_in_range(atomic_load(&text.begun), 1, 2); /* in order: one more */
    atomic_store(&text.steps, 0);
    assert_int_equal(read_lines(view, last - 9, 20), 10 * LINE);
    assert_int_equal(read_lines(view, 5, 10), 10 * LINE);
    assert_int_equal(read_lines(view, (int64_t)9 << 20, 10), 10 * LINE);
    assert_int_equal(read_lines(view, 100, 10), 10 * LINE);
    assert_int_equal(read_lines(view, (int64_t)11 << 20, 10), 10 * LINE);
    assert_int_equal(read_lines(view, (int64_t)5 << 20, 10), 10 * LINE);
    assert_true(atomic_load(&text.steps) < 2 * text.lines / STEP_LINES);
    pfs_view_release(view);
    settle_down(&text);
    pfs_view_unref(view);
    close_views();
}

static void a_reader_of_a_large_text_is_not_run_away_from(void **state)
{
    struct text text = {.lines = (int64_t)12 << 20};
    struct pfs_view *view;

    (void)state;
    open_views("/var/tmp", (uint64_t)64 << 20, NULL);
    view = view_of(&text, "large");
    pfs_view_hold(view);
    assert_int_equal(read_lines(view, 0, 10), 10 * LINE);
    usleep(300000);
    assert_true(atomic_load(&text.steps) * STEP_LINES * LINE < 32 << 20); /* it pauses */
    assert_int_equal(read_lines(view, text.lines / 2, 10), 10 * LINE);
    assert_int_equal(atomic_load(&text.begun), 1);
    assert_int_equal(size_of(view, 0), text.lines * LINE);
    pfs_view_release(view);
    settle_down(&text);
    pfs_view_unref(view);
    close_views();
}

/* There is one slot: the budget is small. */
static void readers_of_more_views_than_are_rendered_at_once_all_come_on(void **state)
{
    struct text text[3] = {{.lines = (int64_t)4 << 20}, {.lines = (int64_t)4 << 20}, {.lines = (int64_t)4 << 20}};
    static const char *const key[] = {"a", "b", "c"};
    struct pfs_view *view[3];

    (void)state;
    open_views("/var/tmp", (uint64_t)16 << 20, NULL);
    for (int i = 0; i < 3; i++) {
        view[i] = view_of(&text[i], key[i]);
        pfs_view_hold(view[i]);
    }
    for (int64_t line = 0; line < text[0].lines; line += 65536)
        for (int i = 0; i < 3; i++)
            assert_int_equal(read_lines(view[i], line, 65536), 65536 * LINE);
    for (int i = 0; i < 3; i++)
        assert_int_equal(size_of(view[i], 0), text[i].lines * LINE);
    for (int i = 0; i < 3; i++) {
        pfs_view_release(view[i]);
        settle_down(&text[i]);
        pfs_view_unref(view[i]);
    }
    close_views();
}

static void a_rendering_that_nobody_wants_stops(void **state)
{
    struct text text = {.lines = (int64_t)1 << 40, .slow_us = 1000};
    struct pfs_view *view;
    int64_t began;

    (void)state;
    open_views(NULL, 0, NULL);
    view = view_of(&text, "endless");
    assert_int_equal(size_of(view, 10), -ETIMEDOUT);
    began = pfs_clock_monotonic_ms();
    settle_down(&text);
    assert_true(pfs_clock_monotonic_ms() - began < 1000);
    pfs_view_hold(view);
    assert_int_equal(read_lines(view, 0, 4), 4 * LINE);
    pfs_view_release(view);
    settle_down(&text);
    pfs_view_unref(view);
    close_views();
}

static void a_failure_is_told_and_tried_again(void **state)
{
    struct text text = {.lines = 100000, .fail_at = 50000};
    struct pfs_view *view;

    (void)state;
    open_views(NULL, 0, NULL);
    view = view_of(&text, "a");
    pfs_view_hold(view);
    assert_int_equal(size_of(view, 0), -EIO);
    assert_int_equal(read_lines(view, 90000, 1), -EIO);
    text.fail_at = 0;
    assert_int_equal(read_lines(view, 90000, 1), LINE);
    assert_int_equal(size_of(view, 0), 100000 * LINE);
    pfs_view_release(view);
    settle_down(&text);
    pfs_view_unref(view);
    close_views();
}

static void a_size_is_known_to_the_next_mount(void **state)
{
    char dir[] = "/var/tmp/sizes-XXXXXX", path[64];
    struct text text = {.lines = 1000, .lasting = true};
    struct pfs_view *view;
    uint64_t size;
    FILE *file;

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/sizes", dir);
    for (int round = 0; round < 3; round++) {
        open_views(dir, 0, "w");
        view = view_of(&text, "a");
        assert_int_equal(pfs_view_try_size(view, &size), round == 1);
        assert_int_equal(size_of(view, 0), 1000 * LINE);
        assert_int_equal(atomic_load(&text.begun), round == 2 ? 2 : 1);
        pfs_view_unref(view);
        close_views();
        if (round == 1) { /* a damaged file is as good as none */
            file = fopen(path, "r+");
            assert_non_null(file);
            fseek(file, 0, SEEK_END);
            for (long at = ftell(file) - 1; at >= 0; at -= 8) {
                fseek(file, at, SEEK_SET);
                fputc('x', file);
            }
            fclose(file);
        }
    }
    unlink(path);
    rmdir(dir);
}

static void a_wrong_size_on_disk_is_an_error_once(void **state)
{
    char dir[] = "/var/tmp/sizes-XXXXXX", path[64];
    struct text text = {.lines = 1000, .lasting = true};
    struct pfs_view *view;

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/sizes", dir);
    for (int round = 0; round < 3; round++) {
        open_views(dir, 0, "w");
        view = view_of(&text, "a");
        if (round == 0)
            assert_int_equal(size_of(view, 0), 1000 * LINE);
        text.lines = 2000; /* the same key, other bytes */
        pfs_view_hold(view);
        if (round == 1)
            assert_int_equal(read_lines(view, 999, 1), -EIO);
        if (round == 2)
            assert_int_equal(read_lines(view, 1999, 1), LINE);
        pfs_view_release(view);
        pfs_view_unref(view);
        close_views();
    }
    unlink(path);
    rmdir(dir);
}

static void what_is_poured_goes_past_the_spool(void **state)
{
    struct text text = {.lines = 1000};
    struct pfs_view *view;
    char line[LINE];
    int ends[2];

    (void)state;
    open_views(NULL, 0, NULL);
    view = view_of(&text, "a");
    assert_int_equal(pipe(ends), 0);
    pfs_view_pour(view, &t.waiting.request, ends[1]);
    assert_int_equal(pfs_waiting_result(&t.waiting, NULL), 0);
    assert_int_equal(read(ends[0], line, LINE), LINE);
    assert_memory_equal(line, "000000000000000\n", LINE);
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(size_of(view, 0), 1000 * LINE);
    pfs_view_pour(view, &t.waiting.request, 1);
    assert_int_equal(pfs_waiting_result(&t.waiting, NULL), -EAGAIN);
    pfs_view_unref(view);
    close_views();
}

/* ---- who asks between two renderings ---- */

struct asking {
    struct pfs_request request; /* first */
    sem_t answered;
    int64_t result;
    uint64_t size;
    struct pfs_view *then; /* its size is asked for by `next` when this one is answered; NULL = none */
    struct asking *next;
};

static void answered(struct pfs_request *request, int64_t result)
{
    struct asking *a = (struct asking *)request;

    a->result = result;
    if (a->then != NULL)
        pfs_view_size(a->then, &a->next->request, &a->next->size, 0);
    (void)sem_post(&a->answered);
}

static void prepare(struct asking *a)
{
    memset(a, 0, sizeof(*a));
    a->request.done = answered;
    assert_int_equal(sem_init(&a->answered, 0, 0), 0);
}

/* What it was answered; -EINTR when that takes half a minute. */
static int64_t await(struct asking *a)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 30;
    while (sem_timedwait(&a->answered, &until) != 0)
        if (errno == ETIMEDOUT) {
            pfs_park_interrupt(t.park, &a->request);
            until.tv_sec += 30;
        }
    (void)sem_destroy(&a->answered);
    return a->result;
}

static void who_asks_for_the_size_when_a_rendering_has_failed_waits_for_the_next_one(void **state)
{
    struct text text = {.lines = 100000, .fail_at = 50000};
    struct asking reader, after;
    struct pfs_view *view;
    char *bytes = malloc((size_t)text.lines * LINE);

    (void)state;
    open_views(NULL, 0, NULL);
    view = view_of(&text, "a");
    prepare(&reader);
    prepare(&after);
    reader.then = view;
    reader.next = &after;
    pfs_view_read(view, &reader.request, 0, bytes, (size_t)text.lines * LINE, NULL);
    assert_int_equal(await(&reader), -EIO);
    assert_int_equal(await(&after), -EIO); /* of its own rendering, not interrupted by the one before */
    assert_int_equal(atomic_load(&text.begun), 2);
    pfs_view_unref(view);
    check_released(&text);
    close_views();
    free(bytes);
}

static struct {
    sem_t inside, let_go;
} busy;

static void keep_busy(void *context)
{
    (void)context;
    (void)sem_post(&busy.inside);
    while (sem_wait(&busy.let_go) != 0)
        ;
}

/* There is one slot. A rendering that pauses in it is told to end for another view's, and who asks for the size before
 * it has ended is not to wait for it. */
static void a_rendering_that_makes_room_keeps_nobody_waiting_for_the_size(void **state)
{
    struct text one = {.lines = (int64_t)2 << 20}, two = {.lines = 1000};
    struct pfs_view *first, *second;
    struct asking reader, asker;
    char bytes[LINE];
    int64_t steps;

    (void)state;
    open_views("/var/tmp", (uint64_t)8 << 20, NULL);
    first = view_of(&one, "one");
    second = view_of(&two, "two");
    pfs_view_hold(first);
    assert_int_equal(read_lines(first, 0, 1), LINE);
    do { /* until it pauses */
        steps = atomic_load(&one.steps);
        usleep(200000);
    } while (steps != atomic_load(&one.steps));
    assert_int_equal(sem_init(&busy.inside, 0, 0), 0);
    assert_int_equal(sem_init(&busy.let_go, 0, 0), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pfs_pool_submit(t.pool, false, keep_busy, NULL), 0);
    for (int i = 0; i < 2; i++)
        while (sem_wait(&busy.inside) != 0)
            ;
    prepare(&reader);
    prepare(&asker);
    pfs_view_read(second, &reader.request, 0, bytes, LINE, NULL);
    pfs_view_size(first, &asker.request, &asker.size, 0);
    for (int i = 0; i < 2; i++)
        (void)sem_post(&busy.let_go);
    assert_int_equal(await(&reader), LINE);
    assert_int_equal(await(&asker), 0);
    assert_int_equal(asker.size, one.lines * LINE);
    pfs_view_release(first);
    pfs_view_unref(first);
    pfs_view_unref(second);
    check_released(&one);
    check_released(&two);
    close_views();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_is_rendered_once_for_its_size_and_all_readers),
        cmocka_unit_test(a_text_too_large_to_keep_is_read_from_marks),
        cmocka_unit_test(a_reader_of_a_large_text_is_not_run_away_from),
        cmocka_unit_test(readers_of_more_views_than_are_rendered_at_once_all_come_on),
        cmocka_unit_test(a_rendering_that_nobody_wants_stops),
        cmocka_unit_test(a_failure_is_told_and_tried_again),
        cmocka_unit_test(a_size_is_known_to_the_next_mount),
        cmocka_unit_test(a_wrong_size_on_disk_is_an_error_once),
        cmocka_unit_test(what_is_poured_goes_past_the_spool),
        cmocka_unit_test(who_asks_for_the_size_when_a_rendering_has_failed_waits_for_the_next_one),
        cmocka_unit_test(a_rendering_that_makes_room_keeps_nobody_waiting_for_the_size),
    };

    return cmocka_run_group_tests_name("view", tests, NULL, NULL);
}
