/* start_test.c - what stored options say of where reads begin. */
#include "src/meta/start.h"

#include <errno.h>
#include <stdlib.h>

#include "tests/unit/cm.h"

#define OPTIONS_MAX 4

static int compare_keys(const void *a, const void *b)
{
    return strcmp(((const struct pfs_option *)a)->key, ((const struct pfs_option *)b)->key);
}

static void one_option_says_where_reads_begin(void **state)
{
    static const struct {
        const char *what;
        struct pfs_option item[OPTIONS_MAX];
        enum pfs_start_kind kind;
        const char *text; /* NULL = `number` counts */
        int64_t number;
    } cases[] = {
        {"nothing", {{"bucket", "1", 0}}, PFS_START_NEWEST, NULL, 0},
        {"latest", {{"scan.mode", "Latest", 0}}, PFS_START_NEWEST, NULL, 0},
        {"full", {{"scan.mode", "full", 0}}, PFS_START_NEWEST, NULL, 0},
        {"a snapshot", {{"scan.snapshot-id", "7", 0}}, PFS_START_SNAPSHOT, NULL, 7},
        {"a snapshot in full",
         {{"scan.mode", "from-snapshot-full", 0}, {"scan.snapshot-id", "7", 0}},
         PFS_START_SNAPSHOT,
         NULL,
         7},
        {"a tag", {{"scan.tag-name", "a b", 0}}, PFS_START_TAG, "a b", 0},
        {"a version", {{"scan.version", "watermark-5", 0}}, PFS_START_VERSION, "watermark-5", 0},
        {"a watermark", {{"scan.watermark", "-5", 0}}, PFS_START_WATERMARK, NULL, -5},
        {"a watermark that the mode does not ask for",
         {{"scan.mode", "full", 0}, {"scan.watermark", "5", 0}},
         PFS_START_NEWEST,
         NULL,
         0},
        {"an instant", {{"scan.timestamp-millis", "9", 0}}, PFS_START_TIME, NULL, 9},
        {"a day", {{"scan.timestamp", "1970-01-02", 0}}, PFS_START_LOCAL, NULL, 86400000},
        {"a time of day", {{"scan.timestamp", "1970-01-02 00:00:01.5", 0}}, PFS_START_LOCAL, NULL, 86401500},
        {"files", {{"scan.file-creation-time-millis", "9", 0}}, PFS_START_FILES, NULL, 9},
        {"a creation", {{"scan.creation-time-millis", "9", 0}}, PFS_START_CREATED, NULL, 9},
        {"compactions", {{"scan.mode", "compacted-full", 0}}, PFS_START_COMPACTED, NULL, 0},
        {"full compactions",
         {{"changelog-producer", "FULL-COMPACTION", 0}, {"scan.mode", "compacted-full", 0}},
         PFS_START_COMPACTED,
         NULL,
         1},
        {"every third one",
         {{"full-compaction.delta-commits", "3", 0}, {"scan.mode", "compacted-full", 0}},
         PFS_START_COMPACTED,
         NULL,
         3},
        {"changes", {{"incremental-between", "1,2", 0}}, PFS_START_CHANGES, "1,2", 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_option item[OPTIONS_MAX];
        struct pfs_options o = {0, item};
        struct pfs_start start;
        struct pfs_err err = {0};

        memcpy(item, cases[i].item, sizeof(item));
        while (o.count < OPTIONS_MAX && item[o.count].key != NULL)
            o.count++;
        qsort(item, (size_t)o.count, sizeof(*item), compare_keys);
        if (pfs_start_of(&o, &start, &err) < 0)
            fail_msg("%s: %s", cases[i].what, err.text);
        if (start.kind != cases[i].kind || (cases[i].text == NULL && start.number != cases[i].number) ||
            (cases[i].text != NULL && strcmp(start.text, cases[i].text) != 0))
            fail_msg("%s: kind %d, number %lld, text %s", cases[i].what, (int)start.kind, (long long)start.number,
                     start.text == NULL ? "none" : start.text);
    }
}

static void options_that_contradict_each_other_are_refused(void **state)
{
    static const struct {
        struct pfs_option item[OPTIONS_MAX]; /* sorted */
        const char *said;
    } cases[] = {
        {{{"scan.snapshot-id", "1", 0}, {"scan.tag-name", "t", 0}}, "must set only one key in"},
        {{{"scan.snapshot-id", "1", 0}, {"scan.version", "t", 0}}, "must set only one key in"},
        {{{"scan.snapshot-id", "1", 0}, {"scan.timestamp", "2020-01-01", 0}}, "[scan.snapshot-id] must be null"},
        {{{"scan.mode", "latest", 0}, {"scan.snapshot-id", "1", 0}}, "must be null when you use latest"},
        {{{"scan.mode", "from-snapshot", 0}}, "must set only one key in"},
        {{{"scan.mode", "from-creation-timestamp", 0}}, "scan.creation-time-millis can not be null"},
        {{{"scan.mode", "zzz", 0}}, "scan.mode"},
        {{{"scan.snapshot-id", "x", 0}}, "scan.snapshot-id"},
        {{{"scan.timestamp", "2020-01-01T00:00:00", 0}}, "scan.timestamp"},
        {{{"scan.timestamp", "2020-01-01 00:00", 0}}, "scan.timestamp"},
        {{{"scan.timestamp", "yesterday", 0}}, "scan.timestamp"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_option item[OPTIONS_MAX];
        struct pfs_options o = {0, item};
        struct pfs_start start;
        struct pfs_err err = {0};

        memcpy(item, cases[i].item, sizeof(item));
        while (o.count < OPTIONS_MAX && item[o.count].key != NULL)
            o.count++;
        assert_int_equal(pfs_start_of(&o, &start, &err), -EINVAL);
        if (strstr(err.text, cases[i].said) == NULL)
            fail_msg("%s: %s", cases[i].said, err.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_option_says_where_reads_begin),
        cmocka_unit_test(options_that_contradict_each_other_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
