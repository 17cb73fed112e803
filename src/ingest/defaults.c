/* defaults.c - default values as the text that an inbox takes. In a schema a default is what a cast makes of a text
 * ("{a -> 1}", bytes as they stand, a CHAR without its blanks); the parser of rows has its own spelling of values. */
#include <assert.h>
#include <string.h>

#include "format/text/text.h"
#include "src/file/cast.h"
#include "src/ingest/internal.h"

/* The parser's text in `out`, NULL for a default that is NULL. A text that no cast takes is left to the parser. */
static int spell(const struct pfs_field *f, struct pfs_arena *arena, const char **out, struct pfs_err *err)
{
    static const struct pfs_type string = {.kind = PFS_VARCHAR, .nullable = true, .length = PFS_LENGTH_MAX};
    int32_t offsets[2] = {0, (int32_t)strlen(f->default_value)};
    const struct pfs_column given = {.type = &string, .offsets = offsets, .values = f->default_value};
    struct pfs_buf text = {0};
    struct pfs_column made;
    int rc;

    assert(f->default_value != NULL);
    *out = f->default_value;
    if (pfs_cast_check(&string, &f->type, NULL) < 0)
        return 0;
    rc = pfs_cast_column(&given, 1, &f->type, arena, &made, NULL);
    if (rc == -EINVAL || rc == -ERANGE)
        return 0;
    if (rc == -ENOMEM)
        return pfs_arena_full(arena, err);
    if (rc < 0)
        return pfs_fail(err, -rc, "column %s: its default cannot be read", f->name);
    *out = NULL;
    if (!pfs_column_present(&made, 0))
        return 0;
    rc = pfs_text_print_value(PFS_TEXT_CSV, &made, 0, &text, err);
    if (rc == 0 && (*out = pfs_arena_string(arena, pfs_buf_slice(&text))) == NULL)
        rc = pfs_arena_full(arena, err);
    pfs_buf_done(&text);
    return rc;
}

int pfs_defaults_spell(const struct pfs_schema *schema, struct pfs_arena *arena, const struct pfs_field **out,
                       struct pfs_err *err)
{
    struct pfs_field *field = NULL;

    *out = schema->field;
    for (int32_t i = 0; i < schema->columns; i++) {
        if (schema->field[i].default_value == NULL)
            continue;
        if (field == NULL) {
            field = pfs_arena_array(arena, (size_t)schema->columns, sizeof(*field));
            if (field == NULL)
                return pfs_arena_full(arena, err);
            memcpy(field, schema->field, (size_t)schema->columns * sizeof(*field));
            *out = field;
        }
        PFS_TRY(spell(&schema->field[i], arena, &field[i].default_value, err));
    }
    return 0;
}
