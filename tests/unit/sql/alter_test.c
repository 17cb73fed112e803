/* ALTER TABLE: what it makes of a schema, what it refuses, and two who do it at once. */
#include "tests/unit/sql/statements.h"

#define TABLE                                                                                                        \
    "CREATE TABLE d.t (k INT, p STRING, v INT, s STRING COMMENT 'text', n BIGINT NOT NULL, r ROW<a INT, b STRING>, " \
    "l ARRAY<INT>, e ARRAY<ROW<x INT>>, PRIMARY KEY (k, p) NOT ENFORCED) PARTITIONED BY (p) WITH ('bucket' = '1'"

static struct pfs_schema newest(struct pfs_arena *arena)
{
    struct pfs_schema schema;
    int64_t id;

    assert_int_equal(pfs_schema_latest_id(q.memory, "d.db/t", &id, NULL), 0);
    assert_int_equal(pfs_schema_load(q.memory, "d.db/t", id, arena, &schema, NULL), 0);
    return schema;
}

/* "k0 p1 v2 ...": names with ids, types where they are asked for. */
static void describe(const struct pfs_field *f, int32_t count, struct pfs_buf *out)
{
    for (int32_t i = 0; i < count; i++) {
        const struct pfs_type *t = &f[i].type;

        pfs_buf_printf(out, "%s%s%d", i == 0 ? "" : " ", f[i].name, f[i].id);
        while (t->kind == PFS_ARRAY || t->kind == PFS_MAP)
            t = &t->child[t->children - 1].type;
        if (t->kind == PFS_ROW) {
            pfs_buf_putc(out, '<');
            describe(t->child, t->children, out);
            pfs_buf_putc(out, '>');
        }
    }
}

static void columns_and_ids_change_as_paimons_do(void **state)
{
    static const struct {
        const char *words, *columns;
        int32_t highest;
    } cases[] = {
        {"ADD c INT", "k0 p1 v2 s3 n4 r5<a6 b7> l8 e9<x10> c11", 11},
        {"ADD (c ROW<y INT, z ROW<w INT>> FIRST, f INT AFTER k)",
         "c11<y12 z14<w13>> k0 f15 p1 v2 s3 n4 r5<a6 b7> l8 e9<x10>", 15},
        {"ADD COLUMNS r.c INT AFTER a, e.element.y INT FIRST", "k0 p1 v2 s3 n4 r5<a6 c11 b7> l8 e9<y12 x10>", 12},
        {"DROP (v, s)", "k0 p1 n4 r5<a6 b7> l8 e9<x10>", 10},
        {"DROP COLUMN IF EXISTS zz, r.a", "k0 p1 v2 s3 n4 r5<b7> l8 e9<x10>", 10},
        {"RENAME k TO kk", "kk0 p1 v2 s3 n4 r5<a6 b7> l8 e9<x10>", 10},
        {"RENAME COLUMN r.a TO `c d`", "k0 p1 v2 s3 n4 r5<c d6 b7> l8 e9<x10>", 10},
        {"ALTER COLUMN n AFTER k", "k0 n4 p1 v2 s3 r5<a6 b7> l8 e9<x10>", 10},
        {"ALTER COLUMN n FIRST", "n4 k0 p1 v2 s3 r5<a6 b7> l8 e9<x10>", 10},
        {"MODIFY (v BIGINT AFTER n)", "k0 p1 s3 n4 v2 r5<a6 b7> l8 e9<x10>", 10},
        {"MODIFY r ROW<c ROW<d INT>, b STRING>", "k0 p1 v2 s3 n4 r5<c11<d12> b7> l8 e9<x10>", 12},
        {"MODIFY e ARRAY<ROW<x BIGINT, y INT>>", "k0 p1 v2 s3 n4 r5<a6 b7> l8 e9<x10 y11>", 11},
        {"CHANGE COLUMN v v BIGINT COMMENT 'x' FIRST", "v2 k0 p1 s3 n4 r5<a6 b7> l8 e9<x10>", 10},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_arena arena;
        struct pfs_schema schema;
        struct pfs_buf text = {0};
        char sql[512];

        run_sql("DROP TABLE IF EXISTS d.t; " TABLE ");");
        snprintf(sql, sizeof(sql), "ALTER TABLE d.t %s;", cases[i].words);
        run_sql(sql);
        pfs_arena_init(&arena, 1 << 20);
        schema = newest(&arena);
        describe(schema.field, schema.columns, &text);
        pfs_buf_putc(&text, 0);
        assert_int_equal(schema.id, 1);
        CHECK((const char *)text.at, strcmp((const char *)text.at, cases[i].columns) == 0);
        assert_int_equal(schema.highest_field_id, cases[i].highest);
        pfs_buf_done(&text);
        pfs_arena_done(&arena);
    }
}

static void types_comments_and_defaults_change(void **state)
{
    struct pfs_arena arena;
    struct pfs_schema schema;

    (void)state;
    run_sql(TABLE "); ALTER TABLE d.t ALTER COLUMN n TYPE STRING; ALTER TABLE d.t MODIFY v BIGINT COMMENT 'x';"
                  "ALTER TABLE d.t MODIFY s STRING; ALTER TABLE d.t ALTER COLUMN l.element TYPE DOUBLE;"
                  "ALTER TABLE d.t ALTER COLUMN v SET DEFAULT 7; ALTER TABLE d.t SET ('comment' = 'it');");
    pfs_arena_init(&arena, 1 << 20);
    schema = newest(&arena);
    assert_int_equal(schema.field[4].type.kind, PFS_VARCHAR);
    assert_false(schema.field[4].type.nullable); /* Spark's TYPE keeps it */
    assert_int_equal(schema.field[2].type.kind, PFS_BIGINT);
    assert_string_equal(schema.field[2].comment, "x");
    assert_string_equal(schema.field[2].default_value, "7");
    assert_string_equal(schema.field[3].comment, "text"); /* MODIFY without COMMENT keeps it */
    assert_int_equal(schema.field[6].type.child[0].type.kind, PFS_DOUBLE);
    assert_string_equal(schema.comment, "it");
    run_sql("ALTER TABLE d.t MODIFY n STRING; ALTER TABLE d.t ALTER COLUMN v DROP DEFAULT; ALTER TABLE d.t RESET "
            "('comment');");
    schema = newest(&arena);
    assert_true(schema.field[4].type.nullable);
    assert_null(schema.field[2].default_value);
    assert_null(schema.comment);
    pfs_arena_done(&arena);
}

static void options_that_name_a_column_are_renamed_with_it(void **state)
{
    static const struct {
        const char *options, *words, *key, *value;
    } cases[] = {
        {"'bucket-key' = 'k'", "RENAME k TO w", "bucket-key", "w"},
        {"'sequence.field' = 'n,v'", "RENAME v TO w", "sequence.field", "n,w"},
        {"'merge-engine' = 'aggregation', 'fields.v.aggregate-function' = 'sum'", "RENAME v TO w",
         "fields.w.aggregate-function", "sum"},
        {"'merge-engine' = 'partial-update', 'fields.v,n.sequence-group' = 's'", "RENAME n TO w",
         "fields.v,w.sequence-group", "s"},
        {"'merge-engine' = 'partial-update', 'fields.v,n.sequence-group' = 's'", "RENAME s TO w",
         "fields.v,n.sequence-group", "w"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_arena arena;
        struct pfs_schema schema;
        const char *value;
        char sql[1024];

        snprintf(sql, sizeof(sql), "DROP TABLE IF EXISTS d.t; " TABLE ", %s); ALTER TABLE d.t %s;", cases[i].options,
                 cases[i].words);
        run_sql(sql);
        pfs_arena_init(&arena, 1 << 20);
        schema = newest(&arena);
        value = pfs_options_get(&schema.options, cases[i].key);
        CHECK(cases[i].key, value != NULL && strcmp(value, cases[i].value) == 0);
        pfs_arena_done(&arena);
    }
}

static void what_paimon_refuses_is_refused_in_its_words(void **state)
{
    static const struct {
        const char *words, *sentence;
    } cases[] = {
        {"ADD v INT", "Column v already exists in the d.t table."},
        {"ADD c INT NOT NULL", "Column c cannot specify NOT NULL in the d.t table."},
        {"ADD COLUMN v.c INT", "v is no ROW that a column can be added to"},
        {"ADD c INT DEFAULT 1", "Cannot add column c with default value"},
        {"ADD c INT AFTER zz", "Column zz does not exist in the d.t table."},
        {"ADD _KEY_x INT", "Field name[_KEY_x] in schema cannot start with [_KEY_]"},
        {"DROP k", "Cannot drop partition key or primary key: [k]"},
        {"DROP COLUMNS r.a, r.b", "Cannot drop all fields in table"},
        {"DROP COLUMN l.element", "l.element is a part of a type and no column"},
        {"DROP COLUMN zz.a", "Column zz does not exist in the d.t table."},
        {"RENAME p TO q", "Cannot rename partition column: [p]"},
        {"RENAME COLUMN r.a TO b", "Column r.b already exists in the d.t table."},
        {"ALTER COLUMN k TYPE BIGINT", "Cannot update primary key"},
        {"ALTER COLUMN p TYPE INT", "Cannot update partition column: [p]"},
        {"ALTER COLUMN v TYPE DATE", "Column type v[INT] cannot be converted to DATE without loosing information."},
        {"ALTER COLUMN v SET NOT NULL", "Cannot update column type from nullable to non nullable for v."},
        {"ALTER COLUMN k DROP NOT NULL", "Cannot change nullability of primary key"},
        {"ALTER COLUMN v SET DEFAULT 'abc'", "Unsupported default value `abc` for type INT"},
        {"ALTER COLUMN v AFTER v", "Cannot move itself for column v"},
        {"MODIFY l MAP<INT, INT>", "Column l can only be updated to array type"},
        {"MODIFY r ROW<b STRING, a INT>", "Order of existing fields in column r must be kept the same."},
        {"CHANGE COLUMN v w INT", "v is renamed to w by RENAME COLUMN"},
        {"ADD PRIMARY KEY (v) NOT ENFORCED", "Altering primary key is not supported yet."},
        {"SET ('bucket' = '0')", "The number of buckets needs to be greater than 0."},
        {"SET ('path' = '/tmp')", "Change path is not supported yet."},
        {"SET ('scan.fallback-branch' = 'b')",
         "Cannot set 'scan.fallback-branch' = 'b' because the branch 'b' does not exist."},
        {"SET ('sequence.field' = 'zz')", "Sequence field: 'zz' can not be found in table schema."},
        {"SET ('snapshot.num-retained.min' = 'abc')",
         "Could not parse value 'abc' for key 'snapshot.num-retained.min'"},
    };

    (void)state;
    run_sql(TABLE ");");
    for (size_t i = 0; i < COUNT(cases); i++) {
        char sql[512];

        snprintf(sql, sizeof(sql), "ALTER TABLE d.t %s;", cases[i].words);
        refused(sql, EINVAL, cases[i].sentence);
    }
    assert_false(there("d.db/t/schema/schema-1"));
    refused("ALTER TABLE d.zz ADD c INT;", ENOENT, "Table d.zz does not exist.");
    run_sql("ALTER TABLE IF EXISTS d.zz ADD c INT;");
}

static void some_options_stay_once_there_is_a_snapshot(void **state)
{
    static const struct {
        const char *words, *sentence;
    } cases[] = {
        {"SET ('merge-engine' = 'deduplicate')", "Change 'merge-engine' is not supported yet."},
        {"RESET ('bucket')", "Cannot reset bucket."},
        {"SET ('bucket' = '-1')", "Cannot change bucket to -1."},
        {"SET ('ignore-delete' = 'false')", "Cannot change ignore-delete from true to false."},
        {"SET ('deletion-vectors.enabled' = 'true')", "Cannot change deletion vectors mode from false to true."},
        {"DROP PRIMARY KEY", "Cannot drop primary keys on a non-empty table."},
    };

    (void)state;
    run_sql(TABLE ", 'ignore-delete' = 'true'); ALTER TABLE d.t SET ('merge-engine' = 'deduplicate');"
                  "TRUNCATE TABLE d.t;");
    for (size_t i = 0; i < COUNT(cases); i++) {
        char sql[512];

        snprintf(sql, sizeof(sql), "ALTER TABLE d.t %s;", cases[i].words);
        refused(sql, EINVAL, cases[i].sentence);
    }
    run_sql("ALTER TABLE d.t SET ('bucket' = '4', 'any.thing' = 'at all'); ALTER TABLE d.t RESET ('ignore-delete');");
}

/* Somebody publishes schema-1 between our look and our rename. */
static void publish_first(void *context, const char *op, const char *path)
{
    static const char name[] = "/schema/schema-1";
    struct pfs_arena arena;
    struct pfs_schema schema;
    int *times = context;
    size_t len = strlen(path);

    if (strcmp(op, "rename") != 0 || len < sizeof(name) || strcmp(path + len - sizeof(name) + 1, name) != 0 ||
        (*times)++ > 0)
        return;
    pfs_arena_init(&arena, 1 << 20);
    assert_int_equal(pfs_schema_load(q.memory, "d.db/t", 0, &arena, &schema, NULL), 0);
    schema.id = 1;
    schema.comment = "theirs";
    assert_int_equal(pfs_schema_publish(q.memory, "d.db/t", &schema, NULL), 0);
    pfs_arena_done(&arena);
}

static void a_change_that_comes_second_is_made_to_the_first(void **state)
{
    struct pfs_arena arena;
    struct pfs_schema schema;
    int times = 0;

    (void)state;
    run_sql(TABLE ");");
    q.fault.each = publish_first;
    q.fault.context = &times;
    run_sql("ALTER TABLE d.t ADD c INT;");
    q.fault.each = NULL;
    assert_true(times > 0);
    pfs_arena_init(&arena, 1 << 20);
    schema = newest(&arena);
    assert_int_equal(schema.id, 2);
    assert_string_equal(schema.comment, "theirs");
    assert_int_equal(schema.columns, 9);
    pfs_arena_done(&arena);
}

static void a_failing_store_leaves_the_old_schema_or_the_new_one(void **state)
{
    (void)state;
    run_sql(TABLE ");");
    for (int64_t n = 1;; n++) {
        struct pfs_arena arena;
        struct pfs_schema schema;
        int rc;

        q.fault.calls = 0;
        q.fault.fail_at = n;
        q.fault.fail_errno = EIO;
        rc = try_sql("ALTER TABLE d.t ADD c INT;");
        q.fault.fail_at = 0;
        pfs_arena_init(&arena, 1 << 20);
        schema = newest(&arena);
        assert_int_equal(schema.columns, schema.id == 0 ? 8 : 9);
        pfs_arena_done(&arena);
        if (rc == 0)
            break;
        assert_true(q.err.text[0] != '\0');
        if (schema.id == 1) /* published, and the sync after it failed: as good as new */
            run_sql("DROP TABLE d.t; " TABLE ");");
    }
}

static void what_no_engine_takes_is_refused_when_a_table_is_made(void **state)
{
    static const struct {
        const char *options, *sentence;
    } cases[] = {
        {"'fields.g.sequence-group' = 'a', 'fields.h.sequence-group' = 'b,a'",
         "Field a is defined repeatedly by multiple groups: fields.h.sequence-group"},
        {"'fields.g.sequence-group' = 'a, b'", "Field  b can not be found in table schema"},
        {"'fields.a.aggregate-function' = 'sum'", "Must use sequence group for aggregation functions but not found"},
        {"'fields.default-aggregate-function' = 'last_value'", "Must use sequence group for aggregation functions"},
        {"'fields.g.sequence-group' = 'a', 'fields.a.aggregate-function' = 'count'",
         "Could not find any factory for identifier 'count'"},
        {"'ignore-delete' = 'true', 'partial-update.remove-record-on-delete' = 'true'",
         "ignore-delete and partial-update.remove-record-on-delete have conflicting behavior"},
        {"'fields.g.sequence-group' = 'a', 'partial-update.remove-record-on-delete' = 'true'",
         "sequence-group and partial-update.remove-record-on-delete have conflicting behavior"},
        {"'partial-update.remove-record-on-sequence-group' = 'g', 'partial-update.ignore-delete' = 'true'",
         "ignore-delete and partial-update.remove-record-on-sequence-group have conflicting behavior"},
        {"'fields.g.sequence-group' = 'a', 'partial-update.remove-record-on-sequence-group' = 'g,h'",
         "field 'g,h' defined in 'partial-update.remove-record-on-sequence-group' option must be part of sequence "
         "groups"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char sql[512];

        (void)snprintf(sql, sizeof(sql),
                       "CREATE TABLE d.made (k INT, a INT, b INT, g INT, h INT, PRIMARY KEY (k) NOT ENFORCED) WITH "
                       "('merge-engine' = 'partial-update', %s);",
                       cases[i].options);
        refused(sql, EINVAL, cases[i].sentence);
    }
    run_sql("CREATE TABLE d.made (k INT, a INT, g INT, PRIMARY KEY (k) NOT ENFORCED) WITH ('merge-engine' = "
            "'partial-update', 'fields.g.sequence-group' = 'a', 'fields.a.aggregate-function' = 'sum');");
    refused("ALTER TABLE d.made SET ('fields.a.aggregate-function' = 'none');", EINVAL, "identifier 'none'");
    run_sql("CREATE TABLE d.sums (k INT, a STRING, PRIMARY KEY (k) NOT ENFORCED) WITH ('merge-engine' = 'aggregation', "
            "'fields.a.aggregate-function' = 'sum');"); /* types are looked at by those who write */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_no_engine_takes_is_refused_when_a_table_is_made, open_warehouse,
                                        close_warehouse),
        cmocka_unit_test_setup_teardown(columns_and_ids_change_as_paimons_do, open_warehouse, close_warehouse),
        cmocka_unit_test_setup_teardown(types_comments_and_defaults_change, open_warehouse, close_warehouse),
        cmocka_unit_test_setup_teardown(options_that_name_a_column_are_renamed_with_it, open_warehouse,
                                        close_warehouse),
        cmocka_unit_test_setup_teardown(what_paimon_refuses_is_refused_in_its_words, open_warehouse, close_warehouse),
        cmocka_unit_test_setup_teardown(some_options_stay_once_there_is_a_snapshot, open_warehouse, close_warehouse),
        cmocka_unit_test_setup_teardown(a_change_that_comes_second_is_made_to_the_first, open_warehouse,
                                        close_warehouse),
        cmocka_unit_test_setup_teardown(a_failing_store_leaves_the_old_schema_or_the_new_one, open_warehouse,
                                        close_warehouse),
    };

    return cmocka_run_group_tests_name("sql/alter", tests, NULL, NULL);
}
