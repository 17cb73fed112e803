/* A table is looked through: what is gone is found, nothing is written, and a store that fails is told of. */
#include "tests/unit/retain/fixture.h"

#include "src/check/check.h"

struct heard {
    int wrong, notes;
    enum pfs_finding_kind last;
    char by[64], file[256];
};

static void hear(void *context, const struct pfs_finding *f)
{
    struct heard *h = context;

    *(f->note ? &h->notes : &h->wrong) += 1;
    h->last = f->kind;
    (void)snprintf(h->by, sizeof(h->by), "%s", f->by);
    (void)snprintf(h->file, sizeof(h->file), "%s", f->file);
}

static int check(bool deep, struct heard *heard, struct pfs_check_sum *sum, struct pfs_err *err)
{
    *heard = (struct heard){0};
    return pfs_table_check(table, &(struct pfs_check){.deep = deep, .found = hear, .context = heard}, sum, err);
}

static void begin_history(void)
{
    begin("'write-only' = 'true', 'changelog-producer' = 'input'");
    commits(3);
    assert_int_equal(pfs_table_tag_create(table, "kept", 2, NULL), 0);
    compact();
    commits(1);
}

static void a_sound_table_is_whole_and_stays_as_it_is(void **state)
{
    struct pfs_check_sum sum;
    struct heard heard;
    int64_t written;

    (void)state;
    begin_history();
    written = fault.bytes_written + fault.syncs;
    for (int deep = 0; deep < 2; deep++) {
        assert_int_equal(check(deep, &heard, &sum, NULL), 0);
        assert_int_equal(heard.wrong + heard.notes, 0);
        assert_int_equal(sum.snapshots, 5);
        assert_int_equal(sum.tags, 1);
        assert_true(sum.files >= 9); /* of four commits data and changelog, and what was compacted */
    }
    assert_int_equal(fault.bytes_written + fault.syncs, written);
    end();
}

static int unlink_first(void *context, struct pfs_slice name, bool directory)
{
    char path[512];

    if (directory)
        return 0;
    (void)snprintf(path, sizeof(path), "%s/%.*s", (const char *)context, PFS_P(name));
    assert_int_equal(pfs_store_unlink(memory, path, NULL), 0);
    return 1;
}

static void a_file_that_is_gone_is_told_of_with_who_names_it(void **state)
{
    static const char *const directories[] = {"d.db/t/bucket-0", "d.db/t/manifest"};
    struct pfs_check_sum sum;
    struct heard heard;

    (void)state;
    for (size_t i = 0; i < COUNT(directories); i++) {
        begin_history();
        assert_int_equal(pfs_store_list(memory, directories[i], unlink_first, (void *)(uintptr_t)directories[i], NULL),
                         1);
        assert_int_equal(check(false, &heard, &sum, NULL), 0);
        assert_true(heard.wrong > 0 && sum.wrong == heard.wrong);
        assert_true(strncmp(heard.by, "snapshot ", 9) == 0 || strcmp(heard.by, "tag kept") == 0);
        end();
    }
}

/* The snapshot that named the file expires when the file is looked for. */
static void expire_at_stat(void *context, const char *op, const char *path)
{
    char gone[64];

    (void)context;
    if (strcmp(op, "stat") != 0 || strstr(path, "/bucket-0/") == NULL)
        return;
    fault.each = NULL;
    for (int id = 1; id <= 3; id++) {
        (void)snprintf(gone, sizeof(gone), "d.db/t/snapshot/snapshot-%d", id);
        assert_int_equal(pfs_store_unlink(memory, gone, NULL), 0);
    }
    while (pfs_store_list(memory, "d.db/t/bucket-0", unlink_first, (void *)(uintptr_t) "d.db/t/bucket-0", NULL) == 1)
        continue;
}

static void what_expires_meanwhile_is_not_missed(void **state)
{
    struct pfs_check_sum sum;
    struct heard heard;

    (void)state;
    begin("'write-only' = 'true'");
    commits(3);
    fault.each = expire_at_stat;
    assert_int_equal(check(false, &heard, &sum, NULL), 0);
    assert_int_equal(heard.wrong, 0);
    assert_int_equal(sum.files, 3);
    end();
}

static void a_store_that_fails_is_told_of(void **state)
{
    struct pfs_check_sum sum;
    struct heard heard;
    int64_t calls;

    (void)state;
    begin_history();
    calls = fault.calls;
    assert_int_equal(check(true, &heard, &sum, NULL), 0);
    calls = fault.calls - calls;
    for (int64_t i = 1; i <= calls; i += calls / 40 + 1) {
        struct pfs_err err = {0};
        int rc;

        fault.fail_at = fault.calls + i;
        fault.fail_errno = EIO;
        rc = check(true, &heard, &sum, &err);
        /* Either it says so, or what failed only saves work, as a hint does. */
        assert_true(rc == 0 || (rc == -EIO && err.text[0] != '\0'));
        fault.fail_at = 0;
    }
    assert_int_equal(check(true, &heard, &sum, NULL), 0);
    assert_int_equal(heard.wrong, 0);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_table_is_whole_and_stays_as_it_is),
        cmocka_unit_test(a_file_that_is_gone_is_told_of_with_who_names_it),
        cmocka_unit_test(what_expires_meanwhile_is_not_missed),
        cmocka_unit_test(a_store_that_fails_is_told_of),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
