/* SPDX-License-Identifier: Apache-2.0 */
/* embed: images -> embeddings in a file. */
#include "run.h"

int cli_embed(const struct cli_args *args)
{
    char spec[4200];
    struct cli_run run = {.store = spec,
                          .store_name = cli_text(args, OPT_OUT),
                          .embed = cli_text(args, OPT_EMBEDDER),
                          .no_ledger = true};
    int status;

    if (!run.embed)
        run.embed = "builtin";
    if (!cli_out_spec(args, spec, sizeof spec, &status))
        return status;
    return cli_run(args, &run);
}
