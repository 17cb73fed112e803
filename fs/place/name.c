/* name.c - names that people gave, as names of directories. One name has one spelling: what could be spelled otherwise
 * is refused, for two paths of one table would be two nodes. */
#include <assert.h>
#include <string.h>

#include "base/limits.h"
#include "fs/place/place.h"
#include "src/meta/names.h"

/* Does a member of that directory have the name? */
static bool is_taken(enum pfs_node_kind parent, const char *name)
{
    return (parent == PFS_NODE_ROOT || parent == PFS_NODE_DATABASE) && strcmp(name, "sql") == 0;
}

int pfs_place_print_name(enum pfs_node_kind parent, const char *name, struct pfs_arena *arena, const char **out,
                         struct pfs_err *err)
{
    struct pfs_buf text = {0};
    int rc = 0;

    assert(name != NULL);
    for (const char *p = name; *p != '\0'; p++)
        if (*p == '%' || *p == '/' || (p == name && (*p == '.' || is_taken(parent, name))))
            pfs_buf_printf(&text, "%%%02X", (unsigned)(unsigned char)*p);
        else
            pfs_buf_putc(&text, (uint8_t)*p);
    *out = NULL;
    rc = pfs_buf_check(&text, err);
    if (rc == 0 && text.len <= PFS_NAME_BYTES_MAX) {
        *out = pfs_arena_string(arena, pfs_buf_slice(&text));
        if (*out == NULL)
            rc = pfs_arena_full(arena, err);
    }
    pfs_buf_done(&text);
    return rc;
}

/* What printing the name would not give back is refused. */
int pfs_place_parse_name(enum pfs_node_kind parent, const char *shown, struct pfs_arena *arena, const char **out,
                         struct pfs_err *err)
{
    struct pfs_slice decoded;
    const char *name, *again;

    PFS_TRY(pfs_name_unescape(pfs_str(shown), arena, &decoded, err));
    name = memchr(decoded.at, 0, decoded.len) != NULL ? NULL : pfs_arena_string(arena, decoded);
    if (name != NULL)
        PFS_TRY(pfs_place_print_name(parent, name, arena, &again, err));
    if (name == NULL || again == NULL || strcmp(again, shown) != 0)
        return pfs_fail(err, EINVAL, "%s: a '%%' in a name is spelled %%25", shown);
    *out = name;
    return 0;
}
