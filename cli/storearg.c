/* SPDX-License-Identifier: Apache-2.0 */
/* STORE: a name on the command line, else $MILLRACE_STORE, else the configured store. */
#include "storearg.h"

#include <stdio.h>
#include <string.h>

#include "console.h"
#include "milvusparams.h"
#include "text.h"

/* of a filter, around its mistake: bytes */
#define SHOWN_BEFORE 72
#define SHOWN_AFTER  40

const char *cli_store_name(const struct cli_args *args, size_t first)
{
    const char *spec = args->n_names > first ? args->names[first] : args->store;

    return spec && *spec ? spec : NULL;
}

mr_status cli_store_try(const struct cli_args *args, const char *spec, enum cli_store_access access,
                        mr_store **out, mr_error *err)
{
    mr_param params[CLI_MILVUS_PARAMS_MAX];
    mr_store_options options;

    mr_store_options_init(&options);
    options.params = params;
    options.n_params = cli_milvus_params(args, spec, params);
    options.read_only = access == CLI_STORE_READS;
    options.must_exist = access != CLI_STORE_MAKES;
    options.ledger = cli_text(args, OPT_LEDGER);
    options.logger = cli_console_logger();
    return mr_store_open(spec, &options, out, err);
}

int cli_store_open(const struct cli_args *args, size_t first, enum cli_store_access access,
                   mr_store **out)
{
    const char *spec = cli_store_name(args, first);
    mr_error err = {0};
    mr_status status;

    if (!spec)
        return cli_usage(args->verb, CLI_NO_STORE);
    status = cli_store_try(args, spec, access, out, &err);
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

size_t cli_params(const struct cli_args *args, struct cli_params *out, int *rc)
{
    const struct cli_value *value = &args->values[OPT_PARAM];
    size_t i;

    *rc = CLI_OK;
    out->n = 0;
    for (i = 0; i < value->n_list; i++) {
        const char *text = value->list[i], *sign = strchr(text, '=');
        size_t n = sign ? (size_t)(sign - text) : 0;

        if (n == 0 || n >= sizeof out->names[0] || !sign[1]) {
            *rc = cli_usage(args->verb, "--param %s: wanted NAME=VALUE", text);
            return 0;
        }
        if (out->n == CLI_PARAMS_MAX) {
            *rc = cli_usage(args->verb, "--param: more than %d", CLI_PARAMS_MAX);
            return 0;
        }
        memcpy(out->names[out->n], text, n);
        out->names[out->n][n] = '\0';
        out->params[out->n] = (mr_param){.name = out->names[out->n], .value = sign + 1};
        out->n++;
    }
    return out->n;
}

int cli_fail_filter(const struct cli_args *args, mr_status status, const mr_error *err)
{
    const char *filter = cli_text(args, OPT_FILTER);
    char before[4 * SHOWN_BEFORE + 8], after[4 * SHOWN_AFTER + 8], piece[SHOWN_BEFORE + 8];
    size_t at = 0, from, to, column = 0, i;
    mr_error why = {0};
    int rc = cli_fail_error(args->verb, status, err);

    if (status != MR_E_INVALID || !filter || cli_console.json ||
        mr_filter_check(filter, &at, &why) == MR_OK || !strstr(err->message, why.message))
        return rc;
    from = at > SHOWN_BEFORE ? at - SHOWN_BEFORE : 0;
    while (from < at && ((unsigned char)filter[from] & 0xC0) == 0x80)
        from++;
    to = at + strnlen(filter + at, SHOWN_AFTER);
    while (to > at && ((unsigned char)filter[to] & 0xC0) == 0x80)
        to--;
    (void)snprintf(piece, sizeof piece, "%.*s", (int)(at - from), filter + from);
    cli_text_escape(before, sizeof before, piece);
    (void)snprintf(piece, sizeof piece, "%.*s", (int)(to - at), filter + at);
    cli_text_escape(after, sizeof after, piece);
    for (i = 0; before[i]; i++)
        column += ((unsigned char)before[i] & 0xC0) != 0x80;
    fprintf(stderr, "  %s%s\n  %*s^\n", before, after, (int)column, "");
    return rc;
}
