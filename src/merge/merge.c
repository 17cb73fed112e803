/* merge.c - sorted runs merged by a loser tree.
 *
 * Each run holds one batch and the keys of its rows. The tree's inner nodes hold the losers, its root the winner; the
 * runner-up is the best of the losers on the winner's path. Rows of the winner below the runner-up's key go out as one
 * stretch, found by doubling steps, so that runs that hardly overlap cost next to nothing a row. Equal keys form a
 * group for the engine.
 *
 * A batch of answers ends when it is large enough or a run's batch is used up: the rows are then copied out, and the
 * run is filled again at the next call. So one arena a run is enough. When one run is left it is handed through.
 */
#include "src/merge/merge.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "src/merge/assembly.h"
#include "src/merge/internal.h"

struct run {
    struct pfs_reader *reader;
    struct pfs_arena arena;
    struct pfs_batch batch;
    struct pfs_keys keys;
    int64_t at; /* next row; = batch.rows: used up */
    bool ended;
    uint64_t last_prefix; /* of the batch before, to see that keys ascend */
    struct pfs_buf last;
    bool has_last;
};

struct merge {
    struct pfs_reader reader; /* first */
    struct pfs_merge config;
    int32_t *key;
    int32_t columns; /* of the batches: the engine's and two */
    int32_t runs;
    struct run *run;
    int32_t *level; /* of each run; NULL when records of all levels count */
    uint64_t *head; /* prefix of each run's next key, side by side; the greatest number where there is none */
    int32_t *loser; /* [0] the winner, [1..runs-1] losers */
    struct pfs_assembly assembly;
};

/* ---- runs ---- */

static struct pfs_slice key_bytes(const struct pfs_keys *k, int64_t row)
{
    return pfs_slice_of(k->bytes + k->offset[row], k->offset[row + 1] - k->offset[row]);
}

static int not_ascending(struct pfs_err *err)
{
    return pfs_fail(err, EIO, "the keys of a sorted run do not ascend: its file is damaged");
}

/* Keys must ascend strictly: inside the batch, and from the batch before. */
static int check_order(struct run *r, struct pfs_err *err)
{
    const struct pfs_keys *k = &r->keys;
    int64_t last = r->batch.rows - 1;
    bool bad = false;

    assert(r->batch.rows > 0);
    if (k->exact) {
        for (int64_t i = 1; i < r->batch.rows; i++)
            bad |= k->prefix[i] <= k->prefix[i - 1];
    } else {
        for (int64_t i = 1; i < r->batch.rows && !bad; i++)
            bad = pfs_keys_compare(k, i, k, i - 1) <= 0;
    }
    if (r->has_last && !bad) {
        bad = k->prefix[0] < r->last_prefix || (k->exact && k->prefix[0] == r->last_prefix);
        if (!bad && !k->exact && k->prefix[0] == r->last_prefix)
            bad = pfs_slice_compare(key_bytes(k, 0), pfs_buf_slice(&r->last)) <= 0;
    }
    if (bad)
        return not_ascending(err);
    r->has_last = true;
    r->last_prefix = k->prefix[last];
    if (!k->exact) {
        struct pfs_slice bytes = key_bytes(k, last);

        pfs_buf_clear(&r->last);
        pfs_buf_put(&r->last, bytes.at, bytes.len);
        return pfs_buf_check(&r->last, err);
    }
    return 0;
}

static int fill(struct merge *m, struct run *r, struct pfs_err *err)
{
    int64_t rows;

    assert(r->at == r->batch.rows); /* every row was handed out: the batch may go */
    pfs_arena_reset(&r->arena);
    r->batch.rows = r->at = 0;
    rows = pfs_reader_next(r->reader, &r->arena, &r->batch, err);
    if (rows < 0)
        return (int)rows;
    if (rows == 0) {
        r->batch.rows = 0;
        r->ended = true;
        return 0;
    }
    assert(r->batch.columns == m->columns);
    PFS_TRY(pfs_keys_of(&r->batch, m->key, m->config.keys, &r->arena, &r->keys, err));
    return check_order(r, err);
}

/* ---- the tree ---- */

/* Says of a run what its next key is; `ended`: it has none, for now. */
static void set_head(struct merge *m, int32_t run)
{
    struct run *r = &m->run[run];

    assert(r->at <= r->batch.rows);
    r->ended = r->at == r->batch.rows;
    m->head[run] = r->ended ? UINT64_MAX : r->keys.prefix[r->at];
}

/* Equal prefixes: by the rest of the key; ended runs come last; of equal keys the lower number first, so that ties are
 * settled. */
static bool before_in_tie(const struct merge *m, int32_t a, int32_t b)
{
    const struct run *x = &m->run[a], *y = &m->run[b];
    int order;

    if (x->ended || y->ended)
        return !x->ended && (y->ended || a < b);
    if (x->keys.exact)
        return a < b;
    order = pfs_keys_compare(&x->keys, x->at, &y->keys, y->at);
    return order != 0 ? order < 0 : a < b;
}

/* Does run a come before run b? */
static inline bool before(const struct merge *m, int32_t a, int32_t b)
{
    return m->head[a] != m->head[b] ? m->head[a] < m->head[b] : before_in_tie(m, a, b);
}

/* Plays the run from its leaf up to the root. */
static void replay(struct merge *m, int32_t run)
{
    for (int32_t node = (run + m->runs) / 2; node > 0; node /= 2)
        if (before(m, m->loser[node], run)) {
            int32_t winner = m->loser[node];

            m->loser[node] = run;
            run = winner;
        }
    m->loser[0] = run;
}

/* The winner below a node; losers stay behind on the way. */
static int32_t play(struct merge *m, int32_t node)
{
    int32_t left, right;

    if (node >= m->runs)
        return node - m->runs;
    left = play(m, 2 * node);
    right = play(m, 2 * node + 1);
    if (before(m, left, right)) {
        m->loser[node] = right;
        return left;
    }
    m->loser[node] = left;
    return right;
}

/* The best of the others: among the losers on the winner's path; -1 when all others have ended. */
static int32_t runner_up(const struct merge *m, int32_t winner)
{
    int32_t best = -1;

    for (int32_t node = (winner + m->runs) / 2; node > 0; node /= 2)
        if (!m->run[m->loser[node]].ended && (best < 0 || before(m, m->loser[node], best)))
            best = m->loser[node];
    return best;
}

/* ---- stretches ---- */

/* Rows of the winner from its place on whose keys are below the other's: at least 0. */
static int64_t rows_below(const struct run *w, const struct run *other)
{
    int64_t low = w->at, high = w->at, step = 1, rows = w->batch.rows;

    assert(!other->ended);
    /* Invariant: rows before low are below; row high, if there is one, is not known or not below. */
    while (high < rows && pfs_keys_compare(&w->keys, high, &other->keys, other->at) < 0) {
        low = high + 1;
        high += step;
        step *= 2;
    }
    high = high < rows ? high : rows;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;

        if (pfs_keys_compare(&w->keys, middle, &other->keys, other->at) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low - w->at;
}

/* Of the records of the last group, leaves out those of a level above the lowest that is not 0. */
static void drop_higher_levels(struct merge *m)
{
    struct pfs_assembly *a = &m->assembly;
    int64_t from, kept;
    int32_t lowest = INT32_MAX;

    if (a->full)
        return;
    from = kept = a->start[a->groups - 1];
    for (int64_t i = from; i < a->records; i++) {
        int32_t level = m->level[a->record[i].source];

        lowest = level > 0 && level < lowest ? level : lowest;
    }
    for (int64_t i = from; i < a->records; i++)
        if (m->level[a->record[i].source] <= lowest)
            a->record[kept++] = a->record[i];
    assert(kept > from); /* the lowest level itself stays */
    pfs_assembly_cut(a, kept - from);
}

/* Takes the record of every run whose key equals the winner's. True when a run is used up. */
static bool take_group(struct merge *m)
{
    int32_t first = m->loser[0];
    struct run *w = &m->run[first];
    int64_t row = w->at;
    bool used_up = false;

    assert(!w->ended);
    pfs_assembly_group(&m->assembly);
    for (;;) {
        int32_t winner = m->loser[0];
        struct run *r = &m->run[winner];

        if (r->ended || (winner != first && pfs_keys_compare(&r->keys, r->at, &w->keys, row) != 0) ||
            (winner == first && r->at != row))
            break;
        pfs_assembly_record(&m->assembly, winner, (int32_t)r->at);
        r->at++;
        set_head(m, winner); /* ended until it is filled again: its old batch is still read here */
        used_up |= r->ended;
        replay(m, winner);
    }
    if (m->level != NULL)
        drop_higher_levels(m);
    return used_up;
}

/* Moves rows to the assembly until it is large enough or a run is used up. */
static void collect(struct merge *m)
{
    bool used_up = false;

    while (!used_up && m->assembly.rows < PFS_BATCH_ROWS) {
        int32_t winner = m->loser[0], other;
        struct run *w = &m->run[winner];
        int64_t rows, room = PFS_BATCH_ROWS - m->assembly.rows;

        if (w->ended)
            return;
        other = runner_up(m, winner);
        if (m->config.alone)
            rows = 0;
        else if (other < 0)
            rows = w->batch.rows - w->at;
        else
            rows = w->keys.exact && m->head[winner] == m->head[other] ? 0 : rows_below(w, &m->run[other]);
        if (rows == 0) {
            used_up = take_group(m);
            continue;
        }
        rows = rows < room ? rows : room;
        pfs_assembly_stretch(&m->assembly, winner, (int32_t)w->at, (int32_t)rows);
        w->at += rows;
        set_head(m, winner);
        used_up = w->ended;
        replay(m, winner);
    }
}

/* ---- the reader ---- */

static int32_t alive(const struct merge *m, int32_t *last)
{
    int32_t count = 0;

    for (int32_t i = 0; i < m->runs; i++)
        if (m->run[i].reader != NULL) {
            count++;
            *last = i;
        }
    return count;
}

static void close_run(struct run *r)
{
    pfs_reader_close(r->reader);
    r->reader = NULL;
    pfs_buf_done(&r->last);
    pfs_arena_done(&r->arena);
}

/* Fills the runs whose batches are used up, and forgets those at their end. */
static int refill(struct merge *m, struct pfs_err *err)
{
    for (int32_t i = 0; i < m->runs; i++) {
        struct run *r = &m->run[i];

        if (r->reader == NULL || r->at < r->batch.rows)
            continue;
        r->ended = false;
        PFS_TRY(fill(m, r, err));
        if (r->ended)
            close_run(r);
    }
    return 0;
}

/* The tree is played anew at each call: runs were filled meanwhile, and a call is worth thousands of rows. */
static int64_t merge_next(struct pfs_reader *self, struct pfs_arena *arena, struct pfs_batch *out, struct pfs_err *err)
{
    struct merge *m = (struct merge *)self;
    const struct pfs_batch **source;
    int32_t last = 0, count;

    if (pfs_cancelled(m->config.cancel))
        return -ECANCELED;
    count = alive(m, &last);
    if (count == 1 && !m->config.alone && m->run[last].at == m->run[last].batch.rows)
        return pfs_reader_next(m->run[last].reader, arena, out, err);
    PFS_TRY(refill(m, err));
    if (alive(m, &last) == 0)
        return 0;
    for (int32_t i = 0; i < m->runs; i++)
        set_head(m, i);
    m->loser[0] = m->runs == 1 ? 0 : play(m, 1);
    pfs_assembly_clear(&m->assembly);
    collect(m);
    source = pfs_arena_array(arena, (size_t)m->runs, sizeof(*source));
    if (source == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < m->runs; i++)
        source[i] = &m->run[i].batch;
    PFS_TRY(pfs_assembly_build(&m->assembly, m->config.engine, m->columns, source, m->runs, false, arena, out, err));
    assert(out->rows > 0); /* some run is alive, and was filled */
    return out->rows;
}

static void merge_close(struct pfs_reader *self)
{
    struct merge *m = (struct merge *)self;

    for (int32_t i = 0; i < m->runs; i++)
        close_run(&m->run[i]);
    pfs_assembly_done(&m->assembly);
    pfs_free(m->run);
    pfs_free(m->loser);
    pfs_free(m->head);
    pfs_free(m->level);
    pfs_free(m->key);
    pfs_free(m);
}

static const struct pfs_reader_ops merge_ops = {merge_next, merge_close};

/* Where the newest record alone decides, and where the oldest does, levels make no difference. */
static bool minds_levels(const struct pfs_merge *merge)
{
    const struct pfs_schema *schema = merge->engine->schema;
    bool newest = schema->engine == PFS_DEDUPLICATE && merge->engine->sequence_fields == 0;

    return merge->level != NULL && schema->lookup_mode && !newest && schema->engine != PFS_FIRST_ROW;
}

int pfs_merge_open(const struct pfs_merge *merge, struct pfs_reader **runs, int32_t count, struct pfs_reader **out,
                   struct pfs_err *err)
{
    struct merge *m = pfs_zalloc(sizeof(*m));

    assert(count >= 0); /* of none an empty stream */
    assert(merge->engine != NULL);
    assert(merge->keys > 0);
    if (m != NULL) {
        m->key = pfs_alloc_array((size_t)merge->keys, sizeof(*m->key));
        m->run = pfs_alloc_array((size_t)count, sizeof(*m->run));
        m->head = pfs_alloc_array((size_t)count, sizeof(*m->head));
        m->loser = pfs_alloc_array((size_t)count, sizeof(*m->loser));
        m->level = minds_levels(merge) ? pfs_alloc_array((size_t)count, sizeof(*m->level)) : NULL;
    }
    if (m == NULL || m->key == NULL || m->run == NULL || m->head == NULL || m->loser == NULL ||
        (m->level == NULL && minds_levels(merge))) {
        for (int32_t i = 0; i < count; i++)
            pfs_reader_close(runs[i]);
        if (m != NULL)
            merge_close(&m->reader);
        return pfs_fail(err, ENOMEM, "no memory to merge %d runs", count);
    }
    m->reader.ops = &merge_ops;
    m->config = *merge;
    memcpy(m->key, merge->key, (size_t)merge->keys * sizeof(*m->key));
    if (m->level != NULL)
        memcpy(m->level, merge->level, (size_t)count * sizeof(*m->level));
    m->columns = merge->engine->columns + 2;
    m->assembly.alone = merge->alone;
    m->runs = count;
    for (int32_t i = 0; i < count; i++) {
        m->run[i].reader = runs[i];
        pfs_arena_init(&m->run[i].arena, PFS_BATCH_BYTES_MAX);
    }
    *out = &m->reader;
    return 0;
}
