/* mount_options.c - what stands behind -o. One table has the options, each with the function that takes its value; what
 * any mount may have is passed on or left to those whom it is for. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/number.h"
#include "tools/commands.h"
#include "tools/mounting.h"

/* As whoever mounts, and with the umask of most systems: options say otherwise. */
void mounting_init(struct mounting *m)
{
    *m = (struct mounting){.ready_fd = -1, .session = {.uid = getuid(), .gid = getgid(), .umask = 022}};
}

/* The last of ro and rw counts, as with mount(8). */
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

/* The kernel checks modes then, since others have no business with this process. */
static int set_allow_other(struct mounting *m, const char *value)
{
    (void)value;
    m->allow_other = true;
    return 0;
}

/* Below 16 MiB not even one rendering has room. */
static int set_memory(struct mounting *m, const char *value)
{
    uint64_t bytes;

    if (session_parse_bytes(value, &bytes) < 0 || bytes < SESSION_MEMORY_MIN)
        return -EINVAL;
    m->session.memory_bytes = (size_t)bytes;
    return 0;
}

/* 0 would be the default, which nobody asks for in words. */
static int set_cache_size(struct mounting *m, const char *value)
{
    return session_parse_bytes(value, &m->session.cache_bytes) < 0 || m->session.cache_bytes == 0 ? -EINVAL : 0;
}

/* Of the pool; requests are received by threads of their own. */
static int set_threads(struct mounting *m, const char *value)
{
    int64_t v;

    if (pfs_i64_parse(pfs_str(value), &v) < 0 || v < 1 || v > 1024)
        return -EINVAL;
    m->session.threads = (int)v;
    return 0;
}

/* Without a unit it is seconds, which is what people write. */
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

/* fail is the default, and may be said to undo a skip in front of it. */
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

/* As it is from here: the daemon's own directory is another. */
static int set_path(char *to, const char *value)
{
    char here[PATH_MAX];
    const char *slash = "/";

    if (value[0] == '/') {
        here[0] = '\0';
        slash = "";
    } else if (getcwd(here, sizeof(here)) == NULL) {
        return -errno;
    }
    return snprintf(to, PATH_MAX, "%s%s%s", here, slash, value) < PATH_MAX ? 0 : -EINVAL;
}

/* Where it cannot be made is told when it is: here it is a path. */
static int set_cache(struct mounting *m, const char *value)
{
    return set_path(m->cache, value);
}

/* Opened when the mount answers, by the process that stays. */
static int set_log(struct mounting *m, const char *value)
{
    return set_path(m->log, value);
}

static int set_external_paths(struct mounting *m, const char *value)
{
    return snprintf(m->external, sizeof(m->external), "%s", value) < (int)sizeof(m->external) ? 0 : -EINVAL;
}

/* Each adds one: the list is parted by the commas that part options, too. */
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

/* The whole value: strtoul alone would take what begins with digits. */
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

/* Octal, as umask(1) has it. */
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

/* Options that any line of fstab may have: the first ones are the kernel's, the others are for whoever reads fstab. */
static const char *const kernels[] = {"exec",  "noexec",  "suid",     "nosuid",     "dev",  "nodev",
                                      "atime", "noatime", "relatime", "norelatime", "sync", "async"};
static const char *const others[] = {"_netdev", "auto",   "noauto", "defaults", "nofail",
                                     "user",    "nouser", "users",  "owner",    "group"};

/* Those that the kernel looks after are given to it, as many as there is room for. */
static bool is_generic(struct mounting *m, const char *text)
{
    size_t len = strlen(m->generic);

    assert(len < sizeof(m->generic));
    for (size_t i = 0; i < sizeof(kernels) / sizeof(kernels[0]); i++)
        if (strcmp(text, kernels[i]) == 0) {
            (void)snprintf(m->generic + len, sizeof(m->generic) - len, ",%s", text);
            return true;
        }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (strcmp(text, others[i]) == 0)
            return true;
    return strncmp(text, "x-", 2) == 0 || strncmp(text, "comment=", 8) == 0;
}

/* What a value may be, in words. */
static const char *expected(const char *name)
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

/* What was asked for, in its own words: defaults are not there. */
void mounting_show(struct mounting *m, const char *key, const char *value)
{
    size_t len = strlen(m->options);
    int n = snprintf(m->options + len, sizeof(m->options) - len, "%s = %s\n", key, value);

    if (n < 0 || (size_t)n >= sizeof(m->options) - len)
        m->options[len] = '\0';
}

/* Exit code 2 with the sentence, for a user; nothing is set by half. */
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
            mounting_show(m, sentence, takes ? text + len : "true");
            return 0;
        }
        (void)snprintf(sentence, sizeof(sentence), "mount option %.100s: the value must be %s", text,
                       expected(options[i].name));
        return usage_error(sentence);
    }
    if (strcmp(text, "remount") == 0) /* the kernel would take ro and rw, and the daemon know nothing of it */
        return usage_error("a mount keeps its options: unmount it, and mount it again with others instead of remount");
    if (is_generic(m, text) || m->sloppy)
        return 0;
    (void)snprintf(sentence, sizeof(sentence), "unknown mount option %.100s; the nearest known one is %s", text,
                   nearest(text));
    return usage_error(sentence);
}

/* One more, in the line that shows the first one, if no other option has come between. */
static int add_format(struct mounting *m, const char *word)
{
    size_t len = strlen(m->options), room = sizeof(m->options) - len;
    const char *line = len == 0 ? NULL : memrchr(m->options, '\n', len - 1);

    line = line == NULL ? m->options : line + 1;
    if (strncmp(line, "formats = ", strlen("formats = ")) == 0 && strlen(word) + 1 < room)
        (void)snprintf(m->options + len - 1, room + 1, ",%s\n", word);
    else
        mounting_show(m, "formats", word);
    return set_formats(m, word);
}

/* strtok_r cuts the list that is given, which is the command line's own. */
int mounting_set(struct mounting *m, char *list)
{
    char *save = NULL;
    int code = 0;

    for (char *word = strtok_r(list, ",", &save); code == 0 && word != NULL; word = strtok_r(NULL, ",", &save)) {
        /* formats=csv,jsonl: a word that only goes on is a further format */
        if (m->session.formats != 0 &&
            (strcmp(word, "csv") == 0 || strcmp(word, "jsonl") == 0 || strcmp(word, "parquet") == 0))
            code = add_format(m, word);
        else
            code = set_option(m, word);
    }
    return code;
}
