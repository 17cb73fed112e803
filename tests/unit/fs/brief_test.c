/* brief_test.c - what the kernel asks is brief or is not, by its first bytes and its length alone. */
#include "fs/mount/brief.h"

#include <linux/fuse.h>
#include <string.h>

#include "tests/unit/cm.h"

static _Alignas(8) uint8_t bytes[sizeof(struct fuse_in_header) + 4096];

/* A request with `len` bytes behind its head. */
static bool is_brief(uint32_t opcode, const char *arguments, size_t len)
{
    const struct fuse_in_header head = {.opcode = opcode, .nodeid = FUSE_ROOT_ID};

    memset(bytes, 0, sizeof(bytes));
    memcpy(bytes, &head, sizeof(head));
    memcpy(bytes + sizeof(head), arguments, len);
    return pfs_mount_is_brief(NULL, bytes, sizeof(head) + len);
}

static void what_is_told_of_many_names_is_brief(void **state)
{
    (void)state;
    assert_true(is_brief(FUSE_FORGET, "12345678", 8));
    assert_true(is_brief(FUSE_BATCH_FORGET, "12345678", 8));
    assert_true(is_brief(FUSE_INTERRUPT, "12345678", 8));
    assert_false(is_brief(FUSE_GETATTR, "12345678", 8));
    assert_false(is_brief(FUSE_READ, "12345678", 8));
}

static void a_look_up_is_brief_for_the_inbox_alone(void **state)
{
    (void)state;
    assert_true(is_brief(FUSE_LOOKUP, "inbox", 6));
    assert_false(is_brief(FUSE_LOOKUP, "inbox", 5)); /* its end is missing */
    assert_false(is_brief(FUSE_LOOKUP, "inbox.csv", 10));
    assert_false(is_brief(FUSE_LOOKUP, "inbo", 5));
}

/* What does not hold the handle's number, or the write's head, is not looked into. */
static void short_requests_are_not_brief(void **state)
{
    static const uint32_t of_files[] = {FUSE_FLUSH, FUSE_FSYNC, FUSE_RELEASE};
    static const char none[sizeof(struct fuse_write_in)];

    (void)state;
    for (size_t i = 0; i < sizeof(of_files) / sizeof(of_files[0]); i++)
        for (size_t len = 0; len < sizeof(uint64_t); len++)
            assert_false(is_brief(of_files[i], none, len));
    for (size_t len = 0; len < sizeof(struct fuse_write_in); len++)
        assert_false(is_brief(FUSE_WRITE, none, len));
    assert_false(is_brief(FUSE_INTERRUPT, none, 0));
    assert_false(pfs_mount_is_brief(NULL, bytes, sizeof(struct fuse_in_header) - 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_told_of_many_names_is_brief),
        cmocka_unit_test(a_look_up_is_brief_for_the_inbox_alone),
        cmocka_unit_test(short_requests_are_not_brief),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
