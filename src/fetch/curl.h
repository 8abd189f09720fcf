/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl, loaded when the first URL is met. It brings TLS, Kerberos, LDAP and some thirty more
 * libraries along: linked, they would cost every start of the program several milliseconds.
 */
#ifndef MR_FETCH_CURL_H
#define MR_FETCH_CURL_H

#define CURL_DISABLE_TYPECHECK
#define CURL_DISABLE_DEPRECATION
#include <curl/curl.h>

#include "base/error.h"

/* in C the header makes macros of these, which would hide members of the same name */
#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt

#define MR__CURL_FUNCTIONS(X)                                                                      \
    X(global_init)                                                                                 \
    X(global_cleanup)                                                                              \
    X(version_info)                                                                                \
    X(easy_init)                                                                                   \
    X(easy_reset)                                                                                  \
    X(easy_cleanup)                                                                                \
    X(easy_perform)                                                                                \
    X(easy_setopt)                                                                                 \
    X(easy_getinfo)                                                                                \
    X(easy_pause)                                                                                  \
    X(easy_strerror)                                                                               \
    X(multi_init)                                                                                  \
    X(multi_cleanup)                                                                               \
    X(multi_setopt)                                                                                \
    X(multi_add_handle)                                                                            \
    X(multi_remove_handle)                                                                         \
    X(multi_socket_action)                                                                         \
    X(multi_assign)                                                                                \
    X(multi_info_read)                                                                             \
    X(slist_append)                                                                                \
    X(slist_free_all)

typedef struct mr__curl {
    void *library;
#define MR__CURL_MEMBER(name) __typeof__ (&curl_##name)(name);
    MR__CURL_FUNCTIONS(MR__CURL_MEMBER)
#undef MR__CURL_MEMBER
} mr__curl;

/* Has it loaded, so that opening takes no time any more. Any thread. */
void mr__curl_preload(void);

/* MR_E_ENV if it is not installed or too old. Any thread. */
mr_status mr__curl_open(mr__curl *curl, mr_error *err);
void mr__curl_close(mr__curl *curl);

#endif
