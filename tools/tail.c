/* tail.c - the end of a growing file of the tree, and what comes: tail -f without a mount. Rows are counted, not lines:
 * a quoted line end is none. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/number.h"
#include "tools/commands.h"
#include "tools/opened.h"

#define PIECE ((size_t)256 << 10)
#define NAP_MS 200
#define ROWS_DEFAULT 10
#define ROWS_MAX 10000000

struct tail {
    struct opened file;
    uint8_t *piece;
    bool header;      /* the first row is one */
    int64_t rows;     /* to begin with */
    bool from_start;  /* `rows` counts from the first one, from 1; else from the last */
    uint64_t *begin;  /* where the last `rows` rows begin, in a ring */
    int64_t seen;     /* rows that have begun, without the header */
    bool quoted;      /* inside quotes */
    bool text;        /* of CSV: quotes mean something */
    uint64_t at;      /* what was looked at */
    uint64_t heading; /* length of the header */
    bool fresh;       /* the next byte begins a row */
    bool in_header;
};

/* The descriptor's reader is gone, or it is not; waits for it a while. */
static bool is_broken(void)
{
    struct pollfd fd = {.fd = STDOUT_FILENO};

    return poll(&fd, 1, NAP_MS) > 0 && (fd.revents & (POLLERR | POLLNVAL)) != 0;
}

/* A read at the end asks for new commits first, and answers 0 when there are none. */
static int64_t get(struct tail *t, uint64_t off, struct pfs_err *err)
{
    pfs_tree_read(t->file.session->tree, &t->file.waiting.request, t->file.file.handle, off, t->piece, PIECE);
    return pfs_waiting_result(&t->file.waiting, err);
}

/* The ring holds the last ones: which of them is the first that is shown is known at the end. */
static void begin_row(struct tail *t, uint64_t at)
{
    assert(t->rows >= 0);
    if (t->in_header)
        return;
    if (t->from_start ? t->seen + 1 == t->rows : t->rows > 0)
        t->begin[t->from_start ? 0 : t->seen % t->rows] = at;
    t->seen++;
}

/* Notes where rows begin. */
static void count(struct tail *t, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        uint8_t c = t->piece[i];

        if (t->fresh)
            begin_row(t, t->at + i);
        t->fresh = false;
        if (c == '"' && t->text)
            t->quoted = !t->quoted;
        if (c != '\n' || t->quoted)
            continue;
        t->fresh = true;
        if (t->in_header)
            t->heading = t->at + i + 1;
        t->in_header = false;
    }
    t->at += len;
}

/* Prints [from, to). */
static int copy(struct tail *t, uint64_t from, uint64_t to, struct pfs_err *err)
{
    while (from < to) {
        int64_t got = get(t, from, err);

        if (got <= 0)
            return (int)got;
        if ((uint64_t)got > to - from)
            got = (int64_t)(to - from);
        PFS_TRY(opened_print(t->piece, (size_t)got));
        from += (uint64_t)got;
    }
    return 0;
}

/* What there is: the header, and the rows that are wanted of the rest. */
static int show_end(struct tail *t, struct pfs_err *err)
{
    uint64_t from = t->at;
    int64_t got;

    while ((got = get(t, t->at, err)) > 0)
        count(t, (size_t)got);
    if (got < 0)
        return (int)got;
    from = t->at;
    if (t->from_start && t->seen >= t->rows)
        from = t->begin[0];
    else if (!t->from_start && t->rows > 0 && t->seen > 0)
        from = t->begin[t->seen < t->rows ? 0 : t->seen % t->rows];
    assert(from <= t->at);
    assert(t->heading <= t->at);
    PFS_TRY(copy(t, 0, t->heading, err));
    return copy(t, from, t->at, err);
}

/* Rows that come before the first one that is wanted are passed over. */
static int follow(struct tail *t, struct pfs_err *err)
{
    for (;;) {
        int64_t got = get(t, t->at, err);
        size_t skip = 0;

        assert(got <= (int64_t)PIECE);
        if (got < 0)
            return (int)got;
        if (got == 0 && is_broken())
            return -EPIPE;
        if (got == 0)
            continue;
        if (t->from_start && t->seen < t->rows) {
            uint64_t before = t->at;

            count(t, (size_t)got);
            skip = t->seen < t->rows ? (size_t)got : (size_t)(t->begin[0] - before);
        } else {
            t->at += (uint64_t)got;
        }
        assert(skip <= (size_t)got);
        PFS_TRY(opened_print(t->piece + skip, (size_t)got - skip));
    }
}

/* Until the reader of our output is gone. */
static int run(struct session *session, const char *path, struct tail *t, struct pfs_err *err)
{
    int rc = opened_open(session, path, O_RDONLY, &t->file, err);

    if (rc < 0)
        return rc;
    t->piece = pfs_alloc(PIECE);
    t->begin = pfs_alloc(((t->from_start || t->rows == 0 ? 0 : (size_t)t->rows) + 1) * sizeof(*t->begin));
    rc = t->piece == NULL || t->begin == NULL ? -ENOMEM : show_end(t, err);
    if (rc == 0)
        rc = follow(t, err);
    pfs_free(t->piece);
    pfs_free(t->begin);
    (void)opened_close(&t->file, NULL);
    return rc;
}

/* "10", or "+3" from the third one on. */
static int take_rows(const char *text, struct tail *t)
{
    t->from_start = text[0] == '+';
    if (pfs_i64_parse(pfs_str(text + t->from_start), &t->rows) < 0 || t->rows < 0 || t->rows > ROWS_MAX)
        return usage_error("-n must be a number of rows, or + and the first row");
    if (t->from_start && t->rows == 0)
        t->rows = 1;
    return 0;
}

/* A table stands for its changelog. */
static const char *full_path(struct session *session, const char *path, char *to, size_t room)
{
    struct pfs_entry entry;
    bool directory;

    if (pfs_tree_walk(session->tree, path, &entry, NULL) < 0)
        return path;
    directory = (entry.attr.mode & 0170000) == 0040000;
    pfs_tree_forget(session->tree, entry.node, 1);
    return directory && snprintf(to, room, "%s/changelog", path) < (int)room ? to : path;
}

/* By its last letters: a table or a condition in front of them may have the same ones. */
static bool is_json(const char *path)
{
    size_t len = strlen(path);

    return len >= 6 && strcmp(path + len - 6, ".jsonl") == 0;
}

/* The reader's end is ours: without it nothing would stop us. */
int command_tail(int argc, char **argv)
{
    struct session_config config = {.read_only = true};
    struct tail t = {.rows = ROWS_DEFAULT, .fresh = true};
    const char *word[2] = {0}, *path;
    struct session session;
    struct pfs_err err = {0};
    char buffer[4096];
    int words = 0, rc = session_take_options(&argc, argv, &config);

    if (rc != 0)
        return rc;
    for (int i = 0; i < argc; i++) {
        bool separate = strcmp(argv[i], "-n") == 0;

        if (strncmp(argv[i], "-n", 2) == 0 && (!separate || i + 1 < argc)) {
            rc = take_rows(separate ? argv[++i] : argv[i] + 2, &t);
            if (rc != 0)
                return rc;
        } else if (argv[i][0] == '-' || words == 2) {
            return usage_error("tail takes -n ROWS, a warehouse and the path of a changelog");
        } else {
            word[words++] = argv[i];
        }
    }
    if (words < 2)
        return usage_error("tail needs a warehouse and the path of a changelog");
    signal(SIGPIPE, SIG_DFL);
    config.warehouse = word[0];
    rc = session_open(&config, &session, &err);
    if (rc < 0)
        return command_failed(word[0], rc, &err);
    path = full_path(&session, word[1], buffer, sizeof(buffer));
    t.text = t.in_header = !is_json(path);
    rc = run(&session, path, &t, &err);
    session_close(&session);
    return rc < 0 && rc != -EPIPE ? command_failed(word[1], rc, &err) : 0;
}
