#include "src/scan/chain.h"

#include "base/mem.h"

struct chain {
    struct pfs_reader reader; /* first */
    struct pfs_chain chain;
    struct pfs_plan_file *const *file;
    int32_t files, at;
    struct pfs_reader *open; /* of file[at]; NULL = not opened yet */
};

static int open_file(const struct pfs_chain *c, const struct pfs_manifest_entry *entry, struct pfs_reader **out,
                     struct pfs_err *err)
{
    const struct pfs_bitmap *deleted = NULL;

    if (c->deletions != NULL)
        PFS_TRY(pfs_deletions_of(c->deletions, entry, &deleted, err));
    PFS_TRY(pfs_data_open(&c->read, entry, out, err));
    return deleted == NULL ? 0 : pfs_deletions_apply(*out, deleted, NULL, 0, out, err);
}

static int64_t chain_next(struct pfs_reader *self, struct pfs_arena *arena, struct pfs_batch *out, struct pfs_err *err)
{
    struct chain *c = (struct chain *)self;

    while (c->at < c->files) {
        int64_t rows;

        if (c->open == NULL)
            PFS_TRY(open_file(&c->chain, c->file[c->at]->entry, &c->open, err));
        rows = pfs_reader_next(c->open, arena, out, err);
        if (rows != 0)
            return rows;
        pfs_reader_close(c->open);
        c->open = NULL;
        c->at++;
    }
    return 0;
}

static void chain_close(struct pfs_reader *self)
{
    struct chain *c = (struct chain *)self;

    pfs_reader_close(c->open);
    pfs_free(c);
}

static const struct pfs_reader_ops chain_ops = {chain_next, chain_close};

int pfs_chain_open(const struct pfs_chain *chain, struct pfs_plan_file *const *file, int32_t files,
                   struct pfs_reader **out, struct pfs_err *err)
{
    struct chain *c = pfs_zalloc(sizeof(*c));

    if (c == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a reader");
    *c = (struct chain){.reader = {&chain_ops}, .chain = *chain, .file = file, .files = files};
    *out = &c->reader;
    return 0;
}
