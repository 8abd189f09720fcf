/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One batch after the other to a model server, by several ways in turn: what a request costs, and
 * nothing else. Prints a JSON line for each way: [seconds of each round].
 *
 *     triton-requests ROUNDS BATCH SPEC...
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "embed/embed.h"
#include "proc/named.h"

enum { WAYS_MAX = 8, ROUNDS_MAX = 10000 };

static void say(void *cookie, mr_log_level level, const char *part, const char *message)
{
    (void)cookie;
    (void)level;
    fprintf(stderr, "%s: %s\n", part, message);
}

static int fail(const char *what, const mr_error *err)
{
    fprintf(stderr, "triton-requests: %s: %s\n", what, err->message);
    return 1;
}

/* One way to the server, with rows in memory of its own that it may share: a server takes a name
 * of memory from one client only. */
typedef struct way {
    mr_embedder *embedder;
    mr__named named;
    mr__area area;
} way;

static mr_status open_way(const char *spec, const mr_plan *plan, size_t bytes, way *out,
                          mr_error *err)
{
    const mr_logger logger = {.write = say, .level = MR_LOG_WARN};
    mr__embed_region region;
    mr_status status = mr__named_open(&out->named, &out->area, bytes, err);

    if (status == MR_OK)
        status = mr__area_reserve(&out->area, 0, bytes, err);
    if (status != MR_OK)
        return status;
    for (size_t i = 0; i < bytes / sizeof(float); i++)
        ((float *)(void *)out->area.base)[i] = (float)(i % 251) / 251.0F;
    region = (mr__embed_region){
        .key = out->named.key, .why = "", .base = out->area.base, .bytes = bytes};
    status = mr_embedder_open(spec, plan, &logger, &out->embedder, err);
    return status == MR_OK ? mr__embed_attach(out->embedder, &region, err) : status;
}

static void close_way(way *w)
{
    mr_embedder_close(&w->embedder);
    mr__named_close(&w->named);
    mr__area_close(&w->area);
}

/* Rounds in turn over all ways, so that what disturbs the machine disturbs them all. The first
 * round warms up and does not count. */
static int measure(const way *ways, size_t n_ways, size_t rounds, size_t batch)
{
    double *seconds = calloc(n_ways * (rounds + 1), sizeof *seconds);
    float *first = NULL;
    mr_embedder_info info;
    mr_error err = {0};
    int rc = 1;

    mr_embedder_info_get(ways[0].embedder, &info);
    first = calloc(2 * batch, info.dim * sizeof *first);
    if (!seconds || !first)
        goto done;
    for (size_t i = 0; i < (rounds + 1) * n_ways; i++) {
        const way *w = &ways[i % n_ways];
        float *vectors = w == ways ? first : first + batch * info.dim;
        uint64_t before = mr__clock_ns();

        if (mr_embedder_run(w->embedder, w->area.base, batch, vectors, &err) != MR_OK) {
            (void)fail("run", &err);
            goto done;
        }
        seconds[i % n_ways * (rounds + 1) + i / n_ways] = (double)(mr__clock_ns() - before) / 1e9;
        if (memcmp(vectors, first, batch * info.dim * sizeof *first) != 0) {
            fprintf(stderr, "triton-requests: the ways differ\n");
            goto done;
        }
    }
    for (size_t n = 0; n < n_ways; n++)
        for (size_t round = 1; round <= rounds; round++)
            printf("%s%.6f%s", round == 1 ? "[" : ", ", seconds[n * (rounds + 1) + round],
                   round == rounds ? "]\n" : "");
    rc = 0;
done:
    free(seconds);
    free(first);
    return rc;
}

int main(int argc, char **argv)
{
    uint64_t rounds = 0, batch = 0;
    way ways[WAYS_MAX] = {{0}};
    mr_plan *plan = NULL;
    mr_error err = {0};
    size_t n = 0;
    int rc = 1;

    if (argc < 4 || argc > 3 + WAYS_MAX || !mr__text_u64(argv[1], &rounds) || rounds < 1 ||
        rounds > ROUNDS_MAX || !mr__text_u64(argv[2], &batch) || batch < 1 || batch > 4096) {
        fprintf(stderr, "usage: triton-requests ROUNDS BATCH SPEC...\n");
        return 2;
    }
    for (size_t i = 0; i < WAYS_MAX; i++)
        ways[i].named.lock_fd = ways[i].area.fd = -1;
    if (mr_plan_open("openai/clip-vit-base-patch32@openclip", &plan, &err) != MR_OK)
        return fail("plan", &err);
    for (; n < (size_t)argc - 3; n++) {
        if (open_way(argv[3 + n], plan, mr_plan_row_shape(plan).bytes * batch, &ways[n], &err) !=
            MR_OK) {
            (void)fail(argv[3 + n], &err);
            goto done;
        }
    }
    rc = measure(ways, n, rounds, batch);
done:
    for (size_t i = 0; i < WAYS_MAX; i++)
        close_way(&ways[i]);
    mr_plan_close(&plan);
    return rc;
}
