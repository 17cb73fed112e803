/* numbers.h - numbers that are given once: to whoever asks, on any machine, whatever is killed when. Private to
 * src/ingest.
 *
 * SEQUENCE: 1, 2, 3 ... in blocks. A block is had by publishing <directory>/<k>, a file that says where the next block
 * begins, without replacing; nobody uses a number before that is durable. Who dies leaves the rest of its block unused.
 *   (1) The greatest k that was ever published stays, and so do the BLOCKS_KEPT before it.
 *   (2) A block counts when no greater k is there after it was published: who was so late that its predecessors were
 *       removed published into a hole, and takes another one.
 * SNOWFLAKE: 41 bits of milliseconds since 2024, 10 bits of a worker's id, 12 bits of a counter. An id is had by
 * locking <directory>/worker-<id> as long as the process lives; the file's last line is a bound below which all of its
 * milliseconds were, durable before they are used: a clock that goes back gives no number again. A burst runs ahead of
 * the clock instead of waiting for it.
 *
 * Threads: any. Errors: the store's; -ERANGE when there are no more, -EBUSY when all workers' ids are taken. */
#pragma once

#include "base/clock.h"
#include "base/store.h"

#define PFS_NUMBER_GENERATORS(X) X(SEQUENCE, "sequence") X(SNOWFLAKE, "snowflake")

enum pfs_number_generator {
#define X(id, name) PFS_GENERATOR_##id,
    PFS_NUMBER_GENERATORS(X)
#undef X
};

struct pfs_numbers_config {
    enum pfs_number_generator generator;
    struct pfs_store *store;       /* borrowed */
    const struct pfs_clock *clock; /* borrowed */
    const char *directory;         /* of the store; copied. Made when the first number is asked for */
    int64_t most;                  /* the greatest number that may be given */
};

struct pfs_numbers;

int pfs_numbers_open(const struct pfs_numbers_config *config, struct pfs_numbers **out, struct pfs_err *err);
void pfs_numbers_close(struct pfs_numbers *numbers); /* NULL allowed */
const char *pfs_numbers_directory(const struct pfs_numbers *numbers);

/* `count` numbers, ascending. After a failure none of them was given. */
int pfs_numbers_take(struct pfs_numbers *numbers, int64_t count, int64_t *out, struct pfs_err *err);

/* What a directory of the same name that was made anew, with a table, must not be given: the rest of the block. */
int pfs_numbers_check(struct pfs_numbers *numbers, struct pfs_err *err);
