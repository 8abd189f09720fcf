/* SPDX-License-Identifier: Apache-2.0 */
/* When a request is made again: what servers say, and what we do when they say nothing. */
#ifndef MR_FETCH_RETRY_H
#define MR_FETCH_RETRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MR__RETRY_ATTEMPTS 4 /* that are made at most */
#define MR__RETRY_BASE_MS                                                                          \
    250U                        /* before the second attempt; twice as long before each later one  \
                                 */
#define MR__RETRY_CAP_MS 10000U /* that backing off grows to; Retry-After may be longer */

/* An IMF-fixdate (RFC 9110, 5.6.7: "Sun, 06 Nov 1994 08:49:37 GMT") in seconds since 1970. The two
 * obsolete forms are not read. */
bool mr__http_date(const char *text, size_t n, int64_t *out);

/* The value of Retry-After, seconds or a date, in milliseconds from `now_s` (since 1970); 0 for a
 * date that has passed. Capped at a day. False if it is neither. */
bool mr__retry_after(const char *text, size_t n, int64_t now_s, uint32_t *out);

/* Milliseconds to wait before attempt `attempt` + 1 (attempts count from 1): exponential, of which
 * between one half and all is taken by `random`, but never less than the server asked for. */
uint32_t mr__retry_delay(uint32_t attempt, uint32_t after_ms, uint32_t random);

/* Does an answer with this status say that the same request may fare better later? */
bool mr__retry_status(long status);

#endif
