/* effects.c - merged rows joined with the top level's.
 *
 * Three streams ascend by key: the merged rows of the section, the rows that there were (of the top level; with
 * lookup, above level 0, also above the output), and the merged rows of all else in it, of which only the keys count. A
 * key that has none of the last kind did not take part. Indexes of rows are gathered until the batch of the top level
 * is used up; the columns of all of them are then copied at once.
 *
 * Indexes of the batch before are good until its side goes on to the next one: has_key writes what is gathered first.
 * Deletes of the merged rows have to come here too, or a row that goes would leave no change: the caller drops them
 * afterwards. */
#include <assert.h>
#include <errno.h>

#include "base/limits.h"
#include "base/mem.h"
#include "format/text/text.h"
#include "src/lsm/internal.h"
#include "src/scan/same.h"

struct side {
    struct pfs_reader *reader; /* NULL: at its end */
    struct pfs_arena arena;    /* of the batch */
    struct pfs_batch batch;
    struct pfs_keys keys;
    int64_t at; /* next row */
};

struct pfs_effects {
    const struct pfs_compactor *c;
    struct pfs_data_writer *to;
    struct pfs_arena arena;   /* as long as this */
    struct pfs_arena scratch; /* of one call */
    struct side before, news;
    const struct pfs_batch *merged; /* of this call */
    struct pfs_pair *pair;          /* rows before (-1 = none) and merged (-1: deleted) */
    int64_t pairs;
};

static int open_side(struct pfs_effects *ch, const struct pfs_section_read *read, const struct pfs_section *section,
                     const struct pfs_found *found, const struct pfs_compact_job *job, bool news, struct side *side,
                     struct pfs_err *err)
{
    struct pfs_section_read own = *read;
    struct pfs_plan_file *file = pfs_arena_array(&ch->arena, (size_t)section->files, sizeof(*file));
    struct pfs_section *some = pfs_arena_array(&ch->arena, 1, sizeof(*some));

    if (file == NULL || some == NULL)
        return pfs_arena_full(&ch->arena, err);
    some->file = file;
    for (int32_t i = 0; i < section->files; i++)
        if (pfs_is_news(ch->c, job, section->file[i].entry) == news)
            file[some->files++] = section->file[i];
    if (!news)
        PFS_TRY(pfs_found_open(found, &read->chain.read, &ch->arena, &own, err));
    return some->files + own.extras == 0 ? 0 : pfs_section_open(&own, some, &ch->arena, &side->reader, err);
}

int pfs_effects_open(const struct pfs_compactor *c, const struct pfs_section_read *read,
                     const struct pfs_section *section, const struct pfs_found *found,
                     const struct pfs_compact_job *job, struct pfs_data_writer *to, struct pfs_effects **out,
                     struct pfs_err *err)
{
    struct pfs_effects *ch = pfs_zalloc(sizeof(*ch));
    int rc;

    if (ch == NULL)
        return pfs_fail(err, ENOMEM, "no memory for changes");
    ch->c = c;
    ch->to = to;
    pfs_arena_init(&ch->arena, PFS_ARENA_LIMIT);
    pfs_arena_init(&ch->scratch, PFS_BATCH_BYTES_MAX);
    pfs_arena_init(&ch->before.arena, PFS_BATCH_BYTES_MAX);
    pfs_arena_init(&ch->news.arena, PFS_BATCH_BYTES_MAX);
    rc = open_side(ch, read, section, found, job, false, &ch->before, err);
    if (rc == 0)
        rc = open_side(ch, read, section, found, job, true, &ch->news, err);
    if (rc < 0) {
        pfs_effects_close(ch);
        return rc;
    }
    *out = ch;
    return 0;
}

void pfs_effects_close(struct pfs_effects *effects)
{
    if (effects == NULL)
        return;
    pfs_reader_close(effects->before.reader);
    pfs_reader_close(effects->news.reader);
    pfs_arena_done(&effects->before.arena);
    pfs_arena_done(&effects->news.arena);
    pfs_arena_done(&effects->scratch);
    pfs_arena_done(&effects->arena);
    pfs_free(effects);
}

/* ---- what is written ---- */

static bool is_delete(const struct pfs_batch *batch, int32_t columns, int64_t row)
{
    int8_t kind = ((const int8_t *)batch->column[columns + 1].values)[row];

    return kind == PFS_DELETE || kind == PFS_UPDATE_BEFORE;
}

/* Updates that change none of the compared columns are left out. */
static int drop_same(struct pfs_effects *ch, struct pfs_err *err)
{
    const struct pfs_schema *schema = ch->c->config.state->schema;
    struct pfs_pair *both = pfs_arena_array(&ch->scratch, (size_t)ch->pairs, sizeof(*both));
    bool *same = pfs_arena_array(&ch->scratch, (size_t)ch->pairs, sizeof(*same));
    int64_t count = 0, left = 0, at = 0;

    assert(ch->c->compared != NULL);
    if (both == NULL || same == NULL)
        return pfs_arena_full(&ch->scratch, err);
    for (int64_t i = 0; i < ch->pairs; i++)
        if (ch->pair[i].a >= 0 && ch->pair[i].b >= 0) {
            same[count] = true;
            both[count++] = ch->pair[i];
        }
    for (int32_t i = 0; count > 0 && i < schema->columns; i++)
        if (ch->c->compared[i])
            pfs_column_same(&ch->before.batch.column[i], &ch->merged->column[i], both, count, same);
    for (int64_t i = 0; i < ch->pairs; i++)
        if (ch->pair[i].a < 0 || ch->pair[i].b < 0 || !same[at++])
            ch->pair[left++] = ch->pair[i];
    assert(at == count);
    ch->pairs = left;
    return 0;
}

/* An update is two rows side by side, the one before first: readers of a changelog pair them by their order alone. A
 * first row is told of as it was written. */
static int64_t list_rows(const struct pfs_effects *ch, struct pfs_range *range, int8_t *kind)
{
    const struct pfs_schema *schema = ch->c->config.state->schema;
    const int8_t *written = ch->merged->column[schema->columns + 1].values;
    bool first = schema->engine == PFS_FIRST_ROW;
    int64_t rows = 0;

    for (int64_t i = 0; i < ch->pairs; i++) {
        const struct pfs_pair *p = &ch->pair[i];

        if (p->a >= 0) {
            range[rows] = (struct pfs_range){0, p->a, 1};
            kind[rows++] = p->b < 0 ? PFS_DELETE : PFS_UPDATE_BEFORE;
        }
        if (p->b >= 0) {
            range[rows] = (struct pfs_range){1, p->b, 1};
            kind[rows++] = first ? written[p->b] : p->a < 0 ? PFS_INSERT : PFS_UPDATE_AFTER;
        }
    }
    assert(rows >= ch->pairs);
    assert(rows <= 2 * ch->pairs);
    return rows;
}

static int write_pairs(struct pfs_effects *ch, struct pfs_err *err)
{
    int32_t columns = ch->c->config.state->schema->columns + 2;
    const struct pfs_batch *source[] = {&ch->before.batch, ch->merged};
    struct pfs_range *range = pfs_arena_array(&ch->scratch, 2 * (size_t)ch->pairs, sizeof(*range));
    int8_t *kind = pfs_arena_array(&ch->scratch, 2 * (size_t)ch->pairs, sizeof(*kind));
    struct pfs_column *column = pfs_arena_array(&ch->scratch, (size_t)columns, sizeof(*column));
    int64_t rows;

    assert(ch->pairs > 0);
    assert(ch->merged->columns == columns);
    if (range == NULL || kind == NULL || column == NULL)
        return pfs_arena_full(&ch->scratch, err);
    if (ch->c->compared != NULL)
        PFS_TRY(drop_same(ch, err));
    rows = list_rows(ch, range, kind);
    ch->pairs = 0;
    if (rows == 0)
        return 0;
    if (ch->before.batch.column == NULL) /* there was never a row: its types are those of the merged ones */
        source[0] = ch->merged;
    for (int32_t i = 0; i < columns - 1; i++)
        PFS_TRY(pfs_column_gather(source, i, range, rows, rows, &ch->scratch, &column[i], err));
    column[columns - 1] = (struct pfs_column){.type = ch->merged->column[columns - 1].type, .values = kind};
    return pfs_data_writer_add(ch->to, &(struct pfs_batch){rows, columns, column}, err);
}

/* ---- the join ---- */

/* Has the side a row of that key? Rows of lower keys are passed; pairs are written before their batch goes. */
static int has_key(struct pfs_effects *ch, struct side *side, const struct pfs_keys *keys, int64_t row, bool *out,
                   struct pfs_err *err)
{
    const struct pfs_schema *schema = ch->c->config.state->schema;

    *out = false;
    while (side->reader != NULL || side->at < side->batch.rows) {
        int64_t rows;
        int order;

        if (side->at < side->batch.rows) {
            order = pfs_keys_compare(&side->keys, side->at, keys, row);
            *out = order == 0;
            if (order >= 0)
                return 0;
            side->at++;
            continue;
        }
        assert(side->reader != NULL);
        assert(side->at == side->batch.rows);
        if (side == &ch->before && ch->pairs > 0)
            PFS_TRY(write_pairs(ch, err));
        pfs_arena_reset(&side->arena);
        side->at = side->batch.rows = 0;
        rows = pfs_reader_next(side->reader, &side->arena, &side->batch, err);
        if (rows < 0)
            return (int)rows;
        if (rows == 0) {
            side->batch = (struct pfs_batch){0};
            pfs_reader_close(side->reader);
            side->reader = NULL;
            return 0;
        }
        PFS_TRY(pfs_keys_of(&side->batch, schema->trimmed_key, schema->trimmed_keys, &side->arena, &side->keys, err));
    }
    return 0;
}

int pfs_effects_add(struct pfs_effects *effects, const struct pfs_batch *merged, struct pfs_err *err)
{
    const struct pfs_schema *schema = effects->c->config.state->schema;
    bool first = schema->engine == PFS_FIRST_ROW; /* keys that are there stay as they are */
    struct pfs_keys keys;

    assert(merged->rows > 0);
    assert(merged->columns == schema->columns + 2);
    pfs_arena_reset(&effects->scratch);
    PFS_TRY(pfs_keys_of(merged, schema->trimmed_key, schema->trimmed_keys, &effects->scratch, &keys, err));
    assert(effects->pairs == 0); /* those of the batch before are written */
    effects->merged = merged;
    effects->pair = pfs_arena_array(&effects->scratch, (size_t)merged->rows, sizeof(*effects->pair));
    if (effects->pair == NULL)
        return pfs_arena_full(&effects->scratch, err);
    for (int64_t i = 0; i < merged->rows; i++) {
        struct pfs_pair pair = {-1, -1};
        bool takes_part, was;

        PFS_TRY(has_key(effects, &effects->news, &keys, i, &takes_part, err));
        if (!takes_part)
            continue;
        PFS_TRY(has_key(effects, &effects->before, &keys, i, &was, err));
        if (was && !is_delete(&effects->before.batch, schema->columns, effects->before.at))
            pair.a = (int32_t)effects->before.at;
        if (!is_delete(merged, schema->columns, i))
            pair.b = (int32_t)i;
        if (pair.a >= 0 ? !first : pair.b >= 0)
            effects->pair[effects->pairs++] = pair;
    }
    assert(effects->pairs <= merged->rows);
    return effects->pairs > 0 ? write_pairs(effects, err) : 0;
}
