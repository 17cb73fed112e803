/* pump.h - standard input to standard output through something that takes whole records. */
#pragma once

#include "base/buf.h"

/* Takes all whole records of `in` and appends what becomes of them; *consumed: how many bytes those were. With `last`
 * the input ends. */
typedef int pump_fn(void *context, struct pfs_slice in, bool last, struct pfs_buf *out, size_t *consumed,
                    struct pfs_err *err);

/* Until the input ends, a block at a time, sooner when it pauses. After a failure what came before it is out. Bare
 * -EPIPE: nobody reads any more. */
int pump(pump_fn *feed, void *context, struct pfs_err *err);
