/* section.c - the sorted runs of a section: the level-0 files and, a level, the files of that level one after the
 * other, whose key ranges do not overlap.
 *
 * All runs are open at once, each with a page of every column in memory. Where that is more than the budget the
 * shortest ones are copied into files of small frames first (spill.c): what is copied is read twice, so as few bytes as
 * will do. Who is handed readers closes them: on every way out of here each is in the merge, or closed.
 */
#include "src/scan/section.h"

#include <assert.h>

#include "src/merge/merge.h"
#include "src/scan/spill.h"

#define SPILLED_ROWS_MIN 32 /* of a batch of a spilled run */
#define SPILLED_ROWS_MAX 256

struct run { /* of a section: a level-0 file, or the files of a level above */
    const struct pfs_plan_file **file;
    int32_t files;
    int32_t level;
    size_t cost; /* of reading it as it is */
    size_t row_cost;
    int64_t bytes;
    bool spilled;
};

static void add_file(struct run *run, const struct pfs_plan_file *file, int32_t columns)
{
    size_t cost = pfs_spill_cost(file->entry, columns), row_cost = pfs_spill_row_cost(file->entry, columns);

    run->file[run->files++] = file;
    run->cost = cost > run->cost ? cost : run->cost; /* its files are open one after the other */
    run->row_cost = row_cost > run->row_cost ? row_cost : run->row_cost;
    run->bytes += file->entry->file.size;
}

static int list_runs(const struct pfs_section *section, int32_t columns, struct pfs_arena *arena, struct run **out,
                     int32_t *runs, struct pfs_err *err)
{
    const struct pfs_plan_file **list = pfs_arena_array(arena, (size_t)section->files, sizeof(*list));
    bool *taken = pfs_arena_array(arena, (size_t)section->files, sizeof(*taken));
    struct run *run = pfs_arena_array(arena, (size_t)section->files, sizeof(*run));
    int32_t used = 0;

    *runs = 0;
    if (list == NULL || taken == NULL || run == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < section->files; i++) {
        struct run *one = &run[*runs];

        if (taken[i])
            continue;
        *one = (struct run){.file = list + used, .level = section->file[i].entry->file.level};
        for (int32_t k = i; k < section->files; k++)
            if (k == i || (one->level > 0 && section->file[k].entry->file.level == one->level)) {
                taken[k] = true;
                add_file(one, &section->file[k], columns);
            }
        used += one->files;
        (*runs)++;
    }
    assert(used == section->files); /* each file is in one run */
    *out = run;
    return 0;
}

/* Puts aside the shortest of the runs that cost more than a spilled one, until the others fit. Twice the budget is fit
 * enough: pages are seldom as full as they are taken to be. Answers the rows of a spilled run's batch. */
static int32_t choose_spilled(struct pfs_budget budget, struct run *run, int32_t runs)
{
    size_t most = 2 * budget.bytes, total = 0, row_cost = 1, rows;

    assert(runs > 0);
    for (int32_t i = 0; i < runs; i++) {
        total += run[i].cost;
        row_cost = run[i].row_cost > row_cost ? run[i].row_cost : row_cost;
    }
    rows = budget.bytes / (size_t)runs / row_cost;
    rows = rows < SPILLED_ROWS_MIN ? SPILLED_ROWS_MIN : rows > SPILLED_ROWS_MAX ? SPILLED_ROWS_MAX : rows;
    while (budget.spill != NULL && total > most) {
        struct run *best = NULL;

        for (int32_t i = 0; i < runs; i++)
            if (!run[i].spilled && run[i].cost > 2 * rows * run[i].row_cost &&
                (best == NULL || run[i].bytes < best->bytes))
                best = &run[i];
        if (best == NULL)
            break;
        best->spilled = true;
        total -= best->cost - rows * best->row_cost;
    }
    return (int32_t)rows;
}

/* What a spilled run's frames are read back as: the columns of a key-value batch. */
static int merge_types(const struct pfs_section_read *read, struct pfs_arena *arena, struct pfs_spill_want *out,
                       struct pfs_err *err)
{
    static const struct pfs_type number = {.kind = PFS_BIGINT}, kind = {.kind = PFS_TINYINT};
    const struct pfs_data_read *files = &read->chain.read;
    const struct pfs_type **type = pfs_arena_array(arena, (size_t)files->columns + 2, sizeof(*type));

    if (type == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < files->columns; i++)
        type[i] = &files->schema->field[files->column[i]].type;
    type[files->columns] = &number;
    type[files->columns + 1] = &kind;
    *out = (struct pfs_spill_want){read->budget.spill, type, files->columns + 2, files->cancel};
    return 0;
}

/* The readers of a section's runs, behind those that there are; *runs of them are open, also when one cannot be. */
static int open_runs(const struct pfs_section_read *read, const struct pfs_section *section, struct pfs_arena *arena,
                     struct pfs_reader **reader, int32_t *level, int32_t *runs, struct pfs_err *err)
{
    struct pfs_chain chain = read->chain;
    struct pfs_spill_want spill;
    struct run *run;
    int32_t count, rows;

    if (section->files == 0)
        return 0;
    PFS_TRY(list_runs(section, chain.read.columns + 2, arena, &run, &count, err));
    PFS_TRY(merge_types(read, arena, &spill, err));
    rows = choose_spilled(read->budget, run, count);
    chain.read.ahead_bytes = read->budget.bytes / PFS_AHEAD_SHARE / (size_t)count;
    for (int32_t i = 0; i < count; i++) {
        struct pfs_reader *opened;

        chain.read.batch_rows = run[i].spilled ? rows : 0;
        PFS_TRY(pfs_chain_open(&chain, run[i].file, run[i].files, &opened, err));
        if (read->filter != NULL)
            PFS_TRY(read->filter(read->context, opened, &opened, err));
        if (run[i].spilled)
            PFS_TRY(pfs_spill_run(&spill, opened, &opened, err));
        reader[*runs] = opened;
        level[(*runs)++] = run[i].level;
    }
    return 0;
}

/* The further runs behind them; those that are not taken over are closed. */
static int add_extras(const struct pfs_section_read *read, struct pfs_reader **reader, int32_t *level, int32_t *runs,
                      struct pfs_err *err)
{
    int rc = 0;

    for (int32_t i = 0; i < read->extras; i++) {
        struct pfs_reader *extra = read->extra[i];

        if (rc < 0) {
            pfs_reader_close(extra);
            continue;
        }
        if (read->filter != NULL)
            rc = read->filter(read->context, extra, &extra, err);
        if (rc == 0) {
            reader[*runs] = extra;
            level[(*runs)++] = read->extra_level[i];
        }
    }
    return rc;
}

int pfs_section_open(const struct pfs_section_read *read, const struct pfs_section *section, struct pfs_arena *arena,
                     struct pfs_reader **out, struct pfs_err *err)
{
    struct pfs_merge merge = {.engine = read->engine,
                              .key = read->key,
                              .keys = read->chain.read.schema->trimmed_keys,
                              .cancel = read->chain.read.cancel,
                              .alone = read->alone};
    size_t most = (size_t)section->files + (size_t)read->extras;
    struct pfs_reader **run = pfs_arena_array(arena, most, sizeof(struct pfs_reader *));
    int32_t *level = pfs_arena_array(arena, most, sizeof(*level));
    int32_t runs = 0;
    int rc;

    assert(most > 0);
    assert(read->engine != NULL);
    assert(read->key != NULL);
    if (run == NULL || level == NULL) {
        for (int32_t i = 0; i < read->extras; i++)
            pfs_reader_close(read->extra[i]);
        return pfs_arena_full(arena, err);
    }
    rc = add_extras(read, run, level, &runs, err);
    if (rc == 0)
        rc = open_runs(read, section, arena, run, level, &runs, err);
    if (rc < 0) {
        for (int32_t i = 0; i < runs; i++)
            pfs_reader_close(run[i]);
        return rc;
    }
    assert(runs > 0 && (size_t)runs <= most);
    merge.level = level;
    return pfs_merge_open(&merge, run, runs, out, err);
}
