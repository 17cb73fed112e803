/* deletions_test.c - deletion vectors of Paimon are found, checked and applied; damage is a sentence. */
#include "src/file/deletions.h"

#include <stdio.h>

#include "base/mem.h"
#include "src/meta/schema.h"
#include "tests/unit/cm.h"

static struct pfs_arena arena;
static const struct pfs_schema schema;
static uint8_t no_partition[12];

static int set_up(void **state)
{
    (void)state;
    pfs_arena_init(&arena, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pfs_arena_done(&arena);
    return 0;
}

static void put(struct pfs_store *store, const char *path, const void *at, size_t len)
{
    struct pfs_file *file = NULL;

    assert_int_equal(pfs_store_create(store, path, &file, NULL), 0);
    assert_int_equal(pfs_file_append(file, at, len, NULL), 0);
    pfs_file_close(file);
}

static struct pfs_manifest_entry data_file(const char *name, struct pfs_slice partition, int32_t bucket)
{
    return (struct pfs_manifest_entry){.partition = partition, .bucket = bucket, .file = {.name = name}};
}

/* ---- files of Paimon ---- */

static void every_vector_of_paimon_has_the_rows_that_its_manifest_counts(void **state)
{
    static const char *const tables[] = {"dv-append", "dv-pk", "dv-pk-bitmap64"};
    struct pfs_store *store = NULL;
    int64_t checked = 0;

    (void)state;
    assert_int_equal(pfs_store_open_posix("tests/data/deletions", &store, NULL), 0);
    for (size_t t = 0; t < COUNT(tables); t++) {
        struct pfs_deletions *d = NULL;
        struct pfs_index_entry *index;
        int64_t count;

        assert_int_equal(pfs_index_manifest_load(store, tables[t], "index", &arena, &index, &count, NULL), 0);
        assert_int_equal(pfs_deletions_open(store, NULL, tables[t], &schema, index, count, &d, NULL), 0);
        for (int64_t i = 0; i < count; i++)
            for (int64_t v = 0; v < index[i].vectors; v++) {
                struct pfs_manifest_entry file =
                    data_file(index[i].vector[v].file, index[i].partition, index[i].bucket);
                const struct pfs_bitmap *rows = NULL, *again = NULL;

                assert_int_equal(pfs_deletions_of(d, &file, &rows, NULL), 0);
                assert_int_equal(pfs_bitmap_count(rows), index[i].vector[v].cardinality);
                assert_int_equal(pfs_deletions_of(d, &file, &again, NULL), 0);
                assert_ptr_equal(rows, again);
                checked++;
            }
        pfs_deletions_close(d);
    }
    assert_true(checked >= 7);
    pfs_store_close(store);
}

/* ---- one file, whole and damaged ---- */

static const uint8_t short_file[] = {1, 0, 0, 0, 0x18, 0x5e, 0x43, 0xf2, 0xd0, 0x3a, 0x30, 0, 0,    1,    0,    0,   0,
                                     0, 0, 1, 0, 0x10, 0,    0,    0,    0,    0,    1,    0, 0x50, 0xa7, 0x5c, 0x34};
static const uint8_t long_file[] = {1, 0, 0, 0,    0x24, 0xd1, 0xd3, 0x39, 0x64, 1, 0, 0,    0,    0,    0,
                                    0, 0, 0, 0,    0,    0,    0x3a, 0x30, 0,    0, 1, 0,    0,    0,    0,
                                    0, 1, 0, 0x10, 0,    0,    0,    0,    0,    1, 0, 0xe2, 0xbe, 0x92, 0x4e};

static const struct {
    const char *what;
    const uint8_t *bytes;
    size_t len;
    int32_t off, told; /* by the manifest */
    size_t change;     /* this byte is changed; 0 = none (byte 0 by name) */
    bool version;      /* byte 0 is changed */
    int want;
} cases[] = {
    {"32 bits", short_file, 33, 1, 24, 0, false, 0},
    {"64 bits", long_file, 45, 1, 44, 0, false, 0},
    {"32 bits, length of the block", short_file, 33, 1, 32, 0, false, -EIO},
    {"64 bits, length of the bitmap", long_file, 45, 1, 36, 0, false, -EIO},
    {"a bit flipped", short_file, 33, 1, 24, 28, false, -EIO},
    {"a bit of the checksum flipped", short_file, 33, 1, 24, 31, false, -EIO},
    {"a size that passes the end", short_file, 33, 1, 24, 1, false, -EIO},
    {"another magic", short_file, 33, 1, 24, 5, false, -EIO},
    {"another version", short_file, 33, 1, 24, 0, true, -EIO},
    {"cut off", short_file, 32, 1, 24, 0, false, -EIO},
    {"behind the end", short_file, 33, 40, 24, 0, false, -EIO},
    {"before the start", short_file, 33, -1, 24, 0, false, -EIO},
    {"empty", short_file, 0, 1, 24, 0, false, -EIO},
};

static void a_vector_is_read_only_when_all_of_it_is_right(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_deletion_range range = {"data-1", cases[i].off, cases[i].told, 2};
        struct pfs_index_entry entries[] = {
            {.partition = pfs_slice_of(no_partition, 12), .type = "HASH", .name = "hash", .vectors = -1},
            {.partition = pfs_slice_of(no_partition, 12),
             .type = "DELETION_VECTORS",
             .name = "index-1",
             .vectors = 1,
             .vector = &range},
        };
        struct pfs_manifest_entry file = data_file("data-1", entries[0].partition, 0);
        const struct pfs_bitmap *rows = NULL;
        struct pfs_deletions *d = NULL;
        struct pfs_store *store = NULL;
        struct pfs_err err = {0};
        uint8_t bytes[64];

        memcpy(bytes, cases[i].bytes, cases[i].len);
        if (cases[i].change > 0 || cases[i].version)
            bytes[cases[i].change] ^= 4;
        assert_int_equal(pfs_store_open_memory(&store, NULL), 0);
        put(store, "t/index/index-1", bytes, cases[i].len);
        CHECK(cases[i].what, pfs_deletions_open(store, NULL, "t", &schema, entries, 2, &d, NULL) == 0);
        CHECK(cases[i].what, pfs_deletions_of(d, &file, &rows, &err) == cases[i].want);
        if (cases[i].want == 0) {
            CHECK(cases[i].what, pfs_bitmap_count(rows) == 2);
            CHECK(cases[i].what, pfs_bitmap_has(rows, 0) && pfs_bitmap_has(rows, 1));
        } else {
            CHECK(cases[i].what, strstr(err.text, "t/index/index-1") != NULL);
        }
        pfs_deletions_close(d);
        pfs_store_close(store);
    }
}

static void a_file_without_a_vector_has_none(void **state)
{
    struct pfs_deletion_range range = {"data-1", 1, 24, 2};
    struct pfs_index_entry entry = {.partition = pfs_slice_of(no_partition, 12),
                                    .type = "DELETION_VECTORS",
                                    .name = "index-1",
                                    .vectors = 1,
                                    .vector = &range};
    struct pfs_manifest_entry other = data_file("data-2", entry.partition, 0);
    struct pfs_manifest_entry elsewhere = data_file("data-1", entry.partition, 1);
    struct pfs_manifest_entry lost = data_file("data-1", entry.partition, 0);
    const struct pfs_bitmap *rows = (const struct pfs_bitmap *)&range;
    struct pfs_deletions *d = NULL;
    struct pfs_store *store = NULL;

    (void)state;
    assert_int_equal(pfs_store_open_memory(&store, NULL), 0);
    assert_int_equal(pfs_deletions_open(store, NULL, "t", &schema, &entry, 1, &d, NULL), 0);
    assert_int_equal(pfs_deletions_of(d, &other, &rows, NULL), 0);
    assert_null(rows);
    assert_int_equal(pfs_deletions_of(d, &elsewhere, &rows, NULL), 0);
    assert_null(rows);
    assert_int_equal(pfs_deletions_of(d, &lost, &rows, NULL), -EIO);
    pfs_deletions_close(d);
    pfs_store_close(store);
}

static void index_files_beside_the_data_are_found_there(void **state)
{
    static struct pfs_option option = {.key = "index-file-in-data-file-dir", .value = "true"};
    static const struct pfs_schema beside = {.options = {1, &option}};
    struct pfs_deletion_range range = {"data-1", 1, 24, 2};
    struct pfs_index_entry entry = {.partition = pfs_slice_of(no_partition, 12),
                                    .type = "DELETION_VECTORS",
                                    .name = "index-1",
                                    .bucket = 3,
                                    .vectors = 1,
                                    .vector = &range};
    struct pfs_manifest_entry file = data_file("data-1", entry.partition, 3);
    const struct pfs_bitmap *rows = NULL;
    struct pfs_deletions *d = NULL;
    struct pfs_store *store = NULL;

    (void)state;
    assert_int_equal(pfs_store_open_memory(&store, NULL), 0);
    put(store, "t/bucket-3/index-1", short_file, sizeof(short_file));
    assert_int_equal(pfs_deletions_open(store, NULL, "t", &beside, &entry, 1, &d, NULL), 0);
    assert_int_equal(pfs_deletions_of(d, &file, &rows, NULL), 0);
    assert_int_equal(pfs_bitmap_count(rows), 2);
    pfs_deletions_close(d);
    pfs_store_close(store);
}

/* ---- applying ---- */

/* Batches of the given sizes; the one column counts the positions of the ranges' rows. */
struct source {
    struct pfs_reader reader; /* first */
    const int32_t *batch;     /* ends with 0 */
    const struct pfs_row_range *range;
    int64_t position;
    bool closed;
};

static const struct pfs_type bigint = {.kind = PFS_BIGINT};

static int64_t source_next(struct pfs_reader *self, struct pfs_arena *to, struct pfs_batch *out, struct pfs_err *err)
{
    struct source *s = (struct source *)self;
    int64_t rows = *s->batch, *values;

    (void)err;
    if (rows == 0)
        return 0;
    s->batch++;
    values = pfs_arena_array(to, (size_t)rows, sizeof(*values));
    out->column = pfs_arena_array(to, 1, sizeof(*out->column));
    for (int64_t i = 0; i < rows; i++) {
        while (s->range != NULL && s->position == s->range->to)
            s->position = (++s->range)->from;
        values[i] = s->position++;
    }
    out->rows = rows;
    out->columns = 1;
    out->column[0] = (struct pfs_column){.type = &bigint, .values = values};
    return rows;
}

static void source_close(struct pfs_reader *self)
{
    ((struct source *)self)->closed = true;
}

static const struct pfs_reader_ops source_ops = {source_next, source_close};

static void applied(const int32_t *batches, const struct pfs_row_range *range, int32_t ranges, uint64_t from,
                    uint64_t to, const int64_t *want, int64_t rows)
{
    struct source source = {
        .reader = {&source_ops}, .batch = batches, .range = range, .position = range == NULL ? 0 : range[0].from};
    struct pfs_bitmap *gone = NULL;
    struct pfs_reader *reader = NULL;
    struct pfs_batch batch;
    int64_t got, n = 0;

    assert_int_equal(pfs_bitmap_new(&gone, NULL), 0);
    assert_int_equal(pfs_bitmap_add_range(gone, from, to, NULL), 0);
    assert_int_equal(pfs_deletions_apply(&source.reader, gone, range, ranges, &reader, NULL), 0);
    while ((got = pfs_reader_next(reader, &arena, &batch, NULL)) > 0)
        for (int64_t i = 0; i < got; i++) {
            assert_true(n < rows);
            assert_int_equal(((const int64_t *)batch.column[0].values)[i], want[n++]);
        }
    assert_int_equal(got, 0);
    assert_int_equal(n, rows);
    pfs_reader_close(reader);
    assert_true(source.closed);
    pfs_bitmap_free(gone);
}

static void deleted_rows_are_left_out(void **state)
{
    static const int32_t batches[] = {3, 2, 4, 0};
    static const int64_t first_goes[] = {1, 2, 3, 4, 5, 6, 7, 8}, middle_goes[] = {0, 1, 7, 8};
    static const int64_t all_stay[] = {0, 1, 2, 3, 4, 5, 6, 7, 8};

    (void)state;
    applied(batches, NULL, 0, 0, 1, first_goes, 8);
    applied(batches, NULL, 0, 2, 7, middle_goes, 4);
    applied(batches, NULL, 0, 0, 100, NULL, 0);
    applied(batches, NULL, 0, 9, 100, all_stay, 9);
}

static void positions_are_those_of_the_file_when_ranges_were_read(void **state)
{
    static const int32_t batches[] = {3, 2, 4, 0};
    static const struct pfs_row_range range[] = {{2, 4}, {10, 10}, {10, 12}, {20, 25}};
    static const int64_t want[] = {2, 3, 10, 22, 23, 24};

    (void)state;
    applied(batches, range, 4, 11, 22, want, 6);
}

static void a_batch_without_deleted_rows_is_not_copied(void **state)
{
    static const int32_t batches[] = {3, 0};
    struct source source = {.reader = {&source_ops}, .batch = batches};
    struct pfs_bitmap *gone = NULL;
    struct pfs_reader *reader = NULL;
    struct pfs_batch batch;
    size_t before;

    (void)state;
    assert_int_equal(pfs_bitmap_new(&gone, NULL), 0);
    assert_int_equal(pfs_bitmap_add(gone, 3, NULL), 0);
    assert_int_equal(pfs_deletions_apply(&source.reader, gone, NULL, 0, &reader, NULL), 0);
    assert_int_equal(pfs_reader_next(reader, &arena, &batch, NULL), 3);
    before = arena.used_bytes;
    assert_int_equal(pfs_reader_next(reader, &arena, &batch, NULL), 0);
    assert_int_equal(arena.used_bytes, before);
    pfs_reader_close(reader);
    pfs_bitmap_free(gone);
}

static void a_vector_without_memory_is_enomem(void **state)
{
    struct pfs_deletion_range range = {"data-1", 1, 24, 2};
    struct pfs_index_entry entry = {.partition = pfs_slice_of(no_partition, 12),
                                    .type = "DELETION_VECTORS",
                                    .name = "index-1",
                                    .vectors = 1,
                                    .vector = &range};
    struct pfs_manifest_entry file = data_file("data-1", entry.partition, 0);
    struct pfs_store *store = NULL;
    int rc = -ENOMEM;

    (void)state;
    assert_int_equal(pfs_store_open_memory(&store, NULL), 0);
    put(store, "t/index/index-1", short_file, sizeof(short_file));
    for (int64_t n = 0; rc != 0; n++) {
        const struct pfs_bitmap *rows = NULL;
        struct pfs_deletions *d = NULL;

        assert_true(n < 100);
        pfs_mem_fail_after(n);
        rc = pfs_deletions_open(store, NULL, "t", &schema, &entry, 1, &d, NULL);
        if (rc == 0)
            rc = pfs_deletions_of(d, &file, &rows, NULL);
        pfs_mem_fail_after(-1);
        assert_true(rc == 0 || rc == -ENOMEM);
        pfs_deletions_close(d);
    }
    pfs_store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_vector_of_paimon_has_the_rows_that_its_manifest_counts, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_vector_is_read_only_when_all_of_it_is_right, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_without_a_vector_has_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(index_files_beside_the_data_are_found_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(deleted_rows_are_left_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(positions_are_those_of_the_file_when_ranges_were_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_batch_without_deleted_rows_is_not_copied, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_vector_without_memory_is_enomem, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
