/* type.c - types out of their text and back.
 *
 * The parser takes what Paimon, Flink and Spark write, and what people type; the printer writes what Paimon writes, so
 * that what was read from a schema file goes back into one unchanged. Recursive descent, a level of nesting at a time:
 *
 *   type    word parameters suffixes           INT | DECIMAL(10, 2) | ARRAY<type> | ROW<name type, ...> | ...
 *   suffix  NOT NULL | NULL | ARRAY | MULTISET
 */
#include "format/type.h"

#include <assert.h>
#include <errno.h>
#include <strings.h>

#include "base/limits.h"

static const char *const keywords[] = {
#define X(id, keyword, width) keyword,
    PFS_KINDS(X)
#undef X
};

int pfs_type_width(const struct pfs_type *type)
{
    static const int widths[] = {
#define X(id, keyword, width) width,
        PFS_KINDS(X)
#undef X
    };

    assert((unsigned)type->kind < PFS_KIND_COUNT);
    if (type->kind == PFS_DECIMAL && type->precision > 18)
        return 16;
    if ((type->kind == PFS_TIMESTAMP || type->kind == PFS_TIMESTAMP_LTZ) && type->precision > 6)
        return 16;
    return widths[type->kind];
}

/* ---- parsing ---- */

struct parser {
    struct pfs_slice text;
    size_t pos;
    int height;      /* levels of the type parsed last, so that INT ARRAY ARRAY counts like ARRAY<ARRAY<INT>> */
    int32_t varying; /* length of a VARCHAR that does not say it */
    struct pfs_arena *arena;
    struct pfs_err *err;
};

static void skip_blanks(struct parser *p)
{
    while (p->pos < p->text.len && strchr(" \t\r\n", p->text.at[p->pos]) != NULL && p->text.at[p->pos] != 0)
        p->pos++;
}

/* The text may be the rest of a script: what is shown of it ends with its line. */
static int malformed(struct parser *p, const char *what)
{
    struct pfs_slice shown = {p->text.at, p->text.len < 60 ? p->text.len : 60};
    const uint8_t *end = memchr(shown.at, '\n', shown.len);

    if (end != NULL)
        shown.len = (size_t)(end - shown.at);
    return pfs_fail(p->err, EINVAL, "type %.*s: %s at character %zu", PFS_P(shown), what, p->pos + 1);
}

static bool is_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static struct pfs_slice peek_word(struct parser *p)
{
    size_t end;

    skip_blanks(p);
    for (end = p->pos; end < p->text.len && is_letter(p->text.at[end]); end++)
        ;
    return pfs_slice_of(p->text.at + p->pos, end - p->pos);
}

static bool same_word(struct pfs_slice word, const char *keyword)
{
    size_t len = strlen(keyword);

    return word.len == len && strncasecmp((const char *)word.at, keyword, len) == 0;
}

static bool take_word(struct parser *p, const char *keyword)
{
    struct pfs_slice word = peek_word(p);

    if (!same_word(word, keyword))
        return false;
    p->pos += word.len;
    return true;
}

/* Blanks in front are passed only together with the sign: what follows the type is the caller's. */
static bool take_sign(struct parser *p, char sign)
{
    size_t from = p->pos;

    skip_blanks(p);
    if (p->pos < p->text.len && p->text.at[p->pos] == (uint8_t)sign) {
        p->pos++;
        return true;
    }
    p->pos = from;
    return false;
}

/* Refused, not cut, where it passes 31 bits: VARCHAR(99999999999) is a mistake. */
static int take_number(struct parser *p, int32_t *out)
{
    struct pfs_slice word = peek_word(p);
    int64_t v = 0;

    if (word.len == 0)
        return malformed(p, "a number is missing");
    for (size_t i = 0; i < word.len; i++) {
        if (word.at[i] < '0' || word.at[i] > '9' || v > PFS_LENGTH_MAX / 10)
            return malformed(p, "not a number that fits");
        v = v * 10 + (word.at[i] - '0');
    }
    if (v > PFS_LENGTH_MAX)
        return malformed(p, "not a number that fits");
    p->pos += word.len;
    *out = (int32_t)v;
    return 0;
}

/* (n) with a least and a greatest value; absent: the default stays. */
static int take_parameter(struct parser *p, int32_t least, int32_t most, int32_t *out)
{
    assert(least <= most);
    if (!take_sign(p, '('))
        return 0;
    PFS_TRY(take_number(p, out));
    if (*out < least || *out > most)
        return malformed(p, "a parameter out of range");
    return take_sign(p, ')') ? 0 : malformed(p, "expected )");
}

static int take_decimal(struct parser *p, struct pfs_type *out)
{
    out->precision = 10;
    if (!take_sign(p, '('))
        return 0;
    PFS_TRY(take_number(p, &out->precision));
    if (take_sign(p, ','))
        PFS_TRY(take_number(p, &out->scale));
    if (out->precision < 1 || out->precision > 38 || out->scale > out->precision)
        return malformed(p, "a precision or scale out of range");
    return take_sign(p, ')') ? 0 : malformed(p, "expected )");
}

static int parse_type(struct parser *p, int depth, struct pfs_type *out);

static int new_children(struct parser *p, struct pfs_type *out, int32_t count)
{
    static const char *const pairs[] = {"key", "value"};

    assert(count == 1 || count == 2);
    out->children = count;
    out->child = pfs_arena_array(p->arena, (size_t)count, sizeof(*out->child));
    if (out->child == NULL)
        return pfs_arena_full(p->arena, p->err);
    for (int32_t i = 0; i < count; i++) {
        out->child[i].id = -1;
        out->child[i].name = count == 1 ? "element" : pairs[i];
    }
    return 0;
}

static int parse_array(struct parser *p, int depth, struct pfs_type *out)
{
    PFS_TRY(new_children(p, out, 1));
    if (!take_sign(p, '<'))
        return malformed(p, "expected <");
    PFS_TRY(parse_type(p, depth + 1, &out->child[0].type));
    return take_sign(p, '>') ? 0 : malformed(p, "expected >");
}

/* Its height is that of the higher of its two parts. */
static int parse_map(struct parser *p, int depth, struct pfs_type *out)
{
    int height;

    PFS_TRY(new_children(p, out, 2));
    if (!take_sign(p, '<'))
        return malformed(p, "expected <");
    PFS_TRY(parse_type(p, depth + 1, &out->child[0].type));
    if (!take_sign(p, ','))
        return malformed(p, "expected ,");
    height = p->height;
    PFS_TRY(parse_type(p, depth + 1, &out->child[1].type));
    p->height = p->height > height ? p->height : height;
    return take_sign(p, '>') ? 0 : malformed(p, "expected >");
}

/* Text between quotes, a doubled quote being one. */
static int take_quoted(struct parser *p, char quote, const char **out)
{
    const uint8_t *at = p->text.at;
    size_t from = p->pos, end, len = 0;
    char *text;

    for (end = from; end < p->text.len && at[end] != 0; end++) {
        if (at[end] != (uint8_t)quote)
            continue;
        if (end + 1 >= p->text.len || at[end + 1] != (uint8_t)quote)
            break;
        end++;
    }
    if (end == p->text.len || at[end] == 0)
        return malformed(p, "a quote is not closed");
    text = pfs_arena_alloc(p->arena, end - from + 1);
    if (text == NULL)
        return pfs_arena_full(p->arena, p->err);
    for (size_t i = from; i < end; i++) {
        text[len++] = (char)at[i];
        i += at[i] == (uint8_t)quote;
    }
    text[len] = '\0';
    assert(len <= end - from);
    p->pos = end + 1;
    *out = text;
    return 0;
}

static int take_name(struct parser *p, const char **out)
{
    size_t from;

    if (take_sign(p, '`'))
        return take_quoted(p, '`', out);
    skip_blanks(p);
    from = p->pos;
    while (p->pos < p->text.len && (is_letter(p->text.at[p->pos]) || p->text.at[p->pos] >= 128))
        p->pos++;
    if (p->pos == from)
        return malformed(p, "a field name is missing");
    *out = pfs_arena_string(p->arena, pfs_slice_of(p->text.at + from, p->pos - from));
    return *out == NULL ? pfs_arena_full(p->arena, p->err) : 0;
}

/* A comment stands behind the type, with or without the word: Paimon prints it without, SQL has it. */
static int parse_field(struct parser *p, int depth, struct pfs_field *f)
{
    f->id = -1;
    PFS_TRY(take_name(p, &f->name));
    (void)take_sign(p, ':'); /* Spark writes STRUCT<a: INT> */
    PFS_TRY(parse_type(p, depth + 1, &f->type));
    if (take_word(p, "COMMENT"))
        skip_blanks(p);
    if (take_sign(p, '\''))
        return take_quoted(p, '\'', &f->comment);
    return 0;
}

/* Fields in a list that doubles: nothing tells how many there are, and the arena keeps what was left behind. */
static int parse_row(struct parser *p, int depth, struct pfs_type *out)
{
    char close = take_sign(p, '(') ? ')' : '>';
    int32_t room = 0;
    int height = 0;

    if (close == '>' && !take_sign(p, '<'))
        return malformed(p, "expected <");
    if (take_sign(p, close))
        return 0;
    do {
        if (out->children == PFS_COLUMNS_MAX)
            return malformed(p, "too many fields");
        if (out->children == room) {
            struct pfs_field *more = pfs_arena_array(p->arena, (size_t)room * 2 + 8, sizeof(*more));

            if (more == NULL)
                return pfs_arena_full(p->arena, p->err);
            if (room > 0)
                memcpy(more, out->child, (size_t)room * sizeof(*more));
            out->child = more;
            room = room * 2 + 8;
        }
        assert(out->children < room);
        PFS_TRY(parse_field(p, depth, &out->child[out->children++]));
        height = p->height > height ? p->height : height;
    } while (take_sign(p, ','));
    p->height = height;
    return take_sign(p, close) ? 0 : malformed(p, "expected >");
}

/* What may stand behind TIMESTAMP(p) and TIME(p). */
static int take_zone(struct parser *p, struct pfs_type *out)
{
    if (take_word(p, "WITHOUT"))
        return take_word(p, "TIME") && take_word(p, "ZONE") ? 0 : malformed(p, "expected WITHOUT TIME ZONE");
    if (out->kind == PFS_TIMESTAMP && take_word(p, "WITH")) {
        if (!take_word(p, "LOCAL") || !take_word(p, "TIME") || !take_word(p, "ZONE"))
            return malformed(p, "expected WITH LOCAL TIME ZONE");
        out->kind = PFS_TIMESTAMP_LTZ;
    }
    return 0;
}

/* What other systems call the same. STRUCT is Spark's ROW; a plain TIMESTAMP of Spark is an LTZ, but its words are read
 * here as Paimon's own schema files mean them. */
static const struct alias {
    const char *word;
    enum pfs_kind kind;
} aliases[] = {
    {"INTEGER", PFS_INT},     {"STRING", PFS_VARCHAR}, {"BYTES", PFS_VARBINARY},
    {"NUMERIC", PFS_DECIMAL}, {"DEC", PFS_DECIMAL},    {"TIMESTAMP_LTZ", PFS_TIMESTAMP_LTZ},
    {"STRUCT", PFS_ROW},      {"LONG", PFS_BIGINT},    {"SHORT", PFS_SMALLINT},
    {"BYTE", PFS_TINYINT},    {"REAL", PFS_FLOAT},     {"TIMESTAMP_NTZ", PFS_TIMESTAMP},
    {"CHARACTER", PFS_CHAR},
};

static bool find_kind(struct pfs_slice word, enum pfs_kind *out)
{
    for (int k = 0; k < PFS_KIND_COUNT; k++)
        if (k != PFS_TIMESTAMP_LTZ && same_word(word, keywords[k])) {
            *out = (enum pfs_kind)k;
            return true;
        }
    for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
        if (same_word(word, aliases[i].word)) {
            *out = aliases[i].kind;
            return true;
        }
    return false;
}

static int parse_parameters(struct parser *p, struct pfs_slice word, int depth, struct pfs_type *out)
{
    switch (out->kind) {
    case PFS_CHAR:
    case PFS_BINARY:
        out->length = 1;
        if (take_word(p, "VARYING")) {
            out->kind = out->kind == PFS_CHAR ? PFS_VARCHAR : PFS_VARBINARY;
            out->length = p->varying;
        }
        return take_parameter(p, 1, PFS_LENGTH_MAX, &out->length);
    case PFS_VARCHAR:
    case PFS_VARBINARY:
        out->length = same_word(word, "STRING") || same_word(word, "BYTES") ? PFS_LENGTH_MAX : p->varying;
        return take_parameter(p, 1, PFS_LENGTH_MAX, &out->length);
    case PFS_DECIMAL:
        return take_decimal(p, out);
    case PFS_TIME:
        PFS_TRY(take_parameter(p, 0, 9, &out->precision));
        return take_zone(p, out);
    case PFS_TIMESTAMP:
    case PFS_TIMESTAMP_LTZ:
        out->precision = 6;
        PFS_TRY(take_parameter(p, 0, 9, &out->precision));
        return take_zone(p, out);
    case PFS_DOUBLE:
        (void)take_word(p, "PRECISION");
        return 0;
    case PFS_ARRAY:
    case PFS_MULTISET:
        return parse_array(p, depth, out);
    case PFS_MAP:
        return parse_map(p, depth, out);
    case PFS_ROW:
        return parse_row(p, depth, out);
    case PFS_BOOLEAN:
    case PFS_TINYINT:
    case PFS_SMALLINT:
    case PFS_INT:
    case PFS_BIGINT:
    case PFS_FLOAT:
    case PFS_DATE:
    case PFS_VARIANT:
    case PFS_BLOB:
        break;
    case PFS_KIND_COUNT:
        return -EINVAL;
    }
    return 0;
}

/* NOT NULL, NULL, and the suffix forms INT ARRAY and INT MULTISET. */
static int parse_suffixes(struct parser *p, int depth, struct pfs_type *out)
{
    for (;;) {
        size_t from = p->pos;
        bool array = take_word(p, "ARRAY");

        if (array || take_word(p, "MULTISET")) {
            struct pfs_type inner = *out;

            if (depth + ++p->height > PFS_JSON_DEPTH_MAX)
                return malformed(p, "nested too deep");
            *out = (struct pfs_type){.kind = array ? PFS_ARRAY : PFS_MULTISET, .nullable = true};
            PFS_TRY(new_children(p, out, 1));
            out->child[0].type = inner;
        } else if (take_word(p, "NOT")) {
            if (!take_word(p, "NULL")) {
                p->pos = from; /* NOT ENFORCED and the like belong to whoever called */
                return 0;
            }
            out->nullable = false;
        } else if (!take_word(p, "NULL")) {
            p->pos = from;
            return 0;
        }
    }
}

/* Types are nullable unless they say otherwise, as in SQL. */
static int parse_type(struct parser *p, int depth, struct pfs_type *out)
{
    struct pfs_slice word = peek_word(p);

    assert(p->pos <= p->text.len);
    if (depth > PFS_JSON_DEPTH_MAX)
        return malformed(p, "nested too deep");
    *out = (struct pfs_type){.nullable = true};
    if (word.len == 0 || !find_kind(word, &out->kind))
        return malformed(p, "an unknown type");
    p->pos += word.len;
    p->height = 0;
    PFS_TRY(parse_parameters(p, word, depth, out));
    p->height += pfs_kind_is_nested(out->kind);
    return parse_suffixes(p, depth, out);
}

int pfs_type_parse(struct pfs_slice text, size_t *used, struct pfs_arena *arena, struct pfs_type *out,
                   struct pfs_err *err)
{
    struct parser p = {text, 0, 0, used != NULL ? PFS_LENGTH_MAX : 1, arena, err};

    PFS_TRY(parse_type(&p, 0, out));
    if (used != NULL) {
        *used = p.pos;
        return 0;
    }
    skip_blanks(&p);
    return p.pos == text.len ? 0 : malformed(&p, "unexpected text");
}

/* ---- printing ---- */

/* Always in backquotes, one inside doubled: no name has to be looked at for words and letters that need them. */
static void print_name(const char *name, struct pfs_buf *out)
{
    pfs_buf_putc(out, '`');
    for (; *name != '\0'; name++) {
        if (*name == '`')
            pfs_buf_putc(out, '`');
        pfs_buf_putc(out, (uint8_t)*name);
    }
    pfs_buf_putc(out, '`');
}

static void print_row(const struct pfs_type *type, struct pfs_buf *out)
{
    assert(type->children == 0 || type->child != NULL);
    pfs_buf_puts(out, "ROW<");
    for (int32_t i = 0; i < type->children; i++) {
        if (i > 0)
            pfs_buf_puts(out, ", ");
        print_name(type->child[i].name, out);
        pfs_buf_putc(out, ' ');
        pfs_type_print(&type->child[i].type, out);
        if (type->child[i].comment != NULL) {
            pfs_buf_puts(out, " '");
            for (const char *c = type->child[i].comment; *c != '\0'; c++) {
                if (*c == '\'')
                    pfs_buf_putc(out, '\'');
                pfs_buf_putc(out, (uint8_t)*c);
            }
            pfs_buf_putc(out, '\'');
        }
    }
    pfs_buf_putc(out, '>');
}

static void print_parameters(const struct pfs_type *type, struct pfs_buf *out)
{
    switch (type->kind) {
    case PFS_CHAR:
    case PFS_BINARY:
    case PFS_VARCHAR:
    case PFS_VARBINARY:
        pfs_buf_printf(out, "%s(%d)", keywords[type->kind], type->length);
        return;
    case PFS_DECIMAL:
        pfs_buf_printf(out, "DECIMAL(%d, %d)", type->precision, type->scale);
        return;
    case PFS_TIME:
    case PFS_TIMESTAMP:
        pfs_buf_printf(out, "%s(%d)", keywords[type->kind], type->precision);
        return;
    case PFS_TIMESTAMP_LTZ:
        pfs_buf_printf(out, "TIMESTAMP(%d) WITH LOCAL TIME ZONE", type->precision);
        return;
    case PFS_ARRAY:
    case PFS_MULTISET:
    case PFS_MAP:
        pfs_buf_printf(out, "%s<", keywords[type->kind]);
        for (int32_t i = 0; i < type->children; i++) {
            if (i > 0)
                pfs_buf_puts(out, ", ");
            pfs_type_print(&type->child[i].type, out);
        }
        pfs_buf_putc(out, '>');
        return;
    case PFS_ROW:
        print_row(type, out);
        return;
    case PFS_BOOLEAN:
    case PFS_TINYINT:
    case PFS_SMALLINT:
    case PFS_INT:
    case PFS_BIGINT:
    case PFS_FLOAT:
    case PFS_DOUBLE:
    case PFS_DATE:
    case PFS_VARIANT:
    case PFS_BLOB:
        pfs_buf_puts(out, keywords[type->kind]);
        return;
    case PFS_KIND_COUNT:
        return;
    }
}

void pfs_type_print(const struct pfs_type *type, struct pfs_buf *out)
{
    if (type->kind == PFS_VARCHAR && type->length == PFS_LENGTH_MAX)
        pfs_buf_puts(out, "STRING");
    else if (type->kind == PFS_VARBINARY && type->length == PFS_LENGTH_MAX)
        pfs_buf_puts(out, "BYTES");
    else
        print_parameters(type, out);
    if (!type->nullable)
        pfs_buf_puts(out, " NOT NULL");
}

/* Names count of fields alone: the parts of arrays and maps are called the same by all who make types, or not named. */
bool pfs_type_equal(const struct pfs_type *a, const struct pfs_type *b, bool strict)
{
    if (a->kind != b->kind || a->length != b->length || a->precision != b->precision || a->scale != b->scale ||
        a->children != b->children || (strict && a->nullable != b->nullable))
        return false;
    for (int32_t i = 0; i < a->children; i++) {
        const struct pfs_field *x = &a->child[i], *y = &b->child[i];

        if ((strict && x->id != y->id) || (a->kind == PFS_ROW && strcmp(x->name, y->name) != 0) ||
            !pfs_type_equal(&x->type, &y->type, strict))
            return false;
    }
    return true;
}
