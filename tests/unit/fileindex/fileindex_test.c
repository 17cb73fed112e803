/* fileindex_test.c - every index that Paimon wrote, asked with every operator and many literals, answers what a look at
 * the rows answers; damage is a sentence. */
#include "format/fileindex/fileindex.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "format/text/text.h"
#include "tests/unit/cm.h"

#define ROWS 110

static struct pfs_arena arena;
static struct pfs_batch rows;

static const char *const columns[][2] = {
    {"id", "INT NOT NULL"},
    {"s", "STRING"},
    {"c", "CHAR(4)"},
    {"b", "BOOLEAN"},
    {"t8", "TINYINT"},
    {"i16", "SMALLINT"},
    {"i32", "INT"},
    {"i64", "BIGINT"},
    {"f", "FLOAT"},
    {"d", "DOUBLE"},
    {"dt", "DATE"},
    {"tm", "TIME(3)"},
    {"ts0", "TIMESTAMP(0)"},
    {"ts3", "TIMESTAMP(3)"},
    {"ts6", "TIMESTAMP(6)"},
    {"lz3", "TIMESTAMP(3) WITH LOCAL TIME ZONE"},
    {"lz6", "TIMESTAMP(6) WITH LOCAL TIME ZONE"},
    {"dec", "DECIMAL(10, 2)"},
    {"n", "INT"},
    {"y", "VARBINARY(9)"},
};

static struct pfs_slice load(const char *name)
{
    uint8_t *at = pfs_arena_alloc(&arena, 1 << 17);
    char path[200];
    size_t len;
    FILE *in;

    (void)snprintf(path, sizeof(path), "tests/data/fileindex/%s", name);
    in = fopen(path, "rb");
    if (in == NULL)
        fail_msg("%s is not there", path);
    len = fread(at, 1, 1 << 17, in);
    fclose(in);
    return pfs_slice_of(at, len);
}

static int set_up(void **state)
{
    static struct pfs_field fields[COUNT(columns)];
    struct pfs_text_parse parse = {.columns = COUNT(columns), .fields = fields, .format = PFS_TEXT_JSON};
    struct pfs_text_parser *parser = NULL;
    size_t used;

    (void)state;
    pfs_arena_init(&arena, 0);
    for (size_t i = 0; i < COUNT(columns); i++) {
        fields[i] = (struct pfs_field){.id = (int32_t)i, .name = columns[i][0]};
        assert_int_equal(pfs_type_parse(pfs_str(columns[i][1]), NULL, &arena, &fields[i].type, NULL), 0);
    }
    assert_int_equal(pfs_text_parser_open(&parse, &parser, NULL), 0);
    assert_int_equal(pfs_text_parser_feed(parser, load("rows.ndjson"), true, &arena, &rows, &used, NULL, NULL), ROWS);
    pfs_text_parser_close(parser);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pfs_arena_done(&arena);
    return 0;
}

/* ---- what a look at the rows answers ---- */

static double floating(const struct pfs_column *c, int64_t row)
{
    return c->type->kind == PFS_FLOAT ? (double)((const float *)c->values)[row] : ((const double *)c->values)[row];
}

static bool matches(const struct pfs_column *c, int64_t row, enum pfs_compare how, const struct pfs_column *literal)
{
    bool real = c->type->kind == PFS_FLOAT || c->type->kind == PFS_DOUBLE;
    int order;

    if (!pfs_column_present(c, row) || how == PFS_IS_NULL || how == PFS_IS_NOT_NULL)
        return how == (pfs_column_present(c, row) ? PFS_IS_NOT_NULL : PFS_IS_NULL);
    if (real && (isnan(floating(c, row)) || isnan(floating(literal, 0))))
        return how == PFS_NE;
    order = pfs_value_compare(c, row, literal, 0);
    if (real && floating(c, row) == 0.0 && floating(literal, 0) == 0.0)
        order = 0;
    switch (how) {
    case PFS_EQ:
        return order == 0;
    case PFS_NE:
        return order != 0;
    case PFS_LT:
        return order < 0;
    case PFS_LE:
        return order <= 0;
    case PFS_GT:
        return order > 0;
    case PFS_GE:
        return order >= 0;
    case PFS_IS_NULL:
    case PFS_IS_NOT_NULL:
        break;
    }
    return false;
}

/* How an index type may be wrong. */
enum grade { EXACT, WIDER };

static int64_t ask(const struct pfs_fileindex *index, int32_t column, enum pfs_compare how,
                   const struct pfs_column *literal, enum grade grade)
{
    const struct pfs_column *c = &rows.column[column];
    enum pfs_index_answer answer;
    struct pfs_bitmap *some = NULL;
    int64_t left_out = 0;

    assert_int_equal(pfs_fileindex_test(index, columns[column][0], c->type, how, literal, ROWS, &answer, &some, NULL),
                     0);
    for (int64_t i = 0; i < ROWS; i++) {
        bool want = matches(c, i, how, literal);
        bool got = answer == PFS_INDEX_ALL || (answer == PFS_INDEX_SOME && pfs_bitmap_has(some, (uint64_t)i));

        if (want ? !got : grade == EXACT && got)
            fail_msg("%s, operator %d, row %d: %d where %d is right", columns[column][0], how, (int)i, got, want);
        left_out += got ? 0 : 1;
    }
    if (answer == PFS_INDEX_SOME)
        assert_true(left_out > 0 && left_out < ROWS);
    pfs_bitmap_free(some);
    return left_out;
}

/* The value of a row, or one beside it: a row's value with its lowest bits changed, a text that is longer or shorter.
 */
static struct pfs_column literal_of(const struct pfs_column *c, int64_t row, int variant)
{
    struct pfs_column one;
    size_t width = (size_t)pfs_type_width(c->type);
    uint8_t *bytes;

    assert_int_equal(pfs_column_repeat(c, row, 1, &arena, &one, NULL), 0);
    if (variant == 0 || c->type->kind == PFS_BOOLEAN)
        return one;
    if (width > 0) {
        bytes = pfs_arena_alloc(&arena, width);
        memcpy(bytes, one.values, width);
        bytes[0] ^= variant == 1 ? 1 : 3;
        one.values = bytes;
    } else {
        struct pfs_slice text = pfs_column_bytes(&one, 0);
        int32_t *offsets = pfs_arena_array(&arena, 2, sizeof(*offsets));

        bytes = pfs_arena_zalloc(&arena, text.len + 1);
        memcpy(bytes, text.at, text.len);
        bytes[text.len] = 'z';
        offsets[1] = variant == 1 || text.len == 0 ? (int32_t)text.len + 1 : (int32_t)text.len - 1;
        one.values = bytes;
        one.offsets = offsets;
    }
    return one;
}

static int64_t ask_everything(const struct pfs_fileindex *index, int32_t column, enum grade grade, bool ordered)
{
    static const enum pfs_compare all[] = {PFS_EQ, PFS_NE, PFS_LT, PFS_LE, PFS_GT, PFS_GE};
    const struct pfs_column *c = &rows.column[column];
    int64_t left_out = ask(index, column, PFS_IS_NULL, NULL, grade) + ask(index, column, PFS_IS_NOT_NULL, NULL, grade);

    for (int64_t i = 0; i < ROWS; i++)
        for (int variant = 0; variant < 3; variant++) {
            struct pfs_column literal;

            if (!pfs_column_present(c, i))
                continue;
            literal = literal_of(c, i, variant);
            for (size_t k = 0; k < (ordered ? COUNT(all) : 2); k++)
                left_out += ask(index, column, all[k], &literal, grade);
        }
    return left_out;
}

static void every_index_of_paimon_answers_as_the_rows_do(void **state)
{
    static const struct {
        const char *file;
        enum grade grade;
        const char *without; /* columns that it has no index on */
    } cases[] = {
        {"bitmap1.index", EXACT, " id dec y "},   {"bitmap2.index", EXACT, " id dec y "},
        {"bsi.index", EXACT, " id s c b f d y "}, {"range.index", EXACT, " id y "},
        {"bloom.index", WIDER, " id b dec "},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_fileindex *index = NULL;

        CHECK(cases[i].file, pfs_fileindex_parse(load(cases[i].file), &index, NULL) == 0);
        for (int32_t c = 0; c < (int32_t)COUNT(columns); c++) {
            bool real = strchr("fd", columns[c][0][0]) != NULL && columns[c][0][1] == '\0';
            char name[16];
            int64_t left_out;

            (void)snprintf(name, sizeof(name), " %s ", columns[c][0]);
            left_out =
                ask_everything(index, c, strstr(cases[i].without, name) != NULL || real ? WIDER : cases[i].grade, true);
            if (strstr(cases[i].without, name) != NULL)
                assert_int_equal(left_out, 0);
            else if (strcmp(columns[c][0], "n") != 0)
                CHECK(columns[c][0], left_out > 100);
        }
        pfs_fileindex_close(index);
    }
}

static void both_zeros_are_found_by_either(void **state)
{
    static const char *const files[] = {"bitmap1.index", "bitmap2.index", "range.index", "bloom.index"};
    static const double zeros[] = {0.0, -0.0};
    static const float narrow[] = {0.0f, -0.0f};

    (void)state;
    for (size_t i = 0; i < COUNT(files); i++) {
        struct pfs_fileindex *index = NULL;

        assert_int_equal(pfs_fileindex_parse(load(files[i]), &index, NULL), 0);
        for (int z = 0; z < 2; z++) {
            struct pfs_column wide = {.type = rows.column[9].type, .values = &zeros[z]};
            struct pfs_column thin = {.type = rows.column[8].type, .values = &narrow[z]};

            for (enum pfs_compare how = PFS_EQ; how <= PFS_GE; how++) {
                (void)ask(index, 9, how, &wide, how == PFS_EQ && i < 3 ? EXACT : WIDER);
                (void)ask(index, 8, how, &thin, how == PFS_EQ && i < 3 ? EXACT : WIDER);
            }
        }
        pfs_fileindex_close(index);
    }
}

static void a_literal_of_nanoseconds_keeps_its_microsecond(void **state)
{
    static const struct pfs_type nanos = {.kind = PFS_TIMESTAMP, .precision = 9, .nullable = true};
    const struct pfs_column *micros = &rows.column[14];
    struct pfs_fileindex *index = NULL;
    int64_t row = 0, value;
    struct pfs_time96 time;
    struct pfs_column literal = {.type = &nanos, .values = &time};

    (void)state;
    while (!pfs_column_present(micros, row))
        row++;
    value = ((const int64_t *)micros->values)[row];
    time.millis = value >= 0 ? value / 1000 : -((999 - value) / 1000);
    time.nanos = (int32_t)(value - time.millis * 1000) * 1000 + 7;
    time.zero = 0;
    assert_int_equal(pfs_fileindex_parse(load("range.index"), &index, NULL), 0);
    for (enum pfs_compare how = PFS_EQ; how <= PFS_GE; how++) {
        enum pfs_index_answer answer;
        struct pfs_bitmap *some = NULL;

        assert_int_equal(pfs_fileindex_test(index, "ts6", &nanos, how, &literal, ROWS, &answer, &some, NULL), 0);
        assert_int_equal(answer, PFS_INDEX_SOME);
        assert_true(pfs_bitmap_has(some, (uint64_t)row));
        pfs_bitmap_free(some);
    }
    pfs_fileindex_close(index);
}

static void an_unknown_column_type_or_version_answers_all(void **state)
{
    static const uint8_t head[] = {0, 5,  0x4e, 0x4e, 0xd0, 0x1a, 0x35, 0xae, 0,   0, 0, 1, 0, 0,
                                   0, 55, 0,    0,    0,    1,    0,    1,    'a', 0, 0, 0, 2};
    static const uint8_t rest[] = {0,   5,   'm', 'a', 'g', 'i', 'c', 0, 0, 0, 1, 0, 0, 0, 1, 0, 6, 'b',
                                   'i', 't', 'm', 'a', 'p', 0,   0,   0, 8, 0, 0, 0, 1, 0, 0, 0, 0};
    static const struct pfs_type type = {.kind = PFS_INT};
    static const int32_t one = 1;
    struct pfs_column literal = {.type = &type, .values = &one};
    uint8_t bytes[sizeof(head) + sizeof(rest)];
    struct pfs_fileindex *index = NULL;
    enum pfs_index_answer answer = PFS_INDEX_NONE;
    struct pfs_bitmap *some = NULL;

    (void)state;
    memcpy(bytes, head, sizeof(head));
    memcpy(bytes + sizeof(head), rest, sizeof(rest));
    assert_int_equal(pfs_fileindex_parse(pfs_slice_of(bytes, sizeof(bytes)), &index, NULL), 0);
    assert_int_equal(pfs_fileindex_test(index, "b", &type, PFS_EQ, &literal, 9, &answer, &some, NULL), 0);
    assert_int_equal(answer, PFS_INDEX_ALL);
    answer = PFS_INDEX_NONE;
    assert_int_equal(pfs_fileindex_test(index, "a", &type, PFS_EQ, &literal, 9, &answer, &some, NULL), 0);
    assert_int_equal(answer, PFS_INDEX_ALL); /* the bitmap's version is 0 */
    pfs_fileindex_close(index);
    bytes[11] = 2;
    assert_int_equal(pfs_fileindex_parse(pfs_slice_of(bytes, sizeof(bytes)), &index, NULL), 0);
    pfs_fileindex_close(index);
    bytes[11] = 1;
    bytes[7] ^= 1;
    assert_int_equal(pfs_fileindex_parse(pfs_slice_of(bytes, sizeof(bytes)), &index, NULL), -EIO);
}

static void another_number_of_rows_is_damage(void **state)
{
    static const char *const files[] = {"bitmap1.index", "bitmap2.index", "range.index", "bsi.index"};

    (void)state;
    for (size_t i = 0; i < COUNT(files); i++) {
        struct pfs_column literal = literal_of(&rows.column[6], 0, 0);
        struct pfs_fileindex *index = NULL;
        enum pfs_index_answer answer;
        struct pfs_bitmap *some = NULL;
        struct pfs_err err = {0};

        assert_int_equal(pfs_fileindex_parse(load(files[i]), &index, NULL), 0);
        assert_int_equal(pfs_fileindex_test(index, "i32", literal.type, PFS_EQ, &literal, 7, &answer, &some, &err),
                         -EIO);
        assert_true(err.text[0] != '\0');
        pfs_fileindex_close(index);
    }
}

static void a_container_that_is_cut_off_anywhere_is_refused_or_answers(void **state)
{
    struct pfs_slice whole = load("bitmap2.index");

    (void)state;
    for (size_t len = 0; len < whole.len; len += len < 500 ? 1 : 97) {
        uint8_t *bytes = malloc(len == 0 ? 1 : len); /* of its own, so that a read past the end is seen */
        struct pfs_fileindex *index = NULL;
        struct pfs_err err = {0};

        memcpy(bytes, whole.at, len);
        assert_int_equal(pfs_fileindex_parse(pfs_slice_of(bytes, len), &index, &err), -EIO);
        assert_true(err.text[0] != '\0');
        free(bytes);
    }
}

static void a_question_without_memory_is_enomem(void **state)
{
    struct pfs_column literal = literal_of(&rows.column[6], 0, 0);
    int rc = -ENOMEM;

    (void)state;
    for (int64_t n = 0; rc != 0; n++) {
        struct pfs_fileindex *index = NULL;
        enum pfs_index_answer answer;
        struct pfs_bitmap *some = NULL;
        struct pfs_slice bytes = load("range.index");

        assert_true(n < 1000);
        pfs_mem_fail_after(n);
        rc = pfs_fileindex_parse(bytes, &index, NULL);
        if (rc == 0)
            rc = pfs_fileindex_test(index, "i32", literal.type, PFS_LE, &literal, ROWS, &answer, &some, NULL);
        pfs_mem_fail_after(-1);
        assert_true(rc == 0 || rc == -ENOMEM);
        pfs_bitmap_free(some);
        pfs_fileindex_close(index);
    }
}

/* ---- writing ---- */

/* The indexes that the golden containers have, with their options. */
static const struct {
    const char *file;
    enum pfs_index_type type;
    int32_t items, version, block_bytes;
    const char *without;
} made[] = {
    {"bitmap1.index", PFS_INDEX_BITMAP, 0, 1, 0, " id dec y "},
    {"bitmap2.index", PFS_INDEX_BITMAP, 0, 2, 100, " id dec y "},
    {"bsi.index", PFS_INDEX_BSI, 0, 0, 0, " id s c b f d y "},
    {"range.index", PFS_INDEX_RANGE, 0, 0, 100, " id y "},
    {"bloom.index", PFS_INDEX_BLOOM, 100, 0, 0, " id b dec "},
};

static bool is_without(size_t which, int32_t column)
{
    char name[16];

    (void)snprintf(name, sizeof(name), " %s ", columns[column][0]);
    return strstr(made[which].without, name) != NULL;
}

/* A container of all columns that can have the index, written in pieces. */
static struct pfs_buf write_all(size_t which, int64_t step)
{
    struct pfs_index_write index[COUNT(columns)];
    const struct pfs_column *column[COUNT(columns)];
    struct pfs_column piece[COUNT(columns)];
    struct pfs_fileindex_writer *writer = NULL;
    struct pfs_buf out = {0};
    int32_t count = 0, at[COUNT(columns)];

    for (int32_t c = 0; c < (int32_t)COUNT(columns); c++) {
        if (is_without(which, c))
            continue;
        at[count] = c;
        index[count++] = (struct pfs_index_write){.column = columns[c][0],
                                                  .type = rows.column[c].type,
                                                  .index = made[which].type,
                                                  .items = made[which].items,
                                                  .wrong = made[which].items > 0 ? 0.05 : 0.0,
                                                  .version = made[which].version,
                                                  .block_bytes = made[which].block_bytes};
    }
    assert_int_equal(pfs_fileindex_writer_open(index, count, &writer, NULL), 0);
    for (int64_t from = 0; from < ROWS; from += step) {
        int64_t len = ROWS - from < step ? ROWS - from : step;

        for (int32_t i = 0; i < count; i++) {
            assert_int_equal(pfs_column_slice(&rows.column[at[i]], from, len, &arena, &piece[i], NULL), 0);
            column[i] = &piece[i];
        }
        assert_int_equal(pfs_fileindex_writer_add(writer, column, len, NULL), 0);
    }
    assert_int_equal(pfs_fileindex_writer_finish(writer, &out, NULL), 0);
    pfs_fileindex_writer_close(writer);
    return out;
}

/* The bytes of the one index that a container has on a column. */
static struct pfs_slice index_of(struct pfs_slice container, const char *column)
{
    struct pfs_cursor c = pfs_cursor_of(container);
    struct pfs_slice name = {NULL, 0}, none = {NULL, 0}, type;

    (void)pfs_skip(&c, 16);
    for (uint32_t i = pfs_take_be32(&c); i > 0; i--) {
        uint32_t off, len, size = (uint32_t)pfs_take_u8(&c) << 8;

        size |= pfs_take_u8(&c);
        assert_true(pfs_take(&c, size, &name));
        assert_int_equal(pfs_take_be32(&c), 1);
        size = (uint32_t)pfs_take_u8(&c) << 8;
        size |= pfs_take_u8(&c);
        assert_true(pfs_take(&c, size, &type));
        off = pfs_take_be32(&c);
        len = pfs_take_be32(&c);
        if (!c.bad && pfs_slice_eq(name, pfs_str(column)))
            return pfs_slice_of(container.at + off, len);
    }
    return none;
}

/* But for two things: Java has the values of a bitmap in the order of a hash table, and where runs and an array of rows
 * are equally long it takes the array, whose offset makes the whole seven bytes longer. */
static void indexes_are_the_bytes_that_paimon_writes(void **state)
{
    int same = 0;

    (void)state;
    for (size_t i = 0; i < COUNT(made); i++) {
        struct pfs_slice theirs = load(made[i].file);
        struct pfs_buf ours = write_all(i, 37);

        CHECK(made[i].file, ours.len <= theirs.len && (theirs.len - ours.len) % 7 == 0);
        for (int32_t c = 0; c < (int32_t)COUNT(columns); c++) {
            struct pfs_slice a = index_of(pfs_buf_slice(&ours), columns[c][0]);
            struct pfs_slice b = index_of(theirs, columns[c][0]);

            CHECK(columns[c][0], (b.at == NULL) == is_without(i, c) && (b.len - a.len) % 7 == 0);
            if (b.at == NULL || a.len != b.len || made[i].type == PFS_INDEX_BITMAP)
                continue;
            CHECK(columns[c][0], memcmp(a.at, b.at, a.len) == 0);
            same++;
        }
        pfs_buf_done(&ours);
    }
    assert_true(same > 40);
}

static void written_indexes_answer_as_the_rows_do(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(made); i++) {
        struct pfs_buf bytes = write_all(i, (int64_t)i + 1);
        struct pfs_fileindex *index = NULL;

        assert_int_equal(pfs_fileindex_parse(pfs_buf_slice(&bytes), &index, NULL), 0);
        for (int32_t c = 0; c < (int32_t)COUNT(columns); c++) {
            bool real = strchr("fd", columns[c][0][0]) != NULL && columns[c][0][1] == '\0';
            enum grade grade = is_without(i, c) || real || made[i].type == PFS_INDEX_BLOOM ? WIDER : EXACT;

            (void)ask_everything(index, c, grade, true);
        }
        pfs_fileindex_close(index);
        pfs_buf_done(&bytes);
    }
}

static void a_type_that_an_index_cannot_have_is_refused_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(made); i++)
        for (int32_t c = 1; c < (int32_t)COUNT(columns); c++) {
            struct pfs_index_write index = {
                .column = columns[c][0], .type = rows.column[c].type, .index = made[i].type};
            struct pfs_fileindex_writer *writer = NULL;
            struct pfs_err err = {0};
            int rc = pfs_fileindex_writer_open(&index, 1, &writer, &err);

            assert_int_equal(rc, is_without(i, c) ? -EINVAL : 0);
            if (rc < 0)
                assert_non_null(strstr(err.text, columns[c][0]));
            pfs_fileindex_writer_close(writer);
        }
}

static void names_pass_through_modified_utf8(void **state)
{
    static const char *const name = "\xf0\x9f\x98\x80 \xc3\xa9";
    struct pfs_index_write index = {.column = name, .type = rows.column[6].type, .index = PFS_INDEX_BITMAP};
    const struct pfs_column *column = &rows.column[6];
    struct pfs_fileindex_writer *writer = NULL;
    struct pfs_fileindex *parsed = NULL;
    struct pfs_buf out = {0};
    enum pfs_index_answer answer;
    struct pfs_bitmap *some = NULL;

    (void)state;
    assert_int_equal(pfs_fileindex_writer_open(&index, 1, &writer, NULL), 0);
    assert_int_equal(pfs_fileindex_writer_add(writer, &column, ROWS, NULL), 0);
    assert_int_equal(pfs_fileindex_writer_finish(writer, &out, NULL), 0);
    assert_int_equal(pfs_fileindex_parse(pfs_buf_slice(&out), &parsed, NULL), 0);
    assert_int_equal(pfs_fileindex_test(parsed, name, column->type, PFS_IS_NOT_NULL, NULL, ROWS, &answer, &some, NULL),
                     0);
    assert_int_equal(answer, PFS_INDEX_SOME);
    pfs_bitmap_free(some);
    pfs_fileindex_close(parsed);
    pfs_fileindex_writer_close(writer);
    pfs_buf_done(&out);
}

static void many_values_are_found_in_their_blocks(void **state)
{
    enum { MANY = 40000 };
    static const enum pfs_index_type types[] = {PFS_INDEX_BITMAP, PFS_INDEX_RANGE};
    int32_t *value = malloc(MANY * sizeof(*value));
    struct pfs_type type = {.kind = PFS_INT};
    struct pfs_column column = {.type = &type, .values = value};
    const struct pfs_column *list = &column;

    (void)state;
    for (int32_t i = 0; i < MANY; i++)
        value[i] = (int32_t)((uint32_t)i * 2654435761u >> 8) % 17000;
    for (size_t i = 0; i < COUNT(types); i++) {
        struct pfs_index_write index = {.column = "v", .type = &type, .index = types[i]};
        struct pfs_fileindex_writer *writer = NULL;
        struct pfs_fileindex *parsed = NULL;
        struct pfs_buf out = {0};

        assert_int_equal(pfs_fileindex_writer_open(&index, 1, &writer, NULL), 0);
        assert_int_equal(pfs_fileindex_writer_add(writer, &list, MANY, NULL), 0);
        assert_int_equal(pfs_fileindex_writer_finish(writer, &out, NULL), 0);
        assert_int_equal(pfs_fileindex_parse(pfs_buf_slice(&out), &parsed, NULL), 0);
        for (int32_t row = 0; row < MANY; row += 977) {
            struct pfs_column literal = {.type = &type, .values = &value[row]};
            enum pfs_index_answer answer;
            struct pfs_bitmap *some = NULL;
            uint64_t want = 0;

            for (int32_t k = 0; k < MANY; k++)
                want += value[k] <= value[row];
            assert_int_equal(pfs_fileindex_test(parsed, "v", &type, PFS_LE, &literal, MANY, &answer, &some, NULL), 0);
            assert_int_equal(answer, PFS_INDEX_SOME);
            assert_int_equal(pfs_bitmap_count(some), want);
            pfs_bitmap_free(some);
        }
        pfs_fileindex_close(parsed);
        pfs_fileindex_writer_close(writer);
        pfs_buf_done(&out);
    }
    free(value);
}

static void the_number_without_an_absolute_one_leaves_its_index_out(void **state)
{
    static const int64_t value[] = {1, INT64_MIN, 3};
    static const struct pfs_type type = {.kind = PFS_BIGINT};
    struct pfs_column column = {.type = &type, .values = value};
    const struct pfs_column *list[] = {&column, &column};
    struct pfs_index_write index[] = {{.column = "v", .type = &type, .index = PFS_INDEX_BSI},
                                      {.column = "v", .type = &type, .index = PFS_INDEX_BITMAP}};
    struct pfs_fileindex_writer *writer = NULL;
    struct pfs_fileindex *parsed = NULL;
    struct pfs_buf out = {0};
    enum pfs_index_answer answer;
    struct pfs_bitmap *some = NULL;

    (void)state;
    assert_int_equal(pfs_fileindex_writer_open(index, 2, &writer, NULL), 0);
    assert_int_equal(pfs_fileindex_writer_add(writer, list, 3, NULL), 0);
    assert_int_equal(pfs_fileindex_writer_finish(writer, &out, NULL), 0);
    assert_int_equal(pfs_fileindex_parse(pfs_buf_slice(&out), &parsed, NULL), 0);
    column.values = &value[1];
    assert_int_equal(pfs_fileindex_test(parsed, "v", &type, PFS_EQ, &column, 3, &answer, &some, NULL), 0);
    assert_int_equal(answer, PFS_INDEX_SOME);
    assert_int_equal(pfs_bitmap_count(some), 1);
    assert_true(pfs_bitmap_has(some, 1));
    pfs_bitmap_free(some);
    pfs_fileindex_close(parsed);
    pfs_fileindex_writer_close(writer);
    pfs_buf_done(&out);
}

static void an_index_without_memory_is_enomem(void **state)
{
    int rc = -ENOMEM;

    (void)state;
    for (int64_t n = 0; rc != 0; n++) {
        struct pfs_index_write index[] = {
            {.column = "s", .type = rows.column[1].type, .index = PFS_INDEX_RANGE},
            {.column = "i", .type = rows.column[6].type, .index = PFS_INDEX_BITMAP},
            {.column = "l", .type = rows.column[7].type, .index = PFS_INDEX_BSI},
        };
        const struct pfs_column *column[] = {&rows.column[1], &rows.column[6], &rows.column[7]};
        struct pfs_fileindex_writer *writer = NULL;
        struct pfs_buf out = {0};

        assert_true(n < 2000);
        pfs_mem_fail_after(n);
        rc = pfs_fileindex_writer_open(index, 3, &writer, NULL);
        if (rc == 0)
            rc = pfs_fileindex_writer_add(writer, column, ROWS, NULL);
        if (rc == 0)
            rc = pfs_fileindex_writer_finish(writer, &out, NULL);
        pfs_mem_fail_after(-1);
        assert_true(rc == 0 || rc == -ENOMEM);
        pfs_fileindex_writer_close(writer);
        pfs_buf_done(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_index_of_paimon_answers_as_the_rows_do, set_up, tear_down),
        cmocka_unit_test_setup_teardown(both_zeros_are_found_by_either, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_literal_of_nanoseconds_keeps_its_microsecond, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_unknown_column_type_or_version_answers_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_number_of_rows_is_damage, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_container_that_is_cut_off_anywhere_is_refused_or_answers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_question_without_memory_is_enomem, set_up, tear_down),
        cmocka_unit_test_setup_teardown(indexes_are_the_bytes_that_paimon_writes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(written_indexes_answer_as_the_rows_do, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_type_that_an_index_cannot_have_is_refused_by_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_pass_through_modified_utf8, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_values_are_found_in_their_blocks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_number_without_an_absolute_one_leaves_its_index_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_index_without_memory_is_enomem, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
