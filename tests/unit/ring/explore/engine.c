/* SPDX-License-Identifier: Apache-2.0 */
/* Coroutines, snapshots and the depth-first search over all schedules: see explore.h. */
#include "explore.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STACK_BYTES  ((size_t)64 << 10)
#define STACK_MARGIN 1024 /* what swapcontext needs below the frame of explore_point */
#define DEPTH_MAX    20000
#define STATES_MAX   (UINT64_C(1) << 24)
#define RANGES_MAX   256
#define SHOWN_STEPS  60

typedef enum move_kind { MOVE_RUN, MOVE_DIE, MOVE_KILL, MOVE_EXPIRE, MOVE_WAKE } move_kind;

typedef struct move {
    move_kind kind;
    int who; /* actor, or worker */
} move;

/* A state on the path that is being tried. */
typedef struct frame {
    uint8_t *copy;
    size_t copy_bytes, copy_cap;
    uint64_t key;
    move moves[N_ACTORS * 3 + 2];
    uint32_t n_moves, next;
    double runs;
    op done; /* by the move that is being tried */
} frame;

typedef struct seen {
    uint64_t key; /* 0: empty */
    double runs;
    bool open; /* on the path */
} seen;

static struct {
    alignas(64) uint8_t stacks[N_ACTORS][STACK_BYTES];
    ucontext_t main;
    const scenario *scenario;
    findings *out;
    int self;
    bool verbose;
    range ranges[RANGES_MAX];
    size_t n_ranges;
    frame *frames;
    size_t depth;
    seen *seen;
    size_t seen_cap;
} engine = {.self = NOBODY};

world explore_world;

int explore_self(void)
{
    return engine.self;
}

const scenario *explore_scenario(void)
{
    return engine.scenario;
}

static actor *actor_of(int self)
{
    return &explore_world.state.actors[self];
}

static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

/* Four lanes, since most of the time goes here. */
uint64_t explore_hash(uint64_t hash, const void *bytes, size_t n)
{
    const uint8_t *p = bytes;
    uint64_t lanes[4] = {hash, hash + 1, hash + 2, hash + 3}, words[4];
    int i;

    for (; n >= sizeof words; n -= sizeof words, p += sizeof words) {
        memcpy(words, p, sizeof words);
        for (i = 0; i < 4; i++)
            lanes[i] = mix(lanes[i], words[i]);
    }
    for (; n > 0; n--, p++)
        lanes[0] = mix(lanes[0], *p);
    return mix(mix(mix(lanes[0], lanes[1]), lanes[2]), lanes[3]);
}

void explore_saw(const void *bytes, size_t n)
{
    if (engine.self != NOBODY)
        actor_of(engine.self)->observed = explore_hash(actor_of(engine.self)->observed, bytes, n);
}

void explore_forget(void)
{
    actor_of(engine.self)->observed = 0;
}

static bool goes_on_at_once(op next)
{
    return engine.self >= WORKER && engine.scenario->coarse[engine.self - WORKER] &&
           next.kind != OP_FUTEX_WAIT && next.kind != OP_FUTEX_SLEEP && next.kind != OP_END;
}

__attribute__((noinline)) void explore_point(op next)
{
    actor *self;

    if (engine.self == NOBODY || goes_on_at_once(next))
        return;
    self = actor_of(engine.self);
    self->next = next;
    self->low = (uintptr_t)__builtin_frame_address(0) - STACK_MARGIN;
    explore_saw(&next.kind, sizeof next.kind);
    explore_saw(&next.at, sizeof next.at);
    (void)swapcontext(&self->context, &engine.main);
}

void explore_start(int self, void (*main)(void))
{
    actor *it = actor_of(self);

    memset(engine.stacks[self], 0, STACK_BYTES);
    memset(it, 0, sizeof *it);
    (void)getcontext(&it->context);
    it->context.uc_stack.ss_sp = engine.stacks[self];
    it->context.uc_stack.ss_size = STACK_BYTES;
    it->context.uc_link = &engine.main;
    makecontext(&it->context, main, 0);
    it->low = (uintptr_t)engine.stacks[self] + STACK_BYTES - 2 * STACK_MARGIN;
    it->next = (op){.kind = OP_NONE};
    it->alive = true;
}

void explore_violation(const char *format, ...)
{
    va_list args;

    if (!engine.out->violated) {
        va_start(args, format);
        (void)vsnprintf(engine.out->what, sizeof engine.out->what, format, args);
        va_end(args);
    }
    engine.out->violated = true;
    if (engine.self != NOBODY)
        (void)swapcontext(&actor_of(engine.self)->context, &engine.main);
}

/* The world, and of each coroutine the part of its stack that is in use. */
static size_t state_parts(range *out)
{
    size_t n = engine.n_ranges;
    int i;

    memcpy(out, engine.ranges, n * sizeof out[0]);
    for (i = 0; i < N_ACTORS; i++) {
        uintptr_t top = (uintptr_t)engine.stacks[i] + STACK_BYTES;
        if (actor_of(i)->alive)
            out[n++] = (range){.at = engine.stacks[i] + (STACK_BYTES - (top - actor_of(i)->low)),
                               .bytes = top - actor_of(i)->low};
    }
    return n;
}

static void save(frame *to)
{
    range parts[RANGES_MAX + N_ACTORS];
    size_t n = state_parts(parts), i, bytes = 0;
    uint8_t *p;

    for (i = 0; i < n; i++)
        bytes += parts[i].bytes;
    if (bytes > to->copy_cap) {
        free(to->copy);
        to->copy = malloc(bytes);
        to->copy_cap = bytes;
    }
    if (!to->copy)
        abort();
    for (p = to->copy, i = 0; i < n; p += parts[i++].bytes)
        memcpy(p, parts[i].at, parts[i].bytes);
    to->copy_bytes = bytes;
}

/* The stacks come last: how much of them was saved is known once the actors are back. */
static void restore(const frame *from)
{
    range parts[RANGES_MAX + N_ACTORS];
    const uint8_t *p = from->copy;
    size_t i, n;

    for (i = 0; i < engine.n_ranges; p += engine.ranges[i++].bytes)
        memcpy(engine.ranges[i].at, p, engine.ranges[i].bytes);
    n = state_parts(parts);
    for (; i < n; p += parts[i++].bytes)
        memcpy(parts[i].at, p, parts[i].bytes);
}

/* Registers and stacks follow from what a coroutine has observed, so they are left out. */
static uint64_t key_of_state(void)
{
    const world *w = &explore_world;
    uint64_t hash = 1;
    size_t i;

    for (i = 0; i < engine.n_ranges; i++)
        if (engine.ranges[i].at != w->state.actors)
            hash = explore_hash(hash, engine.ranges[i].at, engine.ranges[i].bytes);
    for (i = 0; i < N_ACTORS; i++) {
        const actor *it = &w->state.actors[i];
        hash = explore_hash(hash, &it->next.kind, sizeof it->next.kind);
        hash = explore_hash(hash, &it->observed, sizeof it->observed);
        hash = (hash ^ (uint64_t)(it->alive * 2 + it->woken)) * UINT64_C(0x94d049bb133111eb);
    }
    return hash ? hash : 1;
}

static seen *find(uint64_t key)
{
    size_t i = key & (engine.seen_cap - 1);

    while (engine.seen[i].key != 0 && engine.seen[i].key != key)
        i = (i + 1) & (engine.seen_cap - 1);
    return &engine.seen[i];
}

static void grow_seen(void)
{
    seen *old = engine.seen;
    size_t old_cap = engine.seen_cap, i;

    engine.seen_cap = old_cap ? old_cap * 2 : 1 << 14;
    engine.seen = calloc(engine.seen_cap, sizeof engine.seen[0]);
    if (!engine.seen)
        abort();
    for (i = 0; i < old_cap; i++)
        if (old[i].key != 0)
            *find(old[i].key) = old[i];
    free(old);
}

static void add_move(frame *to, move_kind kind, int who)
{
    to->moves[to->n_moves++] = (move){.kind = kind, .who = who};
}

/* All that can happen next. `*must` counts what happens by itself, sooner or later. */
static void list_moves(frame *to, uint32_t *must)
{
    const struct state *s = &explore_world.state;
    int i;

    to->n_moves = to->next = 0;
    to->runs = 0;
    for (i = 0; i < N_ACTORS; i++)
        if (s->actors[i].alive && explore_op_enabled(i))
            add_move(to, MOVE_RUN, i);
    for (i = 0; i < MAX_WORKERS; i++)
        if (s->processes[i].dying)
            add_move(to, MOVE_DIE, i);
    *must = to->n_moves;
    for (i = 0; i < MAX_WORKERS; i++) {
        const actor *it = &s->actors[WORKER + i];
        if (s->processes[i].running && !s->processes[i].dying && s->kills > 0)
            add_move(to, MOVE_KILL, i);
        if (it->alive && it->next.kind == OP_FUTEX_SLEEP && !it->woken && s->early_wakes > 0)
            add_move(to, MOVE_WAKE, WORKER + i);
    }
    if (s->expiries > 0 && s->timer_at != 0)
        add_move(to, MOVE_EXPIRE, NOBODY);
}

static void make(move what)
{
    struct state *s = &explore_world.state;

    switch (what.kind) {
    case MOVE_RUN:
        engine.self = what.who;
        (void)swapcontext(&engine.main, &s->actors[what.who].context);
        engine.self = NOBODY;
        break;
    case MOVE_DIE:
        explore_die(what.who);
        break;
    case MOVE_KILL:
        s->kills--;
        explore_die(what.who);
        break;
    case MOVE_EXPIRE:
        s->expiries--;
        s->now = s->timer_at + 1;
        break;
    case MOVE_WAKE:
        s->early_wakes--;
        s->actors[what.who].woken = true;
        break;
    }
}

static void print_step(const frame *at)
{
    static const char *const kinds[] = {"starts",   "load",       "store",      "cas",   "copy in",
                                        "copy out", "futex wait", "sleeps on",  "wake",  "raise",
                                        "clear",    "epoll",      "takes lock", "await", "end"};
    static const char *const actors[] = {"loop", "feeder", "worker 0", "worker 1"};
    const move *what = &at->moves[at->next - 1];
    const uint8_t *base = (const uint8_t *)explore_world.control;
    ptrdiff_t offset = at->done.at ? (const uint8_t *)at->done.at - base : -1;

    if (what->kind == MOVE_RUN)
        (void)printf("#   %-8s %-10s at %td\n", actors[what->who], kinds[at->done.kind], offset);
    else
        (void)printf("#   -------- %s %d\n",
                     what->kind == MOVE_EXPIRE ? "time passes"
                     : what->kind == MOVE_WAKE ? "wakes early"
                                               : "dies: worker",
                     what->who);
}

static void print_path(void)
{
    size_t from = engine.depth > SHOWN_STEPS ? engine.depth - SHOWN_STEPS : 0, i;

    (void)printf("# %zu steps, the last of them:\n", engine.depth);
    for (i = from; i < engine.depth; i++)
        print_step(&engine.frames[i]);
}

static uint32_t most(uint32_t a, uint64_t b)
{
    return a > b ? a : (uint32_t)b;
}

static void judge_end(void)
{
    const mr_pool *pool = &explore_world.pool;
    findings *out = engine.out;

    if (!explore_world_finished()) {
        explore_violation("nobody can go on, and not all is done");
        return;
    }
    explore_world_judge();
    out->take_backs = most(out->take_backs, pool->take_backs);
    out->restarts = most(out->restarts, pool->restarts);
    out->grants = most(out->grants, pool->grants);
}

/* Takes the state that a move led to onto the path if it is new; else returns its runs. */
static double enter(void)
{
    uint64_t key = key_of_state();
    seen *known;
    frame *top;
    uint32_t must;

    if (engine.out->states * 2 >= engine.seen_cap)
        grow_seen();
    known = find(key);
    if (known->key != 0) {
        if (known->open)
            explore_violation("a loop without end: the same state comes back");
        return known->runs;
    }
    if (engine.depth + 1 >= DEPTH_MAX || engine.out->states >= STATES_MAX) {
        explore_violation("no end after %zu steps, %llu states", engine.depth,
                          (unsigned long long)engine.out->states);
        return 0;
    }
    *known = (seen){.key = key, .open = true};
    engine.out->states++;
    top = &engine.frames[engine.depth];
    top->key = key;
    list_moves(top, &must);
    if (must == 0) {
        judge_end();
        top->runs = 1;
    }
    if (top->n_moves > 1)
        save(top);
    engine.depth++;
    return 0;
}

/* The last move of the path is tried out: the state before it gets the runs that it led to. */
static void leave(void)
{
    frame *top = &engine.frames[--engine.depth];
    seen *known = find(top->key);

    known->open = false;
    known->runs = top->runs;
    if (engine.depth > 0)
        engine.frames[engine.depth - 1].runs += top->runs;
    else
        engine.out->interleavings = top->runs;
}

static void search(void)
{
    (void)enter();
    while (engine.depth > 0 && !engine.out->violated) {
        frame *top = &engine.frames[engine.depth - 1];
        size_t depth = engine.depth;
        double runs;

        if (top->next == top->n_moves) {
            leave();
            continue;
        }
        if (top->next > 0)
            restore(top);
        top->done = top->moves[top->next].kind == MOVE_RUN
                        ? actor_of(top->moves[top->next].who)->next
                        : (op){.kind = OP_NONE};
        make(top->moves[top->next++]);
        engine.out->steps++;
        if (engine.out->violated)
            return;
        runs = enter();
        if (engine.depth == depth)
            top->runs += runs;
    }
}

/* What no range covers must never change, or states would be taken for equal that are not. */
static void check_coverage(const world *before, const frame *start)
{
    const uint8_t *now = (const uint8_t *)&explore_world, *then = (const uint8_t *)before;
    size_t i;

    restore(start);
    for (i = 0; i < sizeof explore_world; i++)
        if (now[i] != then[i]) {
            explore_violation("byte %zu of the world changes and is in no state", i);
            return;
        }
}

void explore(const scenario *what, bool verbose, findings *out)
{
    world *before = malloc(sizeof explore_world);
    frame start = {0};
    size_t i;

    memset(out, 0, sizeof *out);
    engine.scenario = what;
    engine.out = out;
    engine.verbose = verbose;
    engine.depth = engine.seen_cap = 0;
    engine.frames = calloc(DEPTH_MAX, sizeof engine.frames[0]);
    if (!before || !engine.frames)
        abort();
    grow_seen();
    explore_world_reset();
    engine.n_ranges = explore_world_ranges(engine.ranges, RANGES_MAX);
    *before = explore_world;
    save(&start);
    search();
    if (out->violated && verbose)
        print_path();
    if (!out->violated)
        check_coverage(before, &start);
    for (i = 0; i < DEPTH_MAX; i++)
        free(engine.frames[i].copy);
    free(engine.frames);
    free(engine.seen);
    free(start.copy);
    free(before);
    engine.seen = NULL;
    engine.frames = NULL;
}
