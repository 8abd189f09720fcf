/* SPDX-License-Identifier: Apache-2.0 */
/* delete: rows by id or by filter. Asks nothing, says how many are gone. */
#include <stdio.h>

#include "console.h"
#include "options.h"
#include "out.h"
#include "storearg.h"
#include "text.h"

static void print(const struct cli_args *args, const char *collection, uint64_t deleted)
{
    char shown[300];

    if (cli_given(args, OPT_JSON)) {
        (void)cli_out_json(json_pack("{s:o,s:I}", "collection", cli_out_string(collection),
                                     "deleted", (json_int_t)deleted),
                           9);
        return;
    }
    cli_text_escape(shown, sizeof shown, collection);
    printf("%llu row%s deleted from %s\n", (unsigned long long)deleted, deleted == 1 ? "" : "s",
           shown);
}

int cli_delete(const struct cli_args *args)
{
    const struct cli_value *ids = &args->values[OPT_GONE];
    const char *collection =
        cli_given(args, OPT_COLLECTION) ? cli_text(args, OPT_COLLECTION) : "default";
    mr_store *store = NULL;
    uint64_t deleted = 0;
    mr_error err = {0};
    mr_status status;
    int rc;

    if (cli_given(args, OPT_GONE) == cli_given(args, OPT_FILTER))
        return cli_usage(args->verb, "wanted either --id ID... or --filter EXPR");
    if (args->n_names > 1)
        return cli_usage(args->verb, "one STORE, and nothing else");
    rc = cli_store_open(args, 0, CLI_STORE_WRITES, &store);
    if (rc != CLI_OK)
        return rc;
    if (cli_given(args, OPT_FILTER))
        status =
            mr_store_delete_where(store, collection, cli_text(args, OPT_FILTER), &deleted, &err);
    else
        status = mr_store_delete(store, collection, ids->list, ids->n_list, &deleted, &err);
    mr_store_close(&store);
    if (status != MR_OK)
        return cli_fail_filter(args, status, &err);
    print(args, collection, deleted);
    return cli_out_finish(args->verb, CLI_OK);
}
