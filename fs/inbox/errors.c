/* errors.c - lines of JSON in one buffer: the newest are at its end, and the older half goes when it is full. What is
 * shown of a row is a user's bytes, and the line is JSON whatever they are. */
#include "fs/inbox/errors.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

#include "base/datetime.h"
#include "base/mem.h"
#include "base/utf8.h"

#define ERRORS_BYTES_MAX ((size_t)1 << 20)
#define ROW_BYTES_MAX ((size_t)64 << 10) /* of a refused row */

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

/* What a line keeps of a row: whole characters. */
static struct pfs_slice shown(struct pfs_slice row)
{
    size_t len = row.len < ROW_BYTES_MAX ? row.len : ROW_BYTES_MAX;

    while (len > 0 && len < row.len && (row.at[len] & 0xC0) == 0x80)
        len--;
    return pfs_slice_of(row.at, len);
}

/* Drops the oldest lines until half of the room is free. */
static void drop_oldest(struct pfs_buf *text)
{
    uint8_t *cut = memchr(text->at + text->len / 2, '\n', text->len - text->len / 2);
    size_t from = cut == NULL ? text->len : (size_t)(cut + 1 - text->at);

    assert(from <= text->len);
    memmove(text->at, text->at + from, text->len - from);
    text->len -= from;
}

void pfs_errors_add(struct pfs_errors *errors, int64_t time_ms, uint32_t pid, const struct pfs_text_refusal *refusal,
                    const struct pfs_err *why)
{
    struct pfs_buf *out = &errors->text;
    char time[48];

    assert(why != NULL);
    time[pfs_timestamp_print(time_ms, 0, 3, time)] = '\0';
    pthread_mutex_lock(&errors->lock);
    if (out->len > ERRORS_BYTES_MAX)
        drop_oldest(out);
    pfs_buf_printf(out, "{\"time\":\"%sZ\",\"pid\":%u", time, pid);
    if (refusal != NULL && refusal->row != PFS_REFUSAL_SOMEWHERE) {
        pfs_buf_printf(out, ",\"row\":%lld,\"column\":", (long long)refusal->row);
        if (refusal->column != NULL)
            put_json(out, pfs_str(refusal->column));
        else
            pfs_buf_puts(out, "null");
        if (refusal->group > 0)
            pfs_buf_printf(out, ",\"row_group\":%d", refusal->group - 1);
        else
            pfs_buf_printf(out, ",\"offset\":%llu", (unsigned long long)refusal->offset);
    }
    pfs_buf_puts(out, ",\"reason\":");
    put_json(out, pfs_str(why->text));
    if (refusal != NULL) {
        pfs_buf_puts(out, ",\"text\":");
        put_json(out, shown(refusal->text));
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
