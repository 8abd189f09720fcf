/* SPDX-License-Identifier: Apache-2.0 */
/* Where the ledger of a store elsewhere lies. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nettle/sha2.h>

#include "base/text.h"
#include "store/ledger.h"

/* Longer names end in a digest instead: with ".ledger-lock" they must stay below 255 bytes. */
#define NAME_MAX_BYTES 160
#define DIGEST_BYTES   16
#define PATH_MAX_BYTES 8192

static bool add_escaped(mr__buf *out, const char *text, size_t n, bool lower)
{
    bool ok = true;
    size_t i;

    for (i = 0; ok && i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        char plain = (char)(lower ? tolower(c) : c);

        if (isalnum(c) || c == '-' || c == '_' || c == '.')
            ok = mr__buf_add(out, &plain, 1);
        else
            ok = mr__buf_addf(out, "%%%02X", c);
    }
    return ok;
}

/* "scheme://[user[:password]@]host[:port][/path][?query]", without what is in brackets first and
 * last. */
static bool add_address(mr__buf *out, const char *spec, const char *host)
{
    size_t authority = strcspn(host, "/?#");
    const char *at = memrchr(host, '@', authority), *path = host + authority;

    if (at)
        host = at + 1;
    return add_escaped(out, spec, (size_t)(strstr(spec, "://") + 3 - spec), true) &&
           add_escaped(out, host, (size_t)(path - host), true) &&
           add_escaped(out, path, strcspn(path, "?#"), false);
}

/* A file, from the root: the same name in two directories is two stores. */
static bool add_path(mr__buf *out, const char *spec)
{
    const char *colon = strchr(spec, ':'), *path = spec;
    char *here = NULL;
    bool ok = true;

    if (colon && memchr(spec, '/', (size_t)(colon - spec)) == NULL)
        path = colon + 1;
    if (*path != '/')
        here = realpath(".", NULL);
    ok = (*path == '/' || here) && add_escaped(out, spec, (size_t)(path - spec), true);
    if (ok && here)
        ok = add_escaped(out, here, strlen(here), false) && add_escaped(out, "/", 1, false);
    free(here);
    return ok && add_escaped(out, path, strlen(path), false);
}

/* Puts a digest of the whole in the place of what is too long. */
static bool shorten(mr__buf *name)
{
    uint8_t digest[SHA256_DIGEST_SIZE];
    struct sha256_ctx sha;
    bool ok;
    int i;

    if (name->len <= NAME_MAX_BYTES)
        return true;
    sha256_init(&sha);
    sha256_update(&sha, name->len, (const uint8_t *)name->data);
    sha256_digest(&sha, sizeof digest, digest);
    name->len = NAME_MAX_BYTES;
    name->data[name->len] = '\0';
    ok = mr__buf_add(name, "-", 1);
    for (i = 0; ok && i < DIGEST_BYTES; i++)
        ok = mr__buf_addf(name, "%02x", digest[i]);
    return ok;
}

bool mr__ledger_name(const char *spec, mr__buf *out)
{
    const char *host = strstr(spec, "://");
    mr__buf name;
    bool ok;

    mr__buf_init(&name, 3 * (size_t)PATH_MAX_BYTES);
    ok = host ? add_address(&name, spec, host + 3) : add_path(&name, spec);
    ok = ok && shorten(&name) && mr__buf_add(out, name.data, name.len);
    mr__buf_fini(&name);
    return ok;
}

/* Where programs keep what they remember: the XDG base directory specification. */
static mr_status add_folder(mr__buf *out, mr_error *err)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    bool ok;

    if (state && *state == '/')
        ok = mr__buf_addf(out, "%s/millrace/", state);
    else if (home && *home == '/')
        ok = mr__buf_addf(out, "%s/.local/state/millrace/", home);
    else
        return mr__error_set(err, MR_E_ENV,
                             "no place for it: neither XDG_STATE_HOME nor HOME is set; name a file "
                             "with --ledger");
    return ok ? MR_OK : mr__error_set(err, MR_E_INVALID, "path too long");
}

mr_status mr__ledger_file(mr_store *store, mr_error *err)
{
    mr_status status;
    mr__buf path;

    if (store->ledger_file)
        return MR_OK;
    mr__buf_init(&path, PATH_MAX_BYTES);
    status = add_folder(&path, err);
    if (status == MR_OK &&
        (!mr__ledger_name(store->spec, &path) || !mr__buf_addf(&path, ".ledger")))
        status = mr__error_set(err, MR_E_INVALID, "path too long");
    if (status != MR_OK) {
        mr__buf_fini(&path);
        return status;
    }
    store->ledger_file = path.data;
    return MR_OK;
}

mr_status mr__ledger_folder(const char *file, mr_error *err)
{
    char *path = strdup(file), *slash;
    mr_status status = MR_OK;

    if (!path)
        return mr__error_no_memory(err, "path");
    for (slash = strchr(path + 1, '/'); slash && status == MR_OK; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST)
            status = mr__error_errno(err, MR_E_ENV, errno, "make folder %s", path);
        *slash = '/';
    }
    free(path);
    return status;
}

bool mr__ledger_exists(const char *file)
{
    return access(file, F_OK) == 0;
}
