/* fault_test.c - each allocation and each call of the store fails once between a writer's first row and its snapshot.
 *
 * What a flush or a seal has acknowledged is in the table exactly once, whatever failed, also when the process dies
 * then; what was refused never is. Rows are counted: an append table shows those that came twice, and sums do. */
#include <errno.h>
#include <stdio.h>

#include "src/ingest/internal.h"
#include "src/scan/scan.h"
#include "src/statement/statement.h"
#include "src/table/parts.h"
#include "tests/unit/format/make.h"
#include "tests/unit/ingest/handles.h"

#define KEYS_MAX 4096
#define EITHER (-1) /* it may be there, once, or not */

enum fault_kind { MEMORY, CALL, CALLS };
enum way { APPEND, SEALED, NUMBERED, TAIL, OVERWRITE };

static struct {
    struct pfs_store *memory;
    struct pfs_fault fault;
    struct pfs_catalog *catalog;
    struct pfs_ingest *ingest;
    struct pfs_table *table;
    size_t memory_bytes;     /* of the ingestion: 1 = rows become files as they come */
    int8_t wanted[KEYS_MAX]; /* how often a key is to be there */
    int complaints;
} s;

static void *volatile dead[3 * KEYS_MAX]; /* what a process that died holds: nobody frees it */
static size_t deads;

#define COMPLAIN(...) (s.complaints++ < 20 ? print_error("" __VA_ARGS__) : (void)0)

/* ---- processes ---- */

static void keep(void *self)
{
    (void)self;
}

static void open_catalog(void)
{
    static struct pfs_store_ops kept;
    struct pfs_store *h = pfs_zalloc(sizeof(*h)), *store;

    kept = *s.memory->ops;
    kept.destroy = keep;
    assert_non_null(h);
    *h = (struct pfs_store){&kept, s.memory->self};
    s.fault = (struct pfs_fault){0};
    assert_int_equal(pfs_store_open_fault(h, &s.fault, &store, NULL), 0);
    assert_int_equal(pfs_catalog_open(&(struct pfs_catalog_config){.store = store}, &s.catalog, NULL), 0);
    s.table = NULL;
}

static void begin_life(void)
{
    struct pfs_err err = {0};

    open_catalog();
    if (pfs_ingest_open(&(struct pfs_ingest_config){.catalog = s.catalog, .memory_bytes = s.memory_bytes}, &s.ingest,
                        &err) < 0)
        fail_msg("%s", err.text);
}

static void end_life(void)
{
    struct pfs_err err = {0};

    if (pfs_ingest_close(s.ingest, &err) < 0)
        COMPLAIN("the end: %s\n", err.text);
    pfs_table_unref(s.table);
    pfs_catalog_close(s.catalog);
}

static void die(void)
{
    assert_true(deads + 3 <= COUNT(dead));
    dead[deads++] = s.catalog;
    dead[deads++] = s.ingest;
    dead[deads++] = s.table;
    pfs_store_memory_power_cut(s.memory);
}

static void use_table(void)
{
    if (s.table == NULL)
        assert_int_equal(pfs_catalog_table(s.catalog, "d", "t", NULL, &s.table, NULL), 0);
}

/* ---- a writer ---- */

static struct pfs_batch make_row(struct pfs_arena *arena, int64_t key)
{
    struct pfs_column *column = pfs_arena_array(arena, 3, sizeof(*column));
    char text[24];

    (void)snprintf(text, sizeof(text), "%lld", (long long)key);
    column[0] = *make_column(arena, "BIGINT", (const char *[]){text}, 1);
    column[1] = *make_column(arena, "BIGINT", (const char *[]){"1"}, 1);
    column[2] = *make_column(arena, "TINYINT", (const char *[]){"0"}, 1);
    return (struct pfs_batch){1, 3, column};
}

static void set_fault(enum fault_kind kind, int64_t n)
{
    if (kind == MEMORY)
        pfs_mem_fail_after(n);
    else
        s.fault = (struct pfs_fault){.calls = s.fault.calls,
                                     .fail_at = s.fault.calls + 1 + n,
                                     .fail_on = kind == CALLS,
                                     .short_write = n % 2 == 0,
                                     .fail_errno = n % 3 == 0 ? ENOSPC : EIO};
}

static int seal_or_drop(struct pfs_transaction *t, bool drop)
{
    struct answer a;

    prepare(&a);
    pfs_transaction_seal(t, drop, done, &a);
    return await(&a);
}

/* Writes two rows, of `key` and the next one, the second after a first flush; n < 0: nothing fails. *acknowledged: how
 * many of them are. */
static int try_write(enum way way, int64_t key, enum fault_kind kind, int64_t n, int32_t *acknowledged)
{
    static const struct pfs_overwrite all = {.kind = PFS_OVERWRITE_ALL};
    struct pfs_transaction_config config = {
        .table = s.table, .append = way == APPEND || way == TAIL, .overwrite = way == OVERWRITE ? &all : NULL};
    struct pfs_transaction *t = NULL;
    struct pfs_arena arena[3];
    struct pfs_batch rows[3]; /* the third is the first again */
    struct pfs_err err = {0};
    int rc, sealed;

    if (way == NUMBERED) {
        config.user = "loader";
        config.identifier = key;
    }
    for (int i = 0; i < 3; i++) {
        pfs_arena_init(&arena[i], 0);
        rows[i] = make_row(&arena[i], key + i % 2);
    }
    *acknowledged = 0;
    if (n >= 0)
        set_fault(kind, n);
    rc = pfs_transaction_open(s.ingest, &config, &t, &err);
    if (rc == 0)
        rc = (way == TAIL ? pfs_transaction_tail : pfs_transaction_add)(t, &arena[0], &rows[0], &err);
    if (rc < 0 && (err.code != -rc || err.text[0] == '\0'))
        COMPLAIN("%d, '%s'\n", rc, err.text);
    if (rc == 0 && (way == APPEND || way == TAIL)) {
        rc = flush(t);
        *acknowledged = rc == 0;
    }
    if (rc == 0 && way == TAIL) { /* the line that was a tail goes on: the first row is given again */
        rc = pfs_transaction_untail(t, &err);
        *acknowledged = 0;
        if (rc == 0)
            rc = pfs_transaction_add(t, &arena[2], &rows[2], &err);
    }
    if (rc == 0)
        rc = pfs_transaction_add(t, &arena[1], &rows[1], &err);
    if (t != NULL) {
        sealed = seal_or_drop(t, rc < 0);
        if (rc == 0 && sealed == 0)
            *acknowledged = 2;
        rc = rc < 0 ? rc : sealed;
    }
    for (int i = 0; i < 3; i++)
        pfs_arena_done(&arena[i]);
    return rc;
}

/* Was what should fail not reached? Ends the failing. */
static bool was_spared(enum fault_kind kind, int64_t n)
{
    void *at = &s;
    bool spared = s.fault.calls < s.fault.fail_at;

    s.fault.fail_at = 0;
    for (int64_t i = 0; kind == MEMORY && i <= n && at != NULL; i++) {
        at = pfs_alloc(1);
        pfs_free(at);
    }
    pfs_mem_fail_after(-1);
    return kind == MEMORY ? at == NULL : spared;
}

/* ---- what there is ---- */

static void count_rows(int8_t *seen)
{
    struct pfs_scan_want want = {.columns = -1};
    struct pfs_arena arena = {0};
    struct pfs_batch batch;
    struct pfs_rows *rows;
    int64_t more;

    assert_int_equal(pfs_table_state(s.table, (struct pfs_when){.kind = PFS_WHEN_LATEST}, &want.state, NULL), 0);
    assert_int_equal(pfs_scan_rows(&want, &rows, NULL), 0);
    while ((more = pfs_reader_next(rows->reader, &arena, &batch, NULL)) > 0)
        for (int64_t i = 0; i < more; i++) {
            int64_t key = ((const int64_t *)batch.column[0].values)[i];

            assert_in_range(key, 0, KEYS_MAX - 1);
            seen[key] = (int8_t)(seen[key] + ((const int64_t *)batch.column[1].values)[i]);
        }
    assert_int_equal(more, 0);
    pfs_rows_close(rows);
    pfs_arena_done(&arena);
    pfs_state_unref(want.state);
}

static void check_rows(const char *what)
{
    int8_t seen[KEYS_MAX] = {0};

    count_rows(seen);
    for (int64_t i = 0; i < KEYS_MAX; i++)
        if (s.wanted[i] == EITHER && seen[i] <= 1)
            s.wanted[i] = seen[i];
        else if (seen[i] != s.wanted[i]) {
            COMPLAIN("%s: key %lld is there %d times, not %d\n", what, (long long)i, seen[i], s.wanted[i]);
            s.wanted[i] = seen[i]; /* told once */
        }
}

/* ---- the test ---- */

static const struct {
    const char *what, *columns;
} tables[] = {
    {"append", "CREATE DATABASE d; CREATE TABLE d.t (k BIGINT, n BIGINT);"},
    {"sums", "CREATE DATABASE d; CREATE TABLE d.t (k BIGINT, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' ="
             " '2', 'merge-engine' = 'aggregation', 'fields.n.aggregate-function' = 'sum');"},
    {"sums that are told", "CREATE DATABASE d; CREATE TABLE d.t (k BIGINT, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH"
                           " ('bucket' = '1', 'merge-engine' = 'aggregation', 'fields.n.aggregate-function' = 'sum',"
                           " 'changelog-producer' = 'lookup');"},
};

static void each_fails(const char *table, const char *sql, enum way way, enum fault_kind kind)
{
    static const char *const ways[] = {"append", "sealed", "numbered", "tail", "overwrite"};
    static const char *const kinds[] = {"allocation", "call", "calls from"};
    struct pfs_buf answer = {0};
    struct pfs_err err = {0};
    bool spared = false;
    int64_t key = 0;

    memset(&s.wanted, 0, sizeof(s.wanted));
    assert_int_equal(pfs_store_open_memory(&s.memory, NULL), 0);
    begin_life();
    assert_int_equal(pfs_catalog_execute(s.catalog, NULL, pfs_str(sql), &answer, NULL), 0);
    pfs_buf_done(&answer);
    for (int64_t n = 0; !spared; n = n < 40 ? n + 1 : n + 1 + n / 8, key += 2) {
        char what[120];
        int32_t acknowledged;
        int rc;

        assert_true(key + 2 < KEYS_MAX);
        use_table();
        (void)snprintf(what, sizeof(what), "%s, %s, %s %lld", table, ways[way], kinds[kind], (long long)n);
        rc = try_write(way, key, kind, n, &acknowledged);
        (void)pfs_ingest_commit_all(s.ingest, NULL);
        spared = was_spared(kind, n);
        if (spared && rc < 0)
            COMPLAIN("%s: nothing failed, and it is %d\n", what, rc);
        if (acknowledged > 0 && way == OVERWRITE)
            memset(s.wanted, 0, sizeof(s.wanted));
        for (int64_t i = 0; i < acknowledged; i++)
            s.wanted[key + i] = 1;
        if (way == TAIL && acknowledged < 2) /* it was acknowledged, and taken back by a line that was refused */
            s.wanted[key] = EITHER;
        if (n % 5 == 4) {
            die();
            begin_life();
            use_table();
        }
        if (way == NUMBERED && acknowledged < 2) { /* a loader repeats its batch */
            rc = try_write(way, key, kind, -1, &acknowledged);
            if (rc < 0 || acknowledged < 2)
                COMPLAIN("%s: again it is %d\n", what, rc);
            s.wanted[key] = s.wanted[key + 1] = 1;
        }
        if (pfs_ingest_commit_all(s.ingest, &err) < 0)
            COMPLAIN("%s: %s\n", what, err.text);
        check_rows(what);
    }
    end_life();
    begin_life();
    use_table();
    check_rows("afterwards");
    end_life();
    pfs_store_close(s.memory);
}

static void try_all(size_t memory_bytes)
{
    s.complaints = 0;
    s.memory_bytes = memory_bytes;
    for (size_t i = 0; i < COUNT(tables); i++)
        for (int way = APPEND; way <= OVERWRITE; way++)
            for (int kind = MEMORY; kind <= CALLS; kind++)
                each_fails(tables[i].what, tables[i].columns, (enum way)way, (enum fault_kind)kind);
    assert_int_equal(s.complaints, 0);
}

static void acknowledged_rows_are_there_once(void **state)
{
    (void)state;
    try_all(0);
}

static void acknowledged_files_are_there_once(void **state)
{
    (void)state;
    try_all(1);
}

/* ---- what a process that died has left ---- */

/* A process takes over what is there, while something fails, and ends. False: nothing failed. */
static bool take_over(enum fault_kind kind, int64_t n)
{
    struct pfs_err err = {0};
    bool spared;
    int rc;

    open_catalog();
    set_fault(kind, n);
    rc = pfs_ingest_open(&(struct pfs_ingest_config){.catalog = s.catalog}, &s.ingest, &err);
    if (rc < 0 && (err.code != -rc || err.text[0] == '\0'))
        COMPLAIN("opened: %d, '%s'\n", rc, err.text);
    if (rc == 0 && n % 2 == 0)
        (void)pfs_ingest_commit_all(s.ingest, NULL);
    spared = was_spared(kind, n);
    if (rc == 0)
        (void)pfs_ingest_close(s.ingest, NULL);
    pfs_catalog_close(s.catalog);
    return !spared;
}

static void each_fails_when_taken_over(const char *sql, size_t memory_bytes, enum fault_kind kind)
{
    struct pfs_buf answer = {0};
    bool failed = true;
    int64_t key = 0;

    memset(&s.wanted, 0, sizeof(s.wanted));
    s.memory_bytes = memory_bytes;
    assert_int_equal(pfs_store_open_memory(&s.memory, NULL), 0);
    begin_life();
    assert_int_equal(pfs_catalog_execute(s.catalog, NULL, pfs_str(sql), &answer, NULL), 0);
    pfs_buf_done(&answer);
    end_life();
    for (int64_t n = 0; failed; n = n < 16 ? n + 1 : n + 1 + n / 5) {
        char what[80];

        (void)snprintf(what, sizeof(what), "%zu bytes, %d at %lld", memory_bytes, (int)kind, (long long)n);
        begin_life();
        use_table();
        for (int way = APPEND; way <= TAIL; way++, key += 2) {
            int32_t acknowledged;

            assert_true(key + 2 < KEYS_MAX);
            if (try_write((enum way)way, key, kind, -1, &acknowledged) < 0 || acknowledged != 2)
                COMPLAIN("%s: not written\n", what);
            s.wanted[key] = s.wanted[key + 1] = 1;
        }
        die();
        failed = take_over(kind, n);
        begin_life();
        use_table();
        if (pfs_ingest_commit_all(s.ingest, NULL) < 0)
            COMPLAIN("%s: not committed\n", what);
        check_rows(what);
        end_life();
    }
    pfs_store_close(s.memory);
}

static void what_was_acknowledged_is_taken_over_once(void **state)
{
    (void)state;
    s.complaints = 0;
    for (size_t i = 0; i < 2; i++)
        for (size_t bytes = 0; bytes < 2; bytes++)
            for (int kind = MEMORY; kind <= CALLS; kind++)
                each_fails_when_taken_over(tables[i].columns, bytes, (enum fault_kind)kind);
    assert_int_equal(s.complaints, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(acknowledged_rows_are_there_once),
                                       cmocka_unit_test(acknowledged_files_are_there_once),
                                       cmocka_unit_test(what_was_acknowledged_is_taken_over_once)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
