/* container.h - Avro containers for tests, built of the writer's pieces. */
#pragma once

#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "format/avro/avro.h"
#include "tests/unit/cm.h"

#define MAX ((size_t)64 << 20)
#define FIELD(name, type) "{\"name\":\"" name "\",\"type\":" type "}"
#define RECORD(name, fields) "{\"type\":\"record\",\"name\":\"" name "\",\"fields\":[" fields "]}"

/* A file of `count` records that are all the same bytes. */
static inline struct pfs_buf container(const char *schema, const char *codec, struct pfs_slice record, int64_t count)
{
    struct pfs_avro_writer w;
    struct pfs_buf out = {0};

    assert_int_equal(pfs_avro_begin(&w, schema, codec, &out, NULL), 0);
    for (int64_t i = 0; i < count; i++)
        assert_int_equal(pfs_avro_add(&w, record, NULL), 0);
    assert_int_equal(pfs_avro_end(&w, NULL), 0);
    return out;
}

/* Reads every record: how many there were, or the first error. */
static inline int64_t read_all(struct pfs_slice file, const struct pfs_avro_wanted *wanted, struct pfs_arena *arena,
                               struct pfs_err *err)
{
    struct pfs_avro_reader *reader;
    struct pfs_avro_value value;
    int64_t count = 0;
    int rc = pfs_avro_open(file, wanted, MAX, arena, &reader, err);

    if (rc < 0)
        return rc;
    while ((rc = pfs_avro_next(reader, &value, err)) > 0)
        count++;
    pfs_avro_close(reader);
    return rc < 0 ? rc : count;
}
