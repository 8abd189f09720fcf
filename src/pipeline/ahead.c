/* SPDX-License-Identifier: Apache-2.0 */
/* Asking for versions ahead of the run: see ahead.h. */
#include "pipeline/ahead.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "proc/thread.h"

#define TEXT_MAX ((size_t)1 << 20) /* of one item, as in the stream */

typedef struct entry {
    mr_item item;
    mr__buf text;
    mr__version stored;
    mr_status status;
    mr_error error;
    bool ready, unchanged;
} entry;

/* Entries are counted from the first on; number n lies at n % MR__AHEAD_ITEMS.
 * out <= in <= out + MR__AHEAD_ITEMS; askers have seen all before `asked`, or before `out`. */
struct mr__ahead {
    mr__ahead_options options;
    pthread_mutex_t lock; /* for all that follows; an entry that is asked for is its asker's */
    pthread_cond_t room, work, ready;
    uint64_t out, asked, in;
    bool lent; /* `out` is the caller's until it comes again */
    bool closing;
    entry entries[MR__AHEAD_ITEMS];
    pthread_t reader, askers[MR__AHEAD_ASKERS];
    unsigned n_askers;
    bool reads;
};

static entry *at(mr__ahead *a, uint64_t number)
{
    return &a->entries[number % MR__AHEAD_ITEMS];
}

static bool add(mr__buf *text, const char *from, size_t *offset)
{
    *offset = text->len;
    return !from || mr__buf_add(text, from, strlen(from) + 1);
}

/* What the source lends is kept, except bytes: nothing more is read while those are lent. */
static bool keep(entry *e, const mr_item *item)
{
    const char *const from[] = {item->locator, item->uri, item->id, item->key, item->metadata};
    const char **const to[] = {&e->item.locator, &e->item.uri, &e->item.id, &e->item.key,
                               &e->item.metadata};
    size_t offsets[sizeof from / sizeof from[0]];

    e->item = *item;
    e->text.max = TEXT_MAX;
    mr__buf_reset(&e->text);
    for (size_t i = 0; i < sizeof from / sizeof from[0]; i++)
        if (!add(&e->text, from[i], &offsets[i]))
            return false;
    for (size_t i = 0; i < sizeof from / sizeof from[0]; i++)
        *to[i] = from[i] ? e->text.data + offsets[i] : NULL;
    return true;
}

static void *ask(void *arg)
{
    mr__ahead *a = arg;

    pthread_mutex_lock(&a->lock);
    while (!a->closing) {
        uint64_t number = a->asked > a->out ? a->asked : a->out;
        mr__version now = {0};
        mr_error ignored;
        entry *e;
        bool same;

        if (number == a->in) {
            (void)pthread_cond_wait(&a->work, &a->lock);
            continue;
        }
        a->asked = number + 1;
        e = at(a, number);
        if (e->ready)
            continue;
        pthread_mutex_unlock(&a->lock);
        /* what cannot be looked at is not unchanged: it fails with its reason where it is fetched
         */
        same = mr__fetch_stat(a->options.fetch, e->item.locator, &now, &ignored) == MR_OK &&
               mr__version_equal(&now, &e->stored);
        pthread_mutex_lock(&a->lock);
        e->unchanged = same;
        e->ready = true;
        (void)pthread_cond_signal(&a->ready);
    }
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

/* Puts it in, under the lock. False: it is the last. */
static bool put(mr__ahead *a, const mr_item *item, const mr__version *stored, bool asks)
{
    entry *e = at(a, a->in);

    e->unchanged = false;
    e->ready = !asks;
    e->stored = *stored;
    if (e->status == MR_OK && !keep(e, item)) {
        e->status = mr__error_no_memory(&e->error, "read ahead");
        e->ready = true;
    }
    a->in++;
    (void)pthread_cond_signal(e->ready ? &a->ready : &a->work);
    /* one that cannot be started is no reason to fail: there are others */
    if (!e->ready && a->n_askers < MR__AHEAD_ASKERS &&
        mr__thread_start(&a->askers[a->n_askers], ask, a, NULL) == MR_OK)
        a->n_askers++;
    return e->status == MR_OK;
}

static void *read_on(void *arg)
{
    mr__ahead *a = arg;
    bool goes_on = true;

    pthread_mutex_lock(&a->lock);
    while (goes_on) {
        mr__version stored = {0};
        mr_item item = {0};
        bool asks = false;
        entry *e;

        while (!a->closing && (a->in - a->out == MR__AHEAD_ITEMS ||
                               (a->in > a->out && at(a, a->in - 1)->item.bytes)))
            (void)pthread_cond_wait(&a->room, &a->lock);
        if (a->closing)
            break;
        e = at(a, a->in);
        pthread_mutex_unlock(&a->lock);
        e->status = a->options.next(a->options.cookie, &item, &stored, &asks, &e->error);
        pthread_mutex_lock(&a->lock);
        goes_on = put(a, &item, &stored, asks && e->status == MR_OK);
    }
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

mr_status mr__ahead_open(const mr__ahead_options *options, mr__ahead **out, mr_error *err)
{
    mr__ahead *a = calloc(1, sizeof *a);
    mr_status status;

    *out = NULL;
    if (!a)
        return mr__error_no_memory(err, "read ahead");
    a->options = *options;
    (void)pthread_mutex_init(&a->lock, NULL);
    mr__cond_init(&a->room);
    mr__cond_init(&a->work);
    mr__cond_init(&a->ready);
    pthread_mutex_lock(&a->lock);
    status = put(a, options->first, options->stored, true) ? MR_OK : MR_E_NO_MEMORY;
    if (status != MR_OK && err)
        *err = at(a, 0)->error;
    pthread_mutex_unlock(&a->lock);
    /* without an asker nothing would come out */
    if (status == MR_OK && a->n_askers == 0)
        status = mr__error_set(err, MR_E_ENV, "read ahead: no thread");
    if (status == MR_OK)
        status = mr__thread_start(&a->reader, read_on, a, err);
    a->reads = status == MR_OK;
    if (status != MR_OK)
        mr__ahead_close(&a);
    *out = a;
    return status;
}

mr_status mr__ahead_next(mr__ahead *a, mr_item *item, bool *unchanged, mr_error *err)
{
    mr_status status;
    entry *e;

    pthread_mutex_lock(&a->lock);
    if (a->lent) {
        a->out++;
        (void)pthread_cond_signal(&a->room);
    }
    e = at(a, a->out);
    while (a->in == a->out || !e->ready)
        (void)pthread_cond_wait(&a->ready, &a->lock);
    a->lent = e->status == MR_OK;
    *item = e->item;
    *unchanged = e->unchanged;
    status = e->status;
    if (status < 0 && err)
        *err = e->error;
    pthread_mutex_unlock(&a->lock);
    return status;
}

void mr__ahead_close(mr__ahead **ahead)
{
    mr__ahead *a = *ahead;

    if (!a)
        return;
    pthread_mutex_lock(&a->lock);
    a->closing = true;
    (void)pthread_cond_broadcast(&a->room);
    (void)pthread_cond_broadcast(&a->work);
    pthread_mutex_unlock(&a->lock);
    if (a->reads)
        (void)pthread_join(a->reader, NULL);
    for (unsigned i = 0; i < a->n_askers; i++) /* the reader starts no more */
        (void)pthread_join(a->askers[i], NULL);
    for (unsigned i = 0; i < MR__AHEAD_ITEMS; i++)
        mr__buf_fini(&a->entries[i].text);
    (void)pthread_cond_destroy(&a->room);
    (void)pthread_cond_destroy(&a->work);
    (void)pthread_cond_destroy(&a->ready);
    (void)pthread_mutex_destroy(&a->lock);
    free(a);
    *ahead = NULL;
}
