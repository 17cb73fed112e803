/* journal.c - records into segments: which segment, what is refused, what is removed.
 *
 *   oldest -> ... -> current:  | header | cuts, ends | record | record | reserved zeros ...
 *                                                    ^durable ^appended
 *
 * A transaction counts in `waiting` of the segment of its first record, from that record on until its RETIRED is
 * durable or all of it was lost; the oldest segment goes when nothing waits in it. So a record is there as long as its
 * transaction, and the record that retired one is there as long as what it retired. */
#include "src/journal/journal.h"

#include <assert.h>
#include <stdio.h>
#include <time.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/uuid.h"
#include "src/journal/internal.h"

#define SMALL_BODY_BYTES ((size_t)64 << 10) /* copied behind its head, so that one write does */
#define RESERVED_BYTES ((uint64_t)1 << 20)
#define STALE_BYTES ((uint64_t)1 << 20) /* a segment of only retired transactions is left for a new one from here */

int pfs_segment_path(char out[static 128], const char *uuid, int32_t number)
{
    return snprintf(out, 128, PFS_JOURNAL_DIRECTORY "/journal-%s-%d", uuid, number);
}

static void journal_free(struct pfs_journal *j)
{
    pfs_free(j->slots);
    pfs_buf_done(&j->scratch);
    pfs_near_done(&j->near);
    pthread_cond_destroy(&j->gather);
    pthread_cond_destroy(&j->wanted);
    pthread_cond_destroy(&j->change);
    pthread_mutex_destroy(&j->state);
    pthread_mutex_destroy(&j->append);
    pfs_free(j);
}

int pfs_journal_open(const struct pfs_journal_config *config, struct pfs_journal **out, struct pfs_err *err)
{
    pthread_condattr_t monotonic;
    struct pfs_journal *j;
    int rc;

    assert(config->store != NULL);
    assert(config->user != NULL);
    if (strlen(config->user) > PFS_SEGMENT_USER_MAX)
        return pfs_fail(err, EINVAL, "the commit user has more than %d bytes", PFS_SEGMENT_USER_MAX);
    j = pfs_zalloc(sizeof(*j));
    if (j != NULL)
        j->slots = pfs_alloc_array(SLOTS_BEGIN, sizeof(struct transaction *));
    if (j == NULL || j->slots == NULL) {
        pfs_free(j);
        return pfs_fail(err, ENOMEM, "no memory for a journal");
    }
    j->slot_count = SLOTS_BEGIN;
    j->store = config->store;
    j->segment_bytes = config->segment_bytes != 0 ? config->segment_bytes : (uint64_t)64 << 20;
    j->limit_bytes = config->limit_bytes != 0 ? config->limit_bytes : (uint64_t)4 << 30;
    pfs_host_describe(&j->header.host);
    pfs_uuid_make(j->header.uuid);
    memcpy(j->header.user, config->user, strlen(config->user) + 1);
    pfs_near_init(&j->near);
    pthread_mutex_init(&j->append, NULL);
    pthread_mutex_init(&j->state, NULL);
    pthread_cond_init(&j->change, NULL);
    pthread_cond_init(&j->wanted, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&j->gather, &monotonic);
    pthread_condattr_destroy(&monotonic);
    rc = pfs_journal_start_leader(j, err);
    if (rc < 0) {
        journal_free(j);
        return rc;
    }
    *out = j;
    return 0;
}

/* ---- transactions ---- */

/* By hash, for numbers of one process are neighbours. */
static struct transaction **slot_of(struct pfs_journal *j, uint64_t number)
{
    return &j->slots[pfs_hash64(&number, sizeof(number), 0) & (j->slot_count - 1)];
}

struct transaction *pfs_journal_find(struct pfs_journal *j, uint64_t number)
{
    struct transaction *t = *slot_of(j, number);

    while (t != NULL && t->number != number)
        t = t->next;
    return t;
}

/* Transactions wait by the thousand when a disk is slow. */
static void grow_slots(struct pfs_journal *j)
{
    struct transaction **old = j->slots, **grown = pfs_alloc_array(j->slot_count * 2, sizeof(struct transaction *));
    size_t count = j->slot_count;

    assert((count & (count - 1)) == 0); /* a slot is told by the low bits of a hash */
    if (grown == NULL)
        return; /* longer chains */
    j->slots = grown;
    j->slot_count *= 2;
    for (size_t i = 0; i < count; i++)
        for (struct transaction *t = old[i], *next; t != NULL; t = next) {
            struct transaction **slot = slot_of(j, t->number);

            next = t->next;
            t->next = *slot;
            *slot = t;
        }
    pfs_free(old);
}

static struct transaction *find_or_make(struct pfs_journal *j, uint64_t number)
{
    struct transaction *t = pfs_journal_find(j, number), **slot;

    assert(number != 0); /* 0 is that of the journal's own records */
    if (t != NULL)
        return t;
    if (j->transactions >= j->slot_count)
        grow_slots(j);
    t = pfs_zalloc(sizeof(*t));
    if (t == NULL)
        return NULL;
    slot = slot_of(j, number);
    t->number = number;
    t->next = *slot;
    *slot = t;
    j->transactions++;
    return t;
}

void pfs_journal_forget(struct pfs_journal *j, struct transaction *t)
{
    struct transaction **at = slot_of(j, t->number);

    while (*at != NULL && *at != t)
        at = &(*at)->next;
    assert(*at == t);
    assert(j->transactions > 0);
    assert(t->first == NULL || t->first->waiting > 0);
    *at = t->next;
    if (t->first != NULL)
        t->first->waiting--;
    j->transactions--;
    pfs_free(t);
}

void pfs_journal_lose(struct pfs_journal *j, struct transaction *t)
{
    t->failed = true;
    if (t->first != NULL && t->first_seq > j->durable) { /* nothing of it is left */
        assert(t->first->waiting > 0);
        t->first->waiting--;
        t->first = NULL;
    }
}

uint64_t pfs_journal_transaction(struct pfs_journal *j)
{
    uint64_t number;

    pthread_mutex_lock(&j->state);
    number = ++j->numbers;
    pthread_mutex_unlock(&j->state);
    return number;
}

/* ---- segments ---- */

void pfs_journal_unref(struct pfs_journal *j, struct segment *segment)
{
    bool last;

    pthread_mutex_lock(&j->state);
    assert(segment->refs > 0);
    last = --segment->refs == 0;
    pthread_mutex_unlock(&j->state);
    if (last) {
        pfs_file_close(segment->file);
        pfs_free(segment);
    }
}

/* The oldest segment, when nothing in it waits, taken off the list; `all`: the current one too. */
struct segment *pfs_journal_detach(struct pfs_journal *j, bool all)
{
    struct segment *s = j->oldest;

    if (s == NULL || s->waiting > 0 || (s == j->current && !all))
        return NULL;
    assert(s->waiting == 0);
    assert(j->bytes >= s->appended);
    j->oldest = s->next;
    if (s == j->current)
        j->current = NULL;
    j->bytes -= s->appended;
    return s;
}

int pfs_journal_remove(struct pfs_journal *j, struct segment *segment, struct pfs_err *err)
{
    char path[128];
    int rc;

    pfs_segment_path(path, j->header.uuid, segment->number);
    rc = pfs_store_unlink(j->store, path, err);
    if (rc == -ENOENT)
        rc = 0;
    /* Durable before a younger segment goes: that one may hold the records that retired what is in this one. */
    if (rc == 0)
        rc = pfs_store_sync_dir(j->store, PFS_JOURNAL_DIRECTORY, err);
    return rc;
}

/* A new file of its own, locked. Another journal's owner who looks for dead ones may be quicker with the lock of the
 * empty file, and removes it: then the next name is tried. */
static int create_segment(struct pfs_journal *j, struct pfs_file **out, char path[static 128], struct pfs_err *err)
{
    int rc = -EAGAIN;

    for (int attempt = 0; attempt < 8 && (rc == -EAGAIN || rc == -ENOENT || rc == -EEXIST); attempt++) {
        pfs_segment_path(path, j->header.uuid, j->header.number);
        rc = pfs_store_open_locked(j->store, path, true, out, err);
        if (rc == -EAGAIN)
            (void)pfs_store_unlink(j->store, path, NULL);
        if (rc < 0)
            j->header.number++;
    }
    if (rc == -EAGAIN || rc == -ENOENT || rc == -EEXIST)
        return pfs_fail(err, EIO, "%s: cannot be locked", path);
    return rc;
}

/* As one stretch of bytes: a crash leaves all of it, or less than a record. */
static void put_record(struct pfs_buf *out, uint64_t seed, uint32_t kind, uint64_t transaction, struct pfs_slice body)
{
    uint8_t *at = pfs_buf_reserve(out, PFS_RECORD_HEAD + body.len);

    if (at == NULL)
        return;
    pfs_record_put_head(at, seed, kind, transaction, body);
    if (body.len > 0)
        memcpy(at + PFS_RECORD_HEAD, body.at, body.len);
    out->len += PFS_RECORD_HEAD + body.len;
}

/* Seals that were lost with a failed sync, of transactions that have durable records: without one a replay would take
 * its part for the last of all. `state` held. */
static void put_lost_seals(struct pfs_journal *j)
{
    for (size_t i = 0; i < j->slot_count; i++)
        for (const struct transaction *t = j->slots[i]; t != NULL; t = t->next)
            if (t->seal_lost && t->first != NULL && !t->leaving)
                put_record(&j->scratch, j->header.seed, PFS_JOURNAL_SEAL, t->number,
                           pfs_slice_of(t->seal, sizeof(t->seal)));
}

/* What a new segment begins with: the header; what of older ones does not count; and the seals and ends of transactions
 * that were lost with a failed sync, which nobody would tell again. */
static int put_beginning(struct pfs_journal *j, struct pfs_err *err)
{
    uint8_t cut[12];

    pfs_buf_clear(&j->scratch);
    PFS_TRY(pfs_segment_put_header(&j->header, &j->scratch, err));
    pthread_mutex_lock(&j->state);
    for (const struct segment *s = j->oldest; s != NULL; s = s->next)
        if (s->poisoned) {
            pfs_put_le32(cut, (uint32_t)s->number);
            pfs_put_le64(cut + 4, s->durable);
            put_record(&j->scratch, j->header.seed, PFS_RECORD_CUT, 0, pfs_slice_of(cut, sizeof(cut)));
        }
    put_lost_seals(j);
    for (struct transaction *t = j->left_first; t != NULL; t = t->next_left) {
        t->again = true;
        put_record(&j->scratch, j->header.seed, PFS_JOURNAL_RETIRED, t->number, pfs_slice_of(NULL, 0));
    }
    pthread_mutex_unlock(&j->state);
    return pfs_buf_check(&j->scratch, err);
}

int pfs_journal_begin_segment(struct pfs_journal *j, struct pfs_err *err)
{
    struct segment *s = pfs_zalloc(sizeof(*s));
    char path[128];
    int rc = s == NULL ? pfs_fail(err, ENOMEM, "no memory for a segment") : create_segment(j, &s->file, path, err);

    if (rc < 0) {
        pfs_free(s);
        return rc;
    }
    rc = put_beginning(j, err);
    if (rc == 0)
        rc = pfs_file_append(s->file, j->scratch.at, j->scratch.len, err);
    if (rc == 0)
        rc = pfs_file_sync(s->file, err);
    if (rc == 0)
        rc = pfs_store_sync_dir(j->store, PFS_JOURNAL_DIRECTORY, err);
    j->header.number++;
    if (rc < 0) { /* nothing of worth is in it */
        (void)pfs_store_unlink(j->store, path, NULL);
        pfs_file_close(s->file);
        pfs_free(s);
        return pfs_wrap(err, "journal");
    }
    s->number = j->header.number - 1;
    s->refs = 1;
    s->seed = j->header.seed;
    s->appended = s->durable = j->scratch.len;
    pthread_mutex_lock(&j->state);
    assert(j->durable == j->added); /* `append` is held: nothing was added since the last one was settled */
    assert(j->current == NULL || j->current->ended);
    if (j->current != NULL)
        j->current->next = s;
    else
        j->oldest = s;
    j->current = s;
    j->bytes += s->appended;
    /* The ends that the beginning repeats are durable with it, whatever became of the records that said them first. */
    for (struct transaction *t = j->left_first; t != NULL; t = t->next_left)
        if (t->again)
            t->last_seq = j->durable;
    for (size_t i = 0; i < j->slot_count; i++)
        for (struct transaction *t = j->slots[i]; t != NULL; t = t->next)
            t->seal_lost = false;
    pfs_journal_settle_ends(j);
    pthread_mutex_unlock(&j->state);
    return 0;
}

/* ---- adding ---- */

/* What only retired transactions are in is as good as gone. */
static uint64_t waiting_bytes(const struct pfs_journal *j)
{
    return j->transactions == 0 ? 0 : j->bytes;
}

static bool brings_rows(enum pfs_journal_kind kind)
{
    return kind == PFS_JOURNAL_BEGIN || kind == PFS_JOURNAL_ROWS || kind == PFS_JOURNAL_TAIL ||
           kind == PFS_JOURNAL_FILES;
}

/* Never by adding: the sum could wrap. */
static bool over_limit(const struct pfs_journal *j, uint64_t more)
{
    return j->bytes > j->limit_bytes || more > j->limit_bytes - j->bytes;
}

enum { READY, SYNC_FIRST, BEGIN_FIRST };

/* What is to be done before the record can be appended; or why it cannot be. `state` held. */
static int examine(struct pfs_journal *j, uint64_t number, enum pfs_journal_kind kind, uint64_t bytes,
                   struct pfs_err *err)
{
    const struct transaction *t = pfs_journal_find(j, number);
    struct segment *s = j->current;
    bool settled = j->durable == j->added;

    if (t != NULL && t->failed && kind != PFS_JOURNAL_RETIRED)
        return pfs_fail(err, EIO, "rows of this writer were lost when the journal could not be synced");
    if (brings_rows(kind) && waiting_bytes(j) > 0 && over_limit(j, bytes)) {
        if (!settled && j->left_first != NULL)
            return SYNC_FIRST;
        if (s != NULL && s->ended && j->left_first != NULL)
            return BEGIN_FIRST;
        return pfs_fail(err, EBUSY, "the journal holds %llu bytes that are not in a snapshot yet, its limit is %llu",
                        (unsigned long long)j->bytes, (unsigned long long)j->limit_bytes);
    }
    if (s == NULL)
        return BEGIN_FIRST;
    assert(settled || j->transactions > 0); /* whose record is not durable */
    if (s->appended > j->segment_bytes || (bytes > j->segment_bytes - s->appended && s->waiting > 0) ||
        (s->appended > STALE_BYTES && j->transactions == 0))
        s->ended = true;
    if (!s->ended)
        return READY;
    return settled ? BEGIN_FIRST : SYNC_FIRST;
}

/* Leaves with `append` held and a segment that takes the record, or with an error and without. */
static int make_ready(struct pfs_journal *j, uint64_t number, enum pfs_journal_kind kind, uint64_t bytes,
                      struct pfs_err *err)
{
    int rc;

    pthread_mutex_lock(&j->append);
    for (;;) {
        pthread_mutex_lock(&j->state);
        rc = examine(j, number, kind, bytes, err);
        pthread_mutex_unlock(&j->state);
        if (rc == SYNC_FIRST) {
            /* A failure is the matter of the transactions that lost something: they are marked, and the segment, too.
             */
            pthread_mutex_unlock(&j->append);
            (void)pfs_journal_sync(j, 0, NULL);
            pthread_mutex_lock(&j->append);
            continue;
        }
        if (rc == BEGIN_FIRST)
            rc = pfs_journal_begin_segment(j, err);
        else if (rc == READY)
            return 0;
        if (rc < 0) {
            pthread_mutex_unlock(&j->append);
            return rc;
        }
    }
}

/* Room for small records: it is their syncs that somebody waits for one by one. `append` held. */
static void reserve(const struct pfs_journal *j, struct segment *s, uint64_t more)
{
    uint64_t end = pfs_file_size(s->file), room = j->segment_bytes < RESERVED_BYTES ? j->segment_bytes : RESERVED_BYTES;

    if (end + more <= s->reserved || more > room / 4)
        return;
    pfs_file_reserve(s->file, room);
    s->reserved = end + room;
}

/* Records of one transaction that go together. */
struct records {
    uint64_t number;
    int count;
    struct {
        enum pfs_journal_kind kind;
        struct pfs_slice body;
    } one[2];
};

static uint64_t bytes_of(const struct records *r)
{
    uint64_t bytes = 0;

    for (int i = 0; i < r->count; i++)
        bytes += PFS_RECORD_HEAD + r->one[i].body.len;
    return bytes;
}

/* By one write, but for a large body at the end. */
static int append_records(struct pfs_journal *j, struct segment *s, const struct records *r, struct pfs_err *err)
{
    const int last = r->count - 1;
    const struct pfs_slice body = r->one[last].body;
    bool apart = body.len > SMALL_BODY_BYTES;
    uint8_t *head;

    assert(r->count == 1 || r->count == 2);
    reserve(j, s, bytes_of(r));
    pfs_buf_clear(&j->scratch);
    for (int i = 0; i < r->count - apart; i++)
        put_record(&j->scratch, s->seed, r->one[i].kind, r->number, r->one[i].body);
    if (apart && (head = pfs_buf_reserve(&j->scratch, PFS_RECORD_HEAD)) != NULL) {
        pfs_record_put_head(head, s->seed, r->one[last].kind, r->number, body);
        j->scratch.len += PFS_RECORD_HEAD;
    }
    PFS_TRY(pfs_buf_check(&j->scratch, err));
    PFS_TRY(pfs_file_append(s->file, j->scratch.at, j->scratch.len, err));
    return apart ? pfs_file_append(s->file, body.at, body.len, err) : 0;
}

static void leave(struct pfs_journal *j, struct transaction *t)
{
    assert(!t->leaving);
    t->leaving = true;
    t->next_left = NULL;
    if (j->left_last != NULL)
        j->left_last->next_left = t;
    else
        j->left_first = t;
    j->left_last = t;
}

/* Counts records that were appended; -EIO when the segment was lost meanwhile. `state` held. */
static int count_records(struct pfs_journal *j, struct segment *s, struct transaction *t, const struct records *r,
                         struct pfs_err *err)
{
    bool retires = r->one[r->count - 1].kind == PFS_JOURNAL_RETIRED;

    assert(s == j->current);
    assert(t->number == r->number);
    if (s->poisoned) {
        if (!retires)
            pfs_journal_lose(j, t);
        return pfs_fail(err, EIO, "the journal could not be synced");
    }
    s->appended += bytes_of(r);
    j->bytes += bytes_of(r);
    if (t->first == NULL) {
        t->first = s;
        t->first_seq = j->added + 1;
        s->waiting++;
    }
    j->added += (uint64_t)r->count;
    t->last_seq = j->added;
    if (r->one[r->count - 1].kind == PFS_JOURNAL_SEAL && r->one[r->count - 1].body.len == sizeof(t->seal)) {
        memcpy(t->seal, r->one[r->count - 1].body.at, sizeof(t->seal));
        t->seal_seq = j->added;
    }
    if (retires)
        leave(j, t);
    return 0;
}

/* A failed transaction of which nothing is left needs no record of its end; nor does one that never had a record. */
static bool ends_without_record(struct pfs_journal *j, uint64_t number)
{
    struct transaction *t;
    bool ends;

    pthread_mutex_lock(&j->state);
    t = pfs_journal_find(j, number);
    ends = t == NULL || t->first == NULL || t->leaving;
    if (ends && t != NULL && !t->leaving)
        pfs_journal_forget(j, t);
    pthread_mutex_unlock(&j->state);
    return ends;
}

/* Its end is among the first records of the next segment: nobody would try again. */
static void retire_later(struct pfs_journal *j, uint64_t number)
{
    struct transaction *t;

    pthread_mutex_lock(&j->state);
    t = pfs_journal_find(j, number);
    if (t != NULL && !t->leaving) {
        t->last_seq = UINT64_MAX;
        leave(j, t);
    }
    pthread_mutex_unlock(&j->state);
}

/* What fails leaves the segment ended: half a record may lie at its end, and nothing may follow it. */
static int add(struct pfs_journal *j, const struct records *r, struct pfs_place_in_journal *out, struct pfs_err *err)
{
    const int last = r->count - 1;
    struct pfs_place_in_journal place;
    struct transaction *t;
    struct segment *s;
    int rc;

    for (int i = 0; i < r->count; i++)
        if (r->one[i].body.len > PFS_JOURNAL_BODY_MAX) /* a reader takes a longer one for damage */
            return pfs_fail(err, EFBIG, "a journal record of %zu bytes", r->one[i].body.len);
    PFS_TRY(make_ready(j, r->number, r->one[last].kind, bytes_of(r), err));
    pthread_mutex_lock(&j->state);
    s = j->current;
    assert(s != NULL);
    t = find_or_make(j, r->number);
    pthread_mutex_unlock(&j->state);
    if (t == NULL) {
        pthread_mutex_unlock(&j->append);
        return pfs_fail(err, ENOMEM, "no memory for a transaction");
    }
    place = (struct pfs_place_in_journal){s->number, pfs_file_size(s->file) + bytes_of(r) - r->one[last].body.len,
                                          r->one[last].body.len};
    rc = append_records(j, s, r, err);
    pthread_mutex_lock(&j->state);
    if (rc == 0)
        rc = count_records(j, s, t, r, err);
    else
        s->ended = true; /* with half a record at its end, perhaps */
    if (rc < 0 && t->first == NULL && !t->failed)
        pfs_journal_forget(j, t);
    pthread_mutex_unlock(&j->state);
    pthread_mutex_unlock(&j->append);
    if (rc == 0 && out != NULL)
        *out = place;
    return rc;
}

int pfs_journal_add(struct pfs_journal *j, uint64_t number, enum pfs_journal_kind kind, struct pfs_slice body,
                    struct pfs_place_in_journal *out, struct pfs_err *err)
{
    const struct records one = {.number = number, .count = 1, .one = {{kind, body}}};
    int rc;

    assert(kind < PFS_JOURNAL_KINDS);
    if (kind == PFS_JOURNAL_RETIRED && ends_without_record(j, number))
        return 0;
    rc = add(j, &one, out, err);
    if (rc < 0 && kind == PFS_JOURNAL_RETIRED)
        retire_later(j, number);
    return rc;
}

int pfs_journal_add_begun(struct pfs_journal *j, uint64_t number, struct pfs_slice begin, enum pfs_journal_kind kind,
                          struct pfs_slice body, struct pfs_place_in_journal *out, struct pfs_err *err)
{
    const struct records two = {.number = number, .count = 2, .one = {{PFS_JOURNAL_BEGIN, begin}, {kind, body}}};

    assert(kind != PFS_JOURNAL_BEGIN && brings_rows(kind));
    return add(j, &two, out, err);
}

/* ---- reading, figures, the end ---- */

/* `state` held. */
static struct segment *find_segment(const struct pfs_journal *j, int32_t number)
{
    struct segment *s = j->oldest;

    while (s != NULL && s->number != number)
        s = s->next;
    return s;
}

bool pfs_journal_is_durable(struct pfs_journal *j, struct pfs_place_in_journal place)
{
    const struct segment *s;
    bool durable;

    pthread_mutex_lock(&j->state);
    s = find_segment(j, place.segment);
    durable = s != NULL && place.at <= s->durable && place.len <= s->durable - place.at;
    pthread_mutex_unlock(&j->state);
    return durable;
}

int32_t pfs_journal_segment(struct pfs_journal *j)
{
    int32_t number;

    pthread_mutex_lock(&j->state);
    number = j->current == NULL ? -1 : j->current->number;
    pthread_mutex_unlock(&j->state);
    return number;
}

int pfs_journal_read(struct pfs_journal *j, struct pfs_place_in_journal place, struct pfs_arena *arena,
                     struct pfs_slice *out, struct pfs_err *err)
{
    struct segment *s;
    bool lost = false;
    int rc;

    pthread_mutex_lock(&j->state);
    s = find_segment(j, place.segment);
    if (s != NULL) {
        s->refs++;
        lost = s->poisoned && (place.at > s->durable || place.len > s->durable - place.at);
    }
    pthread_mutex_unlock(&j->state);
    if (s == NULL)
        return pfs_fail(err, EIO, "journal segment %d is not there", place.segment);
    if (lost)
        rc = pfs_fail(err, EIO, "journal segment %d: the record at %llu was lost with a failed sync", place.segment,
                      (unsigned long long)place.at);
    else
        rc = pfs_segment_read(s->file, s->seed, place, arena, out, err);
    pfs_journal_unref(j, s);
    return rc;
}

uint64_t pfs_journal_bytes(struct pfs_journal *j)
{
    uint64_t bytes;

    pthread_mutex_lock(&j->state);
    bytes = waiting_bytes(j);
    pthread_mutex_unlock(&j->state);
    return bytes;
}

void pfs_journal_close(struct pfs_journal *j)
{
    struct segment *s;
    bool removing = true;

    if (j == NULL)
        return;
    (void)pfs_journal_sync(j, 0, NULL);
    pfs_journal_end_leader(j);
    assert(j->waiter_first == NULL);
    assert(j->untold == NULL);
    while (j->oldest != NULL) {
        s = pfs_journal_detach(j, true);
        if (s != NULL && removing)
            removing = pfs_journal_remove(j, s, NULL) == 0;
        if (s == NULL) { /* this one and all younger ones stay */
            removing = false;
            s = j->oldest;
            j->oldest = s->next;
        }
        pfs_journal_unref(j, s);
    }
    for (size_t i = 0; i < j->slot_count; i++)
        for (struct transaction *t = j->slots[i], *next; t != NULL; t = next) {
            next = t->next;
            pfs_free(t);
        }
    journal_free(j);
}
