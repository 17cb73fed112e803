#include "format/frame.h"

#include <errno.h>

#include "format/text/text.h"
#include "tests/unit/format/make.h"

static const char *const rows_json =
    "{\"b\":true,\"i\":-7,\"d\":\"12345678901234567890.50\",\"t\":\"2026-11-20 "
    "08:00:00.123456789\",\"s\":\"Gr\xc3\xbc\xc3\x9f"
    "e\",\"y\":\"AAH/"
    "\",\"a\":[1,null,3],\"m\":[[\"x\",1.5],[\"y\",null]],\"u\":[[\"k\",3]],\"r\":{\"p\":1,\"q\":[\"z\"]}}\n"
    "{\"b\":null,\"i\":null,\"d\":null,\"t\":null,\"s\":null,\"y\":null,\"a\":null,\"m\":null,\"u\":null,\"r\":null}\n"
    "{\"b\":false,\"i\":9,\"d\":\"0.00\",\"t\":\"1969-12-31 "
    "23:59:59.999999999\",\"s\":\"\",\"y\":\"\",\"a\":[],\"m\":[],"
    "\"u\":[],\"r\":{\"p\":null,\"q\":null}}\n";

static const char *const row_type =
    "ROW<b BOOLEAN, i INT, d DECIMAL(30, 2), t TIMESTAMP(9), s STRING, y BYTES, a ARRAY<INT>, m MAP<STRING, DOUBLE>, "
    "u MULTISET<STRING>, r ROW<p BIGINT, q ARRAY<STRING>>>";

enum { columns_max = 16 };

struct rows {
    struct pfs_arena arena;
    const struct pfs_type *type;
    const struct pfs_type *types[columns_max];
    struct pfs_batch batch; /* the columns of row_type */
};

static void rows_init(struct rows *r)
{
    const struct pfs_text_parse parse = {.format = PFS_TEXT_JSON};
    struct pfs_text_parse with = parse;
    struct pfs_text_refusal refusal;
    struct pfs_text_parser *parser;
    size_t used;

    pfs_arena_init(&r->arena, PFS_ARENA_LIMIT);
    r->type = make_type(&r->arena, row_type);
    with.columns = r->type->children;
    with.fields = r->type->child;
    assert_int_equal(pfs_text_parser_open(&with, &parser, NULL), 0);
    assert_int_equal(
        pfs_text_parser_feed(parser, pfs_str(rows_json), true, &r->arena, &r->batch, &used, &refusal, NULL), 3);
    pfs_text_parser_close(parser);
    r->batch.columns = r->type->children;
    for (int32_t i = 0; i < r->type->children; i++)
        r->types[i] = &r->type->child[i].type;
}

static void assert_prints(const struct rows *r, const struct pfs_batch *batch, const char *want)
{
    struct pfs_buf out = {0};

    assert_int_equal(pfs_text_print(PFS_TEXT_JSON, r->type->child, batch, &out, NULL), 0);
    pfs_buf_putc(&out, 0);
    assert_string_equal((const char *)out.at, want);
    pfs_buf_done(&out);
}

static const enum pfs_codec codecs[] = {PFS_CODEC_NONE, PFS_CODEC_LZ4, PFS_CODEC_ZSTD};

static void every_type_comes_back_through_every_codec(void **state)
{
    struct rows r;

    (void)state;
    rows_init(&r);
    for (size_t i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++) {
        struct pfs_buf out = {0};
        struct pfs_batch got;
        size_t used;

        assert_int_equal(pfs_frame_put(&r.batch, codecs[i], &out, NULL), 0);
        pfs_buf_puts(&out, "more");
        assert_int_equal(pfs_frame_get(pfs_buf_slice(&out), r.types, r.type->children, &r.arena, &got, &used, NULL), 0);
        assert_int_equal(used, out.len - 4);
        pfs_buf_done(&out); /* nothing points into it */
        assert_prints(&r, &got, rows_json);
    }
    pfs_arena_done(&r.arena);
}

static void rows_from_the_middle_of_columns_are_stored_alone(void **state)
{
    struct pfs_column column[columns_max];
    struct pfs_buf out = {0};
    struct pfs_batch got;
    struct rows r;
    size_t used;

    (void)state;
    rows_init(&r);
    for (int32_t i = 0; i < r.batch.columns; i++)
        assert_int_equal(pfs_column_slice(&r.batch.column[i], 2, 1, &r.arena, &column[i], NULL), 0);
    r.batch = (struct pfs_batch){1, r.batch.columns, column};
    assert_int_equal(pfs_frame_put(&r.batch, PFS_CODEC_NONE, &out, NULL), 0);
    assert_int_equal(pfs_frame_get(pfs_buf_slice(&out), r.types, r.type->children, &r.arena, &got, &used, NULL), 0);
    assert_prints(&r, &got, strchr(strchr(rows_json, '\n') + 1, '\n') + 1);
    pfs_buf_done(&out);
    pfs_arena_done(&r.arena);
}

static void a_cut_or_changed_frame_is_damaged_or_whole(void **state)
{
    struct pfs_buf out = {0};
    struct rows r;

    (void)state;
    rows_init(&r);
    assert_int_equal(pfs_frame_put(&r.batch, PFS_CODEC_NONE, &out, NULL), 0);
    for (size_t cut = 0; cut < out.len; cut++) {
        struct pfs_batch got;
        struct pfs_err err;
        size_t used;

        assert_int_equal(
            pfs_frame_get(pfs_slice_of(out.at, cut), r.types, r.type->children, &r.arena, &got, &used, &err), -EIO);
    }
    for (size_t i = 0; i < out.len; i++) {
        struct pfs_buf printed = {0};
        struct pfs_batch got;
        struct pfs_err err;
        size_t used;

        out.at[i] ^= 0x81;
        if (pfs_frame_get(pfs_buf_slice(&out), r.types, r.type->children, &r.arena, &got, &used, &err) == 0)
            (void)pfs_text_print(PFS_TEXT_JSON, r.type->child, &got, &printed, NULL);
        out.at[i] ^= 0x81;
        pfs_buf_done(&printed);
    }
    pfs_buf_done(&out);
    pfs_arena_done(&r.arena);
}

static void a_frame_of_other_columns_is_refused(void **state)
{
    struct pfs_buf out = {0};
    struct pfs_batch got;
    struct pfs_err err;
    struct rows r;
    size_t used;

    (void)state;
    rows_init(&r);
    assert_int_equal(pfs_frame_put(&r.batch, PFS_CODEC_LZ4, &out, NULL), 0);
    assert_int_equal(pfs_frame_get(pfs_buf_slice(&out), r.types, 3, &r.arena, &got, &used, &err), -EIO);
    pfs_buf_done(&out);
    pfs_arena_done(&r.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_comes_back_through_every_codec),
        cmocka_unit_test(rows_from_the_middle_of_columns_are_stored_alone),
        cmocka_unit_test(a_cut_or_changed_frame_is_damaged_or_whole),
        cmocka_unit_test(a_frame_of_other_columns_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
