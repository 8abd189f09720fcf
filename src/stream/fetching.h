/* SPDX-License-Identifier: Apache-2.0 */
/* How a stream fetches. */
#ifndef MR_STREAM_FETCHING_H
#define MR_STREAM_FETCHING_H

#include "fetch/fetch.h"
#include "millrace/stream.h"

/* Threads of a stream that names URLs, unless it was told a number. */
#define MR__FETCHERS_URL   32 /* at most */
#define MR__FETCHERS_FIRST 4  /* before it is known that the server is far away */

/* stream.c: the limits of its fetches. */
void mr__stream_fetch_options(const mr_stream_options *options, mr__fetch_options *out);

#endif
