/* sql.c - statements from a file or standard input. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "src/statement/statement.h"
#include "tools/commands.h"
#include "tools/session.h"

/* All of it first: a statement that is cut off by a broken pipe must not be carried out. */
static int read_all(FILE *in, struct pfs_buf *out, struct pfs_err *err)
{
    pfs_buf_init(out, PFS_STATEMENT_BYTES_MAX);
    for (;;) {
        uint8_t *to = pfs_buf_reserve(out, 1 << 14);
        size_t got = to == NULL ? 0 : fread(to, 1, 1 << 14, in);

        out->len += got;
        if (to == NULL || got == 0)
            break;
    }
    if (ferror(in))
        return pfs_fail(err, EIO, "the statements cannot be read");
    return pfs_buf_check(out, err);
}

/* What was answered before a failing statement is printed as well: it was done. */
static int run(const struct session_config *config, FILE *in, struct pfs_err *err)
{
    struct pfs_buf text = {0}, answer = {0};
    struct session session;
    int rc = read_all(in, &text, err);

    if (rc == 0)
        rc = session_open(config, &session, err);
    if (rc < 0) {
        pfs_buf_done(&text);
        return rc;
    }
    /* What dead processes acknowledged comes first: a statement may change or drop its table. The rest stays in the
     * journal, as it would without us. */
    (void)pfs_tree_finish(session.tree, NULL);
    rc = pfs_catalog_execute(session.catalog, NULL, pfs_buf_slice(&text), &answer, err);
    (void)fwrite(answer.at, 1, answer.len, stdout);
    pfs_buf_done(&text);
    pfs_buf_done(&answer);
    session_close(&session);
    return rc;
}

/* Whatever stands before a failing statement was done, and its answers are printed. */
int command_sql(int argc, char **argv)
{
    struct pfs_err err = {0};
    struct session_config config = {0};
    FILE *in = stdin;
    int rc = session_take_options(&argc, argv, &config);

    if (rc != 0)
        return rc;
    if (argc < 1 || argc > 2)
        return usage_error("sql needs a warehouse and at most one file");
    if (argc == 2 && (in = fopen(argv[1], "rb")) == NULL)
        return command_failed(argv[1], -errno, NULL);
    config.warehouse = argv[0];
    rc = run(&config, in, &err);
    if (in != stdin)
        fclose(in);
    return rc < 0 ? command_failed("sql", rc, &err) : 0;
}
