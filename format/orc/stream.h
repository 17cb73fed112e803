/* stream.h - the content of one stream, decompressed chunk by chunk into a run of bytes. Private to the suite.
 *
 * A decoder asks for as many bytes as its longest run takes, looks at them where they lie, and says how many it used:
 * no run is cut at the border of two chunks. After the bytes come at least PFS_ORC_SLACK more that may be read (and
 * mean nothing), so that kernels need not watch the last word. A stream that a stripe lacks is an empty one. Buffers
 * are kept from stripe to stripe. Threads: one stream, one thread.
 */
#pragma once

#include "format/orc/tail.h"

#define PFS_ORC_SLACK 16

struct pfs_orc_source { /* of all streams of a reader */
    struct pfs_file *file;
    enum pfs_codec codec;
    size_t block_bytes;
    size_t window_bytes; /* read at once from a long stream */
};

struct pfs_orc_stream {
    const struct pfs_orc_source *source;
    uint64_t off, bytes; /* in the file */
    uint64_t read;       /* of bytes: already in the window */

    uint8_t *window; /* as stored; unused without a codec */
    size_t window_cap, window_pos, window_len;

    uint8_t *content; /* decoded */
    size_t cap, pos, len;
};

/* Points the stream (zeroed at first) at other bytes; NULL = none. */
void pfs_orc_stream_open(struct pfs_orc_stream *s, const struct pfs_orc_source *source,
                         const struct pfs_orc_extent *extent);
void pfs_orc_stream_done(struct pfs_orc_stream *s);

/* Makes at least `want` bytes lie ahead, fewer only at the end. Then pfs_orc_stream_ahead is what lies there. */
int pfs_orc_stream_need(struct pfs_orc_stream *s, size_t want, struct pfs_err *err);

static inline struct pfs_slice pfs_orc_stream_ahead(const struct pfs_orc_stream *s)
{
    return (struct pfs_slice){s->content == NULL ? NULL : s->content + s->pos, s->len - s->pos};
}

static inline void pfs_orc_stream_use_unchecked(struct pfs_orc_stream *s, size_t len)
{
    s->pos += len;
}

/* Copies out, or drops, exactly `len` bytes; -EIO when there are fewer. */
int pfs_orc_stream_copy(struct pfs_orc_stream *s, void *to, size_t len, struct pfs_err *err);
int pfs_orc_stream_skip(struct pfs_orc_stream *s, uint64_t len, struct pfs_err *err);

/* No more than so many bytes can come out of what is left. */
uint64_t pfs_orc_stream_left_max(const struct pfs_orc_stream *s);

/* Goes to a place of the row index and takes its numbers from *at on: of a chunk and in it, or of a byte. */
int pfs_orc_stream_seek(struct pfs_orc_stream *s, const struct pfs_orc_group *group, size_t *at, struct pfs_err *err);
