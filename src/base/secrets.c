/* SPDX-License-Identifier: Apache-2.0 */
/* What must not be shown: see millrace/log.h. */
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "millrace/log.h"

/* Parameters whose value is a secret: those that are named so, and those whose name has such a
 * word in it (X-Amz-Signature, access_token, X-Goog-Credential, api_key ...). */
static const char *const names[] = {"key",  "sig", "auth", "pass", "pwd",
                                    "code", "jwt", "sas",  "hmac", "authorization"};
static const char *const words[] = {"token",      "signature", "password",  "passwd",  "secret",
                                    "credential", "api_key",   "apikey",    "api-key", "access_key",
                                    "accesskey",  "session",   "access-key"};

static bool is_name_byte(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
           c == '-' || c == '.' || c == '%';
}

static bool is_secret(const char *name, size_t n)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strlen(names[i]) == n && strncasecmp(name, names[i], n) == 0)
            return true;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t len = strlen(words[i]);

        for (size_t at = 0; at + len <= n; at++)
            if (strncasecmp(name + at, words[i], len) == 0)
                return true;
    }
    return false;
}

/* Puts "***" in the place of `n` bytes, fewer stars if they are fewer; what comes next. */
static char *star(char *at, size_t n)
{
    size_t stars = n < 3 ? n : 3;

    memset(at, '*', stars);
    memmove(at + stars, at + n, strlen(at + n) + 1);
    return at + stars;
}

/* The value ends where a parameter or a URL in a sentence does; a sentence goes on with ": ". */
static char *mask_value(char *at)
{
    size_t n = strcspn(at, "&;# \t\r\n\"'<>");

    if (n > 1 && (at[n] == ' ' || at[n] == '\0') && strchr(":,.)", at[n - 1]))
        n--;
    return star(at, n);
}

/* `at` is behind "://": user and password, if there are. */
static char *mask_user(char *at)
{
    size_t n = strcspn(at, "/?# \t\r\n\"'<>");
    char *end = memrchr(at, '@', n);

    return end ? star(at, (size_t)(end - at)) : at;
}

void mr_mask_secrets(char *text)
{
    char *p = text;

    while (*p) {
        const char *name = p + 1;
        size_t n = 0;

        if (strncmp(p, "://", 3) == 0) {
            p = mask_user(p + 3);
            continue;
        }
        if (*p == '?' || *p == '&' || *p == ';' || *p == '#')
            while (is_name_byte(name[n]))
                n++;
        p += 1 + n;
        if (n > 0 && *p == '=' && is_secret(name, n))
            p = mask_value(p + 1);
    }
}
