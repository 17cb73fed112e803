/* ticks_test.c - readers that share a commit: whoever waits for the next one gets it, whatever runs meanwhile. */

#include "src/ingest/internal.h"
#include "src/statement/statement.h"
#include "tests/unit/format/make.h"
#include "tests/unit/ingest/answer.h"

#define LONG_MS 600000 /* nothing is to wait for that */

static struct {
    struct pfs_fault fault;
    atomic_bool armed;
    sem_t reached, released; /* by a commit that is held up before its snapshot is there */
    struct pfs_catalog *catalog;
    struct pfs_ingest *ingest;
    struct pfs_table *table;
} s;

static void hold_up(void *context, const char *op, const char *path)
{
    (void)context;
    if (path == NULL || strcmp(op, "rename") != 0 || strstr(path, "/snapshot/") == NULL ||
        !atomic_exchange(&s.armed, false))
        return;
    (void)sem_post(&s.reached);
    while (sem_wait(&s.released) != 0)
        ;
}

static int begin(void **state)
{
    struct pfs_catalog_config config = {0};
    struct pfs_buf answer = {0};

    (void)state;
    memset(&s, 0, sizeof(s));
    s.fault.each = hold_up;
    assert_int_equal(sem_init(&s.reached, 0, 0), 0);
    assert_int_equal(sem_init(&s.released, 0, 0), 0);
    assert_int_equal(pfs_store_open_memory(&config.store, NULL), 0);
    assert_int_equal(pfs_store_open_fault(config.store, &s.fault, &config.store, NULL), 0);
    assert_int_equal(pfs_catalog_open(&config, &s.catalog, NULL), 0);
    assert_int_equal(pfs_catalog_execute(s.catalog, NULL,
                                         pfs_str("CREATE DATABASE d; CREATE TABLE d.t (k BIGINT, PRIMARY KEY (k) NOT"
                                                 " ENFORCED) WITH ('bucket' = '1');"),
                                         &answer, NULL),
                     0);
    pfs_buf_done(&answer);
    assert_int_equal(pfs_catalog_table(s.catalog, "d", "t", NULL, &s.table, NULL), 0);
    assert_int_equal(pfs_ingest_open(&(struct pfs_ingest_config){.catalog = s.catalog,
                                                                 .commit_interval_ms = LONG_MS,
                                                                 .idle_ms = LONG_MS,
                                                                 .background = true},
                                     &s.ingest, NULL),
                     0);
    return 0;
}

static int end(void **state)
{
    (void)state;
    assert_int_equal(pfs_ingest_close(s.ingest, NULL), 0);
    pfs_table_unref(s.table);
    pfs_catalog_close(s.catalog);
    (void)sem_destroy(&s.reached);
    (void)sem_destroy(&s.released);
    return 0;
}

static void write_row(const char *k)
{
    struct pfs_arena arena;
    struct pfs_column *column;
    struct pfs_transaction *t;
    struct answer a;

    pfs_arena_init(&arena, 0);
    column = pfs_arena_array(&arena, 2, sizeof(*column));
    column[0] = *make_column(&arena, "BIGINT", (const char *[]){k}, 1);
    column[1] = *make_column(&arena, "TINYINT", (const char *[]){"0"}, 1);
    assert_int_equal(pfs_transaction_open(s.ingest, &(struct pfs_transaction_config){.table = s.table}, &t, NULL), 0);
    assert_int_equal(pfs_transaction_add(t, &arena, &(struct pfs_batch){1, 2, column}, NULL), 0);
    pfs_arena_done(&arena);
    prepare(&a);
    pfs_transaction_seal(t, false, done, &a);
    assert_int_equal(await(&a), 0);
}

static void *commit_now(void *context)
{
    pfs_ingest_commit(s.ingest, s.table, PFS_INGEST_NOW, done, context);
    return NULL;
}

static void a_reader_that_comes_during_a_commit_is_not_forgotten(void **state)
{
    struct answer first, reader;
    pthread_t thread;

    (void)state;
    for (int i = 0; i < 6; i++) { /* so that readers have to wait for their tick */
        write_row("1");
        prepare(&first);
        (void)commit_now(&first);
        assert_int_equal(await(&first), 0);
    }
    write_row("2");
    prepare(&first);
    atomic_store(&s.armed, true);
    assert_int_equal(pthread_create(&thread, NULL, commit_now, &first), 0);
    while (sem_wait(&s.reached) != 0)
        ;
    write_row("3");
    prepare(&reader);
    pfs_ingest_commit(s.ingest, s.table, PFS_INGEST_SOON, done, &reader);
    (void)sem_post(&s.released);
    assert_int_equal(await(&first), 0);
    (void)pthread_join(thread, NULL);
    assert_int_equal(await(&reader), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_reader_that_comes_during_a_commit_is_not_forgotten, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
