/* segment_test.c - what counts as a header and as a record, at every length and whatever bytes are wrong. */
#include "tests/unit/journal/segments.h"

static struct pfs_store *store;

static int set_up(void **state)
{
    (void)state;
    store = open_memory();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pfs_store_close(store);
    return 0;
}

/* Of a file with these bytes. */
static int header_of(const uint8_t *at, size_t len, struct pfs_segment_header *out)
{
    struct pfs_file *file;
    int rc;

    assert_int_equal(pfs_store_publish(store, "d/segment", pfs_slice_of(at, len), true, NULL), 0);
    assert_int_equal(pfs_store_open(store, "d/segment", &file, NULL), 0);
    rc = pfs_segment_get_header(file, out, NULL);
    pfs_file_close(file);
    return rc;
}

static void a_header_is_whole_or_none(void **state)
{
    struct pfs_segment_header header;
    struct pfs_buf bytes = {0};
    size_t whole;

    (void)state;
    (void)begin_segment(&bytes, 7);
    whole = bytes.len;
    for (size_t len = 0; len < whole; len++)
        assert_int_equal(header_of(bytes.at, len, &header), 0);
    assert_int_equal(header_of(bytes.at, whole, &header), 1);
    assert_int_equal(header.number, 7);
    assert_string_equal(header.uuid, UUID);
    assert_string_equal(header.user, "me");
    assert_int_equal(header.bytes, whole);
    for (size_t i = 0; i < whole; i++) {
        bytes.at[i] ^= 1;
        assert_int_equal(header_of(bytes.at, whole, &header), i == 6 || i == 7 ? -ENOTSUP : 0); /* the version */
        bytes.at[i] ^= 1;
    }
    pfs_buf_done(&bytes);
}

/* A header whose hash is right: `uuid` bytes of a name, and `more` behind the last text. */
static void forge_header(struct pfs_buf *out, size_t uuid, size_t more)
{
    const size_t lens[] = {uuid, 0, 0, 2};

    pfs_buf_clear(out);
    pfs_buf_put(out, "PFSJRN01", 8);
    pfs_buf_le32(out, 0);
    pfs_buf_le64(out, 1);
    pfs_buf_le32(out, 0);
    for (size_t i = 0; i < COUNT(lens); i++) {
        pfs_buf_putc(out, (uint8_t)lens[i]);
        pfs_buf_putc(out, 0);
        for (size_t k = 0; k < lens[i]; k++)
            pfs_buf_putc(out, 'a');
    }
    for (size_t i = 0; i < more; i++)
        pfs_buf_putc(out, 0);
    pfs_put_le32(out->at + 8, (uint32_t)(out->len - 12));
    pfs_buf_le64(out, pfs_hash64(out->at, out->len, 0));
}

static void a_header_says_what_it_says_and_no_more(void **state)
{
    struct pfs_segment_header header;
    struct pfs_buf bytes = {0};

    (void)state;
    forge_header(&bytes, 36, 0);
    assert_int_equal(header_of(bytes.at, bytes.len, &header), 1);
    forge_header(&bytes, 36, 1);
    assert_int_equal(header_of(bytes.at, bytes.len, &header), 0);
    forge_header(&bytes, 37, 0); /* no room for the NUL */
    assert_int_equal(header_of(bytes.at, bytes.len, &header), 0);
    pfs_buf_done(&bytes);
}

/* ---- records ---- */

static int note_record(void *context, const struct pfs_segment_record *record, struct pfs_err *err)
{
    char *out = context;
    size_t len = strlen(out);

    (void)err;
    (void)snprintf(out + len, 200 - len, "%llu:%.*s,", (unsigned long long)record->transaction,
                   record->kind == PFS_RECORD_CUT ? 0 : (int)record->body.len, (const char *)record->body.at);
    return 0;
}

/* Takes the bytes, a segment's. The transactions and bodies of its records. */
static const char *scan(struct pfs_buf *bytes, struct pfs_segment_damage *damage)
{
    static char out[200];
    struct pfs_segment_header header;
    struct pfs_file *file;

    out[0] = '\0';
    assert_int_equal(pfs_store_publish(store, "d/segment", pfs_buf_slice(bytes), true, NULL), 0);
    assert_int_equal(pfs_store_open(store, "d/segment", &file, NULL), 0);
    assert_int_equal(pfs_segment_get_header(file, &header, NULL), 1);
    assert_int_equal(pfs_segment_scan(file, &header, note_record, out, damage, NULL), 0);
    pfs_file_close(file);
    pfs_buf_done(bytes);
    return out;
}

static void records_are_found_behind_the_least_damage(void **state)
{
    struct pfs_segment_damage damage;
    struct pfs_buf bytes = {0};
    uint64_t seed, at;

    (void)state;
    seed = begin_segment(&bytes, 0);
    (void)put_text(&bytes, seed, PFS_JOURNAL_ROWS, 1, "one");
    at = bytes.len;
    pfs_buf_putc(&bytes, 'x');
    (void)put_text(&bytes, seed, PFS_JOURNAL_ROWS, 2, "two");
    pfs_buf_put(&bytes, "xyz", 3);
    (void)put_cut(&bytes, seed, 3, 100);
    pfs_buf_putc(&bytes, 'x');
    (void)put_text(&bytes, seed, PFS_JOURNAL_SEAL, 3, ""); /* a head alone, at the end of the file */
    assert_string_equal(scan(&bytes, &damage), "1:one,2:two,0:,3:,");
    assert_int_equal(damage.at, at);
    assert_int_equal(damage.bytes, 5);
}

static void what_no_record_follows_is_the_end(void **state)
{
    struct pfs_segment_damage damage;

    (void)state;
    for (size_t cut = 1; cut < PFS_RECORD_HEAD + 3; cut++) {
        struct pfs_buf bytes = {0};
        uint64_t seed = begin_segment(&bytes, 0);

        (void)put_text(&bytes, seed, PFS_JOURNAL_ROWS, 1, "one");
        (void)put_text(&bytes, seed, PFS_JOURNAL_ROWS, 2, "two");
        bytes.len -= cut;
        assert_string_equal(scan(&bytes, &damage), "1:one,");
        assert_int_equal(damage.bytes, 0);
    }
}

/* Blocks that were another segment's before may hold its records: none of them is of this one. */
static void records_of_another_segment_do_not_count(void **state)
{
    struct pfs_segment_damage damage;
    struct pfs_buf bytes = {0}, other = {0};
    uint64_t seed = begin_segment(&bytes, 1), stranger = begin_segment(&other, 0);

    (void)state;
    assert_true(seed != stranger);
    (void)put_text(&bytes, seed, PFS_JOURNAL_ROWS, 1, "mine");
    (void)put_text(&bytes, stranger, PFS_JOURNAL_ROWS, 2, "his");
    assert_string_equal(scan(&bytes, &damage), "1:mine,");
    assert_int_equal(damage.bytes, 0);
    pfs_buf_done(&other);
}

/* Each fourth byte says that a record as long as the rest begins there: hashing them all would take for ever. */
static void what_takes_too_long_to_look_through_is_damage_to_the_end(void **state)
{
    struct pfs_segment_damage damage;
    struct pfs_buf bytes = {0};
    uint64_t seed = begin_segment(&bytes, 0), at, end;

    (void)state;
    (void)put_text(&bytes, seed, PFS_JOURNAL_ROWS, 1, "one");
    at = bytes.len;
    for (int i = 0; i < 2000; i++)
        pfs_buf_le32(&bytes, i % 2 == 0 ? 7500 - (uint32_t)i * 4 % 4096 : PFS_JOURNAL_ROWS);
    (void)put_text(&bytes, seed, PFS_JOURNAL_ROWS, 2, "two");
    end = bytes.len;
    assert_string_equal(scan(&bytes, &damage), "1:one,");
    assert_int_equal(damage.at, at);
    assert_int_equal(damage.bytes, end - at);
}

static void a_record_is_read_where_it_is_and_whole(void **state)
{
    struct pfs_place_in_journal place = {0};
    struct pfs_arena arena = {0};
    struct pfs_buf bytes = {0};
    struct pfs_slice body;
    struct pfs_file *file;
    uint64_t seed = begin_segment(&bytes, 0);

    (void)state;
    place.at = put_text(&bytes, seed, PFS_JOURNAL_ROWS, 1, "body");
    for (int part = 0; part < 4; part++) {
        static const int64_t flipped[] = {INT64_MAX, -1, -9, 3}; /* none, its hash, its transaction, its body */
        struct pfs_err err = {0};

        if (part > 0)
            bytes.at[(int64_t)place.at + flipped[part]] ^= 1;
        assert_int_equal(pfs_store_publish(store, "d/segment", pfs_buf_slice(&bytes), true, NULL), 0);
        if (part > 0)
            bytes.at[(int64_t)place.at + flipped[part]] ^= 1;
        assert_int_equal(pfs_store_open(store, "d/segment", &file, NULL), 0);
        place.len = 4;
        assert_int_equal(pfs_segment_read(file, seed, place, &arena, &body, &err), part == 0 ? 0 : -EIO);
        assert_int_equal(err.text[0] != '\0', part > 0);
        place.len = 3;
        assert_int_equal(pfs_segment_read(file, seed, place, &arena, &body, &err), -EIO);
        place.len = 5; /* more than there is */
        assert_int_equal(pfs_segment_read(file, seed, place, &arena, &body, &err), -EIO);
        pfs_file_close(file);
    }
    pfs_arena_done(&arena);
    pfs_buf_done(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_header_is_whole_or_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_header_says_what_it_says_and_no_more, set_up, tear_down),
        cmocka_unit_test_setup_teardown(records_are_found_behind_the_least_damage, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_no_record_follows_is_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(records_of_another_segment_do_not_count, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_takes_too_long_to_look_through_is_damage_to_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_record_is_read_where_it_is_and_whole, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
