/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every byte that host and workers share is defined here. Offsets, never pointers. Three areas:
 *
 *   control   one memfd a worker: this file's struct mr__control. Only host and that worker map it.
 *   slab      encoded bytes. Written by the host, sealed against writing by anybody else.
 *   slots     rows of the tensors. Written by the workers, read (and compacted) by the host.
 *
 * Every shared word has one writer, named beside it, except the unit word, which is a state machine
 * of its own (unit.h). Fields that are not words are payload: they belong to whoever the unit word
 * says, or are written once before the worker starts. Ids, names and metadata never come here.
 */
#ifndef MR_RING_LAYOUT_H
#define MR_RING_LAYOUT_H

#include <stdalign.h>
#include <stdint.h>

#include "plan/spec.h"
#include "ring/atomic.h"

#define MR__RING_MAGIC   UINT32_C(0x4c4d5231) /* "1RML" */
#define MR__RING_VERSION UINT32_C(3)

#define MR__MAILBOX_UNITS 8  /* units that may wait in one worker's mailbox; a power of two */
#define MR__UNIT_ITEMS    16 /* items of one unit at most */
#define MR__PLAN_CELLS    16 /* plans that one pool serves at once */
#define MR__MESSAGE_MAX   160
#define MR__DETAIL_MAX    8192 /* text on the failures of one unit, together */
#define MR__DIMS_MAX      8
#define MR__TROUBLE_MAX   400 /* why a program cannot serve */
#define MR__CACHE_LINE    64
/* Decoded pictures that a foreign program may hold without asking. */
#define MR__FOREIGN_STANDING_BYTES (UINT64_C(8) << 20)

/* Descriptors of a worker process. The numbers are part of the protocol. */
enum {
    MR__FD_CONTROL = 3,
    MR__FD_SLAB = 4,
    MR__FD_SLOTS = 5,
    MR__FD_EVENT = 6,
    MR__FD_DATA =
        7, /* of another program than millrace-worker: what its host hands it, if anything */
    MR__FD_END = 8
};

/* Exit statuses of a worker that ends by itself. */
enum {
    MR__EXIT_OK = 0,
    MR__EXIT_PROTOCOL = 70, /* control area of another version, or not one at all */
    MR__EXIT_NO_MEMORY = 71,
    MR__EXIT_START = 72 /* mapping or warm-up failed */
};

typedef enum mr__input_kind {
    MR__INPUT_ENCODED = 0,
    MR__INPUT_RAW = 1,   /* interleaved pixels of raw_mode */
    MR__INPUT_FLOATS = 2 /* interleaved float32, raw_mode of them a pixel */
} mr__input_kind;

/* One item of a unit, written by the host before it queues the unit. */
typedef struct mr__item_desc {
    uint64_t input_offset; /* in the slab */
    uint64_t input_bytes;
    uint64_t output_offset; /* in the slots */
    uint64_t output_bytes;
    uint32_t kind;     /* mr__input_kind */
    uint32_t raw_mode; /* mr__mode of raw pixels; of floats the channels, 1..4 */
    uint32_t raw_width, raw_height;
} mr__item_desc;

typedef struct mr__unit_desc {
    uint32_t n_items;      /* 1..MR__UNIT_ITEMS */
    uint32_t plan_cell;    /* index into the plan cells */
    uint32_t plan_version; /* of that cell */
    uint32_t reserved;
    uint64_t max_pixels;
    mr__item_desc items[MR__UNIT_ITEMS];
} mr__unit_desc;

/* What a worker says of one item. The host treats each field as hostile. */
typedef struct mr__item_answer {
    uint32_t code; /* mr_code; MR_CODE_NONE: the row is complete */
    uint32_t stage;
    uint32_t format;
    uint32_t width, height;
    uint32_t decode_us, transform_us;
    uint32_t detail_bytes; /* of the unit's detail; those of its items lie one after the other */
    char message[MR__MESSAGE_MAX];
} mr__item_answer;

typedef struct mr__unit_answer {
    mr__item_answer items[MR__UNIT_ITEMS];
} mr__unit_answer;

typedef struct mr__unit {
    alignas(MR__CACHE_LINE) mr__word word;          /* unit.h: the only word with two writers */
    alignas(MR__CACHE_LINE) mr__unit_desc desc;     /* host */
    alignas(MR__CACHE_LINE) mr__unit_answer answer; /* worker */
} mr__unit;

/* Canonical text of a plan. Rewritten only while no queued unit names the cell. */
typedef struct mr__plan_cell {
    char text[MR__PLAN_TEXT_MAX];
} mr__plan_cell;

/* Shape of one row of output, where the worker's program decides on it. */
typedef struct mr__row_dims {
    uint32_t dtype; /* mr_dtype */
    uint32_t n;     /* 1..MR__DIMS_MAX */
    uint32_t dims[MR__DIMS_MAX];
} mr__row_dims;

typedef struct mr__control {
    /* written once by the host before the worker starts */
    uint32_t magic;
    uint32_t version;
    uint64_t control_bytes;
    uint64_t slab_bytes;
    uint64_t slots_bytes;
    uint64_t standing_bytes;  /* working memory that needs no asking */
    uint64_t grant_max_bytes; /* the most that can ever be granted to one decode */
    uint32_t cpu_level;       /* mr__cpu_level */
    uint32_t jpeg;            /* mr__jpeg_choice */
    uint32_t index;           /* of the worker in its pool */
    uint32_t host_pid;        /* whose child the worker is */
    uint32_t confine;         /* 1: a foreign program is to be confined once it is ready */
    uint64_t data_bytes;      /* behind MR__FD_DATA */

    /* host's words */
    alignas(MR__CACHE_LINE)
        mr__word doorbell; /* futex: changes whenever there is something to look at */
    mr__word shutdown;     /* 1: leave */
    mr__wide grant;        /* need.h: answer to the request with the same number */

    /* worker's words */
    alignas(MR__CACHE_LINE) mr__word ready; /* 1: the door is closed, the mailbox is served */
    mr__word sandbox_layers;                /* mr_sandbox_layer bits */
    mr__word landlock_abi;
    mr__word heartbeat; /* counts items begun */
    mr__wide need;      /* need.h: number and bytes of a request for memory */

    mr__unit units[MR__MAILBOX_UNITS];
    mr__plan_cell plans[MR__PLAN_CELLS]; /* host; payload of the units that name them */

    /* Payload of the units, as `answer` is: what is worth more than one line of a failure, such as
     * the traceback of an interpreter. Touched only where an answer says so. */
    char detail[MR__MAILBOX_UNITS][MR__DETAIL_MAX];
    /* foreign programs; worker, before `ready`, or before it ends without */
    mr__row_dims row;
    char trouble[MR__TROUBLE_MAX]; /* why it cannot serve */
} mr__control;

#endif
