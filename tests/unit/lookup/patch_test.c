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
#define ROUNDS 14
#define BLOCK_ROWS 64

static const struct {
    const char *what, *columns, *with;
    const int32_t *column; /* -1 ends it; NULL = all */
    const char *condition;
    bool texts;    /* the key is a text and a number */
    bool parted;   /* p is the partition */
    bool compacts; /* and is patched behind a compaction */
    bool fits;
} tables[] = {
    {"one bucket", "k BIGINT, v STRING, n BIGINT, p INT, PRIMARY KEY (k) NOT ENFORCED)", "'bucket' = '1'", NULL, NULL,
     false, false, true, true},
    {"buckets and partitions",
     "k BIGINT, v STRING, n BIGINT, p INT, PRIMARY KEY (p, k) NOT ENFORCED) PARTITIONED BY (p)", "'bucket' = '3'", NULL,
     NULL, false, true, true, true},
    {"a key of two columns, ORC", "t STRING, k BIGINT, v STRING, n BIGINT, p INT, PRIMARY KEY (t, k) NOT ENFORCED)",
     "'bucket' = '2', 'file.format' = 'orc'", NULL, NULL, true, false, true, true},
    {"columns without the key", "t STRING, k BIGINT, v STRING, n BIGINT, p INT, PRIMARY KEY (k, t) NOT ENFORCED)",
     "'bucket' = '1'", (const int32_t[]){2, 4, -1}, NULL, true, false, true, true},
    {"a condition", "k BIGINT, v STRING, n BIGINT, p INT, PRIMARY KEY (k) NOT ENFORCED)", "'bucket' = '2'",
     (const int32_t[]){0, 2, -1}, "n > 20 and v <> 'x'", false, false, true, true},
    {"an older row may win", "k BIGINT, v STRING, n BIGINT, p INT, PRIMARY KEY (k) NOT ENFORCED)",
     "'bucket' = '1', 'sequence.field' = 'n'", NULL, NULL, false, false, true, true},
    {"sums", "k BIGINT, v STRING, n BIGINT, p INT, PRIMARY KEY (k) NOT ENFORCED)",
     "'bucket' = '2', 'merge-engine' = 'aggregation', 'fields.n.aggregate-function' = 'sum'", NULL, NULL, false, false,
     false, true},
    {"partial updates", "k BIGINT, v STRING, n BIGINT, p INT, PRIMARY KEY (k) NOT ENFORCED)",
     "'bucket' = '1', 'merge-engine' = 'partial-update', 'partial-update.ignore-delete' = 'true'", NULL, NULL, false,
     false, false, true},
    {"deletion vectors are left out", "k BIGINT, v STRING, n BIGINT, p INT, PRIMARY KEY (k) NOT ENFORCED)",
     "'bucket' = '1', 'deletion-vectors.enabled' = 'true'", NULL, NULL, false, false, false, false},
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
        pfs_buf_printf(out, "\"t\"\"%d\",", k % 7);
    if (random_below(9) == 0)
        pfs_buf_printf(out, "%d,,%d,%d,-D\n", k, random_below(100), k % 3);
    else
        pfs_buf_printf(out, random_below(3) ? "%d,value %d,%d,%d,+I\n" : "%d,\"a,\n\"\"b%d\"\"\",%d,%d,+I\n", k,
                       random_below(50), random_below(100), k % 3);
}

static void make_rows(size_t which, int rows, struct pfs_buf *out)
{
    pfs_buf_clear(out);
    pfs_buf_puts(out, tables[which].texts ? "t,k,v,n,p,_kind\n" : "k,v,n,p,_kind\n");
    for (int i = 0; i < rows; i++)
        put_row(which, rows == ROWS ? 2 * i : random_below(2 * ROWS + 200) - 100, out);
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
    struct pfs_field field[8];
    int32_t columns;
    const int32_t *key;
    struct pfs_buf text;
    struct pfs_blocks *blocks;
};

static void open_version(size_t which, struct pfs_table *table, struct version *v)
{
    memset(v, 0, sizeof(*v));
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
    pfs_text_header(PFS_TEXT_CSV, v->field, v->columns, &v->text);
}

static void close_version(struct version *v)
{
    pfs_blocks_close(v->blocks);
    pfs_buf_done(&v->text);
    pfs_state_unref(v->state);
    pfs_arena_done(&v->arena);
}

static void print(struct version *v, int32_t split, const struct pfs_batch *batch)
{
    struct pfs_column column[8];

    for (int64_t from = 0; from < batch->rows; from += BLOCK_ROWS) {
        struct pfs_batch some = {batch->rows - from < BLOCK_ROWS ? batch->rows - from : BLOCK_ROWS, v->columns, column};

        for (int32_t i = 0; i < v->columns; i++)
            assert_int_equal(pfs_column_slice(&batch->column[i], from, some.rows, &v->arena, &column[i], NULL), 0);
        assert_int_equal(pfs_blocks_note(v->blocks, split, batch, v->key, from, v->text.len, NULL), 0);
        assert_int_equal(pfs_text_print(PFS_TEXT_CSV, v->field, &some, &v->text, NULL), 0);
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
            print(v, i, &batch);
        pfs_reader_close(reader);
    }
    pfs_scan_close(scan);
    pfs_blocks_end(v->blocks, v->text.len);
}

/* From the old version: the bytes that were copied, -1 when it has to be printed anew. */
static int64_t print_patch(struct version *v, const struct version *old)
{
    struct pfs_patch *patch = NULL;
    struct pfs_patch_piece piece;
    struct pfs_err err = {0};
    int64_t copied = 0;
    int rc = pfs_patch_open(&v->want, v->key, old->blocks, v->blocks, &patch, &err);

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
            print(v, piece.split, &piece.batch);
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

static void try_table(size_t which, struct pfs_table *table)
{
    struct version old, anew, patched;
    struct pfs_buf rows = {0};
    int patches = 0;

    make_rows(which, ROWS, &rows);
    commit(table, &rows);
    open_version(which, table, &old);
    CHECK(tables[which].what, pfs_blocks_fit(old.state) == tables[which].fits);
    print_anew(&old);
    for (int round = 1; tables[which].fits && round < ROUNDS; round++) {
        bool compacts = false;
        int64_t copied;

        make_rows(which, 1 + random_below(6), &rows);
        commit(table, &rows);
        if (round % 5 == 3)
            compacts = compact(table, round > 5);
        open_version(which, table, &anew);
        print_anew(&anew);
        open_version(which, table, &patched);
        copied = print_patch(&patched, &old);
        if (copied >= 0) {
            same(which, round, &patched, &anew);
            CHECK(tables[which].what, !compacts || tables[which].compacts);
            CHECK(tables[which].what, copied > (int64_t)anew.text.len / 3);
            patches++;
        }
        close_version(&old);
        close_version(copied >= 0 ? &anew : &patched);
        old = copied >= 0 ? patched : anew; /* the next one is made from what was made so */
    }
    CHECK(tables[which].what, !tables[which].fits || patches >= ROUNDS - 4);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_patched_text_is_the_one_that_is_printed_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
