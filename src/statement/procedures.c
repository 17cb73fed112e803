/* procedures.c - CALL: finds the procedure, and its arguments by place or by name. */
#include "src/statement/procedures.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/number.h"

/* ---- arguments ---- */

const char *pfs_calling_argument(const struct pfs_statement *s, const char *name)
{
    assert(s->kind == PFS_SQL_CALL);
    for (int32_t i = 0; i < s->arguments; i++)
        if (strcmp(s->argument[i].name, name) == 0) /* all have one: pfs_procedure_call has seen to it */
            return s->argument[i].value;
    return NULL;
}

int pfs_calling_want(const struct pfs_statement *s, const char *name, const char **out, struct pfs_err *err)
{
    *out = pfs_calling_argument(s, name);
    return *out != NULL ? 0 : pfs_fail(err, EINVAL, "%s needs the argument %s", s->procedure, name);
}

/* Engines have some of these as INT and some as BIGINT: what does not fit the meaning is told where it is used. */
int pfs_calling_number(const struct pfs_statement *s, const char *name, int64_t fallback, int64_t *out,
                       struct pfs_err *err)
{
    const char *text = pfs_calling_argument(s, name);

    *out = fallback;
    if (text != NULL && (strchr(text, '.') != NULL || pfs_i64_parse(pfs_str(text), out) < 0))
        return pfs_fail(err, EINVAL, "%s: the argument %s is '%s', and no whole number", s->procedure, name, text);
    return 0;
}

/* As an option of that name would be read, units and all. */
int pfs_calling_millis(const struct pfs_statement *s, const char *name, int64_t fallback, int64_t *out,
                       struct pfs_err *err)
{
    struct pfs_option item = {.key = name, .value = pfs_calling_argument(s, name)};

    return pfs_options_millis(&(struct pfs_options){item.value != NULL, &item}, name, fallback, out, err);
}

/* A word that is neither is refused: "yes" read as false would delete what was to stay. */
int pfs_calling_bool(const struct pfs_statement *s, const char *name, bool fallback, bool *out, struct pfs_err *err)
{
    const char *text = pfs_calling_argument(s, name);

    *out = text == NULL ? fallback : strcasecmp(text, "true") == 0;
    if (text != NULL && !*out && strcasecmp(text, "false") != 0)
        return pfs_fail(err, EINVAL, "%s: the argument %s is '%s', and neither true nor false", s->procedure, name,
                        text);
    return 0;
}

/* The text may name a table of the current database or of another one, and a branch of it: the first dot parts them. */
int pfs_calling_table(const struct pfs_calling *x, const struct pfs_statement *s, struct pfs_table **out,
                      struct pfs_err *err)
{
    const char *text, *branch = NULL;
    char *database, *table, *mark;
    int rc;

    PFS_TRY(pfs_calling_want(s, "table", &text, err));
    database = pfs_arena_string(x->arena, pfs_str(text));
    if (database == NULL)
        return pfs_arena_full(x->arena, err);
    table = strchr(database, '.');
    if (table != NULL)
        *table++ = '\0';
    else
        table = database;
    mark = strstr(table, "$branch_");
    if (mark != NULL) {
        *mark = '\0';
        branch = mark + strlen("$branch_");
    }
    rc = pfs_catalog_table(x->catalog, table == database ? x->database : database, table, branch, out, err);
    return rc == -ENOENT ? pfs_fail(err, ENOENT, "Table %s does not exist.", text) : rc;
}

/* ---- finding ---- */

/* The next of a list's arguments, all its forms; false at the end. */
static bool next_argument(const char **list, struct pfs_slice *out)
{
    size_t len;

    *list += strspn(*list, " ");
    len = strcspn(*list, " ");
    *out = pfs_slice_of(*list, len);
    *list += len;
    return len > 0;
}

/* Is the name one of "a|b"? */
static bool is_form(struct pfs_slice forms, const char *name)
{
    size_t len = strlen(name);

    for (size_t from = 0; from < forms.len; from++) {
        const uint8_t *bar = memchr(forms.at + from, '|', forms.len - from);
        size_t to = bar == NULL ? forms.len : (size_t)(bar - forms.at);

        if (to - from == len && strncasecmp((const char *)forms.at + from, name, len) == 0)
            return true;
        from = to;
    }
    return false;
}

/* The name that the argument has in the procedure; its place counts when it has none. */
static int name_argument(const struct pfs_calling *x, const char *list, int32_t place, struct pfs_argument *a,
                         const char *procedure, struct pfs_err *err)
{
    const char *at = list;
    struct pfs_slice forms;

    assert(list != NULL);
    assert(place >= 0);
    for (int32_t i = 0; next_argument(&at, &forms); i++) {
        const uint8_t *bar = memchr(forms.at, '|', forms.len);

        if (a->name != NULL ? !is_form(forms, a->name) : i != place)
            continue;
        a->name =
            pfs_arena_string(x->arena, pfs_slice_of(forms.at, bar == NULL ? forms.len : (size_t)(bar - forms.at)));
        return a->name == NULL ? pfs_arena_full(x->arena, err) : 0;
    }
    if (a->name != NULL)
        return pfs_fail(err, EINVAL, "%s has no argument %s: it takes %s", procedure, a->name, list);
    return pfs_fail(err, EINVAL, "%s has no argument number %d: it takes %s", procedure, (int)place + 1, list);
}

/* A statement whose arguments all have the procedure's names, each once. */
static int name_arguments(const struct pfs_calling *x, const char *list, struct pfs_statement *s, struct pfs_err *err)
{
    struct pfs_argument *named = pfs_arena_array(x->arena, (size_t)s->arguments, sizeof(*named));

    if (named == NULL)
        return pfs_arena_full(x->arena, err);
    for (int32_t i = 0; i < s->arguments; i++) {
        named[i] = s->argument[i];
        PFS_TRY(name_argument(x, list, i, &named[i], s->procedure, err));
        for (int32_t k = 0; k < i; k++)
            if (strcmp(named[k].name, named[i].name) == 0)
                return pfs_fail(err, EINVAL, "%s: the argument %s is given twice", s->procedure, named[i].name);
    }
    s->argument = named;
    return 0;
}

/* Names of procedures and arguments are found in any case, as engines find them. */
int pfs_procedure_call(const struct pfs_calling *calling, const struct pfs_statement *statement, struct pfs_err *err)
{
    static const struct pfs_procedure *const tables[] = {pfs_procedures_table, pfs_procedures_branch,
                                                         pfs_procedures_history, pfs_procedures_retain,
                                                         pfs_procedures_upkeep};
    size_t before = calling->answer->len;
    struct pfs_statement s = *statement;

    assert(s.kind == PFS_SQL_CALL);
    assert(s.procedure != NULL);
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        for (const struct pfs_procedure *p = tables[i]; p->name != NULL; p++)
            if (strcasecmp(p->name, s.procedure) == 0) {
                if (p->arguments != NULL)
                    PFS_TRY(name_arguments(calling, p->arguments, &s, err));
                PFS_TRY(p->run(calling, &s, err));
                if (calling->answer->len == before)
                    pfs_buf_puts(calling->answer, "result\nOK\n");
                return 0;
            }
    return pfs_fail(err, EOPNOTSUPP, "CALL sys.%s is not there yet", statement->procedure);
}
