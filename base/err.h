/* err.h - a failure: an errno that the kernel understands and a sentence that a person does.
 *
 * A function that can fail returns 0 (or a count) for success and -errno for failure; the sentence goes to its
 * last parameter. The lowest room states the fact, each room above adds only where ("manifest m-3: ..."), so that
 * the text reads from the outside in. Fixed storage, no allocation: out of memory can be reported.
 * Expected outcomes (absent, lost race) carry no sentence. No function here fails; NULL for `err` is allowed
 * everywhere and drops the sentence. Threads: one pfs_err, one thread at a time.
 */
#pragma once

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#define PFS_ERR_TEXT_MAX 512

struct pfs_err {
    int code;                    /* positive errno; 0 = no failure */
    char text[PFS_ERR_TEXT_MAX]; /* NUL-terminated UTF-8, cut at a character boundary when too long */
};

/* States the fact: sets code and text, returns -code. `code` is a positive errno. */
int pfs_fail(struct pfs_err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Says where: puts the text and ": " in front of what is there; returns -err->code (-EIO if err is NULL or holds
 * no code, so that a failure never becomes a success by being wrapped). */
int pfs_wrap(struct pfs_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Forgets the failure: a declined try must leave no sentence behind. */
void pfs_err_clear(struct pfs_err *err);

/* A short constant English text for a positive errno ("no space left on device"); thread-safe. */
const char *pfs_errno_text(int code);

#define PFS_TRY(call)     \
    do {                  \
        int rc_ = (call); \
        if (rc_ < 0)      \
            return rc_;   \
    } while (0)
