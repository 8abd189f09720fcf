/* SPDX-License-Identifier: Apache-2.0 */
/* STORE: a name on the command line, else $MILLRACE_STORE, else the configured store. */
#include "storearg.h"

#include "console.h"

int cli_store_open(const struct cli_args *args, size_t first, mr_store **out, size_t *used)
{
    const char *spec = args->n_names > first ? args->names[first] : args->store;
    mr_store_options options;
    mr_error err = {0};
    mr_status status;

    *used = args->n_names > first;
    if (!spec || !*spec)
        return cli_usage(args->verb, "no STORE");
    mr_store_options_init(&options);
    options.read_only = true;
    options.must_exist = true;
    options.ledger = cli_text(args, OPT_LEDGER);
    options.logger = cli_console_logger();
    status = mr_store_open(spec, &options, out, &err);
    /* a store that is not there is the environment's fault; a collection or id that is not, a slip
     */
    if (status == MR_E_NOT_FOUND)
        return cli_fail(args->verb, CLI_ENVIRONMENT, "%s", err.message);
    return status == MR_OK ? CLI_OK : cli_fail_error(args->verb, status, &err);
}

bool cli_has_query(const struct cli_args *args)
{
    return args->verb->bit == VERB_SEARCH && args->n_names > 0 && !cli_given(args, OPT_IMAGE) &&
           !cli_given(args, OPT_ID) && !cli_given(args, OPT_VECTOR);
}
