/* spool_test.c - texts that are built on older ones, against the same texts in memory. */
#include "fs/view/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "tests/unit/cm.h"

enum { TEXT_BYTES = 200000 };

static uint64_t seed;

static uint64_t below(uint64_t limit)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (seed >> 33) % limit;
}

struct text {
    struct pfs_spool spool;
    struct pfs_buf want;
};

static void put(struct text *t, const void *at, size_t len)
{
    struct pfs_slice bytes = {at, len};
    int fd;

    pfs_buf_put(&t->want, at, len);
    if (pfs_spool_keep(&t->spool, bytes))
        return;
    assert_int_equal(pfs_spool_store(&t->spool, NULL, bytes, &fd, NULL), 0);
    pfs_spool_moved(&t->spool, fd, len);
}

static void put_random(struct text *t, size_t len)
{
    uint8_t *bytes = malloc(len);

    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)below(256);
    put(t, bytes, len);
    free(bytes);
}

static void reuse(struct text *t, const struct pfs_buf *old, uint64_t off, uint64_t len)
{
    pfs_buf_put(&t->want, old->at + off, (size_t)len);
    for (uint64_t some; len > 0; off += some, len -= some) {
        int fd;

        assert_int_equal(pfs_spool_reuse(&t->spool, NULL, off, len, &fd, &some, NULL), 0);
        assert_int_equal(pfs_spool_reused(&t->spool, fd, off, some, NULL), 0);
    }
}

/* Any stretch, by where its bytes lie. */
static void check_stretch(const struct text *t, uint64_t off, uint64_t len)
{
    uint8_t *got = malloc((size_t)len + 1);

    for (uint64_t done = 0, some; done < len; done += some) {
        uint64_t at;
        int fd;

        some = pfs_spool_where(&t->spool, off + done, &fd, &at);
        assert_true(some > 0 && some <= t->spool.high - off - done);
        some = some < len - done ? some : len - done;
        assert_int_equal(pfs_spool_read(fd, at, got + done, (size_t)some, NULL), 0);
    }
    assert_memory_equal(got, t->want.at + off, (size_t)len);
    free(got);
}

static void check(const struct text *t)
{
    uint64_t size = t->want.len;

    assert_int_equal(t->spool.low, 0);
    assert_int_equal(t->spool.high, size);
    check_stretch(t, 0, size);
    for (int i = 0; i < 200; i++) {
        uint64_t off = below(size), len = below(size - off < 5000 ? size - off + 1 : 5000);

        check_stretch(t, off, len);
    }
}

static void done(struct text *t)
{
    pfs_spool_done(&t->spool);
    pfs_buf_done(&t->want);
}

/* Some stretches of the old text, some bytes of its own, mostly in order. */
static void build(struct text *t, const struct text *old, int changes)
{
    struct pfs_spool_base *base = pfs_spool_base_of(&old->spool);
    uint64_t at = 0, size = old->want.len;

    assert_non_null(base);
    pfs_spool_init(&t->spool, 0);
    pfs_spool_build_on(&t->spool, base);
    for (int i = 0; i < changes; i++) {
        uint64_t to = at + below((size - at) / (uint64_t)(changes - i) + 1);

        reuse(t, &old->want, at, to - at);
        put_random(t, below(3) == 0 ? 0 : (size_t)below(400));
        at = to + below(300) < size ? to + below(300) : to;
    }
    reuse(t, &old->want, at, size - at);
}

/* All files of it, or some. */
static bool is_copied(const struct pfs_spool_base *base, bool some)
{
    int copied = 0;

    for (int i = 0; i < base->files; i++)
        copied += base->copied[i];
    return some ? copied > 0 : copied == base->files;
}

static void generations_have_their_bytes_whatever_came_before(void **state)
{
    (void)state;
    for (uint64_t round = 1; round < 12; round++) {
        struct text old = {0};
        bool copied = false;

        seed = round;
        pfs_spool_init(&old.spool, 0);
        put_random(&old, TEXT_BYTES);
        for (int generation = 0; generation < 20; generation++) {
            struct text next = {0};

            build(&next, &old, 1 + (int)below(30));
            copied |= is_copied(next.spool.base, true);
            assert_true(pfs_spool_files(&next.spool) <= PFS_SPOOL_FILES_MAX + 1);
            done(&old); /* what is needed of its files stays */
            check(&next);
            old = next;
        }
        assert_true(copied);
        done(&old);
    }
}

/* A small change a generation: what they add is gathered, the large file is never copied. */
static void small_changes_leave_the_large_file_alone(void **state)
{
    struct text old = {0};

    (void)state;
    seed = 9;
    pfs_spool_init(&old.spool, 0);
    put_random(&old, TEXT_BYTES);
    for (int generation = 0; generation < 100; generation++) {
        struct text next = {0};
        struct pfs_spool_base *base = pfs_spool_base_of(&old.spool);
        uint64_t at = below(TEXT_BYTES / 2);

        assert_non_null(base);
        assert_true(base->files < 2 || !is_copied(base, false));
        pfs_spool_init(&next.spool, 0);
        pfs_spool_build_on(&next.spool, base);
        reuse(&next, &old.want, 0, at);
        put_random(&next, 10);
        reuse(&next, &old.want, at + 10, old.want.len - at - 10);
        assert_true(pfs_spool_file_bytes(&next.spool) < TEXT_BYTES + TEXT_BYTES / 4);
        done(&old);
        check(&next);
        old = next;
    }
    done(&old);
}

/* Everything that is open counts, also what is not in the text any more. */
static void the_bytes_of_all_files_count(void **state)
{
    struct text first = {0}, second = {0}, third = {0};

    (void)state;
    seed = 5;
    pfs_spool_init(&first.spool, 0);
    put_random(&first, TEXT_BYTES);
    assert_int_equal(pfs_spool_file_bytes(&first.spool), TEXT_BYTES);
    pfs_spool_init(&second.spool, 0);
    pfs_spool_build_on(&second.spool, pfs_spool_base_of(&first.spool));
    reuse(&second, &first.want, 0, TEXT_BYTES / 2);
    put_random(&second, 1000);
    reuse(&second, &first.want, TEXT_BYTES / 2 + 1000, TEXT_BYTES / 2 - 1000);
    assert_int_equal(second.want.len, TEXT_BYTES);
    assert_int_equal(pfs_spool_file_bytes(&second.spool), TEXT_BYTES + 1000);
    assert_int_equal(pfs_spool_files(&second.spool), 2);
    pfs_spool_drop(&second.spool, TEXT_BYTES); /* bytes of others are not given up */
    check(&second);
    /* Of the first half alone, which lies in the first file. */
    pfs_spool_init(&third.spool, 0);
    pfs_spool_build_on(&third.spool, pfs_spool_base_of(&second.spool));
    reuse(&third, &second.want, 0, 1000);
    put_random(&third, 100);
    assert_int_equal(pfs_spool_file_bytes(&third.spool), TEXT_BYTES + 1000 + 100);
    done(&first);
    done(&second);
    check(&third);
    /* Most of what its files hold is not in it: the next one is copied. */
    struct pfs_spool_base *base = pfs_spool_base_of(&third.spool);

    assert_true(is_copied(base, false));
    assert_int_equal(base->files, 2); /* the second one's own bytes are in nothing any more */
    pfs_spool_base_close(base);
    done(&third);
}

static void what_the_older_text_does_not_have_is_an_error(void **state)
{
    struct text old = {0}, next = {0};
    uint64_t some;
    int fd;

    (void)state;
    pfs_spool_init(&old.spool, 0);
    put_random(&old, TEXT_BYTES);
    pfs_spool_init(&next.spool, 0);
    pfs_spool_build_on(&next.spool, pfs_spool_base_of(&old.spool));
    assert_int_equal(pfs_spool_reuse(&next.spool, NULL, TEXT_BYTES, 1, &fd, &some, NULL), -EIO);
    assert_int_equal(fd, -1);
    assert_int_equal(ftruncate(old.spool.fd, 100), 0); /* a file that somebody cut */
    reuse(&next, &old.want, 0, TEXT_BYTES);
    assert_int_equal(pfs_spool_where(&next.spool, 200, &fd, &some), TEXT_BYTES - 200);
    assert_int_equal(pfs_spool_read(fd, some, (char[8]){0}, 8, NULL), -EIO);
    done(&next);
    done(&old);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generations_have_their_bytes_whatever_came_before),
        cmocka_unit_test(small_changes_leave_the_large_file_alone),
        cmocka_unit_test(the_bytes_of_all_files_count),
        cmocka_unit_test(what_the_older_text_does_not_have_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
