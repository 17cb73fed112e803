/* conflict_test.c - which changes fit a state, case by case: entries are made by hand, and no store is asked. */
#include <errno.h>
#include <stdio.h>

#include "format/binrow.h"
#include "src/commit/internal.h"
#include "tests/unit/commit/table.h"

#define ENTRIES_MAX 4
#define NOWHERE INT64_C(-1) /* no row ids */

/* A file: name, level, bucket and how many there are, keys, row ids. The default is a new file of level 0. */
struct file {
    const char *name;
    bool deleted;
    int32_t level, bucket, buckets;
    int32_t min, max; /* keys */
    int64_t row_id, rows;
    const char *index; /* embedded; NULL = none */
};

static struct pfs_arena arena;
static struct pfs_state *real; /* whose schema is borrowed */

static int begin(void **state)
{
    (void)set_up(state);
    pfs_arena_init(&arena, 0);
    (void)commit(1);
    real = newest();
    return 0;
}

static int end(void **state)
{
    pfs_state_unref(real);
    pfs_arena_done(&arena);
    return tear_down(state);
}

static struct pfs_slice key(int32_t value)
{
    static const struct pfs_type type = {.kind = PFS_INT};
    const struct pfs_column column = {.type = &type, .values = &value}, *list = &column;
    struct pfs_buf text = {0};
    struct pfs_slice out;

    assert_int_equal(pfs_binrow_print(&list, 1, 0, true, &text, NULL), 0);
    assert_true(pfs_arena_copy(&arena, pfs_buf_slice(&text), &out));
    pfs_buf_done(&text);
    return out;
}

static struct pfs_manifest_entry entry_of(const struct file *f)
{
    struct pfs_manifest_entry e = *real->file[0];

    e.deleted = f->deleted;
    e.bucket = f->bucket;
    e.total_buckets = f->buckets;
    e.file.name = f->name;
    e.file.level = f->level;
    e.file.min_key = key(f->min);
    e.file.max_key = key(f->max);
    e.file.first_row_id = f->row_id;
    e.file.rows = f->rows;
    e.file.embedded_index = f->index != NULL ? pfs_str(f->index) : pfs_slice_of(NULL, 0);
    return e;
}

static int64_t entries_of(const struct file *f, struct pfs_manifest_entry *out)
{
    int64_t count = 0;

    while (count < ENTRIES_MAX && f[count].name != NULL) {
        out[count] = entry_of(&f[count]);
        count++;
    }
    return count;
}

struct example {
    const char *what;
    enum pfs_commit_kind kind;
    bool check;
    struct file live[ENTRIES_MAX], delta[ENTRIES_MAX];
    const char *says; /* NULL = it fits */
};

static int check(const struct pfs_schema *schema, const struct example *c, struct pfs_err *err)
{
    struct pfs_manifest_entry live[ENTRIES_MAX], delta[ENTRIES_MAX];
    const struct pfs_manifest_entry *list[ENTRIES_MAX];
    struct pfs_state state = {.schema = schema, .exists = true, .file = list, .files = entries_of(c->live, live)};
    struct pfs_change change = {
        .kind = c->kind, .check = c->check, .entries = entries_of(c->delta, delta), .entry = delta};

    for (int64_t i = 0; i < state.files; i++)
        list[i] = &live[i];
    return pfs_conflict_check(&state, &change, NULL, 0, &arena, err);
}

static void try_all(const struct pfs_schema *schema, const struct example *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct pfs_err err = {0};
        int rc = check(schema, &cases[i], &err);

        if (cases[i].says == NULL && rc != 0)
            fail_msg("%s: %s", cases[i].what, err.text);
        CHECK(cases[i].what, rc == (cases[i].says == NULL ? 0 : -EBUSY));
        CHECK(cases[i].what, cases[i].says == NULL || strstr(err.text, cases[i].says) != NULL);
    }
}

#define APPENDS .kind = PFS_COMMIT_APPEND
#define COMPACTS .kind = PFS_COMMIT_COMPACT
#define OVERWRITES .kind = PFS_COMMIT_OVERWRITE
#define NEW(n)                                    \
    {                                             \
        .name = (n), .row_id = NOWHERE, .rows = 1 \
    }
#define GONE(n)                                                    \
    {                                                              \
        .name = (n), .row_id = NOWHERE, .rows = 1, .deleted = true \
    }
#define RUN(n, l, from, to)                                                                 \
    {                                                                                       \
        .name = (n), .row_id = NOWHERE, .rows = 1, .level = (l), .min = (from), .max = (to) \
    }
#define OF(n, count)                                                  \
    {                                                                 \
        .name = (n), .row_id = NOWHERE, .rows = 1, .buckets = (count) \
    }
#define ROWS(n, from, count)                           \
    {                                                  \
        .name = (n), .row_id = (from), .rows = (count) \
    }

static void files_are_added_once_and_removed_when_there(void **state)
{
    static const struct example cases[] = {
        {"an APPEND is not looked at", APPENDS, .live = {NEW("a")}, .delta = {NEW("a")}},
        {"but when it asks for it", APPENDS, .check = true, .live = {NEW("a")}, .delta = {NEW("a")},
         .says = "is there already"},
        {"or removes something", APPENDS, .live = {NEW("a")}, .delta = {GONE("b")}, .says = "was removed by another"},
        {"what is there goes", APPENDS, .live = {NEW("a")}, .delta = {GONE("a"), NEW("b")}},
        {"and comes back", COMPACTS, .live = {NEW("a")}, .delta = {GONE("a"), NEW("a")}},
        {"not before it went", COMPACTS, .live = {NEW("a")}, .delta = {NEW("a"), GONE("a")},
         .says = "is there already"},
        {"it goes once", COMPACTS, .live = {NEW("a")}, .delta = {GONE("a"), GONE("a")},
         .says = "was removed by another"},
        {"one with another index is another", COMPACTS,
         .live = {{.name = "a", .row_id = NOWHERE, .rows = 1, .index = "i"}}, .delta = {GONE("a")},
         .says = "was removed by another"},
    };

    (void)state;
    try_all(real->schema, cases, COUNT(cases));
}

static void partitions_keep_their_number_of_buckets(void **state)
{
    static const struct example cases[] = {
        {"another number", COMPACTS, .live = {OF("a", 2)}, .delta = {OF("b", 3)},
         .says = "for 3 buckets meet files for 2"},
        {"the same", COMPACTS, .live = {OF("a", 2)}, .delta = {OF("b", 2)}},
        {"an overwrite changes it", OVERWRITES, .live = {OF("a", 2)}, .delta = {OF("b", 3)}},
        {"postponed rows have none yet", COMPACTS, .live = {OF("a", -2), OF("b", 0)}, .delta = {OF("c", 3)}},
    };

    (void)state;
    try_all(real->schema, cases, COUNT(cases));
}

static void runs_share_no_key(void **state)
{
    static const struct example cases[] = {
        {"level 0 is no run", COMPACTS, .live = {RUN("a", 0, 1, 5)}, .delta = {RUN("b", 0, 1, 5)}},
        {"level 1 is", COMPACTS, .live = {RUN("a", 1, 1, 5)}, .delta = {RUN("b", 1, 5, 9)},
         .says = "overlap in level 1"},
        {"side by side", COMPACTS, .live = {RUN("a", 1, 1, 5)}, .delta = {RUN("b", 1, 6, 9)}},
        {"in another level", COMPACTS, .live = {RUN("a", 1, 1, 5)}, .delta = {RUN("b", 2, 1, 5)}},
        {"what others did is theirs", COMPACTS, .live = {RUN("a", 1, 1, 5), RUN("b", 1, 5, 9)},
         .delta = {RUN("c", 2, 1, 5)}},
    };

    (void)state;
    try_all(real->schema, cases, COUNT(cases));
}

static void evolved_files_share_all_of_their_rows_or_none(void **state)
{
    static const struct example cases[] = {
        {"all", COMPACTS, .live = {ROWS("a", 10, 5)}, .delta = {ROWS("b", 10, 5)}},
        {"none", COMPACTS, .live = {ROWS("a", 10, 5)}, .delta = {ROWS("b", 15, 5)}},
        {"the last one", COMPACTS, .live = {ROWS("a", 10, 5)}, .delta = {ROWS("b", 14, 5)}, .says = "but not all"},
        {"the first ones", COMPACTS, .live = {ROWS("a", 10, 5)}, .delta = {ROWS("b", 10, 4)}, .says = "but not all"},
        {"not of a compaction", APPENDS, .check = true, .live = {ROWS("a", 10, 5)}, .delta = {ROWS("b", 14, 5)}},
    };
    static struct pfs_option evolves = {.key = "data-evolution.enabled", .value = "true"};
    struct pfs_schema schema = *real->schema;

    (void)state;
    try_all(&schema, cases, 2);
    CHECK("without it", check(&schema, &cases[2], NULL) == 0);
    schema.options = (struct pfs_options){1, &evolves};
    try_all(&schema, cases, COUNT(cases));
}

/* A file that only moves to another level keeps its vector. */
static void vectors_go_with_their_files(void **state)
{
    static const struct file moves[] = {GONE("a"), RUN("a", 5, 1, 1), {0}}, goes[] = {GONE("a"), {0}};
    struct pfs_deletion_range range = {.file = "a", .cardinality = 1, .len = 10};
    struct pfs_index_entry vector = {.type = "DELETION_VECTORS",
                                     .name = "index-1",
                                     .size = 20,
                                     .rows = 1,
                                     .vectors = 1,
                                     .vector = &range,
                                     .partition = real->file[0]->partition};
    const struct file live = NEW("a");
    struct pfs_manifest_entry one = entry_of(&live), delta[ENTRIES_MAX];
    const struct pfs_manifest_entry *list = &one;
    struct pfs_state s = {.schema = real->schema, .exists = true, .file = &list, .files = 1};
    struct pfs_change change = {.kind = PFS_COMMIT_COMPACT, .entry = delta};
    struct pfs_err err = {0};

    (void)state;
    change.entries = entries_of(moves, delta);
    assert_int_equal(pfs_conflict_check(&s, &change, &vector, 1, &arena, &err), 0);
    change.entries = entries_of(goes, delta);
    assert_int_equal(pfs_conflict_check(&s, &change, &vector, 1, &arena, &err), -EBUSY);
    assert_non_null(strstr(err.text, "its deletion vector is not"));
    vector.bucket = 1; /* of another file of that name */
    assert_int_equal(pfs_conflict_check(&s, &change, &vector, 1, &arena, &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(files_are_added_once_and_removed_when_there, begin, end),
        cmocka_unit_test_setup_teardown(partitions_keep_their_number_of_buckets, begin, end),
        cmocka_unit_test_setup_teardown(runs_share_no_key, begin, end),
        cmocka_unit_test_setup_teardown(evolved_files_share_all_of_their_rows_or_none, begin, end),
        cmocka_unit_test_setup_teardown(vectors_go_with_their_files, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
