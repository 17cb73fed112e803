/* record_test.c - bodies of records say again what was put into them; cut or of another version they say nothing. */
#include "src/journal/record.h"

#include <errno.h>

#include "base/mem.h"
#include "format/batch.h"
#include "tests/unit/cm.h"

static struct pfs_arena arena;

static int begin(void **state)
{
    (void)state;
    pfs_arena_init(&arena, 0);
    return 0;
}

static int end(void **state)
{
    (void)state;
    pfs_arena_done(&arena);
    return 0;
}

static const struct pfs_part_name name = {"d", "t", "b"};

static int get_begin(struct pfs_slice body, struct pfs_err *err)
{
    struct pfs_part_begin out;

    return pfs_record_get_begin(body, &arena, &out, err);
}

static int get_seal(struct pfs_slice body, struct pfs_err *err)
{
    struct pfs_part_seal out;

    return pfs_record_get_seal(body, &out, err);
}

static int get_intent(struct pfs_slice body, struct pfs_err *err)
{
    struct pfs_part_intent out;

    return pfs_record_get_intent(body, &arena, &out, err);
}

/* Takes the body, which begins with its version; the last `newer` bytes are not in all journals. */
static void check_forms(struct pfs_buf *body, size_t newer, int (*get)(struct pfs_slice body, struct pfs_err *err))
{
    struct pfs_err err = {0};

    assert_int_equal(get(pfs_buf_slice(body), &err), 0);
    for (size_t len = 0; len < body->len; len++) {
        uint8_t *cut = pfs_alloc(len + (len == 0)); /* where a byte more would be noticed */

        assert_non_null(cut);
        memcpy(cut, body->at, len);
        assert_int_equal(get(pfs_slice_of(cut, len), &err), newer > 0 && len == body->len - newer ? 0 : -EIO);
        pfs_free(cut);
    }
    body->at[0]++;
    memset(&err, 0, sizeof(err));
    assert_int_equal(get(pfs_buf_slice(body), &err), -EIO);
    assert_true(err.text[0] != '\0');
    pfs_buf_done(body);
}

static void a_begin_says_what_was_begun(void **state)
{
    struct pfs_part_begin in = {.name = name,
                                .schema_id = 3,
                                .schema_hash = 4,
                                .time_ms = 5,
                                .append = true,
                                .once = true,
                                .user = "me",
                                .identifier = -6,
                                .continues = 7,
                                .overwrite = pfs_str("all"),
                                .schema_json = pfs_str("{}"),
                                .began = {12, 13},
                                .given = 14};
    struct pfs_part_begin out;
    struct pfs_buf body = {0};

    (void)state;
    pfs_record_put_begin(&in, &body);
    assert_int_equal(pfs_record_get_begin(pfs_buf_slice(&body), &arena, &out, NULL), 0);
    assert_string_equal(out.name.database, "d");
    assert_string_equal(out.name.table, "t");
    assert_string_equal(out.name.branch, "b");
    assert_int_equal(out.schema_id, 3);
    assert_int_equal(out.schema_hash, 4);
    assert_int_equal(out.time_ms, 5);
    assert_true(out.append && out.once);
    assert_string_equal(out.user, "me");
    assert_int_equal(out.identifier, -6);
    assert_int_equal(out.continues, 7);
    assert_true(pfs_slice_eq(out.overwrite, pfs_str("all")));
    assert_true(pfs_slice_eq(out.schema_json, pfs_str("{}")));
    assert_int_equal(out.began.id, 12);
    assert_int_equal(out.began.hash, 13);
    assert_int_equal(out.given, 14);
    check_forms(&body, 24, get_begin);
    in = (struct pfs_part_begin){.name = {"d", "t", NULL}};
    pfs_record_put_begin(&in, &body);
    assert_int_equal(pfs_record_get_begin(pfs_buf_slice(&body), &arena, &out, NULL), 0);
    assert_null(out.name.branch);
    assert_null(out.user);
    assert_false(out.append || out.once);
    check_forms(&body, 0, get_begin);
}

static void a_seal_says_what_counts(void **state)
{
    const struct pfs_part_seal in = {.target = 9, .order = -1, .pieces = INT32_MAX, .tail = true, .cut = false};
    uint8_t bytes[PFS_RECORD_SEAL];
    struct pfs_part_seal out;
    struct pfs_buf body = {0};

    (void)state;
    pfs_record_put_seal(&in, bytes);
    assert_int_equal(pfs_record_get_seal(pfs_slice_of(bytes, sizeof(bytes)), &out, NULL), 0);
    assert_int_equal(out.target, 9);
    assert_int_equal(out.order, -1);
    assert_int_equal(out.pieces, INT32_MAX);
    assert_true(out.tail && !out.cut);
    pfs_buf_put(&body, bytes, sizeof(bytes));
    check_forms(&body, 0, get_seal);
    bytes[20] = 0x80; /* less than no piece */
    assert_int_equal(pfs_record_get_seal(pfs_slice_of(bytes, sizeof(bytes)), &out, NULL), -EIO);
}

static void an_intent_says_who_goes_with_it(void **state)
{
    static const uint64_t parts[] = {4, UINT64_MAX};
    const struct pfs_part_intent in = {.name = name,
                                       .user = "me",
                                       .identifier = 8,
                                       .seen = 11,
                                       .parts = 2,
                                       .part = parts,
                                       .files = pfs_str("manifest")};
    struct pfs_part_intent out;
    struct pfs_buf body = {0};
    size_t count;

    (void)state;
    pfs_record_put_intent(&in, &body);
    assert_int_equal(pfs_record_get_intent(pfs_buf_slice(&body), &arena, &out, NULL), 0);
    assert_string_equal(out.name.branch, "b");
    assert_string_equal(out.user, "me");
    assert_int_equal(out.identifier, 8);
    assert_int_equal(out.seen, 11);
    assert_int_equal(out.parts, 2);
    assert_memory_equal(out.part, parts, sizeof(parts));
    assert_true(pfs_slice_eq(out.files, pfs_str("manifest")));
    /* A count is a claim: nothing is made for more than what is left can hold. */
    count = body.len - 4 - strlen("manifest") - sizeof(parts) - 4;
    assert_int_equal(body.at[count], 2);
    for (uint64_t claim = 4; claim <= UINT32_MAX; claim *= 64) {
        pfs_arena_reset(&arena);
        pfs_put_le32(body.at + count, (uint32_t)claim);
        assert_int_equal(get_intent(pfs_buf_slice(&body), NULL), -EIO);
        assert_true(arena.used_bytes < 1 << 20);
    }
    pfs_put_le32(body.at + count, 2);
    check_forms(&body, 0, get_intent);
}

static void an_overwrite_names_columns_that_are_there(void **state)
{
    static const int32_t value = 5, columns[] = {0};
    struct pfs_field field = {.name = "k", .type = {.kind = PFS_INT}};
    const struct pfs_schema schema = {.columns = 1, .field = &field};
    const struct pfs_column column = {.type = &field.type, .values = &value};
    const struct pfs_overwrite in = {.kind = PFS_OVERWRITE_STATIC, .columns = 1, .column = columns, .value = &column};
    struct pfs_overwrite out;
    struct pfs_buf body = {0};

    (void)state;
    assert_int_equal(pfs_record_put_overwrite(&in, &body, NULL), 0);
    assert_int_equal(pfs_record_get_overwrite(pfs_buf_slice(&body), &schema, &arena, &out, NULL), 0);
    assert_int_equal(out.kind, PFS_OVERWRITE_STATIC);
    assert_int_equal(out.columns, 1);
    assert_int_equal(((const int32_t *)out.value[0].values)[0], 5);
    body.at[5] = 1; /* the column: of a schema of before */
    assert_int_equal(pfs_record_get_overwrite(pfs_buf_slice(&body), &schema, &arena, &out, NULL), -EIO);
    body.at[5] = 0;
    body.at[1] = 2; /* so many of them */
    assert_int_equal(pfs_record_get_overwrite(pfs_buf_slice(&body), &schema, &arena, &out, NULL), -EIO);
    body.at[1] = 1;
    body.at[0] = PFS_OVERWRITE_STATIC + 1;
    assert_int_equal(pfs_record_get_overwrite(pfs_buf_slice(&body), &schema, &arena, &out, NULL), -EIO);
    pfs_buf_done(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_begin_says_what_was_begun, begin, end),
        cmocka_unit_test_setup_teardown(a_seal_says_what_counts, begin, end),
        cmocka_unit_test_setup_teardown(an_intent_says_who_goes_with_it, begin, end),
        cmocka_unit_test_setup_teardown(an_overwrite_names_columns_that_are_there, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
