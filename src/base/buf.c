/* SPDX-License-Identifier: Apache-2.0 */
/* A growable byte buffer that cannot be made without a cap. */
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"

void mr__buf_init(mr__buf *buf, size_t max)
{
    *buf = (mr__buf){.max = max};
}

void mr__buf_fini(mr__buf *buf)
{
    free(buf->data);
    *buf = (mr__buf){.max = buf->max};
}

void mr__buf_reset(mr__buf *buf)
{
    buf->len = 0;
    if (buf->data)
        buf->data[0] = '\0';
}

bool mr__buf_reserve(mr__buf *buf, size_t extra)
{
    size_t need, cap;
    char *data;

    if (!mr__size_add(&need, buf->len, extra) || need > buf->max || need == SIZE_MAX)
        return false;
    if (buf->data && need < buf->cap)
        return true;
    cap = buf->cap ? buf->cap : 64;
    while (cap <= need)
        if (!mr__size_mul(&cap, cap, 2))
            return false;
    data = realloc(buf->data, cap);
    if (!data)
        return false;
    data[buf->len] = '\0';
    buf->data = data;
    buf->cap = cap;
    return true;
}

bool mr__buf_add(mr__buf *buf, const void *bytes, size_t n)
{
    if (!mr__buf_reserve(buf, n))
        return false;
    if (n > 0)
        memcpy(buf->data + buf->len, bytes, n);
    buf->len += n;
    buf->data[buf->len] = '\0';
    return true;
}

bool mr__buf_addf(mr__buf *buf, const char *fmt, ...)
{
    va_list args;
    int n;

    va_start(args, fmt);
    n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n < 0 || !mr__buf_reserve(buf, (size_t)n))
        return false;
    va_start(args, fmt);
    (void)vsnprintf(buf->data + buf->len, (size_t)n + 1, fmt, args);
    va_end(args);
    buf->len += (size_t)n;
    return true;
}
