/* status.c - what is mounted, from the kernel's table of mounts. */
#include <errno.h>
#include <limits.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tools/commands.h"

/* A mount point whose daemon is gone cannot be looked at: there the directory that it is in is resolved alone. */
const char *as_mounted(const char *path, char *room)
{
    char parent[PATH_MAX];
    size_t len = strlen(path), base, up;

    if (realpath(path, room) != NULL)
        return room;
    while (len > 1 && path[len - 1] == '/')
        len--;
    for (base = len; base > 0 && path[base - 1] != '/'; base--)
        ;
    if (errno != ENOTCONN || len >= sizeof(parent) || base == len)
        return path;
    memcpy(parent, path, base);
    parent[base] = '\0';
    if (realpath(base == 0 ? "." : parent, room) == NULL)
        return path;
    up = strlen(room);
    if (up + 1 + (len - base) >= PATH_MAX)
        return path;
    (void)snprintf(room + up, PATH_MAX - up, "%s%.*s", up > 1 ? "/" : "", (int)(len - base), path + base);
    return room;
}

bool mounts_there(const char *path)
{
    FILE *mounts = setmntent("/proc/self/mounts", "r");
    char room[PATH_MAX];
    const char *at = as_mounted(path, room);
    struct mntent *m;
    bool found = mounts == NULL; /* who cannot look tries */

    while (mounts != NULL && (m = getmntent(mounts)) != NULL)
        found = found || (strcmp(m->mnt_type, "fuse.paimonfs") == 0 && strcmp(m->mnt_dir, at) == 0);
    if (mounts != NULL)
        endmntent(mounts);
    return found;
}

static bool is_dead(const char *mountpoint)
{
    struct stat st;

    return stat(mountpoint, &st) < 0 && errno == ENOTCONN;
}

/* The warehouse is the mount's source, which the kernel keeps for us. */
static void put_mount(struct pfs_buf *out, const struct mntent *m, bool json, bool first)
{
    if (!json) {
        pfs_buf_printf(out, "%s on %s (%s%s)\n", m->mnt_fsname, m->mnt_dir, hasmntopt(m, "ro") != NULL ? "ro" : "rw",
                       is_dead(m->mnt_dir) ? ", its daemon is gone" : "");
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
    char room[PATH_MAX];
    struct pfs_buf out = {0};
    struct pfs_err err = {0};
    struct mntent *m;
    bool json = false;
    int found = 0;
    FILE *mounts;

    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            json = true;
        else
            only = as_mounted(argv[i], room);
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
    if (only == NULL || found > 0)
        return 0;
    (void)pfs_fail(&err, ENOENT, "no warehouse is mounted there");
    return command_failed(only, -ENOENT, &err);
}
