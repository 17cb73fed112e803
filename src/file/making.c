/* making.c - the options that say how new files are made, and the writer of the format that they name.
 *
 * Sentences of options that make no sense are Paimon's own, so that what somebody learned there holds here. Options of
 * formats that a file is not of are read past.
 */
#include "src/file/making.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/uuid.h"
#include "format/avro/rows.h"
#include "format/blob.h"
#include "format/orc/orc.h"
#include "format/parquet/parquet.h"
#include "src/file/file.h"
#include "src/file/names.h"

#define TARGET_KEYED ((int64_t)128 << 20)
#define TARGET_APPEND ((int64_t)256 << 20)
#define FORMAT_OF_VERSION_3 "parquet" /* of older schemas: "orc" */
#define AVRO_TIMESTAMP_MAX 6          /* digits of a second, to Paimon */
#define AVRO_TIME_MAX 3

/* ---- options ---- */

int pfs_making_of_level(const struct pfs_options *options, const char *option, int32_t level, struct pfs_arena *arena,
                        const char **out, struct pfs_err *err)
{
    const char *key = pfs_arena_printf(arena, "%s.%d", option, level), *text = pfs_options_get(options, option);
    const char **item;
    int32_t items;

    assert(level >= 0);
    if (key == NULL)
        return pfs_arena_full(arena, err);
    *out = pfs_options_get(options, key);
    if (*out != NULL || text == NULL || *text == '\0')
        return 0;
    PFS_TRY(pfs_options_list(text, arena, &item, &items, err));
    for (int32_t i = 0; i < items; i++) {
        const char *colon = strchr(item[i], ':');
        char *end;
        long of = strtol(item[i], &end, 10);

        if (colon == NULL || colon == item[i] || end != colon)
            return pfs_fail(err, EINVAL, "Could not parse value '%s' for key '%s'.", text, option);
        if (of == level)
            *out = colon + 1 + strspn(colon + 1, " ");
    }
    return 0;
}

/* What holds for the file: the changelog's own option, or the level's, or the table's. */
static int choose(const struct pfs_schema *schema, const char *name, int32_t level, bool changelog,
                  struct pfs_arena *arena, const char **out, struct pfs_err *err)
{
    const struct pfs_options *o = &schema->options;
    const char *own = NULL, *key;

    if (changelog) {
        key = pfs_arena_printf(arena, "changelog-%s", name);
        own = key == NULL ? NULL : pfs_options_get(o, key);
    } else {
        key = pfs_arena_printf(arena, "%s.per.level", name);
        if (key != NULL && schema->primary_keys > 0)
            PFS_TRY(pfs_making_of_level(o, key, level, arena, &own, err));
    }
    if (key == NULL)
        return pfs_arena_full(arena, err);
    *out = own != NULL ? own : pfs_options_get(o, name);
    return 0;
}

/* ---- formats ---- */

/* "csv", "json" and others are formats of Paimon's for tables that this program does not write. */
static int parse_format(const char *text, enum pfs_data_format *out, struct pfs_err *err)
{
    static const char *const names[] = {"parquet", "orc", "avro"};

    for (int i = 0; i < 3; i++)
        if (strcasecmp(text, names[i]) == 0) {
            *out = (enum pfs_data_format)i;
            return 0;
        }
    return pfs_fail(err, EINVAL,
                    "Could not find any factory for identifier '%s' that implements FileFormatFactory in the "
                    "classpath.",
                    text);
}

static const char *format_name(enum pfs_data_format format)
{
    switch (format) {
    case PFS_DATA_PARQUET:
        return "parquet";
    case PFS_DATA_ORC:
        return "orc";
    case PFS_DATA_AVRO:
        return "avro";
    case PFS_DATA_BLOB:
        return "blob";
    }
    return "";
}

/* Tables of before Paimon 0.9 that say nothing were made when ORC was what that meant. */
static const char *default_format(const struct pfs_schema *schema)
{
    return schema->version <= 2 ? "orc" : FORMAT_OF_VERSION_3;
}

/* Names of codecs differ by format, and Avro's but for zstd are not taken in any case; what a format cannot have is not
 * written with another one. */
static int parse_codec(enum pfs_data_format format, const char *text, enum pfs_codec *out, struct pfs_err *err)
{
    static const struct {
        const char *name;
        enum pfs_codec codec;
    } known[][8] = {[PFS_DATA_PARQUET] = {{"none", PFS_CODEC_NONE},
                                          {"uncompressed", PFS_CODEC_NONE},
                                          {"zstd", PFS_CODEC_ZSTD},
                                          {"snappy", PFS_CODEC_SNAPPY},
                                          {"gzip", PFS_CODEC_GZIP},
                                          {"lz4", PFS_CODEC_LZ4}},
                    [PFS_DATA_ORC] = {{"none", PFS_CODEC_NONE},
                                      {"zstd", PFS_CODEC_ZSTD},
                                      {"snappy", PFS_CODEC_SNAPPY},
                                      {"zlib", PFS_CODEC_DEFLATE},
                                      {"lz4", PFS_CODEC_LZ4}},
                    [PFS_DATA_AVRO] = {{"null", PFS_CODEC_NONE},
                                       {"zstd", PFS_CODEC_ZSTD},
                                       {"zstandard", PFS_CODEC_ZSTD},
                                       {"snappy", PFS_CODEC_SNAPPY},
                                       {"deflate", PFS_CODEC_DEFLATE}}};

    for (size_t i = 0; known[format][i].name != NULL; i++)
        if (strcasecmp(known[format][i].name, text) == 0) {
            bool exact = (format == PFS_DATA_AVRO && known[format][i].codec != PFS_CODEC_ZSTD) ||
                         (format == PFS_DATA_PARQUET && i == 0);

            if (exact && strcmp(known[format][i].name, text) != 0)
                break;
            *out = known[format][i].codec;
            return 0;
        }
    return pfs_fail(err, EINVAL, "file.compression = %s is not a compression of %s files that is known here", text,
                    format_name(format));
}

/* An option of the format's own goes before the one for all formats, as in Paimon's writers. */
static int read_codec(const struct pfs_schema *schema, const char *codec, struct pfs_making *out, struct pfs_err *err)
{
    const struct pfs_options *o = &schema->options;
    int64_t zstd;

    if (codec == NULL)
        codec = "zstd";
    if (out->format == PFS_DATA_ORC && pfs_options_get(o, "orc.compress") != NULL)
        codec = pfs_options_get(o, "orc.compress");
    PFS_TRY(parse_codec(out->format, codec, &out->codec, err));
    PFS_TRY(pfs_options_int(o, "file.compression.zstd-level", 1, &zstd, err));
    if (out->format == PFS_DATA_PARQUET)
        PFS_TRY(pfs_options_int(o, "parquet.compression.codec.zstd.level", zstd, &zstd, err));
    if (out->format == PFS_DATA_ORC)
        PFS_TRY(pfs_options_int(o, "orc.compression.zstd.level", zstd, &zstd, err));
    /* As the library takes them: below 0 it is faster still, 0 is 3, and beyond its ends it takes the end. */
    out->level = (int)(zstd < -7 ? -7 : zstd > 22 ? 22 : zstd == 0 ? 3 : zstd);
    return 0;
}

static int read_format(const struct pfs_schema *schema, int32_t level, bool changelog, struct pfs_arena *arena,
                       struct pfs_making *out, struct pfs_err *err)
{
    const char *format, *codec;

    PFS_TRY(choose(schema, "file.format", level, changelog, arena, &format, err));
    if (format == NULL)
        format = default_format(schema);
    PFS_TRY(parse_format(format, &out->format, err));
    PFS_TRY(choose(schema, "file.compression", level, changelog, arena, &codec, err));
    return read_codec(schema, codec, out, err);
}

/* orc.dictionary.key.threshold: a share of the values, 0 for no dictionaries. */
static int read_share(const struct pfs_options *o, struct pfs_making *out, struct pfs_err *err)
{
    if (pfs_options_get(o, "orc.dictionary.key.threshold") == NULL)
        return 0;
    PFS_TRY(pfs_options_share(o, "orc.dictionary.key.threshold", 0.0, &out->dictionary_share, err));
    out->no_dictionary = !(out->dictionary_share > 0.0);
    return 0;
}

/* Options of Parquet and ORC that change which bytes are written. Zero is "as the format does it". */
static int read_sizes(const struct pfs_schema *schema, struct pfs_making *out, struct pfs_err *err)
{
    const struct pfs_options *o = &schema->options;
    const char *version = pfs_options_get(o, "parquet.writer.version");
    bool dictionary;

    out->delta = version != NULL && (strcasecmp(version, "PARQUET_2_0") == 0 || strcasecmp(version, "v2") == 0);
    PFS_TRY(pfs_options_bytes(o, "file.block-size", 0, &out->block_bytes, err));
    PFS_TRY(pfs_options_bool(o, "parquet.enable.dictionary", true, &dictionary, err));
    PFS_TRY(pfs_options_bytes(o, "parquet.page.size", 0, &out->page_bytes, err));
    if (out->page_bytes > INT32_MAX)
        return pfs_fail(err, EINVAL, "parquet.page.size is over 2 GiB");
    out->no_dictionary = !dictionary;
    if (out->format == PFS_DATA_PARQUET)
        PFS_TRY(pfs_options_bytes(o, "parquet.block.size", out->block_bytes, &out->block_bytes, err));
    if (out->format == PFS_DATA_ORC) {
        out->no_dictionary = false;
        PFS_TRY(read_share(o, out, err));
        PFS_TRY(pfs_options_bytes(o, "orc.stripe.size", out->block_bytes, &out->block_bytes, err));
    }
    return pfs_options_bytes(o, "target-file-size", schema->primary_keys > 0 ? TARGET_KEYED : TARGET_APPEND,
                             &out->target_bytes, err);
}

/* ---- names ---- */

/* How names tell a compression; "none" is not told. */
static const char *compression_mark(const char *text)
{
    if (strcasecmp(text, "zstd") == 0)
        return "zst";
    if (strcasecmp(text, "gzip") == 0)
        return "gz";
    return strcasecmp(text, "none") == 0 ? "" : text;
}

static int read_names(const struct pfs_schema *schema, bool changelog, struct pfs_arena *arena, struct pfs_making *out,
                      struct pfs_err *err)
{
    const struct pfs_options *o = &schema->options;
    const char *prefix = pfs_options_get(o, changelog ? "changelog-file.prefix" : "data-file.prefix");
    const char *codec = pfs_options_get(o, "file.compression"), *mark;
    bool told;

    PFS_TRY(pfs_options_bool(o, "file.suffix.include.compression", false, &told, err));
    mark = told ? compression_mark(codec != NULL ? codec : "zstd") : "";
    out->prefix = prefix != NULL ? prefix : changelog ? "changelog-" : "data-";
    out->suffix = pfs_arena_printf(arena, "%s%s.%s", mark[0] != '\0' ? "." : "", mark, format_name(out->format));
    if (strchr(out->prefix, '/') != NULL || strchr(mark, '/') != NULL)
        return pfs_fail(err, EINVAL, "a file's name cannot have a / in it: %s", out->prefix);
    return out->suffix == NULL ? pfs_arena_full(arena, err) : 0;
}

int pfs_making_read(const struct pfs_schema *schema, int32_t level, bool changelog, struct pfs_arena *arena,
                    struct pfs_making *out, struct pfs_err *err)
{
    struct pfs_making making = {0};

    PFS_TRY(read_format(schema, level, changelog, arena, &making, err));
    PFS_TRY(read_sizes(schema, &making, err));
    PFS_TRY(read_names(schema, changelog, arena, &making, err));
    assert(making.prefix != NULL && making.suffix != NULL);
    assert(strchr(making.prefix, '/') == NULL); /* a name is one component of a path */
    *out = making;
    return 0;
}

/* A compaction that would only give a file another level cannot do so when the level is of another format. */
int pfs_data_formats_differ(const struct pfs_schema *schema, int32_t a, int32_t b, bool *out, struct pfs_err *err)
{
    const char *x = NULL, *y = NULL;
    struct pfs_arena arena;
    int rc;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = choose(schema, "file.format", a, false, &arena, &x, err);
    if (rc == 0)
        rc = choose(schema, "file.format", b, false, &arena, &y, err);
    if (rc == 0)
        *out = strcasecmp(x != NULL ? x : default_format(schema), y != NULL ? y : default_format(schema)) != 0;
    pfs_arena_done(&arena);
    return rc;
}

/* Paimon's Avro writer has no VARIANT, and times of milli- and microseconds alone. */
static bool avro_takes(const struct pfs_type *type)
{
    bool takes = type->kind != PFS_VARIANT;

    if (type->kind == PFS_TIMESTAMP || type->kind == PFS_TIMESTAMP_LTZ)
        takes = type->precision <= AVRO_TIMESTAMP_MAX;
    if (type->kind == PFS_TIME)
        takes = type->precision <= AVRO_TIME_MAX;

    for (int32_t i = 0; takes && i < type->children; i++)
        takes = avro_takes(&type->child[i].type);
    return takes;
}

int pfs_making_check(const struct pfs_making *making, const struct pfs_schema *schema, struct pfs_err *err)
{
    for (int32_t i = 0; making->format == PFS_DATA_AVRO && i < schema->columns; i++)
        if (!avro_takes(&schema->field[i].type)) {
            struct pfs_buf text = {0};

            pfs_type_print(&schema->field[i].type, &text);
            (void)pfs_fail(err, EOPNOTSUPP, "column %s is a %.*s, which Avro files cannot have", schema->field[i].name,
                           PFS_P(pfs_buf_slice(&text)));
            pfs_buf_done(&text);
            return -EOPNOTSUPP;
        }
    return 0;
}

/* Avro, unless it cannot have one of the columns; but what is said of level 0 holds. */
static int choose_postponed(const struct pfs_schema *schema, struct pfs_arena *arena, enum pfs_data_format *out,
                            struct pfs_err *err)
{
    const char *text;

    PFS_TRY(pfs_making_of_level(&schema->options, "file.format.per.level", 0, arena, &text, err));
    if (text != NULL)
        return parse_format(text, out, err);
    *out = PFS_DATA_AVRO;
    for (int32_t i = 0; i < schema->columns; i++)
        if (!avro_takes(&schema->field[i].type)) {
            text = pfs_options_get(&schema->options, "file.format");
            return parse_format(text != NULL ? text : default_format(schema), out, err);
        }
    return 0;
}

int pfs_making_read_postponed(const struct pfs_schema *schema, const char *user, struct pfs_arena *arena,
                              struct pfs_making *out, struct pfs_err *err)
{
    struct pfs_making making = {0};
    const char *codec;
    char uuid[PFS_UUID_TEXT];
    uint32_t writer;

    /* "-u-<user>-s-<number>-w-": files of one writer have one prefix, and their counter orders them. */
    PFS_TRY(choose_postponed(schema, arena, &making.format, err));
    PFS_TRY(choose(schema, "file.compression", 0, false, arena, &codec, err));
    PFS_TRY(read_codec(schema, codec, &making, err));
    PFS_TRY(read_sizes(schema, &making, err));
    PFS_TRY(read_names(schema, false, arena, &making, err));
    pfs_uuid_make(uuid);
    writer = (uint32_t)pfs_hash64(uuid, strlen(uuid), 0) & INT32_MAX;
    making.prefix = pfs_arena_printf(arena, "%s-u-%s-s-%u-w-", making.prefix, user != NULL ? user : uuid, writer);
    if (making.prefix == NULL)
        return pfs_arena_full(arena, err);
    if (strchr(making.prefix, '/') != NULL)
        return pfs_fail(err, EINVAL, "%s: a user of a table with bucket = -2 cannot have a / in its name", user);
    *out = making;
    return 0;
}

int pfs_making_read_blobs(const struct pfs_schema *schema, struct pfs_arena *arena, struct pfs_making *out,
                          struct pfs_err *err)
{
    struct pfs_making making;

    PFS_TRY(pfs_making_read(schema, 0, false, arena, &making, err));
    PFS_TRY(
        pfs_options_bytes(&schema->options, "blob.target-file-size", making.target_bytes, &making.target_bytes, err));
    making.format = PFS_DATA_BLOB;
    making.suffix = ".blob";
    *out = making;
    return 0;
}

/* Of a file with a copy of the key in front of its rows ("_KEY_k", ..., "k"): the key columns of the rows, which
 * readers look for keys by. */
static bool is_sought(const struct pfs_field *fields, int32_t columns, const char *name)
{
    for (int32_t i = 0; i < columns && strncmp(fields[i].name, PFS_KEY_PREFIX, strlen(PFS_KEY_PREFIX)) == 0; i++)
        if (strcmp(fields[i].name + strlen(PFS_KEY_PREFIX), name) == 0)
            return true;
    return false;
}

static int open_parquet(struct pfs_parquet_write *write, struct pfs_file *file, struct pfs_writer **out,
                        struct pfs_err *err)
{
    bool *sought = pfs_alloc_array((size_t)write->columns, sizeof(*sought));
    int rc;

    if (sought == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a Parquet file");
    for (int32_t i = 0; i < write->columns; i++)
        sought[i] = is_sought(write->fields, write->columns, write->fields[i].name);
    write->sought = sought;
    rc = pfs_parquet_create(file, write, out, err);
    pfs_free(sought);
    return rc;
}

int pfs_making_open(const struct pfs_making *making, struct pfs_file *file, const struct pfs_field *fields,
                    int32_t columns, struct pfs_pool *pool, struct pfs_writer **out, struct pfs_err *err)
{
    struct pfs_parquet_write parquet = {.columns = columns,
                                        .fields = fields,
                                        .codec = making->codec,
                                        .level = making->level,
                                        .row_group_bytes = making->block_bytes,
                                        .page_bytes = (int32_t)making->page_bytes,
                                        .no_dictionary = making->no_dictionary,
                                        .delta = making->delta,
                                        .pool = pool};
    struct pfs_avro_rows_write avro = {
        .columns = columns, .fields = fields, .codec = making->codec, .level = making->level};

    struct pfs_orc_write orc = {.columns = columns,
                                .fields = fields,
                                .codec = making->codec,
                                .level = making->level,
                                .stripe_bytes = making->block_bytes,
                                .dictionary_share = making->dictionary_share,
                                .no_dictionary = making->no_dictionary};

    assert(columns > 0);
    assert(making->page_bytes >= 0 && making->page_bytes <= INT32_MAX);
    switch (making->format) {
    case PFS_DATA_PARQUET:
        return open_parquet(&parquet, file, out, err);
    case PFS_DATA_AVRO:
        return pfs_avro_rows_create(file, &avro, out, err);
    case PFS_DATA_ORC:
        return pfs_orc_create(file, &orc, out, err);
    case PFS_DATA_BLOB:
        assert(columns == 1);
        return pfs_blob_create(file, out, err);
    }
    return -EINVAL;
}
