/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl, loaded when it is needed: see curl.h. */
#include "fetch/curl.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#define LIBRARY "libcurl.so.4"
#define OLDEST  0x074400 /* 7.68.0, of 2020: none older was tried */

/* Before 7.84 libcurl's own counter of users is not safe between threads; it counts for the whole
 * process, and so does this. */
static pthread_mutex_t users = PTHREAD_MUTEX_INITIALIZER;

/* Looks up one function; POSIX, not C, says that an object pointer can hold it. */
static bool look_up(void *library, const char *name, void *member)
{
    void *found = dlsym(library, name);

    memcpy(member, &found, sizeof found);
    return found != NULL;
}

static mr_status look_up_all(mr__curl *curl, mr_error *err)
{
#define LOOK_UP(name)                                                                              \
    if (!look_up(curl->library, "curl_" #name, &curl->name))                                       \
        return mr__error_set(err, MR_E_ENV, "%s has no curl_%s: it is too old", LIBRARY, #name);
    MR__CURL_FUNCTIONS(LOOK_UP)
#undef LOOK_UP
    return MR_OK;
}

static mr_status begin(mr__curl *curl, mr_error *err)
{
    const curl_version_info_data *info = curl->version_info(CURLVERSION_NOW);
    CURLcode code;

    if (info->version_num < OLDEST)
        return mr__error_set(err, MR_E_ENV, "%s is of version %s; 7.68 or newer is needed", LIBRARY,
                             info->version);
    pthread_mutex_lock(&users);
    code = curl->global_init(CURL_GLOBAL_DEFAULT);
    pthread_mutex_unlock(&users);
    if (code != CURLE_OK)
        return mr__error_set(err, MR_E_ENV, "%s cannot start: %s", LIBRARY,
                             curl->easy_strerror(code));
    return MR_OK;
}

/* never unloaded: TLS and resolver threads may outlive their last user by a moment */
static void *load(void)
{
    return dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
}

void mr__curl_preload(void)
{
    void *library = load();

    if (library)
        (void)dlclose(library);
}

mr_status mr__curl_open(mr__curl *curl, mr_error *err)
{
    mr_status status;

    *curl = (mr__curl){0};
    curl->library = load();
    if (!curl->library)
        return mr__error_set(err, MR_E_ENV, "URLs need %s (package libcurl4): %s", LIBRARY,
                             dlerror());
    status = look_up_all(curl, err);
    if (status == MR_OK)
        status = begin(curl, err);
    if (status != MR_OK) {
        (void)dlclose(curl->library);
        *curl = (mr__curl){0};
    }
    return status;
}

void mr__curl_close(mr__curl *curl)
{
    if (!curl->library)
        return;
    pthread_mutex_lock(&users);
    curl->global_cleanup();
    pthread_mutex_unlock(&users);
    (void)dlclose(curl->library);
    *curl = (mr__curl){0};
}
