/* bar.h - a progress bar on standard error: nothing where that is no terminal, or with NO_COLOR set.
 * Threads: one bar, one thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct bar {
    const char *what; /* borrowed; stands before the bar */
    bool drawn;
    int shown; /* permille that was drawn last; -1 = none */
};

void bar_init(struct bar *bar, const char *what);
/* `done` of `whole`, drawn when it looks different from before. A whole of 0 is done. */
void bar_draw(struct bar *bar, int64_t done, int64_t whole);
void bar_wipe(const struct bar *bar);
