/* orphans.c - files that nothing names, not even a row that is acknowledged and not committed yet.
 *
 * Journals of all processes on the warehouse are read: their files are listed there before they are acknowledged, and
 * stay listed until a snapshot names them. A journal that cannot be read is an error, and nothing is removed. */
#include "base/limits.h"
#include "src/journal/journal.h"
#include "src/journal/record.h"
#include "src/retain/nameset.h"
#include "src/table/internal.h"

static int need_files(struct pfs_nameset *names, struct pfs_slice manifest, struct pfs_err *err)
{
    struct pfs_manifest_entry *entry;
    struct pfs_arena arena;
    int64_t entries = 0;
    int rc;

    pfs_arena_init(&arena, PFS_MANIFEST_BYTES_MAX);
    rc = pfs_manifest_parse(manifest, &arena, &entry, &entries, err);
    for (int64_t i = 0; rc >= 0 && i < entries; i++) {
        rc = pfs_nameset_add(names, entry[i].file.name, err);
        for (int64_t k = 0; rc >= 0 && k < entry[i].file.extra_files; k++)
            rc = pfs_nameset_add(names, entry[i].file.extra_file[k], err);
    }
    pfs_arena_done(&arena);
    return rc < 0 ? rc : 0;
}

/* A record may be of another table: names are unique. */
static int need_record(void *context, enum pfs_journal_kind kind, struct pfs_slice body, struct pfs_err *err)
{
    struct pfs_part_intent intent;
    struct pfs_arena arena;
    int rc;

    if (kind == PFS_JOURNAL_FILES)
        return need_files(context, body, err);
    if (kind != PFS_JOURNAL_INTENT)
        return 0;
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = pfs_record_get_intent(body, &arena, &intent, err);
    if (rc == 0 && intent.files.len > 0)
        rc = need_files(context, intent.files, err);
    pfs_arena_done(&arena);
    return rc;
}

static int needed(void *context, struct pfs_nameset *names, struct pfs_err *err)
{
    return pfs_journal_look(context, need_record, names, err);
}

int pfs_table_remove_orphans(struct pfs_table *table, int64_t before_ms, bool dry, int64_t *files, int64_t *bytes,
                             struct pfs_err *err)
{
    struct pfs_upkeep *upkeep = pfs_table_upkeep(table);
    struct pfs_orphans_want want = {.before_ms = before_ms, .dry = dry, .needed = needed};
    struct pfs_retention how;
    struct pfs_retain at;
    int rc;

    if (!dry)
        PFS_TRY(pfs_table_check_writable(table, err));
    PFS_TRY(pfs_table_retain(table, &at, &how, err));
    at.meta = at.table; /* the files of all branches lie in the main table */
    want.context = at.store;
    pthread_mutex_lock(&upkeep->lock);
    rc = pfs_orphans_remove(&at, &want, files, bytes, err);
    pthread_mutex_unlock(&upkeep->lock);
    return rc;
}
