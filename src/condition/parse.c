/* parse.c - text to tree, by recursive descent; words are read as they are expected, because a literal is spelled as
 * its column's type wants it (2026-11-19 is one date, not two subtractions).
 *
 *   any       = all { OR all }
 *   all       = test { AND test }
 *   test      = NOT test | "(" any ")" | field predicate
 *   predicate = operator literal | [NOT] IN "(" literal { "," literal } ")" | [NOT] BETWEEN literal AND literal |
 *               [NOT] LIKE string | IS [NOT] NULL
 *   field     = name { "." name }
 *
 * `negated` is handed down: NOT never becomes a node.
 */
#include <assert.h>
#include <stdio.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "format/text/text.h"
#include "src/condition/node.h"

struct parser {
    struct pfs_slice text;
    size_t pos;
    const struct pfs_schema *schema;
    struct pfs_arena *arena;
    struct pfs_err *err;
    int depth;
};

/* The children of one AND or OR while they are collected. */
struct list {
    const struct pfs_condition **item;
    int32_t count, room;
};

static const struct pfs_type text_type = {.kind = PFS_VARCHAR, .nullable = true, .length = PFS_LENGTH_MAX};

static int refuse(const struct parser *p, const char *what)
{
    return pfs_fail(p->err, EINVAL, "%s at character %zu of the condition", what, p->pos + 1);
}

static int add(struct parser *p, struct list *list, const struct pfs_condition *item)
{
    if (list->count == list->room) {
        int32_t room = list->room == 0 ? 4 : list->room * 2;
        const struct pfs_condition **more = pfs_arena_array(p->arena, (size_t)room, sizeof(*more));

        if (more == NULL)
            return pfs_arena_full(p->arena, p->err);
        for (int32_t i = 0; i < list->count; i++)
            more[i] = list->item[i];
        list->item = more;
        list->room = room;
    }
    list->item[list->count++] = item;
    return 0;
}

/* ---- words ---- */

static uint8_t peek(const struct parser *p)
{
    return p->pos < p->text.len ? p->text.at[p->pos] : 0;
}

static void skip_blanks(struct parser *p)
{
    while (peek(p) == ' ' || peek(p) == '\t' || peek(p) == '\n' || peek(p) == '\r')
        p->pos++;
}

static bool is_name(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
           c >= 128;
}

static size_t name_len(const struct parser *p)
{
    size_t n = 0;

    while (p->pos + n < p->text.len && is_name(p->text.at[p->pos + n]))
        n++;
    return n;
}

static bool next_is(struct parser *p, const char *keyword)
{
    size_t len = strlen(keyword);

    skip_blanks(p);
    if (name_len(p) != len)
        return false;
    for (size_t i = 0; i < len; i++)
        if ((p->text.at[p->pos + i] | 0x20) != (uint8_t)keyword[i])
            return false;
    return true;
}

/* Takes a keyword (given in lower case) when it is the next word, whole: "ordinal" does not begin with an OR. */
static bool take_word(struct parser *p, const char *keyword)
{
    if (!next_is(p, keyword))
        return false;
    p->pos += strlen(keyword);
    return true;
}

static bool take_sign(struct parser *p, const char *sign)
{
    size_t len = strlen(sign);

    skip_blanks(p);
    assert(p->pos <= p->text.len); /* what is left is reckoned from it */
    if (len > p->text.len - p->pos || memcmp(p->text.at + p->pos, sign, len) != 0)
        return false;
    p->pos += len;
    return true;
}

/* What stands between two quotes, a doubled one being one; the first is at the cursor. */
static int take_quoted(struct parser *p, struct pfs_slice *out)
{
    const uint8_t *text = p->text.at;
    uint8_t quote = peek(p), *to;
    size_t n = 0, from = p->pos + 1, end = from;

    assert(quote == '\'' || quote == '`');
    while (end < p->text.len && (text[end] != quote || (end + 1 < p->text.len && text[end + 1] == quote)))
        end += text[end] == quote ? 2 : 1;
    if (end >= p->text.len)
        return refuse(p, "a quote is opened and never closed");
    /* Room for the literal, not for what is left of the text: a long list would take the square of its length. */
    to = pfs_arena_alloc(p->arena, end - from);
    if (to == NULL)
        return pfs_arena_full(p->arena, p->err);
    for (size_t at = from; at < end; at += text[at] == quote ? 2 : 1)
        to[n++] = text[at];
    assert(n <= end - from);
    p->pos = end + 1;
    *out = pfs_slice_of(to, n);
    return 0;
}

static int take_name(struct parser *p, struct pfs_slice *out)
{
    size_t len;

    skip_blanks(p);
    if (peek(p) == '`')
        return take_quoted(p, out);
    len = name_len(p);
    if (len == 0)
        return refuse(p, p->pos < p->text.len ? "a column name is expected" : "a column name is missing");
    *out = pfs_slice_of(p->text.at + p->pos, len);
    p->pos += len;
    return 0;
}

/* ---- literals ---- */

/* A literal without quotes goes on to a blank, a comma or a parenthesis. */
static struct pfs_slice take_bare(struct parser *p)
{
    size_t from = p->pos;

    while (p->pos < p->text.len && strchr(" \t\r\n,()'`", (char)peek(p)) == NULL)
        p->pos++;
    return pfs_slice_of(p->text.at + from, p->pos - from);
}

static int refuse_literal(const struct parser *p, size_t from, struct pfs_slice text, const struct pfs_type *type)
{
    struct pfs_buf name = {0};
    char why[200];

    pfs_type_print(type, &name);
    pfs_buf_putc(&name, 0);
    (void)snprintf(why, sizeof(why), "'%.*s' is no %s", text.len > 80 ? 80 : (int)text.len, (const char *)text.at,
                   name.failed ? "value of the column" : (const char *)name.at);
    pfs_buf_done(&name);
    return pfs_fail(p->err, EINVAL, "%s at character %zu of the condition", why, from + 1);
}

/* The literal of a leaf, by the type of its column: so 5 is a number, a date or refused by what it stands beside, and
 * no comparison has to convert anything later. */
static int take_literal(struct parser *p, struct pfs_condition *leaf)
{
    bool is_text = pfs_kind_is_text(leaf->type->kind), quoted;
    struct pfs_slice text;
    size_t from;
    int rc;

    if (!pfs_can_compare(leaf->type))
        return refuse(p, "a column of this type compares with nothing but null");
    if (!(take_word(p, "date") || take_word(p, "timestamp") || take_word(p, "time")))
        skip_blanks(p); /* SQL's DATE '2026-11-19': the column says what it is */
    skip_blanks(p);
    from = p->pos;
    quoted = peek(p) == '\'';
    if (quoted)
        PFS_TRY(take_quoted(p, &text));
    else
        text = take_bare(p);
    if (!quoted && text.len == 0)
        return refuse(p, "a value is missing");
    if (!quoted && text.len == 4 && strncasecmp((const char *)text.at, "null", 4) == 0)
        return refuse(p, "no comparison with null is true (the tests are 'is null' and 'is not null')");
    if (!quoted && is_text)
        return refuse(p, "a string must stand in single quotes");
    /* A text may be longer than its column: it compares all the same. */
    rc = pfs_text_parse_value(is_text ? &text_type : leaf->type, text, false, p->arena, &leaf->literal, p->err);
    if (rc == -EINVAL || rc == -ERANGE || rc == -EILSEQ)
        return refuse_literal(p, from, text, leaf->type);
    if (rc < 0)
        return rc;
    if (pfs_is_nan(&leaf->literal) && leaf->how != PFS_EQ && leaf->how != PFS_NE)
        return refuse(p, "NaN has no order: it can be compared by = and != alone");
    return 0;
}

/* ---- predicates ---- */

static int leaf_of(struct parser *p, const struct pfs_condition *field, enum pfs_compare how,
                   struct pfs_condition **out)
{
    struct pfs_condition *leaf = pfs_arena_alloc(p->arena, sizeof(*leaf));

    if (leaf == NULL)
        return pfs_arena_full(p->arena, p->err);
    *leaf = *field;
    leaf->kind = PFS_COND_COMPARE;
    leaf->how = how;
    *out = leaf;
    return 0;
}

static int take_comparison(struct parser *p, const struct pfs_condition *field, enum pfs_compare how,
                           const struct pfs_condition **out)
{
    struct pfs_condition *leaf;

    PFS_TRY(leaf_of(p, field, how, &leaf));
    PFS_TRY(take_literal(p, leaf));
    *out = leaf;
    return 0;
}

static int take_in(struct parser *p, const struct pfs_condition *field, bool negated, const struct pfs_condition **out)
{
    struct list list = {0};

    if (!take_sign(p, "("))
        return refuse(p, "'(' is expected");
    do {
        const struct pfs_condition *one;

        PFS_TRY(take_comparison(p, field, negated ? PFS_NE : PFS_EQ, &one));
        PFS_TRY(add(p, &list, one));
    } while (take_sign(p, ","));
    if (!take_sign(p, ")"))
        return refuse(p, "',' or ')' is expected");
    return pfs_cond_join(negated ? PFS_COND_ALL : PFS_COND_ANY, list.item, list.count, p->arena, out, p->err);
}

/* NOT BETWEEN is two contraries, one of which is enough. */
static int take_between(struct parser *p, const struct pfs_condition *field, bool negated,
                        const struct pfs_condition **out)
{
    const struct pfs_condition *both[2];

    PFS_TRY(take_comparison(p, field, negated ? PFS_LT : PFS_GE, &both[0]));
    if (!take_word(p, "and"))
        return refuse(p, "'and' is expected");
    PFS_TRY(take_comparison(p, field, negated ? PFS_GT : PFS_LE, &both[1]));
    return pfs_cond_join(negated ? PFS_COND_ANY : PFS_COND_ALL, both, 2, p->arena, out, p->err);
}

static int take_like(struct parser *p, const struct pfs_condition *field, bool negated,
                     const struct pfs_condition **out)
{
    struct pfs_condition *leaf;

    if (!pfs_kind_is_text(field->type->kind))
        return refuse(p, "like is for strings alone: this column holds none,");
    skip_blanks(p);
    if (peek(p) != '\'')
        return refuse(p, "a pattern in single quotes is expected");
    PFS_TRY(leaf_of(p, field, PFS_EQ, &leaf));
    leaf->kind = negated ? PFS_COND_NOT_LIKE : PFS_COND_LIKE;
    PFS_TRY(take_quoted(p, &leaf->pattern));
    *out = leaf;
    return 0;
}

static bool take_operator(struct parser *p, enum pfs_compare *how)
{
    static const struct {
        const char *sign;
        enum pfs_compare how;
    } operators[] = {
        {"==", PFS_EQ}, {"=", PFS_EQ},  {"!=", PFS_NE}, {"<>", PFS_NE},
        {"<=", PFS_LE}, {">=", PFS_GE}, {"<", PFS_LT},  {">", PFS_GT},
    };

    for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++)
        if (take_sign(p, operators[i].sign)) {
            *how = operators[i].how;
            return true;
        }
    return false;
}

/* In three-valued logic NOT (a < b) is a >= b: both are unknown for a null, and for a NaN. */
static enum pfs_compare contrary(enum pfs_compare how)
{
    static const enum pfs_compare of[] = {
        [PFS_EQ] = PFS_NE,
        [PFS_NE] = PFS_EQ,
        [PFS_LT] = PFS_GE,
        [PFS_LE] = PFS_GT,
        [PFS_GT] = PFS_LE,
        [PFS_GE] = PFS_LT,
        [PFS_IS_NULL] = PFS_IS_NOT_NULL,
        [PFS_IS_NOT_NULL] = PFS_IS_NULL,
    };

    assert((size_t)how < sizeof(of) / sizeof(of[0]));
    return of[how];
}

static int take_is(struct parser *p, const struct pfs_condition *field, bool negated, const struct pfs_condition **out)
{
    struct pfs_condition *leaf;

    negated ^= take_word(p, "not");
    if (!take_word(p, "null"))
        return refuse(p, "'null' is expected");
    PFS_TRY(leaf_of(p, field, negated ? PFS_IS_NOT_NULL : PFS_IS_NULL, &leaf));
    *out = leaf;
    return 0;
}

static int take_predicate(struct parser *p, const struct pfs_condition *field, bool negated,
                          const struct pfs_condition **out)
{
    enum pfs_compare how;

    if (take_operator(p, &how))
        return take_comparison(p, field, negated ? contrary(how) : how, out);
    if (take_word(p, "is"))
        return take_is(p, field, negated, out);
    negated ^= take_word(p, "not");
    if (take_word(p, "in"))
        return take_in(p, field, negated, out);
    if (take_word(p, "between"))
        return take_between(p, field, negated, out);
    if (take_word(p, "like"))
        return take_like(p, field, negated, out);
    return refuse(p, "an operator is expected (= != < <= > >= in between like is)");
}

/* ---- fields ---- */

static int refuse_name(const struct parser *p, struct pfs_slice name, const char *what)
{
    return pfs_fail(p->err, EINVAL, "there is no %s %.*s", what, name.len > 200 ? 200 : (int)name.len,
                    (const char *)name.at);
}

static int32_t find_child(const struct pfs_type *type, struct pfs_slice name)
{
    for (int32_t i = 0; type->kind == PFS_ROW && i < type->children; i++)
        if (pfs_slice_eq(pfs_str(type->child[i].name), name))
            return i;
    return -1;
}

static int take_field(struct parser *p, struct pfs_condition *out)
{
    int32_t step[PFS_JSON_DEPTH_MAX], *steps;
    struct pfs_slice name;

    PFS_TRY(take_name(p, &name));
    *out = (struct pfs_condition){.column = pfs_schema_find(p->schema, name)};
    if (out->column < 0)
        return refuse_name(p, name, "column");
    out->type = &p->schema->field[out->column].type;
    while (take_sign(p, ".")) {
        PFS_TRY(take_name(p, &name));
        if (out->steps == PFS_JSON_DEPTH_MAX)
            return refuse(p, "a field is nested too deep");
        step[out->steps] = find_child(out->type, name);
        if (step[out->steps] < 0)
            return refuse_name(p, name, "field");
        out->type = &out->type->child[step[out->steps++]].type;
    }
    steps = pfs_arena_array(p->arena, (size_t)out->steps, sizeof(*steps));
    if (steps == NULL)
        return pfs_arena_full(p->arena, p->err);
    memcpy(steps, step, (size_t)out->steps * sizeof(*steps));
    out->step = steps;
    return 0;
}

/* ---- and, or, not ----
 *
 * One function a level of binding, each a list of the next. A NOT over a list turns AND into OR and its items over (De
 * Morgan), so that `negated` arrives at the leaves and nothing above them knows of it. */

static int take_any(struct parser *p, bool negated, const struct pfs_condition **out);

static int take_test(struct parser *p, bool negated, const struct pfs_condition **out)
{
    struct pfs_condition field;

    while (take_word(p, "not"))
        negated = !negated;
    if (take_sign(p, "(")) {
        if (p->depth == PFS_JSON_DEPTH_MAX)
            return refuse(p, "parentheses are nested too deep");
        p->depth++;
        PFS_TRY(take_any(p, negated, out));
        assert(p->depth > 0);
        p->depth--;
        return take_sign(p, ")") ? 0 : refuse(p, "'and', 'or' or ')' is expected");
    }
    PFS_TRY(take_field(p, &field));
    return take_predicate(p, &field, negated, out);
}

static int take_all(struct parser *p, bool negated, const struct pfs_condition **out)
{
    const struct pfs_condition *one;
    struct list list = {0};

    do {
        PFS_TRY(take_test(p, negated, &one));
        PFS_TRY(add(p, &list, one));
    } while (take_word(p, "and"));
    return pfs_cond_join(negated ? PFS_COND_ANY : PFS_COND_ALL, list.item, list.count, p->arena, out, p->err);
}

static int take_any(struct parser *p, bool negated, const struct pfs_condition **out)
{
    const struct pfs_condition *one;
    struct list list = {0};

    do {
        PFS_TRY(take_all(p, negated, &one));
        PFS_TRY(add(p, &list, one));
    } while (take_word(p, "or"));
    return pfs_cond_join(negated ? PFS_COND_ALL : PFS_COND_ANY, list.item, list.count, p->arena, out, p->err);
}

int pfs_condition_parse(struct pfs_slice text, const struct pfs_schema *schema, struct pfs_arena *arena,
                        const struct pfs_condition **out, struct pfs_err *err)
{
    struct parser p = {.text = text, .schema = schema, .arena = arena, .err = err};
    const struct pfs_condition *found;

    if (text.len > PFS_STATEMENT_BYTES_MAX)
        return pfs_fail(err, EINVAL, "a condition of %zu bytes is too long", text.len);
    if (pfs_utf8_check(text) < text.len)
        return pfs_fail(err, EINVAL, "the condition is not UTF-8");
    PFS_TRY(take_any(&p, false, &found));
    skip_blanks(&p);
    if (p.pos < text.len)
        return refuse(&p, "'and', 'or' or the end is expected");
    assert(p.depth == 0);
    *out = found;
    return 0;
}
