/* values.c - the values of pages: what a dictionary holds, and present values to the front of a target.
 *
 * A column's shape (convert.h) and the page's content choose one of a few loops:
 *
 *                 PLAIN                         DICTIONARY                     RLE
 *     FIXED       kernel over the bytes         gather converted values        -
 *     DECIMAL     length, kernel, one by one    the same                       -
 *     BYTES       lengths first, then copies    entries: offset and length     -
 *     BITS        bits to bytes                 not in the format              runs to bits to bytes
 *
 * A dictionary is converted once, when its page is met, so that a batch of it costs a load a value. Its strings stay
 * where they lie, in the page, and are found by entries. Every index is held against the dictionary's count before it
 * is used; all of a batch at once, by their greatest.
 */
#include <assert.h>

#include "base/mem.h"
#include "format/parquet/column.h"

#define BYTES_BATCH_MAX ((int64_t)1 << 30) /* of strings of one column in one batch; offsets hold 2^31 - 1 */
#define LENGTH_BYTES 4                     /* in front of a value that has no width */

int pfs_pq_damaged(struct pfs_err *err, const char *what)
{
    return pfs_fail(err, EIO, "a page is damaged: %s", what);
}

void pfs_pq_values_done(struct pfs_pq_column *c)
{
    pfs_free(c->entry);
    pfs_free(c->value);
    c->entry = NULL;
    c->value = NULL;
    c->dictionary_count = 0;
    c->entry_bytes_max = 0;
    c->dictionary_group = -1;
}

/* Takes one length-prefixed value. */
static inline bool take_value(struct pfs_cursor *c, uint32_t *off, uint32_t *len)
{
    if (pfs_left(c) < 4)
        return false;
    *len = pfs_pq_load32(c->in.at + c->pos);
    c->pos += 4;
    if (*len > pfs_left(c))
        return false;
    *off = (uint32_t)c->pos;
    c->pos += *len;
    return true;
}

/* BYTE_ARRAY decimals: each has its own width. */
static int take_decimals(const struct pfs_pq_plan *plan, struct pfs_cursor *c, int64_t n, uint8_t *out,
                         struct pfs_err *err)
{
    uint32_t off, len;

    assert(plan->shape == PFS_PQ_SHAPE_DECIMAL);
    for (int64_t i = 0; i < n; i++) {
        if (!take_value(c, &off, &len))
            return pfs_pq_damaged(err, "it has fewer values than it says");
        if (!plan->convert(c->in.at + off, 1, (int)len, out + i * plan->width))
            return pfs_pq_damaged(err, "a decimal has too many digits");
    }
    return 0;
}

static int take_fixed(const struct pfs_pq_plan *plan, struct pfs_cursor *c, int64_t n, uint8_t *out,
                      struct pfs_err *err)
{
    assert(plan->shape == PFS_PQ_SHAPE_FIXED);
    assert(plan->width_in > 0);
    if (n > (int64_t)(pfs_left(c) / (size_t)plan->width_in))
        return pfs_pq_damaged(err, "it has fewer values than it says");
    if (!plan->convert(c->in.at + c->pos, n, plan->width_in, out))
        return pfs_fail(err, EIO, "a value does not fit the type of its column");
    c->pos += (size_t)n * (size_t)plan->width_in;
    return 0;
}

/* Where the strings of the dictionary lie. Its page is the column's until the next one. */
static int load_entries(struct pfs_pq_column *c, struct pfs_cursor *in, struct pfs_err *err)
{
    int32_t count = c->dictionary.values;
    uint32_t width = (uint32_t)c->plan.width_in;

    c->entry = pfs_alloc_array((size_t)count, sizeof(*c->entry));
    if (c->entry == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a dictionary of %d values", count);
    for (int32_t i = 0; i < count; i++) {
        struct pfs_pq_entry *e = &c->entry[i];

        if (width == 0 ? !take_value(in, &e->off, &e->len) : pfs_left(in) < width)
            return pfs_pq_damaged(err, "a dictionary has fewer values than it says");
        if (width != 0) {
            *e = (struct pfs_pq_entry){(uint32_t)in->pos, width};
            in->pos += width;
        }
        c->entry_bytes_max = e->len > c->entry_bytes_max ? e->len : c->entry_bytes_max;
    }
    return 0;
}

/* The values of a dictionary are converted once, here. */
int pfs_pq_values_dictionary(struct pfs_pq_column *c, struct pfs_err *err)
{
    struct pfs_cursor in = pfs_cursor_of(c->dictionary.content);
    int32_t count = c->dictionary.values, encoding = c->dictionary.encoding;

    pfs_pq_values_done(c);
    if (encoding != PFS_PQ_ENCODING_PLAIN && encoding != PFS_PQ_ENCODING_PLAIN_DICTIONARY)
        return pfs_fail(err, EOPNOTSUPP, "dictionaries in %s (%d) are not supported", pfs_pq_encoding_name(encoding),
                        encoding);
    if (c->plan.shape == PFS_PQ_SHAPE_BITS)
        return pfs_pq_damaged(err, "a dictionary of booleans");
    if ((size_t)count > in.in.len / (size_t)(c->plan.width_in > 0 ? c->plan.width_in : LENGTH_BYTES))
        return pfs_pq_damaged(err, "a dictionary has fewer values than it says");
    if (c->plan.shape == PFS_PQ_SHAPE_BYTES) {
        PFS_TRY(load_entries(c, &in, err));
    } else {
        c->value = pfs_alloc_array((size_t)count, (size_t)c->plan.width);
        if (c->value == NULL)
            return pfs_fail(err, ENOMEM, "no memory for a dictionary of %d values", count);
        if (c->plan.shape == PFS_PQ_SHAPE_DECIMAL)
            PFS_TRY(take_decimals(&c->plan, &in, count, c->value, err));
        else
            PFS_TRY(take_fixed(&c->plan, &in, count, c->value, err));
    }
    c->dictionary_count = count;
    c->dictionary_group = c->dictionary.group;
    return 0;
}

/* A new page: what is known of the one before means nothing any more. Which content the page has is decided here, and
 * what the column's shape cannot have in it is refused here, not where values are taken. */
int pfs_pq_values_start(struct pfs_pq_column *c, struct pfs_err *err)
{
    int32_t encoding = c->page.encoding;

    assert(!c->no_values);
    c->plain = pfs_cursor_of(c->page.content);
    c->plain_bit = 0;
    c->has_indexes = false;
    if (encoding == PFS_PQ_ENCODING_PLAIN) {
        c->content = PFS_PQ_CONTENT_PLAIN;
    } else if (encoding == PFS_PQ_ENCODING_PLAIN_DICTIONARY || encoding == PFS_PQ_ENCODING_RLE_DICTIONARY) {
        if (c->plan.shape == PFS_PQ_SHAPE_BITS) /* `runs` would still point into the page before */
            return pfs_pq_damaged(err, "booleans by a dictionary");
        c->content = PFS_PQ_CONTENT_DICTIONARY;
    } else if (encoding == PFS_PQ_ENCODING_RLE && c->plan.shape == PFS_PQ_SHAPE_BITS) {
        struct pfs_slice runs = {0};

        c->content = PFS_PQ_CONTENT_RLE;
        if (c->plain.in.len > 0 && !pfs_take(&c->plain, pfs_take_le32(&c->plain), &runs))
            return pfs_pq_damaged(err, "it ends within its booleans");
        pfs_pq_runs_init(&c->runs, runs, 1);
    } else {
        return pfs_fail(err, EOPNOTSUPP, "encoding %s (%d) is not supported", pfs_pq_encoding_name(encoding), encoding);
    }
    return 0;
}

/* Behind it `runs` are the page's indexes. */
static int open_indexes(struct pfs_pq_column *c, struct pfs_err *err)
{
    uint8_t width;

    if (c->dictionary_group != c->page.group)
        return pfs_pq_damaged(err, "it needs a dictionary that is not there");
    if (c->has_indexes)
        return 0;
    width = pfs_take_u8(&c->plain);
    if (c->plain.bad || width > 32)
        return pfs_pq_damaged(err, "no width of its indexes");
    pfs_pq_runs_init(&c->runs, pfs_slice_of(c->plain.in.at + c->plain.pos, c->plain.in.len - c->plain.pos), width);
    c->has_indexes = true;
    return 0;
}

/* The next n indexes of the page, all of them in the dictionary. */
static int take_indexes(struct pfs_pq_column *c, int64_t n, struct pfs_pq_target *t)
{
    uint32_t max = 0;

    assert(t->index != NULL);
    PFS_TRY(open_indexes(c, t->err));
    if (!pfs_pq_runs_take(&c->runs, t->index, n))
        return pfs_pq_damaged(t->err, "it has fewer indexes than it says");
    for (int64_t i = 0; i < n; i++)
        max = t->index[i] > max ? t->index[i] : max;
    if (max >= (uint32_t)c->dictionary_count)
        return pfs_fail(t->err, EIO, "index %u into a dictionary of %d values", max, c->dictionary_count);
    return 0;
}

#define GATHER(width, type)                 \
    case width: {                           \
        const type *restrict from = values; \
        type *restrict to = out;            \
                                            \
        for (int64_t i = 0; i < n; i++)     \
            to[i] = from[index[i]];         \
        return;                             \
    }

/* The kernels know widths, not types: 16 bytes are decimals and times alike. */
static void gather(const void *values, const uint32_t *restrict index, int64_t n, int width, void *out)
{
    switch (width) {
        GATHER(1, uint8_t)
        GATHER(2, uint16_t)
        GATHER(4, uint32_t)
        GATHER(8, uint64_t)
        GATHER(16, pfs_i128)
    default:
        return;
    }
}

static int take_bits(struct pfs_pq_column *c, int64_t n, struct pfs_pq_target *t)
{
    uint8_t *out = t->values + t->done;
    uint8_t *bitmap = (uint8_t *)t->index; /* 4 bytes a row there, a bit and some room are needed */

    assert(c->content != PFS_PQ_CONTENT_DICTIONARY);
    if (c->content == PFS_PQ_CONTENT_PLAIN) {
        if (c->plain_bit + (uint64_t)n > (uint64_t)c->plain.in.len * 8)
            return pfs_pq_damaged(t->err, "it has fewer values than it says");
        pfs_pq_bits_spell(c->plain.in.at, c->plain_bit, n, out);
        c->plain_bit += (uint64_t)n;
        return 0;
    }
    memset(bitmap, 0, (size_t)n / 8 + 9);
    if (pfs_pq_runs_bits(&c->runs, bitmap, 0, n) < 0)
        return pfs_pq_damaged(t->err, "it has fewer values than it says");
    pfs_pq_bits_spell(bitmap, 0, n, out);
    return 0;
}

/* Room for `more` bytes of strings. A batch that goes over several pages copies what it has, each time into twice the
 * room: the first page is nearly always the only one. */
int pfs_pq_target_reserve(struct pfs_pq_target *t, int64_t more)
{
    size_t need = t->bytes + (size_t)more + PFS_PQ_PAD, cap;
    uint8_t *grown;

    assert(more >= 0);
    assert(t->bytes == 0 || t->bytes + PFS_PQ_PAD <= t->bytes_cap);
    if ((int64_t)t->bytes + more > BYTES_BATCH_MAX)
        return pfs_fail(t->err, E2BIG, "strings of %lld bytes in one batch", (long long)t->bytes + more);
    if (need <= t->bytes_cap)
        return 0;
    cap = t->bytes_cap * 2 > need ? t->bytes_cap * 2 : need;
    grown = pfs_arena_alloc(t->arena, cap);
    if (grown == NULL)
        return pfs_arena_full(t->arena, t->err);
    if (t->bytes > 0)
        memcpy(grown, t->values, t->bytes);
    t->values = grown;
    t->bytes_cap = cap;
    return 0;
}

/* Copies 32 bytes at least: both sides have the room. Most strings are no longer. */
static inline void copy_short(uint8_t *to, const uint8_t *from, uint32_t len)
{
    memcpy(to, from, 32);
    if (len > 32)
        memcpy(to + 32, from + 32, len - 32);
}

/* Strings by index: their lengths give the offsets, then each is copied. */
static int take_entries(struct pfs_pq_column *c, int64_t n, struct pfs_pq_target *t)
{
    const uint8_t *from = c->dictionary.content.at;
    const struct pfs_pq_entry *entry = c->entry;
    int32_t *offsets = t->offsets + t->done;
    int64_t total = 0;

    assert(offsets[0] == (int32_t)t->bytes);
    PFS_TRY(take_indexes(c, n, t));
    for (int64_t i = 0; i < n; i++) {
        total += entry[t->index[i]].len;
        offsets[i + 1] = (int32_t)((int64_t)t->bytes + total);
    }
    PFS_TRY(pfs_pq_target_reserve(t, total));
    for (int64_t i = 0; i < n; i++) {
        struct pfs_pq_entry e = entry[t->index[i]];

        copy_short(t->values + offsets[i], from + e.off, e.len);
    }
    t->bytes += (size_t)total;
    return 0;
}

/* Lengths first, in one chain of loads, then the copies, which depend on nothing but the offsets. */
static int take_strings(struct pfs_pq_column *c, int64_t n, struct pfs_pq_target *t)
{
    struct pfs_cursor *in = &c->plain;
    const uint8_t *from = in->in.at + in->pos;
    int32_t *offsets = t->offsets + t->done;
    size_t pos = in->pos, len = in->in.len, total;

    assert(offsets[0] == (int32_t)t->bytes); /* strings follow each other without gaps */
    for (int64_t i = 0; i < n; i++) {
        size_t each;

        if (len - pos < 4)
            return pfs_pq_damaged(t->err, "it has fewer values than it says");
        each = pfs_pq_load32(in->in.at + pos);
        pos += 4;
        if (each > len - pos)
            return pfs_pq_damaged(t->err, "a string is longer than the page");
        pos += each;
        offsets[i + 1] = (int32_t)(t->bytes + (pos - in->pos) - 4 * (size_t)(i + 1));
    }
    total = pos - in->pos - 4 * (size_t)n;
    PFS_TRY(pfs_pq_target_reserve(t, (int64_t)total));
    for (int64_t i = 0; i < n; i++)
        copy_short(t->values + offsets[i], from + (offsets[i] - offsets[0]) + 4 * (i + 1),
                   (uint32_t)(offsets[i + 1] - offsets[i]));
    t->bytes += total;
    in->pos = pos;
    return 0;
}

/* FIXED_LEN_BYTE_ARRAY as bytes. */
static int take_blocks(struct pfs_pq_column *c, int64_t n, struct pfs_pq_target *t)
{
    int64_t width = c->plan.width_in;
    int32_t *offsets = t->offsets + t->done;

    assert(width > 0);
    assert(offsets[0] == (int32_t)t->bytes);
    if (n > (int64_t)(pfs_left(&c->plain) / (size_t)width))
        return pfs_pq_damaged(t->err, "it has fewer values than it says");
    PFS_TRY(pfs_pq_target_reserve(t, n * width));
    memcpy(t->values + t->bytes, c->plain.in.at + c->plain.pos, (size_t)(n * width));
    for (int64_t i = 1; i <= n; i++)
        offsets[i] = (int32_t)((int64_t)t->bytes + i * width);
    t->bytes += (size_t)(n * width);
    c->plain.pos += (size_t)(n * width);
    return 0;
}

/* n present values of the current page to the front of the rows from t->done on. */
int pfs_pq_values_take(struct pfs_pq_column *c, int64_t n, struct pfs_pq_target *t)
{
    const struct pfs_pq_plan *plan = &c->plan;
    uint8_t *out;

    assert(n > 0);
    assert(n <= c->page.values);
    if (plan->shape == PFS_PQ_SHAPE_BITS)
        return take_bits(c, n, t);
    if (plan->shape == PFS_PQ_SHAPE_BYTES) {
        if (c->content == PFS_PQ_CONTENT_DICTIONARY)
            return take_entries(c, n, t);
        return plan->width_in > 0 ? take_blocks(c, n, t) : take_strings(c, n, t);
    }
    out = t->values + t->done * plan->width;
    if (c->content == PFS_PQ_CONTENT_DICTIONARY) {
        PFS_TRY(take_indexes(c, n, t));
        gather(c->value, t->index, n, plan->width, out);
        return 0;
    }
    if (plan->shape == PFS_PQ_SHAPE_DECIMAL)
        return take_decimals(plan, &c->plain, n, out, t->err);
    return take_fixed(plan, &c->plain, n, out, t->err);
}

/* Strings and BYTE_ARRAY decimals: from length to length. */
static int skip_strings(struct pfs_cursor *in, int64_t n, struct pfs_err *err)
{
    uint32_t off, len;

    for (int64_t i = 0; i < n; i++)
        if (!take_value(in, &off, &len))
            return pfs_pq_damaged(err, "it has fewer values than it says");
    return 0;
}

int pfs_pq_values_skip(struct pfs_pq_column *c, int64_t n, struct pfs_err *err)
{
    size_t width = (size_t)c->plan.width_in;

    if (c->content == PFS_PQ_CONTENT_DICTIONARY)
        PFS_TRY(open_indexes(c, err));
    if (c->content != PFS_PQ_CONTENT_PLAIN)
        return pfs_pq_runs_skip(&c->runs, n) ? 0 : pfs_pq_damaged(err, "it has fewer values than it says");
    if (c->plan.shape == PFS_PQ_SHAPE_BITS) {
        c->plain_bit += (uint64_t)n;
        return c->plain_bit <= (uint64_t)c->plain.in.len * 8 ? 0
                                                             : pfs_pq_damaged(err, "it has fewer values than it says");
    }
    if (width == 0)
        return skip_strings(&c->plain, n, err);
    if (n > (int64_t)(pfs_left(&c->plain) / width))
        return pfs_pq_damaged(err, "it has fewer values than it says");
    c->plain.pos += (size_t)n * width;
    return 0;
}
