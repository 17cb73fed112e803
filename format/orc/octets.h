/* octets.h - streams of bytes in run lengths, and the streams of bits that are made of them. Private to the suite.
 *
 *   byte >= 0: the next byte, that + 3 times; byte < 0: -byte bytes as they are.
 *
 * Bits come first bit first in a byte of the file and leave as validity bits (bits.h). Threads: one decoder, one
 * thread.
 */
#pragma once

#include "format/orc/stream.h"

struct pfs_orc_octets {
    struct pfs_orc_stream stream;
    int32_t left; /* of the run */
    bool repeat;  /* all of it is `value`; else the bytes lie in the stream */
    uint8_t value;
};

struct pfs_orc_bools {
    struct pfs_orc_octets octets;
    uint8_t carry; /* bits that were decoded and not handed out, from bit 0 on; above them 0 */
    int carried;   /* how many: 0..7 */
};

void pfs_orc_octets_open(struct pfs_orc_octets *octets, const struct pfs_orc_source *source,
                         const struct pfs_orc_extent *extent);
void pfs_orc_octets_done(struct pfs_orc_octets *octets);
int pfs_orc_octets_next(struct pfs_orc_octets *octets, uint8_t *out, int64_t n, struct pfs_err *err);
int pfs_orc_octets_seek(struct pfs_orc_octets *octets, const struct pfs_orc_group *group, size_t *at,
                        struct pfs_err *err);

void pfs_orc_bools_open(struct pfs_orc_bools *bools, const struct pfs_orc_source *source,
                        const struct pfs_orc_extent *extent);
void pfs_orc_bools_done(struct pfs_orc_bools *bools);
/* Writes (n + 7) / 8 bytes; bits past n are 0. */
int pfs_orc_bools_next(struct pfs_orc_bools *bools, uint8_t *out, int64_t n, struct pfs_err *err);
int pfs_orc_bools_seek(struct pfs_orc_bools *bools, const struct pfs_orc_group *group, size_t *at, struct pfs_err *err);
