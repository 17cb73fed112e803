/* found.c - keys of level 0 joined with those of the levels over the output.
 *
 * Level by level: the keys of the level-0 files of a section ascend, and so do those of the level's files one after the
 * other. Each batch of the level is walked with each level-0 file's keys, the two in turn leaping to where the other
 * stands. Only key columns are read; the positions of equal keys are what was found.
 *
 * The level-0 files are opened anew for each level, for a follower does not go back; within a level they go on from
 * file to file. A file is read at all only when a key that is still to come may lie in it: most appends touch few
 * files of a large level. Rows that a deletion vector names count as not there. */
#include <assert.h>
#include <errno.h>

#include "base/limits.h"
#include "base/mem.h"
#include "src/file/deletions.h"
#include "src/lsm/internal.h"
#include "src/merge/expire.h"

/* ---- the search ---- */

struct search {
    const struct pfs_compactor *c;
    struct pfs_found *found;
    struct pfs_data_read read; /* of the key alone */
    struct pfs_data_read aged; /* of the key, and of the column that tells how old a row is, if there is one */
    int32_t *place;            /* of the key in those batches: 0, 1, ... */
    int32_t keys;
    struct pfs_follower *news; /* keys of the level-0 files; opened anew for each level */
    const struct pfs_plan_file **file;
    int32_t files;
    bool moves;                       /* they go on as they are */
    const struct pfs_bitmap *deleted; /* of the file that is walked */
    struct pfs_bitmap *rows;          /* found in it; NULL = none yet */
    struct pfs_arena arena;           /* of one batch */
};

/* Rows that are too old take no part in a merge, and nothing is found for them; in a file that moves they stay. */
static int open_news(struct search *s, struct pfs_err *err)
{
    for (int32_t i = 0; i < s->files; i++) {
        struct pfs_reader *in;

        pfs_follower_done(&s->news[i]);
        PFS_TRY(pfs_data_open(&s->aged, s->file[i]->entry, &in, err));
        if (!s->moves)
            PFS_TRY(pfs_expire_open(s->c->config.state->schema, s->aged.column, s->aged.columns, s->c->config.now_ms,
                                    in, &in, err));
        pfs_follower_init(&s->news[i], in);
    }
    return 0;
}

static bool overlaps(const struct pfs_plan_file *a, const struct pfs_plan_file *b)
{
    return pfs_keys_compare(&a->min, 0, &b->max, 0) <= 0 && pfs_keys_compare(&b->min, 0, &a->max, 0) <= 0;
}

/* May a key that is still to come lie in the file? */
static int may_hold(struct search *s, const struct pfs_plan_file *file, bool *out, struct pfs_err *err)
{
    *out = false;
    for (int32_t i = 0; i < s->files && !*out; i++) {
        struct pfs_follower *f = &s->news[i];
        int rc;

        if (!overlaps(s->file[i], file))
            continue;
        rc = pfs_follower_has(f, s->place, s->keys, &file->min, 0, err);
        if (rc < 0)
            return rc;
        *out = f->at < f->rows && pfs_keys_compare(&f->keys, f->at, &file->max, 0) <= 0;
    }
    return 0;
}

static int add_row(struct search *s, int64_t row, struct pfs_err *err)
{
    if (s->deleted != NULL && pfs_bitmap_has(s->deleted, (uint64_t)row))
        return 0;
    if (s->rows == NULL)
        PFS_TRY(pfs_bitmap_new(&s->rows, err));
    return pfs_bitmap_add(s->rows, (uint64_t)row, err);
}

/* Rows of the file from `first` on, whose keys these are, and one level-0 file. */
static int walk(struct search *s, const struct pfs_keys *keys, int64_t rows, int64_t first, struct pfs_follower *f,
                struct pfs_err *err)
{
    int64_t at = 0;

    while (at < rows) {
        int rc = pfs_follower_fill(f, s->place, s->keys, err);

        if (rc <= 0)
            return rc;
        assert(f->at < f->rows);
        f->at = pfs_keys_reach(&f->keys, f->at, f->rows, keys, at);
        if (f->at == f->rows)
            continue;
        at = pfs_keys_reach(keys, at, rows, &f->keys, f->at);
        if (at < rows && pfs_keys_compare(keys, at, &f->keys, f->at) == 0) {
            PFS_TRY(add_row(s, first + at, err));
            at++;
            f->at++;
        }
    }
    return 0;
}

static int walk_reader(struct search *s, struct pfs_reader *in, struct pfs_err *err)
{
    struct pfs_batch batch;
    struct pfs_keys keys;
    int64_t first = 0, rows;

    for (;;) {
        bool over = true;

        if (pfs_cancelled(s->c->config.cancel))
            return -ECANCELED;
        pfs_arena_reset(&s->arena);
        rows = pfs_reader_next(in, &s->arena, &batch, err);
        if (rows <= 0)
            return (int)rows;
        PFS_TRY(pfs_keys_of(&batch, s->place, s->keys, &s->arena, &keys, err));
        for (int32_t i = 0; i < s->files; i++) {
            PFS_TRY(walk(s, &keys, rows, first, &s->news[i], err));
            over &= s->news[i].reader == NULL && s->news[i].at == s->news[i].rows;
        }
        if (over)
            return 0;
        first += rows;
    }
}

/* There is room for every upper file, and each is searched once, in their order. */
static void keep_found(struct search *s, const struct pfs_plan_file *file)
{
    struct pfs_found *found = s->found;

    if (s->rows == NULL)
        return;
    assert(found->files < found->room);
    assert(found->files == 0 || found->file[found->files - 1].file < file);
    found->file[found->files++] = (struct pfs_found_file){file, s->rows};
    s->rows = NULL;
}

static int search_file(struct search *s, const struct pfs_plan_file *file, struct pfs_err *err)
{
    struct pfs_reader *in;
    int rc;

    assert(s->rows == NULL);
    s->deleted = NULL;
    if (s->c->deletions != NULL)
        PFS_TRY(pfs_deletions_of(s->c->deletions, file->entry, &s->deleted, err));
    PFS_TRY(pfs_data_open(&s->read, file->entry, &in, err));
    rc = walk_reader(s, in, err);
    pfs_reader_close(in);
    if (rc == 0)
        keep_found(s, file);
    return rc;
}

static int search_levels(struct search *s, const struct pfs_compact_job *job, struct pfs_err *err)
{
    int32_t level = -1;

    for (int32_t i = 0; i < job->uppers; i++) {
        const struct pfs_plan_file *file = &job->upper[i];
        bool may = false;

        assert(file->entry->file.level >= level);
        for (int32_t k = 0; k < s->files && !may; k++)
            may = overlaps(s->file[k], file);
        if (!may)
            continue;
        if (file->entry->file.level != level)
            PFS_TRY(open_news(s, err));
        level = file->entry->file.level;
        PFS_TRY(may_hold(s, file, &may, err));
        if (may)
            PFS_TRY(search_file(s, file, err));
    }
    return 0;
}

/* The columns of the news. */
static int choose_columns(struct search *s, struct pfs_arena *arena, struct pfs_err *err)
{
    const struct pfs_schema *schema = s->c->config.state->schema;
    int32_t *column = pfs_arena_array(arena, (size_t)schema->trimmed_keys + 1, sizeof(*column));
    int32_t time = -1;
    bool has = false;

    if (column == NULL)
        return pfs_arena_full(arena, err);
    if (!s->moves)
        PFS_TRY(pfs_expire_column(schema, &time, err));
    for (int32_t i = 0; i < schema->trimmed_keys; i++) {
        column[i] = schema->trimmed_key[i];
        has |= column[i] == time;
    }
    s->aged = s->read;
    s->aged.column = column;
    if (time >= 0 && !has)
        column[s->aged.columns++] = time;
    return 0;
}

static int begin(struct search *s, const struct pfs_compact_job *job, const struct pfs_section *section,
                 struct pfs_arena *arena, struct pfs_err *err)
{
    const struct pfs_schema *schema = s->c->config.state->schema;

    s->keys = schema->trimmed_keys;
    s->place = pfs_arena_array(arena, (size_t)s->keys, sizeof(*s->place));
    s->news = pfs_arena_array(arena, (size_t)section->files, sizeof(*s->news));
    s->file = pfs_arena_array(arena, (size_t)section->files, sizeof(*s->file));
    s->found->file = pfs_arena_array(arena, (size_t)job->uppers, sizeof(*s->found->file));
    if (s->place == NULL || s->news == NULL || s->file == NULL || s->found->file == NULL)
        return pfs_arena_full(arena, err);
    s->found->room = job->uppers;
    for (int32_t i = 0; i < s->keys; i++)
        s->place[i] = i;
    for (int32_t i = 0; i < section->files; i++)
        if (section->file[i].entry->file.level == 0)
            s->file[s->files++] = &section->file[i];
    return choose_columns(s, arena, err);
}

int pfs_found_search(const struct pfs_compactor *c, const struct pfs_data_read *read, const struct pfs_compact_job *job,
                     const struct pfs_section *section, bool moves, struct pfs_bitmap **mark, struct pfs_arena *arena,
                     struct pfs_found *out, struct pfs_err *err)
{
    struct search s = {.c = c, .found = out, .read = *read, .moves = moves};
    int rc;

    *out = (struct pfs_found){0};
    if (!c->finds || job->uppers == 0)
        return 0;
    s.read.key_value = false;
    s.read.columns = c->config.state->schema->trimmed_keys;
    s.read.column = c->config.state->schema->trimmed_key;
    pfs_arena_init(&s.arena, PFS_BATCH_BYTES_MAX);
    rc = begin(&s, job, section, arena, err);
    if (rc == 0 && s.files > 0)
        rc = search_levels(&s, job, err);
    for (int32_t i = 0; i < s.files; i++)
        pfs_follower_done(&s.news[i]);
    pfs_arena_done(&s.arena);
    pfs_bitmap_free(s.rows);
    for (int32_t i = 0; rc == 0 && mark != NULL && i < out->files; i++) {
        struct pfs_bitmap **m = &mark[out->file[i].file - job->upper];

        assert(out->file[i].file >= job->upper);
        assert(out->file[i].file < job->upper + job->uppers);
        if (*m == NULL)
            rc = pfs_bitmap_new(m, err);
        if (rc == 0)
            rc = pfs_bitmap_or(*m, out->file[i].rows, err);
    }
    if (rc < 0)
        pfs_found_done(out);
    return rc;
}

void pfs_found_done(struct pfs_found *found)
{
    for (int32_t i = 0; i < found->files; i++)
        pfs_bitmap_free(found->file[i].rows);
    *found = (struct pfs_found){0};
}
