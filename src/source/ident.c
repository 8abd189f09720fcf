/* SPDX-License-Identifier: Apache-2.0 */
/* What an item is called: id, source key and uri. The rules are in ident.h. */
#include "source/ident.h"

#include <stdio.h>
#include <string.h>

#include <nettle/sha2.h>

#include "base/text.h"
#include "millrace/log.h"

/* three bytes of text for each of a locator and a file name below it, and room to spare */
#define TEXT_MAX 65536

#define HEX_LEN  ((size_t)2 * SHA256_DIGEST_SIZE)
#define HEAD_MAX (MR__ID_MAX - 1 - HEX_LEN)

void mr__ident_init(mr__ident *ident, mr_id_from from)
{
    ident->from = from;
    mr__buf_init(&ident->open, TEXT_MAX);
    mr__buf_init(&ident->path, TEXT_MAX);
    mr__buf_init(&ident->full, TEXT_MAX);
    mr__buf_init(&ident->id, TEXT_MAX);
    mr__buf_init(&ident->key, TEXT_MAX);
    mr__buf_init(&ident->uri, TEXT_MAX);
}

void mr__ident_fini(mr__ident *ident)
{
    mr__buf_fini(&ident->open);
    mr__buf_fini(&ident->path);
    mr__buf_fini(&ident->full);
    mr__buf_fini(&ident->id);
    mr__buf_fini(&ident->key);
    mr__buf_fini(&ident->uri);
}

static void forget(mr__ident *ident)
{
    mr__buf_reset(&ident->open);
    mr__buf_reset(&ident->path);
    mr__buf_reset(&ident->full);
    mr__buf_reset(&ident->id);
    mr__buf_reset(&ident->key);
    mr__buf_reset(&ident->uri);
}

bool mr__ident_path(mr__buf *out, const char *path, size_t n)
{
    const char *p = path, *end = path + n;
    bool absolute = n > 0 && path[0] == '/', first = true;

    if (n > 0 && mr__text_has_scheme(path))
        return mr__buf_add(out, path, n);
    while (p < end) {
        const char *slash = memchr(p, '/', (size_t)(end - p));
        size_t len = (size_t)((slash ? slash : end) - p);

        if (len > 0 && !(len == 1 && p[0] == '.')) {
            if ((absolute || !first) && !mr__buf_add(out, "/", 1))
                return false;
            if (!mr__buf_add(out, p, len))
                return false;
            first = false;
        }
        p += len + 1;
    }
    /* a name that was nothing but slashes and dots still has one */
    return !first || mr__buf_add(out, absolute ? "/" : ".", 1);
}

bool mr__ident_escape(mr__buf *out, const char *bytes, size_t n)
{
    const unsigned char *p = (const unsigned char *)bytes;

    if (!memchr(bytes, '\0', n) && mr__text_is_utf8(bytes, n))
        return mr__buf_add(out, bytes, n);
    while (n > 0) {
        size_t len = *p == '\0' || *p == '%' ? 0 : mr__text_utf8_len(p, n);

        if (len > 0 ? !mr__buf_add(out, p, len) : !mr__buf_addf(out, "%%%02X", (unsigned)*p))
            return false;
        len += len == 0;
        p += len;
        n -= len;
    }
    return true;
}

void mr__ident_hex(char out[65], const unsigned char digest[32])
{
    static const char hex[] = "0123456789abcdef";
    size_t i;

    for (i = 0; i < SHA256_DIGEST_SIZE; i++) {
        out[2 * i] = hex[digest[i] >> 4];
        out[2 * i + 1] = hex[digest[i] & 15];
    }
    out[HEX_LEN] = '\0';
}

/* The first bytes of `text`, cut between characters, "~", and the hash. */
static bool bounded(mr__buf *out, const char *text, size_t n, const char *sha256)
{
    size_t head = n < HEAD_MAX ? n : HEAD_MAX;

    while (head > 0 && head < n && ((unsigned char)text[head] & 0xC0) == 0x80)
        head--;
    return mr__buf_add(out, text, head) && mr__buf_add(out, "~", 1) &&
           mr__buf_add(out, sha256, HEX_LEN);
}

static void digest_of(unsigned char out[SHA256_DIGEST_SIZE], const char *bytes, size_t n)
{
    struct sha256_ctx sha;

    sha256_init(&sha);
    sha256_update(&sha, n, (const unsigned char *)bytes);
    sha256_digest(&sha, SHA256_DIGEST_SIZE, out);
}

bool mr__ident_bound(mr__buf *out, const char *text, size_t n)
{
    unsigned char digest[SHA256_DIGEST_SIZE];
    char hex[HEX_LEN + 1];

    if (n <= MR__ID_MAX)
        return mr__buf_add(out, text, n);
    digest_of(digest, text, n);
    mr__ident_hex(hex, digest);
    return bounded(out, text, n, hex);
}

void mr__ident_reject(mr_item *item, mr_code code, const char *fmt, ...)
{
    char raw[sizeof item->message];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(raw, sizeof raw, fmt, args);
    va_end(args);
    item->code = code;
    mr_mask_secrets(raw);
    mr__text_escape(item->message, sizeof item->message, raw, strlen(raw));
}

/* The last component without its last extension; ".jpg" and "x." have none. */
static bool add_stem(mr__buf *out, const char *path, size_t n)
{
    const char *base = memrchr(path, '/', n), *dot;
    size_t len;

    base = base && base + 1 < path + n ? base + 1 : path;
    len = (size_t)(path + n - base);
    dot = memrchr(base, '.', len);
    if (dot && dot > base && dot + 1 < base + len)
        len = (size_t)(dot - base);
    return mr__ident_escape(out, base, len);
}

/* A URL that names a user, and perhaps a password, gives up both here: ids are shown and stored.
 * Other names stay as they are. False: out of memory. */
static bool without_secrets(mr__ident *ident, const char **name, size_t *n)
{
    const char *end = *name + *n, *host, *at;
    size_t authority;

    if (*n == 0 || memchr(*name, '\0', *n) || !mr__text_has_scheme(*name))
        return true;
    host = memchr(*name, ':', *n);
    if (!host || end - host < 3)
        return true;
    host += 3;
    for (authority = 0; host + authority < end && !strchr("/?#", host[authority]); authority++)
        ;
    at = memrchr(host, '@', authority);
    if (!at)
        return true;
    if (!mr__buf_add(&ident->open, *name, (size_t)(host - *name)) ||
        !mr__buf_add(&ident->open, "***", 3) || !mr__buf_add(&ident->open, at, (size_t)(end - at)))
        return false;
    *name = ident->open.data;
    *n = ident->open.len;
    return true;
}

static void publish(mr__ident *ident, mr_item *item)
{
    item->id = ident->id.data;
    item->key = ident->key.data;
    item->uri = ident->uri.data;
}

mr_status mr__ident_name(mr__ident *ident, const char *locator, size_t n, mr_item *item,
                         mr_error *err)
{
    unsigned char digest[SHA256_DIGEST_SIZE];
    char hex[HEX_LEN + 1];
    size_t len;

    if (n > MR__LOCATOR_MAX) {
        digest_of(digest, locator, n);
        mr__ident_hex(hex, digest);
        return mr__ident_too_long(ident, locator, MR__LOCATOR_MAX, hex, item, err);
    }
    forget(ident);
    if (!without_secrets(ident, &locator, &n) || !mr__ident_path(&ident->path, locator, n) ||
        !mr__ident_escape(&ident->full, ident->path.data, ident->path.len) ||
        !mr__ident_escape(&ident->uri, locator, n) ||
        !mr__ident_bound(&ident->key, ident->full.data, ident->full.len))
        return mr__error_no_memory(err, "id");
    if (ident->from == MR_ID_FROM_STEM) {
        mr__buf_reset(&ident->full);
        if (!add_stem(&ident->full, ident->path.data, ident->path.len))
            return mr__error_no_memory(err, "id");
    }
    len = ident->full.len;
    if (!mr__ident_bound(&ident->id, ident->full.data, len))
        return mr__error_no_memory(err, "id");
    if (len > MR__ID_MAX)
        mr__ident_reject(item, MR_CODE_BAD_ID, "the id would have %zu bytes, %d are allowed", len,
                         MR__ID_MAX);
    publish(ident, item);
    return MR_OK;
}

mr_status mr__ident_too_long(mr__ident *ident, const char *head, size_t n, const char *sha256,
                             mr_item *item, mr_error *err)
{
    forget(ident);
    if (!without_secrets(ident, &head, &n) || !mr__ident_escape(&ident->uri, head, n) ||
        !bounded(&ident->key, ident->uri.data, ident->uri.len, sha256) ||
        !mr__buf_add(&ident->id, ident->key.data, ident->key.len))
        return mr__error_no_memory(err, "id");
    mr__ident_reject(item, MR_CODE_BAD_ID, "the name is longer than %d bytes", MR__LOCATOR_MAX);
    publish(ident, item);
    return MR_OK;
}
