/* history.c - tags and branches in the words of ALTER TABLE, as calls of the procedures that do the same.
 *
 *   CREATE [OR REPLACE] TAG [IF NOT EXISTS] t [AS OF VERSION n] [RETAIN n DAYS | HOURS | MINUTES]    REPLACE TAG t ...
 *   DELETE TAG [IF EXISTS] t    RENAME TAG t TO u
 *   CREATE BRANCH [IF NOT EXISTS] b [AS OF TAG t]    DELETE BRANCH [IF EXISTS] b    RENAME BRANCH b TO c
 *
 * DROP stands for DELETE. A column may be called tag or branch: DROP tag and RENAME tag TO x mean that one.
 */
#include <assert.h>

#include "src/sql/parse.h"

#define ARGUMENTS_MAX 5 /* what the longest form has, its table included */

static struct pfs_argument *add(struct pfs_statement *out, struct pfs_argument *list, const char *name)
{
    assert(out->arguments >= 0);
    assert(out->arguments < ARGUMENTS_MAX);
    list[out->arguments].name = name;
    return &list[out->arguments++];
}

/* The call, with the table as its first argument. */
static int call_of(struct pfs_parser *p, const char *procedure, struct pfs_statement *out, struct pfs_argument **list)
{
    struct pfs_argument *table;

    assert(out->table != NULL);
    *list = pfs_arena_zalloc(p->arena, ARGUMENTS_MAX * sizeof(**list));
    if (*list == NULL)
        return pfs_arena_full(p->arena, p->err);
    out->kind = PFS_SQL_CALL;
    out->procedure = procedure;
    out->argument = *list;
    table = add(out, *list, "table");
    table->value = pfs_arena_printf(p->arena, "%s%s%s%s%s", out->database != NULL ? out->database : "",
                                    out->database != NULL ? "." : "", out->table, out->branch != NULL ? "$branch_" : "",
                                    out->branch != NULL ? out->branch : "");
    return table->value == NULL ? pfs_arena_full(p->arena, p->err) : 0;
}

/* IF EXISTS, IF NOT EXISTS. */
static int condition(struct pfs_parser *p, bool negated, bool *out)
{
    *out = pfs_parser_take(p, "IF");
    if (!*out)
        return 0;
    if (negated)
        PFS_TRY(pfs_parser_want(p, "NOT"));
    return pfs_parser_want(p, "EXISTS");
}

/* n DAYS | HOURS | MINUTES, as a duration. */
static int retained(struct pfs_parser *p, const char **out)
{
    static const char *const units[][2] = {{"DAYS", "d"}, {"HOURS", "h"}, {"MINUTES", "min"}};
    const char *number;

    if (p->word.kind != PFS_WORD_NUMBER)
        return pfs_parser_expected(p, "a number of DAYS, HOURS or MINUTES");
    PFS_TRY(pfs_parser_literal(p, &number));
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (pfs_parser_take(p, units[i][0])) {
            *out = pfs_arena_printf(p->arena, "%s %s", number, units[i][1]);
            return *out == NULL ? pfs_arena_full(p->arena, p->err) : 0;
        }
    return pfs_parser_expected(p, "DAYS, HOURS or MINUTES");
}

/* The word TAG is taken. REPLACE and OR REPLACE have no condition: it would contradict them. */
static int put_tag(struct pfs_parser *p, const char *procedure, bool conditional, struct pfs_statement *out)
{
    struct pfs_argument *list;
    bool ignore = false;

    PFS_TRY(call_of(p, procedure, out, &list));
    if (conditional)
        PFS_TRY(condition(p, true, &ignore));
    PFS_TRY(pfs_parser_name(p, "a tag's name", &add(out, list, "tag")->value));
    if (ignore)
        add(out, list, "ignore_if_exists")->value = "true";
    if (pfs_parser_take(p, "AS")) {
        PFS_TRY(pfs_parser_want(p, "OF"));
        PFS_TRY(pfs_parser_want(p, "VERSION"));
        if (p->word.kind != PFS_WORD_NUMBER)
            return pfs_parser_expected(p, "a snapshot's number");
        PFS_TRY(pfs_parser_literal(p, &add(out, list, "snapshot_id")->value));
    }
    if (pfs_parser_take(p, "RETAIN"))
        PFS_TRY(retained(p, &add(out, list, "time_retained")->value));
    return 0;
}

/* From a tag, or empty. */
static int create_branch(struct pfs_parser *p, struct pfs_statement *out)
{
    struct pfs_argument *list;
    bool ignore;

    PFS_TRY(call_of(p, "create_branch", out, &list));
    PFS_TRY(condition(p, true, &ignore));
    PFS_TRY(pfs_parser_name(p, "a branch's name", &add(out, list, "branch")->value));
    if (ignore)
        add(out, list, "ignoreIfExists")->value = "true";
    if (!pfs_parser_take(p, "AS"))
        return 0;
    PFS_TRY(pfs_parser_want(p, "OF"));
    PFS_TRY(pfs_parser_want(p, "TAG"));
    return pfs_parser_name(p, "a tag's name", &add(out, list, "tag")->value);
}

/* OR REPLACE is of tags alone: a branch has rows of its own, and is never replaced. */
static int create(struct pfs_parser *p, struct pfs_statement *out)
{
    if (pfs_parser_take(p, "OR")) {
        PFS_TRY(pfs_parser_want(p, "REPLACE"));
        PFS_TRY(pfs_parser_want(p, "TAG"));
        return put_tag(p, "create_or_replace_tag", false, out);
    }
    if (pfs_parser_take(p, "TAG"))
        return put_tag(p, "create_tag", true, out);
    if (pfs_parser_take(p, "BRANCH"))
        return create_branch(p, out);
    return pfs_parser_expected(p, "TAG, BRANCH or OR REPLACE TAG");
}

/* The word TAG or BRANCH is taken. */
static int remove_name(struct pfs_parser *p, bool tag, struct pfs_statement *out)
{
    struct pfs_argument *list;
    bool ignore;

    PFS_TRY(call_of(p, tag ? "delete_tag" : "delete_branch", out, &list));
    PFS_TRY(condition(p, false, &ignore));
    PFS_TRY(
        pfs_parser_name(p, tag ? "a tag's name" : "a branch's name", &add(out, list, tag ? "tag" : "branch")->value));
    add(out, list, tag ? "must_exist" : "ignoreIfNotExists")->value = tag == ignore ? "false" : "true";
    return 0;
}

/* The word TAG or BRANCH is taken. */
static int rename_name(struct pfs_parser *p, bool tag, struct pfs_statement *out)
{
    struct pfs_argument *list;

    PFS_TRY(call_of(p, tag ? "rename_tag" : "rename_branch", out, &list));
    PFS_TRY(pfs_parser_name(p, tag ? "a tag's name" : "a branch's name",
                            &add(out, list, tag ? "tag" : "from_branch")->value));
    PFS_TRY(pfs_parser_want(p, "TO"));
    return pfs_parser_name(p, "the new name", &add(out, list, tag ? "target_tag" : "to_branch")->value);
}

/* Does a name follow the word TAG or BRANCH, so that it is no column's name? Then it is taken. */
static bool takes_noun(struct pfs_parser *p, const char *noun)
{
    struct pfs_parser before = *p;

    if (!pfs_parser_take(p, noun))
        return false;
    if (p->word.kind == PFS_WORD_NAME && !pfs_parser_is(p, "TO"))
        return true;
    *p = before;
    return false;
}

static bool takes_tag_or_branch(struct pfs_parser *p, bool *tag)
{
    *tag = takes_noun(p, "TAG");
    return *tag || takes_noun(p, "BRANCH");
}

/* What is not about tags or branches is put back word by word: alter.c reads it from where it began. */
int pfs_parser_history(struct pfs_parser *p, struct pfs_statement *out)
{
    struct pfs_parser before = *p;
    bool tag;

    if (pfs_parser_take(p, "CREATE"))
        return create(p, out);
    if (pfs_parser_take(p, "REPLACE")) {
        PFS_TRY(pfs_parser_want(p, "TAG"));
        return put_tag(p, "replace_tag", false, out);
    }
    if (pfs_parser_take(p, "DELETE"))
        return takes_tag_or_branch(p, &tag) ? remove_name(p, tag, out)
                                            : pfs_parser_expected(p, "TAG or BRANCH and its name");
    if (pfs_parser_take(p, "DROP") && takes_tag_or_branch(p, &tag))
        return remove_name(p, tag, out);
    *p = before;
    if (pfs_parser_take(p, "RENAME") && takes_tag_or_branch(p, &tag))
        return rename_name(p, tag, out);
    *p = before;
    return 0;
}
