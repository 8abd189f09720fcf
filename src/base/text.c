/* SPDX-License-Identifier: Apache-2.0 */
/* Bounded strings, UTF-8, and making foreign bytes fit to be shown. */
#include "base/text.h"

#include <string.h>

size_t mr__text_utf8_len(const unsigned char *src, size_t n)
{
    /* Unicode 15, table 3-7: the second byte's range depends on the first */
    size_t len, i;
    unsigned char lo = 0x80, hi = 0xBF;

    if (n == 0)
        return 0;
    if (src[0] < 0x80)
        return 1;
    if (src[0] < 0xC2 || src[0] > 0xF4)
        return 0;
    len = src[0] < 0xE0 ? 2 : src[0] < 0xF0 ? 3 : 4;
    if (src[0] == 0xE0)
        lo = 0xA0;
    else if (src[0] == 0xED)
        hi = 0x9F;
    else if (src[0] == 0xF0)
        lo = 0x90;
    else if (src[0] == 0xF4)
        hi = 0x8F;
    if (n < len || src[1] < lo || src[1] > hi)
        return 0;
    for (i = 2; i < len; i++)
        if ((src[i] & 0xC0) != 0x80)
            return 0;
    return len;
}

bool mr__text_is_utf8(const char *src, size_t n)
{
    const unsigned char *p = (const unsigned char *)src;

    while (n > 0) {
        size_t len = mr__text_utf8_len(p, n);
        if (len == 0)
            return false;
        p += len;
        n -= len;
    }
    return true;
}

bool mr__text_copy(char *dst, size_t size, const char *src)
{
    size_t n = strlen(src);
    bool fits = n < size;

    if (size == 0)
        return false;
    if (!fits) {
        n = size - 1;
        while (n > 0 && ((unsigned char)src[n] & 0xC0) == 0x80)
            n--;
    }
    memmove(dst, src, n);
    dst[n] = '\0';
    return fits;
}

bool mr__text_append(char *dst, size_t size, const char *src)
{
    size_t used = strnlen(dst, size);

    return used < size && mr__text_copy(dst + used, size - used, src);
}

bool mr__text_has_scheme(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char others[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.";

    return strspn(text, letters) > 0 && strncmp(text + strspn(text, others), "://", 3) == 0;
}

static bool shows_as_is(const unsigned char *p, size_t len)
{
    if (len == 1)
        return p[0] >= 0x20 && p[0] != 0x7F;
    /* C1 controls, and the line and paragraph separators that split a log line in some viewers */
    if (len == 2 && p[0] == 0xC2 && p[1] < 0xA0)
        return false;
    return !(len == 3 && p[0] == 0xE2 && p[1] == 0x80 && (p[2] == 0xA8 || p[2] == 0xA9));
}

static void escape(char *dst, size_t size, const char *src, size_t n, bool lines)
{
    static const char hex[] = "0123456789abcdef";
    const unsigned char *p = (const unsigned char *)src;
    size_t used = 0;

    if (size == 0)
        return;
    while (n > 0) {
        size_t len = mr__text_utf8_len(p, n);
        if (len > 0 && (shows_as_is(p, len) || (lines && p[0] == '\n'))) {
            if (used + len >= size)
                break;
            memcpy(dst + used, p, len);
            used += len;
        } else {
            len = 1;
            if (used + 4 >= size)
                break;
            dst[used++] = '\\';
            dst[used++] = 'x';
            dst[used++] = hex[p[0] >> 4];
            dst[used++] = hex[p[0] & 15];
        }
        p += len;
        n -= len;
    }
    dst[used] = '\0';
}

void mr__text_escape(char *dst, size_t size, const char *src, size_t n)
{
    escape(dst, size, src, n, false);
}

void mr__text_escape_lines(char *dst, size_t size, const char *src, size_t n)
{
    escape(dst, size, src, n, true);
}

size_t mr__text_distance(const char *a, const char *b)
{
    size_t row[64], na = strlen(a), nb = strlen(b), i, j;

    if (na > 63 || nb > 63)
        return 64;
    for (j = 0; j <= nb; j++)
        row[j] = j;
    for (i = 1; i <= na; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (j = 1; j <= nb; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[nb];
}

/* Digits at the front; returns what follows them, NULL if there are none or they do not fit. */
static const char *digits(const char *text, uint64_t *out)
{
    uint64_t value = 0;
    const char *p = text;

    while (*p >= '0' && *p <= '9') {
        if (__builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))
            return NULL;
        p++;
    }
    *out = value;
    return p == text ? NULL : p;
}

bool mr__text_u64(const char *text, uint64_t *out)
{
    const char *end = digits(text, out);

    return end && *end == '\0';
}

bool mr__text_size(const char *text, uint64_t *out)
{
    static const char units[] = "KMGT";
    const char *end = digits(text, out), *unit;
    unsigned shift;

    if (!end)
        return false;
    if (*end == '\0')
        return true;
    unit = strchr(units, *end >= 'a' && *end <= 'z' ? *end - 32 : *end);
    if (!unit || !*unit)
        return false;
    end++;
    if (end[0] == 'i')
        end++;
    if (end[0] == 'B')
        end++;
    shift = 10u * (unsigned)(unit - units + 1);
    if (*end != '\0' || *out > UINT64_MAX >> shift)
        return false;
    *out <<= shift;
    return true;
}

bool mr__text_duration_ms(const char *text, uint64_t *out)
{
    static const struct {
        const char *unit;
        uint64_t ms;
    } units[] = {{"ms", 1}, {"", 1000}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
    const char *end = digits(text, out);
    size_t i;

    if (!end)
        return false;
    for (i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strcmp(end, units[i].unit) == 0)
            return !__builtin_mul_overflow(*out, units[i].ms, out);
    return false;
}

bool mr__text_delay_ms(const char *text, uint64_t *out)
{
    return strncmp(text, "delay=", 6) == 0 && mr__text_duration_ms(text + 6, out) && *out <= 60000;
}
