/* SPDX-License-Identifier: Apache-2.0 */
/* What people type and what they are shown. */
#include "text.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Digits at the front; returns what follows, NULL if there are none or they do not fit. */
static const char *digits(const char *text, uint64_t *out)
{
    const char *p = text;
    uint64_t value = 0;

    for (; *p >= '0' && *p <= '9'; p++)
        if (__builtin_mul_overflow(value, UINT64_C(10), &value) ||
            __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))
            return NULL;
    *out = value;
    return p == text ? NULL : p;
}

bool cli_text_count(const char *text, uint64_t *out)
{
    const char *end = digits(text, out);

    return end && !*end;
}

bool cli_text_size(const char *text, uint64_t *out)
{
    static const char units[] = "KMGT";
    const char *end = digits(text, out), *unit;
    unsigned shift;

    if (!end || !*end)
        return end != NULL;
    unit = strchr(units, *end >= 'a' && *end <= 'z' ? *end - ('a' - 'A') : *end);
    if (!unit)
        return false;
    end++;
    if (strcmp(end, "") != 0 && strcmp(end, "B") != 0 && strcmp(end, "iB") != 0)
        return false;
    shift = 10u * (unsigned)(unit - units + 1);
    if (*out > UINT64_MAX >> shift)
        return false;
    *out <<= shift;
    return true;
}

bool cli_text_truth(const char *text, uint64_t *out)
{
    static const char *const words[] = {"0", "1", "false", "true", "no", "yes", "off", "on"};
    size_t i;

    for (i = 0; i < sizeof words / sizeof words[0]; i++) {
        *out = i & 1;
        if (strcasecmp(words[i], text) == 0)
            return true;
    }
    return false;
}

bool cli_text_time(const char *text, uint64_t bare_ms, uint64_t *out)
{
    const struct {
        const char *unit;
        uint64_t ms;
    } units[] = {{"", bare_ms}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
    const char *end = digits(text, out);
    size_t i;

    for (i = 0; end && i < sizeof units / sizeof units[0]; i++)
        if (strcmp(end, units[i].unit) == 0)
            return !__builtin_mul_overflow(*out, units[i].ms, out);
    return false;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool same(char a, char b)
{
    return lower(a) == lower(b);
}

size_t cli_text_distance(const char *a, const char *b)
{
    size_t rows[3][64], na = strlen(a), nb = strlen(b), i, j;

    if (na > 63 || nb > 63)
        return 64;
    for (j = 0; j <= nb; j++)
        rows[0][j] = j;
    for (i = 1; i <= na; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];

        row[0] = i;
        for (j = 1; j <= nb; j++) {
            row[j] =
                least(above[j - 1] + !same(a[i - 1], b[j - 1]), least(row[j - 1], above[j]) + 1);
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
                row[j] = least(row[j], above2[j - 2] + 1);
        }
    }
    return rows[na % 3][nb];
}

void cli_nearest_offer(struct cli_nearest *nearest, const char *name)
{
    size_t distance = cli_text_distance(nearest->typed, name), length = strlen(nearest->typed);
    /* a name that starts with all that was typed is near however much is missing */
    bool prefix = length >= 2 && strncasecmp(name, nearest->typed, length) == 0;

    if (prefix)
        distance = 1;
    if (distance > 1 + length / 3 || (nearest->best && distance >= nearest->distance))
        return;
    nearest->best = name;
    nearest->distance = distance;
}

/* Length of the UTF-8 sequence at `p`, 0 if there is none (RFC 3629). */
static size_t utf8_len(const unsigned char *p)
{
    size_t len = p[0] < 0x80 ? 1 : p[0] < 0xC2 ? 0 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
    size_t i;

    if (p[0] > 0xF4)
        return 0;
    for (i = 1; i < len; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    if ((p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F) ||
        (p[0] == 0xF0 && p[1] < 0x90) || (p[0] == 0xF4 && p[1] > 0x8F))
        return 0;
    return len;
}

void cli_text_escape(char *dst, size_t size, const char *src)
{
    const unsigned char *p = (const unsigned char *)src;
    size_t used = 0;

    while (*p && used + 5 < size) {
        size_t len = utf8_len(p);
        bool control = *p < 0x20 || *p == 0x7F || (len == 2 && p[0] == 0xC2 && p[1] < 0xA0);

        if (len == 0 || control) {
            used += (size_t)snprintf(dst + used, size - used, "\\x%02x", *p);
            p++;
            continue;
        }
        memcpy(dst + used, p, len);
        used += len;
        p += len;
    }
    dst[used] = '\0';
}

void cli_text_bytes(char *dst, size_t size, uint64_t bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    double value = (double)bytes;
    size_t unit = 0;

    while (value >= 1000 && unit + 1 < sizeof units / sizeof units[0]) {
        value /= 1000;
        unit++;
    }
    (void)snprintf(dst, size, value < 10 && unit > 0 ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

void cli_text_clock(char *dst, size_t size, double seconds)
{
    uint64_t s = seconds > 0 && seconds < 1e9 ? (uint64_t)(seconds + 0.5) : 0;

    if (s >= 3600)
        (void)snprintf(dst, size, "%llu:%02llu:%02llu", (unsigned long long)(s / 3600),
                       (unsigned long long)(s / 60 % 60), (unsigned long long)(s % 60));
    else
        (void)snprintf(dst, size, "%llu:%02llu", (unsigned long long)(s / 60),
                       (unsigned long long)(s % 60));
}
