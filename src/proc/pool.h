/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pool: workers, the three shared areas, one loop thread that supervises and dispatches.
 *
 * One lock covers all of the host's bookkeeping, streams included; it is held for microseconds,
 * never across a system call that can block. Whoever holds it may dispatch; only the loop thread
 * spawns (a worker dies with the thread that started it), reaps, and judges deadlines.
 */
#ifndef MR_PROC_POOL_H
#define MR_PROC_POOL_H

#include <pthread.h>

#include "base/log.h"
#include "base/machine.h"
#include "decode/decode.h"
#include "millrace/stream.h"
#include "proc/area.h"
#include "proc/extents.h"
#include "proc/keeper.h"
#include "proc/named.h"
#include "proc/process.h"
#include "proc/task.h"
#include "ring/unit.h"

#define MR__WORKERS_MAX  256
#define MR__WORKER_DEPTH 3 /* units that a worker is given ahead: it never waits for the host */
#define MR__RETURNS_MAX  3 /* deaths with an item next in turn, said to be unbegun */
#define MR__STARTS_MAX   3 /* workers that may die one after the other before any was ready */
/* What a host has of its own in a long ingest, 42 MiB as bench/memory.py sees it: code, stacks and
 * heap 8, the ids of the last million items 24, the page caches of the store 10. */
#define MR__HOST_BASE_BYTES   (UINT64_C(44) << 20)
#define MR__WORKER_BASE_BYTES (UINT64_C(6) << 20)

typedef enum mr__worker_state {
    MR__WORKER_DOWN = 0,
    MR__WORKER_STARTING,
    MR__WORKER_READY
} mr__worker_state;

/* What the host knows of one worker. Never read back from shared memory. */
typedef struct mr__worker {
    uint32_t index;
    mr__worker_state state;
    mr__process process;
    mr__area area;
    mr__control *control;

    uint32_t head, tail; /* units out, oldest first; index modulo MR__MAILBOX_UNITS */
    struct {
        uint32_t generation;
        uint32_t n_items;
        mr__task *tasks[MR__UNIT_ITEMS];
    } units[MR__MAILBOX_UNITS];
    uint64_t head_since_ns; /* when the oldest unit's turn began; 0: its clock stands still */
    uint64_t head_used_ns;  /* of that turn, before its clock was stopped */
    uint64_t started_ns;
    uint32_t sandbox_layers, landlock_abi; /* as it said when it became ready */
    uint64_t served;                       /* items answered since it started */
    bool alone;                            /* holds a retried item: nothing else goes there */
    bool timed_out;                        /* killed for its deadline */
    bool planned;                          /* killed to get a fresh one: not a restart */

    uint16_t need_number;
    uint64_t need_bytes; /* of a request that waits; 0: none */
    uint64_t need_since_ns;
    uint64_t granted;
} mr__worker;

/* A point in time at which the loop thread calls `fire`, with the lock held. It is also called, by
 * whatever thread noticed, when the pool fails: whoever waits for the pool has to hear of it. */
typedef struct mr__alarm {
    struct mr__alarm *next;
    uint64_t at_ns; /* 0: not set */
    void (*fire)(struct mr__alarm *alarm);
} mr__alarm;

struct mr_pool {
    mr_pool_options options;
    char worker_path[512];
    mr__process_program program; /* environment as it was when the pool was opened: the host may
                                    change its own at any time */
    const mr__process_ops *process;
    mr__cpu_level cpu_level;
    mr__jpeg_choice jpeg;
    uint32_t unit_items; /* items that one unit may carry: 1 for pictures */
    bool foreign;        /* the program is not millrace-worker */
    bool confine;        /* and is confined */
    mr__area data_area;  /* what it is handed */
    bool has_dims;       /* it has said what its rows are */
    mr_dims dims;

    pthread_mutex_t lock;
    pthread_cond_t changed;      /* workers started or ended, pool failed */
    pthread_cond_t slab_changed; /* room in the slab, or a turn came */
    pthread_cond_t wanted;       /* more of the slots is to be reserved: for the reserver alone,
                                    which would else wake up at each room in the slab */
    pthread_t loop, reserver;
    bool loop_runs, reserver_runs;
    int epoll_fd, event_fd, kick_fd, timer_fd;
    uint64_t armed_ns; /* when the timer fires; 0: not set */

    mr__area slab_area, slots_area;
    mr__keeper *keeper;      /* of rows that stay in their slots; NULL: there is no room for any */
    mr__named slots_name;    /* of the slots; its key is "" if they have none */
    char slots_unnamed[256]; /* why they have none, though one was wanted */
    mr__extents slab, slots;
    uint64_t slots_reserved;       /* the slots up to here may be touched */
    uint64_t slots_wanted;         /* the slots up to here are to be reserved */
    uint64_t slab_turn, slab_next; /* fetchers take room in the order in which they asked */

    mr__worker *workers;
    uint32_t n_workers;
    mr__task_list ready;
    mr__task_list ready_alone;
    mr__task_list unwanted; /* back from workers that died while the owner was leaving */
    mr__unit_answer answer; /* scratch of collect */
    char detail[MR__DETAIL_MAX], detail_shown[MR__DETAIL_MAX * 2];

    uint64_t grant_total, grant_free;
    uint64_t grant_owed; /* to the host: what decodes give back goes there first */
    struct {
        uint32_t users;
        uint32_t version;
        char text[MR__PLAN_TEXT_MAX];
    } plans[MR__PLAN_CELLS];
    mr__alarm *alarms;

    bool spawned; /* the first round of spawning is over */
    bool closing;
    bool leaving;        /* the workers were asked to leave */
    uint64_t kill_at_ns; /* when those that have not left are killed; 0: not set */
    bool failed;
    mr_error error; /* why, if it failed */
    uint32_t failed_starts;
    uint32_t generation;
    uint64_t restarts, grants, take_backs, peak_memory_bytes;
};

/* Opens a pool with other means of starting workers, and units of up to `unit_items` items (0: what
 * the options say). */
mr_status mr__pool_open_with(const mr_pool_options *options, const mr__process_ops *process,
                             uint32_t unit_items, mr_pool **out, mr_error *err);

void mr__pool_lock(mr_pool *pool);
void mr__pool_unlock(mr_pool *pool);

/* The rest is called with the lock held. */

/* Marks the pool as broken; every stream on it then fails with this error. The first one counts.
 * Everybody who waits is woken. */
void mr__pool_fail(mr_pool *pool, const mr_error *error);

/* Finds or fills a plan cell; MR_E_BUSY when all are in use. */
mr_status mr__pool_plan_get(mr_pool *pool, const char *text, uint32_t *cell, uint32_t *version,
                            mr_error *err);
void mr__pool_plan_put(mr_pool *pool, uint32_t cell);

/* Ends the workers; what they had not begun stays in the pool's lists. For mr_pool_close, or ahead
 * of it. */
void mr__pool_end(mr_pool *pool);

/* Is there a worker that has started and has nothing to do? */
bool mr__pool_idles(const mr_pool *pool);

/* Queues a task; its answer comes by ops->done. */
void mr__pool_submit(mr_pool *pool, mr__task *task);

/* Takes out every task of `owner` that no worker has begun; returns how many are still with a
 * worker: those are not tried again. */
size_t mr__pool_cancel(mr_pool *pool, const void *owner, mr__task_list *cancelled);

/*
 * Takes room in the slab, in the order in which callers came, waiting for it (the lock is released
 * meanwhile). `bytes` must not exceed the slab. False when `*stop` became true.
 */
bool mr__pool_slab_take(mr_pool *pool, uint64_t bytes, const bool *stop, uint64_t *offset);
/* The same without waiting: false where others wait, or there is no room now. */
bool mr__pool_slab_try(mr_pool *pool, uint64_t bytes, uint64_t *offset);
void mr__pool_slab_give(mr_pool *pool, uint64_t offset, uint64_t bytes);
/* Of `had` bytes that were taken only the first `kept` are needed. */
void mr__pool_slab_trim(mr_pool *pool, uint64_t offset, uint64_t had, uint64_t kept);
/* A part of the slab that has memory now. */
void mr__pool_slab_add(mr_pool *pool, uint64_t offset, uint64_t bytes);

/* The slots up to `end` are needed: where nobody knew how many would be, they get their memory now.
 */
void mr__pool_slots_want(mr_pool *pool, uint64_t end);

/* The slots up to `end` may be touched. Waits for that go by `slab_changed`, as for the slab
 * itself. */
void mr__pool_slots_reserved(mr_pool *pool, uint64_t end);

/* Alarms: registered once, then set and cleared by `at_ns`. */
void mr__pool_alarm_add(mr_pool *pool, mr__alarm *alarm);
void mr__pool_alarm_remove(mr_pool *pool, mr__alarm *alarm);
void mr__pool_alarm_set(mr_pool *pool, mr__alarm *alarm, uint64_t at_ns);

/* dispatch.c: gives ready tasks to workers, takes unstarted ones back from slow workers for idle
 * ones. */
void mr__dispatch(mr_pool *pool);
/* dispatch.c: takes over the answers of one worker. */
void mr__dispatch_collect(mr_pool *pool, mr__worker *worker);
/* dispatch.c: the worker was reaped: what it had not begun goes back, what it had begun is retried
 * or given up. */
void mr__dispatch_reclaim(mr_pool *pool, mr__worker *worker, mr_code reason, const char *message);

/* grants.c: looks at the worker's request, and answers those that can be met, oldest first. */
void mr__grants_look(mr_pool *pool, mr__worker *worker);
void mr__grants_answer(mr_pool *pool);
/* grants.c: the worker's decode is over, or the worker is gone. */
void mr__grants_end(mr_pool *pool, mr__worker *worker);
/* grants.c: the host itself takes memory that decodes could be granted, at once or, by
 * `grant_owed`, as they end (waits go by `slab_changed`); false if there is less. And gives it
 * back.
 */
bool mr__grants_take(mr_pool *pool, uint64_t bytes);
void mr__grants_give(mr_pool *pool, uint64_t bytes);

/*
 * reserve.c: the thread that gives the input slab its memory, part by part, while workers start and
 * the first pictures are already on their way.
 */
void *mr__reserve_main(void *pool);

/* program.c: what the workers run, from the options; what that is is checked. */
mr_status mr__program_open(mr_pool *pool, mr_error *err);
void mr__program_close(mr_pool *pool);
/* program.c: the worker is ready: what it says of its rows is taken over, or an error. */
mr_status mr__program_ready(mr_pool *pool, const mr__worker *worker, mr_error *err);
/* program.c: why the worker says that it cannot serve; false if it says nothing. */
bool mr__program_trouble(const mr__worker *worker, char *out, size_t size);
/* program.c: "float32 [3,224,224]". */
void mr__program_dims_text(const mr_dims *dims, char *out, size_t size);

/* supervisor.c: the loop thread, and one worker's start. */
void *mr__supervisor_main(void *pool);
/* supervisor.c: makes the timer fire no later than the earliest deadline. */
void mr__supervisor_arm(mr_pool *pool);
/* supervisor.c: wakes the loop thread. */
void mr__supervisor_kick(mr_pool *pool);

/* What a block of an area is a multiple of. */
#define MR__SLAB_UNIT  ((size_t)MR__CACHE_LINE)
#define MR__SLOTS_UNIT ((size_t)4096)

/* budget.c: sizes of slab and slots (multiples of their units) and what is left to grant, or
 * MR_E_NO_MEMORY with all the figures. */
typedef struct mr__budget {
    uint64_t slab_bytes, slots_bytes, fixed_bytes, grant_bytes;
} mr__budget;
mr_status mr__budget_plan(const mr_pool_options *options, mr__budget *out, mr_error *err);
/* budget.c: as many workers as this process may use CPUs, fewer if they would take more than half
 * of the memory. */
uint32_t mr__budget_workers(const mr_pool_options *options);
/* budget.c: working memory of a worker that needs no asking. */
uint64_t mr__budget_standing(void);

/* memory.c: PSS of the host and the given processes, or the nearest figure that this user may read.
 */
uint64_t mr__memory_pss(const int *pids, size_t n);

#endif
