/* beginning.c - a numbered batch that was cut off: how many of its rows are in the table, and are they those that its
 * repetition begins with?
 *
 *   first attempt     row row row | the writer dies, the daemon, or the power
 *   its snapshot      row row row, and a property: "3:<hash>"
 *   the repetition    row row row row row: the first three are there, the last two are committed under the same number
 *
 * Rows are hashed as JSON lines, one after the other, so that it does not matter in how many batches they came. Columns
 * that a generator fills are left out: a repetition is given other numbers. Of rows that became files as they came the
 * number alone is known: a repetition that has more is refused, or set aside.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "format/text/text.h"
#include "src/ingest/internal.h"
#include "src/table/parts.h"

#define PROPERTY "\"paimonfs.cut-off\""

static const struct pfs_field kind_field = {-1, "_kind", {.kind = PFS_TINYINT}, NULL, NULL};

static bool is_generated(const struct pfs_schema *schema, int32_t column)
{
    char key[PFS_NAME_BYTES_MAX + 40];

    (void)snprintf(key, sizeof(key), "paimonfs.fields.%s.generator", schema->field[column].name);
    return pfs_options_get(&schema->options, key) != NULL;
}

/* The batch's rows as lines. */
static int spell(const struct pfs_schema *schema, const struct pfs_batch *batch, struct pfs_arena *arena,
                 struct pfs_buf *out, struct pfs_err *err)
{
    struct pfs_column *column = pfs_arena_array(arena, (size_t)batch->columns, sizeof(*column));
    struct pfs_field *field = pfs_arena_array(arena, (size_t)batch->columns, sizeof(*field));
    struct pfs_batch some = {batch->rows, 0, column};

    if (column == NULL || field == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < batch->columns; i++) {
        if (i < schema->columns && is_generated(schema, i))
            continue;
        field[some.columns] = i < schema->columns ? schema->field[i] : kind_field;
        column[some.columns++] = batch->column[i];
    }
    return pfs_text_print(PFS_TEXT_JSON, field, &some, out, err);
}

int pfs_beginning_add(struct pfs_beginning *b, const struct pfs_schema *schema, const struct pfs_batch *batch,
                      int64_t most, struct pfs_err *err)
{
    struct pfs_buf text = {0};
    struct pfs_arena arena;
    int rc;

    assert(batch->columns == schema->columns + 1);
    assert(b->rows <= most);
    if (b->rows == most)
        return 0;
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = spell(schema, batch, &arena, &text, err);
    if (rc == 0)
        rc = pfs_buf_check(&text, err);
    for (size_t at = 0; rc == 0 && at < text.len && b->rows < most; b->rows++) {
        const uint8_t *end = memchr(text.at + at, '\n', text.len - at);
        size_t len = end == NULL ? text.len - at : (size_t)(end - (text.at + at)) + 1;

        b->hash = pfs_hash64(text.at + at, len, b->hash);
        at += len;
    }
    pfs_buf_done(&text);
    pfs_arena_done(&arena);
    return rc;
}

struct counting {
    const struct pfs_schema *schema;
    int64_t most, rows;
    struct pfs_beginning *first;
};

static int count(void *context, struct pfs_arena *arena, const struct pfs_batch *batch, struct pfs_err *err)
{
    struct counting *c = context;

    (void)arena;
    c->rows += batch->rows;
    return pfs_beginning_add(c->first, c->schema, batch, c->most, err);
}

int pfs_part_beginning(struct pfs_ingest *ingest, const struct pfs_part *part, int64_t most,
                       struct pfs_beginning *first, int64_t *rows, struct pfs_err *err)
{
    struct counting c = {.schema = part->schema, .most = most, .first = first};

    assert(part->schema != NULL);
    assert(!part->files);
    *first = (struct pfs_beginning){0};
    PFS_TRY(pfs_part_rows(ingest, part, count, &c, err));
    *rows = c.rows;
    return 0;
}

void pfs_beginning_print(const struct pfs_beginning *b, char out[static PFS_BEGINNING_TEXT])
{
    (void)snprintf(out, PFS_BEGINNING_TEXT, "{" PROPERTY " : \"%lld:%016" PRIx64 "\"}", (long long)b->rows, b->hash);
}

/* What somebody else has written there says nothing. */
bool pfs_beginning_parse(const char *properties, struct pfs_beginning *out)
{
    const char *at = properties == NULL ? NULL : strstr(properties, PROPERTY);
    char *end;

    if (at == NULL)
        return false;
    at += strlen(PROPERTY);
    at += strspn(at, " :");
    if (*at++ != '"')
        return false;
    out->rows = strtoll(at, &end, 10);
    if (end == at || *end != ':' || out->rows < -1)
        return false;
    at = end + 1;
    out->hash = strtoull(at, &end, 16);
    return end != at && *end == '"';
}

int pfs_beginning_find(const struct pfs_table_parts *at, const char *user, int64_t identifier,
                       struct pfs_beginning *out, struct pfs_err *err)
{
    struct pfs_snapshot snapshot;
    struct pfs_arena arena;
    int64_t id;
    bool gap;
    int rc = pfs_commit_find(at->store, at->meta, user, identifier, 0, &id, &gap, err);

    if (rc <= 0)
        return rc;
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = pfs_snapshot_load(at->store, at->meta, id, &arena, &snapshot, NULL, err);
    if (rc == 0)
        rc = pfs_beginning_parse(snapshot.properties_json, out);
    pfs_arena_done(&arena);
    return rc == -ENOENT ? 0 : rc;
}

int pfs_beginning_differs(const char *user, int64_t identifier, struct pfs_err *err)
{
    return pfs_fail(err, EEXIST,
                    "number %lld of %s was cut off, and is in the table in part; it cannot be told which rows of its "
                    "repetition are there",
                    (long long)identifier, user);
}
