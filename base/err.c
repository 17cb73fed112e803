/* err.c - sentences in fixed storage: they are made when memory may be what is missing.
 *
 * A text is printed into twice the room first, so that what wraps a long sentence still stands in front of it whole; it
 * is cut last, and between two characters, since it ends in JSON and logs. */
#include "base/err.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* Length of the longest prefix of `text` below `max` bytes that ends between two characters. */
static size_t whole_prefix(const char *text, size_t max)
{
    size_t len = strnlen(text, max);

    if (len < max)
        return len;
    /* text[len] is the first byte that does not fit: it may go only if a character begins there. */
    for (len = max - 1; len > 0 && ((unsigned char)text[len] & 0xC0) == 0x80; len--)
        ;
    return len;
}

static void set_text(struct pfs_err *err, const char *text)
{
    size_t len = whole_prefix(text, sizeof(err->text));

    assert(len < sizeof(err->text));
    memcpy(err->text, text, len);
    err->text[len] = '\0';
}

int pfs_fail(struct pfs_err *err, int code, const char *fmt, ...)
{
    assert(code > 0); /* else a failure would be told as a success */
    if (err != NULL) {
        char text[PFS_ERR_TEXT_MAX * 2];
        va_list args;

        va_start(args, fmt);
        (void)vsnprintf(text, sizeof(text), fmt, args);
        va_end(args);
        err->code = code;
        set_text(err, text);
    }
    return -code;
}

int pfs_wrap(struct pfs_err *err, const char *fmt, ...)
{
    char text[PFS_ERR_TEXT_MAX * 2];
    va_list args;
    int len;

    if (err == NULL)
        return -EIO;
    assert(err->code >= 0);
    if (err->code == 0)
        err->code = EIO;
    va_start(args, fmt);
    len = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    len = len < 0 ? 0 : (int)whole_prefix(text, PFS_ERR_TEXT_MAX);
    (void)snprintf(text + len, sizeof(text) - (size_t)len, ": %s", err->text);
    set_text(err, text);
    return -err->code;
}

void pfs_err_clear(struct pfs_err *err)
{
    if (err != NULL) {
        err->code = 0;
        err->text[0] = '\0';
    }
}

/* Texts of our own, not of strerror: those follow the locale, and are not safe to ask for from several threads. */
static const struct {
    int code;
    const char *text;
} texts[] = {
    {EPERM, "operation not permitted"},
    {ENOENT, "no such file or directory"},
    {EINTR, "interrupted"},
    {EIO, "input/output error"},
    {EBADF, "bad file descriptor"},
    {EAGAIN, "try again"},
    {ENOMEM, "out of memory"},
    {EACCES, "permission denied"},
    {EBUSY, "busy"},
    {EEXIST, "file exists"},
    {EXDEV, "cross-device link"},
    {ENOTDIR, "not a directory"},
    {EISDIR, "is a directory"},
    {EINVAL, "invalid argument"},
    {ENFILE, "too many open files in system"},
    {EMFILE, "too many open files"},
    {EFBIG, "file too large"},
    {ENOSPC, "no space left on device"},
    {EROFS, "read-only file system"},
    {EMLINK, "too many links"},
    {EPIPE, "broken pipe"},
    {ERANGE, "out of range"},
    {ENAMETOOLONG, "file name too long"},
    {ENOSYS, "function not implemented"},
    {ENOTEMPTY, "directory not empty"},
    {ELOOP, "too many levels of symbolic links"},
    {EOVERFLOW, "value too large"},
    {EILSEQ, "invalid character sequence"},
    {EOPNOTSUPP, "operation not supported"},
    {EMSGSIZE, "message too long"},
    {ESTALE, "stale file handle"},
    {EDQUOT, "disk quota exceeded"},
    {ECANCELED, "cancelled"},
    {ETIMEDOUT, "timed out"},
    {ENODEV, "no such device"},
    {ENXIO, "no such device or address"},
    {E2BIG, "too big"},
};

const char *pfs_errno_text(int code)
{
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (texts[i].code == code)
            return texts[i].text;
    return "unknown error";
}
