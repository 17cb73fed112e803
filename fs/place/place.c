/* place.c - reading a path from left to right: names to places.
 *
 * A child is its parent with something added: a name, a refinement, or what a leaf shows. No table is looked at, so
 * that a path which leads nowhere is told from one that cannot be read by those who have the table. */
#include "fs/place/place.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/datetime.h"
#include "base/limits.h"
#include "base/number.h"
#include "src/meta/names.h"

enum pfs_node_class pfs_node_class(enum pfs_node_kind kind)
{
    static const enum pfs_node_class classes[] = {
#define X(id, class) PFS_CLASS_##class,
        PFS_NODE_KINDS(X)
#undef X
    };

    assert((size_t)kind < sizeof(classes) / sizeof(classes[0]));
    return classes[kind];
}

struct pfs_when pfs_place_when(const struct pfs_place *place)
{
    if (place->tag != NULL)
        return (struct pfs_when){.kind = PFS_WHEN_TAG, .tag = place->tag};
    if (place->snapshot != 0)
        return (struct pfs_when){.kind = PFS_WHEN_SNAPSHOT, .number = place->snapshot};
    return (struct pfs_when){.kind = PFS_WHEN_LATEST};
}

struct pfs_when pfs_place_shown(const struct pfs_place *place)
{
    struct pfs_when when = pfs_place_when(place);

    return when.kind == PFS_WHEN_LATEST ? (struct pfs_when){.kind = PFS_WHEN_READ} : when;
}

/* ---- what stands where ---- */

/* How a table can be refined. REFINED: by a condition or to columns. */
enum { BRANCH = 1, TAG = 2, SNAPSHOT = 4, PARTITION = 8, REFINED = 16, FROZEN = TAG | SNAPSHOT, ANYHOW = 31 };

/* A member stands in a place when every refinement of that place is among `in` and one of `needs` is there (0: none is
 * needed). */
static const struct member {
    const char *name;
    enum pfs_node_kind kind;
    int in, needs;
} members[] = {
    {"inbox", PFS_NODE_INBOX, BRANCH | PARTITION, 0},
    {"overwrite", PFS_NODE_OVERWRITE, BRANCH | PARTITION, 0},
    {"snapshot", PFS_NODE_SNAPSHOTS, ANYHOW, 0},
    {"changelog", PFS_NODE_CHANGELOG, BRANCH | PARTITION | REFINED, 0},
    {"changelog_pipe", PFS_NODE_PIPE, BRANCH, 0},
    {"changes", PFS_NODE_CHANGES, ANYHOW, FROZEN},
    {"diff", PFS_NODE_DIFFS, BRANCH | PARTITION | REFINED, 0},
    {"incremental", PFS_NODE_INCREMENTALS, BRANCH | PARTITION | REFINED, 0},
    {"consumer", PFS_NODE_CONSUMERS, BRANCH, 0},
    {"key", PFS_NODE_KEYS, ANYHOW, 0},
    {"partition", PFS_NODE_PARTITIONS, BRANCH | FROZEN | REFINED, 0},
    {"where", PFS_NODE_WHERES, ANYHOW, 0},
    {"select", PFS_NODE_SELECTS, ANYHOW, 0},
    {"tag", PFS_NODE_TAGS, BRANCH | SNAPSHOT, 0},
    {"branch", PFS_NODE_BRANCHES, TAG, 0},
    {"schema.sql", PFS_NODE_SCHEMA_SQL, BRANCH | FROZEN | REFINED, 0},
    {"schema.json", PFS_NODE_SCHEMA_JSON, BRANCH | FROZEN | REFINED, 0},
    {"snapshot.json", PFS_NODE_SNAPSHOT_JSON, BRANCH | FROZEN, FROZEN},
    {"system", PFS_NODE_SYSTEMS, BRANCH | FROZEN, 0},
    {"options", PFS_NODE_OPTIONS, BRANCH, 0},
    {"status.json", PFS_NODE_STATUS, BRANCH, 0},
    {"errors.jsonl", PFS_NODE_ERRORS, BRANCH, 0},
};

/* In which ways the place is refined, as `in` and `needs` of a member name them. */
static int refinements(const struct pfs_place *p)
{
    return (p->branch != NULL ? BRANCH : 0) | (p->tag != NULL ? TAG : 0) | (p->snapshot != 0 ? SNAPSHOT : 0) |
           (p->specs > 0 ? PARTITION : 0) | (p->wheres > 0 || p->selects > 0 ? REFINED : 0);
}

bool pfs_place_has_snapshots(const struct pfs_place *place)
{
    return (refinements(place) & ~BRANCH) == 0;
}

static bool stands_in(const struct member *m, const struct pfs_place *p)
{
    int is = refinements(p);

    assert((m->needs & ~m->in) == 0); /* else it would stand nowhere */
    return (is & ~m->in) == 0 && (m->needs == 0 || (is & m->needs) != 0);
}

int pfs_place_members(const struct pfs_place *place, pfs_member_fn *each, void *context)
{
    int rc = 0;

    if (place->kind == PFS_NODE_ROOT)
        PFS_TRY(each(context, ".paimonfs", PFS_NODE_DAEMON));
    if (place->kind == PFS_NODE_ROOT || place->kind == PFS_NODE_DATABASE)
        return each(context, "sql", PFS_NODE_SQL);
    if (place->kind != PFS_NODE_PLACE)
        return 0;
    for (size_t i = 0; rc == 0 && i < sizeof(members) / sizeof(members[0]); i++)
        if (stands_in(&members[i], place) && members[i].kind != PFS_NODE_PIPE) /* grep -r, tar would wait for ever */
            rc = each(context, members[i].kind == PFS_NODE_CHANGES ? "changes.csv" : members[i].name, members[i].kind);
    return rc;
}

/* ---- names of leaves ---- */

/* Something has to be left: ".csv" alone is no name. */
static bool cut_suffix(struct pfs_slice *name, const char *suffix)
{
    size_t len = strlen(suffix);

    assert(len > 0);
    if (name->len <= len || memcmp(name->at + name->len - len, suffix, len) != 0)
        return false;
    name->len -= len;
    return true;
}

/* Cuts ".csv" or ".jsonl" off; false when the name ends otherwise. */
static bool cut_format(struct pfs_slice *name, enum pfs_text *format)
{
    static const char *const suffix[] = {[PFS_TEXT_CSV] = ".csv", [PFS_TEXT_JSON] = ".jsonl"};

    for (int f = PFS_TEXT_CSV; f <= PFS_TEXT_JSON; f++)
        if (cut_suffix(name, suffix[f])) {
            *format = (enum pfs_text)f;
            return true;
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

static int copy_slice(struct pfs_slice text, struct pfs_arena *arena, const char **out, struct pfs_err *err)
{
    *out = pfs_arena_string(arena, text);
    return *out == NULL ? pfs_arena_full(arena, err) : 0;
}

static int copy_name(const char *name, struct pfs_arena *arena, const char **out, struct pfs_err *err)
{
    return copy_slice(pfs_str(name), arena, out, err);
}

/* Percent-encoded, for what no file name can hold. */
static int copy_decoded(struct pfs_slice text, struct pfs_arena *arena, const char **out, struct pfs_err *err)
{
    struct pfs_slice decoded;

    PFS_TRY(pfs_name_unescape(text, arena, &decoded, err));
    if (memchr(decoded.at, 0, decoded.len) != NULL)
        return pfs_fail(err, EINVAL, "a name with a NUL character");
    return copy_slice(decoded, arena, out, err);
}

/* Digits alone are milliseconds, whatever year they would be: @1700000000000 or @2026-11-20T08:00:00Z (a date alone
 * too). */
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

/* latest.csv, 41.jsonl, @<time>.csv, and the directory 41 */
static int snapshot_child(const struct pfs_place *parent, const char *name, struct pfs_place *out, struct pfs_err *err)
{
    struct pfs_slice text = pfs_str(name);
    int64_t id;

    out->kind = PFS_NODE_VIEW;
    if (all_digits(text) && pfs_i64_parse(text, &id) == 0) {
        if (id == 0 || !pfs_place_has_snapshots(parent))
            return -ENOENT;
        out->kind = PFS_NODE_PLACE;
        out->snapshot = id;
        return 0;
    }
    out->parquet = cut_suffix(&text, ".parquet");
    if (!out->parquet && !cut_format(&text, &out->format))
        return -ENOENT;
    if (pfs_slice_eq(text, pfs_str("latest"))) {
        out->when = pfs_place_shown(parent);
        return 0;
    }
    if (pfs_place_is_frozen(parent))
        return -ENOENT;
    assert(text.len > 0);
    if (text.at[0] == '@')
        return parse_time(pfs_slice_of(text.at + 1, text.len - 1), &out->when, err);
    out->when.kind = PFS_WHEN_SNAPSHOT;
    return all_digits(text) && pfs_i64_parse(text, &out->when.number) == 0 ? 0 : -ENOENT;
}

/* A..B.csv */
static int range_leaf(const char *name, enum pfs_node_kind kind, struct pfs_arena *arena, struct pfs_place *out,
                      struct pfs_err *err)
{
    struct pfs_slice text = pfs_str(name);
    const uint8_t *dots;

    out->kind = kind;
    if (!cut_format(&text, &out->format))
        return -ENOENT;
    dots = memmem(text.at, text.len, "..", 2);
    if (dots == NULL || dots == text.at || dots + 2 == text.at + text.len)
        return pfs_fail(err, EINVAL, "%s is not <from>..<to>.csv, each a snapshot id, a tag or latest", name);
    PFS_TRY(copy_decoded(pfs_slice_of(text.at, (size_t)(dots - text.at)), arena, &out->from, err));
    return copy_decoded(pfs_slice_of(dots + 2, (size_t)(text.at + text.len - dots - 2)), arena, &out->to, err);
}

/* <name>.csv, <name>.jsonl; with bare_ok <name> alone is CSV. */
static int named_leaf(const char *name, enum pfs_node_kind kind, bool bare_ok, struct pfs_arena *arena,
                      struct pfs_place *out, struct pfs_err *err)
{
    struct pfs_slice text = pfs_str(name);

    out->kind = kind;
    out->format = PFS_TEXT_CSV;
    if (!cut_format(&text, &out->format) && !bare_ok)
        return -ENOENT;
    return copy_slice(text, arena, &out->name, err);
}

/* Cuts ".debezium" and the like off. */
static bool cut_envelope(struct pfs_slice *text, enum pfs_envelope *out)
{
    static const char *const suffix[] = {
        [PFS_ENVELOPE_DEBEZIUM] = ".debezium", [PFS_ENVELOPE_CANAL] = ".canal", [PFS_ENVELOPE_MAXWELL] = ".maxwell"};

    for (size_t i = PFS_ENVELOPE_DEBEZIUM; i < sizeof(suffix) / sizeof(suffix[0]); i++) {
        size_t len = strlen(suffix[i]);

        if (text->len > len && memcmp(text->at + text->len - len, suffix[i], len) == 0) {
            text->len -= len;
            *out = (enum pfs_envelope)i;
            return true;
        }
    }
    return false;
}

/* Cuts what says a format off. A Parquet file is told by its first bytes in any case; .json holds lines and arrays as
 * .jsonl does, and is what programs that tell the format by the name write. */
static int cut_rows(struct pfs_slice *text, enum pfs_envelope *envelope)
{
    enum pfs_text format;

    if (cut_envelope(text, envelope) || cut_suffix(text, ".json"))
        return PFS_TEXT_JSON;
    if (cut_suffix(text, ".parquet"))
        return -1;
    return cut_format(text, &format) ? (int)format : -1;
}

/* inbox, inbox.csv, inbox.debezium, inbox@user:7, inbox@user:7.jsonl; overwrite, overwrite.csv */
static int rows_leaf(const struct member *member, const char *name, struct pfs_arena *arena, struct pfs_place *out,
                     struct pfs_err *err)
{
    struct pfs_slice text = pfs_str(name);
    const uint8_t *colon;

    out->kind = member->kind;
    out->text = cut_rows(&text, &out->envelope);
    assert(text.len >= strlen(member->name));
    text.at += strlen(member->name);
    text.len -= strlen(member->name);
    if (text.len == 0)
        return 0;
    if (text.at[0] != '@' || member->kind != PFS_NODE_INBOX)
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

/* k=v: one more column held. The value stays as it is spelled until there is a schema that says its type. */
static int add_spec(const struct pfs_place *parent, const char *name, struct pfs_arena *arena, struct pfs_place *out,
                    struct pfs_err *err)
{
    const char *equals = strchr(name, '=');
    struct pfs_spec *spec = pfs_arena_array(arena, (size_t)parent->specs + 1, sizeof(*spec));
    struct pfs_slice key;

    assert(parent->specs >= 0);
    assert(parent->specs == 0 || parent->spec != NULL);
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

/* One more text at the end of a list. */
static int add_text(const char *const *list, int32_t count, const char *text, struct pfs_arena *arena,
                    const char *const **out, struct pfs_err *err)
{
    const char **more = pfs_arena_array(arena, (size_t)count + 1, sizeof(*more));

    assert(count == 0 || list != NULL);
    if (more == NULL)
        return pfs_arena_full(arena, err);
    if (count > 0)
        memcpy(more, list, (size_t)count * sizeof(*more));
    more[count] = text;
    *out = more;
    return 0;
}

/* Conditions are percent-encoded, since an operator may hold a '/'; of columns each name is, since a comma parts them.
 */
static int refine(const struct pfs_place *parent, const char *name, struct pfs_arena *arena, struct pfs_place *out,
                  struct pfs_err *err)
{
    const char *text;

    out->kind = PFS_NODE_PLACE;
    if (parent->kind == PFS_NODE_SELECTS) {
        PFS_TRY(copy_name(name, arena, &text, err));
        out->selects = parent->selects + 1;
        return add_text(parent->select, parent->selects, text, arena, &out->select, err);
    }
    PFS_TRY(copy_decoded(pfs_str(name), arena, &text, err));
    out->wheres = parent->wheres + 1;
    return add_text(parent->where, parent->wheres, text, arena, &out->where, err);
}

static bool is_member(const struct member *m, const char *name, enum pfs_text *format)
{
    struct pfs_slice text = pfs_str(name);

    *format = PFS_TEXT_CSV;
    if (m->kind == PFS_NODE_CHANGES || m->kind == PFS_NODE_CHANGELOG)
        return (cut_format(&text, format) || m->kind == PFS_NODE_CHANGELOG) && pfs_slice_eq(text, pfs_str(m->name));
    return strcmp(name, m->name) == 0;
}

/* Its name, with a user or format behind it or not. */
static bool takes_rows(const struct member *m, const char *name)
{
    size_t len = strlen(m->name);

    return (m->kind == PFS_NODE_INBOX || m->kind == PFS_NODE_OVERWRITE) && strncmp(name, m->name, len) == 0 &&
           strchr(".@", name[len]) != NULL; /* the name's end is found too */
}

static int member_child(const struct pfs_place *parent, const char *name, struct pfs_arena *arena,
                        struct pfs_place *out, struct pfs_err *err)
{
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        const struct member *m = &members[i];

        if (!stands_in(m, parent))
            continue;
        if (takes_rows(m, name))
            return rows_leaf(m, name, arena, out, err);
        if (is_member(m, name, &out->format)) {
            out->kind = m->kind;
            out->text = -1;
            return 0;
        }
    }
    if (parent->specs > 0) /* further partition keys stand beside the members */
        return add_spec(parent, name, arena, out, err);
    return -ENOENT;
}

/* Databases below the root, tables below a database, and what stands beside them. */
static int catalog_child(const struct pfs_place *parent, const char *name, struct pfs_arena *arena,
                         struct pfs_place *out, struct pfs_err *err)
{
    bool root = parent->kind == PFS_NODE_ROOT;

    if (strcmp(name, "sql") == 0) {
        out->kind = PFS_NODE_SQL;
        return 0;
    }
    if (root && strcmp(name, ".paimonfs") == 0) {
        out->kind = PFS_NODE_DAEMON;
        return 0;
    }
    out->kind = root ? PFS_NODE_DATABASE : PFS_NODE_PLACE;
    return pfs_place_parse_name(parent->kind, name, arena, root ? &out->database : &out->table, err);
}

/* `out` begins as the parent: what a directory does not say stays as it is there. */
static int child(const struct pfs_place *parent, const char *name, struct pfs_arena *arena, struct pfs_place *out,
                 struct pfs_err *err)
{
    switch ((int)parent->kind) {
    case PFS_NODE_ROOT:
    case PFS_NODE_DATABASE:
        return catalog_child(parent, name, arena, out, err);
    case PFS_NODE_PLACE:
        return member_child(parent, name, arena, out, err);
    case PFS_NODE_SNAPSHOTS:
        return snapshot_child(parent, name, out, err);
    case PFS_NODE_PARTITIONS:
        return add_spec(parent, name, arena, out, err);
    case PFS_NODE_WHERES:
    case PFS_NODE_SELECTS:
        return refine(parent, name, arena, out, err);
    case PFS_NODE_KEYS:
        return named_leaf(name, PFS_NODE_KEY, false, arena, out, err);
    case PFS_NODE_DIFFS:
        return range_leaf(name, PFS_NODE_DIFF, arena, out, err);
    case PFS_NODE_INCREMENTALS:
        return range_leaf(name, PFS_NODE_INCREMENTAL, arena, out, err);
    case PFS_NODE_CONSUMERS:
        return named_leaf(name, PFS_NODE_CONSUMER, true, arena, out, err);
    case PFS_NODE_SYSTEMS:
        return named_leaf(name, PFS_NODE_SYSTEM, false, arena, out, err);
    case PFS_NODE_DAEMON:
        out->kind = PFS_NODE_DAEMON_FILE;
        return copy_name(name, arena, &out->name, err);
    case PFS_NODE_TAGS:
        out->kind = PFS_NODE_PLACE;
        out->snapshot = 0; /* snapshot/41/tag/v0 names a tag to be made */
        return pfs_place_parse_name(parent->kind, name, arena, &out->tag, err);
    case PFS_NODE_BRANCHES:
        out->kind = PFS_NODE_PLACE;
        out->tag = NULL; /* tag/v0/branch/b names a branch to be made */
        return pfs_place_parse_name(parent->kind, name, arena, &out->branch, err);
    default:
        return -ENOTDIR;
    }
}

int pfs_place_child(const struct pfs_place *parent, const char *name, struct pfs_arena *arena, struct pfs_place *out,
                    struct pfs_err *err)
{
    struct pfs_place made = *parent;

    if (name[0] == '\0' || (name[0] == '.' && (parent->kind != PFS_NODE_ROOT || strcmp(name, ".paimonfs") != 0)))
        return -ENOENT; /* shells probe .git and the like */
    if (strlen(name) > PFS_NAME_BYTES_MAX)
        return -ENAMETOOLONG;
    made.path = pfs_arena_printf(arena, "%s%s%s", parent->path, parent->path[0] == '\0' ? "" : "/", name);
    if (made.path == NULL)
        return pfs_arena_full(arena, err);
    PFS_TRY(child(parent, name, arena, &made, err));
    assert(made.table != NULL || made.database == NULL || made.kind == PFS_NODE_DATABASE || made.kind == PFS_NODE_SQL);
    *out = made;
    return 0;
}
