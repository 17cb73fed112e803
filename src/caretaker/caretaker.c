/* caretaker.c - the list of tables, and the two threads that take turns with them.
 *
 * A table that was committed to once stays on the list; its facts are few, and it is held only while there is something
 * to do. The list of turns has the same order as that of tables: turns.c chooses by place. */
#include "src/caretaker/caretaker.h"

#include <assert.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "src/caretaker/internal.h"

/* ---- tables ---- */

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

struct pfs_care *pfs_care_find(const struct pfs_caretaker *caretaker, const struct pfs_table *table)
{
    for (int32_t i = 0; i < caretaker->cares; i++) {
        struct pfs_care *c = caretaker->care[i];

        if (same_text(c->name, pfs_table_name(table)) && same_text(c->database, pfs_table_database(table)) &&
            same_text(c->branch, pfs_table_branch(table)))
            return c;
    }
    return NULL;
}

static void care_free(struct pfs_care *care)
{
    pfs_table_unref(care->table);
    pfs_free(care->database);
    pfs_free(care->name);
    pfs_free(care->branch);
    pfs_free(care);
}

static struct pfs_care *care_new(const struct pfs_table *table)
{
    const char *branch = pfs_table_branch(table);
    struct pfs_care *care = pfs_zalloc(sizeof(*care));

    if (care == NULL)
        return NULL;
    care->database = pfs_strdup(pfs_table_database(table));
    care->name = pfs_strdup(pfs_table_name(table));
    care->branch = branch == NULL ? NULL : pfs_strdup(branch);
    if (care->database == NULL || care->name == NULL || (branch != NULL && care->branch == NULL)) {
        care_free(care);
        return NULL;
    }
    return care;
}

static bool make_room(struct pfs_caretaker *u)
{
    int32_t room = u->room == 0 ? 16 : u->room * 2;
    struct pfs_care **care;
    const struct pfs_turn **turn;

    if (u->cares < u->room)
        return true;
    care = pfs_alloc_array((size_t)room, sizeof(*care));
    turn = pfs_alloc_array((size_t)room, sizeof(*turn));
    if (care == NULL || turn == NULL) {
        pfs_free(care);
        pfs_free(turn);
        return false;
    }
    for (int32_t i = 0; i < u->cares; i++) {
        care[i] = u->care[i];
        turn[i] = u->turn[i];
    }
    pfs_free(u->care);
    pfs_free(u->turn);
    u->care = care;
    u->turn = turn;
    u->room = room;
    return true;
}

/* Lock held. NULL: no memory; the next commit tries again. */
static struct pfs_care *get_care(struct pfs_caretaker *u, const struct pfs_table *table)
{
    struct pfs_care *care = pfs_care_find(u, table);

    if (care != NULL || !make_room(u) || (care = care_new(table)) == NULL)
        return care;
    assert(u->cares < u->room);
    u->care[u->cares] = care;
    u->turn[u->cares++] = &care->turn;
    return care;
}

void pfs_caretaker_committed(struct pfs_caretaker *caretaker, struct pfs_table *table)
{
    struct pfs_care *care;

    pthread_mutex_lock(&caretaker->lock);
    care = get_care(caretaker, table);
    if (care != NULL) {
        care->turn.changed = true;
        if (care->table == NULL)
            care->table = pfs_table_ref(table);
        pthread_cond_broadcast(&caretaker->changed);
    }
    pthread_mutex_unlock(&caretaker->lock);
}

/* ---- threads ---- */

static void wait_until(struct pfs_caretaker *u, int64_t at_ms)
{
    struct timespec ts = {.tv_sec = (time_t)(at_ms / 1000), .tv_nsec = (long)(at_ms % 1000) * 1000000};

    if (at_ms == INT64_MAX)
        pthread_cond_wait(&u->changed, &u->lock);
    else
        pthread_cond_timedwait(&u->changed, &u->lock, &ts);
}

static void serve(struct pfs_caretaker *u, enum pfs_turn_kind kind)
{
    pthread_mutex_lock(&u->lock);
    while (!pfs_cancelled(&u->cancel)) {
        struct pfs_next_turn next = pfs_turn_next(u->turn, u->cares, kind, pfs_clock_monotonic_ms());
        struct pfs_err err = {0};

        assert(next.table < u->cares);
        if (next.table < 0) {
            wait_until(u, next.at_ms);
            continue;
        }
        if (kind == PFS_TURN_LOOK)
            pfs_care_look(u, u->care[next.table], false);
        else
            (void)pfs_care_compact(u, u->care[next.table], true, &err);
        pthread_cond_broadcast(&u->changed);
    }
    pthread_mutex_unlock(&u->lock);
}

static void *serve_looks(void *context)
{
    serve(context, PFS_TURN_LOOK);
    return NULL;
}

static void *serve_compactions(void *context)
{
    serve(context, PFS_TURN_COMPACT);
    return NULL;
}

int pfs_caretaker_run(struct pfs_caretaker *caretaker, struct pfs_err *err)
{
    int result = 0;

    assert(!caretaker->config.background); /* its threads would take the same turns */
    pthread_mutex_lock(&caretaker->lock);
    for (int32_t i = 0; i < caretaker->cares; i++) {
        struct pfs_care *care = caretaker->care[i];
        struct pfs_err why = {0};

        if (care->turn.changed)
            pfs_care_look(caretaker, care, true);
        if (care->turn.due && pfs_care_compact(caretaker, care, false, &why) < 0 && result == 0) {
            result = -why.code;
            if (err != NULL)
                *err = why;
        }
        care->turn.changed = false;
    }
    pthread_mutex_unlock(&caretaker->lock);
    return result;
}

/* ---- life ---- */

static int start(struct pfs_caretaker *u, struct pfs_err *err)
{
    static void *(*const run[])(void *) = {serve_looks, serve_compactions};

    for (; u->config.background && u->threads < 2; u->threads++)
        if (pthread_create(&u->thread[u->threads], NULL, run[u->threads], u) != 0)
            return pfs_fail(err, EAGAIN, "the threads for compactions cannot be started");
    return 0;
}

int pfs_caretaker_open(const struct pfs_caretaker_config *config, struct pfs_caretaker **out, struct pfs_err *err)
{
    struct pfs_caretaker *u = pfs_zalloc(sizeof(*u));
    pthread_condattr_t attr;
    int rc;

    if (u == NULL)
        return pfs_fail(err, ENOMEM, "no memory for compactions");
    u->config = *config;
    pthread_mutex_init(&u->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&u->changed, &attr);
    pthread_condattr_destroy(&attr);
    rc = start(u, err);
    if (rc < 0) {
        pfs_caretaker_close(u);
        return rc;
    }
    *out = u;
    return 0;
}

void pfs_caretaker_close(struct pfs_caretaker *caretaker)
{
    if (caretaker == NULL)
        return;
    pthread_mutex_lock(&caretaker->lock);
    pfs_cancel(&caretaker->cancel);
    pthread_cond_broadcast(&caretaker->changed);
    pthread_mutex_unlock(&caretaker->lock);
    for (int i = 0; i < caretaker->threads; i++)
        pthread_join(caretaker->thread[i], NULL);
    for (int32_t i = 0; i < caretaker->cares; i++)
        care_free(caretaker->care[i]);
    pfs_free(caretaker->care);
    pfs_free(caretaker->turn);
    pthread_cond_destroy(&caretaker->changed);
    pthread_mutex_destroy(&caretaker->lock);
    pfs_free(caretaker);
}
