#include "format/parquet/ahead.h"

#include "base/mem.h"

struct pfs_pq_ahead {
    struct pfs_pq_source source;
};

int pfs_pq_ahead_open(const struct pfs_pq_source *source, struct pfs_pool *pool, struct pfs_pq_ahead **out,
                      struct pfs_err *err)
{
    struct pfs_pq_ahead *ahead = pfs_zalloc(sizeof(*ahead));

    (void)pool;
    if (ahead == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a column");
    ahead->source = *source;
    *out = ahead;
    return 0;
}

void pfs_pq_ahead_close(struct pfs_pq_ahead *ahead)
{
    if (ahead == NULL)
        return;
    pfs_pq_source_done(&ahead->source);
    pfs_free(ahead);
}

int pfs_pq_ahead_next(struct pfs_pq_ahead *ahead, struct pfs_pq_page *page, struct pfs_err *err)
{
    return pfs_pq_source_next(&ahead->source, page, err);
}
