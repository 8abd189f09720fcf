/* SPDX-License-Identifier: Apache-2.0 */
/* Where messages go: the library itself never prints. */
#ifndef MILLRACE_LOG_H
#define MILLRACE_LOG_H

#include "millrace/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum mr_log_level { MR_LOG_ERROR = 0, MR_LOG_WARN, MR_LOG_INFO, MR_LOG_DEBUG } mr_log_level;

/**
 * Receives one message: UTF-8, no newline, control characters escaped, no secrets.
 * May be called from any of the library's threads, several at once; must not call back into it.
 */
typedef void mr_log_fn(void *cookie, mr_log_level level, const char *part, const char *message);

/** A sink for messages. All zero = silent. Copied by the calls that take it. */
typedef struct mr_logger {
    mr_log_fn *write;   /**< NULL: silent */
    void *cookie;       /**< passed to `write` unchanged */
    mr_log_level level; /**< messages above this level are not formatted at all */
} mr_logger;

/**
 * Replaces what is secret in URLs by "***", in place: user and password, and the values of query
 * parameters such as `token`, `sig`, `key`, `password`, `X-Amz-Signature`. All that the library
 * says itself (messages, errors) has been through it; it is for programs that repeat what their
 * users typed. Never makes the text longer. Any thread.
 */
MR_API void mr_mask_secrets(char *text);

#ifdef __cplusplus
}
#endif
#endif
