/* cluster.c - incremental clustering of append tables without buckets (spec lsm 11): their files have levels, of which
 * readers know nothing. A file of level 0 is a run, and so are all of another level; what is picked of them, as from
 * the runs of a bucket with keys, is written in the order of clustering.columns. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "src/lsm/internal.h"

#define ZORDER_COLUMNS_MAX 4 /* of clustering.strategy = auto */

bool pfs_cluster_is_on(const struct pfs_schema *schema)
{
    bool on;

    return schema->primary_keys == 0 && schema->buckets == -1 &&
           pfs_options_bool(&schema->options, "clustering.incremental", false, &on, NULL) == 0 && on;
}

static int read_strategy(const struct pfs_schema *schema, struct pfs_order *out, struct pfs_err *err)
{
    static const char *const names[] = {
#define X(id, name) name,
        PFS_ORDER_STRATEGIES(X)
#undef X
            "auto",
        NULL};
    int strategy;

    PFS_TRY(pfs_options_enum(&schema->options, "clustering.strategy", names,
                             (int)(sizeof(names) / sizeof(names[0])) - 2, &strategy, err));
    if (strcmp(names[strategy], "auto") != 0)
        out->strategy = (enum pfs_order_strategy)strategy;
    else if (out->columns == 1)
        out->strategy = PFS_ORDER_PLAIN;
    else
        out->strategy = out->columns <= ZORDER_COLUMNS_MAX ? PFS_ORDER_ZORDER : PFS_ORDER_HILBERT;
    return 0;
}

int pfs_order_by(const struct pfs_schema *schema, const char *key, const char *text, struct pfs_arena *arena,
                 struct pfs_order *out, struct pfs_err *err)
{
    const char **name = NULL;
    int32_t count = 0;

    if (text != NULL)
        PFS_TRY(pfs_options_list(text, arena, &name, &count, err));
    if (count == 0 || count > PFS_ORDER_COLUMNS_MAX)
        return pfs_fail(err, EINVAL, "%s takes 1 to %d columns", key, PFS_ORDER_COLUMNS_MAX);
    for (int32_t i = 0; i < count; i++) {
        int32_t column = pfs_schema_find(schema, pfs_str(name[i]));

        if (column < 0)
            return pfs_fail(err, EINVAL, "%s: there is no column %s", key, name[i]);
        if (pfs_kind_is_nested(schema->field[column].type.kind))
            return pfs_fail(err, EINVAL, "%s: %s has a nested type", key, name[i]);
        out->column[i] = column;
    }
    out->columns = count;
    return 0;
}

int pfs_cluster_order(const struct pfs_schema *schema, struct pfs_arena *arena, struct pfs_order *out,
                      struct pfs_err *err)
{
    static const char key[] = "clustering.columns";

    PFS_TRY(pfs_order_by(schema, key, pfs_options_get(&schema->options, key), arena, out, err));
    return read_strategy(schema, out, err);
}

int pfs_cluster_stands(const struct pfs_state *state, const struct pfs_data_file *file, bool *out, struct pfs_err *err)
{
    const char *now = pfs_options_get(&state->schema->options, "clustering.columns"), *then;
    const struct pfs_schema *schema;

    PFS_TRY(pfs_schemas_get(state->schemas, file->schema_id, &schema, err));
    then = pfs_options_get(&schema->options, "clustering.columns");
    *out = (now == NULL) == (then == NULL) && (now == NULL || strcmp(now, then) == 0);
    return 0;
}
