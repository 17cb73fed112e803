/* names.c - from names and values to paths, and back.
 *
 *     db.db/t/dt=2026-11-20/h=1/bucket-0/...         a partition by its values, in the order of its keys
 *     db.db/t/branch/branch-b/...                    a branch
 *
 * Whatever comes from outside and becomes a component of a path is looked at here: no '/', no NUL, no "..", not too
 * long with what is put before or behind it. Values of partitions are escaped instead, as Paimon escapes them; how it
 * spells a value is Java's toString, with all that this says about times and floating point, and must be met to the
 * letter: another spelling is another directory.
 */
#include "src/meta/names.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/datetime.h"
#include "base/limits.h"
#include "base/number.h"
#include "base/utf8.h"
#include "format/binrow.h"
#include "format/text/text.h"

#define SHOWN_MAX 100 /* of a name that is refused */

/* ---- directories ---- */

bool pfs_name_is_component(struct pfs_slice name)
{
    return name.len > 0 && name.len <= PFS_NAME_BYTES_MAX && memchr(name.at, '/', name.len) == NULL &&
           memchr(name.at, 0, name.len) == NULL && !pfs_slice_eq(name, pfs_str(".")) &&
           !pfs_slice_eq(name, pfs_str(".."));
}

int pfs_name_refuse(const char *name, const char *what, struct pfs_err *err)
{
    if (strlen(name) > SHOWN_MAX)
        return pfs_fail(err, EINVAL, "'%.40s...' cannot be the name of a %s: it has %zu bytes, and its file takes %d",
                        name, what, strlen(name), PFS_NAME_BYTES_MAX);
    return pfs_fail(err, EINVAL, "'%s' cannot be the name of a %s", name, what);
}

/* `suffix`: bytes that its directory has besides the name. */
static int check(const char *name, size_t suffix, const char *what, struct pfs_err *err)
{
    assert(suffix < PFS_NAME_BYTES_MAX);
    if (!pfs_name_is_component(pfs_str(name)) || name[0] == '.' || strlen(name) + suffix > PFS_NAME_BYTES_MAX)
        return pfs_name_refuse(name, what, err);
    return 0;
}

/* The path, unless there was no room for it. */
static int printed(const char *path, struct pfs_arena *arena, const char **out, struct pfs_err *err)
{
    *out = path;
    return path == NULL ? pfs_arena_full(arena, err) : 0;
}

int pfs_name_database(const char *database, struct pfs_arena *arena, const char **out, struct pfs_err *err)
{
    PFS_TRY(check(database, 3, "database", err));
    return printed(pfs_arena_printf(arena, "%s.db", database), arena, out, err);
}

int pfs_name_table(const char *database, const char *table, struct pfs_arena *arena, const char **out,
                   struct pfs_err *err)
{
    PFS_TRY(check(database, 3, "database", err));
    PFS_TRY(check(table, 0, "table", err));
    if (strchr(table, '$') != NULL)
        return pfs_fail(err, EINVAL, "'%s' cannot be the name of a table: it has a $", table);
    return printed(pfs_arena_printf(arena, "%s.db/%s", database, table), arena, out, err);
}

int pfs_name_branch(const char *table_path, const char *branch, struct pfs_arena *arena, const char **out,
                    struct pfs_err *err)
{
    PFS_TRY(check(branch, 7, "branch", err));
    return printed(pfs_arena_printf(arena, "%s/branch/branch-%s", table_path, branch), arena, out, err);
}

/* ---- escaping ---- */

/* As Hive's list, which Paimon took over; what is not ASCII is not among them. */
static bool is_escaped(uint8_t c)
{
    return c < 0x20 || c == 0x7f || (c < 128 && strchr("\"#%'*/:=?\\{}[]^", c) != NULL);
}

void pfs_name_escape(struct pfs_slice in, struct pfs_buf *out)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < in.len; i++) {
        if (!is_escaped(in.at[i])) {
            pfs_buf_putc(out, in.at[i]);
            continue;
        }
        pfs_buf_putc(out, '%');
        pfs_buf_putc(out, (uint8_t)digits[in.at[i] >> 4]);
        pfs_buf_putc(out, (uint8_t)digits[in.at[i] & 15]);
    }
}

static int digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* What is no escape stays as it is. */
int pfs_name_unescape(struct pfs_slice in, struct pfs_arena *arena, struct pfs_slice *out, struct pfs_err *err)
{
    uint8_t *to = pfs_arena_alloc(arena, in.len);
    size_t len = 0;

    if (to == NULL)
        return pfs_arena_full(arena, err);
    for (size_t i = 0; i < in.len; i++) {
        if (in.at[i] == '%' && in.len - i > 2 && digit(in.at[i + 1]) >= 0 && digit(in.at[i + 2]) >= 0) {
            to[len++] = (uint8_t)(digit(in.at[i + 1]) << 4 | digit(in.at[i + 2]));
            i += 2;
        } else {
            to[len++] = in.at[i];
        }
    }
    assert(len <= in.len);
    *out = pfs_slice_of(to, len);
    return 0;
}

/* ---- values in directories on disk (spec layout 2.1) ---- */

/* A timestamp of any precision as milliseconds, rounded towards the past, and nanoseconds in the last one. */
static void time_parts(const struct pfs_column *c, int64_t *millis, int32_t *nanos)
{
    int64_t v, rest;

    assert(c->type->kind == PFS_TIMESTAMP || c->type->kind == PFS_TIMESTAMP_LTZ);
    *nanos = 0;
    if (c->type->precision > 6) {
        *millis = ((const struct pfs_time96 *)c->values)->millis;
        *nanos = ((const struct pfs_time96 *)c->values)->nanos;
        return;
    }
    v = *(const int64_t *)c->values;
    *millis = v;
    if (c->type->precision > 3) {
        rest = v % 1000;
        *millis = v / 1000 - (rest < 0);
        *nanos = (int32_t)(rest < 0 ? rest + 1000 : rest) * 1000;
    }
}

/* LocalDateTime.toString: seconds left out when they and the fraction are 0; fractions of 3, 6 or 9 digits. */
static void put_legacy_time(struct pfs_buf *out, const struct pfs_column *c)
{
    int64_t millis;
    int32_t nanos;
    char text[48];
    size_t len;
    int64_t fraction;

    time_parts(c, &millis, &nanos);
    len = pfs_timestamp_print(millis, nanos, 9, text);
    assert(len > 19 && len <= sizeof(text));
    text[len - 19] = 'T';
    fraction = (millis % 1000 + 1000) % 1000 * 1000000 + nanos;
    if (fraction % 1000000 == 0)
        len -= fraction == 0 ? 10 : 6;
    else if (fraction % 1000 == 0)
        len -= 3;
    if (fraction == 0 && memcmp(text + len - 3, ":00", 3) == 0)
        len -= 3;
    pfs_buf_put(out, text, len);
}

/* At most as many digits as the precision has, zeros at the end left out but for one. */
static void put_time(struct pfs_buf *out, const struct pfs_column *c)
{
    char text[16];
    int32_t digits = c->type->precision < 3 ? c->type->precision : 3;

    (void)pfs_time_print(*(const int32_t *)c->values, text);
    while (digits > 1 && text[8 + digits] == '0')
        digits--;
    pfs_buf_put(out, text, digits > 0 ? (size_t)digits + 9 : 8);
}

/* One present value. Legacy names are what Java's internal values print as: numbers of days, of milliseconds. */
static int put_value(const struct pfs_column *c, bool legacy, struct pfs_buf *out, struct pfs_err *err)
{
    enum pfs_kind kind = c->type->kind;
    bool time = kind == PFS_TIMESTAMP || kind == PFS_TIMESTAMP_LTZ;
    int64_t millis;
    int32_t nanos;
    char text[48];

    if (kind == PFS_FLOAT) {
        pfs_buf_put(out, text, pfs_f32_print_java(*(const float *)c->values, text));
    } else if (kind == PFS_DOUBLE) {
        pfs_buf_put(out, text, pfs_f64_print_java(*(const double *)c->values, text));
    } else if (legacy && (kind == PFS_DATE || kind == PFS_TIME)) {
        pfs_buf_printf(out, "%d", *(const int32_t *)c->values);
    } else if (legacy && time) {
        put_legacy_time(out, c);
    } else if (time) { /* never shifted: this program's zone is UTC */
        time_parts(c, &millis, &nanos);
        pfs_buf_put(out, text, pfs_timestamp_print(millis, nanos, c->type->precision, text));
    } else if (kind == PFS_TIME) {
        put_time(out, c);
    } else if (!legacy && (kind == PFS_BINARY || kind == PFS_VARBINARY)) {
        pfs_utf8_decode(pfs_column_bytes(c, 0), out);
    } else if (pfs_kind_is_text(kind)) {
        struct pfs_slice s = pfs_column_bytes(c, 0);

        pfs_buf_put(out, s.at, s.len);
    } else {
        return pfs_text_print_value(PFS_TEXT_CSV, c, 0, out, err);
    }
    return 0;
}

int pfs_name_value_java(const struct pfs_column *column, bool legacy, struct pfs_buf *out, struct pfs_err *err)
{
    assert(pfs_column_present(column, 0));
    return put_value(column, legacy, out, err);
}

/* Bytes of the white space at the start, as Java sees it; 0 = none. */
static size_t white_space(struct pfs_slice text)
{
    uint32_t code;

    assert(text.len > 0);
    if (text.at[0] == ' ' || (text.at[0] >= 9 && text.at[0] <= 13) || (text.at[0] >= 0x1c && text.at[0] <= 0x1f))
        return 1;
    if (text.len < 3 || text.at[0] < 0xe1 || text.at[0] > 0xe3)
        return 0;
    code = (text.at[0] & 0x0fu) << 12 | (text.at[1] & 0x3fu) << 6 | (text.at[2] & 0x3fu);
    return code == 0x1680 || (code >= 0x2000 && code <= 0x200a && code != 0x2007) || code == 0x2028 || code == 0x2029 ||
                   code == 0x205f || code == 0x3000
               ? 3
               : 0;
}

/* By characters, as white space beyond ASCII takes several bytes. */
bool pfs_name_is_blank(struct pfs_slice text)
{
    while (text.len > 0) {
        size_t len = white_space(text);

        if (len == 0)
            return false;
        text.at += len;
        text.len -= len;
    }
    return true;
}

/* NULL and what is blank share one directory: that is Paimon's doing, and why a partition is never read off its path.
 */
static int put_partition(const struct pfs_schema *schema, const struct pfs_column *value, struct pfs_buf *out,
                         struct pfs_err *err)
{
    struct pfs_buf text = {0};
    int rc = 0;

    for (int32_t i = 0; rc == 0 && i < schema->partition_keys; i++) {
        pfs_buf_clear(&text);
        if (pfs_column_present(&value[i], 0))
            rc = put_value(&value[i], schema->legacy_partition_names, &text, err);
        if (rc == 0)
            rc = pfs_buf_check(&text, err); /* a text that found no memory looks blank, which is another partition */
        if (rc == 0 && pfs_name_is_blank(pfs_buf_slice(&text))) {
            pfs_buf_clear(&text);
            pfs_buf_puts(&text, schema->default_partition);
            rc = pfs_buf_check(&text, err);
        }
        if (i > 0)
            pfs_buf_putc(out, '/');
        pfs_name_escape(pfs_str(schema->field[schema->partition_key[i]].name), out);
        pfs_buf_putc(out, '=');
        pfs_name_escape(pfs_buf_slice(&text), out);
    }
    pfs_buf_done(&text);
    return rc < 0 ? rc : pfs_buf_check(out, err);
}

/* The row is parsed for its values; how it is laid out is binrow.h's. */
int pfs_name_partition(const struct pfs_schema *schema, struct pfs_slice partition, struct pfs_arena *arena,
                       const char **out, struct pfs_err *err)
{
    size_t count = (size_t)schema->partition_keys;
    const struct pfs_type **types = pfs_arena_array(arena, count, sizeof(*types));
    struct pfs_column *value = pfs_arena_array(arena, count, sizeof(*value));
    struct pfs_buf text = {0};
    int rc;

    if (types == NULL || value == NULL)
        return pfs_arena_full(arena, err);
    for (size_t i = 0; i < count; i++)
        types[i] = &schema->field[schema->partition_key[i]].type;
    PFS_TRY(pfs_binrow_parse(partition, types, (int32_t)count, arena, value, err));
    rc = put_partition(schema, value, &text, err);
    if (rc == 0)
        rc = printed(pfs_arena_string(arena, pfs_buf_slice(&text)), arena, out, err);
    pfs_buf_done(&text);
    return rc;
}

int pfs_name_check_data_dir(const struct pfs_options *options, struct pfs_err *err)
{
    const char *data = pfs_options_get(options, "data-file.path-directory");

    if (data == NULL)
        return 0;
    for (const char *p = data; *p != '\0'; p += p[strcspn(p, "/")] == '/' ? strcspn(p, "/") + 1 : strcspn(p, "/"))
        if (*p == '/' || (strncmp(p, "..", 2) == 0 && (p[2] == '/' || p[2] == '\0')))
            return pfs_fail(err, EINVAL, "data-file.path-directory = %s leads out of the table's directory", data);
    return 0;
}

int pfs_name_bucket(const char *table_path, const struct pfs_schema *schema, struct pfs_slice partition, int32_t bucket,
                    struct pfs_arena *arena, const char **out, struct pfs_err *err)
{
    const char *data = pfs_options_get(&schema->options, "data-file.path-directory"), *dir;
    char number[16] = "postpone";

    PFS_TRY(pfs_name_partition(schema, partition, arena, &dir, err));
    if (bucket != PFS_POSTPONE_BUCKET)
        (void)snprintf(number, sizeof(number), "%d", bucket);
    return printed(pfs_arena_printf(arena, "%s/%s%s%s%sbucket-%s", table_path, data != NULL ? data : "",
                                    data != NULL ? "/" : "", dir, dir[0] != '\0' ? "/" : "", number),
                   arena, out, err);
}

int pfs_name_index_dir(const char *table_path, const struct pfs_schema *schema, struct pfs_slice partition,
                       int32_t bucket, struct pfs_arena *arena, const char **out, struct pfs_err *err)
{
    bool beside;

    PFS_TRY(pfs_options_bool(&schema->options, "index-file-in-data-file-dir", false, &beside, err));
    if (beside)
        return pfs_name_bucket(table_path, schema, partition, bucket, arena, out, err);
    return printed(pfs_arena_printf(arena, "%s/index", table_path), arena, out, err);
}

/* ---- values in the mount ---- */

#define NULL_VALUE "__DEFAULT_PARTITION__"

int pfs_name_value_print(const struct pfs_column *column, struct pfs_buf *out, struct pfs_err *err)
{
    struct pfs_buf text = {0};
    int rc;

    if (!pfs_column_present(column, 0)) {
        pfs_buf_puts(out, NULL_VALUE);
        return pfs_buf_check(out, err);
    }
    if (pfs_kind_is_text(column->type->kind)) {
        struct pfs_slice s = pfs_column_bytes(column, 0);

        if (pfs_slice_eq(s, pfs_str(NULL_VALUE))) { /* text that spells NULL */
            pfs_buf_puts(out, "%5F_DEFAULT_PARTITION__");
            return pfs_buf_check(out, err);
        }
        pfs_name_escape(s, out);
        return pfs_buf_check(out, err);
    }
    rc = pfs_text_print_value(PFS_TEXT_CSV, column, 0, &text, err);
    if (rc == 0)
        rc = pfs_buf_check(&text, err);
    if (rc == 0)
        pfs_name_escape(pfs_buf_slice(&text), out);
    pfs_buf_done(&text);
    return rc < 0 ? rc : pfs_buf_check(out, err);
}

int pfs_name_value_parse(const struct pfs_type *type, struct pfs_slice text, struct pfs_arena *arena,
                         struct pfs_column *out, struct pfs_err *err)
{
    struct pfs_slice plain;
    bool null = pfs_slice_eq(text, pfs_str(NULL_VALUE));

    PFS_TRY(pfs_name_unescape(text, arena, &plain, err));
    return pfs_text_parse_value(type, plain, null, arena, out, err);
}
