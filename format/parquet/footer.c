/* footer.c - FileMetaData in thrift into plain structs.
 *
 *     "PAR1" ... pages ... indexes of pages ... | FileMetaData | le32 its length | "PAR1"
 *                                               ^ footer.at
 *
 * The end of the file is read with a guess of how long the footer is, and once more when it was too short. Parsing goes
 * straight down on a cursor that is sticky (slice.h): a field of another type, or that does not fit, makes it bad, and
 * each list asks once behind its elements. What has meaning only together is looked at when all of it is there: the
 * schema's elements form one tree (place_node), a row group has a chunk for each leaf, rows add up. After load no
 * reader of these structs has to look again whether an index or an offset is in range.
 *
 * Lists say how many elements they have before they come: memory is taken for as many as the bytes left can hold, at
 * the least bytes that one takes.
 */
#include "format/parquet/footer.h"

#include <assert.h>

#include "base/limits.h"
#include "format/parquet/thrift.h"

/* Least bytes that an element of each list takes in thrift: they bound the memory by the bytes that are there. */
#define NODE_BYTES_MIN 4
#define CHUNK_BYTES_MIN 12
#define GROUP_BYTES_MIN 4

#define TAIL_GUESS 65536 /* read at once at the end: most footers are smaller */

const char *pfs_pq_physical_name(int physical)
{
#define X(id, number) [number] = #id,
    static const char *const names[] = {PFS_PQ_PHYSICALS(X)};
#undef X

    return physical >= 0 && physical < (int)(sizeof(names) / sizeof(*names)) ? names[physical] : "unknown";
}

const char *pfs_pq_encoding_name(int encoding)
{
#define X(id, number) [number] = #id,
    static const char *const names[] = {PFS_PQ_ENCODINGS(X)};
#undef X

    if (encoding < 0 || encoding >= (int)(sizeof(names) / sizeof(*names)) || names[encoding] == NULL)
        return "unknown";
    return names[encoding];
}

const char *pfs_pq_codec_name(int codec)
{
#define X(id, number) [number] = #id,
    static const char *const names[] = {PFS_PQ_CODECS(X)};
#undef X

    return codec >= 0 && codec < (int)(sizeof(names) / sizeof(*names)) ? names[codec] : "unknown";
}

/* A number of an enum; one that the format does not have, or not yet, is damage where the rest depends on it. */
static uint8_t small(struct pfs_cursor *c, const struct pfs_thrift_field *f, int32_t max)
{
    int32_t v = pfs_thrift_i32(c, f);

    if (v < 0 || v > max)
        c->bad = true;
    return (uint8_t)v;
}

/* A member of the union TimeUnit: its field id says which. */
static void take_unit(struct pfs_cursor *c, struct pfs_pq_node *node)
{
    struct pfs_thrift_field f = {0};

    while (pfs_thrift_next(c, &f)) {
        node->unit = f.id >= PFS_PQ_MILLIS && f.id <= PFS_PQ_NANOS ? (uint8_t)f.id : 0;
        pfs_thrift_skip(c, f.type);
    }
}

/* The fields of DecimalType, TimeType, TimestampType or IntType; those of other members are skipped. */
static void take_logical_member(struct pfs_cursor *c, struct pfs_pq_node *node)
{
    struct pfs_thrift_field f = {0};
    bool decimal = node->logical == PFS_PQ_LOGICAL_DECIMAL, integer = node->logical == PFS_PQ_LOGICAL_INTEGER;
    bool time = node->logical == PFS_PQ_LOGICAL_TIME || node->logical == PFS_PQ_LOGICAL_TIMESTAMP;

    while (pfs_thrift_next(c, &f)) {
        if (decimal && f.id == PFS_PQ_DECIMAL_SCALE)
            node->scale = pfs_thrift_i32(c, &f);
        else if (decimal && f.id == PFS_PQ_DECIMAL_PRECISION)
            node->precision = pfs_thrift_i32(c, &f);
        else if (integer && f.id == PFS_PQ_INTEGER_BITS)
            node->bits = (uint8_t)pfs_thrift_i8(c, &f);
        else if (integer && f.id == PFS_PQ_INTEGER_SIGNED)
            node->is_signed = pfs_thrift_bool(c, &f);
        else if (time && f.id == PFS_PQ_TIME_UTC)
            node->utc = pfs_thrift_bool(c, &f);
        else if (time && f.id == PFS_PQ_TIME_UNIT && pfs_thrift_struct(c, &f))
            take_unit(c, node);
        else
            pfs_thrift_skip(c, f.type);
    }
}

/* The union LogicalType: one field, whose id says which member it is. */
static void take_logical(struct pfs_cursor *c, struct pfs_pq_node *node)
{
    struct pfs_thrift_field f = {0};

    while (pfs_thrift_next(c, &f)) {
        if (!pfs_thrift_struct(c, &f))
            return;
        /* What is not known stays without meaning, but is not "none": no kind is made of it. */
        node->logical = f.id > 0 && f.id <= UINT8_MAX ? (uint8_t)f.id : UINT8_MAX;
        take_logical_member(c, node);
    }
}

static void set_integer(struct pfs_pq_node *node, int bits, bool is_signed)
{
    assert(bits == 8 || bits == 16 || bits == 32 || bits == 64);
    node->logical = PFS_PQ_LOGICAL_INTEGER;
    node->bits = (uint8_t)bits;
    node->is_signed = is_signed;
}

static void set_time(struct pfs_pq_node *node, enum pfs_pq_logical logical, enum pfs_pq_unit unit)
{
    node->logical = (uint8_t)logical;
    node->unit = (uint8_t)unit;
    node->utc = true; /* as these annotations are defined */
}

/* The annotation of old, for files of writers that know no other. */
static void apply_converted(struct pfs_pq_node *node, enum pfs_pq_converted converted)
{
    switch (converted) {
    case PFS_PQ_CONVERTED_UTF8:
        node->logical = PFS_PQ_LOGICAL_STRING;
        break;
    case PFS_PQ_CONVERTED_MAP:
    case PFS_PQ_CONVERTED_MAP_KEY_VALUE:
        node->logical = PFS_PQ_LOGICAL_MAP;
        break;
    case PFS_PQ_CONVERTED_LIST:
        node->logical = PFS_PQ_LOGICAL_LIST;
        break;
    case PFS_PQ_CONVERTED_ENUM:
        node->logical = PFS_PQ_LOGICAL_ENUM;
        break;
    case PFS_PQ_CONVERTED_DECIMAL:
        node->logical = PFS_PQ_LOGICAL_DECIMAL;
        break;
    case PFS_PQ_CONVERTED_DATE:
        node->logical = PFS_PQ_LOGICAL_DATE;
        break;
    case PFS_PQ_CONVERTED_TIME_MILLIS:
        set_time(node, PFS_PQ_LOGICAL_TIME, PFS_PQ_MILLIS);
        break;
    case PFS_PQ_CONVERTED_TIME_MICROS:
        set_time(node, PFS_PQ_LOGICAL_TIME, PFS_PQ_MICROS);
        break;
    case PFS_PQ_CONVERTED_TIMESTAMP_MILLIS:
        set_time(node, PFS_PQ_LOGICAL_TIMESTAMP, PFS_PQ_MILLIS);
        break;
    case PFS_PQ_CONVERTED_TIMESTAMP_MICROS:
        set_time(node, PFS_PQ_LOGICAL_TIMESTAMP, PFS_PQ_MICROS);
        break;
    case PFS_PQ_CONVERTED_UINT_8:
    case PFS_PQ_CONVERTED_UINT_16:
    case PFS_PQ_CONVERTED_UINT_32:
    case PFS_PQ_CONVERTED_UINT_64:
        set_integer(node, 8 << (converted - PFS_PQ_CONVERTED_UINT_8), false);
        break;
    case PFS_PQ_CONVERTED_INT_8:
    case PFS_PQ_CONVERTED_INT_16:
    case PFS_PQ_CONVERTED_INT_32:
    case PFS_PQ_CONVERTED_INT_64:
        set_integer(node, 8 << (converted - PFS_PQ_CONVERTED_INT_8), true);
        break;
    case PFS_PQ_CONVERTED_JSON:
        node->logical = PFS_PQ_LOGICAL_JSON;
        break;
    case PFS_PQ_CONVERTED_BSON:
        node->logical = PFS_PQ_LOGICAL_BSON;
        break;
    case PFS_PQ_CONVERTED_INTERVAL:
        node->logical = UINT8_MAX;
        break;
    }
}

/* The annotation of old stands beside the new one in most files: it counts only where it is alone. */
static void take_node(struct pfs_cursor *c, struct pfs_pq_node *node)
{
    struct pfs_thrift_field f = {0};
    int converted = -1;

    while (pfs_thrift_next(c, &f))
        switch (f.id) {
        case PFS_PQ_SCHEMA_TYPE:
            node->physical = small(c, &f, PFS_PQ_FIXED_LEN_BYTE_ARRAY);
            break;
        case PFS_PQ_SCHEMA_TYPE_LENGTH:
            node->length = pfs_thrift_i32(c, &f);
            break;
        case PFS_PQ_SCHEMA_REPETITION:
            node->repetition = small(c, &f, PFS_PQ_REPEATED);
            break;
        case PFS_PQ_SCHEMA_NAME:
            node->name = pfs_thrift_bytes(c, &f);
            break;
        case PFS_PQ_SCHEMA_CHILDREN:
            node->children = pfs_thrift_i32(c, &f);
            break;
        case PFS_PQ_SCHEMA_CONVERTED:
            converted = small(c, &f, PFS_PQ_CONVERTED_INTERVAL);
            break;
        case PFS_PQ_SCHEMA_SCALE:
            node->scale = pfs_thrift_i32(c, &f);
            break;
        case PFS_PQ_SCHEMA_PRECISION:
            node->precision = pfs_thrift_i32(c, &f);
            break;
        case PFS_PQ_SCHEMA_LOGICAL:
            if (pfs_thrift_struct(c, &f))
                take_logical(c, node);
            break;
        default:
            pfs_thrift_skip(c, f.type);
        }
    if (converted >= 0 && node->logical == PFS_PQ_LOGICAL_NONE)
        apply_converted(node, (enum pfs_pq_converted)converted);
}

/* Bounds of before the format defined an order are those of signed numbers: good for some types only. */
static void take_stats(struct pfs_cursor *c, struct pfs_pq_chunk *chunk)
{
    struct pfs_thrift_field f = {0};
    struct pfs_slice old_min = {0}, old_max = {0};
    struct pfs_pq_stats *stats = &chunk->stats;

    while (pfs_thrift_next(c, &f))
        switch (f.id) {
        case PFS_PQ_STATS_MAX_OLD:
            old_max = pfs_thrift_bytes(c, &f);
            break;
        case PFS_PQ_STATS_MIN_OLD:
            old_min = pfs_thrift_bytes(c, &f);
            break;
        case PFS_PQ_STATS_NULLS:
            stats->nulls = pfs_thrift_i64(c, &f);
            break;
        case PFS_PQ_STATS_MAX:
            stats->max = pfs_thrift_bytes(c, &f);
            break;
        case PFS_PQ_STATS_MIN:
            stats->min = pfs_thrift_bytes(c, &f);
            break;
        case PFS_PQ_STATS_MAX_EXACT:
            stats->cut_max = !pfs_thrift_bool(c, &f);
            break;
        case PFS_PQ_STATS_MIN_EXACT:
            stats->cut_min = !pfs_thrift_bool(c, &f);
            break;
        default:
            pfs_thrift_skip(c, f.type);
        }
    if (stats->min.at == NULL && stats->max.at == NULL) {
        stats->min = old_min;
        stats->max = old_max;
        stats->old = true;
    }
}

struct chunk_offsets {
    int64_t data, dictionary, bytes;
};

static void take_meta(struct pfs_cursor *c, struct pfs_pq_chunk *chunk, struct chunk_offsets *at)
{
    struct pfs_thrift_field f = {0};

    while (pfs_thrift_next(c, &f))
        switch (f.id) {
        case PFS_PQ_META_TYPE:
            chunk->physical = small(c, &f, PFS_PQ_FIXED_LEN_BYTE_ARRAY);
            break;
        case PFS_PQ_META_CODEC:
            chunk->codec = small(c, &f, UINT8_MAX);
            break;
        case PFS_PQ_META_VALUES:
            chunk->values = pfs_thrift_i64(c, &f);
            break;
        case PFS_PQ_META_COMPRESSED_BYTES:
            at->bytes = pfs_thrift_i64(c, &f);
            break;
        case PFS_PQ_META_STATISTICS:
            if (pfs_thrift_struct(c, &f))
                take_stats(c, chunk);
            break;
        case PFS_PQ_META_DATA_OFF:
            at->data = pfs_thrift_i64(c, &f);
            break;
        case PFS_PQ_META_DICTIONARY_OFF:
            at->dictionary = pfs_thrift_i64(c, &f);
            break;
        default:
            pfs_thrift_skip(c, f.type);
        }
}

struct index_at {
    int64_t off;
    int32_t bytes;
};

/* An index is optional: one that is not within the file counts as absent. */
static struct pfs_pq_extent within(struct index_at at, uint64_t end)
{
    if (at.off <= 0 || at.bytes <= 0 || (uint64_t)at.off > end || (uint64_t)at.bytes > end - (uint64_t)at.off)
        return (struct pfs_pq_extent){0};
    return (struct pfs_pq_extent){(uint64_t)at.off, (uint32_t)at.bytes};
}

/* `end` is where the footer begins: the pages of a chunk lie before it. Some writers give 0 as the offset of a
 * dictionary that is not there. */
static void take_chunk(struct pfs_cursor *c, uint64_t end, struct pfs_pq_chunk *chunk)
{
    struct pfs_thrift_field f = {0};
    struct chunk_offsets at = {-1, -1, -1};
    struct index_at offset_index = {0}, column_index = {0};

    chunk->stats.nulls = -1;
    while (pfs_thrift_next(c, &f))
        switch (f.id) {
        case PFS_PQ_CHUNK_META:
            if (pfs_thrift_struct(c, &f))
                take_meta(c, chunk, &at);
            break;
        case PFS_PQ_CHUNK_OFFSET_INDEX_OFF:
            offset_index.off = pfs_thrift_i64(c, &f);
            break;
        case PFS_PQ_CHUNK_OFFSET_INDEX_BYTES:
            offset_index.bytes = pfs_thrift_i32(c, &f);
            break;
        case PFS_PQ_CHUNK_COLUMN_INDEX_OFF:
            column_index.off = pfs_thrift_i64(c, &f);
            break;
        case PFS_PQ_CHUNK_COLUMN_INDEX_BYTES:
            column_index.bytes = pfs_thrift_i32(c, &f);
            break;
        case PFS_PQ_CHUNK_FILE_PATH:
        case PFS_PQ_CHUNK_CRYPTO:
        case PFS_PQ_CHUNK_ENCRYPTED_META:
            chunk->foreign = true;
            pfs_thrift_skip(c, f.type);
            break;
        default:
            pfs_thrift_skip(c, f.type);
        }
    if (chunk->foreign)
        return;
    if (at.dictionary > 0 && at.dictionary < at.data)
        at.data = at.dictionary;
    if (at.data < 0 || at.bytes < 0 || (uint64_t)at.data > end || (uint64_t)at.bytes > end - (uint64_t)at.data)
        c->bad = true;
    chunk->offset_index = within(offset_index, end);
    chunk->column_index = within(column_index, end);
    assert(c->bad || (uint64_t)at.data + (uint64_t)at.bytes <= end);
    chunk->off = (uint64_t)at.data;
    chunk->bytes = (uint64_t)at.bytes;
}

struct parse {
    struct pfs_cursor c;
    uint64_t end;
    struct pfs_arena *arena;
    struct pfs_pq_footer *footer;
    struct pfs_err *err;
};

static int bad(struct parse *p, const char *what)
{
    return pfs_fail(p->err, EIO, "the footer is damaged: %s", what);
}

static int parse_nodes(struct parse *p, const struct pfs_thrift_field *f)
{
    uint32_t count = pfs_thrift_list(&p->c, f, PFS_PQ_T_STRUCT, NODE_BYTES_MIN);

    if (p->footer->node != NULL || count == 0 || count > INT32_MAX)
        return bad(p, "no schema, or two");
    p->footer->node = pfs_arena_array(p->arena, count, sizeof(struct pfs_pq_node));
    if (p->footer->node == NULL)
        return pfs_arena_full(p->arena, p->err);
    p->footer->nodes = (int32_t)count;
    for (uint32_t i = 0; i < count; i++)
        take_node(&p->c, &p->footer->node[i]);
    return p->c.bad ? bad(p, "the schema does not parse") : 0;
}

/* Sets what follows from a node's place in the tree, for it and all below it. */
static int place_node(struct parse *p, int32_t at, int depth)
{
    struct pfs_pq_footer *footer = p->footer;
    struct pfs_pq_node *node = &footer->node[at];
    int32_t next = at + 1;

    assert(at < footer->nodes);
    assert(at > 0 || depth == 0);
    if (depth > PFS_JSON_DEPTH_MAX)
        return bad(p, "the schema nests too deep");
    if (node->children < 0)
        return bad(p, "a schema element has a negative number of children");
    node->leaf = footer->leaves;
    if (node->children == 0 && at != 0)
        footer->leaves++;
    for (int32_t i = 0; i < node->children; i++) {
        if (next >= footer->nodes)
            return bad(p, "the schema ends before its tree does");
        footer->node[next].definition_max =
            (uint8_t)(node->definition_max + (footer->node[next].repetition != PFS_PQ_REQUIRED));
        footer->node[next].repetition_max =
            (uint8_t)(node->repetition_max + (footer->node[next].repetition == PFS_PQ_REPEATED));
        PFS_TRY(place_node(p, next, depth + 1));
        next = footer->node[next].next;
    }
    assert(next <= footer->nodes);
    assert(node->repetition_max <= node->definition_max); /* what repeats is a level of both */
    node->next = next;
    return 0;
}

/* One for each leaf, in the order of the schema: a chunk does not say which column it is of in a way that had to be
 * believed. */
static int parse_chunks(struct parse *p, const struct pfs_thrift_field *f, struct pfs_pq_group *group)
{
    uint32_t count = pfs_thrift_list(&p->c, f, PFS_PQ_T_STRUCT, CHUNK_BYTES_MIN);

    if (p->c.bad || group->chunk != NULL || count != (uint32_t)p->footer->leaves)
        return bad(p, "a row group has another number of columns than the schema");
    group->chunk = pfs_arena_array(p->arena, count, sizeof(struct pfs_pq_chunk));
    if (group->chunk == NULL)
        return pfs_arena_full(p->arena, p->err);
    for (uint32_t i = 0; i < count; i++)
        take_chunk(&p->c, p->end, &group->chunk[i]);
    return p->c.bad ? bad(p, "a column chunk does not parse or lies outside the file") : 0;
}

static int parse_group(struct parse *p, struct pfs_pq_group *group)
{
    struct pfs_thrift_field f = {0};

    group->rows = -1;
    while (pfs_thrift_next(&p->c, &f)) {
        if (f.id == PFS_PQ_GROUP_COLUMNS)
            PFS_TRY(parse_chunks(p, &f, group));
        else if (f.id == PFS_PQ_GROUP_ROWS)
            group->rows = pfs_thrift_i64(&p->c, &f);
        else
            pfs_thrift_skip(&p->c, f.type);
    }
    if (p->c.bad || group->rows < 0 || (group->chunk == NULL && p->footer->leaves > 0))
        return bad(p, "a row group does not parse");
    return 0;
}

static int parse_groups(struct parse *p, const struct pfs_thrift_field *f)
{
    uint32_t count = pfs_thrift_list(&p->c, f, PFS_PQ_T_STRUCT, GROUP_BYTES_MIN);

    if (p->footer->node == NULL || p->footer->group != NULL || count > INT32_MAX)
        return bad(p, "row groups before the schema, or twice");
    PFS_TRY(place_node(p, 0, 0));
    if (p->footer->node[0].next != p->footer->nodes)
        return bad(p, "the schema has more elements than its tree");
    p->footer->group = pfs_arena_array(p->arena, count, sizeof(struct pfs_pq_group));
    if (p->footer->group == NULL)
        return pfs_arena_full(p->arena, p->err);
    p->footer->groups = (int32_t)count;
    for (uint32_t i = 0; i < count; i++)
        PFS_TRY(parse_group(p, &p->footer->group[i]));
    return 0;
}

/* These leave out the bounds of a column with a NaN, as pfs_pq_out_bounds does; others leave out the NaN. */
static bool keeps_nan(struct pfs_slice created_by)
{
    static const char *const writers[] = {"parquet-mr ", "paimonfs "};

    for (size_t i = 0; i < sizeof(writers) / sizeof(*writers); i++)
        if (created_by.len > strlen(writers[i]) && memcmp(created_by.at, writers[i], strlen(writers[i])) == 0)
            return true;
    return false;
}

/* The schema comes before the row groups in every file, since its field id is the smaller one. */
static int parse_footer(struct parse *p)
{
    struct pfs_thrift_field f = {0};
    uint64_t rows = 0;

    p->footer->rows = -1;
    while (pfs_thrift_next(&p->c, &f)) {
        if (f.id == PFS_PQ_FILE_SCHEMA)
            PFS_TRY(parse_nodes(p, &f));
        else if (f.id == PFS_PQ_FILE_ROW_GROUPS)
            PFS_TRY(parse_groups(p, &f));
        else if (f.id == PFS_PQ_FILE_ROWS)
            p->footer->rows = pfs_thrift_i64(&p->c, &f);
        else if (f.id == PFS_PQ_FILE_CREATED_BY)
            p->footer->keeps_nan = keeps_nan(pfs_thrift_bytes(&p->c, &f));
        else
            pfs_thrift_skip(&p->c, f.type);
    }
    if (p->c.bad || p->footer->rows < 0 || p->footer->group == NULL)
        return bad(p, "it does not parse");
    for (int32_t i = 0; i < p->footer->groups; i++) {
        p->footer->group[i].first = (int64_t)rows;
        if (!pfs_add_size(rows, (uint64_t)p->footer->group[i].rows, &rows) || rows > INT64_MAX)
            return bad(p, "its row groups have too many rows");
    }
    if (rows != (uint64_t)p->footer->rows)
        return bad(p, "its row groups have another number of rows than it says");
    return 0;
}

/* The bytes of the footer, read with one or two preads; `end` is where they begin in the file. */
static int load_bytes(struct pfs_file *file, struct pfs_arena *arena, struct pfs_slice *out, struct pfs_err *err)
{
    uint64_t size = pfs_file_size(file);
    size_t guess = size < TAIL_GUESS ? (size_t)size : TAIL_GUESS;
    uint8_t *tail = pfs_arena_alloc(arena, guess), *whole;
    const uint8_t *end;
    uint64_t len;

    if (tail == NULL)
        return pfs_arena_full(arena, err);
    if (size < 4 + PFS_PQ_TAIL_BYTES)
        return pfs_fail(err, EIO, "not a Parquet file: %llu bytes", (unsigned long long)size);
    PFS_TRY(pfs_file_pread(file, size - guess, tail, guess, err));
    end = tail + guess - PFS_PQ_TAIL_BYTES;
    if (memcmp(end + 4, PFS_PQ_MAGIC_ENCRYPTED, 4) == 0)
        return pfs_fail(err, EOPNOTSUPP, "encrypted Parquet files are not supported");
    if (memcmp(end + 4, PFS_PQ_MAGIC, 4) != 0)
        return pfs_fail(err, EIO, "not a Parquet file: no PAR1 at its end");
    len = pfs_le32(end);
    if (len > size - 4 - PFS_PQ_TAIL_BYTES || len > PFS_FOOTER_BYTES_MAX)
        return pfs_fail(err, EIO, "a footer of %llu bytes in a file of %llu", (unsigned long long)len,
                        (unsigned long long)size);
    if (len <= guess - PFS_PQ_TAIL_BYTES) {
        *out = pfs_slice_of(end - len, (size_t)len);
        return 0;
    }
    whole = pfs_arena_alloc(arena, (size_t)len);
    if (whole == NULL)
        return pfs_arena_full(arena, err);
    PFS_TRY(pfs_file_pread(file, size - PFS_PQ_TAIL_BYTES - len, whole, (size_t)len, err));
    *out = pfs_slice_of(whole, (size_t)len);
    return 0;
}

int pfs_pq_footer_load(struct pfs_file *file, struct pfs_arena *arena, struct pfs_pq_footer *out, struct pfs_err *err)
{
    struct pfs_pq_footer footer = {0};
    struct parse p = {.arena = arena, .footer = &footer, .err = err};
    struct pfs_slice bytes = {0};

    PFS_TRY(load_bytes(file, arena, &bytes, err));
    p.c = pfs_cursor_of(bytes);
    p.end = pfs_file_size(file) - PFS_PQ_TAIL_BYTES - bytes.len;
    footer.at = p.end;
    PFS_TRY(parse_footer(&p));
    assert(footer.leaves < footer.nodes); /* the root is none */
    assert(footer.node[0].next == footer.nodes);
    *out = footer;
    return 0;
}

const struct pfs_pq_node *pfs_pq_footer_find(const struct pfs_pq_footer *footer, struct pfs_slice name)
{
    for (int32_t i = 1; i < footer->nodes; i = footer->node[i].next)
        if (pfs_slice_eq(footer->node[i].name, name))
            return &footer->node[i];
    return NULL;
}
