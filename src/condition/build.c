/* build.c - conditions made of values and of other conditions, and what they look at. */
#include "src/condition/node.h"

#include <assert.h>

int pfs_cond_join(enum pfs_cond kind, const struct pfs_condition *const *list, int32_t children,
                  struct pfs_arena *arena, const struct pfs_condition **out, struct pfs_err *err)
{
    struct pfs_condition *node;

    assert(kind == PFS_COND_ALL || kind == PFS_COND_ANY);
    assert(children > 0); /* an ANY of nothing would be false, an ALL true: nobody has written either */
    if (children == 1) {
        *out = list[0];
        return 0;
    }
    node = pfs_arena_zalloc(arena, sizeof(*node));
    if (node == NULL)
        return pfs_arena_full(arena, err);
    node->kind = kind;
    node->children = children;
    node->child = pfs_arena_array(arena, (size_t)children, sizeof(*node->child));
    if (node->child == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < children; i++)
        node->child[i] = list[i];
    *out = node;
    return 0;
}

int pfs_condition_and(const struct pfs_condition *a, const struct pfs_condition *b, struct pfs_arena *arena,
                      const struct pfs_condition **out, struct pfs_err *err)
{
    const struct pfs_condition *both[] = {a, b};

    if (a == NULL || b == NULL) {
        *out = a != NULL ? a : b;
        return 0;
    }
    return pfs_cond_join(PFS_COND_ALL, both, 2, arena, out, err);
}

void pfs_condition_columns(const struct pfs_condition *condition, bool *uses)
{
    if (condition == NULL)
        return;
    if (condition->kind != PFS_COND_ALL && condition->kind != PFS_COND_ANY) {
        assert(condition->column >= 0); /* what is no column was refused by the parser */
        assert(condition->children == 0);
        uses[condition->column] = true;
    }
    for (int32_t i = 0; i < condition->children; i++)
        pfs_condition_columns(condition->child[i], uses);
}

bool pfs_condition_only(const struct pfs_condition *condition, const bool *columns)
{
    if (condition == NULL)
        return true;
    for (int32_t i = 0; i < condition->children; i++)
        if (!pfs_condition_only(condition->child[i], columns))
            return false;
    return condition->children > 0 || columns[condition->column];
}

/* An OR may be held to one value too, by each of its sides the same; nobody writes that. A field of a ROW is passed
 * over: the value would be the field's and not the column's. */
const struct pfs_column *pfs_condition_value(const struct pfs_condition *condition, int32_t column)
{
    const struct pfs_column *value = NULL;

    if (condition == NULL)
        return NULL;
    if (condition->kind == PFS_COND_COMPARE && condition->how == PFS_EQ && condition->column == column &&
        condition->steps == 0 && condition->type->kind != PFS_FLOAT && condition->type->kind != PFS_DOUBLE)
        return &condition->literal;
    for (int32_t i = 0; condition->kind == PFS_COND_ALL && value == NULL && i < condition->children; i++)
        value = pfs_condition_value(condition->child[i], column);
    return value;
}
