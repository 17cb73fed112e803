/* changelog_test.c - changelog-producer = input: what a write says of the rows that reached it. */
#include <stdlib.h>

#include "src/changelog/changelog.h"

static const char tables_sql[] =
    "CREATE DATABASE d;"
    "CREATE TABLE d.one (k INT, p INT, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1',"
    " 'changelog-producer' = 'input');"
    "CREATE TABLE d.dynamic (k INT, p INT, n BIGINT, PRIMARY KEY (k, p) NOT ENFORCED) PARTITIONED BY (p)"
    " WITH ('dynamic-bucket.target-row-num' = '1000', 'changelog-producer' = 'input');"
    "CREATE TABLE d.sums (k INT, p INT, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '2',"
    " 'merge-engine' = 'aggregation', 'fields.n.aggregate-function' = 'sum', 'changelog-producer' = 'input');";

#define TABLES tables_sql
#include "tests/unit/write/rows.h"

struct changes { /* of one snapshot */
    int64_t rows, sum;
    char text[256]; /* the first few, "+I(k,n) " each */
};

static struct changes read_changes(int64_t id)
{
    struct pfs_changes_want want = {.state = newest(), .from = id, .to = id, .columns = -1};
    struct pfs_table_parts parts = pfs_table_parts(table);
    struct changes changes = {0};
    struct pfs_arena arena = {0};
    struct pfs_batch batch;
    struct pfs_rows *rows;
    int64_t more;

    want.meta = parts.meta;
    want.manifests = parts.manifests;
    assert_int_equal(pfs_changes_rows(&want, &rows, NULL), 0);
    while ((more = pfs_reader_next(rows->reader, &arena, &batch, NULL)) > 0)
        for (int64_t i = 0; i < more; i++) {
            const struct pfs_column *kind = &batch.column[0];
            int32_t k = ((const int32_t *)batch.column[1].values)[i];
            int64_t n = ((const int64_t *)batch.column[3].values)[i];
            size_t len = strlen(changes.text);

            changes.rows++;
            changes.sum += n;
            if (len < 200)
                (void)snprintf(changes.text + len, sizeof(changes.text) - len, "%.2s(%d,%lld) ",
                               (const char *)kind->values + kind->offsets[i], k, (long long)n);
        }
    assert_int_equal(more, 0);
    pfs_rows_close(rows);
    pfs_arena_done(&arena);
    pfs_state_unref(want.state);
    return changes;
}

static void every_row_is_told_in_the_order_of_its_key(void **state)
{
    struct pfs_write *w;

    (void)state;
    use("one");
    w = open_write(0);
    add(w, 3, 1, 1, 1, PFS_INSERT);
    add(w, 1, 1, 1, 1, PFS_INSERT);
    add(w, 2, 1, 1, 1, PFS_INSERT);
    add(w, 1, 1, 1, 2, PFS_INSERT);
    commit(w);
    add(w, 1, 1, 1, 2, PFS_UPDATE_BEFORE);
    add(w, 1, 1, 1, 5, PFS_UPDATE_AFTER);
    add(w, 9, 1, 1, 5, PFS_DELETE);
    commit(w);
    pfs_write_close(w);
    assert_string_equal(read_changes(1).text, "+I(1,1) +I(1,2) +I(2,1) +I(3,1) ");
    assert_string_equal(read_changes(2).text, "-U(1,2) +U(1,5) -D(9,5) ");
    assert_int_equal(read_all().rows, 3);
}

static void rows_beyond_the_budget_are_all_told(void **state)
{
    struct pfs_write *w;

    (void)state;
    use("sums");
    w = open_write(SMALL);
    for (int32_t i = 0; i < 20; i++)
        add(w, 0, 1, 4000, 1, PFS_INSERT);
    commit(w);
    pfs_write_close(w);
    assert_int_equal(read_changes(1).rows, 80000);
    assert_int_equal(read_changes(1).sum, 80000);
    assert_int_equal(read_all().rows, 4000);
    assert_int_equal(read_all().sum, 80000);
}

static void a_lost_race_renumbers_the_changelog_too(void **state)
{
    struct pfs_state *s;
    struct pfs_write *w, *other;
    struct pfs_write_files spilled, now;

    (void)state;
    use("one");
    s = newest();
    w = open_write(0);
    add(w, 0, 1, 100, 7, PFS_INSERT);
    add(w, 0, 1, 100, 8, PFS_INSERT);
    assert_int_equal(pfs_write_spill(w, s, &spilled, NULL), 0);
    assert_int_equal(spilled.changelogs, 1);
    pfs_state_unref(s);
    other = open_write(0);
    add(other, 0, 1, 50, 1, PFS_INSERT);
    commit(other);
    pfs_write_close(other);
    s = newest();
    assert_int_equal(pfs_write_prepare(w, s, &now, NULL), 0);
    assert_int_equal(now.changelogs, 1);
    assert_int_equal(now.changelog[0].file.min_sequence, 50);
    assert_int_equal(now.changelog[0].file.max_sequence, 249);
    pfs_state_unref(s);
    commit(w);
    pfs_write_close(w);
    assert_int_equal(read_changes(2).rows, 200);
    assert_int_equal(read_all().sum, 800);
    assert_int_equal(files_on_disk("d.db/one/bucket-0"), 4); /* a data file and a changelog of each */
}

static void lose_a_race_far_away(const char *bucket)
{
    struct pfs_write *w, *next, *other;
    struct pfs_write_files spilled;
    struct pfs_buf answer = {0};
    struct pfs_state *s;
    char text[512];

    tear_down(NULL);
    set_up(NULL);
    (void)snprintf(text, sizeof(text),
                   "CREATE TABLE d.far (k INT, p INT, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '%s',"
                   " 'changelog-producer' = 'input', 'data-file.external-paths' = 'file:%s',"
                   " 'data-file.external-paths.strategy' = 'round-robin');",
                   bucket, far_away);
    assert_int_equal(pfs_catalog_execute(catalog, "d", pfs_str(text), &answer, NULL), 0);
    pfs_buf_done(&answer);
    use("far");
    s = newest();
    w = open_write(0);
    add(w, 0, 1, 100, 7, PFS_INSERT);
    assert_int_equal(pfs_write_spill(w, s, &spilled, NULL), 0);
    next = open_write(0);
    assert_int_equal(pfs_write_adopt(next, &spilled, s, NULL), 0);
    pfs_write_close(w);
    pfs_state_unref(s);
    other = open_write(0);
    add(other, 0, 1, 50, 1, PFS_INSERT);
    commit(other);
    pfs_write_close(other);
    commit(next);
    pfs_write_close(next);
    assert_int_equal(files_on_disk("d.db/far/bucket-0"), 0);
    assert_int_equal(read_changes(2).rows, 100);
    assert_int_equal(read_all().sum, 700);
}

/* Files outside of the warehouse are told of, numbered and assigned anew where they lie. */
static void a_lost_race_finds_files_that_lie_outside(void **state)
{
    char dir[] = "/tmp/paimonfs-far-XXXXXX";
    struct pfs_store *around;

    (void)state;
    far_away = mkdtemp(dir);
    assert_non_null(far_away);
    lose_a_race_far_away("1");
    lose_a_race_far_away("-1");
    far_away = NULL;
    assert_int_equal(pfs_store_open_posix("/tmp", &around, NULL), 0);
    assert_int_equal(pfs_store_remove_all(around, strrchr(dir, '/') + 1, NULL), 0);
    pfs_store_close(around);
}

/* A record of the journal that names no changelog. */
static void adopted_files_without_changelog_are_told_as_they_are(void **state)
{
    struct pfs_state *s;
    struct pfs_write *w, *next;
    struct pfs_write_files spilled;

    (void)state;
    use("sums");
    s = newest();
    w = open_write(0);
    add(w, 0, 1, 10, 1, PFS_INSERT);
    add(w, 0, 1, 10, 2, PFS_INSERT);
    assert_int_equal(pfs_write_spill(w, s, &spilled, NULL), 0);
    next = open_write(0);
    spilled.changelogs = 0;
    assert_int_equal(pfs_write_adopt(next, &spilled, s, NULL), 0);
    pfs_write_close(w);
    pfs_state_unref(s);
    add(next, 0, 1, 1, 4, PFS_INSERT);
    commit(next);
    pfs_write_close(next);
    assert_int_equal(read_changes(1).rows, 11);
    assert_int_equal(read_changes(1).sum, 34);
    assert_int_equal(read_all().sum, 34);
}

/* Also when its numbers do not fit any more, and where rows are assigned to buckets anew. */
static void an_adopted_changelog_is_told_as_it_came(void **state)
{
    static const char *const tables[] = {"one", "sums", "dynamic"};

    (void)state;
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        for (int late = 0; late < 2; late++) {
            struct pfs_state *s;
            struct pfs_write *w, *next;
            struct pfs_write_files spilled;

            use(tables[i]);
            s = newest();
            w = open_write(0);
            add(w, 0, 1, 1000, 1, PFS_INSERT);
            assert_int_equal(pfs_write_spill(w, s, &spilled, NULL), 0);
            add(w, 0, 1, 1000, 2, PFS_INSERT);
            add(w, 500, 1, 1000, 3, PFS_INSERT);
            assert_int_equal(pfs_write_spill(w, s, &spilled, NULL), 0);
            assert_true(spilled.changelogs > 1);
            next = open_write(0);
            assert_int_equal(pfs_write_adopt(next, &spilled, s, NULL), 0);
            pfs_write_close(w);
            if (late) {
                struct pfs_write *other = open_write(0);

                add(other, 0, 1, 50, 1, PFS_INSERT);
                commit(other);
                pfs_write_close(other);
            }
            pfs_state_unref(s);
            add(next, 0, 1, 1, 4, PFS_INSERT);
            commit(next);
            pfs_write_close(next);
            assert_int_equal(read_changes(late + 1).rows, 3001);
            assert_int_equal(read_changes(late + 1).sum, 6004);
            assert_int_equal(read_all().rows, 1500);
            tear_down(NULL);
            set_up(NULL);
        }
    }
}

static void one_write_takes_rows_as_they_came_to_another(void **state)
{
    struct pfs_state *s;
    struct pfs_write *into, *from;
    struct pfs_write_files spilled;

    (void)state;
    use("one");
    s = newest();
    into = open_write(0);
    from = open_write(0);
    add(from, 0, 1, 10, 1, PFS_INSERT);
    add(from, 0, 1, 10, 2, PFS_INSERT);
    assert_int_equal(pfs_write_spill(from, s, &spilled, NULL), 0);
    assert_int_equal(pfs_write_take(into, from, s, NULL), 0);
    pfs_write_close(from);
    pfs_state_unref(s);
    commit(into);
    pfs_write_close(into);
    assert_int_equal(read_changes(1).rows, 20);
    assert_int_equal(read_all().sum, 20);
    assert_int_equal(files_on_disk("d.db/one/bucket-0"), 2);
}

static void a_lost_race_of_dynamic_buckets_tells_rows_as_they_came(void **state)
{
    struct pfs_write *w, *other;

    (void)state;
    use("dynamic");
    w = open_write(SMALL);
    for (int32_t i = 0; i < 8; i++)
        add(w, 0, 1, 4000, i, PFS_INSERT);
    other = open_write(0);
    add(other, 5000, -1, 5000, 9, PFS_INSERT);
    commit(other);
    pfs_write_close(other);
    commit(w);
    pfs_write_close(w);
    assert_int_equal(read_changes(2).rows, 32000);
    assert_int_equal(read_all().rows, 5001);
    assert_int_equal(read_all().n_of[5], 7);
}

static void an_overwrite_has_no_changelog(void **state)
{
    const struct pfs_schema *schema;
    struct pfs_table_parts parts;
    struct pfs_write_config config = {.overwrite = true};
    struct pfs_write_files now;
    struct pfs_write *w;
    struct pfs_state *s;

    (void)state;
    use("one");
    w = open_write(0);
    add(w, 0, 1, 10, 1, PFS_INSERT);
    commit(w);
    pfs_write_close(w);
    parts = pfs_table_parts(table);
    assert_int_equal(pfs_table_schema(table, &schema, NULL), 0);
    config.store = parts.store;
    config.table = parts.root;
    config.schema = schema;
    config.schemas = parts.schemas;
    assert_int_equal(pfs_write_open(&config, &w, NULL), 0);
    add(w, 0, 1, 10, 2, PFS_INSERT);
    s = newest();
    assert_int_equal(pfs_write_prepare(w, s, &now, NULL), 0);
    assert_int_equal(now.entries, 1);
    assert_int_equal(now.entry[0].file.min_sequence, 0);
    assert_int_equal(now.changelogs, 0);
    pfs_state_unref(s);
    pfs_write_close(w);
    assert_int_equal(files_on_disk("d.db/one/bucket-0"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_row_is_told_in_the_order_of_its_key),
        TEST(rows_beyond_the_budget_are_all_told),
        TEST(a_lost_race_renumbers_the_changelog_too),
        TEST(a_lost_race_finds_files_that_lie_outside),
        TEST(adopted_files_without_changelog_are_told_as_they_are),
        TEST(an_adopted_changelog_is_told_as_it_came),
        TEST(one_write_takes_rows_as_they_came_to_another),
        TEST(a_lost_race_of_dynamic_buckets_tells_rows_as_they_came),
        TEST(an_overwrite_has_no_changelog),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
