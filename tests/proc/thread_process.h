/* SPDX-License-Identifier: Apache-2.0 */
/* Workers as threads of the test, so that a race detector sees both sides of the ring. */
#ifndef MR_TESTS_THREAD_PROCESS_H
#define MR_TESTS_THREAD_PROCESS_H

#include "proc/process.h"

extern const mr__process_ops mr__process_thread;

#endif
