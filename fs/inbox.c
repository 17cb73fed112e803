#include "fs/inbox.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/datetime.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/utf8.h"

#define ERRORS_BYTES_MAX ((size_t)1 << 20)

/* ---- errors.jsonl ---- */

struct pfs_errors {
    pthread_mutex_t lock; /* guards text */
    struct pfs_buf text;
};

int pfs_errors_open(struct pfs_errors **out, struct pfs_err *err)
{
    struct pfs_errors *e = pfs_zalloc(sizeof(*e));

    if (e == NULL)
        return pfs_fail(err, ENOMEM, "no memory for errors.jsonl");
    pthread_mutex_init(&e->lock, NULL);
    *out = e;
    return 0;
}

void pfs_errors_close(struct pfs_errors *errors)
{
    if (errors == NULL)
        return;
    pfs_buf_done(&errors->text);
    pthread_mutex_destroy(&errors->lock);
    pfs_free(errors);
}

/* Text as a JSON string; bytes that are no UTF-8 or no text are shown as \u00xx, so that the line stays JSON. */
static void put_json(struct pfs_buf *out, struct pfs_slice text)
{
    bool valid = pfs_utf8_check(text) == text.len;

    pfs_buf_putc(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.at[i];

        if (c == '"' || c == '\\')
            pfs_buf_putc(out, '\\');
        if (c < ' ' || (c >= 128 && !valid))
            pfs_buf_printf(out, "\\u%04x", c);
        else
            pfs_buf_putc(out, c);
    }
    pfs_buf_putc(out, '"');
}

/* Drops the oldest lines until half of the room is free. */
static void drop_oldest(struct pfs_buf *text)
{
    uint8_t *cut = memchr(text->at + text->len / 2, '\n', text->len - text->len / 2);
    size_t from = cut == NULL ? text->len : (size_t)(cut + 1 - text->at);

    memmove(text->at, text->at + from, text->len - from);
    text->len -= from;
}

void pfs_errors_add(struct pfs_errors *errors, int64_t time_ms, uint32_t pid, const struct pfs_text_refusal *refusal,
                    const struct pfs_err *why)
{
    struct pfs_buf *out = &errors->text;
    char time[48];

    time[pfs_timestamp_print(time_ms, 0, 3, time)] = '\0';
    pthread_mutex_lock(&errors->lock);
    if (out->len > ERRORS_BYTES_MAX)
        drop_oldest(out);
    pfs_buf_printf(out, "{\"time\":\"%sZ\",\"pid\":%u", time, pid);
    if (refusal != NULL) {
        pfs_buf_printf(out, ",\"row\":%lld,\"column\":", (long long)refusal->row);
        if (refusal->column != NULL)
            put_json(out, pfs_str(refusal->column));
        else
            pfs_buf_puts(out, "null");
        pfs_buf_printf(out, ",\"offset\":%llu", (unsigned long long)refusal->offset);
    }
    pfs_buf_puts(out, ",\"reason\":");
    put_json(out, pfs_str(why->text));
    if (refusal != NULL) {
        pfs_buf_puts(out, ",\"text\":");
        put_json(out, refusal->text);
    }
    pfs_buf_puts(out, "}\n");
    pthread_mutex_unlock(&errors->lock);
}

void pfs_errors_print(struct pfs_errors *errors, struct pfs_buf *out)
{
    pthread_mutex_lock(&errors->lock);
    pfs_buf_put(out, errors->text.at, errors->text.len);
    pthread_mutex_unlock(&errors->lock);
}

/* ---- the handle ---- */

struct pfs_inbox {
    struct pfs_inbox_config config;
    char *user;
    struct pfs_arena arena; /* implied values */
    const struct pfs_schema *schema;
    struct pfs_state *state; /* for rows that the budget forces out */
    pthread_mutex_t lock;    /* serialises calls; guards all below */
    struct pfs_text_parser *parser;
    struct pfs_write *write;
    uint64_t next_off;      /* without O_APPEND */
    bool committed;         /* with once: nothing more is taken */
    atomic_bool unfinished; /* a last line without newline waits; read without the lock */
    struct pfs_err failed;  /* code != 0: state FAILED */
};

static int64_t fail(struct pfs_inbox *b, struct pfs_request *request, const struct pfs_text_refusal *refusal,
                    const struct pfs_err *why)
{
    b->failed = *why;
    pfs_errors_add(b->config.errors, pfs_clock_now_ms(b->config.clock), request->pid, refusal, why);
    request->err = *why;
    pfs_write_close(b->write); /* nothing of it that was not acknowledged is kept */
    b->write = NULL;
    return -why->code;
}

static int implied_values(struct pfs_inbox *b, struct pfs_text_parse *parse, struct pfs_err *err)
{
    struct pfs_column *implied;

    if (b->config.partitions == 0)
        return 0;
    implied = pfs_arena_array(&b->arena, (size_t)b->schema->columns, sizeof(*implied));
    if (implied == NULL)
        return pfs_arena_full(&b->arena, err);
    for (int32_t i = 0; i < b->config.partitions; i++)
        PFS_TRY(pfs_column_repeat(&b->config.partition[i].value, 0, 1, &b->arena,
                                  &implied[b->config.partition[i].column], err));
    parse->implied = implied;
    return 0;
}

static int open_parts(struct pfs_inbox *b, struct pfs_err *err)
{
    struct pfs_text_parse parse = {.format = b->config.format};

    PFS_TRY(pfs_table_state(b->config.table, (struct pfs_when){.kind = PFS_WHEN_LATEST}, &b->state, err));
    b->schema = b->state->schema;
    PFS_TRY(implied_values(b, &parse, err));
    parse.columns = b->schema->columns;
    parse.fields = b->schema->field;
    parse.envelope = b->config.envelope;
    parse.keys = b->schema->primary_keys;
    parse.key = b->schema->primary_key;
    PFS_TRY(pfs_text_parser_open(&parse, &b->parser, err));
    return pfs_table_write_open(b->config.table, 0, &b->write, err);
}

void pfs_inbox_close(struct pfs_inbox *b)
{
    if (b == NULL)
        return;
    pfs_write_close(b->write);
    pfs_text_parser_close(b->parser);
    pfs_state_unref(b->state);
    pfs_table_unref(b->config.table);
    pthread_mutex_destroy(&b->lock);
    pfs_arena_done(&b->arena);
    pfs_free(b->user);
    pfs_free(b);
}

int pfs_inbox_open(const struct pfs_inbox_config *config, struct pfs_inbox **out, struct pfs_err *err)
{
    struct pfs_inbox *b = pfs_zalloc(sizeof(*b));
    int rc;

    if (b == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a handle");
    b->config = *config;
    pfs_table_ref(config->table);
    pfs_arena_init(&b->arena, PFS_ARENA_LIMIT);
    pthread_mutex_init(&b->lock, NULL);
    b->user = pfs_strdup(config->user);
    rc = b->user == NULL ? pfs_fail(err, ENOMEM, "no memory for a handle") : open_parts(b, err);
    if (rc < 0) {
        pfs_inbox_close(b);
        return rc;
    }
    *out = b;
    return 0;
}

/* ---- rows in ---- */

/* Parses all of `bytes` into the write. */
static int64_t take(struct pfs_inbox *b, struct pfs_request *request, struct pfs_slice bytes, bool last)
{
    struct pfs_text_refusal refusal = {0};
    struct pfs_err err = {0};
    bool more = true;

    while (more) {
        struct pfs_arena arena;
        struct pfs_batch batch;
        size_t used = 0;
        int64_t rows;
        int rc;

        pfs_arena_init(&arena, PFS_BATCH_BYTES_MAX);
        rows = pfs_text_parser_feed(b->parser, bytes, last, &arena, &batch, &used, &refusal, &err);
        if (rows < 0) {
            int64_t result = fail(b, request, refusal.row > 0 ? &refusal : NULL, &err);

            pfs_arena_done(&arena);
            return result;
        }
        bytes.at += used;
        bytes.len -= used;
        more = bytes.len > 0 || (last && rows > 0);
        rc = rows > 0 ? pfs_write_add(b->write, &arena, &batch, b->state, &err) : 0;
        pfs_arena_done(&arena);
        if (rc < 0)
            return fail(b, request, NULL, &err);
    }
    return 0;
}

static int64_t check_offset(struct pfs_inbox *b, struct pfs_request *request, uint64_t off, size_t len)
{
    if (!b->config.append && off != b->next_off)
        return pfs_fail(&request->err, EINVAL, "bytes were left out: expected offset %llu, got %llu",
                        (unsigned long long)b->next_off, (unsigned long long)off);
    b->next_off += len;
    return 0;
}

void pfs_inbox_write(struct pfs_inbox *inbox, struct pfs_request *request, uint64_t off, struct pfs_slice bytes)
{
    int64_t result = 0;

    pthread_mutex_lock(&inbox->lock);
    if (inbox->failed.code != 0) {
        request->err = inbox->failed;
        result = -inbox->failed.code;
    } else if (inbox->committed) {
        result = pfs_fail(&request->err, EINVAL, "%s is committed: one number, one transaction", inbox->user);
    } else {
        result = check_offset(inbox, request, off, bytes.len);
    }
    if (result == 0)
        result = take(inbox, request, bytes, false);
    atomic_store(&inbox->unfinished, result == 0 && pfs_text_parser_carried(inbox->parser) > 0);
    pthread_mutex_unlock(&inbox->lock);
    request->done(request, result < 0 ? result : (int64_t)bytes.len);
}

/* ---- commits ---- */

struct job { /* flush or release, on the pool */
    struct pfs_inbox *inbox;
    struct pfs_request *request;
    bool release;
    bool drop;
};

static int64_t commit(struct pfs_inbox *b, struct pfs_request *request)
{
    struct pfs_inbox_config *c = &b->config;
    struct pfs_err err = {0};
    int64_t id;
    int rc;

    if (b->failed.code != 0) {
        request->err = b->failed;
        return -b->failed.code;
    }
    if (b->committed || pfs_write_rows(b->write) == 0)
        return 0;
    rc = pfs_table_commit(c->table, b->write, b->user, c->once ? c->identifier : c->next_identifier(c->context),
                          c->once, &id, &err);
    if (rc < 0) {
        if (err.code == 0)
            pfs_fail(&err, -rc, "the commit failed: %s", pfs_errno_text(-rc));
        return fail(b, request, NULL, &err);
    }
    b->committed = c->once;
    return 0;
}

static void run_job(void *context)
{
    struct job *j = context;
    struct pfs_inbox *b = j->inbox;
    struct pfs_request *request = j->request;
    bool release = j->release, drop = j->drop;
    int64_t result = 0;

    pfs_free(j);
    pthread_mutex_lock(&b->lock);
    if ((release || b->config.once) && !drop && b->failed.code == 0 && pfs_text_parser_carried(b->parser) > 0)
        result = take(b, request, pfs_slice_of(NULL, 0), true);
    if (result == 0 && !drop)
        result = commit(b, request);
    pthread_mutex_unlock(&b->lock);
    request->done(request, result);
}

static void submit(struct pfs_inbox *b, struct pfs_request *request, bool release, bool drop)
{
    struct job *j = pfs_zalloc(sizeof(*j));

    if (j == NULL) {
        request->done(request, pfs_fail(&request->err, ENOMEM, "no memory for a commit"));
        return;
    }
    *j = (struct job){b, request, release, drop};
    if (b->config.pool == NULL || pfs_pool_submit(b->config.pool, true, run_job, j) < 0)
        run_job(j);
}

void pfs_inbox_flush(struct pfs_inbox *inbox, struct pfs_request *request)
{
    submit(inbox, request, false, false);
}

void pfs_inbox_release(struct pfs_inbox *inbox, struct pfs_request *request, bool drop)
{
    submit(inbox, request, true, drop);
}

bool pfs_inbox_unfinished(struct pfs_inbox *inbox)
{
    return atomic_load(&inbox->unfinished);
}
