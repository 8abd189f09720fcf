/* SPDX-License-Identifier: Apache-2.0 */
/* One item on its way through the workers, as the pool sees it; a stream embeds it in its own
 * record. */
#ifndef MR_PROC_TASK_H
#define MR_PROC_TASK_H

#include "millrace/stream.h"
#include "ring/layout.h"

typedef struct mr__task mr__task;

/* Both are called with the pool's lock held, on whatever thread noticed; neither may block. */
typedef struct mr__task_ops {
    /* The fields of the answer are filled in; the task is in no queue and no worker touches its
     * memory. */
    void (*done)(mr__task *task);
    /* A worker died on it; it is about to be tried once more, alone. The owner may move its output
     * elsewhere. */
    void (*retry)(mr__task *task);
} mr__task_ops;

struct mr__task {
    mr__task *next, *prev;
    const mr__task_ops *ops;
    const void *owner; /* the stream: what cancel and fairness go by */

    mr__item_desc desc;
    uint32_t plan_cell, plan_version;
    uint64_t max_pixels;

    uint32_t attempts; /* times that a worker began it */
    uint32_t returned; /* times that a worker ended with this next in turn, said to be unbegun */
    bool alone;        /* a worker died on it: now by itself, in a fresh worker */
    bool unwanted;     /* its owner is leaving: should its worker die, it is over */
    uint64_t ready_ns; /* when it was submitted */

    /* the answer */
    mr_item_state state;
    mr_code code;
    mr_stage stage;
    uint32_t format, width, height;
    uint64_t wait_ns, decode_ns, transform_ns;
    char message[MR__MESSAGE_MAX * 2];
    const char *detail; /* more of it, in lines: the pool's, only during done(); NULL: none */
};

/* A queue of tasks. */
typedef struct mr__task_list {
    mr__task *head, *tail;
    size_t n;
} mr__task_list;

static inline void mr__task_push(mr__task_list *list, mr__task *task)
{
    task->next = NULL;
    task->prev = list->tail;
    *(list->tail ? &list->tail->next : &list->head) = task;
    list->tail = task;
    list->n++;
}

static inline void mr__task_push_front(mr__task_list *list, mr__task *task)
{
    task->prev = NULL;
    task->next = list->head;
    *(list->head ? &list->head->prev : &list->tail) = task;
    list->head = task;
    list->n++;
}

static inline void mr__task_remove(mr__task_list *list, mr__task *task)
{
    *(task->prev ? &task->prev->next : &list->head) = task->next;
    *(task->next ? &task->next->prev : &list->tail) = task->prev;
    task->next = task->prev = NULL;
    list->n--;
}

#endif
