/* chain.c - files read one after the other, each opened when the one before has ended.
 *
 * What a file need not give is left out from the outside in: the whole file by its key range, rows by its local twin,
 * its index or its pages (as ranges that the file is opened with), then row by row those that are deleted and those of
 * other keys. Deletion vectors count rows of the file, so they come before anything that does not.
 *
 * With data evolution the files of a group hold columns of the same rows; a group is opened at once (file/join.c).
 */
#include "src/scan/chain.h"

#include <assert.h>

#include "base/mem.h"

struct chain {
    struct pfs_reader reader; /* first */
    struct pfs_chain chain;
    struct pfs_arena arena; /* of a group */
    const struct pfs_plan_file *const *file;
    int32_t files, at;
    int32_t group;           /* files that are open together, from file[at] on */
    struct pfs_reader *open; /* NULL = not opened yet */
};

/* What is left of the rows of a file: not deleted, and of the keys that are wanted. Each takes the reader, also on
 * failure: *out is NULL then, for whoever closes the chain looks at it. */
static int sift(const struct chain *c, const struct pfs_bitmap *deleted, struct pfs_reader **out, struct pfs_err *err)
{
    const struct pfs_data_read *read = &c->chain.read;
    struct pfs_reader *in = *out;

    assert(in != NULL);
    *out = NULL;
    if (deleted != NULL)
        PFS_TRY(pfs_deletions_apply(in, deleted, read->range, read->ranges, &in, err));
    if (c->chain.among != NULL)
        PFS_TRY(pfs_among_sieve(c->chain.among, in, c->chain.key, read->schema->trimmed_keys, &in, err));
    *out = in;
    return 0;
}

/* *out stays NULL when no row of the file is wanted. */
static int open_file(struct chain *c, const struct pfs_plan_file *file, struct pfs_reader **out, struct pfs_err *err)
{
    struct pfs_data_read *read = &c->chain.read;
    const struct pfs_among *among = c->chain.among;
    const struct pfs_manifest_entry *entry = file->entry;
    const struct pfs_bitmap *deleted = NULL;

    pfs_arena_reset(&c->arena);
    if (among != NULL && !pfs_among_meets(among, &file->min, &file->max))
        return 0;
    if (c->chain.deletions != NULL)
        PFS_TRY(pfs_deletions_of(c->chain.deletions, entry, &deleted, err));
    if (among != NULL && c->chain.files != NULL) {
        const struct pfs_among_files *files = c->chain.files;
        int rc = files->open(files->self, among, read, entry, &c->arena, &read->range, &read->ranges, out, err);

        if (rc != 0)
            return rc < 0 ? rc : read->ranges == 0 ? 0 : sift(c, deleted, out, err);
    }
    /* One of the two: ranges of the index and ranges of pages are not intersected. What an index says is mostly less.
     */
    PFS_TRY(pfs_prune_rows(c->chain.pruner, entry, &c->arena, &read->range, &read->ranges, err));
    if (among != NULL && read->range == NULL)
        PFS_TRY(
            pfs_among_rows(among, read, entry, &file->min, &file->max, &c->arena, &read->range, &read->ranges, err));
    if (read->range != NULL && read->ranges == 0)
        return 0;
    PFS_TRY(pfs_data_open(read, entry, out, err));
    return sift(c, deleted, out, err);
}

/* How many files, from the next on, share row ids. */
static int32_t group_of(const struct chain *c)
{
    const struct pfs_data_file *f = &c->file[c->at]->entry->file;
    int32_t count = 1;
    int64_t end, last;

    assert(c->at < c->files);
    if (!c->chain.joined || f->first_row_id < 0 || __builtin_add_overflow(f->first_row_id, f->rows, &end))
        return 1;
    for (; c->at + count < c->files; count++) {
        f = &c->file[c->at + count]->entry->file;
        if (f->first_row_id >= end)
            break;
        if (__builtin_add_overflow(f->first_row_id, f->rows, &last))
            break;                     /* told by whoever opens them */
        end = last > end ? last : end; /* a blob file may end before the rows that it stands beside */
    }
    return count;
}

static int open_group(struct chain *c, struct pfs_err *err)
{
    const struct pfs_manifest_entry *entry = c->file[c->at]->entry;
    const struct pfs_manifest_entry **all;
    struct pfs_arena *arena = &c->arena;

    assert(c->open == NULL);
    c->group = group_of(c);
    assert(c->group > 0 && c->group <= c->files - c->at);
    if (c->group == 1 && !(c->chain.joined && entry->file.write_columns >= 0))
        return open_file(c, c->file[c->at], &c->open, err);
    if (c->chain.deletions != NULL)
        return pfs_fail(err, EOPNOTSUPP, "data file %s: deletion vectors beside data evolution", entry->file.name);
    pfs_arena_reset(arena);
    all = pfs_arena_array(arena, (size_t)c->group, sizeof(*all));
    if (all == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < c->group; i++)
        all[i] = c->file[c->at + i]->entry;
    return pfs_data_open_joined(&c->chain.read, all, c->group, &c->open, err);
}

static int64_t chain_next(struct pfs_reader *self, struct pfs_arena *arena, struct pfs_batch *out, struct pfs_err *err)
{
    struct chain *c = (struct chain *)self;

    while (c->at < c->files) {
        int64_t rows = 0;

        if (c->open == NULL)
            PFS_TRY(open_group(c, err));
        if (c->open != NULL)
            rows = pfs_reader_next(c->open, arena, out, err);
        if (rows != 0)
            return rows;
        pfs_reader_close(c->open);
        c->open = NULL;
        c->at += c->group;
    }
    return 0;
}

static void chain_close(struct pfs_reader *self)
{
    struct chain *c = (struct chain *)self;

    pfs_reader_close(c->open);
    pfs_arena_done(&c->arena);
    pfs_free(c);
}

static const struct pfs_reader_ops chain_ops = {chain_next, chain_close};

int pfs_chain_open(const struct pfs_chain *chain, const struct pfs_plan_file *const *file, int32_t files,
                   struct pfs_reader **out, struct pfs_err *err)
{
    struct chain *c = pfs_zalloc(sizeof(*c));

    assert(files >= 0); /* none: what a diff has left out of a split */
    assert(chain->among == NULL || chain->key != NULL);
    assert(chain->among == NULL || !chain->joined);
    if (c == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a reader");
    *c = (struct chain){.reader = {&chain_ops}, .chain = *chain, .file = file, .files = files};
    pfs_arena_init(&c->arena, PFS_ARENA_LIMIT);
    *out = &c->reader;
    return 0;
}
