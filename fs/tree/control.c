/* control.c - small files that are made anew for each reader, and sql: statements in, answers out.
 *
 * What is written to sql is text until a ';' ends it; the write that brought the ';' answers when the statement is
 * done. The answer is kept twice: with the handle, which reads its own, and by user, for whoever opens sql next. */
#include "fs/tree/control.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "src/statement/statement.h"

/* ---- small files ---- */

static int print_schema(const struct pfs_place *place, struct pfs_table *table, struct pfs_buf *out,
                        struct pfs_err *err)
{
    const struct pfs_schema *schema;

    PFS_TRY(pfs_table_schema_at(table, pfs_place_when(place), &schema, err));
    return pfs_schema_print_sql(schema, pfs_table_database(table), pfs_table_name(table), out, err);
}

static int print_options(struct pfs_table *table, struct pfs_buf *out, struct pfs_err *err)
{
    const struct pfs_schema *schema;

    PFS_TRY(pfs_table_schema(table, &schema, err));
    for (int32_t i = 0; i < schema->options.count; i++)
        pfs_buf_printf(out, "%s = %s\n", schema->options.item[i].key, schema->options.item[i].value);
    return 0;
}

/* Each is small, and made for one reader: none of them is cached. */
int pfs_control_print(const struct pfs_place *place, struct pfs_table *table, struct pfs_errors *errors,
                      struct pfs_buf *out, struct pfs_err *err)
{
    int rc = 0;

    switch ((int)place->kind) {
    case PFS_NODE_SCHEMA_SQL:
        rc = print_schema(place, table, out, err);
        break;
    case PFS_NODE_SCHEMA_JSON:
        rc = pfs_table_schema_json(table, pfs_place_when(place), out, err);
        break;
    case PFS_NODE_SNAPSHOT_JSON:
        rc = pfs_table_snapshot_json(table, pfs_place_when(place), out, err);
        break;
    case PFS_NODE_OPTIONS:
        rc = print_options(table, out, err);
        break;
    case PFS_NODE_STATUS:
        rc = pfs_table_status(table, out, err);
        break;
    case PFS_NODE_ERRORS:
        pfs_errors_print(errors, out);
        break;
    default:
        return -ENOENT;
    }
    return rc < 0 ? rc : pfs_buf_check(out, err);
}

/* ---- answers ---- */

struct answer {
    struct answer *next;
    uint32_t uid;
    struct pfs_buf text;
};

struct pfs_answers {
    pthread_mutex_t lock; /* guards the list */
    struct answer *first;
};

int pfs_answers_open(struct pfs_answers **out, struct pfs_err *err)
{
    struct pfs_answers *a = pfs_zalloc(sizeof(*a));

    if (a == NULL)
        return pfs_fail(err, ENOMEM, "no memory for answers");
    pthread_mutex_init(&a->lock, NULL);
    *out = a;
    return 0;
}

void pfs_answers_close(struct pfs_answers *answers)
{
    if (answers == NULL)
        return;
    for (struct answer *a = answers->first, *next; a != NULL; a = next) {
        next = a->next;
        pfs_buf_done(&a->text);
        pfs_free(a);
    }
    pthread_mutex_destroy(&answers->lock);
    pfs_free(answers);
}

/* Answers are by user, since handles of one user read each other's: `echo > sql; cat sql` is two. */
static struct answer *find_answer(struct pfs_answers *answers, uint32_t uid)
{
    struct answer *a = answers->first;

    while (a != NULL && a->uid != uid)
        a = a->next;
    return a;
}

static void keep_answer(struct pfs_answers *answers, uint32_t uid, const struct pfs_buf *text)
{
    struct answer *a;

    pthread_mutex_lock(&answers->lock);
    a = find_answer(answers, uid);
    if (a == NULL && (a = pfs_zalloc(sizeof(*a))) != NULL) {
        a->uid = uid;
        a->next = answers->first;
        answers->first = a;
    }
    if (a != NULL) {
        pfs_buf_clear(&a->text);
        pfs_buf_put(&a->text, text->at, text->len);
    }
    pthread_mutex_unlock(&answers->lock);
}

/* ---- a handle on sql ---- */

struct pfs_console {
    struct pfs_catalog *catalog;
    struct pfs_ingest *ingest;
    struct pfs_pool *pool;
    struct pfs_answers *answers;
    char *database; /* NULL = default */
    uint32_t uid;
    pthread_mutex_t lock; /* guards all below */
    struct pfs_buf text;  /* not executed yet */
    int queued;           /* writes that brought an end, and wait for it to be executed */
    struct pfs_buf answer;
    bool told;        /* the answer was read, or is an earlier handle's: the next one takes its place */
    uint64_t written; /* where the last write ended */
    uint64_t start;   /* where the file's place was when the answer was begun to be read */
};

/* It begins with the last answer of its user, which a reader finds without writing anything. */
int pfs_console_open(struct pfs_catalog *catalog, struct pfs_ingest *ingest, struct pfs_pool *pool,
                     struct pfs_answers *answers, const char *database, uint32_t uid, struct pfs_console **out,
                     struct pfs_err *err)
{
    struct pfs_console *c = pfs_zalloc(sizeof(*c));
    const struct answer *last;

    if (c == NULL || (database != NULL && (c->database = pfs_strdup(database)) == NULL)) {
        pfs_free(c);
        return pfs_fail(err, ENOMEM, "no memory for a handle");
    }
    c->catalog = catalog;
    c->ingest = ingest;
    c->pool = pool;
    c->answers = answers;
    c->uid = uid;
    pthread_mutex_init(&c->lock, NULL);
    pfs_buf_init(&c->text, PFS_STATEMENT_BYTES_MAX);
    pthread_mutex_lock(&answers->lock);
    last = find_answer(answers, uid);
    if (last != NULL)
        pfs_buf_put(&c->answer, last->text.at, last->text.len);
    c->told = true;
    pthread_mutex_unlock(&answers->lock);
    *out = c;
    return 0;
}

void pfs_console_close(struct pfs_console *console)
{
    if (console == NULL)
        return;
    assert(console->queued == 0);
    pfs_buf_done(&console->text);
    pfs_buf_done(&console->answer);
    pthread_mutex_destroy(&console->lock);
    pfs_free(console->database);
    pfs_free(console);
}

struct job {
    struct pfs_console *console;
    struct pfs_request *request;
    size_t len;
};

/* The whole statements of the text; what is behind them waits for more. */
static int converse(struct pfs_console *c, struct pfs_err *err)
{
    size_t len = pfs_statements_whole(pfs_buf_slice(&c->text));
    int rc;

    if (c->told)
        pfs_buf_clear(&c->answer);
    c->told = false;
    rc = pfs_catalog_converse(c->catalog, &c->database, pfs_slice_of(c->text.at, len), &c->answer, err);
    if (rc < 0) {
        pfs_buf_clear(&c->text);
        pfs_buf_printf(&c->answer, "error: %s\n", err->code != 0 ? err->text : pfs_errno_text(-rc));
    } else {
        memmove(c->text.at, c->text.at + len, c->text.len - len);
        c->text.len -= len;
    }
    keep_answer(c->answers, c->uid, &c->answer);
    return rc;
}

/* On the pool: a statement may take as long as a commit. */
static void execute(void *context)
{
    struct job *j = context;
    struct pfs_console *c = j->console;
    struct pfs_request *request = j->request;
    int64_t result = (int64_t)j->len;
    int rc;

    pfs_free(j);
    pthread_mutex_lock(&c->lock);
    assert(c->queued > 0);
    c->queued--;
    if (c->ingest != NULL) /* before a statement changes a table; what cannot be committed is reported by itself */
        (void)pfs_ingest_commit_all(c->ingest, NULL);
    rc = converse(c, &request->err);
    if (c->ingest != NULL)
        pfs_ingest_look(c->ingest);
    if (rc < 0)
        result = rc;
    pthread_mutex_unlock(&c->lock);
    request->done(request, result);
}

void pfs_console_write(struct pfs_console *console, struct pfs_request *request, uint64_t off, struct pfs_slice bytes)
{
    struct job *j = pfs_zalloc(sizeof(*j));
    bool whole = false;
    int rc;

    if (j == NULL) {
        request->done(request, pfs_fail(&request->err, ENOMEM, "no memory for a statement"));
        return;
    }
    pthread_mutex_lock(&console->lock);
    pfs_buf_put(&console->text, bytes.at, bytes.len);
    console->written = off + bytes.len;
    rc = pfs_buf_check(&console->text, &request->err);
    if (rc < 0)
        pfs_buf_clear(&console->text);
    else
        whole = memchr(bytes.at, ';', bytes.len) != NULL && pfs_statements_whole(pfs_buf_slice(&console->text)) > 0;
    console->queued += whole;
    pthread_mutex_unlock(&console->lock);
    if (!whole) {
        pfs_free(j);
        request->done(request, rc < 0 ? rc : (int64_t)bytes.len);
        return;
    }
    *j = (struct job){console, request, bytes.len};
    if (console->pool == NULL || pfs_pool_submit(console->pool, true, execute, j) < 0)
        execute(j);
}

/* Descriptors of a handle may be closed by others while a statement of it waits or runs: that one is whole. */
void pfs_console_flush(struct pfs_console *console, struct pfs_request *request)
{
    int rc = 0;

    pthread_mutex_lock(&console->lock);
    if (console->queued == 0) {
        if (pfs_statements_say(pfs_buf_slice(&console->text)))
            rc = pfs_fail(&request->err, EINVAL, "the last statement has no ';'");
        pfs_buf_clear(&console->text);
    }
    pthread_mutex_unlock(&console->lock);
    request->done(request, rc);
}

/* A file that is written to and then read goes on where it was written last: there the answer begins. */
void pfs_console_read(struct pfs_console *console, struct pfs_request *request, uint64_t off, void *to, size_t len)
{
    size_t left;

    assert(to != NULL || len == 0);
    pthread_mutex_lock(&console->lock);
    if (!console->told)
        console->start = off == console->written ? off : 0;
    console->told = true;
    off -= console->start <= off ? console->start : 0;
    left = off >= console->answer.len ? 0 : console->answer.len - (size_t)off;
    len = len < left ? len : left;
    if (len > 0)
        memcpy(to, console->answer.at + off, len);
    pthread_mutex_unlock(&console->lock);
    request->done(request, (int64_t)len);
}
