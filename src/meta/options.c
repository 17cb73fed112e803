/* options.c - a sorted array of keys and values, and texts as Java's parsers take them.
 *
 * An option is looked for by halving. Values stay texts: whoever needs one reads it as the type that the key has, and
 * gets the fallback when it is absent, an error when it is malformed. Nothing is checked before that here
 * (option_check.c does so for those who write options), as a table may carry options of programs that nobody here
 * knows.
 */
#include "src/meta/options.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/number.h"

/* Where the key is, or where it belongs. */
static int32_t find(const struct pfs_options *o, const char *key, bool *found)
{
    int32_t low = 0, high = o->count;

    assert(o->count == 0 || o->item != NULL);
    *found = false;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        int order = strcmp(o->item[middle].key, key);

        assert(middle == 0 || strcmp(o->item[middle - 1].key, o->item[middle].key) < 0); /* sorted, and distinct */
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const char *pfs_options_get(const struct pfs_options *o, const char *key)
{
    bool found;
    int32_t at = find(o, key, &found);

    return found ? o->item[at].value : NULL;
}

static int malformed(const char *key, const char *value, const char *want, struct pfs_err *err)
{
    return pfs_fail(err, EINVAL, "Could not parse value '%s' for key '%s': %s", value, key, want);
}

int pfs_options_bool(const struct pfs_options *o, const char *key, bool fallback, bool *out, struct pfs_err *err)
{
    const char *value = pfs_options_get(o, key);

    if (value == NULL)
        *out = fallback;
    else if (strcasecmp(value, "true") == 0)
        *out = true;
    else if (strcasecmp(value, "false") == 0)
        *out = false;
    else
        return malformed(key, value, "expected true or false", err);
    return 0;
}

/* Java's parsers of integers take no point, whatever is behind it. */
int pfs_options_int(const struct pfs_options *o, const char *key, int64_t fallback, int64_t *out, struct pfs_err *err)
{
    const char *value = pfs_options_get(o, key);

    *out = fallback;
    if (value == NULL)
        return 0;
    if (strchr(value, '.') != NULL || pfs_i64_parse(pfs_str(value), out) < 0)
        return malformed(key, value, "expected an integer", err);
    return 0;
}

struct unit {
    const char *names;     /* blanks between */
    int64_t factor, parts; /* of a smaller unit: so many make one, what is left over is dropped */
};

/* One of these words, in any case. */
static bool is_unit(const char *names, const char *text, size_t len)
{
    for (const char *p = names; *p != '\0';) {
        size_t word = strcspn(p, " ");

        if (word == len && strncasecmp(p, text, len) == 0)
            return true;
        p += word + (p[word] == ' ');
    }
    return false;
}

/* Digits, blanks, a unit; blanks around them. */
static int parse_units(const char *key, const char *value, const struct unit *units, size_t count, int64_t *out,
                       struct pfs_err *err)
{
    const char *from = value + strspn(value, " \t"), *unit = from + strspn(from, "0123456789");
    size_t digits = (size_t)(unit - from), len;
    int64_t v;

    if (digits == 0 || pfs_i64_parse(pfs_slice_of(from, digits), &v) < 0)
        return malformed(key, value, "expected a number and a unit", err);
    unit += strspn(unit, " \t");
    for (len = strlen(unit); len > 0 && (unit[len - 1] == ' ' || unit[len - 1] == '\t'); len--)
        ;
    for (size_t i = 0; i < count; i++) {
        const struct unit *u = &units[i];

        if (!is_unit(u->names, unit, len) && (len > 0 || u->factor != 1 || u->parts > 1))
            continue;
        if (__builtin_mul_overflow(v, u->factor, out))
            return malformed(key, value, "too large", err);
        *out /= u->parts > 1 ? u->parts : 1;
        return 0;
    }
    return malformed(key, value, "an unknown unit", err);
}

int pfs_options_share(const struct pfs_options *o, const char *key, double fallback, double *out, struct pfs_err *err)
{
    const char *text = pfs_options_get(o, key);
    char *end;

    *out = fallback;
    if (text == NULL)
        return 0;
    *out = strtod(text, &end);
    if (end == text || *end != '\0' || !(*out >= 0.0 && *out <= 1.0))
        return pfs_fail(err, EINVAL, "Could not parse value '%s' for key '%s'.", text, key);
    return 0;
}

int pfs_options_bytes(const struct pfs_options *o, const char *key, int64_t fallback, int64_t *out, struct pfs_err *err)
{
    static const struct unit units[] = {{"b bytes", 1, 1},
                                        {"k kb kibibytes", (int64_t)1 << 10, 1},
                                        {"m mb mebibytes", (int64_t)1 << 20, 1},
                                        {"g gb gibibytes", (int64_t)1 << 30, 1},
                                        {"t tb tebibytes", (int64_t)1 << 40, 1}};
    const char *value = pfs_options_get(o, key);

    *out = fallback;
    return value == NULL ? 0 : parse_units(key, value, units, sizeof(units) / sizeof(units[0]), out, err);
}

int pfs_options_millis(const struct pfs_options *o, const char *key, int64_t fallback, int64_t *out,
                       struct pfs_err *err)
{
    static const struct unit units[] = {{"ms milli millis millisecond milliseconds", 1, 1},
                                        {"ns nano nanos nanosecond nanoseconds", 1, 1000000},
                                        {"\u00b5s micro micros microsecond microseconds", 1, 1000},
                                        {"s sec secs second seconds", 1000, 1},
                                        {"m min minute minutes", 60000, 1},
                                        {"h hour hours", 3600000, 1},
                                        {"d day days", 86400000, 1}};
    const char *value = pfs_options_get(o, key);

    *out = fallback;
    return value == NULL ? 0 : parse_units(key, value, units, sizeof(units) / sizeof(units[0]), out, err);
}

int pfs_options_enum(const struct pfs_options *o, const char *key, const char *const *names, int fallback, int *out,
                     struct pfs_err *err)
{
    const char *value = pfs_options_get(o, key);

    *out = fallback;
    if (value == NULL)
        return 0;
    for (int i = 0; names[i] != NULL; i++)
        if (strcasecmp(names[i], value) == 0) {
            *out = i;
            return 0;
        }
    return malformed(key, value, "no such value", err);
}

static int32_t last_place(const struct pfs_options *o)
{
    int32_t last = -1;

    for (int32_t i = 0; i < o->count; i++)
        last = o->item[i].place > last ? o->item[i].place : last;
    return last;
}

/* ---- the order of a HashMap: by slot, in a slot by when a key came; the slots are doubled when 3 of 4 are taken ----
 */

/* Of String.hashCode, over UTF-16, as HashMap spreads it. */
static uint32_t java_hash(const char *text)
{
    uint32_t h = 0;

    while (*text != '\0') {
        const uint8_t *at = (const uint8_t *)text;
        int more = at[0] < 0xc0 ? 0 : at[0] < 0xe0 ? 1 : at[0] < 0xf0 ? 2 : 3;
        uint32_t point = more == 0 ? at[0] : at[0] & (0x3fu >> more);

        for (text++; more > 0 && *text != '\0'; more--, text++)
            point = point << 6 | ((uint8_t)*text & 0x3f);
        if (point > 0xffff) {
            h = h * 31 + (0xd7c0 + (point >> 10));
            point = 0xdc00 | (point & 0x3ff);
        }
        h = h * 31 + point;
    }
    return h ^ h >> 16;
}

static bool is_before(const struct pfs_options *o, uint32_t mask, int32_t a, int32_t b)
{
    uint32_t slot = java_hash(o->item[a].key) & mask, other = java_hash(o->item[b].key) & mask;

    if (slot != other)
        return slot < other;
    return o->item[a].place != o->item[b].place ? o->item[a].place < o->item[b].place : a < b;
}

int32_t pfs_options_next(const struct pfs_options *o, int32_t at)
{
    uint32_t slots = 16;
    int32_t next = -1;

    while ((uint32_t)o->count > slots / 4 * 3)
        slots *= 2;
    for (int32_t i = 0; i < o->count; i++)
        if ((at < 0 || is_before(o, slots - 1, at, i)) && (next < 0 || is_before(o, slots - 1, i, next)))
            next = i;
    return next;
}

/* Keys and values of the others are shared with the old options, which must live as long. */
int pfs_options_with(const struct pfs_options *o, const char *key, const char *value, struct pfs_arena *arena,
                     struct pfs_options *out, struct pfs_err *err)
{
    struct pfs_option *item = pfs_arena_array(arena, (size_t)o->count + 1, sizeof(*item));
    bool found;
    int32_t at = find(o, key, &found), count = at;

    if (item == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < at; i++)
        item[i] = o->item[i];
    if (value != NULL) {
        item[count].key = pfs_arena_string(arena, pfs_str(key));
        item[count].value = pfs_arena_string(arena, pfs_str(value));
        if (item[count].key == NULL || item[count].value == NULL)
            return pfs_arena_full(arena, err);
        item[count].place = found ? o->item[at].place : last_place(o) + 1;
        count++;
    }
    for (int32_t i = at + found; i < o->count; i++)
        item[count++] = o->item[i];
    assert(count <= o->count + 1);
    *out = (struct pfs_options){count, item};
    return 0;
}

/* An empty text is a list of one empty item, as Java's split has it. */
int pfs_options_list(const char *text, struct pfs_arena *arena, const char ***out, int32_t *count, struct pfs_err *err)
{
    size_t commas = 0;
    const char **list;

    for (const char *p = text; *p != '\0'; p++)
        commas += *p == ',';
    list = pfs_arena_array(arena, commas + 1, sizeof(*list));
    if (list == NULL)
        return pfs_arena_full(arena, err);
    *count = 0;
    for (const char *p = text;; p++) {
        size_t len = strcspn(p, ","), from = 0, to = len;

        while (from < to && (p[from] == ' ' || p[from] == '\t'))
            from++;
        while (to > from && (p[to - 1] == ' ' || p[to - 1] == '\t'))
            to--;
        list[*count] = pfs_arena_string(arena, pfs_slice_of(p + from, to - from));
        if (list[(*count)++] == NULL)
            return pfs_arena_full(arena, err);
        assert((size_t)*count <= commas + 1);
        p += len;
        if (*p == '\0')
            break;
    }
    for (size_t len = strlen(text); len > 0 && text[len - 1] == ','; len--)
        (*count)--; /* nothing behind the last comma is no item */
    *out = list;
    return 0;
}
