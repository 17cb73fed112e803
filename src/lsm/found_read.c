/* found_read.c - the rows that were found above the output: as runs of a merge, and as keys that are not new.
 *
 * Files of one level are one run, read one after the other. Of a file ranges are read that hold what was found, those
 * that lie close together as one: pages are decoded whole in any case, and many small ranges cost more than the rows
 * between them. The rows between are left out afterwards as if a deletion vector named them. */
#include <assert.h>
#include <errno.h>

#include "base/limits.h"
#include "base/mem.h"
#include "format/sieve.h"
#include "src/file/deletions.h"
#include "src/lsm/internal.h"

#define GAP_ROWS 512 /* found rows that lie closer together are read in one go */
#define WALK 1024    /* positions looked at a time */

struct found_reader {
    struct pfs_reader reader; /* first */
    struct pfs_data_read read;
    const struct pfs_found_file *file;
    int32_t files, at;
    struct pfs_reader *open;  /* NULL = not opened yet */
    struct pfs_bitmap *other; /* rows of the open one's ranges that were not found */
    struct pfs_arena arena;   /* its ranges */
};

static int add_range(struct found_reader *r, struct pfs_row_range **range, int32_t *ranges, int32_t *room,
                     uint64_t from, struct pfs_err *err)
{
    struct pfs_row_range *grown;

    assert(*ranges <= *room);
    assert(*ranges == 0 || from >= (uint64_t)(*range)[*ranges - 1].to);
    if (*ranges > 0 && from - (uint64_t)(*range)[*ranges - 1].to < GAP_ROWS) {
        (*range)[*ranges - 1].to = (int64_t)from + 1;
        return 0;
    }
    if (*ranges == *room) {
        *room = *room * 2 + 16;
        grown = pfs_arena_array(&r->arena, (size_t)*room, sizeof(*grown));
        if (grown == NULL)
            return pfs_arena_full(&r->arena, err);
        for (int32_t i = 0; i < *ranges; i++)
            grown[i] = (*range)[i];
        *range = grown;
    }
    (*range)[(*ranges)++] = (struct pfs_row_range){(int64_t)from, (int64_t)from + 1};
    return 0;
}

/* The ranges to read, and what of them was not found. */
static int choose_ranges(struct found_reader *r, const struct pfs_bitmap *rows, struct pfs_err *err)
{
    struct pfs_row_range *range = NULL;
    int32_t ranges = 0, room = 0;
    uint64_t value[WALK], from = 0;
    int64_t count;

    pfs_arena_reset(&r->arena);
    while ((count = pfs_bitmap_values(rows, from, UINT64_MAX, value, WALK)) > 0) {
        for (int64_t i = 0; i < count; i++)
            PFS_TRY(add_range(r, &range, &ranges, &room, value[i], err));
        from = value[count - 1] + 1;
    }
    pfs_bitmap_free(r->other);
    r->other = NULL;
    PFS_TRY(pfs_bitmap_new(&r->other, err));
    for (int32_t i = 0; i < ranges; i++)
        PFS_TRY(pfs_bitmap_add_range(r->other, (uint64_t)range[i].from, (uint64_t)range[i].to, err));
    r->read.range = range;
    r->read.ranges = ranges;
    return pfs_bitmap_andnot(r->other, rows, err);
}

static int open_found(struct found_reader *r, struct pfs_err *err)
{
    const struct pfs_found_file *f = &r->file[r->at];
    struct pfs_reader *in;

    assert(r->open == NULL);
    assert(r->at < r->files);
    PFS_TRY(choose_ranges(r, f->rows, err));
    PFS_TRY(pfs_data_open(&r->read, f->file->entry, &in, err));
    return pfs_deletions_apply(in, r->other, r->read.range, r->read.ranges, &r->open, err);
}

static int64_t found_next(struct pfs_reader *self, struct pfs_arena *arena, struct pfs_batch *out, struct pfs_err *err)
{
    struct found_reader *r = (struct found_reader *)self;

    while (r->at < r->files) {
        int64_t rows;

        if (r->open == NULL)
            PFS_TRY(open_found(r, err));
        rows = pfs_reader_next(r->open, arena, out, err);
        if (rows != 0)
            return rows;
        pfs_reader_close(r->open);
        r->open = NULL;
        r->at++;
    }
    return 0;
}

static void found_close(struct pfs_reader *self)
{
    struct found_reader *r = (struct found_reader *)self;

    pfs_reader_close(r->open);
    pfs_bitmap_free(r->other);
    pfs_arena_done(&r->arena);
    pfs_free(r);
}

static const struct pfs_reader_ops found_ops = {found_next, found_close};

static struct pfs_reader *open_level(const struct pfs_data_read *read, const struct pfs_found_file *file, int32_t files)
{
    struct found_reader *r = pfs_zalloc(sizeof(*r));

    if (r == NULL)
        return NULL;
    *r = (struct found_reader){.reader = {&found_ops}, .read = *read, .file = file, .files = files};
    pfs_arena_init(&r->arena, PFS_ARENA_LIMIT);
    return &r->reader;
}

int pfs_found_open(const struct pfs_found *found, const struct pfs_data_read *read, struct pfs_arena *arena,
                   struct pfs_section_read *into, struct pfs_err *err)
{
    struct pfs_reader **reader = pfs_arena_array(arena, (size_t)found->files, sizeof(struct pfs_reader *));
    int32_t *level = pfs_arena_array(arena, (size_t)found->files, sizeof(*level)), count = 0, to;

    assert(into->extras == 0);
    if (reader == NULL || level == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t from = 0; from < found->files; from = to) {
        for (to = from + 1;
             to < found->files && found->file[to].file->entry->file.level == found->file[from].file->entry->file.level;)
            to++;
        level[count] = found->file[from].file->entry->file.level;
        assert(count == 0 || level[count] > level[count - 1]);
        reader[count] = open_level(read, &found->file[from], to - from);
        if (reader[count++] == NULL) {
            while (--count > 0)
                pfs_reader_close(reader[count - 1]);
            return pfs_fail(err, ENOMEM, "no memory for records of higher levels");
        }
    }
    into->extras = count;
    into->extra = reader;
    into->extra_level = level;
    return 0;
}

/* ---- first-row: keys that are there already ---- */

/* The merged rows ascend by key, and so do those of each level: one follower a level answers for all of them. */

struct known {
    const struct pfs_schema *schema;
    int32_t *place; /* of the key in batches of the key alone: 0, 1, ... */
    struct pfs_follower *level;
    int32_t levels;
};

static void known_close(void *self)
{
    struct known *k = self;

    for (int32_t i = 0; i < k->levels; i++)
        pfs_follower_done(&k->level[i]);
    pfs_free(k);
}

static int64_t known_select(void *self, const struct pfs_batch *batch, struct pfs_arena *arena, int32_t *kept,
                            struct pfs_err *err)
{
    struct known *k = self;
    struct pfs_keys keys;
    int64_t rows = 0;

    PFS_TRY(pfs_keys_of(batch, k->schema->trimmed_key, k->schema->trimmed_keys, arena, &keys, err));
    for (int32_t row = 0; row < batch->rows; row++) {
        int has = 0;

        for (int32_t i = 0; i < k->levels && has == 0; i++)
            has = pfs_follower_has(&k->level[i], k->place, k->schema->trimmed_keys, &keys, row, err);
        if (has < 0)
            return has;
        if (has == 0)
            kept[rows++] = row;
    }
    return rows;
}

static const struct pfs_sieve_ops known_ops = {known_select, known_close};

int pfs_found_leave_out(const struct pfs_found *found, const struct pfs_data_read *read, struct pfs_arena *arena,
                        struct pfs_reader *in, struct pfs_reader **out, struct pfs_err *err)
{
    const struct pfs_schema *schema = read->schema;
    struct pfs_data_read keys = *read;
    struct pfs_section_read runs = {0};
    struct known *k = pfs_zalloc(sizeof(*k));
    int rc = 0;

    assert(found->files > 0);
    if (k == NULL) {
        pfs_reader_close(in);
        return pfs_fail(err, ENOMEM, "no memory for a reader");
    }
    keys.key_value = false;
    keys.columns = schema->trimmed_keys;
    keys.column = schema->trimmed_key;
    k->schema = schema;
    k->place = pfs_arena_array(arena, (size_t)schema->trimmed_keys, sizeof(*k->place));
    k->level = pfs_arena_array(arena, (size_t)found->files, sizeof(*k->level));
    if (k->place == NULL || k->level == NULL)
        rc = pfs_arena_full(arena, err);
    if (rc == 0)
        rc = pfs_found_open(found, &keys, arena, &runs, err);
    if (rc < 0) {
        known_close(k);
        pfs_reader_close(in);
        return rc;
    }
    for (int32_t i = 0; i < schema->trimmed_keys; i++)
        k->place[i] = i;
    for (; k->levels < runs.extras; k->levels++)
        pfs_follower_init(&k->level[k->levels], runs.extra[k->levels]);
    assert(k->levels > 0);
    return pfs_sieve_open(in, &known_ops, k, -1, out, err);
}
