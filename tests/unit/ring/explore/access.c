/* SPDX-License-Identifier: Apache-2.0 */
/* Shared memory: each access is a point of the schedule, and is checked against who may make it. */
#include <string.h>

#include "explore.h"
#include "ring/unit.h"

#define LEGAL(from, to) ((from) << 3 | (to))

/* Where in a control area an address lies. */
typedef struct place {
    mr__control *control; /* NULL: elsewhere */
    int worker;
    size_t offset;
    mr__unit *unit; /* NULL: not in a unit */
    size_t unit_offset;
} place;

static place place_of(const void *at)
{
    world *w = &explore_world;
    uintptr_t p = (uintptr_t)at, base = (uintptr_t)w->control;
    place out = {.worker = NOBODY};
    size_t units = offsetof(mr__control, units);

    if (p < base || p >= base + sizeof w->control)
        return out;
    out.worker = (int)((p - base) / sizeof(mr__control));
    out.control = &w->control[out.worker];
    out.offset = (p - base) % sizeof(mr__control);
    if (out.offset >= units && out.offset < units + sizeof out.control->units) {
        out.unit = &out.control->units[(out.offset - units) / sizeof(mr__unit)];
        out.unit_offset = (out.offset - units) % sizeof(mr__unit);
    }
    return out;
}

static bool is_worker(void)
{
    return explore_self() >= WORKER;
}

/* Does somebody run who may still write to this control area? */
static bool shared_now(const place *at)
{
    return explore_world.state.processes[at->worker].running;
}

static void check_word_write(const place *at, uint64_t from, uint64_t to)
{
    size_t worker_words = offsetof(mr__control, ready), units = offsetof(mr__control, units);
    mr__unit_state a = mr__unit_state_of((uint32_t)from), b = mr__unit_state_of((uint32_t)to);
    bool same = from >> 3 == to >> 3, legal;

    if (!at->control)
        return;
    if (is_worker() && at->worker != explore_self() - WORKER)
        explore_violation("a worker writes into the area of another");
    if (!at->unit) {
        bool of_worker = at->offset >= worker_words && at->offset < units;
        if (is_worker() != of_worker && (is_worker() || shared_now(at)))
            explore_violation("the word at %zu has two writers", at->offset);
        return;
    }
    if (at->unit_offset != 0) {
        explore_violation("payload is written as a word");
        return;
    }
    if (is_worker())
        legal = same && (LEGAL(a, b) == LEGAL(MR__UNIT_QUEUED, MR__UNIT_STARTED) ||
                         LEGAL(a, b) == LEGAL(MR__UNIT_STARTED, MR__UNIT_DONE));
    else
        legal = (!same && LEGAL(a, b) == LEGAL(MR__UNIT_FREE, MR__UNIT_QUEUED)) ||
                (same && (LEGAL(a, b) == LEGAL(MR__UNIT_QUEUED, MR__UNIT_REVOKED) ||
                          LEGAL(a, b) == LEGAL(MR__UNIT_REVOKED, MR__UNIT_FREE) ||
                          LEGAL(a, b) == LEGAL(MR__UNIT_DONE, MR__UNIT_FREE))) ||
                (!shared_now(at) && b == MR__UNIT_FREE);
    if (!legal)
        explore_violation("unit word: the %s makes %u of generation %u out of %u of generation %u",
                          is_worker() ? "worker" : "host", b, (uint32_t)to >> 3, a,
                          (uint32_t)from >> 3);
}

/* A plan cell belongs to the units that name it for as long as a worker may read them. */
static void check_plan_write(const place *at)
{
    const mr__control *control = at->control;
    size_t cell = (at->offset - offsetof(mr__control, plans)) / sizeof(mr__plan_cell), i;

    if (is_worker())
        explore_violation("a worker writes a plan");
    for (i = 0; i < MR__MAILBOX_UNITS; i++) {
        mr__unit_state state = mr__unit_state_of(control->units[i].word);
        if ((state == MR__UNIT_QUEUED || state == MR__UNIT_STARTED) &&
            control->units[i].desc.plan_cell == cell && shared_now(at))
            explore_violation("a plan is written that a queued unit names");
    }
}

static void check_payload(const place *at, bool writes)
{
    mr__unit_state state;
    bool answer;

    if (!at->control)
        return;
    if (!at->unit) {
        if (at->offset < offsetof(mr__control, plans))
            explore_violation("words are copied as payload");
        else if (writes)
            check_plan_write(at);
        return;
    }
    state = mr__unit_state_of(at->unit->word);
    answer = at->unit_offset >= offsetof(mr__unit, answer);
    if (is_worker() && (state != MR__UNIT_STARTED || writes != answer))
        explore_violation("the worker %s a payload in state %u", writes ? "writes" : "reads",
                          (unsigned)state);
    if (!is_worker() && !writes && (!answer || state != MR__UNIT_DONE))
        explore_violation("the host reads a payload in state %u", (unsigned)state);
    if (!is_worker() && writes && (answer || state == MR__UNIT_QUEUED || state == MR__UNIT_STARTED))
        explore_violation("the host writes a payload in state %u", (unsigned)state);
}

/* Input belongs to its task while that is out; a row, to the one worker that runs its task. */
static void check_memory(const void *at, bool writes)
{
    const world *w = &explore_world;
    const struct state *s = &w->state;
    uintptr_t p = (uintptr_t)at;
    size_t row;

    if (!is_worker())
        return;
    if (p >= (uintptr_t)w->slots && p < (uintptr_t)w->slots + sizeof w->slots) {
        row = (p - (uintptr_t)w->slots) / ROW_BYTES;
        if (s->row_task[row] == NOBODY)
            explore_violation("row %zu is written after it was given back", row);
        else if (s->row_task[row] != s->processes[explore_self() - WORKER].row)
            explore_violation("row %zu is written by the worker of another task", row);
    }
    if (p >= (uintptr_t)w->slab && p < (uintptr_t)w->slab + sizeof w->slab && writes)
        explore_violation("a worker writes to the input slab");
}

static void check_lock(const place *at)
{
    if (at->control && !is_worker() && explore_world.state.lock != explore_self())
        explore_violation("the host touches a worker's words without its lock");
}

/* Words with one writer: whatever the writer itself reads there, nobody can change meanwhile. */
static bool is_own_word(const place *at)
{
    bool of_worker = at->offset >= offsetof(mr__control, ready);

    return at->control && at->offset < offsetof(mr__control, units) && of_worker == is_worker();
}

uint64_t explore_load(const void *at, size_t size)
{
    uint64_t value = 0;
    place where = place_of(at);

    if (!is_own_word(&where))
        explore_point((op){.kind = OP_LOAD, .at = at, .size = size});
    check_lock(&where);
    memcpy(&value, at, size);
    explore_saw(&value, sizeof value);
    return value;
}

void explore_store(void *at, size_t size, uint64_t value)
{
    uint64_t from = 0;
    place where = place_of(at);

    explore_point((op){.kind = OP_STORE, .at = at, .size = size});
    check_lock(&where);
    memcpy(&from, at, size);
    check_word_write(&where, from, value);
    memcpy(at, &value, size);
}

bool explore_cas(uint32_t *at, uint32_t from, uint32_t to)
{
    bool done;
    place where = place_of(at);

    explore_point((op){.kind = OP_CAS, .at = at, .size = sizeof *at});
    check_lock(&where);
    done = *at == from;
    if (done) {
        check_word_write(&where, from, to);
        *at = to;
    }
    explore_saw(&done, sizeof done);
    return done;
}

/* One half of a copy. */
static void copy_half(void *to, const void *from, size_t n, bool in)
{
    const void *shared = in ? to : from;
    place where = place_of(shared);

    if (n == 0)
        return;
    explore_point((op){.kind = in ? OP_COPY_IN : OP_COPY_OUT, .at = shared, .size = n});
    check_payload(&where, in);
    check_memory(shared, in);
    memcpy(to, from, n);
    if (!in)
        explore_saw(to, n);
}

static void copy(void *to, const void *from, size_t n, bool in)
{
    copy_half(to, from, n / 2, in);
    copy_half((uint8_t *)to + n / 2, (const uint8_t *)from + n / 2, n - n / 2, in);
}

void explore_copy_in(void *shared, const void *private_bytes, size_t n)
{
    copy(shared, private_bytes, n, true);
}

void explore_copy_out(void *private_bytes, const void *shared, size_t n)
{
    copy(private_bytes, shared, n, false);
}
