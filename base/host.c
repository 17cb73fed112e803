/* host.c - who this process is. The start of the machine tells two processes of one number apart, one of which is gone.
 */
#include "base/host.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

void pfs_host_describe(struct pfs_host *out)
{
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

    memset(out, 0, sizeof(*out));
    if (gethostname(out->name, sizeof(out->name) - 1) < 0)
        out->name[0] = '\0';
    if (fd >= 0) {
        if (read(fd, out->boot, sizeof(out->boot) - 1) < 0)
            out->boot[0] = '\0';
        close(fd);
    }
    out->process = getpid();
}
