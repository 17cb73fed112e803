/* helper.c - called as mount.paimonfs by mount(8) and for lines of fstab: its arguments and exit codes (mount(8),
 * "External helpers", "Exit status"). */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tools/commands.h"
#include "tools/mounting.h"

#define EXIT_MOUNT_USAGE 1
#define EXIT_MOUNT_FAILED 32

/* mount(8) gives what it does not know as it stands in fstab; -n and -v mean nothing here, the type is ours.
 * mount.paimonfs WAREHOUSE DIR [-sfnv] [-N NAMESPACE] [-o OPTIONS] [-t TYPE] */
int helper_main(int argc, char **argv)
{
    static struct mounting m;
    const char *name[2];
    bool fake = false;
    int code = 0, named = 0;

    mounting_init(&m);
    for (int i = 1; i < argc && strcmp(argv[i], "-s") != 0; i++) /* it may stand behind the options that it is about */
        m.sloppy = i + 1 < argc && strcmp(argv[i + 1], "-s") == 0;
    for (int i = 1; code == 0 && i < argc; i++) {
        bool last = i + 1 == argc;

        if (strcmp(argv[i], "-o") == 0 && !last)
            code = mounting_set(&m, argv[++i]);
        else if ((strcmp(argv[i], "-t") == 0 || strcmp(argv[i], "-N") == 0) && !last)
            i++;
        else if (argv[i][0] == '-' && argv[i][1] != '\0' && strspn(argv[i] + 1, "sfnv") == strlen(argv[i] + 1))
            fake = fake || strchr(argv[i], 'f') != NULL;
        else if (argv[i][0] != '-' && named < 2)
            name[named++] = argv[i];
        else
            code = usage_error("mount.paimonfs takes WAREHOUSE DIR [-sfnv] [-o OPTIONS]");
    }
    if (code == 0 && named != 2)
        code = usage_error("mount.paimonfs needs a warehouse and a mount point");
    if (code != 0)
        return EXIT_MOUNT_USAGE;
    if (fake)
        return 0;
    return mounting_run(&m, name[0], name[1]) == 0 ? 0 : EXIT_MOUNT_FAILED;
}
