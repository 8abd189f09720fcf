/* SPDX-License-Identifier: Apache-2.0 */
/* Files that one process at a time may write. */
#ifndef MR_STORE_LOCK_H
#define MR_STORE_LOCK_H

/*
 * Opens (creates) `name` and locks it for as long as the descriptor lives. 0, EAGAIN if another
 * descriptor holds it, or another errno. What is locked is what the name leads to.
 */
int mr__lock_file(const char *name, int *fd);

#endif
