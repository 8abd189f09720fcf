/* SPDX-License-Identifier: Apache-2.0 */
/* The fetchers that fetch.c chooses from. */
#ifndef MR_FETCH_REGISTRY_H
#define MR_FETCH_REGISTRY_H

#include "fetch/fetch.h"

extern const mr__fetch_ops mr__fetch_file; /* paths: whatever is not a URL */
extern const mr__fetch_ops mr__fetch_http; /* http:// and https:// */

#endif
