/* mount.c - mount and umount: options, going to the background once the mount answers, the log. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/number.h"
#include "fs/mount.h"
#include "tools/commands.h"
#include "tools/session.h"

#define CACHE_MIN ((uint64_t)64 << 20)
#define TRIM_BYTES (1 << 20)
#define CACHE_MAX ((uint64_t)8 << 30)

struct mounting {
    bool foreground, allow_other;
    struct session_config session;
    char warehouse[PATH_MAX], mountpoint[PATH_MAX], cache[PATH_MAX], log[PATH_MAX], external[PATH_MAX];
    char options[8192]; /* those given, a line each: .paimonfs/options */
    int ready_fd;       /* tells the parent; -1 = nobody waits */
    bool syslog;        /* in the background, without log= */
};

/* ---- options ---- */

static int set_ro(struct mounting *m, const char *value)
{
    (void)value;
    m->session.read_only = true;
    return 0;
}

static int set_rw(struct mounting *m, const char *value)
{
    (void)value;
    m->session.read_only = false;
    return 0;
}

static int set_allow_other(struct mounting *m, const char *value)
{
    (void)value;
    m->allow_other = true;
    return 0;
}

static int set_memory(struct mounting *m, const char *value)
{
    uint64_t bytes;

    if (session_parse_bytes(value, &bytes) < 0 || bytes < SESSION_MEMORY_MIN)
        return -EINVAL;
    m->session.memory_bytes = (size_t)bytes;
    return 0;
}

static int set_cache_size(struct mounting *m, const char *value)
{
    return session_parse_bytes(value, &m->session.cache_bytes) < 0 || m->session.cache_bytes == 0 ? -EINVAL : 0;
}

static int set_threads(struct mounting *m, const char *value)
{
    int64_t v;

    if (pfs_i64_parse(pfs_str(value), &v) < 0 || v < 1 || v > 1024)
        return -EINVAL;
    m->session.threads = (int)v;
    return 0;
}

static int set_commit_interval(struct mounting *m, const char *value)
{
    size_t digits = strspn(value, "0123456789");
    int64_t v;

    if (digits == 0 || pfs_i64_parse(pfs_slice_of(value, digits), &v) < 0 || v < 1 || v > 86400000)
        return -EINVAL;
    if (value[digits] == '\0' || strcmp(value + digits, "s") == 0)
        v *= 1000;
    else if (strcmp(value + digits, "ms") != 0)
        return -EINVAL;
    m->session.commit_interval_ms = v;
    return 0;
}

static int set_on_error(struct mounting *m, const char *value)
{
    m->session.skip = strcmp(value, "skip") == 0;
    return m->session.skip || strcmp(value, "fail") == 0 ? 0 : -EINVAL;
}

static int set_write_only(struct mounting *m, const char *value)
{
    (void)value;
    m->session.write_only = true;
    return 0;
}

static int set_cache(struct mounting *m, const char *value)
{
    return snprintf(m->cache, sizeof(m->cache), "%s", value) < (int)sizeof(m->cache) ? 0 : -EINVAL;
}

static int set_log(struct mounting *m, const char *value)
{
    return snprintf(m->log, sizeof(m->log), "%s", value) < (int)sizeof(m->log) ? 0 : -EINVAL;
}

static int set_external_paths(struct mounting *m, const char *value)
{
    return snprintf(m->external, sizeof(m->external), "%s", value) < (int)sizeof(m->external) ? 0 : -EINVAL;
}

static int set_formats(struct mounting *m, const char *value)
{
    if (strcmp(value, "csv") == 0)
        m->session.formats |= 1u << 0;
    else if (strcmp(value, "jsonl") == 0)
        m->session.formats |= 1u << 1;
    else if (strcmp(value, "parquet") == 0)
        m->session.formats |= PFS_FORMAT_PARQUET;
    else
        return -EINVAL;
    return 0;
}

static int set_number(const char *value, int base, uint32_t *out)
{
    char *end;
    unsigned long v = strtoul(value, &end, base);

    if (*value == '\0' || *end != '\0' || v > UINT32_MAX)
        return -EINVAL;
    *out = (uint32_t)v;
    return 0;
}

static int set_uid(struct mounting *m, const char *value)
{
    return set_number(value, 10, &m->session.uid);
}

static int set_gid(struct mounting *m, const char *value)
{
    return set_number(value, 10, &m->session.gid);
}

static int set_umask(struct mounting *m, const char *value)
{
    return set_number(value, 8, &m->session.umask);
}

static const struct option {
    const char *name; /* with = when it takes a value */
    int (*set)(struct mounting *m, const char *value);
} options[] = {
    {"ro", set_ro},
    {"rw", set_rw},
    {"allow_other", set_allow_other},
    {"memory=", set_memory},
    {"threads=", set_threads},
    {"cache=", set_cache},
    {"cache-size=", set_cache_size},
    {"commit-interval=", set_commit_interval},
    {"write-only", set_write_only},
    {"on-error=", set_on_error},
    {"external-paths=", set_external_paths},
    {"formats=", set_formats},
    {"log=", set_log},
    {"uid=", set_uid},
    {"gid=", set_gid},
    {"umask=", set_umask},
};

/* What a value may be, in words. */
static const char *wanted(const char *name)
{
    static const struct {
        const char *name, *words;
    } list[] = {{"memory=", "a size from 16m on, as 256m or 1g"},
                {"cache-size=", "a size above 0, as 512m or 4g"},
                {"commit-interval=", "seconds, as 10 or 10s, or milliseconds, as 500ms"},
                {"on-error=", "fail or skip"},
                {"threads=", "a number from 1 to 1024"},
                {"formats=", "csv, jsonl, parquet"},
                {"uid=", "a number"},
                {"gid=", "a number"},
                {"umask=", "an octal number, as 022"}};

    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
        if (strcmp(list[i].name, name) == 0)
            return list[i].words;
    return "a path that is not too long";
}

/* The known option that shares the longest beginning with a mistyped one. */
static const char *nearest(const char *name)
{
    const char *best = options[0].name;
    size_t most = 0;

    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        size_t n = 0;

        while (name[n] != '\0' && name[n] == options[i].name[n])
            n++;
        if (n > most) {
            most = n;
            best = options[i].name;
        }
    }
    return best;
}

/* What does not fit is not shown. */
static void show_option(struct mounting *m, const char *key, const char *value)
{
    size_t len = strlen(m->options);
    int n = snprintf(m->options + len, sizeof(m->options) - len, "%s = %s\n", key, value);

    if (n < 0 || (size_t)n >= sizeof(m->options) - len)
        m->options[len] = '\0';
}

static int set_option(struct mounting *m, const char *text)
{
    char sentence[256];

    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        size_t len = strlen(options[i].name);
        bool takes = options[i].name[len - 1] == '=';

        if (takes ? strncmp(text, options[i].name, len) != 0 : strcmp(text, options[i].name) != 0)
            continue;
        if (options[i].set(m, text + len) == 0) {
            (void)snprintf(sentence, sizeof(sentence), "%.*s", (int)(takes ? len - 1 : len), text);
            show_option(m, sentence, takes ? text + len : "true");
            return 0;
        }
        (void)snprintf(sentence, sizeof(sentence), "mount option %.100s: the value must be %s", text,
                       wanted(options[i].name));
        return usage_error(sentence);
    }
    (void)snprintf(sentence, sizeof(sentence), "unknown mount option %.100s; the nearest known one is %s", text,
                   nearest(text));
    return usage_error(sentence);
}

static int set_options(struct mounting *m, char *list)
{
    char *save = NULL;
    int code = 0;

    for (char *word = strtok_r(list, ",", &save); code == 0 && word != NULL; word = strtok_r(NULL, ",", &save)) {
        /* formats=csv,jsonl: a word that only goes on is a further format */
        if (m->session.formats != 0 &&
            (strcmp(word, "csv") == 0 || strcmp(word, "jsonl") == 0 || strcmp(word, "parquet") == 0))
            code = set_formats(m, word);
        else
            code = set_option(m, word);
    }
    return code;
}

/* ---- where things are ---- */

static bool inside(const char *path, const char *dir)
{
    size_t len = strlen(dir);

    return strncmp(path, dir, len) == 0 && (path[len] == '/' || path[len] == '\0' || strcmp(dir, "/") == 0);
}

static int resolve(struct mounting *m, const char *warehouse, const char *mountpoint)
{
    struct pfs_err err = {0};
    struct stat st;

    if (realpath(warehouse, m->warehouse) == NULL)
        return failed(warehouse, -errno, NULL);
    /* A daemon that was killed leaves a mount behind that answers nothing; realpath may not notice. */
    if (stat(mountpoint, &st) < 0 && errno == ENOTCONN && pfs_mount_unmount(mountpoint, &err) < 0)
        return failed(mountpoint, -EBUSY, &err);
    if (realpath(mountpoint, m->mountpoint) == NULL)
        return failed(mountpoint, -errno, NULL);
    if (inside(m->warehouse, m->mountpoint) || inside(m->mountpoint, m->warehouse))
        return usage_error("the warehouse and the mount point may not lie inside one another");
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
            return failed(m->cache, -errno, NULL);
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

/* Standard error belongs to whoever started us: once the mount answers, failures go to a file or to syslog. */
static void leave_terminal(struct mounting *m)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (m->log[0] != '\0') {
        close(fd);
        fd = open(m->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    } else {
        m->syslog = true;
        openlog("paimonfs", LOG_PID, LOG_DAEMON);
    }
    if (fd >= 0)
        (void)dup2(fd, STDERR_FILENO);
}

static void ready(void *context)
{
    struct mounting *m = context;

    tell_systemd();
    if (!m->foreground)
        leave_terminal(m);
    if (m->ready_fd >= 0) {
        (void)!write(m->ready_fd, "", 1);
        close(m->ready_fd);
        m->ready_fd = -1;
    }
}

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
    if (gmtime_r(&now, &utc) == NULL || strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        stamp[0] = '\0';
    fprintf(stderr, "%s paimonfs: %s\n", stamp, line);
}

/* What a rendering gave back goes to the system, and large blocks stay apart from small ones: with glibc's own bounds,
 * which rise with the largest block that was freed, a mount keeps some 10 MiB more than it uses. */
static void keep_little(void)
{
    (void)mallopt(M_TRIM_THRESHOLD, TRIM_BYTES);
}

static int serve(struct mounting *m)
{
    struct pfs_mount_config config = {.mountpoint = m->mountpoint,
                                      .fsname = m->warehouse,
                                      .allow_other = m->allow_other,
                                      .read_only = m->session.read_only,
                                      .ready = ready,
                                      .log = log_line,
                                      .context = m};
    struct pfs_err err = {0};
    struct session session;
    int rc;

    show_option(m, "warehouse", m->warehouse);
    show_option(m, "mountpoint", m->mountpoint);
    m->session.options = m->options;
    m->session.background = true;
    keep_little();
    rc = session_open(&m->session, &session, &err);

    if (rc < 0)
        return failed(m->warehouse, rc, &err);
    config.tree = session.tree;
    rc = pfs_mount_run(&config, &err);
    if (rc == 0)
        rc = pfs_tree_finish(session.tree, &err);
    session_close(&session);
    return rc < 0 ? failed("mount", rc, &err) : 0;
}

/* The parent ends when the mount answers, or with the child's failure. */
static int run_in_background(struct mounting *m)
{
    int ends[2], null;
    char byte;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return failed("mount", -errno, NULL);
    pid = fork();
    if (pid < 0)
        return failed("mount", -errno, NULL);
    if (pid > 0) {
        close(ends[1]);
        return read(ends[0], &byte, 1) == 1 ? 0 : 1;
    }
    close(ends[0]);
    (void)setsid();
    (void)!chdir("/");
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0) {
        (void)dup2(null, STDIN_FILENO);
        (void)dup2(null, STDOUT_FILENO);
    }
    m->ready_fd = ends[1];
    _exit(serve(m));
}

int command_mount(int argc, char **argv)
{
    static struct mounting m;
    char *name[2];
    int i = 0, code = 0, named = 0;

    m = (struct mounting){.ready_fd = -1, .session = {.uid = getuid(), .gid = getgid(), .umask = 022}};
    for (; code == 0 && i < argc; i++) {
        if (strcmp(argv[i], "-f") == 0)
            m.foreground = true;
        else if (strcmp(argv[i], "-o") == 0 && i + 1 < argc)
            code = set_options(&m, argv[++i]);
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
    code = resolve(&m, name[0], name[1]);
    if (code != 0)
        return code;
    code = choose_cache(&m);
    if (code != 0)
        return code;
    choose_cache_size(&m);
    return m.foreground ? serve(&m) : run_in_background(&m);
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

/* It commits what was acknowledged before it ends: whoever reads the warehouse next finds it. */
static void wait_for_exit(pid_t pid)
{
    for (int waited_ms = 0; pid > 0 && waited_ms < EXIT_WAIT_MS && kill(pid, 0) == 0; waited_ms += 10)
        (void)usleep(10000);
}

int command_umount(int argc, char **argv)
{
    struct pfs_err err = {0};
    pid_t pid;
    int rc;

    if (argc != 1)
        return usage_error("umount needs a mount point");
    pid = server_of(argv[0]);
    rc = pfs_mount_unmount(argv[0], &err);
    if (rc == 0)
        wait_for_exit(pid);
    return rc < 0 ? failed(argv[0], rc, &err) : 0;
}
