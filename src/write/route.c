/* route.c - each row's kind, whether it passes, its partition and its hash.
 *
 * The gate comes first and may drop rows; what is behind it has passed once and for all, and is routed again without it
 * when buckets are given anew. Columns are shared with the batch that came; only kinds that a column spells, and the
 * columns of batches that lose rows, are made here. */
#include "src/write/route.h"

#include <assert.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "format/binrow.h"
#include "format/text/text.h"
#include "src/write/hive.h"
#include "src/write/write.h"

/* ---- the gate ---- */

void pfs_routed_free(struct pfs_routed *routed)
{
    pfs_arena_done(&routed->arena);
    pfs_free(routed);
}

static int check_mod(const struct pfs_schema *schema, struct pfs_err *err)
{
    enum pfs_kind kind;

    if (schema->bucket_keys != 1)
        return pfs_fail(err, EINVAL, "bucket key must have exactly one field in mod bucket function");
    kind = schema->field[schema->bucket_key[0]].type.kind;
    if (kind != PFS_INT && kind != PFS_BIGINT)
        return pfs_fail(err, EINVAL, "bucket key type must be INT or BIGINT in mod bucket function");
    return 0;
}

/* Hive's hash knows no timestamps, to Paimon. */
static int check_hive(const struct pfs_schema *schema, struct pfs_err *err)
{
    for (int32_t i = 0; i < schema->bucket_keys; i++) {
        const struct pfs_field *f = &schema->field[schema->bucket_key[i]];

        if (f->type.kind == PFS_TIMESTAMP || f->type.kind == PFS_TIMESTAMP_LTZ)
            return pfs_fail(err, EINVAL, "Unsupported type as bucket key type: %s is a TIMESTAMP, in hive buckets",
                            f->name);
    }
    return 0;
}

int pfs_gate_init(struct pfs_gate *gate, const struct pfs_schema *schema, struct pfs_err *err)
{
    static const char *const functions[] = {"default", "mod", "hive", NULL};
    static const char *const fallbacks[] = {"first-row.ignore-delete", "deduplicate.ignore-delete",
                                            "partial-update.ignore-delete"};
    const struct pfs_options *o = &schema->options;
    const char *kind = pfs_options_get(o, "rowkind.field");
    const char *ignore = "ignore-delete";
    int function;

    *gate = (struct pfs_gate){.schema = schema, .kind_column = -1};
    for (size_t i = 0; i < 3 && pfs_options_get(o, ignore) == NULL; i++)
        ignore = fallbacks[i];
    PFS_TRY(pfs_options_bool(o, ignore, false, &gate->ignore_delete, err));
    PFS_TRY(pfs_options_bool(o, "ignore-update-before", false, &gate->ignore_update_before, err));
    PFS_TRY(pfs_options_enum(o, "bucket-function.type", functions, 0, &function, err));
    gate->function = (enum pfs_bucket_function)function;
    if (gate->function == PFS_BUCKET_MOD && schema->buckets > 0)
        PFS_TRY(check_mod(schema, err));
    if (gate->function == PFS_BUCKET_HIVE && schema->buckets > 0)
        PFS_TRY(check_hive(schema, err));
    if (kind != NULL) {
        gate->kind_column = pfs_schema_find(schema, pfs_str(kind));
        if (gate->kind_column < 0)
            return pfs_fail(err, EINVAL, "Rowkind field: '%s' can not be found in table schema.", kind);
        if (!pfs_kind_is_text(schema->field[gate->kind_column].type.kind))
            return pfs_fail(err, EINVAL, "only support string type for rowkind, but %s is another", kind);
    }
    return 0;
}

/* Kinds that the rowkind.field column spells. */
static int kinds_from_column(const struct pfs_column *text, int64_t rows, int8_t *kinds, struct pfs_err *err)
{
    for (int64_t i = 0; i < rows; i++) {
        struct pfs_slice s = pfs_column_present(text, i) ? pfs_column_bytes(text, i) : pfs_str("");
        enum pfs_row_kind kind;

        if (!pfs_column_present(text, i))
            return pfs_fail(err, EINVAL, "Row kind cannot be null.");
        if (pfs_row_kind_parse(s, &kind) < 0)
            return pfs_fail(err, EINVAL, "Unsupported short string '%.*s' for row kind.", PFS_P(s));
        kinds[i] = (int8_t)kind;
    }
    return 0;
}

static bool passes(const struct pfs_gate *gate, int8_t kind)
{
    if (kind == PFS_UPDATE_BEFORE)
        return !gate->ignore_delete && !gate->ignore_update_before;
    return kind != PFS_DELETE || !gate->ignore_delete;
}

/* Runs of rows that pass. */
static int64_t passing(const struct pfs_gate *gate, const int8_t *kinds, int64_t rows, struct pfs_range *range,
                       int64_t *passed)
{
    int64_t ranges = 0;

    *passed = 0;
    for (int64_t i = 0; i < rows; i++) {
        if (!passes(gate, kinds[i]))
            continue;
        if (ranges > 0 && range[ranges - 1].from + range[ranges - 1].len == i)
            range[ranges - 1].len++;
        else
            range[ranges++] = (struct pfs_range){0, (int32_t)i, 1};
        (*passed)++;
    }
    return ranges;
}

static int drop_rows(const struct pfs_gate *gate, struct pfs_routed *r, struct pfs_err *err)
{
    struct pfs_batch in = r->batch;
    const struct pfs_batch *source = &in;
    const int8_t *kinds = in.column[in.columns - 1].values;
    struct pfs_range *range;
    int64_t passed, ranges;

    if (!gate->ignore_delete && !gate->ignore_update_before)
        return 0;
    range = pfs_arena_array(&r->arena, (size_t)in.rows, sizeof(*range));
    if (range == NULL)
        return pfs_arena_full(&r->arena, err);
    ranges = passing(gate, kinds, in.rows, range, &passed);
    assert(ranges <= passed);
    assert(passed <= in.rows);
    if (passed == in.rows)
        return 0;
    r->batch.column = pfs_arena_array(&r->arena, (size_t)in.columns, sizeof(*r->batch.column));
    if (r->batch.column == NULL)
        return pfs_arena_full(&r->arena, err);
    for (int32_t i = 0; i < in.columns; i++)
        PFS_TRY(pfs_column_gather(&source, i, range, ranges, passed, &r->arena, &r->batch.column[i], err));
    r->batch.rows = passed;
    return 0;
}

/* Tables without a primary key hold rows, not changes. */
static int check_appends(const struct pfs_gate *gate, const struct pfs_batch *batch, struct pfs_err *err)
{
    const int8_t *kinds = batch->column[batch->columns - 1].values;

    if (gate->schema->primary_keys > 0)
        return 0;
    for (int64_t i = 0; i < batch->rows; i++)
        if (kinds[i] != PFS_INSERT)
            return pfs_fail(err, EINVAL, "a table without a primary key takes +I rows only, not %s",
                            pfs_row_kind_name((enum pfs_row_kind)kinds[i]));
    return 0;
}

static int pass_gate(const struct pfs_gate *gate, struct pfs_routed *r, const struct pfs_batch *in, struct pfs_err *err)
{
    struct pfs_column *column = pfs_arena_array(&r->arena, (size_t)in->columns, sizeof(*column));

    assert(in->columns == gate->schema->columns + 1);
    if (column == NULL)
        return pfs_arena_full(&r->arena, err);
    memcpy(column, in->column, (size_t)in->columns * sizeof(*column));
    if (gate->kind_column >= 0) {
        int8_t *kinds = pfs_arena_alloc(&r->arena, (size_t)in->rows);

        if (kinds == NULL)
            return pfs_arena_full(&r->arena, err);
        PFS_TRY(kinds_from_column(&column[gate->kind_column], in->rows, kinds, err));
        column[in->columns - 1].values = kinds;
    }
    r->batch = (struct pfs_batch){in->rows, in->columns, column};
    PFS_TRY(drop_rows(gate, r, err));
    return check_appends(gate, &r->batch, err);
}

int pfs_write_gate(const struct pfs_schema *schema, const struct pfs_batch *batch, struct pfs_arena *arena,
                   struct pfs_batch *out, struct pfs_err *err)
{
    struct pfs_routed r = {.arena = *arena};
    struct pfs_gate gate;
    int rc;

    PFS_TRY(pfs_gate_init(&gate, schema, err));
    rc = pass_gate(&gate, &r, batch, err);
    *arena = r.arena;
    *out = r.batch;
    return rc;
}

/* ---- partitions ---- */

void pfs_partitions_init(struct pfs_partitions *partitions)
{
    *partitions = (struct pfs_partitions){0};
    pfs_arena_init(&partitions->arena, PFS_ARENA_LIMIT);
}

void pfs_partitions_done(struct pfs_partitions *partitions)
{
    pfs_arena_done(&partitions->arena);
    pfs_free(partitions->bytes);
    pfs_free(partitions->slot);
    *partitions = (struct pfs_partitions){0};
}

/* Where its number is, or would be. */
static int32_t *slot_of(const struct pfs_partitions *p, struct pfs_slice row)
{
    size_t at = (size_t)pfs_hash64(row.at, row.len, 0) & (p->slots - 1);

    assert((p->slots & (p->slots - 1)) == 0);
    while (p->slot[at] != 0 && !pfs_slice_eq(p->bytes[p->slot[at] - 1], row))
        at = (at + 1) & (p->slots - 1);
    return &p->slot[at];
}

int32_t pfs_partitions_find(const struct pfs_partitions *partitions, struct pfs_slice row)
{
    return partitions->count == 0 ? -1 : *slot_of(partitions, row) - 1;
}

static int grow(struct pfs_partitions *p, struct pfs_err *err)
{
    int32_t room = p->room == 0 ? 16 : p->room * 2;
    struct pfs_slice *more = pfs_realloc(p->bytes, (size_t)room * sizeof(*more));
    int32_t *slot;

    if (more == NULL)
        return pfs_fail(err, ENOMEM, "no memory for %d partitions", room);
    p->bytes = more;
    slot = pfs_alloc_array((size_t)room * 2, sizeof(*slot));
    if (slot == NULL)
        return pfs_fail(err, ENOMEM, "no memory for %d partitions", room);
    pfs_free(p->slot);
    p->slot = slot;
    p->slots = (size_t)room * 2;
    p->room = room;
    for (int32_t i = 0; i < p->count; i++)
        *slot_of(p, p->bytes[i]) = i + 1;
    return 0;
}

/* There may be a hundred thousand of them, each in a row of its own. */
int pfs_partitions_number(struct pfs_partitions *p, struct pfs_slice row, int32_t *out, struct pfs_err *err)
{
    int32_t found = pfs_partitions_find(p, row);

    if (found >= 0) {
        *out = found;
        return 0;
    }
    assert(p->count <= p->room);
    if (p->count == p->room)
        PFS_TRY(grow(p, err));
    if (!pfs_arena_copy(&p->arena, row, &p->bytes[p->count]))
        return pfs_arena_full(&p->arena, err);
    *slot_of(p, row) = p->count + 1;
    *out = p->count++;
    return 0;
}

static int number_rows(const struct pfs_schema *schema, struct pfs_partitions *p, struct pfs_routed *r,
                       struct pfs_buf *text, struct pfs_err *err)
{
    int32_t keys = schema->partition_keys, *number = NULL, last = 0;
    const struct pfs_column **column = pfs_arena_array(&r->arena, (size_t)keys, sizeof(*column));

    if (keys > 0)
        number = pfs_arena_array(&r->arena, (size_t)r->batch.rows, sizeof(*number));
    if (column == NULL || (keys > 0 && number == NULL))
        return pfs_arena_full(&r->arena, err);
    for (int32_t i = 0; i < keys; i++)
        column[i] = &r->batch.column[schema->partition_key[i]];
    for (int64_t i = 0; i < (keys > 0 ? r->batch.rows : 1); i++) {
        pfs_buf_clear(text);
        PFS_TRY(pfs_binrow_print(column, keys, i, true, text, err));
        if (i == 0 || !pfs_slice_eq(p->bytes[last], pfs_buf_slice(text)))
            PFS_TRY(pfs_partitions_number(p, pfs_buf_slice(text), &last, err));
        if (number != NULL)
            number[i] = last;
    }
    r->partition = number;
    return 0;
}

/* ---- hashes ---- */

/* floorMod of an INT or BIGINT key by the number of buckets. */
static void mod_rows(const struct pfs_schema *schema, const struct pfs_column *key, int64_t rows, int32_t *out)
{
    int64_t n = schema->buckets;

    assert(n > 0);
    assert(key->type->kind == PFS_INT || key->type->kind == PFS_BIGINT);
    for (int64_t i = 0; i < rows; i++) {
        int64_t v = key->type->kind == PFS_INT ? ((const int32_t *)key->values)[i] : ((const int64_t *)key->values)[i];
        int64_t rest = v % n;

        out[i] = (int32_t)(rest < 0 ? rest + n : rest);
    }
}

static int hash_rows(const struct pfs_gate *gate, struct pfs_routed *r, struct pfs_buf *text, struct pfs_err *err)
{
    const struct pfs_schema *schema = gate->schema;
    bool dynamic = schema->buckets < 0;
    int32_t keys = dynamic ? schema->trimmed_keys : schema->bucket_keys;
    const int32_t *key = dynamic ? schema->trimmed_key : schema->bucket_key;
    const struct pfs_column **column;
    int32_t *hash;

    if (keys == 0 || schema->buckets == 1)
        return 0;
    column = pfs_arena_array(&r->arena, (size_t)keys, sizeof(*column));
    hash = pfs_arena_array(&r->arena, (size_t)r->batch.rows, sizeof(*hash));
    if (column == NULL || hash == NULL)
        return pfs_arena_full(&r->arena, err);
    for (int32_t i = 0; i < keys; i++)
        column[i] = &r->batch.column[key[i]];
    r->hash = hash;
    if (gate->function == PFS_BUCKET_MOD && !dynamic) {
        mod_rows(schema, column[0], r->batch.rows, hash);
        return 0;
    }
    if (gate->function == PFS_BUCKET_HIVE && !dynamic)
        return pfs_hive_hash(column, keys, r->batch.rows, hash, err);
    return pfs_binrow_hash_batch(column, keys, r->batch.rows, text, hash, err);
}

int32_t pfs_bucket_of(const struct pfs_gate *gate, int32_t hash)
{
    int32_t rest;

    if (gate->function == PFS_BUCKET_MOD)
        return hash;
    if (gate->function == PFS_BUCKET_HIVE)
        return (hash & INT32_MAX) % gate->schema->buckets;
    rest = hash % gate->schema->buckets;
    return rest < 0 ? -rest : rest;
}

static int route(const struct pfs_gate *gate, struct pfs_partitions *partitions, struct pfs_routed *r,
                 struct pfs_err *err)
{
    struct pfs_buf text = {0};
    int rc = 0;

    if (r->batch.rows > 0)
        rc = number_rows(gate->schema, partitions, r, &text, err);
    if (rc == 0 && r->batch.rows > 0)
        rc = hash_rows(gate, r, &text, err);
    pfs_buf_done(&text);
    return rc;
}

int pfs_route(const struct pfs_gate *gate, struct pfs_partitions *partitions, struct pfs_arena *arena,
              const struct pfs_batch *batch, struct pfs_routed *out, struct pfs_err *err)
{
    *out = (struct pfs_routed){.arena = *arena};
    pfs_arena_init(arena, out->arena.limit_bytes);
    PFS_TRY(pass_gate(gate, out, batch, err));
    return route(gate, partitions, out, err);
}

int pfs_route_again(const struct pfs_gate *gate, struct pfs_partitions *partitions, struct pfs_arena *arena,
                    const struct pfs_batch *batch, struct pfs_routed *out, struct pfs_err *err)
{
    *out = (struct pfs_routed){.arena = *arena, .batch = *batch};
    pfs_arena_init(arena, out->arena.limit_bytes);
    return route(gate, partitions, out, err);
}
