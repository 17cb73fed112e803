/* among.c - ranges of keys against files, pages and rows.
 *
 * What a page is known by is the smallest and the greatest value of the first key column alone. Encodings of a column
 * are such that none is the beginning of another, so a key's bytes compare with such a value's as the column does; a
 * key that begins with it is equal to it there.
 */
#include "src/scan/among.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "format/sieve.h"

#define PAGE_ROWS 5000  /* fewer rows of the file for each range: most pages would be read anyway */
#define SHORT_ROWS 8192 /* of a file that is read in one go */
#define GAP_ROWS 64     /* fewer rows between two that are wanted are read along */

/* Does range i end before that key? */
static bool ends_before(const struct pfs_among *a, int64_t i, const struct pfs_keys *keys, int64_t row)
{
    int order;

    if (a->to_end && i == a->count - 1)
        return false;
    order = pfs_keys_compare(&a->high, i, keys, row);
    return a->apart ? order <= 0 : order < 0;
}

/* Does range i begin at or before that key? */
static bool begins_by(const struct pfs_among *a, int64_t i, const struct pfs_keys *keys, int64_t row)
{
    return (a->from_start && i == 0) || pfs_keys_compare(&a->low, i, keys, row) <= 0;
}

/* The first range that does not end before the key. */
static int64_t first_range(const struct pfs_among *a, const struct pfs_keys *keys, int64_t row)
{
    int64_t low = 0, high = a->count;

    assert(a->count >= 0);
    while (low < high) {
        int64_t middle = low + (high - low) / 2;

        if (ends_before(a, middle, keys, row))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool pfs_among_meets(const struct pfs_among *among, const struct pfs_keys *min, const struct pfs_keys *max)
{
    int64_t i = first_range(among, min, 0);

    return i < among->count && begins_by(among, i, max, 0);
}

/* ---- rows ---- */

struct self {
    const struct pfs_among *among;
    int32_t *key;
    int32_t keys;
};

/* Single keys whose prefix is all of them. */
static int64_t select_exact(const struct pfs_among *a, const uint64_t *key, int64_t rows, int64_t at, int32_t *kept)
{
    const uint64_t *wanted = a->low.prefix;
    int64_t n = 0;

    assert(pfs_among_is_keys(a));
    assert(a->low.exact); /* prefixes are compared alone */
    for (int64_t i = 0; i < rows; i++) {
        while (at < a->count && wanted[at] < key[i])
            at++;
        if (at == a->count)
            break;
        kept[n] = (int32_t)i;
        n += wanted[at] == key[i];
    }
    return n;
}

/* May the rows be gone through with the ranges side by side, without a look back? */
static bool ascend(const struct pfs_keys *keys, int64_t rows)
{
    bool ascend = true;

    if (!keys->exact)
        return true; /* looked at one by one */
    for (int64_t i = 1; i < rows; i++)
        ascend &= keys->prefix[i - 1] <= keys->prefix[i];
    return ascend;
}

static int64_t select_rows(void *self, const struct pfs_batch *batch, struct pfs_arena *arena, int32_t *kept,
                           struct pfs_err *err)
{
    const struct self *s = self;
    const struct pfs_among *a = s->among;
    struct pfs_keys keys;
    int64_t at, n = 0;

    PFS_TRY(pfs_keys_of(batch, s->key, s->keys, arena, &keys, err));
    at = first_range(a, &keys, 0);
    if (keys.exact && a->low.exact && a->low.prefix == a->high.prefix && !a->from_start && !a->to_end &&
        ascend(&keys, batch->rows))
        return select_exact(a, keys.prefix, batch->rows, at, kept);
    for (int64_t i = 0; i < batch->rows; i++) {
        if (i > 0 && pfs_keys_compare(&keys, i, &keys, i - 1) < 0)
            at = first_range(a, &keys, i);
        while (at < a->count && ends_before(a, at, &keys, i))
            at++;
        if (at < a->count && begins_by(a, at, &keys, i))
            kept[n++] = (int32_t)i;
    }
    return n;
}

static void self_close(void *self)
{
    struct self *s = self;

    pfs_free(s->key);
    pfs_free(s);
}

int pfs_among_sieve(const struct pfs_among *among, struct pfs_reader *in, const int32_t *key, int32_t keys,
                    struct pfs_reader **out, struct pfs_err *err)
{
    static const struct pfs_sieve_ops ops = {select_rows, self_close};
    struct self *s = pfs_zalloc(sizeof(*s));

    assert(among != NULL);
    assert(keys > 0); /* only tables with a primary key have keys to be among */
    if (s != NULL)
        s->key = pfs_alloc_array((size_t)keys, sizeof(*s->key));
    if (s == NULL || s->key == NULL) {
        pfs_free(s);
        pfs_reader_close(in);
        return pfs_fail(err, ENOMEM, "no memory for a reader");
    }
    s->among = among;
    s->keys = keys;
    for (int32_t i = 0; i < keys; i++)
        s->key[i] = key[i];
    return pfs_sieve_open(in, &ops, s, -1, out, err);
}

/* ---- pages ---- */

/* The encoding of a first key column's value as a key begins with it. */
struct head {
    uint8_t word[8];
    struct pfs_slice bytes;
};

/* `more`: other columns follow it. The dummy behind it makes it stand as it does there. */
static int head_of(const struct pfs_column *value, bool more, struct pfs_arena *arena, struct head *out,
                   struct pfs_err *err)
{
    static const struct pfs_type type = {.kind = PFS_BOOLEAN};
    static const uint8_t zero[1];
    static const int32_t index[] = {0, 1};
    struct pfs_column column[] = {*value, {.type = &type, .values = zero}};
    struct pfs_batch one = {1, 2, column};
    struct pfs_keys keys;

    PFS_TRY(pfs_keys_of(&one, index, more ? 2 : 1, arena, &keys, err));
    assert(!keys.exact || pfs_type_width(value->type) <= (int)sizeof(out->word));
    if (keys.exact) {
        pfs_put_be64(out->word, keys.prefix[0]);
        out->bytes = pfs_slice_of(out->word, (size_t)pfs_type_width(value->type));
    } else {
        out->bytes = pfs_slice_of(keys.bytes, keys.offset[1] - (more ? 1 : 0));
    }
    return 0;
}

/* A key against a head: < 0, 0 = begins with it (or is it), > 0. */
static int compare_head(const struct pfs_keys *keys, int64_t row, struct pfs_slice head)
{
    uint8_t word[8];
    struct pfs_slice key;
    size_t len;
    int order;

    if (keys->exact) {
        pfs_put_be64(word, keys->prefix[row]);
        key = pfs_slice_of(word, 8);
    } else {
        key = pfs_slice_of(keys->bytes + keys->offset[row], keys->offset[row + 1] - keys->offset[row]);
    }
    len = key.len < head.len ? key.len : head.len;
    order = len > 0 ? memcmp(key.at, head.at, len) : 0;
    return order != 0 ? order : key.len < head.len ? -1 : 0;
}

/* Texts that are a whole key are compared to their ends. */
static int compare_whole(const struct pfs_keys *keys, int64_t row, struct pfs_slice head, bool whole)
{
    int order = compare_head(keys, row, head);

    if (order == 0 && whole && !keys->exact)
        return keys->offset[row + 1] - keys->offset[row] > head.len ? 1 : 0;
    return order;
}

static bool meets_heads(const struct pfs_among *a, struct pfs_slice min, struct pfs_slice max, bool whole)
{
    int64_t low = 0, high = a->count;

    while (low < high) { /* the first range that does not end before min */
        int64_t middle = low + (high - low) / 2;

        if (!(a->to_end && middle == a->count - 1) && compare_whole(&a->high, middle, min, whole) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < a->count && ((a->from_start && low == 0) || compare_whole(&a->low, low, max, whole) <= 0);
}

/* A bound that is not known rules nothing out. */
static int group_meets(const struct pfs_among *a, const struct pfs_file_group *group, bool more,
                       struct pfs_arena *arena, bool *out, struct pfs_err *err)
{
    struct head min, max;

    *out = true;
    if (group->min[0] == NULL || group->max[0] == NULL)
        return 0;
    PFS_TRY(head_of(group->min[0], more, arena, &min, err));
    PFS_TRY(head_of(group->max[0], more, arena, &max, err));
    *out = meets_heads(a, min.bytes, max.bytes, !more && pfs_type_width(group->min[0]->type) == 0);
    return 0;
}

/* Ranges that meet the file's keys. */
static int64_t count_ranges(const struct pfs_among *a, const struct pfs_keys *min, const struct pfs_keys *max)
{
    int64_t from = first_range(a, min, 0), low = from, high = a->count;

    while (low < high) {
        int64_t middle = low + (high - low) / 2;

        if (begins_by(a, middle, max, 0))
            low = middle + 1;
        else
            high = middle;
    }
    return low - from;
}

/* The pages that meet a range. */
static int choose_pages(const struct pfs_among *a, const struct pfs_data_read *read, const struct pfs_file_group *group,
                        int32_t groups, struct pfs_arena *arena, struct pfs_row_range *out, int32_t *ranges,
                        struct pfs_err *err)
{
    int32_t n = 0;

    for (int32_t i = 0; i < groups; i++) {
        bool meets;

        PFS_TRY(group_meets(a, &group[i], read->schema->trimmed_keys > 1, arena, &meets, err));
        if (!meets)
            continue;
        if (n > 0 && out[n - 1].to == group[i].rows.from)
            out[n - 1].to = group[i].rows.to;
        else
            out[n++] = group[i].rows;
    }
    *ranges = n;
    return 0;
}

/* ---- rows by their keys alone ---- */

struct list { /* of rows, that grows */
    struct pfs_row_range *range;
    int32_t count, room;
};

static int add_row(struct list *list, int64_t row, struct pfs_arena *arena, struct pfs_err *err)
{
    assert(list->count == 0 || row >= list->range[list->count - 1].to); /* pages ascend, and the rows in them */
    if (list->count > 0 && row - list->range[list->count - 1].to < GAP_ROWS) {
        list->range[list->count - 1].to = row + 1;
        return 0;
    }
    if (list->count == list->room) {
        int32_t room = 2 * list->room + 16;
        struct pfs_row_range *more = pfs_arena_array(arena, (size_t)room, sizeof(*more));

        if (more == NULL)
            return pfs_arena_full(arena, err);
        if (list->count > 0)
            memcpy(more, list->range, (size_t)list->count * sizeof(*more));
        list->range = more;
        list->room = room;
    }
    list->range[list->count++] = (struct pfs_row_range){row, row + 1};
    return 0;
}

/* The rows of the pages that lie in a range: the keys are read before all else, as most of a page is not wanted. */
static int read_keys(struct self *s, struct pfs_reader *reader, const struct pfs_row_range *page, int32_t pages,
                     struct list *out, struct pfs_arena *arena, struct pfs_arena *scratch, struct pfs_err *err)
{
    const struct pfs_row_range *last = page + pages - 1;
    struct pfs_batch batch;
    int64_t rows, next = page->from;

    assert(pages > 0);

    while ((rows = pfs_reader_next(reader, scratch, &batch, err)) > 0) {
        int32_t *kept = pfs_arena_alloc(scratch, (size_t)rows * sizeof(*kept));
        int64_t count, at = 0;

        if (kept == NULL)
            return pfs_arena_full(scratch, err);
        count = select_rows(s, &batch, scratch, kept, err);
        if (count < 0)
            return (int)count;
        for (int32_t i = 0; i < rows; i++, next++) {
            while (next >= page->to) {
                if (page == last)
                    return pfs_fail(err, EIO, "a data file gave more rows than were asked for");
                next = (++page)->from;
            }
            if (at == count || kept[at] != i)
                continue;
            PFS_TRY(add_row(out, next, arena, err));
            at++;
        }
        pfs_arena_reset(scratch);
    }
    return (int)rows;
}

/* Of the pages that meet a range the rows that lie in one: the pages' ranges are replaced. */
static int narrow(const struct pfs_among *among, const struct pfs_data_read *read,
                  const struct pfs_manifest_entry *entry, struct pfs_arena *arena, const struct pfs_row_range **range,
                  int32_t *ranges, struct pfs_err *err)
{
    const struct pfs_schema *schema = read->schema;
    struct pfs_data_read keys = *read;
    struct self self = {.among = among, .keys = schema->trimmed_keys};
    struct list list = {0};
    struct pfs_reader *reader;
    struct pfs_arena scratch;
    int rc;

    self.key = pfs_arena_array(arena, (size_t)self.keys, sizeof(*self.key));
    if (self.key == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < self.keys; i++)
        self.key[i] = i;
    keys.columns = schema->trimmed_keys;
    keys.column = schema->trimmed_key;
    keys.key_value = false;
    keys.range = *range;
    keys.ranges = *ranges;
    PFS_TRY(pfs_data_open(&keys, entry, &reader, err));
    pfs_arena_init(&scratch, 0);
    rc = read_keys(&self, reader, *range, *ranges, &list, arena, &scratch, err);
    pfs_arena_done(&scratch);
    pfs_reader_close(reader);
    if (rc == 0 && list.count > 0)
        *range = list.range;
    *ranges = list.count;
    return rc;
}

int pfs_among_rows(const struct pfs_among *among, const struct pfs_data_read *read,
                   const struct pfs_manifest_entry *entry, const struct pfs_keys *min, const struct pfs_keys *max,
                   struct pfs_arena *arena, const struct pfs_row_range **out, int32_t *ranges, struct pfs_err *err)
{
    struct pfs_row_range *range;
    struct pfs_file_group *group;
    int32_t groups;

    *out = NULL;
    *ranges = 0;
    assert(read->schema->trimmed_keys > 0);
    assert(!read->row_ids); /* they are counted on from the first row, which may be left out */
    if (entry->file.rows <= SHORT_ROWS || count_ranges(among, min, max) > entry->file.rows / PAGE_ROWS + 1)
        return 0;
    PFS_TRY(pfs_data_groups(read, entry, read->schema->trimmed_key[0], arena, &group, &groups, err));
    if (groups == 0)
        return 0;
    range = pfs_arena_array(arena, (size_t)groups, sizeof(*range));
    if (range == NULL)
        return pfs_arena_full(arena, err);
    PFS_TRY(choose_pages(among, read, group, groups, arena, range, ranges, err));
    *out = range;
    return *ranges == 0 ? 0 : narrow(among, read, entry, arena, out, ranges, err);
}
