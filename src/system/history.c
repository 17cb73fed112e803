/* history.c - tables about states kept: $snapshots, $tags, $branches, $consumers. */
#include <assert.h>

#include "src/meta/branch.h"
#include "src/meta/consumer.h"
#include "src/system/tables.h"

/* ---- $snapshots ---- */

static const struct pfs_field snapshot_field[] = {
    {.name = "snapshot_id", .type = {.kind = PFS_BIGINT}},
    {.name = "schema_id", .type = {.kind = PFS_BIGINT}},
    {.name = "commit_user", .type = PFS_STRING_TYPE},
    {.name = "commit_identifier", .type = {.kind = PFS_BIGINT}},
    {.name = "commit_kind", .type = PFS_STRING_TYPE},
    {.name = "commit_time", .type = PFS_MOMENT_TYPE},
    {.name = "base_manifest_list", .type = PFS_STRING_TYPE},
    {.name = "delta_manifest_list", .type = PFS_STRING_TYPE},
    {.name = "changelog_manifest_list", .type = PFS_STRING_TYPE},
    {.name = "total_record_count", .type = PFS_BIGINT_TYPE},
    {.name = "delta_record_count", .type = PFS_BIGINT_TYPE},
    {.name = "changelog_record_count", .type = PFS_BIGINT_TYPE},
    {.name = "watermark", .type = PFS_BIGINT_TYPE},
    {.name = "next_row_id", .type = PFS_BIGINT_TYPE},
};

/* Numbers of a commit may be any, so that the least of them is not taken for an absent one. */
static void put_snapshot(struct pfs_grid *g, const struct pfs_snapshot *s)
{
    static const char *const kinds[] = {
#define X(id, name) name,
        PFS_COMMIT_KINDS(X)
#undef X
    };

    assert((size_t)s->kind < sizeof(kinds) / sizeof(kinds[0]));
    pfs_grid_number(g, s->id);
    pfs_grid_number(g, s->schema_id);
    pfs_grid_text(g, s->commit_user);
    pfs_grid_exactly(g, s->commit_identifier);
    pfs_grid_text(g, kinds[s->kind]);
    pfs_grid_number(g, s->time_ms);
    pfs_grid_text(g, s->base_list);
    pfs_grid_text(g, s->delta_list);
    pfs_grid_text(g, s->changelog_list);
    pfs_grid_number(g, s->total_records);
    pfs_grid_number(g, s->delta_records);
    pfs_grid_number(g, s->changelog_records);
    if (s->has_watermark)
        pfs_grid_exactly(g, s->watermark);
    else
        pfs_grid_null(g);
    pfs_grid_number(g, s->next_row_id);
}

/* The hints decide where the list begins and ends: after a fast-forward older files stay, which are not listed. */
static int put_snapshots(struct pfs_grid *g, const struct pfs_system *system, struct pfs_arena *arena,
                         struct pfs_err *err)
{
    int64_t *ids, count, first, last;
    struct pfs_arena each;
    int rc;

    rc = pfs_snapshot_latest_id(system->store, system->meta, &last, err);
    if (rc == 0)
        rc = pfs_snapshot_earliest_id(system->store, system->meta, &first, err);
    if (rc < 0)
        return rc == -ENOENT ? 0 : rc;
    PFS_TRY(pfs_snapshot_list(system->store, system->meta, arena, &ids, &count, err));
    pfs_arena_init(&each, PFS_ARENA_LIMIT);
    for (int64_t i = 0; rc >= 0 && i < count; i++) {
        struct pfs_snapshot snapshot;

        if (ids[i] < first || ids[i] > last)
            continue;
        pfs_arena_reset(&each);
        rc = pfs_snapshot_load(system->store, system->meta, ids[i], &each, &snapshot, NULL, err);
        if (rc == 0)
            put_snapshot(g, &snapshot);
        else if (rc == -ENOENT) /* expired meanwhile */
            rc = 0;
    }
    pfs_arena_done(&each);
    return rc;
}

/* ---- $tags ---- */

static const struct pfs_field tag_field[] = {
    {.name = "tag_name", .type = PFS_STRING_TYPE},       {.name = "snapshot_id", .type = {.kind = PFS_BIGINT}},
    {.name = "schema_id", .type = {.kind = PFS_BIGINT}}, {.name = "commit_time", .type = PFS_MOMENT_TYPE},
    {.name = "record_count", .type = PFS_BIGINT_TYPE},   {.name = "create_time", .type = PFS_MOMENT_TYPE},
    {.name = "time_retained", .type = PFS_STRING_TYPE},
};

/* As java.time.Duration prints it: PT24H, PT1H30M, PT0.5S. */
static void print_duration(int64_t ms, struct pfs_buf *out)
{
    int64_t seconds = ms / 1000, left = ms % 1000;

    pfs_buf_puts(out, "PT");
    if (seconds / 3600 != 0)
        pfs_buf_printf(out, "%lldH", (long long)(seconds / 3600));
    if (seconds % 3600 / 60 != 0)
        pfs_buf_printf(out, "%lldM", (long long)(seconds % 3600 / 60));
    seconds %= 60;
    if (seconds == 0 && left == 0 && ms != 0)
        return;
    if (ms < 0 && seconds == 0 && left != 0)
        pfs_buf_putc(out, '-');
    pfs_buf_printf(out, "%lld", (long long)seconds);
    left = left < 0 ? -left : left;
    if (left != 0) {
        char text[8] = {'.', (char)('0' + left / 100), (char)('0' + left / 10 % 10), (char)('0' + left % 10)};
        size_t len = 4;

        while (text[len - 1] == '0')
            len--;
        pfs_buf_put(out, text, len);
    }
    pfs_buf_putc(out, 'S');
}

/* A life that has no end is shown as NULL. */
static void put_tag(struct pfs_grid *g, const char *name, const struct pfs_snapshot *s, const struct pfs_tag_life *life)
{
    struct pfs_buf text = {0};

    pfs_grid_text(g, name);
    pfs_grid_number(g, s->id);
    pfs_grid_number(g, s->schema_id);
    pfs_grid_number(g, s->time_ms);
    pfs_grid_number(g, s->total_records);
    pfs_grid_number(g, life->created_ms);
    if (life->retained_ms == PFS_NO_NUMBER) {
        pfs_grid_null(g);
        return;
    }
    print_duration(life->retained_ms, &text);
    pfs_grid_buf(g, &text);
    pfs_buf_done(&text);
}

/* A tag without a life of its own was made by Paimon before it wrote one: it has no time and is kept for ever. */
static int put_tags(struct pfs_grid *g, const struct pfs_system *system, struct pfs_arena *arena, struct pfs_err *err)
{
    const char **names;
    int64_t count;

    PFS_TRY(pfs_tag_list(system->store, system->meta, arena, &names, &count, err));
    for (int64_t i = 0; i < count; i++) {
        struct pfs_snapshot snapshot;
        struct pfs_tag_life life;
        int rc = pfs_tag_load(system->store, system->meta, names[i], arena, &snapshot, NULL, err);

        if (rc == 0)
            rc = pfs_tag_life_load(system->store, system->meta, names[i], &life, err);
        if (rc == -ENOENT) /* deleted meanwhile */
            continue;
        if (rc < 0)
            return rc;
        put_tag(g, names[i], &snapshot, &life);
    }
    return 0;
}

/* ---- $branches ---- */

static const struct pfs_field branch_field[] = {
    {.name = "branch_name", .type = PFS_STRING_TYPE},
    {.name = "create_time", .type = PFS_MOMENT_TYPE},
};

/* When a branch was made is what its directory says: Paimon keeps it nowhere else. */
static int put_branches(struct pfs_grid *g, const struct pfs_system *system, struct pfs_arena *arena,
                        struct pfs_err *err)
{
    const char **names;
    int64_t count;

    PFS_TRY(pfs_branch_list(system->store, system->root, arena, &names, &count, err));
    for (int64_t i = 0; i < count; i++) {
        struct pfs_stat st;
        int rc = pfs_branch_stat(system->store, system->root, names[i], &st, err);

        if (rc == -ENOENT)
            continue;
        if (rc < 0)
            return rc;
        pfs_grid_text(g, names[i]);
        pfs_grid_number(g, st.mtime_ns / 1000000);
    }
    return 0;
}

/* ---- $consumers ---- */

static const struct pfs_field consumer_field[] = {
    {.name = "consumer_id", .type = PFS_STRING_TYPE},
    {.name = "next_snapshot_id", .type = {.kind = PFS_BIGINT}},
};

/* The number in a consumer's file, whether that snapshot is there or not: a reader may wait for one to come. */
static int put_consumers(struct pfs_grid *g, const struct pfs_system *system, struct pfs_arena *arena,
                         struct pfs_err *err)
{
    const char **names;
    int64_t count;

    PFS_TRY(pfs_consumer_list(system->store, system->meta, arena, &names, &count, err));
    for (int64_t i = 0; i < count; i++) {
        int64_t next;
        int rc = pfs_consumer_load(system->store, system->meta, names[i], &next, err);

        if (rc == -ENOENT)
            continue;
        if (rc < 0)
            return rc;
        pfs_grid_text(g, names[i]);
        pfs_grid_number(g, next);
    }
    return 0;
}

int pfs_system_branches(const struct pfs_system *system, struct pfs_rows **out, struct pfs_err *err)
{
    return pfs_system_make(PFS_FIELDS(branch_field), put_branches, system, out, err);
}

int pfs_system_consumers(const struct pfs_system *system, struct pfs_rows **out, struct pfs_err *err)
{
    return pfs_system_make(PFS_FIELDS(consumer_field), put_consumers, system, out, err);
}

int pfs_system_snapshots(const struct pfs_system *system, struct pfs_rows **out, struct pfs_err *err)
{
    return pfs_system_make(PFS_FIELDS(snapshot_field), put_snapshots, system, out, err);
}

int pfs_system_tags(const struct pfs_system *system, struct pfs_rows **out, struct pfs_err *err)
{
    return pfs_system_make(PFS_FIELDS(tag_field), put_tags, system, out, err);
}
