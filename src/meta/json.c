/* json.c - between metadata files and the JSON library.
 *
 * Parsing: the library recurses with the nesting of what it reads, which is therefore counted before. Members are taken
 * straight down, the first that is missing or of another type being noted; one question at the end tells. Texts are
 * copied, as the tree is freed when its file has been taken apart; one with a NUL in it would end too early for whoever
 * reads it.
 *
 * Printing: by hand, so that files look as Paimon's do, blank by blank, which are compared and read by people.
 */
#include "src/meta/json.h"

#include <assert.h>
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "base/limits.h"

json_t *pfs_json_parse(struct pfs_slice text, struct pfs_err *err)
{
    json_error_t why;
    json_t *root;

    assert(text.at != NULL || text.len == 0);
    if (pfs_json_is_deeper(text, 2 * PFS_JSON_DEPTH_MAX)) {
        pfs_fail(err, EIO, "JSON nested too deep");
        return NULL;
    }
    root = json_loadb((const char *)text.at, text.len, JSON_REJECT_DUPLICATES, &why);
    if (root == NULL)
        pfs_fail(err, EIO, "not JSON: %s (line %d, column %d)", why.text, why.line, why.column);
    else if (!json_is_object(root)) {
        json_decref(root);
        root = NULL;
        pfs_fail(err, EIO, "not a JSON object");
    }
    return root;
}

void pfs_json_free(json_t *root)
{
    json_decref(root);
}

/* The first one stays: the others may follow from it. */
static void is_bad(const char **bad, const char *key)
{
    if (*bad == NULL)
        *bad = key;
}

int64_t pfs_json_want_number(const json_t *object, const char *key, const char **bad)
{
    const json_t *v = json_object_get(object, key);

    assert(bad != NULL);
    if (!json_is_integer(v))
        is_bad(bad, key);
    return json_integer_value(v);
}

int64_t pfs_json_maybe_number(const json_t *object, const char *key, int64_t fallback, const char **bad)
{
    const json_t *v = json_object_get(object, key);

    if (v == NULL || json_is_null(v))
        return fallback;
    return pfs_json_want_number(object, key, bad);
}

const char *pfs_json_want_text(const json_t *object, const char *key, struct pfs_arena *arena, const char **bad)
{
    const json_t *v = json_object_get(object, key);
    const char *text = json_string_value(v), *out = NULL;

    assert(arena != NULL);
    if (text != NULL && strlen(text) == json_string_length(v))
        out = pfs_arena_string(arena, pfs_str(text));
    if (out == NULL)
        is_bad(bad, key);
    return out;
}

const char *pfs_json_maybe_text(const json_t *object, const char *key, struct pfs_arena *arena, const char **bad)
{
    const json_t *v = json_object_get(object, key);

    return v == NULL || json_is_null(v) ? NULL : pfs_json_want_text(object, key, arena, bad);
}

void pfs_json_print_text(struct pfs_buf *out, const char *text)
{
    /* Pairs: the character, and what stands for it behind a backslash. Jackson escapes no others by name. */
    static const char escapes[] = "\"\"\\\\\bb\ff\nn\rr\tt";

    _Static_assert(sizeof(escapes) % 2 == 1, "pairs, and the end");
    assert(text != NULL);
    pfs_buf_putc(out, '"');
    for (const char *p = text; *p != '\0'; p++) {
        const char *escape = NULL;

        for (size_t i = 0; i + 1 < sizeof(escapes); i += 2)
            if (escapes[i] == *p)
                escape = &escapes[i + 1];
        if (escape != NULL) {
            pfs_buf_putc(out, '\\');
            pfs_buf_putc(out, (uint8_t)*escape);
        } else if ((unsigned char)*p < ' ') {
            pfs_buf_printf(out, "\\u%04X", (unsigned)(unsigned char)*p);
        } else {
            pfs_buf_putc(out, (uint8_t)*p);
        }
    }
    pfs_buf_putc(out, '"');
}
