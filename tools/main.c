/* main.c - the command line: which command, help, version. */
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "tools/commands.h"

/* In the order in which help shows them. */
static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *usage, *what;
} commands[] = {
    {"mount", command_mount, "[-f] [-o OPT,...] WAREHOUSE MOUNTPOINT", "show a warehouse as a file system"},
    {"umount", command_umount, "MOUNTPOINT", "take it away again"},
    {"ls", command_ls, "[-o OPT] WAREHOUSE [PATH]", "list a directory of the tree, without FUSE"},
    {"cat", command_cat, "[--memory N] [-o OPT] WAREHOUSE PATH...", "print files of the tree, without FUSE"},
    {"tail", command_tail, "[-n ROWS] [-o OPT] WAREHOUSE PATH", "the end of a changelog, and what comes, as tail -f"},
    {"append", command_append, "[--no-compact] [-o OPT] WAREHOUSE PATH",
     "rows from standard input into an inbox, one commit"},
    {"overwrite", command_overwrite, "[-o OPT] WAREHOUSE PATH",
     "rows that replace a table or its partitions, one commit"},
    {"lookup", command_lookup, "[--columns a,b] [--found|--missing] [--cache C] [--memory N] [-o OPT] WAREHOUSE PATH",
     "lines with keys from standard input, each followed by its row"},
    {"bitmap", command_bitmap, "VERB --bitmap COL [--group-by a,b] [--as NAME] [--bits N]",
     "bitmaps in CSV from standard input: union-count, union, cardinality, build"},
    {"sql", command_sql, "[-o OPT] WAREHOUSE [FILE]", "statements from a file or standard input"},
    {"compact", command_compact, "[--full] [-o OPT] WAREHOUSE [DB.TABLE]", "many small files made few large ones"},
    {"expire", command_expire, "[-o OPT] WAREHOUSE [DB.TABLE]",
     "what has had its time goes, as the tables' options say"},
    {"fsck", command_fsck, "[--deep] [--json] [-o OPT] WAREHOUSE [DB.TABLE]",
     "is every file there, whole and consistent"},
    {"status", command_status, "[--json] [MOUNTPOINT]", "what is mounted"},
    {"doctor", command_doctor, "[--json] [MOUNTPOINT]", "what is missing on this host, and what to do about it"},
    {"demo", command_demo, "DIR", "make a sample warehouse"},
};

#define USAGE_WIDTH 42
#define MOUNT_OPTIONS                                                                                                \
    "Mount options: ro, rw, allow_other, memory=, threads=, cache=DIR, cache-size=, commit-interval=, write-only,\n" \
    "  on-error=fail|skip, external-paths=DIR[:DIR], formats=csv,jsonl,parquet, log=FILE, uid=, gid=, umask=;\n"     \
    "  what they do: man 1 paimonfs\n"

/* What a command does stands behind its usage, or below one that is too long. */
static void print_usage(FILE *out, const struct command *c)
{
    fprintf(out, "  paimonfs %-9s %-*s", c->name, USAGE_WIDTH, c->usage);
    if (strlen(c->usage) > USAGE_WIDTH)
        fprintf(out, "\n%*s", (int)strlen("  paimonfs ") + 9 + 1 + USAGE_WIDTH, "");
    fprintf(out, " %s\n", c->what);
}

/* A line or two a command; what it does in full is in the manual page. */
static void print_help(FILE *out)
{
    fputs("paimonfs - Apache Paimon tables as files\n\nusage:\n", out);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        print_usage(out, &commands[i]);
    fputs("  paimonfs --help | --version\n\n"
          "PATH is the path in the mount: shop/orders/snapshot/latest.csv, shop/orders/inbox.\n"
          "OPT of commands other than mount: external-paths=DIR[:DIR], where data outside of the warehouse may "
          "lie.\n" MOUNT_OPTIONS,
          out);
}

/* Names of files may hold anything: control characters are escaped, bytes that are no UTF-8 go through. */
void put_member(struct pfs_buf *out, const char *name, const char *text)
{
    pfs_buf_printf(out, "\"%s\":\"", name);
    for (const char *p = text; *p != '\0'; p++) {
        if ((unsigned char)*p < ' ') {
            pfs_buf_printf(out, "\\u%04x", (unsigned)*p);
            continue;
        }
        if (*p == '"' || *p == '\\')
            pfs_buf_putc(out, '\\');
        pfs_buf_putc(out, (uint8_t)*p);
    }
    pfs_buf_putc(out, '"');
}

/* One line on standard error, whatever it was. */
int command_failed(const char *what, int rc, const struct pfs_err *err)
{
    const char *why = err != NULL && err->code != 0 ? err->text : pfs_errno_text(-rc);

    assert(rc < 0);
    /* The tree's sentences begin with the path that they are about; said once is enough. */
    if (strncmp(why, what, strlen(what)) == 0)
        fprintf(stderr, "paimonfs: %s\n", why);
    else
        fprintf(stderr, "paimonfs: %s: %s\n", what, why);
    return 1;
}

/* Output that did not all go out is a failure of the command, however well it went: what is there looks whole. */
static int end_output(int code)
{
    bool lost = ferror(stdout) != 0;

    errno = 0;
    if (fflush(stdout) != 0)
        lost = true;
    if (!lost || errno == EPIPE)
        return lost && code == 0 ? 1 : code;
    (void)command_failed("standard output", errno != 0 ? -errno : -EIO, NULL);
    return code != 0 ? code : 1;
}

/* For what can be seen without the warehouse; whatever needs it fails instead. */
int usage_error(const char *text)
{
    fprintf(stderr, "paimonfs: %s; see paimonfs --help\n", text);
    return EXIT_USAGE;
}

/* ---- a command's own help ---- */

static const struct command *command_of(const char *name)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static bool asks_for_help(int argc, char **argv)
{
    for (int i = 0; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || (i == 0 && strcmp(argv[i], "-h") == 0))
            return true;
    return false;
}

/* The first word that looks like an option and is not in the usage; NULL = none. What stands behind a name is the
 * command's own to judge. A letter may have its value joined to it. */
static const char *stranger(const struct command *c, int argc, char **argv)
{
    for (int i = 0; i < argc && argv[i][0] == '-' && argv[i][1] != '\0'; i++) {
        const char *found = strstr(c->usage, argv[i]);
        char letter[3] = {'-', argv[i][1], '\0'};

        if (argv[i][1] != '-')
            found = strstr(c->usage, letter);
        if (found == NULL)
            return argv[i];
        if (strcmp(argv[i], "-o") == 0)
            i++;
    }
    return NULL;
}

static int run(const struct command *c, int argc, char **argv)
{
    const char *unknown;

    if (asks_for_help(argc, argv)) {
        printf("usage: paimonfs %s %s\n%s; in full: man 1 paimonfs\n%s", c->name, c->usage, c->what,
               c->run == command_mount ? MOUNT_OPTIONS : "");
        return 0;
    }
    unknown = stranger(c, argc, argv);
    if (unknown != NULL) {
        fprintf(stderr, "paimonfs: %s has no option %s; usage: paimonfs %s %s\n", c->name, unknown, c->name, c->usage);
        return EXIT_USAGE;
    }
    return c->run(argc, argv);
}

/* The commands of tools/commands.h. */
static int run_named(int argc, char **argv)
{
    const struct command *c;

    if (argc < 2) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        c = argc > 2 ? command_of(argv[2]) : NULL;
        if (c != NULL)
            return run(c, 1, (char *[]){"--help"});
        print_help(stdout);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        puts("paimonfs " PFS_VERSION);
        return 0;
    }
    c = command_of(argv[1]);
    if (c != NULL)
        return run(c, argc - 2, argv + 2);
    fprintf(stderr, "paimonfs: %s is no command; see paimonfs --help\n", argv[1]);
    return EXIT_USAGE;
}

/* A command, or mount(8)'s helper by the name that it was called by. */
int main(int argc, char **argv)
{
    const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;

    signal(SIGPIPE, SIG_IGN); /* a reader that is gone is -EPIPE, so that what is open is closed */
    if (argc > 0 && strcmp(slash != NULL ? slash + 1 : argv[0], "mount.paimonfs") == 0)
        return helper_main(argc, argv);
    return end_output(run_named(argc, argv));
}
