/* fsck.c - every file that is named is looked for, and looked at: what is wrong goes to standard output, what was
 * looked at to standard error. Nothing is written. */
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "tools/bar.h"
#include "tools/commands.h"
#include "tools/tables.h"

struct looking {
    bool json, deep;
    bool any; /* a finding was printed */
    const char *name;
    struct bar bar;
    struct pfs_buf line;
};

/* As views print text, but that empty is empty: there are no NULLs here. */
static void put_csv(struct pfs_buf *out, const char *text, char end)
{
    bool quoted = strpbrk(text, ",\"\r\n") != NULL;

    if (quoted)
        pfs_buf_putc(out, '"');
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '"')
            pfs_buf_putc(out, '"');
        pfs_buf_putc(out, (uint8_t)*p);
    }
    if (quoted)
        pfs_buf_putc(out, '"');
    pfs_buf_putc(out, (uint8_t)end);
}

/* At once, whatever is still to come: whoever waits for a large warehouse reads along. */
static void found(void *context, const struct pfs_finding *f)
{
    struct looking *l = context;
    const char *const cell[] = {l->name, f->note ? "note" : "wrong", pfs_finding_name(f->kind), f->file, f->by,
                                f->text};
    static const char *const names[] = {"table", "severity", "kind", "file", "named_by", "finding"};

    assert(l->name != NULL);
    bar_wipe(&l->bar);
    pfs_buf_clear(&l->line);
    if (l->json)
        pfs_buf_puts(&l->line, l->any ? ",\n{" : "{");
    for (size_t i = 0; i < 6; i++) {
        if (!l->json) {
            put_csv(&l->line, cell[i], i < 5 ? ',' : '\n');
            continue;
        }
        put_member(&l->line, names[i], cell[i]);
        pfs_buf_putc(&l->line, i < 5 ? ',' : '}');
    }
    l->any = true;
    (void)fwrite(l->line.at, 1, l->line.len, stdout);
    fflush(stdout);
}

/* By bytes: files differ by orders of magnitude. */
static void progress(void *context, int64_t done, int64_t bytes)
{
    bar_draw(&((struct looking *)context)->bar, done, bytes);
}

/* What was looked at is told as well: a check that found nothing to look at is none. */
static int check_one(void *context, struct session *session, const char *name, struct pfs_table *table,
                     struct pfs_err *err)
{
    struct looking *l = context;
    struct pfs_check want = {.deep = l->deep, .found = found, .progress = progress, .context = l};
    struct pfs_check_sum sum;
    int rc;

    (void)session;
    l->name = name;
    bar_init(&l->bar, name);
    rc = pfs_table_check(table, &want, &sum, err);
    bar_wipe(&l->bar);
    if (rc < 0)
        return rc;
    fprintf(stderr, "%s: %lld snapshots, %lld tags, %lld changelogs, %lld files, %lld bytes: %s\n", name,
            (long long)sum.snapshots, (long long)sum.tags, (long long)sum.changelogs, (long long)sum.files,
            (long long)sum.bytes,
            sum.wrong > 0   ? "DAMAGED"
            : sum.notes > 0 ? "whole, with notes"
                            : "whole");
    return sum.wrong > 0;
}

/* Read-only: a damaged warehouse is not made worse by looking. */
int command_fsck(int argc, char **argv)
{
    struct session_config config = {.read_only = true};
    struct looking l = {0};
    const char *table = NULL;
    struct session session;
    struct pfs_err err = {0};
    int code = session_take_options(&argc, argv, &config), rc;

    if (code != 0)
        return code;
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--deep") == 0)
            l.deep = true;
        else if (strcmp(argv[i], "--json") == 0)
            l.json = true;
        else if (argv[i][0] == '-' || table != NULL)
            return usage_error("fsck takes --deep, --json, a warehouse and at most one table");
        else if (config.warehouse == NULL)
            config.warehouse = argv[i];
        else
            table = argv[i];
    }
    if (config.warehouse == NULL)
        return usage_error("fsck needs a warehouse");
    rc = session_open(&config, &session, &err);
    if (rc < 0)
        return command_failed(config.warehouse, rc, &err);
    fputs(l.json ? "[" : "table,severity,kind,file,named_by,finding\n", stdout);
    code =
        tables_each(&session, &(struct tables_want){.only = table, .branches = true, .each = check_one, .context = &l});
    if (l.json)
        puts("]");
    session_close(&session);
    pfs_buf_done(&l.line);
    return code;
}
