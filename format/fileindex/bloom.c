/* bloom.c - the bloom filter: i32 number of hash functions, then the bits. Nulls are not in it.
 *
 * The k-th hash of a value is the lower half of its 64-bit hash and k times the upper one: two hashes do for all. A bit
 * that is 0 says that no row has the value; all 1 says nothing. Only equality can be asked. */
#include <assert.h>
#include <math.h>
#include <string.h>
#include <xxhash.h>

#include "base/mem.h"
#include "format/fileindex/index.h"

#define ITEMS_DEFAULT 1000000
#define WRONG_DEFAULT 0.1
#define STEP_ROWS 1024  /* rows whose keys are widened at a time */
#define HASHES_MAX 1000 /* more than any size of filter asks for */

/* Thomas Wang's mix of 64 bits, with arithmetic shifts to the right, as Paimon has it. */
static uint64_t mix(int64_t number)
{
    uint64_t k = (uint64_t)number;

    k = ~k + (k << 21);
    k ^= (uint64_t)((int64_t)k >> 24);
    k = k + (k << 3) + (k << 8);
    k ^= (uint64_t)((int64_t)k >> 14);
    k = k + (k << 2) + (k << 4);
    k ^= (uint64_t)((int64_t)k >> 28);
    return k + (k << 31);
}

/* False for types that Paimon's filter does not take: then nothing is known. */
static bool hash(const struct pfs_probe *probe, uint64_t *out)
{
    const struct pfs_type *type = probe->type;
    int32_t narrow;
    int64_t wide;

    assert(probe->literal != NULL);
    if (pfs_kind_is_text(type->kind) || type->kind == PFS_BINARY || type->kind == PFS_VARBINARY) {
        struct pfs_slice bytes = pfs_column_bytes(probe->literal, 0);

        *out = XXH64(bytes.at, bytes.len, 0);
        return true;
    }
    if (type->kind == PFS_BOOLEAN || type->kind == PFS_DECIMAL)
        return false;
    if (probe->form.floating) { /* the bits, not their order */
        if (probe->form.width == 4) {
            memcpy(&narrow, probe->literal->values, 4);
            wide = narrow;
        } else {
            memcpy(&wide, probe->literal->values, 8);
        }
        *out = mix(wide);
        return true;
    }
    *out = mix(probe->key.number);
    return probe->form.width > 0;
}

int pfs_bloom_ask(const struct pfs_probe *probe, struct pfs_index_rows *out, struct pfs_err *err)
{
    struct pfs_cursor c = pfs_cursor_of(probe->index);
    uint32_t hashes = pfs_take_be32(&c), one, two;
    uint64_t count = (uint64_t)pfs_left(&c) * 8, h;
    const uint8_t *bits;

    if (c.bad || count == 0 || count > INT32_MAX || hashes == 0 || hashes > HASHES_MAX)
        return pfs_index_damaged(err, "a bloom filter has no bits or no hash functions");
    out->answer = PFS_INDEX_ALL;
    if (probe->how != PFS_EQ || !hash(probe, &h))
        return 0;
    bits = c.in.at + c.pos;
    one = (uint32_t)h;
    two = (uint32_t)(h >> 32);
    for (uint32_t i = 1; i <= hashes; i++) {
        uint32_t mixed = one + i * two;
        uint64_t at = ((int32_t)mixed < 0 ? ~mixed : mixed) % count;

        if ((bits[at >> 3] >> (at & 7) & 1) == 0)
            out->answer = PFS_INDEX_NONE;
    }
    return 0;
}

/* ---- making ---- */

struct bloom {
    struct pfs_maker maker;
    uint32_t hashes;
    uint64_t bits; /* how many */
    uint8_t *bit;
};

static void add_hash(struct bloom *b, uint64_t h)
{
    uint32_t one = (uint32_t)h, two = (uint32_t)(h >> 32);

    assert(b->bits > 0);
    for (uint32_t i = 1; i <= b->hashes; i++) {
        uint32_t mixed = one + i * two;
        uint64_t at = ((int32_t)mixed < 0 ? ~mixed : mixed) % b->bits;

        b->bit[at >> 3] |= (uint8_t)(1u << (at & 7));
    }
}

/* Numbers are hashed as 64 bits, whatever their width: a step of rows is widened into an array on the stack first. */
static void add_numbers(struct bloom *b, const struct pfs_column *column, int64_t rows)
{
    struct pfs_key_form form = b->maker.form;
    int64_t all = form.width == 4 ? INT32_MAX : INT64_MAX;
    int64_t number[STEP_ROWS];

    assert(form.width > 0);
    for (int64_t from = 0; from < rows; from += STEP_ROWS) {
        int64_t len = rows - from < STEP_ROWS ? rows - from : STEP_ROWS;
        struct pfs_column part = *column;

        part.values = (const uint8_t *)column->values + from * pfs_type_width(column->type);
        pfs_key_numbers(&part, len, form, number);
        for (int64_t i = 0; i < len; i++)
            if (pfs_column_present(column, from + i)) /* of floating ones the bits, not their order */
                add_hash(b, mix(form.floating && number[i] < 0 ? number[i] ^ all : number[i]));
    }
}

static int bloom_add(struct pfs_maker *self, const struct pfs_column *column, int64_t rows, struct pfs_err *err)
{
    struct bloom *b = (struct bloom *)self;

    (void)err;
    if (self->form.width > 0) {
        add_numbers(b, column, rows);
        return 0;
    }
    for (int64_t i = 0; i < rows; i++)
        if (pfs_column_present(column, i)) {
            struct pfs_slice bytes = pfs_column_bytes(column, i);

            add_hash(b, XXH64(bytes.at, bytes.len, 0));
        }
    return 0;
}

/* As large as it was made, however few values came: its size was decided by the option. */
static int bloom_finish(struct pfs_maker *self, struct pfs_buf *out, struct pfs_err *err)
{
    struct bloom *b = (struct bloom *)self;

    assert(b->hashes >= 1 && b->hashes <= HASHES_MAX);
    assert(b->bits % 8 == 0);
    pfs_buf_be32(out, b->hashes);
    pfs_buf_put(out, b->bit, (size_t)(b->bits / 8));
    return pfs_buf_check(out, err);
}

static void bloom_close(struct pfs_maker *self)
{
    pfs_free(((struct bloom *)self)->bit);
    pfs_free(self);
}

/* Paimon's sizes: bits by the formula, rounded up to bytes (to one more where that is even). */
static int size_bloom(const struct pfs_index_write *write, struct bloom *b, struct pfs_err *err)
{
    double items = write->items == 0 ? ITEMS_DEFAULT : write->items;
    double wrong = write->wrong == 0.0 ? WRONG_DEFAULT : write->wrong;
    double bits = -items * log(wrong) / (M_LN2 * M_LN2);
    double hashes;

    if (!(items >= 1 && wrong > 0.0 && wrong < 1.0 && bits < (double)(INT32_MAX - 8)))
        return pfs_fail(err, EINVAL, "a bloom filter for %g values with %g wrong answers cannot be made (column %s)",
                        items, wrong, write->column);
    b->bits = (uint64_t)bits;
    b->bits += 8 - b->bits % 8;
    hashes = floor((double)b->bits / items * M_LN2 + 0.5);
    b->hashes = hashes < 1 ? 1 : hashes > HASHES_MAX ? HASHES_MAX : (uint32_t)hashes;
    return 0;
}

int pfs_bloom_make(const struct pfs_index_write *write, struct pfs_maker **out, struct pfs_err *err)
{
    static const struct pfs_maker_ops ops = {bloom_add, bloom_finish, bloom_close};
    enum pfs_kind kind = write->type->kind;
    struct bloom *b, made = {.maker = {.ops = &ops, .write = write}};
    bool bytes = pfs_kind_is_text(kind) || kind == PFS_BINARY || kind == PFS_VARBINARY;

    if (!bytes && (!pfs_key_form_of(write->type, &made.maker.form) || kind == PFS_BOOLEAN || kind == PFS_DECIMAL))
        return pfs_index_refused(write, err);
    PFS_TRY(size_bloom(write, &made, err));
    b = pfs_alloc(sizeof(*b));
    made.bit = pfs_zalloc((size_t)(made.bits / 8));
    if (b == NULL || made.bit == NULL) {
        pfs_free(b);
        pfs_free(made.bit);
        return pfs_fail(err, ENOMEM, "no memory for a file index");
    }
    *b = made;
    *out = &b->maker;
    return 0;
}
