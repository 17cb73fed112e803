/* host.h - which machine, since which start, which process: to name the holder of a lock to a person.
 *
 * Never fails: what cannot be found out is "". Threads: any.
 */
#pragma once

#include <stdint.h>

struct pfs_host {
    char name[65]; /* host name */
    char boot[37]; /* changes with every start of the machine */
    int64_t process;
};

void pfs_host_describe(struct pfs_host *out);
