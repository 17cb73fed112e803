/* doctor.c - what a mount needs of the host: found or missing, and what to do. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/commands.h"

static void found(const char *what)
{
    printf("ok       %s\n", what);
}

static void note(const char *what, const char *why)
{
    printf("note     %s: %s\n", what, why);
}

/* Counts. */
static int missing(const char *what, const char *why)
{
    printf("missing  %s: %s\n", what, why);
    return 1;
}

static int check_device(void)
{
    int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

    if (fd >= 0) {
        (void)close(fd);
        found("/dev/fuse");
        return 0;
    }
    if (errno == ENOENT)
        return missing("/dev/fuse",
                       "there is none; load it by `modprobe fuse`, in a container give it by `--device /dev/fuse "
                       "--cap-add SYS_ADMIN` (with AppArmor also `--security-opt apparmor:unconfined`); paimonfs "
                       "ls, cat, append and sql work without");
    if (errno == EACCES)
        return missing("/dev/fuse", "this user may not open it; `chmod 666 /dev/fuse` is what distributions set");
    return missing("/dev/fuse", errno == EPERM ? "the container does not allow the device; run it with `--device "
                                                 "/dev/fuse --cap-add SYS_ADMIN`"
                                               : strerror(errno));
}

/* The first file of that name along PATH. */
static bool find_program(const char *name, struct stat *st)
{
    const char *path = getenv("PATH");
    char full[PATH_MAX];

    for (const char *at = path != NULL ? path : "/usr/bin:/bin"; *at != '\0';) {
        size_t len = strcspn(at, ":");

        if (snprintf(full, sizeof(full), "%.*s/%s", (int)len, at, name) < (int)sizeof(full) && stat(full, st) == 0)
            return true;
        at += len + (at[len] == ':');
    }
    return false;
}

static int check_fusermount(void)
{
    struct stat st;

    if (!find_program("fusermount3", &st))
        return missing("fusermount3", "install the package fuse3");
    if (geteuid() != 0 && ((st.st_mode & S_ISUID) == 0 || st.st_uid != 0))
        return missing("fusermount3", "it lacks its set-user-ID bit, without which only root mounts: "
                                      "`chmod u+s` it as root");
    found("fusermount3");
    return 0;
}

static void check_allow_other(void)
{
    char line[256];
    bool on = false;
    FILE *in = fopen("/etc/fuse.conf", "re");

    while (in != NULL && fgets(line, sizeof(line), in) != NULL)
        on = on || strncmp(line, "user_allow_other", 16) == 0;
    if (in != NULL)
        (void)fclose(in);
    if (on || geteuid() == 0)
        found("allow_other");
    else
        note("allow_other", "only root may use it until /etc/fuse.conf has the line user_allow_other");
}

/* A mount whose daemon is gone answers nothing but ENOTCONN. */
static int check_mounts(const char *only, int *seen)
{
    FILE *mounts = setmntent("/proc/self/mounts", "r");
    struct mntent *m;
    int bad = 0;

    while (mounts != NULL && (m = getmntent(mounts)) != NULL) {
        char what[PATH_MAX + 16];
        struct stat st;

        if (strcmp(m->mnt_type, "fuse.paimonfs") != 0 || (only != NULL && strcmp(only, m->mnt_dir) != 0))
            continue;
        ++*seen;
        (void)snprintf(what, sizeof(what), "the mount %s", m->mnt_dir);
        if (stat(m->mnt_dir, &st) == 0)
            found(what);
        else if (errno == ENOTCONN)
            bad += missing(what, "its daemon is gone; mount it again, or `paimonfs umount` it: nothing that was "
                                 "acknowledged is lost");
        else
            bad += missing(what, strerror(errno));
    }
    if (mounts != NULL)
        (void)endmntent(mounts);
    return bad;
}

int command_doctor(int argc, char **argv)
{
    int bad = 0, seen = 0;

    if (argc > 1 || (argc == 1 && argv[0][0] == '-'))
        return usage_error("doctor takes a mount point at most");
    bad += check_device();
    bad += check_fusermount();
    check_allow_other();
    bad += check_mounts(argc == 1 ? argv[0] : NULL, &seen);
    if (argc == 1 && seen == 0)
        bad += missing(argv[0], "no warehouse is mounted there");
    return bad > 0;
}
