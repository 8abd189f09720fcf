/* SPDX-License-Identifier: Apache-2.0 */
/* Messages to the caller's sink. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

void mr__log(const mr_logger *logger, mr_log_level level, const char *part, const char *fmt, ...)
{
    char raw[1024], message[1024];
    va_list args;

    if (!logger || !logger->write || level > logger->level)
        return;
    va_start(args, fmt);
    (void)vsnprintf(raw, sizeof raw, fmt, args);
    va_end(args);
    mr_mask_secrets(raw);
    mr__text_escape(message, sizeof message, raw, strlen(raw));
    logger->write(logger->cookie, level, part, message);
}
