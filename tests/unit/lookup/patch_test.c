/* patch_test.c - random tables that change a little again and again: a patched text is the one that is printed anew. */
#include <stdio.h>

#include "base/limits.h"
#include "base/mem.h"
#include "format/text/text.h"
#include "src/condition/condition.h"
#include "src/lookup/blocks.h"
#include "src/statement/statement.h"
#include "src/table/catalog.h"
#include "tests/unit/cm.h"

#define ROWS 4000
#define ROUNDS 30
#define BLOCK_ROWS 64

static const struct {
    const char *what, *columns, *with;
    const int32_t *column; /* -1 ends it; NULL = all */
    const char *condition;
    enum pfs_text format;
    bool texts;    /* the key is a text and a number */
    bool compacts; /* is patched behind a compaction, too */
    bool unfit;    /* is not patched at all */
    bool lines;    /* the newest record of a key is its row, and its key stands in the text: lines are changed */
} tables[] = {
    {.what = "one bucket",
     .columns = "k BIGINT, v STRING, n BIGINT, p INT, PRIMARY KEY (k) NOT ENFORCED)",
     .with = "'bucket' = '1'",
     .compacts = true,
     .lines = true},
    {.what = "buckets and partitions",
     .columns = "k BIGINT, v STRING, n BIGINT, p INT, PRIMARY KEY (p, k) NOT ENFORCED) PARTITIONED BY (p)",
     .with = "'bucket' = '3'",
     .format = PFS_TEXT_JSON,
     .compacts = true,
     .lines = true},
    {.what = "a key of two columns, ORC",
     .columns = "t STRING, k BIGINT, v STRING, n BIGINT, p INT, PRIMARY KEY (t, k) NOT ENFORCED)",
     .with = "'bucket' = '2', 'file.format' = 'orc'",
     .texts = true,
     .compacts = true,
     .lines = true},
    {.what = "a key of two columns, JSON",
     .columns = "t STRING, k BIGINT, v STRING, n BIGINT, p INT, PRIMARY KEY (k, t) NOT ENFORCED)",
     .with = "'bucket' = '1', 'file.format' = 'avro'",
     .column = (const int32_t[]){1, 3, 0, -1},
     .format = PFS_TEXT_JSON,
     .texts = true,
     .compacts = true,
     .lines = true},
    {.what = "columns without the key",
     .columns = "t STRING, k BIGINT, v STRING, n BIGINT, p INT, PRIMARY KEY (k, t) NOT ENFORCED)",
     .with = "'bucket' = '1'",
     .column = (const int32_t[]){2, 4, -1},
     .texts = true,
     .compacts = true},
    {.what = "a condition",
     .columns = "k BIGINT, v STRING, n BIGINT, p INT, PRIMARY KEY (k) NOT ENFORCED)",
     .with = "'bucket' = '2'",
     .column = (const int32_t[]){0, 2, -1},
     .condition = "n > 20 and v <> 'x'",
     .compacts = true,
     .lines = true},
    {.what = "an older row may win",
     .columns = "k BIGINT, v STRING, n BIGINT, p INT, PRIMARY KEY (k) NOT ENFORCED)",
     .with = "'bucket' = '1', 'sequence.field' = 'n'",
     .compacts = true},
    {.what = "deletes are ignored",
     .columns = "k BIGINT, v STRING, n BIGINT, p INT, PRIMARY KEY (k) NOT ENFORCED)",
     .with = "'bucket' = '1', 'ignore-delete' = 'true'",
     .compacts = true},
    {.what = "sums",
     .columns = "k BIGINT, v STRING, n BIGINT, p INT, PRIMARY KEY (k) NOT ENFORCED)",
     .with = "'bucket' = '2', 'merge-engine' = 'aggregation', 'fields.n.aggregate-function' = 'sum'"},
    {.what = "partial updates",
     .columns = "k BIGINT, v STRING, n BIGINT, p INT, PRIMARY KEY (k) NOT ENFORCED)",
     .with = "'bucket' = '1', 'merge-engine' = 'partial-update', 'partial-update.ignore-delete' = 'true'"},
    {.what = "deletion vectors are left out",
     .columns = "k BIGINT, v STRING, n BIGINT, p INT, PRIMARY KEY (k) NOT ENFORCED)",
     .with = "'bucket' = '1', 'deletion-vectors.enabled' = 'true'",
     .unfit = true},
};

static uint64_t seed;

static int random_below(int n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (int)((seed >> 33) % (uint64_t)n);
}

/* Rows as CSV with a header. */
static void put_row(size_t which, int k, struct pfs_buf *out)
{
    if (tables[which].texts)
        pfs_buf_printf(out, "\"t\"\"\n%d\",", k % 7);
    if (random_below(9) == 0)
        pfs_buf_printf(out, "%d,,%d,%d,-D\n", k, random_below(100), k % 3);
    else
        pfs_buf_printf(out, random_below(3) ? "%d,value %d,%d,%d,+I\n" : "%d,\"a,\n\"\"b%d\"\"\",%d,%d,+I\n", k,
                       random_below(50), random_below(100), k % 3);
}

/* Rows here and there, beyond both ends of the table too; some of them side by side. */
static void make_rows(size_t which, int rows, struct pfs_buf *out)
{
    int from = random_below(2 * ROWS + 200) - 100, step = random_below(3);

    pfs_buf_clear(out);
    pfs_buf_puts(out, tables[which].texts ? "t,k,v,n,p,_kind\n" : "k,v,n,p,_kind\n");
    for (int i = 0; i < rows; i++)
        put_row(which, rows == ROWS ? 2 * i : step > 0 ? from + step * i : random_below(2 * ROWS + 200) - 100, out);
}

static void commit(struct pfs_table *table, const struct pfs_buf *text)
{
    const struct pfs_schema *schema;
    struct pfs_text_parse parse = {.format = PFS_TEXT_CSV};
    struct pfs_text_parser *parser;
    struct pfs_slice in = pfs_buf_slice(text);
    struct pfs_write *write = NULL;
    struct pfs_err err = {0};
    int64_t id;

    assert_int_equal(pfs_table_schema(table, &schema, NULL), 0);
    parse.columns = schema->columns;
    parse.fields = schema->field;
    assert_int_equal(pfs_text_parser_open(&parse, &parser, NULL), 0);
    assert_int_equal(pfs_table_write_open(table, 0, &write, NULL), 0);
    while (in.len > 0) {
        struct pfs_arena arena;
        struct pfs_batch batch;
        size_t consumed;
        int64_t rows;

        pfs_arena_init(&arena, 0);
        rows = pfs_text_parser_feed(parser, in, true, &arena, &batch, &consumed, NULL, &err);
        if (rows < 0)
            fail_msg("%s", err.text);
        in = pfs_slice_of(in.at + consumed, in.len - consumed);
        if (rows > 0)
            assert_int_equal(pfs_write_add(write, &arena, &batch, NULL, NULL), 0);
        pfs_arena_done(&arena);
    }
    pfs_text_parser_close(parser);
    if (pfs_table_commit(table, write, "test", 0, false, &id, &err) < 0)
        fail_msg("%s", err.text);
    pfs_write_close(write);
}

/* One version of the text. */
struct version {
    struct pfs_arena arena;
    struct pfs_state *state;
    struct pfs_scan_want want;
    enum pfs_text format;
    struct pfs_field field[8];
    int32_t columns;
    const int32_t *key;
    struct pfs_buf text;
    struct pfs_blocks *blocks;
    int64_t printed; /* rows */
};

static void open_version(size_t which, struct pfs_table *table, struct version *v)
{
    memset(v, 0, sizeof(*v));
    v->format = tables[which].format;
    pfs_arena_init(&v->arena, 0);
    assert_int_equal(pfs_table_state(table, (struct pfs_when){.kind = PFS_WHEN_LATEST}, &v->state, NULL), 0);
    v->want = (struct pfs_scan_want){.state = v->state, .columns = -1};
    v->columns = v->state->schema->columns;
    if (tables[which].column != NULL) {
        for (v->columns = 0; tables[which].column[v->columns] >= 0; v->columns++)
            ;
        v->want.columns = v->columns;
        v->want.column = tables[which].column;
    }
    for (int32_t i = 0; i < v->columns; i++)
        v->field[i] = v->state->schema->field[v->want.column != NULL ? v->want.column[i] : i];
    if (tables[which].condition != NULL)
        assert_int_equal(pfs_condition_parse(pfs_str(tables[which].condition), v->state->schema, &v->arena,
                                             &v->want.condition, NULL),
                         0);
    assert_int_equal(pfs_blocks_widen(&v->want, &v->arena, &v->key, NULL), 0);
    assert_int_equal(pfs_blocks_open(&v->want, &v->blocks, NULL), 0);
    pfs_text_header(tables[which].format, v->field, v->columns, &v->text);
}

static void close_version(struct version *v)
{
    pfs_blocks_close(v->blocks);
    pfs_buf_done(&v->text);
    pfs_state_unref(v->state);
    pfs_arena_done(&v->arena);
}

static void print(struct version *v, int32_t split, bool inside, const struct pfs_batch *batch)
{
    struct pfs_column column[8];

    v->printed += batch->rows;
    for (int64_t from = 0; from < batch->rows; from += BLOCK_ROWS) {
        struct pfs_batch some = {batch->rows - from < BLOCK_ROWS ? batch->rows - from : BLOCK_ROWS, v->columns, column};

        for (int32_t i = 0; i < v->columns; i++)
            assert_int_equal(pfs_column_slice(&batch->column[i], from, some.rows, &v->arena, &column[i], NULL), 0);
        if (from > 0 || !inside)
            assert_int_equal(pfs_blocks_note(v->blocks, split, batch, v->key, from, v->text.len, NULL), 0);
        assert_int_equal(pfs_text_print(v->format, v->field, &some, &v->text, NULL), 0);
    }
}

static void print_anew(struct version *v)
{
    struct pfs_scan *scan = NULL;

    assert_int_equal(pfs_scan_open(&v->want, &scan, NULL), 0);
    for (int32_t i = 0; i < pfs_scan_splits(scan); i++) {
        struct pfs_reader *reader = NULL;
        struct pfs_batch batch;

        assert_int_equal(pfs_scan_split(scan, i, &reader, NULL), 0);
        while (pfs_reader_next(reader, &v->arena, &batch, NULL) > 0)
            print(v, i, false, &batch);
        pfs_reader_close(reader);
    }
    pfs_scan_close(scan);
    pfs_blocks_end(v->blocks, v->text.len);
}

static int read_text(void *context, uint64_t off, void *to, size_t len, struct pfs_err *err)
{
    const struct version *old = context;

    (void)err;
    assert_true(off <= old->text.len && len <= old->text.len - off);
    memcpy(to, old->text.at + off, len);
    return 0;
}

/* From the old version: the bytes that were copied, -1 when it has to be printed anew. */
static int64_t print_patch(struct version *v, struct version *old, bool lines)
{
    const struct pfs_patch_text text = {old->format, old->field, old->columns, read_text, old};
    struct pfs_patch *patch = NULL;
    struct pfs_patch_piece piece;
    struct pfs_err err = {0};
    int64_t copied = 0;
    int rc = pfs_patch_open(&v->want, v->key, old->blocks, lines ? &text : NULL, v->blocks, &patch, &err);

    if (rc < 0)
        fail_msg("%s", err.text);
    if (rc == 0)
        return -1;
    pfs_buf_clear(&v->text);
    while ((rc = pfs_patch_next(patch, v->text.len, &v->arena, &piece, &err)) > 0) {
        if (piece.len > 0) {
            assert_true(piece.off <= old->text.len && piece.len <= old->text.len - piece.off);
            pfs_buf_put(&v->text, old->text.at + piece.off, piece.len);
            copied += (int64_t)piece.len;
        } else {
            print(v, piece.split, piece.inside, &piece.batch);
        }
    }
    if (rc < 0)
        fail_msg("%s", err.text);
    pfs_patch_close(patch);
    pfs_blocks_end(v->blocks, v->text.len);
    return copied;
}

static void same(size_t which, int round, const struct version *a, const struct version *b)
{
    if (a->text.len != b->text.len || memcmp(a->text.at, b->text.at, a->text.len) != 0)
        fail_msg("%s, round %d: %zu bytes instead of %zu", tables[which].what, round, a->text.len, b->text.len);
}

/* False: there was nothing to do. */
static bool compact(struct pfs_table *table, bool full)
{
    struct pfs_compact_want want = {.full = full};
    struct pfs_compact_result result;
    struct pfs_err err = {0};

    if (pfs_table_compact(table, &want, &result, &err) < 0)
        fail_msg("%s", err.text);
    return result.snapshot != 0;
}

static int by_lines; /* patches of the table that printed no row but those that were appended */

/* Patches the old text twice, by lines and by blocks; *old becomes the new one, made in one of the ways. False: it has
 * to be printed anew. */
static bool try_round(size_t which, struct pfs_table *table, int round, int appended, bool compacted,
                      struct version *old)
{
    struct version anew, patched[2];
    bool done = true;
    int next = tables[which].lines && round % 3 != 0;

    open_version(which, table, &anew);
    print_anew(&anew);
    for (int lines = 0; lines < 2; lines++) {
        int64_t copied;

        open_version(which, table, &patched[lines]);
        copied = print_patch(&patched[lines], old, lines);
        if (copied < 0) {
            done = false;
            continue;
        }
        same(which, round, &patched[lines], &anew);
        CHECK(tables[which].what, !compacted || tables[which].compacts);
        CHECK(tables[which].what, copied > (int64_t)anew.text.len / 3);
        by_lines += lines && patched[lines].printed <= appended;
    }
    close_version(old);
    *old = !done ? anew : patched[next]; /* the next one is made from what was made so */
    close_version(done ? &anew : &patched[next]);
    close_version(&patched[!next]);
    return done;
}

static void try_table(size_t which, struct pfs_table *table)
{
    struct version old;
    struct pfs_buf rows = {0};
    int patches = 0;

    by_lines = 0;
    make_rows(which, ROWS, &rows);
    commit(table, &rows);
    open_version(which, table, &old);
    CHECK(tables[which].what, pfs_blocks_fit(old.state) == !tables[which].unfit);
    print_anew(&old);
    for (int round = 1; !tables[which].unfit && round < ROUNDS; round++) {
        int appended = 0;
        bool compacts = false;

        for (int i = 0; i <= round % 3; i++) {
            int count = 1 + random_below(round % 4 == 0 ? 10 : 4);

            make_rows(which, count, &rows);
            commit(table, &rows);
            appended += count;
            if (round % 5 == 3 && i == 0)
                compacts = compact(table, round > 5);
        }
        patches += try_round(which, table, round, appended, compacts, &old);
    }
    CHECK(tables[which].what, tables[which].unfit || patches >= ROUNDS / 2);
    /* Some go by blocks: a compaction that drops the latest delete gives its sequence number free. */
    CHECK(tables[which].what, !tables[which].lines || by_lines >= patches * 3 / 4);
    close_version(&old);
    pfs_buf_done(&rows);
}

static void a_patched_text_is_the_one_that_is_printed_anew(void **state)
{
    struct pfs_catalog_config config = {0};
    struct pfs_catalog *catalog = NULL;
    struct pfs_buf answer = {0};

    (void)state;
    assert_int_equal(pfs_store_open_memory(&config.store, NULL), 0);
    assert_int_equal(pfs_catalog_open(&config, &catalog, NULL), 0);
    for (size_t i = 0; i < COUNT(tables); i++) {
        struct pfs_table *table = NULL;
        struct pfs_err err = {0};
        char sql[1000], name[16];

        seed = 42 + i;
        (void)snprintf(name, sizeof(name), "t%zu", i);
        (void)snprintf(sql, sizeof(sql), "CREATE DATABASE IF NOT EXISTS d; CREATE TABLE d.%s (%s WITH (%s);", name,
                       tables[i].columns, tables[i].with);
        if (pfs_catalog_execute(catalog, NULL, pfs_str(sql), &answer, &err) < 0)
            fail_msg("%s: %s", tables[i].what, err.text);
        assert_int_equal(pfs_catalog_table(catalog, "d", name, NULL, &table, NULL), 0);
        try_table(i, table);
        pfs_table_unref(table);
    }
    pfs_buf_done(&answer);
    pfs_catalog_close(catalog);
}

/* A compaction of a table that has lost all its rows: neither text has a block. */
static void a_text_without_rows_is_printed_anew(void **state)
{
    struct pfs_catalog_config config = {0};
    struct pfs_catalog *catalog = NULL;
    struct pfs_table *table = NULL;
    struct pfs_buf answer = {0}, rows = {0};
    struct version old, new;

    (void)state;
    assert_int_equal(pfs_store_open_memory(&config.store, NULL), 0);
    assert_int_equal(pfs_catalog_open(&config, &catalog, NULL), 0);
    assert_int_equal(pfs_catalog_execute(catalog, NULL,
                                         pfs_str("CREATE DATABASE d; CREATE TABLE d.t (k BIGINT, v STRING, n BIGINT, "
                                                 "p INT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1');"),
                                         &answer, NULL),
                     0);
    assert_int_equal(pfs_catalog_table(catalog, "d", "t", NULL, &table, NULL), 0);
    pfs_buf_puts(&rows, "k,v,n,p,_kind\n1,a,2,3,+I\n");
    commit(table, &rows);
    pfs_buf_clear(&rows);
    pfs_buf_puts(&rows, "k,v,n,p,_kind\n1,a,2,3,-D\n");
    commit(table, &rows);
    open_version(0, table, &old);
    print_anew(&old);
    assert_int_equal(old.printed, 0);
    assert_true(compact(table, true));
    for (int lines = 0; lines < 2; lines++) {
        open_version(0, table, &new);
        assert_int_equal(print_patch(&new, &old, lines), -1);
        close_version(&new);
    }
    close_version(&old);
    pfs_buf_done(&rows);
    pfs_buf_done(&answer);
    pfs_table_unref(table);
    pfs_catalog_close(catalog);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_patched_text_is_the_one_that_is_printed_anew),
        cmocka_unit_test(a_text_without_rows_is_printed_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
