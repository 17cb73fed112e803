/* engine_test.c - what is left of the records of one key, for each engine: the examples of Paimon, record by record. */
#include "src/merge/engine.h"

#include <errno.h>
#include <stdio.h>

#include "base/mem.h"
#include "tests/unit/merge/rows.h"

struct step {
    const char *row, *after; /* the state after the row: a row; "error: words of the sentence"; NULL: not looked at */
};

struct sequence {
    const char *what, *columns, *options;
    struct step step[10];
};

/* Merges the first `count` rows, each a source of its own, and compares. */
static void check_prefix(struct rows_table *t, const struct sequence *s, const struct pfs_batch *row, int32_t count,
                         const char *after)
{
    const struct pfs_batch *source[10];
    struct pfs_record record[10];
    int64_t start[2] = {0, count};
    struct pfs_groups groups = {source, count, 1, start, record, NULL, false, false};
    struct pfs_batch got, want;
    int rc;

    for (int32_t i = 0; i < count; i++) {
        source[i] = &row[i];
        record[i] = (struct pfs_record){i, 0};
    }
    rc = pfs_engine_merge(t->engine, &groups, t->arena, &got, &t->err);
    if (strncmp(after, "error: ", 7) == 0) {
        if (rc != -EINVAL || strstr(t->err.text, after + 7) == NULL)
            fail_msg("%s: after row %d: %d \"%s\", not \"%s\"", s->what, count, rc, t->err.text, after + 7);
        return;
    }
    if (rc != 0)
        fail_msg("%s: after row %d: %s", s->what, count, t->err.text);
    want = rows_batch(t, &after, 1, 0);
    CHECK(s->what, got.rows == 1 && got.columns == want.columns);
    if (!rows_same(&got, 0, &want, 0))
        fail_msg("%s: after row %d it is not %s", s->what, count, after);
}

static void check_sequence(const struct sequence *s)
{
    struct pfs_arena arena;
    struct rows_table t;
    struct pfs_batch row[10];

    pfs_arena_init(&arena, 0);
    if (rows_table(&t, &arena, s->columns, 1, s->options) < 0)
        fail_msg("%s: %s", s->what, t.err.text);
    for (int32_t i = 0; i < (int32_t)COUNT(s->step) && s->step[i].row != NULL; i++) {
        row[i] = rows_batch(&t, &s->step[i].row, 1, i);
        if (s->step[i].after != NULL)
            check_prefix(&t, s, row, i + 1, s->step[i].after);
    }
    pfs_engine_close(t.engine);
    pfs_arena_done(&arena);
}

#define KAB "k INT; a INT; b INT"
#define RANKED "k INT; s INT; s2 INT; v STRING"
#define GROUPED "k INT; a INT; b INT; g1 INT; c INT; d INT; g2 INT; x INT"

static const struct sequence selecting[] = {
    {"the newest record wins with its nulls",
     KAB,
     "",
     {{"+I 1 1 1", "+I 1 1 1"}, {"+U 1 null 2", "+U 1 null 2"}, {"-D 1 3 3", "-D 1 3 3"}, {"+I 1 4 4", "+I 1 4 4"}}},
    {"an update before deletes", KAB, "", {{"+I 1 1 1", NULL}, {"-U 1 9 9", "-U 1 9 9"}}},
    {"deduplicate skips ignored deletes of old files",
     KAB,
     "ignore-delete=true",
     {{"+I 1 1 1", NULL}, {"-D 1 2 2", "+I 1 1 1"}, {"-U 1 3 3", "+I 1 1 1"}, {"+U 1 4 4", "+U 1 4 4"}}},
    {"the fallback key of ignore-delete counts",
     KAB,
     "deduplicate.ignore-delete=true",
     {{"+I 1 1 1", NULL}, {"-D 1 2 2", "+I 1 1 1"}}},
    {"first-row keeps the oldest",
     KAB,
     "merge-engine=first-row",
     {{"+U 1 1 null", "+U 1 1 null"}, {"+I 1 2 2", "+U 1 1 null"}, {"+U 1 3 3", "+U 1 1 null"}}},
    {"first-row refuses a delete that merges",
     KAB,
     "merge-engine=first-row",
     {{"-D 1 1 1", "-D 1 1 1"}, {"+I 1 2 2", "error: First row merge engine can not accept DELETE/UPDATE_BEFORE"}}},
    {"first-row skips ignored deletes",
     KAB,
     "merge-engine=first-row; first-row.ignore-delete=true",
     {{"-D 1 1 1", NULL}, {"+I 1 2 2", "+I 1 2 2"}, {"-U 1 3 3", "+I 1 2 2"}, {"+I 1 4 4", "+I 1 2 2"}}},
};

static const struct sequence ordering[] = {
    {"sequence fields from left to right, NULL the smallest",
     RANKED,
     "sequence.field=s,s2",
     {{"+I 1 5 1 five", "+I 1 5 1 five"},
      {"+I 1 3 9 three", "+I 1 5 1 five"},
      {"+I 1 5 0 five0", "+I 1 5 1 five"},
      {"+I 1 5 1 tie", "+I 1 5 1 tie"},
      {"+I 1 null 100 n", "+I 1 5 1 tie"},
      {"-D 1 4 0 x", "+I 1 5 1 tie"},
      {"-D 1 5 1 x", "-D 1 5 1 x"},
      {"+I 1 6 null a", "+I 1 6 null a"},
      {"+I 1 6 -5 b", "+I 1 6 -5 b"}}},
    {"descending: the smaller one is newer and NULL still loses",
     RANKED,
     "sequence.field=s; sequence.field.sort-order=descending",
     {{"+I 1 5 0 five", NULL},
      {"+I 1 7 0 seven", "+I 1 5 0 five"},
      {"+I 1 null 0 none", "+I 1 5 0 five"},
      {"+I 1 3 0 three", "+I 1 3 0 three"},
      {"+I 1 3 0 again", "+I 1 3 0 again"}}},
    {"zeros are the same, and what is no number is as old as any",
     "k INT; s DOUBLE; v STRING",
     "sequence.field=s",
     {{"+I 1 0.0 a", "+I 1 0.0 a"},
      {"+I 1 -0.0 b", "+I 1 -0.0 b"},
      {"+I 1 NaN c", "+I 1 NaN c"},
      {"+I 1 0.0 d", "+I 1 0.0 d"},
      {"+I 1 -1.0 e", NULL}}},
    {"so it is in a group",
     "k INT; s FLOAT; v STRING",
     "merge-engine=partial-update; fields.s.sequence-group=v",
     {{"+I 1 0.0 a", "+I 1 0.0 a"},
      {"+I 1 -0.0 b", "+I 1 -0.0 b"},
      {"+I 1 NaN c", "+I 1 NaN c"},
      {"+I 1 0.5 d", "+I 1 0.5 d"},
      {"+I 1 0.0 e", "+I 1 0.5 d"}}},
    {"text sequences compare as unsigned bytes",
     "k INT; s STRING; v INT",
     "sequence.field=s",
     {{"+I 1 b 1", NULL}, {"+I 1 abc 2", "+I 1 b 1"}, {"+I 1 \xc3\xa4 3", "+I 1 \xc3\xa4 3"}}},
    {"an older record still fills nulls of partial-update",
     "k INT; s INT; a INT; b INT",
     "merge-engine=partial-update; sequence.field=s",
     {{"+I 1 5 50 null", NULL}, {"+I 1 3 30 31", "+I 1 5 50 31"}}},
    {"aggregation feeds records by their sequence field",
     "k INT; s INT; f INT; l INT",
     "merge-engine=aggregation; sequence.field=s; fields.f.aggregate-function=first_value; "
     "fields.l.aggregate-function=last_value",
     {{"+I 1 5 50 50", NULL}, {"+I 1 3 30 30", "+I 1 5 30 50"}, {"+I 1 null 99 99", "+I 1 5 99 50"}}},
};

static const struct sequence partial[] = {
    {"values that are not null overwrite",
     KAB,
     "merge-engine=partial-update",
     {{"+U 1 1 null", "+U 1 1 null"}, {"+I 1 null 2", "+I 1 1 2"}, {"+U 1 3 null", "+I 1 3 2"}}},
    {"a delete is refused when it merges, and only then",
     KAB,
     "merge-engine=partial-update",
     {{"-D 1 1 1", "-D 1 1 1"}, {"+I 1 2 2", "error: By default, Partial update can not accept delete records"}}},
    {"an update before is refused too",
     KAB,
     "merge-engine=partial-update",
     {{"+I 1 1 1", NULL}, {"-U 1 2 2", "error: By default, Partial update can not accept delete records"}}},
    {"an ignored delete fills the row only when it is the first",
     KAB,
     "merge-engine=partial-update; ignore-delete=true",
     {{"-D 1 5 6", NULL}, {"-D 1 7 8", "-D 1 5 6"}, {"+I 1 null 9", "+I 1 5 9"}, {"-D 1 7 8", "+I 1 5 9"}}},
    {"a removing delete leaves its values for the next add",
     KAB,
     "merge-engine=partial-update; partial-update.remove-record-on-delete=true",
     {{"+I 1 1 1", NULL}, {"-D 1 5 6", "-D 1 5 6"}, {"+I 1 null 9", "+I 1 5 9"}}},
    {"an update before clears the mark of a removing delete",
     KAB,
     "merge-engine=partial-update; partial-update.remove-record-on-delete=true",
     {{"+I 1 1 1", NULL}, {"-U 1 2 2", "+I 1 1 1"}, {"-D 1 3 3", "-D 1 3 3"}, {"-U 1 4 4", "+I 1 3 3"}}},
    {"NOT NULL columns refuse null",
     "k INT; a INT NOT NULL; b INT",
     "merge-engine=partial-update",
     {{"+I 1 1 1", NULL}, {"+I 1 null 2", "error: Field 1 can not be null"}}},
    {"values of all kinds are moved",
     "k INT; a STRING; b DECIMAL(20, 2); c TIMESTAMP(9); d DOUBLE; e BOOLEAN; f FLOAT; g SMALLINT",
     "merge-engine=partial-update",
     {{"+I 1 one 1.25 1000+5 0.5 1 1.5 null", NULL},
      {"+I 1 null null null null null null 7", "+I 1 one 1.25 1000+5 0.5 1 1.5 7"},
      {"+I 1 '' 2.00 2000+6 -0.5 0 2.5 null", "+I 1 '' 2.00 2000+6 -0.5 0 2.5 7"}}},
};

static const struct sequence groups_of_columns[] = {
    {"two sequence groups",
     GROUPED,
     "merge-engine=partial-update; fields.g1.sequence-group=a,b; fields.g2.sequence-group=c,d",
     {{"+I 1 1 1 1 1 1 1 1", NULL},
      {"+I 1 2 2 2 2 2 null 2", "+I 1 2 2 2 1 1 1 2"},
      {"+I 1 3 3 1 3 3 3 null", "+I 1 2 2 2 3 3 3 2"},
      {"+I 1 null 9 3 null null 3 5", "+I 1 null 9 3 null null 3 5"},
      {"-D 1 7 7 4 7 7 1 7", "+I 1 null null 4 null null 3 5"},
      {"-D 1 7 7 null 7 7 null 7", "+I 1 null null 4 null null 3 5"},
      {"-U 1 7 7 9 7 7 null 7", "+I 1 null null 9 null null 3 5"}}},
    {"the row that a first delete fills is seen later",
     GROUPED,
     "merge-engine=partial-update; fields.g1.sequence-group=a,b; fields.g2.sequence-group=c,d",
     {{"-D 4 7 7 10 7 7 10 7", NULL}, {"+I 4 1 1 5 1 1 11 null", "+I 4 null null 10 1 1 11 7"}}},
    {"a delete alone in a group of one table gives no row",
     GROUPED,
     "merge-engine=partial-update; fields.g1.sequence-group=a,b; fields.g2.sequence-group=c,d",
     {{"-D 4 7 7 10 7 7 10 7", NULL}, {"-D 4 8 8 11 8 8 null 8", "-D 4 null null 11 null null 10 7"}}},
    {"sequences of two columns",
     "k INT; g1 INT; g2 INT; a INT",
     "merge-engine=partial-update; fields.g1,g2.sequence-group=a",
     {{"+I 1 1 1 10", NULL},
      {"+I 1 1 0 20", "+I 1 1 1 10"},
      {"+I 1 1 null 30", "+I 1 1 1 10"},
      {"+I 1 2 null 40", "+I 1 2 null 40"},
      {"+I 1 null 9 50", "+I 1 2 null 40"},
      {"+I 1 2 1 60", "+I 1 2 1 60"},
      {"+I 1 null null 70", "+I 1 2 1 60"}}},
    {"an old record is folded in before the others",
     "k INT; g INT; a INT; b STRING; m INT; f INT; l INT",
     "merge-engine=partial-update; fields.g.sequence-group=a,b,m,f,l; fields.a.aggregate-function=sum; "
     "fields.b.aggregate-function=listagg; fields.m.aggregate-function=max; fields.f.aggregate-function=first_value; "
     "fields.l.aggregate-function=last_value",
     {{"+I 1 1 1 a 5 1 1", NULL},
      {"+I 1 3 2 b 4 2 2", "+I 1 3 3 a,b 5 1 2"},
      {"+I 1 2 4 c 9 3 3", "+I 1 3 7 c,a,b 9 3 2"},
      {"+I 1 null 100 z 100 100 100", "+I 1 3 7 c,a,b 9 3 2"}}},
    {"first_non_null_value and last_non_null_value of old records",
     "k INT; g INT; f INT; l INT",
     "merge-engine=partial-update; fields.g.sequence-group=f,l; fields.f.aggregate-function=first_non_null_value; "
     "fields.l.aggregate-function=last_non_null_value",
     {{"+I 1 5 null null", NULL},
      {"+I 1 4 1 1", "+I 1 5 1 1"},
      {"+I 1 3 null 2", "+I 1 5 1 1"},
      {"+I 1 6 7 8", "+I 1 6 1 8"}}},
    {"retracts reach functions whatever their sequence",
     "k INT; g INT; a INT; c INT; n INT; p INT",
     "merge-engine=partial-update; fields.g.sequence-group=a,c,n,p; fields.a.aggregate-function=sum; "
     "fields.c.aggregate-function=last_value; fields.n.aggregate-function=last_non_null_value",
     {{"+I 1 5 30 1 1 1", NULL},
      {"-D 1 4 3 9 9 9", "+I 1 5 27 null null 1"},
      {"-U 1 null 3 9 9 9", "+I 1 5 27 null null 1"},
      {"-U 1 5 7 9 9 9", "+I 1 5 20 null null null"}}},
    {"a delete removes the row by its sequence group",
     "k INT; g INT; a INT; h INT; b INT",
     "merge-engine=partial-update; fields.g.sequence-group=a; fields.h.sequence-group=b; "
     "partial-update.remove-record-on-sequence-group=h",
     {{"+I 1 1 1 1 1", NULL},
      {"-D 1 null null 2 7", "-D 1 null null 2 7"},
      {"+I 1 2 2 null null", "+I 1 2 2 2 7"},
      {"-D 1 3 3 null 3", "+I 1 3 null 2 7"},
      {"-D 1 4 4 1 3", "+I 1 4 null 2 7"},
      {"-U 1 null null 3 3", "+I 1 4 null 3 null"},
      {"-D 1 null null 3 9", "-D 1 null null 3 9"}}},
    {"last_non_null_value needs no group",
     "k INT; g INT; a INT; b INT",
     "merge-engine=partial-update; fields.g.sequence-group=a; "
     "fields.default-aggregate-function=last_non_null_value",
     {{"+I 1 1 1 1", NULL}, {"+I 1 2 null null", "+I 1 2 1 1"}, {"+I 1 1 5 5", "+I 1 2 1 5"}}},
};

static const struct sequence aggregating[] = {
    {"every column has a function, last_non_null_value when none is named",
     KAB,
     "merge-engine=aggregation; fields.a.aggregate-function=sum",
     {{"+U 1 1 1", "+U 1 1 1"},
      {"+I 1 2 null", "+I 1 3 1"},
      {"-D 1 3 null", "+I 1 0 1"},
      {"-U 1 1 5", "+I 1 -1 null"}}},
    {"the default function holds for all but the key",
     KAB,
     "merge-engine=aggregation; fields.default-aggregate-function=sum; fields.k.aggregate-function=sum",
     {{"+I 1 1 1", NULL}, {"+I 1 2 3", "+I 1 3 4"}}},
    {"deletes alone leave a row",
     "k INT; a INT",
     "merge-engine=aggregation; fields.a.aggregate-function=sum",
     {{"-D 2 4", "-D 2 4"}, {"-D 2 5", "+I 2 -9"}, {"+I 2 6", "+I 2 -3"}}},
    {"a removing delete leaves its values for the next add",
     KAB,
     "merge-engine=aggregation; fields.default-aggregate-function=sum; aggregation.remove-record-on-delete=true",
     {{"+I 1 13 13", NULL}, {"-D 1 7 8", "-D 1 7 8"}, {"+I 1 1 1", "+I 1 8 9"}, {"-U 1 1 1", "+I 1 7 8"}}},
    {"a function that cannot retract says so",
     KAB,
     "merge-engine=aggregation; fields.a.aggregate-function=max",
     {{"+I 1 1 1", NULL}, {"-D 1 1 1", "error: Aggregate function 'max' does not support retraction"}}},
    {"retracts are ignored when told so",
     KAB,
     "merge-engine=aggregation; fields.a.aggregate-function=max; fields.a.ignore-retract=true",
     {{"+I 1 1 1", NULL}, {"-D 1 1 1", "+I 1 1 null"}}},
};

#define ALL(function) "merge-engine=aggregation; fields.default-aggregate-function=" function

static const struct sequence numbers[] = {
    {"sums of integers wrap around",
     "k INT; a TINYINT; b SMALLINT; c INT; d BIGINT",
     ALL("sum"),
     {{"+I 1 127 32767 2147483647 9223372036854775807", NULL},
      {"+I 1 1 1 1 1", "+I 1 -128 -32768 -2147483648 -9223372036854775808"},
      {"-D 1 1 1 1 1", "+I 1 127 32767 2147483647 9223372036854775807"},
      {"+I 1 null null null null", "+I 1 127 32767 2147483647 9223372036854775807"}}},
    {"what is taken from nothing is owed",
     "k INT; a INT; b DOUBLE; c DECIMAL(5, 2); d DECIMAL(20, 0)",
     ALL("sum"),
     {{"+I 1 null null null null", NULL}, {"-D 1 5 0.5 1.25 7", "+I 1 -5 -0.5 -1.25 -7"}}},
    {"each width adds in its own arithmetic, and a sum of more digits is NULL",
     "k INT; a FLOAT; b DOUBLE; c DECIMAL(5, 2); d DECIMAL(38, 0)",
     ALL("sum"),
     {{"+I 1 0.1 0.1 900.00 99999999999999999999999999999999999998", NULL},
      {"+I 1 0.2 0.2 99.99 1", "+I 1 0.3 0.30000000000000004 999.99 99999999999999999999999999999999999999"},
      {"+I 1 0.7 0 -0.01 1", "+I 1 1.0 0.30000000000000004 999.98 null"}}},
    {"products of integers wrap around, quotients are cut towards zero",
     "k INT; a TINYINT; b SMALLINT; c INT; d BIGINT",
     ALL("product"),
     {{"+I 1 100 -7 65536 7", NULL},
      {"+I 1 2 1 65536 -1", "+I 1 -56 -7 0 -7"},
      {"-D 1 3 2 5 2", "+I 1 -18 -3 0 -3"},
      {"-D 1 1 1 0 1", "error: by zero"}}},
    {"products of decimals round half up, and are NULL when they have more digits",
     "k INT; a DECIMAL(5, 2); b DECIMAL(20, 4); c DECIMAL(5, 2)",
     ALL("product"),
     {{"+I 1 1.25 -2.5000 999.99", NULL},
      {"+I 1 0.50 0.3333 1.01", NULL},
      {"+I 1 1.00 1.0000 null", "+I 1 0.63 -0.8333 null"}}},
    {"quotients of decimals end, and are rounded half up",
     "k INT; a DECIMAL(5, 2); b DECIMAL(20, 4); c DECIMAL(38, 2)",
     ALL("product"),
     {{"+I 1 0.63 -1.0000 300.00", NULL},
      {"-D 1 4.00 80.0000 0.03", "+I 1 0.16 -0.0125 10000.00"},
      {"-D 1 0.16 0.0005 1.00", "+I 1 1.00 -25.0000 10000.00"},
      {"-D 1 0.05 6.2500 null", "+I 1 20.00 -4.0000 10000.00"},
      {"-D 1 0.01 1.0000 1.00", "+I 1 null -4.0000 10000.00"},
      {"-D 1 1.00 3.0000 1.00", "error: Non-terminating decimal expansion"}}},
    {"a quotient of nothing is nothing",
     "k INT; a DECIMAL(5, 2); b DECIMAL(38, 0); c INT; d DOUBLE",
     ALL("product"),
     {{"+I 1 null null null null", NULL},
      {"-D 1 5.00 5 5 5.0", "+I 1 null null null null"},
      {"+I 1 2.00 2 2 2.0", "+I 1 2.00 2 2 2.0"}}},
    {"a sequence has no function",
     "k INT; g INT; a INT",
     "merge-engine=partial-update; fields.g.sequence-group=a; fields.default-aggregate-function=sum",
     {{"+I 1 1 1", NULL}, {"+I 1 2 2", "+I 1 2 3"}}},
    {"the greatest of each kind",
     "k INT; a TINYINT; b SMALLINT; c INT; d BIGINT; e FLOAT; f DOUBLE; g DECIMAL(5, 2); h DECIMAL(38, 0); i STRING",
     ALL("max") "; fields.k.aggregate-function=max",
     {{"+I 1 -2 -2 -2 -2 -2.5 -2.5 -2.50 -2 ab", NULL},
      {"+I 1 -1 -1 -1 -1 -1.5 -1.5 -1.50 -1 b", "+I 1 -1 -1 -1 -1 -1.5 -1.5 -1.50 -1 b"},
      {"+I 1 null null null null null null null null null", "+I 1 -1 -1 -1 -1 -1.5 -1.5 -1.50 -1 b"},
      {"+I 1 -3 -3 -3 -3 -3.5 -3.5 -3.50 -3 abc", "+I 1 -1 -1 -1 -1 -1.5 -1.5 -1.50 -1 b"}}},
    {"the least of each kind",
     "k INT; a TINYINT; b SMALLINT; c INT; d BIGINT; e FLOAT; f DOUBLE; g DECIMAL(5, 2); h DECIMAL(38, 0); i STRING",
     ALL("min"),
     {{"+I 1 -2 -2 -2 -2 -2.5 -2.5 -2.50 -2 ab", NULL},
      {"+I 1 -3 -3 -3 -3 -3.5 -3.5 -3.50 -3 a", "+I 1 -3 -3 -3 -3 -3.5 -3.5 -3.50 -3 a"},
      {"+I 1 null null null null null null null null null", "+I 1 -3 -3 -3 -3 -3.5 -3.5 -3.50 -3 a"},
      {"+I 1 -1 -1 -1 -1 1.5 1.5 1.50 1 b", "+I 1 -3 -3 -3 -3 -3.5 -3.5 -3.50 -3 a"}}},
    {"the greatest moment",
     "k INT; a DATE; b TIMESTAMP(3); c TIMESTAMP(9)",
     ALL("max"),
     {{"+I 1 -2 -2 5+1", NULL}, {"+I 1 -1 -1 5+2", "+I 1 -1 -1 5+2"}, {"+I 1 -3 -3 4+9", "+I 1 -1 -1 5+2"}}},
    {"kinds without an order are refused when two values meet",
     "k INT; a BOOLEAN",
     ALL("max"),
     {{"+I 1 1", NULL}, {"+I 1 null", "+I 1 1"}, {"+I 1 1", "error: Incomparable type"}}},
    {"truth",
     "k INT; a BOOLEAN; b BOOLEAN; c BOOLEAN; d BOOLEAN",
     ALL("bool_and") "; fields.c.aggregate-function=bool_or; fields.d.aggregate-function=bool_or",
     {{"+I 1 1 null 0 null", "+I 1 1 null 0 null"},
      {"+I 1 1 1 0 0", "+I 1 1 1 0 0"},
      {"+I 1 0 null 1 null", "+I 1 0 1 1 0"},
      {"+I 1 1 0 0 1", "+I 1 0 0 1 1"}}},
    {"the first and the last",
     "k INT; a INT; b INT; c INT; d INT",
     ALL("first_value") "; fields.b.aggregate-function=first_non_null_value; fields.c.aggregate-function=last_value; "
                        "fields.d.aggregate-function=last_non_null_value",
     {{"+I 1 null null 1 1", NULL}, {"+I 1 5 5 5 5", "+I 1 null 5 5 5"}, {"+I 1 6 6 null null", "+I 1 null 5 null 5"}}},
};

static void check_all(const struct sequence *s, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check_sequence(&s[i]);
}

static void deduplicate_and_first_row_select_a_record(void **state)
{
    (void)state;
    check_all(selecting, COUNT(selecting));
}

static void sequence_fields_decide_what_is_newest(void **state)
{
    (void)state;
    check_all(ordering, COUNT(ordering));
}

static void partial_update_overwrites_with_values_that_are_not_null(void **state)
{
    (void)state;
    check_all(partial, COUNT(partial));
}

static void sequence_groups_are_ordered_on_their_own(void **state)
{
    (void)state;
    check_all(groups_of_columns, COUNT(groups_of_columns));
}

static void aggregation_folds_every_record(void **state)
{
    (void)state;
    check_all(aggregating, COUNT(aggregating));
}

static void functions_hold_for_every_kind_of_number(void **state)
{
    (void)state;
    check_all(numbers, COUNT(numbers));
}

static void a_result_has_the_number_of_the_newest_record(void **state)
{
    static const char *const engines[] = {"merge-engine=deduplicate; sequence.field=a",
                                          "merge-engine=partial-update; sequence.field=a",
                                          "merge-engine=aggregation; sequence.field=a"};
    static const char *const rows[] = {"+I 1 2 2", "+I 1 3 3", "+I 1 1 1"};

    (void)state;
    for (size_t e = 0; e < COUNT(engines); e++) {
        struct pfs_arena arena;
        struct rows_table t;
        struct pfs_batch in, got;
        const struct pfs_batch *source = &in;
        struct pfs_record record[] = {{0, 0}, {0, 1}, {0, 2}};
        int64_t start[] = {0, 3};
        struct pfs_groups groups = {&source, 1, 1, start, record, NULL, false, false};

        pfs_arena_init(&arena, 0);
        assert_int_equal(rows_table(&t, &arena, KAB, 1, engines[e]), 0);
        in = rows_batch(&t, rows, 3, 100);
        assert_int_equal(pfs_engine_merge(t.engine, &groups, &arena, &got, &t.err), 0);
        CHECK(engines[e], ((const int64_t *)got.column[3].values)[0] == 101);
        pfs_engine_close(t.engine);
        pfs_arena_done(&arena);
    }
}

static void options_that_make_no_engine_are_refused(void **state)
{
    static const struct {
        const char *what, *options;
        int want;
        const char *words;
    } cases[] = {
        {"unknown function", "merge-engine=aggregation; fields.a.aggregate-function=count", -EINVAL,
         "identifier 'count'"},
        {"bitmaps of a number", "merge-engine=aggregation; fields.a.aggregate-function=rbm32", -EINVAL,
         "Data type for roaring bitmap column must be 'VarBinaryType' but was 'INT'."},
        {"sum of text", "merge-engine=aggregation; fields.s.aggregate-function=sum", -EINVAL,
         "Data type for sum column must be 'NumericType' but was 'STRING'."},
        {"listagg of a number", "merge-engine=aggregation; fields.a.aggregate-function=listagg", -EINVAL,
         "Data type for list agg column must be STRING"},
        {"bool_and of a number", "merge-engine=aggregation; fields.a.aggregate-function=bool_and", -EINVAL,
         "Data type for bool and column must be 'BooleanType' but was 'INT'."},
        {"a function without a group", "merge-engine=partial-update; fields.a.aggregate-function=sum", -EINVAL,
         "Must use sequence group for aggregation functions but not found for field a."},
        {"a default function without a group", "merge-engine=partial-update; fields.default-aggregate-function=sum",
         -EINVAL, "Must use sequence group"},
        {"removing and ignoring at once",
         "merge-engine=aggregation; aggregation.remove-record-on-delete=true; fields.a.ignore-retract=true", -EINVAL,
         "have conflicting behavior so should not be enabled at the same time."},
        {"a switch that is none", "ignore-delete=perhaps", -EINVAL, "perhaps"},
        {"an order that is none", "sequence.field=a; sequence.field.sort-order=sideways", -EINVAL, "sideways"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_arena arena;
        struct rows_table t;

        pfs_arena_init(&arena, 0);
        CHECK(cases[i].what, rows_table(&t, &arena, "k INT; a INT; s STRING", 1, cases[i].options) == cases[i].want);
        CHECK(cases[i].what, strstr(t.err.text, cases[i].words) != NULL);
        pfs_arena_done(&arena);
    }
}

#define PARTIAL "merge-engine=partial-update; "

static void options_that_contradict_each_other_make_no_table(void **state)
{
    static const struct {
        const char *options, *words; /* words NULL: they are taken */
    } cases[] = {
        {PARTIAL "fields.k.aggregate-function=sum; fields.a.aggregate-function=last_non_null_value", NULL},
        {PARTIAL "fields.default-aggregate-function=last_non_null_value", NULL},
        {PARTIAL "fields.a.aggregate-function=sum", "but not found for field a."},
        {PARTIAL "fields.g.sequence-group=a; fields.a.aggregate-function=sum; fields.g.aggregate-function=sum", NULL},
        {PARTIAL "fields.g.sequence-group=a; fields.b.aggregate-function=sum", "but not found for field b."},
        {PARTIAL "fields.g,h.sequence-group=a; fields.g.sequence-group=b", NULL},
        {PARTIAL "fields.g.sequence-group=a,nope", "Field nope can not be found in table schema"},
        {PARTIAL "fields.g.sequence-group=a; fields.h.sequence-group=b,a",
         "Field a is defined repeatedly by multiple groups: fields.h.sequence-group"},
        {PARTIAL "fields.g.sequence-group=a; fields.h.sequence-group=g", "Field g is defined repeatedly"},
        {PARTIAL "ignore-delete=true; partial-update.remove-record-on-delete=true",
         "ignore-delete and partial-update.remove-record-on-delete have"},
        {PARTIAL "ignore-delete=true; fields.g.sequence-group=a; partial-update.remove-record-on-sequence-group=g",
         "ignore-delete and partial-update.remove-record-on-sequence-group have"},
        {PARTIAL "fields.g.sequence-group=a; partial-update.remove-record-on-delete=true",
         "sequence-group and partial-update.remove-record-on-delete have"},
        {PARTIAL "fields.g.sequence-group=a; partial-update.remove-record-on-sequence-group=g", NULL},
        {PARTIAL "fields.g.sequence-group=a; partial-update.remove-record-on-sequence-group=g,a",
         "must be part of sequence groups"},
        {PARTIAL "fields.g.sequence-group=a; partial-update.remove-record-on-sequence-group=nope",
         "must be part of sequence groups"},
        {"merge-engine=aggregation; fields.a.aggregate-function=count", "identifier 'count'"},
        {"fields.a.aggregate-function=count; fields.g.sequence-group=nope", NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_arena arena;
        struct rows_table t;
        int rc;

        pfs_arena_init(&arena, 0);
        CHECK(cases[i].options, rows_schema(&t, &arena, "k INT; a INT; b INT; g INT; h INT", 1, cases[i].options) == 0);
        rc = pfs_engine_check(&t.schema, &t.err);
        CHECK(cases[i].options, rc == (cases[i].words == NULL ? 0 : -EINVAL));
        CHECK(cases[i].options, rc == 0 || strstr(t.err.text, cases[i].words) != NULL);
        pfs_arena_done(&arena);
    }
}

static void a_read_needs_keys_and_what_orders_its_columns(void **state)
{
    static const struct {
        const char *what, *options;
        int32_t wanted;
        const char *needs; /* a character a column of k a b g c h */
    } cases[] = {
        {"a column alone", "", 2, "x.x..."},
        {"sequence fields", "sequence.field=c,b", 1, "xxx.x."},
        {"the sequence of its group", "merge-engine=partial-update; fields.g,h.sequence-group=a,b", 1, "xx.x.x"},
        {"all columns of a sequence", "merge-engine=partial-update; fields.g,h.sequence-group=a,b", 5, "x..x.x"},
        {"no other group", "merge-engine=partial-update; fields.g.sequence-group=a; fields.h.sequence-group=c", 1,
         "xx.x.."},
        {"the group that removes rows",
         "merge-engine=partial-update; fields.g.sequence-group=a; fields.h.sequence-group=c; "
         "partial-update.remove-record-on-sequence-group=h",
         1, "xx.x.x"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_arena arena;
        struct rows_table t;
        bool needs[6];

        pfs_arena_init(&arena, 0);
        CHECK(cases[i].what,
              rows_schema(&t, &arena, "k INT; a INT; b INT; g INT; c INT; h INT", 1, cases[i].options) == 0);
        CHECK(cases[i].what, pfs_engine_needs(&t.schema, &cases[i].wanted, 1, needs, &t.err) == 0);
        for (int c = 0; c < 6; c++)
            CHECK(cases[i].what, needs[c] == (cases[i].needs[c] == 'x'));
        pfs_arena_done(&arena);
    }
}

#define LAST "merge-engine=aggregation; fields.default-aggregate-function=last_value"

/* Writers ask this of a table: a wrong no merges what must be written apart, or writes what can never be read. */
static void a_table_tells_what_its_merging_forgets_and_refuses(void **state)
{
    static const struct {
        const char *options;
        bool forgets;
        enum pfs_refusal refuses;
    } cases[] = {
        {"", false, PFS_REFUSES_NONE},
        {"merge-engine=first-row", false, PFS_REFUSES_RETRACTS},
        {"merge-engine=first-row; ignore-delete=true", false, PFS_REFUSES_NONE},
        {"merge-engine=partial-update", true, PFS_REFUSES_RETRACTS},
        {"merge-engine=partial-update; ignore-delete=true", true, PFS_REFUSES_NONE},
        {"merge-engine=partial-update; partial-update.remove-record-on-delete=true", true, PFS_REFUSES_NONE},
        {"merge-engine=partial-update; fields.g.sequence-group=a", true, PFS_REFUSES_NONE},
        {"merge-engine=partial-update; fields.g.sequence-group=a; fields.a.aggregate-function=min", true,
         PFS_REFUSES_RETRACTS},
        {"merge-engine=partial-update; felds.g.sequence-group=a", true, PFS_REFUSES_RETRACTS},
        {"merge-engine=partial-update; xfields.g.sequence-group=a", true, PFS_REFUSES_RETRACTS},
        {"merge-engine=partial-update; fieldsx.g.sequence-group=a", true, PFS_REFUSES_RETRACTS},
        {LAST, false, PFS_REFUSES_NONE},
        {LAST "; aggregation.remove-record-on-delete=true", true, PFS_REFUSES_NONE},
        {LAST "; fields.a.aggregate-function=sum", false, PFS_REFUSES_NONE},
        {LAST "; fields.a.aggregate-function=last_non_null_value", true, PFS_REFUSES_NONE},
        {LAST "; fields.a.aggregate-function=product", true, PFS_REFUSES_RETRACTS},
        {LAST "; fields.a.aggregate-function=product; fields.a.ignore-retract=true", false, PFS_REFUSES_NONE},
        {LAST "; fields.a.aggregate-function=max", false, PFS_REFUSES_RETRACTS},
        {LAST "; fields.a.aggregate-function=max; fields.a.ignore-retract=true", false, PFS_REFUSES_NONE},
        {LAST "; fields.b.aggregate-function=max", false, PFS_REFUSES_ANY},
        {LAST "; fields.l.aggregate-function=min; fields.l.ignore-retract=true", false, PFS_REFUSES_ANY},
        {LAST "; fields.l.aggregate-function=collect", true, PFS_REFUSES_NONE},
        {LAST "; fields.b.aggregate-function=max; fields.g.aggregate-function=max", false, PFS_REFUSES_ANY},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        enum pfs_refusal refuses;
        struct pfs_arena arena;
        struct rows_table t;
        bool forgets;

        pfs_arena_init(&arena, 0);
        CHECK(cases[i].options,
              rows_schema(&t, &arena, "k INT; a INT; b BOOLEAN; l ARRAY<INT>; g INT", 1, cases[i].options) == 0);
        CHECK(cases[i].options, pfs_engine_forgets(&t.schema, &forgets, &t.err) == 0);
        CHECK(cases[i].options, forgets == cases[i].forgets);
        CHECK(cases[i].options, pfs_engine_refuses(&t.schema, &refuses, &t.err) == 0);
        CHECK(cases[i].options, refuses == cases[i].refuses);
        pfs_arena_done(&arena);
    }
}

static void a_group_that_is_not_read_removes_nothing(void **state)
{
    static const int32_t read[] = {0, 1, 2}; /* k, g, a */
    static const char *const rows[] = {"+I 1 1 1 1 1", "-D 1 2 2 2 2"};
    struct pfs_arena arena;
    struct rows_table t;
    struct pfs_batch in, got;
    const struct pfs_batch *source = &in;
    struct pfs_column column[5];
    struct pfs_record record[] = {{0, 0}, {0, 1}};
    int64_t start[] = {0, 2};
    struct pfs_groups groups = {&source, 1, 1, start, record, NULL, false, false};
    struct pfs_engine *engine;

    (void)state;
    pfs_arena_init(&arena, 0);
    assert_int_equal(rows_schema(&t, &arena, "k INT; g INT; a INT; h INT; b INT", 1,
                                 "merge-engine=partial-update; fields.g.sequence-group=a; fields.h.sequence-group=b; "
                                 "partial-update.remove-record-on-sequence-group=h"),
                     0);
    in = rows_batch(&t, rows, 2, 0);
    column[0] = in.column[0];
    column[1] = in.column[1];
    column[2] = in.column[2];
    column[3] = in.column[5];
    column[4] = in.column[6];
    in = (struct pfs_batch){2, 5, column};
    assert_int_equal(pfs_engine_open(&t.schema, read, 3, &engine, &t.err), 0);
    assert_int_equal(pfs_engine_merge(engine, &groups, &arena, &got, &t.err), 0);
    assert_int_equal(((const int8_t *)got.column[4].values)[0], PFS_INSERT);
    assert_int_equal(((const int32_t *)got.column[1].values)[0], 2);
    assert_false(pfs_column_present(&got.column[2], 0));
    pfs_engine_close(engine);
    pfs_arena_done(&arena);
}

/* Options that cannot be looked up for want of memory are not options that are not set. */
static void an_engine_without_memory_is_no_other_engine(void **state)
{
    static const char *const rows[] = {"+I 1 2 2 2 2 2 2 2 2", "+I 1 5 5 5 5 5 5 5 5"};
    static const struct pfs_record record[] = {{0, 0}, {0, 1}};
    static const int64_t start[] = {0, 2};
    int opened = 0;

    (void)state;
    for (size_t pad = 1; pad < 200; pad++) {
        char name[200], columns[2000] = "k INT", options[4000] = "merge-engine=aggregation";

        memset(name, 'x', pad);
        name[pad] = '\0';
        for (int i = 0; i < 8; i++) {
            (void)snprintf(columns + strlen(columns), sizeof(columns) - strlen(columns), "; %s%d INT", name, i);
            (void)snprintf(options + strlen(options), sizeof(options) - strlen(options),
                           "; fields.%s%d.aggregate-function=sum", name, i);
        }
        for (int64_t n = 0; n < 4; n++) {
            struct pfs_engine *engine = NULL;
            struct pfs_arena arena;
            struct rows_table t;
            struct pfs_batch in, got;
            const struct pfs_batch *source[] = {&in};
            const struct pfs_groups groups = {source, 1, 1, start, record, NULL, false, false};
            int rc;

            pfs_arena_init(&arena, 0);
            assert_int_equal(rows_schema(&t, &arena, columns, 1, options), 0);
            for (int32_t i = 0; i < 9; i++)
                t.column[i] = i;
            in = rows_batch(&t, rows, 2, 0);
            pfs_mem_fail_after(n);
            rc = pfs_engine_open(&t.schema, t.column, 9, &engine, NULL);
            pfs_mem_fail_after(-1);
            assert_true(rc == 0 || rc == -ENOMEM);
            if (rc == 0) {
                opened++;
                assert_int_equal(pfs_engine_merge(engine, &groups, &arena, &got, NULL), 0);
                for (int32_t i = 1; i < 9; i++)
                    assert_int_equal(((const int32_t *)got.column[i].values)[0], 7);
                pfs_engine_close(engine);
            }
            pfs_arena_done(&arena);
        }
    }
    assert_true(opened > 0);
}

static void the_last_stage_drops_retracts_and_keeps_the_rest(void **state)
{
    static const char *const rows[] = {"+I 1 1 1", "-D 2 2 2", "+U 3 3 3", "-U 4 4 4", "+I 5 5 5"};
    static const char *const gone[] = {"-D 1 1 1", "-U 2 2 2"};
    struct pfs_arena arena;
    struct rows_table t;
    struct pfs_batch in, out;

    (void)state;
    pfs_arena_init(&arena, 0);
    assert_int_equal(rows_table(&t, &arena, KAB, 1, ""), 0);
    in = rows_batch(&t, rows, 5, 0);
    assert_int_equal(pfs_engine_drop_deletes(&in, &arena, &out, NULL), 0);
    assert_int_equal(out.rows, 3);
    for (int64_t i = 0; i < 3; i++)
        assert_true(rows_same(&in, 2 * i, &out, i));
    in = rows_batch(&t, gone, 2, 0);
    assert_int_equal(pfs_engine_drop_deletes(&in, &arena, &out, NULL), 0);
    assert_int_equal(out.rows, 0);
    pfs_engine_close(t.engine);
    pfs_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deduplicate_and_first_row_select_a_record),
        cmocka_unit_test(sequence_fields_decide_what_is_newest),
        cmocka_unit_test(partial_update_overwrites_with_values_that_are_not_null),
        cmocka_unit_test(sequence_groups_are_ordered_on_their_own),
        cmocka_unit_test(aggregation_folds_every_record),
        cmocka_unit_test(functions_hold_for_every_kind_of_number),
        cmocka_unit_test(a_result_has_the_number_of_the_newest_record),
        cmocka_unit_test(options_that_make_no_engine_are_refused),
        cmocka_unit_test(options_that_contradict_each_other_make_no_table),
        cmocka_unit_test(a_read_needs_keys_and_what_orders_its_columns),
        cmocka_unit_test(a_table_tells_what_its_merging_forgets_and_refuses),
        cmocka_unit_test(a_group_that_is_not_read_removes_nothing),
        cmocka_unit_test(an_engine_without_memory_is_no_other_engine),
        cmocka_unit_test(the_last_stage_drops_retracts_and_keeps_the_rest),
    };

    return cmocka_run_group_tests_name("merge/engine", tests, NULL, NULL);
}
