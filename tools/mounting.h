/* mounting.h - a mount on its way: what was asked for, by the command line or by mount(8). One thread. */
#pragma once

#include <limits.h>

#include "tools/session.h"

struct mounting {
    bool foreground, allow_other;
    struct session_config session;
    char warehouse[PATH_MAX], mountpoint[PATH_MAX], cache[PATH_MAX], log[PATH_MAX], external[PATH_MAX];
    char options[8192]; /* those given, a line each: .paimonfs/options */
    int ready_fd;       /* tells the parent; -1 = nobody waits */
    bool syslog;        /* in the background, without log= */
    char generic[256];  /* options of every mount that the kernel looks after: ",noexec,noatime" */
    bool sloppy;        /* unknown options are left out */
};

void mounting_init(struct mounting *m);
/* A list of options, "memory=1g,ro"; it is cut into words. 0, or EXIT_USAGE after the sentence. */
int mounting_set(struct mounting *m, char *list);
/* A line of .paimonfs/options; what does not fit is not shown. */
void mounting_show(struct mounting *m, const char *key, const char *value);
/* Until it is unmounted, in the foreground; else until it answers. The exit code. */
int mounting_run(struct mounting *m, const char *warehouse, const char *mountpoint);
