/* zone.c - offsets of time zones, out of the system's files.
 *
 *     TZif | header, times of 32 bits: passed over | header | times | types | offsets | ... | rule for later times
 *
 * A name comes from a data file: it may name a file below the directory of zones and nothing else. The rule behind the
 * last change is not read; what a writer's wall showed after 2037 is then off by an hour in half of the year, in files
 * that nobody has yet.
 */
#include "format/orc/zone.h"

#include <assert.h>

#include "base/mem.h"
#include "base/store.h"

#define BASE_LITERAL 1420070400 /* 2015-01-01 00:00:00 as if in UTC */
#define ZONES "/usr/share/zoneinfo"
#define ZONE_BYTES_MAX ((size_t)256 << 10)
#define ZONE_NAME_MAX 64
#define HEADER_BYTES 44
#define OFFSET_MAX (26 * 3600)

int32_t pfs_orc_zone_offset(const struct pfs_orc_zone *zone, int64_t seconds)
{
    int32_t low = 0, high = zone->changes;

    assert(zone->changes == 0 || (zone->at != NULL && zone->to != NULL));
    while (low < high) {
        int32_t middle = low + (high - low) / 2;

        if (zone->at[middle] <= seconds)
            low = middle + 1;
        else
            high = middle;
    }
    assert(low == zone->changes || zone->at[low] > seconds);
    return low == 0 ? zone->offset : zone->to[low - 1];
}

/* ---- names that say it all ---- */

static bool is_utc(struct pfs_slice name)
{
    static const char *const names[] = {"", "UTC", "GMT", "Z", "Etc/UTC", "Etc/GMT"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (pfs_slice_eq(name, pfs_str(names[i])))
            return true;
    return false;
}

/* One or two digits; -1 when there are none. */
static int take_digits(struct pfs_cursor *c)
{
    int value = -1;

    for (int i = 0; i < 2 && pfs_left(c) > 0 && c->in.at[c->pos] >= '0' && c->in.at[c->pos] <= '9'; i++)
        value = (value < 0 ? 0 : value * 10) + (pfs_take_u8(c) - '0');
    return value;
}

/* "GMT+h", "GMT-hh:mm"; false for other names. */
static bool parse_fixed(struct pfs_slice name, int32_t *offset)
{
    struct pfs_cursor c = pfs_cursor_of(name);
    struct pfs_slice head;
    int hours, minutes = 0;
    uint8_t sign;

    if (!pfs_take(&c, 3, &head) || !pfs_slice_eq(head, pfs_str("GMT")))
        return false;
    sign = pfs_take_u8(&c);
    hours = take_digits(&c);
    if (pfs_left(&c) > 0) {
        if (pfs_take_u8(&c) != ':')
            return false;
        minutes = take_digits(&c);
    }
    if ((sign != '+' && sign != '-') || hours < 0 || hours > 23 || minutes < 0 || minutes > 59 || pfs_left(&c) > 0)
        return false;
    *offset = (sign == '-' ? -60 : 60) * (hours * 60 + minutes);
    return true;
}

/* ---- zone files ---- */

struct counts { /* of a block of a zone file */
    uint32_t utc_flags, wall_flags, leaps, changes, types, text;
};

/* Counts of what follows. Files before version 2 have no times of 64 bits. */
static bool take_header(struct pfs_cursor *c, struct counts *out)
{
    struct pfs_slice head;

    if (!pfs_take(c, 20, &head) || memcmp(head.at, "TZif", 4) != 0 || head.at[4] < '2')
        return false;
    out->utc_flags = pfs_take_be32(c);
    out->wall_flags = pfs_take_be32(c);
    out->leaps = pfs_take_be32(c);
    out->changes = pfs_take_be32(c);
    out->types = pfs_take_be32(c);
    out->text = pfs_take_be32(c);
    return !c->bad && out->types > 0;
}

/* Of all that follows the header; counts are of 32 bits each, so that no sum wraps. */
static uint64_t block_bytes(const struct counts *n, uint64_t time_bytes)
{
    return n->changes * (time_bytes + 1) + n->types * 6ull + n->text + n->leaps * (time_bytes + 4) + n->wall_flags +
           n->utc_flags;
}

static int take_changes(struct pfs_cursor *c, const struct counts *n, struct pfs_arena *arena, struct pfs_orc_zone *out,
                        struct pfs_err *err)
{
    struct pfs_slice times, places, types;
    int64_t *at;
    int32_t *to;

    if (!pfs_take(c, n->changes * (size_t)8, &times) || !pfs_take(c, n->changes, &places) ||
        !pfs_take(c, n->types * (size_t)6, &types))
        return pfs_fail(err, EIO, "a zone file ends early");
    at = pfs_arena_array(arena, n->changes, sizeof(*at));
    to = pfs_arena_array(arena, n->changes, sizeof(*to));
    if (at == NULL || to == NULL)
        return pfs_arena_full(arena, err);
    for (uint32_t i = 0; i < n->changes; i++) {
        at[i] = (int64_t)pfs_be64(times.at + 8 * i);
        if (places.at[i] >= n->types)
            return pfs_fail(err, EIO, "a zone file has no type %u", places.at[i]);
        to[i] = (int32_t)pfs_be32(types.at + 6 * places.at[i]);
        if (to[i] < -OFFSET_MAX || to[i] > OFFSET_MAX || (i > 0 && at[i] <= at[i - 1]))
            return pfs_fail(err, EIO, "a zone file is out of order");
    }
    out->changes = (int32_t)n->changes;
    out->at = at;
    out->to = to;
    out->offset = (int32_t)pfs_be32(types.at);
    return out->offset < -OFFSET_MAX || out->offset > OFFSET_MAX ? pfs_fail(err, EIO, "a zone file is out of range")
                                                                 : 0;
}

/* Two blocks: one with times of 32 bits, which is skipped, and the same with 64. */
static int parse_file(struct pfs_slice bytes, struct pfs_arena *arena, struct pfs_orc_zone *out, struct pfs_err *err)
{
    struct pfs_cursor c = pfs_cursor_of(bytes);
    struct counts n;

    if (!take_header(&c, &n) || block_bytes(&n, 4) > pfs_left(&c) || !pfs_skip(&c, (size_t)block_bytes(&n, 4)) ||
        !take_header(&c, &n))
        return pfs_fail(err, EIO, "it is no zone file");
    return take_changes(&c, &n, arena, out, err);
}

/* A name of a file below the directory; the store refuses links, which aliases are on some systems. */
static bool is_plain(struct pfs_slice name)
{
    bool plain = name.len > 0 && name.len < ZONE_NAME_MAX && name.at[0] != '/';

    for (size_t i = 0; i < name.len && plain; i++) {
        uint8_t b = name.at[i];

        plain = (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || (b >= '0' && b <= '9') || b == '/' || b == '_' ||
                b == '-' || b == '+';
    }
    return plain;
}

static int load_file(struct pfs_slice name, struct pfs_arena *arena, struct pfs_orc_zone *out, struct pfs_err *err)
{
    struct pfs_store *store = NULL;
    struct pfs_slice bytes = {NULL, 0};
    char path[ZONE_NAME_MAX]; /* is_plain: the name fits, with its end */
    int rc = pfs_store_open_posix(ZONES, &store, NULL);

    assert(name.len < sizeof(path));
    if (rc == 0) {
        memcpy(path, name.at, name.len);
        path[name.len] = '\0';
        rc = pfs_store_load(store, path, ZONE_BYTES_MAX, &bytes, NULL);
    }
    if (rc == 0)
        rc = parse_file(bytes, arena, out, err);
    else
        rc = pfs_fail(err, EOPNOTSUPP, "the system has no rules of it in " ZONES);
    pfs_free((void *)(uintptr_t)bytes.at);
    pfs_store_close(store);
    return rc;
}

int pfs_orc_zone_load(struct pfs_slice name, struct pfs_arena *arena, struct pfs_orc_zone *out, struct pfs_err *err)
{
    struct pfs_orc_zone zone = {0};

    if (!is_utc(name) && !parse_fixed(name, &zone.offset)) {
        if (!is_plain(name))
            return pfs_fail(err, EOPNOTSUPP, "the writer's time zone has a name of %zu bytes that no zone has",
                            name.len);
        if (load_file(name, arena, &zone, err) < 0)
            return pfs_wrap(err, "the writer's time zone %.*s", PFS_P(name));
    }
    zone.base = BASE_LITERAL - pfs_orc_zone_offset(&zone, BASE_LITERAL - pfs_orc_zone_offset(&zone, BASE_LITERAL));
    *out = zone;
    return 0;
}
