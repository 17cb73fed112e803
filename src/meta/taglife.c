/* taglife.c - the two members that a tag with a time-to-live has beyond its snapshot's (spec metadata 3).
 *
 *     "tagCreateTime" : [ 2026, 11, 20, 9, 0, 30 ]      a wall clock, as Jackson prints a LocalDateTime
 *     "tagTimeRetained" : 86400.000000000               seconds, as it prints a Duration
 *
 * Other writers have them as texts, which are read too. A tag without them lives without end.
 */
#include <assert.h>
#include <jansson.h>

#include "base/datetime.h"
#include "base/limits.h"
#include "base/mem.h"
#include "src/meta/json.h"
#include "src/meta/names.h"
#include "src/meta/snapshot.h"

/* [year, month, day, hour, minute[, second[, nanos]]], or text. */
static int parse_created(const json_t *v, int64_t *out)
{
    int64_t part[7] = {0};
    size_t count = json_array_size(v);
    int32_t nanos;

    if (json_is_string(v))
        return pfs_timestamp_parse(pfs_str(json_string_value(v)), 9, true, out, &nanos);
    if (!json_is_array(v) || count < 5 || count > 7)
        return -EINVAL;
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(v, i);

        part[i] = json_integer_value(item);
        if (!json_is_integer(item) || part[i] < 0 || part[i] > 999999999)
            return -EINVAL;
    }
    if (part[0] > 999999 || part[1] < 1 || part[1] > 12 || part[2] < 1 || part[2] > 31 || part[3] > 23 ||
        part[4] > 59 || part[5] > 59)
        return -EINVAL;
    *out = ((pfs_days_from_civil(part[0], (int)part[1], (int)part[2]) * 24 + part[3]) * 60 + part[4]) * 60000 +
           part[5] * 1000 + part[6] / 1000000;
    return 0;
}

/* ISO-8601 as Java's Duration reads it: PnDTnHnMn.nS. */
static int parse_duration(const char *at, int64_t *out)
{
    double total_ms = 0;
    bool time = false, any = false;

    if (*at++ != 'P')
        return -EINVAL;
    while (*at != '\0') {
        char *end;
        double number, unit;

        if (*at == 'T' && !time) {
            time = true;
            at++;
            continue;
        }
        number = strtod(at, &end);
        if (end == at)
            return -EINVAL;
        unit = *end == 'D' && !time ? 86400000 : *end == 'H' && time ? 3600000 : *end == 'M' && time ? 60000 : 0;
        if (*end == 'S' && time)
            unit = 1000;
        if (unit == 0)
            return -EINVAL;
        total_ms += number * unit;
        any = true;
        at = end + 1;
    }
    if (!any || !(total_ms > -9e15 && total_ms < 9e15))
        return -EINVAL;
    *out = (int64_t)(total_ms + (total_ms < 0 ? -0.5 : 0.5));
    return 0;
}

static int parse_retained(const json_t *v, int64_t *out)
{
    double seconds = json_number_value(v);

    if (json_is_string(v))
        return parse_duration(json_string_value(v), out);
    if (!json_is_number(v) || !(seconds > -9e12 && seconds < 9e12))
        return -EINVAL;
    *out = (int64_t)(seconds * 1000 + (seconds < 0 ? -0.5 : 0.5));
    return 0;
}

/* Java leaves out zeros at the end. */
void pfs_tag_life_print(const struct pfs_tag_life *life, struct pfs_buf *out)
{
    int64_t ms = life->created_ms, day = ms / 86400000 - (ms % 86400000 < 0), rest = ms - day * 86400000;
    int64_t second = rest / 1000 % 60, nanos = rest % 1000 * 1000000;
    struct pfs_civil c = pfs_civil_from_days(day);

    assert(rest >= 0 && rest < 86400000);
    assert(life->retained_ms >= 0); /* its fraction would have a sign of its own */
    pfs_buf_printf(out, ",\n  \"tagCreateTime\" : [ %d, %d, %d, %d, %d", c.year, c.month, c.day, (int)(rest / 3600000),
                   (int)(rest / 60000 % 60));
    if (second != 0 || nanos != 0)
        pfs_buf_printf(out, ", %d", (int)second);
    if (nanos != 0)
        pfs_buf_printf(out, ", %d", (int)nanos);
    pfs_buf_printf(out, " ],\n  \"tagTimeRetained\" : %lld.%03d000000", (long long)(life->retained_ms / 1000),
                   (int)(life->retained_ms % 1000));
}

int pfs_tag_life_parse(struct pfs_slice json, struct pfs_tag_life *out, struct pfs_err *err)
{
    json_t *root = pfs_json_parse(json, err);
    const json_t *created, *retained;
    const char *bad = NULL;

    if (root == NULL)
        return -EIO;
    created = json_object_get(root, "tagCreateTime");
    retained = json_object_get(root, "tagTimeRetained");
    *out = (struct pfs_tag_life){PFS_NO_NUMBER, PFS_NO_NUMBER};
    if (created != NULL && !json_is_null(created) && parse_created(created, &out->created_ms) < 0)
        bad = "tagCreateTime";
    if (retained != NULL && !json_is_null(retained) && parse_retained(retained, &out->retained_ms) < 0)
        bad = "tagTimeRetained";
    pfs_json_free(root);
    return bad == NULL ? 0 : pfs_fail(err, EIO, "member %s is malformed", bad);
}

int pfs_tag_life_load(struct pfs_store *store, const char *table, const char *name, struct pfs_tag_life *out,
                      struct pfs_err *err)
{
    struct pfs_slice json;
    struct pfs_arena arena;
    const char *path;
    int rc;

    if (!pfs_name_is_component(pfs_str(name)))
        return pfs_name_refuse(name, "tag", err);
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    path = pfs_arena_printf(&arena, "%s/tag/tag-%s", table, name);
    rc = path == NULL ? pfs_arena_full(&arena, err) : pfs_store_load(store, path, PFS_METADATA_BYTES_MAX, &json, err);
    if (rc == 0) {
        rc = pfs_tag_life_parse(json, out, err);
        pfs_free((void *)(uintptr_t)json.at);
        if (rc < 0)
            rc = pfs_wrap(err, "%s", path);
    }
    pfs_arena_done(&arena);
    return rc;
}
