/* bitmaps.c - groups in a hash table, each with the union of its bitmaps; their order is that in which they came.
 *
 * A group's key is its columns' values one behind the other, each with its length, so that ("a", "bc") and ("ab", "c")
 * are two. Slots are half empty at least; a slot holds the number of a group and one more, 0 is a free one. */
#include "fs/lines/bitmaps.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "format/sketch/sketch.h"
#include "format/text/text.h"
#include "fs/lines/internal.h"

#define FIELDS_MAX 4096
#define GROUPS_MAX ((int64_t)1 << 24)
#define SCRATCH_BYTES_MAX ((size_t)256 << 20) /* of one bitmap while it is read or made */
#define PRINTED_BYTES ((size_t)16 << 20)      /* of bitmaps in one batch of output */
#define OUT_GROUPS 1024

struct group {
    struct pfs_slice key; /* a byte a column, whether it is there, its length and its bytes */
    struct pfs_bitmap *bitmap;
    uint64_t hash;
    bool wide;
};

struct pfs_bitmaps {
    const struct pfs_bitmaps_want *want;
    struct pfs_arena arena, scratch;
    struct pfs_text_parser *parser; /* NULL: the header is still to come */
    struct pfs_field *field;        /* of the input */
    int32_t fields, bitmap;
    int32_t *by, bys;        /* columns of the groups */
    struct pfs_field *given; /* of the output */
    int32_t givens;
    int64_t rows; /* read so far */
    struct group *group;
    int64_t groups, room;
    int32_t *slot; /* by hash: 1 + the group; room * 2 of them */
};

static const struct pfs_type text_type = {.kind = PFS_VARCHAR, .nullable = true, .length = INT32_MAX};
static const struct pfs_type bytes_type = {.kind = PFS_VARBINARY, .nullable = true, .length = INT32_MAX};
static const struct pfs_type number_type = {.kind = PFS_BIGINT, .nullable = true};

/* ---- life ---- */

int pfs_bitmaps_open(const struct pfs_bitmaps_want *want, struct pfs_bitmaps **out, struct pfs_err *err)
{
    struct pfs_bitmaps *b = pfs_zalloc(sizeof(*b));

    if (b == NULL)
        return pfs_fail(err, ENOMEM, "no memory for bitmaps");
    b->want = want;
    pfs_arena_init(&b->arena, (size_t)4 << 30);
    pfs_arena_init(&b->scratch, SCRATCH_BYTES_MAX);
    *out = b;
    return 0;
}

void pfs_bitmaps_close(struct pfs_bitmaps *bitmaps)
{
    if (bitmaps == NULL)
        return;
    for (int64_t i = 0; i < bitmaps->groups; i++)
        pfs_bitmap_free(bitmaps->group[i].bitmap);
    pfs_free(bitmaps->group);
    pfs_free(bitmaps->slot);
    pfs_text_parser_close(bitmaps->parser);
    pfs_arena_done(&bitmaps->scratch);
    pfs_arena_done(&bitmaps->arena);
    pfs_free(bitmaps);
}

/* ---- the header ---- */

static bool is_special(const char *name)
{
    return strcmp(name, "_kind") == 0 || strcmp(name, "rowkind") == 0 || strcmp(name, "_snapshot") == 0;
}

static int find_column(const struct pfs_bitmaps *b, const char *name, int32_t *out, struct pfs_err *err)
{
    for (*out = 0; *out < b->fields; ++*out)
        if (strcmp(b->field[*out].name, name) == 0)
            return 0;
    return pfs_fail(err, EINVAL, "the header has no column %s", name);
}

/* Everything is text but the bitmaps: groups are compared as they are spelled. */
static int take_fields(struct pfs_bitmaps *b, struct pfs_slice line, struct pfs_err *err)
{
    static const uint8_t mark[3] = {0xef, 0xbb, 0xbf};
    size_t at = line.len >= 3 && memcmp(line.at, mark, 3) == 0 ? 3 : 0;
    char *name;
    int rc;

    b->field = pfs_arena_array(&b->arena, FIELDS_MAX, sizeof(*b->field));
    if (b->field == NULL)
        return pfs_arena_full(&b->arena, err);
    while ((rc = pfs_enrich_field(line, &at, &b->arena, &name, err)) > 0) {
        if (b->fields == FIELDS_MAX)
            return pfs_fail(err, EINVAL, "the header has more than %d columns", FIELDS_MAX);
        if (!is_special(name))
            b->field[b->fields++] = (struct pfs_field){.id = -1, .name = name, .type = text_type};
    }
    return rc;
}

static int take_groups(struct pfs_bitmaps *b, struct pfs_err *err)
{
    const char *at = b->want->groups;

    b->by = pfs_arena_array(&b->arena, FIELDS_MAX, sizeof(*b->by));
    if (b->by == NULL)
        return pfs_arena_full(&b->arena, err);
    while (at != NULL && b->bys < FIELDS_MAX) {
        const char *comma = strchr(at, ',');
        size_t len = comma != NULL ? (size_t)(comma - at) : strlen(at);
        char *name = pfs_arena_string(&b->arena, pfs_slice_of(at, len));

        if (name == NULL)
            return pfs_arena_full(&b->arena, err);
        PFS_TRY(find_column(b, name, &b->by[b->bys], err));
        if (b->by[b->bys++] == b->bitmap)
            return pfs_fail(err, EINVAL, "%s cannot be the bitmap and a group at once", name);
        at = comma != NULL ? comma + 1 : NULL;
    }
    return 0;
}

/* What goes out: the records as they are, or the groups' columns; and the bitmap or its count. */
static int name_output(struct pfs_bitmaps *b, struct pfs_err *err)
{
    const struct pfs_bitmaps_want *w = b->want;
    bool numbers = w->verb == PFS_BITMAPS_CARDINALITY || w->verb == PFS_BITMAPS_UNION_COUNT;
    struct pfs_field bitmap = {
        .id = -1, .name = w->as != NULL ? w->as : w->bitmap, .type = numbers ? number_type : bytes_type};

    b->given = pfs_arena_array(&b->arena, (size_t)b->fields + 1, sizeof(*b->given));
    if (b->given == NULL)
        return pfs_arena_full(&b->arena, err);
    if (w->verb == PFS_BITMAPS_CARDINALITY) {
        memcpy(b->given, b->field, (size_t)b->fields * sizeof(*b->given));
        b->given[b->bitmap] = bitmap;
        b->givens = b->fields;
        return 0;
    }
    for (int32_t i = 0; i < b->bys && b->givens < b->fields; i++)
        b->given[b->givens++] = b->field[b->by[i]];
    b->given[b->givens++] = bitmap;
    return 0;
}

/* What the columns are called decides everything: it is checked before a record is read. */
static int take_header(struct pfs_bitmaps *b, struct pfs_slice line, struct pfs_buf *out, struct pfs_err *err)
{
    struct pfs_text_parse parse = {.format = PFS_TEXT_CSV};

    PFS_TRY(take_fields(b, line, err));
    PFS_TRY(find_column(b, b->want->bitmap, &b->bitmap, err));
    PFS_TRY(take_groups(b, err));
    if (b->bys >= b->fields)
        return pfs_fail(err, EINVAL, "a column is named twice");
    PFS_TRY(name_output(b, err));
    b->field[b->bitmap].type = b->want->verb == PFS_BITMAPS_BUILD ? number_type : bytes_type;
    parse.columns = b->fields;
    parse.fields = b->field;
    PFS_TRY(pfs_text_parser_open(&parse, &b->parser, err));
    pfs_text_header(PFS_TEXT_CSV, b->given, b->givens, out);
    return 0;
}

/* ---- groups ---- */

/* What is NULL is a group of its own, and not the one of empty text. */
static int make_key(const struct pfs_bitmaps *b, const struct pfs_batch *batch, int64_t row, struct pfs_buf *out)
{
    assert(batch->columns > b->fields); /* the row kind comes last */
    pfs_buf_clear(out);
    for (int32_t i = 0; i < b->bys; i++) {
        const struct pfs_column *c = &batch->column[b->by[i]];
        struct pfs_slice bytes = pfs_column_bytes(c, row);
        bool has = pfs_column_present(c, row);

        pfs_buf_putc(out, has);
        pfs_buf_le32(out, has ? (uint32_t)bytes.len : 0);
        if (has)
            pfs_buf_put(out, bytes.at, bytes.len);
    }
    return pfs_buf_check(out, NULL);
}

static void set_slot(struct pfs_bitmaps *b, int64_t index)
{
    uint64_t mask = (uint64_t)b->room * 2 - 1, at = b->group[index].hash & mask;

    assert(index >= 0 && index < b->room);
    assert((b->room & (b->room - 1)) == 0); /* a slot is told by the low bits of a hash */
    while (b->slot[at] != 0)
        at = (at + 1) & mask;
    b->slot[at] = (int32_t)(index + 1);
}

/* Slots are numbered anew, for there are twice as many. */
static int grow(struct pfs_bitmaps *b, struct pfs_err *err)
{
    int64_t room = b->room == 0 ? 64 : b->room * 2;
    struct group *group;
    int32_t *slot;

    if (room > GROUPS_MAX)
        return pfs_fail(err, E2BIG, "there are more than %lld groups", (long long)b->room);
    group = pfs_realloc(b->group, (size_t)room * sizeof(*group));
    if (group != NULL)
        b->group = group;
    slot = pfs_alloc_array((size_t)room * 2, sizeof(*slot));
    if (group == NULL || slot == NULL) {
        pfs_free(slot);
        return pfs_fail(err, ENOMEM, "no memory for groups");
    }
    pfs_free(b->slot);
    b->slot = slot;
    b->room = room;
    for (int64_t i = 0; i < b->groups; i++)
        set_slot(b, i);
    return 0;
}

/* By hash and bytes; a new one gets the next number, and so its place in the output. */
static int find_group(struct pfs_bitmaps *b, struct pfs_slice key, struct group **out, struct pfs_err *err)
{
    uint64_t hash = pfs_hash64(key.at, key.len, 0), mask = (uint64_t)b->room * 2 - 1;
    struct group made = {.hash = hash, .wide = b->want->wide};

    for (uint64_t at = hash & mask; b->room > 0 && b->slot[at] != 0; at = (at + 1) & mask)
        if (b->group[b->slot[at] - 1].hash == hash && pfs_slice_eq(b->group[b->slot[at] - 1].key, key)) {
            *out = &b->group[b->slot[at] - 1];
            return 0;
        }
    assert(b->groups <= b->room);
    if (b->groups == b->room)
        PFS_TRY(grow(b, err));
    if (!pfs_arena_copy(&b->arena, key, &made.key))
        return pfs_arena_full(&b->arena, err);
    PFS_TRY(pfs_bitmap_new(&made.bitmap, err));
    b->group[b->groups] = made;
    set_slot(b, b->groups);
    *out = &b->group[b->groups++];
    return 0;
}

static int add_number(const struct group *g, int64_t number, struct pfs_err *err)
{
    if (number < 0 || (!g->wide && number > UINT32_MAX))
        return pfs_fail(err, ERANGE, "%lld is no number of a bitmap of %d bits", (long long)number, g->wide ? 64 : 32);
    return pfs_bitmap_add(g->bitmap, (uint64_t)number, err);
}

/* A union is as wide as the widest of its bitmaps, whether the values need it or not. */
static int add_bitmap(struct pfs_bitmaps *b, struct group *g, struct pfs_slice bytes, struct pfs_err *err)
{
    bool wide;
    int rc;

    pfs_arena_reset(&b->scratch);
    rc = pfs_rbm_add_to(bytes, &b->scratch, g->bitmap, &wide, err);
    g->wide |= wide;
    return rc;
}

/* A group is there also when all its bitmaps are NULL: it has a count of 0. */
static int add_row(struct pfs_bitmaps *b, const struct pfs_batch *batch, int64_t row, struct pfs_buf *key,
                   struct pfs_err *err)
{
    const struct pfs_column *c = &batch->column[b->bitmap];
    struct group *g;

    if (make_key(b, batch, row, key) < 0)
        return pfs_fail(err, ENOMEM, "no memory for a group");
    PFS_TRY(find_group(b, pfs_buf_slice(key), &g, err));
    if (!pfs_column_present(c, row))
        return 0;
    return b->want->verb == PFS_BITMAPS_BUILD ? add_number(g, ((const int64_t *)c->values)[row], err)
                                              : add_bitmap(b, g, pfs_column_bytes(c, row), err);
}

/* What an update replaced, and what was deleted: a changelog may be piped in. */
static bool is_gone(const struct pfs_batch *batch, int64_t row)
{
    int8_t kind = ((const int8_t *)batch->column[batch->columns - 1].values)[row];

    return kind == PFS_UPDATE_BEFORE || kind == PFS_DELETE;
}

static int add_rows(struct pfs_bitmaps *b, const struct pfs_batch *batch, struct pfs_err *err)
{
    struct pfs_buf key = {0};
    int rc = 0;

    for (int64_t i = 0; i < batch->rows && rc == 0; i++)
        if (!is_gone(batch, i)) {
            rc = add_row(b, batch, i, &key, err);
            if (rc < 0)
                (void)pfs_wrap(err, "record %lld", (long long)(b->rows + i + 1));
        }
    pfs_buf_done(&key);
    return rc;
}

/* ---- groups out ---- */

/* A column of the groups' keys: `at` moves each over its own value. */
static int key_column(struct pfs_cursor *at, int64_t count, struct pfs_arena *arena, struct pfs_column *out,
                      struct pfs_err *err)
{
    int32_t *offsets = pfs_arena_array(arena, (size_t)count + 1, sizeof(*offsets));
    uint8_t *valid = pfs_arena_zalloc(arena, ((size_t)count + 7) / 8);
    struct pfs_buf bytes = {0};
    struct pfs_slice kept = {0};
    bool copied;

    if (offsets == NULL || valid == NULL)
        return pfs_arena_full(arena, err);
    for (int64_t i = 0; i < count; i++) {
        struct pfs_slice value;

        valid[i >> 3] |= (uint8_t)(pfs_take_u8(&at[i]) << (i & 7));
        if (pfs_take(&at[i], pfs_take_le32(&at[i]), &value))
            pfs_buf_put(&bytes, value.at, value.len);
        offsets[i + 1] = (int32_t)bytes.len;
    }
    copied = pfs_buf_check(&bytes, err) == 0 && pfs_arena_copy(arena, pfs_buf_slice(&bytes), &kept);
    pfs_buf_done(&bytes);
    *out = (struct pfs_column){.type = &text_type, .valid = valid, .offsets = offsets, .values = kept.at};
    return copied ? 0 : pfs_arena_full(arena, err);
}

static int count_column(const struct group *g, int64_t count, struct pfs_arena *arena, struct pfs_column *out,
                        struct pfs_err *err)
{
    int64_t *number = pfs_arena_array(arena, (size_t)count, sizeof(*number));

    if (number == NULL)
        return pfs_arena_full(arena, err);
    for (int64_t i = 0; i < count; i++)
        number[i] = (int64_t)pfs_bitmap_count(g[i].bitmap);
    *out = (struct pfs_column){.type = &number_type, .values = number};
    return 0;
}

static int print_bitmap(struct pfs_bitmaps *b, const struct group *g, struct pfs_buf *out, struct pfs_err *err)
{
    pfs_arena_reset(&b->scratch);
    return g->wide ? pfs_rbm64_print(g->bitmap, &b->scratch, out, err) : pfs_bitmap_print32(g->bitmap, out, err);
}

/* As many of the groups' bitmaps as make a batch: *count becomes less. */
static int bitmap_column(struct pfs_bitmaps *b, const struct group *g, int64_t *count, struct pfs_arena *arena,
                         struct pfs_column *out, struct pfs_err *err)
{
    int32_t *offsets = pfs_arena_array(arena, (size_t)*count + 1, sizeof(*offsets));
    struct pfs_buf bytes = {0};
    struct pfs_slice kept = {0};
    int64_t done = 0;
    int rc = 0;

    if (offsets == NULL)
        return pfs_arena_full(arena, err);
    while (rc == 0 && done < *count && bytes.len < PRINTED_BYTES) {
        rc = print_bitmap(b, &g[done], &bytes, err);
        if (rc == 0 && bytes.len > INT32_MAX)
            rc = pfs_fail(err, E2BIG, "a bitmap is larger than 2 GiB");
        offsets[++done] = (int32_t)bytes.len;
    }
    if (rc == 0 && !pfs_arena_copy(arena, pfs_buf_slice(&bytes), &kept))
        rc = pfs_arena_full(arena, err);
    pfs_buf_done(&bytes);
    assert(done <= *count);
    *count = done;
    *out = (struct pfs_column){.type = &bytes_type, .offsets = offsets, .values = kept.at};
    return rc;
}

/* Keys are taken apart again as they were put together. */
static int print_some(struct pfs_bitmaps *b, int64_t from, int64_t *count, struct pfs_arena *arena, struct pfs_buf *out,
                      struct pfs_err *err)
{
    struct pfs_column *column = pfs_arena_array(arena, (size_t)b->givens, sizeof(*column));
    struct pfs_cursor *at = pfs_arena_array(arena, (size_t)*count, sizeof(*at));
    const struct group *g = b->group + from;
    struct pfs_batch batch = {.columns = b->givens, .column = column};

    if (column == NULL || at == NULL)
        return pfs_arena_full(arena, err);
    if (b->want->verb == PFS_BITMAPS_UNION_COUNT)
        PFS_TRY(count_column(g, *count, arena, &column[b->bys], err));
    else
        PFS_TRY(bitmap_column(b, g, count, arena, &column[b->bys], err));
    for (int64_t i = 0; i < *count; i++)
        at[i] = pfs_cursor_of(g[i].key);
    for (int32_t i = 0; i < b->bys; i++)
        PFS_TRY(key_column(at, *count, arena, &column[i], err));
    batch.rows = *count;
    return pfs_text_print(PFS_TEXT_CSV, b->given, &batch, out, err);
}

/* In batches, for printed bitmaps are large: each is as many groups as fit. */
static int print_groups(struct pfs_bitmaps *b, struct pfs_buf *out, struct pfs_err *err)
{
    for (int64_t from = 0, count; from < b->groups; from += count) {
        struct pfs_arena arena;
        int rc;

        count = b->groups - from < OUT_GROUPS ? b->groups - from : OUT_GROUPS;
        pfs_arena_init(&arena, (size_t)4 << 30);
        rc = print_some(b, from, &count, &arena, out, err);
        pfs_arena_done(&arena);
        PFS_TRY(rc);
        assert(count > 0); /* one at least, however large */
    }
    return 0;
}

/* ---- records out ---- */

/* How many values every bitmap has, in place of it. */
static int print_counts(struct pfs_bitmaps *b, struct pfs_arena *arena, const struct pfs_batch *in, struct pfs_buf *out,
                        struct pfs_err *err)
{
    struct pfs_column *column = pfs_arena_array(arena, (size_t)b->givens, sizeof(*column)), *of;
    int64_t *number = pfs_arena_array(arena, (size_t)in->rows, sizeof(*number));
    struct pfs_batch batch = {in->rows, b->givens, column};
    int rc = 0;

    if (column == NULL || number == NULL)
        return pfs_arena_full(arena, err);
    memcpy(column, in->column, (size_t)b->givens * sizeof(*column));
    of = &in->column[b->bitmap];
    for (int64_t i = 0; i < in->rows && rc == 0; i++) {
        struct group one = {0};

        if (!pfs_column_present(of, i))
            continue;
        rc = pfs_bitmap_new(&one.bitmap, err);
        if (rc == 0)
            rc = add_bitmap(b, &one, pfs_column_bytes(of, i), err);
        if (rc == 0)
            number[i] = (int64_t)pfs_bitmap_count(one.bitmap);
        else
            (void)pfs_wrap(err, "record %lld", (long long)(b->rows + i + 1));
        pfs_bitmap_free(one.bitmap);
    }
    column[b->bitmap] = (struct pfs_column){.type = &number_type, .valid = of->valid, .values = number};
    return rc < 0 ? rc : pfs_text_print(PFS_TEXT_CSV, b->given, &batch, out, err);
}

/* ---- feeding ---- */

static int take_rows(struct pfs_bitmaps *b, struct pfs_slice in, bool last, struct pfs_buf *out, struct pfs_err *err)
{
    int64_t rows = 1;

    while (in.len > 0 || (last && rows > 0)) {
        struct pfs_text_refusal refusal;
        struct pfs_arena arena;
        struct pfs_batch batch;
        size_t used = 0;
        int rc;

        pfs_arena_init(&arena, PFS_BATCH_BYTES_MAX);
        rows = pfs_text_parser_feed(b->parser, in, last, &arena, &batch, &used, &refusal, err);
        rc = rows < 0                                   ? (int)rows
             : rows == 0                                ? 0
             : b->want->verb == PFS_BITMAPS_CARDINALITY ? print_counts(b, &arena, &batch, out, err)
                                                        : add_rows(b, &batch, err);
        pfs_arena_done(&arena);
        PFS_TRY(rc);
        b->rows += rows;
        in.at += used;
        in.len -= used;
    }
    return 0;
}

/* Groups come out at the end alone; counts of records with each block. */
int pfs_bitmaps_feed(struct pfs_bitmaps *bitmaps, struct pfs_slice in, bool last, struct pfs_buf *out, size_t *consumed,
                     struct pfs_err *err)
{
    struct pfs_slice line;
    size_t at = 0;

    *consumed = 0;
    if (bitmaps->parser == NULL) {
        if (!pfs_enrich_line(PFS_TEXT_CSV, in, last, &at, &line))
            return last ? pfs_fail(err, EINVAL, "the input has no header") : 0;
        PFS_TRY(take_header(bitmaps, line, out, err));
    }
    *consumed = in.len; /* the parser keeps half a record */
    PFS_TRY(take_rows(bitmaps, in, last, out, err));
    if (last && bitmaps->want->verb != PFS_BITMAPS_CARDINALITY)
        PFS_TRY(print_groups(bitmaps, out, err));
    return pfs_buf_check(out, err);
}
