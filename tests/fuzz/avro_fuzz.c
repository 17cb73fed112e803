/* avro_fuzz.c - containers of any schema: an answer or a sentence, and values that are whole. Nested records are asked
 * for under the names that the schemas of metadata use, and once for nothing at all. */
#include <stdlib.h>

#include "format/avro/avro.h"

/* A file of some kilobytes may unpack to more; what is behind this many bytes finds nothing new. */
#define DECODED_BYTES_MAX ((size_t)4 << 20)

static const struct pfs_avro_wanted inner[] = {{"_MIN_VALUES", NULL}, {"_NULL_COUNTS", NULL}, {"f0", NULL},
                                               {"f1", NULL},          {"_CARDINALITY", NULL}, {NULL, NULL}};
static const struct pfs_avro_wanted file[] = {
    {"_FILE_NAME", NULL}, {"_KEY_STATS", inner}, {"_EXTRA_FILES", NULL}, {"_WRITE_COLS", NULL}, {NULL, NULL}};
static const struct pfs_avro_wanted all[] = {{"_VERSION", NULL},
                                             {"_FILE", file},
                                             {"_PARTITION", NULL},
                                             {"_PARTITION_STATS", inner},
                                             {"_DELETIONS_VECTORS_RANGES", inner},
                                             {"a", inner},
                                             {"b", NULL},
                                             {NULL, NULL}};
static const struct pfs_avro_wanted nothing[] = {{NULL, NULL}};

static volatile uint64_t sink;

/* Touches all that a value says it has. */
static void walk(const struct pfs_avro_value *v, int depth)
{
    if (depth > 100)
        abort();
    switch (v->kind) {
    case PFS_AVRO_NULL:
        return;
    case PFS_AVRO_LONG:
        sink += (uint64_t)v->number;
        return;
    case PFS_AVRO_DOUBLE:
        sink += v->real > 0;
        return;
    case PFS_AVRO_BYTES:
        for (size_t i = 0; i < v->bytes.len; i++)
            sink += v->bytes.at[i];
        return;
    case PFS_AVRO_ARRAY:
    case PFS_AVRO_RECORD:
        for (int64_t i = 0; i < v->count; i++)
            walk(&v->item[i], depth + 1);
        return;
    }
    abort(); /* no kind */
}

static void read_all(struct pfs_slice in, const struct pfs_avro_wanted *wanted)
{
    struct pfs_avro_reader *reader;
    struct pfs_avro_value value;
    struct pfs_arena arena;
    struct pfs_err err = {0};
    int rc;

    pfs_arena_init(&arena, 4 * DECODED_BYTES_MAX);
    rc = pfs_avro_open(in, wanted, DECODED_BYTES_MAX, &arena, &reader, &err);
    if (rc == 0) {
        if (pfs_avro_claimed(reader) > (int64_t)in.len)
            abort();
        while ((rc = pfs_avro_next(reader, &value, &err)) > 0)
            walk(&value, 0);
        pfs_avro_close(reader);
    }
    if (rc < 0 && (err.text[0] == '\0' || err.code != -rc))
        abort();
    pfs_arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_all(pfs_slice_of(data, size), all);
    read_all(pfs_slice_of(data, size), nothing);
    return 0;
}
