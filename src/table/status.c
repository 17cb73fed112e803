/* status.c - how a table is, as one JSON object. */
#include "format/text/text.h"
#include "src/table/shape.h"
#include "src/table/table.h"

/* The sentence of what this program lacks for the table, or null. */
static void put_unsupported(struct pfs_buf *out, const char *name, const struct pfs_schema *schema, bool writing)
{
    struct pfs_err err = {0};

    pfs_buf_printf(out, ",\"%s\":", name);
    if (pfs_schema_supported(schema, writing, &err) < 0)
        pfs_text_quote(pfs_str(err.text), out);
    else
        pfs_buf_puts(out, "null");
}

static int put_state(const struct pfs_state *state, struct pfs_arena *arena, struct pfs_buf *out, struct pfs_err *err)
{
    struct pfs_schema schema = *state->schema;
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
    put_unsupported(out, "cannot_write", &schema, true);
    /* Views read the fallback branch as well; the list of limits speaks of those who do not. */
    PFS_TRY(pfs_schema_own_options(&schema, arena, &schema.options, err));
    put_unsupported(out, "cannot_read", &schema, false);
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
    rc = put_state(state, &arena, out, err);
    pfs_arena_done(&arena);
    pfs_buf_puts(out, "}\n");
    pfs_state_unref(state);
    return rc < 0 ? rc : pfs_buf_check(out, err);
}
