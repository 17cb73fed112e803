/* scans.c - tables made of the table's own rows: $ro, $audit_log, $binlog. */
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "format/text/text.h"
#include "src/system/tables.h"

/* What a reader sees that does not merge: of a primary key table the highest level alone. */
int pfs_system_ro(const struct pfs_system *system, struct pfs_rows **out, struct pfs_err *err)
{
    struct pfs_scan_want want = {.state = system->state,
                                 .columns = -1,
                                 .levels = PFS_LEVELS_TOP,
                                 .budget = system->budget,
                                 .cancel = system->cancel,
                                 .pool = system->pool};

    return pfs_scan_rows(&want, out, err);
}

/* ---- rows with their kind in front ---- */

struct audit {
    struct pfs_rows rows;     /* first */
    struct pfs_reader reader; /* what rows.reader points to */
    struct pfs_arena arena;
    struct pfs_rows *in; /* columns, the sequence number if it is wanted, the kind */
    bool sequences;
    bool lists; /* $binlog: each value is a list of one */
};

static const struct pfs_type kind_type = {.kind = PFS_VARCHAR, .nullable = true, .length = PFS_LENGTH_MAX};

static struct audit *audit_of(struct pfs_reader *self)
{
    return (struct audit *)((char *)self - offsetof(struct audit, reader));
}

static int name_kinds(const struct pfs_column *kind, int64_t rows, struct pfs_arena *arena, struct pfs_column *out,
                      struct pfs_err *err)
{
    const int8_t *kinds = kind->values;
    int32_t *offsets = pfs_arena_array(arena, (size_t)rows + 1, sizeof(*offsets));
    char *text = pfs_arena_alloc(arena, (size_t)rows * 2);

    if (offsets == NULL || text == NULL)
        return pfs_arena_full(arena, err);
    for (int64_t i = 0; i < rows; i++) {
        memcpy(text + 2 * i, pfs_row_kind_name((enum pfs_row_kind)(kinds[i] & 3)), 2);
        offsets[i + 1] = (int32_t)(2 * i + 2);
    }
    *out = (struct pfs_column){.type = &kind_type, .offsets = offsets, .values = text};
    return 0;
}

/* One element a row: what an update was before stands in the changelog, which a batch read does not see. */
static int list_column(const struct pfs_column *in, const struct pfs_type *type, int64_t rows, struct pfs_arena *arena,
                       struct pfs_column *out, struct pfs_err *err)
{
    int32_t *offsets = pfs_arena_array(arena, (size_t)rows + 1, sizeof(*offsets));
    struct pfs_column *element = pfs_arena_alloc(arena, sizeof(*element));

    if (offsets == NULL || element == NULL)
        return pfs_arena_full(arena, err);
    for (int64_t i = 0; i <= rows; i++)
        offsets[i] = (int32_t)i;
    *element = *in;
    *out = (struct pfs_column){.type = type, .offsets = offsets, .children = element};
    return 0;
}

/* Columns of the batch are put in another order, and only the kind is made anew. */
static int64_t audit_next(struct pfs_reader *self, struct pfs_arena *arena, struct pfs_batch *out, struct pfs_err *err)
{
    struct audit *a = audit_of(self);
    int32_t columns = a->rows.columns, first = a->sequences ? 2 : 1;
    struct pfs_column *column;
    struct pfs_batch in;
    int64_t rows = pfs_reader_next(a->in->reader, arena, &in, err);

    if (rows <= 0)
        return rows;
    assert(in.columns == columns); /* the sequence numbers and the kind come last, and go to the front */
    column = pfs_arena_array(arena, (size_t)columns, sizeof(*column));
    if (column == NULL)
        return pfs_arena_full(arena, err);
    PFS_TRY(name_kinds(&in.column[in.columns - 1], rows, arena, &column[0], err));
    if (a->sequences)
        column[1] = in.column[in.columns - 2];
    for (int32_t i = first; i < columns; i++)
        if (a->lists)
            PFS_TRY(list_column(&in.column[i - first], &a->rows.field[i].type, rows, arena, &column[i], err));
        else
            column[i] = in.column[i - first];
    *out = (struct pfs_batch){rows, columns, column};
    return rows;
}

static void audit_close(struct pfs_rows *rows)
{
    struct audit *a = (struct audit *)rows;

    pfs_rows_close(a->in);
    pfs_arena_done(&a->arena);
    pfs_free(a);
}

static void reader_close(struct pfs_reader *self)
{
    audit_close(&audit_of(self)->rows);
}

static const struct pfs_reader_ops audit_ops = {audit_next, reader_close};

/* Of a list's elements any may be NULL, whatever the column says: a list of images may lack one. */
static int list_type(const struct pfs_field *of, struct pfs_arena *arena, struct pfs_type *out, struct pfs_err *err)
{
    struct pfs_field *element = pfs_arena_alloc(arena, sizeof(*element));

    if (element == NULL)
        return pfs_arena_full(arena, err);
    *element = (struct pfs_field){.id = -1, .name = "element", .type = of->type};
    element->type.nullable = true;
    *out = (struct pfs_type){.kind = PFS_ARRAY, .nullable = true, .children = 1, .child = element};
    return 0;
}

/* Names and types are those that Paimon's tables have; ids mean nothing here. */
static int name_columns(struct audit *a, const struct pfs_schema *schema, struct pfs_err *err)
{
    struct pfs_field *field = pfs_arena_array(&a->arena, (size_t)schema->columns + 2, sizeof(*field));
    int32_t n = 0;

    if (field == NULL)
        return pfs_arena_full(&a->arena, err);
    field[n++] = (struct pfs_field){.id = -1, .name = "rowkind", .type = kind_type};
    if (a->sequences)
        field[n++] = (struct pfs_field){.id = -1, .name = "_SEQUENCE_NUMBER", .type = {.kind = PFS_BIGINT}};
    for (int32_t i = 0; i < schema->columns; i++, n++) {
        field[n] = schema->field[i];
        if (a->lists)
            PFS_TRY(list_type(&schema->field[i], &a->arena, &field[n].type, err));
    }
    assert(n == schema->columns + (a->sequences ? 2 : 1));
    a->rows.field = field;
    a->rows.columns = n;
    return 0;
}

/* Deletes are rows here. Append tables have no sequence numbers to show, whatever the option says. */
static int open_audit(struct audit *a, const struct pfs_system *system, struct pfs_err *err)
{
    struct pfs_scan_want want = {.state = system->state,
                                 .columns = -1,
                                 .kinds = true,
                                 .deletes = true,
                                 .budget = system->budget,
                                 .cancel = system->cancel,
                                 .pool = system->pool};

    if (system->schema->primary_keys > 0)
        PFS_TRY(pfs_options_bool(&system->schema->options, "table-read.sequence-number.enabled", false, &a->sequences,
                                 err));
    want.sequences = a->sequences;
    PFS_TRY(name_columns(a, system->state->schema, err));
    return pfs_scan_rows(&want, &a->in, err);
}

/* What is read first and how it is shown: both tables are one reader, but for lists. */
static int make_audit(const struct pfs_system *system, bool lists, struct pfs_rows **out, struct pfs_err *err)
{
    struct audit *a = pfs_zalloc(sizeof(*a));
    int rc;

    if (a == NULL)
        return pfs_fail(err, ENOMEM, "no memory for rows");
    pfs_arena_init(&a->arena, PFS_ARENA_LIMIT);
    a->reader.ops = &audit_ops;
    a->rows.reader = &a->reader;
    a->rows.close = audit_close;
    a->lists = lists;
    rc = open_audit(a, system, err);
    if (rc < 0) {
        audit_close(&a->rows);
        return rc;
    }
    *out = &a->rows;
    return 0;
}

int pfs_system_audit_log(const struct pfs_system *system, struct pfs_rows **out, struct pfs_err *err)
{
    return make_audit(system, false, out, err);
}

int pfs_system_binlog(const struct pfs_system *system, struct pfs_rows **out, struct pfs_err *err)
{
    return make_audit(system, true, out, err);
}
