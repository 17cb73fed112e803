/* status.c - how a table is, as one JSON object: of metadata alone, so that asking costs what a look at the table does.
 * A member that does not hold is null and never left out: scripts ask for it by name. */
#include "format/text/text.h"
#include "src/file/file.h"
#include "src/meta/start.h"
#include "src/table/shape.h"
#include "src/table/table.h"

/* The sentence of what this program lacks for the table, or null. */
static void put_limit(struct pfs_buf *out, const char *name, int rc, const struct pfs_err *err)
{
    pfs_buf_printf(out, ",\"%s\":", name);
    if (rc < 0)
        pfs_text_quote(pfs_str(err->text), out);
    else
        pfs_buf_puts(out, "null");
}

static void put_limits(struct pfs_buf *out, const struct pfs_schema *all, const struct pfs_schema *own,
                       const struct pfs_external *external, const struct pfs_err *pinned)
{
    struct pfs_err err = {0};
    int rc = pfs_schema_supported(all, true, &err);

    if (rc == 0)
        rc = pfs_data_write_check(all, external, &err);
    put_limit(out, "cannot_write", rc, &err);
    rc = pfs_schema_supported(own, false, &err);
    put_limit(out, "cannot_read", rc < 0 ? rc : -pinned->code, rc < 0 ? &err : pinned);
}

/* The option that pins reads and the snapshot that it means now; both null when reads show the newest one. Where they
 * cannot be told, the sentence is in `why`. */
static void put_pin(struct pfs_table *table, const struct pfs_state *newest, struct pfs_buf *out, struct pfs_err *why)
{
    struct pfs_state *state = NULL;
    struct pfs_start start = {.key = NULL};
    int rc = pfs_start_of(&newest->schema->options, &start, why);

    if (rc == 0 && start.kind != PFS_START_NEWEST && start.kind != PFS_START_CHANGES)
        rc = pfs_table_state(table, (struct pfs_when){.kind = PFS_WHEN_READ}, &state, why);
    if (rc < 0 && why->code == 0) /* the table is about to go */
        why->code = -rc;
    pfs_buf_puts(out, ",\"reads_pinned_by\":");
    if (start.key == NULL)
        pfs_buf_puts(out, "null");
    else
        pfs_text_quote(pfs_str(start.key), out);
    if (state != NULL && state->exists)
        pfs_buf_printf(out, ",\"reads_snapshot\":%lld", (long long)state->snapshot.id);
    else
        pfs_buf_puts(out, ",\"reads_snapshot\":null");
    pfs_state_unref(state);
}

static int put_state(struct pfs_table *table, const struct pfs_state *state, struct pfs_arena *arena,
                     struct pfs_buf *out, struct pfs_err *err)
{
    struct pfs_schema schema = *state->schema;
    struct pfs_err pinned = {0};
    struct pfs_shape c;

    PFS_TRY(pfs_shape_count(state, arena, &c, err));
    pfs_buf_printf(out, ",\"schema\":%lld", (long long)schema.id);
    if (state->exists)
        pfs_buf_printf(out, ",\"snapshot\":%lld,\"committed_ms\":%lld", (long long)state->snapshot.id,
                       (long long)state->snapshot.time_ms);
    else
        pfs_buf_puts(out, ",\"snapshot\":null,\"committed_ms\":null");
    pfs_buf_printf(out, ",\"buckets\":%lld,\"files\":%lld,\"level0_files\":%lld,\"small_files\":%lld",
                   (long long)c.buckets, (long long)c.files, (long long)c.level0, (long long)c.small);
    pfs_buf_printf(out, ",\"runs\":%lld,\"most_runs\":%lld,\"rows_stored\":%lld,\"rows_hidden\":%lld,\"bytes\":%lld",
                   (long long)c.runs, (long long)c.most_runs, (long long)c.rows, (long long)c.hidden,
                   (long long)c.bytes);
    pfs_buf_printf(out, ",\"amplification_percent\":%lld", (long long)pfs_shape_amplification(&c));
    put_pin(table, state, out, &pinned);
    /* Views read the fallback branch as well; the list of limits speaks of those who do not. */
    PFS_TRY(pfs_schema_own_options(&schema, arena, &schema.options, err));
    put_limits(out, state->schema, &schema, state->external, &pinned);
    return 0;
}

int pfs_table_status(struct pfs_table *table, struct pfs_buf *out, struct pfs_err *err)
{
    struct pfs_state *state;
    struct pfs_arena arena;
    int rc;

    PFS_TRY(pfs_table_state(table, (struct pfs_when){.kind = PFS_WHEN_LATEST}, &state, err));
    pfs_buf_puts(out, "{\"table\":");
    pfs_text_quote(pfs_str(pfs_table_name(table)), out);
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = put_state(table, state, &arena, out, err);
    pfs_arena_done(&arena);
    pfs_buf_puts(out, "}\n");
    pfs_state_unref(state);
    return rc < 0 ? rc : pfs_buf_check(out, err);
}
