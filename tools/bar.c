/* bar.c - how far something is, on standard error: standard output is data alone. */
#include "tools/bar.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BAR_CELLS 40

void bar_init(struct bar *bar, const char *what)
{
    const char *plain = getenv("NO_COLOR");

    *bar = (struct bar){
        .what = what, .drawn = isatty(STDERR_FILENO) == 1 && (plain == NULL || plain[0] == '\0'), .shown = -1};
}

/* Once a thousandth: what it tells of may go on a million times. */
void bar_draw(struct bar *bar, int64_t done, int64_t whole)
{
    int permille = whole <= 0 || done >= whole ? 1000 : (int)((double)done / (double)whole * 1000);
    int cells = permille * BAR_CELLS / 1000;

    assert(permille >= 0 && permille <= 1000);
    if (!bar->drawn || permille == bar->shown)
        return;
    bar->shown = permille;
    fprintf(stderr, "\r%s [%.*s%*s] %3d%%", bar->what, cells, "########################################",
            BAR_CELLS - cells, "", permille / 10);
    fflush(stderr);
}

void bar_wipe(const struct bar *bar)
{
    if (bar->drawn && bar->shown >= 0)
        fprintf(stderr, "\r%*s\r", (int)strlen(bar->what) + BAR_CELLS + 8, "");
}
