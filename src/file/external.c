/* external.c - allowed directories, each with a store of its own.
 *
 * A store opens nothing outside of its directory, whatever links lie in it, so that a path from a manifest can only
 * name what the mount was told to allow. Where one directory lies in another the longer one counts.
 */
#include "src/file/external.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

struct allowed {
    char *prefix; /* absolute, without a slash at its end ("" is the root) */
    struct pfs_store *store;
};

struct pfs_external {
    int32_t count;
    struct allowed *allowed;
};

/* A trailing slash is no part of a prefix: what follows it in a path is looked at instead, so that /a does not allow
 * /ab. */
static int add(struct pfs_external *e, const char *from, size_t len, struct pfs_err *err)
{
    struct allowed *a = &e->allowed[e->count];
    int rc;

    if (len == 0 || from[0] != '/')
        return pfs_fail(err, EINVAL, "external path \"%.*s\" is not absolute", (int)len, from);
    while (len > 0 && from[len - 1] == '/')
        len--;
    a->prefix = pfs_alloc(len + 1);
    if (a->prefix == NULL)
        return pfs_fail(err, ENOMEM, "no memory for external paths");
    memcpy(a->prefix, from, len);
    a->prefix[len] = '\0';
    e->count++; /* also when it cannot be opened: close frees its prefix */
    rc = pfs_store_open_posix(len == 0 ? "/" : a->prefix, &a->store, err);
    return rc == -ENOENT ? pfs_fail(err, ENOENT, "external path %s is not there", a->prefix) : rc;
}

int pfs_external_open(const char *list, struct pfs_external **out, struct pfs_err *err)
{
    struct pfs_external *e;
    size_t most = 1;
    int rc = 0;

    *out = NULL;
    if (list == NULL || *list == '\0')
        return 0;
    for (const char *p = list; *p != '\0'; p++)
        most += *p == ':';
    e = pfs_zalloc(sizeof(*e));
    if (e == NULL || (e->allowed = pfs_alloc_array(most, sizeof(*e->allowed))) == NULL) {
        pfs_free(e);
        return pfs_fail(err, ENOMEM, "no memory for external paths");
    }
    for (const char *p = list; rc == 0; p++) {
        size_t len = strcspn(p, ":");

        assert((size_t)e->count < most); /* colons were counted */
        rc = add(e, p, len, err);
        p += len;
        if (*p == '\0')
            break;
    }
    if (rc < 0) {
        pfs_external_close(e);
        return rc;
    }
    *out = e;
    return 0;
}

void pfs_external_close(struct pfs_external *external)
{
    if (external == NULL)
        return;
    for (int32_t i = 0; i < external->count; i++) {
        pfs_store_close(external->allowed[i].store);
        pfs_free(external->allowed[i].prefix);
    }
    pfs_free(external->allowed);
    pfs_free(external);
}

/* "file:/x", "file:///x" and "/x" are the same to Java; "file://host/x" is another machine's. */
const char *pfs_external_local(const char *uri)
{
    if (strncmp(uri, "file:", 5) == 0)
        uri += 5;
    if (strncmp(uri, "//", 2) == 0)
        uri = strncmp(uri, "///", 3) == 0 ? uri + 2 : NULL; /* no host */
    return uri != NULL && uri[0] == '/' ? uri : NULL;
}

int pfs_external_find(const struct pfs_external *external, const char *uri, struct pfs_store **store, const char **path,
                      struct pfs_err *err)
{
    const char *absolute = pfs_external_local(uri);
    size_t longest = 0;

    if (absolute == NULL)
        return pfs_fail(err, EOPNOTSUPP, "%s lies outside the table, on something that is no directory here", uri);
    if (!pfs_store_path_ok(absolute + 1))
        return pfs_fail(err, EOPNOTSUPP, "%s lies outside the table and is no plain path", uri);
    *store = NULL;
    for (int32_t i = 0; external != NULL && i < external->count; i++) {
        const struct allowed *a = &external->allowed[i];
        size_t len = strlen(a->prefix);

        if (strncmp(absolute, a->prefix, len) != 0 || absolute[len] != '/' || (*store != NULL && len < longest))
            continue;
        assert(a->store != NULL);
        *store = a->store;
        *path = absolute + len + 1;
        longest = len;
    }
    return *store != NULL ? 0
                          : pfs_fail(err, EOPNOTSUPP,
                                     "%s lies outside the table, where external-paths does not allow to read", uri);
}
