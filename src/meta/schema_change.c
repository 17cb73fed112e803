/* schema_change.c - changes of a schema, one after the other on a copy of its columns, then checked as a whole.
 *
 * The columns are the fields of a ROW (`top`), copied to every depth, so that a change edits the tree in place and a
 * column is found by its path as any other field. Keys are kept by name while columns move, and become indexes again at
 * the end. Several changes of one statement see each other's work; if one is refused, none has happened.
 *
 * MODIFY states a column anew: what differs from the old one becomes the changes that a person would have to write
 * (fields added, dropped, types changed, comments set), with paths that lead deeper.
 */
#include "src/meta/schema_change.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "src/meta/schema_internal.h"

struct edit {
    const struct pfs_schema_changing *of;
    struct pfs_arena *arena;
    struct pfs_err *err;
    struct pfs_type top; /* a ROW of the columns, ours to change at every depth */
    int32_t highest;
    struct pfs_options options;
    const char *comment;
    const char **primary; /* names, as they are by now */
    int32_t primaries;
    const char **partition;
    int32_t partitions;
};

/* Where a path leads. */
struct spot {
    struct pfs_type *row;  /* the ROW that holds the last name */
    int32_t index;         /* in it; -1 = not there */
    struct pfs_type *type; /* of the column, or of the element or value that the path ends at */
    bool part;             /* it ends at an element or value */
};

/* ---- copies ---- */

static int copy_type(struct edit *e, const struct pfs_type *from, struct pfs_type *out)
{
    struct pfs_field *child;

    assert(from != out);
    *out = *from;
    if (from->children == 0)
        return 0;
    child = pfs_arena_array(e->arena, (size_t)from->children, sizeof(*child));
    if (child == NULL)
        return pfs_arena_full(e->arena, e->err);
    for (int32_t i = 0; i < from->children; i++) {
        child[i] = from->child[i];
        PFS_TRY(copy_type(e, &from->child[i].type, &child[i].type));
    }
    out->child = child;
    return 0;
}

/* Indexes to names. */
static int copy_keys(struct edit *e, const int32_t *key, int32_t count, const char ***out)
{
    *out = pfs_arena_array(e->arena, (size_t)count, sizeof(**out));
    if (*out == NULL)
        return pfs_arena_full(e->arena, e->err);
    for (int32_t i = 0; i < count; i++)
        (*out)[i] = e->of->schema->field[key[i]].name;
    return 0;
}

/* Everything that changes is the edit's own from here on; texts and options are shared with the old schema. */
static int begin(struct edit *e)
{
    const struct pfs_schema *s = e->of->schema;
    struct pfs_type top = {.kind = PFS_ROW, .children = s->columns, .child = s->field};

    e->highest = s->highest_field_id;
    e->options = s->options;
    e->comment = s->comment;
    e->primaries = s->primary_keys;
    e->partitions = s->partition_keys;
    PFS_TRY(copy_keys(e, s->primary_key, s->primary_keys, &e->primary));
    PFS_TRY(copy_keys(e, s->partition_key, s->partition_keys, &e->partition));
    return copy_type(e, &top, &e->top);
}

/* ---- paths ---- */

static const char *path_text(struct edit *e, const struct pfs_schema_change *c, int32_t depth)
{
    const char *text = c->path[0];

    assert(depth <= c->depth);
    for (int32_t i = 1; i < depth && text != NULL; i++)
        text = pfs_arena_printf(e->arena, "%s.%s", text, c->path[i]);
    return text != NULL ? text : c->path[0];
}

static int no_column(struct edit *e, const struct pfs_schema_change *c, int32_t depth)
{
    return pfs_fail(e->err, EINVAL, "Column %s does not exist in the %s table.", path_text(e, c, depth), e->of->table);
}

static int32_t find_field(const struct pfs_type *row, const char *name)
{
    for (int32_t i = 0; i < row->children; i++)
        if (strcmp(row->child[i].name, name) == 0)
            return i;
    return -1;
}

/* Walks the path; its last name may be missing (out->index -1), the ones before may not. */
static int locate(struct edit *e, const struct pfs_schema_change *c, struct spot *out)
{
    struct pfs_type *t = &e->top;

    assert(c->depth > 0);
    *out = (struct spot){.index = -1};
    for (int32_t i = 0; i < c->depth; i++) {
        bool last = i == c->depth - 1;

        if (t->kind == PFS_ROW) {
            int32_t at = find_field(t, c->path[i]);

            if (at < 0 && !last)
                return no_column(e, c, i + 1);
            *out = (struct spot){.row = t, .index = at, .type = at < 0 ? NULL : &t->child[at].type};
            t = out->type;
        } else if ((t->kind == PFS_ARRAY && strcmp(c->path[i], "element") == 0) ||
                   (t->kind == PFS_MAP && strcmp(c->path[i], "value") == 0)) {
            t = &t->child[t->children - 1].type;
            *out = (struct spot){.index = -1, .type = t, .part = last};
        } else if (last) {
            *out = (struct spot){.index = -1};
        } else {
            return no_column(e, c, i + 1);
        }
    }
    return 0;
}

/* The column at the end of the path, or (parts) the element or value there. */
static int locate_column(struct edit *e, const struct pfs_schema_change *c, bool parts, struct spot *out)
{
    PFS_TRY(locate(e, c, out));
    if (out->part && !parts)
        return pfs_fail(e->err, EINVAL, "%s is a part of a type and no column: only its type can be changed",
                        path_text(e, c, c->depth));
    return out->part || out->index >= 0 ? 0 : no_column(e, c, c->depth);
}

/* Fields of a ROW are no keys, whatever their names. */
static bool is_key(const char *const *key, int32_t count, const struct pfs_schema_change *c)
{
    for (int32_t i = 0; i < count; i++)
        if (c->depth == 1 && strcmp(key[i], c->path[0]) == 0)
            return true;
    return false;
}

/* An option of the table as it was: a statement cannot lift a bar and pass it at once. */
static bool is_on(const struct edit *e, const char *option, bool fallback)
{
    const char *text = pfs_options_get(&e->of->schema->options, option);

    return text == NULL ? fallback : strcasecmp(text, "true") == 0;
}

/* ---- places among siblings ---- */

/* Room for one more is made each time: tables do not gain columns often. */
static int insert(struct edit *e, struct pfs_type *row, int32_t at, const struct pfs_field *f)
{
    struct pfs_field *child = pfs_arena_array(e->arena, (size_t)row->children + 1, sizeof(*child));

    assert(at >= 0);
    assert(at <= row->children);
    if (child == NULL)
        return pfs_arena_full(e->arena, e->err);
    for (int32_t i = 0; i < row->children; i++)
        child[i + (i >= at)] = row->child[i];
    child[at] = *f;
    row->child = child;
    row->children++;
    return 0;
}

static void take_out(struct pfs_type *row, int32_t at)
{
    assert(at >= 0);
    assert(at < row->children);
    row->children--;
    for (int32_t i = at; i < row->children; i++)
        row->child[i] = row->child[i + 1];
}

/* Where FIRST or AFTER is among these. */
static int beside(struct edit *e, const struct pfs_schema_change *c, const struct pfs_type *row, int32_t *out)
{
    assert(c->spot != PFS_SPOT_NONE);
    assert(c->spot == PFS_SPOT_FIRST || c->beside != NULL);
    *out = 0;
    if (c->spot == PFS_SPOT_FIRST)
        return 0;
    *out = find_field(row, c->beside) + 1;
    return *out > 0 ? 0
                    : pfs_fail(e->err, EINVAL, "Column %s does not exist in the %s table.", c->beside, e->of->table);
}

/* The first partition column's place, for those who keep them last. */
static int32_t before_partition(const struct edit *e)
{
    for (int32_t i = 0; i < e->top.children; i++)
        for (int32_t k = 0; k < e->partitions; k++)
            if (strcmp(e->top.child[i].name, e->partition[k]) == 0)
                return i;
    return e->top.children;
}

static int move_column(struct edit *e, const struct pfs_schema_change *c)
{
    struct pfs_field moved;
    struct spot spot;
    int32_t to;

    assert(c->spot != PFS_SPOT_NONE);
    PFS_TRY(locate_column(e, c, false, &spot));
    if (c->depth > 1)
        return pfs_fail(e->err, EINVAL, "Field name not found: %s", path_text(e, c, c->depth));
    moved = spot.row->child[spot.index];
    if (c->spot == PFS_SPOT_AFTER && find_field(spot.row, c->beside) < 0)
        return pfs_fail(e->err, EINVAL, "Reference field name not found: %s", c->beside);
    if (c->spot == PFS_SPOT_FIRST ? spot.index == 0 : strcmp(c->beside, moved.name) == 0)
        return pfs_fail(e->err, EINVAL, "Cannot move itself for column %s", moved.name);
    take_out(spot.row, spot.index);
    PFS_TRY(beside(e, c, spot.row, &to));
    return insert(e, spot.row, to, &moved);
}

/* ---- columns ---- */

static int check_columns_max(struct edit *e)
{
    return e->highest < PFS_COLUMNS_MAX * 100 && e->top.children < PFS_COLUMNS_MAX
               ? 0
               : pfs_fail(e->err, EINVAL, "%s has too many columns", e->of->table);
}

static int add_column(struct edit *e, const struct pfs_schema_change *c)
{
    struct pfs_field made = {.comment = c->text};
    struct spot spot;
    int32_t at;

    if (!c->type.nullable)
        return pfs_fail(e->err, EINVAL, "Column %s cannot specify NOT NULL in the %s table.", path_text(e, c, c->depth),
                        e->of->table);
    PFS_TRY(locate(e, c, &spot));
    if (spot.row == NULL)
        return pfs_fail(e->err, EINVAL, "%s is no ROW that a column can be added to", path_text(e, c, c->depth - 1));
    if (spot.index >= 0)
        return pfs_fail(e->err, EINVAL, "Column %s already exists in the %s table.", path_text(e, c, c->depth),
                        e->of->table);
    PFS_TRY(check_columns_max(e));
    assert(e->highest < INT32_MAX - PFS_COLUMNS_MAX); /* check_columns_max */
    made.name = c->path[c->depth - 1];
    made.id = ++e->highest; /* before those of its fields */
    PFS_TRY(copy_type(e, &c->type, &made.type));
    pfs_schema_number_type(&made.type, &e->highest);
    if (c->spot != PFS_SPOT_NONE)
        PFS_TRY(beside(e, c, spot.row, &at));
    else if (c->depth == 1 && is_on(e, "add-column-before-partition", false))
        at = before_partition(e);
    else
        at = spot.row->children;
    return insert(e, spot.row, at, &made);
}

static int drop_column(struct edit *e, const struct pfs_schema_change *c)
{
    struct spot spot;

    if (is_key(e->partition, e->partitions, c) || is_key(e->primary, e->primaries, c))
        return pfs_fail(e->err, EINVAL, "Cannot drop partition key or primary key: [%s]", c->path[0]);
    PFS_TRY(locate(e, c, &spot));
    if (spot.row != NULL && spot.index < 0 && c->if_exists)
        return 0;
    PFS_TRY(locate_column(e, c, false, &spot));
    if (spot.row->children == 1)
        return pfs_fail(e->err, EINVAL, "Cannot drop all fields in table");
    take_out(spot.row, spot.index);
    return 0;
}

/* Options of a column that holds the renamed field would go on by its old name. */
static int check_nested_rename(struct edit *e, const struct pfs_schema_change *c)
{
    size_t len = strlen(c->path[0]);

    for (int32_t i = 0; c->depth > 1 && i < e->options.count; i++) {
        const char *key = e->options.item[i].key;

        if (strncmp(key, "fields.", 7) == 0 && strncmp(key + 7, c->path[0], len) == 0 && key[7 + len] == '.')
            return pfs_fail(e->err, EINVAL, "Cannot rename %s: the option %s is about its column",
                            path_text(e, c, c->depth), key);
    }
    return 0;
}

static int rename_column(struct edit *e, const struct pfs_schema_change *c)
{
    struct spot spot;

    if (is_key(e->partition, e->partitions, c))
        return pfs_fail(e->err, EINVAL, "Cannot rename partition column: [%s]", c->path[0]);
    PFS_TRY(locate_column(e, c, false, &spot));
    if (c->depth == 1 && spot.type->kind == PFS_BLOB)
        return pfs_fail(e->err, EINVAL, "Cannot rename BLOB column: [%s]", c->path[0]);
    if (find_field(spot.row, c->text) >= 0) {
        const char *there = c->depth == 1 ? c->text : path_text(e, c, c->depth - 1);

        return pfs_fail(e->err, EINVAL, "Column %s%s%s already exists in the %s table.", there,
                        c->depth == 1 ? "" : ".", c->depth == 1 ? "" : c->text, e->of->table);
    }
    PFS_TRY(check_nested_rename(e, c));
    spot.row->child[spot.index].name = c->text;
    if (c->depth > 1)
        return 0;
    for (int32_t i = 0; i < e->primaries; i++)
        if (strcmp(e->primary[i], c->path[0]) == 0)
            e->primary[i] = c->text;
    return pfs_schema_options_rename(&e->options, c->path[0], c->text, e->arena, &e->options, e->err);
}

/* Rows that are there may be null: only an option of the table allows it. */
static int check_not_null(struct edit *e, const struct pfs_schema_change *c, bool before, bool after)
{
    if (!before || after || !is_on(e, "alter-column-null-to-not-null.disabled", true))
        return 0;
    return pfs_fail(e->err, EINVAL,
                    "Cannot update column type from nullable to non nullable for %s. You can set table configuration "
                    "option 'alter-column-null-to-not-null.disabled' = 'false' to allow converting null columns to "
                    "not null",
                    path_text(e, c, c->depth));
}

static int set_nullable(struct edit *e, const struct pfs_schema_change *c, bool nullable)
{
    struct spot spot;

    PFS_TRY(locate_column(e, c, true, &spot));
    if (nullable && is_key(e->primary, e->primaries, c))
        return pfs_fail(e->err, EINVAL, "Cannot change nullability of primary key");
    PFS_TRY(check_not_null(e, c, spot.type->nullable, nullable));
    spot.type->nullable = nullable;
    return 0;
}

static int refuse_cast(struct edit *e, const struct pfs_schema_change *c, const struct pfs_type *from,
                       const struct pfs_type *to)
{
    struct pfs_buf text = {0};

    pfs_buf_printf(&text, "%s[", c->path[c->depth - 1]);
    pfs_type_print(from, &text);
    pfs_buf_puts(&text, "] cannot be converted to ");
    pfs_type_print(to, &text);
    pfs_buf_putc(&text, 0);
    (void)pfs_fail(e->err, EINVAL, "Column type %s without loosing information.",
                   text.failed ? c->path[0] : (const char *)text.at);
    pfs_buf_done(&text);
    return -EINVAL;
}

/* The type with its nullability. */
static int set_type(struct edit *e, const struct pfs_schema_change *c, const struct pfs_type *type)
{
    struct spot spot;

    if (is_key(e->partition, e->partitions, c))
        return pfs_fail(e->err, EINVAL, "Cannot update partition column: [%s]", c->path[0]);
    if (is_key(e->primary, e->primaries, c))
        return pfs_fail(e->err, EINVAL, "Cannot update primary key");
    PFS_TRY(locate_column(e, c, true, &spot));
    PFS_TRY(check_not_null(e, c, spot.type->nullable, type->nullable));
    if (!pfs_schema_cast_allowed(spot.type, type, !is_on(e, "disable-explicit-type-casting", false)))
        return refuse_cast(e, c, spot.type, type);
    return copy_type(e, type, spot.type);
}

/* ALTER COLUMN TYPE: the same type again is no change. */
static int change_type(struct edit *e, const struct pfs_schema_change *c)
{
    struct pfs_type type = c->type;
    struct spot spot;

    PFS_TRY(locate_column(e, c, true, &spot));
    if (pfs_type_equal(spot.type, &type, false))
        return 0;
    type.nullable = spot.type->nullable;
    return set_type(e, c, &type);
}

static int set_comment(struct edit *e, const struct pfs_schema_change *c, const char *comment)
{
    struct spot spot;

    PFS_TRY(locate_column(e, c, false, &spot));
    spot.row->child[spot.index].comment = comment;
    return 0;
}

static int set_default(struct edit *e, const struct pfs_schema_change *c)
{
    struct spot spot;

    PFS_TRY(locate_column(e, c, false, &spot));
    spot.row->child[spot.index].default_value = c->text;
    return 0;
}

/* ---- a column defined anew ---- */

static int modify_type(struct edit *e, const struct pfs_schema_change *c, const struct pfs_type *old,
                       const struct pfs_type *type);

/* A change of a field of the column that `c` is about. */
static int deeper(struct edit *e, const struct pfs_schema_change *c, const char *name, struct pfs_schema_change *out)
{
    const char **path = pfs_arena_array(e->arena, (size_t)c->depth + 1, sizeof(*path));

    if (path == NULL)
        return pfs_arena_full(e->arena, e->err);
    memcpy(path, c->path, (size_t)c->depth * sizeof(*path));
    path[c->depth] = name;
    *out = (struct pfs_schema_change){.depth = c->depth + 1, .path = path};
    return 0;
}

/* Fields that stay must stay in their order; what is between them may change. */
static int check_order(struct edit *e, const struct pfs_schema_change *c, const struct pfs_type *old,
                       const struct pfs_type *type)
{
    int32_t last = -1;

    assert(old->kind == PFS_ROW);
    assert(type->kind == PFS_ROW);
    for (int32_t i = 0; i < type->children; i++) {
        int32_t at = find_field(old, type->child[i].name);

        if (at >= 0 && at < last)
            return pfs_fail(e->err, EINVAL,
                            "Order of existing fields in column %s must be kept the same. However, field %s and %s "
                            "have changed their orders.",
                            path_text(e, c, c->depth), old->child[last].name, type->child[i].name);
        last = at > last ? at : last;
    }
    return 0;
}

static int modify_field(struct edit *e, const struct pfs_schema_change *c, const struct pfs_type *old,
                        const struct pfs_type *type, int32_t i)
{
    const struct pfs_field *f = &type->child[i], *had;
    int32_t at = find_field(old, f->name);
    struct pfs_schema_change d;

    PFS_TRY(deeper(e, c, f->name, &d));
    if (at < 0) {
        d.type = f->type;
        d.text = f->comment;
        d.spot = i == 0 ? PFS_SPOT_FIRST : PFS_SPOT_AFTER;
        d.beside = i == 0 ? NULL : type->child[i - 1].name;
        return add_column(e, &d);
    }
    had = &old->child[at];
    if ((had->comment == NULL) != (f->comment == NULL) || (f->comment != NULL && strcmp(had->comment, f->comment) != 0))
        PFS_TRY(set_comment(e, &d, f->comment));
    return modify_type(e, &d, &had->type, &f->type);
}

/* Fields that are not named any more go, new ones come, the others are modified in turn. */
static int modify_row(struct edit *e, const struct pfs_schema_change *c, const struct pfs_type *old,
                      const struct pfs_type *type)
{
    struct pfs_schema_change d;

    PFS_TRY(check_order(e, c, old, type));
    for (int32_t i = 0; i < old->children; i++)
        if (find_field(type, old->child[i].name) < 0) {
            PFS_TRY(deeper(e, c, old->child[i].name, &d));
            PFS_TRY(drop_column(e, &d));
        }
    for (int32_t i = 0; i < type->children; i++)
        PFS_TRY(modify_field(e, c, old, type, i));
    return 0;
}

/* Of a list or a map, the element or the value; keys of maps never change. */
static int modify_parts(struct edit *e, const struct pfs_schema_change *c, const struct pfs_type *old,
                        const struct pfs_type *type)
{
    static const char *const words[] = {
        [PFS_ARRAY] = "array", [PFS_MAP] = "map", [PFS_MULTISET] = "multiset", [PFS_ROW] = "row"};
    struct pfs_schema_change d;

    assert(pfs_kind_is_nested(old->kind));
    if (type->kind != old->kind)
        return pfs_fail(e->err, EINVAL, "Column %s can only be updated to %s type", path_text(e, c, c->depth),
                        words[old->kind]);
    if (old->kind == PFS_ROW)
        return modify_row(e, c, old, type);
    if (old->kind == PFS_MAP && !pfs_type_equal(&old->child[0].type, &type->child[0].type, true))
        return pfs_fail(e->err, EINVAL, "Cannot update key type of column %s", path_text(e, c, c->depth));
    PFS_TRY(deeper(e, c, old->kind == PFS_MAP ? "value" : "element", &d));
    return modify_type(e, &d, &old->child[old->children - 1].type, &type->child[old->children - 1].type);
}

static int modify_type(struct edit *e, const struct pfs_schema_change *c, const struct pfs_type *old,
                       const struct pfs_type *type)
{
    if (pfs_kind_is_nested(old->kind))
        PFS_TRY(modify_parts(e, c, old, type));
    else if (!pfs_type_equal(old, type, false))
        PFS_TRY(set_type(e, c, type));
    return old->nullable != type->nullable ? set_nullable(e, c, type->nullable) : 0;
}

static int modify_column(struct edit *e, const struct pfs_schema_change *c)
{
    struct pfs_type old, type = c->type;
    struct spot spot;

    PFS_TRY(locate_column(e, c, false, &spot));
    if (is_key(e->primary, e->primaries, c)) /* keys are NOT NULL, said or not */
        type.nullable = false;
    PFS_TRY(copy_type(e, spot.type, &old));
    if (!c->keep_comment)
        PFS_TRY(set_comment(e, c, c->text));
    PFS_TRY(modify_type(e, c, &old, &type));
    return c->spot == PFS_SPOT_NONE ? 0 : move_column(e, c);
}

/* ---- options ---- */

static int set_option(struct edit *e, const struct pfs_schema_change *c)
{
    if (strcasecmp(c->key, "path") == 0)
        return pfs_fail(e->err, EINVAL, "Change path is not supported yet.");
    PFS_TRY(pfs_option_check(c->key, c->text, e->err));
    if (e->of->has_snapshots)
        PFS_TRY(pfs_schema_option_settable(&e->of->schema->options, c->key, c->text, e->err));
    return pfs_options_with(&e->options, c->key, c->text, e->arena, &e->options, e->err);
}

static int remove_option(struct edit *e, const struct pfs_schema_change *c)
{
    if (e->of->has_snapshots)
        PFS_TRY(pfs_schema_option_resettable(&e->of->schema->options, c->key, e->err));
    return pfs_options_with(&e->options, c->key, NULL, e->arena, &e->options, e->err);
}

/* ---- all together ---- */

static int apply(struct edit *e, const struct pfs_schema_change *c)
{
    switch (c->kind) {
    case PFS_CHANGE_SET_OPTION:
        return set_option(e, c);
    case PFS_CHANGE_REMOVE_OPTION:
        return remove_option(e, c);
    case PFS_CHANGE_TABLE_COMMENT:
        e->comment = c->text;
        return 0;
    case PFS_CHANGE_ADD_COLUMN:
        return add_column(e, c);
    case PFS_CHANGE_DROP_COLUMN:
        return drop_column(e, c);
    case PFS_CHANGE_RENAME_COLUMN:
        return rename_column(e, c);
    case PFS_CHANGE_MODIFY_COLUMN:
        return modify_column(e, c);
    case PFS_CHANGE_COLUMN_TYPE:
        return change_type(e, c);
    case PFS_CHANGE_COLUMN_NULLABLE:
        return set_nullable(e, c, c->nullable);
    case PFS_CHANGE_COLUMN_COMMENT:
        return set_comment(e, c, c->text);
    case PFS_CHANGE_COLUMN_DEFAULT:
        return set_default(e, c);
    case PFS_CHANGE_MOVE_COLUMN:
        return move_column(e, c);
    case PFS_CHANGE_DROP_PRIMARY_KEY:
        if (e->of->has_snapshots)
            return pfs_fail(e->err, EINVAL, "Cannot drop primary keys on a non-empty table.");
        e->primaries = 0;
        return 0;
    }
    return -EINVAL;
}

static int place_keys(struct edit *e, const char *const *name, int32_t count, int32_t **out)
{
    *out = pfs_arena_array(e->arena, (size_t)count, sizeof(**out));
    if (*out == NULL)
        return pfs_arena_full(e->arena, e->err);
    for (int32_t i = 0; i < count; i++) {
        (*out)[i] = find_field(&e->top, name[i]);
        assert((*out)[i] >= 0); /* keys are never dropped, and renamed along */
    }
    return 0;
}

int pfs_schema_change(const struct pfs_schema_changing *changing, const struct pfs_schema_change *change,
                      int32_t changes, struct pfs_arena *arena, struct pfs_schema *out, struct pfs_err *err)
{
    struct edit e = {.of = changing, .arena = arena, .err = err};
    struct pfs_schema made = {.version = 3, .id = changing->schema->id + 1};

    PFS_TRY(begin(&e));
    for (int32_t i = 0; i < changes; i++)
        PFS_TRY(apply(&e, &change[i]));
    made.columns = e.top.children;
    made.field = e.top.child;
    made.highest_field_id = e.highest;
    made.options = e.options;
    made.comment = e.comment;
    made.primary_keys = e.primaries;
    made.partition_keys = e.partitions;
    PFS_TRY(place_keys(&e, e.primary, e.primaries, &made.primary_key));
    PFS_TRY(place_keys(&e, e.partition, e.partitions, &made.partition_key));
    PFS_TRY(pfs_schema_complete(&made, arena, err));
    *out = made;
    return 0;
}
