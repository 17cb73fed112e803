/* internal.h - a write: rows in memory, sorted runs in the scratch file, files. Private to the suite.
 *
 *   hold     routed batches, in order of arrival; each attempt of a commit sorts and writes them anew
 *   aside    what was held until the budget was used up: the pool sorts it into runs while others are held
 *   runs     what the memory could not hold, sorted; merged with the hold, as often
 *   outputs  files: first the durable ones, whose rows are nowhere else (spilled), then those of the last attempt
 *   old      listed files whose rows are elsewhere by now: they go when the write is committed
 */
#pragma once

#include "src/file/file.h"
#include "src/merge/merge.h"
#include "src/write/assign.h"
#include "src/write/hold.h"
#include "src/write/places.h"
#include "src/write/route.h"
#include "src/write/run.h"
#include "src/write/write.h"

#define PFS_POSTPONED_NUMBER (-1) /* of every row in the postpone bucket */

struct pfs_output { /* files of one bucket, made by one flush */
    struct pfs_arena arena;
    struct pfs_slice partition; /* the write's, by number */
    int32_t number, bucket;
    int32_t earlier;                /* the one before of that bucket: its index; -1 = none */
    struct pfs_data_writer *writer; /* without an engine: takes more rows; NULL = the entries are complete */
    struct pfs_manifest_entry *entry;
    int64_t entries;
    struct pfs_manifest_entry *changelog;
    int64_t changelogs;
    int64_t base, next; /* sequence numbers: the first, and the one after the last */
    bool listed;        /* a journal names them: they are not removed before a snapshot holds their rows */
};

struct pfs_outputs {
    struct pfs_output **output;
    int32_t count, room;
    struct pfs_places newest; /* of each bucket: the index of its last output, of the first `placed` ones */
    int32_t placed;
};

struct pfs_numbers {         /* what a state has of the partitions that were met when it was looked through */
    struct pfs_state *state; /* a reference; NULL = none was */
    int32_t partitions;      /* so many */
    int32_t asked;           /* of that state, before it was looked through */
    struct pfs_places next;  /* the sequence numbers behind its files, and what numbers.c wants beside them */
};

struct pfs_aside;
struct pfs_cross;

struct pfs_write {
    struct pfs_write_config config;
    char *user; /* the config's */
    struct pfs_gate gate;
    struct pfs_engine *engine; /* rows are sorted and merged; NULL = they are written as they come */
    int32_t *column;           /* 0 .. columns - 1: the engine's */
    struct pfs_partitions partitions;
    bool keyed;     /* files of a primary-key table */
    bool postponed; /* all rows go to the postpone bucket */
    bool input;     /* changelog-producer = input */
    bool spillable; /* beyond the budget rows become runs; else files */
    bool broken;    /* a file that was open for more rows failed: nothing is known of it */
    struct pfs_hold hold;
    struct pfs_runs *runs;   /* NULL = none */
    struct pfs_aside *aside; /* rows on their way there; NULL = none */
    struct pfs_err failed;   /* code != 0: they did not get there, and are lost to the write */
    int64_t rows;
    struct pfs_outputs outputs;
    int32_t spilled; /* of the outputs, the first so many */
    struct pfs_numbers numbers;
    struct pfs_outputs old;
    struct pfs_assigner **assigner; /* by partition number; dynamic buckets only */
    int32_t assigners;
    struct pfs_state *assigned; /* the state that the assigners were loaded from */
    bool prepared;              /* `files` is what the last prepare answered, and nothing was added since */
    struct pfs_write_files files;
    struct pfs_cross *cross; /* where keys live, by `crossed` and what was spilled; NULL = to be read */
    struct pfs_state *crossed;
    struct pfs_arena arena;  /* what `files` points to */
    const char **index_path; /* index files of the last prepare */
    int32_t index_paths;
};

static inline bool pfs_write_is_dynamic(const struct pfs_schema *schema)
{
    return schema->primary_keys > 0 && schema->buckets == -1 &&
           schema->trimmed_keys + schema->partition_keys == schema->primary_keys;
}

/* ---- output.c ---- */

/* One of a partition that the write has met, without files. */
int pfs_outputs_add(const struct pfs_write *w, struct pfs_outputs *outputs, int32_t partition, int32_t bucket,
                    struct pfs_output **out, struct pfs_err *err);
/* The files of `from`, which may be another write's, join those that go when a write is committed; it has none then. */
int pfs_outputs_keep(struct pfs_outputs *old, struct pfs_output *from, struct pfs_err *err);
void pfs_outputs_done(struct pfs_outputs *outputs);
/* Removes those from `from` on; the files too when `unlisted`, but for listed ones. */
void pfs_outputs_cut(struct pfs_write *w, struct pfs_outputs *outputs, int32_t from, bool unlisted);
void pfs_output_remove_files(struct pfs_write *w, const struct pfs_output *o);
/* What a bucket's files are written with: `base` is the first row's number. */
struct pfs_data_write pfs_output_target(const struct pfs_write *w, struct pfs_slice partition, int32_t bucket,
                                        int64_t base);
/* The next number of a bucket: above the state's, and above those of the first `outputs` outputs. */
int pfs_output_base(struct pfs_write *w, struct pfs_state *state, int32_t partition, int32_t bucket, int32_t outputs,
                    int64_t *out, struct pfs_err *err);
/* The one of that bucket that takes more rows; NULL: none. */
int pfs_outputs_open_writer(struct pfs_write *w, int32_t partition, int32_t bucket, struct pfs_output **out,
                            struct pfs_err *err);
int32_t pfs_outputs_open_count(const struct pfs_write *w);
bool pfs_outputs_are_open(const struct pfs_write *w);                  /* is there one? */
int pfs_output_finish(struct pfs_output *output, struct pfs_err *err); /* ends it, if it is open: entries, synced */
int pfs_outputs_finish(struct pfs_write *w, struct pfs_err *err);      /* the same of all */
/* Makes the spilled outputs fit the numbers of the state: what does not is written anew. */
int pfs_outputs_fit(struct pfs_write *w, struct pfs_state *state, struct pfs_err *err);
/* changelog-producer = input: makes those of adopted files, as outputs of this attempt. */
int pfs_outputs_copy_changelogs(struct pfs_write *w, struct pfs_state *state, struct pfs_err *err);

/* ---- numbers.c ---- */

/* The number that the next row of a bucket gets: above every live one of the state (spec datafiles 2.2). */
int pfs_numbers_next(struct pfs_write *w, struct pfs_state *state, int32_t partition, int32_t bucket, int64_t *out,
                     struct pfs_err *err);
/* Has the partition files that are spread over another number of buckets than the schema's? *out: that; 0 = no. */
int pfs_numbers_buckets(struct pfs_write *w, struct pfs_state *state, int32_t partition, int32_t *out,
                        struct pfs_err *err);
void pfs_numbers_done(struct pfs_numbers *numbers); /* nothing is known of any state */

/* ---- back.c ---- */

/* Adds the rows of an output as if they had just come through the gate: those of its changelog if it has one, which are
 * as they came. */
int pfs_write_add_output(struct pfs_write *w, const struct pfs_output *output, struct pfs_state *state,
                         struct pfs_err *err);

/* The rows of all spilled files and runs, added again in front of those in memory. */
int pfs_write_add_again(struct pfs_write *w, struct pfs_state *state, struct pfs_err *err);

/* ---- aside.c ---- */

/* Can rows become runs on the pool, while others are added? */
bool pfs_aside_can(const struct pfs_write *w);
/* The rows in memory are on their way to be runs; those before them are there, or -errno: the write has failed. */
int pfs_aside_begin(struct pfs_write *w, struct pfs_state *state, struct pfs_err *err);
/* Nothing is on its way any more. -errno each time once a run could not be made. */
int pfs_aside_settle(struct pfs_write *w, struct pfs_err *err);

/* ---- flush.c ---- */

/* Rows in memory as one run a bucket; they stay in memory. -errno: there may be no room for it. */
int pfs_flush_runs(struct pfs_write *w, const struct pfs_hold *hold, struct pfs_state *state, struct pfs_err *err);
/* The rows in memory and in runs as outputs; they stay where they are. stay_open: files of append tables take more
 * rows later. */
int pfs_flush_files(struct pfs_write *w, struct pfs_state *state, bool stay_open, struct pfs_err *err);

/* ---- write.c ---- */

/* No rows, no files of the last attempt; listed files stay where they are. */
void pfs_write_empty(struct pfs_write *w);
/* Takes `r`, also on failure; may write rows out. */
int pfs_write_add_routed(struct pfs_write *w, struct pfs_routed *r, struct pfs_state *state, struct pfs_err *err);

/* ---- trial.c ---- */

/* Would the engine take the deletes of a routed batch when they move up from level 0? -EINVAL with its sentence. */
int pfs_write_try(const struct pfs_write *w, const struct pfs_batch *batch, struct pfs_err *err);
