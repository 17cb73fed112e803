/* partitions.c - which partitions have had their time: by what their values spell, or by their newest file (spec
 * timetravel 6).
 *
 * All are looked at, those that have had it are put in the order of their text, and the first so many of them go: that
 * is Paimon's order, so that both drop the same ones when there are too many for one run. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "format/binrow.h"
#include "src/meta/names.h"
#include "src/retain/partition_time.h"
#include "src/retain/partitions.h"

int pfs_partition_rule_read(const struct pfs_options *o, struct pfs_partition_rule *out, struct pfs_err *err)
{
    const char *strategy = pfs_options_get(o, "partition.expiration-strategy");
    struct pfs_partition_rule r = {.pattern = pfs_options_get(o, "partition.timestamp-pattern"),
                                   .formatter = pfs_options_get(o, "partition.timestamp-formatter")};

    PFS_TRY(pfs_options_millis(o, "partition.expiration-time", -1, &r.expiration_ms, err));
    PFS_TRY(pfs_options_millis(o, "partition.expiration-check-interval", 3600000, &r.check_ms, err));
    PFS_TRY(pfs_options_int(o, "partition.expiration-max-num", 100, &r.most, err));
    if (r.most < 0)
        return pfs_fail(err, EINVAL, "partition.expiration-max-num = %lld: a number of partitions, from 0",
                        (long long)r.most);
    PFS_TRY(pfs_options_int(o, "partition.expiration-batch-size", 0, &r.batch, err));
    PFS_TRY(pfs_options_bool(o, "end-input.check-partition-expire", false, &r.at_end, err));
    r.by_update = strategy != NULL && strcmp(strategy, "update-time") == 0;
    if (r.expiration_ms >= 0 && strategy != NULL && !r.by_update && strcmp(strategy, "values-time") != 0)
        return pfs_fail(err, EINVAL, "Unknown partitionExpireStrategy: %s", strategy);
    *out = r;
    return 0;
}

struct one { /* a partition */
    struct pfs_slice row;
    int64_t updated_ms; /* its newest file, even when that is gone; INT64_MAX when that is not known */
    int64_t files;
    const char *sort; /* its values, ',' between */
    struct pfs_expired_partition gone;
};

/* ---- which there are ---- */

static int by_row(const void *a, const void *b)
{
    return pfs_slice_compare(((const struct one *)a)->row, ((const struct one *)b)->row);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(((const struct one *)a)->sort, ((const struct one *)b)->sort);
}

/* By the snapshot's manifests, as Paimon sees it: what was added, less what was deleted. */
static int list(const struct pfs_state *state, struct pfs_arena *arena, struct one **out, int64_t *count,
                struct pfs_err *err)
{
    const struct pfs_manifest_entry *entry;
    int64_t entries, most = 0, all = 0, n = 0;
    struct one *one;

    for (int64_t i = 0; pfs_state_entries(state, i, &entry, &entries); i++)
        most += entries;
    one = pfs_arena_array(arena, (size_t)most, sizeof(*one));
    if (one == NULL)
        return pfs_arena_full(arena, err);
    for (int64_t i = 0; pfs_state_entries(state, i, &entry, &entries); i++)
        for (int64_t k = 0; k < entries; k++) {
            int64_t time_ms = entry[k].file.creation_time_ms;

            one[all++] = (struct one){.row = entry[k].partition,
                                      .updated_ms = time_ms == PFS_NO_NUMBER ? INT64_MAX : time_ms,
                                      .files = entry[k].deleted ? -1 : 1};
        }
    qsort(one, (size_t)all, sizeof(*one), by_row);
    for (int64_t i = 0; i < all; i++) {
        if (n > 0 && by_row(&one[n - 1], &one[i]) == 0) {
            one[n - 1].files += one[i].files;
            if (one[i].updated_ms > one[n - 1].updated_ms)
                one[n - 1].updated_ms = one[i].updated_ms;
        } else {
            n -= n > 0 && one[n - 1].files <= 0;
            one[n++] = one[i];
        }
    }
    assert(all == most);
    assert(n <= all);
    *out = one;
    *count = n - (n > 0 && one[n - 1].files <= 0);
    return 0;
}

/* ---- their values ---- */

/* Text as it is in memory (a DATE is a number of days); NULL for NULL. */
static int value_text(const struct pfs_column *value, struct pfs_arena *arena, const char **out, struct pfs_err *err)
{
    struct pfs_buf text = {0};
    int rc;

    *out = NULL;
    if (!pfs_column_present(value, 0))
        return 0;
    rc = pfs_name_value_java(value, true, &text, err);
    if (rc == 0)
        rc = pfs_buf_check(&text, err);
    if (rc == 0 && (*out = pfs_arena_string(arena, pfs_buf_slice(&text))) == NULL)
        rc = pfs_arena_full(arena, err);
    pfs_buf_done(&text);
    return rc;
}

/* The pattern with `$key` replaced key by key, as plain text: "$dt" is found in "$dt1" too. */
static int replace(const char *pattern, const char *key, const char *value, struct pfs_arena *arena, const char **out,
                   struct pfs_err *err)
{
    size_t len = strlen(key);
    struct pfs_buf text = {0};
    int rc;

    assert(value != NULL);
    for (const char *at = pattern; *at != '\0';) {
        if (at[0] == '$' && strncmp(at + 1, key, len) == 0) {
            pfs_buf_puts(&text, value);
            at += 1 + len;
        } else {
            pfs_buf_putc(&text, (uint8_t)*at++);
        }
    }
    rc = pfs_buf_check(&text, err);
    if (rc == 0 && (*out = pfs_arena_string(arena, pfs_buf_slice(&text))) == NULL)
        rc = pfs_arena_full(arena, err);
    pfs_buf_done(&text);
    return rc;
}

/* Does what the values spell lie before that time? 1, 0, or an error. A NULL that is looked at says no. */
static int spells_before(const struct pfs_partition_rule *rule, const struct pfs_schema *schema,
                         const char *const *values, int64_t before_ms, struct pfs_arena *arena, struct pfs_err *err)
{
    const char *text = rule->pattern == NULL ? values[0] : rule->pattern;
    int64_t time_ms;
    int rc;

    for (int32_t i = 0; rule->pattern != NULL && text != NULL && i < schema->partition_keys; i++) {
        if (values[i] == NULL)
            return 0;
        PFS_TRY(replace(text, schema->field[schema->partition_key[i]].name, values[i], arena, &text, err));
    }
    if (text == NULL)
        return 0;
    rc = pfs_partition_time(text, rule->formatter, &time_ms, err);
    return rc > 0 ? time_ms < before_ms : rc;
}

/* ---- what is said of one that goes ---- */

static int describe(const struct pfs_schema *schema, const char *const *values, struct one *one,
                    struct pfs_arena *arena, struct pfs_err *err)
{
    struct pfs_buf sort = {0}, text = {0};
    int rc;

    for (int32_t i = 0; i < schema->partition_keys; i++) {
        const char *value = values[i] == NULL ? schema->default_partition : values[i];

        pfs_buf_printf(&sort, "%s%s", i == 0 ? "" : ",", value);
        pfs_buf_printf(&text, "%s%s=%s", i == 0 ? "" : ", ", schema->field[schema->partition_key[i]].name, value);
    }
    rc = pfs_buf_check(&sort, err);
    if (rc == 0)
        rc = pfs_buf_check(&text, err);
    if (rc == 0) {
        one->sort = pfs_arena_string(arena, pfs_buf_slice(&sort));
        one->gone.text = pfs_arena_string(arena, pfs_buf_slice(&text));
        rc = one->sort == NULL || one->gone.text == NULL ? pfs_arena_full(arena, err) : 0;
    }
    pfs_buf_done(&sort);
    pfs_buf_done(&text);
    return rc;
}

static int parse(const struct pfs_schema *schema, struct one *one, struct pfs_arena *arena, const char **values,
                 struct pfs_err *err)
{
    const struct pfs_type **type = pfs_arena_array(arena, (size_t)schema->partition_keys, sizeof(*type));
    struct pfs_column *row = pfs_arena_array(arena, (size_t)schema->partition_keys, sizeof(*row));

    if (type == NULL || row == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < schema->partition_keys; i++)
        type[i] = &schema->field[schema->partition_key[i]].type;
    PFS_TRY(pfs_binrow_parse(one->row, type, schema->partition_keys, arena, row, err));
    for (int32_t i = 0; i < schema->partition_keys; i++)
        PFS_TRY(value_text(&row[i], arena, &values[i], err));
    one->gone.spec = (struct pfs_overwrite){
        .kind = PFS_OVERWRITE_STATIC, .columns = schema->partition_keys, .column = schema->partition_key, .value = row};
    return 0;
}

int pfs_partitions_expired(const struct pfs_partition_rule *rule, const struct pfs_state *state, int64_t now_ms,
                           struct pfs_arena *arena, struct pfs_expired_partition **out, int64_t *count,
                           struct pfs_err *err)
{
    const struct pfs_schema *schema = state->schema;
    int64_t all = 0, gone = 0, before_ms = now_ms - rule->expiration_ms;
    const char **values = pfs_arena_array(arena, (size_t)schema->partition_keys, sizeof(*values));
    struct one *one;

    assert(rule->expiration_ms >= 0);
    assert(schema->partition_keys > 0);
    if (values == NULL)
        return pfs_arena_full(arena, err);
    PFS_TRY(list(state, arena, &one, &all, err));
    for (int64_t i = 0; i < all; i++) {
        int rc;

        if (rule->by_update && one[i].updated_ms >= before_ms)
            continue;
        PFS_TRY(parse(schema, &one[i], arena, values, err));
        rc = rule->by_update ? 1 : spells_before(rule, schema, values, before_ms, arena, err);
        if (rc < 0)
            return rc;
        if (rc == 0)
            continue;
        PFS_TRY(describe(schema, values, &one[i], arena, err));
        one[gone++] = one[i];
        assert(gone <= i + 1);
    }
    qsort(one, (size_t)gone, sizeof(*one), by_text);
    *count = gone < rule->most ? gone : rule->most;
    *out = pfs_arena_array(arena, (size_t)*count, sizeof(**out));
    if (*out == NULL)
        return pfs_arena_full(arena, err);
    for (int64_t i = 0; i < *count; i++)
        (*out)[i] = one[i].gone;
    return 0;
}
