/* doctor.c - what a mount needs of the host: found or missing, and what to do. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <mntent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/commands.h"

struct report {
    bool json;
    int lines, missing;
};

/* One line, or one object of the list. */
static void tell(struct report *r, const char *state, const char *what, const char *why)
{
    struct pfs_buf out = {0};

    if (r->json) {
        pfs_buf_puts(&out, r->lines > 0 ? ",\n{" : "{");
        put_member(&out, "what", what);
        pfs_buf_putc(&out, ',');
        put_member(&out, "state", state);
        pfs_buf_putc(&out, ',');
        put_member(&out, "why", why);
        pfs_buf_putc(&out, '}');
    } else {
        pfs_buf_printf(&out, "%-8s %s%s%s\n", state, what, why[0] != '\0' ? ": " : "", why);
    }
    (void)fwrite(out.at, 1, out.len, stdout);
    pfs_buf_done(&out);
    r->lines++;
}

static void found(struct report *r, const char *what)
{
    tell(r, "ok", what, "");
}

/* Counted: the exit code says whether a mount would fail. */
static void missing(struct report *r, const char *what, const char *why)
{
    tell(r, "missing", what, why);
    r->missing++;
}

/* Opened, not only looked at: a container's rules about devices show in open(2) alone. */
static void check_device(struct report *r)
{
    int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

    if (fd >= 0) {
        (void)close(fd);
        found(r, "/dev/fuse");
    } else if (errno == ENOENT) {
        missing(r, "/dev/fuse",
                "there is none; load it by `modprobe fuse`, in a container give it by `--device /dev/fuse "
                "--cap-add SYS_ADMIN` (with AppArmor also `--security-opt apparmor:unconfined`); paimonfs "
                "ls, cat, append and sql work without");
    } else if (errno == EACCES) {
        missing(r, "/dev/fuse", "this user may not open it; `chmod 666 /dev/fuse` is what distributions set");
    } else {
        missing(r, "/dev/fuse",
                errno == EPERM ? "the container does not allow the device; run it with `--device "
                                 "/dev/fuse --cap-add SYS_ADMIN`"
                               : strerror(errno));
    }
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

/* Only root does without its set-user-ID bit. */
static void check_fusermount(struct report *r)
{
    struct stat st;

    if (!find_program("fusermount3", &st))
        missing(r, "fusermount3", "install the package fuse3");
    else if (geteuid() != 0 && ((st.st_mode & S_ISUID) == 0 || st.st_uid != 0))
        missing(r, "fusermount3",
                "it lacks its set-user-ID bit, without which only root mounts: `chmod u+s` it as root");
    else
        found(r, "fusermount3");
}

/* Root of a container is often without the capability that mounting takes. */
static void check_capability(struct report *r)
{
    uint64_t effective = UINT64_MAX;
    char line[256];
    FILE *in = geteuid() == 0 ? fopen("/proc/self/status", "re") : NULL;

    if (in == NULL)
        return; /* fusermount3 mounts for users */
    while (fgets(line, sizeof(line), in) != NULL)
        if (strncmp(line, "CapEff:", 7) == 0)
            effective = strtoull(line + 7, NULL, 16);
    (void)fclose(in);
    if ((effective >> CAP_SYS_ADMIN & 1) != 0)
        found(r, "CAP_SYS_ADMIN");
    else
        missing(r, "CAP_SYS_ADMIN",
                "mounting takes this capability; run the container with `--device /dev/fuse --cap-add SYS_ADMIN`");
}

/* A note, not a failure: most mounts do without. */
static void check_allow_other(struct report *r)
{
    char line[256];
    bool on = false;
    FILE *in = fopen("/etc/fuse.conf", "re");

    while (in != NULL && fgets(line, sizeof(line), in) != NULL)
        on = on || strncmp(line, "user_allow_other", 16) == 0;
    if (in != NULL)
        (void)fclose(in);
    if (on || geteuid() == 0)
        found(r, "allow_other");
    else
        tell(r, "note", "allow_other", "only root may use it until /etc/fuse.conf has the line user_allow_other");
}

/* A mount whose daemon is gone answers nothing but ENOTCONN. How many there are. */
static int check_mounts(struct report *r, const char *only)
{
    FILE *mounts = setmntent("/proc/self/mounts", "r");
    struct mntent *m;
    int seen = 0;

    while (mounts != NULL && (m = getmntent(mounts)) != NULL) {
        char what[PATH_MAX + 16];
        struct stat st;

        if (strcmp(m->mnt_type, "fuse.paimonfs") != 0 || (only != NULL && strcmp(only, m->mnt_dir) != 0))
            continue;
        seen++;
        (void)snprintf(what, sizeof(what), "the mount %s", m->mnt_dir);
        if (stat(m->mnt_dir, &st) == 0)
            found(r, what);
        else if (errno == ENOTCONN)
            missing(r, what,
                    "its daemon is gone; mount it again, or `paimonfs umount` it: nothing that was acknowledged is "
                    "lost");
        else
            missing(r, what, strerror(errno));
    }
    if (mounts != NULL)
        (void)endmntent(mounts);
    return seen;
}

/* Nothing is changed: what to do is said, not done. */
int command_doctor(int argc, char **argv)
{
    struct report r = {0};
    const char *only = NULL;
    char room[PATH_MAX];

    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            r.json = true;
        else if (argv[i][0] == '-' || only != NULL)
            return usage_error("doctor takes --json and a mount point at most");
        else
            only = as_mounted(argv[i], room);
    }
    if (r.json)
        (void)putchar('[');
    check_device(&r);
    check_fusermount(&r);
    check_capability(&r);
    check_allow_other(&r);
    if (check_mounts(&r, only) == 0 && only != NULL)
        missing(&r, only, "no warehouse is mounted there");
    if (r.json)
        puts("]");
    return r.missing > 0;
}
