/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Named places at which a test makes this process die or misbehave. Compiled in only with
 * MR_TESTING; elsewhere they vanish. MILLRACE_FAILPOINTS="name:nth[,name:nth]": the nth time (from
 * 1) that `name` is passed it fires.
 */
#ifndef MR_BASE_FAILPOINT_H
#define MR_BASE_FAILPOINT_H

#include <stdbool.h>

#ifdef MR_TESTING
/* Has `name` been passed for the nth time? */
bool mr__failpoint_hit(const char *name);
/* kill -9 of this process if so. */
void mr__failpoint_die(const char *name);
#else
static inline bool mr__failpoint_hit(const char *name)
{
    (void)name;
    return false;
}
static inline void mr__failpoint_die(const char *name)
{
    (void)name;
}
#endif

#endif
