/* postpone_test.c - bucket = -2: rows wait in files for the compaction that gives them buckets. */
#include "src/meta/schema.h"

static const char tables_sql[] =
    "CREATE DATABASE d;"
    "CREATE TABLE d.later (k INT, p INT, n BIGINT, PRIMARY KEY (k, p) NOT ENFORCED) PARTITIONED BY (p)"
    " WITH ('bucket' = '-2', 'changelog-producer' = 'lookup');";

#define TABLES tables_sql
#include "tests/unit/write/rows.h"

static void check_entry(const struct pfs_manifest_entry *e, int64_t rows)
{
    size_t len = strlen(e->file.name);

    assert_int_equal(e->bucket, PFS_POSTPONE_BUCKET);
    assert_int_equal(e->total_buckets, PFS_POSTPONE_BUCKET);
    assert_int_equal(e->file.rows, rows);
    assert_int_equal(e->file.min_sequence, -1);
    assert_int_equal(e->file.max_sequence, -1);
    assert_int_equal(e->file.level, 0);
    assert_int_equal(e->file.stats_columns, 0);
    assert_true(strncmp(e->file.name, "data--u-", 8) == 0);
    assert_string_equal(e->file.name + len - 7, "-0.avro");
}

static void rows_are_kept_as_they_come_and_not_shown(void **state)
{
    struct pfs_state *s;
    struct pfs_write *w;

    (void)state;
    use("later");
    w = open_write(SMALL); /* the files stay open while the budget is used up */
    for (int32_t i = 0; i < 20; i++)
        add(w, 0, 1, 3000, 1, i % 2 == 0 ? PFS_INSERT : PFS_DELETE);
    commit(w);
    pfs_write_close(w);
    s = newest();
    assert_int_equal(s->files, 3);
    for (int64_t i = 0; i < 3; i++) {
        check_entry(s->file[i], 20000);
        assert_int_equal(s->file[i]->file.delete_rows, 10000);
    }
    pfs_state_unref(s);
    assert_int_equal(read_all().rows, 0);
    assert_int_equal(files_on_disk("d.db/later/p=0/bucket-postpone"), 1);
}

static void nothing_is_renumbered_after_a_lost_race(void **state)
{
    struct pfs_write_files spilled, now;
    struct pfs_write *w, *other;
    struct pfs_state *s;
    char name[160];

    (void)state;
    use("later");
    s = newest();
    w = open_write(0);
    add(w, 0, 3, 100, 7, PFS_INSERT);
    assert_int_equal(pfs_write_spill(w, s, &spilled, NULL), 0);
    (void)snprintf(name, sizeof(name), "%s", spilled.entry[0].file.name);
    pfs_state_unref(s);
    other = open_write(0);
    add(other, 0, 3, 200, 1, PFS_INSERT);
    commit(other);
    pfs_write_close(other);
    add(w, 0, 3, 50, 8, PFS_INSERT);
    s = newest();
    assert_int_equal(pfs_write_prepare(w, s, &now, NULL), 0);
    pfs_state_unref(s);
    assert_int_equal(now.entries, 2);
    assert_string_equal(now.entry[0].file.name, name);
    commit(w);
    pfs_write_close(w);
    s = newest();
    assert_int_equal(s->files, 3);
    pfs_state_unref(s);
    assert_int_equal(files_on_disk("d.db/later/p=0/bucket-postpone"), 3);
}

static void listed_files_are_adopted_as_they_are(void **state)
{
    struct pfs_write_files spilled;
    struct pfs_write *w, *next;
    struct pfs_state *s;

    (void)state;
    use("later");
    s = newest();
    w = open_write(0);
    add(w, 0, 1, 300, 7, PFS_INSERT);
    assert_int_equal(pfs_write_spill(w, s, &spilled, NULL), 0);
    next = open_write(0);
    assert_int_equal(pfs_write_adopt(next, &spilled, s, NULL), 0);
    pfs_write_close(w);
    pfs_state_unref(s);
    commit(next);
    pfs_write_close(next);
    s = newest();
    assert_int_equal(s->files, 3);
    for (int64_t i = 0; i < 3; i++)
        check_entry(s->file[i], 100);
    pfs_state_unref(s);
    assert_int_equal(files_on_disk("d.db/later/p=1/bucket-postpone"), 1);
}

static void one_write_takes_postponed_rows_of_another(void **state)
{
    struct pfs_write_files spilled;
    struct pfs_write *into, *from;
    struct pfs_state *s;

    (void)state;
    use("later");
    s = newest();
    into = open_write(0);
    from = open_write(0);
    add(from, 0, 3, 10, 1, PFS_DELETE);
    assert_int_equal(pfs_write_spill(from, s, &spilled, NULL), 0);
    add(into, 0, 3, 5, 1, PFS_INSERT);
    assert_int_equal(pfs_write_take(into, from, s, NULL), 0);
    pfs_write_close(from);
    pfs_state_unref(s);
    commit(into);
    pfs_write_close(into);
    s = newest();
    assert_int_equal(s->files, 1);
    check_entry(s->file[0], 15);
    assert_int_equal(s->file[0]->file.delete_rows, 10);
    pfs_state_unref(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rows_are_kept_as_they_come_and_not_shown),
        TEST(nothing_is_renumbered_after_a_lost_race),
        TEST(listed_files_are_adopted_as_they_are),
        TEST(one_write_takes_postponed_rows_of_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
