/* enrich.c - records looked up a few hundred thousand at a time.
 *
 *   lines -> keys (parsed as an inbox would) -> rows of all keys at once -> each line with its row behind it
 *
 * The state is asked for before each block of input, and stays for that block: who feeds slowly sees each commit, who
 * feeds fast does not look for one at every line. */
#include "fs/lines/enrich.h"

#include <assert.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "fs/lines/internal.h"

#define MEMORY_DEFAULT ((size_t)256 << 20)
#define RECORD_BYTES 1024 /* of the budget, for each record that is looked up with others */
#define RECORDS_MIN 1024

struct pfs_enrich {
    struct pfs_tree *tree;
    struct pfs_entry entry;
    const struct pfs_place *place; /* the node's */
    struct pfs_table *table;
    enum pfs_enrich_keep keep;
    enum pfs_lookup_cache cache;
    struct pfs_when when;
    int64_t records_max;
    struct pfs_arena arena; /* as long as the state is the same */
    struct pfs_arena shape_arena;
    struct pfs_arena scratch; /* of some records */
    struct pfs_state *state;
    struct pfs_lookup *lookup;
    int32_t columns; /* that are added */
    int32_t *column;
    struct pfs_field *field;
    bool understood;
    struct pfs_enrich_shape shape;
    struct pfs_slice *line; /* records_max of them */
    struct pfs_buf text;    /* records for the parser; rows as they are printed */
    int64_t given;          /* records before these */
};

/* ---- the table ---- */

/* Columns that records lack. */
static int choose_columns(struct pfs_enrich *e, struct pfs_err *err)
{
    const struct pfs_schema *schema = e->state->schema;
    int32_t *all, count;

    PFS_TRY(pfs_place_columns(e->place, schema, &e->arena, &all, &count, err));
    e->column = all;
    e->columns = 0;
    e->field = pfs_arena_array(&e->arena, (size_t)count, sizeof(*e->field));
    if (e->field == NULL)
        return pfs_arena_full(&e->arena, err);
    for (int32_t i = 0; i < count; i++) {
        bool is_key = false;

        for (int32_t k = 0; k < schema->primary_keys; k++)
            is_key |= schema->primary_key[k] == all[i];
        if (is_key)
            continue;
        if (pfs_enrich_has(&e->shape, schema->field[all[i]].name))
            return pfs_fail(err, EINVAL, "column %s is in the lines already; choose others with select/",
                            schema->field[all[i]].name);
        assert(e->columns <= i); /* the list becomes shorter in place */
        e->field[e->columns] = schema->field[all[i]];
        e->column[e->columns++] = all[i];
    }
    return 0;
}

/* What is of one state. */
static void let_go(struct pfs_enrich *e)
{
    pfs_lookup_close(e->lookup);
    pfs_state_unref(e->state);
    e->lookup = NULL;
    e->state = NULL;
    pfs_arena_reset(&e->arena);
}

/* What is refined by the path holds for the rows that are found: others are as if they were not there. */
static int open_lookup(struct pfs_enrich *e, struct pfs_err *err)
{
    struct pfs_lookup_want want = {.state = e->state,
                                   .partitions = e->place->specs,
                                   .locals = e->tree->locals,
                                   .cache = e->cache,
                                   .budget = pfs_tree_budget(e->tree),
                                   .pool = e->tree->config.pool};
    struct pfs_partition_value *partition;

    PFS_TRY(choose_columns(e, err));
    PFS_TRY(pfs_place_partitions(e->place, e->state->schema, &e->arena, &partition, err));
    PFS_TRY(pfs_place_condition(e->place, e->state->schema, &e->arena, &want.condition, err));
    want.partition = partition;
    want.columns = e->columns;
    want.column = e->column;
    return pfs_lookup_open(&want, &e->lookup, err);
}

/* The newest state, where the place is not frozen. A new schema would make other columns of lines to come. */
static int follow(struct pfs_enrich *e, struct pfs_err *err)
{
    struct pfs_state *state;
    int rc;

    PFS_TRY(pfs_table_state(e->table, e->when, &state, err));
    if (e->lookup != NULL && strcmp(state->identity, e->state->identity) == 0 && state->schema == e->state->schema) {
        pfs_state_unref(state);
        return 0;
    }
    if (e->lookup != NULL && state->schema->id != e->state->schema->id) {
        pfs_state_unref(state);
        return pfs_fail(err, ESTALE, "the table's columns changed meanwhile");
    }
    let_go(e);
    assert(e->lookup == NULL && e->state == NULL);
    e->state = state;
    rc = open_lookup(e, err);
    if (rc < 0)
        let_go(e);
    return rc;
}

/* The path is walked as in the mount, and may be refined by anything that a path can say. */
static int open_place(struct pfs_enrich *e, const char *path, struct pfs_err *err)
{
    const struct pfs_schema *schema;

    PFS_TRY(pfs_tree_walk(e->tree, path, &e->entry, err));
    e->place = &e->entry.node->place;
    if (e->place->kind != PFS_NODE_PLACE && e->place->kind != PFS_NODE_VIEW)
        return pfs_fail(err, EINVAL, "it is neither a table nor a view of its rows");
    e->when = e->place->kind == PFS_NODE_VIEW ? e->place->when : pfs_place_when(e->place);
    PFS_TRY(pfs_tree_table(e->tree, e->place, &e->table, err));
    PFS_TRY(pfs_table_schema_at(e->table, e->when, &schema, err));
    return schema->primary_keys > 0 ? 0 : pfs_fail(err, EINVAL, "the table has no primary key to look up");
}

int pfs_enrich_open(struct pfs_tree *tree, const struct pfs_enrich_want *want, struct pfs_enrich **out,
                    struct pfs_err *err)
{
    struct pfs_enrich *e = pfs_zalloc(sizeof(*e));
    size_t memory = want->memory_bytes > 0 ? want->memory_bytes : MEMORY_DEFAULT;
    int rc;

    if (e == NULL)
        return pfs_fail(err, ENOMEM, "no memory to look up rows");
    e->tree = tree;
    e->keep = want->keep;
    e->cache = want->cache;
    e->records_max = (int64_t)(memory / RECORD_BYTES);
    e->records_max = e->records_max < RECORDS_MIN ? RECORDS_MIN : e->records_max;
    pfs_arena_init(&e->arena, PFS_ARENA_LIMIT);
    pfs_arena_init(&e->shape_arena, PFS_ARENA_LIMIT);
    pfs_arena_init(&e->scratch, PFS_ARENA_LIMIT);
    e->line = pfs_alloc_array((size_t)e->records_max, sizeof(*e->line));
    rc = e->line == NULL ? pfs_fail(err, ENOMEM, "no memory to look up rows") : open_place(e, want->path, err);
    if (rc < 0) {
        pfs_enrich_close(e);
        return rc;
    }
    *out = e;
    return 0;
}

void pfs_enrich_close(struct pfs_enrich *enrich)
{
    if (enrich == NULL)
        return;
    let_go(enrich);
    pfs_table_unref(enrich->table);
    if (enrich->entry.node != NULL)
        pfs_tree_forget(enrich->tree, enrich->entry.node, 1);
    pfs_arena_done(&enrich->arena);
    pfs_arena_done(&enrich->shape_arena);
    pfs_arena_done(&enrich->scratch);
    pfs_buf_done(&enrich->text);
    pfs_free(enrich->line);
    pfs_free(enrich);
}

/* ---- keys ---- */

/* Batches side by side, column by column. */
static int join_batches(const struct pfs_batch *const *batch, int32_t batches, const struct pfs_enrich_shape *shape,
                        int32_t keys, struct pfs_arena *arena, struct pfs_column **out, struct pfs_err *err)
{
    struct pfs_range *range = pfs_arena_array(arena, (size_t)batches, sizeof(*range));
    int64_t rows = 0;

    assert(batches > 0);
    assert(keys > 0);
    *out = pfs_arena_array(arena, (size_t)keys, sizeof(**out));
    if (range == NULL || *out == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < batches; i++) {
        range[i] = (struct pfs_range){i, 0, (int32_t)batch[i]->rows};
        rows += batch[i]->rows;
    }
    for (int32_t i = 0; i < keys; i++)
        PFS_TRY(pfs_column_gather(batch, shape->key[i], range, batches, rows, arena, &(*out)[i], err));
    return 0;
}

/* The text of the records, as the parser takes it: with the header in front, so that it knows the fields. */
static void put_records(struct pfs_enrich *e, int64_t lines)
{
    pfs_buf_clear(&e->text);
    if (e->shape.header) {
        pfs_buf_put(&e->text, e->shape.line.at, e->shape.line.len);
        pfs_buf_putc(&e->text, '\n');
    }
    for (int64_t i = 0; i < lines; i++) {
        pfs_buf_put(&e->text, e->line[i].at, e->line[i].len);
        pfs_buf_putc(&e->text, '\n');
    }
}

/* A record that the parser does not give back is one that it passed over, as a header or a blank line: then rows would
 * not stand beside their lines any more. */
static int parse_all(struct pfs_enrich *e, struct pfs_text_parser *parser, int64_t lines, struct pfs_column **out,
                     struct pfs_err *err)
{
    struct pfs_slice in = pfs_buf_slice(&e->text);
    const struct pfs_batch **batch = pfs_arena_array(&e->scratch, (size_t)lines, sizeof(*batch));
    int64_t rows = 0;
    int32_t batches = 0;

    if (batch == NULL)
        return pfs_arena_full(&e->scratch, err);
    while (rows < lines) {
        struct pfs_batch *one = pfs_arena_zalloc(&e->scratch, sizeof(*one));
        size_t consumed;
        int64_t got;

        if (one == NULL)
            return pfs_arena_full(&e->scratch, err);
        got = pfs_text_parser_feed(parser, in, true, &e->scratch, one, &consumed, NULL, err);
        if (got < 0)
            return (int)got;
        if (got == 0 && consumed == 0)
            break;
        in = pfs_slice_of(in.at + consumed, in.len - consumed);
        rows += got;
        if (got > 0)
            batch[batches++] = one;
    }
    if (rows != lines)
        return pfs_fail(err, EINVAL, "%lld of %lld lines are no records", (long long)(lines - rows), (long long)lines);
    return join_batches(batch, batches, &e->shape, e->state->schema->primary_keys, &e->scratch, out, err);
}

/* By the parser of an inbox, so that a key is spelled as a row would spell it. */
static int parse_keys(struct pfs_enrich *e, int64_t lines, struct pfs_column **out, struct pfs_err *err)
{
    const struct pfs_text_parse parse = {
        .columns = e->shape.fields, .fields = e->shape.field, .format = (int)e->shape.format, .lenient = true};
    struct pfs_text_parser *parser;
    int rc;

    put_records(e, lines);
    PFS_TRY(pfs_buf_check(&e->text, err));
    PFS_TRY(pfs_text_parser_open(&parse, &parser, err));
    rc = parse_all(e, parser, lines, out, err);
    pfs_text_parser_close(parser);
    if (rc < 0 && e->given > 0)
        return pfs_wrap(err, "behind record %lld", (long long)e->given);
    return rc;
}

/* ---- what goes out ---- */

/* Of JSON the two objects become one, of CSV the fields stand behind those of the line. */
static void put_record(struct pfs_enrich *e, struct pfs_slice line, struct pfs_slice row, struct pfs_buf *out)
{
    bool json = e->shape.format == PFS_TEXT_JSON;

    if (json && row.len > 2) { /* {"a":1} and {"b":2} become one object */
        while (line.len > 0 && line.at[line.len - 1] != '}')
            line.len--;
        line.len -= line.len > 0;
        pfs_buf_put(out, line.at, line.len);
        while (line.len > 0 && (line.at[line.len - 1] == ' ' || line.at[line.len - 1] == '\t'))
            line.len--;
        if (line.len > 1)
            pfs_buf_putc(out, ',');
        pfs_buf_put(out, row.at + 1, row.len - 1);
    } else {
        pfs_buf_put(out, line.at, line.len);
        if (!json && e->columns > 0) {
            pfs_buf_putc(out, ',');
            pfs_buf_put(out, row.at, row.len);
        }
    }
    pfs_buf_putc(out, '\n');
}

static int put_records_out(struct pfs_enrich *e, int64_t lines, const struct pfs_batch *rows, const bool *found,
                           struct pfs_buf *out, struct pfs_err *err)
{
    bool adds = e->columns > 0 && e->keep != PFS_ENRICH_MISSING;
    size_t at = 0;

    pfs_buf_clear(&e->text);
    if (adds)
        PFS_TRY(pfs_text_print(e->shape.format, e->field, rows, &e->text, err));
    PFS_TRY(pfs_buf_check(&e->text, err));
    for (int64_t i = 0; i < lines; i++) {
        struct pfs_slice row = {NULL, 0};

        if (adds && !pfs_enrich_line(e->shape.format, pfs_buf_slice(&e->text), true, &at, &row))
            return pfs_fail(err, EIO, "a printed row has no end");
        if (e->keep == PFS_ENRICH_MISSING && !found[i]) {
            pfs_buf_put(out, e->line[i].at, e->line[i].len);
            pfs_buf_putc(out, '\n');
        } else if (e->keep == PFS_ENRICH_ALL || (e->keep == PFS_ENRICH_FOUND && found[i])) {
            put_record(e, e->line[i], row, out);
        }
    }
    return pfs_buf_check(out, err);
}

/* All of it goes with the scratch arena, but for what was printed. */
static int look_up(struct pfs_enrich *e, int64_t lines, struct pfs_buf *out, struct pfs_err *err)
{
    struct pfs_column *key;
    struct pfs_batch rows;
    bool *found = pfs_arena_array(&e->scratch, (size_t)lines, sizeof(*found));
    int rc;

    assert(lines > 0 && lines <= e->records_max);
    assert(e->understood && e->lookup != NULL);
    if (found == NULL)
        return pfs_arena_full(&e->scratch, err);
    rc = parse_keys(e, lines, &key, err);
    if (rc == 0)
        rc = pfs_lookup_rows(e->lookup, key, lines, &e->scratch, &rows, found, err);
    if (rc == 0)
        rc = put_records_out(e, lines, &rows, found, out, err);
    e->given += lines;
    return rc;
}

/* The columns' names behind those of the lines. */
static int put_header(struct pfs_enrich *e, struct pfs_buf *out, struct pfs_err *err)
{
    struct pfs_buf names = {0};
    int rc;

    assert(e->understood);
    if (!e->shape.header)
        return 0;
    pfs_text_header(PFS_TEXT_CSV, e->field, e->columns, &names);
    rc = pfs_buf_check(&names, err);
    pfs_buf_put(out, e->shape.line.at, e->shape.line.len);
    if (rc == 0 && e->columns > 0 && e->keep != PFS_ENRICH_MISSING) {
        pfs_buf_putc(out, ',');
        pfs_buf_put(out, names.at, names.len - 1);
    }
    pfs_buf_putc(out, '\n');
    pfs_buf_done(&names);
    return rc < 0 ? rc : pfs_buf_check(out, err);
}

/* The front of the stream. True in *record: the line is a record. */
static int take_first(struct pfs_enrich *e, struct pfs_slice line, struct pfs_buf *out, struct pfs_err *err)
{
    const struct pfs_schema *schema;

    PFS_TRY(pfs_table_schema_at(e->table, e->when, &schema, err));
    PFS_TRY(pfs_enrich_understand(schema, line, &e->shape_arena, &e->shape, err));
    e->understood = true;
    PFS_TRY(follow(e, err));
    return put_header(e, out, err);
}

static bool is_record(const struct pfs_enrich *e, struct pfs_slice line)
{
    return line.len > 0 && !(e->shape.header && pfs_slice_eq(line, e->shape.line));
}

/* A byte-order mark in front of everything is skipped. */
static struct pfs_slice without_mark(struct pfs_slice line)
{
    return line.len >= 3 && memcmp(line.at, "\xEF\xBB\xBF", 3) == 0 ? pfs_slice_of(line.at + 3, line.len - 3) : line;
}

/* Before the first record is understood its first byte tells how lines end. */
static enum pfs_text format_of(const struct pfs_enrich *e, struct pfs_slice in, size_t at)
{
    struct pfs_slice line = without_mark(pfs_slice_of(in.at + at, in.len - at));

    if (e->understood)
        return e->shape.format;
    return line.len > 0 && line.at[0] == '{' ? PFS_TEXT_JSON : PFS_TEXT_CSV;
}

/* Whole lines only: what is left of the input is given again with more behind it. */
int pfs_enrich_feed(struct pfs_enrich *enrich, struct pfs_slice in, bool last, struct pfs_buf *out, size_t *consumed,
                    struct pfs_err *err)
{
    struct pfs_enrich *e = enrich;
    struct pfs_slice line;
    int64_t lines = 0;
    int rc = 0;

    *consumed = 0;
    if (e->understood)
        PFS_TRY(follow(e, err));
    while (rc == 0 && pfs_enrich_line(format_of(e, in, *consumed), in, last, consumed, &line)) {
        if (!e->understood) {
            line = without_mark(line);
            rc = line.len > 0 ? take_first(e, line, out, err) : 0;
        }
        assert(lines < e->records_max);
        if (rc == 0 && is_record(e, line))
            e->line[lines++] = line;
        if (rc == 0 && lines == e->records_max) {
            rc = look_up(e, lines, out, err);
            pfs_arena_reset(&e->scratch);
            lines = 0;
        }
    }
    if (rc == 0 && lines > 0)
        rc = look_up(e, lines, out, err);
    pfs_arena_reset(&e->scratch);
    return rc;
}
