/* SPDX-License-Identifier: Apache-2.0 */
/* All of millrace's public interface. */
#ifndef MILLRACE_MILLRACE_H
#define MILLRACE_MILLRACE_H

#include "millrace/config.h"
#include "millrace/doctor.h"
#include "millrace/embed.h"
#include "millrace/log.h"
#include "millrace/pipeline.h"
#include "millrace/plan.h"
#include "millrace/source.h"
#include "millrace/status.h"
#include "millrace/store.h"
#include "millrace/stream.h"
#include "millrace/worker.h"

#endif
