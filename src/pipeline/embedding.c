/* SPDX-License-Identifier: Apache-2.0 */
/* Batches become records. See embedding.h. */
#include "pipeline/embedding.h"

#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/text.h"
#include "proc/thread.h"

#define THREADS_MAX 64

typedef struct embedding {
    mr__embedding_options options;
    pthread_mutex_t lock;
    bool stopping; /* something is wrong */
    bool fruitful; /* a row has been embedded */
    mr_error error;
} embedding;

/* One thread. */
typedef struct hand {
    embedding *e;
    pthread_t thread;
    mr__refusals refused;
    uint32_t n_refused; /* rows of the batch at hand */
} hand;

static bool stopping(embedding *e)
{
    bool answer;

    pthread_mutex_lock(&e->lock);
    answer = e->stopping;
    pthread_mutex_unlock(&e->lock);
    return answer;
}

/* The first error is the one that counts. */
static void fail(embedding *e, mr_status status, const mr_error *err)
{
    pthread_mutex_lock(&e->lock);
    if (!e->stopping) {
        e->stopping = true;
        e->error = *err;
        e->error.status = status;
        e->options.failed(e->options.cookie);
    }
    pthread_mutex_unlock(&e->lock);
}

static mr_status refuse(hand *h, const mr_batch *batch, uint32_t row, const char *why,
                        mr_error *err)
{
    mr__refusals *refused = &h->refused;

    if (refused->room < batch->n_ok) {
        void *more = reallocarray(refused->why, batch->n_ok, sizeof refused->why[0]);
        if (!more)
            return mr__error_no_memory(err, "names of refused rows");
        refused->why = more;
        refused->room = batch->n_ok;
    }
    if (h->n_refused++ == 0)
        memset(refused->why, 0, refused->room * sizeof refused->why[0]);
    (void)mr__text_copy(refused->why[row], sizeof refused->why[row], why);
    return MR_OK;
}

static bool is_refused(const hand *h, uint32_t row)
{
    return h->n_refused > 0 && h->refused.why[row][0];
}

/* The batch was refused: which of its rows are? */
static mr_status one_by_one(hand *h, const mr_batch *batch, float *vectors, mr_error *err)
{
    const mr__embedding_options *o = &h->e->options;
    mr_status status = MR_OK;
    uint32_t row;

    for (row = 0; row < batch->n_ok && status == MR_OK; row++) {
        const unsigned char *data = (const unsigned char *)batch->data + row * batch->row_bytes;
        mr_error why = {0};

        status = mr_embedder_run(o->embedder, data, 1, vectors + (size_t)row * o->dim, &why);
        if (status == MR_E_ITEM)
            status = refuse(h, batch, row, why.message, err);
        else if (status != MR_OK && err)
            *err = why;
    }
    return status;
}

/* A vector that is not finite would be stored as nonsense that no search finds. */
static mr_status check_finite(hand *h, const mr_batch *batch, const float *vectors, mr_error *err)
{
    uint32_t dim = h->e->options.dim, row, d;
    mr_status status = MR_OK;

    for (row = 0; row < batch->n_ok && status == MR_OK; row++) {
        const float *vector = vectors + (size_t)row * dim;

        for (d = 0; d < dim && isfinite(vector[d]); d++)
            ;
        if (d < dim && !is_refused(h, row))
            status = refuse(h, batch, row,
                            "the vector is not finite (float16 that overflows, or a plan that the "
                            "model was not made for)",
                            err);
    }
    return status;
}

/* All rows are refused and none was ever taken: it is not the pictures' fault. */
static mr_status check_fruitful(hand *h, const mr_batch *batch, bool one_by_one, mr_error *err)
{
    embedding *e = h->e;
    bool fruitful;

    pthread_mutex_lock(&e->lock);
    e->fruitful |= h->n_refused < batch->n_ok;
    fruitful = e->fruitful;
    pthread_mutex_unlock(&e->lock);
    if (fruitful || !one_by_one || batch->n_ok == 1)
        return MR_OK;
    return mr__error_set(err, MR_E_ENV,
                         "it refuses each of the first %u pictures, so the model or its plan is to "
                         "blame: %s",
                         (unsigned)batch->n_ok, h->refused.why[0]);
}

static mr_status embed(hand *h, const mr_batch *batch, float *vectors, mr_error *err)
{
    const mr__embedding_options *o = &h->e->options;
    bool whole = true;
    mr_status status = mr_embedder_run(o->embedder, batch->data, batch->n_ok, vectors, err);

    if (status == MR_E_ITEM) {
        whole = false;
        status = one_by_one(h, batch, vectors, err);
    }
    if (status == MR_OK)
        status = check_fruitful(h, batch, !whole, err);
    if (status == MR_OK)
        status = check_finite(h, batch, vectors, err);
    if (status != MR_OK && err)
        (void)mr__error_wrap(err, "embed: batch %llu", (unsigned long long)batch->index);
    return status;
}

/* Fills the record, and gives the slot back as soon as its vectors are made. */
static mr_status fill(hand *h, mr_batch **batch, mr__record *record, double *seconds, mr_error *err)
{
    const mr__embedding_options *o = &h->e->options;
    mr__record_facts facts = {.fingerprint = o->fingerprint};
    uint64_t before = mr__clock_ns();
    mr_status status = MR_OK;

    *seconds = 0;
    h->n_refused = 0;
    if (o->embedder && (*batch)->n_ok > 0) {
        status = embed(h, *batch, record->vectors, err);
        *seconds = (double)(mr__clock_ns() - before) / 1e9;
        facts.ms_embed = (float)(*seconds * 1e3 / (*batch)->n_ok);
    }
    mr__failpoint_die("pipeline.embedded");
    if (h->n_refused > 0)
        facts.refused = &h->refused;
    if (status == MR_OK)
        status = mr__record_fill(record, *batch, &facts, err);
    if (status == MR_OK && record->held)
        *batch = NULL; /* the record's until it is committed */
    return status;
}

static mr_status next_batch(hand *h, mr_error *err)
{
    embedding *e = h->e;
    mr__record *record = NULL;
    mr_batch *batch = NULL;
    double seconds;
    mr_status status = mr__sink_get(e->options.sink, &record, err);

    if (status == MR_OK)
        status = mr_stream_next(e->options.stream, -1, &batch, err);
    if (status != MR_OK)
        goto done;
    pthread_mutex_lock(&e->lock);
    e->options.handed_out(e->options.cookie);
    pthread_mutex_unlock(&e->lock);
    mr__failpoint_die("pipeline.batch");
    status = fill(h, &batch, record, &seconds, err);
    if (status != MR_OK)
        goto done;
    mr_batch_release(&batch);
    pthread_mutex_lock(&e->lock);
    e->options.embedded(e->options.cookie, record, seconds);
    pthread_mutex_unlock(&e->lock);
    mr__sink_put(e->options.sink, record);
    record = NULL;
done:
    mr_batch_release(&batch);
    if (record)
        mr__sink_give_back(e->options.sink, record);
    return status;
}

static void *work(void *arg)
{
    hand *h = arg;
    mr_error err = {0};
    mr_status status = MR_OK;

    while (status == MR_OK && !stopping(h->e))
        status = next_batch(h, &err);
    if (status != MR_OK && status != MR_EOF)
        fail(h->e, status, &err);
    free(h->refused.why);
    return NULL;
}

mr_status mr__embedding_run(const mr__embedding_options *options, mr_error *err)
{
    embedding e = {.options = *options};
    uint32_t n = options->threads < THREADS_MAX ? options->threads : THREADS_MAX, started = 1, i;
    hand hands[THREADS_MAX] = {{.e = &e}};
    mr_error failure = {0};
    mr_status status = MR_OK;

    pthread_mutex_init(&e.lock, NULL);
    for (i = 1; i < n; i++)
        hands[i] = (hand){.e = &e};
    for (; started < n && status == MR_OK; started += status == MR_OK)
        status = mr__thread_start(&hands[started].thread, work, &hands[started], &failure);
    if (status != MR_OK)
        fail(&e, status, &failure);
    (void)work(&hands[0]);
    for (i = 1; i < started; i++)
        (void)pthread_join(hands[i].thread, NULL);
    pthread_mutex_destroy(&e.lock);
    if (e.error.status != MR_OK && err)
        *err = e.error;
    return e.error.status;
}
