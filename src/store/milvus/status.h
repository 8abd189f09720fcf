/* SPDX-License-Identifier: Apache-2.0 */
/* What an answer of Milvus means: done, later, or never. */
#ifndef MR_STORE_MILVUS_STATUS_H
#define MR_STORE_MILVUS_STATUS_H

#include <stdbool.h>

#include "store/milvus/milvus.pb-c.h"

#include "base/error.h"

typedef enum mr__mv_verdict {
    MR__MV_DONE,
    MR__MV_AGAIN,     /* the same may work soon: not ready, rate limit */
    MR__MV_PRESSURE,  /* the same may work once there is room: memory, disk, quota */
    MR__MV_UNSURE,    /* a failure that nobody classified: worth another try after a restart only */
    MR__MV_LOST,      /* the connection was lost, or there was no answer */
    MR__MV_TOO_LARGE, /* smaller requests may work */
    MR__MV_REFUSED
} mr__mv_verdict;

/* Of Milvus' own status; NULL is success. */
mr__mv_verdict mr__mv_judge(const Mv__Status *status);
/* Of a gRPC status. */
mr__mv_verdict mr__mv_judge_rpc(int code, const char *message);

/* Fills `err` from a status that is no success: the server's words, and the next step. `what`:
 * "Search". */
mr_status mr__mv_status_failure(const Mv__Status *status, const char *what, mr_error *err);

/* "…(9000123 vs. 4194304)": the second number, 0 if there is none. */
uint64_t mr__mv_limit_of(const char *message);

/* Is the collection absent? Servers differ in how they say it. */
bool mr__mv_is_absent(const Mv__Status *status);
bool mr__mv_is_not_loaded(const Mv__Status *status);
/* Is there no index? */
bool mr__mv_has_no_index(const Mv__Status *status);

#endif
