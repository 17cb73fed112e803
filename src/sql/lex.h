/* lex.h - the words of a statement: names, strings, numbers and signs, with their place. Private to the suite.
 *
 * Blanks and comments are skipped. Words are borrowed from the text, but for quoted ones, which are unescaped into the
 * arena. Threads: values.
 */
#pragma once

#include "base/arena.h"

enum pfs_word_kind {
    PFS_WORD_END,    /* nothing is left */
    PFS_WORD_NAME,   /* letters, digits, _ and $; or anything between backquotes (quoted set) */
    PFS_WORD_STRING, /* between single quotes */
    PFS_WORD_NUMBER,
    PFS_WORD_SIGN, /* one character, or "=>" */
    PFS_WORD_BAD,  /* an unclosed quote or comment, a character that belongs nowhere */
    PFS_WORD_FULL, /* there is no room in the arena for what it means */
};

struct pfs_word {
    enum pfs_word_kind kind;
    struct pfs_slice text; /* the meaning: without quotes */
    bool quoted;
    size_t from, to; /* in the text */
};

struct pfs_lexer {
    struct pfs_slice text;
    size_t pos;
    struct pfs_arena *arena;
};

/* The next word; at the end again and again. */
struct pfs_word pfs_lex(struct pfs_lexer *lexer);
/* Line and column (from 1, in bytes) of a place. */
void pfs_lex_place(struct pfs_slice text, size_t pos, int *line, int *column);
