/* listing.h - functions whose value is a list of elements: the frame in which they fold (spec merge-engines 7).
 *
 * The state of a key is a list of picks: rows of the column that holds the elements of all records. Combining moves
 * picks, never values; at the end the answers of all keys are gathered from them, once. A state may have parts: the
 * values of a map, or each field of a row, are picked apart from the element that stands for the key. Private to the
 * suite.
 */
#pragma once

#include "src/merge/elements.h"
#include "src/merge/internal.h"

#define PFS_PART_NULL (-1) /* a row that is NULL */
#define PFS_PART_GONE (-2) /* an entry that is not there any more */

struct pfs_element_list {
    const int32_t *pick;
    const int32_t *const *part; /* NULL: every part is picked from where the element is */
    int64_t len;
    bool has; /* the list itself is not NULL */
};

struct pfs_listing;

/* What sets one function apart. */
struct pfs_listing_ops {
    /* The list to the state; both are there. */
    void (*add)(struct pfs_listing *l, const struct pfs_element_list *in);
    /* The list from the state; both are there. NULL: it cannot. */
    void (*retract)(struct pfs_listing *l, const struct pfs_element_list *in);
    /* An element is put in that equals the one at `at`. NULL: the older stays as it is. */
    void (*meet)(struct pfs_listing *l, int64_t at, const struct pfs_element_list *in, int64_t i);
    bool nulls;      /* add is called also when one of the two is NULL */
    bool never_old;  /* an older record is added like any other (collect) */
    bool skip_nulls; /* NULL elements are left out of all states but a record's own list */
    bool last_first; /* see pfs_elements_java_order */
};

struct pfs_listing {
    const struct pfs_fold *fold;
    const struct pfs_listing_ops *ops;
    struct pfs_elements elements;
    struct pfs_element_table table;
    int32_t parts;
    /* The state of the key at hand, at the end of those before it. */
    int32_t *pick;
    int32_t **part;
    int64_t len, room; /* room: elements of all records of the key */
    bool has;
    bool indexed;   /* the table knows the list, which is no longer the own list of a record */
    bool unsettled; /* the list is in order of arrival, and Java's order is another */
    bool gaps;      /* some entries are gone */
    bool grew;      /* the element that was put in last was a new one */
    /* Of all keys: */
    int64_t picks;        /* before the key at hand */
    const int32_t **mine; /* room for the parts of a state looked at as a list */
    int32_t *every;       /* 0, 1, 2, ... of all elements, from elements.base on: the list of a record */
    int32_t *saved;       /* room to set a state aside: its picks, then each part's */
    const int32_t **saved_part;
    int32_t *order, *scratch;
    int64_t most; /* elements of the largest key */
};

/* Sets up for the elements of f->in, told apart by `column` (see pfs_elements_init). */
int pfs_listing_init(struct pfs_listing *l, const struct pfs_fold *f, const struct pfs_listing_ops *ops,
                     const struct pfs_column *const *column, int32_t columns, bool row, int32_t parts,
                     struct pfs_arena *arena, struct pfs_err *err);

/* Folds every key; the answer has offsets and validity, and no children yet: their rows are l->pick and l->part. */
int pfs_listing_run(struct pfs_listing *l, struct pfs_arena *arena, struct pfs_column *out, struct pfs_err *err);

/* Rows of `from` by picks, those below 0 NULL. */
int pfs_listing_gather(const struct pfs_column *from, const int32_t *pick, int64_t rows, struct pfs_arena *arena,
                       struct pfs_column *out, struct pfs_err *err);

/* ---- for the hooks ---- */

/* The state becomes the list as it is. */
void pfs_listing_set(struct pfs_listing *l, const struct pfs_element_list *in);
/* The own list of a record becomes a state: its elements are put in one after the other. Else nothing happens. */
void pfs_listing_index(struct pfs_listing *l);
/* Puts one element of the list into an indexed state. */
void pfs_listing_put(struct pfs_listing *l, const struct pfs_element_list *in, int64_t i);
/* At the end, without looking. */
void pfs_listing_append(struct pfs_listing *l, const struct pfs_element_list *in, int64_t i);
/* The place of the list's element in an indexed state; -1 = it is not there. */
int64_t pfs_listing_find(struct pfs_listing *l, int32_t element);
/* Java's order, of a table that grew for `most` (see pfs_elements_java_order), without gaps; the state is not indexed
 * then. */
void pfs_listing_settle(struct pfs_listing *l, int64_t most);
/* Takes the list's elements out of a settled state: all equal ones, or one for each. */
void pfs_listing_subtract(struct pfs_listing *l, const struct pfs_element_list *in, bool all);

/* Where the i-th element's part is picked from. */
static inline int32_t pfs_list_part(const struct pfs_element_list *in, int32_t part, int64_t i)
{
    return in->part == NULL ? in->pick[i] : in->part[part][i];
}
