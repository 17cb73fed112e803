/* run.h - sorted rows beyond the memory budget, in a file without a name (spec lsm 2). Private to the suite.
 *
 * What there is memory for stays in it, as it is; the rest is packed and written.
 *
 * Each time that the budget is used up, the rows of each bucket become one run: key-value batches in key order, merged,
 * as frames. Numbers in runs begin at 0 in each bucket; files get them shifted by what the state asks for, so that a
 * lost race costs no run. Threads: runs of different buckets may be written and read at the same time. */
#pragma once

#include "base/pool.h"
#include "base/store.h"
#include "format/reader.h"
#include "src/meta/schema.h"

struct pfs_runs;

struct pfs_run {
    struct pfs_runs *runs;
    int32_t frames, room;
    struct pfs_run_frame {
        uint8_t *bytes; /* in memory; NULL = in the file, at `at` */
        uint64_t at;
        size_t len;
    } * frame;
};

struct pfs_run_list { /* of one bucket */
    int32_t partition, bucket;
    int64_t numbers; /* used so far */
    struct pfs_run *run;
    int32_t count, room;
};

/* memory_bytes: of runs that stay in memory. -errno: there is no room for temporary files. The schema outlives the
 * runs. */
int pfs_runs_open(const struct pfs_schema *schema, const char *dir, size_t memory_bytes, struct pfs_runs **out,
                  struct pfs_err *err);
void pfs_runs_close(struct pfs_runs *runs); /* NULL allowed */

int32_t pfs_runs_count(const struct pfs_runs *runs);                    /* buckets; NULL: 0 */
struct pfs_run_list *pfs_runs_at(struct pfs_runs *runs, int32_t index); /* ordered by partition and bucket */
/* NULL: none. `runs` may be NULL. */
struct pfs_run_list *pfs_runs_find(struct pfs_runs *runs, int32_t partition, int32_t bucket);
int pfs_runs_need(struct pfs_runs *runs, int32_t partition, int32_t bucket, struct pfs_err *err);

/* All rows of the reader as a run, read and packed at the same time where there is a pool; *out is for
 * pfs_run_list_add, which takes it also on failure. */
int pfs_run_write(struct pfs_runs *runs, struct pfs_reader *rows, struct pfs_pool *pool, struct pfs_run *out,
                  struct pfs_err *err);
int pfs_run_list_add(struct pfs_run_list *list, struct pfs_run *run, struct pfs_err *err);
void pfs_run_list_clear(struct pfs_run_list *list); /* of its runs: the numbers stay used */
void pfs_run_done(struct pfs_run *run);
int pfs_run_open(struct pfs_runs *runs, const struct pfs_run *run, struct pfs_reader **out, struct pfs_err *err);
