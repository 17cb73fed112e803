/* caretaker_text.c - what is known of compactions, as JSON of one table and as metrics of all. */
#include "fs/tree/caretaker_text.h"

#include <assert.h>

#include "base/datetime.h"
#include "base/mem.h"
#include "format/text/text.h"

/* ---- status.json ---- */

/* The worst that can be said: one that runs may have failed before, and one that fails is due. */
static const char *state_of(const struct pfs_caretaker_facts *f)
{
    if (f->compacting)
        return "running";
    if (f->error.code != 0)
        return "failing";
    if (f->backlog.why_not.code != 0)
        return "not here";
    return f->due ? "due" : "idle";
}

static void put_time(int64_t ms, struct pfs_buf *out)
{
    char text[40];
    size_t len = pfs_timestamp_print(ms, 0, 3, text);

    if (ms == 0) {
        pfs_buf_puts(out, "null");
        return;
    }
    text[10] = 'T';
    pfs_buf_printf(out, "\"%.*sZ\"", (int)len, text);
}

static void put_sentence(const struct pfs_err *err, struct pfs_buf *out)
{
    if (err->code == 0)
        pfs_buf_puts(out, "null");
    else
        pfs_text_quote(pfs_str(err->text), out);
}

/* Before the first commit of this process: what the table says. */
static void look_once(struct pfs_table *table, struct pfs_caretaker_facts *f)
{
    struct pfs_commits commits = {0};
    struct pfs_err err = {0};

    if (pfs_table_backlog(table, false, &commits, &f->backlog, &err) == 0)
        f->due = f->backlog.jobs > 0;
}

/* Figures of this process; what the table needs is looked up when nobody has compacted it here yet. */
void pfs_caretaker_text_status(struct pfs_caretaker *caretaker, struct pfs_table *table, struct pfs_buf *out)
{
    struct pfs_caretaker_facts f = {0};

    if (caretaker != NULL)
        (void)pfs_caretaker_facts(caretaker, table, &f);
    if (!f.looked)
        look_once(table, &f);
    pfs_buf_printf(out, ",\"compaction\":{\"state\":\"%s\",\"buckets_due\":%lld",
                   caretaker == NULL ? "off" : state_of(&f), (long long)f.backlog.jobs);
    if (f.backlog.stop > 0)
        pfs_buf_printf(out, ",\"runs_trigger\":%lld,\"runs_stop\":%lld", (long long)f.backlog.trigger,
                       (long long)f.backlog.stop);
    pfs_buf_printf(out, ",\"writers_held\":%s,\"rows_done\":%lld,\"rows_all\":%lld", f.holds ? "true" : "false",
                   (long long)f.rows_done, (long long)f.rows);
    pfs_buf_printf(out, ",\"done\":%lld,\"conflicts\":%lld,\"failed\":%lld,\"seconds\":%lld.%03lld", (long long)f.done,
                   (long long)f.conflicts, (long long)f.failed, (long long)f.took_ms / 1000,
                   (long long)f.took_ms % 1000);
    pfs_buf_printf(out, ",\"bytes_read\":%lld,\"bytes_written\":%lld,\"last_snapshot\":%lld,\"last\":",
                   (long long)f.old_bytes, (long long)f.bytes, (long long)f.last_snapshot);
    put_time(f.last_ms, out);
    pfs_buf_puts(out, ",\"left_alone\":");
    put_sentence(&f.backlog.why_not, out);
    pfs_buf_puts(out, ",\"error\":");
    put_sentence(&f.error, out);
    pfs_buf_printf(out, ",\"retry_s\":%lld}", (long long)(f.retry_ms + 999) / 1000);
}

/* ---- metrics ---- */

struct all { /* copied first: each metric is told of all tables at once */
    struct pfs_caretaker_facts *facts;
    int64_t count, room;
};

/* Without memory for one it is left out: figures are not worth a failure. */
static void collect(void *context, const struct pfs_caretaker_facts *facts)
{
    struct all *all = context;

    assert(all->count <= all->room);
    if (all->count == all->room) {
        int64_t room = all->room == 0 ? 16 : all->room * 2;
        struct pfs_caretaker_facts *more = pfs_alloc_array((size_t)room, sizeof(*more));

        if (more == NULL)
            return;
        for (int64_t i = 0; i < all->count; i++)
            more[i] = all->facts[i];
        pfs_free(all->facts);
        all->facts = more;
        all->room = room;
    }
    all->facts[all->count++] = *facts;
}

/* A label's value: backslash, quote and newline are escaped. */
static void put_label(const char *text, struct pfs_buf *out)
{
    for (; *text != '\0'; text++) {
        if (*text == '\\' || *text == '"')
            pfs_buf_putc(out, '\\');
        if (*text == '\n')
            pfs_buf_puts(out, "\\n");
        else
            pfs_buf_putc(out, (uint8_t)*text);
    }
}

/* A label for each table: what a dashboard groups by. */
static void put_table(const struct pfs_caretaker_facts *f, struct pfs_buf *out)
{
    pfs_buf_puts(out, "{table=\"");
    put_label(f->database, out);
    pfs_buf_putc(out, '.');
    put_label(f->table, out);
    if (f->branch != NULL) {
        pfs_buf_puts(out, "$branch_");
        put_label(f->branch, out);
    }
    pfs_buf_puts(out, "\"}");
}

#define METRICS(X)                                                                                            \
    X("table_files", "gauge", "Live data files.", f->backlog.shape.files)                                     \
    X("table_small_files", "gauge", "Files that a compaction would still join.", f->backlog.shape.small)      \
    X("table_level0_files", "gauge", "Files of level 0.", f->backlog.shape.level0)                            \
    X("table_bytes", "gauge", "Bytes of live data files.", f->backlog.shape.bytes)                            \
    X("table_runs", "gauge", "Sorted runs of all buckets.", f->backlog.shape.runs)                            \
    X("table_runs_most", "gauge", "Sorted runs of the bucket that has most.", f->backlog.shape.most_runs)     \
    X("table_runs_stop", "gauge", "Runs above which writers are held.", f->backlog.stop)                      \
    X("table_amplification_percent", "gauge", "Bytes above the oldest runs, of those.",                       \
      pfs_shape_amplification(&f->backlog.shape))                                                             \
    X("table_buckets_due", "gauge", "Buckets that wait for a compaction.", f->backlog.jobs)                   \
    X("table_writers_held", "gauge", "1 while writers wait for a compaction.", f->holds)                      \
    X("table_compacting", "gauge", "1 while a compaction runs.", f->compacting)                               \
    X("compactions_total", "counter", "Compactions that became snapshots.", f->done)                          \
    X("compaction_conflicts_total", "counter", "Compactions given up: another took the files.", f->conflicts) \
    X("compaction_failures_total", "counter", "Compactions that failed.", f->failed)                          \
    X("compaction_milliseconds_total", "counter", "Time that they took.", f->took_ms)                         \
    X("compaction_read_bytes_total", "counter", "Bytes of the files that they replaced.", f->old_bytes)       \
    X("compaction_written_bytes_total", "counter", "Bytes of the files that they made.", f->bytes)

static const struct {
    const char *name, *kind, *help;
} metrics[] = {
#define X(name, kind, help, value) {name, kind, help},
    METRICS(X)
#undef X
};

#define COUNT (sizeof(metrics) / sizeof(metrics[0]))

/* Of one table, in the order of the list. */
static void values_of(const struct pfs_caretaker_facts *f, int64_t out[static COUNT])
{
    size_t n = 0;

#define X(name, kind, help, value) out[n++] = (value);
    METRICS(X)
#undef X
    assert(n == COUNT);
}

void pfs_caretaker_text_metrics(struct pfs_caretaker *caretaker, struct pfs_buf *out)
{
    struct all all = {0};

    if (caretaker != NULL)
        pfs_caretaker_each(caretaker, collect, &all);
    for (size_t i = 0; i < COUNT; i++) {
        pfs_buf_printf(out, "# HELP paimonfs_%s %s\n# TYPE paimonfs_%s %s\n", metrics[i].name, metrics[i].help,
                       metrics[i].name, metrics[i].kind);
        for (int64_t k = 0; k < all.count; k++) {
            int64_t value[COUNT];

            values_of(&all.facts[k], value);
            pfs_buf_printf(out, "paimonfs_%s", metrics[i].name);
            put_table(&all.facts[k], out);
            pfs_buf_printf(out, " %lld\n", (long long)value[i]);
        }
    }
    pfs_free(all.facts);
}
