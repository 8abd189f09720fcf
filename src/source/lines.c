/* SPDX-License-Identifier: Apache-2.0 */
/* Cuts a stream of bytes into the names of a list. The rules are in lines.h. */
#include "source/lines.h"

#include <string.h>

#define HELD_MAX (MR__LOCATOR_MAX + 1)

void mr__lines_init(mr__lines *lines, bool nul_separated)
{
    memset(lines, 0, sizeof *lines);
    lines->separator = nul_separated ? '\0' : '\n';
    lines->ready = true;
}

static void begin(mr__lines *lines)
{
    if (!lines->ready)
        return;
    lines->ready = false;
    lines->too_long = false;
    lines->has_nul = false;
    lines->len = 0;
    lines->number++;
}

static void take(mr__lines *lines, const char *bytes, size_t n)
{
    size_t room = HELD_MAX - lines->len, kept = n < room ? n : room;

    if (kept > 0)
        memcpy(lines->text + lines->len, bytes, kept);
    lines->len += kept;
    if (kept == n)
        return;
    if (!lines->too_long) {
        lines->too_long = true;
        sha256_init(&lines->sha);
        sha256_update(&lines->sha, lines->len, (const unsigned char *)lines->text);
    }
    sha256_update(&lines->sha, n - kept, (const unsigned char *)bytes + kept);
}

/* Is there a name between the separators? */
static bool complete(mr__lines *lines)
{
    unsigned char digest[SHA256_DIGEST_SIZE];
    bool newline = lines->separator == '\n';

    if (newline && lines->number == 1 && lines->len >= 3 &&
        memcmp(lines->text, "\xEF\xBB\xBF", 3) == 0) {
        lines->len -= 3;
        memmove(lines->text, lines->text + 3, lines->len);
    }
    if (newline && !lines->too_long && lines->len > 0 && lines->text[lines->len - 1] == '\r')
        lines->len--;
    if (lines->len > MR__LOCATOR_MAX && !lines->too_long) {
        lines->too_long = true;
        sha256_init(&lines->sha);
        sha256_update(&lines->sha, lines->len, (const unsigned char *)lines->text);
    }
    if (lines->too_long) {
        sha256_digest(&lines->sha, sizeof digest, digest);
        mr__ident_hex(lines->sha256, digest);
        if (lines->len > MR__LOCATOR_MAX)
            lines->len = MR__LOCATOR_MAX;
    }
    lines->text[lines->len] = '\0';
    lines->has_nul = memchr(lines->text, '\0', lines->len) != NULL;
    lines->ready = true;
    return lines->len > 0;
}

bool mr__lines_feed(mr__lines *lines, const char **p, const char *end)
{
    while (*p < end) {
        const char *stop = memchr(*p, lines->separator, (size_t)(end - *p));

        begin(lines);
        take(lines, *p, (size_t)((stop ? stop : end) - *p));
        *p = stop ? stop + 1 : end;
        if (stop && complete(lines))
            return true;
    }
    return false;
}

bool mr__lines_finish(mr__lines *lines)
{
    return !lines->ready && complete(lines);
}
