/* rows_put.c - kernels that append one value to a column, and what the columns grow in.
 *
 * A kernel may count on room for its row: whoever takes rows has grown the columns by as many. It looks at nothing but
 * the cursor, which is asked once a batch whether it went bad; values of a bad cursor are zeros that nobody sees.
 * Validity is set beforehand, so that a present value, the common one, writes no bit. */
#include <assert.h>

#include "base/mem.h"
#include "format/avro/rows_node.h"

#define PIECE_ITEMS 1024 /* of a list, decoded between two looks at its room */

/* ---- memory ---- */

/* What is held becomes `bytes` long, having been `had`. */
static bool resize(struct pfs_avro_node *n, void *held, size_t had, size_t bytes)
{
    void **at = held;
    void *more = bytes - had > n->memory->left_bytes ? NULL : pfs_realloc(*at, bytes);

    assert(bytes >= had);
    if (more == NULL) {
        n->memory->full = true;
        return false;
    }
    n->memory->left_bytes -= bytes - had;
    *at = more;
    return true;
}

static bool has_offsets(enum pfs_kind kind)
{
    return pfs_kind_is_bytes(kind) || (pfs_kind_is_nested(kind) && kind != PFS_ROW);
}

/* In whole words of validity. */
static bool make_room(struct pfs_avro_node *n, int64_t want)
{
    size_t width = (size_t)pfs_type_width(n->type), had = (size_t)n->room, bits = had / 8;
    size_t room = ((size_t)(want < n->room * 2 ? n->room * 2 : want) + 63) / 64 * 64;

    if (!resize(n, &n->valid, bits, room / 8) || (width > 0 && !resize(n, &n->values, had * width, room * width)) ||
        (has_offsets(n->type->kind) && !resize(n, &n->offsets, had * 4, room * 4 + 4)))
        return false;
    memset(n->valid + bits, 0xff, room / 8 - bits);
    if (n->offsets != NULL && n->room == 0)
        n->offsets[0] = 0;
    assert((int64_t)room >= want);
    n->room = (int64_t)room;
    return true;
}

/* The children of a ROW have its rows and grow with it; those of lists grow as their items come. */
bool pfs_avro_node_grow(struct pfs_avro_node *node, int64_t more)
{
    assert(more >= 0);
    assert(node->rows <= node->room || node->put == NULL);
    if (node->put == NULL)
        return true;
    if (more > node->room - node->rows && !make_room(node, node->rows + more))
        return false;
    if (node->type->kind == PFS_ROW)
        for (int32_t i = 0; i < node->children; i++)
            if (!pfs_avro_node_grow(&node->child[i], more))
                return false;
    return true;
}

/* Memory stays for the next batch, which will be as large; validity is set again only where a bit was cleared. */
void pfs_avro_node_clear(struct pfs_avro_node *node)
{
    if (node->nulls)
        memset(node->valid, 0xff, (size_t)node->room / 8);
    node->rows = 0;
    node->nulls = false;
    for (int32_t i = 0; i < node->children; i++)
        pfs_avro_node_clear(&node->child[i]);
}

void pfs_avro_node_absent(const struct pfs_type *type, struct pfs_avro_node *out)
{
    *out = (struct pfs_avro_node){.type = type, .null_branch = -1, .value_branch = -1, .fixed = -1};
}

void pfs_avro_node_done(struct pfs_avro_node *node)
{
    for (int32_t i = 0; node->child != NULL && i < node->children; i++)
        pfs_avro_node_done(&node->child[i]);
    pfs_free(node->valid);
    pfs_free(node->values);
    pfs_free(node->offsets);
    pfs_free(node->bytes);
}

/* ---- one value ---- */

static void put_null(struct pfs_avro_node *n)
{
    size_t width = (size_t)pfs_type_width(n->type);

    if (n->room == 0) /* nulls alone, or absent */
        return;
    assert(n->rows < n->room);
    n->valid[n->rows >> 3] &= (uint8_t) ~(1 << (n->rows & 7));
    n->nulls = true;
    if (width > 0)
        memset(n->values + (size_t)n->rows * width, 0, width);
    if (n->offsets != NULL)
        n->offsets[n->rows + 1] = n->offsets[n->rows];
    if (n->type->kind == PFS_ROW)
        for (int32_t i = 0; i < n->children; i++)
            put_null(&n->child[i]);
    n->rows++;
}

void pfs_avro_node_take(struct pfs_avro_node *n, struct pfs_cursor *c)
{
    if (n->tagged) {
        int64_t branch = pfs_avro_take_long(c);

        if (branch < 0 || (branch != n->null_branch && branch != n->value_branch)) {
            c->bad = true;
            return;
        }
        if (branch == n->null_branch) {
            put_null(n);
            return;
        }
    }
    n->put(n, c);
}

void pfs_avro_steps_take(const struct pfs_avro_step *step, int32_t steps, struct pfs_cursor *c)
{
    for (int32_t i = 0; i < steps && !c->bad; i++) {
        if (step[i].node != NULL)
            pfs_avro_node_take(step[i].node, c);
        else
            pfs_avro_skip(c, step[i].skip);
    }
}

/* ---- kernels ---- */

#define INTEGER(name, int_type)                                     \
    static void name(struct pfs_avro_node *n, struct pfs_cursor *c) \
    {                                                               \
        int64_t v = pfs_avro_take_long(c);                          \
                                                                    \
        if (v != (int_type)v)                                       \
            c->bad = true;                                          \
        ((int_type *)n->values)[n->rows++] = (int_type)v;           \
    }

INTEGER(put_tinyint, int8_t)
INTEGER(put_smallint, int16_t)
INTEGER(put_int, int32_t)
INTEGER(put_bigint, int64_t)

static void put_boolean(struct pfs_avro_node *n, struct pfs_cursor *c)
{
    n->values[n->rows++] = pfs_take_u8(c) != 0;
}

static void put_float(struct pfs_avro_node *n, struct pfs_cursor *c)
{
    uint32_t bits = pfs_take_le32(c);

    memcpy(n->values + 4 * (size_t)n->rows++, &bits, 4);
}

static void put_double(struct pfs_avro_node *n, struct pfs_cursor *c)
{
    uint64_t bits = pfs_take_le64(c);

    memcpy(n->values + 8 * (size_t)n->rows++, &bits, 8);
}

/* A FIXED has its length in the schema, bytes and strings in front of them. */
static struct pfs_slice take_stored(const struct pfs_avro_node *n, struct pfs_cursor *c)
{
    struct pfs_slice out = {NULL, 0};

    if (n->fixed < 0)
        return pfs_avro_take_bytes(c);
    (void)pfs_take(c, (size_t)n->fixed, &out);
    return out;
}

/* Sums may outgrow the precision of their column, and Avro has room for them; Paimon reads NULL there. */
static void put_decimal(struct pfs_avro_node *n, struct pfs_cursor *c)
{
    pfs_i128 v = 0;

    if (!pfs_decimal_from_be(take_stored(n, c), &v) || !pfs_decimal_fits(v, n->type->precision)) {
        put_null(n);
        return;
    }
    if (n->type->precision > 18)
        ((pfs_i128 *)n->values)[n->rows++] = v;
    else
        ((int64_t *)n->values)[n->rows++] = (int64_t)v;
}

/* What one batch takes of strings is bounded by its bytes in the file: offsets cannot pass 31 bits. */
static void put_bytes(struct pfs_avro_node *n, struct pfs_cursor *c)
{
    struct pfs_slice v = take_stored(n, c);
    size_t at = (size_t)n->offsets[n->rows];

    assert(n->rows < n->room);
    assert(at <= n->bytes_room);
    if (v.len > n->bytes_room - at) {
        size_t room = (at + v.len) * 2 + 64;

        if (!resize(n, &n->bytes, n->bytes_room, room)) {
            c->bad = true;
            return;
        }
        n->bytes_room = room;
    }
    if (v.len > 0)
        memcpy(n->bytes + at, v.at, v.len);
    n->offsets[++n->rows] = (int32_t)(at + v.len);
}

static void put_row(struct pfs_avro_node *n, struct pfs_cursor *c)
{
    n->rows++;
    pfs_avro_steps_take(n->step, n->steps, c);
}

static bool grow_children(struct pfs_avro_node *n, int64_t more)
{
    for (int32_t i = 0; i < n->children; i++)
        if (!pfs_avro_node_grow(&n->child[i], more))
            return false;
    return true;
}

/* Room is made in pieces: a count is a claim. */
static void put_list(struct pfs_avro_node *n, struct pfs_cursor *c)
{
    int64_t items = n->offsets[n->rows];

    for (int64_t count = pfs_avro_next_items(c); count > 0; count = pfs_avro_next_items(c))
        while (count > 0 && !c->bad) {
            int64_t piece = count < PIECE_ITEMS ? count : PIECE_ITEMS;

            if (!grow_children(n, piece)) {
                c->bad = true;
                return;
            }
            for (int64_t i = 0; i < piece && !c->bad; i++)
                pfs_avro_steps_take(n->step, n->steps, c);
            items += piece;
            count -= piece;
        }
    n->offsets[++n->rows] = (int32_t)items;
}

/* What a kind may be stored as, and its kernel. */
static const struct {
    pfs_avro_put_fn *put;
    enum pfs_avro_type stored, also;
} kernels[PFS_KIND_COUNT] = {
    [PFS_BOOLEAN] = {put_boolean, PFS_AVRO_T_BOOLEAN, PFS_AVRO_T_BOOLEAN},
    [PFS_TINYINT] = {put_tinyint, PFS_AVRO_T_INT, PFS_AVRO_T_INT},
    [PFS_SMALLINT] = {put_smallint, PFS_AVRO_T_INT, PFS_AVRO_T_INT},
    [PFS_INT] = {put_int, PFS_AVRO_T_INT, PFS_AVRO_T_INT},
    [PFS_BIGINT] = {put_bigint, PFS_AVRO_T_INT, PFS_AVRO_T_INT},
    [PFS_FLOAT] = {put_float, PFS_AVRO_T_FLOAT, PFS_AVRO_T_FLOAT},
    [PFS_DOUBLE] = {put_double, PFS_AVRO_T_DOUBLE, PFS_AVRO_T_DOUBLE},
    [PFS_DECIMAL] = {put_decimal, PFS_AVRO_T_BYTES, PFS_AVRO_T_FIXED},
    [PFS_CHAR] = {put_bytes, PFS_AVRO_T_BYTES, PFS_AVRO_T_FIXED},
    [PFS_VARCHAR] = {put_bytes, PFS_AVRO_T_BYTES, PFS_AVRO_T_FIXED},
    [PFS_BINARY] = {put_bytes, PFS_AVRO_T_BYTES, PFS_AVRO_T_FIXED},
    [PFS_VARBINARY] = {put_bytes, PFS_AVRO_T_BYTES, PFS_AVRO_T_FIXED},
    [PFS_BLOB] = {put_bytes, PFS_AVRO_T_BYTES, PFS_AVRO_T_FIXED},
    [PFS_DATE] = {put_int, PFS_AVRO_T_INT, PFS_AVRO_T_INT},
    [PFS_TIME] = {put_int, PFS_AVRO_T_INT, PFS_AVRO_T_INT},
    [PFS_TIMESTAMP] = {put_bigint, PFS_AVRO_T_INT, PFS_AVRO_T_INT},
    [PFS_TIMESTAMP_LTZ] = {put_bigint, PFS_AVRO_T_INT, PFS_AVRO_T_INT},
    [PFS_ARRAY] = {put_list, PFS_AVRO_T_ARRAY, PFS_AVRO_T_ARRAY},
    [PFS_MAP] = {put_list, PFS_AVRO_T_MAP, PFS_AVRO_T_ARRAY},
    [PFS_MULTISET] = {put_list, PFS_AVRO_T_MAP, PFS_AVRO_T_ARRAY},
    [PFS_ROW] = {put_row, PFS_AVRO_T_RECORD, PFS_AVRO_T_RECORD},
};

pfs_avro_put_fn *pfs_avro_put_of(const struct pfs_type *type, const struct pfs_avro_schema *stored)
{
    bool fits = kernels[type->kind].stored == stored->type || kernels[type->kind].also == stored->type;

    assert(type->kind != PFS_VARIANT); /* has no kernel: what stands in its place would fit a null */
    return fits ? kernels[type->kind].put : NULL;
}

/* ---- out ---- */

static const void *copied(struct pfs_arena *arena, const void *at, size_t bytes)
{
    void *to = pfs_arena_alloc(arena, bytes);

    if (to != NULL && bytes > 0)
        memcpy(to, at, bytes);
    return to;
}

int pfs_avro_node_finish(const struct pfs_avro_node *n, int64_t rows, struct pfs_arena *arena, struct pfs_column *out,
                         struct pfs_err *err)
{
    struct pfs_column made = {.type = n->type};
    size_t width = (size_t)pfs_type_width(n->type);
    int64_t inner = rows;

    assert(rows >= 0 && rows <= INT32_MAX);
    if (n->room == 0)
        return pfs_column_nulls(n->type, rows, arena, out, err);
    if (n->nulls && (made.valid = copied(arena, n->valid, (size_t)(rows + 7) / 8)) == NULL)
        return pfs_arena_full(arena, err);
    if (width > 0 && (made.values = copied(arena, n->values, (size_t)rows * width)) == NULL)
        return pfs_arena_full(arena, err);
    if (n->offsets != NULL) {
        inner = n->offsets[rows];
        made.offsets = copied(arena, n->offsets, (size_t)(rows + 1) * sizeof(*n->offsets));
        if (made.offsets == NULL)
            return pfs_arena_full(arena, err);
    }
    if (pfs_kind_is_bytes(n->type->kind) && (made.values = copied(arena, n->bytes, (size_t)inner)) == NULL)
        return pfs_arena_full(arena, err);
    if (n->children > 0) {
        made.children = pfs_arena_array(arena, (size_t)n->children, sizeof(*made.children));
        if (made.children == NULL)
            return pfs_arena_full(arena, err);
    }
    for (int32_t i = 0; i < n->children; i++)
        PFS_TRY(pfs_avro_node_finish(&n->child[i], inner, arena, &made.children[i], err));
    *out = made;
    return 0;
}
