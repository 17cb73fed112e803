#include "fs/place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/datetime.h"
#include "base/limits.h"
#include "base/number.h"
#include "src/meta/names.h"

bool pfs_node_kind_is_dir(enum pfs_node_kind kind)
{
    static const bool dirs[] = {
#define X(id, dir) dir,
        PFS_NODE_KINDS(X)
#undef X
    };

    return dirs[kind];
}

/* ---- what stands where ---- */

enum { IN_BRANCH = 1, IN_TAG = 2, IN_PARTITION = 4, IN_SELECT = 8, ANYWHERE = 15 };

/* A member stands in a place when every refinement of that place is among `in`. */
static const struct member {
    const char *name;
    enum pfs_node_kind kind;
    int in;
} members[] = {
    {"inbox", PFS_NODE_INBOX, IN_BRANCH | IN_PARTITION},
    {"snapshot", PFS_NODE_SNAPSHOTS, ANYWHERE},
    {"partition", PFS_NODE_PARTITIONS, IN_BRANCH | IN_TAG | IN_SELECT},
    {"select", PFS_NODE_SELECTS, ANYWHERE},
    {"tag", PFS_NODE_TAGS, IN_BRANCH},
    {"branch", PFS_NODE_BRANCHES, 0},
    {"schema.sql", PFS_NODE_SCHEMA_SQL, IN_BRANCH | IN_TAG | IN_SELECT},
    {"options", PFS_NODE_OPTIONS, IN_BRANCH},
    {"status.json", PFS_NODE_STATUS, IN_BRANCH},
    {"errors.jsonl", PFS_NODE_ERRORS, IN_BRANCH},
};

static int refinements(const struct pfs_place *p)
{
    return (p->branch != NULL ? IN_BRANCH : 0) | (p->tag != NULL ? IN_TAG : 0) | (p->specs > 0 ? IN_PARTITION : 0) |
           (p->select != NULL ? IN_SELECT : 0);
}

static bool stands_in(const struct member *m, const struct pfs_place *p)
{
    return (refinements(p) & ~m->in) == 0;
}

int pfs_place_members(const struct pfs_place *place, pfs_member_fn *each, void *context)
{
    int rc = 0;

    switch (place->kind) {
    case PFS_NODE_ROOT:
    case PFS_NODE_DATABASE:
        return each(context, "sql", PFS_NODE_SQL);
    case PFS_NODE_PLACE:
        for (size_t i = 0; rc == 0 && i < sizeof(members) / sizeof(members[0]); i++)
            if (stands_in(&members[i], place))
                rc = each(context, members[i].name, members[i].kind);
        return rc;
    case PFS_NODE_SNAPSHOTS:
    case PFS_NODE_PARTITIONS:
    case PFS_NODE_SELECTS:
    case PFS_NODE_TAGS:
    case PFS_NODE_BRANCHES:
    case PFS_NODE_VIEW:
    case PFS_NODE_INBOX:
    case PFS_NODE_SCHEMA_SQL:
    case PFS_NODE_OPTIONS:
    case PFS_NODE_STATUS:
    case PFS_NODE_ERRORS:
    case PFS_NODE_SQL:
        break;
    }
    return 0;
}

/* ---- names of leaves ---- */

/* Cuts ".csv" or ".jsonl" off; false when the name ends otherwise. */
static bool cut_format(struct pfs_slice *name, enum pfs_text *format)
{
    static const char *const suffix[] = {[PFS_TEXT_CSV] = ".csv", [PFS_TEXT_JSON] = ".jsonl"};

    for (int f = PFS_TEXT_CSV; f <= PFS_TEXT_JSON; f++) {
        size_t len = strlen(suffix[f]);

        if (name->len > len && memcmp(name->at + name->len - len, suffix[f], len) == 0) {
            name->len -= len;
            *format = (enum pfs_text)f;
            return true;
        }
    }
    return false;
}

static bool all_digits(struct pfs_slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
    return text.len > 0;
}

/* @1700000000000 or @2026-11-20T08:00:00Z (a date alone too). */
static int parse_time(struct pfs_slice text, struct pfs_when *when, struct pfs_err *err)
{
    int32_t nanos;

    when->kind = PFS_WHEN_TIME;
    if (all_digits(text) && pfs_i64_parse(text, &when->number) == 0)
        return 0;
    if (pfs_timestamp_parse(text, 3, true, &when->number, &nanos) == 0)
        return 0;
    return pfs_fail(err, EINVAL, "%.*s is no time: 2026-11-20T08:00:00Z or milliseconds since 1970", PFS_P(text));
}

/* latest.csv, 41.jsonl, @<time>.csv */
static int snapshot_leaf(const struct pfs_place *parent, const char *name, struct pfs_place *out, struct pfs_err *err)
{
    struct pfs_slice text = pfs_str(name);

    out->kind = PFS_NODE_VIEW;
    if (!cut_format(&text, &out->format))
        return -ENOENT;
    if (pfs_slice_eq(text, pfs_str("latest"))) {
        out->when = parent->tag == NULL ? (struct pfs_when){.kind = PFS_WHEN_LATEST}
                                        : (struct pfs_when){.kind = PFS_WHEN_TAG, .tag = parent->tag};
        return 0;
    }
    if (parent->tag != NULL)
        return -ENOENT;
    if (text.at[0] == '@')
        return parse_time(pfs_slice_of(text.at + 1, text.len - 1), &out->when, err);
    out->when.kind = PFS_WHEN_SNAPSHOT;
    return all_digits(text) && pfs_i64_parse(text, &out->when.number) == 0 ? 0 : -ENOENT;
}

/* inbox, inbox.csv, inbox@user:7, inbox@user:7.jsonl */
static int inbox_leaf(const char *name, struct pfs_arena *arena, struct pfs_place *out, struct pfs_err *err)
{
    struct pfs_slice text = pfs_str(name);
    enum pfs_text format;
    const uint8_t *colon;

    out->kind = PFS_NODE_INBOX;
    out->text = cut_format(&text, &format) ? (int)format : -1;
    text.at += strlen("inbox");
    text.len -= strlen("inbox");
    if (text.len == 0)
        return 0;
    if (text.at[0] != '@')
        return -ENOENT;
    colon = memrchr(text.at, ':', text.len);
    if (colon == NULL || colon == text.at + 1 ||
        pfs_i64_parse(pfs_slice_of(colon + 1, (size_t)(text.at + text.len - colon - 1)), &out->identifier) < 0 ||
        out->identifier < 0)
        return pfs_fail(err, EINVAL, "%s is not inbox@<user>:<number>", name);
    out->user = pfs_arena_string(arena, pfs_slice_of(text.at + 1, (size_t)(colon - text.at - 1)));
    return out->user == NULL ? pfs_arena_full(arena, err) : 0;
}

/* ---- children ---- */

static int add_spec(const struct pfs_place *parent, const char *name, struct pfs_arena *arena, struct pfs_place *out,
                    struct pfs_err *err)
{
    const char *equals = strchr(name, '=');
    struct pfs_spec *spec = pfs_arena_array(arena, (size_t)parent->specs + 1, sizeof(*spec));
    struct pfs_slice key;

    if (equals == NULL)
        return -ENOENT;
    if (spec == NULL)
        return pfs_arena_full(arena, err);
    if (parent->specs > 0)
        memcpy(spec, parent->spec, (size_t)parent->specs * sizeof(*spec));
    PFS_TRY(pfs_name_unescape(pfs_slice_of(name, (size_t)(equals - name)), arena, &key, err));
    spec[parent->specs].key = pfs_arena_string(arena, key);
    spec[parent->specs].value = pfs_arena_string(arena, pfs_str(equals + 1));
    if (spec[parent->specs].key == NULL || spec[parent->specs].value == NULL)
        return pfs_arena_full(arena, err);
    out->kind = PFS_NODE_PLACE;
    out->specs = parent->specs + 1;
    out->spec = spec;
    return 0;
}

static int member_child(const struct pfs_place *parent, const char *name, struct pfs_arena *arena,
                        struct pfs_place *out, struct pfs_err *err)
{
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        const struct member *m = &members[i];

        if (!stands_in(m, parent))
            continue;
        if (m->kind == PFS_NODE_INBOX && strncmp(name, "inbox", 5) == 0)
            return inbox_leaf(name, arena, out, err);
        if (strcmp(name, m->name) == 0) {
            out->kind = m->kind;
            return 0;
        }
    }
    if (parent->specs > 0 && parent->select == NULL) /* further partition keys stand beside the members */
        return add_spec(parent, name, arena, out, err);
    return -ENOENT;
}

static int copy_name(const char *name, struct pfs_arena *arena, const char **out, struct pfs_err *err)
{
    *out = pfs_arena_string(arena, pfs_str(name));
    return *out == NULL ? pfs_arena_full(arena, err) : 0;
}

static int child(const struct pfs_place *parent, const char *name, struct pfs_arena *arena, struct pfs_place *out,
                 struct pfs_err *err)
{
    switch (parent->kind) {
    case PFS_NODE_ROOT:
        out->kind = strcmp(name, "sql") == 0 ? PFS_NODE_SQL : PFS_NODE_DATABASE;
        return out->kind == PFS_NODE_SQL ? 0 : copy_name(name, arena, &out->database, err);
    case PFS_NODE_DATABASE:
        out->kind = strcmp(name, "sql") == 0 ? PFS_NODE_SQL : PFS_NODE_PLACE;
        return out->kind == PFS_NODE_SQL ? 0 : copy_name(name, arena, &out->table, err);
    case PFS_NODE_PLACE:
        return member_child(parent, name, arena, out, err);
    case PFS_NODE_SNAPSHOTS:
        return snapshot_leaf(parent, name, out, err);
    case PFS_NODE_PARTITIONS:
        return add_spec(parent, name, arena, out, err);
    case PFS_NODE_SELECTS:
        out->kind = PFS_NODE_PLACE;
        return copy_name(name, arena, &out->select, err);
    case PFS_NODE_TAGS:
        out->kind = PFS_NODE_PLACE;
        return copy_name(name, arena, &out->tag, err);
    case PFS_NODE_BRANCHES:
        out->kind = PFS_NODE_PLACE;
        return copy_name(name, arena, &out->branch, err);
    case PFS_NODE_VIEW:
    case PFS_NODE_INBOX:
    case PFS_NODE_SCHEMA_SQL:
    case PFS_NODE_OPTIONS:
    case PFS_NODE_STATUS:
    case PFS_NODE_ERRORS:
    case PFS_NODE_SQL:
        break;
    }
    return -ENOTDIR;
}

int pfs_place_child(const struct pfs_place *parent, const char *name, struct pfs_arena *arena, struct pfs_place *out,
                    struct pfs_err *err)
{
    struct pfs_place made = *parent;

    if (name[0] == '.' || name[0] == '\0')
        return -ENOENT; /* shells probe .git and the like */
    if (strlen(name) > PFS_NAME_BYTES_MAX)
        return -ENAMETOOLONG;
    made.path = pfs_arena_printf(arena, "%s%s%s", parent->path, parent->path[0] == '\0' ? "" : "/", name);
    if (made.path == NULL)
        return pfs_arena_full(arena, err);
    PFS_TRY(child(parent, name, arena, &made, err));
    *out = made;
    return 0;
}

/* ---- against a schema ---- */

static int find_column(const struct pfs_schema *schema, struct pfs_slice name, int32_t *out, struct pfs_err *err)
{
    *out = pfs_schema_find(schema, name);
    return *out < 0 ? pfs_fail(err, EINVAL, "there is no column %.*s", PFS_P(name)) : 0;
}

int pfs_place_partitions(const struct pfs_place *place, const struct pfs_schema *schema, struct pfs_arena *arena,
                         struct pfs_partition_value **out, struct pfs_err *err)
{
    struct pfs_partition_value *value = pfs_arena_array(arena, (size_t)place->specs, sizeof(*value));

    if (value == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < place->specs; i++) {
        const struct pfs_spec *s = &place->spec[i];
        bool is_key = false;

        PFS_TRY(find_column(schema, pfs_str(s->key), &value[i].column, err));
        for (int32_t k = 0; k < schema->partition_keys; k++)
            is_key |= schema->partition_key[k] == value[i].column;
        if (!is_key)
            return pfs_fail(err, EINVAL, "%s is no partition column", s->key);
        if (pfs_name_value_parse(&schema->field[value[i].column].type, pfs_str(s->value), arena, &value[i].value, err) <
            0)
            return pfs_wrap(err, "%s=%s", s->key, s->value);
    }
    *out = value;
    return 0;
}

/* Column names of "a,b": a comma or slash inside a name is percent-encoded. */
int pfs_place_columns(const struct pfs_place *place, const struct pfs_schema *schema, struct pfs_arena *arena,
                      int32_t **column, int32_t *columns, struct pfs_err *err)
{
    const char *at = place->select;
    int32_t *list = pfs_arena_array(arena, (size_t)schema->columns, sizeof(*list));

    *columns = 0;
    *column = list;
    if (list == NULL)
        return pfs_arena_full(arena, err);
    if (at == NULL) {
        for (; *columns < schema->columns; (*columns)++)
            list[*columns] = *columns;
        return 0;
    }
    for (;;) {
        size_t len = strcspn(at, ",");
        struct pfs_slice name;
        int32_t index;

        PFS_TRY(pfs_name_unescape(pfs_slice_of(at, len), arena, &name, err));
        PFS_TRY(find_column(schema, name, &index, err));
        for (int32_t i = 0; i < *columns; i++)
            if (list[i] == index)
                return pfs_fail(err, EINVAL, "column %.*s is selected twice", PFS_P(name));
        list[(*columns)++] = index;
        if (at[len] == '\0')
            return 0;
        at += len + 1;
    }
}
