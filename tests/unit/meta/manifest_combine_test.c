/* manifest_combine_test.c - which files are live after ADDs and DELETEs of several manifests. */
#include <errno.h>
#include <stdio.h>

#include "base/mem.h"
#include "src/meta/manifest.h"
#include "tests/unit/cm.h"

#define ENTRIES_MAX 16

static struct pfs_arena arena;

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

/* Manifests as words: "+a -b" adds a and deletes b, '|' begins the next manifest; "a/1" is a at level 1, "a:1" in
 * bucket 1, "a=p" in partition p. */
static const struct {
    const char *what, *manifests, *live;
    int64_t leftover;
} cases[] = {
    {"nothing", "", "", 0},
    {"adds stay in order", "+c +a | +b", "c a b", 0},
    {"a delete in a later manifest", "+a +b +c | -b", "a c", 0},
    {"a delete beside its add", "+a -a +b", "b", 0},
    {"a delete that met no add", "+a | -b", "a", 1},
    {"another level is another file", "+a/0 | -a/0 +a/5", "a/5", 0},
    {"another bucket is another file", "+a:0 +a:1 | -a:0", "a:1", 0},
    {"another partition is another file", "+a=p +a=q | -a=q", "a=p", 0},
    {"added again after a delete", "+a | -a | +a", "a", 0},
    {"all deleted", "+a +b | -b -a", "", 0},
    {"deleted twice, added once", "+a | -a -a", "", 1},
    {"an empty manifest between", "+a | | -a", "", 0},
};

static struct pfs_manifest_entry entry(const char *word)
{
    struct pfs_manifest_entry e = {.deleted = word[0] == '-'};
    size_t len = strcspn(word + 1, "/:=");
    const char *rest = word + 1 + len;

    e.file.name = pfs_arena_string(&arena, pfs_slice_of(word + 1, len));
    if (rest[0] == '/')
        e.file.level = rest[1] - '0';
    if (rest[0] == ':')
        e.bucket = rest[1] - '0';
    if (rest[0] == '=')
        e.partition = pfs_slice_of(rest + 1, 1);
    return e;
}

static void print(const struct pfs_manifest_entry *e, char *out, size_t size)
{
    size_t len = strlen(out);

    (void)snprintf(out + len, size - len, "%s%s", len > 0 ? " " : "", e->file.name);
    len = strlen(out);
    if (e->file.level > 0)
        (void)snprintf(out + len, size - len, "/%d", e->file.level);
    else if (e->bucket > 0)
        (void)snprintf(out + len, size - len, ":%d", e->bucket);
    else if (e->partition.len > 0)
        (void)snprintf(out + len, size - len, "=%c", e->partition.at[0]);
}

static void live_files_are_adds_without_their_deletes(void **state)
{
    (void)state;
    for (size_t c = 0; c < COUNT(cases); c++) {
        struct pfs_manifest_entry items[ENTRIES_MAX];
        const struct pfs_manifest_entry *starts[ENTRIES_MAX] = {items}, **live;
        int64_t counts[ENTRIES_MAX] = {0}, used = 0, arrays = 1, count, leftover;
        char text[100], got[100] = "", *rest = NULL;

        (void)snprintf(text, sizeof(text), "%s", cases[c].manifests);
        for (char *word = strtok_r(text, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest))
            if (word[0] == '|') {
                starts[arrays++] = items + used;
            } else {
                items[used++] = entry(word);
                counts[arrays - 1]++;
            }
        CHECK(cases[c].what, pfs_manifest_combine(starts, counts, arrays, &arena, &live, &count, &leftover, NULL) == 0);
        for (int64_t i = 0; i < count; i++)
            print(live[i], got, sizeof(got));
        CHECK(cases[c].what, strcmp(got, cases[c].live) == 0);
        CHECK(cases[c].what, leftover == cases[c].leftover);
    }
}

/* Members of the identity that the words above cannot say. */
static void companions_indexes_and_paths_are_part_of_the_identity(void **state)
{
    static const char *const one[] = {"x"}, *const other[] = {"y"};
    struct pfs_manifest_entry a = {.file = {.name = "a", .extra_files = 1, .extra_file = one, .rows = 1}}, b = a;

    (void)state;
    b.file.rows = 2; /* not part of it */
    b.deleted = true;
    assert_true(pfs_manifest_same_file(&a, &b));
    b.file.extra_file = other;
    assert_false(pfs_manifest_same_file(&a, &b));
    b.file.extra_files = 0;
    assert_false(pfs_manifest_same_file(&a, &b));
    b = a;
    b.file.embedded_index = pfs_str("");
    assert_false(pfs_manifest_same_file(&a, &b));
    a.file.embedded_index = pfs_str("i");
    assert_false(pfs_manifest_same_file(&a, &b));
    b.file.embedded_index = pfs_str("i");
    assert_true(pfs_manifest_same_file(&a, &b));
    a.file.external_path = "file:/x";
    assert_false(pfs_manifest_same_file(&a, &b));
    b.file.external_path = pfs_arena_string(&arena, pfs_str("file:/x"));
    assert_true(pfs_manifest_same_file(&a, &b));
}

/* With one name for all, or one entry many times over, places must not pile up: quadratic work would take minutes. */
static void equal_names_and_equal_deletes_cost_no_more(void **state)
{
    static const int64_t many = 200000;
    struct pfs_manifest_entry *items = pfs_alloc_array((size_t)many * 2, sizeof(*items));
    const struct pfs_manifest_entry *starts[1] = {items}, **live;
    uint32_t *partition = pfs_alloc_array((size_t)many, sizeof(*partition));
    int64_t counts[1] = {many * 2}, count, leftover;

    (void)state;
    for (int64_t i = 0; i < many; i++) {
        partition[i] = (uint32_t)i;
        items[i] = (struct pfs_manifest_entry){.deleted = true, .file = {.name = "a"}};
        items[i].partition = pfs_slice_of(&partition[i], sizeof(partition[i]));
        items[many + i] = (struct pfs_manifest_entry){.deleted = i > 0, .file = {.name = "b"}};
    }
    assert_int_equal(pfs_manifest_combine(starts, counts, 1, &arena, &live, &count, &leftover, NULL), 0);
    assert_int_equal(count, 0);
    assert_int_equal(leftover, many * 2 - 2);
    pfs_free(partition);
    pfs_free(items);
}

static void a_full_arena_is_reported(void **state)
{
    struct pfs_manifest_entry items[1000] = {0};
    const struct pfs_manifest_entry *starts[1] = {items}, **live;
    int64_t counts[1] = {COUNT(items)}, count;
    struct pfs_err err = {0};

    (void)state;
    pfs_arena_done(&arena);
    pfs_arena_init(&arena, 4096);
    assert_int_equal(pfs_manifest_combine(starts, counts, 1, &arena, &live, &count, NULL, &err), -ENOMEM);
    assert_true(err.text[0] != '\0');
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(live_files_are_adds_without_their_deletes),
        TEST(companions_indexes_and_paths_are_part_of_the_identity),
        TEST(equal_names_and_equal_deletes_cost_no_more),
        TEST(a_full_arena_is_reported),
    };

    return cmocka_run_group_tests_name("meta/manifest_combine", tests, NULL, NULL);
}
