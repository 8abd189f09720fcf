/* SPDX-License-Identifier: Apache-2.0 */
/* preprocess: images -> tensors in a file. Without --plan those of the configuration's section
 * preprocess, else those that the default embedder gets. */
#include <stdio.h>

#include "console.h"
#include "run.h"
#include "settings.h"

/* Name of the plan that the default embedder needs. */
static mr_status default_plan(char *name, size_t size, mr_error *err)
{
    const mr_logger logger = cli_console_logger();
    mr_embedder *embedder = NULL;
    mr_embedder_info info;
    mr_status status = mr_embedder_open("builtin", NULL, &logger, &embedder, err);

    if (status != MR_OK)
        return status;
    mr_embedder_info_get(embedder, &info);
    (void)snprintf(name, size, "%s", info.plan);
    mr_embedder_close(&embedder);
    return MR_OK;
}

int cli_preprocess(const struct cli_args *args)
{
    char spec[4200], plan[CLI_PLAN_MAX];
    struct cli_run run = {.store = spec,
                          .store_name = cli_text(args, OPT_OUT),
                          .embed = "none",
                          .plan = plan,
                          .no_ledger = true};
    mr_error err = {0};
    mr_status status;
    int rc;

    if (!cli_out_spec(args, spec, sizeof spec, &rc))
        return rc;
    if (!cli_settings_plan(args, plan, sizeof plan)) {
        status = default_plan(plan, sizeof plan, &err);
        if (status != MR_OK)
            return cli_fail_error(args->verb, status, &err);
    }
    return cli_run(args, &run);
}
