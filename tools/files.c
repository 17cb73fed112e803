/* files.c - ls, cat, append and overwrite: the same tree as in the mount, called directly. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "tools/bar.h"
#include "tools/commands.h"
#include "tools/opened.h"

#define PIECE ((size_t)1 << 20)

static int open_config(const struct session_config *config, struct session *session)
{
    struct pfs_err err = {0};
    int rc = session_open(config, session, &err);

    return rc < 0 ? command_failed(config->warehouse, rc, &err) : 0;
}

/* ---- cat ---- */

/* Poured where the view can be: its bytes are kept nowhere, since nobody will read them again. */
static int copy_out(struct opened *o, uint8_t *piece, struct pfs_err *err)
{
    uint64_t off = 0;
    int64_t got;

    assert(piece != NULL);
    pfs_tree_pour(o->session->tree, &o->waiting.request, o->file.handle, STDOUT_FILENO);
    got = pfs_waiting_result(&o->waiting, err);
    if (got != -EAGAIN)
        return (int)got;
    for (;;) {
        pfs_tree_read(o->session->tree, &o->waiting.request, o->file.handle, off, piece, PIECE);
        got = pfs_waiting_result(&o->waiting, err);
        if (got <= 0)
            return (int)got;
        PFS_TRY(opened_print(piece, (size_t)got));
        off += (uint64_t)got;
    }
}

/* A reader that goes away is no failure of ours, and is not told of. */
static int cat_one(struct session *session, const char *path)
{
    struct pfs_err err = {0};
    struct opened o;
    uint8_t *piece;
    int rc = opened_open(session, path, O_RDONLY, &o, &err);

    if (rc < 0)
        return command_failed(path, rc, &err);
    piece = pfs_alloc(PIECE);
    rc = piece == NULL ? -ENOMEM : copy_out(&o, piece, &err);
    pfs_free(piece);
    (void)opened_close(&o, NULL);
    return rc < 0 && rc != -EPIPE ? command_failed(path, rc, &err) : rc < 0;
}

/* Several paths are one text, as with cat(1); one that fails does not keep back those behind it. */
int command_cat(int argc, char **argv)
{
    struct session_config config = {.read_only = true, .pours = true};
    struct session session;
    int code = session_take_options(&argc, argv, &config);

    if (code != 0)
        return code;
    while (argc >= 2 && argv[0][0] == '-') {
        uint64_t bytes;

        if (strcmp(argv[0], "--memory") != 0)
            return usage_error("cat knows --memory N and -o external-paths=DIR[:DIR]");
        if (session_parse_bytes(argv[1], &bytes) < 0 || bytes < SESSION_MEMORY_MIN)
            return usage_error("--memory must be a size from 16m on, as 256m or 1g");
        else
            config.memory_bytes = (size_t)bytes;
        argc -= 2;
        argv += 2;
    }
    if (argc < 2)
        return usage_error("cat needs a warehouse and a path");
    config.warehouse = argv[0];
    code = open_config(&config, &session);
    if (code != 0)
        return code;
    for (int i = 1; i < argc; i++)
        code |= cat_one(&session, argv[i]);
    session_close(&session);
    return code;
}

/* ---- ls ---- */

/* One name a line, directories with a slash, whatever the terminal: for other programs. */
static int list(struct session *session, const char *path, struct pfs_err *err)
{
    struct pfs_listed *item;
    struct pfs_waiting waiting;
    struct pfs_entry entry;
    struct pfs_arena arena;
    int64_t count, rc;

    PFS_TRY(pfs_tree_walk(session->tree, path, &entry, err));
    rc = pfs_waiting_init(&waiting, err);
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    if (rc == 0) {
        pfs_tree_list(session->tree, &waiting.request, entry.node, &arena, &item, &count);
        rc = pfs_waiting_result(&waiting, err);
        pfs_waiting_done(&waiting);
    }
    for (int64_t i = 0; rc == 0 && i < count; i++)
        if (strcmp(item[i].name, ".") != 0 && strcmp(item[i].name, "..") != 0)
            printf("%s%s\n", item[i].name, item[i].directory ? "/" : "");
    pfs_arena_done(&arena);
    pfs_tree_forget(session->tree, entry.node, 1);
    return (int)rc;
}

/* Read-only: a look makes no journal and commits nothing. */
int command_ls(int argc, char **argv)
{
    struct session_config config = {.read_only = true, .pours = true};
    struct pfs_err err = {0};
    struct session session;
    int code = session_take_options(&argc, argv, &config), rc;

    if (code != 0)
        return code;
    if (argc < 1 || argc > 2)
        return usage_error("ls needs a warehouse and at most one path");
    config.warehouse = argv[0];
    code = open_config(&config, &session);
    if (code != 0)
        return code;
    rc = list(&session, argc > 1 ? argv[1] : "", &err);
    code = rc < 0 ? command_failed(argc > 1 ? argv[1] : "/", rc, &err) : 0;
    session_close(&session);
    return code;
}

/* ---- append, overwrite ---- */

/* Bytes of standard input that are still to come, 0 = nobody knows. */
static int64_t input_size(void)
{
    struct stat st;
    off_t at;

    if (fstat(STDIN_FILENO, &st) < 0 || !S_ISREG(st.st_mode))
        return 0;
    at = lseek(STDIN_FILENO, 0, SEEK_CUR);
    return at >= 0 && at < st.st_size ? st.st_size - at : 0;
}

/* The input cannot be read to its end: half of it must not be committed, or replace a table, as if it were all. */
static int give_up(struct opened *o, int code, struct pfs_err *err)
{
    struct pfs_err why = {0};

    pfs_fail(&why, code, "standard input: %s", pfs_errno_text(code));
    pfs_tree_refuse(o->session->tree, &o->waiting.request, o->file.handle, &why);
    return (int)pfs_waiting_result(&o->waiting, err);
}

/* A refused row ends it: the handle has failed, and nothing of the input will be there. */
static int copy_in(struct opened *o, uint8_t *piece, struct bar *bar, struct pfs_err *err)
{
    int64_t size = input_size();
    uint64_t off = 0;
    int64_t rc;

    assert(piece != NULL);
    assert(size >= 0);
    for (;;) {
        ssize_t got = read(STDIN_FILENO, piece, PIECE);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return give_up(o, errno, err);
        if (got == 0)
            break;
        pfs_tree_write(o->session->tree, &o->waiting.request, o->file.handle, off, pfs_slice_of(piece, (size_t)got));
        rc = pfs_waiting_result(&o->waiting, err);
        if (rc < 0)
            return (int)rc;
        off += (uint64_t)got;
        if (size > 0)
            bar_draw(bar, (int64_t)off, size);
    }
    return 0;
}

/* A table stands for its inbox. */
static int open_inbox(struct session *session, const char *path, int flags, struct opened *out, struct pfs_err *err)
{
    int rc = opened_open(session, path, O_WRONLY | flags, out, err);
    struct pfs_buf inbox = {0};

    if (rc != -EISDIR || (flags & O_APPEND) == 0)
        return rc;
    pfs_err_clear(err);
    pfs_buf_printf(&inbox, "%s/inbox", path);
    pfs_buf_put(&inbox, "", 1);
    rc = pfs_buf_check(&inbox, err);
    if (rc == 0)
        rc = opened_open(session, (const char *)inbox.at, O_WRONLY | flags, out, err);
    pfs_buf_done(&inbox);
    return rc;
}

/* A handle that failed keeps nothing; one that did not is sealed by its release: one commit. */
static int put_rows(struct session *session, const char *path, int flags, struct pfs_err *err)
{
    uint8_t *piece = pfs_alloc(PIECE);
    struct opened o;
    struct bar bar;
    int rc, released;

    if (piece == NULL)
        return pfs_fail(err, ENOMEM, "no memory");
    rc = open_inbox(session, path, flags, &o, err);
    if (rc < 0) {
        pfs_free(piece);
        return rc;
    }
    bar_init(&bar, path);
    rc = copy_in(&o, piece, &bar, err);
    bar_wipe(&bar);
    pfs_free(piece);
    released = opened_close(&o, rc == 0 ? err : NULL);
    return rc < 0 ? rc : released;
}

/* The rows are in the table, whatever a compaction after it comes to. */
static void compact_after(struct session *session, const char *path)
{
    struct pfs_err err = {0};

    if (pfs_tree_compact(session->tree, &err) < 0)
        fprintf(stderr, "paimonfs: %s: the rows are committed, but not compacted: %s\n", path, err.text);
}

/* The release is the transaction's end, finish the commit: only after that is it done. */
static int write_rows(const struct session_config *config, const char *path, int flags)
{
    struct pfs_err err = {0};
    struct session session;
    int code = open_config(config, &session), rc;

    if (code != 0)
        return code;
    rc = put_rows(&session, path, flags, &err);
    if (rc == 0)
        rc = pfs_tree_finish(session.tree, &err); /* the commit */
    if (rc == 0)
        compact_after(&session, path);
    code = rc < 0 ? command_failed(path, rc, &err) : 0;
    session_close(&session);
    return code;
}

/* The last name of a path. */
static bool path_ends(const char *path, const char *name)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL && strcmp(slash + 1, name) == 0;
}

/* Takes the options off the arguments, and the warehouse. */
static int take_writing(int *argc, char ***argv, struct session_config *config)
{
    int code = session_take_options(argc, *argv, config);

    if (code == 0 && *argc > 0 && strcmp((*argv)[0], "--no-compact") == 0) {
        config->write_only = true;
        (*argc)--;
        (*argv)++;
    }
    config->warehouse = (*argv)[0];
    return code;
}

int command_append(int argc, char **argv)
{
    struct session_config config = {.pours = true};
    int code = take_writing(&argc, &argv, &config);

    if (code != 0)
        return code;
    if (argc != 2)
        return usage_error("append needs a warehouse and the path of an inbox or a table");
    if (path_ends(argv[1], "overwrite"))
        return usage_error("append adds rows; paimonfs overwrite replaces them");
    return write_rows(&config, argv[1], O_APPEND);
}

int command_overwrite(int argc, char **argv)
{
    struct session_config config = {.pours = true};
    int code = take_writing(&argc, &argv, &config);

    if (code != 0)
        return code;
    if (argc != 2 || !path_ends(argv[1], "overwrite"))
        return usage_error("overwrite needs a warehouse and a path as db/table/overwrite");
    return write_rows(&config, argv[1], O_TRUNC);
}
