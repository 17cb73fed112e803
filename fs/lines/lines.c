/* lines.c - where records end, and what stands in them.
 *
 * The first line says what the others are: a header, a bare key, or an object. Only as much is understood as is needed
 * to find the key; everything else goes through as it came. */
#include <assert.h>
#include <string.h>

#include "fs/lines/internal.h"

#define FIELDS_MAX 4096

/* A quote opens a field or closes it, or is one of two: between them a line does not end. So their number alone tells
 * whether one is open, wherever they stand. */
static size_t count_quotes(const uint8_t *at, const uint8_t *end)
{
    size_t count = 0;

    while (at < end && (at = memchr(at, '"', (size_t)(end - at))) != NULL) {
        count++;
        at++;
    }
    return count;
}

/* A carriage return in front of the newline belongs to the end, not to the line. */
bool pfs_enrich_line(enum pfs_text format, struct pfs_slice in, bool last, size_t *at, struct pfs_slice *out)
{
    const uint8_t *from = in.at + *at, *end = in.at + in.len, *seen = from, *stop;
    size_t quotes = 0;

    assert(*at <= in.len);
    if (*at == in.len)
        return false;
    for (;;) {
        stop = memchr(seen, '\n', (size_t)(end - seen));
        if (stop == NULL && !last)
            return false;
        if (stop == NULL)
            stop = end;
        if (format == PFS_TEXT_CSV)
            quotes += count_quotes(seen, stop);
        if (quotes % 2 == 0 || stop == end)
            break;
        seen = stop + 1;
    }
    *at = (size_t)(stop - in.at) + (stop < end);
    if (stop > from && stop[-1] == '\r')
        stop--;
    *out = pfs_slice_of(from, (size_t)(stop - from));
    return true;
}

/* ---- the first record ---- */

/* The text of a field that begins with a quote; *used: its bytes in the line. */
static char *quoted_field(struct pfs_slice rest, struct pfs_arena *arena, size_t *used)
{
    size_t end = 1, len = 0;
    char *text;

    assert(rest.len > 0 && rest.at[0] == '"');
    while (end < rest.len && (rest.at[end] != '"' || (end + 1 < rest.len && rest.at[end + 1] == '"')))
        end += rest.at[end] == '"' ? 2 : 1;
    text = pfs_arena_alloc(arena, end);
    for (size_t i = 1; text != NULL && i < end; i++) {
        i += rest.at[i] == '"';
        text[len++] = (char)rest.at[i];
    }
    if (text != NULL)
        text[len] = '\0';
    *used = end < rest.len ? end + 1 : end;
    return text;
}

int pfs_enrich_field(struct pfs_slice line, size_t *at, struct pfs_arena *arena, char **out, struct pfs_err *err)
{
    struct pfs_slice rest = {line.at + *at, line.len - *at};
    size_t used;

    if (*at > line.len)
        return 0;
    if (rest.len > 0 && rest.at[0] == '"') {
        *out = quoted_field(rest, arena, &used);
    } else {
        const uint8_t *comma = rest.len > 0 ? memchr(rest.at, ',', rest.len) : NULL;

        used = comma != NULL ? (size_t)(comma - rest.at) : rest.len;
        *out = pfs_arena_string(arena, pfs_slice_of(rest.at, used));
    }
    *at += used + 1;
    return *out == NULL ? pfs_arena_full(arena, err) : 1;
}

/* Columns that a view adds and an inbox takes: they are nobody's own. */
static bool is_special(const char *name)
{
    return strcmp(name, "_kind") == 0 || strcmp(name, "rowkind") == 0 || strcmp(name, "_snapshot") == 0;
}

/* The number of fields when none has that name. */
static int32_t find_field(const struct pfs_enrich_shape *shape, const char *name)
{
    int32_t i = 0;

    while (i < shape->fields && strcmp(shape->field[i].name, name) != 0)
        i++;
    return i;
}

bool pfs_enrich_has(const struct pfs_enrich_shape *shape, const char *name)
{
    return find_field(shape, name) < shape->fields;
}

/* Fields named as in the line: those of the key with their types, all others text. 1: the whole key is there. */
static int take_header(const struct pfs_schema *schema, struct pfs_slice line, struct pfs_arena *arena,
                       struct pfs_enrich_shape *out, int32_t *fields, struct pfs_err *err)
{
    static const struct pfs_type text = {.kind = PFS_VARCHAR, .nullable = true, .length = INT32_MAX};
    bool all = true;
    size_t at = 0;
    char *name;
    int rc;

    while (*fields <= FIELDS_MAX && (rc = pfs_enrich_field(line, &at, arena, &name, err)) != 0) {
        if (rc < 0)
            return rc;
        if (++*fields <= FIELDS_MAX && !is_special(name))
            out->field[out->fields++] = (struct pfs_field){.id = -1, .name = name, .type = text};
    }
    assert(out->fields <= FIELDS_MAX);
    for (int32_t i = 0; i < schema->primary_keys; i++) {
        const struct pfs_field *key = &schema->field[schema->primary_key[i]];

        out->key[i] = find_field(out, key->name);
        all &= out->key[i] < out->fields;
        if (out->key[i] < out->fields)
            out->field[out->key[i]].type = key->type;
    }
    return all;
}

/* The primary key, in order. */
static void take_keys(const struct pfs_schema *schema, struct pfs_enrich_shape *out)
{
    out->fields = schema->primary_keys;
    for (int32_t i = 0; i < schema->primary_keys; i++) {
        out->field[i] = schema->field[schema->primary_key[i]];
        out->key[i] = i;
    }
}

static int fail_first(const struct pfs_schema *schema, struct pfs_arena *arena, struct pfs_err *err)
{
    const char *names = "";

    for (int32_t i = 0; i < schema->primary_keys && names != NULL; i++)
        names = pfs_arena_printf(arena, "%s%s%s", names, i > 0 ? ", " : "", schema->field[schema->primary_key[i]].name);
    return pfs_fail(err, EINVAL, "the first line is neither a header that has %s nor those values",
                    names != NULL ? names : "the primary key");
}

/* One line decides for all: a stream that changes its shape is refused by the parser. */
int pfs_enrich_understand(const struct pfs_schema *schema, struct pfs_slice line, struct pfs_arena *arena,
                          struct pfs_enrich_shape *out, struct pfs_err *err)
{
    int32_t fields = 0;
    int rc = 0;

    assert(schema->primary_keys > 0);
    assert(schema->primary_keys <= FIELDS_MAX);
    *out = (struct pfs_enrich_shape){.format = line.len > 0 && line.at[0] == '{' ? PFS_TEXT_JSON : PFS_TEXT_CSV};
    out->field = pfs_arena_array(arena, FIELDS_MAX, sizeof(*out->field));
    out->key = pfs_arena_array(arena, (size_t)schema->primary_keys, sizeof(*out->key));
    if (out->field == NULL || out->key == NULL)
        return pfs_arena_full(arena, err);
    if (out->format == PFS_TEXT_CSV)
        PFS_TRY(rc = take_header(schema, line, arena, out, &fields, err));
    out->header = rc > 0;
    if (out->header && !pfs_arena_copy(arena, line, &out->line))
        return pfs_arena_full(arena, err);
    if (!out->header)
        take_keys(schema, out);
    for (int32_t i = 0; i < out->fields; i++) { /* a null is a key without a row, or none of our business */
        out->field[i].type.nullable = true;
        out->field[i].default_value = NULL;
    }
    if (out->format == PFS_TEXT_CSV && (fields > FIELDS_MAX || (!out->header && fields != schema->primary_keys)))
        return fail_first(schema, arena, err);
    return 0;
}
