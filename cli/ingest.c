/* SPDX-License-Identifier: Apache-2.0 */
/* ingest: images -> embeddings -> collection. */
#include "console.h"
#include "run.h"

int cli_ingest(const struct cli_args *args)
{
    return cli_ingest_from(args, NULL);
}

int cli_ingest_from(const struct cli_args *args, mr_source *source)
{
    struct cli_run run = {
        .store = cli_text(args, OPT_INTO), .embed = cli_text(args, OPT_EMBEDDER), .source = source};

    if (!run.store)
        return cli_usage(
            args->verb,
            "--into is missing: where the embeddings go (or set MILLRACE_STORE, or store.location "
            "in a configuration file)");
    run.store_name = run.store;
    return cli_run(args, &run);
}
