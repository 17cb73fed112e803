/* session.c - a warehouse opened for one command or one mount: store, threads, catalog, tree, and their end in the
 * other order. */
#include "tools/session.h"

#include <assert.h>
#include <string.h>
#include <sys/resource.h>

#include "base/number.h"
#include "tools/commands.h"

/* Many runs of a table mean many open files: the soft limit is raised to the hard one. */
static void raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Units are powers of 1024, a "b" behind them may be there; a size that does not fit 63 bits is none. */
int session_parse_bytes(const char *value, uint64_t *out)
{
    static const char units[] = "kmgt";
    size_t digits = strspn(value, "0123456789");
    const char *unit = value[digits] == '\0' ? NULL : strchr(units, value[digits] | 32), *rest = value + digits;
    int64_t v;
    int shift;

    if (digits == 0 || pfs_i64_parse(pfs_slice_of(value, digits), &v) < 0)
        return -EINVAL;
    if (unit != NULL)
        rest += (rest[1] | 32) == 'b' ? 2 : 1;
    if (*rest != '\0')
        return -EINVAL;
    shift = unit == NULL ? 0 : (int)(10 * (unit - units + 1));
    if (v > INT64_MAX >> shift)
        return -EINVAL;
    *out = (uint64_t)v << shift;
    return 0;
}

int session_take_options(int *argc, char **argv, struct session_config *config)
{
    static const char external[] = "external-paths=";
    int kept = 0;

    for (int i = 0; i < *argc; i++) {
        if (strcmp(argv[i], "-o") != 0) {
            argv[kept++] = argv[i];
            continue;
        }
        if (i + 1 == *argc || strncmp(argv[i + 1], external, strlen(external)) != 0)
            return usage_error("-o knows external-paths=DIR[:DIR] here; mount has more");
        config->external_paths = argv[++i] + strlen(external);
    }
    *argc = kept;
    return 0;
}

/* On failure all that was opened is closed: nothing is left to the caller. */
int session_open(const struct session_config *config, struct session *out, struct pfs_err *err)
{
    struct pfs_catalog_config catalog = {
        .read_only = config->read_only, .memory_bytes = config->memory_bytes, .external_paths = config->external_paths};
    struct pfs_tree_config tree = {.cache_dir = config->cache_dir,
                                   .cache_bytes = config->cache_bytes,
                                   .memory_bytes = config->memory_bytes,
                                   .warehouse = config->warehouse,
                                   .read_only = config->read_only,
                                   .pours = config->pours,
                                   .formats = config->formats,
                                   .umask = config->umask,
                                   .user = config->user,
                                   .background = config->background,
                                   .commit_interval_ms = config->commit_interval_ms,
                                   .write_only = config->write_only,
                                   .skip = config->skip,
                                   .options = config->options,
                                   .uid = config->uid,
                                   .gid = config->gid};
    int rc;

    assert(config->warehouse != NULL);
    *out = (struct session){0};
    raise_file_limit();
    PFS_TRY(pfs_store_open_posix(config->warehouse, &catalog.store, err));
    rc = pfs_pool_open(config->threads, &out->pool, err);
    if (rc < 0) {
        pfs_store_close(catalog.store);
        return rc;
    }
    catalog.pool = out->pool;
    tree.pool = out->pool;
    rc = pfs_catalog_open(&catalog, &out->catalog, err);
    if (rc == 0) {
        tree.catalog = out->catalog;
        rc = pfs_tree_open(&tree, &out->tree, err);
    }
    if (rc < 0)
        session_close(out);
    return rc;
}

void session_close(struct session *session)
{
    pfs_tree_close(session->tree);
    pfs_pool_close(session->pool);
    *session = (struct session){0};
}
