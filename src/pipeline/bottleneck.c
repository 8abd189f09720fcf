/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which stage holds the others up.
 *
 * Back-pressure makes this simple: in a chain of bounded queues every stage before the slowest one
 * is blocked most of the time and every stage behind it is starved, so the slowest is the one that
 * works all the time. Rule: the stage with the highest occupancy = its working seconds / (elapsed
 * seconds * threads or processes that it has). Waiting inside the source (an open pipe that says
 * nothing) is the source's work; waiting for a queue, a slot or a lock is nobody's. Of equals the
 * later stage is named: it is the one that makes the earlier one wait.
 */
#include "pipeline/bottleneck.h"

mr__occupancy mr__occupancy_since(const mr__occupancy *now, const mr__occupancy *then)
{
    return (mr__occupancy){
        .seconds = now->seconds - then->seconds,
        .source = now->source - then->source,
        .fetch = now->fetch - then->fetch,
        .decode = now->decode - then->decode,
        .embed = now->embed - then->embed,
        .store = now->store - then->store,
        .fetchers = now->fetchers,
        .workers = now->workers,
        .embedders = now->embedders,
        .writers = now->writers,
    };
}

const char *mr__bottleneck(const mr__occupancy *o)
{
    const struct {
        const char *name;
        double busy;
        uint32_t share;
    } stages[] = {{"source", o->source, 1},
                  {"fetch", o->fetch, o->fetchers},
                  {"decode", o->decode, o->workers},
                  {"embed", o->embed, o->embedders},
                  {"store", o->store, o->writers}};
    const char *name = "";
    double highest = 0;
    size_t i;

    if (o->seconds <= 0)
        return name;
    for (i = 0; i < sizeof stages / sizeof stages[0]; i++) {
        double occupancy = stages[i].busy / (stages[i].share ? stages[i].share : 1);
        if (occupancy > 0 && occupancy >= highest) {
            highest = occupancy;
            name = stages[i].name;
        }
    }
    return name;
}
