/* segments.h - segments of a journal made by hand, byte by byte. */
#pragma once

#include "base/hash.h"
#include "src/journal/segment.h"
#include "tests/unit/journal/journals.h"

#define UUID "00000000-0000-4000-8000-000000000000"
#define SEGMENT(number) ".paimonfs/journal-" UUID "-" number

/* Begins a segment; gives its seed. */
static inline uint64_t begin_segment(struct pfs_buf *out, int32_t number)
{
    struct pfs_segment_header header = {.number = number, .uuid = UUID, .user = "me"};

    assert_int_equal(pfs_segment_put_header(&header, out, NULL), 0);
    return header.seed;
}

/* Appends a record; gives where its body begins. */
static inline size_t put_record(struct pfs_buf *out, uint64_t seed, uint32_t kind, uint64_t transaction,
                                struct pfs_slice body)
{
    uint8_t head[PFS_RECORD_HEAD];

    pfs_record_put_head(head, seed, kind, transaction, body);
    pfs_buf_put(out, head, sizeof(head));
    pfs_buf_put(out, body.at, body.len);
    return out->len - body.len;
}

static inline size_t put_text(struct pfs_buf *out, uint64_t seed, enum pfs_journal_kind kind, uint64_t transaction,
                              const char *text)
{
    return put_record(out, seed, kind, transaction, pfs_str(text));
}

static inline size_t put_cut(struct pfs_buf *out, uint64_t seed, int32_t segment, uint64_t bytes)
{
    uint8_t cut[12];

    pfs_put_le32(cut, (uint32_t)segment);
    pfs_put_le64(cut + 4, bytes);
    return put_record(out, seed, PFS_RECORD_CUT, 0, pfs_slice_of(cut, sizeof(cut)));
}

/* Takes the bytes. */
static inline void put_file(struct pfs_store *store, const char *path, struct pfs_buf *bytes)
{
    struct pfs_file *file;

    assert_int_equal(pfs_store_create(store, path, &file, NULL), 0);
    assert_int_equal(pfs_file_append(file, bytes->at, bytes->len, NULL), 0);
    pfs_file_close(file);
    pfs_buf_done(bytes);
}
