/* settings.c - `options` as a file: lines that are written become an ALTER TABLE.
 *
 * Appended lines are carried out as they come, whole ones in the write that brought their end; a file that was
 * truncated first is what all options shall be, so that it waits for its flush: what it does not name is removed. */
#include "fs/tree/settings.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "fs/tree/internal.h"

#define TEXT_MAX ((size_t)1 << 16)
#define CHANGES_MAX 1024

struct pfs_settings {
    struct pfs_tree *tree;
    struct pfs_table *table;
    struct pfs_errors *errors; /* the table's */
    bool replaces;
    pthread_mutex_t lock; /* guards all below */
    struct pfs_buf text;  /* not carried out yet */
    uint64_t done;        /* bytes before it, carried out or given up */
};

int pfs_settings_open(struct pfs_tree *tree, const struct pfs_place *place, bool replaces, struct pfs_settings **out,
                      struct pfs_err *err)
{
    struct pfs_settings *s;
    int rc;

    PFS_TRY(pfs_tree_writable(tree, place, err));
    s = pfs_zalloc(sizeof(*s));
    if (s == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a handle");
    rc = pfs_tree_errors(tree, place, &s->errors, err);
    if (rc == 0)
        rc = pfs_tree_table(tree, place, &s->table, err);
    if (rc < 0) {
        pfs_free(s);
        return rc;
    }
    s->tree = tree;
    s->replaces = replaces;
    pthread_mutex_init(&s->lock, NULL);
    pfs_buf_init(&s->text, TEXT_MAX);
    *out = s;
    return 0;
}

void pfs_settings_close(struct pfs_settings *settings)
{
    if (settings == NULL)
        return;
    pfs_table_unref(settings->table);
    pfs_buf_done(&settings->text);
    pthread_mutex_destroy(&settings->lock);
    pfs_free(settings);
}

/* ---- lines ---- */

struct lines {
    struct pfs_arena arena;
    struct pfs_option *item;
    int32_t count;
};

static char *trimmed(char *text)
{
    size_t len;

    text += strspn(text, " \t\r");
    len = strlen(text);
    while (len > 0 && strchr(" \t\r", text[len - 1]) != NULL)
        len--;
    text[len] = '\0';
    return text;
}

/* As a line of java.util.Properties, but for its escapes: blanks around key and value do not count, nor do comments. */
static int add_line(struct lines *l, char *line, struct pfs_err *err)
{
    char *equals = strchr(line, '='), *key;

    line = trimmed(line);
    if (line[0] == '\0' || line[0] == '#')
        return 0;
    if (equals == NULL)
        return pfs_fail(err, EINVAL, "options: '%.80s' is not a line key = value", line);
    *equals = '\0';
    key = trimmed(line);
    if (key[0] == '\0')
        return pfs_fail(err, EINVAL, "options: a line has no key before its '='");
    if (l->count == CHANGES_MAX)
        return pfs_fail(err, EINVAL, "options: more than %d lines at once", CHANGES_MAX);
    for (int32_t i = 0; i < l->count; i++)
        if (strcmp(l->item[i].key, key) == 0)
            return pfs_fail(err, EINVAL, "option %s is given twice", key);
    l->item[l->count++] = (struct pfs_option){.key = key, .value = trimmed(equals + 1)};
    return 0;
}

/* Text that is not UTF-8 would make a schema file that nobody reads. */
static int parse(struct lines *l, struct pfs_slice text, struct pfs_err *err)
{
    char *rest = pfs_arena_string(&l->arena, text), *line;

    l->item = pfs_arena_array(&l->arena, CHANGES_MAX, sizeof(*l->item));
    if (rest == NULL || l->item == NULL)
        return pfs_arena_full(&l->arena, err);
    if (memchr(text.at, 0, text.len) != NULL || pfs_utf8_check(text) < text.len)
        return pfs_fail(err, EINVAL, "options: what is written is not text");
    while ((line = strsep(&rest, "\n")) != NULL)
        PFS_TRY(add_line(l, line, err));
    return 0;
}

/* ---- changes ---- */

static const char *value_of(const struct lines *l, const char *key)
{
    for (int32_t i = 0; i < l->count; i++)
        if (strcmp(l->item[i].key, key) == 0)
            return l->item[i].value;
    return NULL;
}

/* The option `comment` is the table's comment. */
static struct pfs_schema_change change_of(const char *key, const char *value)
{
    bool comment = strcmp(key, "comment") == 0;

    return (struct pfs_schema_change){.kind = comment         ? PFS_CHANGE_TABLE_COMMENT
                                              : value != NULL ? PFS_CHANGE_SET_OPTION
                                                              : PFS_CHANGE_REMOVE_OPTION,
                                      .key = key,
                                      .text = value};
}

/* Only what differs: a table whose options are as they shall be gets no new schema. */
static int alter(struct pfs_settings *s, struct lines *l, struct pfs_err *err)
{
    const struct pfs_schema *schema;
    struct pfs_schema_change *change;
    int32_t changes = 0;

    PFS_TRY(pfs_table_schema(s->table, &schema, err));
    change = pfs_arena_array(&l->arena, (size_t)l->count + (size_t)schema->options.count, sizeof(*change));
    if (change == NULL)
        return pfs_arena_full(&l->arena, err);
    for (int32_t i = 0; i < l->count; i++) {
        const char *now = pfs_options_get(&schema->options, l->item[i].key);

        if (now == NULL || strcmp(now, l->item[i].value) != 0)
            change[changes++] = change_of(l->item[i].key, l->item[i].value);
    }
    for (int32_t i = 0; s->replaces && i < schema->options.count; i++)
        if (value_of(l, schema->options.item[i].key) == NULL)
            change[changes++] = change_of(schema->options.item[i].key, NULL);
    assert(changes <= l->count + schema->options.count);
    return changes == 0 ? 0 : pfs_table_alter(s->table, change, changes, err);
}

/* What is acknowledged is committed before, under the options that it was taken by. */
static int carry_out(struct pfs_settings *s, struct pfs_slice text, struct pfs_err *err)
{
    struct lines l = {0};
    int rc;

    pfs_arena_init(&l.arena, PFS_ARENA_LIMIT);
    rc = parse(&l, text, err);
    if (rc == 0 && l.count > 0) {
        if (s->tree->ingest != NULL) /* as before a statement */
            (void)pfs_ingest_commit_all(s->tree->ingest, NULL);
        rc = alter(s, &l, err);
    }
    pfs_arena_done(&l.arena);
    return rc;
}

/* ---- requests ---- */

struct job {
    struct pfs_settings *settings;
    struct pfs_request *request;
    uint64_t to; /* the end of the text that is carried out, counted from the first byte of all */
    int64_t result;
};

/* On the pool: a schema is published here. */
static void work(void *context)
{
    struct job *j = context;
    struct pfs_settings *s = j->settings;
    struct pfs_request *request = j->request;
    int64_t result = j->result;
    uint64_t to = j->to;
    size_t len;
    int rc = 0;

    pfs_free(j);
    pthread_mutex_lock(&s->lock);
    len = to > s->done ? (size_t)(to - s->done) : 0; /* 0: another request has done it meanwhile */
    assert(len <= s->text.len);
    if (len > 0)
        rc = carry_out(s, pfs_slice_of(s->text.at, len), &request->err);
    if (rc < 0) {
        pfs_errors_add(s->errors, pfs_clock_now_ms(s->tree->config.clock), request->pid, NULL, &request->err);
        s->done += s->text.len;
        pfs_buf_clear(&s->text);
    } else if (len > 0) {
        memmove(s->text.at, s->text.at + len, s->text.len - len);
        s->text.len -= len;
        s->done += len;
    }
    pthread_mutex_unlock(&s->lock);
    request->done(request, rc < 0 ? rc : result);
}

/* Carries out what comes before `to`; 0: nothing is to be carried out. Requests of one handle may overlap: a descriptor
 * may be closed while another one is written to. */
static void submit(struct pfs_settings *s, struct pfs_request *request, uint64_t to, int64_t result)
{
    struct job *j = to == 0 ? NULL : pfs_zalloc(sizeof(*j));

    if (to == 0) {
        request->done(request, result);
    } else if (j == NULL) {
        request->done(request, pfs_fail(&request->err, ENOMEM, "no memory for a request"));
    } else {
        *j = (struct job){s, request, to, result};
        if (s->tree->config.pool == NULL || pfs_pool_submit(s->tree->config.pool, true, work, j) < 0)
            work(j);
    }
}

/* Whole lines are carried out by the write that ended them, so that a mistake is told by it. */
void pfs_settings_write(struct pfs_settings *settings, struct pfs_request *request, struct pfs_slice bytes)
{
    size_t whole = 0;
    uint64_t to;
    int rc;

    pthread_mutex_lock(&settings->lock);
    pfs_buf_put(&settings->text, bytes.at, bytes.len);
    rc = pfs_buf_check(&settings->text, &request->err);
    if (rc < 0) { /* as much of it as there is */
        settings->done += settings->text.len;
        pfs_buf_clear(&settings->text);
    }
    for (size_t i = settings->text.len; i > 0 && whole == 0 && !settings->replaces; i--)
        whole = settings->text.at[i - 1] == '\n' ? i : 0;
    to = whole == 0 ? 0 : settings->done + whole;
    pthread_mutex_unlock(&settings->lock);
    if (rc < 0)
        request->done(request, rc);
    else
        submit(settings, request, to, (int64_t)bytes.len);
}

/* The rest, which may lack its newline; of a file that was truncated all of it. */
void pfs_settings_flush(struct pfs_settings *settings, struct pfs_request *request)
{
    uint64_t to;

    pthread_mutex_lock(&settings->lock);
    to = settings->text.len == 0 ? 0 : settings->done + settings->text.len;
    pthread_mutex_unlock(&settings->lock);
    submit(settings, request, to, 0);
}
