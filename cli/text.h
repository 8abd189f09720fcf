/* SPDX-License-Identifier: Apache-2.0 */
/* What people type and what they are shown: sizes, times, nearest names, escapes. */
#ifndef MILLRACE_CLI_TEXT_H
#define MILLRACE_CLI_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decimal digits only, the whole string. */
bool cli_text_count(const char *text, uint64_t *out);

/* "512M", "2GiB", "4096": binary units. */
bool cli_text_size(const char *text, uint64_t *out);

/* "10s", "250ms", "5m", "1h" in milliseconds; a bare number is in units of `bare_ms`. */
bool cli_text_time(const char *text, uint64_t bare_ms, uint64_t *out);

/* "true", "yes", "on", "1" and their opposites, in any case; 1 or 0 in `out`. */
bool cli_text_truth(const char *text, uint64_t *out);

/* Edits from `a` to `b`, a swap of neighbours counting as one and upper case as lower; 64 if either
 * is over 63 bytes. */
size_t cli_text_distance(const char *a, const char *b);

/* For choosing the nearest of several names: keeps the better of what it has and `name`. */
struct cli_nearest {
    const char *typed;
    const char *best; /* NULL: nothing is near enough */
    size_t distance;
};
void cli_nearest_offer(struct cli_nearest *nearest, const char *name);

/* For a terminal: control characters and bytes that are not UTF-8 become \xHH. Cut to `size`. */
void cli_text_escape(char *dst, size_t size, const char *src);

/* "1.5 GB" and the like (decimal), "0:07" or "1:02:03". */
void cli_text_bytes(char *dst, size_t size, uint64_t bytes);
void cli_text_clock(char *dst, size_t size, double seconds);

#endif
