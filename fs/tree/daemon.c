/* daemon.c - what .paimonfs/ shows: counters that any thread raises without a lock, and the newest failures as lines. A
 * failure is logged once, by whoever answers the request; sentences come from below. */
#include "fs/tree/daemon.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/datetime.h"
#include "base/mem.h"
#include "format/text/text.h"
#include "fs/tree/caretaker_text.h"

#define LOG_BYTES ((size_t)128 << 10)

static const char *const operations[] = {
#define X(name) #name,
    PFS_OPERATIONS(X)
#undef X
};

#define OPERATIONS (sizeof(operations) / sizeof(operations[0]))

struct pfs_daemon {
    const struct pfs_clock *clock;
    char *options;
    bool read_only;
    int64_t started_ms; /* monotonic */
    int64_t started_wall_ms;
    atomic_llong requests[OPERATIONS], failures[OPERATIONS];
    atomic_llong bytes_read, bytes_written;
    pthread_mutex_t lock; /* guards all below */
    struct pfs_buf log;
    struct pfs_err last; /* the newest failure that had a sentence */
    int64_t last_ms;
};

int pfs_daemon_open(const struct pfs_daemon_config *config, struct pfs_daemon **out, struct pfs_err *err)
{
    struct pfs_daemon *d = pfs_zalloc(sizeof(*d));

    if (d == NULL || (config->options != NULL && (d->options = pfs_strdup(config->options)) == NULL)) {
        pfs_free(d);
        return pfs_fail(err, ENOMEM, "no memory for counters");
    }
    d->clock = config->clock;
    d->read_only = config->read_only;
    d->started_ms = pfs_clock_monotonic_ms();
    d->started_wall_ms = pfs_clock_now_ms(config->clock);
    pthread_mutex_init(&d->lock, NULL);
    pfs_buf_init(&d->log, 2 * LOG_BYTES);
    *out = d;
    return 0;
}

void pfs_daemon_close(struct pfs_daemon *daemon)
{
    if (daemon == NULL)
        return;
    pthread_mutex_destroy(&daemon->lock);
    pfs_buf_done(&daemon->log);
    pfs_free(daemon->options);
    pfs_free(daemon);
}

/* ---- counting ---- */

/* The last one of the list stands for those that are not in it. */
static size_t index_of(const char *operation)
{
    size_t i = 0;

    while (i + 1 < OPERATIONS && strcmp(operations[i], operation) != 0)
        i++;
    return i;
}

static void put_time(int64_t ms, struct pfs_buf *out)
{
    char text[40];
    size_t len = pfs_timestamp_print(ms, 0, 3, text);

    text[10] = 'T';
    pfs_buf_put(out, text, len);
    pfs_buf_putc(out, 'Z');
}

/* Drops the older half, up to the end of a line. Lock held. */
static void make_room(struct pfs_daemon *d)
{
    const uint8_t *end = memchr(d->log.at + d->log.len / 2, '\n', d->log.len - d->log.len / 2);
    size_t cut = end == NULL ? d->log.len : (size_t)(end + 1 - d->log.at);

    assert(cut <= d->log.len);
    memmove(d->log.at, d->log.at + cut, d->log.len - cut);
    d->log.len -= cut;
}

/* The newest failure stands in status.json as well, for those who look at one file only. */
static void note(struct pfs_daemon *d, const char *operation, const struct pfs_err *err)
{
    int64_t now = pfs_clock_now_ms(d->clock);

    pthread_mutex_lock(&d->lock);
    d->last = *err;
    d->last_ms = now;
    if (d->log.len >= LOG_BYTES)
        make_room(d);
    put_time(now, &d->log);
    pfs_buf_printf(&d->log, " %s: %s (%s)\n", operation, err->text, pfs_errno_text(err->code));
    pthread_mutex_unlock(&d->lock);
}

/* Relaxed: counters are read for people, and order between them means nothing. */
void pfs_daemon_count(struct pfs_daemon *daemon, const char *operation, int64_t result, const struct pfs_err *err)
{
    size_t i = index_of(operation);

    assert(i < OPERATIONS);
    assert(result >= 0 || err != NULL);
    atomic_fetch_add_explicit(&daemon->requests[i], 1, memory_order_relaxed);
    if (result < 0) {
        atomic_fetch_add_explicit(&daemon->failures[i], 1, memory_order_relaxed);
        if (err->code != 0)
            note(daemon, operation, err);
    } else if (strcmp(operation, "read") == 0) {
        atomic_fetch_add_explicit(&daemon->bytes_read, result, memory_order_relaxed);
    } else if (strcmp(operation, "write") == 0) {
        atomic_fetch_add_explicit(&daemon->bytes_written, result, memory_order_relaxed);
    }
}

/* ---- texts ---- */

static int64_t sum(atomic_llong *list)
{
    int64_t n = 0;

    for (size_t i = 0; i < OPERATIONS; i++)
        n += atomic_load(&list[i]);
    return n;
}

static void print_version(struct pfs_daemon *d, const struct pfs_daemon_facts *facts, struct pfs_buf *out)
{
    (void)d;
    (void)facts;
    pfs_buf_puts(out, PFS_VERSION "\n");
}

static void print_options(struct pfs_daemon *d, const struct pfs_daemon_facts *facts, struct pfs_buf *out)
{
    (void)facts;
    if (d->options != NULL)
        pfs_buf_puts(out, d->options);
}

static void print_log(struct pfs_daemon *d, const struct pfs_daemon_facts *facts, struct pfs_buf *out)
{
    (void)facts;
    pthread_mutex_lock(&d->lock);
    pfs_buf_put(out, d->log.at, d->log.len);
    pthread_mutex_unlock(&d->lock);
}

static void print_last(struct pfs_daemon *d, struct pfs_buf *out)
{
    pthread_mutex_lock(&d->lock);
    if (d->last.code == 0) {
        pfs_buf_puts(out, "null");
    } else {
        pfs_buf_puts(out, "{\"time\":\"");
        put_time(d->last_ms, out);
        pfs_buf_printf(out, "\",\"errno\":%d,\"reason\":", d->last.code);
        pfs_text_quote(pfs_str(d->last.text), out);
        pfs_buf_putc(out, '}');
    }
    pthread_mutex_unlock(&d->lock);
}

/* One object on one line, made anew for each reader. */
static void print_status(struct pfs_daemon *d, const struct pfs_daemon_facts *facts, struct pfs_buf *out)
{
    pfs_buf_printf(out, "{\"version\":\"%s\",\"pid\":%d,\"started\":\"", PFS_VERSION, (int)getpid());
    put_time(d->started_wall_ms, out);
    pfs_buf_printf(out, "\",\"uptime_s\":%lld,\"read_only\":%s",
                   (long long)(pfs_clock_monotonic_ms() - d->started_ms) / 1000, d->read_only ? "true" : "false");
    pfs_buf_printf(out, ",\"tables_open\":%lld,\"nodes\":%lld,\"handles\":%lld,\"inboxes_open\":%lld",
                   (long long)facts->tables, (long long)facts->nodes, (long long)facts->handles,
                   (long long)facts->inboxes);
    pfs_buf_printf(out, ",\"requests\":%lld,\"failures\":%lld,\"bytes_read\":%lld,\"bytes_written\":%lld",
                   (long long)sum(d->requests), (long long)sum(d->failures), (long long)atomic_load(&d->bytes_read),
                   (long long)atomic_load(&d->bytes_written));
    pfs_buf_puts(out, ",\"last_error\":");
    print_last(d, out);
    pfs_buf_puts(out, "}\n");
}

/* As Prometheus reads them. */
static void put_metric(struct pfs_buf *out, const char *name, const char *kind, const char *help, int64_t value)
{
    pfs_buf_printf(out, "# HELP paimonfs_%s %s\n# TYPE paimonfs_%s %s\npaimonfs_%s %lld\n", name, help, name, kind,
                   name, (long long)value);
}

/* Every operation has its line, also those that never came: a rate needs a beginning. */
static void put_operations(struct pfs_buf *out, const char *name, const char *help, atomic_llong *list)
{
    pfs_buf_printf(out, "# HELP paimonfs_%s %s\n# TYPE paimonfs_%s counter\n", name, help, name);
    for (size_t i = 0; i < OPERATIONS; i++)
        pfs_buf_printf(out, "paimonfs_%s{operation=\"%s\"} %lld\n", name, operations[i],
                       (long long)atomic_load(&list[i]));
}

static void print_metrics(struct pfs_daemon *d, const struct pfs_daemon_facts *facts, struct pfs_buf *out)
{
    put_metric(out, "uptime_seconds", "gauge", "Seconds since the start.",
               (pfs_clock_monotonic_ms() - d->started_ms) / 1000);
    put_operations(out, "requests_total", "Requests answered.", d->requests);
    put_operations(out, "failures_total", "Requests answered with an error, absent names too.", d->failures);
    put_metric(out, "read_bytes_total", "counter", "Bytes given to readers.", atomic_load(&d->bytes_read));
    put_metric(out, "written_bytes_total", "counter", "Bytes taken from writers.", atomic_load(&d->bytes_written));
    put_metric(out, "tables_open", "gauge", "Tables that something holds.", facts->tables);
    put_metric(out, "nodes", "gauge", "Names that the kernel holds.", facts->nodes);
    put_metric(out, "handles", "gauge", "Files open.", facts->handles);
    put_metric(out, "inboxes_open", "gauge", "Inboxes open for writing.", facts->inboxes);
    pfs_caretaker_text_metrics(facts->caretaker, out);
}

static const struct {
    const char *name;
    void (*print)(struct pfs_daemon *d, const struct pfs_daemon_facts *facts, struct pfs_buf *out);
} files[] = {
    {"version", print_version}, {"status.json", print_status}, {"metrics", print_metrics},
    {"log", print_log},         {"options", print_options},
};

const char *pfs_daemon_name(int index)
{
    assert(index >= 0);
    return (size_t)index < sizeof(files) / sizeof(files[0]) ? files[index].name : NULL;
}

/* Bare -ENOENT: no file of that name. */
int pfs_daemon_print(struct pfs_daemon *daemon, const char *name, const struct pfs_daemon_facts *facts,
                     struct pfs_buf *out, struct pfs_err *err)
{
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        if (strcmp(files[i].name, name) == 0) {
            files[i].print(daemon, facts, out);
            return pfs_buf_check(out, err);
        }
    return -ENOENT;
}
