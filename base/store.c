/* store.c - the seam's front: every path is checked here, once for all implementations, and whole files are made of the
 * single operations.
 *
 * What a file of a table says may become a path. One with ".." in it, or a part that no directory could hold, is
 * refused before an implementation sees it. */
#include "base/store.h"

#include <assert.h>
#include <stdio.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/uuid.h"

bool pfs_store_path_ok(const char *path)
{
    assert(path != NULL);
    if (path[0] == '\0')
        return true; /* the root itself */
    for (const char *part = path;; part++) {
        size_t len = strcspn(part, "/");

        if (len == 0 || len > PFS_NAME_BYTES_MAX || (len == 1 && part[0] == '.') ||
            (len == 2 && part[0] == '.' && part[1] == '.'))
            return false;
        part += len;
        if (*part == '\0')
            return true;
    }
}

static int check(const char *path, struct pfs_err *err)
{
    return pfs_store_path_ok(path) ? 0 : pfs_fail(err, EINVAL, "%s is not a path inside the warehouse", path);
}

void pfs_store_close(struct pfs_store *store)
{
    if (store == NULL)
        return;
    assert(store->ops != NULL);
    store->ops->destroy(store->self);
    pfs_free(store);
}

int pfs_store_open(struct pfs_store *s, const char *path, struct pfs_file **out, struct pfs_err *err)
{
    assert(out != NULL);
    PFS_TRY(check(path, err));
    return s->ops->open(s->self, path, out, err);
}

int pfs_file_pread(struct pfs_file *file, uint64_t off, void *to, size_t len, struct pfs_err *err)
{
    uint64_t size = pfs_file_size(file);

    assert(to != NULL || len == 0);
    /* Compared with what remains: a sum of two numbers from a file could pass 64 bits. */
    if (off > size || len > size - off)
        return pfs_fail(err, EIO, "bytes %llu to %llu lie beyond the file's end at %llu", (unsigned long long)off,
                        (unsigned long long)off + len, (unsigned long long)size);
    return len == 0 ? 0 : file->ops->pread(file, off, to, len, err);
}

void pfs_file_close(struct pfs_file *file)
{
    if (file != NULL)
        file->ops->close(file);
}

int pfs_store_stat(struct pfs_store *s, const char *path, struct pfs_stat *out, struct pfs_err *err)
{
    PFS_TRY(check(path, err));
    return s->ops->stat(s->self, path, out, err);
}

bool pfs_stat_is_same_file(const struct pfs_stat *a, const struct pfs_stat *b)
{
    return a->inode == b->inode && a->ctime_ns == b->ctime_ns && a->size == b->size;
}

int pfs_store_list(struct pfs_store *s, const char *path, pfs_list_fn *each, void *context, struct pfs_err *err)
{
    assert(each != NULL);
    PFS_TRY(check(path, err));
    return s->ops->list(s->self, path, each, context, err);
}

int pfs_store_create(struct pfs_store *s, const char *path, struct pfs_file **out, struct pfs_err *err)
{
    PFS_TRY(check(path, err));
    return s->ops->create(s->self, path, out, err);
}

int pfs_store_open_locked(struct pfs_store *s, const char *path, bool create, struct pfs_file **out,
                          struct pfs_err *err)
{
    PFS_TRY(check(path, err));
    return s->ops->open_locked(s->self, path, create, out, err);
}

int pfs_file_append(struct pfs_file *file, const void *at, size_t len, struct pfs_err *err)
{
    assert(at != NULL || len == 0);
    return len == 0 ? 0 : file->ops->append(file, at, len, err);
}

int pfs_file_stat(struct pfs_file *file, struct pfs_stat *out, struct pfs_err *err)
{
    return file->ops->file_stat == NULL ? pfs_fail(err, EOPNOTSUPP, "the store tells nothing of open files")
                                        : file->ops->file_stat(file, out, err);
}

void pfs_file_reserve(struct pfs_file *file, uint64_t len)
{
    file->ops->reserve(file, len);
}

bool pfs_file_start(struct pfs_file *file, uint64_t from)
{
    return file->ops->start != NULL && file->ops->start(file, from);
}

int pfs_file_sync(struct pfs_file *file, struct pfs_err *err)
{
    return file->ops->sync(file, err);
}

static int rename_checked(struct pfs_store *s, const char *from, const char *to, bool replace, struct pfs_err *err)
{
    PFS_TRY(check(from, err));
    PFS_TRY(check(to, err));
    return s->ops->rename(s->self, from, to, replace, err);
}

int pfs_store_rename_new(struct pfs_store *s, const char *from, const char *to, struct pfs_err *err)
{
    return rename_checked(s, from, to, false, err);
}

int pfs_store_rename_over(struct pfs_store *s, const char *from, const char *to, struct pfs_err *err)
{
    return rename_checked(s, from, to, true, err);
}

int pfs_store_unlink(struct pfs_store *s, const char *path, struct pfs_err *err)
{
    PFS_TRY(check(path, err));
    return s->ops->unlink(s->self, path, err);
}

int pfs_store_mkdir(struct pfs_store *s, const char *path, struct pfs_err *err)
{
    PFS_TRY(check(path, err));
    return s->ops->mkdir(s->self, path, err);
}

uint64_t pfs_store_room(struct pfs_store *s)
{
    return s->ops->room == NULL ? UINT64_MAX : s->ops->room(s->self);
}

int pfs_store_rmdir(struct pfs_store *s, const char *path, struct pfs_err *err)
{
    PFS_TRY(check(path, err));
    return s->ops->rmdir(s->self, path, err);
}

int pfs_store_sync_dir(struct pfs_store *s, const char *path, struct pfs_err *err)
{
    PFS_TRY(check(path, err));
    return s->ops->sync_dir(s->self, path, err);
}

/* ---- whole files ---- */

int pfs_store_load(struct pfs_store *s, const char *path, size_t max_bytes, struct pfs_slice *out, struct pfs_err *err)
{
    struct pfs_file *file;
    uint8_t *bytes;
    size_t len;
    int rc;

    assert(max_bytes < SIZE_MAX); /* one more is allocated */
    PFS_TRY(pfs_store_open(s, path, &file, err));
    if (file->size > max_bytes) {
        rc = pfs_fail(err, EFBIG, "%s has %llu bytes, more than %zu", path, (unsigned long long)file->size, max_bytes);
        pfs_file_close(file);
        return rc;
    }
    len = (size_t)file->size;
    bytes = pfs_alloc(len + 1);
    rc = bytes == NULL ? pfs_fail(err, ENOMEM, "no memory for %s", path) : pfs_file_pread(file, 0, bytes, len, err);
    pfs_file_close(file);
    if (rc < 0) {
        pfs_free(bytes);
        return rc;
    }
    bytes[len] = 0;
    *out = pfs_slice_of(bytes, len);
    return 0;
}

/* The directory of a path: the length of its text; 0 = the root. */
static size_t parent_len(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL ? 0 : (size_t)(slash - path);
}

/* Synced before it gets its name: a name whose bytes a power cut takes would be a damaged file that looks whole. */
static int write_temporary(struct pfs_store *s, const char *path, struct pfs_slice bytes, struct pfs_err *err)
{
    struct pfs_file *file;
    int rc;

    PFS_TRY(pfs_store_create(s, path, &file, err));
    rc = pfs_file_append(file, bytes.at, bytes.len, err);
    if (rc == 0)
        rc = pfs_file_sync(file, err);
    pfs_file_close(file);
    return rc;
}

#define SHOWN_MAX 200 /* bytes of a name that its temporary one begins with: more would not be a name any more */

static int shown_len(const char *name)
{
    size_t len = strlen(name);

    if (len > SHOWN_MAX)
        for (len = SHOWN_MAX; len > 0 && ((uint8_t)name[len] & 0xc0) == 0x80;)
            len--;
    assert(len <= SHOWN_MAX);
    return (int)len;
}

int pfs_store_publish_told(struct pfs_store *s, const char *path, struct pfs_slice bytes, bool replace, bool *named,
                           struct pfs_err *err)
{
    size_t dir = parent_len(path);
    const char *name = path + (dir == 0 ? 0 : dir + 1);
    char temporary[4096], parent[4096], uuid[PFS_UUID_TEXT];
    int rc;

    assert(path[0] != '\0'); /* the root is no file */
    *named = false;
    pfs_uuid_make(uuid);
    if (dir >= sizeof(parent) || snprintf(temporary, sizeof(temporary), "%.*s%s.%.*s.%s.tmp", (int)dir, path,
                                          dir == 0 ? "" : "/", shown_len(name), name, uuid) >= (int)sizeof(temporary))
        return pfs_fail(err, ENAMETOOLONG, "%s is too long", path);
    memcpy(parent, path, dir);
    parent[dir] = '\0';
    rc = write_temporary(s, temporary, bytes, err);
    *named = rc == 0;
    if (rc == 0)
        rc = rename_checked(s, temporary, path, replace, err);
    /* Lost the race for the name, or failed: either way nothing names the temporary file. That it could not be removed
     * is not worth a word; orphans are looked for by age. */
    if (rc < 0) {
        (void)pfs_store_unlink(s, temporary, NULL);
        return rc;
    }
    return pfs_store_sync_dir(s, parent, err);
}

int pfs_store_publish(struct pfs_store *s, const char *path, struct pfs_slice bytes, bool replace, struct pfs_err *err)
{
    bool named;

    return pfs_store_publish_told(s, path, bytes, replace, &named, err);
}

/* ---- removing trees ---- */

/* The names of a directory are read to the end before the first of them is removed: what a listing shows of a directory
 * that changes meanwhile is not defined. */
struct child {
    struct child *next;
    bool directory;
    char path[];
};

struct children {
    const char *parent;
    struct child *first;
};

static int keep_child(void *context, struct pfs_slice name, bool directory)
{
    struct children *children = context;
    size_t parent = strlen(children->parent);
    struct child *c = pfs_alloc(sizeof(*c) + parent + 1 + name.len + 1);

    assert(name.len > 0);
    if (c == NULL)
        return -ENOMEM;
    (void)snprintf(c->path, parent + 1 + name.len + 1, "%s%s%.*s", children->parent, parent == 0 ? "" : "/",
                   PFS_P(name));
    c->directory = directory;
    c->next = children->first;
    children->first = c;
    return 0;
}

static int remove_tree(struct pfs_store *s, const char *path, int depth, struct pfs_err *err)
{
    struct children children = {path, NULL};
    int rc = pfs_store_list(s, path, keep_child, &children, err);

    if (rc == -ENOMEM) /* keep_child cannot say so */
        rc = pfs_fail(err, ENOMEM, "no memory for the names in %s", path);
    if (depth > 64)
        rc = pfs_fail(err, ELOOP, "%s lies too deep", path);
    while (children.first != NULL) {
        struct child *c = children.first;

        children.first = c->next;
        if (rc == 0)
            rc = c->directory ? remove_tree(s, c->path, depth + 1, err) : pfs_store_unlink(s, c->path, err);
        if (rc == -ENOENT) /* somebody else removes the same tree */
            rc = 0;
        pfs_free(c);
    }
    if (rc == 0)
        rc = pfs_store_rmdir(s, path, err);
    return rc == -ENOENT ? 0 : rc;
}

int pfs_store_remove_all(struct pfs_store *s, const char *path, struct pfs_err *err)
{
    struct pfs_stat st;
    int rc = pfs_store_stat(s, path, &st, err);

    if (rc == -ENOENT)
        return 0;
    if (rc < 0)
        return rc;
    if (st.directory)
        return remove_tree(s, path, 0, err);
    rc = pfs_store_unlink(s, path, err);
    return rc == -ENOENT ? 0 : rc;
}
