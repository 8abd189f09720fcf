/* SPDX-License-Identifier: Apache-2.0 */
/* What millrace makes of a picture up to some stage of its plan. */
#ifndef MILLRACE_CLI_STAGE_H
#define MILLRACE_CLI_STAGE_H

#include "reference.h"

/* A picture, or why there is none. */
struct cli_stage_row {
    void *values; /* NULL: the item failed */
    size_t bytes;
    mr_code code;
    char message[256];
};

/*
 * The plan that ends where `stage` does, of which the reference tells the size. MR_E_UNSUPPORTED:
 * it is larger than a plan's output may be. The caller closes it.
 */
mr_status cli_stage_plan(const mr_plan *plan, const struct cli_reference_stage *stage,
                         mr_plan **out, mr_error *err);

/* Runs the plan over one file, in a worker. The caller frees the row's values. */
mr_status cli_stage_run(const struct cli_args *args, const char *path, const mr_plan *plan,
                        struct cli_stage_row *out, mr_error *err);

#endif
