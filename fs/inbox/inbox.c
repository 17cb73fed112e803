#include "fs/inbox/inbox.h"

#include <assert.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/idle.h"
#include "base/limits.h"
#include "base/mem.h"
#include "fs/inbox/parcel.h"
#include "fs/inbox/skim.h"

#define PARQUET_MAGIC "PAR1"
#define RELEASE_FOLLOWS_MS 100
#define PAIRS 3                 /* of a write and a flush, until the next write is taken for the first half of one */
#define PROCESS_SIGNALED 0x400u /* PF_SIGNALED of the kernel: killed by a signal */

struct pfs_inbox {
    struct pfs_inbox_config config;
    struct pfs_arena arena; /* implied values */
    const struct pfs_schema *schema;
    bool appends;         /* set once */
    uint32_t pid;         /* of the newest call, for errors.jsonl */
    pthread_mutex_t lock; /* serialises calls; guards all below */
    struct pfs_text_parse parse;
    struct pfs_text_parser *parser;
    struct pfs_arena rows; /* of the batch that is being taken; else empty, with a small block for the next one */
    uint8_t front[4];      /* the first bytes, while they may be the magic of a Parquet file */
    uint8_t fronts;
    bool text;                           /* they are not, or the name says so */
    struct pfs_parcel *parcel;           /* Parquet files; NULL = none so far */
    uint64_t parcel_at;                  /* offset of its first byte, without O_APPEND */
    atomic_bool staged;                  /* there are bytes in it; read without the lock */
    struct pfs_transaction *transaction; /* NULL once sealed */
    uint64_t next_off;                   /* without O_APPEND */
    bool killed;                         /* the last flush was that of a dying process */
    bool cut;                            /* one was: what is there may be a beginning */
    bool tail;                           /* the transaction has a last line without newline */
    bool told_cut;                       /* the last flush told that what came ends within a row */
    bool unflushed;                      /* something came since the last flush */
    int writes;                          /* since the last flush */
    int paired;              /* flushes that came after one write each, as the last ones did; PAIRS at most */
    atomic_llong flushed_ms; /* something waits for the release that follows; read without the lock */
    struct pfs_err failed;   /* code != 0: state FAILED */
};

static void note_error(struct pfs_inbox *b, const struct pfs_text_refusal *refusal, const struct pfs_err *why)
{
    pfs_errors_add(b->config.errors, pfs_clock_now_ms(b->config.clock), b->pid, refusal, why);
}

/* The daemon's log is about all tables, so that there the sentence says which one; the table's own errors know. */
static void tell(const struct pfs_inbox *b, struct pfs_request *request, const struct pfs_err *why)
{
    request->err = *why;
    if (b->config.path != NULL)
        (void)pfs_wrap(&request->err, "%s", b->config.path);
}

static int64_t fail(struct pfs_inbox *b, struct pfs_request *request, const struct pfs_text_refusal *refusal,
                    const struct pfs_err *why)
{
    assert(why->code != 0);
    assert(b->failed.code == 0);
    b->failed = *why;
    note_error(b, refusal, why);
    tell(b, request, why);
    pfs_transaction_abandon(b->transaction);
    return -why->code;
}

/* Without the sentence: it was told, and need not stand in the log for each call that a handle ends with. */
static int64_t failed(const struct pfs_inbox *b)
{
    return -b->failed.code;
}

/* ---- life ---- */

static int implied_values(struct pfs_inbox *b, struct pfs_text_parse *parse, struct pfs_err *err)
{
    struct pfs_column *implied;

    if (b->config.partitions == 0)
        return 0;
    assert(b->config.partition != NULL);
    implied = pfs_arena_array(&b->arena, (size_t)b->schema->columns, sizeof(*implied));
    if (implied == NULL)
        return pfs_arena_full(&b->arena, err);
    for (int32_t i = 0; i < b->config.partitions; i++)
        PFS_TRY(pfs_column_repeat(&b->config.partition[i].value, 0, 1, &b->arena,
                                  &implied[b->config.partition[i].column], err));
    parse->implied = implied;
    return 0;
}

/* The context is the inbox. */
static void left_out(void *context, const struct pfs_text_refusal *refusal, const struct pfs_err *why)
{
    note_error(context, refusal, why);
}

/* In partition/<k>=<v>/ what is replaced is that partition; elsewhere, the partitions that rows fall into, or all where
 * the table says so. */
static enum pfs_overwrite_kind overwrite_kind(const struct pfs_inbox *b)
{
    const char *dynamic = pfs_options_get(&b->schema->options, "dynamic-partition-overwrite");

    if (b->config.partitions > 0)
        return PFS_OVERWRITE_STATIC;
    if (b->schema->partition_keys > 0 && (dynamic == NULL || strcasecmp(dynamic, "false") != 0))
        return PFS_OVERWRITE_DYNAMIC;
    return PFS_OVERWRITE_ALL;
}

static int fill_overwrite(struct pfs_inbox *b, struct pfs_overwrite *out, struct pfs_err *err)
{
    const struct pfs_inbox_config *c = &b->config;
    struct pfs_column *value;
    int32_t *column;

    *out = (struct pfs_overwrite){.kind = overwrite_kind(b)};
    if (c->partitions == 0)
        return 0;
    value = pfs_arena_array(&b->arena, (size_t)c->partitions, sizeof(*value));
    column = pfs_arena_array(&b->arena, (size_t)c->partitions, sizeof(*column));
    if (value == NULL || column == NULL)
        return pfs_arena_full(&b->arena, err);
    for (int32_t i = 0; i < c->partitions; i++) {
        value[i] = c->partition[i].value;
        column[i] = c->partition[i].column;
    }
    out->columns = c->partitions;
    out->column = column;
    out->value = value;
    return 0;
}

/* An overwrite has to be described in columns of a schema, so it settles which one first. */
static int open_transaction(struct pfs_inbox *b, struct pfs_err *err)
{
    const struct pfs_inbox_config *c = &b->config;
    struct pfs_transaction_config config = {
        .table = c->table, .schema = c->schema, .user = c->user, .identifier = c->identifier, .append = c->append};
    struct pfs_overwrite overwrite;

    b->schema = c->schema;
    if (c->overwrite) {
        if (b->schema == NULL)
            PFS_TRY(pfs_table_schema(c->table, &b->schema, err));
        PFS_TRY(fill_overwrite(b, &overwrite, err));
        config.overwrite = &overwrite;
    }
    return pfs_transaction_open(c->ingest, &config, &b->transaction, err);
}

static int open_parts(struct pfs_inbox *b, struct pfs_err *err)
{
    struct pfs_text_parse *parse = &b->parse;

    *parse = (struct pfs_text_parse){.format = b->config.format, .envelope = b->config.envelope};
    b->text = b->config.format >= 0;
    PFS_TRY(open_transaction(b, err));
    b->schema = pfs_transaction_schema(b->transaction);
    PFS_TRY(implied_values(b, parse, err));
    parse->columns = b->schema->columns;
    parse->fields = pfs_transaction_fields(b->transaction);
    parse->keys = b->schema->primary_keys;
    parse->key = b->schema->primary_key;
    if (b->config.skip) {
        parse->refused = left_out;
        parse->context = b;
    }
    return pfs_text_parser_open(parse, &b->parser, err);
}

static void sealed_nowhere(void *context, int rc, const struct pfs_err *err)
{
    (void)context;
    (void)rc;
    (void)err;
}

void pfs_inbox_close(struct pfs_inbox *b)
{
    if (b == NULL)
        return;
    if (b->transaction != NULL)
        pfs_transaction_seal(b->transaction, true, sealed_nowhere, NULL);
    pfs_text_parser_close(b->parser);
    pfs_parcel_close(b->parcel);
    pfs_table_unref(b->config.table);
    pthread_mutex_destroy(&b->lock);
    pfs_arena_done(&b->arena);
    pfs_arena_done(&b->rows);
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
    pfs_arena_init(&b->rows, PFS_BATCH_BYTES_MAX);
    pthread_mutex_init(&b->lock, NULL);
    rc = open_parts(b, err);
    if (rc == 0 && config->path != NULL) {
        b->config.path = pfs_arena_string(&b->arena, pfs_str(config->path));
        rc = b->config.path == NULL ? pfs_arena_full(&b->arena, err) : 0;
    }
    if (rc < 0) {
        pfs_inbox_close(b);
        return rc;
    }
    b->appends = config->append && !config->overwrite && config->user == NULL;
    b->config.partition = NULL; /* and user: the caller's */
    b->config.user = NULL;
    *out = b;
    return 0;
}

/* ---- rows in ---- */

static int add_rows(void *context, struct pfs_arena *arena, const struct pfs_batch *batch, struct pfs_err *err)
{
    const struct pfs_inbox *b = context;
    const struct pfs_skim skim = {b->transaction, left_out, context};

    return b->config.skip ? pfs_skim_add(&skim, arena, batch, err)
                          : pfs_transaction_add(b->transaction, arena, batch, err);
}

/* Parses all of `bytes` into the transaction, batch by batch; `last`: what is left of a line is one. A refusal's text
 * lies in the parser: it is told of before anything else is fed. */
static int64_t take(struct pfs_inbox *b, struct pfs_request *request, struct pfs_slice bytes, bool last)
{
    struct pfs_text_refusal refusal = {0};
    struct pfs_err err = {0};
    bool more = true;

    while (more) {
        struct pfs_batch batch;
        size_t used = 0;
        int64_t rows;
        int rc;

        rows = pfs_text_parser_feed(b->parser, bytes, last, &b->rows, &batch, &used, &refusal, &err);
        if (rows < 0) {
            int64_t result = fail(b, request, refusal.text.at != NULL ? &refusal : NULL, &err);

            pfs_arena_rest(&b->rows);
            return result;
        }
        assert(used <= bytes.len);
        assert(rows > 0 || used > 0 || bytes.len == 0);
        bytes.at += used;
        bytes.len -= used;
        more = bytes.len > 0 || (last && rows > 0);
        rc = rows > 0 ? add_rows(b, &b->rows, &batch, &err) : 0;
        pfs_arena_rest(&b->rows);
        if (rc < 0)
            return fail(b, request, NULL, &err);
    }
    return 0;
}

/* ---- what comes in ---- */

static int64_t stage(struct pfs_inbox *b, struct pfs_request *request, uint64_t off, struct pfs_slice bytes)
{
    struct pfs_err err = {0};

    assert(b->parcel != NULL);
    if (pfs_parcel_write(b->parcel, off, bytes, &err) < 0)
        return fail(b, request, NULL, &err);
    atomic_store(&b->staged, pfs_parcel_size(b->parcel) > 0);
    return 0;
}

/* What was held back as a possible magic. */
static int64_t take_front(struct pfs_inbox *b, struct pfs_request *request)
{
    uint8_t held = b->fronts;

    b->fronts = 0;
    b->text = true;
    return held > 0 ? take(b, request, pfs_slice_of(b->front, held), false) : 0;
}

/* Text goes to the parser, unless the first bytes are PAR1. */
static int64_t take_first(struct pfs_inbox *b, struct pfs_request *request, struct pfs_slice bytes)
{
    struct pfs_err err = {0};
    int64_t result;

    assert(!b->text);
    assert(b->parcel == NULL);
    assert(b->fronts < 4);
    while (bytes.len > 0 && b->fronts < 4 && bytes.at[0] == (uint8_t)PARQUET_MAGIC[b->fronts]) {
        b->front[b->fronts++] = bytes.at[0];
        bytes.at++;
        bytes.len--;
    }
    if (b->fronts < 4) {
        result = bytes.len > 0 ? take_front(b, request) : 0;
        return result == 0 && bytes.len > 0 ? take(b, request, bytes, false) : result;
    }
    if (pfs_parcel_open(b->config.spool_dir, &b->parcel, &err) < 0)
        return fail(b, request, NULL, &err);
    result = stage(b, request, 0, pfs_slice_of(b->front, 4));
    return result < 0 ? result : stage(b, request, 4, bytes);
}

/* The staged files as rows. Half a file: `more` of it may come, and the handle goes on. */
static int64_t take_parcel(struct pfs_inbox *b, struct pfs_request *request, bool more)
{
    const struct pfs_parcel_read read = {
        .parse = &b->parse, .pool = b->config.pool, .cancel = &request->cancel, .add = add_rows, .context = b};
    uint64_t size = b->parcel == NULL ? 0 : pfs_parcel_size(b->parcel);
    struct pfs_text_refusal refusal = {0};
    struct pfs_err err = {0};
    int whole;

    if (size == 0)
        return 0;
    whole = pfs_parcel_is_whole(b->parcel, &err);
    if (whole < 0)
        return fail(b, request, NULL, &err);
    if (whole == 0) {
        (void)pfs_fail(&err, EINVAL,
                       "a Parquet file begins, and its end is missing after %llu bytes; inbox.csv takes %s",
                       (unsigned long long)size, "text that begins with PAR1");
        request->err = err;
        return more ? -EINVAL : fail(b, request, NULL, &err);
    }
    if (pfs_parcel_rows(b->parcel, &read, &refusal, &err) < 0)
        return fail(b, request, refusal.row > 0 ? &refusal : NULL, &err);
    b->parcel_at += size;
    atomic_store(&b->staged, false);
    return pfs_parcel_empty(b->parcel, &err) < 0 ? fail(b, request, NULL, &err) : 0;
}

/* Of a Parquet file bytes may come in any order. */
static int64_t write_parcel(struct pfs_inbox *b, struct pfs_request *request, uint64_t off, struct pfs_slice bytes)
{
    uint64_t at = pfs_parcel_size(b->parcel);

    if (!b->config.append && off < b->parcel_at)
        return pfs_fail(&request->err, EINVAL, "the rows of the Parquet file that ended at offset %llu are taken",
                        (unsigned long long)b->parcel_at);
    return stage(b, request, b->config.append ? at : off - b->parcel_at, bytes);
}

static int64_t check_offset(struct pfs_inbox *b, struct pfs_request *request, uint64_t off, size_t len)
{
    if (!b->config.append && off != b->next_off)
        return pfs_fail(&request->err, EINVAL, "bytes were left out: expected offset %llu, got %llu",
                        (unsigned long long)b->next_off, (unsigned long long)off);
    b->next_off += len;
    return 0;
}

/* The line goes on. */
static int64_t take_tail_back(struct pfs_inbox *b, struct pfs_request *request)
{
    struct pfs_err err = {0};

    assert(!b->tail || b->transaction != NULL);
    if (!b->tail)
        return 0;
    b->tail = false;
    return pfs_transaction_untail(b->transaction, &err) < 0 ? fail(b, request, NULL, &err) : 0;
}

static int64_t write_text(struct pfs_inbox *b, struct pfs_request *request, uint64_t off, struct pfs_slice bytes)
{
    int64_t result = check_offset(b, request, off, bytes.len);

    b->told_cut = false;
    if (result == 0)
        result = take_tail_back(b, request);
    if (result < 0)
        return result;
    return b->text ? take(b, request, bytes, false) : take_first(b, request, bytes);
}

/* Whoever syncs after each write of whole lines does so again, and whoever opens for one write closes after it: the
 * sync begins before it is asked for, and serves others too. */
static bool is_flushed_soon(const struct pfs_inbox *b)
{
    return b->appends && b->writes == 1 && (b->paired >= PAIRS || b->config.row) && b->text && b->parcel == NULL &&
           pfs_text_parser_carried(b->parser) == 0;
}

void pfs_inbox_write(struct pfs_inbox *inbox, struct pfs_request *request, uint64_t off, struct pfs_slice bytes)
{
    struct pfs_transaction *soon = NULL;
    bool alone, later;
    int64_t result;

    pthread_mutex_lock(&inbox->lock);
    inbox->pid = request->pid;
    inbox->killed = false;
    inbox->unflushed = true;
    result = failed(inbox);
    if (result == 0)
        result =
            inbox->parcel != NULL ? write_parcel(inbox, request, off, bytes) : write_text(inbox, request, off, bytes);
    atomic_store(&inbox->flushed_ms, 0);
    inbox->writes++;
    alone = inbox->config.row;
    if (result == 0 && is_flushed_soon(inbox))
        soon = pfs_transaction_ref(inbox->transaction);
    inbox->config.row = false; /* if more is written it was not for one write */
    pthread_mutex_unlock(&inbox->lock);
    /* The handle may be gone once the write is answered; the end of the file system waits for the threads that serve,
     * and for others only as long as they have not answered. */
    later = pfs_idle_is_expected();
    if (soon != NULL && !later)
        pfs_transaction_flush_soon(soon, alone);
    request->done(request, result < 0 ? result : (int64_t)bytes.len);
    if (soon != NULL && later)
        pfs_transaction_flush_soon(soon, alone);
}

void pfs_inbox_refuse(struct pfs_inbox *inbox, struct pfs_request *request, const struct pfs_err *why)
{
    int64_t result;

    pthread_mutex_lock(&inbox->lock);
    inbox->pid = request->pid;
    result = failed(inbox);
    if (result == 0)
        result = fail(inbox, request, NULL, why);
    pthread_mutex_unlock(&inbox->lock);
    request->done(request, result);
}

struct pfs_table *pfs_inbox_table(const struct pfs_inbox *inbox)
{
    return inbox->config.table;
}

bool pfs_inbox_appends(const struct pfs_inbox *inbox)
{
    return inbox->appends;
}

/* ---- flush ---- */

/* Is the process dying by a signal? Its flags are the ninth field of its stat file. One that cannot be seen lives. */
static bool is_dying(uint32_t pid)
{
    char path[64], text[1024];
    const char *at;
    ssize_t got;
    int fd;

    if (pid == 0)
        return false;
    (void)snprintf(path, sizeof(path), "/proc/%u/stat", pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    got = read(fd, text, sizeof(text) - 1);
    (void)close(fd);
    if (got <= 0)
        return false;
    text[got] = '\0';
    at = strrchr(text, ')'); /* the second field is a name with anything in it */
    for (int field = 2; at != NULL && field < 9; field++)
        at = strchr(at + 1, ' ');
    return at != NULL && (strtoul(at + 1, NULL, 10) & PROCESS_SIGNALED) != 0;
}

/* A last line without newline that is a whole row is acknowledged as well, until more of it comes; of one that is none
 * `cut` says why. */
static int64_t offer_tail(struct pfs_inbox *b, struct pfs_request *request, struct pfs_err *cut)
{
    const bool rows_alone = b->config.envelope == PFS_ENVELOPE_NONE;
    struct pfs_err err = {0};
    struct pfs_batch batch;
    struct pfs_arena arena;
    int64_t rows, result = 0;

    if (b->tail || pfs_text_parser_carried(b->parser) == 0)
        return 0;
    pfs_arena_init(&arena, PFS_BATCH_BYTES_MAX);
    assert(b->parcel == NULL);
    rows = pfs_text_parser_peek(b->parser, &arena, &batch, &err);
    if (rows < 0 && !b->config.skip)
        *cut = err;
    if (rows == 1 && rows_alone && (!b->config.skip || pfs_transaction_ask(b->transaction, &batch, NULL) == 0)) {
        b->tail = true;
        pfs_err_clear(&err);
        if (pfs_transaction_tail(b->transaction, &arena, &batch, &err) < 0)
            result = fail(b, request, NULL, &err);
    }
    pfs_arena_done(&arena);
    return result;
}

struct job { /* flush or release */
    struct pfs_inbox *inbox;
    struct pfs_request *request;
    bool closes, release, drop;
    struct pfs_err cut; /* code != 0: a close after half a line, though what came before is kept */
};

/* The transaction has answered. */
static void answered(void *context, int rc, const struct pfs_err *err)
{
    struct job j = *(struct job *)context;

    pfs_free(context);
    if (rc < 0 && err != NULL) {
        pthread_mutex_lock(&j.inbox->lock);
        if (j.inbox->failed.code == 0) {
            j.inbox->failed = *err;
            note_error(j.inbox, NULL, err);
            tell(j.inbox, j.request, err);
        }
        rc = -j.inbox->failed.code; /* what was refused first is why */
        pthread_mutex_unlock(&j.inbox->lock);
    }
    if (rc == 0 && j.cut.code != 0) {
        tell(j.inbox, j.request, &j.cut);
        rc = -j.cut.code;
    }
    j.request->done(j.request, rc);
}

/* A flush of nothing, as of a copy of the descriptor, says nothing. */
static void note_pair(struct pfs_inbox *b)
{
    assert(b->paired <= PAIRS);
    if (b->writes > 1)
        b->paired = 0;
    else if (b->writes == 1 && b->paired < PAIRS)
        b->paired++;
    b->writes = 0;
}

/* Whoever closes after half a line has most likely come to the end of a file that was cut: the release refuses the
 * line, and nobody hears that. The handle does not fail, as more may come by a copy of the descriptor. What is a file
 * to be taken whole is not acknowledged; of an append the rows before the line are. */
static int64_t close_cut(struct job *j, const struct pfs_err *cut)
{
    struct pfs_err err = *cut;

    if (!j->closes || cut->code == 0)
        return 0;
    (void)pfs_wrap(&err, "the file ends within a row");
    j->inbox->told_cut = true;
    if (j->inbox->appends) {
        j->cut = err;
        return 0;
    }
    tell(j->inbox, j->request, &err);
    return -err.code;
}

/* Under the handle's lock what came is made rows; the journal is asked without it, since it may answer on this thread
 * and the answer takes the lock. */
static void run_flush(struct job *j)
{
    struct pfs_inbox *b = j->inbox;
    struct pfs_request *request = j->request;
    struct pfs_err cut = {0};
    bool dying;
    int64_t result;

    pthread_mutex_lock(&b->lock);
    /* Whole rows of an append are kept in either case; but what is numbered or replaces is whole or not there. */
    dying = (!b->appends || pfs_text_parser_carried(b->parser) > 0) &&
            (pfs_cancelled(&request->cancel) || is_dying(request->pid));
    b->pid = request->pid;
    b->killed = dying;
    b->cut = b->cut || dying; /* one of several who write into it */
    note_pair(b);
    result = failed(b);
    if (result == 0 && !dying && b->fronts > 0 && !b->text && b->parcel == NULL)
        result = take_front(b, request);
    if (result == 0 && !dying)
        result = b->parcel != NULL ? take_parcel(b, request, true) : offer_tail(b, request, &cut);
    if (result == 0)
        result = close_cut(j, &cut);
    if (result == 0 && !dying && (!b->appends || pfs_text_parser_carried(b->parser) > 0))
        atomic_store(&b->flushed_ms, pfs_clock_monotonic_ms());
    b->unflushed = b->unflushed && (result < 0 || dying);
    pthread_mutex_unlock(&b->lock);
    if (result < 0 || (dying && !b->appends)) {
        pfs_free(j);
        request->done(request, result);
        return;
    }
    pfs_transaction_flush(b->transaction, answered, j);
}

/* ---- release ---- */

static bool unfinished_bytes(const struct pfs_inbox *b)
{
    return (b->fronts > 0 && !b->text) || atomic_load(&b->staged) || pfs_text_parser_carried(b->parser) > 0;
}

/* The end of the stream completes a last line, and a Parquet file. A line that a flush has acknowledged counts without
 * being taken back first. */
static int64_t take_rest(struct pfs_inbox *b, struct pfs_request *request)
{
    int64_t result = 0;

    if (b->parcel != NULL)
        return take_parcel(b, request, false);
    if (b->fronts > 0 && !b->text)
        result = take_front(b, request);
    if (result == 0 && !b->tail && pfs_text_parser_carried(b->parser) > 0)
        result = take(b, request, pfs_slice_of(NULL, 0), true);
    return result;
}

static void run_release(struct job *j)
{
    struct pfs_inbox *b = j->inbox;
    struct pfs_transaction *transaction;
    struct pfs_err dropped = {0};
    bool dead, drop, cut;

    pthread_mutex_lock(&b->lock);
    assert(b->transaction != NULL || b->failed.code != 0); /* released once, or ended before */
    dead = j->drop || b->killed;
    drop = dead && !b->appends;
    if (!dead && b->failed.code == 0 && take_rest(b, j->request) < 0 && b->told_cut)
        pfs_err_clear(&j->request->err); /* the log has it */
    if (dead && b->failed.code == 0) {
        (void)pfs_fail(&dropped, EINTR, "the writer died by a signal: %s",
                       drop ? "rows that it had not flushed are dropped" : "an unfinished last line is dropped");
        if (drop || unfinished_bytes(b))
            note_error(b, NULL, &dropped);
    }
    transaction = b->transaction;
    b->transaction = NULL;
    cut = dead || b->cut;
    pthread_mutex_unlock(&b->lock);
    if (transaction != NULL && cut)
        pfs_transaction_cut(transaction);
    if (transaction != NULL)
        pfs_transaction_seal(transaction, drop, answered, j);
    else
        answered(j, -b->failed.code, &b->failed); /* it has ended */
}

static void run_job(void *context)
{
    struct job *j = context;

    if (j->release)
        run_release(j);
    else
        run_flush(j);
}

/* What writes files takes a while, and is done by the pool. */
static void submit(struct pfs_inbox *b, struct pfs_request *request, struct job job)
{
    struct job *j = pfs_zalloc(sizeof(*j));

    if (j == NULL) {
        request->done(request, pfs_fail(&request->err, ENOMEM, "no memory for a request"));
        return;
    }
    *j = job;
    j->inbox = b;
    j->request = request;
    if (b->config.pool == NULL || b->transaction == NULL ||
        (!atomic_load(&b->staged) && !pfs_transaction_is_heavy(b->transaction)) ||
        pfs_pool_submit(b->config.pool, true, run_job, j) < 0)
        run_job(j);
}

void pfs_inbox_flush(struct pfs_inbox *inbox, struct pfs_request *request, bool closes)
{
    submit(inbox, request, (struct job){.closes = closes});
}

void pfs_inbox_release(struct pfs_inbox *inbox, struct pfs_request *request, bool drop)
{
    submit(inbox, request, (struct job){.release = true, .drop = drop});
}

void pfs_inbox_end(struct pfs_inbox *b)
{
    struct pfs_transaction *transaction;
    struct pfs_err dropped = {0};
    bool drop;

    pthread_mutex_lock(&b->lock);
    transaction = b->transaction;
    b->transaction = NULL;
    drop = !b->appends && b->unflushed;
    if (b->failed.code == 0) {
        bool unfinished = unfinished_bytes(b);

        (void)pfs_fail(&dropped, EIO, "the file system ended while the file was open%s",
                       drop         ? ": rows that were not flushed are dropped"
                       : unfinished ? ": an unfinished last line is dropped"
                                    : "");
        if (drop || unfinished)
            note_error(b, NULL, &dropped);
        b->failed = dropped;
    }
    pthread_mutex_unlock(&b->lock);
    if (transaction == NULL)
        return;
    pfs_transaction_cut(transaction); /* its writer may have had more to give */
    pfs_transaction_seal(transaction, drop, sealed_nowhere, NULL);
}

bool pfs_inbox_unfinished(struct pfs_inbox *inbox)
{
    int64_t flushed_ms = atomic_load(&inbox->flushed_ms);

    return flushed_ms != 0 && pfs_clock_monotonic_ms() - flushed_ms < RELEASE_FOLLOWS_MS;
}
