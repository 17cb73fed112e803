/* manifest_fuzz.c - Avro containers as manifests, manifest lists and index manifests. What parses prints as a file that
 * parses to as many records. */
#include <stdlib.h>

#include "src/meta/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(int rc, const struct pfs_err *err)
{
    if (rc < 0 && err->text[0] == '\0')
        abort();
}

static void as_list(struct pfs_slice file, struct pfs_arena *arena)
{
    struct pfs_manifest_file *item;
    struct pfs_buf out = {0};
    struct pfs_err err = {0};
    int64_t count, again;
    int rc = pfs_manifest_list_parse(file, arena, &item, &count, &err);

    ask(rc, &err);
    if (rc == 0 && pfs_manifest_list_print(item, count, NULL, &out, &err) == 0 &&
        (pfs_manifest_list_parse(pfs_buf_slice(&out), arena, &item, &again, &err) < 0 || again != count))
        abort();
    pfs_buf_done(&out);
}

static void as_manifest(struct pfs_slice file, struct pfs_arena *arena)
{
    struct pfs_manifest_entry *entry;
    struct pfs_buf out = {0};
    struct pfs_err err = {0};
    int64_t count, again;
    int rc = pfs_manifest_parse(file, arena, &entry, &count, &err);

    ask(rc, &err);
    if (rc == 0 && pfs_manifest_print(entry, count, NULL, &out, &err) == 0 &&
        (pfs_manifest_parse(pfs_buf_slice(&out), arena, &entry, &again, &err) < 0 || again != count))
        abort();
    pfs_buf_done(&out);
}

static void as_index(struct pfs_slice file, struct pfs_arena *arena)
{
    struct pfs_index_entry *entry;
    struct pfs_buf out = {0};
    struct pfs_err err = {0};
    int64_t count, again;
    int rc = pfs_index_manifest_parse(file, arena, &entry, &count, &err);

    ask(rc, &err);
    if (rc == 0 && pfs_index_manifest_print(entry, count, NULL, &out, &err) == 0 &&
        (pfs_index_manifest_parse(pfs_buf_slice(&out), arena, &entry, &again, &err) < 0 || again != count))
        abort();
    pfs_buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const kinds[])(struct pfs_slice, struct pfs_arena *) = {as_list, as_manifest, as_index};

    for (int kind = 0; kind < 3; kind++) {
        struct pfs_arena arena;

        pfs_arena_init(&arena, 64 << 20);
        kinds[kind](pfs_slice_of(data, size), &arena);
        pfs_arena_done(&arena);
    }
    return 0;
}
