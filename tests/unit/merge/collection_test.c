/* collection_test.c - functions over arrays and maps: record by record, values as JSON, the order of Java's tables. */
#include <errno.h>
#include <stdio.h>

#include "src/merge/engine.h"
#include "tests/unit/merge/rows.h"

struct step {
    const char *kind, *order, *value, *after; /* order: the sequence of a group, or "1"; after "": not looked at */
};

struct sequence {
    const char *what, *type, *options; /* of the column v */
    struct step step[8];
};

static struct pfs_batch make_record(const struct rows_table *t, const struct step *step, int64_t number)
{
    const char *key = "1";
    struct pfs_column *column = pfs_arena_array(t->arena, 5, sizeof(*column));
    int64_t *numbers = pfs_arena_alloc(t->arena, 8);
    int8_t *kind = pfs_arena_alloc(t->arena, 1);

    *numbers = number;
    *kind = rows_kind(step->kind);
    column[0] = *make_column(t->arena, "INT", &key, 1);
    column[1] = *make_column(t->arena, "INT", &step->order, 1);
    if (step->value == NULL)
        assert_int_equal(pfs_column_nulls(&t->schema.field[2].type, 1, t->arena, &column[2], NULL), 0);
    else
        assert_int_equal(
            pfs_text_parse_value(&t->schema.field[2].type, pfs_str(step->value), false, t->arena, &column[2], NULL), 0);
    column[3] = (struct pfs_column){.type = make_type(t->arena, "BIGINT"), .values = numbers};
    column[4] = (struct pfs_column){.type = make_type(t->arena, "TINYINT"), .values = kind};
    return (struct pfs_batch){1, 5, column};
}

/* "keys: 1,17,2": those of a map as they stand, which its text does not tell. */
static void print_keys(const struct pfs_column *map, int64_t row, struct pfs_buf *text)
{
    const int32_t *keys = (const int32_t *)map->children[0].values;

    pfs_buf_puts(text, "keys: ");
    for (int32_t i = map->offsets[row]; i < map->offsets[row + 1]; i++)
        pfs_buf_printf(text, i == map->offsets[row] ? "%d" : ",%d", (int)keys[i]);
}

/* Key 1 has a record a step; a second key with the same records stands before it, so that offsets do not begin at 0. */
static void check_prefix(const struct rows_table *t, const struct sequence *s, const struct pfs_batch *row,
                         int32_t count, const char *after)
{
    const struct pfs_batch *source[8];
    struct pfs_record record[16];
    int64_t start[3] = {0, count, 2 * count};
    struct pfs_groups groups = {.source = source, .sources = count, .groups = 2, .start = start, .record = record};
    struct pfs_err err = {0};
    struct pfs_batch got;

    for (int32_t i = 0; i < count; i++) {
        source[i] = &row[i];
        record[i] = record[count + i] = (struct pfs_record){i, 0};
    }
    if (pfs_engine_merge(t->engine, &groups, t->arena, &got, &err) < 0) {
        if (strncmp(after, "error: ", 7) != 0 || strstr(err.text, after + 7) == NULL)
            fail_msg("%s: after record %d: %s", s->what, count, err.text);
        return;
    }
    for (int64_t r = 0; r < 2; r++) {
        struct pfs_buf text = {0};

        if (!pfs_column_present(&got.column[2], r))
            pfs_buf_puts(&text, "null");
        else if (strncmp(after, "keys: ", 6) == 0)
            print_keys(&got.column[2], r, &text);
        else
            assert_int_equal(pfs_text_print_value(PFS_TEXT_JSON, &got.column[2], r, &text, &err), 0);
        pfs_buf_putc(&text, 0);
        if (strcmp((const char *)text.at, after) != 0)
            fail_msg("%s: after record %d key %d has %s, not %s", s->what, count, (int)r, (const char *)text.at, after);
        pfs_buf_done(&text);
    }
}

static void check_sequence(const struct sequence *s)
{
    char columns[256];
    struct pfs_arena arena;
    struct rows_table t;
    struct pfs_batch row[8];

    pfs_arena_init(&arena, 0);
    snprintf(columns, sizeof(columns), "k INT; g INT; v %s", s->type);
    if (rows_table(&t, &arena, columns, 1, s->options) < 0)
        fail_msg("%s: %s", s->what, t.err.text);
    for (int32_t i = 0; i < (int32_t)COUNT(s->step) && s->step[i].kind != NULL; i++) {
        row[i] = make_record(&t, &s->step[i], i);
        if (s->step[i].after[0] != '\0')
            check_prefix(&t, s, row, i + 1, s->step[i].after);
    }
    pfs_engine_close(t.engine);
    pfs_arena_done(&arena);
}

static void check_all(const struct sequence *s, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check_sequence(&s[i]);
}

#define AGG(function) "merge-engine=aggregation; fields.v.aggregate-function=" function
#define GROUP(function) "merge-engine=partial-update; fields.g.sequence-group=v; fields.v.aggregate-function=" function
#define LINES "ARRAY<ROW<line INT, sku STRING, qty INT>>"

static const struct sequence collected[] = {
    {"lists are joined, NULL elements kept",
     "ARRAY<INT>",
     AGG("collect"),
     {{"+I", "1", "[3,null]", "[3,null]"},
      {"+I", "1", NULL, "[3,null]"},
      {"+U", "1", "[3,1]", "[3,null,3,1]"},
      {"+I", "1", "[]", "[3,null,3,1]"}}},
    {"nothing and nothing is NULL",
     "ARRAY<INT>",
     AGG("collect"),
     {{"+I", "1", NULL, "null"}, {"+I", "1", NULL, "null"}, {"+I", "1", "[]", "[]"}}},
    {"a retract takes one for each",
     "ARRAY<STRING>",
     AGG("collect"),
     {{"+I", "1", "[\"a\",\"b\",\"a\",null]", ""},
      {"-U", "1", "[\"a\",null,\"z\",null]", "[\"b\",\"a\"]"},
      {"-D", "1", NULL, "[\"b\",\"a\"]"},
      {"+I", "1", "[\"c\"]", "[\"b\",\"a\",\"c\"]"}}},
    {"a retract of nothing stays NULL",
     "ARRAY<INT>",
     AGG("collect"),
     {{"-D", "1", "[1]", "[1]"}, {"-D", "1", "[2]", "null"}, {"+I", "1", "[2]", "[2]"}}},
    {"ignored retracts",
     "ARRAY<INT>",
     AGG("collect") "; fields.v.ignore-retract=true",
     {{"+I", "1", "[1]", ""}, {"-D", "1", "[1]", "[1]"}}},
    {"distinct numbers in the order of a HashSet",
     "ARRAY<BIGINT>",
     AGG("collect") "; fields.v.distinct=true",
     {{"+I", "1", "[100,17,4294967296,-1]", "[100,17,4294967296,-1]"},
      {"+I", "1", "[1]", "[-1,17,4294967296,1,100]"},
      {"-D", "1", "[17,5]", "[-1,4294967296,1,100]"},
      {"+I", "1", "[17,17]", "[-1,4294967296,1,17,100]"}}},
    {"a place that nine share makes the table grow",
     "ARRAY<INT>",
     AGG("collect") "; fields.v.distinct=true",
     {{"+I", "1", "[16,32,48,64,80,96,112,128]", ""},
      {"+I", "1", "[]", "[16,32,48,64,80,96,112,128]"},
      {"+I", "1", "[144]", "[32,64,96,128,16,48,80,112,144]"},
      {"+I", "1", "[160]", "[32,64,96,128,160,16,48,80,112,144]"}}},
    {"as often as it takes",
     "ARRAY<INT>",
     AGG("collect") "; fields.v.distinct=true",
     {{"+I", "1", "[1,2,3,4,5,32,64,96,128,160,192,224,256,288]", ""},
      {"+I", "1", "[]", "[64,128,192,256,1,2,3,4,5,32,96,160,224,288]"}}},
    {"but not when it has grown before",
     "ARRAY<INT>",
     AGG("collect") "; fields.v.distinct=true",
     {{"+I", "1", "[32,64,96,128,160,192,224,256,288,1,2,3,4,5]", ""},
      {"+I", "1", "[]", "[32,64,96,128,160,192,224,256,288,1,2,3,4,5]"}}},
    {"distinct texts in the order of a HashSet",
     "ARRAY<STRING>",
     AGG("collect") "; fields.v.distinct=true",
     {{"+I", "1", "[\"banana\",\"apple\",\"cherry\",\"date\"]", ""},
      {"+I", "1", "[\"apple\",\"elder\"]", "[\"apple\",\"date\",\"elder\",\"cherry\",\"banana\"]"}}},
    {"distinct moments in the order of a HashSet",
     "ARRAY<TIMESTAMP(3)>",
     AGG("collect") "; fields.v.distinct=true",
     {{"+I", "1", "[\"1970-01-01 00:00:00.001\",\"1970-01-01 00:00:00.002\",\"1970-01-01 00:00:00.003\"]", ""},
      {"+I", "1", "[\"1970-01-01 00:00:00.002\"]",
       "[\"1970-01-01 00:00:00.003\",\"1970-01-01 00:00:00.002\",\"1970-01-01 00:00:00.001\"]"}}},
    {"microseconds count as nanoseconds of a millisecond",
     "ARRAY<TIMESTAMP(6)>",
     AGG("collect") "; fields.v.distinct=true",
     {{"+I", "1", "[\"1970-01-01 00:00:00.000003\",\"1970-01-01 00:00:00.000001\",\"1970-01-01 00:00:00.000002\"]", ""},
      {"+I", "1", "[\"1969-12-31 23:59:59.999999\"]",
       "[\"1970-01-01 00:00:00.000002\",\"1969-12-31 23:59:59.999999\",\"1970-01-01 00:00:00.000003\","
       "\"1970-01-01 00:00:00.000001\"]"}}},
    {"no bytes are the same as others",
     "ARRAY<BINARY(1)>",
     AGG("collect") "; fields.v.distinct=true",
     {{"+I", "1", "[\"Yg==\",\"YQ==\",\"Yg==\"]", ""},
      {"+I", "1", "[\"YQ==\",\"Yw==\"]", "[\"Yg==\",\"YQ==\",\"Yg==\",\"YQ==\",\"Yw==\"]"}}},
    {"lists have no order",
     "ARRAY<INT>",
     AGG("max"),
     {{"+I", "1", "[1]", "[1]"}, {"+I", "1", NULL, "[1]"}, {"+I", "1", "[2]", "error: Incomparable type of column v"}}},
    {"what is ignored is not compared",
     "ARRAY<INT>",
     AGG("max") "; fields.v.ignore-retract=true",
     {{"+I", "1", "[1]", "[1]"}, {"-D", "1", "[2]", "[1]"}}},
    {"lists are the same when all of their elements are",
     "ARRAY<ROW<l ARRAY<INT>>>",
     AGG("collect") "; fields.v.distinct=true",
     {{"+I", "1", "[{\"l\":[1,2]},{\"l\":[1,3]},{\"l\":[1]},{\"l\":[]},{\"l\":null}]", ""},
      {"+I", "1", "[{\"l\":[1,3]},{\"l\":[2,1]},{\"l\":[]},{\"l\":[1,2]},{\"l\":[null]},{\"l\":null},{\"l\":[1,3]}]",
       "[{\"l\":[1,2]},{\"l\":[1,3]},{\"l\":[1]},{\"l\":[]},{\"l\":null},{\"l\":[2,1]},{\"l\":[null]}]"}}},
    {"one record keeps its duplicates, a merge with NULL does not",
     "ARRAY<INT>",
     AGG("collect") "; fields.v.distinct=true",
     {{"+I", "1", "[5,5,1]", "[5,5,1]"}, {"+I", "1", NULL, "[1,5]"}, {"+I", "1", "[33,5,null,1]", "[null,1,33,5]"}}},
    {"distinct rows keep their order, what stands is not made distinct",
     "ARRAY<ROW<a INT, b STRING>>",
     "merge-engine=aggregation; aggregation.remove-record-on-delete=true; fields.v.aggregate-function=collect; "
     "fields.v.distinct=true",
     {{"-D", "1", "[{\"a\":1,\"b\":\"x\"},{\"a\":1,\"b\":\"x\"}]", ""},
      {"+I", "1", "[{\"a\":2,\"b\":null},{\"a\":1,\"b\":\"x\"},{\"a\":2,\"b\":null}]",
       "[{\"a\":1,\"b\":\"x\"},{\"a\":1,\"b\":\"x\"},{\"a\":2,\"b\":null}]"},
      {"-D", "1", "[{\"a\":1,\"b\":\"x\"},{\"a\":1,\"b\":\"x\"}]", "[{\"a\":1,\"b\":\"x\"},{\"a\":1,\"b\":\"x\"}]"},
      {"+I", "1", "[{\"a\":1,\"b\":\"x\"},null,null]", "[{\"a\":1,\"b\":\"x\"},{\"a\":1,\"b\":\"x\"},null]"}}},
    {"an older record is not put in front",
     "ARRAY<INT>",
     GROUP("collect"),
     {{"+I", "5", "[5]", ""}, {"+I", "3", "[3]", "[5,3]"}, {"-D", "2", "[5]", "[3]"}, {"+I", "9", "[9]", "[3,9]"}}},
    {"but it is where retracts are ignored",
     "ARRAY<INT>",
     GROUP("collect") "; fields.v.ignore-retract=true",
     {{"+I", "5", "[5]", ""}, {"+I", "3", "[3]", "[3,5]"}, {"-D", "2", "[5]", "[3,5]"}, {"+I", "1", NULL, "[3,5]"}}},
};

static const struct sequence joined[] = {
    {"nothing and nothing is NULL",
     "STRING",
     AGG("listagg"),
     {{"+I", "1", NULL, "null"}, {"+I", "1", NULL, "null"}, {"+I", "1", "", "\"\""}, {"+I", "1", "a", "\"a\""}}},
    {"an older text goes in front",
     "STRING",
     GROUP("listagg") "; fields.v.list-agg-delimiter=/",
     {{"+I", "5", "five", "\"five\""},
      {"+I", "3", "three", "\"three/five\""},
      {"+I", "4", NULL, "\"three/five\""},
      {"+I", "6", "six", "\"three/five/six\""},
      {"+I", "1", "", "\"three/five/six\""},
      {"+I", "2", "two", "\"two/three/five/six\""}}},
    {"distinct, what is new of the newer text goes behind an older one",
     "STRING",
     GROUP("listagg") "; fields.v.distinct=true",
     {{"+I", "5", "a,b", "\"a,b\""}, {"+I", "3", "c,a", "\"c,a,b\""}, {"+I", "6", "b,d,,d", "\"c,a,b,d\""}}},
};

static void texts_are_joined(void **state)
{
    (void)state;
    check_all(joined, COUNT(joined));
}

static void collect_joins_lists(void **state)
{
    (void)state;
    check_all(collected, COUNT(collected));
}

static const struct sequence updated[] = {
    {"rows without a key are joined without NULLs",
     LINES,
     AGG("nested_update"),
     {{"+I", "1", "[{\"line\":1,\"sku\":\"a\",\"qty\":null},null]", "[{\"line\":1,\"sku\":\"a\",\"qty\":null},null]"},
      {"+I", "1", NULL, "[{\"line\":1,\"sku\":\"a\",\"qty\":null},null]"},
      {"+I", "1", "[{\"line\":1,\"sku\":\"a\",\"qty\":null},null,{\"line\":2,\"sku\":\"b\",\"qty\":1}]",
       "[{\"line\":1,\"sku\":\"a\",\"qty\":null},{\"line\":1,\"sku\":\"a\",\"qty\":null},{\"line\":2,\"sku\":\"b\","
       "\"qty\":1}]"},
      {"-U", "1", "[{\"line\":1,\"sku\":\"a\",\"qty\":null},{\"line\":2,\"sku\":\"z\",\"qty\":1}]",
       "[{\"line\":2,\"sku\":\"b\",\"qty\":1}]"}}},
    {"the last row of a key wins, in the order of a HashMap",
     "ARRAY<ROW<a INT, b STRING>>",
     AGG("nested_update") "; fields.v.nested-key= a ",
     {{"+I", "1", "[{\"a\":2,\"b\":\"x\"},{\"a\":1,\"b\":\"y\"},{\"a\":2,\"b\":\"z\"}]",
       "[{\"a\":2,\"b\":\"x\"},{\"a\":1,\"b\":\"y\"},{\"a\":2,\"b\":\"z\"}]"},
      {"+I", "1", "[null,{\"a\":null,\"b\":\"n\"}]",
       "[{\"a\":2,\"b\":\"z\"},{\"a\":1,\"b\":\"y\"},{\"a\":null,\"b\":\"n\"}]"},
      {"+I", "1", "[{\"a\":1,\"b\":null}]", "[{\"a\":2,\"b\":\"z\"},{\"a\":1,\"b\":null},{\"a\":null,\"b\":\"n\"}]"},
      {"-D", "1", "[{\"a\":null,\"b\":\"zz\"}]", "[{\"a\":2,\"b\":\"z\"},{\"a\":1,\"b\":null}]"},
      {"-D", "1", "[]", "[{\"a\":2,\"b\":\"z\"},{\"a\":1,\"b\":null}]"}}},
    {"the limit counts what stands",
     "ARRAY<ROW<a INT, b INT>>",
     AGG("nested_update") "; fields.v.count-limit=3",
     {{"+I", "1", "[{\"a\":1,\"b\":1}]", ""},
      {"+I", "1", "[null,{\"a\":2,\"b\":2},{\"a\":3,\"b\":3},{\"a\":4,\"b\":4}]",
       "[{\"a\":1,\"b\":1},{\"a\":2,\"b\":2},{\"a\":3,\"b\":3}]"},
      {"+I", "1", "[{\"a\":5,\"b\":5}]", "[{\"a\":1,\"b\":1},{\"a\":2,\"b\":2},{\"a\":3,\"b\":3}]"},
      {"-D", "1", "[{\"a\":2,\"b\":2}]", "[{\"a\":1,\"b\":1},{\"a\":3,\"b\":3}]"},
      {"+I", "1", "[{\"a\":5,\"b\":5},{\"a\":6,\"b\":6}]", "[{\"a\":1,\"b\":1},{\"a\":3,\"b\":3},{\"a\":5,\"b\":5}]"}}},
    {"the first record is not limited",
     "ARRAY<ROW<a INT, b INT>>",
     AGG("nested_update") "; fields.v.count-limit=1; fields.v.nested-key=a",
     {{"+I", "1", "[{\"a\":1,\"b\":1},{\"a\":1,\"b\":2}]", ""},
      {"+I", "1", "[{\"a\":3,\"b\":3}]", "[{\"a\":1,\"b\":1},{\"a\":1,\"b\":2}]"}}},
    {"an older record goes first, and what stands wins",
     "ARRAY<ROW<a INT, b INT>>",
     GROUP("nested_update") "; fields.v.nested-key=a",
     {{"+I", "5", "[{\"a\":1,\"b\":5}]", ""},
      {"+I", "3", "[{\"a\":1,\"b\":3},{\"a\":2,\"b\":3}]", "[{\"a\":2,\"b\":3},{\"a\":1,\"b\":5}]"}}},
    {"fields that are not NULL overwrite",
     LINES,
     AGG("nested_partial_update") "; fields.v.nested-key=line",
     {{"+I", "1", "[{\"line\":1,\"sku\":\"a\",\"qty\":null},null]", ""},
      {"+I", "1", "[{\"line\":1,\"sku\":null,\"qty\":5},null,{\"line\":2,\"sku\":\"q\",\"qty\":null}]",
       "[{\"line\":2,\"sku\":\"q\",\"qty\":null},{\"line\":1,\"sku\":\"a\",\"qty\":5}]"},
      {"+I", "1", "[{\"line\":2,\"sku\":null,\"qty\":7}]",
       "[{\"line\":2,\"sku\":\"q\",\"qty\":7},{\"line\":1,\"sku\":\"a\",\"qty\":5}]"},
      {"-D", "1", "[{\"line\":2,\"sku\":null,\"qty\":7}]", "error: does not support retraction"}}},
    {"keys in one place of the table turn around with every record",
     "ARRAY<ROW<a INT, b INT>>",
     AGG("nested_partial_update") "; fields.v.nested-key=a",
     {{"+I", "1", "[{\"a\":null,\"b\":1}]", ""},
      {"+I", "1", "[{\"a\":6,\"b\":2}]", "[{\"a\":6,\"b\":2},{\"a\":null,\"b\":1}]"},
      {"+I", "1", "[{\"a\":6,\"b\":3}]", "[{\"a\":null,\"b\":1},{\"a\":6,\"b\":3}]"}}},
    {"a table grows for the thirteenth key when the next row comes, not before",
     "ARRAY<ROW<a INT, b INT>>",
     AGG("nested_partial_update") "; fields.v.nested-key=a",
     {{"+I", "1",
       "[{\"a\":1,\"b\":1},{\"a\":2,\"b\":1},{\"a\":3,\"b\":1},{\"a\":4,\"b\":1},{\"a\":5,\"b\":1},"
       "{\"a\":6,\"b\":1},{\"a\":7,\"b\":1},{\"a\":8,\"b\":1},{\"a\":9,\"b\":1},{\"a\":10,\"b\":1},"
       "{\"a\":11,\"b\":1},{\"a\":12,\"b\":1}]",
       ""},
      {"+I", "1", "[{\"a\":13,\"b\":1}]",
       "[{\"a\":3,\"b\":1},{\"a\":7,\"b\":1},{\"a\":2,\"b\":1},{\"a\":5,\"b\":1},{\"a\":13,\"b\":1},"
       "{\"a\":1,\"b\":1},{\"a\":12,\"b\":1},{\"a\":9,\"b\":1},{\"a\":6,\"b\":1},{\"a\":10,\"b\":1},"
       "{\"a\":8,\"b\":1},{\"a\":4,\"b\":1},{\"a\":11,\"b\":1}]"},
      {"+I", "1", "[{\"a\":13,\"b\":null}]",
       "[{\"a\":3,\"b\":1},{\"a\":1,\"b\":1},{\"a\":13,\"b\":1},{\"a\":9,\"b\":1},{\"a\":12,\"b\":1},"
       "{\"a\":4,\"b\":1},{\"a\":8,\"b\":1},{\"a\":11,\"b\":1},{\"a\":7,\"b\":1},{\"a\":2,\"b\":1},"
       "{\"a\":5,\"b\":1},{\"a\":6,\"b\":1},{\"a\":10,\"b\":1}]"},
      {"+I", "1", "[null]",
       "[{\"a\":3,\"b\":1},{\"a\":7,\"b\":1},{\"a\":2,\"b\":1},{\"a\":5,\"b\":1},{\"a\":13,\"b\":1},"
       "{\"a\":1,\"b\":1},{\"a\":12,\"b\":1},{\"a\":9,\"b\":1},{\"a\":6,\"b\":1},{\"a\":10,\"b\":1},"
       "{\"a\":8,\"b\":1},{\"a\":4,\"b\":1},{\"a\":11,\"b\":1}]"}}},
    {"older fields give way",
     LINES,
     GROUP("nested_partial_update") "; fields.v.nested-key=line",
     {{"+I", "5", "[{\"line\":1,\"sku\":\"a\",\"qty\":null}]", ""},
      {"+I", "3", "[{\"line\":1,\"sku\":\"b\",\"qty\":3}]", "[{\"line\":1,\"sku\":\"a\",\"qty\":3}]"},
      {"+I", "2", "[{\"line\":1,\"sku\":\"c\",\"qty\":4}]", "[{\"line\":1,\"sku\":\"a\",\"qty\":3}]"}}},
};

static void nested_tables_are_updated(void **state)
{
    (void)state;
    check_all(updated, COUNT(updated));
}

#define TIMED "MAP<STRING, ROW<val INT, t STRING>>"

/* Maps print in the order of their keys' text. */
static const struct sequence mapped[] = {
    {"values of the newer map win, NULL too",
     "MAP<STRING, INT>",
     AGG("merge_map"),
     {{"+I", "1", "{\"a\":1,\"b\":2}", ""},
      {"+I", "1", NULL, "[[\"a\",1],[\"b\",2]]"},
      {"+I", "1", "{\"b\":null,\"c\":3}", "[[\"a\",1],[\"b\",null],[\"c\",3]]"},
      {"-D", "1", "{\"a\":9,\"z\":1}", "[[\"b\",null],[\"c\",3]]"},
      {"-D", "1", "{}", "[[\"b\",null],[\"c\",3]]"},
      {"+I", "1", "{\"a\":7}", "[[\"a\",7],[\"b\",null],[\"c\",3]]"}}},
    {"what is left of a map is in the order of a smaller table",
     "MAP<INT, INT>",
     AGG("merge_map"),
     {{"+I", "1",
       "{\"1\":1,\"2\":2,\"3\":3,\"4\":4,\"5\":5,\"6\":6,\"7\":7,\"8\":8,\"9\":9,\"10\":10,\"11\":11,\"12\":12}", ""},
      {"+I", "1", "{\"17\":1}", "keys: 1,2,3,4,5,6,7,8,9,10,11,12,17"},
      {"-D", "1", "{\"4\":1,\"5\":1,\"6\":1,\"7\":1,\"8\":1,\"9\":1,\"10\":1,\"11\":1,\"12\":1}", "keys: 1,17,2,3"},
      {"+I", "1", "{\"33\":1}", "keys: 1,17,33,2,3"}}},
    {"an older map only fills",
     "MAP<STRING, INT>",
     GROUP("merge_map"),
     {{"+I", "5", "{\"a\":1}", ""}, {"+I", "3", "{\"a\":7,\"b\":7}", "[[\"a\",1],[\"b\",7]]"}}},
    {"the later time wins as text, NULL rows remove",
     TIMED,
     AGG("merge_map_with_keytime"),
     {{"+I", "1",
       "{\"x\":{\"val\":1,\"t\":\"2024-01-01\"},\"y\":{\"val\":1,\"t\":\"2024-01-05\"},\"z\":{\"val\":1,\"t\":\"1\"}}",
       ""},
      {"+I", "1",
       "{\"x\":{\"val\":2,\"t\":\"2024-01-02\"},\"y\":{\"val\":2,\"t\":\"2024-01-04\"},\"z\":null,\"w\":{\"val\":9,"
       "\"t\":null},\"v\":{\"val\":8,\"t\":\"0\"}}",
       "[[\"v\",{\"val\":8,\"t\":\"0\"}],[\"x\",{\"val\":2,\"t\":\"2024-01-02\"}],[\"y\",{\"val\":1,\"t\":\"2024-01-"
       "05\"}]]"},
      {"+I", "1", "{\"x\":{\"val\":3,\"t\":\"2024-01-02\"},\"z\":{\"val\":3,\"t\":\"0\"}}",
       "[[\"v\",{\"val\":8,\"t\":\"0\"}],[\"x\",{\"val\":2,\"t\":\"2024-01-02\"}],[\"y\",{\"val\":1,\"t\":\"2024-01-"
       "05\"}],"
       "[\"z\",{\"val\":3,\"t\":\"0\"}]]"}}},
    {"keys that went leave a smaller table, and come back last",
     "MAP<INT, ROW<val INT, t STRING>>",
     AGG("merge_map_with_keytime"),
     {{"+I", "1",
       "{\"1\":{\"val\":1,\"t\":\"a\"},\"2\":{\"val\":1,\"t\":\"a\"},\"3\":{\"val\":1,\"t\":\"a\"},\"4\":{\"val\":1,"
       "\"t\":\"a\"},\"5\":{\"val\":1,\"t\":\"a\"},\"6\":{\"val\":1,\"t\":\"a\"},\"7\":{\"val\":1,\"t\":\"a\"},\"8\":{"
       "\"val\":1,\"t\":\"a\"},\"9\":{\"val\":1,\"t\":\"a\"},\"10\":{\"val\":1,\"t\":\"a\"},\"11\":{\"val\":1,\"t\":"
       "\"a\"},\"12\":{\"val\":1,\"t\":\"a\"}}",
       ""},
      {"+I", "1", "{\"12\":null,\"17\":{\"val\":1,\"t\":\"a\"}}", "keys: 1,17,2,3,4,5,6,7,8,9,10,11"},
      {"+I", "1", "{\"12\":{\"val\":1,\"t\":\"a\"}}", "keys: 1,2,3,4,5,6,7,8,9,10,11,12,17"},
      {"+I", "1", "{\"3\":null}", "keys: 1,2,4,5,6,7,8,9,10,11,12,17"},
      {"+I", "1", "{\"1\":{\"val\":1,\"t\":\"b\"}}", "keys: 1,17,2,4,5,6,7,8,9,10,11,12"},
      {"+I", "1", "{\"1\":null}", "keys: 17,2,4,5,6,7,8,9,10,11,12"},
      {"+I", "1", "{\"1\":{\"val\":1,\"t\":\"a\"}}", "keys: 17,1,2,4,5,6,7,8,9,10,11,12"}}},
    {"what stands without a time gives way",
     TIMED,
     AGG("merge_map_with_keytime"),
     {{"+I", "1", "{\"x\":null,\"y\":{\"val\":1,\"t\":null}}", "[[\"x\",null],[\"y\",{\"val\":1,\"t\":null}]]"},
      {"+I", "1", "{\"x\":{\"val\":2,\"t\":\"a\"},\"y\":{\"val\":2,\"t\":\"a\"}}",
       "[[\"x\",{\"val\":2,\"t\":\"a\"}],[\"y\",{\"val\":2,\"t\":\"a\"}]]"}}},
    {"moments as times are compared as moments",
     "MAP<STRING, ROW<val INT, t TIMESTAMP(3)>>",
     AGG("merge_map_with_keytime"),
     {{"+I", "1", "{\"x\":{\"val\":1,\"t\":\"1970-01-01 00:00:00.999\"}}", ""},
      {"+I", "1", "{\"x\":{\"val\":2,\"t\":\"1970-01-01 00:00:01.000\"}}",
       "[[\"x\",{\"val\":2,\"t\":\"1970-01-01 00:00:01.000\"}]]"},
      {"+I", "1", "{\"x\":{\"val\":3,\"t\":\"1969-12-31 23:59:59.999\"}}",
       "[[\"x\",{\"val\":2,\"t\":\"1970-01-01 00:00:01.000\"}]]"}}},
    {"texts as times are compared by the units of UTF-16",
     TIMED,
     AGG("merge_map_with_keytime"),
     {{"+I", "1",
       "{\"x\":{\"val\":1,\"t\":\"\\ue000\"},\"y\":{\"val\":1,\"t\":\"\\ud800\\udc00\"},\"z\":{\"val\":1,\"t\":"
       "\"\\ud7ff\"}}",
       ""},
      {"+I", "1",
       "{\"x\":{\"val\":2,\"t\":\"\\ud800\\udc00\"},\"y\":{\"val\":2,\"t\":\"\\ue000\"},\"z\":{\"val\":2,\"t\":"
       "\"\\ud800\\udc00\"}}",
       "[[\"x\",{\"val\":1,\"t\":\"\xee\x80\x80\"}],[\"y\",{\"val\":2,\"t\":\"\xee\x80\x80\"}],[\"z\",{\"val\":2,\"t\":"
       "\"\xf0\x90\x80\x80\"}]]"}}},
    {"what another time begins with is before it",
     TIMED,
     AGG("merge_map_with_keytime"),
     {{"+I", "1", "{\"x\":{\"val\":1,\"t\":\"ab\"},\"y\":{\"val\":1,\"t\":\"a\"},\"z\":{\"val\":1,\"t\":\"a\"}}", ""},
      {"+I", "1", "{\"x\":{\"val\":2,\"t\":\"a\"},\"y\":{\"val\":2,\"t\":\"ab\"},\"z\":{\"val\":2,\"t\":\"a\"}}",
       "[[\"x\",{\"val\":1,\"t\":\"ab\"}],[\"y\",{\"val\":2,\"t\":\"ab\"}],[\"z\",{\"val\":1,\"t\":\"a\"}]]"}}},
    {"also where only the earlier one is beyond the first plane",
     TIMED,
     AGG("merge_map_with_keytime"),
     {{"+I", "1", "{\"x\":{\"val\":1,\"t\":\"\\ud800\\udc00\"}}", ""},
      {"+I", "1", "{\"x\":{\"val\":2,\"t\":\"\\ud7ff\"}}", "[[\"x\",{\"val\":1,\"t\":\"\xf0\x90\x80\x80\"}]]"}}},
    {"numbers as times are compared as texts",
     "MAP<STRING, ROW<t INT, val INT>>",
     AGG("merge_map_with_keytime") "; fields.v.ts-field=t",
     {{"+I", "1", "{\"x\":{\"t\":9,\"val\":1}}", ""},
      {"+I", "1", "{\"x\":{\"t\":10,\"val\":2}}", "[[\"x\",{\"t\":9,\"val\":1}]]"}}},
};

static void maps_are_merged(void **state)
{
    (void)state;
    check_all(mapped, COUNT(mapped));
}

static void wrong_types_and_options_are_refused(void **state)
{
    static const struct {
        const char *type, *options, *sentence;
    } cases[] = {
        {"INT", AGG("collect"), "Data type for collect column must be 'Array' but was 'INT'."},
        {"ARRAY<INT>", AGG("merge_map"), "Data type for merge map column must be 'MAP' but was 'ARRAY<INT>'."},
        {"ARRAY<INT>", AGG("nested_update"), "must be 'Array<Row>' but was 'ARRAY<INT>'"},
        {LINES, AGG("nested_partial_update"), "needs fields.v.nested-key"},
        {LINES, AGG("nested_update") "; fields.v.nested-key=nope", "have no field nope"},
        {"MAP<INT, INT>", AGG("merge_map_with_keytime"), "must be 'MAP<K, ROW<...>>"},
        {TIMED, AGG("merge_map_with_keytime") "; fields.v.ts-field=nope", "have no field nope"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char columns[256];
        struct pfs_arena arena;
        struct rows_table t;

        pfs_arena_init(&arena, 0);
        snprintf(columns, sizeof(columns), "k INT; g INT; v %s", cases[i].type);
        CHECK(cases[i].sentence, rows_table(&t, &arena, columns, 1, cases[i].options) == -EINVAL);
        if (strstr(t.err.text, cases[i].sentence) == NULL)
            fail_msg("\"%s\" is not \"%s\"", t.err.text, cases[i].sentence);
        pfs_arena_done(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_joined),
        cmocka_unit_test(collect_joins_lists),
        cmocka_unit_test(nested_tables_are_updated),
        cmocka_unit_test(maps_are_merged),
        cmocka_unit_test(wrong_types_and_options_are_refused),
    };

    return cmocka_run_group_tests_name("merge/collection", tests, NULL, NULL);
}
