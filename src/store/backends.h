/* SPDX-License-Identifier: Apache-2.0 */
/* The stores that the registry knows: one line each. */
#ifndef MR_STORE_BACKENDS_H
#define MR_STORE_BACKENDS_H

#include "store/store.h"

extern const mr__store_ops mr__store_local;
extern const mr__store_ops mr__store_npy;
extern const mr__store_ops mr__store_null;

#endif
