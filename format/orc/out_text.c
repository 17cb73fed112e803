/* out_text.c - texts and bytes as they are written: a dictionary while it pays, else their lengths and bytes.
 *
 * With a dictionary the places wait until the stripe ends; row groups remember how many were before them, so that the
 * streams can be cut there whichever way it turns out. */
#include <assert.h>

#include "base/hash.h"
#include "base/mem.h"
#include "format/orc/out_column.h"

#define SLOTS_MIN ((size_t)1024)
#define DICTIONARY_BYTES_MAX ((size_t)16 << 20)
#define PIECE PFS_ORC_OUT_PIECE

void pfs_orc_out_dictionary_done(struct pfs_orc_out_dictionary *d)
{
    pfs_buf_done(&d->bytes);
    pfs_buf_done(&d->places);
    pfs_free(d->end);
    pfs_free(d->slot);
}

/* ---- the dictionary ---- */

static struct pfs_slice entry(const struct pfs_orc_out_dictionary *d, uint32_t at)
{
    uint32_t from = at == 0 ? 0 : d->end[at - 1];

    assert(at < d->count);
    return pfs_slice_of(d->bytes.at + from, d->end[at] - from);
}

/* Twice the slots, always a power of two; entries are hashed anew. False without memory: nothing is lost. */
static bool grow_slots(struct pfs_orc_out_dictionary *d)
{
    size_t slots = d->slot == NULL ? SLOTS_MIN : (d->slot_mask + 1) * 2;
    uint32_t *slot = pfs_alloc_array(slots, sizeof(*slot));

    if (slot == NULL)
        return false;
    for (uint32_t i = 0; i < d->count; i++) {
        struct pfs_slice v = entry(d, i);
        size_t at = pfs_hash64(v.at, v.len, 0) & (slots - 1);

        while (slot[at] != 0)
            at = (at + 1) & (slots - 1);
        slot[at] = i + 1;
    }
    pfs_free(d->slot);
    d->slot = slot;
    d->slot_mask = slots - 1;
    return true;
}

/* Entries are in the order in which they came, which is that of the file: readers do not need them sorted. */
static bool add_entry(struct pfs_orc_out_dictionary *d, struct pfs_slice v)
{
    if (d->count == d->room) {
        uint32_t room = d->room == 0 ? 256 : d->room * 2, *end = pfs_realloc(d->end, room * sizeof(*end));

        if (end == NULL)
            return false;
        d->end = end;
        d->room = room;
    }
    pfs_buf_put(&d->bytes, v.at, v.len);
    assert(d->bytes.len <= UINT32_MAX);
    d->end[d->count++] = (uint32_t)d->bytes.len;
    return true;
}

/* Entries stay below half of the slots. False without memory. */
static bool find(struct pfs_orc_out_dictionary *d, struct pfs_slice v, uint32_t *out)
{
    size_t at;

    if ((d->slot == NULL || d->count > d->slot_mask / 2) && !grow_slots(d))
        return false;
    at = pfs_hash64(v.at, v.len, 0) & d->slot_mask;
    for (; d->slot[at] != 0; at = (at + 1) & d->slot_mask)
        if (pfs_slice_eq(entry(d, d->slot[at] - 1), v)) {
            *out = d->slot[at] - 1;
            return true;
        }
    if (!add_entry(d, v)) /* the slot stays free: it would lead behind the last entry */
        return false;
    *out = d->count - 1;
    d->slot[at] = d->count;
    return true;
}

/* ---- texts in ---- */

/* CHAR(n) has n characters in a file: blanks make up for those that are not there. The scratch forgets its failure with
 * the next text, so the stream remembers it. */
static struct pfs_slice pad(struct pfs_orc_out_column *c, struct pfs_slice v)
{
    int32_t characters = 0;

    assert(c->kind == PFS_ORC_CHAR);
    for (size_t i = 0; i < v.len; i++)
        characters += (v.at[i] & 0xc0) != 0x80;
    if (characters >= c->type->length)
        return v;
    pfs_buf_clear(&c->scratch);
    pfs_buf_put(&c->scratch, v.at, v.len);
    for (; characters < c->type->length; characters++)
        pfs_buf_putc(&c->scratch, ' ');
    c->raw.packed.failed |= c->scratch.failed;
    return pfs_buf_slice(&c->scratch);
}

static void put_directly(struct pfs_orc_out_column *c, struct pfs_slice v)
{
    int64_t len = (int64_t)v.len;

    pfs_orc_out_ints_put(&c->ints, &len, 1);
    pfs_orc_out_put(&c->raw, v.at, v.len);
}

/* A dictionary that is full is asked once more whether it pays; if it does, this one text may make it larger. */
static void put_one(struct pfs_orc_out_column *c, struct pfs_slice v)
{
    struct pfs_orc_out_dictionary *d = &c->dictionary;
    uint32_t place;

    if (d->used && d->bytes.len + v.len > DICTIONARY_BYTES_MAX)
        pfs_orc_out_text_decide(c);
    if (!d->used) {
        put_directly(c, v);
    } else if (find(d, v, &place)) {
        pfs_buf_put(&d->places, &place, sizeof(place));
    } else {
        d->places.failed = true;
    }
}

static void tally_texts(struct pfs_orc_tally *t, const struct pfs_column *in, const int32_t *row, int64_t rows)
{
    for (int64_t i = 0; i < rows; i++)
        pfs_orc_tally_text(t, pfs_column_bytes(in, row[i]));
}

/* Rows that lie side by side: their bytes go as one. */
static void put_side_by_side(struct pfs_orc_out_column *c, const struct pfs_column *in, int32_t from, int64_t rows)
{
    const int32_t *offset = in->offsets + from;
    int64_t len[PIECE];

    assert(rows <= PIECE);
    for (int64_t i = 0; i < rows; i++)
        len[i] = offset[i + 1] - offset[i];
    pfs_orc_out_ints_put(&c->ints, len, rows);
    pfs_orc_out_put(&c->raw, (const uint8_t *)in->values + offset[0], (size_t)(offset[rows] - offset[0]));
}

void pfs_orc_out_text_add(struct pfs_orc_out_column *c, const struct pfs_column *in, const int32_t *row, int64_t rows)
{
    if (rows == 0)
        return;
    for (int64_t i = 0; i < rows; i++)
        c->group.sum += in->offsets[row[i] + 1] - in->offsets[row[i]];
    if (c->kind != PFS_ORC_BINARY)
        tally_texts(&c->group, in, row, rows);
    if (!c->dictionary.used && c->kind != PFS_ORC_CHAR && row[rows - 1] - row[0] == rows - 1) {
        put_side_by_side(c, in, row[0], rows);
        return;
    }
    for (int64_t i = 0; i < rows; i++) {
        struct pfs_slice v = pfs_column_bytes(in, row[i]);

        put_one(c, c->kind == PFS_ORC_CHAR ? pad(c, v) : v);
    }
}

/* ---- and out ---- */

static void mark_text(struct pfs_orc_out_column *c, struct pfs_orc_mark *mark)
{
    int n = 0;

    pfs_orc_out_ints_flush(&c->ints);
    if (!c->dictionary.used)
        n = pfs_orc_out_position(&c->raw, mark->data);
    mark->datas = n + pfs_orc_out_ints_position(&c->ints, mark->data + n);
}

/* Calls back for the values of each row group, having marked where they begin. */
static void each_group(struct pfs_orc_out_column *c,
                       void (*put)(struct pfs_orc_out_column *c, const uint32_t *place, size_t n))
{
    struct pfs_orc_mark *mark = (struct pfs_orc_mark *)(void *)c->marks.at;
    size_t marks = c->marks.len / sizeof(*mark), values = c->dictionary.places.len / sizeof(uint32_t);
    const uint32_t *place = (const uint32_t *)(const void *)c->dictionary.places.at;

    assert(c->marks.len % sizeof(*mark) == 0);
    for (size_t i = 0; i < marks; i++) {
        size_t end = i + 1 < marks ? mark[i + 1].text : values;

        assert(mark[i].text <= end);
        assert(end <= values);
        mark_text(c, &mark[i]);
        if (end > mark[i].text)
            put(c, place + mark[i].text, end - mark[i].text);
    }
}

static void put_entries(struct pfs_orc_out_column *c, const uint32_t *place, size_t n)
{
    for (size_t i = 0; i < n; i++)
        put_directly(c, entry(&c->dictionary, place[i]));
}

static void put_places(struct pfs_orc_out_column *c, const uint32_t *place, size_t n)
{
    int64_t value[PIECE];

    for (size_t at = 0; at < n; at += PIECE) {
        size_t piece = n - at < PIECE ? n - at : PIECE;

        for (size_t i = 0; i < piece; i++)
            value[i] = place[at + i];
        pfs_orc_out_ints_put(&c->ints, value, (int64_t)piece);
    }
}

/* Empty again, memory kept for the next stripe. */
static void forget_entries(struct pfs_orc_out_dictionary *d)
{
    d->count = 0;
    d->bytes.len = 0;
    d->places.len = 0;
    if (d->slot != NULL)
        memset(d->slot, 0, (d->slot_mask + 1) * sizeof(*d->slot));
}

/* What the dictionary could not take for want of memory is missing from the streams too: the stream remembers. */
static void pass_failure_on(struct pfs_orc_out_column *c)
{
    c->raw.packed.failed |= c->dictionary.bytes.failed || c->dictionary.places.failed;
}

void pfs_orc_out_text_decide(struct pfs_orc_out_column *c)
{
    struct pfs_orc_out_dictionary *d = &c->dictionary;
    size_t values = d->places.len / sizeof(uint32_t);

    if (!d->used || (d->bytes.len <= DICTIONARY_BYTES_MAX && (double)d->count <= d->key_share * (double)values))
        return;
    d->used = false;
    pass_failure_on(c);
    each_group(c, put_entries);
    pfs_orc_out_ints_flush(&c->ints);
    forget_entries(d);
}

void pfs_orc_out_text_end(struct pfs_orc_out_column *c)
{
    struct pfs_orc_out_dictionary *d = &c->dictionary;
    uint32_t from = 0;

    if (!d->used)
        return;
    each_group(c, put_places);
    pfs_orc_out_ints_flush(&c->ints);
    pfs_orc_out_put(&c->raw, d->bytes.at, d->bytes.len);
    for (uint32_t i = 0; i < d->count; i++) {
        int64_t len = d->end[i] - from;

        pfs_orc_out_ints_put(&c->second, &len, 1);
        from = d->end[i];
    }
    pfs_orc_out_ints_flush(&c->second);
    pass_failure_on(c);
}

void pfs_orc_out_text_clear(struct pfs_orc_out_column *c)
{
    if (c->dictionary.used)
        forget_entries(&c->dictionary);
}
