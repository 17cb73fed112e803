/* uuid.c - version 4 of RFC 9562: 122 random bits; the others say which kind it is. */
#include "base/uuid.h"

#include <stdint.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

void pfs_uuid_make(char out[static PFS_UUID_TEXT])
{
    uint8_t b[16];

    if (getrandom(b, sizeof(b), 0) != (ssize_t)sizeof(b)) {
        /* Never seen on Linux after boot; names must still differ, so mix what differs. */
        struct timespec ts;

        clock_gettime(CLOCK_REALTIME, &ts);
        for (unsigned i = 0; i < sizeof(b); i++)
            b[i] = (uint8_t)((uint64_t)ts.tv_nsec >> (i % 4 * 8) ^ (uint64_t)ts.tv_sec >> (i % 5 * 8) ^
                             (uint64_t)getpid() * (i + 1));
    }
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    (void)snprintf(out, PFS_UUID_TEXT, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
                   b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}
