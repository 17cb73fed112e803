/* status.c - how a table is, as one JSON object. */
#include <stdio.h>
#include <string.h>

#include "format/text/text.h"
#include "src/table.h"

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

struct counts {
    int64_t files, level0, bytes, rows, buckets;
};

/* Files come in the order of their ADDs, so that buckets are told apart by looking back. */
static struct counts count(const struct pfs_state *state)
{
    struct counts c = {.files = state->files};

    for (int64_t i = 0; i < state->files; i++) {
        const struct pfs_manifest_entry *e = state->file[i];
        bool seen = false;

        c.level0 += e->file.level == 0;
        c.bytes += e->file.size;
        c.rows += e->file.rows;
        for (int64_t k = 0; k < i && !seen; k++)
            seen = state->file[k]->bucket == e->bucket && pfs_slice_eq(state->file[k]->partition, e->partition);
        c.buckets += !seen;
    }
    return c;
}

int pfs_table_status(struct pfs_table *table, struct pfs_buf *out, struct pfs_err *err)
{
    struct pfs_state *state;
    struct counts c;

    PFS_TRY(pfs_table_state(table, (struct pfs_when){.kind = PFS_WHEN_LATEST}, &state, err));
    c = count(state);
    pfs_buf_puts(out, "{\"table\":");
    pfs_text_quote(pfs_str(pfs_table_name(table)), out);
    pfs_buf_printf(out, ",\"schema\":%lld", (long long)state->schema->id);
    if (state->exists)
        pfs_buf_printf(out, ",\"snapshot\":%lld,\"committed_ms\":%lld", (long long)state->snapshot.id,
                       (long long)state->snapshot.time_ms);
    else
        pfs_buf_puts(out, ",\"snapshot\":null,\"committed_ms\":null");
    pfs_buf_printf(out, ",\"buckets\":%lld,\"files\":%lld,\"level0_files\":%lld,\"rows_stored\":%lld,\"bytes\":%lld",
                   (long long)c.buckets, (long long)c.files, (long long)c.level0, (long long)c.rows,
                   (long long)c.bytes);
    put_unsupported(out, "cannot_read", state->schema, false);
    put_unsupported(out, "cannot_write", state->schema, true);
    pfs_buf_puts(out, "}\n");
    pfs_state_unref(state);
    return pfs_buf_check(out, err);
}
