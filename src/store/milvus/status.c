/* SPDX-License-Identifier: Apache-2.0 */
/* Codes of Milvus 2.2 to 2.6, and of milvus-lite, which has some of its own. */
#include "store/milvus/status.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "rpc/rpc.h"

enum {
    NOT_READY = 1,
    UNAVAILABLE = 2,
    MEMORY_LIMIT = 3,
    REQUEST_LIMIT = 4,
    DISK_LIMIT = 7,
    RATE_LIMIT = 8,
    QUOTA = 9,
    TIME_TICK_DELAY = 11,
    NO_RESOURCE = 12,
    NO_COLLECTION = 100,
    NOT_LOADED = 101,
    NOT_FULLY_LOADED = 103,
    RECOVERING = 106,
    NO_INDEX = 700,
    NO_DATABASE = 800,
    NO_SUCH_DATABASE_NAME = 802,
    INVALID_PARAMETER = 1100,
    LAST_INVALID_PARAMETER = 1102,
    NOT_AUTHENTICATED = 1400,
    NO_PRIVILEGE = 1401,
    NO_FIELD = 1700,
    REST_RATE_LIMIT = 1807,
    REQUERY = 2200,
    UNEXPECTED = 65535
};

/* error_code of servers before 2.3.2, and milvus-lite's */
enum {
    OLD_UNEXPECTED = 1,
    OLD_PERMISSION = 3,
    OLD_NO_COLLECTION = 4,
    LITE_BAD_FILTER = 6,
    OLD_NO_INDEX = 25,
    OLD_FORCE_DENY = 48,
    OLD_RATE_LIMIT = 49,
    OLD_NO_MEMORY = 52,
    OLD_MEMORY_QUOTA = 53,
    OLD_DISK_QUOTA = 54,
    OLD_TIME_TICK_DELAY = 55,
    OLD_NOT_READY = 56
};

static bool has_text(const ProtobufCBinaryData *data, const char *text)
{
    return data->data && memmem(data->data, data->len, text, strlen(text)) != NULL;
}

static bool is_input_error(const Mv__Status *status)
{
    size_t i;

    for (i = 0; i < status->n_extra_info; i++) {
        const Mv__Pair *pair = status->extra_info[i];

        if (pair->key && strcmp(pair->key, "is_input_error") == 0 && has_text(&pair->value, "true"))
            return true;
    }
    return false;
}

static mr__mv_verdict judge_new(int code)
{
    switch (code) {
    case NOT_READY:
    case UNAVAILABLE:
    case REQUEST_LIMIT:
    case RATE_LIMIT:
    case NO_RESOURCE:
    case NOT_FULLY_LOADED:
    case RECOVERING:
    case REST_RATE_LIMIT:
    case REQUERY:
        return MR__MV_AGAIN;
    case MEMORY_LIMIT:
    case DISK_LIMIT:
    case QUOTA:
    case TIME_TICK_DELAY:
        return MR__MV_PRESSURE;
    default:
        /* of channels, segments, nodes, storage and queues; and what has no class */
        if ((code >= 500 && code < 700) || (code >= 900 && code < 1000) || code == 5 ||
            (code >= 1000 && code < 1100) || (code >= 1300 && code < 1400) || code == UNEXPECTED ||
            (code >= 10000 && code <= 10001))
            return MR__MV_UNSURE;
        return MR__MV_REFUSED;
    }
}

static mr__mv_verdict judge_old(int code)
{
    switch (code) {
    case OLD_RATE_LIMIT:
    case OLD_NOT_READY:
        return MR__MV_AGAIN;
    case OLD_FORCE_DENY:
    case OLD_NO_MEMORY:
    case OLD_MEMORY_QUOTA:
    case OLD_DISK_QUOTA:
    case OLD_TIME_TICK_DELAY:
        return MR__MV_PRESSURE;
    case OLD_UNEXPECTED:
        return MR__MV_UNSURE;
    default:
        return MR__MV_REFUSED;
    }
}

mr__mv_verdict mr__mv_judge(const Mv__Status *status)
{
    mr__mv_verdict verdict;

    if (!status || (status->code == 0 && status->error_code == 0))
        return MR__MV_DONE;
    if (is_input_error(status))
        return MR__MV_REFUSED;
    verdict = status->code ? judge_new(status->code) : judge_old(status->error_code);
    if (status->retriable && verdict != MR__MV_PRESSURE)
        return MR__MV_AGAIN;
    return verdict;
}

mr__mv_verdict mr__mv_judge_rpc(int code, const char *message)
{
    switch (code) {
    case MR__RPC_OK:
        return MR__MV_DONE;
    case MR__RPC_RESOURCE_EXHAUSTED:
        return strstr(message, "larger than max") ? MR__MV_TOO_LARGE : MR__MV_PRESSURE;
    case MR__RPC_UNAVAILABLE:
    case MR__RPC_DEADLINE_EXCEEDED:
    case MR__RPC_INTERNAL:
    case MR__RPC_ABORTED:
    case MR__RPC_CANCELLED:
        return MR__MV_LOST;
    case MR__RPC_UNKNOWN:
        return MR__MV_UNSURE;
    default:
        return MR__MV_REFUSED;
    }
}

uint64_t mr__mv_limit_of(const char *message)
{
    const char *vs = strstr(message, " vs. ");
    char digits[21] = "";
    uint64_t out = 0;
    size_t n;

    if (!vs)
        return 0;
    vs += 5;
    n = strspn(vs, "0123456789");
    if (n == 0 || n >= sizeof digits)
        return 0;
    memcpy(digits, vs, n);
    return mr__text_u64(digits, &out) ? out : 0;
}

bool mr__mv_is_absent(const Mv__Status *status)
{
    if (!status)
        return false;
    if (status->code == NO_COLLECTION || (!status->code && status->error_code == OLD_NO_COLLECTION))
        return true;
    return status->code == 0 && status->error_code == OLD_UNEXPECTED &&
           has_text(&status->reason, "can't find collection");
}

bool mr__mv_is_not_loaded(const Mv__Status *status)
{
    return status &&
           (status->code == NOT_LOADED || (!status->code && status->error_code == NOT_LOADED));
}

bool mr__mv_has_no_index(const Mv__Status *status)
{
    return status &&
           (status->code == NO_INDEX || (!status->code && status->error_code == OLD_NO_INDEX));
}

static bool is_bad_request(const Mv__Status *status)
{
    int code = status->code ? status->code : status->error_code;

    return is_input_error(status) ||
           (code >= INVALID_PARAMETER && code <= LAST_INVALID_PARAMETER) || code == NO_FIELD ||
           code == LITE_BAD_FILTER || has_text(&status->reason, "expression") ||
           has_text(&status->reason, "not exist");
}

mr_status mr__mv_status_failure(const Mv__Status *status, const char *what, mr_error *err)
{
    int code = status->code ? status->code : status->error_code;
    char said[300];

    mr__text_escape(said, sizeof said, (const char *)status->reason.data, status->reason.len);
    if (mr__mv_is_absent(status) || code == NO_DATABASE || code == NO_SUCH_DATABASE_NAME)
        return mr__error_set(err, MR_E_NOT_FOUND, "%s: %s", what, said);
    if (code == NOT_AUTHENTICATED || code == NO_PRIVILEGE ||
        (!status->code && code == OLD_PERMISSION))
        return mr__error_set(err, MR_E_ENV, "%s: not allowed: %s; check user, password or token",
                             what, said);
    if (mr__mv_is_not_loaded(status))
        return mr__error_set(
            err, MR_E_ENV, "%s: the collection is not loaded; see: millrace collection load", what);
    if (mr__mv_has_no_index(status))
        return mr__error_set(err, MR_E_ENV,
                             "%s: the collection has no index yet: a run that was stopped has not "
                             "built it; run it again",
                             what);
    if (mr__mv_judge(status) == MR__MV_PRESSURE)
        return mr__error_set(err, MR_E_ENV, "%s: the server takes no more: %s (code %d)", what,
                             said, code);
    if (is_bad_request(status))
        return mr__error_set(err, MR_E_INVALID, "%s: %s (code %d)", what, said, code);
    return mr__error_set(err, MR_E_ENV, "%s: %s (code %d)", what, said, code);
}
