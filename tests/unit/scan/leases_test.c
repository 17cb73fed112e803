/* What processes tell each other of the snapshots that they read. */
#include "src/scan/leases.h"

#include <string.h>

#include <stdio.h>

#include "base/clock.h"
#include "tests/unit/cm.h"

#define META "d.db/t"

struct process {
    struct pfs_holds *holds;
    struct pfs_leases *leases;
};

static struct pfs_store *store;

static int open_store(void **state)
{
    (void)state;
    assert_int_equal(pfs_store_open_memory(&store, NULL), 0);
    assert_int_equal(pfs_store_mkdir(store, ".paimonfs", NULL), 0);
    return 0;
}

static int close_store(void **state)
{
    (void)state;
    pfs_store_close(store);
    return 0;
}

static struct process begin(void)
{
    struct process p;

    assert_int_equal(pfs_holds_open(&p.holds, NULL), 0);
    assert_int_equal(pfs_leases_open(&p.leases, NULL), 0);
    return p;
}

static void end(struct process *p)
{
    pfs_leases_close(p->leases, store);
    pfs_holds_close(p->holds);
}

static void tell(struct process *p)
{
    pfs_leases_tell(p->leases, store, p->holds);
}

static int64_t first(const struct process *p, const char *meta, int64_t from, int64_t to)
{
    return pfs_leases_first(p->leases, store, meta, from, to);
}

static int count_file(void *context, struct pfs_slice name, bool directory)
{
    (void)name;
    *(int *)context += !directory;
    return 0;
}

static int files(void)
{
    int count = 0;

    assert_int_equal(pfs_store_list(store, ".paimonfs", count_file, &count, NULL), 0);
    return count;
}

static void what_one_reads_the_other_does_not_expire(void **state)
{
    struct process a = begin(), b = begin();

    (void)state;
    pfs_holds_take(a.holds, META, 7);
    pfs_holds_take(a.holds, META, 5);
    pfs_holds_take(a.holds, META "/branch/branch-b", 2);
    assert_int_equal(first(&b, META, 1, 9), 9);
    tell(&a);
    tell(&b);
    assert_int_equal(files(), 1);
    assert_int_equal(first(&b, META, 1, 9), 5);
    assert_int_equal(first(&b, META, 6, 9), 7);
    assert_int_equal(first(&b, META, 1, 5), 5);
    assert_int_equal(first(&b, "d.db/other", 1, 9), 9);
    assert_int_equal(first(&a, META, 1, 9), 9); /* its own it knows better */
    pfs_holds_let(a.holds, META, 5);
    tell(&a);
    assert_int_equal(first(&b, META, 1, 9), 7);
    pfs_holds_let(a.holds, META, 7);
    pfs_holds_let(a.holds, META "/branch/branch-b", 2);
    tell(&a);
    assert_int_equal(files(), 0);
    pfs_holds_take(a.holds, META, 3);
    tell(&a);
    end(&a);
    assert_int_equal(files(), 0);
    end(&b);
}

static void lines_that_are_none_are_passed_over(void **state)
{
    static const char text[] = "# pid 1 host x\n\n \n4\n-3 d.db/t\nx d.db/t\n99999999999999999999 d.db/t\n"
                               "6 d.db/t\n5 d.db/tt\n4 d.db/\n3 d.db/t\n7 d.db/t\n9 d.db/t";
    struct process a = begin();
    struct pfs_file *file;

    (void)state;
    assert_int_equal(pfs_store_open_locked(store, ".paimonfs/reading-x", true, &file, NULL), 0);
    assert_int_equal(pfs_file_append(file, text, strlen(text), NULL), 0);
    assert_int_equal(first(&a, META, 1, 9), 3);
    assert_int_equal(first(&a, META, 4, 9), 6);
    pfs_file_close(file);
    end(&a);
}

static void other_files_and_directories_are_let_be(void **state)
{
    struct process a = begin();

    (void)state;
    assert_int_equal(pfs_store_publish(store, ".paimonfs/journal", pfs_str("3 d.db/t\n"), false, NULL), 0);
    assert_int_equal(pfs_store_publish(store, ".paimonfs/r", pfs_str("4 d.db/t\n"), false, NULL), 0);
    assert_int_equal(pfs_store_mkdir(store, ".paimonfs/reading-d", NULL), 0);
    assert_int_equal(first(&a, META, 1, 9), 9);
    assert_int_equal(files(), 2);
    end(&a);
}

static void what_a_dead_one_read_holds_nobody_up(void **state)
{
    struct process a = begin();

    (void)state;
    assert_int_equal(pfs_store_publish(store, ".paimonfs/reading-x", pfs_str("3 d.db/t\n"), false, NULL), 0);
    assert_int_equal(first(&a, META, 1, 9), 9); /* nobody has it locked */
    assert_int_equal(files(), 0);
    end(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_one_reads_the_other_does_not_expire, open_store, close_store),
        cmocka_unit_test_setup_teardown(lines_that_are_none_are_passed_over, open_store, close_store),
        cmocka_unit_test_setup_teardown(other_files_and_directories_are_let_be, open_store, close_store),
        cmocka_unit_test_setup_teardown(what_a_dead_one_read_holds_nobody_up, open_store, close_store),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
