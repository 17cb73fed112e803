/* alter.c - ALTER TABLE: the next schema, published without replacing.
 *
 * The changes are made to the newest schema and checked as a whole; when another process published one of the same id
 * meanwhile, they are made to that one. The commit lock is held, so that no commit of this process prepares its files
 * for one schema and publishes them under the next. */
#include <assert.h>
#include <string.h>

#include "src/file/cast.h"
#include "src/merge/engine.h"
#include "src/meta/names.h"
#include "src/table/internal.h"

#define ATTEMPTS 100 /* others publish schemas by hand: this many never meet */

/* "db.t", "db.t$branch_b" */
static const char *full_name(const struct pfs_table *t, struct pfs_arena *arena)
{
    const char *branch = pfs_table_branch(t);

    return pfs_arena_printf(arena, "%s.%s%s%s", pfs_table_database(t), pfs_table_name(t),
                            branch == NULL ? "" : "$branch_", branch == NULL ? "" : branch);
}

static int check_branch(const struct pfs_table_parts *p, const struct pfs_schema *s, const char *option,
                        struct pfs_arena *arena, struct pfs_err *err)
{
    const char *name = pfs_options_get(&s->options, option), *meta = p->root;
    int64_t id;
    int rc = 0;

    if (name == NULL || pfs_name_is_blank(pfs_str(name)))
        return 0;
    if (strcmp(name, "main") != 0)
        rc = pfs_name_branch(p->root, name, arena, &meta, err);
    if (rc == 0)
        rc = pfs_schema_latest_id(p->store, meta, &id, err);
    return rc != -ENOENT ? rc
                         : pfs_fail(err, EINVAL, "Cannot set '%s' = '%s' because the branch '%s' does not exist.",
                                    option, name, name);
}

/* A default is text that the column's type takes as a cast would; those of nested types are looked at when they are
 * used. */
static int check_default(const struct pfs_field *f, struct pfs_arena *arena, struct pfs_err *err)
{
    static const struct pfs_type string = {.kind = PFS_VARCHAR, .nullable = true, .length = PFS_LENGTH_MAX};
    struct pfs_buf text = {0};
    struct pfs_column made;
    int32_t offsets[2] = {0};
    int rc;

    if (f->default_value == NULL || pfs_kind_is_nested(f->type.kind) || pfs_kind_is_text(f->type.kind) ||
        pfs_cast_check(&string, &f->type, NULL) < 0)
        return 0;
    offsets[1] = (int32_t)strlen(f->default_value);
    rc = pfs_cast_column(
        &(struct pfs_column){.type = &string, .offsets = offsets, .values = (const void *)f->default_value}, 1,
        &f->type, arena, &made, err);
    if (rc != -EINVAL)
        return rc;
    pfs_type_print(&f->type, &text);
    pfs_buf_putc(&text, 0);
    (void)pfs_fail(err, EINVAL, "Unsupported default value `%s` for type %s", f->default_value,
                   text.failed ? "" : (const char *)text.at);
    pfs_buf_done(&text);
    return -EINVAL;
}

int pfs_table_check_defaults(const struct pfs_schema *schema, struct pfs_arena *arena, struct pfs_err *err)
{
    for (int32_t i = 0; i < schema->columns; i++)
        PFS_TRY(check_default(&schema->field[i], arena, err));
    return 0;
}

static bool changes_defaults(const struct pfs_schema_change *change, int32_t changes)
{
    for (int32_t i = 0; i < changes; i++)
        if (change[i].kind == PFS_CHANGE_COLUMN_DEFAULT)
            return true;
    return false;
}

static int attempt(struct pfs_table *t, const struct pfs_schema_change *change, int32_t changes,
                   struct pfs_arena *arena, struct pfs_err *err)
{
    struct pfs_table_parts p = pfs_table_parts(t);
    struct pfs_schema_changing changing = {.table = full_name(t, arena)};
    struct pfs_schema next;
    int64_t id;
    int rc;

    if (changing.table == NULL)
        return pfs_arena_full(arena, err);
    PFS_TRY(pfs_table_schema(t, &changing.schema, err));
    rc = pfs_snapshot_latest_id(p.store, p.meta, &id, err);
    if (rc < 0 && rc != -ENOENT)
        return rc;
    changing.has_snapshots = rc == 0;
    PFS_TRY(pfs_schema_change(&changing, change, changes, arena, &next, err));
    assert(next.id == changing.schema->id + 1);
    PFS_TRY(pfs_engine_check(&next, err));
    if (changes_defaults(change, changes))
        PFS_TRY(pfs_table_check_defaults(&next, arena, err));
    PFS_TRY(check_branch(&p, &next, "scan.fallback-branch", arena, err));
    PFS_TRY(check_branch(&p, &next, "scan.primary-branch", arena, err));
    next.time_ms = pfs_clock_now_ms(p.clock);
    return pfs_schema_publish(p.store, p.meta, &next, err);
}

int pfs_table_alter(struct pfs_table *table, const struct pfs_schema_change *change, int32_t changes,
                    struct pfs_err *err)
{
    struct pfs_arena arena;
    int rc = -EEXIST;

    assert(changes >= 0);
    assert(change != NULL || changes == 0);
    PFS_TRY(pfs_table_lock_commit(table, err));
    for (int i = 0; i < ATTEMPTS && rc == -EEXIST; i++) {
        pfs_arena_init(&arena, PFS_ARENA_LIMIT);
        rc = attempt(table, change, changes, &arena, err);
        pfs_arena_done(&arena);
    }
    pfs_table_unlock_commit(table);
    return rc == -EEXIST ? pfs_fail(err, EBUSY, "others change the schema of %s.%s all the time",
                                    pfs_table_database(table), pfs_table_name(table))
                         : rc;
}
