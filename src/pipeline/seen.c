/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ids that a run has met lately.
 *
 * A ring of the last `capacity` entries in order of arrival, and an open-addressing index (linear
 * probing, at most half full) from hash to ring position. When the ring is full the oldest entry
 * leaves; its index slot is closed by shifting the cluster behind it back, so there are no
 * tombstones and an endless run never rehashes.
 *
 * An entry keeps 96 bits of the SHA-256 of its id: names come from outside, and with a
 * cryptographic hash nobody can craft two ids that are taken for one. Of the key 32 bits are kept:
 * they only tell "listed twice" from "duplicate" once the id is known to be the same.
 *
 * Both blocks are zeroed memory that the kernel provides as it is touched, so a short run pays for
 * what it uses. A run that gets long takes all of it at once, after LONG_RUN ids: from then on its
 * memory does not depend on how long it is.
 */
#include "pipeline/seen.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <nettle/sha2.h>

#include "base/size.h"

#define CAPACITY_MAX ((size_t)1 << 24)
#define LONG_RUN     4096
#define PAGE         4096

typedef struct entry {
    uint64_t id_lo;
    uint32_t id_hi;
    uint32_t key;
} entry;

struct mr__seen {
    entry *ring;
    uint32_t *index; /* ring position + 1; 0: empty */
    size_t capacity;
    size_t mask; /* slots of the index - 1 */
    size_t met;  /* entries ever added: the next goes to met % capacity */
};

static void digest(const char *text, uint8_t out[SHA256_DIGEST_SIZE])
{
    struct sha256_ctx sha;

    sha256_init(&sha);
    sha256_update(&sha, strlen(text), (const uint8_t *)text);
    sha256_digest(&sha, SHA256_DIGEST_SIZE, out);
}

static entry entry_of(const char *id, const char *key)
{
    uint8_t hash[SHA256_DIGEST_SIZE];
    entry e;

    digest(id, hash);
    memcpy(&e.id_lo, hash, sizeof e.id_lo);
    memcpy(&e.id_hi, hash + 8, sizeof e.id_hi);
    if (strcmp(id, key) != 0)
        digest(key, hash);
    memcpy(&e.key, hash + 12, sizeof e.key);
    return e;
}

static bool same_id(const entry *a, const entry *b)
{
    return a->id_lo == b->id_lo && a->id_hi == b->id_hi;
}

/* Index slot that holds `e`'s id, or the empty one where it belongs. */
static size_t slot_of(const mr__seen *seen, const entry *e)
{
    size_t slot = (size_t)e->id_lo & seen->mask;

    while (seen->index[slot] && !same_id(&seen->ring[seen->index[slot] - 1], e))
        slot = (slot + 1) & seen->mask;
    return slot;
}

/* Empties `hole` and moves back what probing could no longer reach past it. */
static void slot_clear(mr__seen *seen, size_t hole)
{
    size_t slot = hole;

    for (;;) {
        size_t home;

        slot = (slot + 1) & seen->mask;
        if (!seen->index[slot])
            break;
        home = (size_t)seen->ring[seen->index[slot] - 1].id_lo & seen->mask;
        /* stays if its home lies cyclically in (hole, slot] */
        if (((slot - home) & seen->mask) < ((slot - hole) & seen->mask))
            continue;
        seen->index[hole] = seen->index[slot];
        hole = slot;
    }
    seen->index[hole] = 0;
}

mr_status mr__seen_open(size_t capacity, mr__seen **out, mr_error *err)
{
    mr__seen *seen;
    size_t slots = 2;

    *out = NULL;
    if (capacity == 0 || capacity > CAPACITY_MAX)
        return mr__error_set(err, MR_E_INVALID, "seen ids: capacity %zu is not 1..%zu", capacity,
                             CAPACITY_MAX);
    while (slots < 2 * capacity)
        slots *= 2;
    seen = calloc(1, sizeof *seen);
    if (!seen)
        return mr__error_no_memory(err, "seen ids");
    seen->capacity = capacity;
    seen->mask = slots - 1;
    seen->ring = calloc(capacity, sizeof *seen->ring);
    seen->index = calloc(slots, sizeof *seen->index);
    if (!seen->ring || !seen->index) {
        mr__seen_close(&seen);
        return mr__error_no_memory(err, "seen ids");
    }
    *out = seen;
    return MR_OK;
}

void mr__seen_close(mr__seen **seen)
{
    if (!*seen)
        return;
    free((*seen)->ring);
    free((*seen)->index);
    free(*seen);
    *seen = NULL;
}

/* Touches every page, which changes nothing. */
static void touch(void *block, size_t bytes)
{
    volatile unsigned char *at = block;
    size_t i;

    for (i = 0; i < bytes; i += PAGE)
        at[i] = at[i];
}

mr__seen_answer mr__seen_meet(mr__seen *seen, const char *id, const char *key)
{
    entry e = entry_of(id, key);
    size_t slot = slot_of(seen, &e), at;

    if (seen->index[slot])
        return seen->ring[seen->index[slot] - 1].key == e.key ? MR__SEEN_SAME_KEY
                                                              : MR__SEEN_OTHER_KEY;
    at = seen->met % seen->capacity;
    if (seen->met >= seen->capacity) {
        slot_clear(seen, slot_of(seen, &seen->ring[at]));
        slot = slot_of(seen, &e);
    }
    seen->ring[at] = e;
    seen->index[slot] = (uint32_t)at + 1;
    seen->met++;
    if (seen->met == LONG_RUN) {
        touch(seen->ring, seen->capacity * sizeof *seen->ring);
        touch(seen->index, (seen->mask + 1) * sizeof *seen->index);
    }
    return MR__SEEN_NEW;
}
