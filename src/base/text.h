/* SPDX-License-Identifier: Apache-2.0 */
/* Bounded strings, UTF-8, and making foreign bytes fit to be shown. */
#ifndef MR_BASE_TEXT_H
#define MR_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Copies at most `size - 1` bytes and terminates. Returns false if it was cut (at a UTF-8
 * boundary). */
bool mr__text_copy(char *dst, size_t size, const char *src);

/* Appends to a terminated string; false if it was cut. */
bool mr__text_append(char *dst, size_t size, const char *src);

/* Copies `n` bytes for display: control characters and bytes that are not UTF-8 become \xHH. */
void mr__text_escape(char *dst, size_t size, const char *src, size_t n);

/* The same, but line ends stay what they are. */
void mr__text_escape_lines(char *dst, size_t size, const char *src, size_t n);

/* Is it UTF-8 (no surrogates, no over-long forms, up to U+10FFFF)? */
bool mr__text_is_utf8(const char *src, size_t n);

/*
 * Length of the well-formed UTF-8 sequence at `src` (1..4), or 0 if there is none.
 */
size_t mr__text_utf8_len(const unsigned char *src, size_t n);

/* Does it begin like a URL: a scheme (RFC 3986, 3.1) and "://"? */
bool mr__text_has_scheme(const char *text);

/* Edit distance (Levenshtein) of two short strings, for "did you mean"; strings over 63 bytes
 * give 64. */
size_t mr__text_distance(const char *a, const char *b);

/* A size such as "512M" (binary K/M/G/T) or "4096"; false if it is none or does not fit. */
bool mr__text_size(const char *text, uint64_t *out);

/* A time such as "10s", "250ms", "5m", "1h" in milliseconds; a bare number is seconds. */
bool mr__text_duration_ms(const char *text, uint64_t *out);

/* The pause of "delay=TIME", at most a minute: how parts for tests are made slow on purpose. */
bool mr__text_delay_ms(const char *text, uint64_t *out);

/* A decimal number without sign that uses the whole string. */
bool mr__text_u64(const char *text, uint64_t *out);

#endif
