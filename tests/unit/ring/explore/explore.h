/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interleaving explorer. The host's loop, a feeding thread and the workers are coroutines that
 * run the real code of src/ring, src/proc and src/worker over the atomic.h of this folder; the few
 * system calls in between are replaced too. Before each access to what is shared a coroutine hands
 * over to the engine, which tries every coroutine that could go on at that point, kills workers,
 * lets time pass, and does so again from each state that this leads to, depth first, until no state
 * is left that was not seen before.
 *
 *   engine.c     coroutines, snapshots, the search
 *   access.c     shared memory: each access, and who may make it
 *   kernel.c     futex, eventfd, epoll, timerfd, clock, process
 *   world.c      one pool, its tasks, what is true of every end
 *   scenarios.c  the worlds that are explored
 */
#ifndef MR_TESTS_EXPLORE_H
#define MR_TESTS_EXPLORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

#include "proc/pool.h"
#include "worker/serve.h"

enum { LOOP = 0, FEEDER, WORKER, N_ACTORS = WORKER + 2 };
enum { MAX_WORKERS = 2, MAX_TASKS = 12, ROW_BYTES = 64, NOBODY = -1 };
enum { FD_EVENT = 100, FD_KICK, FD_TIMER, FD_EPOLL, FD_PROCESS, N_FDS = 8 };

typedef enum op_kind {
    OP_NONE = 0,
    OP_LOAD,
    OP_STORE,
    OP_CAS,
    OP_COPY_IN,
    OP_COPY_OUT,
    OP_FUTEX_WAIT,
    OP_FUTEX_SLEEP,
    OP_FUTEX_WAKE,
    OP_RAISE,
    OP_CLEAR,
    OP_EPOLL,
    OP_LOCK,
    OP_AWAIT, /* the feeder, until `size` tasks have ended; or one of the two below */
    OP_END
} op_kind;

#define EXPLORE_NONE_SENT UINT64_MAX
#define EXPLORE_ALL_READY (UINT64_MAX - 1)

/* What a coroutine is about to do. */
typedef struct op {
    op_kind kind;
    int fd;
    const void *at;
    uint64_t size;
} op;

typedef struct actor {
    ucontext_t context;
    op next;
    bool alive;        /* its coroutine goes on */
    bool woken;        /* from its futex */
    uintptr_t low;     /* lowest address of its stack that is in use */
    uint64_t observed; /* hash of all that it has seen: with the shared state, its own state */
} actor;

/* What the system knows of a worker process. */
typedef struct process {
    bool running, dying, ended, reaped;
    bool in_job;    /* asks for memory, or runs an item */
    int row;        /* the task whose row it writes, or NOBODY */
    uint64_t using; /* memory granted to it */
} process;

/* What a task of the scenario is. */
typedef struct task_spec {
    uint64_t needs; /* bytes that it asks for; 0: none */
} task_spec;

typedef enum step_kind { STEP_END = 0, STEP_SUBMIT, STEP_AWAIT, STEP_PLAN, STEP_CANCEL } step_kind;

/* One line of the feeder's script. */
typedef struct step {
    step_kind kind;
    int value;
} step;

typedef struct scenario {
    const char *name;
    uint32_t workers, unit_items;
    bool coarse[MAX_WORKERS]; /* runs from one sleep to the next in one step */
    bool steady;              /* the feeder waits until every worker is ready */
    bool retry_moves_row;
    int kills, expiries, early_wakes; /* how often each may happen, anywhere */
    uint64_t grant_total;
    task_spec tasks[MAX_TASKS];
    step script[MAX_TASKS * 2 + 8];
    uint32_t refused; /* bits of the tasks whose request can never be met */
    /* what must have been seen in some run, or the scenario shows nothing */
    uint32_t want_take_backs, want_restarts, want_grants;
} scenario;

/* Everything that changes. Fixed addresses, so that a copy can be put back. */
typedef struct world {
    alignas(64) mr__control control[MAX_WORKERS];
    alignas(64) uint8_t slab[MAX_TASKS * 64];
    alignas(64) uint8_t slots[MAX_TASKS * 2 * ROW_BYTES];
    alignas(64) uint8_t serve[MAX_WORKERS][8192];
    mr_pool pool;
    mr__worker workers[MAX_WORKERS];
    struct state {
        mr__task tasks[MAX_TASKS];
        int ended[MAX_TASKS], row_of[MAX_TASKS];
        int row_task[MAX_TASKS * 2]; /* the task that a row is given to, or NOBODY */
        uint32_t n_ended;
        char plan; /* the one that tasks are submitted with; a letter is all of its text */
        char task_plan[MAX_TASKS];
        uint32_t plan_cell, plan_version;
        actor actors[N_ACTORS];
        process processes[MAX_WORKERS];
        int lock; /* actor that holds the pool's lock, or NOBODY */
        uint64_t raised[N_FDS];
        uint64_t watched[N_FDS]; /* epoll's data + 1; 0: not watched */
        uint64_t now, timer_at;
        int kills, expiries, early_wakes, deaths;
    } state;
} world;

extern world explore_world;

/* engine.c */
typedef struct findings {
    bool violated;
    char what[256];
    uint64_t states, steps;
    double interleavings;
    uint32_t take_backs, restarts, grants; /* the most of any run */
} findings;

/* Runs every interleaving of the scenario, or up to the first violation. `verbose`: prints how it
 * came to it. */
void explore(const scenario *what, bool verbose, findings *out);
/* The coroutine that runs; NOBODY in the engine. */
int explore_self(void);
const scenario *explore_scenario(void);
/* A point of the schedule: returns when it is this coroutine's turn to do `next`. */
void explore_point(op next);
/* Mixes what a coroutine just saw into its state. */
void explore_saw(const void *bytes, size_t n);
/* The coroutine's state is now what the world holds, and nothing else. */
void explore_forget(void);
uint64_t explore_hash(uint64_t hash, const void *bytes, size_t n);
/* Starts a coroutine. */
void explore_start(int self, void (*main)(void));
/* Ends the exploration with a finding; does not return to the coroutine. */
void explore_violation(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* kernel.c */
bool explore_op_enabled(int self);
void explore_kernel_reset(void);
void explore_die(int worker);
extern const mr__process_ops explore_process;
/* Seen by the real sources under the names of libc. */
void *explore_calloc(size_t n, size_t size);
void explore_free(void *p);

/* world.c */
void explore_world_reset(void);
uint32_t explore_n_tasks(void);
/* Is any task in a worker's mailbox? */
bool explore_any_sent(void);
bool explore_all_ready(void);
/* Is everything that the scenario wants done? */
bool explore_world_finished(void);
/* What must be true at the end of every run. */
void explore_world_judge(void);
/* Parts of the world that make up a state. Returns how many. */
typedef struct range {
    void *at;
    size_t bytes;
} range;
size_t explore_world_ranges(range *out, size_t max);

/* scenarios.c */
extern const scenario explore_scenarios[];
extern const size_t explore_n_scenarios;

#endif
