/* SPDX-License-Identifier: Apache-2.0 */
/* Files that one process at a time may write. */
#ifndef MR_STORE_LOCK_H
#define MR_STORE_LOCK_H

#include <stdbool.h>

/*
 * Opens (creates) `name` and locks it for as long as the descriptor lives. 0, EAGAIN if another
 * descriptor holds it, or another errno. What is locked is what the name leads to. `follow`: the
 * name is the user's own and may be a symbolic link; names that are derived must not be.
 */
int mr__lock_file(const char *name, bool follow, int *fd);

#endif
