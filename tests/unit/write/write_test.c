/* write_test.c - rows through the door of src/write into snapshots, beyond the memory budget and after lost races. */
#include "src/write/write.h"

#include <stdlib.h>

static const char tables_sql[] =
    "CREATE DATABASE d;"
    "CREATE TABLE d.one (k INT, p INT, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1');"
    "CREATE TABLE d.four (k INT, p INT, n BIGINT, PRIMARY KEY (k, p) NOT ENFORCED) PARTITIONED BY (p)"
    " WITH ('bucket' = '4');"
    "CREATE TABLE d.sums (k INT, p INT, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '2',"
    " 'merge-engine' = 'aggregation', 'fields.n.aggregate-function' = 'sum');"
    "CREATE TABLE d.dynamic (k INT, p INT, n BIGINT, PRIMARY KEY (k, p) NOT ENFORCED) PARTITIONED BY (p)"
    " WITH ('dynamic-bucket.target-row-num' = '1000');"
    "CREATE TABLE d.flushed (k INT, p INT, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1',"
    " 'write-buffer-spillable' = 'false');"
    "CREATE TABLE d.moving (k INT, p INT, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) PARTITIONED BY (p)"
    " WITH ('dynamic-bucket.target-row-num' = '1000');"
    "CREATE TABLE d.adding (k INT, p INT, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) PARTITIONED BY (p)"
    " WITH ('merge-engine' = 'aggregation', 'fields.n.aggregate-function' = 'sum');"
    "CREATE TABLE d.narrow (k INT, p INT, n BIGINT, PRIMARY KEY (k, p) NOT ENFORCED) PARTITIONED BY (p)"
    " WITH ('dynamic-bucket.max-buckets' = '0');"
    "CREATE TABLE d.log (k INT, p INT, n BIGINT) PARTITIONED BY (p);"
    "CREATE TABLE d.buckets (k INT, p INT, n BIGINT) WITH ('bucket' = '3', 'bucket-key' = 'k');";

#define TABLES tables_sql
#include "tests/unit/write/rows.h"

/* ---- memory ---- */

static void rows_beyond_the_budget_make_one_file_a_bucket(void **state)
{
    struct pfs_write *w;
    struct seen seen;

    (void)state;
    use("one");
    w = open_write(SMALL);
    for (int32_t i = 0; i < 20; i++)
        add(w, i, 20, 4000, i, 0); /* the keys of all batches interleave */
    for (int32_t i = 0; i < 5; i++)
        add(w, 0, 1, 4000, 100 + i, 0);
    commit(w);
    pfs_write_close(w);
    seen = read_all();
    assert_int_equal(seen.rows, 80000);
    for (int32_t k = 0; k < 16; k++)
        assert_int_equal(seen.n_of[k], 104); /* the last of each key */
    assert_int_equal(files(), 1);
}

static void runs_of_many_buckets_and_partitions_are_merged(void **state)
{
    struct pfs_write *w;
    struct seen seen;

    (void)state;
    use("four");
    w = open_write(SMALL);
    for (int32_t i = 0; i < 10; i++)
        add(w, 0, 1, 6000, i, 0);
    add(w, 0, 1, 6, 0, PFS_DELETE);
    commit(w);
    pfs_write_close(w);
    seen = read_all();
    assert_int_equal(seen.rows, 5994);
    assert_int_equal(seen.sum, 5994 * 9);
    assert_int_equal(seen.n_of[5], -1);
    assert_int_equal(files(), 12);
}

static void sums_do_not_depend_on_the_budget(void **state)
{
    (void)state;
    use("sums");
    for (int32_t round = 0; round < 2; round++) {
        struct pfs_write *w = open_write(round == 0 ? SMALL : 0);

        for (int32_t i = 0; i < 50; i++)
            add(w, 0, 1, 3000, 1, 0);
        commit(w);
        pfs_write_close(w);
        assert_int_equal(read_all().sum, (round + 1) * 150000);
    }
    assert_int_equal(files(), 4);
}

static void without_spilling_the_buffer_is_flushed_to_files(void **state)
{
    struct pfs_write *w;
    struct seen seen;

    (void)state;
    use("flushed");
    w = open_write(SMALL);
    for (int32_t i = 0; i < 10; i++)
        add(w, 0, 1, 4000, i, 0);
    commit(w);
    pfs_write_close(w);
    seen = read_all();
    assert_int_equal(seen.rows, 4000);
    assert_int_equal(seen.sum, 4000 * 9);
    assert_true(files() > 1);
}

static void append_tables_keep_their_files_open(void **state)
{
    struct pfs_write *w;

    (void)state;
    use("log");
    w = open_write(SMALL);
    for (int32_t i = 0; i < 30; i++)
        add(w, 0, 1, 4000, 1, 0);
    commit(w);
    pfs_write_close(w);
    assert_int_equal(read_all().rows, 120000);
    assert_int_equal(files(), 3);
}

static void ten_thousand_single_rows_are_one_file(void **state)
{
    struct pfs_write *w;

    (void)state;
    use("one");
    w = open_write(0);
    for (int32_t i = 0; i < 10000; i++)
        add(w, i, 1, 1, i, 0);
    assert_int_equal(pfs_write_rows(w), 10000);
    commit(w);
    pfs_write_close(w);
    assert_int_equal(read_all().rows, 10000);
    assert_int_equal(files(), 1);
}

/* ---- spilled files, taken over, taken together ---- */

static void spilled_files_outlive_the_write_and_are_adopted(void **state)
{
    struct pfs_state *s;
    struct pfs_write *w, *next;
    struct pfs_write_files spilled;

    (void)state;
    use("one");
    s = newest();
    w = open_write(0);
    add(w, 0, 1, 100, 7, 0);
    assert_int_equal(pfs_write_spill(w, s, &spilled, NULL), 0);
    assert_int_equal(spilled.entries, 1);
    next = open_write(0);
    assert_int_equal(pfs_write_adopt(next, &spilled, s, NULL), 0);
    pfs_write_close(w);
    assert_int_equal(files_on_disk("d.db/one/bucket-0"), 1);
    add(next, 0, 1, 10, 8, 0);
    commit(next);
    pfs_write_close(next);
    pfs_state_unref(s);
    assert_int_equal(read_all().rows, 100);
    assert_int_equal(read_all().sum, 10 * 8 + 90 * 7);
    assert_int_equal(files_on_disk("d.db/one/bucket-0"), 2);
}

static void files_that_no_longer_fit_are_replaced_at_the_commit(void **state)
{
    struct pfs_state *s;
    struct pfs_write *w, *other;
    struct pfs_write_files spilled, now;

    (void)state;
    use("one");
    s = newest();
    w = open_write(0);
    add(w, 0, 1, 100, 7, 0);
    assert_int_equal(pfs_write_spill(w, s, &spilled, NULL), 0);
    pfs_state_unref(s);
    other = open_write(0);
    add(other, 0, 1, 200, 1, 0);
    commit(other);
    pfs_write_close(other);
    s = newest();
    assert_int_equal(pfs_write_prepare(w, s, &now, NULL), 0);
    assert_int_equal(now.entries, 1);
    assert_int_equal(now.entry[0].file.min_sequence, 200);
    assert_int_equal(files_on_disk("d.db/one/bucket-0"), 3); /* the journaled one too */
    pfs_state_unref(s);
    commit(w);
    pfs_write_close(w);
    assert_int_equal(files_on_disk("d.db/one/bucket-0"), 2);
    assert_int_equal(read_all().sum, 100 * 7 + 100);
}

/* The first attempt lost the race, and made nothing but what was spilled: the second one must not answer the same. */
static void files_that_fitted_the_first_attempt_are_replaced_for_the_second(void **state)
{
    struct pfs_state *s;
    struct pfs_write *w, *other;
    struct pfs_write_files spilled, now;

    (void)state;
    use("one");
    s = newest();
    w = open_write(0);
    add(w, 0, 1, 100, 7, 0);
    assert_int_equal(pfs_write_spill(w, s, &spilled, NULL), 0);
    assert_int_equal(pfs_write_prepare(w, s, &now, NULL), 0);
    assert_int_equal(now.entry[0].file.min_sequence, 0);
    pfs_state_unref(s);
    other = open_write(0);
    add(other, 0, 1, 200, 1, 0);
    commit(other);
    pfs_write_close(other);
    s = newest();
    assert_int_equal(pfs_write_prepare(w, s, &now, NULL), 0);
    assert_int_equal(now.entries, 1);
    assert_int_equal(now.entry[0].file.min_sequence, 200);
    pfs_state_unref(s);
    commit(w); /* which removes what was replaced */
    pfs_write_close(w);
    assert_int_equal(read_all().rows, 200);
    assert_int_equal(read_all().sum, 100 * 7 + 100);
}

static void a_write_that_is_closed_leaves_only_listed_files(void **state)
{
    struct pfs_state *s;
    struct pfs_write *w;
    struct pfs_write_files out;

    (void)state;
    use("one");
    s = newest();
    w = open_write(0);
    add(w, 0, 1, 100, 7, 0);
    assert_int_equal(pfs_write_prepare(w, s, &out, NULL), 0);
    assert_int_equal(files_on_disk("d.db/one/bucket-0"), 1);
    pfs_write_close(w);
    assert_int_equal(files_on_disk("d.db/one/bucket-0"), 0);
    pfs_state_unref(s);
}

static void one_write_takes_the_rows_of_another(void **state)
{
    struct pfs_state *s;
    struct pfs_write *into, *from;
    struct pfs_write_files spilled;
    struct seen seen;

    (void)state;
    use("four");
    s = newest();
    into = open_write(0);
    from = open_write(SMALL);
    add(into, 0, 1, 100, 1, 0);
    add(from, 2, 1, 1, 2, 0); /* its first partition is another one */
    assert_int_equal(pfs_write_spill(from, s, &spilled, NULL), 0);
    for (int32_t i = 0; i < 3; i++)
        add(from, 0, 1, 4000, 3 + i, 0);
    add(from, 1, 1, 1, 9, 0);
    assert_int_equal(pfs_write_take(into, from, s, NULL), 0);
    assert_int_equal(pfs_write_rows(from), 0);
    pfs_write_close(from);
    commit(into);
    pfs_write_close(into);
    pfs_state_unref(s);
    seen = read_all();
    assert_int_equal(seen.rows, 4000);
    assert_int_equal(seen.n_of[0], 5);
    assert_int_equal(seen.n_of[1], 9);
}

/* ---- dynamic buckets ---- */

/* dynamic-bucket.max-buckets = 0: a key has to live somewhere. */
static void there_is_one_bucket_at_least(void **state)
{
    struct pfs_write *w;

    (void)state;
    use("narrow");
    w = open_write(0);
    add(w, 0, 1, 3000, 1, 0);
    commit(w);
    pfs_write_close(w);
    assert_int_equal(read_all().rows, 3000);
    assert_int_equal(files(), 3); /* of three partitions */
}

static void a_lost_race_assigns_dynamic_buckets_again(void **state)
{
    struct pfs_write *w, *other;
    struct seen seen;

    (void)state;
    use("dynamic");
    w = open_write(SMALL);
    for (int32_t i = 0; i < 3; i++)
        add(w, i, 3, 4000, 1, 0);
    add(w, 0, 1, 8000, 5, 0); /* by now some are runs */
    other = open_write(0);
    add(other, 6000, -1, 6000, 9, 0);
    commit(other);
    pfs_write_close(other);
    commit(w);
    pfs_write_close(w);
    seen = read_all();
    assert_int_equal(seen.rows, 12000); /* no key lives in two buckets */
    for (int32_t k = 0; k < 16; k++)
        assert_int_equal(seen.n_of[k], 5);
}

static void spilled_files_of_dynamic_buckets_are_assigned_again(void **state)
{
    struct pfs_state *s;
    struct pfs_write *w, *other;
    struct pfs_write_files spilled;

    (void)state;
    use("dynamic");
    s = newest();
    w = open_write(0);
    add(w, 0, 1, 5000, 1, 0);
    assert_int_equal(pfs_write_spill(w, s, &spilled, NULL), 0);
    assert_true(spilled.entries >= 6);
    pfs_state_unref(s);
    other = open_write(0);
    add(other, 5999, -1, 6000, 9, 0);
    commit(other);
    pfs_write_close(other);
    commit(w);
    pfs_write_close(w);
    assert_int_equal(read_all().rows, 6000);
    assert_int_equal(read_all().sum, 5000 + 1000 * 9);
}

static void a_journal_of_dynamic_buckets_is_adopted(void **state)
{
    struct pfs_state *s;
    struct pfs_write *w, *next;
    struct pfs_write_files spilled;

    (void)state;
    use("dynamic");
    s = newest();
    w = open_write(0);
    add(w, 0, 1, 3000, 1, 0);
    assert_int_equal(pfs_write_spill(w, s, &spilled, NULL), 0);
    next = open_write(0);
    assert_int_equal(pfs_write_adopt(next, &spilled, s, NULL), 0);
    pfs_write_close(w);
    pfs_state_unref(s);
    commit(next);
    add(next, 0, 1, 3000, 2, 0);
    commit(next);
    pfs_write_close(next);
    assert_int_equal(read_all().rows, 3000);
    assert_int_equal(read_all().sum, 6000);
}

static void append_tables_with_buckets_are_numbered_on(void **state)
{
    struct pfs_state *s;
    int64_t next = 0;

    (void)state;
    use("buckets");
    for (int32_t i = 0; i < 2; i++) {
        struct pfs_write *w = open_write(SMALL);

        for (int32_t k = 0; k < 4; k++)
            add(w, 0, 1, 5000, 1, 0);
        commit(w);
        pfs_write_close(w);
    }
    s = newest();
    assert_int_equal(s->files, 6);
    for (int64_t i = 0; i < s->files; i++)
        if (s->file[i]->bucket == 0) {
            assert_int_equal(s->file[i]->file.min_sequence, next);
            next = s->file[i]->file.max_sequence + 1;
        }
    assert_true(next > 0);
    pfs_state_unref(s);
    assert_int_equal(read_all().rows, 40000);
}

/* ---- many partitions ---- */

static int compare_entries(const void *left, const void *right)
{
    const struct pfs_manifest_entry *a = *(const struct pfs_manifest_entry *const *)left;
    const struct pfs_manifest_entry *b = *(const struct pfs_manifest_entry *const *)right;
    int order = pfs_slice_compare(a->partition, b->partition);

    if (order == 0)
        order = a->bucket - b->bucket;
    return order != 0 ? order : (a->file.min_sequence > b->file.min_sequence) - 1;
}

/* Are the numbers of each bucket's files above those before? How many buckets are there? */
static int32_t check_numbers(void)
{
    struct pfs_state *s = newest();
    const struct pfs_manifest_entry **file = pfs_alloc_array((size_t)s->files, sizeof(*file));
    int32_t buckets = 0;

    for (int64_t i = 0; i < s->files; i++)
        file[i] = s->file[i];
    qsort(file, (size_t)s->files, sizeof(*file), compare_entries);
    for (int64_t i = 0; i < s->files; i++) {
        bool first = i == 0 || file[i]->bucket != file[i - 1]->bucket ||
                     !pfs_slice_eq(file[i]->partition, file[i - 1]->partition);

        assert_true(first || file[i]->file.min_sequence > file[i - 1]->file.max_sequence);
        buckets += first;
    }
    pfs_free(file);
    pfs_state_unref(s);
    return buckets;
}

static void each_of_many_partitions_is_numbered_on(void **state)
{
    (void)state;
    use("four");
    partition_count = 300;
    for (int32_t i = 0; i < 3; i++) {
        struct pfs_write *w = open_write(i == 1 ? SMALL : 0);

        add(w, 100 * i, 1, 3000, i, 0);
        add(w, 0, 7, 400, 10 + i, 0);
        commit(w);
        pfs_write_close(w);
    }
    assert_int_equal(read_all().rows, 3200);
    assert_in_range(check_numbers(), 301, 1200);
}

/* Each flush of a table whose rows are not kept makes files, which the next one's numbers stand on. */
static void files_of_one_write_are_numbered_on_in_each_partition(void **state)
{
    struct pfs_state *s;
    struct pfs_write *w;
    struct pfs_write_files spilled;

    (void)state;
    use("four");
    partition_count = 40;
    s = newest();
    w = open_write(0);
    for (int32_t i = 0; i < 3; i++) {
        add(w, 0, 1, 400, i, 0);
        assert_int_equal(pfs_write_spill(w, s, &spilled, NULL), 0);
    }
    pfs_state_unref(s);
    commit(w);
    pfs_write_close(w);
    assert_int_equal(read_all().rows, 400);
    assert_int_equal(read_all().sum, 2 * 400);
    assert_in_range(check_numbers(), 41, 160);
}

/* The partition that was written with other buckets is the last of many. */
static void a_partition_of_other_buckets_is_found_among_many(void **state)
{
    struct pfs_buf answer = {0};
    struct pfs_err err = {0};
    struct pfs_write *w;
    int64_t id;

    (void)state;
    use("four");
    partition_count = 1000;
    w = open_write(0);
    add(w, 500, 1, 1, 1, 0);
    commit(w);
    pfs_write_close(w);
    assert_int_equal(
        pfs_catalog_execute(catalog, "d", pfs_str("ALTER TABLE d.four SET ('bucket' = '5');"), &answer, NULL), 0);
    pfs_buf_done(&answer);
    pfs_table_unref(table);
    use("four");
    w = open_write(0);
    add(w, 0, 1, 100, 1, 0);
    commit(w);
    add(w, 0, 1, 100, 2, 0);
    add(w, 500, 1, 1, 2, 0);
    assert_int_equal(pfs_table_commit(table, w, "u", 2, false, &id, &err), -EINVAL);
    assert_non_null(strstr(err.text, "4 buckets"));
    pfs_write_close(w);
    assert_int_equal(read_all().rows, 101);
}

/* ---- keys that move between partitions ---- */

static void a_key_moves_to_another_partition(void **state)
{
    struct pfs_write *w;

    (void)state;
    use("moving");
    for (int32_t i = 0; i < 4; i++) {
        partition_shift = i;
        w = open_write(i == 2 ? SMALL : 0);
        add(w, 0, 1, 3000, i, 0);
        if (i == 2) {
            partition_shift = 1;
            add(w, 0, 1, 3000, 20, 0); /* and back, in files already */
        }
        commit(w);
        pfs_write_close(w);
        assert_int_equal(read_all().rows, 3000);
        assert_int_equal(read_all().sum, 3000 * (i == 2 ? 20 : i));
    }
}

static void a_sum_stays_in_the_partition_of_its_first_row(void **state)
{
    struct pfs_state *s;
    struct pfs_write *w;

    (void)state;
    use("adding");
    for (int32_t i = 0; i < 2; i++) {
        w = open_write(0);
        partition_shift = i;
        add(w, 0, 3, 100, 1, 0);
        partition_shift = 2;
        add(w, 0, 3, 50, 1, 0);
        commit(w);
        pfs_write_close(w);
    }
    assert_int_equal(read_all().rows, 100);
    assert_int_equal(read_all().sum, 300);
    s = newest();
    for (int64_t i = 1; i < s->files; i++)
        assert_true(pfs_slice_eq(s->file[i]->partition, s->file[0]->partition));
    pfs_state_unref(s);
}

/* It takes its part from the sum, and the key stays where it is. */
static void a_delete_of_a_sum_leaves_the_key_in_its_partition(void **state)
{
    struct pfs_write *w;

    (void)state;
    use("adding");
    for (int32_t i = 0; i < 3; i++) {
        w = open_write(0);
        partition_shift = i == 2;
        add(w, 0, 3, 100, 10 + i, i == 1 ? PFS_DELETE : PFS_INSERT);
        commit(w);
        pfs_write_close(w);
    }
    partition_shift = 0;
    assert_int_equal(read_all().rows, 100);
    assert_int_equal(read_all().sum, 100 * (10 - 11 + 12));
}

static void a_lost_race_finds_where_keys_have_moved(void **state)
{
    struct pfs_write_files files_then;
    struct pfs_state *s;
    struct pfs_write *w, *other;

    (void)state;
    use("moving");
    w = open_write(0);
    add(w, 0, 1, 300, 1, 0);
    s = newest();
    assert_int_equal(pfs_write_prepare(w, s, &files_then, NULL), 0);
    pfs_state_unref(s);
    partition_shift = 1;
    other = open_write(0);
    add(other, 0, 1, 600, 2, 0);
    commit(other);
    pfs_write_close(other);
    commit(w);
    pfs_write_close(w);
    assert_int_equal(read_all().rows, 600);
    assert_int_equal(read_all().sum, 300 + 300 * 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rows_beyond_the_budget_make_one_file_a_bucket),
        TEST(runs_of_many_buckets_and_partitions_are_merged),
        TEST(sums_do_not_depend_on_the_budget),
        TEST(without_spilling_the_buffer_is_flushed_to_files),
        TEST(append_tables_keep_their_files_open),
        TEST(ten_thousand_single_rows_are_one_file),
        TEST(spilled_files_outlive_the_write_and_are_adopted),
        TEST(files_that_no_longer_fit_are_replaced_at_the_commit),
        TEST(files_that_fitted_the_first_attempt_are_replaced_for_the_second),
        TEST(a_write_that_is_closed_leaves_only_listed_files),
        TEST(one_write_takes_the_rows_of_another),
        TEST(there_is_one_bucket_at_least),
        TEST(a_lost_race_assigns_dynamic_buckets_again),
        TEST(spilled_files_of_dynamic_buckets_are_assigned_again),
        TEST(a_journal_of_dynamic_buckets_is_adopted),
        TEST(a_key_moves_to_another_partition),
        TEST(a_sum_stays_in_the_partition_of_its_first_row),
        TEST(a_delete_of_a_sum_leaves_the_key_in_its_partition),
        TEST(a_lost_race_finds_where_keys_have_moved),
        TEST(append_tables_with_buckets_are_numbered_on),
        TEST(each_of_many_partitions_is_numbered_on),
        TEST(files_of_one_write_are_numbered_on_in_each_partition),
        TEST(a_partition_of_other_buckets_is_found_among_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
