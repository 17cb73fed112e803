#include "base/buf.h"

#include "base/mem.h"
#include "tests/unit/cm.h"

static void bytes_are_appended_in_order(void **state)
{
    struct pfs_buf buf = {0};
    static const char want[] = "ab-7\x01\0\0\0\x02\0\0\0\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0\x04\xac\x02\x01";

    (void)state;
    pfs_buf_puts(&buf, "a");
    pfs_buf_putc(&buf, 'b');
    pfs_buf_printf(&buf, "%d", -7);
    pfs_buf_put(&buf, NULL, 0);
    pfs_buf_le32(&buf, 1);
    pfs_buf_le64(&buf, 2);
    pfs_buf_be32(&buf, 3);
    pfs_buf_be64(&buf, 4);
    pfs_buf_uleb(&buf, 300);
    pfs_buf_zigzag(&buf, -1);
    assert_int_equal(pfs_buf_check(&buf, NULL), 0);
    assert_int_equal(buf.len, sizeof(want) - 1);
    assert_memory_equal(buf.at, want, sizeof(want) - 1);
    pfs_buf_done(&buf);
    pfs_buf_done(&buf);
}

static void varints_come_back(void **state)
{
    static const int64_t values[] = {0, 1, -1, 63, 64, -64, -65, 1 << 20, INT64_MAX, INT64_MIN};
    struct pfs_buf buf = {0};
    struct pfs_cursor c;

    (void)state;
    for (size_t i = 0; i < COUNT(values); i++) {
        pfs_buf_zigzag(&buf, values[i]);
        pfs_buf_uleb(&buf, (uint64_t)values[i]);
    }
    c = pfs_cursor_of(pfs_buf_slice(&buf));
    for (size_t i = 0; i < COUNT(values); i++) {
        assert_int_equal(pfs_take_zigzag(&c), values[i]);
        assert_int_equal(pfs_take_uleb(&c), (uint64_t)values[i]);
    }
    assert_int_equal(pfs_left(&c), 0);
    pfs_buf_done(&buf);
}

static void growing_keeps_what_was_written(void **state)
{
    struct pfs_buf buf;

    (void)state;
    pfs_buf_init(&buf, 0);
    for (uint32_t i = 0; i < 100000; i++)
        pfs_buf_le32(&buf, i);
    assert_int_equal(buf.len, 400000);
    for (uint32_t i = 0; i < 100000; i++)
        assert_int_equal(pfs_le32(buf.at + i * 4), i);
    pfs_buf_done(&buf);
}

static void the_ceiling_is_efbig_and_sticky(void **state)
{
    struct pfs_buf buf;
    struct pfs_err err = {0};

    (void)state;
    pfs_buf_init(&buf, 10);
    pfs_buf_puts(&buf, "0123456789");
    assert_int_equal(pfs_buf_check(&buf, &err), 0);
    pfs_buf_putc(&buf, 'x');
    assert_int_equal(pfs_buf_check(&buf, &err), -EFBIG);
    assert_non_null(strstr(err.text, "10 bytes"));
    pfs_buf_put(&buf, "", 0);
    assert_null(pfs_buf_reserve(&buf, 0));
    assert_int_equal(buf.len, 10);
    pfs_buf_clear(&buf);
    pfs_buf_puts(&buf, "again");
    assert_int_equal(pfs_buf_check(&buf, &err), 0);
    assert_int_equal(buf.len, 5);
    pfs_buf_clear(&buf);
    pfs_buf_put(&buf, "0123456789ab", 12);
    assert_int_equal(pfs_buf_check(&buf, &err), -EFBIG);
    assert_null(pfs_buf_reserve(&buf, SIZE_MAX));
    pfs_buf_done(&buf);
}

static void no_memory_is_enomem(void **state)
{
    struct pfs_buf buf = {0};
    struct pfs_err err = {0};

    (void)state;
    pfs_buf_puts(&buf, "kept");
    pfs_mem_fail_after(0);
    pfs_buf_printf(&buf, "%0500d", 1);
    pfs_mem_fail_after(-1);
    assert_int_equal(pfs_buf_check(&buf, &err), -ENOMEM);
    assert_memory_equal(buf.at, "kept", 4);
    assert_int_equal(buf.len, 4);
    pfs_buf_done(&buf);
}

static void reserve_gives_room_without_length(void **state)
{
    struct pfs_buf buf = {0};
    uint8_t *to = pfs_buf_reserve(&buf, 1000);

    (void)state;
    assert_non_null(to);
    assert_int_equal(buf.len, 0);
    memset(to, 'x', 1000);
    buf.len += 1000;
    pfs_buf_putc(&buf, 'y');
    assert_int_equal(buf.at[999], 'x');
    assert_int_equal(buf.at[1000], 'y');
    pfs_buf_done(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_appended_in_order),
        cmocka_unit_test(varints_come_back),
        cmocka_unit_test(growing_keeps_what_was_written),
        cmocka_unit_test(the_ceiling_is_efbig_and_sticky),
        cmocka_unit_test(no_memory_is_enomem),
        cmocka_unit_test(reserve_gives_room_without_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
