/* hashindex_test.c - key hashes in and out of index files. */
#include "src/meta/hashindex.h"

#include "base/mem.h"
#include "tests/unit/cm.h"

#define PATH "d.db/t/index/index-0"

static struct pfs_store *store;
static struct pfs_arena arena;

static int set_up(void **state)
{
    (void)state;
    pfs_arena_init(&arena, 0);
    return pfs_store_open_memory(&store, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    pfs_arena_done(&arena);
    pfs_store_close(store);
    return 0;
}

static int load(int64_t size, int32_t **hashes, int64_t *count, struct pfs_err *err)
{
    return pfs_hash_index_load(store, PATH, size, &arena, hashes, count, err);
}

/* The bytes that Paimon wrote for the keys 1 and 0 of an INT key. */
static void hashes_are_big_endian(void **state)
{
    static const int32_t hashes[] = {1465514398, -300363099};
    static const uint8_t bytes[] = {0x57, 0x59, 0xf9, 0x9e, 0xee, 0x18, 0xd2, 0xa5};
    struct pfs_slice file;
    int32_t *got;
    int64_t count;

    (void)state;
    assert_int_equal(pfs_hash_index_save(store, PATH, hashes, 2, NULL), 0);
    assert_int_equal(pfs_store_load(store, PATH, 100, &file, NULL), 0);
    assert_true(pfs_slice_eq(file, pfs_slice_of(bytes, sizeof(bytes))));
    pfs_free((void *)(uintptr_t)file.at);
    assert_int_equal(load(8, &got, &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_memory_equal(got, hashes, sizeof(hashes));
}

static void as_many_hashes_come_back_as_went_in(void **state)
{
    static const int64_t counts[] = {0, 1, 4095, 4096, 4097, 20000};

    (void)state;
    for (size_t c = 0; c < COUNT(counts); c++) {
        int32_t *hashes = pfs_alloc_array((size_t)counts[c] + 1, sizeof(*hashes)), *got;
        int64_t count = -1;

        for (int64_t i = 0; i < counts[c]; i++)
            hashes[i] = (int32_t)((uint32_t)i * 2654435761u);
        assert_int_equal(pfs_hash_index_save(store, PATH, hashes, counts[c], NULL), 0);
        assert_int_equal(load(counts[c] * 4, &got, &count, NULL), 0);
        assert_int_equal(count, counts[c]);
        assert_memory_equal(got, hashes, (size_t)counts[c] * 4);
        assert_int_equal(pfs_store_unlink(store, PATH, NULL), 0);
        pfs_free(hashes);
    }
}

static void a_file_of_another_size_is_damage(void **state)
{
    static const int32_t hashes[] = {1, 2, 3};
    static const int64_t sizes[] = {-4, 0, 8, 11, 13, 16, INT64_MAX};
    int32_t *got;
    int64_t count;

    (void)state;
    assert_int_equal(pfs_hash_index_save(store, PATH, hashes, 3, NULL), 0);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct pfs_err err = {0};

        assert_int_equal(load(sizes[i], &got, &count, &err), -EIO);
        assert_non_null(strstr(err.text, PATH));
    }
}

static void a_size_that_is_no_multiple_of_4_is_damage(void **state)
{
    struct pfs_file *file;
    int32_t *got;
    int64_t count;

    (void)state;
    assert_int_equal(pfs_store_create(store, PATH, &file, NULL), 0);
    assert_int_equal(pfs_file_append(file, "12345", 5, NULL), 0);
    pfs_file_close(file);
    assert_int_equal(load(5, &got, &count, NULL), -EIO);
}

static void a_file_that_is_not_there_is_damage(void **state)
{
    struct pfs_err err = {0};
    int32_t *got;
    int64_t count;

    (void)state;
    assert_int_equal(load(4, &got, &count, &err), -EIO);
    assert_non_null(strstr(err.text, "not there"));
}

static void a_taken_name_is_not_written_over(void **state)
{
    static const int32_t hashes[] = {1, 2};
    int32_t *got;
    int64_t count;

    (void)state;
    assert_int_equal(pfs_hash_index_save(store, PATH, hashes, 1, NULL), 0);
    assert_int_equal(pfs_hash_index_save(store, PATH, hashes, 2, NULL), -EEXIST);
    assert_int_equal(load(4, &got, &count, NULL), 0);
}

/* Bytes and sync are durable when save returns; the name is the caller's to sync. */
static void what_is_saved_survives_a_power_cut(void **state)
{
    static const int32_t hashes[] = {7, 8, 9};
    int32_t *got;
    int64_t count;

    (void)state;
    assert_int_equal(pfs_store_mkdir(store, "d.db/t/index", NULL), 0);
    assert_int_equal(pfs_hash_index_save(store, PATH, hashes, 3, NULL), 0);
    assert_int_equal(pfs_store_sync_dir(store, "d.db/t/index", NULL), 0);
    assert_int_equal(pfs_store_sync_dir(store, "d.db/t", NULL), 0);
    assert_int_equal(pfs_store_sync_dir(store, "d.db", NULL), 0);
    assert_int_equal(pfs_store_sync_dir(store, "", NULL), 0);
    pfs_store_memory_power_cut(store);
    assert_int_equal(load(12, &got, &count, NULL), 0);
    assert_memory_equal(got, hashes, sizeof(hashes));
}

/* save, else load, with the k-th store call failing; k = 1, 2, ... until it passes. */
static void fail_each_call(struct pfs_store *faulty, struct pfs_fault *fault, bool save)
{
    static const int32_t hashes[5000];
    int rc = -1, failed = 0;

    for (int64_t k = 1; rc < 0; k++) {
        struct pfs_err err = {0};
        int32_t *got;
        int64_t count;

        fault->fail_at = 0;
        if (save)
            assert_int_equal(pfs_store_remove_all(faulty, "d.db", NULL), 0);
        fault->fail_at = fault->calls + k;
        if (save)
            rc = pfs_hash_index_save(faulty, PATH, hashes, COUNT(hashes), &err);
        else
            rc = pfs_hash_index_load(faulty, PATH, sizeof(hashes), &arena, &got, &count, &err);
        if (rc < 0)
            assert_true(err.text[0] != '\0' && rc == -err.code);
        failed += rc < 0;
    }
    assert_true(failed >= 2 && failed < 20);
}

static void every_failing_store_call_is_reported(void **state)
{
    struct pfs_fault fault = {.fail_errno = ENOSPC};
    struct pfs_store *below, *faulty;

    (void)state;
    assert_int_equal(pfs_store_open_memory(&below, NULL), 0);
    assert_int_equal(pfs_store_open_fault(below, &fault, &faulty, NULL), 0);
    fail_each_call(faulty, &fault, true);
    fail_each_call(faulty, &fault, false);
    pfs_store_close(faulty);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(hashes_are_big_endian, set_up, tear_down),
        cmocka_unit_test_setup_teardown(as_many_hashes_come_back_as_went_in, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_of_another_size_is_damage, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_size_that_is_no_multiple_of_4_is_damage, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_is_not_there_is_damage, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_taken_name_is_not_written_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_saved_survives_a_power_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_failing_store_call_is_reported, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("meta/hashindex", tests, NULL, NULL);
}
