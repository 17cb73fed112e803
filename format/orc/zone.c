#include "format/orc/zone.h"

#define BASE_LITERAL 1420070400 /* 2015-01-01 00:00:00 as if in UTC */

static bool is_utc(struct pfs_slice name)
{
    static const char *const names[] = {
        "",          "UTC",       "GMT",      "Z",       "UCT",      "Zulu",          "Universal",
        "Greenwich", "Etc/UTC",   "Etc/GMT",  "Etc/UCT", "Etc/Zulu", "Etc/Universal", "Etc/Greenwich",
        "Etc/GMT+0", "Etc/GMT-0", "Etc/GMT0", "GMT0"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (pfs_slice_eq(name, pfs_str(names[i])))
            return true;
    return false;
}

int32_t pfs_orc_zone_offset(const struct pfs_orc_zone *zone, int64_t seconds)
{
    int32_t low = 0, high = zone->changes;

    while (low < high) {
        int32_t middle = low + (high - low) / 2;

        if (zone->at[middle] <= seconds)
            low = middle + 1;
        else
            high = middle;
    }
    return low == 0 ? zone->offset : zone->to[low - 1];
}

int pfs_orc_zone_load(struct pfs_slice name, struct pfs_arena *arena, struct pfs_orc_zone *out, struct pfs_err *err)
{
    (void)arena;
    if (!is_utc(name))
        return pfs_fail(err, EOPNOTSUPP, "times in the zone %.*s cannot be read", PFS_P(name));
    *out = (struct pfs_orc_zone){.base = BASE_LITERAL};
    return 0;
}
