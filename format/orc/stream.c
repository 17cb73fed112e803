/* stream.c - bytes of a stream, out of the file and out of their chunks.
 *
 *     file      |   read    |  unread   |
 *     window      [..... c h u n k s ...]       as stored, from the chunk that is next
 *     content     [ used | ahead ][ slack ]     decoded; what is ahead moves to the front when more is needed
 *
 * Without a codec there is no window: the file is read straight into the content. `read` counts bytes that are in the
 * window or were, and is where the next read begins; a seek sets it and forgets everything else.
 */
#include "format/orc/stream.h"

#include <assert.h>

#include "base/mem.h"

#define CHUNK_HEADER 3

void pfs_orc_stream_open(struct pfs_orc_stream *s, const struct pfs_orc_source *source,
                         const struct pfs_orc_extent *extent)
{
    assert(source->block_bytes > 0);
    assert(source->window_bytes > 0); /* or need would ask for nothing, for ever */
    s->source = source;
    s->off = extent == NULL ? 0 : extent->off;
    s->bytes = extent == NULL ? 0 : extent->bytes;
    s->read = 0;
    s->window_pos = s->window_len = 0;
    s->pos = s->len = 0;
}

void pfs_orc_stream_done(struct pfs_orc_stream *s)
{
    pfs_free(s->window);
    pfs_free(s->content);
    *s = (struct pfs_orc_stream){0};
}

static int grow(uint8_t **at, size_t *cap, size_t want, struct pfs_err *err)
{
    uint8_t *grown;

    if (want <= *cap)
        return 0;
    grown = pfs_realloc(*at, want);
    if (grown == NULL)
        return pfs_fail(err, ENOMEM, "no memory for %zu bytes of a stream", want);
    *at = grown;
    *cap = want;
    return 0;
}

/* What is ahead moves to the front, and `more` bytes get room behind it. */
static int make_room(struct pfs_orc_stream *s, size_t more, struct pfs_err *err)
{
    size_t ahead = s->len - s->pos;

    assert(s->pos <= s->len);
    if (s->pos > 0 && ahead > 0)
        memmove(s->content, s->content + s->pos, ahead);
    s->pos = 0;
    s->len = ahead;
    return grow(&s->content, &s->cap, ahead + more + PFS_ORC_SLACK, err);
}

/* Of the stored bytes, what was not read, and at most so many. */
static size_t unread(const struct pfs_orc_stream *s, size_t most)
{
    uint64_t left = s->bytes - s->read;

    assert(s->read <= s->bytes);
    return left < most ? (size_t)left : most;
}

static int read_plain(struct pfs_orc_stream *s, size_t want, struct pfs_err *err)
{
    size_t len = unread(s, want > s->source->window_bytes ? want : s->source->window_bytes);

    PFS_TRY(make_room(s, len, err));
    PFS_TRY(pfs_file_pread(s->source->file, s->off + s->read, s->content + s->len, len, err));
    s->read += len;
    s->len += len;
    return 0;
}

/* Makes the whole next chunk lie in the window. */
static int fill_window(struct pfs_orc_stream *s, struct pfs_err *err)
{
    size_t have = s->window_len - s->window_pos, chunk = s->source->block_bytes + CHUNK_HEADER, len;

    if (have >= chunk || s->read == s->bytes)
        return 0;
    len = unread(s, (s->source->window_bytes > chunk ? s->source->window_bytes : chunk) - have);
    if (have > 0)
        memmove(s->window, s->window + s->window_pos, have);
    s->window_pos = 0;
    s->window_len = have;
    PFS_TRY(grow(&s->window, &s->window_cap, have + len, err));
    PFS_TRY(pfs_file_pread(s->source->file, s->off + s->read, s->window + have, len, err));
    s->read += len;
    s->window_len += len;
    assert(s->window_len <= s->window_cap);
    return 0;
}

/* Decodes the next chunk behind what is ahead. How long it gets is known only afterwards: there is room for the most.
 */
static int read_chunk(struct pfs_orc_stream *s, struct pfs_err *err)
{
    size_t room = s->source->block_bytes, len;
    struct pfs_slice raw;
    struct pfs_cursor c;
    bool stored;

    PFS_TRY(fill_window(s, err));
    c = pfs_cursor_of(pfs_slice_of(s->window + s->window_pos, s->window_len - s->window_pos));
    if (!pfs_orc_chunk_take(&c, room, &raw, &stored))
        return pfs_fail(err, EIO, "a chunk does not fit into its stream");
    PFS_TRY(make_room(s, stored ? raw.len : room, err));
    PFS_TRY(pfs_decompress_upto(stored ? PFS_CODEC_NONE : s->source->codec, raw, s->content + s->len,
                                stored ? raw.len : room, &len, err));
    s->len += len;
    s->window_pos += c.pos;
    assert(s->len + PFS_ORC_SLACK <= s->cap);
    assert(s->window_pos <= s->window_len);
    return 0;
}

/* True when all that is stored has been decoded. */
static bool drained(const struct pfs_orc_stream *s)
{
    return s->read == s->bytes && s->window_pos == s->window_len;
}

int pfs_orc_stream_need(struct pfs_orc_stream *s, size_t want, struct pfs_err *err)
{
    while (s->len - s->pos < want && !drained(s))
        PFS_TRY(s->source->codec == PFS_CODEC_NONE ? read_plain(s, want, err) : read_chunk(s, err));
    return 0;
}

static int too_short(struct pfs_err *err)
{
    return pfs_fail(err, EIO, "a stream ends early");
}

int pfs_orc_stream_copy(struct pfs_orc_stream *s, void *to, size_t len, struct pfs_err *err)
{
    uint8_t *at = to;

    while (len > 0) {
        size_t piece;

        PFS_TRY(pfs_orc_stream_need(s, 1, err));
        piece = s->len - s->pos < len ? s->len - s->pos : len;
        if (piece == 0)
            return too_short(err);
        memcpy(at, s->content + s->pos, piece);
        s->pos += piece;
        at += piece;
        len -= piece;
    }
    return 0;
}

int pfs_orc_stream_skip(struct pfs_orc_stream *s, uint64_t len, struct pfs_err *err)
{
    while (len > 0) {
        size_t piece = s->len - s->pos;

        if (piece == 0 && s->source->codec == PFS_CODEC_NONE) { /* nothing to decode: over it */
            if (len > s->bytes - s->read)
                return too_short(err);
            s->read += len;
            return 0;
        }
        PFS_TRY(pfs_orc_stream_need(s, 1, err));
        piece = s->len - s->pos < len ? s->len - s->pos : (size_t)len;
        if (piece == 0)
            return too_short(err);
        s->pos += piece;
        len -= piece;
    }
    return 0;
}

/* A chunk has a header and a byte at least, and at most a block comes out of it. */
uint64_t pfs_orc_stream_left_max(const struct pfs_orc_stream *s)
{
    uint64_t stored = s->bytes - s->read + (s->window_len - s->window_pos), most = stored;

    if (s->source->codec != PFS_CODEC_NONE &&
        __builtin_mul_overflow(stored / (CHUNK_HEADER + 1) + 1, (uint64_t)s->source->block_bytes, &most))
        most = UINT64_MAX / 2;
    return most + (s->len - s->pos);
}

int pfs_orc_stream_seek(struct pfs_orc_stream *s, const struct pfs_orc_group *group, size_t *at, struct pfs_err *err)
{
    size_t numbers = s->source->codec == PFS_CODEC_NONE ? 1 : 2;
    uint64_t off;

    assert(*at <= group->positions);
    if (group->positions - *at < numbers)
        return pfs_fail(err, EIO, "a row index has %zu numbers", group->positions);
    off = group->position[*at];
    if (off > s->bytes)
        return pfs_fail(err, EIO, "a row index points to %llu of %llu bytes", (unsigned long long)off,
                        (unsigned long long)s->bytes);
    s->read = off;
    s->window_pos = s->window_len = 0;
    s->pos = s->len = 0;
    if (numbers == 2)
        PFS_TRY(pfs_orc_stream_skip(s, group->position[*at + 1], err));
    *at += numbers;
    return 0;
}
