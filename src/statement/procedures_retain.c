/* procedures_retain.c - procedures that let go of what has had its time.
 *
 * What is given in the call is of this call alone, and wins over the table's options. Nothing that a snapshot, a tag or
 * a consumer still needs goes; orphans are what none of them has ever named, and are told by their age alone. */
#include <assert.h>
#include <errno.h>
#include <regex.h>
#include <string.h>

#include "base/datetime.h"
#include "src/statement/answer.h"
#include "src/statement/procedures.h"

/* A time of day in this host's zone, as an instant. */
static int given_instant(const struct pfs_statement *s, const char *name, int64_t *out, struct pfs_err *err)
{
    const char *text = pfs_calling_argument(s, name);
    int64_t local_ms;
    int32_t nanos;

    *out = PFS_NO_NUMBER;
    if (text == NULL)
        return 0;
    if (pfs_timestamp_parse(pfs_str(text), 3, false, &local_ms, &nanos) < 0)
        return pfs_fail(err, EINVAL, "%s: the argument %s is '%s', and no time like 2026-11-19 08:00:00", s->procedure,
                        name, text);
    *out = pfs_clock_instant_ms(local_ms);
    return 0;
}

/* The same; blank is not given. */
static int instant(const struct pfs_statement *s, const char *name, int64_t *out, struct pfs_err *err)
{
    const char *text = pfs_calling_argument(s, name);

    *out = PFS_NO_NUMBER;
    return text == NULL || text[strspn(text, " \t")] == '\0' ? 0 : given_instant(s, name, out, err);
}

/* What is not given is as the table's options have it. */
static int expire_snapshots(const struct pfs_calling *x, const struct pfs_statement *s, struct pfs_err *err)
{
    struct pfs_expire_want want;
    struct pfs_table *table;
    int64_t expired;
    int rc;

    PFS_TRY(pfs_calling_number(s, "retain_max", PFS_NO_NUMBER, &want.most, err));
    PFS_TRY(pfs_calling_number(s, "retain_min", PFS_NO_NUMBER, &want.least, err));
    PFS_TRY(pfs_calling_number(s, "max_deletes", PFS_NO_NUMBER, &want.deletes, err));
    PFS_TRY(instant(s, "older_than", &want.before_ms, err));
    PFS_TRY(pfs_calling_table(x, s, &table, err));
    rc = pfs_table_expire_snapshots(table, &want, &expired, err);
    pfs_table_unref(table);
    if (rc == 0)
        pfs_buf_printf(x->answer, "result\n%lld\n", (long long)expired);
    return rc;
}

/* ---- changelogs ---- */

/* Not by the table's options, but by what is asked for alone, as Paimon does it. */
static int expire_changelogs(const struct pfs_calling *x, const struct pfs_statement *s, struct pfs_err *err)
{
    struct pfs_expire_want want;
    struct pfs_table *table;
    int64_t expired;
    bool all;
    int rc;

    PFS_TRY(pfs_calling_number(s, "retain_max", INT32_MAX, &want.most, err));
    PFS_TRY(pfs_calling_number(s, "retain_min", 1, &want.least, err));
    PFS_TRY(pfs_calling_number(s, "max_deletes", INT32_MAX, &want.deletes, err));
    PFS_TRY(instant(s, "older_than", &want.before_ms, err));
    PFS_TRY(pfs_calling_bool(s, "delete_all", false, &all, err));
    PFS_TRY(pfs_calling_table(x, s, &table, err));
    rc = pfs_table_expire_changelogs(table, &want, all, &expired, err);
    pfs_table_unref(table);
    if (rc == 0 && all)
        pfs_buf_puts(x->answer, "result\nDelete all separated changelogs success.\n");
    else if (rc == 0)
        pfs_buf_printf(x->answer, "result\n%lld\n", (long long)expired);
    return rc;
}

/* ---- tags ---- */

/* By their own time, or before a time that is given. */
static int expire_tags(const struct pfs_calling *x, const struct pfs_statement *s, struct pfs_err *err)
{
    struct pfs_table *table;
    int64_t before_ms, count;
    const char **names;
    int rc;

    PFS_TRY(given_instant(s, "older_than", &before_ms, err));
    PFS_TRY(pfs_calling_table(x, s, &table, err));
    rc = pfs_table_expire_tags(table, before_ms, x->arena, &names, &count, err);
    pfs_table_unref(table);
    if (rc < 0)
        return rc;
    pfs_buf_puts(x->answer, count > 0 ? "expired_tags\n" : "expired_tags\nNo expired tags.\n");
    for (int64_t i = 0; i < count; i++)
        pfs_answer_cell(x->answer, names[i], '\n');
    return 0;
}

/* ---- partitions ---- */

/* "key=value,key=value" on top of the options. */
static int more_options(const char *text, struct pfs_arena *arena, struct pfs_options *options, struct pfs_err *err)
{
    const char **item;
    int32_t count = 0;

    PFS_TRY(pfs_options_list(text, arena, &item, &count, err));
    for (int32_t i = 0; i < count; i++) {
        char *key = pfs_arena_string(arena, pfs_str(item[i]));
        char *equals = key == NULL ? NULL : strchr(key, '=');

        if (equals == NULL)
            return key == NULL ? pfs_arena_full(arena, err)
                               : pfs_fail(err, EINVAL, "options: '%s' is not key=value", item[i]);
        *equals = '\0';
        PFS_TRY(pfs_options_with(options, key, equals + 1, arena, options, err));
    }
    return 0;
}

/* Arguments win over the argument `options`, and both over the table's options: they are of this call alone. */
static int asked_options(const struct pfs_calling *x, const struct pfs_statement *s, const struct pfs_schema *schema,
                         struct pfs_options *out, struct pfs_err *err)
{
    static const char *const names[][2] = {{"expiration_time", "partition.expiration-time"},
                                           {"timestamp_formatter", "partition.timestamp-formatter"},
                                           {"timestamp_pattern", "partition.timestamp-pattern"},
                                           {"expire_strategy", "partition.expiration-strategy"},
                                           {"max_expires", "partition.expiration-max-num"}};
    const char *more = pfs_calling_argument(s, "options");

    *out = schema->options;
    if (more != NULL)
        PFS_TRY(more_options(more, x->arena, out, err));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *value = pfs_calling_argument(s, names[i][0]);

        if (value != NULL && value[strspn(value, " \t")] != '\0')
            PFS_TRY(pfs_options_with(out, names[i][1], value, x->arena, out, err));
    }
    return 0;
}

/* The names of those that went are the answer, as Paimon gives it. */
static int expire_partitions(const struct pfs_calling *x, const struct pfs_statement *s, struct pfs_err *err)
{
    const struct pfs_schema *schema;
    struct pfs_options options;
    struct pfs_table *table;
    const char **names;
    int64_t count;
    int rc;

    PFS_TRY(pfs_calling_table(x, s, &table, err));
    rc = pfs_table_schema(table, &schema, err);
    if (rc == 0)
        rc = asked_options(x, s, schema, &options, err);
    if (rc == 0)
        rc = pfs_table_expire_partitions(table, &options, x->arena, &names, &count, err);
    pfs_table_unref(table);
    if (rc < 0)
        return rc;
    pfs_buf_puts(x->answer, count > 0 ? "expired_partitions\n" : "expired_partitions\nNo expired partitions.\n");
    for (int64_t i = 0; i < count; i++)
        pfs_answer_cell(x->answer, names[i], '\n');
    return 0;
}

/* ---- consumers ---- */

/* To a snapshot that is there; without a number the bookmark goes, and its reader begins anew. */
static int reset_consumer(const struct pfs_calling *x, const struct pfs_statement *s, struct pfs_err *err)
{
    struct pfs_table *table;
    struct pfs_state *state;
    const char *name;
    int64_t next;
    int rc;

    PFS_TRY(pfs_calling_want(s, "consumer_id", &name, err));
    PFS_TRY(pfs_calling_number(s, "next_snapshot_id", PFS_NO_NUMBER, &next, err));
    PFS_TRY(pfs_calling_table(x, s, &table, err));
    if (next == PFS_NO_NUMBER) {
        rc = pfs_table_consumer_delete(table, name, err);
        rc = rc == -ENOENT ? 0 : rc;
    } else {
        rc = pfs_table_state(table, (struct pfs_when){.kind = PFS_WHEN_SNAPSHOT, .number = next}, &state, err);
        if (rc == 0) {
            pfs_state_unref(state);
            rc = pfs_table_consumer_put(table, name, next, err);
        }
        if (rc == -ENOENT)
            rc = pfs_fail(err, ENOENT, "snapshot %lld is not there", (long long)next);
    }
    pfs_table_unref(table);
    return rc;
}

/* One pattern, of all of a name; empty ones match nothing. */
static int compile(const struct pfs_statement *s, const char *argument, regex_t *out, bool *given, struct pfs_err *err)
{
    const char *text = pfs_calling_argument(s, argument);
    struct pfs_buf whole = {0};
    int rc;

    *given = text != NULL && text[strspn(text, " \t")] != '\0';
    if (!*given)
        return 0;
    pfs_buf_printf(&whole, "^(%s)$", text);
    pfs_buf_putc(&whole, 0);
    rc = pfs_buf_check(&whole, err);
    if (rc == 0 && regcomp(out, (const char *)whole.at, REG_EXTENDED | REG_NOSUB) != 0)
        rc = pfs_fail(err, EINVAL, "%s: the argument %s is '%s', and no pattern", s->procedure, argument, text);
    pfs_buf_done(&whole);
    *given = rc == 0;
    return rc;
}

/* Those that the one pattern takes in and the other does not leave out. Who advanced one meanwhile loses it: it was
 * asked for. */
static int clear_matching(const struct pfs_calling *x, struct pfs_table *table, const regex_t *in, const regex_t *out,
                          struct pfs_err *err)
{
    const char **names;
    int64_t count;

    PFS_TRY(pfs_table_consumers(table, x->arena, &names, &count, err));
    for (int64_t i = 0; i < count; i++) {
        int rc = 0;

        if ((in == NULL || regexec(in, names[i], 0, NULL, 0) == 0) &&
            (out == NULL || regexec(out, names[i], 0, NULL, 0) != 0))
            rc = pfs_table_consumer_delete(table, names[i], err);
        if (rc < 0 && rc != -ENOENT)
            return rc;
    }
    return 0;
}

/* Without a pattern all of them go. */
static int clear_consumers(const struct pfs_calling *x, const struct pfs_statement *s, struct pfs_err *err)
{
    struct pfs_table *table = NULL;
    bool has_in, has_out = false;
    regex_t in, out;
    int rc = compile(s, "including_consumers", &in, &has_in, err);

    if (rc == 0)
        rc = compile(s, "excluding_consumers", &out, &has_out, err);
    if (rc == 0)
        rc = pfs_calling_table(x, s, &table, err);
    if (rc == 0)
        rc = clear_matching(x, table, has_in ? &in : NULL, has_out ? &out : NULL, err);
    pfs_table_unref(table);
    if (has_in)
        regfree(&in);
    if (has_out)
        regfree(&out);
    return rc;
}

/* ---- orphans ---- */

#define DAY_MS ((int64_t)86400000)

/* A dry run says what would go; files younger than the bound may be a commit's that is under way. */
static int remove_orphans_of(const struct pfs_calling *x, const char *database, const char *name, int64_t before_ms,
                             bool dry, int64_t sum[2], struct pfs_err *err)
{
    int64_t files = 0, bytes = 0;
    struct pfs_table *table;
    int rc = pfs_catalog_table(x->catalog, database, name, NULL, &table, err);

    if (rc < 0)
        return rc == -ENOENT ? pfs_fail(err, ENOENT, "Table %s.%s does not exist.", database, name) : rc;
    rc = pfs_table_remove_orphans(table, before_ms, dry, &files, &bytes, err);
    pfs_table_unref(table);
    sum[0] += files;
    sum[1] += bytes;
    return rc;
}

/* 'db.t', or 'db.*' for all tables of a database. */
static int remove_orphans(const struct pfs_calling *x, const char *text, int64_t before_ms, bool dry, int64_t sum[2],
                          struct pfs_err *err)
{
    char *database = pfs_arena_string(x->arena, pfs_str(text)), *dot;
    const char **names, *name;
    int64_t count;
    int rc;

    if (database == NULL)
        return pfs_arena_full(x->arena, err);
    dot = strchr(database, '.');
    name = dot == NULL ? text : dot + 1;
    if (dot != NULL)
        *dot = '\0';
    if (strcmp(name, "*") != 0)
        return remove_orphans_of(x, dot == NULL ? x->database : database, name, before_ms, dry, sum, err);
    rc = pfs_catalog_tables(x->catalog, database, x->arena, &names, &count, err);
    if (rc < 0)
        return rc == -ENOENT ? pfs_fail(err, ENOENT, "Database %s does not exist.", database) : rc;
    for (int64_t i = 0; i < count; i++)
        PFS_TRY(remove_orphans_of(x, database, names[i], before_ms, dry, sum, err));
    return 0;
}

/* By the system's clock whatever the catalog's says: files have their times from it. */
static int remove_orphan_files(const struct pfs_calling *x, const struct pfs_statement *s, struct pfs_err *err)
{
    int64_t before_ms, now_ms = pfs_clock_now_ms(NULL), sum[2] = {0};
    const char *text;
    bool dry;

    PFS_TRY(pfs_calling_want(s, "table", &text, err));
    PFS_TRY(instant(s, "older_than", &before_ms, err));
    PFS_TRY(pfs_calling_bool(s, "dry_run", false, &dry, err));
    /* Younger than a day may be what somebody is writing now: who asks for less knows that nobody is. */
    if (before_ms == PFS_NO_NUMBER)
        before_ms = now_ms - DAY_MS;
    if (before_ms >= now_ms)
        return pfs_fail(err, EINVAL,
                        "The arg olderThan must be less than now, because dataFiles that are currently being written "
                        "and not referenced by snapshots will be mistakenly cleaned up.");
    assert(before_ms != PFS_NO_NUMBER);
    PFS_TRY(remove_orphans(x, text, before_ms, dry, sum, err));
    pfs_buf_printf(x->answer, "result\n%lld\n%lld\n", (long long)sum[0], (long long)sum[1]);
    return 0;
}

const struct pfs_procedure pfs_procedures_retain[] = {
    {"clear_consumers", "table including_consumers excluding_consumers", clear_consumers},
    {"expire_changelogs", "table retain_max retain_min older_than max_deletes delete_all", expire_changelogs},
    {"expire_partitions",
     "table expiration_time timestamp_formatter timestamp_pattern expire_strategy max_expires options",
     expire_partitions},
    {"expire_snapshots", "table retain_max retain_min older_than max_deletes", expire_snapshots},
    {"expire_tags", "table older_than", expire_tags},
    {"remove_orphan_files", "table older_than dry_run parallelism mode", remove_orphan_files},
    {"reset_consumer", "table consumer_id next_snapshot_id", reset_consumer},
    {NULL, NULL, NULL},
};
