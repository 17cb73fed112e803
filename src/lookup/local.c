/* local.c - the twins of data files: which are there, which are worth it, keys out of them.
 *
 *   SEEN ---- keys enough ----> MADE ---- all rows are there ----> READY
 *                                 `------ it cannot be made -----> REFUSED
 *
 * MADE has one owner, who alone touches what is being made and holds a reference on it; from READY on the twin is only
 * read. The list is by use, so that what goes first stands last; one with references stays whatever its age.
 */
#include "src/lookup/local.h"

#include <assert.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "format/frame.h"
#include "src/lookup/local_internal.h"

#define BYTES_DEFAULT ((uint64_t)1 << 30)
#define COUNT_MAX 4096 /* files that are known of */
#define KEY_COST 2500  /* rows that could be made over in the time that a key of a data file takes */
#define DENSE_ROWS 16  /* fewer rows for each key: the data file is read as fast */

/* ---- the list; lock held ---- */

/* What was made of it goes: the name alone stays. */
static void clear_local(struct pfs_local *l)
{
    pfs_file_close(l->file);
    pfs_buf_done(&l->keys);
    pfs_free(l->block);
    pfs_free(l->bloom);
    l->file = NULL;
    l->block = NULL;
    l->bloom = NULL;
}

static void free_local(struct pfs_local *l)
{
    assert(l->refs == 0);
    clear_local(l);
    pfs_free(l->name);
    pfs_free(l);
}

/* It comes to the front. */
static struct pfs_local *find(struct pfs_locals *c, const char *name, int64_t schema_id)
{
    struct pfs_local **at = &c->first, *found;

    while (*at != NULL && ((*at)->schema_id != schema_id || strcmp((*at)->name, name) != 0))
        at = &(*at)->next;
    found = *at;
    if (found == NULL)
        return NULL;
    *at = found->next;
    found->next = c->first;
    c->first = found;
    return found;
}

static struct pfs_local *add(struct pfs_locals *c, const char *name, int64_t schema_id)
{
    struct pfs_local *l = pfs_zalloc(sizeof(*l));

    if (l == NULL || (l->name = pfs_strdup(name)) == NULL) {
        pfs_free(l);
        return NULL;
    }
    l->schema_id = schema_id;
    l->next = c->first;
    c->first = l;
    c->count++;
    return l;
}

/* Those used longest ago go until the others fit: a list for free_local. */
static struct pfs_local *shrink(struct pfs_locals *c)
{
    struct pfs_local *gone = NULL;

    while (c->bytes > c->config.bytes_max || c->count > COUNT_MAX) {
        struct pfs_local **last = NULL, *l;

        for (struct pfs_local **at = &c->first; *at != NULL; at = &(*at)->next)
            if ((*at)->refs == 0 && ((*at)->bytes > 0 || c->count > COUNT_MAX))
                last = at;
        if (last == NULL)
            break;
        l = *last;
        *last = l->next;
        assert(c->bytes >= l->bytes);
        assert(c->count > 0);
        c->bytes -= l->bytes;
        c->count--;
        l->next = gone;
        gone = l;
    }
    return gone;
}

static void free_all(struct pfs_local *l)
{
    while (l != NULL) {
        struct pfs_local *next = l->next;

        free_local(l);
        l = next;
    }
}

static void unref(struct pfs_locals *c, struct pfs_local *l)
{
    struct pfs_local *gone;

    pthread_mutex_lock(&c->lock);
    assert(l->refs > 0);
    l->refs--;
    gone = shrink(c);
    pthread_mutex_unlock(&c->lock);
    free_all(gone); /* closing files may take its time: others need not wait for it */
}

/* ---- making ---- */

static void end_making(struct pfs_local_making *m, int rc)
{
    struct pfs_locals *c = pfs_local_makes_for(m);
    struct pfs_local *l = pfs_local_made(m), *gone;

    pfs_local_make_close(m);
    if (rc < 0)
        clear_local(l); /* MADE: nobody else looks at it */
    assert(rc <= 0);
    pthread_mutex_lock(&c->lock);
    assert(l->stage == PFS_LOCAL_MADE);
    assert(l->refs > 0 && c->making > 0);
    l->stage = rc == 0 ? PFS_LOCAL_READY : PFS_LOCAL_REFUSED;
    if (rc == 0)
        l->bytes = pfs_file_size(l->file) + l->bloom_bits / 8 + (uint64_t)l->room * sizeof(*l->block) + l->keys.cap;
    c->bytes += l->bytes;
    l->refs--;
    gone = shrink(c);
    c->making--;
    pthread_cond_broadcast(&c->idle);
    pthread_mutex_unlock(&c->lock);
    free_all(gone);
}

static bool is_closing(struct pfs_locals *c)
{
    bool closing;

    pthread_mutex_lock(&c->lock);
    closing = c->closing;
    pthread_mutex_unlock(&c->lock);
    return closing;
}

/* A batch a task, so that a large file does not keep a thread of the pool from lookups. Where no further task can be
 * had it is given up: it is worth no waiting. */
static void make_task(void *context)
{
    struct pfs_local_making *m = context;
    struct pfs_locals *c = pfs_local_makes_for(m);
    int rc = is_closing(c) ? -ECANCELED : pfs_local_make_step(m);

    if (rc > 0 && pfs_pool_submit(c->config.pool, false, make_task, m) == 0)
        return;
    end_making(m, rc > 0 ? -ENOMEM : rc);
}

/* `l` is MADE by the caller, who holds a reference and counts in `making`. */
static void make(struct pfs_locals *c, struct pfs_local *l, const struct pfs_data_read *read,
                 const struct pfs_manifest_entry *entry, bool now)
{
    struct pfs_local_making *m = pfs_local_make_open(c, l, read, entry);
    int rc = 1;

    if (m == NULL) {
        clear_local(l);
        pthread_mutex_lock(&c->lock);
        assert(l->stage == PFS_LOCAL_MADE && c->making > 0);
        l->stage = PFS_LOCAL_REFUSED;
        l->refs--;
        c->making--;
        pthread_cond_broadcast(&c->idle);
        pthread_mutex_unlock(&c->lock);
        return;
    }
    if (!now && c->config.pool != NULL && pfs_pool_submit(c->config.pool, false, make_task, m) == 0)
        return;
    while (rc > 0)
        rc = pfs_local_make_step(m);
    end_making(m, rc);
}

/* ---- keys out of a twin ---- */

struct blocks_reader {
    struct pfs_reader reader; /* first */
    struct pfs_locals *locals;
    struct pfs_local *local;
    const struct pfs_data_read *read;
    const struct pfs_type **type;
    const int64_t *block; /* those to be read */
    int64_t blocks, at;
    struct pfs_buf frame;
};

static int64_t blocks_next(struct pfs_reader *self, struct pfs_arena *arena, struct pfs_batch *out, struct pfs_err *err)
{
    struct blocks_reader *r = (struct blocks_reader *)self;
    const struct pfs_data_read *read = r->read;
    const struct pfs_local_block *b;
    struct pfs_column *column;
    struct pfs_batch all;
    size_t used;

    if (r->at == r->blocks)
        return 0;
    assert(r->block[r->at] < r->local->blocks);
    b = &r->local->block[r->block[r->at++]];
    pfs_buf_clear(&r->frame);
    if (pfs_buf_reserve(&r->frame, b->bytes) == NULL)
        return pfs_buf_check(&r->frame, err);
    if (pfs_file_pread(r->local->file, b->off, r->frame.at, b->bytes, err) < 0 ||
        pfs_frame_get(pfs_slice_of(r->frame.at, b->bytes), r->type, read->schema->columns + 2, arena, &all, &used,
                      err) < 0)
        return pfs_wrap(err, "the local lookup file of %s", r->local->name);
    column = pfs_arena_array(arena, (size_t)read->columns + 2, sizeof(*column));
    if (column == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < read->columns; i++)
        column[i] = all.column[read->column[i]];
    for (int32_t i = 0; i < 2; i++)
        column[read->columns + i] = all.column[read->schema->columns + i];
    *out = (struct pfs_batch){all.rows, read->columns + (read->key_value ? 2 : 0), column};
    return all.rows;
}

static void blocks_close(struct pfs_reader *self)
{
    struct blocks_reader *r = (struct blocks_reader *)self;

    unref(r->locals, r->local);
    pfs_buf_done(&r->frame);
    pfs_free(r);
}

static const struct pfs_reader_ops blocks_ops = {blocks_next, blocks_close};

/* A block's first key against a key. */
static int compare_first(const struct pfs_local *l, int64_t block, const struct pfs_keys *keys, int64_t row)
{
    const struct pfs_local_block *b = &l->block[block];
    const uint32_t offset[] = {0, b[1].key - b->key};
    const struct pfs_keys first = {
        .prefix = &b->prefix, .exact = l->exact, .offset = offset, .bytes = l->keys.at + b->key};

    return pfs_keys_compare(&first, 0, keys, row);
}

static bool may_have(const struct pfs_local *l, const struct pfs_keys *keys, int64_t row)
{
    uint64_t hash = pfs_local_hash(keys, row);
    bool may = true;

    for (int i = 0; i < PFS_LOCAL_PROBES && may; i++)
        may = pfs_local_bit(l, hash, i);
    return may;
}

/* The blocks that may hold one of the keys, ascending, and their rows. */
static int choose_blocks(const struct pfs_local *l, const struct pfs_among *among, struct pfs_arena *arena,
                         int64_t **block, int64_t *blocks, struct pfs_row_range **range, struct pfs_err *err)
{
    int64_t n = 0;

    assert(among->count > 0);
    assert(among->low.exact == l->exact || l->blocks == 0); /* both are the table's key */
    *block = pfs_arena_array(arena, (size_t)among->count, sizeof(**block));
    *range = pfs_arena_array(arena, (size_t)among->count, sizeof(**range));
    if (*block == NULL || *range == NULL)
        return pfs_arena_full(arena, err);
    for (int64_t i = 0; i < among->count; i++) {
        int64_t low = 0, high = l->blocks;

        if (!may_have(l, &among->low, i))
            continue;
        while (low < high) {
            int64_t middle = low + (high - low) / 2;

            if (compare_first(l, middle, &among->low, i) <= 0)
                low = middle + 1;
            else
                high = middle;
        }
        assert(n == 0 || low == 0 || low - 1 >= (*block)[n - 1]); /* keys ascend, and so do their blocks */
        if (low == 0 || (n > 0 && (*block)[n - 1] == low - 1))
            continue;
        (*block)[n] = low - 1;
        (*range)[n++] = (struct pfs_row_range){l->block[low - 1].row, low < l->blocks ? l->block[low].row : INT64_MAX};
    }
    *blocks = n;
    return 0;
}

static int open_blocks(struct pfs_locals *c, struct pfs_local *l, const struct pfs_among *among,
                       const struct pfs_data_read *read, struct pfs_arena *arena, const struct pfs_row_range **range,
                       int32_t *ranges, struct pfs_reader **out, struct pfs_err *err)
{
    struct pfs_row_range *rows;
    struct blocks_reader *r;
    int64_t *block, blocks;

    PFS_TRY(choose_blocks(l, among, arena, &block, &blocks, &rows, err));
    *range = rows;
    *ranges = (int32_t)blocks;
    if (blocks == 0) {
        unref(c, l);
        return 1;
    }
    r = pfs_zalloc(sizeof(*r));
    if (r == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a reader");
    *r = (struct blocks_reader){.reader = {&blocks_ops},
                                .locals = c,
                                .local = l,
                                .read = read,
                                .type = pfs_local_types(read->schema, arena),
                                .block = block,
                                .blocks = blocks};
    pfs_buf_init(&r->frame, PFS_BATCH_BYTES_MAX);
    if (r->type == NULL) {
        pfs_free(r);
        return pfs_arena_full(arena, err);
    }
    *out = &r->reader;
    return 1;
}

/* Lock held: what is known of the file, with a reference, after these keys. *makes: the caller is to make its twin. */
static struct pfs_local *meet(struct pfs_locals *c, const char *name, const struct pfs_data_read *read, int64_t cost,
                              int64_t rows, bool *makes)
{
    struct pfs_local *l = find(c, name, read->schema->id);

    *makes = false;
    if (l == NULL)
        l = add(c, name, read->schema->id);
    if (l == NULL)
        return NULL;
    l->refs++;
    assert(l->refs > 0);
    if (l->stage != PFS_LOCAL_SEEN)
        return l;
    l->cost += cost < rows ? cost : rows;
    if (l->cost < rows || c->closing)
        return l;
    l->stage = PFS_LOCAL_MADE;
    l->refs++;
    c->making++;
    *makes = true;
    return l;
}

static int open_local(void *self, const struct pfs_among *among, const struct pfs_data_read *read,
                      const struct pfs_manifest_entry *entry, struct pfs_arena *arena,
                      const struct pfs_row_range **range, int32_t *ranges, struct pfs_reader **out, struct pfs_err *err)
{
    struct pfs_locals *c = self;
    int64_t rows = entry->file.rows;
    enum pfs_local_stage stage = PFS_LOCAL_REFUSED;
    struct pfs_local *l;
    const char *name;
    bool makes;
    int rc;

    if (!pfs_among_is_keys(among) || entry->file.external_path != NULL || read->row_ids ||
        among->count > rows / DENSE_ROWS + 1)
        return 0;
    PFS_TRY(pfs_data_path(read->table, read->schema, entry, arena, &name, err));
    pthread_mutex_lock(&c->lock);
    l = meet(c, name, read, among->count * KEY_COST, rows, &makes);
    pthread_mutex_unlock(&c->lock);
    if (l == NULL)
        return 0;
    if (makes)
        make(c, l, read, entry, false);
    pthread_mutex_lock(&c->lock);
    stage = l->stage;
    pthread_mutex_unlock(&c->lock);
    if (stage != PFS_LOCAL_READY) {
        unref(c, l);
        return 0;
    }
    rc = open_blocks(c, l, among, read, arena, range, ranges, out, err);
    if (rc < 0)
        unref(c, l);
    return rc;
}

/* ---- the door ---- */

int pfs_locals_open(const struct pfs_locals_config *config, struct pfs_locals **out, struct pfs_err *err)
{
    struct pfs_locals *c = pfs_zalloc(sizeof(*c));

    if (c == NULL || (config->dir != NULL && (c->dir = pfs_strdup(config->dir)) == NULL)) {
        pfs_free(c);
        return pfs_fail(err, ENOMEM, "no memory for local lookup files");
    }
    c->config = *config;
    if (c->config.bytes_max == 0)
        c->config.bytes_max = BYTES_DEFAULT;
    c->files = (struct pfs_among_files){open_local, c};
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->idle, NULL);
    *out = c;
    return 0;
}

void pfs_locals_close(struct pfs_locals *locals)
{
    if (locals == NULL)
        return;
    pthread_mutex_lock(&locals->lock);
    locals->closing = true;
    while (locals->making > 0)
        pthread_cond_wait(&locals->idle, &locals->lock);
    pthread_mutex_unlock(&locals->lock);
    assert(locals->making == 0);
    free_all(locals->first);
    pthread_cond_destroy(&locals->idle);
    pthread_mutex_destroy(&locals->lock);
    pfs_free(locals->dir);
    pfs_free(locals);
}

const struct pfs_among_files *pfs_locals_files(struct pfs_locals *locals)
{
    return locals != NULL ? &locals->files : NULL;
}

void pfs_locals_fill(struct pfs_locals *locals, const struct pfs_data_read *read,
                     const struct pfs_manifest_entry *entry)
{
    struct pfs_local *l = NULL;
    struct pfs_arena arena;
    const char *name;
    bool makes = false;

    if (entry->file.external_path != NULL)
        return;
    pfs_arena_init(&arena, 0);
    if (pfs_data_path(read->table, read->schema, entry, &arena, &name, NULL) == 0) {
        pthread_mutex_lock(&locals->lock);
        l = meet(locals, name, read, INT64_MAX, entry->file.rows, &makes);
        pthread_mutex_unlock(&locals->lock);
    }
    pfs_arena_done(&arena);
    if (makes)
        make(locals, l, read, entry, true);
    if (l != NULL)
        unref(locals, l);
}

void pfs_locals_count(struct pfs_locals *locals, int64_t *files, uint64_t *bytes)
{
    pthread_mutex_lock(&locals->lock);
    *files = 0;
    for (const struct pfs_local *l = locals->first; l != NULL; l = l->next)
        *files += l->stage == PFS_LOCAL_READY;
    *bytes = locals->bytes;
    pthread_mutex_unlock(&locals->lock);
}
