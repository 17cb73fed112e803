/* recent_test.c - rows of a key between their flush and their snapshot: which are found, what they make of a row, and
 * when only a commit can tell. */
#include "src/ingest/recent.h"

#include <errno.h>

#include "src/ingest/internal.h"
#include "src/statement/statement.h"
#include "tests/unit/format/make.h"
#include "tests/unit/ingest/answer.h"

#define NOTHING INT64_MIN /* of the key there is no row */

static struct pfs_catalog *catalog;
static struct pfs_ingest *ingest;
static struct pfs_table *table;
static struct pfs_arena arena;

static void begin_with(const char *options, size_t memory_bytes)
{
    struct pfs_buf answer = {0};
    struct pfs_store *store;

    pfs_arena_init(&arena, 0);
    assert_int_equal(pfs_store_open_memory(&store, NULL), 0);
    assert_int_equal(pfs_catalog_open(&(struct pfs_catalog_config){.store = store}, &catalog, NULL), 0);
    assert_int_equal(
        pfs_catalog_execute(catalog, NULL,
                            pfs_str(pfs_arena_printf(&arena,
                                                     "CREATE DATABASE d; CREATE TABLE d.t (k BIGINT, n BIGINT, PRIMARY "
                                                     "KEY (k) NOT ENFORCED) WITH ('bucket' = '1'%s);",
                                                     options)),
                            &answer, NULL),
        0);
    pfs_buf_done(&answer);
    assert_int_equal(pfs_catalog_table(catalog, "d", "t", NULL, &table, NULL), 0);
    assert_int_equal(
        pfs_ingest_open(&(struct pfs_ingest_config){.catalog = catalog, .memory_bytes = memory_bytes}, &ingest, NULL),
        0);
}

static void begin(const char *options)
{
    begin_with(options, 0);
}

static void end(void)
{
    assert_int_equal(pfs_ingest_close(ingest, NULL), 0);
    pfs_table_unref(table);
    pfs_catalog_close(catalog);
    pfs_arena_done(&arena);
}

static struct pfs_transaction *open_handle(bool append)
{
    struct pfs_transaction *t;

    assert_int_equal(
        pfs_transaction_open(ingest, &(struct pfs_transaction_config){.table = table, .append = append}, &t, NULL), 0);
    return t;
}

static void batch_of(struct pfs_arena *to, const char *k, const char *n, const char *kind, struct pfs_batch *out)
{
    struct pfs_column *column = pfs_arena_array(to, 3, sizeof(*column));

    column[0] = *make_column(to, "BIGINT", (const char *[]){k}, 1);
    column[1] = *make_column(to, "BIGINT", (const char *[]){n}, 1);
    column[2] = *make_column(to, "TINYINT", (const char *[]){kind}, 1);
    *out = (struct pfs_batch){1, 3, column};
}

static void add(struct pfs_transaction *t, const char *k, const char *n, const char *kind)
{
    struct pfs_arena rows;
    struct pfs_batch batch;

    pfs_arena_init(&rows, 0);
    batch_of(&rows, k, n, kind, &batch);
    assert_int_equal(pfs_transaction_add(t, &rows, &batch, NULL), 0);
    pfs_arena_done(&rows);
}

static void flush(struct pfs_transaction *t)
{
    struct answer a;

    prepare(&a);
    pfs_transaction_flush(t, done, &a);
    assert_int_equal(await(&a), 0);
}

static void seal(struct pfs_transaction *t)
{
    struct answer a;

    prepare(&a);
    pfs_transaction_seal(t, false, done, &a);
    assert_int_equal(await(&a), 0);
}

static void write_row(const char *k, const char *n, const char *kind)
{
    struct pfs_transaction *t = open_handle(false);

    add(t, k, n, kind);
    seal(t);
}

static void commit(void)
{
    struct answer a;

    prepare(&a);
    pfs_ingest_commit(ingest, table, PFS_INGEST_NOW, done, &a);
    assert_int_equal(await(&a), 0);
}

static int find(const char *k, struct pfs_recent_rows **out)
{
    const struct pfs_schema *schema;

    assert_int_equal(pfs_table_schema(table, &schema, NULL), 0);
    return pfs_recent_find(ingest, table, schema, make_column(&arena, "BIGINT", &k, 1), out, NULL);
}

/* What is left of the rows that wait and of `base`, with n = `n` (NULL: there is no row). */
static int64_t merged(const char *k, const char *n)
{
    struct pfs_recent_rows *rows;
    struct pfs_batch base, out;
    int64_t value;
    int rc;

    assert_int_equal(find(k, &rows), 0);
    assert_non_null(rows);
    batch_of(&arena, k, n == NULL ? "0" : n, "0", &base);
    base.columns = 2;
    base.rows = n != NULL;
    rc = pfs_recent_merge(rows, &base, &arena, &out, NULL);
    value = rc < 0 ? rc : out.rows == 0 ? NOTHING : ((const int64_t *)out.column[1].values)[0];
    pfs_recent_close(rows);
    return value;
}

static bool waits(const char *k)
{
    struct pfs_recent_rows *rows;
    bool found;

    assert_int_equal(find(k, &rows), 0);
    found = rows != NULL;
    pfs_recent_close(rows);
    return found;
}

static void rows_wait_until_their_commit(void **state)
{
    struct pfs_recent_rows *rows;

    (void)state;
    begin("");
    assert_false(waits("1")); /* nobody ever wrote */
    write_row("1", "10", "0");
    assert_true(waits("1"));
    assert_false(waits("2"));
    assert_int_equal(merged("1", NULL), 10);
    write_row("1", "11", "0");
    assert_int_equal(merged("1", "9"), 11);
    write_row("1", "0", "3");
    assert_int_equal(merged("1", "9"), NOTHING);
    assert_int_equal(find("1", &rows), 0);
    assert_true(pfs_recent_fits(rows, 0));
    commit();
    assert_false(pfs_recent_fits(rows, 0));
    pfs_recent_close(rows);
    assert_false(waits("1"));
    assert_int_equal(atomic_load(&ingest->recent_bytes), 0);
    end();
}

static void a_sum_adds_what_waits_to_what_is_there(void **state)
{
    (void)state;
    begin(", 'merge-engine' = 'aggregation', 'fields.n.aggregate-function' = 'sum'");
    write_row("1", "10", "0");
    write_row("1", "5", "0");
    assert_int_equal(merged("1", "100"), 115);
    assert_int_equal(merged("1", NULL), -EAGAIN); /* a retract may lie in the files */
    write_row("1", "7", "3");
    assert_int_equal(merged("1", "100"), 108);
    end();
}

static void what_merging_apart_would_lose_waits(void **state)
{
    (void)state;
    begin(", 'merge-engine' = 'aggregation', 'fields.n.aggregate-function' = 'product'");
    write_row("1", "10", "0");
    assert_int_equal(merged("1", "2"), 20);
    write_row("1", "5", "3");
    assert_int_equal(merged("1", "2"), -EAGAIN);
    end();
}

static void descending_order_counts_between_commits(void **state)
{
    (void)state;
    begin(", 'sequence.field' = 'n', 'sequence.field.sort-order' = 'descending'");
    write_row("1", "10", "0");
    assert_int_equal(merged("1", "4"), 4);
    assert_int_equal(merged("1", "40"), 10);
    assert_int_equal(merged("1", NULL), -EAGAIN); /* an older delete may have a smaller n */
    end();
}

static void tables_that_show_rows_when_they_are_compacted_wait(void **state)
{
    static const char *const options[] = {", 'merge-engine' = 'first-row'", ", 'deletion-vectors.enabled' = 'true'",
                                          ", 'record-level.expire-time' = '1 d', 'record-level.time-field' = 'n'"};

    (void)state;
    for (size_t i = 0; i < COUNT(options); i++) {
        struct pfs_recent_rows *rows;

        begin(options[i]);
        write_row("1", "10", "0");
        assert_false(waits("2"));
        CHECK(options[i], find("1", &rows) == -EAGAIN);
        end();
    }
}

static void handles_count_as_they_will_be_committed(void **state)
{
    struct pfs_transaction *append, *other;
    struct pfs_recent_rows *rows;

    (void)state;
    begin("");
    append = open_handle(true);
    add(append, "1", "10", "0");
    assert_false(waits("1")); /* nobody was promised anything */
    flush(append);
    assert_int_equal(merged("1", NULL), 10);
    other = open_handle(false);
    add(other, "2", "20", "0");
    flush(other);
    assert_int_equal(find("2", &rows), -EINPROGRESS);
    assert_int_equal(merged("1", NULL), 10);
    seal(other);
    assert_int_equal(merged("2", NULL), 20);
    add(append, "1", "11", "0");
    seal(append);
    assert_int_equal(merged("1", NULL), 11);
    end();
}

static void half_a_line_is_for_the_commit_to_tell(void **state)
{
    struct pfs_transaction *t;
    struct pfs_recent_rows *rows;
    struct pfs_arena row;
    struct pfs_batch batch;

    (void)state;
    begin("");
    t = open_handle(false);
    pfs_arena_init(&row, 0);
    batch_of(&row, "1", "10", "0", &batch);
    assert_int_equal(pfs_transaction_tail(t, &row, &batch, NULL), 0);
    pfs_arena_done(&row);
    flush(t);
    assert_int_equal(find("1", &rows), -EAGAIN);
    seal(t);
    assert_int_equal(find("1", &rows), -EAGAIN);
    assert_int_equal(find("2", &rows), -EAGAIN);
    commit();
    assert_false(waits("1"));
    end();
}

static void what_has_no_room_in_memory_waits(void **state)
{
    struct pfs_recent_rows *rows;

    (void)state;
    begin_with("", 64 << 10); /* an eighth of it for these rows: one that came by itself takes what is in it */
    write_row("1", "10", "0");
    for (int i = 0; i < 4; i++)
        write_row("2", "20", "0");
    assert_true(waits("1"));
    for (int i = 0; i < 20; i++)
        write_row("2", "20", "0");
    assert_int_equal(find("1", &rows), -EAGAIN);
    commit();
    assert_false(waits("1"));
    write_row("1", "11", "0");
    assert_int_equal(merged("1", "10"), 11);
    end();
}

static void rows_of_another_schema_wait(void **state)
{
    struct pfs_recent_rows *rows;
    struct pfs_buf answer = {0};

    (void)state;
    begin("");
    write_row("1", "10", "0");
    assert_int_equal(pfs_catalog_execute(catalog, NULL, pfs_str("ALTER TABLE d.t ADD m INT;"), &answer, NULL), 0);
    pfs_buf_done(&answer);
    assert_int_equal(find("1", &rows), -EAGAIN);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_wait_until_their_commit),
        cmocka_unit_test(a_sum_adds_what_waits_to_what_is_there),
        cmocka_unit_test(what_merging_apart_would_lose_waits),
        cmocka_unit_test(descending_order_counts_between_commits),
        cmocka_unit_test(tables_that_show_rows_when_they_are_compacted_wait),
        cmocka_unit_test(handles_count_as_they_will_be_committed),
        cmocka_unit_test(half_a_line_is_for_the_commit_to_tell),
        cmocka_unit_test(what_has_no_room_in_memory_waits),
        cmocka_unit_test(rows_of_another_schema_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
