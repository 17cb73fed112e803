/* take.c - the journals of processes that are gone.
 *
 * The lock of a journal's oldest segment decides: whoever gets it has the journal, and takes the others, which nobody
 * else can hold unless the listing was old; then all is let go until the next time.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "src/journal/internal.h"

#define NAME_BEGIN "journal-"
#define SEGMENTS_MAX 1000000

struct part {
    struct pfs_file *file;
    int32_t number;
    uint64_t seed;
    bool whole; /* has a header */
    struct pfs_segment_damage damage;
};

struct pfs_foreign {
    struct pfs_store *store;
    char uuid[37];
    char user[PFS_SEGMENT_USER_MAX + 1];
    struct part *part;
    int32_t parts;
    struct pfs_journal_record *record;
    int64_t records, records_max;
    struct {
        int32_t segment;
        uint64_t bytes;
    } * cut;
    int32_t cuts, cuts_max;
    int32_t scanning; /* number of the segment whose records are being read */
};

/* ---- names ---- */

struct name {
    char uuid[37];
    int32_t number;
};

struct names {
    const char *own;
    struct name *item;
    int32_t count, max;
};

/* Everything else in the directory is somebody else's. */
static bool parse_name(struct pfs_slice text, struct name *out)
{
    size_t begin = sizeof(NAME_BEGIN) - 1;
    uint64_t number = 0;

    if (text.len < begin + 36 + 2 || memcmp(text.at, NAME_BEGIN, begin) != 0 || text.at[begin + 36] != '-')
        return false;
    for (size_t i = begin; i < begin + 36; i++)
        if (strchr("0123456789abcdef-", text.at[i]) == NULL || text.at[i] == '\0')
            return false;
    for (size_t i = begin + 37; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9' || number > INT32_MAX / 10 - 1)
            return false;
        number = number * 10 + (uint64_t)(text.at[i] - '0');
    }
    memcpy(out->uuid, text.at + begin, 36);
    out->uuid[36] = '\0';
    out->number = (int32_t)number;
    return true;
}

static int keep_name(void *context, struct pfs_slice text, bool directory)
{
    struct names *names = context;
    struct name name;

    if (directory || !parse_name(text, &name) || strcmp(name.uuid, names->own) == 0 || names->count >= SEGMENTS_MAX)
        return 0;
    assert(names->count <= names->max);
    if (names->count == names->max) {
        int32_t max = names->max == 0 ? 16 : names->max * 2;
        struct name *grown = pfs_realloc(names->item, (size_t)max * sizeof(*grown));

        if (grown == NULL)
            return -ENOMEM;
        names->item = grown;
        names->max = max;
    }
    names->item[names->count++] = name;
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    const struct name *x = a, *y = b;
    int order = strcmp(x->uuid, y->uuid);

    return order != 0 ? order : (x->number > y->number) - (x->number < y->number);
}

/* ---- records ---- */

/* A kind that is not known makes the journal be left alone: a later version wrote it. */
static int keep_record(void *context, const struct pfs_segment_record *record, struct pfs_err *err)
{
    struct pfs_foreign *f = context;

    if (record->kind == PFS_RECORD_CUT) {
        if (record->body.len != 12 || f->cuts >= SEGMENTS_MAX)
            return pfs_fail(err, EIO, "a cut of %zu bytes", record->body.len);
        if (f->cuts == f->cuts_max) {
            int32_t max = f->cuts_max == 0 ? 8 : f->cuts_max * 2;
            void *grown = pfs_realloc(f->cut, (size_t)max * sizeof(*f->cut));

            if (grown == NULL)
                return pfs_fail(err, ENOMEM, "no memory for a journal");
            f->cut = grown;
            f->cuts_max = max;
        }
        f->cut[f->cuts].segment = (int32_t)pfs_le32(record->body.at);
        f->cut[f->cuts++].bytes = pfs_le64(record->body.at + 4);
        return 0;
    }
    if (record->kind >= PFS_JOURNAL_KINDS)
        return pfs_fail(err, ENOTSUP, "a record of kind %u", record->kind);
    assert(f->records <= f->records_max);
    if (f->records == f->records_max) {
        int64_t max = f->records_max == 0 ? 64 : f->records_max * 2;
        struct pfs_journal_record *grown = pfs_realloc(f->record, (size_t)max * sizeof(*grown));

        if (grown == NULL)
            return pfs_fail(err, ENOMEM, "no memory for a journal");
        f->record = grown;
        f->records_max = max;
    }
    f->record[f->records++] = (struct pfs_journal_record){
        record->transaction, (enum pfs_journal_kind)record->kind, {f->scanning, record->at, record->body.len}};
    return 0;
}

/* Drops what lies beyond a cut: it was lost with a sync that failed, and its writers were told so. */
static void apply_cuts(struct pfs_foreign *f)
{
    int64_t kept = 0;

    for (int64_t i = 0; i < f->records; i++) {
        struct pfs_place_in_journal place = f->record[i].place;
        bool counts = true;

        for (int32_t c = 0; c < f->cuts; c++)
            if (f->cut[c].segment == place.segment &&
                (place.at > f->cut[c].bytes || place.len > f->cut[c].bytes - place.at))
                counts = false;
        if (counts)
            f->record[kept++] = f->record[i];
    }
    f->records = kept;
    for (int32_t c = 0; c < f->cuts; c++)
        for (int32_t i = 0; i < f->parts; i++)
            if (f->part[i].number == f->cut[c].segment && f->part[i].damage.at >= f->cut[c].bytes)
                f->part[i].damage.bytes = 0;
}

/* ---- taking ---- */

/* Its file is locked by us. One that was only begun, and one whose header is damaged, hold no records. */
static int take_segment(struct pfs_foreign *f, struct part *part, struct pfs_err *err)
{
    struct pfs_segment_header header;
    int rc = pfs_segment_get_header(part->file, &header, err);

    if (rc <= 0)
        return rc;
    part->whole = true;
    part->seed = header.seed;
    memcpy(f->user, header.user, sizeof(f->user));
    f->scanning = part->number;
    return pfs_segment_scan(part->file, &header, keep_record, f, &part->damage, err);
}

/* 1 = had; 0 = not ours to take now. */
static int take_journal(struct pfs_foreign *f, const struct name *name, int32_t count, struct pfs_err *err)
{
    char path[128];
    int rc;

    assert(count > 0);
    assert(f->parts == 0);
    memcpy(f->uuid, name[0].uuid, sizeof(f->uuid));
    f->part = pfs_alloc_array((size_t)count, sizeof(*f->part));
    if (f->part == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a journal");
    for (int32_t i = 0; i < count; i++) {
        struct part *part = &f->part[i];

        pfs_segment_path(path, f->uuid, name[i].number);
        part->number = name[i].number;
        rc = pfs_store_open_locked(f->store, path, false, &part->file, err);
        if (rc == -EAGAIN || rc == -ENOENT)
            return 0;
        if (rc < 0)
            return rc;
        f->parts++;
        if (take_segment(f, part, err) < 0)
            return pfs_wrap(err, "%s", path);
    }
    apply_cuts(f);
    return 1;
}

static struct pfs_foreign *make_foreign(struct pfs_store *store)
{
    struct pfs_foreign *f = pfs_zalloc(sizeof(*f));

    if (f != NULL)
        f->store = store;
    return f;
}

static bool has_header(const struct pfs_foreign *f)
{
    for (int32_t i = 0; i < f->parts; i++)
        if (f->part[i].whole)
            return true;
    return false;
}

/* Segments of one journal are neighbours in the list; the first failure is the one that is told. */
static int take_all(struct pfs_journal *j, const struct names *names, struct pfs_foreign **had, int32_t *count,
                    struct pfs_err *err)
{
    int failure = 0;

    for (int32_t i = 0, end; i < names->count; i = end) {
        struct pfs_foreign *f = make_foreign(j->store);
        int rc;

        for (end = i + 1; end < names->count && strcmp(names->item[i].uuid, names->item[end].uuid) == 0;)
            end++;
        rc = f == NULL ? pfs_fail(err, ENOMEM, "no memory for a journal")
                       : take_journal(f, &names->item[i], end - i, failure == 0 ? err : NULL);
        if (rc > 0 && has_header(f)) {
            had[(*count)++] = f;
            continue;
        }
        pfs_foreign_close(f, rc > 0);
        if (rc < 0 && failure == 0)
            failure = rc;
    }
    if (*count == 0 && failure < 0)
        return failure;
    pfs_err_clear(err);
    return 0;
}

int pfs_journal_take(struct pfs_journal *j, struct pfs_foreign ***out, int32_t *count, struct pfs_err *err)
{
    struct names names = {.own = j->header.uuid};
    struct pfs_foreign **had = NULL;
    int rc = pfs_store_list(j->store, PFS_JOURNAL_DIRECTORY, keep_name, &names, err);
    int32_t taken = 0;

    if (rc == -ENOENT)
        rc = 0;
    else if (rc == -ENOMEM)
        rc = pfs_fail(err, ENOMEM, "no memory for the names of journals");
    if (rc == 0 && names.count > 0) {
        qsort(names.item, (size_t)names.count, sizeof(*names.item), compare_names);
        had = pfs_alloc_array((size_t)names.count, sizeof(struct pfs_foreign *));
        rc = had == NULL ? pfs_fail(err, ENOMEM, "no memory for journals") : take_all(j, &names, had, &taken, err);
    }
    pfs_free(names.item);
    if (rc < 0 || taken == 0) {
        pfs_free(had);
        had = NULL;
    }
    if (rc < 0)
        return rc;
    *out = had;
    *count = taken;
    return 0;
}

const char *pfs_foreign_user(const struct pfs_foreign *f)
{
    return f->user;
}

const struct pfs_journal_record *pfs_foreign_records(const struct pfs_foreign *f, int64_t *count)
{
    *count = f->records;
    return f->record;
}

bool pfs_foreign_damage(const struct pfs_foreign *f, struct pfs_err *err)
{
    for (int32_t i = 0; i < f->parts; i++)
        if (f->part[i].damage.bytes > 0) {
            (void)pfs_fail(
                err, EIO,
                "journal-%s-%d: %llu bytes at %llu are damaged, and rows that were acknowledged may be lost; "
                "all else of it is taken, and it is kept as damaged-%s-%d",
                f->uuid, f->part[i].number, (unsigned long long)f->part[i].damage.bytes,
                (unsigned long long)f->part[i].damage.at, f->uuid, f->part[i].number);
            return true;
        }
    return false;
}

int pfs_foreign_read(struct pfs_foreign *f, struct pfs_place_in_journal place, struct pfs_arena *arena,
                     struct pfs_slice *out, struct pfs_err *err)
{
    for (int32_t i = 0; i < f->parts; i++)
        if (f->part[i].number == place.segment && f->part[i].whole)
            return pfs_segment_read(f->part[i].file, f->part[i].seed, place, arena, out, err);
    return pfs_fail(err, EIO, "journal segment %d is not there", place.segment);
}

/* Oldest first, each durably before the next: see pfs_journal_remove. */
static int remove_part(struct pfs_foreign *f, const struct part *part)
{
    char path[128], kept[192];
    int rc;

    pfs_segment_path(path, f->uuid, part->number);
    if (part->damage.bytes > 0 || (!part->whole && pfs_file_size(part->file) > PFS_SEGMENT_HEADER_MAX)) {
        (void)snprintf(kept, sizeof(kept), PFS_JOURNAL_DIRECTORY "/damaged-%s-%d", f->uuid, part->number);
        rc = pfs_store_rename_new(f->store, path, kept, NULL);
    } else {
        rc = pfs_store_unlink(f->store, path, NULL);
    }
    return rc < 0 ? rc : pfs_store_sync_dir(f->store, PFS_JOURNAL_DIRECTORY, NULL);
}

void pfs_foreign_close(struct pfs_foreign *f, bool finished)
{
    if (f == NULL)
        return;
    for (int32_t i = 0; i < f->parts && finished; i++)
        finished = remove_part(f, &f->part[i]) == 0;
    for (int32_t i = 0; i < f->parts; i++)
        pfs_file_close(f->part[i].file);
    pfs_free(f->part);
    pfs_free(f->record);
    pfs_free(f->cut);
    pfs_free(f);
}
