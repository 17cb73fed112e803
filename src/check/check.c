/* check.c - what was found is told, and what is looked at is looked at once.
 *
 * A name that was seen is not looked at again, so that a history of a thousand snapshots costs as much as what they
 * have in common, once, and what each has of its own. Data files are only listed here: they are read when the whole
 * history is known, each for the first who named it. */
#include "src/check/internal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *pfs_finding_name(enum pfs_finding_kind kind)
{
    static const char *const names[] = {
#define X(id, name) [PFS_FINDING_##id] = name,
        PFS_FINDINGS(X)
#undef X
    };

    assert((size_t)kind < sizeof(names) / sizeof(names[0]));
    return names[kind];
}

/* ---- telling ---- */

static void tell(struct pfs_checker *c, enum pfs_finding_kind kind, bool note, const char *file, const char *text)
{
    const struct pfs_finding finding = {kind, note, file, c->by != NULL ? c->by->text : "", text};

    assert(file != NULL);
    assert(text != NULL);
    *(note ? &c->sum->notes : &c->sum->wrong) += 1;
    if (c->want->found != NULL)
        c->want->found(c->want->context, &finding);
}

/* What expiry, a rollback or somebody's rmdir took with its files is nothing to tell of. */
static bool namer_is_gone(const struct pfs_checker *c)
{
    struct pfs_stat st;

    return c->by != NULL && pfs_store_stat(c->want->store, c->by->path, &st, NULL) == -ENOENT;
}

void pfs_checker_tell(struct pfs_checker *c, enum pfs_finding_kind kind, const char *file, const char *fmt, ...)
{
    char text[PFS_ERR_TEXT_MAX];
    va_list args;

    if (namer_is_gone(c))
        return;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    tell(c, kind, false, file, text);
}

void pfs_checker_note(struct pfs_checker *c, enum pfs_finding_kind kind, const char *file, const char *fmt, ...)
{
    char text[PFS_ERR_TEXT_MAX];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    tell(c, kind, true, file, text);
}

int pfs_checker_failed(struct pfs_checker *c, const char *file, int rc, struct pfs_err *err)
{
    const char *why = err != NULL && err->code != 0 ? err->text : pfs_errno_text(-rc);

    assert(rc <= 0);
    if (rc == 0 || rc == -ENOMEM || rc == -ECANCELED)
        return rc;
    if (rc == -EOPNOTSUPP)
        pfs_checker_note(c, PFS_FINDING_UNKNOWN, file, "%s", why);
    else
        pfs_checker_tell(c, rc == -ENOENT ? PFS_FINDING_MISSING : PFS_FINDING_DAMAGED, file, "%s",
                         rc == -ENOENT ? "it is not there" : why);
    pfs_err_clear(err);
    return 0;
}

int pfs_checker_look(struct pfs_checker *c, struct pfs_store *store, const char *path, int64_t size,
                     struct pfs_err *err)
{
    struct pfs_stat st;
    int rc = pfs_store_stat(store, path, &st, err);

    assert(size >= 0 || size == PFS_NO_NUMBER);
    if (rc < 0)
        return pfs_checker_failed(c, path, rc, err);
    if (size != PFS_NO_NUMBER && st.size != (uint64_t)size) {
        pfs_checker_tell(c, PFS_FINDING_SIZE, path, "it has %llu bytes where %lld are named",
                         (unsigned long long)st.size, (long long)size);
        return 0;
    }
    return 1;
}

int pfs_checker_first(struct pfs_checker *c, const char *name, struct pfs_err *err)
{
    return pfs_nameset_add(&c->seen, name, err);
}

/* Its statistics are of no use here, and may be large. */
static int copy(struct pfs_checker *c, const struct pfs_manifest_entry *entry, struct pfs_checked_file *out,
                struct pfs_err *err)
{
    struct pfs_manifest_entry slim = *entry;

    slim.file.value_stats = (struct pfs_stats){0};
    slim.file.embedded_index = (struct pfs_slice){0};
    slim.file.stats_columns = -1;
    return pfs_manifest_entry_copy(&slim, &c->arena, &out->entry, err);
}

int pfs_checker_add(struct pfs_checker *c, const struct pfs_manifest_entry *entry, bool changelog, struct pfs_err *err)
{
    int rc = pfs_checker_first(c, entry->file.name, err);

    if (rc <= 0)
        return rc;
    assert(c->files <= c->room);
    assert(c->by != NULL); /* nobody else would answer for it */
    if (c->files == c->room) {
        int64_t room = c->room == 0 ? 256 : c->room * 2;
        struct pfs_checked_file *more = pfs_arena_array(&c->arena, (size_t)room, sizeof(*more));

        if (more == NULL)
            return pfs_arena_full(&c->arena, err);
        if (c->files > 0)
            memcpy(more, c->file, (size_t)c->files * sizeof(*more));
        c->file = more;
        c->room = room;
    }
    PFS_TRY(copy(c, entry, &c->file[c->files], err));
    c->file[c->files].by = c->by;
    c->file[c->files].changelog = changelog;
    c->files++;
    c->bytes += entry->file.size > 0 ? entry->file.size : 0;
    return 0;
}
