/* SPDX-License-Identifier: Apache-2.0 */
/* Messages to the caller's sink. */
#ifndef MR_BASE_LOG_H
#define MR_BASE_LOG_H

#include "base/error.h"
#include "millrace/log.h"

/* Formats and hands over one message, if the sink wants its level. `part` names the speaker:
 * "pool". */
void mr__log(const mr_logger *logger, mr_log_level level, const char *part, const char *fmt, ...)
    MR__PRINTF(4, 5);

#endif
