/* join.c - columns of the same rows from several files, put side by side (data evolution, spec datafiles 9).
 *
 *   row ids   0        4        9
 *   file a    id v r ------------       written first
 *   file b       v --------------       v was updated: the newer file has it
 *   blobs          p ----- p ----       one column, its rows in several files one after the other
 *
 * Each file that is the newest for some wanted column is read with those columns; the batches of all are cut to equal
 * lengths and copied together. Nothing is looked up by row id: files of a group begin at the same row and are as long.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "src/file/file.h"

struct source { /* one file, or several one after the other */
    const struct pfs_manifest_entry **entry;
    int32_t entries, at; /* entry[at] is open, or next */
    struct pfs_data_read read;
    int32_t *column; /* of read */
    int32_t *place;  /* of each of its columns in the answer */
    struct pfs_reader *open;
    struct pfs_arena arena; /* of the batch */
    struct pfs_batch batch;
    int64_t used; /* rows of it that were handed out */
};

struct join {
    struct pfs_reader reader; /* first */
    struct pfs_arena arena;
    struct pfs_manifest_entry *numbered; /* of files that have no row ids: copies that have some; owned */
    int32_t columns;                     /* of the answer, system columns too */
    int32_t sources;
    struct source *source;
};

/* ---- which files ---- */

static bool is_blob(const struct pfs_manifest_entry *e)
{
    size_t len = strlen(e->file.name);

    return len > 5 && strcmp(e->file.name + len - 5, ".blob") == 0;
}

/* Newest first; within one commit a later file is no newer, so that the order stays that of the manifest. */
static int compare_newest(const void *left, const void *right)
{
    const struct pfs_manifest_entry *a = *(const struct pfs_manifest_entry *const *)left;
    const struct pfs_manifest_entry *b = *(const struct pfs_manifest_entry *const *)right;
    int64_t x = a->file.max_sequence, y = b->file.max_sequence;

    return x != y ? (x > y ? -1 : 1) : strcmp(a->file.name, b->file.name);
}

static int compare_first(const void *left, const void *right)
{
    const struct pfs_manifest_entry *a = *(const struct pfs_manifest_entry *const *)left;
    const struct pfs_manifest_entry *b = *(const struct pfs_manifest_entry *const *)right;
    int64_t x = a->file.first_row_id, y = b->file.first_row_id;

    return x < y ? -1 : x > y;
}

static bool overlaps(const struct pfs_data_file *a, const struct pfs_data_file *b)
{
    assert(a->first_row_id >= 0 && b->first_row_id >= 0); /* so no difference of the two overflows */
    return a->first_row_id - b->first_row_id < b->rows && b->first_row_id - a->first_row_id < a->rows;
}

struct choice { /* while a join is opened */
    const struct pfs_data_read *read;
    const struct pfs_manifest_entry **entry; /* newest first */
    int32_t count;
    const struct pfs_data_file *whole; /* any that is no blob: says which rows there are */
    struct join *join;
    struct pfs_err *err;
};

static int check_shapes(struct choice *c)
{
    for (int32_t i = 0; i < c->count; i++) {
        const struct pfs_data_file *f = &c->entry[i]->file;

        if (f->first_row_id < 0 || f->rows <= 0 || f->rows > INT64_MAX - f->first_row_id)
            return pfs_fail(c->err, EIO, "data file %s has no row ids", f->name);
        if (is_blob(c->entry[i]))
            continue;
        if (c->whole == NULL)
            c->whole = f;
        else if (f->first_row_id != c->whole->first_row_id || f->rows != c->whole->rows)
            return pfs_fail(c->err, EIO, "data files %s and %s share some of their row ids, but not all", f->name,
                            c->whole->name);
    }
    return c->whole != NULL ? 0
                            : pfs_fail(c->err, EIO, "data file %s has no file to go with it", c->entry[0]->file.name);
}

static struct source *new_source(struct choice *c, int32_t entries)
{
    struct join *j = c->join;
    struct source *s = &j->source[j->sources];
    size_t columns = (size_t)c->read->columns;

    assert(j->sources <= c->read->columns); /* one a column at most, and one for nothing but rows */
    assert(entries > 0);
    s->entry = pfs_arena_array(&j->arena, (size_t)entries, sizeof(*s->entry));
    s->column = pfs_arena_array(&j->arena, columns, sizeof(*s->column));
    s->place = pfs_arena_array(&j->arena, columns + 2, sizeof(*s->place));
    if (s->entry == NULL || s->column == NULL || s->place == NULL) {
        (void)pfs_arena_full(&j->arena, c->err);
        return NULL;
    }
    s->read = *c->read;
    s->read.columns = 0;
    s->read.column = s->column;
    s->read.row_ids = false;
    pfs_arena_init(&s->arena, PFS_BATCH_BYTES_MAX);
    j->sources++;
    return s;
}

/* The source that reads a file which is there from first to last row, made when it is first wanted. */
static struct source *source_of(struct choice *c, const struct pfs_manifest_entry *entry)
{
    struct source *s;

    for (int32_t i = 0; i < c->join->sources; i++)
        if (c->join->source[i].entry[0] == entry)
            return &c->join->source[i];
    s = new_source(c, 1);
    if (s != NULL)
        s->entry[s->entries++] = entry;
    return s;
}

static void add_column(struct source *s, int32_t column, int32_t place)
{
    assert(place >= s->read.columns); /* columns are placed in order, each once */
    s->column[s->read.columns] = column;
    s->place[s->read.columns++] = place;
}

/* Blob files of a column: of those that cover the same rows the newest, all rows in order. */
static int add_blobs(struct choice *c, int32_t index)
{
    struct source *s = new_source(c, c->count);
    int64_t next = c->whole->first_row_id;

    if (s == NULL)
        return -ENOMEM;
    for (int32_t i = 0; i < c->count; i++) {
        bool has, taken = false;

        PFS_TRY(pfs_data_has_column(c->read, c->entry[i], c->read->column[index], &has, c->err));
        for (int32_t k = 0; k < s->entries; k++)
            taken |= overlaps(&s->entry[k]->file, &c->entry[i]->file);
        if (has && is_blob(c->entry[i]) && !taken)
            s->entry[s->entries++] = c->entry[i];
    }
    qsort(s->entry, (size_t)s->entries, sizeof(*s->entry), compare_first);
    for (int32_t i = 0; i < s->entries; i++) {
        if (s->entry[i]->file.first_row_id != next)
            break;
        next += s->entry[i]->file.rows;
    }
    if (next != c->whole->first_row_id + c->whole->rows)
        return pfs_fail(c->err, EIO, "the blob files beside %s do not hold its rows", c->whole->name);
    add_column(s, c->read->column[index], index);
    return 0;
}

static const struct pfs_manifest_entry *newest_whole(const struct choice *c)
{
    for (int32_t i = 0; i < c->count; i++)
        if (!is_blob(c->entry[i]))
            return c->entry[i];
    return NULL;
}

/* A column that no file has is null in whichever is read; partition columns are everywhere. */
static int place_column(struct choice *c, int32_t index)
{
    const struct pfs_manifest_entry *from = newest_whole(c);
    struct source *s;

    assert(from != NULL); /* the shapes were checked */
    for (int32_t i = 0; i < c->count; i++) {
        bool has;

        PFS_TRY(pfs_data_has_column(c->read, c->entry[i], c->read->column[index], &has, c->err));
        if (!has)
            continue;
        if (is_blob(c->entry[i]))
            return add_blobs(c, index);
        from = c->entry[i];
        break;
    }
    s = source_of(c, from);
    if (s == NULL)
        return -ENOMEM;
    add_column(s, c->read->column[index], index);
    return 0;
}

static int choose(struct choice *c)
{
    struct source *s;

    PFS_TRY(check_shapes(c));
    for (int32_t i = 0; i < c->read->columns; i++)
        PFS_TRY(place_column(c, i));
    if (!c->read->row_ids && c->join->sources > 0)
        return 0;
    s = source_of(c, newest_whole(c)); /* also when nothing is wanted but the number of rows */
    if (s == NULL)
        return -ENOMEM;
    s->read.row_ids = c->read->row_ids;
    if (c->read->row_ids)
        for (int32_t i = 0; i < 2; i++)
            s->place[s->read.columns + i] = c->read->columns + i;
    return 0;
}

/* ---- reading ---- */

/* A batch with rows left: 1, or 0 at the end. A new one lies in the arena. */
static int fill(struct source *s, struct pfs_arena *arena, struct pfs_err *err)
{
    while (s->used == s->batch.rows) {
        int64_t rows;

        if (s->at == s->entries)
            return 0;
        if (s->open == NULL)
            PFS_TRY(pfs_data_open(&s->read, s->entry[s->at], &s->open, err));
        s->used = s->batch.rows = 0;
        rows = pfs_reader_next(s->open, arena, &s->batch, err);
        if (rows < 0)
            return (int)rows;
        if (rows == 0) {
            s->batch.rows = 0;
            pfs_reader_close(s->open);
            s->open = NULL;
            s->at++;
        }
    }
    return 1;
}

/* Rows that all sources have: 0 at the end of all, -EIO when one ends before the others. */
static int64_t common_rows(struct join *j, struct pfs_err *err)
{
    int64_t rows = INT64_MAX;
    int32_t ended = 0;

    for (int32_t i = 0; i < j->sources; i++) {
        struct source *s = &j->source[i];
        int rc;

        if (s->used == s->batch.rows)
            pfs_arena_reset(&s->arena);
        rc = fill(s, &s->arena, err);
        if (rc < 0)
            return rc;
        ended += rc == 0;
        if (rc > 0 && s->batch.rows - s->used < rows)
            rows = s->batch.rows - s->used;
    }
    if (ended > 0 && ended < j->sources)
        return pfs_fail(err, EIO, "data file %s and those beside it have not as many rows",
                        j->source[0].entry[0]->file.name);
    assert(ended > 0 || (rows > 0 && rows < INT64_MAX));
    return ended > 0 ? 0 : rows;
}

/* One source alone: its batches as they are. */
static int64_t pass(struct source *s, struct pfs_arena *arena, struct pfs_batch *out, struct pfs_err *err)
{
    int rc;

    assert(s->used == s->batch.rows); /* every batch goes out whole: nothing of it is kept between calls */
    rc = fill(s, arena, err);
    if (rc <= 0)
        return rc;
    *out = s->batch;
    s->used = s->batch.rows;
    return s->batch.rows;
}

static int64_t join_next(struct pfs_reader *self, struct pfs_arena *arena, struct pfs_batch *out, struct pfs_err *err)
{
    struct join *j = (struct join *)self;
    struct pfs_column *column;
    int64_t rows;

    if (j->sources == 1)
        return pass(&j->source[0], arena, out, err);
    rows = common_rows(j, err);
    if (rows <= 0)
        return rows;
    column = pfs_arena_array(arena, (size_t)j->columns, sizeof(*column));
    if (column == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < j->sources; i++) {
        struct source *s = &j->source[i];
        const struct pfs_batch *batch = &s->batch;
        const struct pfs_range range = {0, (int32_t)s->used, (int32_t)rows};

        assert(rows <= batch->rows - s->used);
        for (int32_t k = 0; k < s->batch.columns; k++)
            PFS_TRY(pfs_column_gather(&batch, k, &range, 1, rows, arena, &column[s->place[k]], err));
        s->used += rows;
    }
    *out = (struct pfs_batch){rows, j->columns, column};
    return rows;
}

static void join_close(struct pfs_reader *self)
{
    struct join *j = (struct join *)self;

    for (int32_t i = 0; i < j->sources; i++) {
        pfs_reader_close(j->source[i].open);
        pfs_arena_done(&j->source[i].arena);
    }
    pfs_arena_done(&j->arena);
    pfs_free(j->numbered);
    pfs_free(j);
}

static const struct pfs_reader_ops join_ops = {join_next, join_close};

int pfs_data_open_joined(const struct pfs_data_read *read, const struct pfs_manifest_entry *const *entry, int32_t count,
                         struct pfs_reader **out, struct pfs_err *err)
{
    struct join *j = pfs_zalloc(sizeof(*j));
    struct choice c = {.read = read, .count = count, .join = j, .err = err};
    int rc;

    assert(count > 0);
    assert(read->range == NULL); /* rows of a group are not counted file by file */
    if (j == NULL)
        return pfs_fail(err, ENOMEM, "no memory to read %s", entry[0]->file.name);
    j->reader.ops = &join_ops;
    j->columns = read->columns + (read->row_ids ? 2 : 0);
    pfs_arena_init(&j->arena, PFS_BATCH_BYTES_MAX);
    j->source = pfs_arena_array(&j->arena, (size_t)read->columns + 1, sizeof(*j->source));
    c.entry = pfs_arena_array(&j->arena, (size_t)count, sizeof(*c.entry));
    if (j->source == NULL || c.entry == NULL) {
        rc = pfs_arena_full(&j->arena, err);
    } else {
        memcpy(c.entry, entry, (size_t)count * sizeof(*c.entry));
        qsort(c.entry, (size_t)count, sizeof(*c.entry), compare_newest);
        rc = choose(&c);
    }
    if (rc < 0) {
        join_close(&j->reader);
        return rc;
    }
    *out = &j->reader;
    return 0;
}

/* ---- files that no snapshot names yet ---- */

int64_t pfs_data_together(const struct pfs_manifest_entry *entry, int64_t entries)
{
    int64_t count = 1;

    assert(entries > 0);
    while (count < entries && pfs_data_file_is_aside(&entry[count].file))
        count++;
    return count;
}

/* The ids that a commit would give them if there were no rows yet: those beside follow each other, column by column. */
static void number(struct pfs_manifest_entry *entry, int64_t count)
{
    int64_t next = 0;

    entry[0].file.first_row_id = 0;
    for (int64_t i = 1; i < count; i++) {
        const struct pfs_data_file *last = &entry[i - 1].file;
        struct pfs_data_file *f = &entry[i].file;
        bool same = i > 1 && last->write_columns > 0 && f->write_columns > 0 &&
                    strcmp(last->write_column[0], f->write_column[0]) == 0;

        next = same ? next : 0;
        f->first_row_id = next;
        if (__builtin_add_overflow(next, f->rows, &next))
            next = 0; /* told by whoever opens them */
    }
}

int pfs_data_open_made(const struct pfs_data_read *read, const struct pfs_manifest_entry *entry, int64_t count,
                       struct pfs_reader **out, struct pfs_err *err)
{
    const struct pfs_manifest_entry **each;
    struct pfs_manifest_entry *numbered;
    struct pfs_reader *reader = NULL;
    int rc;

    assert(count > 0);
    assert(count <= INT32_MAX);
    if (count == 1)
        return pfs_data_open(read, entry, out, err);
    numbered = pfs_alloc_array((size_t)count, sizeof(*numbered));
    each = pfs_alloc_array((size_t)count, sizeof(*each));
    if (numbered == NULL || each == NULL) {
        rc = pfs_fail(err, ENOMEM, "no memory to read %s", entry->file.name);
    } else {
        memcpy(numbered, entry, (size_t)count * sizeof(*numbered));
        number(numbered, count);
        for (int64_t i = 0; i < count; i++)
            each[i] = &numbered[i];
        rc = pfs_data_open_joined(read, each, (int32_t)count, &reader, err);
    }
    pfs_free(each);
    if (rc < 0) {
        pfs_free(numbered);
        return rc;
    }
    ((struct join *)reader)->numbered = numbered;
    *out = reader;
    return 0;
}
