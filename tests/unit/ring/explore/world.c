/* SPDX-License-Identifier: Apache-2.0 */
/* One pool with its tasks; the feeding thread; what stands in for decoding; what every end must be.
 */
#include <string.h>

#include "explore.h"
#include "ring/atomic.h"
#include "worker/job.h"

#define INPUT_BYTES  16
#define INPUT_STRIDE 64
#define SERVE_BYTES  4608 /* more than a serve has; check_coverage finds out if not */
#define SPENT        0xee /* what memory is filled with once it is the host's again */
#define OWNER        ((const void *)&explore_world)

static struct state *state(void)
{
    return &explore_world.state;
}

uint32_t explore_n_tasks(void)
{
    const step *at = explore_scenario()->script;
    uint32_t n = 0;

    for (; at->kind != STEP_END; at++)
        n += at->kind == STEP_SUBMIT;
    return n;
}

bool explore_any_sent(void)
{
    uint32_t i;

    for (i = 0; i < explore_world.pool.n_workers; i++)
        if (explore_world.workers[i].head != explore_world.workers[i].tail)
            return true;
    return false;
}

bool explore_all_ready(void)
{
    uint32_t i;

    for (i = 0; i < explore_world.pool.n_workers; i++)
        if (explore_world.workers[i].state != MR__WORKER_READY)
            return false;
    return true;
}

static int index_of(const mr__task *task)
{
    return (int)(task - state()->tasks);
}

static uint8_t *row_at(int row)
{
    return explore_world.slots + row * ROW_BYTES;
}

static void fill_input(uint8_t *bytes, int task)
{
    memset(bytes, 0x40 + task, INPUT_BYTES);
}

static void fill_row(uint8_t *bytes, int task, char plan)
{
    memset(bytes, 0x40 + task, ROW_BYTES);
    bytes[0] = bytes[ROW_BYTES - 1] = (uint8_t)plan;
}

static void check_nobody_runs(int task)
{
    int i;

    for (i = 0; i < MAX_WORKERS; i++)
        if (state()->processes[i].row == task)
            explore_violation("task %d is the host's again while worker %d runs it", task, i);
}

/* The task's memory is the host's again, and is used for something else at once. */
static void take_home(int task)
{
    memset(row_at(state()->row_of[task]), SPENT, ROW_BYTES);
    memset(explore_world.slab + task * INPUT_STRIDE, SPENT, INPUT_BYTES);
    state()->row_task[state()->row_of[task]] = NOBODY;
}

static void task_done(mr__task *task)
{
    int i = index_of(task);
    bool refused = (explore_scenario()->refused >> i & 1) != 0;
    uint8_t row[ROW_BYTES];

    if (++state()->ended[i] != 1)
        explore_violation("task %d ends %d times", i, state()->ended[i]);
    state()->n_ended++;
    check_nobody_runs(i);
    fill_row(row, i, state()->task_plan[i]);
    if (task->state == MR_ITEM_OK && memcmp(row, row_at(state()->row_of[i]), ROW_BYTES) != 0)
        explore_violation("task %d is done, and its row is not", i);
    if (task->state == MR_ITEM_QUARANTINED && state()->deaths < 2)
        explore_violation("task %d is given up after %d deaths", i, state()->deaths);
    if ((task->state == MR_ITEM_FAILED) != refused ||
        (refused && task->code != MR_CODE_TOO_MANY_PIXELS))
        explore_violation("task %d ends in state %d, code %d", i, (int)task->state,
                          (int)task->code);
    take_home(i);
}

static void task_retry(mr__task *task)
{
    int i = index_of(task), row = MAX_TASKS + i;

    check_nobody_runs(i);
    if (!explore_scenario()->retry_moves_row)
        return;
    memset(row_at(state()->row_of[i]), SPENT, ROW_BYTES);
    state()->row_task[state()->row_of[i]] = NOBODY;
    state()->row_of[i] = row;
    state()->row_task[row] = i;
    task->desc.output_offset = (uint64_t)row * ROW_BYTES;
}

static const mr__task_ops ops = {.done = task_done, .retry = task_retry};

static void get_plan(char letter)
{
    const char text[2] = {letter, '\0'};

    if (mr__pool_plan_get(&explore_world.pool, text, &state()->plan_cell, &state()->plan_version,
                          NULL) != MR_OK)
        explore_violation("no room for a plan");
    state()->plan = letter;
}

static void submit(int i)
{
    mr__task *task = &state()->tasks[i];

    *task = (mr__task){.ops = &ops, .owner = OWNER};
    task->plan_cell = state()->plan_cell;
    task->plan_version = state()->plan_version;
    task->desc = (mr__item_desc){.input_offset = (uint64_t)i * INPUT_STRIDE,
                                 .input_bytes = INPUT_BYTES,
                                 .output_offset = (uint64_t)i * ROW_BYTES,
                                 .output_bytes = ROW_BYTES};
    state()->task_plan[i] = state()->plan;
    state()->row_of[i] = i;
    state()->row_task[i] = i;
    fill_input(explore_world.slab + i * INPUT_STRIDE, i);
    mr__pool_submit(&explore_world.pool, task);
}

/* What a stream does when it closes early. */
static void cancel(void)
{
    mr__task_list cancelled = {0};
    const mr__task *task;

    mr__pool_lock(&explore_world.pool);
    while (mr__pool_cancel(&explore_world.pool, OWNER, &cancelled) > 0) {
        mr__pool_unlock(&explore_world.pool);
        explore_point((op){.kind = OP_AWAIT, .size = EXPLORE_NONE_SENT});
        mr__pool_lock(&explore_world.pool);
    }
    for (task = cancelled.head; task; task = task->next) {
        int i = index_of(task);
        check_nobody_runs(i);
        state()->n_ended += ++state()->ended[i] == 1;
        take_home(i);
    }
    mr__pool_unlock(&explore_world.pool);
}

static void do_step(const step *what)
{
    mr_pool *pool = &explore_world.pool;

    explore_forget();
    explore_saw(&what, sizeof what);
    switch (what->kind) {
    case STEP_AWAIT:
        explore_point((op){.kind = OP_AWAIT, .size = (uint64_t)what->value});
        return;
    case STEP_CANCEL:
        cancel();
        return;
    case STEP_PLAN:
        mr__pool_lock(pool);
        mr__pool_plan_put(pool, state()->plan_cell);
        get_plan((char)what->value);
        mr__pool_unlock(pool);
        return;
    default:
        mr__pool_lock(pool);
        submit(what->value);
        mr__pool_unlock(pool);
    }
}

static void end_actor(void)
{
    actor *it = &state()->actors[explore_self()];

    it->alive = false;
    it->observed = 0;
    explore_point((op){.kind = OP_END});
}

/* One thread after another: opens a stream, feeds it, closes it and the pool (pool.c). */
static void feeder_main(void)
{
    mr_pool *pool = &explore_world.pool;
    const step *at = explore_scenario()->script;

    explore_point(
        (op){.kind = OP_AWAIT, .size = explore_scenario()->steady ? EXPLORE_ALL_READY : 0});
    mr__pool_lock(pool);
    get_plan('A');
    mr__pool_unlock(pool);
    for (; at->kind != STEP_END; at++)
        do_step(at);
    mr__pool_lock(pool);
    pool->closing = true;
    mr__pool_unlock(pool);
    mr__supervisor_kick(pool);
    end_actor();
}

static void loop_main(void)
{
    (void)mr__supervisor_main(&explore_world.pool);
    end_actor();
}

/* What pool.c would be: the lock as a point of the schedule. */
static uint64_t hash_of_books(void)
{
    const mr_pool *pool = &explore_world.pool;
    uint64_t hash = explore_hash(0, &pool->armed_ns, sizeof pool->armed_ns);

    hash = explore_hash(hash, explore_world.workers, sizeof explore_world.workers);
    hash = explore_hash(hash, &pool->ready, sizeof pool->ready + sizeof pool->ready_alone);
    hash = explore_hash(hash, &pool->grant_free, sizeof pool->grant_free);
    hash = explore_hash(hash, &pool->closing, sizeof pool->closing);
    return explore_hash(hash, state()->tasks, explore_n_tasks() * sizeof state()->tasks[0]);
}

void mr__pool_lock(mr_pool *pool)
{
    uint64_t seen;

    explore_point((op){.kind = OP_LOCK, .at = &pool->lock});
    state()->lock = explore_self();
    seen = hash_of_books();
    explore_saw(&seen, sizeof seen);
}

void mr__pool_unlock(mr_pool *pool)
{
    (void)pool;
    state()->lock = NOBODY;
}

void mr__pool_fail(mr_pool *pool, const mr_error *error)
{
    (void)pool;
    explore_violation("the pool fails: %s", error->message);
}

static void use_memory(process *me, uint64_t bytes)
{
    uint64_t sum = 0;
    int i;

    me->using = bytes;
    for (i = 0; i < MAX_WORKERS; i++)
        sum += state()->processes[i].using;
    if (sum > explore_scenario()->grant_total)
        explore_violation("%llu bytes are granted, %llu are there", (unsigned long long)sum,
                          (unsigned long long)explore_scenario()->grant_total);
}

static void write_row(const mr__job_input *input, int task, char plan, void *dst)
{
    uint8_t got[INPUT_BYTES], wanted[INPUT_BYTES], row[ROW_BYTES];

    mr__copy_out(got, input->bytes, INPUT_BYTES);
    fill_input(wanted, task);
    if (memcmp(got, wanted, INPUT_BYTES) != 0)
        explore_violation("task %d is run on input that is not its own", task);
    fill_row(row, task, plan);
    mr__copy_in(dst, row, ROW_BYTES);
}

/* Stands in for decoding: reads the input, asks for memory if the task wants it, writes the row. */
void mr__job_run(mr__decoder *decoder, mr__transform *transform, const mr__job_input *input,
                 void *dst, mr__item_answer *answer)
{
    process *me = &state()->processes[explore_self() - WORKER];
    int task = (int)((input->bytes - explore_world.slab) / INPUT_STRIDE);
    uint64_t needs = explore_scenario()->tasks[task].needs;
    mr__grant_answer granted = MR__GRANT_GRANTED;

    (void)decoder;
    check_nobody_runs(task);
    me->row = task;
    me->in_job = true;
    memset(answer, 0, sizeof *answer);
    if (needs > 0)
        granted = input->ask(input->ask_cookie, needs);
    if (granted == MR__GRANT_GRANTED) {
        use_memory(me, needs);
        write_row(input, task, (char)(uintptr_t)transform, dst);
        me->using = 0;
    } else {
        answer->code = granted == MR__GRANT_REFUSED ? MR_CODE_TOO_MANY_PIXELS : MR_CODE_CORRUPT;
    }
    answer->stage = MR_STAGE_TRANSFORM;
    me->in_job = false;
    me->row = NOBODY;
}

/* A plan is its letter, and so are the handles made from it. */
mr_status mr_plan_parse(const char *text, mr_plan **out, mr_error *err)
{
    (void)err;
    *out = (mr_plan *)(uintptr_t)(uint8_t)text[0];
    return MR_OK;
}

mr_status mr_plan_open(const char *name, mr_plan **out, mr_error *err)
{
    return mr_plan_parse(name, out, err);
}

void mr_plan_close(mr_plan **plan)
{
    *plan = NULL;
}

mr_row_shape mr_plan_row_shape(const mr_plan *plan)
{
    (void)plan;
    return (mr_row_shape){.bytes = ROW_BYTES};
}

const mr__plan_spec *mr__plan_spec_of(const mr_plan *plan)
{
    return (const mr__plan_spec *)(const void *)plan;
}

mr_status mr__transform_open(const mr__plan_spec *spec, mr__cpu_level level, mr__transform **out,
                             mr_error *err)
{
    (void)level;
    (void)err;
    *out = (mr__transform *)(uintptr_t)(const void *)spec;
    return MR_OK;
}

void mr__transform_close(mr__transform **transform)
{
    *transform = NULL;
}

mr_status mr__decoder_open(const mr__decode_options *options, mr__decoder **out, mr_error *err)
{
    (void)options;
    (void)err;
    *out = NULL;
    return MR_OK;
}

mr_status mr__decoder_warm_up(mr__decoder *decoder, mr_error *err)
{
    (void)decoder;
    (void)err;
    return MR_OK;
}

void mr__decoder_close(mr__decoder **decoder)
{
    *decoder = NULL;
}

void explore_world_reset(void)
{
    const scenario *what = explore_scenario();
    world *w = &explore_world;
    mr_pool *pool = &w->pool;
    uint32_t i;

    memset(w, 0, sizeof *w);
    pool->options.item_timeout_ms = 1000;
    pool->options.worker_start_ms = 10000;
    pool->process = &explore_process;
    pool->unit_items = what->unit_items;
    pool->epoll_fd = FD_EPOLL;
    pool->event_fd = FD_EVENT;
    pool->kick_fd = FD_KICK;
    pool->timer_fd = FD_TIMER;
    pool->slab_area.bytes = sizeof w->slab;
    pool->slots_area.bytes = sizeof w->slots;
    pool->grant_total = pool->grant_free = what->grant_total;
    pool->workers = w->workers;
    pool->n_workers = what->workers;
    for (i = 0; i < MAX_WORKERS; i++) {
        w->workers[i].index = i;
        w->workers[i].process.fd = -1;
        w->workers[i].area.fd = (int)i;
        w->workers[i].control = &w->control[i];
        w->state.processes[i].row = NOBODY;
    }
    for (i = 0; i < sizeof w->state.row_task / sizeof w->state.row_task[0]; i++)
        w->state.row_task[i] = NOBODY;
    w->state.kills = what->kills;
    w->state.expiries = what->expiries;
    w->state.early_wakes = what->early_wakes;
    explore_kernel_reset();
    explore_start(LOOP, loop_main);
    explore_start(FEEDER, feeder_main);
}

bool explore_world_finished(void)
{
    int i;

    for (i = 0; i < N_ACTORS; i++)
        if (state()->actors[i].alive)
            return false;
    return state()->n_ended == explore_n_tasks();
}

void explore_world_judge(void)
{
    const mr_pool *pool = &explore_world.pool;
    uint32_t i;

    if (pool->grant_free != pool->grant_total)
        explore_violation("granted memory is not given back");
    for (i = 0; i < pool->n_workers; i++)
        if (!state()->processes[i].reaped || pool->workers[i].head != pool->workers[i].tail)
            explore_violation("worker %u is left over", i);
}

static size_t add(range *out, size_t n, void *at, size_t bytes)
{
    out[n] = (range){.at = at, .bytes = bytes};
    return n + 1;
}

static size_t add_control(range *out, size_t n, mr__control *control)
{
    uint32_t items = explore_scenario()->unit_items, i;

    n = add(out, n, control, offsetof(mr__control, units));
    for (i = 0; i < MR__MAILBOX_UNITS; i++) {
        mr__unit *unit = &control->units[i];
        n = add(out, n, &unit->word, sizeof unit->word);
        n = add(out, n, &unit->desc,
                offsetof(mr__unit_desc, items) + items * sizeof unit->desc.items[0]);
        n = add(out, n, &unit->answer, items * sizeof unit->answer.items[0]);
    }
    for (i = 0; i < 2; i++)
        n = add(out, n, &control->plans[i], offsetof(mr__plan_cell, text) + 8);
    return n;
}

size_t explore_world_ranges(range *out, size_t max)
{
    world *w = &explore_world;
    mr_pool *pool = &w->pool;
    uint32_t n_tasks = explore_n_tasks(), i;
    size_t n = 0;

    (void)max;
    n = add(out, n, &pool->loop_runs, offsetof(mr_pool, answer) - offsetof(mr_pool, loop_runs));
    n = add(out, n, pool->answer.items, pool->unit_items * sizeof pool->answer.items[0]);
    n = add(out, n, &pool->grant_total, offsetof(mr_pool, plans) - offsetof(mr_pool, grant_total));
    for (i = 0; i < 2; i++)
        n = add(out, n, &pool->plans[i], 16);
    n = add(out, n, &pool->alarms, sizeof *pool - offsetof(mr_pool, alarms));
    for (i = 0; i < pool->n_workers; i++) {
        n = add_control(out, n, &w->control[i]);
        n = add(out, n, &w->workers[i], sizeof w->workers[i]);
        n = add(out, n, w->serve[i], SERVE_BYTES);
    }
    n = add(out, n, w->slab, n_tasks * INPUT_STRIDE);
    n = add(out, n, w->slots, n_tasks * ROW_BYTES);
    n = add(out, n, w->slots + MAX_TASKS * ROW_BYTES, n_tasks * ROW_BYTES);
    n = add(out, n, w->state.tasks, n_tasks * sizeof w->state.tasks[0]);
    n = add(out, n, w->state.ended, offsetof(struct state, actors) - offsetof(struct state, ended));
    n = add(out, n, w->state.actors, sizeof w->state.actors);
    return add(out, n, w->state.processes, sizeof w->state - offsetof(struct state, processes));
}
