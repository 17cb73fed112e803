/* lookup_test.c - keys in, rows out, over tables of Paimon: what a scan gives, in the order asked. */
#include "src/lookup/lookup.h"

#include <stdio.h>

#include "base/limits.h"
#include "format/text/text.h"
#include "src/condition/condition.h"
#include "tests/unit/scan/tables.h"

/* The columns of keys that are spelled as "1 2|3 4": records, values. An empty value is a null. */
static struct pfs_column *keys_of(const struct pfs_schema *schema, const char *text, int64_t *rows)
{
    struct pfs_field field[8];
    struct pfs_text_parse parse = {
        .columns = schema->primary_keys, .fields = field, .format = PFS_TEXT_CSV, .row_bytes_max = 1000};
    struct pfs_text_parser *parser = NULL;
    struct pfs_batch batch;
    size_t consumed;

    for (int32_t i = 0; i < schema->primary_keys; i++) {
        field[i] = schema->field[schema->primary_key[i]];
        field[i].type.nullable = true;
    }
    assert_int_equal(pfs_text_parser_open(&parse, &parser, NULL), 0);
    *rows = pfs_text_parser_feed(parser, pfs_str(text), true, &arena, &batch, &consumed, NULL, NULL);
    assert_true(*rows > 0);
    assert_int_equal(consumed, strlen(text));
    pfs_text_parser_close(parser);
    for (int32_t i = 0; i < schema->primary_keys; i++) /* the types outlive this */
        batch.column[i].type = &schema->field[schema->primary_key[i]].type;
    return batch.column;
}

/* What a lookup gives, "-" for nothing. */
static void look_up(const struct table *t, struct pfs_lookup_want *want, const char *text, struct pfs_buf *out)
{
    struct pfs_lookup *lookup = NULL;
    struct pfs_column *key;
    struct pfs_batch batch;
    bool found[64];
    int64_t rows;

    want->state = t->state;
    key = keys_of(t->state->schema, text, &rows);
    assert_true(rows <= 64);
    assert_int_equal(pfs_lookup_open(want, &lookup, NULL), 0);
    data_files = 0;
    assert_int_equal(pfs_lookup_rows(lookup, key, rows, &arena, &batch, found, NULL), 0);
    assert_int_equal(batch.rows, rows);
    for (int64_t i = 0; i < rows; i++) {
        for (int32_t c = 0; found[i] && c < batch.columns; c++) {
            if (c > 0)
                pfs_buf_putc(out, ' ');
            assert_int_equal(pfs_text_print_value(PFS_TEXT_CSV, &batch.column[c], i, out, NULL), 0);
        }
        for (int32_t c = 0; !found[i] && c < batch.columns; c++)
            assert_false(pfs_column_present(&batch.column[c], i));
        pfs_buf_puts(out, found[i] ? "\n" : "-\n");
    }
    pfs_lookup_close(lookup);
    pfs_buf_putc(out, '\0');
}

static const struct {
    const char *what, *table, *condition, *keys, *rows;
    int files; /* data files opened, at most */
} cases[] = {
    {"rows come in the order asked, each key as often as it is asked for", "merged", NULL, "7\n0\n105\n7\n",
     "7 1 old\n0 2 new\n105 3 far\n7 1 old\n", 3},
    {"what is missing, deleted or null is told", "merged", NULL, "k\n9\n4\n50\n\n200\n-5\n", "-\n4 2 new\n-\n-\n-\n-\n",
     4},
    {"keys between others that are there", "merged", NULL, "8\n9\n100\n109\n110\n99\n",
     "8 1 old\n-\n100 3 far\n109 3 far\n-\n-\n", 4},
    {"no file is opened that cannot hold the key", "merged", NULL, "50\n", "-\n", 0},
    {"a file that overlaps nothing is read alone", "merged", NULL, "105\n", "105 3 far\n", 1},
    {"a condition holds for merged rows", "merged", "v = 1", "4\n7\n", "-\n7 1 old\n", 2},
    {"a key says its partition", "parted", NULL, "4,2026-11-02\n4,2026-11-01\n0,2026-11-01\n,2026-11-01\n",
     "4 2026-11-02 4\n-\n0 2026-11-01 0\n-\n", 2},
    {"a partition that is not there has no rows", "parted", NULL, "4,2020-01-01\n", "-\n", 0},
};

static void keys_give_their_merged_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_lookup_want want = {.columns = -1};
        struct pfs_buf out = {0};
        char name[64];
        struct table t;

        (void)snprintf(name, sizeof(name), "db.db/%s", cases[i].table);
        open_table(name, &t);
        if (cases[i].condition != NULL)
            assert_int_equal(
                pfs_condition_parse(pfs_str(cases[i].condition), t.state->schema, &arena, &want.condition, NULL), 0);
        look_up(&t, &want, cases[i].keys, &out);
        if (strcmp((const char *)out.at, cases[i].rows) != 0 || data_files > cases[i].files)
            fail_msg("%s: %s, %d files", cases[i].what, (const char *)out.at, data_files);
        pfs_buf_done(&out);
        close_table(&t);
    }
}

/* With local files the answers are the same; once they are made no data file is opened. */
static void local_files_give_the_same_rows(void **state)
{
    static const struct {
        enum pfs_lookup_cache cache;
        uint64_t bytes_max;
        int files;  /* that are made over */
        int opened; /* data files, by the second lookup */
    } ways[] = {
        {PFS_LOOKUP_FULL, 1 << 20, 3, 0},
        {PFS_LOOKUP_BUCKET, 1 << 20, 3, 0},
        {PFS_LOOKUP_PARTIAL, 1 << 20, 2, 0}, /* ten rows: one key pays for them */
        {PFS_LOOKUP_FULL, 1, 0, 2},          /* none may stay */
    };
    struct table t;

    (void)state;
    open_table("db.db/merged", &t);
    for (size_t i = 0; i < COUNT(ways); i++) {
        const struct pfs_locals_config config = {.dir = "/tmp", .bytes_max = ways[i].bytes_max};
        struct pfs_lookup_want want = {.columns = -1, .cache = ways[i].cache};
        struct pfs_locals *locals = NULL;
        uint64_t bytes;
        int64_t files;

        assert_int_equal(pfs_locals_open(&config, &locals, NULL), 0);
        want.locals = locals;
        for (int round = 0; round < 2; round++) {
            struct pfs_buf out = {0};

            look_up(&t, &want, "7\n", &out);
            assert_string_equal((const char *)out.at, "7 1 old\n");
            pfs_buf_done(&out);
        }
        if (ways[i].opened == 0)
            assert_int_equal(data_files, 0);
        else
            assert_true(data_files > 0);
        pfs_locals_count(locals, &files, &bytes);
        assert_int_equal(files, ways[i].files);
        assert_true(bytes <= ways[i].bytes_max);
        for (size_t k = 0; k < COUNT(cases); k++) {
            struct pfs_buf out = {0};

            if (strcmp(cases[k].table, "merged") != 0 || cases[k].condition != NULL)
                continue;
            look_up(&t, &want, cases[k].keys, &out);
            if (strcmp((const char *)out.at, cases[k].rows) != 0)
                fail_msg("%s: %s by way %d", cases[k].what, (const char *)out.at, (int)i);
            pfs_buf_done(&out);
        }
        pfs_locals_close(locals);
    }
    close_table(&t);
}

static void columns_are_those_that_are_wanted(void **state)
{
    static const int32_t column[] = {2};
    struct pfs_lookup_want want = {.columns = 1, .column = column};
    struct pfs_buf out = {0};
    struct table t;

    (void)state;
    open_table("db.db/merged", &t);
    look_up(&t, &want, "101\n3\n", &out);
    assert_string_equal((const char *)out.at, "far\nnew\n");
    pfs_buf_done(&out);
    close_table(&t);
}

static void a_table_without_a_key_is_refused(void **state)
{
    struct pfs_lookup_want want = {.columns = -1};
    struct pfs_lookup *lookup = NULL;
    struct pfs_err err = {0};
    struct table t;

    (void)state;
    open_table("db.db/appended", &t);
    want.state = t.state;
    assert_int_equal(pfs_lookup_open(&want, &lookup, &err), -EINVAL);
    assert_string_equal(err.text, "the table has no primary key to look up");
    assert_null(lookup);
    close_table(&t);
}

/* A page's bounds that cannot be read are as good as none; all else is told. */
static void a_file_that_cannot_be_read_fails_the_lookup(void **state)
{
    struct pfs_lookup_want want = {.columns = -1};
    bool done = false, failed = false;
    struct table t;

    (void)state;
    open_table("db.db/merged", &t);
    want.state = t.state;
    for (int64_t n = 1; !done; n++) {
        struct pfs_lookup *lookup = NULL;
        struct pfs_err err = {0};
        struct pfs_batch batch;
        bool found[2];
        int64_t rows;
        struct pfs_column *key = keys_of(t.state->schema, "7\n105\n", &rows);
        int rc;

        assert_int_equal(pfs_lookup_open(&want, &lookup, NULL), 0);
        fault.fail_at = fault.calls + n;
        fault.fail_errno = EIO;
        rc = pfs_lookup_rows(lookup, key, rows, &arena, &batch, found, &err);
        done = fault.calls < fault.fail_at;
        fault.fail_at = 0;
        if (rc == 0) {
            assert_true(found[0] && found[1]);
        } else {
            assert_int_equal(rc, -EIO);
            assert_true(err.text[0] != '\0');
            failed = true;
        }
        pfs_lookup_close(lookup);
    }
    assert_true(failed);
    close_table(&t);
}

/* ---- files that are not what they should be ---- */

#define ROWS (2 * PFS_BATCH_ROWS)

/* A file of these keys, and nothing else but numbers and kinds. */
static struct pfs_manifest_entry *write_file(struct pfs_store *memory, const struct pfs_schema *schema,
                                             struct pfs_column key, int64_t rows)
{
    static const uint8_t no_partition[12] = {0};
    static const int64_t numbers[ROWS];
    static const int8_t kinds[ROWS];
    static const struct pfs_type number = {.kind = PFS_BIGINT}, kind = {.kind = PFS_TINYINT};
    const struct pfs_data_write write = {.store = memory,
                                         .table = "t",
                                         .schema = schema,
                                         .partition = {no_partition, 12},
                                         .total_buckets = 1,
                                         .level = 1};
    struct pfs_column column[] = {key, {.type = &number, .values = numbers}, {.type = &kind, .values = kinds}};
    struct pfs_data_writer *writer;
    struct pfs_manifest_entry *made;
    int64_t files;

    column[0].type = &schema->field[0].type;
    assert_int_equal(pfs_data_writer_open(&write, &writer, NULL), 0);
    assert_int_equal(pfs_data_writer_add(writer, &(struct pfs_batch){rows, 3, column}, NULL), 0);
    assert_int_equal(pfs_data_writer_finish(writer, &arena, &made, &files, NULL), 0);
    assert_int_equal(files, 1);
    pfs_data_writer_close(writer);
    return made;
}

/* The schema of a table of a key of that type alone. */
static const struct pfs_schema *keyed_by(struct pfs_store *memory, const char *type, struct pfs_schemas **schemas)
{
    const struct pfs_schema *schema;
    char json[300];

    (void)snprintf(json, sizeof(json),
                   "{\"version\":3,\"id\":0,\"fields\":[{\"id\":0,\"name\":\"k\",\"type\":\"%s NOT NULL\"}],"
                   "\"highestFieldId\":0,\"partitionKeys\":[],\"primaryKeys\":[\"k\"],\"options\":{\"bucket\":\"1\"},"
                   "\"timeMillis\":0}",
                   type);
    assert_int_equal(pfs_store_publish(memory, "t/schema/schema-0", pfs_str(json), false, NULL), 0);
    assert_int_equal(pfs_schemas_open(memory, "t", schemas, NULL), 0);
    assert_int_equal(pfs_schemas_get(*schemas, 0, &schema, NULL), 0);
    return schema;
}

/* How many twins a file of these keys has, once it was asked for. */
static int64_t twins_of(struct pfs_store *memory, struct pfs_schemas *schemas, const struct pfs_schema *schema,
                        const int32_t *key)
{
    const struct pfs_data_read read = {.store = memory, .table = "t", .schema = schema, .schemas = schemas};
    const struct pfs_locals_config config = {.dir = "/tmp"};
    struct pfs_manifest_entry *made = write_file(memory, schema, (struct pfs_column){.values = key}, ROWS);
    struct pfs_locals *locals;
    int64_t files;
    uint64_t bytes;

    assert_int_equal(pfs_locals_open(&config, &locals, NULL), 0);
    pfs_locals_fill(locals, &read, made);
    pfs_locals_count(locals, &files, &bytes);
    assert_true((bytes > 0) == (files > 0));
    pfs_locals_close(locals);
    return files;
}

/* Each batch is sorted, and the second begins behind the first one's last block, but not behind its last row. */
static void a_file_that_is_not_sorted_has_no_local_twin(void **state)
{
    static int32_t key[ROWS];
    const struct pfs_schema *schema;
    struct pfs_schemas *schemas;
    struct pfs_store *memory;

    (void)state;
    assert_int_equal(pfs_store_open_memory(&memory, NULL), 0);
    schema = keyed_by(memory, "INT", &schemas);
    for (int32_t i = 0; i < ROWS; i++)
        key[i] = 2 * i;
    assert_int_equal(twins_of(memory, schemas, schema, key), 1);
    for (int32_t i = PFS_BATCH_ROWS; i < ROWS; i++)
        key[i] -= 99;
    assert_int_equal(twins_of(memory, schemas, schema, key), 0);
    pfs_schemas_unref(schemas);
    pfs_store_close(memory);
}

/* ---- twins of many blocks ---- */

static const int32_t first_column[] = {0};

#define TWIN_ROWS 1000 /* row i has the key 2 * i; a block has 128 of them */

/* The keys as a column: numbers, or texts whose first bytes are all the same. */
static struct pfs_column twin_keys(const struct pfs_type *type, const int32_t *number, int64_t rows)
{
    struct pfs_column out = {.type = type, .values = number};
    int32_t *offsets;
    char *text;

    if (type->kind == PFS_INT)
        return out;
    offsets = pfs_arena_array(&arena, (size_t)rows + 1, sizeof(*offsets));
    text = pfs_arena_alloc(&arena, (size_t)rows * 20);
    for (int64_t i = 0; i < rows; i++) {
        (void)snprintf(text + 15 * i, 16, "customer-%06d", (int)number[i]);
        offsets[i + 1] = (int32_t)(15 * (i + 1));
    }
    out.values = text;
    out.offsets = offsets;
    return out;
}

static void check_twin(const struct pfs_among_files *files, const struct pfs_data_read *read,
                       const struct pfs_manifest_entry *entry, const struct pfs_column *all, const char *what,
                       const int32_t *number, int32_t numbers, int32_t blocks)
{
    const struct pfs_column column = twin_keys(all->type, number, numbers);
    const struct pfs_batch asked = {numbers, 1, (struct pfs_column *)(uintptr_t)&column};
    struct pfs_among among = {.count = numbers};
    const struct pfs_row_range *range = NULL;
    struct pfs_reader *reader = NULL;
    struct pfs_arena scratch;
    struct pfs_batch batch;
    int64_t rows, row;
    int32_t ranges = -1, at = 0;
    bool met[8] = {false};

    pfs_arena_init(&scratch, 0);
    assert_int_equal(pfs_keys_of(&asked, first_column, 1, &scratch, &among.low, NULL), 0);
    among.high = among.low;
    CHECK(what, files->open(files->self, &among, read, entry, &scratch, &range, &ranges, &reader, NULL) == 1);
    CHECK(what, blocks < 0 ? ranges <= -blocks : ranges == blocks);
    CHECK(what, (reader == NULL) == (ranges == 0));
    row = ranges > 0 ? range[0].from : 0;
    while (reader != NULL && (rows = pfs_reader_next(reader, &scratch, &batch, NULL)) > 0)
        for (int64_t i = 0; i < rows; i++, row++) {
            if (row == range[at].to)
                row = range[++at].from;
            CHECK(what, at < ranges && row < TWIN_ROWS);
            if (all->type->kind == PFS_INT)
                CHECK(what, ((const int32_t *)batch.column[0].values)[i] == 2 * row);
            else
                CHECK(what, pfs_slice_eq(pfs_column_bytes(&batch.column[0], i), pfs_column_bytes(all, row)));
            for (int32_t k = 0; k < numbers; k++)
                met[k] |= number[k] == 2 * row;
        }
    for (int32_t k = 0; k < numbers; k++)
        CHECK(what, met[k] == (number[k] % 2 == 0 && number[k] < 2 * TWIN_ROWS));
    pfs_reader_close(reader);
    pfs_arena_done(&scratch);
}

static void a_twin_gives_the_blocks_of_the_keys_alone(void **state)
{
    static const char *const types[] = {"INT", "STRING"};
    static const struct {
        const char *what;
        int32_t keys, key[8], blocks; /* < 0: at most, as the bloom filter will have it */
    } wanted[] = {
        {"the first", 1, {0}, 1},
        {"the last of its block", 1, {254}, 1},
        {"the first of its block", 1, {256}, 1},
        {"the last", 1, {1998}, 1},
        {"one block for all of its keys", 4, {0, 2, 100, 254}, 1},
        {"two that meet", 2, {254, 256}, 2},
        {"each", 8, {2, 300, 600, 800, 1100, 1400, 1600, 1900}, 8},
        {"with gaps", 3, {130, 1000, 1790}, 3},
        {"between others", 2, {255, 1001}, -2},
        {"behind all", 1, {2001}, -1},
    };
    static int32_t number[TWIN_ROWS];

    (void)state;
    for (int32_t i = 0; i < TWIN_ROWS; i++)
        number[i] = 2 * i;
    for (size_t n = 0; n < COUNT(types); n++) {
        const struct pfs_locals_config config = {.dir = "/tmp"};
        struct pfs_data_read read = {.table = "t", .columns = 1, .column = first_column, .key_value = true};
        struct pfs_manifest_entry *made;
        struct pfs_locals *locals;
        struct pfs_schemas *schemas;
        struct pfs_store *memory;
        struct pfs_column all;
        uint64_t bytes;
        int64_t files;

        assert_int_equal(pfs_store_open_memory(&memory, NULL), 0);
        read.schema = keyed_by(memory, types[n], &schemas);
        read.schemas = schemas;
        read.store = memory;
        all = twin_keys(&read.schema->field[0].type, number, TWIN_ROWS);
        made = write_file(memory, read.schema, all, TWIN_ROWS);
        assert_int_equal(pfs_locals_open(&config, &locals, NULL), 0);
        pfs_locals_fill(locals, &read, made);
        pfs_locals_count(locals, &files, &bytes);
        assert_int_equal(files, 1);
        for (size_t i = 0; i < COUNT(wanted); i++)
            check_twin(pfs_locals_files(locals), &read, made, &all, wanted[i].what, wanted[i].key, wanted[i].keys,
                       wanted[i].blocks);
        pfs_locals_close(locals);
        pfs_schemas_unref(schemas);
        pfs_store_close(memory);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keys_give_their_merged_rows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(local_files_give_the_same_rows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(columns_are_those_that_are_wanted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_table_without_a_key_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_cannot_be_read_fails_the_lookup, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_is_not_sorted_has_no_local_twin, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_twin_gives_the_blocks_of_the_keys_alone, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
