/* schema.c - the header's JSON as a tree of types, each name resolved where it stands.
 *
 * A named type may be used again by its name. It is parsed anew there, since other fields of it may be wanted: so a
 * tree of types has no cycles, one that would is refused as too deep, and all that are unfolded are counted. */
#include "format/avro/schema.h"

#include <assert.h>
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "base/limits.h"

/* References multiply: a schema of some hundred bytes could unfold to more types than memory holds. */
#define TYPES_MAX (2 * PFS_COLUMNS_MAX)

struct named { /* a type that a later string may mean, newest first */
    struct named *next;
    const char *name; /* without its namespace; the JSON owns it */
    const json_t *json;
};

struct parser {
    struct pfs_arena *arena;
    struct pfs_err *err;
    struct named *named;
    int32_t types; /* unfolded so far */
};

static int parse(struct parser *p, const json_t *json, const struct pfs_avro_wanted *wanted, int depth,
                 struct pfs_avro_schema *out);

static int damaged(struct parser *p, const char *what)
{
    return pfs_fail(p->err, EIO, "the Avro schema is damaged: %s", what);
}

static const struct {
    const char *name;
    enum pfs_avro_type type;
} primitives[] = {
    {"null", PFS_AVRO_T_NULL},   {"boolean", PFS_AVRO_T_BOOLEAN}, {"int", PFS_AVRO_T_INT},
    {"long", PFS_AVRO_T_INT},    {"float", PFS_AVRO_T_FLOAT},     {"double", PFS_AVRO_T_DOUBLE},
    {"bytes", PFS_AVRO_T_BYTES}, {"string", PFS_AVRO_T_BYTES},
};

/* ---- names ---- */

static const char *last_part(const char *name)
{
    const char *dot = strrchr(name, '.');

    return dot == NULL ? name : dot + 1;
}

static int define(struct parser *p, const json_t *json)
{
    const char *name = json_string_value(json_object_get(json, "name"));
    struct named *n;

    if (name == NULL)
        return damaged(p, "a type without a name");
    n = pfs_arena_alloc(p->arena, sizeof(*n));
    if (n == NULL)
        return pfs_arena_full(p->arena, p->err);
    /* Compared without namespaces: a name may be used with the one that it was defined in, or without. */
    *n = (struct named){p->named, last_part(name), json};
    p->named = n;
    return 0;
}

static int parse_name(struct parser *p, const char *name, const struct pfs_avro_wanted *wanted, int depth,
                      struct pfs_avro_schema *out)
{
    for (size_t i = 0; i < sizeof(primitives) / sizeof(primitives[0]); i++)
        if (strcmp(primitives[i].name, name) == 0) {
            out->type = primitives[i].type;
            return 0;
        }
    for (const struct named *n = p->named; n != NULL; n = n->next)
        if (strcmp(n->name, last_part(name)) == 0)
            return parse(p, n->json, wanted, depth + 1, out);
    return damaged(p, "a type that is not known");
}

/* ---- composed types ---- */

/* Items and fields must take bytes, else a count is bounded by nothing. */
static bool takes_bytes(const struct pfs_avro_schema *s)
{
    return s->type != PFS_AVRO_T_NULL && (s->type != PFS_AVRO_T_FIXED || s->size > 0) &&
           (s->type != PFS_AVRO_T_RECORD || s->children > 0);
}

static int children(struct parser *p, struct pfs_avro_schema *out, size_t count)
{
    if (count > PFS_COLUMNS_MAX)
        return damaged(p, "too many fields");
    out->children = (int32_t)count;
    out->child = pfs_arena_array(p->arena, count, sizeof(*out->child));
    return out->child == NULL ? pfs_arena_full(p->arena, p->err) : 0;
}

static int parse_child(struct parser *p, const json_t *json, const struct pfs_avro_wanted *wanted, int depth,
                       struct pfs_avro_schema *out)
{
    PFS_TRY(parse(p, json, wanted, depth + 1, out));
    return takes_bytes(out) ? 0 : damaged(p, "a value that takes no bytes");
}

static int parse_union(struct parser *p, const json_t *json, const struct pfs_avro_wanted *wanted, int depth,
                       struct pfs_avro_schema *out)
{
    out->type = PFS_AVRO_T_UNION;
    PFS_TRY(children(p, out, json_array_size(json)));
    for (int32_t i = 0; i < out->children; i++)
        PFS_TRY(parse(p, json_array_get(json, (size_t)i), wanted, depth + 1, &out->child[i]));
    return 0;
}

static int32_t place_of(const struct pfs_avro_wanted *wanted, const char *name)
{
    assert(name != NULL);
    for (int32_t i = 0; wanted != NULL && wanted[i].name != NULL; i++)
        if (strcmp(wanted[i].name, name) == 0)
            return i;
    return -1;
}

/* The name is known before the fields are parsed: a record that holds itself then finds itself, and is refused as too
 * deep instead of unknown. */
static int parse_record(struct parser *p, const json_t *json, const struct pfs_avro_wanted *wanted, int depth,
                        struct pfs_avro_schema *out)
{
    const json_t *fields = json_object_get(json, "fields");

    if (!json_is_array(fields))
        return damaged(p, "a record without fields");
    out->type = PFS_AVRO_T_RECORD;
    PFS_TRY(define(p, json));
    PFS_TRY(children(p, out, json_array_size(fields)));
    out->place = pfs_arena_array(p->arena, (size_t)out->children, sizeof(*out->place));
    out->name = pfs_arena_array(p->arena, (size_t)out->children, sizeof(*out->name));
    if (out->place == NULL || out->name == NULL)
        return pfs_arena_full(p->arena, p->err);
    assert(out->wanted == 0);
    while (wanted != NULL && wanted[out->wanted].name != NULL)
        out->wanted++;
    for (int32_t i = 0; i < out->children; i++) {
        const json_t *field = json_array_get(fields, (size_t)i);
        const char *name = json_string_value(json_object_get(field, "name"));

        if (name == NULL)
            return damaged(p, "a field without a name");
        out->place[i] = place_of(wanted, name);
        out->name[i] = pfs_arena_string(p->arena, pfs_str(name));
        if (out->name[i] == NULL)
            return pfs_arena_full(p->arena, p->err);
        PFS_TRY(parse_child(p, json_object_get(field, "type"), out->place[i] < 0 ? NULL : wanted[out->place[i]].fields,
                            depth, &out->child[i]));
    }
    return 0;
}

static int parse_enum(struct parser *p, const json_t *json, struct pfs_avro_schema *out)
{
    const json_t *symbols = json_object_get(json, "symbols");
    size_t count = json_array_size(symbols);

    if (count == 0 || count > PFS_COLUMNS_MAX)
        return damaged(p, "an enum without symbols");
    out->type = PFS_AVRO_T_ENUM;
    out->children = (int32_t)count;
    out->symbol = pfs_arena_array(p->arena, count, sizeof(*out->symbol));
    if (out->symbol == NULL)
        return pfs_arena_full(p->arena, p->err);
    for (size_t i = 0; i < count; i++) {
        const json_t *symbol = json_array_get(symbols, i);

        if (!json_is_string(symbol))
            return damaged(p, "an enum without symbols");
        if (!pfs_arena_copy(p->arena, pfs_slice_of(json_string_value(symbol), json_string_length(symbol)),
                            &out->symbol[i]))
            return pfs_arena_full(p->arena, p->err);
    }
    return define(p, json);
}

static int parse_fixed(struct parser *p, const json_t *json, struct pfs_avro_schema *out)
{
    const json_t *size = json_object_get(json, "size");

    if (!json_is_integer(size) || json_integer_value(size) < 0 || json_integer_value(size) > INT32_MAX)
        return damaged(p, "a fixed without a size");
    out->type = PFS_AVRO_T_FIXED;
    out->size = (int32_t)json_integer_value(size);
    return define(p, json);
}

static int parse_object(struct parser *p, const json_t *json, const struct pfs_avro_wanted *wanted, int depth,
                        struct pfs_avro_schema *out)
{
    const json_t *type = json_object_get(json, "type");
    const char *name = json_string_value(type);

    if (name == NULL) /* {"type": {...}} */
        return parse(p, type, wanted, depth + 1, out);
    if (strcmp(name, "record") == 0)
        return parse_record(p, json, wanted, depth, out);
    if (strcmp(name, "array") == 0 || strcmp(name, "map") == 0) {
        out->type = name[0] == 'a' ? PFS_AVRO_T_ARRAY : PFS_AVRO_T_MAP;
        PFS_TRY(children(p, out, 1));
        return parse_child(p, json_object_get(json, name[0] == 'a' ? "items" : "values"), wanted, depth,
                           &out->child[0]);
    }
    if (strcmp(name, "fixed") == 0)
        return parse_fixed(p, json, out);
    if (strcmp(name, "enum") == 0)
        return parse_enum(p, json, out);
    return parse(p, type, wanted, depth + 1, out); /* a logical type, or a type without properties */
}

static int parse(struct parser *p, const json_t *json, const struct pfs_avro_wanted *wanted, int depth,
                 struct pfs_avro_schema *out)
{
    assert(depth >= 0);
    *out = (struct pfs_avro_schema){0};
    if (depth > PFS_JSON_DEPTH_MAX)
        return damaged(p, "nested too deep");
    if (++p->types > TYPES_MAX)
        return damaged(p, "too many types");
    if (json_is_array(json))
        return parse_union(p, json, wanted, depth, out);
    if (json_is_object(json))
        return parse_object(p, json, wanted, depth, out);
    if (json_is_string(json))
        return parse_name(p, json_string_value(json), wanted, depth, out);
    return damaged(p, "a type that is not known");
}

/* Rows that may be null, says the file; none is. Paimon writes the rows of tables with BLOBs so. */
static void leave_union(struct pfs_avro_schema *out, int32_t *branch)
{
    *branch = -1;
    if (out->type != PFS_AVRO_T_UNION || out->children != 2)
        return;
    for (int32_t i = 0; i < 2; i++)
        if (out->child[i].type == PFS_AVRO_T_RECORD && out->child[1 - i].type == PFS_AVRO_T_NULL) {
            *branch = i;
            *out = out->child[i];
            return;
        }
}

int pfs_avro_schema_parse(struct pfs_slice json, struct pfs_arena *arena, struct pfs_avro_schema *out,
                          const struct pfs_avro_wanted *wanted, int32_t *branch, struct pfs_err *err)
{
    struct parser p = {.arena = arena, .err = err};
    json_error_t why;
    json_t *root;
    int rc;

    if (pfs_json_is_deeper(json, 4 * PFS_JSON_DEPTH_MAX))
        return damaged(&p, "nested too deep");
    root = json_loadb((const char *)json.at, json.len, JSON_DECODE_ANY, &why);
    if (root == NULL)
        return damaged(&p, "not JSON");
    rc = parse(&p, root, wanted, 0, out);
    if (rc == 0 && branch != NULL)
        leave_union(out, branch);
    if (rc == 0 && (out->type != PFS_AVRO_T_RECORD || !takes_bytes(out)))
        rc = damaged(&p, "not a record");
    json_decref(root);
    return rc;
}
