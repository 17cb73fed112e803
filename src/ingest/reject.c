/* reject.c - rows that no table takes any more: JSON lines in <warehouse>/.paimonfs/rejected/, for a person. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/datetime.h"
#include "base/mem.h"
#include "format/text/text.h"
#include "src/ingest/internal.h"
#include "src/meta/names.h"

#define NAMES_MAX 1000

struct rejecting {
    const struct pfs_part *part;
    const struct pfs_schema *schema; /* of the rows */
    struct pfs_buf text;
};

static const struct pfs_type kind_type = {.kind = PFS_VARCHAR, .length = PFS_LENGTH_MAX};

/* The kind's name instead of its number. */
static int name_kinds(const struct pfs_batch *batch, struct pfs_arena *arena, struct pfs_column *out,
                      struct pfs_err *err)
{
    const int8_t *kind = batch->column[batch->columns - 1].values;
    int32_t *offset = pfs_arena_array(arena, (size_t)batch->rows + 1, sizeof(*offset));
    char *text = pfs_arena_alloc(arena, 2 * (size_t)batch->rows);

    if (offset == NULL || text == NULL)
        return pfs_arena_full(arena, err);
    for (int64_t i = 0; i < batch->rows; i++) {
        memcpy(text + 2 * i, pfs_row_kind_name((enum pfs_row_kind)(kind[i] & 3)), 2);
        offset[i + 1] = (int32_t)(2 * (i + 1));
    }
    *out = (struct pfs_column){.type = &kind_type, .offsets = offset, .values = text};
    return 0;
}

/* Rows of a batch, which lives in the arena. */
static int spell(const struct pfs_schema *schema, struct pfs_arena *arena, const struct pfs_batch *batch,
                 struct pfs_buf *out, struct pfs_err *err)
{
    struct pfs_column *column = pfs_arena_array(arena, (size_t)batch->columns, sizeof(*column));
    struct pfs_field *field = pfs_arena_array(arena, (size_t)batch->columns, sizeof(*field));
    struct pfs_batch named = {batch->rows, batch->columns, column};

    assert(batch->columns == schema->columns + 1);
    if (column == NULL || field == NULL)
        return pfs_arena_full(arena, err);
    memcpy(column, batch->column, (size_t)batch->columns * sizeof(*column));
    memcpy(field, schema->field, (size_t)schema->columns * sizeof(*field));
    field[schema->columns] = (struct pfs_field){-1, "_kind", kind_type, NULL, NULL};
    PFS_TRY(name_kinds(batch, arena, &column[batch->columns - 1], err));
    return pfs_text_print(PFS_TEXT_JSON, field, &named, out, err);
}

int pfs_transaction_spell(const struct pfs_transaction *transaction, const struct pfs_batch *batch, struct pfs_buf *out,
                          struct pfs_err *err)
{
    struct pfs_arena arena;
    int rc;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = spell(transaction->schema, &arena, batch, out, err);
    pfs_arena_done(&arena);
    return rc;
}

static int print_rows(void *context, struct pfs_arena *arena, const struct pfs_batch *batch, struct pfs_err *err)
{
    struct rejecting *r = context;

    return spell(r->schema, arena, batch, &r->text, err);
}

/* With the schema that the rows were parsed by, whatever the table has now. */
static int print_part(struct pfs_ingest *g, struct rejecting *r, const struct pfs_schema *schema, struct pfs_err *err)
{
    struct pfs_part with = *r->part;

    r->schema = schema;
    with.schema = schema;
    return pfs_part_rows(g, &with, print_rows, r, err);
}

/* Files cannot be looked into without their table: their names are kept. */
static int print_files(struct pfs_ingest *g, struct rejecting *r, struct pfs_err *err)
{
    struct pfs_write_files files;
    struct pfs_arena arena;
    int rc;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = pfs_part_files(g, r->part, &arena, &files, err);
    for (int64_t i = 0; rc == 0 && i < files.entries; i++) {
        pfs_buf_puts(&r->text, "{\"_file\":");
        pfs_text_quote(pfs_str(files.entry[i].file.name), &r->text);
        pfs_buf_printf(&r->text, ",\"_rows\":%lld}\n", (long long)files.entry[i].file.rows);
    }
    pfs_arena_done(&arena);
    return rc;
}

/* A name for a person: table, time, and a number when there is one already. */
static int save(struct pfs_ingest *g, const struct pfs_part *part, struct pfs_slice text, struct pfs_err *err)
{
    const struct pfs_slot *slot = part->slot;
    char path[1024], time[48], name[512];
    struct pfs_buf escaped = {0};
    int rc = -EEXIST;

    time[pfs_timestamp_print(part->time_ms, 0, 3, time)] = '\0';
    time[10] = 'T';
    pfs_name_escape(pfs_str(slot->database), &escaped);
    pfs_buf_putc(&escaped, '.');
    pfs_name_escape(pfs_str(slot->table_name), &escaped);
    pfs_buf_putc(&escaped, 0);
    rc = pfs_buf_check(&escaped, err);
    (void)snprintf(name, sizeof(name), "%s", rc < 0 ? "" : (const char *)escaped.at);
    pfs_buf_done(&escaped);
    if (rc < 0)
        return rc;
    rc = -EEXIST; /* the directory is made, durably, with its first file: the rows leave the journal after that */
    for (int n = 0; rc == -EEXIST && n < NAMES_MAX; n++) {
        if (n == 0)
            (void)snprintf(path, sizeof(path), ".paimonfs/rejected/%s-%s.jsonl", name, time);
        else
            (void)snprintf(path, sizeof(path), ".paimonfs/rejected/%s-%s-%d.jsonl", name, time, n);
        rc = pfs_store_publish(g->store, path, text, false, err);
    }
    return rc == -EEXIST ? pfs_fail(err, EEXIST, "%s is there already", path) : rc;
}

/* Rows whose columns nobody knows stay in the journal: they would be bytes. */
int pfs_part_reject(struct pfs_ingest *ingest, struct pfs_part *part, const struct pfs_err *why, struct pfs_err *err)
{
    struct rejecting r = {.part = part};
    struct pfs_schema known;
    const struct pfs_schema *schema = part->schema;
    struct pfs_arena arena;
    int rc = 0;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    if (schema == NULL && part->schema_json.len > 0) {
        rc = pfs_schema_parse(part->schema_json, &arena, &known, err);
        schema = &known;
    }
    if (rc == 0 && part->files)
        rc = print_files(ingest, &r, err);
    else if (rc == 0 && schema != NULL)
        rc = print_part(ingest, &r, schema, err);
    else if (rc == 0)
        rc = pfs_fail(err, EIO, "%s; and what the rows looked like is not known", why->text);
    if (rc == 0)
        rc = save(ingest, part, pfs_buf_slice(&r.text), err);
    pfs_buf_done(&r.text);
    pfs_arena_done(&arena);
    return rc;
}
