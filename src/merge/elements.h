/* elements.h - elements of lists told apart as Java's hash tables do: hash, equality, and the order of iteration.
 *
 * Functions over lists (collect, merge_map, nested_update, ...) keep for each key a list of elements, named by their
 * row in the column that holds the elements of all records. Paimon keeps them in a HashSet or HashMap, whose order of
 * iteration is the order of its result (spec merge-engines 10). Here a table finds equal elements and the list stays in
 * order of arrival; it is put in Java's order once, when somebody looks. Private to the suite; threads: one fold each.
 */
#pragma once

#include "format/batch.h"

struct pfs_elements {
    const struct pfs_column *const *column; /* what tells elements apart: they themselves, or some fields of rows */
    int32_t columns;
    bool apart;     /* no two are equal: BINARY, which 1.4.2 compares by identity */
    bool ordered;   /* hash is Java's: lists are put in its order; else order of arrival stays */
    int64_t base;   /* hash[0] is that of element `base` */
    uint32_t *hash; /* Java's, where its order is wanted and known */
};

/* Elements [from, to). `row`: the columns are fields of a row that is a key, which Paimon hashes as a BinaryRow; else
 * there is one column. What it points to is borrowed. */
int pfs_elements_init(struct pfs_elements *e, const struct pfs_column *const *columns, int32_t count, bool row,
                      int64_t from, int64_t to, struct pfs_arena *arena, struct pfs_err *err);

bool pfs_elements_equal(const struct pfs_elements *e, int32_t a, int32_t b); /* NULL equals NULL */

/* Deep, of values of one type; NULL equals NULL. Maps are equal whatever their order. */
bool pfs_value_equal(const struct pfs_column *a, int64_t row_a, const struct pfs_column *b, int64_t row_b);

struct pfs_element_table {
    int32_t *place; /* 1 + place in the list; 0 = free */
    int64_t room;   /* places allocated */
    uint32_t mask;  /* of those in use; a power of two less 1 */
};

/* Room for lists of up to `most` elements, empty; fit: an empty one is used for `count` of them; clear: it is empty
 * again. */
int pfs_element_table_init(struct pfs_element_table *t, int64_t most, struct pfs_arena *arena, struct pfs_err *err);
void pfs_element_table_fit(struct pfs_element_table *t, int64_t count);
void pfs_element_table_clear(struct pfs_element_table *t);

/* Where in `list` an element equal to `element` stands; -1 when none does, and then the table takes it as standing at
 * `next` (-1: it does not take it). */
int64_t pfs_element_table_find(struct pfs_element_table *t, const struct pfs_elements *e, const int32_t *list,
                               int32_t element, int64_t next);

/* The order of iteration of a Java table that took `list` in this order and grew for `most` elements: order[i] = which
 * of the list comes i-th. put grows after it has put one in, so most >= count. `last_first`: computeIfAbsent took them,
 * which puts them in front of those in the same place, as put does not, and grows before it looks: most >= count - 1.
 * A crowded place makes it grow, too, up to 64 places; that Java makes trees of those that are crowded still, from
 * eleven elements on, is not followed. `scratch` has room for 4 * most + 32. */
void pfs_elements_java_order(const struct pfs_elements *e, const int32_t *list, int64_t count, int64_t most,
                             bool last_first, int32_t *scratch, int32_t *order);
