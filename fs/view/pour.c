/* pour.c - a pass over a view's text that goes straight to a file descriptor. */
#include <assert.h>
#include <unistd.h>

#include "base/mem.h"
#include "fs/view/internal.h"

struct pour {
    struct pfs_view *view;
    struct pfs_request *request;
    int to;
};

int pfs_pour_write(int to, struct pfs_slice bytes, struct pfs_err *err)
{
    while (bytes.len > 0) {
        ssize_t put = write(to, bytes.at, bytes.len);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return pfs_fail(err, errno, "writing: %s", pfs_errno_text(errno));
        bytes.at += put;
        bytes.len -= (size_t)put;
    }
    return 0;
}

static void pour_task(void *context)
{
    struct pour *p = context;
    struct pfs_view_source *source = &p->view->source;
    struct pfs_request *request = p->request;
    struct pfs_sink sink = {NULL, p->to};
    void *pass = NULL;
    int rc;

    assert(p->to >= 0);
    pfs_view_hold_source(p->view, true);
    rc = source->begin(source->context, NULL, &request->cancel, &pass, &request->err);
    if (rc == 0) {
        do
            rc = pfs_cancelled(&request->cancel) ? -ECANCELED : source->step(pass, &sink, &request->err);
        while (rc > 0);
        source->end(pass);
    }
    pfs_view_hold_source(p->view, false);
    pfs_free(p);
    request->done(request, rc == -ECANCELED ? -EINTR : rc);
}

void pfs_view_pour(struct pfs_view *view, struct pfs_request *request, int to)
{
    struct pfs_views *v = view->views;
    struct pour *p = pfs_zalloc(sizeof(*p));
    bool there;

    pfs_park_lock(v->config.park);
    there = pfs_view_whole(view) != NULL;
    pfs_park_unlock(v->config.park);
    if (p == NULL || there) {
        pfs_free(p);
        request->done(request, -EAGAIN);
        return;
    }
    *p = (struct pour){view, request, to};
    if (pfs_pool_submit(v->config.pool, view->source.small, pour_task, p) < 0) {
        pfs_free(p);
        request->done(request, -EAGAIN);
    }
}
