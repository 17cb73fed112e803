/* names_test.c - values in the names of directories, as Paimon Java 1.4.2 spells them. */
#include "src/meta/names.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "format/binrow.h"
#include "tests/unit/cm.h"

static void check(struct pfs_column *column, bool legacy, const char *want)
{
    struct pfs_buf out = {0};

    assert_int_equal(pfs_name_value_java(column, legacy, &out, NULL), 0);
    CHECK(want, pfs_slice_eq(pfs_buf_slice(&out), pfs_str(want)));
    pfs_buf_done(&out);
}

static void a_time_has_no_zeros_at_its_end_but_one(void **state)
{
    static const struct {
        int32_t precision, millis;
        const char *text;
    } c[] = {{0, 3723040, "01:02:03"},    {1, 3723040, "01:02:03.0"}, {2, 3723040, "01:02:03.04"},
             {3, 3723040, "01:02:03.04"}, {3, 0, "00:00:00.0"},       {3, 86399999, "23:59:59.999"},
             {6, 3723400, "01:02:03.4"},  {9, 3723000, "01:02:03.0"}};

    (void)state;
    for (size_t i = 0; i < COUNT(c); i++) {
        struct pfs_type type = {.kind = PFS_TIME, .precision = c[i].precision};
        struct pfs_column column = {.type = &type, .values = &c[i].millis};

        check(&column, false, c[i].text);
    }
}

static void bytes_are_what_java_decodes(void **state)
{
    static const char *const c[][2] = {
        {"", ""},
        {"a/b\xc3\xa4", "a/b\xc3\xa4"},
        {"\xff\xff", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xf4\xa0", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xe0\xed\xbf\xf5", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xed\xa0\x80x", "\xef\xbf\xbdx"},
        {"\x9f\x41\xed\xa0", "\xef\xbf\xbd\x41\xef\xbf\xbd"},
        {"\xf0\x90\x8f", "\xef\xbf\xbd"},
        {"\xc2\xed\xa0", "\xef\xbf\xbd\xef\xbf\xbd"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(c); i++) {
        struct pfs_type type = {.kind = PFS_VARBINARY};
        int32_t offsets[2] = {0, (int32_t)strlen(c[i][0])};
        struct pfs_column column = {.type = &type, .offsets = offsets, .values = c[i][0]};

        check(&column, false, c[i][1]);
    }
}

/* The directory of a partition is never another one for want of memory. */
static void a_failing_allocation_makes_no_other_partition(void **state)
{
    char value[300], want[320];
    int32_t offsets[2] = {0, (int32_t)sizeof(value)}, key = 0;
    struct pfs_field field = {.name = "p", .type = {.kind = PFS_VARCHAR, .length = PFS_LENGTH_MAX}};
    struct pfs_schema schema = {.columns = 1,
                                .field = &field,
                                .partition_keys = 1,
                                .partition_key = &key,
                                .default_partition = "__DEFAULT_PARTITION__"};
    struct pfs_column column = {.type = &field.type, .offsets = offsets, .values = value};
    const struct pfs_column *columns[] = {&column};
    struct pfs_buf row = {0};
    int rc = -ENOMEM;

    (void)state;
    memset(value, 'v', sizeof(value));
    snprintf(want, sizeof(want), "p=%.*s", (int)sizeof(value), value);
    assert_int_equal(pfs_binrow_print(columns, 1, 0, true, &row, NULL), 0);
    for (int64_t n = 0; rc < 0; n++) {
        struct pfs_arena arena = {0};
        const char *path;

        pfs_mem_fail_after(n);
        rc = pfs_name_partition(&schema, pfs_buf_slice(&row), &arena, &path, NULL);
        pfs_mem_fail_after(-1);
        assert_true(rc == 0 || rc == -ENOMEM);
        if (rc == 0)
            assert_string_equal(path, want);
        pfs_arena_done(&arena);
    }
    pfs_buf_done(&row);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_has_no_zeros_at_its_end_but_one),
        cmocka_unit_test(bytes_are_what_java_decodes),
        cmocka_unit_test(a_failing_allocation_makes_no_other_partition),
    };

    return cmocka_run_group_tests_name("meta/names", tests, NULL, NULL);
}
