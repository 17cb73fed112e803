/* compress.c - the libraries' calls made alike: bytes in, bytes behind a buffer or into room that was made.
 *
 * Decompressing comes in three kinds, by what the container says of the length: exactly it, at most it, nothing. What
 * is damaged is -EIO whatever the library called it; only zstd tells more than that it is. */
#include "format/compress.h"

#include <assert.h>
#include <lz4.h>
#include <pthread.h>
#include <snappy-c.h>
#include <strings.h>
#include <zlib.h>
#include <zstd.h>

#include "base/mem.h"

/* ---- names ---- */

static const char *const names[] = {
#define X(id, name) name,
    PFS_CODECS(X)
#undef X
};

static bool is_name(struct pfs_slice text, const char *name)
{
    size_t len = strlen(name);

    return text.len == len && strncasecmp((const char *)text.at, name, len) == 0;
}

int pfs_codec_parse(struct pfs_slice name, enum pfs_codec *out, struct pfs_err *err)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (is_name(name, names[i])) {
            *out = (enum pfs_codec)i;
            return 0;
        }
    if (is_name(name, "uncompressed") || is_name(name, "null")) {
        *out = PFS_CODEC_NONE;
        return 0;
    }
    if (is_name(name, "zstandard")) {
        *out = PFS_CODEC_ZSTD;
        return 0;
    }
    return pfs_fail(err, EINVAL, "%.*s is no compression that is known here: none, zstd, lz4, snappy, gzip",
                    PFS_P(name));
}

const char *pfs_codec_name(enum pfs_codec codec)
{
    assert((size_t)codec < sizeof(names) / sizeof(names[0]));
    return names[codec];
}

/* ---- zstd contexts, a pair a thread ----
 *
 * A context holds some hundred KiB to a few MiB that zstd would else allocate and clear for each block. They go with
 * their thread; the main thread's go with the process. */

struct contexts {
    ZSTD_CCtx *compress;
    ZSTD_DCtx *decompress;
};

static pthread_key_t contexts_key;
static pthread_once_t contexts_once = PTHREAD_ONCE_INIT;

static void free_contexts(void *held)
{
    struct contexts *c = held;

    ZSTD_freeCCtx(c->compress);
    ZSTD_freeDCtx(c->decompress);
    pfs_free(c);
}

static void make_key(void)
{
    (void)pthread_key_create(&contexts_key, free_contexts);
}

/* The pair of this thread, made when it is first asked for; NULL without memory. */
static struct contexts *contexts(void)
{
    struct contexts *c;

    pthread_once(&contexts_once, make_key);
    c = pthread_getspecific(contexts_key);
    if (c == NULL && (c = pfs_zalloc(sizeof(*c))) != NULL)
        (void)pthread_setspecific(contexts_key, c);
    return c;
}

static ZSTD_CCtx *compressor(void)
{
    struct contexts *c = contexts();

    if (c != NULL && c->compress == NULL)
        c->compress = ZSTD_createCCtx();
    return c == NULL ? NULL : c->compress;
}

static ZSTD_DCtx *decompressor(void)
{
    struct contexts *c = contexts();

    if (c != NULL && c->decompress == NULL)
        c->decompress = ZSTD_createDCtx();
    return c == NULL ? NULL : c->decompress;
}

static int no_memory(struct pfs_err *err)
{
    return pfs_fail(err, ENOMEM, "no memory for a codec");
}

/* ---- compressing ---- */

static int compress_zstd(int level, struct pfs_slice in, struct pfs_buf *out, struct pfs_err *err)
{
    size_t bound = ZSTD_compressBound(in.len), len;
    uint8_t *to = pfs_buf_reserve(out, bound);
    ZSTD_CCtx *context = compressor();

    /* Compressed into room for the worst case: the bound is a little more than the input, and no second pass is made.
     */
    if (to == NULL)
        return pfs_buf_check(out, err);
    if (context == NULL)
        return no_memory(err);
    len = ZSTD_compressCCtx(context, to, bound, in.at, in.len, level == 0 ? 1 : level);
    if (ZSTD_isError(len))
        return pfs_fail(err, EIO, "zstd: %s", ZSTD_getErrorName(len));
    assert(len <= bound);
    out->len += len;
    return 0;
}

/* A raw block, without a length: whoever stores it says how long it was. */
static int compress_lz4(struct pfs_slice in, struct pfs_buf *out, struct pfs_err *err)
{
    int bound, len;
    uint8_t *to;

    if (in.len > LZ4_MAX_INPUT_SIZE)
        return pfs_fail(err, EFBIG, "lz4 takes at most %d bytes", LZ4_MAX_INPUT_SIZE);
    bound = LZ4_compressBound((int)in.len);
    to = pfs_buf_reserve(out, (size_t)bound);
    if (to == NULL)
        return pfs_buf_check(out, err);
    len = LZ4_compress_default((const char *)in.at, (char *)to, (int)in.len, bound);
    if (len <= 0 && in.len > 0)
        return pfs_fail(err, EIO, "lz4 failed");
    out->len += (size_t)len;
    return 0;
}

static int compress_snappy(struct pfs_slice in, struct pfs_buf *out, struct pfs_err *err)
{
    size_t len = snappy_max_compressed_length(in.len);
    uint8_t *to = pfs_buf_reserve(out, len);

    if (to == NULL)
        return pfs_buf_check(out, err);
    if (snappy_compress((const char *)in.at, in.len, (char *)to, &len) != SNAPPY_OK)
        return pfs_fail(err, EIO, "snappy failed");
    out->len += len;
    return 0;
}

/* window_bits: 15 + 16 = gzip, -15 = raw deflate. */
static int compress_zlib(int window_bits, struct pfs_slice in, struct pfs_buf *out, struct pfs_err *err)
{
    z_stream z = {0};
    uint8_t *to;
    uLong bound;
    int rc;

    if (in.len > UINT32_MAX / 2)
        return pfs_fail(err, EFBIG, "%zu bytes are too many for one block", in.len);
    if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return no_memory(err);
    bound = deflateBound(&z, (uLong)in.len) + 32;
    to = pfs_buf_reserve(out, bound);
    if (to == NULL) {
        deflateEnd(&z);
        return pfs_buf_check(out, err);
    }
    z.next_in = (Bytef *)(uintptr_t)in.at;
    z.avail_in = (uInt)in.len;
    z.next_out = to;
    z.avail_out = (uInt)bound;
    rc = deflate(&z, Z_FINISH);
    assert(z.total_out <= bound);
    out->len += z.total_out;
    deflateEnd(&z);
    return rc == Z_STREAM_END ? 0 : pfs_fail(err, EIO, "deflate failed");
}

int pfs_compress(enum pfs_codec codec, int level, struct pfs_slice in, struct pfs_buf *out, struct pfs_err *err)
{
    assert(in.at != NULL || in.len == 0);
    switch (codec) {
    case PFS_CODEC_NONE:
        pfs_buf_put(out, in.at, in.len);
        return pfs_buf_check(out, err);
    case PFS_CODEC_ZSTD:
        return compress_zstd(level, in, out, err);
    case PFS_CODEC_LZ4:
        return compress_lz4(in, out, err);
    case PFS_CODEC_SNAPPY:
        return compress_snappy(in, out, err);
    case PFS_CODEC_GZIP:
        return compress_zlib(15 + 16, in, out, err);
    case PFS_CODEC_DEFLATE:
        return compress_zlib(-15, in, out, err);
    }
    return -EINVAL;
}

/* ---- decompressing ---- */

static int wrong_length(const char *codec, size_t have, size_t want, struct pfs_err *err)
{
    return pfs_fail(err, EIO, "%s: %zu bytes instead of %zu", codec, have, want);
}

static int decompress_zstd(struct pfs_slice in, void *to, size_t room, size_t *got, struct pfs_err *err)
{
    ZSTD_DCtx *context = decompressor();

    if (context == NULL)
        return no_memory(err);
    *got = ZSTD_decompressDCtx(context, to, room, in.at, in.len);
    return ZSTD_isError(*got) ? pfs_fail(err, EIO, "zstd: %s", ZSTD_getErrorName(*got)) : 0;
}

static int decompress_lz4(struct pfs_slice in, void *to, size_t room, size_t *got, struct pfs_err *err)
{
    int len;

    if (in.len > INT32_MAX || room > INT32_MAX)
        return pfs_fail(err, EIO, "lz4: a block of %zu bytes", in.len);
    len = LZ4_decompress_safe((const char *)in.at, to, (int)in.len, (int)room);
    if (len < 0)
        return pfs_fail(err, EIO, "lz4: damaged block");
    *got = (size_t)len;
    return 0;
}

static int decompress_snappy(struct pfs_slice in, void *to, size_t room, size_t *got, struct pfs_err *err)
{
    if (snappy_uncompressed_length((const char *)in.at, in.len, got) != SNAPPY_OK)
        return pfs_fail(err, EIO, "snappy: damaged block");
    /* The library writes as much as the block says, wherever the room ends. */
    if (*got > room)
        return wrong_length("snappy", *got, room, err);
    if (snappy_uncompress((const char *)in.at, in.len, to, got) != SNAPPY_OK)
        return pfs_fail(err, EIO, "snappy: damaged block");
    return 0;
}

static int decompress_zlib(int window_bits, struct pfs_slice in, void *to, size_t room, size_t *got,
                           struct pfs_err *err)
{
    z_stream z = {0};
    int rc;

    if (in.len > UINT32_MAX || room > UINT32_MAX)
        return pfs_fail(err, EIO, "deflate: a block of %zu bytes", in.len);
    if (inflateInit2(&z, window_bits) != Z_OK)
        return no_memory(err);
    z.next_in = (Bytef *)(uintptr_t)in.at;
    z.avail_in = (uInt)in.len;
    z.next_out = to;
    z.avail_out = (uInt)room;
    rc = inflate(&z, Z_FINISH);
    /* gzip allows several members, one behind the other; some writers of Parquet make them. */
    while (rc == Z_STREAM_END && z.avail_in > 0 && z.avail_out > 0 && inflateReset(&z) == Z_OK)
        rc = inflate(&z, Z_FINISH);
    assert(z.avail_out <= room);
    *got = room - z.avail_out;
    inflateEnd(&z);
    return rc == Z_STREAM_END ? 0 : pfs_fail(err, EIO, "deflate: damaged block");
}

/* gzip also takes a zlib header, by which some writers mean the same codec. */
int pfs_decompress_upto(enum pfs_codec codec, struct pfs_slice in, void *to, size_t room, size_t *len,
                        struct pfs_err *err)
{
    assert(to != NULL || room == 0);
    assert(len != NULL);
    switch (codec) {
    case PFS_CODEC_NONE:
        if (in.len > room)
            return wrong_length("none", in.len, room, err);
        if (in.len > 0)
            memcpy(to, in.at, in.len);
        *len = in.len;
        return 0;
    case PFS_CODEC_ZSTD:
        return decompress_zstd(in, to, room, len, err);
    case PFS_CODEC_LZ4:
        return decompress_lz4(in, to, room, len, err);
    case PFS_CODEC_SNAPPY:
        return decompress_snappy(in, to, room, len, err);
    case PFS_CODEC_GZIP:
        return decompress_zlib(15 + 32, in, to, room, len, err);
    case PFS_CODEC_DEFLATE:
        return decompress_zlib(-15, in, to, room, len, err);
    }
    return -EINVAL;
}

int pfs_decompress(enum pfs_codec codec, struct pfs_slice in, void *to, size_t len, struct pfs_err *err)
{
    size_t got;

    PFS_TRY(pfs_decompress_upto(codec, in, to, len, &got, err));
    assert(got <= len);
    return got == len ? 0 : wrong_length(names[codec], got, len, err);
}

/* One framed block into `room` bytes at `to`: its decoded length, -1 when it is none. */
static int64_t take_hadoop_block(struct pfs_cursor *c, uint8_t *to, size_t room)
{
    size_t want = pfs_take_be32(c), done = 0;

    if (want > room)
        return -1;
    while (done < want) {
        struct pfs_slice piece;
        int got;

        if (!pfs_take(c, pfs_take_be32(c), &piece) || piece.len > INT32_MAX || want - done > INT32_MAX)
            return -1;
        got = LZ4_decompress_safe((const char *)piece.at, (char *)to + done, (int)piece.len, (int)(want - done));
        if (got <= 0)
            return -1;
        done += (size_t)got;
    }
    assert(done == want);
    return c->bad ? -1 : (int64_t)done;
}

/* Whether the frames are there is found out by reading them: nothing else tells the two apart. */
int pfs_decompress_hadoop_lz4(struct pfs_slice in, void *to, size_t len, struct pfs_err *err)
{
    struct pfs_cursor c = pfs_cursor_of(in);
    size_t done = 0;

    while (pfs_left(&c) > 0) {
        int64_t got = take_hadoop_block(&c, (uint8_t *)to + done, len - done);

        if (got < 0)
            return pfs_decompress(PFS_CODEC_LZ4, in, to, len, err);
        done += (size_t)got;
    }
    return done == len ? 0 : wrong_length("lz4", done, len, err);
}

/* ---- decompressing without a known length ---- */

#define PIECE ((size_t)64 << 10) /* of output asked for at a time: a bomb is noticed that much behind the ceiling */

/* One frame, piece by piece. The length that its header may tell is not trusted with memory. */
static int grow_zstd(struct pfs_slice in, struct pfs_buf *out, struct pfs_err *err)
{
    ZSTD_DCtx *context = decompressor();
    ZSTD_inBuffer source = {in.at, in.len, 0};
    size_t rest = 1;

    if (context == NULL)
        return no_memory(err);
    ZSTD_DCtx_reset(context, ZSTD_reset_session_only);
    while (rest != 0) {
        uint8_t *to = pfs_buf_reserve(out, PIECE);
        ZSTD_outBuffer target = {to, PIECE, 0};

        if (to == NULL)
            return pfs_buf_check(out, err);
        rest = ZSTD_decompressStream(context, &target, &source);
        if (ZSTD_isError(rest))
            return pfs_fail(err, EIO, "zstd: %s", ZSTD_getErrorName(rest));
        assert(target.pos <= PIECE);
        out->len += target.pos;
        if (rest != 0 && source.pos == source.size && target.pos < PIECE)
            return pfs_fail(err, EIO, "zstd: the block ends early");
    }
    return source.pos == source.size ? 0 : pfs_fail(err, EIO, "zstd: bytes after the end");
}

static int grow_zlib(int window_bits, struct pfs_slice in, struct pfs_buf *out, struct pfs_err *err)
{
    z_stream z = {0};
    int rc = Z_OK;

    if (in.len > UINT32_MAX)
        return pfs_fail(err, EIO, "deflate: a block of %zu bytes", in.len);
    if (inflateInit2(&z, window_bits) != Z_OK)
        return no_memory(err);
    z.next_in = (Bytef *)(uintptr_t)in.at;
    z.avail_in = (uInt)in.len;
    while (rc == Z_OK) {
        uint8_t *to = pfs_buf_reserve(out, PIECE);

        if (to == NULL)
            break;
        z.next_out = to;
        z.avail_out = (uInt)PIECE;
        rc = inflate(&z, Z_NO_FLUSH);
        out->len += PIECE - z.avail_out;
    }
    inflateEnd(&z);
    PFS_TRY(pfs_buf_check(out, err));
    return rc == Z_STREAM_END ? 0 : pfs_fail(err, EIO, "deflate: damaged block");
}

/* Snappy says its length in front and decodes in one go: the buffer's ceiling is asked before. */
static int grow_snappy(struct pfs_slice in, struct pfs_buf *out, struct pfs_err *err)
{
    uint8_t *to;
    size_t len;

    if (snappy_uncompressed_length((const char *)in.at, in.len, &len) != SNAPPY_OK)
        return pfs_fail(err, EIO, "snappy: damaged block");
    to = pfs_buf_reserve(out, len);
    if (to == NULL)
        return pfs_buf_check(out, err);
    if (snappy_uncompress((const char *)in.at, in.len, (char *)to, &len) != SNAPPY_OK)
        return pfs_fail(err, EIO, "snappy: damaged block");
    out->len += len;
    return 0;
}

int pfs_decompress_grow(enum pfs_codec codec, struct pfs_slice in, struct pfs_buf *out, struct pfs_err *err)
{
    switch (codec) {
    case PFS_CODEC_NONE:
        pfs_buf_put(out, in.at, in.len);
        return pfs_buf_check(out, err);
    case PFS_CODEC_ZSTD:
        return grow_zstd(in, out, err);
    case PFS_CODEC_SNAPPY:
        return grow_snappy(in, out, err);
    case PFS_CODEC_GZIP:
        return grow_zlib(15 + 32, in, out, err);
    case PFS_CODEC_DEFLATE:
        return grow_zlib(-15, in, out, err);
    case PFS_CODEC_LZ4:
        break;
    }
    return pfs_fail(err, EOPNOTSUPP, "%s needs the length of what was compressed", names[codec]);
}
