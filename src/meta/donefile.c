/* donefile.c - the JSON of marks: when one was made, and when it was last said again.
 *
 * The time of creation is carried from the file that is there; if that cannot be read the mark is a new one. It is
 * replaced as a whole, so that nobody meets half of it.
 */
#include "src/meta/donefile.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "base/limits.h"
#include "base/mem.h"
#include "src/meta/json.h"

/* The time that the file there was made at; `otherwise` when there is none, or it is damaged. */
static int64_t created_ms(struct pfs_store *store, const char *path, int64_t otherwise)
{
    int64_t created = otherwise;
    struct pfs_slice text;
    const char *bad = NULL;
    struct json_t *root;

    if (pfs_store_load(store, path, PFS_METADATA_BYTES_MAX, &text, NULL) < 0)
        return otherwise;
    root = pfs_json_parse(text, NULL);
    if (root != NULL)
        created = pfs_json_maybe_number(root, "creationTime", otherwise, &bad);
    pfs_json_free(root);
    pfs_free((void *)(uintptr_t)text.at);
    return bad == NULL ? created : otherwise;
}

/* Whatever the mark is of. */
static int mark(struct pfs_store *store, const char *path, int64_t now_ms, struct pfs_err *err)
{
    struct pfs_buf json = {0};
    int rc;

    assert(path[0] != '/'); /* below the warehouse */
    pfs_buf_printf(&json, "{\n  \"creationTime\" : %lld,\n  \"modificationTime\" : %lld\n}",
                   (long long)created_ms(store, path, now_ms), (long long)now_ms);
    rc = pfs_buf_check(&json, err);
    if (rc == 0)
        rc = pfs_store_publish(store, path, pfs_buf_slice(&json), true, err);
    pfs_buf_done(&json);
    return rc;
}

int pfs_done_mark(struct pfs_store *store, const char *partition, int64_t now_ms, struct pfs_err *err)
{
    char path[4096];

    if (snprintf(path, sizeof(path), "%s/_SUCCESS", partition) >= (int)sizeof(path))
        return pfs_fail(err, ENAMETOOLONG, "%s is too long", partition);
    return mark(store, path, now_ms, err);
}

static bool tag_path(char *path, size_t len, const char *meta, const char *tag)
{
    return snprintf(path, len, "%s/tag/tag-success-file/%s_SUCCESS", meta, tag) < (int)len;
}

int pfs_done_mark_tag(struct pfs_store *store, const char *meta, const char *tag, int64_t now_ms, struct pfs_err *err)
{
    char path[4096];

    if (!tag_path(path, sizeof(path), meta, tag))
        return pfs_fail(err, ENAMETOOLONG, "%s is too long", tag);
    return mark(store, path, now_ms, err);
}

void pfs_done_unmark_tag(struct pfs_store *store, const char *meta, const char *tag)
{
    char path[4096];

    if (tag_path(path, sizeof(path), meta, tag))
        (void)pfs_store_unlink(store, path, NULL);
}
