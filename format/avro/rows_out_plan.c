/* rows_out_plan.c - the schema of the file, and with it the nodes that write it.
 *
 * The text is Paimon's own, names of records with it: record, record_a, record_a_b by the path of a field. One plan
 * gives both, so that no field is written otherwise than the schema says. */
#include <assert.h>
#include <errno.h>

#include "format/avro/rows_out.h"

/* Names of Avro: letters (of any script), digits and _, no digit in front. */
static int check_name(const char *name, struct pfs_err *err)
{
    bool good = name[0] != '\0' && !(name[0] >= '0' && name[0] <= '9');

    for (const char *p = name; *p != '\0' && good; p++)
        good = (unsigned char)*p >= 128 || *p == '_' || (*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') ||
               (*p >= 'A' && *p <= 'Z');
    return good ? 0 : pfs_fail(err, EINVAL, "Avro files cannot have a column of the name \"%s\"", name);
}

static int refuse(const struct pfs_type *type, struct pfs_err *err)
{
    struct pfs_buf text = {0};

    pfs_type_print(type, &text);
    (void)pfs_fail(err, EOPNOTSUPP, "Avro files have no %.*s", PFS_P(pfs_buf_slice(&text)));
    pfs_buf_done(&text);
    return -EOPNOTSUPP;
}

/* The text of a type that neither nests nor has parameters; NULL of others. A TIMESTAMP is Avro's instant and an LTZ
 * its local time: Paimon's old exchange of the two, which its readers rely on. */
static const char *simple_schema(const struct pfs_type *type)
{
    static const char *const texts[PFS_KIND_COUNT] = {
        [PFS_BOOLEAN] = "\"boolean\"",
        [PFS_TINYINT] = "\"int\"",
        [PFS_SMALLINT] = "\"int\"",
        [PFS_INT] = "\"int\"",
        [PFS_BIGINT] = "\"long\"",
        [PFS_FLOAT] = "\"float\"",
        [PFS_DOUBLE] = "\"double\"",
        [PFS_CHAR] = "\"string\"",
        [PFS_VARCHAR] = "\"string\"",
        [PFS_BINARY] = "\"bytes\"",
        [PFS_VARBINARY] = "\"bytes\"",
        [PFS_BLOB] = "\"bytes\"",
        [PFS_DATE] = "{\"type\":\"int\",\"logicalType\":\"date\"}",
        [PFS_TIME] = "{\"type\":\"int\",\"logicalType\":\"time-millis\"}",
    };

    if (type->kind == PFS_TIMESTAMP)
        return type->precision <= 3   ? "{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}"
               : type->precision <= 6 ? "{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}"
                                      : NULL;
    if (type->kind == PFS_TIMESTAMP_LTZ)
        return type->precision <= 3   ? "{\"type\":\"long\",\"logicalType\":\"local-timestamp-millis\"}"
               : type->precision <= 6 ? "{\"type\":\"long\",\"logicalType\":\"local-timestamp-micros\"}"
                                      : NULL;
    return texts[type->kind];
}

static int new_children(struct pfs_avro_out *out, int32_t children, struct pfs_arena *arena, struct pfs_err *err)
{
    assert(children >= 0);
    out->child = pfs_arena_array(arena, (size_t)children, sizeof(*out->child));
    if (out->child == NULL)
        return pfs_arena_full(arena, err);
    out->children = children;
    return 0;
}

static const char *inner_name(const char *record, const char *name, struct pfs_arena *arena)
{
    return pfs_arena_printf(arena, "%s_%s", record, name);
}

static int plan_row(const struct pfs_type *type, const char *record, struct pfs_arena *arena, struct pfs_avro_out *out,
                    struct pfs_buf *schema, struct pfs_err *err)
{
    PFS_TRY(new_children(out, type->children, arena, err));
    pfs_buf_printf(schema, "{\"type\":\"record\",\"name\":\"%s\",", record);
    PFS_TRY(pfs_avro_out_plan_fields(type->child, type->children, record, arena, out->child, schema, err));
    pfs_buf_puts(schema, "}");
    return 0;
}

static int plan_array(const struct pfs_type *type, const char *record, struct pfs_arena *arena,
                      struct pfs_avro_out *out, struct pfs_buf *schema, struct pfs_err *err)
{
    PFS_TRY(new_children(out, 1, arena, err));
    pfs_buf_puts(schema, "{\"type\":\"array\",\"items\":");
    PFS_TRY(pfs_avro_out_plan(&type->child[0], record, arena, &out->child[0], schema, err));
    pfs_buf_puts(schema, "}");
    return 0;
}

/* Keys of an Avro map are strings, and are not told to be. */
static const struct pfs_field count_field = {.id = -1, .name = "value", .type = {.kind = PFS_INT, .nullable = true}};

static int plan_map(const struct pfs_type *type, const char *record, struct pfs_arena *arena, struct pfs_avro_out *out,
                    struct pfs_buf *schema, struct pfs_err *err)
{
    const struct pfs_field *value = type->kind == PFS_MAP ? &type->child[1] : &count_field;
    struct pfs_field *key = pfs_arena_alloc(arena, sizeof(*key));
    struct pfs_buf none = {0};
    int rc;

    PFS_TRY(new_children(out, 2, arena, err));
    if (key == NULL)
        return pfs_arena_full(arena, err);
    assert(pfs_kind_is_text(type->child[0].type.kind));
    *key = type->child[0];
    key->name = "key";
    key->type.nullable = false;
    pfs_buf_puts(schema, "{\"type\":\"map\",\"values\":");
    rc = pfs_avro_out_plan(key, record, arena, &out->child[0], &none, err);
    pfs_buf_done(&none);
    PFS_TRY(rc);
    PFS_TRY(pfs_avro_out_plan(value, record, arena, &out->child[1], schema, err));
    pfs_buf_puts(schema, "}");
    return 0;
}

/* Maps of other keys are arrays of entries; the key alone has no default. */
static int plan_entries(const struct pfs_type *type, const char *record, struct pfs_arena *arena,
                        struct pfs_avro_out *out, struct pfs_buf *schema, struct pfs_err *err)
{
    const char *key = inner_name(record, "key", arena), *value = inner_name(record, "value", arena);

    PFS_TRY(new_children(out, 2, arena, err));
    if (key == NULL || value == NULL)
        return pfs_arena_full(arena, err);
    pfs_buf_printf(schema, "{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"%s\",\"fields\":[", record);
    pfs_buf_puts(schema, "{\"name\":\"key\",\"type\":");
    PFS_TRY(pfs_avro_out_plan(&type->child[0], key, arena, &out->child[0], schema, err));
    pfs_buf_puts(schema, "},{\"name\":\"value\",\"type\":");
    PFS_TRY(pfs_avro_out_plan(&type->child[1], value, arena, &out->child[1], schema, err));
    if (type->child[1].type.nullable)
        pfs_buf_puts(schema, ",\"default\":null");
    pfs_buf_puts(schema, "}]},\"logicalType\":\"map\"}");
    return 0;
}

/* The type without its null. A MAP or MULTISET of text is Avro's map, whose keys are strings; another MAP is an array
 * of entries, and another MULTISET has no form. */
static int plan_present(const struct pfs_type *type, const char *record, struct pfs_arena *arena,
                        struct pfs_avro_out *out, struct pfs_buf *schema, struct pfs_err *err)
{
    if (type->kind == PFS_ROW)
        return plan_row(type, record, arena, out, schema, err);
    if (type->kind == PFS_ARRAY)
        return plan_array(type, record, arena, out, schema, err);
    if (pfs_kind_is_nested(type->kind)) {
        if (pfs_kind_is_text(type->child[0].type.kind))
            return plan_map(type, record, arena, out, schema, err);
        return type->kind == PFS_MAP ? plan_entries(type, record, arena, out, schema, err) : refuse(type, err);
    }
    pfs_avro_out_kernels(out);
    if (type->kind == PFS_DECIMAL)
        pfs_buf_printf(schema, "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":%d,\"scale\":%d}",
                       type->precision, type->scale);
    else if (simple_schema(type) != NULL)
        pfs_buf_puts(schema, simple_schema(type));
    else
        return refuse(type, err);
    return 0;
}

/* Null comes first in the union: its default, null, must be of the first branch. */
int pfs_avro_out_plan(const struct pfs_field *field, const char *record, struct pfs_arena *arena,
                      struct pfs_avro_out *out, struct pfs_buf *schema, struct pfs_err *err)
{
    *out = (struct pfs_avro_out){.type = &field->type, .name = field->name, .tagged = field->type.nullable};
    if (out->tagged)
        pfs_buf_puts(schema, "[\"null\",");
    PFS_TRY(plan_present(&field->type, record, arena, out, schema, err));
    if (out->tagged)
        pfs_buf_puts(schema, "]");
    return 0;
}

int pfs_avro_out_plan_fields(const struct pfs_field *fields, int32_t count, const char *record, struct pfs_arena *arena,
                             struct pfs_avro_out *out, struct pfs_buf *schema, struct pfs_err *err)
{
    pfs_buf_puts(schema, "\"fields\":[");
    for (int32_t i = 0; i < count; i++) {
        const char *inner = inner_name(record, fields[i].name, arena);

        if (inner == NULL)
            return pfs_arena_full(arena, err);
        PFS_TRY(check_name(fields[i].name, err));
        pfs_buf_printf(schema, "%s{\"name\":\"%s\",\"type\":", i > 0 ? "," : "", fields[i].name);
        PFS_TRY(pfs_avro_out_plan(&fields[i], inner, arena, &out[i], schema, err));
        pfs_buf_puts(schema, fields[i].type.nullable ? ",\"default\":null}" : "}");
    }
    pfs_buf_puts(schema, "]");
    return 0;
}
