/* cm.h - cmocka with the headers that it wants before itself, and short forms for tables of cases. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* Fails with the case's own words, so that a row of a table is found at once. */
#define CHECK(what, condition)                                             \
    do {                                                                   \
        if (!(condition))                                                  \
            fail_msg("%s: %s is false", (const char *)(what), #condition); \
    } while (0)
