/* series.c - versions of one text: the newest that is whole is kept at hand for the next one. */
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "fs/view/internal.h"

/* Lock held; the series comes to the front. */
static struct pfs_series *find(struct pfs_views *v, const char *name)
{
    struct pfs_series **at = &v->series, *found;

    while (*at != NULL && strcmp((*at)->name, name) != 0)
        at = &(*at)->next;
    found = *at;
    if (found == NULL)
        return NULL;
    *at = found->next;
    found->next = v->series;
    v->series = found;
    return found;
}

struct pfs_view *pfs_series_find(struct pfs_view *view, struct pfs_spool_base **text)
{
    struct pfs_series *s = view->source.series != NULL ? find(view->views, view->source.series) : NULL;
    struct pfs_rendering *whole;

    if (s == NULL || s->view == view)
        return NULL;
    whole = pfs_view_whole(s->view);
    if (whole == NULL || whole->spool.fd < 0)
        return NULL;
    *text = pfs_spool_base_of(&whole->spool);
    if (*text == NULL)
        return NULL;
    assert(s->view->index != NULL);
    s->view->refs++;
    return s->view;
}

static void free_series(struct pfs_series *s)
{
    if (s == NULL)
        return;
    pfs_view_unref(s->view);
    pfs_free(s->name);
    pfs_free(s);
}

/* Lock held: the one that was used longest ago, when there are too many. */
static struct pfs_series *cut(struct pfs_views *v)
{
    struct pfs_series **at = &v->series, *last;

    for (int i = 0; *at != NULL && i < PFS_SERIES_MAX; i++)
        at = &(*at)->next;
    last = *at;
    *at = NULL;
    return last;
}

/* Without memory for it the next version is rendered anew. */
void pfs_series_put(struct pfs_view *view)
{
    struct pfs_views *v = view->views;
    struct pfs_series *made = pfs_zalloc(sizeof(*made)), *s, *old = NULL;
    struct pfs_view *before = NULL;
    char *name = pfs_strdup(view->source.series);

    assert(view->source.series != NULL);
    assert(view->index != NULL);
    pfs_park_lock(v->config.park);
    s = find(v, view->source.series);
    if (s == NULL && made != NULL && name != NULL) {
        *made = (struct pfs_series){v->series, name, NULL};
        v->series = s = made;
        made = NULL;
        name = NULL;
    }
    if (s != NULL && s->view != view) {
        before = s->view;
        s->view = view;
        view->refs++;
    }
    old = cut(v);
    pfs_park_unlock(v->config.park);
    pfs_free(made);
    pfs_free(name);
    pfs_view_unref(before);
    free_series(old);
}

void pfs_series_forget(struct pfs_views *views)
{
    for (;;) {
        struct pfs_series *s;

        pfs_park_lock(views->config.park);
        s = views->series;
        if (s != NULL)
            views->series = s->next;
        pfs_park_unlock(views->config.park);
        if (s == NULL)
            return;
        free_series(s);
    }
}
