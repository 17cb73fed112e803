/* bitmaps_test.c - CSV with bitmaps: groups, counts, what is refused. */
#include "fs/lines/bitmaps.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "tests/unit/cm.h"

/* The answer to all of the input, given in pieces; NULL when it is refused. */
static const char *answer(const struct pfs_bitmaps_want *want, const char *in, size_t piece, struct pfs_err *err)
{
    static char text[1 << 16];
    struct pfs_bitmaps *bitmaps;
    struct pfs_buf out = {0};
    size_t len = strlen(in), from = 0, to = 0, consumed;
    int rc = 0;

    assert_int_equal(pfs_bitmaps_open(want, &bitmaps, NULL), 0);
    while (rc == 0 && to < len) {
        to = to + piece < len ? to + piece : len;
        rc = pfs_bitmaps_feed(bitmaps, pfs_slice_of(in + from, to - from), false, &out, &consumed, err);
        from += consumed;
    }
    if (rc == 0)
        rc = pfs_bitmaps_feed(bitmaps, pfs_slice_of(in + from, len - from), true, &out, &consumed, err);
    pfs_bitmaps_close(bitmaps);
    assert_true(out.len < sizeof(text));
    if (out.len > 0)
        memcpy(text, out.at, out.len);
    text[out.len] = '\0';
    pfs_buf_done(&out);
    return rc < 0 ? NULL : text;
}

#define BUILT                            \
    "h,page,uv\n"                        \
    "1,a,OjAAAAEAAAAAAAEAEAAAAAUABwA=\n" \
    "2,b,OjAAAAEAAAAAAAAAEAAAAAUA\n"     \
    "1,\"x,\"\"y\",OjAAAAAAAAA=\n"

static const struct {
    const char *what;
    struct pfs_bitmaps_want want;
    const char *in, *out;
} cases[] = {
    {"numbers become bitmaps, a group each, in the order of coming",
     {.verb = PFS_BITMAPS_BUILD, .bitmap = "no", .groups = "h,page", .as = "uv"},
     "h,page,no\n1,a,5\n1,a,7\n2,b,5\n1,\"x,\"\"y\",\n1,a,5\n",
     BUILT},
    {"columns of the group may stand in any order",
     {.verb = PFS_BITMAPS_BUILD, .bitmap = "no", .groups = "page"},
     "no,h,page\n5,1,a\n7,2,a\n",
     "page,no\na,OjAAAAEAAAAAAAEAEAAAAAUABwA=\n"},
    {"a count replaces the bitmap of its record",
     {.verb = PFS_BITMAPS_CARDINALITY, .bitmap = "uv"},
     BUILT,
     "h,page,uv\n1,a,2\n2,b,1\n1,\"x,\"\"y\",0\n"},
    {"bitmaps of a group are counted together",
     {.verb = PFS_BITMAPS_UNION_COUNT, .bitmap = "uv", .groups = "h"},
     "h,uv\n1,OjAAAAEAAAAAAAEAEAAAAAUABwA=\n2,\n1,OjAAAAEAAAAAAAAAEAAAAAUA\n",
     "h,uv\n1,2\n2,0\n"},
    {"without groups there is one", {.verb = PFS_BITMAPS_UNION_COUNT, .bitmap = "uv", .as = "n"}, BUILT, "n\n2\n"},
    {"a null and an empty text are two groups",
     {.verb = PFS_BITMAPS_UNION_COUNT, .bitmap = "uv", .groups = "g"},
     "g,uv\n,AA==\n\"\",AA==\n,AA==\n",
     "g,uv\n,0\n\"\",0\n"},
    {"rows that are no more do not count",
     {.verb = PFS_BITMAPS_BUILD, .bitmap = "no", .groups = "g"},
     "_kind,g,no\n-U,a,1\n+U,a,5\n-D,b,9\n",
     "g,no\na,OjAAAAEAAAAAAAAAEAAAAAUA\n"},
    {"64 bits",
     {.verb = PFS_BITMAPS_BUILD, .bitmap = "no", .wide = true},
     "no\n5\n",
     "no\nAQEAAAAAAAAABAAAAAAAAAAAAAAAAAAAAAAAAQAAAP4BAAAAAQIBAAAABQABAAAAAAAAAAAAAAAAAAAA\n"},
    {"a union of both widths is of 64 bits",
     {.verb = PFS_BITMAPS_UNION, .bitmap = "no"},
     "no\nAA==\nOjAAAAEAAAAAAAAAEAAAAAUA\n",
     "no\nAQEAAAAAAAAABAAAAAAAAAAAAAAAAAAAAAAAAQAAAP4BAAAAAQIBAAAABQABAAAAAAAAAAAAAAAAAAAA\n"},
};

static void answers_are_the_same_however_the_input_comes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        for (size_t piece = 1; piece < 40; piece += 3) {
            struct pfs_err err = {0};
            const char *got = answer(&cases[i].want, cases[i].in, piece, &err);

            if (got == NULL || strcmp(got, cases[i].out) != 0)
                fail_msg("%s: %s", cases[i].what, got != NULL ? got : err.text);
        }
}

static const struct {
    const char *what;
    struct pfs_bitmaps_want want;
    const char *in;
    int code;
} refused[] = {
    {"no header", {.bitmap = "a"}, "", EINVAL},
    {"no such bitmap", {.bitmap = "a"}, "b\n", EINVAL},
    {"no such group", {.verb = PFS_BITMAPS_UNION, .bitmap = "a", .groups = "c"}, "a,b\n", EINVAL},
    {"the bitmap as its own group", {.verb = PFS_BITMAPS_UNION, .bitmap = "a", .groups = "a"}, "a,b\n", EINVAL},
    {"a group twice", {.verb = PFS_BITMAPS_UNION, .bitmap = "a", .groups = "b,b"}, "a,b\n", EINVAL},
    {"a column twice", {.bitmap = "a"}, "a,a\n", EINVAL},
    {"no base64", {.bitmap = "a"}, "a\nxx\n", EINVAL},
    {"no bitmap", {.bitmap = "a"}, "a\nxxxx\n", EIO},
    {"half a bitmap", {.verb = PFS_BITMAPS_UNION, .bitmap = "a"}, "a\nOjAAAAEAAAA=\n", EIO},
    {"below zero", {.verb = PFS_BITMAPS_BUILD, .bitmap = "a"}, "a\n-1\n", ERANGE},
    {"more than 32 bits", {.verb = PFS_BITMAPS_BUILD, .bitmap = "a"}, "a\n4294967296\n", ERANGE},
    {"a record of another length", {.bitmap = "a"}, "a,b\nAA==\n", EINVAL},
};

static void what_is_no_bitmap_is_refused_with_a_sentence(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refused); i++) {
        struct pfs_err err = {0};

        CHECK(refused[i].what, answer(&refused[i].want, refused[i].in, 100, &err) == NULL);
        CHECK(refused[i].what, err.code == refused[i].code && err.text[0] != '\0');
    }
}

/* More groups than the table of them begins with. */
static void many_groups_keep_apart(void **state)
{
    const struct pfs_bitmaps_want want = {.verb = PFS_BITMAPS_BUILD, .bitmap = "n", .groups = "g"};
    const struct pfs_bitmaps_want count = {.verb = PFS_BITMAPS_UNION_COUNT, .bitmap = "n"};
    struct pfs_bitmaps *bitmaps;
    struct pfs_buf in = {0}, out = {0};
    struct pfs_slice text;
    int lines = 0;
    size_t used;

    (void)state;
    pfs_buf_puts(&in, "g,n\n");
    for (int i = 0; i < 20000; i++)
        pfs_buf_printf(&in, "%d,%d\n", i % 5000, i);
    assert_int_equal(pfs_bitmaps_open(&want, &bitmaps, NULL), 0);
    assert_int_equal(pfs_bitmaps_feed(bitmaps, pfs_buf_slice(&in), true, &out, &used, NULL), 0);
    pfs_bitmaps_close(bitmaps);
    text = pfs_buf_slice(&out);
    for (size_t i = 0; i < text.len; i++)
        lines += text.at[i] == '\n';
    assert_int_equal(lines, 5001);
    pfs_buf_putc(&out, 0);
    pfs_buf_done(&in);
    assert_int_equal(pfs_bitmaps_open(&count, &bitmaps, NULL), 0);
    assert_int_equal(pfs_bitmaps_feed(bitmaps, pfs_slice_of(out.at, out.len - 1), true, &in, &used, NULL), 0);
    pfs_bitmaps_close(bitmaps);
    assert_true(pfs_slice_eq(pfs_buf_slice(&in), pfs_str("n\n20000\n")));
    pfs_buf_done(&in);
    pfs_buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_the_same_however_the_input_comes),
        cmocka_unit_test(what_is_no_bitmap_is_refused_with_a_sentence),
        cmocka_unit_test(many_groups_keep_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
