/* SPDX-License-Identifier: Apache-2.0 */
/* A growable byte buffer that cannot be made without a cap. Always terminated, so text is a C
 * string. */
#ifndef MR_BASE_BUF_H
#define MR_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

typedef struct mr__buf {
    char *data; /* NULL until the first byte; then data[len] == 0 */
    size_t len;
    size_t cap;
    size_t max; /* len never exceeds it */
} mr__buf;

void mr__buf_init(mr__buf *buf, size_t max);
void mr__buf_fini(mr__buf *buf);

/* Forgets the content, keeps the memory. */
void mr__buf_reset(mr__buf *buf);

/* Makes room for `extra` more bytes; false if over `max` or out of memory. Content is untouched on
 * failure. */
bool mr__buf_reserve(mr__buf *buf, size_t extra);

bool mr__buf_add(mr__buf *buf, const void *bytes, size_t n);
bool mr__buf_addf(mr__buf *buf, const char *fmt, ...) MR__PRINTF(2, 3);

#endif
