/* pump.c - standard input through a function to standard output. A block is as much as comes without a pause, so that
 * files go through in large pieces and typed lines are answered at once. */
#include "tools/pump.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "tools/opened.h"

#define PIECE ((size_t)64 << 10)
#define BLOCK ((size_t)16 << 20) /* of input that is worked on at once */
#define QUIET_MS 10              /* who types, or feeds lines slowly, gets the answer after so long */

/* Is more input there at once, or soon? */
static bool more_comes(void)
{
    struct pollfd fd = {.fd = STDIN_FILENO, .events = POLLIN};

    return poll(&fd, 1, QUIET_MS) > 0;
}

/* Reads until the input pauses or there is a block of it. */
static int read_block(struct pfs_buf *in, bool *last, struct pfs_err *err)
{
    *last = false;
    do {
        uint8_t *to = pfs_buf_reserve(in, PIECE);
        ssize_t got;

        if (to == NULL)
            return pfs_buf_check(in, err);
        got = read(STDIN_FILENO, to, PIECE);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return pfs_fail(err, errno, "standard input: %s", pfs_errno_text(errno));
        *last = got == 0;
        in->len += (size_t)got;
    } while (!*last && in->len < BLOCK && more_comes());
    return 0;
}

int pump(pump_fn *feed, void *context, struct pfs_err *err)
{
    struct pfs_buf in = {0}, out = {0};
    bool last = false;
    int rc = 0;

    while (rc == 0 && !last) {
        size_t consumed;
        int put;

        rc = read_block(&in, &last, err);
        if (rc < 0)
            break;
        rc = feed(context, pfs_buf_slice(&in), last, &out, &consumed, err);
        put = opened_print(out.at, out.len); /* of a failure, what came before it */
        rc = rc == 0 ? put : rc;
        pfs_buf_clear(&out);
        assert(consumed <= in.len);
        memmove(in.at, in.at + consumed, in.len - consumed);
        in.len -= consumed;
    }
    pfs_buf_done(&in);
    pfs_buf_done(&out);
    return rc;
}
