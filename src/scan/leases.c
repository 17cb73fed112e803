/* leases.c - the file that tells what this process reads, and those of others.
 *
 * A lease is written beside its name and moved there, locked all the while: who looks sees a whole one that is held, or
 * none. The lock is what says that its process lives; where there are no locks the time of the file does. Nothing here
 * fails anybody: who cannot tell what he reads may lose a snapshot to another machine's expiry, and is told then.
 */
#include "src/scan/leases.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/uuid.h"

#define DIRECTORY ".paimonfs"
#define PREFIX "reading-"
#define AGAIN_MS 15000
#define STALE_MS 60000
#define FORGOTTEN_MS 3600000 /* then it is cleared away */
#define BYTES_MAX ((size_t)1 << 20)
#define NAME_MAX_BYTES (sizeof(DIRECTORY) + sizeof(PREFIX) + PFS_UUID_TEXT)

struct pfs_leases {
    char path[NAME_MAX_BYTES];
    struct pfs_buf told;   /* empty: there is no file */
    struct pfs_file *file; /* locked as long as it counts */
    int64_t told_ms;       /* monotonic */
};

int pfs_leases_open(struct pfs_leases **out, struct pfs_err *err)
{
    struct pfs_leases *l = pfs_zalloc(sizeof(*l));
    char uuid[PFS_UUID_TEXT];

    if (l == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a warehouse");
    pfs_uuid_make(uuid);
    (void)snprintf(l->path, sizeof(l->path), DIRECTORY "/" PREFIX "%s", uuid);
    *out = l;
    return 0;
}

void pfs_leases_close(struct pfs_leases *leases, struct pfs_store *store)
{
    if (leases == NULL)
        return;
    if (leases->told.len > 0)
        (void)pfs_store_unlink(store, leases->path, NULL);
    pfs_file_close(leases->file);
    pfs_buf_done(&leases->told);
    pfs_free(leases);
}

/* ---- telling ---- */

/* Not synced: a lease need not outlive the machine. */
static int write_file(struct pfs_leases *l, struct pfs_store *store, const struct pfs_buf *text)
{
    char temporary[NAME_MAX_BYTES + 8], host[64] = "", head[128];
    struct pfs_file *file;
    int rc;

    assert(text->len > 0); /* what is not read is told by no file */
    (void)gethostname(host, sizeof(host) - 1);
    (void)snprintf(head, sizeof(head), "# pid %ld host %s\n", (long)getpid(), host);
    (void)snprintf(temporary, sizeof(temporary), "%s.tmp", l->path);
    (void)pfs_store_unlink(store, temporary, NULL);
    rc = pfs_store_open_locked(store, temporary, true, &file, NULL);
    if (rc == -EAGAIN || rc == -ENOENT || rc == -EEXIST) /* who looks for the dead was quicker: the next time */
        return rc;
    if (rc < 0) { /* there are no locks here, for nobody */
        (void)pfs_store_unlink(store, temporary, NULL);
        PFS_TRY(pfs_store_create(store, temporary, &file, NULL));
    }
    rc = pfs_file_append(file, head, strlen(head), NULL);
    if (rc == 0)
        rc = pfs_file_append(file, text->at, text->len, NULL);
    if (rc == 0)
        rc = pfs_store_rename_over(store, temporary, l->path, NULL);
    if (rc < 0) {
        (void)pfs_store_unlink(store, temporary, NULL);
        pfs_file_close(file);
        return rc;
    }
    pfs_file_close(l->file);
    l->file = file;
    return 0;
}

void pfs_leases_tell(struct pfs_leases *leases, struct pfs_store *store, struct pfs_holds *holds)
{
    int64_t now_ms = pfs_clock_monotonic_ms();
    struct pfs_buf text = {0};

    assert(leases->told.len == 0 || leases->file != NULL);
    pfs_buf_init(&text, BYTES_MAX);
    pfs_holds_print(holds, &text);
    if (text.len == 0 && leases->told.len > 0) {
        (void)pfs_store_unlink(store, leases->path, NULL);
        pfs_file_close(leases->file);
        leases->file = NULL;
        pfs_buf_clear(&leases->told);
    } else if (text.len > 0 &&
               (pfs_slice_compare(pfs_buf_slice(&text), pfs_buf_slice(&leases->told)) != 0 ||
                now_ms - leases->told_ms >= AGAIN_MS) &&
               write_file(leases, store, &text) == 0) {
        pfs_buf_clear(&leases->told);
        pfs_buf_put(&leases->told, text.at, text.len);
        leases->told_ms = now_ms;
    }
    pfs_buf_done(&text);
}

/* ---- what others tell ---- */

struct looking {
    const struct pfs_leases *own;
    struct pfs_store *store;
    const char *meta;
    int64_t now_ms, from, first;
};

/* Lines that are none are passed over. */
static void read_lines(struct looking *l, struct pfs_slice text)
{
    size_t meta = strlen(l->meta);

    while (text.len > 0) {
        const uint8_t *newline = memchr(text.at, '\n', text.len);
        struct pfs_slice line = pfs_slice_of(text.at, newline == NULL ? text.len : (size_t)(newline - text.at));
        const uint8_t *blank = memchr(line.at, ' ', line.len);
        size_t digits = blank == NULL ? 0 : (size_t)(blank - line.at);
        int64_t id;

        assert(line.len <= text.len);
        assert(blank == NULL || digits < line.len); /* the blank itself is left: it is subtracted below */

        if (digits > 0 && line.len - digits - 1 == meta && memcmp(blank + 1, l->meta, meta) == 0 &&
            pfs_i64_parse(pfs_slice_of(line.at, digits), &id) == 0 && id >= l->from && id < l->first)
            l->first = id;
        text = newline == NULL ? pfs_slice_of(NULL, 0) : pfs_slice_of(newline + 1, text.len - line.len - 1);
    }
}

/* Its process has died: then it is cleared away. */
static bool is_dead(struct pfs_store *store, const char *path)
{
    struct pfs_file *file;

    if (pfs_store_open_locked(store, path, false, &file, NULL) < 0)
        return false;
    (void)pfs_store_unlink(store, path, NULL);
    pfs_file_close(file);
    return true;
}

static int look(void *context, struct pfs_slice name, bool directory)
{
    struct looking *l = context;
    struct pfs_slice text;
    struct pfs_stat st;
    char path[512];

    if (directory || name.len < strlen(PREFIX) || memcmp(name.at, PREFIX, strlen(PREFIX)) != 0 ||
        snprintf(path, sizeof(path), DIRECTORY "/%.*s", PFS_P(name)) >= (int)sizeof(path) ||
        strcmp(path, l->own->path) == 0 || pfs_store_stat(l->store, path, &st, NULL) < 0)
        return 0;
    if (l->now_ms - st.mtime_ns / 1000000 > FORGOTTEN_MS)
        (void)pfs_store_unlink(l->store, path, NULL);
    if (l->now_ms - st.mtime_ns / 1000000 > STALE_MS || is_dead(l->store, path) ||
        pfs_store_load(l->store, path, BYTES_MAX, &text, NULL) < 0)
        return 0;
    read_lines(l, text);
    pfs_free((void *)(uintptr_t)text.at);
    return 0;
}

int64_t pfs_leases_first(const struct pfs_leases *leases, struct pfs_store *store, const char *meta, int64_t from,
                         int64_t end)
{
    struct looking l = {leases, store, meta, pfs_clock_now_ms(NULL), from, end};

    (void)pfs_store_list(store, DIRECTORY, look, &l, NULL);
    assert(l.first <= end);
    return l.first;
}
