/* schema_print.c - a schema as Paimon writes it (JSON), and as a person does (SQL).
 *
 * The JSON is Jackson's pretty printing, to the byte: two blanks a level, " : " between key and value, arrays on one
 * line, objects in them spread. Compact forms are the same text without the blanks outside of strings. Nothing here
 * fails but for want of memory, which the buffer remembers.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "src/meta/json.h"
#include "src/meta/schema.h"

/* ---- JSON, laid out like Paimon's ---- */

static void indent(struct pfs_buf *out, int depth)
{
    pfs_buf_putc(out, '\n');
    for (int i = 0; i < depth; i++)
        pfs_buf_puts(out, "  ");
}

/* The member's beginning, on a line of its own. */
static void put_key(struct pfs_buf *out, int depth, bool first, const char *key)
{
    if (!first)
        pfs_buf_putc(out, ',');
    indent(out, depth);
    pfs_json_print_text(out, key);
    pfs_buf_puts(out, " : ");
}

static void put_fields(struct pfs_buf *out, int depth, const struct pfs_field *field, int32_t count);

/* Text, or where it nests an object with its parts as further members. */
static void put_type(struct pfs_buf *out, int depth, const struct pfs_type *t)
{
    static const char *const words[] = {
        [PFS_ARRAY] = "ARRAY", [PFS_MAP] = "MAP", [PFS_MULTISET] = "MULTISET", [PFS_ROW] = "ROW"};
    struct pfs_buf text = {0};

    if (!pfs_kind_is_nested(t->kind)) {
        pfs_type_print(t, &text);
        pfs_buf_putc(&text, 0);
        if (text.failed)
            out->failed = true;
        else
            pfs_json_print_text(out, (const char *)text.at);
        pfs_buf_done(&text);
        return;
    }
    assert(words[t->kind] != NULL);
    pfs_buf_putc(out, '{');
    put_key(out, depth + 1, true, "type");
    pfs_buf_printf(out, "\"%s%s\"", words[t->kind], t->nullable ? "" : " NOT NULL");
    if (t->kind == PFS_ROW) {
        put_key(out, depth + 1, false, "fields");
        put_fields(out, depth + 1, t->child, t->children);
    }
    for (int32_t i = 0; t->kind != PFS_ROW && i < t->children; i++) {
        put_key(out, depth + 1, false, t->child[i].name);
        put_type(out, depth + 1, &t->child[i].type);
    }
    indent(out, depth);
    pfs_buf_putc(out, '}');
}

/* An array of objects: the brackets stand on the lines of the first and the last one. */
static void put_fields(struct pfs_buf *out, int depth, const struct pfs_field *field, int32_t count)
{
    if (count == 0) {
        pfs_buf_puts(out, "[ ]");
        return;
    }
    pfs_buf_puts(out, "[ ");
    for (int32_t i = 0; i < count; i++) {
        pfs_buf_puts(out, i == 0 ? "{" : ", {");
        put_key(out, depth + 1, true, "id");
        pfs_buf_printf(out, "%d", field[i].id);
        put_key(out, depth + 1, false, "name");
        pfs_json_print_text(out, field[i].name);
        put_key(out, depth + 1, false, "type");
        put_type(out, depth + 1, &field[i].type);
        if (field[i].comment != NULL) {
            put_key(out, depth + 1, false, "description");
            pfs_json_print_text(out, field[i].comment);
        }
        if (field[i].default_value != NULL) {
            put_key(out, depth + 1, false, "defaultValue");
            pfs_json_print_text(out, field[i].default_value);
        }
        indent(out, depth);
        pfs_buf_putc(out, '}');
    }
    pfs_buf_puts(out, " ]");
}

/* Names of columns by their indexes. */
static void put_names(struct pfs_buf *out, const struct pfs_schema *s, const int32_t *key, int32_t count)
{
    pfs_buf_puts(out, "[ ");
    for (int32_t i = 0; i < count; i++) {
        assert(key[i] >= 0 && key[i] < s->columns);
        if (i > 0)
            pfs_buf_puts(out, ", ");
        pfs_json_print_text(out, s->field[key[i]].name);
    }
    pfs_buf_puts(out, count == 0 ? "]" : " ]");
}

/* In the order that Paimon would print them in. */
static void put_options(struct pfs_buf *out, const struct pfs_options *o)
{
    if (o->count == 0) {
        pfs_buf_puts(out, "{ }");
        return;
    }
    pfs_buf_putc(out, '{');
    for (int32_t i = pfs_options_next(o, -1), first = i; i >= 0; i = pfs_options_next(o, i)) {
        put_key(out, 2, i == first, o->item[i].key);
        pfs_json_print_text(out, o->item[i].value);
    }
    indent(out, 1);
    pfs_buf_putc(out, '}');
}

/* Members in Paimon's order; the comment is left out where there is none. */
int pfs_schema_print(const struct pfs_schema *s, struct pfs_buf *out, struct pfs_err *err)
{
    pfs_buf_putc(out, '{');
    put_key(out, 1, true, "version");
    pfs_buf_printf(out, "%d", s->version);
    put_key(out, 1, false, "id");
    pfs_buf_printf(out, "%lld", (long long)s->id);
    put_key(out, 1, false, "fields");
    put_fields(out, 1, s->field, s->columns);
    put_key(out, 1, false, "highestFieldId");
    pfs_buf_printf(out, "%d", s->highest_field_id);
    put_key(out, 1, false, "partitionKeys");
    put_names(out, s, s->partition_key, s->partition_keys);
    put_key(out, 1, false, "primaryKeys");
    put_names(out, s, s->primary_key, s->primary_keys);
    put_key(out, 1, false, "options");
    put_options(out, &s->options);
    if (s->comment != NULL) {
        put_key(out, 1, false, "comment");
        pfs_json_print_text(out, s->comment);
    }
    put_key(out, 1, false, "timeMillis");
    pfs_buf_printf(out, "%lld", (long long)s->time_ms);
    pfs_buf_puts(out, "\n}");
    return pfs_buf_check(out, err);
}

/* Appends the text without the blanks that stand outside of strings. */
static void squeeze(struct pfs_slice text, struct pfs_buf *out)
{
    bool quoted = false;

    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.at[i];

        if (!quoted && (c == ' ' || c == '\n'))
            continue;
        pfs_buf_putc(out, c);
        if (c == '"')
            quoted = !quoted;
        else if (quoted && c == '\\' && i + 1 < text.len)
            pfs_buf_putc(out, text.at[++i]);
    }
}

int pfs_schema_print_part(const struct pfs_schema *s, enum pfs_schema_part part, struct pfs_buf *out,
                          struct pfs_err *err)
{
    struct pfs_buf text = {0};
    int rc;

    switch (part) {
    case PFS_SCHEMA_FIELDS:
        put_fields(&text, 0, s->field, s->columns);
        break;
    case PFS_SCHEMA_PARTITION_KEYS:
        put_names(&text, s, s->partition_key, s->partition_keys);
        break;
    case PFS_SCHEMA_PRIMARY_KEYS:
        put_names(&text, s, s->primary_key, s->primary_keys);
        break;
    case PFS_SCHEMA_OPTIONS:
        put_options(&text, &s->options);
        break;
    }
    rc = pfs_buf_check(&text, err);
    if (rc == 0)
        squeeze(pfs_buf_slice(&text), out);
    pfs_buf_done(&text);
    return rc < 0 ? rc : pfs_buf_check(out, err);
}

/* ---- SQL ---- */

/* Quotes within are doubled, as in SQL; a backslash is one character like others. */
static void put_quoted(struct pfs_buf *out, char quote, const char *text)
{
    pfs_buf_putc(out, (uint8_t)quote);
    for (; *text != '\0'; text++) {
        if (*text == quote)
            pfs_buf_putc(out, (uint8_t)quote);
        pfs_buf_putc(out, (uint8_t)*text);
    }
    pfs_buf_putc(out, (uint8_t)quote);
}

static void put_columns(struct pfs_buf *out, const struct pfs_schema *s, const int32_t *key, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        if (i > 0)
            pfs_buf_puts(out, ", ");
        put_quoted(out, '`', s->field[key[i]].name);
    }
}

/* One line of the statement. Defaults are texts to Paimon, whatever the column's type. */
static void put_column(struct pfs_buf *out, const struct pfs_field *f)
{
    pfs_buf_puts(out, "  ");
    put_quoted(out, '`', f->name);
    pfs_buf_putc(out, ' ');
    pfs_type_print(&f->type, out);
    if (f->default_value != NULL) {
        pfs_buf_puts(out, " DEFAULT ");
        put_quoted(out, '\'', f->default_value);
    }
    if (f->comment != NULL) {
        pfs_buf_puts(out, " COMMENT ");
        put_quoted(out, '\'', f->comment);
    }
}

/* A statement that Flink takes and that makes the table again: columns, keys, then all options but none of the
 * defaults. */
int pfs_schema_print_sql(const struct pfs_schema *s, const char *database, const char *table, struct pfs_buf *out,
                         struct pfs_err *err)
{
    pfs_buf_puts(out, "CREATE TABLE ");
    put_quoted(out, '`', database);
    pfs_buf_putc(out, '.');
    put_quoted(out, '`', table);
    pfs_buf_puts(out, " (\n");
    for (int32_t i = 0; i < s->columns; i++) {
        if (i > 0)
            pfs_buf_puts(out, ",\n");
        put_column(out, &s->field[i]);
    }
    if (s->primary_keys > 0) {
        pfs_buf_puts(out, ",\n  PRIMARY KEY (");
        put_columns(out, s, s->primary_key, s->primary_keys);
        pfs_buf_puts(out, ") NOT ENFORCED");
    }
    pfs_buf_puts(out, "\n)");
    if (s->comment != NULL) {
        pfs_buf_puts(out, " COMMENT ");
        put_quoted(out, '\'', s->comment);
    }
    if (s->partition_keys > 0) {
        pfs_buf_puts(out, " PARTITIONED BY (");
        put_columns(out, s, s->partition_key, s->partition_keys);
        pfs_buf_putc(out, ')');
    }
    for (int32_t i = 0; i < s->options.count; i++) {
        pfs_buf_puts(out, i == 0 ? " WITH (\n  " : ",\n  ");
        put_quoted(out, '\'', s->options.item[i].key);
        pfs_buf_puts(out, " = ");
        put_quoted(out, '\'', s->options.item[i].value);
    }
    pfs_buf_puts(out, s->options.count > 0 ? "\n);\n" : ";\n");
    return pfs_buf_check(out, err);
}
