/* commands.h - one function a command. Each gets what stands behind its name, prints data on standard output alone, and
 * returns the exit code: 0 done, 1 failed (`paimonfs: WHAT: WHY` on standard error), 2 wrong usage. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#define EXIT_USAGE 2

int command_mount(int argc, char **argv);
int command_doctor(int argc, char **argv);
int command_umount(int argc, char **argv);
int command_ls(int argc, char **argv);
int command_cat(int argc, char **argv);
int command_tail(int argc, char **argv);
int command_append(int argc, char **argv);
int command_overwrite(int argc, char **argv);
int command_lookup(int argc, char **argv);
int command_bitmap(int argc, char **argv);
int command_sql(int argc, char **argv);
int command_compact(int argc, char **argv);
int command_expire(int argc, char **argv);
int command_fsck(int argc, char **argv);
int command_status(int argc, char **argv);
int command_demo(int argc, char **argv);

/* The program was called as mount.paimonfs: the exit codes are those of mount(8). */
int helper_main(int argc, char **argv);

/* `paimonfs: what: why` for a failure; gives 1. A bare errno gets its plain text. */
int command_failed(const char *what, int rc, const struct pfs_err *err);
/* `paimonfs: text` and where help is; gives 2. */
int usage_error(const char *text);
/* A mount point as the kernel's table of mounts spells it, in the room (PATH_MAX bytes) or the argument itself. */
const char *as_mounted(const char *path, char *room);
/* Is a warehouse mounted at that path, its daemon alive or gone? */
bool mounts_there(const char *path);
/* A member of a JSON object, "name":"text". */
void put_member(struct pfs_buf *out, const char *name, const char *text);
