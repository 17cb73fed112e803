/* Lines that are looked up: what their first one says of them. */
#include "fs/lines/enrich.h"

#include "tests/unit/fs/over_memory.h"

/* What becomes of all of the input; NULL when it is refused. */
static const char *enriched(const char *path, struct pfs_slice in, struct pfs_err *err)
{
    static char text[1 << 20];
    const struct pfs_enrich_want want = {.path = path};
    struct pfs_enrich *enrich;
    struct pfs_buf out = {0};
    size_t consumed;
    int rc;

    assert_int_equal(pfs_enrich_open(t.tree, &want, &enrich, NULL), 0);
    rc = pfs_enrich_feed(enrich, in, true, &out, &consumed, err);
    pfs_enrich_close(enrich);
    assert_true(out.len < sizeof(text));
    if (out.len > 0)
        memcpy(text, out.at, out.len);
    text[out.len] = '\0';
    pfs_buf_done(&out);
    return rc < 0 ? NULL : text;
}

static void a_header_in_quotes_names_its_columns(void **state)
{
    (void)state;
    assert_int_equal(append("d/t/inbox", "1,one,10\n"), 0);
    assert_string_equal(enriched("d/t", pfs_str("\"said \"\"so\"\"\",\"k\"\nx,1\ny,2\n"), NULL),
                        "\"said \"\"so\"\"\",\"k\",v,n\nx,1,one,10\ny,2,,\n");
}

static void keys_without_a_header_are_the_whole_key(void **state)
{
    struct pfs_err err = {0};

    (void)state;
    assert_int_equal(append("d/t/inbox", "1,one,10\n"), 0);
    assert_string_equal(enriched("d/t", pfs_str("1\n"), NULL), "1,one,10\n");
    assert_null(enriched("d/t", pfs_str("1,2\n"), &err));
    assert_int_equal(err.code, EINVAL);
}

/* A header of `columns` long names, the last of which is the key, and a line. */
static struct pfs_buf wide(int columns)
{
    struct pfs_buf in = {0};

    for (int i = 1; i < columns; i++)
        pfs_buf_printf(&in, "%s%0200d,", i % 2 == 0 ? "" : "a", i);
    pfs_buf_puts(&in, "k\n");
    for (int i = 1; i < columns; i++)
        pfs_buf_puts(&in, ",");
    pfs_buf_puts(&in, "1\n");
    return in;
}

static void a_wide_header_is_understood_up_to_its_bound(void **state)
{
    struct pfs_buf widest = wide(4096), wider = wide(4097);
    struct pfs_err err = {0};
    const char *got;

    (void)state;
    assert_int_equal(append("d/t/inbox", "1,one,10\n"), 0);
    got = enriched("d/t", pfs_buf_slice(&widest), &err);
    if (got == NULL)
        fail_msg("%s", err.text);
    assert_non_null(strstr(got, ",k,v,n\n"));
    assert_non_null(strstr(got, ",,1,one,10\n"));
    assert_null(enriched("d/t", pfs_buf_slice(&wider), &err));
    assert_int_equal(err.code, EINVAL);
    pfs_buf_done(&widest);
    pfs_buf_done(&wider);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_header_in_quotes_names_its_columns, open_tree, close_tree),
        cmocka_unit_test_setup_teardown(keys_without_a_header_are_the_whole_key, open_tree, close_tree),
        cmocka_unit_test_setup_teardown(a_wide_header_is_understood_up_to_its_bound, open_tree, close_tree),
    };

    return cmocka_run_group_tests_name("fs/enrich", tests, NULL, NULL);
}
