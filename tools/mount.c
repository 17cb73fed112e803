/* mount.c - mount and umount: going to the background once the mount answers, the log.
 *
 * The child mounts and tells its parent through a pipe, which then ends: a script that goes on finds the mount there. A
 * child that fails has said why, and its end of the pipe closes without a byte. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <malloc.h>
#include <mntent.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "fs/mount/mount.h"
#include "tools/commands.h"
#include "tools/mounting.h"

#define CACHE_MIN ((uint64_t)64 << 20)
#define TRIM_BYTES (1 << 20)
#define APART_BYTES (5 << 18) /* above a block of an arena */
#define CACHE_MAX ((uint64_t)8 << 30)

/* ---- where things are ---- */

/* Is it the directory, or below it? Both are resolved paths. */
static bool inside(const char *path, const char *dir)
{
    size_t len = strlen(dir);

    assert(path[0] == '/');
    assert(dir[0] == '/');
    return strncmp(path, dir, len) == 0 && (path[len] == '/' || path[len] == '\0' || strcmp(dir, "/") == 0);
}

/* A second one over the first would hide it and its files that are open, and be taken away alone. What was mounted
 * there last counts. */
static bool is_mounted(const struct mounting *m)
{
    FILE *mounts = setmntent("/proc/self/mounts", "r");
    struct mntent *entry;
    bool ours = false;

    while (mounts != NULL && (entry = getmntent(mounts)) != NULL)
        if (strcmp(entry->mnt_dir, m->mountpoint) == 0)
            ours = strcmp(entry->mnt_type, "fuse.paimonfs") == 0 && strcmp(entry->mnt_fsname, m->warehouse) == 0;
    if (mounts != NULL)
        (void)endmntent(mounts);
    return ours;
}

/* By its journal, which is made with the first row. Else each row would be refused when it is flushed, which the
 * shell's echo does not hear of. */
static bool is_writable(const char *warehouse)
{
    char own[PATH_MAX + sizeof("/.paimonfs")];

    (void)snprintf(own, sizeof(own), "%s/.paimonfs", warehouse);
    return access(own, W_OK | X_OK) == 0 || (errno == ENOENT && access(warehouse, W_OK | X_OK) == 0);
}

/* Paths as they are after all links: the daemon has another directory than whoever started it. */
static int resolve(struct mounting *m, const char *warehouse, const char *mountpoint)
{
    struct pfs_err err = {0};
    struct statfs fs;
    struct stat st;

    if (realpath(warehouse, m->warehouse) == NULL)
        return command_failed(warehouse, -errno, NULL);
    /* A daemon that was killed leaves a mount behind that answers nothing; realpath and stat may not notice, for the
     * kernel remembers attributes while it dies. */
    if (statfs(mountpoint, &fs) < 0 && (errno == ENOTCONN || errno == ECONNABORTED) &&
        pfs_mount_unmount(mountpoint, &err) < 0)
        return command_failed(mountpoint, -EBUSY, &err);
    if (realpath(mountpoint, m->mountpoint) == NULL)
        return command_failed(mountpoint, -errno, NULL);
    if (stat(m->mountpoint, &st) == 0 && !S_ISDIR(st.st_mode)) /* the kernel would take it, and show nothing */
        return command_failed(mountpoint, -ENOTDIR, NULL);
    if (inside(m->warehouse, m->mountpoint) || inside(m->mountpoint, m->warehouse))
        return usage_error("the warehouse and the mount point may not lie inside one another");
    if (is_mounted(m)) {
        (void)pfs_fail(&err, EBUSY, "this warehouse is mounted there already");
        return command_failed(mountpoint, -EBUSY, &err);
    }
    if (!m->session.read_only && !is_writable(m->warehouse)) {
        (void)pfs_fail(&err, EACCES, "it cannot be written to; mount it with -o ro to read alone");
        return command_failed(warehouse, -EACCES, &err);
    }
    m->session.warehouse = m->warehouse;
    m->session.external_paths = m->external;
    return 0;
}

/* Makes the directory with those above it; false: there is none, it cannot be written, or its files live in memory. */
static bool make_cache(char *path)
{
    struct statfs fs;
    struct stat st;

    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0700);
        *slash = '/';
    }
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return false;
    return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() && access(path, W_OK | X_OK) == 0 &&
           statfs(path, &fs) == 0 && fs.f_type != TMPFS_MAGIC && fs.f_type != RAMFS_MAGIC;
}

/* Views are spooled below XDG_CACHE_HOME, HOME or /var/tmp, whichever is on a disk first; in memory where none can be
 * made. A directory that was asked for is taken as it is. */
static int choose_cache(struct mounting *m)
{
    const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    bool asked = m->cache[0] != '\0';
    char path[3][PATH_MAX] = {"", "", ""};

    m->session.cache_dir = m->cache;
    if (asked) {
        if (!make_cache(m->cache) && access(m->cache, W_OK | X_OK) < 0)
            return command_failed(m->cache, -errno, NULL);
        return 0;
    }
    if (base != NULL && base[0] == '/')
        (void)snprintf(path[0], PATH_MAX, "%s/paimonfs", base);
    if (home != NULL && home[0] == '/')
        (void)snprintf(path[1], PATH_MAX, "%s/.cache/paimonfs", home);
    (void)snprintf(path[2], PATH_MAX, "/var/tmp/paimonfs-%u", (unsigned)getuid());
    for (int i = 0; i < 3; i++)
        if (path[i][0] != '\0' && make_cache(path[i])) {
            memcpy(m->cache, path[i], PATH_MAX);
            return 0;
        }
    m->session.cache_dir = NULL;
    return 0;
}

/* Without cache-size= a tenth of what is free there, within bounds: a large table is then kept whole. */
static void choose_cache_size(struct mounting *m)
{
    struct statfs fs;
    uint64_t tenth;

    if (m->session.cache_bytes != 0 || m->session.cache_dir == NULL || statfs(m->session.cache_dir, &fs) < 0)
        return;
    tenth = (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize / 10;
    m->session.cache_bytes = tenth < CACHE_MIN ? CACHE_MIN : tenth > CACHE_MAX ? CACHE_MAX : tenth;
}

/* ---- running ---- */

/* sd_notify(3) without its library: one datagram. A name that begins with @ is in the abstract namespace. */
static void tell_systemd(void)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd;

    if (path == NULL || strlen(path) >= sizeof(to.sun_path))
        return;
    memcpy(to.sun_path, path, strlen(path));
    if (to.sun_path[0] == '@')
        to.sun_path[0] = '\0';
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    (void)sendto(fd, "READY=1", 7, MSG_NOSIGNAL, (struct sockaddr *)&to,
                 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path)));
    close(fd);
}

static const char *log_path; /* for the signal's handler; set once, before it can be called */

/* What cannot be opened leaves the lines where they went. */
static void open_log(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

    if (fd < 0)
        return;
    (void)dup2(fd, STDERR_FILENO);
    (void)close(fd);
}

/* The file was renamed by who rotates it: the next lines go to a new one of that name. */
static void hung_up(int signal_number)
{
    int before = errno;

    (void)signal_number;
    if (log_path != NULL)
        open_log(log_path);
    errno = before;
}

/* Standard error belongs to whoever started us: once the mount answers, failures go to a file or to syslog. There is no
 * terminal any more that could hang up, so that the signal does not end the mount, as libfuse would have it. */
static void leave_terminal(struct mounting *m)
{
    struct sigaction hang_up = {.sa_handler = hung_up, .sa_flags = SA_RESTART};

    if (m->log[0] != '\0') {
        log_path = m->log;
        open_log(m->log);
    } else {
        m->syslog = true;
        openlog("paimonfs", LOG_PID, LOG_DAEMON);
        open_log("/dev/null");
    }
    (void)sigaction(SIGHUP, &hang_up, NULL);
}

/* On the thread that answers the kernel's first request: the mount works from here on. */
static void tell_ready(void *context)
{
    struct mounting *m = context;

    tell_systemd();
    if (!m->foreground) {
        /* Not sooner: where the mount point is an automount of systemd, all processes but those of the group that
         * mounts wait there until it is mounted. */
        (void)setsid();
        leave_terminal(m);
    }
    if (m->ready_fd >= 0) {
        (void)!write(m->ready_fd, "", 1);
        close(m->ready_fd);
        m->ready_fd = -1;
    }
}

/* Standard error is a stream of systemd's journal: it stamps lines itself, and takes their level from a prefix
 * (systemd.exec(5), JOURNAL_STREAM; sd-daemon(3)). */
static bool to_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    char here[64];
    struct stat st;

    if (stream == NULL || fstat(STDERR_FILENO, &st) < 0)
        return false;
    (void)snprintf(here, sizeof(here), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    return strcmp(stream, here) == 0;
}

/* Once a failure, to wherever the mount's lines go. */
static void log_line(void *context, const char *line)
{
    const struct mounting *m = context;
    char stamp[32];
    time_t now = time(NULL);
    struct tm utc;

    if (m->syslog) {
        syslog(LOG_ERR, "%s", line);
        return;
    }
    if (to_journal()) {
        fprintf(stderr, "<%d>%s\n", LOG_ERR, line);
        return;
    }
    if (gmtime_r(&now, &utc) == NULL || strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        stamp[0] = '\0';
    fprintf(stderr, "%s paimonfs: %s\n", stamp, line);
}

/* What a rendering gave back goes to the system, and large blocks stay apart from small ones: glibc's own bounds rise
 * with the largest block that was freed, and a mount keeps what it once used. The blocks of arenas come back at once:
 * to map and clear them anew each time takes a seventh of a large load. */
static void keep_little(void)
{
    (void)mallopt(M_TRIM_THRESHOLD, TRIM_BYTES);
    (void)mallopt(M_MMAP_THRESHOLD, APART_BYTES);
}

/* Until it is unmounted. What was acknowledged is committed before the end, and a failure of that is ours: the rest
 * waits in the journal. */
static int serve(struct mounting *m)
{
    struct pfs_mount_config config = {.mountpoint = m->mountpoint,
                                      .fsname = m->warehouse,
                                      .allow_other = m->allow_other,
                                      .read_only = m->session.read_only,
                                      .generic = m->generic,
                                      .ready = tell_ready,
                                      .log = log_line,
                                      .context = m};
    struct pfs_err err = {0};
    struct session session;
    int rc;

    assert(m->warehouse[0] == '/');
    assert(m->mountpoint[0] == '/');
    mounting_show(m, "warehouse", m->warehouse);
    mounting_show(m, "mountpoint", m->mountpoint);
    m->session.options = m->options;
    m->session.background = true;
    keep_little();
    rc = session_open(&m->session, &session, &err);

    if (rc < 0)
        return command_failed(m->warehouse, rc, &err);
    config.tree = session.tree;
    rc = pfs_mount_run(&config, &err);
    if (rc == 0)
        rc = pfs_tree_finish(session.tree, &err);
    session_close(&session);
    return rc < 0 ? command_failed("mount", rc, &err) : 0;
}

/* The parent ends when the mount answers, or with the child's failure. */
static int run_in_background(struct mounting *m)
{
    int ends[2], null;
    char byte;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return command_failed("mount", -errno, NULL);
    pid = fork();
    if (pid < 0)
        return command_failed("mount", -errno, NULL);
    if (pid > 0) {
        close(ends[1]);
        return read(ends[0], &byte, 1) == 1 ? 0 : 1;
    }
    close(ends[0]);
    (void)!chdir("/");
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0) {
        (void)dup2(null, STDIN_FILENO);
        (void)dup2(null, STDOUT_FILENO);
    }
    m->ready_fd = ends[1];
    _exit(serve(m));
}

/* The cache is chosen before the fork, so that its failure is told on the terminal. */
int mounting_run(struct mounting *m, const char *warehouse, const char *mountpoint)
{
    int code = resolve(m, warehouse, mountpoint);

    if (code == 0)
        code = choose_cache(m);
    if (code != 0)
        return code;
    choose_cache_size(m);
    return m->foreground ? serve(m) : run_in_background(m);
}

/* Options may stand anywhere, as with mount(8). */
int command_mount(int argc, char **argv)
{
    static struct mounting m;
    char *name[2];
    int code = 0, named = 0;

    mounting_init(&m);
    for (int i = 0; code == 0 && i < argc; i++) {
        if (strcmp(argv[i], "-f") == 0)
            m.foreground = true;
        else if (strcmp(argv[i], "-o") == 0 && i + 1 < argc)
            code = mounting_set(&m, argv[++i]);
        else if (argv[i][0] == '-')
            code = usage_error("mount knows -f and -o OPTIONS");
        else if (named < 2)
            name[named++] = argv[i];
        else
            code = usage_error("mount takes one warehouse and one mount point");
    }
    if (code != 0)
        return code;
    if (named != 2)
        return usage_error("mount needs a warehouse and a mount point");
    return mounting_run(&m, name[0], name[1]);
}

#define EXIT_WAIT_MS 60000

/* The process that serves the mount; 0 = not known. */
static pid_t server_of(const char *mountpoint)
{
    char path[PATH_MAX], text[4096];
    const char *at;
    ssize_t got;
    int fd;

    if (snprintf(path, sizeof(path), "%s/.paimonfs/status.json", mountpoint) >= (int)sizeof(path))
        return 0;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    got = read(fd, text, sizeof(text) - 1);
    (void)close(fd);
    text[got > 0 ? got : 0] = '\0';
    at = strstr(text, "\"pid\":");
    return at == NULL ? 0 : (pid_t)strtol(at + strlen("\"pid\":"), NULL, 10);
}

/* It commits what was acknowledged before it ends: whoever reads the warehouse next finds it. One that has ended keeps
 * its number until its parent looks, which may be never: what the kernel calls its end counts. Kernels before 5.3
 * cannot be asked for that (-1), and there the number has to do. */
static void wait_for_exit(pid_t pid, int server)
{
    struct pollfd ends = {.fd = server, .events = POLLIN};

    while (server >= 0 && poll(&ends, 1, EXIT_WAIT_MS) < 0 && errno == EINTR)
        ;
    for (int waited_ms = 0; server < 0 && pid > 0 && waited_ms < EXIT_WAIT_MS && kill(pid, 0) == 0; waited_ms += 10)
        (void)usleep(10000);
}

/* It waits until what was acknowledged is committed, and the daemon gone. */
int command_umount(int argc, char **argv)
{
    struct pfs_err err = {0};
    int server = -1, rc;
    pid_t pid;

    if (argc != 1)
        return usage_error("umount needs a mount point");
    if (!mounts_there(argv[0])) {
        (void)pfs_fail(&err, ENOENT, "no warehouse is mounted there");
        return command_failed(argv[0], -ENOENT, &err);
    }
    pid = server_of(argv[0]);
    if (pid > 0) /* before it ends: the number may be somebody else's after that */
        server = (int)syscall(SYS_pidfd_open, pid, 0);
    rc = pfs_mount_unmount(argv[0], &err);
    if (rc == 0)
        wait_for_exit(pid, server);
    if (server >= 0)
        (void)close(server);
    return rc < 0 ? command_failed(argv[0], rc, &err) : 0;
}
