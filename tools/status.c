/* status.c - what is mounted, from the kernel's table of mounts. */
#include <errno.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>

#include "tools/commands.h"

/* The warehouse is the mount's source, which the kernel keeps for us. */
static void put_mount(struct pfs_buf *out, const struct mntent *m, bool json, bool first)
{
    if (!json) {
        pfs_buf_printf(out, "%s on %s (%s)\n", m->mnt_fsname, m->mnt_dir, hasmntopt(m, "ro") != NULL ? "ro" : "rw");
        return;
    }
    pfs_buf_puts(out, first ? "{" : ",{");
    put_member(out, "warehouse", m->mnt_fsname);
    pfs_buf_putc(out, ',');
    put_member(out, "mountpoint", m->mnt_dir);
    pfs_buf_printf(out, ",\"read_only\":%s}", hasmntopt(m, "ro") != NULL ? "true" : "false");
}

/* From the kernel's table: a mount whose daemon is gone is in it, too. */
int command_status(int argc, char **argv)
{
    const char *only = NULL;
    struct pfs_buf out = {0};
    struct mntent *m;
    bool json = false;
    int found = 0;
    FILE *mounts;

    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            json = true;
        else
            only = argv[i];
    }
    mounts = setmntent("/proc/self/mounts", "r");
    if (mounts == NULL)
        return command_failed("/proc/self/mounts", -errno, NULL);
    if (json)
        pfs_buf_putc(&out, '[');
    while ((m = getmntent(mounts)) != NULL)
        if (strcmp(m->mnt_type, "fuse.paimonfs") == 0 && (only == NULL || strcmp(only, m->mnt_dir) == 0))
            put_mount(&out, m, json, found++ == 0);
    endmntent(mounts);
    if (json)
        pfs_buf_puts(&out, "]\n");
    (void)fwrite(out.at, 1, out.len, stdout);
    pfs_buf_done(&out);
    return only != NULL && found == 0 ? command_failed(only, -ENOENT, NULL) : 0;
}
